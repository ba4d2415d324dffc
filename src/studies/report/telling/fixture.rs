//! What a small invented town might have told, for the tests of these sections.
//!
//! Everything comes from keyed draws beside the town's own figures: the same telling for the same town.

#![expect(clippy::cast_precision_loss, reason = "the town is small and its numbers are invented")]

use crate::city::network::EdgeKind;
use crate::primitives::ids::EdgeId;
use crate::primitives::random::{KeyedRng, Purpose, Seed};
use crate::primitives::{SimDuration, SimTime};

use super::super::fixture::Town;
use super::super::roads;
use super::{
    Account, AirWindow, Balance, Call, Chain, Congestion, Errors, Grade, Incident, ParkingInstant, Priority,
    RoadWindow, Telling,
};

const BEGIN: f64 = 25_200.0;

fn draws(actor: u64, step: u64) -> KeyedRng {
    Seed(11).stream(Purpose::Demand, actor, step)
}

/// A draw of mean 0 that mostly lies within 1.
fn error(rng: &mut KeyedRng) -> f64 {
    rng.unit() + rng.unit() + rng.unit() - 1.5
}

/// Everything a telling can hold, for a town of at least six intervals.
pub(in super::super) fn telling(town: &Town) -> Telling {
    Telling {
        balance: balance(),
        roads: roads(town),
        grading: grading(),
        calls: (0..26).map(call).collect(),
        incidents: incidents(),
        air: (0..50).flat_map(|station| (0..4).map(move |window| air(station, window))).collect(),
        parking: (0..=60).map(parking).collect(),
    }
}

pub(super) fn account(emitted: u64, quarantined: u64, lost: u64) -> Account {
    Account { emitted, stored: emitted - quarantined - lost, quarantined, lost, ..Account::default() }
}

pub(super) fn balance() -> Balance {
    let kinds = [
        ("position", account(612_480, 6, 1224)),
        ("loop", account(6000, 0, 12)),
        ("camera", account(12_000, 0, 24)),
        ("air", account(3000, 0, 9)),
        ("parking", account(4120, 0, 61)),
        ("call", account(214, 0, 0)),
    ];
    let sum = |of: fn(&Account) -> u64| kinds.iter().map(|(_, account)| of(account)).sum::<u64>();
    Balance {
        devices: 4861,
        total: account(sum(|a| a.emitted), sum(|a| a.quarantined), sum(|a| a.lost)),
        kinds: kinds.map(|(kind, account)| (kind.to_owned(), account)).to_vec(),
        reasons: vec![("not_json".to_owned(), 4), ("unknown_type".to_owned(), 2)],
        foreign: 0,
        worst: Vec::new(),
        closes: true,
    }
}

fn roads(town: &Town) -> Vec<RoadWindow> {
    let mut windows = Vec::new();
    for (i, edge) in town.network.edges.iter().enumerate() {
        let id = EdgeId::new(i);
        if edge.kind == EdgeKind::Internal || i % 3 == 2 {
            continue;
        }
        for interval in 0..town.outcome.roads.intervals.len() {
            let truth = roads::figures(&town.network, &town.outcome, id, interval..interval + 1);
            let mut rng = draws(id.raw().into(), interval as u64);
            let counted = (i % 3 == 0).then(|| truth.flow() * (1.0 + 0.03 * error(&mut rng)));
            let speed = truth.is_used().then(|| (truth.speed() * (1.04 + 0.06 * error(&mut rng))).max(0.0));
            let limit = roads::speed_limit(&town.network, edge);
            windows.push(RoadWindow {
                road: edge.name.clone(),
                begin: SimTime::seconds(BEGIN + 300.0 * interval as f64),
                length: SimDuration::seconds(300.0),
                flow: counted,
                speed,
                occupancy: counted.map(|flow| flow / 60.0),
                congestion: speed.map(|speed| match speed / limit {
                    share if share < 0.25 => Congestion::Stopped,
                    share if share < 0.4 => Congestion::Heavy,
                    share if share < 0.67 => Congestion::Moderate,
                    _ => Congestion::Free,
                }),
                loops: if i % 6 == 0 { 5 } else { 0 },
                cameras: if i % 6 == 3 { 5 } else { 0 },
                trackers: u32::from(speed.is_some()) * 40,
            });
        }
    }
    windows
}

fn grading() -> Vec<Grade> {
    let grade = |device: &str, quantity: &str, unit: &str, graded, found: [f64; 4], expected: [f64; 4]| {
        let errors = |[mean, rms, p50, p95]: [f64; 4]| Errors {
            mean: Some(mean),
            rms: Some(rms),
            p50: Some(p50),
            p95: Some(p95),
        };
        Grade {
            device: device.to_owned(),
            quantity: quantity.to_owned(),
            unit: unit.to_owned(),
            graded,
            found: errors(found),
            expected: errors(expected),
        }
    };
    vec![
        grade("GPS tracker", "position", "m", 604_112, [0.02, 3.61, 2.98, 6.31], [0.0, 3.6, 3.0, 6.2]),
        grade("Loop", "count", "%", 5988, [-0.8, 2.1, 1.2, 4.4], [-1.0, 2.2, 1.3, 4.5]),
        grade("Camera", "count", "%", 11_976, [-3.9, 7.2, 4.1, 14.8], [-4.0, 7.0, 4.0, 15.0]),
        grade("Air station", "PM2.5", "µg/m³", 2991, [3.1, 4.4, 3.0, 8.2], [3.2, 4.5, 3.1, 8.4]),
    ]
}

pub(super) fn call(number: u64) -> Call {
    let mut rng = draws(number, 100);
    let priority = [Priority::C2, Priority::C1, Priority::C2, Priority::C3, Priority::C2, Priority::C4];
    let mut at = BEGIN + 120.0 * number as f64 + 60.0 * rng.unit();
    let mut step = |low: f64, span: f64| {
        at += (low + span * rng.unit()).round();
        Some(SimTime::seconds(at)).filter(|at| at.as_seconds() <= BEGIN + 3600.0)
    };
    let chain = Chain {
        call: step(0.0, 0.0),
        answer: step(3.0, 15.0),
        queue: step(25.0, 60.0),
        dispatch: step(5.0, if number.is_multiple_of(5) { 300.0 } else { 20.0 }),
        enroute: step(30.0, 50.0),
        arrive: step(110.0, 420.0),
        patient: step(40.0, 40.0),
        depart: step(300.0, 400.0),
        hospital: step(180.0, 400.0),
        handover: step(400.0, 900.0),
        clear: step(120.0, 200.0),
    };
    Call {
        id: format!("call-{number:03}"),
        priority: priority[usize::try_from(number).unwrap_or(0) % 6],
        chain,
        unit: chain.dispatch.map(|_| format!("amb-station{}-{}", number % 3, number % 7)),
        hospital: chain.depart.map(|_| "St Agnes Hospital".to_owned()),
        siren: number % 6 != 5,
    }
}

fn incidents() -> Vec<Incident> {
    let incident = |id: &str, kind: &str, road: &str, lanes, begin, end: Option<f64>| Incident {
        id: id.to_owned(),
        kind: kind.to_owned(),
        road: road.to_owned(),
        lanes,
        begin: SimTime::seconds(begin),
        end: end.map(SimTime::seconds),
    };
    vec![
        incident("inc-2", "breakdown", "e40", 1, BEGIN + 2400.0, None),
        incident("inc-1", "crash", "e12", 2, BEGIN + 1200.0, Some(BEGIN + 2700.0)),
    ]
}

fn air(station: u64, window: u64) -> AirWindow {
    let mut rng = draws(station, 200 + window);
    let (near, rush) = (draws(station, 300).unit(), [0.4, 0.9, 1.0, 0.7][usize::try_from(window).unwrap_or(0) % 4]);
    let (pm2_5, no2) = (6.0 + 9.0 * near * rush, 14.0 + 38.0 * near * rush);
    AirWindow {
        station: format!("air-{station:02}"),
        begin: SimTime::seconds(BEGIN + 900.0 * window as f64),
        length: SimDuration::seconds(900.0),
        pm2_5: pm2_5 * 1.35 + error(&mut rng),
        no2: no2 + 3.0 * error(&mut rng),
        pm2_5_true: Some(pm2_5),
        no2_true: Some(no2),
    }
}

fn parking(minute: u32) -> ParkingInstant {
    let taken = 210 + minute * 3 + u32::from(minute.is_multiple_of(7)) * 4;
    ParkingInstant {
        time: SimTime::seconds(BEGIN + 60.0 * f64::from(minute)),
        bays: 500,
        occupied: taken + minute / 10,
        occupied_true: Some(taken),
    }
}
