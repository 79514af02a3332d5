//! A number of a carrier that is reached by a SIP trunk: a credential with the trunk's gateways, and the number that uses it.
//!
//! Each number has a credential of its own, named with its tag. It is made before the number and removed after it, so a crash
//! in between leaves one alone; it is found by its name, and used or removed. That Vapi lists credentials is not published:
//! where it does not, one is made anew and the log says so.

use std::time::Duration;

use domain::ports::{ConnectOrder, PlatformNumber, ProviderError, ProviderErrorKind, Reason};
use domain::sip::{SipTrunk, Transport};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use super::wire::{Authentication, Credential, Gateway, Made, NewTrunk, Number, OwnNumber, Registration};
use super::{Vapi, number};
use crate::api::collection_not_found;
use crate::http::{self, Deadline};

/// The variant of Vapi's union of numbers that a trunk brings the calls of, and its credentials'.
pub(super) const OWN: &str = "byo-phone-number";
const TRUNK: &str = "byo-sip-trunk";
/// Credentials asked for at once; as many as Vapi gives of anything.
const CREDENTIALS_MAX: usize = 1_000;
/// Vapi takes networks from this prefix on.
const PREFIX_MIN: u8 = 24;
/// Times a credential's removal is tried: nobody comes back for it once its number is gone.
const REMOVALS: u8 = 2;

impl Vapi {
    pub(super) async fn by_trunk(
        &self,
        order: &ConnectOrder,
        trunk: &SipTrunk,
    ) -> Result<PlatformNumber, ProviderError> {
        let until = self.api.deadline();
        let gateways = gateways(trunk)?;
        let credential = match self.credentials_named(&order.tag, until).await? {
            Some(found) if !found.is_empty() => self.only(found, until).await,
            Some(_) => self.credential_create(&order.tag, trunk, &gateways, until).await?,
            None => {
                tracing::warn!(
                    platform.tag = order.tag,
                    "Vapi does not list credentials; an earlier attempt may have left one of this name"
                );
                self.credential_create(&order.tag, trunk, &gateways, until).await?
            }
        };
        let error = match self.own_number_create(order, &credential, until).await {
            Ok(number) => return Ok(number),
            Err(error) => error,
        };
        // In doubt there may be a number that uses it.
        if !error.did_not_happen() {
            return Err(error);
        }
        match self.credential_delete(&credential).await {
            Ok(()) => Err(error),
            Err(left) => {
                let detail = format!("{}; credential {credential} is left behind: {}", error.detail, left.detail);
                Err(ProviderError { detail: http::detail(&detail, &[]), ..error })
            }
        }
    }

    /// Removes a number, and then the credential that is its own.
    pub(super) async fn remove_with_credential(&self, id: &str) -> Result<(), ProviderError> {
        let path = self.number_path(id)?;
        let until = self.api.deadline();
        // The credential is named by the number, which is gone afterwards.
        let before: Number = self.api.read(&self.api.answer(self.api.request(Method::GET, &path)?, until).await?)?;
        let removed = self.api.answer(self.api.request(Method::DELETE, &path)?, until).await.map(drop);
        if before.provider() != Some(OWN) {
            return removed;
        }
        if let Err(error) = removed {
            let gone = match error.kind {
                ProviderErrorKind::Unknown => self.is_gone(&path).await,
                _ => error.kind == ProviderErrorKind::NotFound,
            };
            if !gone {
                return Err(error);
            }
        }
        let tag = before.name().unwrap_or_default();
        let left = match self.credentials_named(tag, until).await {
            Ok(Some(named)) => named,
            // Not listed: the one the number used must be its own.
            Ok(None) | Err(_) => before.credential_id().map(str::to_owned).into_iter().collect(),
        };
        for credential in left {
            self.credential_delete(&credential).await.map_err(|error| {
                let detail = format!("the number is gone and credential {credential} is left behind: {}", error.detail);
                ProviderError { detail: http::detail(&detail, &[]), ..error }
            })?;
        }
        Ok(())
    }

    /// Removes what a crash left of a number that is not there: credentials with its tag that no number uses.
    pub(super) async fn sweep(&self, tag: &str, until: Deadline) -> Result<(), ProviderError> {
        // Looking for numbers must not depend on an interface that is not published.
        let Ok(Some(named)) = self.credentials_named(tag, until).await else { return Ok(()) };
        if named.is_empty() {
            return Ok(());
        }
        let request = self.api.request(Method::GET, "/phone-number")?.query(&[("limit", CREDENTIALS_MAX)]);
        let numbers: Vec<Number> =
            self.api.read(&self.api.answer(request, until).await.map_err(collection_not_found)?)?;
        if numbers.len() >= CREDENTIALS_MAX {
            tracing::warn!(platform.tag = tag, "too many numbers at Vapi to tell whether one uses a credential");
            return Ok(());
        }
        let unused = |id: &String| !numbers.iter().any(|number| number.credential_id() == Some(id));
        for credential in named.into_iter().filter(unused) {
            tracing::info!(platform.tag = tag, "removing a credential at Vapi that a crash left alone");
            self.credential_delete(&credential).await.map_err(looked)?;
        }
        Ok(())
    }

    /// The ids of the trunks with this name, oldest first; none at all where Vapi does not list them.
    async fn credentials_named(&self, tag: &str, until: Deadline) -> Result<Option<Vec<String>>, ProviderError> {
        let request = self.api.request(Method::GET, "/credential")?.query(&[("limit", CREDENTIALS_MAX)]);
        let answer = match self.api.answer(request, until).await {
            Ok(answer) => answer,
            Err(error) => {
                return match error.kind {
                    ProviderErrorKind::NotFound | ProviderErrorKind::Rejected(_) | ProviderErrorKind::Misconfigured => {
                        Ok(None)
                    }
                    ProviderErrorKind::RateLimited | ProviderErrorKind::Unavailable | ProviderErrorKind::Unknown => {
                        Err(error)
                    }
                };
            }
        };
        let Ok(listed) = self.api.read::<Vec<Credential>>(&answer) else { return Ok(None) };
        if listed.len() >= CREDENTIALS_MAX {
            return Ok(None);
        }
        let mut named: Vec<Credential> = listed.into_iter().filter(|it| it.is(TRUNK, tag)).collect();
        named.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(Some(named.into_iter().map(|credential| credential.id).collect()))
    }

    /// The oldest of several; no number uses the others.
    async fn only(&self, found: Vec<String>, until: Deadline) -> String {
        let mut found = found.into_iter();
        let oldest = found.next().unwrap_or_default();
        for younger in found {
            if until.left().is_some() && self.credential_delete(&younger).await.is_err() {
                tracing::warn!(platform.credential = younger, "a credential at Vapi is there twice and stays so");
            }
        }
        oldest
    }

    async fn credential_create(
        &self,
        tag: &str,
        trunk: &SipTrunk,
        gateways: &[Gateway],
        until: Deadline,
    ) -> Result<String, ProviderError> {
        let plan = trunk.credentials.as_ref().map(|(user, password)| Authentication {
            auth_username: user,
            auth_password: password.expose_secret(),
            sip_register_plan: trunk.register.then_some(Registration { domain: &trunk.host, username: user }),
        });
        let request = self.api.request(Method::POST, "/credential")?.json(&NewTrunk {
            provider: TRUNK,
            name: tag,
            gateways,
            outbound_leading_plus_enabled: true,
            outbound_authentication_plan: plan,
        });
        let answer = self.api.exchange(request, until).await?;
        if answer.status.is_success() {
            let made: Made = self.api.read(&answer)?;
            return Ok(made.id);
        }
        let secrets: Vec<&SecretString> = trunk.credentials.iter().map(|(_, password)| password).collect();
        Err(collection_not_found(self.api.refused(&answer, &secrets)))
    }

    async fn own_number_create(
        &self,
        order: &ConnectOrder,
        credential: &str,
        until: Deadline,
    ) -> Result<PlatformNumber, ProviderError> {
        let request = self.api.request(Method::POST, "/phone-number")?.json(&OwnNumber {
            provider: OWN,
            number: order.e164.as_str(),
            credential_id: credential,
            name: &order.tag,
            assistant_id: &order.platform_agent_id,
        });
        let answer = self.api.exchange(request, until).await?;
        if answer.status.is_success() {
            return number(self.api.read(&answer)?, answer.doubt);
        }
        let refused = self.api.refused(&answer, &[]);
        Err(self.judged(order, refused, &answer, until).await)
    }

    /// A removal may be repeated; gone is gone.
    async fn credential_delete(&self, id: &str) -> Result<(), ProviderError> {
        let path = self.api.one("/credential", id)?;
        let mut tried = 0;
        loop {
            tried += 1;
            let outcome = self.api.answer(self.api.request(Method::DELETE, &path)?, self.api.deadline()).await;
            match outcome {
                Ok(_) => return Ok(()),
                Err(error) if error.kind == ProviderErrorKind::NotFound => return Ok(()),
                Err(error) if tried >= REMOVALS => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn is_gone(&self, path: &str) -> bool {
        let Ok(request) = self.api.request(Method::GET, path) else { return false };
        let looked = self.api.answer(request, self.api.deadline()).await;
        looked.is_err_and(|error| error.kind == ProviderErrorKind::NotFound)
    }
}

/// Whoever looked for a number is not in doubt about one.
fn looked(error: ProviderError) -> ProviderError {
    match error.kind {
        ProviderErrorKind::Unknown => ProviderError { kind: ProviderErrorKind::Unavailable, ..error },
        ProviderErrorKind::Rejected(_)
        | ProviderErrorKind::NotFound
        | ProviderErrorKind::RateLimited
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Misconfigured => error,
    }
}

/// Calls go out to the trunk's host. They come in from its networks, which Vapi wants as addresses: a name will not do, and
/// what a name stands for need not be where calls come from.
fn gateways(trunk: &SipTrunk) -> Result<Vec<Gateway>, ProviderError> {
    let gateway = |ip: String, netmask: Option<u8>, inbound: bool| Gateway {
        ip,
        netmask,
        port: trunk.port,
        inbound_enabled: inbound,
        outbound_enabled: !inbound,
        outbound_protocol: trunk.transport.filter(|_| !inbound).map(Transport::as_str),
    };
    let mut gateways = vec![gateway(trunk.host.clone(), None, false)];
    for network in &trunk.signalling {
        if network.prefix() < PREFIX_MIN {
            let why = format!("Vapi takes calls from networks of /{PREFIX_MIN} to /32, and not from {network}");
            return Err(ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), why));
        }
        gateways.push(gateway(network.address().to_string(), Some(network.prefix()), true));
    }
    Ok(gateways)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_go_to_a_name_and_come_from_addresses() {
        let trunk = |networks: &[&str]| SipTrunk {
            port: Some(5070),
            transport: Some(Transport::Tcp),
            signalling: networks.iter().map(|network| network.parse().unwrap()).collect(),
            ..SipTrunk::at("sip.example.com", None)
        };
        let check = |networks: &[&str], expected: Option<serde_json::Value>| {
            let gateways = gateways(&trunk(networks)).ok().map(|made| serde_json::to_value(made).unwrap());
            assert_eq!(gateways, expected, "{networks:?}");
        };
        let out = serde_json::json!({"ip": "sip.example.com", "port": 5070, "inboundEnabled": false, "outboundEnabled": true, "outboundProtocol": "tcp"});
        let from = |ip: &str, netmask: u8| serde_json::json!({"ip": ip, "netmask": netmask, "port": 5070, "inboundEnabled": true, "outboundEnabled": false});
        check(&[], Some(serde_json::json!([out])));
        let both = serde_json::json!([out, from("203.0.113.8", 32), from("198.51.100.0", 24)]);
        check(&["203.0.113.8", "198.51.100.0/24"], Some(both));
        check(&["203.0.113.8", "198.51.0.0/16"], None);
    }
}
