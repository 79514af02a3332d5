//! A whole system in a process of its own, so that it can really be killed: what the demonstration and the tests of the
//! process start, talk to and end.
//!
//! It is held by its handle: it dies with it, and nothing is ever searched for by name. Ready is when its one line of JSON
//! has been read. Every wait has a bound.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{self, Command};
use tokio::time::timeout;

/// A system that is not ready by then will not be.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longer than any answer takes: a request drives its own saga for at most 20 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
const GONE_WITHIN: Duration = Duration::from_secs(20);

/// A running system.
#[derive(Debug)]
pub struct Child {
    /// Where it listens, without a trailing slash.
    pub url: String,
    process: process::Child,
    output: BufReader<process::ChildStdout>,
    client: Client,
}

/// An answer over HTTP, read.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body; null when there is none, a string when it is not JSON.
    pub body: Value,
}

impl Answer {
    /// A text in the body, by JSON pointer; empty when there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// A list in the body, by JSON pointer; empty when there is none.
    #[must_use]
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.body.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

impl Child {
    /// Starts `program` on this data and any free port, and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started, ends, or is not ready in time.
    pub async fn start(program: &Path, data: &Path, options: &[&str]) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--port", "0", "--data"]).arg(data).args(options);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        // Whatever this machine is set up for: nobody real is spoken to, and nothing real is bought.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.ends_with("_BASE_URL") || text.starts_with("AWS_") {
                command.env_remove(&name);
            }
        }
        let mut process = command.spawn()?;
        let output = process.stdout.take().ok_or_else(|| io::Error::other("its output cannot be read"))?;
        // Past any proxy this machine is behind, and without its root certificates, which take long to read.
        let client = Client::builder().no_proxy().tls_certs_only([]).timeout(ANSWER_WITHIN).build();
        let client = client.map_err(io::Error::other)?;
        let mut child = Self { url: String::new(), process, output: BufReader::new(output), client };
        let mut line = String::new();
        timeout(READY_WITHIN, child.output.read_line(&mut line)).await??;
        let ready: Value = serde_json::from_str(&line)?;
        let url = ready["url"].as_str().ok_or_else(|| io::Error::other(format!("not a ready line: {line:?}")))?;
        url.clone_into(&mut child.url);
        Ok(child)
    }

    /// Its process, as the machine calls it; `None` once it has ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Kills it, as a machine that loses its power would. Answers what it had printed since it was ready.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> io::Result<String> {
        timeout(GONE_WITHIN, self.process.kill()).await??;
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).await?;
        Ok(rest)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn ended(mut self) -> io::Result<ExitStatus> {
        timeout(GONE_WITHIN, self.process.wait()).await?
    }

    /// A request; `token` and `key` may be empty.
    ///
    /// # Errors
    /// When no whole answer comes, such as when the system dies over it.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        key: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if !key.is_empty() {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, body: if text.is_empty() { Value::Null } else { json(text) } })
    }

    /// A call of the control surface: GET without a body, POST with one.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn local(&self, path: &str, body: Option<&Value>) -> reqwest::Result<Answer> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        self.send(method, &format!("/_local/{path}"), "", "", body).await
    }
}
