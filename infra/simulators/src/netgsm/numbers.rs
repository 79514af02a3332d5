//! What the subscriber can do with 0850 numbers. They are written without the country and without a zero: ten digits.

use jiff::{Timestamp, ToSpan as _, tz};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::speech::{self, Said};
use super::{SIP_PASSWORD, Subscriber, YEARLY_KURUS};
use crate::stock::{NumberType, Wanted};

const LISTED_MAX: usize = 1_000;
/// Ids of numbers count from here.
const IDS_FROM: u64 = 40_000_000;
const SOLD_PREFIX: &str = "+90850";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) seq: u64,
    e164: String,
    referans: String,
    status: Status,
    created: Timestamp,
    sip_password: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Aktif,
    Beklemede,
    Askida,
    Iptal,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Aktif => "aktif",
            Self::Beklemede => "beklemede",
            Self::Askida => "askida",
            Self::Iptal => "iptal",
        }
    }
}

impl Order {
    pub(super) fn is_owned(&self) -> bool {
        matches!(self.status, Status::Aktif | Status::Askida)
    }

    fn id(&self) -> String {
        id_of(&self.e164)
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "id": self.id(),
            "e164": self.e164,
            "name": self.referans,
            "status": self.status.word(),
            "created_at": self.created.to_string(),
        })
    }

    fn wire(&self, echo: bool) -> Value {
        let mut wire = json!({
            "numara_id": self.id(),
            "numara": national(&self.e164),
            "durum": self.status.word(),
            "yillik_ucret": speech::price(YEARLY_KURUS),
            "alis_tarihi": date(self.created, 0),
            "bitis_tarihi": date(self.created, 1),
        });
        if echo {
            wire["referans"] = json!(self.referans);
        }
        wire
    }
}

/// The day in Turkey, so many years later.
fn date(at: Timestamp, years: i16) -> String {
    let day = at.to_zoned(tz::TimeZone::fixed(tz::offset(3))).date();
    day.checked_add(years.years()).unwrap_or(day).strftime("%d.%m.%Y").to_string()
}

fn national(e164: &str) -> &str {
    e164.strip_prefix("+90").unwrap_or(e164)
}

fn id_of(e164: &str) -> String {
    let subscriber: u64 = e164.strip_prefix(SOLD_PREFIX).and_then(|digits| digits.parse().ok()).unwrap_or_default();
    (IDS_FROM + subscriber).to_string()
}

fn e164_of(id: &str) -> Option<String> {
    let subscriber = id.parse::<u64>().ok()?.checked_sub(IDS_FROM)?;
    (subscriber < 10_000_000).then(|| format!("{SOLD_PREFIX}{subscriber:07}"))
}

impl Subscriber {
    pub(super) fn for_sale(&mut self, kind: &str, limit: Option<usize>) -> Said {
        let mut offers = Vec::new();
        if kind == "0850" {
            let wanted = Wanted { country: "TR", number_type: NumberType::National, area: None, pattern: None };
            let shuffle = self.book.next("search");
            let shuffle = self.book.bits("search", shuffle);
            let limit = limit.unwrap_or(LISTED_MAX).min(LISTED_MAX);
            offers = self.shelf.sample(&wanted, shuffle, limit, |e164| self.is_free(e164));
        }
        let listed = offers.iter().map(|offer| {
            let (id, price) = (id_of(&offer.e164), speech::price(YEARLY_KURUS));
            json!({ "numara_id": id, "numara": national(&offer.e164), "yillik_ucret": price })
        });
        Said::Done(json!({ "numaralar": listed.collect::<Vec<_>>() }))
    }

    /// Whether it is on sale. What waits to be cancelled is not.
    fn is_free(&self, e164: &str) -> bool {
        let ordered = self.orders.values().any(|order| order.e164 == e164 && order.status != Status::Iptal);
        !ordered && !self.sold.contains_key(e164)
    }

    pub(super) fn owned(&self, page: Option<usize>, limit: Option<usize>) -> Said {
        let limit = limit.unwrap_or(LISTED_MAX).clamp(1, LISTED_MAX);
        let owned = self.orders.values().filter(|order| order.is_owned());
        let listed = owned.clone().skip(page.unwrap_or(1).saturating_sub(1).saturating_mul(limit)).take(limit);
        let listed: Vec<Value> = listed.map(|order| order.wire(self.manner.echo)).collect();
        Said::Done(json!({ "toplam": owned.count(), "numaralar": listed }))
    }

    /// The same `referans` again is another order: nothing says that it would not be.
    pub(super) fn buy(&mut self, id: &str, referans: &str) -> Result<Said, &'static str> {
        let e164 = e164_of(id).ok_or(speech::NO_RECORD)?;
        if self.shelf.offer(&e164).is_none() || !self.is_free(&e164) {
            return Err(speech::NO_RECORD);
        }
        let rest = self.balance_kurus.checked_sub(YEARLY_KURUS).ok_or(speech::POOR)?;
        self.set_balance(rest);
        let seq = self.book.next("order");
        let status = if self.manner.slow { Status::Beklemede } else { Status::Aktif };
        let (created, sip_password) = (self.book.now(), format!("{SIP_PASSWORD}{}", self.book.hex("sip")));
        let order = Order { seq, e164, referans: referans.to_owned(), status, created, sip_password };
        let wire = order.wire(self.manner.echo);
        self.keep(order);
        Ok(Said::Done(wire))
    }

    fn keep(&mut self, order: Order) {
        self.book.put("number", format!("{:020}", order.seq), &order);
        self.orders.insert(order.seq, order);
    }

    fn last(&self, wanted: impl Fn(&Order) -> bool) -> Result<&Order, &'static str> {
        self.orders.values().rev().find(|order| wanted(order)).ok_or(speech::NO_RECORD)
    }

    pub(super) fn status_of_number(&self, id: &str) -> Result<Said, &'static str> {
        let order = self.last(|order| order.id() == id)?;
        Ok(Said::Done(order.wire(self.manner.echo)))
    }

    pub(super) fn status_of_order(&self, referans: &str) -> Result<Said, &'static str> {
        if !self.manner.echo {
            return Err(speech::NO_RECORD);
        }
        let order = self.last(|order| order.referans == referans)?;
        Ok(Said::Done(order.wire(true)))
    }

    pub(super) fn sip(&self, id: &str) -> Result<Said, &'static str> {
        let order = self.last(|order| order.id() == id && order.is_owned())?;
        Ok(Said::Done(json!({
            "sip_kullanici_adi": national(&order.e164),
            "sip_sifre": order.sip_password,
            "sip_sunucu": "sip.netgsm.com.tr",
            "sip_port": 5060,
        })))
    }

    /// Nothing of the year is paid back.
    pub(super) fn cancel(&mut self, id: &str) -> Result<Said, &'static str> {
        let mut order = self.last(|order| order.id() == id && order.status != Status::Iptal)?.clone();
        order.status = if self.manner.slow { Status::Beklemede } else { Status::Iptal };
        let status = order.status.word();
        self.keep(order);
        Ok(Said::Done(if self.manner.slow { json!({ "durum": status }) } else { json!({}) }))
    }

    pub(super) fn settle(&mut self, e164: &str, status: &str) -> Result<(), String> {
        let all = [Status::Aktif, Status::Beklemede, Status::Askida, Status::Iptal];
        let known = all.into_iter().find(|known| known.word() == status);
        let status = known.ok_or_else(|| format!("`{status}`: there are aktif, beklemede, askida and iptal"))?;
        let order = self.last(|order| order.e164 == e164).cloned();
        let order = order.map_err(|_| format!("{e164} was never ordered"))?;
        self.keep(Order { status, ..order });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_day_begins_three_hours_before_it_does_in_greenwich() {
        let at: Timestamp = "2027-02-28T21:30:00Z".parse().expect("an instant");
        assert_eq!((date(at, 0).as_str(), date(at, 1).as_str()), ("01.03.2027", "01.03.2028"));
        let before = at - SignedDuration::from_hours(1);
        assert_eq!(date(before, 0), "28.02.2027");
    }

    #[test]
    fn an_id_names_one_number() {
        assert_eq!(e164_of(&id_of("+908501234567")).as_deref(), Some("+908501234567"));
        for id in ["", "x", "39999999", "50000000"] {
            assert_eq!(e164_of(id), None, "{id}");
        }
    }
}
