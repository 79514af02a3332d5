//! What nobody may ever read (invariant I7), looked for in everything the tests see: every answer, every stored item of a
//! system that is verified, every line that is logged here or by a function's binary.

use std::io;
use std::sync::{Mutex, Once, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use local::system::{self, TABLE};
use simulators::{elevenlabs, netgsm, retell, stripe, twilio, vapi};

/// The password of a tenant's own SIP trunk, in every story that has one.
pub const TRUNK_PASSWORD: &str = "hunter22-and-nothing-else";

/// Everything secret that the tests know.
const SECRETS: [&str; 15] = [
    TRUNK_PASSWORD,
    system::SIP_KEY,
    system::SEAL_KEY,
    system::TRUNK_PASSWORD,
    twilio::AUTH_TOKEN,
    vapi::API_KEY,
    vapi::WEBHOOK_SECRET,
    retell::API_KEY,
    retell::WEBHOOK_KEY,
    elevenlabs::API_KEY,
    elevenlabs::WEBHOOK_SECRET,
    netgsm::PASSWORD,
    netgsm::SIP_PASSWORD,
    stripe::API_KEY,
    stripe::WEBHOOK_SECRET,
];

/// The first line of the log that showed something.
static SHOWN: Mutex<Option<String>> = Mutex::new(None);

/// The secret that stands in this text.
fn secret_in(text: &str) -> Option<&'static str> {
    SECRETS.into_iter().find(|secret| text.contains(secret))
}

/// No secret stands in this text.
pub(crate) fn absent_from(what: &str, text: &str) {
    if let Some(secret) = secret_in(text) {
        panic!("{what} shows {secret}: {text}");
    }
}

/// Everything that is logged from now on is read, at the level at which a deployment logs.
pub(crate) fn read_the_log() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false);
        // A test program that reads its log itself goes on doing so.
        let _ = tracing::subscriber::set_global_default(lines.with_writer(|| Reader).finish());
    });
}

/// Nothing secret was logged so far.
pub(crate) fn absent_from_the_log() {
    if let Some(line) = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        panic!("a log line shows a secret: {line}");
    }
}

/// No item of the table has a secret in it.
pub(crate) async fn absent_from_the_table(table: &Client) {
    let mut start = None;
    loop {
        let page =
            table.scan().table_name(TABLE).set_exclusive_start_key(start).send().await.expect("the table answers");
        for item in page.items() {
            item.values().for_each(absent_from_value);
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return;
        }
    }
}

fn absent_from_value(value: &AttributeValue) {
    match value {
        AttributeValue::S(text) => absent_from("a stored item", text),
        AttributeValue::Ss(texts) => texts.iter().for_each(|text| absent_from("a stored item", text)),
        AttributeValue::L(values) => values.iter().for_each(absent_from_value),
        AttributeValue::M(values) => values.values().for_each(absent_from_value),
        _ => {}
    }
}

/// Reads what is logged, and writes it nowhere.
struct Reader;

impl io::Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if secret_in(&line).is_some() {
            let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
            shown.get_or_insert_with(|| line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
