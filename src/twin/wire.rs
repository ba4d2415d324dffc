//! The wire of a run: from what the city tells to stores that hold it, as one thing a run can speak into.
//!
//! ```text
//!  city ─▶ gateway ─▶ publisher ═ MQTT over TCP ═▶ listener ─▶ log ─▶ a worker a partition ─▶ stores
//! ```
//!
//! Every arrow holds back the one before it, so the city runs as fast as the slowest takes and nothing is dropped. With a broker
//! of the user's the wire ends at its acknowledgements, and nothing is kept here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::TwinError;
use super::board::{Board, Order, Tally};
use super::control::ControlRoom;
use super::edge::edge;
use super::gateway::Gateway;
use super::intake::{BATCH_MESSAGES, Folders, Intake, PARTITIONS};
use super::parts::{Equipment, Kafka};
use super::said::Said;
use super::service::{Service, Supervision};
use super::worker::Pace;
use super::{clock, listen, tables, telling};
use crate::city::scenario::LoadedScenario;
use crate::pipeline::stores::TruthWriter;
use crate::pipeline::transport::{
    Confirm, Credentials, Door, Protocol, Publisher, PublisherCounts, PublisherOptions, Target,
};
use crate::primitives::Timestamp;
use crate::studies::audit::{self, Journal, Ledger};
use crate::studies::experiment::{Wire, WireError};
use crate::studies::report::telling::Telling;
use crate::telemetry::{Emission, TopicMap};

/// How long a broker may be away from a city that is looked at.
const GIVE_UP_LIVE: Duration = Duration::from_hours(24 * 7);
/// How long the city waits before it looks again whether the wire has room.
const MOMENT: Duration = Duration::from_millis(2);

/// How the wire is laid.
#[derive(Debug, Clone)]
pub struct WireSettings {
    /// The run's folder.
    pub folder: PathBuf,
    /// Where the built-in listener listens; port 0 is any free one.
    pub listen: SocketAddr,
    /// A broker to publish to instead.
    pub broker: Option<Target>,
    /// For that broker, if it asks.
    pub credentials: Option<Credentials>,
    /// Which MQTT devices speak.
    pub protocol: Protocol,
    /// Topics by reading.
    pub topics: TopicMap,
    /// How the publisher calls itself; two of one name throw each other out of a broker.
    pub name: String,
    /// Messages of a partition after which what was made of them is kept.
    pub batch_messages: u64,
    /// Which parts it runs on.
    pub equipment: Equipment,
    /// Whether somebody looks on while the city runs: what is told is shown at once and alerts are found on the way; none for a run
    /// nobody looks at before its end.
    pub live: Option<LiveCity>,
    /// For drills: the worker that takes the message of this number dies once.
    pub worker_dies_after: Option<i64>,
}

impl WireSettings {
    /// The built-in listener on any free port of this machine, keeping everything in `folder`.
    pub fn in_folder(folder: &Path, topics: TopicMap) -> Self {
        Self {
            folder: folder.to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            broker: None,
            credentials: None,
            protocol: Protocol::V311,
            topics,
            name: "citytwin-gateway".to_owned(),
            batch_messages: BATCH_MESSAGES,
            equipment: Equipment::default(),
            live: None,
            worker_dies_after: None,
        }
    }
}

/// A simulated city that is looked at while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveCity {
    /// Whether alerts are told outside, as the rules say.
    pub tells: bool,
}

impl WireSettings {
    /// How what the city tells is published, by way of a door if there is one.
    fn publishing(&self, door: Option<Door>) -> Result<PublisherOptions, TwinError> {
        let mut options = PublisherOptions::new(self.protocol, PARTITIONS, self.name.as_str());
        options.credentials.clone_from(&self.credentials);
        if let (Some(broker), None) = (self.equipment.parts.broker(), &self.broker) {
            // Its acknowledgement is not the log's: only the log's own word makes a message safe.
            options.protocol = Protocol::V5;
            options.confirm = Confirm::END_TO_END;
            options.credentials = broker.credentials(&self.equipment.environment)?;
            options.tls = broker.tls()?;
        }
        options.door = door;
        if self.live.is_some() {
            // A city that is looked at waits for its broker as long as it takes.
            options.give_up = GIVE_UP_LIVE;
        }
        Ok(options)
    }
}

/// The wire at work.
#[derive(Debug)]
pub struct TwinWire {
    folders: Folders,
    door: Option<SyncSender<Vec<Emission>>>,
    gateway: Arc<Gateway>,
    publisher: Arc<Publisher>,
    /// None when the user's broker takes everything.
    intake: Option<Intake>,
    board: Arc<Board>,
    address: Option<SocketAddr>,
    balance: Option<audit::Balance>,
    /// Whether the folder held messages of an earlier try.
    begun_before: bool,
    /// Looks at what is known while the city runs, if somebody looks on; once more when the last worker has ended.
    room: Option<Arc<ControlRoom>>,
    /// When the city told what, on the wall.
    said: Option<Arc<Said>>,
    /// Services that end when the last message has been taken.
    ending: u32,
    _supervision: Supervision,
    runtime: Option<Runtime>,
}

/// Refuses a topic in which somebody has written before this run kept anything.
fn only_its_own(intake: &Intake, equipment: &Equipment) -> Result<(), TwinError> {
    match equipment.parts.kafka().map(Kafka::place) {
        Some(place) if !intake.has_kept()? => {
            let sentence = "holds messages of others already; a run is told of nobody else's: name an empty topic";
            Err(TwinError::Service(format!("{place}, {sentence}")))
        }
        _ => Ok(()),
    }
}

/// Refuses a folder with stores, for a run that keeps nothing.
fn not_kept(stores: &Path, folder: &Path) -> Result<(), TwinError> {
    if !stores.exists() {
        return Ok(());
    }
    let sentence = "holds a run that kept what it told; name another folder for one that tells a broker";
    Err(TwinError::Service(format!("`{}` {sentence}", folder.display())))
}

/// Where a run speaks to: the broker of its parts, or its own listener.
fn published_to(equipment: &Equipment, address: Option<SocketAddr>) -> Result<Target, TwinError> {
    let broker = equipment.parts.broker().map(|broker| broker.target.clone());
    let own = |address: SocketAddr| Target::plain(address.ip().to_string(), address.port());
    broker.or(address.map(own)).ok_or_else(|| TwinError::Service("there is nowhere to publish to".to_owned()))
}

impl TwinWire {
    /// Lays the wire for a loaded scenario and starts its services.
    ///
    /// # Errors
    /// When the folder holds another run, is in use or cannot be used, or the address is taken.
    pub fn lay(settings: &WireSettings, loaded: &LoadedScenario) -> Result<Self, TwinError> {
        let runtime = threads()?;
        let topics = Arc::new(settings.topics.clone());
        let folders = Folders::of(&settings.folder);
        let (mut services, mut begun_before) = (Vec::new(), false);
        // A listener that asks who comes is not asked by its own city: nobody else can come this way.
        let listen = &settings.equipment.parts.listen;
        let door = (settings.broker.is_none() && listen.is_guarded()).then(Door::default);
        let (intake, board, target, address) = if let Some(broker) = &settings.broker {
            not_kept(&folders.stores, &settings.folder)?;
            (None, Arc::new(Board::default()), broker.clone(), None)
        } else {
            let mut intake =
                Intake::open(&settings.folder, &identity(loaded), &topics, Some(&loaded.network), &settings.equipment)?;
            intake.batch_messages = settings.batch_messages.max(1);
            begun_before = intake.has_messages();
            if begun_before {
                only_its_own(&intake, &settings.equipment)?;
            }
            if settings.live.is_some() {
                intake.pace = Pace::LIVE;
                intake.said = Some(Arc::default());
            }
            services.extend(intake.services(settings.worker_dies_after));
            let equipment = &settings.equipment;
            let (service, address) =
                edge(&runtime, settings.listen, (&intake.log, &intake.board), &topics, equipment, door.as_ref())?;
            services.push(service);
            let target = published_to(&settings.equipment, address)?;
            let board = Arc::clone(&intake.board);
            (Some(intake), board, target, address)
        };
        let options = settings.publishing(door)?;
        let publisher = Arc::new(Publisher::connect(runtime.handle(), &target, &options));
        let truth = TruthWriter::create(&folders.truth)?;
        // An earlier run's would be held against what this one has stored if this one is cut short.
        Ledger::remove(&folders.ledger)?;
        let journal = Journal::create(&folders.journal)?;
        let (gateway, door) = Gateway::new(&publisher, &topics, journal, Some(truth));
        let gateway = Arc::new(gateway);
        let work = Arc::clone(&gateway);
        services.push(Service::new("gateway", &board, Arc::new(move || work.run())));
        let partitions = intake.as_ref().map_or(PARTITIONS, Intake::partitions);
        let (mut room, mut ending) = (None, u32::from(partitions) + 2);
        if let (Some(intake), Some(live)) = (&intake, settings.live) {
            let desk = Arc::new(ControlRoom::simulated(intake, live.tells));
            let attended = attended(intake, &desk, live, &settings.equipment)?;
            ending += u32::try_from(attended.len()).unwrap_or(0);
            services.extend(attended);
            room = Some(desk);
        }
        let said = intake.as_ref().and_then(|intake| intake.said.clone());
        let supervision = Supervision::start(services)
            .map_err(|error| TwinError::Service(format!("cannot start the supervisor: {error}")))?;
        Ok(Self {
            folders,
            door: Some(door),
            gateway,
            publisher,
            intake,
            board,
            address,
            balance: None,
            begun_before,
            room,
            said,
            ending,
            _supervision: supervision,
            runtime: Some(runtime),
        })
    }

    /// Where the built-in listener listens, if there is one.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The balance, once everything is kept; none with a broker of the user's.
    pub fn balance(&self) -> Option<&audit::Balance> {
        self.balance.as_ref()
    }

    /// What the workers saw besides records that were new, once they have ended.
    pub fn tally(&self) -> Tally {
        self.board.tally()
    }

    /// What the publisher has done so far.
    pub fn counts(&self) -> PublisherCounts {
        self.publisher.counts()
    }

    /// How many times each service had to be started again.
    pub fn restarts(&self) -> std::collections::BTreeMap<String, u32> {
        self.board.restarts()
    }

    /// What else looks at the wire while it works.
    pub(super) fn instruments(&self) -> Instruments {
        Instruments {
            intake: self.intake.clone(),
            board: Arc::clone(&self.board),
            publisher: Some(Arc::clone(&self.publisher)),
        }
    }

    /// Says that what happened in the city up to `until` is told now.
    pub(super) fn tells_until(&self, until: Timestamp) {
        if let Some(said) = &self.said {
            said.note(until, clock::now());
        }
    }

    /// Takes what was told in one step if there is room, and else gives it back.
    ///
    /// # Errors
    /// When the wire has failed.
    pub(super) fn offer(&self, told: Vec<Emission>) -> Result<Option<Vec<Emission>>, WireError> {
        let Some(door) = &self.door else { return Err(WireError("the wire is closed".to_owned())) };
        self.failure().map_err(|error| WireError(error.to_string()))?;
        if told.is_empty() {
            return Ok(None);
        }
        match door.try_send(told) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(back)) => Ok(Some(back)),
            Err(TrySendError::Disconnected(_)) => Err(WireError("the gateway has gone".to_owned())),
        }
    }

    fn failure(&self) -> Result<(), TwinError> {
        self.board.failure().map_or(Ok(()), |sentence| Err(TwinError::Service(sentence)))
    }

    /// Waits until everything sent is kept, and audits it.
    fn settle(&mut self, loaded: &LoadedScenario, interrupted: bool) -> Result<Option<Telling>, TwinError> {
        // The gateway ends when the door is closed and every message has its acknowledgement.
        self.door = None;
        self.board.wait_for(1);
        self.failure()?;
        let (journal, grader, truth) = self.gateway.close();
        if let Some(truth) = truth {
            truth.finish()?;
        }
        // Cut short in a folder that an earlier try has filled further, the ledger would know less than the stores hold.
        let is_part = interrupted && self.begun_before;
        let ledger = if is_part { journal.discard()? } else { journal.close(&self.folders.ledger)? };
        // What the user's broker has acknowledged is the user's; there is nothing here to read back.
        let Some(intake) = &self.intake else { return Ok(None) };
        // First the listener, so that nothing is acknowledged that no worker reads.
        intake.end(Order::Hush, 2)?;
        // Windows of a run cut short stay open, for the one that will go on from here.
        let order = if interrupted { Order::Leave } else { Order::Finish };
        intake.end(order, self.ending)?;
        if is_part {
            return Ok(None);
        }
        intake.stores.compact()?;
        if !interrupted {
            // Who looked on may have looked for the last time before the last worker had ended.
            match &self.room {
                Some(room) => room.finish()?,
                None => ControlRoom::of_run(intake).finish()?,
            }
        }
        tables::write(&intake.stores, &self.folders.tables)?;
        let balance = audit::balance(&ledger, &intake.stores, intake.topics.schemas(), None)?;
        let telling = telling::of_stores(&intake.stores, &balance, &grader, loaded)?;
        self.balance = Some(balance);
        Ok(Some(telling))
    }
}

impl Wire for TwinWire {
    fn send(&mut self, mut told: Vec<Emission>) -> Result<(), WireError> {
        while let Some(back) = self.offer(told)? {
            told = back;
            self.board.pause(MOMENT);
        }
        Ok(())
    }

    fn close(&mut self, loaded: &LoadedScenario, interrupted: bool) -> Result<Option<Telling>, WireError> {
        self.settle(loaded, interrupted).map_err(|error| WireError(error.to_string()))
    }
}

impl Drop for TwinWire {
    /// Whatever still runs is told to leave; what has been acknowledged is on disk.
    fn drop(&mut self) {
        self.door = None;
        self.board.give(Order::Leave);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What looks at a wire while it works, and outlives it.
#[derive(Debug, Clone)]
pub(super) struct Instruments {
    /// None when the user's broker takes everything.
    pub intake: Option<Intake>,
    /// What the services say.
    pub board: Arc<Board>,
    /// Who publishes, if anybody does here.
    pub publisher: Option<Arc<Publisher>>,
}

/// The services of a city that is looked at while it runs.
fn attended(
    intake: &Intake,
    room: &Arc<ControlRoom>,
    live: LiveCity,
    equipment: &Equipment,
) -> Result<Vec<Service>, TwinError> {
    let (desk, board) = (Arc::clone(room), Arc::clone(&intake.board));
    let mut services = vec![Service::new("control room", &intake.board, Arc::new(move || desk.run(&board)))];
    services.extend(listen::deliveries(intake, equipment, live.tells)?);
    services.push(listen::housekeeping(intake, equipment));
    Ok(services)
}

/// The threads on which sockets are served.
pub(crate) fn threads() -> Result<Runtime, TwinError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .thread_name("wire")
        .build()
        .map_err(|error| TwinError::Service(format!("cannot start threads for the wire: {error}")))
}

/// What makes the content of a run: its inputs, its seed, its times, and the program that runs it.
fn identity(loaded: &LoadedScenario) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in &loaded.files {
        hasher.update(file.blake3.as_bytes());
    }
    let settings = &loaded.settings;
    let end = settings.end.map(crate::primitives::SimTime::as_milliseconds);
    let rest = format!(
        "{} {} {:?} {:?} {}",
        settings.seed.0,
        settings.begin.as_milliseconds(),
        end,
        loaded.measured_from,
        env!("CARGO_PKG_VERSION")
    );
    hasher.update(rest.as_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}
