//! A small town with two hospitals, and a drill in it that is built by hand.

use std::path::PathBuf;
use std::sync::Arc;

use citytwin::city::demand::Demand;
use citytwin::city::emergency::{EmergencyPlan, EmergencySpec, resolve};
use citytwin::city::network::Network;
use citytwin::city::network::places::{Kerb, Places, Site, Zone};
use citytwin::city::scenario::settings::RunSettings;
use citytwin::primitives::ids::EdgeId;
use citytwin::primitives::random::Seed;
use citytwin::primitives::text::Place;
use citytwin::primitives::{Category, IncidentKind, Point, SimDuration, SimTime};
use citytwin::simulation::City;
use citytwin::simulation::change::Change;
use citytwin::studies::drill::director::Director;
use citytwin::studies::drill::model::{
    Action, Comparison, Condition, Drill, Effect, Expect, Expected, Inject, InjectKind, Measure, Medium, Objective,
    Power, Role, Sight, Standard, Trigger,
};

use super::town::{Peopled, Town};

/// T+0 [s].
pub(crate) const START: f64 = 60.0;
/// How long the drill lasts [s].
pub(crate) const LENGTH: f64 = 600.0;

/// A town, whoever helps in it, and a drill.
pub(crate) struct Drilled {
    pub(crate) network: Arc<Network>,
    pub(crate) demand: Arc<Demand>,
    pub(crate) plan: EmergencyPlan,
    pub(crate) drill: Arc<Drill>,
    pub(crate) seed: u64,
}

fn site(network: &Network, name: &str, edge: EdgeId) -> Site {
    let shape = &network.lane(network.edge(edge).lane_ids().next().expect("a lane")).shape;
    let road = network.edge(edge).name.clone();
    Site { name: name.to_owned(), at: Kerb { road, point: shape.point_at(shape.length() / 2.0) } }
}

/// A town of 4 by 3 crossings with three ambulances and two hospitals, in which so many vehicles depart within 200 s; `calls` people
/// an hour call by chance.
pub(crate) fn drilled(seed: u64, vehicles: usize, calls: f64) -> Drilled {
    let town = Town { columns: 4, rows: 3, block: 120.0, lanes: 2, seed };
    let Peopled { network, demand } = town.peopled(vehicles, SimDuration::seconds(200.0));
    let roads: Vec<EdgeId> = network.roads().map(|(id, _)| id).collect();
    let many = roads.len();
    let everywhere = Zone {
        name: "everywhere".to_owned(),
        centroid: Point::origin(),
        population: 1000.0,
        jobs: 0.0,
        roads: roads.iter().map(|&road| (network.edge(road).name.clone(), 1.0)).collect(),
    };
    let places = Places {
        ambulance_stations: vec![site(&network, "Main Station", roads[0])],
        hospitals: vec![
            site(&network, "North Hospital", roads[many / 2]),
            site(&network, "South Hospital", roads[many - 1]),
        ],
        zones: vec![everywhere],
        ..Places::default()
    };
    let spec = EmergencySpec {
        place: Place::file("test"),
        ambulances: 3,
        calls_per_hour: calls,
        incidents_per_hour: 0.0,
        siren: true,
        treatment: SimDuration::seconds(30.0),
        handover: Some(SimDuration::seconds(60.0)),
        bays: 2,
    };
    let mut demand = (*demand).clone();
    let span = (SimTime::ZERO, SimTime::seconds(START + LENGTH));
    let plan = resolve(&network, Some(&places), Some(&spec), &[], span, Seed(seed), &mut demand).expect("a plan");
    let drill = Arc::new(drill(&roads));
    Drilled { demand: Arc::new(demand), plan, network, drill, seed }
}

fn roles() -> Vec<Role> {
    use Power::{Assign, Clock, Declare, Direct, Divert, Hand, Rate, Rewind, Say, StandDown};
    let role = |name: &str, seats: u32, sees: &[Sight], may: &[Power]| Role {
        name: name.to_owned(),
        title: format!("The {name}"),
        seats,
        sees: sees.to_vec(),
        may: may.to_vec(),
    };
    let all = [Sight::Calls, Sight::Units, Sight::Hospitals, Sight::Injects, Sight::Actions, Sight::Truth];
    vec![
        role("dispatcher", 2, &all[..3], &[Assign, Divert, StandDown, Direct, Declare, Say]),
        role("controller", 1, &all, &[Say, Clock, Rewind, Power::Inject, Rate, Hand]),
        role("helper", 1, &all[..1], &[Assign]),
        role("press", 0, &[], &[Say]),
    ]
}

/// An inject that says something to the dispatcher.
pub(crate) fn inject(id: &str, trigger: Trigger) -> Inject {
    Inject {
        id: id.to_owned(),
        trigger,
        from: "somebody".to_owned(),
        to: Some(0),
        by: Medium::Phone,
        kind: InjectKind::Informational,
        text: format!("what {id} says"),
        effects: Vec::new(),
        expect: None,
        objective: None,
        responsible: None,
        notes: None,
    }
}

/// At a time after T+0 [s].
pub(crate) fn at(after: f64) -> Trigger {
    Trigger { at: Some(SimTime::seconds(START + after)), ..Trigger::default() }
}

fn by_dispatcher(what: Expected, within: f64) -> Expect {
    Expect { what, role: Some(0), within: SimDuration::seconds(within) }
}

fn drill(roads: &[EdgeId]) -> Drill {
    let road = |part: usize| roads[roads.len() * part / 8];
    let call = Effect::City(Change::Call { road: road(3), position: None, category: Category::C1 });
    let accident = Effect::City(Change::Incident {
        road: road(5),
        kind: IncidentKind::Crash,
        position: None,
        lanes: 1,
        duration: SimDuration::seconds(200.0),
        casualties: 3,
    });
    let waiting = Condition { of: Measure::CallsWaiting, is: Comparison::AtLeast, value: 1.0 };
    let waits = Trigger { when: vec![waiting], lasting: SimDuration::seconds(20.0), ..Trigger::default() };
    let major = || Expected::Declare { what: "major-incident".to_owned() };
    let injects = vec![
        Inject {
            effects: vec![call],
            expect: Some(by_dispatcher(Expected::Assign { units: 1, category: Some(Category::C1) }, 240.0)),
            objective: Some(0),
            ..inject("I-01", at(10.0))
        },
        Inject {
            effects: vec![accident],
            kind: InjectKind::Event,
            expect: Some(by_dispatcher(Expected::Acknowledge, 60.0)),
            ..inject("I-02", at(30.0))
        },
        Inject { expect: Some(by_dispatcher(major(), 60.0)), objective: Some(0), ..inject("I-03", waits) },
        Inject {
            effects: vec![Effect::Bays { hospital: 0, bays: 0 }],
            kind: InjectKind::Contingency,
            ..inject("I-04", Trigger { unless: Some(2), ..at(400.0) })
        },
        Inject {
            to: None,
            effects: vec![Effect::City(Change::CloseRoad { road: road(6) })],
            ..inject("I-05", at(120.0))
        },
        Inject { expect: Some(by_dispatcher(Expected::Say { to: 1 }, 30.0)), ..inject("I-06", Trigger::default()) },
        Inject { to: None, effects: vec![Effect::Clear { inject: 1 }], ..inject("I-07", at(500.0)) },
    ];
    Drill {
        name: "small-town".to_owned(),
        question: Some("Who goes where?".to_owned()),
        scenario: PathBuf::from("small-town.yaml"),
        start: SimTime::seconds(START),
        length: SimDuration::seconds(LENGTH),
        marking: None,
        objectives: vec![Objective {
            id: "send".to_owned(),
            capability: None,
            text: "Send the right unit.".to_owned(),
        }],
        roles: roles(),
        standards: vec![Standard::Nfpa1710],
        injects,
    }
}

impl Drilled {
    pub(crate) fn city(&self, threads: usize) -> City {
        let end = Some(SimTime::seconds(START + LENGTH + 60.0));
        let last_resort_after = Some(SimDuration::seconds(120.0));
        let settings = RunSettings { end, seed: Seed(self.seed), threads, last_resort_after, ..RunSettings::default() };
        let mut city = City::assemble(&self.network, &self.demand, settings);
        city.bring_emergencies(&self.network, &self.plan);
        city
    }

    pub(crate) fn play(&self, threads: usize) -> Play {
        Play { city: self.city(threads), director: Director::new(&self.drill), log: Vec::new() }
    }

    /// The same town with another list of injects.
    pub(crate) fn with(&self, injects: Vec<Inject>) -> Self {
        let drill = Arc::new(Drill { injects, ..Drill::clone(&self.drill) });
        let (network, demand) = (Arc::clone(&self.network), Arc::clone(&self.demand));
        Self { network, demand, plan: self.plan.clone(), drill, seed: self.seed }
    }
}

/// A drill as it is played.
pub(crate) struct Play {
    pub(crate) city: City,
    pub(crate) director: Director,
    pub(crate) log: Vec<String>,
}

impl Play {
    pub(crate) fn step(&mut self) {
        self.director.before_step(&mut self.city);
        self.city.step();
        self.director.after_step(&self.city);
        self.log.extend(self.director.log().iter().map(citytwin::studies::drill::log::LogLine::json));
    }

    /// Steps until so many seconds after T+0.
    pub(crate) fn until(&mut self, after: f64) {
        while self.city.time() < SimTime::seconds(START + after) {
            self.step();
        }
    }

    pub(crate) fn finish(&mut self) {
        while !self.director.is_over(&self.city) {
            self.step();
        }
    }

    pub(crate) fn act(&mut self, role: &str, action: &Action) -> Result<String, String> {
        self.director.act(&mut self.city, role, "Ann", action)
    }

    pub(crate) fn take(&mut self, role: &str) {
        let hand = Action::Hand { role: role.to_owned(), bot: false };
        self.act(role, &hand).expect("a seat is free");
    }

    /// Sends the unit that is recommended first to a call.
    pub(crate) fn send_soonest(&mut self, call: u32) -> Result<String, String> {
        let units = self.director.recommend(&self.city, "dispatcher", call)?;
        let unit = units.first().ok_or("nobody is free; wait")?.unit.clone();
        self.act("dispatcher", &Action::Assign { unit, call })
    }

    /// Calls that wait, as the dispatcher sees them.
    pub(crate) fn waiting(&self) -> Vec<u32> {
        let calls = self.director.view(&self.city, "dispatcher").calls.expect("a dispatcher sees calls");
        calls.iter().filter(|call| call.status == "waiting").map(|call| call.call).collect()
    }
}
