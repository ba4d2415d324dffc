//! A topic of Kafka as the log: what its workers make of it, however often they die, and what an audit says where brokers lose messages.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use rdkafka::mocking::MockCluster;

use super::{BusPart, Equipment, Kafka, Login, PartsFile, Workers};
use crate::pipeline::transport::{Message, partition_of};
use crate::primitives::Timestamp;
use crate::primitives::random::Seed;
use crate::studies::audit::{self, Account, Journal, Ledger};
use crate::studies::load::{Devices, Faults, Load, Turn};
use crate::telemetry::{SchemaBook, TopicMap};
use crate::twin::board::Order;
use crate::twin::intake::{Folders, Intake};
use crate::twin::service::Supervision;

/// Seven in the morning of a day [ms].
const SEVEN: i64 = 1_780_383_600_000;

/// Tables whose rows depend on every message.
const TABLES: [&str; 5] = ["position_minutes", "air_windows", "parking_windows", "events", "progress"];

fn kafka(brokers: String, topic: &str, partitions: u16) -> Equipment {
    let kafka = Kafka {
        brokers,
        topic: topic.to_owned(),
        partitions,
        replication: None,
        group: topic.to_owned(),
        name: "citytwin".to_owned(),
        encrypted: false,
        ca: None,
        certificate: None,
        mechanism: "PLAIN",
        login: Login::default(),
        workers: Workers::Here,
    };
    Equipment { parts: PartsFile { bus: BusPart::Kafka(kafka), ..PartsFile::default() }, ..Equipment::default() }
}

/// What a city of 200 devices says in so many messages, a hundred a second; written down in `folder` first.
fn said(folder: &Path, messages: u64) -> (Vec<Message>, Ledger) {
    let (topics, devices) = (TopicMap::new("city"), Devices::new(Seed(5), 200, "load"));
    let mut load = Load::new(devices, topics, Seed(5), Faults::default(), Timestamp::milliseconds(SEVEN));
    let mut journal = Journal::create(&folder.join("journal")).expect("room");
    let mut said = Vec::new();
    while load.made() < messages {
        load.speak(Turn { due_us: 10_000 * load.made(), hot: 0.0 }, &mut said).expect("made-up devices speak");
    }
    load.rest(&mut said);
    let mut sent = Vec::new();
    for one in said {
        if let Some(emission) = &one.emission {
            journal.add(emission, &one.canonical);
        }
        sent.extend(one.payload.map(|payload| Message::new(one.topic, payload)));
    }
    (sent, journal.close(&folder.join("ledger")).expect("room"))
}

/// What was made of it.
struct Made {
    account: Account,
    /// Of the log, read once more.
    log: Result<Account, String>,
    rows: BTreeMap<(&'static str, String), Vec<u8>>,
    /// The first messages that the log still has, over all partitions.
    begins: u64,
    restarts: u32,
}

/// Puts messages into the log, lets workers take them who die after so many, and draws the balance. If they come `after`, the workers
/// begin when everything is in the log.
fn made(
    folder: &Path,
    equipment: &Equipment,
    (sent, ledger): (&[Message], &Ledger),
    dies: Option<i64>,
    after: bool,
) -> Made {
    let topics = std::sync::Arc::new(TopicMap::new("city"));
    let mut intake = Intake::open(folder, "test", &topics, None, equipment).expect("a log and stores");
    intake.batch_messages = 700;
    let partitions = intake.partitions();
    let append = || {
        for part in sent.chunks(500) {
            let mut lots: BTreeMap<u16, Vec<Message>> = BTreeMap::new();
            for message in part {
                lots.entry(partition_of(&message.topic, partitions)).or_default().push(message.clone());
            }
            for (partition, messages) in lots {
                intake.log.append(partition, messages).expect("acknowledged");
            }
        }
    };
    if after {
        append();
    }
    let supervision = Supervision::start(intake.services(dies)).expect("threads");
    if !after {
        append();
    }
    intake.end(Order::Finish, u32::from(partitions)).expect("to the end");
    drop(supervision);
    let mut rows = BTreeMap::new();
    for table in TABLES {
        let each = &mut |key: &str, json: &[u8]| {
            rows.insert((table, key.to_owned()), json.to_vec());
            ControlFlow::Continue(())
        };
        intake.stores.tables().scan(table, "", each).expect("can be read");
    }
    let schemas = SchemaBook::default();
    Made {
        account: audit::balance(ledger, &intake.stores, &schemas, None).expect("can be read").total,
        log: audit::balance_of_log(ledger, &*intake.log, &schemas, None)
            .map(|log| log.total)
            .map_err(|error| error.to_string()),
        rows,
        begins: (0..partitions).map(|partition| intake.log.begin(partition)).sum(),
        restarts: intake.board.restarts().values().sum(),
    }
}

/// A worker that dies is replaced by one that reads on from the checkpoint: no message is lost or there twice, and every window says
/// what it says where all of it lies in a folder and nobody dies.
#[test]
fn workers_that_die_make_of_a_topic_what_others_make_of_a_folder() {
    let brokers = std::env::var("CITYTWIN_TEST_KAFKA").expect("set CITYTWIN_TEST_KAFKA to host:port of a broker");
    let folder = tempfile::tempdir().expect("a folder");
    let (sent, ledger) = said(folder.path(), 12_000);
    let topic = format!("workers-{}", std::process::id());
    let equipment = kafka(brokers, &topic, 4);
    let on_topic = made(&folder.path().join("topic"), &equipment, (&sent, &ledger), Some(5_000), false);
    let in_folder = made(&folder.path().join("folder"), &Equipment::default(), (&sent, &ledger), None, false);
    assert_eq!(on_topic.restarts, 1, "a worker died");
    for made in [&on_topic, &in_folder] {
        assert!(made.account.closes() && made.account.stored == 12_000, "{:?}", made.account);
        assert_eq!(made.log.as_ref().map(|log| (log.closes(), log.stored)), Ok((true, 12_000)));
    }
    assert!(on_topic.rows.len() > 200, "a comparison of nothing: {}", on_topic.rows.len());
    assert_eq!(on_topic.rows, in_folder.rows);
    assert!(!Folders::of(&folder.path().join("topic")).log.exists(), "the topic is the log");
}

/// The brokers that come with librdkafka for tests drop what they have no room for, although they acknowledged it: the audit finds so
/// many messages missing as they dropped, and not one else.
#[test]
fn an_audit_finds_exactly_what_a_broker_lost() {
    let cluster = MockCluster::new(1).expect("a broker in this process");
    cluster.create_topic("city", 1, 1).expect("a topic");
    let folder = tempfile::tempdir().expect("a folder");
    let (sent, ledger) = said(folder.path(), 60_000);
    let made = made(folder.path(), &kafka(cluster.bootstrap_servers(), "city", 1), (&sent, &ledger), None, true);
    assert!(made.begins > 0, "it lost nothing");
    let lost = i64::try_from(made.begins).expect("few");
    assert_eq!((made.account.unexplained(), made.account.emitted), (lost, 60_000));
    assert_eq!((made.account.doubled, made.account.forged, made.account.damaged), (0, 0, 0));
    assert!(made.log.is_err_and(|trimmed| trimmed.contains("begins at message")));
}
