//! All tenants, for the operator.

use domain::TenantId;
use store::page::Cursor;

use super::Paging;
use crate::api::{Listed, TenantListedView};
use crate::{App, Error};

/// Tenants that were set up or ever had money, by id. One that only reads, and was never set up, is nowhere in the books.
///
/// # Errors
/// [`Error::Invalid`].
pub async fn list(app: &App, paging: &Paging) -> Result<Listed<TenantListedView>, Error> {
    let (limit, after) = (paging.limit()?, paging.cursor("")?);
    let bad = |_| Error::invalid("cursor", "take it from `next_cursor` of the same list");
    let after: Option<TenantId> = after.map(|after| after.position().parse()).transpose().map_err(bad)?;
    let page = app.store.tenant_list(after.as_ref(), limit).await?;
    let known = app.store.tenants_get(&page.items).await?;
    let mut items = Vec::with_capacity(known.len());
    for (id, (tenant, holdings)) in page.items.iter().zip(known) {
        let wallets = app.store.wallet_list(id).await?;
        items.push(TenantListedView::of(id, tenant, app.plans.default_name(), &holdings, wallets));
    }
    Ok(Listed { items, next_cursor: page.next.as_ref().map(Cursor::encode) })
}
