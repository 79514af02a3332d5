//! Whether a webhook is Twilio's: the check of `X-Twilio-Signature`.
//!
//! The signed text is the URL as it was configured at Twilio, followed for a form by its sorted parameters. The caller gives
//! URLs rebuilt from configuration (public base URL, path, raw query), never from headers of the request. Nothing is logged
//! here: neither token nor expected signature may ever be seen. Verified with the vectors in `testdata`, which come from
//! Twilio's own libraries.

use std::collections::BTreeSet;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// Whether any of the tokens signed any of the URLs with these form parameters (none for GET).
///
/// Several tokens, because one is current and one previous during a rotation; several URLs, because a configured URL may
/// have been written in more than one way.
#[must_use]
pub fn verify(auth_tokens: &[SecretString], urls: &[String], params: &[(String, String)], signature: &str) -> bool {
    let Ok(given) = STANDARD.decode(signature.trim()) else {
        return false;
    };
    let suffix = signed_params(params);
    let texts: Vec<String> = urls.iter().flat_map(|url| spellings(url)).map(|url| url + &suffix).collect();
    auth_tokens.iter().any(|token| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose_secret().as_bytes());
        texts.iter().any(|text| hmac::verify(&key, text.as_bytes(), &given).is_ok())
    })
}

/// Whether any of the tokens signed any of the URLs, and that URL's `bodySHA256` is the digest of this body.
///
/// A JSON webhook whose URL carries no digest is refused: nothing would tie the body to the signature.
#[must_use]
pub fn verify_json(auth_tokens: &[SecretString], urls: &[String], body: &[u8], signature: &str) -> bool {
    let actual = digest::digest(&digest::SHA256, body);
    let with_this_body: Vec<String> = urls
        .iter()
        .filter(|url| {
            let claimed = body_sha256(url).and_then(unhex);
            claimed.is_some_and(|claimed| constant_time::verify_slices_are_equal(&claimed, actual.as_ref()).is_ok())
        })
        .cloned()
        .collect();
    verify(auth_tokens, &with_this_body, &[], signature)
}

/// Names and values of a form body, decoded, in the order they came.
#[must_use]
pub fn form_pairs(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

/// Every distinct name and value once, in byte order, joined without separators. Sorting pairs sorts by name first, and a
/// name's values among themselves.
fn signed_params(params: &[(String, String)]) -> String {
    let distinct: BTreeSet<&(String, String)> = params.iter().collect();
    distinct.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
}

/// The URL without its fragment, with and without its port: Twilio signs `https` URLs sometimes with `:443`, and drops a
/// given port for some kinds of webhooks.
fn spellings(url: &str) -> Vec<String> {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host_from = authority.rfind('@').map_or(0, |at| at + 1);
    let (userinfo, host_and_port) = authority.split_at(host_from);
    let without = host_without_port(host_and_port);
    let other = if without.len() < host_and_port.len() {
        without.to_owned()
    } else {
        let default = if matches!(scheme, "http" | "ws") { 80 } else { 443 };
        format!("{host_and_port}:{default}")
    };
    vec![url.to_owned(), format!("{scheme}://{userinfo}{other}{path}")]
}

/// The host alone; the colons inside an IPv6 address's brackets are not a port's.
fn host_without_port(host_and_port: &str) -> &str {
    match host_and_port.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host_and_port,
    }
}

fn body_sha256(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('#').map_or(url, |(before, _)| before).split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        auth_token: String,
        received_url: String,
        form_params: Vec<(String, String)>,
        json_body: Option<String>,
        x_twilio_signature: String,
        expect_valid: bool,
    }

    impl Vector {
        fn verifies(&self, token: &str, url: &str) -> bool {
            let tokens = [SecretString::from("another token"), SecretString::from(token)];
            let urls = [url.to_owned()];
            match &self.json_body {
                Some(body) => verify_json(&tokens, &urls, body.as_bytes(), &self.x_twilio_signature),
                None => verify(&tokens, &urls, &self.form_params, &self.x_twilio_signature),
            }
        }
    }

    fn vectors() -> Vec<Vector> {
        let text = include_str!("../../testdata/twilio-signature-vectors.json");
        serde_json::from_str::<Vectors>(text).unwrap().vectors
    }

    #[test]
    fn every_vector_verifies_as_it_says() {
        let vectors = vectors();
        assert!(vectors.len() >= 10);
        for vector in vectors {
            let verified = vector.verifies(&vector.auth_token, &vector.received_url);
            assert_eq!(verified, vector.expect_valid, "{}", vector.name);
        }
    }

    #[test]
    fn a_vector_verifies_with_its_own_token_and_url_only() {
        for vector in vectors() {
            assert!(!vector.verifies("wrong", &vector.received_url), "{}: token", vector.name);
            let elsewhere = vector.received_url.replacen(".com", ".org", 1).replacen(".test", ".example", 1);
            assert!(!vector.verifies(&vector.auth_token, &elsewhere), "{}: URL", vector.name);
        }
    }

    #[test]
    fn a_fragment_is_not_signed() {
        for vector in vectors().into_iter().filter(|vector| vector.expect_valid) {
            let url = format!("{}#rc=3&rp=all", vector.received_url);
            assert!(vector.verifies(&vector.auth_token, &url), "{}", vector.name);
        }
    }

    #[test]
    fn a_json_body_is_tied_to_its_url() {
        let vector = vectors().into_iter().find(|vector| vector.json_body.is_some()).unwrap();
        let tokens = [SecretString::from(vector.auth_token.as_str())];
        let urls = [vector.received_url.clone()];
        let signature = &vector.x_twilio_signature;
        assert!(!verify_json(&tokens, &urls, b"{}", signature));
        let bare = [vector.received_url.split('?').next().unwrap().to_owned()];
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, vector.auth_token.as_bytes());
        let signed_bare = STANDARD.encode(hmac::sign(&key, bare[0].as_bytes()));
        assert!(verify(&tokens, &bare, &[], &signed_bare));
        assert!(!verify_json(&tokens, &bare, b"{}", &signed_bare));
    }

    #[test]
    fn a_url_is_spelt_with_and_without_its_port() {
        let check = |url: &str, other: &str| {
            assert_eq!(spellings(url)[1..], [other.to_owned()], "{url}");
        };
        check("https://h.example/a?b=c", "https://h.example:443/a?b=c");
        check("https://h.example:443/a", "https://h.example/a");
        check("https://h.example:8443/a", "https://h.example/a");
        check("http://h.example/a", "http://h.example:80/a");
        check("wss://h.example/a", "wss://h.example:443/a");
        check("https://u:p@h.example/a", "https://u:p@h.example:443/a");
        check("https://u:p@h.example:1/a", "https://u:p@h.example/a");
        check("https://h.example", "https://h.example:443");
        check("https://h.example?x=1:2", "https://h.example:443?x=1:2");
        check("https://[::1]/a", "https://[::1]:443/a");
        check("https://[::1]:8443/a", "https://[::1]/a");
        assert_eq!(spellings("not a url"), ["not a url"]);
    }

    #[test]
    fn a_form_is_decoded_once() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = form_pairs(b"From=%2B1415&Body=a+b%20c&Empty=&Token=%257B&Body=again");
        let expected = [
            pair("From", "+1415"),
            pair("Body", "a b c"),
            pair("Empty", ""),
            pair("Token", "%7B"),
            pair("Body", "again"),
        ];
        assert_eq!(pairs, expected);
        assert!(form_pairs(b"").is_empty());
    }

    proptest! {
        #[test]
        fn no_input_verifies_by_chance_or_panics(url in ".{0,80}", signature in ".{0,60}", body in ".{0,60}") {
            let tokens = [SecretString::from("12345")];
            let urls = [url];
            prop_assert!(!verify(&tokens, &urls, &form_pairs(body.as_bytes()), &signature));
            prop_assert!(!verify_json(&tokens, &urls, body.as_bytes(), &signature));
        }

        #[test]
        fn the_order_of_parameters_does_not_matter(mut params in prop::collection::vec(("[a-zA-Z_]{1,4}", "[a-z]{0,3}"), 0..8)) {
            let before = signed_params(&params);
            params.reverse();
            prop_assert_eq!(before, signed_params(&params));
        }
    }
}
