//! The hands of the world: whoever has the consoles of carrier and platform, and acts there without asking us. What is done
//! here goes to the third parties' own addresses, with the operator's own credentials.

use axum::Router;
use axum::http::header;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::stage::{Outcome, Stage, check};

/// What a caller hears who is sent elsewhere.
pub(super) const STRANGER: &str = "You have reached somebody else.";

/// The consoles of both, open.
pub(super) struct Console {
    client: Client,
    /// Where the account's resources are, and what it signs in with.
    carrier: (String, String, String),
    platform: (String, String),
    /// Where calls are sent that are to go astray: somebody's server, which answers them.
    pub(super) elsewhere: String,
    stranger: JoinHandle<()>,
}

impl Drop for Console {
    fn drop(&mut self) {
        self.stranger.abort();
    }
}

impl Console {
    pub(super) async fn open(stage: &Stage) -> Outcome<Self> {
        let health = stage.local("health", None).await?;
        let text = |of: &str| health.text(&format!("/providers/{of}")).to_owned();
        let (account, secret) = (text("twilio/account_sid"), text("twilio/auth_token"));
        let resources = format!("{}/2010-04-01/Accounts/{account}", text("twilio/url"));
        // Past any proxy this machine is behind, and without its root certificates, which take long to read.
        let client = Client::builder().no_proxy().tls_certs_only([]).build()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let elsewhere = format!("http://{}/voice", listener.local_addr()?);
        let document = format!("<Response><Say>{STRANGER}</Say></Response>");
        let router = Router::new().fallback(async move || ([(header::CONTENT_TYPE, "text/xml")], document));
        let stranger = tokio::spawn(async move {
            // It ends with the act; a call it does not answer is a call that is not as expected.
            let _ = axum::serve(listener, router).await;
        });
        let carrier = (resources, account, secret);
        Ok(Self { client, carrier, platform: (text("vapi/url"), text("vapi/api_key")), elsewhere, stranger })
    }

    async fn at_carrier(&self, method: Method, resource: &str, form: &[(&str, &str)]) -> Outcome {
        let (resources, account, secret) = &self.carrier;
        let request = self.client.request(method, format!("{resources}/{resource}.json"));
        let answer = request.basic_auth(account, Some(secret)).form(form).send().await?;
        check(&format!("the carrier's console does it: {resource}"), true, answer.status().is_success())
    }

    async fn at_platform(&self, method: Method, path: &str, body: Value) -> Outcome<Value> {
        let (url, key) = &self.platform;
        let answer = self.client.request(method, format!("{url}/{path}")).bearer_auth(key).json(&body).send().await?;
        check(&format!("the platform's console does it: {path}"), true, answer.status().is_success())?;
        Ok(answer.json().await?)
    }

    /// Changes a number at the carrier.
    pub(super) async fn change(&self, id: &str, name: &str, value: &str) -> Outcome {
        self.at_carrier(Method::POST, &format!("IncomingPhoneNumbers/{id}"), &[(name, value)]).await
    }

    /// Gives a number back to the carrier.
    pub(super) async fn give_back(&self, id: &str) -> Outcome {
        self.at_carrier(Method::DELETE, &format!("IncomingPhoneNumbers/{id}"), &[]).await
    }

    /// Buys a number under this name.
    pub(super) async fn buy(&self, e164: &str, name: &str) -> Outcome {
        self.at_carrier(Method::POST, "IncomingPhoneNumbers", &[("PhoneNumber", e164), ("FriendlyName", name)]).await
    }

    /// Another assistant of the organisation; its id.
    pub(super) async fn assistant(&self, name: &str) -> Outcome<String> {
        self.made("assistant", json!({ "name": name })).await
    }

    /// A SIP number under this name, answered by an assistant; its id.
    pub(super) async fn sip_number(&self, name: &str, assistant: &str) -> Outcome<String> {
        let uri = format!("sip:{name}@sip.vapi.ai");
        let wish = json!({ "provider": "vapi", "sipUri": uri, "name": name, "assistantId": assistant });
        self.made("phone-number", wish).await
    }

    async fn made(&self, what: &str, wish: Value) -> Outcome<String> {
        Ok(self.at_platform(Method::POST, what, wish).await?["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Binds a SIP number to another assistant.
    pub(super) async fn bind(&self, id: &str, assistant: &str) -> Outcome {
        let changes = json!({ "assistantId": assistant });
        self.at_platform(Method::PATCH, &format!("phone-number/{id}"), changes).await.map(|_| ())
    }

    /// Removes a SIP number.
    pub(super) async fn remove(&self, id: &str) -> Outcome {
        self.at_platform(Method::DELETE, &format!("phone-number/{id}"), json!({})).await.map(|_| ())
    }
}
