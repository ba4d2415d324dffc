//! What vehicles emit, from their class, speed and acceleration in every step.
//!
//! Exhaust of nitrogen oxides and particles: E = max(0, f1 + f2 v + f3 v^2 + f4 a + f5 a^2 + f6 v a) in g/s, v in m/s, a in m/s^2 (Int Panis,
//! Broekx, Liu 2006, "Modelling instantaneous traffic emission and the influence of traffic speed limits", Sci. Total Environ. 371,
//! eq. 1 and table 2), the fleet of its time. Cars are taken as 55 % petrol and 45 % diesel. Abrasion of tyres, brakes and road:
//! EMEP/EEA guidebook 1.A.3.b.vi-vii, tier 1, in g/km. Carbon monoxide: one hot factor per class in g/km, rounded from the same
//! guidebook's range, and a little when idling.

use crate::primitives::VehicleClass;

/// Share of petrol among cars.
const PETROL: f64 = 0.55;
/// Deceleration below which a car's engine drags [m/s²].
const DRAG_BELOW: f64 = -0.5;
/// CO of a warm engine standing [g/s].
const CO_IDLE: f64 = 0.002;

type Six = [f64; 6];

const PETROL_NOX: Six = [6.19e-4, 8.00e-5, -4.03e-6, -4.13e-4, 3.80e-4, 1.77e-4];
const PETROL_NOX_DRAG: Six = [2.17e-4, 0.0, 0.0, 0.0, 0.0, 0.0];
const DIESEL_NOX: Six = [2.41e-3, -4.11e-4, 6.73e-5, -3.07e-3, 2.14e-3, 1.50e-3];
const DIESEL_NOX_DRAG: Six = [1.68e-3, -6.62e-5, 9.00e-6, 2.50e-4, 2.91e-4, 1.20e-4];
const TRUCK_NOX: Six = [3.56e-2, 9.71e-3, -2.40e-4, 3.26e-2, 1.33e-2, 1.15e-2];
const BUS_NOX: Six = [2.36e-2, 6.51e-3, -1.70e-4, 2.17e-2, 8.94e-3, 7.57e-3];
const PETROL_PM: Six = [0.0, 1.57e-5, -9.21e-7, 0.0, 3.75e-5, 1.89e-5];
const DIESEL_PM: Six = [0.0, 3.13e-4, -1.84e-5, 0.0, 7.50e-4, 3.78e-4];
const TRUCK_PM: Six = [2.14e-4, 3.35e-4, -2.22e-5, 2.07e-3, 1.80e-3, 2.27e-4];
const BUS_PM: Six = [2.23e-4, 3.47e-4, -2.38e-5, 2.08e-3, 1.76e-3, 2.23e-4];
const NOTHING: Six = [0.0; 6];

/// What is emitted in a while [g].
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Emitted {
    /// Nitrogen oxides, as NO2.
    pub nox: f64,
    /// Particles below 2.5 um.
    pub pm2_5: f64,
    /// Particles below 10 um.
    pub pm10: f64,
    /// Carbon monoxide.
    pub co: f64,
}

impl Emitted {
    pub(crate) fn add(&mut self, other: Self) {
        self.nox += other.nox;
        self.pm2_5 += other.pm2_5;
        self.pm10 += other.pm10;
        self.co += other.co;
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            nox: self.nox - other.nox,
            pm2_5: self.pm2_5 - other.pm2_5,
            pm10: self.pm10 - other.pm10,
            co: self.co - other.co,
        }
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        Self { nox: self.nox * factor, pm2_5: self.pm2_5 * factor, pm10: self.pm10 * factor, co: self.co * factor }
    }
}

/// How a class emits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exhaust {
    nox: Six,
    nox_drag: Six,
    pm: Six,
    /// Abrasion below 2.5 and 10 um, and carbon monoxide [g/m].
    per_metre: [f64; 3],
    idle: f64,
}

impl Exhaust {
    /// How vehicles of a class emit.
    pub(crate) fn of(class: VehicleClass) -> Self {
        // Abrasion below 2.5 and 10 um and CO in g/km.
        let burns = |nox: Six, nox_drag: Six, pm: Six, per_km: [f64; 3]| Self {
            nox,
            nox_drag,
            pm,
            per_metre: per_km.map(|gram| gram / 1000.0),
            idle: CO_IDLE,
        };
        match class {
            VehicleClass::Delivery => burns(DIESEL_NOX, DIESEL_NOX_DRAG, DIESEL_PM, [0.0158, 0.0291, 0.4]),
            VehicleClass::Truck | VehicleClass::Trailer => burns(TRUCK_NOX, TRUCK_NOX, TRUCK_PM, [0.0521, 0.0970, 1.0]),
            VehicleClass::Bus | VehicleClass::Coach => burns(BUS_NOX, BUS_NOX, BUS_PM, [0.0521, 0.0970, 1.0]),
            VehicleClass::Motorcycle | VehicleClass::Moped => {
                burns(PETROL_NOX, PETROL_NOX_DRAG, PETROL_PM, [0.0050, 0.0094, 3.0])
            }
            VehicleClass::Evehicle => Self { idle: 0.0, ..burns(NOTHING, NOTHING, NOTHING, [0.0115, 0.0213, 0.0]) },
            VehicleClass::Bicycle | VehicleClass::Scooter | VehicleClass::Pedestrian | VehicleClass::Wheelchair => {
                Self { idle: 0.0, ..burns(NOTHING, NOTHING, NOTHING, [0.0; 3]) }
            }
            _ => burns(
                mixed(&PETROL_NOX, &DIESEL_NOX),
                mixed(&PETROL_NOX_DRAG, &DIESEL_NOX_DRAG),
                mixed(&PETROL_PM, &DIESEL_PM),
                [0.0115, 0.0213, 0.5],
            ),
        }
    }

    /// What a vehicle emits in `dt` [s] at a speed [m/s] and an acceleration [m/s²].
    pub(crate) fn emit(&self, speed: f64, accel: f64, dt: f64) -> Emitted {
        let nox = rate(if accel < DRAG_BELOW { &self.nox_drag } else { &self.nox }, speed, accel);
        let pm = rate(&self.pm, speed, accel);
        let [abrasion2_5, abrasion10, co] = self.per_metre.map(|gram| gram * speed);
        Emitted { nox, pm2_5: pm + abrasion2_5, pm10: pm + abrasion10, co: co + self.idle }.times(dt)
    }
}

fn rate(f: &Six, v: f64, a: f64) -> f64 {
    (f[0] + f[1] * v + f[2] * v * v + f[3] * a + f[4] * a * a + f[5] * v * a).max(0.0)
}

fn mixed(petrol: &Six, diesel: &Six) -> Six {
    std::array::from_fn(|k| PETROL * petrol[k] + (1.0 - PETROL) * diesel[k])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grams per kilometre at a steady speed, the unit of inventories.
    fn per_km(class: VehicleClass, kmh: f64) -> Emitted {
        let speed = kmh / 3.6;
        Exhaust::of(class).emit(speed, 0.0, 1.0).times(1000.0 / speed)
    }

    #[test]
    fn a_fleet_of_the_time_emits_what_inventories_of_the_time_say() {
        let car = per_km(VehicleClass::Passenger, 50.0);
        assert!((0.1..0.8).contains(&car.nox) && (0.01..0.1).contains(&car.pm10), "{car:?}");
        let truck = per_km(VehicleClass::Truck, 50.0);
        assert!((5.0..13.0).contains(&truck.nox) && truck.pm10 > 2.0 * car.pm10, "{truck:?}");
        assert!((0.3..2.0).contains(&car.co));
    }

    #[test]
    fn pulling_away_costs_more_than_rolling_and_a_bicycle_nothing() {
        let car = Exhaust::of(VehicleClass::Passenger);
        assert!(car.emit(8.0, 1.5, 1.0).nox > 3.0 * car.emit(8.0, 0.0, 1.0).nox);
        assert!(car.emit(8.0, -2.0, 1.0).nox < car.emit(8.0, 1.5, 1.0).nox);
        assert!(car.emit(0.0, 0.0, 1.0).nox > 0.0, "an engine idles");
        assert_eq!(Exhaust::of(VehicleClass::Bicycle).emit(5.0, 1.0, 1.0), Emitted::default());
        let electric = Exhaust::of(VehicleClass::Evehicle).emit(10.0, 0.0, 1.0);
        assert!(electric.nox == 0.0 && electric.pm10 > 0.0);
    }
}
