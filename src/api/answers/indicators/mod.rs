//! The city in numbers: one table says each indicator's name, unit, group, definition and how it is computed from what is known.
//!
//! What is known is read once for all of them. Where a store does not answer, its indicators have no value and say why; the others
//! are there all the same.

mod emergencies;
mod known;
mod measured;
mod rest;
mod roads;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub(crate) use known::Known;

/// Where an indicator's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// From the stores that the wire filled.
    Stores,
    /// From the model itself, which a real city does not have.
    Model,
    /// From the wire.
    Pipeline,
}

/// Part of the stores, of which each may be away on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The tables of results.
    Tables,
    /// The last word of every device.
    Live,
    /// None: the port knows.
    Port,
}

/// A number about the whole city.
pub(crate) struct Indicator {
    /// Its name: group, dot, what.
    pub(crate) name: &'static str,
    /// Its unit; empty if it has none.
    pub(crate) unit: &'static str,
    /// What it says, in a sentence.
    pub(crate) says: &'static str,
    pub(crate) part: Part,
    pub(crate) source: Source,
    value: fn(&Known) -> Option<f64>,
}

/// An indicator of the tables.
const fn tables(
    name: &'static str,
    unit: &'static str,
    says: &'static str,
    value: fn(&Known) -> Option<f64>,
) -> Indicator {
    Indicator { name, unit, says, part: Part::Tables, source: Source::Stores, value }
}

/// An indicator of the live state.
const fn live(
    name: &'static str,
    unit: &'static str,
    says: &'static str,
    value: fn(&Known) -> Option<f64>,
) -> Indicator {
    Indicator { name, unit, says, part: Part::Live, source: Source::Stores, value }
}

/// An indicator of the wire.
const fn wire(
    name: &'static str,
    unit: &'static str,
    says: &'static str,
    value: fn(&Known) -> Option<f64>,
) -> Indicator {
    Indicator { name, unit, says, part: Part::Port, source: Source::Pipeline, value }
}

/// An indicator of the model.
const fn model(
    name: &'static str,
    unit: &'static str,
    says: &'static str,
    value: fn(&Known) -> Option<f64>,
) -> Indicator {
    Indicator { name, unit, says, part: Part::Port, source: Source::Model, value }
}

/// An indicator as it is told.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct IndicatorAnswer {
    /// Its name.
    #[schema(example = "traffic.speed_kmh")]
    pub(crate) name: &'static str,
    /// Its unit; empty if it has none.
    #[schema(example = "km/h")]
    pub(crate) unit: &'static str,
    /// What it says.
    pub(crate) says: &'static str,
    /// What it is about.
    #[schema(example = "traffic")]
    pub(crate) group: &'static str,
    /// Its value; null where there is none now.
    pub(crate) value: Option<f64>,
    /// When it was so, in the city's time [Unix ms].
    pub(crate) at_ms: Option<i64>,
    /// Where it is from.
    pub(crate) source: Source,
    /// Why it has no value, where a store does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing: Option<String>,
}

impl Indicator {
    /// What it is about: the name before the dot.
    pub(crate) fn group(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// The indicator as it is told.
    pub(crate) fn answer(&self, known: &Known) -> IndicatorAnswer {
        let missing = match self.part {
            Part::Tables => known.tables_away.clone(),
            Part::Live => known.live_away.clone(),
            Part::Port => None,
        };
        let value = if missing.is_some() { None } else { (self.value)(known).filter(|value| value.is_finite()) };
        // More digits than a float of sensors has would only be noise.
        let value = value.map(|value| (value * 1e6).round() / 1e6);
        let at_ms = value.and(known.clock).map(crate::primitives::Timestamp::as_milliseconds);
        let Self { name, unit, says, source, .. } = *self;
        IndicatorAnswer { name, unit, says, group: self.group(), value, at_ms, source, missing }
    }
}

/// Every indicator, by group.
pub(crate) fn all() -> impl Iterator<Item = &'static Indicator> {
    [roads::ALL, measured::ALL, emergencies::ALL, rest::ALL].into_iter().flatten()
}

/// Every indicator as it is told.
pub(crate) fn answers(known: &Known) -> Vec<IndicatorAnswer> {
    all().map(|indicator| indicator.answer(known)).collect()
}

/// A mean; none of nothing.
fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for number in numbers {
        sum += number;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// A sum; none of nothing.
fn sum(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.reduce(|a, b| a + b)
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
const fn count(number: usize) -> f64 {
    number as f64
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
const fn whole(number: u64) -> f64 {
    number as f64
}

/// A share of a whole [%]; none of nothing.
fn percent(part: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| 100.0 * part / of)
}

/// The share of what something is true of [%]; none of nothing.
fn share<T>(of: &[T], is: impl Fn(&T) -> bool) -> Option<f64> {
    percent(count(of.iter().filter(|one| is(one)).count()), count(of.len()))
}

/// The least number that `share` of all do not exceed (nearest rank); none of nothing.
fn quantile(mut numbers: Vec<f64>, share: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the list")]
    let rank = (share * count(numbers.len())).ceil() as usize;
    numbers.get(rank.max(1) - 1).copied()
}
