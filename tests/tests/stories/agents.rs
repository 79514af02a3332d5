//! Agents: made at the platform, registered, listed, deleted.

use insta::assert_snapshot;
use serde_json::json;
use tests::Answer;

use crate::kit::{Story, client, list, word};

async fn create(story: &Story, key: &str, request: serde_json::Value) -> Answer {
    story.app.post(&story.tenant, "/v1/agents", key, request).await
}

async fn assistants(story: &Story) -> usize {
    list(&story.app.state("vapi").await, "assistants").len()
}

#[tokio::test]
async fn an_agent_is_made_at_its_platform_and_its_token_is_shown_once() {
    let story = Story::begin("PRO", "0").await;
    let request =
        json!({ "name": "Front desk", "platform": "vapi", "language": "en-US", "settings": { "tone": "kind" } });
    let made = create(&story, "key", request.clone()).await.expect(201);
    assert_snapshot!(story.redacted(&format!("{:#}", made.body["agent"])), @r#"
    {
      "created_at": "2027-01-15T10:00:00Z",
      "id": "agt_<1>",
      "language": "en-US",
      "name": "Front desk",
      "platform": "vapi",
      "platform_agent_id": "<2>",
      "project_id": null,
      "status": "active"
    }
    "#);
    assert!(made.text("/api_token").starts_with("tlk_") && made.text("/api_token").len() == 47);
    let again = create(&story, "key", request).await.expect(201);
    assert_eq!((&again.body["agent"], &again.body["api_token"]), (&made.body["agent"], &json!(null)));
    let path = format!("/v1/agents/{}", made.text("/agent/id"));
    assert_eq!(story.get(&path).await.expect(200).body, made.body["agent"]);
    assert_eq!(story.get("/v1/agents").await.expect(200).body["items"], json!([made.body["agent"]]));
    assert_eq!(assistants(&story).await, 1);
    let other = json!({ "name": "Back office", "platform": "vapi" });
    assert_eq!(create(&story, "key", other).await.expect(422).code(), "idempotency_key_reused");
    let _ = story.app.delete(&story.tenant, &path).await.expect(204);
    assert_eq!(assistants(&story).await, 0);
    for gone in [story.get(&path).await, story.app.delete(&story.tenant, &path).await] {
        assert_eq!(gone.expect(404).code(), "not_found");
    }
}

#[tokio::test]
async fn a_lost_reply_from_the_platform_makes_one_assistant() {
    let story = Story::begin("PRO", "0").await;
    story.fault("vapi", "agents.create", "lost_reply", 1).await;
    let made = create(&story, "key", json!({ "name": "Front desk", "platform": "vapi" })).await.expect(201);
    assert_eq!(made.text("/agent/status"), "active");
    assert_eq!(assistants(&story).await, 1);
}

#[tokio::test]
async fn an_agent_that_was_made_and_not_noted_is_found_by_the_same_key() {
    let story = Story::begin("PRO", "0").await;
    let request = json!({ "name": "Front desk", "platform": "vapi" });
    // Made, and then the books fall silent.
    let silence =
        json!({ "provider": "dynamodb", "operation": "transact", "kind": "error", "times": 1_000, "after": 1 });
    story.app.fault(silence).await;
    assert_eq!(create(&story, "key", request.clone()).await.expect(503).code(), "service_unavailable");
    story.app.no_faults();
    let half_made = story.get("/v1/agents").await.expect(200);
    assert_eq!(half_made.text("/items/0/status"), "creating");
    // Whoever began it might still be at it.
    assert_eq!(create(&story, "key", request.clone()).await.expect(409).code(), "operation_in_progress");
    let _ = story.app.advance("PT2M").await;
    let made = create(&story, "key", request).await.expect(201);
    assert_eq!(made.text("/agent/status"), "active");
    assert_eq!(assistants(&story).await, 1);
    assert_eq!(list(&story.get("/v1/agents").await.body, "items").len(), 1);
}

#[tokio::test]
async fn a_platform_that_refuses_leaves_no_agent_behind_and_the_key_free() {
    let story = Story::begin("PRO", "0").await;
    let request = json!({ "name": "Front desk", "platform": "vapi" });
    story.refusal("vapi", "agents.create", 400, None).await;
    let refused = create(&story, "key", request.clone()).await.expect(503);
    assert_snapshot!(story.line(&refused), @"503 platform_unavailable: The voice platform said: Vapi 400: Bad Request");
    assert_eq!(list(&story.get("/v1/agents").await.body, "items").len(), 0);
    let _ = create(&story, "key", request).await.expect(201);
}

#[tokio::test]
async fn the_same_key_twice_at_once_makes_one_agent() {
    let story = Story::begin("PRO", "0").await;
    let request = json!({ "name": "Front desk", "platform": "vapi" });
    let (one, two) = tokio::join!(create(&story, "key", request.clone()), create(&story, "key", request.clone()));
    assert!(one.status.as_u16() == 201 || two.status.as_u16() == 201);
    for answer in [&one, &two] {
        assert!(matches!(answer.status.as_u16(), 201 | 409), "{}", answer.body);
    }
    let _ = create(&story, "key", request).await.expect(201);
    assert_eq!(assistants(&story).await, 1);
    assert_eq!(list(&story.get("/v1/agents").await.body, "items").len(), 1);
}

#[tokio::test]
async fn an_assistant_that_is_there_already_is_registered_and_never_removed() {
    let story = Story::begin("PRO", "0").await;
    let vapi = &story.app.system.simulators.vapi;
    let request = client().post(format!("{}/assistant", vapi.url)).bearer_auth(&vapi.api_key);
    let answer = request.json(&json!({ "name": "Grown elsewhere" })).send().await.expect("the platform answers");
    let known: serde_json::Value = answer.json().await.expect("JSON");
    let request = json!({ "name": "Front desk", "platform": "vapi", "platform_agent_id": known["id"] });
    let made = create(&story, "key", request).await.expect(201);
    assert_eq!(made.body["agent"]["platform_agent_id"], known["id"]);
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{}", made.text("/agent/id"))).await.expect(204);
    assert_eq!(assistants(&story).await, 1);
    let unknown = json!({ "name": "Front desk", "platform": "vapi", "platform_agent_id": "nobody" });
    let refused = create(&story, "another key", unknown).await.expect(400);
    assert_eq!(refused.text("/errors/0/field"), "platform_agent_id");
}

#[tokio::test]
async fn an_agent_that_answers_a_number_is_not_deleted() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    let path = format!("/v1/agents/{agent}");
    assert_eq!(story.app.delete(&story.tenant, &path).await.expect(409).code(), "agent_in_use");
    assert_eq!(assistants(&story).await, 1);
    let _ = story.release(&number).await.expect(200);
    let _ = story.app.delete(&story.tenant, &path).await.expect(204);
    story.app.verify().await;
}

#[tokio::test]
async fn an_agent_deleted_at_the_platform_already_is_deleted_here() {
    let story = Story::begin("PRO", "0").await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let vapi = &story.app.system.simulators.vapi;
    let id = word(&story.app.state("vapi").await, "/assistants/0/id");
    let request = client().delete(format!("{}/assistant/{id}", vapi.url)).bearer_auth(&vapi.api_key);
    assert!(request.send().await.expect("the platform answers").status().is_success());
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{agent}")).await.expect(204);
}

#[tokio::test]
async fn a_platform_nobody_connected_is_named_as_unsupported() {
    let story = Story::begin("PRO", "0").await;
    for platform in ["bland", "", "Vapi"] {
        let refused = create(&story, "key", json!({ "name": "Front desk", "platform": platform })).await.expect(422);
        assert_eq!(refused.code(), "platform_unsupported", "{platform}");
    }
}
