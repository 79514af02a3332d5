//! Commands that only look: what they ask, what they show, how they exit.

use operator::Environment;
use serde_json::{Value, json};

use crate::stand_in::{Reply, StandIn, TOKEN, hasty, problem, run};

#[tokio::test]
async fn the_exit_code_says_what_was_found() {
    let list = |items: Value| json!({ "items": items, "next_cursor": null });
    let run_of = |status: &str, findings: Value| json!({ "run_id": "run_1", "status": status, "dry_run": false, "findings": findings });
    let check = |ok: bool, complete: bool| json!({ "ok": ok, "complete": complete, "wallets": 1, "entries": 1, "violations": [] });
    let rows: Vec<(&[&str], &str, Value, u8)> = vec![
        (&["operations"], "/v1/operator/operations?status=stuck&limit=100", list(json!([])), 0),
        (&["operations"], "/v1/operator/operations?status=stuck&limit=100", list(json!([{ "id": "op_1" }])), 1),
        (&["operations", "--waiting"], "/v1/operator/operations?status=waiting&limit=100", list(json!([{}])), 0),
        (&["parked"], "/v1/operator/numbers?parked=true&limit=100", list(json!([])), 0),
        (&["parked"], "/v1/operator/numbers?parked=true&limit=100", list(json!([{}])), 1),
        (&["ledger", "verify", "--tenant", "acme"], "/v1/operator/ledger/verify?tenant_id=acme", check(true, true), 0),
        (&["ledger", "verify"], "/v1/operator/ledger/verify", check(false, true), 1),
        (&["ledger", "verify", "--tenant", "a"], "/v1/operator/ledger/verify?tenant_id=a", check(true, false), 1),
        (&["reconcile", "latest"], "/v1/operator/reconcile/latest", run_of("finished", json!([])), 0),
        (&["reconcile", "latest"], "/v1/operator/reconcile/latest", run_of("running", json!([])), 1),
        (
            &["reconcile", "latest"],
            "/v1/operator/reconcile/latest",
            run_of("finished", json!([{ "action": "reported" }])),
            1,
        ),
        (
            &["agreement", "2027-01-15"],
            "/v1/operator/agreement/2027-01-15",
            json!({ "date": "2027-01-15", "statements": [], "findings": [{ "action": "repaired" }] }),
            0,
        ),
        (
            &["billing", "preview", "--date", "2027-02-01"],
            "/v1/operator/billing/preview?date=2027-02-01&limit=100",
            list(json!([])),
            0,
        ),
        (
            &["margin", "--tenant", "acme", "--currency", "TRY"],
            "/v1/operator/tenants/acme/margin?currency=TRY",
            json!({ "numbers": 1 }),
            0,
        ),
        (&["tenants"], "/v1/operator/tenants?limit=100", list(json!([])), 0),
        (&["audit", "--from", "2027-01-01"], "/v1/operator/audit?from=2027-01-01&limit=100", list(json!([])), 0),
    ];
    for (line, path, answer, code) in rows {
        let body = answer.clone();
        let api = StandIn::start(move |_| Reply::Json(200, body.clone())).await;
        let ran = api.run(line).await.exits(code);
        assert!(!ran.out.is_empty() && ran.err.is_empty(), "{line:?}: {ran:?}");
        let seen = api.seen();
        assert_eq!(seen.len(), 1, "{line:?}");
        assert_eq!((seen[0].line(), seen[0].token.as_deref()), (format!("GET {path}"), Some(TOKEN)), "{line:?}");
        // As JSON: the same document, and nothing else.
        let json = api.run(&[line, &["--json"]].concat()).await.exits(code).json();
        assert_eq!(json, answer, "{line:?}");
    }
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_no_further_than_wanted() {
    let api = StandIn::start(|seen| {
        let page = |from: u32, to: u32, next: Option<&str>| {
            let items: Vec<Value> = (from..to).map(|n| json!({ "id": format!("t{n}"), "wallets": [] })).collect();
            Reply::Json(200, json!({ "items": items, "next_cursor": next }))
        };
        match seen.path.as_str() {
            "/v1/operator/tenants?limit=100" => page(0, 100, Some("c1")),
            "/v1/operator/tenants?limit=100&cursor=c1" => page(100, 150, Some("c 2")),
            // A short page is not the end.
            "/v1/operator/tenants?limit=100&cursor=c+2" => page(150, 151, None),
            "/v1/operator/tenants?limit=20&cursor=c1" => page(100, 120, Some("c3")),
            "/v1/operator/tenants?limit=7" => page(0, 7, Some("c4")),
            other => panic!("{other}"),
        }
    })
    .await;
    let items = |document: &Value| document["items"].as_array().map_or(0, Vec::len);
    let all = api.run(&["tenants", "--json"]).await.exits(0).json();
    assert_eq!((items(&all), &all["next_cursor"]), (151, &Value::Null));
    let some = api.run(&["tenants", "--json", "--limit", "120"]).await.exits(0);
    assert_eq!((items(&some.json()), &some.json()["next_cursor"]), (120, &json!("c3")));
    let few = api.run(&["tenants", "--limit", "7"]).await.exits(0);
    assert_eq!((few.out.lines().count(), few.err.as_str()), (8, "There are more: raise --limit.\n"));
}

#[tokio::test]
async fn a_list_that_makes_no_sense_is_no_answer() {
    for answer in [json!({}), json!({ "items": 7 }), json!({ "items": [], "next_cursor": "round and round" })] {
        let api = StandIn::start(move |_| Reply::Json(200, answer.clone())).await;
        let ran = api.run(&["tenants"]).await.exits(4);
        assert!(ran.err.contains("cannot be used") && ran.out.is_empty(), "{ran:?}");
    }
}

#[tokio::test]
async fn a_ledger_too_large_for_one_request_is_checked_tenant_by_tenant() {
    let api = StandIn::start(|seen| {
        let check = |ok: bool, complete: bool, wallets: u32, violations: Value| {
            let answer = json!({ "ok": ok, "complete": complete, "now": "2027-01-15T10:00:00Z", "wallets": wallets,
                "entries": wallets, "violations": violations });
            Reply::Json(200, answer)
        };
        match seen.path.as_str() {
            "/v1/operator/ledger/verify" => check(true, false, 1, json!([])),
            "/v1/operator/tenants?limit=100" => {
                Reply::Json(200, json!({ "items": [{ "id": "a" }, { "id": "b" }], "next_cursor": null }))
            }
            "/v1/operator/ledger/verify?tenant_id=a" => check(true, true, 2, json!([])),
            "/v1/operator/ledger/verify?tenant_id=b" => {
                check(false, true, 3, json!([{ "tenant_id": "b", "currency": "USD", "detail": "off by one" }]))
            }
            other => panic!("{other}"),
        }
    })
    .await;
    let check = api.run(&["ledger", "verify", "--json"]).await.exits(1).json();
    assert_eq!((&check["ok"], &check["complete"], &check["wallets"]), (&json!(false), &json!(true), &json!(5)));
    assert_eq!(check["violations"][0]["tenant_id"], "b");
}

#[tokio::test]
async fn a_long_run_is_followed_to_its_end() {
    let mut looks = 0u32;
    let api = StandIn::start(move |seen| {
        let run = |status: &str, looks: u32| {
            json!({ "run_id": "run_1", "status": status, "dry_run": seen.body["dry_run"], "phase": "books",
                "progress": looks, "compared": 3, "agreeing": 3, "findings": [] })
        };
        match (seen.method.as_str(), seen.path.as_str()) {
            ("POST", "/v1/operator/reconcile") => Reply::Json(202, run("running", looks)),
            ("GET", "/v1/operator/reconcile/run_1") => {
                looks += 1;
                // It is looked at again also when a look is lost.
                match looks {
                    1 => Reply::Json(200, run("running", looks)),
                    2 => Reply::HangUp,
                    _ => Reply::Json(200, run("finished", looks)),
                }
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
    let ran = api.run(&["reconcile", "--dry-run"]).await.exits(0);
    assert_eq!(ran.err, "books 0\nbooks 1\n");
    assert!(ran.out.contains("3 of 3 agree"), "{ran:?}");
    let seen = api.seen();
    assert_eq!(seen[0].body, json!({ "dry_run": true }));
    assert_eq!(seen.len(), 4);

    let never = StandIn::start(|_| Reply::Json(202, json!({ "run_id": "run_1", "status": "running" }))).await;
    let ran = never.run(&["reconcile", "--yes"]).await.exits(4);
    assert!(ran.err.contains("still goes on, by itself"), "{ran:?}");
}

#[tokio::test]
async fn a_local_system_gives_a_token_and_nothing_else_is_asked_for_one() {
    let api = StandIn::start(|seen| match seen.path.as_str() {
        "/_local/health" => Reply::Json(200, json!({ "ready": true })),
        "/_local/token" => Reply::Json(200, json!({ "token": TOKEN })),
        "/v1/operator/tenants?limit=100" => Reply::Json(200, json!({ "items": [] })),
        other => panic!("{other}"),
    })
    .await;
    let environment = Environment { url: None, token: None, patience: hasty() };
    let _ = run(&environment, &["tenants", "--url", &api.url], None).await.exits(0);
    let seen = api.seen();
    assert_eq!(seen[1].body, json!({ "role": "operator" }));
    assert_eq!(seen[2].token.as_deref(), Some(TOKEN));

    // On this machine, but not the local system.
    let other = StandIn::start(|_| problem(404, "not_found")).await;
    let ran = run(&environment, &["tenants", "--url", &other.url], None).await.exits(2);
    assert!(ran.err.contains("no token"), "{ran:?}");
    // Elsewhere nobody is asked, and no token is sent in the open.
    let ran = run(&environment, &["tenants", "--url", "https://voice.example.test"], None).await.exits(2);
    assert!(ran.err.contains("no token"), "{ran:?}");
    let ran = run(&environment, &["tenants", "--token", TOKEN, "--url", "http://voice.example.test"], None).await;
    assert!(ran.exits(2).err.contains("over https only"));
    for url in ["voice.example.test", "ftp://voice.example.test", "https://voice.example.test/?a=b"] {
        let _ = run(&environment, &["tenants", "--token", TOKEN, "--url", url], None).await.exits(2);
    }
}

#[tokio::test]
async fn a_token_may_stand_in_a_file() {
    let api = StandIn::start(|_| Reply::Json(200, json!({ "items": [] }))).await;
    let file = std::env::temp_dir().join(format!("trunkline-token-{}", std::process::id()));
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let environment =
        Environment { url: Some(api.url.clone()), token: Some("another".to_owned().into()), patience: hasty() };
    let name = file.to_str().unwrap();
    let _ = run(&environment, &["tenants", "--token-file", name], None).await.exits(0);
    assert_eq!(api.seen()[0].token.as_deref(), Some(TOKEN));
    std::fs::write(&file, "\n").unwrap();
    let _ = run(&environment, &["tenants", "--token-file", name], None).await.exits(2);
    std::fs::remove_file(&file).unwrap();
    let ran = run(&environment, &["tenants", "--token-file", name], None).await.exits(2);
    assert!(ran.err.contains(name) && api.seen().is_empty(), "{ran:?}");
}
