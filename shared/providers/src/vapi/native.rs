//! Vapi's own US numbers behind the carrier's port: a few for each account, had by area code, answered by an assistant of the
//! account. A number is known by its name, which is our tag; who answers it is all there is to set up.
//!
//! SIP addresses and numbers of other carriers that Vapi knows are the platform's and not this carrier's.

use async_trait::async_trait;
use domain::money::Money;
use domain::numbering::{CountryCode, E164, NumberKind};
use domain::ports::{
    AreaOrder, AreaOrders, BuyOrder, Carrier, CarrierNumber, NumberSettings, Offer, Page, ProviderError,
    ProviderErrorKind, Reason, Sale, SearchFilter,
};
use domain::sip::SipTrunk;
use reqwest::Method;

use super::wire::{Answerer, NewNative, Number, Refusal, SetNative};
use super::{SIP, Vapi};
use crate::http::Answer;

/// Vapi as a carrier.
#[derive(Debug)]
pub struct VapiNumbers(Vapi);

impl VapiNumbers {
    /// The numbers of this client's organisation.
    #[must_use]
    pub const fn of(vapi: Vapi) -> Self {
        Self(vapi)
    }
}

fn refused(why: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), format!("Vapi {why}"))
}

fn sold(found: Number, doubt: ProviderErrorKind) -> Result<CarrierNumber, ProviderError> {
    found.carrier_number().map_err(|field| {
        ProviderError::new(doubt, format!("Vapi described a number of its own without a usable {field}"))
    })
}

fn order(found: Number, doubt: ProviderErrorKind) -> Result<AreaOrder, ProviderError> {
    found
        .order()
        .map_err(|field| ProviderError::new(doubt, format!("Vapi described an order without a usable {field}")))
}

/// What a refused order means; Vapi gives no codes, so its words must do.
fn why_not(error: ProviderError, answer: &Answer) -> ProviderError {
    let said = Refusal::read(&answer.body);
    let reason = said.as_ref().map_or(Reason::Other, Refusal::reason_of_order);
    match error.kind {
        ProviderErrorKind::Rejected(Reason::Other) => {
            ProviderError { kind: ProviderErrorKind::Rejected(reason), ..error }
        }
        // A creation names nothing that could be missing.
        ProviderErrorKind::NotFound => ProviderError { kind: ProviderErrorKind::Misconfigured, ..error },
        ProviderErrorKind::Rejected(_)
        | ProviderErrorKind::RateLimited
        | ProviderErrorKind::Unavailable
        | ProviderErrorKind::Unknown
        | ProviderErrorKind::Misconfigured => error,
    }
}

#[async_trait]
impl Carrier for VapiNumbers {
    /// There is nothing to choose from.
    async fn number_search(
        &self,
        _: CountryCode,
        _: NumberKind,
        _: &SearchFilter,
    ) -> Result<Vec<Offer>, ProviderError> {
        Ok(Vec::new())
    }

    async fn number_find(&self, e164: &E164) -> Result<Option<CarrierNumber>, ProviderError> {
        let meant = |number: &Number| number.is_native() && number.has(e164);
        let found = self.0.search(e164.as_str(), meant, sold, self.0.api.deadline()).await?;
        Ok(found.into_iter().next())
    }

    async fn number_get(&self, id: &str) -> Result<CarrierNumber, ProviderError> {
        let request = self.0.api.request(Method::GET, &self.0.number_path(id)?)?;
        let answer = self.0.api.answer(request, self.0.api.deadline()).await?;
        let found: Number = self.0.api.read(&answer)?;
        if found.is_native() {
            sold(found, answer.doubt)
        } else if found.is_awaited() {
            Err(ProviderError::new(ProviderErrorKind::Unavailable, "Vapi has not told this number's digits"))
        } else {
            Err(ProviderError::new(ProviderErrorKind::NotFound, "Vapi has no such number of its own"))
        }
    }

    async fn number_buy(&self, _: &BuyOrder) -> Result<Sale, ProviderError> {
        Err(refused("lets nobody choose a number"))
    }

    async fn number_list(&self, after: Option<&str>) -> Result<Page<CarrierNumber>, ProviderError> {
        let (found, next) = self.0.page(after).await?;
        let all = found.len();
        let native = found.into_iter().filter(Number::is_native);
        let items: Vec<_> = native.filter_map(|found| found.carrier_number().ok()).collect();
        Ok(Page { others: all - items.len(), items, next })
    }

    /// Its name and who answers it. That Vapi takes null for nobody is not published, so the answer is read.
    async fn number_configure(
        &self,
        id: &str,
        tag: &str,
        settings: &NumberSettings,
    ) -> Result<CarrierNumber, ProviderError> {
        let NumberSettings { webhooks, trunk, application } = settings;
        if *webhooks != NumberSettings::none().webhooks || trunk.is_some() {
            return Err(refused("has no webhooks and trunks of its own numbers to set"));
        }
        let wanted = Answerer::read(application.as_deref());
        let mut body = SetNative::new(tag, &wanted);
        let until = self.0.api.deadline();
        let mut doubt = ProviderErrorKind::Unknown;
        for _ in 0..2 {
            let request = self.0.api.request(Method::PATCH, &self.0.number_path(id)?)?.json(&body);
            let answer = self.0.api.answer(request, until).await?;
            let set = sold(self.0.api.read(&answer)?, answer.doubt)?;
            if set.tag == tag && set.settings == *settings {
                return Ok(set);
            }
            // Somebody else than an assistant answered it before, which is taken away only now that it is known.
            body = body.by_nobody_else();
            doubt = answer.doubt;
        }
        Err(ProviderError::new(doubt, "Vapi answered a setting of its own number with another one"))
    }

    async fn call_create(&self, _: &E164, _: &E164, _: &str, _: &str) -> Result<String, ProviderError> {
        Err(refused("makes no calls that a document decides about"))
    }

    async fn sip_trunk(&self, _: &str) -> Result<SipTrunk, ProviderError> {
        Err(refused("brings the calls of its own numbers to itself alone"))
    }

    /// It publishes none.
    async fn prices(&self, country: CountryCode) -> Result<Vec<(NumberKind, Money)>, ProviderError> {
        if country == CountryCode::US {
            Ok(Vec::new())
        } else {
            Err(ProviderError::new(ProviderErrorKind::NotFound, "Vapi has numbers of the United States alone"))
        }
    }

    async fn number_release(&self, id: &str) -> Result<(), ProviderError> {
        self.0.api.delete(&self.0.number_path(id)?).await
    }
}

#[async_trait]
impl AreaOrders for VapiNumbers {
    async fn order_find(&self, tag: &str) -> Result<Vec<AreaOrder>, ProviderError> {
        let meant = |number: &Number| number.is_ordered() && number.name() == Some(tag);
        self.0.search(tag, meant, order, self.0.api.deadline()).await
    }

    async fn order_place(&self, area_code: &str, tag: &str) -> Result<AreaOrder, ProviderError> {
        let new = NewNative { provider: SIP, number_desired_area_code: area_code, name: tag };
        let request = self.0.api.request(Method::POST, "/phone-number")?.json(&new);
        let answer = self.0.api.exchange(request, self.0.api.deadline()).await?;
        if answer.status.is_success() {
            order(self.0.api.read(&answer)?, answer.doubt)
        } else {
            Err(why_not(self.0.api.refused(&answer, &[]), &answer))
        }
    }

    async fn order_remove(&self, id: &str) -> Result<(), ProviderError> {
        self.number_release(id).await
    }
}
