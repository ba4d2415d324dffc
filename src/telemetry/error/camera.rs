//! A counting camera: what it misses and what it imagines, by light, weather and traffic.
//!
//! Sources: Medina, Benekohal, Ramesh (2009, University of Illinois, three products): by day light fog or rain without wind hardly
//! matter, rain makes about 10 % of the calls false by day and 10 to 50 % by night (headlights on the wet road), snow more than
//! 50 %; dense fog hides vehicles. Occlusion grows with the flow and with the trucks in it; at dusk and dawn, when a camera changes
//! its mode, it misses more. The figures between those sources are this program's assumptions and stand below by name.

use super::chance;
use super::noise::{binomial, poisson};
use crate::primitives::random::KeyedRng;
use crate::telemetry::reading::Sky;

/// Share of vehicles missed in the best of conditions.
const MISS: f64 = 0.02;
/// Further share missed at dusk and dawn, by night, and in snowfall.
const MISS_TWILIGHT: f64 = 0.06;
const MISS_NIGHT: f64 = 0.03;
const MISS_SNOW: f64 = 0.05;
/// Further share missed for every vehicle a minute and lane, for every truck a minute and lane, and at most.
const OCCLUSION_VEHICLE: f64 = 0.002;
const OCCLUSION_TRUCK: f64 = 0.015;
const OCCLUSION_MAX: f64 = 0.20;
/// Rain that is called heavy [mm/h] (WMO: more than 7.6 mm/h or so).
const HEAVY_RAIN: f64 = 7.6;
/// Visibility from which fog begins to hide vehicles, and share missed where nothing is seen [m].
const FOG_FROM: f64 = 300.0;
const FOG_MISS: f64 = 0.7;
/// How high above the horizon the sun stands when day begins, and how low when it is night (civil twilight) [°].
const DAY_FROM: f64 = 3.0;
const NIGHT_FROM: f64 = -6.0;

/// How many classes a camera tells apart.
pub const CLASSES: usize = 6;
/// Where trucks and buses, which hide others, stand among the classes.
const TALL: [usize; 2] = [2, 3];

/// What the camera looks through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// Height of the sun above the horizon [°].
    pub sun: f64,
    /// What falls, or hangs.
    pub sky: Sky,
    /// How much falls [mm/h].
    pub precipitation: f64,
    /// How far one sees [m].
    pub visibility: f64,
}

/// How a camera errs in the conditions of a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SightRates {
    /// Share of vehicles missed, 0 to 1.
    pub miss: f64,
    /// Calls with nobody there, for each vehicle that is there.
    pub false_per_vehicle: f64,
    /// Whether light or weather make it worse than its best.
    pub poor: bool,
}

impl Sight {
    /// How a camera errs that sees `flow` vehicles a minute and lane, `tall` of them trucks and buses.
    pub fn rates(&self, flow: f64, tall: f64, severity: f64) -> SightRates {
        let (day, night) = (self.sun >= DAY_FROM, self.sun < NIGHT_FROM);
        let mut miss = MISS + (OCCLUSION_VEHICLE * flow + OCCLUSION_TRUCK * tall).min(OCCLUSION_MAX);
        if night {
            miss += MISS_NIGHT;
        } else if !day {
            miss += MISS_TWILIGHT;
        }
        let heaviness = (self.precipitation / HEAVY_RAIN).clamp(0.0, 1.0);
        // Share of all calls that are false.
        let false_calls = match self.sky {
            Sky::Rain if day => 0.10 * heaviness,
            Sky::Rain => 0.10 + 0.40 * heaviness,
            Sky::Snow => 0.50,
            Sky::Dry | Sky::Fog => 0.0,
        };
        if self.sky == Sky::Snow {
            miss += MISS_SNOW;
        }
        if self.sky == Sky::Fog {
            miss += FOG_MISS * (1.0 - self.visibility / FOG_FROM).clamp(0.0, 1.0);
        }
        let false_calls = chance(false_calls, severity).min(0.9);
        SightRates {
            miss: chance(miss, severity).min(0.95),
            false_per_vehicle: false_calls / (1.0 - false_calls),
            poor: severity > 0.0 && (!day || false_calls > 0.02 || self.sky == Sky::Snow || self.visibility < FOG_FROM),
        }
    }
}

/// What a camera counts of those who really passed, by class.
pub fn count(truth: &[u32; CLASSES], rates: &SightRates, rng: &mut KeyedRng) -> [u32; CLASSES] {
    truth.map(|there| {
        let seen = binomial(there, 1.0 - rates.miss, rng);
        seen + poisson(f64::from(there) * rates.false_per_vehicle, rng)
    })
}

/// Trucks and buses among the classes.
pub fn tall(counts: &[u32; CLASSES]) -> u32 {
    TALL.iter().map(|&class| counts[class]).sum()
}

/// Height of the sun above the horizon [°] at a latitude [°], on a day of the year (1 is the 1st of January), `hours` after
/// midnight of local solar time: declination by Cooper (1969), height by spherical trigonometry.
pub fn sun_height(latitude: f64, day: u32, hours: f64) -> f64 {
    let turn = std::f64::consts::TAU;
    let declination = 23.45_f64.to_radians() * libm::sin(turn * (284.0 + f64::from(day)) / 365.0);
    let hour_angle = turn * (hours - 12.0) / 24.0;
    let latitude = latitude.to_radians();
    let sine = libm::sin(latitude) * libm::sin(declination)
        + libm::cos(latitude) * libm::cos(declination) * libm::cos(hour_angle);
    libm::asin(sine.clamp(-1.0, 1.0)).to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    const DAY: Sight = Sight { sun: 40.0, sky: Sky::Dry, precipitation: 0.0, visibility: 30_000.0 };

    fn seen(sight: Sight) -> f64 {
        let truth = [100, 10, 5, 2, 2, 1];
        let rates = sight.rates(20.0, 1.0, 1.0);
        let mut sum = 0_u32;
        for k in 0..200 {
            sum += count(&truth, &rates, &mut Seed(1).stream(Purpose::CameraError, k, 0)).iter().sum::<u32>();
        }
        f64::from(sum) / (200.0 * 120.0)
    }

    #[test]
    fn rain_by_day_hardly_matters_but_rain_by_night_makes_vehicles_up() {
        let rain = Sight { sky: Sky::Rain, precipitation: 2.0, visibility: 8_000.0, ..DAY };
        let (dry, wet) = (seen(DAY), seen(rain));
        assert!((wet - dry).abs() < 0.06, "{dry} {wet}");
        let night = seen(Sight { sun: -20.0, ..rain });
        assert!(night > wet + 0.1, "{night}");
        let storm = seen(Sight { sun: -20.0, precipitation: 20.0, ..rain });
        assert!((1.5..2.2).contains(&storm), "half of the calls are false: {storm}");
    }

    #[test]
    fn snow_doubles_the_count_and_fog_hides_the_cars() {
        let snow = seen(Sight { sky: Sky::Snow, precipitation: 1.0, ..DAY });
        assert!((1.7..2.1).contains(&snow), "{snow}");
        let fog = |visibility| seen(Sight { sky: Sky::Fog, visibility, ..DAY });
        assert!(fog(1_000.0) > 0.9 && fog(50.0) < 0.5, "{} {}", fog(1_000.0), fog(50.0));
    }

    #[test]
    fn a_full_road_hides_more_than_an_empty_one_and_dusk_more_than_day() {
        let miss = |flow, tall, sun| Sight { sun, ..DAY }.rates(flow, tall, 1.0).miss;
        assert!(miss(25.0, 3.0, 40.0) > miss(1.0, 0.0, 40.0) + 0.05);
        assert!(miss(1.0, 0.0, 0.0) > miss(1.0, 0.0, -20.0));
        assert!(DAY.rates(10.0, 0.0, 0.0).miss == 0.0 && !DAY.rates(10.0, 0.0, 1.0).poor);
    }

    /// In early June at 55.6 degrees north the sun rises between three and four and sets between eight and nine (solar time).
    #[test]
    fn the_sun_rises_when_it_does() {
        let at = |hours: f64| sun_height(55.6, 153, hours);
        assert!(at(3.0) < 0.0 && at(4.0) > 0.0, "{} {}", at(3.0), at(4.0));
        assert!(at(20.0) > 0.0 && at(21.0) < 0.0);
        assert!((at(12.0) - (90.0 - 55.6 + 22.2)).abs() < 0.5, "{}", at(12.0));
    }
}
