//! Imports, as the API shows them to the operator. Nothing here is kept anywhere.

use domain::Money;
use serde::Serialize;

use super::CapabilitiesView;

/// What a dry run of an import found: everything was checked and nothing moved.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportPreview {
    /// What would be imported.
    pub would: ImportableView,
}

/// A number of the carrier's account that could be imported.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Importable))]
pub struct ImportableView {
    /// E.164.
    pub e164: String,
    /// Who would hold it.
    pub tenant_id: String,
    /// Country it belongs to.
    pub country: String,
    /// Sort of number.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who has it.
    pub carrier: &'static str,
    /// The carrier's id of it; null where we have no account.
    pub carrier_id: Option<String>,
    /// The carrier's name for it, which is put back when it is detached; null where we have no account.
    pub carrier_name: Option<String>,
    /// A month.
    pub price: Money,
    /// The tenant's plan includes it: its periods cost nothing.
    pub included: bool,
    /// What it can do.
    pub capabilities: CapabilitiesView,
    /// `detach` or `release`.
    pub on_end: &'static str,
}
