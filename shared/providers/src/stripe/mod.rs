//! Stripe as the taker of money: customers, pages to pay on, payments with a saved card, and what happened to them.
//!
//! Knows no wallet and credits nothing. Every creation carries an idempotency key, so one that was lost may be repeated: the
//! client does so itself a few times, with the same key and the same bytes, and then reports doubt. A card that is declined
//! is an answer and not an error, although Stripe gives it as one.
//!
//! `wire` has the JSON, `amount` the minor units; [`signature`] checks Stripe's webhooks, [`notification`] understands them.

mod amount;
pub mod notification;
pub mod signature;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use domain::limits;
use domain::payment::{Checkout, Dispute, Notification, Payment, PaymentStatus, Refund};
use domain::ports::{CheckoutOrder, PaymentOrder, Payments, ProviderError, ProviderErrorKind, Reason};
use domain::{Money, TenantId, TopUpId};
use jiff::Timestamp;
use reqwest::{Method, Request, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{self, Answer, Deadline, Http, Outcome};
use wire::{Contested, GivenBack, Intent, Made, Missing, Page, Problem, Session, TENANT, TOP_UP};

/// The version every request and answer, and every event that is believed, is written in. The webhook endpoint must be made
/// with the same one.
pub const VERSION: &str = "2026-10-28.endive";
/// What the tenant reads on the page and the receipt.
const PRODUCT: &str = "Wallet top-up";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Names and values of a form or a query, with brackets.
type Parameters = Vec<(String, String)>;

/// Which account to act for.
#[derive(Debug, Clone)]
pub struct StripeConfig {
    /// The account's secret key, or one restricted to what is done here.
    pub api_key: SecretString,
    /// `https://api.stripe.com`, or where a stand-in listens; no slash at the end.
    pub base_url: String,
}

/// A client for one account. Stateless but for its connections; cheap to make anew when the key has changed.
#[derive(Debug)]
pub struct Stripe {
    config: StripeConfig,
    http: Http,
    try_timeout: Duration,
}

impl Stripe {
    /// A client; nothing is set up before its first call.
    #[must_use]
    pub fn new(config: StripeConfig) -> Self {
        let http = Http::new(limits::PROVIDER_TIMEOUT.unsigned_abs());
        Self { config, http, try_timeout: limits::PAYMENT_TRY_TIMEOUT.unsigned_abs() }
    }

    /// The same client with less patience, for a peer on the same machine: so long for a call, half of it for a try.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { http: Http::new(timeout), try_timeout: timeout / 2, ..self }
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ProviderError> {
        let url = format!("{}{path}", self.config.base_url.trim_end_matches('/'));
        let request = self.http.client()?.request(method, url).bearer_auth(self.config.api_key.expose_secret());
        Ok(request.header("stripe-version", VERSION))
    }

    /// Asks, which may be repeated.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Parameters,
        until: Deadline,
    ) -> Result<(T, Answer), ProviderError> {
        let request = http::built(self.request(Method::GET, path)?.query(query))?;
        let answer = self.http.send(request, until).await.map_err(named)?;
        if answer.status.is_success() { Ok((read(&answer)?, answer)) } else { Err(self.refused(&answer)) }
    }

    /// Asks for one thing.
    async fn one<T: DeserializeOwned, U>(
        &self,
        collection: &str,
        id: &str,
        understood: impl FnOnce(T) -> Result<U, Missing>,
    ) -> Result<U, ProviderError> {
        if !http::is_path_safe(id) {
            return Err(rejected("not an id"));
        }
        let (found, answer) = self.get(&format!("{collection}/{id}"), &Vec::new(), self.http.deadline()).await?;
        understood(found).map_err(|field| unusable(field, &answer))
    }

    /// Makes something under a key, repeating with the same key what may have been lost or was not taken on.
    ///
    /// Once a try has left doubt, a later one that did not happen does not take it away: only an answer for the key does.
    async fn create<T>(
        &self,
        path: &str,
        form: &Parameters,
        key: &str,
        made: impl Fn(&Answer) -> Result<T, ProviderError> + Send + Sync,
    ) -> Result<T, ProviderError> {
        let request = self.creation(path, form, key)?;
        let until = self.http.deadline();
        let (mut tried, mut doubt) = (0, false);
        loop {
            let time = until.left().unwrap_or_default().min(self.try_timeout);
            let Outcome { result, retry_after, .. } = self.http.send_once(&request, time).await;
            tried += 1;
            let (error, advice, in_use) = match result {
                Ok(answer) => match made(&answer) {
                    Ok(made) => return Ok(made),
                    Err(error) => (error, advice(&answer), answer.status.as_u16() == 409),
                },
                Err(error) => (named(error), None, false),
            };
            // A key in use means that an earlier call with it is still at work; how it ends is not known.
            doubt |= in_use || error.kind == ProviderErrorKind::Unknown;
            let error = if doubt { doubted(error) } else { error };
            let wait = retry_after.unwrap_or_else(|| limits::PAYMENT_BACKOFF.unsigned_abs() * 2_u32.pow(tried - 1));
            let worthwhile = advice.unwrap_or(is_repeatable(error.kind))
                && tried < limits::PAYMENT_TRIES_MAX
                && wait <= http::RETRY_AFTER_MAX
                && until.left().is_some_and(|left| left > wait);
            if !worthwhile {
                return Err(error);
            }
            tracing::debug!(provider.wait_ms = wait.as_millis(), "repeating a creation at Stripe with its key");
            tokio::time::sleep(wait).await;
        }
    }

    fn creation(&self, path: &str, form: &Parameters, key: &str) -> Result<Request, ProviderError> {
        let fits = (1..=limits::IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len());
        if !fits || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(rejected("not an idempotency key"));
        }
        http::built(self.request(Method::POST, path)?.header(IDEMPOTENCY_KEY, key).form(form))
    }

    /// Reads what a creation made, or its refusal.
    fn made<T: DeserializeOwned, U>(
        &self,
        answer: &Answer,
        understood: impl FnOnce(T) -> Result<U, Missing>,
    ) -> Result<U, ProviderError> {
        if !answer.status.is_success() {
            return Err(self.refused(answer));
        }
        understood(read(answer)?).map_err(|field| unusable(field, answer))
    }

    fn refused(&self, answer: &Answer) -> ProviderError {
        let problem = Problem::read(&answer.body);
        let kind = wire::kind(answer.status, problem.as_ref(), answer.doubt);
        let said = problem.map_or_else(|| "without a readable reason".to_owned(), |problem| problem.said());
        // By this Stripe's own log finds the request.
        let logged = answer.header("request-id").map(|id| format!(" ({id})")).unwrap_or_default();
        let said = format!("Stripe {}{logged}: {said}", answer.status.as_u16());
        ProviderError::new(kind, http::detail(&said, &[&self.config.api_key]))
    }
}

/// Reads a success. One that cannot be read is no proof of anything, so it leaves the doubt of its request.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ProviderError> {
    serde_json::from_slice(&answer.body).map_err(|_| {
        let status = answer.status.as_u16();
        ProviderError::new(answer.doubt, format!("Stripe {status}, with an answer that cannot be read"))
    })
}

fn unusable(field: Missing, answer: &Answer) -> ProviderError {
    ProviderError::new(answer.doubt, format!("Stripe answered without a usable {field}"))
}

fn named(error: ProviderError) -> ProviderError {
    ProviderError { detail: format!("Stripe: {}", error.detail), ..error }
}

fn rejected(why: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), format!("Stripe: {why}"))
}

fn too_many(what: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Unavailable, format!("Stripe listed more {what} than can be looked through"))
}

/// Stripe's own word on whether repeating helps.
fn advice(answer: &Answer) -> Option<bool> {
    match answer.header("stripe-should-retry") {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    }
}

const fn is_repeatable(kind: ProviderErrorKind) -> bool {
    match kind {
        ProviderErrorKind::Unknown | ProviderErrorKind::RateLimited => true,
        ProviderErrorKind::Rejected(_)
        | ProviderErrorKind::NotFound
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Misconfigured => false,
    }
}

/// The failure of a try after one that may have gone through. A refusal holds for all of them, since they are the same
/// request; that one was not let in says nothing of those before it.
fn doubted(error: ProviderError) -> ProviderError {
    match error.kind {
        ProviderErrorKind::Rejected(_) | ProviderErrorKind::NotFound => error,
        ProviderErrorKind::RateLimited
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Unknown
        | ProviderErrorKind::Misconfigured => ProviderError { kind: ProviderErrorKind::Unknown, ..error },
    }
}

fn parameters<const N: usize>(pairs: [(&str, &str); N]) -> Parameters {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Our marks, under `metadata` or where that stands.
fn marks(metadata: &str, top_up: &TopUpId, tenant: &TenantId) -> Parameters {
    let name = |mark: &str| format!("{metadata}[{mark}]");
    vec![(name(TOP_UP), top_up.to_string()), (name(TENANT), tenant.to_string())]
}

fn charged(amount: Money) -> Result<(String, String), ProviderError> {
    let (minor, currency) = amount::minor_units(amount).ok_or_else(|| rejected("not an amount that can be charged"))?;
    Ok((minor.to_string(), currency))
}

fn checkout_form(order: &CheckoutOrder) -> Result<Parameters, ProviderError> {
    let (amount, currency) = charged(order.amount)?;
    let mut form = parameters([
        ("mode", "payment"),
        ("customer", &order.customer),
        ("client_reference_id", order.top_up_id.as_str()),
        ("success_url", &order.success_url),
        ("cancel_url", &order.cancel_url),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", &currency),
        ("line_items[0][price_data][unit_amount]", &amount),
        ("line_items[0][price_data][product_data][name]", PRODUCT),
    ]);
    // The page's marks are not handed down to the payment.
    form.extend(marks("metadata", &order.top_up_id, &order.tenant_id));
    form.extend(marks("payment_intent_data[metadata]", &order.top_up_id, &order.tenant_id));
    if order.save_card {
        form.extend(parameters([("payment_intent_data[setup_future_usage]", "off_session")]));
    }
    Ok(form)
}

fn payment_form(order: &PaymentOrder) -> Result<Parameters, ProviderError> {
    let (amount, currency) = charged(order.amount)?;
    let mut form = parameters([
        ("amount", &amount),
        ("currency", &currency),
        ("customer", &order.customer),
        ("payment_method", &order.payment_method),
        ("off_session", "true"),
        ("confirm", "true"),
    ]);
    form.extend(marks("metadata", &order.top_up_id, &order.tenant_id));
    Ok(form)
}

/// Whether what was made is what this order asked for; another's under our key would be credited to the wrong wallet.
fn for_top_up<T>(made: T, found: Option<&TopUpId>, asked: &TopUpId) -> Result<T, Missing> {
    if found == Some(asked) { Ok(made) } else { Err(TOP_UP) }
}

/// Of several payments for one top-up the one that says most: money that is there, or on its way, before what came to nothing.
const fn weight(status: &PaymentStatus) -> u8 {
    match status {
        PaymentStatus::Succeeded => 4,
        PaymentStatus::Processing => 3,
        PaymentStatus::Open => 2,
        PaymentStatus::Declined(_) => 1,
        PaymentStatus::Canceled => 0,
    }
}

#[async_trait]
impl Payments for Stripe {
    async fn customer_create(&self, tenant: &TenantId, key: &str) -> Result<String, ProviderError> {
        let form = vec![(format!("metadata[{TENANT}]"), tenant.to_string())];
        self.create("/v1/customers", &form, key, |answer| self.made(answer, Made::id)).await
    }

    async fn checkout_create(&self, order: &CheckoutOrder, key: &str) -> Result<Checkout, ProviderError> {
        let form = checkout_form(order)?;
        self.create("/v1/checkout/sessions", &form, key, |answer| {
            self.made(answer, |session: Session| {
                let checkout = session.checkout()?;
                let found = checkout.top_up_id.clone();
                for_top_up(checkout, found.as_ref(), &order.top_up_id)
            })
        })
        .await
    }

    async fn checkout_get(&self, session: &str) -> Result<Checkout, ProviderError> {
        self.one("/v1/checkout/sessions", session, Session::checkout).await
    }

    async fn payment_create(&self, order: &PaymentOrder, key: &str) -> Result<Payment, ProviderError> {
        let form = payment_form(order)?;
        let checked = |payment: Payment| {
            let found = payment.top_up_id.clone();
            for_top_up(payment, found.as_ref(), &order.top_up_id)
        };
        self.create("/v1/payment_intents", &form, key, |answer| {
            let declined = (answer.status.as_u16() == 402).then(|| Problem::read(&answer.body)?.declined()).flatten();
            match declined {
                Some(payment) => payment.and_then(checked).map_err(|field| unusable(field, answer)),
                None => self.made(answer, |intent: Intent| intent.payment().and_then(checked)),
            }
        })
        .await
    }

    async fn payment_get(&self, id: &str) -> Result<Payment, ProviderError> {
        self.one("/v1/payment_intents", id, Intent::payment).await
    }

    /// Stripe's search is late by up to minutes, so the customer's payments are looked through, from the newest back.
    async fn payment_find(&self, customer: &str, top_up: &TopUpId) -> Result<Option<Payment>, ProviderError> {
        let until = self.http.deadline();
        let mut query = parameters([("customer", customer), ("limit", &limits::PAYMENT_PAGE.to_string())]);
        let mut best: Option<Payment> = None;
        for _ in 0..limits::PAYMENT_PAGES_MAX {
            let (page, answer) = self.get::<Page>("/v1/payment_intents", &query, until).await?;
            let (entries, after) = page.entries().map_err(|field| unusable(field, &answer))?;
            for intent in entries.iter().filter(|intent| wire::marked(intent).as_ref() == Some(top_up)) {
                let payment = Intent::deserialize(intent).map_err(|_| "payment_intent").and_then(Intent::payment);
                let payment = payment.map_err(|field| unusable(field, &answer))?;
                if best.as_ref().is_none_or(|best| weight(&payment.status) > weight(&best.status)) {
                    best = Some(payment);
                }
            }
            match after {
                None => return Ok(best),
                Some(_) if best.as_ref().is_some_and(|best| best.status == PaymentStatus::Succeeded) => {
                    return Ok(best);
                }
                Some(after) => continue_after(&mut query, after),
            }
        }
        // "Not there" may only be said after the last page: another payment would take the money twice.
        Err(too_many("payments"))
    }

    async fn refund_get(&self, id: &str) -> Result<Refund, ProviderError> {
        self.one("/v1/refunds", id, GivenBack::refund).await
    }

    async fn dispute_get(&self, id: &str) -> Result<Dispute, ProviderError> {
        self.one("/v1/disputes", id, Contested::dispute).await
    }

    async fn notifications_missed(&self, since: Timestamp) -> Result<Vec<Notification>, ProviderError> {
        let until = self.http.deadline();
        let mut query = parameters([
            ("delivery_success", "false"),
            ("created[gte]", &since.as_second().to_string()),
            ("limit", &limits::PAYMENT_PAGE.to_string()),
        ]);
        query.extend(notification::types().map(|name| ("types[]".to_owned(), name.to_owned())));
        let mut missed = Vec::new();
        for _ in 0..limits::NOTIFICATION_PAGES_MAX {
            let (page, answer) = self.get::<Page>("/v1/events", &query, until).await?;
            let (entries, after) = page.entries().map_err(|field| unusable(field, &answer))?;
            for entry in entries {
                missed.push(listed(entry, &answer)?);
            }
            match after {
                None => {
                    // Listed from the newest back, those of one second in the order they happened in.
                    missed.reverse();
                    missed.sort_by_key(|notification: &Notification| notification.at);
                    return Ok(missed);
                }
                Some(after) => continue_after(&mut query, after),
            }
        }
        Err(too_many("notifications"))
    }
}

fn listed(event: Value, answer: &Answer) -> Result<Notification, ProviderError> {
    notification::listed(event).map_err(|error| ProviderError::new(answer.doubt, format!("Stripe listed {error}")))
}

/// Turns a query for a page into the one for the next.
fn continue_after(query: &mut Parameters, after: String) {
    query.retain(|(name, _)| name != "starting_after");
    query.push(("starting_after".to_owned(), after));
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue};

    fn stripe() -> Stripe {
        Stripe::new(StripeConfig {
            api_key: SecretString::from("sk_test_the_key"),
            base_url: "http://127.0.0.1:9".to_owned(),
        })
    }

    #[test]
    fn a_refusal_keeps_the_key_to_itself_and_names_its_log_entry() {
        let body =
            br#"{"error":{"type":"invalid_request_error","message":"Invalid API Key: sk_test_the_key"}}"#.to_vec();
        let headers = HeaderMap::from_iter([("request-id".parse().unwrap(), HeaderValue::from_static("req_Ab1"))]);
        let answer = Answer { status: StatusCode::UNAUTHORIZED, headers, body, doubt: ProviderErrorKind::Unknown };
        let error = stripe().refused(&answer);
        assert_eq!(error.kind, ProviderErrorKind::Misconfigured);
        assert_eq!(error.detail, "Stripe 401 (req_Ab1): invalid_request_error: Invalid API Key: …");
        assert!(!format!("{:?}", stripe()).contains("the_key"));
    }

    #[tokio::test]
    async fn an_id_or_key_that_is_none_is_not_sent() {
        let tenant: TenantId = "acme".parse().unwrap();
        for id in ["", "..", "cs_1/expire", "cs_1?x"] {
            let error = stripe().checkout_get(id).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Other), "{id}");
        }
        for key in ["", "two words", "line\nbreak", "ş", &"k".repeat(256)] {
            let error = stripe().customer_create(&tenant, key).await.unwrap_err();
            assert_eq!(error.kind, ProviderErrorKind::Rejected(Reason::Other), "{key}");
        }
    }
}
