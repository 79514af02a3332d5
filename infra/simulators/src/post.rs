//! What third parties send of their own accord as JSON: one delivery at a time, signed with a time.
//!
//! What is sent, and what becomes of an answer, is decided beside each of them.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::redirect::Policy;
use reqwest::{Client, header};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::task::JoinHandle;

use crate::twilio::webhook::Routes;

/// How long they wait is not published; longer than any endpoint ought to take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a request causes follows its answer, which may still be on its way when it is due.
const HEAD_START: Duration = Duration::from_millis(10);

/// The way out of one third party. Only one delivery is under way at a time, so a story is the same
/// every time it is told.
#[derive(Debug)]
pub(crate) struct Post {
    routes: Routes,
    /// Made when first needed: reading the system's root certificates takes longer than all the rest
    /// of starting up.
    client: OnceLock<Client>,
    turn: Mutex<()>,
    wanted: Arc<Notify>,
    /// Of the account, where it has one.
    endpoint: RwLock<Option<String>>,
}

/// Delivers what requests cause, until it is dropped.
#[derive(Debug)]
pub(crate) struct Round(JoinHandle<Infallible>);

impl Post {
    pub(crate) fn new(routes: Routes) -> Self {
        Self::woken_by(routes, Arc::default())
    }

    /// One that is told elsewhere that there may be something to deliver.
    pub(crate) fn woken_by(routes: Routes, wanted: Arc<Notify>) -> Self {
        Self { routes, client: OnceLock::new(), turn: Mutex::new(()), wanted, endpoint: RwLock::new(None) }
    }

    pub(crate) fn set_endpoint(&self, url: &str) {
        *self.endpoint.write().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
        self.wake();
    }

    pub(crate) fn endpoint(&self) -> Option<String> {
        self.endpoint.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn wanted(&self) -> Arc<Notify> {
        self.wanted.clone()
    }

    /// There may be something to deliver.
    pub(crate) fn wake(&self) {
        self.wanted.notify_one();
    }

    /// While this is held nothing is delivered that nobody asked for.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// What the endpoint answered; 0 is nothing. A redirect is an answer, and not the right one.
    pub(crate) async fn send(&self, url: &str, headers: Vec<(&'static str, String)>, body: String) -> u16 {
        let client = self.client.get_or_init(client);
        let request =
            client.post(self.routes.actual(url)).header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(body).send().await.map_or(0, |response| response.status().as_u16())
    }
}

impl Round {
    /// `deliver` is called each time there may be something, a moment later.
    pub(crate) fn begin<F: Future<Output = ()> + Send>(
        wanted: Arc<Notify>,
        deliver: impl Fn() -> F + Send + 'static,
    ) -> Self {
        Self(tokio::spawn(async move {
            loop {
                wanted.notified().await;
                tokio::time::sleep(HEAD_START).await;
                deliver().await;
            }
        }))
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// HMAC-SHA256 over the time and the raw body, keyed with the whole secret, its prefix included.
pub(crate) fn tag(secret: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn client() -> Client {
    // No idle connections: the next delivery may be made from another runtime.
    let builder = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy();
    builder.timeout(PATIENCE).build().unwrap_or_default()
}
