//! What a page needs to know of a city's telemetry, as plain values with units.
//!
//! Whoever reads the stores fills them in; nothing here knows a store, a wire or a file. Instants count from the scenario's
//! midnight, as the simulation's do, so that what was heard can stand beside what was so.

use crate::primitives::{SimDuration, SimTime};

/// What the city's own devices told in a run, and whether all of it is accounted for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Telling {
    /// Where every record ended.
    pub balance: Balance,
    /// The roads as loops, cameras and trackers saw them; one entry for each road and window, in any order.
    pub roads: Vec<RoadWindow>,
    /// How far the devices were from the truth; empty where nobody graded them.
    pub grading: Vec<Grade>,
    /// Emergency calls.
    pub calls: Vec<Call>,
    /// What blocked the road.
    pub incidents: Vec<Incident>,
    /// What the air stations measured; one entry for each station and window, in any order.
    pub air: Vec<AirWindow>,
    /// How full the parking bays were over time.
    pub parking: Vec<ParkingInstant>,
}

/// Where every record ended, found by reading the stores.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Balance {
    /// Devices that emitted anything.
    pub devices: u64,
    /// All records together.
    pub total: Account,
    /// Each kind of reading by its word, in the order of the page.
    pub kinds: Vec<(String, Account)>,
    /// Why messages were quarantined, as word and number of messages; the page shows the most frequent.
    pub reasons: Vec<(String, u64)>,
    /// Messages stored or quarantined that no device of the city emitted.
    pub foreign: u64,
    /// Devices whose account does not close, the worst first.
    pub worst: Vec<(String, Account)>,
    /// Whether every device's account closes, as the audit found.
    pub closes: bool,
}

/// What became of some records: emitted = stored + quarantined + lost + unexplained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Records that left a device [records].
    pub emitted: u64,
    /// Records found in the stores, each counted once [records].
    pub stored: u64,
    /// Records found in the stores more often than once [surplus records].
    pub doubled: u64,
    /// Records found in quarantine [records].
    pub quarantined: u64,
    /// Records the radio lost, counted when it lost them [records].
    pub lost: u64,
    /// Emitted records found nowhere; negative where more was found than was emitted [records].
    pub unexplained: i64,
    /// Devices or kinds whose stored content differs from what was emitted.
    pub damaged: u64,
}

impl Account {
    /// Whether every record is accounted for, once and undamaged; checked against the counts, not taken from `unexplained`.
    pub fn closes(&self) -> bool {
        let found = [self.quarantined, self.lost].into_iter().try_fold(self.stored, u64::checked_add);
        found == Some(self.emitted) && self.unexplained == 0 && self.doubled == 0 && self.damaged == 0
    }
}

impl Balance {
    /// Whether the audit found every account closed and the counts given here say the same.
    pub fn holds(&self) -> bool {
        self.closes && self.worst.is_empty() && self.total.closes() && self.kinds.iter().all(|(_, kind)| kind.closes())
    }
}

/// How a road flows, by its speed against the free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Congestion {
    /// Nearly free.
    Free,
    /// Noticeably slower.
    Moderate,
    /// Queues.
    Heavy,
    /// Hardly anything moves.
    Stopped,
}

/// One road in one window, as the city's sensors saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadWindow {
    /// The road, by its name in files.
    pub road: String,
    /// When the window begins [s].
    pub begin: SimTime,
    /// Length of the window [s].
    pub length: SimDuration,
    /// Flow, where something counts [veh/h].
    pub flow: Option<f64>,
    /// Mean speed [km/h].
    pub speed: Option<f64>,
    /// Share of the time in which a vehicle stood over a loop [%].
    pub occupancy: Option<f64>,
    /// How the road flows, where a speed is known.
    pub congestion: Option<Congestion>,
    /// Readings of loops that went into it.
    pub loops: u32,
    /// Readings of cameras that went into it.
    pub cameras: u32,
    /// Positions of trackers that went into it.
    pub trackers: u32,
}

/// Error of a kind of device against the truth, and what its model promises.
#[derive(Debug, Clone, PartialEq)]
pub struct Grade {
    /// What kind of device.
    pub device: String,
    /// What was compared, such as a position.
    pub quantity: String,
    /// The unit of the errors.
    pub unit: String,
    /// Records compared.
    pub graded: u64,
    /// The errors found, in `unit`.
    pub found: Errors,
    /// What the device's model expects of them, in `unit`.
    pub expected: Errors,
}

/// Some errors in figures, each where it is known; all in the unit of their [`Grade`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// Mean, with its sign: measured less true.
    pub mean: Option<f64>,
    /// Root of the mean square.
    pub rms: Option<f64>,
    /// Median size.
    pub p50: Option<f64>,
    /// Size that 95 in 100 do not exceed.
    pub p95: Option<f64>,
}

/// How urgent a call is: the categories of the NHS Ambulance Response Programme (2017).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Immediately life-threatening.
    C1,
    /// Emergency.
    C2,
    /// Urgent.
    C3,
    /// Less urgent.
    C4,
}

/// An emergency call from its ringing to the unit's being free again.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Its id.
    pub id: String,
    /// How urgent it is.
    pub priority: Priority,
    /// When what happened.
    pub chain: Chain,
    /// The unit that answered it.
    pub unit: Option<String>,
    /// The hospital the patient was brought to.
    pub hospital: Option<String>,
    /// Whether the unit drove to it with blue light and siren.
    pub siren: bool,
}

/// The instants of a call in their order; none for what had not happened by the end of the run [s].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// It rings.
    pub call: Option<SimTime>,
    /// Somebody answers.
    pub answer: Option<SimTime>,
    /// It is taken and waits for a unit.
    pub queue: Option<SimTime>,
    /// A unit is chosen.
    pub dispatch: Option<SimTime>,
    /// The unit drives.
    pub enroute: Option<SimTime>,
    /// The unit stands at the address.
    pub arrive: Option<SimTime>,
    /// The crew is with the patient.
    pub patient: Option<SimTime>,
    /// The unit leaves the address.
    pub depart: Option<SimTime>,
    /// The unit stands at the hospital.
    pub hospital: Option<SimTime>,
    /// The hospital has taken the patient over.
    pub handover: Option<SimTime>,
    /// The unit is free again.
    pub clear: Option<SimTime>,
}

impl Chain {
    /// The instants in their order.
    pub(super) fn instants(&self) -> [Option<SimTime>; 11] {
        [
            self.call,
            self.answer,
            self.queue,
            self.dispatch,
            self.enroute,
            self.arrive,
            self.patient,
            self.depart,
            self.hospital,
            self.handover,
            self.clear,
        ]
    }

    /// Whether no instant that is known lies before an earlier one of the chain.
    pub(super) fn is_ordered(&self) -> bool {
        self.instants().into_iter().flatten().is_sorted()
    }

    /// From ringing to standing at the address [s]; none where the unit did not get there.
    pub(super) fn response(&self) -> Option<f64> {
        between(self.call, self.arrive)
    }
}

/// Seconds from one instant to another; none where one is unknown or they are the wrong way round.
pub(super) fn between(from: Option<SimTime>, to: Option<SimTime>) -> Option<f64> {
    let seconds = (to? - from?).as_seconds();
    (seconds >= 0.0).then_some(seconds)
}

/// Something that blocked the road.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// The road, by its name in files.
    pub road: String,
    /// Lanes closed.
    pub lanes: u32,
    /// When it happened [s].
    pub begin: SimTime,
    /// When the lanes were free again; none if not by the end of the run [s].
    pub end: Option<SimTime>,
}

/// One air station in one window.
#[derive(Debug, Clone, PartialEq)]
pub struct AirWindow {
    /// The station.
    pub station: String,
    /// When the window begins [s].
    pub begin: SimTime,
    /// Length of the window [s].
    pub length: SimDuration,
    /// Fine particles, mean of what was measured [µg/m³].
    pub pm2_5: f64,
    /// Nitrogen dioxide, mean of what was measured [µg/m³].
    pub no2: f64,
    /// Fine particles as they were [µg/m³].
    pub pm2_5_true: Option<f64>,
    /// Nitrogen dioxide as it was [µg/m³].
    pub no2_true: Option<f64>,
}

/// All parking bays that tell of themselves at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParkingInstant {
    /// When [s].
    pub time: SimTime,
    /// Bays that have told whether they are taken.
    pub bays: u32,
    /// Bays that say they are taken.
    pub occupied: u32,
    /// Bays that are taken.
    pub occupied_true: Option<u32>,
}
