//! The local AWS endpoints, as the real SDK clients see them. Retries are off, so that every fault
//! arrives exactly once.
//!
//! Nothing of the product is involved: tables and queues here are made up.

mod dynamodb;
mod fixture;
mod secrets;
mod sqs;

use std::path::Path;

use aws_sdk_sqs::types::QueueAttributeName;

use fixture::{Local, bodies};

/// Set for the process that writes and then kills itself.
const DIES_IN: &str = "AWS_TEST_DIES_IN";

#[tokio::test]
async fn queues_and_items_outlive_a_killed_process() {
    if let Ok(data) = std::env::var(DIES_IN) {
        let local = Local::start(Some(data.into())).await;
        let url = local.queue("jobs", &[(QueueAttributeName::VisibilityTimeout, "600")]).await;
        for body in ["in flight", "visible"] {
            local.sqs().send_message().queue_url(&url).message_body(body).send().await.unwrap();
        }
        assert_eq!(bodies(&local.receive(&url).await), ["in flight"]);
        local.table().await;
        local.put("kept", 1).send().await.unwrap();
        std::process::abort();
    }
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("aws-{}", std::process::id()));
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", "queues_and_items_outlive_a_killed_process"]).env(DIES_IN, &data);
    assert!(!child.output().unwrap().status.success());

    let local = Local::start(Some(data.clone())).await;
    assert_eq!(local.counts("jobs"), (1, 1, 0));
    let url = local.queue("jobs", &[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    assert_eq!(bodies(&local.receive(&url).await), ["visible"]);
    assert_eq!(local.aws.sqs.release_in_flight().unwrap(), 2);
    assert_eq!(local.counts("jobs"), (2, 0, 0));
    assert!(local.has("kept").await);
    drop(local);
    std::fs::remove_dir_all(data).unwrap();
}
