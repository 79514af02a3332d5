//! Whether a webhook is Stripe's: the check of `Stripe-Signature`.
//!
//! Signed is `<time>.<body>` with the whole endpoint secret, `whsec_` included. Verified with the vectors in `testdata`,
//! whose signatures and expectations come from Stripe's own library.

use domain::limits;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::signed::Scheme;

/// A time ahead of ours is accepted, as Stripe's library does.
const SCHEME: Scheme = Scheme { name: "v1", age_max: limits::NOTIFICATION_AGE_MAX, ahead_max: None };

/// Whether any of the secrets signed this body, not longer ago than [`limits::NOTIFICATION_AGE_MAX`].
///
/// Several secrets, because one is current and one previous during a rotation; Stripe for its part then sends several
/// signatures.
#[must_use]
pub fn verify(secrets: &[SecretString], header: &str, body: &[u8], now: Timestamp) -> bool {
    SCHEME.verifies(secrets, header, body, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::tests::{Vector, check_chance, check_empty_secret, check_rotation, check_spelling};
    use proptest::prelude::*;

    fn vectors() -> Vec<Vector> {
        Vector::all(include_str!("../../testdata/stripe-signature-vectors.json"))
    }

    #[test]
    fn every_vector_verifies_as_it_says() {
        let vectors = vectors();
        assert_eq!(vectors.len(), 18);
        for vector in vectors {
            let verified = vector.verifies(verify, &[&vector.secret], &vector.header);
            assert_eq!(verified, vector.valid, "{}", vector.case);
        }
    }

    #[test]
    fn during_a_rotation_either_secret_will_do_and_none_does_not() {
        for vector in vectors() {
            check_rotation(verify, &vector, vector.valid);
        }
    }

    #[test]
    fn only_stripes_own_spelling_verifies() {
        check_spelling(verify, "v1", &vectors()[0]);
        check_empty_secret(verify, "v1");
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(header in ".{0,80}", tag in "[0-9a-f]{64}", body in ".{0,60}", now in -9_999_999_999_i64..9_999_999_999) {
            check_chance(verify, &header, "v1", &tag, &body, now);
        }
    }
}
