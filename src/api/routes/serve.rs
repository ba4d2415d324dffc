//! From a request to its answer: who asks, whether what they ask can be, whether they asked before; then the answer, made where it may
//! take its time.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};

use super::ask::{Ask, Body, Reply};
use super::desk::{Again, Desk};
use super::spec::{Param, Spec};
use crate::api::guard;
use crate::api::port::Twin;
use crate::api::problem::Problem;
use crate::primitives::text::closest;

/// Largest body read [bytes].
const BODY_MAX: usize = 256 << 10;
/// Longest key of a request that may come again [bytes].
const KEY_MAX: usize = 255;

/// Answers a request.
pub(crate) async fn serve(spec: Arc<Spec>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    let begun = super::desk::instant();
    let Some(twin) = request.app_data::<web::Data<dyn Twin>>().map(|twin| Arc::clone(twin)) else {
        return respond(&request, &Err(Problem::fault("no city is served here"))).await;
    };
    let desk = Desk::of(&twin);
    let reply = answer(&spec, &request, payload, twin, &desk).await;
    let reply = reply.map_err(|problem| problem.at(request.path()));
    let status = reply.as_ref().map_or_else(|problem| problem.status().as_u16(), |reply| reply.status);
    desk.metrics.note(spec.method.as_str(), spec.path, status, begun.elapsed());
    respond(&request, &reply).await
}

async fn answer(
    spec: &Arc<Spec>,
    request: &HttpRequest,
    payload: web::Payload,
    twin: Arc<dyn Twin>,
    desk: &Arc<Desk>,
) -> Result<Reply, Problem> {
    let caller = match guard::require(request, spec.role) {
        Ok(caller) => caller.name.to_string(),
        Err(_) if spec.open => String::new(),
        Err(denied) => return Err(denied.into()),
    };
    let path = in_path(spec, request)?;
    let query = in_query(spec.in_query, request.query_string())?;
    let body = if spec.body.is_some() { body_of(request, payload).await? } else { Bytes::new() };
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let ask = Ask {
        twin,
        desk: Arc::clone(desk),
        uri: request.uri().to_string(),
        path,
        query,
        body,
        caller,
        none_match: text(header::IF_NONE_MATCH),
        gzip: text(header::ACCEPT_ENCODING).is_some_and(|accepted| takes_gzip(&accepted)),
    };
    let key = if spec.changes() { key_of(request.headers(), &ask)? } else { None };
    let spec = Arc::clone(spec);
    let made = web::block(move || match key {
        None => (spec.answer)(&ask),
        Some(key) => once(&spec, &ask, &key),
    });
    made.await.unwrap_or_else(|_| Err(Problem::fault("the answer could not be finished; ask again")))
}

/// The answer to a request with a key: the same as before if it came before.
fn once(spec: &Spec, ask: &Ask, key: &str) -> Result<Reply, Problem> {
    let mut hasher = blake3::Hasher::new();
    for part in [spec.method.as_str().as_bytes(), ask.uri.as_bytes(), &ask.body] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    match ask.desk.again(key, *hasher.finalize().as_bytes()) {
        Again::Known(reply) => return Ok(reply.header("Idempotency-Replayed", "true")),
        Again::Other => {
            return Err(Problem::cannot_be(
                "this `Idempotency-Key` belongs to another request; use a new key for a new request",
            ));
        }
        Again::UnderWay => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "the request with this `Idempotency-Key` is being answered; ask again in a moment",
            ));
        }
        Again::New => {}
    }
    let reply = (spec.answer)(ask);
    // What went wrong may go right the next time; what was done is not done twice.
    ask.desk.answered(key, reply.as_ref().ok());
    reply
}

fn key_of(headers: &HeaderMap, ask: &Ask) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=KEY_MAX).contains(&key.len()));
    let key = key.ok_or_else(|| {
        Problem::bad(format!("`Idempotency-Key` has 1 to {KEY_MAX} printable characters of ASCII; a UUID will do"))
    })?;
    // Keys of different callers are different keys.
    Ok(Some(format!("{}\n{key}", ask.caller)))
}

fn in_path(spec: &Spec, request: &HttpRequest) -> Result<BTreeMap<String, String>, Problem> {
    let mut read = BTreeMap::new();
    for param in spec.in_path {
        let value = request.match_info().query(param.name).to_owned();
        if let Some(complaint) = param.kind.complaint(&value) {
            // A path that cannot be anything's is nothing's.
            return Err(Problem::unknown(format!("`{value}` in the path {complaint}")));
        }
        read.insert(param.name.to_owned(), value);
    }
    Ok(read)
}

fn in_query(params: &[Param], query: &str) -> Result<BTreeMap<String, String>, Problem> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| Problem::bad(format!("the query cannot be read: {error}")))?;
    let (mut read, mut errors) = (BTreeMap::new(), Vec::new());
    for (name, value) in pairs.into_inner() {
        let Some(param) = params.iter().find(|param| param.name == name) else {
            errors.push(unknown(params, &name));
            continue;
        };
        if let Some(complaint) = param.kind.complaint(&value) {
            errors.push(format!("`{name}={value}` {complaint}; write it like `{name}={}`", param.example));
        }
        if read.insert(name.clone(), value).is_some() {
            errors.push(format!("`{name}` is there twice; leave one out"));
        }
    }
    match errors.as_slice() {
        [] => Ok(read),
        [only] => Err(Problem::bad(only)),
        several => Err(Problem::bad(several.join("; ")).with(&errors)),
    }
}

fn unknown(params: &[Param], name: &str) -> String {
    if let Some(near) = closest(name, params.iter().map(|param| param.name)) {
        return format!("there is no parameter `{name}`; did you mean `{near}`?");
    }
    if params.is_empty() {
        return format!("there is no parameter `{name}`; this takes none");
    }
    let names: Vec<&str> = params.iter().map(|param| param.name).collect();
    format!("there is no parameter `{name}`; there are {}", names.join(", "))
}

async fn body_of(request: &HttpRequest, payload: web::Payload) -> Result<Bytes, Problem> {
    let media = request.content_type();
    if !media.eq_ignore_ascii_case("application/json") {
        let detail = format!("the body is `{media}`; send `Content-Type: application/json`");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    match payload.to_bytes_limited(BODY_MAX).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(Problem::bad(format!("the body did not arrive whole: {error}"))),
        Err(_) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has more than {BODY_MAX} bytes; nothing that is taken here is that long"),
        )),
    }
}

/// Whether `gzip` or everything is among the encodings accepted, and not with a weight of nothing.
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|one| {
        let mut parts = one.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let refused = parts.any(|weight| {
            weight.strip_prefix("q=").and_then(|weight| weight.parse::<f64>().ok()).is_some_and(|weight| weight <= 0.0)
        });
        named && !refused
    })
}

async fn respond(request: &HttpRequest, reply: &Result<Reply, Problem>) -> HttpResponse {
    let reply = match reply {
        Ok(reply) => reply,
        Err(problem) => return problem.response(),
    };
    let mut answer = HttpResponse::build(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK));
    let said = |name: &str| reply.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
    if !reply.media.is_empty() {
        answer.content_type(reply.media);
    }
    if !said("cache-control") {
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
    }
    answer.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            answer.insert_header((name, value));
        }
    }
    match &reply.body {
        Body::Bytes(bytes) => answer.body(bytes.clone()),
        Body::File(path) => {
            let path = path.clone();
            match web::block(move || std::fs::read(path)).await {
                Ok(Ok(bytes)) => answer.body(bytes),
                _ => Problem::unknown("the file is not there any more").at(request.path()).response(),
            }
        }
    }
}

/// A method that a path does not offer.
pub(crate) fn refused(request: &HttpRequest, offered: &[Method]) -> HttpResponse {
    let names: Vec<&str> = offered.iter().map(Method::as_str).collect();
    let problem = Problem::method(request.method().as_str(), &names.join(", ")).at(request.path());
    problem.response()
}

/// A path under which there is nothing.
pub(crate) fn nothing(request: &HttpRequest, paths: &[&'static str]) -> HttpResponse {
    // All begin alike; what differs is compared.
    let tail = |path: &str| -> String { path.trim_start_matches("/api").trim_start_matches("/v1").to_owned() };
    let tails: Vec<String> = paths.iter().map(|path| tail(path)).collect();
    let near = closest(&tail(request.path()), tails.iter().map(String::as_str));
    let near = near.and_then(|near| paths.iter().find(|path| tail(path) == near));
    let near =
        near.map_or_else(|| "GET /api/v1 leads to everything".to_owned(), |near| format!("did you mean `{near}`?"));
    let problem = Problem::unknown(format!("there is nothing under `{}`; {near}", request.path())).at(request.path());
    problem.response()
}

#[cfg(test)]
mod tests {
    use super::super::spec::{Kind, param};
    use super::*;

    #[test]
    fn parameters_are_known_once_and_what_they_should_be() {
        const PARAMS: &[Param] = &[
            param("limit", Kind::Whole(1, 100), "How many.", "10"),
            param("state", Kind::Word(&["firing", "resolved"]), "Which.", "firing"),
            param("bbox", Kind::Box, "Where.", "9,52,10,53"),
        ];
        let check = |query: &str, expected: Result<usize, &str>| match (in_query(PARAMS, query), expected) {
            (Ok(read), Ok(count)) => assert_eq!(read.len(), count, "{query}"),
            (Err(problem), Err(needle)) => assert!(problem.detail().contains(needle), "{query}: {problem}"),
            (other, _) => panic!("{query}: {other:?}"),
        };
        check("", Ok(0));
        check("limit=3&state=firing&bbox=9,52,10,53", Ok(3));
        check("bbox=9%2C52%2C10%2C53", Ok(1));
        check("limt=3", Err("did you mean `limit`?"));
        check("zzz=3", Err("there are limit, state, bbox"));
        check("limit=0", Err("is no whole number from 1 to 100"));
        check("limit=-1", Err("is no whole number"));
        check("limit=3&limit=4", Err("is there twice"));
        check("state=fireing", Err("did you mean `firing`?"));
        check("bbox=9,52,10", Err("is not `west,south,east,north`"));
        check("bbox=9,NaN,10,53", Err("is not `west,south,east,north`"));
        check("limit=x&state=x", Err("; "));
    }

    #[test]
    fn gzip_is_sent_to_whoever_takes_it() {
        for (accepted, expected) in
            [("gzip, deflate, br", true), ("br", false), ("*", true), ("gzip;q=0", false), ("GZIP;q=0.5", true)]
        {
            assert_eq!(takes_gzip(accepted), expected, "{accepted}");
        }
    }
}
