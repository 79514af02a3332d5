//! How third parties send of their own accord: where to, with which client, and the task that does it while requests go on.
//!
//! What is sent, and how it is signed, is known beside the simulator that sends.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::twilio::webhook::Routes;

/// How long a sender waits is not published; longer than any endpoint ought to take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a request causes follows its answer, which may still be on its way when it is due.
const HEAD_START: Duration = Duration::from_millis(10);

/// Where one third party sends.
#[derive(Debug)]
pub(crate) struct Endpoint {
    routes: Routes,
    url: RwLock<Option<String>>,
    /// Made when first needed: reading the system's root certificates takes longer than all the rest
    /// of starting up.
    client: OnceLock<Client>,
}

/// Does what requests cause, whenever it is woken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Round(JoinHandle<Infallible>);

impl Endpoint {
    pub(crate) fn new(routes: Routes) -> Self {
        Self { routes, url: RwLock::new(None), client: OnceLock::new() }
    }

    pub(crate) fn set(&self, url: &str) {
        *self.url.write().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
    }

    pub(crate) fn is_set(&self) -> bool {
        self.url().is_some()
    }

    fn url(&self) -> Option<String> {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was answered; 0 is nothing. A redirect is an answer, and not the right one.
    pub(crate) async fn post(&self, headers: &[(&str, String)], body: String) -> u16 {
        let Some(url) = self.url() else { return 0 };
        let request = self.client.get_or_init(client).post(self.routes.actual(&url)).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        request.send().await.map_or(0, |response| response.status().as_u16())
    }
}

impl Round {
    pub(crate) fn begin<F, Done>(wanted: Arc<Notify>, act: F) -> Self
    where
        F: Fn() -> Done + Send + 'static,
        Done: Future<Output = ()> + Send,
    {
        Self(tokio::spawn(async move {
            loop {
                wanted.notified().await;
                tokio::time::sleep(HEAD_START).await;
                act().await;
            }
        }))
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn client() -> Client {
    // No idle connections: the next event may be sent from another runtime.
    let builder = Client::builder().redirect(Policy::none()).pool_max_idle_per_host(0).no_proxy();
    builder.timeout(PATIENCE).build().unwrap_or_default()
}
