//! The tables of calls and incidents as CSV, times in seconds after midnight.
//!
//! What each column means is said in `outputs/README.md`. Pure formatting; knows no files.

use std::io::{self, Write};

use super::tables::{number, seconds};
use crate::city::emergency::EmergencyPlan;
use crate::city::network::Network;
use crate::primitives::SimTime;
use crate::simulation::outcome::{Call, Incident, Stage};

/// Columns of `calls.csv`.
pub(super) const CALL_COLUMNS: [&str; 20] = [
    "call",
    "category",
    "edge",
    "street",
    "position_m",
    "incident",
    "unit",
    "hospital",
    "t_call_s",
    "t_answer_s",
    "t_queue_s",
    "t_dispatch_s",
    "t_enroute_s",
    "t_arrive_s",
    "t_patient_s",
    "t_depart_s",
    "t_hospital_s",
    "t_handover_s",
    "t_clear_s",
    "response_s",
];

/// Columns of `incidents.csv`.
pub(super) const INCIDENT_COLUMNS: [&str; 10] = [
    "incident",
    "kind",
    "edge",
    "street",
    "lanes_blocked",
    "position_m",
    "length_m",
    "casualties",
    "began_s",
    "cleared_s",
];

fn time(time: Option<SimTime>) -> String {
    time.map(seconds).unwrap_or_default()
}

/// Writes one row per call, in the order they came in.
pub(super) fn calls(out: &mut dyn Write, calls: &[Call], network: &Network, plan: &EmergencyPlan) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(CALL_COLUMNS)?;
    for call in calls {
        let edge = network.edge(call.edge);
        let unit = call.unit.and_then(|unit| plan.units.get(unit as usize)).map(|unit| unit.name.clone());
        let hospital = call.hospital.and_then(|h| plan.hospitals.get(h as usize)).map(|h| h.name.clone());
        let mut row = vec![
            call.number.to_string(),
            call.category.to_string(),
            edge.name.clone(),
            edge.street.clone().unwrap_or_default(),
            number(call.position.as_metres()),
            call.incident.map(|incident| incident.to_string()).unwrap_or_default(),
            unit.unwrap_or_default(),
            hospital.unwrap_or_default(),
        ];
        row.extend(Stage::ALL.iter().map(|&stage| time(call.at(stage))));
        row.push(call.between(Stage::Call, Stage::Arrive).map(|d| number(d.as_seconds())).unwrap_or_default());
        table.write_record(row)?;
    }
    table.flush()
}

/// Writes one row per incident, in the order they began.
pub(super) fn incidents(out: &mut dyn Write, incidents: &[Incident], network: &Network) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(INCIDENT_COLUMNS)?;
    for incident in incidents {
        let edge = network.edge(incident.edge);
        table.write_record([
            incident.number.to_string(),
            incident.kind.to_string(),
            edge.name.clone(),
            edge.street.clone().unwrap_or_default(),
            incident.lanes.len().to_string(),
            number(incident.position.as_metres()),
            number(incident.length.as_metres()),
            incident.casualties.to_string(),
            time(incident.began),
            time(incident.cleared),
        ])?;
    }
    table.flush()
}
