//! The workspace's webhooks. One made over the API is known and not yet used for anything; one is
//! selected in the workspace's settings, which have no part here: [`set_endpoint`] does both.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::Body;
use super::refusal::Refusal;
use super::rows::{Head, Row};
use super::{WEBHOOK_SECRET, Workspace};
use crate::server::{Answer, Call, json};

/// After so many failures in a row, with no success for [`GIVEN_UP_AFTER`], it is not tried again.
const FAILURES_MAX: u64 = 10;
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Webhook {
    head: Head,
    name: String,
    pub(super) url: String,
    pub(super) secret: String,
    /// Told what becomes of calls.
    selected: bool,
    disabled: bool,
    auto_disabled: bool,
    failures: u64,
    succeeded: Option<Timestamp>,
    failed: Option<(Timestamp, u16)>,
}

impl Row for Webhook {
    const KIND: &'static str = "webhook";
    const PREFIX: &'static str = "webhook";

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Webhook {
    fn wire(&self) -> Value {
        json!({
            "name": self.name,
            "webhook_id": self.head.id,
            "webhook_url": self.url,
            "is_disabled": self.disabled,
            "is_auto_disabled": self.auto_disabled,
            "created_at_unix": self.head.created.as_second(),
            "auth_type": "hmac",
            "usage": if self.selected { json!([{ "usage_type": "ConvAI Settings" }]) } else { json!([]) },
            "most_recent_failure_error_code": self.failed.map(|(_, status)| status),
            "most_recent_failure_timestamp": self.failed.map(|(at, _)| at.as_second()),
        })
    }
}

pub(super) fn create(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let mut body = Body::of(call)?;
    let settings = body.within("settings", |body| {
        body.word("auth_type", &["hmac"]);
        (body.needed_text("name"), body.needed_text("webhook_url"))
    });
    if settings.is_none() {
        body.complain("settings", "missing", "Field required");
    }
    body.done()?;
    let (name, url) = settings.unwrap_or_default();
    let secret = format!("wsec_{}", workspace.book.hex("wsec"));
    let webhook = workspace.new_webhook(&name, &url, &secret);
    // The one time the secret is shown.
    let made = json!({ "webhook_id": webhook.head.id, "webhook_secret": secret });
    workspace.webhooks.keep(&mut workspace.book, webhook);
    Ok(json(StatusCode::OK, &made))
}

pub(super) fn list(workspace: &Workspace) -> Answer {
    let webhooks: Vec<Value> = workspace.webhooks.iter().map(Webhook::wire).collect();
    json(StatusCode::OK, &json!({ "webhooks": webhooks }))
}

pub(super) fn update(workspace: &mut Workspace, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let mut webhook = workspace.webhooks.get(id).cloned().ok_or_else(|| not_found(id))?;
    let mut body = Body::of(call)?;
    let (disabled, name) = (body.flag("is_disabled"), body.needed_text("name"));
    if disabled.is_none() {
        body.complain("is_disabled", "missing", "Field required");
    }
    body.done()?;
    (webhook.disabled, webhook.name) = (disabled.unwrap_or_default(), name);
    webhook.auto_disabled &= webhook.disabled;
    workspace.webhooks.keep(&mut workspace.book, webhook);
    Ok(json(StatusCode::OK, &json!({ "status": "ok" })))
}

pub(super) fn delete(workspace: &mut Workspace, id: &str) -> Result<Answer, Refusal> {
    workspace.webhooks.remove(&mut workspace.book, id).ok_or_else(|| not_found(id))?;
    Ok(json(StatusCode::OK, &json!({ "status": "ok" })))
}

/// Somebody makes a webhook in the settings and selects it, in place of the one selected before.
pub(super) fn set_endpoint(workspace: &mut Workspace, url: &str) {
    let selected = workspace.webhooks.iter().find(|webhook| webhook.selected).map(|webhook| webhook.head.id.clone());
    if let Some(id) = selected {
        workspace.webhooks.remove(&mut workspace.book, &id);
    }
    let webhook = workspace.new_webhook("Post-call webhook", url, WEBHOOK_SECRET);
    workspace.webhooks.keep(&mut workspace.book, Webhook { selected: true, ..webhook });
}

impl Workspace {
    fn new_webhook(&mut self, name: &str, url: &str, secret: &str) -> Webhook {
        Webhook {
            head: Head::next::<Webhook>(&mut self.book),
            name: name.to_owned(),
            url: url.to_owned(),
            secret: secret.to_owned(),
            selected: false,
            disabled: false,
            auto_disabled: false,
            failures: 0,
            succeeded: None,
            failed: None,
        }
    }

    /// Where calls are told of, if anywhere.
    pub(super) fn endpoint(&self) -> Option<&Webhook> {
        self.webhooks.iter().find(|webhook| webhook.selected && !webhook.disabled && !webhook.auto_disabled)
    }

    /// What the endpoint answered is remembered against it.
    pub(super) fn endpoint_answered(&mut self, status: u16) {
        let now = self.book.now();
        let Some(mut webhook) = self.endpoint().cloned() else { return };
        if status == 200 {
            (webhook.failures, webhook.succeeded) = (0, Some(now));
        } else {
            webhook.failures += 1;
            webhook.failed = Some((now, status));
            let long_ago = webhook.succeeded.is_none_or(|at| now.duration_since(at) > GIVEN_UP_AFTER);
            webhook.auto_disabled = webhook.failures >= FAILURES_MAX && long_ago;
        }
        self.webhooks.keep(&mut self.book, webhook);
    }
}

fn not_found(id: &str) -> Refusal {
    Refusal::not_found("webhook_not_found", "Webhook", id)
}
