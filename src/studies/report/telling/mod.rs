//! What the city told of itself: sections for what its devices reported, and whether all of it is accounted for.
//!
//! The rest of the page knows how things were, because the simulation says so; these sections know what a city would know, which
//! is what its sensors heard. Where both are known they stand side by side. Reads no store: the values are handed in.

use std::io;

use super::ReportInput;

mod values;

mod air;
mod balance;
mod calls;
mod flows;
mod parking;
mod responses;
mod roads;
mod stages;
mod told;

mod against;
mod table;
mod truth;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use values::{
    Account, AirWindow, Balance, Call, Chain, Congestion, Errors, Grade, Incident, ParkingInstant, Priority,
    RoadWindow, Telling,
};

pub(super) use balance::flag;

/// What these sections need besides the page's style sheet.
pub(super) const STYLE: &str = include_str!("style.css");

/// The sections, in the order of the page; some are left out where there is nothing to tell.
///
/// # Errors
/// When a figure cannot be drawn.
pub(super) fn sections(telling: &Telling, input: &ReportInput<'_>) -> io::Result<String> {
    let mut html = told::section(&telling.balance, &telling.grading, input.outcome);
    html.push_str(&flows::section(&telling.roads, input)?);
    html.push_str(&calls::section(&telling.calls, &telling.incidents, input)?);
    html.push_str(&air::section(&telling.air)?);
    html.push_str(&parking::section(&telling.parking)?);
    html.push_str(&balance::section(&telling.balance));
    Ok(html)
}
