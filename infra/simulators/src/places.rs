//! Countries and area codes as far as search results mention them: what a number's country and type
//! are, and which town it is sold under.
//!
//! A table of samples, not of the world: an unlisted area code simply has no town.

use crate::stock::NumberType;

/// A country whose numbers can be generated.
#[derive(Debug)]
pub(crate) struct Country {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    /// Country calling code.
    pub(crate) calling: &'static str,
    /// Digits of a national number, without a trunk prefix.
    pub(crate) digits: usize,
    /// Types that can be asked for, each with the area code used when a stock line names none.
    pub(crate) types: &'static [(NumberType, &'static str)],
}

/// Where an area code is.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) area: &'static str,
    pub(crate) locality: &'static str,
    pub(crate) region: &'static str,
    pub(crate) rate_center: &'static str,
    pub(crate) lata: &'static str,
    pub(crate) postal_code: &'static str,
    pub(crate) latitude: &'static str,
    pub(crate) longitude: &'static str,
}

pub(crate) const TOLL_FREE: &[&str] = &["800", "833", "844", "855", "866", "877", "888"];

const CANADA: &[&str] = &[
    "204", "226", "236", "249", "250", "263", "289", "306", "343", "354", "365", "367", "368", "382", "403", "416",
    "418", "428", "431", "437", "438", "450", "468", "474", "506", "514", "519", "548", "579", "581", "584", "587",
    "604", "613", "639", "647", "672", "683", "705", "709", "742", "753", "778", "780", "782", "807", "819", "825",
    "867", "873", "879", "902", "905",
];

use NumberType::{Local, Mobile, National, TollFree};

pub(crate) const COUNTRIES: &[Country] = &[
    country("US", "United States", "1", 10, &[(Local, "212"), (TollFree, "800")]),
    country("CA", "Canada", "1", 10, &[(Local, "416"), (TollFree, "833")]),
    country("GB", "United Kingdom", "44", 10, &[(Local, "20"), (TollFree, "800"), (Mobile, "7700"), (National, "330")]),
    country("AU", "Australia", "61", 9, &[(Local, "2"), (TollFree, "1800"), (Mobile, "4")]),
    country("IN", "India", "91", 10, &[(Local, "22"), (TollFree, "1800"), (Mobile, "98")]),
    country("DE", "Germany", "49", 10, &[(Local, "30"), (TollFree, "800"), (Mobile, "151"), (National, "32")]),
    country("FR", "France", "33", 9, &[(Local, "1"), (TollFree, "805"), (Mobile, "6"), (National, "9")]),
    country("IE", "Ireland", "353", 9, &[(Local, "1"), (TollFree, "1800"), (Mobile, "85"), (National, "76")]),
    country("NL", "Netherlands", "31", 9, &[(Local, "20"), (TollFree, "800"), (Mobile, "6"), (National, "85")]),
    country("ES", "Spain", "34", 9, &[(Local, "91"), (TollFree, "900"), (Mobile, "6")]),
    country("SE", "Sweden", "46", 9, &[(Local, "8"), (TollFree, "20"), (Mobile, "7")]),
    country("TR", "Turkey", "90", 10, &[(Local, "212"), (National, "850")]),
];

const PLACES: &[Place] = &[
    place("205", "Birmingham", "AL", "BIRMINGHAM", "476", "35203", "33.520700", "-86.802500"),
    place("212", "New York", "NY", "NWYRCYZN01", "132", "10001", "40.714300", "-74.006000"),
    place("305", "Miami", "FL", "MIAMI", "460", "33101", "25.774300", "-80.193700"),
    place("312", "Chicago", "IL", "CHICAGOZN 01", "358", "60601", "41.850000", "-87.650100"),
    place("415", "San Francisco", "CA", "SNFC CNTRL", "722", "94105", "37.774900", "-122.419400"),
    place("416", "Toronto", "ON", "TORONTO", "888", "M5H", "43.653200", "-79.383200"),
    place("512", "Austin", "TX", "AUSTIN", "558", "73301", "30.267200", "-97.743100"),
    place("514", "Montreal", "QC", "MONTREAL", "888", "H2Y", "45.501700", "-73.567300"),
    place("604", "Vancouver", "BC", "VANCOUVER", "888", "V6B", "49.282700", "-123.120700"),
    place("617", "Boston", "MA", "BOSTON", "128", "02108", "42.358400", "-71.059800"),
    place("628", "San Francisco", "CA", "SNFC CNTRL", "722", "94105", "37.774900", "-122.419400"),
    place("646", "New York", "NY", "NWYRCYZN01", "132", "10001", "40.714300", "-74.006000"),
    place("702", "Las Vegas", "NV", "LAS VEGAS", "721", "89101", "36.175000", "-115.137200"),
    place("808", "Hilo", "HI", "HILO", "834", "96720", "19.720000", "-155.090000"),
    place("917", "New York", "NY", "NWYRCYZN01", "132", "10001", "40.714300", "-74.006000"),
];

pub(crate) fn country_of(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code == code)
}

pub(crate) fn place_of(country: &str, area: &str) -> Option<&'static Place> {
    let listed = matches!(country, "US" | "CA");
    PLACES.iter().find(|place| listed && place.area == area)
}

/// Country and type by the number alone; of the shared toll-free codes the United States' are meant.
pub(crate) fn kind_of(e164: &str) -> Option<(&'static Country, NumberType)> {
    let digits = e164.strip_prefix('+')?;
    if let Some(national) = digits.strip_prefix('1') {
        let area = national.get(..3)?;
        return Some(match area {
            _ if TOLL_FREE.contains(&area) => (country_of("US")?, TollFree),
            _ if CANADA.contains(&area) => (country_of("CA")?, Local),
            _ => (country_of("US")?, Local),
        });
    }
    let country = COUNTRIES.iter().find(|country| country.calling != "1" && digits.starts_with(country.calling))?;
    let national = digits.strip_prefix(country.calling)?;
    // The longest code wins: 850 is Turkey's national range although 8 may be an area's beginning.
    let types = country.types.iter().filter(|(_, area)| national.starts_with(first_digits(country, area)));
    let kind = types.max_by_key(|(_, area)| area.len()).map_or(Local, |(kind, _)| *kind);
    Some((country, kind))
}

/// Every British number beginning with a 7 is a mobile, not only those of the sample code.
fn first_digits(country: &Country, area: &'static str) -> &'static str {
    if country.code == "GB" && area.starts_with('7') { "7" } else { area }
}

const fn country(
    code: &'static str,
    name: &'static str,
    calling: &'static str,
    digits: usize,
    types: &'static [(NumberType, &'static str)],
) -> Country {
    Country { code, name, calling, digits, types }
}

#[expect(clippy::too_many_arguments, reason = "a row of a table, named once above")]
const fn place(
    area: &'static str,
    locality: &'static str,
    region: &'static str,
    rate_center: &'static str,
    lata: &'static str,
    postal_code: &'static str,
    latitude: &'static str,
    longitude: &'static str,
) -> Place {
    Place { area, locality, region, rate_center, lata, postal_code, latitude, longitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_country_and_type() {
        let cases = [
            ("+12125550100", "US", Local),
            ("+18005550100", "US", TollFree),
            ("+14165550100", "CA", Local),
            ("+442079460000", "GB", Local),
            ("+447700900000", "GB", Mobile),
            ("+447911123456", "GB", Mobile),
            ("+448001570000", "GB", TollFree),
            ("+908501234567", "TR", National),
            ("+902121234567", "TR", Local),
        ];
        for (e164, country, kind) in cases {
            let (found, its_kind) = kind_of(e164).expect(e164);
            assert_eq!((found.code, its_kind), (country, kind), "{e164}");
        }
        assert!(kind_of("+999").is_none());
    }
}
