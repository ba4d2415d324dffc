//! The keys `compare:` and `expect:`: which variants are compared how, and what is expected of them.
//!
//! An expectation is written as keys, `{ variant: bus-lane, measure: travel-time.bus, change: "< -5 %" }`, so that each part of
//! it has its place in the file. Knows the names of variants and measures, not a single result.

use schemars::JsonSchema;
use serde::Deserialize;

use super::access::{AccessKey, AccessSource};
use super::check::Checker;
use super::effects::{Effects, EffectsKey};
use super::indicators::{Measure, Needs, Unit};
use super::measures::Variant;
use super::observe::{Observe, ObserveKey};
use super::passengers::{Passengers, PassengersKey};
use super::quantity::{At, WrittenDuration, WrittenShare};
use super::tree::Spot;
use super::units::{CONCENTRATION, DISTANCE, DURATION, SPEED, Units};
use crate::primitives::SimDuration;
use crate::primitives::text::{Place, closest};

/// The most runs of one variant.
pub const RUNS_MAX: u32 = 1000;
/// The most expectations of one file.
const EXPECTATIONS_MAX: usize = 200;
/// The most headline measures.
const HEADLINES_MAX: usize = 20;
/// What the headline says where the file does not; of those, what there is.
const HEADLINES: [&str; 4] = ["travel-time.car", "travel-time.bus", "time-loss", "ambulance-response.p90"];

/// How variants are compared.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CompareKey {
    /// The variant the others are held against. `base` unless given, or where none is called so the city as it is.
    pub against: Option<At<String>>,
    /// Exactly these seeds, every variant with each. As many as it takes, from `seed` on, unless given.
    pub seeds: Option<At<Vec<At<u64>>>>,
    /// Fewest runs of every variant. 10 unless given.
    pub min_runs: Option<At<u32>>,
    /// Most runs of every variant. 30 unless given.
    pub max_runs: Option<At<u32>>,
    /// How wide half an interval may be, as a share of the base's mean, before more runs are made. 5 % unless given.
    pub precision: Option<At<WrittenShare>>,
    /// How sure the intervals are to hold the truth. 95 % unless given.
    pub confidence: Option<At<WrittenShare>>,
    /// The measures of the first sentence, which decide how many runs are made, too. Travel times of cars and buses, time lost
    /// and ambulances unless given.
    pub measures: Option<At<Vec<At<String>>>>,
    /// From which change of its travel time on a trip counts as gaining or losing. 30 s unless given.
    pub noticeable: Option<At<WrittenDuration>>,
    /// What is looked at every second while a run goes, at some cost. What the measures of the headline and of the expectations
    /// need, unless given.
    pub observe: Option<At<Vec<At<ObserveKey>>>>,
    /// What traffic does to others, and what it is worth. Nothing unless given.
    pub effects: Option<At<EffectsKey>>,
    /// From where people get to how many jobs in which time. Nothing unless given.
    pub access: Option<At<AccessKey>>,
    /// How many people are in vehicles and get on buses. Nothing unless given.
    pub passengers: Option<At<PassengersKey>>,
}

/// What is expected of a variant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ExpectKey {
    /// The variant.
    pub variant: At<String>,
    /// The measure, `quantity.group.statistic`; group and statistic can be left out.
    pub measure: At<String>,
    /// The condition on its change against the base: `"< -5 %"` or `"<= 10 s"`. Give this or `value`.
    pub change: Option<At<String>>,
    /// The condition on its value: `"<= 8 min"`. Give this or `change`.
    pub value: Option<At<String>>,
}

/// How a value is held against a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Below it.
    Less,
    /// Not above it.
    AtMost,
    /// Above it.
    More,
    /// Not below it.
    AtLeast,
}

impl Relation {
    const ALL: [(&'static str, Self); 4] =
        [("<=", Self::AtMost), (">=", Self::AtLeast), ("<", Self::Less), (">", Self::More)];
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The change against the base, in the measure's unit.
    Change,
    /// The change against the base, in per cent of it.
    RelativeChange,
    /// The value itself.
    Value,
}

/// Something that is expected of a variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Where the file says so.
    pub place: Place,
    /// The variant.
    pub variant: String,
    /// The measure.
    pub measure: Measure,
    /// What of it.
    pub subject: Subject,
    /// How it is held against the bound.
    pub relation: Relation,
    /// The bound, in the measure's unit or in per cent.
    pub bound: f64,
    /// The condition as it is written.
    pub text: String,
}

/// How variants are compared, and what is expected of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The variant the others are held against.
    pub against: String,
    /// Exactly these seeds, if any are given.
    pub seeds: Option<Vec<u64>>,
    /// Fewest runs of every variant.
    pub runs_min: u32,
    /// Most runs of every variant.
    pub runs_max: u32,
    /// How wide half an interval may be, as a share of the base's mean.
    pub precision: f64,
    /// How sure the intervals are to hold the truth, 0.5 to 0.999.
    pub confidence: f64,
    /// The measures of the first sentence.
    pub headlines: Vec<Measure>,
    /// From which change of its travel time on a trip gains or loses [s].
    pub noticeable: SimDuration,
    /// What is looked at while a run goes.
    pub observe: Observe,
    /// What traffic does to others, and what it is worth.
    pub effects: Effects,
    /// From where people get to how many jobs, if that is asked for.
    pub access: Option<AccessSource>,
    /// How many people travel, if that is said.
    pub passengers: Option<Passengers>,
    /// What is expected.
    pub expectations: Vec<Expectation>,
}

impl Default for Comparison {
    /// What a file that says nothing of it asks for.
    fn default() -> Self {
        Self {
            against: "base".to_owned(),
            seeds: None,
            runs_min: 10,
            runs_max: 30,
            precision: 0.05,
            confidence: 0.95,
            headlines: HEADLINES.iter().filter_map(|name| Measure::parse(name).ok()).collect(),
            noticeable: SimDuration::seconds(30.0),
            observe: Observe::default(),
            effects: Effects::default(),
            access: None,
            passengers: None,
            expectations: Vec::new(),
        }
    }
}

impl Checker<'_> {
    /// The comparison of a file with these variants.
    pub(super) fn comparison(
        &mut self,
        compare: Option<&At<CompareKey>>,
        expect: Option<&At<Vec<At<ExpectKey>>>>,
        variants: &[Variant],
    ) -> Comparison {
        let mut comparison = Comparison::default();
        let as_it_is = variants.iter().find(|variant| variant.interventions.is_empty()).or(variants.first());
        let variants: &[&str] = &variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>();
        if let Some(as_it_is) = as_it_is.filter(|_| !variants.contains(&"base")) {
            comparison.against.clone_from(&as_it_is.name);
        }
        if let Some(key) = compare {
            self.compare(&key.value, variants, &mut comparison);
        }
        if let Some(list) = expect {
            if list.value.len() > EXPECTATIONS_MAX {
                let message = format!("{} expectations are too many", list.value.len());
                self.wrong(list.spot, message, format!("at most {EXPECTATIONS_MAX}"));
            }
            for key in list.value.iter().take(EXPECTATIONS_MAX) {
                let expectation = self.expectation(key, variants, &comparison.against);
                if let Some(expectation) = &expectation {
                    self.given(expectation.measure, key.value.measure.spot, &comparison);
                }
                comparison.expectations.extend(expectation);
            }
        }
        let expected = comparison.expectations.iter().map(|expectation| expectation.measure);
        for measure in comparison.headlines.iter().copied().chain(expected) {
            comparison.observe.need(measure.quantity().needs);
        }
        comparison
    }

    fn compare(&mut self, key: &CompareKey, variants: &[&str], comparison: &mut Comparison) {
        if let Some(against) = &key.against
            && self.variant(against, variants)
        {
            against.value.trim().clone_into(&mut comparison.against);
        }
        comparison.seeds = key.seeds.as_ref().map(|seeds| self.seeds(seeds));
        let mut runs = |runs: &Option<At<u32>>, what: &str, usual: u32| {
            let Some(runs) = runs else { return usual };
            if !(2..=RUNS_MAX).contains(&runs.value) {
                let message = format!("{what} cannot be {}", runs.value);
                self.wrong(runs.spot, message, format!("from 2, without which there is no interval, to {RUNS_MAX}"));
                return usual;
            }
            runs.value
        };
        comparison.runs_min = runs(&key.min_runs, "`min-runs`", comparison.runs_min);
        comparison.runs_max = runs(&key.max_runs, "`max-runs`", comparison.runs_max.max(comparison.runs_min));
        if let (true, Some(max)) = (comparison.runs_max < comparison.runs_min, &key.max_runs) {
            let message =
                format!("at most {} runs are fewer than at least {}", comparison.runs_max, comparison.runs_min);
            self.wrong(max.spot, message, "change it or `min-runs`");
        }
        if let Some(share) = self.bounded(key.precision.as_ref(), "`precision`", 0.001, 1.0) {
            comparison.precision = share;
        }
        if let Some(share) = self.bounded(key.confidence.as_ref(), "`confidence`", 0.5, 0.999) {
            comparison.confidence = share;
        }
        if let Some(list) = &key.measures {
            if list.value.is_empty() || list.value.len() > HEADLINES_MAX {
                let message = format!("{} measures cannot be the headline", list.value.len());
                self.wrong(list.spot, message, format!("from 1 to {HEADLINES_MAX}"));
            }
            comparison.headlines = list.value.iter().filter_map(|name| self.indicator(name)).collect();
        }
        if let Some(effects) = &key.effects {
            comparison.effects = self.effects(&effects.value);
        }
        comparison.passengers = key.passengers.as_ref().map(|passengers| self.passengers(passengers));
        comparison.access = key.access.as_ref().and_then(|access| self.access(access));
        for name in key.measures.iter().flat_map(|list| &list.value) {
            if let Ok(measure) = Measure::parse(&name.value) {
                self.given(measure, name.spot, comparison);
            }
        }
        if let Some(key) = &key.noticeable
            && let Some(span) = self.read(key.spot, key.value.read())
            && self.within(key.spot, "`noticeable`", span.as_seconds(), 0.0, 3600.0, "s")
        {
            comparison.noticeable = span;
        }
        for key in key.observe.iter().flat_map(|keys| &keys.value) {
            if key.value == ObserveKey::Air && !comparison.effects.gives(Needs::Air) {
                let help = "state what cars or buses burn: `effects: { engines: { car: petrol-euro-6 } }`";
                self.wrong(key.spot, "nothing is stated that gives anything off to the air", help);
            }
            comparison.observe.add(key.value);
        }
    }

    fn seeds(&mut self, seeds: &At<Vec<At<u64>>>) -> Vec<u64> {
        let mut list: Vec<u64> = Vec::new();
        for seed in &seeds.value {
            if list.contains(&seed.value) {
                let message = format!("the seed {} is given twice", seed.value);
                self.wrong(seed.spot, message, "each seed counts once; the same run twice says nothing new");
            }
            list.push(seed.value);
        }
        if !(2..=RUNS_MAX as usize).contains(&list.len()) {
            let plural = if list.len() == 1 { "seed" } else { "seeds" };
            let message = format!("{} {plural} cannot be compared", list.len());
            self.wrong(seeds.spot, message, format!("from 2, without which there is no interval, to {RUNS_MAX}"));
        }
        list
    }

    fn bounded(&mut self, key: Option<&At<WrittenShare>>, what: &str, low: f64, high: f64) -> Option<f64> {
        let share = self.share(key, what)?;
        let spot = key?.spot;
        self.within(spot, what, share * 100.0, low * 100.0, high * 100.0, "%").then_some(share)
    }

    fn variant(&mut self, name: &At<String>, variants: &[&str]) -> bool {
        let wanted = name.value.trim();
        if variants.contains(&wanted) {
            return true;
        }
        let help = closest(wanted, variants.iter().copied()).map_or_else(
            || match variants {
                [] => "name them under `variants`".to_owned(),
                some => format!("there are {}", some.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ")),
            },
            |like| format!("did you mean `{like}`?"),
        );
        self.wrong(name.spot, format!("there is no variant `{}`", wanted.escape_debug()), help);
        false
    }

    fn indicator(&mut self, name: &At<String>) -> Option<Measure> {
        Measure::parse(&name.value).map_err(|(message, help)| self.wrong(name.spot, message, help)).ok()
    }

    /// Whether what a measure needs is stated.
    fn given(&mut self, measure: Measure, spot: Spot, comparison: &Comparison) {
        let needs = measure.quantity().needs;
        let is_given = match needs {
            Needs::Access => comparison.access.is_some(),
            Needs::Parking => self.with_parking,
            Needs::Aboard | Needs::Boardings => comparison.passengers.as_ref().is_some_and(|one| one.gives(needs)),
            needs => comparison.effects.gives(needs),
        };
        if let (false, Some(key)) = (is_given, needs.key()) {
            self.wrong(spot, format!("nothing is stated of which `{measure}` could be made"), format!("add `{key}`"));
        }
    }

    fn expectation(&mut self, key: &At<ExpectKey>, variants: &[&str], against: &str) -> Option<Expectation> {
        let (spot, key) = (key.spot, &key.value);
        let known = self.variant(&key.variant, variants);
        let measure = self.indicator(&key.measure);
        let (text, is_change) = match (&key.change, &key.value) {
            (Some(change), None) => (change, true),
            (None, Some(value)) => (value, false),
            (Some(_), Some(value)) => {
                self.wrong(value.spot, "`change` and `value` are both given", "keep one of the two, or make two lines");
                return None;
            }
            (None, None) => {
                self.wrong(spot, "nothing is expected", "add `change: \"< -5 %\"` or `value: \"<= 8 min\"`");
                return None;
            }
        };
        if known && is_change && key.variant.value.trim() == against {
            let message = format!("`{against}` does not change against itself");
            self.wrong(key.variant.spot, message, "expect it of another variant, or a `value` of this one");
            return None;
        }
        let measure = measure?;
        let (relation, subject, bound) = self.condition(text, measure.quantity().unit, is_change)?;
        known.then(|| Expectation {
            place: spot.of_file(self.place),
            variant: key.variant.value.trim().to_owned(),
            measure,
            subject,
            relation,
            bound,
            text: text.value.trim().to_owned(),
        })
    }

    /// "< -5 %", "<= 8 min".
    fn condition(&mut self, text: &At<String>, unit: Unit, is_change: bool) -> Option<(Relation, Subject, f64)> {
        let written = text.value.trim();
        let Some((sign, relation)) = Relation::ALL.into_iter().find(|(sign, _)| written.starts_with(sign)) else {
            let message = format!("`{}` is not a condition", written.escape_debug());
            self.wrong(text.spot, message, "begin it with `<`, `<=`, `>` or `>=`: `\"< -5 %\"`");
            return None;
        };
        let number = written[sign.len()..].trim().replace('\u{2212}', "-");
        if is_change && number.ends_with('%') && unit == Unit::Decibels {
            self.wrong(text.spot, "decibels do not change by per cent", "write the change in decibels: `\"<= -1 dB\"`");
            return None;
        }
        if is_change && number.ends_with('%') {
            let bound = self.amount(text.spot, &number, PER_CENT)?;
            return Some((relation, Subject::RelativeChange, bound));
        }
        let subject = if is_change { Subject::Change } else { Subject::Value };
        let bound = match unit {
            Unit::Ratio | Unit::PerTrip => {
                let plain = number.trim_end_matches("per trip").trim_end();
                let read = plain.parse::<f64>().ok().filter(|bound| bound.is_finite());
                if read.is_none() {
                    let message = format!("`{}` is not a number", number.escape_debug());
                    self.wrong(text.spot, message, "this measure has no unit: write it like `1.2`");
                }
                read?
            }
            Unit::KilometresPerHour => self.amount(text.spot, &number, SPEED)? * 3.6,
            unit => self.amount(text.spot, &number, units_of(unit))?,
        };
        Some((relation, subject, bound))
    }

    fn amount(&mut self, spot: Spot, text: &str, units: Units) -> Option<f64> {
        self.read(spot, units.read(text))
    }
}

/// Shares in per cent.
const PER_CENT: Units = Units { what: "a change", table: &[("%", 1.0)], examples: &["-5 %"], sums: false };

/// How a bound on a measure of this unit is written.
const fn units_of(unit: Unit) -> Units {
    let (what, table, examples): (_, &'static [(&'static str, f64)], &'static [&'static str]) = match unit {
        Unit::SecondsPerKilometre => ("a time per distance", &[("s/km", 1.0), ("min/km", 60.0)], &["30 s/km"]),
        Unit::VehicleKilometres => ("a distance of all vehicles", &[("km", 1.0)], &["1200 km"]),
        Unit::VehicleHours => ("a time of all vehicles", &[("h", 1.0)], &["120 h"]),
        Unit::PersonHours => ("a time of all people", &[("h", 1.0)], &["120 h"]),
        Unit::Vehicles => ("a number of vehicles", &[("veh", 1.0)], &["20 veh"]),
        Unit::VehiclesPerHour => ("a flow", &[("veh/h", 1.0)], &["1200 veh/h"]),
        Unit::PerCent => ("a number of hundredths", &[("pp", 1.0), ("%", 1.0)], &["5 pp", "5 %"]),
        Unit::Kilograms => ("a mass", &[("kg", 1.0), ("t", 1000.0)], &["120 kg"]),
        Unit::Grams => ("a mass", &[("g", 1.0), ("kg", 1000.0)], &["350 g"]),
        Unit::PerHour => ("a number an hour", &[("per h", 1.0), ("/h", 1.0)], &["20 per h"]),
        Unit::MicrogramsPerCubicMetre => return CONCENTRATION,
        Unit::Decibels => ("a level", &[("dB", 1.0), ("dB(A)", 1.0)], &["-1 dB"]),
        Unit::Money => ("an amount of money", &[("money", 1.0)], &["1200 money"]),
        Unit::Metres => return DISTANCE,
        Unit::Seconds | Unit::KilometresPerHour | Unit::PerTrip | Unit::Ratio => return DURATION,
    };
    Units { what, table, examples, sums: false }
}

#[cfg(test)]
mod tests;
