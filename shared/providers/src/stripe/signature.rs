//! Whether a webhook is Stripe's: the check of `Stripe-Signature`.
//!
//! Signed is `<time>.<body>` with the whole endpoint secret, `whsec_` included. The body must be the very bytes that came.
//! Nothing is logged here: neither secret nor expected signature may ever be seen. Verified with the vectors in `testdata`,
//! whose signatures and expectations come from Stripe's own library.

use domain::limits;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::webhook::{is_signed, items, unhex, whole_number};

/// Whether any of the secrets signed this body, not longer ago than [`limits::NOTIFICATION_AGE_MAX`].
///
/// Several secrets, because one is current and one previous during a rotation; Stripe for its part then sends several
/// signatures. A time ahead of ours is accepted, as Stripe's library does.
#[must_use]
pub fn verify(secrets: &[SecretString], header: &str, body: &[u8], now: Timestamp) -> bool {
    let Some(signed_at) = items(header, "t").next() else {
        return false;
    };
    let Some(oldest) = now.as_second().checked_sub(limits::NOTIFICATION_AGE_MAX.as_secs()) else {
        return false;
    };
    if whole_number(signed_at).is_none_or(|signed_at| signed_at < oldest) {
        return false;
    }
    let given: Vec<_> = items(header, "v1").filter_map(unhex).collect();
    is_signed(secrets, &[signed_at.as_bytes(), b".", body], &given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac;
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
        fn verifies(&self, secrets: &[&str], header: &str) -> bool {
            let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
            verify(&secrets, header, self.body.as_bytes(), Timestamp::from_second(self.now).unwrap())
        }
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../../testdata/stripe-signature-vectors.json");
        serde_json::from_str::<Vectors>(text).unwrap().vectors
    }

    #[test]
    fn every_vector_verifies_as_it_says() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 18);
        for vector in vectors {
            assert_eq!(vector.verifies(&[&vector.secret], &vector.header), vector.valid, "{}", vector.case);
        }
    }

    #[test]
    fn during_a_rotation_either_secret_will_do_and_none_does_not() {
        for vector in vectors() {
            let check = |secrets: &[&str], expected: bool| {
                assert_eq!(vector.verifies(secrets, &vector.header), expected, "{} {}", vector.case, secrets.len());
            };
            check(&["whsec_new", &vector.secret], vector.valid);
            check(&[&vector.secret, "whsec_new"], vector.valid);
            check(&["whsec_new", "whsec_newer"], false);
            check(&[""], false);
            check(&[], false);
        }
    }

    #[test]
    fn only_stripes_own_spelling_verifies() {
        let vector = vectors().swap_remove(0);
        let (time, tag) = vector.header.split_once(",v1=").unwrap();
        let check = |header: String, expected: bool| {
            assert_eq!(vector.verifies(&[&vector.secret], &header), expected, "{header}");
        };
        check(format!("{time},v1={tag}"), true);
        check(format!("v1={tag},{time}"), true);
        check(format!("{time},v2=00,odd,v1={tag}"), true);
        check(format!("{time},v1=,v1={tag}"), true);
        check(format!("{time},v1={}", &tag[..62]), false);
        check(format!("{time},v1={tag}00"), false);
        check(format!("{time},v1={tag}0"), false);
        check(format!("{time},V1={tag}"), false);
        check(format!("{time}, v1={tag}"), false);
        check(format!("{time}.0,v1={tag}"), false);
        check(format!("{}0,v1={tag}", time.replace('=', "=+")), false);
        check(format!("t=,v1={tag}"), false);
        check(format!("t=99999999999999999999,v1={tag}"), false);
    }

    #[test]
    fn a_body_signed_with_an_empty_secret_is_nobodys() {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), b"5.{}");
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Timestamp::from_second(5).unwrap();
        assert!(!verify(&[SecretString::from("")], &format!("t=5,v1={tag}"), b"{}", now));
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(header in ".{0,80}", tag in "[0-9a-f]{64}", body in ".{0,60}", now in -9_999_999_999_i64..9_999_999_999) {
            let secrets = [SecretString::from("whsec_1")];
            let now = Timestamp::from_second(now).unwrap();
            prop_assert!(!verify(&secrets, &header, body.as_bytes(), now));
            let forged = format!("t={},v1={tag}", now.as_second());
            prop_assert!(!verify(&secrets, &forged, body.as_bytes(), now));
        }
    }
}
