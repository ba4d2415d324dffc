//! A member at work: a worker for each partition that the group has given it, and none for any other.
//!
//! A partition that is wanted elsewhere is let go when its worker has kept what it had and has ended, or when that takes too long. A
//! worker that finds its partition in other hands ends, and begins again from the checkpoint only when the group has confirmed that
//! the partition is ours. Nothing of that decides what counts: the checkpoints do, which take no batch that does not begin where the
//! partition stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pipeline::transport::{GroupNews, Membership};
use crate::twin::board::{Board, Order, Tally};
use crate::twin::intake::Intake;
use crate::twin::latency::Latency;
use crate::twin::service::{Service, Supervision};
use crate::twin::{TwinError, clock};

/// How long one wait for the group's word lasts.
pub(super) const MOMENT: Duration = Duration::from_millis(50);
/// How long workers may take to keep what they have before their partitions are let go all the same.
const HAND_OVER: Duration = Duration::from_secs(20);
/// How long to wait before the group is asked (again) whose a partition is that was found in other hands.
const ASK: Duration = Duration::from_secs(1);
/// The partition whose holder also does what one has to do for the whole city.
const CITY: u16 = 0;

/// What is done beside the worker of one partition for the whole city.
pub(super) type Beside = Box<dyn Fn(&Intake) -> Vec<Service> + Send>;

/// How a member fared.
#[derive(Debug, Clone, Default)]
pub(super) struct Fared {
    /// Messages it has kept.
    pub kept: u64,
    /// How often partitions were given or taken.
    pub rebalances: u64,
    /// Partitions whose worker found them in other hands.
    pub moved: u64,
    /// Partitions that were let go before everything was kept.
    pub dropped: u64,
    /// What the workers saw, by the partitions it had.
    pub tallies: BTreeMap<u16, Tally>,
    /// How many times each service had to be started again.
    pub restarts: BTreeMap<String, u32>,
    /// From a device's clock to the live state, and to the stores.
    pub latencies: (Latency, Latency),
}

/// A partition of ours.
enum Place {
    /// It is worked on.
    Working(Desk),
    /// Its worker found it in other hands; when the group was asked last whose it is.
    Doubtful(Instant),
    /// Nothing more will come, and its windows are closed.
    Closed,
}

/// A worker, and what goes with it.
struct Desk {
    partition: u16,
    board: Arc<Board>,
    /// Of those who work beside it for the whole city: how far they are says nothing about the partition, and nobody waits for them.
    beside: Arc<Board>,
    /// How far the group knows it to be.
    noted: Option<u64>,
    _supervision: Supervision,
}

impl Desk {
    fn give(&self, order: Order) {
        self.board.give(order);
        self.beside.give(order);
    }

    fn failure(&self) -> Option<String> {
        self.board.failure().or_else(|| self.beside.failure())
    }
}

/// A member of a group.
pub(super) struct Member {
    intake: Intake,
    beside: Beside,
    group: Box<dyn Membership>,
    places: BTreeMap<u16, Place>,
    /// A partition that is kept up to here is closed for good; none is if none.
    close_at: Option<Vec<u64>>,
    fared: Fared,
    news: Vec<String>,
}

impl Member {
    /// A member that has no partition yet; `beside` makes the services that go with the worker of the first partition.
    pub(super) fn new(intake: Intake, beside: Beside, group: Box<dyn Membership>) -> Self {
        let (places, fared) = (BTreeMap::new(), Fared::default());
        Self { intake, beside, group, places, close_at: None, fared, news: Vec::new() }
    }

    /// From now on partitions are closed for good that are kept up to these offsets.
    pub(super) fn close_at(&mut self, offsets: Vec<u64>) {
        self.close_at = Some(offsets);
    }

    /// Hears what the group has to say, does it, and looks after the workers.
    ///
    /// # Errors
    /// When the group will not have us, or a worker has given up.
    pub(super) fn step(&mut self) -> Result<(), TwinError> {
        match self.group.hear(MOMENT)? {
            Some(GroupNews::Given(partitions)) => {
                self.fared.rebalances += 1;
                self.tell("given to us", &partitions);
                partitions.into_iter().try_for_each(|partition| self.begin(partition))?;
            }
            Some(GroupNews::Wanted(partitions)) => {
                self.fared.rebalances += 1;
                let handed_over = self.hand_over(&partitions);
                self.group.let_go(&partitions);
                self.tell("handed over", &partitions);
                handed_over?;
            }
            Some(GroupNews::Lost(partitions)) => {
                self.fared.rebalances += 1;
                self.tell("taken away, because the group had not heard of us", &partitions);
                for partition in partitions {
                    if let Some(Place::Working(desk)) = self.places.remove(&partition) {
                        desk.give(Order::Drop);
                        self.settle(&desk);
                    }
                }
            }
            None => {}
        }
        self.look_after()
    }

    /// Partitions that are ours.
    pub(super) fn partitions(&self) -> impl Iterator<Item = u16> {
        self.places.keys().copied()
    }

    /// Whether any of ours is being worked on.
    pub(super) fn is_at_work(&self) -> bool {
        self.places.values().any(|place| !matches!(place, Place::Closed))
    }

    /// Whether a worker of ours reads a partition.
    pub(super) fn works_on(&self, partition: u16) -> bool {
        matches!(self.places.get(&partition), Some(Place::Working(_)))
    }

    /// The offset before which everything of a partition is kept, if we work on it.
    pub(super) fn kept(&self, partition: u16) -> Option<u64> {
        match self.places.get(&partition) {
            Some(Place::Working(desk)) => desk.board.kept(partition).map(|(_, kept)| kept),
            _ => None,
        }
    }

    /// How it fares so far.
    pub(super) fn fared(&self) -> Fared {
        let mut fared = self.fared.clone();
        for place in self.places.values() {
            if let Place::Working(desk) = place {
                add(&mut fared, desk);
            }
        }
        fared
    }

    /// What is to be said and has not been.
    pub(super) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }

    /// Keeps what there is, ends every worker and leaves the group.
    ///
    /// # Errors
    /// When a worker has given up; all others have ended then.
    pub(super) fn leave(&mut self) -> Result<(), TwinError> {
        let all: Vec<u16> = self.partitions().collect();
        self.hand_over(&all)
    }

    fn tell(&mut self, what: &str, partitions: &[u16]) {
        if !partitions.is_empty() {
            self.news.push(format!("{} {what}", in_words(partitions)));
        }
    }

    /// Starts the worker of a partition.
    fn begin(&mut self, partition: u16) -> Result<(), TwinError> {
        let (intake, beside) = (Intake { board: Arc::default(), ..self.intake.clone() }, Arc::default());
        let mut services = vec![intake.service_in_group(partition)];
        if partition == CITY {
            services.extend((self.beside)(&Intake { board: Arc::clone(&beside), ..intake.clone() }));
        }
        let supervision = Supervision::start(services)
            .map_err(|error| TwinError::Service(format!("cannot start the supervisor: {error}")))?;
        let desk = Desk { partition, board: intake.board, beside, noted: None, _supervision: supervision };
        if let Some(Place::Working(before)) = self.places.insert(partition, Place::Working(desk)) {
            before.give(Order::Drop);
            self.settle(&before);
        }
        Ok(())
    }

    /// Ends the workers of these partitions, which are ours no more afterwards, and lets them keep what they have.
    fn hand_over(&mut self, partitions: &[u16]) -> Result<(), TwinError> {
        let places = partitions.iter().filter_map(|partition| self.places.remove(partition));
        let desks: Vec<Desk> = places
            .filter_map(|place| match place {
                Place::Working(desk) => Some(desk),
                Place::Doubtful(_) | Place::Closed => None,
            })
            .collect();
        for desk in &desks {
            desk.give(Order::HandOver);
        }
        let (begun, mut failure) = (clock::instant(), None);
        for mut desk in desks {
            let left = HAND_OVER.saturating_sub(begun.elapsed());
            let has_ended = desk.board.wait_for_within(1, left);
            failure = failure.or_else(|| desk.failure());
            desk.give(Order::Drop);
            if !has_ended && desk.board.failure().is_none() {
                self.fared.dropped += 1;
                self.news.push(format!(
                    "partition {}: not everything could be kept within {} s; whoever has it next makes the rest again",
                    desk.partition,
                    HAND_OVER.as_secs()
                ));
            }
            self.note(&mut desk);
            self.settle(&desk);
        }
        failure.map_or(Ok(()), |sentence| Err(TwinError::Service(sentence)))
    }

    /// Looks who has ended, and tells the group how far the others are.
    fn look_after(&mut self) -> Result<(), TwinError> {
        for partition in self.partitions().collect::<Vec<_>>() {
            let place = match self.places.remove(&partition) {
                Some(Place::Working(desk)) => self.look_at(desk)?,
                Some(Place::Doubtful(asked)) if asked.elapsed() >= ASK => {
                    // Who takes it down says that the partition is ours. What cannot be read now is asked for later.
                    let next = self.intake.stores.next_offset(partition);
                    if next.is_ok_and(|next| self.group.confirm(partition, next.unwrap_or(0))) {
                        self.begin(partition)?;
                        continue;
                    }
                    Place::Doubtful(clock::instant())
                }
                Some(other) => other,
                None => continue,
            };
            self.places.insert(partition, place);
        }
        Ok(())
    }

    fn look_at(&mut self, mut desk: Desk) -> Result<Place, TwinError> {
        self.news.extend(desk.board.news());
        self.news.extend(desk.beside.news());
        if let Some(sentence) = desk.failure() {
            desk.give(Order::Drop);
            self.settle(&desk);
            return Err(TwinError::Service(sentence));
        }
        if desk.board.moved().is_some() {
            desk.give(Order::Drop);
            self.settle(&desk);
            return Ok(Place::Doubtful(clock::instant()));
        }
        self.note(&mut desk);
        if desk.board.order() == Order::Finish {
            if desk.board.wait_for_within(1, Duration::ZERO) {
                self.settle(&desk);
                return Ok(Place::Closed);
            }
        } else if let Some((end, (_, kept))) = self.end_of(desk.partition).zip(desk.board.kept(desk.partition))
            && kept >= end
        {
            desk.give(Order::Finish);
        }
        Ok(Place::Working(desk))
    }

    /// Where a partition is closed for good, if it is: not beyond its last message, as far as that is known.
    fn end_of(&self, partition: u16) -> Option<u64> {
        let end = self.close_at.as_ref()?.get(usize::from(partition)).copied()?;
        Some(end.min(self.intake.log.known_end(partition)))
    }

    /// Tells the group how far a partition is, if that is news.
    fn note(&mut self, desk: &mut Desk) {
        let kept = desk.board.kept(desk.partition).map(|(_, kept)| kept);
        if kept > desk.noted
            && let Some(offset) = kept.filter(|offset| *offset > 0)
        {
            self.group.note(desk.partition, offset);
            desk.noted = kept;
        }
    }

    /// Takes down what a worker did that has ended, or is not waited for.
    fn settle(&mut self, desk: &Desk) {
        self.news.extend(desk.board.news());
        self.news.extend(desk.beside.news());
        if let Some(sentence) = desk.board.moved() {
            self.fared.moved += 1;
            self.news.push(format!("partition {} is in other hands: {sentence}", desk.partition));
        }
        add(&mut self.fared, desk);
    }
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Member({:?}, {:?})", self.group, self.places.keys())
    }
}

/// Adds what one worker did.
fn add(fared: &mut Fared, desk: &Desk) {
    fared.kept += desk.board.kept(desk.partition).map_or(0, |(from, kept)| kept.saturating_sub(from));
    let (shown, kept) = desk.board.latencies();
    fared.latencies.0.add(&shown);
    fared.latencies.1.add(&kept);
    // They count from the partition's beginning, so the last word holds.
    fared.tallies.extend(desk.board.tallies());
    for (name, times) in desk.board.restarts().into_iter().chain(desk.beside.restarts()) {
        *fared.restarts.entry(name).or_default() += times;
    }
}

/// Partitions in words.
pub(super) fn in_words(partitions: &[u16]) -> String {
    let names: Vec<String> = partitions.iter().map(u16::to_string).collect();
    match names.as_slice() {
        [] => "no partition".to_owned(),
        [one] => format!("partition {one}"),
        several => format!("partitions {}", several.join(", ")),
    }
}
