//! Netgsm behind the carrier's port. A number is known by the reference of its order, which is our tag; it has no webhooks,
//! is reached by its SIP account, and costs by the year.

use async_trait::async_trait;
use domain::money::Money;
use domain::number::Capabilities;
use domain::numbering::{CountryCode, E164, NumberKind};
use domain::ports::{
    AddressRequirement, BuyOrder, Carrier, CarrierNumber, NumberSettings, Offer, Page, ProviderError,
    ProviderErrorKind, Reason, Sale, SearchFilter,
};
use domain::sip::SipTrunk;

use super::wire::Listed;
use super::{Call, Cancellation, Held, Netgsm, NetgsmError, OFFERS_MAX, Order, by_reference, held, national};
use crate::http::Deadline;

/// What a 0850 number can do.
const CAPABILITIES: Capabilities = Capabilities { voice: true, sms: false, mms: false };

/// What is awaited when a sale is pending. Netgsm gives no reason; papers of the subscriber are the usual one.
const AWAITED: &str = "Netgsm's approval of the order, for which it may ask the subscriber for papers";

impl From<Held> for CarrierNumber {
    fn from(held: Held) -> Self {
        Self {
            id: held.carrier_number_id,
            e164: held.e164,
            tag: held.client_ref.unwrap_or_default(),
            created_at: held.sold_at,
            capabilities: CAPABILITIES,
            settings: NumberSettings::none(),
        }
    }
}

fn refused(why: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), format!("Netgsm {why}"))
}

fn in_doubt(why: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Unknown, format!("Netgsm {why}"))
}

/// The number with these digits among ours.
fn with_digits<'a>(owned: &'a [Listed], e164: &E164) -> Option<&'a Listed> {
    owned.iter().find(|listed| listed.e164().as_ref() == Some(e164))
}

/// The sale of exactly the number that was wanted.
fn sale(order: Order, wanted: &E164) -> Result<Sale, ProviderError> {
    match order {
        Order::Ordered(held) if held.e164 == *wanted => Ok(Sale::Sold(held.into())),
        Order::Ordered(_) => Err(in_doubt("has another number under the reference of this order")),
        Order::Pending => Ok(Sale::Pending(AWAITED.to_owned())),
        Order::Refused => Err(refused("called the order off")),
    }
}

impl Netgsm {
    /// What became of an order whose answer says nothing. The number was on sale and not ours before it, so if it is ours
    /// now, by its reference or where none is kept by its digits, this order did it.
    async fn after_doubt(&self, doubt: NetgsmError, order: &BuyOrder, until: Deadline) -> Result<Sale, ProviderError> {
        if let Ok(Some(found)) = self.status("referans", &order.tag, until).await {
            return sale(found, &order.e164);
        }
        let owned = self.owned(until).await.unwrap_or_default();
        let ours =
            with_digits(&owned, &order.e164).filter(|listed| listed.reference().is_none_or(|it| it == order.tag));
        match ours.map(|listed| held(listed, Call::List)) {
            Some(Ok(held)) => Ok(Sale::Sold(CarrierNumber { tag: order.tag.clone(), ..CarrierNumber::from(held) })),
            Some(Err(_)) | None => Err(doubt.into()),
        }
    }
}

#[async_trait]
impl Carrier for Netgsm {
    async fn number_search(
        &self,
        country: CountryCode,
        kind: NumberKind,
        filter: &SearchFilter,
    ) -> Result<Vec<Offer>, ProviderError> {
        if country != CountryCode::TR || kind != NumberKind::National {
            let why = "Netgsm does not sell numbers of this country and type";
            return Err(ProviderError::new(ProviderErrorKind::NotFound, why));
        }
        let unknown_here = filter.locality.is_some() || filter.region.is_some();
        let cannot = filter.voice == Some(false) || filter.sms == Some(true) || filter.mms == Some(true);
        if unknown_here || cannot {
            return Ok(Vec::new());
        }
        let wanted = |e164: &E164| {
            let digits = national(e164);
            filter.area_code.as_deref().is_none_or(|area| digits.starts_with(area))
                && filter.contains.as_deref().is_none_or(|part| e164.digits().contains(part.trim_start_matches('+')))
        };
        let found = self.for_sale(wanted, usize::from(filter.limit), self.http.deadline()).await?;
        let offer = |e164| Offer {
            e164,
            locality: None,
            region: None,
            capabilities: CAPABILITIES,
            address_requirement: AddressRequirement::None,
        };
        Ok(found.into_iter().map(|found| offer(found.e164)).collect())
    }

    /// One whose sale is pending is not ours yet.
    async fn number_find(&self, e164: &E164) -> Result<Option<CarrierNumber>, ProviderError> {
        let owned = self.owned(self.http.deadline()).await?;
        let found = with_digits(&owned, e164).map(|listed| held(listed, Call::List)).transpose()?;
        Ok(found.map(CarrierNumber::from))
    }

    async fn number_get(&self, id: &str) -> Result<CarrierNumber, ProviderError> {
        match self.status("numara_id", id, self.http.deadline()).await? {
            Some(Order::Ordered(held)) => Ok(held.into()),
            Some(Order::Pending) => {
                Err(ProviderError::new(ProviderErrorKind::Unavailable, "Netgsm has not decided about this number"))
            }
            Some(Order::Refused) | None => {
                Err(ProviderError::new(ProviderErrorKind::NotFound, "Netgsm has no such number of ours"))
            }
        }
    }

    /// Webhooks and papers of the order are of no use here: the number is reached by its trunk, the subscriber's papers are
    /// at Netgsm.
    async fn number_buy(&self, order: &BuyOrder) -> Result<Sale, ProviderError> {
        let until = self.http.deadline();
        if let Some(found) = self.status("referans", &order.tag, until).await? {
            return sale(found, &order.e164);
        }
        let owned = self.owned(until).await?;
        if let Some(found) = by_reference(&owned, &order.tag)? {
            return sale(found, &order.e164);
        }
        if let Some(listed) = with_digits(&owned, &order.e164) {
            return Err(match listed.reference() {
                Some(_) => {
                    let why = "Netgsm: the number is ours already, under another reference";
                    ProviderError::new(ProviderErrorKind::Rejected(Reason::Taken), why)
                }
                // An earlier attempt's, or the operator's own: nobody here can tell.
                None => in_doubt("has this number as ours already, without a reference"),
            });
        }
        let on_sale = self.for_sale(|e164| *e164 == order.e164, OFFERS_MAX, until).await?;
        let Some(offer) = on_sale.first() else {
            let why = "Netgsm: the number is not on sale";
            return Err(ProviderError::new(ProviderErrorKind::Rejected(Reason::Taken), why));
        };
        match self.place(&order.tag, &offer.carrier_number_id, until).await {
            Ok(placed) => sale(placed, &order.e164),
            Err(error) if error.is_in_doubt() => self.after_doubt(error, order, until).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn number_list(&self, after: Option<&str>) -> Result<Page<CarrierNumber>, ProviderError> {
        let here: usize = after.map_or(Ok(1), str::parse).map_err(|_| refused("has no such page of numbers"))?;
        let (listed, more) = self.owned_page(here, self.http.deadline()).await?;
        let all = listed.len();
        let items: Vec<CarrierNumber> =
            listed.iter().filter_map(|listed| held(listed, Call::List).ok()).map(CarrierNumber::from).collect();
        Ok(Page { others: all - items.len(), items, next: more.then(|| (here + 1).to_string()) })
    }

    /// There is nothing to set up, and the reference of an order stays what it was.
    async fn number_configure(
        &self,
        id: &str,
        tag: &str,
        settings: &NumberSettings,
    ) -> Result<CarrierNumber, ProviderError> {
        if *settings != NumberSettings::none() {
            return Err(refused("has no webhooks, trunks or applications to set"));
        }
        let number = self.number_get(id).await?;
        if number.tag == tag { Ok(number) } else { Err(refused("cannot rename a number")) }
    }

    async fn call_create(&self, _: &E164, _: &E164, _: &str, _: &str) -> Result<String, ProviderError> {
        Err(refused("makes no calls that a document decides about"))
    }

    async fn sip_trunk(&self, id: &str) -> Result<SipTrunk, ProviderError> {
        let account = self.sip_credentials(id).await?;
        Ok(SipTrunk {
            host: account.host,
            port: Some(account.port),
            transport: None,
            credentials: Some((account.username, account.password)),
            register: true,
            signalling: self.config.signalling.clone(),
        })
    }

    /// It names a price by the year, of which a twelfth is no monthly price: who cancels gets nothing back.
    async fn prices(&self, country: CountryCode) -> Result<Vec<(NumberKind, Money)>, ProviderError> {
        if country == CountryCode::TR {
            Ok(Vec::new())
        } else {
            Err(ProviderError::new(ProviderErrorKind::NotFound, "Netgsm sells in Turkey alone"))
        }
    }

    async fn number_release(&self, id: &str) -> Result<(), ProviderError> {
        match self.cancel(id).await? {
            Cancellation::Cancelled => Ok(()),
            Cancellation::AlreadyGone => {
                Err(ProviderError::new(ProviderErrorKind::NotFound, "Netgsm has no such number of ours any more"))
            }
            Cancellation::Pending => Err(in_doubt("has not decided about the cancellation")),
        }
    }
}
