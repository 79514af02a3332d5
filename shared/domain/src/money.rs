//! Money: whole micro-units (10⁻⁶) of one currency, checked arithmetic, no floating point anywhere.
//!
//! Micro-units because per-minute rates are below a cent. On the wire `{"amount":"1.50","currency":"USD"}`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MICROS: i64 = 1_000_000;

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// US dollar.
    pub const USD: Self = Self(*b"USD");
    /// Turkish lira.
    pub const TRY: Self = Self(*b"TRY");

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|l| l.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(MoneyError::Currency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a sum cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("a currency is three capital letters")]
    Currency,
    /// Not a decimal number with at most six places.
    #[error("an amount is a decimal number in a string, with at most six places")]
    Amount,
    /// Beyond ±9.2 · 10¹² units.
    #[error("the amount is out of range")]
    Range,
    /// Two currencies met.
    #[error("amounts of different currencies cannot be added")]
    Mixed,
}

/// An amount of one currency; may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Money {
    /// 10⁻⁶ of the currency's unit.
    pub micros: i64,
    /// Of which currency.
    pub currency: Currency,
}

/// An amount of one currency.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
struct Wire {
    /// A decimal number with at most six places.
    #[cfg_attr(feature = "openapi", schema(pattern = r"^-?\d+(\.\d{1,6})?$", example = "1.50"))]
    amount: String,
    /// ISO 4217.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[A-Z]{3}$", example = "USD"))]
    currency: Currency,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Money {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        Wire::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Money {}

impl Money {
    /// Nothing, in this currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { micros: 0, currency }
    }

    /// So many micro-units.
    #[must_use]
    pub const fn from_micros(micros: i64, currency: Currency) -> Self {
        Self { micros, currency }
    }

    /// Reads `"1.50"`; at most six places, an optional leading `-`.
    ///
    /// # Errors
    /// [`MoneyError::Amount`] for anything that is not such a number, [`MoneyError::Range`] when it is too large.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = amount.strip_prefix('-').map_or((false, amount), |rest| (true, rest));
        let (units, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let numeric = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !numeric(units) || !numeric(places) || places.len() > 6 {
            return Err(MoneyError::Amount);
        }
        let units: i64 = units.parse().map_err(|_| MoneyError::Range)?;
        let places: i64 = format!("{places:0<6}").parse().map_err(|_| MoneyError::Amount)?;
        let micros = units.checked_mul(MICROS).and_then(|m| m.checked_add(places)).ok_or(MoneyError::Range)?;
        Ok(Self { micros: if negative { -micros } else { micros }, currency })
    }

    /// Sum of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::Mixed`], [`MoneyError::Range`].
    #[expect(clippy::should_implement_trait, reason = "the operator cannot fail, this can")]
    pub fn add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::Mixed);
        }
        let micros = self.micros.checked_add(other.micros).ok_or(MoneyError::Range)?;
        Ok(Self { micros, ..self })
    }

    /// The amount with its sign turned.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { micros: self.micros.saturating_neg(), currency: self.currency }
    }

    /// The decimal number: at least two places, at most six, no trailing zeros beyond two.
    #[must_use]
    pub fn amount(&self) -> String {
        let sign = if self.micros < 0 { "-" } else { "" };
        let (units, places) = (self.micros.unsigned_abs() / 1_000_000, self.micros.unsigned_abs() % 1_000_000);
        let places = format!("{places:06}");
        let kept = places.trim_end_matches('0').len().max(2);
        format!("{sign}{units}.{}", &places[..kept])
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl TryFrom<Wire> for Money {
    type Error = MoneyError;
    fn try_from(wire: Wire) -> Result<Self, MoneyError> {
        Self::parse(&wire.amount, wire.currency)
    }
}

impl From<Money> for Wire {
    fn from(money: Money) -> Wire {
        Wire { amount: money.amount(), currency: money.currency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_strictly() {
        let check = |text: &str, micros: Option<i64>| {
            assert_eq!(Money::parse(text, Currency::USD).ok().map(|m| m.micros), micros, "{text}");
        };
        check("1.50", Some(1_500_000));
        check("0.0085", Some(8_500));
        check("7", Some(7_000_000));
        check("-2.25", Some(-2_250_000));
        check("0.000001", Some(1));
        check("0.0000001", None);
        check("1,50", None);
        check("+1", None);
        check("", None);
        check(".5", None);
        check("1.", None);
        check("1e3", None);
        check("--1", None);
        check("99999999999999999999", None);
        check("9223372036855", None);
    }

    #[test]
    fn amounts_show_at_least_two_places() {
        let check = |micros: i64, text: &str| assert_eq!(Money::from_micros(micros, Currency::USD).amount(), text);
        check(1_500_000, "1.50");
        check(8_500, "0.0085");
        check(-1, "-0.000001");
        check(0, "0.00");
        check(20_000_000, "20.00");
    }

    #[test]
    fn currencies_do_not_mix() {
        let usd = Money::from_micros(1, Currency::USD);
        assert_eq!(usd.add(Money::from_micros(1, Currency::TRY)), Err(MoneyError::Mixed));
        assert_eq!(usd.add(Money::from_micros(i64::MAX, Currency::USD)), Err(MoneyError::Range));
        assert_eq!("usd".parse::<Currency>(), Err(MoneyError::Currency));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(micros in -9_000_000_000_000_000_000i64..9_000_000_000_000_000_000) {
            let money = Money::from_micros(micros, Currency::TRY);
            prop_assert_eq!(Money::parse(&money.amount(), Currency::TRY), Ok(money));
        }
    }
}
