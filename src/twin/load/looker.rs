//! Looks for messages of a load in a store, on a thread of its own: how long after it was due each can be found there.
//!
//! Every so manieth message of the first devices is looked for, of those on which nothing was put. A message is seen at the end of the
//! first look that finds it; it may have been there since the look before, and how far those are apart is measured as well. A store
//! that cannot be read is asked again at the next step, and the load goes on.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::{TwinError, clock};
use super::ears::micros;
use crate::pipeline::stores::sight::{Sight, Sought};
use crate::studies::load::{Said, Spread, StoreAsked, StoreMeasured, Tag};

/// Most messages that are looked for at once.
const OPEN_MAX: usize = 1000;

/// A message that is looked for.
struct Marker {
    sought: Sought,
    due_us: u64,
}

/// What the load and the looking thread share.
struct Shared {
    incoming: Mutex<Vec<Marker>>,
    /// Messages that are looked for now.
    open: AtomicUsize,
    ended: AtomicBool,
    left_out: AtomicU64,
}

impl Shared {
    /// A panic elsewhere leaves nothing half-changed here, so its poison does not matter.
    fn incoming(&self) -> MutexGuard<'_, Vec<Marker>> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who looks.
pub(super) struct Looker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<StoreMeasured>>,
    asked: StoreAsked,
}

/// What a looking thread has seen.
struct Seen {
    latency: Spread,
    resolution: Spread,
    looked_for: u64,
    looks: u64,
    failed: u64,
    why: Option<String>,
}

impl Looker {
    /// Begins to look; times count from `begun`.
    pub(super) fn begin(asked: &StoreAsked, mut sight: Box<dyn Sight>, begun: Instant) -> Result<Self, TwinError> {
        let shared = Arc::new(Shared {
            incoming: Mutex::default(),
            open: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            left_out: AtomicU64::new(0),
        });
        let (theirs, step_ms) = (Arc::clone(&shared), asked.step_ms);
        let thread = std::thread::Builder::new()
            .name("looker".to_owned())
            .spawn(move || look(&theirs, &mut *sight, begun, step_ms))
            .map_err(|error| TwinError::Service(format!("cannot start a thread to look into the store: {error}")))?;
        Ok(Self { shared, thread: Some(thread), asked: asked.clone() })
    }

    /// Looks for a message that has just been sent, if it is one of those.
    pub(super) fn note(&self, said: &Said, tag: Tag) {
        if said.device >= self.asked.devices || !said.is_new || !said.labels.is_empty() {
            return;
        }
        let Some(record) = said.emission.as_ref().map(|emission| &emission.record) else { return };
        if record.sequence % self.asked.every != 0 {
            return;
        }
        if self.shared.open.load(Ordering::Relaxed) >= OPEN_MAX {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let (epoch, sequence) = (record.epoch, record.sequence);
        let sought = Sought { device: record.device.clone(), kind: record.kind(), epoch, sequence };
        let mut incoming = self.shared.incoming();
        incoming.push(Marker { sought, due_us: tag.due_us() });
        self.shared.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether everything that was looked for has been seen.
    pub(super) fn is_done(&self) -> bool {
        self.shared.open.load(Ordering::Relaxed) == 0
    }

    /// How long it is looked on when the load has ended.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_millis(self.asked.wait_ms)
    }

    /// Ends it; what was seen.
    pub(super) fn end(mut self) -> Option<StoreMeasured> {
        self.shared.ended.store(true, Ordering::Relaxed);
        let thread = self.thread.take()?;
        thread.thread().unpark();
        thread.join().ok()
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

fn look(shared: &Shared, sight: &mut dyn Sight, begun: Instant, step_ms: u64) -> StoreMeasured {
    let (step, mut open) = (Duration::from_millis(step_ms), Vec::<Marker>::new());
    let mut seen =
        Seen { latency: Spread::new(3), resolution: Spread::new(3), looked_for: 0, looks: 0, failed: 0, why: None };
    let (mut next, mut last) = (clock::instant(), None::<Instant>);
    loop {
        let ended = shared.ended.load(Ordering::Relaxed);
        let now = clock::instant();
        if let (false, Some(ahead)) = (ended, next.checked_duration_since(now).filter(|ahead| !ahead.is_zero())) {
            std::thread::park_timeout(ahead);
            continue;
        }
        next = now + step;
        let new = std::mem::take(&mut *shared.incoming());
        seen.looked_for += new.len() as u64;
        open.extend(new);
        if open.is_empty() {
            // Nothing could have been seen meanwhile, so the next look has none before it.
            last = None;
        } else {
            seen.once(sight, &mut open, begun, &mut last);
            let incoming = shared.incoming();
            shared.open.store(open.len() + incoming.len(), Ordering::Relaxed);
        }
        if ended {
            break;
        }
    }
    StoreMeasured {
        store: sight.place(),
        latency: seen.latency.quantiles(open.len() as u64),
        step_ms,
        resolution: seen.resolution.quantiles(0),
        looked_for: seen.looked_for,
        left_out: shared.left_out.load(Ordering::Relaxed),
        looks: seen.looks,
        failed: seen.failed,
        why: seen.why,
    }
}

impl Seen {
    /// Looks once for everything that is open, and keeps what is not there.
    fn once(&mut self, sight: &mut dyn Sight, open: &mut Vec<Marker>, begun: Instant, last: &mut Option<Instant>) {
        let sought: Vec<&Sought> = open.iter().map(|marker| &marker.sought).collect();
        let answer = sight.look(&sought);
        let now = clock::instant();
        match answer {
            Ok(there) => {
                self.looks += 1;
                if let Some(last) = last.replace(now) {
                    self.resolution.note(micros(now.duration_since(last)));
                }
                let mut there = there.into_iter();
                open.retain(|marker| {
                    let is_there = there.next().unwrap_or(false);
                    if is_there {
                        self.latency.note(micros(now.duration_since(begun)).saturating_sub(marker.due_us));
                    }
                    !is_there
                });
            }
            Err(why) => {
                self.failed += 1;
                self.why = Some(why);
            }
        }
    }
}
