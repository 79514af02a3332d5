//! SIP trunks: where calls go to and come from when no webhook decides about them.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// Where SIP is spoken when no port is named (RFC 3261, 19.1.2).
pub const USUAL_PORT: u16 = 5060;

/// Where a SIP trunk takes calls that an agent makes, and where it brings calls from.
#[derive(Debug, Clone)]
pub struct SipTrunk {
    /// Host, without a scheme (Twilio: `….pstn.twilio.com`).
    pub host: String,
    /// None is the usual one, 5060.
    pub port: Option<u16>,
    /// None is whatever the platform takes by itself.
    pub transport: Option<Transport>,
    /// User name and password, where it asks for them.
    pub credentials: Option<(String, SecretString)>,
    /// Whether whoever takes its calls has to register with these credentials first.
    pub register: bool,
    /// Where its calls come from; empty where that is not known, and then none can be let in by their address.
    pub signalling: Vec<Network>,
}

impl SipTrunk {
    /// Its host, with the port where that is not the usual one.
    #[must_use]
    pub fn address(&self) -> String {
        let unusual = self.port.filter(|port| *port != USUAL_PORT);
        unusual.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// One that takes calls at a host and needs no registration.
    #[must_use]
    pub fn at(host: impl Into<String>, credentials: Option<(String, SecretString)>) -> Self {
        Self { host: host.into(), port: None, transport: None, credentials, register: false, signalling: Vec::new() }
    }
}

/// What carries SIP's signalling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// User datagrams.
    Udp,
    /// A connection.
    Tcp,
    /// An encrypted connection.
    Tls,
}

impl Transport {
    /// As written in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// Reads the API's word.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls].into_iter().find(|transport| transport.as_str() == text)
    }
}

/// The trunk of a tenant's own carrier, as it is kept: what is secret of it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTrunk {
    /// Host, without a scheme.
    pub host: String,
    /// None is the usual one.
    pub port: Option<u16>,
    /// None is whatever the platform takes by itself.
    pub transport: Option<Transport>,
    /// User name and sealed password, where it asks for them.
    pub credentials: Option<(String, Sealed)>,
    /// Whether whoever takes its calls has to register first.
    #[serde(default)]
    pub register: bool,
    /// Where its calls come from.
    #[serde(default)]
    pub signalling: Vec<Network>,
}

impl OwnTrunk {
    /// What a platform is told, with the password opened.
    #[must_use]
    pub fn opened(&self, password: Option<SecretString>) -> SipTrunk {
        SipTrunk {
            host: self.host.clone(),
            port: self.port,
            transport: self.transport,
            credentials: self.credentials.as_ref().map(|(username, _)| username.clone()).zip(password),
            register: self.register,
            signalling: self.signalling.clone(),
        }
    }
}

/// A secret that only whoever has the key can read; fit to be stored. All of it is text without meaning.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which key opens it.
    pub key_id: String,
    /// 96 random bits, in base64.
    pub nonce: String,
    /// AES-256-GCM with its tag, in base64.
    pub ciphertext: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// An IPv4 network: its first address, and how many leading bits its addresses share (0–32). Written `203.0.113.0/28`, a
/// single address without its `/32`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: Ipv4Addr,
    prefix: u8,
}

/// Not an IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an IPv4 network such as 203.0.113.0/28, with nothing behind its prefix")]
pub struct NotANetwork;

impl Network {
    /// Its first address.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// How many leading bits its addresses share.
    #[must_use]
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    /// An address with bits behind the prefix is refused: whoever wrote it meant something else.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let address: Ipv4Addr = address.parse().map_err(|_| NotANetwork)?;
        let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().ok().filter(|prefix| digits && *prefix <= 32).ok_or(NotANetwork)?;
        let behind = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        if address.to_bits() & behind == 0 { Ok(Self { address, prefix }) } else { Err(NotANetwork) }
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;
    fn try_from(text: String) -> Result<Self, NotANetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            32 => write!(f, "{}", self.address),
            prefix => write!(f, "{}/{prefix}", self.address),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_strictly_and_written_back() {
        let check = |text: &str, expected: Option<&str>| {
            let read = text.parse::<Network>().ok().map(|network| network.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("203.0.113.8", Some("203.0.113.8"));
        check("203.0.113.8/32", Some("203.0.113.8"));
        check("203.0.113.0/28", Some("203.0.113.0/28"));
        check("0.0.0.0/0", Some("0.0.0.0/0"));
        check("203.0.113.8/28", None);
        check("203.0.113.1/0", None);
        check("203.0.113.0/33", None);
        check("203.0.113.0/+8", None);
        check("203.0.113.0/", None);
        check("203.0.113", None);
        check("sip.example.com", None);
        check("::1", None);
        check("", None);
    }

    #[test]
    fn a_trunk_keeps_its_password_to_itself() {
        let trunk = SipTrunk::at("sip.example.com", Some(("user".to_owned(), SecretString::from("hunter22"))));
        assert!(!format!("{trunk:?}").contains("hunter22"));
    }
}
