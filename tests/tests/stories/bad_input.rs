//! What no client should send: each is refused with a documented code, and nothing has changed after it.

use insta::assert_snapshot;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Tenant};

use crate::kit::{NUMBER, Story, list, raw, word};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A tenant with one of everything, which must look the same afterwards.
struct World {
    story: Story,
    operator: Tenant,
    number: String,
    agent: String,
    project: String,
}

impl World {
    async fn make() -> Self {
        let (story, number, agent) = Story::with_a_linked_number().await;
        let made = story.app.post(&story.tenant, "/v1/projects", "shop", json!({ "name": "Shop" })).await.expect(201);
        let operator = story.app.operator().await;
        Self { story, operator, number, agent, project: made.text("/id") }
    }

    /// Every route that takes a body, with the token that opens it and a body it takes.
    fn writes(&self) -> Vec<(Method, String, &Tenant, Value)> {
        let (tenant, operator) = (&self.story.tenant, &self.operator);
        let of_the_tenant = format!("/v1/operator/tenants/{}", tenant.id);
        let adjustment = json!({ "amount": "1.00", "currency": "USD", "reason": "A courtesy" });
        vec![
            (Method::POST, "/v1/numbers".into(), tenant, json!({ "country": "US" })),
            (Method::PATCH, format!("/v1/numbers/{}", self.number), tenant, json!({ "name": "Main line" })),
            (Method::PUT, format!("/v1/numbers/{}/agent", self.number), tenant, json!({ "agent_id": self.agent })),
            (Method::POST, "/v1/agents".into(), tenant, json!({ "name": "Night shift", "platform": "vapi" })),
            (Method::POST, "/v1/projects".into(), tenant, json!({ "name": "Bar" })),
            (Method::POST, "/v1/wallet/top-ups".into(), tenant, json!({ "amount": "25.00", "currency": "USD" })),
            (Method::PATCH, format!("/v1/projects/{}", self.project), tenant, json!({ "name": "Bar" })),
            (Method::PUT, of_the_tenant.clone(), operator, json!({ "plan": "PRO" })),
            (Method::POST, format!("{of_the_tenant}/adjustments"), operator, adjustment),
            (Method::POST, "/v1/operator/renew".into(), operator, json!({ "dry_run": true })),
            (Method::POST, "/v1/operator/dun".into(), operator, json!({ "dry_run": true })),
        ]
    }

    async fn raw(&self, method: &Method, path: &str, token: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        raw(&self.story.app, method.clone(), path, token, headers, body.to_vec()).await
    }

    /// Sends a body under a key of its own.
    async fn send(&self, method: &Method, path: &str, caller: &Tenant, body: &Value) -> Answer {
        let headers = [JSON, ("Idempotency-Key", "bad input")];
        self.raw(method, path, &caller.token, &headers, body.to_string().as_bytes()).await
    }

    /// Everything there is, third parties and their logs included: a bad request reaches nobody.
    async fn everything(&self) -> String {
        let mut told = self.story.told().await;
        for path in ["/v1/projects", "/v1/agents", "/v1/numbers"] {
            told += &self.story.get(path).await.expect(200).body.to_string();
        }
        told
    }
}

/// A problem of this status and code, of the documented shape.
#[track_caller]
fn is_problem(answer: &Answer, status: u16, code: &str, why: &str) {
    let said = (answer.status.as_u16(), answer.code(), answer.body["status"].as_u64());
    assert_eq!(said, (status, code, Some(u64::from(status))), "{why}: {}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{why}");
    assert_eq!(answer.body["type"], format!("urn:trunkline:problem:{code}"), "{why}");
    for text in ["title", "detail"] {
        assert!(answer.body[text].as_str().is_some_and(|text| !text.is_empty()), "{why}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_of_the_right_shape_is_refused_everywhere() {
    let world = World::make().await;
    let before = world.everything().await;
    let deep = "[".repeat(10_000);
    let deep_object = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"nonsense",
        b"null",
        b"[]",
        b"\"text\"",
        b"42",
        b"{}{}",
        b"{\"unheard_of\":1}",
        b"{\"name\":\"\xff\xfe\"}",
        b"{\"name\":\"a\",\"name\":\"b\",\"e164\":\"+1\",\"e164\":\"+2\",\"agent_id\":1,\"plan\":2}",
        b"\xef\xbb\xbf{}x",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ];
    for (method, path, caller, _) in world.writes() {
        for body in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let headers = [JSON, ("Idempotency-Key", "bad input")];
            let answer = world.raw(&method, &path, &caller.token, &headers, body).await;
            is_problem(&answer, 400, "invalid_request", &format!("{method} {path} {shown}"));
            assert!(answer.body["errors"][0]["field"].is_string(), "{}", answer.body);
        }
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn a_body_of_another_type_or_size_is_refused_everywhere() {
    let world = World::make().await;
    let before = world.everything().await;
    for (method, path, caller, good) in world.writes() {
        let why = format!("{method} {path}");
        let good = good.to_string();
        for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", ""] {
            let headers = [("Content-Type", kind), ("Idempotency-Key", "bad input")];
            let answer = world.raw(&method, &path, &caller.token, &headers, good.as_bytes()).await;
            is_problem(&answer, 415, "unsupported_media_type", &why);
        }
        let answer = world.raw(&method, &path, &caller.token, &[], good.as_bytes()).await;
        is_problem(&answer, 415, "unsupported_media_type", &why);
        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(64 * 1024));
        let answer = world.raw(&method, &path, &caller.token, &[JSON], large.as_bytes()).await;
        is_problem(&answer, 413, "too_large", &why);
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_refused_by_its_name() {
    let world = World::make().await;
    let before = world.everything().await;
    for (method, path, caller, good) in world.writes() {
        let Value::Object(fields) = &good else { continue };
        for field in fields.keys() {
            for wrong in [json!(1), json!(true), json!(["a"]), json!({ "a": 1 }), json!(1e300)] {
                let mut body = good.clone();
                if std::mem::discriminant(&body[field]) == std::mem::discriminant(&wrong) {
                    continue;
                }
                body[field] = wrong;
                let answer = world.send(&method, &path, caller, &body).await;
                is_problem(&answer, 400, "invalid_request", &format!("{method} {path} {body}"));
                assert_eq!(answer.text("/errors/0/field"), *field, "{method} {path} {body}");
            }
            let mut more = good.clone();
            more["Name"] = json!("x");
            let answer = world.send(&method, &path, caller, &more).await;
            is_problem(&answer, 400, "invalid_request", &format!("{method} {path} {more}"));
        }
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn a_purchase_that_makes_no_sense_is_refused_before_the_carrier_hears_of_it() {
    let world = World::make().await;
    let before = world.everything().await;
    let long = "x".repeat(101);
    let any = |field: &str, value: Value| json!({ "country": "US", field: value });
    for (request, field) in [
        (json!({}), "e164"),
        (json!({ "name": "x" }), "e164"),
        (json!({ "e164": NUMBER, "country": "US" }), "country"),
        (json!({ "e164": NUMBER, "type": "local" }), "e164"),
        (json!({ "e164": NUMBER, "area_code": "212" }), "e164"),
        (json!({ "e164": "" }), "e164"),
        (json!({ "e164": "12125550123" }), "e164"),
        (json!({ "e164": "+0125550123" }), "e164"),
        (json!({ "e164": "+121255" }), "e164"),
        (json!({ "e164": "+1 212 555 0123" }), "e164"),
        (json!({ "e164": "+12125550123;ext=1" }), "e164"),
        (json!({ "e164": "+１２１２５５５０１２３" }), "e164"),
        (json!({ "e164": "+1234567890123456" }), "e164"),
        (json!({ "e164": "+12125550123\u{0}" }), "e164"),
        (json!({ "country": "us" }), "country"),
        (json!({ "country": "USA" }), "country"),
        (json!({ "country": "" }), "country"),
        (json!({ "country": "U#" }), "country"),
        (any("type", json!("vanity plate")), "type"),
        (any("area_code", json!("21")), "area_code"),
        (any("area_code", json!("2125")), "area_code"),
        (any("area_code", json!("012")), "area_code"),
        (any("area_code", json!("2a2")), "area_code"),
        (any("area_code", json!("２１２")), "area_code"),
        (json!({ "country": "GB", "area_code": "201" }), "area_code"),
        (any("fallback", json!("911")), "fallback"),
        (any("fallback", json!("sip:a@b")), "fallback"),
        (any("fallback", json!("+14155550100<Hangup/>")), "fallback"),
        (any("name", json!("")), "name"),
        (any("name", json!("   ")), "name"),
        (any("name", json!("a\nb")), "name"),
        (any("name", json!("a\u{0}b")), "name"),
        (any("name", json!("\u{7f}")), "name"),
        (any("name", json!(long)), "name"),
    ] {
        let answer = world.send(&Method::POST, "/v1/numbers", &world.story.tenant, &request).await;
        is_problem(&answer, 400, "invalid_request", &request.to_string());
        assert_eq!(answer.text("/errors/0/field"), field, "{request}");
    }
    for (request, code) in [
        (json!({ "country": "DE" }), "unsupported_country"),
        (json!({ "country": "FR", "type": "national" }), "unsupported_country"),
        (json!({ "e164": "+491711234567" }), "unsupported_country"),
        (json!({ "e164": "+1212555" }), "unsupported_country"),
        (json!({ "country": "US", "type": "mobile" }), "unsupported_type"),
        (json!({ "country": "GB", "type": "international" }), "unsupported_type"),
    ] {
        let answer = world.send(&Method::POST, "/v1/numbers", &world.story.tenant, &request).await;
        is_problem(&answer, 422, code, &request.to_string());
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn an_edit_that_makes_no_sense_changes_nothing_of_the_number() {
    let world = World::make().await;
    let before = world.everything().await;
    let path = format!("/v1/numbers/{}", world.number);
    let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    for (field, wrong) in [
        ("name", json!("")),
        ("name", json!("a\tb")),
        ("notes", json!("x".repeat(2_001))),
        ("notes", json!("bell \u{7}")),
        ("tags", json!(null)),
        ("tags", json!("a")),
        ("tags", json!([1])),
        ("tags", json!([""])),
        ("tags", json!(["a\nb"])),
        ("tags", json!(["x".repeat(51)])),
        ("tags", json!(many)),
        ("primary", json!(null)),
        ("primary", json!("yes")),
        ("locked", json!(null)),
        ("locked", json!(0)),
        ("fallback", json!("")),
        ("fallback", json!("1234567")),
        ("fallback", json!(["+14155550100"])),
    ] {
        // A good field beside a bad one is not taken in by itself.
        let mut request = json!({ "notes": "a good one" });
        request[field] = wrong;
        let answer = world.send(&Method::PATCH, &path, &world.story.tenant, &request).await;
        is_problem(&answer, 400, "invalid_request", &request.to_string());
        assert!(answer.text("/errors/0/field").starts_with(field), "{request}: {}", answer.body);
    }
    for (request, status, code) in [
        (json!({ "notes": "x", "project_id": "prj_1" }), 404, "not_found"),
        (json!({ "notes": "x", "status": "released" }), 400, "invalid_request"),
        (json!({ "notes": "x", "price": "0.00" }), 400, "invalid_request"),
    ] {
        let answer = world.send(&Method::PATCH, &path, &world.story.tenant, &request).await;
        is_problem(&answer, status, code, &request.to_string());
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn an_agent_that_makes_no_sense_is_not_made() {
    let world = World::make().await;
    let before = world.everything().await;
    for (field, wrong) in [
        ("name", json!("")),
        ("name", json!("a\u{0}")),
        ("platform_agent_id", json!("")),
        ("platform_agent_id", json!("../phone-number")),
        ("platform_agent_id", json!("a b")),
        ("platform_agent_id", json!("x".repeat(101))),
        ("language", json!("")),
        ("language", json!("en_US")),
        ("language", json!("x".repeat(36))),
        ("settings", json!("text")),
        ("settings", json!({ "a": "x".repeat(5_000) })),
        ("number", json!("any")),
        ("number", json!({ "country": "US", "agent_id": world.agent })),
    ] {
        let mut request = json!({ "name": "Night shift", "platform": "vapi" });
        request[field] = wrong;
        let answer = world.send(&Method::POST, "/v1/agents", &world.story.tenant, &request).await;
        is_problem(&answer, 400, "invalid_request", &request.to_string());
        assert_eq!(answer.text("/errors/0/field"), field, "{request}");
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn an_operators_slip_of_the_pen_books_nothing() {
    let world = World::make().await;
    let before = world.everything().await;
    let path = format!("/v1/operator/tenants/{}", world.story.tenant.id);
    for (field, wrong) in [
        ("amount", json!("0")),
        ("amount", json!("0.0000001")),
        ("amount", json!("1,00")),
        ("amount", json!("1e3")),
        ("amount", json!("NaN")),
        ("amount", json!("")),
        ("amount", json!("1000000.01")),
        ("amount", json!("-1000000.01")),
        ("amount", json!("99999999999999999999999999")),
        ("currency", json!("usd")),
        ("currency", json!("US$")),
        ("currency", json!("")),
        ("reason", json!("")),
        ("reason", json!("a\nb")),
        ("reason", json!("x".repeat(101))),
    ] {
        let mut request = json!({ "amount": "1.00", "currency": "USD", "reason": "A courtesy" });
        request[field] = wrong;
        let answer = world.send(&Method::POST, &format!("{path}/adjustments"), &world.operator, &request).await;
        is_problem(&answer, 400, "invalid_request", &request.to_string());
        assert_eq!(answer.text("/errors/0/field"), field, "{request}");
    }
    for (request, status, code) in [
        (json!({ "plan": "GOLD" }), 422, "unknown_plan"),
        (json!({ "plan": "" }), 422, "unknown_plan"),
        (json!({ "suspended_message": "" }), 400, "invalid_request"),
        (json!({ "suspended": true, "suspended_message": "a\u{0}b" }), 400, "invalid_request"),
        (json!({ "suspended": true, "suspended_message": "x".repeat(101) }), 400, "invalid_request"),
        (json!({ "suspended": "yes" }), 400, "invalid_request"),
    ] {
        let answer = world.send(&Method::PUT, &path, &world.operator, &request).await;
        is_problem(&answer, status, code, &request.to_string());
    }
    assert_eq!(world.everything().await, before);
    // Nobody was suspended by a request that was refused.
    assert_eq!(list(&world.story.call(NUMBER, "completed").await, "twiml").len(), 2);
}

#[tokio::test]
async fn an_idempotency_key_that_is_none_is_refused() {
    let world = World::make().await;
    let before = world.everything().await;
    let (token, body) = (&world.story.tenant.token, json!({ "country": "US" }).to_string());
    let long = "k".repeat(256);
    let twice = [JSON, ("Idempotency-Key", "a"), ("Idempotency-Key", "a")];
    for headers in [
        vec![JSON, ("Idempotency-Key", "")],
        vec![JSON, ("Idempotency-Key", &long)],
        vec![JSON, ("Idempotency-Key", "schlüssel")],
        twice.to_vec(),
    ] {
        for path in ["/v1/numbers", "/v1/agents", "/v1/projects"] {
            let answer = world.raw(&Method::POST, path, token, &headers, body.as_bytes()).await;
            is_problem(&answer, 400, "invalid_request", &format!("{path} {headers:?}"));
            assert_eq!(answer.text("/errors/0/field"), "Idempotency-Key");
        }
    }
    let answer = world.raw(&Method::POST, "/v1/numbers", token, &[JSON], body.as_bytes()).await;
    is_problem(&answer, 400, "idempotency_key_required", "none at all");
    assert_eq!(world.everything().await, before);
    // The longest there may be is one.
    let longest = "k".repeat(255);
    let headers = [JSON, ("Idempotency-Key", longest.as_str())];
    let _ = world.raw(&Method::POST, "/v1/numbers", token, &headers, body.as_bytes()).await.expect(201);
}

#[tokio::test]
async fn a_list_asked_for_in_a_way_that_makes_no_sense_is_refused() {
    let world = World::make().await;
    let (story, operator) = (&world.story, &world.operator);
    let calls = format!("/v1/numbers/{}/calls", world.number);
    let lists = ["/v1/numbers", "/v1/agents", "/v1/projects", "/v1/operations", "/v1/wallet/entries", calls.as_str()];
    let before = world.everything().await;
    for limit in ["0", "101", "-1", "abc", "1.5", "", "99999999999999999999", "1%00"] {
        for path in lists.into_iter().chain(["/v1/available-numbers"]) {
            let country = if path == "/v1/available-numbers" { "&country=US" } else { "" };
            let answer = story.get(&format!("{path}?limit={limit}{country}")).await;
            is_problem(&answer, 400, "invalid_request", &format!("{path} {limit}"));
        }
        let stuck = format!("/v1/operator/operations?status=stuck&limit={limit}");
        is_problem(&story.app.get(operator, &stuck).await, 400, "invalid_request", limit);
    }
    for cursor in ["x", "%00", "====", "TlVNIw%3D%3D", "🦀", &"A".repeat(2_000)] {
        for path in lists {
            let answer = story.get(&format!("{path}?cursor={cursor}")).await;
            is_problem(&answer, 400, "invalid_request", &format!("{path} {cursor}"));
        }
    }
    for query in [
        "numbers?status=lost",
        "numbers?status=",
        "operations?status=lost",
        "wallet/entries?currency=usd",
        "available-numbers",
        "available-numbers?country=us",
        "available-numbers?country=US&contains=1",
        "available-numbers?country=US&contains=21%2B2",
        "available-numbers?country=US&area_code=1",
        "available-numbers?country=GB&area_code=207",
        "available-numbers?country=US&locality=%00",
        "available-numbers?country=US&voice=perhaps",
        "available-numbers?country=US&limit=101",
    ] {
        is_problem(&story.get(&format!("/v1/{query}")).await, 400, "invalid_request", query);
    }
    for query in ["", "?status=running", "?status=lost", "?status=stuck&cursor=x"] {
        let answer = story.app.get(operator, &format!("/v1/operator/operations{query}")).await;
        is_problem(&answer, 400, "invalid_request", query);
    }
    let answer = story.app.post(&story.tenant, "/v1/numbers?dry_run=perhaps", "key", json!({ "country": "US" })).await;
    is_problem(&answer, 400, "invalid_request", "dry_run=perhaps");
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_shows_nobody_elses_things() {
    let world = World::make().await;
    let (story, tenant) = (&world.story, &world.story.tenant);
    story.stock(&["+12125550124"]).await;
    let _ = story.bought("+12125550124").await;
    let _ = story.app.agent(tenant, "Night shift").await;
    let _ = story.app.post(tenant, "/v1/projects", "bar", json!({ "name": "Bar" })).await.expect(201);
    for _ in 0..2 {
        let _ = story.call(NUMBER, "completed").await;
        let _ = story.app.advance("PT1M").await;
    }
    let calls = format!("/v1/numbers/{}/calls", world.number);
    let lists = ["/v1/numbers", "/v1/agents", "/v1/projects", "/v1/operations", "/v1/wallet/entries", calls.as_str()];
    let rival = story.app.tenant("PRO", "10.00").await;
    for of in lists {
        let cursor = story.get(&format!("{of}?limit=1")).await.expect(200).text("/next_cursor");
        assert!(!cursor.is_empty(), "{of}");
        for list in lists {
            let path = format!("{list}?cursor={cursor}");
            let answer = story.get(&path).await;
            if of == list {
                let _ = answer.expect(200);
            } else {
                is_problem(&answer, 400, "invalid_request", &format!("{of} in {list}"));
            }
            if !list.contains("/calls") && !list.contains("/entries") && of == list {
                let theirs = story.app.get(&rival, &path).await.expect(200);
                assert_eq!(theirs.body["items"], json!([]), "{list}");
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_the_ledger_made_up_by_hand_invents_no_money_of_others() {
    let world = World::make().await;
    let rival = world.story.app.tenant("PRO", "3.00").await;
    let page = world.story.get("/v1/wallet/entries?limit=1").await.expect(200).text("/next_cursor");
    let theirs = world.story.app.get(&rival, &format!("/v1/wallet/entries?cursor={page}")).await.expect(200);
    for entry in list(&theirs.body, "items") {
        assert_eq!(word(&entry, "/amount/amount"), "3.00", "only its own entries");
    }
    is_problem(
        &world.story.get(&format!("/v1/wallet/entries?currency=EUR&cursor={page}")).await,
        400,
        "invalid_request",
        "of another currency",
    );
}

#[tokio::test]
async fn an_id_that_is_none_names_nothing() {
    let world = World::make().await;
    let before = world.everything().await;
    let long = "x".repeat(3_000);
    for id in ["1", "num_1", "..", "%2e%2e", "%00", "num_0192A6B0C5D17E3F8A9B0C1D2E3F4A5B", "🦀", &long] {
        for (method, path) in [
            (Method::GET, "/v1/numbers/{id}"),
            (Method::GET, "/v1/numbers/{id}/calls"),
            (Method::DELETE, "/v1/numbers/{id}"),
            (Method::DELETE, "/v1/numbers/{id}/agent"),
            (Method::GET, "/v1/agents/{id}"),
            (Method::DELETE, "/v1/agents/{id}"),
            (Method::GET, "/v1/projects/{id}"),
            (Method::DELETE, "/v1/projects/{id}"),
            (Method::GET, "/v1/operations/{id}"),
        ] {
            let path = path.replace("{id}", id);
            let answer = world.raw(&method, &path, &world.story.tenant.token, &[], b"").await;
            // Dots are resolved before they are sent, so that they name a list or nothing.
            if !id.contains("..") && !id.contains("%2e") {
                is_problem(&answer, 404, "not_found", &format!("{method} {path}"));
            }
            assert!(answer.status.as_u16() < 500, "{method} {path}: {}", answer.body);
        }
    }
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn another_method_is_405_and_another_path_404() {
    let world = World::make().await;
    let token = &world.story.tenant.token;
    let routes = local::functions::all().list;
    for path in routes.iter().map(|route| route.path) {
        let taken: Vec<&Method> = routes.iter().filter(|route| route.path == path).map(|route| &route.method).collect();
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if !taken.contains(&&method) {
                let answer = world.raw(&method, path, token, &[], b"").await;
                is_problem(&answer, 405, "method_not_allowed", &format!("{method} {path}"));
            }
        }
    }
    for path in
        ["/v1", "/v2/numbers", "/v1/numbers/", "/v1//numbers", "/V1/numbers", "/v1/numbers/x/y/z", "/webhooks/x"]
    {
        for method in [Method::GET, Method::POST] {
            let answer = world.raw(&method, path, token, &[], b"").await;
            is_problem(&answer, 404, "not_found", &format!("{method} {path}"));
        }
    }
}

#[tokio::test]
async fn what_a_tenant_writes_comes_back_as_it_was_and_breaks_nothing_on_its_way() {
    let world = World::make().await;
    let story = &world.story;
    let texts = [
        "</Say><Hangup/>",
        "<Response><Dial>+19005550123</Dial></Response>",
        "]]> &amp; &lt;b&gt; \"quoted\" 'single'",
        "#TEN#x|NUM#y",
        "{{7*7}} ${HOME} %s %n",
        "'; DROP TABLE numbers; --",
        "مرحبا 🦀 日本 e\u{301}",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let named = story.edit(&world.number, json!({ "name": text, "notes": text })).await.expect(200);
        assert_eq!((named.text("/name"), named.text("/notes")), (text.to_owned(), text.to_owned()));
        let request = json!({ "name": text, "platform": "vapi", "settings": { "note": text } });
        let made = story.app.post(&story.tenant, "/v1/agents", &format!("key {n}"), request).await.expect(201);
        assert_eq!(made.text("/agent/name"), text);
        let _ = story.operator_sets(json!({ "suspended": true, "suspended_message": text })).await.expect(200);
        let call = story.call(NUMBER, "completed").await;
        // One document, one sentence: nothing of it was taken for an instruction.
        assert_eq!(list(&call, "twiml").len(), 1, "{call}");
        let document = word(&call, "/twiml/0");
        for verb in ["<Dial", "<Say", "<Hangup"] {
            assert_eq!(document.matches(verb).count(), usize::from(verb != "<Dial"), "{document}");
        }
    }
    story.app.verify().await;
}

#[tokio::test]
async fn a_field_in_trouble_is_named_with_its_place() {
    let world = World::make().await;
    let path = format!("/v1/numbers/{}", world.number);
    let answer = world.send(&Method::PATCH, &path, &world.story.tenant, &json!({ "tags": ["a", 2] })).await;
    assert_snapshot!(format!("{:#}", answer.body), @r#"
    {
      "code": "invalid_request",
      "detail": "`tags[1]`: invalid type: integer `2`, expected a string at line 1 column 14",
      "errors": [
        {
          "code": "invalid",
          "field": "tags[1]"
        }
      ],
      "status": 400,
      "title": "The request cannot be understood",
      "type": "urn:trunkline:problem:invalid_request"
    }
    "#);
}
