//! 0850 numbers at Netgsm, and the ways in which it answers.

use jiff::SignedDuration;
use serde_json::{Value, json};
use simulators::netgsm::{Manner, PASSWORD, USERCODE, YEARLY_KURUS};
use simulators::{Fault, Kind};

use crate::kit::{Dir, World, each, operations};

const LIST: &str = "/santral/numara/liste";
const BUY: &str = "/santral/numara/satin-al";
const STATUS: &str = "/santral/numara/durum";
const SIP: &str = "/santral/numara/sip-bilgileri";
const CANCEL: &str = "/santral/numara/iptal";

impl World {
    async fn netgsm_raw(&self, path: &str, body: String) -> (u16, Vec<u8>) {
        let request = self.client().post(format!("{}{path}", self.sims.netgsm.url)).body(body);
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.bytes().await.expect("a whole answer").to_vec())
    }

    async fn netgsm(&self, path: &str, body: Value) -> Value {
        let mut body = body;
        body["usercode"] = json!(USERCODE);
        body["password"] = json!(PASSWORD);
        let (status, answer) = self.netgsm_raw(path, body.to_string()).await;
        assert_eq!(status, 200, "whatever happened");
        serde_json::from_slice(&answer).expect("JSON")
    }

    async fn balance(&self) -> String {
        let (status, body) = self.netgsm_raw("/balance/list/xml", balance(PASSWORD)).await;
        assert_eq!(status, 200);
        String::from_utf8(body).expect("text")
    }

    async fn first_offer(&self) -> (String, String) {
        let listed = self.netgsm(LIST, json!({ "tip": "0850", "adet": 1 })).await;
        let offer = &listed["numaralar"][0];
        let text = |name: &str| offer[name].as_str().expect("a text").to_owned();
        (text("numara_id"), text("numara"))
    }
}

fn balance(password: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><mainbody><header><usercode>{USERCODE}</usercode><password>{password}</password>\
         <stip>2</stip></header></mainbody>"
    )
}

#[tokio::test]
async fn a_number_is_found_ordered_used_and_given_back() {
    let world = World::new().await;
    let listed = world.netgsm(LIST, json!({ "tip": "0850", "adet": 3 })).await;
    assert_eq!((&listed["code"], each(&listed["numaralar"], "yillik_ucret")), (&json!("00"), vec!["191,00"; 3]));
    let (id, national) = world.first_offer().await;
    assert!(national.starts_with("850") && national.len() == 10, "{national}");
    assert_eq!(world.balance().await, "00 100000,000");

    let bought = world.netgsm(BUY, json!({ "numara_id": id, "referans": "tl-1" })).await;
    assert_eq!(
        (&bought["code"], &bought["numara"], &bought["durum"]),
        (&json!("00"), &json!(national), &json!("aktif"))
    );
    assert_eq!((&bought["alis_tarihi"], &bought["bitis_tarihi"]), (&json!("01.01.2027"), &json!("01.01.2028")));
    assert_eq!(world.balance().await, "00 99809,000");
    for asked in [json!({ "referans": "tl-1" }), json!({ "numara_id": id })] {
        assert_eq!(world.netgsm(STATUS, asked).await, bought);
    }
    let owned = world.netgsm(LIST, json!({ "tip": "0850", "kapsam": "sahip" })).await;
    assert_eq!((&owned["toplam"], each(&owned["numaralar"], "referans")), (&json!(1), vec!["tl-1"]));

    let sip = world.netgsm(SIP, json!({ "numara_id": id })).await;
    assert_eq!((&sip["sip_kullanici_adi"], &sip["sip_sunucu"]), (&json!(national), &json!("sip.netgsm.com.tr")));
    assert_eq!(sip["sip_port"], 5060);

    assert_eq!(world.netgsm(CANCEL, json!({ "numara_id": id })).await, json!({ "code": "00" }));
    assert_eq!(world.netgsm(CANCEL, json!({ "numara_id": id })).await["code"], "40", "a second time");
    assert_eq!(world.netgsm(STATUS, json!({ "numara_id": id })).await["durum"], "iptal");
    assert_eq!(world.netgsm(SIP, json!({ "numara_id": id })).await["code"], "40");
    assert_eq!(world.balance().await, "00 99809,000", "the year is gone");
}

#[tokio::test]
async fn credentials_count_in_the_body_and_only_from_a_known_address() {
    let world = World::new().await;
    let code = |answer: &[u8]| serde_json::from_slice::<Value>(answer).expect("JSON")["code"].clone();
    for body in [json!({ "tip": "0850" }), json!({ "usercode": USERCODE, "password": "guess", "tip": "0850" })] {
        let path = format!("{LIST}?usercode={USERCODE}&password={PASSWORD}");
        let (status, answer) = world.netgsm_raw(&path, body.to_string()).await;
        assert_eq!((status, code(&answer)), (200, json!("30")));
    }
    let (_, answer) = world.netgsm_raw("/balance/list/xml", balance("guess")).await;
    assert_eq!(code(&answer), "30");
    world.sims.netgsm.set_manner(Manner { elsewhere: true, ..Manner::default() });
    assert_eq!(world.netgsm(LIST, json!({ "tip": "0850" })).await["code"], "30");
}

#[tokio::test]
async fn what_is_missing_or_misspelt_is_a_wrong_parameter() {
    let world = World::new().await;
    for (path, body) in [
        (LIST, json!({})),
        (BUY, json!({ "referans": "a" })),
        (STATUS, json!({})),
        (SIP, json!({ "id": "1" })),
        (CANCEL, json!({ "numara_id": "" })),
    ] {
        assert_eq!(world.netgsm(path, body).await["code"], "70", "{path}");
    }
    for body in ["", "usercode=1", "[]"] {
        let (_, answer) = world.netgsm_raw(LIST, body.to_owned()).await;
        assert_eq!(serde_json::from_slice::<Value>(&answer).expect("JSON")["code"], "70", "{body}");
    }
    assert_eq!(world.netgsm_raw("/santral/numara/yok", "{}".to_owned()).await.0, 404);
    let url = format!("{}{LIST}", world.sims.netgsm.url);
    assert_eq!(world.client().get(url).send().await.expect("an answer").status(), 404, "a GET would show the password");
}

#[tokio::test]
async fn a_failure_is_json_or_a_bare_code_in_either_alphabet() {
    let world = World::new().await;
    let wrong = json!({ "usercode": USERCODE, "password": "guess" }).to_string();
    for (latin5, letter) in [(false, &[0xC5, 0x9F][..]), (true, &[0xFE][..])] {
        world.sims.netgsm.set_manner(Manner { latin5, ..Manner::default() });
        let (_, answer) = world.netgsm_raw(LIST, wrong.clone()).await;
        let s_with_cedilla = answer.windows(letter.len()).any(|bytes| bytes == letter);
        assert!(s_with_cedilla && std::str::from_utf8(&answer).is_ok() != latin5);
    }
    world.sims.netgsm.set_manner(Manner { bare: true, ..Manner::default() });
    assert_eq!(world.netgsm_raw(LIST, wrong).await, (200, b"30".to_vec()));
    assert_eq!(world.balance().await, "00 100000,000", "what is bare anyway stays so");
}

#[tokio::test]
async fn who_asks_too_often_hears_a_system_error() {
    let world = World::new().await;
    world.sims.netgsm.set_manner(Manner { per_minute: Some(2), ..Manner::default() });
    let list = || world.netgsm(LIST, json!({ "tip": "0850", "adet": 1 }));
    for expected in ["00", "00", "100"] {
        assert_eq!(list().await["code"], expected);
    }
    assert_eq!(world.netgsm(STATUS, json!({ "referans": "a" })).await["code"], "40", "another operation");
    world.pass(SignedDuration::from_mins(1));
    assert_eq!(list().await["code"], "00");
}

#[tokio::test]
async fn an_order_can_be_too_late_or_too_dear() {
    let world = World::new().await;
    let (id, national) = world.first_offer().await;
    world.sims.netgsm.sold_elsewhere(&format!("+90{national}"));
    assert_eq!(world.netgsm(BUY, json!({ "numara_id": id })).await["code"], "40");
    world.sims.netgsm.stock(&json!({ "e164": [format!("+90{national}")] })).expect("a delivery");
    world.sims.netgsm.set_balance(YEARLY_KURUS - 1);
    assert_eq!(world.balance().await, "00 190,990");
    assert_eq!(world.netgsm(BUY, json!({ "numara_id": id })).await["code"], "46");
    world.sims.netgsm.set_balance(YEARLY_KURUS);
    assert_eq!(world.netgsm(BUY, json!({ "numara_id": id })).await["code"], "00");
    assert_eq!(world.balance().await, "00 0,000");
    for foreign in [json!({ "e164": ["+12125550100"] }), json!({ "country": "US", "type": "local", "count": 1 })] {
        assert!(world.sims.netgsm.stock(&foreign).is_err());
    }
}

#[tokio::test]
async fn an_order_may_wait_and_be_decided_later() {
    let world = World::new().await;
    world.sims.netgsm.set_manner(Manner { slow: true, ..Manner::default() });
    let (id, national) = world.first_offer().await;
    let e164 = format!("+90{national}");
    assert_eq!(world.netgsm(BUY, json!({ "numara_id": id, "referans": "tl-1" })).await["durum"], "beklemede");
    let owned = || world.netgsm(LIST, json!({ "kapsam": "sahip" }));
    assert_eq!(owned().await["toplam"], 0);
    assert_eq!(
        world.netgsm(BUY, json!({ "numara_id": id, "referans": "tl-2" })).await["code"],
        "40",
        "and is off the shelf"
    );
    for (word, count) in [("aktif", 1), ("askida", 1), ("iptal", 0)] {
        world.sims.netgsm.settle(&e164, word).expect("a word it knows");
        assert_eq!(world.netgsm(STATUS, json!({ "referans": "tl-1" })).await["durum"], word);
        assert_eq!(owned().await["toplam"], count, "{word}");
    }
    assert!(world.sims.netgsm.settle(&e164, "yok").is_err());
    assert!(world.sims.netgsm.settle("+908509999999", "aktif").is_err());
}

#[tokio::test]
async fn a_lost_answer_is_found_by_its_reference_where_that_is_kept() {
    let world = World::new().await;
    let (id, _) = world.first_offer().await;
    world.sims.faults.add(Fault::new("netgsm", "numbers.create", Kind::LostReply)).expect("a valid fault");
    let body = json!({ "usercode": USERCODE, "password": PASSWORD, "numara_id": id, "referans": "tl-1" });
    let sent = world.client().post(format!("{}{BUY}", world.sims.netgsm.url)).body(body.to_string()).send().await;
    assert!(sent.is_err());
    assert_eq!(world.netgsm(STATUS, json!({ "referans": "tl-1" })).await["numara_id"], json!(id));
    world.sims.netgsm.set_manner(Manner { echo: false, ..Manner::default() });
    assert_eq!(world.netgsm(STATUS, json!({ "referans": "tl-1" })).await["code"], "40");
    let owned = world.netgsm(LIST, json!({ "kapsam": "sahip" })).await;
    assert_eq!((&owned["numaralar"][0]["numara_id"], &owned["numaralar"][0]["referans"]), (&json!(id), &Value::Null));
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let world = World::new().await;
    for _ in 0..3 {
        let (id, _) = world.first_offer().await;
        world.netgsm(BUY, json!({ "numara_id": id })).await;
    }
    let mut seen = Vec::new();
    for (page, count) in [(1, 2), (2, 1), (3, 0)] {
        let listed = world.netgsm(LIST, json!({ "kapsam": "sahip", "sayfa": page, "adet": 2 })).await;
        assert_eq!(listed["numaralar"].as_array().map(Vec::len), Some(count));
        seen.extend(each(&listed["numaralar"], "numara").into_iter().map(str::to_owned));
    }
    let state = world.sims.netgsm.state();
    let owned: Vec<_> = each(&state["numbers"], "e164").into_iter().map(|e164| e164[3..].to_owned()).collect();
    assert_eq!(seen, owned);
    assert!(operations(&state).contains(&("numbers.list".to_owned(), 200)));
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let dir = Dir::new();
    let open = || World::with(|config| config.data = Some(dir.0.clone()));
    let world = open().await;
    let (id, national) = world.first_offer().await;
    world.netgsm(BUY, json!({ "numara_id": id, "referans": "tl-1" })).await;
    let (other, _) = world.first_offer().await;
    assert_ne!(other, id);
    world.sims.netgsm.set_manner(Manner { bare: true, ..Manner::default() });
    let state = world.sims.netgsm.state();
    drop(world);
    let world = open().await;
    assert_eq!(world.sims.netgsm.state(), state);
    assert_eq!(world.netgsm(STATUS, json!({ "referans": "tl-1" })).await["numara"], json!(national));
    assert_eq!(world.netgsm_raw(LIST, "{}".to_owned()).await, (200, b"30".to_vec()));
}
