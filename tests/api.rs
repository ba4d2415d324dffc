//! The API as others meet it: every route over stores in memory, by requests and answers.

#[path = "common/served.rs"]
mod served;

use std::io::Read as _;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use citytwin::api::port::Twin;
use citytwin::pipeline::stores::live::{LiveSettings, LiveStore, MemoryLive};
use citytwin::pipeline::stores::{Area, Batch, Keeper as _, LiveStatus, Parts, Row, StoreError, StoreSettings, Stores};
use citytwin::primitives::Timestamp;
use citytwin::telemetry::reading::{Fix, LoopCount, Position};
use citytwin::telemetry::{DeviceId, ReadingKind, Record};
use serde_json::Value;
use served::{MIDNIGHT_MS, Shown, ask, city, get};

#[actix_web::test]
async fn the_map_is_made_once_and_sent_compressed_to_whoever_takes_it() {
    let twin = Shown::over(Stores::in_memory());
    let map = get(&twin, "/api/v1/map").await.json();
    let roads = city().0.roads().count();
    assert_eq!(map["roads"]["count"], roads);
    assert_eq!(map["classes"][6], "passenger");
    let bounds: Vec<f64> =
        map["bounds"].as_array().expect("four").iter().filter_map(serde_json::Value::as_f64).collect();
    assert!(bounds[0] < bounds[2] && bounds[1] < bounds[3], "{bounds:?}");
    let answers = ask(
        &twin,
        &[("GET", "/api/v1/map/roads", &[("accept-encoding", "gzip")], ""), ("GET", "/api/v1/map/roads", &[], "")],
    )
    .await;
    assert_eq!(answers[0].header("content-encoding"), Some("gzip"));
    let mut unzipped = Vec::new();
    flate2::read::GzDecoder::new(&answers[0].body[..]).read_to_end(&mut unzipped).expect("it is gzip");
    assert_eq!(unzipped, answers[1].body);
    assert_eq!(answers[1].json()["features"].as_array().map(Vec::len), Some(roads));
    let tag = answers[0].header("etag").expect("it has a tag").to_owned();
    let again = ask(&twin, &[("GET", "/api/v1/map/roads", &[("if-none-match", &tag)], "")]).await;
    assert_eq!((again[0].status, again[0].body.len()), (304, 0));
    let places = get(&twin, "/api/v1/map/places").await.json();
    let kinds: std::collections::BTreeSet<&str> = places["features"]
        .as_array()
        .expect("features")
        .iter()
        .filter_map(|one| one["properties"]["kind"].as_str())
        .collect();
    for kind in ["bus_stop", "hospital", "station", "quarter"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    let signals = get(&twin, "/api/v1/map/signals").await.json();
    assert_eq!(map["signals"]["count"].as_u64(), Some(city().0.signals.len() as u64));
    assert!(!signals["features"].as_array().expect("features").is_empty());
}

#[actix_web::test]
async fn a_road_that_nobody_saw_is_there_and_nothing_is_known_of_it() {
    let twin = Shown::over(Stores::in_memory());
    let network = &city().0;
    let road = network.roads().next().expect("roads").1.name.clone();
    let told = get(&twin, &format!("/api/traffic/live/{road}")).await;
    assert_eq!((told.status, &told.json()["road"]), (200, &Value::from(road)));
    for field in ["start", "speed_kmh", "flow_veh_h", "level"] {
        assert!(told.json()[field].is_null(), "{field}");
    }
    assert_eq!(get(&twin, "/api/traffic/live/nowhere-at-all").await.status, 404);
}

#[actix_web::test]
async fn sessions_are_listed_told_and_ended() {
    let twin = Shown::over(Stores::in_memory());
    let fork = r#"{"kind":"fork","of":"live","interventions":[{"kind":"close-road","road":"a"}]}"#;
    let answers = ask(
        &twin,
        &[
            ("GET", "/api/v1/sessions", &[], ""),
            ("PUT", "/api/v1/sessions/live/clock", &[], "\"pause\""),
            ("PUT", "/api/v1/sessions/live/clock", &[], r#"{"speed":{"factor":100.0}}"#),
            ("POST", "/api/v1/sessions/live/jump", &[], "\"next-event\""),
            ("POST", "/api/v1/sessions/live/interventions", &[], r#"{"kind":"close-road","road":"a"}"#),
            ("GET", "/api/v1/sessions/live/interventions", &[], ""),
            ("POST", "/api/v1/sessions", &[], fork),
            ("GET", "/api/v1/sessions/FORK1", &[], ""),
            ("DELETE", "/api/v1/sessions/FORK1", &[], ""),
            ("DELETE", "/api/v1/sessions/live", &[], ""),
            ("GET", "/api/v1/sessions/live/samples", &[], ""),
            ("POST", "/api/v1/sessions/live/facts", &[], r#"{"kind":"road","id":"known"}"#),
            ("POST", "/api/v1/sessions/live/facts", &[], r#"{"kind":"road","id":"other"}"#),
        ],
    )
    .await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 422, 200, 201, 200, 201, 200, 204, 409, 200, 200, 404]);
    assert_eq!(answers[0].json()[0]["id"], "live");
    assert_eq!(answers[1].json()["paused"], true);
    assert_eq!(answers[4].json()["number"], 3);
    assert_eq!(answers[5].json().as_array().map(Vec::len), Some(3));
    assert_eq!(answers[6].header("location"), Some("/api/v1/sessions/FORK1"));
    assert_eq!(answers[11].json()["title"], "Known Road");
}

#[actix_web::test]
async fn what_cannot_be_is_a_problem_that_says_what_to_do() {
    let twin = Shown::over(Stores::in_memory());
    let long = format!("\"{}\"", "x".repeat(300_000));
    let answers = ask(
        &twin,
        &[
            ("GET", "/api/v1/sesions", &[], ""),
            ("PATCH", "/api/v1/sessions", &[], ""),
            ("GET", "/api/v1/sessions?lmit=3", &[], ""),
            ("GET", "/api/v1/sessions/lvie", &[], ""),
            ("POST", "/api/v1/sessions", &[], "{"),
            ("POST", "/api/v1/sessions", &[], "{}"),
            ("POST", "/api/v1/sessions", &[("content-type", "text/plain")], ""),
            ("PUT", "/api/v1/sessions/live/clock", &[], &long),
            ("GET", "/api/nothing/at/all", &[], ""),
        ],
    )
    .await;
    let expected = [
        (404, "did you mean `/api/v1/sessions`?"),
        (405, "there are: GET, POST, HEAD"),
        (400, "there is no parameter `lmit`"),
        (404, "did you mean `live`?"),
        (400, "no JSON"),
        (422, "missing field `kind`"),
        (415, "Content-Type: application/json"),
        (413, "more than 262144 bytes"),
        (404, "GET /api/v1 leads to everything"),
    ];
    for (answer, (status, needle)) in answers.iter().zip(expected) {
        let problem = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{problem}");
        assert_eq!((answer.status, problem["status"].as_u64()), (status, Some(status.into())), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(needle)), "{problem}");
        assert!(problem["instance"].as_str().is_some_and(|at| at.starts_with("/api/")), "{problem}");
    }
    assert_eq!(answers[1].header("allow"), Some("GET, POST, HEAD"));
}

#[actix_web::test]
async fn a_request_with_a_key_is_done_once() {
    let twin = Shown::over(Stores::in_memory());
    let (close, open) = (r#"{"kind":"close-road","road":"a"}"#, r#"{"kind":"open-road","road":"a"}"#);
    let path = "/api/v1/sessions/live/interventions";
    let key: &[(&str, &str)] = &[("idempotency-key", "k-1")];
    let answers = ask(
        &twin,
        &[
            ("POST", path, key, close),
            ("POST", path, key, close),
            ("POST", path, key, open),
            ("POST", path, &[("idempotency-key", "k-2")], open),
            ("GET", path, &[], ""),
        ],
    )
    .await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [201, 201, 422, 201, 200]);
    assert_eq!(answers[0].body, answers[1].body);
    assert_eq!(answers[1].header("idempotency-replayed"), Some("true"));
    assert_eq!(answers[4].json().as_array().map(Vec::len), Some(2));
}

/// A record of a tracker.
fn position(vehicle: &str, class: &str, seconds: i64, latitude: f64, longitude: f64, speed: f64) -> Record {
    let reading = Position {
        vehicle_id: vehicle.into(),
        vehicle_class: class.into(),
        ignition: true,
        fix: Fix::ThreeD,
        latitude: Some(latitude),
        longitude: Some(longitude),
        speed: Some(speed),
        direction: None,
        hdop: None,
    };
    let device = DeviceId::of(ReadingKind::Position, vehicle);
    let sequence = u64::try_from(seconds).expect("after midnight");
    Record {
        device,
        epoch: 0,
        sequence,
        time: Timestamp::milliseconds(MIDNIGHT_MS + seconds * 1000),
        reading: reading.into(),
    }
}

fn counted(name: &str, seconds: i64, speed: f64) -> Record {
    let reading = LoopCount {
        road_id: "a".into(),
        lane: 0,
        latitude: 52.001,
        longitude: 10.0,
        period_s: 60,
        count: 5,
        occupancy: 10.0,
        speed: Some(speed),
    };
    let device = DeviceId::of(ReadingKind::LoopCount, name);
    let sequence = u64::try_from(seconds).expect("after midnight");
    Record {
        device,
        epoch: 0,
        sequence,
        time: Timestamp::milliseconds(MIDNIGHT_MS + seconds * 1000),
        reading: reading.into(),
    }
}

/// An hour of a loop, half an hour of three trackers, an alert and two events.
fn records() -> Vec<Record> {
    let mut records: Vec<Record> =
        (1..=60).map(|minute| counted("d1", minute * 60, f64::from(i32::try_from(minute).expect("few")))).collect();
    for (number, (vehicle, class)) in
        [("car-1", "passenger"), ("bus-7-01", "bus"), ("car-2", "passenger")].into_iter().enumerate()
    {
        let east = f64::from(u32::try_from(number).expect("few")) * 0.01;
        records.push(position(vehicle, class, 3540, 52.0, 10.0 + east, 36.0));
    }
    records
}

fn rows() -> Vec<Row> {
    let alert = |id: &str, state: &str| {
        let json = serde_json::json!({
            "id": id, "rule": "slow", "state": state, "severity": "high", "subject": "a", "looks_at": "road.speed_kmh",
            "value": 7.5, "threshold": 10.0, "unit": "km/h", "since": "2026-06-02T00:50:00.000Z",
            "raised": "2026-06-02T00:50:01.000Z", "says": "a is slow",
        });
        Row { table: "alerts".to_owned(), key: id.to_owned(), json: json.to_string().into_bytes() }
    };
    let event = |partition: u16, number: u64, minute: u32, kind: &str| {
        let json = serde_json::json!({
            "partition": partition, "number": number, "kind": kind, "at": format!("2026-06-02T00:{minute:02}:00.000Z"),
            "subject": "loop-d1", "severity": "low", "says": "it is so",
        });
        Row {
            table: "events".to_owned(),
            key: format!("{partition:05}/{number:020}"),
            json: json.to_string().into_bytes(),
        }
    };
    vec![
        alert("01JWQG0000ABCDEFGHJKMNPQR1", "firing"),
        alert("01JWQG0000ABCDEFGHJKMNPQR2", "resolved"),
        alert("01JWQG0000ABCDEFGHJKMNPQR3", "firing"),
        event(0, 0, 10, "sensor_silent"),
        event(0, 1, 30, "sensor_well"),
        event(1, 0, 20, "incident_suspected"),
    ]
}

/// A twin over a small hour.
pub(crate) fn filled() -> Arc<dyn Twin> {
    let stores = Stores::in_memory();
    let (records, rows) = (records(), rows());
    let to = records.len() as u64;
    let watermark = Some(Timestamp::milliseconds(MIDNIGHT_MS + 3_600_000));
    let batch = Batch { to, records, rows, watermark, ..Batch::default() };
    stores.keep(&batch).expect("memory keeps it");
    Shown::over(stores)
}

#[actix_web::test]
async fn devices_are_found_by_kind_name_and_place_and_told_page_by_page() {
    let twin = filled();
    let city = get(&twin, "/api/v1/cities").await.json()[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(get(&twin, "/api/v1/cities/halvermere").await.json()["id"], city.as_str());
    assert_eq!(get(&twin, "/api/v1/cities/elsewhere").await.status, 404);
    let names = |answer: &Value| -> Vec<String> {
        answer["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    let assets = format!("/api/v1/cities/{city}/assets");
    let all = get(&twin, &assets).await.json();
    assert_eq!(names(&all), ["gps-bus-7-01", "gps-car-1", "gps-car-2", "loop-d1"]);
    assert_eq!(all["next"], Value::Null);
    for (query, expected) in [
        ("type=loop", vec!["loop-d1"]),
        ("name=gps-car-1", vec!["gps-car-1"]),
        ("near=52.0,10.0&radius=100", vec!["gps-car-1"]),
        ("near=52.0,10.0&radius=200", vec!["gps-car-1", "loop-d1"]),
        ("bbox=9.999,51.9,10.011,52.0005", vec!["gps-bus-7-01", "gps-car-1"]),
        ("status=inactive", vec![]),
    ] {
        assert_eq!(names(&get(&twin, &format!("{assets}?{query}")).await.json()), expected, "{query}");
    }
    // Page by page it is the same list.
    let (mut read, mut path) = (Vec::new(), format!("{assets}?limit=3"));
    loop {
        let page = get(&twin, &path).await.json();
        read.extend(names(&page));
        let Some(next) = page["links"]["next"].as_str() else { break };
        next.clone_into(&mut path);
    }
    assert_eq!(read, names(&all));
    let first = get(&twin, &format!("{assets}?limit=3")).await.json();
    let cursor = first["next"].as_str().expect("there are more");
    // A cursor leads on in its own list only.
    assert_eq!(get(&twin, &format!("{assets}?type=loop&cursor={cursor}")).await.status, 404);
    let id = all["items"][3]["id"].as_str().expect("an id");
    let one = get(&twin, &format!("{assets}/{id}")).await.json();
    assert_eq!((one["name"].as_str(), one["type"].as_str()), (Some("loop-d1"), Some("loop")));
    assert_eq!(one["location"]["coordinates"], serde_json::json!([10.0, 52.001]));
    assert_eq!(get(&twin, &format!("{assets}/loop-d2")).await.status, 404);
}

#[actix_web::test]
async fn series_are_gathered_in_buckets_and_records_are_what_went_over_the_wire() {
    let twin = filled();
    let metrics = "/api/v1/cities/halvermere/assets/loop-d1/metrics";
    let asked = "from=2026-06-02T00:00:00Z&to=2026-06-02T01:00:00Z&every=1200";
    let mean = get(&twin, &format!("{metrics}?metric=speed&{asked}")).await.json();
    // Minutes 1 to 19, 20 to 39 and 40 to 59 tell their own numbers.
    let values: Vec<f64> =
        mean["points"].as_array().expect("points").iter().filter_map(|one| one["value"].as_f64()).collect();
    assert_eq!(values, [10.0, 29.5, 49.5]);
    assert_eq!((mean["unit"].as_str(), mean["points"][0]["count"].as_u64()), (Some("km/h"), Some(19)));
    let most = get(&twin, &format!("{metrics}?metric=speed&aggregate=max&{asked}")).await.json();
    assert_eq!(most["points"][2]["value"].as_f64(), Some(59.0));
    assert_eq!(get(&twin, &format!("{metrics}?metric=sped")).await.status, 422);
    assert_eq!(get(&twin, &format!("{metrics}?from=2026-06-02T01:00:00Z&to=2026-06-02T00:00:00Z")).await.status, 422);
    assert_eq!(get(&twin, &format!("{metrics}?from=1970-01-01T00:00:00Z&every=1")).await.status, 422);
    let words = get(&twin, "/api/v1/cities/halvermere/assets/loop-d1/records?limit=2").await;
    let (newest, text) = (counted("d1", 3600, 60.0), String::from_utf8(words.body.clone()).expect("UTF-8"));
    let mut wire = Vec::new();
    citytwin::telemetry::json::encode(&newest, &mut wire);
    assert!(text.contains(std::str::from_utf8(&wire).expect("UTF-8")), "{text}");
    assert_eq!(words.json()["items"].as_array().map(Vec::len), Some(2));
}

#[actix_web::test]
async fn alerts_are_acknowledged_by_operators_and_events_come_newest_first() {
    let twin = filled();
    let (alerts, one) =
        ("/api/v1/cities/halvermere/alerts", "/api/v1/cities/halvermere/alerts/01JWQG0000ABCDEFGHJKMNPQR1");
    let viewer: &[(&str, &str)] = &[("x-role", "viewer")];
    let yes = r#"{"acknowledged":true,"note":"on its way"}"#;
    let answers = ask(
        &twin,
        &[
            ("GET", &format!("{alerts}?state=firing"), &[], ""),
            ("PATCH", one, viewer, yes),
            ("PATCH", one, &[], yes),
            ("GET", &format!("{alerts}?acknowledged=true"), &[], ""),
            ("GET", one, viewer, ""),
            ("PATCH", one, &[], r#"{"acknowledged":false}"#),
            ("GET", &format!("{alerts}?acknowledged=true"), &[], ""),
            ("GET", &format!("{alerts}/01JWQG0000ABCDEFGHJKMNPQR9"), &[], ""),
            ("GET", &format!("{alerts}/x"), &[], ""),
        ],
    )
    .await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 403, 200, 200, 200, 200, 200, 404, 404]);
    let ids = |answer: &Value| -> Vec<String> {
        answer["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|one| one["id"].as_str().expect("an id")[24..].to_owned())
            .collect()
    };
    assert_eq!(ids(&answers[0].json()), ["R3", "R1"]);
    assert_eq!(ids(&answers[3].json()), ["R1"]);
    assert_eq!(answers[4].json()["acknowledgement"]["by"], "somebody");
    assert_eq!(ids(&answers[6].json()), Vec::<String>::new());
    let kinds = |answer: &Value| -> Vec<String> {
        answer["items"]
            .as_array()
            .expect("items")
            .iter()
            .map(|one| one["kind"].as_str().expect("a kind").to_owned())
            .collect()
    };
    let first = get(&twin, "/api/v1/cities/halvermere/events?limit=2").await.json();
    assert_eq!(kinds(&first), ["sensor_well", "incident_suspected"]);
    let rest = get(&twin, first["links"]["next"].as_str().expect("there are more")).await.json();
    assert_eq!((kinds(&rest), rest["next"].clone()), (vec!["sensor_silent".to_owned()], Value::Null));
}

#[actix_web::test]
async fn short_routes_numbers_feeds_and_questions_tell_of_the_same() {
    let twin = filled();
    let vehicles = get(&twin, "/api/vehicles/locations?class=bus").await.json();
    assert_eq!(
        (vehicles["count"].as_u64(), vehicles["vehicles"][0]["vehicle_id"].as_str()),
        (Some(1), Some("bus-7-01"))
    );
    assert_eq!(get(&twin, "/api/sensors").await.json()["count"], 1);
    assert_eq!(get(&twin, "/api/stats").await.json()["records"]["loop"], 60);
    let indicators = get(&twin, "/api/v1/indicators").await.json();
    let value = |name: &str| {
        indicators.as_array().and_then(|all| all.iter().find(|one| one["name"] == name)).map(|one| one["value"].clone())
    };
    assert!(indicators.as_array().is_some_and(|all| all.len() >= 50));
    assert_eq!(value("transit.buses"), Some(1.0.into()));
    assert_eq!(value("model.running"), Some(120.0.into()));
    assert_eq!(value("pipeline.messages"), Some(1000.0.into()));
    let summary = get(&twin, "/api/analytics/city-summary").await.json();
    assert_eq!(summary["groups"]["transit"]["buses"], 1.0);
    let metrics = get(&twin, "/metrics").await;
    let text = String::from_utf8(metrics.body).expect("UTF-8");
    assert!(text.contains("\ncitytwin_transit_buses 1.0\n") && text.ends_with("# EOF\n"), "{text}");
    let feed = get(&twin, "/api/gtfs-realtime/vehicle-positions.json").await.json();
    let bus = &feed["entity"][0];
    assert_eq!(
        (feed["entity"].as_array().map(Vec::len), bus["vehicle"]["trip"]["route_id"].as_str()),
        (Some(1), Some("7"))
    );
    // 36 km/h are 10 m/s.
    assert_eq!(bus["vehicle"]["position"]["speed"], 10.0);
    let packed = get(&twin, "/api/gtfs-realtime/vehicle-positions.pb").await;
    assert_eq!(packed.header("content-type"), Some("application/x-protobuf"));
    let question = r#"{"query":"{ city { name } assets(kind: \"loop\") { name } alerts(state: \"firing\") { id } }"}"#;
    let list = "assets(limit: 1000) { id name kind active latitude longitude lastSeenAt }";
    let deep = format!(r#"{{"query":"{{ a: {list} b: {list} c: {list} }}"}}"#);
    let answers = ask(
        &twin,
        &[
            ("POST", "/api/graphql", &[], question),
            ("POST", "/api/graphql", &[], &deep),
            ("GET", "/api/graphql", &[], ""),
        ],
    )
    .await;
    let data = answers[0].json();
    assert_eq!(
        (data["data"]["city"]["name"].as_str(), data["data"]["assets"][0]["name"].as_str()),
        (Some("Halvermere"), Some("loop-d1"))
    );
    assert_eq!(data["data"]["alerts"].as_array().map(Vec::len), Some(2));
    assert!(answers[1].json()["errors"].is_array(), "{}", answers[1].json());
    assert!(String::from_utf8_lossy(&answers[2].body).contains("type Query"));
    let health = get(&twin, "/api/health").await.json();
    assert_eq!(health["status"], "well");
    assert_eq!(get(&twin, "/health/live").await.status, 200);
    assert_eq!(get(&twin, "/health/ready").await.status, 200);
}

/// A live state that does not answer any more once it has gone.
#[derive(Debug)]
struct Away {
    kept: MemoryLive,
    gone: Arc<AtomicBool>,
}

impl Away {
    fn check(&self) -> Result<(), StoreError> {
        if !self.gone.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (part, place) = ("live state", "redis://10.0.0.9".to_owned());
        Err(StoreError::Away { part, place, reason: "connection refused".to_owned() })
    }
}

impl LiveStore for Away {
    fn put(&self, records: &[&Record], watermark: Option<Timestamp>) -> Result<(), StoreError> {
        self.check()?;
        self.kept.put(records, watermark)
    }
    fn get(&self, kind: ReadingKind, device: &DeviceId) -> Result<Option<Record>, StoreError> {
        self.check()?;
        self.kept.get(kind, device)
    }
    fn scan(
        &self,
        kind: ReadingKind,
        area: &Area,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.check()?;
        self.kept.scan(kind, area, each)
    }
    fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        self.check()?;
        self.kept.clock()
    }
    fn status(&self) -> Result<LiveStatus, StoreError> {
        self.check()?;
        self.kept.status()
    }
}

#[actix_web::test]
async fn without_its_live_state_a_city_serves_its_history_and_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = Arc::new(AtomicBool::new(false));
    let live = Away { kept: MemoryLive::new(LiveSettings::default()), gone: Arc::clone(&gone) };
    let parts = Parts { live: Some(Box::new(live)), ..Parts::default() };
    let stores = Stores::open_parts(folder.path(), StoreSettings::default(), parts).expect("they open");
    let (records, rows) = (records(), rows());
    let to = records.len() as u64;
    stores.keep(&Batch { to, records, rows, ..Batch::default() }).expect("all is kept");
    gone.store(true, Ordering::SeqCst);
    let twin = Shown::over(stores);
    for path in ["/api/vehicles/locations", "/api/v1/cities/halvermere/assets", "/api/sensors"] {
        let answer = get(&twin, path).await;
        let problem = answer.json();
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{path}");
        assert!(problem["detail"].as_str().is_some_and(|says| says.contains("connection refused")), "{problem}");
    }
    for path in [
        "/api/v1/cities/halvermere/alerts",
        "/api/v1/cities/halvermere/events",
        "/api/v1/cities/halvermere/assets/loop-d1/metrics?from=2026-06-02T00:00:00Z&to=2026-06-02T01:00:00Z",
        "/api/v1/cities/halvermere/assets/loop-d1/records",
        "/api/v1/map/places",
        "/api/v1/indicators",
        "/api/stats",
        "/api/emergencies/active",
        "/api/analytics/city-summary",
        "/metrics",
        "/health/ready",
    ] {
        assert_eq!(get(&twin, path).await.status, 200, "{path}");
    }
    let records = get(&twin, "/api/v1/cities/halvermere/assets/loop-d1/records").await.json();
    assert_eq!(records["items"].as_array().map(Vec::len), Some(20));
    let indicators = get(&twin, "/api/v1/indicators").await.json();
    let one = |name: &str| indicators.as_array().and_then(|all| all.iter().find(|one| one["name"] == name)).cloned();
    let missing = one("transit.buses").expect("it is told of");
    assert_eq!(missing["value"], Value::Null);
    assert!(missing["missing"].as_str().is_some_and(|says| says.contains("connection refused")), "{missing}");
    assert_eq!(one("alerts.firing").expect("it is there")["value"], 2.0);
    let health = get(&twin, "/api/health").await.json();
    assert_eq!(health["status"], "degraded");
}

#[actix_web::test]
async fn files_of_finished_runs_are_shown_in_a_sandbox() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("report.html"), "<p>fine</p>").expect("a file");
    let twin = Shown::with_outputs(Stores::in_memory(), Some(folder.path().to_owned()));
    assert_eq!(get(&twin, "/api/v1/finished").await.json()[0]["id"], "demo~1");
    let report = get(&twin, "/api/v1/finished/demo~1/report.html").await;
    assert_eq!((report.status, &report.body[..]), (200, &b"<p>fine</p>"[..]));
    assert!(report.header("content-security-policy").is_some_and(|policy| policy.starts_with("sandbox ")));
    for path in
        ["/api/v1/finished/demo~1/summary.json", "/api/v1/finished/demo~1/secret", "/api/v1/finished/x/report.html"]
    {
        assert_eq!(get(&twin, path).await.status, 404, "{path}");
    }
}
