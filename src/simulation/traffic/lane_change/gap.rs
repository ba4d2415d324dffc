//! The gap on the neighbouring lane: who would be ahead, who behind, and whether it is safe.

use crate::simulation::traffic::body::Body;
use crate::simulation::traffic::road::Road;

/// Where somebody is; small, since it is copied about with whoever is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On this edge: lane index and slot.
    Here { index: u32, slot: u32 },
    /// The foremost on a lane that leads to this edge.
    Upstream(u32),
    /// Anywhere else.
    Elsewhere,
}

/// Somebody ahead or behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    pub place: Place,
    /// Who.
    pub id: u32,
    /// Bumper to bumper, the follower's minimum gap taken off [m].
    pub gap: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// Type.
    pub kind: u32,
    /// Acceleration in the last step [m/s²].
    pub accel: f64,
    /// Wished speed over the limit.
    pub factor: f64,
    /// Whether it stands at a planned stop.
    pub standing: bool,
}

impl Other {
    pub(super) fn body(body: &Body, place: Place, gap: f64) -> Self {
        Self {
            place,
            id: body.id,
            gap,
            speed: body.speed,
            kind: body.kind,
            accel: body.accel,
            factor: body.speed_factor,
            standing: body.is_standing(),
        }
    }

    /// How fast it would drive on a lane with this limit [m/s].
    pub(super) fn wished(&self, road: &Road, limit: f64) -> f64 {
        (limit * self.factor).min(road.kinds[self.kind as usize].speed_max)
    }
}

/// What keeps a driver from changing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Blocked {
    pub by_lead: bool,
    pub by_follow: bool,
}

impl Blocked {
    /// Whether the change is unsafe for the driver or for whoever follows.
    pub(super) fn between(road: &Road, body: &Body, lead: Option<&Other>, follow: Option<&Other>) -> Self {
        let (kind, dt) = (road.kind(body), road.dt);
        // Assertive drivers accept less than the model calls safe.
        let factor = 1.0 / kind.lc_assertive;
        // A driver whose reaction time is longer than the step counts on what its present acceleration makes of the gap.
        let later = |tau: f64| (tau - dt).max(0.0);
        let by_lead = lead.is_some_and(|lead| {
            let rest = later(kind.tau);
            let (own, ahead) = (body.speed + (rest * body.accel).max(0.0), lead.speed + (rest * lead.accel).min(0.0));
            let decel = road.kinds[lead.kind as usize].decel;
            lead.gap < 0.0 || lead.gap < factor * kind.secure_gap(own, ahead.max(0.0), decel, dt)
        });
        let by_follow = follow.is_some_and(|follow| {
            let follower = &road.kinds[follow.kind as usize];
            let rest = later(follower.tau);
            let (own, behind) =
                (body.speed + (rest * body.accel).min(0.0), follow.speed + (rest * follow.accel).max(0.0));
            follow.gap < 0.0 || follow.gap < factor * follower.secure_gap(behind, own.max(0.0), kind.decel, dt)
        });
        Self { by_lead, by_follow }
    }

    pub(super) fn is_free(self) -> bool {
        !self.by_lead && !self.by_follow
    }
}
