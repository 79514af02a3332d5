//! What is checked of every signature that stands with its time in one header, by vectors of the third party's own library.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

/// A webhook, and whether it is genuine.
#[derive(Deserialize, Clone)]
pub(crate) struct Vector {
    pub(crate) case: String,
    pub(crate) header: String,
    pub(crate) body: String,
    pub(crate) secret: String,
    pub(crate) now: i64,
    pub(crate) valid: bool,
}

/// A third party's way to sign.
pub(crate) struct Scheme {
    pub(crate) vectors: &'static str,
    /// What is being tested.
    pub(crate) verify: fn(&[SecretString], &str, &[u8], Timestamp) -> bool,
    /// The instant of a time as the vectors have it.
    pub(crate) instant: fn(i64) -> Timestamp,
    /// A header with this time and this signature.
    pub(crate) header: fn(i64, &str) -> String,
}

impl Scheme {
    pub(crate) fn vectors(&self) -> Vec<Vector> {
        serde_json::from_str::<Vectors>(self.vectors).unwrap().vectors
    }

    pub(crate) fn verifies(&self, vector: &Vector, secrets: &[&str], header: &str) -> bool {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        (self.verify)(&secrets, header, vector.body.as_bytes(), (self.instant)(vector.now))
    }

    /// There are so many, and each verifies as it says; but those of these cases do not.
    pub(crate) fn every_vector_verifies_as_it_says(&self, number: usize, but: &[&str]) {
        let vectors = self.vectors();
        assert_eq!(vectors.len(), number);
        assert_eq!(vectors.iter().filter(|vector| vector.valid && but.contains(&&*vector.case)).count(), but.len());
        for vector in vectors {
            let expected = vector.valid && !but.contains(&&*vector.case);
            let check = |secrets: &[&str], expected: bool| {
                let verified = self.verifies(&vector, secrets, &vector.header);
                assert_eq!(verified, expected, "{} with {} secrets", vector.case, secrets.len());
            };
            check(&[&vector.secret], expected);
            // During a rotation either will do.
            check(&["new", &vector.secret], expected);
            check(&[&vector.secret, "new"], expected);
            check(&["new", "newer"], false);
            check(&[""], false);
            check(&[], false);
        }
    }

    /// Of a genuine webhook, these headers verify or do not. They are made of `<name>=<time>` and the signature.
    pub(crate) fn is_spelled(&self, between: &str, headers: impl Fn(&str, &str) -> Vec<(String, bool)>) {
        let vector = self.vectors().swap_remove(0);
        let (time, tag) = vector.header.split_once(between).unwrap();
        for (header, expected) in headers(time, tag) {
            assert_eq!(self.verifies(&vector, &[&vector.secret], &header), expected, "{header}");
        }
    }

    /// `signed` is what is signed of the body `{}` at the time 5.
    pub(crate) fn an_empty_secret_is_nobodys(&self, signed: &[u8]) {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), signed);
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let header = (self.header)(5, &tag);
        assert!(!(self.verify)(&[SecretString::from("")], &header, b"{}", (self.instant)(5)));
        // Or it would say nothing: another secret that signs so is somebody's.
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"s"), signed);
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let header = (self.header)(5, &tag);
        assert!((self.verify)(&[SecretString::from("s")], &header, b"{}", (self.instant)(5)));
    }

    pub(crate) fn no_input_verifies_by_chance_or_panics(&self) {
        let input = (".{0,80}", "[0-9a-f]{64}", ".{0,60}", -9_999_999_999_i64..9_999_999_999);
        let secrets = [SecretString::from("secret")];
        let held = TestRunner::default().run(&input, |(header, tag, body, time)| {
            let now = (self.instant)(time);
            prop_assert!(!(self.verify)(&secrets, &header, body.as_bytes(), now));
            prop_assert!(!(self.verify)(&secrets, &(self.header)(time, &tag), body.as_bytes(), now));
            Ok(())
        });
        held.unwrap();
    }
}
