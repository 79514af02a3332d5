//! What is kept of a call does not depend on the order in which its news arrive, nor on how often.

use domain::call::{Call, CallStatus};
use serde_json::Value;
use store::call::CallNews;
use tests::TestApp;

/// What is told of a call, each by its own webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// It comes in.
    Ringing,
    /// It was answered.
    InProgress,
    /// The agent took it.
    Taken,
    /// It is over.
    Completed,
}

const ALL: [News; 4] = [News::Ringing, News::InProgress, News::Taken, News::Completed];

fn call(sid: &str, status: CallStatus) -> Call {
    Call {
        call_sid: sid.into(),
        tenant_id: "acme".parse().unwrap(),
        e164: "+12125550123".parse().unwrap(),
        direction: "inbound".into(),
        from: "+14155550199".into(),
        to: "+12125550123".into(),
        status,
        started_at: tests::app::BEGINNING.parse().unwrap(),
        duration_s: (status == CallStatus::Completed).then_some(49),
        cost: None,
        paid: false,
        included_minutes: 0,
        routed_to: None,
        routed_why: None,
        agent_id: None,
        answer: None,
    }
}

async fn tell(app: &TestApp, sid: &str, news: News) {
    let store = &app.system.app.store;
    let status =
        |status: CallStatus| CallNews { call: call(sid, status), status: Some(status), routed: None, agent_id: None };
    match news {
        News::Ringing => drop(store.call_insert(&call(sid, CallStatus::Ringing)).await.unwrap()),
        News::InProgress => store.call_news(&status(CallStatus::InProgress)).await.unwrap(),
        News::Completed => store.call_news(&status(CallStatus::Completed)).await.unwrap(),
        News::Taken => {
            let agent = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
            let routed = Some((agent.to_owned(), "linked".to_owned()));
            let call = call(sid, CallStatus::InProgress);
            let agent_id = Some(agent.parse().unwrap());
            store.call_news(&CallNews { call, status: None, routed, agent_id }).await.unwrap();
        }
    }
}

/// The whole item, but for the call's id.
async fn kept(app: &TestApp, sid: &str) -> Value {
    let call = app.system.undisturbed.store.call_get(sid).await.unwrap().expect("it is kept");
    let mut call = serde_json::to_value(call).unwrap();
    call["call_sid"].take();
    call
}

fn orders(of: &[News]) -> Vec<Vec<News>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let begun_with = of.iter().flat_map(|first| {
        let rest: Vec<News> = of.iter().copied().filter(|other| other != first).collect();
        orders(&rest).into_iter().map(|order| [vec![*first], order].concat()).collect::<Vec<_>>()
    });
    begun_with.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_whatever_order_and_however_often_it_ends_the_same() {
    let app = TestApp::start().await;
    let orders = orders(&ALL);
    assert_eq!(orders.len(), 24);
    let mut expected: Option<Value> = None;
    for (n, order) in orders.iter().enumerate() {
        // As it is; each twice in a row; all again in the opposite order.
        let twice: Vec<News> = order.iter().flat_map(|news| [*news, *news]).collect();
        let back: Vec<News> = order.iter().chain(order.iter().rev()).copied().collect();
        for (m, told) in [order.clone(), twice, back].iter().enumerate() {
            let sid = format!("CA{n}x{m}");
            for news in told {
                tell(&app, &sid, *news).await;
            }
            let kept = kept(&app, &sid).await;
            assert_eq!(kept, *expected.get_or_insert(kept.clone()), "{told:?}");
        }
    }
    let expected = expected.unwrap();
    assert_eq!((&expected["status"], &expected["duration_s"]), (&"completed".into(), &49.into()), "{expected}");
    assert_eq!(expected["routed_why"], "linked", "{expected}");
    assert_eq!(expected["agent_id"], "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b", "{expected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn told_at_once_it_ends_the_same() {
    let app = std::sync::Arc::new(TestApp::start().await);
    let mut expected: Option<Value> = None;
    for n in 0..20 {
        let sid = format!("CA{n}");
        let mut told = tokio::task::JoinSet::new();
        for news in ALL.into_iter().chain(ALL) {
            let (app, sid) = (app.clone(), sid.clone());
            told.spawn(async move { tell(&app, &sid, news).await });
        }
        told.join_all().await;
        let kept = kept(&app, &sid).await;
        assert_eq!(kept, *expected.get_or_insert(kept.clone()));
    }
}
