//! Making room: what a driver who must change but cannot does to its own speed, and what it asks of whoever is in the way.

use crate::simulation::traffic::body::{Body, KindFacts};
use crate::simulation::traffic::road::Road;

use super::gap::{Blocked, Other};
use super::motive::View;

/// Least gap worth leaving [m].
const POSITION_EPS: f64 = 0.1;
/// How hard somebody brakes to help [m/s²].
const HELP_DECEL: f64 = 1.0;
/// A driver who falls behind a leader does so by at least this [m/s²].
const FALL_BEHIND_DECEL: f64 = 7.0 / 3.6;
/// Part of the time left in which a needed change should happen.
const URGENCY: f64 = 2.0;

/// What somebody on the neighbouring lane is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Favour {
    pub lane: u32,
    pub slot: usize,
    /// Not to be faster than this next [m/s].
    pub speed_max: f64,
    /// Or to go out of the way: lane steps.
    pub away: i8,
}

/// Somebody who needs a lane and cannot get onto it.
#[derive(Debug, Clone, Copy)]
struct Needy {
    /// Where its back is [m].
    back: f64,
    speed: f64,
    decel: f64,
}

/// Those who need one lane: the foremost and the hindmost so far, going from the front to the back of the edge.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stranded {
    foremost: Option<Needy>,
    hindmost: Option<Needy>,
}

impl Stranded {
    /// Notes that a driver needs this lane and is blocked.
    pub(super) fn note(&mut self, body: &Body, kind: &KindFacts) {
        let needy = Needy { back: body.pos - kind.length, speed: body.speed, decel: kind.decel };
        self.foremost = self.foremost.or(Some(needy));
        self.hindmost = Some(needy);
    }
}

/// A driver who is slow anyway stays behind somebody who needs the lane, and so lets it in.
pub(super) fn let_in(road: &Road, mood: &mut Body, stranded: &Stranded) {
    let (kind, dt) = (road.kind(mood), road.dt);
    if mood.speed >= kind.decel || kind.lc_cooperative <= 0.0 {
        return;
    }
    for needy in [stranded.hindmost, stranded.foremost].into_iter().flatten() {
        let gap = needy.back - mood.pos - kind.gap_min - POSITION_EPS;
        if gap > 0.0 {
            let speed = kind.follow_speed(mood.speed, gap, needy.speed, needy.decel, dt);
            mood.lc_speed_max = mood.lc_speed_max.min(speed);
        }
    }
}

/// Adapts the driver's own speed to fit behind the leader on the neighbouring lane.
pub(super) fn adapt(view: &View<'_>, mood: &mut Body, blocked: Blocked) {
    if blocked.by_lead
        && let Some(lead) = view.gap.lead
    {
        fall_behind(view.road, mood, &lead, time_left(view, mood));
    }
}

/// Time in which the change should happen [s].
fn time_left(view: &View<'_>, mood: &Body) -> f64 {
    (view.usable / mood.speed.max(0.1) / f64::from(view.offset.abs().max(1)) / URGENCY).max(view.road.dt)
}

fn fall_behind(road: &Road, mood: &mut Body, lead: &Other, time_left: f64) {
    let (kind, dt) = (road.kind(mood), road.dt);
    let faster = mood.speed - lead.speed;
    let other = &road.kinds[lead.kind as usize];
    if faster > 0.0 && faster * time_left > lead.gap + kind.length + other.length {
        // Fast enough to pass it instead.
        return;
    }
    let target = kind.follow_speed_safe(lead.gap, lead.speed, other.decel, dt);
    let bound = if target < mood.speed {
        let decel = ((mood.speed - target) / time_left).max(FALL_BEHIND_DECEL).min(kind.decel);
        (mood.speed - decel * dt).max(0.0)
    } else {
        target
    };
    mood.lc_speed_max = mood.lc_speed_max.min(bound);
}

/// What the follower on the neighbouring lane can do, if it can help in time.
pub(super) fn favour_of_follower(view: &View<'_>, body: &Body, blocked: Blocked) -> Option<Favour> {
    let follow = view.gap.follow.filter(|_| blocked.by_follow)?;
    let slot = follow.slot?;
    let (road, own, dt) = (view.road, view.road.kind(body), view.road.dt);
    let kind = &road.kinds[follow.kind as usize];
    if kind.lc_cooperative <= 0.0 {
        return None;
    }
    let slowed = (follow.speed - HELP_DECEL * dt).max(0.0);
    let slowed_1s = (follow.speed - HELP_DECEL).max(0.0);
    let difference = body.speed - slowed_1s;
    let gap = follow.gap + difference;
    let needed = kind.secure_gap(slowed_1s, body.speed, own.decel, dt);
    let speed_max = if gap > 0.0 && gap >= needed {
        let safe = kind.follow_speed_safe(follow.gap + body.speed * dt, body.speed, own.decel, dt);
        slowed.max(safe)
    } else if difference > 0.0 && difference * time_left(view, body) > needed - gap {
        slowed
    } else {
        return None;
    };
    let away = if view.side.step() > 0 { 1 } else { -1 };
    Some(Favour { lane: view.to, slot, speed_max, away })
}
