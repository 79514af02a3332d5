//! What the payment provider says of payments and pages to pay on, and what is believed of it.
//!
//! Notifications, the reconciling pass and our own calls all end in [`payment_told`] and [`checkout_told`], so it does not
//! matter which of them is first or how often each comes. Credit needs the stored top-up's tenant, amount, currency and mode;
//! what names a top-up and does not fit it credits nothing and is kept for a person. Refunds and disputes are in
//! [`super::reversals`].

use domain::ids::{EntryId, EventId};
use domain::payment::{AfterDecline, Checkout, News, Notification, Payment, PaymentStatus, Subject};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::reversal::PaymentRecord;
use domain::top_up::{AutoTopUp, Change, PaidBy, Report, Review, TopUp, TopUpStatus};
use domain::wallet::{Account, Entry, EntryKind};
use domain::{Money, TenantId, TopUpId, limits};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::outbox::Event;
use store::{Guard, StoreError, TransactError, Write};

use super::{recovery, reversals};
use crate::App;

/// Why news could not be dealt with now. It is worth sending again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotNow {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The payment provider could not be asked.
    #[error("the payment provider did not answer: {0}")]
    Provider(#[from] ProviderError),
    /// A refund or dispute of a payment that was not credited yet.
    #[error("a reversal came before its payment")]
    BeforeItsPayment,
    /// Others were changing the same.
    #[error("it kept changing")]
    Contended,
}

impl From<TransactError> for NotNow {
    fn from(error: TransactError) -> Self {
        match error {
            TransactError::Lost(_) => Self::Contended,
            TransactError::Store(error) => Self::Store(error),
        }
    }
}

/// Deals with a notification whose signature is good.
///
/// # Errors
/// [`NotNow`]: it has to come again.
pub async fn notified(app: &App, notification: &Notification) -> Result<(), NotNow> {
    let at = notification.at;
    match &notification.news {
        News::Checkout { checkout, failed } => checkout_told(app, checkout, *failed).await,
        News::Payment(payment) => payment_told(app, payment, at).await,
        News::Refund(refund) => reversals::refund_told(app, refund).await,
        News::Dispute(dispute, step) => reversals::dispute_told(app, dispute, *step).await,
        News::OtherVersion(subject) => ask(app, subject, at).await,
        News::Unconcerned => Ok(()),
    }
}

/// Deals with a notification that was delivered; what goes wrong is logged here.
///
/// # Errors
/// [`NotNow`]: it has to be delivered again.
pub async fn delivered(app: &App, notification: &Notification) -> Result<(), NotNow> {
    let dealt_with = notified(app, notification).await;
    if let Err(error) = &dealt_with {
        tracing::warn!(event.id = notification.id, %error, "a notification has to come again");
    }
    dealt_with
}

/// Asks for what a notification in another version is about, and deals with that.
async fn ask(app: &App, subject: &Subject, at: Timestamp) -> Result<(), NotNow> {
    let payments = app.providers.payments().await?;
    let asked = match subject {
        Subject::Checkout { session, failed } => match payments.checkout_get(session).await {
            Ok(checkout) => return checkout_told(app, &checkout, *failed).await,
            Err(error) => error,
        },
        Subject::Payment(id) => match payments.payment_get(id).await {
            Ok(payment) => return payment_told(app, &payment, at).await,
            Err(error) => error,
        },
        Subject::Refund(id) => match payments.refund_get(id).await {
            Ok(refund) => return reversals::refund_told(app, &refund).await,
            Err(error) => error,
        },
        Subject::Dispute(id, step) => match payments.dispute_get(id).await {
            Ok(dispute) => return reversals::dispute_told(app, &dispute, *step).await,
            Err(error) => error,
        },
    };
    if asked.kind == ProviderErrorKind::NotFound {
        tracing::warn!(error = %asked, "a notification was about nothing that is there");
        return Ok(());
    }
    Err(asked.into())
}

/// Deals with how a page to pay on stands; `failed`: a delayed payment did not come.
///
/// # Errors
/// [`NotNow`].
pub(crate) async fn checkout_told(app: &App, checkout: &Checkout, failed: bool) -> Result<(), NotNow> {
    let Some(top_up) = named(app, checkout.top_up_id.as_ref()).await? else { return Ok(()) };
    let subject = checkout.payment.as_deref().unwrap_or(&checkout.session);
    let told = Told { customer: checkout.customer.as_deref(), amount: checkout.amount, live: checkout.live };
    if top_up.session.as_ref().is_some_and(|session| *session != checkout.session) {
        return review(app, &top_up, subject, "it is of another page").await;
    }
    if let Some(why) = misfit(app, &top_up, &told).await? {
        return review(app, &top_up, subject, why).await;
    }
    match (Report::of_checkout(checkout.status, failed), &checkout.payment) {
        (Some(report), payment) => change(app, top_up, &report, payment.as_deref()).await,
        (None, Some(payment)) => credit(app, top_up, payment).await,
        (None, None) => review(app, &top_up, subject, "it is paid without a payment").await,
    }
}

/// Deals with how a payment stands, as of this instant.
///
/// # Errors
/// [`NotNow`].
pub(crate) async fn payment_told(app: &App, payment: &Payment, at: Timestamp) -> Result<(), NotNow> {
    let Some(top_up) = named(app, payment.top_up_id.as_ref()).await? else { return Ok(()) };
    let told = Told { customer: payment.customer.as_deref(), amount: payment.amount, live: payment.live };
    if let Some(why) = misfit(app, &top_up, &told).await? {
        return review(app, &top_up, &payment.id, why).await;
    }
    if let (PaymentStatus::Succeeded, Some(method)) = (&payment.status, &payment.reusable_method) {
        // First, so that a credit that is known to be booked has its card kept as well.
        app.store.payer_card(&top_up.tenant_id, method, at).await?;
    }
    match Report::of_payment(&payment.status) {
        Some(report) => change(app, top_up, &report, Some(&payment.id)).await,
        None => credit(app, top_up, &payment.id).await,
    }
}

/// The top-up that is named, if it is one of ours; another deployment may use the same account.
async fn named(app: &App, id: Option<&TopUpId>) -> Result<Option<TopUp>, NotNow> {
    match id {
        Some(id) => Ok(app.store.top_up_find(id).await?),
        None => Ok(None),
    }
}

/// What is said of somebody's money.
struct Told<'a> {
    customer: Option<&'a str>,
    amount: Money,
    live: bool,
}

/// Why what is told does not fit the top-up it names, if it does not. Its name alone proves nothing.
async fn misfit(app: &App, top_up: &TopUp, told: &Told<'_>) -> Result<Option<&'static str>, NotNow> {
    let payer = app.store.payer_get(&top_up.tenant_id).await?;
    let customer = payer.as_ref().map(|payer| payer.customer.as_str());
    Ok(if told.live != app.providers.payments_are_live().await? {
        Some("it is of another mode")
    } else if told.customer.is_none() || told.customer != customer {
        Some("another customer paid")
    } else if told.amount != top_up.amount {
        Some("another amount was paid")
    } else {
        None
    })
}

/// Keeps what does not fit a top-up for a person, and credits nothing.
async fn review(app: &App, top_up: &TopUp, subject: &str, why: &str) -> Result<(), NotNow> {
    tracing::error!(
        alarm = "payment_mismatch",
        top_up.id = %top_up.id,
        tenant.id = %top_up.tenant_id,
        payment.id = subject,
        why,
        "a payment does not fit the top-up it names"
    );
    let note = Review { subject: subject.to_owned(), why: why.to_owned() };
    let mut top_up = top_up.clone();
    for _ in 0..limits::BOOKING_TRIES_MAX {
        if top_up.review.is_some() {
            return Ok(());
        }
        let noted = TopUp { review: Some(note.clone()), ..top_up.clone() };
        match app.store.transact(vec![store::top_up::update(&noted)?]).await {
            Ok(()) => return Ok(()),
            Err(TransactError::Lost(_)) => top_up = again(app, &top_up).await?,
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(NotNow::Contended)
}

/// The top-up as it is now.
async fn again(app: &App, top_up: &TopUp) -> Result<TopUp, NotNow> {
    let corrupt = || StoreError::Corrupt(format!("the top-up {} is gone", top_up.id));
    Ok(app.store.top_up_get(&top_up.tenant_id, &top_up.id).await?.ok_or_else(corrupt)?)
}

/// Changes a top-up as a report asks for, if it is news.
///
/// # Errors
/// [`NotNow`].
pub(crate) async fn change(app: &App, top_up: TopUp, report: &Report, payment: Option<&str>) -> Result<(), NotNow> {
    let then = match report {
        Report::Declined(decline) => Some(decline.then),
        Report::Processing | Report::Expired | Report::NeverCame | Report::Canceled | Report::Nothing => None,
    };
    settle(app, top_up, payment, then, |top_up| top_up.told(report)).await
}

/// Makes the change that is decided on the top-up as it is: the top-up, its automatic top-up, and the news of it.
///
/// # Errors
/// [`NotNow`].
pub(crate) async fn settle(
    app: &App,
    mut top_up: TopUp,
    payment: Option<&str>,
    then: Option<AfterDecline>,
    decide: impl Fn(&TopUp) -> Option<Change> + Send + Sync,
) -> Result<(), NotNow> {
    for _ in 0..limits::BOOKING_TRIES_MAX {
        let Some(change) = decide(&top_up) else { return Ok(()) };
        let now = app.clock.now();
        let mut next = TopUp { payment: payment.map(str::to_owned).or(top_up.payment.clone()), ..top_up.clone() };
        let mut writes = Vec::new();
        match change {
            Change::Processing => next.status = TopUpStatus::Processing,
            Change::Over(status, failure) => {
                if let Some(failure) = &failure {
                    let data = json!({ "top_up_id": top_up.id, "amount": top_up.amount, "code": failure.code });
                    writes.push(event(app, &top_up.tenant_id, "wallet.top_up_failed", data)?);
                }
                (next.status, next.failure) = (status, failure);
                writes.extend(free_auto(app, &top_up, then).await?);
            }
        }
        next.look_at = next.next_look(now);
        writes.push(store::top_up::update(&next)?);
        match app.store.transact(writes).await {
            Ok(()) => return Ok(()),
            Err(TransactError::Lost(_)) => top_up = again(app, &top_up).await?,
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(NotNow::Contended)
}

/// The automatic top-up this one belongs to, if it is still the open one.
async fn its_auto(app: &App, top_up: &TopUp) -> Result<Option<AutoTopUp>, NotNow> {
    match top_up.by {
        PaidBy::Checkout { .. } => Ok(None),
        PaidBy::Auto { .. } => {
            let auto = app.store.auto_top_up_get(&top_up.tenant_id, top_up.amount.currency).await?;
            Ok(auto.filter(|auto| auto.open.as_ref() == Some(&top_up.id)))
        }
    }
}

/// Makes room for the next automatic top-up after this one came to nothing, or says why there will be none.
async fn free_auto(app: &App, top_up: &TopUp, then: Option<AfterDecline>) -> Result<Vec<Write>, NotNow> {
    let Some(auto) = its_auto(app, top_up).await? else { return Ok(Vec::new()) };
    let after = match then {
        Some(then) => auto.after_decline(then, app.clock.now()),
        None => auto.after_nothing(),
    };
    let mut writes = vec![store::top_up::auto_update(&top_up.tenant_id, &after)?];
    if let Some(disabled) = after.disabled.filter(|_| auto.disabled.is_none()) {
        let data = json!({ "currency": auto.currency, "reason": disabled.as_str(), "top_up_id": top_up.id });
        writes.push(event(app, &top_up.tenant_id, "wallet.auto_top_up_disabled", data)?);
    }
    Ok(writes)
}

/// Credits a payment, once for ever: whoever tells of it again finds it credited.
async fn credit(app: &App, mut top_up: TopUp, payment: &str) -> Result<(), NotNow> {
    for _ in 0..limits::BOOKING_TRIES_MAX {
        if top_up.status == TopUpStatus::Paid {
            return credited(app, &top_up, payment).await;
        }
        let now = app.clock.now();
        let explain = match top_up.by {
            PaidBy::Checkout { .. } => "Top-up",
            PaidBy::Auto { .. } => "Automatic top-up",
        };
        let entry = entry(app, EntryKind::TopUp, top_up.amount, explain);
        let record = PaymentRecord {
            payment: payment.to_owned(),
            tenant_id: top_up.tenant_id.clone(),
            top_up_id: top_up.id.clone(),
            credited: top_up.amount,
            reversible: top_up.amount.micros,
            entry_id: entry.id.clone(),
            created_at: now,
        };
        let paid = TopUp {
            status: TopUpStatus::Paid,
            payment: Some(payment.to_owned()),
            failure: None,
            look_at: None,
            ..top_up.clone()
        };
        let mut writes = Vec::from(store::payment::credit(&record, &entry)?);
        writes.push(store::top_up::update(&paid)?);
        if let Some(auto) = its_auto(app, &top_up).await? {
            writes.push(store::top_up::auto_update(&top_up.tenant_id, &auto.after_success(app.clock.now()))?);
        }
        let data = json!({ "top_up_id": top_up.id, "entry_id": entry.id, "amount": top_up.amount });
        writes.push(event(app, &top_up.tenant_id, "wallet.topped_up", data)?);
        match app.store.transact(writes).await {
            Ok(()) => {
                tracing::info!(top_up.id = %top_up.id, payment.id = payment, "a top-up was credited");
                recovery::after_credit(app, &top_up.tenant_id, top_up.amount.currency).await;
                return Ok(());
            }
            Err(error) if error.lost(Guard::Payment) => return credited(app, &top_up, payment).await,
            Err(TransactError::Lost(_)) => top_up = again(app, &top_up).await?,
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(NotNow::Contended)
}

/// A payment that cannot be credited: it was credited for this top-up before, or it is one too many.
async fn credited(app: &App, top_up: &TopUp, payment: &str) -> Result<(), NotNow> {
    match app.store.payment_get(payment).await? {
        Some(record) if record.top_up_id == top_up.id => {
            recovery::after_credit(app, &top_up.tenant_id, top_up.amount.currency).await;
            Ok(())
        }
        Some(_) => review(app, top_up, payment, "it was credited for another top-up").await,
        None => review(app, top_up, payment, "the top-up was paid before").await,
    }
}

/// A movement between a wallet and the payment provider, as of now.
pub(super) fn entry(app: &App, kind: EntryKind, amount: Money, explain: &str) -> Entry {
    let now = app.clock.now();
    Entry {
        id: EntryId::fresh(&*app.ids, now),
        kind,
        currency: amount.currency,
        postings: Entry::postings(amount, Account::Payments),
        number_id: None,
        period: None,
        operation_id: None,
        effective_at: now,
        created_at: now,
        explain: explain.to_owned(),
        lines: Vec::new(),
    }
}

/// News for the outbox.
pub(super) fn event(app: &App, tenant: &TenantId, kind: &str, data: Value) -> Result<Write, StoreError> {
    let now = app.clock.now();
    let event = Event { id: EventId::fresh(&*app.ids, now), kind: kind.to_owned(), at: now, data };
    store::outbox::insert(tenant, &event)
}
