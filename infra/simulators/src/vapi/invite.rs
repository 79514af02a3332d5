//! Calls that arrive: by SIP at one of the organization's addresses, placed by whoever dialled it, and at a number taken
//! over at Twilio.

use http::StatusCode;
use serde_json::{Value, json};

use super::Org;
use super::courier::{Callee, TALK};
use super::numbers::is_native;
use super::refusal::Refusal;
use crate::collection::Resource;
use crate::server::{Answer, Call, answer, pairs};
use crate::sip::{Invite, Platform};

impl Platform for Org {
    const HOSTS: &'static [&'static str] = &["sip.vapi.ai", "sip.eu.vapi.ai"];

    /// The address must be known, the credentials right, an assistant there.
    fn invited(&mut self, invite: &Invite<'_>) -> Option<Value> {
        let address = invite.address().to_owned();
        let called = |number: &&Resource| number.text("sipUri").is_some_and(|uri| uri.eq_ignore_ascii_case(&address));
        let number = self.numbers.iter().find(called)?;
        let assistant = number.text("assistantId").filter(|_| admits(number, invite))?;
        self.assistants.get(assistant)?;
        let (id, assistant) = (number.id.clone(), assistant.to_owned());
        let answered = json!({ "sip_uri": number.text("sipUri"), "assistant_id": assistant });
        let arrival = json!({
            "phoneCallProvider": "vapi",
            "phoneCallProviderId": invite.call_sid,
            "customer": { "number": invite.caller },
            "assistantOverrides": { "variableValues": invite.headers() },
        });
        self.take_call(&id, &assistant, arrival);
        Some(answered)
    }
}

impl Org {
    /// Somebody calls a number of its own that is usable, or a carrier brings a call by the trunk of a number: it must be one
    /// of the trunk's networks that it comes from, so there must be one. An assistant must be there.
    pub(super) fn ring(&mut self, e164: &str, caller: &str) -> Option<String> {
        let called = |number: &&Resource| {
            let rings = is_native(number) || number.text("provider") == Some("byo-phone-number");
            rings && number.text("number") == Some(e164)
        };
        let number = self.numbers.iter().find(called)?;
        if is_native(number) {
            self.is_active(number).then_some(())?;
        } else {
            let trunk = self.credentials.get(number.text("credentialId")?)?;
            let lets_in = |gateway: &Value| gateway["inboundEnabled"] != json!(false);
            trunk.fields.get("gateways")?.as_array()?.iter().find(|gateway| lets_in(gateway))?;
        }
        let (id, assistant) = (number.id.clone(), number.text("assistantId")?.to_owned());
        self.assistants.get(&assistant)?;
        self.take_call(&id, &assistant, json!({ "phoneCallProvider": "vapi", "customer": { "number": caller } }));
        Some(assistant)
    }

    fn take_call(&mut self, number: &str, assistant: &str, arrival: Value) {
        let mut fields = arrival;
        fields["type"] = json!("inboundPhoneCall");
        fields["status"] = json!("ringing");
        fields["assistantId"] = json!(assistant);
        fields["phoneNumberId"] = json!(number);
        if let Value::Object(fields) = fields {
            let call = self.calls.create(&mut self.book, fields).clone();
            self.play(&call, Callee::Answers);
            self.book.commit();
        }
    }
}

/// Twilio asks what to do with a call to a number that was taken over.
pub(super) fn from_twilio(org: &mut Org, call: &Call) -> Result<Answer, Refusal> {
    let form = pairs(&call.body);
    let given = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let called =
        |number: &&Resource| number.text("provider") == Some("twilio") && number.text("number") == Some(given("To"));
    let answers = org
        .numbers
        .iter()
        .find(called)
        .and_then(|number| Some((number.id.clone(), number.text("assistantId")?.to_owned())));
    let known = answers.filter(|(_, assistant)| org.assistants.get(assistant).is_some());
    let document = match known {
        None => "<Response><Reject/></Response>".to_owned(),
        Some((number, assistant)) => {
            let arrival = json!({
                "phoneCallProvider": "twilio",
                "phoneCallProviderId": given("CallSid"),
                "customer": { "number": given("From") },
            });
            org.take_call(&number, &assistant, arrival);
            format!("<Response><Pause length=\"{}\"/></Response>", TALK.as_secs())
        }
    };
    Ok(answer(StatusCode::OK, "text/xml; charset=utf-8", document))
}

/// Without `authentication` any credentials will do, as documented.
fn admits(number: &Resource, invite: &Invite<'_>) -> bool {
    let Some(wanted) = number.fields.get("authentication") else { return true };
    wanted["username"] == json!(invite.username) && wanted["password"] == json!(invite.password)
}
