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
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        case: String,
        header: String,
        body: String,
        secret: String,
        now: i64,
        valid: bool,
    }

    impl Vector {
        fn verifies(&self, keys: &[&str], header: &str) -> bool {
            let keys: Vec<SecretString> = keys.iter().map(|key| SecretString::from(*key)).collect();
            verify(&keys, header, self.body.as_bytes(), Timestamp::from_millisecond(self.now).unwrap())
        }
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../../testdata/retell-signature-vectors.json");
        serde_json::from_str::<Vectors>(text).unwrap().vectors
    }

    #[test]
    fn every_vector_verifies_as_it_says() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 17);
        for vector in vectors {
            assert_eq!(vector.verifies(&[&vector.secret], &vector.header), vector.valid, "{}", vector.case);
        }
    }

    #[test]
    fn during_a_rotation_either_key_will_do_and_none_does_not() {
        for vector in vectors() {
            let check = |keys: &[&str], expected: bool| {
                assert_eq!(vector.verifies(keys, &vector.header), expected, "{} {}", vector.case, keys.len());
            };
            check(&["key_new", &vector.secret], vector.valid);
            check(&[&vector.secret, "key_new"], vector.valid);
            check(&["key_new", "key_newer"], false);
            check(&[""], false);
            check(&[], false);
        }
    }

    #[test]
    fn only_retells_own_spelling_verifies() {
        let vector = vectors().swap_remove(0);
        let (time, tag) = vector.header.split_once(",d=").unwrap();
        let check = |header: String, expected: bool| {
            assert_eq!(vector.verifies(&[&vector.secret], &header), expected, "{header}");
        };
        check(format!("{time},d={tag}"), true);
        check(format!("d={tag},{time}"), false);
        check(format!("{time},d={}", tag.to_uppercase()), false);
        check(format!("{time}, d={tag}"), false);
        check(format!(" {time},d={tag}"), false);
        check(format!("{time},d={tag},d={tag}"), false);
        check(format!("{time},d={}", &tag[..62]), false);
        check(format!("{}0,d={tag}", time.replace('=', "=+")), false);
        check(format!("v=,d={tag}"), false);
        check(format!("v=99999999999999999999,d={tag}"), false);
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(header in ".{0,80}", tag in "[0-9a-f]{64}", body in ".{0,60}", now in -9_999_999_999_i64..9_999_999_999_999) {
            let keys = [SecretString::from("key_1")];
            let at = Timestamp::from_millisecond(now).unwrap();
            prop_assert!(!verify(&keys, &header, body.as_bytes(), at));
            let forged = format!("v={now},d={tag}");
            prop_assert!(!verify(&keys, &forged, body.as_bytes(), at));
        }
    }
}
