//! The trips in figures: one group for all of them and one for each vehicle class, and their tables.
//!
//! Only finished trips are measured, because a trip cut off by the end of the run has no duration; how many were cut off
//! stands beside every figure. Does not know roads.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::city::demand::Demand;
use crate::primitives::VehicleClass;
use crate::simulation::outcome::{Outcome, Trip};

use super::markup::{clock_span, count_of, escape, number};
use super::statistics::Sample;

/// The finished trips of a group of vehicles.
#[derive(Debug, Clone, Default)]
pub(super) struct TripGroup {
    /// Vehicles that entered the road.
    pub(super) entered: usize,
    /// Time from entering to arriving [s].
    pub(super) duration: Sample,
    /// Time at a standstill [s].
    pub(super) waiting: Sample,
    /// Time lost against driving at the wished speed [s].
    pub(super) time_loss: Sample,
    /// Time waited for room to enter [s].
    pub(super) depart_delay: Sample,
    /// Distance driven [km].
    pub(super) length: Sample,
    /// Halts in traffic.
    pub(super) halts: Sample,
}

impl TripGroup {
    fn new(trips: &[&Trip]) -> Self {
        let finished: Vec<&Trip> = trips.iter().copied().filter(|trip| trip.arrival.is_some()).collect();
        let sample = |figure: &dyn Fn(&Trip) -> f64| Sample::new(finished.iter().map(|trip| figure(trip)));
        Self {
            entered: trips.len(),
            duration: sample(&|trip| trip.duration.as_seconds()),
            waiting: sample(&|trip| trip.waiting_time.as_seconds()),
            time_loss: sample(&|trip| trip.time_loss.as_seconds()),
            depart_delay: sample(&|trip| trip.depart_delay.as_seconds()),
            length: sample(&|trip| trip.route_length.as_kilometres()),
            halts: sample(&|trip| f64::from(trip.waiting_count)),
        }
    }

    /// How many trips were finished.
    pub(super) fn finished(&self) -> usize {
        self.duration.len()
    }

    /// Distance over time of all finished trips together [km/h].
    fn speed(&self) -> f64 {
        self.length.values().iter().sum::<f64>() / self.duration.values().iter().sum::<f64>() * 3600.0
    }
}

/// The trips of a run, all together and by class.
#[derive(Debug, Clone)]
pub(super) struct TripGroups {
    /// All of them.
    pub(super) all: TripGroup,
    /// Trips that were to be measured: those that entered the road after the warm-up, and those that never entered it.
    pub(super) due: usize,
    /// Vehicles that entered the road in the warm-up; their trips are in no figure.
    pub(super) warm_up: usize,
    /// Each class that entered the road, in the order of [`VehicleClass`].
    pub(super) by_class: Vec<(VehicleClass, TripGroup)>,
}

impl TripGroups {
    /// Sorts the trips of a run into groups; a trip whose vehicle the demand does not know counts in the whole only.
    pub(super) fn new(outcome: &Outcome, demand: &Demand) -> Self {
        let mut classes: BTreeMap<VehicleClass, Vec<&Trip>> = BTreeMap::new();
        for trip in &outcome.trips {
            let vehicle = demand.vehicles.get(trip.vehicle.index());
            if let Some(kind) = vehicle.and_then(|vehicle| demand.kinds.get(vehicle.kind.index())) {
                classes.entry(kind.class).or_default().push(trip);
            }
        }
        let all: Vec<&Trip> = outcome.trips.iter().collect();
        let by_class = classes.into_iter().map(|(class, trips)| (class, TripGroup::new(&trips))).collect();
        let never = index_of(outcome.loaded.saturating_sub(outcome.inserted));
        // The outcome counts everybody and lists the trips that are measured.
        let warm_up = index_of(outcome.inserted).saturating_sub(all.len());
        Self { due: all.len() + never, warm_up, all: TripGroup::new(&all), by_class }
    }

    /// The table of all trips: a row for each measure.
    pub(super) fn summary_table(&self) -> String {
        let mut table = String::from(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Summary of finished trips\"><table>\
             <caption><span>All finished trips. Times in minutes and seconds.</span></caption><thead><tr><th scope=\"col\">Measure</th>\
             <th scope=\"col\">Mean</th><th scope=\"col\">p10</th><th scope=\"col\">p50 (median)</th>\
             <th scope=\"col\">p90</th><th scope=\"col\">p95</th><th scope=\"col\">Largest</th></tr></thead><tbody>",
        );
        let all = &self.all;
        let rows: [SummaryRow<'_>; 6] = [
            ("Trip time", &all.duration, &clock_span),
            ("of which waiting (at a standstill)", &all.waiting, &clock_span),
            ("of which lost to traffic (time loss)", &all.time_loss, &clock_span),
            ("Departure delay", &all.depart_delay, &clock_span),
            ("Halts per trip", &all.halts, &|halts| number(halts.unwrap_or(f64::NAN), 1)),
            ("Trip length [km]", &all.length, &|length| number(length.unwrap_or(f64::NAN), 2)),
        ];
        for (label, sample, format) in rows {
            let _ = write!(table, "<tr><th scope=\"row\">{label}</th>");
            let percentiles = [0.1, 0.5, 0.9, 0.95].map(|share| sample.percentile(share));
            for figure in [sample.mean()].into_iter().chain(percentiles).chain([sample.max()]) {
                let _ = write!(table, "<td>{}</td>", format(figure));
            }
            table.push_str("</tr>");
        }
        table.push_str("</tbody></table></div>");
        table
    }

    /// The table by vehicle class: a row for each class, and one for all.
    pub(super) fn class_table(&self) -> String {
        let mut table = String::from(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Trips by vehicle class\"><table class=\"by-class\">\
             <caption><span>By vehicle class, finished trips. Times in minutes and seconds.</span></caption><thead><tr>\
             <th scope=\"col\" rowspan=\"2\">Class</th><th scope=\"col\" rowspan=\"2\">Entered</th>\
             <th scope=\"col\" rowspan=\"2\">Finished</th><th scope=\"colgroup\" colspan=\"5\">Trip time</th>\
             <th scope=\"colgroup\" colspan=\"2\">Waiting</th><th scope=\"colgroup\" colspan=\"5\">Time loss</th>\
             <th scope=\"colgroup\" colspan=\"2\">Departure delay</th>\
             <th scope=\"col\" rowspan=\"2\">Speed<br>[km/h]</th></tr><tr>",
        );
        for columns in [&FIVE[..], &TWO[..], &FIVE[..], &TWO[..]] {
            for (label, _) in columns {
                let _ = write!(table, "<th scope=\"col\">{label}</th>");
            }
        }
        table.push_str("</tr></thead><tbody>");
        for (class, group) in &self.by_class {
            class_row(&mut table, class_label(*class), group, "");
        }
        class_row(&mut table, "All", &self.all, " class=\"total\"");
        table.push_str("</tbody></table></div>");
        table
    }
}

/// A count as a length.
fn index_of(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// A measure's name, its sample and how its figures are written.
type SummaryRow<'a> = (&'static str, &'a Sample, &'static dyn Fn(Option<f64>) -> String);

/// Columns of a measure: the mean where there is no percentile.
const FIVE: [(&str, Option<f64>); 5] =
    [("mean", None), ("p10", Some(0.1)), ("p50", Some(0.5)), ("p90", Some(0.9)), ("p95", Some(0.95))];
const TWO: [(&str, Option<f64>); 2] = [("mean", None), ("p95", Some(0.95))];

fn class_row(table: &mut String, label: &str, group: &TripGroup, attributes: &str) {
    let _ = write!(
        table,
        "<tr{attributes}><th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
        escape(label),
        count_of(group.entered),
        count_of(group.finished()),
    );
    let measures =
        [(&group.duration, &FIVE[..]), (&group.waiting, &TWO), (&group.time_loss, &FIVE), (&group.depart_delay, &TWO)];
    for (sample, columns) in measures {
        for (_, share) in columns {
            let figure = share.map_or_else(|| sample.mean(), |share| sample.percentile(share));
            let _ = write!(table, "<td>{}</td>", clock_span(figure));
        }
    }
    let _ = write!(table, "<td>{}</td></tr>", number(group.speed(), 1));
}

/// What a planner calls a class; the name in files where there is no better word.
fn class_label(class: VehicleClass) -> &'static str {
    match class {
        VehicleClass::Passenger => "Cars",
        VehicleClass::Emergency => "Emergency vehicles",
        VehicleClass::Taxi => "Taxis",
        VehicleClass::Bus => "Buses",
        VehicleClass::Coach => "Coaches",
        VehicleClass::Delivery => "Vans",
        VehicleClass::Truck => "Trucks",
        VehicleClass::Trailer => "Trucks with trailer",
        VehicleClass::Motorcycle => "Motorcycles",
        VehicleClass::Moped => "Mopeds",
        VehicleClass::Bicycle => "Bicycles",
        VehicleClass::Evehicle => "Electric vehicles",
        other => other.name(),
    }
}
