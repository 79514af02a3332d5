//! What is sent again, how often, and what never is.

use serde_json::json;

use crate::stand_in::{Reply, StandIn, problem};

const NUMBER: &str = "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
const OPERATION: &str = "op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";

/// Fails so many times, then answers.
async fn after(times: usize, failing: Reply, answer: Reply) -> StandIn {
    let mut left = times;
    StandIn::start(move |_| {
        if left == 0 {
            return answer.clone();
        }
        left -= 1;
        failing.clone()
    })
    .await
}

const ADJUST: [&str; 10] =
    ["adjust", "--tenant", "acme", "--amount", "5.00", "--currency", "USD", "--reason", "because", "--yes"];

#[tokio::test]
async fn what_is_lost_is_asked_for_again_where_that_is_harmless() {
    let release: &[&str] = &["resolve", NUMBER, "--tenant", "acme", "--release", "--reason", "r", "--yes"];
    // The command, whether it may be sent again, and where to look when it may not.
    let rows: Vec<(&[&str], bool, &str)> = vec![
        (&["tenants"], true, ""),
        (&["plan", "PRO", "--tenant", "acme", "--yes"], true, ""),
        (&["renew", "--yes"], true, ""),
        (&["dun", "--dry-run"], true, ""),
        (&ADJUST, true, "it is booked once"),
        (&["resume", OPERATION, "--yes"], false, "trunkline operations --stuck"),
        (&["complete", OPERATION, "--yes"], false, "trunkline operations --waiting"),
        (&["park", NUMBER, "--tenant", "acme", "--reason", "r", "--yes"], false, "trunkline parked"),
        (release, false, "trunkline parked"),
        (&["reconcile", "--yes"], false, "trunkline reconcile latest"),
    ];
    let good = Reply::Json(200, json!({ "items": [], "status": "finished", "number": { "status": "active" } }));
    for (line, again, hint) in rows {
        for failing in
            [Reply::HangUp, Reply::Text(502, "<html>Bad gateway</html>"), problem(503, "service_unavailable")]
        {
            let api = after(3, failing.clone(), good.clone()).await;
            let ran = api.run(line).await;
            let seen = api.seen();
            assert_eq!(seen.len(), if again { 4 } else { 1 }, "{line:?} {failing:?}");
            assert!(seen.iter().all(|one| *one == seen[0]), "the same each time, its key too: {seen:?}");
            assert_eq!(ran.code == 0, again, "{line:?} {failing:?}: {ran:?}");

            // For ever: it is given up, and says where to look.
            let api = after(usize::MAX, failing.clone(), good.clone()).await;
            let ran = api.run(line).await;
            assert_eq!(api.seen().len(), if again { 4 } else { 1 }, "{line:?}");
            match failing {
                Reply::HangUp | Reply::Text(..) => assert!(ran.code == 4 && ran.err.contains(hint), "{ran:?}"),
                Reply::Json(..) | Reply::Later(..) => {
                    assert!(ran.code == 3 && ran.err.contains("service_unavailable"), "{ran:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept_within_bounds() {
    let busy = |seconds: u64| Reply::Later(429, seconds, json!({ "code": "rate_limited", "detail": "Slower." }));
    let good = Reply::Json(200, json!({ "items": [] }));
    let api = after(2, busy(0), good.clone()).await;
    let _ = api.run(&["tenants"]).await.exits(0);
    assert_eq!(api.seen().len(), 3);
    // A second is waited for, an hour is not.
    let api = after(1, busy(1), good.clone()).await;
    let begun = std::time::Instant::now();
    let _ = api.run(&["tenants"]).await.exits(0);
    assert!(begun.elapsed().as_millis() >= 1000, "{:?}", begun.elapsed());
    let api = after(1, busy(3600), good.clone()).await;
    let ran = api.run(&["tenants"]).await.exits(3);
    assert!(ran.err.contains("rate_limited: Slower."), "{ran:?}");
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_is_final_and_says_why() {
    let with_operation = Reply::Json(
        503,
        json!({ "code": "carrier_unavailable", "detail": "It did not answer.", "operation_id": OPERATION }),
    );
    let rows = [
        (problem(404, "not_found"), "refused: not_found: Because of not_found.\n".to_owned()),
        (Reply::Json(401, json!({ "message": "Unauthorized" })), "refused: http_401: Unauthorized\n".to_owned()),
        (Reply::Text(403, "Forbidden"), "refused: http_403\n".to_owned()),
        (with_operation, format!("refused: carrier_unavailable: It did not answer. (operation {OPERATION})\n")),
    ];
    for (reply, said) in rows {
        let api = after(usize::MAX, reply.clone(), reply.clone()).await;
        let ran = api.run(&["reconcile", "latest"]).await.exits(3);
        assert_eq!((ran.err, ran.out, api.seen().len()), (said.clone(), String::new(), 1));
        // For a script, as the API states it.
        let ran = api.run(&["reconcile", "latest", "--json"]).await.exits(3);
        assert_eq!(ran.err, said);
        if let Reply::Json(_, body) = reply {
            assert_eq!(ran.json(), body);
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_is_none() {
    for reply in [
        Reply::Text(200, "<html>Welcome to our network</html>"),
        Reply::Text(200, ""),
        Reply::Json(302, json!({})),
        Reply::Json(200, json!([1])),
    ] {
        let api = after(0, Reply::HangUp, reply.clone()).await;
        let ran = api.run(&["tenants"]).await.exits(4);
        assert!(ran.out.is_empty() && ran.err.contains("nothing that can be used"), "{reply:?}: {ran:?}");
    }
    // Nobody listens there any more.
    let nobody = after(0, Reply::HangUp, Reply::HangUp).await;
    let line = ["tenants", "--url", "http://127.0.0.1:1"];
    assert!(nobody.run(&line).await.exits(4).err.contains("cannot be reached"));
}

#[tokio::test]
async fn the_key_of_an_adjustment_is_shown_before_it_is_sent_and_can_be_given_again() {
    let entry = json!({ "id": "ent_1", "amount": { "amount": "5.00", "currency": "USD" } });
    let api = after(4, Reply::HangUp, Reply::Json(201, entry)).await;
    let lost = api.run(&ADJUST).await.exits(4);
    let key = lost.err.lines().find_map(|line| line.strip_prefix("--key ")).expect("a key").to_owned();
    let seen = api.seen();
    assert!(seen.iter().all(|one| one.key.as_deref() == Some(&key)), "{seen:?}");
    assert_eq!(seen[0].body, json!({ "amount": "5.00", "currency": "USD", "reason": "because" }));
    let again = api.run(&[&ADJUST[..], &["--key", &key]].concat()).await.exits(0);
    assert!(again.out.starts_with("Booked 5.00 USD as ent_1"), "{again:?}");
    assert_eq!(api.seen()[0], seen[0]);
    // Another adjustment is another one.
    let other = api.run(&ADJUST).await.exits(0);
    assert!(!other.err.contains(&key) && api.seen()[0].key.as_deref() != Some(&key));
}
