//! A queue's attributes: which exist, what they may be, what they default to.

use serde::Deserialize;

use super::super::{ACCOUNT, REGION};
use super::error::Error;
use super::wire::Attributes;

/// Attributes with a number in seconds or bytes: name, lowest, highest, default.
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 262_144, 262_144),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// Attributes that are kept and answered and change nothing on one machine.
const KEPT: [&str; 5] =
    ["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "SqsManagedSseEnabled"];

/// Where a message goes that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redrive {
    pub(super) receives_max: i64,
    pub(super) dead_letters: String,
}

/// Checked attributes. Messages are never dropped for their age, whatever the retention period:
/// where the clock jumps by months, a dead letter is still wanted as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// As they were given; what is not here has its default.
    pub(super) given: Attributes,
    pub(super) delay_s: i64,
    pub(super) wait_s: i64,
    pub(super) visibility_timeout_s: i64,
    pub(super) redrive: Option<Redrive>,
}

impl Settings {
    pub(super) fn parse(given: Attributes) -> Result<Self, Error> {
        for (name, value) in &given {
            let number = NUMBERS.iter().find(|(known, ..)| known == name);
            match number {
                Some((_, least, most, _)) => {
                    let fits = |value: i64| (*least..=*most).contains(&value);
                    if !value.parse().is_ok_and(fits) {
                        return Err(Error::InvalidAttributeValue(name.clone()));
                    }
                }
                None if name == "RedrivePolicy" || KEPT.contains(&name.as_str()) => {}
                None => return Err(Error::InvalidAttributeName(name.clone())),
            }
        }
        let redrive =
            given.get("RedrivePolicy").filter(|policy| !policy.is_empty()).map(|policy| redrive(policy)).transpose()?;
        Ok(Self {
            delay_s: number(&given, "DelaySeconds"),
            wait_s: number(&given, "ReceiveMessageWaitTimeSeconds"),
            visibility_timeout_s: number(&given, "VisibilityTimeout"),
            redrive,
            given,
        })
    }

    /// Every attribute that has a value, given or by default.
    pub(super) fn all(&self) -> Attributes {
        let mut all: Attributes =
            NUMBERS.iter().map(|(name, .., default)| ((*name).to_owned(), default.to_string())).collect();
        all.extend(self.given.clone());
        all
    }

    /// The first attribute that is to be something else than it is.
    pub(super) fn differs(&self, wanted: &Attributes) -> Option<String> {
        let is = self.all();
        let mut wanted = wanted.iter();
        wanted.find(|(name, value)| is.get(*name) != Some(value)).map(|(name, _)| name.clone())
    }
}

pub(super) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

fn number(given: &Attributes, name: &str) -> i64 {
    let default = NUMBERS.iter().find(|(known, ..)| *known == name);
    given.get(name).and_then(|value| value.parse().ok()).or(default.map(|(.., default)| *default)).unwrap_or_default()
}

fn redrive(policy: &str) -> Result<Redrive, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Policy {
        max_receive_count: Count,
        dead_letter_target_arn: String,
    }
    /// CloudFormation sends a number, the console a string.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Count {
        Number(i64),
        Text(String),
    }
    let refused = |reason: &str| {
        Error::InvalidParameterValue(format!(
            "Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}."
        ))
    };
    let parsed: Policy = serde_json::from_str(policy).map_err(|error| refused(&error.to_string()))?;
    let receives_max = match parsed.max_receive_count {
        Count::Number(count) => count,
        Count::Text(count) => count.parse().unwrap_or_default(),
    };
    if !(1..=1000).contains(&receives_max) {
        return Err(refused("Invalid value for maxReceiveCount, valid values are from 1 to 1000"));
    }
    let dead_letters = parsed
        .dead_letter_target_arn
        .strip_prefix(&arn(""))
        .ok_or_else(|| refused("Dead letter target owner should be same as the source"))?
        .to_owned();
    Ok(Redrive { receives_max, dead_letters })
}
