//! The books against themselves: ledger and wallet, counts and numbers, claims and numbers, holds and operations.
//!
//! Tenants go on while they are looked at, so only what two readings in a row say is told. All of it is left to a person: an
//! entry that is wrong is corrected by an entry, never by a job.

use std::collections::BTreeSet;

use domain::claim::{Claim, ClaimState};
use domain::number::Number;
use domain::reconcile::drift::{Drift, Repair};
use domain::reconcile::{Action, Kind};
use domain::tenant::Holdings;
use domain::wallet::HoldState;
use domain::{OperationId, TenantId, limits};
use store::StoreError;
use store::keys::Key;
use store::reconcile::Phase;

use super::{About, Engine, Halt};
use crate::App;
use crate::api::LedgerCheckView;
use crate::use_cases::statements;

impl Engine<'_> {
    /// One page of tenants.
    pub(super) async fn ledger(&mut self, after: Option<(String, String)>) -> Result<(), Halt> {
        self.in_time()?;
        let after = after.map(|(pk, sk)| Key { pk, sk });
        let (wallets, next) = self.app.store.wallet_scan(after).await?;
        let mut tenants = BTreeSet::new();
        for (tenant, wallet) in wallets {
            self.in_time()?;
            let mut check = LedgerCheckView::at(self.app.clock.now());
            match statements::one(self.app, &tenant, wallet.currency, self.deadline, &mut check).await {
                Ok(true) => {}
                Ok(false) => return Err(Halt::Time),
                Err(crate::Error::Store(error)) => return Err(error.into()),
                Err(error) => return Err(StoreError::Corrupt(error.to_string()).into()),
            }
            for detail in check.details() {
                self.contradiction(format!("{tenant}, {}: {detail}", wallet.currency)).await?;
            }
            if tenants.insert(tenant.clone()) {
                let first = contradictions(self.app, &tenant).await?;
                let second = if first.is_empty() { first.clone() } else { contradictions(self.app, &tenant).await? };
                for detail in first.intersection(&second) {
                    self.contradiction(format!("{tenant}: {detail}")).await?;
                }
            }
        }
        self.run.phase = match next {
            Some(Key { pk, sk }) => Phase::Ledger { after: Some((pk, sk)) },
            None => Phase::Closing,
        };
        Ok(())
    }

    async fn contradiction(&mut self, detail: String) -> Result<(), Halt> {
        let drift = Drift { kind: Kind::LedgerDrift, repair: Repair::Person, detail };
        if self.run.findings.iter().any(|found| super::is_about(found, &drift, About::default())) {
            return Ok(());
        }
        self.found(None, &drift, About::default(), Action::Reported, "").await
    }
}

/// What of a tenant's books does not fit together, as far as one reading can say.
async fn contradictions(app: &App, tenant: &TenantId) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    numbers(app, tenant, &mut found).await?;
    holds(app, tenant, &mut found).await?;
    Ok(found)
}

/// Counts and claims are what the numbers say.
async fn numbers(app: &App, tenant: &TenantId, found: &mut BTreeSet<String>) -> Result<(), StoreError> {
    let (mut held, mut included, mut after) = (0_u32, 0_u32, None);
    loop {
        let page = app.store.number_list(tenant, after, limits::PAGE_MAX, |number| number.status.held()).await?;
        for number in &page.items {
            (held, included) = (held + 1, included + u32::from(number.included));
        }
        claims(app, &page.items, found).await?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let counts = app.store.holdings_get(tenant).await?;
    if (counts.numbers, counts.included) != (held, included) {
        let Holdings { numbers, included: places, .. } = counts;
        found.insert(format!("counts {numbers} numbers ({places} included) and holds {held} ({included} included)"));
    }
    Ok(())
}

async fn claims(app: &App, numbers: &[Number], found: &mut BTreeSet<String>) -> Result<(), StoreError> {
    let e164s: Vec<_> = numbers.iter().map(|number| number.e164.clone()).collect();
    let claims = app.store.claims_get(&e164s).await?;
    slots(app, numbers, found).await?;
    for number in numbers {
        let claim = claims.iter().find(|claim| claim.e164 == number.e164);
        let its = claim.filter(|claim| claim.state == ClaimState::Held && claim.number_id == number.id);
        let id = &number.id;
        match its.map(|claim| claim.route.as_ref()) {
            // What stands for digits is called by nobody.
            Some(None) if !number.e164.is_known() => {}
            None | Some(None) => {
                found.insert(format!("{id} is {} without the claim on its digits", number.status.as_str()));
            }
            Some(Some(route)) if *route != number.route() && number.open_operation_id.is_none() => {
                found.insert(format!("the claim of {id} sends calls elsewhere than the number says"));
            }
            Some(Some(_)) => {}
        }
    }
    Ok(())
}

/// A number that takes up a place of its carrier's pool has the claim on it.
async fn slots(app: &App, numbers: &[Number], found: &mut BTreeSet<String>) -> Result<(), StoreError> {
    let with_slot = || numbers.iter().filter_map(|number| Some((&number.id, number.slot.as_ref()?)));
    let slots: Vec<_> = with_slot().map(|(_, slot)| slot.clone()).collect();
    let claims = app.store.claims_get(&slots).await?;
    for (id, slot) in with_slot() {
        let is_its = |claim: &Claim| claim.e164 == *slot && claim.state == ClaimState::Held && claim.number_id == *id;
        if !claims.iter().any(is_its) {
            found.insert(format!("{id} has a slot of its carrier's pool without the claim on it"));
        }
    }
    Ok(())
}

/// A hold is held while its operation is open.
async fn holds(app: &App, tenant: &TenantId, found: &mut BTreeSet<String>) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = app.store.hold_list(tenant, after, limits::PAGE_MAX).await?;
        for hold in page.items.iter().filter(|hold| hold.state == HoldState::Held) {
            // Others are held by a dispute, which has a life of its own.
            let Ok(operation) = hold.cause.parse::<OperationId>() else { continue };
            let operation = app.store.operation_get(tenant, &operation).await?;
            if !operation.is_some_and(|operation| operation.open()) {
                found.insert(format!("the hold of {} is held and its operation is over", hold.cause));
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}
