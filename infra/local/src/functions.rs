//! Every function with routes, in one service.

use shared::http::Routes;

/// The routes of all functions in one service.
#[must_use]
pub fn all() -> Routes {
    by_function().into_iter().map(|(_, routes)| routes).fold(Routes::default(), Routes::and)
}

/// Every function that serves HTTP, by the name of its crate. A function that is missing here fails a test.
#[must_use]
pub fn by_function() -> Vec<(&'static str, Routes)> {
    vec![
        ("add-agent-number", add_agent_number::routes()),
        ("adjust-wallet", adjust_wallet::routes()),
        ("call-status", call_status::routes()),
        ("create-agent", create_agent::routes()),
        ("create-project", create_project::routes()),
        ("delete-agent", delete_agent::routes()),
        ("delete-project", delete_project::routes()),
        ("dial-result", dial_result::routes()),
        ("drop-agent-number", drop_agent_number::routes()),
        ("elevenlabs-webhook", elevenlabs_webhook::routes()),
        ("get-agent", get_agent::routes()),
        ("get-agreement", get_agreement::routes()),
        ("get-number", get_number::routes()),
        ("get-number-agreement", get_number_agreement::routes()),
        ("get-openapi", get_openapi::routes()),
        ("get-operation", get_operation::routes()),
        ("get-project", get_project::routes()),
        ("get-reconciliation", get_reconciliation::routes()),
        ("get-top-up", get_top_up::routes()),
        ("get-wallet", get_wallet::routes()),
        ("import-number", import_number::routes()),
        ("incoming-call", incoming_call::routes()),
        ("link-number", link_number::routes()),
        ("list-agents", list_agents::routes()),
        ("list-audit", list_audit::routes()),
        ("list-calls", list_calls::routes()),
        ("list-countries", list_countries::routes()),
        ("list-entries", list_entries::routes()),
        ("list-numbers", list_numbers::routes()),
        ("list-operations", list_operations::routes()),
        ("list-parked-numbers", list_parked_numbers::routes()),
        ("list-projects", list_projects::routes()),
        ("list-stuck-operations", list_stuck_operations::routes()),
        ("list-tenants", list_tenants::routes()),
        ("list-upcoming-charges", list_upcoming_charges::routes()),
        ("park-number", park_number::routes()),
        ("place-test-call", place_test_call::routes()),
        ("preview-billing", preview_billing::routes()),
        ("purchase-number", purchase_number::routes()),
        ("release-number", release_number::routes()),
        ("report-margin", report_margin::routes()),
        ("resolve-number", resolve_number::routes()),
        ("resume-operation", resume_operation::routes()),
        ("complete-operation", complete_operation::routes()),
        ("retell-webhook", retell_webhook::routes()),
        ("search-numbers", search_numbers::routes()),
        ("set-auto-top-up", set_auto_top_up::routes()),
        ("start-dunning", start_dunning::routes()),
        ("start-reconciliation", start_reconciliation::routes()),
        ("start-renewals", start_renewals::routes()),
        ("start-top-up", start_top_up::routes()),
        ("stripe-webhook", stripe_webhook::routes()),
        ("undo-release", undo_release::routes()),
        ("unlink-number", unlink_number::routes()),
        ("update-number", update_number::routes()),
        ("update-project", update_project::routes()),
        ("update-tenant", update_tenant::routes()),
        ("vapi-webhook", vapi_webhook::routes()),
        ("verify-ledger", verify_ledger::routes()),
        ("voice-fallback", voice_fallback::routes()),
    ]
}
