//! What the books hold and what the third parties believe, read past all faults.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::claim::Claim;
use domain::number::Number;
use domain::operation::Operation;
use domain::wallet::{EntryKind, Wallet};
use domain::{Currency, TenantId};
use local::system::{DEPLOYMENT, TABLE};
use serde_json::Value;
use tests::{Tenant, TestApp};

/// All carriers with an account of the operator's.
pub(crate) const CARRIERS: [&str; 2] = ["twilio", "netgsm"];
/// All voice platforms.
pub(crate) const PLATFORMS: [&str; 3] = ["vapi", "retell", "elevenlabs"];

/// Every item of the table, in the order of its keys.
pub(crate) type Dump = Vec<HashMap<String, AttributeValue>>;

/// The books and the third parties at one instant.
#[derive(Debug, PartialEq)]
pub(crate) struct Dumped {
    pub(crate) books: Dump,
    pub(crate) carriers: [Value; 2],
    pub(crate) platforms: [Value; 3],
}

/// Everything, requests to third parties included.
pub(crate) async fn dump(app: &TestApp) -> Dumped {
    let (mut books, mut start) = (Dump::new(), None);
    loop {
        let page = app.system.table.scan().table_name(TABLE).set_exclusive_start_key(start).send().await;
        let page = page.expect("the books can be read");
        books.extend(page.items.unwrap_or_default());
        start = page.last_evaluated_key;
        if start.is_none() {
            break;
        }
    }
    books.sort_by_key(|item| ["pk", "sk"].map(|key| item[key].as_s().cloned().unwrap_or_default()));
    let [vapi, retell, elevenlabs] = PLATFORMS;
    let platforms = [app.state(vapi).await, app.state(retell).await, app.state(elevenlabs).await];
    let [twilio, netgsm] = CARRIERS;
    Dumped { books, carriers: [app.state(twilio).await, app.state(netgsm).await], platforms }
}

/// The tenant's operations of this kind.
pub(crate) async fn operations(app: &TestApp, tenant: &Tenant, kind: &str) -> Vec<Operation> {
    let listed = app.system.undisturbed.store.operation_list(&id(tenant), None, 100, |op| op.saga.kind() == kind).await;
    listed.expect("the books can be read").items
}

/// The tenant's one number that was not given up before it began; the newest.
pub(crate) async fn number(app: &TestApp, tenant: &Tenant, op: &Operation) -> Number {
    let number = app.system.undisturbed.store.number_get(&id(tenant), &op.number_id).await;
    number.expect("the books can be read").expect("a number")
}

pub(crate) async fn claim(app: &TestApp, number: &Number) -> Option<Claim> {
    app.system.undisturbed.store.claim_get(&number.e164).await.expect("the books can be read")
}

pub(crate) async fn wallet(app: &TestApp, tenant: &Tenant, currency: Currency) -> Wallet {
    let wallet = app.system.undisturbed.store.wallet_get(&id(tenant), currency).await;
    wallet.expect("the books can be read").expect("a wallet")
}

/// How often the tenant was charged for a number.
pub(crate) async fn charges(app: &TestApp, tenant: &Tenant, currency: Currency) -> usize {
    let store = &app.system.undisturbed.store;
    let entries = store.entry_list(&id(tenant), currency, None, 100).await.expect("the books can be read");
    entries.items.iter().filter(|entry| entry.kind == EntryKind::NumberCharge).count()
}

/// What a third party has under our tag; of Vapi, what it is not the carrier of.
pub(crate) async fn ours(app: &TestApp, party: &str) -> Vec<Value> {
    tagged(app, party).await.into_iter().filter(|number| !is_native(number)).collect()
}

/// Numbers of Vapi's own under our tag.
pub(crate) async fn natives(app: &TestApp) -> Vec<Value> {
    tagged(app, "vapi").await.into_iter().filter(is_native).collect()
}

fn is_native(number: &Value) -> bool {
    number["provider"] == "vapi" && number.get("sip_uri").is_none()
}

async fn tagged(app: &TestApp, party: &str) -> Vec<Value> {
    let state = app.state(party).await;
    let numbers = state["numbers"].as_array().cloned().unwrap_or_default();
    let tag = format!("{DEPLOYMENT}-");
    numbers.into_iter().filter(|number| number["name"].as_str().is_some_and(|name| name.starts_with(&tag))).collect()
}

/// A number of the carrier's account, whoever's name it has.
pub(crate) async fn at_carrier(app: &TestApp, e164: &str) -> Option<Value> {
    let state = app.state("twilio").await;
    state["numbers"].as_array().into_iter().flatten().find(|number| number["e164"] == e164).cloned()
}

pub(crate) fn id(tenant: &Tenant) -> TenantId {
    tenant.id.parse().expect("a tenant's id")
}
