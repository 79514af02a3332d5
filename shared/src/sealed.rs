//! Secrets that have to be stored: sealed with AES-256-GCM under a key of the deployment's, bound to what they belong to.
//!
//! A nonce is 96 random bits, drawn for every sealing. What is sealed for one number of one tenant opens for no other. New
//! seals are made with the current key; older keys still open what they sealed. Where the keys come from: `secrets`.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::sip::Sealed;
use domain::{NumberId, TenantId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Bytes of a key of AES-256.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce of GCM.
const NONCE_BYTES: usize = 12;
/// Keys of the same text for anything else are other keys.
const SALT: &[u8] = b"trunkline sealed";

/// `{"current":"k1","keys":{"k1":"…"}}`: texts of at least 32 characters drawn at random, 32 bytes in base64 for example.
#[derive(Deserialize)]
pub(crate) struct SealSecret {
    current: String,
    keys: BTreeMap<String, SecretString>,
}

/// The keys, ready to be used.
pub(crate) struct Keyring {
    current: String,
    keys: BTreeMap<String, RandomizedNonceKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("current", &self.current).finish_non_exhaustive()
    }
}

impl From<SealSecret> for Keyring {
    /// A text too short to be a key is none.
    fn from(secret: SealSecret) -> Self {
        let keys = secret.keys.into_iter().filter_map(|(id, text)| Some((id, key(&text)?)));
        Self { current: secret.current, keys: keys.collect() }
    }
}

impl Keyring {
    /// Seals a secret of this number of this tenant with the current key.
    ///
    /// # Errors
    /// `Misconfigured` when there is no current key.
    pub(crate) fn seal(
        &self,
        tenant: &TenantId,
        number: &NumberId,
        secret: &SecretString,
    ) -> Result<Sealed, ProviderError> {
        let mut bytes = secret.expose_secret().as_bytes().to_vec();
        let sealed = self.key(&self.current)?.seal_in_place_append_tag(belongs_to(tenant, number), &mut bytes);
        let nonce = sealed.map_err(|_| misconfigured("a secret could not be sealed".into()))?;
        let nonce = STANDARD.encode(nonce.as_ref());
        Ok(Sealed { key_id: self.current.clone(), nonce, ciphertext: STANDARD.encode(bytes) })
    }

    /// Opens what was sealed for this number of this tenant.
    ///
    /// # Errors
    /// `Misconfigured` when its key is not there, is another one by now, or it was sealed for something else or changed.
    pub(crate) fn open(
        &self,
        tenant: &TenantId,
        number: &NumberId,
        sealed: &Sealed,
    ) -> Result<SecretString, ProviderError> {
        let key = self.key(&sealed.key_id)?;
        let opened = || {
            let nonce: [u8; NONCE_BYTES] = STANDARD.decode(&sealed.nonce).ok()?.try_into().ok()?;
            let mut bytes = STANDARD.decode(&sealed.ciphertext).ok()?;
            let nonce = Nonce::assume_unique_for_key(nonce);
            let plain = key.open_in_place(nonce, belongs_to(tenant, number), &mut bytes).ok()?;
            Some(SecretString::from(std::str::from_utf8(plain).ok()?))
        };
        opened().ok_or_else(|| misconfigured(format!("what is sealed with the key {} does not open", sealed.key_id)))
    }

    /// Whether it has this key.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    fn key(&self, id: &str) -> Result<&RandomizedNonceKey, ProviderError> {
        self.keys.get(id).ok_or_else(|| misconfigured(format!("there is no sealing key {id}")))
    }
}

/// HKDF of the text (RFC 5869): what draws secrets draws letters and digits, and not 32 bytes.
fn key(text: &SecretString) -> Option<RandomizedNonceKey> {
    let text = text.expose_secret();
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(text.as_bytes());
    let mut bytes = [0; KEY_BYTES];
    prk.expand(&[b"aes-256-gcm"], hkdf::HKDF_SHA256).ok()?.fill(&mut bytes).ok()?;
    RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok().filter(|_| text.len() >= KEY_BYTES)
}

/// Ids have no space in them, so no two pairs read the same.
fn belongs_to(tenant: &TenantId, number: &NumberId) -> Aad<String> {
    Aad::from(format!("{tenant} {number}"))
}

fn misconfigured(why: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Misconfigured, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "hunter22-ünïcode";

    fn keyring(current: &str, ids: &[&str]) -> Keyring {
        let keys: BTreeMap<_, _> =
            ids.iter().map(|id| (*id, format!("{id} is a key of 32 characters or more"))).collect();
        let secret = serde_json::json!({ "current": current, "keys": keys });
        serde_json::from_value::<SealSecret>(secret).unwrap().into()
    }

    fn ids() -> (TenantId, NumberId) {
        ("ten_1".parse().unwrap(), "num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b".parse().unwrap())
    }

    fn sealed(keyring: &Keyring) -> Sealed {
        let (tenant, number) = ids();
        keyring.seal(&tenant, &number, &PASSWORD.into()).unwrap()
    }

    /// What opening comes to: the secret, or the kind of error.
    fn open(keyring: &Keyring, sealed: &Sealed) -> Result<String, ProviderErrorKind> {
        let (tenant, number) = ids();
        let opened = keyring.open(&tenant, &number, sealed);
        opened.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.kind)
    }

    #[test]
    fn what_was_sealed_opens_and_never_reads_the_same() {
        let keyring = keyring("k1", &["k1"]);
        let (one, other) = (sealed(&keyring), sealed(&keyring));
        assert_eq!(open(&keyring, &one).as_deref(), Ok(PASSWORD));
        assert_eq!(open(&keyring, &other).as_deref(), Ok(PASSWORD));
        assert_ne!((&one.nonce, &one.ciphertext), (&other.nonce, &other.ciphertext));
        let kept: Sealed = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(open(&keyring, &kept).as_deref(), Ok(PASSWORD));
    }

    #[test]
    fn it_opens_for_no_other_tenant_and_no_other_number() {
        let keyring = keyring("k1", &["k1"]);
        let (tenant, number) = ids();
        let sealed = sealed(&keyring);
        let check = |tenant: &TenantId, number: &NumberId, ok: bool| {
            assert_eq!(keyring.open(tenant, number, &sealed).is_ok(), ok, "{tenant} {number}");
        };
        check(&tenant, &number, true);
        check(&"ten_2".parse().unwrap(), &number, false);
        check(&tenant, &"num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5c".parse().unwrap(), false);
    }

    #[test]
    fn what_was_tampered_with_does_not_open() {
        let keyring = keyring("k1", &["k1", "k2"]);
        let good = sealed(&keyring);
        let flip = |text: &str, at: usize| {
            let mut bytes = STANDARD.decode(text).unwrap();
            bytes[at] ^= 1;
            STANDARD.encode(bytes)
        };
        let check = |what: &str, bad: Sealed| {
            assert_eq!(open(&keyring, &bad), Err(ProviderErrorKind::Misconfigured), "{what}");
        };
        let last = STANDARD.decode(&good.ciphertext).unwrap().len() - 1;
        check("the text", Sealed { ciphertext: flip(&good.ciphertext, 0), ..good.clone() });
        check("its tag", Sealed { ciphertext: flip(&good.ciphertext, last), ..good.clone() });
        check("the nonce", Sealed { nonce: flip(&good.nonce, 0), ..good.clone() });
        check("the key", Sealed { key_id: "k2".into(), ..good.clone() });
        check("no text", Sealed { ciphertext: String::new(), ..good.clone() });
        check("no nonce", Sealed { nonce: String::new(), ..good.clone() });
        check("not base64", Sealed { ciphertext: "?".into(), ..good });
    }

    #[test]
    fn an_older_key_still_opens_and_the_current_one_seals() {
        let before = keyring("k1", &["k1"]);
        let after = keyring("k2", &["k1", "k2"]);
        let (old, new) = (sealed(&before), sealed(&after));
        assert_eq!((old.key_id.as_str(), new.key_id.as_str()), ("k1", "k2"));
        assert_eq!(open(&after, &old).as_deref(), Ok(PASSWORD));
        assert_eq!(open(&after, &new).as_deref(), Ok(PASSWORD));
        assert_eq!(open(&before, &new), Err(ProviderErrorKind::Misconfigured));
    }

    #[test]
    fn a_text_too_short_for_a_key_is_none() {
        let (tenant, number) = ids();
        let secret = serde_json::json!({ "current": "k1", "keys": { "k1": "short" } });
        let keyring: Keyring = serde_json::from_value::<SealSecret>(secret).unwrap().into();
        let refused = keyring.seal(&tenant, &number, &PASSWORD.into()).unwrap_err();
        assert_eq!(refused.kind, ProviderErrorKind::Misconfigured);
    }

    #[test]
    fn debug_shows_nothing() {
        let keyring = keyring("k1", &["k1"]);
        let sealed = sealed(&keyring);
        let shown = format!("{keyring:?} {sealed:?}");
        for secret in [PASSWORD, "is a key of 32", &sealed.ciphertext, &sealed.nonce] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
