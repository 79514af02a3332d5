//! Stripe's JSON: pages to pay on, payments, refunds, disputes, lists, and how it refuses.
//!
//! Unknown fields are ignored and a reference may be an id or the whole object. What money depends on (ids, amounts,
//! currencies, whether it is real) is read strictly. A state this file does not know is one on its way, never a success.

use domain::payment::{
    AfterDecline, Checkout, CheckoutStatus, Decline, Dispute, DisputeOutcome, Payment, PaymentStatus, Refund,
};
use domain::ports::{ProviderErrorKind, Reason};
use domain::{Money, TopUpId};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::amount;

/// The name of the field that makes an object useless.
pub(super) type Missing = &'static str;

/// Under this name our top-up's id is kept with what Stripe makes for it.
pub(super) const TOP_UP: &str = "topup_id";
/// Under this name the tenant's id is.
pub(super) const TENANT: &str = "tenant_id";

/// One page of a list; entries one by one, since most are none of ours.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    data: Vec<Value>,
    has_more: bool,
}

impl Page {
    /// The entries, and after which one the next page begins, if there is one.
    pub(super) fn entries(self) -> Result<(Vec<Value>, Option<String>), Missing> {
        let after = match (self.has_more, self.data.last()) {
            (false, _) => None,
            (true, last) => Some(last.and_then(|last| last["id"].as_str()).ok_or("id")?.to_owned()),
        };
        Ok((self.data, after))
    }
}

/// A customer, or anything of which only the id counts.
#[derive(Debug, Deserialize)]
pub(super) struct Made {
    id: Option<String>,
}

impl Made {
    pub(super) fn id(self) -> Result<String, Missing> {
        id(self.id)
    }
}

/// A page to pay on (`checkout.session`).
#[derive(Debug, Deserialize)]
pub(super) struct Session {
    id: Option<String>,
    mode: Option<String>,
    status: Option<String>,
    payment_status: Option<String>,
    url: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: Value,
    amount_total: Option<i64>,
    currency: Option<String>,
    expires_at: Option<i64>,
    livemode: Option<bool>,
}

impl Session {
    pub(super) fn checkout(self) -> Result<Checkout, Missing> {
        if self.mode.as_deref() != Some("payment") {
            return Err("mode");
        }
        let expires_at = self.expires_at.and_then(|at| Timestamp::from_second(at).ok());
        Ok(Checkout {
            session: id(self.id)?,
            url: self.url,
            status: checkout_status(self.status.as_deref(), self.payment_status.as_deref()),
            payment: self.payment_intent,
            customer: self.customer,
            top_up_id: top_up_id(&self.metadata, self.client_reference_id.as_deref()),
            amount: sum(self.amount_total, "amount_total", self.currency.as_deref())?,
            expires_at: expires_at.ok_or("expires_at")?,
            live: self.livemode.ok_or("livemode")?,
        })
    }
}

/// Completed does not mean paid: delayed methods complete first. Only what is both is.
fn checkout_status(status: Option<&str>, payment_status: Option<&str>) -> CheckoutStatus {
    match (status, payment_status) {
        (Some("complete"), Some("paid")) => CheckoutStatus::Paid,
        (Some("open"), Some("unpaid")) => CheckoutStatus::Open,
        (Some("expired"), Some("unpaid")) => CheckoutStatus::Expired,
        _ => CheckoutStatus::Processing,
    }
}

/// A payment (`payment_intent`).
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    id: Option<String>,
    status: Option<String>,
    amount: Option<i64>,
    amount_received: Option<i64>,
    currency: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    customer: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_method: Option<String>,
    setup_future_usage: Option<String>,
    #[serde(default)]
    metadata: Value,
    last_payment_error: Option<Problem>,
    livemode: Option<bool>,
}

impl Intent {
    pub(super) fn payment(self) -> Result<Payment, Missing> {
        let status = payment_status(self.status.as_deref(), self.last_payment_error.as_ref());
        let succeeded = status == PaymentStatus::Succeeded;
        let amount = if succeeded {
            sum(self.amount_received, "amount_received", self.currency.as_deref())
        } else {
            sum(self.amount, "amount", self.currency.as_deref())
        };
        let reusable = succeeded && self.setup_future_usage.as_deref() == Some("off_session");
        Ok(Payment {
            id: id(self.id)?,
            status,
            customer: self.customer,
            top_up_id: top_up_id(&self.metadata, None),
            amount: amount?,
            reusable_method: self.payment_method.filter(|_| reusable),
            live: self.livemode.ok_or("livemode")?,
        })
    }
}

fn payment_status(status: Option<&str>, problem: Option<&Problem>) -> PaymentStatus {
    match (status, problem) {
        (Some("succeeded"), _) => PaymentStatus::Succeeded,
        (Some("canceled"), _) => PaymentStatus::Canceled,
        (Some("requires_payment_method"), Some(problem)) => PaymentStatus::Declined(problem.decline()),
        (Some("requires_payment_method" | "requires_confirmation" | "requires_action"), _) => PaymentStatus::Open,
        _ => PaymentStatus::Processing,
    }
}

/// Money given back (`refund`).
#[derive(Debug, Deserialize)]
pub(super) struct GivenBack {
    id: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    status: Option<String>,
}

impl GivenBack {
    pub(super) fn refund(self) -> Result<Refund, Missing> {
        Ok(Refund {
            id: id(self.id)?,
            payment: self.payment_intent,
            amount: sum(self.amount, "amount", self.currency.as_deref())?,
            // One under way counts: the money has left unless Stripe says that it came back.
            stands: !matches!(self.status.as_deref(), Some("failed" | "canceled")),
        })
    }
}

/// A contested payment (`dispute`).
#[derive(Debug, Deserialize)]
pub(super) struct Contested {
    id: Option<String>,
    #[serde(default, deserialize_with = "reference")]
    payment_intent: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    status: Option<String>,
    balance_transactions: Option<Vec<Value>>,
}

impl Contested {
    pub(super) fn dispute(self) -> Result<Dispute, Missing> {
        // At most two: taken, and given back.
        let taken = self.balance_transactions.is_some_and(|moves| moves.len() % 2 == 1);
        Ok(Dispute {
            id: id(self.id)?,
            payment: self.payment_intent,
            amount: sum(self.amount, "amount", self.currency.as_deref())?,
            outcome: dispute_outcome(self.status.as_deref(), taken),
        })
    }
}

fn dispute_outcome(status: Option<&str>, taken: bool) -> Option<DisputeOutcome> {
    match status {
        Some("won" | "warning_closed") => Some(DisputeOutcome::Won),
        Some("lost") => Some(DisputeOutcome::Lost),
        // Settled before it became formal: blocked, or by giving the money back. Only whether it was taken tells which.
        Some("prevented") => Some(if taken { DisputeOutcome::Lost } else { DisputeOutcome::Won }),
        _ => None,
    }
}

/// What Stripe says went wrong: the whole of a refusal, or the last attempt to pay.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    advice_code: Option<String>,
    message: Option<String>,
    payment_intent: Option<Value>,
}

impl Problem {
    /// The refusal of an answer. None when the body is not Stripe's: HTML of something in between, or nothing.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut value: Value = serde_json::from_slice(body).ok()?;
        let problem = Self::deserialize(value.get_mut("error")?.take()).ok()?;
        (problem.kind.is_some() || problem.code.is_some() || problem.message.is_some()).then_some(problem)
    }

    /// Code, words and log entry in one line.
    pub(super) fn said(&self) -> String {
        let words = [self.code.as_deref().or(self.kind.as_deref()), self.message.as_deref()];
        words.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }

    /// The payment a declined card left behind.
    pub(super) fn declined(&self) -> Option<Result<Payment, Missing>> {
        let intent = self.payment_intent.as_ref().filter(|_| self.kind.as_deref() == Some("card_error"))?;
        let payment = Intent::deserialize(intent).map_err(|_| "payment_intent").and_then(Intent::payment);
        Some(payment.map(|payment| match payment.status {
            // Money that is there is never forgotten, whatever the status around it says.
            PaymentStatus::Succeeded => payment,
            PaymentStatus::Open | PaymentStatus::Processing | PaymentStatus::Declined(_) | PaymentStatus::Canceled => {
                Payment { status: PaymentStatus::Declined(self.decline()), ..payment }
            }
        }))
    }

    fn decline(&self) -> Decline {
        let (code, decline_code) = (self.code.as_deref(), self.decline_code.as_deref());
        let says = |word: &str| code == Some(word) || decline_code == Some(word);
        let hopeless = ["expired_card", "stolen_card", "lost_card", "pickup_card", "fraudulent"];
        let then = if says("authentication_required") {
            AfterDecline::Authenticate
        } else if self.advice_code.as_deref() == Some("do_not_try_again") || hopeless.into_iter().any(says) {
            AfterDecline::GiveUp
        } else {
            AfterDecline::TryLater
        };
        // Stripe asks that whoever holds the card does not learn that it was reported stolen or taken for a fraud.
        let secret = |word: &&str| ["stolen_card", "lost_card", "pickup_card", "fraudulent"].contains(word);
        let code = decline_code.filter(|word| !secret(word)).or(code).unwrap_or("card_declined");
        Decline { then, code: code.to_owned() }
    }
}

/// What a refusal means. By code and type where Stripe gives them, by status otherwise; never by its words, which change.
pub(super) fn kind(status: StatusCode, problem: Option<&Problem>, doubt: ProviderErrorKind) -> ProviderErrorKind {
    use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected};
    let code = problem.and_then(|problem| problem.code.as_deref());
    let of_type = problem.and_then(|problem| problem.kind.as_deref());
    match (status.as_u16(), of_type, code) {
        // The key stands for another request, which is a mistake of ours.
        (400..=499, Some("idempotency_error"), code) if code != Some("idempotency_key_in_use") => {
            Rejected(Reason::Other)
        }
        (429, ..) | (400, _, Some("rate_limit")) => RateLimited,
        // Another request with the same key is at work: this one was not.
        (409, ..) => RateLimited,
        (401 | 403, ..) => Misconfigured,
        // Without Stripe's own words a 404 may come from something in between.
        (404, ..) if problem.is_none() => doubt,
        (404, ..) => NotFound,
        // A timeout, or a failure behind Stripe: may have gone through.
        (408 | 424, ..) => doubt,
        (400..=499, ..) => Rejected(Reason::Other),
        _ => doubt,
    }
}

/// The top-up an object of Stripe's belongs to, as we told it.
pub(super) fn marked(object: &Value) -> Option<TopUpId> {
    top_up_id(&object["metadata"], object["client_reference_id"].as_str())
}

fn top_up_id(metadata: &Value, reference: Option<&str>) -> Option<TopUpId> {
    metadata[TOP_UP].as_str().or(reference)?.parse().ok()
}

fn id(id: Option<String>) -> Result<String, Missing> {
    id.filter(|id| !id.is_empty()).ok_or("id")
}

fn sum(amount: Option<i64>, name: Missing, currency: Option<&str>) -> Result<Money, Missing> {
    amount::money(amount.ok_or(name)?, currency.ok_or("currency")?).ok_or(name)
}

/// An id, or the object that has it.
fn reference<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(id) => Some(id),
        object => object["id"].as_str().map(str::to_owned),
    }
    .filter(|id| !id.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TOP: &str = "top_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

    fn with(whole: &Value, field: &str, value: Value) -> Value {
        let mut changed = whole.clone();
        changed[field] = value;
        changed
    }

    fn session() -> Value {
        json!({
            "id": "cs_test_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
            "url": null, "payment_intent": "pi_1", "customer": "cus_1", "client_reference_id": TOP, "amount_total": 2_500,
            "currency": "usd", "expires_at": 1_790_086_400, "livemode": false, "new_field": {"a": [1]},
            "metadata": {TOP_UP: TOP, TENANT: "acme"}
        })
    }

    fn intent() -> Value {
        json!({
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2_500, "amount_received": 2_400,
            "currency": "usd", "customer": {"id": "cus_1", "object": "customer"}, "payment_method": "pm_1",
            "setup_future_usage": "off_session", "metadata": {TOP_UP: TOP}, "last_payment_error": null, "livemode": true
        })
    }

    #[test]
    fn a_page_is_paid_only_when_it_says_so_twice() {
        use CheckoutStatus::{Expired, Open, Paid, Processing};
        let check = |status: Value, payment_status: Value, expected: CheckoutStatus| {
            let session = with(&with(&session(), "status", status.clone()), "payment_status", payment_status.clone());
            let checkout = Session::deserialize(session).unwrap().checkout().unwrap();
            assert_eq!(checkout.status, expected, "{status} {payment_status}");
        };
        check(json!("complete"), json!("paid"), Paid);
        check(json!("complete"), json!("unpaid"), Processing);
        check(json!("complete"), json!("no_payment_required"), Processing);
        check(json!("complete"), json!("a_new_word"), Processing);
        check(json!("complete"), json!(null), Processing);
        check(json!("open"), json!("unpaid"), Open);
        check(json!("open"), json!("paid"), Processing);
        check(json!("expired"), json!("unpaid"), Expired);
        check(json!("expired"), json!("paid"), Processing);
        check(json!("a_new_word"), json!("paid"), Processing);
        check(json!(null), json!("paid"), Processing);
    }

    #[test]
    fn a_page_needs_what_money_depends_on() {
        let checkout = Session::deserialize(session()).unwrap().checkout().unwrap();
        assert_eq!(checkout.top_up_id, Some(TOP.parse().unwrap()));
        assert_eq!((checkout.payment.as_deref(), checkout.customer.as_deref()), (Some("pi_1"), Some("cus_1")));
        assert_eq!(checkout.amount.to_string(), "25.00 USD");
        assert!(!checkout.live);
        let check = |field: &str, value: Value, expected: Result<(), &str>| {
            let session = with(&session(), field, value);
            assert_eq!(Session::deserialize(session).unwrap().checkout().map(drop), expected, "{field}");
        };
        check("id", json!(""), Err("id"));
        check("mode", json!("subscription"), Err("mode"));
        check("mode", json!(null), Err("mode"));
        check("amount_total", json!(null), Err("amount_total"));
        check("amount_total", json!(-1), Err("amount_total"));
        check("currency", json!(null), Err("currency"));
        check("currency", json!("points"), Err("amount_total"));
        check("expires_at", json!(null), Err("expires_at"));
        check("livemode", json!(null), Err("livemode"));
        check("url", json!("https://checkout.stripe.com/c/pay/cs_test_1"), Ok(()));
        check("metadata", json!(null), Ok(()));
        check("payment_intent", json!(null), Ok(()));
        check("customer", json!(null), Ok(()));
        for odd in [json!("2500"), json!(25.5), json!({})] {
            assert!(Session::deserialize(with(&session(), "amount_total", odd)).is_err());
        }
    }

    #[test]
    fn marks_of_others_are_none() {
        let check = |metadata: Value, reference: Value, expected: bool| {
            let session =
                with(&with(&session(), "metadata", metadata.clone()), "client_reference_id", reference.clone());
            let found = Session::deserialize(&session).unwrap().checkout().unwrap().top_up_id;
            assert_eq!(found.is_some(), expected, "{metadata} {reference}");
            assert_eq!(marked(&session), found);
        };
        check(json!({TOP_UP: TOP}), json!(null), true);
        check(json!({}), json!(TOP), true);
        check(json!(null), json!(TOP), true);
        check(json!({TOP_UP: "order-7"}), json!(null), false);
        check(json!({TOP_UP: 7}), json!(null), false);
        check(json!("odd"), json!("tenant-1"), false);
        check(json!({}), json!(null), false);
    }

    #[test]
    fn a_payment_is_what_was_received() {
        let check = |status: Value, problem: Value, expected: &str, amount: &str, method: Option<&str>| {
            let intent = with(&with(&intent(), "status", status.clone()), "last_payment_error", problem);
            let payment = Intent::deserialize(intent).unwrap().payment().unwrap();
            let found = format!("{:?}", payment.status);
            assert!(found.starts_with(expected), "{status}: {found}");
            assert_eq!(payment.amount.amount(), amount, "{status}");
            assert_eq!(payment.reusable_method.as_deref(), method, "{status}");
            assert_eq!(payment.customer.as_deref(), Some("cus_1"));
        };
        let declined = json!({"type": "card_error", "code": "card_declined"});
        check(json!("succeeded"), json!(null), "Succeeded", "24.00", Some("pm_1"));
        check(json!("succeeded"), declined.clone(), "Succeeded", "24.00", Some("pm_1"));
        check(json!("processing"), json!(null), "Processing", "25.00", None);
        check(json!("canceled"), declined.clone(), "Canceled", "25.00", None);
        check(json!("requires_payment_method"), json!(null), "Open", "25.00", None);
        check(json!("requires_payment_method"), declined, "Declined", "25.00", None);
        check(json!("requires_action"), json!(null), "Open", "25.00", None);
        check(json!("requires_confirmation"), json!(null), "Open", "25.00", None);
        check(json!("requires_capture"), json!(null), "Processing", "25.00", None);
        check(json!("a_new_word"), json!(null), "Processing", "25.00", None);
        check(json!(null), json!(null), "Processing", "25.00", None);

        let once = with(&intent(), "setup_future_usage", json!(null));
        assert_eq!(Intent::deserialize(once).unwrap().payment().unwrap().reusable_method, None);
        for field in ["id", "amount_received", "currency", "livemode"] {
            let broken = with(&intent(), field, json!(null));
            assert_eq!(Intent::deserialize(broken).unwrap().payment(), Err(field));
        }
    }

    #[test]
    fn a_decline_says_what_it_takes() {
        use AfterDecline::{Authenticate, GiveUp, TryLater};
        let check = |problem: Value, then: AfterDecline, code: &str| {
            let decline = Problem::deserialize(&problem).unwrap().decline();
            assert_eq!(decline, Decline { then, code: code.to_owned() }, "{problem}");
        };
        let with = |decline: &str| json!({"code": "card_declined", "decline_code": decline});
        check(json!({"code": "authentication_required"}), Authenticate, "authentication_required");
        check(with("authentication_required"), Authenticate, "authentication_required");
        check(
            json!({"code": "authentication_required", "advice_code": "do_not_try_again"}),
            Authenticate,
            "authentication_required",
        );
        check(with("insufficient_funds"), TryLater, "insufficient_funds");
        check(with("generic_decline"), TryLater, "generic_decline");
        check(json!({"code": "processing_error"}), TryLater, "processing_error");
        check(json!({"code": "card_declined", "advice_code": "try_again_later"}), TryLater, "card_declined");
        check(json!({"code": "card_declined", "advice_code": "confirm_card_data"}), TryLater, "card_declined");
        check(json!({"code": "card_declined", "advice_code": "do_not_try_again"}), GiveUp, "card_declined");
        check(with("stolen_card"), GiveUp, "card_declined");
        check(with("lost_card"), GiveUp, "card_declined");
        check(with("pickup_card"), GiveUp, "card_declined");
        check(with("fraudulent"), GiveUp, "card_declined");
        check(with("expired_card"), GiveUp, "expired_card");
        check(json!({"code": "expired_card"}), GiveUp, "expired_card");
        check(json!({}), TryLater, "card_declined");
    }

    #[test]
    fn a_refund_stands_until_it_comes_back() {
        let whole =
            json!({"id": "re_1", "object": "refund", "payment_intent": "pi_1", "amount": 700, "currency": "usd"});
        for (status, stands) in [
            (json!("pending"), true),
            (json!("requires_action"), true),
            (json!("succeeded"), true),
            (json!("failed"), false),
            (json!("canceled"), false),
            (json!("a_new_word"), true),
            (json!(null), true),
        ] {
            let refund = GivenBack::deserialize(with(&whole, "status", status.clone())).unwrap().refund().unwrap();
            assert_eq!(refund.stands, stands, "{status}");
            assert_eq!(refund.amount.amount(), "7.00");
        }
        let broken = with(&whole, "amount", json!(null));
        assert_eq!(GivenBack::deserialize(broken).unwrap().refund(), Err("amount"));
    }

    #[test]
    fn a_dispute_ends_for_one_side() {
        use DisputeOutcome::{Lost, Won};
        let check = |status: &str, moves: usize, expected: Option<DisputeOutcome>| {
            let dispute = json!({
                "id": "dp_1", "object": "dispute", "payment_intent": {"id": "pi_1"}, "amount": 2_500, "currency": "usd",
                "status": status, "balance_transactions": vec![json!({"amount": -2_500}); moves]
            });
            let dispute = Contested::deserialize(dispute).unwrap().dispute().unwrap();
            assert_eq!(dispute.outcome, expected, "{status} {moves}");
            assert_eq!(dispute.payment.as_deref(), Some("pi_1"));
        };
        check("won", 2, Some(Won));
        check("lost", 1, Some(Lost));
        check("warning_closed", 0, Some(Won));
        check("prevented", 0, Some(Won));
        check("prevented", 1, Some(Lost));
        check("needs_response", 1, None);
        check("under_review", 1, None);
        check("warning_needs_response", 0, None);
        check("warning_under_review", 0, None);
        check("a_new_word", 1, None);
    }

    #[test]
    fn a_refusal_says_whether_it_happened() {
        use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Rejected, Unknown};
        let check = |status: u16, problem: Option<(&str, &str)>, expected: ProviderErrorKind| {
            let body = problem.map(|(kind, code)| json!({"error": {"type": kind, "code": code, "message": "said"}}));
            let problem = body.and_then(|body| Problem::read(body.to_string().as_bytes()));
            let found = kind(StatusCode::from_u16(status).unwrap(), problem.as_ref(), Unknown);
            assert_eq!(found, expected, "{status} {problem:?}");
        };
        let invalid = "invalid_request_error";
        check(400, Some((invalid, "parameter_unknown")), Rejected(Reason::Other));
        check(400, Some((invalid, "resource_missing")), Rejected(Reason::Other));
        check(400, Some(("idempotency_error", "")), Rejected(Reason::Other));
        check(409, Some(("idempotency_error", "")), Rejected(Reason::Other));
        check(409, Some(("idempotency_error", "idempotency_key_in_use")), RateLimited);
        check(409, Some((invalid, "idempotency_key_in_use")), RateLimited);
        check(409, None, RateLimited);
        check(400, Some((invalid, "rate_limit")), RateLimited);
        check(429, Some((invalid, "rate_limit")), RateLimited);
        check(429, None, RateLimited);
        check(401, Some((invalid, "api_key_expired")), Misconfigured);
        check(403, None, Misconfigured);
        check(404, Some((invalid, "resource_missing")), NotFound);
        check(404, None, Unknown);
        check(402, Some(("card_error", "card_declined")), Rejected(Reason::Other));
        check(408, None, Unknown);
        check(424, Some(("api_error", "")), Unknown);
        check(500, Some(("api_error", "")), Unknown);
        check(503, None, Unknown);
        check(302, None, Unknown);
        check(200, None, Unknown);
    }

    #[test]
    fn only_stripes_own_words_are_a_refusal() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(Problem::read(body.as_bytes()).map(|problem| problem.said()).as_deref(), expected, "{body}");
        };
        check(r#"{"error":{"type":"card_error","code":"card_declined","message":"No."}}"#, Some("card_declined: No."));
        check(r#"{"error":{"type":"api_error"}}"#, Some("api_error"));
        check(r#"{"error":{"message":"No.","extra":[1]}}"#, Some("No."));
        check(r#"{"error":{}}"#, None);
        check(r#"{"error":"no"}"#, None);
        check(r#"{"message":"no"}"#, None);
        check("<html>502</html>", None);
        check("null", None);
        check("", None);
    }
}
