//! What every answer says: its number, what the page may load, and how much more may be asked.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::origin::From;
use super::rate::Verdict;

/// The number of a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Nothing from outside, no script in the page itself; styles of the map's controls are set by script, hence `unsafe-inline` there.
const POLICY: &str = "default-src 'self'; script-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; \
                      style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
/// A year, as long as there is TLS.
const TRANSPORT_SECURITY: &str = "max-age=31536000";
/// What a page from elsewhere may read of an answer.
const EXPOSED: &str =
    "x-request-id, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, link, etag, location";

/// Writes what every answer says. A route that serves what it did not write itself, such as the report of a run, says by itself what
/// that may load and who may frame it.
pub(super) fn secure(headers: &mut HeaderMap, encrypted: bool) {
    let framed = if headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        "SAMEORIGIN"
    } else {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        "DENY"
    };
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", framed),
        ("referrer-policy", "same-origin"), // with `no-referrer` browsers would not say that our own form is ours
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=()"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if encrypted {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TRANSPORT_SECURITY));
    }
}

/// Writes how much more may be asked, as the draft of the IETF has it and as most others do.
pub(super) fn rate(headers: &mut HeaderMap, verdict: &Verdict) {
    let numbers = [u64::from(verdict.limit), verdict.remaining, verdict.reset_s];
    let plain = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    let usual = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    for ((number, plain), usual) in numbers.into_iter().zip(plain).zip(usual) {
        headers.insert(HeaderName::from_static(plain), HeaderValue::from(number));
        headers.insert(HeaderName::from_static(usual), HeaderValue::from(number));
    }
}

/// Lets a page that may read the answer read it. Never with credentials of the browser: those are for our own page.
pub(super) fn shared(headers: &mut HeaderMap, from: &From) {
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let From::Allowed(origin) = from
        && let Ok(origin) = HeaderValue::from_str(origin)
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// What a page from elsewhere may ask.
pub(super) fn preflight(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, idempotency-key, x-api-key, x-request-id"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
