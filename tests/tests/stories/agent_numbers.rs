//! An agent and its number in one request, and the number of an agent that is there already.

use reqwest::Method;
use serde_json::{Value, json};
use tests::Answer;

use crate::kit::{CALLER, NUMBER, Story, list, word};

async fn create(story: &Story, key: &str, wish: Value) -> Answer {
    story.app.post(&story.tenant, "/v1/agents", key, wish).await
}

async fn agents(story: &Story) -> usize {
    list(&story.get("/v1/agents").await.expect(200).body, "items").len()
}

async fn numbers(story: &Story) -> Vec<Value> {
    list(&story.get("/v1/numbers").await.expect(200).body, "items")
}

#[tokio::test]
async fn an_agent_made_at_elevenlabs_has_its_number_at_once_and_answers_it() {
    let story = Story::begin("PRO", "10.00").await;
    let made = create(&story, "one", json!({ "name": "Ayşe", "platform": "elevenlabs", "language": "tr-TR" })).await;
    let made = made.expect(201);
    assert!(made.text("/api_token").starts_with("tlk_"));
    assert_eq!(made.text("/operation/status"), "succeeded", "{}", made.body);
    let number = numbers(&story).await.remove(0);
    assert_eq!((word(&number, "/agent_id"), word(&number, "/country")), (made.text("/agent/id"), "US".into()));
    let call = json!({ "to": word(&number, "/e164"), "from": CALLER });
    let call = story.app.local("simulators/twilio/call", Some(call)).await.expect(200).body;
    assert!(call["twiml"].to_string().contains("<Connect>"), "{call}");
    let platform = story.app.state("elevenlabs").await;
    assert_eq!(word(&platform, "/calls/0/agent"), made.text("/agent/platform_agent_id"));

    // The token is shown once, and the same key buys nothing more.
    let again = create(&story, "one", json!({ "name": "Ayşe", "platform": "elevenlabs", "language": "tr-TR" })).await;
    let again = again.expect(201);
    assert_eq!(again.text("/operation/id"), made.text("/operation/id"));
    assert!(again.body["api_token"].is_null());
    assert_eq!((agents(&story).await, numbers(&story).await.len()), (1, 1));
    story.app.verify().await;
}

/// The platform has made the agent, and the carrier is about to be asked for its number.
fn before_its_number(kind: &str, times: u32) -> Value {
    json!({ "provider": "twilio", "operation": "numbers.search", "kind": kind, "times": times, "after": 1, "ms": 2_000 })
}

#[tokio::test]
async fn the_same_key_again_before_the_number_is_begun_answers_with_its_operation() {
    let story = Story::begin("PRO", "10.00").await;
    let wish = json!({ "name": "Front desk", "platform": "elevenlabs" });
    story.app.fault(before_its_number("delay", 1)).await;
    let again = async {
        while list(&story.get("/v1/agents").await.expect(200).body, "items").iter().all(|it| it["status"] != "active") {
            tokio::task::yield_now().await;
        }
        create(&story, "one", wish.clone()).await.expect(201)
    };
    let (first, again) = tokio::join!(create(&story, "one", wish.clone()), again);
    let first = first.expect(201);
    assert_ne!(first.text("/operation/id"), "", "{}", first.body);
    assert_eq!(again.text("/operation/id"), first.text("/operation/id"), "{}", again.body);
    assert_eq!((agents(&story).await, numbers(&story).await.len()), (1, 1));
    story.app.verify().await;
}

#[tokio::test]
async fn an_agent_whose_maker_dies_before_its_number_is_begun_gets_it_by_the_same_key() {
    let story = Story::begin("PRO", "10.00").await;
    let wish = json!({ "name": "Front desk", "platform": "elevenlabs" });
    story.app.fault(before_its_number("crash", 1)).await;
    let headers = [("Idempotency-Key", "one")];
    let died = story.app.invoke(Method::POST, "/v1/agents", &story.tenant.token, &headers, Some(wish.clone())).await;
    assert!(died.is_none());
    assert_eq!((agents(&story).await, numbers(&story).await.len()), (1, 0));
    for _ in 0..2 {
        let again = create(&story, "one", wish.clone()).await.expect(201);
        assert_eq!(again.text("/operation/status"), "succeeded", "{}", again.body);
    }
    assert_eq!((agents(&story).await, numbers(&story).await.len()), (1, 1));
    story.app.verify().await;
}

#[tokio::test]
async fn an_agent_whose_number_was_refused_when_it_was_begun_stays_alone() {
    let story = Story::begin("PRO", "10.00").await;
    let wish = json!({ "name": "Front desk", "platform": "elevenlabs" });
    story.app.fault(before_its_number("error", 1_000)).await;
    let alone = create(&story, "one", wish.clone()).await.expect(201);
    story.app.no_faults();
    assert!(alone.body.get("operation").is_none() && !alone.text("/api_token").is_empty(), "{}", alone.body);
    let again = create(&story, "one", wish).await.expect(201);
    assert!(again.body.get("operation").is_none(), "{}", again.body);
    assert_eq!((agents(&story).await, numbers(&story).await.len()), (1, 0));
    story.app.verify().await;
}

#[tokio::test]
async fn without_funds_an_agent_is_made_alone_unless_its_number_was_asked_for() {
    let story = Story::begin("PRO", "1.00").await;
    let wish = |number: Option<Value>| {
        let mut wish = json!({ "name": "Front desk", "platform": "elevenlabs" });
        if let Some(number) = number {
            wish["number"] = number;
        }
        wish
    };
    let refused = create(&story, "asked", wish(Some(json!({ "country": "US" })))).await.expect(402);
    assert_eq!(refused.code(), "insufficient_balance");
    assert_eq!(agents(&story).await, 0);
    assert_eq!(list(&story.app.state("elevenlabs").await, "agents").len(), 0, "nothing is left at the platform");

    let alone = create(&story, "alone", wish(None)).await.expect(201);
    assert!(alone.body.get("operation").is_none(), "{}", alone.body);
    // With money there the key still stands for an agent alone, and the one that was refused is free.
    let _ = story.adjust("paid", "10.00", "A gift").await.expect(201);
    let again = create(&story, "alone", wish(None)).await.expect(201);
    assert_eq!((again.text("/agent/id"), numbers(&story).await.len()), (alone.text("/agent/id"), 0));
    let bought = create(&story, "asked", wish(Some(json!({ "country": "US" })))).await.expect(201);
    assert_eq!(bought.text("/operation/kind"), "purchase");
    assert_eq!((agents(&story).await, numbers(&story).await.len()), (2, 1));
    let none = create(&story, "none", wish(Some(json!(false)))).await.expect(201);
    assert!(none.body.get("operation").is_none());
    story.app.verify().await;
}

#[tokio::test]
async fn a_number_that_is_lost_while_it_is_bought_leaves_the_agent_and_its_token() {
    let story = Story::begin("PRO", "10.00").await;
    story.stock(&[NUMBER]).await;
    story.refusal("twilio", "numbers.create", 400, Some(21422)).await;
    let wish = json!({ "name": "Front desk", "platform": "vapi", "number": { "e164": NUMBER } });
    let made = create(&story, "one", wish.clone()).await.expect(201);
    assert_eq!(made.text("/operation/error/code"), "number_unavailable", "{}", made.body);
    assert!(made.text("/api_token").starts_with("tlk_"));
    let again = create(&story, "one", wish).await.expect(201);
    assert_eq!(again.text("/operation/error/code"), "number_unavailable");
    assert_eq!(agents(&story).await, 1);
    story.app.verify().await;
}

#[tokio::test]
async fn an_agent_that_is_there_is_given_a_number_and_gives_it_back() {
    let story = Story::with_an_offer().await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let path = format!("/v1/agents/{agent}/number");
    let _ = story.app.delete(&story.tenant, &path).await.expect(404);
    let added = story.app.post(&story.tenant, &path, "add", json!({ "e164": NUMBER })).await.expect(201);
    assert_eq!((added.text("/number/agent_id"), added.text("/number/link/status")), (agent.clone(), "linked".into()));
    let again = story.app.post(&story.tenant, &path, "add", json!({ "e164": NUMBER })).await.expect(201);
    assert_eq!(again.text("/operation/id"), added.text("/operation/id"));
    let named = json!({ "country": "US", "agent_id": agent });
    assert_eq!(
        story.app.post(&story.tenant, &path, "named", named).await.expect(400).text("/errors/0/field"),
        "agent_id"
    );

    // Of several none is the one that is meant.
    let second = story.app.post(&story.tenant, &path, "second", json!({ "country": "US" })).await.expect(201);
    assert_eq!(story.app.delete(&story.tenant, &path).await.expect(400).code(), "invalid_request");
    let _ = story.release(&second.text("/number/id")).await.expect(200);
    let dropped = story.app.delete(&story.tenant, &path).await.expect(200);
    assert_eq!(
        (dropped.text("/number/id"), dropped.text("/number/status")),
        (added.text("/number/id"), "released".into())
    );
    let _ = story.app.delete(&story.tenant, &path).await.expect(404);
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{agent}")).await.expect(204);
    story.app.verify().await;
}

#[tokio::test]
async fn a_test_call_is_placed_once_and_only_where_numbers_are_sold() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let path = format!("/v1/numbers/{number}/test-call");
    for to in ["", "5550100", "+882161234567"] {
        let refused = story.app.post(&story.tenant, &path, to, json!({ "to": to })).await.expect(400);
        assert_eq!(refused.text("/errors/0/field"), "to", "{to}");
    }
    story.fault("vapi", "calls.create", "lost_reply", 1).await;
    let lost = story.app.post(&story.tenant, &path, "lost", json!({ "to": CALLER })).await.expect(503);
    assert_eq!(lost.code(), "platform_unavailable");
    let placed = |state: Value| list(&state, "calls").len();
    assert_eq!(placed(story.app.state("vapi").await), 1, "it rings, and nobody places it again");
    let _ = story.unlink(&number).await.expect(200);
    let refused = story.app.post(&story.tenant, &path, "unlinked", json!({ "to": CALLER })).await.expect(409);
    assert_eq!(refused.code(), "number_not_linked");
}
