//! Every bound of the system in one place (invariant I10): pages, retries, bodies, batches, waits.

use jiff::SignedDuration;

use crate::money::Currency;

/// Largest request body in bytes; API Gateway would allow 10 MB, nothing here needs more than a few kilobytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest `Idempotency-Key` in characters (API.md).
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// Items of a list page when the client names no limit.
pub const PAGE_DEFAULT: u16 = 50;
/// Items of a list page at most.
pub const PAGE_MAX: u16 = 100;
/// Store pages read for one filtered list page at most; a sparser filter gets a short page and a cursor.
pub const PAGE_READS_MAX: u16 = 20;

/// Characters of a name (number, agent, project).
pub const NAME_CHARS_MAX: usize = 100;
/// Characters of a number's notes.
pub const NOTES_CHARS_MAX: usize = 2_000;
/// Characters of an operator's reason for a decision.
pub const REASON_CHARS_MAX: usize = 500;
/// Tags on one number.
pub const TAGS_MAX: usize = 20;
/// Characters of a user name or password of a tenant's own SIP trunk.
pub const SIP_CREDENTIAL_CHARS_MAX: usize = 100;
/// Networks that calls of a tenant's own SIP trunk come from.
pub const SIP_NETWORKS_MAX: usize = 20;
/// Characters of one tag.
pub const TAG_CHARS_MAX: usize = 50;
/// Bytes of an agent's settings, as JSON.
pub const SETTINGS_BYTES_MAX: usize = 4 * 1024;

/// Offers asked of the carrier for one search.
pub const SEARCH_OFFERS_MAX: u16 = 100;
/// Offers kept in an "any number" purchase to fall back on when the first is taken.
pub const OFFER_CANDIDATES_MAX: usize = 12;
/// Offers looked at for an "any number" purchase: some may ask for papers that are not on file.
pub const OFFERS_LOOKED_AT: u16 = 30;
/// Exact numbers one purchase tries at the carrier before it gives up.
pub const OFFER_ATTEMPTS_MAX: u8 = 3;

/// Slots of a carrier's pool at most: each is looked at for a purchase.
pub const POOL_SLOTS_MAX: u16 = PAGE_MAX;
/// Tries of claiming the digits that a carrier told, when somebody else changes the number or the claim at the same time.
pub const NAMING_TRIES_MAX: u8 = 4;

/// Tries of a DynamoDB transaction that lost against a concurrent one.
pub const TRANSACTION_TRIES_MAX: u32 = 8;

/// How long one HTTP request drives its own saga before it answers 202.
pub const REQUEST_DRIVES_FOR: SignedDuration = SignedDuration::from_secs(20);
/// No saga step starts with less than this left before the function's own timeout.
pub const STEP_NEEDS: SignedDuration = SignedDuration::from_secs(10);
/// API Gateway cuts at 30 s.
pub const FUNCTION_TIMEOUT: SignedDuration = SignedDuration::from_secs(29);
/// Longest a call to a third party may take. Twilio's own upstream limit is about 26 s, so less would invent doubt.
pub const PROVIDER_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);
/// How long a driver owns an operation: nobody it could have asked is still answering after that.
pub const LEASE: SignedDuration = SignedDuration::from_secs(29 + 30 + 15);

/// From this long after a step started, a third party's "not there" counts.
pub const ABSENT_COUNTS_AFTER: SignedDuration = SignedDuration::from_secs(90);
/// So many separate sightings of "not there" make a create that was in doubt one that did not happen.
pub const ABSENT_SIGHTINGS: u8 = 2;
/// First wait after a failed attempt.
pub const BACKOFF_FIRST: SignedDuration = SignedDuration::from_mins(1);
/// Longest wait between attempts. Ten minutes rather than an hour, so that an operation ends within a quarter of an hour
/// of the third party answering again.
pub const BACKOFF_LAST: SignedDuration = SignedDuration::from_mins(10);
/// An operation that got nowhere for this long is stuck (or, if nothing can have happened, given up).
pub const STUCK_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// An operation that runs longer than this is shown as late, though it met no trouble that it knows of.
pub const RUNS_LATE_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// After an abort that followed doubt the claim stays blocked this long: a late commit must not meet a new owner.
pub const BLOCKED_AFTER_DOUBT: SignedDuration = SignedDuration::from_hours(24);
/// Difference between the carrier's clock and ours that is believed to be drift. A sale dated earlier is not ours.
pub const CARRIER_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);
/// A running operation is looked at by the sweep from this long after it was last touched.
pub const SWEEP_LOOKS_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Shards of the index of next actions.
pub const DUE_SHARDS: u8 = 16;
/// Shards of one anchor day. Its keys are written when a number is bought or released and never by a renewal, so few are
/// enough, and a tick after an outage reads all of all days.
pub const ANCHOR_SHARDS: u8 = 4;
/// Operations one sweep takes from each shard.
pub const SWEEP_BATCH: u16 = 100;
/// Pages one sweep reads of each shard.
pub const SWEEP_PAGES_MAX: u16 = 50;

/// When barred numbers are looked at again that something else was at as the rest were let through.
pub const UNBAR_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// Keys read at once of an index of what is due.
pub const DUE_PAGE: u16 = 1_000;
/// Writes of one transaction at most (DynamoDB's own limit).
pub const TRANSACTION_WRITES_MAX: usize = 100;
/// Periods charged in one transaction at most: they are lines of one entry, and an item has at most 400 KB.
pub const CHARGE_LINES_MAX: usize = 400;
/// Times one message's plan is made again because somebody else changed what it stands on; then it is sent again.
pub const CHARGE_PLANS_MAX: u32 = 10;
/// How long one message may be worked on before the rest of it is sent on, so that nobody waits behind a large tenant.
pub const CHARGE_DRIVES_FOR: SignedDuration = SignedDuration::from_secs(40);
/// Calls whose minutes are charged in one go.
pub const UNPAID_CALLS_BATCH: usize = 30;
/// Messages a daily job sends at once.
pub const SENDS_AT_ONCE: usize = 16;
/// Messages after which a daily job notes how far it is, so that a tick that ends early is gone on with.
pub const SENDS_NOTED_AFTER: usize = 512;
/// Days on which dunning was complete that are remembered; no interval of a policy is longer.
pub const COMPLETED_DAYS_MAX: usize = 64;
/// A tick further ahead of the clock than this is refused.
pub const TICK_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);
/// A release at the end of what is paid for begins this long before it (PRODUCT.md).
pub const PERIOD_END_RELEASES_BEFORE: SignedDuration = SignedDuration::from_hours(2);

/// A released number is kept from other tenants this long (PRODUCT.md).
pub const QUARANTINE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Call records live this long, in days.
pub const CALL_TTL_DAYS: i64 = 400;
/// Months of calls one list request looks back at most.
pub const CALL_MONTHS_MAX: u16 = 14;
/// Months of the audit trail one page walks over.
pub const AUDIT_MONTHS_MAX: u16 = 14;
/// Seconds an agent may ring before the call comes back for the fallback number.
pub const DIAL_TIMEOUT_S: u16 = 25;
/// How often it is looked at least whether whoever an operation waits for has done their part.
pub const WAITING_LOOKS_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How long a call may go on; one that is older and was never heard to end counts as over. Twilio ends calls after four hours.
pub const CALL_LASTS_AT_MOST: SignedDuration = SignedDuration::from_hours(4);
/// Calls of a tenant that are counted at most, which is more than any plan allows at once.
pub const LIVE_CALLS_COUNTED: u16 = 2_000;
/// How often it is tried to charge a call, or to have its minutes paid for by the plan, while others do the same or take those
/// minutes; after that it waits with the unpaid ones.
pub const CALL_TRIES: u8 = 8;
/// Longest a platform may take to register a call that is being handed over: the caller hears nothing meanwhile, and the
/// carrier gives up after 15 seconds.
pub const REGISTER_WITHIN: SignedDuration = SignedDuration::from_secs(4);
/// How much earlier than by our clock a platform may say that a call began: ElevenLabs tells whole seconds.
pub const PLATFORM_CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(2);
/// Ended links of a number that are read to find whose a call was.
pub const TENURES_READ: u16 = 50;
/// Longest document a platform may have the carrier play; the carrier takes 64 KB.
pub const DOCUMENT_BYTES_MAX: usize = 65_536;

/// Largest single operator adjustment, in units of the currency.
pub const ADJUSTMENT_UNITS_MAX: i64 = 1_000_000;

/// Top-ups taken: currency, least and most of one, in units. Other currencies have no top-ups.
pub const TOP_UP_UNITS: [(Currency, i64, i64); 2] = [(Currency::USD, 5, 10_000), (Currency::TRY, 200, 400_000)];
/// The payment provider forgets an idempotency key after a day; an hour less, so that no repeat ever meets that.
pub const PAYMENT_KEY_GOOD_FOR: SignedDuration = SignedDuration::from_hours(23);
/// A top-up that waits for its payer is looked at this often, in case the notification never arrives.
pub const TOP_UP_LOOK_OPEN: SignedDuration = SignedDuration::from_mins(55);
/// Money under way takes days; it is asked for this often.
pub const TOP_UP_LOOK_PROCESSING: SignedDuration = SignedDuration::from_hours(6);
/// Top-ups one reconciling pass takes from each shard at once.
pub const TOP_UP_BATCH: u16 = 100;
/// Pages one reconciling pass reads of each shard.
pub const TOP_UP_PAGES_MAX: u16 = 20;
/// Declines in a row after which an automatic top-up is switched off.
pub const AUTO_DECLINES_MAX: u8 = 3;
/// From a decline until the card is tried again: the next day, also when that day's tick comes a little earlier.
pub const AUTO_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(23);
/// From one automatic top-up that succeeded to the next of the same wallet.
pub const AUTO_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Largest notification of the payment provider read, in bytes.
pub const NOTIFICATION_BYTES_MAX: usize = 256 * 1024;
/// Tries of a booking whose wallet, payment or automatic top-up changed between reading and writing.
pub const BOOKING_TRIES_MAX: u8 = 4;
/// How far back the first look for missed notifications goes.
pub const NOTIFICATIONS_FIRST_LOOK: SignedDuration = SignedDuration::from_hours(24);
/// Each look for missed notifications begins this long before the last one, for those that were still being delivered.
pub const NOTIFICATIONS_OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Times one creation at the payment provider is sent under its key, the first included.
pub const PAYMENT_TRIES_MAX: u32 = 3;
/// Longest one of these tries may take: two fit into [`PROVIDER_TIMEOUT`], which bounds them all together.
pub const PAYMENT_TRY_TIMEOUT: SignedDuration = SignedDuration::from_secs(14);
/// Wait before the second of these tries; doubles after it.
pub const PAYMENT_BACKOFF: SignedDuration = SignedDuration::from_millis(500);
/// Items asked of the payment provider at once; it gives no more.
pub const PAYMENT_PAGE: u16 = 100;
/// Pages of one customer's payments looked through for one of them.
pub const PAYMENT_PAGES_MAX: u16 = 10;
/// Pages of undelivered notifications read at once. More means days without any delivery, which a person must see.
pub const NOTIFICATION_PAGES_MAX: u16 = 30;
/// A notification signed longer ago is a repeated one (the payment provider's own library: 300 s).
pub const NOTIFICATION_AGE_MAX: SignedDuration = SignedDuration::from_secs(300);

/// A carrier's prices are asked for this long; knowing them is not worth holding anything up.
pub const PRICES_WITHIN: SignedDuration = SignedDuration::from_secs(5);
/// A run of reconciliation begins this long after the one before it began.
pub const RECONCILE_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// A third party that could not be listed for this long is left out of a run.
pub const RECONCILE_WAITS: SignedDuration = SignedDuration::from_hours(1);
/// Two sightings of the same, before anything is taken away for good, are at least this far apart.
pub const SIGHTINGS_APART: SignedDuration = SignedDuration::from_hours(24);
/// Things one run takes away for good at most: a mistake of ours must not empty an account.
pub const RECONCILE_DESTROYS_MAX: u32 = 20;
/// Other repairs one run makes at most.
pub const RECONCILE_REPAIRS_MAX: u32 = 500;
/// Findings a report keeps in full; the others are counted.
pub const FINDINGS_KEPT: usize = 300;
/// Of these, numbers without our tag: an operator's own must not hide what matters.
pub const UNTAGGED_KEPT: usize = 50;
/// Characters of a finding's detail.
pub const FINDING_CHARS_MAX: usize = 400;
/// Entries of a register written in one item: 16 bytes each, of the 400 KB an item may have.
pub const REGISTER_CHUNK: usize = 20_000;
/// Open operations a run knows by name, of 32 characters each. When there are more, nothing at a platform is taken for left
/// behind: it may be one of theirs.
pub const OPEN_KEPT: usize = 2_000;
/// Pages of a third party's list between two notes of how far a run is.
pub const RECONCILE_NOTED_AFTER: u32 = 25;
