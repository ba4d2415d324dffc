//! What people do in a drill: actions, the clock, going back. Refused before anything has changed, or done, written down and answered.

use super::super::stage::locked;
use super::super::tempo::FACTORS;
use super::book::{BRANCHES_MAX, Book, Did, Left, Line, Told, Wish, left_done};
use super::journal::Journal;
use super::play::Play;
use super::player::{Doing, Player, START};
use super::states;
use crate::api::port::{ClockOrder, Done, Refused, Seat};
use crate::primitives::SimTime;
use crate::studies::drill::model::{Action, Logged, Power};
use crate::twin::clock;

/// Most steps that one order takes.
const STEPS_MAX: u32 = 3_600;

/// How the clock goes after everything it was told in a branch: what it does, its pace, and whether anybody has let it go.
pub(super) fn clock_of(book: &Book, speed: Option<f64>) -> (Doing, Option<f64>, bool) {
    // Who goes back has let it go before, and finds it standing, at the pace it had.
    let left = book.head().left.as_ref();
    let mut stand = (Doing::Standing, left.map_or(speed, |left| left.speed), left.is_some());
    for told in book.clock() {
        match told.order {
            ClockOrder::Pause => stand.0 = Doing::Standing,
            ClockOrder::Step(_) => (stand.0, stand.2) = (Doing::Standing, true),
            ClockOrder::Resume => (stand.0, stand.2) = (Doing::Playing, true),
            ClockOrder::Speed(factor) => stand.1 = factor,
        }
    }
    stand
}

impl Player {
    /// Does what somebody wants, once.
    pub(super) fn wished(&mut self, seat: &Seat, id: &str, wish: Wish) -> Result<Done, Refused> {
        if let Some(done) = self.book.answered(seat.number, id, &wish)? {
            return Ok(done);
        }
        if self.doing == Doing::Preparing {
            let start = self.start();
            let sentence = format!("the drill begins at {start}; the city is on its way there, in a moment it is");
            return Err(Refused::NotNow(sentence));
        }
        self.book.room()?;
        match wish {
            Wish::Act(action) => self.act(seat, Some(id.to_owned()), action),
            Wish::Clock(order) => self.clock(seat, id, order),
            Wish::Rewind(to_s) => self.rewind(seat, id, to_s),
        }
    }

    fn may(&self, seat: &Seat, power: Power, what: &str) -> Result<(), Refused> {
        let role = self.play.drill().roles.iter().find(|role| role.name == seat.role);
        if role.is_some_and(|role| role.may.contains(&power)) {
            return Ok(());
        }
        Err(Refused::NotNow(format!("the role {} may not {what}", seat.title)))
    }

    fn act(&mut self, seat: &Seat, id: Option<String>, action: Action) -> Result<Done, Refused> {
        if self.over && !matches!(action, Action::Rate { .. } | Action::Note { .. }) {
            let sentence = "the drill is over; objectives can be rated and things noted, nothing else";
            return Err(Refused::NotNow(sentence.to_owned()));
        }
        let time = self.play.time();
        let said = self.play.act(&seat.role, &seat.name, &action).map_err(Refused::Invalid)?;
        let number = self.done as u64 + 1;
        let (role, person) = (seat.role.clone(), seat.name.clone());
        let logged = Logged { number, time, role, person, action, said: said.clone() };
        let line = Line::Action(Did { logged, seat: seat.number, id });
        self.written(line)?;
        self.done += 1;
        if let Err(sentence) = self.tell() {
            self.fail(sentence);
        }
        self.dirty = true;
        self.conclude();
        Ok(Done { number, time_s: time.as_seconds(), said })
    }

    /// Writes a line down for good; where that fails nothing goes on.
    fn written(&mut self, line: Line) -> Result<(), Refused> {
        self.book.write(line).map_err(|sentence| {
            self.fail(sentence.clone());
            Refused::Failed(sentence)
        })
    }

    /// Whoever has a seat and is not yet known to the drill takes the role from its bot; nobody does before T+0.
    pub(super) fn seat_everybody(&mut self) -> Result<(), String> {
        if self.doing == Doing::Preparing || self.over {
            return Ok(());
        }
        let joins = self.book.actions().iter().filter(|did| did.id.is_none());
        let known: Vec<u64> = joins.map(|did| did.seat).collect();
        let new: Vec<Seat> = {
            let seats = locked(&self.shared.seats);
            seats.all().filter(|seat| !known.contains(&seat.number)).cloned().collect()
        };
        for seat in &new {
            let takes = Action::Hand { role: seat.role.clone(), bot: false };
            match self.act(seat, None, takes) {
                Ok(_) => {}
                Err(Refused::Failed(sentence)) => return Err(sentence),
                Err(refused) => self.shared.trouble(format!("{} could not take its role: {refused}", seat.name)),
            }
        }
        if !new.is_empty() && !self.begun && !self.has_clock() {
            // Nobody could let it go.
            (self.begun, self.doing) = (true, Doing::Playing);
            self.tempo.begin(clock::instant(), self.play.time());
        }
        Ok(())
    }

    /// Whether anybody can have the clock.
    fn has_clock(&self) -> bool {
        self.play.drill().roles.iter().any(|role| role.seats > 0 && role.may.contains(&Power::Clock))
    }

    fn clock(&mut self, seat: &Seat, id: &str, order: ClockOrder) -> Result<Done, Refused> {
        self.may(seat, Power::Clock, "say how the clock goes")?;
        if self.over {
            return Err(Refused::NotNow("the drill is over; go back in it, or begin it anew".to_owned()));
        }
        let said = match order {
            ClockOrder::Pause => "the drill stands still".to_owned(),
            ClockOrder::Resume => "the drill goes on".to_owned(),
            ClockOrder::Speed(Some(factor)) if !FACTORS.contains(&factor) => {
                let sentence = format!("{factor} times is no pace for a drill; say 0.5 to 60, or as fast as possible");
                return Err(Refused::Invalid(sentence));
            }
            ClockOrder::Speed(Some(factor)) => format!("the drill goes at {factor} times"),
            ClockOrder::Speed(None) => "the drill goes as fast as it can".to_owned(),
            ClockOrder::Step(steps) if steps == 0 || steps > STEPS_MAX => {
                let sentence = format!("{steps} steps cannot be taken at once; say 1 to {STEPS_MAX}");
                return Err(Refused::Invalid(sentence));
            }
            ClockOrder::Step(steps) => format!("{steps} steps are taken"),
        };
        let time = self.play.time();
        let (role, person, number) = (seat.role.clone(), seat.name.clone(), self.done as u64);
        let said_too = said.clone();
        let told = Told { time, role, person, order, said: said_too, seat: seat.number, id: id.to_owned(), number };
        self.written(Line::Clock(told))?;
        let now = clock::instant();
        match order {
            ClockOrder::Pause => self.doing = Doing::Standing,
            ClockOrder::Resume => {
                if self.doing != Doing::Playing {
                    self.tempo.begin(now, time);
                }
                (self.doing, self.begun) = (Doing::Playing, true);
            }
            ClockOrder::Speed(factor) => self.tempo.set(factor, now, time),
            ClockOrder::Step(steps) => (self.doing, self.begun) = (Doing::Steps(steps), true),
        }
        self.dirty = true;
        Ok(Done { number, time_s: time.as_seconds(), said })
    }

    /// Goes back on a new branch; what was done on this one stays as it is.
    fn rewind(&mut self, seat: &Seat, id: &str, to_s: f64) -> Result<Done, Refused> {
        self.may(seat, Power::Rewind, "go back in time")?;
        let (start, now) = (self.start(), self.play.time());
        let to = if to_s.is_finite() { SimTime::seconds(to_s) } else { SimTime::MAX };
        if !to_s.is_finite() || to < start || to > now {
            let sentence = format!(
                "{to_s} s does not lie behind; say {} ({start}) to {} ({now})",
                start.as_seconds(),
                now.as_seconds()
            );
            return Err(Refused::Invalid(sentence));
        }
        if self.book.head().branch >= BRANCHES_MAX {
            return Err(Refused::TooMany(format!("{BRANCHES_MAX} branches are enough for a drill; begin it anew")));
        }
        // A step is whole.
        let step = self.play.stage.cast().loaded().settings.step.as_milliseconds().max(1);
        let to = SimTime::milliseconds(to.as_milliseconds() - (to - start).as_milliseconds() % step);
        let parent = self.book.head().branch;
        let from = self.book.folder().to_owned();
        let (seat, person) = (seat.number, seat.name.clone());
        let left = Left { parent, at: to, seat, id: id.to_owned(), person, to_s, speed: self.tempo.factor() };
        self.book.branch(left.clone()).map_err(Refused::Failed)?;
        self.go_back(to, &from).map_err(|sentence| {
            self.fail(sentence.clone());
            Refused::Failed(sentence)
        })?;
        Ok(left_done(self.book.head(), &left))
    }

    fn go_back(&mut self, to: SimTime, from: &std::path::Path) -> Result<(), String> {
        (self.doing, self.over, self.dirty) = (Doing::Standing, false, true);
        self.shared.over.send_replace(false);
        let kept = self.marks.as_ref().and_then(|marks| marks.before(to));
        // One that was gone on from may have in it what was done at its very instant.
        let kept = kept.filter(|(_, (_, mark))| mark.actions <= self.book.actions().len());
        let mark = if let Some((city, (director, mark))) = kept {
            self.play.become_like(city, director);
            mark
        } else {
            let mut play = Play::begin(self.play.stage.cast(), self.play.drill());
            let mark = states::restore(&self.shared.folder.join(START), &mut play)?;
            self.play.become_this(play);
            mark
        };
        self.play.director.set_branch(self.book.head().branch);
        Journal::copy(from, self.book.folder(), mark.log)?;
        self.journal = Journal::begin(self.book.folder(), mark.log)?;
        self.done = mark.actions;
        if let Some(marks) = &mut self.marks {
            marks.forget_after(to);
        }
        self.scenes.leaps();
        self.make_again(to)?;
        self.tempo.begin(clock::instant(), self.play.time());
        // So that a server that is killed here is soon back.
        let place = states::place(self.book.folder(), self.play.time());
        self.keeper.keep_at(&place, self.mark(), &self.play);
        // Whoever joined later than that sits here all the same.
        self.seat_everybody()
    }

    /// Who would be at a call soonest, as JSON.
    pub(super) fn recommend(&self, role: &str, call: u32) -> Result<String, Refused> {
        let found = self.play.director.recommend(self.play.city(), role, call).map_err(Refused::NotNow)?;
        serde_json::to_string(&found).map_err(|error| Refused::Failed(error.to_string()))
    }
}
