//! The way into Stripe, before and behind the gate: one request for each key at a time, injected
//! failures remembered for their key, and events on their way once there is an answer.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;

use super::account::Account;
use super::courier::Courier;
use super::idempotency;
use super::refusal::Refusal;
use super::routes::{is_authorized, with_headers};
use crate::book::locked;
use crate::gate::{Gate, ThirdParty as _};
use crate::server::{Answer, Call, Outcome};

#[derive(Clone)]
pub(crate) struct Front {
    gate: Gate,
    account: Arc<Mutex<Account>>,
    courier: Arc<Courier>,
    in_use: Arc<Mutex<HashSet<String>>>,
}

/// A key as long as its request is under way.
struct InUse {
    keys: Arc<Mutex<HashSet<String>>>,
    key: String,
}

impl Front {
    pub(crate) fn new(gate: Gate, account: Arc<Mutex<Account>>, courier: Arc<Courier>) -> Self {
        Self { gate, account, courier, in_use: Arc::default() }
    }

    pub(crate) async fn pass(self, call: Call) -> Outcome {
        let key = idempotency::key(&call).filter(|_| is_authorized(&call));
        let _in_use = match key.as_ref().map(|key| self.take(key)).transpose() {
            Ok(in_use) => in_use,
            Err(refusal) => return Outcome::Answer(self.refused(&refusal, &call)),
        };
        let asked = call.clone();
        let outcome = match self.gate.pass(&self.account, call).await {
            Outcome::Answer(answer) => Outcome::Answer(self.told(answer, key.as_deref(), &asked).await),
            Outcome::HangUp => Outcome::HangUp,
        };
        self.courier.wake();
        outcome
    }

    fn take(&self, key: &str) -> Result<InUse, Refusal> {
        if locked(&self.in_use).insert(key.to_owned()) {
            return Ok(InUse { keys: self.in_use.clone(), key: key.to_owned() });
        }
        Err(Refusal::key_in_use(key))
    }

    fn refused(&self, refusal: &Refusal, call: &Call) -> Answer {
        let mut account = locked(&self.account);
        account.book.record(Account::operation(call), refusal.status.as_u16());
        let request = account.request_id();
        account.book.commit();
        with_headers(refusal.answer(), &request, call)
    }

    /// An answer of the gate's own has no request id yet, and no key that remembers it.
    async fn told(&self, answer: Answer, key: Option<&str>, call: &Call) -> Answer {
        let is_json =
            answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !is_json || answer.headers().contains_key("request-id") {
            return answer;
        }
        let body = answer.body().clone().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let mut account = locked(&self.account);
        if let Some(key) = key {
            account.remember_failure(key, call, answer.status(), &body);
        }
        let request = account.request_id();
        account.book.commit();
        with_headers(answer, &request, call)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        locked(&self.keys).remove(&self.key);
    }
}
