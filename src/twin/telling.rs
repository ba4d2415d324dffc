//! From stores to the page: what the city told, in the values the report draws.
//!
//! Arranges only; windows were made by the analytics, accounts by the audit. Tables are read, counters are not.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::TwinError;
use crate::city::scenario::LoadedScenario;
use crate::pipeline::analytics::{self, CallChain, IncidentChain, Level, ParkingWindow};
use crate::pipeline::stores::Stores;
use crate::primitives::{SimDuration, SimTime, Timestamp};
use crate::studies::audit::{self, ErrorSums, Graded, Grader};
use crate::studies::report::telling::{
    Account, AirWindow, Balance, Call, Chain, Congestion, Errors, Grade, Incident, ParkingInstant, Priority,
    RoadWindow, Telling,
};
use crate::telemetry::error::gnss;
use crate::telemetry::reading::{CallStatus, IncidentStatus, Severity};

/// Length of the windows of roads and parking [s].
const FIVE_MINUTES: SimDuration = SimDuration::milliseconds(300_000);
/// Length of the windows of air [s].
const QUARTER: SimDuration = SimDuration::milliseconds(900_000);

/// Everything the page tells of the stores, from the measured beginning on.
pub(super) fn of_stores(
    stores: &Stores,
    balance: &audit::Balance,
    grader: &Grader,
    loaded: &LoadedScenario,
) -> Result<Telling, TwinError> {
    let clock = Clock { midnight: loaded.settings.midnight, from: loaded.measured_from };
    let siren = loaded.emergencies.as_ref().is_some_and(|plan| plan.siren);
    Ok(Telling {
        balance: account_of(stores, balance)?,
        roads: roads(stores, &clock)?,
        grading: grading(grader, loaded),
        calls: rows::<CallChain>(stores, "calls")?.iter().filter_map(|row| call(row, &clock, siren)).collect(),
        incidents: rows::<IncidentChain>(stores, "incidents")?.iter().filter_map(|row| incident(row, &clock)).collect(),
        air: air(stores, grader, &clock)?,
        parking: parking(stores, &clock)?,
    })
}

/// The audit's balance as the page shows it.
fn account_of(stores: &Stores, balance: &audit::Balance) -> Result<Balance, TwinError> {
    let account = |one: &audit::Account| Account {
        emitted: one.emitted,
        stored: one.stored,
        doubled: one.doubled,
        quarantined: one.quarantined,
        lost: one.lost,
        unexplained: one.unexplained(),
        damaged: one.damaged + one.forged,
    };
    Ok(Balance {
        devices: balance.devices.len() as u64,
        total: account(&balance.total),
        kinds: balance.kinds.iter().map(|(kind, one)| (kind.word().to_owned(), account(one))).collect(),
        reasons: quarantined_by_reason(stores)?.into_iter().collect(),
        foreign: balance.strangers.values().sum::<u64>() + balance.strange_messages,
        worst: balance.open_lines().iter().map(|(line, one)| (line.device.to_string(), account(one))).collect(),
        closes: balance.closes(),
    })
}

/// Messages in quarantine, by reason.
pub(super) fn quarantined_by_reason(stores: &Stores) -> Result<BTreeMap<String, u64>, TwinError> {
    let quarantine = stores.quarantine();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, reason), count) in quarantine.totals()?.counted {
        *counts.entry(reason).or_default() += count;
    }
    quarantine.scan(&mut |message| {
        *counts.entry(message.reason).or_default() += 1;
        ControlFlow::Continue(())
    })?;
    Ok(counts)
}

/// How far devices were from the truth, and how far their models say they would be.
fn grading(grader: &Grader, loaded: &LoadedScenario) -> Vec<Grade> {
    let severity = loaded.sensors.unwrap_or_default().severity;
    let grade = |(graded, sums): (&Graded, &ErrorSums)| {
        let (device, quantity, unit) = match graded {
            Graded::PositionInSight => ("Trackers, sky in sight", "distance of the fix", "m"),
            Graded::PositionReflected => ("Trackers, among reflections", "distance of the fix", "m"),
            Graded::TrackerSpeed => ("Trackers, sky in sight", "speed while moving", "km/h"),
            Graded::LoopCount => ("Loops, healthy", "vehicles in a period", "veh"),
            Graded::LoopCountFaulty => ("Loops, stuck or hearing the next lane", "vehicles in a period", "veh"),
            Graded::CameraCount => ("Cameras", "vehicles in a period", "veh"),
            Graded::FineParticles => ("Air stations", "PM2.5", "µg/m³"),
            Graded::NitrogenDioxide => ("Air stations", "NO₂", "µg/m³"),
            Graded::ParkingBay => ("Parking bays", "taken (1) or free (0)", "1"),
        };
        Grade {
            device: device.to_owned(),
            quantity: quantity.to_owned(),
            unit: unit.to_owned(),
            graded: sums.count,
            found: Errors { mean: sums.mean(), rms: sums.rms(), p50: sums.quantile(0.5), p95: sums.quantile(0.95) },
            expected: expected(*graded, severity),
        }
    };
    grader.errors().iter().map(grade).collect()
}

/// What the model of a device says of its errors, where that is a closed form.
///
/// Two independent normal errors of one deviation give a distance after Rayleigh (1880): its root mean square is √2 deviations,
/// its median √(2 ln 2), its 95th percentile √(2 ln 20).
fn expected(graded: Graded, severity: f64) -> Errors {
    let deviation = audit::open_sky_deviation(severity);
    match graded {
        Graded::PositionInSight => Errors {
            mean: Some(deviation * (std::f64::consts::PI / 2.0).sqrt()),
            rms: Some(deviation * std::f64::consts::SQRT_2),
            p50: Some(deviation * (2.0 * 2.0_f64.ln()).sqrt()),
            p95: Some(deviation * (2.0 * 20.0_f64.ln()).sqrt()),
        },
        Graded::TrackerSpeed => {
            let rms = gnss::DOPPLER * severity * 3.6;
            Errors { mean: Some(0.0), rms: Some(rms), p50: Some(0.674_49 * rms), p95: Some(1.959_96 * rms) }
        }
        Graded::ParkingBay
        | Graded::PositionReflected
        | Graded::LoopCount
        | Graded::LoopCountFaulty
        | Graded::CameraCount
        | Graded::FineParticles
        | Graded::NitrogenDioxide => Errors::default(),
    }
}

/// Calendar time as the page has it.
struct Clock {
    midnight: Timestamp,
    from: SimTime,
}

impl Clock {
    fn at(&self, time: Timestamp) -> SimTime {
        SimTime::ZERO + time.since(self.midnight)
    }

    /// The instant, unless it lies in the warm-up.
    fn measured(&self, time: Timestamp) -> Option<SimTime> {
        let at = self.at(time);
        (at >= self.from).then_some(at)
    }
}

/// Every row of a table.
pub(super) fn rows<T: serde::de::DeserializeOwned>(stores: &Stores, table: &str) -> Result<Vec<T>, TwinError> {
    let (mut rows, mut bad) = (Vec::new(), None);
    stores.tables().scan(table, "", &mut |key, json| match serde_json::from_slice(json) {
        Ok(row) => {
            rows.push(row);
            ControlFlow::Continue(())
        }
        Err(error) => {
            bad = Some(format!("the row `{key}` of the table `{table}` cannot be read: {error}"));
            ControlFlow::Break(())
        }
    })?;
    bad.map_or(Ok(rows), |sentence| Err(TwinError::Service(sentence)))
}

fn roads(stores: &Stores, clock: &Clock) -> Result<Vec<RoadWindow>, TwinError> {
    let parts: Vec<analytics::RoadWindow> = rows(stores, "road_windows")?;
    // Keys sort by window and road, so the parts of one lie together.
    let whole = parts.chunk_by(|a, b| a.start == b.start && a.road == b.road).filter_map(analytics::merge);
    Ok(whole.filter_map(|window| road(&window, clock)).collect())
}

fn road(window: &analytics::RoadWindow, clock: &Clock) -> Option<RoadWindow> {
    let readings = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let sums = &window.sums;
    Some(RoadWindow {
        road: window.road.to_string(),
        begin: clock.measured(window.start)?,
        length: FIVE_MINUTES,
        flow: window.flow_veh_h,
        speed: window.speed_kmh,
        occupancy: window.occupancy_percent,
        congestion: window.level.map(|level| match level {
            Level::Free => Congestion::Free,
            Level::Moderate => Congestion::Moderate,
            Level::Heavy => Congestion::Heavy,
            Level::Stopped => Congestion::Stopped,
        }),
        loops: u32::try_from(sums.loops.len()).unwrap_or(u32::MAX),
        cameras: u32::from(sums.camera_observed_ms > 0),
        trackers: readings(sums.fixes),
    })
}

/// A call that rang in the measured time; `siren` says whether ambulances may use theirs.
fn call(row: &CallChain, clock: &Clock, siren: bool) -> Option<Call> {
    let when = |status| row.chain.iter().find(|step| step.status == status).map(|step| clock.at(step.at));
    if when(CallStatus::Received).is_some_and(|rang| rang < clock.from) {
        return None;
    }
    Some(Call {
        id: row.call.to_string(),
        priority: match row.severity {
            Severity::Critical => Priority::C1,
            Severity::High => Priority::C2,
            Severity::Medium => Priority::C3,
            Severity::Low => Priority::C4,
        },
        chain: Chain {
            call: when(CallStatus::Received),
            answer: when(CallStatus::Answered),
            queue: when(CallStatus::Queued),
            dispatch: when(CallStatus::Dispatched),
            enroute: when(CallStatus::EnRoute),
            arrive: when(CallStatus::AtScene),
            patient: when(CallStatus::WithPatient),
            depart: when(CallStatus::Transporting),
            hospital: when(CallStatus::AtHospital),
            handover: when(CallStatus::HandedOver),
            clear: when(CallStatus::Closed),
        },
        unit: row.unit.as_ref().map(ToString::to_string),
        hospital: row.hospital.as_ref().map(ToString::to_string),
        siren: siren && matches!(row.severity, Severity::Critical | Severity::High),
    })
}

fn incident(row: &IncidentChain, clock: &Clock) -> Option<Incident> {
    let when = |status| row.chain.iter().find(|step| step.status == status).map(|step| clock.at(step.at));
    if when(IncidentStatus::Cleared).is_some_and(|cleared| cleared < clock.from) {
        return None;
    }
    Some(Incident {
        id: row.incident.to_string(),
        kind: row.kind.to_string(),
        road: row.road.to_string(),
        lanes: row.lanes_blocked,
        begin: when(IncidentStatus::Reported)?,
        end: when(IncidentStatus::Cleared),
    })
}

fn air(stores: &Stores, grader: &Grader, clock: &Clock) -> Result<Vec<AirWindow>, TwinError> {
    let windows: Vec<analytics::AirWindow> = rows(stores, "air_windows")?;
    let window = |row: &analytics::AirWindow| {
        let truth = row.device.parse().ok().and_then(|station| grader.true_air(&station, row.start));
        Some(AirWindow {
            station: row.device.to_string(),
            begin: clock.measured(row.start)?,
            length: QUARTER,
            pm2_5: row.pm2_5,
            no2: row.no2,
            pm2_5_true: truth.map(|truth| truth.0),
            no2_true: truth.map(|truth| truth.1),
        })
    };
    Ok(windows.iter().filter_map(window).collect())
}

fn parking(stores: &Stores, clock: &Clock) -> Result<Vec<ParkingInstant>, TwinError> {
    let mut instants: BTreeMap<SimTime, (u64, u64)> = BTreeMap::new();
    for row in rows::<ParkingWindow>(stores, "parking_windows")? {
        if let Some(begin) = clock.measured(row.start) {
            let (bays, taken) = instants.entry(begin + FIVE_MINUTES).or_default();
            *bays += row.bays;
            *taken += row.taken;
        }
    }
    let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let instant =
        |(time, (bays, taken))| ParkingInstant { time, bays: count(bays), occupied: count(taken), occupied_true: None };
    Ok(instants.into_iter().map(instant).collect())
}
