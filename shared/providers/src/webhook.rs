//! What the webhooks of third parties have in common: an HMAC-SHA256 in hex over some parts, and bodies that are of no use.
//!
//! Which parts are signed, and how headers are spelt, is known in the `signature.rs` of each. Nothing is logged here: neither
//! secret nor expected signature may ever be seen.

#[cfg(test)]
pub(crate) mod vectors;

use aws_lc_rs::{constant_time, hmac};
use secrecy::{ExposeSecret, SecretString};

/// Bytes of an HMAC-SHA256.
pub(crate) const TAG_BYTES: usize = 32;

/// Why a webhook's body is of no use. It is the third party's by its signature, so a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, or not an object.
    #[error("a notification that is not a JSON object")]
    Json,
    /// This field is missing or makes no sense.
    #[error("a notification without a usable `{0}`")]
    Field(&'static str),
}

/// Whether any of the secrets gives any of these tags to the parts in their order. An empty secret is nobody's.
pub(crate) fn is_signed(secrets: &[SecretString], parts: &[&[u8]], given: &[[u8; TAG_BYTES]]) -> bool {
    secrets.iter().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty()).any(|secret| {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        for part in parts {
            context.update(part);
        }
        let expected = context.sign();
        given.iter().any(|given| constant_time::verify_slices_are_equal(given, expected.as_ref()).is_ok())
    })
}

/// The values of a name in `name=value,name=value`.
pub(crate) fn items<'a>(header: &'a str, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = header.split(',').filter_map(|item| item.split_once('='));
    pairs.filter(move |(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Digits only: what is signed is their text, so it must have one spelling.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Small letters only, as third parties write them.
pub(crate) fn unhex(text: &str) -> Option<[u8; TAG_BYTES]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != TAG_BYTES || !rest.is_empty() {
        return None;
    }
    let mut tag = [0; TAG_BYTES];
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(tag)
}
