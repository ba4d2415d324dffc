//! What would be wrong in the real city if networks were read otherwise.

use super::*;
use crate::city::network::{Aspect, JunctionKind, Lane, Link, Projection, RightOfWay, SignalControl, Turn};
use crate::primitives::SimDuration;
use crate::primitives::ids::{LaneId, LinkId};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::text::Place;

/// A main road from W to E that a side road S meets from below; whoever turns left into the side road may wait inside.
///
/// ```text
///   W ──wc──▶ C ──ce──▶ E
///   W ◀──cw── C ◀──ec── E
///          cs ▼ ▲ sc
///             S
/// ```
pub(crate) const T_JUNCTION: &str = r#"<net version="1.20" limitTurnSpeed="5.50">
    <location netOffset="0.00,0.00" convBoundary="-100.00,-100.00,100.00,0.00" origBoundary="-100.00,-100.00,100.00,0.00" projParameter="+proj=utm +zone=32 +ellps=WGS84"/>
    <edge id=":C_0" function="internal">
        <lane id=":C_0_0" index="0" speed="13.89" length="14.40" shape="7.20,1.60 -7.20,1.60"/>
    </edge>
    <edge id=":C_1" function="internal">
        <lane id=":C_1_0" index="0" speed="8.00" length="4.07" shape="7.20,1.60 3.35,1.05 3.20,0.96"/>
    </edge>
    <edge id=":C_6" function="internal">
        <lane id=":C_6_0" index="0" speed="8.00" length="10.13" shape="3.20,0.96 0.60,-0.60 -1.05,-3.35 -1.60,-7.20"/>
    </edge>
    <edge id=":C_2" function="internal">
        <lane id=":C_2_0" index="0" speed="6.51" length="9.03" shape="1.60,-7.20 1.95,-4.75 3.00,-3.00 4.75,-1.95 7.20,-1.60"/>
    </edge>
    <edge id=":C_3" function="internal">
        <lane id=":C_3_0" index="0" speed="8.00" length="14.19" shape="1.60,-7.20 1.05,-3.35 -0.60,-0.60 -3.35,1.05 -7.20,1.60"/>
    </edge>
    <edge id=":C_4" function="internal">
        <lane id=":C_4_0" index="0" speed="6.51" length="9.03" shape="-7.20,-1.60 -4.75,-1.95 -3.00,-3.00 -1.95,-4.75 -1.60,-7.20"/>
    </edge>
    <edge id=":C_5" function="internal">
        <lane id=":C_5_0" index="0" speed="13.89" length="14.40" shape="-7.20,-1.60 7.20,-1.60"/>
    </edge>
    <edge id="ce" from="C" to="E" priority="3">
        <lane id="ce_0" index="0" speed="13.89" length="92.80" shape="7.20,-1.60 100.00,-1.60"/>
    </edge>
    <edge id="cs" from="C" to="S" priority="1">
        <lane id="cs_0" index="0" speed="13.89" length="92.80" shape="-1.60,-7.20 -1.60,-100.00"/>
    </edge>
    <edge id="cw" from="C" to="W" priority="3">
        <lane id="cw_0" index="0" speed="13.89" length="92.80" shape="-7.20,1.60 -100.00,1.60"/>
    </edge>
    <edge id="ec" from="E" to="C" priority="3">
        <lane id="ec_0" index="0" speed="13.89" length="92.80" shape="100.00,1.60 7.20,1.60"/>
    </edge>
    <edge id="sc" from="S" to="C" priority="1">
        <lane id="sc_0" index="0" speed="13.89" length="92.80" shape="1.60,-100.00 1.60,-7.20"/>
    </edge>
    <edge id="wc" from="W" to="C" priority="3">
        <lane id="wc_0" index="0" speed="13.89" length="92.80" shape="-100.00,-1.60 -7.20,-1.60"/>
    </edge>
    <junction id="C" type="priority" x="0.00" y="0.00" incLanes="ec_0 sc_0 wc_0" intLanes=":C_0_0 :C_6_0 :C_2_0 :C_3_0 :C_4_0 :C_5_0" shape="7.20,3.20 7.20,-3.20 3.20,-7.20 -3.20,-7.20 -7.20,-3.20 -7.20,3.20">
        <request index="0" response="000000" foes="001000" cont="0"/>
        <request index="1" response="110000" foes="111000" cont="1"/>
        <request index="2" response="100000" foes="100000" cont="0"/>
        <request index="3" response="100011" foes="100011" cont="0"/>
        <request index="4" response="000000" foes="000010" cont="0"/>
        <request index="5" response="000000" foes="001110" cont="0"/>
    </junction>
    <junction id="E" type="dead_end" x="100.00" y="0.00" incLanes="ce_0" intLanes="" shape="100.00,0.00 100.00,-3.20 100.00,0.00"/>
    <junction id="S" type="dead_end" x="0.00" y="-100.00" incLanes="cs_0" intLanes="" shape="0.00,-100.00 -3.20,-100.00 0.00,-100.00"/>
    <junction id="W" type="dead_end" x="-100.00" y="0.00" incLanes="cw_0" intLanes="" shape="-100.00,0.00 -100.00,3.20 -100.00,0.00"/>
    <junction id=":C_6_0" type="internal" x="3.20" y="0.96" incLanes=":C_1_0 wc_0" intLanes=":C_3_0 :C_4_0 :C_5_0"/>
    <connection from="ec" to="cw" fromLane="0" toLane="0" via=":C_0_0" dir="s" state="M"/>
    <connection from="ec" to="cs" fromLane="0" toLane="0" via=":C_1_0" dir="l" state="m"/>
    <connection from="sc" to="ce" fromLane="0" toLane="0" via=":C_2_0" dir="r" state="m"/>
    <connection from="sc" to="cw" fromLane="0" toLane="0" via=":C_3_0" dir="l" state="m"/>
    <connection from="wc" to="cs" fromLane="0" toLane="0" via=":C_4_0" dir="r" state="M"/>
    <connection from="wc" to="ce" fromLane="0" toLane="0" via=":C_5_0" dir="s" state="M"/>
    <connection from=":C_0" to="cw" fromLane="0" toLane="0" dir="s" state="M"/>
    <connection from=":C_1" to="cs" fromLane="0" toLane="0" via=":C_6_0" dir="l" state="m"/>
    <connection from=":C_6" to="cs" fromLane="0" toLane="0" dir="l" state="M"/>
    <connection from=":C_2" to="ce" fromLane="0" toLane="0" dir="r" state="M"/>
    <connection from=":C_3" to="cw" fromLane="0" toLane="0" dir="l" state="M"/>
    <connection from=":C_4" to="cs" fromLane="0" toLane="0" dir="r" state="M"/>
    <connection from=":C_5" to="ce" fromLane="0" toLane="0" dir="s" state="M"/>
</net>"#;

fn read(text: &str) -> Result<(Network, Findings), Findings> {
    read_source(&Source::from_text("t.net.xml", text))
}

fn network(text: &str) -> Network {
    read(text).unwrap_or_else(|findings| panic!("{:?}", findings.problems())).0
}

/// The T-junction with some text replaced, which must occur.
fn changed(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(T_JUNCTION.to_string(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// The same junction under a signal.
pub(crate) fn signalled() -> String {
    let mut text = changed(&[(r#"id="C" type="priority""#, r#"id="C" type="traffic_light""#)]);
    for (i, (from, to)) in
        [("ec", "cw"), ("ec", "cs"), ("sc", "ce"), ("sc", "cw"), ("wc", "cs"), ("wc", "ce")].iter().enumerate()
    {
        let plain = format!(r#"<connection from="{from}" to="{to}""#);
        text = text.replace(&plain, &format!(r#"{plain} tl="C" linkIndex="{i}""#));
    }
    let logic = r#"<tlLogic id="C" type="actuated" programID="0" offset="5">
        <param key="max-gap" value="2.5"/>
        <phase duration="30" minDur="5" maxDur="45" state="GgrrGG"/>
        <phase duration="3" state="yyrryy"/>
        <phase duration="20" minDur="5" state="rrGGrr"/>
        <phase duration="3" state="rryyrr"/>
    </tlLogic>
    <junction id="C""#;
    text.replace(r#"<junction id="C""#, logic)
}

fn link<'n>(network: &'n Network, from: &str, to: &str) -> (LinkId, &'n Link) {
    let ends =
        |link: &&Link| (network.edge_of(link.from).name.as_str(), network.edge_of(link.to).name.as_str()) == (from, to);
    let found = network.links.iter().position(|link| ends(&link)).expect("there is such a link");
    (LinkId::new(found), &network.links[found])
}

fn lane<'n>(network: &'n Network, name: &str) -> &'n Lane {
    network.lane(network.find_lane(name).expect("there is such a lane"))
}

#[test]
fn a_junction_keeps_its_lanes_turns_and_place() {
    let network = network(T_JUNCTION);
    assert_eq!((network.junctions.len(), network.edges.len(), network.links.len()), (4, 13, 13));
    let road = lane(&network, "wc_0");
    assert!((road.speed.as_metres_per_second() - 13.89).abs() < 1e-9 && (road.width.as_metres() - 3.2).abs() < 1e-9);
    assert_eq!(road.link_ids().len(), 2);
    let (_, left) = link(&network, "ec", "cs");
    assert_eq!((left.turn, left.right_of_way, left.may_wait_inside), (Turn::Left, RightOfWay::Minor, true));
    assert_eq!(left.request, Some(1));
    assert!(matches!(network.projection, Projection::Utm { zone: 32, south: false, .. }));
    assert_eq!(network.junctions[0].kind, JunctionKind::Priority);
    assert_eq!(network.junctions[0].links.len(), 6);
    assert_eq!(lane(&network, ":C_6_0").incoming.len(), 1, "one way in to an internal lane");
    assert_eq!(lane(&network, "cs_0").incoming.len(), 2, "a road is entered from the last internal lanes");
}

#[test]
fn lanes_are_reached_only_by_what_leads_onto_them() {
    let network = network(T_JUNCTION);
    for (i, link) in network.links.iter().enumerate() {
        let entered = network.lane_after(LinkId::new(i));
        assert!(network.incoming(entered).contains(&LinkId::new(i)));
        assert!(network.lane(link.from).link_ids().any(|id| id.index() == i));
        assert!(!network.edge_of(link.to).is_internal(), "a link names the road it ends on");
    }
}

#[test]
fn the_side_road_yields_and_the_main_road_does_not() {
    let network = network(T_JUNCTION);
    let names = |ids: &[LinkId]| -> Vec<String> {
        let name = |id: &LinkId| {
            let link = network.link(*id);
            format!("{}-{}", network.edge_of(link.from).name, network.edge_of(link.to).name)
        };
        ids.iter().map(name).collect()
    };
    for (from, to, yields) in [
        ("wc", "ce", vec![]),
        ("ec", "cw", vec![]),
        ("ec", "cs", vec!["wc-cs", "wc-ce"]),
        ("sc", "ce", vec!["wc-ce"]),
        ("sc", "cw", vec!["ec-cw", "ec-cs", "wc-ce"]),
        // The waiting place inside watches the opposite stream.
        (":C_1", "cs", vec!["wc-cs", "wc-ce"]),
    ] {
        assert_eq!(names(&link(&network, from, to).1.yields_to), yields, "{from} to {to}");
    }
}

#[test]
fn paths_meet_where_they_cross_merge_and_part() {
    let network = network(T_JUNCTION);
    let meets = |on: &str, with: &str| {
        let with = network.find_lane(with).expect("there is such a lane");
        let on = network.find_lane(on).expect("there is such a lane");
        network.conflicts(on).iter().find(|conflict| conflict.foe() == with).copied()
    };
    let crossing = meets(":C_6_0", ":C_5_0").expect("turning left crosses the opposite stream");
    assert!(!crossing.merges && crossing.yields && !crossing.foe_yields);
    assert!((3.0..6.0).contains(&crossing.at().as_metres()), "{crossing:?}");
    let mirrored = meets(":C_5_0", ":C_6_0").expect("and the other way round");
    assert_eq!(
        (mirrored.start, mirrored.foe_start, mirrored.size),
        (crossing.foe_start, crossing.start, crossing.foe_size)
    );
    assert!(
        meets(":C_2_0", ":C_5_0").is_some_and(|conflict| conflict.merges && conflict.yields && conflict.size <= 0.0)
    );
    assert!(meets(":C_4_0", ":C_5_0").is_some_and(|conflict| conflict.diverges && !conflict.yields));
    assert!(meets(":C_2_0", ":C_0_0").is_none(), "these streams never meet");
    for (i, lane) in network.lanes.iter().enumerate() {
        let conflicts = network.conflicts(LaneId::new(i));
        assert!(conflicts.windows(2).all(|pair| pair[0].at() <= pair[1].at()));
        for conflict in conflicts {
            assert!(conflict.at().as_metres() >= 0.0 && conflict.at() <= lane.length);
            assert!(conflict.foe_at().as_metres() >= 0.0 && conflict.foe_at() <= network.lane(conflict.foe()).length);
        }
    }
}

#[test]
fn signals_govern_their_heads() {
    let network = network(&signalled());
    let signal = &network.signals[0];
    assert_eq!(signal.links.iter().map(Vec::len).collect::<Vec<_>>(), vec![1; 6]);
    let program = &signal.programs[0];
    assert_eq!(program.offset, SimDuration::seconds(5.0));
    let seconds = SimDuration::seconds;
    let (gap_max, detector_gap) = (seconds(2.5), seconds(2.0));
    let (passing_time, inactive_after) = (seconds(1.9), seconds(180.0));
    let control = SignalControl::Actuated { gap_max, detector_gap, passing_time, inactive_after };
    assert_eq!(program.control, control);
    assert_eq!(program.phases[0].aspects[1], Aspect::GreenMinor);
    let spans: Vec<_> = program.phases.iter().map(|phase| (phase.duration_min, phase.duration_max)).collect();
    assert_eq!(spans[0], (seconds(5.0), seconds(45.0)));
    assert_eq!(spans[1], (seconds(3.0), seconds(3.0)), "a yellow is never extended");
    assert_eq!(spans[2], (seconds(5.0), seconds(2_147_483.0)), "without a longest duration there is none");
}

#[test]
fn what_only_ships_and_pedestrians_use_is_left_out_and_counted() {
    let text = changed(&[
        (
            r#"<edge id="ce""#,
            r#"<edge id="river" from="W" to="C"><lane id="river_0" index="0" allow="ship" speed="30" length="9" shape="0,0 9,0"/></edge>
               <edge id=":C_w0" function="walkingarea"><lane id=":C_w0_0" index="0" allow="pedestrian" speed="1" length="1" shape="0,0 1,0"/></edge>
               <edge id="ce""#,
        ),
        (r#"incLanes="ec_0 sc_0 wc_0""#, r#"incLanes="river_0 ec_0 sc_0 wc_0 :C_w0_0""#),
        (
            r#"<connection from="ec" to="cw""#,
            r#"<connection from="river" to="river" fromLane="0" toLane="0" dir="s" state="M"/><connection from="ec" to="cw""#,
        ),
        // The river's row comes first, so every other one moves on by one.
        (
            r#"<request index="5" response="000000" foes="001110" cont="0"/>"#,
            r#"<request index="5" response="0000001" foes="0011101" cont="0"/><request index="6" response="0000000" foes="0011100" cont="0"/>"#,
        ),
        (
            r#"<request index="4" response="000000" foes="000010" cont="0"/>"#,
            r#"<request index="4" response="1000110" foes="1000110" cont="0"/>"#,
        ),
        (
            r#"<request index="3" response="100011" foes="100011" cont="0"/>"#,
            r#"<request index="3" response="1000000" foes="1000000" cont="0"/>"#,
        ),
        (
            r#"<request index="2" response="100000" foes="100000" cont="0"/>"#,
            r#"<request index="2" response="1100000" foes="1110000" cont="1"/>"#,
        ),
        (
            r#"<request index="1" response="110000" foes="111000" cont="1"/>"#,
            r#"<request index="1" response="0000000" foes="0010000" cont="0"/>"#,
        ),
    ]);
    let (with_river, findings) = read(&text).expect("it reads");
    assert_eq!(findings.left_out().get("waterways and airways"), Some(&1));
    assert_eq!(findings.left_out().get("walking areas"), Some(&1));
    let without = network(T_JUNCTION);
    assert!(with_river.find_edge("river").is_none());
    assert_eq!(with_river.junctions[0].links, without.junctions[0].links);
    for (one, other) in with_river.links.iter().zip(&without.links).take(6) {
        assert_eq!((one.request, &one.may_wait_inside), (other.request, &other.may_wait_inside));
    }
    assert_eq!(link(&with_river, "sc", "cw").1.yields_to, link(&without, "sc", "cw").1.yields_to);
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let findings = read(&changed(&[(r#"speed="6.51""#, r#"speed="fast""#)])).expect_err("two lanes are broken");
    assert_eq!(findings.problems().len(), 2, "{:?}", findings.problems());
    assert!(findings.problems()[0].message.contains("not a number: 'fast'"));
    let text = changed(&[
        (r#"<edge id="ec" from="E""#, r#"<edge id="ec" from="Oslo""#),
        (r#"<connection from="sc" to="ce" fromLane="0""#, r#"<connection from="sc" to="ce" fromLane="3""#),
        (r#"via=":C_4_0""#, r#"via=":C_44_0""#),
    ]);
    let findings = read(&text).expect_err("three names are wrong");
    let messages: Vec<String> = findings.problems().iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 3, "{messages:#?}");
    assert!(messages[0].contains("t.net.xml:") && messages[0].contains("unknown junction 'Oslo'"), "{}", messages[0]);
    assert!(messages[1].contains("lane 3 of edge 'sc', which has only lanes 0 to 0"), "{}", messages[1]);
    assert!(messages[2].contains("unknown edge ':C_44' (did you mean"), "{}", messages[2]);
    assert!(findings.problems().iter().all(|problem| problem.place.line > 1));
}

#[test]
fn contradictions_are_refused() {
    for (from, to, words) in [
        (
            r#"<edge id="ce""#,
            r#"<edge id="cs" from="C" to="S"><lane id="x" index="0" speed="1" length="1" shape="0,0 1,1"/></edge><edge id="ce""#,
            "two edges 'cs'",
        ),
        (r#"<request index="5""#, r#"<request index="9""#, "no right-of-way row 5"),
        (r#"length="92.80""#, r#"length="-1""#, "not positive"),
        (r#"type="dead_end" x="100.00""#, r#"type="dead_end" x="east""#, "not a number: 'east'"),
        (
            r#"<lane id="wc_0" index="0""#,
            r#"<lane id="wc_0" index="0" allow="passanger""#,
            "unknown vehicle class 'passanger'",
        ),
        (r#"dir="r" state="m""#, r#"dir="x" state="m""#, "unknown value: 'x'"),
        (
            r#"from="wc" to="cs" fromLane="0" toLane="0""#,
            r#"from="wc" to="cs" fromLane="0" toLane="0" tl="X" linkIndex="0""#,
            "unknown signal 'X'",
        ),
    ] {
        let findings = read(&changed(&[(from, to)])).expect_err(words);
        assert!(
            findings.problems().iter().any(|problem| problem.message.contains(words)),
            "{words}: {:?}",
            findings.problems()
        );
    }
    let short = signalled().replace("GgrrGG", "GgrrG");
    assert!(read(&short).expect_err("too short").problems()[0].message.contains("different numbers of states"));
    assert!(read("<routes/>").expect_err("no network").problems()[0].message.contains("instead of <net>"));
}

/// Cut off anywhere or with any bit turned, a file is read or refused; it never brings the program down.
#[test]
fn damaged_files_never_panic() {
    let text = signalled();
    for cut in (0..text.len()).step_by(61) {
        let _ = read(&text[..cut]);
    }
    for round in 0..600 {
        let mut bytes = text.clone().into_bytes();
        let mut rng = Seed(7).stream(Purpose::MapMaking, round, 0);
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        if let Ok(source) = Source::from_bytes(Place::file("t.net.xml"), bytes) {
            let _ = read_source(&source);
        }
    }
}

/// Drivers whose lanes become one in turn must see each other early enough to open gaps instead of braking hard at the line; only
/// a file that says so shortens that.
#[test]
fn zipping_drivers_see_each_other_from_far_away() {
    let line = r#"via=":C_2_0" dir="r" state="m""#;
    for (written, expected) in [(r#"state="m""#, 4.5), (r#"state="Z""#, 100.0), (r#"state="Z" visibility="30""#, 30.0)]
    {
        let network = network(&changed(&[(line, &line.replace(r#"state="m""#, written))]));
        let seen = link(&network, "sc", "ce").1.visibility.as_metres();
        assert!((seen - expected).abs() < 1e-9, "{written}: {seen} m");
    }
}
