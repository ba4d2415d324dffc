//! A real city served: the wire that devices speak into, and scenes made of what they told last.
//!
//! Its clock is the one on the wall; nothing in it can be paused, gone back to or changed from here. Vehicles without a tracker are
//! not seen, and one whose tracker is silent for long is taken off the map.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use super::LIVE;
use super::cast::shown;
use super::finished::Shelf;
use super::pipeline::Gauge;
use super::sight::Look;
use super::stage::locked;
use crate::api::port::{
    Command, Done, Fact, Facts, Finished, Opening, Pipeline, Refused, Sample, Scene, Session, SessionInfo, SessionKind,
    Subject, Twin,
};
use crate::city::network::places::Places;
use crate::city::network::{EdgeIndex, Network, Projection};
use crate::pipeline::alerting::Subscribers;
use crate::pipeline::stores::{StoreError, Stores};
use crate::primitives::{SimTime, Timestamp};
use crate::telemetry::field::Value;
use crate::telemetry::{DeviceId, ReadingKind};
use crate::twin::listen::{Heard, Listening, Standing, heard};
use crate::twin::wire::Instruments;
use crate::twin::{TwinError, clock};

/// How often a scene is made, where that takes no more than a fifth of the time.
const SCENE_EVERY: Duration = Duration::from_millis(200);
/// How many times as long as a scene takes to be made nothing is done after it.
const REST: u32 = 4;
/// How often the city's numbers are kept [s].
const SAMPLE: i64 = 10_000;
/// Most numbers kept: a day.
const SAMPLES_MAX: usize = 8_640;
/// Length of a day [ms].
const DAY: i64 = 86_400_000;

/// A real city that is served.
#[derive(Debug)]
pub struct RealCity {
    network: Arc<Network>,
    places: Option<Places>,
    stores: Arc<Stores>,
    subscribers: Option<Arc<Subscribers>>,
    gauge: Gauge,
    session: Arc<RealSession>,
    shelf: Shelf,
    standing: Mutex<Option<Standing>>,
    /// Where it listens, in words.
    place: String,
}

/// The one session of a real city.
#[derive(Debug)]
struct RealSession {
    info: SessionInfo,
    scenes: watch::Sender<Arc<Scene>>,
    samples: Mutex<Vec<Sample>>,
    look: Mutex<Look>,
    stores: Arc<Stores>,
    stop: AtomicBool,
}

impl RealCity {
    /// Listens for devices and serves what they tell; `places` belong to the map of the settings' roads, `outputs` is the folder in
    /// which finished runs lie.
    ///
    /// # Errors
    /// When the folder or the address cannot be used.
    pub fn begin(
        name: &str,
        settings: &Listening,
        places: Option<Places>,
        outputs: Option<PathBuf>,
    ) -> Result<Self, TwinError> {
        let standing = Standing::begin(settings)?;
        let intake = standing.intake.clone();
        let network = settings.network.clone().unwrap_or_else(nowhere);
        let (stores, subscribers) = (Arc::clone(&intake.stores), intake.subscribers.clone());
        let now = clock::now();
        let midnight = Timestamp::milliseconds(now.as_milliseconds().div_euclid(DAY) * DAY);
        let at = now.since(midnight).as_seconds();
        let info = SessionInfo {
            id: LIVE.to_owned(),
            kind: SessionKind::Live,
            name: name.to_owned(),
            parent: None,
            begin_s: at,
            end_s: None,
            time_s: at,
            step_s: SCENE_EVERY.as_secs_f64(),
            midnight_ms: midnight.as_milliseconds(),
            over: false,
            paused: false,
            speed: Some(1.0),
            speed_reached: 1.0,
            simulated: false,
            branch: None,
        };
        let mut look = Look::new(&network, intake.roads.clone(), midnight);
        let first = look.scene(&stores, now)?;
        let session = Arc::new(RealSession {
            info,
            scenes: watch::channel(Arc::new(first)).0,
            samples: Mutex::default(),
            look: Mutex::new(look),
            stores: Arc::clone(&stores),
            stop: AtomicBool::new(false),
        });
        let (work, board) = (Arc::clone(&session), Arc::clone(&intake.board));
        let work = move || {
            while !work.stop.load(Ordering::Relaxed) {
                let began = clock::instant();
                match work.look_once() {
                    Ok(()) => board.mends("map"),
                    Err(error) => board.ails("map", format!("the live state cannot be read: {error}")),
                }
                board.pause(SCENE_EVERY.max(began.elapsed() * REST));
            }
        };
        thread::Builder::new()
            .name("session live".to_owned())
            .spawn(work)
            .map_err(|error| TwinError::Service(format!("cannot start the thread that makes scenes: {error}")))?;
        let place = standing.place.clone();
        let instruments = Instruments { board: Arc::clone(&intake.board), intake: Some(intake), publisher: None };
        Ok(Self {
            network,
            places,
            stores,
            subscribers,
            gauge: Gauge::new(instruments),
            session,
            shelf: Shelf::new(outputs, None),
            standing: Mutex::new(Some(standing)),
            place,
        })
    }

    /// Where it listens, in words.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What people should hear of that happened since they were last told.
    pub fn news(&self) -> Vec<String> {
        self.gauge.news()
    }

    /// Why the wire gave up, if it did.
    pub fn failure(&self) -> Option<String> {
        self.gauge.failure()
    }

    /// Ends in an orderly way: what was acknowledged is kept; `finish` closes windows that are open. None where it has ended before.
    ///
    /// # Errors
    /// When a service has given up.
    pub fn end(&self, finish: bool) -> Result<Option<Heard>, TwinError> {
        self.session.stop.store(true, Ordering::Relaxed);
        let standing = locked(&self.standing).take();
        standing.map(|standing| standing.end(finish).and_then(|intake| heard(&intake))).transpose()
    }
}

impl Drop for RealCity {
    fn drop(&mut self) {
        self.session.stop.store(true, Ordering::Relaxed);
    }
}

/// A map of nothing, where nobody said which roads there are.
fn nowhere() -> Arc<Network> {
    Arc::new(Network {
        junctions: Vec::new(),
        edges: Vec::new(),
        lanes: Vec::new(),
        links: Vec::new(),
        incoming: Vec::new(),
        conflicts: Arc::from([]),
        signals: Vec::new(),
        projection: Projection::None,
        left_hand: false,
        edge_by_name: EdgeIndex::default(),
        roundabouts: BTreeSet::new(),
        single_tracks: BTreeMap::new(),
    })
}

/// A field as JSON; none where it is missing.
fn json_of(value: &Value<'_>) -> Option<serde_json::Value> {
    match *value {
        Value::Missing => None,
        Value::Text(text) => Some(text.into()),
        Value::Number(number) => Some(number.into()),
        Value::Whole(whole) => Some(whole.into()),
        Value::Flag(flag) => Some(flag.into()),
    }
}

/// Why an order is refused.
fn real() -> Refused {
    Refused::NotNow("this is a real city: it is looked at, and not paused or changed from here".to_owned())
}

impl Twin for RealCity {
    fn name(&self) -> &str {
        &self.session.info.name
    }

    fn network(&self) -> &Arc<Network> {
        &self.network
    }

    fn places(&self) -> Option<&Places> {
        self.places.as_ref()
    }

    fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    fn subscribers(&self) -> Option<&Arc<Subscribers>> {
        self.subscribers.as_ref()
    }

    fn pipeline(&self) -> Pipeline {
        self.gauge.look()
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        vec![self.session.info()]
    }

    fn session(&self, id: &str) -> Option<Arc<dyn Session>> {
        (id == LIVE).then(|| Arc::clone(&self.session) as Arc<dyn Session>)
    }

    fn open(&self, _: &Opening) -> Result<SessionInfo, Refused> {
        Err(Refused::NotNow("a real city cannot be forked; serve a scenario for that".to_owned()))
    }

    fn close(&self, id: &str) -> Result<(), Refused> {
        if id == LIVE {
            return Err(Refused::Invalid(
                "the live session cannot be ended; interrupt the program to end it".to_owned(),
            ));
        }
        Err(Refused::Unknown(format!("there is no session `{}`", shown(id))))
    }

    fn finished(&self) -> Result<Vec<Finished>, Refused> {
        self.shelf.list(false)
    }

    fn file_of(&self, id: &str, name: &str) -> Result<PathBuf, Refused> {
        self.shelf.file_of(id, name, false)
    }
}

impl RealSession {
    /// Makes a scene and shows it.
    fn look_once(&self) -> Result<(), StoreError> {
        let scene = locked(&self.look).scene(&self.stores, clock::now())?;
        let (time, totals) = (scene.time, scene.totals);
        self.scenes.send_replace(Arc::new(scene));
        let mut samples = locked(&self.samples);
        let last = samples.last().map_or(f64::MIN, |sample| sample.time_s);
        let on_grid = time.as_milliseconds().div_euclid(SAMPLE) * SAMPLE;
        let time_s = SimTime::milliseconds(on_grid).as_seconds();
        if time_s > last {
            if samples.len() >= SAMPLES_MAX {
                samples.remove(0);
            }
            samples.push(Sample { time_s, totals });
        }
        Ok(())
    }
}

impl Session for RealSession {
    fn info(&self) -> SessionInfo {
        let time_s = self.scenes.borrow().time.as_seconds();
        SessionInfo { time_s, ..self.info.clone() }
    }

    fn scenes(&self) -> watch::Receiver<Arc<Scene>> {
        self.scenes.subscribe()
    }

    fn command(&self, _: &Command) -> Result<Done, Refused> {
        Err(real())
    }

    fn facts(&self, subject: &Subject) -> Result<Option<Facts>, Refused> {
        let (kind, name) = match subject {
            Subject::Vehicle { number } => {
                let Some(device) = locked(&self.look).tracker(*number) else { return Ok(None) };
                return self.last_word(ReadingKind::Position, &device);
            }
            Subject::Road { id } => return Ok(locked(&self.look).road(id)),
            Subject::Signal { id } => (ReadingKind::Signal, id.clone()),
            Subject::Unit { name } => (ReadingKind::Unit, name.clone()),
            Subject::Incident { number } => (ReadingKind::Incident, number.to_string()),
            Subject::Call { number } => (ReadingKind::Call, number.to_string()),
        };
        self.last_word(kind, &DeviceId::of(kind, &name))
    }

    fn samples(&self) -> Vec<Sample> {
        locked(&self.samples).clone()
    }

    fn commands(&self) -> Vec<Done> {
        Vec::new()
    }
}

impl RealSession {
    /// What a device told last, field by field.
    fn last_word(&self, kind: ReadingKind, device: &DeviceId) -> Result<Option<Facts>, Refused> {
        let record = self.stores.live().get(kind, device).map_err(|error| Refused::Failed(error.to_string()))?;
        Ok(record.map(|record| {
            let columns = kind.columns().iter().zip(record.reading.values());
            let facts = columns.filter_map(|(column, value)| {
                let value = json_of(&value)?;
                Some(Fact { name: column.name.to_owned(), value, unit: column.unit })
            });
            Facts {
                title: device.to_string(),
                facts: facts.collect(),
                route: Vec::new(),
                devices: vec![device.to_string()],
            }
        }))
    }
}
