//! Alerts from outside: what devices report is told to whoever wants to know, signed, once by its id, whatever dies meanwhile.
#![expect(clippy::disallowed_methods, reason = "deadlines and latencies are real time")]
#![expect(clippy::print_stdout, reason = "a latency is told, not judged")]

#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use citytwin::pipeline::alerting::{ALERTS, Notice, NoticeState, OUTBOX, signature};
use citytwin::pipeline::stores::Stores;
use citytwin::primitives::Timestamp;
use program::{Started, between, command, text};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

/// Longest wait for anything; alerts are to arrive within it, across a restart too.
const DEADLINE: Duration = Duration::from_secs(30);
const SECRET: &str = "known to both sides";

/// A request as it came.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    event: String,
    incident: String,
    is_signed: bool,
    at: Instant,
}

/// Somebody who takes webhooks.
#[derive(Debug, Clone, Default)]
struct Receiver(Arc<(Mutex<Vec<Told>>, Condvar)>);

impl Receiver {
    fn on(listener: TcpListener) -> Self {
        let receiver = Self::default();
        let told = receiver.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(one) = request(stream) {
                    told.0.0.lock().expect("nobody fails here").push(one);
                    told.0.1.notify_all();
                }
            }
        });
        receiver
    }

    fn told(&self) -> Vec<Told> {
        self.0.0.lock().expect("nobody fails here").clone()
    }

    /// What was told, once it is as wanted.
    fn wait(&self, what: &str, is_so: impl Fn(&[Told]) -> bool) -> Vec<Told> {
        let until = Instant::now() + DEADLINE;
        let mut told = self.0.0.lock().expect("nobody fails here");
        while !is_so(&told) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come within {DEADLINE:?}; what came: {told:#?}");
            told = self.0.1.wait_timeout(told, left).expect("nobody fails here").0;
        }
        told.clone()
    }
}

/// Reads a request and says that it has arrived; none of what is no whole request.
fn request(mut stream: TcpStream) -> Option<Told> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let header = |name: &str| headers.get(&name.to_ascii_lowercase()).cloned().unwrap_or_default();
    let is_signed =
        signature::verify(SECRET.as_bytes(), &header(signature::TIMESTAMP), &body, &header(signature::SIGNATURE));
    let json: serde_json::Value = serde_json::from_slice(&body).ok()?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").ok()?;
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Some(Told {
        id: header(signature::EVENT_ID),
        event: word(&json["event"]),
        incident: word(&json["alert"]["subject"]),
        is_signed,
        at: Instant::now(),
    })
}

/// A listener with rules, in a folder; killed when it is dropped.
struct City {
    folder: PathBuf,
    program: Started,
    address: String,
}

impl City {
    /// Rules that tell every incident to a port of this machine.
    fn rules(folder: &Path, port: u16) {
        let alerts = format!(
            "events:\n  - name: Incident\n    question: What blocks a road?\n    event: incident\n    actions: [hook]\n\
             actions:\n  - name: hook\n    webhook: {{url: 'http://127.0.0.1:{port}/hook', secret-from: HOOK_SECRET}}\n"
        );
        std::fs::write(folder.join("alerts.yaml"), alerts).expect("room");
        std::fs::write(folder.join("parts.yaml"), "alerts: alerts.yaml\n").expect("room");
    }

    fn start(folder: &Path, dies_at: Option<&str>) -> Self {
        let out = folder.join("out").display().to_string();
        let parts = folder.join("parts.yaml").display().to_string();
        let mut command = command(&["listen", "--out", &out, "--parts", &parts, "--listen", "127.0.0.1:0"]);
        command.env("HOOK_SECRET", SECRET);
        if let Some(place) = dies_at {
            command.env("CITYTWIN_DIES_AT", place);
        }
        let (program, address) = Started::start(command, |line| between(line, "mqtt://", ';').map(str::to_owned));
        Self { folder: folder.to_owned(), program, address }
    }

    /// Waits until it has died by itself.
    fn died(&mut self) {
        let until = Instant::now() + DEADLINE;
        while self.program.child.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < until, "it did not die where it should");
            std::thread::yield_now();
        }
    }

    /// Ends it in peace, and reads what it has kept.
    fn end(mut self) -> Stores {
        let (status, said) = self.program.interrupt();
        assert!(status.success(), "{said}");
        Stores::open(&self.folder.join("out/stores")).expect("stores")
    }
}

fn incident(number: u32, status: &str) -> (String, String) {
    let sequence = u32::from(status != "reported");
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
    let time = Timestamp::milliseconds(i64::try_from(now).expect("before the year 10000") + i64::from(sequence));
    let payload = format!(
        "{{\"type\":\"incident\",\"device\":\"inc-{number}\",\"epoch\":0,\"seq\":{sequence},\
         \"timestamp\":\"{time}\",\"incident_id\":\"incident {number}\",\
         \"incident_kind\":\"crash\",\"status\":\"{status}\",\"severity\":\"high\",\"road_id\":\"High Street\",\
         \"latitude\":52.5,\"longitude\":13.4,\"lanes_blocked\":1,\"casualties\":0}}"
    );
    (format!("emergency_incident_data/incident/inc-{number}"), payload)
}

/// Publishes and waits for every acknowledgement; whether all came.
fn publish(address: &str, messages: &[(String, String)]) -> bool {
    let (host, port) = address.rsplit_once(':').expect("host and port");
    let options = MqttOptions::new("test-devices", host, port.parse().expect("a port"));
    let (client, mut connection) = Client::new(options, messages.len() + 1);
    for (topic, payload) in messages {
        client.publish(topic, QoS::AtLeastOnce, false, payload.as_bytes()).expect("room");
    }
    let mut missing = messages.len();
    while missing > 0 {
        match connection.recv_timeout(DEADLINE) {
            Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => missing -= 1,
            Ok(Ok(_)) => {}
            _ => return false,
        }
    }
    true
}

fn ids(told: &[Told]) -> BTreeSet<String> {
    told.iter().map(|one| one.id.clone()).collect()
}

/// Ids of the notices in a state.
fn notices(stores: &Stores, state: NoticeState) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let each = &mut |_: &str, json: &[u8]| {
        let notice: Notice = serde_json::from_slice(json).expect("a notice");
        if notice.state == state {
            found.insert(notice.id);
        }
        ControlFlow::Continue(())
    };
    stores.tables().scan(OUTBOX, "", each).expect("notices");
    found
}

fn alerts(stores: &Stores) -> usize {
    let mut found = 0;
    let each = &mut |_: &str, _: &[u8]| {
        found += 1;
        ControlFlow::Continue(())
    };
    stores.tables().scan(ALERTS, "", each).expect("alerts");
    found
}

fn free_listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

#[test]
fn at_a_million_events_an_hour_an_incident_is_told_at_once_and_so_is_its_end() {
    const INCIDENTS: u32 = 6;
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, port) = free_listener();
    let receiver = Receiver::on(listener);
    City::rules(folder.path(), port);
    let city = City::start(folder.path(), None);
    let (target, out) = (format!("mqtt://{}", city.address), folder.path().join("load").display().to_string());
    let words = ["load", "--target", &target, "--out", &out, "--rate", "278", "--seconds", "8", "--devices", "500"];
    let mut load = command(&words).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("the program starts");
    let mut took = Vec::new();
    for number in 0..INCIDENTS {
        for (status, event) in [("reported", "alert.firing"), ("cleared", "alert.resolved")] {
            let begun = Instant::now();
            assert!(publish(&city.address, &[incident(number, status)]));
            let subject = format!("incident {number}");
            let is_it = |one: &Told| one.event == event && one.incident == subject;
            let told = receiver.wait(&format!("{event} of {subject}"), |told| told.iter().any(is_it));
            took.extend(told.iter().find(|one| is_it(one)).map(|one| one.at.saturating_duration_since(begun)));
        }
    }
    assert!(load.wait().expect("gone").success());
    let told = receiver.told();
    assert!(told.iter().all(|one| one.is_signed), "{told:#?}");
    let stores = city.end();
    assert_eq!(alerts(&stores), INCIDENTS as usize, "one alert an incident, whose row is replaced when it is over");
    assert_eq!(notices(&stores, NoticeState::Delivered), ids(&told));
    assert_eq!(notices(&stores, NoticeState::Pending), BTreeSet::new());
    took.sort();
    println!("from publishing to the webhook: p50 {:?}, max {:?} of {}", took[took.len() / 2], took.last(), took.len());
}

#[test]
fn whatever_dies_every_alert_arrives_and_is_known_by_its_id() {
    const INCIDENTS: u32 = 5;
    for dies_at in [None, Some("overseer/written"), Some("deliverer/sent"), Some("worker/shown"), Some("keep/tables")] {
        let folder = tempfile::tempdir().expect("a folder");
        let (listener, port) = free_listener();
        let receiver = Receiver::on(listener);
        City::rules(folder.path(), port);
        let mut city = City::start(folder.path(), dies_at);
        let reported: Vec<_> = (0..INCIDENTS).map(|number| incident(number, "reported")).collect();
        if publish(&city.address, &reported) && dies_at.is_none() {
            receiver.wait("the first alert", |told| !told.is_empty());
            city.program.kill();
        }
        city.died();
        drop(city);
        let city = City::start(folder.path(), None);
        // What had its acknowledgement is in the log; what had none, devices send again.
        let cleared = (0..INCIDENTS).map(|number| incident(number, "cleared"));
        let again: Vec<_> = reported.into_iter().chain(cleared).collect();
        assert!(publish(&city.address, &again), "{dies_at:?}");
        let expected: usize = 2 * INCIDENTS as usize;
        receiver.wait(&format!("all alerts, {dies_at:?}"), |told| ids(told).len() == expected);
        // It is written down that they have arrived before the next look at what is left.
        let stores = city.end();
        assert_eq!(alerts(&stores), INCIDENTS as usize, "{dies_at:?}");
        let told = receiver.told();
        assert_eq!(notices(&stores, NoticeState::Delivered), ids(&told), "{dies_at:?}");
        assert!(told.iter().all(|one| one.is_signed), "{told:#?}");
        // Of one incident the end is never told first.
        for number in 0..INCIDENTS {
            let subject = format!("incident {number}");
            let first = told.iter().find(|one| one.incident == subject).map(|one| one.event.as_str());
            assert_eq!(first, Some("alert.firing"), "{subject}, {dies_at:?}");
        }
    }
}

#[test]
fn who_is_not_there_is_told_when_they_are_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, port) = free_listener();
    City::rules(folder.path(), port);
    // Whoever connects is sent away without an answer, which is as good as nobody and keeps the port ours.
    let away = listener.try_clone().expect("another handle");
    let refused = std::thread::spawn(move || drop(away.accept().expect("a try")));
    let city = City::start(folder.path(), None);
    assert!(publish(&city.address, &[incident(1, "reported")]));
    refused.join().expect("one try was made");
    let receiver = Receiver::on(listener);
    let told = receiver.wait("the alert", |told| !told.is_empty());
    assert_eq!(told[0].event, "alert.firing");
    let stores = city.end();
    assert_eq!(notices(&stores, NoticeState::Delivered).len(), 1);
}

/// A small town with an incident, a few minutes of it.
const SCENARIO: &str = "
citytwin: 1
name: Alerts
map: { city: MAP }
time: { start: 07:00, run: 7 min }
demand:
  - synthetic: { vehicles: 300, profile: flat, buses: true }
incidents:
  - { at: 07:02, road: High Street, duration: 3 min, kind: crash, casualties: 1 }
emergencies: { ambulances: 1, calls: 30 per hour, treatment: 1 min, handover: 1 min }
sensors: { loops: { count: 10 }, cameras: { count: 10 }, air: { count: 5 }, parking: { count: 20 } }
";

fn run(folder: &Path, out: &Path, more: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (scenario, parts) = (folder.join("town.yaml"), folder.join("parts.yaml"));
    let map = root.join("maps/halvermere").display().to_string();
    std::fs::write(&scenario, SCENARIO.replace("MAP", &map)).expect("room");
    std::fs::write(&parts, format!("alerts: '{}'\n", root.join("deploy/alerts.yaml").display())).expect("room");
    let words = [&scenario, out, &parts].map(|path| path.display().to_string());
    let mut all = vec!["run", &words[0], "--out", &words[1], "--parts", &words[2], "--no-report"];
    all.extend(more);
    command(&all).output().expect("the program runs")
}

#[test]
fn a_run_gives_the_same_alerts_again_on_two_threads_and_in_pieces() {
    let folder = tempfile::tempdir().expect("a folder");
    let outs = ["one", "two", "pieces"].map(|name| folder.path().join(name));
    for (out, more) in outs.iter().zip([&["--threads", "1"][..], &["--threads", "2"], &[]]) {
        if out.ends_with("pieces") {
            // Dies after a batch, then starts again in the same folder.
            let dead = Command::new(env!("CARGO_BIN_EXE_citytwin"))
                .args(["run", &folder.path().join("town.yaml").display().to_string()])
                .args(["--out", &out.display().to_string(), "--no-report", "--checkpoint-every", "200"])
                .args(["--parts", &folder.path().join("parts.yaml").display().to_string()])
                .env("CITYTWIN_DIES_AT", "keep/checkpoint:5")
                .output()
                .expect("the program runs");
            assert!(!dead.status.success() && !out.join("tables").exists(), "{}", text(&dead.stderr));
        }
        let output = run(folder.path(), out, more);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let tables = outs.clone().map(|out| std::fs::read_to_string(out.join("tables/alerts.csv")).expect("alerts"));
    assert!(tables[0].contains("Incident on the road"), "{}", tables[0]);
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0], tables[2]);
    for internal in ["detector", "overseer", "progress", "deliveries", "outbox"] {
        assert!(!outs[0].join(format!("tables/{internal}.csv")).exists(), "{internal}");
    }
}
