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
    use crate::webhook::vectors::Scheme;

    const STRIPE: Scheme = Scheme {
        vectors: include_str!("../../testdata/stripe-signature-vectors.json"),
        verify,
        instant: |second| Timestamp::from_second(second).unwrap(),
        header: |time, tag| format!("t={time},v1={tag}"),
    };

    #[test]
    fn every_vector_verifies_as_it_says_with_any_of_the_secrets() {
        STRIPE.every_vector_verifies_as_it_says(18, &[]);
    }

    #[test]
    fn only_stripes_own_spelling_verifies() {
        STRIPE.is_spelled(",v1=", |time, tag| {
            vec![
                (format!("{time},v1={tag}"), true),
                (format!("v1={tag},{time}"), true),
                (format!("{time},v2=00,odd,v1={tag}"), true),
                (format!("{time},v1=,v1={tag}"), true),
                (format!("{time},v1={}", &tag[..62]), false),
                (format!("{time},v1={tag}00"), false),
                (format!("{time},v1={tag}0"), false),
                (format!("{time},V1={tag}"), false),
                (format!("{time}, v1={tag}"), false),
                (format!("{time}.0,v1={tag}"), false),
                (format!("{}0,v1={tag}", time.replace('=', "=+")), false),
                (format!("t=,v1={tag}"), false),
                (format!("t=99999999999999999999,v1={tag}"), false),
            ]
        });
    }

    #[test]
    fn a_body_signed_with_an_empty_secret_is_nobodys() {
        STRIPE.an_empty_secret_is_nobodys(b"5.{}");
    }

    #[test]
    fn no_input_verifies_by_chance_or_panics() {
        STRIPE.no_input_verifies_by_chance_or_panics();
    }
}
