//! House rules that a program can check. A rule says what is right and where it holds; there is no list of forgiven places
//! but the ones a rule names.

use std::collections::{BTreeMap, BTreeSet};

use crate::files;

const LINES_MAX: usize = 700;
const MAIN_LINES_MAX: usize = 8;

/// A Rust file, and its code: without comments and without the tests at its end.
struct Source {
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    files::all(".rs").into_iter().map(|(path, text)| Source { path, text }).collect()
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs")
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// Lines of code with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let code = self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        let lines = code.lines().enumerate().map(|(n, line)| (n + 1, without_comment(line)));
        lines.filter(|(_, line)| !line.trim().is_empty())
    }

    /// Places in the code where this text stands.
    fn with(&self, text: &str) -> Vec<String> {
        let found = self.code().filter(|(_, line)| line.contains(text));
        found.map(|(n, line)| format!("{}:{n}: {}", self.path, line.trim())).collect()
    }

    /// Places in the code where this word stands, and not as a part of another.
    fn with_word(&self, word: &str) -> Vec<String> {
        let found = self.code().filter(|(_, line)| has_word(line, word));
        found.map(|(n, line)| format!("{}:{n}: {}", self.path, line.trim())).collect()
    }
}

fn without_comment(line: &str) -> &str {
    // `://` is an address, not a comment.
    let begins = line.match_indices("//").map(|(at, _)| at).find(|at| !line[..*at].ends_with(':'));
    begins.map_or(line, |at| &line[..at])
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !(before.ends_with(part) || word.ends_with(part) && after.starts_with(part))
    })
}

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let functions = files::list("functions");
    let ours: BTreeMap<String, toml::Table> = files::all("Cargo.toml")
        .into_iter()
        .filter_map(|(_, text)| {
            let manifest: toml::Table = text.parse().expect("a manifest is TOML");
            let name = manifest.get("package")?["name"].as_str().expect("a name").to_owned();
            Some((name, manifest))
        })
        .collect();
    let may = |name: &str| -> Vec<&str> {
        match name {
            "domain" | "simulators" => vec![],
            "store" | "providers" | "operator" => vec!["domain"],
            "shared" => vec!["domain", "store", "providers"],
            function if functions.contains(function) => vec!["shared"],
            "local" => ["domain", "store", "shared", "simulators"].into_iter().chain(set(&functions)).collect(),
            "tests" => ours.keys().map(String::as_str).collect(),
            other => panic!("{other}: which crates may it depend on?"),
        }
    };
    let mut wrong = Vec::new();
    for (name, manifest) in &ours {
        let allowed = may(name);
        for section in ["dependencies", "build-dependencies"] {
            let named = manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten();
            let edges = named.map(|(dependency, _)| dependency).filter(|dependency| ours.contains_key(*dependency));
            wrong.extend(edges.filter(|to| !allowed.contains(&to.as_str())).map(|to| format!("{name} → {to}")));
        }
    }
    files::none("dependencies in the wrong direction", wrong);
}

fn set(names: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

#[test]
fn a_function_is_hosted_in_a_few_lines() {
    let mains = sources().into_iter().filter(|file| file.is_in(&["functions/"]) && file.path.ends_with("/main.rs"));
    let long = mains.filter(|file| file.text.lines().count() > MAIN_LINES_MAX);
    files::none("a function's main.rs only hosts", long.map(|file| file.path));
}

#[test]
fn a_function_is_one_endpoint_in_one_file() {
    let parts = ["Cargo.toml", "src", "openapi.json"];
    let folders = files::list("functions").into_iter().flat_map(|name| {
        let top = files::list(&format!("functions/{name}")).into_iter().filter(|part| !parts.contains(&part.as_str()));
        let inside = files::list(&format!("functions/{name}/src")).into_iter();
        let more = inside.filter(|file| file != "lib.rs" && file != "main.rs");
        top.chain(more).map(|part| format!("functions/{name}: {part}")).collect::<Vec<_>>()
    });
    files::none("what a function needs beside its endpoint lives in shared", folders);
}

#[test]
fn nothing_is_allowed_without_a_reason() {
    let found =
        sources().iter().flat_map(|file| [file.with("#[allow("), file.with("#![allow(")].concat()).collect::<Vec<_>>();
    let here = |place: &String| place.starts_with("tests/tests/coverage/tidy.rs");
    files::none("`#[expect(…, reason)]` instead of `#[allow]`", found.into_iter().filter(|place| !here(place)));
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not break its own rule.
    let words = ["TODO", "FIXME", "XXX"].map(str::to_owned);
    let calls = ["todo", "dbg", "unimplemented"].map(|name| format!("{name}!("));
    let found = sources().into_iter().filter(|file| file.path != "tests/tests/coverage/tidy.rs").flat_map(|file| {
        let lines = file.text.lines().enumerate();
        let unfinished = lines.filter(|(_, line)| {
            words.iter().any(|word| has_word(line, word)) || calls.iter().any(|call| has_word(line, call))
        });
        unfinished.map(|(n, line)| format!("{}:{}: {}", file.path, n + 1, line.trim())).collect::<Vec<_>>()
    });
    files::none("work left for later", found);
}

#[test]
fn every_file_opens_with_what_it_is() {
    let opens = |file: &Source| file.text.starts_with("//!") || file.path.ends_with("build.rs");
    files::none(
        "files without a first line that says what they are",
        sources().into_iter().filter(|f| !opens(f)).map(|f| f.path),
    );
}

#[test]
fn no_file_needs_a_table_of_contents() {
    let long = sources().into_iter().filter(|file| file.text.lines().count() > LINES_MAX);
    files::none(
        "files that are two files",
        long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())),
    );
}

#[test]
fn the_top_folder_holds_what_it_should() {
    let allowed = [
        "ARCHITECTURE.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "events",
        "functions",
        "infra",
        "rust-toolchain.toml",
        "samconfig.toml",
        "shared",
        "target",
        "template.yaml",
        "tests",
    ];
    let more = files::list(".").into_iter().filter(|name| !name.starts_with('.') && !allowed.contains(&name.as_str()));
    files::none("only these belong in the top folder", more);
}

#[test]
fn keys_of_the_table_are_written_in_one_file() {
    const KEYS: &str = "shared/store/src/keys.rs";
    let keys = Source { path: KEYS.into(), text: files::read(KEYS) };
    let prefixes: BTreeSet<String> = keys.code().flat_map(|(_, line)| prefixes(line)).collect();
    assert!(["TEN#", "E164#", "NUM#", "OP#"].iter().all(|known| prefixes.contains(*known)), "{prefixes:?}");
    let others = sources().into_iter().filter(|file| file.path != KEYS && !file.is_test());
    let found = others.flat_map(|file| prefixes.iter().flat_map(|prefix| file.with_word(prefix)).collect::<Vec<_>>());
    files::none("key strings outside keys.rs", found);
}

/// What keys begin with: capitals and digits at the start of a text, up to the first `#`.
fn prefixes(line: &str) -> Vec<String> {
    let texts = line.split('"').skip(1).step_by(2);
    let heads = texts.filter_map(|text| text.split_once('#').map(|(head, _)| head));
    let is_key = |head: &&str| !head.is_empty() && head.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    heads.filter(is_key).map(|head| format!("{head}#")).collect()
}

#[test]
fn only_boot_reads_the_environment() {
    let rest = sources()
        .into_iter()
        .filter(|file| !file.is_test() && !file.is_in(&["infra/", "tests/"]) && file.path != "shared/src/boot.rs");
    let found = rest.flat_map(|file| [file.with_word("std::env"), file.with_word("env::var")].concat());
    files::none("what the environment says is read in shared/src/boot.rs and passed on", found);
}

#[test]
fn concrete_third_parties_are_named_where_they_are_put_together() {
    let named = [
        "shared/src/boot.rs",
        "shared/src/secrets.rs",
        "shared/src/secrets/",
        "shared/src/http/stripe.rs",
        "shared/src/http/twilio.rs",
        "shared/src/use_cases/voice.rs",
    ];
    let shared = sources().into_iter().filter(|file| file.is_in(&["shared/src/"]) && !file.is_in(&named));
    files::none("use cases and sagas see ports", shared.flat_map(|file| file.with_word("providers::")));
}

#[test]
fn the_domain_is_pure() {
    let crates =
        ["tokio", "reqwest", "aws_types", "aws_sdk_dynamodb", "axum", "http", "std::time", "std::env", "std::fs"];
    let now = ["Timestamp::now", "Zoned::now", "Instant::now", "SystemTime"];
    let domain: Vec<Source> = sources().into_iter().filter(|file| file.is_in(&["shared/domain/src/"])).collect();
    let paths = crates.iter().flat_map(|name| domain.iter().flat_map(move |file| file.with_word(&format!("{name}::"))));
    let clocks = now.iter().flat_map(|call| domain.iter().flat_map(move |file| file.with_word(call)));
    files::none("the domain knows no runtime, network, clock or environment", paths.chain(clocks));
}

#[test]
fn no_amount_is_a_floating_point_number() {
    let files = sources().into_iter().filter(|file| file.is_in(&["shared/", "functions/"]));
    let found = files.flat_map(|file| [file.with_word("f32"), file.with_word("f64")].concat());
    crate::files::none("floating point where money is", found);
}

#[test]
fn the_rules_see_what_they_look_for() {
    assert_eq!(without_comment(r#"let url = "https://x"; // f64"#), r#"let url = "https://x"; "#);
    assert!(has_word("let x: f64 = 1.0;", "f64") && !has_word("let f64_bits = 1;", "f64"));
    assert!(has_word("use providers::Twilio;", "providers::") && !has_word("use my_providers::X;", "providers::"));
    assert!(has_word("format!(\"OP#{id}\")", "OP#") && !has_word("\"STOP#\"", "OP#"));
    assert_eq!(prefixes(r#"format!("LED#{currency}#") + "a#b""#), ["LED#"]);
    let file = Source { path: "a.rs".into(), text: "fn f() {}\n#[cfg(test)]\nmod tests { f64 }\n".into() };
    assert!(file.with_word("f64").is_empty() && !file.with("fn f").is_empty());
}
