//! The form by which people log in: plain HTML, so that nothing of the page is needed before somebody is known.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Form, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::{DOOR, Guard};
use crate::api::problem::Problem;

/// What the form sends.
#[derive(Deserialize)]
struct Filled {
    key: String,
}

/// What the form says, in a language.
struct Words {
    language: &'static str,
    label: &'static str,
    button: &'static str,
    refused: &'static str,
    later: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    label: "Key or token",
    button: "Log in",
    refused: "This key is not known here, or no longer.",
    later: "Too many tries; wait a moment.",
};
const GERMAN: Words = Words {
    language: "de",
    label: "Schlüssel oder Token",
    button: "Anmelden",
    refused: "Dieser Schlüssel gilt hier nicht oder nicht mehr.",
    later: "Zu viele Versuche; bitte einen Moment warten.",
};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:1rem;\
    color-scheme:light dark}form{display:grid;gap:.75rem;width:min(24rem,100%)}input,button{font:inherit;padding:.6rem}\
    p{margin:0;font-weight:600}";

/// Serves the form at `/login`.
pub(super) fn configure(service: &mut ServiceConfig) {
    service.route(DOOR, web::get().to(form)).route(DOOR, web::post().to(filled));
}

fn words(request: &HttpRequest) -> &'static Words {
    let wished = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let german = wished.is_some_and(|wished| wished.trim_start().to_ascii_lowercase().starts_with("de"));
    if german { &GERMAN } else { &ENGLISH }
}

fn page(words: &Words, status: StatusCode, said: Option<&str>) -> HttpResponse {
    let Words { language, label, button, .. } = words;
    let said = said.map_or_else(String::new, |said| format!("<p role=\"alert\">{said}</p>"));
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type("text/html; charset=utf-8")
        .body(format!(
            "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>citytwin</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body><main>\
             <form method=\"post\" action=\"{DOOR}\"><h1>citytwin</h1>{said}<label for=\"key\">{label}</label>\
             <input id=\"key\" name=\"key\" type=\"password\" autocomplete=\"current-password\" required autofocus>\
             <button>{button}</button></form></main></body></html>"
        ))
}

fn inside() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "/")).finish()
}

async fn form(request: HttpRequest, guard: Data<Guard>) -> HttpResponse {
    if guard.open { inside() } else { page(words(&request), StatusCode::OK, None) }
}

async fn filled(request: HttpRequest, guard: Data<Guard>, filled: Form<Filled>) -> HttpResponse {
    if guard.open {
        return inside();
    }
    let words = words(&request);
    match guard.begin(&request, filled.key.trim()).await {
        Ok((cookie, _)) => {
            let mut response = inside();
            match response.add_cookie(&cookie) {
                Ok(()) => response,
                Err(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the cookie cannot be set").response(),
            }
        }
        Err(problem) if problem.status() == StatusCode::TOO_MANY_REQUESTS => {
            page(words, problem.status(), Some(words.later))
        }
        Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => problem.response(),
        // Not 401: browsers would ask for a name and a password themselves.
        Err(_) => page(words, StatusCode::FORBIDDEN, Some(words.refused)),
    }
}
