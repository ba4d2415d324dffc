//! The rules of `incidents` and `emergencies`: quantities read, bounds held, defaults filled in.
//!
//! Whether a road exists is found when the map is loaded.

use super::check::Checker;
use super::file::{EmergenciesKey, IncidentKey, IncidentKindKey, ScenarioFile};
use super::quantity::{At, WrittenDuration};
use crate::city::emergency::{EmergencySpec, IncidentSpec, usual_length};
use crate::primitives::{IncidentKind, SimDuration, SimTime};

/// The most incidents one scenario may write down.
const INCIDENTS_MAX: usize = 1000;
/// The most calls or incidents per hour.
const RATE_MAX: f64 = 3600.0;

impl Checker<'_> {
    /// The incidents of a scenario that is simulated over `span`.
    pub(super) fn incidents(&mut self, file: &ScenarioFile, span: (SimTime, SimTime)) -> Vec<IncidentSpec> {
        let Some(list) = &file.incidents else { return Vec::new() };
        if list.value.len() > INCIDENTS_MAX {
            let message = format!("{} incidents are too many", list.value.len());
            self.wrong(list.spot, message, format!("at most {INCIDENTS_MAX}"));
            return Vec::new();
        }
        let ambulances = with_ambulances(file);
        list.value.iter().filter_map(|key| self.incident(key, span, ambulances)).collect()
    }

    pub(super) fn incident(
        &mut self,
        key: &At<IncidentKey>,
        span: (SimTime, SimTime),
        ambulances: bool,
    ) -> Option<IncidentSpec> {
        let key = &key.value;
        let place = key.road.spot.of_file(self.place);
        let clock = self.read(key.at.spot, key.at.value.read());
        let duration = self.lasting(&key.duration, "`duration`", 1.0, 7.0 * 86_400.0);
        let at = clock.and_then(|(date, at)| {
            if date.is_some() {
                self.wrong(key.at.spot, "an incident has no date of its own", "write the clock time only");
            } else if !(span.0..span.1).contains(&at) {
                let message = format!("nothing is simulated at {at}");
                self.wrong(key.at.spot, message, format!("from {} to {}", span.0, span.1));
            } else {
                return Some(at);
            }
            None
        });
        let kind = match key.kind.as_ref().map(|kind| kind.value) {
            Some(IncidentKindKey::Crash) => IncidentKind::Crash,
            Some(IncidentKindKey::Roadworks) => IncidentKind::Roadworks,
            Some(IncidentKindKey::Obstruction) => IncidentKind::Obstruction,
            Some(IncidentKindKey::Breakdown) | None => IncidentKind::Breakdown,
        };
        let position = match &key.position {
            Some(share) => self.share(Some(share), "`position`"),
            None => Some(0.5),
        };
        let length = match &key.length {
            Some(length) => self
                .read(length.spot, length.value.read())
                .filter(|metres| self.within(length.spot, "`length`", metres.as_metres(), 1.0, 1000.0, "m")),
            None => Some(usual_length(kind)),
        };
        let casualties = key.casualties.as_ref().map_or(0, |casualties| casualties.value);
        if let Some(key) = &key.casualties {
            if casualties > 20 {
                self.wrong(key.spot, format!("{casualties} casualties are too many"), "at most 20");
            } else if casualties > 0 && !ambulances {
                self.wrong(key.spot, "nobody would come for the casualties", "add `emergencies` with ambulances");
            }
        }
        if let Some(lanes) = key.lanes.as_ref().filter(|lanes| lanes.value == 0) {
            self.wrong(
                lanes.spot,
                "an incident on no lane blocks nothing",
                "at least one lane, or remove the incident",
            );
        }
        Some(IncidentSpec {
            place,
            at: at?,
            road: key.road.value.trim().to_owned(),
            lanes: key.lanes.as_ref().map(|lanes| lanes.value),
            position: position?,
            length: length?,
            duration: duration?,
            kind,
            casualties,
        })
    }

    /// An incident of an intervention.
    pub(super) fn incident_of(&mut self, key: &At<IncidentKey>) -> Option<IncidentSpec> {
        let (span, ambulances) = (self.beside.span, self.beside.ambulances);
        self.incident(key, span, ambulances)
    }

    /// The ambulance service.
    pub(super) fn emergencies(&mut self, key: &At<EmergenciesKey>) -> EmergencySpec {
        let place = key.spot.of_file(self.place);
        let key = &key.value;
        let mut rate = |rate: &Option<At<super::quantity::WrittenRate>>, what: &str, usual: f64| {
            let Some(rate) = rate else { return usual };
            let Some(per_hour) = self.read(rate.spot, rate.value.read()) else { return usual };
            self.within(rate.spot, what, per_hour, 0.0, RATE_MAX, "per hour");
            per_hour
        };
        let calls_per_hour = rate(&key.calls, "`calls`", 6.0);
        let incidents_per_hour = rate(&key.random_incidents, "`random-incidents`", 0.0);
        let ambulances = key.ambulances.as_ref().map_or(2, |ambulances| ambulances.value);
        if let Some(key) = key.ambulances.as_ref().filter(|key| key.value > 100) {
            self.wrong(key.spot, format!("{} ambulances at every station are too many", key.value), "at most 100");
        }
        if ambulances == 0 && calls_per_hour > 0.0 && key.calls.is_some() {
            let spot = key.calls.as_ref().map_or_else(|| key.ambulances.as_ref().map(|a| a.spot), |c| Some(c.spot));
            if let Some(spot) = spot {
                self.wrong(spot, "without ambulances nobody would come", "give `ambulances`, or no `calls`");
            }
        }
        let bays = key.bays.as_ref().map_or(3, |bays| bays.value);
        if let Some(key) = key.bays.as_ref().filter(|key| !(1..=1000).contains(&key.value)) {
            self.wrong(key.spot, format!("a hospital cannot have {} bays", key.value), "from 1 to 1000");
        }
        let treatment = key.treatment.as_ref().and_then(|key| self.lasting(key, "`treatment`", 1.0, 86_400.0));
        let handover = key.handover.as_ref().and_then(|key| self.lasting(key, "`handover`", 1.0, 86_400.0));
        EmergencySpec {
            place,
            ambulances,
            calls_per_hour: if ambulances == 0 { 0.0 } else { calls_per_hour },
            incidents_per_hour,
            siren: key.siren.as_ref().is_none_or(|siren| siren.value),
            treatment: treatment.unwrap_or(SimDuration::seconds(15.0 * 60.0)),
            handover,
            bays,
        }
    }

    fn lasting(&mut self, key: &At<WrittenDuration>, what: &str, low: f64, high: f64) -> Option<SimDuration> {
        let duration = self.read(key.spot, key.value.read())?;
        self.within(key.spot, what, duration.as_seconds(), low, high, "s").then_some(duration)
    }
}

/// Whether somebody comes for casualties.
pub(super) fn with_ambulances(file: &ScenarioFile) -> bool {
    let some = |key: &At<EmergenciesKey>| key.value.ambulances.as_ref().is_none_or(|ambulances| ambulances.value > 0);
    file.emergencies.as_ref().is_some_and(some)
}
