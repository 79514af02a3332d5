//! Whether a webhook is Vapi's: the HMAC plan with its defaults, or the secret itself in a header.
//!
//! Signed is `<timestamp>.<body>` with SHA-256, written in hex. The body must be the very bytes that came. A plan set up
//! otherwise (base64, a prefix, no timestamp) does not verify: ours is made with the defaults. Neither the timestamp's unit
//! nor a tolerance is published, so both units are taken and the tolerance is the caller's. Checked with the vectors in
//! `testdata`, which follow the published description.

use aws_lc_rs::constant_time;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::webhook::{is_signed, unhex, whole_number};

/// Carries the signature.
pub const SIGNATURE_HEADER: &str = "x-signature";
/// Carries the time that is signed.
pub const TIMESTAMP_HEADER: &str = "x-timestamp";
/// Carries the secret itself: the older way, and that of a bearer plan set up so.
pub const SECRET_HEADER: &str = "x-vapi-secret";
/// A number from here on counts milliseconds: as seconds it would be in the year 5138, as milliseconds it is in 1973.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// Whether any of the secrets signed this body at a time no further from now than the tolerance, before or after.
#[must_use]
pub fn verify(
    secrets: &[SecretString],
    signature: &str,
    timestamp: &str,
    body: &[u8],
    now: Timestamp,
    tolerance: SignedDuration,
) -> bool {
    let (Some(signed_at), Some(given)) = (whole_number(timestamp).and_then(at), unhex(signature)) else {
        return false;
    };
    now.duration_since(signed_at).abs() <= tolerance
        && is_signed(secrets, &[timestamp.as_bytes(), b".", body], &[given])
}

/// Whether the header carries any of the secrets. Proves nothing about the body; for plans that can do no better.
#[must_use]
pub fn is_secret(secrets: &[SecretString], header: &str) -> bool {
    let given = header.as_bytes();
    secrets.iter().map(|secret| secret.expose_secret().as_bytes()).filter(|secret| !secret.is_empty()).any(|secret| {
        // Of equal lengths the comparison takes equally long, whatever differs; a secret's length is none.
        constant_time::verify_slices_are_equal(given, secret).is_ok()
    })
}

fn at(number: i64) -> Option<Timestamp> {
    if number < MILLISECONDS_FROM { Timestamp::from_second(number) } else { Timestamp::from_millisecond(number) }.ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use aws_lc_rs::hmac;
    use proptest::prelude::*;
    use serde::Deserialize;

    const TOLERANCE: SignedDuration = SignedDuration::from_secs(300);
    const NOW: i64 = 1_790_000_000;
    const BODY: &[u8] = b"{}";

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        provider: String,
        case: String,
        headers: BTreeMap<String, String>,
        body: String,
        secret: String,
        valid: bool,
    }

    impl Vector {
        fn header(&self, name: &str) -> &str {
            let named = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
            named.map_or("", |(_, value)| value)
        }

        fn verifies(&self, secrets: &[&str], now: i64) -> bool {
            let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
            let now = Timestamp::from_second(now).unwrap();
            let (signature, timestamp) = (self.header(SIGNATURE_HEADER), self.header(TIMESTAMP_HEADER));
            verify(&secrets, signature, timestamp, self.body.as_bytes(), now, TOLERANCE)
        }
    }

    fn vectors(provider: &str) -> Vec<Vector> {
        let text = include_str!("../../testdata/vapi-signature-vectors.json");
        let all = serde_json::from_str::<Vectors>(text).unwrap().vectors;
        all.into_iter().filter(|vector| vector.provider == provider).collect()
    }

    #[test]
    fn of_the_plans_only_the_one_with_the_defaults_verifies() {
        let vectors = vectors("vapi-hmac");
        let verified = vectors.iter().filter(|vector| vector.verifies(&[&vector.secret], NOW));
        let verified: Vec<_> = verified.map(|vector| vector.case.as_str()).collect();
        assert_eq!((vectors.len(), verified), (4, vec!["end-of-call-report: default payloadFormat, sha256, hex"]));
    }

    #[test]
    fn a_secret_in_a_header_is_compared_whole() {
        let vectors = vectors("vapi-secret");
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let secrets = [SecretString::from("another"), SecretString::from(vector.secret.clone())];
            assert_eq!(is_secret(&secrets, vector.header(SECRET_HEADER)), vector.valid, "{}", vector.case);
        }
        assert!(!is_secret(&[SecretString::from("")], ""));
        assert!(!is_secret(&[SecretString::from("secret")], "secre"));
        assert!(!is_secret(&[], ""));
    }

    #[test]
    fn during_a_rotation_either_secret_will_do_and_none_does_not() {
        let vector = vectors("vapi-hmac").swap_remove(0);
        assert!(vector.verifies(&["new", &vector.secret], NOW));
        assert!(vector.verifies(&[&vector.secret, "new"], NOW));
        for secrets in [&["new", "newer"][..], &[""], &[]] {
            assert!(!vector.verifies(secrets, NOW), "{secrets:?}");
        }
    }

    #[test]
    fn a_signature_is_old_after_the_tolerance_and_strange_before_it() {
        let vector = vectors("vapi-hmac").swap_remove(0);
        for (now, expected) in [(0, true), (300, true), (301, false), (-300, true), (-301, false)] {
            assert_eq!(vector.verifies(&[&vector.secret], NOW + now), expected, "{now}");
        }
    }

    fn signed(secret: &str, timestamp: &str) -> String {
        let tag =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), format!("{timestamp}.{{}}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn both_units_are_understood_in_one_spelling() {
        let now = Timestamp::from_second(NOW).unwrap();
        let check = |timestamp: &str, expected: bool| {
            let verified = verify(&["s".into()], &signed("s", timestamp), timestamp, b"{}", now, TOLERANCE);
            assert_eq!(verified, expected, "{timestamp}");
        };
        check("1790000000", true);
        check("1790000000000", true);
        check("1790000299999", true);
        check("1790000300001", false);
        check("1789999700", true);
        check("1789999699", false);
        check("+1790000000", false);
        check(" 1790000000", false);
        check("1790000000.0", false);
        check("", false);
        check("9223372036854775807", false);
        check("99999999999999999999", false);
        let upper = signed("s", "1790000000").to_uppercase();
        assert!(!verify(&["s".into()], &upper, "1790000000", b"{}", now, TOLERANCE));
        assert!(!verify(&["".into()], &signed("", "1790000000"), "1790000000", b"{}", now, TOLERANCE));
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(signature in ".{0,70}", timestamp in ".{0,20}", tag in "[0-9a-f]{64}", seconds in any::<i64>()) {
            let secrets = [SecretString::from("secret")];
            let now = Timestamp::from_second(NOW).unwrap();
            prop_assert!(!verify(&secrets, &signature, &timestamp, BODY, now, TOLERANCE));
            prop_assert!(!verify(&secrets, &tag, &NOW.to_string(), BODY, now, TOLERANCE));
            prop_assert!(!verify(&secrets, &tag, &seconds.to_string(), BODY, now, SignedDuration::MAX));
            prop_assert!(!is_secret(&secrets, &signature));
        }
    }
}
