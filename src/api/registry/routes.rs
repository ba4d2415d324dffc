//! The paths of Confluent's registry, and what each needs.

use std::sync::Arc;

use actix_web::guard as route_guard;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::Deserialize;
use serde_json::json;

use super::answers::{self as answers, Answer, Ask};
use crate::api::guard::{self, Role};
use crate::pipeline::registry::{Registry, RegistryError};

/// What clients of Confluent's registry call its JSON.
const MEDIA: &str = "application/vnd.schemaregistry.v1+json";
/// Largest body [bytes].
const BODY_MAX: usize = 1 << 20;

/// A path, who may ask, and who answers.
struct Route {
    method: Method,
    path: &'static str,
    role: Role,
    answer: fn(&Ask) -> Result<Answer, RegistryError>,
}

const fn route(
    method: Method,
    path: &'static str,
    role: Role,
    answer: fn(&Ask) -> Result<Answer, RegistryError>,
) -> Route {
    Route { method, path, role, answer }
}

/// Every path there is; those without names come before those with one in the same place.
const ROUTES: &[Route] = &[
    route(Method::GET, "/schemas/types", Role::Viewer, answers::types),
    route(Method::GET, "/schemas/ids/{id}", Role::Viewer, answers::by_id),
    route(Method::GET, "/schemas/ids/{id}/schema", Role::Viewer, answers::text_by_id),
    route(Method::GET, "/schemas/ids/{id}/subjects", Role::Viewer, answers::subjects_of),
    route(Method::GET, "/schemas/ids/{id}/versions", Role::Viewer, answers::versions_of),
    route(Method::GET, "/schemas", Role::Viewer, answers::all),
    route(Method::GET, "/subjects", Role::Viewer, answers::subjects),
    route(Method::GET, "/subjects/{subject}/versions", Role::Viewer, answers::versions),
    route(Method::POST, "/subjects/{subject}/versions", Role::Trainer, answers::register),
    route(Method::GET, "/subjects/{subject}/versions/{version}", Role::Viewer, answers::version),
    route(Method::DELETE, "/subjects/{subject}/versions/{version}", Role::Operator, answers::delete_version),
    route(Method::GET, "/subjects/{subject}/versions/{version}/schema", Role::Viewer, answers::text),
    route(Method::GET, "/subjects/{subject}/versions/{version}/referencedby", Role::Viewer, answers::referred_by),
    route(Method::POST, "/subjects/{subject}", Role::Viewer, answers::look_up),
    route(Method::DELETE, "/subjects/{subject}", Role::Operator, answers::delete_subject),
    route(Method::GET, "/config", Role::Viewer, answers::level),
    route(Method::PUT, "/config", Role::Operator, answers::set_level),
    route(Method::DELETE, "/config", Role::Operator, answers::unset_level),
    route(Method::GET, "/config/{subject}", Role::Viewer, answers::level),
    route(Method::PUT, "/config/{subject}", Role::Operator, answers::set_level),
    route(Method::DELETE, "/config/{subject}", Role::Operator, answers::unset_level),
    route(Method::GET, "/mode", Role::Viewer, answers::mode),
    route(Method::PUT, "/mode", Role::Operator, answers::set_mode),
    route(Method::DELETE, "/mode", Role::Operator, answers::unset_mode),
    route(Method::GET, "/mode/{subject}", Role::Viewer, answers::mode),
    route(Method::PUT, "/mode/{subject}", Role::Operator, answers::set_mode),
    route(Method::DELETE, "/mode/{subject}", Role::Operator, answers::unset_mode),
    route(Method::POST, "/compatibility/subjects/{subject}/versions", Role::Viewer, answers::test),
    route(Method::POST, "/compatibility/subjects/{subject}/versions/{version}", Role::Viewer, answers::test),
    route(Method::GET, "/", Role::Viewer, answers::nothing),
];

/// Adds every path to a server.
pub(super) fn configure(service: &mut web::ServiceConfig) {
    let mut paths: Vec<&'static str> = Vec::new();
    for route in ROUTES {
        if !paths.contains(&route.path) {
            paths.push(route.path);
        }
    }
    for path in paths {
        let mut resource = web::resource(path);
        for route in ROUTES.iter().filter(|route| route.path == path) {
            let (method, is_get) = (route.method.clone(), route.method == Method::GET);
            let asked = route_guard::fn_guard(move |context| {
                let asked = &context.head().method;
                *asked == method || is_get && *asked == Method::HEAD
            });
            resource = resource.route(web::route().guard(asked).to(
                move |request: HttpRequest, names: web::Path<Names>, body: web::Payload| {
                    serve(route, request, names.into_inner(), body)
                },
            ));
        }
        service.service(resource.default_service(web::to(|| async { told(405, 405, "HTTP 405 Method Not Allowed") })));
    }
}

/// What stands in a path, by the names in [`ROUTES`]; `%2B` and the like are read as what they mean.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Names {
    subject: Option<String>,
    version: Option<String>,
    id: Option<String>,
}

async fn serve(route: &'static Route, request: HttpRequest, names: Names, payload: web::Payload) -> HttpResponse {
    if let Err(denied) = guard::require(&request, route.role) {
        let status = denied.status_code().as_u16();
        return told(status, u32::from(status) * 100 + 1, &denied.to_string());
    }
    let Some(registry) = request.app_data::<web::Data<Registry>>().map(|registry| Arc::clone(registry)) else {
        return told(500, 500, "no registry is served here");
    };
    let body = match payload.to_bytes_limited(BODY_MAX).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return told(400, 400, &format!("the body did not arrive whole: {error}")),
        Err(_) => return told(413, 413, &format!("the body has more than {BODY_MAX} bytes")),
    };
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let Ok(query) = query else { return told(400, 400, "the query cannot be read") };
    let ask =
        Ask { registry, subject: names.subject, version: names.version, id: names.id, query: query.into_inner(), body };
    match web::block(move || (route.answer)(&ask)).await {
        Ok(Ok(Answer::Json(value))) => HttpResponse::Ok().content_type(MEDIA).body(value.to_string()),
        Ok(Ok(Answer::Text(text))) => HttpResponse::Ok().content_type(MEDIA).body(text),
        Ok(Err(error)) => told(error.status(), error.code(), &error.to_string()),
        Err(_) => told(500, 500, "the answer could not be finished; ask again"),
    }
}

/// An error as clients read it.
fn told(status: u16, code: u32, message: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "error_code": code, "message": message });
    HttpResponse::build(status).content_type(MEDIA).body(body.to_string())
}
