//! What callers meet, and what is kept of their calls.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::kit::{CALLER, FALLBACK, NUMBER, Story, client, list, word};

/// The documents of a call and how it ended; passwords and ids taken out.
fn told(story: &Story, call: &Value) -> String {
    let documents = list(call, "twiml");
    let mut lines: Vec<String> =
        documents.iter().map(|document| hidden(document.as_str().unwrap_or_default())).collect();
    lines.push(format!("{}, reported {}", word(call, "/status"), call["status_callback"]));
    story.redacted(&lines.join("\n"))
}

/// A document without its XML head and its passwords.
fn hidden(document: &str) -> String {
    let body = document.split_once("?>").map_or(document, |(_, body)| body).trim();
    match body.split_once("password=\"") {
        Some((before, after)) => {
            let rest = after.split_once('"').map_or("", |(_, rest)| rest);
            format!("{before}password=\"…\"{rest}")
        }
        None => body.to_owned(),
    }
}

/// The call log of a number: who it went to, why, and how it ended.
async fn log(story: &Story, number: &str) -> Vec<String> {
    let calls = list(&story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body, "items");
    let line = |call: &Value| {
        let [from, status] = ["/from", "/status"].map(|part| word(call, part));
        let [to, why] = ["/routed/to", "/routed/why"].map(|part| word(call, part));
        story.redacted(&format!("{from} {status} {} s, {to} because {why}", call["duration_s"]))
    };
    calls.iter().map(line).collect()
}

#[tokio::test]
async fn a_call_to_a_linked_number_is_handed_to_its_agent() {
    let (story, number, agent) = Story::with_a_linked_number().await;
    let _ = story.app.advance("PT1M").await;
    let call = story.call(NUMBER, "completed").await;
    assert_snapshot!(told(&story, &call), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;agent=agt_<2>" method="POST"><Sip username="local-<3>" password="…">sip:local-<3>@sip.vapi.ai?X-Caller=%2B13125550199&amp;X-Called=%2B12125550123</Sip></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
    assert_snapshot!(log(&story, &number).await.join("\n"), @"+13125550199 completed 30 s, agt_<1> because linked");
    let platform = story.app.state("vapi").await;
    assert_eq!(word(&platform, "/calls/0/agent"), word(&platform, "/assistants/0/id"));
    let kept = story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200);
    assert_eq!(kept.text("/items/0/agent_id"), agent);
    // Its minute is paid for on its own.
    assert_eq!(kept.body["items"][0]["cost"], json!({ "amount": "0.02", "currency": "USD" }));
    let entries = story.get("/v1/wallet/entries").await.expect(200);
    let [kind, amount, of] =
        ["kind", "amount/amount", "number_id"].map(|part| entries.text(&format!("/items/0/{part}")));
    assert_eq!((kind.as_str(), amount.as_str(), of), ("usage_charge", "-0.02", number));
    // The agent's platform is asked nothing during a call.
    assert_eq!(story.app.asked("vapi", "numbers.get").await, 0);
    story.app.verify().await;
}

#[tokio::test]
async fn a_call_to_a_number_without_an_agent_hears_a_sentence_or_goes_to_the_fallback() {
    let (story, number) = Story::with_a_number().await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @"
    <Response><Say>The number you have called is not set up yet. Please try again later.</Say><Hangup/></Response>
    completed, reported 200
    ");
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    let _ = story.app.advance("PT1M").await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;why=unlinked" method="POST"><Number>+14155550100</Number></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
    assert_snapshot!(log(&story, &number).await.join("\n"), @"
    +13125550199 completed 30 s, fallback because unlinked
    +13125550199 completed 5 s, nobody because unlinked
    ");
}

#[tokio::test]
async fn a_suspended_tenants_callers_hear_its_message_whatever_it_says() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let message = "</Say><Hangup/> & \"closed\" <Dial>+1900</Dial> é 日本";
    let _ = story.operator_sets(json!({ "suspended": true, "suspended_message": message })).await.expect(200);
    let call = story.call(NUMBER, "completed").await;
    assert_snapshot!(told(&story, &call), @"
    <Response><Say>&lt;/Say&gt;&lt;Hangup/&gt; &amp; &quot;closed&quot; &lt;Dial&gt;+1900&lt;/Dial&gt; é 日本</Say><Hangup/></Response>
    completed, reported 200
    ");
    assert_eq!(list(&story.app.state("vapi").await, "calls"), Vec::<Value>::new());
    assert_snapshot!(log(&story, &number).await.join("\n"), @"+13125550199 completed 4 s, nobody because suspended");
    // Without a message of its own there is ours.
    let _ = story.operator_sets(json!({ "suspended_message": null })).await.expect(200);
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @"
    <Response><Say>The number you have called is not in service at the moment.</Say><Hangup/></Response>
    completed, reported 200
    ");
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;why=suspended" method="POST"><Number>+14155550100</Number></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
    let _ = story.operator_sets(json!({ "suspended": false })).await.expect(200);
    assert_eq!(list(&story.call(NUMBER, "completed").await, "twiml").len(), 2);
}

#[tokio::test]
async fn in_outage_mode_nobody_is_sent_to_the_platform() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let _ = story.operator_sets(json!({ "outage_mode": true })).await.expect(200);
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @"
    <Response><Say>We cannot take your call at the moment. Please try again later.</Say><Hangup/></Response>
    completed, reported 200
    ");
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    let _ = story.app.advance("PT1M").await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;why=outage_mode" method="POST"><Number>+14155550100</Number></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
    assert_eq!(list(&story.app.state("vapi").await, "calls"), Vec::<Value>::new());
    assert_snapshot!(log(&story, &number).await.join("\n"), @"
    +13125550199 completed 30 s, fallback because outage_mode
    +13125550199 completed 5 s, nobody because outage_mode
    ");
}

#[tokio::test]
async fn an_agent_that_does_not_answer_gives_way_to_the_fallback_number() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    assert_snapshot!(told(&story, &story.call(NUMBER, "no-answer").await), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;agent=agt_<2>" method="POST"><Sip username="local-<3>" password="…">sip:local-<3>@sip.vapi.ai?X-Caller=%2B13125550199&amp;X-Called=%2B12125550123</Sip></Dial></Response>
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;why=agent_failed" method="POST"><Number>+14155550100</Number></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
    for outcome in ["busy", "failed"] {
        let call = story.call(NUMBER, outcome).await;
        assert!(call["twiml"][1].as_str().is_some_and(|document| document.contains(FALLBACK)), "{call}");
    }
    assert_snapshot!(log(&story, &number).await.join("\n"), @"
    +13125550199 completed 30 s, fallback because agent_failed
    +13125550199 completed 30 s, fallback because agent_failed
    +13125550199 completed 30 s, fallback because agent_failed
    ");
}

#[tokio::test]
async fn an_agent_that_does_not_answer_is_excused_where_there_is_no_fallback() {
    let (story, number, _) = Story::with_a_linked_number().await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "no-answer").await), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;agent=agt_<2>" method="POST"><Sip username="local-<3>" password="…">sip:local-<3>@sip.vapi.ai?X-Caller=%2B13125550199&amp;X-Called=%2B12125550123</Sip></Dial></Response>
    <Response><Say>We cannot take your call at the moment. Please try again later.</Say><Hangup/></Response>
    completed, reported 200
    "#);
    assert_snapshot!(log(&story, &number).await.join("\n"), @"+13125550199 completed 5 s, nobody because agent_failed");
    // A sentence of ours is no service.
    let calls = story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body;
    assert_eq!(calls["items"][0]["cost"], Value::Null);
    assert_eq!(story.app.wallet(&story.tenant).await.0, "8.50");
}

#[tokio::test]
async fn an_address_the_platform_forgot_sends_callers_to_the_fallback_number() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    let vapi = &story.app.system.simulators.vapi;
    let url = format!("{}/phone-number/{}", vapi.url, word(&story.app.state("vapi").await, "/numbers/0/id"));
    let gone = client().delete(url).bearer_auth(&vapi.api_key).send().await.expect("the platform answers");
    assert!(gone.status().is_success());
    let call = story.call(NUMBER, "completed").await;
    assert!(call["twiml"][1].as_str().is_some_and(|document| document.contains(FALLBACK)), "{call}");
}

#[tokio::test]
async fn a_number_that_is_being_given_back_puts_nobody_through() {
    let (story, number, _) = Story::with_a_linked_number().await;
    for operation in ["numbers.get", "numbers.delete"] {
        story.fault("twilio", operation, "error", 1_000).await;
    }
    let _ = story.release(&number).await.expect(202);
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @"
    <Response><Say>The number you have called is not in service at the moment.</Say><Hangup/></Response>
    completed, reported 200
    ");
}

#[tokio::test]
async fn a_number_of_nobody_is_rejected_and_nothing_is_kept() {
    let (story, number) = Story::with_a_number().await;
    // The operator's own number, pointed at us by mistake; and ours, pointed at another tenant.
    let base = &story.app.system.url;
    let ours = format!("{base}/webhooks/twilio/voice?tenant={}", story.tenant.id);
    let own = [("PhoneNumber", "+12125550124"), ("VoiceUrl", ours.as_str())];
    let _ = story.at_the_carrier("IncomingPhoneNumbers", &own).await;
    assert_snapshot!(told(&story, &story.call("+12125550124", "completed").await), @r#"
    <Response><Reject reason="rejected"/></Response>
    no-answer, reported null
    "#);
    let rival = story.app.tenant("PRO", "10.00").await;
    let theirs = format!("{base}/webhooks/twilio/voice?tenant={}", rival.id);
    let resource = format!("IncomingPhoneNumbers/{}", word(&story.app.state("twilio").await, "/numbers/0/id"));
    let _ = story.at_the_carrier(&resource, &[("VoiceUrl", &theirs), ("StatusCallback", "")]).await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Reject reason="rejected"/></Response>
    no-answer, reported null
    "#);
    assert_eq!(log(&story, &number).await, Vec::<String>::new());
}

#[tokio::test]
async fn books_that_do_not_answer_during_a_call_leave_the_caller_with_the_fallback_number() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    // As often as the client asks for the first document, and then no more.
    let tries = tries_of_a_lookup(&story).await;
    story.fault("dynamodb", "batch_get", "error", tries).await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Redirect method="POST">https://us/webhooks/twilio/voice/fallback?tenant=ten_<1></Redirect></Response>
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;why=failure" method="POST"><Number>+14155550100</Number></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
}

#[tokio::test]
async fn books_that_stay_away_leave_the_caller_with_a_sentence() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    story.fault("dynamodb", "batch_get", "error", 1_000).await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Redirect method="POST">https://us/webhooks/twilio/voice/fallback?tenant=ten_<1></Redirect></Response>
    <Response><Say>We cannot take your call at the moment. Please try again later.</Say><Hangup/></Response>
    completed, reported 503
    "#);
    // Neither does a call that cannot be noted go unanswered.
    story.app.no_faults();
    story.fault("dynamodb", "put", "error", 1_000).await;
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Dial answerOnBridge="true" timeout="25" action="https://us/webhooks/twilio/voice/dial-result?tenant=ten_<1>&amp;agent=agt_<2>" method="POST"><Sip username="local-<3>" password="…">sip:local-<3>@sip.vapi.ai?X-Caller=%2B13125550199&amp;X-Called=%2B12125550123</Sip></Dial></Response>
    <Response></Response>
    completed, reported 200
    "#);
}

/// How often the store's client asks before it gives up.
async fn tries_of_a_lookup(story: &Story) -> u64 {
    story.fault("dynamodb", "get", "error", 1_000).await;
    let _ = story.get(&format!("/v1/projects/prj_{}", "0".repeat(32))).await;
    let faults = story.app.local("faults", None).await.expect(200);
    story.app.no_faults();
    faults.body["items"][0]["fired"].as_u64().expect("a count")
}

#[tokio::test]
async fn late_and_repeated_news_of_a_call_change_nothing() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let call = story.call(NUMBER, "completed").await;
    let sid = word(&call, "/call_sid");
    let before = story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body;
    let twilio = &story.app.system.simulators.twilio;
    for status in ["completed", "ringing", "in-progress", "initiated", "failed", "busy", "no-answer", "canceled", "new"]
    {
        assert_eq!(twilio.send_status(&sid, status, 0).await, Ok(200), "{status}");
        assert_eq!(story.get(&format!("/v1/numbers/{number}/calls")).await.expect(200).body, before, "{status}");
    }
}

#[tokio::test]
async fn a_webhook_asked_once_more_gets_the_same_document_and_is_one_call() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let call = story.call(NUMBER, "completed").await;
    let again = story.app.system.simulators.twilio.repeat_voice(&word(&call, "/call_sid")).await.expect("a document");
    assert_eq!(again, word(&call, "/twiml/0"));
    assert_eq!(log(&story, &number).await.len(), 1);
}

#[tokio::test]
async fn news_of_a_call_that_was_never_noted_makes_its_record() {
    let (story, number, _) = Story::with_a_linked_number().await;
    story.fault("dynamodb", "put", "error", 1_000).await;
    let call = story.call(NUMBER, "completed").await;
    story.app.no_faults();
    let twilio = &story.app.system.simulators.twilio;
    assert_eq!(twilio.send_status(&word(&call, "/call_sid"), "completed", 0).await, Ok(200));
    assert_eq!(log(&story, &number).await.len(), 1);
}

#[tokio::test]
async fn the_call_log_is_read_page_by_page_and_month_by_month() {
    let (story, number) = Story::with_a_number().await;
    for _ in 0..5 {
        let _ = story.call(NUMBER, "completed").await;
        let _ = story.app.advance("P20D").await;
    }
    let all = story.get(&format!("/v1/numbers/{number}/calls?limit=100")).await.expect(200);
    let all = list(&all.body, "items");
    assert_eq!(all.len(), 5);
    for limit in 1..=5 {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = story.get(&format!("/v1/numbers/{number}/calls?limit={limit}{cursor}")).await.expect(200);
            found.extend(list(&page.body, "items"));
            let Some(next) = page.body["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(found, all, "{limit}");
    }
}

#[tokio::test]
async fn the_calls_of_a_former_holder_are_its_own() {
    let (story, number) = Story::with_a_number().await;
    let _ = story.call(NUMBER, "completed").await;
    let _ = story.release(&number).await.expect(200);
    let _ = story.app.advance("P31D").await;
    story.stock(&[NUMBER]).await;
    let rival = story.app.tenant("PRO", "10.00").await;
    let bought = story.app.post(&rival, "/v1/numbers", "key", json!({ "e164": NUMBER })).await.expect(201);
    let path = format!("/v1/numbers/{}/calls", bought.text("/number/id"));
    assert_eq!(list(&story.app.get(&rival, &path).await.expect(200).body, "items"), Vec::<Value>::new());
    let _ = story.call(NUMBER, "completed").await;
    assert_eq!(list(&story.app.get(&rival, &path).await.expect(200).body, "items").len(), 1);
    assert_eq!(log(&story, &number).await.len(), 1);
}

#[tokio::test]
async fn an_anonymous_caller_is_put_through_like_any_other() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let call = json!({ "to": NUMBER, "from": "anonymous" });
    let call = story.app.local("simulators/twilio/call", Some(call)).await.expect(200).body;
    assert_eq!(word(&call, "/status"), "completed");
    assert!(word(&call, "/answered_by/assistant_id").len() > 1);
    assert_eq!(log(&story, &number).await.len(), 1);
}

#[tokio::test]
async fn an_agent_answers_only_while_its_tenant_has_money_left() {
    let story = Story::begin("PRO", "1.50").await;
    story.stock(&[NUMBER]).await;
    let agent = story.app.agent(&story.tenant, "Front desk").await;
    let bought = story.buy("first", json!({ "e164": NUMBER, "agent_id": agent })).await.expect(201);
    let number = bought.text("/number/id");
    let _ = story.operator_sets(json!({ "plan": "PRO", "suspended_message": "Our bill is due." })).await.expect(200);
    assert_snapshot!(told(&story, &story.call(NUMBER, "completed").await), @r#"
    <Response><Say>Our bill is due.</Say><Hangup/></Response>
    completed, reported 200
    "#);
    assert_snapshot!(log(&story, &number).await.join("\n"), @"+13125550199 completed 2 s, nobody because no_funds");
    let _ = story.edit(&number, json!({ "fallback": FALLBACK })).await.expect(200);
    assert!(told(&story, &story.call(NUMBER, "completed").await).contains(FALLBACK));
    let _ = story.adjust("paid", "1.00", "paid at last").await.expect(201);
    assert!(told(&story, &story.call(NUMBER, "completed").await).contains("<Sip "));
    story.app.verify().await;
}

#[tokio::test]
async fn no_more_calls_go_on_at_once_than_the_plan_allows() {
    let (story, number, _) = Story::with_a_linked_number().await;
    let asked = |sid: String| {
        let story = &story;
        async move { tests::twilio::incoming_call(&story.app, &story.tenant, (CALLER, NUMBER), &sid).await }
    };
    for call in 0..20 {
        let (status, document) = asked(format!("CA{call:032}")).await;
        assert!(status == 200 && document.contains("<Sip "), "{call}: {document}");
    }
    let (_, document) = asked("CA1000".to_owned()).await;
    assert!(document.contains("All lines are busy"), "{document}");
    assert!(log(&story, &number).await.iter().any(|line| line.ends_with("nobody because busy")));
    // The same call, asked about again, is none besides.
    let (_, again) = asked(format!("CA{:032}", 7)).await;
    assert!(again.contains("<Sip "), "{again}");
    // One is over, and whoever calls next gets through.
    let sid = format!("CA{:032}", 3);
    let told = tests::twilio::call_completed(&story.app, &story.tenant, (CALLER, NUMBER), &sid, 61).await;
    assert_eq!(told, 200);
    let (_, document) = asked("CA1001".to_owned()).await;
    assert!(document.contains("<Sip "), "{document}");
    // What was never heard to end is over after four hours.
    let _ = story.app.advance("PT4H1M").await;
    for call in 0..20 {
        let (_, document) = asked(format!("CB{call:032}")).await;
        assert!(document.contains("<Sip "), "{call}: {document}");
    }
    story.app.verify().await;
}
