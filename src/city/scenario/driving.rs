//! How people drive in the weather of the day: slower, farther apart, and with no more grip than the road gives.
//!
//! Capacity falls as in the Highway Capacity Manual (Transportation Research Board 2010, exhibit 10-15), the wished speed as in the
//! factors for a free-flow speed of 65 mph that stand beside it (Kittelson & Associates 2013, SHRP 2 L08, exhibit 36-25; light rain after Hranac et al.
//! 2006, FHWA-HOP-07-073, who also find that the jam stays as dense as it was). Both are from freeways; cities are assumed to
//! be alike. Braking ends at the friction of the road: 0.5 wet, 0.25 under snow (Wallman and Åström 2001, VTI meddelande 911A, for
//! worn-in surfaces).
//!
//! Changes the types of a demand before anything moves, so that whoever drives, saves or copies the city knows no weather. One sky holds
//! for the whole run, unless somebody makes another by hand while it runs. Acceleration, gap acceptance and lane changing stay as they are.

use super::sensors::{Weather, WeatherSky};
use crate::city::demand::{Demand, VehicleKind};
use crate::primitives::{Acceleration, SimDuration, Speed};

/// Standard gravity [m/s²].
const GRAVITY: f64 = 9.81;

/// The free-flow speed the factors were found at: 65 mph [m/s].
const REFERENCE_SPEED: f64 = 29.06;

/// Visibility below which capacity falls: 1 mile, and a half and a quarter of it [m].
const VISIBILITY_LIMITS: [f64; 3] = [1609.0, 805.0, 402.0];

/// What a lane still carries when its drivers can brake only as snow allows, headways as on a dry day: whoever brakes less hard closes up
/// more slowly. The manual's losses contain it, so that headways must not pay for it again. For the default car, which
/// brakes at 2.45 instead of 4.5 m/s²; `tests/field/weather.rs` watches over the sum.
const CAPACITY_BY_GRIP: f64 = 0.95;

/// Below this, cold alone costs capacity: -4 °F [°C].
const SEVERE_COLD: f64 = -20.0;

/// What the weather does to driving, as factors on a dry day.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Driving {
    /// Factor on the wished speed.
    pub speed: f64,
    /// Factor on the capacity of a lane; headways follow from it.
    pub capacity: f64,
    /// Hardest braking the road allows [m/s²]; none on a dry road.
    pub braking_max: Option<Acceleration>,
}

impl Driving {
    /// A dry day.
    pub const DRY: Self = Self { speed: 1.0, capacity: 1.0, braking_max: None };

    /// How people drive when the weather has turned by a share from this one to another, 0 to 1.
    #[must_use]
    pub fn towards(&self, other: &Self, share: f64) -> Self {
        if share >= 1.0 {
            return *other;
        }
        let between = |from: f64, to: f64| from + (to - from) * share.max(0.0);
        // A dry road lets everybody brake as hard as it weighs.
        let grip = |driving: &Self| driving.braking_max.map_or(GRAVITY, Acceleration::as_metres_per_second_squared);
        let slippery = self.braking_max.is_some() || other.braking_max.is_some();
        let braking = Acceleration::metres_per_second_squared(between(grip(self), grip(other)));
        Self {
            speed: between(self.speed, other.speed),
            capacity: between(self.capacity, other.capacity),
            braking_max: slippery.then_some(braking),
        }
    }

    /// Lets every type of a demand drive in this weather.
    ///
    /// Speed factors shrink, and headways grow until a lane carries as much less as the factor on capacity says. In steady following
    /// it carries `q = 1 / (T + l / v)` with the headway `T`, the length with standing gap `l` and the speed `v` (Treiber and Kesting 2013,
    /// Traffic Flow Dynamics, eq. 8.14), hence `T' = (T + l / v) / c - l / (s · v)` for the factors `s` on speed and `c` on capacity. The length and the standing
    /// gap stay, and with them the density of a jam.
    pub fn apply(&self, demand: &mut Demand) {
        if *self == Self::DRY {
            return;
        }
        for kind in &mut demand.kinds {
            self.apply_to(kind);
        }
    }

    /// Lets a type that drives as on a dry day drive in this weather.
    pub fn apply_to(&self, kind: &mut VehicleKind) {
        let factor = &mut kind.speed_factor;
        for number in [&mut factor.mean, &mut factor.deviation, &mut factor.min, &mut factor.max] {
            *number *= self.speed;
        }
        let space = (kind.length + kind.gap_min) / Speed::metres_per_second(REFERENCE_SPEED);
        let (headway, space) = (kind.headway.as_seconds(), space.as_seconds());
        let slips = self.braking_max.is_some_and(|hardest| hardest < kind.deceleration);
        let capacity = if slips { (self.capacity / CAPACITY_BY_GRIP).min(1.0) } else { self.capacity };
        let longer = (headway + space) / capacity - space / self.speed;
        kind.headway = SimDuration::seconds(longer.max(headway));
        if let Some(hardest) = self.braking_max {
            kind.deceleration_emergency = kind.deceleration_emergency.min(hardest);
            kind.deceleration = kind.deceleration.min(kind.deceleration_emergency);
        }
    }
}

impl Weather {
    /// What this weather does to driving.
    pub fn driving(&self) -> Driving {
        let grip = |friction: f64| Some(Acceleration::metres_per_second_squared(friction * GRAVITY));
        let fallen = self.precipitation;
        let (speed, capacity, braking_max): (f64, f64, _) = match self.sky {
            // Limits of 0.10 and 0.25 in/h.
            WeatherSky::Rain if fallen > 6.35 => (0.93, 0.8587, grip(0.5)),
            WeatherSky::Rain if fallen > 2.54 => (0.94, 0.9276, grip(0.5)),
            WeatherSky::Rain if fallen > 0.0 => (0.98, 0.9799, grip(0.5)),
            // Limits of 0.05, 0.10 and 0.50 in/h of water.
            WeatherSky::Snow if fallen > 12.7 => (0.85, 0.7757, grip(0.25)),
            WeatherSky::Snow if fallen > 2.54 => (0.86, 0.8896, grip(0.25)),
            WeatherSky::Snow if fallen > 1.27 => (0.88, 0.9134, grip(0.25)),
            WeatherSky::Snow if fallen > 0.0 => (0.89, 0.9571, grip(0.25)),
            WeatherSky::Dry | WeatherSky::Rain | WeatherSky::Snow | WeatherSky::Fog => (1.0, 1.0, None),
        };
        let seen = self.visibility.as_metres();
        let (speed_seen, capacity_seen) = match VISIBILITY_LIMITS.iter().filter(|&&limit| seen < limit).count() {
            0 => (1.0, 1.0),
            1 => (0.94, 0.9033),
            2 => (0.93, 0.8833),
            _ => (0.93, 0.8951),
        };
        let cold = if self.temperature < SEVERE_COLD { (0.94, 0.9155) } else { (1.0, 1.0) };
        // Whoever drives slowly because of the snow sees far enough: the worst of the three counts.
        Driving {
            speed: speed.min(speed_seen).min(cold.0),
            capacity: capacity.min(capacity_seen).min(cold.1),
            braking_max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::Distance;

    #[test]
    fn a_dry_day_changes_nothing() {
        assert_eq!(Weather::default().driving(), Driving::DRY);
    }

    #[test]
    fn the_more_falls_the_less_a_road_carries() {
        for sky in [WeatherSky::Rain, WeatherSky::Snow] {
            let mut last = Driving::DRY;
            for fallen in [1.0, 2.0, 5.0, 20.0] {
                let now = Weather { precipitation: fallen, ..Weather::under(sky) }.driving();
                assert!(now.capacity <= last.capacity && now.speed <= last.speed, "{sky:?} {fallen}: {now:?}");
                last = now;
            }
            assert!(last.capacity < 0.9, "{sky:?}");
        }
    }

    #[test]
    fn fog_costs_capacity_by_sight_alone() {
        let fog = |metres: f64| Weather { visibility: Distance::metres(metres), ..Weather::under(WeatherSky::Fog) };
        assert_eq!(fog(2000.0).driving(), Driving::DRY);
        assert!(fog(600.0).driving().capacity < fog(1000.0).driving().capacity);
        assert_eq!(fog(100.0).driving().braking_max, None);
    }
}
