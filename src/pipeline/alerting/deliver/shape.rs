//! What is sent, in the form in which the other side takes it.

use serde_json::{Value, json};

use crate::pipeline::alerting::alert::{Alert, AlertState, cut};
use crate::pipeline::alerting::outbox::Notice;
use crate::telemetry::reading::Severity;

/// Longest title of a Slack message [characters].
const SLACK_TITLE_MAX: usize = 150;
/// Longest summary `PagerDuty` takes [bytes].
const SUMMARY_MAX: usize = 1_024;

/// What is told of an alert.
const fn event(alert: &Alert) -> &'static str {
    match alert.state {
        AlertState::Firing => "alert.firing",
        AlertState::Resolved => "alert.resolved",
        AlertState::Noted => "alert.noted",
    }
}

/// The alert as one JSON object.
pub(super) fn plain(notice: &Notice) -> String {
    json!({ "id": notice.id, "event": event(&notice.alert), "alert": notice.alert }).to_string()
}

/// One line for people.
pub(super) fn title(alert: &Alert) -> String {
    let state = match alert.state {
        AlertState::Firing | AlertState::Noted => alert.severity.word(),
        AlertState::Resolved => "resolved",
    };
    let line = format!("[{}] {}: {}", state.to_uppercase(), alert.rule, alert.subject);
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Everything about an alert, a line each.
pub(super) fn lines(notice: &Notice) -> Vec<String> {
    let alert = &notice.alert;
    let mut lines = vec![alert.says.clone(), format!("Severity: {}", alert.severity.word())];
    let mut add = |name: &str, value: Option<String>| lines.extend(value.map(|value| format!("{name}: {value}")));
    add("Road", alert.road.as_ref().map(ToString::to_string));
    add("Area", alert.geofence.as_ref().map(ToString::to_string));
    add(
        "Place",
        alert.latitude.zip(alert.longitude).map(|(latitude, longitude)| format!("{latitude:.6}, {longitude:.6}")),
    );
    add("Since", Some(alert.since.to_string()));
    add("Until", alert.until.map(|until| until.to_string()));
    add("Alert", Some(alert.id.clone()));
    lines.iter().map(|line| line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()).collect()
}

/// A message as Slack's incoming webhooks take it (Block Kit).
pub(super) fn slack(notice: &Notice) -> String {
    // Three signs have a meaning in Slack's text.
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let title = title(&notice.alert);
    let short: String = title.chars().take(SLACK_TITLE_MAX).collect();
    let lines = lines(notice);
    let (says, facts) = lines.split_first().map_or((String::new(), String::new()), |(says, facts)| {
        (escape(says), facts.iter().map(|fact| escape(fact)).collect::<Vec<_>>().join("  |  "))
    });
    json!({
        "text": escape(&title),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": short } },
            { "type": "section", "text": { "type": "mrkdwn", "text": says } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(&facts, 2_000) }] },
        ],
    })
    .to_string()
}

/// An event as the Events API v2 of `PagerDuty` takes it.
pub(super) fn pagerduty(notice: &Notice, routing_key: &str) -> String {
    let alert = &notice.alert;
    let severity = match alert.severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    };
    let action = if alert.state == AlertState::Resolved { "resolve" } else { "trigger" };
    json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": alert.id,
        "client": "citytwin",
        "payload": {
            "summary": cut(&alert.says, SUMMARY_MAX),
            "source": "citytwin",
            "severity": severity,
            "timestamp": alert.until.unwrap_or(alert.since).to_string(),
            "component": alert.subject,
            "group": alert.road,
            "class": alert.looks_at,
            "custom_details": alert,
        },
    })
    .to_string()
}

/// A body with its secrets left out, for the dead letters.
pub(super) fn value_without(body: &str, key: &str) -> String {
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(mut fields)) => {
            fields.remove(key);
            Value::Object(fields).to_string()
        }
        _ => String::new(),
    }
}
