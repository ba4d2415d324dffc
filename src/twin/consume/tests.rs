//! What several members make of a topic: the same as one alone, whoever is given what, is killed, or goes on after somebody else took
//! its place.

mod ends;

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use proptest::prelude::*;

use super::*;
use crate::pipeline::alerting::AlertRules;
use crate::pipeline::stores::{Ahead, Batch, Keeper, Resume};
use crate::pipeline::transport::{Bus, BusError, GroupNews, MemoryBus, Message, partition_of};
use crate::primitives::Timestamp;
use crate::primitives::random::Seed;
use crate::studies::load::{Devices, Faults, Load, Turn};
use crate::telemetry::{ReadingKind, json};
use crate::twin::board::{Board, Order};
use crate::twin::worker::Worker;

/// Seven in the morning of a day [ms].
const SEVEN: i64 = 1_780_383_600_000;
const PARTITIONS: u16 = 4;

/// What 200 devices say in so many messages, a hundred a second.
fn said(messages: u64) -> Vec<Message> {
    let (topics, devices) = (TopicMap::new("city"), Devices::new(Seed(5), 200, "load"));
    let mut load = Load::new(devices, topics, Seed(5), Faults::default(), Timestamp::milliseconds(SEVEN));
    let mut said = Vec::new();
    while load.made() < messages {
        let turn = Turn { due_us: 10_000 * load.made(), hot: 0.0 };
        assert_eq!(load.speak(turn, &mut said), Ok(true));
    }
    load.rest(&mut said);
    said.into_iter().filter_map(|one| Some(Message::new(one.topic, one.payload?))).collect()
}

/// Puts messages into their partitions.
fn append(bus: &dyn Bus, messages: &[Message]) {
    let mut lots: BTreeMap<u16, Vec<Message>> = BTreeMap::new();
    for message in messages {
        lots.entry(partition_of(&message.topic, bus.partitions())).or_default().push(message.clone());
    }
    for (partition, messages) in lots {
        bus.append(partition, messages).expect("acknowledged");
    }
}

fn intake(log: Arc<dyn Bus>, stores: &Arc<Stores>) -> Intake {
    Intake {
        log,
        stores: Arc::clone(stores),
        topics: Arc::new(TopicMap::new("city")),
        roads: None,
        rules: Arc::<AlertRules>::default(),
        subscribers: None,
        batch_messages: 300,
        // Nothing is shown ahead: stores in memory know no owner of what is.
        pace: Pace { show: None, keep: Some(Duration::from_millis(100)) },
        silent_after: None,
        said: None,
        board: Arc::new(Board::default()),
    }
}

/// Everything that is kept: records in the order of history, rows of every table, messages in quarantine.
#[derive(Debug, PartialEq)]
struct Content {
    records: Vec<String>,
    rows: BTreeMap<(String, String), String>,
    quarantined: u64,
}

fn content(stores: &Stores) -> Content {
    let mut content = Content { records: Vec::new(), rows: BTreeMap::new(), quarantined: 0 };
    for &kind in ReadingKind::ALL {
        let each = &mut |record| {
            let mut text = Vec::new();
            json::encode(&record, &mut text);
            content.records.push(String::from_utf8(text).expect("text"));
            ControlFlow::Continue(())
        };
        stores.scan(kind, each).expect("can be read");
    }
    content.records.sort();
    for table in stores.tables().names().expect("can be read") {
        let each = &mut |key: &str, json: &[u8]| {
            let json = String::from_utf8(json.to_vec()).expect("text");
            content.rows.insert((table.clone(), key.to_owned()), json);
            ControlFlow::Continue(())
        };
        stores.tables().scan(&table, "", each).expect("can be read");
    }
    content.quarantined = stores.quarantine().totals().expect("can be read").messages();
    content
}

/// What one worker a partition makes of a log, undisturbed.
fn alone(log: &Arc<dyn Bus>) -> Content {
    let stores = Arc::new(Stores::in_memory());
    for partition in 0..log.partitions() {
        let intake = intake(Arc::clone(log), &stores);
        intake.board.give(Order::Finish);
        intake.worker(partition).run().expect("to the end");
    }
    content(&stores)
}

/// A group without brokers: gives partitions to its members in turn, and asks back what another should have.
#[derive(Debug, Default)]
struct Round {
    members: BTreeMap<u32, VecDeque<GroupNews>>,
    /// Who has which partition.
    held: BTreeMap<u16, u32>,
    /// What has been asked back and not been let go.
    wanted: BTreeMap<u16, u32>,
    joined: u32,
}

impl Round {
    /// Who should have a partition.
    fn target(&self, partition: u16) -> Option<u32> {
        let members: Vec<u32> = self.members.keys().copied().collect();
        (!members.is_empty()).then(|| members[usize::from(partition) % members.len()])
    }

    fn balance(&mut self) {
        for partition in 0..PARTITIONS {
            let Some(target) = self.target(partition) else { return };
            match self.held.get(&partition).copied() {
                None => {
                    self.held.insert(partition, target);
                    self.tell(target, GroupNews::Given(vec![partition]));
                }
                Some(holder) if holder != target && self.wanted.get(&partition) != Some(&holder) => {
                    self.wanted.insert(partition, holder);
                    self.tell(holder, GroupNews::Wanted(vec![partition]));
                }
                Some(_) => {}
            }
        }
    }

    fn tell(&mut self, member: u32, news: GroupNews) {
        if let Some(queue) = self.members.get_mut(&member) {
            queue.push_back(news);
        }
    }

    /// A member is gone, or believed to be; others are given its partitions at once.
    fn remove(&mut self, member: u32) {
        self.members.remove(&member);
        self.held.retain(|_, holder| *holder != member);
        self.wanted.retain(|_, holder| *holder != member);
        self.balance();
    }
}

/// A place in it. One that is killed dies with all it knows, and its workers are left alone with what they have.
#[derive(Debug)]
struct Seat {
    round: Arc<Mutex<Round>>,
    id: u32,
    killed: Arc<AtomicBool>,
}

fn lock(round: &Mutex<Round>) -> MutexGuard<'_, Round> {
    round.lock().expect("nobody dies with it")
}

impl Seat {
    fn take(round: &Arc<Mutex<Round>>, killed: &Arc<AtomicBool>) -> Self {
        let mut all = lock(round);
        all.joined += 1;
        let id = all.joined;
        all.members.insert(id, VecDeque::new());
        all.balance();
        drop(all);
        Self { round: Arc::clone(round), id, killed: Arc::clone(killed) }
    }
}

impl Membership for Seat {
    fn hear(&mut self, moment: Duration) -> Result<Option<GroupNews>, BusError> {
        if self.killed.load(Ordering::SeqCst) {
            resume_unwind(Box::new("killed"));
        }
        let mut round = lock(&self.round);
        // Taken for dead and alive all the same: it hears of it, and joins again.
        let is_member = round.members.contains_key(&self.id);
        if !is_member {
            round.members.insert(self.id, VecDeque::new());
            round.balance();
            return Ok(Some(GroupNews::Lost((0..PARTITIONS).collect())));
        }
        let news = round.members.get_mut(&self.id).and_then(VecDeque::pop_front);
        drop(round);
        if news.is_none() {
            std::thread::park_timeout(moment.min(Duration::from_millis(5)));
        }
        Ok(news)
    }

    fn let_go(&mut self, partitions: &[u16]) {
        let mut round = lock(&self.round);
        for partition in partitions {
            if round.held.get(partition) == Some(&self.id) {
                round.held.remove(partition);
                round.wanted.remove(partition);
            }
        }
        round.balance();
    }

    fn note(&mut self, _: u16, _: u64) {}

    fn confirm(&mut self, partition: u16, _: u64) -> bool {
        lock(&self.round).held.get(&partition) == Some(&self.id)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.round).remove(self.id);
    }
}

const UNTIL_CLOSED: Orders = Orders { tell_every: None, finish: true, until_caught_up: true };

/// Lets a member work until everything is kept and closed, unless it is killed.
fn member(intake: &Intake, group: Box<dyn Membership>) -> std::thread::JoinHandle<Option<Result<Consumed, TwinError>>> {
    let intake = intake.clone();
    let work = move || work(&intake, Box::new(|_| Vec::new()), group, &UNTIL_CLOSED, &mut |_| (), &|| false);
    std::thread::spawn(move || catch_unwind(AssertUnwindSafe(work)).ok())
}

/// Waits until so many messages are kept, or all that can be seen.
fn wait_for_kept(stores: &Stores, seen: &Seen, more: u64) {
    seen.end.fetch_add(more, Ordering::SeqCst);
    let visible = |partition: u16| seen.log.end(partition).min(seen.end.load(Ordering::SeqCst));
    let kept = |partition: u16| stores.resume(partition).expect("there").map_or(0, |at| at.next_offset);
    while (0..PARTITIONS).any(|partition| kept(partition) < visible(partition)) {
        std::thread::yield_now();
    }
}

/// Members come while there is work, one is killed with its workers going on, one is taken for dead and is not: what is kept in the
/// end is what one member alone keeps, row by row.
#[test]
fn members_that_come_die_and_are_forgotten_keep_what_one_alone_would() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(PARTITIONS, 1 << 26));
    let (stores, round) = (Arc::new(Stores::in_memory()), Arc::default());
    append(&*log, &said(12_000));
    let seen = Seen::new(&log, 0, usize::MAX);
    let intake = intake(Arc::clone(&seen) as Arc<dyn Bus>, &stores);
    let (first, nobody) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let mut members = vec![member(&intake, Box::new(Seat::take(&round, &first)))];
    wait_for_kept(&stores, &seen, 200);
    members.push(member(&intake, Box::new(Seat::take(&round, &nobody))));
    wait_for_kept(&stores, &seen, 500);
    first.store(true, Ordering::SeqCst);
    members.push(member(&intake, Box::new(Seat::take(&round, &nobody))));
    wait_for_kept(&stores, &seen, 500);
    lock(&round).remove(2);
    wait_for_kept(&stores, &seen, 500);
    seen.end.store(u64::MAX, Ordering::SeqCst);
    let ended: Vec<_> = members.into_iter().map(|member| member.join().expect("no other panic")).collect();
    seen.closed.store(true, Ordering::SeqCst);
    assert!(ended[0].is_none(), "the first was killed: {ended:?}");
    let ended: Vec<Consumed> = ended.into_iter().flatten().map(|ended| ended.expect("well")).collect();
    assert!(ended.len() == 2 && ended.iter().all(|one| one.rebalances > 0), "{ended:?}");
    check(&log, &stores);
}

/// Whether the stores hold what one member alone would have kept.
fn check(log: &Arc<dyn Bus>, stores: &Stores) {
    let expected = alone(log);
    assert!(expected.rows.len() > 200 && expected.records.len() == 12_000, "a comparison of nothing");
    assert_eq!(content(stores), expected);
}

/// A log of which only the beginning can be read.
#[derive(Debug)]
struct Seen {
    log: Arc<dyn Bus>,
    /// Of each partition.
    end: AtomicU64,
    /// Messages at once.
    reads_max: usize,
    /// Whether nothing can be read any more, so that workers end whom nobody can reach.
    closed: AtomicBool,
}

impl Seen {
    fn new(log: &Arc<dyn Bus>, end: u64, reads_max: usize) -> Arc<Self> {
        let (log, end) = (Arc::clone(log), AtomicU64::new(end));
        Arc::new(Self { log, end, reads_max, closed: AtomicBool::new(false) })
    }
}

impl Bus for Seen {
    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    fn begin(&self, partition: u16) -> u64 {
        self.log.begin(partition)
    }

    fn end(&self, partition: u16) -> u64 {
        self.log.end(partition)
    }

    fn read(
        &self,
        partition: u16,
        from: u64,
        max_messages: usize,
        max_bytes: usize,
    ) -> Result<Vec<crate::pipeline::transport::Logged>, BusError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(BusError::Stopped { cause: "the test is over".into() });
        }
        let end = self.end.load(Ordering::SeqCst);
        let read = self.log.read(partition, from, max_messages.min(self.reads_max), max_bytes)?;
        Ok(read.into_iter().filter(|logged| logged.offset < end).collect())
    }

    fn wait_beyond(&self, partition: u16, offset: u64, timeout: Duration) -> bool {
        std::thread::park_timeout(timeout.min(Duration::from_millis(2)));
        self.log.end(partition).min(self.end.load(Ordering::SeqCst)) > offset
    }

    fn submit(&self, partition: u16, messages: Vec<Message>, done: crate::pipeline::transport::Done) {
        self.log.submit(partition, messages, done);
    }

    fn release(&self, _: u16, _: u64) {}
}

/// What becomes of one worker of the partition.
#[derive(Debug, Clone)]
enum Fate {
    /// It keeps what it has, and ends.
    HandsOver,
    /// It dies after so many messages.
    Dies(u8),
    /// Before it keeps its next batch it is taken for dead, and others work whose fates these are; then it goes on.
    IsForgotten(Vec<(u8, Fate)>),
}

fn fates() -> impl Strategy<Value = Vec<(u8, Fate)>> {
    let leaf = prop_oneof![Just(Fate::HandsOver), (1_u8..60).prop_map(Fate::Dies)];
    let fate = leaf
        .prop_recursive(3, 12, 3, |inner| prop::collection::vec((1_u8..80, inner), 1..3).prop_map(Fate::IsForgotten));
    prop::collection::vec((1_u8..80, fate), 1..8)
}

/// Lets others work before it keeps a batch.
struct Interrupted {
    stores: Arc<Stores>,
    others: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Keeper for Interrupted {
    fn resume(&self, partition: u16) -> Result<Option<Resume>, StoreError> {
        self.stores.resume(partition)
    }

    fn keep(&self, batch: &Batch) -> Result<(), StoreError> {
        let others = self.others.lock().expect("nobody dies with it").take();
        if let Some(others) = others {
            others();
        }
        self.stores.keep(batch)
    }

    fn show(&self, ahead: Ahead<'_>) -> Result<(), StoreError> {
        self.stores.show(ahead)
    }
}

/// Lets workers of partition 0 live their fates one after the other; each sees so many messages more than are kept when it begins. Gives
/// how many found the partition in other hands.
fn live(log: &Arc<dyn Bus>, stores: &Arc<Stores>, fates: Vec<(u8, Fate)>) -> u64 {
    let moved = Arc::new(AtomicU64::new(0));
    for (more, fate) in fates {
        let kept = stores.resume(0).expect("there").map_or(0, |resume| resume.next_offset);
        let seen = Seen::new(log, kept + u64::from(more), 7);
        let intake = Intake { batch_messages: 20, pace: Pace::HURRIED, ..intake(seen, stores) };
        intake.board.give(Order::Leave);
        let mut worker = Worker { ..intake.worker(0) };
        match fate {
            Fate::HandsOver => {}
            Fate::Dies(after) => worker.dies_after = Some(Arc::new(i64::from(after).into())),
            Fate::IsForgotten(others) => {
                let (log, also, counted) = (Arc::clone(log), Arc::clone(stores), Arc::clone(&moved));
                let others = move || {
                    counted.fetch_add(live(&log, &also, others), Ordering::SeqCst);
                };
                let others: Box<dyn FnOnce() + Send> = Box::new(others);
                worker.keeper = Arc::new(Interrupted { stores: Arc::clone(stores), others: Mutex::new(Some(others)) });
            }
        }
        // The deaths that the drill asks for are no failures.
        if let Ok(ended) = catch_unwind(AssertUnwindSafe(|| worker.run_in_group())) {
            ended.expect("well");
        }
        moved.fetch_add(u64::from(intake.board.moved().is_some()), Ordering::SeqCst);
    }
    moved.load(Ordering::SeqCst)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whoever is given the partition, dies with it or keeps on working on it after others were given it: in the end every message is
    /// kept once, and every row says what it says where one worker has it all the time.
    #[test]
    fn any_sequence_of_owners_keeps_what_one_would(fates in fates()) {
        let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(1, 1 << 24));
        append(&*log, &said(400));
        let stores = Arc::new(Stores::in_memory());
        live(&log, &stores, fates);
        let intake = intake(Arc::clone(&log), &stores);
        intake.board.give(Order::Finish);
        intake.worker(0).run().expect("to the end");
        prop_assert_eq!(content(&stores), alone(&log));
    }
}

/// One that goes on after others took its place is told so by the checkpoint, keeps nothing, and is no failure.
#[test]
fn a_worker_whose_partition_moved_ends_quietly() {
    let log: Arc<dyn Bus> = Arc::new(MemoryBus::new(1, 1 << 24));
    append(&*log, &said(400));
    let stores = Arc::new(Stores::in_memory());
    let fates = vec![(50, Fate::IsForgotten(vec![(70, Fate::HandsOver)])), (200, Fate::HandsOver)];
    assert_eq!(live(&log, &stores, fates), 1);
    assert_eq!(stores.resume(0).expect("there").map(|resume| resume.next_offset), Some(270));
}

/// Real brokers as the group: members come and go, one leaves the group while its workers go on, and the stores hold what one alone would
/// have kept. One that the group has to miss first is killed in `tests/consume.rs`.
#[cfg(feature = "kafka")]
mod with_brokers {
    use super::*;
    use crate::pipeline::transport::{KafkaBus, KafkaGroup, KafkaOptions};

    fn bus(topic: &str) -> (KafkaOptions, Arc<dyn Bus>) {
        let brokers = std::env::var("CITYTWIN_TEST_KAFKA").expect("set CITYTWIN_TEST_KAFKA to host:port of a broker");
        let mut options = KafkaOptions::new(brokers, format!("{topic}-{}", std::process::id()), PARTITIONS);
        options.group.clone_from(&options.topic);
        options.session = Duration::from_secs(6);
        options.tells_group = false;
        let bus = KafkaBus::open(options.clone()).expect("a topic");
        bus.wait_ready(Duration::from_secs(30)).expect("brokers answer");
        (options, Arc::new(bus))
    }

    /// A member whose place is a real one, until it leaves the group without a word to its workers, who go on.
    #[derive(Debug)]
    struct Mortal {
        group: Option<KafkaGroup>,
        killed: Arc<AtomicBool>,
    }

    impl Membership for Mortal {
        fn hear(&mut self, moment: Duration) -> Result<Option<GroupNews>, BusError> {
            if self.killed.load(Ordering::SeqCst) {
                drop(self.group.take());
                resume_unwind(Box::new("killed"));
            }
            self.group.as_mut().map_or(Ok(None), |group| group.hear(moment))
        }

        fn let_go(&mut self, partitions: &[u16]) {
            self.group.iter_mut().for_each(|group| group.let_go(partitions));
        }

        fn note(&mut self, partition: u16, offset: u64) {
            self.group.iter_mut().for_each(|group| group.note(partition, offset));
        }

        fn confirm(&mut self, partition: u16, offset: u64) -> bool {
            self.group.as_mut().is_some_and(|group| group.confirm(partition, offset))
        }
    }

    #[test]
    fn members_of_a_real_group_keep_what_one_alone_would() {
        let (options, log) = bus("group");
        let stores = Arc::new(Stores::in_memory());
        append(&*log, &said(12_000));
        let seen = Seen::new(&log, 0, usize::MAX);
        let intake = intake(Arc::clone(&seen) as Arc<dyn Bus>, &stores);
        let join = |killed: &Arc<AtomicBool>| -> Box<dyn Membership> {
            let group = KafkaGroup::join(&options, None).expect("a group");
            Box::new(Mortal { group: Some(group), killed: Arc::clone(killed) })
        };
        let (first, nobody) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut members = vec![member(&intake, join(&first))];
        wait_for_kept(&stores, &seen, 200);
        members.push(member(&intake, join(&nobody)));
        wait_for_kept(&stores, &seen, 500);
        members.push(member(&intake, join(&nobody)));
        first.store(true, Ordering::SeqCst);
        wait_for_kept(&stores, &seen, 500);
        seen.end.store(u64::MAX, Ordering::SeqCst);
        let ended: Vec<_> = members.into_iter().map(|member| member.join().expect("no other panic")).collect();
        seen.closed.store(true, Ordering::SeqCst);
        assert!(ended[0].is_none(), "the first was killed: {ended:?}");
        let ended: Vec<Consumed> = ended.into_iter().flatten().map(|ended| ended.expect("well")).collect();
        assert!(ended.len() == 2 && ended.iter().any(|one| one.rebalances > 0), "{ended:?}");
        check(&log, &stores);
    }
}
