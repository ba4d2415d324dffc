//! The thread of a session: steps its city by the clock on the wall, and does what it is asked between two steps.
//!
//! Nobody else touches the city. Whoever looks on gets scenes and never makes it wait; what it tells goes out by [`Live`], where it
//! speaks into a wire at all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::branch::Branching;
use super::desk::{Desk, Reply, Request};
use super::live::Live;
use super::scenes::{Going, Scenes};
use super::slots::{Slot, Slots};
use super::stage::Stage;
use super::tempo::Tempo;
use crate::api::port::{Done, Refused, SessionInfo, SessionKind};
use crate::primitives::{SimDuration, SimTime};
use crate::twin::clock;

/// How often a scene is made at most.
pub(super) const SCENE_EVERY: Duration = Duration::from_millis(100);
/// How long the city is stepped before somebody may be waiting too long for an answer.
pub(super) const SLICE: Duration = Duration::from_millis(40);
/// How long to wait for orders where nothing is to be done.
pub(super) const IDLE: Duration = Duration::from_millis(200);
/// How long to wait before looking again whether the wire has room.
const HELD: Duration = Duration::from_millis(5);

/// How a session is begun.
pub(super) struct Beginning {
    /// Its name for people.
    pub name: String,
    /// Its id.
    pub id: String,
    pub kind: SessionKind,
    pub parent: Option<String>,
    /// Its city.
    pub stage: Stage,
    /// When it ends by itself.
    pub end: Option<SimTime>,
    /// City seconds for a second on the wall.
    pub speed: Option<f64>,
    pub paused: bool,
    /// How it speaks into the wire, if it does.
    pub live: Option<Live>,
    /// What it is run ahead beside.
    pub branching: Option<Branching>,
    /// Until then it makes again what was before.
    pub catches_up_to: Option<SimTime>,
    /// The last number given to an order.
    pub last_number: u64,
    /// After how long it ends where nobody looks on.
    pub idle_after: Option<Duration>,
    pub slots: Arc<Slots>,
}

/// What the city is doing.
pub(super) enum Doing {
    Standing,
    Playing,
    /// So many steps, then it stands.
    Steps {
        left: u32,
        waiting: Option<Waiting>,
    },
    /// As fast as possible until it is there.
    Going {
        goal: Goal,
        waiting: Option<Waiting>,
        plays_on: bool,
        _slot: Option<Slot>,
    },
}

/// Somebody who waits for an order to be done.
pub(super) struct Waiting {
    pub reply: Reply<Done>,
    pub number: u64,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Goal {
    At(SimTime),
    Event,
}

/// A session at work.
pub(super) struct Actor {
    pub(super) stage: Stage,
    pub(super) desk: Arc<Desk>,
    pub(super) requests: Receiver<Request>,
    pub(super) tempo: Tempo,
    pub(super) scenes: Scenes,
    pub(super) doing: Doing,
    pub(super) live: Option<Live>,
    pub(super) branching: Option<Branching>,
    pub(super) catches_up_to: Option<SimTime>,
    pub(super) kind: SessionKind,
    pub(super) end: Option<SimTime>,
    pub(super) number: u64,
    pub(super) idle_after: Option<Duration>,
    pub(super) slots: Arc<Slots>,
    /// When a scene was last shown, and whether there is more to show.
    pub(super) shown: Instant,
    pub(super) dirty: bool,
    /// When somebody last asked for anything or looked on.
    pub(super) attended: Instant,
    /// Whether the end of the run has been dealt with.
    pub(super) over: bool,
    /// Why it cannot go on, if it cannot.
    pub(super) failure: Option<String>,
}

/// Begins a session on a thread of its own; its desk.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn begin(beginning: Beginning) -> std::io::Result<Arc<Desk>> {
    let now = clock::instant();
    let Beginning { stage, live, branching, speed, paused, kind, end, .. } = beginning;
    let settings = stage.cast().loaded().settings;
    let info = SessionInfo {
        id: beginning.id,
        kind,
        name: beginning.name,
        parent: beginning.parent,
        begin_s: stage.cast().begin().as_seconds(),
        end_s: end.map(SimTime::as_seconds),
        time_s: stage.time().as_seconds(),
        step_s: settings.step.as_seconds(),
        midnight_ms: settings.midnight.as_milliseconds(),
        over: stage.is_over(),
        paused,
        speed,
        speed_reached: 0.0,
        simulated: true,
        branch: branching.as_ref().map(Branching::told),
    };
    let mut scenes = Scenes::default();
    let going = Going { speed, paused, over: stage.is_over() };
    let first = scenes.make(&stage, going, now);
    let commands = stage.orders().iter().map(super::stage::Ordered::done).collect();
    let id = info.id.clone();
    let (desk, requests) = Desk::new(info, commands, Arc::clone(stage.samples()), first);
    let doing = match &branching {
        Some(branching) => {
            Doing::Going { goal: Goal::At(branching.until()), waiting: None, plays_on: false, _slot: None }
        }
        None if beginning.catches_up_to.is_some() => {
            let goal = Goal::At(beginning.catches_up_to.unwrap_or_default());
            Doing::Going { goal, waiting: None, plays_on: !paused, _slot: None }
        }
        None if paused => Doing::Standing,
        None => Doing::Playing,
    };
    let actor = Actor {
        tempo: Tempo::new(speed, now, stage.time()),
        stage,
        desk: Arc::clone(&desk),
        requests,
        scenes,
        doing,
        live,
        branching,
        catches_up_to: beginning.catches_up_to,
        kind,
        end,
        number: beginning.last_number,
        idle_after: beginning.idle_after,
        slots: beginning.slots,
        shown: now,
        dirty: true,
        attended: now,
        over: false,
        failure: None,
    };
    thread::Builder::new().name(format!("session {id}")).spawn(move || actor.live_through())?;
    Ok(desk)
}

impl Actor {
    /// Works, and says when it has ended, however it does.
    fn live_through(mut self) {
        let desk = Arc::clone(&self.desk);
        let died = catch_unwind(AssertUnwindSafe(|| self.work())).is_err();
        let mut notice = desk.notice();
        notice.ended = true;
        notice.info.paused = true;
        if died {
            notice.troubles.push("it died, which it should not; what it was ordered is written down".to_owned());
        }
    }

    /// Works until it is told to end or nobody wants it any more.
    fn work(&mut self) {
        loop {
            let patience = self.patience();
            match self.requests.recv_timeout(patience) {
                Ok(Request::End) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(request) => {
                    self.attended = clock::instant();
                    self.answer(request);
                    // Whoever waits behind is heard before the next step.
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.go_on();
            self.show(false);
            if self.is_forgotten() {
                break;
            }
        }
        if let Some(live) = &mut self.live
            && !self.over
        {
            live.end(&self.stage, true);
        }
    }

    /// How long to wait for an order before there is something to do.
    fn patience(&mut self) -> Duration {
        let now = clock::instant();
        let until_shown = SCENE_EVERY.saturating_sub(now.saturating_duration_since(self.shown));
        let showing = if self.dirty { until_shown } else { IDLE };
        let held = self.live.as_mut().map_or(Ok(false), Live::is_held);
        if matches!(held, Ok(true)) {
            return HELD;
        }
        let step = self.step();
        match self.doing {
            Doing::Standing => showing,
            Doing::Playing => self.tempo.until_due(now, self.stage.time(), step).min(showing),
            Doing::Steps { .. } | Doing::Going { .. } => Duration::ZERO,
        }
    }

    fn step(&self) -> SimDuration {
        self.stage.cast().loaded().settings.step
    }

    /// Takes the steps that are due, as many as fit into a slice.
    fn go_on(&mut self) {
        let begun = clock::instant();
        loop {
            if let Some(live) = &mut self.live {
                match live.is_held() {
                    Ok(false) => {}
                    Ok(true) => return,
                    Err(sentence) => return self.fail(sentence),
                }
            }
            if self.arrived_or_over() || !self.is_due() {
                return;
            }
            let before = self.stage.time();
            let news = self.stage.step();
            self.dirty = true;
            if let Some(live) = &mut self.live
                && let Err(sentence) = live.stepped(before, &mut self.stage)
            {
                return self.fail(sentence);
            }
            self.tempo.note(clock::instant(), self.stage.time());
            self.count_down(news);
            if begun.elapsed() >= SLICE {
                return;
            }
        }
    }

    fn is_due(&mut self) -> bool {
        let (time, step) = (self.stage.time(), self.step());
        match self.doing {
            Doing::Standing => false,
            Doing::Playing => self.tempo.until_due(clock::instant(), time, step).is_zero(),
            Doing::Steps { .. } | Doing::Going { .. } => true,
        }
    }

    /// After a step: whether it was the last of those that were asked for.
    fn count_down(&mut self, news: bool) {
        let there = match &mut self.doing {
            Doing::Steps { left, .. } => {
                *left -= 1;
                *left == 0
            }
            Doing::Going { goal: Goal::Event, .. } => news,
            _ => false,
        };
        if there {
            self.arrive();
        }
    }

    /// Deals with a goal that is reached, and with the end of the run; whether there is nothing more to step.
    fn arrived_or_over(&mut self) -> bool {
        if let Doing::Going { goal: Goal::At(time), .. } = self.doing
            && self.stage.time() >= time
        {
            self.arrive();
        }
        if !self.stage.is_over() {
            self.over = false;
            return false;
        }
        if !matches!(self.doing, Doing::Standing) {
            self.arrive();
            self.doing = Doing::Standing;
        }
        if !self.over {
            self.over = true;
            self.dirty = true;
            if let Some(live) = &mut self.live {
                live.end(&self.stage, false);
            }
        }
        true
    }

    /// It is where it was sent to.
    fn arrive(&mut self) {
        self.stage.make_again();
        let said = format!("it is {} in the city", self.stage.time());
        let (waiting, next) = match std::mem::replace(&mut self.doing, Doing::Standing) {
            Doing::Going { waiting, plays_on: true, .. } => (waiting, Doing::Playing),
            Doing::Going { waiting, .. } | Doing::Steps { waiting, .. } => (waiting, Doing::Standing),
            other => (None, other),
        };
        self.doing = next;
        self.tempo.begin(clock::instant(), self.stage.time());
        if let Some(Waiting { reply, number }) = waiting {
            self.show(true);
            drop(reply.send(Ok(Done { number, time_s: self.stage.time().as_seconds(), said })));
        }
    }

    /// It is not sent there any more.
    pub(super) fn give_up_going(&mut self, why: &str) {
        if let Doing::Going { waiting, .. } | Doing::Steps { waiting, .. } =
            std::mem::replace(&mut self.doing, Doing::Standing)
            && let Some(Waiting { reply, .. }) = waiting
        {
            drop(reply.send(Err(Refused::NotNow(format!("{why} at {}", self.stage.time())))));
        }
    }

    /// It cannot go on.
    pub(super) fn fail(&mut self, sentence: String) {
        self.give_up_going("it failed");
        self.failure = Some(sentence);
        self.dirty = true;
    }

    /// Whether nobody has looked on or asked for long.
    fn is_forgotten(&mut self) -> bool {
        let Some(after) = self.idle_after else { return false };
        if self.desk.is_watched() {
            self.attended = clock::instant();
        }
        self.attended.elapsed() >= after
    }

    /// Shows how it is, if it is time to or it must be.
    pub(super) fn show(&mut self, must: bool) {
        let now = clock::instant();
        if let Some(branching) = &mut self.branching {
            self.dirty |= branching.look(&self.stage);
        }
        if !must && now.saturating_duration_since(self.shown) < if self.dirty { SCENE_EVERY } else { IDLE } {
            return;
        }
        let paused = matches!(self.doing, Doing::Standing);
        let going = Going { speed: self.speed(), paused, over: self.stage.is_over() };
        if self.dirty || must {
            self.desk.show(self.scenes.make(&self.stage, going, now));
        }
        (self.shown, self.dirty) = (now, false);
        let troubles = self.troubles();
        let mut notice = self.desk.notice();
        let info = &mut notice.info;
        info.time_s = self.stage.time().as_seconds();
        (info.paused, info.over, info.speed) = (going.paused, going.over, going.speed);
        info.speed_reached = if paused { 0.0 } else { self.tempo.reached(now) };
        info.branch = self.branching.as_ref().map(Branching::told);
        notice.troubles = troubles;
    }

    /// City seconds for a second on the wall as they are asked for now.
    fn speed(&self) -> Option<f64> {
        if matches!(self.doing, Doing::Going { .. }) { None } else { self.tempo.factor() }
    }

    fn troubles(&self) -> Vec<String> {
        let wire = self.live.as_ref().map(Live::troubles).unwrap_or_default();
        self.failure.iter().cloned().chain(wire).chain(self.stage.troubles.iter().cloned()).collect()
    }
}
