//! The data files: the price book and the plans. Data, not code; read once, checked while read.
//!
//! Other prices or plans come by pointing the process at other files (`shared::boot`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::agent::Method;
use crate::money::{Currency, Money};
use crate::number::Carrier;
use crate::numbering::{CountryCode, NumberKind};
use crate::requirement::Needed;

/// A data file that does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct CatalogError {
    pub(crate) file: &'static str,
    pub(crate) why: String,
}

/// What numbers and minutes cost.
#[derive(Debug, Clone)]
pub struct PriceBook {
    /// Which edition this is; kept with every number sold from it.
    pub version: u32,
    /// What minutes cost.
    pub minutes: Minutes,
    /// One line per country, type and carrier.
    pub lines: Vec<PriceLine>,
}

/// What a minute of an incoming call costs; every minute that was begun counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes {
    /// What the tenant pays.
    pub price: Money,
    /// What the carrier charges us.
    pub cost: Money,
}

impl Minutes {
    /// What a tenant pays for a call of so many seconds.
    #[must_use]
    pub fn price_of(&self, seconds: u32) -> Money {
        let begun = i64::from(seconds.div_ceil(60));
        Money::from_micros(self.price.micros.saturating_mul(begun), self.price.currency)
    }
}

/// What one kind of number costs.
#[derive(Debug, Clone)]
pub struct PriceLine {
    /// Country it belongs to.
    pub country: CountryCode,
    /// Sort of number.
    pub kind: NumberKind,
    /// Where it is bought.
    pub carrier: Carrier,
    /// What the tenant pays for a month.
    pub price: Money,
    /// What the carrier charges us for `cost_period`.
    pub cost: Money,
    /// How often.
    pub cost_period: CostPeriod,
    /// What a buyer must have on file at the carrier before buying.
    pub requires: Vec<Needed>,
    /// What minutes cost, where they cost other than elsewhere.
    pub minutes: Option<Minutes>,
}

impl PriceLine {
    /// What the carrier charges us for a month.
    #[must_use]
    pub fn monthly_cost(&self) -> Money {
        match self.cost_period {
            CostPeriod::Month => self.cost,
            CostPeriod::Year => Money::from_micros(self.cost.micros.div_euclid(12), self.cost.currency),
        }
    }
}

/// How often a carrier charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostPeriod {
    /// Every month.
    Month,
    /// Every year.
    Year,
}

#[derive(Deserialize)]
struct BookFile {
    version: u32,
    minutes: MinutesFile,
    line: Vec<LineFile>,
}

#[derive(Deserialize)]
struct MinutesFile {
    price: String,
    cost: String,
    currency: Currency,
}

#[derive(Deserialize)]
struct LineFile {
    country: CountryCode,
    #[serde(rename = "type")]
    kind: NumberKind,
    carrier: Carrier,
    price: String,
    cost: String,
    cost_period: CostPeriod,
    currency: Currency,
    #[serde(default)]
    requires: Vec<Needed>,
    minutes: Option<MinutesFile>,
}

impl MinutesFile {
    fn read(&self) -> Result<Minutes, CatalogError> {
        let fail = |why: String| CatalogError { file: "price book", why: format!("minutes: {why}") };
        let minute = |text: &str| Money::parse(text, self.currency).map_err(|e| fail(format!("{text}: {e}")));
        let minutes = Minutes { price: minute(&self.price)?, cost: minute(&self.cost)? };
        let negative = minutes.price.micros < 0 || minutes.cost.micros < 0;
        if negative { Err(fail("a negative price".into())) } else { Ok(minutes) }
    }
}

impl PriceBook {
    /// Reads a price book.
    ///
    /// # Errors
    /// When it is not TOML of this shape, a price is not a positive amount, or a line appears twice.
    pub fn read(text: &str) -> Result<Self, CatalogError> {
        let fail = |why: String| CatalogError { file: "price book", why };
        let file: BookFile = toml::from_str(text).map_err(|e| fail(e.to_string()))?;
        let mut lines: Vec<PriceLine> = Vec::new();
        for line in file.line {
            let money = |text: &str| Money::parse(text, line.currency).map_err(|e| fail(format!("{text}: {e}")));
            let line = PriceLine {
                price: money(&line.price)?,
                cost: money(&line.cost)?,
                country: line.country,
                kind: line.kind,
                carrier: line.carrier,
                cost_period: line.cost_period,
                requires: line.requires,
                minutes: line.minutes.as_ref().map(MinutesFile::read).transpose()?,
            };
            let same = |other: &PriceLine| {
                (other.country, other.kind, other.carrier) == (line.country, line.kind, line.carrier)
            };
            if line.price.micros <= 0 || lines.iter().any(same) {
                return Err(fail(format!("{} {}: no price, or a second line", line.country, line.kind.as_str())));
            }
            lines.push(line);
        }
        Ok(Self { version: file.version, minutes: file.minutes.read()?, lines })
    }

    /// The line for this country and type, if sold; where several carriers sell it, that of the one that is not asked for by
    /// name, which stands first.
    #[must_use]
    pub fn line(&self, country: CountryCode, kind: NumberKind) -> Option<&PriceLine> {
        self.lines.iter().find(|line| line.country == country && line.kind == kind)
    }

    /// The line by which a number of this carrier is charged; none for a tenant's own, which costs what it did.
    #[must_use]
    pub fn line_of(&self, carrier: Carrier, country: CountryCode, kind: NumberKind) -> Option<&PriceLine> {
        match carrier {
            Carrier::Custom => None,
            Carrier::Twilio | Carrier::Netgsm | Carrier::Vapi => {
                let of = |line: &&PriceLine| (line.carrier, line.country, line.kind) == (carrier, country, kind);
                self.lines.iter().find(of)
            }
        }
    }

    /// What minutes cost of a call that gets to its agent in this way.
    #[must_use]
    pub fn minutes_by(&self, method: Method) -> &Minutes {
        let own = match method {
            Method::Native => {
                self.lines.iter().find_map(|line| line.minutes.as_ref().filter(|_| line.carrier == Carrier::Vapi))
            }
            Method::HandOver | Method::Trunk | Method::Import | Method::Direct => None,
        };
        own.unwrap_or(&self.minutes)
    }

    /// Whether anything of this country is sold.
    #[must_use]
    pub fn sells_in(&self, country: CountryCode) -> bool {
        self.lines.iter().any(|line| line.country == country)
    }
}

/// What a plan allows; nothing unless it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Plan {
    /// Numbers held at most; 0 means none at all.
    pub numbers: u32,
    /// Calls at once at most.
    pub calls: u32,
    /// So many of the numbers cost nothing a month.
    #[serde(default)]
    pub included: u32,
    /// So many minutes of calls that begin in a month (UTC) cost nothing.
    #[serde(default)]
    pub minutes: u32,
}

/// All plans by name.
#[derive(Debug, Clone, Deserialize)]
pub struct Plans {
    default: String,
    plan: BTreeMap<String, Plan>,
}

impl Plans {
    /// Reads the plan file.
    ///
    /// # Errors
    /// When it is not TOML of this shape or the default plan is not in it.
    pub fn read(text: &str) -> Result<Self, CatalogError> {
        let fail = |why: String| CatalogError { file: "plans", why };
        let plans: Self = toml::from_str(text).map_err(|e| fail(e.to_string()))?;
        if plans.plan.contains_key(&plans.default) { Ok(plans) } else { Err(fail("no such default plan".into())) }
    }

    /// The plan of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Plan> {
        self.plan.get(name).copied()
    }

    /// The plan of a tenant that was given none.
    #[must_use]
    pub fn default_name(&self) -> &str {
        &self.default
    }

    /// Names of all plans, for an error that says what to choose from.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.plan.keys().map(String::as_str).collect()
    }
}

/// The price book shipped with this build.
pub const PRICE_BOOK: &str = include_str!("../data/price-book.toml");
/// The plans shipped with this build.
pub const PLANS: &str = include_str!("../data/plans.toml");
/// The dunning policy shipped with this build; read by [`crate::dunning::Policy`].
pub const DUNNING: &str = include_str!("../data/dunning.toml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_prices_are_the_agreed_ones() {
        let book = PriceBook::read(PRICE_BOOK).unwrap();
        let check = |country: CountryCode, kind: NumberKind, price: &str| {
            assert_eq!(book.line(country, kind).map(|l| l.price.to_string()), Some(format!("{price} USD")));
        };
        check(CountryCode::US, NumberKind::Local, "1.50");
        check(CountryCode::US, NumberKind::TollFree, "3.00");
        check(CountryCode::CA, NumberKind::Local, "1.50");
        check(CountryCode::CA, NumberKind::Mobile, "2.00");
        check(CountryCode::GB, NumberKind::Local, "2.25");
        check(CountryCode::GB, NumberKind::TollFree, "4.00");
        check(CountryCode::GB, NumberKind::Mobile, "3.00");
        let turkish = book.line(CountryCode::TR, NumberKind::National).unwrap();
        assert_eq!((turkish.carrier, turkish.cost_period), (Carrier::Netgsm, CostPeriod::Year));
        assert_eq!([turkish.price, turkish.cost].map(|of| of.to_string()), ["20.00 TRY", "191.00 TRY"]);
        assert!(book.line(CountryCode::US, NumberKind::Mobile).is_none(), "the carrier sells no mobile numbers there");
        assert_eq!(book.line(CountryCode::US, NumberKind::Local).map(|line| line.carrier), Some(Carrier::Twilio));
        let native = book.line_of(Carrier::Vapi, CountryCode::US, NumberKind::Local).unwrap();
        assert_eq!([native.price, native.cost].map(|of| of.to_string()), ["5.00 USD", "2.00 USD"]);
        assert_eq!(book.minutes_by(Method::Native).price.to_string(), "0.05 USD");
        assert_eq!(book.minutes_by(Method::Direct), &book.minutes);
        assert!(book.line_of(Carrier::Vapi, CountryCode::CA, NumberKind::Local).is_none());
    }

    #[test]
    fn a_line_says_what_a_buyer_must_have() {
        let book = PriceBook::read(PRICE_BOOK).unwrap();
        let check = |country, kind, requires: &[Needed]| {
            assert_eq!(book.line(country, kind).map(|line| line.requires.as_slice()), Some(requires));
        };
        check(CountryCode::US, NumberKind::Local, &[]);
        check(CountryCode::GB, NumberKind::Mobile, &[Needed::Address]);
        let stricter = PRICE_BOOK.replacen("[\"address\"]", "[\"address\", \"bundle\"]", 1);
        let stricter = PriceBook::read(&stricter).unwrap();
        let line = stricter.line(CountryCode::GB, NumberKind::Local);
        assert_eq!(line.map(|line| line.requires.clone()), Some(vec![Needed::Address, Needed::Bundle]));
    }

    #[test]
    fn a_broken_price_book_is_refused() {
        let check = |from: &str, to: &str| {
            assert!(PRICE_BOOK.contains(from));
            assert!(PriceBook::read(&PRICE_BOOK.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        };
        check("\"1.50\"", "\"free\"");
        check("\"1.50\"", "\"-1.50\"");
        check("\"US\"", "\"us\"");
        check("toll_free", "local");
        check("[\"address\"]", "[\"a cheque\"]");
        check("version = 1", "");
        check("price = \"0.02\"", "price = \"-0.02\"");
        check("[minutes]", "[hours]");
    }

    #[test]
    fn every_minute_that_was_begun_counts() {
        let minutes = PriceBook::read(PRICE_BOOK).unwrap().minutes;
        let check =
            |seconds: u32, price: &str| assert_eq!(minutes.price_of(seconds).to_string(), format!("{price} USD"));
        check(0, "0.00");
        check(1, "0.02");
        check(60, "0.02");
        check(61, "0.04");
        check(3_600, "1.20");
    }

    #[test]
    fn the_shipped_plans_are_the_agreed_ones() {
        let plans = Plans::read(PLANS).unwrap();
        let plan = |name: &str| plans.get(name).map(|plan| (plan.numbers, plan.included, plan.minutes));
        assert_eq!(["FREE", "PRO", "ENTERPRISE"].map(plan), [Some((0, 0, 0)), Some((25, 0, 0)), Some((100_000, 0, 0))]);
        assert_eq!(plan("BUNDLE"), Some((10, 2, 100)));
        assert_eq!(plans.default_name(), "FREE");
        assert!(Plans::read(&PLANS.replace("default = \"FREE\"", "default = \"GOLD\"")).is_err());
    }
}
