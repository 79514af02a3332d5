//! The API over HTTP. What is sent again, and when, is decided in one place ([`Api::send`]): a GET always, anything else only
//! under an idempotency key or where the API says that a repeat is harmless.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::Environment;
use crate::args::{Options, Token};
use crate::failure::{Failure, Refusal};

/// Where `cargo dev` is.
const LOCAL: &str = "http://127.0.0.1:3000";
/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Items asked for at once; the API gives no more.
const PAGE: usize = 100;

/// How long to try.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Times one request is sent at most, where it may be sent again.
    pub tries: u32,
    /// Wait before the second; doubles after it.
    pub first_wait: Duration,
    /// No wait is longer. An API that asks for more is not waited for.
    pub longest_wait: Duration,
    /// How long one answer may take: longer than API Gateway lets anything take.
    pub answer_within: Duration,
    /// Wait between two looks at something that goes on by itself.
    pub look_every: Duration,
    /// Looks at most.
    pub looks: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 4,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            answer_within: Duration::from_secs(60),
            look_every: Duration::from_secs(3),
            looks: 1200,
        }
    }
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    key: Option<String>,
    body: Option<Value>,
    repeatable: bool,
    if_lost: &'static str,
}

impl Ask {
    fn new(method: Method, path: impl Into<String>, body: Option<Value>, repeatable: bool) -> Self {
        let (query, key, if_lost) = (Vec::new(), None, "");
        Self { method, path: path.into(), query, key, body, repeatable, if_lost }
    }

    /// Reads.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None, true)
    }

    /// Sets something to what it is to be: harmless twice.
    pub(crate) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body), true)
    }

    /// Makes something happen; sent once. If its answer is lost, this is how to find out.
    pub(crate) fn once(path: impl Into<String>, body: Option<Value>, if_lost: &'static str) -> Self {
        Self { if_lost, ..Self::new(Method::POST, path, body, false) }
    }

    /// Makes something happen that the API does no second time.
    pub(crate) fn repeatable(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body), true)
    }

    /// Makes something happen, under this key once.
    pub(crate) fn keyed(path: impl Into<String>, key: String, body: Value, if_lost: &'static str) -> Self {
        Self { key: Some(key), if_lost, ..Self::new(Method::POST, path, Some(body), true) }
    }

    pub(crate) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

/// A success.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// What one sending came to.
#[derive(Debug)]
enum Sent {
    /// An answer with a body that is JSON, or none.
    Answered { status: u16, retry_after: Option<Duration>, body: Option<Value> },
    /// None; it may have been done.
    Lost(String),
}

/// The API of one deployment.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    base: String,
    token: SecretString,
    pub(crate) patience: Patience,
}

impl Api {
    /// Finds the deployment and a token for it.
    pub(crate) async fn connect(options: &Options, environment: &Environment) -> Result<Self, Failure> {
        let text = options.url.as_ref().or(environment.url.as_ref()).map_or(LOCAL, String::as_str);
        let bad =
            || Failure::Usage(format!("`{text}` is not the address of an API, such as https://voice.example.com"));
        let url: Url = text.parse().map_err(|_| bad())?;
        if !["http", "https"].contains(&url.scheme()) || url.query().is_some() || url.fragment().is_some() {
            return Err(bad());
        }
        let local = is_loopback(&url);
        if url.scheme() == "http" && !local {
            return Err(Failure::Usage(format!("{text}: a token is sent over https only, or to this machine")));
        }
        let mut client = Client::builder().redirect(Policy::none()).connect_timeout(Duration::from_secs(10));
        client = client.timeout(environment.patience.answer_within).user_agent("trunkline");
        if local {
            client = client.no_proxy();
        }
        if url.scheme() == "http" {
            // Nothing here speaks TLS, and reading the machine's certificates takes longer than the request.
            client = client.tls_certs_only([]);
        }
        let client = client.build().map_err(|error| Failure::NoAnswer(format!("no HTTP here: {error}")))?;
        let base = url.as_str().trim_end_matches('/').to_owned();
        let mut api = Self { client, base, token: SecretString::default(), patience: environment.patience };
        api.token = match (given(options)?, &environment.token) {
            (Some(token), _) => token,
            (None, Some(token)) => token.clone(),
            (None, None) if local => api.local_token().await?,
            (None, None) => return Err(no_token()),
        };
        if authorization(&api.token).is_none() {
            return Err(Failure::usage("the token holds what no token can"));
        }
        Ok(api)
    }

    /// A local system gives its operator a token; nothing else does.
    async fn local_token(&self) -> Result<SecretString, Failure> {
        match self.send(&Ask::get("/_local/health")).await {
            Ok(_) => {}
            Err(Failure::Refused(_)) => return Err(no_token()),
            Err(other) => return Err(other),
        }
        let answer = self.send(&Ask::repeatable("/_local/token", json!({ "role": "operator" }))).await?;
        let token = answer.body.get("token").and_then(Value::as_str);
        token.map(|token| token.to_owned().into()).ok_or_else(|| unusable("no token in it"))
    }

    /// Sends a request, as often as it may be sent, and reads a success.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let mut wait = self.patience.first_wait;
        for attempt in 1.. {
            let sent = self.once(ask).await;
            let pause = match &sent {
                Sent::Lost(_) => Some(wait),
                Sent::Answered { status, retry_after, body } => {
                    may_fare_better(*status, body.as_ref()).then(|| retry_after.unwrap_or(wait))
                }
            };
            let pause = pause.filter(|pause| *pause <= self.patience.longest_wait);
            match pause.filter(|_| ask.repeatable && attempt < self.patience.tries) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.read(ask, sent),
            }
            wait = (wait * 2).min(self.patience.longest_wait);
        }
        Err(unusable("none"))
    }

    fn read(&self, ask: &Ask, sent: Sent) -> Result<Answer, Failure> {
        let (why, in_doubt) = match sent {
            Sent::Answered { status: status @ 200..=299, body: Some(body), .. } => return Ok(Answer { status, body }),
            Sent::Answered { status, body: Some(body), .. } if status >= 400 => {
                let refusal = Refusal::read(status, body);
                if status < 500 || refusal.document.get("code").is_some() {
                    return Err(Failure::Refused(Box::new(refusal)));
                }
                (format!("answered {status}: {}", refusal.brief()), true)
            }
            Sent::Answered { status: status @ 400..=499, body: None, .. } => {
                return Err(Failure::Refused(Box::new(Refusal::read(status, json!({ "status": status })))));
            }
            Sent::Answered { status, .. } => (format!("answered {status} with nothing that can be used"), true),
            Sent::Lost(why) => (why, true),
        };
        let doubt = if in_doubt && !ask.if_lost.is_empty() { format!("\n{}", ask.if_lost) } else { String::new() };
        Err(Failure::NoAnswer(format!("{} {}: {why}{doubt}", self.base, ask.path)))
    }

    async fn once(&self, ask: &Ask) -> Sent {
        let mut headers = HeaderMap::new();
        headers.extend(authorization(&self.token).map(|value| (AUTHORIZATION, value)));
        let key = ask.key.as_ref().and_then(|key| HeaderValue::from_str(key).ok());
        if let Some(key) = key {
            headers.insert("idempotency-key", key);
        }
        let mut request =
            self.client.request(ask.method.clone(), format!("{}{}", self.base, ask.path)).headers(headers);
        if !ask.query.is_empty() {
            request = request.query(&ask.query);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        match answer(request).await {
            Ok(sent) => sent,
            Err(error) => Sent::Lost(why(&error)),
        }
    }

    /// All items of a list, page by page, up to so many: one document, whose `next_cursor` says whether there are more.
    pub(crate) async fn list(&self, ask: Ask, limit: usize) -> Result<Value, Failure> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let wanted = (limit - items.len()).min(PAGE);
            let page = self.send(&ask.clone().query("limit", Some(wanted)).query("cursor", cursor.clone())).await?;
            let Some(Value::Array(more)) = page.body.get("items") else { return Err(unusable("it is not a list")) };
            items.extend(more.iter().take(limit - items.len()).cloned());
            let next = page.body.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if next.is_some() && next == cursor {
                return Err(unusable("its pages go in a circle"));
            }
            cursor = next;
            if cursor.is_none() || items.len() >= limit {
                return Ok(json!({ "items": items, "next_cursor": cursor }));
            }
        }
    }
}

fn given(options: &Options) -> Result<Option<SecretString>, Failure> {
    match &options.token {
        None => Ok(None),
        Some(Token::Given(token)) => Ok(Some(token.trim().to_owned().into())),
        Some(Token::In(file)) => {
            let unread = |error: std::io::Error| Failure::Usage(format!("{}: {error}", file.display()));
            let token = std::fs::read_to_string(file).map_err(unread)?.trim().to_owned();
            if token.is_empty() {
                Err(Failure::Usage(format!("{}: empty", file.display())))
            } else {
                Ok(Some(token.into()))
            }
        }
    }
}

fn no_token() -> Failure {
    Failure::usage("no token: give --token-file, --token or TRUNKLINE_TOKEN")
}

pub(crate) fn unusable(why: &str) -> Failure {
    Failure::NoAnswer(format!("the answer cannot be used: {why}"))
}

fn authorization(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether the same request may be answered better in a moment. What an operation came to never is: its key answers that for
/// ever.
pub(crate) fn may_fare_better(status: u16, body: Option<&Value>) -> bool {
    let text = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str);
    let for_good = ["carrier_not_configured", "payments_not_configured", "needs_operator"];
    match status {
        429 | 500 | 502 | 504 => true,
        503 => text("operation_id").is_none() && text("code").is_none_or(|code| !for_good.contains(&code)),
        _ => false,
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Sent, reqwest::Error> {
    let mut answer = request.send().await?;
    let status = answer.status().as_u16();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Ok(Sent::Answered { status, retry_after: None, body: None });
        }
        bytes.extend_from_slice(&chunk);
    }
    // Only an object is an answer of the API's.
    let body = serde_json::from_slice(&bytes).ok().filter(Value::is_object);
    Ok(Sent::Answered { status, retry_after: seconds.map(Duration::from_secs), body })
}

/// The innermost reason, which is what a person can act on.
fn why(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let what = if error.is_connect() {
        "cannot be reached"
    } else if error.is_timeout() {
        "did not answer in time"
    } else {
        "the answer was lost"
    };
    format!("{what} ({inner})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_come_out_better_is_asked_again() {
        let check = |status: u16, body: Value, expected: bool| {
            assert_eq!(may_fare_better(status, Some(&body)), expected, "{body}")
        };
        check(429, json!({ "code": "rate_limited" }), true);
        check(502, json!({}), true);
        check(503, json!({ "code": "service_unavailable" }), true);
        check(503, json!({ "message": "Service Unavailable" }), true);
        check(503, json!({ "code": "carrier_unavailable", "operation_id": "op_1" }), false);
        check(503, json!({ "code": "carrier_not_configured" }), false);
        check(409, json!({ "code": "number_unavailable" }), false);
        check(401, json!({}), false);
        check(200, json!({}), false);
        assert!(may_fare_better(504, None));
    }

    #[test]
    fn a_token_goes_to_this_machine_or_over_https() {
        let check = |url: &str, local: bool| assert_eq!(is_loopback(&url.parse().unwrap()), local, "{url}");
        check("http://127.0.0.1:3000", true);
        check("http://localhost/", true);
        check("http://[::1]:80", true);
        check("http://127.0.0.1.example.com", false);
        check("http://localhost.example.com", false);
        check("http://10.0.0.1", false);
    }
}
