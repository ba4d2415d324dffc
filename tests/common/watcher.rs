//! A client of the socket, as a page or a program is one.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use citytwin::api::scene::{Head, Picture, Told};
use serde_json::Value;
use tungstenite::http::Response;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

/// Longest wait for anything; what takes longer does not come.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a client hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Words.
    Words(Value),
    /// A frame, which was applied.
    Frame(Head, Told),
    /// Speeds on roads.
    Roads(Vec<u8>),
    /// The last.
    Closed(Option<(CloseCode, String)>),
}

/// A client.
pub(crate) struct Watcher {
    pub(crate) socket: WebSocket<TcpStream>,
    pub(crate) picture: Picture,
}

impl Watcher {
    /// Connects, from a page of this origin if one is named.
    pub(crate) fn connect(address: SocketAddr, origin: Option<&str>) -> Result<Self, Box<Response<Option<Vec<u8>>>>> {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has a timeout");
        stream.set_nodelay(true).expect("a socket has no delay");
        let mut request = tungstenite::http::Request::builder()
            .uri(format!("ws://{address}/ws/realtime"))
            .header("Host", address.to_string())
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", tungstenite::handshake::client::generate_key());
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        let request = request.body(()).expect("it is a request");
        match tungstenite::client::client(request, stream) {
            Ok((socket, _)) => Ok(Self { socket, picture: Picture::default() }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer),
            Err(error) => panic!("{error}"),
        }
    }

    /// Says something.
    pub(crate) fn say(&mut self, words: &Value) {
        self.socket.send(Message::text(words.to_string())).expect("the server listens");
    }

    /// Looks at a session, everywhere, by frames.
    pub(crate) fn watch(&mut self, session: &str) {
        let everywhere = serde_json::json!([-180, -85, 180, 85]);
        self.say(&serde_json::json!({"type": "subscribe", "session": session, "bounds": everywhere, "rate": 10}));
    }

    /// The next that is heard; a frame is applied.
    pub(crate) fn hear(&mut self) -> Heard {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Heard::Words(serde_json::from_str(&text).expect("it is JSON")),
                Ok(Message::Binary(bytes)) if bytes.first() == Some(&3) => {
                    return Heard::Roads(citytwin::api::scene::read_roads(&bytes).expect("it can be read"));
                }
                Ok(Message::Binary(bytes)) => {
                    let (head, told) = self.picture.apply(&bytes).expect("it can be read");
                    return Heard::Frame(head, told);
                }
                Ok(Message::Close(said)) => {
                    return Heard::Closed(said.map(|said| (said.code, said.reason.to_string())));
                }
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed | tungstenite::Error::Protocol(_)) => {
                    return Heard::Closed(None);
                }
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// The next frame; what comes before it does not matter.
    pub(crate) fn frame(&mut self) -> (Head, Told) {
        loop {
            match self.hear() {
                Heard::Frame(head, told) => return (head, told),
                Heard::Closed(why) => panic!("closed: {why:?}"),
                Heard::Words(_) | Heard::Roads(_) => {}
            }
        }
    }

    /// The next frame, acknowledged.
    pub(crate) fn follow(&mut self) -> (Head, Told) {
        let (head, told) = self.frame();
        self.acknowledge(head.tick);
        (head, told)
    }

    /// The frame of a tick was applied.
    pub(crate) fn acknowledge(&mut self, tick: u32) {
        self.say(&serde_json::json!({"type": "ack", "tick": tick}));
    }

    /// The next words of a kind; what comes before them does not matter.
    pub(crate) fn words(&mut self, kind: &str) -> Value {
        loop {
            match self.hear() {
                Heard::Words(words) if words["type"] == kind => return words,
                Heard::Closed(why) => panic!("closed before `{kind}`: {why:?}"),
                Heard::Words(_) | Heard::Frame(..) | Heard::Roads(_) => {}
            }
        }
    }

    /// What is heard until the server has answered a question: whatever was under way before has come by then.
    pub(crate) fn until_answered(&mut self, n: i64) -> Vec<Heard> {
        self.say(&serde_json::json!({"type": "ping", "n": n}));
        let mut heard = Vec::new();
        loop {
            match self.hear() {
                Heard::Words(words) if words["type"] == "pong" && words["n"] == n => return heard,
                other => heard.push(other),
            }
        }
    }

    /// Why the server closes: its last words, and the code.
    pub(crate) fn last_words(&mut self) -> (String, CloseCode) {
        let mut reason = None;
        loop {
            match self.hear() {
                Heard::Words(words) if words["type"] == "bye" => reason = words["reason"].as_str().map(str::to_owned),
                Heard::Closed(Some((code, _))) => return (reason.expect("a reason comes first"), code),
                Heard::Closed(None) => panic!("closed without a word, after {reason:?}"),
                _ => {}
            }
        }
    }

    /// The vehicles it sees, by number: longitude and latitude [°].
    pub(crate) fn seen(&self) -> Vec<(u32, (f64, f64))> {
        let mut seen = Vec::new();
        for (tile, shown) in self.picture.tiles() {
            let columns = &shown.now;
            seen.extend((0..columns.len()).map(|row| (columns.ids[row], tile.lon_lat(columns.x[row], columns.y[row]))));
        }
        seen.sort_unstable_by_key(|(number, _)| *number);
        seen
    }
}
