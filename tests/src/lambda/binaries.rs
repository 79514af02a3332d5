//! The binaries of this repository, built in the profile of the program that asks for them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of all function binaries; the first call builds them.
///
/// # Panics
/// When they cannot be built.
pub fn all() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    // The whole workspace at once, so that every dependency is built with the features it has already.
    FOLDER.get_or_init(|| build(&["--workspace", "--bins"]))
}

/// Builds what these arguments of `cargo build` name, and says where it lies.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn build(what: &[&str]) -> PathBuf {
    // <target>/<profile>/deps/<this program>: wherever the target directory was put, and whatever the profile is.
    let here = std::env::current_exe().expect("this program has a path");
    let folder = here.ancestors().nth(2).expect("a profile's folder").to_owned();
    let target = folder.parent().expect("a target folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()).expect("a profile") {
        "debug" => "dev",
        named => named,
    };
    eprintln!("building with --profile {profile}: {}", what.join(" "));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).arg("build").args(["--profile", profile]).arg("--target-dir").arg(target).args(what);
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "cargo build: {status}");
    folder
}
