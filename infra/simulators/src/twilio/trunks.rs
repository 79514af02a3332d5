//! Elastic SIP trunks: where the calls of their numbers go instead of to a webhook.
//!
//! Credential lists and what else guards calls that come from a platform are left out: nobody checks them here.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::form::Form;
use super::number::Number;
use super::numbers;
use super::pages::{Page, page_by_meta};
use super::refusal::Refusal;
use super::{ACCOUNT_SID, Handle};
use crate::book::locked;
use crate::server::{Answer, Call, json, no_content};

const BASE: &str = "https://trunking.twilio.com/v1/Trunks";
/// Every trunk's domain is below it.
const DOMAIN: &str = ".pstn.twilio.com";
const INVALID: u32 = 21245;
/// Weight and priority when the operator says nothing.
const USUAL: u16 = 10;

const TRUNKS: Page = Page { key: "trunks", token: "PATK" };
const URLS: Page = Page { key: "origination_urls", token: "PAOU" };
const NUMBERS: Page = Page { key: "phone_numbers", token: "PAPN" };

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trunk {
    /// Its place in the order of creation.
    seq: u64,
    pub(super) sid: String,
    name: String,
    domain: String,
    secure: bool,
    origination: Vec<Origination>,
    created: Timestamp,
}

/// Where calls to a number of the trunk are sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Origination {
    seq: u64,
    sid: String,
    name: String,
    sip_url: String,
    /// Lower ones first.
    priority: u16,
    /// Its share among those of one priority.
    weight: u16,
    enabled: bool,
    created: Timestamp,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Answer, Refusal> {
    let form = Form::of_body(call)?;
    let sid = format!("TK{}", account.book.hex("TK"));
    let domain = form.filled("DomainName").unwrap_or_default();
    if !domain.is_empty() && !domain.ends_with(DOMAIN) {
        return Err(Refusal::without_code(format!("Invalid DomainName {domain}")));
    }
    if account.trunks.values().any(|trunk| !domain.is_empty() && trunk.domain == domain) {
        return Err(Refusal::new(21248, "Domain is already taken"));
    }
    let mut trunk = account.new_trunk(sid, form.filled("FriendlyName").unwrap_or_default());
    domain.clone_into(&mut trunk.domain);
    trunk.secure = form.flag("Secure").unwrap_or_default();
    let wire = trunk.wire();
    account.keep_trunk(trunk);
    Ok(json(StatusCode::CREATED, &wire))
}

pub(super) fn get(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    Ok(json(StatusCode::OK, &found(account, call, sid)?.wire()))
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Answer, Refusal> {
    newest_first(call, TRUNKS, account.trunks.values().map(|trunk| (trunk.seq, trunk.wire())))
}

pub(super) fn add_url(account: &mut Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let mut trunk = found(account, call, sid)?.clone();
    let form = Form::of_body(call)?;
    let needed = |name: &str| {
        form.filled(name).ok_or_else(|| Refusal::without_code(format!("Missing required parameter {name}")))
    };
    let whole = |name: &str, lowest: u16| {
        let value = needed(name)?.parse::<u16>().ok().filter(|value| *value >= lowest);
        value.ok_or_else(|| Refusal::without_code(format!("Invalid {name}")))
    };
    let sip_url = needed("SipUrl")?;
    if !sip_url.starts_with("sip:") && !sip_url.starts_with("sips:") {
        return Err(Refusal::without_code(format!("Invalid SipUrl {sip_url}")));
    }
    needed("Enabled")?;
    let url = Origination {
        name: needed("FriendlyName")?.to_owned(),
        priority: whole("Priority", 0)?,
        weight: whole("Weight", 1)?,
        enabled: form.flag("Enabled").ok_or_else(|| Refusal::without_code("Invalid Enabled"))?,
        ..account.new_url(sip_url)
    };
    let wire = url.wire(&trunk.sid);
    trunk.origination.push(url);
    account.keep_trunk(trunk);
    Ok(json(StatusCode::CREATED, &wire))
}

pub(super) fn list_urls(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    let trunk = found(account, call, sid)?;
    newest_first(call, URLS, trunk.origination.iter().map(|url| (url.seq, url.wire(sid))))
}

/// The same as setting `TrunkSid` on the number.
pub(super) fn attach(account: &mut Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    found(account, call, sid)?;
    let form = Form::of_body(call)?;
    let number = form.filled("PhoneNumberSid").and_then(|number| account.by_sid(number)).cloned();
    let number = number.ok_or_else(|| Refusal::without_code("Invalid PhoneNumberSid"))?;
    let attached = numbers::put_on_trunk(account, number, sid)?;
    Ok(json(StatusCode::CREATED, &number_wire(&attached)))
}

/// The number stays the account's.
pub(super) fn detach(account: &mut Account, call: &Call, sid: &str, number: &str) -> Result<Answer, Refusal> {
    found(account, call, sid)?;
    let number = account.by_sid(number).filter(|number| number.trunk_sid == sid).cloned();
    let number = number.ok_or_else(|| Refusal::not_found(&call.path))?;
    numbers::put_on_trunk(account, number, "")?;
    Ok(no_content())
}

pub(super) fn list_numbers(account: &Account, call: &Call, sid: &str) -> Result<Answer, Refusal> {
    found(account, call, sid)?;
    let attached = account.numbers.values().filter(|number| number.trunk_sid == sid);
    newest_first(call, NUMBERS, attached.map(|number| (number.seq, number_wire(number))))
}

/// A trunk that a number is to be on must be there.
pub(super) fn check(account: &Account, sid: &str) -> Result<(), Refusal> {
    if sid.is_empty() || account.trunks.contains_key(sid) {
        return Ok(());
    }
    Err(Refusal::new(INVALID, format!("Trunk {sid} is invalid")))
}

fn found<'a>(account: &'a Account, call: &Call, sid: &str) -> Result<&'a Trunk, Refusal> {
    account.trunks.get(sid).ok_or_else(|| Refusal::not_found(&call.path))
}

/// As this host writes it: with other dates and links than the one that sold it.
fn number_wire(number: &Number) -> Value {
    let mut wire = number.wire(ACCOUNT_SID);
    wire["date_created"] = json!(number.created.to_string());
    wire["date_updated"] = json!(number.updated.to_string());
    wire["url"] = json!(format!("{BASE}/{}/PhoneNumbers/{}", number.trunk_sid, number.sid));
    wire["links"] =
        json!({ "phone_number": format!("https://api.twilio.com{}", wire["uri"].as_str().unwrap_or_default()) });
    if let Value::Object(wire) = &mut wire {
        wire.retain(|name, _| !matches!(name.as_str(), "uri" | "status" | "type" | "origin"));
    }
    wire
}

fn newest_first(call: &Call, names: Page, rows: impl Iterator<Item = (u64, Value)>) -> Result<Answer, Refusal> {
    let mut rows: Vec<(u64, Value)> = rows.collect();
    rows.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    page_by_meta(call, names, |place| rows.into_iter().filter(move |(seq, _)| place.is_none_or(|place| *seq < place)))
}

impl Account {
    fn new_trunk(&mut self, sid: String, name: &str) -> Trunk {
        Trunk {
            seq: self.book.next("trunk"),
            sid,
            name: name.to_owned(),
            domain: String::new(),
            secure: false,
            origination: Vec::new(),
            created: self.book.now(),
        }
    }

    fn new_url(&mut self, sip_url: &str) -> Origination {
        Origination {
            seq: self.book.next("origination"),
            sid: format!("OU{}", self.book.hex("OU")),
            name: sip_url.to_owned(),
            sip_url: sip_url.to_owned(),
            priority: USUAL,
            weight: USUAL,
            enabled: true,
            created: self.book.now(),
        }
    }

    fn keep_trunk(&mut self, trunk: Trunk) {
        self.book.put("trunk", trunk.sid.clone(), &trunk);
        self.trunks.insert(trunk.sid.clone(), trunk);
    }

    /// The SIP addresses a call to a number is tried at, in this order; none where the trunk has no URL in use.
    pub(super) fn originations(&self, trunk: &str, called: &str) -> Vec<String> {
        let urls = self.trunks.get(trunk).map(|trunk| trunk.origination.as_slice()).unwrap_or_default();
        let mut urls: Vec<&Origination> = urls.iter().filter(|url| url.enabled).collect();
        // The heavier ones first instead of a lottery, so that a story is the same every time it is told.
        urls.sort_by_key(|url| (url.priority, std::cmp::Reverse(url.weight), url.seq));
        let address = |url: &&Origination| {
            let (scheme, host) = url.sip_url.split_once(':').unwrap_or(("sip", &url.sip_url));
            format!("{scheme}:{called}@{host}")
        };
        urls.iter().map(address).collect()
    }
}

impl Trunk {
    fn wire(&self) -> Value {
        let url = format!("{BASE}/{}", self.sid);
        let links = ["origination_urls", "credential_lists", "ip_access_control_lists", "phone_numbers", "recording"];
        let names = ["OriginationUrls", "CredentialLists", "IpAccessControlLists", "PhoneNumbers", "Recording"];
        let links = links.iter().zip(names).map(|(key, name)| ((*key).to_owned(), json!(format!("{url}/{name}"))));
        json!({
            "sid": self.sid,
            "account_sid": ACCOUNT_SID,
            "friendly_name": self.name,
            "domain_name": Some(&self.domain).filter(|domain| !domain.is_empty()),
            "disaster_recovery_method": null,
            "disaster_recovery_url": null,
            "secure": self.secure,
            "recording": { "mode": "do-not-record", "trim": "do-not-trim" },
            "transfer_mode": "disable-all",
            "transfer_caller_id": "from-transferee",
            "cnam_lookup_enabled": false,
            "symmetric_rtp_enabled": false,
            "auth_type": "",
            "auth_type_set": [],
            "date_created": self.created.to_string(),
            "date_updated": self.created.to_string(),
            "url": url,
            "links": Value::Object(links.collect()),
        })
    }

    /// As the control surface shows it.
    pub(super) fn shown(&self) -> Value {
        let urls: Vec<&str> = self.origination.iter().map(|url| url.sip_url.as_str()).collect();
        json!({
            "id": self.sid, "name": self.name, "domain": self.domain, "origination": urls,
            "created_at": self.created.to_string(),
        })
    }
}

impl Origination {
    fn wire(&self, trunk: &str) -> Value {
        json!({
            "sid": self.sid,
            "account_sid": ACCOUNT_SID,
            "trunk_sid": trunk,
            "friendly_name": self.name,
            "sip_url": self.sip_url,
            "priority": self.priority,
            "weight": self.weight,
            "enabled": self.enabled,
            "date_created": self.created.to_string(),
            "date_updated": self.created.to_string(),
            "url": format!("{BASE}/{trunk}/OriginationUrls/{}", self.sid),
        })
    }
}

impl Handle {
    /// The sid of the account's trunk of this name, whose calls go to `sip_url` (`sip:<host>`) and whose domain is
    /// `<name>.pstn.twilio.com`; made when it is first asked for, and found again after a restart. The same seed gives the
    /// same sid.
    pub fn trunk(&self, name: &str, sip_url: &str) -> String {
        let mut account = locked(&self.account);
        if let Some(trunk) = account.trunks.values().find(|trunk| trunk.name == name) {
            return trunk.sid.clone();
        }
        let sid = format!("TK{:032x}", account.book.bits(&format!("trunk {name}"), 0));
        let mut trunk = account.new_trunk(sid.clone(), name);
        trunk.domain = format!("{name}{DOMAIN}");
        trunk.origination.push(account.new_url(sip_url));
        account.keep_trunk(trunk);
        account.book.commit();
        sid
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::book::{Book, Db};

    #[test]
    fn urls_in_use_are_tried_by_priority_then_weight() {
        let clock: crate::Clock = Arc::new(|| Timestamp::UNIX_EPOCH);
        let book = Book::open("twilio", &Db::open(None).expect("memory"), 1, &clock).expect("a book");
        let mut account = Account::open(book, &[]).expect("an account");
        let mut trunk = account.new_trunk("TK1".to_owned(), "one");
        let urls = [("a", 2, 1, true), ("b", 1, 1, true), ("c", 1, 9, true), ("d", 0, 1, false), ("e", 1, 1, true)];
        for (host, priority, weight, enabled) in urls {
            let url = account.new_url(&format!("sip:{host};transport=tcp"));
            trunk.origination.push(Origination { priority, weight, enabled, ..url });
        }
        account.keep_trunk(trunk);
        let addresses = ["c", "b", "e", "a"].map(|host| format!("sip:+1212@{host};transport=tcp"));
        assert_eq!(account.originations("TK1", "+1212"), addresses);
        assert_eq!(account.originations("TK2", "+1212"), [""; 0]);
    }
}
