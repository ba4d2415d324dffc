//! Sends what is due when it is due: the loop of a load, its storms, its search and its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::clock;
use super::courier::{Courier, Trouble};
use super::ears::{Ears, MOMENT, micros};
use super::{LAST_ANSWERS, LoadSettings, LoadUnderWay};
use crate::pipeline::transport::Message;
use crate::primitives::{SimDuration, Timestamp, fail_point};
use crate::studies::audit::Journal;
use crate::studies::load::{Due, FaultCounts, Load, Phase, Said, Schedule, Searching, Shape, Tag, Turn};

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
    waited: Duration,
    answered: Option<f64>,
    searching: Option<Searching>,
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
            waited: Duration::ZERO,
            answered: None,
            searching: None,
        }
    }

    /// Waits until every connection stands: connecting is not what a load is to measure, unless its storms do.
    pub(super) fn connect(&mut self) -> Result<(), Stopped> {
        while !self.ears.wait_connected() {
            self.look()?;
            self.tell("connecting");
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
            Ok(()) => self.drain(self.settings.publisher.give_up),
            Err(Stopped::Interrupted) => self.last_answers(),
            Err(Stopped::Failed(_)) => Ok(()),
        };
        sent.and(answered)
    }

    /// Ends it.
    pub(super) fn done(self) -> (Done, Journal) {
        let done = Done {
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
        let mut turns = Vec::new();
        for n in self.next..self.next + count {
            let Some(due) = self.schedule.due(n) else { break };
            let hot = self.schedule.phase(due.phase).map_or(0.0, |(_, phase)| phase.hot());
            load.speak(Turn { due: SimDuration::seconds(due.seconds), hot }, &mut self.said);
            turns.push((self.said.len(), Tag::new(due)));
        }
        self.next += count;
        self.send(&turns)
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
        for said in &self.said {
            if let Some(emission) = &said.emission {
                self.journal.add(emission, &said.canonical);
            }
        }
        self.journal.commit().map_err(|error| Stopped::Failed(error.to_string()))?;
        let mut handed = Vec::with_capacity(self.said.len());
        let (mut turns, mut failed) = (turns.iter().copied().peekable(), None);
        let mut before = self.begun.elapsed();
        for (place, said) in self.said.drain(..).enumerate() {
            while turns.next_if(|(end, _)| place >= *end).is_some() {}
            let (Some(payload), Some((_, tag))) = (said.payload, turns.peek().copied()) else { continue };
            let connection = usize::try_from(said.device).unwrap_or(0);
            if let Err(why) = self.courier.send(connection, Message::new(said.topic, payload), tag) {
                failed = Some(Stopped::Failed(why));
                break;
            }
            let now = self.begun.elapsed();
            if now.saturating_sub(before) > WAITED {
                self.waited += now.saturating_sub(before);
            }
            before = now;
            handed.push((tag, micros(now)));
        }
        self.said.clear();
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
            self.drain(self.settings.publisher.give_up)?;
            let phase = Phase { name: format!("{rate:.0}/s"), seconds: search.hold, shape: Shape::Constant(rate) };
            let begin = self.elapsed();
            self.schedule.push(begin, phase);
            self.drive()?;
            self.drain(self.settings.publisher.give_up)?;
            let number = self.schedule.phases().len() - 1;
            let p99 = self.ears.with(|recorder| recorder.p99_of(number));
            if let Some(searching) = &mut self.searching {
                searching.note(rate, p99);
            }
        }
        Ok(())
    }

    /// Waits until every message is acknowledged and every connection back, but not longer than so.
    fn drain(&mut self, longest: Duration) -> Result<(), Stopped> {
        let since = clock::instant();
        while !(self.ears.wait_answered(self.courier.trouble().refused) && self.ears.wait_returned()) {
            self.look()?;
            self.tell("waiting for the last acknowledgements");
            if since.elapsed() > longest {
                let open = self.ears.with(|recorder| recorder.open());
                return Err(Stopped::Failed(format!(
                    "{open} messages were not acknowledged within {} s of the last one's sending",
                    longest.as_secs()
                )));
            }
        }
        self.answered = Some(self.elapsed());
        Ok(())
    }

    /// Waits for what is on its way when somebody has interrupted, for a little while.
    fn last_answers(&mut self) -> Result<(), Stopped> {
        let since = clock::instant();
        while !self.ears.wait_answered(self.courier.trouble().refused) {
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
