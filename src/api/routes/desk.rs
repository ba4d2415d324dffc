//! What all requests to a twin share: answers that hold for a second, the map, and answers to requests that may come again.
//!
//! An answer about the whole city is made once a second at most, and more rarely if making it takes long: whoever asks meanwhile
//! gets the one there is, so that a hundred who look cost no more than one.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::ask::Reply;
use crate::api::answers::assets::Fleet;
use crate::api::answers::events::EventBook;
use crate::api::port::Twin;
use crate::api::problem::Problem;

/// How long an answer about the whole city holds.
const FRESH: Duration = Duration::from_secs(1);
/// An answer that took long holds this many times as long as it took: so no more than a twentieth of a core goes into it.
const COST: u32 = 20;
/// How old an answer may be that is given while a newer one is made.
const STALE: Duration = Duration::from_secs(5);
/// Most kinds of answers held; of more, the oldest goes.
const HELD_MAX: usize = 256;
/// How long an answer is remembered for the same request.
const REMEMBERED: Duration = Duration::from_hours(24);
/// Most answers remembered; of more, the oldest goes.
const REMEMBERED_MAX: usize = 10_000;

type Held = Arc<dyn Any + Send + Sync>;

/// An answer, when it was made, and how long that took.
#[derive(Default)]
struct Slot {
    held: Mutex<Option<(Held, Instant, Duration)>>,
    /// Held by whoever makes it anew.
    making: Mutex<()>,
}

/// What a request that may come again was, and what it was answered.
struct Remembered {
    at: Instant,
    request: [u8; 32],
    /// None while it is being answered.
    reply: Option<Reply>,
}

/// What becomes of a request with a key.
pub(crate) enum Again {
    /// It is new: answer it, and say so by [`Desk::answered`].
    New,
    /// It was answered before.
    Known(Box<Reply>),
    /// Its key belongs to another request.
    Other,
    /// It is being answered.
    UnderWay,
}

/// What all requests to a twin share.
#[derive(Default)]
pub(crate) struct Desk {
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
    remembered: Mutex<BTreeMap<String, Remembered>>,
    /// Events as they came, by time.
    pub(crate) events: Mutex<EventBook>,
    /// The devices as they were when the live state last answered.
    pub(crate) fleet: Mutex<Option<Arc<Fleet>>>,
    pub(crate) roads: OnceLock<super::map::Drawn>,
    pub(crate) signals: OnceLock<super::map::Drawn>,
    pub(crate) metrics: super::metrics::Requests,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A twin and its desk.
type Seated = (Weak<dyn Twin>, Arc<Desk>);

/// The desks of the twins that are served by this process, usually one.
static DESKS: Mutex<Vec<Seated>> = Mutex::new(Vec::new());

/// Now, for durations: never steps.
#[expect(
    clippy::disallowed_methods,
    reason = "how long an answer took and how old it is are about the time on the wall"
)]
pub(super) fn instant() -> Instant {
    Instant::now()
}

impl Desk {
    /// The desk of a twin: the same for every thread that serves it, and gone with it.
    pub(crate) fn of(twin: &Arc<dyn Twin>) -> Arc<Self> {
        let mut desks = lock(&DESKS);
        let place = Arc::as_ptr(twin).cast::<()>();
        if let Some((_, desk)) = desks.iter().find(|(other, _)| std::ptr::eq(other.as_ptr().cast::<()>(), place)) {
            return Arc::clone(desk);
        }
        desks.retain(|(other, _)| other.strong_count() > 0);
        let desk = Arc::<Self>::default();
        desks.push((Arc::downgrade(twin), Arc::clone(&desk)));
        desk
    }

    /// An answer by its name, at most a second old or as [`COST`] has it; made by `make` if there is none. Errors are not held.
    pub(crate) fn held<T: Any + Send + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<Arc<T>, Problem> {
        let slot = {
            let mut slots = lock(&self.slots);
            if slots.len() >= HELD_MAX && !slots.contains_key(name) {
                let age = |slot: &Arc<Slot>| lock(&slot.held).as_ref().map(|held| held.1);
                let oldest = slots.iter().min_by_key(|(_, slot)| age(slot)).map(|(name, _)| name.clone());
                oldest.and_then(|name| slots.remove(&name));
            }
            Arc::clone(slots.entry(name.to_owned()).or_default())
        };
        let found = |slack: Duration| {
            let held = lock(&slot.held);
            let (held, made, took) = held.as_ref()?;
            let fresh = FRESH.max(took.saturating_mul(COST)) + slack;
            if made.elapsed() < fresh { Arc::clone(held).downcast::<T>().ok() } else { None }
        };
        if let Some(fresh) = found(Duration::ZERO) {
            return Ok(fresh);
        }
        let _making = match slot.making.try_lock() {
            Ok(turn) => turn,
            Err(_) => match found(STALE) {
                Some(stale) => return Ok(stale),
                None => lock(&slot.making),
            },
        };
        // Somebody may have made it while we waited.
        if let Some(fresh) = found(Duration::ZERO) {
            return Ok(fresh);
        }
        let begun = instant();
        let made = Arc::new(make()?);
        *lock(&slot.held) = Some((Arc::clone(&made) as Held, instant(), begun.elapsed()));
        Ok(made)
    }

    /// Has an answer made anew the next time, because what it was made of has changed.
    pub(crate) fn forget(&self, name: &str) {
        lock(&self.slots).remove(name);
    }

    /// Asks what became of a request with a key; `request` is a hash of all of it.
    pub(crate) fn again(&self, key: &str, request: [u8; 32]) -> Again {
        let mut remembered = lock(&self.remembered);
        remembered.retain(|_, one| one.at.elapsed() < REMEMBERED);
        match remembered.get(key) {
            Some(one) if one.request != request => Again::Other,
            Some(Remembered { reply: Some(reply), .. }) => Again::Known(Box::new(reply.clone())),
            Some(_) => Again::UnderWay,
            None => {
                if remembered.len() >= REMEMBERED_MAX {
                    let oldest = remembered.iter().min_by_key(|(_, one)| one.at).map(|(key, _)| key.clone());
                    oldest.and_then(|key| remembered.remove(&key));
                }
                remembered.insert(key.to_owned(), Remembered { at: instant(), request, reply: None });
                Again::New
            }
        }
    }

    /// Notes the answer to a request with a key; none if it failed and may be tried again.
    pub(crate) fn answered(&self, key: &str, reply: Option<&Reply>) {
        let mut remembered = lock(&self.remembered);
        match reply {
            Some(reply) => {
                if let Some(one) = remembered.get_mut(key) {
                    one.reply = Some(reply.remembered());
                }
            }
            None => {
                remembered.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_hundred_who_ask_at_once_cost_one_scan() {
        let (desk, scans) = (Desk::default(), AtomicU32::new(0));
        let ask = || {
            desk.held("all", || {
                scans.fetch_add(1, Ordering::SeqCst);
                Ok(7_u32)
            })
        };
        std::thread::scope(|scope| {
            let asking: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
            for one in asking {
                assert_eq!(*one.join().expect("it ends").expect("an answer"), 7);
            }
        });
        assert_eq!(scans.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failure_is_not_held() {
        let desk = Desk::default();
        let failed = desk.held::<u32>("all", || Err(Problem::away("gone")));
        assert!(failed.is_err());
        assert_eq!(*desk.held("all", || Ok(1_u32)).expect("it is back"), 1);
    }

    #[test]
    fn held_answers_and_keys_have_a_limit() {
        let desk = Desk::default();
        for number in 0..2 * HELD_MAX {
            assert_eq!(*desk.held(&number.to_string(), || Ok(number)).expect("an answer"), number);
        }
        assert_eq!(lock(&desk.slots).len(), HELD_MAX);
        for number in 0..=REMEMBERED_MAX {
            assert!(matches!(desk.again(&number.to_string(), [0; 32]), Again::New));
        }
        assert_eq!(lock(&desk.remembered).len(), REMEMBERED_MAX);
    }

    #[test]
    fn a_request_that_comes_again_gets_its_answer_again_and_no_other() {
        let desk = Desk::default();
        let (one, other) = ([1; 32], [2; 32]);
        assert!(matches!(desk.again("k", one), Again::New));
        assert!(matches!(desk.again("k", one), Again::UnderWay));
        desk.answered("k", Some(&Reply::json(201, &7)));
        assert!(matches!(desk.again("k", one), Again::Known(reply) if reply.status == 201));
        assert!(matches!(desk.again("k", other), Again::Other));
        desk.answered("k", None);
        assert!(matches!(desk.again("k", other), Again::New));
        // What is told once is not remembered.
        desk.answered("k", Some(&Reply::json(201, &"secret").later(&"told before")));
        let Again::Known(reply) = desk.again("k", other) else { panic!("it was answered") };
        assert!(!format!("{reply:?}").contains("secret"), "{reply:?}");
    }
}
