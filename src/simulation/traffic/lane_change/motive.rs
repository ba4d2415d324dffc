//! Why a driver would change to one side: the route, others, speed, or the duty to keep to the kerb side.

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::facts::NONE;
use crate::simulation::traffic::following::{EPS, stop_speed_max};
use crate::simulation::traffic::guide::GuideRow;
use crate::simulation::traffic::road::Road;

use super::gap::{Gap, Other, lead_beyond};
use super::{Motive, Side, stop_on_leg};

/// How many seconds ahead a driver plans changes for the route [s].
const LOOK_FORWARD: f64 = 10.0;
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

    /// Room taken up along the way that a lane leads, for up to three roads [m].
    fn along(&self, road: &Road, body: &Body, lane: u32) -> f64 {
        let mut total = self.by_lane[lane as usize];
        let (mut lane, mut leg) = (lane, body.leg);
        for _ in 0..3 {
            let row = road.guides.row(body.itinerary, leg, road.facts.lane(lane).index);
            if row.link == NONE {
                break;
            }
            lane = road.facts.link(row.link).to;
            leg += 1;
            total += self.by_lane[lane as usize];
        }
        total
    }
}

/// What a driver sees when thinking about one side.
pub(super) struct View<'a> {
    pub road: &'a Road,
    jams: &'a Jams,
    pub lane: u32,
    slot: usize,
    pub to: u32,
    pub side: Side,
    pub gap: Gap,
    /// Lanes to the best one: positive to the left.
    pub offset: i32,
    /// How far the present lane can be used, from the front [m].
    pub usable: f64,
    here: GuideRow,
    there: GuideRow,
}

impl<'a> View<'a> {
    pub(super) fn new(
        road: &'a Road,
        jams: &'a Jams,
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
        let gap = Gap::beside(road, body, to);
        Self { road, jams, lane, slot, to, side, gap, offset: here.offset, usable: here.length - body.pos, here, there }
    }

    /// Weighs the motives; moods build up in `mood`.
    pub(super) fn motive(&self, mood: &mut Body, asked: i8) -> Motive {
        let (road, kind) = (self.road, self.road.kind(mood));
        let step = self.side.step();
        let towards_best = self.offset * step > 0;
        if mood.speed > mood.look_ahead_speed {
            mood.look_ahead_speed = mood.speed;
        } else if self.side == Side::Right || road.facts.lane(self.lane).right == NONE {
            mood.look_ahead_speed = LOOK_AHEAD_MEMORY * mood.look_ahead_speed + (1.0 - LOOK_AHEAD_MEMORY) * mood.speed;
        }
        let look_ahead = mood.look_ahead_speed * LOOK_FORWARD * kind.lc_strategic + 2.0 * kind.room();
        let jam = self.jams.along(road, mood, self.lane).max(self.jams.along(road, mood, self.to));
        let usable = (self.usable - jam).max(0.0);
        let lanes_to_go = f64::from(self.offset.abs().max(1));
        if towards_best && usable / lanes_to_go < look_ahead {
            return Motive::Urgent;
        }
        let there_left = (self.there.length - mood.pos - jam).max(0.0);
        if !towards_best && self.there.offset != 0 {
            // Away from where the route needs the vehicle: only with room to come back.
            let back = f64::from(self.there.offset.abs() + 1);
            if (self.offset != 0 && there_left / back < look_ahead)
                || (self.offset == 0 && there_left < 2.0 * look_ahead)
            {
                return Motive::Forbidden;
            }
        }
        if !self.there.allowed {
            return Motive::Forbidden;
        }
        if asked != 0
            && (towards_best || there_left > 2.0 * look_ahead || self.there.offset == 0)
            && i32::from(asked) == step
        {
            return Motive::Cooperative;
        }
        let tactical = self.tactical(mood, there_left);
        if tactical == Motive::None && towards_best {
            let agrees = match self.side {
                Side::Right => mood.speed_gain < 0.0,
                Side::Left => mood.speed_gain > 0.0,
            };
            if agrees {
                return Motive::Early;
            }
        }
        tactical
    }

    /// Speed and the duty to keep right.
    fn tactical(&self, mood: &mut Body, there_left: f64) -> Motive {
        let (road, kind, dt) = (self.road, self.road.kind(mood), self.road.dt);
        let wished = road.wished_speed(mood, self.lane).max(road.wished_speed(mood, self.to));
        let here_lead = self.leader_here(mood);
        let here = self.future_speed(mood, here_lead, self.here.length - mood.pos, road.wished_speed(mood, self.lane));
        let there =
            self.future_speed(mood, self.gap.lead, self.there.length - mood.pos, road.wished_speed(mood, self.to));
        let gain = (there - here) / there.max(GAIN_SPEED_MIN);
        let remain = there_left / mood.speed.max(0.1) > GAIN_REMAIN || self.there.offset == 0;
        match self.side {
            Side::Right => {
                if here - KEEP_RIGHT_SLACK > there {
                    if mood.speed_gain < 0.0 {
                        mood.speed_gain *= libm::pow(0.5, dt);
                    }
                } else {
                    mood.speed_gain -= dt * gain;
                    self.long_for_kerb(mood, wished, there_left);
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
        Motive::None
    }

    /// Builds up the wish to return to the kerb side while it is free.
    fn long_for_kerb(&self, mood: &mut Body, wished: f64, there_left: f64) {
        let (road, kind, dt) = (self.road, self.road.kind(mood), self.road.dt);
        let limit = road.facts.lane(self.lane).speed.max(EPS);
        let acceptance = 7.0 * (wished / limit) * mood.speed.max(1.0);
        let mut free = (wished * acceptance).min(there_left).max(0.0);
        let mut seconds = acceptance.min(free / wished.max(EPS));
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
                Some(Other { slot: Some(self.slot + 1), gap, speed: b.speed, kind: b.kind, id: b.id })
            }
            None => lead_beyond(self.road, mood, self.lane),
        }
    }

    /// The speed to expect on a lane behind its leader, or before its end [m/s].
    fn future_speed(&self, mood: &Body, lead: Option<Other>, distance: f64, wished: f64) -> f64 {
        let (road, kind) = (self.road, self.road.kind(mood));
        let safe = match lead {
            Some(lead) => kind.follow_speed_safe(lead.gap, lead.speed, road.kinds[lead.kind as usize].decel, road.dt),
            None => stop_speed_max(distance, kind.decel, kind.tau, road.dt),
        };
        safe.min(wished)
    }
}
