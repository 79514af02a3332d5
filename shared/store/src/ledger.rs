//! The ledger as a whole, for the operator's check: every wallet there is, and every hold of a tenant.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use domain::TenantId;
use domain::wallet::{Hold, Wallet};

use crate::Store;
use crate::item::{Item, StoreError, decode, key_of, text};
use crate::keys::{self, Key, PK, SK};
use crate::page::{Cursor, Listing, Page};

impl Store {
    /// Wallets of all tenants, in no order, a page at a time. Reads the whole table: for checks that a person asks for.
    pub async fn wallet_scan(&self, after: Option<Key>) -> Result<(Vec<(TenantId, Wallet)>, Option<Key>), StoreError> {
        let answer = self
            .client()
            .scan()
            .table_name(&self.table)
            .filter_expression("begins_with(sk, :wallets)")
            .expression_attribute_values(":wallets", text(keys::WALLETS))
            .set_exclusive_start_key(after.as_ref().map(key_of))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::unavailable(&error))?;
        let mut wallets = Vec::new();
        for item in answer.items.unwrap_or_default() {
            let pk = field(&item, PK);
            let tenant = keys::read_tenant(&pk).and_then(|tenant| tenant.parse().ok());
            let tenant = tenant.ok_or_else(|| StoreError::Corrupt(format!("{pk} has a wallet")))?;
            wallets.push((tenant, decode(item)?));
        }
        let next = answer.last_evaluated_key.map(|key| Key { pk: field(&key, PK), sk: field(&key, SK) });
        Ok((wallets, next))
    }

    /// Holds of a tenant.
    pub async fn hold_list(
        &self,
        tenant: &TenantId,
        after: Option<Cursor>,
        limit: u16,
    ) -> Result<Page<Hold>, StoreError> {
        let pk = keys::tenant_partition(tenant);
        self.list(Listing { pk, prefix: keys::HOLDS, forward: true, after, limit }, |_| true).await
    }
}

fn field(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}
