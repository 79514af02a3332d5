//! What a carrier sends and is answered: signed forms, and documents in its own XML; and what the payment provider sends.

use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Content, Object, Required, Response, ResponseBuilder};

use super::endpoint::{Endpoint, parameter, public, string};

/// A webhook of Twilio's. `query` is what the configured URL carries beside the tenant, `form` what is read of the body.
pub(super) fn twilio(
    path: &'static str,
    function: &str,
    summary: &str,
    query: &[(&str, &str)],
    form: &[(&str, &str)],
) -> Endpoint {
    let signature = "Over the configured URL and the form; nothing is believed without it.";
    let mut endpoint = public(http::Method::POST, path, function, summary)
        .parameter(header("X-Twilio-Signature", signature).required(Required::True))
        .parameter(configured("tenant", "Whose number it is.").required(Required::True));
    for (name, description) in query {
        endpoint = endpoint.parameter(configured(name, description));
    }
    endpoint
        .form(fields(form))
        .answers_as(200, twiml())
        .answers_as(403, Response::new("The signature is not good; nothing was done."))
        .answers_as(503, Response::new("Not now; it may be sent again."))
}

/// The webhook of Stripe's.
pub(super) fn stripe(path: &'static str, function: &str, summary: &str) -> Endpoint {
    let signature = "Over the bytes of the body; nothing is believed without it.";
    public(http::Method::POST, path, function, summary)
        .says("A snapshot event. What does not concern us is answered like what was dealt with.")
        .parameter(header("Stripe-Signature", signature).required(Required::True))
        .answers_as(200, Response::new("Dealt with."))
        .answers_as(400, Response::new("`bad_signature`: The signature is not good; nothing was done."))
        .answers_as(413, Response::new("`too_large`: The request is too large."))
        .answers_as(503, Response::new("Not now; it is to be sent again."))
}

/// The webhook of a voice platform's; `signed` is the header with its signature.
pub(super) fn platform(path: &'static str, function: &str, summary: &str, signed: &str) -> Endpoint {
    let signature = "Over the bytes of the body; nothing is believed without it.";
    public(http::Method::POST, path, function, summary)
        .says("What does not concern us is answered like what was dealt with.")
        .parameter(header(signed, signature).required(Required::True))
        .answers_as(200, Response::new("Dealt with."))
        .answers_as(403, Response::new("The signature is not good; nothing was done."))
        .answers_as(413, Response::new("The request is too large."))
        .answers_as(503, Response::new("Not now; it is to be sent again."))
}

fn header(name: &str, description: &str) -> utoipa::openapi::path::ParameterBuilder {
    parameter(name, ParameterIn::Header, description, string())
}

fn configured(name: &str, description: &str) -> utoipa::openapi::path::ParameterBuilder {
    parameter(name, ParameterIn::Query, description, string())
}

fn fields(form: &[(&str, &str)]) -> Object {
    let field = |description: &str| ObjectBuilder::from(string()).description(Some(description)).build();
    let form = form.iter().fold(ObjectBuilder::new(), |form, (name, says)| form.property(*name, field(says)));
    form.description(Some("Fields that are read; all that are sent are signed.")).build()
}

fn twiml() -> Response {
    let content = Content::new(Some(string()));
    ResponseBuilder::new().description("TwiML: what to do next.").content("text/xml", content).build()
}
