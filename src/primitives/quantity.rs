//! Physical quantities as types, so that metres and metres per second cannot be mixed.
//!
//! Every quantity wraps one `f64` in SI units. Hot inner loops of `simulation::traffic` unwrap them once per vehicle
//! class and say so; everybody else passes the types.

use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use super::time::SimDuration;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, serde::Serialize, serde::Deserialize)]
        pub struct $name(f64);

        impl $name {
            /// The zero quantity.
            pub const ZERO: Self = Self(0.0);

            /// The smaller of two quantities.
            #[must_use]
            pub fn min(self, other: Self) -> Self {
                Self(self.0.min(other.0))
            }

            /// The larger of two quantities.
            #[must_use]
            pub fn max(self, other: Self) -> Self {
                Self(self.0.max(other.0))
            }

            /// Whether the number behind it is neither infinite nor NaN.
            pub fn is_finite(self) -> bool {
                self.0.is_finite()
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Add::add)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:.2} {}", self.0, $unit)
            }
        }
    };
}

quantity!(
    /// A distance along a road or across the map [m].
    Distance,
    "m"
);
quantity!(
    /// A speed along a lane [m/s].
    Speed,
    "m/s"
);
quantity!(
    /// An acceleration, or a deceleration given as a positive number [m/s²].
    Acceleration,
    "m/s²"
);
quantity!(
    /// A traffic flow [veh/h].
    Flow,
    "veh/h"
);

impl Distance {
    /// A distance given in metres.
    pub const fn metres(metres: f64) -> Self {
        Self(metres)
    }

    /// A distance given in kilometres.
    pub const fn kilometres(kilometres: f64) -> Self {
        Self(kilometres * 1000.0)
    }

    /// The number of metres [m].
    pub const fn as_metres(self) -> f64 {
        self.0
    }

    /// The number of kilometres [km].
    pub const fn as_kilometres(self) -> f64 {
        self.0 / 1000.0
    }
}

impl Speed {
    /// A speed given in metres per second.
    pub const fn metres_per_second(value: f64) -> Self {
        Self(value)
    }

    /// A speed given in kilometres per hour.
    ///
    /// ```
    /// use citytwin::primitives::Speed;
    /// assert_eq!(Speed::kilometres_per_hour(36.0), Speed::metres_per_second(10.0));
    /// ```
    pub const fn kilometres_per_hour(value: f64) -> Self {
        Self(value / 3.6)
    }

    /// The number of metres per second [m/s].
    pub const fn as_metres_per_second(self) -> f64 {
        self.0
    }

    /// The number of kilometres per hour [km/h].
    pub const fn as_kilometres_per_hour(self) -> f64 {
        self.0 * 3.6
    }
}

impl Acceleration {
    /// An acceleration given in metres per second squared.
    pub const fn metres_per_second_squared(value: f64) -> Self {
        Self(value)
    }

    /// The number of metres per second squared [m/s²].
    pub const fn as_metres_per_second_squared(self) -> f64 {
        self.0
    }
}

impl Flow {
    /// A flow given in vehicles per hour.
    pub const fn vehicles_per_hour(value: f64) -> Self {
        Self(value)
    }

    /// The number of vehicles per hour [veh/h].
    pub const fn as_vehicles_per_hour(self) -> f64 {
        self.0
    }
}

impl Mul<SimDuration> for Speed {
    type Output = Distance;
    fn mul(self, duration: SimDuration) -> Distance {
        Distance(self.0 * duration.as_seconds())
    }
}

impl Div<Speed> for Distance {
    type Output = SimDuration;
    fn div(self, speed: Speed) -> SimDuration {
        SimDuration::seconds(self.0 / speed.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_combine() {
        let distance = Speed::kilometres_per_hour(72.0) * SimDuration::seconds(3.0);
        assert_eq!(distance, Distance::metres(60.0));
        assert_eq!(distance / Speed::metres_per_second(30.0), SimDuration::seconds(2.0));
        assert!((Distance::kilometres(1.0) / Distance::metres(250.0) - 4.0).abs() < 1e-12);
    }
}
