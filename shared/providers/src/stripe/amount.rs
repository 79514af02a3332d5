//! Stripe's amounts: whole minor units of a currency, of which it has its own idea.
//!
//! Currencies have two places unless the table says otherwise (<https://docs.stripe.com/currencies>). Everything is checked;
//! what Stripe could not take exactly is not sent.

use domain::{Currency, Money};

/// 10⁻⁶ units in a unit.
const MICROS: i64 = 1_000_000;

/// How a currency's amounts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scale {
    /// Micro-units in one minor unit.
    minor: i64,
    /// Stripe takes only multiples of so many minor units.
    step: i64,
}

const WHOLE: Scale = Scale { minor: MICROS, step: 1 };
const HUNDREDTHS: Scale = Scale { minor: MICROS / 100, step: 1 };
/// Written with two places that must be zero.
const WHOLE_AS_HUNDREDTHS: Scale = Scale { minor: MICROS / 100, step: 100 };
/// Written with three places of which the last must be zero.
const THOUSANDTHS: Scale = Scale { minor: MICROS / 1_000, step: 10 };

/// None for the one currency Stripe's documents list in two ways: UGX, without places and with two. A hundredfold mistake
/// either way is worse than not taking it.
fn scale(currency: &str) -> Option<Scale> {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "JPY" | "KMF" | "KRW" | "MGA" | "PYG" | "RWF" | "VND" | "VUV" | "XAF"
        | "XOF" | "XPF" => Some(WHOLE),
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => Some(THOUSANDTHS),
        "ISK" => Some(WHOLE_AS_HUNDREDTHS),
        "UGX" => None,
        _ => Some(HUNDREDTHS),
    }
}

/// The amount to charge in minor units, and the currency in small letters. None when it is not more than nothing or has more
/// places than Stripe takes.
pub(super) fn minor_units(money: Money) -> Option<(i64, String)> {
    let Scale { minor, step } = scale(money.currency.as_str())?;
    let exact = money.micros > 0 && money.micros % (minor * step) == 0;
    exact.then(|| (money.micros / minor, money.currency.as_str().to_ascii_lowercase()))
}

/// What Stripe says was paid, asked for or given back. None for anything below nothing, out of range, or in a currency that
/// is none.
pub(super) fn money(amount: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.to_ascii_uppercase().parse().ok()?;
    let micros = amount.checked_mul(scale(currency.as_str())?.minor)?;
    (micros >= 0).then_some(Money { micros, currency })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_amount_is_sent_exactly_or_not_at_all() {
        let check = |amount: &str, currency: &str, expected: Option<i64>| {
            let money = Money::parse(amount, currency.parse().unwrap()).unwrap();
            let sent = minor_units(money);
            assert_eq!(sent, expected.map(|minor| (minor, currency.to_lowercase())), "{amount} {currency}");
        };
        check("25.00", "USD", Some(2_500));
        check("0.01", "USD", Some(1));
        check("0.001", "USD", None);
        check("25.005", "EUR", None);
        check("25.000001", "TRY", None);
        check("149.90", "TRY", Some(14_990));
        check("0", "USD", None);
        check("-1", "USD", None);
        check("500", "JPY", Some(500));
        check("500.5", "JPY", None);
        check("0.01", "KRW", None);
        check("12000", "KRW", Some(12_000));
        check("5.12", "KWD", Some(5_120));
        check("5.124", "KWD", None);
        check("5.1", "BHD", Some(5_100));
        check("5", "ISK", Some(500));
        check("5.50", "ISK", None);
        check("5", "UGX", None);
        check("9223372036854.77", "USD", Some(922_337_203_685_477));
    }

    #[test]
    fn an_amount_that_cannot_be_is_not_read() {
        let check = |amount: i64, currency: &str, expected: Option<&str>| {
            let read = money(amount, currency);
            assert_eq!(read.map(|money| money.to_string()).as_deref(), expected, "{amount} {currency}");
        };
        check(2_500, "usd", Some("25.00 USD"));
        check(0, "usd", Some("0.00 USD"));
        check(-1, "usd", None);
        check(500, "jpy", Some("500.00 JPY"));
        check(5_125, "kwd", Some("5.125 KWD"));
        check(500, "isk", Some("5.00 ISK"));
        check(500, "ugx", None);
        check(100, "", None);
        check(100, "us", None);
        check(100, "usdc", None);
        check(100, "u$d", None);
        check(922_337_203_685_477, "usd", Some("9223372036854.77 USD"));
        check(922_337_203_685_478, "usd", None);
        check(i64::MAX, "jpy", None);
        check(i64::MIN, "usd", None);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read_back(minor in 1..=999_999_i64, currency in "USD|TRY|EUR|JPY|KRW|XPF|KWD|TND|ISK") {
            let Some(sum) = money(minor, &currency.to_lowercase()) else { panic!("{minor} {currency}") };
            match minor_units(sum) {
                Some((sent, code)) => prop_assert_eq!((sent, money(sent, &code)), (minor, Some(sum))),
                None => prop_assert_ne!(minor % scale(&currency).unwrap().step, 0),
            }
        }
    }
}
