//! One of several processes at work on one city: a member of a group of consumers, which share the partitions of a topic and one set
//! of stores.
//!
//! Who works on what the group says; what was made of it and from where a partition goes on say the stores. So a process may be
//! killed, or believed dead and go on: what it kept is kept once, and whoever is given its partitions goes on from there with the state it
//! left. Devices are listened to elsewhere, see `only_listen.rs`.

mod member;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::member::{Beside, Fared, Member, in_words};
use super::board::Tally;
use super::intake::Intake;
use super::latency::Latency;
use super::listen::{housekeeping, identity, silent_after};
use super::parts::Equipment;
use super::reconcile::{Daily, progress};
use super::watch::{Ailing, Watch};
use super::worker::Pace;
use super::{TwinError, clock};
use crate::city::network::Network;
use crate::pipeline::stores::{StoreError, Stores};
use crate::pipeline::transport::{BusError, Membership};
use crate::telemetry::TopicMap;

/// How often to look whether everything has been kept.
const LOOK: Duration = Duration::from_millis(500);

/// What to work on, and for how long.
#[derive(Debug, Clone)]
pub struct Consuming {
    /// Where schemas lie that were registered, and room for what is not finished.
    pub folder: PathBuf,
    /// Topics by reading.
    pub topics: TopicMap,
    /// The roads readings are matched to, if they are known.
    pub network: Option<Arc<Network>>,
    /// Which parts it runs on.
    pub equipment: Equipment,
    /// The name under which this member comes back, if it is to be known again.
    pub member: Option<String>,
    /// How often to tell how it goes; never if none.
    pub tell_every: Option<Duration>,
    /// How often what was made of the messages is kept for good, instead of every five seconds.
    pub keep_every: Option<Duration>,
    /// Whether nothing more will come after the end, so that windows are closed that are still open.
    pub finish: bool,
    /// Whether to end when the group has kept everything that is in the topic now.
    pub until_caught_up: bool,
}

/// What a member did.
#[derive(Debug, Clone, Default)]
pub struct Consumed {
    /// Messages it has kept.
    pub kept: u64,
    /// How often partitions were given to it or taken from it.
    pub rebalances: u64,
    /// How often a worker found its partition in other hands.
    pub moved: u64,
    /// Partitions that were let go before everything was kept.
    pub dropped: u64,
    /// What its workers saw besides records that were new, of the partitions it had.
    pub tally: Tally,
    /// How many times each service had to be started again.
    pub restarts: BTreeMap<String, u32>,
    /// From a device's clock to the live state.
    pub shown: Latency,
    /// From a device's clock to the stores.
    pub stored: Latency,
}

impl From<Fared> for Consumed {
    fn from(fared: Fared) -> Self {
        let Fared { kept, rebalances, moved, dropped, tallies, restarts, latencies: (shown, stored) } = fared;
        let tally = tallies.into_values().sum();
        Self { kept, rebalances, moved, dropped, tally, restarts, shown, stored }
    }
}

/// Works as a member of the group until `stop` says so, or everything is kept if that is asked for; `ready` hears of which group.
///
/// # Errors
/// When the parts do not allow several processes, the group will not have this one, or log or stores fail; what has been kept is kept
/// then, and others go on with the partitions.
pub fn consume(
    settings: &Consuming,
    ready: &mut dyn FnMut(&str),
    tell: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Consumed, TwinError> {
    let equipment = &settings.equipment;
    let Some(kafka) = equipment.parts.kafka() else { return Err(TwinError::Service(NO_GROUP.to_owned())) };
    let topics = Arc::new(settings.topics.clone());
    let mut intake =
        Intake::open_shared(&settings.folder, &identity(equipment), &topics, settings.network.as_deref(), equipment)?;
    intake.pace = Pace { keep: settings.keep_every.or(Pace::LIVE.keep), ..Pace::LIVE };
    intake.silent_after = silent_after(equipment);
    let group = kafka.join(&equipment.environment, settings.member.as_deref())?;
    ready(&format!("consuming from {} in the group `{}`", kafka.place(), kafka.group));
    let orders =
        Orders { tell_every: settings.tell_every, finish: settings.finish, until_caught_up: settings.until_caught_up };
    let equipment = equipment.clone();
    let beside: Beside = Box::new(move |intake| {
        let (daily, board) = (Daily::new(intake), Arc::clone(&intake.board));
        let daily = super::service::Service::new("batch view", &intake.board, Arc::new(move || daily.run(&board)));
        vec![daily, housekeeping(intake, &equipment)]
    });
    work(&intake, beside, group, &orders, tell, stop)
}

/// The complaint where the workers are those of the process that listens.
pub const NO_GROUP: &str = "the workers of these parts are those of `citytwin listen`: to share the work among several processes \
                                   write `bus: { kafka: { ..., workers: group } }`";

/// For how long to work, and what to tell.
#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    tell_every: Option<Duration>,
    finish: bool,
    until_caught_up: bool,
}

/// Works as a member of a group.
fn work(
    intake: &Intake,
    beside: Beside,
    group: Box<dyn Membership>,
    orders: &Orders,
    tell: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Consumed, TwinError> {
    let mut member = Member::new(intake.clone(), beside, group);
    let mut goal = orders.until_caught_up.then(|| Goal { finish: orders.finish, ..Goal::default() });
    let (mut watch, mut ailing) = (Watch::new(orders.tell_every, 0), Ailing::default());
    let worked = loop {
        if stop() {
            break Ok(false);
        }
        if let Err(error) = member.step() {
            break Err(error);
        }
        // Without a partition there is no worker who would notice.
        if let Err(error) = ailing.look(&*intake.log, &intake.board) {
            break Err(error.into());
        }
        member.news().iter().chain(&intake.board.news()).for_each(|news| tell(news));
        let told = watch.look(|| member.fared().kept, |_, rate| in_short(intake, &member, rate));
        if let Some(told) = told {
            tell(&told);
        }
        match goal.as_mut().map_or(Ok(false), |goal| goal.is_reached(intake, &mut member)) {
            Ok(true) => break Ok(true),
            Ok(false) => {}
            Err(error) => break Err(error),
        }
    };
    // Interrupted, and nothing more will come: what is left of ours is taken and closed.
    let closed = match worked {
        Ok(false) if orders.finish => close(&mut member, tell),
        ended => ended.map(drop),
    };
    let left = member.leave();
    member.news().iter().for_each(|news| tell(news));
    closed.and(left)?;
    Ok(member.fared().into())
}

/// Takes what there is in our partitions, and closes them for good.
fn close(member: &mut Member, tell: &mut dyn FnMut(&str)) -> Result<(), TwinError> {
    member.close_at(vec![0; usize::from(u16::MAX)]);
    while member.is_at_work() {
        member.step()?;
        member.news().iter().for_each(|news| tell(news));
    }
    Ok(())
}

/// Everything that was in the topic when the brokers first answered.
#[derive(Default)]
struct Goal {
    /// Where each partition ended; none while they have not.
    ends: Option<Vec<u64>>,
    /// Partitions that are not known to be kept so far.
    open: BTreeSet<u16>,
    /// By partition that others work on: the last checkpoint behind which it was looked whether there is a message.
    asked: BTreeMap<u16, u64>,
    /// Whether they are to be closed as well.
    finish: bool,
    looked: Option<Instant>,
}

impl Goal {
    /// Whether the group has kept it all, whoever did.
    fn is_reached(&mut self, intake: &Intake, member: &mut Member) -> Result<bool, TwinError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(false);
        }
        self.looked = Some(clock::instant());
        if self.ends.is_none() {
            self.ends = ends(intake)?;
            self.open = (0..intake.partitions()).collect();
            if let Some(ends) = self.ends.as_ref().filter(|_| self.finish) {
                member.close_at(ends.clone());
            }
        }
        let Some(ends) = self.ends.clone() else { return Ok(false) };
        for partition in self.open.clone() {
            let end = ends.get(usize::from(partition)).copied().unwrap_or(0);
            let kept = match member.kept(partition) {
                Some(kept) => Some(kept),
                None => match intake.stores.next_offset(partition) {
                    Ok(next) => next,
                    Err(error) if error.is_passing() => return Ok(false),
                    Err(error) => return Err(error.into()),
                },
            };
            // Where there is nothing to read, there is nothing to keep.
            let kept = kept.unwrap_or_else(|| intake.log.begin(partition));
            match self.is_kept(intake, member, (partition, kept, end)) {
                Ok(true) => drop(self.open.remove(&partition)),
                Ok(false) => {}
                Err(error) if error.is_passing() => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        if !self.open.is_empty() || !self.finish {
            return Ok(self.open.is_empty());
        }
        // Rows are seen later than checkpoints: those of a partition that was closed in an earlier run, and is open again, would do.
        let closed = match refreshed(&intake.stores).and_then(|()| progress(&intake.stores)) {
            Ok(progress) => progress.iter().filter(|progress| progress.ended).count(),
            Err(error) if error.is_passing() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        Ok(closed >= ends.len())
    }

    /// Whether a partition that is kept so far is kept up to where it ended, or has no message from there on: what stands at the end
    /// may be marks of transactions, which no checkpoint goes beyond.
    fn is_kept(
        &mut self,
        intake: &Intake,
        member: &Member,
        (partition, kept, end): (u16, u64, u64),
    ) -> Result<bool, BusError> {
        if kept >= end.min(intake.log.known_end(partition)) {
            return Ok(true);
        }
        // A worker here learns it when it reads the end. Of what others work on nobody here reads anything, so it is looked at: once
        // a checkpoint, because where there was a message there is one.
        if member.works_on(partition) || self.asked.get(&partition) == Some(&kept) {
            return Ok(false);
        }
        let is_end = match intake.log.read(partition, kept, 1, 1) {
            Ok(read) => read.is_empty(),
            // Whoever works on it says what is gone.
            Err(BusError::Gone { .. }) => false,
            Err(error) => return Err(error),
        };
        self.asked.insert(partition, kept);
        Ok(is_end)
    }
}

/// Takes in what other members have kept.
#[cfg(feature = "s3")]
fn refreshed(stores: &Stores) -> Result<(), StoreError> {
    stores.refresh()
}

/// Without a bucket there are no others.
#[cfg(not(feature = "s3"))]
#[expect(clippy::unnecessary_wraps, reason = "as where there is a bucket")]
fn refreshed(_: &Stores) -> Result<(), StoreError> {
    Ok(())
}

/// Where every partition ends; none while the brokers are away.
fn ends(intake: &Intake) -> Result<Option<Vec<u64>>, TwinError> {
    let mut ends = Vec::new();
    for partition in 0..intake.partitions() {
        // What is known of the ends is only true if they answer.
        match intake.log.read(partition, intake.log.begin(partition), 1, 1) {
            Ok(_) => ends.push(intake.log.end(partition)),
            Err(BusError::Gone { .. }) => return Ok(None),
            Err(error) if error.is_passing() => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(ends))
}

/// How it goes, in words.
fn in_short(intake: &Intake, member: &Member, rate: f64) -> String {
    let (fared, partitions) = (member.fared(), member.partitions().collect::<Vec<u16>>());
    let behind = |partition: &u16| Some(intake.log.end(*partition).saturating_sub(member.kept(*partition)?));
    let behind: u64 = partitions.iter().filter_map(behind).sum();
    format!(
        "{} of {}; {} messages kept, {rate:.0} a second, {behind} not kept yet; {} rebalances, {} moved",
        in_words(&partitions),
        intake.partitions(),
        fared.kept,
        fared.rebalances,
        fared.moved,
    )
}
