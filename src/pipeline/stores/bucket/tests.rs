//! Several processes in one bucket, whatever breaks under them: what counts is what one of them alone would have made in quiet.

mod large;
mod rows;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::city::{City, Edited};
use super::sweep::YOUNG;
use super::{Bucket, BucketCheckpoints, BucketQuarantine, BucketTables};
use crate::pipeline::stores::conformance::{
    at, beat, checkpoints_suite, history_suite, quarantine_suite, tables_suite,
};
use crate::pipeline::stores::crashes::{batch, content, keep_rest, messages};
use crate::pipeline::stores::history::BucketHistory;
use crate::pipeline::stores::quarantine::{PAYLOAD_MAX, QuarantineSettings};
use crate::pipeline::stores::tables::MemoryTables;
use crate::pipeline::stores::{Batch, Keeper as _, Quarantined, Row, StoreError, StoreSettings, Stores};
use crate::primitives::random::Seed;
use crate::telemetry::{ReadingKind, Record};

type Messages = Vec<Result<Record, Quarantined>>;

fn city(bucket: &Arc<Bucket>) -> Arc<City> {
    City::open(bucket, Box::new(|| Ok(Box::<MemoryTables>::default())), None).expect("it answers")
}

fn opened(bucket: &Arc<Bucket>) -> Stores {
    Stores::on(bucket, StoreSettings::default()).expect("it answers")
}

/// Another process with the same bucket.
fn another(bucket: &Bucket) -> (Arc<Bucket>, Stores) {
    let bucket = Arc::new(bucket.beside());
    let stores = opened(&bucket);
    (bucket, stores)
}

/// Runs the suites of every trait on a bucket of its own each.
pub(in crate::pipeline::stores) fn suites(fresh: impl Fn() -> Arc<Bucket>) {
    checkpoints_suite(&BucketCheckpoints::new(&city(&fresh())));
    tables_suite(&BucketTables::new(&city(&fresh())));
    let settings = QuarantineSettings { bytes: PAYLOAD_MAX as u64 + 20, messages: 4 };
    quarantine_suite(&BucketQuarantine::new(&city(&fresh()), settings));
    history_suite(&BucketHistory::new(&fresh(), std::env::temp_dir()));
    fresh().probe().expect("it lets one of two writers win");
}

#[test]
fn a_bucket_keeps_what_every_store_promises() {
    suites(|| Arc::new(Bucket::in_memory()));
}

/// What everything comes to when nobody dies: in memory, one after another.
fn quiet(messages: &Messages) -> Vec<String> {
    let stores = Stores::in_memory();
    finished(&stores, messages, 1000)
}

/// Keeps the rest, and a batch of nothing behind it, so that a live state that was lost is there again.
fn finished(stores: &Stores, messages: &Messages, size: usize) -> Vec<String> {
    keep_rest(stores, messages, size).expect("can be kept");
    stores.keep(&batch(messages, messages.len(), messages.len())).expect("can be kept");
    content(stores)
}

fn few(count: usize) -> Messages {
    messages().into_iter().take(count).collect()
}

fn dead(bucket: &Bucket) -> StoreError {
    StoreError::Away { part: "history", place: bucket.place().to_owned(), reason: String::from("the test says so") }
}

/// Lets so many operations on objects pass, and none after them.
fn dies_after(bucket: &Arc<Bucket>, count: usize) -> Arc<AtomicUsize> {
    let done = Arc::new(AtomicUsize::new(0));
    let (counter, error) = (Arc::clone(&done), Arc::downgrade(bucket));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |_, _| {
        if counter.fetch_add(1, Ordering::SeqCst) < count {
            return Ok(());
        }
        Err(dead(&error.upgrade().expect("it is asked")))
    }));
    done
}

#[test]
fn dead_before_or_after_any_object_was_written_the_next_process_makes_the_same() {
    let messages = few(36);
    let expected = quiet(&messages);
    let whole = {
        let bucket = Arc::new(Bucket::in_memory());
        let stores = opened(&bucket);
        let count = dies_after(&bucket, usize::MAX);
        keep_rest(&stores, &messages, 12).expect("can be kept");
        stores.compact().expect("can be merged");
        count.load(Ordering::SeqCst)
    };
    assert!(whole > 50, "{whole} operations");
    for count in (0..whole).step_by(1 + whole / 150) {
        let bucket = Arc::new(Bucket::in_memory());
        let stores = opened(&bucket);
        dies_after(&bucket, count);
        let died = keep_rest(&stores, &messages, 12).and_then(|()| stores.compact()).expect_err("it dies");
        assert!(died.is_passing(), "{died}");
        let (_, next) = another(&bucket);
        assert!(finished(&next, &messages, 7) == expected, "died after {count} of {whole} operations");
        next.compact().expect("can be merged");
        assert!(content(&next) == expected, "died after {count} of {whole} operations, then merged");
    }
}

#[test]
fn of_two_who_work_on_one_partition_one_wins_and_nothing_is_there_twice() {
    let messages = messages();
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    first.keep(&batch(&messages, 0, 50)).expect("the first");
    // Believed dead, and knows nothing of it yet.
    for to in [50, 60] {
        let refused = second.keep(&batch(&messages, 0, to)).expect_err("somebody else has it");
        assert!(matches!(refused, StoreError::OutOfOrder { from: 0, next: 50, .. }), "{refused}");
    }
    second.keep(&batch(&messages, 50, 80)).expect("where it stands");
    let refused = first.keep(&batch(&messages, 50, 70)).expect_err("somebody else has it");
    assert!(matches!(refused, StoreError::OutOfOrder { next: 80, .. }), "{refused}");
    // Between what was written and what counts: the other is faster by a moment.
    let moment = Mutex::new(Some((second, batch(&messages, 80, 90))));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        if what == "before swap"
            && let Some((second, batch)) = moment.lock().expect("sound").take()
        {
            second.keep(&batch).expect("it is faster");
        }
        Ok(())
    }));
    let refused = first.keep(&batch(&messages, 80, 120)).expect_err("the other was faster");
    assert!(matches!(refused, StoreError::OutOfOrder { from: 80, next: 90, .. }), "{refused}");
    assert_eq!(first.resume(0).expect("it answers").map(|at| at.next_offset), Some(90));
    keep_rest(&first, &messages, 33).expect("it has the partition");
    // Live state here is each process's own: a third one reads all last words from the history.
    assert!(finished(&another(&bucket).1, &messages, 33) == quiet(&messages));
}

#[test]
fn a_checkpoint_whose_answer_was_lost_is_not_made_twice() {
    let messages = messages();
    let bucket = Arc::new(Bucket::in_memory());
    let stores = opened(&bucket);
    let lost = Arc::new(Mutex::new(0));
    let (counter, error) = (Arc::clone(&lost), Arc::downgrade(&bucket));
    // Every second answer is lost: half of the checkpoints count and nobody is told.
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        if what != "after swap" {
            return Ok(());
        }
        let mut count = counter.lock().expect("sound");
        *count += 1;
        if *count % 2 == 1 { Err(dead(&error.upgrade().expect("it is asked"))) } else { Ok(()) }
    }));
    let mut from = 0;
    while from < messages.len() {
        let to = (from + 40).min(messages.len());
        while let Err(error) = stores.keep(&batch(&messages, from, to)) {
            assert!(error.is_passing(), "{error}");
        }
        from = to;
    }
    assert!(*lost.lock().expect("sound") > 5, "nothing was lost");
    *bucket.gate.lock().expect("sound") = None;
    assert!(finished(&stores, &messages, 40) == quiet(&messages));
}

/// A proxy loses the answer to the next change and another process changes something; the repetition is refused.
fn repeat_the_next_change(bucket: &Arc<Bucket>, meanwhile: impl Fn() + Send + Sync + 'static) {
    let (left, error) = (AtomicUsize::new(1), Arc::downgrade(bucket));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        if what == "repeated swap" && left.swap(0, Ordering::SeqCst) == 1 {
            meanwhile();
            return Err(dead(&error.upgrade().expect("it is asked")));
        }
        Ok(())
    }));
}

/// The answer to the next change is lost.
fn lose_the_next_answer(bucket: &Arc<Bucket>) {
    let (left, error) = (AtomicUsize::new(1), Arc::downgrade(bucket));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        if what == "after swap" && left.swap(0, Ordering::SeqCst) == 1 {
            return Err(dead(&error.upgrade().expect("it is asked")));
        }
        Ok(())
    }));
}

/// A storm: processes take partitions from each other at any moment, merge, die, and lose answers; the seed is said if it fails.
#[test]
#[expect(clippy::too_many_lines, reason = "one storm")]
fn however_partitions_wander_between_processes_each_message_counts_once() {
    let messages = few(80);
    let of = |partition: u16, from: usize, to: usize| {
        let mut batch = batch(&messages, from, to);
        batch.partition = partition;
        batch.quarantined.iter_mut().for_each(|message| message.partition = partition);
        batch.rows.iter_mut().for_each(|row| row.key = format!("{partition}/{}", row.key));
        batch
    };
    let calm = Stores::in_memory();
    for partition in 0..3 {
        calm.keep(&of(partition, 0, messages.len())).expect("memory is always there");
    }
    let expected = content(&calm);
    for seed in 0..12_u64 {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ Seed(seed).0.rotate_left(17);
        let mut throw = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let origin = Bucket::in_memory();
        let mut processes: Vec<(Arc<Bucket>, Stores, [usize; 3])> = Vec::new();
        let mut refused = 0;
        for step in 0.. {
            assert!(step < 5_000, "it does not end; seed {seed}");
            while processes.len() < 3 {
                let (bucket, stores) = another(&origin);
                processes.push((bucket, stores, [0; 3]));
            }
            let who = usize::try_from(throw(3)).expect("small");
            let which = u16::try_from(throw(3)).expect("small");
            let (bucket, stores, known) = &mut processes[who];
            let from = known[usize::from(which)];
            let to = (from + 1 + usize::try_from(throw(30)).expect("small")).min(messages.len());
            match throw(12) {
                0 => drop(processes.remove(who)),
                1 => drop(stores.tidy().inspect_err(|error| assert!(error.is_passing(), "{error}; seed {seed}"))),
                2 => drop(stores.compact().inspect_err(|error| assert!(error.is_passing(), "{error}; seed {seed}"))),
                3 => lose_the_next_answer(bucket),
                4 => {
                    let other = city(&Arc::new(origin.beside()));
                    repeat_the_next_change(bucket, move || {
                        let _turn = other.turn();
                        other.change(&mut |_| Ok(Edited::Changed)).expect("it is faster");
                    });
                }
                _ if from < messages.len() => match stores.keep(&of(which, from, to)) {
                    Ok(()) => known[usize::from(which)] = to,
                    Err(StoreError::OutOfOrder { next, .. }) => {
                        refused += 1;
                        let at = stores.resume(which).expect("it answers").expect("kept");
                        assert!(at.next_offset >= next, "it goes back; seed {seed}");
                        known[usize::from(which)] = usize::try_from(at.next_offset).expect("small");
                    }
                    Err(error) => assert!(error.is_passing(), "{error}; seed {seed}"),
                },
                _ => {
                    let next =
                        |stores: &Stores, partition| stores.next_offset(partition).expect("it answers").unwrap_or(0);
                    if (0..3).all(|partition| next(stores, partition) == messages.len() as u64) {
                        break;
                    }
                }
            }
        }
        assert!(refused > 0, "nobody met anybody; seed {seed}");
        drop(processes);
        let (_, last) = another(&origin);
        for partition in 0..3 {
            last.keep(&of(partition, messages.len(), messages.len())).expect("can be kept");
        }
        assert!(content(&last) == expected, "seed {seed}");
    }
}

#[test]
fn whoever_reads_by_an_older_list_reads_to_the_end_while_another_merges() {
    let messages = messages();
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    keep_rest(&first, &messages, 20).expect("can be kept");
    let before: u64 = first.pieces().expect("it answers").iter().map(|piece| piece.rows).sum();
    let (mut read, mut merged) = (0, false);
    for &kind in ReadingKind::ALL {
        let mut each = |_: Record| {
            if !merged {
                merged = true;
                while second.tidy().expect("can be merged") {}
                second.compact().expect("can be merged");
            }
            read += 1;
            ControlFlow::Continue(())
        };
        first.scan(kind, &mut each).expect("what was listed is there");
    }
    assert!(merged);
    assert_eq!(read, before);
    // Both merge: the loser's work changes nothing.
    first.compact().expect("can be merged");
    assert!(finished(&first, &messages, 20) == quiet(&messages));
}

#[test]
fn only_what_is_old_and_nobodys_is_swept_and_nothing_swept_is_listed() {
    let messages = few(60);
    let bucket = Arc::new(Bucket::in_memory());
    let stores = opened(&bucket);
    keep_rest(&stores, &messages[..50], 10).expect("can be kept");
    // A process that died before its checkpoint, and one that is only slow.
    let (lost, dying) = another(&bucket);
    dies_after(&lost, 8);
    dying.keep(&batch(&messages, 50, 60)).expect_err("it dies");
    let all = || bucket.list("").expect("it answers").len();
    let (city, before) = (city(&bucket), all());
    let now = bucket.head(super::manifest::MANIFEST).expect("it answers").expect("there").1;
    assert_eq!(city.sweep_at(now).expect("it answers"), 0, "nothing is an hour old");
    assert_eq!(all(), before);
    stores.compact().expect("can be merged");
    assert!(all() > before, "what was merged stays for those who read it");
    let slow = another(&bucket).1;
    let late = batch(&messages, 50, 55);
    // As if two hours went by between what it wrote and its checkpoint.
    let swept = Arc::new(AtomicUsize::new(0));
    let (slow_bucket, slow) = {
        drop(slow);
        another(&bucket)
    };
    let (sweeper, counter) = (Arc::clone(&city), Arc::clone(&swept));
    *slow_bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        if what == "before swap" && counter.load(Ordering::SeqCst) == 0 {
            let gone = sweeper.sweep_at(now + 3 * YOUNG).expect("it answers");
            counter.store(usize::try_from(gone).expect("small"), Ordering::SeqCst);
        }
        Ok(())
    }));
    let refused = slow.keep(&late).expect_err("its objects are gone");
    assert!(refused.is_passing() && refused.to_string().contains("too old"), "{refused}");
    assert!(swept.load(Ordering::SeqCst) > 10, "{swept:?}");
    // Everything that counts is still there, and nothing else of the history.
    let listed = slow.pieces().expect("it answers").len();
    assert_eq!(bucket.list("history").expect("it answers").len(), listed);
    let again = another(&bucket).1;
    let kept = Stores::in_memory();
    keep_rest(&kept, &messages[..50], 50).expect("memory is always there");
    let history =
        |stores: &Stores| content(stores).into_iter().filter(|line| line.starts_with("history")).collect::<Vec<_>>();
    assert!(history(&again) == history(&kept));
    // Within the hour nobody sweeps again.
    assert_eq!(city.sweep_at(now + 3 * YOUNG + YOUNG / 2).expect("it answers"), 0);
}

#[test]
fn rows_of_others_come_with_a_look_and_those_that_are_gone_go() {
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    let row = |key: String| Row { table: String::from("alerts"), key, json: b"{}".to_vec() };
    let keys = |stores: &Stores| {
        stores.refresh().expect("it answers");
        let mut keys = Vec::new();
        let mut each = |key: &str, _: &[u8]| {
            keys.push(key.to_owned());
            ControlFlow::Continue(())
        };
        stores.tables().scan("alerts", "", &mut each).expect("can be read");
        keys
    };
    let mut expected = Vec::new();
    for n in 0..300 {
        first.tables().put_lasting(&[row(format!("{n:04}"))]).expect("it answers");
        expected.push(format!("{n:04}"));
        if n % 3 == 0 {
            // The oldest goes.
            let oldest = expected.remove(0);
            assert_eq!(first.tables().remove("alerts", &[oldest]).expect("it answers"), 1);
        }
        if n % 70 == 0 {
            first.tables().put_lasting(&[]).expect("it answers");
            assert_eq!(keys(&second), expected[..], "after {n}");
        }
    }
    first.tables().put_lasting(&[]).expect("it answers");
    assert_eq!(keys(&second), expected);
    assert_eq!(keys(&another(&bucket).1), expected, "whoever begins anew sees the same");
    let objects = bucket.list("rows").expect("it answers").len();
    assert!(objects < 40, "{objects} objects of rows");
    // A row that is gone may be written again, and one that only waits is not told to others.
    second.tables().put(&[row(String::from("0000"))]).expect("at hand");
    assert!(keys(&second).contains(&String::from("0000")) && !keys(&first).contains(&String::from("0000")));
    drop(second);
    assert!(keys(&first).contains(&String::from("0000")), "what waited is written at the end");
}

#[test]
fn what_was_shown_of_a_partition_goes_with_it() {
    let messages = messages();
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    let rows = |n: usize| vec![Row { table: "tens".into(), key: String::from("900"), json: format!("{n}").into() }];
    let shown = |stores: &Stores| stores.tables().get("tens", "900").expect("at hand");
    first.keep(&batch(&messages, 0, 10)).expect("the first");
    let ahead = rows(1);
    let ahead = crate::pipeline::stores::Ahead { partition: 0, records: &[], rows: &ahead, watermark: None };
    first.show(ahead).expect("at hand");
    assert_eq!(shown(&first).as_deref(), Some(&b"1"[..]));
    assert_eq!(shown(&second), None, "it does not count yet");
    second.keep(&Batch { rows: rows(2), ..batch(&messages, 10, 20) }).expect("where it stands");
    first.keep(&batch(&messages, 10, 15)).expect_err("it is the second's");
    first.tables().put_lasting(&[]).expect("it answers");
    first.refresh().expect("it answers");
    assert_eq!(shown(&first).as_deref(), Some(&b"2"[..]), "what was shown is not kept by anybody");
}

#[test]
fn a_bucket_is_one_citys_and_a_folder_with_stores_of_its_own_is_not_left_behind() {
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    first.claim("morning").expect("nobody's yet");
    second.claim("morning").expect("the same");
    let refused = second.claim("evening").expect_err("another run").to_string();
    assert!(refused.contains("morning") && refused.contains("evening") && refused.contains("memory"), "{refused}");
    let folder = tempfile::tempdir().expect("a folder");
    drop(Stores::open(folder.path()).expect("a fresh folder"));
    let parts = || crate::pipeline::stores::Parts { bucket: Some(Arc::clone(&bucket)), ..Default::default() };
    let refused = Stores::open_parts(folder.path(), StoreSettings::default(), parts()).expect_err("it has its own");
    assert!(refused.to_string().contains("stores of its own"), "{refused}");
    let refused = Stores::open_shared(folder.path(), StoreSettings::default(), parts()).expect_err("no Redis");
    assert!(refused.to_string().contains("redis"), "{refused}");
}

/// One listener with its live state in its folder: killed and started again, with its folder or on another machine.
#[test]
fn a_live_state_beside_a_bucket_is_as_new_as_what_counts() {
    let messages = messages();
    let expected = quiet(&messages);
    let bucket = Arc::new(Bucket::in_memory());
    let (here, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let open = |folder: &tempfile::TempDir| {
        let parts = crate::pipeline::stores::Parts { bucket: Some(Arc::new(bucket.beside())), ..Default::default() };
        Stores::open_parts(folder.path(), StoreSettings::default(), parts).expect("it answers")
    };
    let keep = |stores: &Stores, from, to| stores.keep(&batch(&messages, from, to)).expect("can be kept");
    let stores = open(&here);
    keep(&stores, 0, 50);
    drop(stores);
    let stores = open(&here);
    assert_eq!(stores.live_fills(), 0);
    keep(&stores, 50, 100);
    assert_eq!(stores.live_fills(), 0, "it knew all of it");
    drop(stores);
    let stores = open(&there);
    keep(&stores, 100, 150);
    assert_eq!(stores.live_fills(), 1, "it is read from the history");
    drop(stores);
    let stores = open(&here);
    assert!(finished(&stores, &messages, 60) == expected, "what others kept meanwhile is in it");
    assert_eq!(stores.live_fills(), 1);
    drop(stores);
    // Whoever only reads leaves a live state alone that others have overtaken, and says nothing of it.
    let database = |folder: &tempfile::TempDir| folder.path().join("beside/stores.redb");
    let read = |folder: &tempfile::TempDir| {
        let parts = crate::pipeline::stores::Parts { bucket: Some(Arc::new(bucket.beside())), ..Default::default() };
        Stores::open_to_read(folder.path(), StoreSettings::default(), parts).expect("it answers")
    };
    let before = std::fs::read(database(&there)).expect("there");
    assert!(read(&there).live_left_out().is_some_and(|why| why.contains("beside")));
    assert!(std::fs::read(database(&there)).expect("it stays") == before);
    let fresh = tempfile::tempdir().expect("a folder");
    assert!(read(&fresh).live_left_out().is_some() && !database(&fresh).exists());
    let current = read(&here);
    assert_eq!(current.live_left_out(), None);
    assert!(content(&current) == expected);
}

#[test]
fn what_is_no_manifest_or_another_citys_is_refused() {
    let bucket = Arc::new(Bucket::in_memory());
    let stores = opened(&bucket);
    stores
        .keep(&Batch { to: 1, records: vec![beat("dev-1", 0, 1)], watermark: Some(at(1)), ..Batch::default() })
        .expect("kept");
    let first = bucket.get("manifest").expect("it answers").expect("there").bytes;
    for bytes in [&b""[..], b"{}", &first[..first.len() / 2]] {
        bucket.put("manifest", bytes.to_vec()).expect("it answers");
        let error = Stores::on(&bucket, StoreSettings::default()).expect_err("no manifest");
        assert!(error.to_string().contains("manifest"), "{error}");
    }
    bucket.put("manifest", first.to_vec()).expect("it answers");
    opened(&bucket);
    let other = Arc::new(Bucket::in_memory());
    opened(&other).claim("other").expect("nobody's yet");
    let theirs = other.get("manifest").expect("it answers").expect("there").bytes;
    bucket.put("manifest", theirs.to_vec()).expect("it answers");
    let error = stores.pieces().expect_err("another city's");
    assert!(error.to_string().contains("another city"), "{error}");
    bucket.delete(&[String::from("manifest")]).expect("it answers");
    let error = stores.pieces().expect_err("it is gone");
    assert!(error.to_string().contains("gone"), "{error}");
}
