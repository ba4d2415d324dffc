//! What indicators are computed from, read once for all of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::api::answers::alerts::{AlertBook, dead_letters};
use crate::api::answers::assets::{Asset, Fleet};
use crate::api::answers::city;
use crate::api::answers::events::EventBook;
use crate::api::port::{Pipeline, SceneTotals};
use crate::pipeline::analytics::{
    AirWindow, CallChain, EventKind, IncidentChain, ParkingWindow, PositionWindow, RoadWindow,
};
use crate::pipeline::stores::{Area, LiveStatus, StoreError, Stores};
use crate::primitives::{SimDuration, Timestamp};
use crate::telemetry::{ReadingKind, Record};

/// How far back events are counted [s].
const HOUR: f64 = 3600.0;

/// All that indicators are computed from.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The city's clock.
    pub(crate) clock: Option<Timestamp>,
    /// The newest five minutes of every road.
    pub(crate) roads: Vec<RoadWindow>,
    /// The newest minute of every tracker.
    pub(crate) minutes: Vec<PositionWindow>,
    /// The newest quarter of an hour of every station.
    pub(crate) air: Vec<AirWindow>,
    /// The bays of every road.
    pub(crate) parking: Vec<ParkingWindow>,
    /// Every call that is known.
    pub(crate) calls: Vec<CallChain>,
    /// Every incident that is known.
    pub(crate) incidents: Vec<IncidentChain>,
    /// Events of the last hour, by kind.
    pub(crate) events: BTreeMap<&'static str, usize>,
    /// Alerts, and who has seen them.
    pub(crate) alerts: AlertBook,
    /// Notices given up.
    pub(crate) dead_letters: usize,
    /// Why the tables do not answer.
    pub(crate) tables_away: Option<String>,
    /// The last words of trackers, ambulances, hospitals, weather stations, and heartbeats.
    pub(crate) positions: Vec<Record>,
    pub(crate) units: Vec<Record>,
    pub(crate) hospitals: Vec<Record>,
    pub(crate) weather: Vec<Record>,
    pub(crate) health: Vec<Record>,
    /// All devices.
    pub(crate) devices: Vec<Asset>,
    /// How full the live state is.
    pub(crate) status: LiveStatus,
    /// Why the live state does not answer.
    pub(crate) live_away: Option<String>,
    /// How the wire fares.
    pub(crate) pipeline: Pipeline,
    /// The model's own numbers; none where the city is no model.
    pub(crate) totals: Option<SceneTotals>,
}

impl Known {
    /// Reads all of it, as far as there is somebody to answer.
    pub(crate) fn read(
        stores: &Stores,
        events: &Mutex<EventBook>,
        city: &str,
        pipeline: Pipeline,
        totals: Option<SceneTotals>,
    ) -> Self {
        let mut known = Self { pipeline, totals, ..Self::default() };
        if let Err(error) = known.read_tables(stores, events) {
            known.tables_away = Some(error.to_string());
        }
        if let Err(error) = known.read_live(stores, city) {
            known.live_away = Some(error.to_string());
        }
        known
    }

    fn read_tables(&mut self, stores: &Stores, events: &Mutex<EventBook>) -> Result<(), StoreError> {
        self.clock = city::clock(stores)?;
        self.roads = city::roads(stores)?;
        self.minutes = city::minutes(stores)?;
        self.air = city::air(stores)?;
        self.parking = city::parking(stores)?;
        self.calls = city::calls(stores)?;
        self.incidents = city::incidents(stores)?;
        self.alerts = AlertBook::read(stores.tables())?;
        self.dead_letters = dead_letters(stores.tables())?;
        // Held only now: whoever asks for events need not wait for all the rest.
        let mut events = events.lock().unwrap_or_else(PoisonError::into_inner);
        events.catch_up(stores.tables())?;
        if let Some(clock) = self.clock {
            let since = clock.later(SimDuration::seconds(-HOUR));
            let counted = EventKind::ALL.map(|kind| (kind.word(), events.count(kind.word(), since)));
            self.events = counted.into_iter().collect();
        }
        Ok(())
    }

    fn read_live(&mut self, stores: &Stores, city: &str) -> Result<(), StoreError> {
        let live = stores.live();
        let words = |kind| city::words(live, kind, &Area::Everywhere);
        self.status = live.status()?;
        self.positions = words(ReadingKind::Position)?;
        self.units = words(ReadingKind::Unit)?;
        self.hospitals = words(ReadingKind::Hospital)?;
        self.weather = words(ReadingKind::Weather)?;
        self.health = words(ReadingKind::Health)?;
        self.devices = Fleet::read(stores, city)?.assets;
        Ok(())
    }
}
