//! Netgsm as a carrier of 0850 numbers: what it sells, what we ordered, and the SIP accounts behind it.
//!
//! Only the balance is a published call. That numbers can be ordered and cancelled is a proposal whose paths, fields and codes
//! stand in [`Call`], `wire` and `failure`, to be put right there once Netgsm has confirmed it. Netgsm answers every request
//! with HTTP 200; what counts is the code in the body. Credentials go in the body and nowhere else. An order carries our
//! reference, by which one whose answer was lost is found again; a number costs a whole year, so nothing is ordered twice.
//!
//! `carrier` is the port over these calls.

mod carrier;
mod failure;
mod wire;

use std::time::Duration;

use domain::limits;
use domain::money::Money;
use domain::numbering::E164;
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::sip::Network;
use jiff::Timestamp;
use jiff::civil::Date;
use reqwest::{Method, Request, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::http::{self, Answer, Deadline, Http};
pub use failure::{NetgsmError, NetgsmErrorKind};
use wire::{List, Listed, Reply, Sip, Word};

/// What is sold here, in Netgsm's words.
const KIND: &str = "0850";
/// Numbers of ours asked for at once.
const OWNED_PAGE_SIZE: usize = 1_000;
/// Pages of them read to find one.
const OWNED_PAGES_MAX: usize = 10;
/// Numbers on sale asked for, to find one among them.
const OFFERS_MAX: usize = 1_000;

/// Which subscriber to act for.
#[derive(Debug, Clone)]
pub struct NetgsmConfig {
    /// The subscriber's number or an API user of it.
    pub usercode: String,
    /// Its password.
    pub password: SecretString,
    /// `https://api.netgsm.com.tr`, or where a stand-in listens; no slash at the end.
    pub base_url: String,
    /// Where its SIP calls come from. Not published: empty until Netgsm has said it.
    pub signalling: Vec<Network>,
}

/// A client for one subscriber. Stateless but for its connections.
#[derive(Debug)]
pub struct Netgsm {
    config: NetgsmConfig,
    http: Http,
}

/// The calls of the proposal, in one table with [`Call::path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    List,
    Buy,
    Status,
    Sip,
    Cancel,
    Balance,
}

impl Call {
    const fn path(self) -> &'static str {
        match self {
            Self::List => "/santral/numara/liste",
            Self::Buy => "/santral/numara/satin-al",
            Self::Status => "/santral/numara/durum",
            Self::Sip => "/santral/numara/sip-bilgileri",
            Self::Cancel => "/santral/numara/iptal",
            Self::Balance => "/balance/list/xml",
        }
    }

    const fn writes(self) -> bool {
        match self {
            Self::Buy | Self::Cancel => true,
            Self::List | Self::Status | Self::Sip | Self::Balance => false,
        }
    }

    /// What a failure without a usable answer says about whether it happened.
    const fn doubt(self) -> ProviderErrorKind {
        if self.writes() { ProviderErrorKind::Unknown } else { ProviderErrorKind::Unavailable }
    }
}

/// A number on sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForSale {
    /// Netgsm's id.
    pub carrier_number_id: String,
    /// Its digits.
    pub e164: E164,
    /// Once, where there is such a fee.
    pub setup_fee: Option<Money>,
    /// For each year, in advance.
    pub yearly_fee: Money,
}

/// A number we ordered and have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Netgsm's id.
    pub carrier_number_id: String,
    /// Its digits.
    pub e164: E164,
    /// The reference it was ordered under, where Netgsm keeps it.
    pub client_ref: Option<String>,
    /// The beginning of the day on which it was sold.
    pub sold_at: Timestamp,
    /// The last day that is paid for, where it is said.
    pub expires_at: Option<Date>,
}

/// How an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// The number is ours.
    Ordered(Held),
    /// Netgsm has not decided.
    Pending,
    /// Netgsm called it off, or it was cancelled since.
    Refused,
}

/// What became of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The number is given back.
    Cancelled,
    /// It was not ours any more.
    AlreadyGone,
    /// Netgsm has not decided.
    Pending,
}

/// The SIP account of a number. It registers, over UDP.
#[derive(Debug, Clone)]
pub struct SipAccount {
    /// The number, nationally.
    pub username: String,
    /// Its password.
    pub password: SecretString,
    /// Where it registers.
    pub host: String,
    /// On which port.
    pub port: u16,
}

impl Netgsm {
    /// A client; nothing is set up before its first call.
    #[must_use]
    pub fn new(config: NetgsmConfig) -> Self {
        Self { config, http: Http::new(limits::PROVIDER_TIMEOUT.unsigned_abs()) }
    }

    /// The same client with less patience, for a peer on the same machine.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { http: Http::new(timeout), ..self }
    }

    /// Numbers on sale whose national digits begin so; at most `limit`.
    ///
    /// # Errors
    /// [`NetgsmError`]; it changes nothing.
    pub async fn list_available(&self, prefix: &str, limit: usize) -> Result<Vec<ForSale>, NetgsmError> {
        self.for_sale(|e164| national(e164).starts_with(prefix), limit, self.http.deadline()).await
    }

    /// Orders exactly this number under our reference. Without idempotency: ask [`Netgsm::order_status`] first.
    ///
    /// # Errors
    /// [`NetgsmError`]; after one in doubt, ask how the order stands.
    pub async fn order(&self, client_ref: &str, carrier_number_id: &str) -> Result<Order, NetgsmError> {
        self.place(client_ref, carrier_number_id, self.http.deadline()).await
    }

    /// How the order with this reference stands; none when there is none. Where Netgsm does not find it by its reference,
    /// the numbers we own are looked through for it.
    ///
    /// # Errors
    /// [`NetgsmError`]; it changes nothing.
    pub async fn order_status(&self, client_ref: &str) -> Result<Option<Order>, NetgsmError> {
        let until = self.http.deadline();
        match self.status("referans", client_ref, until).await? {
            Some(order) => Ok(Some(order)),
            None => by_reference(&self.owned(until).await?, client_ref),
        }
    }

    /// The SIP account of a number of ours.
    ///
    /// # Errors
    /// [`NetgsmError`]; it changes nothing.
    pub async fn sip_credentials(&self, carrier_number_id: &str) -> Result<SipAccount, NetgsmError> {
        let fields = json!({ "numara_id": carrier_number_id });
        let reply = self.ask(Call::Sip, fields, self.http.deadline()).await?;
        let sip: Sip = reply.fields().ok_or_else(|| unreadable(Call::Sip, "SIP account"))?;
        let host = sip.host().ok_or_else(|| unreadable(Call::Sip, "SIP host"))?.to_owned();
        let port = sip.port().ok_or_else(|| unreadable(Call::Sip, "SIP port"))?;
        if sip.sip_kullanici_adi.is_empty() || sip.sip_sifre.is_empty() {
            return Err(unreadable(Call::Sip, "SIP account"));
        }
        Ok(SipAccount { username: sip.sip_kullanici_adi, password: sip.sip_sifre.into(), host, port })
    }

    /// Gives a number back. Nothing of its year is paid back.
    ///
    /// # Errors
    /// [`NetgsmError`]; after one in doubt it may be repeated.
    pub async fn cancel(&self, carrier_number_id: &str) -> Result<Cancellation, NetgsmError> {
        let fields = json!({ "numara_id": carrier_number_id });
        let reply = match self.ask(Call::Cancel, fields, self.http.deadline()).await {
            Err(error) if error.kind == NetgsmErrorKind::NotFound => return Ok(Cancellation::AlreadyGone),
            reply => reply?,
        };
        let listed: Listed = reply.fields().ok_or_else(|| unreadable(Call::Cancel, "cancellation"))?;
        Ok(match listed.word() {
            None | Some(Word::Cancelled) => Cancellation::Cancelled,
            Some(Word::Active | Word::Suspended | Word::Waiting) => Cancellation::Pending,
        })
    }

    /// What is left of the money paid in.
    ///
    /// # Errors
    /// [`NetgsmError`]; it changes nothing.
    pub async fn balance(&self) -> Result<Money, NetgsmError> {
        let question = wire::balance_question(&self.config.usercode, self.config.password.expose_secret());
        let request = self.request(Call::Balance)?.header("content-type", "text/xml").body(question);
        let reply = self.exchange(Call::Balance, http::built(request)?, self.http.deadline()).await?;
        wire::lira(&reply.message).ok_or_else(|| unreadable(Call::Balance, "balance"))
    }

    async fn for_sale(
        &self,
        wanted: impl Fn(&E164) -> bool,
        limit: usize,
        until: Deadline,
    ) -> Result<Vec<ForSale>, NetgsmError> {
        let listed = self.listed(json!({ "tip": KIND, "adet": OFFERS_MAX }), until).await?;
        let offers = listed.numaralar.iter().filter_map(for_sale).filter(|offer| wanted(&offer.e164));
        Ok(offers.take(limit).collect())
    }

    async fn place(&self, client_ref: &str, id: &str, until: Deadline) -> Result<Order, NetgsmError> {
        let fields = json!({ "numara_id": id, "referans": client_ref });
        let listed: Option<Listed> = self.ask(Call::Buy, fields, until).await?.fields();
        let listed = listed.ok_or_else(|| unreadable(Call::Buy, "order"))?;
        match listed.word() {
            // The proposal's answer to an order has no word: the number it names is sold.
            None | Some(Word::Active | Word::Suspended) => held(&listed, Call::Buy).map(Order::Ordered),
            Some(Word::Waiting) => Ok(Order::Pending),
            Some(Word::Cancelled) => Ok(Order::Refused),
        }
    }

    /// How the order stands that this field names; none when there is none.
    async fn status(&self, field: &str, value: &str, until: Deadline) -> Result<Option<Order>, NetgsmError> {
        let reply = match self.ask(Call::Status, json!({ field: value }), until).await {
            Err(error) if error.kind == NetgsmErrorKind::NotFound => return Ok(None),
            reply => reply?,
        };
        let listed: Listed = reply.fields().ok_or_else(|| unreadable(Call::Status, "order"))?;
        let same = match field {
            "referans" => listed.reference().is_none_or(|reference| reference == value),
            _ => listed.id().is_none_or(|id| id == value),
        };
        if !same {
            return Err(unreadable(Call::Status, "order: it is another one"));
        }
        order(&listed).map(Some)
    }

    /// All numbers of ours, whatever their reference.
    async fn owned(&self, until: Deadline) -> Result<Vec<Listed>, NetgsmError> {
        let mut all = Vec::new();
        for page in 1..=OWNED_PAGES_MAX {
            let (listed, more) = self.owned_page(page, until).await?;
            all.extend(listed);
            if !more {
                return Ok(all);
            }
        }
        let detail = "Netgsm listed more numbers than can be looked through";
        Err(NetgsmError::new(NetgsmErrorKind::Unavailable, ProviderErrorKind::Unavailable, detail))
    }

    /// One page of them, from 1, and whether there are more.
    async fn owned_page(&self, page: usize, until: Deadline) -> Result<(Vec<Listed>, bool), NetgsmError> {
        let fields = json!({ "tip": KIND, "kapsam": "sahip", "sayfa": page, "adet": OWNED_PAGE_SIZE });
        let listed = self.listed(fields, until).await?;
        let here = listed.numaralar.len();
        let seen = page.saturating_sub(1) * OWNED_PAGE_SIZE + here;
        let more = here > 0 && listed.toplam.map_or(here >= OWNED_PAGE_SIZE, |total| total > seen);
        Ok((listed.numaralar, more))
    }

    /// A list; "no record" is an empty one.
    async fn listed(&self, fields: Value, until: Deadline) -> Result<List, NetgsmError> {
        match self.ask(Call::List, fields, until).await {
            Err(error) if error.kind == NetgsmErrorKind::NotFound => Ok(List { numaralar: Vec::new(), toplam: None }),
            reply => reply?.fields().ok_or_else(|| unreadable(Call::List, "list")),
        }
    }

    async fn ask(&self, call: Call, mut fields: Value, until: Deadline) -> Result<Reply, NetgsmError> {
        fields["usercode"] = json!(self.config.usercode);
        fields["password"] = json!(self.config.password.expose_secret());
        let request = http::built(self.request(call)?.json(&fields))?;
        self.exchange(call, request, until).await
    }

    fn request(&self, call: Call) -> Result<reqwest::RequestBuilder, ProviderError> {
        let url = format!("{}{}", self.config.base_url.trim_end_matches('/'), call.path());
        Ok(self.http.client()?.request(Method::POST, url))
    }

    /// Sends; whatever is not a success in Netgsm's own words becomes an error that says whether it happened.
    async fn exchange(&self, call: Call, request: Request, until: Deadline) -> Result<Reply, NetgsmError> {
        let answer = self.http.send_as(request, !call.writes(), until).await?;
        if answer.status != StatusCode::OK {
            return Err(in_between(call, &answer));
        }
        let content_type = answer.header("content-type");
        let reply = Reply::read(&answer.body, content_type).ok_or_else(|| unreadable(call, "code"))?;
        let said = format!("Netgsm {}: {}", reply.code, reply.message);
        let detail = http::detail(&said, &[&self.config.password]);
        NetgsmError::of_code(call, &reply.code, detail).map_or(Ok(reply), Err)
    }
}

/// Netgsm itself has no status but 200, so this is somebody else's answer, and proves little.
fn in_between(call: Call, answer: &Answer) -> NetgsmError {
    let (kind, happened) = match answer.status.as_u16() {
        429 => (NetgsmErrorKind::RateLimited, ProviderErrorKind::RateLimited),
        401 | 403 if !call.writes() => (NetgsmErrorKind::Auth, ProviderErrorKind::Misconfigured),
        404 | 405 if !call.writes() => (NetgsmErrorKind::BadRequest, ProviderErrorKind::Misconfigured),
        _ => (NetgsmErrorKind::Unavailable, call.doubt()),
    };
    NetgsmError::new(kind, happened, format!("Netgsm, with HTTP status {}", answer.status.as_u16()))
}

/// An answer that cannot be read is no proof of anything.
fn unreadable(call: Call, what: &str) -> NetgsmError {
    let detail = format!("Netgsm answered without a readable {what}");
    NetgsmError::new(NetgsmErrorKind::Protocol, call.doubt(), detail)
}

fn for_sale(listed: &Listed) -> Option<ForSale> {
    Some(ForSale {
        carrier_number_id: listed.id()?.to_owned(),
        e164: listed.e164()?,
        setup_fee: listed.setup_fee(),
        yearly_fee: listed.yearly_fee()?,
    })
}

fn order(listed: &Listed) -> Result<Order, NetgsmError> {
    match listed.word() {
        Some(Word::Active | Word::Suspended) => held(listed, Call::Status).map(Order::Ordered),
        Some(Word::Cancelled) => Ok(Order::Refused),
        Some(Word::Waiting) | None => Ok(Order::Pending),
    }
}

/// The order with this reference among the numbers we own.
fn by_reference(owned: &[Listed], client_ref: &str) -> Result<Option<Order>, NetgsmError> {
    let ours = owned.iter().find(|listed| listed.reference() == Some(client_ref));
    ours.map(|listed| held(listed, Call::List).map(Order::Ordered)).transpose()
}

fn held(listed: &Listed, call: Call) -> Result<Held, NetgsmError> {
    Ok(Held {
        carrier_number_id: listed.id().ok_or_else(|| unreadable(call, "id of a number"))?.to_owned(),
        e164: listed.e164().ok_or_else(|| unreadable(call, "number"))?,
        client_ref: listed.reference().map(str::to_owned),
        sold_at: listed.sold_at().ok_or_else(|| unreadable(call, "date of sale"))?,
        expires_at: listed.expires_at(),
    })
}

/// The ten digits that Netgsm writes.
fn national(e164: &E164) -> &str {
    e164.digits().strip_prefix("90").unwrap_or_default()
}
