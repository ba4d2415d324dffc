//! Devices that come and go, and those that only seem to.

use super::*;

fn area(name: &str, shape: Shape) -> Geofence {
    Geofence { name: name.into(), shape, kinds: vec![ReadingKind::Position], classes: Vec::new() }
}

/// Degrees north of 55.6 north, for metres.
fn north(metres: f64) -> f64 {
    55.6 + metres / 111_195.08
}

fn sighting(at: i64, metres: f64) -> Sighting<'static> {
    Sighting { kind: ReadingKind::Position, class: Some("passenger"), at, latitude: north(metres), longitude: 4.0 }
}

/// What is told of a device that goes along a meridian, one fix a second [m].
fn check(areas: &[Geofence], way: &[f64], expected: &[(&str, EventKind, i64)]) {
    let mut visitors = Visitors::new(areas);
    let mut told = Vec::new();
    let device: DeviceId = "gps-1".parse().expect("a device");
    for (at, metres) in (0..).zip(way) {
        visitors.see(&device, &sighting(at, *metres), |news| told.push(news));
        let mut again = Visitors::new(areas);
        again.restore(serde_json::from_str(&serde_json::to_string(&visitors.state()).expect("json")).expect("a state"));
        assert_eq!((&again.known, again.visits), (&visitors.known, visitors.visits));
    }
    let told: Vec<_> = told.iter().map(|news| (news.geofence.as_deref().unwrap_or(""), news.kind, news.at)).collect();
    assert_eq!(told, expected);
}

use EventKind::{GeofenceEntered as Entered, GeofenceLeft as Left};

#[test]
fn a_device_enters_and_leaves_once_however_its_fixes_err_at_the_border() {
    let circle = area("c", Shape::Circle { latitude: 55.6, longitude: 4.0, radius: 100.0 });
    let one = std::slice::from_ref(&circle);
    check(one, &[-300.0, -50.0, 0.0, 50.0, 300.0, 400.0], &[("c", Entered, 1), ("c", Left, 4)]);
    // Errs by some metres around the border: neither here nor there.
    check(one, &[-300.0, -105.0, -95.0, -104.0, -97.0, -109.0, -92.0], &[]);
    // One fix far off, by reflections, is not believed; the next decides.
    check(one, &[0.0, 0.0, 150.0, 0.0, 150.0, 0.0], &[("c", Entered, 0)]);
    check(one, &[0.0, 95.0, 0.0], &[("c", Entered, 0)]);
    let street = area(
        "s",
        Shape::Polygon(vec![(north(-5.0), 3.99), (north(-5.0), 4.01), (north(5.0), 4.01), (north(5.0), 3.99)]),
    );
    check(&[street, circle], &[-50.0, 0.0, 0.0, 50.0, 60.0], &[("c", Entered, 0), ("s", Entered, 1), ("s", Left, 3)]);
}

#[test]
fn a_polygon_with_a_bay_holds_what_is_in_it_and_not_what_is_in_the_bay() {
    // A U, open to the north, 400 m wide.
    let east = |metres: f64| 4.0 + metres / (111_195.08 * libm::cos(55.6_f64.to_radians()));
    let corners = [
        (-200.0, -200.0),
        (200.0, -200.0),
        (200.0, 200.0),
        (100.0, 200.0),
        (100.0, 0.0),
        (-100.0, 0.0),
        (-100.0, 200.0),
        (-200.0, 200.0),
    ];
    let ring: Vec<(f64, f64)> = corners.iter().map(|(x, y)| (north(*y), east(*x))).collect();
    let fence = Fence::new(area("u", Shape::Polygon(ring)));
    let cases = [
        ((0.0, -100.0), true),
        ((0.0, 100.0), false),
        ((150.0, 100.0), true),
        ((-150.0, 100.0), true),
        ((0.0, 300.0), false),
        ((300.0, 0.0), false),
    ];
    for ((x, y), inside) in cases {
        assert_eq!(fence.side(north(y), east(x)), Some(inside), "{x} {y}");
    }
    assert_eq!(fence.side(north(-195.0), east(0.0)), None);
}

#[test]
fn classes_and_kinds_that_do_not_count_are_not_noticed() {
    let shape = Shape::Circle { latitude: 55.6, longitude: 4.0, radius: 100.0 };
    let buses = Geofence { classes: vec!["bus".into()], ..area("b", shape.clone()) };
    let units = Geofence { kinds: vec![ReadingKind::Unit], ..area("u", shape) };
    check(&[buses, units], &[0.0, 0.0, 300.0, 300.0], &[]);
}

#[test]
fn who_says_nothing_any_more_is_let_go_and_costs_nothing() {
    let mut visitors = Visitors::new(&[area("c", Shape::Circle { latitude: 55.6, longitude: 4.0, radius: 100.0 })]);
    let (device, mut told): (DeviceId, Vec<News>) = ("gps-1".parse().expect("a device"), Vec::new());
    for at in [0, 1000] {
        visitors.see(&device, &sighting(at, 0.0), |news| told.push(news));
    }
    visitors.let_go(1000 + LOST_AFTER - 1, |news| told.push(news));
    assert_eq!(told.len(), 1);
    visitors.let_go(1000 + LOST_AFTER, |news| told.push(news));
    assert_eq!((told[1].kind, told[1].status.as_deref()), (Left, Some("lost")));
    assert_eq!((visitors.known.len(), visitors.visits), (0, 0));
}

/// A thousand areas over a town: a fix is compared with those near it only.
#[test]
fn a_fix_is_compared_with_few_of_many_areas() {
    let areas: Vec<Geofence> = (0..1000)
        .map(|k| {
            let (row, column) = (f64::from(k / 32), f64::from(k % 32));
            let (latitude, longitude) = (55.5 + row * 0.01, 3.9 + column * 0.01);
            area(&format!("a{k}"), Shape::Circle { latitude, longitude, radius: 300.0 })
        })
        .collect();
    let fences = Fences::new(&areas);
    let most = (0..10_000)
        .map(|k| fences.near(55.5 + f64::from(k / 100) * 0.003, 3.9 + f64::from(k % 100) * 0.003).count())
        .max();
    assert_eq!((most, fences.large.len()), (Some(1), 0));
    assert!(fences.cells.values().all(|cell| cell.len() <= 4));
    let whole = [area("w", Shape::Circle { latitude: 55.6, longitude: 4.0, radius: 500_000.0 })];
    assert_eq!(Fences::new(&whole).large.len(), 1);
}
