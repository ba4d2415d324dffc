//! Logging in on the page: a key for a cookie, and who one is.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::{StatusCode, header};
use actix_web::web::{Data, Json, ServiceConfig};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::gate::Address;
use super::logins::LIFE_MS;
use super::who::{Identity, Manner};
use super::{Guard, LOGIN, LOGOUT, ME, NoRandom};
use crate::api::problem::Problem;

/// What is sent to log in.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// A key, or a token of the issuer.
    key: String,
}

/// Who one is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Me {
    /// The name of the key, or what the issuer calls somebody.
    #[schema(value_type = String)]
    name: Arc<str>,
    /// `viewer`, `trainer`, `operator` or `admin`.
    #[schema(value_type = String, example = "operator")]
    role: super::Role,
    /// What to send as `X-CSRF-Token`; null where no cookie says who one is.
    csrf: Option<String>,
    /// Whether nobody is asked here.
    open: bool,
}

/// Serves `/api/v1/login`, `/api/v1/logout` and `/api/v1/me`.
pub(crate) fn configure(service: &mut ServiceConfig) {
    let door = |path: &str, offered| web::resource(path).default_service(web::to(refused(offered)));
    service
        .service(door(LOGIN, "POST").route(web::post().to(login)))
        .service(door(LOGOUT, "POST").route(web::post().to(logout)))
        .service(door(ME, "GET").route(web::get().to(me)))
        .configure(super::door::configure);
}

/// Answers a method that is not offered at a door that is there.
fn refused(offered: &'static str) -> impl Fn(HttpRequest) -> Ready<HttpResponse> + Clone {
    move |asked| ready(Problem::method(asked.method().as_str(), offered).at(asked.path()).response())
}

fn told(identity: &Identity) -> Me {
    let csrf = match &identity.manner {
        Manner::Page(login) => Some(login.token.clone()),
        Manner::Open | Manner::Key | Manner::Token | Manner::Seat(_) => None,
    };
    let open = matches!(identity.manner, Manner::Open);
    Me { name: Arc::clone(&identity.caller.name), role: identity.caller.role, csrf, open }
}

async fn login(request: HttpRequest, guard: Data<Guard>, shown: Json<Login>) -> HttpResponse {
    if guard.open {
        let detail = "here nobody is asked who they are, so there is nothing to log in to";
        return Problem::new(StatusCode::CONFLICT, detail).response();
    }
    match guard.begin(&request, &shown.key).await {
        Ok((cookie, identity)) => {
            HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).cookie(cookie).json(told(&identity))
        }
        Err(problem) => problem.response(),
    }
}

async fn logout(request: HttpRequest, guard: Data<Guard>) -> HttpResponse {
    if let Some(cookie) = request.cookie(guard.cookie_name()) {
        guard.logins.end(cookie.value());
    }
    HttpResponse::NoContent().cookie(guard.cookie(String::new(), 0)).finish()
}

async fn me(request: HttpRequest) -> HttpResponse {
    let extensions = request.extensions();
    let Some(identity) = extensions.get::<Identity>() else {
        return Problem::from(super::Denied::Nobody).response();
    };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(told(identity))
}

impl Guard {
    /// Logs in whoever shows a key: the cookie, and who it is.
    pub(super) async fn begin(&self, request: &HttpRequest, key: &str) -> Result<(Cookie<'static>, Identity), Problem> {
        let address = request.extensions().get::<Address>().copied();
        let address = address.ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server was put together without its guard")
        })?;
        let identity = self.prove(key, address.0).await?;
        let now = Clock::now().as_milliseconds();
        let begun = self.logins.begin(identity.caller, identity.until_ms, now);
        let unavailable = |error: NoRandom| Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string());
        let (secret, login) = begun.map_err(unavailable)?;
        let seconds = (login.until_ms - now).clamp(0, LIFE_MS) / 1_000;
        let identity = Identity { caller: login.caller.clone(), until_ms: login.until_ms, manner: Manner::Page(login) };
        Ok((self.cookie(secret, seconds), identity))
    }

    /// Browsers keep a cookie of such a name from other hosts and from plain words, where there is encryption.
    pub(super) const fn cookie_name(&self) -> &'static str {
        if self.encrypted { "__Host-citytwin" } else { "citytwin" }
    }

    fn cookie(&self, value: String, seconds: i64) -> Cookie<'static> {
        Cookie::build(self.cookie_name(), value)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.encrypted)
            .max_age(Duration::seconds(seconds))
            .finish()
    }
}
