//! Hospitals and stations of ambulances that are mapped become places with gates.

use super::drawing::drawing;
use super::{STAR, STAR_WAYS, import_plain};

const PLACES: &str = "60 42 25 amenity=hospital name=Mercy\n61 -60 20 emergency=ambulance_station\n\
                      62 10 60 amenity=hospital emergency=no name=Rehab\n63 48 30 healthcare=hospital name=Twin\n\
                      64 9000 0 amenity=hospital name=Elsewhere\n65 -80 -30\n66 -60 -30\n67 -60 -50\n68 -80 -50\n";
const OUTLINE: &str = "30 65,66,67,68,65 building=yes healthcare=hospital name=Outline\n";

#[test]
fn hospitals_and_stations_have_gates_on_the_nearest_road() {
    let (imported, network) = import_plain(&drawing(&format!("{STAR}{PLACES}"), &format!("{STAR_WAYS}{OUTLINE}"), ""));
    let places = &imported.file.places;
    let hospitals: Vec<&str> = places.hospitals.iter().map(|site| site.name.as_str()).collect();
    assert_eq!(hospitals, ["Mercy", "Outline"], "{}", imported.report.to_text());
    let stations: Vec<&str> = places.ambulance_stations.iter().map(|site| site.name.as_str()).collect();
    assert_eq!(stations, ["Ambulance Station 1"], "one without a name is numbered");
    for (site, x) in places.hospitals.iter().chain(&places.ambulance_stations).zip([42.0, -70.0, -60.0]) {
        let road = network.find_edge(&site.at.road).expect("a road of the map");
        assert!(["10#0", "-10#0", "10#1", "-10#1"].contains(&network.edge(road).name.as_str()), "{site:?}");
        assert!((site.at.point.x - x).abs() < 1.0 && site.at.point.y.abs() < 4.0, "{site:?}");
    }
    let left_out = |kind: &str| imported.report.left_out.get(kind).map(|tally| tally.examples.clone());
    assert_eq!(left_out("hospitals that take in no emergencies"), Some(vec!["node/62".to_owned()]));
    assert_eq!(left_out("hospitals and ambulance stations mapped twice"), Some(vec!["node/63".to_owned()]));
    assert_eq!(left_out("hospitals and ambulance stations far from every road"), Some(vec!["node/64".to_owned()]));
    let guessed = &imported.report.guessed["gates of hospitals and ambulance stations on the nearest road"];
    assert_eq!(guessed.count, 3);
}

#[test]
fn a_map_without_them_has_none() {
    let (imported, _) = import_plain(&drawing(STAR, STAR_WAYS, ""));
    assert!(imported.file.places.hospitals.is_empty() && imported.file.places.ambulance_stations.is_empty());
}
