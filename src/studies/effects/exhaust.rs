//! Hot exhaust and fuel of a vehicle over a trip of some mean speed, by the average-speed method of the EMEP/EEA guidebook.
//!
//! The curves were fitted to whole driving cycles, so the speed to put in is the mean over a trip, halts included, and not
//! that of a moment. They hold between two speeds; outside the nearer one is taken, and [`Factor::extrapolated`] says so.
//! Only engines are here whose coefficients could be checked; diesel cars have no fuel curve among them.
//!
//! Sources: EMEP/EEA air pollutant emission inventory guidebook 2013, update of September 2014, part 1.A.3.b, table 3-41
//! and annex (cars; equations numbered as there); guidebook 2019, part 1.A.3.b, appendix 4 (buses, half laden, level road).

use crate::primitives::{Speed, VehicleClass};

/// An engine with an exhaust standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// A petrol car of 1.4 to 2 l, Euro 5.
    PetrolCarEuro5,
    /// A petrol car of 1.4 to 2 l, Euro 6.
    PetrolCarEuro6,
    /// A diesel car of 1.4 to 2 l, Euro 5.
    DieselCarEuro5,
    /// A diesel car of 1.4 to 2 l, Euro 6 as measured before real driving was tested: real ones emit more of it.
    DieselCarEuro6,
    /// A diesel city bus of 15 to 18 t, Euro V with SCR.
    CityBusEuroV,
    /// A diesel city bus of 15 to 18 t, Euro VI.
    CityBusEuroVI,
}

/// What leaves the exhaust, or goes into the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Substance {
    /// Nitrogen oxides, as NO2.
    NitrogenOxides,
    /// Particles from the exhaust; those of brakes, tyres and roads are not among them.
    ExhaustParticles,
    /// Fuel burnt.
    Fuel,
}

/// How much per kilometre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// Grams per kilometre [g/km].
    pub grams_per_kilometre: f64,
    /// Whether the speed lay outside the curve's bounds, and the nearer bound was taken.
    pub extrapolated: bool,
}

/// What a fuel is made of, for the carbon in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carbon {
    /// Petrol, 1.8 atoms of hydrogen per atom of carbon.
    Petrol,
    /// Diesel, 2 atoms of hydrogen per atom of carbon.
    Diesel,
}

impl Engine {
    /// What it burns.
    pub const fn fuel(self) -> Carbon {
        match self {
            Self::PetrolCarEuro5 | Self::PetrolCarEuro6 => Carbon::Petrol,
            Self::DieselCarEuro5 | Self::DieselCarEuro6 | Self::CityBusEuroV | Self::CityBusEuroVI => Carbon::Diesel,
        }
    }
}

/// The engine taken for a class where a scenario says nothing; none for classes without a curve that can be cited.
pub const fn engine_of(class: VehicleClass) -> Option<Engine> {
    match class {
        VehicleClass::Passenger | VehicleClass::Private | VehicleClass::Hov | VehicleClass::Taxi => {
            Some(Engine::PetrolCarEuro6)
        }
        VehicleClass::Bus => Some(Engine::CityBusEuroVI),
        _ => None,
    }
}

/// Shapes of the guidebook's curves, V in km/h, result in g/km.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Equation 1: (a + c V + e V²) / (1 + b V + d V²), with f / V added to the numerator.
    Ratio([f64; 6]),
    /// Equation 17: a V⁵ + b V⁴ + c V³ + d V² + e V + f.
    Polynomial([f64; 6]),
    /// Equation 6: a + b / (1 + exp(-c + d ln V + e V)).
    Logistic([f64; 5]),
    /// The one equation of 2019: (a V² + b V + c + d / V) / (e V² + f V + g).
    Joined([f64; 7]),
}

/// A curve and between which speeds it holds [km/h].
#[derive(Debug, Clone, Copy)]
struct Curve {
    shape: Shape,
    slowest: f64,
    fastest: f64,
}

const fn curve(shape: Shape, slowest: f64, fastest: f64) -> Curve {
    Curve { shape, slowest, fastest }
}

/// The table of coefficients.
const fn curve_of(engine: Engine, substance: Substance) -> Option<Curve> {
    use Engine as E;
    use Shape::{Joined, Logistic, Polynomial, Ratio};
    use Substance as S;
    Some(match (engine, substance) {
        (E::PetrolCarEuro5, S::NitrogenOxides) => curve(
            Ratio([1.891_624e-1, 1.571_506, 8.154_751e-2, 2.732_776e-2, -2.488_918e-4, -2.684_672e-1]),
            5.0,
            130.0,
        ),
        (E::PetrolCarEuro6, S::NitrogenOxides) => {
            curve(Ratio([4.742_321e-1, 5.621_746, 3.405_778e-1, 8.376_288e-2, -1.515_827e-3, -1.191_087]), 5.0, 130.0)
        }
        (E::DieselCarEuro5, S::NitrogenOxides) => curve(
            Ratio([9.459_517e-1, 4.264_272e-3, -1.138_147e-2, -5.150_463e-5, 6.671_360e-5, 1.923_608]),
            10.0,
            130.0,
        ),
        (E::DieselCarEuro6, S::NitrogenOxides) => curve(
            Ratio([4.358_787e-1, 1.004_346e-2, -5.386_789e-3, -1.023_612e-4, 2.904_664e-5, -4.607_044e-1]),
            10.0,
            130.0,
        ),
        (E::PetrolCarEuro5, S::ExhaustParticles) => curve(
            Polynomial([1.444_187e-13, 1.161_774e-10, -3.370_418e-8, 3.114_143e-6, -1.252_930e-4, 3.298_301e-3]),
            10.0,
            130.0,
        ),
        (E::PetrolCarEuro6, S::ExhaustParticles) => curve(
            Polynomial([2.313_271e-13, 1.256_931e-11, -1.100_333e-8, 1.234_695e-6, -6.287_054e-5, 2.721_909e-3]),
            10.0,
            130.0,
        ),
        (E::DieselCarEuro5, S::ExhaustParticles) => {
            curve(Logistic([1.167_044e-3, 1.061_228e1, -6.483_631, 5.674_981e-1, 1.226_055e-2]), 10.0, 130.0)
        }
        (E::DieselCarEuro6, S::ExhaustParticles) => curve(
            // As in the annex, but for one common factor of 1e18.
            Ratio([-1.209_668, 1.629_630e2, 1.785_797, 2.893_480e1, 1.167_184e-2, 4.088_705]),
            10.0,
            130.0,
        ),
        // Table 3-41, Euro 4 of 1.4 to 2 l: the youngest petrol engine with a fuel curve there.
        (E::PetrolCarEuro5 | E::PetrolCarEuro6, S::Fuel) => {
            curve(Ratio([1.74e2, 6.85e-2, 3.64e-1, -2.47e-4, 8.74e-3, 0.0]), 10.0, 130.0)
        }
        (E::DieselCarEuro5 | E::DieselCarEuro6, S::Fuel) => return None,
        (E::CityBusEuroV, S::NitrogenOxides) => {
            curve(Joined([0.000_353, -0.056_183, 2.650_912, 7.873_605, -0.000_062, 0.006_593, 0.130_946]), 5.0, 85.0)
        }
        (E::CityBusEuroVI, S::NitrogenOxides) => {
            curve(Joined([-0.000_578, 0.085_237, -1.225_086, 5.922_509, 0.004_115, -0.040_690, 0.154_767]), 5.0, 85.0)
        }
        (E::CityBusEuroV, S::ExhaustParticles) => {
            curve(Joined([0.005_969, 0.325_458, -0.963_549, 1.237_492, 0.335_407, -0.640_487, 1.471_092]), 10.0, 85.0)
        }
        (E::CityBusEuroVI, S::ExhaustParticles) => {
            curve(Joined([0.000_008, -0.000_391, -0.006_567, 0.573_224, 0.003_274, -0.270_775, 6.749_392]), 10.0, 85.0)
        }
        // Energy [MJ/km], by 42.695 MJ/kg of diesel (guidebook 2019, table 3-28), is fuel.
        (E::CityBusEuroV, S::Fuel) => {
            curve(Joined([-0.000_234, -0.010_102, 3.446_478, 4.539_317, -0.000_083, 0.006_558, 0.151_315]), 5.0, 85.0)
        }
        (E::CityBusEuroVI, S::Fuel) => {
            curve(Joined([-0.000_314, -0.014_548, 5.339_277, 4.329_887, -0.000_120, 0.010_218, 0.211_098]), 5.0, 85.0)
        }
    })
}

/// What an engine emits or burns at a mean speed over a trip; none where no coefficients can be cited.
pub fn factor(engine: Engine, substance: Substance, mean_speed: Speed) -> Option<Factor> {
    let curve = curve_of(engine, substance)?;
    let asked = mean_speed.as_kilometres_per_hour();
    let speed = asked.clamp(curve.slowest, curve.fastest);
    let value = match curve.shape {
        Shape::Ratio([a, b, c, d, e, f]) => {
            (a + c * speed + e * speed * speed + f / speed) / (1.0 + b * speed + d * speed * speed)
        }
        Shape::Polynomial([a, b, c, d, e, f]) => ((((a * speed + b) * speed + c) * speed + d) * speed + e) * speed + f,
        Shape::Logistic([a, b, c, d, e]) => a + b / (1.0 + libm::exp(-c + d * libm::log(speed) + e * speed)),
        Shape::Joined([a, b, c, d, e, f, g]) => {
            (a * speed * speed + b * speed + c + d / speed) / (e * speed * speed + f * speed + g)
        }
    };
    let is_energy = matches!((engine, substance), (Engine::CityBusEuroV | Engine::CityBusEuroVI, Substance::Fuel));
    let grams = if is_energy { value / DIESEL_ENERGY * 1_000.0 } else { value };
    // NaN is not within, so a speed that is none counts as outside.
    let within = asked >= curve.slowest && asked <= curve.fastest;
    Some(Factor { grams_per_kilometre: grams.max(0.0), extrapolated: !within })
}

/// Energy in diesel [MJ/kg] (guidebook 2019, table 3-28).
const DIESEL_ENERGY: f64 = 42.695;

/// Carbon dioxide of some fuel, all its carbon burnt [same unit as `fuel`] (guidebook 2013, part 1.A.3.b, equation 34):
/// 44.011 / (12.011 + 1.008 H/C).
pub fn carbon_dioxide(carbon: Carbon, fuel: f64) -> f64 {
    let hydrogen = match carbon {
        Carbon::Petrol => 1.8,
        Carbon::Diesel => 2.0,
    };
    fuel * 44.011 / (12.011 + 1.008 * hydrogen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(engine: Engine, substance: Substance, kilometres_per_hour: f64) -> f64 {
        factor(engine, substance, Speed::kilometres_per_hour(kilometres_per_hour))
            .expect("there is a curve")
            .grams_per_kilometre
    }

    /// Worked out apart from this code, from the tables' full coefficients.
    #[test]
    fn curves_give_what_the_tables_give() {
        let cases = [
            (Engine::PetrolCarEuro5, Substance::NitrogenOxides, 30.0, 0.0330),
            (Engine::PetrolCarEuro6, Substance::NitrogenOxides, 50.0, 0.0279),
            (Engine::DieselCarEuro5, Substance::NitrogenOxides, 30.0, 0.674),
            (Engine::DieselCarEuro6, Substance::NitrogenOxides, 30.0, 0.236),
            (Engine::PetrolCarEuro6, Substance::ExhaustParticles, 50.0, 0.001_44),
            (Engine::DieselCarEuro5, Substance::ExhaustParticles, 20.0, 0.003_48),
            (Engine::DieselCarEuro6, Substance::ExhaustParticles, 20.0, 0.002_65),
            (Engine::PetrolCarEuro6, Substance::Fuel, 50.0, 56.2),
            (Engine::CityBusEuroV, Substance::NitrogenOxides, 20.0, 8.66),
            (Engine::CityBusEuroVI, Substance::NitrogenOxides, 20.0, 0.552),
            (Engine::CityBusEuroV, Substance::ExhaustParticles, 20.0, 0.0651),
            (Engine::CityBusEuroVI, Substance::ExhaustParticles, 20.0, 0.0066),
            // 11.63 MJ/km.
            (Engine::CityBusEuroVI, Substance::Fuel, 30.0, 272.4),
        ];
        for (engine, substance, speed, expected) in cases {
            let got = at(engine, substance, speed);
            assert!((got - expected).abs() <= 0.01 * expected, "{engine:?} {substance:?} at {speed}: {got}");
        }
    }

    #[test]
    fn outside_its_bounds_a_curve_stays_at_the_bound_and_says_so() {
        let crawl =
            factor(Engine::DieselCarEuro5, Substance::NitrogenOxides, Speed::metres_per_second(0.5)).expect("a curve");
        assert!(crawl.extrapolated);
        assert!(
            (crawl.grams_per_kilometre - at(Engine::DieselCarEuro5, Substance::NitrogenOxides, 10.0)).abs() < 1e-12
        );
        let inside =
            factor(Engine::DieselCarEuro5, Substance::NitrogenOxides, Speed::metres_per_second(10.0)).expect("a curve");
        assert!(!inside.extrapolated);
    }

    #[test]
    fn no_curve_is_negative_or_strange_between_its_bounds() {
        use Engine as E;
        for engine in [
            E::PetrolCarEuro5,
            E::PetrolCarEuro6,
            E::DieselCarEuro5,
            E::DieselCarEuro6,
            E::CityBusEuroV,
            E::CityBusEuroVI,
        ] {
            for substance in [Substance::NitrogenOxides, Substance::ExhaustParticles, Substance::Fuel] {
                for speed in 0..=140 {
                    if let Some(factor) = factor(engine, substance, Speed::kilometres_per_hour(f64::from(speed))) {
                        let value = factor.grams_per_kilometre;
                        assert!(value.is_finite() && value > 0.0, "{engine:?} {substance:?} at {speed}: {value}");
                    }
                }
            }
        }
        assert_eq!(factor(Engine::DieselCarEuro6, Substance::Fuel, Speed::metres_per_second(10.0)), None);
    }

    #[test]
    fn a_kilogram_of_fuel_gives_a_little_over_three_of_carbon_dioxide() {
        assert!((carbon_dioxide(Carbon::Petrol, 1.0) - 3.183).abs() < 1e-3);
        assert!((carbon_dioxide(Carbon::Diesel, 1.0) - 3.137).abs() < 1e-3);
    }

    #[test]
    fn classes_without_a_curve_have_no_engine() {
        assert_eq!(engine_of(VehicleClass::Passenger), Some(Engine::PetrolCarEuro6));
        assert_eq!(engine_of(VehicleClass::Truck), None);
        assert_eq!(Engine::DieselCarEuro5.fuel(), Carbon::Diesel);
    }
}
