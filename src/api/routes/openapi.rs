//! The documentation of the API as `OpenAPI` 3.1, made of the table of routes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::http::{Method, StatusCode};
use actix_web::web::Bytes;
use serde_json::Value;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem,
    PathsBuilder, RefOr, Required, ResponseBuilder, ResponsesBuilder,
};

use super::spec::{Content, Param, Schemas, Spec, of};
use super::{ROUTES, doors};
use crate::api::guard::Role;
use crate::api::problem::{PROBLEM_JSON, Problem};

/// Refusals that every route has: what comes before its answer.
const EVERYWHERE: [u16; 5] = [400, 401, 403, 429, 500];
/// Refusals of bodies.
const OF_BODIES: [u16; 3] = [413, 415, 422];

/// Bodies that take no fields but those described, which their derived schemas do not say.
const STRICT: [&str; 4] = ["Opening", "Intervention", "Clock", "Jump"];

/// Says of every object of a schema that it has no further fields.
fn close(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) if !object.properties.is_empty() => {
            object.properties.values_mut().for_each(close);
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        RefOr::T(Schema::OneOf(several)) => several.items.iter_mut().for_each(close),
        _ => {}
    }
}

static TEXT: LazyLock<Bytes> = LazyLock::new(|| {
    let written = serde_json::to_vec(&document());
    debug_assert!(written.is_ok(), "documents always become JSON");
    written.unwrap_or_default().into()
});

/// The document as JSON.
pub(super) fn text() -> Bytes {
    TEXT.clone()
}

/// The document.
pub(super) fn document() -> OpenApi {
    let mut schemas = Schemas::new();
    let mut paths = PathsBuilder::new();
    for spec in ROUTES.iter().map(|spec| &**spec).chain(&doors::routes()) {
        paths = paths.path(spec.path, PathItem::new(method(&spec.method), operation(spec, &mut schemas)));
    }
    let mut known: BTreeMap<String, RefOr<Schema>> = schemas.into_iter().collect();
    for name in STRICT {
        known.get_mut(name).into_iter().for_each(close);
    }
    let components = ComponentsBuilder::new()
        .schemas_from_iter(known)
        .security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                "X-Api-Key",
                "A key that the operator of this server gave out.",
            ))),
        )
        .security_scheme(
            "bearer",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format("JWT")
                    .description(Some("A key, or a token of the issuer that this server trusts."))
                    .build(),
            ),
        );
    let info = InfoBuilder::new()
        .title("citytwin")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A city alive: its map, its sessions, and every number behind it. Times are instants of the city in UTC (RFC 3339), or \
             seconds after its midnight where the name ends in `_s`. Errors are problems (RFC 9457).",
        ))
        .build();
    let open = SecurityRequirement::default();
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .components(Some(components.build()))
        .security(Some([
            SecurityRequirement::new::<_, _, String>("bearer", []),
            SecurityRequirement::new::<_, _, String>("api_key", []),
            // A server that only this machine reaches asks for none.
            open,
        ]))
        .build()
}

fn method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn parameter(param: &Param, place: ParameterIn) -> ParameterBuilder {
    let required = if matches!(place, ParameterIn::Path) { Required::True } else { Required::False };
    let example = match param.kind {
        super::spec::Kind::Whole(..) | super::spec::Kind::Number(..) => {
            serde_json::from_str(param.example).unwrap_or_else(|_| Value::from(param.example))
        }
        kind if kind.is_list() => serde_json::from_str(&format!("[{}]", param.example)).unwrap_or_default(),
        _ => Value::from(param.example),
    };
    let built = ParameterBuilder::new()
        .name(param.name)
        .parameter_in(place)
        .required(required)
        .description(Some(param.says))
        .schema(Some(param.kind.schema()))
        .example(Some(example));
    if param.kind.is_list() { built.style(Some(ParameterStyle::Form)).explode(Some(false)) } else { built }
}

fn content(content: &Content, schemas: &mut Schemas) -> ContentBuilder {
    ContentBuilder::new().schema(Some((content.schema)(schemas)))
}

fn operation(spec: &Spec, schemas: &mut Schemas) -> OperationBuilder {
    let who = match spec.role {
        _ if spec.open => "Open to everybody who reaches the server.",
        Role::Viewer => "For viewers and above.",
        Role::Trainer => "For trainers and above.",
        Role::Operator => "For operators and above.",
        Role::Admin => "For administrators.",
    };
    let mut operation = OperationBuilder::new()
        .operation_id(Some(spec.id))
        .tag(spec.tag)
        .summary(Some(spec.summary))
        .description(Some(who))
        .responses(responses(spec, schemas));
    for param in spec.in_path {
        operation = operation.parameter(parameter(param, ParameterIn::Path));
    }
    for param in spec.in_query {
        operation = operation.parameter(parameter(param, ParameterIn::Query));
    }
    // Coming in and going out is the guard's: nothing is remembered of it by a key.
    if spec.changes() && spec.tag != "access" {
        let key = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[!-~]([ -~]*[!-~])?$"));
        operation = operation.parameter(
            ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some("The same request with the same key within a day is done once and answered alike."))
                .schema(Some(key)),
        );
    }
    if let Some((body, example)) = &spec.body {
        let example = serde_json::from_str(example).ok();
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content(body.media, content(body, schemas).example(example).build())
            .build();
        operation = operation.request_body(Some(body));
    }
    operation
}

fn responses(spec: &Spec, schemas: &mut Schemas) -> ResponsesBuilder {
    let reason = |status: u16| StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut success = ResponseBuilder::new().description(reason(spec.status).unwrap_or("Done"));
    for one in &spec.gives {
        success = success.content(one.media, content(one, schemas).build());
    }
    let mut responses = ResponsesBuilder::new().response(spec.status.to_string(), success);
    if spec.tag == "map" {
        responses = responses.response("304", ResponseBuilder::new().description("What the `ETag` names still holds"));
    }
    let bodies = if spec.body.is_some() { OF_BODIES.as_slice() } else { &[] };
    let keyed: &[u16] = if spec.changes() { &[409, 422] } else { &[] };
    let mut statuses: Vec<u16> = [&EVERYWHERE, bodies, keyed, spec.refuses].concat();
    if !spec.in_path.is_empty() {
        statuses.push(404);
    }
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let problem = of::<Problem>(schemas);
        let mut answer = ResponseBuilder::new()
            .description(reason(status).unwrap_or("Error"))
            .content(PROBLEM_JSON, ContentBuilder::new().schema(Some(problem)).build());
        if matches!(status, 429 | 503) {
            let seconds =
                ObjectBuilder::new().schema_type(Type::Integer).description(Some("Ask again after so long [s]."));
            answer = answer.header("Retry-After", HeaderBuilder::new().schema(Some(seconds)).build());
        }
        responses = responses.response(status.to_string(), answer);
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document: Value = serde_json::from_slice(&text()).expect("it is JSON");
        assert_eq!(document["openapi"], "3.1.0");
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, item) in document["paths"].as_object().expect("there are paths") {
            described.extend(item.as_object().expect("an item").keys().map(|one| (one.to_uppercase(), path.clone())));
        }
        let mut listed: Vec<(String, String)> =
            super::super::listed().into_iter().map(|(method, path)| (method, path.to_owned())).collect();
        listed.extend(doors::routes().iter().map(|spec| (spec.method.to_string(), spec.path.to_owned())));
        described.sort();
        listed.sort();
        assert_eq!(described, listed);
    }

    #[test]
    fn names_are_unique_and_references_lead_somewhere() {
        let text = String::from_utf8(text().to_vec()).expect("UTF-8");
        let document: Value = serde_json::from_str(&text).expect("it is JSON");
        let mut ids: Vec<&str> = ROUTES.iter().map(|spec| spec.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn examples_are_what_their_parameters_take() {
        for spec in ROUTES.iter() {
            let names: Vec<&str> =
                spec.path.split('{').skip(1).filter_map(|rest| rest.split(['}', ':']).next()).collect();
            let described: Vec<&str> = spec.in_path.iter().map(|param| param.name).collect();
            assert_eq!(names, described, "{}", spec.path);
            for param in spec.in_path.iter().chain(spec.in_query) {
                assert_eq!(param.kind.complaint(param.example), None, "{} {}", spec.path, param.name);
            }
            if let Some((_, example)) = spec.body {
                assert!(serde_json::from_str::<Value>(example).is_ok(), "{}", spec.path);
            }
        }
    }
}
