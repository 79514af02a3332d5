//! Secrets Manager: secrets with versions, and the stage labels that move between them.
//!
//! Kept in memory: the host puts the secrets in at every start, and a rotated one is forgotten with
//! the process. It knows no secret by name and encrypts nothing, so nothing real belongs here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::listen::{self, Answer, Call, Listening, Outcome, listen};
use super::{ACCOUNT, AwsConfig, Clock, REGION};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

pub struct Endpoint {
    listening: Listening,
    vault: Arc<Vault>,
}

impl Endpoint {
    /// What `AWS_ENDPOINT_URL_SECRETS_MANAGER` is set to.
    pub fn url(&self) -> &str {
        self.listening.url()
    }

    /// Makes `value` the current version of the secret, which is created if need be. The version
    /// that was current becomes the previous one.
    pub fn put(&self, name: &str, value: &str) {
        let now = self.vault.now();
        let mut secrets = self.vault.secrets();
        let secret = secrets.entry(name.to_owned()).or_insert_with(|| Secret::new(name, now));
        let payload = Payload { secret_string: Some(value.to_owned()), secret_binary: None };
        secret.add(Uuid::new_v4().to_string(), payload, [CURRENT], now);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url()).finish_non_exhaustive()
    }
}

pub(super) fn start(config: &AwsConfig) -> io::Result<Endpoint> {
    let vault = Arc::new(Vault { clock: Arc::clone(&config.clock), secrets: Mutex::default() });
    let listening = listen(config.bind, {
        let vault = Arc::clone(&vault);
        move |call| {
            let answer = match vault.answer(&call) {
                Ok(body) => listen::json("1.1", StatusCode::OK, &body),
                Err(error) => error.answer(),
            };
            async { Outcome::Answer(answer) }
        }
    })?;
    Ok(Endpoint { listening, vault })
}

struct Vault {
    clock: Clock,
    secrets: Mutex<BTreeMap<String, Secret>>,
}

struct Secret {
    name: String,
    arn: String,
    description: Option<String>,
    created_at: f64,
    changed_at: f64,
    versions: BTreeMap<String, Version>,
}

struct Version {
    payload: Payload,
    created_at: f64,
    stages: BTreeSet<String>,
}

#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_string: Option<String>,
    /// In base64, as on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_binary: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("Secrets Manager can't find the specified secret{0}.")]
    ResourceNotFound(String),
    #[error("The operation failed because {0} already exists.")]
    ResourceExists(String),
    #[error("{0}")]
    InvalidParameter(String),
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("The action {0} is not offered here.")]
    UnknownOperation(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    description: Option<String>,
    client_request_token: Option<String>,
    #[serde(flatten)]
    payload: Payload,
}

/// `UpdateSecret` has the description besides, `PutSecretValue` the stages.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeSecret {
    secret_id: String,
    description: Option<String>,
    client_request_token: Option<String>,
    version_stages: Option<Vec<String>>,
    #[serde(flatten)]
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateSecretVersionStage {
    secret_id: String,
    version_stage: String,
    move_to_version_id: Option<String>,
    remove_from_version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeSecret {
    secret_id: String,
}

impl Vault {
    fn answer(&self, call: &Call) -> Result<Value, Error> {
        let mut secrets = self.secrets();
        let now = self.now();
        match call.action() {
            "GetSecretValue" => {
                let request: GetSecretValue = parsed(call)?;
                find(&mut secrets, &request.secret_id)?.value(&request)
            }
            "CreateSecret" => {
                let request: CreateSecret = parsed(call)?;
                if secrets.contains_key(&request.name) {
                    let what = format!("the secret {}", request.name);
                    return Err(Error::ResourceExists(what));
                }
                let mut secret = Secret::new(&request.name, now);
                secret.description = request.description;
                let mut answer = secret.named();
                if !request.payload.is_empty() {
                    let id = version_id(request.client_request_token);
                    secret.add(id.clone(), request.payload, [CURRENT], now);
                    answer["VersionId"] = json!(id);
                }
                secrets.insert(request.name, secret);
                Ok(answer)
            }
            "PutSecretValue" => {
                let request: ChangeSecret = parsed(call)?;
                if request.payload.is_empty() {
                    let reason = "You must provide either SecretString or SecretBinary.";
                    return Err(Error::InvalidRequest(reason));
                }
                find(&mut secrets, &request.secret_id)?.put(request, now)
            }
            "UpdateSecret" => {
                let mut request: ChangeSecret = parsed(call)?;
                let secret = find(&mut secrets, &request.secret_id)?;
                if let Some(description) = request.description.take() {
                    secret.description = Some(description);
                    secret.changed_at = now;
                }
                if request.payload.is_empty() {
                    return Ok(secret.named());
                }
                request.version_stages = None;
                let put = secret.put(request, now)?;
                let mut answer = secret.named();
                answer["VersionId"] = put["VersionId"].clone();
                Ok(answer)
            }
            "UpdateSecretVersionStage" => {
                let request: UpdateSecretVersionStage = parsed(call)?;
                let secret = find(&mut secrets, &request.secret_id)?;
                secret.move_stage(&request, now)?;
                Ok(secret.named())
            }
            "DescribeSecret" => {
                let request: DescribeSecret = parsed(call)?;
                let secret = find(&mut secrets, &request.secret_id)?;
                Ok(secret.described("VersionIdsToStages"))
            }
            "ListSecrets" => {
                let list: Vec<Value> =
                    secrets.values().map(|secret| secret.described("SecretVersionsToStages")).collect();
                Ok(json!({ "SecretList": list }))
            }
            action => Err(Error::UnknownOperation(action.to_owned())),
        }
    }

    /// Seconds since 1970 with a fraction, as this service writes dates.
    fn now(&self) -> f64 {
        (self.clock)().as_duration().as_secs_f64()
    }

    fn secrets(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secret {
    fn new(name: &str, now: f64) -> Self {
        // AWS adds six characters of its own, so that a secret made again has another ARN.
        let suffix = &Uuid::new_v4().simple().to_string()[..6];
        Self {
            name: name.to_owned(),
            arn: format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{suffix}"),
            description: None,
            created_at: now,
            changed_at: now,
            versions: BTreeMap::new(),
        }
    }

    /// Adds a version and gives it the stages, taking them from whichever version has them.
    fn add<'a>(&mut self, id: String, payload: Payload, stages: impl IntoIterator<Item = &'a str>, now: f64) {
        let version = Version { payload, created_at: now, stages: BTreeSet::new() };
        self.versions.insert(id.clone(), version);
        for stage in stages {
            self.give(stage, &id);
        }
        self.changed_at = now;
        // AWS deprecates what has no stage and deletes it in its own time.
        self.versions.retain(|_, version| !version.stages.is_empty());
    }

    /// Whoever was current becomes the previous one, as the real service does by itself.
    fn give(&mut self, stage: &str, id: &str) {
        let holder = self.holder(stage).map(str::to_owned);
        if holder.as_deref() == Some(id) {
            return;
        }
        for version in self.versions.values_mut() {
            version.stages.remove(stage);
        }
        if let Some(holder) = holder.filter(|_| stage == CURRENT) {
            self.give(PREVIOUS, &holder);
        }
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.insert(stage.to_owned());
        }
    }

    fn holder(&self, stage: &str) -> Option<&str> {
        let mut versions = self.versions.iter();
        versions.find(|(_, version)| version.stages.contains(stage)).map(|(id, _)| id.as_str())
    }

    fn put(&mut self, request: ChangeSecret, now: f64) -> Result<Value, Error> {
        let id = version_id(request.client_request_token);
        match self.versions.get(&id) {
            Some(version) if version.payload != request.payload => {
                let what = format!("the version {id} with another value");
                return Err(Error::ResourceExists(what));
            }
            // The same request again.
            Some(_) => {}
            None => {
                let stages = request.version_stages.unwrap_or(vec![CURRENT.to_owned()]);
                let stages = stages.iter().map(String::as_str);
                self.add(id.clone(), request.payload, stages, now);
            }
        }
        let mut answer = self.named();
        answer["VersionStages"] = json!(self.versions.get(&id).map(|version| &version.stages));
        answer["VersionId"] = json!(id);
        Ok(answer)
    }

    fn move_stage(&mut self, request: &UpdateSecretVersionStage, now: f64) -> Result<(), Error> {
        let stage = request.version_stage.as_str();
        let holder = self.holder(stage).map(str::to_owned);
        let from = &request.remove_from_version_id;
        let moves = request.move_to_version_id.is_some() && holder.is_none();
        if *from != holder && !(moves && from.is_none()) {
            let holder = holder.as_deref().unwrap_or("none");
            return Err(Error::InvalidParameter(format!(
                "The parameter RemoveFromVersionId must name the version that has staging label \
                 {stage}, which is {holder}."
            )));
        }
        match &request.move_to_version_id {
            Some(to) if self.versions.contains_key(to) => self.give(stage, to),
            Some(to) => {
                return Err(Error::ResourceNotFound(format!(" value for VersionId: {to}")));
            }
            None if stage == CURRENT => {
                let reason = "You can only move staging label AWSCURRENT to a different secret \
                              version. It can't be completely removed.";
                return Err(Error::InvalidParameter(reason.to_owned()));
            }
            None => {
                for version in self.versions.values_mut() {
                    version.stages.remove(stage);
                }
            }
        }
        self.changed_at = now;
        self.versions.retain(|_, version| !version.stages.is_empty());
        Ok(())
    }

    fn value(&self, request: &GetSecretValue) -> Result<Value, Error> {
        let stage = request.version_stage.as_deref();
        let id = match &request.version_id {
            Some(id) => id,
            None => {
                let stage = stage.unwrap_or(CURRENT);
                self.holder(stage)
                    .ok_or_else(|| Error::ResourceNotFound(format!(" value for staging label: {stage}")))?
            }
        };
        let version =
            self.versions.get(id).ok_or_else(|| Error::ResourceNotFound(format!(" value for VersionId: {id}")))?;
        if stage.is_some_and(|stage| !version.stages.contains(stage)) {
            return Err(Error::InvalidRequest(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        let mut answer = self.named();
        answer["VersionId"] = json!(id);
        answer["VersionStages"] = json!(version.stages);
        answer["CreatedDate"] = json!(version.created_at);
        if let Some(string) = &version.payload.secret_string {
            answer["SecretString"] = json!(string);
        }
        if let Some(binary) = &version.payload.secret_binary {
            answer["SecretBinary"] = json!(binary);
        }
        Ok(answer)
    }

    fn described(&self, stages_key: &str) -> Value {
        let stages: BTreeMap<&String, &BTreeSet<String>> =
            self.versions.iter().map(|(id, version)| (id, &version.stages)).collect();
        let mut answer = self.named();
        answer["Description"] = json!(self.description);
        answer["CreatedDate"] = json!(self.created_at);
        answer["LastChangedDate"] = json!(self.changed_at);
        answer[stages_key] = json!(stages);
        answer
    }

    fn named(&self) -> Value {
        json!({ "ARN": self.arn, "Name": self.name })
    }
}

impl Payload {
    fn is_empty(&self) -> bool {
        self.secret_string.is_none() && self.secret_binary.is_none()
    }
}

impl Error {
    fn answer(&self) -> Answer {
        let kind = match self {
            Self::ResourceNotFound(_) => "ResourceNotFoundException",
            Self::ResourceExists(_) => "ResourceExistsException",
            Self::InvalidParameter(_) => "InvalidParameterException",
            Self::InvalidRequest(_) => "InvalidRequestException",
            Self::UnknownOperation(_) => "UnknownOperationException",
        };
        let body = json!({ "__type": kind, "Message": self.to_string() });
        listen::json("1.1", StatusCode::BAD_REQUEST, &body)
    }
}

/// By name, or by ARN with or without the characters AWS added.
fn find<'a>(secrets: &'a mut BTreeMap<String, Secret>, id: &str) -> Result<&'a mut Secret, Error> {
    let named = |secret: &Secret| {
        secret.name == id || secret.arn == id || (id.starts_with("arn:") && secret.arn.starts_with(&format!("{id}-")))
    };
    secrets.values_mut().find(|secret| named(secret)).ok_or_else(|| Error::ResourceNotFound(String::new()))
}

fn version_id(token: Option<String>) -> String {
    token.unwrap_or_else(|| Uuid::new_v4().to_string())
}

fn parsed<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    serde_json::from_slice(&call.body).map_err(|error| Error::InvalidParameter(error.to_string()))
}
