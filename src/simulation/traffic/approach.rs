//! Who is about to pass which link and when, and whether a link is open to a driver who must yield.
//!
//! Every driver announces the links ahead with times of arrival and leaving; the table is filled after planning and read when
//! decisions are made, so everybody decides on the same announcements. The rule for a conflict follows SUMO's link model
//! (Krajzewicz, Erdmann 2013, "Road intersection model in SUMO"): a gap is accepted if the two occupations of the conflict area
//! are a look-ahead apart, or, when merging, if the one behind can adapt.

use super::body::KindFacts;
use super::facts::RoadFacts;
use super::grouped::Grouped;
use super::heads::{Heads, LinkState};

/// Least time between a driver and the one it yields to [s].
const TIME_GAP: f64 = 1.0;
/// The same where lanes zip: who is within it has to be talked to [s].
const TIME_GAP_ZIPPER: f64 = 16.0;

/// The longest circle of drivers waiting for each other that is noticed.
const CIRCLE_MAX: usize = 16;

/// An announcement: a vehicle will reach a link.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Approach {
    /// Who.
    pub vehicle: u32,
    /// When it will reach the link [s].
    pub arrival: f64,
    /// When its back will have left the junction path [s].
    pub leave: f64,
    /// Speed when leaving the path [m/s].
    pub leave_speed: f64,
    /// Speed at the link if it started to brake now [m/s].
    pub arrival_speed_braking: f64,
    /// How far it still is [m].
    pub distance: f64,
    /// Speed now [m/s].
    pub speed: f64,
    /// How hard it can brake comfortably [m/s²].
    pub decel: f64,
    /// How long it has been waiting [s].
    pub waiting: f64,
    /// Whether it means to pass.
    pub will_pass: bool,
    /// Whether it drives with blue light and siren.
    pub siren: bool,
    /// Its type.
    pub kind: u32,
    /// How fast its driver wishes to go, as a multiple of the limit; single, because that fits into what is left of the record.
    pub speed_factor: f32,
}

/// The announcements at every link.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Approaches {
    at: Grouped<Approach>,
    /// Announcements to come with the next [`Self::publish`], behind everybody else's.
    late: Vec<(u32, Approach)>,
    /// Links at which somebody with siren has announced itself.
    sirens: Vec<u32>,
}

impl Approaches {
    pub(crate) fn new(links: usize) -> Self {
        Self { at: Grouped::new(links), late: Vec::new(), sirens: Vec::new() }
    }

    /// Whether it has as many links as another; for what comes from outside.
    pub(crate) fn fits(&self, like: &Self) -> bool {
        let known = |&link: &u32| like.at.knows(link);
        self.at.fits(&like.at) && self.late.iter().all(|(link, _)| known(link)) && self.sirens.iter().all(known)
    }

    /// Takes an announcement; it is heard from the next [`Self::publish`] on.
    pub(crate) fn announce(&mut self, link: u32, approach: Approach) {
        self.late.push((link, approach));
    }

    /// Forgets all older announcements and lets everybody hear those of the sources, in their order, and then the single ones.
    /// `loud` tells whether anybody among the sources drives with siren.
    pub(crate) fn publish<'a>(
        &mut self,
        loud: bool,
        sources: impl DoubleEndedIterator<Item = &'a [(u32, Approach)]> + Clone,
    ) {
        let Self { at, late, sirens } = self;
        let single: &[(u32, Approach)] = late;
        #[expect(clippy::map_identity, reason = "shortens the sources' lifetime to that of the single ones")]
        let all = sources.map(|source| source).chain(std::iter::once(single));
        sirens.clear();
        if loud || !late.is_empty() {
            for &(link, _) in all.clone().flatten().filter(|(_, approach)| approach.siren) {
                if !sirens.contains(&link) {
                    sirens.push(link);
                }
            }
        }
        at.refill(all);
        late.clear();
    }

    /// Everybody who announced themselves at a link.
    #[inline]
    pub(crate) fn at(&self, link: u32) -> &[Approach] {
        &self.at[link as usize]
    }

    /// Links at which somebody with siren has announced itself.
    #[inline]
    pub(crate) fn sirens(&self) -> &[u32] {
        &self.sirens
    }

    /// Whether a vehicle means to pass a link; none where it has not announced itself.
    pub(crate) fn will_pass(&self, link: u32, vehicle: u32) -> Option<bool> {
        self.at(link).iter().find(|a| a.vehicle == vehicle).map(|a| a.will_pass)
    }
}

/// Who asks to pass a link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub vehicle: u32,
    pub link: u32,
    pub arrival: f64,
    pub arrival_speed: f64,
    pub leave_speed: f64,
    pub waiting: f64,
    pub impatience: f64,
    pub kind: &'a KindFacts,
    /// The present step [s].
    pub now: f64,
    pub dt: f64,
    /// With blue light and siren, how far from the link [m].
    pub siren: Option<f64>,
}

/// When the back of a vehicle has left the path behind a link [s].
pub(crate) fn leave_time(arrival: f64, arrival_speed: f64, leave_speed: f64, path: f64, vehicle_length: f64) -> f64 {
    arrival + (path + vehicle_length) / (0.5 * (arrival_speed + leave_speed)).max(0.001)
}

/// Whether the driver may pass.
pub(crate) fn is_open(facts: &RoadFacts, heads: &Heads, approaches: &Approaches, ask: &Request<'_>) -> bool {
    let state = heads.state(ask.link);
    if let Some(distance) = ask.siren {
        return is_open_to_siren(facts, heads, approaches, ask, distance);
    }
    if state.is_red() {
        return false;
    }
    let link = facts.link(ask.link);
    if link.may_wait_inside {
        return true;
    }
    let entry_state = heads.state(link.entry);
    let inner = link.from_internal && link.entry != ask.link;
    if state == LinkState::Priority || (inner && facts.link(link.entry).signalled && entry_state.has_priority()) {
        return true;
    }
    if matches!(state, LinkState::Stop | LinkState::AllwayStop) && ask.waiting <= 0.0 {
        return false;
    }
    let leave = leave_time(ask.arrival, ask.arrival_speed, ask.leave_speed, link.length, ask.kind.length);
    let entered_on_red = inner && entry_state.is_red();
    facts.yields(link).iter().all(|&foe_link| {
        let merges = facts.link(foe_link).to == link.to;
        approaches.at(foe_link).iter().all(|foe| {
            foe.vehicle == ask.vehicle
                || (entered_on_red && foe.speed <= super::following::HALTING)
                || !is_blocked_by(ask, leave, foe, merges, state)
        })
    })
}

/// Whether a vehicle with siren may pass: on a red light too, once nobody is coming who cannot let it pass any more.
#[cold]
fn is_open_to_siren(
    facts: &RoadFacts,
    heads: &Heads,
    approaches: &Approaches,
    ask: &Request<'_>,
    distance: f64,
) -> bool {
    let (state, link) = (heads.state(ask.link), facts.link(ask.link));
    let inner = link.from_internal && link.entry != ask.link;
    if state.has_priority() || (inner && heads.state(link.entry).has_priority()) {
        return true;
    }
    let leave = leave_time(ask.arrival, ask.arrival_speed, ask.leave_speed, link.length, ask.kind.length);
    let lets_pass = |foe_link: u32| {
        let merges = facts.link(foe_link).to == link.to;
        approaches.at(foe_link).iter().all(|foe| {
            foe.vehicle == ask.vehicle
                || super::siren::gives_way(foe, distance, ask.dt)
                // Of two with siren, the lower number goes first.
                || (foe.siren && ask.vehicle < foe.vehicle)
                || !is_blocked_by(ask, leave, foe, merges, state)
        })
    };
    facts.yields(link).iter().all(|&foe| lets_pass(foe)) && super::siren::crossing_entries(facts, link).all(lets_pass)
}

/// Whether one announced vehicle blocks the driver.
pub(crate) fn is_blocked_by(ask: &Request<'_>, leave: f64, foe: &Approach, merges: bool, state: LinkState) -> bool {
    if !foe.will_pass {
        return false;
    }
    if state == LinkState::AllwayStop
        && (ask.waiting, -ask.arrival, foe.vehicle) > (foe.waiting, -foe.arrival, ask.vehicle)
    {
        // First come, first served; of two at once the lower number.
        return false;
    }
    let mut foe_arrival = foe.arrival;
    let mut foe_braking = foe.arrival_speed_braking;
    if ask.impatience > 0.0 && ask.arrival < foe.arrival {
        // An impatient driver counts on the other one to brake.
        let (late, speed) = arrival_when_braking(ask, foe);
        foe_braking = speed.unwrap_or(foe_braking);
        foe_arrival = (1.0 - ask.impatience) * foe.arrival + ask.impatience * late;
    }
    let gap = if state == LinkState::Zipper { TIME_GAP_ZIPPER } else { TIME_GAP };
    if foe.leave < ask.arrival {
        // The driver would follow.
        merges
            && (ask.arrival - foe.leave < gap
                || unsafe_merge(foe.leave_speed, ask.arrival_speed, foe.decel, ask.kind.decel))
    } else if foe_arrival > leave + gap {
        // The driver would lead.
        merges && unsafe_merge(ask.leave_speed, foe_braking, ask.kind.decel, foe.decel)
    } else {
        true
    }
}

/// Whether those who yield to each other at a junction stand in a circle that begins and ends at `link`, all for
/// at least `waited` seconds.
pub(crate) fn is_deadlocked(facts: &RoadFacts, approaches: &Approaches, link: u32, waited: f64) -> bool {
    let own = facts.link(link);
    let mut at = own;
    for _ in 0..CIRCLE_MAX {
        let (mut nearest, mut next) = (f64::INFINITY, None);
        for &foe_link in facts.yields(at) {
            let announced = approaches.at(foe_link);
            if !announced.is_empty() && facts.link(foe_link).from == own.from {
                return true;
            }
            for foe in announced {
                if foe.distance < nearest {
                    nearest = foe.distance;
                    // Whoever is nearest and lets the others go has already broken the circle.
                    next = if foe.will_pass && foe.waiting >= waited { Some(foe_link) } else { next };
                }
            }
        }
        let Some(next) = next else { return false };
        at = facts.link(next);
    }
    false
}

/// Whether the follower could only just or not at all stop behind the leader's standstill, starting from the same place.
fn unsafe_merge(leader_speed: f64, follower_speed: f64, leader_decel: f64, follower_decel: f64) -> bool {
    let leader_way = leader_speed * leader_speed / (2.0 * leader_decel);
    let follower_way = follower_speed * follower_speed / (2.0 * follower_decel);
    follower_way >= leader_way
}

/// When the other one arrives, and how fast, if it brakes from the driver's arrival on, by as much of its comfortable
/// deceleration as the driver is impatient [s], [m/s].
fn arrival_when_braking(ask: &Request<'_>, foe: &Approach) -> (f64, Option<f64>) {
    let step = |t: f64| (t / ask.dt).floor();
    if step(ask.arrival) == step(foe.arrival) {
        return (foe.arrival, None);
    }
    // Nobody sees the driver move before the end of the step in which it arrives; less than a thousandth counts as on time.
    let seen = (ask.arrival / ask.dt - 0.001).ceil() * ask.dt;
    let braking = foe.decel * ask.impatience;
    let time = foe.arrival - seen;
    let lost = time * braking;
    let speed = foe.distance / (foe.arrival - ask.now).max(0.001);
    // The step at hand is driven before anybody can brake for the driver.
    let left = foe.distance - speed * (seen - ask.now - ask.dt);
    if 0.5 * speed * speed / braking <= left {
        // It can stop altogether: as good as half a minute later.
        return (foe.arrival + 30.0, Some(0.0));
    }
    let saved = time * lost / 2.0;
    let root = (4.0 * (speed - lost) * (speed - lost) - 8.0 * braking * saved).max(0.0).sqrt();
    let extra = (speed - lost - 0.5 * root) / braking;
    (foe.arrival + extra.max(0.0), Some((speed - (time + extra) * braking).max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approach(vehicle: u32, arrival: f64, distance: f64) -> Approach {
        Approach {
            vehicle,
            arrival,
            leave: arrival + 2.0,
            leave_speed: 10.0,
            arrival_speed_braking: 0.0,
            distance,
            speed: 10.0,
            decel: 4.5,
            waiting: 3.0,
            will_pass: true,
            siren: false,
            kind: 0,
            speed_factor: 1.0,
        }
    }

    fn request(kind: &KindFacts, vehicle: u32, arrival: f64, impatience: f64) -> Request<'_> {
        Request {
            vehicle,
            link: 0,
            arrival,
            arrival_speed: 2.7,
            leave_speed: 8.0,
            waiting: 3.0,
            impatience,
            kind,
            now: 100.0,
            dt: 1.0,
            siren: None,
        }
    }

    /// Two who came to an all-way stop at the same moment must not wait for each other for ever.
    #[test]
    fn of_two_at_once_exactly_one_goes_first() {
        let kind = KindFacts::block(5.0);
        let blocked = |own, other| {
            let ask = request(&kind, own, 101.0, 0.0);
            is_blocked_by(&ask, 104.0, &approach(other, 101.0, 0.1), false, LinkState::AllwayStop)
        };
        assert!(!blocked(1, 2) && blocked(2, 1));
    }

    /// An impatient driver counts on the others to brake, but only as hard as it is impatient, and only once they can see it.
    #[test]
    fn impatience_gains_time_only_against_those_far_away() {
        let kind = KindFacts::block(5.0);
        for (impatience, distance, expected) in
            [(0.5, 100.0, true), (0.1, 60.0, false), (0.3, 30.0, false), (1.0, 60.0, true)]
        {
            let ask = request(&kind, 1, 101.04, impatience);
            let foe = approach(2, 100.0 + distance / 10.0, distance);
            let (late, _) = arrival_when_braking(&ask, &foe);
            assert_eq!(late >= foe.arrival + 30.0, expected, "impatience {impatience}, {distance} m away: {late}");
            assert!(late >= foe.arrival);
        }
    }
}
