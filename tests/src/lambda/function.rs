//! One function, running: its binary as Lambda starts it, its settings from the template, its log kept.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use local::aws;
use local::system::{DEPLOYMENT, TABLE};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::api::{Outcome, RuntimeApi};
use crate::TestApp;
use crate::template;
use crate::unseen;

/// Where carriers reach the functions; what the events in `events/` are signed for.
pub const PUBLIC_BASE_URL: &str = "https://voice.example.test";

/// A running function. Dropping it kills it.
#[derive(Debug)]
pub struct Function {
    child: Child,
    api: RuntimeApi,
    time: Duration,
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

/// What a function is started with.
#[derive(Debug, Clone)]
pub struct Environment(Vec<(String, String)>);

impl Environment {
    /// No settings: enough for a function that does nothing.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// What the template sets for this function, with this system's table, queue, secrets and third parties behind it.
    ///
    /// # Panics
    /// When the template refers to something that is not known here.
    #[must_use]
    pub fn of(function: &template::Function, app: &TestApp) -> Self {
        let system = &app.system;
        let own = |name: &str| match name {
            "Table" => TABLE.to_owned(),
            "Deployment" => DEPLOYMENT.to_owned(),
            "PublicBaseUrl" => PUBLIC_BASE_URL.to_owned(),
            "OperationsQueue" => system.worker.operations_url.clone(),
            "ChargesQueue" => system.worker.charges_url.clone(),
            "NetgsmSecret" => format!("trunkline/{DEPLOYMENT}/netgsm"),
            "TwilioSecret" => format!("trunkline/{DEPLOYMENT}/twilio"),
            "RetellSecret" => format!("trunkline/{DEPLOYMENT}/retell"),
            "ElevenLabsSecret" => format!("trunkline/{DEPLOYMENT}/elevenlabs"),
            "VapiSecret" => format!("trunkline/{DEPLOYMENT}/vapi"),
            "StripeSecret" => format!("trunkline/{DEPLOYMENT}/stripe"),
            "SipSecret" => format!("trunkline/{DEPLOYMENT}/sip"),
            "SealSecret" => format!("trunkline/{DEPLOYMENT}/seal"),
            name => template::parameter(name).unwrap_or_else(|| panic!("the template refers to {name}")),
        };
        let value = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => own(other["!Ref"].as_str().unwrap_or_else(|| panic!("neither text nor !Ref: {other}"))),
        };
        let set = function.variables.iter().map(|(name, written)| (name.clone(), value(written)));
        // What only a machine without AWS needs.
        let (twilio, vapi) = (&system.simulators.twilio, &system.simulators.vapi);
        let here = [
            ("AWS_ENDPOINT_URL_DYNAMODB", system.aws.dynamodb.url()),
            ("AWS_ENDPOINT_URL_SQS", system.aws.sqs.url()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", system.aws.secrets.url()),
            ("TWILIO_API_BASE_URL", twilio.url.as_str()),
            ("TWILIO_PRICING_BASE_URL", twilio.pricing_url.as_str()),
            ("VAPI_BASE_URL", vapi.url.as_str()),
            ("NETGSM_BASE_URL", system.simulators.netgsm.url.as_str()),
            ("RETELL_BASE_URL", system.simulators.retell.url.as_str()),
            ("ELEVENLABS_BASE_URL", system.simulators.elevenlabs.url.as_str()),
            ("STRIPE_BASE_URL", system.simulators.stripe.url.as_str()),
        ];
        let here = here.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // A file of Lambda's own system, which this machine need not have.
        Self(set.filter(|(name, _)| name != "SSL_CERT_FILE").chain(here).collect())
    }
}

impl Function {
    /// Starts a binary as Lambda does: nothing in its environment but what Lambda and the template put there.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(binary: &Path, environment: &Environment, time: Duration) -> Self {
        let name = binary.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let api = RuntimeApi::start(&name).await;
        let lambda = [
            ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.as_str()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "functions"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_REGION", aws::REGION),
            ("AWS_DEFAULT_REGION", aws::REGION),
            ("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", aws::SECRET_ACCESS_KEY),
            ("_HANDLER", "bootstrap"),
            ("TZ", ":UTC"),
        ];
        let mut command = Command::new(binary);
        command.env_clear().envs(lambda).envs(environment.0.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let log = Arc::<Mutex<Vec<String>>>::default();
        let readers = vec![
            keep(child.stdout.take().expect("piped"), log.clone()),
            keep(child.stderr.take().expect("piped"), log.clone()),
        ];
        Self { child, api, time, log, readers }
    }

    /// Gives it an event and waits for what comes of it, no longer than it may take.
    ///
    /// # Panics
    /// When it ends or takes too long.
    pub async fn invoke(&mut self, event: &Value) -> Outcome {
        let outcome = self.api.invoke(event, self.time).await;
        let ended = tokio::select! {
            outcome = timeout(self.time, outcome) => match outcome {
                Ok(outcome) => return outcome.expect("the runtime API runs"),
                Err(_) => "took too long".to_owned(),
            },
            status = self.child.wait() => format!("ended: {status:?}"),
        };
        panic!("the function {ended}\n{}", self.log().join("\n"));
    }

    /// The most memory it has had so far, in kilobytes; none where the system does not tell (it is Linux that does).
    #[must_use]
    pub fn memory_peak_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        peak.split_whitespace().next()?.parse().ok()
    }

    /// What it wrote so far, on both outputs.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it, and returns everything it wrote.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn end(mut self) -> Vec<String> {
        timeout(Duration::from_secs(10), self.child.kill()).await.expect("it ends").expect("it was running");
        for reader in self.readers.drain(..) {
            timeout(Duration::from_secs(10), reader).await.expect("its outputs end").expect("they were read");
        }
        self.log()
    }
}

fn keep(output: impl AsyncRead + Unpin + Send + 'static, log: Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            unseen::absent_from("a line of the log", &line);
            log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    })
}
