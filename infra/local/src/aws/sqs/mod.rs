//! SQS's standard queues, as the AWS JSON protocol offers them.
//!
//! This file reads requests, waits in long polls and words answers. It knows no rule about a
//! message's life: those are in `queues.rs`. FIFO queues are refused.
//!
//! Next: `queues.rs` (messages), `settings.rs` (attributes), `error.rs`, `wire.rs`, `md5.rs`.

mod error;
mod md5;
mod queues;
mod settings;
mod wire;

pub use error::Error;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, header};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::listen::{self, Call, Listening, Outcome, listen};
use super::{ACCOUNT, AwsConfig};
use queues::{Queues, Taken, bounded};
use settings::arn;
use wire::{Attributes, Batch, ChangeVisibility, Delete, Received, Send, Sent, Single};

/// Bytes, of one message and of a whole batch.
const MESSAGE_BYTES_MAX: usize = 262_144;
const BATCH_ENTRIES_MAX: usize = 10;
/// How often a long poll looks again at the least, when a message is about to become visible.
const POLL_PAUSE_MIN: Duration = Duration::from_millis(10);

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub visible: u64,
    /// Received and neither deleted nor visible again.
    pub in_flight: u64,
    /// Sent and not visible yet.
    pub delayed: u64,
}

pub struct Endpoint {
    listening: Listening,
    queues: Arc<Queues>,
}

impl Endpoint {
    /// What `AWS_ENDPOINT_URL_SQS` is set to.
    pub fn url(&self) -> &str {
        self.listening.url()
    }

    /// The address of a queue, whether or not it exists.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.url())
    }

    /// # Errors
    ///
    /// When there is no such queue.
    pub fn counts(&self, name: &str) -> Result<Counts, Error> {
        self.queues.counts(name)
    }

    /// When a message of the queue can be received next, on the injected clock: in the past when
    /// one can be now, `None` when the queue is empty.
    ///
    /// # Errors
    ///
    /// When there is no such queue.
    pub fn next_visible_at(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        self.queues.next_visible_at(name)
    }

    /// Makes every message that is in flight visible at once, and says how many. For a start after
    /// a crash: whoever had received them is gone.
    ///
    /// # Errors
    ///
    /// When the database cannot be written.
    pub fn release_in_flight(&self) -> Result<usize, Error> {
        self.queues.release_in_flight()
    }

    /// Lets waiting long polls look again. To be called after the clock was moved.
    pub fn clock_moved(&self) {
        self.queues.look_again();
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url()).finish_non_exhaustive()
    }
}

pub(super) fn start(config: &AwsConfig) -> io::Result<Endpoint> {
    let path = config.data.as_ref().map(|data| data.join("sqs.sqlite"));
    let queues = Queues::open(path.as_deref(), Arc::clone(&config.clock));
    let queues = Arc::new(queues.map_err(io::Error::other)?);
    let listening = listen(config.bind, {
        let queues = Arc::clone(&queues);
        move |call| {
            let queues = Arc::clone(&queues);
            async move {
                Outcome::Answer(match answer(&queues, &call).await {
                    Ok(body) => listen::json("1.0", StatusCode::OK, &body),
                    Err(error) => error.answer(),
                })
            }
        }
    })?;
    Ok(Endpoint { listening, queues })
}

async fn answer(queues: &Queues, call: &Call) -> Result<Value, Error> {
    match call.action() {
        "CreateQueue" => {
            let request: wire::CreateQueue = parsed(call)?;
            queues.create(&request.queue_name, request.attributes)?;
            Ok(json!({ "QueueUrl": url(call, &request.queue_name) }))
        }
        "GetQueueUrl" => {
            let request: wire::GetQueueUrl = parsed(call)?;
            queues.get(&request.queue_name)?;
            Ok(json!({ "QueueUrl": url(call, &request.queue_name) }))
        }
        "ListQueues" => {
            let request: wire::ListQueues = parsed(call)?;
            let names = queues.names(&request.queue_name_prefix);
            let urls: Vec<String> = names.iter().map(|name| url(call, name)).collect();
            Ok(json!({ "QueueUrls": urls }))
        }
        "GetQueueAttributes" => get_attributes(queues, &parsed(call)?),
        "SetQueueAttributes" => {
            let request: wire::SetQueueAttributes = parsed(call)?;
            queues.set_attributes(name(&request.queue_url), request.attributes)?;
            Ok(json!({}))
        }
        "SendMessage" => {
            let request: Single<Send> = parsed(call)?;
            let sent = send(queues, name(&request.queue_url), &request.entry)?;
            Ok(json!(sent))
        }
        "SendMessageBatch" => {
            let batch: Batch<Send> = parsed(call)?;
            check(&batch)?;
            let length = batch.entries.iter().map(|entry| size(&entry.entry)).sum::<usize>();
            if length > MESSAGE_BYTES_MAX {
                return Err(Error::BatchRequestTooLong(length));
            }
            each(queues, batch, |queue, entry| Ok(json!(send(queues, queue, entry)?)))
        }
        "ReceiveMessage" => receive(queues, &parsed(call)?).await,
        "DeleteMessage" => {
            let request: Single<Delete> = parsed(call)?;
            queues.delete(name(&request.queue_url), &request.entry.receipt_handle)?;
            Ok(json!({}))
        }
        "DeleteMessageBatch" => each(queues, parsed(call)?, |queue, entry: &Delete| {
            queues.delete(queue, &entry.receipt_handle)?;
            Ok(json!({}))
        }),
        "ChangeMessageVisibility" => {
            let request: Single<ChangeVisibility> = parsed(call)?;
            let change = &request.entry;
            let queue = name(&request.queue_url);
            queues.hide(queue, &change.receipt_handle, change.visibility_timeout)?;
            Ok(json!({}))
        }
        "ChangeMessageVisibilityBatch" => each(queues, parsed(call)?, |queue, entry: &ChangeVisibility| {
            queues.hide(queue, &entry.receipt_handle, entry.visibility_timeout)?;
            Ok(json!({}))
        }),
        "PurgeQueue" => {
            let request: wire::PurgeQueue = parsed(call)?;
            queues.purge(name(&request.queue_url))?;
            Ok(json!({}))
        }
        action => Err(Error::UnsupportedOperation(action.to_owned())),
    }
}

fn get_attributes(queues: &Queues, request: &wire::GetQueueAttributes) -> Result<Value, Error> {
    let queue = name(&request.queue_url);
    let found = queues.get(queue)?;
    let counts = queues.counts(queue)?;
    let created_s = (found.created_at / 1000).to_string();
    let mut all = found.settings.all();
    all.extend(
        [
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("CreatedTimestamp", created_s.clone()),
            ("LastModifiedTimestamp", created_s),
            ("QueueArn", arn(queue)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    all.retain(|attribute, _| asked(&request.attribute_names, attribute));
    Ok(json!({ "Attributes": all }))
}

fn send(queues: &Queues, queue: &str, message: &Send) -> Result<Sent, Error> {
    if size(message) > MESSAGE_BYTES_MAX {
        return Err(Error::InvalidParameterValue(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than \
             {MESSAGE_BYTES_MAX} bytes."
        )));
    }
    Ok(Sent {
        message_id: queues.send(queue, message)?,
        md5_of_body: md5::of_body(&message.message_body),
        md5_of_attributes: md5::of_attributes(&message.message_attributes),
    })
}

/// A long poll ends when there is something, or when it has waited long enough. It is dropped, and
/// takes nothing, when the client goes away.
async fn receive(queues: &Queues, request: &wire::ReceiveMessage) -> Result<Value, Error> {
    let queue = name(&request.queue_url);
    let settings = queues.get(queue)?.settings;
    let max = request.max_number_of_messages.unwrap_or(1);
    let wait_s = request.wait_time_seconds.unwrap_or(settings.wait_s);
    let hide_s = request.visibility_timeout.unwrap_or(settings.visibility_timeout_s);
    let max = bounded("MaxNumberOfMessages", max, 1, 10)?;
    let wait_s = bounded("WaitTimeSeconds", wait_s, 0, 20)?;
    let hide_s = bounded("VisibilityTimeout", hide_s, 0, 43_200)?;

    let deadline = Instant::now() + Duration::from_secs(wait_s.unsigned_abs());
    loop {
        // Listening begins before looking, or a message sent in between would go unnoticed.
        let mut changed = std::pin::pin!(queues.changed());
        changed.as_mut().enable();
        let taken = queues.receive(queue, max, hide_s)?;
        if !taken.is_empty() || Instant::now() >= deadline {
            let messages: Vec<Received> = taken.into_iter().map(|taken| received(taken, request)).collect();
            return Ok(json!({ "Messages": messages }));
        }
        let look_again = match queues.next_visible_at(queue)? {
            None => deadline,
            Some(at) => {
                let ms = (at.as_millisecond() - queues.now()).max(0).unsigned_abs();
                deadline.min(Instant::now() + Duration::from_millis(ms).max(POLL_PAUSE_MIN))
            }
        };
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(look_again) => {}
        }
    }
}

fn received(taken: Taken, request: &wire::ReceiveMessage) -> Received {
    let mut system: Attributes = [
        ("ApproximateReceiveCount", taken.received.to_string()),
        ("SentTimestamp", taken.sent_at.to_string()),
        ("ApproximateFirstReceiveTimestamp", taken.first_received_at.to_string()),
        ("SenderId", ACCOUNT.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(source) = &taken.source {
        system.insert("DeadLetterQueueSourceArn".to_owned(), arn(source));
    }
    system.retain(|name, _| {
        asked(&request.attribute_names, name) || asked(&request.message_system_attribute_names, name)
    });
    let mut attributes = taken.attributes;
    attributes.retain(|name, _| asked(&request.message_attribute_names, name));
    Received {
        message_id: taken.message_id,
        receipt_handle: taken.receipt,
        md5_of_body: md5::of_body(&taken.body),
        body: taken.body,
        system,
        md5_of_attributes: md5::of_attributes(&attributes),
        attributes,
    }
}

/// Does every entry of a batch; one that is refused does not keep the others from being done.
fn each<T>(queues: &Queues, batch: Batch<T>, act: impl Fn(&str, &T) -> Result<Value, Error>) -> Result<Value, Error> {
    check(&batch)?;
    let queue = name(&batch.queue_url);
    queues.get(queue)?;
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in batch.entries {
        match act(queue, &entry.entry) {
            Ok(mut done) => {
                done["Id"] = json!(entry.id);
                successful.push(done);
            }
            Err(error) => failed.push(json!({
                "Id": entry.id,
                "SenderFault": !matches!(error, Error::Storage(_)),
                "Code": error.code(),
                "Message": error.to_string(),
            })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn check<T>(batch: &Batch<T>) -> Result<(), Error> {
    let entries = &batch.entries;
    if entries.is_empty() {
        return Err(Error::EmptyBatchRequest);
    }
    if entries.len() > BATCH_ENTRIES_MAX {
        return Err(Error::TooManyEntriesInBatchRequest(entries.len()));
    }
    let mut ids = BTreeSet::new();
    for entry in entries {
        let named = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if entry.id.is_empty() || entry.id.len() > 80 || !entry.id.chars().all(named) {
            return Err(Error::InvalidBatchEntryId);
        }
        if !ids.insert(&entry.id) {
            return Err(Error::BatchEntryIdsNotDistinct(entry.id.clone()));
        }
    }
    Ok(())
}

/// What counts towards the limit: the body, and the attributes' names, types and values.
fn size(message: &Send) -> usize {
    let attributes = message.message_attributes.iter();
    let attributes = attributes.map(|(name, attribute)| {
        let value = attribute.string_value.as_ref().or(attribute.binary_value.as_ref());
        name.len() + attribute.data_type.len() + value.map_or(0, String::len)
    });
    message.message_body.len() + attributes.sum::<usize>()
}

/// `All`, `.*`, a beginning like `trace.*`, or the very name.
fn asked(names: &[String], name: &str) -> bool {
    names.iter().any(|asked| match asked.strip_suffix(".*") {
        Some(beginning) => name.starts_with(beginning),
        None => asked == "All" || asked == name,
    })
}

/// The name is the last part of a queue's URL. Host and port may be those of an earlier start.
fn name(queue_url: &str) -> &str {
    queue_url.rsplit('/').next().unwrap_or_default()
}

/// On the host the caller knows this endpoint by, which may be another than it listens on.
fn url(call: &Call, queue: &str) -> String {
    let host = call.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("http://{host}/{ACCOUNT}/{queue}")
}

fn parsed<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    serde_json::from_slice(&call.body).map_err(|error| {
        let error = error.to_string();
        // "missing field `QueueUrl` at line 1 column 2"
        match error.strip_prefix("missing field `") {
            Some(field) => {
                let field = field.split('`').next().unwrap_or_default();
                Error::MissingParameter(field.to_owned())
            }
            None => Error::Serialization(error),
        }
    })
}
