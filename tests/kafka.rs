//! The program before a real Kafka: devices speak over MQTT, the topic is the log, the listener is killed in the middle, and the books
//! close; what is wrong is told in a sentence, without secrets.
//!
//! `CITYTWIN_TEST_KAFKA` names a broker (host:port), as `cargo xtask services up` prints it.
#![cfg(feature = "kafka")]

#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;

use std::path::Path;
use std::process::{Output, Stdio};

use program::{Started, between, command, text};

/// What must never be shown.
const SECRET: &str = "swordfish";

fn broker() -> String {
    std::env::var("CITYTWIN_TEST_KAFKA").expect("set CITYTWIN_TEST_KAFKA to host:port of a broker")
}

/// A file of parts with a topic of its own, and whatever else is said of the bus.
fn parts(folder: &Path, brokers: &str, more: &str) -> String {
    let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").trim_start_matches('.');
    let path = folder.join("parts.yaml");
    let text = format!(
        "bus: {{ kafka: {{ brokers: '{brokers}', topic: 'program-{name}', group: '{name}'{more} }} }}\nlisten: {{ address: '127.0.0.1:0' }}\n"
    );
    std::fs::write(&path, text).expect("room");
    path.display().to_string()
}

fn told(words: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = command(words).env("SET", SECRET).output().expect("the program runs");
    (status.success(), text(&stdout) + &text(&stderr))
}

fn listen(out: &str, parts: &str) -> (Started, String) {
    let words =
        ["listen", "--out", out, "--parts", parts, "--listen", "127.0.0.1:0", "--keep-every", "0.3", "--finish"];
    Started::start(command(&words), |line| between(line, "listening on ", ' ').map(str::to_owned))
}

/// Killed where it stands, a listener is followed by the one that stands by: devices, topic and checkpoints have what it takes, once.
#[test]
fn a_listener_that_is_killed_is_followed_and_the_books_close() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (out, sent, parts) = (path("out"), path("sent"), parts(folder.path(), &broker(), ""));
    let (is_well, said) = told(&["doctor", "--parts", &parts]);
    assert!(is_well && said.contains("the topic `program-"), "{said}");
    let (mut first, url) = listen(&out, &parts);
    // Every message has to be acknowledged in the end, whoever listens by then: at the same address.
    let load = ["load", "--target", &url, "--devices", "100", "--rate", "2000", "--seconds", "4", "--out", &sent];
    let mut load = command(&load).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    let (address, known) = (url.trim_start_matches("mqtt://").to_owned(), (out.clone(), parts.clone()));
    let (tell, stands) = std::sync::mpsc::channel();
    let standby = std::thread::spawn(move || {
        let listen = ["listen", "--out", &known.0, "--parts", &known.1, "--listen", &address];
        let command = command(&[listen.as_slice(), &["--keep-every", "0.3", "--finish", "--standby"]].concat());
        Started::start(command, |line| {
            if line.contains("standing by") {
                let _ = tell.send(());
            }
            between(line, "listening on ", ' ').map(str::to_owned)
        })
    });
    stands.recv().expect("it waits for the first");
    let kept = folder.path().join("out/stores/history/position");
    while !kept.is_dir() {
        assert_eq!(load.try_wait().expect("a child").map(|status| status.code()), None, "nothing was kept");
        std::thread::yield_now();
    }
    first.kill();
    let (mut second, _) = standby.join().expect("it takes over");
    assert!(load.wait().expect("it ends").success());
    let (status, said) = second.interrupt();
    assert!(status.success() && said.contains("stored as records: 8000"), "{said}");
    let (closes, said) = told(&["audit", &sent, "--kept-in", &out, "--parts", &parts]);
    assert!(closes && said.contains("8000"), "{said}");
    assert!(!folder.path().join("out/log").exists(), "the topic is the log");
    // The brokers know how far it is, for the tools of those who run them; and another shape of it is refused.
    let other = parts.replace("parts.yaml", "other.yaml");
    std::fs::write(&other, std::fs::read_to_string(&parts).expect("there").replace("group:", "partitions: 3, group:"))
        .expect("room");
    let (is_well, said) = told(&["doctor", "--parts", &other]);
    assert!(!is_well && said.contains("write `partitions: 4`"), "{said}");
}

/// A broker that is away, a certificate that is none and a variable that is not set are each told; a password never is.
#[test]
fn what_is_wrong_with_the_brokers_is_told_in_a_sentence() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").to_string();
    let login = ", user-from: SET, password-from: SET";
    for (more, needle) in [
        (login.to_owned(), "refused"),
        (", user-from: SET, password-from: UNSET".to_owned(), "`UNSET`"),
        (format!("{login}, tls: true, ca: nowhere.pem"), "nowhere.pem"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (is_well, said) = told(&["doctor", "--parts", &parts(folder.path(), &nobody, &more)]);
        assert!(!is_well && said.contains(needle) && said.contains("devices keep what they have"), "{more}: {said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}
