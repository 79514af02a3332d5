//! Amounts: whole minor units on Stripe's wire, decimal text where the control surface shows them.
//! How many digits a currency has is ISO 4217's, in so far as it is not two.

use serde_json::Value;

const NO_DIGITS: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];
const THREE_DIGITS: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];

/// `2500` of `usd` is `25.00`.
pub(super) fn decimal(minor: i64, currency: &str) -> String {
    let digits = digits(currency);
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.unsigned_abs();
    if digits == 0 {
        return format!("{sign}{minor}");
    }
    let unit = 10_u64.pow(digits);
    let width = usize::try_from(digits).unwrap_or_default();
    format!("{sign}{}.{:0width$}", minor / unit, minor % unit)
}

/// From `{"amount":"1.50","currency":"USD"}` or `"1.50"`, in minor units of a currency it must be of.
pub(super) fn minor(money: &Value, currency: &str) -> Result<i64, String> {
    let text = match money {
        Value::String(text) => text,
        Value::Object(fields) => {
            let given = fields.get("currency").and_then(Value::as_str).unwrap_or_default();
            if !given.eq_ignore_ascii_case(currency) {
                return Err(format!("amount: the payment is in {}, not {given}", currency.to_ascii_uppercase()));
            }
            fields.get("amount").and_then(Value::as_str).ok_or("amount: no amount in it")?
        }
        _ => return Err("amount: decimal text, or an object of amount and currency".to_owned()),
    };
    parsed(text, digits(currency))
        .ok_or_else(|| format!("amount: `{text}` is none of {}", currency.to_ascii_uppercase()))
}

fn parsed(text: &str, digits: u32) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let width = usize::try_from(digits).ok()?;
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || fraction.len() > width || text.ends_with('.') {
        return None;
    }
    format!("{whole}{fraction:0<width$}").parse().ok().filter(|minor| *minor > 0)
}

fn digits(currency: &str) -> u32 {
    match currency {
        it if NO_DIGITS.contains(&it) => 0,
        it if THREE_DIGITS.contains(&it) => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn minor_units_and_decimals_say_the_same() {
        for (minor_units, currency, text) in [
            (2500, "usd", "25.00"),
            (5, "usd", "0.05"),
            (2500, "jpy", "2500"),
            (1234, "kwd", "1.234"),
            (-150, "eur", "-1.50"),
        ] {
            assert_eq!(decimal(minor_units, currency), text);
            if minor_units > 0 {
                assert_eq!(minor(&json!(text), currency), Ok(minor_units));
            }
        }
        assert_eq!(minor(&json!({ "amount": "1.5", "currency": "USD" }), "usd"), Ok(150));
        for wrong in
            [json!("1.505"), json!("-1"), json!("0"), json!("1."), json!(".5"), json!(""), json!(150), json!({})]
        {
            assert!(minor(&wrong, "usd").is_err(), "{wrong}");
        }
        assert!(minor(&json!({ "amount": "1.50", "currency": "EUR" }), "usd").is_err());
    }
}
