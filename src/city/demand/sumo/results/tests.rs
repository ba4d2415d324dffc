//! What would be wrong in the real city if results were read back otherwise.

use super::super::{Recording, SumoDemand, read_with_recordings};
use super::*;
use crate::city::demand::{DepartPosition, DepartSpeed, RouteChoice};
use crate::city::network::sumo::read_source;
use crate::city::network::sumo::tests::T_JUNCTION;
use crate::primitives::{SimTime, VehicleClass};

fn network() -> Network {
    read_source(&Source::from_text("t.net.xml", T_JUNCTION)).expect("it reads").0
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

fn recorded(text: &str, how: Recording) -> Result<(SumoDemand, Findings), Findings> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "r.xml", text);
    read_with_recordings(&[], &[(path, how)], &network(), &ReadSettings::default())
}

fn told(findings: &Findings) -> Vec<String> {
    let place = |problem: &crate::primitives::text::Problem| (problem.place.line, problem.message.clone());
    findings.problems().iter().map(place).map(|(line, message)| format!("{line}: {message}")).collect()
}

const TRIPS: &str = r#"<?xml version="1.0"?>
<tripinfos>
<tripinfo id="a" depart="12.00" departLane="wc_0" departPos="5.10" departSpeed="13.20" departDelay="2.00" arrival="40.00" arrivalLane="ce_0" arrivalPos="92.80" arrivalSpeed="9.00" duration="28.00" vType="truck" vaporized=""><emissions CO="1"/></tripinfo>
<tripinfo id="b" depart="3.00" departLane="sc_0" departPos="50.00" departSpeed="0.00" departDelay="0.00" arrival="20.00" arrivalLane="cw_0" arrivalPos="31.00" duration="17.00" vType="my_car"/>
<tripinfo id="stuck" depart="3.00" departLane="sc_0" departPos="50" departSpeed="0" departDelay="0" arrival="-1.00" arrivalLane="" arrivalPos="-1" duration="90"/>
<personinfo id="p" depart="1"/>
</tripinfos>"#;

#[test]
fn trips_set_out_when_they_wished_to_and_choose_their_way() {
    let (read, findings) = recorded(TRIPS, Recording::Trips).expect("it reads");
    let demand = &read.demand;
    let names: Vec<&str> = demand.vehicles.iter().map(|vehicle| vehicle.name.as_str()).collect();
    assert_eq!(names, ["b", "a"], "by departure");
    let (b, a) = (&demand.vehicles[0], &demand.vehicles[1]);
    assert_eq!((a.departure.time, b.departure.time), (SimTime::seconds(10.0), SimTime::seconds(3.0)));
    assert_eq!(a.departure.position, DepartPosition::At(Distance::metres(5.1)));
    assert_eq!(
        (a.departure.speed, b.departure.speed),
        (DepartSpeed::Max, DepartSpeed::At(crate::primitives::Speed::ZERO))
    );
    assert_eq!((a.arrival_position, b.arrival_position), (None, Some(Distance::metres(31.0))));
    assert_eq!(a.choice, RouteChoice::FastestAtDeparture { via: Vec::new() });
    assert_eq!((demand.kind(a.kind).class, demand.kind(b.kind).class), (VehicleClass::Truck, VehicleClass::Passenger));
    let left_out: Vec<(&str, u64)> = findings.left_out().iter().map(|(what, count)| (what.as_str(), *count)).collect();
    assert_eq!(
        left_out,
        [
            ("<personinfo> of a tripinfo", 1),
            ("descriptions of types of vehicles that no file has (taken as cars)", 1),
            ("trips without an arrival, whose destination nobody knows", 1),
        ]
    );
}

#[test]
fn what_is_wrong_with_trips_is_told_with_its_line() {
    let text = TRIPS
        .replace("wc_0", "wx_0")
        .replace("depart=\"3.00\" departLane=\"sc_0\" departPos=\"50.00\"", "departLane=\"sc_0\"");
    let wrong = recorded(&text, Recording::Trips).expect_err("mistakes");
    assert_eq!(told(&wrong), ["3: trip 'a' has an unknown lane 'wx_0'", "4: <tripinfo> has no attribute 'depart'"]);
    let other = recorded("<routes/>", Recording::Trips).expect_err("another file");
    assert_eq!(told(&other), ["1: <routes> where <tripinfos> begins such a file"]);
    assert!(other.problems()[0].help.as_deref().is_some_and(|help| help.contains("sumo-routes")));
    let cut = recorded(&TRIPS[..TRIPS.len() / 2], Recording::Trips).expect_err("cut off");
    assert!(!cut.is_ok());
}

/// One vehicle drives all the way; one is seen on a path over the junction only in the middle; one stays till the end.
const SEEN: &str = r#"<fcd-export>
<timestep time="0.00"><vehicle id="a" x="1" y="1" type="car" speed="10.00" pos="20.00" lane="wc_0"/></timestep>
<timestep time="1.00"><vehicle id="a" type="car" speed="13.00" pos="80.00" lane="wc_0"/><vehicle id="b" type="car" speed="0.00" pos="5.10" lane="sc_0"/></timestep>
<timestep time="2.00"><vehicle id="a" type="car" speed="13.00" pos="3.00" lane=":C_5_0"/><vehicle id="b" type="car" speed="9.00" pos="60" lane="sc_0"/></timestep>
<timestep time="3.00"><vehicle id="a" type="car" speed="13.00" pos="10.00" lane="ce_0"/><vehicle id="b" type="car" speed="9.00" pos="40" lane="cw_0"/></timestep>
<timestep time="4.00"><vehicle id="a" type="car" speed="13.00" pos="90.00" lane="ce_0"/><vehicle id="c" type="car" speed="13.00" pos="1.00" lane="ec_0"/></timestep>
<timestep time="5.00"><vehicle id="c" type="car" speed="13.00" pos="14.00" lane="ec_0"/></timestep>
</fcd-export>"#;

#[test]
fn who_was_seen_drives_the_roads_it_was_seen_on() {
    let (read, findings) = recorded(SEEN, Recording::Sightings).expect("it reads");
    let network = network();
    let ways: Vec<(String, Vec<String>)> = read
        .demand
        .vehicles
        .iter()
        .map(|vehicle| {
            let edges = read.demand.route(vehicle.route).edges.iter();
            assert_eq!(vehicle.choice, RouteChoice::Fixed);
            (vehicle.name.clone(), edges.map(|edge| network.edge(*edge).name.clone()).collect())
        })
        .collect();
    let way = |name: &str, edges: &[&str]| (name.to_owned(), edges.iter().map(|edge| (*edge).to_owned()).collect());
    assert_eq!(ways, [way("a", &["wc", "ce"]), way("b", &["sc", "cw"]), way("c", &["ec"])]);
    let [a, b, c] = &read.demand.vehicles[..] else { panic!("three") };
    assert_eq!((a.departure.time, a.departure.position), (SimTime::ZERO, DepartPosition::At(Distance::metres(20.0))));
    // 90 m and 13 m on is beyond the end of a road of 92.8 m; 40 m and half of 9 m is not.
    assert_eq!((a.arrival_position, b.arrival_position), (None, Some(Distance::metres(44.5))));
    assert_eq!(
        (b.departure.speed, c.departure.speed),
        (DepartSpeed::At(crate::primitives::Speed::ZERO), DepartSpeed::Max)
    );
    let left_out: Vec<(&str, u64)> = findings.left_out().iter().map(|(what, count)| (what.as_str(), *count)).collect();
    assert_eq!(
        left_out,
        [("parts of trips before the recording begins", 1), ("rests of trips beyond the end of the recording", 1)]
    );
}

#[test]
fn what_is_wrong_with_a_recording_is_told_with_its_line() {
    let text = SEEN.replace(r#"time="3.00""#, r#"time="1.50""#).replace("ec_0", "ecc_0");
    let wrong = recorded(&text, Recording::Sightings).expect_err("mistakes");
    assert_eq!(told(&wrong)[0], "5: the time goes back from 00:00:02 to 00:00:01.500");
    assert!(told(&wrong).contains(&"6: vehicle 'c' is on an unknown lane 'ecc_0'".to_owned()), "{:?}", told(&wrong));
    let nowhere = SEEN.replace(r#"lane="cw_0""#, r#"lane="wc_0""#);
    let wrong = recorded(&nowhere, Recording::Sightings).expect_err("no way");
    assert_eq!(
        told(&wrong),
        ["3: vehicle 'b' was seen on 'sc' and then on 'wc', and there is no way from one to the other"]
    );
    let bare = recorded(
        r#"<fcd-export><timestep time="0"><vehicle id="a" x="1" y="2"/></timestep></fcd-export>"#,
        Recording::Sightings,
    );
    assert_eq!(told(&bare.expect_err("no lane")), ["1: vehicle 'a' is on no lane"]);
}

/// A road, when its interval begins [s], its vehicles and its time [s].
type Told = (String, f64, Option<f64>, Option<f64>);

fn roads(text: &str, detectors: Option<&str>) -> Result<Vec<Told>, Findings> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "e.xml", text);
    let detectors = detectors.map(|text| file(&folder, "d.add.xml", text));
    assert!(is_result(&path).expect("it can be read"));
    let network = network();
    let (rows, _) = read_roads(&path, detectors.as_deref(), &network)?;
    let name = |row: &RoadRow| network.edge(row.road).name.clone();
    Ok(rows.iter().map(|row| (name(row), row.begin.as_seconds(), row.vehicles, row.seconds)).collect())
}

#[test]
fn edge_data_count_who_came_or_who_left_whichever_are_more() {
    let text = r#"<meandata><interval begin="0.00" end="300.00" id="roads">
        <edge id="wc" sampledSeconds="90.00" traveltime="7.00" departed="9" arrived="0" entered="0" left="8"/>
        <edge id="ce" sampledSeconds="0.00" departed="0" arrived="3" entered="4" left="2"/><edge id=":C_5" entered="8" left="8"/>
        </interval><interval begin="300.00" end="600.00" id="roads"><edge id="wc" traveltime="-1" departed="0" arrived="0" entered="0" left="0"/></interval>
        <interval begin="0.00" end="600.00" id="trucks"><edge id="wc" entered="1" left="1"/></interval></meandata>"#;
    let rows = roads(text, None).expect("it reads");
    assert_eq!(
        rows,
        [
            ("wc".to_owned(), 0.0, Some(9.0), Some(7.0)),
            ("ce".to_owned(), 0.0, Some(5.0), None),
            ("wc".to_owned(), 300.0, Some(0.0), None),
        ]
    );
    let wrong = text
        .replace("id=\"ce\"", "id=\"wc\"")
        .replace("left=\"0\"", "left=\"-2\"")
        .replace("\"600.00\" id=\"roads\"", "\"600.00\"");
    let wrong = roads(&wrong, None).expect_err("mistakes");
    assert_eq!(
        told(&wrong),
        ["3: road 'wc' is there twice from 00:00:00"],
        "the second interval is of another definition"
    );
    let strange = roads(
        r#"<meandata><interval begin="5" end="5"/><interval begin="0" end="1"><edge id="cee"/></interval></meandata>"#,
        None,
    );
    let strange = strange.expect_err("mistakes");
    assert_eq!(
        told(&strange),
        ["1: the interval ends at 00:00:05, and begins at 00:00:05", "1: there is no road 'cee'"]
    );
}

#[test]
fn loops_count_a_road_where_every_lane_has_one() {
    let detectors = r#"<additional><inductionLoop id="far" lane="wc_0" pos="-10" freq="60" file="o.xml"/>
        <e1Detector id="near" lane="wc_0" pos="10" period="60" file="o.xml"/><e1Detector id="south" lane="sc_0" pos="10" period="60" file="o.xml"/></additional>"#;
    let text = r#"<detector><interval begin="0" end="60" id="near" nVehContrib="5" flow="300" speed="1"/>
        <interval begin="0" end="60" id="far" nVehContrib="4" flow="240"/><interval begin="0" end="60" id="south" flow="120"/></detector>"#;
    let rows = roads(text, Some(detectors)).expect("it reads");
    assert_eq!(rows, [("sc".to_owned(), 0.0, Some(2.0), None), ("wc".to_owned(), 0.0, Some(4.0), None)]);
    assert_eq!(told(&roads(text, None).expect_err("where?")), ["0: the file does not say where its loops lie"]);
    let strange = roads(&text.replace("south", "sooth"), Some(detectors)).expect_err("which?");
    assert_eq!(told(&strange), ["2: no file says where loop 'sooth' lies"]);
}

/// Cut off or garbled anywhere, a file is read or refused.
#[test]
fn damaged_results_never_panic() {
    let network = network();
    for (text, how) in [(TRIPS, Recording::Trips), (SEEN, Recording::Sightings)] {
        for at in (0..text.len()).step_by(7) {
            for damaged in [text[..at].to_owned(), text[at..].to_owned(), format!("{}1e9{}", &text[..at], &text[at..])]
            {
                let source = Source::from_text("r.xml", damaged);
                let mut rows = Rows::default();
                how.gather(&source, &network, &ReadSettings::default(), &mut rows, &mut Findings::default());
            }
        }
    }
}
