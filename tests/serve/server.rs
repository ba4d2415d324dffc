//! A city that the program serves, and whoever asks it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::SEVEN;
use super::program::{Started, between, command, text};

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_mins(3);

/// Waits for something, and looks again and again; not so often that whoever is waited for has to wait.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(is) => assert!(Instant::now() < end, "{what} did not come within {DEADLINE:?}: {is}"),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A server, and where it answers.
pub(crate) struct Server {
    program: Started,
    pub(crate) address: String,
}

impl Server {
    pub(crate) fn start(words: &[&str]) -> Self {
        let all: Vec<&str> = ["serve"].iter().chain(words).chain(&["--port", "0"]).copied().collect();
        let (program, address) = Started::start(command(&all), |line| between(line, "http://", '/').map(str::to_owned));
        Self { program, address }
    }

    /// Asks; the status and the body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        stream.set_read_timeout(Some(DEADLINE)).expect("a limit");
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        (status, if chunked { joined(body) } else { body.to_owned() })
    }

    pub(crate) fn json(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let (status, body) = self.ask(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{method} {path}: {error}: {body}"))
    }

    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        self.json("GET", path, "")
    }

    pub(crate) fn jump(&self, seconds: f64) {
        let body = format!("{{\"to\":{{\"time_s\":{}}}}}", SEVEN + seconds);
        self.json("POST", "/api/v1/sessions/live/jump", &body);
    }

    /// How far its city has come [s after seven].
    pub(crate) fn time(&self) -> f64 {
        self.get("/api/v1/sessions/live")["time_s"].as_f64().expect("a time") - SEVEN
    }

    /// Waits until all that was told is in the stores, and nothing is wrong; how many messages there are.
    pub(crate) fn settled(&self) -> u64 {
        until("what was told is kept", || {
            let pipeline = self.get("/api/v1/pipeline");
            let nothing = |field: &str| pipeline[field] == serde_json::json!(0);
            let well = pipeline["troubles"] == serde_json::json!([]) && nothing("behind") && nothing("spooled");
            let messages = pipeline["messages"].as_u64().filter(|&messages| well && messages > 0);
            messages.ok_or_else(|| pipeline.to_string())
        })
    }

    pub(crate) fn kill(mut self) {
        self.program.kill();
    }

    /// Interrupts it once; how it ended, and what it said.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, String) {
        self.program.interrupt()
    }
}

/// The pieces of a body that came in pieces.
fn joined(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).expect("a length");
        if length == 0 {
            break;
        }
        body.push_str(&after[..length]);
        rest = after[length..].trim_start_matches("\r\n");
    }
    body
}
