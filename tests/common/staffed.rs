//! Small towns with ambulances, a hospital and devices, and what may be done to them by hand.

use std::sync::Arc;

use citytwin::city::demand::Demand;
use citytwin::city::emergency::{EmergencyPlan, EmergencySpec, resolve};
use citytwin::city::network::Network;
use citytwin::city::network::places::{Kerb, Places, Site, Zone};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::city::scenario::{SensorSettings, Weather};
use citytwin::primitives::ids::EdgeId;
use citytwin::primitives::random::Seed;
use citytwin::primitives::text::Place;
use citytwin::primitives::{Point, SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::change::Change;

use super::town::{Peopled, Town};

/// A town with people and whoever helps them.
pub(crate) struct Staffed {
    pub(crate) network: Arc<Network>,
    pub(crate) demand: Arc<Demand>,
    pub(crate) plan: EmergencyPlan,
}

fn site(network: &Network, edge: EdgeId) -> Site {
    let lane = network.edge(edge).lane_ids().next().expect("a lane");
    let shape = &network.lane(lane).shape;
    let road = network.edge(edge).name.clone();
    Site { name: format!("at {road}"), at: Kerb { road, point: shape.point_at(shape.length() / 2.0) } }
}

/// A town in which so many vehicles depart within 200 s, with so many ambulances at one station. People call by hand only.
pub(crate) fn staffed(town: Town, vehicles: usize, ambulances: u32) -> Staffed {
    let Peopled { network, demand } = town.peopled(vehicles, SimDuration::seconds(200.0));
    let roads: Vec<EdgeId> = network.roads().map(|(id, _)| id).collect();
    let everywhere = Zone {
        name: "everywhere".to_owned(),
        centroid: Point::origin(),
        population: 1000.0,
        jobs: 0.0,
        roads: roads.iter().map(|&road| (network.edge(road).name.clone(), 1.0)).collect(),
    };
    let places = Places {
        ambulance_stations: vec![site(&network, roads[0])],
        hospitals: vec![site(&network, roads[roads.len() / 2])],
        zones: vec![everywhere],
        ..Places::default()
    };
    let spec = EmergencySpec {
        place: Place::file("test"),
        ambulances,
        calls_per_hour: 0.0,
        incidents_per_hour: 0.0,
        siren: true,
        treatment: SimDuration::seconds(30.0),
        handover: Some(SimDuration::seconds(30.0)),
        bays: 1,
    };
    let mut demand = (*demand).clone();
    let span = (SimTime::ZERO, SimTime::seconds(3600.0));
    let plan = resolve(&network, Some(&places), Some(&spec), &[], span, Seed(town.seed), &mut demand);
    Staffed { plan: plan.expect("a plan"), demand: Arc::new(demand), network }
}

impl Staffed {
    pub(crate) fn city(&self, settings: RunSettings, watched: bool) -> City {
        let mut city = City::assemble(&self.network, &self.demand, settings);
        city.bring_emergencies(&self.network, &self.plan);
        if watched {
            city.install_sensors(&self.network, &self.demand, &SensorSettings::default(), &Weather::default());
            city.open_control_room(&self.network, &self.plan);
        }
        city
    }

    /// The roads of the town, in order.
    pub(crate) fn roads(&self) -> Vec<EdgeId> {
        self.network.roads().map(|(id, _)| id).collect()
    }

    /// The times that a signal of the town has as it was built, each green so many seconds longer.
    pub(crate) fn longer(&self, city: &City, signal: usize, seconds: f64) -> Option<Change> {
        let id = citytwin::primitives::ids::SignalId::new(signal);
        let view = city.signal(id)?;
        let phases = &self.network.signals[signal].programs.last()?.phases;
        let green = |at: usize| phases[at].aspects.iter().any(|aspect| matches!(aspect.letter(), 'G' | 'g'));
        let more = |at: usize| if green(at) { seconds } else { 0.0 };
        let durations = view.durations.iter().enumerate();
        let durations = durations.map(|(at, (_, most))| *most + SimDuration::seconds(more(at))).collect();
        Some(Change::RetimeSignal { signal: id, durations, offset: None })
    }
}
