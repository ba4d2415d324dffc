//! Webhooks: one POST a try, signed, to an address that was judged, with every wait and size bounded.
//!
//! Redirects are not followed, because they would lead past the judgement; no proxy is taken from the environment for the same
//! reason. Of what comes back only the status counts; a little of the text is kept to explain a failure.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use ureq::config::Config;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, http::Uri};

use super::{Courier, Outcome, shape};
use crate::pipeline::alerting::address::{Reach, beyond, check, refusal, told};
use crate::pipeline::alerting::outbox::Notice;
use crate::pipeline::alerting::rules::{Action, Given, Webhook, WebhookShape};
use crate::pipeline::alerting::signature::{EVENT_ID, SIGNATURE, TIMESTAMP, sign};
use crate::pipeline::alerting::subscribers::Target;
use crate::primitives::Timestamp;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Most bytes of headers read.
const HEADERS_MAX: usize = 16 << 10;
/// Most bytes of an answer read.
const ANSWER_MAX: u64 = 4 << 10;
/// Most characters of an answer told.
const TOLD_MAX: usize = 200;

/// Carries notices to a web address.
struct Webhooks {
    agent: Agent,
    url: String,
    secret: Option<String>,
    /// The routing key, where the shape has one.
    routing_key: Option<String>,
    slack: bool,
    /// Of a subscription, whether it is still wanted. What comes back from its address is told to nobody.
    is_wanted: Option<Arc<AtomicBool>>,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("to", &told(&self.url)).finish_non_exhaustive()
    }
}

/// The courier of a webhook.
pub(super) fn courier(
    action: &Action,
    webhook: &Webhook,
    secret: &dyn Fn(&str) -> Option<String>,
    limit: Duration,
) -> Result<Arc<dyn Courier>, String> {
    let url = match &webhook.url {
        Given::Plainly(url) => url.clone(),
        Given::From(name) => {
            let url = secret_of(name, secret)?;
            check(&url).map_err(|wrong| format!("the address in the environment variable `{name}` {wrong}"))?;
            url
        }
    };
    let routing_key = match &webhook.shape {
        WebhookShape::PagerDuty { routing_key_from } => Some(secret_of(routing_key_from, secret)?),
        WebhookShape::Plain | WebhookShape::Slack => None,
    };
    let signed = webhook.secret_from.as_ref().map(|name| secret_of(name, secret)).transpose()?;
    let slack = webhook.shape == WebhookShape::Slack;
    let agent = agent(roots(action)?, Judged::by_file(action.allow_link_local), limit);
    Ok(Arc::new(Webhooks { agent, url, secret: signed, routing_key, slack, is_wanted: None }))
}

/// The courier of a subscription.
pub(super) fn subscribed(target: Target, limit: Duration) -> Arc<dyn Courier> {
    let Target { url, secret, reach, is_wanted } = target;
    let agent = agent(RootCerts::WebPki, Judged::by_reach(reach), limit);
    let is_wanted = Some(is_wanted);
    Arc::new(Webhooks { agent, url, secret: Some(secret), routing_key: None, slack: false, is_wanted })
}

/// What an environment variable holds.
pub(super) fn secret_of(name: &str, secret: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let held = secret(name).map(|held| held.trim().to_owned()).filter(|held| !held.is_empty());
    held.ok_or_else(|| format!("the environment variable `{name}` is not set; set it, or take it out of the file"))
}

/// The bytes of the file with the certificates of who vouches.
pub(super) fn certificates(action: &Action) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = &action.ca else { return Ok(None) };
    let bytes = std::fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    Ok(Some(bytes))
}

/// Who vouches for servers.
fn roots(action: &Action) -> Result<RootCerts, String> {
    let Some(bytes) = certificates(action)? else { return Ok(RootCerts::WebPki) };
    let mut found = Vec::new();
    for item in parse_pem(&bytes) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(format!("the certificates in `ca` cannot be read: {error}")),
        }
    }
    if found.is_empty() {
        return Err("there is no certificate in the file `ca`; put one there in PEM".to_owned());
    }
    Ok(RootCerts::new_with_certs(&found))
}

fn agent(roots: RootCerts, judged: Judged, limit: Duration) -> Agent {
    let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(Arc::new(default_provider()));
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(limit))
        .timeout_connect(Some(CONNECT_MAX))
        .max_idle_connections(0)
        .max_response_header_size(HEADERS_MAX)
        .user_agent(concat!("citytwin/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, DefaultConnector::new(), judged)
}

/// Resolves names, and lets pass only addresses that may be spoken to; the connection goes to one of these.
#[derive(Debug)]
struct Judged {
    inner: DefaultResolver,
    by: Judgement,
}

/// Whom an address is judged by.
#[derive(Debug, Clone, Copy)]
enum Judgement {
    /// The operator's own file.
    File {
        /// Whether it names the link-local neighbourhood.
        allow_link_local: bool,
    },
    /// What those who ask over the network may reach.
    Reach(Reach),
}

impl Judged {
    fn by_file(allow_link_local: bool) -> Self {
        Self { inner: DefaultResolver::default(), by: Judgement::File { allow_link_local } }
    }

    fn by_reach(reach: Reach) -> Self {
        Self { inner: DefaultResolver::default(), by: Judgement::Reach(reach) }
    }

    fn refuses(&self, uri: &Uri, address: std::net::IpAddr) -> Option<&'static str> {
        match self.by {
            Judgement::File { allow_link_local } => refusal(address, allow_link_local),
            Judgement::Reach(reach) => beyond(address, uri.scheme_str() == Some("https"), reach),
        }
    }
}

/// An address nobody should speak to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl Resolver for Judged {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let mut passed = self.empty();
        let mut refused = None;
        for address in &found {
            match self.refuses(uri, address.ip()) {
                None => passed.push(*address),
                Some(why) => refused = Some(format!("the address {} {why}", address.ip())),
            }
        }
        match refused {
            Some(refused) if passed.is_empty() => Err(ureq::Error::Io(io::Error::other(Refused(refused)))),
            _ => Ok(passed),
        }
    }
}

impl Courier for Webhooks {
    fn body(&self, notice: &Notice) -> String {
        // Dead letters hold no secret.
        let body = self.whole(notice);
        if self.routing_key.is_some() { shape::value_without(&body, "routing_key") } else { body }
    }

    fn carry(&self, notice: &Notice, now: Timestamp) -> Outcome {
        if self.is_wanted.as_ref().is_some_and(|is_wanted| !is_wanted.load(Ordering::SeqCst)) {
            return Outcome::Never { reason: "the subscription was deleted".to_owned() };
        }
        let body = self.whole(notice);
        let timestamp = now.as_milliseconds().div_euclid(1000).to_string();
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header(EVENT_ID, &notice.id)
            .header(TIMESTAMP, &timestamp);
        if let Some(secret) = &self.secret {
            request = request.header(SIGNATURE, sign(secret.as_bytes(), &timestamp, body.as_bytes()));
        }
        match request.send(body.as_bytes()) {
            Ok(response) => judge(response, &told(&self.url), self.is_wanted.is_none(), now),
            Err(error) => failed(&error, &told(&self.url)),
        }
    }
}

impl Webhooks {
    fn whole(&self, notice: &Notice) -> String {
        match &self.routing_key {
            Some(key) => shape::pagerduty(notice, key),
            None if self.slack => shape::slack(notice),
            None => shape::plain(notice),
        }
    }
}

/// What an answer means; `tells` is whether some of its words are told.
fn judge(mut response: ureq::http::Response<ureq::Body>, place: &str, tells: bool, now: Timestamp) -> Outcome {
    let status = response.status().as_u16();
    if (200..300).contains(&status) {
        return Outcome::Delivered;
    }
    if (300..400).contains(&status) {
        let reason =
            format!("{place} answers {status} and points elsewhere, which is not followed; write the new address down");
        return Outcome::Never { reason };
    }
    let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let after = after.and_then(|value| retry_after(value, now));
    let answer = response.body_mut().with_config().limit(ANSWER_MAX).lossy_utf8(true).read_to_string();
    let answer: String = answer.unwrap_or_default().trim().chars().take(if tells { TOLD_MAX } else { 0 }).collect();
    let answer = if answer.is_empty() { String::new() } else { format!(": {}", answer.escape_debug()) };
    let reason = format!("{place} answers {status}{answer}");
    match status {
        408 | 425 | 429 => Outcome::Again { reason, after },
        400..500 => Outcome::Never { reason },
        _ => Outcome::Again { reason, after },
    }
}

/// What a try that met no answer means.
fn failed(error: &ureq::Error, place: &str) -> Outcome {
    let again = |reason: String| Outcome::Again { reason, after: None };
    match error {
        ureq::Error::Io(inner) => match inner.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) {
            Some(refused) => Outcome::Never { reason: format!("{place} is not spoken to: {refused}") },
            None => again(format!("{place} cannot be reached: {inner}")),
        },
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Outcome::Never { reason: format!("{place} is no web address") }
        }
        ureq::Error::Timeout(_) => again(format!("{place} does not answer in time")),
        other => again(format!("{place} cannot be reached: {other}")),
    }
}

/// Months as HTTP writes them.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long `Retry-After` asks to wait (RFC 9110, section 10.2.3) [s]: seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<u32> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
    // Sun, 06 Nov 1994 08:49:37 GMT
    let parts: Vec<&str> = value.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    let [_, day, month, year, clock, "GMT"] = parts.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    let at: Timestamp = format!("{year}-{month:02}-{day}T{clock}Z").parse().ok()?;
    u32::try_from(at.since(now).as_milliseconds().max(0) / 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_may_ask_for_time() {
        let now: Timestamp = "1994-11-06T08:49:07Z".parse().expect("a time");
        let cases = [
            ("30", Some(30)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("99999999999999", Some(u32::MAX)),
            ("-1", None),
            ("soon", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ];
        for (value, expected) in cases {
            assert_eq!(retry_after(value, now), expected, "{value}");
        }
    }
}
