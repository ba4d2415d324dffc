//! What a session does with what it is asked: its clock, jumps, changes and questions, between two steps.
//!
//! Everything is refused with a sentence before anything has changed, or done, written down and answered.

use super::actor::{Actor, Doing, Goal, Waiting};
use super::desk::{Reply, Request};
use super::diary::Order;
use super::facts;
use super::stage::Ordered;
use super::tempo::FACTORS;
use crate::api::port::{Clock, Command, Done, Intervention, Jump, Refused, SessionKind};
use crate::primitives::SimTime;
use crate::twin::clock;

/// Most steps that one order takes.
const STEPS_MAX: u32 = 3_600;

impl Actor {
    pub(super) fn answer(&mut self, request: Request) {
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
            // No drill is run in it; whoever asks hears that nobody answers.
            Request::Drill(_) | Request::End => {}
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
        let plays_on = matches!(self.doing, Doing::Playing | Doing::Going { plays_on: true, .. });
        self.give_up_going("another order came");
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
        self.desk.notice().commands = self.stage.orders().iter().map(Ordered::done).collect();
        self.dirty = true;
        self.show(true);
        Ok(done)
    }
}
