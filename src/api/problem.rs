//! Errors as every answer of the API tells them: RFC 9457, `application/problem+json`.
//!
//! A problem has a status, a title that belongs to it, and a detail that says what to do. Nothing of what was asked is repeated in a
//! way that a terminal or a page could take for a command.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::api::port::Refused;
use crate::pipeline::alerting::subscribers::NotSubscribed;
use crate::pipeline::stores::StoreError;
use crate::primitives::text::harmless;

/// The media type of problems.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// After how long a store that was away may be asked again [s].
const RETRY_S: u32 = 5;
/// Longest detail told [bytes]; what is longer is cut.
const DETAIL_MAX: usize = 2_000;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem: always `about:blank`, the status says it.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// The status as a number.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// What is wrong and what to do.
    #[schema(example = "there is no session `lvie`; did you mean `live`?")]
    detail: String,
    /// The path that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<Box<str>>,
    /// Everything that is wrong, where it is more than one thing.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    errors: Box<[String]>,
    #[serde(skip)]
    #[schema(ignore)]
    allow: Option<Box<str>>,
    /// After how many seconds to try again.
    #[serde(skip)]
    #[schema(ignore)]
    retry_after_s: Option<u32>,
    /// Whether to hang up after it: what follows on the connection cannot be trusted.
    #[serde(skip)]
    #[schema(ignore)]
    hangs_up: bool,
}

impl Problem {
    /// A problem of a status.
    pub(crate) fn new(status: StatusCode, detail: impl AsRef<str>) -> Self {
        let mut detail = harmless(detail.as_ref());
        if detail.len() > DETAIL_MAX {
            let end = (0..=DETAIL_MAX).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
            detail.truncate(end);
        }
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            instance: None,
            errors: Box::default(),
            allow: None,
            retry_after_s: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_S),
            hangs_up: false,
        }
    }

    /// 400: the request is wrong in itself.
    pub(crate) fn bad(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: nobody said who it is, or it could not be believed.
    pub(crate) fn unauthorised(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// 403: whoever it is may not.
    pub(crate) fn forbidden(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 429: there was too much of it; later there may be more.
    pub(crate) fn too_many(retry_after_s: u64, detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).after(retry_after_s.max(1))
    }

    /// 404: there is no such thing.
    pub(crate) fn unknown(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422: the request can be read, and what it says cannot be.
    pub(crate) fn cannot_be(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 503: what the answer needs is away.
    pub(crate) fn away(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// 500: a fault of ours.
    pub(crate) fn fault(detail: impl AsRef<str>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// 405, with the methods there are.
    pub(crate) fn method(asked: &str, allow: &str) -> Self {
        let detail = format!("`{asked}` is not offered here; there are: {allow}");
        Self { allow: Some(allow.into()), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// The problem with the path it is about.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.instance = Some(harmless(path).into());
        self
    }

    /// The problem with when to try again [s].
    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// The problem as the last word on its connection.
    pub(crate) fn hanging_up(mut self) -> Self {
        self.hangs_up = true;
        self
    }

    /// The problem with everything that is wrong.
    pub(crate) fn with(mut self, errors: &[String]) -> Self {
        self.errors = errors.iter().map(|error| harmless(error)).collect();
        self
    }

    /// Its status.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What is wrong and what to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Its headers beside the media type.
    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        if let Some(allow) = self.allow.as_deref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
            headers.push((ALLOW, allow));
        }
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"citytwin\"")));
        }
        headers.extend(self.retry_after_s.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))));
        headers
    }

    /// The answer.
    pub(crate) fn response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status());
        answer.content_type(PROBLEM_JSON);
        for header in self.headers() {
            answer.insert_header(header);
        }
        if self.hangs_up {
            answer.force_close();
        }
        answer.body(self.json())
    }

    /// Its JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        let written = serde_json::to_vec(self);
        debug_assert!(written.is_ok(), "plain fields always become JSON");
        written.unwrap_or_default()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.title, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match refused {
            Refused::Unknown(_) => StatusCode::NOT_FOUND,
            Refused::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refused::NotNow(_) | Refused::TooMany(_) => StatusCode::CONFLICT,
            Refused::Failed(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refused.to_string())
    }
}

impl From<NotSubscribed> for Problem {
    fn from(refused: NotSubscribed) -> Self {
        let status = match refused {
            NotSubscribed::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            NotSubscribed::TooMany(_) | NotSubscribed::NotHere(_) => StatusCode::CONFLICT,
            NotSubscribed::Unknown(_) => StatusCode::NOT_FOUND,
            NotSubscribed::Store(error) => return error.into(),
        };
        Self::new(status, refused.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Question(_) => Self::cannot_be(error.to_string()),
            _ => Self::away(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_what_the_rfc_says() {
        let problem = Problem::unknown("there is no session `\u{1b}[31mx`").at("/api/v1/sessions/x");
        let json: serde_json::Value = serde_json::from_slice(&problem.json()).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "type": "about:blank", "title": "Not Found", "status": 404,
                "detail": "there is no session `\u{241b}[31mx`", "instance": "/api/v1/sessions/x",
            })
        );
        let answer = Problem::method("PUT", "GET, POST").error_response();
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers().get(ALLOW).expect("it says which"), "GET, POST");
        assert_eq!(answer.headers().get("content-type").expect("it has a type"), PROBLEM_JSON);
    }

    #[test]
    fn a_problem_says_when_to_come_again_and_hangs_up() {
        let wait = |problem: &Problem| {
            let answer = problem.response();
            answer.headers().get(RETRY_AFTER).map(|value| value.to_str().expect("digits").to_owned())
        };
        assert_eq!(wait(&Problem::away("gone")).as_deref(), Some("5"));
        assert_eq!(wait(&Problem::away("gone").after(60)).as_deref(), Some("60"));
        assert_eq!(wait(&Problem::too_many(0, "slower")).as_deref(), Some("1"));
        assert_eq!(wait(&Problem::too_many(u64::MAX, "slower")), Some(u32::MAX.to_string()));
        assert_eq!(wait(&Problem::bad("no")), None);
        let last = Problem::bad("no").hanging_up().response();
        assert_eq!(last.head().connection_type(), actix_web::http::ConnectionType::Close);
        assert!(Problem::unauthorised("who?").response().headers().contains_key(WWW_AUTHENTICATE));
    }

    #[test]
    fn long_details_are_cut_between_characters() {
        let detail = "µ".repeat(DETAIL_MAX);
        assert!(Problem::bad(detail).detail().len() <= DETAIL_MAX);
    }

    #[test]
    fn what_stores_and_sessions_refuse_has_its_status() {
        let away = StoreError::Away { part: "live state", place: "x".to_owned(), reason: "gone".to_owned() };
        let problem = Problem::from(away);
        assert_eq!(problem.status, 503);
        assert!(problem.headers().iter().any(|(name, _)| name == RETRY_AFTER), "{problem:?}");
        assert_eq!(Problem::from(StoreError::Question("no".to_owned())).status, 422);
        for (refused, status) in [
            (Refused::Unknown(String::new()), 404),
            (Refused::Invalid(String::new()), 422),
            (Refused::NotNow(String::new()), 409),
            (Refused::TooMany(String::new()), 409),
            (Refused::Failed(String::new()), 503),
        ] {
            assert_eq!(Problem::from(refused).status, status);
        }
    }
}
