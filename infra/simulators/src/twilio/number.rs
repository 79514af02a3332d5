//! A number an account owns: its settings, what may be set, and how it is written.
//!
//! Whether it may be bought is decided in `numbers`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::form::Form;
use super::refusal::Refusal;
use crate::stock::{AddressRequirement, NumberType, Offer};
use crate::time::rfc2822;

const FRIENDLY_NAME_CHARS_MAX: usize = 64;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Number {
    /// Counts the account's purchases; the sid ends in it.
    pub(crate) seq: u64,
    pub(crate) sid: String,
    pub(crate) e164: String,
    pub(crate) number_type: NumberType,
    pub(crate) country: String,
    pub(crate) address_requirement: AddressRequirement,
    pub(crate) friendly_name: String,
    pub(crate) voice: Hook,
    pub(crate) sms: Hook,
    pub(crate) status_callback: String,
    pub(crate) status_callback_method: String,
    pub(crate) trunk_sid: String,
    pub(crate) caller_id_lookup: bool,
    pub(crate) receive_mode: String,
    pub(crate) address_sid: String,
    pub(crate) bundle_sid: String,
    pub(crate) identity_sid: String,
    pub(crate) emergency_active: bool,
    pub(crate) emergency_address_sid: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// Where calls or messages go. Absent settings are empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub(crate) url: String,
    pub(crate) method: String,
    pub(crate) fallback_url: String,
    pub(crate) fallback_method: String,
    pub(crate) application_sid: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Capabilities {
    pub(crate) voice: bool,
    pub(crate) sms: bool,
    pub(crate) mms: bool,
}

impl Capabilities {
    pub(crate) fn of(country: &str, number_type: NumberType) -> Self {
        let north_american = matches!(country, "US" | "CA");
        let sms = north_american || number_type == NumberType::Mobile;
        Self { voice: true, sms, mms: north_american }
    }
}

impl Default for Hook {
    fn default() -> Self {
        Self {
            url: String::new(),
            method: "POST".to_owned(),
            fallback_url: String::new(),
            fallback_method: "POST".to_owned(),
            application_sid: String::new(),
        }
    }
}

impl Number {
    pub(crate) fn bought(offer: &Offer, seq: u64, sid: String, now: Timestamp) -> Self {
        Self {
            seq,
            sid,
            friendly_name: formatted(&offer.e164),
            e164: offer.e164.clone(),
            number_type: offer.number_type,
            country: offer.country.clone(),
            address_requirement: offer.address_requirement,
            voice: Hook::default(),
            sms: Hook::default(),
            status_callback: String::new(),
            status_callback_method: "POST".to_owned(),
            trunk_sid: String::new(),
            caller_id_lookup: false,
            receive_mode: "voice".to_owned(),
            address_sid: String::new(),
            bundle_sid: String::new(),
            identity_sid: String::new(),
            emergency_active: false,
            emergency_address_sid: String::new(),
            created: now,
            updated: now,
        }
    }

    /// Changes what the form names and leaves the rest. An empty value clears; an unknown name is
    /// passed over in silence, as a misspelt one is by Twilio.
    pub(crate) fn set(&mut self, form: &Form) -> Result<(), Refusal> {
        for (name, value) in form.pairs() {
            self.set_one(name, value)?;
        }
        self.check_fallbacks()?;
        let sms = [&self.sms.url, &self.sms.fallback_url, &self.sms.application_sid];
        if !self.capabilities().sms && sms.iter().any(|setting| !setting.is_empty()) {
            return Err(Refusal::new(21407, "This Phone Number type does not support SMS"));
        }
        Ok(())
    }

    fn set_one(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "FriendlyName" => self.friendly_name = self.named(value)?,
            "VoiceUrl" => self.voice.url = url(name, value)?,
            "VoiceMethod" => self.voice.method = method(name, value)?,
            "VoiceFallbackUrl" => self.voice.fallback_url = url(name, value)?,
            "VoiceFallbackMethod" => self.voice.fallback_method = method(name, value)?,
            "SmsUrl" => self.sms.url = url(name, value)?,
            "SmsMethod" => self.sms.method = method(name, value)?,
            "SmsFallbackUrl" => self.sms.fallback_url = url(name, value)?,
            "SmsFallbackMethod" => self.sms.fallback_method = method(name, value)?,
            "SmsApplicationSid" => self.sms.application_sid = application(value)?,
            "StatusCallback" => self.status_callback = url(name, value)?,
            "StatusCallbackMethod" => self.status_callback_method = method(name, value)?,
            "VoiceApplicationSid" => self.set_application(application(value)?),
            "TrunkSid" => self.set_trunk(sid("TK", name, value)?)?,
            "VoiceCallerIdLookup" => self.caller_id_lookup = one_of(name, value, &["true", "false"])? == "true",
            "VoiceReceiveMode" => self.receive_mode = one_of(name, value, &["voice", "fax"])?,
            "AddressSid" => self.address_sid = sid("AD", name, value)?,
            "BundleSid" => self.bundle_sid = sid("BU", name, value)?,
            "IdentitySid" => self.identity_sid = sid("RI", name, value)?,
            "EmergencyAddressSid" => self.emergency_address_sid = sid("AD", name, value)?,
            "EmergencyStatus" => self.emergency_active = one_of(name, value, &["Active", "Inactive"])? == "Active",
            _ => {}
        }
        Ok(())
    }

    /// A trunk and a voice application exclude each other: each clears the other. The voice URL
    /// stays and is no longer called.
    fn set_trunk(&mut self, trunk: String) -> Result<(), Refusal> {
        if self.emergency_active && trunk != self.trunk_sid {
            return Err(Refusal::new(21634, "The trunk is in use for emergency calling"));
        }
        if !trunk.is_empty() {
            self.voice.application_sid.clear();
        }
        self.trunk_sid = trunk;
        Ok(())
    }

    fn set_application(&mut self, application: String) {
        if !application.is_empty() {
            self.trunk_sid.clear();
        }
        self.voice.application_sid = application;
    }

    fn named(&self, value: &str) -> Result<String, Refusal> {
        if value.chars().count() > FRIENDLY_NAME_CHARS_MAX {
            return Err(Refusal::new(20002, "Invalid FriendlyName: it has more than 64 characters"));
        }
        Ok(if value.is_empty() { formatted(&self.e164) } else { value.to_owned() })
    }

    fn check_fallbacks(&self) -> Result<(), Refusal> {
        let stranded = |hook: &Hook| !hook.fallback_url.is_empty() && hook.url.is_empty();
        if stranded(&self.voice) {
            return Err(Refusal::new(21405, "A VoiceFallbackUrl needs a VoiceUrl"));
        }
        if stranded(&self.sms) {
            return Err(Refusal::new(21406, "An SmsFallbackUrl needs an SmsUrl"));
        }
        Ok(())
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities::of(&self.country, self.number_type)
    }

    pub(crate) fn wire(&self, account_sid: &str) -> Value {
        let capabilities = self.capabilities();
        // Twilio writes an absent setting now as null, now as "". Half of the numbers have it one way.
        let (other, blank) = if self.seq % 2 == 1 { (Blank::Null, Blank::Empty) } else { (Blank::Empty, Blank::Null) };
        let mut wire = json!({
            "sid": self.sid,
            "account_sid": account_sid,
            "friendly_name": self.friendly_name,
            "phone_number": self.e164,
            "status": "in-use",
            "type": type_name(self.number_type),
            "origin": "twilio",
            "beta": false,
            "api_version": "2010-04-01",
            "address_requirements": self.address_requirement,
            "capabilities": {
                "voice": capabilities.voice, "sms": capabilities.sms, "mms": capabilities.mms, "fax": false,
            },
            "date_created": rfc2822(self.created),
            "date_updated": rfc2822(self.updated),
            "uri": format!("/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{}.json", self.sid),
        });
        let settings = json!({
            "voice_url": blank.or(&self.voice.url),
            "voice_method": self.voice.method,
            "voice_fallback_url": other.or(&self.voice.fallback_url),
            "voice_fallback_method": self.voice.fallback_method,
            "voice_application_sid": blank.or(&self.voice.application_sid),
            "voice_caller_id_lookup": self.caller_id_lookup,
            "voice_receive_mode": self.receive_mode,
            "trunk_sid": Blank::Null.or(&self.trunk_sid),
            "sms_url": blank.or(&self.sms.url),
            "sms_method": self.sms.method,
            "sms_fallback_url": blank.or(&self.sms.fallback_url),
            "sms_fallback_method": self.sms.fallback_method,
            "sms_application_sid": blank.or(&self.sms.application_sid),
            "status_callback": blank.or(&self.status_callback),
            "status_callback_method": self.status_callback_method,
            "address_sid": Blank::Null.or(&self.address_sid),
            "bundle_sid": Blank::Null.or(&self.bundle_sid),
            "identity_sid": Blank::Null.or(&self.identity_sid),
            "emergency_status": if self.emergency_active { "Active" } else { "Inactive" },
            "emergency_address_sid": Blank::Null.or(&self.emergency_address_sid),
            "emergency_address_status":
                if self.emergency_address_sid.is_empty() { "unregistered" } else { "registered" },
        });
        if let (Value::Object(wire), Value::Object(settings)) = (&mut wire, settings) {
            wire.extend(settings);
        }
        wire
    }

    /// As the control surface shows it.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.sid,
            "e164": self.e164,
            "name": self.friendly_name,
            "country": self.country,
            "type": self.number_type,
            "voice_url": Blank::Null.or(&self.voice.url),
            "voice_fallback_url": Blank::Null.or(&self.voice.fallback_url),
            "voice_application": Blank::Null.or(&self.voice.application_sid),
            "sms_url": Blank::Null.or(&self.sms.url),
            "status_callback": Blank::Null.or(&self.status_callback),
            "trunk": Blank::Null.or(&self.trunk_sid),
            "address": Blank::Null.or(&self.address_sid),
            "bundle": Blank::Null.or(&self.bundle_sid),
            "created_at": self.created.to_string(),
        })
    }
}

/// One of the two ways to write nothing.
#[derive(Clone, Copy)]
enum Blank {
    Null,
    Empty,
}

impl Blank {
    fn or(self, text: &str) -> Value {
        match self {
            Self::Null if text.is_empty() => Value::Null,
            Self::Null | Self::Empty => json!(text),
        }
    }
}

/// As a person in its country would write it.
pub(crate) fn formatted(e164: &str) -> String {
    match e164.strip_prefix("+1") {
        Some(ten) if ten.len() == 10 => format!("({}) {}-{}", &ten[..3], &ten[3..6], &ten[6..]),
        _ => e164.to_owned(),
    }
}

fn type_name(number_type: NumberType) -> &'static str {
    match number_type {
        NumberType::Local => "local",
        NumberType::TollFree => "toll-free",
        NumberType::Mobile => "mobile",
        NumberType::National => "national",
    }
}

fn url(name: &str, value: &str) -> Result<String, Refusal> {
    let web = reqwest::Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if value.is_empty() || web {
        Ok(value.to_owned())
    } else {
        Err(Refusal::new(21402, format!("{name} is not a valid URL")))
    }
}

fn method(name: &str, value: &str) -> Result<String, Refusal> {
    match value.to_ascii_uppercase().as_str() {
        "" => Ok("POST".to_owned()),
        method @ ("GET" | "POST") => Ok(method.to_owned()),
        _ => Err(Refusal::new(21403, format!("{name} is not a valid method"))),
    }
}

fn application(value: &str) -> Result<String, Refusal> {
    sid("AP", "ApplicationSid", value).map_err(|_| Refusal::new(21420, "The application is not accessible"))
}

fn sid(prefix: &str, name: &str, value: &str) -> Result<String, Refusal> {
    let hex = |rest: &str| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if value.is_empty() || value.strip_prefix(prefix).is_some_and(hex) {
        return Ok(value.to_owned());
    }
    Err(Refusal::without_code(format!("Invalid {name} {value}")))
}

fn one_of(name: &str, value: &str, allowed: &[&str]) -> Result<String, Refusal> {
    let found = allowed.iter().find(|one| one.eq_ignore_ascii_case(value));
    found.map(|one| (*one).to_owned()).ok_or_else(|| Refusal::without_code(format!("Invalid {name} {value}")))
}
