//! TwiML as far as a call is steered by it. Verbs that only make sound are counted in seconds, those
//! that are unknown are passed over.

use roxmltree::{Document, Node};
use serde::{Deserialize, Serialize};

use super::webhook::Reply;

/// Twilio's numbers for documents it cannot use.
const NOT_XML: u32 = 12100;
const NOT_A_RESPONSE: u32 = 12102;
const WRONG_TYPE: u32 = 12300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Reject {
        busy: bool,
    },
    Hangup,
    /// Anything that is heard or waited for, with how long it takes.
    Sound {
        seconds: u64,
    },
    Redirect(Link),
    Dial(Dial),
    Connect {
        stream: Option<Stream>,
        action: Option<Link>,
    },
    Message {
        to: Option<String>,
        body: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Link {
    pub(super) url: String,
    pub(super) method: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) targets: Vec<Target>,
    pub(super) action: Option<Link>,
    pub(super) answer_on_bridge: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Number(String),
    Sip {
        uri: String,
        username: String,
        password: String,
    },
    /// A client, queue or conference.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) url: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl Stream {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The verbs of a reply, or the number of what is wrong with it.
pub(super) fn parse(reply: &Reply) -> Result<Vec<Verb>, u32> {
    // 204, or 200 with nothing in it, is a document that says nothing.
    if reply.body.trim().is_empty() {
        return Ok(Vec::new());
    }
    let media_type = reply.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(media_type.as_str(), "text/xml" | "application/xml") {
        return Err(WRONG_TYPE);
    }
    let document = Document::parse(&reply.body).map_err(|_| NOT_XML)?;
    let root = document.root_element();
    if root.tag_name().name() != "Response" {
        return Err(NOT_A_RESPONSE);
    }
    Ok(verbs(root))
}

fn verbs(parent: Node<'_, '_>) -> Vec<Verb> {
    parent.children().filter(Node::is_element).flat_map(verb).collect()
}

fn verb(node: Node<'_, '_>) -> Vec<Verb> {
    let one = match node.tag_name().name() {
        "Reject" => Verb::Reject { busy: node.attribute("reason") == Some("busy") },
        "Hangup" => Verb::Hangup,
        // A person speaks about fifteen letters a second.
        "Say" => Verb::Sound { seconds: 1 + text(node).len() as u64 / 15 },
        "Play" => Verb::Sound { seconds: 5 },
        "Pause" => Verb::Sound { seconds: node.attribute("length").and_then(|it| it.parse().ok()).unwrap_or(1) },
        "Redirect" => Verb::Redirect(Link { url: text(node), method: method(node) }),
        "Dial" => Verb::Dial(dial(node)),
        "Connect" => Verb::Connect { stream: stream(node), action: link(node) },
        "Message" => Verb::Message { to: node.attribute("to").map(str::to_owned), body: message(node) },
        // Nobody presses a key: what it says is heard and the document goes on.
        "Gather" => return verbs(node),
        _ => return Vec::new(),
    };
    vec![one]
}

fn dial(node: Node<'_, '_>) -> Dial {
    let nouns = node.children().filter(Node::is_element).map(target);
    let mut targets: Vec<Target> = nouns.collect();
    let bare = text(node);
    if targets.is_empty() && !bare.is_empty() {
        targets.push(Target::Number(bare));
    }
    let answer_on_bridge = node.attribute("answerOnBridge") == Some("true");
    Dial { targets, action: link(node), answer_on_bridge }
}

fn target(node: Node<'_, '_>) -> Target {
    let attribute = |name| node.attribute(name).unwrap_or_default().to_owned();
    match node.tag_name().name() {
        "Number" => Target::Number(text(node)),
        "Sip" => Target::Sip { uri: text(node), username: attribute("username"), password: attribute("password") },
        _ => Target::Other,
    }
}

fn stream(connect: Node<'_, '_>) -> Option<Stream> {
    let names = ["Stream", "ConversationRelay"];
    let node = connect.children().find(|child| names.contains(&child.tag_name().name()))?;
    let parameters = node.children().filter(|child| child.has_tag_name("Parameter"));
    let parameters = parameters.map(|parameter| {
        let attribute = |name| parameter.attribute(name).unwrap_or_default().to_owned();
        (attribute("name"), attribute("value"))
    });
    Some(Stream { url: node.attribute("url").unwrap_or_default().to_owned(), parameters: parameters.collect() })
}

fn message(node: Node<'_, '_>) -> String {
    let body = node.children().find(|child| child.has_tag_name("Body"));
    text(body.unwrap_or(node))
}

fn link(node: Node<'_, '_>) -> Option<Link> {
    node.attribute("action").map(|url| Link { url: url.to_owned(), method: method(node) })
}

fn method(node: Node<'_, '_>) -> String {
    node.attribute("method").filter(|method| method.eq_ignore_ascii_case("GET")).map_or("POST", |_| "GET").to_owned()
}

fn text(node: Node<'_, '_>) -> String {
    node.children()
        .filter_map(|child| child.is_text().then(|| child.text()).flatten())
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(content_type: &str, body: &str) -> Result<Vec<Verb>, u32> {
        let reply =
            Reply { status: 200, content_type: content_type.to_owned(), body: body.to_owned(), url: String::new() };
        parse(&reply)
    }

    #[test]
    fn a_document_is_refused_for_its_type_its_syntax_or_its_root() {
        assert_eq!(parsed("application/json", "<Response/>"), Err(WRONG_TYPE));
        assert_eq!(parsed("text/xml", "<Response>"), Err(NOT_XML));
        assert_eq!(parsed("text/xml; charset=utf-8", "<Twiml/>"), Err(NOT_A_RESPONSE));
        assert_eq!(parsed("application/xml", "<?xml version=\"1.0\"?><Response/>"), Ok(Vec::new()));
        assert_eq!(parsed("", " "), Ok(Vec::new()));
    }

    #[test]
    fn a_dial_keeps_its_targets_credentials_and_action() {
        let document = r#"<Response><Say>Hello</Say><Dial answerOnBridge="true" action="/done?a=1&amp;b=2">
            <Sip username="u" password="p">sip:x@sip.vapi.ai?X-Caller=%2B1</Sip><Number>+14155550100</Number></Dial></Response>"#;
        let verbs = parsed("text/xml", document).expect("a document");
        let Verb::Dial(dial) = &verbs[1] else { panic!("{verbs:?}") };
        assert_eq!(dial.action.as_ref().map(|link| link.url.as_str()), Some("/done?a=1&b=2"));
        assert!(dial.answer_on_bridge);
        let uri = "sip:x@sip.vapi.ai?X-Caller=%2B1".to_owned();
        let sip = Target::Sip { uri, username: "u".to_owned(), password: "p".to_owned() };
        assert_eq!(dial.targets, [sip, Target::Number("+14155550100".to_owned())]);
    }
}
