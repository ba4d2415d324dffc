//! Vehicles on crossing paths inside a junction as leaders: who has to let whom go first, and how far one may advance.
//!
//! Consulted for every internal lane ahead of a driver. A foe on a conflicting path counts as a leader at the distance at
//! which both would meet, unless the driver was there first or the foe waits for it.

use super::body::KindFacts;
use super::facts::{ConflictFacts, LaneFacts, LinkFacts, NONE};
use super::following::{HALTING, least};
use super::heads::LinkState;
use super::item::PlanItem;
use super::plan::{BLOCKAGE_TIME, Look, blocks_requests};

/// Slack behind a driver's length for the angle at which paths meet [m].
const POSITION_EPS: f64 = 0.1;

/// Everything about a foe that matters here, whether its front or only its tail is on the lane.
#[derive(Debug, Clone, Copy)]
struct Foe<'a> {
    id: u32,
    kind: &'a KindFacts,
    /// Where its back is on the conflicting lane [m].
    back: f64,
    speed: f64,
    waiting: f64,
    standing: bool,
    front_here: bool,
    /// The lane before the one its front is on, or [`NONE`] on a road.
    front_before: u32,
    entered_junction: f64,
    entered_first: f64,
    entered_conflict: f64,
}

/// How one conflict lies before the driver.
struct Meeting<'a> {
    conflict: &'a ConflictFacts,
    foe_lane: &'a LaneFacts,
    /// From the driver's front to the conflict area [m].
    distance: f64,
    /// The foe's link off its lane leads on inside the junction: it may wait there.
    foe_waits_inside: bool,
    /// Foes before their waiting place are let alone while both streams have green.
    ignore_waiting: bool,
}

/// Takes the foes on all paths that conflict with the internal lane before `link` into account.
#[inline(never)]
pub(crate) fn check(
    look: &mut Look<'_>,
    link: &LinkFacts,
    lane: &LaneFacts,
    wait: &mut f64,
    ask: &mut bool,
    items: &mut [PlanItem],
) {
    let road = look.road;
    let conflicts = road.facts.conflicts(lane);
    let behind_waiting_place = road.facts.link(lane.entry).after != link.from;
    for (conflict, _) in conflicts.iter().zip(road.facts.foe_lanes(lane)).filter(|(_, foe)| road.is_visited(**foe)) {
        // Whoever waits in the middle sets off when the other one is past, not so that both pass the place one after the other; and
        // whoever has set off goes.
        let waits_before = behind_waiting_place && !conflict.merges && !conflict.diverges;
        let start = if waits_before { 0.0 } else { conflict.start };
        let distance = look.seen - lane.length + start;
        if distance + conflict.size < 0.0 && !conflict.merges {
            continue;
        }
        let foe_lane = road.facts.lane(conflict.foe_lane);
        let foe_exit = road.facts.link(foe_lane.first_link);
        let own_inner = link.via != NONE || behind_waiting_place;
        let foe_waits_inside = foe_exit.via != NONE && !own_inner;
        if foe_waits_inside && !conflict.yields && !conflict.diverges {
            // It stands at its waiting place, out of the way of those it waits for.
            continue;
        }
        let (state, foe_state) = (road.heads.state(lane.entry), road.heads.state(conflict.foe_entry));
        let green = |entry: u32, s: LinkState| {
            road.facts.link(entry).signalled && matches!(s, LinkState::Priority | LinkState::Yield)
        };
        let apart = road.facts.link(lane.entry).from != road.facts.link(conflict.foe_entry).from;
        let meeting = Meeting {
            conflict,
            foe_lane,
            distance,
            foe_waits_inside,
            ignore_waiting: foe_waits_inside
                && apart
                && green(lane.entry, state)
                && green(conflict.foe_entry, foe_state),
        };
        for slot in 0..road.lanes[conflict.foe_lane as usize].len() {
            let body = &road.lanes[conflict.foe_lane as usize][slot];
            let kind = road.kind(body);
            let foe = Foe {
                id: body.id,
                kind,
                back: body.pos - kind.length,
                speed: body.speed,
                waiting: body.waiting,
                standing: body.is_standing(),
                front_here: true,
                front_before: foe_lane.before,
                entered_junction: body.entered_junction,
                entered_first: body.entered_first,
                entered_conflict: body.entered_conflict,
            };
            heed(look, link, lane, &meeting, &foe, ask, items);
        }
        for tail in &road.tails[conflict.foe_lane as usize] {
            let front = road.facts.lane(tail.front_lane);
            let foe = Foe {
                id: tail.id,
                kind: &road.kinds[tail.kind as usize],
                back: tail.back,
                speed: tail.speed,
                waiting: tail.waiting,
                standing: tail.standing,
                front_here: false,
                front_before: if front.internal { front.before } else { NONE },
                entered_junction: tail.entered_junction,
                entered_first: tail.entered_first,
                entered_conflict: tail.entered_conflict,
            };
            heed(look, link, lane, &meeting, &foe, ask, items);
        }
    }
    *wait = least(*wait, look.v);
}

/// Takes one foe into account.
fn heed(
    look: &mut Look<'_>,
    link: &LinkFacts,
    lane: &LaneFacts,
    meeting: &Meeting<'_>,
    foe: &Foe<'_>,
    ask: &mut bool,
    items: &mut [PlanItem],
) {
    let (road, body) = (look.road, look.body);
    if foe.id == body.id {
        return;
    }
    let conflict = meeting.conflict;
    let back_dist = conflict.foe_start - foe.back;
    let past = back_dist + conflict.foe_size < 0.0;
    let entered = back_dist < foe.kind.length;
    let in_the_way = ((!past && meeting.distance > 0.0)
        || (conflict.merges && meeting.distance > back_dist - foe.kind.length))
        && entered
        && road.facts.link(meeting.foe_lane.first_link).via == NONE;
    if !in_the_way && meeting.ignore_waiting {
        return;
    }
    if meeting.distance < -POSITION_EPS && !in_the_way {
        return;
    }
    let cannot_ignore = meeting.foe_waits_inside || conflict.merges || conflict.diverges;
    if conflict.diverges && look.lane == link.from && foe.back + foe.kind.length < body.pos - look.kind.length {
        // Ahead of it already on the way apart.
        return;
    }
    let announced = road.approaches.will_pass(meeting.foe_lane.first_link, foe.id);
    let will_pass = announced.unwrap_or(conflict.merges);
    if (!cannot_ignore || foe.standing || conflict.merges) && !will_pass && foe.front_here && !in_the_way {
        return;
    }
    let gap = if meeting.foe_waits_inside && !conflict.diverges {
        f64::NEG_INFINITY
    } else {
        if past && !conflict.merges {
            return;
        }
        // Where paths merge, the place of meeting may lie at different distances from their ends.
        let ends = (meeting.foe_lane.length - conflict.foe_start) - (lane.length - conflict.start);
        let back_dist = if conflict.merges && back_dist < 0.0 { back_dist + ends.max(0.0) } else { back_dist };
        meeting.distance - look.kind.gap_min - back_dist - conflict.foe_size
    };
    if !(in_the_way || goes_first(look, link, lane, meeting, foe, gap)) {
        return;
    }
    let stop_asap = if foe.front_here { cannot_ignore } else { conflict.merges || conflict.diverges };
    let advance = if stop_asap { -1.0 } else { meeting.distance };
    yield_to(look, lane, foe, gap, advance, items);
    if let Some(last) = items[look.first..].last() {
        // Not on the junction yet: at least up to the previous link.
        look.v = look.v.max(last.speed_wait);
    }
    let same_origin = foe.front_before != NONE
        && (foe.front_before == look.lane || foe.front_before == road.facts.lane(look.lane).before);
    if blocks_requests(look.v, foe.waiting, foe.standing, same_origin) {
        *ask = false;
        if let Some(last) = items[look.first..].last_mut()
            && (foe.front_before == look.lane || (meeting.foe_waits_inside && foe.waiting > BLOCKAGE_TIME))
        {
            // Who has been waiting inside for this driver is let go, or both would wait for ever.
            last.ask = false;
        }
    }
}

/// Slows down behind a foe at the point where the paths meet.
fn yield_to(look: &mut Look<'_>, lane: &LaneFacts, foe: &Foe<'_>, gap: f64, advance: f64, items: &mut [PlanItem]) {
    let (kind, speed, dt) = (look.kind, look.body.speed, look.road.dt);
    let mut safe = if gap >= 0.0 {
        kind.follow_speed(speed, gap, foe.speed, foe.kind.decel, dt)
    } else {
        // It fills the lane ahead: stop before it.
        kind.stop_speed(speed, look.seen - lane.length - POSITION_EPS, dt)
    };
    if advance >= 0.0 {
        let stop = kind.stop_speed(speed, advance - kind.gap_min, dt);
        if gap == f64::NEG_INFINITY {
            safe = safe.max(stop);
        } else {
            // Reach the point of meeting only after the foe is gone.
            let foe_clears = (advance - gap) / foe.speed.max(HALTING);
            let last = speed.max(2.0 * (advance - kind.gap_min) / foe_clears - speed);
            let gentle = speed + (last - speed) / foe_clears * dt;
            safe = safe.max(gentle.min(stop));
        }
    }
    look.limit(safe, items[look.first..].last_mut());
}

/// Whether the foe goes first.
fn goes_first(
    look: &Look<'_>,
    link: &LinkFacts,
    lane: &LaneFacts,
    meeting: &Meeting<'_>,
    foe: &Foe<'_>,
    gap: f64,
) -> bool {
    let (road, body) = (look.road, look.body);
    let origin = road.facts.lane(look.lane).origin;
    if origin == NONE || origin != lane.origin {
        // Not on the junction yet: whoever is there goes first.
        return true;
    }
    if !foe.front_here && foe.front_before == NONE {
        // Only its tail is on the junction.
        return true;
    }
    let same_lane = lane.origin == road.facts.link(meeting.conflict.foe_entry).from;
    let (own_time, foe_time) = if same_lane {
        (body.entered_first, foe.entered_first)
    } else {
        let (yields, foe_yields) = who_yields(look, link, meeting, foe, gap);
        match (yields, foe_yields) {
            (false, _) => (body.entered_junction, foe.entered_conflict),
            (true, true) => (body.entered_conflict, foe.entered_conflict),
            (true, false) => (body.entered_conflict, foe.entered_junction),
        }
    };
    if own_time == foe_time {
        return if body.speed == foe.speed { body.id > foe.id } else { body.speed < foe.speed };
    }
    own_time > foe_time
}

/// Who has to yield to whom: the driver to the foe, and the foe to the driver.
fn who_yields(look: &Look<'_>, link: &LinkFacts, meeting: &Meeting<'_>, foe: &Foe<'_>, gap: f64) -> (bool, bool) {
    let (road, body, conflict, dt) = (look.road, look.body, meeting.conflict, look.road.dt);
    let (state, foe_state) = (road.heads.state(link.entry), road.heads.state(conflict.foe_entry));
    if state.is_red() || foe_state.is_red() {
        if !foe_state.is_red() && foe.speed > HALTING && gap < 0.0 {
            // Caught inside at red: let a foe pass that can no longer stop.
            let next = foe.speed + foe.kind.accel * dt;
            let foe_brake = super::following::brake_gap(next, foe.kind.decel, foe.kind.tau, dt);
            let foe_gap = -gap - foe.kind.length - 2.0 * look.kind.gap_min;
            return (foe_brake >= foe_gap, foe_brake < foe_gap);
        }
        // Whoever has been caught inside by red gets out first.
        return (foe_state.is_red(), state.is_red());
    }
    if state.has_priority() != foe_state.has_priority() {
        return (!state.has_priority(), !foe_state.has_priority());
    }
    if state.is_yellow() && foe_state.is_yellow() {
        return (foe.speed >= body.speed, body.speed >= foe.speed);
    }
    (conflict.yields, conflict.foe_yields)
}
