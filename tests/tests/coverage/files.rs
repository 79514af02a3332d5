//! The repository as text, and sets compared so that a failure names only what differs.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the folder above this crate").to_owned()
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Names of what is directly in a folder.
pub(crate) fn list(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Every file with this ending, as a path from the root; what is built or hidden is left out.
pub(crate) fn all(ending: &str) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "there are no files that end in {ending}");
    found.sort();
    found
}

/// Fails with what one side has and the other has not.
pub(crate) fn same<T: Ord + Display>(
    (left_name, left): (&str, impl IntoIterator<Item = T>),
    (right_name, right): (&str, impl IntoIterator<Item = T>),
) {
    let (left, right): (BTreeSet<T>, BTreeSet<T>) = (left.into_iter().collect(), right.into_iter().collect());
    assert!(!left.is_empty() && !right.is_empty(), "nothing to compare: {left_name}, {right_name}");
    let only = |name: &str, a: &BTreeSet<T>, b: &BTreeSet<T>| -> String {
        a.difference(b).map(|item| format!("\n  only in {name}: {item}")).collect()
    };
    let differences = only(left_name, &left, &right) + &only(right_name, &right, &left);
    assert!(differences.is_empty(), "{left_name} and {right_name} disagree:{differences}");
}

/// Fails with every one of these.
pub(crate) fn none(rule: &str, violations: impl IntoIterator<Item = String>) {
    let violations: Vec<String> = violations.into_iter().collect();
    assert!(violations.is_empty(), "{rule}:\n  {}", violations.join("\n  "));
}
