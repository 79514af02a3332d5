//! The account at Netgsm, where there is one. That numbers can be ordered there by a program is a proposal of ours, so nothing
//! is ordered before somebody has said that it was agreed upon.

use std::sync::Arc;

use domain::ports::{ProviderError, ProviderErrorKind};
use domain::sip::Network;
use providers::{Netgsm, NetgsmConfig};
use secrecy::SecretString;
use serde::Deserialize;

use super::SecretProviders;

/// Whether numbers are ordered at Netgsm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetgsmMode {
    /// They are not.
    Disabled,
    /// An operator orders them in Netgsm's panel and says so; nothing is asked of its API.
    Manual,
    /// By the proposed API.
    Http,
}

impl NetgsmMode {
    /// Reads the setting. `confirmed` says that Netgsm has agreed to the API, or that something else stands in for it.
    ///
    /// # Errors
    /// Why the system must not start so.
    pub fn read(text: &str, confirmed: bool) -> Result<Self, &'static str> {
        match text {
            "disabled" => Ok(Self::Disabled),
            "manual" => Ok(Self::Manual),
            "http" if confirmed => Ok(Self::Http),
            "http" => Err("http needs NETGSM_CONTRACT_CONFIRMED=yes: Netgsm publishes no API to order numbers by"),
            _ => Err("disabled, manual or http"),
        }
    }
}

#[derive(Deserialize)]
struct NetgsmSecret {
    usercode: String,
    password: SecretString,
    #[serde(default)]
    signalling: Vec<String>,
}

impl SecretProviders {
    pub(super) async fn netgsm(&self) -> Result<Arc<Netgsm>, ProviderError> {
        let misconfigured = |why: &str| ProviderError::new(ProviderErrorKind::Misconfigured, why);
        match self.settings.netgsm_mode {
            NetgsmMode::Disabled => return Err(misconfigured("Netgsm is switched off")),
            NetgsmMode::Manual => return Err(misconfigured("numbers of Netgsm are ordered by hand")),
            NetgsmMode::Http => {}
        }
        let make = |secret: NetgsmSecret| {
            let networks: Result<Vec<Network>, _> = secret.signalling.iter().map(|text| text.parse()).collect();
            let signalling =
                networks.map_err(|_| misconfigured("the secret of Netgsm names a network that is none"))?;
            let base_url = self.settings.netgsm_base_url.clone();
            let config = NetgsmConfig { usercode: secret.usercode, password: secret.password, base_url, signalling };
            Ok(Arc::new(Netgsm::new(config)))
        };
        let made = self.slot(&self.netgsm, &self.settings.netgsm_secret, make).await?;
        (*made).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ordered_without_a_contract() {
        let check = |text: &str, confirmed: bool, expected: Option<NetgsmMode>| {
            assert_eq!(NetgsmMode::read(text, confirmed).ok(), expected, "{text} {confirmed}");
        };
        check("disabled", false, Some(NetgsmMode::Disabled));
        check("manual", false, Some(NetgsmMode::Manual));
        check("http", false, None);
        check("http", true, Some(NetgsmMode::Http));
        check("HTTP", true, None);
        check("", true, None);
    }
}
