//! Making room: what a driver who must change but cannot does to its own speed, and what it asks of whoever is in the way.
//!
//! The negotiation is Erdmann's (2014, "Lane-changing model in SUMO", section on cooperative behaviour): with the leader on the
//! other lane it is settled first whether to overtake it or to fall behind; with the follower then whether to cut in before it
//! or to be overtaken. Two drivers who want each other's lane leave room for one another before the lanes end. Speeds asked of
//! a driver are advice: what would take more than comfortable braking is ignored, not obeyed a little.

use crate::simulation::traffic::body::{Body, KindFacts};
use crate::simulation::traffic::facts::count;
use crate::simulation::traffic::following::{brake_gap, stop_speed_max};
use crate::simulation::traffic::road::Road;

use super::gap::{Blocked, Other, Place};
use super::motive::{Driver, Mood, Wish};
use super::{Side, WANTS_RIGHT, WANTS_URGENTLY};

/// Least gap worth leaving [m].
const POSITION_EPS: f64 = 0.1;
/// How much faster than the other somebody drives who overtakes [m/s].
pub(super) const HELP_OVERTAKE: f64 = 10.0 / 3.6;
/// A driver who falls behind a leader does so by at least this [m/s²].
const FALL_BEHIND_DECEL: f64 = 7.0 / 3.6;
/// A leader is assumed to slow down by at least this [m/s²].
const LEADER_DECEL: f64 = 1.0;
/// Part of the time left in which a needed change should happen.
const URGENCY: f64 = 2.0;
/// Room left for drivers not seen yet when more than one lane is to be crossed to the right, and to the left [m].
const UNSEEN: (f64, f64) = (20.0, 40.0);
/// Kept before the room left for somebody [m].
const ROOM_MARGIN: f64 = 1.0;
/// Below this speed nobody is overtaken on the kerb side for a change [m/s].
const FREE_FLOW: f64 = 60.0 / 3.6;
/// On lanes longer than this a driver who cuts in on the left asks faster ones to slow down [m] ...
const RAMP_LENGTH: f64 = 200.0;
/// ... or if it is this fast itself [m/s].
const CUT_IN_SPEED: f64 = 27.0;

/// What somebody is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Favour {
    pub place: Place,
    pub id: u32,
    /// Not to be faster than this next [m/s]; infinite for no such wish.
    pub speed: f64,
    /// Whether that holds however hard the braking.
    pub binding: bool,
    /// Or to go out of the way: lane steps.
    pub away: i8,
    /// To make haste.
    pub haste: bool,
}

impl Favour {
    fn of(other: &Other, speed: f64) -> Self {
        Self { place: other.place, id: other.id, speed, binding: false, away: 0, haste: false }
    }

    /// Does what is asked, as far as the driver goes along with it.
    pub(super) fn grant(&self, road: &Road, body: &mut Body) {
        let speed = if self.binding { self.speed } else { advice(body, road.kind(body), self.speed, road.dt) };
        body.lc_speed_max = body.lc_speed_max.min(speed);
        if self.away != 0 && road.kind(body).lc_cooperative > 0.0 {
            body.lc_asked = self.away;
        }
        if self.haste && body.lc_pace == 0 {
            body.lc_pace = 1;
        }
    }
}

/// The favours one driver asks for in one step.
#[derive(Debug, Default)]
pub(super) struct Favours(Vec<Favour>);

impl Favours {
    /// As many as a driver has time for: of a leader and a follower on either side, and of who must leave room.
    const MOST: usize = 6;

    fn ask(&mut self, favour: Favour) {
        if self.0.len() < Self::MOST {
            self.0.push(favour);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands them out to be granted.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Favour> + use<'_> {
        self.0.drain(..)
    }
}

/// What a driver makes of an advised speed [m/s]: infinite if it ignores it.
pub(super) fn advice(body: &Body, kind: &KindFacts, speed: f64, dt: f64) -> f64 {
    let weight = kind.lc_cooperative.clamp(0.0, 1.0);
    if weight <= 0.0 || speed < (body.speed - kind.decel * dt).max(0.0) {
        return f64::INFINITY;
    }
    speed * weight + (1.0 - weight) * body.speed.max(speed)
}

/// The speed that is safe behind a leader of a speed and a deceleration [m/s]. For planning a change only the model's own bound
/// counts, not the harder braking that a driver in distress would be capable of.
pub(super) fn follow_speed(kind: &KindFacts, speed: f64, gap: f64, leader: (f64, f64), dt: f64) -> f64 {
    kind.follow_speed_safe(gap, leader.0, leader.1, dt).min(kind.speed_next_max(speed, dt))
}

/// Somebody who needs a lane and cannot get onto it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needy {
    id: u32,
    /// Where its back is [m].
    back: f64,
    speed: f64,
    decel: f64,
    room: f64,
    /// Which sides it wants to go to.
    wants: u8,
    /// How far its own lane can be used [m].
    left: f64,
    place: Place,
}

impl Needy {
    pub(super) fn of(driver: &Driver<'_>, wish: &Wish, wants: u8) -> Self {
        Self {
            id: driver.body.id,
            back: driver.body.pos - driver.kind.length,
            speed: driver.body.speed,
            decel: driver.kind.decel,
            room: driver.kind.room(),
            wants,
            left: wish.left,
            place: Place::Here { index: count(driver.index), slot: count(driver.slot) },
        }
    }
}

/// Those who need another lane of the edge and are blocked, with that lane, from the front to the back of the edge.
#[derive(Debug, Default)]
pub(super) struct Stranded(Vec<(usize, Needy)>);

impl Stranded {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes that a driver needs a lane and is blocked.
    pub(super) fn note(&mut self, lane: usize, needy: Needy) {
        self.0.push((lane, needy));
    }

    /// Takes over what was noted meanwhile.
    pub(super) fn append(&mut self, others: &mut Self) {
        self.0.append(&mut others.0);
    }

    fn foremost(&self, lane: usize) -> Option<Needy> {
        self.0.iter().find(|(needed, _)| *needed == lane).map(|(_, needy)| *needy)
    }

    fn hindmost(&self, lane: usize) -> Option<Needy> {
        self.0.iter().rfind(|(needed, _)| *needed == lane).map(|(_, needy)| *needy)
    }
}

/// A driver who is slow anyway stays behind somebody who needs the lane, and so lets it in.
#[inline]
pub(super) fn let_in(driver: &Driver<'_>, mood: &mut Mood) {
    let (body, kind, dt) = (driver.body, driver.kind, driver.edge.road.dt);
    let stranded = driver.edge.stranded;
    if stranded.is_empty() || body.speed >= kind.decel {
        return;
    }
    let needy = [stranded.hindmost(driver.index), stranded.foremost(driver.index)];
    for needy in needy.into_iter().flatten() {
        let gap = needy.back - body.pos - kind.gap_min;
        if gap > POSITION_EPS {
            let speed = follow_speed(kind, body.speed, gap - POSITION_EPS, (needy.speed, needy.decel), dt);
            mood.bound = mood.bound.min(advice(body, kind, speed, dt));
        }
    }
}

/// The change is urgent, and blocked: adapts the driver's own speed and asks others for room.
pub(super) fn negotiate(
    driver: &Driver<'_>,
    wish: &Wish,
    follow: Option<&Other>,
    blocked: Blocked,
    mood: &mut Mood,
    favours: &mut Favours,
) {
    let (body, kind, dt) = (driver.body, driver.kind, driver.edge.road.dt);
    let reserved = leave_room(driver, wish, mood, favours);
    let lanes = f64::from(wish.offset.abs().max(1));
    let talk = Talk {
        driver,
        wish,
        left: wish.left - reserved,
        seconds: (wish.left / mood.look_ahead.max(0.001) / lanes / URGENCY).max(dt),
    };
    let own = talk.with_leader(blocked, mood, favours);
    if let Some(own) = own {
        talk.with_follower(follow, blocked, own, mood, favours);
    }
    if reserved > 0.0 {
        let room = wish.left - reserved - ROOM_MARGIN - kind.gap_min;
        if room > 0.0 {
            mood.bound = mood.bound.min(kind.stop_speed(body.speed, room, dt));
        }
    }
}

/// Room to leave at the lane's end for those who want to come the other way [m]; where there is none for them, they are asked
/// to leave it.
fn leave_room(driver: &Driver<'_>, wish: &Wish, mood: &mut Mood, favours: &mut Favours) -> f64 {
    let edge = driver.edge;
    let mut reserved = 0.0;
    if wish.towards_best && wish.offset.abs() > 1 {
        reserved = if wish.side == Side::Right { UNSEEN.0 } else { UNSEEN.1 };
    }
    let lead = wish.lead.and_then(|lead| match lead.place {
        Place::Here { index, slot } => {
            let other = &edge.lanes[index as usize][slot as usize];
            let row = edge.road.guides.row(other.itinerary, other.leg, index);
            let kind = edge.road.kind(other);
            let left = if other.lc_wants & WANTS_URGENTLY == 0 { 0.0 } else { row.length - other.pos };
            Some(Needy {
                id: other.id,
                back: other.pos - kind.length,
                speed: other.speed,
                decel: kind.decel,
                room: kind.room(),
                wants: other.lc_wants,
                left,
                place: lead.place,
            })
        }
        _ => None,
    });
    let first = edge.stranded.foremost(driver.index).filter(|f| lead.is_none_or(|l| l.id != f.id));
    for needy in [lead, first].into_iter().flatten() {
        if !save_for(driver, wish, &needy, &mut reserved, favours) {
            mood.dont_brake = wish.continues;
        }
    }
    reserved
}

/// Leaves room for one who comes the other way; false if neither can.
fn save_for(driver: &Driver<'_>, wish: &Wish, needy: &Needy, reserved: &mut f64, favours: &mut Favours) -> bool {
    let counter = if wish.side == Side::Right { super::WANTS_LEFT } else { WANTS_RIGHT };
    if needy.wants & counter == 0 {
        return true;
    }
    let (body, kind, dt) = (driver.body, driver.kind, driver.edge.road.dt);
    if needy.room <= wish.left - brake_gap(body.speed, kind.decel, 0.0, dt) {
        *reserved = reserved.max(needy.room);
        return true;
    }
    // Too late for this driver: the other is to leave room, if it can.
    let other_left = needy.left - brake_gap(needy.speed, needy.decel, dt, dt);
    if other_left >= kind.room() || needy.left > wish.left {
        let room = needy.left - kind.room() - ROOM_MARGIN - kind.gap_min;
        if room > 0.0 {
            let speed = kind.stop_speed(needy.speed, room, dt);
            let place = needy.place;
            favours.ask(Favour { place, id: needy.id, speed, binding: true, away: 0, haste: false });
        }
        return true;
    }
    if !wish.continues {
        *reserved = reserved.max(needy.room);
    }
    false
}

/// How far somebody gets who overtakes another and leaves it a safe gap [m].
fn overtake_distance(road: &Road, follower: (&KindFacts, f64), leader: (&KindFacts, f64), gap: f64) -> f64 {
    let secure = leader.0.secure_gap(leader.1, follower.1, follower.0.decel, road.dt);
    (gap + leader.0.room() + follower.0.length + secure).max(0.0)
}

/// A driver who needs a lane and those beside it.
struct Talk<'a> {
    driver: &'a Driver<'a>,
    wish: &'a Wish,
    /// Way left on this lane, without the room left for others [m].
    left: f64,
    /// Time in which the change should happen [s].
    seconds: f64,
}

impl Talk<'_> {
    fn advise(&self, mood: &mut Mood, speed: f64) {
        let driver = self.driver;
        mood.bound = mood.bound.min(advice(driver.body, driver.kind, speed, driver.edge.road.dt));
    }

    /// Falls behind the leader or overtakes it. Hands out the speed it plans with; none where it overtakes.
    fn with_leader(&self, blocked: Blocked, mood: &mut Mood, favours: &mut Favours) -> Option<f64> {
        let (body, kind, road) = (self.driver.body, self.driver.kind, self.driver.edge.road);
        let dt = road.dt;
        let stop = stop_speed_max(self.left, kind.decel, dt, dt);
        let planned = body.speed.min(stop).min(mood.bound);
        let Some(lead) = self.wish.lead else { return Some(planned) };
        let other = &road.kinds[lead.kind as usize];
        let next_speed = lead.speed - dt * LEADER_DECEL.max(-lead.accel);
        let next_gap = lead.gap + dt * (next_speed - planned);
        let slowest = (body.speed - kind.decel * dt).max(0.0);
        let target = slowest.max(follow_speed(kind, body.speed, next_gap, (next_speed.max(0.0), other.decel), dt));
        if !blocked.by_lead {
            // Stay far enough behind it while the follower is dealt with.
            self.advise(mood, target);
            return Some(planned.min(target));
        }
        let way = overtake_distance(road, (kind, body.speed), (other, lead.speed), lead.gap);
        let faster = planned - lead.speed;
        let cannot = faster <= 0.0
            || way / faster > self.seconds
            || (self.wish.side == Side::Left && body.speed >= FREE_FLOW)
            || self.left - brake_gap(body.speed, kind.decel, kind.tau, dt) < way;
        if !cannot || lead.standing {
            favours.ask(Favour { haste: true, ..Favour::of(&lead, lead.speed) });
            return None;
        }
        favours.ask(Favour { haste: true, ..Favour::of(&lead, f64::INFINITY) });
        if target < body.speed {
            let decel = ((body.speed - target) / self.seconds).max(FALL_BEHIND_DECEL).min(kind.decel);
            let next = planned.min((body.speed - decel * dt).max(0.0));
            self.advise(mood, next);
            return Some(next);
        }
        self.advise(mood, target);
        Some(planned)
    }

    /// Cuts in before the follower, with or without its help, or lets it pass.
    fn with_follower(
        &self,
        follow: Option<&Other>,
        blocked: Blocked,
        own: f64,
        mood: &mut Mood,
        favours: &mut Favours,
    ) {
        let (body, kind, road) = (self.driver.body, self.driver.kind, self.driver.edge.road);
        let Some(follow) = follow else { return };
        let (other, dt) = (&road.kinds[follow.kind as usize], road.dt);
        let safe = |least: f64| {
            let at = |gap: f64| least.max(follow_speed(other, follow.speed, gap, (own, kind.decel), dt));
            // Twice, since the way it drives itself takes from the gap.
            at(follow.gap + dt * (own - at(follow.gap + dt * own)))
        };
        if !blocked.by_follow {
            if blocked.by_lead {
                // Not in the way yet; it should stay so.
                favours.ask(Favour::of(follow, safe(0.0)));
            }
            return;
        }
        let away = if self.wish.side == Side::Left { 1 } else { -1 };
        let help = |speed: f64| Favour { away, ..Favour::of(follow, speed) };
        if own - follow.speed >= HELP_OVERTAKE {
            let needed = other.secure_gap(follow.speed, own, kind.decel, dt);
            if (needed - follow.gap) / self.seconds < own - follow.speed {
                // Fast enough without help, if the other does not race.
                return favours.ask(help(own - HELP_OVERTAKE));
            }
        }
        let slowed = (follow.speed - other.decel * dt).max(0.0);
        let slowed_1s = (follow.speed - other.decel).max(0.0);
        let difference = own - slowed_1s;
        let gap = follow.gap + difference;
        let needed = other.secure_gap(slowed_1s, own, kind.decel, dt);
        if gap > 0.0 && gap >= needed {
            return favours.ask(help(safe(slowed)));
        }
        if difference > 0.0 && difference * self.seconds > needed - gap + POSITION_EPS {
            return favours.ask(help(slowed));
        }
        if self.wish.side == Side::Right && follow.speed >= FREE_FLOW {
            // It may not overtake on the kerb side anyway.
            return favours.ask(help(slowed.max(HELP_OVERTAKE)));
        }
        let mut passing = follow.speed.max(body.speed + HELP_OVERTAKE);
        let slows_down = self.wish.side == Side::Right
            || own > CUT_IN_SPEED
            || road.facts.lane(self.driver.edge.first).length > RAMP_LENGTH;
        if follow.speed > body.speed && slows_down {
            // Those behind it will then be slow enough to help.
            passing = slowed.max(body.speed + HELP_OVERTAKE);
            if (follow.speed - body.speed) / other.decel < self.seconds {
                return favours.ask(help(passing));
            }
        }
        favours.ask(help(passing));
        let way = overtake_distance(road, (other, passing), (kind, own), follow.gap);
        self.advise(mood, (passing - way / self.seconds).max((body.speed - kind.decel * dt).max(0.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wish of somebody else's is no reason to brake hard; one that takes comfortable braking is granted.
    #[test]
    fn only_comfortable_advice_is_followed() {
        let kind = KindFacts { lc_cooperative: 1.0, ..KindFacts::block(5.0) };
        let mut body = Body::new(0, 0, 0, 1.0);
        body.speed = 10.0;
        assert!((advice(&body, &kind, 6.0, 1.0) - 6.0).abs() < 1e-12, "4 m/s² is comfortable");
        assert!(advice(&body, &kind, 5.0, 1.0).is_infinite(), "5 m/s² is not");
        let stubborn = KindFacts { lc_cooperative: 0.0, ..kind };
        assert!(advice(&body, &stubborn, 9.0, 1.0).is_infinite(), "this driver helps nobody");
    }

    /// The foremost of those who need a lane stays known while those behind it come to need it too.
    #[test]
    fn the_foremost_in_need_is_remembered() {
        let needy = Needy {
            id: 1,
            back: 50.0,
            speed: 0.0,
            decel: 4.5,
            room: 7.5,
            wants: WANTS_RIGHT,
            left: 20.0,
            place: Place::Elsewhere,
        };
        let mut stranded = Stranded::default();
        stranded.note(1, needy);
        stranded.note(0, Needy { id: 3, ..needy });
        stranded.note(1, Needy { id: 2, ..needy });
        stranded.note(0, Needy { id: 4, ..needy });
        let ends = |lane| (stranded.foremost(lane).map(|n| n.id), stranded.hindmost(lane).map(|n| n.id));
        assert_eq!((ends(1), ends(0), ends(2)), ((Some(1), Some(2)), (Some(3), Some(4)), (None, None)));
    }
}
