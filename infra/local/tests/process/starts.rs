//! Starting: the ready line, the options, what it weighs, and the demonstration.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::process::Command;

use crate::fixture::{Data, PROGRAM};

/// A release build on an idle machine needs a few hundred milliseconds; a debug build beside other tests far more.
const READY_WITHIN: Duration = Duration::from_secs(30);
const RSS_KB_MAX: u64 = 200 * 1024;

/// Runs the program to its end.
async fn run(arguments: &[&str], temporary: Option<&Data>) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(data) = temporary {
        // A proxy that nothing on this machine may be sent to.
        command
            .env("TMPDIR", data.path())
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("http_proxy", "http://127.0.0.1:9");
    }
    tokio::time::timeout(Duration::from_secs(240), command.output()).await.expect("it ends").expect("it runs")
}

#[tokio::test]
async fn it_prints_one_line_when_it_is_ready_and_weighs_little() {
    let data = Data::new();
    let begun = Instant::now();
    let running = data.start().await;
    assert!(begun.elapsed() < READY_WITHIN, "{:?}", begun.elapsed());

    let health = running.local("health", None).await;
    assert_eq!((&health.body["ready"], health.text("/public_base_url")), (&json!(true), running.child.url.as_str()));
    match std::fs::read_to_string(format!("/proc/{}/status", running.child.id().expect("it runs"))) {
        Ok(status) => {
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
            let kb: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
            assert!(kb < RSS_KB_MAX, "{kb} kB");
        }
        Err(_) => eprintln!("its memory was not looked at: this machine has no /proc"),
    }
    assert_eq!(running.killed().await, "", "nothing follows the ready line");
}

#[tokio::test]
async fn the_seed_is_there_once_however_often_it_is_started() {
    let data = Data::new();
    for _ in 0..2 {
        let running = data.start().await;
        assert_eq!(running.wallet().await, ("50.00".into(), "0.00".into()));
        assert_eq!(running.get("/v1/agents").await.list("/items").len(), 1);
        running.verify().await;
        running.killed().await;
    }
}

#[tokio::test]
async fn fresh_forgets_and_memory_keeps_nothing() {
    let data = Data::new();
    let running = data.start().await;
    let bought = running.buy("fresh", &json!({ "country": "US" })).await.expect("an answer");
    assert_eq!(bought.status, 201, "{}", bought.body);
    running.killed().await;

    let running = data.start_with(&["--fresh"]).await;
    assert_eq!(running.get("/v1/numbers").await.list("/items").len(), 0);
    assert_eq!(running.numbers_at("twilio").await, json!([]));
    assert_eq!(running.wallet().await.0, "50.00");
    running.killed().await;

    let nothing = Data::new();
    nothing.start_with(&["--memory"]).await.killed().await;
    assert_eq!(std::fs::read_dir(nothing.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn bad_options_are_refused_with_the_usage() {
    let cases: [&[&str]; 6] =
        [&["--nonsense"], &["--port"], &["--port", "many"], &["--port", "70000"], &["--bind", "here"], &["extra"]];
    for arguments in cases {
        let output = run(arguments, None).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!((output.status.code(), out.as_ref()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains("cargo dev [options]"), "{arguments:?}: {err}");
    }
    let help = run(&["--help"], None).await;
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("cargo dev [options]"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_and_no_panic() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = run(&["--memory", "--port", &port], None).await;
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("in use") && err.contains(&port) && !err.contains("panicked"), "{err}");
}

#[tokio::test]
async fn data_belongs_to_one_system_at_a_time() {
    let data = Data::new();
    let running = data.start().await;
    let folder = data.path().to_str().expect("a plain path");
    for more in [&[][..], &["--fresh"]] {
        let output = run(&[&["--port", "0", "--data", folder], more].concat(), None).await;
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && err.contains("in use by another system"), "{err}");
    }
    assert_eq!(running.wallet().await.0, "50.00");
    running.killed().await;
    data.start().await.verify().await;
}

#[tokio::test]
async fn fresh_removes_nothing_but_what_systems_kept() {
    let data = Data::new();
    data.start().await.killed().await;
    let thesis = data.path().join("thesis.txt");
    std::fs::write(&thesis, "years of work").expect("a file");
    data.start_with(&["--fresh"]).await.killed().await;
    assert!(thesis.exists());

    // Every file is known by name: a forgotten one would outlive `--fresh`.
    local::system::forget(data.path()).expect("nobody runs on it");
    let names = std::fs::read_dir(data.path()).expect("a folder").map(|file| file.expect("a file").file_name());
    let mut left: Vec<_> = names.collect();
    left.sort();
    assert_eq!(left, ["thesis.txt", "trunkline.lock"]);
}

#[tokio::test]
async fn the_demonstration_comes_to_its_end_behind_a_proxy_and_leaves_nothing() {
    let data = Data::new();
    let output = run(&["--demo"], Some(&data)).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("verified"), "{out}{err}");
    let left: Vec<_> = std::fs::read_dir(data.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
