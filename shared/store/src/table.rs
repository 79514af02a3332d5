//! The table itself, for hosts that have to create it; in the cloud the SAM template does, and a test compares both.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification,
};

use crate::item::StoreError;
use crate::keys::{
    ANCHOR_INDEX, ANCHOR_PK, ANCHOR_SK, CALLS_INDEX, CALLS_PK, CALLS_SK, DUE_INDEX, DUE_PK, DUE_SK, PK, SK, TTL,
};

/// Every index: name, partition key, sort key, and whether it carries whole items.
pub const INDEXES: [(&str, &str, &str, bool); 3] = [
    (DUE_INDEX, DUE_PK, DUE_SK, false),
    (ANCHOR_INDEX, ANCHOR_PK, ANCHOR_SK, false),
    (CALLS_INDEX, CALLS_PK, CALLS_SK, true),
];

/// Creates the table with its indexes and its time to live; one that is there already is left as it is.
///
/// # Errors
/// When DynamoDB refuses for any other reason.
pub async fn create(client: &Client, name: &str) -> Result<(), StoreError> {
    let bad = |error: aws_sdk_dynamodb::error::BuildError| StoreError::Corrupt(error.to_string());
    let schema = |pk: &str, sk: &str| -> Result<Vec<KeySchemaElement>, StoreError> {
        [(pk, KeyType::Hash), (sk, KeyType::Range)]
            .into_iter()
            .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(bad))
            .collect()
    };
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema(PK, SK)?));
    let keys = INDEXES.iter().flat_map(|(_, pk, sk, _)| [*pk, *sk]).chain([PK, SK]);
    for key in keys {
        let definition =
            AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S).build();
        request = request.attribute_definitions(definition.map_err(bad)?);
    }
    for (index, pk, sk, whole) in INDEXES {
        let projected = if whole { ProjectionType::All } else { ProjectionType::KeysOnly };
        let built = GlobalSecondaryIndex::builder()
            .index_name(index)
            .set_key_schema(Some(schema(pk, sk)?))
            .projection(Projection::builder().projection_type(projected).build())
            .build();
        request = request.global_secondary_indexes(built.map_err(bad)?);
    }
    match request.send().await {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if matches!(error.err(), CreateTableError::ResourceInUseException(_)) => {
            return Ok(());
        }
        Err(error) => return Err(StoreError::unavailable(&error)),
    }
    let ttl = TimeToLiveSpecification::builder().attribute_name(TTL).enabled(true).build().map_err(bad)?;
    let on = client.update_time_to_live().table_name(name).time_to_live_specification(ttl).send().await;
    on.map(|_| ()).map_err(|error| StoreError::unavailable(&error))
}
