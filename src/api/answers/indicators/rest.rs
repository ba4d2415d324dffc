//! Sensors' health, alerts, the wire and the stores, and what the model says of itself.

use super::{Indicator, Known, count, live, model, percent, tables, whole, wire};
use crate::api::answers::city::number;
use crate::api::port::SceneTotals;
use crate::pipeline::alerting::{Alert, AlertState};
use crate::telemetry::reading::Severity;

fn happened(known: &Known, kind: &str) -> Option<f64> {
    known.events.get(kind).copied().map(count)
}

fn firing<'a>(known: &'a Known, is: impl Fn(&Alert) -> bool + 'a) -> f64 {
    let firing = known.alerts.alerts.iter().filter(|alert| alert.state == AlertState::Firing);
    count(firing.filter(|alert| is(alert)).count())
}

fn told(known: &Known, of: fn(&SceneTotals) -> f64) -> Option<f64> {
    known.totals.as_ref().map(of)
}

/// The wire's own numbers, where there is a wire.
fn passed(known: &Known, of: fn(&crate::api::port::Pipeline) -> Option<f64>) -> Option<f64> {
    known.pipeline.present.then_some(&known.pipeline).and_then(of)
}

pub(super) const ALL: &[Indicator] = &[
    live("sensors.devices", "", "Devices that spoke, as the live state remembers them.", |known| {
        Some(count(known.devices.len()))
    }),
    live(
        "sensors.active_percent",
        "%",
        "Share of devices that are not silent for longer than their kind should be.",
        |known| super::share(&known.devices, |device| device.active),
    ),
    live("sensors.battery_min_v", "V", "Lowest voltage of a battery that a heartbeat told.", |known| {
        known.health.iter().filter_map(|record| number(record, "battery_v")).reduce(f64::min)
    }),
    tables("sensors.silent_hour", "1/h", "Times in the last hour that a device fell silent.", |known| {
        happened(known, "sensor_silent")
    }),
    tables("sensors.implausible_hour", "1/h", "Times in the last hour that a device told what cannot be.", |known| {
        happened(known, "sensor_implausible")
    }),
    tables("sensors.stuck_hour", "1/h", "Times in the last hour that a device told the same for too long.", |known| {
        happened(known, "sensor_stuck")
    }),
    tables(
        "sensors.drifted_hour",
        "1/h",
        "Times in the last hour that a device moved away from its neighbours.",
        |known| happened(known, "sensor_drifted"),
    ),
    tables("sensors.well_hour", "1/h", "Times in the last hour that a device was well again.", |known| {
        happened(known, "sensor_well")
    }),
    tables("alerts.firing", "", "Alerts that hold now.", |known| Some(firing(known, |_| true))),
    tables("alerts.critical", "", "Alerts that hold now and are critical.", |known| {
        Some(firing(known, |alert| alert.severity == Severity::Critical))
    }),
    tables("alerts.unseen", "", "Alerts that hold now and that nobody has acknowledged.", |known| {
        Some(firing(known, |alert| !known.alerts.is_seen(alert)))
    }),
    tables("alerts.dead_letters", "", "Notices of alerts that were given up and not taken up again.", |known| {
        Some(count(known.dead_letters))
    }),
    wire("pipeline.messages", "", "Messages in the log so far.", |known| {
        passed(known, |wire| Some(whole(wire.messages)))
    }),
    wire("pipeline.messages_per_s", "1/s", "Messages a second in the last seconds.", |known| {
        passed(known, |wire| Some(wire.messages_per_s))
    }),
    wire("pipeline.behind", "", "Messages of the log that no checkpoint has yet.", |known| {
        passed(known, |wire| wire.behind.map(whole))
    }),
    wire("pipeline.spooled", "", "Messages that wait with the publisher.", |known| {
        passed(known, |wire| Some(whole(wire.spooled)))
    }),
    wire("pipeline.duplicates", "", "Records that came twice, so far.", |known| {
        passed(known, |wire| Some(whole(wire.duplicates)))
    }),
    wire("pipeline.late", "", "Records that came after their windows had closed, so far.", |known| {
        passed(known, |wire| Some(whole(wire.late)))
    }),
    wire("pipeline.quarantined", "", "Messages that were no records, so far.", |known| {
        passed(known, |wire| Some(whole(wire.quarantined)))
    }),
    wire("pipeline.shown_median_s", "s", "From a device to the live state, median of the last seconds.", |known| {
        passed(known, |wire| wire.shown_s.map(|shown| shown.0))
    }),
    wire(
        "pipeline.shown_worst_s",
        "s",
        "From a device to the live state, worst of a hundred in the last seconds.",
        |known| passed(known, |wire| wire.shown_s.map(|shown| shown.1)),
    ),
    wire("pipeline.restarts", "", "Times that a service had to be started again.", |known| {
        passed(known, |wire| Some(wire.restarts.values().copied().map(f64::from).sum()))
    }),
    wire("pipeline.troubles", "", "Parts of the wire that are in trouble.", |known| {
        passed(known, |wire| Some(count(wire.troubles.len())))
    }),
    live("pipeline.live_words", "", "Last words of devices in the live state.", |known| {
        Some(whole(known.status.words))
    }),
    live("pipeline.live_full_percent", "%", "How full the live state is.", |known| {
        percent(whole(known.status.words), whole(known.status.capacity))
    }),
    model("model.running", "veh", "Vehicles on the road, by the model.", |known| {
        told(known, |of| f64::from(of.running))
    }),
    model("model.inserted", "veh", "Vehicles that entered so far, by the model.", |known| {
        told(known, |of| f64::from(of.inserted))
    }),
    model("model.arrived", "veh", "Vehicles that arrived so far, by the model.", |known| {
        told(known, |of| f64::from(of.arrived))
    }),
    model("model.waiting_to_enter", "veh", "Vehicles that wait for room to enter, by the model.", |known| {
        told(known, |of| f64::from(of.waiting_to_enter))
    }),
    model("model.halting", "veh", "Vehicles that stand in traffic, by the model.", |known| {
        told(known, |of| f64::from(of.halting))
    }),
    model(
        "model.halting_percent",
        "%",
        "Share of the vehicles on the road that stand in traffic, by the model.",
        |known| known.totals.and_then(|of| percent(f64::from(of.halting), f64::from(of.running))),
    ),
    model("model.speed_kmh", "km/h", "Mean speed of the vehicles on the road, by the model.", |known| {
        told(known, |of| of.speed_mean * 3.6)
    }),
    model("model.speed_percent", "%", "Mean of speed over wished speed, by the model.", |known| {
        told(known, |of| of.speed_relative_mean * 100.0)
    }),
    model("model.travel_time_s", "s", "Mean time on the road of those that arrived so far, by the model.", |known| {
        told(known, |of| of.travel_time_mean)
    }),
    model("model.calls_open", "", "Calls that are not over, by the model.", |known| {
        told(known, |of| f64::from(of.calls_open))
    }),
    model("model.units_busy_percent", "%", "Share of ambulances that are not free, by the model.", |known| {
        known.totals.and_then(|of| percent(f64::from(of.units_busy), f64::from(of.units)))
    }),
];
