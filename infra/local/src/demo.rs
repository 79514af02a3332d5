//! The demonstration: the tenant that `cargo dev` begins with, and the four acts that `cargo dev --demo` plays.
//!
//! They are played from outside, over HTTP, each against a system in a process of its own that is really killed. After each
//! scene it says what carrier, platform and ledger now say, and it ends at the first thing that is not as it should be.
//! Read `story` (the scenes of the first act, in their order), `year` (those of the second), `behind` (those of the third) and
//! `ways` (those of the fourth), then `stage` (what they play on).

mod behind;
mod console;
mod paper;
mod stage;
mod story;
mod ways;
mod year;

use std::error::Error;
use std::time::{Duration, Instant};

use domain::agent::Platform;
use domain::audit::Actor;
use domain::requirement::OnFile;
use domain::tenant::{Role, Tenant};
use domain::{Clock, Currency, TenantId};
use serde_json::json;
use shared::http::auth::Caller;
use shared::use_cases::agents;
use shared::use_cases::operator::{self, AdjustmentRequest};
use shared::use_cases::purchase::Mode;

use crate::system::System;
use stage::{Outcome, Stage};

/// The tenant that is there from the start.
const TENANT: &str = "demo";
const PLAN: &str = "PRO";
/// What its wallet begins with, in USD.
pub const OPENING_BALANCE: &str = "50.00";

/// An act takes a few seconds; a machine on which it takes this long has stopped working on it.
const PLAYED_WITHIN: Duration = Duration::from_secs(180);

/// Plays all acts on throwaway data, and prints them.
///
/// # Errors
/// What was expected and what was found, at the first deviation; or why it could not be played.
pub async fn play() -> Result<(), Box<dyn Error>> {
    act("The main story", async |stage| story::play(stage).await).await?;
    act("The year", async |stage| year::play(stage).await).await?;
    act("What happened behind our back", async |stage| behind::play(stage).await).await?;
    act("Five ways to run phone numbers", async |stage| ways::play(stage).await).await
}

/// Plays an act on a stage of its own, and prints how long it took.
async fn act(name: &str, play: impl AsyncFnOnce(&mut Stage) -> Outcome) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let mut stage = Stage::set()?;
    let played = tokio::select! {
        played = tokio::time::timeout(PLAYED_WITHIN, play(&mut stage)) => {
            played.unwrap_or_else(|_| Err(format!("not at its end after {} s", PLAYED_WITHIN.as_secs()).into()))
        }
        () = interrupted() => Err("interrupted".into()),
    };
    let cleared = stage.clear().await;
    played?;
    cleared?;
    paper::print(&format!("\n{name} took {:.1} s.\n", began.elapsed().as_secs_f64()));
    Ok(())
}

/// Ctrl-C, or another's wish that this ends. It must not simply end: the child would go on.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    // Where even that cannot be listened for, there is only the deadline.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Makes the demo tenant with its wallet and its agent, each unless it is there already, and answers an owner's token.
///
/// # Errors
/// When the books do not answer.
pub async fn seed(system: &System) -> Result<String, Box<dyn Error>> {
    let (app, tenant): (_, TenantId) = (&system.undisturbed, TENANT.parse()?);
    if app.store.tenant_get(&tenant).await?.is_none() {
        let standing = Tenant {
            id: tenant.clone(),
            plan: PLAN.into(),
            suspended: false,
            outage_mode: false,
            suspended_message: None,
            on_file: OnFile::default(),
        };
        app.store.tenant_put(&standing).await?;
    }
    // A wallet that is there was funded once; what has been spent since stays spent.
    let usd: Currency = "USD".parse()?;
    if app.store.wallet_get(&tenant, usd).await?.is_none() {
        let (amount, reason) = (OPENING_BALANCE.to_owned(), "Opening balance".to_owned());
        operator::adjust(
            app,
            &tenant,
            None,
            &AdjustmentRequest { amount, currency: "USD".into(), reason },
            &Actor::schedule("demo"),
        )
        .await?;
    }
    let caller = Caller { tenant, role: Role::Owner, project: None };
    if agents::list(app, &caller, &agents::ListRequest::default()).await?.items.is_empty() {
        let wish = json!({ "name": "Demo agent", "platform": Platform::Vapi.as_str() });
        if let Err(error) = agents::create(app, &caller, None, &serde_json::from_value(wish)?, Mode::default()).await {
            // Elsewhere than on the simulators it may well be refused; all the rest works without it.
            tracing::warn!(%error, "the demo tenant has no agent");
        }
    }
    Ok(system.tokens.give(system.clock.now(), Some(caller.tenant.as_str()), "owner", None)?)
}
