//! Every function and the event of its name: status and the essential part of the answer.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::lambda::Outcome;
use tests::{TestApp, template};

use crate::world::{self, Stage, described, id};

/// The event of this function finds the number at a stage, and is answered with a status and, among other things, these.
type Row = (&'static str, Stage, u16, Vec<(&'static str, Value)>);

/// Functions that serve HTTP. A pointer leads into a JSON body; without one, the text is part of a TwiML answer.
fn rows() -> Vec<Row> {
    use Stage::{ByHand, Due, Leaving, Linked, OnOffer, Parked, Reconciled, Stuck, ToppingUp, Unlinked};
    let (number, agent, op, project) = (id("num"), id("agt"), id("op"), id("prj"));
    vec![
        (
            "adjust-wallet",
            OnOffer,
            201,
            vec![("/amount/amount", json!("25.00")), ("/balance_after/amount", json!("75.00"))],
        ),
        (
            "add-agent-number",
            OnOffer,
            201,
            vec![("/number/agent_id", json!(agent)), ("/number/e164", json!(world::E164))],
        ),
        ("drop-agent-number", Linked, 200, vec![("/number/id", json!(number)), ("/number/status", json!("released"))]),
        (
            "place-test-call",
            Linked,
            201,
            vec![("/call/number_id", json!(number)), ("/call/direction", json!("outbound"))],
        ),
        ("vapi-webhook", Linked, 200, vec![]),
        // Signed long ago; what is signed now is let in by `webhooks`.
        ("retell-webhook", Linked, 403, vec![]),
        ("elevenlabs-webhook", Linked, 403, vec![]),
        ("call-status", Linked, 200, vec![("", json!(""))]),
        (
            "create-agent",
            OnOffer,
            201,
            vec![("/agent/name", json!("Receptionist")), ("/agent/status", json!("active"))],
        ),
        ("create-project", OnOffer, 201, vec![("/name", json!("Downtown clinic"))]),
        ("delete-agent", OnOffer, 204, vec![]),
        ("delete-project", OnOffer, 204, vec![]),
        ("dial-result", Linked, 200, vec![("", json!("<Say>We cannot take your call at the moment."))]),
        ("get-agent", OnOffer, 200, vec![("/id", json!(agent)), ("/platform", json!("vapi"))]),
        (
            "get-number",
            Linked,
            200,
            vec![("/id", json!(number)), ("/status", json!("active")), ("/agent_id", json!(agent))],
        ),
        ("get-openapi", OnOffer, 200, vec![("/openapi", json!("3.1.0"))]),
        ("get-operation", Linked, 200, vec![("/id", json!(op)), ("/status", json!("succeeded"))]),
        ("get-project", OnOffer, 200, vec![("/id", json!(project)), ("/name", json!("Downtown"))]),
        (
            "get-top-up",
            ToppingUp,
            200,
            vec![("/id", json!(id("top"))), ("/status", json!("open")), ("/session", json!("cs_test_demo"))],
        ),
        ("get-wallet", Linked, 200, vec![("/wallets/0/held/amount", json!("0.00"))]),
        (
            "incoming-call",
            Linked,
            200,
            vec![("", json!("<Sip ")), ("", json!("/webhooks/twilio/voice/dial-result?tenant=demo"))],
        ),
        (
            "link-number",
            Unlinked,
            200,
            vec![("/number/agent_id", json!(agent)), ("/operation/status", json!("succeeded"))],
        ),
        // A day on which no run ended.
        ("get-agreement", OnOffer, 404, vec![("/code", json!("not_found"))]),
        (
            "get-number-agreement",
            Reconciled,
            200,
            vec![("/number_id", json!(number)), ("/agrees", json!(true)), ("/findings", json!([]))],
        ),
        (
            "get-reconciliation",
            Reconciled,
            200,
            vec![("/status", json!("finished")), ("/compared", json!(2)), ("/agreeing", json!(2))],
        ),
        (
            "start-reconciliation",
            Linked,
            200,
            vec![
                ("/status", json!("finished")),
                ("/dry_run", json!(true)),
                ("/compared", json!(2)),
                // The function is reached at another address than the system that bought the number.
                ("/findings/0/kind", json!("routing_drift")),
                ("/findings/0/action", json!("reported")),
            ],
        ),
        (
            "import-number",
            ByHand,
            201,
            vec![
                ("/number/e164", json!(world::E164)),
                ("/number/link/status", json!("linked")),
                ("/operation/kind", json!("import")),
            ],
        ),
        (
            "list-audit",
            Parked,
            200,
            vec![
                ("/items/0/action", json!("number_parked")),
                ("/items/0/subject", json!(number)),
                ("/next_cursor", json!(null)),
            ],
        ),
        (
            "list-parked-numbers",
            Parked,
            200,
            vec![("/items/0/number_id", json!(number)), ("/items/0/tenant_id", json!("demo"))],
        ),
        (
            "park-number",
            Unlinked,
            200,
            vec![("/number/id", json!(number)), ("/number/parked", json!(true)), ("/operation", json!(null))],
        ),
        (
            "resolve-number",
            Parked,
            200,
            vec![("/number/id", json!(number)), ("/number/parked", json!(false)), ("/operation", json!(null))],
        ),
        ("list-agents", OnOffer, 200, vec![("/items/0/id", json!(agent)), ("/next_cursor", json!(null))]),
        ("list-calls", Linked, 200, vec![("/items", json!([]))]),
        ("list-countries", OnOffer, 200, vec![("/items/0/carrier", json!("twilio"))]),
        (
            "list-entries",
            Linked,
            200,
            vec![("/items/0/kind", json!("number_charge")), ("/items/0/number_id", json!(number))],
        ),
        ("list-numbers", Linked, 200, vec![("/items/0/id", json!(number)), ("/next_cursor", json!(null))]),
        ("list-operations", Linked, 200, vec![("/items", json!([]))]),
        ("list-projects", OnOffer, 200, vec![("/items/0/id", json!(project))]),
        ("list-stuck-operations", Stuck, 200, vec![("/items/0/id", json!(op)), ("/items/0/tenant_id", json!("demo"))]),
        (
            "list-tenants",
            Linked,
            200,
            vec![
                ("/items/0/id", json!("demo")),
                ("/items/0/plan", json!("PRO")),
                ("/items/0/numbers_held", json!(1)),
                ("/items/0/wallets/0/held/amount", json!("0.00")),
            ],
        ),
        (
            "list-upcoming-charges",
            Linked,
            200,
            vec![("/items/0/number_id", json!(number)), ("/items/0/amount/currency", json!("USD"))],
        ),
        (
            "preview-billing",
            Due,
            200,
            vec![
                ("/items/0/tenant_id", json!("demo")),
                ("/items/0/periods", json!(1)),
                ("/items/0/covered", json!(1)),
                ("/items/0/failing", json!([])),
            ],
        ),
        (
            "purchase-number",
            OnOffer,
            201,
            vec![("/number/e164", json!(world::E164)), ("/number/link/status", json!("linked"))],
        ),
        ("release-number", Linked, 200, vec![("/number/status", json!("released"))]),
        (
            "report-margin",
            Linked,
            200,
            vec![
                ("/revenue/amount", json!("1.50")),
                ("/cost/amount", json!("1.15")),
                ("/months_not_charged", json!(0)),
            ],
        ),
        // It is stuck, and waits for nobody's hands.
        ("complete-operation", Stuck, 404, vec![("/code", json!("not_found"))]),
        ("resume-operation", Stuck, 200, vec![("/id", json!(op)), ("/status", json!("running"))]),
        (
            "search-numbers",
            OnOffer,
            200,
            vec![("/items/0/country", json!("US")), ("/items/0/carrier", json!("twilio"))],
        ),
        ("start-dunning", Due, 200, vec![("/dry_run", json!(true)), ("/queued", json!(0)), ("/stages", json!([]))]),
        ("start-renewals", Due, 200, vec![("/dry_run", json!(false)), ("/queued", json!(1))]),
        ("undo-release", Leaving, 200, vec![("/id", json!(number)), ("/release_at", json!(null))]),
        (
            "set-auto-top-up",
            ToppingUp,
            200,
            vec![("/amount/amount", json!("25.00")), ("/below/amount", json!("10.00"))],
        ),
        ("start-top-up", OnOffer, 201, vec![("/amount/amount", json!("25.00")), ("/status", json!("open"))]),
        ("stripe-webhook", ToppingUp, 200, vec![]),
        (
            "unlink-number",
            Linked,
            200,
            vec![("/number/agent_id", json!(null)), ("/operation/status", json!("succeeded"))],
        ),
        ("update-number", Linked, 200, vec![("/name", json!("Front desk")), ("/tags/0", json!("office"))]),
        ("update-project", OnOffer, 200, vec![("/name", json!("Uptown clinic"))]),
        ("update-tenant", OnOffer, 200, vec![("/plan", json!("PRO"))]),
        (
            "verify-ledger",
            Linked,
            200,
            vec![("/ok", json!(true)), ("/complete", json!(true)), ("/wallets", json!(1)), ("/entries", json!(2))],
        ),
        ("voice-fallback", Linked, 200, vec![("", json!("<Say>We cannot take your call at the moment."))]),
    ]
}

/// Functions without HTTP; `workers` and `money` have their events.
const OTHERS: [&str; 8] = [
    "advance-operations",
    "charge-numbers",
    "collect-overdue",
    "reconcile-numbers",
    "reconcile-top-ups",
    "release-ended-numbers",
    "renew-numbers",
    "sweep-operations",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_answers_its_event() {
    let mut wrong = Vec::new();
    for (name, stage, status, expected) in rows() {
        let app = world::at(stage).await;
        let mut function = world::function(&app, name).await;
        let outcome = function.invoke(&world::event(name)).await;
        world::end(&app, function).await;
        match outcome {
            Outcome::Answer(answer) if answer["statusCode"] == status => {
                let missing = expected.iter().filter_map(|(pointer, wanted)| missing(&answer, pointer, wanted));
                wrong.extend(missing.map(|missing| format!("{name}: {missing}")));
            }
            other => wrong.push(format!("{name}: {other:?}")),
        }
        wrong.extend(did_more_than_it_may(name, &app));
        let violations = app.violations().await;
        if violations != json!([]) {
            wrong.push(format!("{name}: {violations}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn missing(answer: &Value, pointer: &str, wanted: &Value) -> Option<String> {
    let text = answer["body"].as_str().unwrap_or_default();
    if pointer.is_empty() {
        let there = text.contains(wanted.as_str().unwrap_or_default());
        return (!there).then(|| format!("{wanted} is not in {text}"));
    }
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    (body.pointer(pointer) != Some(wanted)).then(|| format!("{pointer} is not {wanted} in {text}"))
}

/// What it asked of the table though its policy in the template does not grant it.
pub(crate) fn did_more_than_it_may(name: &str, app: &TestApp) -> Vec<String> {
    let granted = described(name).actions;
    let may = |action: &str| granted.iter().any(|granted| granted == action);
    let fine = |asked: &str| match asked {
        "get" => may("dynamodb:GetItem"),
        "put" => may("dynamodb:PutItem"),
        "update" => may("dynamodb:UpdateItem"),
        "delete" => may("dynamodb:DeleteItem"),
        "query" => may("dynamodb:Query"),
        "batch_get" => may("dynamodb:BatchGetItem"),
        "scan" => may("dynamodb:Scan"),
        // Its parts are granted one by one.
        "transact" => may("dynamodb:PutItem") || may("dynamodb:UpdateItem") || may("dynamodb:DeleteItem"),
        _ => false,
    };
    let asked = app.system.aws.dynamodb.requests().into_iter().filter(|(asked, _)| !fine(asked));
    asked.map(|(asked, times)| format!("{name} asked {times} times for {asked}, and may {granted:?}")).collect()
}

#[test]
fn every_function_has_its_event_and_its_row() {
    let names = |all: Vec<String>| all.into_iter().collect::<BTreeSet<_>>();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../events")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let events = names(files.filter_map(|file| file.strip_suffix(".json").map(str::to_owned)).collect());
    let rows = names(rows().iter().map(|row| row.0).chain(OTHERS).map(str::to_owned).collect());
    let functions = names(template::functions().into_iter().map(|function| function.name).collect());
    assert_eq!(events, rows);
    assert_eq!(functions, rows);
}
