//! The gap on the neighbouring lane: who would be ahead, who behind, and whether it is safe.

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::facts::NONE;
use crate::simulation::traffic::road::Road;

use super::Motive;

/// Somebody on the neighbouring lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    /// Its slot on the neighbouring lane, if it is on that lane.
    pub slot: Option<usize>,
    /// Bumper to bumper, the follower's minimum gap taken off [m].
    pub gap: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// Type.
    pub kind: u32,
    /// Acceleration in the last step [m/s²].
    pub accel: f64,
    /// Whether it stands at a planned stop.
    pub standing: bool,
}

impl Other {
    pub(super) fn body(body: &Body, slot: Option<usize>, gap: f64) -> Self {
        Self { slot, gap, speed: body.speed, kind: body.kind, accel: body.accel, standing: body.is_standing() }
    }
}

/// The gap beside a driver.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub lead: Option<Other>,
    pub follow: Option<Other>,
}

/// What keeps a driver from changing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Blocked {
    pub by_lead: bool,
    pub by_follow: bool,
}

impl Blocked {
    pub(super) fn is_free(self) -> bool {
        !self.by_lead && !self.by_follow
    }
}

impl Gap {
    /// Looks beside the driver at `pos` on `lane`.
    pub(super) fn beside(road: &Road, body: &Body, lane: u32) -> Self {
        let kind = road.kind(body);
        let bodies = &road.lanes[lane as usize];
        let slot = bodies.partition_point(|b| b.pos < body.pos || (b.pos == body.pos && b.id > body.id));
        let lead = bodies.get(slot).map(|b| {
            let gap = b.pos - road.kind(b).length - body.pos - kind.gap_min;
            Other::body(b, Some(slot), gap)
        });
        let lead = lead.or_else(|| lead_beyond(road, body, lane));
        let back = body.pos - kind.length;
        let follow = slot.checked_sub(1).map(|i| {
            let b = &bodies[i];
            let gap = back - b.pos - road.kind(b).gap_min;
            Other::body(b, Some(i), gap)
        });
        let follow = follow.or_else(|| follow_upstream(road, lane, back));
        Self { lead, follow }
    }

    /// Whether the change is unsafe for the driver or for whoever follows.
    pub(super) fn blocked(&self, road: &Road, body: &Body, motive: Motive) -> Blocked {
        let kind = road.kind(body);
        let dt = road.dt;
        // Somebody who must change accepts as little as the model calls safe; assertive drivers less.
        let factor = if motive == Motive::Urgent { 1.0 / kind.lc_assertive.max(1.0) } else { 1.0 };
        let by_lead = self.lead.is_some_and(|lead| {
            let decel = road.kinds[lead.kind as usize].decel;
            lead.gap < 0.0 || lead.gap < factor * kind.secure_gap(body.speed, lead.speed, decel, dt)
        });
        let by_follow = self.follow.is_some_and(|follow| {
            let follower = &road.kinds[follow.kind as usize];
            follow.gap < 0.0 || follow.gap < factor * follower.secure_gap(follow.speed, body.speed, kind.decel, dt)
        });
        Blocked { by_lead, by_follow }
    }
}

/// The rear end beyond the lane's end on the way the lane would lead the driver.
pub(super) fn lead_beyond(road: &Road, body: &Body, lane: u32) -> Option<Other> {
    let kind = road.kind(body);
    let facts = road.facts.lane(lane);
    let reach =
        super::super::following::brake_gap(kind.speed_next_max(body.speed, road.dt), kind.decel, kind.tau, road.dt)
            + kind.room();
    if let Some(tail) =
        road.tails[lane as usize].iter().filter(|t| t.id != body.id).min_by(|a, b| a.back.total_cmp(&b.back))
    {
        let gap = tail.back - body.pos - kind.gap_min;
        return Some(Other {
            slot: None,
            gap,
            speed: tail.speed,
            kind: tail.kind,
            accel: 0.0,
            standing: tail.standing,
        });
    }
    let mut seen = facts.length - body.pos;
    let (mut leg, mut lane) = (body.leg, lane);
    while seen < reach {
        let facts = road.facts.lane(lane);
        let link =
            if facts.internal { facts.first_link } else { road.guides.row(body.itinerary, leg, facts.index).link };
        if link == NONE {
            return None;
        }
        let link = road.facts.link(link);
        lane = link.after;
        if link.via == NONE {
            leg += 1;
        }
        if let Some(b) = road.lanes[lane as usize].first().filter(|b| b.id != body.id) {
            let gap = seen + b.pos - road.kind(b).length - kind.gap_min;
            return Some(Other::body(b, None, gap));
        }
        seen += road.facts.lane(lane).length;
    }
    None
}

/// The nearest front on the lanes that lead into this one.
fn follow_upstream(road: &Road, lane: u32, back: f64) -> Option<Other> {
    let mut nearest: Option<Other> = None;
    let mut see = |behind: u32, distance: f64| {
        if let Some(b) = road.lanes[behind as usize].last() {
            let kind = road.kind(b);
            let gap = distance + road.facts.lane(behind).length - b.pos - kind.gap_min;
            if !road.stops_before_link(b, behind) && nearest.is_none_or(|n| gap < n.gap) {
                nearest = Some(Other::body(b, None, gap));
            }
        }
    };
    for &near in road.facts.feeders(lane) {
        see(near, back);
        if road.facts.lane(near).internal {
            for &far in road.facts.feeders(near) {
                see(far, back + road.facts.lane(near).length);
            }
        }
    }
    nearest
}
