//! The second act: a year of one tenant's numbers, in the time it takes to move the clock through it.
//!
//! `plenty` is the part with money: renewals, an outage, ticks that come at once, a program that dies. `drought` is the part
//! without: dunning, recovery, cards that pay and cards that do not, numbers that go. As in the first act, the balance to be
//! found is known at every moment, and so is every period that was charged.

mod drought;
mod plenty;

use domain::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use reqwest::Method;
use serde_json::{Value, json};

use super::paper::{line, print, scene};
use super::stage::{MINUTE, Number, Outcome, Stage, Tenant, check, expect, usd};

/// What the scenes so far have come to.
struct Year<'a> {
    stage: &'a mut Stage,
    /// Which year it is.
    year: i16,
    tenant: Tenant,
    rival: Tenant,
    /// Our id of the agent, and the platform's.
    agent: (String, String),
    /// What a number costs a month.
    price: Money,
    balance: Money,
    /// The payment that was made last, as the payment provider names it.
    payment: String,
    /// Bought on January 15.
    front: Number,
    /// Bought on January 31, with the agent.
    support: Number,
    /// Bought on February 5.
    sales: Number,
}

/// Plays all scenes.
pub(super) async fn play(stage: &mut Stage) -> Outcome {
    print("\nA year in a minute: the same system begins anew, and its clock is moved through the coming year.\n");
    let mut year = opening(stage).await?;
    scene(1, "The tenant puts 25.00 USD into its wallet, by card.");
    plenty::first_money(&mut year).await?;
    scene(2, "It buys three numbers on three days, one of them on a 31st, with its agent to answer.");
    plenty::three_numbers(&mut year).await?;
    scene(3, "Two months pass.");
    plenty::two_months(&mut year).await?;
    scene(4, "We are down for 40 days.");
    plenty::outage(&mut year).await?;
    scene(5, "The same renewal tick comes three times at once.");
    plenty::three_ticks(&mut year).await?;
    scene(6, "The whole system dies in a renewal: once before it charges, once right after.");
    plenty::deaths(&mut year).await?;
    scene(7, "The money runs out, on the day that was foretold.");
    drought::running_dry(&mut year).await?;
    scene(8, "The tenant pays again, and does nothing else.");
    drought::recovery(&mut year).await?;
    scene(9, "It lets its wallet top itself up with the card it has paid with.");
    drought::auto_top_up(&mut year).await?;
    scene(10, "It lets one number go at the end of its period, keeps it after all, and lets it go.");
    drought::period_end(&mut year).await?;
    scene(11, "It lets another go at once; then its bank declines the card, and the last number runs dry.");
    drought::declined(&mut year).await?;
    scene(12, "Another tenant wants the number; then its former holder comes back for it.");
    drought::bought_back(&mut year).await?;
    scene(13, "The payment for that is disputed, and the wallet falls below zero.");
    drought::disputed(&mut year).await?;
    scene(14, "All invariants are held against books, carrier, platform and payments.");
    drought::verify(&mut year).await
}

async fn opening(stage: &mut Stage) -> Outcome<Year<'_>> {
    stage.start().await?;
    let now: Timestamp = stage.local("clock", None).await?.text("/now").parse()?;
    let year = now.to_zoned(TimeZone::UTC).year() + 1;
    stage.to(at(Date::new(year, 1, 10)?, 12, 0)?).await?;
    let (tenant, rival) = (stage.tenant("year", "0").await?, stage.tenant("rival", "10.00").await?);
    let wish = json!({ "name": "Receptionist", "platform": "vapi", "number": false });
    let agent = expect("the agent", 201, stage.send(Method::POST, &tenant, "/v1/agents", wish).await?)?;
    let agent = (agent.text("/agent/id").to_owned(), agent.text("/agent/platform_agent_id").to_owned());
    let balance = Money::zero("USD".parse()?);
    line("tenant", &format!("{}, plan PRO, no money yet; it is January 10, {year}", tenant.id));
    let (front, support, sales) = (Number::default(), Number::default(), Number::default());
    let payment = String::new();
    Ok(Year { stage, year, tenant, rival, agent, price: balance, balance, payment, front, support, sales })
}

/// An instant of a day.
fn at(date: Date, hour: i8, minute: i8) -> Outcome<Timestamp> {
    Ok(date.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC)?.timestamp())
}

impl Year<'_> {
    fn day(&self, month: i8, day: i8) -> Outcome<Date> {
        Ok(Date::new(self.year, month, day)?)
    }

    /// The days on which a number of this anchor renews, from one month to another.
    fn anchors(&self, first: i8, last: i8, anchor: i8) -> Outcome<Vec<Date>> {
        let mut days = Vec::new();
        for month in first..=last {
            let end = self.day(month, 1)?.last_of_month();
            days.push(if end.day() < anchor { end } else { self.day(month, anchor)? });
        }
        Ok(days)
    }

    /// Moves the clock to half an hour into a day, jobs running.
    async fn to(&self, month: i8, day: i8) -> Outcome {
        self.stage.to(at(self.day(month, day)?, 0, 30)?).await
    }

    /// So much more (or less) must be in the wallet from now on.
    fn moves(&mut self, amount: &str) -> Outcome {
        self.balance = self.balance.add(Money::parse(amount, self.balance.currency)?)?;
        Ok(())
    }

    /// So many months of a number are paid for.
    fn pays_months(&mut self, months: usize) -> Outcome {
        for _ in 0..months {
            self.balance = self.balance.add(self.price.negated())?;
        }
        Ok(())
    }

    async fn wallet_adds_up(&self) -> Outcome {
        check("the wallet", usd(&self.balance.amount()), self.stage.wallet(&self.tenant).await?)
    }

    /// Pays on the page of a top-up; the ids of the events that told of it.
    async fn pays(&mut self, key: &str, amount: &str) -> Outcome<Vec<String>> {
        let wish = json!({ "amount": amount, "currency": "USD" });
        let (token, path) = (self.tenant.token.clone(), "/v1/wallet/top-ups");
        let started = self.stage.child()?.send(Method::POST, path, &token, key, Some(&wish)).await?;
        let started = expect("the top-up", 201, started)?;
        let page = json!({ "session": started.text("/session"), "outcome": "paid" });
        let paid = self.stage.local("simulators/stripe/pay", Some(page)).await?;
        let events = paid.list("/events");
        check("every event is taken", true, events.iter().all(|event| event["status"] == 200))?;
        let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
        line("stripe", &format!("{amount} USD paid; told of by {}", kinds.join(", ")));
        let top_up = self.stage.get(&self.tenant, &format!("{path}/{}", started.text("/id"))).await?;
        check("the top-up", "paid", top_up.text("/status"))?;
        self.moves(amount)?;
        paid.text("/payment_intent").clone_into(&mut self.payment);
        Ok(events.iter().filter_map(|event| event["id"].as_str()).map(str::to_owned).collect())
    }

    async fn buys(&mut self, key: &str, wish: &Value) -> Outcome<Number> {
        let bought = expect("the purchase", 201, self.stage.buy(&self.tenant, key, wish).await?)?;
        self.price = serde_json::from_value(bought.body["number"]["price"].clone())?;
        self.pays_months(1)?;
        self.wallet_adds_up().await?;
        Ok(Number::of(&bought.body))
    }

    /// The number as its tenant sees it.
    async fn shown(&self, number: &Number) -> Outcome<Value> {
        Ok(self.stage.get(&self.tenant, &format!("/v1/numbers/{}", number.id)).await?.body)
    }

    async fn is(&self, number: &Number, status: &str) -> Outcome {
        let shown = self.shown(number).await?;
        check(&format!("the status of {}", number.e164), status, shown["status"].as_str().unwrap_or_default())
    }

    /// A call that the agent takes, and that is charged.
    async fn reaches_the_agent(&mut self, number: &Number) -> Outcome {
        self.stage.reaches(&self.agent.1, &number.e164).await?;
        self.moves(&format!("-{MINUTE}"))?;
        self.wallet_adds_up().await
    }

    /// The periods a number was charged for must be those that begin on these days.
    async fn check_periods(&self, number: &Number, days: &[Date]) -> Outcome {
        let path = format!("/v1/wallet/entries?limit=100&number_id={}", number.id);
        let entries = self.stage.get(&self.tenant, &path).await?;
        let starts = entries.list("/items").iter().filter_map(|entry| entry["period"]["start"].as_str()?.get(..10));
        let mut starts: Vec<String> = starts.map(str::to_owned).collect();
        starts.reverse();
        let days: Vec<String> = days.iter().map(ToString::to_string).collect();
        check(&format!("the periods of {} that were charged", number.e164), days, starts)
    }

    /// Prints the newest lines of the ledger, oldest first.
    async fn show_ledger(&self, lines: usize) -> Outcome {
        let entries = self.stage.get(&self.tenant, &format!("/v1/wallet/entries?limit={lines}")).await?;
        for entry in entries.list("/items").iter().rev() {
            let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let day = text("/effective_at").get(..10).unwrap_or_default();
            let (amount, after) = (text("/amount/amount"), text("/balance_after/amount"));
            line("ledger", &format!("{day} {amount:>6}, then {after:>5}: {}", text("/explain")));
        }
        Ok(())
    }

    /// Prints until when the money lasts, which must be this day.
    async fn lasts_until(&self, month: i8, day: i8) -> Outcome {
        let wallets = self.stage.get(&self.tenant, "/v1/wallet").await?;
        let until = wallets.text("/wallets/0/funds_last_until");
        check("until when the money lasts", self.day(month, day)?.to_string().as_str(), until)?;
        line("wallet", &format!("{} USD, which lasts until {until}", self.balance.amount()));
        Ok(())
    }

    /// Prints what will be charged next, which must be on these days.
    async fn upcoming(&self, days: &[Date]) -> Outcome {
        let upcoming = self.stage.get(&self.tenant, "/v1/wallet/upcoming").await?;
        let on = |item: &Value| item["on"].as_str().and_then(|on| on.get(..10)).unwrap_or_default().to_owned();
        let found: Vec<String> = upcoming.list("/items").iter().map(on).collect();
        check("what is charged next", days.iter().map(ToString::to_string).collect::<Vec<_>>(), found.clone())?;
        line("upcoming", &found.join(", "));
        Ok(())
    }

    /// What the tenant was told of a kind about a number.
    async fn told(&self, kind: &str, number: &Number) -> Outcome<Vec<Value>> {
        let events = self.stage.local(&format!("events?tenant={}", self.tenant.id), None).await?;
        let of = |event: &&Value| event["type"] == kind && event["data"]["number_id"] == number.id.as_str();
        Ok(events.list("/items").iter().filter(of).map(|event| event["data"].clone()).collect())
    }

    /// How often the tenant was told of this.
    async fn times_told(&self, kind: &str) -> Outcome<usize> {
        let events = self.stage.local(&format!("events?tenant={}", self.tenant.id), None).await?;
        Ok(events.list("/items").iter().filter(|event| event["type"] == kind).count())
    }
}
