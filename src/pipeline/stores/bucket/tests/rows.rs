//! Rows as runs: what becomes of them when answers are lost, writers sleep, batches are large, and rows go.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::delta;
use super::super::rows::Limits;
use super::{Bucket, BucketTables, YOUNG, another, batch, city, dead, messages, opened, repeat_the_next_change};
use crate::pipeline::stores::tables::Tables as _;
use crate::pipeline::stores::{Batch, Keeper as _, Parts, Row, StoreError, StoreSettings, Stores};

fn row(key: &str, json: &str) -> Row {
    Row { table: String::from("alerts"), key: key.to_owned(), json: json.as_bytes().to_vec() }
}

/// The rows as a process sees them that has looked just now.
fn rows(stores: &Stores) -> Vec<(String, String)> {
    stores.refresh().expect("it answers");
    let mut rows = Vec::new();
    let mut each = |key: &str, json: &[u8]| {
        rows.push((key.to_owned(), String::from_utf8_lossy(json).into_owned()));
        ControlFlow::Continue(())
    };
    stores.tables().scan("alerts", "", &mut each).expect("can be read");
    rows
}

/// A bucket in which everything is small.
fn small() -> Arc<Bucket> {
    let mut bucket = Bucket::in_memory();
    bucket.limits = Limits { full: 2_000, object: 20_000, idle: 100 };
    Arc::new(bucket)
}

/// What counts: how many runs and rows are listed.
fn listed(bucket: &Arc<Bucket>) -> (usize, u64) {
    let manifest = city(&Arc::new(bucket.beside())).last();
    (manifest.runs.len(), manifest.runs.iter().map(|run| run.rows).sum())
}

#[test]
fn a_merge_that_hears_of_another_change_before_its_own_takes_nothing_away_that_is_listed() {
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    let keys: Vec<String> = (0..16).map(|n| format!("{n:02}")).collect();
    for key in &keys[..15] {
        first.tables().put_lasting(&[row(key, "{}")]).expect("it answers");
    }
    // The sixteenth makes them due: its own change comes through, and the answer to the merge's is lost.
    let (swaps, error) = (AtomicUsize::new(0), Arc::downgrade(&bucket));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        if what == "repeated swap" && swaps.fetch_add(1, Ordering::SeqCst) == 1 {
            second.tables().put_lasting(&[row("others", "{}")]).expect("it is faster");
            return Err(dead(&error.upgrade().expect("it is asked")));
        }
        Ok(())
    }));
    first.tables().put_lasting(&[row(&keys[15], "{}")]).expect("it answers");
    let (runs, _) = listed(&bucket);
    assert_eq!(runs, 2, "what was merged, and the other's");
    for stores in [first, another(&bucket).1] {
        assert_eq!(rows(&stores).len(), 17);
    }
}

#[test]
fn rows_whose_answer_was_lost_are_not_listed_again_over_what_came_after_them() {
    let bucket = Arc::new(Bucket::in_memory());
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    repeat_the_next_change(&bucket, move || {
        second.tables().put_lasting(&[row("a", "2")]).expect("it is faster");
    });
    first.tables().put_lasting(&[row("a", "1")]).expect("it answers");
    assert_eq!(listed(&bucket).0, 2);
    for stores in [first, another(&bucket).1] {
        assert_eq!(rows(&stores), [(String::from("a"), String::from("2"))]);
    }
}

#[test]
fn a_writer_that_slept_before_listing_its_rows_writes_them_again() {
    let bucket = Arc::new(Bucket::in_memory());
    let (city_here, sweeper) = (city(&bucket), city(&Arc::new(bucket.beside())));
    let tables = BucketTables::new(&city_here);
    tables.put_lasting(&[row("a", "1")]).expect("it answers");
    let now = bucket.head("manifest").expect("it answers").expect("there").1;
    // It sleeps for hours; then somebody else in the process looks before it goes on.
    let (looks, asleep) = (Arc::downgrade(&city_here), AtomicUsize::new(1));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, name| {
        if what == "after put" && name.starts_with("rows/") && asleep.swap(0, Ordering::SeqCst) == 1 {
            assert_eq!(sweeper.sweep_at(now + 3 * YOUNG).expect("it answers"), 1);
            looks.upgrade().expect("it is asked").look().expect("it answers");
        }
        Ok(())
    }));
    let refused = tables.put_lasting(&[row("b", "2")]).expect_err("it is gone");
    assert!(refused.is_passing() && refused.to_string().contains("too old"), "{refused}");
    tables.put_lasting(&[]).expect("it is written again");
    assert_eq!(rows(&another(&bucket).1).len(), 2);
}

#[test]
fn rows_that_nobody_could_read_again_are_refused_in_a_sentence() {
    let (bucket, messages) = (small(), messages());
    let stores = opened(&bucket);
    stores.keep(&batch(&messages, 0, 10)).expect("small");
    let large = |n: usize| (0..n).map(|n| row(&format!("{n:03}"), &"x".repeat(900))).collect::<Vec<_>>();
    let refused = stores.keep(&Batch { rows: large(30), ..batch(&messages, 10, 20) }).expect_err("too large");
    assert!(matches!(refused, StoreError::Refused { .. }) && refused.to_string().contains("20000"), "{refused}");
    let (_, next) = another(&bucket);
    assert_eq!(next.next_offset(0).expect("it answers"), Some(10));
    next.keep(&Batch { rows: large(10), ..batch(&messages, 10, 20) }).expect("it may be as large");
}

#[test]
fn large_batches_of_rows_are_never_merged_into_what_nobody_can_read() {
    let (bucket, messages) = (small(), messages());
    let stores = opened(&bucket);
    let mut keys = 0;
    for at in 0..80 {
        // Some of them could stand alone, some are small.
        let count = if at % 9 == 4 { 18 } else { 1 };
        let rows = (0..count).map(|n| row(&format!("{at:02}/{n:02}"), &"x".repeat(900))).collect();
        keys += count;
        stores.keep(&Batch { rows, quarantined: Vec::new(), ..batch(&messages, at, at + 1) }).expect("not too large");
    }
    let names = bucket.list("rows").expect("it answers");
    for listed in &names {
        let bytes = bucket.get(&listed.name).expect("it answers").expect("there").bytes;
        let weight = delta::weight(&delta::decode(&bytes).expect("sound"));
        assert!(weight <= bucket.limits.object, "{weight} bytes");
    }
    assert!(listed(&bucket).0 < 40, "{:?}", listed(&bucket));
    assert_eq!(rows(&another(&bucket).1).len(), keys);
}

/// However long a city runs: what it no longer has takes no room.
#[test]
fn rows_that_went_or_were_written_over_take_no_room_for_long() {
    let bucket = small();
    let (first, (_, second)) = (opened(&bucket), another(&bucket));
    let json = "x".repeat(60);
    let mut most = (0, 0);
    for n in 0..600_u32 {
        // By a key for each, as alerts are, of which the old ones go by age.
        first.tables().put(&[row(&format!("{n:05}"), &json), row("same", &n.to_string())]).expect("at hand");
        if n >= 40 {
            let old = format!("{:05}", n - 40);
            assert_eq!(first.tables().remove("alerts", &[old]).expect("it answers"), 1);
        }
        first.tables().put_lasting(&[]).expect("it answers");
        let now = listed(&bucket);
        most = (most.0.max(now.0), most.1.max(now.1));
        if n % 100 == 99 {
            assert_eq!(rows(&second).len(), 41);
        }
    }
    // Twice the forty there are and the hundred that may be idle, and what sixteen batches of each of two levels bring.
    assert!(most.1 < 2 * 41 + 100 + 3 * 16 * 17, "{most:?}");
    assert!(most.0 < 60, "{most:?}");
    let expected = rows(&first);
    assert_eq!(expected.len(), 41);
    assert_eq!(rows(&second), expected);
    assert_eq!(rows(&another(&bucket).1), expected, "whoever begins anew sees the same");
}

#[test]
fn a_view_that_was_made_anew_leaves_nothing_of_the_one_before() {
    let (bucket, folder) = (small(), tempfile::tempdir().expect("a folder"));
    let parts = Parts { bucket: Some(Arc::new(bucket.beside())), ..Parts::default() };
    let stores = Stores::open_parts(folder.path(), StoreSettings::default(), parts).expect("it answers");
    let views = || -> Vec<_> {
        let entries = std::fs::read_dir(folder.path().join("view")).expect("there");
        entries.map(|entry| entry.expect("can be read").file_name()).collect()
    };
    stores.tables().put_lasting(&[row("00000", "{}")]).expect("it answers");
    let (first, other) = (views(), another(&bucket).1);
    // So much comes and goes elsewhere that what was merged leaves out what is gone.
    for n in 1..300 {
        other.tables().put(&[row(&format!("{n:05}"), "{}")]).expect("at hand");
        other.tables().remove("alerts", &[format!("{:05}", n - 1)]).expect("at hand");
        other.tables().put_lasting(&[]).expect("it answers");
    }
    assert_eq!(rows(&stores).len(), 1);
    let second = views();
    assert!(first.len() == 1 && second.len() == 1 && first != second, "{first:?}, {second:?}");
}
