//! Webhooks as the carrier sends them: a form, signed over the configured URL.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Tenant, TestApp};

/// The value of `X-Twilio-Signature` for a form sent to this URL.
#[must_use]
pub fn sign(auth_token: &str, url: &str, form: &[(&str, &str)]) -> String {
    let mut form = form.to_vec();
    form.sort_unstable();
    let signed = form.iter().fold(url.to_owned(), |signed, (name, value)| signed + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

/// The URL and the form by which the carrier asks what to do with a call from a caller to a tenant's number.
#[must_use]
pub fn webhook<'a>(
    base_url: &str,
    tenant: &Tenant,
    (from, to): (&'a str, &'a str),
    call_sid: &'a str,
) -> (String, [(&'a str, &'a str); 5]) {
    let url = format!("{base_url}/webhooks/twilio/voice?tenant={}", tenant.id);
    let form = [("CallSid", call_sid), ("CallStatus", "ringing"), ("Direction", "inbound"), ("From", from), ("To", to)];
    (url, form)
}

/// The carrier asks: status and TwiML of the answer.
///
/// # Panics
/// When the system does not answer at all.
pub async fn incoming_call(app: &TestApp, tenant: &Tenant, people: (&str, &str), call_sid: &str) -> (u16, String) {
    let (url, form) = webhook(&app.system.url, tenant, people, call_sid);
    post(app, &url, &form).await
}

/// The carrier tells that the agent took a call, and of its end.
///
/// # Panics
/// When the system does not answer at all.
pub async fn dial_completed(app: &TestApp, tenant: &Tenant, people: (&str, &str), call_sid: &str, agent: &str) -> u16 {
    let (_, form) = webhook(&app.system.url, tenant, people, call_sid);
    let url = format!("{}/webhooks/twilio/voice/dial-result?tenant={}&agent={agent}", app.system.url, tenant.id);
    post(app, &url, &[&form[..], &[("DialCallStatus", "completed")]].concat()).await.0
}

/// The carrier tells of the end of a call that lasted so long.
///
/// # Panics
/// When the system does not answer at all.
pub async fn call_completed(
    app: &TestApp,
    tenant: &Tenant,
    (from, to): (&str, &str),
    call_sid: &str,
    seconds: u32,
) -> u16 {
    let seconds = seconds.to_string();
    let form = [("CallSid", call_sid), ("CallStatus", "completed"), ("CallDuration", &seconds)];
    let form = [&form[..], &[("Direction", "inbound"), ("From", from), ("To", to)]].concat();
    post(app, &format!("{}/webhooks/twilio/status?tenant={}", app.system.url, tenant.id), &form).await.0
}

async fn post(app: &TestApp, url: &str, form: &[(&str, &str)]) -> (u16, String) {
    let signature = sign(&app.system.simulators.twilio.auth_token, url, form);
    let request = app.client.post(url).header("X-Twilio-Signature", signature).form(form);
    let answer = request.send().await.expect("the system answers");
    (answer.status().as_u16(), answer.text().await.expect("a whole answer"))
}
