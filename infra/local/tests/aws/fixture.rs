//! The endpoints on a clock that stands still unless it is moved, faults that come in the order they
//! were put in, and clients that never retry.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb as dynamodb;
use aws_sdk_secretsmanager as secretsmanager;
use aws_sdk_sqs as sqs;
use dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use jiff::{Timestamp, ToSpan};
use local::aws::dynamodb::Injected;
use local::aws::sqs::Counts;
use local::aws::{Aws, AwsConfig};
use sqs::types::QueueAttributeName;

pub(crate) struct Local {
    pub(crate) aws: Aws,
    clock: Arc<Mutex<Timestamp>>,
    pub(crate) faults: Arc<Mutex<VecDeque<Injected>>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    pub(crate) crashes: Arc<AtomicUsize>,
    clients: (dynamodb::Client, sqs::Client, secretsmanager::Client),
}

/// The three SDKs have the same configuration, each as a type of its own.
macro_rules! client {
    ($sdk:ident, $url:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
                .region($sdk::config::Region::new(local::aws::REGION))
                .credentials_provider($sdk::config::Credentials::new(
                    local::aws::ACCESS_KEY_ID,
                    local::aws::SECRET_ACCESS_KEY,
                    None,
                    None,
                    "test",
                ))
                .retry_config($sdk::config::retry::RetryConfig::disabled())
                .endpoint_url($url)
                .build(),
        )
    };
}

impl Local {
    pub(crate) async fn start(data: Option<PathBuf>) -> Self {
        let clock = Arc::new(Mutex::new("2026-10-31T09:00:00Z".parse::<Timestamp>().unwrap()));
        let faults = Arc::<Mutex<VecDeque<Injected>>>::default();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let crashes = Arc::<AtomicUsize>::default();
        let config = AwsConfig {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            data,
            clock: Arc::new({
                let clock = Arc::clone(&clock);
                move || *clock.lock().unwrap()
            }),
            on_crash: Arc::new({
                let crashes = Arc::clone(&crashes);
                move || {
                    crashes.fetch_add(1, Ordering::SeqCst);
                }
            }),
            dynamodb_faults: Arc::new({
                let (faults, asked) = (Arc::clone(&faults), Arc::clone(&asked));
                move |operation| {
                    asked.lock().unwrap().push(operation.to_owned());
                    faults.lock().unwrap().pop_front()
                }
            }),
        };
        let aws = local::aws::start(config).await.unwrap();
        let clients = (
            client!(dynamodb, aws.dynamodb.url()),
            client!(sqs, aws.sqs.url()),
            client!(secretsmanager, aws.secrets.url()),
        );
        Self { aws, clock, faults, asked, crashes, clients }
    }

    pub(crate) async fn with_table() -> Self {
        let local = Self::start(None).await;
        local.table().await;
        local
    }

    pub(crate) fn dynamodb(&self) -> dynamodb::Client {
        self.clients.0.clone()
    }

    pub(crate) fn sqs(&self) -> sqs::Client {
        self.clients.1.clone()
    }

    pub(crate) fn secrets(&self) -> secretsmanager::Client {
        self.clients.2.clone()
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.clock.lock().unwrap()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.clock.lock().unwrap() += seconds.seconds();
    }

    pub(crate) fn inject(&self, fault: Injected) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub(crate) async fn queue(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
        let mut create = self.sqs().create_queue().queue_name(name);
        for (attribute, value) in attributes {
            create = create.attributes(attribute.clone(), *value);
        }
        create.send().await.unwrap().queue_url().unwrap().to_owned()
    }

    pub(crate) async fn receive(&self, url: &str) -> Vec<sqs::types::Message> {
        self.sqs().receive_message().queue_url(url).send().await.unwrap().messages().to_vec()
    }

    /// Visible, in flight, delayed.
    pub(crate) fn counts(&self, queue: &str) -> (u64, u64, u64) {
        let Counts { visible, in_flight, delayed } = self.aws.sqs.counts(queue).unwrap();
        (visible, in_flight, delayed)
    }

    /// `things`, by `id`, with an index by `owner`.
    pub(crate) async fn table(&self) {
        let attribute = |name: &str| {
            let attribute = AttributeDefinition::builder().attribute_name(name);
            attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
        };
        let key =
            |name: &str| KeySchemaElement::builder().attribute_name(name).key_type(KeyType::Hash).build().unwrap();
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder().index_name("by_owner").key_schema(key("owner"));
        let table = self.dynamodb().create_table().table_name("things").billing_mode(BillingMode::PayPerRequest);
        let table = table.attribute_definitions(attribute("id")).attribute_definitions(attribute("owner"));
        let table = table.key_schema(key("id"));
        table.global_secondary_indexes(index.projection(keys_only).build().unwrap()).send().await.unwrap();
    }

    pub(crate) fn put(&self, id: &str, value: u64) -> dynamodb::operation::put_item::builders::PutItemFluentBuilder {
        let put = self.dynamodb().put_item().table_name("things").item("id", text(id)).item("owner", text("me"));
        put.item("value", AttributeValue::N(value.to_string()))
    }

    pub(crate) fn get(&self, id: &str) -> dynamodb::operation::get_item::builders::GetItemFluentBuilder {
        self.dynamodb().get_item().table_name("things").key("id", text(id))
    }

    pub(crate) async fn has(&self, id: &str) -> bool {
        self.get(id).send().await.unwrap().item().is_some()
    }
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) fn bodies(messages: &[sqs::types::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}
