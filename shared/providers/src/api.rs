//! The JSON API of a third party that is asked with one key: how it is asked, and what an answer nobody hoped for means.
//!
//! Knows no third party: a [`Party`] says how requests are signed and what its refusals mean. The voice platforms' clients
//! are made of this.

use std::time::Duration;

use domain::limits;
use domain::ports::{ProviderError, ProviderErrorKind, Reason};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::http::{self, Answer, Deadline, Http};

/// Who is asked.
#[derive(Debug)]
pub(crate) struct Party {
    /// As errors name it.
    pub(crate) name: &'static str,
    /// Says in a request who asks.
    pub(crate) sign: fn(RequestBuilder, &SecretString) -> Result<RequestBuilder, ProviderError>,
    /// What a refusal means, and what it says where that can be read.
    pub(crate) judge: fn(&Answer) -> (ProviderErrorKind, Option<String>),
}

/// The usual way to say who asks.
pub(crate) fn bearer(request: RequestBuilder, key: &SecretString) -> Result<RequestBuilder, ProviderError> {
    Ok(request.bearer_auth(key.expose_secret()))
}

/// The way to one account of it. Stateless but for its connections.
#[derive(Debug)]
pub(crate) struct Api {
    party: &'static Party,
    base_url: String,
    key: SecretString,
    http: Http,
}

impl Api {
    /// Nothing is set up before the first request. No slash at the end of the base URL.
    pub(crate) fn new(party: &'static Party, base_url: String, key: SecretString) -> Self {
        Self { party, base_url, key, http: Http::new(limits::PROVIDER_TIMEOUT.unsigned_abs()) }
    }

    /// The same with less patience.
    pub(crate) fn with_timeout(self, timeout: Duration) -> Self {
        Self { http: Http::new(timeout), ..self }
    }

    /// The end of a call that starts now.
    pub(crate) fn deadline(&self) -> Deadline {
        self.http.deadline()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ProviderError> {
        let url = format!("{}{path}", self.base_url.trim_end_matches('/'));
        (self.party.sign)(self.http.client()?.request(method, url), &self.key)
    }

    /// Sends; whatever is not a success becomes an error that says whether it happened.
    pub(crate) async fn answer(&self, request: RequestBuilder, until: Deadline) -> Result<Answer, ProviderError> {
        self.accepted(self.exchange(request, until).await?, &[])
    }

    /// Sends; any answer is one.
    pub(crate) async fn exchange(&self, request: RequestBuilder, until: Deadline) -> Result<Answer, ProviderError> {
        self.http.send(http::built(request)?, until).await.map_err(|error| self.named(error))
    }

    /// Sends a read, whatever its method, and takes only a success.
    pub(crate) async fn look(&self, request: RequestBuilder, until: Deadline) -> Result<Answer, ProviderError> {
        let sent = self.http.send_as(http::built(request)?, true, until).await;
        self.accepted(sent.map_err(|error| self.named(error))?, &[])
    }

    fn named(&self, error: ProviderError) -> ProviderError {
        ProviderError { detail: format!("{}: {}", self.party.name, error.detail), ..error }
    }

    /// A success, or the error of a refusal without what else of the request is secret.
    pub(crate) fn accepted(&self, answer: Answer, secrets: &[&SecretString]) -> Result<Answer, ProviderError> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.refused(&answer, secrets)) }
    }

    /// The error of a refusal, without our key and what else of the request is secret.
    pub(crate) fn refused(&self, answer: &Answer, secrets: &[&SecretString]) -> ProviderError {
        let (kind, said) = (self.party.judge)(answer);
        let said = said.unwrap_or_else(|| "without a readable reason".to_owned());
        self.said(kind, &format!("{}: {said}", answer.status.as_u16()), secrets)
    }

    /// An error in the third party's words, without our key and what else is secret.
    pub(crate) fn said(&self, kind: ProviderErrorKind, said: &str, secrets: &[&SecretString]) -> ProviderError {
        let secrets: Vec<&SecretString> = secrets.iter().copied().chain([&self.key]).collect();
        ProviderError::new(kind, http::detail(&format!("{} {said}", self.party.name), &secrets))
    }

    /// Reads a success. One that cannot be read is no proof of anything, so it leaves the doubt of its request.
    pub(crate) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ProviderError> {
        serde_json::from_slice(&answer.body).map_err(|_| self.unreadable(answer))
    }

    pub(crate) fn unreadable(&self, answer: &Answer) -> ProviderError {
        let (name, status) = (self.party.name, answer.status.as_u16());
        ProviderError::new(answer.doubt, format!("{name} {status}, with an answer that cannot be read"))
    }

    /// What is at a path, if anything is: an id that by the third party's rules is none names nothing.
    pub(crate) async fn there<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ProviderError> {
        match self.answer(self.request(Method::GET, path)?, self.deadline()).await {
            Ok(answer) => self.read(&answer).map(Some),
            Err(error) => match error.kind {
                ProviderErrorKind::NotFound | ProviderErrorKind::Rejected(_) => Ok(None),
                ProviderErrorKind::RateLimited
                | ProviderErrorKind::Unavailable
                | ProviderErrorKind::Unknown
                | ProviderErrorKind::Misconfigured => Err(error),
            },
        }
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<(), ProviderError> {
        self.answer(self.request(Method::DELETE, path)?, self.deadline()).await.map(drop)
    }

    /// The path of one thing. An id that cannot stand in a path is none.
    pub(crate) fn one(&self, collection: &str, id: &str) -> Result<String, ProviderError> {
        if http::is_path_safe(id) { Ok(format!("{collection}/{id}")) } else { Err(self.rejected("not an id")) }
    }

    /// What is not even asked for.
    pub(crate) fn rejected(&self, why: &str) -> ProviderError {
        ProviderError::new(ProviderErrorKind::Rejected(Reason::Other), format!("{}: {why}", self.party.name))
    }

    /// A list that goes on and on: what is looked for may be on it or not.
    pub(crate) fn too_many(&self, what: &str) -> ProviderError {
        let said = format!("{} listed more {what} than can be looked through", self.party.name);
        ProviderError::new(ProviderErrorKind::Unavailable, said)
    }
}

/// A collection is always there, so what is not found is its API: the base URL is wrong.
pub(crate) fn collection_not_found(error: ProviderError) -> ProviderError {
    not_found_is(ProviderErrorKind::Misconfigured, error)
}

/// What is not found is something the request names, not what it is about: it did not happen.
pub(crate) fn named_not_found(error: ProviderError) -> ProviderError {
    not_found_is(ProviderErrorKind::Rejected(Reason::Other), error)
}

fn not_found_is(kind: ProviderErrorKind, error: ProviderError) -> ProviderError {
    if error.kind == ProviderErrorKind::NotFound { ProviderError { kind, ..error } } else { error }
}
