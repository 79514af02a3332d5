//! The two halves of a SIP trunk: what is asked, what is kept, what is shown. Passwords are kept and
//! never shown.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::body::Body;

const ENCRYPTION: &[&str] = &["disabled", "allowed", "required"];
const TRANSPORTS: &[&str] = &["auto", "udp", "tcp", "tls"];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credentials {
    pub(super) username: String,
    pub(super) password: Option<String>,
}

/// Calls that come to the number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Inbound {
    allowed_addresses: Vec<String>,
    pub(super) allowed_numbers: Option<Vec<String>>,
    media_encryption: String,
    pub(super) credentials: Option<Credentials>,
    remote_domains: Option<Vec<String>>,
    attributes_to_headers: Map<String, Value>,
}

/// Calls that are made from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outbound {
    address: String,
    transport: String,
    media_encryption: String,
    headers: Map<String, Value>,
    attributes_to_headers: Map<String, Value>,
    credentials: Option<Credentials>,
    enabled_codecs: Vec<String>,
}

impl Inbound {
    pub(super) fn read(body: &mut Body, before: Option<&Self>) -> Self {
        let credentials = credentials(body, before.and_then(|it| it.credentials.as_ref()));
        Self {
            allowed_addresses: body.texts("allowed_addresses").unwrap_or_else(|| vec!["0.0.0.0/0".to_owned()]),
            allowed_numbers: body.texts("allowed_numbers"),
            media_encryption: body.word("media_encryption", ENCRYPTION).unwrap_or_else(|| "allowed".to_owned()),
            credentials,
            remote_domains: body.texts("remote_domains"),
            attributes_to_headers: body.object("attributes_to_headers").unwrap_or_default(),
        }
    }

    pub(super) fn wire(&self) -> Value {
        json!({
            "allowed_addresses": self.allowed_addresses,
            "allowed_numbers": self.allowed_numbers,
            "media_encryption": self.media_encryption,
            "has_auth_credentials": self.credentials.is_some(),
            "username": self.credentials.as_ref().map(|it| &it.username),
            "remote_domains": self.remote_domains,
            "attributes_to_headers": self.attributes_to_headers,
        })
    }
}

impl Outbound {
    pub(super) fn read(body: &mut Body, before: Option<&Self>) -> Self {
        let address = body.needed_text("address");
        let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        if scheme.is_some_and(|scheme| scheme == "sip" || scheme == "sips") {
            body.complain("address", "value_error", "Value error, address must be a host name or an IP address");
        }
        Self {
            address,
            transport: body.word("transport", TRANSPORTS).unwrap_or_else(|| "auto".to_owned()),
            media_encryption: body.word("media_encryption", ENCRYPTION).unwrap_or_else(|| "allowed".to_owned()),
            headers: body.object("headers").unwrap_or_default(),
            attributes_to_headers: body.object("attributes_to_headers").unwrap_or_default(),
            credentials: credentials(body, before.and_then(|it| it.credentials.as_ref())),
            enabled_codecs: body.texts("enabled_codecs").unwrap_or_default(),
        }
    }

    pub(super) fn wire(&self) -> Value {
        json!({
            "address": self.address,
            "transport": self.transport,
            "media_encryption": self.media_encryption,
            "headers": self.headers,
            "attributes_to_headers": self.attributes_to_headers,
            "has_auth_credentials": self.credentials.is_some(),
            "username": self.credentials.as_ref().map(|it| &it.username),
            "has_outbound_trunk": true,
            "enabled_codecs": self.enabled_codecs,
        })
    }
}

/// Without a password the one from before stays.
fn credentials(body: &mut Body, before: Option<&Credentials>) -> Option<Credentials> {
    body.within("credentials", |body| {
        let username = body.needed_text("username");
        let password = body.text("password").or_else(|| before.and_then(|before| before.password.clone()));
        Credentials { username, password }
    })
}
