//! Emergencies and safety: calls from ringing to the end, ambulances, hospitals, incidents on the road.

use super::{Indicator, Known, count, live, mean, percent, quantile, share, sum, tables};
use crate::api::answers::city::{number, text};
use crate::pipeline::analytics::{CallChain, IncidentChain};
use crate::primitives::Timestamp;
use crate::telemetry::reading::{CallStatus, IncidentStatus, Severity};

/// Calls and incidents of so long ago count for times [s].
const DAY: f64 = 86_400.0;
const HOUR: f64 = 3600.0;
/// Within this time an ambulance is to be there, in many countries' targets for calls where somebody may die [s].
const TARGET: f64 = 480.0;

fn when(call: &CallChain, status: CallStatus) -> Option<Timestamp> {
    call.chain.iter().find(|step| step.status == status).map(|step| step.at)
}

fn begun(call: &CallChain) -> Option<Timestamp> {
    call.chain.first().map(|step| step.at)
}

fn recent(known: &Known, at: Option<Timestamp>, seconds: f64) -> bool {
    known.clock.zip(at).is_some_and(|(clock, at)| clock.since(at).as_seconds() <= seconds)
}

/// Times between two steps [s] of the calls of the last day that have both.
fn spans(known: &Known, from: CallStatus, to: CallStatus) -> Vec<f64> {
    let span = |call: &CallChain| Some(when(call, to)?.since(when(call, from)?).as_seconds());
    known.calls.iter().filter(|call| recent(known, begun(call), DAY)).filter_map(span).collect()
}

fn responses(known: &Known) -> Vec<f64> {
    spans(known, CallStatus::Received, CallStatus::AtScene)
}

fn waiting(call: &CallChain) -> bool {
    call.open && when(call, CallStatus::Dispatched).is_none()
}

fn busy(status: &str) -> bool {
    !["at_station", "returning"].contains(&status)
}

fn reported(incident: &IncidentChain) -> Option<Timestamp> {
    incident.chain.first().map(|step| step.at)
}

fn open(known: &Known) -> impl Iterator<Item = &IncidentChain> {
    known.incidents.iter().filter(|incident| incident.open)
}

fn happened(known: &Known, kind: &str) -> Option<f64> {
    known.events.get(kind).copied().map(count)
}

pub(super) const ALL: &[Indicator] = &[
    tables("emergencies.calls_open", "", "Calls that are not over.", |known| {
        Some(count(known.calls.iter().filter(|call| call.open).count()))
    }),
    tables("emergencies.calls_waiting", "", "Calls for which no ambulance has been chosen yet.", |known| {
        Some(count(known.calls.iter().filter(|call| waiting(call)).count()))
    }),
    tables("emergencies.calls_hour", "1/h", "Calls that came in the last hour.", |known| {
        Some(count(known.calls.iter().filter(|call| recent(known, begun(call), HOUR)).count()))
    }),
    tables(
        "emergencies.dispatch_p50_s",
        "s",
        "From ringing until an ambulance is chosen: half of the last day's calls take no longer.",
        |known| quantile(spans(known, CallStatus::Received, CallStatus::Dispatched), 0.5),
    ),
    tables(
        "emergencies.response_p50_s",
        "s",
        "From ringing until an ambulance is at the address: half of the last day's calls take no longer.",
        |known| quantile(responses(known), 0.5),
    ),
    tables(
        "emergencies.response_p90_s",
        "s",
        "From ringing until an ambulance is at the address: nine in ten of the last day's calls take no longer.",
        |known| quantile(responses(known), 0.9),
    ),
    tables(
        "emergencies.within_8min_percent",
        "%",
        "Share of the last day's calls that had an ambulance at the address within eight minutes of ringing.",
        |known| share(&responses(known), |seconds| *seconds <= TARGET),
    ),
    tables(
        "emergencies.on_scene_mean_s",
        "s",
        "Mean time an ambulance stood at the address before it left with a patient.",
        |known| mean(spans(known, CallStatus::AtScene, CallStatus::Transporting).into_iter()),
    ),
    tables("emergencies.transport_mean_s", "s", "Mean time from the address to the hospital.", |known| {
        mean(spans(known, CallStatus::Transporting, CallStatus::AtHospital).into_iter())
    }),
    tables(
        "emergencies.handover_mean_s",
        "s",
        "Mean time from the hospital's door until the patient was taken over.",
        |known| mean(spans(known, CallStatus::AtHospital, CallStatus::HandedOver).into_iter()),
    ),
    tables(
        "emergencies.call_p50_s",
        "s",
        "From ringing until the ambulance is free again: half take no longer.",
        |known| quantile(spans(known, CallStatus::Received, CallStatus::Closed), 0.5),
    ),
    live("emergencies.units", "", "Ambulances that spoke within a day.", |known| Some(count(known.units.len()))),
    live(
        "emergencies.units_busy_percent",
        "%",
        "Share of ambulances that are neither at a station nor on their way back.",
        |known| share(&known.units, |record| text(record, "status").is_some_and(busy)),
    ),
    live("emergencies.units_siren", "", "Ambulances that drive with blue light and siren.", |known| {
        Some(count(known.units.iter().filter(|record| number(record, "siren").is_some_and(|on| on > 0.5)).count()))
    }),
    live(
        "emergencies.hospital_bays_taken_percent",
        "%",
        "Share of the hospitals' bays for ambulance patients in use.",
        |known| {
            let total = |name: &str| sum(known.hospitals.iter().filter_map(|record| number(record, name)));
            percent(total("bays_taken")?, total("bays")?)
        },
    ),
    live("emergencies.ambulances_waiting", "", "Ambulances that wait for a bay at a hospital.", |known| {
        Some(sum(known.hospitals.iter().filter_map(|record| number(record, "ambulances_waiting"))).unwrap_or(0.0))
    }),
    tables("safety.incidents_open", "", "Incidents that block a road now.", |known| Some(count(open(known).count()))),
    tables("safety.incidents_critical", "", "Incidents that block a road now and are critical.", |known| {
        Some(count(open(known).filter(|incident| incident.severity == Severity::Critical).count()))
    }),
    tables("safety.incidents_hour", "1/h", "Incidents reported in the last hour.", |known| {
        Some(count(known.incidents.iter().filter(|one| recent(known, reported(one), HOUR)).count()))
    }),
    tables("safety.lanes_blocked", "lanes", "Lanes that incidents block now.", |known| {
        Some(sum(open(known).map(|incident| f64::from(incident.lanes_blocked))).unwrap_or(0.0))
    }),
    tables("safety.casualties", "", "People hurt in the incidents of the last day.", |known| {
        let recent = known.incidents.iter().filter(|one| recent(known, reported(one), DAY));
        Some(sum(recent.map(|incident| f64::from(incident.casualties))).unwrap_or(0.0))
    }),
    tables(
        "safety.cleared_p50_s",
        "s",
        "From report until the lanes are free: half of the last day's incidents take no longer.",
        |known| {
            let span = |one: &IncidentChain| {
                let cleared = one.chain.iter().find(|step| step.status == IncidentStatus::Cleared)?;
                Some(cleared.at.since(reported(one)?).as_seconds())
            };
            let recent = known.incidents.iter().filter(|one| recent(known, reported(one), DAY));
            quantile(recent.filter_map(span).collect(), 0.5)
        },
    ),
    tables(
        "safety.suspected_hour",
        "1/h",
        "Times in the last hour that sensors told of what looked like a blocked road.",
        |known| happened(known, "incident_suspected"),
    ),
    tables(
        "safety.geofences_entered_hour",
        "1/h",
        "Times in the last hour that a device came into a watched area.",
        |known| happened(known, "geofence_entered"),
    ),
];
