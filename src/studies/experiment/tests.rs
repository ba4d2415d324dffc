//! What a run writes, byte for byte, on a street of two roads:
//!
//! ```text
//!   a ──west (100 m, 2 lanes)──> b ──:b_0 (10 m)──> east (200 m, 1 lane) ──> c
//! ```

use super::{sumo_xml, tables};
use crate::city::demand::*;
use crate::city::network::*;
use crate::primitives::ids::{EdgeId, JunctionId, KindId, LaneId, RouteId, VehicleId};
use crate::primitives::{Acceleration, ClassSet, Distance, Point, Polyline, SimDuration, SimTime, Speed, VehicleClass};
use crate::simulation::outcome::*;

pub(super) fn street() -> Network {
    let junction = |name: &str, x| Junction {
        name: name.into(),
        kind: JunctionKind::Priority,
        position: Point::new(x, 0.0),
        shape: Vec::new(),
        links: Vec::new(),
    };
    let edge = |name: &str, kind, from, to, lanes, length| Edge {
        name: name.into(),
        street: Some("Long & \"Short\" Street".into()),
        kind,
        from: JunctionId::new(from),
        to: JunctionId::new(to),
        lanes,
        priority: 1,
        length: Distance::metres(length),
        road_type: None,
    };
    let lane = |edge, index, from: f64, to: f64| Lane {
        edge: EdgeId::new(edge),
        index,
        length: Distance::metres(to - from),
        speed: Speed::kilometres_per_hour(36.0),
        width: Distance::metres(3.2),
        allowed: ClassSet::ALL,
        change_left: ClassSet::ALL,
        change_right: ClassSet::ALL,
        shape: Polyline::new(vec![Point::new(from, 0.0), Point::new(to, 0.0)]),
        links: 0..0,
        incoming: 0..0,
        conflicts: 0..0,
    };
    Network {
        junctions: vec![junction("a", 0.0), junction("b", 105.0), junction("c", 310.0)],
        edges: vec![
            edge("west", EdgeKind::Road, 0, 1, 0..2, 100.0),
            edge(":b_0", EdgeKind::Internal, 1, 1, 2..3, 10.0),
            edge("east", EdgeKind::Road, 1, 2, 3..4, 200.0),
        ],
        lanes: vec![lane(0, 0, 0.0, 100.0), lane(0, 1, 0.0, 100.0), lane(1, 0, 100.0, 110.0), lane(2, 0, 110.0, 310.0)],
        links: Vec::new(),
        signals: Vec::new(),
        projection: Projection::None,
        left_hand: false,
        incoming: Vec::new(),
        conflicts: std::sync::Arc::default(),
        edge_by_name: EdgeIndex::default(),
        roundabouts: std::collections::BTreeSet::new(),
        single_tracks: std::collections::BTreeMap::new(),
    }
}

pub(super) fn travellers() -> Demand {
    let vehicle = |name: &str| Vehicle {
        name: name.into(),
        kind: KindId::new(0),
        route: RouteId::new(0),
        choice: RouteChoice::Fixed,
        departure: Departure {
            time: SimTime::ZERO,
            lane: DepartLane::Best,
            position: DepartPosition::Base,
            speed: DepartSpeed::Max,
        },
        arrival_position: None,
        arrival_speed: ArrivalSpeed::Current,
        stops: Vec::new(),
        line: None,
    };
    Demand {
        kinds: vec![VehicleKind {
            name: "car".into(),
            class: VehicleClass::Passenger,
            length: Distance::metres(5.0),
            gap_min: Distance::metres(2.5),
            width: Distance::metres(1.8),
            speed_max: Speed::kilometres_per_hour(200.0),
            acceleration: Acceleration::metres_per_second_squared(2.6),
            deceleration: Acceleration::metres_per_second_squared(4.5),
            deceleration_emergency: Acceleration::metres_per_second_squared(9.0),
            headway: SimDuration::seconds(1.0),
            speed_factor: SpeedFactor { mean: 1.0, deviation: 0.1, min: 0.2, max: 2.0 },
            following: CarFollowing::Krauss { sigma: 0.5 },
            lane_changing: LaneChanging {
                strategic: 1.0,
                cooperative: 1.0,
                speed_gain: 1.0,
                keep_right: 1.0,
                assertive: 1.0,
            },
            impatience_after: SimDuration::seconds(180.0),
        }],
        routes: vec![Route { edges: vec![EdgeId::new(0), EdgeId::new(2)] }],
        vehicles: vec![vehicle("z<1>"), vehicle("a,2")],
        ..Demand::default()
    }
}

fn trip(vehicle: usize, arrival: Option<f64>) -> Trip {
    Trip {
        vehicle: VehicleId::new(vehicle),
        depart: SimTime::seconds(25_200.0),
        depart_delay: SimDuration::seconds(1.5),
        depart_lane: LaneId::new(1),
        depart_position: Distance::metres(5.1),
        depart_speed: Speed::metres_per_second(9.876),
        arrival: arrival.map(SimTime::seconds),
        arrival_lane: LaneId::new(3),
        arrival_position: Distance::metres(200.0),
        arrival_speed: Speed::metres_per_second(10.0),
        duration: SimDuration::seconds(40.0),
        route_length: Distance::metres(304.9),
        waiting_time: SimDuration::seconds(3.0),
        waiting_count: 2,
        stop_time: SimDuration::ZERO,
        time_loss: SimDuration::seconds(-0.001),
        speed_factor: 1.0625,
        last_resort_moves: 0,
    }
}

fn outcome() -> Outcome {
    let busy = RoadInterval {
        sampled_seconds: 60.0,
        travelled: 300.0,
        waiting_seconds: 6.0,
        time_loss: 30.0,
        entered: 1,
        left: 3,
        departed: 2,
        arrived: 0,
    };
    let idle = RoadInterval::default();
    Outcome {
        trips: vec![trip(0, Some(25_240.0)), trip(1, None)],
        roads: RoadTable {
            interval: SimDuration::seconds(60.0),
            begin: SimTime::seconds(25_200.0),
            intervals: vec![vec![busy, busy, idle], vec![busy, idle, idle], vec![idle, idle, busy]],
        },
        begin: SimTime::seconds(25_200.0),
        end: SimTime::seconds(25_350.0),
        ..Outcome::default()
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).expect("memory is never full");
    String::from_utf8(out).expect("text")
}

/// The lines of an XML file after its three lines of heading.
fn body(text: &str) -> Vec<&str> {
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<!-- generated by citytwin "));
    text.lines().skip(4).collect()
}

const XSI: &str =
    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:noNamespaceSchemaLocation=\"http://sumo.dlr.de/xsd/";

#[test]
fn tripinfo_is_what_sumo_writes() {
    let text = written(|out| sumo_xml::tripinfo(out, &outcome().trips, &street(), &travellers()));
    let expected = [
        &format!("<tripinfos {XSI}tripinfo_file.xsd\">"),
        "    <tripinfo id=\"z&lt;1&gt;\" depart=\"25200.00\" departLane=\"west_1\" departPos=\"5.10\" departSpeed=\"9.88\" \
         departDelay=\"1.50\" arrival=\"25240.00\" arrivalLane=\"east_0\" arrivalPos=\"200.00\" arrivalSpeed=\"10.00\" \
         duration=\"40.00\" routeLength=\"304.90\" waitingTime=\"3.00\" waitingCount=\"2\" stopTime=\"0.00\" timeLoss=\"0.00\" \
         rerouteNo=\"0\" devices=\"tripinfo_z&lt;1&gt;\" vType=\"car\" speedFactor=\"1.06\" vaporized=\"\"/>",
        "</tripinfos>",
    ];
    assert_eq!(body(&text), expected);
}

#[test]
fn summary_is_what_sumo_writes() {
    let mut city = CityInstant {
        time: SimTime::seconds(25_206.0),
        loaded: 122,
        inserted: 0,
        running: 0,
        waiting_to_enter: 0,
        arrived: 0,
        halting: 0,
        stopped: 0,
        speed_mean: 0.0,
        speed_relative_mean: 0.0,
        travel_time_mean: 0.0,
        depart_delay_mean: 0.0,
        last_resort_moves: 0,
    };
    let text = written(|out| {
        sumo_xml::summary_head(out)?;
        sumo_xml::summary_step(out, SimTime::seconds(25_205.0), &city)?;
        (city.inserted, city.running, city.waiting_to_enter, city.arrived) = (3, 2, 4, 1);
        (city.speed_mean, city.speed_relative_mean, city.travel_time_mean) = (13.444, 0.966, 59.27);
        sumo_xml::summary_step(out, SimTime::seconds(25_206.0), &city)?;
        sumo_xml::summary_tail(out)
    });
    let expected = [
        &format!("<summary {XSI}summary_file.xsd\">"),
        "    <step time=\"25205.00\" loaded=\"122\" inserted=\"0\" running=\"0\" waiting=\"0\" ended=\"0\" arrived=\"0\" \
         collisions=\"0\" teleports=\"0\" halting=\"0\" stopped=\"0\" meanWaitingTime=\"-1.00\" meanTravelTime=\"-1.00\" \
         meanSpeed=\"-1.00\" meanSpeedRelative=\"-1.00\" discarded=\"0\"/>",
        "    <step time=\"25206.00\" loaded=\"122\" inserted=\"3\" running=\"2\" waiting=\"4\" ended=\"1\" arrived=\"1\" \
         collisions=\"0\" teleports=\"0\" halting=\"0\" stopped=\"0\" meanWaitingTime=\"0.00\" meanTravelTime=\"59.27\" \
         meanSpeed=\"13.44\" meanSpeedRelative=\"0.97\" discarded=\"0\"/>",
        "</summary>",
    ];
    assert_eq!(body(&text), expected);
}

#[test]
fn trajectories_are_what_sumo_writes() {
    let at = |vehicle, lane, position| VehicleInstant {
        vehicle: VehicleId::new(vehicle),
        lane: LaneId::new(lane),
        position,
        speed: 9.999,
        at_stop: false,
    };
    let (network, demand) = (street(), travellers());
    let text = written(|out| {
        let trajectories = sumo_xml::Trajectories::begin(out, &demand)?;
        trajectories.step(out, SimTime::seconds(25_200.0), Vec::new(), &network, &demand)?;
        let vehicles = vec![at(0, 0, 17.84), at(1, 3, 0.0)];
        trajectories.step(out, SimTime::seconds(25_200.5), vehicles, &network, &demand)?;
        sumo_xml::Trajectories::end(out)
    });
    let expected = [
        &format!("<fcd-export {XSI}fcd_file.xsd\">"),
        "    <timestep time=\"25200.00\"/>",
        "    <timestep time=\"25200.50\">",
        "        <vehicle id=\"a,2\" x=\"110.00\" y=\"0.00\" angle=\"90.00\" type=\"car\" speed=\"10.00\" pos=\"0.00\" \
         lane=\"east_0\" slope=\"0.00\"/>",
        "        <vehicle id=\"z&lt;1&gt;\" x=\"17.84\" y=\"0.00\" angle=\"90.00\" type=\"car\" speed=\"10.00\" pos=\"17.84\" \
         lane=\"west_0\" slope=\"0.00\"/>",
        "    </timestep>",
        "</fcd-export>",
    ];
    assert_eq!(body(&text), expected);
}

/// On the 100 m of `west`, 60 vehicle-seconds and 300 vehicle-metres in 60 s are 10 veh/km at 5 m/s, thus 180 veh/h.
#[test]
fn edge_data_sums_intervals_and_cuts_the_last_one_at_the_end() {
    let text = written(|out| sumo_xml::edgedata(out, &outcome(), SimDuration::seconds(120.0), &street()));
    let expected = [
        &format!("<meandata {XSI}meandata_file.xsd\">"),
        "    <interval begin=\"25200.00\" end=\"25320.00\" id=\"roads\">",
        "        <edge id=\"west\" sampledSeconds=\"120.00\" traveltime=\"20.00\" density=\"10.00\" laneDensity=\"5.00\" \
         waitingTime=\"12.00\" timeLoss=\"60.00\" speed=\"5.00\" speedRelative=\"0.50\" departed=\"4\" arrived=\"0\" \
         entered=\"2\" left=\"6\" flow=\"180.00\" distance=\"600.00\"/>",
        "        <edge id=\"east\" sampledSeconds=\"0.00\" departed=\"0\" arrived=\"0\" entered=\"0\" left=\"0\" distance=\"0.00\"/>",
        "    </interval>",
        "    <interval begin=\"25320.00\" end=\"25350.00\" id=\"roads\">",
        "        <edge id=\"west\" sampledSeconds=\"0.00\" departed=\"0\" arrived=\"0\" entered=\"0\" left=\"0\" distance=\"0.00\"/>",
        "        <edge id=\"east\" sampledSeconds=\"60.00\" traveltime=\"40.00\" density=\"10.00\" laneDensity=\"10.00\" \
         waitingTime=\"6.00\" timeLoss=\"30.00\" speed=\"5.00\" speedRelative=\"0.50\" departed=\"2\" arrived=\"0\" \
         entered=\"1\" left=\"3\" flow=\"180.00\" distance=\"300.00\"/>",
        "    </interval>",
        "</meandata>",
    ];
    assert_eq!(body(&text), expected);
}

#[test]
fn the_table_of_trips_has_a_row_for_everybody() {
    let text = written(|out| tables::trips(out, &outcome().trips, &street(), &travellers()));
    let rows: Vec<&str> = text.lines().collect();
    let expected = [
        &tables::TRIP_COLUMNS.join(","),
        "z<1>,car,passenger,,25200.00,1.50,west_1,25240.00,east_0,40.00,304.90,3.00,2,0.00,0.00,1.0625,0,true",
        "\"a,2\",car,passenger,,25200.00,1.50,west_1,,east_0,40.00,304.90,3.00,2,0.00,0.00,1.0625,0,false",
    ];
    assert_eq!(rows, expected);
}

#[test]
fn the_table_of_roads_has_a_row_for_every_road_and_interval() {
    let text = written(|out| tables::roads(out, &outcome(), &street()));
    let rows: Vec<&str> = text.lines().collect();
    let street = "\"Long & \"\"Short\"\" Street\"";
    assert_eq!(rows.len(), 1 + 3 * 2, "paths across junctions are left out");
    let busy = "100.00,2,36.00,1,3,2,0,60.00,300.00,6.00,30.00,180.00,10.00,18.00";
    assert_eq!(rows[1], format!("25200.00,25260.00,west,{street},{busy}"));
    assert_eq!(
        rows[2],
        format!("25200.00,25260.00,east,{street},200.00,1,36.00,0,0,0,0,0.00,0.00,0.00,0.00,0.00,0.00,")
    );
    assert!(rows[6].starts_with("25320.00,25350.00,east"), "the last interval ends with the run: {}", rows[6]);
}

#[test]
fn every_column_is_explained_where_the_outputs_are() {
    let readme = include_str!("../../../outputs/README.md");
    let emergencies = super::emergencies::CALL_COLUMNS.iter().chain(&super::emergencies::INCIDENT_COLUMNS);
    for column in tables::TRIP_COLUMNS.iter().chain(&tables::ROAD_COLUMNS).chain(emergencies) {
        assert!(readme.contains(&format!("| `{column}` |")), "`{column}` is not in outputs/README.md");
    }
}
