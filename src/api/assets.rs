//! The files of the page, as whoever serves hands them in; a page that names the command where there are none.
//!
//! Files whose name holds a hash of their content may be kept for ever, everything else is asked for anew with its tag. The files are the
//! program's and not this library's: a page that changes makes nobody compile the city again.

use std::borrow::Cow;

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};

/// A file of the page.
#[derive(Debug, Clone)]
pub struct PageFile {
    /// What it holds.
    pub content: Cow<'static, [u8]>,
    /// SHA-256 of it.
    pub sha256: [u8; 32],
}

/// Gives a file of the page by its name, such as `index.html` or `assets/index-Dd8FrC7w.js`; none where there is no such file.
pub type Page = fn(&str) -> Option<PageFile>;

/// The page of a program that was built without one.
pub const NO_PAGE: Page = |_| None;

/// Said where the program was built without its page.
const UNBUILT: &str = include_str!("unbuilt.html");
/// The file that the page begins with.
const INDEX: &str = "index.html";
/// Where files stand whose name holds a hash of their content.
const HASHED: &str = "assets/";

/// Serves the page at `/` and its files below. To be configured last: it answers whatever nobody else does, by GET.
pub(crate) fn configure(service: &mut ServiceConfig, page: Page) {
    service
        .app_data(Data::new(page))
        .route("/", web::get().to(index))
        .route("/", web::head().to(index))
        .route("/{file:(?:assets/)?[A-Za-z0-9._-]+}", web::get().to(file))
        .route("/{file:(?:assets/)?[A-Za-z0-9._-]+}", web::head().to(file));
}

async fn index(request: HttpRequest, page: Data<Page>) -> HttpResponse {
    match page(INDEX) {
        Some(found) => answer(&request, INDEX, found),
        None => HttpResponse::Ok()
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .body(UNBUILT),
    }
}

async fn file(request: HttpRequest, name: Path<String>, page: Data<Page>) -> HttpResponse {
    match page(&name) {
        Some(found) => answer(&request, &name, found),
        None => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("there is no such file\n"),
    }
}

fn answer(request: &HttpRequest, name: &str, found: PageFile) -> HttpResponse {
    let tag = format!("\"{}\"", hex(&found.sha256[..16]));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let kept = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static(kept)));
    response.insert_header((header::ETAG, tag));
    if fresh {
        return response.finish();
    }
    response.content_type(kind(name)).body(found.content.into_owned())
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

    /// A page of two files.
    const PAGE: Page = |name| {
        let content: &'static [u8] = match name {
            "index.html" => b"<title>A city</title>",
            "assets/index-abc.js" => b"begin()",
            _ => return None,
        };
        Some(PageFile { content: content.into(), sha256: [7; 32] })
    };

    async fn get(page: Page, path: &str, tag: Option<&str>) -> (StatusCode, Vec<String>, String) {
        let app = test::init_service(App::new().configure(|service| configure(service, page))).await;
        let request = test::TestRequest::get().uri(path);
        let request = tag.into_iter().fold(request, |request, tag| request.insert_header((header::IF_NONE_MATCH, tag)));
        let response = test::call_service(&app, request.to_request()).await;
        let told = |name| response.headers().get(name).map_or("", |told| told.to_str().unwrap()).to_owned();
        let heads = [header::CONTENT_TYPE, header::CACHE_CONTROL, header::ETAG].map(told).to_vec();
        let status = response.status();
        let body = to_bytes(response.into_body()).await.unwrap();
        (status, heads, String::from_utf8_lossy(&body).into_owned())
    }

    /// With or without Node there is a page; without, it names the command that builds the real one.
    #[actix_web::test]
    async fn there_is_always_a_page() {
        for (page, holds) in [(NO_PAGE, "cargo xtask web"), (PAGE, "A city")] {
            let (status, heads, body) = get(page, "/", None).await;
            assert_eq!((status, heads[0].as_str()), (StatusCode::OK, "text/html; charset=utf-8"));
            assert!(body.contains(holds), "{body}");
        }
    }

    /// A file with a hash in its name is kept for ever, any other is asked for anew and not sent where it is known.
    #[actix_web::test]
    async fn what_is_known_is_not_sent_again() {
        let (status, heads, body) = get(PAGE, "/assets/index-abc.js", None).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "begin()"));
        assert_eq!(heads[..2], ["text/javascript; charset=utf-8", "public, max-age=31536000, immutable"]);
        let (_, heads, _) = get(PAGE, "/", None).await;
        assert_eq!(heads[1], "no-cache");
        let (status, _, body) = get(PAGE, "/", Some(&heads[2])).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
        let (status, ..) = get(PAGE, "/", Some("\"another\"")).await;
        assert_eq!(status, StatusCode::OK);
    }

    /// Nothing but files of the page is served, however it is asked for.
    #[actix_web::test]
    async fn nothing_else_is_served() {
        for path in ["/Cargo.toml", "/assets/none.js", "/..%2fCargo.toml", "/assets/..%2f..%2fCargo.toml", "/%2e%2e/x"]
        {
            assert_eq!(get(PAGE, path, None).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
