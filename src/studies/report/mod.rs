//! Tables, figures and pages: what a planner opens after a run.
//!
//! [`write()`] makes one page of HTML that needs no network and no other file, and the same bytes for the same run. It adds up
//! and ranks what the simulation measured, and measures nothing itself.

use std::io::{self, Write};

use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::primitives::Point;
use crate::simulation::outcome::Outcome;
use crate::studies::experiment::Gridlock;

use telling::Telling;

pub(crate) mod page;

pub(crate) mod chart;
mod figures;
mod flags;
pub(crate) mod map;
mod roads;
mod trips;

pub mod telling;

pub(crate) mod markup;
pub mod statistics;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

/// Everything a report tells of.
#[derive(Debug, Clone)]
pub struct ReportInput<'a> {
    /// The run's name.
    pub title: &'a str,
    /// The question the scenario asks, in one sentence.
    pub question: Option<&'a str>,
    /// The roads.
    pub network: &'a Network,
    /// What the run left.
    pub outcome: &'a Outcome,
    /// Where nobody moved any more at the end; none where everybody did.
    pub gridlock: Option<&'a Gridlock>,
    /// Who was to travel.
    pub demand: &'a Demand,
    /// What the city's own devices told; none where no device spoke, and then the page says nothing of it.
    pub telling: Option<&'a Telling>,
    /// What is needed to make the run again, as label and value: program version, scenario file and hash, map hash, seed,
    /// threads, command, CPU seconds.
    pub manifest: Vec<(String, String)>,
    /// What lies behind and beside the roads.
    pub backdrop: Backdrop,
}

/// What the map shows besides roads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Backdrop {
    /// Water, parks and quarters.
    pub areas: Vec<Area>,
    /// Hospitals, stations and stops.
    pub places: Vec<Place>,
}

/// What an area is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AreaKind {
    /// A part of the city.
    Quarter,
    /// A park.
    Park,
    /// A river or lake.
    Water,
}

/// An area behind the roads.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// What it is.
    pub kind: AreaKind,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its outline [m].
    pub outline: Vec<Point>,
}

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceKind {
    /// A bus stop.
    Stop,
    /// An ambulance station.
    Station,
    /// A hospital.
    Hospital,
}

/// A place beside the roads.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// What it is.
    pub kind: PlaceKind,
    /// Its name.
    pub name: String,
    /// Where it is [m].
    pub position: Point,
}

/// Writes the report of a run as one page of HTML.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(input: &ReportInput<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(page::render(input)?.as_bytes())
}
