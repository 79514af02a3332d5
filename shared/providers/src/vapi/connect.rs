//! How a number is made known at Vapi: an address of its own, or one that Vapi takes over at the carrier.

use domain::ports::{ConnectOrder, PlatformNumber, ProviderError, ProviderErrorKind, Reason};
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use super::wire::{NewAuthentication, NewNumber, Number, Refusal, TakenOver};
use super::{AT_TWILIO, SIP, Vapi, number};
use crate::api::named_not_found;
use crate::http::{Answer, Deadline};

impl Vapi {
    /// A SIP address named with our tag.
    pub(super) async fn make_address(
        &self,
        order: &ConnectOrder,
        password: &SecretString,
    ) -> Result<PlatformNumber, ProviderError> {
        let sip_uri = self.sip_uri(&order.tag);
        let request = self.api.request(Method::POST, "/phone-number")?.json(&NewNumber {
            provider: SIP,
            sip_uri: &sip_uri,
            name: &order.tag,
            assistant_id: &order.platform_agent_id,
            authentication: NewAuthentication { username: &order.tag, password: password.expose_secret() },
        });
        let answer = self.api.exchange(request, self.api.deadline()).await?;
        if answer.status.is_success() {
            return number(self.api.read::<Number>(&answer)?.or_sip_uri(&sip_uri), answer.doubt);
        }
        let refused = named_not_found(self.api.refused(&answer, &[password]));
        // Nobody else uses our tag, so what is taken was most likely made by an earlier attempt whose answer was lost. In
        // doubt the caller looks for it and adopts it; "rejected" would leave it behind.
        let ours = matches!(refused.kind, ProviderErrorKind::Rejected(_)) && says_taken(&answer);
        Err(if ours { ProviderError { kind: answer.doubt, ..refused } } else { refused })
    }

    /// A number of ours at Twilio, whose voice webhook becomes Vapi's.
    pub(super) async fn take_over(
        &self,
        order: &ConnectOrder,
        account_sid: &str,
        auth_token: &SecretString,
    ) -> Result<PlatformNumber, ProviderError> {
        let until = self.api.deadline();
        let request = self.api.request(Method::POST, "/phone-number")?.json(&TakenOver {
            provider: AT_TWILIO,
            number: order.e164.as_str(),
            twilio_account_sid: account_sid,
            twilio_auth_token: auth_token.expose_secret(),
            name: &order.tag,
            assistant_id: &order.platform_agent_id,
            sms_enabled: false,
        });
        let answer = self.api.exchange(request, until).await?;
        if answer.status.is_success() {
            return number(self.api.read(&answer)?, answer.doubt);
        }
        let refused = self.api.refused(&answer, &[auth_token]);
        Err(self.judged(order, refused, &answer, until).await)
    }

    /// What the refusal to make a number known means. How Vapi refuses one it knows already is not published, so after any
    /// refusal it is asked whether it does.
    pub(super) async fn judged(
        &self,
        order: &ConnectOrder,
        refused: ProviderError,
        answer: &Answer,
        until: Deadline,
    ) -> ProviderError {
        let refused = named_not_found(refused);
        if !matches!(refused.kind, ProviderErrorKind::Rejected(_)) {
            return refused;
        }
        let known = self.search(order.e164.as_str(), |known| known.has(&order.e164), number, until).await;
        let in_doubt = |refused| ProviderError { kind: answer.doubt, ..refused };
        match known {
            // Made by an earlier attempt whose answer was lost: in doubt the caller looks for it and adopts it.
            Ok(known) if known.iter().any(|known| known.tag == order.tag) => in_doubt(refused),
            Ok(known) if !known.is_empty() => {
                let detail = format!("Vapi has this number under another name than ours; {}", refused.detail);
                ProviderError::new(ProviderErrorKind::Rejected(Reason::Taken), detail)
            }
            // It knows the number, and does not show it to us: whose it is cannot be said.
            Ok(_) if says_taken(answer) => in_doubt(refused),
            Ok(_) => refused,
            Err(_) => in_doubt(refused),
        }
    }
}

fn says_taken(answer: &Answer) -> bool {
    Refusal::read(&answer.body).is_some_and(|refusal| refusal.says_taken())
}
