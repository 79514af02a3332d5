//! One agent that is to have a number, as a line of a file names it, and the key its number is bought under.

use std::str::FromStr;

use domain::agent::Method;
use domain::number::Carrier;
use domain::numbering::NumberKind;
use domain::{AgentId, CountryCode, E164, ProjectId, TenantId, limits};
use serde_json::{Value, json};

use crate::csv::Wrong;
use crate::sheet::{self, Sheet};

/// An agent, whose it is, and what it is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Where it stands in its file.
    pub(crate) line: usize,
    pub(crate) tenant_id: TenantId,
    pub(crate) agent_id: AgentId,
    /// Exactly this one.
    pub(crate) e164: Option<E164>,
    /// The rest of the request as the API has it: field and value, in the order of the columns.
    more: Vec<(&'static str, String)>,
    all_or_nothing: bool,
}

impl Sheet for Wish {
    const COLUMNS: &'static [&'static str] = &[
        "tenant_id",
        "agent_id",
        "e164",
        "carrier",
        "country",
        "type",
        "area_code",
        "name",
        "method",
        "project_id",
        "fallback",
        "all_or_nothing",
    ];
    const REQUIRED: usize = 2;

    fn check<'a>(line: usize, given: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Vec<Wrong>> {
        let given = |column: &str| given(column).map(str::trim).filter(|text| !text.is_empty());
        let mut wrong = Vec::new();
        let mut bad = |why: String| wrong.push(Wrong::new(line, why));
        let tenant = given("tenant_id").unwrap_or_default();
        let tenant_id: Option<TenantId> = tenant.parse().ok();
        if tenant_id.is_none() {
            bad(format!("tenant_id: `{tenant}` is not a tenant's id"));
        }
        let agent = given("agent_id").unwrap_or_default();
        let agent_id: Option<AgentId> = agent.parse().ok();
        if agent_id.is_none() {
            bad(format!("agent_id: `{agent}` is not an agent's id"));
        }
        let mut more = Vec::new();
        for (column, reads, what) in FIELDS {
            match given(column) {
                Some(text) if !reads(text) => bad(format!("{column}: `{text}` is not {what}")),
                // An exact number has a place of its own.
                Some(_) if column == "e164" => {}
                Some(text) => more.push((column, text.to_owned())),
                None => {}
            }
        }
        let all_or_nothing = match given("all_or_nothing") {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                bad(format!("all_or_nothing: `{other}` is neither `true` nor `false`"));
                false
            }
        };
        let choice = ["country", "type", "area_code"].iter().find(|column| given(column).is_some());
        match (given("e164"), given("country"), choice) {
            (Some(_), _, Some(column)) => bad(format!("{column}: an exact number leaves no choice")),
            (None, None, Some(column)) => bad(format!("{column}: name the country, too")),
            (_, _, _) => {}
        }
        match (tenant_id, agent_id) {
            (Some(tenant_id), Some(agent_id)) if wrong.is_empty() => {
                let e164 = given("e164").and_then(|text| text.parse().ok());
                Ok(Self { line, tenant_id, agent_id, e164, more, all_or_nothing })
            }
            (_, _) => Err(wrong),
        }
    }

    fn once(&self) -> Vec<String> {
        let e164 = self.e164.as_ref().map(ToString::to_string);
        [self.agent_id.to_string()].into_iter().chain(e164).collect()
    }
}

/// A column, whether a text can stand in it, and what would.
type Field = (&'static str, fn(&str) -> bool, &'static str);

/// What may be said of the number, in the order in which it goes into the key.
const FIELDS: [Field; 9] = [
    ("e164", is::<E164>, "a number such as +12125550123"),
    ("carrier", is_seller, "`twilio`, `netgsm` or `vapi`"),
    ("country", is::<CountryCode>, "a country such as US"),
    ("type", is::<NumberKind>, "a type such as local or toll_free"),
    ("area_code", is_area_code, "three digits"),
    ("name", is_name, "at most 100 characters on one line"),
    ("method", |text| Method::from_name(text).is_some(), "`hand_over`, `trunk`, `import`, `direct` or `native`"),
    ("project_id", is::<ProjectId>, "a project's id"),
    ("fallback", is::<E164>, "a number such as +12125550123"),
];

fn is<T: FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn is_seller(text: &str) -> bool {
    Carrier::from_name(text).is_some_and(|carrier| carrier != Carrier::Custom)
}

fn is_area_code(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    text.chars().count() <= limits::NAME_CHARS_MAX && !text.contains(char::is_control)
}

impl Wish {
    /// Where it is asked for.
    pub(crate) fn path(&self) -> String {
        format!("/v1/agents/{}/number", self.agent_id)
    }

    /// The API's body.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({});
        let e164 = self.e164.as_ref().map(|e164| ("e164", e164.as_str()));
        for (field, value) in e164.into_iter().chain(self.more.iter().map(|(field, value)| (*field, value.as_str()))) {
            body[field] = value.into();
        }
        if self.all_or_nothing {
            body["all_or_nothing"] = true.into();
        }
        body
    }

    /// The key its number is bought under: the same for the same content, wherever in whichever file it stands.
    pub(crate) fn key(&self, prefix: &str) -> String {
        let more = self.more.iter().map(|(field, value)| format!("{field}={value}"));
        let e164 = self.e164.as_ref().map(|e164| format!("e164={e164}"));
        let all = self.all_or_nothing.then(|| "all_or_nothing".to_owned());
        let whose = [self.tenant_id.to_string(), self.agent_id.to_string()];
        let content: Vec<String> = whose.into_iter().chain(e164).chain(more).chain(all).collect();
        sheet::key(prefix, &content.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b";
    const OTHER: &str = "agt_0192a6b0c5d17e3f8a9b0c1d2e3f4a5c";

    fn read(text: &str) -> Result<Vec<Wish>, Vec<Wrong>> {
        sheet::read(&text.replace("ONE", ONE).replace("OTHER", OTHER))
    }

    #[test]
    fn a_row_says_as_much_of_the_number_as_it_likes() {
        let check = |text: &str, body: Value| assert_eq!(read(text).unwrap()[0].body(), body, "{text}");
        check("tenant_id,agent_id\nacme,ONE\n", json!({}));
        check("agent_id,tenant_id,e164\nONE,acme,+12125550123\n", json!({ "e164": "+12125550123" }));
        check(
            "tenant_id,agent_id,e164,country,type,area_code\nacme,ONE,,US,local, 212 \n",
            json!({ "country": "US", "type": "local", "area_code": "212" }),
        );
        check(
            "tenant_id,agent_id,name,method,fallback,all_or_nothing,project_id\n\
             acme,ONE,\"Smith, Joe\",hand_over,+14155550100,true,prj_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b\n",
            json!({
                "name": "Smith, Joe", "method": "hand_over", "fallback": "+14155550100", "all_or_nothing": true,
                "project_id": "prj_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b",
            }),
        );
        assert_eq!(read("tenant_id,agent_id\n").unwrap(), []);
        assert_eq!(read("tenant_id,agent_id\nacme,ONE\n").unwrap()[0].path(), format!("/v1/agents/{ONE}/number"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_with_its_line() {
        let check = |text: &str, expected: &[&str]| {
            let wrong = read(text).expect_err("it is wrong");
            let said: Vec<String> = wrong.into_iter().map(|wrong| format!("{}: {}", wrong.line, wrong.why)).collect();
            let said: Vec<String> = said.iter().map(|line| line.replace(ONE, "ONE")).collect();
            assert_eq!(said, expected, "{text:?}");
        };
        check("agent_id\nONE\n", &["1: column `tenant_id` is missing"]);
        check(
            "tenant_id,agent_id,e164\na b,agt_1,0212\n",
            &[
                "2: tenant_id: `a b` is not a tenant's id",
                "2: agent_id: `agt_1` is not an agent's id",
                "2: e164: `0212` is not a number such as +12125550123",
            ],
        );
        check(
            "tenant_id,agent_id,country,type,area_code,method,project_id,fallback,all_or_nothing\n\
             acme,ONE,usa,mobil,21,sip,shop,0212,yes\n",
            &[
                "2: country: `usa` is not a country such as US",
                "2: type: `mobil` is not a type such as local or toll_free",
                "2: area_code: `21` is not three digits",
                "2: method: `sip` is not `hand_over`, `trunk`, `import`, `direct` or `native`",
                "2: project_id: `shop` is not a project's id",
                "2: fallback: `0212` is not a number such as +12125550123",
                "2: all_or_nothing: `yes` is neither `true` nor `false`",
            ],
        );
        check(
            "tenant_id,agent_id,e164,country,area_code\nacme,ONE,+12125550123,US,\nacme,OTHER,,,212\n",
            &["2: country: an exact number leaves no choice", "3: area_code: name the country, too"],
        );
        check(
            "tenant_id,agent_id,e164\nacme,ONE,+12125550123\nacme,ONE,\nb,OTHER,+12125550123\n",
            &["3: ONE stands on line 2 already", "4: +12125550123 stands on line 2 already"],
        );
    }

    #[test]
    fn a_key_is_the_content_and_nothing_else() {
        let key = |text: &str| read(text).unwrap().pop().unwrap().key("migrate");
        let one = key("tenant_id,agent_id\nacme,ONE\n");
        assert!(one.len() <= limits::IDEMPOTENCY_KEY_CHARS_MAX && one.starts_with("migrate-"), "{one}");
        assert_eq!(key("name,agent_id,tenant_id\r\n,OTHER,b\r\n,ONE,acme\r\n"), one);
        for other in [
            "tenant_id,agent_id\nb,ONE\n",
            "tenant_id,agent_id\nacme,OTHER\n",
            "tenant_id,agent_id,e164\nacme,ONE,+12125550123\n",
            "tenant_id,agent_id,fallback\nacme,ONE,+12125550123\n",
            "tenant_id,agent_id,name\nacme,ONE,all_or_nothing\n",
            "tenant_id,agent_id,all_or_nothing\nacme,ONE,true\n",
            "tenant_id,agent_id,country\nacme,ONE,US\n",
        ] {
            assert_ne!(key(other), one, "{other}");
        }
        assert_ne!(read("tenant_id,agent_id\nacme,ONE\n").unwrap()[0].key("again"), one);
    }
}
