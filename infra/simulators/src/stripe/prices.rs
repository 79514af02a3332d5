//! Prices: what a unit costs, once or with every period. They are never changed here, so whoever
//! uses one may keep a copy.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Account;
use super::form::{Form, Params, Type, not_positive};
use super::refusal::Refusal;
use super::table::{Head, LIST, Object};
use crate::server::Call;

const FIELDS: Params = &[
    ("active", Type::Flag),
    ("billing_scheme", Type::OneOf(&["per_unit", "tiered"])),
    ("currency", Type::Text),
    ("expand[#]", Type::Text),
    ("lookup_key", Type::Text),
    ("metadata[*]", Type::Clearable),
    ("nickname", Type::Text),
    ("product", Type::Text),
    ("product_data[metadata][*]", Type::Clearable),
    ("product_data[name]", Type::Text),
    ("product_data[statement_descriptor]", Type::Text),
    ("product_data[tax_code]", Type::Text),
    ("product_data[unit_label]", Type::Text),
    ("recurring[interval]", Type::OneOf(&["day", "month", "week", "year"])),
    ("recurring[interval_count]", Type::Integer),
    ("recurring[usage_type]", Type::OneOf(&["licensed", "metered"])),
    ("unit_amount", Type::Integer),
];
const OWN: Params = &[
    ("active", Type::Flag),
    ("currency", Type::Text),
    ("lookup_keys[#]", Type::Text),
    ("product", Type::Text),
    ("type", Type::OneOf(&["one_time", "recurring"])),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Interval {
    Day,
    Week,
    Month,
    Year,
}

/// A period, as often as the subscription lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recurring {
    interval: Interval,
    count: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Price {
    pub(super) head: Head,
    pub(super) active: bool,
    pub(super) currency: String,
    pub(super) unit_amount: i64,
    /// None is paid once.
    pub(super) recurring: Option<Recurring>,
    product: String,
    lookup_key: Option<String>,
    nickname: Option<String>,
    metadata: BTreeMap<String, String>,
}

pub(super) fn create(account: &mut Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_body(call, FIELDS)?;
    let currency = form.currency("currency")?;
    if form.text("billing_scheme") == Some("tiered") {
        return Err(Refusal::invalid("Only `per_unit` is simulated.").with("param", "billing_scheme"));
    }
    let unit_amount = form.count("unit_amount")?.ok_or_else(|| Refusal::missing("unit_amount"))?;
    let recurring = recurring(&form)?;
    let lookup_key = form.owned("lookup_key");
    let holder = account.prices.iter().find(|price| lookup_key.is_some() && price.lookup_key == lookup_key);
    if let Some(holder) = holder {
        let message = format!("A price ({}) already uses that lookup key.", holder.head.id);
        return Err(Refusal::invalid(message).with("param", "lookup_key"));
    }
    let price = Price {
        product: account.product(&form)?,
        head: account.head::<Price>(),
        active: form.flag("active").unwrap_or(true),
        currency,
        unit_amount,
        recurring,
        lookup_key,
        nickname: form.owned("nickname"),
        metadata: form.metadata("metadata"),
    };
    let wire = price.wire();
    account.prices.keep(&mut account.book, price);
    account.expanded(wire, &form)
}

pub(super) fn list(account: &Account, call: &Call) -> Result<Value, Refusal> {
    let form = Form::of_query(call, &[LIST, OWN].concat())?;
    let keys = form.each("lookup_keys");
    let asked = |price: &Price| {
        form.flag("active").is_none_or(|active| price.active == active)
            && form.text("currency").is_none_or(|currency| price.currency == currency)
            && form.text("product").is_none_or(|product| price.product == product)
            && form.text("type").is_none_or(|kind| price.kind() == kind)
            && (keys.is_empty() || price.lookup_key.as_deref().is_some_and(|key| keys.contains(&key)))
    };
    account.prices.page(&form, "/v1/prices", asked)
}

impl Account {
    /// A product is no more than an id here: one is made along with a price, others may share it.
    fn product(&mut self, form: &Form) -> Result<String, Refusal> {
        if let Some(id) = form.text("product") {
            let known = self.prices.iter().any(|price| price.product == id);
            return known.then(|| id.to_owned()).ok_or_else(|| Refusal::no_such("product", id, Some("product")));
        }
        form.required("product_data[name]")?;
        let seq = self.book.next("product");
        Ok(format!("prod_{:014x}", self.book.bits("product", seq) >> 72))
    }
}

fn recurring(form: &Form) -> Result<Option<Recurring>, Refusal> {
    let interval = match form.text("recurring[interval]") {
        Some("day") => Interval::Day,
        Some("week") => Interval::Week,
        Some("month") => Interval::Month,
        Some(_) => Interval::Year,
        None if form.each("recurring").is_empty() => return Ok(None),
        None => return Err(Refusal::missing("recurring[interval]")),
    };
    if form.text("recurring[usage_type]") == Some("metered") {
        return Err(Refusal::invalid("Only `licensed` is simulated.").with("param", "recurring[usage_type]"));
    }
    let param = "recurring[interval_count]";
    let count = form.integer(param).unwrap_or(1);
    if count < 1 {
        return Err(not_positive(param));
    }
    if count > interval.count_max() {
        return Err(Refusal::invalid("Periods are of three years at most.").with("param", param));
    }
    Ok(Some(Recurring { interval, count }))
}

impl Interval {
    /// Three years.
    fn count_max(self) -> i64 {
        match self {
            Self::Day => 1095,
            Self::Week => 156,
            Self::Month => 36,
            Self::Year => 3,
        }
    }
}

impl Recurring {
    /// The period an instant lies in, when the first one began at an anchor. Each is counted from the
    /// anchor and not from the one before it, so that after a 28 February comes a 31 March.
    pub(super) fn period(self, anchor: i64, now: i64) -> (i64, i64) {
        let mut start = anchor;
        for count in 1.. {
            let end = self.after(anchor, count);
            if end > now {
                return (start, end);
            }
            start = end;
        }
        (start, i64::MAX)
    }

    fn after(self, anchor: i64, periods: i64) -> i64 {
        let count = self.count.saturating_mul(periods);
        let span = match self.interval {
            Interval::Day => Span::new().try_days(count),
            Interval::Week => Span::new().try_weeks(count),
            Interval::Month => Span::new().try_months(count),
            Interval::Year => Span::new().try_years(count),
        };
        let first = Timestamp::from_second(anchor).map(|anchor| anchor.to_zoned(TimeZone::UTC));
        let last = first.and_then(|first| first.checked_add(span?));
        last.map_or(i64::MAX, |last| last.timestamp().as_second())
    }

    fn wire(self) -> Value {
        json!({
            "interval": self.interval,
            "interval_count": self.count,
            "meter": null,
            "trial_period_days": null,
            "usage_type": "licensed",
        })
    }
}

impl Price {
    fn kind(&self) -> &'static str {
        if self.recurring.is_some() { "recurring" } else { "one_time" }
    }
}

impl Object for Price {
    const NAME: &'static str = "price";
    const PREFIX: &'static str = "price";

    fn head(&self) -> &Head {
        &self.head
    }

    fn wire(&self) -> Value {
        json!({
            "id": self.head.id,
            "object": "price",
            "active": self.active,
            "billing_scheme": "per_unit",
            "created": self.head.created,
            "currency": self.currency,
            "custom_unit_amount": null,
            "livemode": self.head.live,
            "lookup_key": self.lookup_key,
            "metadata": self.metadata,
            "nickname": self.nickname,
            "product": self.product,
            "recurring": self.recurring.map(Recurring::wire),
            "tax_behavior": "unspecified",
            "tiers_mode": null,
            "transform_quantity": null,
            "type": self.kind(),
            "unit_amount": self.unit_amount,
            "unit_amount_decimal": self.unit_amount.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_follow_the_calendar_and_never_lose_the_day_they_began_on() {
        let at = |text: &str| format!("{text}T12:00:00Z").parse::<Timestamp>().expect("an instant").as_second();
        let month = Recurring { interval: Interval::Month, count: 1 };
        let anchor = at("2027-01-31");
        for (now, start, end) in [
            ("2027-01-31", "2027-01-31", "2027-02-28"),
            ("2027-02-28", "2027-02-28", "2027-03-31"),
            ("2027-03-30", "2027-02-28", "2027-03-31"),
            ("2028-02-29", "2028-02-29", "2028-03-31"),
        ] {
            assert_eq!(month.period(anchor, at(now)), (at(start), at(end)), "{now}");
        }
        let fortnight = Recurring { interval: Interval::Week, count: 2 };
        assert_eq!(fortnight.period(anchor, at("2027-02-14")), (at("2027-02-14"), at("2027-02-28")));
        let far = Recurring { interval: Interval::Year, count: 3 };
        assert_eq!(far.period(anchor, i64::MAX - 1).1, i64::MAX, "there is an end to everything");
    }
}
