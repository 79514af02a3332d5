//! What is told late of a call, by a platform or by the carrier: whose it was, and by whom it is told, was decided when it
//! began, whatever has become of the number since.

use serde_json::{Value, json};
use tests::Tenant;

use crate::kit::{CALLER, NUMBER, Story, client, list, word};
use crate::ways::{Source, WAYS, Way, ways_of};

impl Way {
    fn tells(self, story: &Story, url: &str) {
        let simulators = &story.app.system.simulators;
        match self.platform {
            "vapi" => simulators.vapi.set_endpoint(url),
            "retell" => simulators.retell.set_endpoint(url),
            _ => simulators.elevenlabs.set_endpoint(url),
        }
    }

    /// From now on what is told of calls is lost.
    fn tells_nobody(self, story: &Story) {
        self.tells(story, "http://127.0.0.1:9/nobody");
    }

    /// Somebody calls, and nobody hears of it.
    async fn unheard_call(self, story: &Story) {
        self.tells_nobody(story);
        assert!(self.rings(story).await.is_some(), "{self:?}");
        story.app.system.simulators.tell().await;
    }

    /// All that was lost is told, each as often as this.
    async fn tells_late(self, story: &Story, times: usize) {
        self.tells(story, &format!("{}/webhooks/{}", story.app.system.url, self.platform));
        let state = story.app.state(self.platform).await;
        let simulators = &story.app.system.simulators;
        for _ in 0..times {
            let answered: Vec<Value> = match self.platform {
                "vapi" => {
                    let messages: Vec<_> = list(&state, "messages").iter().map(|told| told["seq"].clone()).collect();
                    let told = simulators.vapi.deliver(&json!({ "messages": messages })).await.expect("messages");
                    list(&told, "messages").iter().map(|told| told["answered"].clone()).collect()
                }
                "retell" => {
                    let mut answered = Vec::new();
                    for event in list(&state, "events") {
                        let (call, kind) = (word(&event, "/call"), word(&event, "/type"));
                        answered.push(json!(simulators.retell.repeat(&call, &kind).await.expect("an event")));
                    }
                    answered
                }
                _ => {
                    let mut answered = Vec::new();
                    for call in list(&state, "calls") {
                        let told = simulators.elevenlabs.repeat(&word(&call, "/id")).await;
                        answered.push(json!(told.expect("a conversation")));
                    }
                    answered
                }
            };
            assert!(!answered.is_empty() && answered.iter().all(|status| *status == 200), "{self:?}: {answered:?}");
        }
    }

    /// What is told late of the one call there was is noted, charged once, and this agent's.
    async fn noted_late(self, story: &Story, number: &str, agent: &str) {
        let (before, _, _) = story.app.wallet(&story.tenant).await;
        assert_eq!(self.log(story, number).await, Vec::<String>::new(), "{self:?}");
        self.tells_late(story, 2).await;
        assert_eq!(self.log(story, number).await, [self.one_call()], "{self:?}");
        let path = format!("/v1/numbers/{number}/calls");
        assert_eq!(story.get(&path).await.expect(200).text("/items/0/agent_id"), agent, "{self:?}");
        let (after, _, _) = story.app.wallet(&story.tenant).await;
        assert_eq!(cents(&before) - cents(&after), cents(self.minute()), "{self:?}");
        story.app.verify().await;
    }
}

fn cents(amount: &str) -> i64 {
    amount.replace('.', "").parse().expect("an amount")
}

/// Calls go past us, from whatever carrier.
fn past_us() -> impl Iterator<Item = Way> {
    WAYS.into_iter().filter(|way| !way.asks_us())
}

/// Calls go past us now, and may come by us at other times.
fn past_us_for_now() -> impl Iterator<Item = Way> {
    ways_of(Source::Twilio).filter(|way| !way.asks_us())
}

#[tokio::test]
async fn a_call_told_after_the_unlink_is_the_agents_who_took_it() {
    for way in past_us() {
        let story = way.begin().await;
        let agent = way.agent(&story, "First").await;
        let number = way.buy(&story, &agent).await;
        way.unheard_call(&story).await;
        let _ = story.unlink(&number).await.expect(200);
        way.noted_late(&story, &number, &agent).await;
        let _ = story.app.advance("PT1M").await;
        way.tells_late(&story, 1).await;
        assert_eq!(way.log(&story, &number).await, [way.one_call()], "{way:?}");
    }
}

#[tokio::test]
async fn a_call_told_after_a_relink_is_the_agents_who_took_it() {
    for way in past_us() {
        let story = way.begin().await;
        let [first, second] = [way.agent(&story, "First").await, way.agent(&story, "Second").await];
        let number = way.buy(&story, &first).await;
        way.unheard_call(&story).await;
        let _ = way.link(&story, &number, &second).await;
        way.noted_late(&story, &number, &first).await;
    }
}

#[tokio::test]
async fn a_call_told_after_its_number_came_back_to_our_webhook_is_charged_once() {
    for way in past_us_for_now() {
        let story = way.begin().await;
        let agent = way.agent(&story, "First").await;
        let number = way.buy(&story, &agent).await;
        way.unheard_call(&story).await;
        let by_us = Way { method: "hand_over", ..way };
        let _ = by_us.link(&story, &number, &agent).await;
        way.noted_late(&story, &number, &agent).await;
        // Those that come by us from now on are told by us alone, whatever the platform says of them.
        let _ = story.app.advance("PT1M").await;
        by_us.answered_by(&story, Some(&agent)).await;
        assert_eq!(way.log(&story, &number).await, [way.one_call(), way.one_call()], "{way:?}");
        story.app.verify().await;
    }
}

#[tokio::test]
async fn a_call_that_came_by_us_is_charged_once_though_its_number_goes_past_us_when_the_platform_tells_of_it() {
    for way in past_us_for_now().filter(|way| way.platform != "vapi") {
        let story = way.begin().await;
        let agent = way.agent(&story, "First").await;
        let by_us = Way { method: "hand_over", ..way };
        let number = by_us.buy(&story, &agent).await;
        by_us.unheard_call(&story).await;
        assert_eq!(way.log(&story, &number).await, [way.one_call()], "{way:?}");
        let _ = story.app.advance("PT1M").await;
        let _ = way.link(&story, &number, &agent).await;
        way.tells_late(&story, 2).await;
        assert_eq!(way.log(&story, &number).await, [way.one_call()], "{way:?}");
        story.app.verify().await;
    }
}

#[tokio::test]
async fn a_call_that_came_by_us_while_its_number_was_being_moved_past_us_is_charged_once() {
    for way in past_us_for_now().filter(|way| way.method == "trunk") {
        let story = way.begin().await;
        let agent = way.agent(&story, "First").await;
        let by_us = Way { method: "hand_over", ..way };
        let number = by_us.buy(&story, &agent).await;
        // The platform knows the number by now, and the carrier does not bring its calls there yet.
        story.fault("twilio", "trunks.attach", "error", 1_000).await;
        let path = format!("/v1/numbers/{number}/agent");
        let moving = story.app.put(&story.tenant, &path, way.for_agent(&agent)).await.expect(202);
        assert_eq!(moving.text("/operation/status"), "running", "{}", moving.body);
        let _ = story.app.advance("PT1M").await;
        by_us.answered_by(&story, Some(&agent)).await;
        way.tells_late(&story, 2).await;
        assert_eq!(way.log(&story, &number).await, [way.one_call()], "{way:?}");
        story.app.no_faults();
        let _ = story.app.advance("PT15M").await;
        way.tells_late(&story, 1).await;
        assert_eq!(way.log(&story, &number).await, [way.one_call()], "{way:?}");
        way.answered_by(&story, Some(&agent)).await;
        story.app.verify().await;
    }
}

#[tokio::test]
async fn a_call_told_after_its_number_is_another_tenants_is_charged_to_who_held_it() {
    for way in past_us_for_now() {
        let story = way.begin().await;
        let agent = way.agent(&story, "First").await;
        let number = way.buy(&story, &agent).await;
        way.unheard_call(&story).await;
        let _ = story.release(&number).await.expect(200);
        let _ = story.app.advance("P31D").await;

        let other = story.app.tenant("PRO", "50.00").await;
        story.stock(&[NUMBER]).await;
        // The very same agent of the account, so that nothing but the time tells them apart.
        let at_platform = way.at_platform(&story, &agent).await;
        let wish = json!({ "name": "Theirs", "platform": way.platform, "platform_agent_id": at_platform });
        let theirs = story.app.post(&other, "/v1/agents", "theirs", wish).await.expect(201).text("/agent/id");
        let wish = json!({ "e164": NUMBER, "agent_id": theirs, "method": way.method });
        let bought = story.app.post(&other, "/v1/numbers", "first", wish).await.expect(201);
        let before = story.app.wallet(&other).await;

        way.noted_late(&story, &number, &agent).await;
        assert_eq!(story.app.wallet(&other).await, before, "{way:?}");
        assert_eq!(calls_of(&story, &other, &bought.text("/number/id")).await, 0, "{way:?}");
        way.tells(&story, &format!("{}/webhooks/{}", story.app.system.url, way.platform));
        let _ = story.call(NUMBER, "completed").await;
        let _ = story.app.drain().await.expect(200);
        assert_eq!(calls_of(&story, &other, &bought.text("/number/id")).await, 1, "{way:?}");
    }
}

async fn calls_of(story: &Story, tenant: &Tenant, number: &str) -> usize {
    let calls = story.app.get(tenant, &format!("/v1/numbers/{number}/calls")).await.expect(200);
    list(&calls.body, "items").len()
}

#[tokio::test]
async fn a_call_that_goes_by_a_new_link_is_its_agents_while_the_platform_before_is_silent() {
    let [before, after] = [WAYS[1], WAYS[5]];
    let story = before.begin().await;
    let [first, second] = [before.agent(&story, "First").await, after.agent(&story, "Second").await];
    let number = before.buy(&story, &first).await;
    story.fault("vapi", "numbers.delete", "error", 1_000).await;
    let wish = json!({ "agent_id": second, "method": after.method });
    let running = story.app.put(&story.tenant, &format!("/v1/numbers/{number}/agent"), wish).await.expect(202);
    assert_eq!(running.text("/operation/steps/2/name"), "disconnect", "{}", running.body);
    assert_eq!(word(&story.number(&number).await, "/agent_id"), first);
    after.unheard_call(&story).await;
    after.noted_late(&story, &number, &second).await;
    story.app.no_faults();
    let _ = story.app.advance("PT15M").await;
    assert_eq!(word(&story.number(&number).await, "/agent_id"), second);
    after.tells_late(&story, 1).await;
    assert_eq!(after.log(&story, &number).await, [after.one_call()]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_call_told_after_its_link_was_put_right_is_the_same_agents() {
    let way = WAYS[1];
    let story = way.begin().await;
    let agent = way.agent(&story, "First").await;
    let number = way.buy(&story, &agent).await;
    way.unheard_call(&story).await;
    let _ = story.app.advance("PT1M").await;
    let vapi = &story.app.system.simulators.vapi;
    let url = format!("{}/phone-number/{}", vapi.url, word(&story.app.state("vapi").await, "/numbers/0/id"));
    let gone = client().delete(url).bearer_auth(&vapi.api_key).send().await.expect("the platform answers");
    assert!(gone.status().is_success());
    let run = story.app.local("jobs/reconcile", Some(json!({}))).await.expect(200);
    assert_eq!(run.text("/findings/0/action"), "repaired", "{}", run.body);
    way.noted_late(&story, &number, &agent).await;
}

#[tokio::test]
async fn a_call_whose_beginning_was_told_ends_as_it_began() {
    let way = WAYS[1];
    let story = way.begin().await;
    let agent = way.agent(&story, "First").await;
    let number = way.buy(&story, &agent).await;
    way.unheard_call(&story).await;
    way.tells(&story, &format!("{}/webhooks/{}", story.app.system.url, way.platform));
    let first = list(&story.app.state("vapi").await, "messages").remove(0);
    let told = json!({ "messages": [first["seq"]] });
    let _ = story.app.system.simulators.vapi.deliver(&told).await.expect("a message");
    assert_eq!(way.log(&story, &number).await, ["inbound in-progress null - linked"]);
    let _ = story.unlink(&number).await.expect(200);
    way.tells_late(&story, 2).await;
    assert_eq!(way.log(&story, &number).await, [way.one_call()]);
    story.app.verify().await;
}

#[tokio::test]
async fn a_test_call_that_ends_after_the_unlink_is_charged() {
    let way = WAYS[0];
    let story = way.begin().await;
    let agent = way.agent(&story, "First").await;
    let number = way.buy(&story, &agent).await;
    way.tells_nobody(&story);
    let path = format!("/v1/numbers/{number}/test-call");
    let _ = story.app.post(&story.tenant, &path, "ring me", json!({ "to": CALLER })).await.expect(201);
    story.app.system.simulators.tell().await;
    let _ = story.unlink(&number).await.expect(200);
    way.tells_late(&story, 2).await;
    assert_eq!(way.log(&story, &number).await, ["outbound completed 30 0.02 linked"]);
    story.app.verify().await;
}

/// A call that our webhook was asked about, in the carrier's words.
const CAME: (&str, &str) = (CALLER, NUMBER);

#[tokio::test]
async fn a_call_that_came_to_us_is_charged_though_its_number_is_unlinked_moved_or_released_when_it_ends() {
    let vapi = WAYS[0];
    for change in ["unlink", "move", "release"] {
        let story = vapi.begin().await;
        let agent = vapi.agent(&story, "First").await;
        let number = vapi.buy(&story, &agent).await;
        let (app, tenant) = (&story.app, &story.tenant);
        let (_, document) = tests::twilio::incoming_call(app, tenant, CAME, "CA1").await;
        assert!(document.contains("<Sip "), "{change}: {document}");
        assert_eq!(tests::twilio::dial_completed(app, tenant, CAME, "CA1", &agent).await, 200);
        match change {
            "unlink" => drop(story.unlink(&number).await.expect(200)),
            "move" => drop(Way { method: "import", ..vapi }.link(&story, &number, &agent).await),
            _ => drop(story.release(&number).await.expect(200)),
        }
        for _ in 0..2 {
            assert_eq!(tests::twilio::call_completed(app, tenant, CAME, "CA1", 61).await, 200);
        }
        assert_eq!(vapi.log(&story, &number).await, ["inbound completed 61 0.04 linked"], "{change}");
        story.app.verify().await;
    }
}

#[tokio::test]
async fn the_carriers_word_of_a_call_that_went_past_us_is_no_second_one_after_its_number_came_back() {
    for way in past_us_for_now() {
        let story = way.begin().await;
        let agent = way.agent(&story, "First").await;
        let number = way.buy(&story, &agent).await;
        way.answered_by(&story, Some(&agent)).await;
        let _ = story.app.advance("PT1M").await;
        let _ = Way { method: "hand_over", ..way }.link(&story, &number, &agent).await;
        assert_eq!(tests::twilio::call_completed(&story.app, &story.tenant, CAME, "CA1", 60).await, 200);
        assert_eq!(way.log(&story, &number).await, [way.one_call()], "{way:?}");
        // One that begins from now on comes to us, and is charged though nobody could note that it came.
        let _ = story.app.advance("PT1M").await;
        assert_eq!(tests::twilio::call_completed(&story.app, &story.tenant, CAME, "CA2", 30).await, 200);
        assert_eq!(way.log(&story, &number).await.len(), 2, "{way:?}");
        story.app.verify().await;
    }
}
