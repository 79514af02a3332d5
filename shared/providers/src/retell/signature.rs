//! Whether a webhook is Retell's: the check of `x-retell-signature`.
//!
//! Signed is the body and, right behind it, the time in milliseconds; the body must be the very bytes that came. Only the
//! API key with Retell's webhook mark signs, which need not be the one we call with. Verified with the vectors in
//! `testdata`, whose signatures and expectations come from Retell's own library.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::webhook::{is_signed, unhex, whole_number};

/// Carries time and signature.
pub const HEADER: &str = "x-retell-signature";
/// How far the signed time may be from ours, before or after it; exactly so far is not too far.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Whether any of the keys signed this body, at a time that is about now.
///
/// Several keys, because one is current and one previous during a rotation.
#[must_use]
pub fn verify(keys: &[SecretString], header: &str, body: &[u8], now: Timestamp) -> bool {
    let given = header.strip_prefix("v=").and_then(|rest| rest.split_once(",d="));
    let Some((signed_at, Some(tag))) = given.map(|(signed_at, tag)| (signed_at, unhex(tag))) else {
        return false;
    };
    let at = whole_number(signed_at).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.is_some_and(|at| at.duration_until(now).abs() <= TOLERANCE)
        && is_signed(keys, &[body, signed_at.as_bytes()], &[tag])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::vectors::Scheme;

    const RETELL: Scheme = Scheme {
        vectors: include_str!("../../testdata/retell-signature-vectors.json"),
        verify,
        instant: |millisecond| Timestamp::from_millisecond(millisecond).unwrap(),
        header: |time, tag| format!("v={time},d={tag}"),
    };

    #[test]
    fn every_vector_verifies_as_it_says_with_any_of_the_keys() {
        RETELL.every_vector_verifies_as_it_says(17, &[]);
    }

    #[test]
    fn only_retells_own_spelling_verifies() {
        RETELL.is_spelled(",d=", |time, tag| {
            vec![
                (format!("{time},d={tag}"), true),
                (format!("d={tag},{time}"), false),
                (format!("{time},d={}", tag.to_uppercase()), false),
                (format!("{time}, d={tag}"), false),
                (format!(" {time},d={tag}"), false),
                (format!("{time},d={tag},d={tag}"), false),
                (format!("{time},d={}", &tag[..62]), false),
                (format!("{}0,d={tag}", time.replace('=', "=+")), false),
                (format!("v=,d={tag}"), false),
                (format!("v=99999999999999999999,d={tag}"), false),
            ]
        });
    }

    #[test]
    fn a_body_signed_with_an_empty_key_is_nobodys() {
        RETELL.an_empty_secret_is_nobodys(b"{}5");
    }

    #[test]
    fn no_input_verifies_by_chance_or_panics() {
        RETELL.no_input_verifies_by_chance_or_panics();
    }
}
