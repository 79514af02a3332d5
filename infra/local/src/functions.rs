//! Every function with routes, in one router.

use shared::http::Routes;

/// The routes of all functions.
#[must_use]
pub fn all() -> Routes {
    let each = [
        adjust_wallet::routes(),
        call_status::routes(),
        create_agent::routes(),
        create_project::routes(),
        delete_agent::routes(),
        delete_project::routes(),
        dial_result::routes(),
        get_agent::routes(),
        get_number::routes(),
        get_openapi::routes(),
        get_operation::routes(),
        get_project::routes(),
        get_wallet::routes(),
        incoming_call::routes(),
        link_number::routes(),
        list_agents::routes(),
        list_calls::routes(),
        list_countries::routes(),
        list_entries::routes(),
        list_numbers::routes(),
        list_operations::routes(),
        list_projects::routes(),
        list_stuck_operations::routes(),
        purchase_number::routes(),
        release_number::routes(),
        resume_operation::routes(),
        search_numbers::routes(),
        unlink_number::routes(),
        update_number::routes(),
        update_project::routes(),
        update_tenant::routes(),
        voice_fallback::routes(),
    ];
    each.into_iter().fold(Routes::default(), Routes::and)
}
