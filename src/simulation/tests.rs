//! What only a whole city shows of its parts: guides that come and go with the traffic, and trains under their signals.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::City;
use super::actors::Percept;
use crate::city::demand::sumo::{ReadSettings, read_sources};
use crate::city::network::sumo::read_source;
use crate::city::network::xml::Source;
use crate::city::scenario::settings::RunSettings;
use crate::city::scenario::{self, Overrides};
use crate::primitives::SimTime;
use crate::primitives::text::Findings;

/// Rows are there for everybody on the road and for nobody who has left, and a fork works out the same ones again.
#[test]
fn rows_of_guides_come_and_go_with_the_traffic() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/emergencies.yaml");
    let loaded = scenario::load(&path, &Overrides::default()).expect("a sound scenario");
    let plan = loaded.emergencies.as_ref().expect("it has emergencies");
    let mut city = City::assemble(&loaded.network, &loaded.demand, loaded.settings);
    city.bring_emergencies(&loaded.network, plan);
    let mut fork = None;
    for step in 0..900 {
        city.step();
        if step == 300 {
            fork = Some(city.fork());
        }
    }
    let kept = city.world.resource::<Percept>().road.guides.come_and_go();
    assert_eq!(kept, (true, true), "rows for the open guides and no others; somebody has left");
    let mut fork = fork.expect("forked on the way");
    for _ in 301..900 {
        fork.step();
    }
    assert_eq!(city.state_hash(), fork.state_hash());
}

/// A railway from A over a signal S and a level crossing X to B; a road crosses it at X.
const RAILWAY: &str = r#"<net version="1.20">
    <edge id=":S_0" function="internal"><lane id=":S_0_0" index="0" allow="rail" speed="30" length="0.1" shape="500,0 500.1,0"/></edge>
    <edge id=":X_0" function="internal"><lane id=":X_0_0" index="0" allow="rail" speed="30" length="10" shape="995,0 1005,0"/></edge>
    <edge id=":X_1" function="internal"><lane id=":X_1_0" index="0" disallow="rail" speed="14" length="10" shape="1000,-5 1000,5"/></edge>
    <edge id="r1" from="A" to="S"><lane id="r1_0" index="0" allow="rail" speed="30" length="500" shape="0,0 500,0"/></edge>
    <edge id="r2" from="S" to="X"><lane id="r2_0" index="0" allow="rail" speed="30" length="495" shape="500,0 995,0"/></edge>
    <edge id="r3" from="X" to="B"><lane id="r3_0" index="0" allow="rail" speed="30" length="800" shape="1005,0 1805,0"/></edge>
    <edge id="s1" from="C" to="X"><lane id="s1_0" index="0" disallow="rail" speed="14" length="200" shape="1000,-205 1000,-5"/></edge>
    <edge id="s2" from="X" to="D"><lane id="s2_0" index="0" disallow="rail" speed="14" length="200" shape="1000,5 1000,205"/></edge>
    <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
    <junction id="C" type="dead_end" x="1000" y="-205" incLanes="" intLanes="" shape="0,0"/>
    <junction id="S" type="rail_signal" x="500" y="0" incLanes="r1_0" intLanes=":S_0_0" shape="500,0">
        <request index="0" response="0" foes="0" cont="0"/></junction>
    <junction id="X" type="rail_crossing" x="1000" y="0" incLanes="r2_0 s1_0" intLanes=":X_0_0 :X_1_0" shape="1000,0">
        <request index="0" response="00" foes="10" cont="0"/><request index="1" response="01" foes="01" cont="0"/></junction>
    <junction id="B" type="dead_end" x="1805" y="0" incLanes="r3_0" intLanes="" shape="1805,0"/>
    <junction id="D" type="dead_end" x="1000" y="205" incLanes="s2_0" intLanes="" shape="1000,205"/>
    <connection from="r1" to="r2" fromLane="0" toLane="0" via=":S_0_0" tl="S" linkIndex="0" dir="s" state="O"/>
    <connection from="r2" to="r3" fromLane="0" toLane="0" via=":X_0_0" tl="X" linkIndex="-1" dir="s" state="M"/>
    <connection from="s1" to="s2" fromLane="0" toLane="0" via=":X_1_0" tl="X" linkIndex="0" dir="s" state="o"/>
    <connection from=":S_0" to="r2" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":X_0" to="r3" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":X_1" to="s2" fromLane="0" toLane="0" dir="s" state="M"/></net>"#;

const TRAFFIC: &str = r#"<routes><vType id="train" vClass="rail" length="100"/><vType id="car"/>
    <route id="t" edges="r1 r2 r3"/><route id="c" edges="s1 s2"/>
    <flow id="trains" type="train" route="t" begin="0" end="300" period="60"/>
    <flow id="cars" type="car" route="c" begin="0" end="300" period="5"/></routes>"#;

#[test]
fn a_block_holds_one_train_and_no_train_crosses_an_open_road() {
    let network = read_source(&Source::from_text("r.net.xml", RAILWAY)).expect("it reads").0;
    let mut findings = Findings::default();
    let rows = [Source::from_text("r.rou.xml", TRAFFIC)];
    let demand = read_sources(&rows, &network, &ReadSettings::default(), &mut findings).demand;
    assert!(findings.is_ok(), "{:?}", findings.problems());
    let lane = |name: &str| network.edge(network.find_edge(name).expect("it is there")).lanes.start as usize;
    let blocks = [vec![lane("r1")], vec![lane("r2"), lane(":X_0"), lane("r3")]];
    let (crossing, road_link) = (lane(":X_0"), network.lanes[lane("s1")].links.start);
    let (vehicles, settings) = (demand.vehicles.len(), RunSettings::default());
    let settings = RunSettings { end: Some(SimTime::seconds(2000.0)), ..settings };
    let mut city = City::assemble(&Arc::new(network.clone()), &Arc::new(demand), settings);
    let mut crossed = 0;
    while !city.is_over() {
        city.step();
        let road = &city.world.resource::<Percept>().road;
        for block in &blocks {
            let bodies = block.iter().flat_map(|&lane| road.lanes[lane].iter().map(|b| b.id));
            let tails = block.iter().flat_map(|&lane| road.tails[lane].iter().map(|t| t.id));
            let trains: BTreeSet<u32> = bodies.chain(tails).collect();
            assert!(trains.len() <= 1, "{trains:?} are in one block");
        }
        if !road.lanes[crossing].is_empty() || !road.tails[crossing].is_empty() {
            assert!(road.heads.state(road_link).is_red(), "a train crosses an open road");
            crossed += 1;
        }
    }
    let outcome = city.finish(false);
    assert_eq!(outcome.arrived as usize, vehicles, "every train and every car arrives");
    assert!(crossed >= 5, "five trains have crossed");
}
