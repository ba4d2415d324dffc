//! What would be wrong in the real city if demand were read otherwise.

use super::*;
use crate::city::demand::{ArrivalSpeed, CarFollowing, DepartLane, DepartPosition, DepartSpeed, DetectorKind};
use crate::city::network::sumo::read_source;
use crate::city::network::sumo::tests::T_JUNCTION;
use crate::primitives::random::Purpose;
use crate::primitives::{Distance, Speed, VehicleClass};

fn network() -> Network {
    read_source(&Source::from_text("t.net.xml", T_JUNCTION)).expect("it reads").0
}

fn read_with(text: &str, settings: &ReadSettings) -> (SumoDemand, Findings) {
    let mut findings = Findings::default();
    let source = Source::from_text("t.rou.xml", format!("<routes>\n{text}\n</routes>"));
    let demand = read_sources(&[source], &network(), settings, &mut findings);
    (demand, findings)
}

fn read(text: &str) -> SumoDemand {
    let (demand, findings) = read_with(text, &ReadSettings::default());
    assert!(findings.is_ok(), "{:?}", findings.problems());
    demand
}

fn problems(text: &str) -> Vec<String> {
    let (_, findings) = read_with(text, &ReadSettings::default());
    findings.problems().iter().map(ToString::to_string).collect()
}

const CAR: &str = r#"<vType id="car"/>"#;

#[test]
fn types_have_the_defaults_of_their_class() {
    let read = read(
        r#"<vType id="bus" vClass="bus"/><vType id="truck" vClass="truck" length="12" maxSpeed="25" sigma="0"/>
           <vType id="robot" carFollowModel="IDM" delta="2" tau="1.5" speedFactor="normc(1.1,0.05,0.8,1.4)" lcAssertive="2" impatience="off"/>
           <vType id="calm" speedFactor="0.9" speedDev="0" decel="8" emergencyDecel="3"/>
           <vType id="bike" vClass="bicycle"/>"#,
    );
    let kind = |name: &str| read.demand.kinds.iter().find(|kind| kind.name == name).expect("it is there");
    let bus = kind("bus");
    assert_eq!(
        (bus.class, bus.length, bus.gap_min),
        (VehicleClass::Bus, Distance::metres(12.0), Distance::metres(2.5))
    );
    assert!((bus.speed_max.as_kilometres_per_hour() - 100.0).abs() < 1e-9);
    assert!(bus.speed_factor.deviation.abs() < 1e-12, "bus drivers keep to the limit");
    let truck = kind("truck");
    assert_eq!((truck.length, truck.speed_max), (Distance::metres(12.0), Speed::metres_per_second(25.0)));
    assert_eq!(truck.following, CarFollowing::Krauss { sigma: 0.0 });
    let robot = kind("robot");
    assert_eq!((robot.following, robot.headway), (CarFollowing::Idm { exponent: 2.0 }, SimDuration::seconds(1.5)));
    assert!((robot.speed_factor.mean - 1.1).abs() < 1e-12 && (robot.speed_factor.max - 1.4).abs() < 1e-12);
    assert!(robot.impatience_after > SimDuration::seconds(1e9));
    let calm = kind("calm");
    assert!((calm.speed_factor.mean - 0.9).abs() < 1e-12 && calm.speed_factor.deviation.abs() < 1e-12);
    assert_eq!(calm.deceleration_emergency, calm.deceleration, "an emergency never brakes less");
    assert!((kind("bike").speed_max.as_kilometres_per_hour() - 20.0).abs() < 1e-9);
}

#[test]
fn vehicles_come_in_the_order_of_departure_then_of_the_file() {
    let read = read(
        r#"<vType id="car"/>
           <vehicle id="late" type="car" depart="100" departLane="0" departPos="3" departSpeed="max" arrivalPos="-10" arrivalSpeed="2"><route edges="wc ce"/></vehicle>
           <trip id="trip" type="car" depart="00:00:10" from="sc" to="cw"/>
           <flow id="flow" type="car" begin="0" end="40" number="4" from="ec" to="cw"/>"#,
    );
    let names: Vec<&str> = read.demand.vehicles.iter().map(|vehicle| vehicle.name.as_str()).collect();
    assert_eq!(names, ["flow.0", "trip", "flow.1", "flow.2", "flow.3", "late"]);
    let late = &read.demand.vehicles[5];
    let start = (late.departure.lane, late.departure.position, late.departure.speed);
    assert_eq!(start, (DepartLane::Index(0), DepartPosition::At(Distance::metres(3.0)), DepartSpeed::Max));
    assert!((late.arrival_position.expect("it has one").as_metres() - 82.8).abs() < 1e-9);
    assert_eq!(late.arrival_speed, ArrivalSpeed::At(Speed::metres_per_second(2.0)));
    let trip = &read.demand.vehicles[1];
    assert_eq!(trip.departure.lane, DepartLane::BestProbable);
    let edges: Vec<&str> = read.demand.route(trip.route).edges.iter().map(|_| "").collect();
    assert_eq!(edges.len(), 2, "a trip is given its way");
    assert_eq!(read.demand.routes.len(), 3, "the flow's vehicles share a route");
}

#[test]
fn only_what_departs_within_the_run_is_loaded() {
    let text = r#"<trip id="before" depart="9.9" from="nowhere" to="ce"/><trip id="first" depart="10" from="wc" to="ce"/>
                  <trip id="after" depart="20" from="nowhere" to="ce"/><flow id="f" begin="0" period="5" end="100" from="wc" to="ce"/>"#;
    let settings =
        ReadSettings { begin: SimTime::seconds(10.0), end: Some(SimTime::seconds(20.0)), ..ReadSettings::default() };
    let (read, findings) = read_with(text, &settings);
    assert!(findings.is_ok(), "{findings:?}");
    let names: Vec<&str> = read.demand.vehicles.iter().map(|vehicle| vehicle.name.as_str()).collect();
    assert_eq!(names, ["first", "f.2", "f.3"]);
    assert_eq!(read.not_due, 4);
}

#[test]
fn flows_keep_their_rhythm() {
    let times = |flow: &str| -> Vec<f64> {
        let read = read(&format!(r#"<flow id="f" {flow} from="wc" to="ce"/>"#));
        read.demand.vehicles.iter().map(|vehicle| vehicle.departure.time.as_seconds()).collect()
    };
    assert_eq!(times(r#"begin="10" end="20" period="4""#), [10.0, 14.0, 18.0]);
    assert_eq!(times(r#"begin="0" end="10" number="3""#), [0.0, 3.333, 6.666]);
    assert_eq!(times(r#"begin="0" end="7200" vehsPerHour="2""#), [0.0, 1800.0, 3600.0, 5400.0]);
    assert_eq!(times(r#"begin="5" number="2" period="3""#), [5.0, 8.0]);
    assert_eq!(times(r#"begin="5" end="5" number="2""#), [5.0, 5.0]);
    // 1,000 expected with a deviation below 32; four deviations are never missed by chance in a keyed draw.
    for random in [r#"probability="0.1""#, r#"period="exp(0.1)""#] {
        let drawn = times(&format!(r#"begin="0" end="10000" {random}"#));
        assert!((872..1128).contains(&drawn.len()), "{random}: {}", drawn.len());
        assert!(
            drawn.windows(2).all(|pair| pair[0] <= pair[1]) && drawn.iter().all(|time| (0.0..10_000.0).contains(time))
        );
    }
}

#[test]
fn choices_follow_their_weights_and_the_seed() {
    let text = r#"<vTypeDistribution id="mix"><vType id="a" probability="3"/><vType id="b" probability="1"/></vTypeDistribution>
        <vTypeDistribution id="named" vTypes="a b" probabilities="0 1"/>
        <route id="r" edges="wc ce"/><routeDistribution id="ways"><route refId="r" probability="1"/><route edges="wc cs" probability="1"/></routeDistribution>
        <flow id="f" type="mix" route="ways" begin="0" end="4000" period="1"/><flow id="g" type="named" route="r" begin="0" end="10" period="1"/>"#;
    let count = |seed: u64| {
        let settings = ReadSettings { seed: Seed(seed), ..ReadSettings::default() };
        let (read, findings) = read_with(text, &settings);
        assert!(findings.is_ok(), "{findings:?}");
        let kind = |name: &str| read.demand.kinds.iter().position(|kind| kind.name == name);
        let of_flow =
            |flow: &'static str| read.demand.vehicles.iter().filter(move |vehicle| vehicle.name.starts_with(flow));
        assert!(of_flow("g.").all(|vehicle| Some(vehicle.kind.index()) == kind("b")));
        let a = of_flow("f.").filter(|vehicle| Some(vehicle.kind.index()) == kind("a")).count();
        let first = of_flow("f.").filter(|vehicle| vehicle.route.index() == 0).count();
        (a, first)
    };
    let (a, first) = count(1);
    assert!((2890..3110).contains(&a), "three quarters of 4,000, within four deviations: {a}");
    assert!((1870..2130).contains(&first), "half of 4,000: {first}");
    assert_eq!(count(1), (a, first));
    assert_ne!(count(2), (a, first));
}

#[test]
fn buses_halt_where_their_route_passes() {
    let read = read(
        r#"<vType id="bus" vClass="bus"/><busStop id="market" lane="ce_0" startPos="20" endPos="-40"/>
           <route id="line" edges="wc ce"><stop lane="wc_0" endPos="30" until="15" parking="true"/></route>
           <vehicle id="one" type="bus" route="line" depart="100" line="7"><stop busStop="market" duration="20" until="300"/><stop lane="ce_0" startPos="80" endPos="90" duration="5"/></vehicle>"#,
    );
    let bus = &read.demand.vehicles[0];
    let ends: Vec<f64> = bus.stops.iter().map(|stop| stop.position.as_metres()).collect();
    assert_eq!(ends, [30.0, 52.8, 90.0]);
    assert_eq!(bus.stops[0].until, Some(SimTime::seconds(115.0)), "a route's timetable counts from departure");
    assert!(bus.stops[0].parking && bus.stops[1].at.is_some());
    assert_eq!(bus.stops[1].until, Some(SimTime::seconds(300.0)));
    assert_eq!(bus.line.as_deref(), Some("7"));
}

#[test]
fn detectors_and_programs_are_read() {
    let read = read(
        r#"<e1Detector id="d" lane="wc_0" pos="-10" freq="1800" file="x"/><laneAreaDetector id="a" lane="ce_0" pos="10" length="30" period="60"/>
           <tlLogic id="C" type="static" programID="night" offset="0"><phase duration="10" state="GGGGGG"/></tlLogic>"#,
    );
    let kinds: Vec<&DetectorKind> = read.demand.detectors.iter().map(|detector| &detector.kind).collect();
    let metres = Distance::metres;
    assert!(matches!(kinds[0], DetectorKind::Loop { position } if (position.as_metres() - 82.8).abs() < 1e-9));
    assert_eq!(kinds[1], &DetectorKind::Area { start: metres(10.0), end: metres(40.0) });
    assert_eq!(read.demand.detectors[1].period, SimDuration::seconds(60.0));
    assert_eq!((read.programs.len(), read.programs[0].program.name.as_str()), (1, "night"));
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let found = problems(
        r#"<vType id="car" accel="-1"/>
<route id="gap" edges="wc sc"/>
<vehicle id="a" type="car" depart="0" route="gap"/>
<vehicle id="b" type="car" depart="0" route="gap"/>
<vehicle id="c" type="cat" depart="0" route="gap"/>
<vehicle id="d" type="car" depart="0" route="gab"/>
<trip id="e" type="car" depart="soon" from="wc" to="ce"/>
<trip id="f" type="car" depart="0" from="wc" to="cee"/>
<trip id="g" type="car" depart="0" from="cw" to="ce"/>
<vehicle id="h" type="car" depart="0"/>
<flow id="i" type="car" begin="0" end="9" from="wc" to="ce"/>"#,
    );
    let expected = [
        (2, "'accel' of type 'car' is out of range: -1"),
        (8, "'depart' of <trip> is not a time: 'soon'"),
        (12, "a flow does not say how many vehicles it brings"),
        (3, "a route is not connected: class passenger cannot turn from 'wc' into 'sc'"),
        (6, "unknown type 'cat' (did you mean 'car'?)"),
        (7, "unknown route 'gab' (did you mean 'gap'?)"),
        (9, "unknown edge 'cee' (did you mean 'ce'?)"),
        (10, "class passenger has no way from 'cw' to 'ce'"),
        (11, "vehicle 'h' has no route"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (message, (line, words)) in found.iter().zip(expected) {
        assert!(
            message.starts_with(&format!("t.rou.xml:{line}:")) && message.contains(words),
            "{message} / {line} {words}"
        );
    }
}

#[test]
fn impossible_halts_and_twins_are_refused() {
    for (text, words) in [
        (
            r#"<vehicle id="v" type="car" depart="0"><route edges="wc ce"/><stop lane="cw_0" duration="1"/></vehicle>"#,
            "does not pass then",
        ),
        (
            r#"<vehicle id="v" type="car" depart="0"><route edges="wc ce"/><stop lane="ce_0" endPos="200" duration="1"/></vehicle>"#,
            "which is 92.8 m long",
        ),
        (
            r#"<vehicle id="v" type="car" depart="0"><route edges="wc ce"/><stop lane="ce_0" endPos="50" duration="1"/><stop lane="wc_0" duration="1"/></vehicle>"#,
            "does not pass then",
        ),
        (
            r#"<vehicle id="v" type="car" depart="0"><route edges="wc ce"/><stop busStop="x" duration="1"/></vehicle>"#,
            "unknown bus stop 'x'",
        ),
        (
            r#"<vehicle id="v" type="car" depart="0"><route edges="wc ce"/><stop lane="ce_0"/></vehicle>"#,
            "neither a duration",
        ),
        (
            r#"<trip id="v" type="car" depart="0" from="wc" to="ce"/><trip id="v" type="car" depart="0" from="wc" to="ce"/>"#,
            "two vehicles 'v'",
        ),
        (
            r#"<trip id="v" type="car" depart="0" departLane="1" from="wc" to="ce"/>"#,
            "departs on lane 1 of 'wc', which has 1",
        ),
        (r#"<busStop id="s" lane="ce_0" startPos="50" endPos="40"/>"#, "ends before it begins"),
        (r#"<e1Detector id="d" lane="ce_5" pos="5" freq="60"/>"#, "unknown lane 'ce_5'"),
    ] {
        let found = problems(&format!("{CAR}{text}"));
        assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}");
    }
}

#[test]
fn what_does_not_drive_is_left_out_and_counted() {
    let (read, findings) = read_with(
        r#"<vType id="ferry" vClass="ship"/><person id="p" depart="0"><walk edges="wc ce"/></person><personFlow id="q" begin="0" end="1" number="1"><walk edges="wc ce"/></personFlow>
           <person id="r" depart="0"/><vehicle id="t" type="ferry" depart="0"><route edges="river"/></vehicle><vehicle id="u" depart="triggered"><route edges="wc ce"/></vehicle>
           <rerouter id="x" edges="wc"><interval begin="0" end="1"/></rerouter><poly id="lake" shape="0,0 1,1"/>"#,
        &ReadSettings::default(),
    );
    assert!(findings.is_ok(), "{:?}", findings.problems());
    assert!(read.demand.vehicles.is_empty());
    let left_out: Vec<(&str, u64)> = findings.left_out().iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(
        left_out,
        [
            ("<person>", 2),
            ("<personFlow>", 1),
            ("<rerouter>", 1),
            ("<vehicle> of class ship", 1),
            ("vehicles with depart=\"triggered\"", 1)
        ]
    );
}

#[test]
fn unsound_routes_can_be_ignored() {
    let settings = ReadSettings { ignore_route_errors: true, ..ReadSettings::default() };
    let text =
        r#"<vehicle id="a" depart="0"><route edges="wc sc"/></vehicle><trip id="b" depart="0" from="wc" to="ce"/>"#;
    let (read, findings) = read_with(text, &settings);
    assert!(findings.is_ok() && read.demand.vehicles.len() == 1);
    assert_eq!(findings.left_out().values().sum::<u64>(), 1);
}

/// Cut off anywhere or with any bit turned, a file is read or refused; it never brings the program down.
#[test]
fn damaged_files_never_panic() {
    let text = r#"<routes><vTypeDistribution id="mix"><vType id="a" probability="3" speedFactor="normc(1,0.1,0.2,2)"/></vTypeDistribution>
        <busStop id="s" lane="ce_0" startPos="20" endPos="40"/><e2Detector id="d" lane="ce_0" pos="5" length="9" freq="60"/>
        <route id="r" edges="wc ce"><stop lane="wc_0" endPos="30" duration="9"/></route><routeDistribution id="w" routes="r" probabilities="1"/>
        <flow id="f" type="mix" route="w" begin="0" end="40" period="exp(0.2)"/><vehicle id="v" type="a" depart="3"><route edges="wc ce"/><stop busStop="s" until="50"/></vehicle>
        <trip id="t" depart="00:00:10" from="sc" via="cw" to="cw"/><tlLogic id="C" programID="p"><phase duration="9" state="Gr"/></tlLogic></routes>"#;
    let network = network();
    let settings = ReadSettings { end: Some(SimTime::seconds(60.0)), ..ReadSettings::default() };
    let attempt = |bytes: Vec<u8>| {
        if let Ok(source) = Source::from_bytes(Place::file("t.rou.xml"), bytes) {
            read_sources(&[source], &network, &settings, &mut Findings::default());
        }
    };
    for cut in (0..text.len()).step_by(7) {
        attempt(text.as_bytes()[..cut].to_vec());
    }
    for round in 0..600 {
        let mut bytes = text.as_bytes().to_vec();
        let mut rng = Seed(7).stream(Purpose::MapMaking, round, 0);
        for _ in 0..=rng.below(4) {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        attempt(bytes);
    }
}
