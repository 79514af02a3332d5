//! What goes wrong in a case, and how the saga must end then.

use std::fmt;

use serde_json::{Value, json};

use crate::scenario::{Driver, Scenario};

/// How something goes wrong; the first group is for third parties, the last for the books only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Refused for good.
    Rejected,
    /// The number is somebody else's.
    Taken,
    /// Our credentials are refused.
    Unauthorized,
    RateLimit,
    /// A page of a load balancer in the answer's place; not done.
    ServerError,
    /// Done, and no answer.
    LostReply,
    /// Not done, and no answer.
    Timeout,
    /// Done, and whoever asked dies.
    Crash,
    Conflict,
    Throttle,
}

impl Kind {
    const fn at_netgsm(self) -> Option<&'static str> {
        match self {
            Self::Rejected => Some("70"),
            Self::Unauthorized => Some("30"),
            Self::Taken
            | Self::RateLimit
            | Self::ServerError
            | Self::LostReply
            | Self::Timeout
            | Self::Crash
            | Self::Conflict
            | Self::Throttle => None,
        }
    }
}

/// For how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// The next matching call; what repeats by itself gets over it.
    Once,
    /// Beyond what repeats by itself, then all is well again.
    AWhile,
    /// Longer than anybody waits.
    ADay,
}

/// One failure at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) party: &'static str,
    pub(crate) operation: String,
    /// Matching calls that go well before.
    pub(crate) after: u64,
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// How a saga ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Succeeded,
    /// Succeeded, and the number has no agent, with the reason.
    Unlinked,
    Failed,
    /// Succeeded, and what was linked before is still at its platform; reconciliation finds it.
    LeftBehind,
    /// Stuck; once an operator resumes it and the third party relents, it succeeds.
    StuckThenSucceeded,
    /// Stuck in its undoing; once an operator resumes it and the third party relents, it has failed.
    StuckThenFailed,
    /// Stuck in the undoing of a link; once an operator resumes it and the third party relents, the number is had without it.
    StuckThenUnlinked,
}

/// Ways to fail that have a meaning for this request to a third party or to the books. Everything that differs from the
/// others in what it leads to is among them; the rest comes with `TRUNKLINE_MATRIX=full`.
pub(crate) fn kinds(party: &str, operation: &str, driver: Driver, scenario: Scenario) -> Vec<(Kind, Span)> {
    let full = full();
    let other_way = matches!(scenario, Scenario::By(_));
    let kinds: &[(Kind, Span)] = match (party, operation, driver) {
        // Books and buying are the same whichever way calls go.
        ("dynamodb", "get" | "batch_get" | "query" | "scan", _) if other_way && !full => &[],
        ("dynamodb", _, _) if other_way && !full => &WRITES[..1],
        ("twilio", "numbers.search" | "numbers.list" | "numbers.create", _) if other_way && !full => &CALLS[..1],
        (_, "numbers.get" | "numbers.list" | "numbers.fetch" | "agents.get", _) if other_way && !full => LOOKS,
        // An account is only told, whatever the fault's name for it.
        ("netgsm", "numbers.search" | "credentials.create", _) if !full => LOOKS,
        ("vapi", "credentials.list", _) if !full => LOOKS,
        (_, _, _) if other_way && !full => STEPS,
        // A read changes nothing: it fails, or is the last thing its reader does.
        ("dynamodb", "get" | "batch_get" | "query" | "scan", _) if full => READS,
        ("dynamodb", "get" | "batch_get", Driver::Request) => &READS[..1],
        ("dynamodb", "get" | "batch_get" | "query" | "scan", _) => &[],
        ("dynamodb", _, _) if full => WRITES,
        ("dynamodb", _, Driver::Request) => &WRITES[..5],
        ("dynamodb", _, Driver::Worker) => &WRITES[..2],
        (_, _, _) if full => CALLS,
        (_, _, Driver::Request) => &CALLS[..10],
        (_, _, Driver::Worker) => &CALLS[..2],
    };
    let taken = (party, operation, driver) == ("twilio", "numbers.create", Driver::Request);
    kinds.iter().copied().chain(taken.then_some((Kind::Taken, Span::Once))).collect()
}

/// Whether everything is to be tried, whatever time it takes.
pub(crate) fn full() -> bool {
    std::env::var("TRUNKLINE_MATRIX").is_ok_and(|matrix| matrix == "full")
}

const READS: &[(Kind, Span)] = &[(Kind::Crash, Span::Once), (Kind::Timeout, Span::AWhile)];

const WRITES: &[(Kind, Span)] = &[
    (Kind::Crash, Span::Once),
    (Kind::LostReply, Span::AWhile),
    (Kind::LostReply, Span::Once),
    (Kind::Timeout, Span::AWhile),
    (Kind::Conflict, Span::AWhile),
    (Kind::Crash, Span::AWhile),
    (Kind::Timeout, Span::Once),
    (Kind::Conflict, Span::Once),
    (Kind::Throttle, Span::Once),
    (Kind::Throttle, Span::AWhile),
    (Kind::ServerError, Span::Once),
    (Kind::ServerError, Span::AWhile),
];

const CALLS: &[(Kind, Span)] = &[
    (Kind::Crash, Span::Once),
    (Kind::LostReply, Span::Once),
    (Kind::Crash, Span::AWhile),
    (Kind::Rejected, Span::Once),
    (Kind::Unauthorized, Span::Once),
    (Kind::RateLimit, Span::AWhile),
    (Kind::ServerError, Span::AWhile),
    (Kind::ServerError, Span::ADay),
    (Kind::LostReply, Span::ADay),
    (Kind::Timeout, Span::Once),
    (Kind::Timeout, Span::AWhile),
    (Kind::Timeout, Span::ADay),
    (Kind::LostReply, Span::AWhile),
    (Kind::RateLimit, Span::Once),
    (Kind::RateLimit, Span::ADay),
    (Kind::ServerError, Span::Once),
];

/// At a look on the way to a step.
const LOOKS: &[(Kind, Span)] =
    &[(Kind::Crash, Span::Once), (Kind::Rejected, Span::Once), (Kind::ServerError, Span::ADay)];

/// At a step that is one more of its kind.
const STEPS: &[(Kind, Span)] = &[
    (Kind::Crash, Span::Once),
    (Kind::LostReply, Span::Once),
    (Kind::Rejected, Span::Once),
    (Kind::Unauthorized, Span::Once),
    (Kind::ServerError, Span::ADay),
    (Kind::LostReply, Span::ADay),
    (Kind::Timeout, Span::Once),
];

impl Fault {
    /// As the control surface takes it.
    pub(crate) fn to_json(&self) -> Value {
        let kind = match self.kind {
            Kind::Rejected | Kind::Taken | Kind::Unauthorized | Kind::ServerError => "error",
            Kind::RateLimit => "rate_limit",
            Kind::LostReply => "lost_reply",
            Kind::Timeout => "timeout",
            Kind::Crash => "crash",
            Kind::Conflict => "conflict",
            Kind::Throttle => "throttle",
        };
        let mut fault = json!({
            "provider": self.party, "operation": self.operation, "kind": kind, "after": self.after, "times": self.times(),
        });
        // Netgsm has no status but 200, and says by a code what it will not do.
        if let ("netgsm", Some(code)) = (self.party, self.kind.at_netgsm()) {
            (fault["status"], fault["code"]) = (json!(400), json!(code));
            return fault;
        }
        match self.kind {
            Kind::Rejected => fault["status"] = json!(400),
            Kind::Taken => (fault["status"], fault["code"]) = (json!(400), json!("21422")),
            Kind::Unauthorized => fault["status"] = json!(401),
            Kind::ServerError => fault["status"] = json!(500),
            Kind::RateLimit | Kind::LostReply | Kind::Timeout | Kind::Crash | Kind::Conflict | Kind::Throttle => {}
        }
        fault
    }

    const fn times(&self) -> u64 {
        match (self.span, self.kind) {
            (Span::Once, _) => 1,
            (Span::AWhile, Kind::Crash) => 3,
            // The store tries a transaction eight times, and whoever comes next meets the rest.
            (Span::AWhile, Kind::Conflict) => 10,
            (Span::AWhile, _) => 4,
            (Span::ADay, _) => 1_000_000,
        }
    }

    fn reads(&self) -> bool {
        let operation = self.operation.as_str();
        (self.party, operation) == ("netgsm", "credentials.create")
            || matches!(operation, "numbers.search" | "numbers.list" | "numbers.get" | "numbers.fetch" | "agents.get")
    }

    /// Whether the saga has to do without what it asked for.
    pub(crate) fn is_final(&self, undone_or_forward_only: bool) -> bool {
        match (self.kind, self.span) {
            (Kind::Rejected | Kind::Taken, _) => true,
            // Where nothing can be undone, wrong credentials are waited out.
            (Kind::Unauthorized, _) => !undone_or_forward_only,
            // A trunk that is never heard of is never used.
            (Kind::LostReply, Span::ADay) => self.reads() || self.operation == "credentials.create",
            (_, Span::ADay) => true,
            (_, Span::Once | Span::AWhile) => false,
        }
    }

    /// How this scenario ends with this fault in it.
    pub(crate) fn ending(&self, scenario: Scenario) -> Ending {
        if let Scenario::By(way) = scenario {
            return way.ending(self);
        }
        let natural = scenario.natural();
        let undoing = self.undoes_an_import(scenario);
        let at_the_end = match self.operation.as_str() {
            "numbers.get" | "numbers.update" if scenario.is_import() => undoing,
            "numbers.update" => scenario == Scenario::ReleaseImported,
            operation => matches!(operation, "numbers.get" | "numbers.delete"),
        };
        if !self.is_final(at_the_end) {
            return natural;
        }
        match (self.party, self.operation.as_str()) {
            // Nothing has begun by then, and the request may be repeated.
            ("twilio", "numbers.search") => natural,
            ("twilio", "numbers.list") if scenario.is_import() && self.after == 0 => natural,
            ("twilio", "numbers.get" | "numbers.update") if scenario.is_import() && !undoing => Ending::Failed,
            ("twilio", "numbers.create") if self.kind == Kind::Taken && scenario.is_any() => natural,
            ("twilio", "numbers.list" | "numbers.create") => Ending::Failed,
            ("vapi", "numbers.list" | "numbers.create") => scenario.without_platform(),
            ("vapi", "numbers.update") => Ending::Failed,
            ("twilio", "numbers.update") if natural == Ending::Failed => Ending::StuckThenFailed,
            ("twilio", "numbers.update") => Ending::StuckThenSucceeded,
            ("twilio" | "vapi", "numbers.get" | "numbers.delete") if natural == Ending::Failed => {
                Ending::StuckThenFailed
            }
            ("twilio" | "vapi", "numbers.get" | "numbers.delete") => Ending::StuckThenSucceeded,
            (party, operation) => panic!("no rule says how a saga ends without {operation} of {party}"),
        }
    }

    /// Whether this strikes when an imported number is put back: the first calls of their sort make it ours.
    fn undoes_an_import(&self, scenario: Scenario) -> bool {
        scenario == Scenario::ImportAllOrNothingRefused && self.after > 0
    }

    /// Whether the carrier may have done it although nobody will ever know: the number stays blocked after the failure.
    pub(crate) fn leaves_doubt(&self, scenario: Scenario) -> bool {
        let silent = matches!(self.kind, Kind::ServerError | Kind::Timeout) && self.span == Span::ADay;
        let takes_in = self.operation == "numbers.update" && scenario.is_import() && !self.undoes_an_import(scenario);
        scenario.carrier() == Some(self.party) && (self.operation == "numbers.create" || takes_in) && silent
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { party, operation, after, kind, span } = self;
        write!(f, "{kind:?} ({span:?}) at {operation} number {} of {party}", after + 1)
    }
}
