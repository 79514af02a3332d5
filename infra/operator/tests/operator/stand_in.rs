//! Something that answers over HTTP as it is told, remembers what it was asked, and can hang up before it answers.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use operator::{Environment, Patience, Terminal};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What must never be shown.
pub(crate) const TOKEN: &str = "a-very-secret-token";

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// With its query.
    pub(crate) path: String,
    pub(crate) key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) body: Value,
}

impl Seen {
    /// `POST /path`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    /// With `Retry-After` in seconds.
    Later(u16, u64, Value),
    Text(u16, &'static str),
    /// Nothing: the request arrived, and its answer is lost.
    HangUp,
}

/// A problem with this code.
pub(crate) fn problem(status: u16, code: &str) -> Reply {
    Reply::Json(status, json!({ "status": status, "code": code, "detail": format!("Because of {code}.") }))
}

#[derive(Debug)]
pub(crate) struct StandIn {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// How a command went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: u8) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl StandIn {
    /// Answers so.
    pub(crate) async fn start(answer: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        tokio::spawn(serve(listener, seen.clone(), answer));
        Self { url, seen }
    }

    /// What it was asked since the last time.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, in lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    /// Runs a command line without a terminal.
    pub(crate) async fn run(&self, line: &[&str]) -> Ran {
        self.run_answered(line, None).await
    }

    /// Runs a command line where somebody answers this.
    pub(crate) async fn run_answered(&self, line: &[&str], answer: Option<&str>) -> Ran {
        let environment =
            Environment { url: Some(self.url.clone()), token: Some(TOKEN.to_owned().into()), patience: hasty() };
        run(&environment, line, answer).await
    }
}

/// Tries as often as anybody, and never waits.
pub(crate) fn hasty() -> Patience {
    let patience = Patience::default();
    Patience { first_wait: Duration::ZERO, look_every: Duration::ZERO, looks: 5, ..patience }
}

pub(crate) async fn run(environment: &Environment, line: &[&str], answer: Option<&str>) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut input = answer.unwrap_or_default().as_bytes();
    let mut terminal = Terminal::new(&mut out, &mut err);
    if answer.is_some() {
        terminal = terminal.answered_by(&mut input);
    }
    let code = operator::run(line.iter().map(Into::into), environment, &mut terminal).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let ran = Ran { code, out: text(out), err: text(err) };
    assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "the token is shown: {ran:#?}");
    ran
}

async fn serve(
    listener: TcpListener,
    seen: Arc<Mutex<Vec<Seen>>>,
    mut answer: impl FnMut(&Seen) -> Reply + Send + 'static,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // A client that went away is none of its business.
        let Ok(request) = read(&mut stream).await else { continue };
        let reply = answer(&request);
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let _ = write(&mut stream, reply).await;
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Seen> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut first = text.lines().next().unwrap_or_default().split(' ').map(str::to_owned);
    let header = |name: &str| {
        let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).next()
    };
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        match stream.read(&mut chunk).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
    Ok(Seen {
        method: first.next().unwrap_or_default(),
        path: first.next().unwrap_or_default(),
        key: header("idempotency-key"),
        token: header("authorization").and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned)),
        body: serde_json::from_slice(&bytes[head..]).unwrap_or(Value::Null),
    })
}

async fn write(stream: &mut TcpStream, reply: Reply) -> io::Result<()> {
    let (status, more, body) = match reply {
        Reply::Json(status, body) => (status, String::new(), body.to_string()),
        Reply::Later(status, seconds, body) => (status, format!("Retry-After: {seconds}\r\n"), body.to_string()),
        Reply::Text(status, text) => (status, String::new(), text.to_owned()),
        Reply::HangUp => return Ok(()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
