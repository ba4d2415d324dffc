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
fn a_hospital_may_be_a_relation() {
    let nodes = "65 -80 -30\n66 -60 -30\n67 -60 -50\n68 -80 -50\n71 -71 -39\n72 -69 -39\n73 -70 -41\n";
    // Two halves of an outline without any tag, and a court within.
    let ways = "30 65,66,67 building=yes\n31 67,68,65 building=yes\n32 71,72,73,71 building=yes\n";
    let mut drawn = drawing(
        &format!("{STAR}{nodes}"),
        &format!("{STAR_WAYS}{ways}"),
        "7 30 w31 32 amenity=hospital name=Infirmary\n",
    );
    let (relation, members) = drawn.relations.first_mut().expect("one");
    relation.tags.retain(|(key, _)| key != "type");
    relation.tags.push(("type".to_owned(), "multipolygon".to_owned()));
    for (member, role) in members.iter_mut().zip(["outer", "outer", "inner"]) {
        member.2 = role;
    }
    let of_xml = import_plain(&drawn).0;
    let packed = super::packed::pbf(&drawn, true);
    let settings = super::ImportSettings { country: Some("DE".to_owned()), ..super::ImportSettings::default() };
    let of_pbf = super::import_bytes(&super::Place::file("drawn.osm.pbf"), packed, &settings).expect("it is sound");
    for imported in [of_xml, of_pbf] {
        let hospitals = &imported.file.places.hospitals;
        assert_eq!(hospitals.iter().map(|site| site.name.as_str()).collect::<Vec<_>>(), ["Infirmary"]);
        assert!((hospitals[0].at.point.x + 70.0).abs() < 1.0, "{hospitals:?}");
    }
    drawn.relations[0].0.tags.push(("emergency".to_owned(), "no".to_owned()));
    assert!(import_plain(&drawn).0.file.places.hospitals.is_empty());
}

#[test]
fn a_map_without_them_has_none() {
    let (imported, _) = import_plain(&drawing(STAR, STAR_WAYS, ""));
    assert!(imported.file.places.hospitals.is_empty() && imported.file.places.ambulance_stations.is_empty());
}
