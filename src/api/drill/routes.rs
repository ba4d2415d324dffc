//! The lobby, the door, and the files a drill leaves.

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data, Json, Path, ServiceConfig};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use serde::Deserialize;

use crate::api::guard::{FILES, Guard, JOIN, LOBBY};
use crate::api::port::{Drill, Joined, Refused, Seat, Twin};
use crate::api::problem::Problem;

/// What a page among the files may load: what stands in it, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

/// What is sent to join.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Join {
    /// The PIN of the role.
    pin: String,
    /// What one is called; 1 to 40 characters.
    #[schema(min_length = 1, max_length = 40)]
    name: String,
}

pub(super) fn configure(service: &mut ServiceConfig) {
    service
        .service(web::resource(LOBBY).route(web::get().to(lobby)).default_service(web::to(only_get)))
        .service(web::resource(JOIN).route(web::post().to(join)).default_service(web::to(only_post)))
        .service(
            web::resource(format!("{FILES}{{name}}"))
                .route(web::get().to(file))
                .route(web::head().to(file))
                .default_service(web::to(only_get)),
        );
}

async fn only_get(request: HttpRequest) -> HttpResponse {
    Problem::method(request.method().as_str(), "GET").at(request.path()).error_response()
}

async fn only_post(request: HttpRequest) -> HttpResponse {
    Problem::method(request.method().as_str(), "POST").at(request.path()).error_response()
}

/// Asks the drill where it may take its time.
pub(super) async fn asked<T: Send + 'static>(
    twin: Arc<dyn Twin>,
    question: impl FnOnce(&dyn Drill) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let answer = web::block(move || match twin.drill() {
        Some(drill) => question(drill),
        None => Err(no_drill()),
    });
    answer.await.unwrap_or_else(|_| Err(Refused::Failed("the answer could not be finished; ask again".to_owned())))
}

fn no_drill() -> Refused {
    Refused::Unknown("no drill is run here; `citytwin drill FILE` runs one".to_owned())
}

async fn lobby(request: HttpRequest, twin: Data<dyn Twin>) -> HttpResponse {
    match asked(twin.into_inner(), |drill| Ok(drill.lobby())).await {
        Ok(lobby) => HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(lobby),
        Err(refused) => Problem::from(refused).at(request.path()).error_response(),
    }
}

async fn join(request: HttpRequest, twin: Data<dyn Twin>, guard: Data<Guard>, asks: Json<Join>) -> HttpResponse {
    if twin.drill().is_none() {
        return Problem::from(no_drill()).at(request.path()).error_response();
    }
    // One after the other, so that a wrong one is counted before the next is looked at.
    let door = match guard.door(&request).await {
        Ok(door) => door,
        Err(problem) => return problem.response(),
    };
    let Join { pin, name } = asks.into_inner();
    let joined: Result<Joined, Refused> = asked(twin.into_inner(), move |drill| drill.join(&pin, &name)).await;
    match joined {
        Ok(joined) => HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(joined),
        Err(Refused::Unknown(sentence)) => {
            door.was_wrong();
            Problem::new(StatusCode::UNAUTHORIZED, sentence).at(request.path()).error_response()
        }
        Err(refused) => Problem::from(refused).at(request.path()).error_response(),
    }
}

/// Who asks.
pub(super) fn seat_of(request: &HttpRequest) -> Option<Seat> {
    request.extensions().get::<Seat>().cloned()
}

async fn file(request: HttpRequest, twin: Data<dyn Twin>, name: Path<String>) -> HttpResponse {
    let Some(seat) = seat_of(&request) else {
        let detail = "the files of a drill are for those who sit in it; join it by a PIN first";
        return Problem::new(StatusCode::FORBIDDEN, detail).at(request.path()).error_response();
    };
    let name = name.into_inner();
    let kind = match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "jsonl" => "application/jsonl",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "application/xml",
        _ => "application/octet-stream",
    };
    let found = asked(twin.into_inner(), move |drill| {
        let path: PathBuf = drill.file(&seat, &name)?;
        std::fs::read(path).map_err(|_| Refused::Unknown(format!("there is no `{}` yet", name.escape_debug())))
    });
    match found.await {
        Ok(bytes) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .content_type(kind)
            .body(bytes),
        Err(refused) => Problem::from(refused).at(request.path()).error_response(),
    }
}
