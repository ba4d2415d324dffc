//! Trackers and ambulances: places no vehicle can have come to, places that do not change under a moving vehicle, and none at all.
//!
//! A standing vehicle's receiver may tell the same place for hours, and one in a garage none; only what contradicts itself counts.
//! One fix that jumps is a reflection; so a complaint needs several in a short while, and ends when as many are well.

use serde::{Deserialize, Serialize};

use super::super::positions::EARTH;
use super::state::is_default;
use super::{Complaint, Finding};
use crate::telemetry::reading::{Fix, Position};

/// Faster than any vehicle on a road [m/s], and how far reflections push a fix at most [m].
const SPEED_MAX: f64 = 70.0;
const PUSHED_MAX: f64 = 100.0;
/// The longest time between fixes over which a jump is judged [ms].
const PAUSE_MAX: i64 = 600_000;
/// Bad fixes that make a complaint.
pub(super) const BAD_MAX: u8 = 3;
/// Equal places in a row of a vehicle that tells this speed or more [km/h].
const EQUAL_MAX: u16 = 12;
const MOVING: f64 = 10.0;
/// How long an engine may run without a fix [ms].
const NO_FIX_FOR: i64 = 600_000;

/// What moves.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Mover {
    /// When and where it was last: time [ms], latitude and longitude [deg].
    #[serde(skip_serializing_if = "is_default")]
    last: Option<(i64, f64, f64)>,
    /// Jumps that outweigh the fixes without.
    #[serde(skip_serializing_if = "is_default")]
    jumps: u8,
    /// Times in a row that it moved without coming anywhere.
    #[serde(skip_serializing_if = "is_default")]
    equal: u16,
    /// Since when it has no fix although the engine runs [ms].
    #[serde(skip_serializing_if = "is_default")]
    lost: Option<i64>,
}

impl Mover {
    /// A tracker's reading.
    pub(super) fn see(&mut self, name: &str, time: i64, reading: &Position, findings: &mut Vec<Finding>) {
        let (true, Some(latitude), Some(longitude)) = (reading.fix != Fix::None, reading.latitude, reading.longitude)
        else {
            let since = if reading.ignition { *self.lost.get_or_insert(time) } else { time };
            if !reading.ignition {
                self.lost = None;
            }
            if time - since >= NO_FIX_FOR {
                let minutes = NO_FIX_FOR / 60_000;
                let says = format!("{name} has not known its place for {minutes} min although the engine runs");
                findings.push((Complaint::Silent, Some(says)));
            }
            return;
        };
        self.lost = None;
        findings.push((Complaint::Silent, None));
        let moving = reading.speed.is_some_and(|speed| speed >= MOVING);
        let equal = self.last.is_some_and(|last| (last.1, last.2) == (latitude, longitude));
        if moving {
            self.equal = if equal { self.equal.saturating_add(1) } else { 0 };
            let says = (self.equal >= EQUAL_MAX)
                .then(|| format!("{name} tells that it moves, and the same place {} times", self.equal));
            findings.push((Complaint::Stuck, says));
        }
        self.moved(name, time, (latitude, longitude), findings);
    }

    /// A place [deg].
    pub(super) fn moved(&mut self, name: &str, time: i64, place: (f64, f64), findings: &mut Vec<Finding>) {
        let before = self.last.replace((time, place.0, place.1));
        let Some((then, latitude, longitude)) = before.filter(|before| time - before.0 <= PAUSE_MAX) else { return };
        let turn = place.1 - longitude;
        let turn = (turn - 360.0 * libm::round(turn / 360.0)).to_radians();
        let east = turn * libm::cos(place.0.to_radians()) * EARTH;
        let north = (place.0 - latitude).to_radians() * EARTH;
        let metres = libm::sqrt(east * east + north * north);
        #[expect(clippy::cast_precision_loss, reason = "at most ten minutes")]
        let seconds = (time - then) as f64 / 1000.0;
        if metres > PUSHED_MAX + SPEED_MAX * seconds {
            self.jumps = (self.jumps + 1).min(BAD_MAX);
        } else {
            self.jumps = self.jumps.saturating_sub(u8::from(time > then));
        }
        if self.jumps == BAD_MAX {
            let says = format!("{name} has jumped {metres:.0} m in {seconds:.0} s, and before");
            findings.push((Complaint::Implausible, Some(says)));
        } else if self.jumps == 0 {
            findings.push((Complaint::Implausible, None));
        }
    }
}
