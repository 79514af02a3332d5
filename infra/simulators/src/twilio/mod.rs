//! Twilio: numbers to find, buy, change and release, and the webhooks of calls and messages to them.
//!
//! Two accounts exist: one that remembers, and the one of the test credentials, which does not.
//! Reading order: `routes` (which request is which), `numbers`, `search`, `account` (what is owned),
//! `call`, `outgoing` and `webhook` (what Twilio sends of its own accord).

mod account;
mod addresses;
mod bundles;
mod call;
mod form;
mod magic;
mod number;
mod numbers;
mod outgoing;
mod pages;
mod prices;
mod refusal;
mod routes;
mod search;
mod sms;
mod trunks;
mod twiml;
pub(crate) mod webhook;

use std::fmt;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use serde_json::{Value, json};

pub(crate) use account::Account;
pub use call::{CallRequest, DialResult};
pub use sms::SmsRequest;

use crate::book::locked;
use crate::elevenlabs::Workspace;
use crate::server::{self, Answer};
use crate::sip::Exchange;
use crate::stock::{Delivery, NumberType, StockLine};
use webhook::{Routes, Sender};

/// Obvious fakes, so that no scanner of leaked secrets takes them for real ones.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
pub const AUTH_TOKEN: &str = "00000000000000000000000000000fa1";
/// The account of the magic inputs.
pub const TEST_ACCOUNT_SID: &str = "AC00000000000000000000000000000002";
pub const TEST_AUTH_TOKEN: &str = "00000000000000000000000000000fa2";

/// The simulator's addresses and credentials, and the hand that moves the outside world.
#[derive(Clone)]
pub struct Handle {
    pub url: String,
    pub trunking_url: String,
    pub numbers_url: String,
    pub pricing_url: String,
    pub account_sid: String,
    pub auth_token: String,
    account: Arc<Mutex<Account>>,
    exchange: Exchange,
    elevenlabs: Arc<Mutex<Workspace>>,
    sender: Arc<Sender>,
    /// Of the calls that were asked for, one is played at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Handle {
    pub(crate) fn new(
        urls: [&String; 4],
        account: Arc<Mutex<Account>>,
        exchange: Exchange,
        elevenlabs: Arc<Mutex<Workspace>>,
        routes: Routes,
    ) -> Self {
        let [url, trunking_url, numbers_url, pricing_url] = urls.map(String::clone);
        Self {
            url,
            trunking_url,
            numbers_url,
            pricing_url,
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
            account,
            exchange,
            elevenlabs,
            sender: Arc::new(Sender::new(routes, AUTH_TOKEN)),
            turn: Arc::default(),
        }
    }

    /// `{numbers:[{id,e164,name,voice_url,trunk,created_at,…}],requests:[{operation,status,at}],…}`
    pub fn state(&self) -> Value {
        locked(&self.account).shown()
    }

    /// Puts numbers on the shelf: `{e164:[…]}`, which ends their quarantine, or
    /// `{country,type,area_code,count}`, which adds as many that were never there. Optional for the
    /// latter: `address_requirement` (`none|any|local|foreign`) and `bundle_required`.
    pub fn stock(&self, request: &Value) -> Result<Value, String> {
        locked(&self.account).stock(Delivery::parse(request)?)
    }

    /// The account has owned these for years, with names of their own: `line.count` numbers, made up as they are asked
    /// for and never changed.
    pub fn own_already(&self, line: StockLine) -> Result<(), String> {
        locked(&self.account).own_already(line)
    }

    /// How often a number came, changed or went since the start.
    pub fn numbers_changed(&self) -> u64 {
        locked(&self.account).book.numbers_changed()
    }

    /// The sid of the account's own business address in a country, filed when it is first asked for.
    pub fn file_address(&self, country: &str) -> String {
        addresses::of_business(&mut locked(&self.account), country)
    }

    /// From now on the account is a trial one, which may have one number, or is not.
    pub fn set_trial(&self, trial: bool) {
        locked(&self.account).set_trial(trial);
    }

    /// From now on a number of this country and type costs so much a month.
    pub fn set_price(&self, country: &str, number_type: NumberType, price: &str) {
        locked(&self.account).set_price(country, number_type, price);
    }

    /// Somebody else bought a number between our search and our purchase.
    pub fn sold_elsewhere(&self, e164: &str) {
        locked(&self.account).sold_elsewhere(e164);
    }
}

/// The webhooks a platform sets on a number imported there; what it names none for stays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hooks<'a> {
    pub(crate) voice: &'a str,
    pub(crate) status: Option<&'a str>,
    pub(crate) sms: Option<&'a str>,
}

impl Account {
    pub(crate) fn has(&self, e164: &str) -> bool {
        self.by_e164(e164).is_some()
    }

    /// What a platform does to a number imported there. False when the account has no such number.
    pub(crate) fn hand_over(&mut self, e164: &str, hooks: Hooks<'_>) -> bool {
        let Some(mut number) = self.by_e164(e164).cloned() else { return false };
        hooks.voice.clone_into(&mut number.voice.url);
        if let Some(status) = hooks.status {
            status.clone_into(&mut number.status_callback);
        }
        if let Some(sms) = hooks.sms.filter(|_| number.capabilities().sms) {
            sms.clone_into(&mut number.sms.url);
        }
        number.updated = self.book.now();
        self.keep(number);
        self.book.commit();
        true
    }

    fn wire(&self) -> Answer {
        let body = json!({
            "sid": ACCOUNT_SID,
            "friendly_name": "Simulated account",
            "owner_account_sid": ACCOUNT_SID,
            "status": "active",
            "type": if self.trial { "Trial" } else { "Full" },
            "uri": format!("/2010-04-01/Accounts/{ACCOUNT_SID}.json"),
        });
        server::json(StatusCode::OK, &body)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, trunking_url, numbers_url, pricing_url, account_sid, .. } = self;
        let mut fields = formatter.debug_struct("Handle");
        fields.field("url", url).field("trunking_url", trunking_url).field("numbers_url", numbers_url);
        fields.field("pricing_url", pricing_url).field("account_sid", account_sid).finish_non_exhaustive()
    }
}
