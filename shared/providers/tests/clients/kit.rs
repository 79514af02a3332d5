//! What these tests share: simulators of the third parties, and clients of the accounts there.

use std::sync::Arc;

use domain::E164;
use domain::ports::{ProviderError, ProviderErrorKind};
use jiff::Timestamp;
use providers::twilio::Credentials;
use providers::{Twilio, TwilioConfig, Vapi, VapiConfig};
use secrecy::SecretString;
use serde_json::Value;
use simulators::{Config, Simulators, StockLine};

/// A tag of ours, as long as tags are: a deployment's id and an operation's.
pub(crate) const TAG: &str = "tl-019a0b1c2d3e7f408192a3b4c5d6e7f8";
/// Another.
pub(crate) const OTHER_TAG: &str = "tl-ffffffffffffffffffffffffffffffff";

/// All third parties, which have this to sell.
pub(crate) async fn simulators(stock: Vec<StockLine>) -> Simulators {
    simulators::start(Config::in_memory(Arc::new(Timestamp::now), stock)).await.unwrap()
}

pub(crate) fn twilio_config(simulators: &Simulators) -> TwilioConfig {
    let twilio = &simulators.twilio;
    TwilioConfig {
        account_sid: twilio.account_sid.clone(),
        credentials: Credentials::AuthToken(SecretString::from(twilio.auth_token.clone())),
        api_base_url: twilio.url.clone(),
        pricing_base_url: twilio.pricing_url.clone(),
    }
}

pub(crate) fn twilio(simulators: &Simulators) -> Twilio {
    Twilio::new(twilio_config(simulators))
}

pub(crate) fn vapi_config(simulators: &Simulators) -> VapiConfig {
    VapiConfig {
        api_key: SecretString::from(simulators.vapi.api_key.clone()),
        base_url: simulators.vapi.url.clone(),
        sip_domain: "sip.vapi.ai".to_owned(),
    }
}

pub(crate) fn vapi(simulators: &Simulators) -> Vapi {
    Vapi::new(vapi_config(simulators))
}

/// How many requests of an operation a third party has had, as it shows.
pub(crate) fn asked(state: &Value, operation: &str) -> usize {
    let requests = state["requests"].as_array().unwrap().iter();
    requests.filter(|request| request["operation"] == operation).count()
}

/// What sort of error this is, whose words are fit for a log.
pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, ProviderError>) -> ProviderErrorKind {
    let error = result.unwrap_err();
    assert!(error.detail.chars().count() <= 300, "{error}");
    error.kind
}

pub(crate) fn e164(text: &str) -> E164 {
    text.parse().unwrap()
}
