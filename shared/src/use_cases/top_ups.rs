//! Put money into a wallet: on a page to pay on, or automatically with a saved card.
//!
//! A top-up is recorded before the payment provider hears of it, and its id is the provider's idempotency key: whoever finds
//! one half made (the same request again, the reconciling pass) repeats the same creation and nothing is made twice. The
//! money is booked in [`super::payments`], by what the provider says and never by what a browser does.

use domain::payment::AfterDecline;
use domain::ports::{CheckoutOrder, PaymentOrder, ProviderError, ProviderErrorKind};
use domain::top_up::{AutoRule, AutoTopUp, Change, PaidBy, Payer, TopUp, TopUpFailure, TopUpStatus, bounds, may_be};
use domain::{Currency, Money, TenantId, TopUpId, limits};
use serde::{Deserialize, Serialize};
use store::idempotency::{Idempotency, Made};
use store::{Guard, TransactError};

use super::payments::{self, NotNow};
use crate::api::{AutoTopUpView, TopUpView};
use crate::http::auth::Caller;
use crate::http::extract::hash_request;
use crate::{App, Error};

/// How much to top up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TopUpRequest))]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// A decimal number.
    amount: String,
    /// ISO 4217.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    currency: String,
    /// Keep the card for automatic top-ups.
    #[serde(default = "yes")]
    save_card: bool,
}

fn yes() -> bool {
    true
}

/// Starts a top-up, or goes on with the one this key stands for: where to pay.
///
/// # Errors
/// [`Error::AmountOutOfRange`], [`Error::Payments`], [`Error::TopUpFailed`] for a key whose top-up came to nothing,
/// [`Error::NotFound`] for a caller confined to a project.
pub async fn start(
    app: &App,
    caller: &Caller,
    key_hash: Option<&str>,
    request: &StartRequest,
) -> Result<TopUpView, Error> {
    caller.sees_all()?;
    let key = key_hash.ok_or(Error::IdempotencyKeyRequired)?;
    let amount = within_bounds("amount", &request.amount, &request.currency)?;
    let request_hash = hash_request("POST /v1/wallet/top-ups", request);
    if let Some(before) = repeated(app, &caller.tenant, key, &request_hash).await? {
        return Ok(go_on(app, before).await?.into());
    }
    // Without a provider nothing begins, and the key stays free.
    app.providers.payments().await.map_err(Error::Payments)?;
    let now = app.clock.now();
    let id = TopUpId::fresh(&*app.ids, now);
    let console = &app.settings.console_url;
    let by = PaidBy::Checkout {
        save_card: request.save_card,
        success_url: format!("{console}/wallet?top_up={id}&session={{CHECKOUT_SESSION_ID}}"),
        cancel_url: format!("{console}/wallet?top_up={id}&canceled=true"),
    };
    let top_up = fresh(app, id, &caller.tenant, amount, by);
    let record =
        Idempotency { request_hash: request_hash.clone(), made: Made::TopUp(top_up.id.clone()), created_at: now };
    let mut writes = Vec::from(store::top_up::insert(&top_up)?);
    writes.push(store::idempotency::insert(&caller.tenant, key, &record)?);
    match app.store.transact(writes).await {
        Ok(()) => Ok(go_on(app, top_up).await?.into()),
        Err(error) if error.lost(Guard::Idempotency) => {
            let before = repeated(app, &caller.tenant, key, &request_hash).await?;
            Ok(go_on(app, before.ok_or(Error::OperationInProgress(None))?).await?.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A top-up of the caller's tenant.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn get(app: &App, caller: &Caller, id: &TopUpId) -> Result<TopUpView, Error> {
    caller.sees_all()?;
    Ok(app.store.top_up_get(&caller.tenant, id).await?.ok_or(Error::NotFound)?.into())
}

fn fresh(app: &App, id: TopUpId, tenant: &TenantId, amount: Money, by: PaidBy) -> TopUp {
    let now = app.clock.now();
    let top_up = TopUp {
        id,
        tenant_id: tenant.clone(),
        amount,
        status: TopUpStatus::Open,
        by,
        session: None,
        checkout_url: None,
        payment: None,
        expires_at: None,
        failure: None,
        review: None,
        look_at: None,
        created_at: now,
        revision: 1,
    };
    TopUp { look_at: top_up.next_look(now), ..top_up }
}

fn within_bounds(field: &'static str, amount: &str, currency: &str) -> Result<Money, Error> {
    let currency: Currency = currency.parse().map_err(|error| Error::invalid("currency", format!("{error}")))?;
    let amount = Money::parse(amount, currency).map_err(|error| Error::invalid(field, format!("{error}")))?;
    let taken = || limits::TOP_UP_UNITS.map(|(currency, _, _)| currency.to_string()).join(", ");
    let (min, max) = bounds(currency).ok_or_else(|| Error::invalid("currency", format!("one of {}", taken())))?;
    if may_be(amount) { Ok(amount) } else { Err(Error::AmountOutOfRange { min, max }) }
}

/// The top-up this key stands for already, if any.
async fn repeated(app: &App, tenant: &TenantId, key: &str, request_hash: &str) -> Result<Option<TopUp>, Error> {
    match app.store.idempotency_get(tenant, key).await? {
        None => Ok(None),
        Some(Idempotency { request_hash: before, made: Made::TopUp(id), .. }) if before == request_hash => {
            Ok(Some(app.store.top_up_get(tenant, &id).await?.ok_or(Error::NotFound)?))
        }
        Some(_) => Err(Error::IdempotencyKeyReused),
    }
}

/// A top-up with its page to pay on, made if it was not made yet: repeated with the key of the first time while the
/// provider knows that key, and given up after that.
///
/// # Errors
/// [`Error::Payments`] when it may be asked again, [`Error::TopUpFailed`] when not.
pub(super) async fn go_on(app: &App, top_up: TopUp) -> Result<TopUp, Error> {
    let PaidBy::Checkout { save_card, success_url, cancel_url } = &top_up.by else { return Ok(top_up) };
    if let Some(failure) =
        top_up.failure.as_ref().filter(|_| top_up.status == TopUpStatus::Failed && top_up.session.is_none())
    {
        return Err(Error::TopUpFailed(failure.detail.clone()));
    }
    if top_up.session.is_some() || !top_up.status.unfinished() {
        return Ok(top_up);
    }
    if !top_up.repeatable(app.clock.now()) {
        return give_up(app, top_up, "not_made", "Its page to pay on could not be made in time.").await;
    }
    let payments = app.providers.payments().await.map_err(Error::Payments)?;
    let customer = customer(app, &top_up.tenant_id).await?;
    let order = CheckoutOrder {
        top_up_id: top_up.id.clone(),
        tenant_id: top_up.tenant_id.clone(),
        customer,
        amount: top_up.amount,
        save_card: *save_card,
        success_url: success_url.clone(),
        cancel_url: cancel_url.clone(),
    };
    let made = match payments.checkout_create(&order, top_up.id.as_str()).await {
        Ok(made) => made,
        Err(error) if for_good(&error) => {
            tracing::error!(top_up.id = %top_up.id, %error, "a page to pay on was refused");
            return give_up(app, top_up, "refused", "The payment provider refused it.").await;
        }
        Err(error) => return Err(refused(app, error)),
    };
    let mut top_up = top_up;
    for _ in 0..limits::BOOKING_TRIES_MAX {
        let with_page = TopUp {
            session: Some(made.session.clone()),
            checkout_url: made.url.clone(),
            expires_at: Some(made.expires_at),
            ..top_up.clone()
        };
        match app.store.transact(vec![store::top_up::update(&with_page)?]).await {
            Ok(()) => return Ok(with_page),
            Err(TransactError::Lost(_)) => {
                let now = app.store.top_up_get(&top_up.tenant_id, &top_up.id).await?.ok_or(Error::NotFound)?;
                if now.session.is_some() {
                    return Ok(now);
                }
                top_up = now;
            }
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(Error::OperationInProgress(None))
}

/// What the provider knows a tenant by; made known at its first top-up. Made twice at worst, and only one is ever used.
async fn customer(app: &App, tenant: &TenantId) -> Result<String, Error> {
    if let Some(payer) = app.store.payer_get(tenant).await? {
        return Ok(payer.customer);
    }
    let payments = app.providers.payments().await.map_err(Error::Payments)?;
    let key = format!("{}-customer-{tenant}", app.settings.deployment);
    let customer = payments.customer_create(tenant, &key).await.map_err(|error| refused(app, error))?;
    let payer = Payer { customer, payment_method: None, method_at: None, created_at: app.clock.now() };
    match app.store.payer_insert(tenant, &payer).await {
        Ok(()) => Ok(payer.customer),
        Err(TransactError::Lost(_)) => {
            let first = app.store.payer_get(tenant).await?;
            first.map(|payer| payer.customer).ok_or(Error::OperationInProgress(None))
        }
        Err(TransactError::Store(error)) => Err(error.into()),
    }
}

/// Ends a top-up whose page or payment was never made.
async fn give_up(app: &App, top_up: TopUp, code: &str, detail: &str) -> Result<TopUp, Error> {
    let failure = TopUpFailure { code: code.to_owned(), detail: detail.to_owned() };
    never_made(app, top_up, &failure, None).await.map_err(error)?;
    Err(Error::TopUpFailed(failure.detail))
}

/// Ends a top-up of which the provider has nothing.
pub(super) async fn never_made(
    app: &App,
    top_up: TopUp,
    failure: &TopUpFailure,
    then: Option<AfterDecline>,
) -> Result<(), NotNow> {
    let over = |top_up: &TopUp| {
        let nothing = top_up.status.unfinished() && top_up.session.is_none() && top_up.payment.is_none();
        nothing.then(|| Change::Over(TopUpStatus::Failed, Some(failure.clone())))
    };
    payments::settle(app, top_up, None, then, over).await
}

/// Whether a creation was refused, so that repeating it cannot help.
fn for_good(error: &ProviderError) -> bool {
    match error.kind {
        ProviderErrorKind::Rejected(_) | ProviderErrorKind::NotFound => true,
        ProviderErrorKind::RateLimited
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Unknown
        | ProviderErrorKind::Misconfigured => false,
    }
}

/// The provider did not do it. Where it refused our credentials somebody has to act; where there are none, nobody has.
fn refused(app: &App, error: ProviderError) -> Error {
    if error.kind == ProviderErrorKind::Misconfigured {
        app.providers.credentials_refused();
        tracing::error!(alarm = "misconfigured", %error, "the payment provider refused our credentials");
    }
    Error::Payments(error)
}

fn error(not_now: NotNow) -> Error {
    match not_now {
        NotNow::Store(error) => Error::Store(error),
        NotNow::Provider(error) => Error::Payments(error),
        NotNow::BeforeItsPayment | NotNow::Contended => Error::OperationInProgress(None),
    }
}

/// When to top up by itself, and how much.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AutoTopUpRequest))]
#[serde(deny_unknown_fields)]
pub struct AutoRequest {
    /// ISO 4217.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    currency: String,
    /// When less than this is available.
    below: String,
    /// Add this.
    amount: String,
}

/// Sets the automatic top-up of a wallet (which also lets one go on that was switched off after a decline), or (`None`)
/// switches all of them off.
///
/// # Errors
/// [`Error::AmountOutOfRange`], [`Error::Invalid`], [`Error::NoSavedCard`], [`Error::NotFound`] for a caller confined to a
/// project.
pub async fn set_auto(
    app: &App,
    caller: &Caller,
    request: Option<&AutoRequest>,
) -> Result<Option<AutoTopUpView>, Error> {
    caller.sees_all()?;
    let Some(request) = request else {
        for (currency, _, _) in limits::TOP_UP_UNITS {
            if app.store.auto_top_up_get(&caller.tenant, currency).await?.is_some() {
                let _ = put_rule(app, &caller.tenant, currency, None).await?;
            }
        }
        return Ok(None);
    };
    let amount = within_bounds("amount", &request.amount, &request.currency)?;
    let below =
        Money::parse(&request.below, amount.currency).map_err(|error| Error::invalid("below", format!("{error}")))?;
    let most = bounds(amount.currency).map_or(0, |(_, max)| max.micros);
    if !(0..=most).contains(&below.micros) {
        return Err(Error::invalid("below", "not negative, and not more than one top-up may be"));
    }
    let payer = app.store.payer_get(&caller.tenant).await?;
    if payer.is_none_or(|payer| payer.payment_method.is_none()) {
        return Err(Error::NoSavedCard);
    }
    let rule = AutoRule { below, amount };
    Ok(Some(put_rule(app, &caller.tenant, amount.currency, Some(rule)).await?.into()))
}

async fn put_rule(
    app: &App,
    tenant: &TenantId,
    currency: Currency,
    rule: Option<AutoRule>,
) -> Result<AutoTopUp, Error> {
    for _ in 0..limits::BOOKING_TRIES_MAX {
        let before = app.store.auto_top_up_get(tenant, currency).await?;
        let before = before.unwrap_or_else(|| AutoTopUp::none(currency));
        let after = AutoTopUp { rule, declines: 0, retry_at: None, disabled: None, ..before };
        match app.store.transact(vec![store::top_up::auto_update(tenant, &after)?]).await {
            Ok(()) => return Ok(after),
            Err(TransactError::Lost(_)) => {}
            Err(TransactError::Store(error)) => return Err(error.into()),
        }
    }
    Err(Error::OperationInProgress(None))
}

/// What asking for an automatic top-up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoOutcome {
    /// None is set, none is needed, it is switched off, there is no card, or the day to try again has not come.
    Nothing,
    /// The money is there.
    Credited,
    /// One is open: the money is on its way, or how the payment went is not known yet.
    UnderWay,
    /// The card was refused, just now.
    Declined,
}

/// Whether an automatic top-up is due.
///
/// # Errors
/// When the store does not answer.
pub async fn runs_low(app: &App, tenant: &TenantId, currency: Currency) -> Result<bool, Error> {
    let auto = app.store.auto_top_up_get(tenant, currency).await?;
    let Some(auto) = auto.filter(|auto| auto.rule.is_some()) else { return Ok(false) };
    let available = app.store.wallet_get(tenant, currency).await?.map_or(0, |wallet| wallet.available);
    Ok(auto.due(available, app.clock.now()).is_some())
}

/// Tops a wallet up with the saved card, if less than its threshold would be available without what it owes (micro-units)
/// and nothing speaks against it. There is never a second one at a time: the transaction that makes it takes the wallet's
/// one place for it.
///
/// # Errors
/// [`Error::Store`]; [`Error::Payments`] when there is no provider to ask. Doubt about the payment is no error: the top-up
/// stays open, and the reconciling pass finds out.
pub async fn auto(app: &App, tenant: &TenantId, currency: Currency, owed: i64) -> Result<AutoOutcome, Error> {
    let Some(auto) = app.store.auto_top_up_get(tenant, currency).await? else { return Ok(AutoOutcome::Nothing) };
    if auto.open.is_some() {
        return Ok(AutoOutcome::UnderWay);
    }
    if auto.rule.is_none() || auto.disabled.is_some() {
        return Ok(AutoOutcome::Nothing);
    }
    let available = app.store.wallet_get(tenant, currency).await?.map_or(0, |wallet| wallet.available);
    let Some(rule) = auto.due(available.saturating_sub(owed), app.clock.now()) else {
        return Ok(AutoOutcome::Nothing);
    };
    let payer = app.store.payer_get(tenant).await?;
    let Some((customer, method)) = payer.and_then(|payer| Some((payer.customer, payer.payment_method?))) else {
        return Ok(AutoOutcome::Nothing);
    };
    app.providers.payments().await.map_err(Error::Payments)?;
    let by = PaidBy::Auto { customer, payment_method: method };
    let id = TopUpId::fresh(&*app.ids, app.clock.now());
    let top_up = fresh(app, id, tenant, rule.amount, by);
    let mut writes = Vec::from(store::top_up::insert(&top_up)?);
    writes.push(store::top_up::auto_update(tenant, &AutoTopUp { open: Some(top_up.id.clone()), ..auto })?);
    match app.store.transact(writes).await {
        Ok(()) => {}
        // Somebody else was first, or changed the rule: what is to be done then, they or the next one see.
        Err(TransactError::Lost(_)) => return Ok(AutoOutcome::UnderWay),
        Err(TransactError::Store(error)) => return Err(error.into()),
    }
    if let Err(not_now) = charge(app, &top_up).await {
        tracing::warn!(top_up.id = %top_up.id, error = %not_now, "how an automatic top-up went is not known yet");
    }
    let after = app.store.top_up_get(tenant, &top_up.id).await?;
    Ok(match after.map_or(TopUpStatus::Open, |after| after.status) {
        TopUpStatus::Paid => AutoOutcome::Credited,
        TopUpStatus::Open | TopUpStatus::Processing => AutoOutcome::UnderWay,
        TopUpStatus::Failed | TopUpStatus::Expired => AutoOutcome::Declined,
    })
}

/// Charges the saved card for an automatic top-up and books what came of it. With the same key each time, so it may be
/// repeated as long as [`TopUp::repeatable`].
///
/// # Errors
/// [`NotNow`]: it may have been charged, and the top-up stays open.
pub(super) async fn charge(app: &App, top_up: &TopUp) -> Result<(), NotNow> {
    let PaidBy::Auto { customer, payment_method } = &top_up.by else { return Ok(()) };
    let order = PaymentOrder {
        top_up_id: top_up.id.clone(),
        tenant_id: top_up.tenant_id.clone(),
        customer: customer.clone(),
        payment_method: payment_method.clone(),
        amount: top_up.amount,
    };
    match app.providers.payments().await?.payment_create(&order, top_up.id.as_str()).await {
        Ok(payment) => payments::payment_told(app, &payment, app.clock.now()).await,
        Err(error) if for_good(&error) => {
            tracing::error!(top_up.id = %top_up.id, %error, "an automatic top-up was refused");
            let detail = "The saved card could not be charged. Top up with another one.".to_owned();
            let failure = TopUpFailure { code: "refused".into(), detail };
            never_made(app, top_up.clone(), &failure, Some(AfterDecline::GiveUp)).await
        }
        Err(error) => {
            if error.kind == ProviderErrorKind::Misconfigured {
                app.providers.credentials_refused();
                tracing::error!(alarm = "misconfigured", %error, "the payment provider refused our credentials");
            }
            Err(error.into())
        }
    }
}

/// Looks at a wallet that something was taken out of, and tops it up if it has fallen below its threshold. What goes
/// wrong is logged: whoever took something out has done so whatever becomes of this.
pub async fn watch(app: &App, tenant: &TenantId, currency: Currency, owed: i64) -> AutoOutcome {
    match auto(app, tenant, currency, owed).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(tenant.id = %tenant, %error, "a wallet was not topped up");
            AutoOutcome::Nothing
        }
    }
}
