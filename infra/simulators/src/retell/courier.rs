//! Sending events: signed anew on every try, to the endpoint of the account or that of the agent.

use std::sync::{Arc, Mutex};

use crate::book::locked;
use crate::post::{Post, Round};
use crate::twilio::webhook::Routes;

use super::Workspace;

#[derive(Debug)]
pub(crate) struct Courier {
    post: Post,
}

/// A request to an endpoint.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// An agent's own endpoint.
    pub(super) url: Option<String>,
    pub(super) body: String,
    pub(super) signature: String,
}

impl Courier {
    pub(crate) fn new(routes: Routes) -> Self {
        Self { post: Post::new(routes) }
    }

    /// Delivers what is told, for as long as the answer is kept.
    pub(crate) fn begin(self: &Arc<Self>, workspace: Arc<Mutex<Workspace>>) -> Round {
        let courier = self.clone();
        Round::begin(self.post.wanted(), move || {
            let (courier, workspace) = (courier.clone(), workspace.clone());
            async move { courier.deliver_pending(&workspace).await }
        })
    }

    pub(super) fn set_endpoint(&self, url: &str) {
        self.post.set_endpoint(url);
    }

    pub(super) fn wake(&self) {
        self.post.wake();
    }

    /// Everything that waits, in its order, the tries after a failure included. What is for the account's endpoint waits
    /// until there is one, and holds up what comes after it.
    pub(super) async fn deliver_pending(&self, workspace: &Mutex<Workspace>) {
        let _turn = self.post.turn().await;
        loop {
            let Some((seq, message)) = locked(workspace).next_message() else { return };
            let Some(status) = self.send(message).await else { return };
            locked(workspace).was_sent(seq, status);
        }
    }

    /// One more try that nobody counts; `None` without an endpoint.
    pub(super) async fn deliver(&self, message: Message) -> Option<u16> {
        let _turn = self.post.turn().await;
        self.send(message).await
    }

    async fn send(&self, message: Message) -> Option<u16> {
        let url = message.url.or_else(|| self.post.endpoint())?;
        Some(self.post.send(&url, vec![("x-retell-signature", message.signature)], message.body).await)
    }
}
