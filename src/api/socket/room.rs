//! One session that is looked at: takes its newest scene, has made what anybody wants of it, once, and hands it to all.
//!
//! A turn is taken at every scene, when somebody looks elsewhere, and four times a second where no scene comes. Nobody is waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::client::Client;
use super::place::Place;
use super::words::{self, Format};
use crate::api::port::{Scene, Session, SessionKind};
use crate::api::scene::{Encoder, Entry, Made, Occasion, Parts, TileId, View, road_bytes, roads};

/// So long without a scene is a while.
pub(super) const IDLE: Duration = Duration::from_millis(250);
/// How often the state, roads and vehicles in words are told.
const EVERY: Duration = Duration::from_secs(1);

/// A session that is looked at.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) number: u64,
    /// The session's id.
    pub(super) id: String,
    pub(super) session: Arc<dyn Session>,
    /// Whether the session speaks into the wire.
    pub(super) live: bool,
    place: Arc<Place>,
    /// Who came in since the last turn.
    door: Mutex<Vec<Member>>,
    work: Mutex<Work>,
    /// Somebody looks elsewhere.
    pub(super) poke: Notify,
}

/// Somebody who looks.
#[derive(Debug)]
pub(super) struct Member {
    client: Arc<Client>,
    /// Number of its seat; whoever has another by now is in another room, or here anew.
    seat: u64,
    view: View,
    format: Format,
    /// Nothing was told yet.
    first: bool,
    /// Second of the room at which vehicles were last told in words.
    told: Option<u64>,
    /// Roads were told.
    roads: bool,
}

impl Member {
    pub(super) fn new(client: &Arc<Client>, seat: u64, view: View, format: Format) -> Self {
        Self { client: Arc::clone(client), seat, view, format, first: true, told: None, roads: false }
    }

    /// Hears what the client said; whether it still has its seat.
    fn hear(&mut self, scene: &Scene) -> bool {
        let mut desk = self.client.desk();
        let Some(seat) = desk.seat_of(self.seat) else { return false };
        seat.lights.now = Arc::clone(&scene.signals);
        let acknowledged = std::mem::take(&mut seat.acknowledged);
        let moved = std::mem::take(&mut seat.moved).then_some(seat.bounds);
        drop(desk);
        for tick in acknowledged {
            self.view.acknowledge(tick);
        }
        if let Some(bounds) = moved {
            self.view.look(bounds);
            self.told = None;
        }
        true
    }
}

/// What a state that was told said of the clock: where that changes, another is told at once.
type Clock = (bool, bool, Option<f64>, u32);

/// What turns work with.
#[derive(Debug)]
struct Work {
    members: Vec<Member>,
    encoder: Encoder,
    /// The scene of the last turn: its tick and episode.
    last: Option<(u64, u32)>,
    /// When the newest scene came.
    came: Instant,
    began: Instant,
    state: Option<(Instant, Clock)>,
    /// When roads were last looked at, what they were, and the message of it.
    roads: Option<(Instant, Vec<u8>, Bytes)>,
    tally: Tally,
}

/// What a room sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// What was made.
    pub(super) made: Made,
    /// Frames handed to clients.
    pub(super) frames: u64,
    /// Bytes of them.
    pub(super) bytes: u64,
}

/// What there is for everybody in a turn.
struct Turn<'a> {
    scene: &'a Arc<Scene>,
    occasion: Occasion,
    /// Second of the room.
    second: u64,
    /// Everybody is told the state.
    state_due: bool,
    /// Everybody is told the roads.
    roads_due: bool,
    state: Option<Arc<str>>,
    /// Frames by the payloads in them: who wants the same gets the same.
    frames: BTreeMap<(bool, Vec<(TileId, usize)>), Bytes>,
}

impl Room {
    pub(super) fn new(number: u64, id: String, session: Arc<dyn Session>, place: Arc<Place>) -> Self {
        let now = Instant::now();
        let work = Work {
            members: Vec::new(),
            encoder: Encoder::new(Arc::clone(&place.tracks)),
            last: None,
            came: now,
            began: now,
            state: None,
            roads: None,
            tally: Tally::default(),
        };
        Self {
            number,
            id,
            live: session.info().kind == SessionKind::Live,
            session,
            place,
            door: Mutex::default(),
            work: Mutex::new(work),
            poke: Notify::new(),
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn door(&self) -> MutexGuard<'_, Vec<Member>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in.
    pub(super) fn enter(&self, member: Member) {
        self.door().push(member);
    }

    /// Whether nobody looks any more.
    pub(super) fn is_empty(&self) -> bool {
        self.door().is_empty() && self.work().members.is_empty()
    }

    /// The session is no more: everybody is told so, and which there are.
    pub(super) fn empty(&self, sessions: &str) {
        let members = std::mem::take(&mut self.work().members);
        let door = std::mem::take(&mut *self.door());
        for Member { client, seat, .. } in members.into_iter().chain(door) {
            let mut desk = client.desk();
            if desk.seat_of(seat).is_some() {
                desk.stand_up(sessions.to_owned(), "this session has ended; look at another");
                client.wake.notify_one();
            }
        }
    }

    /// What it sent so far.
    pub(super) fn tally(&self) -> Tally {
        self.work().tally
    }

    /// Takes a turn with the newest scene. Works for milliseconds: not to be called where others wait. Whoever speaks with a client
    /// meanwhile is held up by nothing but putting what was made on its desk.
    pub(super) fn turn(&self, scene: &Arc<Scene>) {
        let mut work = self.work();
        let work = &mut *work;
        work.members.append(&mut self.door());
        let mut turn = work.begin(scene, &self.place);
        let mut members = std::mem::take(&mut work.members);
        members.retain_mut(|member| member.hear(scene) && self.look_after(member, work, &mut turn));
        work.members = members;
        work.tally.made = work.encoder.made();
    }

    /// Puts on a client's desk what there is for it; whether it still has its seat.
    fn look_after(&self, member: &mut Member, work: &mut Work, turn: &mut Turn<'_>) -> bool {
        let frame = match member.format {
            Format::Binary => member.view.frame(&mut work.encoder, turn.occasion).map(|parts| turn.message(&parts)),
            Format::Json => None,
        };
        let vehicles = vehicles(member, work, turn);
        let first = std::mem::replace(&mut member.first, false);
        let state = (turn.state_due || first).then(|| {
            let text = || words::state(&self.session.info().brief(), turn.scene, &self.place).into();
            Arc::clone(turn.state.get_or_insert_with(text))
        });
        // Who just sat down has not seen the roads yet, nor has who looked at no place before.
        let wants_roads = member.view.bounds().is_some() && (turn.roads_due || !member.roads);
        let roads = work.roads.as_ref().filter(|_| wants_roads).map(|(_, _, message)| message.clone());
        member.roads |= roads.is_some();

        let mut desk = member.client.desk();
        let Some(seat) = desk.seat_of(member.seat) else { return false };
        let some = frame.is_some() || vehicles.is_some() || state.is_some() || roads.is_some();
        let wake = some || seat.lights.is_behind();
        if let Some(frame) = frame {
            work.tally.frames += 1;
            work.tally.bytes += frame.len() as u64;
            desk.frame(frame);
        }
        // What is not new leaves what waits as it is.
        desk.vehicles = vehicles.map(Arc::from).or(desk.vehicles.take());
        desk.state = state.or(desk.state.take());
        desk.roads = roads.or(desk.roads.take());
        drop(desk);
        if wake {
            member.client.wake.notify_one();
        }
        true
    }
}

impl Work {
    /// What there is for everybody.
    fn begin<'a>(&mut self, scene: &'a Arc<Scene>, place: &Place) -> Turn<'a> {
        let now = Instant::now();
        let occasion = if self.last.replace((scene.tick, scene.episode)) != Some((scene.tick, scene.episode)) {
            self.encoder.take(scene);
            self.came = now;
            Occasion::Fresh
        } else if now.duration_since(self.came) >= IDLE {
            Occasion::Idle
        } else {
            Occasion::Poked
        };
        let clock = (scene.paused, scene.over, scene.speed, scene.episode);
        let known = |&(told, said): &(Instant, Clock)| said == clock && now.duration_since(told) < EVERY;
        let state_due = !self.state.as_ref().is_some_and(known);
        if state_due {
            self.state = Some((now, clock));
        }
        let second = now.duration_since(self.began).as_secs();
        let roads_due = self.look_at_roads(scene, place, now);
        Turn { scene, occasion, second, state_due, roads_due, state: None, frames: BTreeMap::new() }
    }

    /// Whether roads changed since they were last told, which is looked at once a second.
    fn look_at_roads(&mut self, scene: &Scene, place: &Place, now: Instant) -> bool {
        let recently = self.roads.as_ref().is_some_and(|(looked, ..)| now.duration_since(*looked) < EVERY);
        if recently || scene.roads.is_empty() {
            return false;
        }
        let values = road_bytes(place.roads.iter().map(|&edge| scene.roads.get(edge).copied().flatten()));
        match &mut self.roads {
            Some((looked, known, _)) if *known == values => {
                *looked = now;
                false
            }
            told => {
                let message = roads(&values).into();
                *told = Some((now, values, message));
                true
            }
        }
    }
}

impl Turn<'_> {
    /// A frame as it is sent.
    fn message(&mut self, parts: &Parts) -> Bytes {
        // Payloads are kept by the encoder throughout the turn, so where one lies tells it from all others.
        let place = |entry: &Entry| match entry {
            Entry::Key(payload) | Entry::Delta(payload) => payload.as_ptr().addr(),
            Entry::Gone => 0,
        };
        let tiles = parts.tiles.iter().map(|(tile, entry)| (*tile, place(entry))).collect();
        let made = self.frames.entry((parts.head.anew, tiles)).or_insert_with(|| parts.message().into());
        made.clone()
    }
}

/// Vehicles in words, where they are due.
fn vehicles(member: &mut Member, work: &Work, turn: &Turn<'_>) -> Option<String> {
    let bounds = member.view.bounds().filter(|_| member.format == Format::Json)?;
    if member.told.replace(turn.second) == Some(turn.second) {
        return None;
    }
    Some(words::vehicles(turn.scene.time.as_seconds(), bounds, work.encoder.tiles()))
}
