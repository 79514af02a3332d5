//! SIP trunks: where calls go to and come from when no webhook decides about them.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use secrecy::SecretString;

/// Where a SIP trunk takes calls that an agent makes, and where it brings calls from.
#[derive(Debug, Clone)]
pub struct SipTrunk {
    /// Host, without a scheme (Twilio: `….pstn.twilio.com`).
    pub host: String,
    /// None is the usual one, 5060.
    pub port: Option<u16>,
    /// User name and password, where it asks for them.
    pub credentials: Option<(String, SecretString)>,
    /// Whether whoever takes its calls has to register with these credentials first.
    pub register: bool,
    /// Where its calls come from; empty where that is not known, and then none can be let in by their address.
    pub signalling: Vec<Network>,
}

impl SipTrunk {
    /// One that takes calls at a host and needs no registration.
    #[must_use]
    pub fn at(host: impl Into<String>, credentials: Option<(String, SecretString)>) -> Self {
        Self { host: host.into(), port: None, credentials, register: false, signalling: Vec::new() }
    }
}

/// An IPv4 network: its first address, and how many leading bits its addresses share (0–32). Written `203.0.113.0/28`, a
/// single address without its `/32`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
