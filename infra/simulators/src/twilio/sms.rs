//! A text message to an owned number.

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{pair, places};
use super::number::Number;
use super::twiml::{self, Verb};
use super::{ACCOUNT_SID, Handle};
use crate::book::locked;

/// One segment of a message in the usual alphabet.
const SEGMENT_CHARS: usize = 160;

/// Somebody texts one of our numbers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsRequest {
    pub to: String,
    pub from: String,
    pub body: String,
}

impl Handle {
    /// Delivers a message to a number's webhook, and to its fallback when that fails.
    ///
    /// Answers `{message_sid,status,twiml,replies}`; status is `received` when a webhook took it.
    pub async fn sms(&self, request: SmsRequest) -> Result<Value, String> {
        if request.to.is_empty() || request.from.is_empty() {
            return Err("`to` and `from` must not be empty".to_owned());
        }
        let sid = self.new_sid("SM");
        let number = locked(&self.account).by_e164(&request.to).cloned();
        let Some(number) = number.filter(|number| number.capabilities().sms && !number.sms.url.is_empty()) else {
            return Ok(json!({ "message_sid": sid, "status": "failed", "twiml": [], "replies": [] }));
        };
        let params = params(&sid, &request, &number);
        let mut documents = Vec::new();
        let verbs = self.read(&number, params, &mut documents).await;
        let replies = verbs.iter().flatten().filter_map(|verb| match verb {
            Verb::Message { to, body } => Some(json!({ "to": to.as_ref().unwrap_or(&request.from), "body": body })),
            _ => None,
        });
        let replies: Vec<Value> = replies.collect();
        let status = if verbs.is_some() { "received" } else { "failed" };
        Ok(json!({ "message_sid": sid, "status": status, "twiml": documents, "replies": replies }))
    }

    async fn read(
        &self,
        number: &Number,
        params: Vec<(String, String)>,
        documents: &mut Vec<String>,
    ) -> Option<Vec<Verb>> {
        let hook = &number.sms;
        let code = match self.read_one(&hook.url, &hook.method, params.clone(), documents).await {
            Ok(verbs) => return Some(verbs),
            Err(code) => code,
        };
        if hook.fallback_url.is_empty() {
            return None;
        }
        let mut params = params;
        params.extend([pair("ErrorCode", code), pair("ErrorUrl", &hook.url)]);
        self.read_one(&hook.fallback_url, &hook.fallback_method, params, documents).await.ok()
    }

    async fn read_one(
        &self,
        url: &str,
        method: &str,
        params: Vec<(String, String)>,
        documents: &mut Vec<String>,
    ) -> Result<Vec<Verb>, u32> {
        let reply = self.deliver(url, method, params).await.map_err(|failure| failure.code)?;
        let verbs = twiml::parse(&reply)?;
        documents.push(reply.body);
        Ok(verbs)
    }
}

fn params(sid: &str, request: &SmsRequest, number: &Number) -> Vec<(String, String)> {
    let segments = request.body.chars().count().div_ceil(SEGMENT_CHARS).max(1);
    let mut params = vec![
        pair("MessageSid", sid),
        pair("SmsSid", sid),
        pair("SmsMessageSid", sid),
        pair("AccountSid", ACCOUNT_SID),
        pair("From", &request.from),
        pair("To", &request.to),
        pair("Body", &request.body),
        pair("NumMedia", 0),
        pair("NumSegments", segments),
        pair("SmsStatus", "received"),
        pair("ApiVersion", "2010-04-01"),
    ];
    params.extend(places(&request.from, &["From"]));
    params.extend(places(&number.e164, &["To"]));
    params
}
