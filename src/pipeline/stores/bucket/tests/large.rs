//! Objects that are larger than what one request may carry.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::super::PART;
use super::{Bucket, another, dead, opened};
use crate::pipeline::stores::{Batch, Keeper as _};

fn noise(length: usize) -> Vec<u8> {
    (0_u32..).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).take(length).collect()
}

/// Writes down what is done to the objects of a folder.
fn watched(bucket: &Arc<Bucket>, folder: &'static str) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, name| {
        if name.starts_with(folder) {
            kept.lock().expect("sound").push(what.to_owned());
        }
        Ok(())
    }));
    seen
}

#[test]
fn a_large_state_is_sent_and_read_part_by_part() {
    let bucket = Arc::new(Bucket::in_memory());
    let stores = opened(&bucket);
    let count = |seen: &Arc<Mutex<Vec<String>>>, what: &str| {
        seen.lock().expect("sound").iter().filter(|one| *one == what).count()
    };
    for (n, (length, parts)) in [(2 * PART + 1, 3), (3 * PART, 3), (PART, 0), (0, 0)].into_iter().enumerate() {
        let state = noise(length);
        let seen = watched(&bucket, "state/");
        let batch = Batch { from: n as u64, to: n as u64 + 1, state: state.clone(), ..Batch::default() };
        stores.keep(&batch).expect("it answers");
        assert_eq!(count(&seen, "before part"), parts, "{length} bytes");
        let (there, next) = another(&bucket);
        let seen = watched(&there, "state/");
        assert!(next.resume(0).expect("it answers").expect("kept").state == state, "{length} bytes");
        assert_eq!(count(&seen, "get"), 1 + parts, "{length} bytes");
    }
}

#[test]
fn of_an_upload_that_breaks_off_nothing_stays() {
    let (bucket, folder) = (Arc::new(Bucket::in_memory()), tempfile::tempdir().expect("a folder"));
    let (bytes, path) = (noise(2 * PART + 7), folder.path().join("large"));
    std::fs::write(&path, &bytes).expect("room");
    let (parts, given_up) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let (told, error) = (Arc::clone(&given_up), Arc::downgrade(&bucket));
    *bucket.gate.lock().expect("sound") = Some(Arc::new(move |what, _| {
        told.fetch_or(what == "before abort", Ordering::SeqCst);
        if what == "before part" && parts.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(dead(&error.upgrade().expect("it is asked")));
        }
        Ok(())
    }));
    let failed = bucket.put_file("history/large", &path).expect_err("it breaks off");
    assert!(failed.is_passing(), "{failed}");
    assert!(given_up.load(Ordering::SeqCst));
    assert!(bucket.get("history/large").expect("it answers").is_none());
    bucket.put_file("history/large", &path).expect("it answers");
    assert!(bucket.get("history/large").expect("it answers").expect("there").bytes == bytes);
}
