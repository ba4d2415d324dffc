//! Configurations from outside: every mistake is told in one sentence with its key and the fix before anything is written, and a
//! server that is not there stops nobody who can work without it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rumqttc::{Client, ConnectReturnCode, ConnectionError, Event, MqttOptions, NetworkOptions, Packet, QoS};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(30);
/// What must never be shown.
const SECRET: &str = "swordfish";

fn citytwin(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(words).current_dir(folder).stdin(Stdio::null()).env("SET", SECRET).env_remove("UNSET");
    command
}

fn output(folder: &Path, words: &[&str]) -> Output {
    citytwin(folder, words).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write(folder: &Path, name: &str, content: &str) {
    std::fs::write(folder.join(name), content).expect("room");
}

/// A rule with an action, whose webhook is this.
fn alerts(webhook: &str) -> String {
    format!(
        "events:\n  - {{name: Incident, question: What?, event: incident, actions: [hook]}}\nactions:\n  - {{name: hook, webhook: \
         {webhook}}}\n"
    )
}

#[test]
fn a_mistake_in_a_file_is_told_with_its_fix_and_nothing_is_written() {
    let hook = |webhook: &str| ("alerts.yaml", alerts(webhook));
    let parts = |text: &str| ("parts.yaml", text.to_owned());
    let named = |key: &str| format!("{key}\n");
    // What stands in the file of parts, another file, and what must be told.
    let cases: Vec<(String, (&str, String), &[&str])> = vec![
        (named("buss: embedded"), parts("buss: embedded"), &["`buss`", "did you mean `bus`?"]),
        (named("alerts: nowhere.yaml"), parts("alerts: nowhere.yaml"), &["nowhere.yaml"]),
        (named("alerts: alerts.yaml"), ("alerts.yaml", "evnts: []".to_owned()), &["`evnts`", "did you mean `events`?"]),
        (
            named("alerts: alerts.yaml"),
            hook("{url: 'http://127.0.0.1:1/', secret-from: UNSET}"),
            &["hook", "`UNSET`", "set"],
        ),
        (named("alerts: alerts.yaml"), hook("{url: 'ftp://127.0.0.1/'}"), &["alerts.yaml", "`ftp`", "http"]),
        (named("alerts: alerts.yaml"), hook("{url: 'http://a:swordfish@127.0.0.1/'}"), &["secret-from"]),
        (named("alerts: alerts.yaml"), hook("{url: 'https://127.0.0.1/', ca: no.pem}"), &["no.pem"]),
        (
            named("live: { redis: { url: 'redis://127.0.0.1:1/0', password-from: UNSET } }"),
            parts(""),
            &["`UNSET`", "is not set", "set it"],
        ),
        (named("live: { redis: { url: 'redis://:swordfish@127.0.0.1:1/0' } }"), parts(""), &["password-from"]),
        (named("live: { redis: { url: 'rediss://127.0.0.1:1/0', ca: no.pem } }"), parts(""), &["no.pem"]),
        (
            named("records: { postgres: { url: 'postgres://a@127.0.0.1:1/x', password-from: UNSET } }"),
            parts(""),
            &["`UNSET`", "set it"],
        ),
        (
            named("bus: { mosquitto: { url: 'mqtt://127.0.0.1:1', user-from: UNSET } }"),
            parts(""),
            &["`UNSET`", "set it"],
        ),
        (named("bus: { mosquitto: { url: 'mqtts://127.0.0.1:1', ca: no.pem } }"), parts(""), &["no.pem"]),
        (named("listen: { users: users.txt }"), parts(""), &["users.txt", "cannot be read"]),
        (named("listen: { users: users.txt }"), ("users.txt", "bus:swordfish:#".to_owned()), &["users.txt", "line 1"]),
        (named("listen: { certificate: no.pem, key: no.pem }"), parts(""), &["no.pem"]),
        (named("listen: { address: '0.0.0.0:0' }"), parts(""), &["0.0.0.0:0", "`listen: { users: ... }`"]),
        (
            named("topics: topics.yaml"),
            ("topics.yaml", "positon: a/{device}\n".to_owned()),
            &["did you mean `position`?"],
        ),
    ];
    for (first, (name, content), needles) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), name, &content);
        write(folder.path(), "parts.yaml", &first);
        let mut words = vec!["listen", "--out", "out", "--parts", "parts.yaml"];
        if !first.contains("address") {
            words.extend(["--listen", "127.0.0.1:0"]);
        }
        let mut child = citytwin(folder.path(), &words)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let ended = wait(&mut child);
        let mut told = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().expect("piped"), &mut told).expect("words");
        assert_eq!(ended, Some(2), "{first}{content}\n{told}");
        for needle in needles {
            assert!(told.contains(needle), "{needle} is missing for {first}{content}\n{told}");
        }
        assert!(!told.contains(SECRET), "{told}");
        assert!(!folder.path().join("out").exists(), "{first}: something was written");
    }
}

#[expect(clippy::disallowed_methods, reason = "a deadline is real time")]
/// The code a child ends with; killed if it does not end.
fn wait(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("a child") {
            return status.code();
        }
        std::thread::yield_now();
    }
    child.kill().expect("still running");
    child.wait().expect("gone").code()
}

/// A record of a device.
const HEARTBEAT: &str =
    r#"{"type":"health","device":"dev-1","epoch":0,"seq":0,"timestamp":"2026-06-02T07:00:00.000Z","uptime_s":1}"#;

/// A port of this machine on which nobody listens.
fn nobodys_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

#[test]
fn a_doctor_names_the_server_that_is_away_and_what_works_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = nobodys_port();
    for (parts, part, meanwhile) in [
        (
            format!("live: {{ redis: {{ url: 'redis://127.0.0.1:{port}/0', password-from: SET }} }}"),
            "live state",
            "history",
        ),
        (
            format!("records: {{ postgres: {{ url: 'postgres://a@127.0.0.1:{port}/x', password-from: SET }} }}"),
            "records and tables",
            "the live state goes on",
        ),
    ] {
        write(folder.path(), "parts.yaml", &format!("{parts}\nlisten: {{ address: '127.0.0.1:0' }}\n"));
        let told = output(folder.path(), &["doctor", "--parts", "parts.yaml"]);
        let words = text(&told.stdout) + &text(&told.stderr);
        assert_eq!(told.status.code(), Some(1), "{words}");
        let lines: Vec<&str> = words.lines().filter(|line| line.contains("ILL")).collect();
        assert!(lines.len() == 1 && lines[0].starts_with(part), "{words}");
        assert!(words.contains(&port.to_string()) && words.contains(meanwhile) && !words.contains(SECRET), "{words}");
    }
}

/// A listener.
struct Listening {
    child: Child,
    port: u16,
    /// What it says after it has begun to listen.
    said: std::sync::mpsc::Receiver<String>,
}

impl Listening {
    fn start(folder: &Path) -> Self {
        let words = ["listen", "--out", "out", "--parts", "parts.yaml", "--listen", "127.0.0.1:0"];
        let mut child =
            citytwin(folder, &words).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("listening on"))).expect("it listens");
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(';').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        let (tell, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { child, port, said }
    }

    fn options(&self) -> MqttOptions {
        MqttOptions::new("bus", "127.0.0.1", self.port)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_that_is_away_at_the_start_is_named_and_what_waits_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = nobodys_port();
    let parts = format!("live: {{ redis: {{ url: 'redis://127.0.0.1:{port}/0', password-from: SET }} }}\n");
    write(folder.path(), "parts.yaml", &parts);
    let city = Listening::start(folder.path());
    // What comes is acknowledged all the same, because the log has it.
    let (client, mut connection) = Client::new(city.options(), 10);
    client.publish("gps_data/bus", QoS::AtLeastOnce, false, "{}").expect("room");
    client.publish("smart-cities.events/dev-1", QoS::AtLeastOnce, false, HEARTBEAT).expect("room");
    let acknowledged = |event: &Event| matches!(event, Event::Incoming(Packet::PubAck(_)));
    let events = std::iter::from_fn(|| connection.recv_timeout(DEADLINE).ok()).filter_map(Result::ok);
    assert_eq!(events.filter(acknowledged).take(2).count(), 2);
    let told = city.said.recv_timeout(DEADLINE).expect("a word about it");
    assert!(told.contains("live state") && told.contains(&port.to_string()) && told.contains("waits"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn who_has_no_right_is_sent_away_and_told_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut hashing = citytwin(folder.path(), &["password", "bus"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = hashing.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, format!("{SECRET}\n").as_bytes()).expect("it reads");
    drop(stdin);
    let line = text(&hashing.wait_with_output().expect("it ends").stdout);
    assert!(line.starts_with("bus:$argon2id$") && !line.contains(SECRET), "{line}");
    write(folder.path(), "users.txt", &format!("{}:gps_data/{{user}}:\n", line.trim_end()));
    write(folder.path(), "parts.yaml", "listen: { users: users.txt }\n");
    let city = Listening::start(folder.path());
    #[expect(clippy::result_large_err, reason = "rumqttc's error is as large as it is")]
    let first = |user: &str, password: &str, topic: &str| {
        let mut options = city.options();
        options.set_credentials(user, password);
        let (client, mut connection) = Client::new(options, 10);
        // A password takes a debug build on a busy machine seconds.
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(DEADLINE.as_secs());
        connection.eventloop.set_network_options(network);
        client.publish(topic, QoS::AtLeastOnce, false, "{}").expect("room");
        let events = std::iter::from_fn(|| connection.recv_timeout(DEADLINE).ok());
        let mut ends = events.filter(|event| match event {
            Ok(Event::Incoming(Packet::PubAck(_))) | Err(_) => true,
            Ok(_) => false,
        });
        ends.next().expect("an answer")
    };
    for (user, password) in [("bus", "wrong"), ("nobody", SECRET)] {
        let told = first(user, password, "gps_data/bus");
        let is_refused = matches!(
            told,
            Err(ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized
            ))
        );
        assert!(is_refused, "{user}: {told:?}");
    }
    assert!(matches!(first("bus", SECRET, "gps_data/bus"), Ok(Event::Incoming(Packet::PubAck(_)))));
    // MQTT 3.1.1 has no other word for it than to hang up.
    assert!(first("bus", SECRET, "gps_data/tram").is_err());
}

/// A certificate of its own and its key, for this machine.
fn certify(folder: &Path) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    write(folder, "own.pem", &made.cert.pem());
    write(folder, "own.key", &made.signing_key.serialize_pem());
}

/// A city of a few minutes, with few devices.
fn small_city(folder: &Path) {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let scenario = format!(
        "citytwin: 1\nname: Guarded\nmap: {{ city: {} }}\ntime: {{ start: 07:00, run: 2 min }}\ndemand:\n  - synthetic: {{ flow: 600 veh/h }}\n\
         sensors: {{ loops: {{ count: 5 }}, parking: {{ count: 5 }} }}\n",
        map.display()
    );
    write(folder, "city.yaml", &scenario);
}

/// What a listener asks of everybody it need not ask of its own city, and it asks everybody else no less.
#[test]
fn a_city_speaks_into_its_own_listener_whatever_that_asks_of_others() {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path());
    small_city(folder.path());
    write(folder.path(), "users.txt", "operator:-::#\n");
    for (n, listen) in [
        "certificate: own.pem, key: own.key, users: users.txt",
        "certificate: own.pem, key: own.key, clients: own.pem",
        "users: users.txt",
    ]
    .iter()
    .enumerate()
    {
        write(folder.path(), "parts.yaml", &format!("listen: {{ {listen} }}\n"));
        let out = format!("out-{n}");
        let words = ["run", "city.yaml", "--parts", "parts.yaml", "--out", &out, "--no-report"];
        let told = output(folder.path(), &words);
        assert!(told.status.success(), "{listen}: {}", text(&told.stderr));
        let audit = output(folder.path(), &["audit", &out]);
        assert!(audit.status.success(), "{listen}: {}", text(&audit.stdout));
    }
}

#[test]
fn a_run_is_told_what_is_wrong_with_its_parts_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    small_city(folder.path());
    for (parts, more, named) in [
        ("listen: { address: '0.0.0.0:0' }", "", "is asked who they are"),
        ("", "0.0.0.0:0", "is asked who they are"),
        ("live: { redis: { url: 'redis://127.0.0.1:1/0', password-from: UNSET } }", "", "`UNSET`"),
        ("listen: { users: nowhere.txt }", "", "nowhere.txt"),
    ] {
        write(folder.path(), "parts.yaml", parts);
        let mut words = vec!["run", "city.yaml", "--parts", "parts.yaml", "--out", "out"];
        if !more.is_empty() {
            words.extend(["--listen", more]);
        }
        let told = output(folder.path(), &words);
        let said = text(&told.stderr);
        assert_eq!(told.status.code(), Some(2), "{parts}: {said}");
        assert!(said.contains(named) && !folder.path().join("out").exists(), "{parts}: {said}");
    }
}

#[test]
fn a_doctor_knows_a_listener_of_ours_from_somebody_elses() {
    let folder = tempfile::tempdir().expect("a folder");
    certify(folder.path());
    write(folder.path(), "users.txt", "operator:-::#\n");
    let examined = |parts: &str, port: u16| {
        write(folder.path(), "parts.yaml", &format!("listen: {{ address: '127.0.0.1:{port}'{parts} }}\n"));
        let told = output(folder.path(), &["doctor", "--parts", "parts.yaml"]);
        (told.status.code(), text(&told.stdout))
    };
    let encrypted = ", certificate: own.pem, key: own.key";
    for parts in ["", ", users: users.txt", encrypted, ", certificate: own.pem, key: own.key, clients: own.pem"] {
        write(folder.path(), "parts.yaml", &format!("listen: {{ address: '127.0.0.1:0'{parts} }}\n"));
        let city = Listening::start(folder.path());
        let (code, said) = examined(parts, city.port);
        assert_eq!(code, Some(0), "{parts}: {said}");
        assert!(said.contains("a listener of ours is at work already"), "{parts}: {said}");
    }
    // Somebody else, who takes connections and says nothing, or something else.
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for client in other.incoming().flatten() {
            drop(std::io::Write::write_all(&mut &client, b"220 mail.example ESMTP\r\n"));
        }
    });
    for parts in ["", encrypted] {
        let (code, said) = examined(parts, port);
        assert_eq!(code, Some(1), "{parts}: {said}");
        assert!(said.contains("cannot listen there") && !said.contains("ours"), "{parts}: {said}");
    }
}
