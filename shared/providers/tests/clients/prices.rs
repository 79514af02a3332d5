//! What numbers cost at a carrier now, against a carrier that remembers and misbehaves on demand.

use domain::numbering::{CountryCode, NumberKind};
use domain::ports::{Carrier, ProviderErrorKind};
use providers::twilio::Credentials;
use providers::{Twilio, TwilioConfig};
use secrecy::SecretString;
use simulators::{Fault, Kind, NumberType};

use crate::kit::{self, kind};
use ProviderErrorKind::{Misconfigured, NotFound, RateLimited, Unavailable};

#[tokio::test]
async fn a_country_has_its_prices_now() {
    let simulators = kit::simulators(Vec::new()).await;
    let twilio = kit::twilio(&simulators);
    let prices = async |country: CountryCode| {
        let prices = twilio.prices(country).await;
        prices.map(|prices| prices.into_iter().map(|(kind, price)| (kind, price.to_string())).collect::<Vec<_>>())
    };
    let of = |kind: NumberKind, price: &str| (kind, format!("{price} USD"));
    let (local, toll_free) = (NumberKind::Local, NumberKind::TollFree);
    assert_eq!(prices(CountryCode::US).await, Ok(vec![of(local, "1.15"), of(toll_free, "2.15")]));
    assert_eq!(prices(CountryCode::CA).await, Ok(vec![of(local, "1.00"), of(toll_free, "2.15")]));
    simulators.twilio.set_price("US", NumberType::TollFree, "2.4");
    assert_eq!(prices(CountryCode::US).await, Ok(vec![of(local, "1.15"), of(toll_free, "2.40")]));
    // Sold, and no price named.
    assert_eq!(prices(CountryCode::TR).await, Ok(Vec::new()));
    assert_eq!(kind(twilio.prices("AQ".parse().unwrap()).await), NotFound);
}

#[tokio::test]
async fn prices_that_are_not_told_are_no_prices() {
    let simulators = kit::simulators(Vec::new()).await;
    let twilio = kit::twilio(&simulators);
    let fault = |kind| Fault::new("twilio", "prices.get", kind);
    for (fault, expected) in [
        (Fault { times: 2, ..fault(Kind::Timeout) }, Unavailable),
        (Fault { times: 2, ..fault(Kind::LostReply) }, Unavailable),
        (Fault { times: 2, ..fault(Kind::Error) }, Unavailable),
        (Fault { times: 3, ..fault(Kind::RateLimit) }, RateLimited),
        (Fault { status: Some(401), ..fault(Kind::Error) }, Misconfigured),
    ] {
        simulators.faults.add(fault).unwrap();
        assert_eq!(kind(twilio.prices(CountryCode::US).await), expected);
    }
    twilio.prices(CountryCode::US).await.unwrap();
    let pricing_base_url = "http://127.0.0.1:9".to_owned();
    let lost = Twilio::new(TwilioConfig { pricing_base_url, ..kit::twilio_config(&simulators) });
    assert_eq!(kind(lost.prices(CountryCode::US).await), Unavailable);
    let credentials = Credentials::AuthToken(SecretString::from("an old token"));
    let stranger = Twilio::new(TwilioConfig { credentials, ..kit::twilio_config(&simulators) });
    assert_eq!(kind(stranger.prices(CountryCode::US).await), Misconfigured);
}
