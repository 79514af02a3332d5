//! A SIP call to one of the organization's addresses, placed by whoever dialled it.

use serde_json::{Map, Value, json};

use super::Org;
use super::collection::Resource;
use super::courier::Callee;

/// The hosts this organization's addresses may be under.
const HOSTS: [&str; 2] = ["sip.vapi.ai", "sip.eu.vapi.ai"];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Invite<'a> {
    /// With parameters and headers, as in a document.
    pub(crate) uri: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) caller: &'a str,
    pub(crate) call_sid: &'a str,
}

impl Invite<'_> {
    pub(crate) fn is_for_vapi(&self) -> bool {
        let address = self.address().to_ascii_lowercase();
        address.rsplit('@').next().is_some_and(|host| HOSTS.contains(&host.split(':').next().unwrap_or_default()))
    }

    /// Without transport parameters and headers.
    fn address(&self) -> &str {
        let uri = self.uri.trim();
        uri.split(['?', ';']).next().unwrap_or(uri)
    }

    /// The headers given behind the question mark, decoded.
    fn headers(&self) -> Map<String, Value> {
        let query = self.uri.split_once('?').map_or("", |(_, query)| query);
        // In a SIP URI a plus sign is itself.
        let query = query.replace('+', "%2B");
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), json!(value))).collect()
    }
}

impl Org {
    /// Who answers, if anyone: the address must be known, the credentials right, an assistant there.
    pub(crate) fn answer_invite(&mut self, invite: &Invite<'_>) -> Option<Value> {
        let address = invite.address().to_owned();
        let called = |number: &&Resource| number.text("sipUri").is_some_and(|uri| uri.eq_ignore_ascii_case(&address));
        let number = self.numbers.iter().find(called)?;
        let assistant = number.text("assistantId").filter(|_| admits(number, invite))?;
        self.assistants.get(assistant)?;
        let answered = json!({ "sip_uri": number.text("sipUri"), "assistant_id": assistant });
        let headers = invite.headers();
        let fields = json!({
            "type": "inboundPhoneCall",
            "status": "ringing",
            "assistantId": assistant,
            "phoneNumberId": number.id,
            "phoneCallProvider": "vapi",
            "phoneCallProviderId": invite.call_sid,
            "customer": { "number": invite.caller },
            "assistantOverrides": { "variableValues": headers },
        });
        if let Value::Object(fields) = fields {
            let call = self.calls.create(&mut self.book, fields).clone();
            self.play(&call, Callee::Answers);
            self.book.commit();
        }
        Some(answered)
    }
}

/// Without `authentication` any credentials will do, as documented.
fn admits(number: &Resource, invite: &Invite<'_>) -> bool {
    let Some(wanted) = number.fields.get("authentication") else { return true };
    wanted["username"] == json!(invite.username) && wanted["password"] == json!(invite.password)
}
