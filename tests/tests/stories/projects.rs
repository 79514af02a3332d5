//! Projects: a tenant's numbers and agents by business, and tokens that see only one.

use insta::assert_snapshot;
use serde_json::{Value, json};
use tests::Tenant;

use crate::kit::{NUMBER, Story, list, word};

async fn project(story: &Story, name: &str) -> String {
    let made = story.app.post(&story.tenant, "/v1/projects", name, json!({ "name": name })).await;
    made.expect(201).text("/id")
}

/// A story with two projects and a member's token confined to the first.
async fn two_projects() -> (Story, String, String, Tenant) {
    let story = Story::with_an_offer().await;
    let (shop, bar) = (project(&story, "Shop").await, project(&story, "Bar").await);
    let confined = story.app.token(&story.tenant, "owner", Some(&shop)).await;
    (story, shop, bar, confined)
}

fn ids(list_of: &Value) -> Vec<String> {
    list(list_of, "items").iter().map(|item| word(item, "/id")).collect()
}

#[tokio::test]
async fn a_project_is_made_listed_renamed_and_deleted() {
    let story = Story::begin("PRO", "0").await;
    let made = story.app.post(&story.tenant, "/v1/projects", "key", json!({ "name": " Shop " })).await.expect(201);
    assert_snapshot!(story.redacted(&made.body.to_string()), @r#"{"created_at":"2027-01-15T10:00:00Z","id":"prj_<1>","name":"Shop"}"#);
    let again = story.app.post(&story.tenant, "/v1/projects", "key", json!({ "name": " Shop " })).await.expect(201);
    assert_eq!(again.body, made.body);
    let path = format!("/v1/projects/{}", made.text("/id"));
    let renamed = story.app.patch(&story.tenant, &path, json!({ "name": "Store" })).await.expect(200);
    assert_eq!(story.get(&path).await.expect(200).body, renamed.body);
    assert_eq!(story.get("/v1/projects").await.expect(200).body["items"], json!([renamed.body]));
    let _ = story.app.delete(&story.tenant, &path).await.expect(204);
    for gone in [story.get(&path).await, story.app.delete(&story.tenant, &path).await] {
        assert_eq!(gone.expect(404).code(), "not_found");
    }
}

#[tokio::test]
async fn a_project_is_kept_while_something_is_in_it() {
    let (story, shop, bar, _) = two_projects().await;
    let path = format!("/v1/projects/{shop}");
    let delete = async || story.app.delete(&story.tenant, &path).await;
    let number = story.buy("key", json!({ "e164": NUMBER, "project_id": shop })).await.expect(201).text("/number/id");
    assert_eq!(delete().await.expect(409).code(), "project_in_use");
    let _ = story.edit(&number, json!({ "project_id": bar })).await.expect(200);
    let agent = json!({ "name": "Front desk", "platform": "vapi", "project_id": shop });
    let agent = story.app.post(&story.tenant, "/v1/agents", "agent", agent).await.expect(201).text("/agent/id");
    assert_eq!(delete().await.expect(409).code(), "project_in_use");
    let _ = story.app.delete(&story.tenant, &format!("/v1/agents/{agent}")).await.expect(204);
    let _ = delete().await.expect(204);
    // The number left its project with its release.
    let _ = story.release(&number).await.expect(200);
    let _ = story.app.delete(&story.tenant, &format!("/v1/projects/{bar}")).await.expect(204);
    story.app.verify().await;
}

#[tokio::test]
async fn a_purchase_that_fails_leaves_its_project_free() {
    let (story, shop, _, _) = two_projects().await;
    story.refusal("twilio", "numbers.create", 400, Some(21422)).await;
    let _ = story.buy("key", json!({ "e164": NUMBER, "project_id": shop })).await.expect(409);
    let _ = story.app.delete(&story.tenant, &format!("/v1/projects/{shop}")).await.expect(204);
    story.app.verify().await;
}

#[tokio::test]
async fn a_project_that_is_not_there_takes_nothing_in() {
    let (story, shop, _, _) = two_projects().await;
    let _ = story.app.delete(&story.tenant, &format!("/v1/projects/{shop}")).await.expect(204);
    let before = story.told().await;
    let agent = json!({ "name": "Front desk", "platform": "vapi", "project_id": shop });
    let _ = story.app.post(&story.tenant, "/v1/agents", "agent", agent).await.expect(404);
    let _ = story.buy("key", json!({ "e164": NUMBER, "project_id": shop })).await.expect(404);
    let _ = story.buy("key", json!({ "e164": NUMBER, "project_id": "prj_1" })).await.expect(404);
    assert_eq!(story.told().await, before);
}

#[tokio::test]
async fn a_confined_token_sees_its_project_and_nothing_else() {
    let (story, shop, bar, confined) = two_projects().await;
    story.stock(&["+12125550124", "+12125550125"]).await;
    // What it makes is in its project without saying so.
    let bought = story.app.post(&confined, "/v1/numbers", "key", json!({ "e164": NUMBER })).await.expect(201);
    let inside = bought.text("/number/id");
    assert_eq!(bought.text("/number/project_id"), shop);
    let agent = story.app.agent(&confined, "Front desk").await;
    let elsewhere = story.buy("b", json!({ "e164": "+12125550124", "project_id": bar })).await.expect(201);
    let nowhere = story.bought("+12125550125").await;
    let seen = async |path: &str| ids(&story.app.get(&confined, path).await.expect(200).body).join(" ");
    assert_eq!(seen("/v1/numbers").await, inside);
    assert_eq!(seen("/v1/numbers?project_id=prj_1").await, "");
    assert_eq!(seen(&format!("/v1/numbers?project_id={bar}")).await, "");
    assert_eq!(seen("/v1/agents").await, agent);
    assert_eq!(seen("/v1/projects").await, shop);
    assert_eq!(seen("/v1/operations").await, bought.text("/operation/id"));
    for hidden in [
        format!("/v1/numbers/{}", elsewhere.text("/number/id")),
        format!("/v1/numbers/{nowhere}"),
        format!("/v1/numbers/{nowhere}/calls"),
        format!("/v1/operations/{}", elsewhere.text("/operation/id")),
        format!("/v1/projects/{bar}"),
        "/v1/wallet".into(),
        "/v1/wallet/entries".into(),
    ] {
        assert_eq!(story.app.get(&confined, &hidden).await.expect(404).code(), "not_found", "{hidden}");
    }
    // Neither can it reach outside: not link there, not move things there or out.
    let _ = story
        .app
        .put(&confined, &format!("/v1/numbers/{nowhere}/agent"), json!({ "agent_id": agent }))
        .await
        .expect(404);
    for project in [json!(bar), json!(null)] {
        let moved = json!({ "project_id": project });
        let _ = story.app.patch(&confined, &format!("/v1/numbers/{inside}"), moved).await.expect(404);
    }
    let other = json!({ "name": "Bar" });
    assert_eq!(story.app.post(&confined, "/v1/projects", "new", other).await.expect(403).code(), "forbidden");
    story.app.verify().await;
}

#[tokio::test]
async fn a_confined_token_cannot_read_another_projects_purchase_by_its_key() {
    let (story, _, bar, confined) = two_projects().await;
    let request = json!({ "e164": NUMBER, "project_id": bar });
    let _ = story.buy("key", request.clone()).await.expect(201);
    let _ = story.app.post(&confined, "/v1/numbers", "key", request).await.expect(404);
    story.app.verify().await;
}
