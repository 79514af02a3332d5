//! Agents, as far as numbers and calls refer to them.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Workspace;
use super::body::Body;
use super::refusal::{Refusal, complaint};
use super::rows::{Head, Row};
use crate::server::{Answer, Call, json};

const PAGE: usize = 30;
const PAGE_MAX: usize = 100;
/// Voices of these models speak other languages than English.
const MULTILINGUAL: [&str; 3] = ["eleven_turbo_v2_5", "eleven_flash_v2_5", "eleven_v3_conversational"];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Agent {
    pub(super) head: Head,
    updated: Timestamp,
    pub(super) name: String,
    tags: Vec<String>,
    conversation_config: Map<String, Value>,
    platform_settings: Map<String, Value>,
    workflow: Map<String, Value>,
}

impl Row for Agent {
    const KIND: &'static str = "agent";
    const PREFIX: &'static str = "agent";

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Agent {
    pub(super) fn shown(&self) -> Value {
        json!({ "id": self.head.id, "name": self.name, "created_at": self.head.created.to_string() })
    }

    fn summary(&self) -> Value {
        json!({
            "agent_id": self.head.id,
            "name": self.name,
            "tags": self.tags,
            "created_at_unix_secs": self.head.created.as_second(),
            "access_info": access(),
            "last_call_time_unix_secs": null,
            "archived": false,
        })
    }
}

pub(super) fn create(workspace: &mut Workspace, call: &Call) -> Result<Answer, Refusal> {
    let mut body = Body::of(call)?;
    let conversation_config = body.needed_object("conversation_config");
    let platform_settings = body.object("platform_settings").unwrap_or_default();
    let workflow = body.object("workflow").unwrap_or_default();
    let name = body.text("name").unwrap_or_else(|| "New agent".to_owned());
    let tags = body.texts("tags").unwrap_or_default();
    body.done()?;
    check_language(&conversation_config)?;
    let head = Head::next::<Agent>(&mut workspace.book);
    let made = json!({ "agent_id": head.id });
    let updated = head.created;
    let agent = Agent { head, updated, name, tags, conversation_config, platform_settings, workflow };
    workspace.agents.keep(&mut workspace.book, agent);
    Ok(json(StatusCode::OK, &made))
}

pub(super) fn get(workspace: &Workspace, id: &str) -> Result<Answer, Refusal> {
    let agent = workspace.agents.get(id).ok_or_else(|| Refusal::no_agent(id))?;
    Ok(json(StatusCode::OK, &workspace.agent_wire(agent)))
}

pub(super) fn update(workspace: &mut Workspace, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let mut agent = workspace.agents.get(id).cloned().ok_or_else(|| Refusal::no_agent(id))?;
    let mut body = Body::of(call)?;
    merge(&mut agent.conversation_config, body.object("conversation_config").unwrap_or_default());
    merge(&mut agent.platform_settings, body.object("platform_settings").unwrap_or_default());
    agent.workflow = body.object("workflow").unwrap_or(agent.workflow);
    agent.name = body.text("name").unwrap_or(agent.name);
    agent.tags = body.texts("tags").unwrap_or(agent.tags);
    body.done()?;
    check_language(&agent.conversation_config)?;
    agent.updated = workspace.book.now();
    workspace.agents.keep(&mut workspace.book, agent.clone());
    Ok(json(StatusCode::OK, &workspace.agent_wire(&agent)))
}

/// Its numbers stay, without an agent.
pub(super) fn delete(workspace: &mut Workspace, id: &str) -> Result<Answer, Refusal> {
    workspace.agents.remove(&mut workspace.book, id).ok_or_else(|| Refusal::no_agent(id))?;
    let orphaned = workspace.numbers.iter().filter(|number| number.agent_id.as_deref() == Some(id));
    let orphaned: Vec<_> = orphaned.cloned().collect();
    for mut number in orphaned {
        number.agent_id = None;
        workspace.numbers.keep(&mut workspace.book, number);
    }
    Ok(json(StatusCode::OK, &json!({})))
}

/// Newest first unless asked otherwise; the cursor is where the last page ended.
pub(super) fn list(workspace: &Workspace, call: &Call) -> Result<Answer, Refusal> {
    let pairs = call.query_pairs();
    let given = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let size = given("page_size").map_or(Ok(PAGE), str::parse).unwrap_or(0);
    if !(1..=PAGE_MAX).contains(&size) {
        let message = format!("Input should be from 1 to {PAGE_MAX}");
        return Err(Refusal::invalid(vec![complaint(&["query", "page_size"], "less_than_equal", &message)]));
    }
    let after = given("cursor").map(cursor_read).transpose()?;
    let rising = given("sort_direction") == Some("asc");
    let sought = given("search").unwrap_or_default().to_lowercase();
    let admits = |agent: &&Agent| {
        let seq = agent.head.seq;
        agent.name.to_lowercase().contains(&sought)
            && after.is_none_or(|after| if rising { seq > after } else { seq < after })
            && given("archived") != Some("true")
    };
    let mut found: Vec<&Agent> = workspace.agents.iter().filter(admits).collect();
    if !rising {
        found.reverse();
    }
    let has_more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| has_more).map(|last| cursor(last.head.seq));
    let agents: Vec<Value> = found.into_iter().map(Agent::summary).collect();
    Ok(json(StatusCode::OK, &json!({ "agents": agents, "next_cursor": next, "has_more": has_more })))
}

impl Workspace {
    fn agent_wire(&self, agent: &Agent) -> Value {
        let numbers = self.numbers.iter().filter(|number| number.agent_id.as_deref() == Some(&agent.head.id));
        json!({
            "agent_id": agent.head.id,
            "name": agent.name,
            "conversation_config": agent.conversation_config,
            "metadata": {
                "created_at_unix_secs": agent.head.created.as_second(),
                "updated_at_unix_secs": agent.updated.as_second(),
            },
            "platform_settings": agent.platform_settings,
            "phone_numbers": numbers.map(|number| self.number_wire(number)).collect::<Vec<_>>(),
            "whatsapp_accounts": [],
            "workflow": agent.workflow,
            "access_info": access(),
            "tags": agent.tags,
        })
    }
}

/// A language needs a voice that speaks it, and the usual model speaks English only.
fn check_language(config: &Map<String, Value>) -> Result<(), Refusal> {
    let text = |part: &str, name: &str| config.get(part).and_then(|part| part[name].as_str()).map(str::to_owned);
    let language = text("agent", "language").unwrap_or_else(|| "en".to_owned());
    let known = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    let model = text("tts", "model_id").unwrap_or_default();
    if known && (language == "en" || MULTILINGUAL.contains(&model.as_str())) {
        return Ok(());
    }
    Err(Refusal::bad("invalid_agent_config", "The agent config is invalid."))
}

fn merge(into: &mut Map<String, Value>, changes: Map<String, Value>) {
    for (name, change) in changes {
        match (into.get_mut(&name), change) {
            (Some(Value::Object(old)), Value::Object(change)) => merge(old, change),
            (_, change) => {
                into.insert(name, change);
            }
        }
    }
}

fn access() -> Value {
    json!({
        "is_creator": true,
        "creator_name": "Simulated workspace",
        "creator_email": "workspace@example.com",
        "role": "admin",
    })
}

fn cursor(seq: u64) -> String {
    format!("c{seq:x}")
}

fn cursor_read(cursor: &str) -> Result<u64, Refusal> {
    let seq = cursor.strip_prefix('c').and_then(|seq| u64::from_str_radix(seq, 16).ok());
    seq.ok_or_else(|| Refusal::bad("invalid_cursor", "The cursor is not one of ours."))
}
