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
    use crate::webhook::vectors::{Scheme, Vector};

    const ELEVENLABS: Scheme = Scheme {
        vectors: include_str!("../../testdata/elevenlabs-signature-vectors.json"),
        verify,
        instant: |second| Timestamp::from_second(second).unwrap(),
        header: |time, tag| format!("t={time},v0={tag}"),
    };

    /// The one vector in which we differ from the official library: it is two hours ahead.
    const TOO_FAR_AHEAD: &str = "post_call_transcription: future timestamp accepted by the official library";

    #[test]
    fn every_vector_verifies_as_it_says_but_the_one_from_the_future() {
        ELEVENLABS.every_vector_verifies_as_it_says(15, &[TOO_FAR_AHEAD]);
    }

    #[test]
    fn a_clock_may_be_five_minutes_ahead_and_thirty_behind() {
        let signed_at = 1_790_000_001;
        let vector = ELEVENLABS.vectors().swap_remove(0);
        assert!(vector.header.starts_with(&format!("t={signed_at},")));
        for (later, valid) in [(-301, false), (-300, true), (0, true), (1_800, true), (1_801, false)] {
            let vector = Vector { now: signed_at + later, ..vector.clone() };
            assert_eq!(ELEVENLABS.verifies(&vector, &[&vector.secret], &vector.header), valid, "{later}");
        }
    }

    #[test]
    fn only_one_spelling_verifies() {
        ELEVENLABS.is_spelled(",v0=", |time, tag| {
            vec![
                (format!("{time},v1=00,odd,v0={tag}"), true),
                (format!("{time},v0=,v0={tag}"), true),
                (format!("{time},v0={}", tag.to_uppercase()), false),
                (format!("{time},v0={}", &tag[..62]), false),
                (format!("{time},v0={tag}00"), false),
                (format!("{time},V0={tag}"), false),
                (format!("{time}.0,v0={tag}"), false),
                (format!("{},v0={tag}", time.replace('=', "=+")), false),
                (format!("t=,v0={tag}"), false),
                (format!("t=99999999999999999999,v0={tag}"), false),
                (format!("t=-9223372036854775808,v0={tag}"), false),
            ]
        });
    }

    #[test]
    fn a_body_signed_with_an_empty_secret_is_nobodys() {
        ELEVENLABS.an_empty_secret_is_nobodys(b"5.{}");
    }

    #[test]
    fn no_input_verifies_by_chance_or_panics() {
        ELEVENLABS.no_input_verifies_by_chance_or_panics();
    }
}
