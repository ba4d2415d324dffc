//! Sends what is due when it is due: the loop of a load, its storms, its search and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::clock;
use super::courier::{Courier, Trouble};
use super::ears::{Ears, MOMENT, micros};
use super::looker::Looker;
use super::source::Fill;
use super::truth::Truth;
use super::{LAST_ANSWERS, LoadSettings, LoadUnderWay};
use crate::pipeline::transport::Message;
use crate::primitives::{Timestamp, fail_point};
use crate::studies::audit::Journal;
use crate::studies::load::{Due, FaultCounts, Load, Phase, Said, Schedule, Searching, Shape, StoreMeasured, Tag, Turn};

/// Messages made and written down together, at most.
const BATCH: u64 = 512;
/// The shortest wait for the next message: what is due meanwhile is written down together.
const TICK: Duration = Duration::from_micros(200);
/// A message that took longer to hand over had to wait for room.
const WAITED: Duration = Duration::from_millis(1);
/// How often is told where a load is.
const TOLD_EVERY: Duration = Duration::from_millis(200);

/// Why a load ended before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Somebody asked for it.
    Interrupted,
    /// It could not go on.
    Failed(String),
}

/// What a sender leaves.
pub(super) struct Done {
    /// Devices that spoke.
    pub(super) devices: u64,
    pub(super) schedule: Schedule,
    pub(super) began: Timestamp,
    pub(super) trouble: Trouble,
    pub(super) refusals: Vec<(String, u64)>,
    pub(super) waited: Duration,
    /// When the last message was acknowledged, after the beginning [s]; none if not all were.
    pub(super) answered: Option<f64>,
    pub(super) searching: Option<Searching>,
    pub(super) fault_counts: FaultCounts,
}

/// Sends a load.
pub(super) struct Sender<'a> {
    schedule: Schedule,
    courier: Box<dyn Courier>,
    ears: Arc<Ears>,
    journal: Journal,
    settings: &'a LoadSettings,
    watch: &'a mut dyn FnMut(&LoadUnderWay),
    stop: &'a dyn Fn() -> bool,
    load: Option<Load>,
    begun: Instant,
    began: Timestamp,
    told: Instant,
    /// The message to be sent next.
    next: u64,
    /// The phase whose beginning is to come next.
    phase: usize,
    said: Vec<Said>,
    /// Where what was true is written down, if it is.
    pub(super) truth: Option<Truth>,
    /// Who looks for messages in a store, if anybody does.
    pub(super) looker: Option<Looker>,
    waited: Duration,
    answered: Option<f64>,
    searching: Option<Searching>,
    /// Whether messages are in the ledger that were not handed over: whoever closes the ledger would call them lost.
    is_broken_off: bool,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        schedule: Schedule,
        courier: Box<dyn Courier>,
        ears: Arc<Ears>,
        journal: Journal,
        settings: &'a LoadSettings,
        watch: &'a mut dyn FnMut(&LoadUnderWay),
        stop: &'a dyn Fn() -> bool,
    ) -> Self {
        let (now, began) = (clock::instant(), clock::now());
        Self {
            schedule,
            courier,
            ears,
            journal,
            settings,
            watch,
            stop,
            load: None,
            begun: now,
            began,
            told: now,
            next: 0,
            phase: 0,
            said: Vec::new(),
            truth: None,
            looker: None,
            waited: Duration::ZERO,
            answered: None,
            searching: None,
            is_broken_off: false,
        }
    }

    /// Waits until every connection stands: connecting is not what a load is to measure, unless its storms do. Nor is how long a source
    /// takes to tell its first.
    pub(super) fn connect(&mut self, fill: Option<&Fill>) -> Result<(), Stopped> {
        while !self.ears.wait_connected() {
            self.look()?;
            self.tell("connecting");
        }
        let first = if self.settings.profile.search.is_some() { u64::MAX } else { self.schedule.messages() };
        while fill.is_some_and(|fill| !fill.is_ready(first)) {
            self.look()?;
            self.tell("waiting for the source");
            std::thread::park_timeout(MOMENT);
        }
        Ok(())
    }

    /// Time 0 of the schedule.
    pub(super) fn begin(&mut self, load: impl FnOnce(Timestamp) -> Load) -> Instant {
        self.began = clock::now();
        self.load = Some(load(self.began));
        self.begun = self.ears.begin();
        self.begun
    }

    pub(super) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Sends everything, searches if asked for, and waits for the last acknowledgement; or as much of it as there can be.
    pub(super) fn all(&mut self) -> Result<(), Stopped> {
        let sent = self.drive().and_then(|()| self.search()).and_then(|()| self.rest());
        let answered = match &sent {
            Ok(()) => self.drain(),
            // What was held back stands in the ledger, so it is sent all the same.
            Err(Stopped::Interrupted) => self.rest().and_then(|()| self.last_answers()),
            // A source or a disk may have failed where the target has not: what is on its way is waited for.
            Err(Stopped::Failed(_)) => self.last_answers(),
        };
        sent.and(answered)
    }

    /// Looks into the store until everything that is looked for has been seen, or for as long as was asked; what was seen. Of a load that was
    /// cut short it is looked once more.
    pub(super) fn last_looks(&mut self, is_whole: bool) -> Option<StoreMeasured> {
        let looker = self.looker.take()?;
        let since = clock::instant();
        while is_whole && !looker.is_done() && since.elapsed() < looker.wait() && !(self.stop)() {
            self.tell("looking into the store");
            std::thread::park_timeout(MOMENT);
        }
        looker.end()
    }

    /// Ends what is written down of the truth, that of messages which were held back and never sent with it; a sentence when that fails.
    pub(super) fn end_truth(&mut self) -> Result<(), String> {
        let Some(truth) = &mut self.truth else { return Ok(()) };
        if let Some(load) = &mut self.load {
            load.rest(&mut self.said);
            for mut said in self.said.drain(..) {
                let payload = said.payload.take();
                truth.note(&mut said, payload.as_deref(), self.began, None);
            }
        }
        truth.end().map(drop)
    }

    /// Ends it.
    pub(super) fn done(self) -> (Done, Journal) {
        let done = Done {
            devices: self.load.as_ref().map_or(0, Load::devices),
            schedule: self.schedule,
            began: self.began,
            trouble: self.courier.trouble(),
            refusals: self.courier.refusals(),
            waited: self.waited,
            answered: self.answered,
            searching: self.searching,
            fault_counts: self.load.as_ref().map(Load::counts).unwrap_or_default(),
        };
        (done, self.journal)
    }

    fn elapsed(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Whether to go on.
    fn look(&self) -> Result<(), Stopped> {
        if (self.stop)() {
            return Err(Stopped::Interrupted);
        }
        self.courier.failure().map_or(Ok(()), |why| Err(Stopped::Failed(why)))
    }

    /// Sends what is due until nothing more is.
    fn drive(&mut self) -> Result<(), Stopped> {
        while let Some(next) = self.schedule.due(self.next) {
            self.look()?;
            let now = self.elapsed();
            self.storms(now);
            self.tell_phase(next.phase);
            let due = self.schedule.until(now);
            if due > self.next {
                self.hand_over((due - self.next).min(BATCH))?;
                continue;
            }
            let ahead = Duration::from_secs_f64((next.seconds - now).max(0.0));
            std::thread::park_timeout(ahead.clamp(TICK, MOMENT));
        }
        Ok(())
    }

    /// Breaks the connections where a phase that has begun says so.
    fn storms(&mut self, now: f64) {
        while let Some((_, phase)) = self.schedule.phase(self.phase).filter(|(begin, _)| *begin <= now) {
            if matches!(phase.shape, Shape::ReconnectStorm(_)) {
                self.ears.broke();
                self.courier.cut();
            }
            self.phase += 1;
        }
    }

    /// Makes the next messages, writes them down, and sends them.
    fn hand_over(&mut self, count: u64) -> Result<(), Stopped> {
        let Some(load) = &mut self.load else { return Ok(()) };
        let (mut turns, mut told) = (Vec::new(), Ok(true));
        for n in self.next..self.next + count {
            let Some(due) = self.schedule.due(n) else { break };
            let hot = self.schedule.phase(due.phase).map_or(0.0, |(_, phase)| phase.hot());
            let tag = Tag::new(due);
            told = load.speak(Turn { due_us: tag.due_us(), hot }, &mut self.said);
            // A source that is slower than the schedule makes what is due wait, and nothing else.
            if told != Ok(true) {
                break;
            }
            turns.push((self.said.len(), tag));
        }
        self.next += turns.len() as u64;
        self.answered = None;
        self.send(&turns)?;
        told.map(drop).map_err(Stopped::Failed)
    }

    /// Sends what the faults have held back until now.
    fn rest(&mut self) -> Result<(), Stopped> {
        let now = self.elapsed();
        let Some(load) = &mut self.load else { return Ok(()) };
        load.rest(&mut self.said);
        let phase = self.phase.saturating_sub(1);
        self.send(&[(self.said.len(), Tag::new(Due { seconds: now, phase }))])
    }

    /// Writes down what is said, and then sends it; `turns` are the places at which the next tag begins.
    fn send(&mut self, turns: &[(usize, Tag)]) -> Result<(), Stopped> {
        for said in self.said.iter().filter(|said| said.is_new) {
            if let Some(emission) = &said.emission {
                self.journal.add(emission, &said.canonical);
            }
        }
        if let Err(error) = self.journal.commit() {
            self.is_broken_off = true;
            return Err(Stopped::Failed(error.to_string()));
        }
        let mut handed = Vec::with_capacity(self.said.len());
        let (mut turns, mut failed) = (turns.iter().copied().peekable(), None);
        let mut before = self.begun.elapsed();
        let mut all = std::mem::take(&mut self.said);
        for (place, mut said) in all.drain(..).enumerate() {
            while turns.next_if(|(end, _)| place >= *end).is_some() {}
            let (payload, Some((_, tag))) = (said.payload.take(), turns.peek().copied()) else { continue };
            let Some(payload) = payload else {
                self.truth.iter_mut().for_each(|truth| truth.note(&mut said, None, self.began, None));
                continue;
            };
            if failed.is_some() {
                // Written down before it was known that it would not be sent.
                self.truth.iter_mut().for_each(|truth| truth.note(&mut said, Some(&payload), self.began, None));
                continue;
            }
            let connection = usize::try_from(said.device).unwrap_or(0);
            // A device's own message counts once, whatever else is sent.
            let tag = if said.emission.is_some() { tag } else { tag.beside() };
            let mut waiting = Some(Message::new(Arc::clone(&said.topic), payload.clone()));
            while let Some(message) = waiting {
                match self.courier.send(connection, message, tag) {
                    Ok(back) => waiting = back,
                    Err(why) => {
                        (waiting, failed) = (None, Some(Stopped::Failed(why)));
                    }
                }
                if waiting.is_some()
                    && let Err(why) = self.look()
                {
                    (waiting, failed) = (None, Some(why));
                }
            }
            if failed.is_some() {
                self.truth.iter_mut().for_each(|truth| truth.note(&mut said, Some(&payload), self.began, None));
                continue;
            }
            let now = self.begun.elapsed();
            self.looker.iter().for_each(|looker| looker.note(&said, tag));
            self.truth
                .iter_mut()
                .for_each(|truth| truth.note(&mut said, Some(&payload), self.began, Some(micros(now))));
            if now.saturating_sub(before) > WAITED {
                self.waited += now.saturating_sub(before);
            }
            before = now;
            handed.push((tag, micros(now)));
        }
        // Its room is used again.
        self.said = all;
        self.is_broken_off |= failed.is_some();
        if let Some(why) = self.truth.as_mut().and_then(|truth| truth.hand_on().err()) {
            failed = failed.or(Some(Stopped::Failed(why)));
        }
        self.ears.with(|recorder| handed.into_iter().for_each(|(tag, now)| recorder.handed(tag, now)));
        fail_point::reach("gateway/handed");
        failed.map_or(Ok(()), Err)
    }

    /// Tries rates until the highest that holds is known.
    fn search(&mut self) -> Result<(), Stopped> {
        let Some(search) = self.settings.profile.search else { return Ok(()) };
        self.searching = Some(Searching::new(search));
        while let Some(rate) = self.searching.as_ref().and_then(Searching::next_rate) {
            // A trial begins when the one before it has come to rest, so that none pays for another.
            self.drain()?;
            let phase = Phase { name: format!("{rate:.0}/s"), seconds: search.hold, shape: Shape::Constant(rate) };
            let begin = self.elapsed();
            self.schedule.push(begin, phase);
            self.drive()?;
            self.drain()?;
            let number = self.schedule.phases().len() - 1;
            let p99 = self.ears.with(|recorder| recorder.p99_of(number));
            if let Some(searching) = &mut self.searching {
                searching.note(rate, p99);
            }
        }
        Ok(())
    }

    /// Waits until every message is acknowledged and every connection back, for as long as some are: a target that is behind is not one
    /// that is gone.
    fn drain(&mut self) -> Result<(), Stopped> {
        let (longest, mut since, mut before) = (self.settings.publisher.give_up, clock::instant(), None);
        self.answered = None;
        while !(self.ears.wait_answered(self.courier.refused()) && self.ears.wait_returned()) {
            self.look()?;
            self.tell("waiting for the last acknowledgements");
            let now = self.ears.with(|recorder| (recorder.open(), recorder.returned()));
            let (open, is_progress) = (now.0, before != Some(now));
            if is_progress {
                (since, before) = (clock::instant(), Some(now));
            } else if since.elapsed() > longest {
                let (what, seconds) = (open.saturating_sub(self.courier.refused()), longest.as_secs());
                return Err(Stopped::Failed(if what > 0 {
                    format!("{what} messages are not acknowledged, and for {seconds} s none was any more")
                } else {
                    format!("connections that were broken are not back, and for {seconds} s none came back any more")
                }));
            }
        }
        self.answered = Some(self.elapsed());
        Ok(())
    }

    /// Waits for what is on its way when somebody has interrupted, for a little while.
    fn last_answers(&mut self) -> Result<(), Stopped> {
        let since = clock::instant();
        self.answered = None;
        if self.is_broken_off {
            return Ok(());
        }
        while !self.ears.wait_answered(self.courier.refused()) {
            if since.elapsed() > LAST_ANSWERS || self.courier.failure().is_some() {
                return Err(Stopped::Interrupted);
            }
        }
        self.answered = Some(self.elapsed());
        Ok(())
    }

    fn tell_phase(&mut self, phase: usize) {
        if self.told.elapsed() < TOLD_EVERY {
            return;
        }
        let name = self.schedule.phase(phase).map_or_else(String::new, |(_, phase)| phase.name.clone());
        self.tell(&name);
    }

    /// Tells where it is, a few times a second.
    fn tell(&mut self, phase: &str) {
        if self.told.elapsed() < TOLD_EVERY {
            return;
        }
        self.told = clock::instant();
        let now = if self.load.is_some() { self.elapsed() } else { 0.0 };
        let (handed, acknowledged, p99_us) = self.ears.with(|recorder| recorder.now());
        (self.watch)(&LoadUnderWay {
            phase: phase.to_owned(),
            share: (now / self.schedule.seconds().max(1e-3)).min(1.0),
            rate: self.schedule.rate_at(now),
            handed,
            acknowledged,
            p99_us,
            connections: self.ears.connections(),
        });
    }
}
