//! The key `passengers:` of a comparison: how many people are in vehicles, and how many get on buses.
//!
//! Nothing is taken for granted: groups and lines of which nothing is said have nobody aboard that counts. Knows no result.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::indicators::{Group, Needs};
use super::quantity::At;
use crate::city::demand::Demand;
use crate::city::intervention::{Deed, Intervention};
use crate::primitives::text::{Findings, Place, Problem, closest};

/// The most people in a vehicle.
const ABOARD_MAX: f64 = 2000.0;
/// The most people who get on during one run of a bus.
const BOARDINGS_MAX: f64 = 10_000.0;
/// The most lines that differ.
const LINES_MAX: usize = 1000;

/// How many people travel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct PassengersKey {
    /// How many people are in a vehicle on average, its driver included, by group.
    pub aboard: Option<At<AboardKey>>,
    /// How many people get on during one run of a bus, over all its stops together.
    pub boardings: Option<At<f64>>,
    /// Lines that differ.
    pub lines: Option<At<Vec<At<LineKey>>>>,
}

/// People in a vehicle, by group.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AboardKey {
    /// Cars and taxis.
    pub car: Option<At<f64>>,
    /// Buses and coaches.
    pub bus: Option<At<f64>>,
    /// Delivery vans.
    pub van: Option<At<f64>>,
    /// Trucks, with or without trailer.
    pub truck: Option<At<f64>>,
    /// Motorcycles and mopeds.
    pub motorcycle: Option<At<f64>>,
    /// Bicycles and scooters.
    pub bicycle: Option<At<f64>>,
    /// Trains and trams.
    pub rail: Option<At<f64>>,
}

/// A line that differs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LineKey {
    /// Its name.
    pub line: At<String>,
    /// How many people are in one of its vehicles on average.
    pub aboard: Option<At<f64>>,
    /// How many people get on during one run, over all its stops together.
    pub boardings: Option<At<f64>>,
}

/// People aboard, and people who get on during a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct OfLine {
    /// People in a vehicle on average.
    pub aboard: Option<f64>,
    /// People who get on during one run.
    pub boardings: Option<f64>,
}

/// How many people travel; nobody unless stated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Passengers {
    /// People in a vehicle on average, by the place of its group in [`Group::ALL`].
    groups: [Option<f64>; Group::ALL.len()],
    /// People who get on during one run of a bus.
    boardings: Option<f64>,
    /// Lines that differ.
    lines: BTreeMap<String, OfLine>,
    /// Where the lines are named.
    named: Vec<(String, Place)>,
}

impl Passengers {
    /// How many people are in a vehicle of a group and perhaps of a line; none where nothing is said of it.
    pub fn aboard(&self, group: Group, line: Option<&str>) -> Option<f64> {
        let of_line = line.and_then(|line| self.lines.get(line)).and_then(|line| line.aboard);
        of_line.or(self.groups[group as usize])
    }

    /// How many people get on during one run of a bus of a line; none where nothing is said of it.
    pub fn boardings(&self, line: Option<&str>) -> Option<f64> {
        line.and_then(|line| self.lines.get(line)).and_then(|line| line.boardings).or(self.boardings)
    }

    /// Whether a measure that needs this can be made.
    pub fn gives(&self, needs: Needs) -> bool {
        let any = |of: fn(&OfLine) -> Option<f64>| self.lines.values().any(|line| of(line).is_some());
        match needs {
            Needs::Aboard => self.groups.iter().any(Option::is_some) || any(|line| line.aboard),
            Needs::Boardings => self.boardings.is_some() || any(|line| line.boardings),
            _ => true,
        }
    }

    /// The same without the places of the file.
    #[must_use]
    pub(super) fn without_places(mut self) -> Self {
        self.named.clear();
        self
    }

    /// Whether the lines named are those of somebody who travels, or of an intervention.
    ///
    /// # Errors
    /// Every line that there is not.
    pub(super) fn check(&self, demand: &Demand, interventions: &[Intervention]) -> Result<(), Findings> {
        let mut lines: BTreeSet<&str> = demand.vehicles.iter().filter_map(|vehicle| vehicle.line.as_deref()).collect();
        for measure in interventions.iter().flat_map(|one| &one.measures) {
            if let Deed::AddLine { line, .. } = &measure.deed {
                lines.insert(line);
            }
        }
        let mut findings = Findings::default();
        for (line, place) in self.named.iter().filter(|(line, _)| !lines.contains(line.as_str())) {
            let help = closest(line, lines.iter().copied()).map_or_else(
                || "name lines as the timetable does; a run's trips.csv has them".to_owned(),
                |like| format!("did you mean `{like}`?"),
            );
            let message = format!("there is no line `{}`", line.escape_debug());
            findings.problem(Problem::new(place.clone(), message).help(help));
        }
        if findings.is_ok() { Ok(()) } else { Err(findings) }
    }
}

impl Checker<'_> {
    /// How many people travel.
    pub(super) fn passengers(&mut self, key: &At<PassengersKey>) -> Passengers {
        let (spot, key) = (key.spot, &key.value);
        let mut passengers = Passengers::default();
        if let Some(aboard) = &key.aboard {
            let aboard = &aboard.value;
            let groups = [
                (Group::Car, &aboard.car),
                (Group::Bus, &aboard.bus),
                (Group::Van, &aboard.van),
                (Group::Truck, &aboard.truck),
                (Group::Motorcycle, &aboard.motorcycle),
                (Group::Bicycle, &aboard.bicycle),
                (Group::Rail, &aboard.rail),
            ];
            for (group, people) in groups {
                passengers.groups[group as usize] = self.people(people.as_ref(), "`aboard`", ABOARD_MAX);
            }
        }
        passengers.boardings = self.people(key.boardings.as_ref(), "`boardings`", BOARDINGS_MAX);
        let lines = key.lines.as_ref().map_or(&[][..], |lines| &lines.value);
        if let Some(list) = key.lines.as_ref().filter(|_| lines.len() > LINES_MAX) {
            self.wrong(list.spot, format!("{} lines are named", lines.len()), format!("at most {LINES_MAX}"));
        }
        for line in lines.iter().take(LINES_MAX) {
            let (name, line_spot, line) = (line.value.line.value.trim().to_owned(), line.spot, &line.value);
            let of_line = OfLine {
                aboard: self.people(line.aboard.as_ref(), "`aboard`", ABOARD_MAX),
                boardings: self.people(line.boardings.as_ref(), "`boardings`", BOARDINGS_MAX),
            };
            if line.aboard.is_none() && line.boardings.is_none() {
                self.wrong(line_spot, "nothing is said of the line", "add `aboard` or `boardings`");
            }
            passengers.named.push((name.clone(), line.line.spot.of_file(self.place)));
            if passengers.lines.insert(name.clone(), of_line).is_some() {
                let message = format!("the line `{}` stands there twice", name.escape_debug());
                self.wrong(line.line.spot, message, "keep one of them");
            }
        }
        if key.aboard.is_none() && key.boardings.is_none() && lines.is_empty() {
            self.wrong(spot, "nobody travels", "say how many people are in vehicles: `aboard: { car: 1.3, bus: 20 }`");
        }
        passengers
    }

    fn people(&mut self, key: Option<&At<f64>>, what: &str, most: f64) -> Option<f64> {
        let key = key?;
        self.within(key.spot, what, key.value, 0.0, most, "").then_some(key.value)
    }
}
