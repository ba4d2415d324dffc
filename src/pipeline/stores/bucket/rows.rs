//! Rows that are kept in the bucket: a view of all of them at hand, and beside it those that count only with the next checkpoint.
//!
//! Every change goes into the bucket as a run, and runs are merged as those of a log-structured merge tree are, so that they stay few.
//! The view is made anew when the stores are opened and can be lost at any time. What a batch under way shows lies in front of the view, by
//! partition, and goes away when the partition does.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, Range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Bucket;
use super::city::{City, Edited, Views};
use super::delta::{self, Delta, Place};
use super::manifest::{Manifest, Run};
use crate::pipeline::stores::batch::Row;
use crate::pipeline::stores::error::StoreError;
use crate::pipeline::stores::tables::{EachRow, Tables};

/// Runs of one level that are merged into one of the next.
const MERGED: usize = 16;
/// The level of runs that are not merged any more.
const FULL: u8 = u8::MAX;

/// How large what may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A run of more is not merged any more [bytes, unpacked].
    pub(super) full: usize,
    /// The largest object of rows [bytes, unpacked].
    pub(super) object: usize,
    /// Rows that may be listed beyond twice those there are, before all are written anew.
    pub(super) idle: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { full: 4 << 20, object: delta::BYTES_MAX, idle: 10_000 }
    }
}

/// A row that counts with the next checkpoint of its partition; with any, if it has none.
struct Waiting {
    row: Option<Vec<u8>>,
    partition: Option<u16>,
    stamp: u64,
}

/// Rows that are to count next.
pub(super) struct Ahead {
    pub(super) delta: Delta,
    stamps: Vec<(Place, u64)>,
}

/// All rows.
pub(super) struct Rows {
    views: Views,
    view: RwLock<Arc<dyn Tables>>,
    /// The number of the manifest up to which the view has everything.
    applied: AtomicU64,
    /// How many rows it had when they were counted last.
    counted: AtomicU64,
    waiting: RwLock<BTreeMap<Place, Waiting>>,
    stamp: AtomicU64,
}

impl Rows {
    pub(super) fn new(views: Views) -> Result<Self, StoreError> {
        let view = RwLock::new(Arc::from(views()?));
        let [applied, counted, stamp] = [0; 3].map(AtomicU64::new);
        Ok(Self { views, view, applied, counted, waiting: RwLock::default(), stamp })
    }

    fn view(&self) -> Arc<dyn Tables> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn waiting(&self) -> RwLockReadGuard<'_, BTreeMap<Place, Waiting>> {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Place, Waiting>> {
        self.waiting.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes rows; they count with the next checkpoint.
    pub(super) fn write(&self, partition: Option<u16>, rows: impl IntoIterator<Item = (Place, Option<Vec<u8>>)>) {
        let mut waiting = self.waiting_mut();
        for (place, row) in rows {
            let stamp = self.stamp.fetch_add(1, Ordering::Relaxed);
            waiting.insert(place, Waiting { row, partition, stamp });
        }
    }

    /// What is to count with the next checkpoint of a partition, and whatever belongs to none.
    pub(super) fn ahead(&self, partition: Option<u16>) -> Ahead {
        let waiting = self.waiting();
        let wanted = |row: &Waiting| row.partition.is_none() || row.partition == partition;
        let some = waiting.iter().filter(|(_, row)| wanted(row));
        let stamps = some.clone().map(|(place, row)| (place.clone(), row.stamp)).collect();
        Ahead { delta: some.map(|(place, row)| (place.clone(), row.row.clone())).collect(), stamps }
    }

    /// What was ahead counts now, and stands in the view; unless it has changed again.
    pub(super) fn settle(&self, ahead: &Ahead) {
        let mut waiting = self.waiting_mut();
        for (place, stamp) in &ahead.stamps {
            if waiting.get(place).is_some_and(|row| row.stamp == *stamp) {
                waiting.remove(place);
            }
        }
    }

    /// Forgets what a partition has shown and not kept: somebody else makes it again.
    pub(super) fn forget_ahead(&self, partition: u16) {
        self.waiting_mut().retain(|_, row| row.partition != Some(partition));
    }

    /// Whether so many rows are listed that most of them must have been written over or be gone. The view is counted only where there
    /// are twice as many as it had at the last count.
    fn are_mostly_idle(&self, listed: u64, idle: u64) -> Result<bool, StoreError> {
        let many = |there: u64| listed > there.saturating_mul(2).saturating_add(idle);
        if !many(self.counted.load(Ordering::SeqCst)) {
            return Ok(false);
        }
        let (view, mut there) = (self.view(), 0);
        for table in view.names()? {
            view.scan(&table, "", &mut |_, _| {
                there += 1;
                ControlFlow::Continue(())
            })?;
        }
        self.counted.store(there, Ordering::SeqCst);
        Ok(many(there))
    }

    /// Takes runs into the view that it has not; `own` is one whose rows are at hand. Whether none was missing.
    pub(super) fn read(&self, bucket: &Bucket, runs: &[Run], own: Option<(&str, &Delta)>) -> Result<bool, StoreError> {
        let mut applied = self.applied.load(Ordering::SeqCst);
        let anew = applied > 0 && runs.iter().any(|run| run.base && run.to > applied);
        let view: Arc<dyn Tables> = if anew { Arc::from((self.views)()?) } else { self.view() };
        if anew {
            applied = 0;
        }
        let mut to = applied;
        for run in runs.iter().filter(|run| run.to > applied) {
            match own.filter(|(name, _)| *name == run.name) {
                Some((_, rows)) => apply(&*view, rows)?,
                None => match fetch(bucket, &run.name)? {
                    Some(rows) => apply(&*view, &rows)?,
                    None => return Ok(false),
                },
            }
            to = run.to;
        }
        if anew {
            *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        }
        self.applied.store(to, Ordering::SeqCst);
        Ok(true)
    }

    /// A row as it is, or will be with the next checkpoint.
    pub(super) fn get(&self, table: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(waiting) = self.waiting().get(&(table.to_owned(), key.to_owned())) {
            return Ok(waiting.row.clone());
        }
        self.view().get(table, key)
    }

    /// The rows of a table whose keys begin with `prefix` and lie behind `after`, if that is told, in the order of their keys.
    pub(super) fn scan(
        &self,
        table: &str,
        prefix: &str,
        after: Option<&str>,
        each: &mut EachRow<'_>,
    ) -> Result<(), StoreError> {
        let ahead = self.ahead_of(table, prefix, after);
        let mut ahead = ahead.iter().peekable();
        let mut ended = false;
        let mut merged = |key: &str, row: &[u8]| {
            while let Some((before, changed)) = ahead.next_if(|(before, _)| before.as_str() < key) {
                if changed.as_ref().is_some_and(|row| each(before, row).is_break()) {
                    ended = true;
                    return ControlFlow::Break(());
                }
            }
            let done = match ahead.next_if(|(same, _)| same == key) {
                Some((_, Some(changed))) => each(key, changed),
                Some((_, None)) => ControlFlow::Continue(()),
                None => each(key, row),
            };
            ended |= done.is_break();
            done
        };
        match after {
            Some(after) => self.view().scan_after(table, prefix, after, &mut merged)?,
            None => self.view().scan(table, prefix, &mut merged)?,
        }
        if !ended {
            for (key, changed) in ahead {
                if changed.as_ref().is_some_and(|row| each(key, row).is_break()) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn ahead_of(&self, table: &str, prefix: &str, after: Option<&str>) -> Vec<(String, Option<Vec<u8>>)> {
        let waiting = self.waiting();
        let first = prefix.max(after.unwrap_or_default());
        let from = (Bound::Included((table.to_owned(), first.to_owned())), Bound::Unbounded);
        let some = waiting.range(from).take_while(|((other, key), _)| other == table && key.starts_with(prefix));
        let some = some.filter(|((_, key), _)| after.is_none_or(|after| key.as_str() > after));
        some.map(|((_, key), row)| (key.clone(), row.row.clone())).collect()
    }

    /// The tables there are.
    pub(super) fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = self.view().names()?;
        let waiting = self.waiting();
        names.extend(waiting.iter().filter(|(_, row)| row.row.is_some()).map(|((table, _), _)| table.clone()));
        drop(waiting);
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

fn fetch(bucket: &Bucket, name: &str) -> Result<Option<Delta>, StoreError> {
    let Some(got) = bucket.get(name)? else { return Ok(None) };
    delta::decode(&got.bytes).map(Some).map_err(|reason| bucket.damaged(name, reason))
}

fn apply(view: &dyn Tables, rows: &Delta) -> Result<(), StoreError> {
    let mut gone: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut here = Vec::new();
    for ((table, key), row) in rows {
        match row {
            Some(json) => here.push(Row { table: table.clone(), key: key.clone(), json: json.clone() }),
            None => gone.entry(table).or_default().push(key.clone()),
        }
    }
    view.put(&here)?;
    for (table, keys) in gone {
        view.remove(table, &keys)?;
    }
    Ok(())
}

/// Which runs are to be merged, and into which level: the last ones up to some level, if enough of them have that level; or those between
/// two full ones, to which no others will come.
fn due(runs: &[Run]) -> Option<(Range<usize>, u8)> {
    let mut open = 0;
    for (at, _) in runs.iter().enumerate().filter(|(_, run)| run.level == FULL) {
        if at - open > 1 {
            return Some((open..at, FULL));
        }
        open = at + 1;
    }
    let highest = runs[open..].iter().map(|run| run.level).max()?;
    (0..=highest).find_map(|level| {
        let from = runs.iter().rposition(|run| run.level > level).map_or(0, |before| before + 1);
        let enough = runs[from..].iter().filter(|run| run.level == level).count() >= MERGED;
        enough.then_some((from..runs.len(), level.saturating_add(1).min(FULL - 1)))
    })
}

impl City {
    /// Puts rows on the list of what counts.
    pub(super) fn list_rows(&self, manifest: &mut Manifest, name: &str, rows: &Delta) {
        let gone = rows.values().filter(|row| row.is_none()).count() as u64;
        let level = if delta::weight(rows) > self.bucket.limits.full { FULL } else { 0 };
        let (name, to) = (name.to_owned(), manifest.number + 1);
        manifest.runs.push(Run { name, to, level, rows: rows.len() as u64, gone, base: false });
    }

    /// Merges runs of rows as long as there are many of a size; whoever calls has the turn. Where somebody else was first nothing changes.
    pub(super) fn merge_runs(&self) -> Result<(), StoreError> {
        let limits = self.bucket.limits;
        loop {
            let manifest = self.last();
            let Some((span, level)) = due(&manifest.runs) else { break };
            let (mut merged, mut weight, mut count) = (Delta::new(), 0, 0);
            for run in &manifest.runs[span.clone()] {
                let Some(rows) = fetch(&self.bucket, &run.name)? else { return Ok(()) };
                weight += delta::weight(&rows);
                // However large single ones are, together they stay what can be written and read.
                if count > 0 && weight > limits.full.saturating_mul(MERGED) {
                    break;
                }
                merged.extend(rows);
                count += 1;
            }
            let (old, first) = (&manifest.runs[span.start..span.start + count], span.start == 0);
            let before = merged.len();
            if first {
                merged.retain(|_, row| row.is_some());
            }
            let full = delta::weight(&merged) > limits.full;
            let to = old.last().map_or(0, |run| run.to);
            let gone = merged.values().filter(|row| row.is_none()).count() as u64;
            let name = self.put_rows(&merged)?;
            let level = if full { FULL } else { level };
            let base = merged.len() < before;
            let run = Run { name, to, level, rows: merged.len() as u64, gone, base };
            if !self.exchange(old, &[run], manifest.swept_before)? {
                return Ok(());
            }
        }
        let listed = self.last().runs.iter().map(|run| run.rows).sum();
        if self.rows.are_mostly_idle(listed, limits.idle)? { self.rewrite() } else { Ok(()) }
    }

    /// Puts runs in the place of others that stand side by side, and takes those away; whether they still stood there.
    fn exchange(&self, old: &[Run], new: &[Run], noted: i64) -> Result<bool, StoreError> {
        let names: Vec<String> = new.iter().map(|run| run.name.clone()).collect();
        let (mut done, mut gone) = (false, Vec::new());
        self.change(&mut |manifest| {
            let at = manifest.runs.windows(old.len()).position(|some| some == old);
            done = at.is_some();
            let Some(at) = at else {
                // What is listed stays, whoever listed it.
                let listed = |name: &String| manifest.runs.iter().any(|run| run.name == *name);
                gone = names.iter().filter(|name| !listed(name)).cloned().collect();
                return Ok(Edited::AsItIs);
            };
            self.hold_young(&names, Some(noted), manifest)?;
            gone = old.iter().map(|run| run.name.clone()).collect();
            manifest.runs.splice(at..at + old.len(), new.iter().cloned());
            Ok(Edited::Changed)
        })?;
        // What cannot be taken away now is swept.
        drop(self.bucket.delete(&gone));
        Ok(done)
    }

    /// Writes all rows anew, so that those that are gone take no room; the view has all of them.
    fn rewrite(&self) -> Result<(), StoreError> {
        let manifest = self.last();
        let Some(to) = manifest.runs.last().map(|run| run.to) else { return Ok(()) };
        if self.rows.applied.load(Ordering::SeqCst) != to {
            return Ok(());
        }
        let (view, mut new, mut rows) = (self.rows.view(), Vec::new(), Delta::new());
        let mut put = |rows: &mut Delta| -> Result<(), StoreError> {
            let (count, name) = (rows.len() as u64, self.put_rows(rows)?);
            new.push(Run { name, to, level: FULL, rows: count, gone: 0, base: true });
            rows.clear();
            Ok(())
        };
        for table in view.names()? {
            let mut failed = Ok(());
            let mut weight = 0;
            view.scan(&table, "", &mut |key, row| {
                rows.insert((table.clone(), key.to_owned()), Some(row.to_vec()));
                weight += key.len() + row.len();
                if weight < self.bucket.limits.full {
                    return ControlFlow::Continue(());
                }
                weight = 0;
                failed = put(&mut rows);
                if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            failed?;
        }
        put(&mut rows)?;
        self.exchange(&manifest.runs, &new, manifest.swept_before).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(levels: &[u8]) -> Vec<Run> {
        let run = |(n, level): (usize, &u8)| Run {
            name: format!("rows/{n}"),
            to: n as u64 + 1,
            level: *level,
            rows: 1,
            gone: 0,
            base: false,
        };
        levels.iter().enumerate().map(run).collect()
    }

    /// However many batches are kept, the list of runs stays short: sixteen of a level at most, and a level more for each factor of sixteen.
    #[test]
    fn runs_are_merged_before_there_are_many() {
        assert_eq!(due(&runs(&[0; 15])), None);
        assert_eq!(due(&runs(&[0; 16])), Some((0..16, 1)));
        assert_eq!(due(&runs(&[FULL, 1, 0, 0])), None);
        assert_eq!(due(&runs(&[0, FULL, 0, FULL, 0, 0])), None);
        assert_eq!(due(&runs(&[0, FULL, 1, 0, FULL, 0])), Some((2..4, FULL)));
        let mut levels = Vec::new();
        for n in 0..5_000_u32 {
            levels.push(0);
            // Now and then somebody else has listed one meanwhile.
            if n % 7 == 0 {
                levels.push(0);
            }
            while let Some((span, level)) = due(&runs(&levels)) {
                levels.splice(span, [level]);
            }
            assert!(levels.len() < 64, "{levels:?}");
        }
    }
}
