//! A place for data, and the shorthands that the tests speak to a system with. Everything happens on the demo tenant, whose
//! wallet and agent are there from the start.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use local::child::{Answer, Child};
use reqwest::Method;
use serde_json::{Value, json};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_local");

/// A folder of one test, removed with it.
pub(crate) struct Data(PathBuf);

impl Data {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("process-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Starts a system on it.
    pub(crate) async fn start(&self) -> Running {
        self.start_with(&[]).await
    }

    /// Starts one on it whose jobs tick only as the clock is moved: for what a tick at the start would change, or be struck by.
    pub(crate) async fn start_without_schedules(&self) -> Running {
        self.start_with(&["--no-schedules"]).await
    }

    pub(crate) async fn start_with(&self, options: &[&str]) -> Running {
        let child = Child::start(Path::new(PROGRAM), &self.0, options).await.expect("the system starts");
        let token = child.local("token", Some(&json!({ "tenant": "demo" }))).await.expect("a token");
        Running { token: token.text("/token").to_owned(), child }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // What a system that was only just killed still has open is removed with the target folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A system, and the demo tenant's token.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) token: String,
}

impl Running {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = self.child.send(Method::GET, path, &self.token, "", None).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer
    }

    pub(crate) async fn buy(&self, key: &str, wish: &Value) -> reqwest::Result<Answer> {
        self.child.send(Method::POST, "/v1/numbers", &self.token, key, Some(wish)).await
    }

    /// A call of the control surface that must succeed.
    pub(crate) async fn local(&self, path: &str, body: Option<Value>) -> Answer {
        let answer = self.child.local(path, body.as_ref()).await.expect("an answer");
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        answer
    }

    pub(crate) async fn offer(&self) -> String {
        let found = self.get("/v1/available-numbers?country=US&area_code=212&limit=1").await;
        found.text("/items/0/e164").to_owned()
    }

    pub(crate) async fn agent(&self) -> String {
        self.get("/v1/agents").await.text("/items/0/id").to_owned()
    }

    /// Balance and held.
    pub(crate) async fn wallet(&self) -> (String, String) {
        let wallets = self.get("/v1/wallet").await;
        let amount = |of: &str| wallets.text(&format!("/wallets/0/{of}/amount")).to_owned();
        (amount("balance"), amount("held"))
    }

    /// What a third party has.
    pub(crate) async fn numbers_at(&self, party: &str) -> Value {
        self.local(&format!("simulators/{party}/state"), None).await.body["numbers"].clone()
    }

    pub(crate) async fn verify(&self) {
        let held = self.local("verify", None).await;
        assert_eq!(held.body, json!({ "ok": true, "violations": [] }));
    }

    pub(crate) async fn killed(self) -> String {
        self.child.kill().await.expect("it can be killed")
    }
}
