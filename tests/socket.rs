//! The socket as its clients know it, over real connections: what they see, what they may do, and what becomes of those who are slow,
//! loud, silent or foreign.

#[path = "socket/readers.rs"]
mod readers;
#[path = "common/watched.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod watched;

use std::sync::Arc;
use std::time::Duration;

use citytwin::api::port::{Scene, SceneCall, SceneWeather};
use citytwin::api::scene::Tracks;
use citytwin::api::socket::HubSettings;
use citytwin::pipeline::stores::Row;
use citytwin::primitives::SimTime;
use serde_json::{Value, json};
use tokio::sync::watch;
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;
use watched::{Heard, Served, Watcher, scene, traffic};

const VEHICLES: u32 = 300;

fn served() -> (Served, watch::Sender<Arc<Scene>>) {
    Served::start(HubSettings::default(), scene(1, traffic(VEHICLES, 1)))
}

fn show(live: &watch::Sender<Arc<Scene>>, tick: u64) {
    live.send(Arc::new(scene(tick, traffic(VEHICLES, tick)))).expect("somebody looks");
}

/// The watcher sees who is in the scene, each where it is to half a metre, and nobody else.
fn assert_sees(watcher: &Watcher, scene: &Scene) {
    let tracks = Tracks::of(&watched::cross());
    let seen = watcher.seen();
    assert_eq!(seen.len(), scene.vehicles.len());
    for ((number, (lon, lat)), vehicle) in seen.into_iter().zip(scene.vehicles.iter()) {
        assert_eq!(number, vehicle.number);
        let (east, north) = tracks.spot(vehicle.lane, vehicle.position).expect("the lane is there").lon_lat();
        let off = ((lon - east) * 74_300.0).hypot((lat - north) * 111_200.0);
        assert!(off < 0.5, "{number} is seen {off} m away");
    }
}

#[test]
fn a_client_is_greeted_and_sees_the_city_move() {
    let (served, live) = served();
    let mut watcher = served.connect();
    watcher.watch("live");
    let hello = watcher.words("hello");
    assert_eq!((&hello["version"], &hello["city"], &hello["tile_zoom"]), (&json!(1), &json!("Crossing"), &json!(14)));
    assert_eq!((&hello["session"]["id"], &hello["session"]["kind"]), (&json!("live"), &json!("live")));
    let state = watcher.words("state");
    assert_eq!(state["totals"]["running"], scene(1, traffic(VEHICLES, 1)).vehicles.len());
    let (head, told) = watcher.follow();
    assert!(head.anew && head.tick == 1 && told.deltas == 0 && told.keys > 3, "{head:?} {told:?}");
    assert_sees(&watcher, &scene(1, traffic(VEHICLES, 1)));
    for tick in 2..=20 {
        show(&live, tick);
        let (head, told) = watcher.follow();
        assert_eq!((u64::from(head.tick), head.anew, told.keys), (tick, false, 0));
        assert_eq!(head.vehicles as usize, watcher.seen().len());
        assert_sees(&watcher, &scene(tick, traffic(VEHICLES, tick)));
    }
}

#[test]
fn two_frames_are_under_way_at_most_and_then_comes_the_latest() {
    let (served, live) = served();
    let (mut slow, mut quick) = (served.connect(), served.connect());
    slow.watch("live");
    quick.watch("live");
    assert_eq!((slow.frame().0.tick, quick.follow().0.tick), (1, 1));
    show(&live, 2);
    assert_eq!((slow.frame().0.tick, quick.follow().0.tick), (2, 2));
    for tick in 3..=12 {
        show(&live, tick);
        assert_eq!(u64::from(quick.follow().0.tick), tick, "nobody waits for the slow");
    }
    let frames = slow.until_answered(1).iter().filter(|heard| matches!(heard, Heard::Frame(..))).count();
    assert_eq!(frames, 0, "two are under way");
    slow.acknowledge(1);
    slow.acknowledge(2);
    let (head, told) = slow.follow();
    assert_eq!((head.tick, head.anew, told.keys), (12, false, 0), "the latest, as changes from what it has");
    assert_sees(&slow, &scene(12, traffic(VEHICLES, 12)));
}

#[test]
fn a_client_that_does_not_read_costs_the_others_nothing() {
    let many = 20_000;
    let (served, live) = Served::start(HubSettings::default(), scene(1, traffic(many, 1)));
    let (mut stuck, mut quick) = (served.connect(), served.connect());
    stuck.watch("live");
    quick.watch("live");
    quick.follow();
    for tick in 2..=35 {
        live.send(Arc::new(scene(tick, traffic(many, tick)))).expect("somebody looks");
        assert_eq!(u64::from(quick.follow().0.tick), tick);
    }
    let counts = served.hub.counts();
    assert!((36..=37).contains(&counts.frames), "35 to one and at most two to the other: {counts:?}");
    assert_eq!(counts.sockets, 2);
}

#[test]
fn two_hundred_clients_are_sent_what_was_made_once() {
    let (served, live) = served();
    let mut watchers: Vec<Watcher> = (0..200).map(|_| served.connect()).collect();
    for watcher in &mut watchers {
        watcher.watch("live");
    }
    let tiles = watchers.iter_mut().map(|watcher| watcher.follow().1.keys).max().expect("there are watchers");
    for tick in 2..=6 {
        // Acknowledgements of all have arrived before the next scene: each asks and is answered.
        for watcher in &mut watchers {
            drop(watcher.until_answered(0));
        }
        show(&live, tick);
        for watcher in &mut watchers {
            assert_eq!(u64::from(watcher.follow().0.tick), tick);
        }
    }
    let counts = served.hub.counts();
    assert_eq!((counts.made.keys, counts.made.deltas), (u64::from(tiles), 5 * u64::from(tiles)), "{counts:?}");
    assert_eq!((counts.made.scenes, counts.frames, counts.sockets), (6, 6 * 200, 200));
    for watcher in &watchers {
        assert_sees(watcher, &scene(6, traffic(VEHICLES, 6)));
    }
}

#[test]
fn who_is_too_loud_is_sent_away_and_the_others_stay() {
    let (served, live) = served();
    let (mut loud, mut quiet) = (served.connect(), served.connect());
    quiet.watch("live");
    quiet.follow();
    for n in 0..200 {
        // The server may have had enough before the last.
        if loud.socket.send(Message::text(json!({"type": "ping", "n": n}).to_string())).is_err() {
            break;
        }
    }
    let (reason, code) = loud.last_words();
    assert!(reason.starts_with("more than 20 messages a second"), "{reason}");
    assert_eq!(code, CloseCode::Policy);
    show(&live, 2);
    assert_eq!(quiet.follow().0.tick, 2);
    assert_eq!(served.hub.counts().dismissed, 1);
}

#[test]
fn what_makes_no_sense_is_answered_and_closed() {
    let (served, _live) = served();
    let big = format!(r#"{{"type":"ping","n":1,"more":"{}"}}"#, "x".repeat(5000));
    let cases: [(Message, &str, CloseCode); 6] = [
        (Message::text("{"), "this cannot be understood", CloseCode::Policy),
        (Message::text("[".repeat(4000)), "this cannot be understood", CloseCode::Policy),
        (Message::text(r#"{"type":"shout"}"#), "this cannot be understood", CloseCode::Policy),
        (Message::text(r#"{"type":"bounds","bounds":[0,9,1,8]}"#), "[0.0, 9.0, 1.0, 8.0] is no", CloseCode::Policy),
        (Message::text(big), "a message may have 4096 bytes", CloseCode::Size),
        (Message::binary(vec![1, 2, 3]), "say it as JSON text", CloseCode::Unsupported),
    ];
    for (message, says, expected) in cases {
        let mut watcher = served.connect();
        watcher.socket.send(message).expect("the server listens");
        let (reason, code) = watcher.last_words();
        assert!(reason.starts_with(says), "{reason}");
        assert_eq!(code, expected, "{reason}");
    }
}

#[test]
fn pages_of_others_are_refused() {
    let welcome = ["https://board.example.org"];
    let (served, _live) = Served::start_for(&welcome, HubSettings::default(), scene(1, Vec::new()));
    let own = format!("http://{}", served.address);
    for welcome in [Some(own.as_str()), Some("https://board.example.org"), None] {
        assert!(served.try_connect(welcome).is_ok(), "{welcome:?}");
    }
    for foreign in ["https://evil.example", "null", "http://127.0.0.1"] {
        let answer = served.try_connect(Some(foreign)).err().expect("it is refused");
        assert_eq!(answer.status(), 403, "{foreign}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

#[test]
fn there_is_room_for_so_many_and_again_when_one_leaves() {
    let settings = HubSettings { sockets_max: 3, ..HubSettings::default() };
    let (served, _live) = Served::start(settings, scene(1, Vec::new()));
    let mut inside: Vec<Watcher> = (0..3).map(|_| served.connect()).collect();
    let answer = served.try_connect(None).err().expect("there is no room");
    assert_eq!((answer.status().as_u16(), served.hub.counts().refused), (503, 1));
    assert!(answer.headers().contains_key("retry-after"));
    let mut leaving = inside.remove(0);
    leaving.socket.close(None).expect("the server listens");
    while !matches!(leaving.hear(), Heard::Closed(_)) {}
    drop(leaving);
    // The server notices in its own time.
    let again = (0..10_000).find_map(|_| served.try_connect(None).ok());
    assert!(again.is_some(), "there is room again");
}

#[test]
fn who_is_silent_is_sent_away_and_who_answers_is_not() {
    let settings = HubSettings { silence_max: Duration::from_millis(600), ..HubSettings::default() };
    let (served, _live) = Served::start(settings, scene(1, Vec::new()));
    let (silent, mut there) = (served.connect(), served.connect());
    there.watch("live");
    // Reading answers the server's pings; states come once a second.
    (0..3).for_each(|_| drop(there.words("state")));
    let counts = served.hub.counts();
    assert_eq!((counts.sockets, counts.dismissed), (1, 1), "the other was sent away meanwhile");
    drop(silent);
    there.watch("live");
    there.words("hello");
}

#[test]
fn a_jump_makes_everything_forgotten() {
    let (served, live) = served();
    let mut watcher = served.connect();
    watcher.watch("live");
    watcher.follow();
    let jumped = Scene { episode: 1, ..scene(2, traffic(50, 900)) };
    live.send(Arc::new(jumped.clone())).expect("somebody looks");
    let (head, told) = watcher.follow();
    assert!(head.anew && told.deltas == 0);
    assert_sees(&watcher, &jumped);
}

#[test]
fn another_session_is_looked_at_over_the_same_socket() {
    let (served, live) = served();
    let fork = served.twin.begin("01FORK", scene(7, traffic(40, 7)));
    let mut watcher = served.connect();
    watcher.watch("live");
    watcher.follow();
    watcher.watch("01FORK");
    assert_eq!(watcher.words("hello")["session"]["id"], "01FORK");
    let (head, _) = watcher.follow();
    assert!(head.anew && head.tick == 7);
    assert_sees(&watcher, &scene(7, traffic(40, 7)));
    // What happens in the other is not told any more.
    show(&live, 2);
    fork.send(Arc::new(scene(8, traffic(40, 8)))).expect("somebody looks");
    assert_eq!(watcher.follow().0.tick, 8);
    // The session ends: who looked at it hears so, and what else there is, and may look at that.
    citytwin::api::port::Twin::close(&*served.twin, "01FORK").expect("it can be closed");
    drop(fork);
    let left = watcher.words("sessions");
    assert_eq!(left["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(watcher.words("bye")["reason"], "this session has ended; look at another");
    watcher.watch("01FORK");
    let reason = "there is no session `01FORK`; `/api/v1/sessions` tells which there are";
    assert_eq!(watcher.words("bye")["reason"], reason);
    watcher.watch("live");
    assert!(watcher.follow().0.anew);
    assert_sees(&watcher, &scene(2, traffic(VEHICLES, 2)));
    assert_eq!(served.hub.counts().sessions, 1);
}

#[test]
fn a_map_that_is_moved_while_the_city_stands_is_drawn_at_once() {
    let (served, _live) = served();
    let mut watcher = served.connect();
    watcher.say(&json!({"type": "subscribe", "session": "live", "bounds": null}));
    let heard = watcher.until_answered(1);
    assert!(heard.iter().all(|heard| matches!(heard, Heard::Words(_))), "who looks at no place is sent no frames");
    watcher.say(&json!({"type": "bounds", "bounds": [11.50, 48.10, 11.501, 48.101]}));
    let few = watcher.follow();
    assert_eq!(few.1.keys, 1);
    watcher.say(&json!({"type": "bounds", "bounds": [11.46, 48.07, 11.54, 48.13]}));
    let (head, told) = watcher.follow();
    assert!(head.anew && head.tick == 1 && told.keys > 3);
    assert_sees(&watcher, &scene(1, traffic(VEHICLES, 1)));
}

#[test]
fn the_clock_is_told_at_once() {
    let (served, live) = served();
    let mut watcher = served.connect();
    watcher.watch("live");
    assert_eq!(watcher.words("state")["session"]["paused"], false);
    watcher.follow();
    let paused = Scene { paused: true, ..scene(2, traffic(VEHICLES, 2)) };
    live.send(Arc::new(paused)).expect("somebody looks");
    assert_eq!(watcher.words("state")["session"]["paused"], true);
    let (head, _) = watcher.follow();
    assert_eq!((head.tick, head.speed), (2, 0.0));
}

#[test]
fn signals_are_told_in_full_and_then_as_they_change() {
    let (served, live) = served();
    let mut watcher = served.connect();
    watcher.say(&json!({"type": "subscribe", "session": "live", "bounds": [11.48, 48.08, 11.52, 48.12]}));
    let full = watcher.words("signals");
    let signals = full["signals"].as_object().expect("by id");
    assert_eq!((&full["full"], signals.len()), (&json!(true), 1));
    let (id, shows) = signals.iter().next().expect("there is one");
    assert_eq!(shows, "GGrr");
    let changed = Scene { signals: Arc::new(vec!["yyrr".to_owned()]), ..scene(2, traffic(VEHICLES, 2)) };
    live.send(Arc::new(changed)).expect("somebody looks");
    assert_eq!(watcher.words("signals"), json!({"type": "signals", "full": false, "signals": {id.as_str(): "yyrr"}}));
    // From far away they cannot be seen.
    watcher.watch("live");
    watcher.words("hello");
    watcher.follow();
    show(&live, 3);
    watcher.follow();
    let heard = watcher.until_answered(1);
    assert!(!heard.iter().any(|heard| matches!(heard, Heard::Words(words) if words["type"] == "signals")));
}

#[test]
fn people_are_told_vehicles_in_words() {
    let (served, _live) = Served::start(HubSettings::default(), scene(1, traffic(5000, 1)));
    let mut watcher = served.connect();
    let few =
        json!({"type": "subscribe", "session": "live", "bounds": [11.499, 48.09, 11.501, 48.11], "format": "json"});
    watcher.say(&few);
    let told = watcher.words("vehicles");
    let vehicles = told["vehicles"].as_array().expect("a list");
    assert!(!vehicles.is_empty() && vehicles.len() < 2000 && told.get("more").is_none());
    for vehicle in vehicles {
        let (lon, lat) = (vehicle["lon"].as_f64().expect("a number"), vehicle["lat"].as_f64().expect("a number"));
        assert!((11.499..=11.501).contains(&lon) && (48.09..=48.11).contains(&lat), "{vehicle}");
        assert_eq!((&vehicle["class"], &vehicle["speed"]), (&json!("passenger"), &json!(13.75)));
    }
    watcher.say(&json!({"type": "subscribe", "session": "live", "bounds": [-180, -85, 180, 85], "format": "json"}));
    watcher.words("hello");
    let told = watcher.words("vehicles");
    let listed = told["vehicles"].as_array().map_or(0, Vec::len);
    let there = scene(1, traffic(5000, 1)).vehicles.len();
    assert_eq!((listed, told["more"].as_u64()), (2000, Some(there as u64 - 2000)));
}

#[test]
fn closed_roads_and_calls_that_wait_are_told_with_the_state() {
    let call = |call: u32| SceneCall {
        call,
        severity: "critical",
        kind: "crash",
        incident: Some(3),
        place: (0, 1.0),
        since: SimTime::seconds(25_512.0),
    };
    let network = watched::cross();
    let drawn = citytwin::api::answers::roads::drawable(&network);
    let closed = vec![drawn[1].raw(), drawn[3].raw()];
    let first = Scene {
        closed: Arc::new(closed),
        waiting: Arc::new((0..250).map(call).collect()),
        weather: Some(SceneWeather { sky: "fog", precipitation_mm_h: 0.0, visibility_m: 150.0, temperature_c: 5.0 }),
        ..scene(1, traffic(VEHICLES, 1))
    };
    let (served, live) = Served::start(HubSettings::default(), first);
    let mut watcher = served.connect();
    watcher.watch("live");
    let state = watcher.words("state");
    assert_eq!(state["closed"], json!([1, 3]), "by the order of the map's roads");
    assert_eq!((state["waiting"].as_array().map(Vec::len), &state["waiting_more"]), (Some(200), &json!(50)));
    let fog = json!({"sky": "fog", "precipitation_mm_h": 0.0, "visibility_m": 150.0, "temperature_c": 5.0});
    assert_eq!(state["weather"], fog);
    let mut told = state["waiting"][7].clone();
    let place = told.as_object_mut().map(|call| (call.remove("lon"), call.remove("lat")));
    let (lon, lat) = Tracks::of(&network).spot(0, 1.0).expect("a lane").lon_lat();
    let near = |said: Option<Value>, degrees: f64| {
        said.is_some_and(|said| (said.as_f64().unwrap_or(0.0) - degrees).abs() < 1e-6)
    };
    assert!(place.is_some_and(|(east, north)| near(east, lon) && near(north, lat)), "{state}");
    assert_eq!(told, json!({"call": 7, "severity": "critical", "kind": "crash", "incident": 3, "since_s": 25_512.0}));
    live.send(Arc::new(scene(2, traffic(VEHICLES, 2)))).expect("somebody looks");
    let state = loop {
        let state = watcher.words("state");
        if state["closed"] == json!([]) {
            break state;
        }
    };
    assert_eq!((&state["waiting"], state.get("waiting_more")), (&json!([]), None));
    assert_eq!(state["weather"], Value::Null);
}

#[test]
fn roads_are_told_when_they_change() {
    let edges = watched::cross().edges.len();
    let first = Scene { roads: Arc::new(vec![Some(0.5); edges]), ..scene(1, traffic(VEHICLES, 1)) };
    let (served, live) = Served::start(HubSettings::default(), first);
    let mut watcher = served.connect();
    watcher.watch("live");
    let roads = |watcher: &mut Watcher| loop {
        if let Heard::Roads(roads) = watcher.hear() {
            return roads;
        }
    };
    assert_eq!(roads(&mut watcher), [100; 4], "one byte for every road of the map");
    let jammed = Scene { roads: Arc::new(vec![None; edges]), ..scene(2, traffic(VEHICLES, 2)) };
    live.send(Arc::new(jammed)).expect("somebody looks");
    assert_eq!(roads(&mut watcher), [255; 4]);
}

#[test]
fn news_of_the_stores_and_of_sessions_reach_who_looks_at_the_live_city() {
    let (served, _live) = served();
    let _fork = served.twin.begin("01FORK", scene(1, Vec::new()));
    let (mut watcher, mut other) = (served.connect(), served.connect());
    watcher.watch("live");
    other.watch("01FORK");
    watcher.words("state");
    other.words("state");
    // What is there before it was first asked is not news; sessions are asked for at the same time.
    let ended = served.twin.begin("01LATE", scene(1, Vec::new()));
    let told = watcher.words("sessions");
    let ids: Vec<&Value> = told["sessions"].as_array().expect("a list").iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["live", "01FORK", "01LATE"]);
    other.words("sessions");
    let row = |table: &str, key: &str, says: &str| Row {
        table: table.to_owned(),
        key: key.to_owned(),
        json: json!({"says": says, "state": "firing"}).to_string().into_bytes(),
    };
    let rows = [
        row("events", "65535/00000000000000000000", "a crash is suspected"),
        row("alerts", "01ARYZ6S41TSV4RRFFQ69G5FAV", "the ring is jammed"),
    ];
    served.twin_stores().put(&rows).expect("memory takes everything");
    assert_eq!(watcher.words("event")["event"]["says"], "a crash is suspected");
    assert_eq!(watcher.words("alert")["alert"]["says"], "the ring is jammed");
    drop(ended);
    citytwin::api::port::Twin::close(&*served.twin, "01LATE").expect("it can be closed");
    watcher.words("sessions");
    let heard = other.until_answered(1);
    let news =
        |heard: &&Heard| matches!(heard, Heard::Words(words) if words["type"] == "event" || words["type"] == "alert");
    assert_eq!(heard.iter().filter(news).count(), 0, "a fork has no part in what the live city tells");
}
