//! Secrets: versions and the stages that move between them.

use crate::fixture::Local;

#[tokio::test]
async fn a_secrets_stages_move_as_versions_come() {
    let local = Local::start(None).await;
    let client = local.secrets();
    let get = |stage: &str| client.get_secret_value().secret_id("app/key").version_stage(stage).send();

    let missing = get("AWSCURRENT").await.unwrap_err().into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");
    local.aws.secrets.put("app/key", "one");
    let current = client.get_secret_value().secret_id("app/key").send().await.unwrap();
    assert_eq!(current.secret_string(), Some("one"));
    assert_eq!(current.created_date().unwrap().secs(), local.now().as_second());
    let arn = current.arn().unwrap();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:app/key-"));

    // A rotation: the new version waits, then takes over.
    let pending = client.put_secret_value().secret_id(arn).secret_string("two").version_stages("AWSPENDING");
    let pending = pending.send().await.unwrap();
    assert_eq!(get("AWSCURRENT").await.unwrap().secret_string(), Some("one"));
    assert_eq!(get("AWSPENDING").await.unwrap().secret_string(), Some("two"));
    assert!(get("AWSPREVIOUS").await.unwrap_err().into_service_error().is_resource_not_found_exception());
    let promote = client.update_secret_version_stage().secret_id("app/key").version_stage("AWSCURRENT");
    let promote = promote.move_to_version_id(pending.version_id().unwrap());
    promote.remove_from_version_id(current.version_id().unwrap()).send().await.unwrap();
    assert_eq!(get("AWSCURRENT").await.unwrap().secret_string(), Some("two"));
    assert_eq!(get("AWSPREVIOUS").await.unwrap().secret_string(), Some("one"));

    client.update_secret().secret_id("app/key").secret_string("three").send().await.unwrap();
    assert_eq!(get("AWSCURRENT").await.unwrap().secret_string(), Some("three"));
    assert_eq!(get("AWSPREVIOUS").await.unwrap().secret_string(), Some("two"));
    let by_id = client.get_secret_value().secret_id(arn).version_id(pending.version_id().unwrap());
    assert_eq!(by_id.send().await.unwrap().secret_string(), Some("two"));
    let gone = client.get_secret_value().secret_id(arn).version_id(current.version_id().unwrap());
    assert!(gone.send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    let description = client.describe_secret().secret_id(arn).send().await.unwrap();
    let stages = &description.version_ids_to_stages().unwrap()[pending.version_id().unwrap()];
    assert_eq!(stages, &["AWSPENDING", "AWSPREVIOUS"]);

    let again = client.create_secret().name("app/key").secret_string("x").send().await;
    assert!(again.unwrap_err().into_service_error().is_resource_exists_exception());
    client.create_secret().name("app/other").secret_string("x").send().await.unwrap();
    assert_eq!(client.list_secrets().send().await.unwrap().secret_list().len(), 2);
}
