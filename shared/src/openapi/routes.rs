//! Every route of the product, in the order a reader meets them. A route that is missing here, or has another path, method
//! or role than in code, fails a test.

use domain::OperationId;
use domain::operation::{Failure, FailureCode, OperationStatus};
use domain::ports::{ProviderError, ProviderErrorKind};
use domain::tenant::Role::{Admin, Member, Viewer};
use domain::{Currency, Money};
use http::Method;
use utoipa::openapi::{Content, Object, Required, Response, ResponseBuilder};

use super::Section;
use super::endpoint::{Endpoint, operator, operator_or_tenant, public, tenant};
use super::webhook::{platform, stripe, twilio};
use crate::Error;
use crate::api::{
    AgentCreated, AgentView, AgreementView, AuditView, AutoTopUpView, BillingPreviewView, CallView, CountryView,
    EntryView, ImportPreview, LedgerCheckView, MarginView, NumberAgreementView, NumberAndOperation, NumberView,
    OfferView, OperationView, OperatorOperationView, ParkedView, ProjectView, PurchasePreview, ReconciliationView,
    RunView, TenantListedView, TenantView, TopUpView, UpcomingView, WalletsView,
};
use crate::http::paths;
use crate::use_cases::{self, Paging};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// All of them.
pub(super) fn sections() -> Vec<Section> {
    let section = |name, description, endpoints| Section { name, description, endpoints };
    vec![
        section("Offers", "Find and buy.", offers()),
        section("Numbers", "The numbers a tenant holds: edit, hand to an agent, give back.", held()),
        section("Agents", "Voice assistants at their platform.", agents()),
        section("Operations", "Work that takes longer than a request.", operations()),
        section("Wallet", "What a tenant has, and the ledger that explains it.", money()),
        section("Projects", "Numbers and agents by business or site.", projects()),
        section("Operator", "For the people who run this deployment.", operators()),
        section("Webhooks", "Called by the carrier and the payment provider, never by clients.", webhooks()),
        section("About", "This document.", about()),
    ]
}

fn offers() -> Vec<Endpoint> {
    vec![
        tenant(Viewer, GET, "/v1/countries", "list-countries", "What is sold where, and for how much")
            .lists_all::<CountryView>("What is sold in each country."),
        tenant(Viewer, GET, "/v1/available-numbers", "search-numbers", "Find numbers a tenant could buy")
            .says("Live from the carrier, with the price the tenant would pay.")
            .query::<use_cases::search::Request>()
            .lists_all::<OfferView>("What is on offer.")
            .refuses([Error::UnsupportedCountry, Error::UnsupportedType])
            .refuses(carrier()),
        tenant(Admin, POST, "/v1/numbers", "purchase-number", "Buy a number")
            .says(
                "Exactly one (`e164`), or any of a `country`, `type` and `area_code`. The price of the first month is set \
                 aside at once, charged when the number is in service, and free again if it cannot be had.",
            )
            .switch("dry_run", "Check everything and move nothing.")
            .repeatable(Required::True)
            .body::<use_cases::purchase::Request>()
            .may_take_longer::<NumberAndOperation>()
            .answers::<PurchasePreview>(200, "With `dry_run`: what would be bought.")
            .answers::<NumberAndOperation>(201, "Bought.")
            .refuses([Error::PlanForbidsNumbers, Error::NumberLimitReached(0), insufficient_balance()])
            .refuses([Error::NotFound, Error::NumberUnavailable, Error::UnsupportedCountry, Error::UnsupportedType])
            .refuses([Error::NotOnFile(Vec::new()), failed(FailureCode::BundleRequired), Error::PoolExhausted])
            .refuses([failed(FailureCode::PlatformUnavailable), failed(FailureCode::NeedsOperator)])
            .refuses(carrier()),
        operator_or_tenant(Admin, POST, "/v1/numbers/import", "import-number", "Make a number that is there already a tenant's")
            .says(
                "For the operator: a number that the carrier's account has already is held by the tenant from now on, and \
                 charged from today. When the tenant no longer holds it, it is put back to what it was and stays in the \
                 account, unless `on_end` says `release`. For a tenant: a number of a carrier of its own (`custom`), reached by \
                 SIP as `sip` says. It costs nothing a month, nothing is done at its carrier, and the password is sealed \
                 and never shown.",
            )
            .switch("dry_run", "Check everything and move nothing.")
            .repeatable(Required::True)
            .body::<use_cases::import::Request>()
            .may_take_longer::<NumberAndOperation>()
            .answers::<ImportPreview>(200, "With `dry_run`: what would be imported.")
            .answers::<NumberAndOperation>(201, "Imported.")
            .refuses([Error::PlanForbidsNumbers, Error::NumberLimitReached(0), insufficient_balance()])
            .refuses([Error::NotFound, Error::NumberUnavailable, Error::UnsupportedCountry, Error::UnsupportedType])
            .refuses([Error::CarrierUnsupported, Error::PlatformUnsupported])
            .refuses([failed(FailureCode::PlatformUnavailable), failed(FailureCode::NeedsOperator)])
            .refuses(carrier()),
    ]
}

fn held() -> Vec<Endpoint> {
    let busy = || [Error::NumberNotActive, Error::OperationInProgress(None)];
    vec![
        tenant(Viewer, GET, "/v1/numbers", "list-numbers", "The numbers a tenant has, had, or tried to buy")
            .query::<use_cases::numbers::ListRequest>()
            .lists::<NumberView>("Oldest first."),
        tenant(Viewer, GET, "/v1/numbers/{id}", "get-number", "One number").answers::<NumberView>(200, "The number."),
        tenant(Member, PATCH, "/v1/numbers/{id}", "update-number", "Rename, annotate, tag, lock or regroup a number")
            .says("A field that is left out stays, one that is null is cleared.")
            .body::<use_cases::numbers::UpdateRequest>()
            .answers::<NumberView>(200, "The number as it is now.")
            .refuses(busy()),
        tenant(Admin, DELETE, "/v1/numbers/{id}", "release-number", "Give a number back")
            .says(
                "With `when=period_end` the number serves until two hours before the end of what is paid for, is not \
                 charged again, and is then given back; until then `undo-release` keeps it, and `operation` is null. One \
                 that is past due or suspended is given back at once. Asked again for a number that was given back, it \
                 answers the release that was.",
            )
            .query::<use_cases::routing::ReleaseRequest>()
            .may_take_longer::<NumberAndOperation>()
            .answers::<NumberAndOperation>(200, "Given back, or (`operation` is null) to be given back.")
            .refuses([Error::PrimaryNumber, Error::NumberLocked, Error::NumberParked])
            .refuses(busy()),
        tenant(Admin, POST, "/v1/numbers/{id}/undo-release", "undo-release", "Keep a number that was to be given back")
            .says(
                "Undoes `when=period_end` for as long as the release has not begun. Periods that began meanwhile are \
                 charged.",
            )
            .answers::<NumberView>(200, "The number, which renews again.")
            .refuses([Error::ReleaseStarted, Error::NothingToUndo, Error::OperationInProgress(None)]),
        tenant(Member, PUT, "/v1/numbers/{id}/agent", "link-number", "Let an agent answer a number")
            .says("If the platform refuses, whoever answered before still does.")
            .body::<use_cases::routing::LinkRequest>()
            .may_take_longer::<NumberAndOperation>()
            .answers::<NumberAndOperation>(200, "The agent answers from now on.")
            .refuses([Error::PlatformUnsupported])
            .refuses([failed(FailureCode::PlatformUnavailable), failed(FailureCode::NeedsOperator)])
            .refuses(busy()),
        tenant(Member, DELETE, "/v1/numbers/{id}/agent", "unlink-number", "Let no agent answer a number")
            .says("Calls go to the fallback number, if there is one.")
            .may_take_longer::<NumberAndOperation>()
            .answers::<NumberAndOperation>(200, "No agent answers from now on.")
            .refuses(busy()),
        tenant(
            Viewer,
            GET,
            "/v1/numbers/{id}/agreement",
            "get-number-agreement",
            "Whether a number is at carrier and platform as the books have it",
        )
        .answers::<NumberAgreementView>(200, "As the last run of reconciliation found it."),
        tenant(Viewer, GET, "/v1/numbers/{id}/calls", "list-calls", "Calls of a number")
            .says("One that was answered has a `cost` once it is over: its minutes, charged to the wallet on their own.")
            .query::<Paging>()
            .lists::<CallView>("Newest first, since the tenant has the number."),
        tenant(Member, POST, "/v1/numbers/{id}/test-call", "place-test-call", "Let a number's agent call somebody")
            .says(
                "To hear who answers. The call costs its minutes like any other, and is not placed for a tenant that has \
                 neither money nor included minutes. It is placed once: after a 503 it may have been placed all the same.",
            )
            .body::<use_cases::test_calls::Request>()
            .answers::<use_cases::test_calls::TestCall>(201, "It is being placed; its record tells what becomes of it.")
            .refuses([Error::NumberNotActive, Error::NumberNotLinked, insufficient_balance(), platform_refuses()])
            .refuses(carrier()),
    ]
}

fn agents() -> Vec<Endpoint> {
    vec![
        tenant(Viewer, GET, "/v1/agents", "list-agents", "Agents of a tenant")
            .query::<use_cases::agents::ListRequest>()
            .lists::<AgentView>("Oldest first."),
        tenant(Member, POST, "/v1/agents", "create-agent", "Make an agent, or register one")
            .says(
                "With `platform_agent_id` one that its platform has already; without it one is made there. With `number` a \
                 number is bought for it as well, for which the request needs its `Idempotency-Key` and the role of an \
                 admin; `operation` follows the purchase. What is known to stand in a purchase's way is refused before an \
                 agent is made.",
            )
            .repeatable(Required::False)
            .body::<use_cases::agents::CreateRequest>()
            .answers::<AgentCreated>(201, "The agent, and its token this once.")
            .refuses([Error::NotFound, Error::PlatformUnsupported, Error::OperationInProgress(None), platform_refuses()])
            .refuses([Error::IdempotencyKeyRequired, Error::PlanForbidsNumbers, Error::NumberLimitReached(0)])
            .refuses([insufficient_balance(), Error::NumberUnavailable, Error::NotOnFile(Vec::new())])
            .refuses([Error::UnsupportedCountry, Error::UnsupportedType, Error::PoolExhausted])
            .refuses(carrier()),
        tenant(Viewer, GET, "/v1/agents/{id}", "get-agent", "One agent").answers::<AgentView>(200, "The agent."),
        tenant(Member, DELETE, "/v1/agents/{id}", "delete-agent", "Delete an agent that answers no number")
            .says("One that was made here is removed at its platform too; one that was registered stays there.")
            .answers_as(204, Response::new("Deleted."))
            .refuses([Error::AgentInUse, Error::OperationInProgress(None), platform_refuses()]),
        operator_or_tenant(Admin, POST, "/v1/agents/{id}/number", "add-agent-number", "Buy an agent a number")
            .says(
                "As `POST /v1/numbers` with its `agent_id`; the number goes into the agent's project unless it names one. \
                 The operator buys in the place of the tenant it names, at the tenant's cost, and only for an agent that has \
                 no number; a wish that says nothing of the number is one for any of the deployment's country.",
            )
            .query::<use_cases::agent_numbers::AddOptions>()
            .repeatable(Required::True)
            .body::<use_cases::purchase::Request>()
            .may_take_longer::<NumberAndOperation>()
            .answers::<PurchasePreview>(200, "With `dry_run`: what would be bought.")
            .answers::<NumberAndOperation>(201, "Bought.")
            .refuses([Error::AgentHasNumber, Error::PoolExhausted])
            .refuses([Error::PlanForbidsNumbers, Error::NumberLimitReached(0), insufficient_balance()])
            .refuses([Error::NumberUnavailable, Error::UnsupportedCountry, Error::UnsupportedType])
            .refuses([Error::NotOnFile(Vec::new()), failed(FailureCode::BundleRequired), Error::PlatformUnsupported])
            .refuses([failed(FailureCode::PlatformUnavailable), failed(FailureCode::NeedsOperator)])
            .refuses(carrier()),
        tenant(Admin, DELETE, "/v1/agents/{id}/number", "drop-agent-number", "Give an agent's number back")
            .says("As `DELETE /v1/numbers/{id}` for the one number the agent answers; one that answers several is refused.")
            .query::<use_cases::routing::ReleaseRequest>()
            .may_take_longer::<NumberAndOperation>()
            .answers::<NumberAndOperation>(200, "Given back, or (`operation` is null) to be given back.")
            .refuses([Error::PrimaryNumber, Error::NumberLocked, Error::NumberParked])
            .refuses([Error::NumberNotActive, Error::OperationInProgress(None)]),
    ]
}

fn operations() -> Vec<Endpoint> {
    vec![
        tenant(Viewer, GET, "/v1/operations", "list-operations", "Operations of a tenant")
            .query::<use_cases::operations::ListRequest>()
            .lists::<OperationView>("Newest first."),
        tenant(Viewer, GET, "/v1/operations/{id}", "get-operation", "How an operation stands")
            .says(
                "`error` says why one failed or is stuck. A suspension that ends with `not_needed` found its number paid \
                 for meanwhile.",
            )
            .answers::<OperationView>(200, "The operation."),
    ]
}

fn money() -> Vec<Endpoint> {
    vec![
        tenant(Viewer, GET, "/v1/wallet", "get-wallet", "What a tenant has, and how long it lasts")
            .answers::<WalletsView>(200, "One wallet a currency.")
            .refuses([Error::NotFound]),
        tenant(Viewer, GET, "/v1/wallet/upcoming", "list-upcoming-charges", "What numbers will cost next")
            .says("The next charge of every number that renews, at the price its next period has.")
            .query::<Paging>()
            .lists::<UpcomingView>("Earliest first; what is overdue stands in the past.")
            .refuses([Error::NotFound]),
        tenant(Viewer, GET, "/v1/wallet/entries", "list-entries", "The ledger of a wallet")
            .says(
                "A renewal of many numbers is shown as one entry for each period of each number, with a balance of its \
                 own. A call's minutes are a `usage_charge`.",
            )
            .query::<use_cases::wallet::EntriesRequest>()
            .lists::<EntryView>("Newest first, each with what the wallet had after it.")
            .refuses([Error::NotFound]),
        tenant(Admin, POST, "/v1/wallet/top-ups", "start-top-up", "Put money into a wallet")
            .says(
                "Answers where to pay. The wallet is credited when the payment provider says that the money is there, not \
                 when the browser comes back.",
            )
            .repeatable(Required::True)
            .body::<use_cases::top_ups::StartRequest>()
            .answers::<TopUpView>(201, "The top-up and its page to pay on.")
            .refuses([amount_out_of_range(), Error::TopUpFailed(String::new())])
            .refuses([Error::NotFound, Error::OperationInProgress(None)])
            .refuses(payments()),
        tenant(Viewer, GET, "/v1/wallet/top-ups/{id}", "get-top-up", "How a top-up stands")
            .answers::<TopUpView>(200, "The top-up."),
        tenant(Admin, PUT, "/v1/wallet/auto-top-up", "set-auto-top-up", "Let a wallet top itself up")
            .says(
                "With the card that was kept at an earlier top-up, as soon as less than `below` is available. `null` in \
                 place of a body switches it off for all wallets, and is the answer then.",
            )
            .body::<use_cases::top_ups::AutoRequest>()
            .answers::<AutoTopUpView>(200, "As it is set now.")
            .refuses([amount_out_of_range(), Error::NoSavedCard])
            .refuses([Error::NotFound, Error::OperationInProgress(None)]),
    ]
}

fn projects() -> Vec<Endpoint> {
    vec![
        tenant(Viewer, GET, "/v1/projects", "list-projects", "Projects of a tenant")
            .query::<Paging>()
            .lists::<ProjectView>("Oldest first."),
        tenant(Admin, POST, "/v1/projects", "create-project", "Make a project")
            .repeatable(Required::False)
            .body::<use_cases::projects::NameRequest>()
            .answers::<ProjectView>(201, "The project.")
            .refuses([Error::NotFound, Error::OperationInProgress(None)]),
        tenant(Viewer, GET, "/v1/projects/{id}", "get-project", "One project")
            .answers::<ProjectView>(200, "The project."),
        tenant(Member, PATCH, "/v1/projects/{id}", "update-project", "Rename a project")
            .body::<use_cases::projects::NameRequest>()
            .answers::<ProjectView>(200, "The project as it is now."),
        tenant(Admin, DELETE, "/v1/projects/{id}", "delete-project", "Delete a project nothing is in")
            .answers_as(204, Response::new("Deleted."))
            .refuses([Error::ProjectInUse]),
    ]
}

fn operators() -> Vec<Endpoint> {
    vec![
        operator(GET, "/v1/operator/tenants", "list-tenants", "All tenants")
            .says("Those that were set up or ever had money, with what they hold and have.")
            .query::<Paging>()
            .lists::<TenantListedView>("By id."),
        operator(PUT, "/v1/operator/tenants/{id}", "update-tenant", "Set a tenant up, or change it")
            .says("A field that is left out stays.")
            .body::<use_cases::operator::TenantRequest>()
            .answers::<TenantView>(200, "The tenant as it is now.")
            .refuses([Error::UnknownPlan(Vec::new())]),
        operator(
            POST,
            "/v1/operator/tenants/{id}/adjustments",
            "adjust-wallet",
            "Put money into a wallet, or take it out",
        )
        .repeatable(Required::False)
        .body::<use_cases::operator::AdjustmentRequest>()
        .answers::<EntryView>(201, "The ledger entry.")
        .refuses([insufficient_balance(), Error::OperationInProgress(None)]),
        operator(GET, "/v1/operator/operations", "list-stuck-operations", "Operations that need an operator")
            .says(
                "Of all tenants, each with what is known and what can be done. `status` is `stuck`, `waiting` or \
                 `running_late`; a page may be short, or empty, and still have a `next_cursor`.",
            )
            .query::<use_cases::operator::OperationsRequest>()
            .lists::<OperatorOperationView>("Oldest first; those that run late, by when they are tried next."),
        operator(POST, "/v1/operator/operations/{id}/resume", "resume-operation", "Let a stuck operation go on")
            .answers::<OperatorOperationView>(200, "It goes on from where it was.")
            .refuses([Error::NotStuck(OperationStatus::Running), Error::OperationInProgress(None)]),
        operator(POST, "/v1/operator/operations/{id}/complete", "complete-operation", "Say what was done by hand")
            .says(
                "Of an operation that waits for an operator: a number was ordered in the carrier's panel (`e164` and `sip` are \
                 needed), cannot be had (`refused`), or was cancelled there (nothing is).",
            )
            .body::<use_cases::by_hand::Request>()
            .answers::<OperatorOperationView>(200, "It goes on from there.")
            .refuses([Error::NotWaiting, Error::NumberUnavailable, Error::OperationInProgress(None)]),
        operator(GET, "/v1/operator/numbers", "list-parked-numbers", "Numbers that wait for an operator's decision")
            .says("Of all tenants; `parked` must be `true`. A page may be short and still have a `next_cursor`.")
            .query::<use_cases::parking::ListRequest>()
            .lists::<ParkedView>("Those that wait longest first."),
        operator(POST, "/v1/operator/numbers/{id}/park", "park-number", "Set a number aside")
            .says(
                "It keeps serving, and is neither charged nor dunned nor released until it is resolved. One that is parked \
                 already stays as it is.",
            )
            .body::<use_cases::parking::ParkRequest>()
            .answers::<NumberAndOperation>(200, "The number, parked.")
            .refuses([Error::NumberNotActive, Error::OperationInProgress(None)]),
        operator(POST, "/v1/operator/numbers/{id}/resolve", "resolve-number", "Decide about a parked number")
            .says(
                "`keep`: it goes on, and the periods it served meanwhile are charged. `release`: it is gone; it is charged no \
                 more, and what is left of it is cleared away by the operation in the answer.",
            )
            .body::<use_cases::parking::ResolveRequest>()
            .answers::<NumberAndOperation>(200, "The number as it is now, and its release, if that was the decision.")
            .refuses([Error::NumberNotParked, Error::NumberNotActive, Error::OperationInProgress(None)]),
        operator(GET, "/v1/operator/audit", "list-audit", "Who did what to whose numbers and money")
            .says("By operators and by jobs that repair. A page may be short, or empty, and still have a `next_cursor`.")
            .query::<use_cases::audit::ListRequest>()
            .lists::<AuditView>("Newest first."),
        operator(GET, "/v1/operator/billing/preview", "preview-billing", "What charging on a day would come to")
            .says("Wallet by wallet, given what each has now. Moves nothing.")
            .query::<use_cases::statements::PreviewRequest>()
            .lists::<BillingPreviewView>("By tenant and currency, those with something due."),
        operator(
            GET,
            "/v1/operator/tenants/{id}/margin",
            "report-margin",
            "What a tenant's numbers brought in against what their carriers charged",
        )
        .query::<use_cases::statements::MarginRequest>()
        .answers::<MarginView>(200, "Since the first of its numbers."),
        operator(GET, "/v1/operator/ledger/verify", "verify-ledger", "Whether the ledger adds up")
            .says("Every wallet is the sum of its entries and holds, and every entry balances.")
            .query::<use_cases::statements::VerifyRequest>()
            .answers::<LedgerCheckView>(200, "What was checked, and what is wrong."),
        operator(POST, "/v1/operator/reconcile", "start-reconciliation", "Hold the books against the world now")
            .says(
                "Repairs what only restores our own settings, parks what is missing, gives back what was left behind when it \
                 was seen a day before, and reports the rest. Nothing without our tag is touched.",
            )
            .body::<use_cases::reconciliation::ReconcileRequest>()
            .answers::<ReconciliationView>(200, "It is over.")
            .answers::<ReconciliationView>(202, "It goes on by itself.")
            .refuses([Error::OperationInProgress(None)]),
        operator(GET, "/v1/operator/reconcile/{id}", "get-reconciliation", "A run of reconciliation")
            .says("By its id, or `latest` for the last one that is over.")
            .answers::<ReconciliationView>(200, "What was found, and what was done."),
        operator(GET, "/v1/operator/agreement/{date}", "get-agreement", "A day's statement of agreement")
            .answers::<AgreementView>(200, "As the day's last run left it."),
        operator(POST, "/v1/operator/renew", "start-renewals", "Charge what begins today")
            .says(RUN)
            .body::<use_cases::statements::RunRequest>()
            .answers::<RunView>(200, "Wallets that were queued; with `dry_run`, what would be charged."),
        operator(POST, "/v1/operator/dun", "start-dunning", "Go on with overdue numbers")
            .says(RUN)
            .body::<use_cases::statements::RunRequest>()
            .answers::<RunView>(200, "Wallets that were queued; with `dry_run`, what would become of their numbers."),
    ]
}

const RUN: &str = "What the hourly tick does, at once. A day that was sent out already is sent no second time.";

fn webhooks() -> Vec<Endpoint> {
    const CALL: [(&str, &str); 4] = [
        ("CallSid", "The carrier's id of the call."),
        ("CallStatus", "How it stands."),
        ("From", "Who calls."),
        ("To", "The number called."),
    ];
    let call_and = |name, description| [&CALL[..], &[(name, description)]].concat();
    vec![
        twilio(paths::VOICE, "incoming-call", "What to do with an incoming call", &[], &CALL),
        twilio(
            paths::DIAL_RESULT,
            "dial-result",
            "How a hand-over went, and what to do next",
            &[("agent", "Who was to answer, if an agent was."), ("why", "Why it was forwarded, if it was.")],
            &call_and("DialCallStatus", "How the hand-over ended."),
        ),
        twilio(paths::VOICE_FALLBACK, "voice-fallback", "What to do when the first webhook did not answer", &[], &CALL),
        twilio(
            paths::CALL_STATUS,
            "call-status",
            "How a call stands",
            &[],
            &call_and("CallDuration", "Seconds, once it is over."),
        ),
        platform(paths::VAPI, "vapi-webhook", "How a call at Vapi stands", "X-Signature"),
        platform(paths::RETELL, "retell-webhook", "How a call at Retell stands", "X-Retell-Signature"),
        platform(paths::ELEVENLABS, "elevenlabs-webhook", "How a call at ElevenLabs stands", "ElevenLabs-Signature"),
        stripe(paths::STRIPE, "stripe-webhook", "What became of a payment"),
    ]
}

fn about() -> Vec<Endpoint> {
    let document = Content::new(Some(Object::new()));
    let document = ResponseBuilder::new().description("OpenAPI 3.1.").content("application/json", document).build();
    vec![public(GET, "/v1/openapi.json", "get-openapi", "This document").answers_as(200, document)]
}

// Errors that carry more than a word, as examples of their kind.

fn insufficient_balance() -> Error {
    Error::InsufficientBalance { required: Money::zero(Currency::USD), available: Money::zero(Currency::USD) }
}

fn failed(code: FailureCode) -> Error {
    let id = format!("op_{:032}", 0).parse::<OperationId>().expect("an id as it is written");
    Error::Operation(id, Failure::new(code, ""))
}

fn amount_out_of_range() -> Error {
    Error::AmountOutOfRange { min: Money::zero(Currency::USD), max: Money::zero(Currency::USD) }
}

fn payments() -> [Error; 2] {
    let kinds = [ProviderErrorKind::Unavailable, ProviderErrorKind::Misconfigured];
    kinds.map(|kind| Error::Payments(ProviderError::new(kind, "")))
}

fn platform_refuses() -> Error {
    Error::Platform(ProviderError::new(ProviderErrorKind::Unavailable, ""))
}

fn carrier() -> [Error; 2] {
    let kinds = [ProviderErrorKind::Unavailable, ProviderErrorKind::Misconfigured];
    kinds.map(|kind| Error::Carrier(ProviderError::new(kind, "")))
}
