//! DynamoDB: an engine in this process, behind an endpoint that injects faults and keeps count.
//!
//! Clients are pointed at the endpoint, never at the engine. It decides per request, from what the
//! fault hook says, whether the engine sees the request and whether the client sees the reply. It
//! knows operations but neither tables nor items.
//!
//! Next: `faults.rs` (what can go wrong, and how AWS words it), `meter.rs` (requests and capacity),
//! `engine.rs` (the database and the way to it).

mod engine;
mod faults;
mod meter;

pub use engine::Error;
pub use faults::{FaultHook, Injected};
pub use meter::Capacity;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::AwsConfig;
use super::listen::{Call, Listening, Outcome, listen};
use engine::Engine;
use faults::Operation;
use meter::Meter;

/// A request that carries this header with the value `1` is left alone: no faults, not counted.
pub const NO_FAULTS_HEADER: &str = "x-trunkline-no-faults";

pub struct Endpoint {
    listening: Listening,
    proxy: Arc<Proxy>,
}

impl Endpoint {
    /// What `AWS_ENDPOINT_URL_DYNAMODB` is set to.
    pub fn url(&self) -> &str {
        self.listening.url()
    }

    /// Capacity units of all answers since the start or the last reset. Requests count when they set
    /// `ReturnConsumedCapacity`.
    pub fn capacity(&self) -> Capacity {
        self.proxy.meter.capacity()
    }

    /// How many requests arrived by operation, failed ones and the SDK's own retries included.
    pub fn requests(&self) -> BTreeMap<&'static str, u64> {
        self.proxy.meter.requests()
    }

    /// Sets [`Endpoint::capacity`] and [`Endpoint::requests`] back to nothing.
    pub fn reset_counts(&self) {
        self.proxy.meter.reset();
    }

    /// Deletes what has expired by now on the injected clock, in every table with time to live
    /// enabled, and returns how many items that were. AWS does this on its own within days; here the
    /// host does it when it moves the clock.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or written.
    pub fn expire(&self) -> Result<usize, Error> {
        self.proxy.engine.expire()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url()).finish_non_exhaustive()
    }
}

pub(super) async fn start(config: &AwsConfig) -> io::Result<Endpoint> {
    let proxy = Arc::new(Proxy {
        engine: Engine::start(config.data.as_deref(), Arc::clone(&config.clock))?,
        meter: Meter::default(),
        faults: Arc::clone(&config.dynamodb_faults),
        on_crash: Arc::clone(&config.on_crash),
    });
    let listening = listen(config.bind, {
        let proxy = Arc::clone(&proxy);
        move |call| {
            let proxy = Arc::clone(&proxy);
            async move { proxy.answer(call).await }
        }
    })?;
    Ok(Endpoint { listening, proxy })
}

struct Proxy {
    engine: Engine,
    meter: Meter,
    faults: FaultHook,
    on_crash: Arc<dyn Fn() + Send + Sync>,
}

impl Proxy {
    async fn answer(&self, call: Call) -> Outcome {
        let operation = Operation::of(call.action());
        let left_alone = call.headers.get(NO_FAULTS_HEADER).is_some_and(|value| value == "1");
        let Some(operation) = operation.filter(|_| !left_alone) else {
            // The work of the host itself, or the making and describing of tables.
            return self.forward(&call, None).await;
        };
        self.meter.request(operation);
        let Some(fault) = (self.faults)(operation.name()) else {
            return self.forward(&call, Some(operation)).await;
        };
        tracing::debug!(operation = operation.name(), ?fault, "a fault is injected");
        self.fail(&call, operation, fault).await
    }

    async fn fail(&self, call: &Call, operation: Operation, fault: Injected) -> Outcome {
        match fault {
            Injected::Error { status, code } => Outcome::Answer(faults::error(status, code.as_deref())),
            Injected::Delay(delay) => {
                tokio::time::sleep(delay).await;
                self.forward(call, Some(operation)).await
            }
            Injected::Timeout => Outcome::HangUp,
            Injected::LostReply => {
                self.forward(call, Some(operation)).await;
                Outcome::HangUp
            }
            Injected::Crash => {
                self.forward(call, Some(operation)).await;
                (self.on_crash)();
                // A process that died has no answer to give; a hook that returned has not died.
                Outcome::HangUp
            }
            Injected::Throttle => Outcome::Answer(faults::throttle()),
            Injected::Conflict => match faults::conflict(operation, &call.body) {
                Some(answer) => Outcome::Answer(answer),
                None => self.forward(call, Some(operation)).await,
            },
            Injected::StaleIndex => {
                let stale = faults::can_be_stale(operation, &call.body);
                match self.engine.call(call).await {
                    Ok(reply) => {
                        self.meter.reply(operation, &reply);
                        Outcome::Answer(if stale { faults::stale(reply) } else { reply.into() })
                    }
                    Err(error) => lost(&error),
                }
            }
        }
    }

    /// Sends the call on to the engine, metered when it is an `operation` of the program's own.
    async fn forward(&self, call: &Call, operation: Option<Operation>) -> Outcome {
        match self.engine.call(call).await {
            Ok(reply) => {
                if let Some(operation) = operation {
                    self.meter.reply(operation, &reply);
                }
                Outcome::Answer(reply.into())
            }
            Err(error) => lost(&error),
        }
    }
}

/// The engine went away in the middle, which only happens while everything is being taken down.
fn lost(error: &io::Error) -> Outcome {
    tracing::warn!(%error, "the DynamoDB engine does not answer");
    Outcome::HangUp
}
