//! A vehicle's body: what the road moves, and the constants of its type.

use crate::city::demand::{CarFollowing, VehicleKind};
use crate::primitives::VehicleClass;

use super::facts::NONE;

/// The most lanes behind its front that a vehicle's tail can reach over; a longer tail is forgotten beyond that.
pub(crate) const TRAIL_MAX: usize = 8;

/// Constants of a vehicle type, unwrapped for the inner loops.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct KindFacts {
    pub class: VehicleClass,
    pub length: f64,
    pub gap_min: f64,
    pub speed_max: f64,
    pub accel: f64,
    pub decel: f64,
    pub decel_emergency: f64,
    pub tau: f64,
    pub following: CarFollowing,
    /// Waiting time after which all patience is gone [s].
    pub impatience_after: f64,
    pub lc_strategic: f64,
    pub lc_cooperative: f64,
    pub lc_speed_gain: f64,
    pub lc_keep_right: f64,
    pub lc_assertive: f64,
}

impl KindFacts {
    pub(crate) fn new(kind: &VehicleKind) -> Self {
        Self {
            class: kind.class,
            length: kind.length.as_metres(),
            gap_min: kind.gap_min.as_metres(),
            speed_max: kind.speed_max.as_metres_per_second(),
            accel: kind.acceleration.as_metres_per_second_squared(),
            decel: kind.deceleration.as_metres_per_second_squared(),
            decel_emergency: kind.deceleration_emergency.max(kind.deceleration).as_metres_per_second_squared(),
            tau: kind.headway.as_seconds(),
            following: kind.following,
            impatience_after: kind.impatience_after.as_seconds(),
            lc_strategic: kind.lane_changing.strategic,
            lc_cooperative: kind.lane_changing.cooperative,
            lc_speed_gain: kind.lane_changing.speed_gain,
            lc_keep_right: kind.lane_changing.keep_right,
            lc_assertive: kind.lane_changing.assertive.max(0.01),
        }
    }

    /// A stretch of road that is closed, `length` long [m].
    pub(crate) fn block(length: f64) -> Self {
        Self {
            class: VehicleClass::Authority,
            length,
            gap_min: 1.0,
            speed_max: 1.0,
            accel: 1.0,
            decel: 4.5,
            decel_emergency: 9.0,
            tau: 1.0,
            following: CarFollowing::Krauss { sigma: 0.0 },
            impatience_after: f64::INFINITY,
            lc_strategic: 0.0,
            lc_cooperative: 0.0,
            lc_speed_gain: 0.0,
            lc_keep_right: 0.0,
            lc_assertive: 1.0,
        }
    }

    /// Length with the gap kept in front [m].
    pub(crate) fn room(&self) -> f64 {
        self.length + self.gap_min
    }
}

/// A vehicle on the road. What others see of it, and what every step reads, lies in its first cache line.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[repr(C, align(64))]
pub(crate) struct Body {
    /// Front, from the start of its lane [m].
    pub pos: f64,
    /// Speed [m/s].
    pub speed: f64,
    /// How long it has been standing without a break [s]; planned stops do not count.
    pub waiting: f64,
    /// Wished speed over the limit.
    pub speed_factor: f64,
    /// Who: the row of the demand, or a block behind the last row.
    pub id: u32,
    pub kind: u32,
    /// Which guide it follows, see [`super::guide`].
    pub itinerary: u32,
    /// The edge of its route it is on, or has just left while on a junction.
    pub leg: u32,
    /// Acceleration in the last step [m/s²].
    pub accel: f64,
    /// What it is doing about its next stop.
    pub halt: Halt,
    /// On which side somebody would like it to go (lane steps: -1 right, 1 left), or 0.
    pub lc_asked: i8,
    /// Which sides it wanted to go to in this step and could not, see [`super::lane_change`].
    pub lc_wants: u8,
    /// Whether it makes haste (1) or holds back a little (-1) in its next step for a lane change.
    pub lc_pace: i8,
    /// Whether it decided to wait before the next link.
    pub waits_at_link: bool,
    /// Whether it drives with blue light and siren.
    pub siren: bool,
    /// How many lanes behind the front its tail has to be looked for on.
    pub trail_len: u8,
    /// Standing time over the trip [s].
    pub waiting_total: f64,
    /// Time lost over the trip [s].
    pub time_loss: f64,
    /// Distance driven [m].
    pub travelled: f64,
    /// Upper bound on the next speed that a lane change asks for [m/s].
    pub lc_speed_max: f64,
    /// Lane-changing mood: what faster lanes would have gained lately.
    pub speed_gain: f64,
    /// Lane-changing mood: how long the kerb side has been free.
    pub keep_right: f64,
    /// How much further the look-ahead for route lanes currently reaches [m/s].
    pub look_ahead_speed: f64,
    /// When it entered the junction it is on; infinite elsewhere [s].
    pub entered_junction: f64,
    /// The same, never renewed while it waits inside [s].
    pub entered_first: f64,
    /// When it passed the last point where it had to yield; infinite before [s].
    pub entered_conflict: f64,
    /// Time spent at planned stops [s].
    pub stop_time: f64,
    /// Halts so far.
    pub waiting_count: u32,
    /// Index of its next planned stop among its stops.
    pub next_stop: u32,
    /// Those lanes its tail is to be looked for on, nearest first.
    pub trail: [u32; TRAIL_MAX],
}

/// What a body is doing about planned stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Halt {
    /// None is left.
    None,
    /// Driving towards the next.
    Ahead,
    /// Has come to stand at it in this step; the actor is being told.
    Reached,
    /// Standing at it until the actor lets go.
    Standing,
}

impl Body {
    /// A body that has not moved yet.
    pub(crate) fn new(id: u32, kind: u32, itinerary: u32, speed_factor: f64) -> Self {
        Self {
            pos: 0.0,
            speed: 0.0,
            accel: 0.0,
            id,
            kind,
            itinerary,
            leg: 0,
            speed_factor,
            waiting: 0.0,
            waiting_total: 0.0,
            time_loss: 0.0,
            travelled: 0.0,
            stop_time: 0.0,
            entered_junction: f64::INFINITY,
            entered_first: f64::INFINITY,
            entered_conflict: f64::INFINITY,
            speed_gain: 0.0,
            keep_right: 0.0,
            lc_speed_max: f64::INFINITY,
            look_ahead_speed: 0.0,
            waiting_count: 0,
            next_stop: 0,
            halt: Halt::None,
            lc_asked: 0,
            lc_wants: 0,
            lc_pace: 0,
            waits_at_link: false,
            siren: false,
            trail_len: 0,
            trail: [NONE; TRAIL_MAX],
        }
    }

    /// Lanes its tail may still be on, nearest first.
    pub(crate) fn trail(&self) -> &[u32] {
        &self.trail[..usize::from(self.trail_len)]
    }

    /// Remembers the lane just left.
    pub(crate) fn push_trail(&mut self, lane: u32) {
        self.trail.copy_within(0..TRAIL_MAX - 1, 1);
        self.trail[0] = lane;
        self.trail_len = (self.trail_len + 1).min(TRAIL_MAX as u8);
    }

    pub(crate) fn is_standing(&self) -> bool {
        matches!(self.halt, Halt::Reached | Halt::Standing)
    }

    /// How impatient the driver is, 0 to 1.
    pub(crate) fn impatience(&self, kind: &KindFacts) -> f64 {
        (self.waiting / kind.impatience_after).clamp(0.0, 1.0)
    }

    /// How fast the driver wishes to go, as it is announced.
    #[expect(clippy::cast_possible_truncation, reason = "an estimate for others; a ten-millionth is enough")]
    pub(crate) fn speed_factor_single(&self) -> f32 {
        self.speed_factor as f32
    }
}
