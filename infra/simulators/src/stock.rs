//! Numbers a carrier could sell. A line of a million numbers is three integers here: its numbers are
//! computed when somebody looks, and only those that were sold or withheld are remembered.
//!
//! It knows nothing of accounts and prices. Who owns a number is known in `twilio`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::places::{Country, country_of, kind_of};

/// A rare pattern over a huge line is given up on after this many candidates; a number somebody can
/// name in full is found anyway.
const CANDIDATES_MAX: u64 = 200_000;
/// For one stocking; a line may be as long as its prefix allows.
const SINGLES_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    Local,
    TollFree,
    Mobile,
    National,
}

/// Whose address a buyer must have on file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressRequirement {
    #[default]
    None,
    Any,
    Local,
    Foreign,
}

/// A run of numbers for sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockLine {
    /// ISO 3166, two capitals.
    pub country: String,
    #[serde(rename = "type")]
    pub number_type: NumberType,
    /// Digits after the country calling code; `None` takes the country's usual one.
    #[serde(default)]
    pub area_code: Option<String>,
    pub count: u64,
    #[serde(default)]
    pub address_requirement: AddressRequirement,
    #[serde(default)]
    pub bundle_required: bool,
}

impl StockLine {
    /// Numbers anyone may buy.
    pub fn new(country: &str, number_type: NumberType, area_code: Option<&str>, count: u64) -> Self {
        Self {
            country: country.to_owned(),
            number_type,
            area_code: area_code.map(str::to_owned),
            count,
            address_requirement: AddressRequirement::None,
            bundle_required: false,
        }
    }
}

/// Something of every kind the United States, Canada and the United Kingdom sell.
pub fn default_stock() -> Vec<StockLine> {
    let us_areas = ["205", "212", "305", "312", "415", "512", "617", "628", "646", "702", "808", "917"];
    let us_local = us_areas.map(|area| StockLine::new("US", NumberType::Local, Some(area), 1_000));
    let us_toll_free = ["800", "888"].map(|area| StockLine::new("US", NumberType::TollFree, Some(area), 500));
    let ca_local = ["416", "514", "604"].map(|area| StockLine::new("CA", NumberType::Local, Some(area), 500));
    let others = [
        StockLine::new("CA", NumberType::TollFree, Some("833"), 200),
        StockLine::new("CA", NumberType::TollFree, Some("855"), 200),
        StockLine::new("GB", NumberType::Local, Some("20"), 500),
        StockLine::new("GB", NumberType::Local, Some("161"), 200),
        StockLine::new("GB", NumberType::TollFree, Some("800"), 200),
        StockLine::new("GB", NumberType::Mobile, Some("7700"), 500),
    ];
    us_local.into_iter().chain(us_toll_free).chain(ca_local).chain(others).collect()
}

/// One number for sale and what its line says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) e164: String,
    pub(crate) country: String,
    pub(crate) number_type: NumberType,
    pub(crate) area: String,
    pub(crate) address_requirement: AddressRequirement,
    pub(crate) bundle_required: bool,
}

/// A stock line in its place: it sells the indices `start..start + line.count` of its prefix, so
/// that two lines of one area never sell the same number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Range {
    line: StockLine,
    area: String,
    start: u64,
}

/// Which numbers a search asks for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) country: &'a str,
    pub(crate) number_type: NumberType,
    pub(crate) area: Option<&'a str>,
    pub(crate) pattern: Option<Pattern>,
}

/// All lines and single numbers of a carrier.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    ranges: Vec<Range>,
    singles: BTreeMap<String, Offer>,
}

/// What the control surface may put on the shelf.
#[derive(Debug)]
pub(crate) enum Delivery {
    Singles(Vec<String>),
    Line(StockLine),
}

impl Delivery {
    /// `{e164:[…]}` or `{country,type,area_code,count}`.
    pub(crate) fn parse(request: &Value) -> Result<Self, String> {
        let Some(listed) = request.get("e164") else {
            let line = StockLine::deserialize(request).map_err(|error| error.to_string())?;
            return Ok(Self::Line(line));
        };
        if request.as_object().is_some_and(|fields| fields.len() > 1) {
            return Err("`e164` stands alone".to_owned());
        }
        let listed = Vec::<String>::deserialize(listed).map_err(|error| format!("`e164`: {error}"))?;
        if listed.len() > SINGLES_MAX {
            return Err(format!("at most {SINGLES_MAX} numbers at once"));
        }
        match listed.iter().find(|number| !is_e164(number)) {
            Some(number) => Err(format!("`{number}` is not in E.164 form")),
            None => Ok(Self::Singles(listed)),
        }
    }
}

impl Shelf {
    pub(crate) fn new(ranges: Vec<Range>, singles: BTreeMap<String, Offer>) -> Self {
        Self { ranges, singles }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.singles.is_empty()
    }

    pub(crate) fn sells_in(&self, country: &str) -> bool {
        self.ranges.iter().any(|range| range.line.country == country)
            || self.singles.values().any(|offer| offer.country == country)
    }

    /// Adds numbers that no line had before; answers the new range and its place in the list.
    pub(crate) fn add_line(&mut self, line: StockLine) -> Result<(usize, &Range), String> {
        let country = country_of(&line.country).ok_or_else(|| format!("no numbering plan for {}", line.country))?;
        let usual = country.types.iter().find(|(kind, _)| *kind == line.number_type);
        let usual = usual.ok_or_else(|| format!("{} has no such type of number", country.name))?;
        let area = line.area_code.clone().unwrap_or_else(|| usual.1.to_owned());
        let digits = area.bytes().all(|byte| byte.is_ascii_digit());
        if area.is_empty() || !digits || area.len() + 3 > country.digits || (country.calling == "1" && area.len() != 3)
        {
            return Err(format!("`{area}` is no area code of {}", country.name));
        }
        let prefix = format!("+{}{area}", country.calling);
        let taken = self.ranges.iter().filter(|range| range.prefix() == prefix);
        let start = taken.map(|range| range.start + range.line.count).max().unwrap_or(0);
        let range = Range { line, area, start };
        if range.line.count == 0 || start.saturating_add(range.line.count) > capacity(country, &range.area) {
            return Err(format!("area code {} cannot hold {} more numbers", range.area, range.line.count));
        }
        self.ranges.push(range);
        Ok((self.ranges.len() - 1, &self.ranges[self.ranges.len() - 1]))
    }

    /// Makes sure a number is on the shelf; answers it when it is new there.
    pub(crate) fn add_single(&mut self, e164: &str) -> Result<Option<&Offer>, String> {
        if self.offer(e164).is_some() {
            return Ok(None);
        }
        let (country, number_type) = kind_of(e164).ok_or_else(|| format!("no numbering plan for {e164}"))?;
        let national = e164.get(1 + country.calling.len()..).unwrap_or_default();
        let area = national.get(..3).unwrap_or(national).to_owned();
        let offer = Offer {
            e164: e164.to_owned(),
            country: country.code.to_owned(),
            number_type,
            area,
            address_requirement: AddressRequirement::None,
            bundle_required: false,
        };
        Ok(Some(self.singles.entry(e164.to_owned()).or_insert(offer)))
    }

    pub(crate) fn offer(&self, e164: &str) -> Option<Offer> {
        let single = self.singles.get(e164).cloned();
        single.or_else(|| self.ranges.iter().find_map(|range| range.offer(e164)))
    }

    /// At most `limit` offers, in an order that `shuffle` decides, of those `free` lets through.
    /// Numbers stocked one by one come first, so that whoever stocked them finds them.
    pub(crate) fn sample(
        &self,
        wanted: &Wanted<'_>,
        shuffle: u128,
        limit: usize,
        free: impl Fn(&str) -> bool,
    ) -> Vec<Offer> {
        let good = |offer: &Offer| wanted.admits(&offer.e164) && free(&offer.e164);
        if let Some(exact) = wanted.pattern.as_ref().and_then(Pattern::whole_number) {
            let named = self.offer(&exact).filter(|offer| wanted.line(&offer.country, offer.number_type, &offer.area));
            return named.filter(|offer| free(&offer.e164)).into_iter().take(limit).collect();
        }
        let singles: Vec<&Offer> =
            self.singles.values().filter(|one| wanted.line(&one.country, one.number_type, &one.area)).collect();
        let mut found: Vec<Offer> = Walk::new(shuffle, singles.len() as u64)
            .map(|index| singles[index as usize].clone())
            .filter(good)
            .take(limit)
            .collect();
        let ranges =
            self.ranges.iter().filter(|range| wanted.line(&range.line.country, range.line.number_type, &range.area));
        let mut walks: Vec<(&Range, Walk)> =
            ranges.map(|range| (range, Walk::new(shuffle, range.line.count))).collect();
        let rotation = if walks.is_empty() { 0 } else { (shuffle >> 64) as usize % walks.len() };
        walks.rotate_left(rotation);
        // One of each line in turn, so that a country's sample shows several of its areas.
        let mut tried = 0;
        while found.len() < limit && !walks.is_empty() && tried < CANDIDATES_MAX {
            walks.retain_mut(|(range, walk)| {
                tried += 1;
                let Some(index) = walk.next() else { return false };
                if found.len() < limit {
                    found.extend(Some(range.at(index)).filter(good));
                }
                true
            });
        }
        found
    }
}

impl Wanted<'_> {
    fn line(&self, country: &str, number_type: NumberType, area: &str) -> bool {
        country == self.country && number_type == self.number_type && self.area.is_none_or(|wanted| wanted == area)
    }

    fn admits(&self, e164: &str) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern.matches(e164))
    }
}

impl Range {
    fn prefix(&self) -> String {
        format!("+{}{}", self.country().calling, self.area)
    }

    /// Lines of unknown countries are refused when added, so this is the line's country.
    fn country(&self) -> &'static Country {
        country_of(&self.line.country).unwrap_or(&crate::places::COUNTRIES[0])
    }

    pub(crate) fn at(&self, index: u64) -> Offer {
        let country = self.country();
        let subscriber = subscriber(country, &self.area, self.start + index);
        let width = country.digits - self.area.len();
        Offer {
            e164: format!("{}{subscriber:0width$}", self.prefix()),
            country: self.line.country.clone(),
            number_type: self.line.number_type,
            area: self.area.clone(),
            address_requirement: self.line.address_requirement,
            bundle_required: self.line.bundle_required,
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.line.count
    }

    pub(crate) fn offer(&self, e164: &str) -> Option<Offer> {
        let country = self.country();
        let digits = e164.strip_prefix('+')?.strip_prefix(country.calling)?.strip_prefix(self.area.as_str())?;
        if digits.len() != country.digits - self.area.len() {
            return None;
        }
        let index = index_of(country, &self.area, digits.parse().ok()?)?.checked_sub(self.start)?;
        (index < self.line.count).then(|| self.at(index))
    }
}

/// Digits, with `*` for any one of them; letters stand for the key they are on.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    anchored: bool,
    keys: Vec<Option<u8>>,
}

impl Pattern {
    /// `None` when a character is none of a telephone's.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (anchored, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let keys = rest.bytes().map(|byte| match byte {
            b'*' => Some(None),
            b'0'..=b'9' => Some(Some(byte)),
            b'a'..=b'z' | b'A'..=b'Z' => Some(Some(key_of(byte.to_ascii_uppercase()))),
            _ => None,
        });
        Some(Self { anchored, keys: keys.collect::<Option<_>>()? })
    }

    pub(crate) fn matches(&self, e164: &str) -> bool {
        let digits = e164.trim_start_matches('+').as_bytes();
        let starts = if self.anchored { 0..1 } else { 0..digits.len() };
        starts.into_iter().any(|start| self.matches_at(&digits[start..]))
    }

    fn matches_at(&self, digits: &[u8]) -> bool {
        digits.len() >= self.keys.len()
            && self.keys.iter().zip(digits).all(|(key, digit)| key.is_none_or(|key| key == *digit))
    }

    /// The one number an unmistakable pattern means.
    fn whole_number(&self) -> Option<String> {
        let keys: Option<Vec<u8>> = self.keys.iter().copied().collect();
        let digits = String::from_utf8(keys?).ok()?;
        (digits.len() >= 11).then(|| format!("+{digits}"))
    }
}

/// Visits `0..count` once each, in an order of its own, without a list.
#[derive(Debug)]
struct Walk {
    count: u64,
    next: u64,
    stride: u64,
    left: u64,
}

impl Walk {
    fn new(shuffle: u128, count: u64) -> Self {
        let size = count.max(1);
        let mut stride = (shuffle >> 32) as u64 % size;
        while gcd(stride, size) != 1 {
            stride += 1;
        }
        Self { count: size, next: shuffle as u64 % size, stride: stride % size, left: count }
    }
}

impl Iterator for Walk {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let index = self.next;
        self.next = (self.next + self.stride) % self.count;
        Some(index)
    }
}

pub(crate) fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn key_of(letter: u8) -> u8 {
    match letter {
        b'A'..=b'C' => b'2',
        b'D'..=b'F' => b'3',
        b'G'..=b'I' => b'4',
        b'J'..=b'L' => b'5',
        b'M'..=b'O' => b'6',
        b'P'..=b'S' => b'7',
        b'T'..=b'V' => b'8',
        _ => b'9',
    }
}

/// North American exchanges that may exist, without 555 (used first), the N11 codes, and 999, which
/// is left to the other carrier of this country so that no two carriers sell one number.
static EXCHANGES: LazyLock<Vec<u64>> =
    LazyLock::new(|| (200..999).filter(|exchange| *exchange != 555 && exchange % 100 != 11).collect());

/// 555-0100 to 555-9999, of which the first hundred are reserved for fiction.
const FICTION: u64 = 9_900;

fn capacity(country: &Country, area: &str) -> u64 {
    if country.calling == "1" { FICTION + EXCHANGES.len() as u64 * 10_000 } else { modulus(country, area) }
}

fn modulus(country: &Country, area: &str) -> u64 {
    let digits = country.digits.saturating_sub(area.len());
    10_u64.saturating_pow(u32::try_from(digits).unwrap_or(u32::MAX))
}

/// The first number of an area outside North America; Ofcom keeps these ranges for drama.
fn first_subscriber(country: &Country, area: &str) -> u64 {
    match (country.code, area) {
        ("GB", "20") => 79_460_000,
        ("GB", "161") => 4_960_000,
        ("GB", "7700") => 900_000,
        ("GB", "800") => 1_570_000,
        _ => modulus(country, area) / 2,
    }
}

fn subscriber(country: &Country, area: &str, index: u64) -> u64 {
    if country.calling != "1" {
        return (first_subscriber(country, area) + index) % modulus(country, area);
    }
    match index.checked_sub(FICTION) {
        None => 5_550_100 + index,
        Some(further) => EXCHANGES[(further / 10_000) as usize % EXCHANGES.len()] * 10_000 + further % 10_000,
    }
}

fn index_of(country: &Country, area: &str, subscriber: u64) -> Option<u64> {
    if country.calling != "1" {
        let modulus = modulus(country, area);
        return Some((subscriber + modulus - first_subscriber(country, area)) % modulus);
    }
    let (exchange, line) = (subscriber / 10_000, subscriber % 10_000);
    if exchange == 555 {
        return line.checked_sub(100);
    }
    let place = EXCHANGES.binary_search(&exchange).ok()?;
    Some(FICTION + place as u64 * 10_000 + line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(lines: &[StockLine]) -> Shelf {
        let mut shelf = Shelf::default();
        for line in lines {
            shelf.add_line(line.clone()).expect("a good line");
        }
        shelf
    }

    #[test]
    fn every_generated_number_is_found_again_and_its_neighbours_are_not() {
        let lines = [
            StockLine::new("US", NumberType::Local, Some("212"), 25_000),
            StockLine::new("GB", NumberType::Mobile, None, 250_000),
            StockLine::new("TR", NumberType::National, None, 10),
        ];
        for line in lines {
            let shelf = shelf(std::slice::from_ref(&line));
            let range = &shelf.ranges[0];
            for index in [0, 1, line.count / 2, line.count - 1] {
                let offer = range.at(index);
                assert!(is_e164(&offer.e164), "{}", offer.e164);
                assert_eq!(shelf.offer(&offer.e164).as_ref(), Some(&offer));
            }
            assert_eq!(shelf.offer(&range.at(line.count).e164), None);
        }
    }

    #[test]
    fn the_first_numbers_are_those_of_fiction() {
        let first = |line| shelf(&[line]).ranges[0].at(0).e164;
        assert_eq!(first(StockLine::new("US", NumberType::Local, Some("415"), 1)), "+14155550100");
        assert_eq!(first(StockLine::new("US", NumberType::TollFree, None, 1)), "+18005550100");
        assert_eq!(first(StockLine::new("GB", NumberType::Local, None, 1)), "+442079460000");
        assert_eq!(first(StockLine::new("GB", NumberType::Mobile, None, 1)), "+447700900000");
        assert_eq!(first(StockLine::new("GB", NumberType::TollFree, None, 1)), "+448001570000");
    }

    #[test]
    fn a_second_line_of_an_area_sells_other_numbers() {
        let line = StockLine::new("US", NumberType::Local, Some("907"), 3);
        let shelf = shelf(&[line.clone(), line]);
        let wanted = Wanted { country: "US", number_type: NumberType::Local, area: Some("907"), pattern: None };
        let mut found: Vec<String> = shelf.sample(&wanted, 7, 50, |_| true).into_iter().map(|one| one.e164).collect();
        found.sort();
        assert_eq!(found.len(), 6);
        assert_eq!((found[0].as_str(), found[5].as_str()), ("+19075550100", "+19075550105"));
    }

    #[test]
    fn a_sample_depends_on_its_shuffle_and_on_nothing_else() {
        let shelf = shelf(&[StockLine::new("US", NumberType::Local, Some("212"), 1_000_000)]);
        let wanted = Wanted { country: "US", number_type: NumberType::Local, area: None, pattern: None };
        let sample = |shuffle| shelf.sample(&wanted, shuffle, 20, |_| true);
        assert_eq!(sample(0x1234_5678_9abc_def0_1234), sample(0x1234_5678_9abc_def0_1234));
        assert_ne!(sample(0x1234_5678_9abc_def0_1234), sample(0x4321_5678_9abc_def0_1235));
    }

    #[test]
    fn patterns_match_like_a_keypad() {
        let cases = [
            ("555", "+12125550100", true),
            ("212****100", "+12125550100", true),
            ("212*****100", "+12125550100", false),
            ("+1212", "+12125550100", true),
            ("+2125", "+12125550100", false),
            ("CALL", "+12122255100", true),
            ("12125550100", "+12125550100", true),
        ];
        for (pattern, e164, matches) in cases {
            assert_eq!(Pattern::parse(pattern).expect(pattern).matches(e164), matches, "{pattern} {e164}");
        }
        assert!(Pattern::parse("21 2").is_none());
    }
}
