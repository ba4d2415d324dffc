//! A broker of MQTT 5 for tests: sessions, shared subscriptions, quality of service 1 and 0, all in memory, and it dies on command.
//!
//! It acknowledges what it has in memory, as brokers do, and forgets it when told to. Nothing but what the suite needs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use super::matches;
use super::raw::{Raw, packet, text};

/// A message: topic, properties as they came, payload.
type Held = (String, Vec<u8>, Vec<u8>);

#[derive(Default)]
struct Session {
    socket: Option<TcpStream>,
    /// Sent without PUBACK.
    on_the_way: BTreeMap<u16, Held>,
    waiting: std::collections::VecDeque<Held>,
    last_id: u16,
    receive_maximum: usize,
    /// Survives its connection.
    lasting: bool,
}

/// Names of sessions, and their qualities of service.
type Members = Vec<(String, u8)>;

#[derive(Default)]
struct State {
    sessions: BTreeMap<String, Session>,
    /// Filter, whether shared, its sessions in turn with their quality of service.
    subscriptions: Vec<(String, bool, Members)>,
    sockets: Vec<TcpStream>,
}

pub(super) struct Broker {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

impl Broker {
    pub(super) fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // Ends with the process; nobody connects any more then.
        std::thread::spawn(move || {
            loop {
                let client = Raw::accept(&socket);
                let state = Arc::clone(&shared);
                std::thread::spawn(move || serve(client, &state));
            }
        });
        Self { port, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Breaks every connection; with `forget` everything else as well, as a broker without persistence does.
    pub(super) fn die(&self, forget: bool) {
        let mut state = self.state();
        for socket in state.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        state.sessions.values_mut().for_each(|session| session.socket = None);
        if forget {
            *state = State::default();
        }
    }

    /// Messages it keeps for those who are away or slow.
    pub(super) fn kept(&self) -> usize {
        self.state().sessions.values().map(|session| session.waiting.len() + session.on_the_way.len()).sum()
    }
}

/// A number of two bytes.
fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

/// A text with its length before it, and what follows.
fn words(bytes: &[u8]) -> (String, &[u8]) {
    let end = 2 + usize::from(number(bytes));
    (String::from_utf8_lossy(&bytes[2..end]).into_owned(), &bytes[end..])
}

/// Properties with their length before them (one byte is enough here), and what follows.
fn properties(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = 1 + usize::from(bytes[0]);
    assert!(bytes[0] < 0x80, "more properties than the broker for tests can read");
    (&bytes[1..end], &bytes[end..])
}

fn serve(mut client: Raw, shared: &Mutex<State>) {
    let lock = || shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some((0x10, hello)) = client.packet() else { return };
    // Protocol name and version, flags, keep-alive.
    let (clean, rest) = (hello[7] & 2 != 0, &hello[10..]);
    let (told, rest) = properties(rest);
    // As our clients write them: session expiry, receive maximum, packet size.
    let (expiry, receive_maximum) =
        (u32::from_be_bytes(told[1..5].try_into().unwrap()), usize::from(number(&told[6..])));
    let (id, _) = words(rest);
    {
        let state = &mut *lock();
        if clean {
            forget(state, &id);
        }
        let present = state.sessions.contains_key(&id);
        let session = state.sessions.entry(id.clone()).or_default();
        if let Some(old) = session.socket.take() {
            let _ = old.shutdown(Shutdown::Both);
        }
        session.receive_maximum = receive_maximum;
        session.lasting = expiry > 0;
        let mut socket = client.0.try_clone().unwrap();
        let mut out = vec![0x20, 3, u8::from(present), 0, 0];
        session.on_the_way.iter().for_each(|(id, held)| out.extend(published(held, Some(*id), true)));
        let _ = socket.write_all(&out);
        session.socket = Some(socket.try_clone().unwrap());
        state.sockets.push(socket);
        push(session);
    }
    let mine = client.0.local_addr().and(client.0.peer_addr()).ok();
    while let Some((first, rest)) = client.packet() {
        let state = &mut *lock();
        let answer = match first {
            0x30..=0x3f => take(state, first, &rest),
            0x82 => subscribe(state, &id, &rest),
            0x40 => {
                if let Some(session) = state.sessions.get_mut(&id) {
                    session.on_the_way.remove(&number(&rest));
                    push(session);
                }
                Vec::new()
            }
            0xc0 => vec![0xd0, 0],
            _ => break,
        };
        if client.0.write_all(&answer).is_err() {
            break;
        }
    }
    let state = &mut *lock();
    // Another connection may have taken the name.
    let session = state.sessions.get_mut(&id);
    let current = session.as_ref().and_then(|session| session.socket.as_ref()?.peer_addr().ok());
    if let Some(session) = session.filter(|_| current.is_none() || current == mine) {
        session.socket = None;
        if !session.lasting {
            forget(state, &id);
        }
    }
}

fn forget(state: &mut State, id: &str) {
    state.sessions.remove(id);
    state.subscriptions.iter_mut().for_each(|(_, _, members)| members.retain(|(member, _)| member != id));
}

fn take(state: &mut State, first: u8, bytes: &[u8]) -> Vec<u8> {
    let (topic, rest) = words(bytes);
    let (id, rest) = if first & 6 == 0 { (None, rest) } else { (Some(number(rest)), &rest[2..]) };
    let (told, payload) = properties(rest);
    let held: Held = (topic, told.to_vec(), payload.to_vec());
    for (filter, shared, members) in &mut state.subscriptions {
        if !matches(filter, &held.0) {
            continue;
        }
        // Of a group whoever is next and there, or else whoever is next.
        let there =
            |(member, _): &(String, u8)| state.sessions.get(member).is_some_and(|session| session.socket.is_some());
        let chosen = members.iter().position(there).unwrap_or(0);
        let mut chosen: Vec<(String, u8)> =
            if *shared { members.get(chosen).cloned().into_iter().collect() } else { members.clone() };
        if *shared && !members.is_empty() {
            members.rotate_left(1);
        }
        for (member, qos) in chosen.drain(..) {
            let Some(session) = state.sessions.get_mut(&member) else { continue };
            if qos == 0 || id.is_none() {
                if let Some(socket) = &mut session.socket {
                    let _ = socket.write_all(&published(&held, None, false));
                }
            } else {
                session.waiting.push_back(held.clone());
                push(session);
            }
        }
    }
    id.map_or(Vec::new(), |id| [&[0x40, 2][..], &id.to_be_bytes()].concat())
}

fn subscribe(state: &mut State, id: &str, bytes: &[u8]) -> Vec<u8> {
    let (_, mut rest) = properties(&bytes[2..]);
    let mut codes = Vec::new();
    while !rest.is_empty() {
        let (asked, after) = words(rest);
        let qos = after[0] & 3;
        rest = &after[1..];
        let shared = asked.strip_prefix("$share/").and_then(|asked| asked.split_once('/'));
        let (filter, is_shared) = shared.map_or((asked.as_str(), false), |(_, filter)| (filter, true));
        let known = state.subscriptions.iter().position(|(known, shared, _)| known == filter && *shared == is_shared);
        let at = known.unwrap_or_else(|| {
            state.subscriptions.push((filter.to_owned(), is_shared, Vec::new()));
            state.subscriptions.len() - 1
        });
        let members = &mut state.subscriptions[at].2;
        if !members.iter().any(|(member, _)| member == id) {
            members.push((id.to_owned(), qos));
        }
        codes.push(qos);
    }
    packet(0x90, &[&bytes[..2], &[0], &codes])
}

/// Sends what the receiver's maximum lets through.
fn push(session: &mut Session) {
    let Some(socket) = &mut session.socket else { return };
    while session.on_the_way.len() < session.receive_maximum {
        let Some(held) = session.waiting.pop_front() else { return };
        session.last_id = if session.last_id == u16::MAX { 1 } else { session.last_id + 1 };
        let _ = socket.write_all(&published(&held, Some(session.last_id), false));
        session.on_the_way.insert(session.last_id, held);
    }
}

fn published(held: &Held, id: Option<u16>, again: bool) -> Vec<u8> {
    let (topic, told, payload) = held;
    let id_bytes = id.map(u16::to_be_bytes);
    let id_bytes = id_bytes.as_ref().map_or(&[][..], |bytes| &bytes[..]);
    let flags = if id.is_some() { 2 | u8::from(again) << 3 } else { 0 };
    let length = u8::try_from(told.len()).unwrap();
    packet(0x30 | flags, &[&text(topic), id_bytes, &[length], told, payload])
}
