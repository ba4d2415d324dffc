//! What waits to be sent to one client, and what it looks at. The latest wins: a client that is slow finds less there, never more.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_ws::CloseCode;
use bytes::Bytes;
use tokio::sync::Notify;

use super::words::Told;
use crate::api::scene::Bounds;

/// Most news that wait for a client; of more it is told how many it missed.
const NEWS_MAX: usize = 64;
/// Most answers that wait for a client: it may ask twenty times a second, and who does not read is not answered.
const ANSWERS_MAX: usize = 64;

/// A client.
#[derive(Debug, Default)]
pub(in crate::api) struct Client {
    desk: Mutex<Desk>,
    /// There is something to send.
    pub(super) wake: Notify,
}

/// What waits to be sent to a client, and what it looks at.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// What it looks at.
    pub(super) seat: Option<Seat>,
    /// Whether it ever wanted to look at a session.
    pub(super) greeted: bool,
    /// Answers, in order.
    answers: VecDeque<Arc<str>>,
    /// Frames; not more than may be under way.
    frames: VecDeque<Bytes>,
    pub(super) roads: Option<Bytes>,
    pub(super) state: Option<Arc<str>>,
    pub(super) sessions: Option<Arc<str>>,
    pub(super) vehicles: Option<Arc<str>>,
    news: VecDeque<Arc<str>>,
    missed: u64,
    /// What a ping said that is to be answered; the last one counts.
    pub(super) pong: Option<Bytes>,
    /// Why it is to be sent away.
    leaving: Option<(CloseCode, String)>,
}

/// What a client looks at, and what it said since its room last took a turn.
#[derive(Debug)]
pub(super) struct Seat {
    /// Of all seats there ever were.
    pub(super) number: u64,
    /// Number of the room.
    pub(super) room: u64,
    /// Whether the room's session speaks into the wire, so that what the stores tell is about it.
    pub(super) live: bool,
    /// Ticks of frames it has applied.
    pub(super) acknowledged: Vec<u32>,
    /// Where it looks.
    pub(super) bounds: Option<Bounds>,
    /// It did not look there when its room last took a turn.
    pub(super) moved: bool,
    pub(super) lights: Lights,
}

/// The signals a client sees.
#[derive(Debug, Default)]
pub(super) struct Lights {
    /// By number; empty where it looks at too much of the map.
    pub(super) visible: Arc<[u32]>,
    /// What they show now.
    pub(super) now: Arc<Vec<String>>,
    /// What the client was told they show; none if nothing.
    told: Option<Arc<Vec<String>>>,
}

impl Lights {
    /// The client looks elsewhere.
    pub(super) fn look(&mut self, visible: Arc<[u32]>) {
        self.visible = visible;
        self.told = None;
    }

    /// Whether there may be something to tell.
    pub(super) fn is_behind(&self) -> bool {
        let same = self.told.as_ref().is_some_and(|told| Arc::ptr_eq(told, &self.now));
        !self.visible.is_empty() && !self.now.is_empty() && !same
    }

    /// What is to be told, by the signals' names; nothing if nothing changed.
    fn take(&mut self, names: &[String]) -> Option<String> {
        if !self.is_behind() {
            return None;
        }
        let told = self.told.replace(Arc::clone(&self.now));
        let shown = |number: u32| {
            let (name, now) = (names.get(number as usize)?, self.now.get(number as usize)?);
            let known = told.as_ref().and_then(|told| told.get(number as usize));
            (known != Some(now)).then_some((name.as_str(), now.as_str()))
        };
        let signals: BTreeMap<&str, &str> = self.visible.iter().filter_map(|&number| shown(number)).collect();
        let full = told.is_none();
        (full || !signals.is_empty()).then(|| Told::Signals { full, signals }.text())
    }
}

/// Something to send.
#[derive(Debug, Clone)]
pub(super) enum Parcel {
    Text(Arc<str>),
    Binary(Bytes),
    /// The answer to a ping of the protocol.
    Pong(Bytes),
    /// The last.
    Close(CloseCode, String),
}

impl Client {
    /// Its desk; whoever has it holds up this client only.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is answered.
    pub(in crate::api) fn answer(&self, text: String) {
        self.desk().answer(text);
        self.wake.notify_one();
    }

    /// It is shown this, in place of what it was shown before and has not taken yet.
    pub(in crate::api) fn show(&self, text: Arc<str>) {
        self.desk().state = Some(text);
        self.wake.notify_one();
    }

    /// Sends it away with a last word.
    pub(super) fn dismiss(&self, code: CloseCode, reason: &str) {
        self.desk().dismiss(code, reason);
        self.wake.notify_one();
    }
}

impl Desk {
    /// It is answered.
    pub(super) fn answer(&mut self, text: String) {
        if self.answers.len() < ANSWERS_MAX {
            self.answers.push_back(text.into());
        }
    }

    /// From now on it looks at another session, or at the same anew; what waits of the old one is thrown away.
    pub(super) fn sit(&mut self, seat: Seat, hello: String) {
        self.frames.clear();
        self.roads = None;
        self.state = None;
        self.vehicles = None;
        self.seat = Some(seat);
        self.greeted = true;
        self.answer(hello);
    }

    /// What it looked at, or wanted to look at, is not there: it is told so, and what there is instead.
    pub(super) fn stand_up(&mut self, sessions: String, reason: &str) {
        self.seat = None;
        self.frames.clear();
        self.greeted = true;
        self.answer(sessions);
        self.answer(Told::Bye { reason }.text());
    }

    /// Its seat, if it is this one.
    pub(super) fn seat_of(&mut self, number: u64) -> Option<&mut Seat> {
        self.seat.as_mut().filter(|seat| seat.number == number)
    }

    /// It has applied the frame of this tick. More than are ever under way would mean nothing.
    pub(super) fn acknowledge(&mut self, tick: u32) {
        if let Some(seat) = self.seat.as_mut().filter(|seat| seat.acknowledged.len() < ANSWERS_MAX) {
            seat.acknowledged.push(tick);
        }
    }

    /// A frame is under way.
    pub(super) fn frame(&mut self, frame: Bytes) {
        self.frames.push_back(frame);
    }

    /// Something happened.
    pub(super) fn news(&mut self, text: &Arc<str>) {
        if self.news.len() < NEWS_MAX {
            self.news.push_back(Arc::clone(text));
        } else {
            self.missed += 1;
        }
    }

    /// So many things happened that are not told.
    pub(super) fn missed(&mut self, events: u64) {
        self.missed += events;
    }

    /// Sends it away with a last word; the first reason counts.
    pub(super) fn dismiss(&mut self, code: CloseCode, reason: &str) {
        if self.leaving.is_none() {
            self.seat = None;
            self.frames.clear();
            self.leaving = Some((code, reason.to_owned()));
        }
    }

    /// Everything there is to send, in the order in which it is to be sent.
    pub(super) fn take(&mut self, signals: &[String]) -> Vec<Parcel> {
        let mut parcels: Vec<Parcel> = self.answers.drain(..).map(Parcel::Text).collect();
        if let Some((code, reason)) = self.leaving.take() {
            parcels.push(Parcel::Text(Told::Bye { reason: &reason }.text().into()));
            parcels.push(Parcel::Close(code, reason));
            return parcels;
        }
        parcels.extend(self.pong.take().map(Parcel::Pong));
        parcels.extend(self.sessions.take().map(Parcel::Text));
        parcels.extend(self.state.take().map(Parcel::Text));
        parcels.extend(self.frames.drain(..).map(Parcel::Binary));
        parcels.extend(self.vehicles.take().map(Parcel::Text));
        parcels.extend(self.roads.take().map(Parcel::Binary));
        let lights = self.seat.as_mut().and_then(|seat| seat.lights.take(signals));
        parcels.extend(lights.map(|text| Parcel::Text(text.into())));
        parcels.extend(self.news.drain(..).map(Parcel::Text));
        if self.missed > 0 {
            let events = std::mem::take(&mut self.missed);
            parcels.push(Parcel::Text(Told::Missed { events }.text().into()));
        }
        parcels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(parcels: &[Parcel]) -> Vec<String> {
        let text = |parcel: &Parcel| match parcel {
            Parcel::Text(text) => text.to_string(),
            Parcel::Binary(bytes) | Parcel::Pong(bytes) => format!("{} bytes", bytes.len()),
            Parcel::Close(code, reason) => format!("{code:?} {reason}"),
        };
        parcels.iter().map(text).collect()
    }

    #[test]
    fn who_does_not_read_has_the_latest_and_no_more() {
        let mut desk = Desk::default();
        for n in 0..10_000_i64 {
            desk.answer(Told::Pong { n }.text());
            desk.news(&Arc::from(format!("{n}")));
            desk.state = Some(format!("state {n}").into());
        }
        let sent = texts(&desk.take(&[]));
        assert_eq!(sent.len(), ANSWERS_MAX + 1 + NEWS_MAX + 1);
        assert_eq!(sent[0], r#"{"type":"pong","n":0}"#);
        assert_eq!(sent[ANSWERS_MAX], "state 9999");
        assert_eq!(sent[sent.len() - 1], format!(r#"{{"type":"missed","events":{}}}"#, 10_000 - NEWS_MAX));
        assert!(desk.take(&[]).is_empty());
    }

    #[test]
    fn who_is_sent_away_hears_why_and_nothing_else() {
        let mut desk = Desk::default();
        desk.frame(Bytes::from_static(b"frame"));
        desk.state = Some("state".into());
        desk.dismiss(CloseCode::Policy, "too loud");
        desk.dismiss(CloseCode::Normal, "another reason");
        assert_eq!(texts(&desk.take(&[])), [r#"{"type":"bye","reason":"too loud"}"#, "Policy too loud"]);
    }

    #[test]
    fn signals_are_told_in_full_and_then_as_they_change() {
        let names: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let shows = |letters: [&str; 3]| Arc::new(letters.map(str::to_owned).to_vec());
        let mut lights = Lights { now: shows(["G", "r", "r"]), ..Lights::default() };
        assert_eq!(lights.take(&names), None, "none is visible");
        lights.look(Arc::from([0, 2]));
        let full = r#"{"type":"signals","full":true,"signals":{"a":"G","c":"r"}}"#;
        assert_eq!(lights.take(&names).as_deref(), Some(full));
        assert_eq!(lights.take(&names), None);
        lights.now = shows(["y", "G", "r"]);
        // Nobody took what came in between.
        lights.now = shows(["r", "G", "G"]);
        let changes = r#"{"type":"signals","full":false,"signals":{"a":"r","c":"G"}}"#;
        assert_eq!(lights.take(&names).as_deref(), Some(changes));
        lights.now = shows(["r", "r", "G"]);
        assert_eq!(lights.take(&names), None, "what changed is not visible");
        lights.look(Arc::from([]));
        lights.look(Arc::from([1]));
        assert!(lights.take(&names).is_some_and(|text| text.contains("\"full\":true")));
    }
}
