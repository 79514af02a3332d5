//! TwiML: the XML document that tells Twilio what to do with a call.
//!
//! Only the verbs this product uses, as data; rendering always gives well-formed XML, whatever the strings. Knows nothing of
//! when which document is right: that is decided in `domain::call` and `shared`.

use domain::E164;
use secrecy::{ExposeSecret, SecretString};

/// Characters the headers of one SIP address may take together; from 1024 on Twilio refuses the document (21227).
const SIP_HEADERS_CHARS_MAX: usize = 1023;

/// A document: verbs, carried out in their order; or one that somebody else wrote, passed on as it is.
#[derive(Clone, Default)]
pub struct Response {
    verbs: Vec<Verb>,
    given: Option<String>,
}

impl std::fmt::Debug for Response {
    /// A document of somebody else's may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("verbs", &self.verbs).field("given", &self.given.is_some()).finish()
    }
}

/// One thing to do with the call.
#[derive(Debug, Clone)]
pub enum Verb {
    /// Put the caller through.
    Dial(Dial),
    /// Speak.
    Say(Say),
    /// Refuse without answering; only as the first verb, and then the call costs nothing.
    Reject(RejectReason),
    /// End the call.
    Hangup,
    /// Ask this URL what to do next.
    Redirect(String),
}

/// Whom to put the caller through to.
#[derive(Debug, Clone)]
pub struct Dial {
    /// Asked what to do next when the dialled side ends or does not answer; nothing is done then when none.
    pub action: Option<String>,
    /// Seconds it may ring.
    pub timeout_s: u16,
    /// Number shown to the dialled side; the caller's own when none.
    pub caller_id: Option<E164>,
    /// The dialled side.
    pub target: Target,
}

/// A dialled side.
#[derive(Debug, Clone)]
pub enum Target {
    /// A SIP address.
    Sip(Sip),
    /// A telephone number.
    Number(E164),
}

/// A SIP address with what it asks of a caller.
#[derive(Debug, Clone)]
pub struct Sip {
    /// `sip:name@host`.
    pub uri: String,
    /// Digest user name and password, where it asks for them.
    pub credentials: Option<(String, SecretString)>,
    /// Names beginning with `X-`, and values; see [`Sip::header`].
    pub headers: Vec<(String, String)>,
}

/// Something to speak.
#[derive(Debug, Clone)]
pub struct Say {
    /// The words.
    pub text: String,
    /// BCP 47 tag of the language; Twilio's default when none.
    pub language: Option<String>,
}

/// What a refused caller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// The tone of a number out of service.
    Rejected,
    /// The busy tone.
    Busy,
}

impl RejectReason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Busy => "busy",
        }
    }
}

impl Sip {
    /// An address without headers.
    #[must_use]
    pub fn new(uri: impl Into<String>, credentials: Option<(String, SecretString)>) -> Self {
        Self { uri: uri.into(), credentials, headers: Vec::new() }
    }

    /// Adds a header. Twilio passes on only names that begin with `X-`; what is added last is left out first when all
    /// together are too long, since a call without a header is better than no call.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The address with its headers as URI parameters.
    fn address(&self) -> String {
        let mut address = self.uri.clone();
        let mut left = SIP_HEADERS_CHARS_MAX;
        let mut separator = if address.contains('?') { '&' } else { '?' };
        for (name, value) in self.headers.iter().filter(|(name, _)| is_header_name(name)) {
            let header = format!("{separator}{name}={}", percent_encoded(value));
            // Everything encoded is ASCII, so bytes are characters.
            if let Some(rest) = left.checked_sub(header.len()) {
                left = rest;
                address.push_str(&header);
                separator = '&';
            }
        }
        address
    }
}

impl Response {
    /// The empty document: nothing to do.
    #[must_use]
    pub const fn new() -> Self {
        Self { verbs: Vec::new(), given: None }
    }

    /// A whole document of somebody else's.
    #[must_use]
    pub const fn given(document: String) -> Self {
        Self { verbs: Vec::new(), given: Some(document) }
    }

    /// The document with one more verb at its end.
    #[must_use]
    pub fn then(mut self, verb: impl Into<Verb>) -> Self {
        self.verbs.push(verb.into());
        self
    }

    /// The XML. It holds the SIP password in the clear, as it must: for Twilio's eyes, not for logs.
    #[must_use]
    pub fn render(&self) -> String {
        if let Some(document) = &self.given {
            return document.clone();
        }
        let mut xml = Xml(String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#));
        xml.open("Response", &[]);
        for verb in &self.verbs {
            verb.render(&mut xml);
        }
        xml.close("Response");
        xml.0
    }
}

impl From<Dial> for Verb {
    fn from(dial: Dial) -> Self {
        Self::Dial(dial)
    }
}

impl From<Say> for Verb {
    fn from(say: Say) -> Self {
        Self::Say(say)
    }
}

impl Verb {
    fn render(&self, xml: &mut Xml) {
        match self {
            Self::Dial(dial) => dial.render(xml),
            Self::Say(Say { text, language }) => {
                let language = language.as_deref().map(|language| ("language", language));
                xml.element("Say", language.as_slice(), text);
            }
            Self::Reject(reason) => xml.element("Reject", &[("reason", reason.as_str())], ""),
            Self::Hangup => xml.element("Hangup", &[], ""),
            Self::Redirect(url) => xml.element("Redirect", &[("method", "POST")], url),
        }
    }
}

impl Dial {
    fn render(&self, xml: &mut Xml) {
        let timeout = self.timeout_s.to_string();
        // The caller hears ringing, and pays nothing, until the other side really answers.
        let mut attributes = vec![("answerOnBridge", "true"), ("timeout", timeout.as_str())];
        if let Some(action) = &self.action {
            attributes.extend([("action", action.as_str()), ("method", "POST")]);
        }
        if let Some(caller_id) = &self.caller_id {
            attributes.push(("callerId", caller_id.as_str()));
        }
        xml.open("Dial", &attributes);
        match &self.target {
            Target::Sip(sip) => {
                let credentials = sip.credentials.as_ref().map(|(username, password)| {
                    [("username", username.as_str()), ("password", password.expose_secret())]
                });
                xml.element("Sip", credentials.as_ref().map_or(&[], |pair| pair.as_slice()), &sip.address());
            }
            Target::Number(number) => xml.element("Number", &[], number.as_str()),
        }
        xml.close("Dial");
    }
}

fn is_header_name(name: &str) -> bool {
    name.strip_prefix("X-")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// Everything but letters, digits and `-._~` as `%XX`.
fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// XML being written. Names come from this file; values may be anything.
struct Xml(String);

impl Xml {
    fn element(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.begin(name, attributes);
        if text.is_empty() {
            self.0.push_str("/>");
        } else {
            self.0.push('>');
            self.escaped(text);
            self.close(name);
        }
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.0.push('>');
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            self.escaped(value);
            self.0.push('"');
        }
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// White space other than the blank is written as a reference, since a parser would change it to a blank in an
    /// attribute. Characters that XML 1.0 cannot hold in any form are left out.
    fn escaped(&mut self, value: &str) {
        for c in value.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&apos;"),
                '\t' => self.0.push_str("&#9;"),
                '\n' => self.0.push_str("&#10;"),
                '\r' => self.0.push_str("&#13;"),
                c if allowed(c) => self.0.push(c),
                _ => {}
            }
        }
    }
}

/// The `Char` production of XML 1.0; surrogates are no `char`s to begin with.
fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn say(text: &str) -> Response {
        Response::new().then(Say { text: text.to_owned(), language: None })
    }

    fn dial(target: Target) -> Dial {
        Dial { action: Some("https://h.example/done?t=1&n=2".to_owned()), timeout_s: 20, caller_id: None, target }
    }

    fn body(response: &Response) -> String {
        let xml = response.render();
        let inner = xml.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#).unwrap();
        inner.strip_suffix("</Response>").unwrap().to_owned()
    }

    #[test]
    fn verbs_are_written_as_twilio_reads_them() {
        let check = |response: Response, expected: &str| assert_eq!(body(&response), expected);
        let number: E164 = "+14155550100".parse().unwrap();
        check(Response::new(), "");
        check(Response::new().then(Verb::Hangup), "<Hangup/>");
        check(Response::new().then(Verb::Reject(RejectReason::Busy)), r#"<Reject reason="busy"/>"#);
        check(Response::new().then(Verb::Reject(RejectReason::Rejected)), r#"<Reject reason="rejected"/>"#);
        check(
            Response::new().then(Verb::Redirect("https://h.example/next?a=1&b=2".to_owned())),
            r#"<Redirect method="POST">https://h.example/next?a=1&amp;b=2</Redirect>"#,
        );
        check(
            Response::new().then(Say { text: "Merhaba".to_owned(), language: Some("tr-TR".to_owned()) }),
            r#"<Say language="tr-TR">Merhaba</Say>"#,
        );
        check(
            Response::new().then(Dial { caller_id: Some(number.clone()), ..dial(Target::Number(number.clone())) }),
            concat!(
                r#"<Dial answerOnBridge="true" timeout="20" action="https://h.example/done?t=1&amp;n=2" method="POST" "#,
                r#"callerId="+14155550100"><Number>+14155550100</Number></Dial>"#
            ),
        );
        let sip = Sip::new("sip:tag@sip.vapi.ai", Some(("tag".into(), SecretString::from(r#"p"&<"#))))
            .header("X-Caller", "+14155550100")
            .header("X-Name", "Ü & co");
        check(
            Response::new().then(dial(Target::Sip(sip))).then(Verb::Hangup),
            concat!(
                r#"<Dial answerOnBridge="true" timeout="20" action="https://h.example/done?t=1&amp;n=2" method="POST">"#,
                r#"<Sip username="tag" password="p&quot;&amp;&lt;">sip:tag@sip.vapi.ai?X-Caller=%2B14155550100"#,
                r#"&amp;X-Name=%C3%9C%20%26%20co</Sip></Dial><Hangup/>"#
            ),
        );
    }

    #[test]
    fn hostile_strings_stay_strings() {
        let check = |text: &str, expected: &str| assert_eq!(body(&say(text)), format!("<Say>{expected}</Say>"));
        check("</Say><Dial>+19005550123</Dial>", "&lt;/Say&gt;&lt;Dial&gt;+19005550123&lt;/Dial&gt;");
        check("]]>", "]]&gt;");
        check("\"'&amp;", "&quot;&apos;&amp;amp;");
        check("a\u{0}b\u{8}c\u{FFFE}d\u{FFFF}e", "abcde");
        check("a\tb\r\nc", "a&#9;b&#13;&#10;c");
        check("🙂 ışık", "🙂 ışık");
    }

    #[test]
    fn headers_stay_within_what_twilio_takes() {
        let check = |sip: Sip, expected: &str| assert_eq!(sip.address(), expected);
        let sip = || Sip::new("sip:t@h", Some(("t".into(), SecretString::from("p"))));
        check(sip(), "sip:t@h");
        check(
            sip().header("Subject", "no").header("X-", "no").header("X-A b", "no").header("X-Ok", "1"),
            "sip:t@h?X-Ok=1",
        );
        check(sip().header("X-A", "1").header("X-B", "=&?"), "sip:t@h?X-A=1&X-B=%3D%26%3F");
        check(sip().header("X-Long", "x".repeat(1_100)).header("X-B", "2"), "sip:t@h?X-B=2");
        check(Sip { uri: "sip:t@h?X-Z=0".to_owned(), ..sip() }.header("X-A", "1"), "sip:t@h?X-Z=0&X-A=1");
        let exact = "x".repeat(SIP_HEADERS_CHARS_MAX - "?X-A=".len());
        assert!(sip().header("X-A", exact.clone()).address().ends_with(&exact));
        check(sip().header("X-A", exact + "x"), "sip:t@h");
    }

    #[test]
    fn a_password_is_not_in_what_a_log_would_show() {
        let sip = Sip::new("sip:t@h", Some(("t".into(), SecretString::from("hunter22"))));
        let response = Response::new().then(dial(Target::Sip(sip)));
        assert!(!format!("{response:?}").contains("hunter22"));
    }

    /// What any parser must read back: the text without the characters XML cannot hold.
    fn kept(text: &str) -> String {
        text.chars().filter(|c| allowed(*c)).collect()
    }

    /// Any characters at all; proptest's own strings leave out the control characters.
    fn hostile() -> impl Strategy<Value = String> {
        prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn any_strings_give_well_formed_xml_that_reads_back(
            text in hostile(), attribute in hostile(), name in hostile(), value in hostile(),
        ) {
            let sip = Sip::new(text.clone(), Some((attribute.clone(), SecretString::from(value.clone()))))
                .header(name, value.clone())
                .header("X-Value", value.clone());
            let response = Response::new()
                .then(Say { text: text.clone(), language: Some(attribute.clone()) })
                .then(Dial { action: Some(attribute.clone()), ..dial(Target::Sip(sip)) })
                .then(Verb::Redirect(text.clone()));
            let xml = response.render();
            let document = roxmltree::Document::parse(&xml).map_err(|e| TestCaseError::fail(format!("{e}: {xml}")))?;
            let verbs: Vec<_> = document.root_element().children().collect();
            prop_assert_eq!(verbs.len(), 3);
            prop_assert_eq!(verbs[0].text().unwrap_or_default(), kept(&text));
            prop_assert_eq!(verbs[0].attribute("language").map(str::to_owned), Some(kept(&attribute)));
            prop_assert_eq!(verbs[1].attribute("action").map(str::to_owned), Some(kept(&attribute)));
            let sip = verbs[1].first_child().unwrap();
            prop_assert_eq!(sip.attribute("password").map(str::to_owned), Some(kept(&value)));
            prop_assert!(sip.text().unwrap_or_default().starts_with(&kept(&text)));
            prop_assert_eq!(verbs[2].text().unwrap_or_default(), kept(&text));
        }
    }
}
