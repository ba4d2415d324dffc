//! Who is told of alerts: looked at, asked for, and taken away, while the city runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::alerts::{SEVERITIES, now};
use super::ask::{Ask, Reply, ok};
use super::cities::{CITY, served};
use super::page::Page;
use super::spec::{Kind, Param, Spec, param};
use crate::api::answers::webhooks::{Subscription, answer, fares, subscriptions};
use crate::api::guard::Role;
use crate::api::problem::Problem;
use crate::pipeline::alerting::Subscribers;
use crate::pipeline::alerting::subscribers::{NotSubscribed, Wanted};
use crate::telemetry::reading::Severity;

const WEBHOOK: Param = param("webhook", Kind::Ulid, "The subscription's id.", "01JWQG0000ABCDEFGHJKMNPQRS");
const KEPT: &str = "keep the secret now: it is told this once, and cannot be asked for again";
const ENDING: &str = "keep the secret now: it is told this once, and cannot be asked for again. This server has no key for webhooks, so the \
                      subscription ends when the server does; name one by `webhooks: { key-from: ... }` in the file of access to have it \
                      last";
const REPLAYED: &str = "the secret was told when the subscription was made, and is told once; delete the subscription and make it anew \
                        if it was lost";

/// What somebody wants to be told, and where.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subscribe {
    /// Where to: https, or what the server allows besides. It is kept as it is, so it should hold no secret.
    #[schema(min_length = 1, max_length = 2000, example = "https://alerts.example.org/city")]
    url: String,
    /// A name for people.
    #[schema(min_length = 1, max_length = 80, example = "control room")]
    name: Option<String>,
    /// Only alerts at least so bad: `critical`, `high`, `medium` or `low`; all if missing.
    #[schema(pattern = "^(critical|high|medium|low)$", example = "high")]
    severity: Option<String>,
    /// Only alerts of these rules, where `*` stands for anything; of all if missing or empty.
    #[serde(default)]
    #[schema(max_items = 20)]
    rules: Vec<String>,
    /// Whether the end of an alert is told too; it is unless this is false.
    resolved: Option<bool>,
}

/// A subscription that was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Made {
    /// What it is.
    subscription: Subscription,
    /// What notices are signed with: `X-Citytwin-Signature` is `sha256=` and HMAC-SHA256, by this secret, of `X-Citytwin-Timestamp`, a
    /// dot and the body. Null where the request came again with the same `Idempotency-Key`.
    #[schema(example = "whsec_161a4de82734bef59fe9b5efade61d7508bac98322e2dbf0ddc155e0043947d0")]
    secret: Option<String>,
    /// What to do with it.
    says: &'static str,
}

pub(super) fn routes() -> Vec<Spec> {
    let tagged = |spec: Spec| spec.tag("alerts").path(&[CITY]);
    vec![
        tagged(Spec::get(
            "/api/v1/cities/{city}/webhooks",
            "webhooks",
            "Who is told of alerts, and how that fares.",
            webhooks,
        ))
        .pages::<Subscription>()
        .refuses(&[503]),
        tagged(Spec::post(
            "/api/v1/cities/{city}/webhooks",
            "subscribe",
            "Asks to be told of alerts by signed requests, from now on; the answer holds the secret, once.",
            subscribe,
        ))
        .body::<Subscribe>(r#"{"url":"https://alerts.example.org/city","severity":"high"}"#)
        .role(Role::Operator)
        .json::<Made>(201)
        .refuses(&[409, 422, 503]),
        tagged(Spec::get("/api/v1/cities/{city}/webhooks/{webhook}", "webhook", "One who is told of alerts.", webhook))
            .path(&[CITY, WEBHOOK])
            .json::<Subscription>(200)
            .refuses(&[503]),
        tagged(Spec::delete(
            "/api/v1/cities/{city}/webhooks/{webhook}",
            "unsubscribe",
            "Takes a subscription away: nothing is sent to it from now on.",
            unsubscribe,
        ))
        .path(&[CITY, WEBHOOK])
        .role(Role::Operator)
        .refuses(&[409, 503]),
    ]
}

fn all(ask: &Ask) -> Result<Vec<Subscription>, Problem> {
    let city = served(ask)?;
    let asked = ask.twin.subscribers().map_or_else(Vec::new, |subscribers| subscribers.list());
    // Reading how all notices fare once a second is enough for everybody; who asked is known at once.
    let fares = ask.desk.held("webhooks", || Ok(fares(ask.stores().tables())?))?;
    Ok(subscriptions(&fares, &asked, &city))
}

fn webhooks(ask: &Ask) -> Result<Reply, Problem> {
    ok(&Page::new(ask, all(ask)?, None))
}

fn found(ask: &Ask) -> Result<Subscription, Problem> {
    let id = ask.named("webhook");
    let found = all(ask)?.into_iter().find(|one| one.id == id);
    found.ok_or_else(|| Problem::unknown(format!("there is no subscription `{id}`")))
}

fn webhook(ask: &Ask) -> Result<Reply, Problem> {
    ok(&found(ask)?)
}

fn subscribers(ask: &Ask) -> Result<&Arc<Subscribers>, Problem> {
    let none =
        || NotSubscribed::NotHere("nobody can be told of this city's alerts; serve it with `citytwin serve`".into());
    Ok(ask.twin.subscribers().ok_or_else(none)?)
}

fn subscribe(ask: &Ask) -> Result<Reply, Problem> {
    served(ask)?;
    let subscribers = subscribers(ask)?;
    let said: Subscribe = ask.read()?;
    let severity = said.severity.map(|word| {
        let known = Severity::ALL.iter().find(|known| known.word() == word).copied();
        known.ok_or_else(|| {
            Problem::cannot_be(format!("`severity` is none of {}; write one of them", SEVERITIES.join(", ")))
        })
    });
    let wanted = Wanted {
        url: said.url,
        name: said.name,
        severity: severity.transpose()?,
        rules: said.rules,
        resolved: said.resolved.unwrap_or(true),
    };
    let (made, secret) = subscribers.subscribe(ask.stores().tables(), wanted, &ask.caller, now())?;
    let subscription = answer(&made, None);
    let place = format!("{}/{}", ask.uri.split('?').next().unwrap_or_default(), subscription.id);
    let says = if made.lasts { KEPT } else { ENDING };
    let again = Made { subscription: subscription.clone(), secret: None, says: REPLAYED };
    let reply = Reply::json(201, &Made { subscription, secret: Some(secret), says });
    Ok(reply.header("Location", place).later(&again))
}

fn unsubscribe(ask: &Ask) -> Result<Reply, Problem> {
    let one = found(ask)?;
    if one.source == "file" {
        let detail = format!("`{}` is an action of the alert file; take it out there", one.name);
        return Err(NotSubscribed::NotHere(detail).into());
    }
    subscribers(ask)?.unsubscribe(ask.stores().tables(), &one.id)?;
    Ok(Reply::empty(204))
}
