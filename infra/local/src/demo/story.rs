//! The main story, one function per scene, in the order in which they are played. Every number of it costs the same, and
//! so does every call that is put through: so the balance to be found is known at every moment.

use domain::Money;
use reqwest::Method;
use serde_json::{Value, json};

use super::paper::{line, print, scene};
use super::stage::{MINUTE, Number, Outcome, Stage, Tenant, check, expect, usd};
use super::{OPENING_BALANCE, TENANT};

/// What the scenes so far have come to.
struct Story<'a> {
    stage: &'a mut Stage,
    tenant: Tenant,
    rival: Tenant,
    /// Our id of the agent, and the platform's.
    agent: (String, String),
    offers: Vec<String>,
    /// What a number costs a month.
    price: Money,
    balance: Money,
    numbers: Vec<Number>,
}

/// Plays all scenes.
pub(super) async fn play(stage: &mut Stage) -> Outcome {
    print(
        "A tenant buys phone numbers for its voice agent. Everything is simulated: no account, no money, no callers.\n",
    );
    let mut story = opening(stage).await?;
    scene(1, "The tenant looks for numbers in New York (area code 212).");
    search(&mut story).await?;
    scene(2, "It buys one of them.");
    buy_exact(&mut story).await?;
    scene(3, "It buys any number in San Francisco (415), with its agent to answer.");
    buy_any_linked(&mut story).await?;
    scene(4, "It lists its numbers.");
    list(&mut story).await?;
    scene(5, "Somebody calls both; then the first number gets the agent, too.");
    call_both(&mut story).await?;
    scene(6, "The carrier sells a number, and its answer is lost.");
    lost_answer(&mut story).await?;
    scene(7, "The whole system dies in the moment after the carrier has sold.");
    crash(&mut story).await?;
    scene(8, "A tenant with 1.00 USD wants a number.");
    too_poor(&mut story).await?;
    scene(9, "Two tenants want the same number at the same time.");
    two_at_once(&mut story).await?;
    scene(10, "The tenant lets its first number go.");
    release(&mut story).await?;
    scene(11, "All invariants are held against books, carrier and platform.");
    verify(&mut story).await
}

async fn opening(stage: &mut Stage) -> Outcome<Story<'_>> {
    stage.start().await?;
    let token = stage.local("token", Some(json!({ "tenant": TENANT }))).await?;
    let tenant = Tenant { id: TENANT.to_owned(), token: token.text("/token").to_owned() };
    let rival = stage.tenant("rival", "10.00").await?;
    let agents = stage.get(&tenant, "/v1/agents").await?;
    let agent = (agents.text("/items/0/id").to_owned(), agents.text("/items/0/platform_agent_id").to_owned());
    let zero = Money::zero("USD".parse()?);
    let balance = Money::parse(OPENING_BALANCE, zero.currency)?;
    check("the wallet at the beginning", usd(OPENING_BALANCE), stage.wallet(&tenant).await?)?;
    line("tenant", &format!("{TENANT}, plan PRO, {OPENING_BALANCE} USD, agent \"{}\"", agents.text("/items/0/name")));
    Ok(Story { stage, tenant, rival, agent, offers: Vec::new(), price: zero, balance, numbers: Vec::new() })
}

async fn search(story: &mut Story<'_>) -> Outcome {
    let found = story.stage.get(&story.tenant, "/v1/available-numbers?country=US&area_code=212&limit=20").await?;
    let offers = found.list("/items").iter().filter_map(|offer| offer["e164"].as_str());
    story.offers = offers.map(str::to_owned).collect();
    check("every offer has the area code", true, story.offers.iter().all(|e164| e164.starts_with("+1212")))?;
    check("there are offers for the scenes to come", true, story.offers.len() >= 5)?;
    story.price = serde_json::from_value(found.list("/items")[0]["price"].clone())?;
    line("offers", &format!("{} … ({} shown)", story.offers[..3].join(" "), story.offers.len()));
    line("price", &format!("{} a month each", story.price));
    check("the carrier was only asked", 0, story.stage.carrier().await?.asked("numbers.create"))?;
    story.stage.tell(&story.tenant).await
}

async fn buy_exact(story: &mut Story<'_>) -> Outcome {
    let wish = json!({ "e164": story.next_offer()?, "name": "Front desk" });
    let bought = expect("the purchase", 201, story.stage.buy(&story.tenant, "exact", &wish).await?)?;
    check("the number bought", wish["e164"].as_str(), Some(bought.text("/number/e164")))?;
    line("bought", &format!("{}, paid through {}", bought.text("/number/e164"), bought.text("/number/paid_through")));
    story.holds(&bought.body).await?;
    let again = expect("the same key again", 201, story.stage.buy(&story.tenant, "exact", &wish).await?)?;
    check("the same key answers the same number", bought.text("/number/id"), again.text("/number/id"))?;
    line("repeated", "the same request under the same key answers the same number and buys nothing");
    check("orders at the carrier", 1, story.stage.carrier().await?.asked("numbers.create"))?;
    story.stage.tell(&story.tenant).await
}

async fn buy_any_linked(story: &mut Story<'_>) -> Outcome {
    let wish = json!({ "country": "US", "area_code": "415", "agent_id": story.agent.0, "name": "Sales" });
    let bought = expect("the purchase", 201, story.stage.buy(&story.tenant, "any", &wish).await?)?;
    check("its area code", true, bought.text("/number/e164").starts_with("+1415"))?;
    check("its agent", story.agent.0.as_str(), bought.text("/number/agent_id"))?;
    check("its link", "linked", bought.text("/number/link/status"))?;
    line("bought", &format!("{}, linked to the agent", bought.text("/number/e164")));
    story.holds(&bought.body).await?;
    let platform = story.stage.platform().await?;
    let bound = platform.numbers().first().and_then(|number| number["agent"].as_str());
    check("the platform's agent behind it", Some(story.agent.1.as_str()), bound)?;
    story.stage.tell(&story.tenant).await
}

async fn list(story: &mut Story<'_>) -> Outcome {
    let listed = story.stage.get(&story.tenant, "/v1/numbers?status=active").await?;
    for number in listed.list("/items") {
        let text = |name: &str| number[name].as_str().unwrap_or("-").to_owned();
        let next = format!("next charge {}", text("next_charge_on").get(..10).unwrap_or("-"));
        line("number", &format!("{}  {:<10}  {}  {next}", text("e164"), text("name"), text("status")));
    }
    let mut found: Vec<&str> = listed.list("/items").iter().filter_map(|number| number["e164"].as_str()).collect();
    found.sort_unstable();
    let mut held: Vec<&str> = story.numbers.iter().map(|number| number.e164.as_str()).collect();
    held.sort_unstable();
    check("the numbers listed", held, found)
}

async fn call_both(story: &mut Story<'_>) -> Outcome {
    let [first, second] = &story.numbers[..] else { return Err("two numbers were to be there by now".into()) };
    let (first, unlinked, linked) = (first.clone(), first.e164.clone(), second.e164.clone());
    story.reaches_nobody_yet(&unlinked).await?;
    story.reaches_the_agent(&linked).await?;
    let path = format!("/v1/numbers/{}/agent", first.id);
    let link = story.stage.send(Method::PUT, &story.tenant, &path, json!({ "agent_id": story.agent.0 })).await?;
    let link = expect("linking the first number", 200, link)?;
    check("its link", "linked", link.text("/number/link/status"))?;
    line("linked", &format!("{unlinked} to the same agent"));
    story.reaches_the_agent(&unlinked).await?;
    story.stage.tell(&story.tenant).await
}

async fn lost_answer(story: &mut Story<'_>) -> Outcome {
    story.fault("lost_reply", "is carried out, and the answer is lost").await?;
    let wish = json!({ "e164": story.next_offer()? });
    let bought = expect("the purchase", 201, story.stage.buy(&story.tenant, "lost", &wish).await?)?;
    let carrier = story.stage.carrier().await?;
    check("how often the carrier has it", 1, carrier.has(bought.text("/number/e164")))?;
    check("orders at the carrier", 3, carrier.asked("numbers.create"))?;
    line("bought", &format!("{}: not ordered again, but looked for and found", bought.text("/number/e164")));
    story.holds(&bought.body).await?;
    story.stage.tell(&story.tenant).await
}

async fn crash(story: &mut Story<'_>) -> Outcome {
    story.fault("crash", "is carried out, and the system dies").await?;
    let e164 = story.next_offer()?;
    let wish = json!({ "e164": e164, "agent_id": story.agent.0 });
    if let Ok(answer) = story.stage.buy(&story.tenant, "crash", &wish).await {
        return Err(format!("the system was to die, and answered {}: {}", answer.status, answer.body).into());
    }
    story.stage.wait_for_its_death().await?;
    line("died", "the request got no answer; the books know of an order, the carrier has sold");
    story.stage.start().await?;
    line("started", "again on the same data, at another address");
    story.stage.local("drain", Some(json!({}))).await?;
    let again = expect("the same key after the restart", 201, story.stage.buy(&story.tenant, "crash", &wish).await?)?;
    check("the number bought", e164.as_str(), again.text("/number/e164"))?;
    let carrier = story.stage.carrier().await?;
    check("how often the carrier has it", 1, carrier.has(&e164))?;
    check("orders at the carrier", 4, carrier.asked("numbers.create"))?;
    line("bought", &format!("{e164}: the same key answers the number that was bought once"));
    story.holds(&again.body).await?;
    story.reaches_the_agent(&e164).await?;
    story.stage.tell(&story.tenant).await
}

async fn too_poor(story: &mut Story<'_>) -> Outcome {
    let poor = story.stage.tenant("poor", "1.00").await?;
    let before = story.stage.carrier().await?.requests();
    let wish = json!({ "e164": story.next_offer()? });
    let refused = expect("the purchase", 402, story.stage.buy(&poor, "poor", &wish).await?)?;
    check("the code", "insufficient_balance", refused.text("/code"))?;
    line("refused", refused.text("/detail"));
    check("the wallet is untouched", usd("1.00"), story.stage.wallet(&poor).await?)?;
    check("requests to the carrier", before, story.stage.carrier().await?.requests())?;
    line("carrier", "was not asked anything");
    line("ledger", "1.00 USD, 0.00 held");
    Ok(())
}

async fn two_at_once(story: &mut Story<'_>) -> Outcome {
    let e164 = story.next_offer()?;
    let wish = json!({ "e164": e164 });
    let orders = story.stage.carrier().await?.asked("numbers.create");
    let (ours, theirs) =
        tokio::join!(story.stage.buy(&story.tenant, "race", &wish), story.stage.buy(&story.rival, "race", &wish));
    let (ours, theirs) = (ours?, theirs?);
    let mut statuses = [ours.status, theirs.status];
    statuses.sort_unstable();
    check("one has it, one is refused", [201, 409], statuses)?;
    let (winner, loser, refusal) = match ours.status {
        201 => (&story.tenant, &story.rival, theirs),
        _ => (&story.rival, &story.tenant, ours.clone()),
    };
    check("the code", "number_unavailable", refusal.text("/code"))?;
    line("won", &format!("{} has {e164}", winner.id));
    line("refused", &format!("{}: {}", loser.id, refusal.text("/detail")));
    let carrier = story.stage.carrier().await?;
    check("how often the carrier has it", 1, carrier.has(&e164))?;
    check("orders at the carrier", orders + 1, carrier.asked("numbers.create"))?;
    if ours.status == 201 {
        story.holds(&ours.body).await?;
    }
    check("the wallet", usd(&story.balance.amount()), story.stage.wallet(&story.tenant).await?)?;
    story.stage.tell(&story.tenant).await
}

async fn release(story: &mut Story<'_>) -> Outcome {
    let Number { id, e164 } = story.numbers.remove(0);
    let known = story.stage.platform().await?.numbers().len();
    let gone = story.stage.send(Method::DELETE, &story.tenant, &format!("/v1/numbers/{id}"), Value::Null).await?;
    let gone = expect("the release", 200, gone)?;
    check("its status", "released", gone.text("/number/status"))?;
    check("how often the carrier has it", 0, story.stage.carrier().await?.has(&e164))?;
    check("numbers at the platform", known - 1, story.stage.platform().await?.numbers().len())?;
    line("released", &format!("{e164}: gone at the platform, gone at the carrier"));
    // The carrier would sell it again at once; that it goes to nobody else yet is our own rule.
    story.stage.local("simulators/twilio/stock", Some(json!({ "e164": [e164] }))).await?;
    let refused = story.stage.buy(&story.rival, "too soon", &json!({ "e164": e164 })).await?;
    let refused = expect("the purchase of a number in quarantine", 409, refused)?;
    check("the code", "number_unavailable", refused.text("/code"))?;
    check("how often the carrier has it", 0, story.stage.carrier().await?.has(&e164))?;
    line("refused", &format!("{}: {e164} is kept from other tenants for 30 days", story.rival.id));
    check("nothing is refunded", usd(&story.balance.amount()), story.stage.wallet(&story.tenant).await?)?;
    story.stage.tell(&story.tenant).await
}

async fn verify(story: &mut Story<'_>) -> Outcome {
    let held = story.stage.local("verify", None).await?;
    check("violations", &json!([]), &held.body["violations"])?;
    check("all is well", &json!(true), &held.body["ok"])?;
    line("verified", "one owner, nothing lost, holds resolved, money adds up, charged once");
    Ok(())
}

impl Story<'_> {
    fn next_offer(&mut self) -> Outcome<String> {
        if self.offers.is_empty() { Err("no offer is left".into()) } else { Ok(self.offers.remove(0)) }
    }

    /// Takes in a number that was bought, and holds the wallet against its price.
    async fn holds(&mut self, answer: &Value) -> Outcome {
        check("its status", "active", answer["number"]["status"].as_str().unwrap_or_default())?;
        let number = Number::of(answer);
        check("how often the carrier has it", 1, self.stage.carrier().await?.has(&number.e164))?;
        self.numbers.push(number);
        self.balance = self.balance.add(self.price.negated())?;
        check("the wallet", usd(&self.balance.amount()), self.stage.wallet(&self.tenant).await?)
    }

    /// The carrier's next order goes wrong in this way.
    async fn fault(&self, kind: &str, meaning: &str) -> Outcome {
        let fault = json!({ "provider": "twilio", "operation": "numbers.create", "kind": kind });
        self.stage.local("faults", Some(fault)).await?;
        line("fault", &format!("the carrier's next order {meaning}"));
        Ok(())
    }

    async fn reaches_the_agent(&mut self, e164: &str) -> Outcome {
        self.stage.reaches(&self.agent.1, e164).await?;
        self.costs_a_minute().await
    }

    async fn reaches_nobody_yet(&mut self, e164: &str) -> Outcome {
        let said = self.stage.hears(e164).await?;
        check("the caller hears a sentence", true, said.contains("not set up yet"))?;
        line("call", &format!("{e164} is linked to nobody yet; the caller hears: {said}"));
        self.wallet_adds_up().await
    }

    /// A call that was put through is charged when it is over.
    async fn costs_a_minute(&mut self) -> Outcome {
        let minute = Money::parse(MINUTE, self.balance.currency)?;
        self.balance = self.balance.add(minute.negated())?;
        self.wallet_adds_up().await
    }

    async fn wallet_adds_up(&self) -> Outcome {
        check("the wallet", usd(&self.balance.amount()), self.stage.wallet(&self.tenant).await?)
    }
}
