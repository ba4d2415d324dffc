//! A drill that is run by the real program, and people who sit in it over real connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

/// Longest wait for anything; what takes longer does not come.
const PATIENCE: Duration = Duration::from_mins(3);

/// Ids of what is done; a window that comes back goes on with others.
static IDS: AtomicU64 = AtomicU64::new(1);

/// A small town with one ambulance that is soon not enough.
const SCENARIO: &str = "
citytwin: 1
name: Small town
map: { city: MAP }
time: { start: 07:00, run: 12 min }
demand:
  - synthetic: { vehicles: 200, profile: flat }
emergencies: { ambulances: 2, calls: 40 per hour, treatment: 1 min, handover: 1 min }
";

/// Six minutes of it. What a dispatcher must not hear of has words that nothing else has.
const DRILL: &str = "
citytwin: 1
name: Small drill
question: Does everybody hear what they should, and nothing else?
scenario: small_town.yaml
start: 07:02
length: 6 min
objectives:
  - { id: O-1, text: Messages are taken note of. }
injects:
  - id: I-01
    at: 20 s
    from: Duty officer
    to: dispatcher
    by: radio
    text: Good morning, the desk is yours.
    expect: acknowledge within 2 min
    objective: O-1
    notes: Zanzibar one.
  - id: I-02
    at: 40 s
    text: Zanzibar two, for nobody to hear.
    effects:
      - close-road: High Street
      - incident: { road: High Street, kind: breakdown, lanes: 1, duration: 3 min }
  - id: I-03
    at: 60 s
    from: Somebody
    to: controller
    text: Zanzibar three.
  - id: I-04
    at: 80 s
    text: Zanzibar four rings.
    effects:
      - call: { road: Broad Street, category: C2 }
";

/// Writes the drill and its scenario into a folder; the drill's file.
pub(crate) fn drill_in(folder: &Path) -> PathBuf {
    let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("maps/halvermere");
    let scenario = SCENARIO.replace("MAP", &map.display().to_string());
    std::fs::write(folder.join("small_town.yaml"), scenario).expect("a scenario");
    let path = folder.join("small_drill.yaml");
    std::fs::write(&path, DRILL).expect("a drill");
    path
}

pub(crate) fn citytwin(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
    command.args(words).stdin(Stdio::null()).output().expect("it runs")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A drill that is served.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: String,
    /// PINs by the role's title, as they were told.
    pins: Vec<(String, String)>,
    said: Arc<Mutex<String>>,
    hears: JoinHandle<()>,
}

impl Served {
    pub(crate) fn start(drill: &Path, out: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citytwin"));
        command.arg("drill").arg(drill).arg("--out").arg(out).args(["--port", "0"]).args(more);
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let (mut address, mut pins, mut before) = (None, Vec::new(), String::new());
        for line in lines.by_ref().map_while(Result::ok) {
            before.push_str(&line);
            before.push('\n');
            if let Some(rest) = line.split("http://").nth(1) {
                address = rest.split('/').next().map(str::to_owned);
            } else if address.is_some() && line.starts_with("  ") {
                let words: Vec<&str> = line.split_whitespace().collect();
                let (pin, title) = words.split_last().expect("a title and a PIN");
                pins.push((title.join(" "), (*pin).to_owned()));
            } else if line.starts_with("interrupt to end") {
                break;
            }
        }
        let address = address.unwrap_or_else(|| panic!("it never said where it is:\n{before}"));
        let said = Arc::new(Mutex::new(before));
        let heard = Arc::clone(&said);
        // Somebody has to read on, or the program would wait for its words to be taken.
        let hears = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.push_str(&line);
                heard.push('\n');
            }
        });
        Self { child, address, pins, said, hears }
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn pin(&self, title: &str) -> &str {
        let found = self.pins.iter().find(|(one, _)| one.to_lowercase().contains(title));
        &found.unwrap_or_else(|| panic!("{title}: {:?}", self.pins)).1
    }

    /// Asks; the status and the body.
    pub(crate) fn ask(&self, line: &str, token: Option<&str>, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it answers");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{token}\
             Connection: close\r\n\r\n{body}",
            self.address,
            body.len()
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

    pub(crate) fn lobby(&self) -> Value {
        let (status, body) = self.ask("GET /api/v1/drill", None, "");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    pub(crate) fn try_join(&self, pin: &str, name: &str) -> (u16, Value) {
        let body = json!({ "pin": pin, "name": name }).to_string();
        let (status, body) = self.ask("POST /api/v1/drill/join", None, &body);
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    /// Joins; the token.
    pub(crate) fn join(&self, title: &str, name: &str) -> String {
        let (status, joined) = self.try_join(self.pin(title), name);
        assert_eq!(status, 200, "{joined}");
        joined["token"].as_str().expect("a token").to_owned()
    }

    /// Connects, from a page of this origin if one is named.
    pub(crate) fn try_sit(&self, token: &str, origin: Option<&str>) -> Result<Player, u16> {
        let stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        let mut request = tungstenite::http::Request::builder()
            .uri(format!("ws://{}/ws/drill", self.address))
            .header("Host", &self.address)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", tungstenite::handshake::client::generate_key())
            .header("Sec-WebSocket-Protocol", format!("citytwin.v1, bearer.{token}"));
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        match tungstenite::client::client(request.body(()).expect("it is a request"), stream) {
            Ok((socket, answer)) => {
                assert_eq!(answer.headers().get("sec-websocket-protocol").expect("one"), "citytwin.v1");
                Ok(Player { socket, heard: Vec::new() })
            }
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn sit(&self, token: &str) -> Player {
        self.try_sit(token, None).unwrap_or_else(|status| panic!("refused: {status}"))
    }

    /// Pulls the plug.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.hears.join().expect("it said");
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Interrupts it once; how it ended.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
        let status = self.child.wait().expect("it ends");
        self.hears.join().expect("it said");
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (status, said)
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

/// Somebody who sits in a drill.
pub(crate) struct Player {
    socket: WebSocket<TcpStream>,
    /// Everything that was ever received.
    pub(crate) heard: Vec<String>,
}

impl Player {
    /// What comes next; none where the connection was closed, with the code.
    pub(crate) fn hear(&mut self) -> Result<Value, Option<CloseCode>> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    self.heard.push(text.to_string());
                    return Ok(serde_json::from_str(&text).expect("JSON"));
                }
                Ok(Message::Close(frame)) => return Err(frame.map(|frame| frame.code)),
                Ok(Message::Binary(_)) => panic!("nothing binary is said in a drill"),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Protocol(_)) => return Err(None),
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("it listens");
    }

    /// The next view for which this holds.
    pub(crate) fn view(&mut self, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let heard = self.hear().unwrap_or_else(|code| panic!("it was closed: {code:?}"));
            if heard["type"] == "view" && is(&heard["view"]) {
                return heard["view"].clone();
            }
        }
    }

    /// Says something with an id and waits for its answer.
    pub(crate) fn answered(&mut self, id: &str, mut what: Value) -> Value {
        what["id"] = json!(id);
        self.say(&what.to_string());
        loop {
            let heard = self.hear().unwrap_or_else(|code| panic!("it was closed: {code:?}"));
            if heard["id"] == id {
                return heard;
            }
        }
    }

    fn new_id() -> String {
        format!("id-{}", IDS.fetch_add(1, Ordering::Relaxed))
    }

    /// Does something that is done.
    pub(crate) fn act(&mut self, action: &Value) -> Value {
        let id = Self::new_id();
        let done = self.answered(&id, json!({ "type": "act", "action": action }));
        assert_eq!(done["type"], "done", "{action}: {done}");
        done
    }

    pub(crate) fn clock(&mut self, order: &Value) -> Value {
        let id = format!("clock-{}", Self::new_id());
        let done = self.answered(&id, json!({ "type": "clock", "order": order }));
        assert_eq!(done["type"], "done", "{order}: {done}");
        done
    }

    /// Waits until it is said that the drill is over.
    pub(crate) fn until_over(&mut self) {
        while self.hear().unwrap_or_else(|code| panic!("it was closed: {code:?}"))["type"] != "over" {}
    }

    /// Waits until it is sent away; with which code.
    pub(crate) fn until_closed(&mut self) -> Option<CloseCode> {
        loop {
            if let Err(code) = self.hear() {
                return code;
            }
        }
    }
}
