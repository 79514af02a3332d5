//! Whether a webhook is ElevenLabs': the check of `ElevenLabs-Signature`.
//!
//! Signed is `<time>.<body>` with the whole secret, `wsec_` included. Verified with the vectors in `testdata`, whose
//! expectations come from ElevenLabs' own library. In one thing we are stricter than that: it takes any time ahead of its
//! clock, for ever, and here a time may be [`AHEAD_MAX`] ahead. A signature from the future could otherwise be kept and sent
//! again for as long as it lies there.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::signed::Scheme;

/// How old a signature may be, by ElevenLabs' own rule.
pub const AGE_MAX: SignedDuration = SignedDuration::from_mins(30);
/// How far its clock may be ahead of ours. Our rule.
pub const AHEAD_MAX: SignedDuration = SignedDuration::from_mins(5);

const SCHEME: Scheme = Scheme { name: "v0", age_max: AGE_MAX, ahead_max: Some(AHEAD_MAX) };

/// Whether any of the secrets signed this body, not longer ago than [`AGE_MAX`] and not further ahead than [`AHEAD_MAX`].
///
/// Several secrets, because one is current and one previous during a rotation.
#[must_use]
pub fn verify(secrets: &[SecretString], header: &str, body: &[u8], now: Timestamp) -> bool {
    SCHEME.verifies(secrets, header, body, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::tests::{Vector, check_chance, check_empty_secret, check_rotation, check_spelling};
    use proptest::prelude::*;

    /// The one vector in which we differ from the official library: it is two hours ahead.
    const TOO_FAR_AHEAD: &str = "post_call_transcription: future timestamp accepted by the official library";

    fn vectors() -> Vec<Vector> {
        Vector::all(include_str!("../../testdata/elevenlabs-signature-vectors.json"))
    }

    fn expected(vector: &Vector) -> bool {
        vector.valid && vector.case != TOO_FAR_AHEAD
    }

    #[test]
    fn every_vector_verifies_as_it_says_but_one_from_the_future() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 15);
        assert_eq!(vectors.iter().filter(|vector| expected(vector) != vector.valid).count(), 1);
        for vector in vectors {
            let verified = vector.verifies(verify, &[&vector.secret], &vector.header);
            assert_eq!(verified, expected(&vector), "{}", vector.case);
        }
    }

    #[test]
    fn a_clock_may_be_five_minutes_ahead_and_thirty_behind() {
        let vector = vectors().swap_remove(0);
        let signed_at = 1_790_000_001;
        assert!(vector.header.starts_with(&format!("t={signed_at},")));
        for (now, valid) in [(-301, false), (-300, true), (0, true), (1_800, true), (1_801, false)] {
            let vector = Vector { now: signed_at + now, ..vectors().swap_remove(0) };
            assert_eq!(vector.verifies(verify, &[&vector.secret], &vector.header), valid, "{now}");
        }
    }

    #[test]
    fn during_a_rotation_either_secret_will_do_and_none_does_not() {
        for vector in vectors() {
            check_rotation(verify, &vector, expected(&vector));
        }
    }

    #[test]
    fn only_elevenlabs_own_spelling_verifies() {
        check_spelling(verify, "v0", &vectors()[0]);
        check_empty_secret(verify, "v0");
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(header in ".{0,80}", tag in "[0-9a-f]{64}", body in ".{0,60}", now in -9_999_999_999_i64..9_999_999_999) {
            check_chance(verify, &header, "v0", &tag, &body, now);
        }
    }
}
