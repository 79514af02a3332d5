//! A SIP call to one of the organization's addresses, placed by whoever dialled it.

use serde_json::{Value, json};

use super::Org;
use super::courier::Callee;
use crate::collection::Resource;
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
