//! A file of rows on disk.

use std::path::PathBuf;

/// A file that is gone when the test is over.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn of(name: &str, text: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-{name}-{}.csv", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
