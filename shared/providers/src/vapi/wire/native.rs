//! The JSON of numbers that Vapi is the carrier of: how they are ordered, what they say of themselves, who answers them.

use domain::number::Capabilities;
use domain::numbering::E164;
use domain::ports::{AreaOrder, CarrierNumber, NumberSettings, Reason, Standing};
use jiff::Timestamp;
use serde::Serialize;

use super::super::SIP;
use super::{Number, Refusal};

/// A number of Vapi's own to order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::vapi) struct NewNative<'a> {
    pub(in crate::vapi) provider: &'static str,
    pub(in crate::vapi) number_desired_area_code: &'a str,
    pub(in crate::vapi) name: &'a str,
}

/// Who answers a number of Vapi's own, as the carrier's port writes it: an assistant by its id, and what else there may be by
/// its sort and id.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::vapi) struct Answerer<'a> {
    assistant: Option<&'a str>,
    squad: Option<&'a str>,
    workflow: Option<&'a str>,
}

const SQUAD: &str = "squad:";
const WORKFLOW: &str = "workflow:";

impl<'a> Answerer<'a> {
    pub(in crate::vapi) fn read(application: Option<&'a str>) -> Self {
        let mut read = Self::default();
        for part in application.into_iter().flat_map(|text| text.split(',')) {
            match (part.strip_prefix(SQUAD), part.strip_prefix(WORKFLOW)) {
                (Some(id), _) => read.squad = Some(id),
                (None, Some(id)) => read.workflow = Some(id),
                (None, None) => read.assistant = Some(part),
            }
        }
        read
    }

    fn written(&self) -> Option<String> {
        let sort = |sort: &str, id: Option<&str>| id.filter(|id| !id.is_empty()).map(|id| format!("{sort}{id}"));
        let parts = [sort("", self.assistant), sort(SQUAD, self.squad), sort(WORKFLOW, self.workflow)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }
}

/// A change of a number of Vapi's own. Of squad and workflow is only said what has to be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::vapi) struct SetNative<'a> {
    provider: &'static str,
    name: &'a str,
    assistant_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    squad_id: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_id: Option<Option<&'a str>>,
}

impl<'a> SetNative<'a> {
    pub(in crate::vapi) fn new(name: &'a str, who: &Answerer<'a>) -> Self {
        let (squad_id, workflow_id) = (who.squad.map(Some), who.workflow.map(Some));
        Self { provider: SIP, name, assistant_id: who.assistant, squad_id, workflow_id }
    }

    /// The same, and nobody else any more.
    pub(in crate::vapi) fn by_nobody_else(self) -> Self {
        Self { squad_id: self.squad_id.or(Some(None)), workflow_id: self.workflow_id.or(Some(None)), ..self }
    }
}

/// What a number of Vapi's own can do.
const VOICE: Capabilities = Capabilities { voice: true, sms: false, mms: false };

impl Number {
    /// Whether Vapi is its carrier, and it can be called.
    pub(in crate::vapi) fn is_native(&self) -> bool {
        self.is_ordered() && !self.is_awaited()
    }

    /// Whether Vapi is its carrier, be its digits known or not. A SIP address may be described without its address at first,
    /// and never has digits.
    pub(in crate::vapi) fn is_ordered(&self) -> bool {
        self.provider.as_deref() == Some(SIP) && self.sip_uri.is_none()
    }

    /// Whether it is one whose digits are not known.
    pub(in crate::vapi) fn is_awaited(&self) -> bool {
        self.is_ordered() && self.digits().is_none()
    }

    fn digits(&self) -> Option<E164> {
        self.number.as_deref().and_then(|number| number.parse().ok())
    }

    /// What tells older from younger.
    pub(in crate::vapi) fn age(&self) -> (Option<Timestamp>, String) {
        let created_at = self.created_at.as_deref().and_then(|text| text.parse().ok());
        (created_at, self.id.clone().unwrap_or_default())
    }

    /// The number as its carrier has it, or the name of the field that makes it useless.
    pub(in crate::vapi) fn carrier_number(self) -> Result<CarrierNumber, &'static str> {
        let (created_at, id) = self.age();
        let who = Answerer {
            assistant: self.assistant_id.as_deref(),
            squad: self.squad_id.as_deref(),
            workflow: self.workflow_id.as_deref(),
        };
        Ok(CarrierNumber {
            e164: self.digits().ok_or("number")?,
            id: Some(id).filter(|id| !id.is_empty()).ok_or("id")?,
            created_at: created_at.ok_or("createdAt")?,
            capabilities: VOICE,
            settings: NumberSettings { application: who.written(), ..NumberSettings::none() },
            tag: self.name.unwrap_or_default(),
        })
    }

    /// How an order for it stands, or the name of the field that makes it useless.
    pub(in crate::vapi) fn order(self) -> Result<AreaOrder, &'static str> {
        let id = self.id.clone().filter(|id| !id.is_empty()).ok_or("id")?;
        let standing = match self.status.as_deref() {
            Some("blocked") => Standing::Blocked,
            Some("activating") => Standing::Awaited("Vapi's activation of the number".to_owned()),
            None | Some(_) if self.is_awaited() => {
                Standing::Awaited("the number, which Vapi has yet to tell".to_owned())
            }
            None | Some(_) => Standing::Sold(self.carrier_number()?),
        };
        Ok(AreaOrder { id, standing })
    }
}

impl Refusal {
    /// What it says about an order of a number of Vapi's own.
    pub(in crate::vapi) fn reason_of_order(&self) -> Reason {
        let said = self.message.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
        if says(&["limit", "maximum", "at most", "five numbers", "too many"]) {
            Reason::LimitReached
        } else if said.contains("area code") && says(&["no phone number", "no number", "available"]) {
            Reason::Taken
        } else {
            Reason::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_refused_order_says_why_in_words() {
        let check = |message: &str, expected: Reason| {
            assert_eq!(Refusal { message: message.to_owned() }.reason_of_order(), expected, "{message}");
        };
        check("This organization already has its five numbers. Import one of your own instead.", Reason::LimitReached);
        check("You have reached the limit of free numbers", Reason::LimitReached);
        check("No phone number is available in area code 205 at the moment.", Reason::Taken);
        check("Area code 205 is not available", Reason::Taken);
        check("numberDesiredAreaCode must be longer than or equal to 3 characters", Reason::Other);
        check("A payment method is needed", Reason::Other);
    }

    #[test]
    fn who_answers_is_read_as_it_was_written() {
        let check = |application: Option<&str>, assistant, squad, workflow| {
            let who = Answerer::read(application);
            assert_eq!(who, Answerer { assistant, squad, workflow });
            assert_eq!(who.written().as_deref(), application);
        };
        check(None, None, None, None);
        check(Some("a-1"), Some("a-1"), None, None);
        check(Some("squad:s-1"), None, Some("s-1"), None);
        check(Some("a-1,squad:s-1,workflow:w-1"), Some("a-1"), Some("s-1"), Some("w-1"));
    }

    #[test]
    fn an_order_stands_as_its_status_and_digits_say() {
        let whole = json!({
            "provider": "vapi", "id": "n-1", "name": "tag", "number": "+12055550123", "assistantId": "a-1",
            "createdAt": "2026-01-02T03:04:05.678Z", "status": "active"
        });
        let stands = |changes: Value| {
            let mut number = whole.clone();
            for (name, value) in changes.as_object().unwrap() {
                number[name] = value.clone();
            }
            let number: Number = serde_json::from_value(number).unwrap();
            number.is_ordered().then(|| match number.order().map(|order| order.standing) {
                Ok(Standing::Sold(sold)) => format!("{} for {:?}", sold.e164, sold.settings.application),
                Ok(Standing::Awaited(_)) => "awaited".to_owned(),
                Ok(Standing::Blocked) => "blocked".to_owned(),
                Err(field) => field.to_owned(),
            })
        };
        let check = |changes: Value, expected: Option<&str>| {
            assert_eq!(stands(changes.clone()).as_deref(), expected, "{changes}");
        };
        check(json!({}), Some("+12055550123 for Some(\"a-1\")"));
        check(json!({ "status": null, "assistantId": null }), Some("+12055550123 for None"));
        check(json!({ "status": "activating" }), Some("awaited"));
        check(json!({ "number": null }), Some("awaited"));
        check(json!({ "number": null, "status": "activating" }), Some("awaited"));
        check(json!({ "status": "blocked" }), Some("blocked"));
        check(json!({ "createdAt": "today" }), Some("createdAt"));
        check(json!({ "id": "" }), Some("id"));
        check(json!({ "provider": "twilio" }), None);
        check(json!({ "sipUri": "sip:tag@sip.vapi.ai" }), None);
    }
}
