//! Car following: which speed is safe behind a leader, before a stop line, and towards a lower limit.
//!
//! Krauss (1998), "Microscopic Modeling of Traffic Flow", chapter 5, in the discrete form SUMO uses: a speed is safe if the
//! vehicle can still stop behind the leader's standstill when both brake as hard as they comfortably do, moving in whole steps
//! with the new speed (semi-implicit Euler). Symbols: `v` speed, `b` → `decel`, `a` → `accel`, `τ` → `tau`, `σ` → `sigma`.
//!
//! The Intelligent Driver Model: Treiber, Hennecke, Helbing (2000), Phys. Rev. E 62, 1805, eq. 3-4. Symbols: `v0` → wished
//! speed, `T` → `tau`, `s0` → the gap the caller has already taken off, `a` → `accel`, `b` → `decel`, `δ` → `exponent`.
//!
//! Pure: looks at one driver and one gap. Does not know lanes, signals or the map; a red light is a gap to stop within.

use crate::city::demand::CarFollowing;

use super::body::KindFacts;

/// Keeps divisions and comparisons off the exact border [m] or [m/s].
pub(crate) const EPS: f64 = 0.001;
/// At or below this a vehicle counts as halting [m/s].
pub(crate) const HALTING: f64 = 0.1;
/// A driver forced to brake in an emergency does so a little harder than necessary.
const EMERGENCY_AMPLIFIER: f64 = 1.2;

/// The smaller of two speeds, times or ways. They are numbers: one instruction, where `f64::min` has to look out for NaN.
#[inline]
pub(crate) fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The greater of two; see [`least`].
#[inline]
pub(crate) fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The whole part of a number below 2⁵²; nil for a negative one. Without SSE 4.1 `f64::floor` is a call, and a cast looks out for
/// what no integer holds; these run for every driver and link.
#[inline]
fn whole(x: f64) -> f64 {
    // So far up there is no room for a fraction: adding rounds to the nearest whole number.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    let x = most(x, 0.0);
    let nearest = (x + WHOLE) - WHOLE;
    if nearest > x { nearest - 1.0 } else { nearest }
}

/// The highest speed now from which braking by `decel` every `dt` still stops within `gap`, given a reaction time
/// `headway` during which the speed is kept [m/s].
pub(crate) fn stop_speed_max(gap: f64, decel: f64, headway: f64, dt: f64) -> f64 {
    let g = gap - EPS;
    if g < 0.0 {
        return 0.0;
    }
    // Braking in n steps of b covers h = n(n-1)/2 · b·dt + n·b·headway; solve for the largest whole n with h <= g.
    let b = decel * dt;
    let root = most(dt * dt + 4.0 * (dt * (2.0 * g / b - headway) + headway * headway), 0.0).sqrt();
    let n = whole(0.5 - (headway - 0.5 * root) / dt);
    let h = 0.5 * n * (n - 1.0) * b * dt + n * b * headway;
    // What is left over is driven by a slightly higher speed throughout.
    n * b + (g - h) / (n * dt + headway)
}

/// The distance covered while braking from `speed` to a standstill in whole steps, after `headway` [m].
#[inline]
pub(crate) fn brake_gap(speed: f64, decel: f64, headway: f64, dt: f64) -> f64 {
    let reduction = decel * dt;
    let steps = whole(speed / reduction);
    dt * (steps * speed - reduction * steps * (steps + 1.0) / 2.0) + speed * headway
}

/// The highest speed now from which `target` is reached within `dist` by braking at `decel` [m/s].
#[inline(never)]
pub(crate) fn free_speed(dist: f64, target: f64, decel: f64, dt: f64) -> f64 {
    let v = target * dt;
    if dist < v {
        return target;
    }
    // y braking steps cover (y² + y)/2 · b + y·v; whole steps first, then the rest as extra speed.
    let b = decel * dt * dt;
    let y = (((b + 2.0 * v) * (b + 2.0 * v) + 8.0 * b * dist).sqrt() - b) * 0.5 - v;
    let y = most(y / b, 0.0);
    let full = whole(y);
    let exact = (full * full + full) * 0.5 * b + full * v + if y > full { v } else { 0.0 };
    most(dist - exact, 0.0) / (full + 1.0) / dt + full * decel * dt + target
}

/// Speed after `dist` at constant `accel` [m/s].
#[inline]
pub(crate) fn speed_after(dist: f64, speed: f64, accel: f64) -> f64 {
    most(speed * speed + 2.0 * dist * accel, 0.0).sqrt()
}

/// The shortest time to cover `dist` when arriving at `arrival_speed` [s].
#[inline]
pub(crate) fn arrival_time_min(dist: f64, speed: f64, arrival_speed: f64, accel: f64, decel: f64) -> f64 {
    let rate = if arrival_speed >= speed { accel } else { -decel };
    let time = (arrival_speed - speed) / rate;
    let way = time * (arrival_speed + speed) * 0.5;
    if dist >= way {
        return time + (dist - way) / most(most(speed, arrival_speed), HALTING);
    }
    (most(speed * speed + 2.0 * rate * dist, 0.0).sqrt() - speed) / rate
}

/// How slow a vehicle braking from now on can be after `dist` [m/s]; infinite where no time is left to brake.
#[inline(never)]
pub(crate) fn arrival_speed_braking(dist: f64, speed: f64, kind: &KindFacts) -> f64 {
    if dist < speed {
        return f64::INFINITY;
    }
    let way = dist - speed * kind.tau;
    if speed * speed - 2.0 * way * kind.decel >= 0.0 { speed_after(way, speed, -kind.decel) } else { kind.decel }
}

impl KindFacts {
    /// The fastest the engine allows after the next step [m/s].
    #[inline]
    pub(crate) fn speed_next_max(&self, speed: f64, dt: f64) -> f64 {
        least(speed + self.accel * dt, self.speed_max)
    }

    #[inline]
    fn is_krauss(&self) -> bool {
        matches!(self.following, CarFollowing::Krauss { .. })
    }

    /// Safe speed before a point to stop at within `gap` [m/s].
    #[inline]
    pub(crate) fn stop_speed(&self, speed: f64, gap: f64, dt: f64) -> f64 {
        self.stop_speed_at(speed, gap, self.decel, dt)
    }

    /// The same with a deceleration of the caller's.
    #[inline]
    pub(crate) fn stop_speed_at(&self, speed: f64, gap: f64, decel: f64, dt: f64) -> f64 {
        let next_max = self.speed_next_max(speed, dt);
        if self.is_krauss() && is_far(gap, next_max, decel, dt, dt) {
            return next_max;
        }
        self.stop_speed_near(speed, gap, decel, dt)
    }

    /// The exact rule, for a gap that is not simply long.
    #[inline(never)]
    fn stop_speed_near(&self, speed: f64, gap: f64, decel: f64, dt: f64) -> f64 {
        let safe = stop_speed_max(gap, decel, dt, dt);
        match self.following {
            CarFollowing::Krauss { .. } => {
                let safe = self.soften(safe, speed, decel, dt, || emergency_to_stop(gap, speed));
                least(safe, self.speed_next_max(speed, dt))
            }
            CarFollowing::Idm { exponent } => self.idm(speed, safe.max(speed), gap, 0.0, exponent, dt).min(safe),
        }
    }

    /// Safe speed behind a leader `gap` ahead (the minimum gap already taken off) that drives `leader_speed` and brakes by
    /// `leader_decel` [m/s].
    #[inline]
    pub(crate) fn follow_speed(&self, speed: f64, gap: f64, leader_speed: f64, leader_decel: f64, dt: f64) -> f64 {
        let next_max = self.speed_next_max(speed, dt);
        if self.is_krauss() && is_far(gap, next_max, self.decel, self.tau, dt) {
            return next_max;
        }
        self.follow_speed_near(speed, gap, leader_speed, leader_decel, dt)
    }

    /// The exact rule, for a gap that is not simply long.
    #[inline(never)]
    fn follow_speed_near(&self, speed: f64, gap: f64, leader_speed: f64, leader_decel: f64, dt: f64) -> f64 {
        if gap < 0.0 && self.is_krauss() {
            // Nearer than the least gap: make room at once.
            return most(speed - self.decel_emergency * dt, 0.0);
        }
        let safe = self.follow_speed_safe(gap, leader_speed, leader_decel, dt);
        match self.following {
            CarFollowing::Krauss { .. } => {
                let safe = self.soften(safe, speed, self.decel, dt, || {
                    emergency_to_follow(gap, speed, leader_speed, leader_decel)
                });
                least(safe, self.speed_next_max(speed, dt))
            }
            CarFollowing::Idm { exponent } => self
                .idm(speed, self.speed_max, gap, leader_speed, exponent, dt)
                .min(safe.max(speed - self.decel_emergency * dt)),
        }
    }

    /// The bound of Krauss's model alone: also what insertion and lane changing call safe [m/s].
    #[inline]
    pub(crate) fn follow_speed_safe(&self, gap: f64, leader_speed: f64, leader_decel: f64, dt: f64) -> f64 {
        let leader_way = brake_gap(leader_speed, most(self.decel, leader_decel), 0.0, dt);
        stop_speed_max(gap + leader_way, self.decel, self.tau, dt)
    }

    /// The gap that is safe to keep at `speed` behind a leader at `leader_speed` [m].
    pub(crate) fn secure_gap(&self, speed: f64, leader_speed: f64, leader_decel: f64, dt: f64) -> f64 {
        let leader_way = brake_gap(leader_speed, most(self.decel, leader_decel), 0.0, dt);
        // The step's movement happens before the reaction, hence the extra step at most.
        most(brake_gap(speed, self.decel, self.tau, dt) - leader_way, 0.0)
    }

    /// Spares a driver who must brake harder than comfortable from braking harder than needed: the comfortable rule assumes a
    /// reaction time that an alert driver does not take.
    fn soften(&self, safe: f64, speed: f64, decel: f64, dt: f64, needed: impl FnOnce() -> f64) -> f64 {
        let braking = (speed - safe) / dt;
        if self.decel_emergency > decel && braking > decel + EPS {
            let softened = least(most(EMERGENCY_AMPLIFIER * needed(), decel), braking);
            return speed - softened * dt;
        }
        safe
    }

    /// IDM's speed after one step [m/s].
    fn idm(&self, speed: f64, wished: f64, gap: f64, leader_speed: f64, exponent: f64, dt: f64) -> f64 {
        let s0 = self.gap_min;
        let gap = (gap + s0).max(0.1);
        let dynamic = speed * self.tau + speed * (speed - leader_speed) / (2.0 * (self.accel * self.decel).sqrt());
        let wanted = s0 + dynamic.max(0.0);
        let free = libm::pow(speed / wished.max(EPS), exponent);
        let accel = self.accel * (1.0 - free - (wanted / gap) * (wanted / gap));
        (speed + accel * dt).max(0.0)
    }

    /// How fast the driver drives on a free road next, by the model's own approach to the wished speed [m/s].
    #[inline]
    pub(crate) fn free_road_speed(&self, speed: f64, wished: f64, dt: f64) -> f64 {
        match self.following {
            CarFollowing::Krauss { .. } => wished,
            CarFollowing::Idm { exponent } => {
                let accel = self.accel * (1.0 - libm::pow(speed / wished.max(EPS), exponent));
                (speed + accel * dt).max(0.0).max(speed - self.decel * dt)
            }
        }
    }

    /// The driver's imperfection, 0 to 1.
    pub(crate) fn sigma(&self) -> f64 {
        match self.following {
            CarFollowing::Krauss { sigma } => sigma,
            CarFollowing::Idm { .. } => 0.0,
        }
    }
}

/// Whether a gap is so long that `speed` is safe whatever is at its end; a bound that spares the exact rule its root.
#[inline]
fn is_far(gap: f64, speed: f64, decel: f64, headway: f64, dt: f64) -> bool {
    gap - 1.0 > speed * (headway + dt) + 0.5 * speed * speed / decel
}

/// The constant deceleration that stops exactly within `gap` [m/s²].
fn emergency_to_stop(gap: f64, speed: f64) -> f64 {
    if gap <= 0.0 { f64::INFINITY } else { 0.5 * speed * speed / gap }
}

/// The constant deceleration that avoids running into a leader who brakes by `leader_decel` [m/s²].
fn emergency_to_follow(gap: f64, speed: f64, leader_speed: f64, leader_decel: f64) -> f64 {
    if gap <= 0.0 {
        return f64::INFINITY;
    }
    // Enough if braking no harder than the leader stops the follower behind the leader's standstill ...
    let leader_way = 0.5 * leader_speed * leader_speed / leader_decel;
    let gentle = 0.5 * speed * speed / (gap + leader_way);
    if gentle <= leader_decel {
        return gentle;
    }
    // ... otherwise both brake alike, and the difference of their braking ways must fit the gap.
    0.5 * (speed * speed - leader_speed * leader_speed) / gap
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Braking as the rule allows must never overrun the gap, whatever gap and step.
    #[test]
    fn a_safe_stop_speed_stops_in_time() {
        for dt in [0.1, 0.5, 1.0] {
            for tenth in 0..2000 {
                let gap = f64::from(tenth) * 0.1;
                let mut left = gap;
                for _ in 0..2000 {
                    let speed = stop_speed_max(left, 4.5, dt, dt);
                    left -= speed * dt;
                    if speed <= 0.0 {
                        break;
                    }
                }
                assert!((0.0..0.02).contains(&left), "gap {gap}, dt {dt}: {left} left");
            }
        }
    }

    #[test]
    fn free_speed_reaches_the_lower_limit_in_time() {
        let mut dist = 120.0;
        let mut speed = 30.0;
        while dist > 0.0 {
            speed = free_speed(dist, 8.0, 4.5, 1.0).min(30.0);
            dist -= speed;
        }
        // The last step may end on the very border; the next, beyond it, is within the limit by comfortable braking.
        assert!(dist > -8.0 - 1e-9 && speed - 4.5 <= 8.0, "{speed} with {dist} left");
        assert!((free_speed(0.0, 8.0, 4.5, 1.0) - 8.0).abs() < 1e-12);
    }

    /// Nearer than the least gap a driver makes room at once, however fast the leader is.
    #[test]
    fn too_near_means_braking_hard() {
        let kind = KindFacts::block(5.0);
        assert!((kind.follow_speed(10.0, -0.5, 30.0, 4.5, 1.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn brake_gap_in_whole_steps() {
        // 10 m/s at 4.5 m/s²: 5.5, then 1.0, then 0 m/s.
        assert!((brake_gap(10.0, 4.5, 0.0, 1.0) - 6.5).abs() < 1e-12);
    }
}
