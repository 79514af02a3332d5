//! Telephone numbers and what their digits say: E.164, country, type.
//!
//! Only the countries of the price book are told apart; a number of any other country classifies as `None` and is
//! refused as unsupported rather than guessed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Not a number or a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberingError {
    /// Not `+` and 7 to 15 digits, the first not zero.
    #[error("a phone number is written in E.164: + and 7 to 15 digits")]
    E164,
    /// Not two capital letters.
    #[error("a country is two capital letters (ISO 3166-1)")]
    Country,
    /// Not a type of number.
    #[error("a type is local, toll_free, mobile, national, vanity or international")]
    Kind,
}

/// A telephone number in E.164: `+`, then 7 to 15 digits, the first not zero. Or, in the books alone, what stands in the
/// place of one that a carrier has not told yet: it begins `+0`, as no number does, and is never read from outside.
///
/// `Debug` and `Display` differ on purpose: logs format with `Debug` and see the last four digits only (I7).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// The number as text, with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for a number that a carrier tells only once it has sold it: the `n`th of this shelf, a digit that each
    /// carrier has to itself. Both are cut to their places.
    #[must_use]
    pub fn awaited(shelf: u8, n: u64) -> Self {
        Self(format!("+0{}{:012}", shelf % 10, n % AWAITED_MAX))
    }

    /// Whether these are digits that can be dialled.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.0.starts_with("+0")
    }

    /// The number, if its digits are known.
    #[must_use]
    pub fn known(&self) -> Option<&Self> {
        self.is_known().then_some(self)
    }

    /// The digits without the `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// Country and type, when it belongs to a country the product knows.
    #[must_use]
    pub fn classify(&self) -> Option<(CountryCode, NumberKind)> {
        let digits = self.digits();
        if let Some(national) = digits.strip_prefix('1') {
            return north_america(national);
        }
        if let Some(national) = digits.strip_prefix("44") {
            return united_kingdom(national).map(|kind| (CountryCode::GB, kind));
        }
        let turkish = digits.strip_prefix("90850").filter(|rest| rest.len() == 7);
        turkish.map(|_| (CountryCode::TR, NumberKind::National))
    }

    /// The number with all but its last four digits hidden.
    #[must_use]
    pub fn redacted(&self) -> String {
        let shown = self.0.len().saturating_sub(4);
        format!("…{}", self.0.get(shown..).unwrap_or_default())
    }
}

/// As many places a shelf of awaited numbers has.
const AWAITED_MAX: u64 = 1_000_000_000_000;

/// National destination codes of Canada within +1.
const CANADA: &[&str] = &[
    "204", "226", "236", "249", "250", "257", "263", "289", "306", "343", "354", "365", "367", "368", "382", "403",
    "416", "418", "428", "431", "437", "438", "450", "460", "468", "474", "506", "514", "519", "537", "548", "568",
    "579", "581", "584", "587", "600", "604", "613", "622", "633", "639", "647", "672", "683", "705", "709", "742",
    "753", "778", "780", "782", "807", "819", "825", "867", "873", "879", "902", "905", "942",
];
/// National destination codes within +1 that belong to neither the United States nor Canada.
const CARIBBEAN: &[&str] = &[
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758", "767", "784", "809",
    "829", "849", "868", "869", "876",
];
const TOLL_FREE: &[&str] = &["800", "822", "833", "844", "855", "866", "877", "888"];

fn north_america(national: &str) -> Option<(CountryCode, NumberKind)> {
    let area = national.get(..3).filter(|_| national.len() == 10)?;
    if TOLL_FREE.contains(&area) {
        Some((CountryCode::US, NumberKind::TollFree))
    } else if CANADA.contains(&area) {
        Some((CountryCode::CA, NumberKind::Local))
    } else if CARIBBEAN.contains(&area) || area.starts_with(['0', '1']) || area.starts_with('9') && area == "900" {
        None
    } else {
        Some((CountryCode::US, NumberKind::Local))
    }
}

fn united_kingdom(national: &str) -> Option<NumberKind> {
    if !(9..=10).contains(&national.len()) {
        return None;
    }
    match national.as_bytes() {
        [b'1' | b'2', ..] => Some(NumberKind::Local),
        [b'3', ..] => Some(NumberKind::National),
        [b'7', ..] => Some(NumberKind::Mobile),
        [b'8', b'0', ..] => Some(NumberKind::TollFree),
        _ => None,
    }
}

impl FromStr for E164 {
    type Err = NumberingError;
    fn from_str(text: &str) -> Result<Self, NumberingError> {
        let digits = text.strip_prefix('+').ok_or(NumberingError::E164)?;
        let numeric = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if numeric && (7..=15).contains(&digits.len()) { Ok(Self(text.to_owned())) } else { Err(NumberingError::E164) }
    }
}

/// As the books have it; whatever comes from outside is parsed.
impl TryFrom<String> for E164 {
    type Error = NumberingError;
    fn try_from(text: String) -> Result<Self, NumberingError> {
        let awaited = text.strip_prefix("+0").is_some_and(|rest| rest.len() == 13);
        if awaited && text.bytes().skip(1).all(|b| b.is_ascii_digit()) { Ok(Self(text)) } else { text.parse() }
    }
}

impl From<E164> for String {
    fn from(number: E164) -> String {
        number.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

/// An ISO 3166-1 alpha-2 code: two capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountryCode([u8; 2]);

/// Every code that ISO 3166-1 has given to a country.
const ASSIGNED: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK \
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR \
    IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK \
    ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF \
    TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

impl CountryCode {
    /// United States.
    pub const US: Self = Self(*b"US");
    /// Canada.
    pub const CA: Self = Self(*b"CA");
    /// United Kingdom.
    pub const GB: Self = Self(*b"GB");
    /// Türkiye.
    pub const TR: Self = Self(*b"TR");

    /// Of no country that is told apart here (a code that ISO 3166-1 leaves to its users, as CLDR uses it).
    pub const UNKNOWN: Self = Self(*b"ZZ");

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }

    /// Whether there is a country of this code.
    #[must_use]
    pub fn is_assigned(&self) -> bool {
        ASSIGNED.split(' ').any(|code| code == self.as_str())
    }
}

impl FromStr for CountryCode {
    type Err = NumberingError;
    fn from_str(text: &str) -> Result<Self, NumberingError> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(NumberingError::Country),
        }
    }
}

impl TryFrom<String> for CountryCode {
    type Error = NumberingError;
    fn try_from(text: String) -> Result<Self, NumberingError> {
        text.parse()
    }
}

impl From<CountryCode> for String {
    fn from(country: CountryCode) -> String {
        country.as_str().to_owned()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What sort of number it is (API.md's `type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberKind {
    /// Belongs to a place.
    Local,
    /// Free for the caller.
    TollFree,
    /// A mobile network's.
    Mobile,
    /// Belongs to a country, not to a place.
    National,
    /// Chosen for what it spells.
    Vanity,
    /// Belongs to no country.
    International,
}

impl NumberKind {
    /// As written in the API and the price book.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::TollFree => "toll_free",
            Self::Mobile => "mobile",
            Self::National => "national",
            Self::Vanity => "vanity",
            Self::International => "international",
        }
    }
}

impl FromStr for NumberKind {
    type Err = NumberingError;
    fn from_str(text: &str) -> Result<Self, NumberingError> {
        [Self::Local, Self::TollFree, Self::Mobile, Self::National, Self::Vanity, Self::International]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(NumberingError::Kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_strictly() {
        let check = |text: &str, ok: bool| assert_eq!(text.parse::<E164>().is_ok(), ok, "{text}");
        check("+12125550123", true);
        check("+442071838750", true);
        check("12125550123", false);
        check(" 12125550123", false);
        check("+1 212 555 0123", false);
        check("+0123456789", false);
        check("+123456", false);
        check("+1234567890123456", false);
        check("+1212555012٣", false);
        check("+", false);
        check("", false);
    }

    #[test]
    fn what_stands_for_a_number_is_none() {
        let slot = E164::awaited(3, 4);
        assert_eq!((slot.as_str(), slot.is_known(), slot.known()), ("+03000000000004", false, None));
        assert_eq!(slot.as_str().parse::<E164>(), Err(NumberingError::E164));
        assert_eq!(E164::try_from(slot.to_string()), Ok(slot.clone()));
        assert_eq!(slot.classify(), None);
        assert_eq!(E164::awaited(13, AWAITED_MAX + 4), slot);
        let number: E164 = "+12125550123".parse().unwrap();
        assert_eq!((number.is_known(), number.known()), (true, Some(&number)));
        for text in ["+0", "+03", "+0300000000000x", "+030000000000045"] {
            assert!(E164::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn digits_tell_country_and_type() {
        let check = |text: &str, expected: Option<(CountryCode, NumberKind)>| {
            assert_eq!(text.parse::<E164>().ok().and_then(|n| n.classify()), expected, "{text}");
        };
        check("+12125550123", Some((CountryCode::US, NumberKind::Local)));
        check("+18885550123", Some((CountryCode::US, NumberKind::TollFree)));
        check("+14165550123", Some((CountryCode::CA, NumberKind::Local)));
        check("+18765550123", None);
        check("+19005550123", None);
        check("+1212555012", None);
        check("+442071838750", Some((CountryCode::GB, NumberKind::Local)));
        check("+447700900123", Some((CountryCode::GB, NumberKind::Mobile)));
        check("+448001234567", Some((CountryCode::GB, NumberKind::TollFree)));
        check("+443001234567", Some((CountryCode::GB, NumberKind::National)));
        check("+908501234567", Some((CountryCode::TR, NumberKind::National)));
        check("+902121234567", None);
        check("+4930123456", None);
    }

    #[test]
    fn countries_are_those_of_the_standard() {
        let check = |text: &str, ok: bool| assert_eq!(text.parse::<CountryCode>().unwrap().is_assigned(), ok, "{text}");
        check("GB", true);
        check("AD", true);
        check("ZW", true);
        check("UK", false);
        check("XX", false);
        assert_eq!(ASSIGNED.split(' ').count(), 249);
    }

    proptest! {
        #[test]
        fn a_log_line_shows_four_digits(rest in "[1-9][0-9]{6,14}") {
            let number: E164 = format!("+{rest}").parse().map_err(|e| TestCaseError::fail(format!("{e}")))?;
            let logged = format!("{number:?}");
            prop_assert_eq!(logged.chars().filter(char::is_ascii_digit).count(), 4);
            prop_assert!(rest.ends_with(logged.trim_start_matches('…')));
        }
    }
}
