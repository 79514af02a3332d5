//! The trunk of a tenant's own carrier: what a tenant may say of it, and how it is kept.

use std::net::Ipv4Addr;

use domain::agent::Platform;
use domain::limits;
use domain::number::Number;
use domain::ports::{Network, SipTrunk, Transport};
use domain::sip::OwnTrunk;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{App, Error};

/// How a number of a tenant's own carrier is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SipRequest))]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// A host name or an IPv4 address, without scheme and path.
    pub host: String,
    /// 1 to 65535; 5060 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
    /// `udp`, `tcp` or `tls`; as the platform does it by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// At most 100 characters; with a password or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// At most 100 characters. Never shown again. It is not part of what makes two requests the same: what is kept of a
    /// request must not be something to try passwords on.
    #[serde(default, skip_serializing, deserialize_with = "secret")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, write_only))]
    pub password: Option<SecretString>,
    /// Whether whoever takes its calls has to register first, with user name and password.
    #[serde(default)]
    pub register: bool,
    /// Where its calls come from: at most 20 IPv4 networks, such as `203.0.113.0/28`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signalling_cidrs: Vec<String>,
}

/// Reads a text; what is no text is not repeated in the answer.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text.into())),
        serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => Err(serde::de::Error::custom("a text is expected")),
    }
}

/// Reads what a tenant says of its trunk. `nearby`: also one in a private network, which only a deployment on one machine
/// may reach.
///
/// # Errors
/// [`Error::Invalid`], with the field.
pub(crate) fn understand(request: &Request, nearby: bool) -> Result<SipTrunk, Error> {
    if !is_host(&request.host, nearby) {
        return Err(Error::invalid("sip.host", "a host name or an IPv4 address that the internet knows, and no more"));
    }
    let port = request.port.map(|port| u16::try_from(port).ok().filter(|port| *port > 0));
    if port == Some(None) {
        return Err(Error::invalid("sip.port", "1 to 65535"));
    }
    let transport = request
        .transport
        .as_deref()
        .map(|text| Transport::from_name(text).ok_or_else(|| Error::invalid("sip.transport", "`udp`, `tcp` or `tls`")));
    let credentials = credentials(request)?;
    if request.register && credentials.is_none() {
        return Err(Error::invalid("sip.register", "nobody registers without `username` and `password`"));
    }
    Ok(SipTrunk {
        host: request.host.to_ascii_lowercase(),
        port: port.flatten(),
        transport: transport.transpose()?,
        credentials,
        register: request.register,
        signalling: networks(&request.signalling_cidrs, nearby)?,
    })
}

fn credentials(request: &Request) -> Result<Option<(String, SecretString)>, Error> {
    let fits = |text: &str| {
        (1..=limits::SIP_CREDENTIAL_CHARS_MAX).contains(&text.chars().count()) && !text.contains(char::is_control)
    };
    let why = || format!("1 to {} characters", limits::SIP_CREDENTIAL_CHARS_MAX);
    match (&request.username, &request.password) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(Error::invalid("sip.password", "a `username` needs one")),
        (None, Some(_)) => Err(Error::invalid("sip.username", "a `password` needs one")),
        (Some(username), Some(_)) if !fits(username) => Err(Error::invalid("sip.username", why())),
        (Some(_), Some(password)) if !fits(password.expose_secret()) => Err(Error::invalid("sip.password", why())),
        (Some(username), Some(password)) => Ok(Some((username.clone(), password.clone()))),
    }
}

fn networks(texts: &[String], nearby: bool) -> Result<Vec<Network>, Error> {
    let bad = |why: String| Error::invalid("sip.signalling_cidrs", why);
    if texts.len() > limits::SIP_NETWORKS_MAX {
        return Err(bad(format!("at most {} networks", limits::SIP_NETWORKS_MAX)));
    }
    let network = |text: &String| {
        let network: Network = text.parse().map_err(|error: domain::sip::NotANetwork| bad(error.to_string()))?;
        let known = nearby || is_public(network.address());
        if known { Ok(network) } else { Err(bad(format!("{network} is no network of the internet"))) }
    };
    texts.iter().map(network).collect()
}

/// A name of at least two labels, or an address; of the internet, unless `nearby`.
fn is_host(text: &str, nearby: bool) -> bool {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return nearby || is_public(address);
    }
    let labels: Vec<&str> = text.split('.').collect();
    let label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = labels.last().copied().unwrap_or_default().to_ascii_lowercase();
    // A last label of digits is an address in one of its older spellings.
    let is_name = last.starts_with(|c: char| c.is_ascii_alphabetic());
    let here = labels.len() < 2 || matches!(last.as_str(), "localhost" | "local" | "internal" | "home" | "lan");
    text.len() <= 253 && is_name && labels.iter().all(label) && (nearby || !here)
}

/// Whether the internet routes to it (RFC 6890's registry of those it does not route to; documentation's networks are
/// nobody's and harm nobody).
fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0);
    let benchmarks = a == 198 && (b == 18 || b == 19);
    let none = address.is_private() || address.is_loopback() || address.is_link_local();
    !(none || shared || protocols || benchmarks || a == 0 || a >= 224)
}

/// What is kept of a trunk with its number: the password is sealed for it alone.
///
/// # Errors
/// [`Error::Platform`] when it cannot be sealed.
pub(crate) async fn sealed(app: &App, number: &Number, trunk: &SipTrunk) -> Result<OwnTrunk, Error> {
    let credentials = match &trunk.credentials {
        Some((username, password)) => {
            let sealed = app.providers.seal(&number.tenant_id, &number.id, password).await;
            Some((username.clone(), sealed.map_err(Error::Platform)?))
        }
        None => None,
    };
    Ok(OwnTrunk {
        host: trunk.host.clone(),
        port: trunk.port,
        transport: trunk.transport,
        credentials,
        register: trunk.register,
        signalling: trunk.signalling.clone(),
    })
}

/// Whether a platform can do what a trunk asks of whoever takes its calls: of them only Vapi registers.
///
/// # Errors
/// [`Error::PlatformUnsupported`].
pub(crate) fn suits(platform: Platform, registers: bool) -> Result<(), Error> {
    match platform {
        Platform::Retell | Platform::ElevenLabs if registers => Err(Error::PlatformUnsupported),
        Platform::Vapi | Platform::Retell | Platform::ElevenLabs => Ok(()),
    }
}

/// A number's trunk as its tenant sees it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Sip))]
pub struct View {
    host: String,
    port: Option<u16>,
    /// `udp`, `tcp` or `tls`; null leaves it to the platform.
    transport: Option<&'static str>,
    username: Option<String>,
    register: bool,
    signalling_cidrs: Vec<String>,
}

impl From<OwnTrunk> for View {
    fn from(trunk: OwnTrunk) -> Self {
        Self {
            host: trunk.host,
            port: trunk.port,
            transport: trunk.transport.map(Transport::as_str),
            username: trunk.credentials.map(|(username, _)| username),
            register: trunk.register,
            signalling_cidrs: trunk.signalling.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The field that is refused; none when the trunk is understood.
    fn field(more: &Value, nearby: bool) -> Option<&'static str> {
        let mut request = json!({ "host": "sip.example.com" });
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        match understand(&serde_json::from_value(request).unwrap(), nearby) {
            Ok(_) => None,
            Err(Error::Invalid { field, .. }) => Some(field),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_of_the_internet() {
        let check = |host: &str, far: bool, near: bool| {
            let is = [false, true].map(|nearby| field(&json!({ "host": host }), nearby).is_none());
            assert_eq!(is, [far, near], "{host}");
        };
        for good in
            ["sip.example.com", "SIP.Example.COM", "a-1.b2.co", "203.0.113.8", "8.8.8.8", "xn--bcher-kva.example"]
        {
            check(good, true, true);
        }
        let here = [
            "localhost",
            "sip",
            "sip.localhost",
            "pbx.local",
            "pbx.internal",
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
        ];
        for near in here {
            check(near, false, true);
        }
        let long = format!("{}.com", "a".repeat(64));
        let bad = [
            "",
            ".",
            "sip:sip.example.com",
            "https://sip.example.com",
            "sip.example.com/x",
            "sip.example.com:5060",
            "u@sip.example.com",
            "sip example.com",
            "sip..example.com",
            "-sip.example.com",
            "sip-.example.com",
            "sip.example.com.",
            "2130706433",
            "127.1",
            "0x7f.1",
            "::1",
            "[::1]",
            "sip_1.example.com",
            "bücher.example",
            "sip.example.com\r\n",
            &long,
        ];
        for bad in bad {
            check(bad, false, false);
        }
    }

    #[test]
    fn everything_else_is_read_strictly_too() {
        let check = |more: Value, expected: Option<&str>| assert_eq!(field(&more, false), expected, "{more}");
        let (most, many) = ("x".repeat(100), "x".repeat(101));
        check(json!({ "port": 1 }), None);
        check(json!({ "port": 65535 }), None);
        check(json!({ "port": 0 }), Some("sip.port"));
        check(json!({ "port": 65536 }), Some("sip.port"));
        check(json!({ "transport": "tls" }), None);
        check(json!({ "transport": "TLS" }), Some("sip.transport"));
        check(json!({ "username": "u", "password": "p" }), None);
        check(json!({ "username": most, "password": most }), None);
        check(json!({ "username": "u" }), Some("sip.password"));
        check(json!({ "password": "p" }), Some("sip.username"));
        check(json!({ "username": many, "password": "p" }), Some("sip.username"));
        check(json!({ "username": "u", "password": many }), Some("sip.password"));
        check(json!({ "username": "", "password": "p" }), Some("sip.username"));
        check(json!({ "username": "u", "password": "p\n" }), Some("sip.password"));
        check(json!({ "register": true }), Some("sip.register"));
        check(json!({ "register": true, "username": "u", "password": "p" }), None);
        check(json!({ "signalling_cidrs": ["203.0.113.0/28", "198.51.100.7"] }), None);
        check(json!({ "signalling_cidrs": ["203.0.113.1/28"] }), Some("sip.signalling_cidrs"));
        check(json!({ "signalling_cidrs": ["sip.example.com"] }), Some("sip.signalling_cidrs"));
        check(json!({ "signalling_cidrs": ["10.0.0.0/8"] }), Some("sip.signalling_cidrs"));
        check(json!({ "signalling_cidrs": ["0.0.0.0/0"] }), Some("sip.signalling_cidrs"));
        check(json!({ "signalling_cidrs": vec!["203.0.113.8"; 20] }), None);
        check(json!({ "signalling_cidrs": vec!["203.0.113.8"; 21] }), Some("sip.signalling_cidrs"));
    }

    #[test]
    fn a_password_is_neither_shown_nor_repeated() {
        let request: Request =
            serde_json::from_value(json!({ "host": "a.example", "username": "u", "password": "hunter22" })).unwrap();
        let trunk = understand(&request, false).unwrap();
        let shown = format!("{request:?} {trunk:?} {}", serde_json::to_string(&request).unwrap());
        assert!(!shown.contains("hunter22"), "{shown}");
        let wrong = serde_json::from_value::<Request>(json!({ "host": "a.example", "password": 5_551_234 }));
        assert!(!wrong.unwrap_err().to_string().contains("5551234"));
    }
}
