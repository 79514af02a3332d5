//! Sending a webhook as Twilio does: signed, form-encoded, within fifteen seconds, with the
//! overrides a URL's fragment asks for.
//!
//! What a webhook says is decided in `call` and `sms`.

use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url, header};
use tokio::time::{Instant, timeout};

const CONNECT_MS: u64 = 5_000;
const READ_MS: u64 = 15_000;
const TOTAL_MS: u64 = 15_000;
const MS_MIN: u64 = 100;
const RETRIES_MAX: u32 = 5;
const REDIRECTS_MAX: usize = 10;
/// 64 kB of TwiML.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Twilio's own numbers for what went wrong with a webhook.
pub(super) const RETRIEVAL_FAILURE: u32 = 11200;
pub(super) const CONNECTION_FAILURE: u32 = 11205;
const TOO_MANY_REDIRECTS: u32 = 11215;
const TOO_LARGE: u32 = 11750;

/// Which public addresses are really which local ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(Arc<RwLock<Vec<(String, String)>>>);

impl Routes {
    pub(crate) fn add(&self, public_base: &str, actual_base: &str) {
        let entry = (public_base.trim_end_matches('/').to_owned(), actual_base.trim_end_matches('/').to_owned());
        let mut routes = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        routes.retain(|(public, _)| *public != entry.0);
        routes.push(entry);
    }

    /// The longest base wins, and a base ends where a path, a query or a fragment begins.
    pub(crate) fn actual(&self, url: &str) -> String {
        let routes = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let rests = routes.iter().filter_map(|(public, actual)| Some((public, actual, url.strip_prefix(public)?)));
        let ends = |rest: &str| rest.is_empty() || rest.starts_with(['/', '?', '#']);
        let best = rests.filter(|(_, _, rest)| ends(rest)).max_by_key(|(public, _, _)| public.len());
        best.map_or_else(|| url.to_owned(), |(_, actual, rest)| format!("{actual}{rest}"))
    }
}

/// One webhook, as configured: the URL with its fragment, `GET` or `POST`.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) method: String,
    pub(super) params: Vec<(String, String)>,
    /// The same on every try.
    pub(super) idempotency_token: String,
}

#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
    /// Where it came from, redirects followed: relative links in it start here.
    pub(super) url: String,
}

/// No usable reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) code: u32,
    /// What was answered, if anything was.
    pub(super) status: Option<u16>,
    cause: Cause,
}

/// In the words of a retry policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Connect,
    Read,
    Client,
    Server,
    Final,
}

#[derive(Debug)]
pub(super) struct Sender {
    routes: Routes,
    auth_token: String,
    /// Made when first needed: reading the system's root certificates takes longer than all the rest
    /// of starting up.
    client: OnceLock<Client>,
}

impl Sender {
    pub(super) fn new(routes: Routes, auth_token: &str) -> Self {
        Self { routes, auth_token: auth_token.to_owned(), client: OnceLock::new() }
    }

    /// Tries as often as the fragment allows; a reply of 2xx or a failure.
    pub(super) async fn send(&self, webhook: &Webhook) -> Result<Reply, Failure> {
        let (url, overrides) = Overrides::of(&webhook.url);
        let deadline = Instant::now() + Duration::from_millis(overrides.total_ms);
        let mut tries_left = overrides.retries;
        loop {
            let result = self.follow(url, webhook, &overrides, deadline).await;
            match result {
                Err(failure) if tries_left > 0 && overrides.retries_on(failure.cause) && Instant::now() < deadline => {
                    tries_left -= 1;
                }
                result => return result,
            }
        }
    }

    /// A redirect is followed by a bare GET: the parameters of a POST are lost on the way.
    async fn follow(
        &self,
        url: &str,
        webhook: &Webhook,
        overrides: &Overrides,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let mut url = url.to_owned();
        let mut method = webhook.method.clone();
        let mut params = webhook.params.as_slice();
        for _ in 0..REDIRECTS_MAX {
            let response = self.request(&url, &method, params, webhook, overrides, deadline).await?;
            if !matches!(response.status().as_u16(), 301 | 302) {
                return read(response, &url, overrides, deadline).await;
            }
            url = redirected(&response, &url).ok_or(Failure::of(RETRIEVAL_FAILURE, Cause::Final))?;
            method = "GET".to_owned();
            params = &[];
        }
        Err(Failure::of(TOO_MANY_REDIRECTS, Cause::Final))
    }

    async fn request(
        &self,
        url: &str,
        method: &str,
        params: &[(String, String)],
        webhook: &Webhook,
        overrides: &Overrides,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let (signed_url, body, signed) = match method {
            "GET" => (with_query(url, &encoded), None, [].as_slice()),
            _ => (url.to_owned(), Some(encoded), params),
        };
        let signature = signature(&self.auth_token, &signed_url, signed);
        let target = Url::parse(&self.routes.actual(&signed_url));
        let target = target.map_err(|_| Failure::of(RETRIEVAL_FAILURE, Cause::Final))?;
        let client = self.client(overrides);
        let request = match body {
            None => client.get(target),
            Some(form) => client
                .post(target)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
                .body(form),
        };
        let request = request
            .header("X-Twilio-Signature", signature)
            .header("I-Twilio-Idempotency-Token", &webhook.idempotency_token)
            .header(header::USER_AGENT, "TwilioProxy/1.1")
            .header(header::ACCEPT, "*/*");
        let sent = timeout(overrides.patience(deadline), request.send()).await;
        match sent {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(Failure::of(CONNECTION_FAILURE, Cause::Connect)),
            Ok(Err(_)) | Err(_) => Err(Failure::of(CONNECTION_FAILURE, Cause::Read)),
        }
    }

    fn client(&self, overrides: &Overrides) -> Client {
        if overrides.connect_ms == CONNECT_MS {
            return self.client.get_or_init(|| client(CONNECT_MS)).clone();
        }
        client(overrides.connect_ms)
    }
}

impl Failure {
    fn of(code: u32, cause: Cause) -> Self {
        Self { code, status: None, cause }
    }
}

fn client(connect_ms: u64) -> Client {
    // No idle connections: the next webhook may be sent from another runtime.
    let builder = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy();
    builder.connect_timeout(Duration::from_millis(connect_ms)).build().unwrap_or_default()
}

async fn read(response: Response, url: &str, overrides: &Overrides, deadline: Instant) -> Result<Reply, Failure> {
    let status = response.status().as_u16();
    if !response.status().is_success() {
        let cause = if status >= 500 { Cause::Server } else { Cause::Client };
        return Err(Failure { code: RETRIEVAL_FAILURE, status: Some(status), cause });
    }
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = match timeout(overrides.patience(deadline), response.bytes()).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) | Err(_) => return Err(Failure::of(CONNECTION_FAILURE, Cause::Read)),
    };
    if body.len() > BODY_BYTES_MAX {
        return Err(Failure { code: TOO_LARGE, status: Some(status), cause: Cause::Final });
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Reply { status, content_type, body, url: url.to_owned() })
}

fn redirected(response: &Response, from: &str) -> Option<String> {
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    joined(from, location)
}

/// A link in a document fetched from `base`. One that is absolute stays as it was written, because
/// what is signed is what was written.
pub(super) fn joined(base: &str, link: &str) -> Option<String> {
    let link = link.trim();
    if Url::parse(link).is_ok() {
        return Some(link.to_owned());
    }
    Url::parse(base).ok()?.join(link).ok().map(String::from)
}

fn with_query(url: &str, encoded: &str) -> String {
    match encoded {
        "" => url.to_owned(),
        _ if url.contains('?') => format!("{url}&{encoded}"),
        _ => format!("{url}?{encoded}"),
    }
}

/// HMAC-SHA1 over the URL, then each name with each of its different values, in byte order.
pub(super) fn signature(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut signed = url.to_owned();
    for (name, value) in sorted {
        signed.push_str(name);
        signed.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

/// What a fragment such as `#rc=2&rt=3000&rp=5xx,ct` changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Overrides {
    connect_ms: u64,
    read_ms: u64,
    total_ms: u64,
    retries: u32,
    policy: Vec<String>,
}

impl Overrides {
    /// The URL without its fragment, and the fragment's meaning.
    fn of(url: &str) -> (&str, Self) {
        let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
        let mut overrides = Self {
            connect_ms: CONNECT_MS,
            read_ms: READ_MS,
            total_ms: TOTAL_MS,
            retries: 1,
            policy: vec!["ct".to_owned()],
        };
        for (key, value) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
            let ms = |max: u64, usual: u64| value.parse().map_or(usual, |ms: u64| ms.clamp(MS_MIN, max));
            match key {
                "ct" => overrides.connect_ms = ms(10_000, CONNECT_MS),
                "rt" => overrides.read_ms = ms(READ_MS, READ_MS),
                "tt" => overrides.total_ms = ms(TOTAL_MS, TOTAL_MS),
                "rc" => overrides.retries = value.parse().map_or(1, |count: u32| count.min(RETRIES_MAX)),
                "rp" => overrides.policy = value.split(',').map(str::to_owned).collect(),
                _ => {}
            }
        }
        (url, overrides)
    }

    fn retries_on(&self, cause: Cause) -> bool {
        let word = match cause {
            Cause::Connect => "ct",
            Cause::Read => "rt",
            Cause::Client => "4xx",
            Cause::Server => "5xx",
            Cause::Final => return false,
        };
        self.policy.iter().any(|policy| policy == word || policy == "all")
    }

    fn patience(&self, deadline: Instant) -> Duration {
        Duration::from_millis(self.read_ms).min(deadline.saturating_duration_since(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The first four are values of the official libraries' own test suites.
    #[test]
    fn signatures_are_those_of_the_official_libraries() {
        let call = params(&[
            ("To", "+18005551212"),
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
        ]);
        let repeated = params(&[
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ]);
        let status = params(&[
            ("CallSid", "CA00112233445566778899aabbccddeeff"),
            ("CallStatus", "completed"),
            ("CallDuration", "999"),
        ]);
        let token = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
        let get = "https://hooks.example.test/v1/sms?MessageSid=SM1&From=%2B14155550100&Body=hi%20there";
        let cases = [
            ("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", call.as_slice(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", &repeated, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            ("12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", &call, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("12345", "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", &call, "CukzLTc1tT5dXEDIHm/tKBanW10="),
            (token, get, &[], "OVE/2DIYATNmHLV2M12+V34YfSM="),
        ];
        for (token, url, params, expected) in cases {
            assert_eq!(signature(token, url, params), expected, "{url}");
        }
        let tampered = signature(token, "https://hooks.example.test/v1/voice/status", &status);
        assert_ne!(tampered, "fhYDJNnMi2BQvllhl62vDXVg7X4=");
    }

    #[test]
    fn an_empty_value_signs_its_name_alone() {
        let inbound = params(&[
            ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", "CA00112233445566778899aabbccddeeff"),
            ("CallStatus", "ringing"),
            ("CallToken", "%7B%22parentCallInfoToken%22%3A%22x.y%22%7D"),
            ("Called", "+15005550006"),
            ("CalledCity", ""),
            ("CalledCountry", "US"),
            ("CalledState", "CA"),
            ("CalledZip", ""),
            ("Caller", "+14155550100"),
            ("CallerCity", "SAN FRANCISCO"),
            ("CallerCountry", "US"),
            ("CallerState", "CA"),
            ("CallerZip", "94105"),
            ("Direction", "inbound"),
            ("From", "+14155550100"),
            ("FromCity", "SAN FRANCISCO"),
            ("FromCountry", "US"),
            ("FromState", "CA"),
            ("FromZip", "94105"),
            ("StirVerstat", "TN-Validation-Passed-A"),
            ("To", "+15005550006"),
            ("ToCity", ""),
            ("ToCountry", "US"),
            ("ToState", "CA"),
            ("ToZip", ""),
        ]);
        let token = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
        let signed = signature(token, "https://hooks.example.test/v1/voice/inbound", &inbound);
        assert_eq!(signed, "iW7mtMZsBNLAge3Uag0LUjUPOEs=");
    }

    #[test]
    fn a_fragment_overrides_within_bounds_and_is_not_part_of_the_url() {
        let (url, overrides) = Overrides::of("https://h.example/voice?a=1#rc=9&rt=50&tt=99999&rp=5xx,rt&e=dublin");
        assert_eq!(url, "https://h.example/voice?a=1");
        assert_eq!((overrides.retries, overrides.read_ms, overrides.total_ms), (5, 100, 15_000));
        assert!(overrides.retries_on(Cause::Server) && !overrides.retries_on(Cause::Connect));
        let (_, usual) = Overrides::of("https://h.example/voice");
        assert_eq!((usual.retries, usual.connect_ms), (1, 5_000));
        assert!(usual.retries_on(Cause::Connect) && !usual.retries_on(Cause::Server));
    }

    #[test]
    fn a_public_base_is_replaced_where_it_ends_like_one() {
        let routes = Routes::default();
        routes.add("https://api.example.com", "http://127.0.0.1:3000");
        routes.add("https://api.example.com/stage/", "http://127.0.0.1:4000/");
        for (url, actual) in [
            ("https://api.example.com/voice?x=1", "http://127.0.0.1:3000/voice?x=1"),
            ("https://api.example.com/stage/voice", "http://127.0.0.1:4000/voice"),
            ("https://api.example.com.evil.test/voice", "https://api.example.com.evil.test/voice"),
            ("http://127.0.0.1:5000/voice", "http://127.0.0.1:5000/voice"),
        ] {
            assert_eq!(routes.actual(url), actual);
        }
    }
}
