//! One HTTP/1.1 server for all three endpoints, able to do what axum cannot: close a connection
//! without an answer, as a network that lost a reply does.
//!
//! It knows AWS's JSON protocol as far as the outside of a message: the target header, a JSON body,
//! a request id. What a target means is the business of `sqs`, `secrets` and `dynamodb`.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// DynamoDB's limit on a request, the largest of the three services.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const BACKLOG: u32 = 1024;
/// Before accepting is tried again when it failed, usually for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A request, read whole.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) type Answer = Response<Full<Bytes>>;

/// What a service does with a call.
#[derive(Debug)]
pub(super) enum Outcome {
    Answer(Answer),
    /// Close the connection at once and say nothing.
    HangUp,
}

/// A listener with its connections, all closed on drop.
#[derive(Debug)]
pub(super) struct Listening {
    url: String,
    task: JoinHandle<Infallible>,
}

impl Listening {
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The connections live in a set inside the task and end with it.
        self.task.abort();
    }
}

impl Call {
    /// The action: `SendMessage` of `AmazonSQS.SendMessage`. Empty when the header is missing.
    pub(super) fn action(&self) -> &str {
        let target = self.headers.get("x-amz-target");
        target.and_then(|value| value.to_str().ok()).and_then(|target| target.rsplit('.').next()).unwrap_or_default()
    }
}

/// Serves `handler` on a free port of `bind`.
pub(super) fn listen<H, F>(bind: IpAddr, handler: H) -> io::Result<Listening>
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let listener = bound(bind)?;
    let url = url_of(listener.local_addr()?);
    let task = tokio::spawn(accept(listener, handler));
    Ok(Listening { url, task })
}

/// A socket on a free port whose connections do not wait to fill packets: with Nagle's algorithm a
/// reply written in two pieces waits up to 40 ms for the other side's delayed acknowledgement.
pub(super) fn bound(bind: IpAddr) -> io::Result<TcpListener> {
    let socket = match bind {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_nodelay(true)?;
    socket.bind(SocketAddr::new(bind, 0))?;
    socket.listen(BACKLOG)
}

/// A JSON answer of AWS's `application/x-amz-json-<version>` protocol.
pub(super) fn json(version: &str, status: StatusCode, body: &impl Serialize) -> Answer {
    // Only a map with keys other than strings could fail here, and no answer has one.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    if let Ok(value) = format!("application/x-amz-json-{version}").parse() {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if let Ok(value) = uuid::Uuid::new_v4().to_string().parse() {
        headers.insert("x-amzn-requestid", value);
    }
    answer
}

/// Wildcard addresses are listened on but cannot be dialled, so clients are told loopback.
fn url_of(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

async fn accept<H, F>(listener: TcpListener, handler: H) -> Infallible
where
    H: Fn(Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Outcome> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, handler.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// Why a connection is dropped.
#[derive(Debug, thiserror::Error)]
enum Dropped {
    #[error("the service hung up")]
    HungUp,
    #[error("the request cannot be read: {0}")]
    Unreadable(String),
}

async fn serve<H, F>(stream: TcpStream, handler: H)
where
    H: Fn(Call) -> F,
    F: Future<Output = Outcome>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let handler = &handler;
        async move {
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Dropped::Unreadable(error.to_string()))?;
            let call = Call { headers: head.headers, body: body.to_bytes() };
            match handler(call).await {
                Outcome::Answer(answer) => Ok(answer),
                // hyper drops the connection of a service that fails, with nothing written to it.
                Outcome::HangUp => Err(Dropped::HungUp),
            }
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::trace!(%error, "a connection ended early");
    }
}
