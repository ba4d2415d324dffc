//! The standing end of the wire: log, stores and a worker for each partition, opened in one folder.
//!
//! A run, a listener on its own and a replay all end here, and none of the parts can tell which it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::TwinError;
use super::board::{Board, Order};
use super::parts::Equipment;
use super::said::Said;
use super::service::Service;
use super::worker::{Pace, Worker};
use crate::city::network::Network;
use crate::pipeline::alerting::{AlertRules, Subscribers};
use crate::pipeline::analytics::RoadIndex;
use crate::pipeline::stores::{Keeper, StoreSettings, Stores};
use crate::pipeline::transport::Bus;
use crate::primitives::SimDuration;
use crate::telemetry::{SchemaBook, TopicMap};

/// Partitions of a log of our own: twice the cores of the smallest machine this is meant for.
pub(crate) const PARTITIONS: u16 = 4;

/// Where a run keeps its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// The write-ahead log, which is also the recording of the run.
    pub log: PathBuf,
    /// Live state, tables, quarantine, checkpoints and history.
    pub stores: PathBuf,
    /// What every device should have said.
    pub truth: PathBuf,
    /// What was sent.
    pub ledger: PathBuf,
    /// What was sent, while it is being sent.
    pub journal: PathBuf,
    /// Tables of results as CSV.
    pub tables: PathBuf,
    /// Schemas that were registered.
    pub registry: PathBuf,
}

impl Folders {
    /// The parts of a run in its folder.
    pub fn of(run: &Path) -> Self {
        Self {
            log: run.join("log"),
            stores: run.join("stores"),
            truth: run.join("truth"),
            ledger: run.join("ledger.csv"),
            journal: run.join("ledger.journal"),
            tables: run.join("tables"),
            registry: run.join("registry"),
        }
    }
}

/// Log, stores and what the workers need to know.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    /// The log.
    pub log: Arc<dyn Bus>,
    /// The stores.
    pub stores: Arc<Stores>,
    /// Which topics belong to which readings.
    pub topics: Arc<TopicMap>,
    /// The roads readings are matched to, if they are known.
    pub roads: Option<Arc<RoadIndex>>,
    /// Rules, areas and actions.
    pub rules: Arc<AlertRules>,
    /// Who asked to be told of alerts; none where nobody can ask.
    pub subscribers: Option<Arc<Subscribers>>,
    /// Messages of a partition after which what was made of them is kept.
    pub batch_messages: u64,
    /// How often what is known is shown and kept.
    pub pace: Pace,
    /// Devices that are silent for longer are forgotten; never if none.
    pub silent_after: Option<SimDuration>,
    /// When a simulated city told its steps; none where devices go by the clock on the wall.
    pub said: Option<Arc<Said>>,
    /// What the services are to do.
    pub board: Arc<Board>,
}

/// Reads the schemas that were registered in a folder, if any were.
#[cfg(feature = "schemas")]
pub(super) fn read_schemas(folders: &Folders, book: &SchemaBook) -> Result<(), TwinError> {
    Ok(crate::pipeline::registry::fill(&folders.registry, book)?)
}

/// Nothing can have been registered by this build; what another one registered it cannot read.
#[cfg(not(feature = "schemas"))]
#[expect(clippy::unnecessary_wraps, reason = "as where there are schemas")]
pub(super) fn read_schemas(_: &Folders, _: &SchemaBook) -> Result<(), TwinError> {
    Ok(())
}

/// Stores that several processes have open.
#[cfg(feature = "s3")]
fn shared(folder: &Path, equipment: &Equipment) -> Result<Stores, TwinError> {
    let elsewhere = equipment.parts.stores(&equipment.environment)?;
    Ok(Stores::open_shared(folder, StoreSettings::default(), elsewhere)?)
}

/// There are none in this build, which says so when it is told of a bucket.
#[cfg(not(feature = "s3"))]
fn shared(_: &Path, equipment: &Equipment) -> Result<Stores, TwinError> {
    equipment.parts.stores(&equipment.environment)?;
    Err(TwinError::Service(
        "several processes share a history in a bucket: build with `--features kafka,s3`".to_owned(),
    ))
}

/// The complaint of a process that would have a city to itself on which a group works.
const WORKED_ON_ELSEWHERE: &str = "the file of parts says `workers: group`: messages are worked on by `citytwin consume`, and \
                                   `citytwin listen` only listens; write `workers: here` for one process that does everything";

/// Messages of a partition in a batch, unless asked for otherwise: enough that a Parquet file is worth its while, and memory
/// stays small.
pub(crate) const BATCH_MESSAGES: u64 = 100_000;

impl Intake {
    /// Opens log and stores of a folder for the run that `identity` names.
    ///
    /// # Errors
    /// When the folder is another run's, is in use, or cannot be used, or what `equipment` names is wrong.
    pub(crate) fn open(
        folder: &Path,
        identity: &str,
        topics: &Arc<TopicMap>,
        network: Option<&Network>,
        equipment: &Equipment,
    ) -> Result<Self, TwinError> {
        if equipment.parts.works_in_group() {
            return Err(TwinError::Service(WORKED_ON_ELSEWHERE.to_owned()));
        }
        let elsewhere = equipment.parts.stores(&equipment.environment)?;
        let stores = Stores::open_parts(&Folders::of(folder).stores, StoreSettings::default(), elsewhere)?;
        Self::of(folder, stores, identity, topics, (network, equipment))
    }

    /// Opens log and stores that others have open as well, with a folder of this process's own.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub(crate) fn open_shared(
        folder: &Path,
        identity: &str,
        topics: &Arc<TopicMap>,
        network: Option<&Network>,
        equipment: &Equipment,
    ) -> Result<Self, TwinError> {
        let stores = shared(&Folders::of(folder).stores, equipment)?;
        Self::of(folder, stores, identity, topics, (network, equipment))
    }

    fn of(
        folder: &Path,
        stores: Stores,
        identity: &str,
        topics: &Arc<TopicMap>,
        (network, equipment): (Option<&Network>, &Equipment),
    ) -> Result<Self, TwinError> {
        let folders = Folders::of(folder);
        read_schemas(&folders, topics.schemas())?;
        let rules = equipment.parts.rules()?;
        stores.claim(identity)?;
        let subscribers = equipment.webhooks.as_ref().map(|settings| Subscribers::open(settings, stores.tables()));
        // Where the checkpoints outlived the machine, the log goes on where they stand.
        let next = |partition| stores.next_offset(partition).map(Option::unwrap_or_default);
        let begins = (0..equipment.parts.partitions()).map(next).collect::<Result<_, _>>()?;
        let log = equipment.parts.log(&folders.log, begins, &equipment.environment)?;
        let roads = network.map(|network| Arc::new(RoadIndex::new(network)));
        Ok(Self {
            log,
            stores: Arc::new(stores),
            topics: Arc::clone(topics),
            roads,
            rules,
            subscribers: subscribers.transpose()?.map(Arc::new),
            batch_messages: BATCH_MESSAGES,
            pace: Pace::HURRIED,
            silent_after: None,
            said: None,
            board: Arc::new(Board::default()),
        })
    }

    /// Partitions of the log.
    pub(crate) fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    /// One service for each partition; for drills, the first messages after which one of them dies.
    pub(crate) fn services(&self, dies_after: Option<i64>) -> Vec<Service> {
        let dies_after = dies_after.map(|n| Arc::new(std::sync::atomic::AtomicI64::new(n)));
        let service = |partition| {
            let worker = Worker { dies_after: dies_after.clone(), ..self.worker(partition) };
            Service::new(format!("partition {partition}"), &self.board, Arc::new(move || worker.run()))
        };
        (0..self.partitions()).map(service).collect()
    }

    /// The service for one partition that others may be given as well.
    pub(crate) fn service_in_group(&self, partition: u16) -> Service {
        let worker = self.worker(partition);
        Service::new(format!("partition {partition}"), &self.board, Arc::new(move || worker.run_in_group()))
    }

    /// The worker of a partition.
    pub(crate) fn worker(&self, partition: u16) -> Worker {
        Worker {
            partition,
            bus: Arc::clone(&self.log),
            keeper: Arc::clone(&self.stores) as Arc<dyn Keeper>,
            topics: Arc::clone(&self.topics),
            roads: self.roads.clone(),
            geofences: self.rules.geofences.clone().into(),
            batch_messages: self.batch_messages,
            pace: self.pace,
            silent_after: self.silent_after,
            said: self.said.clone(),
            board: Arc::clone(&self.board),
            dies_after: None,
        }
    }

    /// Messages of the log that no checkpoint has yet; none if the stores cannot tell.
    pub(crate) fn behind(&self) -> Option<u64> {
        let behind = |partition| {
            let kept = self.stores.next_offset(partition).ok()?.unwrap_or(0);
            Some(self.log.end(partition).saturating_sub(kept))
        };
        (0..self.partitions()).map(behind).sum()
    }

    /// Messages that came in so far, those of earlier times included.
    pub(crate) fn messages(&self) -> u64 {
        (0..self.partitions()).map(|partition| self.log.end(partition)).sum()
    }

    /// Whether anything was in the log when it was opened, or has come since.
    pub(crate) fn has_messages(&self) -> bool {
        (0..self.partitions()).any(|partition| self.log.end(partition) > 0)
    }

    /// Whether anything of it has been kept.
    ///
    /// # Errors
    /// When the checkpoints cannot be read.
    pub(crate) fn has_kept(&self) -> Result<bool, TwinError> {
        for partition in 0..self.partitions() {
            if self.stores.next_offset(partition)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives an order and waits until so many services have ended, in all.
    ///
    /// # Errors
    /// When a service has given up.
    pub(crate) fn end(&self, order: Order, services: u32) -> Result<(), TwinError> {
        self.board.give(order);
        self.board.wait_for(services);
        match self.board.failure() {
            Some(sentence) => Err(TwinError::Service(sentence)),
            None => Ok(()),
        }
    }
}
