//! Weather's capacity loss: how much less a lane carries in rain and snow.
//!
//! Highway Capacity Manual (Transportation Research Board 2010, exhibit 10-15), with the range it gives for every class of intensity. A lane's capacity is read
//! off its fundamental diagram, where the free branch meets the congested one; that jams are as dense as on a dry day is Hranac et al. (2006).

use citytwin::city::demand::Demand;
use citytwin::city::scenario::{Weather, WeatherSky};

use crate::figure::{Figure, Mark, Series};
use crate::fundamental_diagram::{circling, density_and_flow};
use crate::record;
use crate::street::car;
use crate::tape::{count, line_through};

/// Limit of the ring [km/h].
const LIMIT: f64 = 100.0;

/// A class of weather: name, sky, what falls [mm/h], and the least and greatest loss of capacity [%].
const CLASSES: [(&str, WeatherSky, f64, (f64, f64)); 5] = [
    ("light rain", WeatherSky::Rain, 1.0, (1.17, 3.43)),
    ("rain", WeatherSky::Rain, 5.0, (5.67, 10.10)),
    ("heavy rain", WeatherSky::Rain, 10.0, (10.72, 17.67)),
    ("snow", WeatherSky::Snow, 5.0, (7.45, 13.35)),
    ("heavy snow", WeatherSky::Snow, 15.0, (19.53, 27.82)),
];

/// Capacity [veh/h], free speed [km/h] and jam density [veh/km] of a lane.
fn lane_in(weather: &Weather) -> (f64, f64, f64) {
    let mut drivers = Demand { kinds: vec![car(0.0)], ..Demand::default() };
    weather.driving().apply(&mut drivers);
    let at = |density: f64| density_and_flow(&circling(&drivers.kinds[0], LIMIT, density));
    let (free, congested) = (at(10.0), [at(40.0), at(60.0), at(80.0)]);
    let speed = free.1 / free.0;
    let (slope, intercept) = line_through(&congested);
    (speed * intercept / (speed - slope), speed, -intercept / slope)
}

#[test]
fn rain_and_snow_cost_capacity() {
    let (dry, dry_speed, dry_jam) = lane_in(&Weather::default());
    let mut lost = Vec::new();
    for (name, sky, precipitation, (least, most)) in CLASSES {
        let (capacity, speed, jam) = lane_in(&Weather { precipitation, ..Weather::under(sky) });
        let loss = (1.0 - capacity / dry) * 100.0;
        record::row(&format!("capacity lost in {name}"), &format!("{least:.1}–{most:.1} %"), &format!("{loss:.1} %"));
        lost.push((name, loss, (least, most), speed, jam));
    }
    let bands = lost.iter().enumerate().map(|(n, one)| Series {
        name: if n == 0 { "range of the manual" } else { "" },
        mark: Mark::Band,
        points: vec![(count(n) + 0.7, one.2.0), (count(n) + 1.3, one.2.1)],
    });
    let mut series: Vec<Series<'_>> = bands.collect();
    let points = lost.iter().enumerate().map(|(n, one)| (count(n + 1), one.1)).collect();
    series.push(Series { name: "measured", mark: Mark::Dots, points });
    Figure {
        name: "weather",
        x: ("1 light rain, 2 rain, 3 heavy rain, 4 snow, 5 heavy snow", 0.0, 6.0),
        y: ("capacity lost [%]", 0.0, 40.0),
        series,
    }
    .keep();
    for (name, loss, (least, most), speed, jam) in lost {
        assert!((least..=most).contains(&loss), "{name} costs {loss} % of capacity");
        assert!(speed < dry_speed, "{name} slows nobody");
        assert!((jam / dry_jam - 1.0).abs() < 0.1, "{name} changes the jam from {dry_jam} to {jam} veh/km");
    }
}
