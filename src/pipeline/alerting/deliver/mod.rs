//! Carries notices outside, at least once each: tries, waits, tries again, and gives up where it can be seen.
//!
//! [`Deliverer::turn`] takes in what the last tries met, writes it down, and starts what is due; the tries themselves run in
//! threads of their own, a few for each action, so an endpoint that does not answer holds up nobody but itself. An action that
//! fails again and again is only probed until it answers; its notices wait without using up their tries. Notices of one alert go
//! to an action in their order. What is under way when the process dies is tried again.
//!
//! Knows no clock: what time it is, is told.

#[cfg(feature = "actions")]
mod http;
mod lane;
#[cfg(feature = "actions")]
mod mail;
#[cfg_attr(not(feature = "actions"), allow(dead_code, reason = "asked by who speaks to the outside"))]
mod shape;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lane::{Lane, Settled};
use serde::{Deserialize, Serialize};

use super::alert::json;
use super::outbox::{DELIVERIES, Notice, NoticeState, OUTBOX, Requeued, key, requeued};
use super::rules::AlertRules;
#[cfg(feature = "actions")]
use super::rules::Way;
use super::subscribers::{Subscribers, is_subscription};
use crate::pipeline::stores::tables::Tables;
use crate::pipeline::stores::{Row, StoreError};
use crate::primitives::{Timestamp, fail_point};
use crate::telemetry::field::Text;

/// Most tries under way at a time, over all actions.
const FLYING_MAX: usize = 64;
/// Most notices of an action held at a time; the rest waits in the table.
const HELD_MAX: usize = 1_000;
/// Most rows of the outbox looked at in a turn.
const ROWS_MAX: usize = 10_000;
/// Longest wait for an answer: of a webhook from the name to the last byte, of a mail server each time.
const TRY_MAX: Duration = Duration::from_secs(10);
/// The key of how far all is settled.
const FLOOR: &str = "floor";

/// What a try met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has it.
    Delivered,
    /// It may work later, at the earliest after so many seconds if the other side says so.
    Again {
        /// What was met, in one sentence without secrets.
        reason: String,
        /// How long the other side wants to be left alone [s].
        after: Option<u32>,
    },
    /// It will never work.
    Never {
        /// Why, in one sentence without secrets.
        reason: String,
    },
}

/// Carries notices to one place.
pub trait Courier: Send + Sync + std::fmt::Debug {
    /// What is sent.
    fn body(&self, notice: &Notice) -> String;

    /// Tries once, in bounded time; `now` is the clock on the wall.
    fn carry(&self, notice: &Notice, now: Timestamp) -> Outcome;
}

/// What a turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turned {
    /// Notices the other side has now.
    pub delivered: u64,
    /// Tries that failed and will be made again.
    pub failed: u64,
    /// Notices given up.
    pub dead: u64,
    /// Tries under way.
    pub flying: usize,
    /// Notices held that wait for their time or their turn.
    pub waiting: usize,
    /// When there is something to do again, unless a try ends before.
    pub next: Option<Timestamp>,
    /// Rows of the outbox that could not be read.
    pub unreadable: u64,
}

/// How far all is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Floor {
    /// Every notice before is settled.
    number: u64,
    /// How often notices had been taken up again when this was written.
    requeued: u64,
}

/// A try that has ended.
#[derive(Debug)]
struct Done {
    lane: usize,
    number: u64,
    outcome: Outcome,
}

/// Carries notices outside.
#[derive(Debug)]
pub struct Deliverer {
    lanes: Vec<Lane>,
    names: BTreeMap<Text, usize>,
    /// The next notice to be read; none before the first turn.
    next: Option<u64>,
    requeued: Requeued,
    written: Floor,
    sender: Sender<Done>,
    receiver: Receiver<Done>,
    /// Tries that ended while somebody waited for them.
    ended: Vec<Done>,
    /// The lane that is asked first.
    first: usize,
    /// Who asked to be told while the city runs.
    following: Option<Following>,
    /// Longest wait for an answer.
    limit: Duration,
}

/// How those are followed who asked to be told while the city runs.
#[derive(Debug)]
struct Following {
    subscribers: Arc<Subscribers>,
    /// How often something had changed when it was last looked at.
    changes: u64,
    /// Whether notices of other actions are left where they are.
    leaves_others: bool,
    /// The first that was left.
    left: Option<u64>,
}

impl Deliverer {
    /// A deliverer for the actions of a file; `secret` knows what the named environment variables hold.
    ///
    /// # Errors
    /// A sentence for every variable that is missing or holds what it cannot, and every file that cannot be read.
    pub fn new(rules: &AlertRules, secret: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        Self::patient(rules, secret, TRY_MAX)
    }

    /// The same with another longest wait for an answer.
    fn patient(
        rules: &AlertRules,
        secret: &dyn Fn(&str) -> Option<String>,
        limit: Duration,
    ) -> Result<Self, Vec<String>> {
        let mut couriers: Vec<(Text, Arc<dyn Courier>)> = Vec::new();
        let mut wrong = Vec::new();
        for action in &rules.actions {
            #[cfg(feature = "actions")]
            let courier = match &action.way {
                Way::Webhook(webhook) => http::courier(action, webhook, secret, limit),
                Way::Email(email) => mail::courier(action, email, secret, limit),
            };
            #[cfg(not(feature = "actions"))]
            let courier: Result<Arc<dyn Courier>, String> = {
                let _ = (secret, limit);
                Err("this program was built without the feature `actions`; build it with it".to_owned())
            };
            match courier {
                Ok(courier) => couriers.push((Text::clone(&action.name), courier)),
                Err(sentence) => wrong.push(format!("action `{}`: {sentence}", action.name)),
            }
        }
        if wrong.is_empty() { Ok(Self { limit, ..Self::with(couriers) }) } else { Err(wrong) }
    }

    /// A deliverer with couriers of one's own, by the names of their actions.
    pub fn with(couriers: Vec<(Text, Arc<dyn Courier>)>) -> Self {
        let (sender, receiver) = channel();
        let names = couriers.iter().enumerate().map(|(place, (name, _))| (Text::clone(name), place)).collect();
        let lanes = couriers.into_iter().map(|(_, courier)| Lane::new(courier)).collect();
        Self {
            lanes,
            names,
            next: None,
            requeued: Requeued::default(),
            written: Floor::default(),
            sender,
            receiver,
            ended: Vec::new(),
            first: 0,
            following: None,
            limit: TRY_MAX,
        }
    }

    /// The same, which also tells those who ask for it while the city runs; `leaves_others` is whether notices of other actions, which
    /// it does not know, stay where they are instead of being given up.
    #[must_use]
    pub fn following(self, subscribers: Arc<Subscribers>, leaves_others: bool) -> Self {
        let following = Following { subscribers, changes: 0, leaves_others, left: None };
        Self { following: Some(following), ..self }
    }

    /// Takes up who has asked to be told, and gives up who no longer wants to be.
    fn follow(&mut self) {
        let Some(following) = &mut self.following else { return };
        let changes = following.subscribers.changes();
        if changes == following.changes {
            return;
        }
        following.changes = changes;
        let targets = following.subscribers.targets();
        let is_gone = |name: &Text| is_subscription(name) && targets.iter().all(|target| target.0 != *name);
        let gone: Vec<Text> = self.names.keys().filter(|name| is_gone(name)).cloned().collect();
        for name in gone {
            if let Some(lane) = self.names.remove(&name).and_then(|place| self.lanes.get_mut(place)) {
                lane.close();
            }
        }
        #[cfg(feature = "actions")]
        for (name, target) in targets {
            if self.names.contains_key(&name) {
                continue;
            }
            let lane = Lane::new(http::subscribed(target, self.limit));
            let place = self.lanes.iter().position(Lane::is_over).unwrap_or(self.lanes.len());
            match self.lanes.get_mut(place) {
                Some(old) => *old = lane,
                None => self.lanes.push(lane),
            }
            self.names.insert(name, place);
        }
    }

    /// Writes down what ended, reads what is new and starts what is due. Never waits for the other side.
    ///
    /// # Errors
    /// When the tables cannot be read or written. What ended is then tried again.
    pub fn turn(&mut self, tables: &dyn Tables, now: Timestamp) -> Result<Turned, StoreError> {
        let mut turned = Turned::default();
        self.follow();
        self.begin(tables)?;
        self.settle(tables, now, &mut turned)?;
        self.load(tables, now, &mut turned)?;
        self.start(now);
        turned.flying = self.lanes.iter().map(Lane::flying).sum();
        turned.waiting = self.lanes.iter().map(Lane::waiting).sum();
        turned.next = self.lanes.iter().filter_map(|lane| lane.next(now)).min();
        Ok(turned)
    }

    /// Waits until a try ends, but no longer than `limit`; whether one has ended.
    pub fn wait(&mut self, limit: Duration) -> bool {
        match self.receiver.recv_timeout(limit) {
            Ok(done) => {
                self.ended.push(done);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes up where the last deliverer was, and what somebody wants to be tried again.
    fn begin(&mut self, tables: &dyn Tables) -> Result<(), StoreError> {
        let asked = requeued(tables)?;
        if let Some(next) = self.next {
            if asked.times != self.requeued.times {
                self.next = Some(next.min(asked.least));
            }
        } else {
            let floor = tables.get(DELIVERIES, FLOOR)?.and_then(|json| serde_json::from_slice::<Floor>(&json).ok());
            self.written = floor.unwrap_or_default();
            let least = if asked.times == self.written.requeued { u64::MAX } else { asked.least };
            self.next = Some(self.written.number.min(least));
        }
        self.requeued = asked;
        Ok(())
    }

    /// Writes down what the tries that have ended met.
    fn settle(&mut self, tables: &dyn Tables, now: Timestamp, turned: &mut Turned) -> Result<(), StoreError> {
        let mut ended = std::mem::take(&mut self.ended);
        ended.extend(self.receiver.try_iter());
        let (mut rows, mut settled) = (Vec::new(), Vec::new());
        for done in ended {
            let Some(lane) = self.lanes.get_mut(done.lane) else { continue };
            let Some(outcome) = lane.land(done.number, done.outcome, now) else { continue };
            match outcome.notice.state {
                NoticeState::Delivered => turned.delivered += 1,
                NoticeState::Pending => turned.failed += 1,
                NoticeState::Dead => {
                    turned.dead += 1;
                    rows.push(outcome.notice.dead_letter(&lane.body(&outcome.notice)));
                }
            }
            rows.push(outcome.notice.row());
            settled.push((done.lane, outcome));
        }
        // What has ended counts as settled in the floor that is written with it.
        let floor = Floor { number: self.floor(&settled), requeued: self.requeued.times };
        if turned.delivered > 0 {
            // Carried, and nobody here knows it yet.
            fail_point::reach("deliverer/sent");
        }
        if !rows.is_empty() {
            rows.push(Row { table: DELIVERIES.to_owned(), key: FLOOR.to_owned(), json: json(&floor) });
            let written = tables.put_lasting(&rows);
            for (lane, outcome) in settled {
                if let Some(lane) = self.lanes.get_mut(lane) {
                    lane.put_back(outcome, written.is_ok());
                }
            }
            written?;
            self.written = floor;
        }
        Ok(())
    }

    /// The first notice that is not settled.
    fn floor(&self, settled: &[(usize, Settled)]) -> u64 {
        let pending = settled.iter().filter(|(_, outcome)| outcome.notice.state == NoticeState::Pending);
        let held = self.lanes.iter().filter_map(Lane::first).chain(pending.map(|(_, outcome)| outcome.notice.number));
        let left = self.following.as_ref().and_then(|following| following.left);
        held.chain(left).min().unwrap_or(u64::MAX).min(self.next.unwrap_or(0))
    }

    /// Reads notices that are new, or that found no room before.
    fn load(&mut self, tables: &dyn Tables, now: Timestamp, turned: &mut Turned) -> Result<(), StoreError> {
        let mut next = self.next.unwrap_or(0);
        // An action that has room again looks for what it had to leave in the table.
        for lane in &mut self.lanes {
            if let Some(behind) = lane.behind_with_room(HELD_MAX) {
                next = next.min(behind);
            }
        }
        // Should the tables fail below, the next turn begins here again; what is held already stays as it is.
        self.next = Some(next);
        let after = next.checked_sub(1).map_or_else(String::new, key);
        let mut orphans: Vec<Notice> = self.lanes.iter_mut().flat_map(Lane::abandoned).collect();
        let mut seen = 0;
        let (lanes, names, following) = (&mut self.lanes, &self.names, &mut self.following);
        tables.scan_after(OUTBOX, "", &after, &mut |name, json| {
            if seen >= ROWS_MAX {
                return ControlFlow::Break(());
            }
            seen += 1;
            let Ok(mut notice) = serde_json::from_slice::<Notice>(json) else {
                turned.unreadable += 1;
                next = name.parse::<u64>().map_or(next, |number| number.saturating_add(1));
                return ControlFlow::Continue(());
            };
            next = notice.number.saturating_add(1);
            if notice.state == NoticeState::Pending {
                // Where the city's day is not the one on the wall, what was just decided may lie ahead.
                if notice.attempts == 0 {
                    notice.next_try = notice.next_try.min(now);
                }
                match (names.get(&notice.action).and_then(|place| lanes.get_mut(*place)), following.as_mut()) {
                    (Some(lane), _) => lane.hold(notice, HELD_MAX),
                    // Somebody has asked since this turn began: the next one knows.
                    (None, Some(following)) if following.subscribers.tells(&notice.action) => {
                        next = notice.number;
                        return ControlFlow::Break(());
                    }
                    (None, Some(following)) if following.leaves_others && !is_subscription(&notice.action) => {
                        let left = following.left.unwrap_or(notice.number);
                        following.left = Some(left.min(notice.number));
                    }
                    (None, _) => orphans.push(notice),
                }
            }
            ControlFlow::Continue(())
        })?;
        if orphans.is_empty() {
            self.next = Some(next);
            return Ok(());
        }
        let mut rows = Vec::new();
        for mut notice in orphans {
            notice.state = NoticeState::Dead;
            notice.settled = Some(now);
            let name = &notice.action;
            notice.last_error = Some(if is_subscription(name) {
                "the subscription was deleted, or ended with the server".to_owned()
            } else {
                format!("there is no action `{name}` any more; write it down, then take the notice up again")
            });
            rows.push(notice.dead_letter(&shape::plain(&notice)));
            rows.push(notice.row());
            turned.dead += 1;
        }
        tables.put_lasting(&rows)?;
        self.next = Some(next);
        Ok(())
    }

    /// Starts what is due, one of each action in turn.
    fn start(&mut self, now: Timestamp) {
        let lanes = self.lanes.len();
        let mut flying: usize = self.lanes.iter().map(Lane::flying).sum();
        let mut due: Vec<std::vec::IntoIter<u64>> = self.lanes.iter().map(|lane| lane.due(now).into_iter()).collect();
        loop {
            let mut started = false;
            for place in (0..lanes).map(|place| (place + self.first) % lanes) {
                if flying >= FLYING_MAX {
                    self.first = place;
                    return;
                }
                let Some(number) = due.get_mut(place).and_then(Iterator::next) else { continue };
                let Some(lane) = self.lanes.get_mut(place) else { continue };
                if let Some((courier, notice)) = lane.take_off(number, now) {
                    launch(&self.sender, place, courier, notice, now);
                    flying += 1;
                    started = true;
                }
            }
            if !started {
                return;
            }
        }
    }
}

/// Makes a try in a thread of its own.
fn launch(sender: &Sender<Done>, lane: usize, courier: Arc<dyn Courier>, notice: Notice, now: Timestamp) {
    let again = |reason: &str| Outcome::Again { reason: reason.to_owned(), after: None };
    let number = notice.number;
    let reports = sender.clone();
    let thread = std::thread::Builder::new().name(format!("deliver {}", notice.action)).spawn(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| courier.carry(&notice, now)));
        let outcome = outcome.unwrap_or_else(|_| again("the try broke off by a mistake in this program"));
        // Nobody listens any more when the deliverer is gone; the notice is tried again by the next one.
        let _ = reports.send(Done { lane, number, outcome });
    });
    if thread.is_err() {
        let _ = sender.send(Done { lane, number, outcome: again("the machine has no thread left for the try") });
    }
}

#[cfg(all(test, feature = "actions"))]
mod tests;
