//! What every client of a third party has in common: the HTTP client, its deadlines and repetitions, and what a failed
//! exchange says about whether the thing happened.
//!
//! Knows no third party: status codes, JSON and error texts are read in the `wire.rs` of each.
//!
//! A write is sent once. It is sent again only after a 429, which all third parties document as "not processed". A read
//! changes nothing, so it may be repeated and its failure is never in doubt. Where a third party makes writes repeatable by a
//! key, its client sends with [`Http::send_once`] and repeats by that third party's own rules.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use domain::ports::{ProviderError, ProviderErrorKind};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, Request, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

/// Longest wait for a connection. Nothing has been sent by then, so giving up early costs no doubt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An idle connection is not used again after this. The third parties close theirs after about a minute, and a write on a
/// connection that died while the function was frozen would end in doubt.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Times a request answered with 429 is sent again.
const RATE_LIMIT_RETRIES: u32 = 2;
/// Times a read is sent again after a server's or network's failure.
const READ_RETRIES: u32 = 1;
/// First wait before sending again; doubles each time.
const BACKOFF: Duration = Duration::from_millis(200);
/// Longest `Retry-After` waited for; a caller is better served by an error than by a longer wait.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);
/// Largest answer read. A full page of assistants with long prompts is some megabytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Characters of an error's detail.
const DETAIL_CHARS_MAX: usize = 300;

/// The way out to one third party. Nothing is set up before the first request, so that a cold start pays for it only when
/// it asks somebody.
pub(crate) struct Http {
    client: OnceLock<Client>,
    timeout: Duration,
}

/// A complete answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The kind of failure to report when this answer is of no use.
    pub(crate) doubt: ProviderErrorKind,
}

impl Answer {
    /// A header's text, if it is there once and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// When a whole port call, repetitions and pages included, must be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// Time left, if any.
    pub(crate) fn left(self) -> Option<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

impl Http {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { client: OnceLock::new(), timeout }
    }

    /// The end of a call that starts now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline(Instant::now() + self.timeout)
    }

    /// The same for a call that is not worth waiting longer for than this.
    pub(crate) fn deadline_within(&self, patience: Duration) -> Deadline {
        Deadline(Instant::now() + self.timeout.min(patience))
    }

    pub(crate) fn client(&self) -> Result<&Client, ProviderError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let built = build().map_err(|error| {
            ProviderError::new(ProviderErrorKind::Misconfigured, format!("no HTTP client can be built: {error}"))
        })?;
        Ok(self.client.get_or_init(|| built))
    }

    /// Sends, repeats what may be repeated, and returns the last answer.
    pub(crate) async fn send(&self, request: Request, until: Deadline) -> Result<Answer, ProviderError> {
        let reads = request.method() == Method::GET;
        self.send_as(request, reads, until).await
    }

    /// The same with a request that is a read or is none, whatever its method.
    pub(crate) async fn send_as(
        &self,
        request: Request,
        reads: bool,
        until: Deadline,
    ) -> Result<Answer, ProviderError> {
        let mut tries = Tries::default();
        loop {
            let left = until.left().ok_or_else(|| out_of_time(reads))?;
            let outcome = self.attempt(&request, reads, left).await;
            let Some(wait) = tries.again(reads, &outcome) else {
                return outcome.result;
            };
            if until.left().is_none_or(|left| left <= wait) {
                return outcome.result;
            }
            tracing::debug!(provider.wait_ms = wait.as_millis(), "sending a request to a third party again");
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends and repeats nothing.
    pub(crate) async fn send_once(&self, request: &Request, timeout: Duration) -> Outcome {
        self.attempt(request, request.method() == Method::GET, timeout).await
    }

    async fn attempt(&self, request: &Request, reads: bool, timeout: Duration) -> Outcome {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return Outcome { result: Err(error), timed_out: false, retry_after: None },
        };
        // Bodies are buffered, so a request can always be cloned; an error here would be a mistake of ours.
        let Some(mut attempt) = request.try_clone() else {
            let error = ProviderError::new(ProviderErrorKind::Misconfigured, "a request cannot be repeated");
            return Outcome { result: Err(error), timed_out: false, retry_after: None };
        };
        *attempt.timeout_mut() = Some(timeout);
        exchange(client, attempt, reads).await
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Certificates are compiled in, the environment is not read for proxies, and nothing is followed or repeated unasked.
fn build() -> Result<Client, String> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("trunkline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

/// What one exchange came to.
pub(crate) struct Outcome {
    pub(crate) result: Result<Answer, ProviderError>,
    /// The whole of our time was used up.
    timed_out: bool,
    /// How long the third party asks us to wait, in whole seconds; the form with a date is not used by any of them.
    pub(crate) retry_after: Option<Duration>,
}

async fn exchange(client: &Client, request: Request, reads: bool) -> Outcome {
    let failed = |error: &reqwest::Error| Outcome {
        result: Err(ProviderError::new(transport_kind(error, reads), transport_text(error))),
        timed_out: error.is_timeout() && !error.is_connect(),
        retry_after: None,
    };
    let mut response = match client.execute(request).await {
        Ok(response) => response,
        Err(error) => return failed(&error),
    };
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    let headers = response.headers().clone();
    let doubt = doubt(reads);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let result = Err(ProviderError::new(doubt, "the answer is larger than any expected"));
                return Outcome { result, timed_out: false, retry_after };
            }
            Ok(None) => {
                return Outcome { result: Ok(Answer { status, headers, body, doubt }), timed_out: false, retry_after };
            }
            // Only the status of a broken refusal counts, and it says that nothing happened; it need not be in doubt.
            Err(_) if status.is_client_error() => {
                return Outcome {
                    result: Ok(Answer { status, headers, body: Vec::new(), doubt }),
                    timed_out: false,
                    retry_after,
                };
            }
            Err(error) => return failed(&error),
        }
    }
}

/// How often a request has been sent again, and why.
#[derive(Debug, Default)]
struct Tries {
    rate_limited: u32,
    failed: u32,
}

impl Tries {
    /// How long to wait before sending again, or not at all.
    fn again(&mut self, reads: bool, outcome: &Outcome) -> Option<Duration> {
        match &outcome.result {
            Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                let wait = outcome.retry_after.unwrap_or(BACKOFF * 2_u32.pow(self.rate_limited));
                let allowed = self.rate_limited < RATE_LIMIT_RETRIES && wait <= RETRY_AFTER_MAX;
                self.rate_limited += 1;
                allowed.then_some(wait)
            }
            Ok(answer) if answer.status.is_server_error() => self.failed_again(reads),
            Ok(_) => None,
            Err(error) if outcome.timed_out || error.kind == ProviderErrorKind::Misconfigured => None,
            Err(_) => self.failed_again(reads),
        }
    }

    fn failed_again(&mut self, reads: bool) -> Option<Duration> {
        let allowed = reads && self.failed < READ_RETRIES;
        self.failed += 1;
        allowed.then_some(BACKOFF)
    }
}

/// What a failure without a usable answer says about a request that may have been processed.
const fn doubt(reads: bool) -> ProviderErrorKind {
    if reads { ProviderErrorKind::Unavailable } else { ProviderErrorKind::Unknown }
}

fn out_of_time(reads: bool) -> ProviderError {
    // Reached before an attempt is sent; a write gets here only after a 429, which was not processed.
    let kind = if reads { ProviderErrorKind::Unavailable } else { ProviderErrorKind::RateLimited };
    ProviderError::new(kind, "no time left to ask")
}

fn transport_kind(error: &reqwest::Error, reads: bool) -> ProviderErrorKind {
    if error.is_builder() {
        ProviderErrorKind::Misconfigured
    } else if error.is_connect() {
        ProviderErrorKind::Unavailable
    } else {
        doubt(reads)
    }
}

/// The failure in words. Neither the URL nor the library's chain of causes is shown: both may carry what was sent.
fn transport_text(error: &reqwest::Error) -> &'static str {
    if error.is_builder() {
        "the request cannot be built; is the base URL right?"
    } else if error.is_connect() {
        "cannot be reached"
    } else if error.is_timeout() {
        "did not answer in time"
    } else {
        "the connection broke before the answer was complete"
    }
}

/// Whether a request can be built at all; a wrong base URL shows here.
pub(crate) fn built(request: reqwest::RequestBuilder) -> Result<Request, ProviderError> {
    request
        .build()
        .map_err(|error| ProviderError::new(ProviderErrorKind::Misconfigured, transport_text(&error).to_owned()))
}

/// Whether a third party's id can stand in a path as it is. Stripe's may have up to 255 characters.
pub(crate) fn is_path_safe(id: &str) -> bool {
    (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// What a third party said, made fit for a log: one bounded line, without our secrets, numbers shown by their last digits.
pub(crate) fn detail(said: &str, secrets: &[&SecretString]) -> String {
    let mut text: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for secret in secrets {
        let secret = secret.expose_secret();
        if !secret.is_empty() {
            text = text.replace(secret, "…");
        }
    }
    let text = numbers_hidden(text.trim());
    match text.char_indices().nth(DETAIL_CHARS_MAX) {
        None => text,
        Some(_) => text.chars().take(DETAIL_CHARS_MAX - 1).chain(['…']).collect(),
    }
}

/// Replaces all but the last four digits of every run of seven or more.
fn numbers_hidden(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        if run.len() >= 7 {
            shown.push_str(before.strip_suffix('+').unwrap_or(before));
            shown.push('…');
            shown.push_str(&run[run.len() - 4..]);
        } else {
            shown.push_str(before);
            shown.push_str(run);
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<u64>) -> Outcome {
        let status = StatusCode::from_u16(status).unwrap();
        Outcome {
            result: Ok(Answer {
                status,
                headers: HeaderMap::new(),
                body: Vec::new(),
                doubt: ProviderErrorKind::Unknown,
            }),
            timed_out: false,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    fn broke(kind: ProviderErrorKind, timed_out: bool) -> Outcome {
        Outcome { result: Err(ProviderError::new(kind, "")), timed_out, retry_after: None }
    }

    #[test]
    fn only_what_cannot_have_happened_is_sent_again() {
        let check = |reads: bool, outcome: Outcome, waits_ms: &[u64]| {
            let mut tries = Tries::default();
            let mut waits = Vec::new();
            while let Some(wait) = tries.again(reads, &outcome) {
                waits.push(u64::try_from(wait.as_millis()).unwrap());
            }
            let case = format!("reads {reads}, {:?}, {:?}", outcome.result, outcome.retry_after);
            assert_eq!(waits, waits_ms, "{case}");
        };
        check(false, answered(429, None), &[200, 400]);
        check(true, answered(429, None), &[200, 400]);
        check(false, answered(429, Some(1)), &[1_000, 1_000]);
        check(false, answered(429, Some(2)), &[2_000, 2_000]);
        check(false, answered(429, Some(3)), &[]);
        check(false, answered(500, None), &[]);
        check(true, answered(500, None), &[200]);
        check(true, answered(503, Some(1)), &[200]);
        check(true, answered(400, None), &[]);
        check(true, answered(200, None), &[]);
        check(false, broke(ProviderErrorKind::Unknown, false), &[]);
        check(false, broke(ProviderErrorKind::Unavailable, false), &[]);
        check(true, broke(ProviderErrorKind::Unavailable, false), &[200]);
        check(true, broke(ProviderErrorKind::Unavailable, true), &[]);
        check(true, broke(ProviderErrorKind::Misconfigured, false), &[]);
    }

    #[test]
    fn a_detail_is_fit_for_a_log() {
        let token = SecretString::from("s3cr3t-token");
        let check = |said: &str, expected: &str| assert_eq!(detail(said, &[&token]), expected);
        check("+15005550000 is not available.", "…0000 is not available.");
        check("15005550000", "…0000");
        check("code 21422, page 1234", "code 21422, page 1234");
        check("key s3cr3t-token was refused", "key … was refused");
        check("two\nlines\u{0}", "two lines");
        check("", "");
        let long = detail(&"é".repeat(1_000), &[]);
        assert_eq!(long.chars().count(), DETAIL_CHARS_MAX);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn ids_in_paths_cannot_leave_their_place() {
        let check = |id: &str, ok: bool| assert_eq!(is_path_safe(id), ok, "{id}");
        check("PN0123456789abcdef0123456789abcdef", true);
        check("6f0b6f6e-0000-4000-8000-000000000000", true);
        check("", false);
        check("..", false);
        check("a/b", false);
        check("a%2Fb", false);
        check("a?b", false);
        check(&"a".repeat(255), true);
        check(&"a".repeat(256), false);
    }

    /// A server that reads one request a connection, writes the next of these answers and closes; `None` never answers.
    /// Gives its URL and, in the end, how many requests it has read.
    fn scripted(answers: Vec<Option<&'static str>>) -> (String, std::thread::JoinHandle<usize>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let mut unanswered = Vec::new();
            let mut count = 0;
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    std::io::Read::read_exact(&mut stream, &mut byte).unwrap();
                    head.push(byte[0]);
                }
                // The test's last word: nobody is to come any more.
                if head.starts_with(b"OPTIONS") {
                    break;
                }
                count += 1;
                match answer {
                    Some(answer) => std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap(),
                    None => unanswered.push(stream),
                }
            }
            count
        });
        (url, served)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    const BROKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\n{}";
    const FAILED: &str = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const LIMITED: &str = "HTTP/1.1 429 Slow\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const LIMITED_LONG: &str = "HTTP/1.1 429 Slow\r\nretry-after: 9\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const MOVED: &str = "HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const CLOSED: &str = "";

    #[tokio::test]
    async fn an_exchange_says_whether_it_happened() {
        async fn check(method: Method, script: &[Option<&'static str>], expected: Result<u16, ProviderErrorKind>) {
            let case = format!("{method} {script:?}");
            let asked = script.len();
            // One answer more than expected, for whoever asks too often.
            let (url, served) = scripted(script.iter().copied().chain([Some(OK)]).collect());
            // Short only where it is waited for.
            let silent = script.contains(&None);
            let http = Http::new(Duration::from_millis(if silent { 400 } else { 20_000 }));
            let request = http.client().unwrap().request(method, &url).build().unwrap();
            let result = http.send(request, http.deadline()).await;
            let found = result.map(|answer| answer.status.as_u16()).map_err(|error| error.kind);
            assert_eq!(found, expected, "{case}");
            let goodbye = http.client().unwrap().request(Method::OPTIONS, &url).send().await;
            drop(goodbye);
            assert_eq!(served.join().unwrap(), asked, "{case}");
        }
        use ProviderErrorKind::{Unavailable, Unknown};
        check(Method::POST, &[Some(OK)], Ok(200)).await;
        check(Method::POST, &[Some(FAILED)], Ok(500)).await;
        check(Method::GET, &[Some(FAILED), Some(OK)], Ok(200)).await;
        check(Method::GET, &[Some(FAILED), Some(FAILED)], Ok(500)).await;
        check(Method::POST, &[Some(BROKEN)], Err(Unknown)).await;
        check(Method::DELETE, &[Some(BROKEN)], Err(Unknown)).await;
        check(Method::GET, &[Some(BROKEN), Some(OK)], Ok(200)).await;
        check(Method::GET, &[Some(BROKEN), Some(BROKEN)], Err(Unavailable)).await;
        check(Method::POST, &[Some(CLOSED)], Err(Unknown)).await;
        check(Method::PATCH, &[Some(CLOSED)], Err(Unknown)).await;
        check(Method::GET, &[Some(CLOSED), Some(CLOSED)], Err(Unavailable)).await;
        check(Method::POST, &[None], Err(Unknown)).await;
        check(Method::GET, &[None], Err(Unavailable)).await;
        check(Method::POST, &[Some(LIMITED), Some(LIMITED), Some(OK)], Ok(200)).await;
        check(Method::POST, &[Some(LIMITED), Some(LIMITED), Some(LIMITED)], Ok(429)).await;
        check(Method::POST, &[Some(LIMITED_LONG)], Ok(429)).await;
        check(Method::POST, &[Some(LIMITED), Some(FAILED)], Ok(500)).await;
        check(Method::GET, &[Some(MOVED)], Ok(302)).await;
    }

    #[tokio::test]
    async fn nobody_listening_means_that_nothing_happened() {
        // A port that was just free: bound, read and closed again.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let http = Http::new(Duration::from_secs(5));
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let request = http.client().unwrap().request(method, format!("http://127.0.0.1:{port}/")).build().unwrap();
            let error = http.send(request, http.deadline()).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Unavailable);
        }
    }
}
