//! One number to import, as a command line or a line of a file names it, and the key it is imported under.

use domain::{AgentId, E164, TenantId, limits};
use serde_json::{Value, json};

use crate::csv::Wrong;
use crate::sheet::{self, Sheet};

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

impl Sheet for Row {
    const COLUMNS: &'static [&'static str] = &["e164", "tenant_id", "carrier", "name", "agent_id", "on_end"];
    const REQUIRED: usize = 2;

    fn check<'a>(line: usize, given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Vec<Wrong>> {
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

    fn once(&self) -> Vec<String> {
        vec![self.e164.to_string()]
    }
}

impl Row {
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
        sheet::key(prefix, &[&self.carrier, self.e164.as_str(), self.tenant_id.as_str(), name, agent, on_end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Row>, Vec<Wrong>> {
        sheet::read(text)
    }

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
