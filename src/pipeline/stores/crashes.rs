//! Whatever moment the process dies at, the stores end up as if it had not.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::batch::{Batch, Keeper, Quarantined, Row};
use super::conformance::{all_sorts, at, beat};
use super::error::StoreError;
use super::live::Area;
use super::whole::{Step, Stores};
use crate::telemetry::{ReadingKind, Record, json};

/// A partition's messages: every seventh is rubbish, the others are records in a muddled order.
pub(super) fn messages() -> Vec<Result<Record, Quarantined>> {
    let mut records = all_sorts(20).into_iter().enumerate().map(|(n, mut record)| {
        record.sequence = n as u64;
        record
    });
    let rubbish = |offset| Quarantined {
        partition: 0,
        offset,
        topic: String::from("gps_data/gps-1"),
        payload: vec![1, 2, 3],
        reason: String::from("not_a_record"),
        sentence: String::from("not a record"),
    };
    let mut messages = Vec::new();
    loop {
        let offset = messages.len() as u64;
        if offset % 7 == 3 {
            messages.push(Err(rubbish(offset)));
        } else {
            let Some(record) = records.next() else { return messages };
            messages.push(Ok(record));
        }
    }
}

/// What operators make of messages `from..to`: the rows count, so that one kept twice would show.
pub(super) fn batch(messages: &[Result<Record, Quarantined>], from: usize, to: usize) -> Batch {
    let range = &messages[from..to];
    let row =
        |n: usize| Row { table: "tens".into(), key: format!("{:03}", n / 10), json: format!("{{\"n\":{n}}}").into() };
    Batch {
        partition: 0,
        from: from as u64,
        to: to as u64,
        records: range.iter().filter_map(|message| message.as_ref().ok()).cloned().collect(),
        quarantined: range.iter().filter_map(|message| message.as_ref().err()).cloned().collect(),
        rows: (from..to).map(row).collect(),
        state: to.to_string().into_bytes(),
        watermark: Some(at(i64::try_from(to).expect("small"))),
    }
}

/// Keeps everything from where the stores stand, in batches of `size`.
pub(super) fn keep_rest(
    stores: &Stores,
    messages: &[Result<Record, Quarantined>],
    size: usize,
) -> Result<(), StoreError> {
    let resume = stores.resume(0)?;
    let mut from = resume.as_ref().map_or(0, |at| usize::try_from(at.next_offset).expect("small"));
    if let Some(resume) = resume {
        assert_eq!(resume.state, from.to_string().into_bytes(), "state and offset belong together");
    }
    while from < messages.len() {
        let to = (from + size).min(messages.len());
        stores.keep(&batch(messages, from, to))?;
        from = to;
    }
    Ok(())
}

/// Everything that is in the stores, as lines.
pub(super) fn content(stores: &Stores) -> Vec<String> {
    let mut lines = Vec::new();
    for &kind in ReadingKind::ALL {
        let mut line = |name: &str, record: &Record| {
            let mut bytes = Vec::new();
            json::encode(record, &mut bytes);
            lines.push(format!("{name} {}", String::from_utf8_lossy(&bytes)));
            ControlFlow::Continue(())
        };
        stores.scan(kind, &mut |record| line("history", &record)).expect("can be read");
        stores.live().scan(kind, &Area::Everywhere, &mut |record| line("live", &record)).expect("can be read");
    }
    for table in stores.tables().names().expect("can be read") {
        let mut row = |key: &str, json: &[u8]| {
            lines.push(format!("{table} {key} {}", String::from_utf8_lossy(json)));
            ControlFlow::Continue(())
        };
        stores.tables().scan(&table, "", &mut row).expect("can be read");
    }
    let mut kept = |message| {
        lines.push(format!("{message:?}"));
        ControlFlow::Continue(())
    };
    stores.quarantine().scan(&mut kept).expect("can be read");
    lines.push(format!("{:?} {:?}", stores.quarantine().totals().expect("can be read"), stores.live().clock()));
    lines.sort();
    lines
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("can be made");
    for entry in fs::read_dir(from).expect("can be read") {
        let entry = entry.expect("can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("can be copied");
        }
    }
}

/// Keeps everything and merges it, and takes an image of the folder after every step, as a crash would leave it.
fn images(folder: &Path, messages: &[Result<Record, Quarantined>]) -> Vec<(Step, std::path::PathBuf)> {
    let mut stores = Stores::open(&folder.join("stores")).expect("a fresh folder");
    let taken = Arc::new(Mutex::new(Vec::new()));
    let (shared, root) = (Arc::clone(&taken), folder.to_owned());
    stores.hook = Some(Box::new(move |step| {
        let mut taken = shared.lock().expect("one thread");
        let image = root.join(format!("image-{}", taken.len()));
        copy(&root.join("stores"), &image);
        taken.push((step, image));
        Ok(())
    }));
    keep_rest(&stores, messages, 100).expect("can be kept");
    stores.compact().expect("can be merged");
    drop(stores);
    Arc::into_inner(taken).expect("the hook is gone").into_inner().expect("one thread")
}

/// Every file of a folder below `root`, with its bytes.
fn files_below(root: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(root).expect("can be read") {
        let path = entry.expect("can be read").path();
        if path.is_dir() {
            let below = path.file_name().expect("a name").to_string_lossy().into_owned();
            let inside = files_below(&path).into_iter().map(|(name, bytes)| (format!("{below}/{name}"), bytes));
            files.extend(inside);
        } else {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            files.insert((name, fs::read(&path).expect("can be read")));
        }
    }
    files
}

#[test]
fn killed_after_any_step_and_started_again_with_other_batches_nothing_is_lost_or_doubled() {
    let messages = messages();
    let quiet = Stores::in_memory();
    keep_rest(&quiet, &messages, 1000).expect("can be kept");
    let expected = content(&quiet);
    assert!(expected.len() > 300);
    let folder = tempfile::tempdir().expect("a folder");
    let images = images(folder.path(), &messages);
    let whole = Stores::open(&folder.path().join("stores")).expect("nothing happened to it");
    assert_eq!(content(&whole), expected);
    let whole_files = files_below(&folder.path().join("stores/history"));
    let mut seen: Vec<Step> = Vec::new();
    for (step, image) in images {
        if !seen.contains(&step) {
            seen.push(step);
        }
        for size in [37, 250] {
            let again = folder.path().join("again");
            copy(&image, &again);
            let stores = Stores::open(&again).expect("a crash leaves what can be opened");
            keep_rest(&stores, &messages, size).expect("can be kept");
            assert!(content(&stores) == expected, "died after {step:?}, then batches of {size}");
            if size > 100 {
                stores.compact().expect("can be merged");
                assert!(
                    files_below(&again.join("history")) == whole_files,
                    "equal content, equal files; died after {step:?}"
                );
            }
            drop(stores);
            fs::remove_dir_all(&again).expect("can be removed");
        }
    }
    assert_eq!(seen.len(), 8, "every step was died after: {seen:?}");
}

/// A listener that keeps a batch every few seconds for weeks must not fill its folder with files.
#[test]
fn pieces_stay_few_and_hold_the_same_however_often_batches_are_kept() {
    let said = |n: u64| beat(["dev-1", "dev-2"][usize::from(n.is_multiple_of(3))], n, i64::try_from(n).expect("small"));
    let messages: Vec<Result<Record, Quarantined>> = (0..300).map(|n| Ok(said(n))).collect();
    let (plain, tidied) = (Stores::in_memory(), Stores::in_memory());
    for stores in [&plain, &tidied] {
        keep_rest(stores, &messages, 1).expect("can be kept");
    }
    while tidied.tidy().expect("can be merged") {}
    assert!(content(&tidied) == content(&plain), "nothing is lost or doubled");
    let pieces = |stores: &Stores| stores.pieces().expect("can be read");
    let (many, few) = (pieces(&plain).len(), pieces(&tidied).len());
    // One merged twice, two merged once and the last twelve.
    assert_eq!((many, few), (300, 15));
    for stores in [&plain, &tidied] {
        stores.compact().expect("can be merged");
    }
    assert_eq!(pieces(&plain), pieces(&tidied), "equal content, equal pieces");
}

#[test]
fn a_step_that_fails_leaves_the_partition_where_it_was_and_may_be_tried_again() {
    let messages = messages();
    let quiet = Stores::in_memory();
    keep_rest(&quiet, &messages, 1000).expect("can be kept");
    for embedded in [false, true] {
        for failing in [Step::History, Step::Records, Step::Live, Step::Tables, Step::Quarantine, Step::Checkpoint] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut stores =
                if embedded { Stores::open(folder.path()).expect("a fresh folder") } else { Stores::in_memory() };
            let failures = Mutex::new(3);
            stores.hook = Some(Box::new(move |step| {
                let mut left = failures.lock().expect("one thread");
                if step == failing && *left > 0 {
                    *left -= 1;
                    return Err(StoreError::Full("disk".into()));
                }
                Ok(())
            }));
            for size in [50, 20, 90] {
                let error = keep_rest(&stores, &messages, size).expect_err("the step fails");
                assert!(error.to_string().contains("make room and start again"), "{error}");
            }
            keep_rest(&stores, &messages, 64).expect("there is room again");
            assert!(content(&stores) == content(&quiet), "failed at {failing:?}");
        }
    }
}

#[test]
fn a_batch_that_is_not_the_next_one_or_breaks_a_limit_is_refused_whole() {
    let messages = messages();
    let folder = tempfile::tempdir().expect("a folder");
    for stores in [Stores::in_memory(), Stores::open(folder.path()).expect("a fresh folder")] {
        stores.keep(&batch(&messages, 0, 50)).expect("the first");
        let before = content(&stores);
        for (from, to) in [(0, 50), (0, 60), (40, 60), (51, 60)] {
            let refused = stores.keep(&batch(&messages, from, to)).expect_err("not the next");
            assert!(matches!(refused, StoreError::OutOfOrder { next: 50, .. }), "{refused}");
        }
        let spoil: [fn(&mut Batch); 6] = [
            |batch| batch.rows[0].table = String::from("../etc"),
            |batch| batch.rows[0].key = String::new(),
            |batch| batch.rows[0].json = vec![b' '; 70_000],
            |batch| batch.quarantined[0].offset = 90,
            |batch| batch.to = batch.from,
            |batch| batch.records = vec![batch.records[0].clone(); 91],
        ];
        for spoil in spoil {
            let mut bad = batch(&messages, 50, 90);
            spoil(&mut bad);
            let refused = stores.keep(&bad).expect_err("breaks a limit");
            assert!(matches!(refused, StoreError::BadBatch { .. }), "{refused}");
        }
        assert_eq!(content(&stores), before);
    }
}

/// A message that is held back comes in one batch and is decided on in another.
#[test]
fn a_batch_takes_what_was_held_back_from_earlier_ones() {
    let messages = messages();
    let folder = tempfile::tempdir().expect("a folder");
    for stores in [Stores::in_memory(), Stores::open(folder.path()).expect("a fresh folder")] {
        let (first, mut second) = (batch(&messages, 0, 50), batch(&messages, 50, 60));
        let (mut early, mut late) = (first.clone(), batch(&messages, 60, 61));
        let held = early.records.split_off(early.records.len() - 20);
        second.records.splice(0..0, held);
        late.quarantined = std::mem::take(&mut early.quarantined);
        for batch in [&early, &second, &late] {
            stores.keep(batch).expect("it breaks no limit");
        }
        let rows: u64 = stores.pieces().expect("can be read").iter().map(|piece| piece.rows).sum();
        let all = [&early, &second, &late].map(|batch| batch.records.len() as u64);
        assert_eq!(rows, all.iter().sum::<u64>());
        assert_eq!(stores.quarantine().totals().expect("can be read").messages(), {
            let kept = [&early, &second, &late].map(|batch| batch.quarantined.len() as u64);
            kept.iter().sum::<u64>()
        });
    }
}

#[test]
fn nobody_takes_over_stores_that_are_somebody_elses() {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = Stores::open(folder.path()).expect("a fresh folder");
    stores.claim("morning, seed 1").expect("nobody's yet");
    let second = Stores::open(folder.path()).expect_err("the first is still there");
    assert!(matches!(second, StoreError::InUse(_)), "{second}");
    drop(stores);
    let again = Stores::open(folder.path()).expect("the first is gone");
    again.claim("morning, seed 1").expect("its own");
    let refused = again.claim("morning, seed 2").expect_err("another run").to_string();
    assert!(refused.contains("seed 1") && refused.contains("seed 2") && refused.contains("another run"), "{refused}");
    drop(again);
    fs::write(folder.path().join("stores.redb"), b"something else").expect("can be written");
    Stores::open(folder.path()).expect_err("no database");
}

#[test]
fn workers_of_several_partitions_share_the_stores() {
    let messages = messages();
    let folder = tempfile::tempdir().expect("a folder");
    let stores = Stores::open(folder.path()).expect("a fresh folder");
    std::thread::scope(|scope| {
        for partition in 0..4_u16 {
            let (stores, messages) = (&stores, &messages);
            scope.spawn(move || {
                for from in (0..200).step_by(50) {
                    let mut batch = batch(messages, from, from + 50);
                    batch.partition = partition;
                    batch.quarantined.iter_mut().for_each(|message| message.partition = partition);
                    stores.keep(&batch).expect("can be kept");
                }
            });
        }
    });
    let once = messages[..200].iter().filter(|message| message.is_ok()).count();
    let kept = content(&stores);
    assert_eq!(kept.iter().filter(|line| line.starts_with("history")).count(), 4 * once);
    assert_eq!(stores.quarantine().totals().expect("can be read").kept, 4 * (200 - once as u64));
    assert!((0..4).all(|partition| stores.resume(partition).expect("can be read").expect("kept").next_offset == 200));
}
