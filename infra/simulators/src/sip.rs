//! Calls that leave the carrier by SIP: who is behind a host, and whether they answer.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use crate::book::locked;

/// A call that knocks.
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
    /// Without transport parameters and headers.
    pub(crate) fn address(&self) -> &str {
        let uri = self.uri.trim();
        uri.split(['?', ';']).next().unwrap_or(uri)
    }

    /// What stands before the host; empty where nothing does.
    pub(crate) fn user(&self) -> &str {
        let (_, rest) = self.address().split_once(':').unwrap_or_default();
        rest.rsplit_once('@').map_or("", |(user, _)| user)
    }

    /// The headers given behind the question mark, decoded.
    pub(crate) fn headers(&self) -> Map<String, Value> {
        let query = self.uri.split_once('?').map_or("", |(_, query)| query);
        // In a SIP URI a plus sign is itself.
        let query = query.replace('+', "%2B");
        form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), json!(value))).collect()
    }

    fn host(&self) -> String {
        let address = self.address().to_ascii_lowercase();
        let host = address.rsplit(['@', ':']).find(|part| !part.bytes().all(|byte| byte.is_ascii_digit()));
        host.unwrap_or_default().to_owned()
    }
}

/// Somebody who takes calls under hosts of their own.
pub(crate) trait Platform: Send + 'static {
    const HOSTS: &'static [&'static str];

    /// Who answers, if anyone.
    fn invited(&mut self, invite: &Invite<'_>) -> Option<Value>;
}

/// What becomes of an invite.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// By this agent.
    Answered(Value),
    /// By nobody, where the host is known.
    Refused,
    /// The host is none of a platform's.
    Elsewhere,
}

type Answers = Arc<dyn Fn(&Invite<'_>) -> Option<Value> + Send + Sync>;

/// Every platform by its hosts.
#[derive(Clone, Default)]
pub(crate) struct Exchange(Vec<(&'static [&'static str], Answers)>);

impl Exchange {
    /// With one more platform.
    pub(crate) fn with<P: Platform>(mut self, platform: &Arc<Mutex<P>>) -> Self {
        let platform = platform.clone();
        self.0.push((P::HOSTS, Arc::new(move |invite| locked(&platform).invited(invite))));
        self
    }

    pub(crate) fn invite(&self, invite: &Invite<'_>) -> Outcome {
        let host = invite.host();
        let found = self.0.iter().find(|(hosts, _)| hosts.contains(&host.as_str()));
        match found.map(|(_, answers)| answers(invite)) {
            None => Outcome::Elsewhere,
            Some(None) => Outcome::Refused,
            Some(Some(agent)) => Outcome::Answered(agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let cases = [
            ("sip:call_1@sip.retellai.com", "call_1", "sip.retellai.com"),
            ("sips:Tag@SIP.Vapi.ai:5061;transport=tls?X-Caller=%2B1", "Tag", "sip.vapi.ai"),
            ("sip:+14155550100@sip.example;transport=tcp", "+14155550100", "sip.example"),
            ("sip:sip.example:5060;transport=udp", "", "sip.example"),
            ("sip:sip.example", "", "sip.example"),
            ("", "", ""),
        ];
        for (uri, user, host) in cases {
            let invite = Invite { uri, username: "", password: "", caller: "", call_sid: "" };
            assert_eq!((invite.user(), invite.host().as_str()), (user, host), "{uri}");
        }
    }
}
