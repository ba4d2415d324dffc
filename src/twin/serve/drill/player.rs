//! The thread of a drill: steps it by the clock on the wall, and does what people do between two steps, each written down before it is
//! answered.
//!
//! Nobody else touches the city. What cannot be written down stands still, because it could not be made again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::super::actor::{IDLE, SCENE_EVERY, SLICE};
use super::super::checkpoints::Checkpoints;
use super::super::desk::{Desk, Reply, Request};
use super::super::facts;
use super::super::scenes::{Going, Scenes};
use super::super::stage::locked;
use super::super::tempo::Tempo;
use super::after::{self, Baselines};
use super::book::{Book, Wish};
use super::journal::Journal;
use super::play::Play;
use super::shared::Shared;
use super::states::{self, Keeper, Mark};
use crate::api::port::{Done, Refused, Seat};
use crate::primitives::{SimDuration, SimTime};
use crate::studies::drill::director::Director;
use crate::studies::drill::record::Record;
use crate::twin::clock;

/// How often a state is written to the disk [s].
const STATE_EVERY: SimDuration = SimDuration::milliseconds(60_000);
/// How often views are made at most.
const VIEW_EVERY: Duration = Duration::from_millis(250);
/// The state at T+0, in the drill's folder.
pub(super) const START: &str = "start.state";

/// What a drill is asked beside what every session is.
#[derive(Debug)]
pub(in crate::twin::serve) enum Asked {
    /// To do something.
    Do { seat: Seat, id: String, wish: Wish, reply: Reply<Done> },
    /// Who would be at a call soonest, for a role.
    Recommend { role: String, call: u32, reply: Reply<String> },
    /// Somebody has joined.
    Joined(Reply<()>),
    /// To show a role what it sees, now.
    Look { role: String, reply: Reply<()> },
    /// What bots alone have achieved.
    Baseline(SimTime, Box<Record>),
}

/// What the drill is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// The city goes to T+0 by itself.
    Preparing,
    Standing,
    Playing,
    /// So many steps, then it stands.
    Steps(u32),
}

/// A drill at work.
pub(super) struct Player {
    pub(super) play: Play,
    pub(super) book: Book,
    pub(super) doing: Doing,
    pub(super) tempo: Tempo,
    /// Whether anybody has let the clock go yet.
    pub(super) begun: bool,
    pub(super) shared: Arc<Shared>,
    pub(super) scenes: Scenes,
    pub(super) over: bool,
    pub(super) dirty: bool,
    pub(super) marks: Option<Checkpoints<(Director, Mark)>>,
    pub(super) keeper: Keeper,
    /// The log that is made of what happens.
    pub(super) journal: Journal,
    /// Actions of the branch that are done.
    pub(super) done: usize,
    desk: Arc<Desk>,
    requests: Receiver<Request>,
    baselines: Baselines,
    shown: Instant,
    viewed: Instant,
    /// Why it cannot go on, if it cannot.
    failure: Option<String>,
}

/// What a drill begins with.
pub(super) struct Beginning {
    pub play: Play,
    pub book: Book,
    pub shared: Arc<Shared>,
    pub desk: Arc<Desk>,
    pub requests: Receiver<Request>,
    pub scenes: Scenes,
    pub speed: Option<f64>,
}

/// Begins a drill on a thread of its own.
///
/// # Errors
/// When a file cannot be used, or the system gives no thread.
pub(super) fn begin(beginning: Beginning) -> Result<JoinHandle<()>, String> {
    let Beginning { play, book, shared, desk, requests, scenes, speed } = beginning;
    let now = clock::instant();
    let told = Arc::clone(&shared);
    let no_thread = |error: std::io::Error| format!("the system gives no thread for the drill: {error}");
    let keeper = Keeper::begin(move |sentence| told.trouble(sentence)).map_err(no_thread)?;
    let baselines = Baselines::kept(&shared.folder);
    let player = Player {
        tempo: Tempo::new(speed, now, play.time()),
        journal: Journal::at_end(book.folder())?,
        play,
        book,
        doing: Doing::Preparing,
        begun: false,
        shared,
        scenes,
        over: false,
        dirty: true,
        marks: None,
        keeper,
        done: 0,
        desk,
        requests,
        baselines,
        shown: now,
        viewed: now,
        failure: None,
    };
    let spawned = thread::Builder::new().name("drill".to_owned()).spawn(move || player.live_through());
    spawned.map_err(no_thread)
}

impl Player {
    /// Works, and says when it has ended, however it does.
    fn live_through(mut self) {
        let (desk, shared) = (Arc::clone(&self.desk), Arc::clone(&self.shared));
        let died = catch_unwind(AssertUnwindSafe(|| self.work())).is_err();
        let mut notice = desk.notice();
        notice.ended = true;
        notice.info.paused = true;
        if died {
            let sentence = "the drill died, which it should not; start it again with the same `--out`: what was done is written down";
            notice.troubles.push(sentence.to_owned());
            shared.trouble(sentence.to_owned());
        }
    }

    fn work(&mut self) {
        if let Err(sentence) = self.take_up() {
            self.fail(sentence);
        }
        self.show(true);
        loop {
            let patience = self.patience();
            match self.requests.recv_timeout(patience) {
                Ok(Request::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(request) => {
                    self.answer(request);
                    // Whoever waits behind is heard before the next step.
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(sentence) = self.go_on() {
                self.fail(sentence);
            }
            self.show(false);
        }
        if self.failure.is_none() && self.doing != Doing::Preparing {
            self.keeper.keep_at(&self.last_state(), self.mark(), &self.play);
        }
    }

    /// Where the state is put when the program ends in an orderly way: among the others of the branch.
    fn last_state(&self) -> PathBuf {
        states::place(self.book.folder(), self.play.time())
    }

    /// Goes on where a server ended: from the latest state that is whole, with what was done after it.
    fn take_up(&mut self) -> Result<(), String> {
        let start = self.shared.folder.join(START);
        if !start.exists() && self.book.actions().is_empty() {
            self.journal = Journal::begin(self.book.folder(), 0)?;
            return Ok(());
        }
        let reached = self.book.had_reached();
        let mut mark = None;
        for path in states::listed(self.book.folder()).into_iter().chain([start]) {
            match states::restore(&path, &mut self.play) {
                Ok(found) if Journal::reaches(self.book.folder(), found.log) => mark = Some(found),
                Ok(found) if path.ends_with(START) && self.book.head().branch > 1 => {
                    // A branch that was left behind as soon as it began: its log is the parent's until T+0.
                    let parent = super::book::folder_of(&self.shared.folder, 1);
                    Journal::copy(&parent, self.book.folder(), found.log)?;
                    mark = Some(found);
                }
                Err(sentence) if path.exists() => self.shared.trouble(sentence),
                Ok(_) | Err(_) => {}
            }
            if mark.is_some() {
                break;
            }
        }
        if let Some(mark) = mark {
            self.journal = Journal::begin(self.book.folder(), mark.log)?;
            self.done = mark.actions;
        } else {
            self.journal = Journal::begin(self.book.folder(), 0)?;
            self.play.become_this(Play::begin(self.play.stage.cast(), self.play.drill()));
            if !self.play.go_to_start(&|| self.shared.stops()) {
                return Ok(());
            }
            self.tell()?;
        }
        self.play.director.set_branch(self.book.head().branch);
        self.arrive()?;
        let last = self.book.actions().last().map(|did| did.logged.time);
        self.make_again(reached.max(last).unwrap_or_default())?;
        self.clock_as_it_was();
        // Somebody may have sat down in the last moment.
        self.seat_everybody()
    }

    /// Takes the steps that were taken, with everything that was done, until an instant.
    pub(super) fn make_again(&mut self, until: SimTime) -> Result<(), String> {
        loop {
            self.do_again();
            if self.play.time() >= until || self.play.is_over() || self.shared.stops() {
                break;
            }
            self.step()?;
        }
        self.tell()?;
        self.dirty = true;
        Ok(())
    }

    /// Does what was done at this instant and is not done yet.
    fn do_again(&mut self) {
        for trouble in self.play.do_again(self.book.actions(), &mut self.done) {
            self.shared.trouble(trouble);
        }
    }

    /// Lets the clock go as it went when the server ended.
    fn clock_as_it_was(&mut self) {
        let (doing, speed, begun) = super::orders::clock_of(&self.book, self.tempo.factor());
        self.begun = begun;
        self.doing = if self.play.is_over() { Doing::Standing } else { doing };
        self.tempo.set(speed, clock::instant(), self.play.time());
    }

    /// The city is at T+0: there it waits, and from there bots alone play the same drill.
    fn arrive(&mut self) -> Result<(), String> {
        self.doing = Doing::Standing;
        let mark = self.mark();
        let beside = (self.play.director.clone(), mark);
        self.marks = Some(Checkpoints::from(self.play.city(), || beside));
        let start = self.shared.folder.join(START);
        if mark.time <= self.start() && mark.actions == 0 && !start.exists() {
            self.keeper.keep_at(&start, mark, &self.play);
        }
        if self.baselines.has_whole() {
            self.shared.progress(1.0);
            return Ok(());
        }
        let untouched = mark.actions == 0 && mark.time <= self.start();
        let bots = if untouched { self.play.fork() } else { self.at_start() };
        after::begin_baseline(bots, SimTime::MAX, &self.shared, &self.desk)
    }

    /// The drill where nobody had done anything yet.
    fn at_start(&self) -> Play {
        let mut play = Play::begin(self.play.stage.cast(), self.play.drill());
        drop(states::restore(&self.shared.folder.join(START), &mut play));
        play
    }

    pub(super) fn start(&self) -> SimTime {
        self.play.drill().start
    }

    /// Where it is, for a state.
    pub(super) fn mark(&self) -> Mark {
        Mark { time: self.play.time(), actions: self.done, log: self.journal.length() }
    }

    /// Writes what happened into the derived log.
    pub(super) fn tell(&mut self) -> Result<(), String> {
        let lines = self.play.director.log();
        self.journal.write(&lines)
    }

    fn step_length(&self) -> SimDuration {
        self.play.stage.cast().loaded().settings.step
    }

    /// How long to wait for somebody before there is something to do.
    fn patience(&mut self) -> Duration {
        if self.failure.is_some() {
            return IDLE;
        }
        let now = clock::instant();
        let until_shown = SCENE_EVERY.saturating_sub(now.saturating_duration_since(self.shown));
        let showing = if self.dirty { until_shown } else { IDLE };
        let step = self.step_length();
        match self.doing {
            Doing::Standing => showing,
            Doing::Playing => self.tempo.until_due(now, self.play.time(), step).min(showing),
            Doing::Preparing | Doing::Steps(_) => Duration::ZERO,
        }
    }

    /// Takes the steps that are due, as many as fit into a slice.
    fn go_on(&mut self) -> Result<(), String> {
        if self.failure.is_some() {
            return Ok(());
        }
        let slice = clock::instant();
        loop {
            if self.doing == Doing::Preparing && (self.play.has_begun() || self.play.is_over()) {
                self.tell()?;
                self.arrive()?;
                self.seat_everybody()?;
                self.dirty = true;
            }
            if self.doing != Doing::Preparing && self.play.is_over() {
                self.end();
                return Ok(());
            }
            if !self.is_due() {
                return Ok(());
            }
            self.step()?;
            self.tempo.note(clock::instant(), self.play.time());
            if let Doing::Steps(left) = self.doing {
                self.doing = if left > 1 { Doing::Steps(left - 1) } else { Doing::Standing };
            }
            if slice.elapsed() >= SLICE {
                return Ok(());
            }
        }
    }

    fn is_due(&mut self) -> bool {
        let (time, step) = (self.play.time(), self.step_length());
        match self.doing {
            Doing::Standing => false,
            Doing::Playing => self.tempo.until_due(clock::instant(), time, step).is_zero(),
            Doing::Preparing | Doing::Steps(_) => true,
        }
    }

    /// Takes a step; what happened in it and how far it has come is written down.
    pub(super) fn step(&mut self) -> Result<(), String> {
        self.play.step();
        self.dirty = true;
        self.tell()?;
        if self.doing == Doing::Preparing {
            return Ok(());
        }
        let cannot = |error: std::io::Error| format!("how far the drill has come cannot be written: {error}");
        self.book.reach(self.play.time()).map_err(cannot)?;
        let mark = self.mark();
        if let Some(marks) = &mut self.marks {
            let director = &self.play.director;
            marks.keep(self.play.stage.city(), || (director.clone(), mark));
        }
        let since = mark.time - self.start();
        if since.as_milliseconds() % STATE_EVERY.as_milliseconds() == 0 {
            self.keeper.keep(self.book.folder(), mark, &self.play);
        }
        Ok(())
    }

    /// The drill is over: what became of it is written as soon as it is known what bots alone achieve.
    fn end(&mut self) {
        if self.over {
            return;
        }
        self.over = true;
        self.doing = Doing::Standing;
        self.dirty = true;
        let ended = self.play.record().ended;
        if ended < self.start() + self.play.drill().length && self.baselines.ended_at(ended).is_none() {
            let begun = after::begin_baseline(self.at_start(), ended, &self.shared, &self.desk);
            begun.unwrap_or_else(|sentence| self.shared.trouble(sentence));
        }
        self.conclude();
    }

    pub(super) fn conclude(&mut self) {
        if !self.over {
            return;
        }
        let played = self.play.record();
        let Some(by_bots) = self.baselines.ended_at(played.ended) else { return };
        match after::write(self.book.folder(), &played, by_bots) {
            Ok(()) => drop(self.shared.over.send_replace(true)),
            Err(sentence) => self.shared.trouble(sentence),
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Facts(subject, reply) => drop(reply.send(Ok(facts::about(&self.play.stage, &subject)))),
            Request::Command(_, reply) => drop(
                reply.send(Err(Refused::NotNow(
                    "this city is that of a drill: its clock and what happens in it are in the controller's hands"
                        .to_owned(),
                ))),
            ),
            Request::Part(_, reply) => {
                drop(
                    reply.send(Err(Refused::NotNow(
                        "a drill is not forked; the controller can go back in it".to_owned(),
                    ))),
                );
            }
            Request::Drill(asked) => self.asked(*asked),
            Request::End => {}
        }
    }

    fn asked(&mut self, asked: Asked) {
        match asked {
            Asked::Do { seat, id, wish, reply } => {
                let done = self.able().and_then(|()| self.wished(&seat, &id, wish));
                self.show(true);
                drop(reply.send(done));
            }
            Asked::Recommend { role, call, reply } => drop(reply.send(self.recommend(&role, call))),
            Asked::Joined(reply) => {
                let seated = self.able().and_then(|()| {
                    self.seat_everybody().map_err(|sentence| {
                        self.fail(sentence.clone());
                        Refused::Failed(sentence)
                    })
                });
                self.show(true);
                drop(reply.send(seated));
            }
            Asked::Look { role, reply } => {
                self.show_view(&role);
                drop(reply.send(Ok(())));
            }
            Asked::Baseline(until, record) => {
                if until == SimTime::MAX {
                    self.shared.progress(1.0);
                }
                self.baselines.take(until, *record);
                self.conclude();
            }
        }
    }

    /// Why it can do nothing, if it cannot.
    fn able(&self) -> Result<(), Refused> {
        self.failure.as_ref().map_or(Ok(()), |sentence| Err(Refused::Failed(sentence.clone())))
    }

    /// It cannot go on.
    pub(super) fn fail(&mut self, sentence: String) {
        self.shared.trouble(sentence.clone());
        self.doing = Doing::Standing;
        self.failure = Some(sentence);
        self.dirty = true;
    }

    /// What people call what it is doing.
    fn phase(&self) -> &'static str {
        match self.doing {
            _ if self.over => "over",
            Doing::Preparing => "preparing",
            Doing::Standing if !self.begun => "waiting",
            Doing::Standing => "paused",
            Doing::Playing | Doing::Steps(_) => "running",
        }
    }

    /// Shows how it is, if it is time to or it must be.
    pub(super) fn show(&mut self, must: bool) {
        let now = clock::instant();
        if !must && now.saturating_duration_since(self.shown) < if self.dirty { SCENE_EVERY } else { IDLE } {
            return;
        }
        let paused = matches!(self.doing, Doing::Standing);
        let going = Going { speed: self.tempo.factor(), paused, over: self.over };
        if self.dirty || must {
            self.desk.show(self.scenes.make(&self.play.stage, going, now));
            self.shared.now(self.phase(), self.book.head().branch, self.book.folder());
        }
        if must || (self.dirty && now.saturating_duration_since(self.viewed) >= VIEW_EVERY) {
            self.viewed = now;
            for role in self.shared.watched() {
                self.show_view(&role);
            }
        }
        // A view that was left out follows.
        self.dirty = self.dirty && self.viewed != now;
        self.shown = now;
        locked(&self.shared.seats).note_presence();
        let mut notice = self.desk.notice();
        let info = &mut notice.info;
        info.time_s = self.play.time().as_seconds();
        (info.paused, info.over, info.speed) = (paused, self.over, self.tempo.factor());
        info.speed_reached = if paused { 0.0 } else { self.tempo.reached(now) };
        notice.troubles = self.shared.troubles();
    }

    fn show_view(&self, role: &str) {
        let phase = match self.phase() {
            "preparing" => "waiting",
            phase => phase,
        };
        match self.play.view(role, phase, self.tempo.factor()) {
            Ok(view) => self.shared.show(role, view),
            Err(sentence) => self.shared.trouble(sentence),
        }
    }
}
