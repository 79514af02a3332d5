//! The digests SQS answers with, by which a client can see that its message arrived unharmed.
//!
//! They guard against accidents and nothing else: MD5 is no protection against anybody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest, Md5};

use super::wire::MessageAttributes;

pub(super) fn of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// Sorted by name; each name, type and value is preceded by its length in four bytes, and the value
/// by one byte that says string (1) or binary (2).
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
pub(super) fn of_attributes(attributes: &MessageAttributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut digest = Md5::new();
    for (name, attribute) in attributes {
        let (kind, value) = match (&attribute.string_value, &attribute.binary_value) {
            (Some(string), _) => (1, string.clone().into_bytes()),
            (None, binary) => {
                let binary = binary.as_deref().unwrap_or_default();
                (2, BASE64.decode(binary).unwrap_or_default())
            }
        };
        digest.update(counted(name.as_bytes()));
        digest.update(counted(attribute.data_type.as_bytes()));
        digest.update([kind]);
        digest.update(counted(&value));
    }
    Some(hex(&digest.finalize()))
}

fn counted(part: &[u8]) -> Vec<u8> {
    // A message, and so any part of one, is at most 256 KiB.
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), part].concat()
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
