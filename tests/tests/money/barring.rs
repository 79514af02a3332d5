//! Calls past us are barred while one is owed: what else happens to number and wallet meanwhile.

use std::time::Duration;

use domain::wallet::WalletRef;
use domain::{Currency, period};
use reqwest::Method;
use serde_json::json;
use shared::{App, billing};
use store::queue::{ChargeCause, ChargeMessage};

use crate::kit::{Story, text};

/// A tenant without a cent, whose number has just had a call that went past us; nobody has looked at the wallet yet.
async fn owing() -> (Story, String) {
    let story = Story::on("2027-02-10", "PRO", "1.50").await;
    let number = story.bought("one").await;
    story.linked_by_trunk(&number).await;
    story.is_called(&number).await;
    (story, number)
}

/// The same, and its calls are barred.
async fn barred() -> (Story, String) {
    let (story, number) = owing().await;
    let _ = story.app.drain().await.expect(200);
    assert!(story.is_barred(&number).await);
    assert_eq!(story.wallets_word().await, Some(true));
    (story, number)
}

impl Story {
    async fn is_called(&self, number: &str) {
        let simulators = &self.app.system.simulators;
        let call = json!({ "to": text(&self.number(number).await, "/e164"), "from": "+13125550199" });
        let call = simulators.twilio.call(serde_json::from_value(call).expect("a call")).await;
        assert_eq!(call.expect("a call")["status"], "completed");
        simulators.tell().await;
    }

    async fn is_barred(&self, number: &str) -> bool {
        text(&self.number(number).await, "/link/reason").contains("not paid for")
    }

    fn usd(&self) -> WalletRef {
        WalletRef { tenant_id: self.tenant.id.parse().expect("a tenant"), currency: Currency::USD }
    }

    /// What the wallet says of calls past us.
    async fn wallets_word(&self) -> Option<bool> {
        let WalletRef { tenant_id, currency } = self.usd();
        let wallet = self.app.system.undisturbed.store.wallet_get(&tenant_id, currency).await;
        wallet.expect("the books answer").expect("a wallet").barring
    }

    /// A message of money that came in, or did not suffice.
    async fn charge(&self, app: &App) {
        let date = period::date_of(domain::Clock::now(&*self.app.system.clock));
        let message = ChargeMessage { wallet: self.usd(), date, cause: ChargeCause::Credit };
        billing::charge(app, &message).await.expect("it is worked off");
    }
}

#[tokio::test]
async fn a_parked_number_is_let_through_once_it_is_parked_no_more() {
    let (story, number) = barred().await;
    let _ = story.park(&number).await.expect(200);
    story.recover("10.00").await;
    assert!(story.is_barred(&number).await);
    assert_eq!(story.wallets_word().await, Some(false));
    story.app.verify().await;
    let _ = story.resolve(&number, "keep").await.expect(200);
    let _ = story.app.drain().await.expect(200);
    assert!(!story.is_barred(&number).await);
    assert_eq!(story.wallets_word().await, None);
    story.app.verify().await;
}

#[tokio::test]
async fn what_something_else_is_at_is_looked_at_again() {
    let (story, number) = barred().await;
    let path = format!("/v1/numbers/{number}/agent");
    let prefer = [("Prefer", "respond-async")];
    let _ = story.app.send(Method::DELETE, &path, &story.tenant.token, &prefer, None).await.expect(202);
    story.fund("10.00").await;
    story.charge(&story.app.system.undisturbed).await;
    assert_eq!(story.wallets_word().await, Some(false));
    let _ = story.app.drain().await.expect(200);
    assert!(story.number(&number).await["link"].is_null());
    let _ = story.app.advance("PT2M").await;
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.wallets_word().await, None);
    story.app.verify().await;
}

#[tokio::test]
async fn a_suspension_and_its_end_leave_nothing_barred() {
    let (story, number) = barred().await;
    story.to("2027-03-20T12:00:00Z").await;
    assert_eq!(story.status(&number).await, "suspended");
    story.app.verify().await;
    story.recover("10.00").await;
    assert_eq!(story.status(&number).await, "active");
    assert!(!story.is_barred(&number).await);
    assert_eq!(story.wallets_word().await, None);
    story.is_called(&number).await;
    let _ = story.app.drain().await.expect(200);
    assert_eq!(story.events("number.barred").await.len(), 1);
    story.app.verify().await;
}

/// Whoever found the money missing says so after somebody else has taken it in and found nothing barred.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_before_the_wallet_says_so_leaves_nothing_barred() {
    let (story, number) = owing().await;
    // The first transaction is the charge that fails, the second the wallet's word.
    let slow = json!({ "provider": "dynamodb", "operation": "transact", "kind": "delay", "ms": 1_500, "after": 1, "times": 1 });
    story.app.fault(slow).await;
    let paid = async {
        // There is no event for it; the fault's count is the sign that the word is on its way.
        while story.app.system.simulators.faults.list()["items"][0]["fired"] != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        story.fund("10.00").await;
        story.charge(&story.app.system.undisturbed).await;
    };
    tokio::join!(story.charge(&story.app.system.app), paid);
    // Right away, since whatever message comes next would put it right as well.
    assert_eq!(story.wallets_word().await, None);
    let _ = story.app.drain().await.expect(200);
    assert!(!story.is_barred(&number).await);
    assert_eq!(story.wallets_word().await, None);
    assert_eq!(story.balance().await, "9.98");
    story.app.verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_messages_at_once_bar_once() {
    let (story, number) = owing().await;
    let mut at_once = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (app, wallet) = (story.app.system.app.clone(), story.usd());
        let date = period::date_of(domain::Clock::now(&*story.app.system.clock));
        at_once.spawn(async move {
            billing::charge(&app, &ChargeMessage { wallet, date, cause: ChargeCause::Credit }).await
        });
    }
    while let Some(done) = at_once.join_next().await {
        let _ = done.expect("nobody panics").expect("it is worked off");
    }
    let _ = story.app.drain().await.expect(200);
    assert!(story.is_barred(&number).await);
    assert_eq!(story.events("number.barred").await.len(), 1);
    story.recover("10.00").await;
    assert!(!story.is_barred(&number).await);
    assert_eq!(story.events("number.unbarred").await.len(), 1);
    assert_eq!(story.balance().await, "9.98");
    story.app.verify().await;
}
