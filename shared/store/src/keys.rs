//! Every key string of the table, and nothing else.
//!
//! Keys are built from checked types only, so no caller's text can reach another tenant's partition (invariant I9).

use domain::number::NumberStatus;
use domain::wallet::WalletRef;
use domain::{AgentId, AuditId, Currency, E164, NumberId, OperationId, ProjectId, TenantId, TopUpId, limits};
use jiff::Timestamp;

/// Partition key's attribute.
pub const PK: &str = "pk";
/// Sort key's attribute.
pub const SK: &str = "sk";
/// Attribute that DynamoDB expires items by, in seconds since 1970.
pub const TTL: &str = "ttl";

/// Index of everything that has to be done at an instant; keys only, sparse.
pub const DUE_INDEX: &str = "due";
/// Its partition key's attribute.
pub const DUE_PK: &str = "due_pk";
/// Its sort key's attribute.
pub const DUE_SK: &str = "due_sk";

/// Index of charged numbers by the day of the month they renew on; keys only, sparse.
pub const ANCHOR_INDEX: &str = "anchor";
/// Its partition key's attribute.
pub const ANCHOR_PK: &str = "anchor_pk";
/// Its sort key's attribute.
pub const ANCHOR_SK: &str = "anchor_sk";

/// Index of calls by number and month.
pub const CALLS_INDEX: &str = "calls";
/// Its partition key's attribute.
pub const CALLS_PK: &str = "calls_pk";
/// Its sort key's attribute.
pub const CALLS_SK: &str = "calls_sk";

/// The index partition of operations that need an operator.
pub const STUCK: &str = "STUCK";
/// The index partition of operations that wait for a person outside.
pub const WAITING: &str = "WAITING";

/// The index partition of all tenants. One, since its keys are written once a tenant and never change: it grows with new
/// tenants, not with what they do.
pub const TENANT_LIST: &str = "TENANTS";

/// Both keys of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

fn of_tenant(tenant: &TenantId, sk: String) -> Key {
    Key { pk: tenant_partition(tenant), sk }
}

/// Partitions of tenants begin so.
const TENANTS: &str = "TEN#";
/// The partition of everything of one tenant.
#[must_use]
pub fn tenant_partition(tenant: &TenantId) -> String {
    format!("{TENANTS}{tenant}")
}

/// Whose partition this is, if it is a tenant's.
#[must_use]
pub fn read_tenant(pk: &str) -> Option<&str> {
    pk.strip_prefix(TENANTS)
}

/// A tenant's plan and settings.
#[must_use]
pub fn tenant(tenant: &TenantId) -> Key {
    of_tenant(tenant, "META".into())
}

/// Index keys of an item that makes its tenant known: what is set up for it, or a wallet of this currency. Either may come
/// first.
#[must_use]
pub fn listed_tenant(tenant: &TenantId, wallet: Option<Currency>) -> (String, String) {
    let of = wallet.map_or_else(String::new, |currency| currency.to_string());
    (TENANT_LIST.into(), format!("{tenant}#{of}"))
}

/// Whose such a key is.
#[must_use]
pub fn read_listed_tenant(sk: &str) -> Option<TenantId> {
    sk.split_once('#')?.0.parse().ok()
}

/// Every such key of a tenant sorts before this, and those of all later tenants after it.
#[must_use]
pub fn after_listed_tenant(tenant: &TenantId) -> String {
    format!("{tenant}$")
}

/// What a tenant holds.
#[must_use]
pub fn holdings(tenant: &TenantId) -> Key {
    of_tenant(tenant, "COUNT".into())
}

/// Sort keys of the included minutes that are used up begin so.
pub const MINUTES: &str = "MIN#";
/// How many of the minutes that a tenant's plan includes are used up in a month (`2027-01`).
#[must_use]
pub fn minutes(tenant: &TenantId, month: &str) -> Key {
    of_tenant(tenant, format!("{MINUTES}{month}"))
}

/// Sort keys of agents begin so.
pub const AGENTS: &str = "AGT#";
/// An agent.
#[must_use]
pub fn agent(tenant: &TenantId, id: &AgentId) -> Key {
    of_tenant(tenant, format!("{AGENTS}{id}"))
}

/// Sort keys of projects begin so.
pub const PROJECTS: &str = "PRJ#";
/// A project.
#[must_use]
pub fn project(tenant: &TenantId, id: &ProjectId) -> Key {
    of_tenant(tenant, format!("{PROJECTS}{id}"))
}

/// Sort keys of numbers begin so.
pub const NUMBERS: &str = "NUM#";
/// A number.
#[must_use]
pub fn number(tenant: &TenantId, id: &NumberId) -> Key {
    of_tenant(tenant, format!("{NUMBERS}{id}"))
}

/// Sort keys of operations begin so.
pub const OPERATIONS: &str = "OP#";
/// An operation.
#[must_use]
pub fn operation(tenant: &TenantId, id: &OperationId) -> Key {
    of_tenant(tenant, format!("{OPERATIONS}{id}"))
}

/// Sort keys of wallets begin so.
pub const WALLETS: &str = "WALLET#";
/// A tenant's wallet of one currency.
#[must_use]
pub fn wallet(tenant: &TenantId, currency: Currency) -> Key {
    of_tenant(tenant, format!("{WALLETS}{currency}"))
}

/// Sort keys of holds begin so.
pub const HOLDS: &str = "HOLD#";
/// A hold, by the operation or the dispute it is for.
#[must_use]
pub fn hold(tenant: &TenantId, cause: &str) -> Key {
    of_tenant(tenant, format!("{HOLDS}{cause}"))
}

/// Sort keys of top-ups begin so.
pub const TOP_UPS: &str = "TOPUP#";
/// A top-up.
#[must_use]
pub fn top_up(tenant: &TenantId, id: &TopUpId) -> Key {
    of_tenant(tenant, format!("{TOP_UPS}{id}"))
}

/// Where a top-up that a third party names leads to its tenant.
#[must_use]
pub fn top_up_reference(id: &TopUpId) -> Key {
    Key { pk: format!("TOPUPREF#{id}"), sk: "META".into() }
}

/// What the payment provider knows a tenant by.
#[must_use]
pub fn payer(tenant: &TenantId) -> Key {
    of_tenant(tenant, "PAYER".into())
}

/// The automatic top-up of a tenant's wallet of one currency.
#[must_use]
pub fn auto_top_up(tenant: &TenantId, currency: Currency) -> Key {
    of_tenant(tenant, format!("AUTO#{currency}"))
}

/// Partitions of payments begin so. What follows is the provider's id, and ends the key.
pub const PAYMENTS: &str = "PAY#";
/// A payment that was credited, by the provider's id of it.
#[must_use]
pub fn payment(payment: &str) -> Key {
    Key { pk: format!("{PAYMENTS}{payment}"), sk: "META".into() }
}

/// A refund of a payment.
#[must_use]
pub fn refund(payment: &str, refund: &str) -> Key {
    Key { pk: format!("{PAYMENTS}{payment}"), sk: format!("REF#{refund}") }
}

/// A dispute over a payment.
#[must_use]
pub fn dispute(payment: &str, dispute: &str) -> Key {
    Key { pk: format!("{PAYMENTS}{payment}"), sk: format!("DSP#{dispute}") }
}

/// How far the payment provider's notifications have been looked through for missed ones.
#[must_use]
pub fn notifications() -> Key {
    Key { pk: "STATE".into(), sk: "NOTIFICATIONS".into() }
}

/// Index partition of unfinished top-ups, one of [`limits::DUE_SHARDS`], and where in it this one is at an instant.
#[must_use]
pub fn due_top_up(at: Timestamp, tenant: &TenantId, id: &TopUpId) -> (String, String) {
    let partition = top_ups_partition(shard(id.as_str(), limits::DUE_SHARDS));
    (partition, format!("{}#{tenant}#{id}", instant(at)))
}

/// Index partition of unfinished top-ups.
#[must_use]
pub fn top_ups_partition(shard: u8) -> String {
    format!("TOPUPS#{shard}")
}

/// Tenant and top-up of a due key.
#[must_use]
pub fn read_due_top_up(sk: &str) -> Option<(TenantId, TopUpId)> {
    let mut parts = sk.splitn(3, '#');
    let _ = parts.next()?;
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Sort keys of a wallet's ledger entries begin so.
#[must_use]
pub fn entries(currency: Currency) -> String {
    format!("LED#{currency}#")
}

/// A ledger entry, by when it counts from and what caused it; put-if-absent by cause.
#[must_use]
pub fn entry(tenant: &TenantId, currency: Currency, effective_at: Timestamp, cause: &str) -> Key {
    of_tenant(tenant, format!("{}{}#{cause}", entries(currency), instant(effective_at)))
}

/// An idempotency record, by the SHA-256 of the client's key in hex.
#[must_use]
pub fn idempotency(tenant: &TenantId, key_hash: &str) -> Key {
    of_tenant(tenant, format!("IDEM#{key_hash}"))
}

/// Sort keys of outbox events begin so.
pub const EVENTS: &str = "EVT#";
/// An outbox event.
#[must_use]
pub fn event(tenant: &TenantId, id: &str) -> Key {
    of_tenant(tenant, format!("{EVENTS}{id}"))
}

/// Partitions of the audit trail begin so.
pub const AUDIT: &str = "AUDIT#";
/// The audit trail of one month (`2027-01`).
#[must_use]
pub fn audit_partition(month: &str) -> String {
    format!("{AUDIT}{month}")
}

/// Sort keys of its lines begin so, as their ids do.
pub const AUDIT_LINES: &str = "aud_";
/// A line of the audit trail; ids begin with their millisecond, so a month's lines sort by when they were written.
#[must_use]
pub fn audit(month: &str, id: &AuditId) -> Key {
    Key { pk: audit_partition(month), sk: id.to_string() }
}

/// The claim on an E.164, which is also the lookup of an incoming call.
#[must_use]
pub fn claim(e164: &E164) -> Key {
    Key { pk: format!("E164#{e164}"), sk: "CLAIM".into() }
}

/// Sort keys of ended links of an E.164 by which calls went past us begin so.
pub const TENURES: &str = "TENURE#";
/// Such a link, by when it ended and what ended it; they sort by when they ended.
#[must_use]
pub fn tenure(e164: &E164, until: Timestamp, ended_by: &OperationId) -> Key {
    Key { pk: claim(e164).pk, sk: format!("{TENURES}{}#{ended_by}", instant(until)) }
}

/// Every such link of an E.164 that ended at this instant or later sorts after this, and before [`after_tenures`].
#[must_use]
pub fn tenures_from(at: Timestamp) -> String {
    format!("{TENURES}{}", instant(at))
}

/// After all of them.
#[must_use]
pub fn after_tenures() -> String {
    format!("{TENURES}~")
}

/// Partitions of calls begin so.
pub const CALL: &str = "CALL#";
/// A call, by the carrier's id of it.
#[must_use]
pub fn call(call_sid: &str) -> Key {
    Key { pk: format!("{CALL}{call_sid}"), sk: "META".into() }
}

/// Index partitions of calls begin so.
pub const CALLS: &str = "CALLS#";
/// Index partition of a number's calls in one month (`2027-01`).
#[must_use]
pub fn calls_partition(tenant: &TenantId, e164: &E164, month: &str) -> String {
    format!("{CALLS}{tenant}#{e164}#{month}")
}

/// Index sort key of a call.
#[must_use]
pub fn calls_sort(at: Timestamp, call_sid: &str) -> String {
    format!("{}#{call_sid}", instant(at))
}

/// Index partition of things due, one of [`limits::DUE_SHARDS`].
#[must_use]
pub fn due_partition(shard: u8) -> String {
    format!("DUE#{shard}")
}

/// The shard an id falls into.
#[must_use]
pub fn due_shard(id: &OperationId) -> u8 {
    shard(id.as_str(), limits::DUE_SHARDS)
}

/// Index sort key of an operation that is due.
#[must_use]
pub fn due_operation(at: Timestamp, tenant: &TenantId, id: &OperationId) -> String {
    format!("{}#operation#{tenant}#{id}", instant(at))
}

/// Everything due up to and including an instant sorts before this.
#[must_use]
pub fn due_until(at: Timestamp) -> String {
    format!("{}$", instant(at))
}

/// Tenant and operation of a due key.
#[must_use]
pub fn read_due_operation(sk: &str) -> Option<(TenantId, OperationId)> {
    let mut parts = sk.splitn(4, '#');
    let (_, kind) = (parts.next()?, parts.next()?);
    let (tenant, id) = (parts.next()?, parts.next()?);
    (kind == "operation").then_some((tenant.parse().ok()?, id.parse().ok()?))
}

/// Index keys of a charged number: they never change while it is held.
#[must_use]
pub fn anchor(day: i8, wallet: &WalletRef, id: &NumberId) -> (String, String) {
    (anchor_partition(day, shard(id.as_str(), limits::ANCHOR_SHARDS)), format!("{}{id}", wallet_prefix(wallet)))
}

/// One of the [`limits::ANCHOR_SHARDS`] index partitions of an anchor day.
#[must_use]
pub fn anchor_partition(day: i8, shard: u8) -> String {
    format!("ANCHOR#{day:02}#{shard}")
}

/// Index sort keys of what one wallet pays for begin so.
#[must_use]
pub fn wallet_prefix(wallet: &WalletRef) -> String {
    format!("{}#{}#", wallet.tenant_id, wallet.currency)
}

/// Everything of one wallet, under its prefix, sorts before this.
#[must_use]
pub fn after_wallet(wallet: &WalletRef) -> String {
    format!("{}~", wallet_prefix(wallet))
}

/// WalletRef and rest of an index sort key that begins with a wallet.
#[must_use]
pub fn read_wallet(sk: &str) -> Option<(WalletRef, &str)> {
    let (tenant, rest) = sk.split_once('#')?;
    let (currency, rest) = rest.split_once('#')?;
    Some((WalletRef { tenant_id: tenant.parse().ok()?, currency: currency.parse().ok()? }, rest))
}

/// What is to be done with a number at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberDue {
    /// Charge it, remind, suspend, resume, or release it for want of payment.
    Dunning,
    /// Release it at the end of what is paid for.
    PeriodEnd,
    /// Nothing: it is parked, and waits for the operator since that instant.
    Parked,
}

/// Index partition of numbers with something to be done, one of [`limits::DUE_SHARDS`].
#[must_use]
pub fn number_due_partition(what: NumberDue, shard: u8) -> String {
    match what {
        NumberDue::Dunning => format!("DUNNING#{shard}"),
        NumberDue::PeriodEnd => format!("PERIOD-END#{shard}"),
        NumberDue::Parked => format!("PARKED#{shard}"),
    }
}

/// Index keys of a number with something to be done.
#[must_use]
pub fn number_due(what: NumberDue, at: Timestamp, wallet: &WalletRef, id: &NumberId) -> (String, String) {
    let partition = number_due_partition(what, shard(id.as_str(), limits::DUE_SHARDS));
    (partition, format!("{}#{}{id}", instant(at), wallet_prefix(wallet)))
}

/// WalletRef and number of such a key.
#[must_use]
pub fn read_number_due(sk: &str) -> Option<(WalletRef, NumberId)> {
    let (wallet, id) = read_wallet(sk.split_once('#')?.1)?;
    Some((wallet, id.parse().ok()?))
}

/// Index partition of a tenant's calls that are going on.
#[must_use]
pub fn live_calls(tenant: &TenantId) -> String {
    format!("LIVE-CALLS#{tenant}")
}

/// Index sort key of a call that is going on.
#[must_use]
pub fn live_call(started_at: Timestamp, call_sid: &str) -> String {
    format!("{}#{call_sid}", instant(started_at))
}

/// Index partition of calls whose minutes are not paid for yet, one of [`limits::DUE_SHARDS`].
#[must_use]
pub fn unpaid_calls_partition(shard: u8) -> String {
    format!("UNPAID-CALLS#{shard}")
}

/// Index keys of a call whose minutes are not paid for yet.
#[must_use]
pub fn unpaid_call(wallet: &WalletRef, at: Timestamp, call_sid: &str) -> (String, String) {
    (unpaid_calls_of(wallet), format!("{}{}#{call_sid}", wallet_prefix(wallet), instant(at)))
}

/// The index partition a wallet's unpaid calls are in.
#[must_use]
pub fn unpaid_calls_of(wallet: &WalletRef) -> String {
    unpaid_calls_partition(shard(wallet.tenant_id.as_str(), limits::DUE_SHARDS))
}

/// A daily job's state.
#[must_use]
pub fn job(name: &str) -> Key {
    Key { pk: format!("JOB#{name}"), sk: "STATE".into() }
}

/// Sort keys of what a daily job has sent and nobody has worked off yet begin so.
pub const WORK: &str = "WORK#";
/// What a daily job has sent for one wallet.
#[must_use]
pub fn job_work(name: &str, wallet: &WalletRef) -> Key {
    Key { pk: format!("JOB#{name}"), sk: format!("{WORK}{}", wallet_prefix(wallet)) }
}

/// The run of reconciliation.
#[must_use]
pub fn run() -> Key {
    of_reconciliation("RUN".into())
}

fn of_reconciliation(sk: String) -> Key {
    Key { pk: "RECONCILE".into(), sk }
}

/// Sort keys of reports begin so.
pub const REPORTS: &str = "REPORT#";
/// A run's report.
#[must_use]
pub fn report(run: &str) -> Key {
    of_reconciliation(format!("{REPORTS}{run}"))
}

/// A day's statement of agreement.
#[must_use]
pub fn agreement(date: jiff::civil::Date) -> Key {
    of_reconciliation(format!("AGREEMENT#{date}"))
}

/// Sort keys of sightings begin so.
pub const SIGHTINGS: &str = "SIGHTING#";
/// What runs saw of a thing, by the third party's id of it, which ends the key.
#[must_use]
pub fn sighting(kind: &str, subject: &str) -> Key {
    of_reconciliation(format!("{SIGHTINGS}{kind}#{subject}"))
}

/// A part of a run's register of a place.
#[must_use]
pub fn register(run: &str, place: usize, part: &str) -> Key {
    Key { pk: format!("REGISTER#{run}#{place}"), sk: part.to_owned() }
}

/// What a run of reconciliation last said of a number.
#[must_use]
pub fn said(tenant: &TenantId, number: &NumberId) -> Key {
    of_tenant(tenant, format!("SAID#{number}"))
}

/// An instant as it sorts: fixed width, UTC, microseconds.
#[must_use]
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// The status as conditions and filters name it.
#[must_use]
pub const fn status(status: NumberStatus) -> &'static str {
    status.as_str()
}

fn shard(id: &str, shards: u8) -> u8 {
    // FNV-1a: any spread will do, but it must never change.
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    u8::try_from(hash % u64::from(shards)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_due_key_leads_back_to_its_operation() {
        let tenant: TenantId = "ten_1".parse().unwrap();
        let id: OperationId = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let at: Timestamp = "2027-01-01T00:00:00.5Z".parse().unwrap();
        let key = due_operation(at, &tenant, &id);
        assert_eq!(read_due_operation(&key), Some((tenant, id)));
        assert!(key < due_until(at) && key > due_until("2027-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(read_due_operation("2027#notice#a#b"), None);
    }

    #[test]
    fn a_numbers_keys_lead_back_to_it() {
        let wallet = WalletRef { tenant_id: "ten_1".parse().unwrap(), currency: Currency::USD };
        let id: NumberId = "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let at: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let (_, key) = number_due(NumberDue::Dunning, at, &wallet, &id);
        assert_eq!(read_number_due(&key), Some((wallet.clone(), id.clone())));
        assert!(key < due_until(at));
        let (_, key) = anchor(31, &wallet, &id);
        assert_eq!(read_wallet(&key), Some((wallet.clone(), id.as_str())));
        assert!(key < after_wallet(&wallet) && key > wallet_prefix(&wallet));
    }

    #[test]
    fn tenants_are_listed_one_after_the_other() {
        let tenants: Vec<TenantId> = ["a", "a-b", "a1", "a_b", "ab"].map(|id| id.parse().unwrap()).into();
        let key = |tenant: &TenantId, wallet: Option<Currency>| listed_tenant(tenant, wallet).1;
        for (n, tenant) in tenants.iter().enumerate() {
            let after = after_listed_tenant(tenant);
            for sk in [key(tenant, None), key(tenant, Some(Currency::USD))] {
                assert!(sk < after, "{sk}");
                assert_eq!(read_listed_tenant(&sk).as_ref(), Some(tenant));
            }
            assert!(tenants[n + 1..].iter().all(|later| key(later, None) > after), "{tenant}");
        }
        assert_eq!(read_listed_tenant("a"), None);
    }

    #[test]
    fn what_waits_for_an_operator_is_in_no_jobs_partition() {
        let wallet = WalletRef { tenant_id: "ten_1".parse().unwrap(), currency: Currency::USD };
        let id: NumberId = "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let at: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let (parked, key) = number_due(NumberDue::Parked, at, &wallet, &id);
        for what in [NumberDue::Dunning, NumberDue::PeriodEnd] {
            assert_ne!(number_due(what, at, &wallet, &id).0, parked);
        }
        assert_eq!(read_number_due(&key), Some((wallet, id)));
    }

    #[test]
    fn a_due_key_leads_back_to_its_top_up() {
        let tenant: TenantId = "ten_1".parse().unwrap();
        let id: TopUpId = "top_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap();
        let (_, key) = due_top_up("2027-01-01T00:00:00Z".parse().unwrap(), &tenant, &id);
        assert_eq!(read_due_top_up(&key), Some((tenant, id)));
        assert_eq!(read_due_top_up("2027#a"), None);
    }

    #[test]
    fn instants_sort_as_text() {
        let parse = |text: &str| instant(text.parse().unwrap());
        assert!(parse("2027-01-01T00:00:00Z") < parse("2027-01-01T00:00:00.000001Z"));
        assert!(parse("2027-01-01T00:00:00.9Z") < parse("2027-01-01T00:00:01Z"));
    }
}
