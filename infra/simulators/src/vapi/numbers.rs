//! Phone numbers: Vapi's own, SIP addresses, and those of other carriers made known here.
//!
//! A body is one of several, told apart by `provider`; what may be in it depends on which.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::query::Query;
use super::refusal::Refusal;
use super::shape::{self, Is, Property, TEXT, check, complaints, without_nulls};
use super::{Org, Tells};
use crate::book::locked;
use crate::collection::Resource;
use crate::server::{Answer, Call, json};
use crate::stock::is_e164;
use crate::twilio::{ACCOUNT_SID, AUTH_TOKEN, Hooks};

const INBOUND_CALL: &str = "https://api.vapi.ai/twilio/inbound_call";
const SEARCH_CHARS_MAX: usize = 100;

const PROVIDERS: &[&str] = &["byo-phone-number", "twilio", "vonage", "vapi", "telnyx"];

const COMMON: &[Property] = &[
    ("provider", Is::OneOf(PROVIDERS)),
    ("name", Is::Text(0, 40)),
    ("assistantId", TEXT),
    ("squadId", TEXT),
    ("workflowId", TEXT),
    ("server", Is::Object),
    ("fallbackDestination", Is::Object),
    ("hooks", Is::List),
];
const TWILIO: &[Property] = &[
    ("number", TEXT),
    ("twilioAccountSid", TEXT),
    ("twilioAuthToken", TEXT),
    ("twilioApiKey", TEXT),
    ("twilioApiSecret", TEXT),
    ("smsEnabled", Is::Bool),
];
const BYO: &[Property] = &[("number", Is::Text(3, 40)), ("credentialId", TEXT), ("numberE164CheckEnabled", Is::Bool)];
const OTHER_CARRIER: &[Property] = &[("number", TEXT), ("credentialId", TEXT)];
const VAPI: &[Property] = &[("sipUri", TEXT), ("authentication", Is::Object)];
const VAPI_CREATE: &[Property] = &[("numberDesiredAreaCode", Is::Text(3, 3))];
const AUTHENTICATION: &[Property] = &[("realm", TEXT), ("username", TEXT), ("password", TEXT)];

pub(super) fn create(org: &mut Org, call: &Call) -> Result<Answer, Refusal> {
    let body = shape::body(call)?;
    let provider = body.get("provider").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (extra, required): (Vec<Property>, &[&str]) = match provider.as_str() {
        "twilio" => (TWILIO.to_vec(), &["number", "twilioAccountSid"]),
        "byo-phone-number" => (BYO.to_vec(), &["credentialId"]),
        "vapi" => ([VAPI, VAPI_CREATE].concat(), &[]),
        "vonage" | "telnyx" => (OTHER_CARRIER.to_vec(), &["number", "credentialId"]),
        _ => return check(&body, &COMMON[..1], &["provider"]).and(Err(no_provider())),
    };
    check(&body, &[COMMON, &extra].concat(), required)?;
    let mut fields = without_nulls(body);
    org.check_links(&fields)?;
    match provider.as_str() {
        "twilio" => import_from_twilio(org, &mut fields)?,
        "byo-phone-number" => check_own(org, &mut fields)?,
        "vapi" => {
            check_authentication(&fields)?;
            return create_native_or_sip(org, fields);
        }
        _ => {}
    }
    fields.insert("status".to_owned(), json!("active"));
    let created = org.numbers.create(&mut org.book, fields).clone();
    Ok(json(StatusCode::CREATED, &org.number_wire(&created)))
}

pub(super) fn get(org: &Org, id: &str) -> Result<Answer, Refusal> {
    let number = org.numbers.get(id).ok_or_else(|| not_found(id))?;
    Ok(json(StatusCode::OK, &org.number_wire(number)))
}

pub(super) fn update(org: &mut Org, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let number = org.numbers.get(id).cloned().ok_or_else(|| not_found(id))?;
    let body = shape::body(call)?;
    let provider = number.text("provider").unwrap_or_default();
    let extra = match provider {
        "twilio" => TWILIO,
        "byo-phone-number" => BYO,
        "vapi" => VAPI,
        _ => OTHER_CARRIER,
    };
    check(&body, &[COMMON, extra].concat(), &[])?;
    if body.get("provider").and_then(Value::as_str).is_some_and(|given| given != provider) {
        return Err(Refusal::bad(vec![format!("provider must be one of the following values: {provider}")]));
    }
    check_authentication(&body)?;
    org.check_links(&body)?;
    if let Some(uri) = body.get("sipUri").and_then(Value::as_str) {
        check_sip_uri(org, uri, Some(id))?;
    }
    let changed = org.numbers.update(&mut org.book, id, body).cloned().ok_or_else(|| not_found(id))?;
    Ok(json(StatusCode::OK, &org.number_wire(&changed)))
}

/// Answers what is gone. An imported number's webhooks stay as the import set them.
pub(super) fn delete(org: &mut Org, id: &str) -> Result<Answer, Refusal> {
    let gone = org.numbers.delete(&mut org.book, id).ok_or_else(|| not_found(id))?;
    Ok(json(StatusCode::OK, &org.number_wire(&gone)))
}

pub(super) fn list(org: &Org, call: &Call) -> Result<Answer, Refusal> {
    let query = Query::parse(&call.query_pairs())?;
    let admitted = org.numbers.iter().rev().filter(|number| query.admits(number)).take(query.limit);
    let numbers: Vec<Value> = admitted.map(|number| org.number_wire(number)).collect();
    Ok(json(StatusCode::OK, &Value::Array(numbers)))
}

/// The second version of the list, which can search and count.
pub(super) fn search(org: &Org, call: &Call) -> Result<Answer, Refusal> {
    let pairs = call.query_pairs();
    let query = Query::parse(&pairs)?;
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let sought = given("search").unwrap_or_default().to_lowercase();
    let page: usize = given("page").map_or(Ok(1), str::parse).unwrap_or(0);
    let mut wrong = Vec::new();
    if sought.chars().count() > SEARCH_CHARS_MAX {
        wrong.push(format!("search must be shorter than or equal to {SEARCH_CHARS_MAX} characters"));
    }
    if page == 0 {
        wrong.push("page must not be less than 1".to_owned());
    }
    if given("sortOrder").is_some_and(|order| !matches!(order, "ASC" | "DESC")) {
        wrong.push("sortOrder must be one of the following values: ASC, DESC".to_owned());
    }
    if !wrong.is_empty() {
        return Err(Refusal::bad(wrong));
    }
    let matches = |number: &&Resource| {
        let texts = ["name", "number", "sipUri"].map(|field| number.text(field).unwrap_or_default().to_lowercase());
        query.admits(number) && texts.iter().any(|text| text.contains(&sought))
    };
    let mut found: Vec<&Resource> = org.numbers.iter().filter(matches).collect();
    if given("sortOrder") != Some("ASC") {
        found.reverse();
    }
    let total = found.len();
    let skipped = (page - 1).saturating_mul(query.limit);
    let results: Vec<Value> =
        found.into_iter().skip(skipped).take(query.limit).map(|number| org.number_wire(number)).collect();
    let metadata = json!({
        "itemsPerPage": query.limit,
        "totalItems": total,
        "currentPage": page,
        "totalPages": total.div_ceil(query.limit.max(1)),
        "hasNextPage": skipped + results.len() < total,
        "sortOrder": given("sortOrder").unwrap_or("DESC"),
    });
    Ok(json(StatusCode::OK, &json!({ "results": results, "metadata": metadata })))
}

impl Org {
    /// As it is now: a number of Vapi's own becomes active by itself.
    fn number_wire(&self, number: &Resource) -> Value {
        let mut wire = self.wire(number);
        if is_native(number) {
            let active = self.is_active(number);
            wire["status"] = json!(if active { "active" } else { "activating" });
            if let (false, Tells::WhenActive, Value::Object(wire)) = (active, self.manner.tells, &mut wire) {
                wire.remove("number");
            }
        }
        wire
    }

    /// Whether a number of its own is usable by now.
    pub(super) fn is_active(&self, number: &Resource) -> bool {
        let takes = self.manner.activation_s;
        // One that was made in the same millisecond as another is dated after it, and so may seem not to be made yet.
        takes == 0 || self.book.now() >= number.created + SignedDuration::from_secs(takes)
    }

    /// What a number refers to must exist. Null refers to nothing, and unlinks.
    fn check_links(&self, fields: &Map<String, Value>) -> Result<(), Refusal> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if let Some(id) = text("assistantId").filter(|id| self.assistants.get(id).is_none()) {
            return Err(Refusal::bad_text(&format!("Couldn't find assistant with id {id}.")));
        }
        if let Some(id) = text("credentialId").filter(|id| self.credentials.get(id).is_none()) {
            return Err(Refusal::bad_text(&format!("Couldn't find credential with id {id}.")));
        }
        Ok(())
    }

    pub(super) fn shown_number(&self, number: &Resource) -> Value {
        let wire = self.number_wire(number);
        let mut shown = json!({
            "id": number.id,
            "e164": number.text("number").filter(|number| is_e164(number)),
            "name": number.text("name"),
            "provider": number.text("provider"),
            "agent": number.text("assistantId"),
            "status": wire["status"],
            "created_at": number.created.to_string(),
        });
        if let Some(uri) = number.text("sipUri") {
            shown["sip_uri"] = json!(uri);
        }
        shown
    }
}

pub(super) fn is_native(number: &Resource) -> bool {
    number.text("provider") == Some("vapi") && number.text("sipUri").is_none()
}

fn create_native_or_sip(org: &mut Org, mut fields: Map<String, Value>) -> Result<Answer, Refusal> {
    let Some(area) = fields.get("numberDesiredAreaCode").and_then(Value::as_str).map(str::to_owned) else {
        return create_sip(org, fields);
    };
    if fields.contains_key("sipUri") {
        return Err(Refusal::bad_text("A number has an area code or a SIP URI, not both."));
    }
    if org.numbers.iter().filter(|number| is_native(number)).count() >= org.manner.most {
        return Err(Refusal::bad_text(
            "This organization already has its five numbers. Import one of your own instead.",
        ));
    }
    let e164 = org.pool.take(&mut org.book, &area);
    let none = || Refusal::bad_text(&format!("No phone number is available in area code {area} at the moment."));
    fields.insert("number".to_owned(), json!(e164.ok_or_else(none)?));
    let created = org.numbers.create(&mut org.book, fields).clone();
    let mut wire = org.number_wire(&created);
    if let (Tells::Afterwards, Value::Object(wire)) = (org.manner.tells, &mut wire) {
        wire.remove("number");
    }
    Ok(json(StatusCode::CREATED, &wire))
}

fn create_sip(org: &mut Org, mut fields: Map<String, Value>) -> Result<Answer, Refusal> {
    let uri = match fields.get("sipUri").and_then(Value::as_str) {
        Some(uri) => uri.to_owned(),
        None => format!("sip:{}@sip.vapi.ai", org.book.hex("sip")),
    };
    check_sip_uri(org, &uri, None)?;
    fields.insert("sipUri".to_owned(), json!(uri));
    fields.insert("status".to_owned(), json!("active"));
    let created = org.numbers.create(&mut org.book, fields).clone();
    Ok(json(StatusCode::CREATED, &org.number_wire(&created)))
}

fn check_sip_uri(org: &Org, uri: &str, own_id: Option<&str>) -> Result<(), Refusal> {
    let lower = uri.to_ascii_lowercase();
    let name = lower
        .strip_prefix("sip:")
        .and_then(|rest| rest.strip_suffix("@sip.vapi.ai").or_else(|| rest.strip_suffix("@sip.eu.vapi.ai")));
    if name.is_none_or(|name| name.is_empty() || name.contains(['@', ' ', '/', '?'])) {
        return Err(Refusal::bad(vec!["sipUri must be of the form sip:<name>@sip.vapi.ai".to_owned()]));
    }
    let holder = org.numbers.iter().find(|number| number.text("sipUri").is_some_and(|it| it.eq_ignore_ascii_case(uri)));
    if holder.is_some_and(|holder| Some(holder.id.as_str()) != own_id) {
        return Err(Refusal::bad_text(&format!("SIP URI {uri} is already in use.")));
    }
    Ok(())
}

fn check_authentication(fields: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(Value::Object(authentication)) = fields.get("authentication") else { return Ok(()) };
    let complaints = complaints(authentication, AUTHENTICATION, &["username", "password"], "authentication.");
    if complaints.is_empty() { Ok(()) } else { Err(Refusal::bad(complaints)) }
}

/// Takes over the number's webhooks at Twilio, as an import does.
fn import_from_twilio(org: &mut Org, fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    fields.entry("smsEnabled").or_insert(json!(true));
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let token = text("twilioAuthToken");
    let key = text("twilioApiKey").and(text("twilioApiSecret"));
    if token.is_none() && key.is_none() {
        let complaint = "twilioAuthToken, or twilioApiKey and twilioApiSecret, must be given";
        return Err(Refusal::bad(vec![complaint.to_owned()]));
    }
    let e164 = text("number").unwrap_or_default();
    if org.numbers.iter().any(|number| number.text("provider") == Some("twilio") && number.text("number") == Some(e164))
    {
        return Err(Refusal::bad_text(&format!("Phone number {e164} has already been imported.")));
    }
    let genuine = text("twilioAccountSid") == Some(ACCOUNT_SID) && token.is_none_or(|token| token == AUTH_TOKEN);
    let hooks = Hooks {
        voice: INBOUND_CALL,
        status: Some("https://api.vapi.ai/twilio/call_status"),
        sms: (fields["smsEnabled"] == json!(true)).then_some("https://api.vapi.ai/twilio/sms"),
    };
    let taken_over = genuine && locked(&org.twilio).hand_over(e164, hooks);
    if !taken_over {
        return Err(Refusal::bad_text(&format!("Phone number {e164} was not found in the Twilio account.")));
    }
    Ok(())
}

fn check_own(org: &Org, fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    let checked = fields.entry("numberE164CheckEnabled").or_insert(json!(true)) == &json!(true);
    let credential = fields.get("credentialId").and_then(Value::as_str).and_then(|id| org.credentials.get(id));
    if credential.is_none_or(|credential| credential.text("provider") != Some("byo-sip-trunk")) {
        return Err(Refusal::bad_text("credentialId must be that of a byo-sip-trunk credential"));
    }
    let number = fields.get("number").and_then(Value::as_str);
    if checked && number.is_some_and(|number| !is_e164(number)) {
        return Err(Refusal::bad(vec!["number must be a valid phone number in the E.164 format".to_owned()]));
    }
    Ok(())
}

fn no_provider() -> Refusal {
    Refusal::bad(vec![format!("provider must be one of the following values: {}", PROVIDERS.join(", "))])
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found("phone number", id)
}
