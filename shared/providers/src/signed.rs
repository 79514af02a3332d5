//! Whether a webhook's body was signed with a time: a header of `name=value` items, one of them the time in seconds, others
//! HMAC-SHA256 in hex over `<time>.<body>`.
//!
//! The body must be the very bytes that came. Nothing is logged here: neither secret nor expected signature may ever be seen.
//! Which names, and how old is too old, is known beside each third party.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::webhook::{is_signed, unhex, whole_number};

/// How one third party signs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scheme {
    /// What its signatures are called in the header.
    pub(crate) name: &'static str,
    /// How old a time may be.
    pub(crate) age_max: SignedDuration,
    /// How far ahead of ours a time may be; none is any.
    pub(crate) ahead_max: Option<SignedDuration>,
}

impl Scheme {
    /// Whether any of the secrets signed this body, at a time that is neither too old nor too far ahead.
    pub(crate) fn verifies(&self, secrets: &[SecretString], header: &str, body: &[u8], now: Timestamp) -> bool {
        let Some(signed_at) = items(header, "t").next() else {
            return false;
        };
        if !whole_number(signed_at).is_some_and(|signed_at| self.is_timely(signed_at, now.as_second())) {
            return false;
        }
        let given: Vec<_> = items(header, self.name).filter_map(unhex).collect();
        is_signed(secrets, &[signed_at.as_bytes(), b".", body], &given)
    }

    fn is_timely(&self, signed_at: i64, now: i64) -> bool {
        let oldest = now.checked_sub(self.age_max.as_secs());
        let newest = self.ahead_max.map(|ahead| now.saturating_add(ahead.as_secs()));
        oldest.is_some_and(|oldest| oldest <= signed_at) && newest.is_none_or(|newest| signed_at <= newest)
    }
}

/// The values of a name in `name=value,name=value`.
fn items<'a>(header: &'a str, wanted: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = header.split(',').filter_map(|item| item.split_once('='));
    pairs.filter(move |(name, _)| *name == wanted).map(|(_, value)| value)
}

/// What the tests of every third party's signatures have in common: vectors, and requests nobody signed.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_lc_rs::hmac;
    use serde::Deserialize;

    /// A webhook, and whether the third party's own library takes it.
    #[derive(Deserialize)]
    pub(crate) struct Vector {
        pub(crate) case: String,
        pub(crate) header: String,
        pub(crate) body: String,
        pub(crate) secret: String,
        pub(crate) now: i64,
        pub(crate) valid: bool,
    }

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    /// How a third party's check is called.
    pub(crate) type Verify = fn(&[SecretString], &str, &[u8], Timestamp) -> bool;

    impl Vector {
        pub(crate) fn all(text: &str) -> Vec<Self> {
            serde_json::from_str::<Vectors>(text).unwrap().vectors
        }

        pub(crate) fn verifies(&self, verify: Verify, secrets: &[&str], header: &str) -> bool {
            let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
            verify(&secrets, header, self.body.as_bytes(), Timestamp::from_second(self.now).unwrap())
        }
    }

    /// During a rotation either secret will do, and none does not.
    pub(crate) fn check_rotation(verify: Verify, vector: &Vector, valid: bool) {
        let check = |secrets: &[&str], expected: bool| {
            assert_eq!(vector.verifies(verify, secrets, &vector.header), expected, "{} {}", vector.case, secrets.len());
        };
        check(&["new", &vector.secret], valid);
        check(&[&vector.secret, "new"], valid);
        check(&["new", "newer"], false);
        check(&[""], false);
        check(&[], false);
    }

    /// Only the one spelling of a valid header verifies.
    pub(crate) fn check_spelling(verify: Verify, scheme: &str, vector: &Vector) {
        let (time, tag) = vector.header.split_once(&format!(",{scheme}=")).unwrap();
        let check = |header: String, expected: bool| {
            assert_eq!(vector.verifies(verify, &[&vector.secret], &header), expected, "{header}");
        };
        check(format!("{time},{scheme}={tag}"), true);
        check(format!("{scheme}={tag},{time}"), true);
        check(format!("{time},v9=00,odd,{scheme}={tag}"), true);
        check(format!("{time},{scheme}=,{scheme}={tag}"), true);
        check(format!("{time},{scheme}={}", &tag[..62]), false);
        check(format!("{time},{scheme}={tag}00"), false);
        check(format!("{time},{scheme}={tag}0"), false);
        check(format!("{time},{}={tag}", scheme.to_uppercase()), false);
        check(format!("{time},{scheme}={}", tag.to_uppercase()), false);
        check(format!("{time}, {scheme}={tag}"), false);
        check(format!("{time}.0,{scheme}={tag}"), false);
        check(format!("{}0,{scheme}={tag}", time.replace('=', "=+")), false);
        check(format!("t=,{scheme}={tag}"), false);
        check(format!("t=99999999999999999999,{scheme}={tag}"), false);
    }

    /// A body signed with an empty secret is nobody's.
    pub(crate) fn check_empty_secret(verify: Verify, scheme: &str) {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), b"5.{}");
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let now = Timestamp::from_second(5).unwrap();
        assert!(!verify(&[SecretString::from("")], &format!("t=5,{scheme}={tag}"), b"{}", now));
    }

    /// Nothing verifies by chance, and nothing panics.
    pub(crate) fn check_chance(verify: Verify, header: &str, scheme: &str, tag: &str, body: &str, now: i64) {
        let secrets = [SecretString::from("secret_1")];
        let now = Timestamp::from_second(now).unwrap();
        assert!(!verify(&secrets, header, body.as_bytes(), now), "{header}");
        let forged = format!("t={},{scheme}={tag}", now.as_second());
        assert!(!verify(&secrets, &forged, body.as_bytes(), now), "{forged}");
    }
}
