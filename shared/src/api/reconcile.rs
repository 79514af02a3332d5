//! What runs of reconciliation found, as the API shows it.

use std::collections::BTreeMap;

use domain::reconcile::{Finding, Place, Report, Tally};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::reconcile::{Phase, Run};

/// One disagreement between books and world.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Finding))]
pub struct FindingView {
    /// `orphan_tagged`, `orphan_untagged`, `missing_at_carrier`, `routing_drift`, `missing_at_platform`,
    /// `orphan_at_platform`, `binding_drift`, `price_drift` or `ledger_drift`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    e164: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    /// Null for what has no carrier.
    carrier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'static str>,
    /// `repaired`, `parked`, `released`, `adopted`, or `reported`: left to a later run or a person.
    action: &'static str,
    /// What is the case, and what will become of it.
    detail: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            kind: finding.kind.as_str(),
            e164: finding.e164.as_ref().map(ToString::to_string),
            number_id: finding.number_id.as_ref().map(ToString::to_string),
            tenant_id: finding.tenant_id.as_ref().map(ToString::to_string),
            carrier: finding.carrier.map(domain::number::Carrier::as_str),
            platform: finding.platform.map(domain::agent::Platform::as_str),
            action: finding.action.as_str(),
            detail: finding.detail.clone(),
        }
    }
}

/// A run of reconciliation, over or going on.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Reconciliation))]
pub struct ReconciliationView {
    run_id: String,
    /// `finished`, or `running`: the schedule goes on with it.
    status: &'static str,
    dry_run: bool,
    /// When it ended, or now.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    now: Timestamp,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    began_at: Timestamp,
    /// Things of ours that were compared.
    compared: u64,
    /// Of these, the same on both sides, at first sight or after repair.
    agreeing: u64,
    /// How many findings of each kind.
    totals: BTreeMap<String, u64>,
    /// The first of them.
    findings: Vec<FindingView>,
    /// What it is doing, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    /// What keeps it from going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

impl ReconciliationView {
    /// A run that is going on.
    #[must_use]
    pub fn running(run: &Run, now: Timestamp) -> Self {
        let sum = |of: fn(&Tally) -> u64| run.places.iter().map(|(_, tally)| of(tally)).sum();
        Self {
            run_id: run.id.clone(),
            status: "running",
            dry_run: run.dry_run,
            now,
            began_at: run.began_at,
            compared: sum(|tally| tally.compared),
            agreeing: sum(|tally| tally.agreeing),
            totals: run.totals.clone(),
            findings: run.findings.iter().map(Into::into).collect(),
            phase: Some(match run.phase {
                Phase::Books(_) => "books",
                Phase::There { .. } => "there",
                Phase::Missing { .. } => "missing",
                Phase::Prices { .. } => "prices",
                Phase::Links(_) => "links",
                Phase::Ledger { .. } => "ledger",
                Phase::Closing | Phase::Over => "closing",
            }),
            trouble: run.trouble.as_ref().map(|trouble| trouble.what.clone()),
        }
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.status == "finished"
    }
}

impl From<&Report> for ReconciliationView {
    fn from(report: &Report) -> Self {
        let (compared, agreeing) = report.sum();
        Self {
            run_id: report.run_id.clone(),
            status: "finished",
            dry_run: report.dry_run,
            now: report.ended_at,
            began_at: report.began_at,
            compared,
            agreeing,
            totals: report.totals.clone(),
            findings: report.findings.iter().map(Into::into).collect(),
            phase: None,
            trouble: None,
        }
    }
}

/// How one carrier or platform agreed with the books.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Statement))]
pub struct StatementView {
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<&'static str>,
    /// Things of ours on either side.
    compared: u64,
    /// Of these, the same on both sides.
    agreeing: u64,
    /// Of these, not.
    exceptions: u64,
    /// In percent, rounded down: only full agreement is `100.00`.
    percentage: String,
    /// Things there that are none of ours.
    others: u64,
    /// Why it could not be compared to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// A day's statement of agreement, by its last run.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Agreement))]
pub struct AgreementView {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    date: Date,
    run_id: String,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    at: Timestamp,
    /// By carrier, then by platform.
    statements: Vec<StatementView>,
    /// What did not agree when it was looked at, with what was done.
    findings: Vec<FindingView>,
}

impl AgreementView {
    /// The statement of a day.
    #[must_use]
    pub fn of(date: Date, report: &Report) -> Self {
        let statement = |(place, tally): &(Place, Tally)| {
            let (carrier, platform) = match place {
                Place::Carrier(carrier) => (Some(carrier.as_str()), None),
                Place::Platform(platform) => (None, Some(platform.as_str())),
            };
            StatementView {
                carrier,
                platform,
                compared: tally.compared,
                agreeing: tally.agreeing,
                exceptions: tally.compared.saturating_sub(tally.agreeing),
                percentage: tally.percentage(),
                others: tally.others,
                incomplete: tally.incomplete.clone(),
            }
        };
        Self {
            date,
            run_id: report.run_id.clone(),
            at: report.ended_at,
            statements: report.places.iter().map(statement).collect(),
            findings: report.findings.iter().map(Into::into).collect(),
        }
    }
}

/// Whether a number is at its carrier and platform as the books have it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NumberAgreement))]
pub struct NumberAgreementView {
    /// Which number.
    pub number_id: String,
    /// When it was last compared; null before the first time.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub as_of: Option<Timestamp>,
    /// Whether everything agreed, or was put right; null before the first time.
    pub agrees: Option<bool>,
    /// What did not.
    pub findings: Vec<NumberFindingView>,
}

/// What did not agree about a number.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = NumberFinding))]
pub struct NumberFindingView {
    kind: &'static str,
    action: &'static str,
}

impl From<&Finding> for NumberFindingView {
    /// The operator's words stay with the operator.
    fn from(finding: &Finding) -> Self {
        Self { kind: finding.kind.as_str(), action: finding.action.as_str() }
    }
}
