//! The parts of AWS that Trunkline uses, on loopback: DynamoDB, SQS and Secrets Manager.
//!
//! Each is an HTTP endpoint of its own that the real SDK clients are pointed at, so nothing above
//! them can tell a laptop from the cloud. They know AWS's rules and nothing of ours: no table, queue
//! or secret is named here, and signatures are not checked.
//!
//! Next: `listen.rs` (one HTTP server for all three), then `dynamodb`, `sqs`, `secrets`.

pub mod dynamodb;
mod listen;
pub mod secrets;
pub mod sqs;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// The account everything belongs to. Twelve zeros is no real account.
pub const ACCOUNT: &str = "000000000000";
/// The region in every ARN, and the one clients should be configured with.
pub const REGION: &str = "us-east-1";
/// Credentials for clients. Any others are accepted just as well.
pub const ACCESS_KEY_ID: &str = "local";
pub const SECRET_ACCESS_KEY: &str = "local";

/// What time it is, where time may have been moved forward.
///
/// SQS visibility timeouts and delays, the dates of secrets and DynamoDB's expiry read it. How long a
/// long poll or an injected delay lasts is real time instead: a client's own timeouts are.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// How to start the endpoints.
pub struct AwsConfig {
    /// Where to listen; every endpoint takes a free port of its own.
    pub bind: IpAddr,
    /// A directory for what has to outlive the process; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    pub clock: Clock,
    /// Called when an injected crash is due. It is expected not to return.
    pub on_crash: Arc<dyn Fn() + Send + Sync>,
    pub dynamodb_faults: dynamodb::FaultHook,
}

impl fmt::Debug for AwsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsConfig").field("bind", &self.bind).field("data", &self.data).finish_non_exhaustive()
    }
}

/// The running endpoints. Dropping one closes its listener and its open connections.
#[derive(Debug)]
pub struct Aws {
    pub dynamodb: dynamodb::Endpoint,
    pub sqs: sqs::Endpoint,
    pub secrets: secrets::Endpoint,
}

/// Opens the databases and starts to listen, on the runtime this is called from.
///
/// # Errors
///
/// When a port cannot be bound, or the data directory cannot be made or opened.
pub async fn start(config: AwsConfig) -> io::Result<Aws> {
    if let Some(data) = &config.data {
        std::fs::create_dir_all(data)?;
    }
    Ok(Aws { dynamodb: dynamodb::start(&config).await?, sqs: sqs::start(&config)?, secrets: secrets::start(&config)? })
}
