//! A city served while it runs: the live one, which speaks into the wire, and what is forked from it or replayed beside it.
//!
//! Implements what serving asks of the twin ([`crate::api::port`]). Every session is a city on a thread of its own; a session is a
//! scenario, a seed and a diary of orders, and is made again from them wherever it is needed once more.

mod actor;
mod again;
mod asked;
mod branch;
mod cast;
mod checkpoints;
mod desk;
mod diary;
mod drill;
mod facts;
mod finished;
mod live;
mod orders;
mod pipeline;
mod real;
mod scenes;
mod sight;
mod slots;
mod stage;
mod tempo;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::actor::Beginning;
use self::branch::Branching;
use self::cast::{Cast, meant, shown};
use self::desk::{Desk, Request};
use self::diary::{Diary, Head};
use self::finished::Shelf;
use self::live::{Ending, Live};
use self::pipeline::Gauge;
use self::slots::Slots;
use self::stage::{Stage, locked};
use super::wire::{LiveCity, TwinWire, WireSettings};
use super::{TwinError, clock};
use crate::api::port::{Finished, Intervention, Opening, Pipeline, Refused, Session, SessionInfo, SessionKind, Twin};
use crate::city::network::Network;
use crate::city::network::cache::NetworkCache;
use crate::city::network::places::Places;
use crate::city::scenario::LoadedScenario;
use crate::pipeline::alerting::Subscribers;
use crate::pipeline::stores::Stores;
use crate::primitives::{SimDuration, SimTime};
use crate::studies::experiment::{self, Destination, Prepared, Program, Recorder};

pub use self::drill::{DrillSettings, Drilling, Pin, Remade, again, by_bots};
pub use self::real::RealCity;

/// Id of the live session.
const LIVE: &str = "live";
/// Most sessions beside the live one.
const SESSIONS_MAX: usize = 4;
/// Most of them that compute as fast as they can at once.
const COMPUTING_MAX: usize = 2;
/// A session beside the live one ends when nobody has looked on for so long.
const IDLE: Duration = Duration::from_mins(10);
/// How far a fork runs ahead unless asked otherwise [s].
const AHEAD: f64 = 1_800.0;
/// How far it may [s].
const AHEAD_RANGE: std::ops::RangeInclusive<f64> = 60.0..=7_200.0;
/// Most changes with which a fork begins.
const CHANGES_MAX: usize = 100;
/// Longest name of a session [characters].
const NAME_MAX: usize = 80;

/// How a simulated city is served.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// How its wire is laid; its folder is the run's.
    pub wire: WireSettings,
    /// Whether alerts are told outside.
    pub tells: bool,
    /// What is written at its end, and where.
    pub destination: Destination,
    /// How the program was called.
    pub program: Program,
    /// City seconds for a second on the wall; none is as fast as possible.
    pub speed: Option<f64>,
    /// Whether it stands still at first.
    pub paused: bool,
    /// After how long a session beside it ends that nobody looks at.
    pub idle_after: Duration,
    /// The folder in which finished runs lie, as `<scenario>/<run id>`.
    pub outputs: Option<PathBuf>,
    /// Where networks are kept that were read before.
    pub cache: Option<NetworkCache>,
}

impl ServeSettings {
    /// In real time, from the beginning.
    pub fn new(wire: WireSettings, destination: Destination, program: Program) -> Self {
        Self {
            wire,
            tells: false,
            destination,
            program,
            speed: Some(1.0),
            paused: false,
            idle_after: IDLE,
            outputs: None,
            cache: None,
        }
    }
}

/// A simulated city that is served.
#[derive(Debug)]
pub struct Served {
    cast: Arc<Cast>,
    stores: Arc<Stores>,
    subscribers: Option<Arc<Subscribers>>,
    gauge: Gauge,
    live: Arc<Desk>,
    ending: Arc<Ending>,
    others: Mutex<Vec<Other>>,
    slots: Arc<Slots>,
    idle_after: Duration,
    ids: AtomicU64,
    shelf: Shelf,
    cache: Option<NetworkCache>,
}

/// A session beside the live one.
#[derive(Debug, Clone)]
struct Other {
    desk: Arc<Desk>,
    cast: Arc<Cast>,
}

impl Served {
    /// Brings a scenario to life and serves it; `interrupted` is asked while its ways are being found, where it asks for that.
    ///
    /// A folder in which a server was killed is gone on with: the same orders are made again until the city is where it was.
    ///
    /// # Errors
    /// When the folder holds something else, cannot be used, or the wire cannot be laid.
    pub fn begin(
        settings: &ServeSettings,
        loaded: &LoadedScenario,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Self, TwinError> {
        let wrong = |sentence: String| TwinError::Service(sentence);
        let folder = settings.wire.folder.clone();
        let head = Head::of(loaded);
        let before = diary::read(&folder).map_err(wrong)?;
        if let Some(before) = &before {
            before.may_go_on(&folder, &head).map_err(wrong)?;
        }
        let prepared = Prepared::of(loaded, interrupted).map_err(|error| wrong(error.to_string()))?;
        let cast = Arc::new(Cast::of(prepared));
        let loaded = cast.loaded();
        let mut laid = settings.wire.clone();
        (laid.live, laid.broker) = (Some(LiveCity { tells: settings.tells }), None);
        let wire = TwinWire::lay(&laid, loaded)?;
        let instruments = wire.instruments();
        let subscribers = instruments.intake.as_ref().and_then(|intake| intake.subscribers.clone());
        let stores = instruments.intake.as_ref().map(|intake| Arc::clone(&intake.stores));
        let stores = stores.ok_or_else(|| wrong("a served city keeps what it tells".to_owned()))?;
        let cannot = |error: std::io::Error| wrong(format!("`{}` cannot be written: {error}", folder.display()));
        let diary = match &before {
            Some(before) => Diary::go_on(&folder, before),
            None => Diary::begin(&folder, &head),
        };
        let diary = diary.map_err(cannot)?;
        let (mut city, no_place) = cast.prepared.city(true);
        let mut recorder = Recorder::begin(loaded, &settings.destination, &settings.program)
            .map_err(|error| wrong(error.to_string()))?;
        recorder.first(&mut city).map_err(|error| wrong(error.to_string()))?;
        let (changes, last_number, reached) =
            before.map_or((Vec::new(), 0, None), |before| (before.changes, before.last_number, before.reached));
        let last_change = changes.last().map(|change| change.at);
        let stage = Stage::begin(&cast, city, changes, false);
        let live = Live::new(&cast, wire, recorder, diary, no_place);
        let ending = live.ending();
        let slots = Arc::new(Slots::new(COMPUTING_MAX));
        let begin = stage.time();
        let beginning = Beginning {
            name: loaded.name.clone(),
            id: LIVE.to_owned(),
            kind: SessionKind::Live,
            parent: None,
            end: loaded.settings.end,
            speed: settings.speed,
            paused: settings.paused,
            live: Some(live),
            branching: None,
            catches_up_to: reached.max(last_change).filter(|reached| *reached > begin),
            last_number,
            idle_after: None,
            slots: Arc::clone(&slots),
            stage,
        };
        let live =
            actor::begin(beginning).map_err(|error| wrong(format!("cannot start the city's thread: {error}")))?;
        Ok(Self {
            gauge: Gauge::new(instruments),
            cast,
            stores,
            subscribers,
            live,
            ending,
            others: Mutex::default(),
            slots,
            idle_after: settings.idle_after,
            ids: AtomicU64::new(0),
            shelf: Shelf::new(settings.outputs.clone(), Some(folder)),
            cache: settings.cache.clone(),
        })
    }

    /// What people should hear of that happened since they were last told.
    pub fn news(&self) -> Vec<String> {
        self.gauge.news()
    }

    /// Whether the run is over and everything is kept and written.
    pub fn is_settled(&self) -> bool {
        self.ending.is_settled()
    }

    /// Ends every session in an orderly way and waits until what the city told is kept and the run's files are written; none where
    /// somebody has waited for that before.
    ///
    /// # Errors
    /// When something could not be kept or written.
    pub fn end(&self) -> Result<Option<(experiment::Finished, TwinWire)>, TwinError> {
        locked(&self.others).iter().for_each(|other| other.desk.end());
        self.live.end();
        match self.ending.wait() {
            Some(Ok(ended)) => Ok(Some(ended)),
            Some(Err(sentence)) => Err(TwinError::Service(sentence)),
            None => Ok(None),
        }
    }

    /// The sessions beside the live one that have not ended.
    fn others(&self) -> Vec<Other> {
        let mut others = locked(&self.others);
        others.retain(|other| !other.desk.notice().ended);
        others.clone()
    }

    fn find(&self, id: &str) -> Option<Other> {
        if id == LIVE {
            return Some(Other { desk: Arc::clone(&self.live), cast: Arc::clone(&self.cast) });
        }
        self.others().into_iter().find(|other| other.desk.notice().info.id == id)
    }

    fn known(&self, id: &str) -> Result<Other, Refused> {
        self.find(id).ok_or_else(|| {
            let ids: Vec<String> = self.sessions().into_iter().map(|session| session.id).collect();
            let like = meant(id, ids.iter().map(String::as_str));
            Refused::Unknown(format!("there is no session `{}`{like}", shown(id)))
        })
    }

    /// Whether one more session may be opened.
    fn room(&self) -> Result<(), Refused> {
        if self.others().len() < SESSIONS_MAX {
            return Ok(());
        }
        Err(full())
    }

    fn new_id(&self) -> String {
        let (now, number) = (clock::now().as_milliseconds(), self.ids.fetch_add(1, Ordering::SeqCst));
        // Nobody has to guess it, and two of one millisecond differ.
        let drawn = blake3::hash(format!("{now} {number} {:?} {}", clock::instant(), std::process::id()).as_bytes());
        let mut random = [0; 16];
        random.copy_from_slice(&drawn.as_bytes()[..16]);
        ulid::Ulid::from_parts(u64::try_from(now).unwrap_or(0), u128::from_le_bytes(random)).to_string()
    }

    /// Adds a session that was begun.
    fn add(&self, beginning: Beginning, cast: &Arc<Cast>) -> Result<SessionInfo, Refused> {
        let mut others = locked(&self.others);
        others.retain(|other| !other.desk.notice().ended);
        if others.len() >= SESSIONS_MAX {
            return Err(full());
        }
        let desk = actor::begin(beginning)
            .map_err(|error| Refused::Failed(format!("the system gives no thread for a session: {error}")))?;
        let info = desk.info();
        others.push(Other { desk, cast: Arc::clone(cast) });
        Ok(info)
    }

    fn fork(
        &self,
        of: &str,
        name: Option<&str>,
        changes: &[Intervention],
        ahead_s: Option<f64>,
    ) -> Result<SessionInfo, Refused> {
        let ahead = ahead_s.unwrap_or(AHEAD);
        if !AHEAD_RANGE.contains(&ahead) {
            return Err(Refused::Invalid(format!("a fork runs 60 to 7200 s ahead, not {ahead} s; say how far")));
        }
        if changes.len() > CHANGES_MAX {
            let sentence = format!("a fork begins with {CHANGES_MAX} changes at most, not {}", changes.len());
            return Err(Refused::Invalid(sentence));
        }
        if name.is_some_and(|name| name.chars().count() > NAME_MAX) {
            return Err(Refused::Invalid(format!("a session's name has {NAME_MAX} characters at most")));
        }
        let Other { desk, cast } = self.known(of)?;
        self.room()?;
        let slot = self.slots.take()?;
        let mut parts = desk.ask(|reply| Request::Part(2, reply))?.into_iter();
        let (Some(base), Some(variant)) = (parts.next(), parts.next()) else {
            return Err(Refused::Failed(format!("the session `{of}` gave no city")));
        };
        let mut stage = Stage::take_up(&cast, variant, true);
        let parent = desk.info();
        if stage.is_over() {
            let sentence =
                "its run is over, and nothing lies ahead; replay it, and fork the replay at an earlier instant";
            return Err(Refused::NotNow(sentence.to_owned()));
        }
        let mut last_number = stage.orders().iter().map(|order| order.number).max().unwrap_or(0);
        for change in changes {
            last_number += 1;
            stage.order(last_number, change)?;
        }
        let from = stage.time();
        let end = parent.end_s.map(SimTime::seconds);
        let until = (from + SimDuration::seconds(ahead)).min(end.unwrap_or(SimTime::milliseconds(i64::MAX)));
        let branching = Branching::begin(&cast, base, until, slot)
            .map_err(|error| Refused::Failed(format!("the system gives no thread for a fork: {error}")))?;
        let beginning = Beginning {
            name: name.map_or_else(|| format!("{} from {from} on", parent.name), str::to_owned),
            id: self.new_id(),
            kind: SessionKind::Fork,
            parent: Some(parent.id),
            end,
            speed: Some(1.0),
            paused: true,
            live: None,
            branching: Some(branching),
            catches_up_to: None,
            last_number,
            idle_after: Some(self.idle_after),
            slots: Arc::clone(&self.slots),
            stage,
        };
        self.add(beginning, &cast)
    }
}

impl Served {
    fn replay(&self, run: &str) -> Result<SessionInfo, Refused> {
        self.room()?;
        let (folder, manifest) = self.shelf.run(run, self.is_settled())?;
        let again = again::again(&folder, manifest.as_ref(), self.network(), self.cache.as_ref())?;
        let beginning = Beginning {
            name: format!("{} ({run})", again.name),
            id: self.new_id(),
            kind: SessionKind::Replay,
            parent: None,
            end: again.end,
            speed: Some(1.0),
            paused: true,
            live: None,
            branching: None,
            catches_up_to: None,
            last_number: again.last_number,
            idle_after: Some(self.idle_after),
            slots: Arc::clone(&self.slots),
            stage: again.stage,
        };
        self.add(beginning, &again.cast)
    }
}

impl Twin for Served {
    fn name(&self) -> &str {
        &self.cast.loaded().name
    }

    fn network(&self) -> &Arc<Network> {
        self.cast.network()
    }

    fn places(&self) -> Option<&Places> {
        self.cast.loaded().places.as_ref()
    }

    fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    fn subscribers(&self) -> Option<&Arc<Subscribers>> {
        self.subscribers.as_ref()
    }

    fn pipeline(&self) -> Pipeline {
        let mut pipeline = self.gauge.look();
        pipeline.troubles.extend(self.live.notice().troubles.iter().cloned());
        pipeline
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        let others = self.others();
        std::iter::once(&self.live).chain(others.iter().map(|other| &other.desk)).map(|desk| desk.info()).collect()
    }

    fn session(&self, id: &str) -> Option<Arc<dyn Session>> {
        self.find(id).map(|other| other.desk as Arc<dyn Session>)
    }

    fn open(&self, opening: &Opening) -> Result<SessionInfo, Refused> {
        match opening {
            Opening::Fork { of, name, interventions, ahead_s } => {
                self.fork(of, name.as_deref(), interventions, *ahead_s)
            }
            Opening::Replay { run } => self.replay(run),
        }
    }

    fn close(&self, id: &str) -> Result<(), Refused> {
        if id == LIVE {
            return Err(Refused::Invalid(
                "the live session cannot be ended; interrupt the program to end it".to_owned(),
            ));
        }
        let other = self.known(id)?;
        locked(&self.others).retain(|one| !Arc::ptr_eq(&one.desk, &other.desk));
        other.desk.end();
        Ok(())
    }

    fn finished(&self) -> Result<Vec<Finished>, Refused> {
        self.shelf.list(self.is_settled())
    }

    fn file_of(&self, id: &str, name: &str) -> Result<PathBuf, Refused> {
        self.shelf.file_of(id, name, self.is_settled())
    }
}

/// There are as many sessions as there may be.
fn full() -> Refused {
    Refused::TooMany(format!("{SESSIONS_MAX} sessions are open beside the live one; end one first"))
}

/// Ends once `stop` says so; asks ten times a second.
pub async fn until(mut stop: impl FnMut() -> bool) {
    let mut moments = tokio::time::interval(Duration::from_millis(100));
    while !stop() {
        moments.tick().await;
    }
}

impl Drop for Served {
    /// Whoever still runs is told to end; nobody waits.
    fn drop(&mut self) {
        locked(&self.others).iter().for_each(|other| other.desk.end());
        self.live.end();
    }
}
