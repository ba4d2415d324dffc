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
use super::diary::Order;
use super::facts;
use super::live::Live;
use super::scenes::{Going, Scenes};
use super::slots::{Slot, Slots};
use super::stage::Stage;
use super::tempo::{FACTORS, Tempo};
use crate::api::port::{Clock, Command, Done, Intervention, Jump, Refused, SessionInfo, SessionKind};
use crate::primitives::{SimDuration, SimTime};
use crate::twin::clock;

/// How often a scene is made at most.
const SCENE_EVERY: Duration = Duration::from_millis(100);
/// How long the city is stepped before somebody may be waiting too long for an answer.
const SLICE: Duration = Duration::from_millis(40);
/// How long to wait for orders where nothing is to be done.
const IDLE: Duration = Duration::from_millis(200);
/// How long to wait before looking again whether the wire has room.
const HELD: Duration = Duration::from_millis(5);
/// Most steps that one order takes.
const STEPS_MAX: u32 = 3_600;

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
enum Doing {
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
struct Waiting {
    reply: Reply<Done>,
    number: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Goal {
    At(SimTime),
    Event,
}

/// A session at work.
pub(super) struct Actor {
    stage: Stage,
    desk: Arc<Desk>,
    requests: Receiver<Request>,
    tempo: Tempo,
    scenes: Scenes,
    doing: Doing,
    live: Option<Live>,
    branching: Option<Branching>,
    catches_up_to: Option<SimTime>,
    kind: SessionKind,
    end: Option<SimTime>,
    number: u64,
    idle_after: Option<Duration>,
    slots: Arc<Slots>,
    /// When a scene was last shown, and whether there is more to show.
    shown: Instant,
    dirty: bool,
    /// When somebody last asked for anything or looked on.
    attended: Instant,
    /// Whether the end of the run has been dealt with.
    over: bool,
    /// Why it cannot go on, if it cannot.
    failure: Option<String>,
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
        let held = self.live.as_mut().map_or(Ok(false), |live| live.is_held());
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
    fn give_up_going(&mut self, why: &str) {
        if let Doing::Going { waiting, .. } | Doing::Steps { waiting, .. } =
            std::mem::replace(&mut self.doing, Doing::Standing)
            && let Some(Waiting { reply, .. }) = waiting
        {
            drop(reply.send(Err(Refused::NotNow(format!("{why} at {}", self.stage.time())))));
        }
    }

    /// It cannot go on.
    fn fail(&mut self, sentence: String) {
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
    fn show(&mut self, must: bool) {
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

    fn answer(&mut self, request: Request) {
        match request {
            Request::Command(command, reply) => match command {
                Command::Clock(clock) => self.clock(clock, reply),
                Command::Jump(jump) => self.jump(jump, reply),
                Command::Intervene(change) => drop(reply.send(self.intervene(&change))),
            },
            Request::Facts(subject, reply) => drop(reply.send(Ok(facts::about(&self.stage, &subject)))),
            Request::Part(times, reply) => {
                drop(reply.send(Ok((0..times).map(|_| self.stage.part()).collect())));
            }
            Request::End => {}
        }
    }

    /// The order is done; writes it down and says so.
    fn done(&mut self, order: Order, said: String) -> Result<Done, Refused> {
        self.number += 1;
        let (number, at) = (self.number, self.stage.time());
        if let Some(live) = &mut self.live
            && let Err(sentence) = live.ordered(number, at, order, &said)
        {
            self.fail(sentence.clone());
            return Err(Refused::Failed(sentence));
        }
        Ok(Done { number, time_s: at.as_seconds(), said })
    }

    /// Why it can do nothing, if it cannot.
    fn able(&self) -> Result<(), Refused> {
        self.failure.as_ref().map_or(Ok(()), |sentence| Err(Refused::Failed(sentence.clone())))
    }

    fn able_to_go_on(&self) -> Result<(), Refused> {
        self.able()?;
        if self.stage.is_over() {
            let sentence = "the run is over and the city stands still; replay it, or fork it at an earlier instant";
            return Err(Refused::NotNow(sentence.to_owned()));
        }
        Ok(())
    }

    fn clock(&mut self, order: Clock, reply: Reply<Done>) {
        let now = clock::instant();
        let said = match order {
            Clock::Pause => {
                self.give_up_going("somebody let it stand still");
                self.doing = Doing::Standing;
                "the city stands still".to_owned()
            }
            Clock::Resume => {
                if let Err(refused) = self.able_to_go_on() {
                    return drop(reply.send(Err(refused)));
                }
                match &mut self.doing {
                    Doing::Going { plays_on, .. } => *plays_on = true,
                    doing => {
                        if !matches!(doing, Doing::Playing) {
                            self.give_up_going("somebody let it go on");
                            self.tempo.begin(now, self.stage.time());
                            self.doing = Doing::Playing;
                        }
                    }
                }
                "the city goes on".to_owned()
            }
            Clock::Speed { factor } => {
                if let Some(factor) = factor.filter(|factor| !FACTORS.contains(factor)) {
                    let sentence =
                        format!("{factor} times is no pace for a city; say 0.5 to 60, or as fast as possible");
                    return drop(reply.send(Err(Refused::Invalid(sentence))));
                }
                self.tempo.set(factor, now, self.stage.time());
                factor.map_or_else(
                    || "the city goes as fast as it can".to_owned(),
                    |factor| format!("the city goes at {factor} times"),
                )
            }
            Clock::Step { steps } => return self.take_steps(steps, reply),
        };
        self.dirty = true;
        let done = self.done(Order::Clock(order), said);
        self.show(true);
        drop(reply.send(done));
    }

    fn take_steps(&mut self, steps: u32, reply: Reply<Done>) {
        let refused = if steps == 0 || steps > STEPS_MAX {
            Err(Refused::Invalid(format!("{steps} steps cannot be taken at once; say 1 to {STEPS_MAX}")))
        } else {
            self.able_to_go_on()
        };
        let order = Order::Clock(Clock::Step { steps });
        match refused.and_then(|()| self.done(order, format!("{steps} steps are taken"))) {
            Ok(done) => {
                self.give_up_going("another order came");
                self.doing = Doing::Steps { left: steps, waiting: Some(Waiting { reply, number: done.number }) };
            }
            Err(refused) => drop(reply.send(Err(refused))),
        }
    }

    fn jump(&mut self, order: Jump, reply: Reply<Done>) {
        let begun = self.goal(&order).and_then(|goal| {
            let slot = if self.live.is_some() { None } else { Some(self.slots.take()?) };
            let done = self.done(Order::Jump(order), "it goes there".to_owned())?;
            Ok((goal, slot, done.number))
        });
        let (goal, slot, number) = match begun {
            Ok(begun) => begun,
            Err(refused) => return drop(reply.send(Err(refused))),
        };
        self.give_up_going("another order came");
        let plays_on = matches!(self.doing, Doing::Playing);
        if let Goal::At(time) = goal
            && time < self.stage.time()
        {
            self.stage.fall_back(time);
        }
        self.scenes.leaps();
        self.dirty = true;
        let waiting = Some(Waiting { reply, number });
        self.doing = Doing::Going { goal, waiting, plays_on, _slot: slot };
    }

    /// Where a jump goes, if it can.
    fn goal(&self, order: &Jump) -> Result<Goal, Refused> {
        self.able()?;
        let Jump::To { time_s } = *order else {
            self.able_to_go_on()?;
            return Ok(Goal::Event);
        };
        let (begin, now) = (self.stage.cast().begin(), self.stage.time());
        let last = self.end.unwrap_or(SimTime::milliseconds(i64::MAX));
        let to = SimTime::seconds(if time_s.is_finite() { time_s } else { f64::MAX });
        if !time_s.is_finite() || to < begin || to > last {
            let until = self.end.map_or_else(String::new, |end| format!(" to {} ({end})", end.as_seconds()));
            let sentence = format!("{time_s} s is outside of the run; say {} ({begin}){until}", begin.as_seconds());
            return Err(Refused::Invalid(sentence));
        }
        if to >= now {
            if to > now {
                self.able_to_go_on()?;
            }
            return Ok(Goal::At(to));
        }
        match self.stage.earliest() {
            None => Err(Refused::NotNow(
                "what this city has told cannot be unsaid, so it does not go back; fork it, or replay it when it is over"
                    .to_owned(),
            )),
            Some(earliest) if to < earliest => {
                Err(Refused::Invalid(format!("this session begins at {earliest}; go back to then at most")))
            }
            Some(_) => Ok(Goal::At(to)),
        }
    }

    fn intervene(&mut self, change: &Intervention) -> Result<Done, Refused> {
        self.able_to_go_on()?;
        if self.kind == SessionKind::Replay {
            let sentence = "a replay shows what was and is not changed; fork it, and change the fork";
            return Err(Refused::NotNow(sentence.to_owned()));
        }
        if let Some(until) = self.catches_up_to.filter(|until| self.stage.time() < *until) {
            return Err(Refused::NotNow(format!("the city catches up with what it was until {until}; wait for it")));
        }
        let order = self.stage.order(self.number + 1, change)?;
        let done = self.done(Order::Change(change.clone()), order.said)?;
        self.desk.notice().commands = self.stage.orders().iter().map(super::stage::Ordered::done).collect();
        self.dirty = true;
        self.show(true);
        Ok(done)
    }
}
