//! Road traffic noise at its source by CNOSSOS-EU, and its level beside a long straight road in the open.
//!
//! Source: Commission Directive (EU) 2015/996, annex section 2.2, with the coefficients of its table F-1 as amended by
//! Delegated Directive (EU) 2021/1226, on the reference surface at 20 °C, level road, no studded tyres. Propagation is a
//! line source over hard ground and nothing more: no houses, no screens, no air, no weather. So levels compare variants of
//! one street; they are no noise map.

use crate::primitives::{Distance, Speed, VehicleClass};

/// Octave bands from 63 Hz to 8 kHz.
const BANDS: usize = 8;
/// A-weighting of the bands [dB] (IEC 61672-1, table 3).
const A_WEIGHTING: [f64; BANDS] = [-26.2, -16.1, -8.6, -3.2, 0.0, 1.2, 1.0, -1.1];
/// The speed at which the coefficients stand [km/h].
const REFERENCE_SPEED: f64 = 70.0;
/// Slower vehicles sound as at this speed: the curves begin there [km/h].
const SLOWEST: f64 = 20.0;
/// Faster ones as at this [km/h].
const FASTEST: f64 = 130.0;
/// How far from a junction stopping and starting is heard [m] (equation 2.2.17).
const JUNCTION_REACH: f64 = 100.0;

/// The categories of vehicles that noise is told apart by (table 2.2.a).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// 1: cars and vans up to 3.5 t.
    Light,
    /// 2: buses, vans and trucks with two axles.
    Medium,
    /// 3: trucks, buses and coaches with three axles or more.
    Heavy,
    /// 4a: mopeds.
    Moped,
    /// 4b: motorcycles.
    Motorcycle,
}

/// Coefficients of a category: rolling A and B, propulsion A and B [dB], and what a crossing with signals does to both.
struct Coefficients {
    rolling: Option<([f64; BANDS], [f64; BANDS])>,
    propulsion: ([f64; BANDS], [f64; BANDS]),
    crossing: (f64, f64),
}

const fn coefficients(category: Category) -> Coefficients {
    match category {
        Category::Light => Coefficients {
            rolling: Some((
                [83.1, 89.2, 87.7, 93.1, 100.1, 96.7, 86.8, 76.2],
                [30.0, 41.5, 38.9, 25.7, 32.5, 37.2, 39.0, 40.0],
            )),
            propulsion: ([97.9, 92.5, 90.7, 87.2, 84.7, 88.0, 84.4, 77.1], [-1.3, 7.2, 7.7, 8.0, 8.0, 8.0, 8.0, 8.0]),
            crossing: (-4.5, 5.5),
        },
        Category::Medium => Coefficients {
            rolling: Some((
                [88.7, 93.2, 95.7, 100.9, 101.7, 95.1, 87.8, 83.6],
                [30.0, 35.8, 32.6, 23.8, 30.1, 36.2, 38.3, 40.1],
            )),
            propulsion: (
                [105.5, 100.2, 100.5, 98.7, 101.0, 97.8, 91.2, 85.0],
                [-1.9, 4.7, 6.4, 6.5, 6.5, 6.5, 6.5, 6.5],
            ),
            crossing: (-4.0, 9.0),
        },
        Category::Heavy => Coefficients {
            rolling: Some((
                [91.7, 96.2, 98.2, 104.9, 105.1, 98.5, 91.1, 85.6],
                [30.0, 33.5, 31.3, 25.4, 31.8, 37.1, 38.6, 40.6],
            )),
            propulsion: (
                [108.8, 104.2, 103.5, 102.9, 102.6, 98.5, 93.8, 87.5],
                [0.0, 3.0, 4.6, 5.0, 5.0, 5.0, 5.0, 5.0],
            ),
            crossing: (-4.0, 9.0),
        },
        Category::Moped => Coefficients {
            rolling: None,
            propulsion: (
                [93.0, 93.0, 93.5, 95.3, 97.2, 100.4, 95.8, 90.9],
                [4.2, 7.4, 9.8, 11.6, 15.7, 18.9, 20.3, 20.6],
            ),
            crossing: (0.0, 0.0),
        },
        Category::Motorcycle => Coefficients {
            rolling: None,
            propulsion: (
                [99.9, 101.9, 96.7, 94.4, 95.2, 94.7, 92.1, 88.6],
                [3.2, 5.9, 11.9, 11.6, 11.5, 12.6, 11.1, 12.0],
            ),
            crossing: (0.0, 0.0),
        },
    }
}

/// The category of a class; none for those who make no noise that CNOSSOS speaks of, and for those on rails.
pub const fn category_of(class: VehicleClass) -> Option<Category> {
    match class {
        VehicleClass::Private
        | VehicleClass::Emergency
        | VehicleClass::Authority
        | VehicleClass::Vip
        | VehicleClass::Passenger
        | VehicleClass::Hov
        | VehicleClass::Taxi
        | VehicleClass::Delivery => Some(Category::Light),
        VehicleClass::Bus | VehicleClass::Truck | VehicleClass::Army => Some(Category::Medium),
        VehicleClass::Coach | VehicleClass::Trailer => Some(Category::Heavy),
        VehicleClass::Moped => Some(Category::Moped),
        VehicleClass::Motorcycle => Some(Category::Motorcycle),
        _ => None,
    }
}

/// Vehicles of one category that pass in an hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Which.
    pub category: Category,
    /// How many in an hour [veh/h].
    pub per_hour: f64,
    /// How fast, on average [m/s].
    pub speed: Speed,
    /// How far along the road the nearest crossing with signals is; none if it plays no part [m].
    pub to_signals: Option<Distance>,
}

/// Sound power of one vehicle by octave band [dB re 1 pW] (equations 2.2.3 to 2.2.5, 2.2.11 and 2.2.17).
pub fn vehicle_power(category: Category, speed: Speed, to_signals: Option<Distance>) -> [f64; BANDS] {
    let coefficients = coefficients(category);
    let speed = speed.as_kilometres_per_hour().clamp(SLOWEST, FASTEST);
    let nearness = to_signals.map_or(0.0, |distance| (1.0 - distance.as_metres().abs() / JUNCTION_REACH).max(0.0));
    std::array::from_fn(|band| {
        let (a, b) = coefficients.propulsion;
        let propulsion =
            a[band] + b[band] * (speed - REFERENCE_SPEED) / REFERENCE_SPEED + coefficients.crossing.1 * nearness;
        let rolling = coefficients.rolling.map(|(a, b)| {
            a[band] + b[band] * libm::log10(speed / REFERENCE_SPEED) + coefficients.crossing.0 * nearness
        });
        decibels(power(propulsion) + rolling.map_or(0.0, power))
    })
}

/// Sound power of all flows per metre of road by octave band [dB re 1 pW/m] (equation 2.2.1); none where nobody drives.
pub fn power_per_metre(flows: &[Flow]) -> Option<[f64; BANDS]> {
    let driven = |flow: &&Flow| flow.per_hour > 0.0 && flow.speed > Speed::ZERO;
    let mut sum = [0.0; BANDS];
    for flow in flows.iter().filter(driven) {
        // As many vehicles stand on a metre as pass in an hour, over the metres they drive in it. Slow traffic is dense.
        let per_metre = flow.per_hour / (1_000.0 * flow.speed.as_kilometres_per_hour().max(1.0));
        for (sum, level) in sum.iter_mut().zip(vehicle_power(flow.category, flow.speed, flow.to_signals)) {
            *sum += per_metre * power(level);
        }
    }
    sum.iter().all(|&sum| sum > 0.0).then(|| sum.map(decibels))
}

/// Sound power of a metre as the ear weighs it [dB(A) re 1 pW/m].
pub fn weighted_power(power_per_metre: &[f64; BANDS]) -> f64 {
    decibels(power_per_metre.iter().zip(A_WEIGHTING).map(|(level, weight)| power(level + weight)).sum())
}

/// Level beside a long straight road over hard ground, `distance` from its middle [dB(A)]: the power of a metre, spread over
/// a half cylinder.
pub fn equivalent_level(power_per_metre: &[f64; BANDS], distance: Distance) -> f64 {
    weighted_power(power_per_metre) - decibels(std::f64::consts::PI * distance.as_metres().max(1.0))
}

fn power(level: f64) -> f64 {
    libm::pow(10.0, level / 10.0)
}

fn decibels(power: f64) -> f64 {
    10.0 * libm::log10(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kilometres_per_hour(speed: f64) -> Speed {
        Speed::kilometres_per_hour(speed)
    }

    fn level(flows: &[Flow], distance: f64) -> f64 {
        equivalent_level(&power_per_metre(flows).expect("somebody drives"), Distance::metres(distance))
    }

    fn cars(per_hour: f64, speed: f64) -> Flow {
        Flow { category: Category::Light, per_hour, speed: kilometres_per_hour(speed), to_signals: None }
    }

    /// At the reference speed both parts stand in the table as they are, and add as powers.
    #[test]
    fn at_seventy_the_table_itself_comes_out() {
        let levels = vehicle_power(Category::Light, kilometres_per_hour(70.0), None);
        // 100.1 dB rolling and 84.7 dB propulsion at 1 kHz make 100.22 dB.
        assert!((levels[4] - 100.223).abs() < 1e-3, "{levels:?}");
        let moped = vehicle_power(Category::Moped, kilometres_per_hour(70.0), None);
        assert!((moped[5] - 100.4).abs() < 1e-9, "a moped's tyres are not heard: {moped:?}");
    }

    #[test]
    fn twice_the_traffic_is_three_decibels_and_twice_the_distance_three_less() {
        let once = level(&[cars(500.0, 50.0)], 10.0);
        assert!((level(&[cars(1_000.0, 50.0)], 10.0) - once - 3.0103).abs() < 1e-3);
        assert!((once - level(&[cars(500.0, 50.0)], 20.0) - 3.0103).abs() < 1e-3);
        let split = level(&[cars(200.0, 50.0), cars(300.0, 50.0)], 10.0);
        assert!((split - once).abs() < 1e-9, "flows add");
    }

    /// A street of 1,000 cars an hour at 50 km/h gives about 68 dB(A) at ten metres: measured streets lie within a few.
    #[test]
    fn a_busy_street_sounds_as_streets_do() {
        let street = level(&[cars(1_000.0, 50.0)], 10.0);
        assert!((64.0..72.0).contains(&street), "{street}");
        let slower = level(&[cars(1_000.0, 30.0)], 10.0);
        assert!((1.0..5.0).contains(&(street - slower)), "30 instead of 50 km/h: {}", street - slower);
        let bus = Flow { category: Category::Medium, per_hour: 100.0, ..cars(0.0, 50.0) };
        assert!(level(&[cars(1_000.0, 50.0), bus], 10.0) > street + 0.5);
    }

    #[test]
    fn engines_are_louder_and_tyres_quieter_at_signals() {
        let bus = |metres: Option<f64>| {
            vehicle_power(Category::Medium, kilometres_per_hour(30.0), metres.map(Distance::metres))
        };
        assert!(bus(Some(0.0))[0] > bus(None)[0] + 5.0);
        assert!((bus(Some(100.0))[0] - bus(None)[0]).abs() < 1e-9);
        assert!(bus(Some(50.0))[0] > bus(Some(80.0))[0]);
    }

    #[test]
    fn an_empty_road_has_no_level() {
        assert_eq!(power_per_metre(&[]), None);
        assert_eq!(power_per_metre(&[cars(0.0, 50.0)]), None);
        assert_eq!(power_per_metre(&[cars(10.0, 0.0)]), None);
    }

    #[test]
    fn bicycles_and_trains_have_no_category() {
        assert_eq!(category_of(VehicleClass::Bicycle), None);
        assert_eq!(category_of(VehicleClass::Tram), None);
        assert_eq!(category_of(VehicleClass::Bus), Some(Category::Medium));
    }
}
