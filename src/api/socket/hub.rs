//! Everybody who is connected, the sessions that are looked at, and what is told to all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::rt;
use actix_web::web;
use actix_ws::CloseCode;
use tokio::time::Instant;
use tokio::time::timeout;

use super::client::{Client, Lights, Seat};
use super::news::{self, News};
use super::place::Place;
use super::room::{IDLE, Member, Room, Tally};
use super::words::{self, Format, Told};
use crate::api::port::{SessionInfo, Twin};
use crate::api::scene::{Bounds, Made, View};

/// How many may be connected, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubSettings {
    /// Most sockets at once.
    pub sockets_max: usize,
    /// Most sockets of one address at once; this machine's own are not counted by address.
    pub sockets_of_address_max: usize,
    /// Longest silence of a client before it is sent away.
    pub silence_max: Duration,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self { sockets_max: 500, sockets_of_address_max: 32, silence_max: Duration::from_secs(30) }
    }
}

/// What the socket did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HubCounts {
    /// Sockets that are open.
    pub sockets: usize,
    /// Sessions that are looked at.
    pub sessions: usize,
    /// Sockets that were refused because there were too many.
    pub refused: u64,
    /// Clients that were sent away: too loud, too quiet, or not understood.
    pub dismissed: u64,
    /// Frames handed to clients.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What was made of scenes for all of them.
    pub made: Made,
}

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum Full {
    /// There are as many as there may be.
    Everywhere,
    /// There are as many of one address as there may be.
    There,
    /// The server ends.
    Closed,
}

/// Hands the scenes of sessions to all who look.
#[derive(Debug)]
pub struct Hub {
    twin: Arc<dyn Twin>,
    settings: HubSettings,
    place: Arc<Place>,
    clients: Mutex<BTreeMap<u64, Guest>>,
    rooms: Mutex<Rooms>,
    next: AtomicU64,
    refused: AtomicU64,
    dismissed: AtomicU64,
    /// Somebody asks the stores.
    asking: AtomicBool,
    closed: AtomicBool,
    news: Mutex<News>,
}

/// Somebody who was let in.
#[derive(Debug)]
struct Guest {
    /// Where from, if addresses are counted there.
    address: Option<IpAddr>,
    client: Arc<Client>,
}

/// The rooms there are, by their session's id, and what those sent that are no more.
#[derive(Debug, Default)]
struct Rooms {
    open: BTreeMap<String, Arc<Room>>,
    gone: Tally,
}

/// What somebody wants to look at.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) session: String,
    pub(super) bounds: Option<Bounds>,
    pub(super) rate: u8,
    pub(super) format: Format,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    /// For the sessions of a twin.
    pub fn new(twin: Arc<dyn Twin>, settings: HubSettings) -> Self {
        let place = Arc::new(Place::of(twin.network()));
        Self {
            twin,
            settings,
            place,
            clients: Mutex::default(),
            rooms: Mutex::default(),
            next: AtomicU64::new(1),
            refused: AtomicU64::new(0),
            dismissed: AtomicU64::new(0),
            asking: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            news: Mutex::default(),
        }
    }

    /// What it did so far.
    pub fn counts(&self) -> HubCounts {
        let (sessions, tally) = {
            let rooms = lock(&self.rooms);
            (rooms.open.len(), rooms.open.values().fold(rooms.gone, |sum, room| plus(sum, room.tally())))
        };
        HubCounts {
            sockets: lock(&self.clients).len(),
            sessions,
            refused: self.refused.load(Ordering::Relaxed),
            dismissed: self.dismissed.load(Ordering::Relaxed),
            frames: tally.frames,
            bytes: tally.bytes,
            made: tally.made,
        }
    }

    /// Sends everybody away with a last word, and lets nobody in any more.
    pub fn close(&self, reason: &str) {
        self.closed.store(true, Ordering::Relaxed);
        for guest in lock(&self.clients).values() {
            guest.client.dismiss(CloseCode::Away, reason);
        }
    }

    pub(in crate::api) const fn settings(&self) -> &HubSettings {
        &self.settings
    }

    /// Ids of the signals.
    pub(super) fn signals(&self) -> &[String] {
        &self.place.signals
    }

    pub(super) fn count_dismissed(&self) {
        self.dismissed.fetch_add(1, Ordering::Relaxed);
    }

    /// Lets somebody in, if there is room.
    pub(in crate::api) fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Ticket, Full> {
        let counted = address.map(|address| address.to_canonical()).filter(|address| !address.is_loopback());
        let mut clients = lock(&self.clients);
        let there = clients.values().filter(|guest| counted.is_some() && guest.address == counted).count();
        let full = if self.closed.load(Ordering::Relaxed) {
            Some(Full::Closed)
        } else if clients.len() >= self.settings.sockets_max {
            Some(Full::Everywhere)
        } else if there >= self.settings.sockets_of_address_max {
            Some(Full::There)
        } else {
            None
        };
        if let Some(full) = full {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(full);
        }
        let (number, client) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Client::default()));
        clients.insert(number, Guest { address: counted, client: Arc::clone(&client) });
        if !self.asking.swap(true, Ordering::Relaxed) {
            rt::spawn(Self::ask(Arc::clone(self)));
        }
        drop(clients);
        Ok(Ticket { hub: Arc::clone(self), number, client })
    }

    /// Seats somebody in the room of a session, or tells that there is no such session; the room, if there was none before. Asks the
    /// twin: not to be called where others wait.
    fn seat(&self, client: &Arc<Client>, wish: Wish) -> Option<Arc<Room>> {
        let Wish { session: id, bounds, rate, format } = wish;
        let unknown =
            || format!("there is no session `{}`; `/api/v1/sessions` tells which there are", id.escape_debug());
        let Some(session) = self.twin.session(&id) else {
            client.desk().stand_up(self.sessions_told(), &unknown());
            return None;
        };
        let hello = words::hello(self.twin.name(), &session.info().brief());
        let mut rooms = lock(&self.rooms);
        let mut new = None;
        let room = if let Some(room) = rooms.open.get(&id) {
            Arc::clone(room)
        } else {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let room = Arc::new(Room::new(number, id.clone(), session, Arc::clone(&self.place)));
            rooms.open.insert(id, Arc::clone(&room));
            new = Some(Arc::clone(&room));
            room
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut lights = Lights::default();
        lights.look(self.place.visible(bounds));
        let seat =
            Seat { number, room: room.number, live: room.live, acknowledged: Vec::new(), bounds, moved: false, lights };
        // Nobody closes the room meanwhile: that takes the lock that is held here.
        room.enter(Member::new(client, number, View::new(bounds, rate), format));
        client.desk().sit(seat, hello);
        drop(rooms);
        room.poke.notify_one();
        new
    }

    /// Somebody wants to look at a session.
    pub(super) async fn subscribe(self: &Arc<Self>, client: &Arc<Client>, wish: Wish) {
        let (hub, client) = (Arc::clone(self), Arc::clone(client));
        // In a task of its own: a room that was opened has to be kept even if whoever opened it is gone by then.
        let seating = rt::spawn(async move {
            let (asked, seated) = (Arc::clone(&hub), Arc::clone(&client));
            let new = web::block(move || asked.seat(&seated, wish)).await;
            if let Ok(Some(room)) = new {
                rt::spawn(Self::keep(hub, room));
            }
            client.wake.notify_one();
        });
        // It fails where the server ends, and then so does everything.
        let _ = seating.await;
    }

    /// Somebody looks elsewhere.
    pub(super) fn look(&self, client: &Client, bounds: Option<Bounds>) {
        let visible = self.place.visible(bounds);
        let mut desk = client.desk();
        let Some(seat) = desk.seat.as_mut() else { return };
        seat.bounds = bounds;
        seat.moved = true;
        seat.lights.look(visible);
        let number = seat.room;
        drop(desk);
        if let Some(room) = lock(&self.rooms).open.values().find(|room| room.number == number) {
            room.poke.notify_one();
        }
    }

    /// Keeps a room as long as somebody looks.
    async fn keep(self: Arc<Self>, room: Arc<Room>) {
        let kept = Kept { hub: Arc::clone(&self), room: Arc::clone(&room) };
        let mut scenes = room.session.scenes();
        loop {
            let scene = Arc::clone(&scenes.borrow_and_update());
            let working = Arc::clone(&room);
            if web::block(move || working.turn(&scene)).await.is_err() || self.is_left(&room) {
                break;
            }
            let news = async {
                tokio::select! {
                    changed = scenes.changed() => changed.is_ok(),
                    () = room.poke.notified() => true,
                }
            };
            if let Ok(false) = timeout(IDLE, news).await {
                break;
            }
        }
        // Asks the twin, so not here.
        let _ = web::block(move || drop(kept)).await;
    }

    /// Closes a room where nobody looks any more; whether it did.
    fn is_left(&self, room: &Room) -> bool {
        let mut rooms = lock(&self.rooms);
        let left = room.is_empty();
        if left {
            rooms.forget(room);
        }
        left
    }

    /// Asks the stores and the twin what is new, as long as somebody is connected.
    async fn ask(self: Arc<Self>) {
        let mut asking = Asking(Some(Arc::clone(&self)));
        let mut every = tokio::time::interval(news::EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told = (Instant::now(), 0);
        let mut sessions: Option<Vec<(String, String)>> = None;
        while !self.is_deserted() {
            every.tick().await;
            let hub = Arc::clone(&self);
            let Ok((found, now)) = web::block(move || hub.whats_new()).await else { return };
            if told.0.elapsed() >= Duration::from_secs(1) {
                told = (Instant::now(), 0);
            }
            let room = news::A_SECOND.saturating_sub(told.1).min(found.len());
            told.1 += room;
            self.tell_news(&found[..room], found.len() - room);
            let names: Vec<(String, String)> = now.iter().map(|one| (one.id.clone(), one.name.clone())).collect();
            if sessions.as_ref() != Some(&names) {
                if sessions.is_some() {
                    self.tell_sessions(&now);
                }
                sessions = Some(names);
            }
        }
        asking.0 = None;
    }

    fn is_deserted(&self) -> bool {
        let clients = lock(&self.clients);
        // Under the same lock under which somebody is let in, so that whoever comes next asks anew.
        if clients.is_empty() {
            self.asking.store(false, Ordering::Relaxed);
        }
        clients.is_empty()
    }

    /// What the stores have that is new; nothing while they cannot be read. And the sessions there are.
    fn whats_new(&self) -> (Vec<Arc<str>>, Vec<SessionInfo>) {
        let found = lock(&self.news).ask(self.twin.stores()).unwrap_or_default();
        (found.into_iter().map(Arc::from).collect(), self.sessions())
    }

    fn everybody(&self) -> Vec<Arc<Client>> {
        lock(&self.clients).values().map(|guest| Arc::clone(&guest.client)).collect()
    }

    fn tell_news(&self, news: &[Arc<str>], missed: usize) {
        if news.is_empty() && missed == 0 {
            return;
        }
        for client in self.everybody() {
            let mut desk = client.desk();
            if desk.seat.as_ref().is_some_and(|seat| seat.live) {
                for text in news {
                    desk.news(text);
                }
                desk.missed(missed as u64);
                client.wake.notify_one();
            }
        }
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        self.twin.sessions().into_iter().map(SessionInfo::brief).collect()
    }

    fn sessions_told(&self) -> String {
        Told::Sessions { sessions: &self.sessions() }.text()
    }

    fn tell_sessions(&self, sessions: &[SessionInfo]) {
        let text: Arc<str> = Told::Sessions { sessions }.text().into();
        for client in self.everybody() {
            let mut desk = client.desk();
            if desk.greeted {
                desk.sessions = Some(Arc::clone(&text));
                client.wake.notify_one();
            }
        }
    }
}

impl Rooms {
    /// A room is no more; what it sent is still counted.
    fn forget(&mut self, room: &Room) {
        if self.open.get(&room.id).is_some_and(|open| open.number == room.number) {
            self.open.remove(&room.id);
            self.gone = plus(self.gone, room.tally());
        }
    }
}

const fn plus(one: Tally, other: Tally) -> Tally {
    let made = Made {
        scenes: one.made.scenes + other.made.scenes,
        keys: one.made.keys + other.made.keys,
        deltas: one.made.deltas + other.made.deltas,
        bytes: one.made.bytes + other.made.bytes,
    };
    Tally { made, frames: one.frames + other.frames, bytes: one.bytes + other.bytes }
}

/// Somebody who was let in; leaves when dropped.
#[derive(Debug)]
pub(in crate::api) struct Ticket {
    pub(super) hub: Arc<Hub>,
    number: u64,
    pub(in crate::api) client: Arc<Client>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.hub.clients).remove(&self.number);
        self.client.desk().seat = None;
    }
}

/// A room that is kept; whoever is still in it when it ends hears so.
struct Kept {
    hub: Arc<Hub>,
    room: Arc<Room>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        lock(&self.hub.rooms).forget(&self.room);
        self.room.empty(&self.hub.sessions_told());
    }
}

/// Whoever asks the stores; should it break off, the next who is let in asks.
struct Asking(Option<Arc<Hub>>);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(hub) = &self.0 {
            hub.asking.store(false, Ordering::Relaxed);
        }
    }
}
