//! Money into a wallet, or out of it, by hand.

use aws_lc_rs::rand;
use domain::{Money, TenantId};
use serde_json::json;

use super::{Desk, Verdict};
use crate::client::Ask;
use crate::failure::Failure;
use crate::sheet::hex;
use crate::table::cell;

const IF_LOST: &str = "It may be booked all the same. Repeat the same command with the --key above: it is booked once.";

pub(super) async fn run(
    desk: &mut Desk<'_, '_>,
    tenant: &TenantId,
    amount: Money,
    reason: &str,
    key: Option<&str>,
) -> Result<Verdict, Failure> {
    let key = key.map_or_else(fresh, |key| Ok(key.to_owned()))?;
    let what = match amount.micros < 0 {
        false => format!("Put {amount} into the wallet of {tenant}: {reason}"),
        true => format!("Take {} out of the wallet of {tenant}: {reason}", amount.negated()),
    };
    // Said before anything is sent: whoever repeats a lost request needs it.
    desk.confirm(&format!("{what}\n--key {key}"))?;
    let body = json!({ "amount": amount.amount(), "currency": amount.currency.as_str(), "reason": reason });
    let ask = Ask::keyed(format!("/v1/operator/tenants/{tenant}/adjustments"), key, body, IF_LOST);
    let entry = desk.api.send(&ask).await?.body;
    desk.show(&entry, |entry| {
        let [id, moved, balance] = ["/id", "/amount", "/balance_after"].map(|field| cell(entry, field));
        format!("Booked {moved} as {id}; the balance after it was {balance}.\n")
    })?;
    Ok(Verdict::Good)
}

/// A key nobody had before.
fn fresh() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Failure::usage("this machine has no random numbers; give --key"))?;
    Ok(format!("adjust-{}", hex(&bytes)))
}
