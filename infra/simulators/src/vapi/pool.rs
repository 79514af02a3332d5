//! The numbers Vapi sells itself: a few of each area code, not to be searched, only to be asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::book::Book;
use crate::stock::{Delivery, NumberType, StockLine};

/// In the exchange that the other carrier leaves free.
const EXCHANGE: &str = "999";
const AREA_MAX: u64 = 10_000;
/// Of each area code the carrier is stocked with, before anyone says otherwise.
const AREA_USUAL: u64 = 50;
const NAMED_MAX: u64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Pool {
    areas: BTreeMap<String, Area>,
    singles: BTreeSet<String>,
}

/// Numbers are given out in order and never twice.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Area {
    count: u64,
    given: u64,
}

impl Pool {
    pub(super) fn open(book: &mut Book, stock: &[StockLine]) -> io::Result<Self> {
        let areas: BTreeMap<String, Area> = book.rows("pool_area")?.into_iter().collect();
        let singles = book.rows::<()>("pool_single")?.into_iter().map(|(e164, ())| e164).collect();
        let mut pool = Self { areas, singles };
        if pool.areas.is_empty() && pool.singles.is_empty() {
            let local = stock.iter().filter(|line| line.country == "US" && line.number_type == NumberType::Local);
            for line in local {
                let area = line.area_code.clone().unwrap_or_else(|| "212".to_owned());
                // A line without an area code is the usual area's, like any other line of it.
                let _stocked: Result<Value, String> = pool.add(book, &area, line.count.min(AREA_USUAL));
            }
        }
        Ok(pool)
    }

    /// The next number of an area code.
    pub(super) fn take(&mut self, book: &mut Book, area: &str) -> Option<String> {
        let prefix = format!("+1{area}");
        if let Some(e164) = self.singles.iter().find(|e164| e164.starts_with(&prefix)).cloned() {
            self.singles.remove(&e164);
            book.remove("pool_single", e164.clone());
            return Some(e164);
        }
        let state = self.areas.get_mut(area).filter(|state| state.given < state.count)?;
        state.given += 1;
        book.put("pool_area", area.to_owned(), &*state);
        Some(number(area, state.given - 1))
    }

    pub(super) fn stock(&mut self, book: &mut Book, delivery: Delivery) -> Result<Value, String> {
        match delivery {
            Delivery::Singles(listed) => {
                if let Some(foreign) = listed.iter().find(|e164| !e164.starts_with("+1") || e164.len() != 12) {
                    return Err(format!("{foreign} is not a number of the United States"));
                }
                for e164 in &listed {
                    book.put("pool_single", e164.clone(), &());
                    self.singles.insert(e164.clone());
                }
                Ok(json!({ "count": listed.len(), "e164": listed }))
            }
            Delivery::Line(line) if line.country != "US" || line.number_type != NumberType::Local => {
                Err("only local numbers of the United States are sold here".to_owned())
            }
            Delivery::Line(line) => {
                let area = line.area_code.as_deref().unwrap_or("212");
                self.add(book, area, line.count)
            }
        }
    }

    fn add(&mut self, book: &mut Book, area: &str, count: u64) -> Result<Value, String> {
        if area.len() != 3 || !area.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("`{area}` is no area code of the United States"));
        }
        let state = self.areas.entry(area.to_owned()).or_default();
        let first = state.count;
        if count == 0 || first.saturating_add(count) > AREA_MAX {
            return Err(format!("area code {area} cannot hold {count} more numbers"));
        }
        state.count += count;
        book.put("pool_area", area.to_owned(), &*state);
        let named: Vec<String> = (first..first + count.min(NAMED_MAX)).map(|index| number(area, index)).collect();
        Ok(json!({ "count": count, "e164": named }))
    }
}

fn number(area: &str, index: u64) -> String {
    format!("+1{area}{EXCHANGE}{index:04}")
}
