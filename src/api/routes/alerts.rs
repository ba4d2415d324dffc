//! Alerts and who has seen them, and what happened.

use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::http::StatusCode;
use serde::Deserialize;

use super::ask::{Ask, Reply, ok};
use super::cities::{CITY, served};
use super::desk::lock;
use super::page::{CURSOR_PARAM, LIMIT_PARAM, Page, after, limit};
use super::spec::{Kind, Param, Spec, param};
use crate::api::answers::alerts::{Acknowledgement, AlertAnswer, AlertBook, NOTE_MAX, acknowledge, answer, find, word};
use crate::api::answers::events::{self, EventAnswer, EventsAsked};
use crate::api::guard::Role;
use crate::api::problem::Problem;
use crate::pipeline::alerting::Alert;
use crate::primitives::Timestamp;

pub(super) const SEVERITIES: &[&str] = &["critical", "high", "medium", "low"];
const KINDS: &[&str] = &[
    "incident",
    "call",
    "incident_suspected",
    "incident_over",
    "geofence_entered",
    "geofence_left",
    "sensor_silent",
    "sensor_stuck",
    "sensor_implausible",
    "sensor_drifted",
    "sensor_clock_wrong",
    "sensor_battery_low",
    "sensor_well",
];

const ALERT: Param = param("alert", Kind::Ulid, "The alert's id.", "01JWQG0000ABCDEFGHJKMNPQRS");
const SEVERITY: Param = param("severity", Kind::Word(SEVERITIES), "Only so bad.", "high");
const ALERTS_ASKED: &[Param] = &[
    param("state", Kind::Word(&["firing", "resolved", "noted"]), "Only such.", "firing"),
    SEVERITY,
    param("acknowledged", Kind::Word(&["true", "false"]), "Only those that somebody has seen, or nobody.", "false"),
    CURSOR_PARAM,
    LIMIT_PARAM,
];
const EVENTS_ASKED: &[Param] = &[
    param("kind", Kind::Word(KINDS), "Only such.", "incident"),
    SEVERITY,
    param("since", Kind::Instant, "Not those before, in the city's time.", "2026-06-02T06:00:00Z"),
    CURSOR_PARAM,
    LIMIT_PARAM,
];

/// Says that an alert has been seen, or takes that back.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acknowledge {
    /// Whether it has been seen.
    acknowledged: bool,
    /// What there is to say about it.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

pub(super) fn routes() -> Vec<Spec> {
    let tagged = |spec: Spec| spec.tag("alerts").path(&[CITY]);
    vec![
        tagged(Spec::get("/api/v1/cities/{city}/alerts", "alerts", "Alerts, the newest first.", alerts))
            .query(ALERTS_ASKED)
            .pages::<AlertAnswer>()
            .refuses(&[503]),
        tagged(Spec::get("/api/v1/cities/{city}/alerts/{alert}", "alert", "An alert.", alert))
            .path(&[CITY, ALERT])
            .json::<AlertAnswer>(200)
            .refuses(&[503]),
        tagged(Spec::patch(
            "/api/v1/cities/{city}/alerts/{alert}",
            "acknowledge_alert",
            "Says that an alert has been seen, or takes that back.",
            seen,
        ))
        .path(&[CITY, ALERT])
        .body::<Acknowledge>(r#"{"acknowledged":true,"note":"crew is on its way"}"#)
        .role(Role::Operator)
        .json::<AlertAnswer>(200)
        .refuses(&[503]),
        tagged(Spec::get("/api/v1/cities/{city}/events", "events", "What happened, the newest first.", happened))
            .query(EVENTS_ASKED)
            .pages::<EventAnswer>()
            .refuses(&[503]),
    ]
}

fn alerts(ask: &Ask) -> Result<Reply, Problem> {
    let city = served(ask)?;
    let (after, limit) = (after(ask)?, limit(ask));
    let book = ask.desk.held("alerts", || Ok(AlertBook::read(ask.stores().tables())?))?;
    let (state, severity, acknowledged) = (ask.word("state"), ask.word("severity"), ask.word("acknowledged"));
    let wanted = |alert: &&Alert| {
        state.is_none_or(|state| word(alert.state) == state)
            && severity.is_none_or(|severity| alert.severity.word() == severity)
            && acknowledged.is_none_or(|seen| book.is_seen(alert) == (seen == "true"))
            && after.as_deref().is_none_or(|after| alert.id.as_str() < after)
    };
    let mut found = book.alerts.iter().filter(wanted);
    let page: Vec<&Alert> = found.by_ref().take(limit).collect();
    let last = if found.next().is_some() { page.last().map(|alert| alert.id.as_str()) } else { None };
    let items = page.iter().map(|alert| answer(alert, book.seen.get(&alert.id), &city)).collect();
    ok(&Page::new(ask, items, last))
}

fn known(ask: &Ask) -> Result<(Alert, Option<Acknowledgement>), Problem> {
    let id = ask.named("alert");
    find(ask.stores().tables(), id)?.ok_or_else(|| Problem::unknown(format!("there is no alert `{id}`")))
}

fn alert(ask: &Ask) -> Result<Reply, Problem> {
    let city = served(ask)?;
    let (alert, seen) = known(ask)?;
    ok(&answer(&alert, seen.as_ref(), &city))
}

/// What time it is on the wall.
#[expect(clippy::disallowed_methods, reason = "an alert is seen, and asked for, by people, at a time on the wall")]
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::milliseconds(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn seen(ask: &Ask) -> Result<Reply, Problem> {
    let city = served(ask)?;
    let (alert, _) = known(ask)?;
    let said: Acknowledge = ask.read()?;
    if said.note.as_ref().is_some_and(|note| note.len() > NOTE_MAX) {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("`note` has more than {NOTE_MAX} bytes")));
    }
    let seen =
        said.acknowledged.then(|| Acknowledgement { at: now().to_string(), by: ask.caller.clone(), note: said.note });
    acknowledge(ask.stores().tables(), &alert.id, seen.as_ref())?;
    ask.desk.forget("alerts");
    ok(&answer(&alert, seen.as_ref(), &city))
}

fn happened(ask: &Ask) -> Result<Reply, Problem> {
    served(ask)?;
    let after = after(ask)?;
    let before = after.as_deref().and_then(|after| {
        let mut parts = after.split('/');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    // Reading what is new once a second is enough for everybody.
    ask.desk.held("events", || Ok(lock(&ask.desk.events).catch_up(ask.stores().tables())?))?;
    let asked = EventsAsked {
        kind: ask.word("kind"),
        severity: ask.word("severity"),
        since: ask.instant("since"),
        before,
        limit: limit(ask),
    };
    let book = lock(&ask.desk.events);
    let (page, more) = book.page(&asked);
    let last = page.last().filter(|_| more).map(|event| {
        let (at, partition, number) = events::place(event);
        format!("{at}/{partition}/{number}")
    });
    let items = page.into_iter().map(events::answer).collect();
    ok(&Page::new(ask, items, last.as_deref()))
}
