//! The OpenAPI document of this API, as it was generated and checked in.

use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use shared::http::Routes;
use shared::http::routes::Access;

/// The document; a test holds it against the code.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// GET /v1/openapi.json
pub fn routes() -> Routes {
    Routes::one(Method::GET, "/v1/openapi.json", Access::Public, handle)
}

async fn handle() -> Response {
    let mut response = DOCUMENT.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
