//! What a webhook of Stripe says: a snapshot event turned into a [`Notification`].
//!
//! Its signature has been checked by [`super::signature`] on the same bytes. An event written in another version than ours is
//! not believed: only what it is about is taken from it, to be asked for. Whether its money is ours, real and as much as we
//! asked for is judged by who keeps the top-ups.

use domain::payment::{DisputeStep, News, Notification, Subject};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::VERSION;
use super::wire::{self, Contested, GivenBack, Intent, Missing, Session};

/// Why a webhook's body is of no use. It is Stripe's by its signature, so a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// Not JSON, or not an object.
    #[error("a notification that is not a JSON object")]
    Json,
    /// This field is missing or makes no sense.
    #[error("a notification without a usable `{0}`")]
    Field(&'static str),
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Checkout { failed: bool },
    Payment,
    Refund,
    Dispute(DisputeStep),
}

/// The events that concern us. `charge.refunded` is not among them: it carries a sum of all refunds, and each refund has
/// events of its own.
const KINDS: [(&str, About); 16] = [
    ("checkout.session.completed", About::Checkout { failed: false }),
    ("checkout.session.async_payment_succeeded", About::Checkout { failed: false }),
    ("checkout.session.async_payment_failed", About::Checkout { failed: true }),
    ("checkout.session.expired", About::Checkout { failed: false }),
    ("payment_intent.succeeded", About::Payment),
    ("payment_intent.processing", About::Payment),
    ("payment_intent.payment_failed", About::Payment),
    ("payment_intent.canceled", About::Payment),
    ("refund.created", About::Refund),
    ("refund.updated", About::Refund),
    ("refund.failed", About::Refund),
    ("charge.dispute.created", About::Dispute(DisputeStep::Told)),
    ("charge.dispute.updated", About::Dispute(DisputeStep::Told)),
    ("charge.dispute.funds_withdrawn", About::Dispute(DisputeStep::Withdrawn)),
    ("charge.dispute.funds_reinstated", About::Dispute(DisputeStep::Reinstated)),
    ("charge.dispute.closed", About::Dispute(DisputeStep::Closed)),
];

/// The types of the events that concern us: what a webhook endpoint should be subscribed to.
pub fn types() -> impl Iterator<Item = &'static str> {
    KINDS.into_iter().map(|(name, _)| name)
}

/// Understands the body of a webhook.
///
/// # Errors
/// [`NotUnderstood`] when it concerns us (or might) and cannot be read. What certainly is nothing of ours is
/// [`News::Unconcerned`], read or not.
pub fn parse(body: &[u8]) -> Result<Notification, NotUnderstood> {
    let event = Event::read(serde_json::from_slice(body).map_err(|_| NotUnderstood::Json)?)?;
    let news = event.news()?;
    Ok(event.told(news))
}

/// Understands an event of a list. One that cannot be read is to be asked for: it must not hold up the others.
pub(super) fn listed(event: Value) -> Result<Notification, NotUnderstood> {
    let event = Event::read(event)?;
    let news = event.news().or_else(|error| event.about.map_or(Err(error), |about| event.subject(about)))?;
    Ok(event.told(news))
}

#[derive(Debug, Deserialize)]
struct Envelope {
    id: Option<String>,
    object: Option<String>,
    api_version: Option<String>,
    /// Seconds; in the newer events a text, which are not for us.
    created: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    data: Value,
}

/// An envelope that makes sense.
struct Event {
    id: String,
    at: Timestamp,
    /// None for what does not concern us.
    about: Option<About>,
    our_version: bool,
    object: Value,
}

impl Event {
    fn read(value: Value) -> Result<Self, NotUnderstood> {
        let mut envelope = Envelope::deserialize(value).map_err(|_| NotUnderstood::Json)?;
        let kind = envelope.kind.ok_or(NotUnderstood::Field("type"))?;
        let about = KINDS.into_iter().find(|(name, _)| *name == kind).map(|(_, about)| about);
        Ok(Self {
            id: envelope.id.filter(|id| !id.is_empty()).ok_or(NotUnderstood::Field("id"))?,
            at: envelope.created.as_ref().and_then(at).ok_or(NotUnderstood::Field("created"))?,
            about: about.filter(|_| envelope.object.as_deref() == Some("event")),
            our_version: envelope.api_version.as_deref() == Some(VERSION),
            object: envelope.data.get_mut("object").map(Value::take).unwrap_or_default(),
        })
    }

    fn told(self, news: News) -> Notification {
        Notification { id: self.id, at: self.at, news }
    }

    fn news(&self) -> Result<News, NotUnderstood> {
        let Some(about) = self.about else {
            return Ok(News::Unconcerned);
        };
        if !self.our_version {
            return self.subject(about);
        }
        match about {
            About::Checkout { failed } => {
                self.ours(|session: Session| Ok(News::Checkout { checkout: session.checkout()?, failed }))
            }
            About::Payment => self.ours(|intent: Intent| intent.payment().map(News::Payment)),
            About::Refund => self.object(|refund: GivenBack| refund.refund().map(News::Refund)),
            About::Dispute(step) => {
                self.object(|dispute: Contested| dispute.dispute().map(|dispute| News::Dispute(dispute, step)))
            }
        }
    }

    /// What the event is about, and nothing of what it says.
    fn subject(&self, about: About) -> Result<News, NotUnderstood> {
        let id = self.object["id"].as_str().filter(|id| !id.is_empty());
        let id = id.ok_or(NotUnderstood::Field("data.object.id"))?.to_owned();
        Ok(News::OtherVersion(match about {
            About::Checkout { failed } => Subject::Checkout { session: id, failed },
            About::Payment => Subject::Payment(id),
            About::Refund => Subject::Refund(id),
            About::Dispute(step) => Subject::Dispute(id, step),
        }))
    }

    fn object<'a, T: Deserialize<'a>>(
        &'a self,
        news: impl FnOnce(T) -> Result<News, Missing>,
    ) -> Result<News, NotUnderstood> {
        let object = T::deserialize(&self.object).map_err(|_| NotUnderstood::Field("data.object"))?;
        news(object).map_err(NotUnderstood::Field)
    }

    /// An object that carries our mark when it is ours. The account may sell other things, in ways unknown to us.
    fn ours<'a, T: Deserialize<'a>>(
        &'a self,
        news: impl FnOnce(T) -> Result<News, Missing>,
    ) -> Result<News, NotUnderstood> {
        let ours = wire::marked(&self.object).is_some();
        self.object(news).or_else(|error| if ours { Err(error) } else { Ok(News::Unconcerned) })
    }
}

fn at(created: &Value) -> Option<Timestamp> {
    match created {
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::payment::{AfterDecline, CheckoutStatus, DisputeOutcome, PaymentStatus};
    use proptest::prelude::*;
    use serde_json::json;

    const TOP: &str = "top_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

    fn session() -> Value {
        json!({
            "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "complete", "payment_status": "paid",
            "payment_intent": "pi_1", "customer": "cus_1", "client_reference_id": TOP, "amount_total": 2_500,
            "currency": "usd", "expires_at": 1_790_086_400, "livemode": false, "metadata": {"topup_id": TOP}
        })
    }

    fn intent() -> Value {
        json!({
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 2_500, "amount_received": 2_500,
            "currency": "usd", "customer": "cus_1", "livemode": false, "metadata": {"topup_id": TOP}
        })
    }

    fn refund() -> Value {
        json!({"id": "re_1", "object": "refund", "payment_intent": "pi_1", "amount": 700, "currency": "usd", "status": "pending"})
    }

    fn dispute() -> Value {
        json!({"id": "dp_1", "object": "dispute", "payment_intent": "pi_1", "amount": 2_500, "currency": "usd", "status": "lost"})
    }

    fn event(kind: &str, object: Value) -> Value {
        json!({
            "id": "evt_1", "object": "event", "api_version": VERSION, "created": 1_790_000_000, "type": kind,
            "livemode": false, "pending_webhooks": 1, "request": null, "data": {"object": object}
        })
    }

    fn parsed(event: &Value) -> Result<News, NotUnderstood> {
        parse(event.to_string().as_bytes()).map(|notification| {
            assert_eq!((notification.id.as_str(), notification.at.as_second()), ("evt_1", 1_790_000_000));
            notification.news
        })
    }

    #[test]
    fn every_kind_of_event_is_understood() {
        for (kind, about) in KINDS {
            let object = match about {
                About::Checkout { .. } => session(),
                About::Payment => intent(),
                About::Refund => refund(),
                About::Dispute(_) => dispute(),
            };
            let news = parsed(&event(kind, object)).unwrap();
            match (about, news) {
                (About::Checkout { failed: expected }, News::Checkout { checkout, failed }) => {
                    assert_eq!((checkout.status, failed), (CheckoutStatus::Paid, expected), "{kind}");
                }
                (About::Payment, News::Payment(payment)) => assert_eq!(payment.status, PaymentStatus::Succeeded),
                (About::Refund, News::Refund(refund)) => assert!(refund.stands),
                (About::Dispute(expected), News::Dispute(dispute, step)) => {
                    assert_eq!((dispute.outcome, step), (Some(DisputeOutcome::Lost), expected), "{kind}");
                }
                (_, news) => panic!("{kind}: {news:?}"),
            }
        }
        // Stripe lets a list of events be asked for by at most so many types.
        assert!(types().count() <= 20);
    }

    #[test]
    fn only_the_delayed_payment_that_did_not_come_has_failed() {
        let failed: Vec<&str> =
            KINDS.into_iter().filter(|(_, a)| *a == About::Checkout { failed: true }).map(|k| k.0).collect();
        assert_eq!(failed, ["checkout.session.async_payment_failed"]);
    }

    #[test]
    fn a_failed_payment_says_why() {
        let mut intent = intent();
        intent["status"] = json!("requires_payment_method");
        intent["last_payment_error"] = json!({"type": "card_error", "code": "authentication_required"});
        let Ok(News::Payment(payment)) = parsed(&event("payment_intent.payment_failed", intent)) else { panic!() };
        let PaymentStatus::Declined(decline) = payment.status else { panic!("{:?}", payment.status) };
        assert_eq!(decline.then, AfterDecline::Authenticate);
    }

    #[test]
    fn of_another_version_only_the_subject_is_taken() {
        let check = |kind: &str, expected: Subject| {
            // Nothing in it is readable but its id.
            let mut event = event(kind, json!({"id": "x_1", "amount": "a lot", "metadata": {"topup_id": TOP}}));
            for version in [json!("2017-08-15"), json!(null)] {
                event["api_version"] = version;
                assert_eq!(parsed(&event), Ok(News::OtherVersion(expected.clone())), "{kind}");
            }
        };
        let id = || "x_1".to_owned();
        check("checkout.session.completed", Subject::Checkout { session: id(), failed: false });
        check("checkout.session.async_payment_failed", Subject::Checkout { session: id(), failed: true });
        check("payment_intent.succeeded", Subject::Payment(id()));
        check("refund.failed", Subject::Refund(id()));
        check("charge.dispute.funds_withdrawn", Subject::Dispute(id(), DisputeStep::Withdrawn));
        let mut nameless = event("refund.failed", json!({}));
        nameless["api_version"] = json!("2017-08-15");
        assert_eq!(parsed(&nameless), Err(NotUnderstood::Field("data.object.id")));
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let check = |event: Value| assert_eq!(parsed(&event), Ok(News::Unconcerned), "{event}");
        let amount = json!({"id": "ch_1", "amount_refunded": 700});
        check(event("charge.refunded", amount.clone()));
        check(event("charge.refund.updated", amount.clone()));
        check(event("customer.subscription.updated", amount));
        check(event("a.new.type", json!(null)));
        let mut thin = event("payment_intent.succeeded", intent());
        thin["object"] = json!("v2.core.event");
        check(thin);
        // A page of another kind, sold by the same account.
        let foreign =
            json!({"id": "cs_9", "object": "checkout.session", "mode": "setup", "amount_total": null, "metadata": {}});
        check(event("checkout.session.completed", foreign));
        check(event("payment_intent.succeeded", json!({"id": "pi_9", "currency": "ugx", "amount": 1, "metadata": {}})));
    }

    #[test]
    fn a_thin_event_has_a_written_date() {
        let body = json!({"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account.updated", "created": "2026-11-01T00:00:00.000Z"});
        assert_eq!(parse(body.to_string().as_bytes()).unwrap().news, News::Unconcerned);
    }

    #[test]
    fn what_money_depends_on_must_be_there() {
        let check = |event: Value, expected: NotUnderstood| assert_eq!(parsed(&event), Err(expected), "{event}");
        let without = |mut object: Value, field: &str| {
            object.as_object_mut().unwrap().remove(field);
            object
        };
        let field = NotUnderstood::Field;
        for name in ["id", "mode", "amount_total", "currency", "livemode"] {
            check(event("checkout.session.completed", without(session(), name)), field(name));
        }
        for name in ["id", "amount_received", "currency", "livemode"] {
            check(event("payment_intent.succeeded", without(intent(), name)), field(name));
        }
        for name in ["id", "amount", "currency"] {
            check(event("refund.created", without(refund(), name)), field(name));
            check(event("charge.dispute.closed", without(dispute(), name)), field(name));
        }
        for name in ["id", "created", "type"] {
            check(without(event("refund.created", refund()), name), field(name));
        }
        check(without(event("refund.created", refund()), "data"), field("data.object"));
        check(json!([]), NotUnderstood::Json);
        check(json!("{}"), NotUnderstood::Json);
        assert_eq!(parse(b"<html>"), Err(NotUnderstood::Json));
        assert_eq!(parse(b""), Err(NotUnderstood::Json));
        // Read by a page's reference when its marks are gone.
        check(
            event("checkout.session.completed", without(without(session(), "metadata"), "currency")),
            field("currency"),
        );
    }

    #[test]
    fn an_unreadable_event_of_a_list_is_to_be_asked_for() {
        let mut odd = session();
        odd["amount_total"] = json!("2500");
        let notification = listed(event("checkout.session.completed", odd)).unwrap();
        let subject = Subject::Checkout { session: "cs_1".to_owned(), failed: false };
        assert_eq!(notification.news, News::OtherVersion(subject));
        assert!(listed(event("checkout.session.completed", json!({"metadata": {"topup_id": TOP}}))).is_err());
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), kind in 0..KINDS.len(), object in ".{0,40}") {
            drop(parse(&body));
            drop(parsed(&event(KINDS[kind].0, Value::from(object))));
        }
    }
}
