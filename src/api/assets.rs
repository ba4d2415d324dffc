//! The files of the page, as they were built into the program; a page that names the command where they were not.
//!
//! Files whose name holds a hash of their content may be kept for ever, everything else is asked for anew with its tag.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::{EmbeddedFile, RustEmbed};

/// What `cargo xtask web` leaves; nothing where it has not been called.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
struct Built;

/// Said where the program was built without its page.
const UNBUILT: &str = include_str!("unbuilt.html");
/// The file that the page begins with.
const INDEX: &str = "index.html";
/// Where files stand whose name holds a hash of their content.
const HASHED: &str = "assets/";

/// Serves the page at `/` and its files below. To be configured last: it answers whatever nobody else does, by GET.
pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .route("/", web::get().to(index))
        .route("/", web::head().to(index))
        .route("/{file:(?:assets/)?[A-Za-z0-9._-]+}", web::get().to(file))
        .route("/{file:(?:assets/)?[A-Za-z0-9._-]+}", web::head().to(file));
}

/// Whether the page was built into the program.
pub fn is_built() -> bool {
    Built::get(INDEX).is_some()
}

async fn index(request: HttpRequest) -> HttpResponse {
    match Built::get(INDEX) {
        Some(found) => answer(&request, INDEX, found),
        None => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(UNBUILT),
    }
}

async fn file(request: HttpRequest, name: Path<String>) -> HttpResponse {
    match Built::get(&name) {
        Some(found) => answer(&request, &name, found),
        None => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("there is no such file\n"),
    }
}

fn answer(request: &HttpRequest, name: &str, found: EmbeddedFile) -> HttpResponse {
    let tag = format!("\"{}\"", hex(&found.metadata.sha256_hash()[..16]));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let kept = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static(kept)));
    response.insert_header((header::ETAG, tag));
    if fresh {
        return response.finish();
    }
    response.content_type(kind(name)).body(found.data.into_owned())
}

/// The media type of a file of the page by its ending; browsers are told not to guess.
fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/vnd.microsoft.icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;
    use actix_web::{App, test};

    use super::*;

    async fn get(path: &str) -> (StatusCode, String, String) {
        let app = test::init_service(App::new().configure(configure)).await;
        let response = test::call_service(&app, test::TestRequest::get().uri(path).to_request()).await;
        let kind = response.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap().to_owned());
        let status = response.status();
        let body = to_bytes(response.into_body()).await.unwrap();
        (status, kind.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    /// With or without Node there is a page; without, it names the command that builds the real one.
    #[actix_web::test]
    async fn there_is_always_a_page() {
        let (status, kind, body) = get("/").await;
        assert_eq!((status, kind.as_str()), (StatusCode::OK, "text/html; charset=utf-8"));
        assert_eq!(body.contains("cargo xtask web"), !is_built(), "{body}");
    }

    /// Nothing but files of the page is served, however it is asked for.
    #[actix_web::test]
    async fn nothing_else_is_served() {
        for path in ["/Cargo.toml", "/assets/none.js", "/..%2fCargo.toml", "/assets/..%2f..%2fCargo.toml", "/%2e%2e/x"]
        {
            assert_eq!(get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
