//! A small HTTP/1.1 server on a free port that can do what a third party's outage does: close the
//! connection without a single byte of an answer.
//!
//! It knows requests and answers and nothing of whose they are. What happens to a request is
//! decided in `gate`.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Far above what any of the simulated interfaces takes in one request.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const BACKLOG: u32 = 1024;
/// Accepting fails for want of file descriptors, which others give back within moments.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A request, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Which of a third party's hosts was asked; Twilio has several.
    pub(crate) host: &'static str,
    pub(crate) method: Method,
    /// As sent, still percent-encoded.
    pub(crate) path: String,
    /// As sent, without the question mark; empty when there is none.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) type Answer = Response<Full<Bytes>>;

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    Answer(Answer),
    HangUp,
}

/// A listener and its connections, which all end when this is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) url: String,
    task: JoinHandle<Infallible>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The connections are a set owned by the task and are aborted with it.
        self.task.abort();
    }
}

/// Serves `handler` on a free port of `bind`; must be called inside a tokio runtime.
pub(crate) fn listen<H, F>(bind: IpAddr, host: &'static str, handler: H) -> io::Result<Listening>
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let socket = match bind {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A reply written in two pieces would otherwise wait for a delayed acknowledgement.
    socket.set_nodelay(true)?;
    socket.bind(SocketAddr::new(bind, 0))?;
    let listener = socket.listen(BACKLOG)?;
    let url = url_of(listener.local_addr()?);
    let task = tokio::spawn(accept(listener, host, handler));
    Ok(Listening { url, task })
}

impl Call {
    /// The path's segments, decoded. An empty segment stays, so `//` matches no route.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.trim_start_matches('/').split('/').map(percent_decoded).collect()
    }

    pub(crate) fn query_pairs(&self) -> Vec<(String, String)> {
        pairs(self.query.as_bytes())
    }

    pub(crate) fn media_type(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// User and password of HTTP Basic.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let decoded = STANDARD.decode(self.authorization("basic")?).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization("bearer")
    }

    fn authorization(&self, scheme: &str) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (given, rest) = value.split_once(' ')?;
        given.eq_ignore_ascii_case(scheme).then_some(rest.trim())
    }
}

pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json; charset=utf-8", body.to_string())
}

pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

pub(crate) fn no_content() -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// Decoded pairs of a query or a form, in their order.
pub(crate) fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// In a path a plus sign is a plus sign, unlike in a form.
fn percent_decoded(segment: &str) -> String {
    let kept = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    pairs(kept.as_bytes()).into_iter().next().map(|(name, _)| name).unwrap_or_default()
}

/// One listens on a wildcard address but cannot dial it: clients are told loopback.
fn url_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

async fn accept<H, F>(listener: TcpListener, host: &'static str, handler: H) -> Infallible
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, host, handler.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a simulator cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn serve<H, F>(stream: TcpStream, host: &'static str, handler: H)
where
    H: Fn(Call) -> F,
    F: Future<Output = Outcome>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let handler = &handler;
        async move {
            // Read to the end before hanging up too: closing a socket with unread bytes resets it, and a
            // reset can be reported to the client as a failure to send.
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
            let path = head.uri.path().to_owned();
            let query = head.uri.query().unwrap_or_default().to_owned();
            let call = Call { host, method: head.method, path, query, headers: head.headers, body };
            match handler(call).await {
                Outcome::Answer(answer) => Ok(answer),
                // A service that fails makes hyper drop the connection with nothing written to it.
                Outcome::HangUp => Err(io::Error::other("no answer")),
            }
        }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::trace!(%error, "a connection to a simulator ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_keeps_its_plus_and_loses_its_escapes() {
        for (sent, meant) in [("%2B1212", "+1212"), ("+1212", "+1212"), ("a%20b", "a b"), ("a=b&c", "a=b&c"), ("", "")]
        {
            assert_eq!(percent_decoded(sent), meant, "{sent}");
        }
    }
}
