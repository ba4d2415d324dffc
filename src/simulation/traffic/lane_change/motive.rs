//! Why a driver would change to one side: the route, others, speed, or the duty to keep to the kerb side.

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::facts::NONE;
use crate::simulation::traffic::following::{EPS, brake_gap, stop_speed_max};
use crate::simulation::traffic::guide::GuideRow;
use crate::simulation::traffic::road::Road;
use crate::simulation::traffic::siren::LEAVE_LANE;

use super::gap::{Gap, Other, lead_beyond};
use super::{Motive, Side, stop_on_leg};

/// How many seconds ahead a driver plans changes for the route [s].
const LOOK_FORWARD: f64 = 10.0;
/// The same to the left, where faster lanes make changing harder [s].
const LOOK_FORWARD_LEFT: f64 = 20.0;
/// A standing vehicle is passed when it is nearer than this [m].
const STANDING_SEEN: f64 = 100.0;
/// A lane that leads elsewhere within this distance is a turn lane, not one to overtake on [m].
const TURN_LANE: f64 = 200.0;
/// How many roads ahead a driver considers at least ...
const LOOK_ROADS: usize = 4;
/// ... and how far [m]; SUMO's horizon for comparing lanes.
const LOOK_DISTANCE: f64 = 3000.0;
/// How slowly the planning speed follows the driven one (0 at once, 1 never).
const LOOK_AHEAD_MEMORY: f64 = 0.9;
/// Relative gains are not counted against speeds below this [m/s].
const GAIN_SPEED_MIN: f64 = 10.0;
/// Accumulated gain that makes a driver move left, at eagerness 1.
const GAIN_LEFT: f64 = 0.2;
/// Accumulated gain that makes a driver move right, at eagerness 1.
const GAIN_RIGHT: f64 = 2.0;
/// How long the other lane must be usable to be worth it [s].
const GAIN_REMAIN: f64 = 20.0;
/// Time on a free kerb-side lane after which a driver returns to it [s].
const KEEP_RIGHT_TIME: f64 = 5.0;
/// How much slower the kerb side may be to still count as alike [m/s].
const KEEP_RIGHT_SLACK: f64 = 5.0 / 3.6;

/// Room that vehicles take up on each lane [m].
#[derive(Debug, Default)]
pub(crate) struct Jams {
    by_lane: Vec<f64>,
    filled: Vec<u32>,
}

impl Jams {
    pub(super) fn measure(&mut self, road: &Road) {
        self.by_lane.resize(road.lanes.len(), 0.0);
        for lane in self.filled.drain(..) {
            self.by_lane[lane as usize] = 0.0;
        }
        for &lane in &road.active {
            self.by_lane[lane as usize] = road.lanes[lane as usize].iter().map(|b| road.kind(b).room()).sum();
            self.filled.push(lane);
        }
    }

    /// Room taken up along the way that a lane leads, as far as drivers look [m].
    pub(super) fn along(&self, road: &Road, body: &Body, lane: u32) -> f64 {
        let mut total = self.by_lane[lane as usize];
        let (mut lane, mut leg) = (lane, body.leg);
        let (mut roads, mut seen) = (1, road.facts.lane(lane).length);
        while roads <= LOOK_ROADS || seen <= LOOK_DISTANCE {
            let row = road.guides.row(body.itinerary, leg, road.facts.lane(lane).index);
            if row.link == NONE {
                break;
            }
            lane = road.facts.link(row.link).to;
            leg += 1;
            roads += 1;
            seen += road.facts.lane(lane).length;
            total += self.by_lane[lane as usize];
        }
        total
    }
}

/// What a driver sees when thinking about one side.
pub(super) struct View<'a> {
    pub road: &'a Road,
    jams: &'a Jams,
    /// Room taken up along the present lane's way [m].
    jam_here: f64,
    pub lane: u32,
    slot: usize,
    pub to: u32,
    pub side: Side,
    pub gap: Gap,
    /// Lanes to the best one: positive to the left.
    pub offset: i32,
    /// How far the present lane can be used, from the front [m].
    pub usable: f64,
    /// How far the route runs along the next roundabout [m]; lanes count as longer by it.
    ring: f64,
    /// Distance to a planned stop on this leg; minus infinity without one [m].
    to_stop: f64,
    here: GuideRow,
    there: GuideRow,
}

impl<'a> View<'a> {
    #[expect(clippy::too_many_arguments, reason = "everything a driver sees from one seat")]
    pub(super) fn new(
        road: &'a Road,
        jams: &'a Jams,
        jam_here: f64,
        body: &Body,
        lane: u32,
        slot: usize,
        to: u32,
        side: Side,
    ) -> Self {
        let index = |l: u32| road.facts.lane(l).index;
        let mut here = *road.guides.row(body.itinerary, body.leg, index(lane));
        let mut there = *road.guides.row(body.itinerary, body.leg, index(to));
        if let Some((stop_lane, position)) = stop_on_leg(road, body) {
            // Until the stop is served, its lane is the only good one.
            for (row, l) in [(&mut here, lane), (&mut there, to)] {
                row.offset = index(stop_lane) as i32 - index(l) as i32;
                if row.offset != 0 {
                    row.length = position;
                }
            }
        }
        let to_stop = stop_on_leg(road, body).map_or(f64::NEG_INFINITY, |(_, position)| position - body.pos);
        let gap = Gap::beside(road, body, to);
        let ring = road.guides.ring_ahead(body.itinerary, body.leg);
        here.length += ring;
        there.length += ring;
        let usable = here.length - body.pos;
        Self {
            road,
            jams,
            jam_here,
            lane,
            slot,
            to,
            side,
            gap,
            offset: here.offset,
            usable,
            ring,
            to_stop,
            here,
            there,
        }
    }

    /// Weighs the motives; moods build up in `mood`.
    pub(super) fn motive(&self, mood: &mut Body, asked: i8) -> Motive {
        let (road, kind, dt) = (self.road, self.road.kind(mood), self.road.dt);
        let step = self.side.step();
        // Between two lanes that are equally good, either direction leads to a best lane.
        let both_best = self.offset == 0 && self.there.offset == 0 && self.there.allowed;
        let towards_best = both_best || self.offset * step > 0;
        if mood.speed > mood.look_ahead_speed {
            mood.look_ahead_speed = mood.speed;
        } else {
            let memory = 1.0 - (1.0 - LOOK_AHEAD_MEMORY) * dt;
            mood.look_ahead_speed = memory * mood.look_ahead_speed + (1.0 - memory) * mood.speed;
        }
        let far = if self.side == Side::Left { LOOK_FORWARD_LEFT } else { LOOK_FORWARD };
        let leader = self.leader_here(mood);
        let mut look_ahead = mood.look_ahead_speed * far * kind.lc_strategic + 2.0 * kind.room();
        let standing = leader.filter(|l| l.standing);
        if let Some(lead) = standing.filter(|l| self.offset == 0 && l.gap < self.usable) {
            look_ahead = 0.5 * (kind.room() + road.kinds[lead.kind as usize].room() + lead.gap);
        }
        let (jam_here, jam_there) = (self.jam_here, self.jams.along(road, mood, self.to));
        let best_jam = if towards_best && self.offset.abs() <= 1 { jam_there } else { jam_here };
        let usable = (self.usable - best_jam).max(self.to_stop);
        let lanes_to_go = f64::from(self.offset.abs().max(1));
        if towards_best && !both_best && usable / lanes_to_go < look_ahead {
            return Motive::Urgent;
        }
        if !self.there.allowed {
            return Motive::Forbidden;
        }
        if let Some(lead) = standing.filter(|l| l.gap < STANDING_SEEN) {
            // Do not get stuck behind somebody who stands, if there is room to pass it and come back.
            let pass = lead.gap + kind.length + road.kinds[lead.kind as usize].room();
            let room = self.there.length.min(self.here.length) - mood.pos;
            if room > pass && self.gap.lead.is_none_or(|l| !l.standing || l.gap > pass) {
                return Motive::Urgent;
            }
        }
        let there_left = (self.there.length - mood.pos - jam_here.max(jam_there)).max(0.0);
        let offset = if both_best { 1 } else { self.offset.abs() };
        let no_way_back = !towards_best && there_left / f64::from(offset + 2) < look_ahead;
        let must_stay = self.offset == 0 && !both_best && 2.0 * there_left < look_ahead;
        let leads_elsewhere = self.offset == 0
            && !both_best
            && standing.is_none()
            && self.ring <= 0.0
            && !self.there.dead_end
            && self.there.length < TURN_LANE;
        if no_way_back || must_stay || leads_elsewhere {
            return Motive::Forbidden;
        }
        if i32::from(asked) == step * i32::from(LEAVE_LANE) {
            return Motive::Cooperative;
        }
        if self.ring > 0.0 {
            // The inner lane of a roundabout carries its share only if drivers take it on the way in and keep it.
            return if self.side == Side::Left { Motive::Cooperative } else { Motive::Forbidden };
        }
        let (here, there) = self.future_speeds(mood, leader);
        if i32::from(asked) == step && self.is_convenient(mood, here, there) {
            return Motive::Cooperative;
        }
        self.tactical(mood, here, there, towards_best && !both_best)
    }

    /// Whether helping somebody by going to this side costs little.
    fn is_convenient(&self, mood: &Body, here: f64, there: f64) -> bool {
        let kind = self.road.kind(mood);
        let reluctance = match self.side {
            Side::Right => mood.speed_gain / GAIN_RIGHT,
            Side::Left => -mood.speed_gain / GAIN_LEFT,
        };
        (here / there.max(EPS) - 1.0).max(reluctance).min(1.0) <= kind.lc_cooperative
    }

    /// The speeds to expect on this lane and on the other [m/s].
    fn future_speeds(&self, mood: &Body, leader: Option<Other>) -> (f64, f64) {
        let road = self.road;
        let accelerating = leader.is_some_and(|l| l.accel > 0.0) || self.gap.lead.is_some_and(|l| l.accel > 0.0);
        let here = self.future_speed(mood, leader, self.here.length, road.wished_speed(mood, self.lane), accelerating);
        let there =
            self.future_speed(mood, self.gap.lead, self.there.length, road.wished_speed(mood, self.to), accelerating);
        (here, there)
    }

    /// Speed, the duty to keep right, and an early change for the route that costs nothing.
    fn tactical(&self, mood: &mut Body, here: f64, there: f64, towards_best: bool) -> Motive {
        let (kind, dt) = (self.road.kind(mood), self.road.dt);
        let gain = (there - here) / there.max(GAIN_SPEED_MIN);
        let remain = self.there.length / mood.speed.max(0.1) > GAIN_REMAIN;
        match self.side {
            Side::Right => {
                if here - KEEP_RIGHT_SLACK > there {
                    if mood.speed_gain < 0.0 {
                        mood.speed_gain *= libm::pow(0.5, dt);
                    }
                } else {
                    if mood.speed_gain < 0.0 || gain > 0.0 {
                        mood.speed_gain -= dt * gain;
                    }
                    self.long_for_kerb(mood);
                    if mood.keep_right * kind.lc_keep_right < -GAIN_RIGHT {
                        return Motive::KeepRight;
                    }
                }
                if mood.speed_gain < -GAIN_RIGHT / kind.lc_speed_gain.max(EPS) && remain {
                    return Motive::SpeedGain;
                }
            }
            Side::Left => {
                if here > there {
                    if mood.speed_gain > 0.0 {
                        mood.speed_gain *= libm::pow(0.5, dt);
                    }
                } else if here >= there {
                    if mood.speed_gain > 0.0 {
                        mood.speed_gain *= libm::pow(0.8, dt);
                    }
                } else {
                    mood.speed_gain += dt * gain;
                }
                if mood.speed_gain > GAIN_LEFT / kind.lc_speed_gain.max(EPS) && gain > EPS && remain {
                    return Motive::SpeedGain;
                }
            }
        }
        let agrees = if self.side == Side::Right { mood.speed_gain < 0.0 } else { mood.speed_gain > 0.0 };
        if towards_best && gain >= 0.0 && agrees { Motive::Early } else { Motive::None }
    }

    /// Builds up the wish to return to the kerb side while it is free.
    fn long_for_kerb(&self, mood: &mut Body) {
        let (road, kind, dt) = (self.road, self.road.kind(mood), self.road.dt);
        let wished = road.wished_speed(mood, self.lane).max(EPS);
        let acceptance = 7.0 * (wished / road.facts.lane(self.lane).speed.max(EPS)) * mood.speed.max(1.0);
        let mut free = (self.there.length - brake_gap(wished, kind.decel, kind.tau, dt)).max(0.0);
        let mut seconds = acceptance.min(free / wished);
        if let Some(lead) = self.gap.lead
            && lead.speed < wished
        {
            let decel = road.kinds[lead.kind as usize].decel;
            free = free.min(lead.gap - kind.secure_gap(wished, lead.speed, decel, dt)).max(0.0);
            seconds = seconds.min(free / (wished - lead.speed));
        }
        mood.keep_right -= dt * GAIN_RIGHT * (seconds / acceptance) / KEEP_RIGHT_TIME;
    }

    /// Who is ahead on the present lane.
    fn leader_here(&self, mood: &Body) -> Option<Other> {
        let bodies = &self.road.lanes[self.lane as usize];
        let kind = self.road.kind(mood);
        match bodies.get(self.slot + 1) {
            Some(b) => {
                let gap = b.pos - self.road.kind(b).length - mood.pos - kind.gap_min;
                Some(Other::body(b, Some(self.slot + 1), gap))
            }
            None => lead_beyond(self.road, mood, self.lane),
        }
    }

    /// The speed to expect on a lane behind its leader, or before its end [m/s].
    fn future_speed(&self, mood: &Body, lead: Option<Other>, dist: f64, wished: f64, accelerating: bool) -> f64 {
        let (road, kind) = (self.road, self.road.kind(mood));
        let safe = match lead {
            Some(lead) => kind.follow_speed_safe(lead.gap, lead.speed, road.kinds[lead.kind as usize].decel, road.dt),
            None => stop_speed_max(dist, kind.decel, kind.tau, road.dt),
        };
        // While leaders are still accelerating, only the next second can be compared.
        let reachable = if accelerating { mood.speed + kind.accel } else { f64::INFINITY };
        safe.min(reachable).min(wished)
    }
}
