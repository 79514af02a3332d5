//! Tokens as an identity provider gives them: ES256, checked by a key set, with the claims API.md names. The key is kept
//! with the data, so that a token outlives a restart. Expiry follows the movable clock.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use shared::http::auth::Claims;

const ISSUER: &str = "https://identity.trunkline.invalid";
const AUDIENCE: &str = "trunkline";
const KEY_ID: &str = "local-1";
/// A token outlives a few years of moved time.
const LIVES_FOR_DAYS: i32 = 3_650;

/// Gives tokens and checks them.
pub struct Tokens {
    signs: EncodingKey,
    checks: DecodingKey,
    key_set: Value,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// The key of this directory, or a fresh one.
    ///
    /// # Errors
    /// When the key cannot be made, read or kept.
    pub fn open(data: Option<&Path>) -> std::io::Result<Self> {
        let broken = |_| std::io::Error::other("the key of the tokens is broken");
        let file = data.map(|data| data.join("tokens.p8"));
        let kept = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let pkcs8 = match kept {
            Some(kept) => kept,
            None => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(broken)?;
                let fresh = pair.to_pkcs8v1().map_err(broken)?.as_ref().to_vec();
                file.map_or(Ok(()), |file| std::fs::write(file, &fresh))?;
                fresh
            }
        };
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8)
            .map_err(|_| std::io::Error::other("the key of the tokens is broken"))?;
        // An uncompressed point: one byte, then both coordinates of 32.
        let point = pair.public_key().as_ref();
        let coordinate = |from: usize| URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
        let (x, y) = (coordinate(1), coordinate(33));
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY_ID, "x": x, "y": y
        });
        let checks = DecodingKey::from_ec_components(&x, &y).map_err(std::io::Error::other)?;
        let _ = pair.public_key().as_der();
        Ok(Self { signs: EncodingKey::from_ec_der(&pkcs8), checks, key_set: json!({ "keys": [key] }) })
    }

    /// The key set, as an identity provider publishes it.
    #[must_use]
    pub const fn key_set(&self) -> &Value {
        &self.key_set
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn give(
        &self,
        now: Timestamp,
        tenant: Option<&str>,
        role: &str,
        project: Option<&str>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let expires = now.saturating_add((i64::from(LIVES_FOR_DAYS) * 24).hours()).unwrap_or(Timestamp::MAX);
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": format!("{}/{role}", tenant.unwrap_or("operator")),
            "role": role, "iat": now.as_second(), "exp": expires.as_second(),
        });
        if let (Some(tenant), Some(claims)) = (tenant, claims.as_object_mut()) {
            claims.insert("tenant_id".into(), tenant.into());
        }
        if let (Some(project), Some(claims)) = (project, claims.as_object_mut()) {
            claims.insert("project_id".into(), project.into());
        }
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.signs)
    }

    /// The claims of a token whose signature, issuer, audience and dates are good.
    #[must_use]
    pub fn check(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library would ask the system's clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let claims = jsonwebtoken::decode::<BTreeMap<String, Value>>(token, &self.checks, &validation).ok()?.claims;
        claims.get("exp")?.as_i64().filter(|expires| *expires > now.as_second())?;
        let texts = claims.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        Some(Claims(texts.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_it_expires_and_only_under_its_key() {
        let (tokens, others) = (Tokens::open(None).unwrap(), Tokens::open(None).unwrap());
        let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let token = tokens.give(now, Some("acme"), "owner", None).unwrap();
        let claims = tokens.check(&token, now).unwrap();
        assert_eq!(claims.0.get("tenant_id").map(String::as_str), Some("acme"));
        assert_eq!(claims.0.get("role").map(String::as_str), Some("owner"));
        assert!(others.check(&token, now).is_none());
        assert!(tokens.check(&token, "2047-01-01T00:00:00Z".parse().unwrap()).is_none());
        assert!(tokens.check("x.y.z", now).is_none());
    }
}
