//! Rules of the file, over metrics and over events.

use crate::pipeline::alerting::metric::{Metric, Stream};
use crate::pipeline::alerting::rules::{
    Aggregation, EventRule, Filter, Grouping, Operator, Pattern, Rule, WINDOWS_MAX,
};
use crate::pipeline::analytics::EventKind;
use crate::primitives::SimDuration;
use crate::primitives::fields::{Fields, Reader, listed};
use crate::primitives::text::closest;
use crate::primitives::tree::{Node, Value};
use crate::telemetry::field::Text;
use crate::telemetry::reading::{CallStatus, IncidentStatus, Severity};

/// Most windows in a row a rule may ask for.
const IN_A_ROW_MAX: f64 = 1_000.0;

const KEYS: [&str; 16] = [
    "name",
    "question",
    "metric",
    "where",
    "by",
    "aggregation",
    "window",
    "operator",
    "threshold",
    "resolve-at",
    "severity",
    "for",
    "cool-down",
    "actions",
    "tell-resolved",
    "enabled",
];
const EVENT_KEYS: [&str; 9] =
    ["name", "question", "event", "where", "severity", "cool-down", "actions", "tell-resolved", "enabled"];

/// What rules may name.
pub(super) struct Names {
    pub(super) geofences: Vec<String>,
    pub(super) actions: Vec<String>,
    /// Whether all that is defined could be read.
    pub(super) whole: bool,
}

fn severities() -> Vec<(&'static str, Severity)> {
    Severity::ALL.iter().map(|severity| (severity.word(), *severity)).collect()
}

fn kinds() -> Vec<(&'static str, EventKind)> {
    EventKind::ALL.iter().map(|kind| (kind.word(), *kind)).collect()
}

pub(super) fn rule(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<Rule> {
    let name = reader.name(node, "rule");
    let fields = reader.fields(node, &format!("rule `{name}`"), &KEYS)?;
    let metric = metric(reader, &fields);
    let filter = metric.map_or_else(Filter::default, |metric| {
        let stream = metric.stream();
        filter(reader, &fields, names, stream.filters(), &format!("a rule about `{}`", metric.name))
    });
    let aggregation = match fields.get("aggregation") {
        Some(node) => reader.word(node, "aggregation", &Aggregation::ALL),
        None if metric.is_some_and(|metric| metric.stream() == Stream::Events) => Some(Aggregation::Sum),
        None => Some(Aggregation::Mean),
    };
    let window = metric.and_then(|metric| window(reader, &fields, metric));
    let operator = reader.needed(&fields, "operator", "write `operator: \">\"`, or another of < <= > >= == !=");
    let operator = operator.and_then(|node| reader.word(node, "operator", &Operator::ALL));
    let threshold = reader.needed(&fields, "threshold", "write the number, with its unit");
    let threshold = threshold.zip(metric).and_then(|(node, metric)| threshold_of(reader, node, "threshold", metric));
    let resolve_at = match fields.get("resolve-at").zip(metric) {
        Some((node, metric)) => resolve_at(reader, node, metric, operator, threshold),
        None => threshold,
    };
    let severity = reader.needed(&fields, "severity", "write low, medium, high or critical");
    let severity = severity.and_then(|node| reader.word(node, "severity", &severities()));
    let windows = match fields.get("for") {
        Some(node) => reader.number(node, "for", 1.0..=IN_A_ROW_MAX).and_then(|count| whole(reader, node, count)),
        None => Some(1),
    };
    let by = fields.get("by").map_or(Some(Grouping::Subject), |node| grouping(reader, node, metric));
    let (cool_down, actions, tell_resolved) = common(reader, &fields, names);
    let enabled = reader.flag(&fields, "enabled", true);
    enabled.then_some(Rule {
        name: Text::from(name),
        metric: metric?,
        filter,
        by: by?,
        aggregation: aggregation?,
        window: window?,
        operator: operator?,
        threshold: threshold?,
        resolve_at: resolve_at?,
        severity: severity?,
        windows: windows?,
        cool_down: cool_down?,
        actions,
        tell_resolved,
    })
}

pub(super) fn event_rule(reader: &mut Reader<'_>, node: &Node, names: &Names) -> Option<EventRule> {
    let name = reader.name(node, "rule");
    let fields = reader.fields(node, &format!("rule `{name}`"), &EVENT_KEYS)?;
    let filters = ["severity", "road", "device", "geofence", "status"];
    let mut filter = filter(reader, &fields, names, &filters, "a rule about events");
    if let Some(node) = reader.needed(&fields, "event", "write what happens, such as `event: incident`") {
        filter.kinds = event_kinds(reader, node);
    }
    let severity = fields.get("severity").map(|node| reader.word(node, "severity", &severities()));
    let (cool_down, actions, tell_resolved) = common(reader, &fields, names);
    let enabled = reader.flag(&fields, "enabled", true);
    let rule = EventRule {
        name: Text::from(name),
        filter,
        severity: severity.flatten(),
        cool_down: cool_down?,
        actions,
        tell_resolved,
    };
    enabled.then_some(rule)
}

fn event_kinds(reader: &mut Reader<'_>, node: &Node) -> Vec<EventKind> {
    let words: Vec<(String, &Node)> = reader.texts(node, "event");
    words.into_iter().filter_map(|(_, node)| reader.word(node, "kind of event", &kinds())).collect()
}

fn metric(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<&'static Metric> {
    let node = reader.needed(fields, "metric", "`citytwin alerts metrics` lists them all")?;
    let name = reader.text(node, "metric")?;
    let metric = Metric::of_name(&name);
    if metric.is_none() {
        let help = Metric::like(&name).map_or_else(
            || "`citytwin alerts metrics` lists them all".to_owned(),
            |like| format!("did you mean `{like}`? `citytwin alerts metrics` lists them all"),
        );
        reader.wrong(node, format!("there is no metric `{}`", name.escape_debug()), help);
    }
    metric
}

fn window(reader: &mut Reader<'_>, fields: &Fields<'_>, metric: &Metric) -> Option<SimDuration> {
    let base = metric.stream().window();
    let Some(node) = fields.get("window") else { return Some(SimDuration::milliseconds(base)) };
    let window = reader.duration(node, "window")?;
    let length = window.as_milliseconds();
    if length < base || length % base != 0 || length / base > WINDOWS_MAX {
        let (least, most) = (SimDuration::milliseconds(base), SimDuration::milliseconds(base * WINDOWS_MAX));
        let message = format!("a window of {window} does not fit `{}`", metric.name);
        reader.wrong(node, message, format!("a multiple of {least}, at most {most}"));
        return None;
    }
    Some(window)
}

fn grouping(reader: &mut Reader<'_>, node: &Node, metric: Option<&Metric>) -> Option<Grouping> {
    let by = reader.word(node, "grouping", &Grouping::ALL)?;
    let metric = metric?;
    if by == Grouping::Road && !metric.stream().filters().contains(&"road") {
        reader.wrong(node, format!("`{}` knows no roads", metric.name), "write `by: subject` or `by: all`");
        return None;
    }
    Some(by)
}

fn threshold_of(reader: &mut Reader<'_>, node: &Node, key: &str, metric: &Metric) -> Option<f64> {
    let text = reader.text(node, key)?;
    metric.threshold(&text).map_err(|(message, help)| reader.wrong(node, message, help)).ok()
}

/// Where an alert ends: on the good side of where it begins.
fn resolve_at(
    reader: &mut Reader<'_>,
    node: &Node,
    metric: &Metric,
    operator: Option<Operator>,
    threshold: Option<f64>,
) -> Option<f64> {
    let value = threshold_of(reader, node, "resolve-at", metric)?;
    let (operator, threshold) = operator.zip(threshold)?;
    let good = match operator {
        Operator::Less | Operator::AtMost => value >= threshold,
        Operator::Greater | Operator::AtLeast => value <= threshold,
        Operator::Equal | Operator::Unequal => false,
    };
    if !good {
        let message =
            format!("an alert at {} {} cannot end at {}", operator.sign(), metric.told(threshold), metric.told(value));
        reader.wrong(node, message, "write a number on the other side of the threshold, or leave `resolve-at` out");
        return None;
    }
    Some(value)
}

fn whole(reader: &mut Reader<'_>, node: &Node, count: f64) -> Option<u32> {
    if count.fract() != 0.0 {
        reader.wrong(node, format!("`for` of {count} windows"), "write a whole number of windows");
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be 1 to 1000")]
    Some(count as u32)
}

fn common(reader: &mut Reader<'_>, fields: &Fields<'_>, names: &Names) -> (Option<SimDuration>, Vec<usize>, bool) {
    // What it asks is for people; it is only looked at.
    if let Some(node) = fields.get("question")
        && !matches!(node.value, Value::Text(_))
    {
        reader.wrong(node, "`question` should be text", "write the question the rule answers");
    }
    let cool_down = fields.get("cool-down").map_or(Some(SimDuration::ZERO), |node| reader.duration(node, "cool-down"));
    let actions = fields.get("actions").map(|node| reader.texts(node, "actions")).unwrap_or_default();
    let actions = actions
        .into_iter()
        .filter_map(|(name, node)| of_name(reader, node, &name, "action", "actions", &names.actions, names.whole));
    (cool_down, actions.collect(), reader.flag(fields, "tell-resolved", true))
}

/// The place of something that is named.
fn of_name(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    what: &str,
    key: &str,
    all: &[String],
    whole: bool,
) -> Option<usize> {
    let found = all.iter().position(|other| other == name);
    if found.is_none() && whole {
        let help = match closest(name, all.iter().map(String::as_str)) {
            Some(like) => format!("did you mean `{like}`?"),
            None if all.is_empty() => format!("write it down under `{key}`"),
            None => {
                format!("there are {}; others are written down under `{key}`", listed(all.iter().map(String::as_str)))
            }
        };
        reader.wrong(node, format!("there is no {what} `{}`", name.escape_debug()), help);
    }
    found
}

fn filter(reader: &mut Reader<'_>, fields: &Fields<'_>, names: &Names, known: &[&str], what: &str) -> Filter {
    let mut filter = Filter::default();
    let Some(fields) = fields.get("where").and_then(|node| reader.fields(node, &format!("`where` of {what}"), known))
    else {
        return filter;
    };
    if let Some(node) = fields.get("kind") {
        filter.kinds = event_kinds(reader, node);
    }
    let patterns = |reader: &mut Reader<'_>, key: &str| {
        let texts = fields.get(key).map(|node| reader.texts(node, key)).unwrap_or_default();
        texts.into_iter().map(|(text, _)| Pattern::new(&text)).collect()
    };
    filter.roads = patterns(reader, "road");
    filter.devices = patterns(reader, "device");
    filter.severity = fields.get("severity").and_then(|node| reader.word(node, "severity", &severities()));
    if let Some(node) = fields.get("geofence") {
        let texts = reader.texts(node, "geofence");
        filter.geofences = texts
            .into_iter()
            .filter_map(|(name, node)| of_name(reader, node, &name, "area", "geofences", &names.geofences, names.whole))
            .collect();
    }
    if let Some(node) = fields.get("status") {
        let mut words: Vec<(&str, &str)> =
            IncidentStatus::ALL.iter().map(|status| (status.word(), status.word())).collect();
        words.extend(CallStatus::ALL.iter().map(|status| (status.word(), status.word())));
        let texts = reader.texts(node, "status");
        filter.status =
            texts.into_iter().filter_map(|(_, node)| reader.word(node, "status", &words)).map(Text::from).collect();
    }
    filter
}
