//! Netgsm: 0850 numbers sold by the year, and the SIP accounts behind them.
//!
//! What is published is how it answers: HTTP 200 whatever happened, a code first, as JSON or as bare text, decimal commas,
//! Turkish letters in either of two alphabets, and the balance. That numbers can be ordered at all is a placeholder,
//! with paths of which only the words are known; so are `kapsam`, `sayfa` and `adet` of the list, `alis_tarihi`, and the codes
//! of a refused order.
//!
//! Reading order: `routes` (which request is which), `numbers` (what they do), `speech` (how it answers).

mod numbers;
mod routes;
mod speech;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::book::{Book, locked};
use crate::stock::{Delivery, NumberType, Offer, Range, Shelf, StockLine};
use numbers::Order;

/// Obvious fakes.
pub const USERCODE: &str = "8500000001";
pub const PASSWORD: &str = "netgsm-local-fake-password";
/// The password of every number's SIP account begins so.
pub const SIP_PASSWORD: &str = "netgsm-fake-sip-";

/// What one number costs a year, in kuruş.
pub const YEARLY_KURUS: u64 = 19_100;
const BALANCE_KURUS: u64 = 10_000_000;
const FOR_SALE: u64 = 200;

/// One subscriber and all it has.
pub(crate) struct Subscriber {
    pub(crate) book: Book,
    shelf: Shelf,
    /// Everything that was ever ordered, by its order.
    orders: BTreeMap<u64, Order>,
    /// Numbers that somebody else bought.
    sold: BTreeMap<String, ()>,
    balance_kurus: u64,
    manner: Manner,
    /// When each operation was asked for of late.
    asked: BTreeMap<&'static str, VecDeque<Timestamp>>,
}

/// How the carrier behaves, as nobody outside knows it for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manner {
    /// Failures are bare text instead of JSON.
    pub bare: bool,
    /// Answers are in ISO-8859-9 instead of UTF-8.
    pub latin5: bool,
    /// Orders keep their `referans`, and are found by it.
    pub echo: bool,
    /// Orders and cancellations wait until somebody settles them.
    pub slow: bool,
    /// We ask from an address that is not on the subscriber's list.
    pub elsewhere: bool,
    /// How often an operation may be asked for in a minute.
    pub per_minute: Option<usize>,
}

impl Default for Manner {
    fn default() -> Self {
        Self { bare: false, latin5: false, echo: true, slow: false, elsewhere: false, per_minute: None }
    }
}

/// The simulator's address and credentials, and the hand that moves the outside world.
#[derive(Clone)]
pub struct Handle {
    pub url: String,
    pub usercode: String,
    pub password: String,
    subscriber: Arc<Mutex<Subscriber>>,
}

impl Subscriber {
    /// Sells the Turkish lines of the stock, or some usual ones.
    pub(crate) fn open(book: Book, stock: &[StockLine]) -> io::Result<Self> {
        let ranges = book.rows::<Range>("range")?.into_iter().map(|(_, range)| range).collect();
        let singles = book.rows::<Offer>("single")?.into_iter().collect();
        let orders = book.rows::<Order>("number")?.into_iter().map(|(_, order)| (order.seq, order)).collect();
        let mut subscriber = Self {
            shelf: Shelf::new(ranges, singles),
            orders,
            sold: book.rows("sold")?.into_iter().collect(),
            balance_kurus: book.rows("balance")?.into_iter().map(|(_, kurus)| kurus).next().unwrap_or(BALANCE_KURUS),
            manner: book.rows("manner")?.into_iter().map(|(_, manner)| manner).next().unwrap_or_default(),
            asked: BTreeMap::new(),
            book,
        };
        if subscriber.shelf.is_empty() {
            let ours = |line: &&StockLine| line.country == "TR" && line.number_type == NumberType::National;
            let mut lines: Vec<StockLine> = stock.iter().filter(ours).cloned().collect();
            if lines.is_empty() {
                lines.push(StockLine::new("TR", NumberType::National, None, FOR_SALE));
            }
            for line in lines {
                subscriber.add_line(line).map_err(io::Error::other)?;
            }
            subscriber.book.commit();
        }
        Ok(subscriber)
    }

    fn add_line(&mut self, line: StockLine) -> Result<Vec<String>, String> {
        if line.country != "TR" || line.number_type != NumberType::National {
            return Err("only national numbers of Turkey are sold here".to_owned());
        }
        let (place, range) = self.shelf.add_line(line)?;
        self.book.put("range", format!("{place:06}"), range);
        Ok((0..range.count().min(1_000)).map(|index| range.at(index).e164).collect())
    }

    /// Puts numbers on sale; one that is listed by name is free, whoever had it.
    fn stock(&mut self, delivery: Delivery) -> Result<Value, String> {
        let stocked = match delivery {
            Delivery::Line(line) => self.add_line(line)?,
            Delivery::Singles(listed) => {
                if let Some(foreign) = listed.iter().find(|e164| !(e164.starts_with("+90850") && e164.len() == 13)) {
                    return Err(format!("{foreign} is not a 0850 number"));
                }
                for e164 in &listed {
                    if self.sold.remove(e164).is_some() {
                        self.book.remove("sold", e164.clone());
                    }
                    if let Some(offer) = self.shelf.add_single(e164)?.cloned() {
                        self.book.put("single", e164.clone(), &offer);
                    }
                }
                listed
            }
        };
        Ok(json!({ "count": stocked.len(), "e164": stocked }))
    }

    fn set_balance(&mut self, kurus: u64) {
        self.balance_kurus = kurus;
        self.book.put("balance", String::new(), &kurus);
    }

    fn shown(&self) -> Value {
        json!({
            "numbers": self.orders.values().filter(|order| order.is_owned()).map(Order::shown).collect::<Vec<_>>(),
            "orders": self.orders.values().map(Order::shown).collect::<Vec<_>>(),
            "balance": speech::lira(self.balance_kurus),
            "requests": self.book.shown_requests(),
        })
    }
}

impl Handle {
    pub(crate) fn new(url: &str, subscriber: Arc<Mutex<Subscriber>>) -> Self {
        let (usercode, password) = (USERCODE.to_owned(), PASSWORD.to_owned());
        Self { url: url.to_owned(), usercode, password, subscriber }
    }

    /// `{numbers:[{id,e164,name,status,created_at}],orders:[…],balance,requests:[{operation,status,at}]}`; an order shows
    /// as a number does, and stays when the number is given back.
    pub fn state(&self) -> Value {
        locked(&self.subscriber).shown()
    }

    /// How often a number came, changed or went since the start.
    pub fn numbers_changed(&self) -> u64 {
        locked(&self.subscriber).book.numbers_changed()
    }

    /// Numbers to sell: `{e164:[…]}` or `{country:"TR",type:"national",count}`.
    pub fn stock(&self, request: &Value) -> Result<Value, String> {
        let delivery = Delivery::parse(request)?;
        self.change(|subscriber| subscriber.stock(delivery))
    }

    /// Somebody else bought a number between our list and our order.
    pub fn sold_elsewhere(&self, e164: &str) {
        self.change(|subscriber| {
            subscriber.book.put("sold", e164.to_owned(), &());
            subscriber.sold.insert(e164.to_owned(), ());
        });
    }

    /// What is left of the money paid in, in kuruş.
    pub fn set_balance(&self, kurus: u64) {
        self.change(|subscriber| subscriber.set_balance(kurus));
    }

    /// From now on the carrier behaves so.
    pub fn set_manner(&self, manner: Manner) {
        self.change(|subscriber| {
            subscriber.manner = manner;
            subscriber.asked.clear();
            subscriber.book.put("manner", String::new(), &manner);
        });
    }

    /// What waits for a number is decided: `aktif`, `askida`, `beklemede` or `iptal`.
    pub fn settle(&self, e164: &str, status: &str) -> Result<(), String> {
        self.change(|subscriber| subscriber.settle(e164, status))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Subscriber) -> T) -> T {
        let mut subscriber = locked(&self.subscriber);
        let done = change(&mut subscriber);
        subscriber.book.commit();
        done
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("url", &self.url).finish_non_exhaustive()
    }
}
