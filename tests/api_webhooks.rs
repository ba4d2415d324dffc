//! Subscriptions from outside: asked for while the city runs, told by signed requests, there again after a restart, silent once deleted.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use citytwin::api::guard::{Role, new_key};
use citytwin::pipeline::alerting::signature;
use citytwin::primitives::Timestamp;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_mins(1);
const SERVER_KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978";

/// A request as it came.
#[derive(Debug)]
struct Told {
    path: String,
    timestamp: String,
    signature: String,
    body: Vec<u8>,
}

impl Told {
    fn is_signed_with(&self, secret: &str) -> bool {
        signature::verify(secret.as_bytes(), &self.timestamp, &self.body, &self.signature)
    }

    fn incident(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        body["alert"]["subject"].as_str().expect("a subject").to_owned()
    }
}

/// Somebody who takes webhooks: its port, and what comes.
fn receiver() -> (u16, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(one) = request(stream) {
                // The test may have ended.
                let _ = sender.send(one);
            }
        }
    });
    (port, told)
}

fn request(mut stream: TcpStream) -> Option<Told> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").ok()?;
    let header = |name: &str| headers.get(&name.to_ascii_lowercase()).cloned().unwrap_or_default();
    let path = first.split(' ').nth(1)?.to_owned();
    Some(Told { path, timestamp: header(signature::TIMESTAMP), signature: header(signature::SIGNATURE), body })
}

/// A real city that is served, with keys, and a rule that makes an alert of every incident and tells nobody by itself.
struct City {
    child: Child,
    devices: String,
    address: String,
    said: std::thread::JoinHandle<String>,
}

/// The keys of somebody who looks and somebody who orders, and the folder with all files.
struct Keys {
    viewer: String,
    operator: String,
    folder: PathBuf,
}

impl Keys {
    fn new(folder: &Path, more: &str) -> Self {
        let (viewer, operator) = (new_key("wall", Role::Viewer), new_key("ops", Role::Operator));
        let (viewer, operator) = (viewer.expect("random numbers"), operator.expect("random numbers"));
        let access = format!("keys:\n{}\n{}\n{more}", viewer.line, operator.line);
        let alerts = "events:\n  - {name: Incident, question: What blocks a road?, event: incident}\n";
        for (name, text) in
            [("access.yaml", access.as_str()), ("alerts.yaml", alerts), ("parts.yaml", "alerts: alerts.yaml\n")]
        {
            std::fs::write(folder.join(name), text).expect("room");
        }
        Self { viewer: viewer.key, operator: operator.key, folder: folder.to_owned() }
    }

    fn serve(&self) -> City {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
        command.args(["serve", "--real", &path("real"), "--parts", &path("parts.yaml"), "--port", "0"]);
        command.args(["--access", &path("access.yaml"), "--mqtt", "127.0.0.1:0"]);
        command.env("HOOKS_KEY", SERVER_KEY).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let mut place = |scheme: &str| {
            let line = lines.by_ref().find(|line| line.contains(scheme)).expect("it says where it is");
            let place = line.split(scheme).nth(1).and_then(|rest| rest.split(['/', ';', ' ']).next());
            place.expect("an address").to_owned()
        };
        let (devices, address) = (place("mqtt://"), place("http://"));
        let said = std::thread::spawn(move || lines.collect::<Vec<_>>().join("\n"));
        City { child, devices, address, said }
    }
}

impl City {
    /// Asks; status and body.
    fn ask(&self, key: &str, method: &str, path: &str, body: &str, more: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
        let (host, length) = (&self.address, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n{more}Content-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let from = body.find(['{', '[']);
        let body = from.map_or(Value::Null, |from| {
            let mut values = serde_json::Deserializer::from_str(&body[from..]).into_iter();
            values.next().expect("a value").expect("JSON")
        });
        (status, body)
    }

    fn webhooks(&self, keys: &Keys) -> String {
        let (status, cities) = self.ask(&keys.viewer, "GET", "/api/v1/cities", "", "");
        assert_eq!(status, 200, "{cities}");
        let id = cities[0]["id"].as_str().unwrap_or_else(|| panic!("{cities}"));
        format!("/api/v1/cities/{id}/webhooks")
    }

    /// A device tells of an incident; waits for the acknowledgement.
    fn incident(&self, number: u32) {
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
        let time = Timestamp::milliseconds(i64::try_from(now).expect("before the year 10000"));
        let payload = format!(
            "{{\"type\":\"incident\",\"device\":\"inc-{number}\",\"epoch\":0,\"seq\":0,\"timestamp\":\"{time}\",\
             \"incident_id\":\"incident {number}\",\"incident_kind\":\"crash\",\"status\":\"reported\",\"severity\":\"high\",\
             \"road_id\":\"High Street\",\"latitude\":52.5,\"longitude\":13.4,\"lanes_blocked\":1,\"casualties\":0}}"
        );
        let (host, port) = self.devices.rsplit_once(':').expect("host and port");
        let options = MqttOptions::new("test-devices", host, port.parse().expect("a port"));
        let (client, mut connection) = Client::new(options, 4);
        let topic = format!("emergency_incident_data/incident/inc-{number}");
        client.publish(topic, QoS::AtLeastOnce, false, payload.into_bytes()).expect("room");
        while !matches!(
            connection.recv_timeout(DEADLINE).expect("in time").expect("it listens"),
            Event::Incoming(Packet::PubAck(_))
        ) {}
    }

    /// Interrupts it; what it said.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("`kill` runs").success());
        assert!(self.child.wait().expect("it ends").success());
        self.said.join().expect("it said")
    }
}

/// Every byte of every file in a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(&path).expect("a file") });
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn whoever_subscribes_is_told_and_signed_to_until_it_is_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Keys::new(folder.path(), "webhooks: { key-from: HOOKS_KEY, private: true }\n");
    let (port, told) = receiver();
    let city = keys.serve();
    let place = city.webhooks(&keys);
    let body = |path: &str| json!({"url": format!("http://127.0.0.1:{port}/{path}"), "name": path}).to_string();
    let (status, refused) = city.ask(&keys.viewer, "POST", &place, &body("a"), "");
    assert_eq!(status, 403, "{refused}");
    let key = "Idempotency-Key: one\r\n";
    let (status, made) = city.ask(&keys.operator, "POST", &place, &body("kept"), key);
    assert_eq!((status, &made["subscription"]["lasting"]), (201, &json!(true)), "{made}");
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let kept = format!("{place}/{}", made["subscription"]["id"].as_str().expect("an id"));
    // The same again is the same subscription, and the secret is not told twice.
    let (status, again) = city.ask(&keys.operator, "POST", &place, &body("kept"), key);
    assert_eq!((status, &again["secret"], &again["subscription"]), (201, &Value::Null, &made["subscription"]));
    let (status, other) = city.ask(&keys.operator, "POST", &place, &body("deleted"), "");
    assert_eq!(status, 201, "{other}");
    let deleted = format!("{place}/{}", other["subscription"]["id"].as_str().expect("an id"));
    let (_, list) = city.ask(&keys.viewer, "GET", &place, "", "");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2), "{list}");
    assert_eq!(list["items"][0]["to"], json!(format!("http://127.0.0.1:{port}")), "{list}");
    assert!(!list.to_string().contains("whsec_"), "{list}");

    // Both are told of what happens, each with its own signature.
    city.incident(1);
    let mut first: Vec<Told> = (0..2).map(|_| told.recv_timeout(DEADLINE).expect("it is told")).collect();
    first.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!((first[0].path.as_str(), first[1].path.as_str()), ("/deleted", "/kept"));
    assert!(first[1].is_signed_with(&secret) && !first[0].is_signed_with(&secret), "{first:?}");
    assert_eq!(first[1].incident(), "incident 1");

    // Whoever is deleted is told nothing more: of the next incident only the other hears.
    assert_eq!(city.ask(&keys.viewer, "DELETE", &deleted, "", "").0, 403);
    assert_eq!(city.ask(&keys.operator, "DELETE", &deleted, "", "").0, 204);
    assert_eq!(city.ask(&keys.operator, "DELETE", &deleted, "", "").0, 404);
    assert_eq!(city.ask(&keys.viewer, "GET", &deleted, "", "").0, 404);
    city.incident(2);
    let second = told.recv_timeout(DEADLINE).expect("it is told");
    assert_eq!((second.path.as_str(), second.incident()), ("/kept", "incident 2".to_owned()));

    // After a restart with the same folder it is there, with the secret it had.
    let mut said = city.end();
    let city = keys.serve();
    let (status, one) = city.ask(&keys.viewer, "GET", &kept, "", "");
    assert_eq!((status, &one["active"], &one["name"]), (200, &json!(true), &json!("kept")), "{one}");
    city.incident(3);
    let third = told.recv_timeout(DEADLINE).expect("it is told");
    assert_eq!((third.path.as_str(), third.incident()), ("/kept", "incident 3".to_owned()));
    assert!(third.is_signed_with(&secret), "{third:?}");
    said.push_str(&city.end());
    // Whatever was to come has come.
    assert!(told.try_recv().is_err());
    // The secret is in no file and in no word that was said.
    let bytes = all_bytes(&folder.path().join("real"));
    assert!(holds(&bytes, "\"POST\"") && !holds(&bytes, &secret[6..]) && !holds(&bytes, SERVER_KEY));
    assert!(!said.contains(&secret[6..]) && !said.contains(SERVER_KEY), "{said}");
}

#[test]
fn only_machines_outside_are_told_unless_the_file_says_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = Keys::new(folder.path(), "");
    let city = keys.serve();
    let place = city.webhooks(&keys);
    for (url, says) in [
        ("http://alerts.example.org/", "plain words"),
        ("https://127.0.0.1/", "private: true"),
        ("https://localhost:9200/", "private: true"),
        ("https://10.0.0.7/", "private: true"),
        ("https://[::1]/", "private: true"),
        ("https://169.254.169.254/latest/meta-data/", "link-local"),
        ("https://ops:hunter2@alerts.example.org/", "user or password"),
        ("file:///etc/passwd", "scheme"),
    ] {
        let (status, refused) = city.ask(&keys.operator, "POST", &place, &json!({ "url": url }).to_string(), "");
        let detail = refused["detail"].as_str().unwrap_or_default();
        assert!(status == 422 && detail.contains(says) && !detail.contains("hunter2"), "{url}: {status} {refused}");
    }
    let good = json!({"url": "https://alerts.example.org/city", "severity": "high", "rules": ["Inc*"]}).to_string();
    for wrong in [
        json!({"url": "https://alerts.example.org/", "severity": "bad"}),
        json!({"url": "https://alerts.example.org/", "secret": "mine"}),
        json!({"url": "https://alerts.example.org/", "rules": vec!["a"; 21]}),
        json!({}),
    ] {
        let (status, refused) = city.ask(&keys.operator, "POST", &place, &wrong.to_string(), "");
        assert_eq!(status, 422, "{wrong}: {refused}");
    }
    for number in 0..50 {
        let (status, made) = city.ask(&keys.operator, "POST", &place, &good, "");
        assert_eq!(status, 201, "{number}: {made}");
        // Without a key that outlives the process the answer says so.
        assert_eq!(made["subscription"]["lasting"], json!(false), "{made}");
        assert!(made["says"].as_str().is_some_and(|says| says.contains("ends when the server does")), "{made}");
    }
    let (status, refused) = city.ask(&keys.operator, "POST", &place, &good, "");
    assert!(status == 409 && refused["detail"].as_str().is_some_and(|says| says.contains("50")), "{refused}");
    city.end();
    let city = keys.serve();
    let (status, list) = city.ask(&keys.viewer, "GET", &place, "", "");
    assert_eq!((status, &list["items"]), (200, &json!([])), "{list}");
    city.end();
}
