//! A crossing with signals and who drives there, for the tests of what is observed.
//!
//! ```text
//!   A ──west (100 m)──> J ──east (100 m)──> B
//!                       ^
//!                     south (100 m)
//! ```

use std::fmt::Write as _;

use crate::city::demand::sumo::{ReadSettings, read_demand};
use crate::city::demand::{Demand, Stop};
use crate::city::network::Network;
use crate::city::network::sumo::read_network;
use crate::primitives::ids::{LaneId, StopId, VehicleId};
use crate::primitives::{Distance, SimDuration, SimTime};
use crate::simulation::outcome::VehicleInstant;

const NET: &str = r#"<net version="1.20">
    <edge id="west" from="A" to="J" priority="1"><lane id="west_0" index="0" speed="13.9" length="100" shape="0,-1.6 100,-1.6"/></edge>
    <edge id="south" from="C" to="J" priority="1"><lane id="south_0" index="0" speed="13.9" length="100" shape="102,-104 102,-4"/></edge>
    <edge id="east" from="J" to="B" priority="1"><lane id="east_0" index="0" speed="13.9" length="100" shape="104,-1.6 204,-1.6"/></edge>
    <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="13.9" length="4" shape="100,-1.6 104,-1.6"/></edge>
    <edge id=":J_1" function="internal"><lane id=":J_1_0" index="0" speed="9" length="4" shape="102,-4 104,-1.6"/></edge>
    <tlLogic id="J" type="static" programID="0" offset="0"><phase duration="30" state="Gr"/><phase duration="30" state="rG"/></tlLogic>
    <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
    <junction id="B" type="dead_end" x="204" y="0" incLanes="east_0" intLanes="" shape="204,0"/>
    <junction id="C" type="dead_end" x="102" y="-104" incLanes="" intLanes="" shape="102,-104"/>
    <junction id="J" type="traffic_light" x="102" y="0" incLanes="west_0 south_0" intLanes=":J_0_0 :J_1_0" shape="100,0 104,0">
        <request index="0" response="00" foes="10" cont="0"/><request index="1" response="01" foes="01" cont="0"/></junction>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":J_0_0" tl="J" linkIndex="0" dir="s" state="O"/>
    <connection from="south" to="east" fromLane="0" toLane="0" via=":J_1_0" tl="J" linkIndex="1" dir="r" state="o"/>
    <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":J_1" to="east" fromLane="0" toLane="0" dir="r" state="M"/></net>"#;

/// Two roads that cross, each path 20 m long.
const CROSS: &str = r#"<net version="1.20">
    <edge id="west" from="A" to="J" priority="1"><lane id="west_0" index="0" speed="13.9" length="100" shape="0,0 100,0"/></edge>
    <edge id="south" from="C" to="J" priority="1"><lane id="south_0" index="0" speed="13.9" length="100" shape="110,-110 110,-10"/></edge>
    <edge id="east" from="J" to="B" priority="1"><lane id="east_0" index="0" speed="13.9" length="100" shape="120,0 220,0"/></edge>
    <edge id="north" from="J" to="D" priority="1"><lane id="north_0" index="0" speed="13.9" length="100" shape="110,10 110,110"/></edge>
    <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="13.9" length="20" shape="100,0 120,0"/></edge>
    <edge id=":J_1" function="internal"><lane id=":J_1_0" index="0" speed="13.9" length="20" shape="110,-10 110,10"/></edge>
    <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
    <junction id="B" type="dead_end" x="220" y="0" incLanes="east_0" intLanes="" shape="220,0"/>
    <junction id="C" type="dead_end" x="110" y="-110" incLanes="" intLanes="" shape="110,-110"/>
    <junction id="D" type="dead_end" x="110" y="110" incLanes="north_0" intLanes="" shape="110,110"/>
    <junction id="J" type="priority" x="110" y="0" incLanes="west_0 south_0" intLanes=":J_0_0 :J_1_0" shape="100,0 120,0">
        <request index="0" response="00" foes="10" cont="0"/><request index="1" response="01" foes="01" cont="0"/></junction>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
    <connection from="south" to="north" fromLane="0" toLane="0" via=":J_1_0" dir="s" state="m"/>
    <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":J_1" to="north" fromLane="0" toLane="0" dir="s" state="M"/></net>"#;

/// Two roads that cross: from west to east over `:J_0_0`, from south to north over `:J_1_0`.
pub(super) fn cross() -> Network {
    read(CROSS)
}

/// The crossing; `west_0` is lane 0 and `south_0` lane 1.
pub(super) fn crossing() -> Network {
    let network = read(NET);
    assert_eq!(
        (network.find_lane("west_0"), network.find_lane("south_0")),
        (Some(LaneId::new(0)), Some(LaneId::new(1)))
    );
    network
}

fn read(text: &str) -> Network {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("crossing.net.xml");
    std::fs::write(&file, text).expect("a net");
    read_network(&file).unwrap_or_else(|wrong| panic!("{:?}", wrong.problems())).0
}

fn demand(class: &str, count: usize, every: f64) -> Demand {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("crossing.rou.xml");
    let mut text = format!(
        "<routes><vType id=\"kind\" vClass=\"{class}\" length=\"5\"/><route id=\"through\" edges=\"west east\"/>"
    );
    for vehicle in 0..count {
        let depart = every * f64::from(u32::try_from(vehicle).expect("a few"));
        write!(text, "<vehicle id=\"{vehicle}\" type=\"kind\" route=\"through\" depart=\"{depart}\"/>")
            .expect("text grows");
    }
    std::fs::write(&file, text + "</routes>").expect("routes");
    let read = read_demand(&[file], &crossing(), &ReadSettings::default());
    read.unwrap_or_else(|wrong| panic!("{:?}", wrong.problems())).0.demand
}

/// Cars of 5 m from west to east.
pub(super) fn travellers(count: usize) -> Demand {
    demand("passenger", count, 1.0)
}

/// Buses of one line, due so far apart [s], that halt at 50 m on lane 0.
pub(super) fn buses(count: usize, every: f64) -> Demand {
    let mut demand = demand("bus", count, every);
    for bus in &mut demand.vehicles {
        bus.stops.push(Stop {
            lane: LaneId::new(0),
            position: Distance::metres(50.0),
            start: Distance::metres(38.0),
            at: Some(StopId::new(0)),
            duration: SimDuration::seconds(20.0),
            until: None::<SimTime>,
            parking: false,
        });
    }
    demand
}

/// A vehicle on the road.
pub(super) fn seen(vehicle: usize, lane: usize, position: f64, speed: f64) -> VehicleInstant {
    VehicleInstant { vehicle: VehicleId::new(vehicle), lane: LaneId::new(lane), position, speed, at_stop: false }
}
