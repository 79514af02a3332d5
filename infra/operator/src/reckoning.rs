//! What a list would cost each tenant, and which of its rows the tenant's plan and wallet still cover when those before are
//! reckoned in: a dry run sees each row alone.

use std::collections::BTreeMap;

use domain::{Currency, Money, TenantId};
use serde_json::{Value, json};

use crate::client::unusable;
use crate::failure::{Failure, Refusal};
use crate::table::{Side, Table};

/// What a number costs now: nothing when the plan includes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price(Money);

impl Price {
    pub(crate) fn document(self) -> Value {
        money(self.0)
    }
}

/// What the rows so far take.
#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    places: BTreeMap<TenantId, Places>,
    wallets: BTreeMap<(TenantId, Currency), Sum>,
}

/// Of what a plan allows.
#[derive(Debug, Default)]
struct Places {
    numbers: u64,
    included: u64,
}

#[derive(Debug)]
struct Sum {
    numbers: u64,
    cost: Money,
    available: Money,
}

impl Reckoning {
    /// Takes what a dry run says of one number more, if plan and wallet cover it after the rows before.
    pub(crate) fn take(&mut self, tenant: &TenantId, preview: &Value) -> Result<Result<Price, Refusal>, Failure> {
        let count = |name: &str| preview[name].as_u64().ok_or_else(|| unusable("it says not how much is left"));
        let (numbers_left, included_left) = (count("numbers_left")?, count("included_left")?);
        let (price, available) = (read(&preview["offer"]["price"])?, read(&preview["available"])?);
        let places = self.places.entry(tenant.clone()).or_default();
        if places.numbers >= numbers_left {
            let detail = format!("The plan allows {numbers_left} more, and the rows before this take them.");
            return Ok(Err(refusal(403, "number_limit_reached", &detail)));
        }
        let is_included = places.included < included_left;
        let cost = if is_included { Money::zero(price.currency) } else { price };
        let nothing = Sum { numbers: 0, cost: Money::zero(price.currency), available };
        let sum = self.wallets.entry((tenant.clone(), price.currency)).or_insert(nothing);
        let after = sum.cost.add(cost).map_err(|_| unusable("a sum is too large"))?;
        if cost.micros > 0 && after.micros > available.micros {
            let left = available.add(sum.cost.negated()).map_err(|_| unusable("a sum is too large"))?;
            let detail = format!("It takes {cost}, and the rows before this leave {left}.");
            return Ok(Err(refusal(402, "insufficient_balance", &detail)));
        }
        (sum.cost, sum.numbers) = (after, sum.numbers + 1);
        (places.numbers, places.included) = (places.numbers + 1, places.included + u64::from(is_included));
        Ok(Ok(Price(cost)))
    }

    /// Everything together, currency by currency.
    pub(crate) fn total(&self) -> String {
        let mut totals: BTreeMap<Currency, i64> = BTreeMap::new();
        for ((_, currency), sum) in &self.wallets {
            let total = totals.entry(*currency).or_default();
            *total = total.saturating_add(sum.cost.micros);
        }
        let said: Vec<String> =
            totals.into_iter().map(|(currency, micros)| Money::from_micros(micros, currency).to_string()).collect();
        said.join(" and ")
    }

    /// A line a wallet.
    pub(crate) fn table(&self) -> String {
        let columns =
            [("tenant", Side::Left), ("numbers", Side::Right), ("cost now", Side::Right), ("available", Side::Right)];
        let mut table = Table::new(columns);
        for ((tenant, _), sum) in self.wallets.iter().filter(|(_, sum)| sum.numbers > 0) {
            let (cost, available) = (sum.cost.to_string(), sum.available.to_string());
            table.row([tenant.to_string(), sum.numbers.to_string(), cost, available]);
        }
        table.render("Nothing would be bought.")
    }

    /// The same for programs.
    pub(crate) fn document(&self) -> Value {
        let line = |((tenant, _), sum): (&(TenantId, Currency), &Sum)| {
            let (cost, available) = (money(sum.cost), money(sum.available));
            json!({ "tenant_id": tenant.as_str(), "numbers": sum.numbers, "cost": cost, "available": available })
        };
        self.wallets.iter().filter(|(_, sum)| sum.numbers > 0).map(line).collect()
    }
}

fn money(money: Money) -> Value {
    json!({ "amount": money.amount(), "currency": money.currency.as_str() })
}

fn read(value: &Value) -> Result<Money, Failure> {
    let text = |name: &str| value[name].as_str().ok_or_else(|| unusable("it says not what it costs"));
    let currency = text("currency")?.parse().map_err(|_| unusable("it names no currency"))?;
    Money::parse(text("amount")?, currency).map_err(|_| unusable("it names no amount"))
}

/// As the API itself would refuse it.
fn refusal(status: u16, code: &str, detail: &str) -> Refusal {
    Refusal::read(status, json!({ "status": status, "code": code, "detail": detail }))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn preview(price: &str, numbers_left: u32, included_left: u32, available: &str) -> Value {
        let usd = |amount: &str| json!({ "amount": amount, "currency": "USD" });
        let (price, available) = (usd(price), usd(available));
        json!({ "offer": { "price": price }, "numbers_left": numbers_left, "included_left": included_left, "available": available })
    }

    #[test]
    fn each_row_is_held_against_what_the_rows_before_it_leave() {
        let mut reckoning = Reckoning::default();
        let mut check = |tenant: &str, preview: Value, expected: &str| {
            let taken = reckoning.take(&tenant.parse().unwrap(), &preview).unwrap();
            assert_eq!(taken.map_or_else(|refusal| refusal.brief(), |price| price.0.to_string()), expected);
        };
        let short = "insufficient_balance: It takes 1.50 USD, and the rows before this leave 1.00 USD.";
        check("acme", preview("1.50", 25, 1, "2.50"), "0.00 USD");
        check("acme", preview("1.50", 25, 1, "2.50"), "1.50 USD");
        check("acme", preview("1.50", 25, 1, "2.50"), short);
        // What was refused takes nothing, and a cheaper one is still to be had.
        check("acme", preview("1.00", 25, 1, "2.50"), "1.00 USD");
        check("b", preview("1.50", 1, 0, "9.00"), "1.50 USD");
        let full = "number_limit_reached: The plan allows 1 more, and the rows before this take them.";
        check("b", preview("1.50", 1, 0, "9.00"), full);
        check("c", preview("0.00", 1, 0, "-1.00"), "0.00 USD");
        assert_eq!(reckoning.total(), "4.00 USD");
        assert_snapshot!(reckoning.table(), @r"
        tenant  numbers  cost now  available
        acme          3  2.50 USD   2.50 USD
        b             1  1.50 USD   9.00 USD
        c             1  0.00 USD  -1.00 USD
        ");
        assert_eq!(reckoning.document()[1]["cost"], json!({ "amount": "1.50", "currency": "USD" }));
        assert!(reckoning.take(&"acme".parse().unwrap(), &json!({})).is_err());
        assert_eq!(Reckoning::default().table(), "Nothing would be bought.\n");
    }
}
