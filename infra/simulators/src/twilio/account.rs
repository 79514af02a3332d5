//! What one Twilio account owns, what the carrier could still sell it, and how both are kept.
//!
//! It holds the rules of ownership and none of HTTP: requests are read in `routes`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::addresses::Address;
use super::bundles::Bundle;
use super::call::{CallRecord, DialResult};
use super::number::Number;
use super::outgoing::{self, Placed};
use super::trunks::Trunk;
use crate::book::Book;
use crate::stock::{Delivery, Offer, Range, Shelf, StockLine};

/// How long a released number is nobody's. Twilio's Console shows it to its former owner that long,
/// the API to no one.
const QUARANTINE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Places in the order of purchase below this one are the estate's.
const ESTATE_MAX: u64 = 1 << 32;
/// Sids of the estate begin so.
const ESTATE_SID: &str = "PNe57a7e00e57a7e00";
/// When the estate was bought.
const FOUNDED: Timestamp = Timestamp::constant(1_577_836_800, 0);

fn estate_sid(index: u64) -> String {
    format!("{ESTATE_SID}{index:016x}")
}

/// How many of a delivery's numbers the reply names.
const NAMED_MAX: u64 = 1_000;

pub(crate) struct Account {
    pub(crate) book: Book,
    pub(super) shelf: Shelf,
    pub(super) numbers: BTreeMap<u64, Number>,
    by_e164: HashMap<String, u64>,
    by_sid: HashMap<String, u64>,
    /// Numbers on the shelf nobody can buy, until then; for ever when somebody else bought them.
    withheld: HashMap<String, Option<Timestamp>>,
    pub(super) addresses: BTreeMap<String, Address>,
    pub(super) bundles: BTreeMap<String, Bundle>,
    pub(super) trunks: BTreeMap<String, Trunk>,
    pub(super) calls: BTreeMap<String, CallRecord>,
    /// Calls that were asked for and wait, by their order.
    pub(super) placed: BTreeMap<u64, Placed>,
    pub(super) call_placed: Arc<Notify>,
    /// What somebody does who is called from here.
    pub(super) answer: DialResult,
    pub(super) trial: bool,
    /// Monthly prices that are not the usual ones, by country and type.
    pub(super) prices: BTreeMap<String, String>,
    /// Numbers owned for years: listed and shown, never changed. Made up as they are asked for, so that there may be a
    /// million; not kept over a restart.
    estate: Option<Range>,
}

impl Account {
    pub(crate) fn open(book: Book, stock: &[StockLine]) -> io::Result<Self> {
        let ranges = book.rows::<Range>("range")?.into_iter().map(|(_, range)| range).collect();
        let singles = book.rows::<Offer>("single")?.into_iter().collect();
        let numbers: BTreeMap<u64, Number> =
            book.rows::<Number>("number")?.into_iter().map(|(_, number)| (number.seq, number)).collect();
        let mut account = Self {
            shelf: Shelf::new(ranges, singles),
            by_e164: numbers.values().map(|number| (number.e164.clone(), number.seq)).collect(),
            by_sid: numbers.values().map(|number| (number.sid.clone(), number.seq)).collect(),
            numbers,
            withheld: book.rows("withheld")?.into_iter().collect(),
            addresses: book.rows("address")?.into_iter().collect(),
            bundles: book.rows("bundle")?.into_iter().collect(),
            trunks: book.rows("trunk")?.into_iter().collect(),
            calls: book.rows("call")?.into_iter().collect(),
            placed: outgoing::waiting(&book)?,
            call_placed: Arc::default(),
            answer: book.rows("answer")?.into_iter().map(|(_, answer)| answer).next().unwrap_or(DialResult::Completed),
            trial: book.rows::<bool>("trial")?.into_iter().any(|(_, trial)| trial),
            prices: book.rows("price")?.into_iter().collect(),
            estate: None,
            book,
        };
        if account.shelf.is_empty() {
            for line in stock {
                account.add_line(line.clone()).map_err(io::Error::other)?;
            }
            account.book.commit();
        }
        Ok(account)
    }

    pub(super) fn by_e164(&self, e164: &str) -> Option<&Number> {
        self.by_e164.get(e164).and_then(|seq| self.numbers.get(seq))
    }

    pub(super) fn by_sid(&self, sid: &str) -> Option<&Number> {
        self.by_sid.get(sid).and_then(|seq| self.numbers.get(seq))
    }

    /// Whether the carrier would sell a number of its shelf now.
    pub(super) fn is_free(&self, e164: &str) -> bool {
        let now = self.book.now();
        let withheld = self.withheld.get(e164).is_some_and(|until| until.is_none_or(|until| now < until));
        !withheld && !self.by_e164.contains_key(e164) && !self.in_estate(e164)
    }

    fn in_estate(&self, e164: &str) -> bool {
        self.estate.as_ref().is_some_and(|estate| estate.offer(e164).is_some())
    }

    /// Numbers the account owned before all others; they are on no shelf any more.
    pub(super) fn own_already(&mut self, line: StockLine) -> Result<(), String> {
        let range = self.add_line(line)?.clone();
        self.estate = Some(range);
        self.book.commit();
        Ok(())
    }

    /// All numbers below a place in the order of purchase, newest first, each with its place. The estate comes first in
    /// that order, whatever was bought before it was made up.
    pub(super) fn below(&self, place: Option<u64>) -> impl Iterator<Item = (u64, Cow<'_, Number>)> {
        let place = place.unwrap_or(u64::MAX);
        let bought = self.numbers.range(..place.saturating_sub(ESTATE_MAX)).rev();
        let bought = bought.map(|(seq, number)| (ESTATE_MAX + seq, Cow::Borrowed(number)));
        let estate = self.estate.iter().flat_map(move |range| {
            let number =
                |index| (index, Cow::Owned(Number::bought(&range.at(index), index, estate_sid(index), FOUNDED)));
            (0..range.count().min(place)).rev().map(number)
        });
        bought.chain(estate)
    }

    /// A number by its sid, whether it was bought or always there.
    pub(super) fn owned(&self, sid: &str) -> Option<Cow<'_, Number>> {
        let in_estate = || {
            let range = self.estate.as_ref()?;
            let index = u64::from_str_radix(sid.strip_prefix(ESTATE_SID)?, 16).ok()?;
            let there = index < range.count();
            there.then(|| Cow::Owned(Number::bought(&range.at(index), index, estate_sid(index), FOUNDED)))
        };
        self.by_sid(sid).map(Cow::Borrowed).or_else(in_estate)
    }

    pub(super) fn offer(&self, e164: &str) -> Option<Offer> {
        self.shelf.offer(e164).filter(|_| self.is_free(e164))
    }

    /// The number as it would be after the purchase; [`Self::keep`] makes it so.
    pub(super) fn draft(&mut self, offer: &Offer) -> Number {
        let seq = self.book.next("number");
        // The end tells the order of purchases, which is all a page token has to remember.
        let sid = format!("PN{:024x}{seq:08x}", self.book.bits("PN", seq) >> 32);
        Number::bought(offer, seq, sid, self.book.now())
    }

    pub(super) fn keep(&mut self, number: Number) {
        self.by_e164.insert(number.e164.clone(), number.seq);
        self.by_sid.insert(number.sid.clone(), number.seq);
        self.book.put("number", format!("{:020}", number.seq), &number);
        self.numbers.insert(number.seq, number);
    }

    pub(super) fn release(&mut self, seq: u64) {
        let Some(number) = self.numbers.remove(&seq) else { return };
        self.by_e164.remove(&number.e164);
        self.by_sid.remove(&number.sid);
        self.book.remove("number", format!("{seq:020}"));
        let until = self.book.now() + QUARANTINE;
        self.withhold(&number.e164, Some(until));
    }

    fn withhold(&mut self, e164: &str, until: Option<Timestamp>) {
        self.book.put("withheld", e164.to_owned(), &until);
        self.withheld.insert(e164.to_owned(), until);
    }

    pub(super) fn keep_call(&mut self, call: CallRecord) {
        self.book.put("call", call.sid.clone(), &call);
        self.calls.insert(call.sid.clone(), call);
    }

    pub(super) fn set_trial(&mut self, trial: bool) {
        self.trial = trial;
        self.book.put("trial", String::new(), &trial);
        self.book.commit();
    }

    pub(super) fn sold_elsewhere(&mut self, e164: &str) {
        self.withhold(e164, None);
        self.book.commit();
    }

    /// Puts numbers on the shelf. One listed by name is free at once, quarantined or not; a line adds
    /// numbers that were not there before.
    pub(super) fn stock(&mut self, delivery: Delivery) -> Result<Value, String> {
        let stocked = match delivery {
            Delivery::Singles(listed) => self.add_singles(listed),
            Delivery::Line(line) => {
                let count = line.count;
                self.add_line(line).map(|range| {
                    let named: Vec<String> = (0..count.min(NAMED_MAX)).map(|index| range.at(index).e164).collect();
                    json!({ "count": count, "e164": named })
                })
            }
        };
        self.book.commit();
        stocked
    }

    fn add_singles(&mut self, listed: Vec<String>) -> Result<Value, String> {
        for e164 in &listed {
            if self.withheld.remove(e164).is_some() {
                self.book.remove("withheld", e164.clone());
            }
            if let Some(offer) = self.shelf.add_single(e164)?.cloned() {
                self.book.put("single", e164.clone(), &offer);
            }
        }
        Ok(json!({ "count": listed.len(), "e164": listed }))
    }

    fn add_line(&mut self, line: StockLine) -> Result<&Range, String> {
        let (place, range) = self.shelf.add_line(line)?;
        self.book.put("range", format!("{place:06}"), range);
        Ok(range)
    }

    /// As the control surface shows it; oldest first.
    pub(super) fn shown(&self) -> Value {
        json!({
            "numbers": self.numbers.values().map(Number::shown).collect::<Vec<_>>(),
            "addresses": self.addresses.values().map(Address::wire).collect::<Vec<_>>(),
            "bundles": self.bundles.values().map(Bundle::shown).collect::<Vec<_>>(),
            "trunks": self.trunks.values().map(Trunk::shown).collect::<Vec<_>>(),
            "calls": self.calls.values().map(CallRecord::shown).collect::<Vec<_>>(),
            "requests": self.book.shown_requests(),
        })
    }
}
