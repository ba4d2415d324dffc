//! What there is to see in a running city, for whoever shows it or asks about one thing in it: plain values, read and never kept.
//!
//! What is asked of the whole city costs one look at everybody on the road; nothing here is asked by the city itself.

use std::collections::BTreeMap;

use super::City;
use super::actors::emergency::incident::{Phase, Scene};
use super::actors::emergency::{AMBULANCES, INCIDENTS};
use super::actors::signal::{Controller, Shifts};
use super::actors::{Directory, Percept, SIGNALS, actor};
use super::control_room::severity_of;
pub use super::control_room::urgency_of;
use super::ledger::Ledger;
use super::outcome::{Call, Incident, Stage, UnitInstant};
use super::step::{Books, Gate};
use super::traffic::body::Body;
use super::traffic::following::HALTING;
use super::traffic::heads::LinkState;
use super::traffic::road::Road;
use crate::city::network::SignalControl;
use crate::primitives::ids::{EdgeId, LaneId, SignalId, VehicleId};
use crate::primitives::{SimDuration, SimTime, VehicleClass};
use crate::telemetry::reading::Severity;

/// A vehicle on the road as one sees it drive by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VehicleSeen {
    /// Its row of the demand.
    pub vehicle: VehicleId,
    /// The lane its front is on; for one that passes others with siren, the one beside it.
    pub lane: LaneId,
    /// Where its front is on the lane [m].
    pub position: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// What it is.
    pub class: VehicleClass,
    /// Whether it drives with blue light and siren.
    pub siren: bool,
    /// Whether it halts at a planned stop.
    pub at_stop: bool,
}

/// How far a vehicle has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VehicleStage {
    /// Its departure is still to come.
    ToCome,
    /// It is due and waits for room to enter.
    Waiting,
    /// It is on the road.
    OnRoad,
    /// It was taken off the road as a last resort and has not been put down again.
    Lifted,
    /// It has arrived.
    Arrived,
    /// It stands beside the road until it is called: an ambulance.
    Standby,
    /// It does not travel: not in this variant, or it gave up waiting.
    StaysAway,
}

/// What is known of a vehicle.
#[derive(Debug, Clone, PartialEq)]
pub struct VehicleFacts {
    /// Its row of the demand.
    pub vehicle: VehicleId,
    /// Its id in files.
    pub name: String,
    /// The name of its type.
    pub kind: String,
    /// What it is.
    pub class: VehicleClass,
    /// Its line, for buses.
    pub line: Option<String>,
    /// How far it has come.
    pub stage: VehicleStage,
    /// When it was to depart [s]; none for whoever is called.
    pub due: Option<SimTime>,
    /// When it last entered the road [s].
    pub entered: Option<SimTime>,
    /// When it arrived [s].
    pub arrived: Option<SimTime>,
    /// The lane its front is on, and where [m]; while it is on the road.
    pub place: Option<(LaneId, f64)>,
    /// Speed [m/s].
    pub speed: f64,
    /// The speed its driver would like to have there [m/s].
    pub wished_speed: f64,
    /// The roads still before it, the one it is on first; empty once it has arrived.
    pub route: Vec<EdgeId>,
    /// Where it leaves the road: the road, and where on it if not at its end [m].
    pub destination: (EdgeId, Option<f64>),
    /// How far it has driven [m].
    pub travelled: f64,
    /// How long it has been standing in traffic now [s].
    pub waiting: SimDuration,
    /// How long it has stood in traffic so far [s].
    pub waiting_total: SimDuration,
    /// How often it came to stand in traffic.
    pub halts: u32,
    /// Time lost so far against driving as fast as it would like [s].
    pub time_loss: SimDuration,
    /// Planned stops behind it, and in all.
    pub stops: (u32, u32),
    /// Whether it halts at a planned stop.
    pub at_stop: bool,
    /// Whether it drives with blue light and siren.
    pub siren: bool,
}

/// A signal as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct SignalView {
    /// Which.
    pub signal: SignalId,
    /// What it shows, by link index, in SUMO's letters.
    pub letters: String,
    /// Which phase of its program it is in, and since when [s]; none for one that trains operate or that has no program.
    pub phase: Option<(usize, SimTime)>,
    /// How long each phase of its program lasts now, from and to [s]; the same for one that runs by the clock.
    pub durations: Vec<(SimDuration, SimDuration)>,
    /// Whether it goes by who comes instead of by the clock.
    pub actuated: bool,
    /// By how much it still has to be late to have the offset it was given [s].
    pub behind: SimDuration,
}

/// A road as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadView {
    /// Which.
    pub road: EdgeId,
    /// Vehicles on it.
    pub vehicles: u32,
    /// Those of them that stand in traffic.
    pub halting: u32,
    /// Mean of their speeds [m/s]; none where there are none.
    pub speed: Option<f64>,
    /// The limit that holds on its fastest lane [m/s].
    pub limit: f64,
    /// Vehicles that wait for room to enter it.
    pub waiting_to_enter: u32,
    /// Lanes that are blocked by an incident or a barrier, or are to be as soon as nobody stands there.
    pub blocked: Vec<LaneId>,
    /// Whether it was closed by hand.
    pub closed: bool,
}

/// An incident that is known and not over.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentView {
    /// What the books say of it.
    pub incident: Incident,
    /// How bad it is.
    pub severity: Severity,
    /// When its time is over [s].
    pub ends: SimTime,
    /// Ambulances that it still waits for or that are still there.
    pub helpers: usize,
}

impl City {
    /// Shows every vehicle on the road, in the order of [`City::vehicles`].
    pub fn each_vehicle(&self, mut look: impl FnMut(VehicleSeen)) {
        let road = &self.world.resource::<Percept>().road;
        for &lane in &road.active {
            for body in road.lanes[lane as usize].iter().filter(|body| !road.is_block(body)) {
                look(seen(road, body, lane));
            }
        }
        for passing in &road.rescue {
            look(seen(road, &passing.body, passing.lane));
        }
    }

    /// Who drives with blue light and siren now, by number.
    pub fn sirens(&self) -> Vec<VehicleId> {
        let mut sirens = Vec::new();
        self.each_vehicle(|one| {
            if one.siren {
                sirens.push(one.vehicle);
            }
        });
        sirens.sort_unstable();
        sirens
    }

    /// How many vehicles of each class are on the road; classes without any are left out.
    pub fn class_counts(&self) -> BTreeMap<VehicleClass, u32> {
        let mut counts = BTreeMap::new();
        self.each_vehicle(|one| *counts.entry(one.class).or_default() += 1);
        counts
    }

    /// Mean of speed over the speed limit for every edge of the network, paths across junctions included; none where nobody drives.
    #[expect(clippy::cast_possible_truncation, reason = "for the eye; a ten-millionth is enough")]
    pub fn relative_speeds(&self) -> Vec<Option<f32>> {
        let road = &self.world.resource::<Percept>().road;
        let mut sums = vec![(0_u32, 0.0); road.facts.edges.len()];
        for &lane in &road.active {
            let facts = road.facts.lane(lane);
            let sum = &mut sums[facts.edge as usize];
            for body in road.lanes[lane as usize].iter().filter(|body| !road.is_block(body)) {
                *sum = (sum.0 + 1, sum.1 + body.speed / facts.speed.max(0.1));
            }
        }
        sums.into_iter().map(|(count, sum)| (count > 0).then(|| (sum / f64::from(count)) as f32)).collect()
    }

    /// A road as it is now, or a path across a junction; none if the network has no such road.
    pub fn road(&self, road: EdgeId) -> Option<RoadView> {
        let at = &self.world.resource::<Percept>().road;
        let &(first, lanes) = at.facts.edges.get(road.index())?;
        let lanes = first..first + lanes;
        let bodies = lanes.clone().flat_map(|lane| &at.lanes[lane as usize]).filter(|body| !at.is_block(body));
        let (mut vehicles, mut halting, mut speeds) = (0_u32, 0, 0.0);
        for body in bodies {
            vehicles += 1;
            halting += u32::from(body.speed <= HALTING && !body.is_standing());
            speeds += body.speed;
        }
        let queues = &self.world.resource::<Gate>().queues;
        let mut blocked: Vec<u32> =
            at.blocks.iter().map(|block| block.lane).filter(|lane| lanes.contains(lane)).collect();
        blocked.sort_unstable();
        blocked.dedup();
        Some(RoadView {
            road,
            vehicles,
            halting,
            speed: (vehicles > 0).then(|| speeds / f64::from(vehicles)),
            limit: lanes.map(|lane| at.facts.lane(lane).speed).fold(0.0, f64::max),
            waiting_to_enter: u32::try_from(queues.waiting_on(road.raw())).unwrap_or(u32::MAX),
            blocked: blocked.into_iter().map(|lane| LaneId::new(lane as usize)).collect(),
            closed: self.closed_roads().contains(&road),
        })
    }

    /// Writes down what every signal shows, by link index in SUMO's letters, and in the order of the network; only what is
    /// not written there already. Tells whether anything was.
    pub fn letters(&self, shown: &mut Vec<String>) -> bool {
        let signals = self.origin.network.signals.len();
        let mut changed = shown.len() != signals;
        shown.resize(signals, String::new());
        for (signal, text) in shown.iter_mut().enumerate() {
            let mut same = text.bytes();
            let mut alike = true;
            self.each_letter(signal, |letter| alike &= same.next().map(char::from) == Some(letter));
            if alike && same.next().is_none() {
                continue;
            }
            text.clear();
            self.each_letter(signal, |letter| text.push(letter));
            changed = true;
        }
        changed
    }

    /// A signal as it is now; none if the network has no such signal.
    pub fn signal(&self, signal: SignalId) -> Option<SignalView> {
        let built = self.origin.network.signals.get(signal.index())?;
        let mut letters = String::new();
        self.each_letter(signal.index(), |letter| letters.push(letter));
        let controller = self.controller(signal.index());
        let of_trains = |control| matches!(control, SignalControl::Block | SignalControl::LevelCrossing { .. });
        let actuated = |control| matches!(control, SignalControl::Actuated { .. });
        let program = controller.map(Controller::program).or_else(|| built.programs.last());
        let phases = program.filter(|program| !of_trains(program.control)).map_or(&[][..], |program| &program.phases);
        let span = |phase: &crate::city::network::Phase| match program {
            Some(program) if actuated(program.control) => (phase.duration_min, phase.duration_max),
            _ => (phase.duration, phase.duration),
        };
        Some(SignalView {
            signal,
            letters,
            phase: controller.map(|controller| (controller.phase().0, controller.phase().1)),
            durations: phases.iter().map(span).collect(),
            actuated: program.is_some_and(|program| actuated(program.control)),
            behind: self.world.get_resource::<Shifts>().map_or(SimDuration::ZERO, |shifts| shifts.of(signal.raw())),
        })
    }

    fn controller(&self, signal: usize) -> Option<&Controller> {
        let id = actor(SIGNALS, u32::try_from(signal).ok()?);
        self.world.get::<Controller>(self.world.resource::<Directory>().get(id)?)
    }

    /// What a signal shows, head by head.
    fn each_letter(&self, signal: usize, mut tell: impl FnMut(char)) {
        let heads = &self.origin.network.signals[signal].links;
        if let Some(controller) = self.controller(signal) {
            let aspects = controller.phase().2;
            for head in 0..heads.len() {
                tell(aspects.get(head).map_or('r', |aspect| aspect.letter()));
            }
            return;
        }
        let road = &self.world.resource::<Percept>().road;
        for links in heads {
            tell(match links.first().map(|link| road.heads.state(link.raw())) {
                None | Some(LinkState::Red) => 'r',
                Some(LinkState::Yellow) => 'y',
                Some(LinkState::Priority | LinkState::Zipper) => 'G',
                Some(LinkState::Yield | LinkState::Equal) => 'g',
                Some(LinkState::Stop | LinkState::AllwayStop) => 's',
            });
        }
    }

    /// Incidents that have begun and are not over, by number.
    pub fn open_incidents(&self) -> Vec<IncidentView> {
        let incidents = self.world.get_resource::<Ledger>().map_or(&[][..], Ledger::all_incidents);
        let open = incidents.iter().filter(|one| one.began.is_some() && one.cleared.is_none());
        open.filter_map(|one| self.incident_view(one)).collect()
    }

    fn incident_view(&self, incident: &Incident) -> Option<IncidentView> {
        let entity = self.world.resource::<Directory>().get(actor(INCIDENTS, incident.number))?;
        let scene = self.world.get::<Scene>(entity)?;
        let whole = incident.lanes.len() >= self.origin.network.edge(incident.edge).lane_count();
        let helpers = if scene.phase == Phase::Over { 0 } else { scene.helpers };
        let severity = severity_of(incident.kind, incident.casualties, whole);
        Some(IncidentView { incident: incident.clone(), severity, ends: scene.ends, helpers })
    }

    /// An incident that has begun, over or not.
    pub fn incident(&self, number: u32) -> Option<IncidentView> {
        let incident = self.world.get_resource::<Ledger>()?.all_incidents().get(number as usize)?;
        incident.began.and_then(|_| self.incident_view(incident))
    }

    /// Calls that came in and are not over, by number.
    pub fn open_calls(&self) -> Vec<Call> {
        let calls = self.world.get_resource::<Ledger>().map_or(&[][..], Ledger::all_calls);
        let open = |call: &&Call| call.at(Stage::Call).is_some() && call.at(Stage::Clear).is_none();
        calls.iter().filter(open).cloned().collect()
    }

    /// How many calls came in and are not over.
    pub fn calls_open(&self) -> u32 {
        let counts = self.world.get_resource::<Ledger>().map(Ledger::counts);
        counts.map_or(0, |(raised, closed)| u32::try_from(raised.saturating_sub(closed)).unwrap_or(u32::MAX))
    }

    /// A call that came in, over or not.
    pub fn call(&self, number: u32) -> Option<Call> {
        let call = self.world.get_resource::<Ledger>()?.all_calls().get(number as usize)?;
        call.at(Stage::Call).map(|_| call.clone())
    }

    /// The ambulance of a name, by its number; the name is that of its row of the demand.
    pub fn unit_named(&self, name: &str) -> Option<u32> {
        let directory = self.world.get_resource::<Directory>()?;
        directory.column(AMBULANCES).map(|(unit, _)| unit).find(|&unit| self.unit_name(unit) == Some(name))
    }

    /// The name of an ambulance.
    pub fn unit_name(&self, unit: u32) -> Option<&str> {
        let first = self.world.resource::<Percept>().road.first_on_call;
        let row = first.checked_add(unit).filter(|row| self.world.resource::<Percept>().road.is_on_call(*row))?;
        self.world.resource::<Gate>().demand.vehicles.get(row as usize).map(|vehicle| vehicle.name.as_str())
    }

    /// The ambulance of a number as it is now.
    pub fn unit(&self, unit: u32) -> Option<UnitInstant> {
        self.units().into_iter().find(|one| one.unit == unit)
    }

    /// What is known of a vehicle; none if the demand has no such row.
    pub fn vehicle(&self, vehicle: VehicleId) -> Option<VehicleFacts> {
        let (gate, books) = (self.world.resource::<Gate>(), self.world.resource::<Books>());
        let road = &self.world.resource::<Percept>().road;
        let row = gate.demand.vehicles.get(vehicle.index())?;
        let kind = gate.demand.kind(row.kind);
        let number = vehicle.raw();
        let on_lanes =
            road.active.iter().flat_map(|&lane| road.lanes[lane as usize].iter().map(move |body| (lane, body)));
        let beside = road.rescue.iter().map(|passing| (passing.lane, &passing.body));
        let found = on_lanes.chain(beside).find(|(_, body)| body.id == number);
        let lifted = gate.lifted.iter().find(|body| body.id == number);
        let body = found.map(|(_, body)| body).or(lifted);
        let due = gate.departures[vehicle.index()].time;
        let (entered, arrived) = books.trips.of(number);
        let stage = match (found, lifted) {
            (Some(_), _) => VehicleStage::OnRoad,
            (_, Some(_)) => VehicleStage::Lifted,
            _ if gate.queues.iter().any(|waiting| waiting == number) => VehicleStage::Waiting,
            _ if road.is_on_call(number) => VehicleStage::Standby,
            _ if arrived.is_some() => VehicleStage::Arrived,
            _ if due < SimTime::MAX && due >= self.time() => VehicleStage::ToCome,
            _ => VehicleStage::StaysAway,
        };
        let way = road.guides.edges(road.guides.of_vehicle(number));
        let gone = matches!(stage, VehicleStage::Arrived | VehicleStage::Standby | VehicleStage::StaysAway);
        let leg = body.map_or(0, |body| body.leg as usize);
        let ahead = if gone { &[][..] } else { &way[leg.min(way.len())..] };
        let edge = |edge: &u32| EdgeId::new(*edge as usize);
        let stops = road.guides.stops(number).len();
        let seconds = |of: fn(&Body) -> f64| SimDuration::seconds(body.map_or(0.0, of));
        Some(VehicleFacts {
            vehicle,
            name: row.name.clone(),
            kind: kind.name.clone(),
            class: kind.class,
            line: row.line.clone(),
            stage,
            due: (row.departure.time < SimTime::MAX).then_some(row.departure.time),
            entered,
            arrived,
            place: found.map(|(lane, body)| (LaneId::new(lane as usize), body.pos)),
            speed: body.map_or(0.0, |body| body.speed),
            wished_speed: found.map_or(0.0, |(lane, body)| road.wished_speed(body, lane)),
            route: ahead.iter().map(edge).collect(),
            destination: (way.last().map_or(EdgeId::new(0), edge), {
                let position = road.arrival_position[vehicle.index()];
                position.is_finite().then_some(position)
            }),
            travelled: body.map_or(0.0, |body| body.travelled),
            waiting: seconds(|body| body.waiting),
            waiting_total: seconds(|body| body.waiting_total),
            halts: body.map_or(0, |body| body.waiting_count),
            time_loss: seconds(|body| body.time_loss),
            stops: (body.map_or(0, |body| body.next_stop), u32::try_from(stops).unwrap_or(u32::MAX)),
            at_stop: body.is_some_and(Body::is_standing),
            siren: body.is_some_and(|body| body.siren),
        })
    }

    /// Roads that are closed now, whatever closed them, by number: barriers, an incident that takes up every lane, or a rule of the
    /// scenario. A road for cars is closed when no car may drive along it, be it for those who live there; any other when nobody may.
    pub fn shut_roads(&self) -> Vec<EdgeId> {
        let road = &self.world.resource::<Percept>().road;
        let network = &self.origin.network;
        let barred =
            |class: VehicleClass, edge: u32| road.is_closed(class, edge) && !road.facts.has_access(class, edge);
        let shut = |&edge: &u32| {
            let id = EdgeId::new(edge as usize);
            if network.edge_allows(id, VehicleClass::Passenger) {
                return barred(VehicleClass::Passenger, edge);
            }
            let mut classes = VehicleClass::ALL
                .iter()
                .filter(|&&class| class.is_vehicle() && network.edge_allows(id, class))
                .peekable();
            classes.peek().is_some() && classes.all(|&class| barred(class, edge))
        };
        let mut edges: Vec<u32> = if road.facts.amended {
            network.roads().map(|(id, _)| id.raw()).collect()
        } else {
            road.blocks.iter().map(|block| road.facts.lane(block.lane).edge).collect()
        };
        edges.sort_unstable();
        edges.dedup();
        edges.into_iter().filter(shut).map(|edge| EdgeId::new(edge as usize)).collect()
    }

    /// Roads that were closed by hand and are closed now, by number.
    pub fn closed_roads(&self) -> Vec<EdgeId> {
        let live = self.world.get_resource::<super::change::live::Live>();
        let closed = live.into_iter().flat_map(|live| &live.barriers).filter(|(_, barriers)| barriers.closed);
        closed.map(|(&edge, _)| EdgeId::new(edge as usize)).collect()
    }
}

fn seen(road: &Road, body: &Body, lane: u32) -> VehicleSeen {
    VehicleSeen {
        vehicle: VehicleId::new(body.id as usize),
        lane: LaneId::new(lane as usize),
        position: body.pos,
        speed: body.speed,
        class: road.kind(body).class,
        siren: body.siren,
        at_stop: body.is_standing(),
    }
}
