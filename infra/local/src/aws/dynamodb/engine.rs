//! The database: `dynoxide`, DynamoDB in Rust over SQLite, and the one hop over loopback to it.
//!
//! The hop costs a few dozen microseconds and buys the engine's own HTTP front, which checks and
//! words refusals as AWS does; its functions called directly would skip that layer. Faults are not
//! known here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::super::Clock;
use super::super::listen::{Answer, Call, bound};

/// Seconds: AWS's rule that an expiry more than five years in the past is none.
const EXPIRED_FOR_MAX: i64 = 5 * 365 * 24 * 60 * 60;

/// Why the database could not be worked on.
#[derive(Debug, thiserror::Error)]
#[error("the DynamoDB engine refused: {0}")]
pub struct Error(#[from] DynoxideError);

/// An answer of the engine.
#[derive(Debug)]
pub(super) struct Reply(Response<Bytes>);

pub(super) struct Engine {
    database: Database,
    clock: Clock,
    address: SocketAddr,
    /// Open connections nobody is using, newest last. There are never more than there were calls
    /// at the same time.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    server: JoinHandle<()>,
}

impl Engine {
    pub(super) fn start(data: Option<&Path>, clock: Clock) -> io::Result<Self> {
        let database = open(data)?;
        let listener = bound(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
        Ok(Self {
            clock,
            address: listener.local_addr()?,
            idle: Mutex::default(),
            server: tokio::spawn(dynoxide::server::serve_on(listener, database.clone())),
            database,
        })
    }

    pub(super) async fn call(&self, call: &Call) -> io::Result<Reply> {
        let mut connection = self.connection().await?;
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = call.headers.clone();
        let reply = connection.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        self.idle().push(connection);
        Ok(Reply(Response::from_parts(head, body)))
    }

    /// Works on the database directly: expiry is AWS's own doing and no client's request.
    pub(super) fn expire(&self) -> Result<usize, Error> {
        let now = (self.clock)().as_second();
        let mut deleted = 0;
        for table in self.database.list_tables(parsed(json!({}))?)?.table_names {
            let ttl = parsed(json!({ "TableName": table }))?;
            let ttl = self.database.describe_time_to_live(ttl)?;
            if let Some(attribute) = ttl.time_to_live_description.attribute_name {
                deleted += self.expire_table(&table, &attribute, now)?;
            }
        }
        Ok(deleted)
    }

    fn expire_table(&self, table: &str, attribute: &str, now: i64) -> Result<usize, Error> {
        let description = self.database.describe_table(parsed(json!({ "TableName": table }))?)?;
        let keys: Vec<String> = description.table.key_schema.iter().map(|key| key.attribute_name.clone()).collect();
        // As AWS has it: what lies more than five years back was not meant as an expiry.
        let filter = json!({
            "TableName": table,
            "FilterExpression": "#ttl BETWEEN :oldest AND :now",
            "ExpressionAttributeNames": { "#ttl": attribute },
            "ExpressionAttributeValues": {
                ":oldest": { "N": (now - EXPIRED_FOR_MAX).to_string() },
                ":now": { "N": now.to_string() },
            },
        });
        let mut deleted = 0;
        let mut page = filter.clone();
        loop {
            let found = self.database.scan(parsed(page)?)?;
            for mut item in found.items.unwrap_or_default() {
                item.retain(|name, _| keys.contains(name));
                let mut delete = filter.clone();
                delete["Key"] = json!(item);
                // Between the two calls somebody may have given the item more time.
                delete["ConditionExpression"] = delete["FilterExpression"].take();
                match self.database.delete_item(parsed(delete)?) {
                    Ok(_) => deleted += 1,
                    Err(DynoxideError::ConditionalCheckFailedException(..)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            let Some(key) = found.last_evaluated_key else {
                return Ok(deleted);
            };
            page = filter.clone();
            page["ExclusiveStartKey"] = json!(key);
        }
    }

    async fn connection(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        loop {
            let Some(mut connection) = self.idle().pop() else {
                break;
            };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        // Ends by itself once the handle to it is dropped.
        tokio::spawn(driver);
        Ok(connection)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Reply {
    pub(super) fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub(super) fn body(&self) -> &Bytes {
        self.0.body()
    }
}

impl From<Reply> for Answer {
    fn from(Reply(reply): Reply) -> Self {
        reply.map(Full::new)
    }
}

fn open(data: Option<&Path>) -> io::Result<Database> {
    let Some(data) = data else {
        return Database::memory().map_err(io::Error::other);
    };
    let path = data.join("dynamodb.sqlite");
    let path = path.to_str().ok_or_else(|| io::Error::other("the data directory's path is not UTF-8"))?;
    let database = Database::new(path).map_err(io::Error::other)?;
    // No fsync at a commit: what the operating system has been given outlives this process, and
    // surviving a power cut is not promised.
    database.enable_bulk_loading().map_err(io::Error::other)?;
    Ok(database)
}

/// The engine's request types are made to be read from the wire; most of their fields are optional.
fn parsed<T: serde::de::DeserializeOwned>(request: serde_json::Value) -> Result<T, Error> {
    serde_json::from_value(request).map_err(|error| Error(DynoxideError::SerializationException(error.to_string())))
}
