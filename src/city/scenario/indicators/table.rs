//! The table of measures: what is measured, in which unit, which way is better, its definition, and whose definition it is.
//!
//! A row here is all it takes to name a measure in a scenario; the studies fill it.

use super::asked::ASKED;
use super::{Better, Needs, Quantity, Statistic, Unit};

pub(super) const SPREAD: &[Statistic] = &Statistic::ALL;
pub(super) const TAIL: &[Statistic] = &[Statistic::Mean, Statistic::P95];
pub(super) const ONE: &[Statistic] = &[Statistic::Mean];

pub(super) const fn quantity(
    (name, label): (&'static str, &'static str),
    unit: Unit,
    better: Better,
    (statistics, by_group): (&'static [Statistic], bool),
    about: &'static str,
    source: &'static str,
) -> Quantity {
    Quantity { name, label, unit, better, statistics, by_group, about, source, needs: Needs::Nothing }
}

/// The table: what every run measures, and then what it measures when asked to.
pub const QUANTITIES: [Quantity; ALWAYS.len() + ASKED.len()] = {
    let mut all = [ALWAYS[0]; ALWAYS.len() + ASKED.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < ALWAYS.len() { ALWAYS[at] } else { ASKED[at - ALWAYS.len()] };
        at += 1;
    }
    all
};

/// What every run measures.
const ALWAYS: [Quantity; 24] = [
    quantity(
        ("travel-time", "Travel time"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, true),
        "time on the road of a finished trip, planned stops included",
        "SUMO tripinfo `duration`",
    ),
    quantity(
        ("time-loss", "Time lost"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, true),
        "time a finished trip lost against driving at the wished speed, planned stops left out",
        "SUMO tripinfo `timeLoss`",
    ),
    quantity(
        ("time-loss-per-km", "Time lost per kilometre"),
        Unit::SecondsPerKilometre,
        Better::Lower,
        (ONE, true),
        "time lost by all finished trips together over the distance they drove",
        "ratio of sums, not mean of ratios",
    ),
    quantity(
        ("waiting-time", "Waiting time"),
        Unit::Seconds,
        Better::Lower,
        (TAIL, true),
        "time of a finished trip at 0.1 m/s or less, planned stops left out",
        "SUMO tripinfo `waitingTime`",
    ),
    quantity(
        ("stops", "Halts"),
        Unit::PerTrip,
        Better::Lower,
        (ONE, true),
        "how many times a finished trip came to a halt, planned stops left out",
        "SUMO tripinfo `waitingCount`",
    ),
    quantity(
        ("depart-delay", "Departure delay"),
        Unit::Seconds,
        Better::Lower,
        (TAIL, true),
        "time a finished trip waited for room to enter the road",
        "SUMO tripinfo `departDelay`",
    ),
    quantity(
        ("speed", "Speed of trips"),
        Unit::KilometresPerHour,
        Better::Higher,
        (ONE, true),
        "distance driven by all finished trips together over their time on the road",
        "space-mean speed",
    ),
    quantity(
        ("travel-time-index", "Travel-time index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "mean over finished trips of moving time over free-flow time; free-flow time is moving time less time lost",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("planning-time-index", "Planning-time index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "95th percentile over finished trips of moving time over free-flow time",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("buffer-index", "Buffer index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "by how much the 95th percentile of moving time over free-flow time exceeds its mean, as a share of the mean",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("arrived", "Trips finished"),
        Unit::Vehicles,
        Better::Higher,
        (ONE, true),
        "trips begun after the warm-up and finished before the end",
        "counted",
    ),
    quantity(
        ("throughput", "Arrivals per hour"),
        Unit::VehiclesPerHour,
        Better::Higher,
        (ONE, false),
        "vehicles that arrived in the measured time, whenever they set out, per hour",
        "counted on the roads",
    ),
    quantity(
        ("vehicle-distance", "Distance driven"),
        Unit::VehicleKilometres,
        Better::Neither,
        (ONE, false),
        "distance driven by everybody in the measured time, unfinished trips included",
        "Edie 1963",
    ),
    quantity(
        ("vehicle-time", "Time on the road"),
        Unit::VehicleHours,
        Better::Lower,
        (ONE, false),
        "time spent on the road by everybody in the measured time, unfinished trips and planned stops included",
        "Edie 1963",
    ),
    quantity(
        ("vehicle-delay", "Time lost on the road"),
        Unit::VehicleHours,
        Better::Lower,
        (ONE, false),
        "time lost against the wished speed by everybody in the measured time, unfinished trips included",
        "summed over the roads",
    ),
    quantity(
        ("network-speed", "Speed on the road"),
        Unit::KilometresPerHour,
        Better::Higher,
        (ONE, false),
        "distance driven over time spent, by everybody in the measured time",
        "Edie 1963",
    ),
    quantity(
        ("signal-delay", "Simulated control delay"),
        Unit::Seconds,
        Better::Lower,
        (ONE, false),
        "time lost on the last road before a signal per vehicle that left it, over all such roads",
        "simulated; not the control delay of HCM chapter 19, which is calculated",
    ),
    quantity(
        ("los-ef", "Served at level E or F"),
        Unit::PerCent,
        Better::Lower,
        (ONE, false),
        "share of the vehicles at signals whose approach has a simulated control delay of more than 55 s/veh",
        "limits of HCM 6th edition, exhibit 19-8, on simulated control delay over the measured time",
    ),
    quantity(
        ("ambulance-response", "Ambulance response"),
        Unit::Seconds,
        Better::Lower,
        (&[Statistic::Mean, Statistic::Median, Statistic::P90], false),
        "time from the ringing of the telephone to the ambulance standing at the address, of calls that were reached",
        "the calls' chains of times",
    ),
    quantity(
        ("bus-delay", "Delay of buses"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, false),
        "how much later than its timetable a vehicle left a stop, over all departures from stops with a time",
        "departure deviation; nobody leaves before its time",
    ),
    quantity(
        ("calls-reached", "Calls reached"),
        Unit::PerCent,
        Better::Higher,
        (ONE, false),
        "share of the calls of the measured time that an ambulance reached before the end",
        "the calls' chains of times",
    ),
    quantity(
        ("unfinished", "Unfinished trips"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles on the road at the end",
        "counted",
    ),
    quantity(
        ("backlog", "Backlog"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles that were due and had found no room to enter at the end",
        "counted",
    ),
    quantity(
        ("last-resort-moves", "Last-resort moves"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles that were stuck and had to be moved, which no real vehicle can be",
        "counted; SUMO calls them teleports",
    ),
];
