//! The operator's file as checked values: what to look at, when it is worth an alert, and who is told.
//!
//! Secrets are known by the name of the environment variable that holds them, never by themselves. Knows no file format.

use std::path::PathBuf;

use super::metric::Metric;
use crate::pipeline::analytics::{Event, EventKind, Geofence};
use crate::primitives::SimDuration;
use crate::telemetry::field::Text;
use crate::telemetry::reading::Severity;

/// Most rules, over metrics and over events together.
pub const RULES_MAX: usize = 1_000;
/// Most areas.
pub const GEOFENCES_MAX: usize = 1_000;
/// Most actions.
pub const ACTIONS_MAX: usize = 100;
/// Most windows of a metric's table in one window of a rule: a day of five minutes.
pub const WINDOWS_MAX: i64 = 288;

/// Everything an operator wants to be told, and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertRules {
    /// Rules over metrics.
    pub rules: Vec<Rule>,
    /// Rules over events.
    pub events: Vec<EventRule>,
    /// Areas on the map.
    pub geofences: Vec<Geofence>,
    /// Ways to tell somebody.
    pub actions: Vec<Action>,
}

/// How the windows of a rule become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Mean; every window of the table weighs the same.
    Mean,
    /// Least.
    Min,
    /// Greatest.
    Max,
    /// Sum.
    Sum,
    /// How many windows told a number.
    Count,
    /// The newest.
    Last,
    /// Median.
    P50,
    /// What 95 of 100 do not exceed.
    P95,
}

impl Aggregation {
    /// Every one, with its word.
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("mean", Self::Mean),
        ("min", Self::Min),
        ("max", Self::Max),
        ("sum", Self::Sum),
        ("count", Self::Count),
        ("last", Self::Last),
        ("p50", Self::P50),
        ("p95", Self::P95),
    ];

    /// One number of many, in the order in which they were told; none of none but for a count.
    pub(crate) fn of(self, values: &[f64]) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a window holds few numbers")]
        let count = values.len() as f64;
        if self == Self::Count {
            return Some(count);
        }
        let last = *values.last()?;
        Some(match self {
            Self::Mean => values.iter().sum::<f64>() / count,
            Self::Min => values.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Self::Sum => values.iter().sum(),
            Self::P50 => rank(values, 50),
            Self::P95 => rank(values, 95),
            Self::Count | Self::Last => last,
        })
    }
}

/// The value at the nearest rank of a percentile: the least that `percent` of 100 values do not exceed.
fn rank(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// How a number is held against a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
    /// Equal, but for rounding.
    Equal,
    /// Not equal.
    Unequal,
}

impl Operator {
    /// Every one, with its sign.
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("<", Self::Less),
        ("<=", Self::AtMost),
        (">", Self::Greater),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
    ];

    /// Its sign.
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::Unequal => "!=",
        }
    }

    /// Whether it holds. Numbers that differ by less than a billionth of themselves are equal.
    pub(crate) fn holds(self, value: f64, threshold: f64) -> bool {
        let equal = (value - threshold).abs() <= 1e-9 * value.abs().max(threshold.abs()).max(1.0);
        match self {
            Self::Less => value < threshold && !equal,
            Self::AtMost => value < threshold || equal,
            Self::Greater => value > threshold && !equal,
            Self::AtLeast => value > threshold || equal,
            Self::Equal => equal,
            Self::Unequal => !equal,
        }
    }
}

/// What of everything a rule is about makes one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Each road, device, incident by itself.
    Subject,
    /// Everything on a road together.
    Road,
    /// Everything together.
    All,
}

impl Grouping {
    /// Every one, with its word.
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("subject", Self::Subject), ("road", Self::Road), ("all", Self::All)];
}

/// A name with `*` for anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Text);

impl Pattern {
    /// The pattern of a text.
    pub fn new(text: &str) -> Self {
        Self(Text::from(text))
    }

    /// Whether a name fits; time grows with the product of the lengths at most.
    pub fn fits(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where to go on when the rest does not fit: behind the last star, one byte of the name further.
        let mut back: Option<(usize, usize)> = None;
        while n < name.len() {
            if pattern.get(p) == Some(&b'*') {
                back = Some((p, n));
                p += 1;
            } else if pattern.get(p) == name.get(n) {
                (p, n) = (p + 1, n + 1);
            } else if let Some((star, from)) = back {
                (p, n) = (star + 1, from + 1);
                back = Some((star, from + 1));
            } else {
                return false;
            }
        }
        pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
    }
}

/// What a rule is about; an empty list means all of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Kinds of events.
    pub kinds: Vec<EventKind>,
    /// Roads.
    pub roads: Vec<Pattern>,
    /// Devices; of events, whom they are about.
    pub devices: Vec<Pattern>,
    /// Areas, by their place in [`AlertRules::geofences`].
    pub geofences: Vec<usize>,
    /// Least severity.
    pub severity: Option<Severity>,
    /// Steps of incidents and calls.
    pub status: Vec<Text>,
}

fn any(patterns: &[Pattern], name: Option<&str>) -> bool {
    patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.fits(name)))
}

impl Filter {
    /// Whether a subject passes that has a road, a device, and a place (latitude, longitude [deg]).
    pub(crate) fn takes(
        &self,
        fences: &[Geofence],
        road: Option<&str>,
        device: Option<&str>,
        place: Option<(f64, f64)>,
    ) -> bool {
        let inside = |fence: &usize| {
            let shape = fences.get(*fence).map(|fence| &fence.shape);
            shape
                .zip(place)
                .is_some_and(|(shape, (latitude, longitude))| super::area::holds(shape, latitude, longitude))
        };
        any(&self.roads, road)
            && any(&self.devices, device)
            && (self.geofences.is_empty() || self.geofences.iter().any(inside))
    }

    /// Whether an event passes, its kind and status aside.
    pub(crate) fn takes_event(&self, fences: &[Geofence], event: &Event) -> bool {
        // The most severe comes first in the order.
        if self.severity.is_some_and(|least| event.severity > least) {
            return false;
        }
        let named =
            |fence: &usize| fences.get(*fence).is_some_and(|fence| Some(&fence.name) == event.geofence.as_ref());
        let place = event.latitude.zip(event.longitude);
        if !self.geofences.is_empty() && event.geofence.is_some() {
            let others = Self { geofences: Vec::new(), ..self.clone() };
            return self.geofences.iter().any(named)
                && others.takes(fences, event.road.as_deref(), Some(&event.subject), place);
        }
        self.takes(fences, event.road.as_deref(), Some(&event.subject), place)
    }

    /// Whether an event has one of the statuses, where any are named.
    pub(crate) fn takes_status(&self, event: &Event) -> bool {
        self.status.is_empty() || event.status.as_ref().is_some_and(|status| self.status.contains(status))
    }
}

/// A rule over a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique among all rules.
    pub name: Text,
    /// What it looks at.
    pub metric: &'static Metric,
    /// What it is about.
    pub filter: Filter,
    /// What of it makes one number.
    pub by: Grouping,
    /// How the windows of the table become one number.
    pub aggregation: Aggregation,
    /// Length of a window: a multiple of the table's.
    pub window: SimDuration,
    /// How the number is held against the threshold.
    pub operator: Operator,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// An alert is over when this no longer holds; the threshold unless the file says another.
    pub resolve_at: f64,
    /// How bad it is.
    pub severity: Severity,
    /// In how many windows in a row it has to hold.
    pub windows: u32,
    /// How long after an alert the next one about the same subject may come.
    pub cool_down: SimDuration,
    /// Who is told, by their place in [`AlertRules::actions`].
    pub actions: Vec<usize>,
    /// Whether the end is told too.
    pub tell_resolved: bool,
}

/// A rule over events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRule {
    /// Its name, unique among all rules.
    pub name: Text,
    /// What it is about.
    pub filter: Filter,
    /// How bad it is; as bad as the event if it does not say.
    pub severity: Option<Severity>,
    /// How long after an alert the next one about the same subject may come.
    pub cool_down: SimDuration,
    /// Who is told, by their place in [`AlertRules::actions`].
    pub actions: Vec<usize>,
    /// Whether the end is told too, where an event has one.
    pub tell_resolved: bool,
}

/// A way to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its name, unique.
    pub name: Text,
    /// Whether the machine's own neighbourhood may be spoken to (169.254.0.0/16, `fe80::/10`), where clouds keep their secrets.
    pub allow_link_local: bool,
    /// Certificates (PEM) of who vouches for the server, instead of the public ones.
    pub ca: Option<PathBuf>,
    /// How.
    pub way: Way,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By an HTTP request.
    Webhook(Webhook),
    /// By e-mail.
    Email(Email),
}

/// A text of the file, or the name of the environment variable that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The text.
    Plainly(String),
    /// The variable's name.
    From(String),
}

/// In which form a webhook is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookShape {
    /// The alert as one JSON object.
    Plain,
    /// A message as Slack's incoming webhooks take it.
    Slack,
    /// An event as the Events API v2 of `PagerDuty` takes it.
    PagerDuty {
        /// The variable with the routing key.
        routing_key_from: String,
    },
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where to; an address may itself be the secret.
    pub url: Given,
    /// The variable with the secret that signs requests.
    pub secret_from: Option<String>,
    /// Its form.
    pub shape: WebhookShape,
}

/// An e-mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// Whether the connection begins encrypted; else it turns encrypted, but on the machine itself.
    pub tls_first: bool,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The variables with user and password.
    pub login: Option<(String, String)>,
    /// Who sends.
    pub from: String,
    /// Who is told.
    pub to: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let cases = [
            ("A1", "A1", true),
            ("A1", "A12", false),
            ("A*", "A12", true),
            ("*", "", true),
            ("*ring*", "outer ring road", true),
            ("a*b*c", "abcbc", true),
            ("a*b*c", "abcb", false),
            ("", "", true),
            ("", "a", false),
            ("**", "a", true),
        ];
        for (pattern, name, fits) in cases {
            assert_eq!(Pattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
        let long = Pattern::new(&"a*".repeat(100));
        assert!(!long.fits(&format!("b{}", "a".repeat(10_000))));
    }

    #[test]
    fn many_numbers_become_one() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let expected = [2.5, 1.0, 4.0, 10.0, 4.0, 2.0, 2.0, 4.0];
        for ((word, aggregation), expected) in Aggregation::ALL.into_iter().zip(expected) {
            assert_eq!(aggregation.of(&values), Some(expected), "{word}");
            assert_eq!(aggregation.of(&[]), (word == "count").then_some(0.0), "{word}");
        }
    }

    #[test]
    fn rounding_does_not_decide() {
        for (sign, operator) in Operator::ALL {
            let equal = matches!(sign, "<=" | ">=" | "==");
            assert_eq!(operator.holds(0.1 + 0.2, 0.3), equal, "{sign}");
            assert_eq!(operator.holds(1.0, 2.0), matches!(sign, "<" | "<=" | "!="), "{sign}");
            assert_eq!(operator.sign(), sign);
        }
    }
}
