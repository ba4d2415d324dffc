//! What is served works without its parts, says which are away, and catches up when they are back.

#[path = "../../src/pipeline/transport/tests/broker.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "each test uses its part of it, and fails where it breaks")]
mod broker;
#[path = "../../src/pipeline/transport/tests/raw.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "each test uses its part of it, and fails where it breaks")]
mod raw;

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::network::Network;
use super::program::{command, text};
use super::server::{Server, until};
use super::{content, hash_of, run, scenario_in};
use broker::Broker;

/// Whether a topic is one that a filter of ours names: all that begin alike, or all.
fn matches(filter: &str, topic: &str) -> bool {
    let mut names = topic.split('/');
    filter.split('/').all(|level| level == "#" || names.next().is_some_and(|name| level == "+" || level == name))
        && (filter.ends_with('#') || names.next().is_none())
}

/// A city on parts of which one is behind a network.
struct Parted {
    folder: tempfile::TempDir,
    network: Network,
    parts: String,
}

impl Parted {
    fn new(server: SocketAddr, parts: impl Fn(u16) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let network = Network::before(server);
        let path = folder.path().join("parts.yaml");
        std::fs::write(&path, parts(network.port)).expect("room");
        Self { folder, network, parts: path.display().to_string() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn serve(&self) -> Server {
        let (scenario, out) = (scenario_in(self.folder.path()).display().to_string(), self.path("out"));
        let words = ["--parts", &self.parts, "--speed", "max", "--paused", "--no-report"];
        Server::start(&[&[&scenario, "--out", &out], words.as_slice()].concat())
    }

    /// Ends it: nothing is lost, nothing is there twice, and it is what a city leaves that nothing ever befell.
    fn ends_whole(&self, server: Server) {
        server.jump(300.0);
        let (status, said) = server.interrupt();
        assert!(status.success(), "{said}");
        let (out, ran) = (self.path("out"), self.path("ran"));
        let output = command(&["audit", &out, "--parts", &self.parts]).output().expect("the program runs");
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        let output = run(&scenario_in(self.folder.path()), Path::new(&ran));
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(hash_of(Path::new(&out)), hash_of(Path::new(&ran)));
        let (ran, served) = (content(Path::new(&ran)), content(Path::new(&out)));
        let records: Vec<&String> = ran.keys().filter(|what| what.starts_with("records of")).collect();
        for what in records {
            assert_eq!(ran[what], served[what], "{what}");
        }
        assert!(ran["records of position"].len() > 1_000, "a comparison of nothing");
    }
}

/// How a part fares, as the API's health says it: whether it is well, and else why.
fn part(server: &Server, name: &str) -> (String, bool, String) {
    let (status, body) = server.ask("GET", "/health/ready", "");
    assert_eq!(status, 200, "what is left is served: {body}");
    let health: Value = serde_json::from_str(&body).expect("JSON");
    let parts = health["parts"].as_array().expect("parts");
    let part = parts.iter().find(|part| part["part"] == json!(name)).expect("the part");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&health["status"]), part["well"] == json!(true), word(&part["reason"]))
}

/// Waits until a part is said to be away; why.
fn away(server: &Server, name: &str) -> String {
    until("somebody notices", || match part(server, name) {
        (status, false, reason) if status == "degraded" && !reason.is_empty() => Ok(reason),
        other => Err(format!("{other:?}")),
    })
}

/// Messages in the log.
fn messages(pipeline: &Value) -> u64 {
    pipeline["messages"].as_u64().unwrap_or_else(|| panic!("{pipeline}"))
}

/// What the stores answer whatever is away, by its path.
fn history(server: &Server) -> [String; 2] {
    let cities = server.get("/api/v1/cities");
    let city = cities[0]["id"].as_str().expect("a city");
    [format!("/api/v1/cities/{city}/events"), format!("/api/v1/cities/{city}/alerts")]
}

#[test]
fn without_its_broker_the_city_goes_on_and_catches_up() {
    let broker = Broker::start();
    let broker_at = SocketAddr::from(([127, 0, 0, 1], broker.port));
    let city = Parted::new(broker_at, |port| format!("bus: {{ mosquitto: {{ url: 'mqtt://127.0.0.1:{port}' }} }}\n"));
    let server = city.serve();
    server.jump(60.0);
    server.settled();
    assert_eq!(part(&server, "wire"), ("well".to_owned(), true, String::new()));
    city.network.cut();
    let reason = away(&server, "wire");
    assert!(reason.contains("broker"), "{reason}");
    let before = messages(&server.get("/api/v1/pipeline"));
    // The city goes on; what it tells waits with whoever would send it.
    server.jump(180.0);
    assert!((server.time() - 180.0).abs() < 1e-9);
    let waits = until("it waits", || {
        let pipeline = server.get("/api/v1/pipeline");
        let spooled = pipeline["spooled"].as_u64().filter(|&spooled| spooled > 1_000);
        spooled.map(|_| pipeline.clone()).ok_or_else(|| pipeline.to_string())
    });
    assert_eq!(messages(&waits), before, "nobody gets through");
    for path in history(&server) {
        server.get(&path);
    }
    city.network.mend();
    until("it catches up", || {
        let now = server.settled();
        if now > before + 1_000 { Ok(()) } else { Err(format!("{before} messages, then {now}")) }
    });
    assert_eq!(part(&server, "wire"), ("well".to_owned(), true, String::new()));
    city.ends_whole(server);
}

/// Needs a Redis: `CITYTWIN_TEST_REDIS` names one, as `cargo xtask services up` prints it.
#[cfg(feature = "server-tests")]
#[test]
fn without_the_live_state_history_is_served_and_the_city_catches_up() {
    let url = std::env::var("CITYTWIN_TEST_REDIS").expect("set CITYTWIN_TEST_REDIS to redis://host:port of a server");
    let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).expect("host and port");
    let server = std::net::ToSocketAddrs::to_socket_addrs(host).expect("an address").next().expect("an address");
    let prefix = format!("away-{}", std::process::id());
    let redis = |port| format!("live: {{ redis: {{ url: 'redis://127.0.0.1:{port}', prefix: {prefix} }} }}\n");
    let city = Parted::new(server, redis);
    let server = city.serve();
    server.jump(60.0);
    let before = server.settled();
    let now = "/api/vehicles/locations";
    assert!(server.get(now).to_string().contains("at_ms"));
    assert!(part(&server, "live state").1);
    city.network.cut();
    let reason = away(&server, "live state");
    assert!(reason.contains("redis://"), "{reason}");
    // An answer may be a second old.
    let body = until("nobody knows the present", || match server.ask("GET", now, "") {
        (503, body) => Ok(body),
        (status, body) => Err(format!("{status} {body}")),
    });
    assert!(body.contains("redis://"), "the reason is told: {body}");
    for path in history(&server) {
        server.get(&path);
    }
    // The city goes on; what it tells is in the log.
    server.jump(150.0);
    let waits = until("it waits", || {
        let pipeline = server.get("/api/v1/pipeline");
        let behind = pipeline["behind"].as_u64().filter(|&behind| behind > 1_000);
        behind.map(|_| pipeline.clone()).ok_or_else(|| pipeline.to_string())
    });
    assert!(messages(&waits) > before + 1_000, "{before}, then {waits}");
    city.network.mend();
    server.settled();
    assert!(part(&server, "live state").1);
    assert!(server.get(now).to_string().contains("at_ms"));
    city.ends_whole(server);
}
