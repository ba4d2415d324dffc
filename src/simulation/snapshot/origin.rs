//! What a city was made of, so that a saved state is only put into a city made of the same.
//!
//! A digest of each part as the engine was given it, not of the files it came from: the same map by another path, or from a
//! cache, is the same map. Worked out when first asked for, once for a city and all its forks.

use std::fmt::{self, Debug, Write};
use std::sync::{Arc, OnceLock};

use crate::city::demand::{Demand, VehicleKind};
use crate::city::emergency::EmergencyPlan;
use crate::city::intervention::Plan;
use crate::city::network::Network;
use crate::city::scenario::{SensorSettings, Weather};
use crate::simulation::actors::sensors::earth::Earth;

/// A digest of one part.
pub(crate) type Mark = [u8; blake3::OUT_LEN];

/// What stations and hospitals are called.
#[derive(Debug, Default)]
pub(crate) struct ServiceNames {
    /// The station of each ambulance, by its number.
    pub stations: Vec<String>,
    /// Each hospital, by its number.
    pub hospitals: Vec<String>,
}

impl ServiceNames {
    fn of(plan: &EmergencyPlan) -> Self {
        let station = |base: usize| plan.bases.get(base).map(|base| base.name.clone()).unwrap_or_default();
        Self {
            stations: plan.units.iter().map(|unit| station(unit.base)).collect(),
            hospitals: plan.hospitals.iter().map(|hospital| hospital.name.clone()).collect(),
        }
    }
}

/// What a city was made of.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The map.
    pub network: Arc<Network>,
    demand: Arc<Demand>,
    map_and_demand: Arc<OnceLock<(Mark, Mark)>>,
    /// What its emergency service is called, where one was brought.
    pub service: Arc<ServiceNames>,
    /// Where it lies on earth, worked out when first asked for.
    pub earth: Arc<OnceLock<Earth>>,
    /// The plan of its emergencies, where they were brought.
    pub emergencies: Option<Mark>,
    /// The plan it follows, where that changes anything.
    pub plan: Option<Mark>,
    /// The weather it began with, and how its vehicle types drive on a dry day where that was none.
    pub weather: Weather,
    pub dry: Option<Arc<[VehicleKind]>>,
    /// What devices it was to have, where they were installed.
    pub devices: Option<Mark>,
}

impl Origin {
    pub(crate) fn new(network: Arc<Network>, demand: Arc<Demand>) -> Self {
        Self {
            network,
            demand,
            map_and_demand: Arc::default(),
            service: Arc::default(),
            earth: Arc::default(),
            emergencies: None,
            plan: None,
            weather: Weather::default(),
            dry: None,
            devices: None,
        }
    }

    /// Digests of the map and of the demand.
    pub(crate) fn map_and_demand(&self) -> (Mark, Mark) {
        *self.map_and_demand.get_or_init(|| (mark(&*self.network), mark(&*self.demand)))
    }

    /// How its vehicle types drive on a dry day.
    pub(crate) fn dry_kinds(&self) -> Arc<[VehicleKind]> {
        self.dry.as_ref().map_or_else(|| self.demand.kinds.clone().into(), Arc::clone)
    }

    /// Notes the plan that was brought.
    pub(crate) fn bring(&mut self, plan: &EmergencyPlan) {
        self.emergencies = Some(mark(plan));
        self.service = Arc::new(ServiceNames::of(plan));
    }

    /// Notes the plan it follows.
    pub(crate) fn follow(&mut self, plan: &Plan) {
        self.plan = (!plan.is_empty()).then(|| mark(plan));
    }

    /// Notes the devices that were installed.
    pub(crate) fn install(&mut self, sensors: &SensorSettings, weather: &Weather) {
        self.devices = Some(mark(&(sensors, weather)));
    }
}

/// The digest of a value by its debug form, which names every field and writes numbers so that they read back the same.
fn mark(value: &impl Debug) -> Mark {
    let mut digest = Digest { hasher: blake3::Hasher::new(), block: String::with_capacity(BLOCK * 2) };
    // A digest takes everything; only a value's own debug form could fail.
    let whole = write!(digest, "{value:?}").is_ok();
    digest.hasher.update(digest.block.as_bytes());
    digest.hasher.update(&[u8::from(whole)]);
    *digest.hasher.finalize().as_bytes()
}

/// Pieces are gathered up to this size before they are hashed [bytes].
const BLOCK: usize = 1 << 15;

struct Digest {
    hasher: blake3::Hasher,
    block: String,
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.block.push_str(text);
        if self.block.len() >= BLOCK {
            self.hasher.update(self.block.as_bytes());
            self.block.clear();
        }
        Ok(())
    }
}
