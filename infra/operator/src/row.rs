//! One number to import, as a command line or a line of a file names it, and the key it is imported under.

use std::collections::HashMap;

use aws_lc_rs::digest;
use domain::{AgentId, E164, TenantId, limits};
use serde_json::{Value, json};

use crate::csv::{self, Wrong};

/// Bytes of a file at most.
pub(crate) const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Numbers of a file at most: about a working day at one a second.
pub(crate) const ROWS_MAX: usize = 20_000;

/// A number the operator's account at a carrier has, and whose it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where it stands in its file.
    pub(crate) line: usize,
    pub(crate) carrier: String,
    pub(crate) e164: E164,
    pub(crate) tenant_id: TenantId,
    pub(crate) name: Option<String>,
    pub(crate) agent_id: Option<AgentId>,
    /// `detach` or `release`.
    pub(crate) on_end: Option<String>,
}

/// The columns a file may have.
const COLUMNS: [&str; 6] = ["e164", "tenant_id", "carrier", "name", "agent_id", "on_end"];

impl Row {
    /// Checks what was given, by column.
    pub(crate) fn check<'a>(line: usize, given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut bad = |why: String| wrong.push(Wrong::new(line, why));
        let given = |column: &str| given(column).map(str::trim).filter(|text| !text.is_empty());
        let e164 = given("e164").unwrap_or_default();
        let parsed: Option<E164> = e164.parse().ok();
        if parsed.is_none() {
            bad(format!("e164: `{e164}` is not a number such as +12125550123"));
        }
        let tenant = given("tenant_id").unwrap_or_default();
        let tenant_id: Option<TenantId> = tenant.parse().ok();
        if tenant_id.is_none() {
            bad(format!("tenant_id: `{tenant}` is not a tenant's id"));
        }
        let agent = given("agent_id");
        let agent_id: Option<AgentId> = agent.and_then(|agent| agent.parse().ok());
        if agent_id.is_none()
            && let Some(agent) = agent
        {
            bad(format!("agent_id: `{agent}` is not an agent's id"));
        }
        let carrier = given("carrier").unwrap_or("twilio");
        if !carrier.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            bad(format!("carrier: `{carrier}` is not a carrier's name"));
        }
        let name = given("name");
        if name.is_some_and(|name| name.chars().count() > limits::NAME_CHARS_MAX || name.contains(char::is_control)) {
            bad(format!("name: at most {} characters on one line", limits::NAME_CHARS_MAX));
        }
        let on_end = given("on_end");
        if let Some(other) = on_end.filter(|on_end| !["detach", "release"].contains(on_end)) {
            bad(format!("on_end: `{other}` is neither `detach` nor `release`"));
        }
        match (parsed, tenant_id) {
            (Some(e164), Some(tenant_id)) if wrong.is_empty() => Ok(Self {
                line,
                carrier: carrier.to_owned(),
                e164,
                tenant_id,
                name: name.map(str::to_owned),
                agent_id,
                on_end: on_end.map(str::to_owned),
            }),
            _ => Err(wrong),
        }
    }

    /// The API's body.
    pub(crate) fn body(&self) -> Value {
        let mut body =
            json!({ "carrier": self.carrier, "e164": self.e164.as_str(), "tenant_id": self.tenant_id.as_str() });
        let optional = [
            ("name", self.name.as_deref()),
            ("agent_id", self.agent_id.as_ref().map(AgentId::as_str)),
            ("on_end", self.on_end.as_deref()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        body
    }

    /// The key it is imported under: the same for the same content, wherever in whichever file it stands.
    pub(crate) fn key(&self, prefix: &str) -> String {
        let [name, agent, on_end] =
            [self.name.as_deref(), self.agent_id.as_ref().map(AgentId::as_str), self.on_end.as_deref()]
                .map(Option::unwrap_or_default);
        // No field holds a line break.
        let content = [&self.carrier, self.e164.as_str(), self.tenant_id.as_str(), name, agent, on_end].join("\n");
        format!("{prefix}-{}", hex(digest::digest(&digest::SHA256, content.as_bytes()).as_ref()))
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All rows of a file, or everything that is wrong with it.
pub(crate) fn read(text: &str) -> Result<Vec<Row>, Vec<Wrong>> {
    let mut records = csv::read(text).map_err(|wrong| vec![wrong])?.into_iter();
    let (line, header) =
        records.next().ok_or_else(|| vec![Wrong::new(1, "the file is empty; its first line names the columns")])?;
    let columns: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    check_header(line, &columns)?;
    let (mut rows, mut wrong) = (Vec::<Row>::new(), Vec::new());
    let mut seen: HashMap<E164, usize> = HashMap::new();
    for (line, fields) in records {
        if fields.len() != columns.len() {
            let (has, wants) = (fields.len(), columns.len());
            wrong.push(Wrong::new(line, format!("{has} fields, but the first line names {wants} columns")));
            continue;
        }
        let given = |name: &str| Some(fields[columns.iter().position(|column| *column == name)?].as_str());
        match Row::check(line, given) {
            Err(more) => wrong.extend(more),
            Ok(row) => match seen.insert(row.e164.clone(), line) {
                Some(before) => {
                    wrong.push(Wrong::new(line, format!("{} stands on line {before} already", row.e164)));
                }
                None => rows.push(row),
            },
        }
    }
    if rows.len() > ROWS_MAX {
        wrong.push(Wrong::new(line, format!("more than {ROWS_MAX} numbers: split the file")));
    }
    if wrong.is_empty() { Ok(rows) } else { Err(wrong) }
}

fn check_header(line: usize, columns: &[&str]) -> Result<(), Vec<Wrong>> {
    let mut wrong = Vec::new();
    for (n, column) in columns.iter().enumerate() {
        if !COLUMNS.contains(column) {
            wrong.push(Wrong::new(line, format!("unknown column `{column}`; there are {}", COLUMNS.join(", "))));
        } else if columns[..n].contains(column) {
            wrong.push(Wrong::new(line, format!("column `{column}` twice")));
        }
    }
    for required in &COLUMNS[..2] {
        if !columns.contains(required) {
            wrong.push(Wrong::new(line, format!("column `{required}` is missing")));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(text: &str) -> Vec<String> {
        let wrong = read(text).expect_err("it is wrong");
        wrong.into_iter().map(|wrong| format!("{}: {}", wrong.line, wrong.why)).collect()
    }

    #[test]
    fn columns_may_stand_in_any_order_and_the_optional_ones_be_left_out() {
        let rows = read("tenant_id,e164\nacme,+12125550123\n\"acme\", +12125550124 \n").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].body(), json!({ "carrier": "twilio", "e164": "+12125550123", "tenant_id": "acme" }));
        assert_eq!((rows[1].line, rows[1].e164.as_str()), (3, "+12125550124"));
        let agent = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
        let rows = read(&format!(
            "on_end,name,carrier,e164,tenant_id,agent_id\r\ndetach,\"Smith, \"\"Joe\"\"\",vapi,+12125550123,acme,{agent}\r\n"
        ));
        assert_eq!(
            rows.unwrap()[0].body(),
            json!({
                "carrier": "vapi", "e164": "+12125550123", "tenant_id": "acme", "name": "Smith, \"Joe\"", "agent_id": agent,
                "on_end": "detach",
            })
        );
        assert_eq!(read("e164,tenant_id\n").unwrap(), []);
    }

    #[test]
    fn everything_that_is_wrong_is_said_with_its_line() {
        let check = |text: &str, expected: &[&str]| assert_eq!(wrongs(text), expected, "{text:?}");
        check("", &["1: the file is empty; its first line names the columns"]);
        check(
            "+12125550123,acme\n",
            &[
                "1: unknown column `+12125550123`; there are e164, tenant_id, carrier, name, agent_id, on_end",
                "1: unknown column `acme`; there are e164, tenant_id, carrier, name, agent_id, on_end",
                "1: column `e164` is missing",
                "1: column `tenant_id` is missing",
            ],
        );
        check("e164\n+12125550123", &["1: column `tenant_id` is missing"]);
        check("e164,tenant_id,e164\n", &["1: column `e164` twice"]);
        check(
            "e164,tenant_id\n+12125550123\n12125550123,a b\n",
            &[
                "2: 1 fields, but the first line names 2 columns",
                "3: e164: `12125550123` is not a number such as +12125550123",
                "3: tenant_id: `a b` is not a tenant's id",
            ],
        );
        check(
            "e164,tenant_id\n+12125550123,acme\n\n+12125550123,other\n",
            &["4: +12125550123 stands on line 2 already"],
        );
        check(
            "e164,tenant_id,on_end,agent_id,carrier\n+12125550123,acme,keep,agt_1,Twilio!\n",
            &[
                "2: agent_id: `agt_1` is not an agent's id",
                "2: carrier: `Twilio!` is not a carrier's name",
                "2: on_end: `keep` is neither `detach` nor `release`",
            ],
        );
        check("e164,tenant_id\n\"+12125550123,acme\n", &["2: a quote that is never closed"]);
        check(
            "e164,tenant_id,name\n+12125550123,acme,\"two\nlines\"\n",
            &["2: name: at most 100 characters on one line"],
        );
    }

    #[test]
    fn a_key_is_the_content_and_nothing_else() {
        let key = |text: &str, n: usize| read(text).unwrap()[n].key("import");
        let one = key("e164,tenant_id\n+12125550123,acme\n", 0);
        assert!(one.len() <= limits::IDEMPOTENCY_KEY_CHARS_MAX && one.starts_with("import-"), "{one}");
        let elsewhere = "tenant_id,carrier,e164,name\r\nacme,,+12125550199,\r\nacme,twilio,\"+12125550123\",\"\"\r\n";
        assert_eq!(key(elsewhere, 1), one);
        for other in [
            "e164,tenant_id\n+12125550124,acme\n",
            "e164,tenant_id\n+12125550123,acme2\n",
            "e164,tenant_id,carrier\n+12125550123,acme,vapi\n",
            "e164,tenant_id,name\n+12125550123,acme,Front desk\n",
            "e164,tenant_id,on_end\n+12125550123,acme,detach\n",
        ] {
            assert_ne!(key(other, 0), one, "{other}");
        }
        assert_ne!(read("e164,tenant_id\n+12125550123,acme\n").unwrap()[0].key("again"), one);
    }
}
