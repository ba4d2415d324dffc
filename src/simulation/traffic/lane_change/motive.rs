//! Why a driver would change to one side: the route, others, speed, or the duty to keep to the kerb side.
//!
//! Weighed in the order of what it costs to find out: the route first, which keeps most drivers where they are without a look at
//! the neighbouring lane.

use std::cell::OnceCell;

use crate::simulation::traffic::body::{Body, Halt, KindFacts};
use crate::simulation::traffic::following::{EPS, HALTING, brake_gap, least, most, stop_speed_max};
use crate::simulation::traffic::guide::{GuideRow, Onward};
use crate::simulation::traffic::road::Road;
use crate::simulation::traffic::siren::LEAVE_LANE;

use super::cooperate::{self, HELP_OVERTAKE};
use super::gap::Other;
use super::{Edge, Motive, Side, ring};

/// How many seconds ahead a driver plans changes for the route [s].
const LOOK_FORWARD: f64 = 10.0;
/// The same to the left, where faster lanes make changing harder [s].
const LOOK_FORWARD_LEFT: f64 = 20.0;
/// A standing vehicle is passed when it is nearer than this [m].
const STANDING_SEEN: f64 = 100.0;
/// A lane that leads elsewhere within this distance is a turn lane, not one to overtake on [m].
const TURN_LANE: f64 = 200.0;
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
/// From this speed on nobody overtakes on the kerb side [m/s].
const FREE_FLOW: f64 = 60.0 / 3.6;
/// On a road faster than this nobody leaves a lane that goes on for one that ends [m/s].
const MOTORWAY: f64 = 80.0 / 3.6;
/// How far ahead a driver foresees that it would overtake on the kerb side [s].
const OVERTAKE_SEEN: f64 = 8.0;
/// What a driver remembers of its moods.
const MOOD_GRAIN: f64 = 1e-5;

/// What changes in a driver while it thinks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mood {
    pub speed_gain: f64,
    pub keep_right: f64,
    /// The speed its look-ahead is made for [m/s].
    pub look_ahead: f64,
    /// Upper bound of its next speed [m/s].
    pub bound: f64,
    /// Which sides it wants to go to, see [`super::WANTS_RIGHT`].
    pub wants: u8,
    /// Whether it makes haste (1) or holds back a little (-1) for a change.
    pub pace: i8,
    /// Whether speeds asked of it in this step are void: it cannot leave room and has another way on.
    pub dont_brake: bool,
}

impl Mood {
    pub(super) fn of(body: &Body) -> Self {
        let grain = |x: f64| if x == 0.0 { x } else { ceiling(x / MOOD_GRAIN) * MOOD_GRAIN };
        Self {
            speed_gain: grain(body.speed_gain),
            keep_right: grain(body.keep_right),
            look_ahead: body.look_ahead_speed,
            bound: body.lc_speed_max,
            wants: 0,
            pace: body.lc_pace,
            dont_brake: false,
        }
    }
}

/// A driver at its turn.
pub(super) struct Driver<'a> {
    pub edge: &'a Edge<'a>,
    pub body: &'a Body,
    pub kind: &'a KindFacts,
    /// Its lane on the edge.
    pub index: usize,
    pub slot: usize,
    /// What its guide says from here on.
    pub way: Onward<'a>,
    pub leader: Option<Other>,
    /// Its next stop on this leg: lane and place [m].
    stop: Option<(u32, f64)>,
    /// What the guide says about its own lane.
    here: Outlook,
    /// How far ahead somebody beyond the lane's end matters [m]: to its braking distance.
    pub reach: f64,
    /// Room taken up ahead along its own lane [m], once it has looked: it does so for either side.
    jam: OnceCell<f64>,
}

/// What a driver wants of one side, and what there is to know about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    pub motive: Motive,
    /// The lane there.
    pub to: usize,
    pub side: Side,
    pub lead: Option<Other>,
    /// Lanes to the best one.
    pub offset: i32,
    /// Whether the change leads towards a better lane for the route.
    pub towards_best: bool,
    /// How far the present lane can be used, from the front [m].
    pub left: f64,
    /// Whether the present lane leads on at all.
    pub continues: bool,
}

/// What the guide says about a lane, given the stop on the edge and a roundabout.
#[derive(Clone, Copy)]
struct Outlook {
    /// How far it leads, from its start [m].
    length: f64,
    link: u32,
    /// Lanes to the best one.
    offset: i32,
    dead_end: bool,
}

/// Speeds that a driver compares [m/s].
#[derive(Clone, Copy)]
struct Speeds {
    /// On a free road.
    wished: f64,
    /// To be expected on its lane, and on the other.
    here: f64,
    there: f64,
}

/// Lanes and distances as one side is judged by.
struct Scale {
    here: Outlook,
    there: Outlook,
    both_best: bool,
    towards_best: bool,
    /// What a roundabout adds to both lengths [m].
    ring: f64,
    look_ahead: f64,
}

impl Outlook {
    fn new(road: &Road, row: &GuideRow, index: usize, stop: Option<(u32, f64)>) -> Self {
        let mut row =
            Self { length: row.length, link: row.link, offset: i32::from(row.offset), dead_end: row.dead_end };
        if let Some((lane, position)) = stop {
            // Until the stop is served, its lane is the only good one.
            row.offset = road.facts.lane(lane).index as i32 - index as i32;
            row.length = if row.offset == 0 { road.facts.lane(lane).length } else { position };
        }
        row
    }
}

impl<'a> Driver<'a> {
    /// The driver at a slot of lane `index`. It has not looked for its leader yet.
    #[inline]
    pub(super) fn new(edge: &'a Edge<'a>, index: usize, slot: usize) -> Self {
        let body = &edge.lanes[index][slot];
        let kind = edge.road.kind(body);
        let way = edge.road.guides.onward(body.itinerary, body.leg);
        let stop = stop_on_leg(edge.road, body);
        let here = Outlook::new(edge.road, way.row(0, index as u32), index, stop);
        let reach = brake_gap(body.speed, kind.decel, kind.tau, edge.road.dt) + kind.gap_min;
        let jam = OnceCell::new();
        Self { edge, body, kind, index, slot, way, leader: None, stop, here, reach, jam }
    }

    /// What the guide says about a lane of the edge, given the stop on it.
    fn outlook(&self, index: usize) -> Outlook {
        Outlook::new(self.edge.road, self.way.row(0, index as u32), index, self.stop)
    }

    fn wished(&self, index: usize) -> f64 {
        let limit = self.edge.road.facts.lane(self.edge.first + index as u32).speed;
        least(limit * self.body.speed_factor, self.kind.speed_max)
    }

    /// Room taken up ahead of the driver along a lane of the edge and its way on [m].
    fn jam(&self, index: usize) -> f64 {
        let edge = self.edge;
        let look = || edge.desks[index].ahead + edge.around.room_beyond(&self.way, index);
        if index == self.index { *self.jam.get_or_init(look) } else { look() }
    }

    /// Weighs the motives; moods build up in `mood`.
    pub(super) fn wish(&self, to: usize, side: Side, mood: &mut Mood, asked: i8) -> Wish {
        let scale = self.scale(to, side, mood);
        let step = side.step();
        let mut wish = Wish {
            motive: Motive::None,
            to,
            side,
            lead: None,
            offset: if scale.both_best { step } else { scale.here.offset },
            towards_best: scale.towards_best,
            left: scale.here.length - self.body.pos,
            continues: scale.here.link != crate::simulation::traffic::facts::NONE,
        };
        wish.motive = self.strategic(&mut wish, &scale);
        if wish.motive != Motive::None {
            return wish;
        }
        wish.lead = self.edge.lead(self, to);
        if i32::from(asked) == step * i32::from(LEAVE_LANE) {
            wish.motive = Motive::LeaveLane;
            return wish;
        }
        let overtaken = self.keep_behind(&wish, mood);
        if self.passes_standing(&mut wish, &scale) {
            return wish;
        }
        wish.motive = self.tactical(&wish, &scale, mood, asked, overtaken);
        wish
    }

    fn scale(&self, to: usize, side: Side, mood: &mut Mood) -> Scale {
        let (body, kind, dt) = (self.body, self.kind, self.edge.road.dt);
        let (mut here, mut there) = (self.here, self.outlook(to));
        let both_best = here.offset == 0 && there.offset == 0;
        let towards_best = both_best || here.offset * side.step() > 0;
        if body.speed > mood.look_ahead {
            mood.look_ahead = body.speed;
        } else {
            let memory = 1.0 - (1.0 - LOOK_AHEAD_MEMORY) * dt;
            mood.look_ahead = memory * mood.look_ahead + (1.0 - memory) * body.speed;
        }
        let far = if side == Side::Left { LOOK_FORWARD_LEFT } else { LOOK_FORWARD };
        let mut look_ahead = mood.look_ahead * far * kind.lc_strategic + 2.0 * kind.room();
        if let Some(lead) = self.leader.as_ref().filter(|l| l.standing)
            && here.offset == 0
            && !both_best
            && lead.gap < here.length - body.pos
        {
            look_ahead = 0.5 * (kind.room() + self.edge.road.kinds[lead.kind as usize].room() + lead.gap);
        }
        let ring = if self.way.ring_near() {
            let best = if both_best { to as i32 } else { self.index as i32 + here.offset };
            ring::bonus(self, self.index.max(to), usize::try_from(best).unwrap_or(0))
        } else {
            0.0
        };
        here.length += ring;
        there.length += ring;
        Scale { here, there, both_best, towards_best, ring, look_ahead }
    }

    /// What the route says: change now, stay, or nothing.
    fn strategic(&self, wish: &mut Wish, scale: &Scale) -> Motive {
        let pos = self.body.pos;
        let Scale { here, there, both_best, towards_best, ring, mut look_ahead } = *scale;
        let lanes = f64::from(here.offset.abs().max(1));
        if towards_best && !both_best {
            wish.lead = self.edge.lead(self, wish.to);
            if here.offset == wish.side.step()
                && let Some(lead) = wish.lead.filter(|l| l.standing && l.gap < here.length - pos)
            {
                look_ahead = self.kind.room() + self.edge.road.kinds[lead.kind as usize].room() + lead.gap;
            }
            let to_stop = self.stop.map_or(f64::NEG_INFINITY, |(_, place)| place - pos);
            let usable = |jam: f64| most(here.length - pos - jam, to_stop) / lanes;
            let best = usize::try_from(self.index as i32 + here.offset).unwrap_or(0);
            // How full the lanes are is looked at only where it decides.
            let soon = usable(0.0) < look_ahead || usable(self.jam(best.min(self.edge.lanes.len() - 1))) < look_ahead;
            return if soon { Motive::Urgent } else { Motive::None };
        }
        if both_best {
            return Motive::None;
        }
        if self.leader.as_ref().is_some_and(|l| l.standing && l.gap < STANDING_SEEN) {
            wish.lead = self.edge.lead(self, wish.to);
            let mut pass = *wish;
            if self.passes_standing(&mut pass, scale) {
                *wish = pass;
                return Motive::Urgent;
            }
        }
        let too_short = |jam: f64| {
            let left = most(there.length - pos - jam, 0.0);
            left / f64::from(here.offset.abs() + 2) < look_ahead || here.offset == 0 && 2.0 * left < look_ahead
        };
        let leads_elsewhere = here.offset == 0
            && self.leader.as_ref().is_none_or(|l| !l.standing)
            && ring <= 0.0
            && !there.dead_end
            && there.length < TURN_LANE;
        if leads_elsewhere || too_short(0.0) || too_short(self.jam(self.index)) || too_short(self.jam(wish.to)) {
            return Motive::Stay;
        }
        Motive::None
    }

    /// Do not get stuck behind somebody who stands, if there is room to pass it and come back.
    fn passes_standing(&self, wish: &mut Wish, scale: &Scale) -> bool {
        let Some(lead) = self.leader.as_ref().filter(|l| l.standing && l.gap < STANDING_SEEN) else { return false };
        let pass = lead.gap + self.kind.length + self.edge.road.kinds[lead.kind as usize].room();
        let room = scale.there.length.min(scale.here.length) - self.body.pos;
        let on_kerb_side = wish.side == Side::Right && self.body.speed >= FREE_FLOW;
        if room > pass && !on_kerb_side && wish.lead.as_ref().is_none_or(|l| !l.standing || l.gap > pass) {
            wish.motive = Motive::Urgent;
            wish.left = lead.gap;
            return true;
        }
        false
    }

    /// In free flow nobody overtakes on the kerb side: the driver stays behind whoever is slower on the left, or goes there
    /// itself. Hands out the speed it keeps to [m/s] and whether it should go [`Wish::side`]'s way.
    fn keep_behind(&self, wish: &Wish, mood: &mut Mood) -> (f64, bool) {
        let (road, body, kind) = (self.edge.road, self.body, self.kind);
        let none = (f64::INFINITY, false);
        let Some(lead) =
            wish.lead.as_ref().filter(|_| wish.side == Side::Left && body.speed >= FREE_FLOW && !body.siren)
        else {
            return none;
        };
        let limit = road.facts.lane(self.edge.first + wish.to as u32).speed;
        let wished = self.wished(self.index);
        let slower = (wished - lead.wished(road, limit)).max(body.speed - lead.speed);
        if slower <= 0.0 {
            return none;
        }
        let decel = road.kinds[lead.kind as usize].decel;
        let follow = |gap: f64| cooperate::follow_speed(kind, body.speed, gap, (lead.speed, decel), road.dt);
        let hardest = (body.speed - kind.decel * road.dt).max(0.0);
        let mut safe = follow(lead.gap);
        if safe < hardest {
            safe = hardest.max(lead.speed - HELP_OVERTAKE);
        }
        if mood.speed_gain * kind.lc_speed_gain < GAIN_LEFT {
            safe = safe.max(lead.speed);
        }
        mood.bound = mood.bound.min(cooperate::advice(body, kind, safe, road.dt));
        let soon = follow(lead.gap - OVERTAKE_SEEN * slower) < safe;
        if soon {
            mood.speed_gain += road.dt * slower / wished.max(GAIN_SPEED_MIN);
        }
        (safe, soon)
    }

    /// Others, speed, the duty to keep right, and an early change for the route that costs nothing.
    fn tactical(&self, wish: &Wish, scale: &Scale, mood: &mut Mood, asked: i8, overtaken: (f64, bool)) -> Motive {
        let (body, kind, road) = (self.body, self.kind, self.edge.road);
        let accelerating =
            self.leader.as_ref().is_some_and(|l| l.accel > 0.0) || wish.lead.as_ref().is_some_and(|l| l.accel > 0.0);
        let (wished, wished_there) = (self.wished(self.index), self.wished(wish.to));
        let here = self.future_speed(self.leader.as_ref(), scale.here.length, wished, accelerating);
        let here = least(here, overtaken.0);
        let there = self.future_speed(wish.lead.as_ref(), scale.there.length, wished_there, accelerating);
        let step = wish.side.step();
        if scale.ring > 0.0 {
            // The inner lane of a roundabout carries its share only if drivers take it on the way in and keep it.
            return if wish.side == Side::Left { Motive::Cooperative } else { Motive::Stay };
        }
        if wish.side == Side::Right
            && scale.here.offset == 0
            && !scale.both_best
            && road.facts.lane(self.edge.first + self.index as u32).speed > MOTORWAY
            && mood.look_ahead > HALTING
        {
            return Motive::Stay;
        }
        if i32::from(asked) == step
            && self.is_convenient(wish.side, mood, here, there)
            && (scale.towards_best || scale.there.length / f64::from(wish.offset.abs() + 1) > scale.look_ahead)
        {
            return Motive::Help;
        }
        let gain = (there - here) / most(there, GAIN_SPEED_MIN);
        let remain = || scale.there.length / most(body.speed, 0.1) > GAIN_REMAIN;
        let eagerness = most(kind.lc_speed_gain, EPS);
        match wish.side {
            Side::Right => {
                if self.wants_kerb(wish, scale, mood, Speeds { wished, here, there }, gain) {
                    return Motive::KeepRight;
                }
                if mood.speed_gain < 0.0 && mood.speed_gain < -GAIN_RIGHT / eagerness && remain() {
                    return Motive::SpeedGain;
                }
            }
            Side::Left => {
                fade_or_grow(mood, here, there, gain, road.dt);
                if (gain > EPS || overtaken.1) && mood.speed_gain > GAIN_LEFT / eagerness && remain() {
                    return Motive::SpeedGain;
                }
            }
        }
        let agrees = if wish.side == Side::Right { mood.speed_gain < 0.0 } else { mood.speed_gain > 0.0 };
        let towards = scale.towards_best && !scale.both_best && kind.lc_strategic >= 0.0;
        if towards && gain >= 0.0 && agrees { Motive::Early } else { Motive::None }
    }

    /// Whether helping somebody by going to a side costs little.
    fn is_convenient(&self, side: Side, mood: &Mood, here: f64, there: f64) -> bool {
        let reluctance = match side {
            Side::Right => mood.speed_gain / GAIN_RIGHT,
            Side::Left => -mood.speed_gain / GAIN_LEFT,
        } * self.kind.lc_speed_gain;
        (here / there.max(EPS) - 1.0).max(reluctance).min(1.0) <= self.kind.lc_cooperative
    }

    /// Builds up the wish to return to the kerb side while it is free, and the gain in speed there.
    fn wants_kerb(&self, wish: &Wish, scale: &Scale, mood: &mut Mood, speeds: Speeds, gain: f64) -> bool {
        let (road, kind, dt) = (self.edge.road, self.kind, self.edge.road.dt);
        if speeds.here - KEEP_RIGHT_SLACK > speeds.there {
            if mood.speed_gain < 0.0 {
                mood.speed_gain *= libm::pow(0.5, dt);
            }
            return false;
        }
        if mood.speed_gain < 0.0 || gain > 0.0 {
            mood.speed_gain -= dt * gain;
        }
        let wished = most(speeds.wished, EPS);
        let limit = most(road.facts.lane(self.edge.first + self.index as u32).speed, EPS);
        let acceptance = 7.0 * (wished / limit) * most(self.body.speed, 1.0);
        let mut free = most(scale.there.length - brake_gap(wished, kind.decel, kind.tau, dt), 0.0);
        let mut seconds = least(acceptance, free / wished);
        if let Some(lead) = &wish.lead
            && lead.speed < wished
        {
            let decel = road.kinds[lead.kind as usize].decel;
            free = most(least(free, lead.gap - kind.secure_gap(wished, lead.speed, decel, dt)), 0.0);
            seconds = least(seconds, free / (wished - lead.speed));
        }
        if let Some(lead) = self.leader.as_ref().filter(|_| self.body.speed >= FREE_FLOW && !self.body.siren)
            && lead.wished(road, limit) < wished
        {
            // It could not overtake a slower leader from there.
            free = free.min(lead.gap);
            if wished > lead.speed {
                seconds = seconds.min(free / (wished - lead.speed));
            }
            mood.speed_gain += dt * (wished - lead.wished(road, limit)) / wished.max(GAIN_SPEED_MIN);
        }
        mood.keep_right -= dt * GAIN_RIGHT * (seconds / acceptance) / KEEP_RIGHT_TIME;
        mood.keep_right * kind.lc_keep_right < -GAIN_RIGHT
    }

    /// The speed to expect on a lane behind its leader, or before its end [m/s].
    fn future_speed(&self, lead: Option<&Other>, dist: f64, wished: f64, accelerating: bool) -> f64 {
        let (road, body, kind) = (self.edge.road, self.body, self.kind);
        let gap = lead.map_or(dist, |l| l.gap);
        // While leaders are still accelerating, only the next second can be compared.
        let reachable = if accelerating { least(body.speed + kind.accel, wished) } else { wished };
        if gap - 1.0 > reachable * (kind.tau + road.dt) + 0.5 * reachable * reachable / kind.decel {
            return reachable;
        }
        let safe = match lead {
            Some(lead) => {
                let decel = road.kinds[lead.kind as usize].decel;
                if accelerating {
                    cooperate::follow_speed(kind, body.speed, gap, (lead.speed, decel), road.dt)
                } else {
                    kind.follow_speed_safe(gap, lead.speed, decel, road.dt)
                }
            }
            None => stop_speed_max(dist, kind.decel, kind.tau, road.dt),
        };
        least(safe, reachable)
    }
}

/// Whether the next planned stop is on this leg, and how far along it: changes must not carry a bus past it.
fn stop_on_leg(road: &Road, body: &Body) -> Option<(u32, f64)> {
    if body.halt != Halt::Ahead {
        return None;
    }
    let stop = road.guides.stops(body.id).get(body.next_stop as usize)?;
    (stop.leg == body.leg).then_some((stop.lane, stop.position))
}

/// `f64::ceil`, which is a call without SSE 4.1, of a number that is far from 2^63.
fn ceiling(x: f64) -> f64 {
    let towards_zero = x as i64 as f64;
    let whole = if towards_zero < x { towards_zero + 1.0 } else { towards_zero };
    whole.copysign(x)
}

/// The gain in speed on the left fades while this lane is as good, and grows while it is not.
fn fade_or_grow(mood: &mut Mood, here: f64, there: f64, gain: f64, dt: f64) {
    if here < there {
        mood.speed_gain += dt * gain;
    } else if mood.speed_gain > 0.0 {
        mood.speed_gain *= libm::pow(if here > there { 0.5 } else { 0.8 }, dt);
    }
}
