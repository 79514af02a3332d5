//! The OpenAPI document of this API, made from the types that travel and the errors that are answered.
//!
//! What it says of a route stands in [`routes`], a few lines each; how those lines become an operation is in
//! [`endpoint`]. The document is checked in beside the function that serves it, so that no Lambda carries this module; a
//! test holds the two against each other, and this table against the routes in code.

mod routes;

mod endpoint;
mod webhook;

use std::collections::BTreeMap;

use http::Method;
use utoipa::ToSchema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, RefOr, Response, Schema, ServerBuilder, Tag,
};

use crate::http::Problem;
use endpoint::Endpoint;

/// Name of the security scheme.
const BEARER: &str = "bearer";
/// Name of the answer that the gateway itself gives.
const TOO_MANY_REQUESTS: &str = "TooManyRequests";

const DESCRIPTION: &str = "\
Phone numbers for voice-AI products: find, buy, hand to an agent, pay, give back.

**Tokens.** A bearer JWT says which tenant calls, in which role (`viewer` reads; `member` also edits, links and makes \
agents; `admin` and `owner` may do everything of the tenant; `operator` is none of a tenant's) and, if it is confined to \
one, in which project. What a caller may not see is answered exactly like what does not exist.

**Refusals** are `application/problem+json` (RFC 9457) with a stable `code`. A path that is none is 404 `not_found`, a \
method that a path does not have is 405 `method_not_allowed`.

**Repeats.** `Idempotency-Key` makes a POST safe to send again: one key stands for one effect, for ever. A key that comes \
with a different request is refused, a key whose operation failed answers that failure, and a request that was refused \
before anything began leaves its key free.

**Work that takes longer** than a request may wait answers 202 with an operation and its `Location`; \
`Prefer: respond-async` asks for that at once.

**Lists** come in pages: `next_cursor` is the `cursor` of the next one, and null at the end.

**Values.** Amounts are decimal numbers in strings, never floating point. Phone numbers are E.164. Instants are ISO 8601 \
in UTC. Fields may be added; clients ignore those they do not know.";

/// The whole document.
///
/// # Panics
/// When two types that look different would have the same name in it; give one another name (`schema(as = …)`).
#[must_use]
pub fn document() -> OpenApi {
    let (mut paths, mut tags) = (Paths::new(), Vec::new());
    let mut schemas: BTreeMap<String, RefOr<Schema>> = endpoint::schemas::<Problem>().into_iter().collect();
    for section in routes::sections() {
        tags.push(Tag::builder().name(section.name).description(Some(section.description)).build());
        for endpoint in section.endpoints {
            for (name, schema) in &endpoint.schemas {
                let known = schemas.entry(name.clone()).or_insert_with(|| schema.clone());
                assert!(known == schema, "{}: another type is called {name} too", endpoint.path);
            }
            let (method, path) = (endpoint.openapi_method(), endpoint.path);
            paths.add_path_operation(path, vec![method], endpoint.operation(section.name));
        }
    }
    let components = ComponentsBuilder::new()
        .security_scheme(BEARER, bearer())
        .response(TOO_MANY_REQUESTS, Response::new("`rate_limited`: more requests than the gateway lets through."))
        .schemas_from_iter(schemas);
    let info = InfoBuilder::new().title("Trunkline").version("v1").description(Some(DESCRIPTION)).build();
    let here = ServerBuilder::new().url("/").description(Some("Where this document came from.")).build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([here]))
        .paths(paths)
        .components(Some(components.build()))
        .tags(Some(tags))
        .build()
}

/// The document as it is checked in: indented, in an order that never varies, with a line end.
///
/// # Panics
/// As [`document`].
#[must_use]
pub fn json() -> String {
    let mut text = document().to_pretty_json().expect("strings and maps are JSON");
    text.push('\n');
    text
}

/// Method and path of every operation in the document.
#[must_use]
pub fn operations() -> Vec<(Method, String)> {
    let endpoints = routes::sections().into_iter().flat_map(|section| section.endpoints);
    endpoints.map(|endpoint| (endpoint.method, endpoint.path.to_owned())).collect()
}

fn bearer() -> SecurityScheme {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    SecurityScheme::Http(scheme.description(Some("A token of the deployment's identity provider.")).build())
}

/// What a type is called in the document.
fn name<T: ToSchema>() -> String {
    T::name().into_owned()
}

/// Operations that belong together.
struct Section {
    name: &'static str,
    description: &'static str,
    endpoints: Vec<Endpoint>,
}
