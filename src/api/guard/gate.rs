//! What every request goes through before its route, and every answer after it.
//!
//! In this order, the cheap before the dear: size of the head, one reading of the path, the host's name, the page it comes from, who it
//! is, what the role may do, how often, and only then its body.

use std::net::IpAddr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, Method, StatusCode, Version, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse};

use super::audit::{self, Line, told};
use super::caller::{Caller, Denied, Role};
use super::clock::Clock;
use super::origin::{From, is_preflight, is_reading, is_socket};
use super::rate::{Verdict, Who, neighbourhood};
use super::who::{Identity, Manner};
use super::{DOOR, Guard, JOIN, LOBBY, LOGIN, LOGOUT, body, headers, path};
use crate::api::problem::Problem;

/// Longest number of a request that is taken over from whoever sent it [bytes].
const REQUEST_ID_MAX: usize = 64;
/// Orders to sessions: what they say stands in the audit log.
const ORDERS: &str = "/api/v1/sessions";

/// The number of a request, as answers and the audit log have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

/// The address a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(pub(super) IpAddr);

/// What becomes of a request that is not refused.
enum Passed {
    /// Its route answers.
    On,
    /// It is answered already.
    Answered(HttpResponse),
}

/// A request on its way.
struct Visit {
    id: String,
    method: Method,
    path: String,
    address: IpAddr,
    from: From,
    caller: Option<Caller>,
    verdict: Option<Verdict>,
    ordered: Option<String>,
    refused: Option<String>,
}

/// Lets a request through to its route, or refuses it.
///
/// # Errors
/// Only what the route's own services could not answer.
pub(crate) async fn gate(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(guard) = request.app_data::<Data<Guard>>().cloned() else {
        let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server was put together without its guard");
        return Ok(request.into_response(problem.response()));
    };
    let mut visit = Visit::of(&guard, &request);
    let passed = visit.judge(&guard, &mut request).await;
    let mut response = match passed {
        Ok(Passed::On) => next.call(request).await?.map_into_boxed_body(),
        Ok(Passed::Answered(response)) => request.into_response(response),
        Err(problem) => {
            visit.refused = Some(problem.detail().to_owned());
            request.into_response(problem.response())
        }
    };
    visit.leave(&guard, &mut response);
    Ok(response)
}

/// The number somebody gave a request, if it can stand anywhere.
fn given_id(request: &ServiceRequest) -> Option<String> {
    let id = request.headers().get(headers::REQUEST_ID)?.to_str().ok()?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    ((1..=REQUEST_ID_MAX).contains(&id.len()) && id.bytes().all(plain)).then(|| id.to_owned())
}

/// Whether a request by its method changes something, but by its path only asks.
fn is_query(method: &Method, path: &str) -> bool {
    // A registry looks a schema up, and tests what may follow what, by what is sent to it.
    let looks_up = path.strip_prefix("/subjects/").is_some_and(|subject| !subject.contains('/'));
    if method == Method::POST && (looks_up || path.starts_with("/compatibility/")) {
        return true;
    }
    path == "/api/graphql" || (path.starts_with(ORDERS) && path.ends_with("/facts"))
}

impl Visit {
    fn of(guard: &Guard, request: &ServiceRequest) -> Self {
        Self {
            id: given_id(request).unwrap_or_else(guard.number()),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            address: guard.address_of(request),
            from: From::Unsaid,
            caller: None,
            verdict: None,
            ordered: None,
            refused: None,
        }
    }

    /// Whether it changes something.
    fn changes(&self) -> bool {
        !is_reading(&self.method) && !is_query(&self.method, &self.path)
    }

    async fn judge(&mut self, guard: &Guard, request: &mut ServiceRequest) -> Result<Passed, Problem> {
        self.shape(guard, request)?;
        let host = guard.origins.host(request)?;
        self.from = guard.origins.from(request, &host);
        if is_preflight(request) {
            return self.preflight();
        }
        if self.from == From::Foreign && (!is_reading(&self.method) || is_socket(request)) {
            return Err(Problem::forbidden(
                "this comes from another page, which may not change anything here and open no socket; add its address to `origins` in \
                 the file of access if it may",
            ));
        }
        self.admit(guard, request).await?;
        if self.caller.is_none() && self.path == "/" && is_reading(&self.method) && guard.seats.is_none() {
            // The page has nothing to show to a stranger.
            return Ok(Passed::Answered(HttpResponse::SeeOther().insert_header((header::LOCATION, DOOR)).finish()));
        }
        if !is_reading(&self.method) {
            let read = body::read(request, guard.limits.body_bytes, guard.limits.body_wait).await?;
            if self.changes() && self.path.starts_with(ORDERS) && !read.is_empty() {
                self.ordered = Some(told(&String::from_utf8_lossy(&read)));
            }
        }
        Ok(Passed::On)
    }

    /// Whether it can be read in one way only, and is no longer than it may be.
    fn shape(&self, guard: &Guard, request: &ServiceRequest) -> Result<(), Problem> {
        if self.method == Method::CONNECT {
            let detail = "this is no proxy; use GET, POST, PUT, PATCH or DELETE";
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).hanging_up());
        }
        let line = request.uri().path_and_query().map_or(0, |line| line.as_str().len());
        if line > path::URI_BYTES_MAX {
            let detail =
                format!("the address has {line} bytes, more than {}; ask for less at once", path::URI_BYTES_MAX);
            return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
        }
        let head: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head > guard.limits.head_bytes {
            let detail = format!("the headers have {head} bytes, more than {}; send less", guard.limits.head_bytes);
            return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail).hanging_up());
        }
        let has = |name| request.headers().contains_key(name);
        if has(header::TRANSFER_ENCODING) && (has(header::CONTENT_LENGTH) || request.version() < Version::HTTP_11) {
            let detail =
                "the length of the body is said in two ways; send `Content-Length` or `Transfer-Encoding`, not both";
            return Err(Problem::bad(detail).hanging_up());
        }
        path::fault(&self.path).map_or(Ok(()), |fault| Err(Problem::bad(fault)))
    }

    fn preflight(&self) -> Result<Passed, Problem> {
        if self.from == From::Foreign {
            let detail = "pages of this origin may not ask here; add it to `origins` in the file of access if they may";
            return Err(Problem::forbidden(detail));
        }
        let mut response = HttpResponse::NoContent().finish();
        headers::preflight(response.headers_mut());
        Ok(Passed::Answered(response))
    }

    /// Who it is, what that may do, and how often.
    async fn admit(&mut self, guard: &Guard, request: &mut ServiceRequest) -> Result<(), Problem> {
        let joins = guard.seats.is_some() && self.path == JOIN;
        let logging_in = self.method == Method::POST && (self.path == LOGIN || self.path == DOOR || joins);
        let in_lobby = guard.seats.is_some() && self.path == LOBBY && is_reading(&self.method);
        // Whoever logs in is somebody else afterwards; what it was before does not matter.
        let identity = if logging_in && !guard.open { None } else { guard.who(request, self.address).await? };
        self.caller = identity.as_ref().map(|identity| identity.caller.clone());
        let (who, rate) = match &identity {
            Some(Identity { manner: Manner::Open, .. }) => {
                (Who::Address(neighbourhood(self.address)), guard.rates.open)
            }
            Some(identity) => (identity.counted(), identity.rate(&guard.rates)),
            None => (Who::Address(neighbourhood(self.address)), guard.rates.address),
        };
        let verdict = guard.limiter.take(who, rate, guard.clock.running_us());
        self.verdict = Some(verdict);
        if let Some(wait) = verdict.wait_s {
            let detail = format!("that was more than {} requests an hour; wait {wait} s", rate.per_hour);
            return Err(Problem::too_many(wait, detail));
        }
        let Some(identity) = identity else {
            if path::is_guarded(&self.path) && !logging_in && !in_lobby {
                return Err(Problem::from(Denied::Nobody));
            }
            request.extensions_mut().insert(Address(self.address));
            return Ok(());
        };
        super::seats::may_look(&identity.manner, &self.path)?;
        if self.changes() && self.path != LOGOUT && !logging_in && identity.caller.role < Role::Trainer {
            return Err(Problem::from(Denied::TooLittle(Role::Trainer)));
        }
        if let Manner::Page(login) = &identity.manner
            && self.changes()
        {
            let shown = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
            if !shown.is_some_and(|shown| login.is_shown(shown)) {
                let detail = "send `X-CSRF-Token` with what `/api/v1/me` has under `csrf`: with a cookie alone nothing is changed";
                return Err(Problem::forbidden(detail));
            }
        }
        let mut extensions = request.extensions_mut();
        extensions.insert(Address(self.address));
        extensions.insert(RequestId(self.id.clone()));
        extensions.insert(identity.caller.clone());
        if let Manner::Seat(seat) = &identity.manner {
            extensions.insert(seat.clone());
        }
        extensions.insert(identity);
        Ok(())
    }

    /// What the answer says besides, and what is written down.
    fn leave(self, guard: &Guard, response: &mut ServiceResponse<BoxBody>) {
        let status = response.status();
        // Heads after the first have no limit of time: a connection is kept for those only who say who they are.
        if self.caller.is_none() && status != StatusCode::SWITCHING_PROTOCOLS {
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        let headers = response.headers_mut();
        headers::secure(headers, guard.encrypted);
        headers::shared(headers, &self.from);
        if let Some(verdict) = &self.verdict {
            headers::rate(headers, verdict);
        }
        if let Ok(id) = header::HeaderValue::from_str(&self.id) {
            headers.insert(headers::REQUEST_ID, id);
        }
        if path::is_guarded(&self.path) && !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        }
        let refused = self.refused.is_some() || matches!(status.as_u16(), 401 | 403 | 429);
        let Some(audit) = guard.audit.as_ref().filter(|_| refused || self.changes()) else { return };
        audit.write(&Line {
            at: Clock::now().to_string(),
            request: &self.id,
            who: self.caller.as_ref().map(|caller| &*caller.name),
            role: self.caller.as_ref().map(|caller| caller.role.word()),
            address: self.address.to_string(),
            method: self.method.as_str(),
            path: audit::told(&self.path),
            status: status.as_u16(),
            ordered: self.ordered,
            refused: self.refused,
        });
    }
}
