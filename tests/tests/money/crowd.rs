//! Many numbers at once: put straight into the books, each with its claim, its place and the charge of its first period, as
//! a purchase would have left them. The carrier knows nothing of them.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::ids::EntryId;
use domain::period::{self, Period};
use domain::wallet::{Account, Entry, EntryKind, Line, WalletRef};
use domain::{Clock, Currency, E164, Money, NumberId, limits};
use jiff::civil::Date;
use local::system::TABLE;
use serde_json::{Value, json};
use store::keys;

use crate::kit::{Item, Story};

const PRICE: i64 = 1_500_000;

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Story {
    /// Who pays for the tenant's numbers.
    pub(crate) fn wallet(&self) -> WalletRef {
        WalletRef { tenant_id: self.tenant.id.parse().expect("a tenant"), currency: Currency::USD }
    }

    /// So many more numbers like this one, sold on a day.
    pub(crate) async fn crowd(&self, like: &str, bought_on: Date, count: usize) {
        let number = self.item(&format!("TEN#{}", self.tenant.id), &format!("NUM#{like}")).await;
        let e164 = number["e164"].as_s().expect("a text").clone();
        let claim = self.item(&format!("E164#{e164}"), "CLAIM").await;
        let first = period::nth(bought_on, 0).expect("a period");
        let (mut items, mut lines) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let id = NumberId::fresh(&*self.app.system.app.ids, self.app.system.clock.now());
            let nth = NEXT.fetch_add(1, Ordering::Relaxed);
            let e164: E164 = format!("+1213{:07}", 2_000_000 + nth).parse().expect("a number");
            items.extend(self.one(&number, &claim, &id, &e164, first));
            let Period { start, end } = first;
            lines.push(Line { number_id: id, e164, start, end, micros: PRICE, free: None });
        }
        for some in items.chunks(25) {
            let puts = some.iter().map(|item| {
                let put = PutRequest::builder().set_item(Some(item.clone())).build().expect("a put");
                WriteRequest::builder().put_request(put).build()
            });
            let write = self.app.system.table.batch_write_item().request_items(TABLE, puts.collect());
            let left = write.send().await.expect("the books can be written").unprocessed_items;
            assert!(left.is_none_or(|left| left.is_empty()));
        }
        let more = AttributeValue::N(count.to_string());
        self.item_by_hand("COUNT", "ADD numbers :more", &[(":more", more)]).await;
        for some in lines.chunks(limits::CHARGE_LINES_MAX) {
            self.first_periods(some).await;
        }
    }

    /// A number and its claim.
    fn one(&self, number: &Item, claim: &Item, id: &NumberId, e164: &E164, first: Period) -> [Item; 2] {
        let s = |text: &str| AttributeValue::S(text.to_owned());
        let wallet = self.wallet();
        let (anchor_pk, anchor_sk) = keys::anchor(first.start.day(), &wallet, id);
        let (mut number, mut claim) = (number.clone(), claim.clone());
        for (name, value) in [
            ("sk", format!("NUM#{id}")),
            ("id", id.to_string()),
            ("e164", e164.to_string()),
            ("anchor", first.start.to_string()),
            ("paid_through", first.end.to_string()),
            ("anchor_pk", anchor_pk),
            ("anchor_sk", anchor_sk),
        ] {
            let _ = number.insert(name.to_owned(), s(&value));
        }
        for (name, value) in [("pk", format!("E164#{e164}")), ("e164", e164.to_string()), ("number_id", id.to_string())]
        {
            let _ = claim.insert(name.to_owned(), s(&value));
        }
        [number, claim]
    }

    /// The charge of these numbers' first periods.
    async fn first_periods(&self, lines: &[Line]) {
        let app = &self.app.system.undisturbed;
        let now = self.app.system.clock.now();
        let sum: i64 = lines.iter().map(|line| line.micros).sum();
        let entry = Entry {
            id: EntryId::fresh(&*app.ids, now),
            kind: EntryKind::NumberCharge,
            currency: Currency::USD,
            postings: Entry::postings(Money::from_micros(-sum, Currency::USD), Account::Revenue),
            number_id: None,
            period: None,
            operation_id: None,
            effective_at: now,
            created_at: now,
            explain: "First periods".into(),
            lines: lines.to_vec(),
        };
        let writes = store::wallet::charge(&self.wallet(), &entry, 0).expect("writes");
        app.store.transact(Vec::from(writes)).await.expect("there is money");
    }

    async fn item(&self, pk: &str, sk: &str) -> Item {
        let get = self.app.system.table.get_item().table_name(TABLE);
        let get = get.key("pk", AttributeValue::S(pk.to_owned())).key("sk", AttributeValue::S(sk.to_owned()));
        get.send().await.expect("the books can be read").item.expect("an item")
    }

    /// Every invariant holds but that the carrier knows the numbers and that their agents count them.
    pub(crate) async fn books_add_up(&self) {
        let found = self.app.violations().await;
        let unexpected = |one: &&Value| {
            let detail = one["detail"].as_str().unwrap_or_default();
            one["invariant"] != "I2" && !detail.contains(" links and has ")
        };
        let found: Vec<&Value> = found.as_array().into_iter().flatten().filter(unexpected).collect();
        assert!(found.is_empty(), "{}", json!(found));
    }
}
