//! What a crash, a full disk and a damaged file do to the log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use proptest::prelude::*;

pub(in super::super) use super::disk::faulty::Faults;
use super::disk::faulty::FaultyDisk;
use super::*;
use crate::pipeline::transport::conformance;

fn options(partitions: u16) -> LogOptions {
    LogOptions { commit_delay: Duration::ZERO, ..LogOptions::new(partitions) }
}

/// A log on a disk that fails as told.
pub(in super::super) fn faulty_log(folder: &Path, partitions: u16) -> (DurableLog, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let disk = Arc::new(FaultyDisk(Arc::clone(&faults)));
    (DurableLog::open_on(disk, folder, options(partitions)).unwrap(), faults)
}

fn message(number: usize) -> Message {
    Message::new(format!("city/veh-{}", number % 50), format!("{number}: {}", "x".repeat(number % 90)))
}

fn all(log: &DurableLog, partition: u16) -> Vec<Message> {
    log.read(partition, log.begin(partition), usize::MAX, usize::MAX).unwrap().into_iter().map(|l| l.message).collect()
}

/// A folder as a `kill -9` leaves it: what is in the files at this moment.
fn as_killed(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for partition in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let to = copy.path().join(partition.file_name());
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(partition.path()).unwrap().flatten() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    copy
}

fn only_segment(folder: &Path) -> PathBuf {
    folder.join("partition-0000").join(segment_name(0))
}

#[test]
fn it_keeps_what_every_bus_promises() {
    let folder = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    conformance::run(&|partitions| {
        next.set(next.get() + 1);
        Box::new(DurableLog::open(&folder.path().join(next.get().to_string()), options(partitions)).unwrap())
    });
}

#[test]
fn it_keeps_what_every_bus_promises_in_small_segments() {
    let folder = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    conformance::run(&|partitions| {
        next.set(next.get() + 1);
        let options = LogOptions { segment_bytes: 3000, ..options(partitions) };
        Box::new(DurableLog::open(&folder.path().join(next.get().to_string()), options).unwrap())
    });
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = LogOptions { segment_bytes: 2000, ..options(2) };
    let log = DurableLog::open(folder.path(), sizes.clone()).unwrap();
    let mut expected = [Vec::new(), Vec::new()];
    for round in 0..40_u16 {
        let partition = round % 2;
        let batch: Vec<Message> = (0..usize::from(round)).map(message).collect();
        log.append(partition, batch.clone()).unwrap();
        expected[usize::from(partition)].extend(batch);
    }
    let killed = as_killed(folder.path());
    let again = DurableLog::open(killed.path(), sizes).unwrap();
    assert!(fs::read_dir(killed.path().join("partition-0001")).unwrap().count() > 5, "over several segments");
    for partition in 0..2 {
        assert_eq!(all(&again, partition), expected[usize::from(partition)]);
    }
    assert_eq!(again.stats().bytes_torn, 0);
    let next = again.end(1);
    assert_eq!(again.append(1, vec![message(7)]).unwrap(), next..next + 1, "and goes on where it stopped");
}

/// Appends batches and notes, after each, the file's length and the messages durable by then.
fn written(folder: &Path, batches: &[usize]) -> (Vec<u8>, BTreeMap<usize, usize>) {
    let log = DurableLog::open(folder, options(1)).unwrap();
    let path = only_segment(folder);
    let mut durable = BTreeMap::from([(0, 0)]);
    let mut count = 0;
    for batch in batches {
        log.append(0, (count..count + batch).map(message).collect()).unwrap();
        count += batch;
        durable.insert(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap(), count);
    }
    (fs::read(&path).unwrap(), durable)
}

/// Opens a log whose only segment holds these bytes.
fn opened(bytes: &[u8]) -> (tempfile::TempDir, Result<DurableLog, BusError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = only_segment(folder.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    let log = DurableLog::open(folder.path(), options(1));
    (folder, log)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A crash may cut the file anywhere behind the last sync: everything acknowledged by then is there, in order, and the
    /// log goes on behind it.
    #[test]
    fn a_torn_tail_costs_nothing_acknowledged(
        batches in prop::collection::vec(1_usize..30, 1..8),
        cut in 0.0_f64..1.0,
        garbage in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (bytes, durable) = written(folder.path(), &batches);
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a small file")]
        let cut = (cut * (bytes.len() + 1) as f64) as usize;
        let expected = *durable.range(..=cut).next_back().unwrap().1;
        let (again, log) = opened(&[&bytes[..cut], &garbage].concat());
        let log = log.unwrap();
        prop_assert_eq!(all(&log, 0), (0..expected).map(message).collect::<Vec<_>>());
        prop_assert_eq!(log.append(0, vec![message(1)]).unwrap().start, expected as u64);
        drop(log);
        let log = DurableLog::open(again.path(), options(1)).unwrap();
        prop_assert_eq!(log.end(0), expected as u64 + 1);
        prop_assert_eq!(log.stats().bytes_torn, 0, "the tail was cut the first time");
    }

    /// One flipped bit is either found, with its file and place, or lies in the last commit, which is then taken for torn.
    /// It is never read as if nothing had happened.
    #[test]
    fn a_flipped_bit_is_never_read(batches in prop::collection::vec(1_usize..30, 2..8), at in any::<prop::sample::Index>(), bit in 0..8) {
        let folder = tempfile::tempdir().unwrap();
        let (mut bytes, durable) = written(folder.path(), &batches);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let ends: Vec<usize> = durable.keys().copied().collect();
        let last = ends[ends.len() - 2];
        match opened(&bytes).1 {
            Err(BusError::Damaged { path, position, .. }) => {
                prop_assert!(at < last && position <= at as u64, "found at {} what lies at {}", position, at);
                prop_assert!(path.ends_with(segment_name(0)));
            }
            Err(other) => prop_assert!(false, "{}", other),
            Ok(log) => {
                prop_assert!(at >= last, "a flip at {} of {} was not found", at, bytes.len());
                prop_assert_eq!(all(&log, 0), (0..durable[&last]).map(message).collect::<Vec<_>>());
            }
        }
    }
}

/// A client's payload may look like the log's own frames; it must not pass for them.
#[test]
fn a_payload_that_looks_like_a_frame_does_not_stop_recovery() {
    let mut forged = Vec::new();
    frame::encode([message(1)].iter(), 5, &mut forged);
    let mut bytes = frame::segment_head(0).to_vec();
    frame::encode([Message::new("evil", forged)].iter(), 0, &mut bytes);
    let whole = bytes.len();
    bytes[whole - 1] ^= 1;
    let (_folder, log) = opened(&bytes);
    assert_eq!(log.unwrap().end(0), 0, "a torn commit, not damage");
}

#[test]
fn damage_in_an_earlier_segment_is_told_by_whoever_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = LogOptions { segment_bytes: 2000, ..options(1) };
    let log = DurableLog::open(folder.path(), sizes.clone()).unwrap();
    for number in 0..60 {
        log.append(0, vec![message(number)]).unwrap();
    }
    drop(log);
    let path = only_segment(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[900] ^= 4;
    fs::write(&path, bytes).unwrap();
    let log = DurableLog::open(folder.path(), sizes).unwrap();
    let error = log.read(0, 0, usize::MAX, usize::MAX).unwrap_err();
    assert!(
        matches!(&error, BusError::Damaged { path: named, position, .. } if *named == path && (500..=900).contains(position)),
        "{error}"
    );
    let behind = log.shared.lane(0).unwrap().segments[1].base;
    assert_eq!(log.read(0, behind, 1, 1).unwrap()[0].offset, behind, "what lies behind can be read");
}

#[test]
fn a_full_disk_stops_the_log_with_a_sentence_and_costs_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (log, faults) = faulty_log(folder.path(), 2);
    log.append(0, (0..20).map(message).collect()).unwrap();
    log.append(1, (0..5).map(message).collect()).unwrap();
    faults.room(Some(100));
    let error = log.append(0, (20..40).map(message).collect()).unwrap_err();
    assert!(error.is_final());
    let told = error.to_string();
    assert!(told.contains("the disk is full; make room and start again") && told.contains("partition-0000"), "{told}");
    faults.room(None);
    let refused = log.append(1, vec![message(1)]).unwrap_err().to_string();
    assert!(refused.contains("the log has stopped") && refused.contains("disk is full"), "{refused}");
    assert_eq!(all(&log, 0).len(), 20, "readers go on");
    drop(log);
    let again = DurableLog::open(folder.path(), options(2)).unwrap();
    assert_eq!(all(&again, 0), (0..20).map(message).collect::<Vec<_>>());
    assert_eq!(again.stats().bytes_torn, 0, "the file was cut back at once");
    assert_eq!(again.append(0, vec![message(20)]).unwrap(), 20..21);
}

#[test]
fn a_full_disk_when_a_segment_begins_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let disk = Arc::new(FaultyDisk(Arc::clone(&faults)));
    let sizes = LogOptions { segment_bytes: 1000, ..options(1) };
    let log = DurableLog::open_on(disk, folder.path(), sizes.clone()).unwrap();
    log.append(0, (0..10).map(message).collect()).unwrap();
    faults.room(Some(0));
    assert!(log.append(0, (10..30).map(message).collect()).unwrap_err().to_string().contains("the disk is full"));
    drop(log);
    assert_eq!(fs::read_dir(folder.path().join("partition-0000")).unwrap().count(), 1);
    let again = DurableLog::open(folder.path(), sizes).unwrap();
    assert_eq!(all(&again, 0), (0..10).map(message).collect::<Vec<_>>());
}

#[test]
fn a_failing_sync_acknowledges_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (log, faults) = faulty_log(folder.path(), 1);
    log.append(0, vec![message(0)]).unwrap();
    faults.fail_syncs();
    assert!(log.append(0, vec![message(1)]).unwrap_err().to_string().contains("cannot make durable"));
    assert_eq!(log.end(0), 1);
    drop(log);
    assert_eq!(DurableLog::open(folder.path(), options(1)).unwrap().end(0), 1);
}

#[test]
fn nothing_is_acknowledged_or_shown_before_its_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (log, faults) = faulty_log(folder.path(), 1);
    faults.hold_syncs(true);
    let (told, hear) = mpsc::channel();
    log.submit(0, vec![message(0)], Box::new(move |result| told.send(result).unwrap()));
    faults.wait_until_held();
    assert!(hear.try_recv().is_err());
    assert_eq!(log.read(0, 0, 10, 1000).unwrap(), []);
    assert_eq!(log.end(0), 0);
    faults.hold_syncs(false);
    assert_eq!(hear.recv().unwrap().unwrap(), 0..1);
    assert_eq!(all(&log, 0), [message(0)]);
}

#[test]
fn many_waiting_batches_share_one_sync() {
    let folder = tempfile::tempdir().unwrap();
    let (log, faults) = faulty_log(folder.path(), 1);
    faults.hold_syncs(true);
    let (told, hear) = mpsc::channel();
    let submit = |number: usize| {
        let told = told.clone();
        log.submit(0, vec![message(number)], Box::new(move |result| told.send(result.unwrap()).unwrap()));
    };
    submit(0);
    faults.wait_until_held();
    (1..100).for_each(submit);
    faults.hold_syncs(false);
    let ranges: Vec<_> = hear.iter().take(100).collect();
    assert_eq!(ranges, (0..100).map(|offset| offset..offset + 1).collect::<Vec<_>>());
    assert_eq!(log.stats().commits, 2);
}

#[test]
fn a_log_that_nobody_writes_out_refuses_at_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Arc::new(Faults::default());
    let disk = Arc::new(FaultyDisk(Arc::clone(&faults)));
    let sizes = LogOptions { queue_bytes_max: 1000, ..options(1) };
    let log = DurableLog::open_on(disk, folder.path(), sizes).unwrap();
    faults.hold_syncs(true);
    log.submit(0, vec![message(0)], Box::new(|_| ()));
    faults.wait_until_held();
    let (told, hear) = mpsc::channel();
    for _ in 0..4 {
        let told = told.clone();
        log.submit(0, vec![Message::new("t", vec![0; 400])], Box::new(move |result| told.send(result).unwrap()));
    }
    assert!(matches!(hear.recv().unwrap(), Err(BusError::Busy { limit: 1000 })));
    faults.hold_syncs(false);
    drop(log);
    drop(told);
    let rest: Vec<bool> = hear.iter().map(|result| result.is_ok()).collect();
    assert_eq!(rest.iter().filter(|taken| **taken).count(), 2, "{rest:?}");
}

#[test]
fn a_log_at_its_limit_makes_room_only_from_what_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = LogOptions { bytes_max: 8000, segment_bytes: 1000, ..options(1) };
    let log = DurableLog::open(folder.path(), sizes).unwrap();
    let mut appended = 0;
    let full = loop {
        match log.append(0, vec![message(appended)]) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, BusError::Full { limit: 8000, .. }) && !full.is_final(), "{full}");
    assert!(appended > 30);
    assert_eq!((log.begin(0), log.end(0)), (0, appended as u64));
    log.release(0, 20);
    log.append(0, vec![message(appended)]).unwrap();
    assert!((1..=20).contains(&log.begin(0)), "whole segments up to what is released: {}", log.begin(0));
    assert!(log.stats().segments_removed > 0);
    let on_disk: u64 = fs::read_dir(folder.path().join("partition-0000"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(on_disk <= 8000);
    assert!(matches!(log.read(0, 0, 1, 1), Err(BusError::Gone { .. })));
}

#[test]
fn a_second_process_is_told_that_the_log_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let log = DurableLog::open(folder.path(), options(1)).unwrap();
    let error = DurableLog::open(folder.path(), options(1)).unwrap_err();
    assert!(matches!(error, BusError::Locked { .. }), "{error}");
    drop(log);
    DurableLog::open(folder.path(), options(1)).unwrap();
}

#[test]
fn another_number_of_partitions_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    DurableLog::open(folder.path(), options(3)).unwrap().append(2, vec![message(0)]).unwrap();
    for asked in [2, 4] {
        let error = DurableLog::open(folder.path(), options(asked)).unwrap_err();
        assert!(matches!(error, BusError::Partitions { found: 3, .. }), "{error}");
    }
    assert_eq!(DurableLog::open(folder.path(), options(3)).unwrap().end(2), 1);
}

#[test]
fn a_crash_between_two_segments_leaves_an_empty_one_that_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let log = DurableLog::open(folder.path(), options(1)).unwrap();
    log.append(0, (0..9).map(message).collect()).unwrap();
    drop(log);
    for head in [&b""[..], b"ctwn"] {
        fs::write(folder.path().join("partition-0000").join(segment_name(9)), head).unwrap();
        let log = DurableLog::open(folder.path(), options(1)).unwrap();
        assert_eq!((log.end(0), log.stats().bytes_torn), (9, head.len() as u64));
    }
}
