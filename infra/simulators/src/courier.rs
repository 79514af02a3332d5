//! Sending a third party's notifications to our endpoint, in their order.
//!
//! Only one delivery is under way at a time, so a story is the same every time it is told. What a notification says, how
//! it is signed and what an answer to it means is known beside each third party.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, header};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::book::locked;
use crate::twilio::webhook::Routes;

/// Notifications of a request follow its answer, which may still be on its way when they are due.
const HEAD_START: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Courier {
    routes: Routes,
    /// How long an answer is waited for.
    patience: Duration,
    endpoint: RwLock<Option<String>>,
    /// Made when first needed: reading the system's root certificates takes longer than all the rest
    /// of starting up.
    client: OnceLock<Client>,
    turn: tokio::sync::Mutex<()>,
    wanted: Notify,
}

/// A third party that has something to tell.
pub(crate) trait Mailbox: Send + 'static {
    /// The first that waits, by its place, as it is to be sent now.
    fn next_message(&mut self) -> Option<(u64, Message)>;

    /// What the endpoint answered to it; 0 is nothing.
    fn was_sent(&mut self, place: u64, status: u16);
}

/// A request to an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Somewhere else than the account's endpoint.
    pub(crate) url: Option<String>,
    pub(crate) body: String,
    /// What is said of it, its signature included.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Delivers what requests cause, until it is dropped.
#[derive(Debug)]
pub(crate) struct Round(JoinHandle<Infallible>);

impl Courier {
    pub(crate) fn new(routes: Routes, patience: Duration) -> Self {
        Self {
            routes,
            patience,
            endpoint: RwLock::new(None),
            client: OnceLock::new(),
            turn: tokio::sync::Mutex::new(()),
            wanted: Notify::new(),
        }
    }

    pub(crate) fn set_endpoint(&self, url: &str) {
        *self.endpoint.write().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
        self.wake();
    }

    pub(crate) fn has_endpoint(&self) -> bool {
        self.endpoint().is_some()
    }

    /// There may be something to deliver.
    pub(crate) fn wake(&self) {
        self.wanted.notify_one();
    }

    /// Everything that waits, in its order. Without an endpoint it goes on waiting.
    pub(crate) async fn deliver_pending<M: Mailbox>(&self, mailbox: &Mutex<M>) {
        let _turn = self.turn.lock().await;
        while self.has_endpoint() {
            let Some((place, message)) = locked(mailbox).next_message() else { return };
            let status = self.post(message).await;
            locked(mailbox).was_sent(place, status);
        }
    }

    /// While this is held nothing is delivered that nobody asked for.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    fn endpoint(&self) -> Option<String> {
        self.endpoint.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the endpoint answered; 0 is nothing. A redirect is an answer, and not the right one.
    pub(crate) async fn post(&self, message: Message) -> u16 {
        let Some(url) = message.url.or_else(|| self.endpoint()) else { return 0 };
        let client = self.client.get_or_init(|| client(self.patience));
        let request = client.post(self.routes.actual(&url)).body(message.body);
        let request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        let request = message.headers.into_iter().fold(request, |it, (name, value)| it.header(name, value));
        request.send().await.map_or(0, |response| response.status().as_u16())
    }
}

impl Round {
    pub(crate) fn begin<M: Mailbox>(mailbox: Arc<Mutex<M>>, courier: Arc<Courier>) -> Self {
        Self(tokio::spawn(async move {
            loop {
                courier.wanted.notified().await;
                tokio::time::sleep(HEAD_START).await;
                courier.deliver_pending(&mailbox).await;
            }
        }))
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn client(patience: Duration) -> Client {
    // No idle connections: the next notification may be sent from another runtime.
    let builder = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy();
    builder.timeout(patience).build().unwrap_or_default()
}
