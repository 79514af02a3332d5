//! Whether a webhook is ElevenLabs': the check of `ElevenLabs-Signature`.
//!
//! Signed is `<time>.<body>` with the whole secret, `wsec_` included. Verified with the vectors in `testdata`, whose
//! expectations come from ElevenLabs' own library. In one thing we are stricter than that: it takes any time ahead of its
//! clock, for ever, and here a time may be [`AHEAD_MAX`] ahead. A signature from the future could otherwise be kept and sent
//! again for as long as it lies there.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::webhook::{is_signed, items, unhex, whole_number};

/// How old a signature may be, by ElevenLabs' own rule.
pub const AGE_MAX: SignedDuration = SignedDuration::from_mins(30);
/// How far its clock may be ahead of ours. Our rule.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Whether any of the secrets signed this body, not longer ago than [`AGE_MAX`] and not further ahead than [`AHEAD_MAX`].
///
/// Several secrets, because one is current and one previous during a rotation.
#[must_use]
pub fn verify(secrets: &[SecretString], header: &str, body: &[u8], now: Timestamp) -> bool {
    let Some(signed_at) = items(header, "t").next() else {
        return false;
    };
    let age_s = whole_number(signed_at).and_then(|signed_at| now.as_second().checked_sub(signed_at));
    if !age_s.is_some_and(|age_s| (-AHEAD_MAX.as_secs()..=AGE_MAX.as_secs()).contains(&age_s)) {
        return false;
    }
    let given: Vec<_> = items(header, "v0").filter_map(unhex).collect();
    is_signed(secrets, &[signed_at.as_bytes(), b".", body], &given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac;
    use proptest::prelude::*;
    use serde::Deserialize;

    /// The one vector in which we differ from the official library: it is two hours ahead.
    const TOO_FAR_AHEAD: &str = "post_call_transcription: future timestamp accepted by the official library";

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
        /// Says the official library.
        valid: bool,
    }

    impl Vector {
        fn expected(&self) -> bool {
            self.valid && self.case != TOO_FAR_AHEAD
        }

        fn verifies(&self, secrets: &[&str], header: &str) -> bool {
            let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
            verify(&secrets, header, self.body.as_bytes(), Timestamp::from_second(self.now).unwrap())
        }
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../../testdata/elevenlabs-signature-vectors.json");
        serde_json::from_str::<Vectors>(text).unwrap().vectors
    }

    #[test]
    fn every_vector_verifies_as_it_says_but_the_one_from_the_future() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 15);
        assert_eq!(vectors.iter().filter(|vector| vector.expected() != vector.valid).count(), 1);
        for vector in vectors {
            let verified = vector.verifies(&[&vector.secret], &vector.header);
            assert_eq!(verified, vector.expected(), "{}", vector.case);
        }
    }

    #[test]
    fn a_clock_may_be_five_minutes_ahead_and_thirty_behind() {
        let signed_at = 1_790_000_001;
        for (later, valid) in [(-301, false), (-300, true), (0, true), (1_800, true), (1_801, false)] {
            let vector = Vector { now: signed_at + later, ..vectors().swap_remove(0) };
            assert!(vector.header.starts_with(&format!("t={signed_at},")));
            assert_eq!(vector.verifies(&[&vector.secret], &vector.header), valid, "{later}");
        }
    }

    #[test]
    fn during_a_rotation_either_secret_will_do_and_none_does_not() {
        for vector in vectors() {
            let check = |secrets: &[&str], expected: bool| {
                assert_eq!(vector.verifies(secrets, &vector.header), expected, "{} {}", vector.case, secrets.len());
            };
            check(&["wsec_new", &vector.secret], vector.expected());
            check(&[&vector.secret, "wsec_new"], vector.expected());
            check(&["wsec_new", "wsec_newer"], false);
            check(&[""], false);
            check(&[], false);
        }
    }

    #[test]
    fn only_one_spelling_verifies() {
        let vector = vectors().swap_remove(0);
        let (time, tag) = vector.header.split_once(",v0=").unwrap();
        let check = |header: String, expected: bool| {
            assert_eq!(vector.verifies(&[&vector.secret], &header), expected, "{header}");
        };
        check(format!("{time},v1=00,odd,v0={tag}"), true);
        check(format!("{time},v0=,v0={tag}"), true);
        check(format!("{time},v0={}", tag.to_uppercase()), false);
        check(format!("{time},v0={}", &tag[..62]), false);
        check(format!("{time},v0={tag}00"), false);
        check(format!("{time},V0={tag}"), false);
        check(format!("{time}.0,v0={tag}"), false);
        check(format!("{},v0={tag}", time.replace('=', "=+")), false);
        check(format!("t=,v0={tag}"), false);
        check(format!("t=99999999999999999999,v0={tag}"), false);
        check(format!("t=-9223372036854775808,v0={tag}"), false);
    }

    #[test]
    fn a_body_signed_with_an_empty_secret_is_nobodys() {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), b"5.{}");
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Timestamp::from_second(5).unwrap();
        assert!(!verify(&[SecretString::from("")], &format!("t=5,v0={tag}"), b"{}", now));
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(header in ".{0,80}", tag in "[0-9a-f]{64}", body in ".{0,60}", now in -9_999_999_999_i64..9_999_999_999) {
            let secrets = [SecretString::from("wsec_1")];
            let now = Timestamp::from_second(now).unwrap();
            prop_assert!(!verify(&secrets, &header, body.as_bytes(), now));
            let forged = format!("t={},v0={tag}", now.as_second());
            prop_assert!(!verify(&secrets, &forged, body.as_bytes(), now));
        }
    }
}
