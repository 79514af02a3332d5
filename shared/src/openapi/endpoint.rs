//! One operation of the document: the few words a route says of itself, and what follows from them for every route of its
//! kind (who may call, which refusals are common, how a list is paged).

use std::collections::BTreeMap;

use domain::limits;
use domain::tenant::Role;
use http::Method;
use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{
    Content, HttpMethod, Object, Ref, RefOr, Required, Response, ResponseBuilder, Schema, SecurityRequirement,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::{BEARER, TOO_MANY_REQUESTS, name};
use crate::Error;
use crate::api::{Items, Listed};
use crate::http::{Access, Problem};

/// A route as the document shows it.
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    access: Access,
    parameters: Vec<Parameter>,
    operation: OperationBuilder,
    problems: Vec<Problem>,
}

/// A type's schema under its name, and those it refers to.
pub(super) fn schemas<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(name::<T>(), T::schema())];
    T::schemas(&mut schemas);
    schemas
}

/// A route for a tenant's callers with at least this role.
pub(super) fn tenant(role: Role, method: Method, path: &'static str, function: &str, summary: &str) -> Endpoint {
    Endpoint::new(Access::Tenant(role), method, path, function, summary)
}

/// A route of the operator's.
pub(super) fn operator(method: Method, path: &'static str, function: &str, summary: &str) -> Endpoint {
    Endpoint::new(Access::Operator, method, path, function, summary)
}

/// A route of the operator's that also has an answer for a tenant's callers with at least this role.
pub(super) fn operator_or_tenant(
    role: Role,
    method: Method,
    path: &'static str,
    function: &str,
    summary: &str,
) -> Endpoint {
    Endpoint::new(Access::OperatorOrTenant(role), method, path, function, summary)
}

/// A route that asks for no token.
pub(super) fn public(method: Method, path: &'static str, function: &str, summary: &str) -> Endpoint {
    Endpoint::new(Access::Public, method, path, function, summary)
}

impl Endpoint {
    fn new(access: Access, method: Method, path: &'static str, function: &str, summary: &str) -> Self {
        let operation = OperationBuilder::new().operation_id(Some(function)).summary(Some(summary));
        let mut this =
            Self { method, path, schemas: Vec::new(), access, parameters: Vec::new(), operation, problems: Vec::new() };
        if access != Access::Public {
            this.problems.push(Problem::unauthenticated());
            this = this.refuses([Error::Forbidden, Error::Store(store::StoreError::Unavailable(String::new()))]);
        }
        match path.split_once("/{id}") {
            None => this,
            Some((before, _)) => {
                let noun = before.rsplit('/').next().unwrap_or_default().trim_end_matches('s');
                let id = parameter("id", ParameterIn::Path, &format!("Id of the {noun}."), string());
                this.parameters.push(id.required(Required::True).build());
                this.refuses([Error::NotFound])
            }
        }
    }

    /// More than the summary says.
    pub(super) fn says(mut self, description: &str) -> Self {
        self.operation = self.operation.description(Some(description));
        self
    }

    /// A query string, read into this type. What may be left out is never null.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        let parameters = T::into_params(|| Some(ParameterIn::Query));
        self.parameters.extend(parameters.into_iter().map(tightened));
        self.malformed()
    }

    /// A parameter that no type here reads.
    pub(super) fn parameter(mut self, parameter: ParameterBuilder) -> Self {
        self.parameters.push(parameter.build());
        self
    }

    /// A switch in the query string.
    pub(super) fn switch(mut self, name: &str, description: &str) -> Self {
        let schema = ObjectBuilder::new().schema_type(Type::Boolean).default(Some(json!(false))).build();
        self.parameters.push(parameter(name, ParameterIn::Query, description, schema).build());
        self.malformed()
    }

    /// `Idempotency-Key`, which a route that buys insists on.
    pub(super) fn repeatable(mut self, required: Required) -> Self {
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(limits::IDEMPOTENCY_KEY_CHARS_MAX))
            .build();
        let says = "The client's own name for this request; a repeat under it has no further effect.";
        if matches!(required, Required::True) {
            self = self.refuses([Error::IdempotencyKeyRequired]);
        }
        self.parameters.push(parameter("Idempotency-Key", ParameterIn::Header, says, key).required(required).build());
        self.refuses([Error::IdempotencyKeyReused]).malformed()
    }

    /// `Prefer: respond-async`, and the answer while an operation is still running.
    pub(super) fn may_take_longer<T: ToSchema>(mut self) -> Self {
        let prefer = ObjectBuilder::new().schema_type(Type::String).examples(["respond-async"]).build();
        let says = "`respond-async`: answer at once and let the operation go on.";
        self.parameters.push(parameter("Prefer", ParameterIn::Header, says, prefer).build());
        let location = HeaderBuilder::new().schema(Some(string())).description(Some("Of the operation.")).build();
        let running = json_response::<T>("Still running; the operation says how it stands.");
        self.schemas.extend(schemas::<T>());
        self.operation = self.operation.response("202", ResponseBuilder::from(running).header("Location", location));
        self
    }

    /// A JSON body of this type.
    pub(super) fn body<T: ToSchema>(mut self) -> Self {
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        let body = body.content("application/json", Content::new(Some(reference::<T>())));
        self.schemas.extend(schemas::<T>());
        self.problems.extend([Problem::too_large(), Problem::unsupported_media_type()]);
        self.operation = self.operation.request_body(Some(body.build()));
        self.malformed()
    }

    /// A form of a third party's.
    pub(super) fn form(mut self, form: Object) -> Self {
        let content = Content::new(Some(RefOr::T(Schema::Object(form))));
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        let body = body.content("application/x-www-form-urlencoded", content);
        self.operation = self.operation.request_body(Some(body.build()));
        self
    }

    /// A success, with a body of this type.
    pub(super) fn answers<T: ToSchema>(mut self, status: u16, description: &str) -> Self {
        self.schemas.extend(schemas::<T>());
        self.answers_as(status, json_response::<T>(description))
    }

    /// A success, in so many words.
    pub(super) fn answers_as(mut self, status: u16, response: Response) -> Self {
        self.operation = self.operation.response(status.to_string(), response);
        self
    }

    /// A page of these.
    pub(super) fn lists<T: ToSchema>(mut self, description: &str) -> Self {
        self.schemas.extend(schemas::<T>());
        self.named(format!("{}Page", name::<T>()), Listed::<T>::schema(), description)
    }

    /// All of these.
    pub(super) fn lists_all<T: ToSchema>(mut self, description: &str) -> Self {
        self.schemas.extend(schemas::<T>());
        self.named(format!("{}List", name::<T>()), Items::<T>::schema(), description)
    }

    fn named(mut self, name: String, schema: RefOr<Schema>, description: &str) -> Self {
        let content = Content::new(Some(Ref::from_schema_name(&name)));
        self.schemas.push((name, schema));
        self.answers_as(200, ResponseBuilder::new().description(description).content(JSON, content).build())
    }

    /// Reasons of its own to refuse; status, code and words are those the code answers with.
    pub(super) fn refuses(mut self, errors: impl IntoIterator<Item = Error>) -> Self {
        self.problems.extend(errors.into_iter().map(Problem::from));
        self
    }

    fn malformed(mut self) -> Self {
        self.problems.push(Problem::invalid("", ""));
        self
    }

    pub(super) fn openapi_method(&self) -> HttpMethod {
        match self.method {
            Method::PUT => HttpMethod::Put,
            Method::POST => HttpMethod::Post,
            Method::PATCH => HttpMethod::Patch,
            Method::DELETE => HttpMethod::Delete,
            _ => HttpMethod::Get,
        }
    }

    /// The operation, with everything that follows from what the route said.
    pub(super) fn operation(self, tag: &str) -> Operation {
        let mut operation = self.operation.tag(tag).response("429", Ref::from_response_name(TOO_MANY_REQUESTS));
        for parameter in self.parameters {
            operation = operation.parameter(parameter);
        }
        let mut problems: BTreeMap<u16, BTreeMap<&str, &str>> = BTreeMap::new();
        for problem in &self.problems {
            problems.entry(problem.status).or_default().insert(problem.code, problem.title);
        }
        for (status, codes) in problems {
            operation = operation.response(status.to_string(), refusal(&codes));
        }
        let role = match self.access {
            Access::Public => return operation.securities(Some([])).build(),
            Access::Tenant(role) | Access::OperatorOrTenant(role) => role,
            Access::Operator => Role::Operator,
        };
        let role: Extensions = [("x-role", json!(role))].into_iter().collect();
        operation.security(SecurityRequirement::new(BEARER, Vec::<String>::new())).extensions(Some(role)).build()
    }
}

const JSON: &str = "application/json";

/// A parameter; optional unless it is told otherwise.
pub(super) fn parameter(
    name: &str,
    place: ParameterIn,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
) -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name(name).parameter_in(place).required(Required::False);
    parameter.description(Some(description)).schema(Some(schema))
}

/// Any text.
pub(super) fn string() -> Object {
    Object::with_type(Type::String)
}

fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(name::<T>())
}

fn json_response<T: ToSchema>(description: &str) -> Response {
    let content = Content::new(Some(reference::<T>()));
    ResponseBuilder::new().description(description).content(JSON, content).build()
}

fn refusal(codes: &BTreeMap<&str, &str>) -> Response {
    let lines: Vec<String> = codes.iter().map(|(code, title)| format!("- `{code}`: {title}.")).collect();
    let content = Content::new(Some(reference::<Problem>()));
    ResponseBuilder::new().description(lines.join("\n")).content("application/problem+json", content).build()
}

/// A query parameter as it can be sent: left out rather than null, and a `limit` within its bounds.
fn tightened(mut parameter: Parameter) -> Parameter {
    if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema {
        if let SchemaType::Array(types) = &object.schema_type {
            let kind = types.iter().find(|kind| **kind != Type::Null).cloned();
            object.schema_type = kind.unwrap_or(Type::String).into();
        }
        if parameter.name == "limit" {
            let bounded =
                ObjectBuilder::from(std::mem::take(object)).minimum(Some(1)).default(Some(json!(limits::PAGE_DEFAULT)));
            *object = bounded.maximum(Some(limits::PAGE_MAX)).build();
        }
    }
    parameter
}
