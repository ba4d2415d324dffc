//! A city with everything that makes it the same again: the orders it was given, states to go back to, and its numbers over time.
//!
//! Knows steps and city time only, no clock on the wall, no thread, no wire: what was ordered at an instant is done before the step
//! that begins then, whether it is done for the first time or made again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cast::Cast;
use super::checkpoints::Checkpoints;
use super::orders;
use crate::api::port::{Done, Intervention, Refused, Sample, SceneTotals};
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::City;
use crate::simulation::outcome::{Happening, UnitStatus};

/// How often the city's numbers are kept [s].
const SAMPLE: SimDuration = SimDuration::milliseconds(10_000);
/// Most numbers kept: a day.
const SAMPLES_MAX: usize = 8_640;
/// Most changes in a session.
const CHANGES_MAX: usize = 10_000;

/// A change that was ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ordered {
    /// Its number in the session, from 1.
    pub number: u64,
    /// The city's time when it was.
    pub at: SimTime,
    /// What was ordered.
    pub change: Intervention,
    /// What was done, in a sentence.
    pub said: String,
}

impl Ordered {
    pub(super) fn done(&self) -> Done {
        Done { number: self.number, time_s: self.at.as_seconds(), said: self.said.clone() }
    }
}

/// A city at an instant with its past, to be taken up by another session.
#[derive(Debug)]
pub(super) struct Parting {
    /// The city.
    pub city: City,
    /// What it was ordered so far.
    pub past: Vec<Ordered>,
    /// Its numbers so far.
    pub samples: Vec<Sample>,
}

/// The city of a session.
#[derive(Debug)]
pub(super) struct Stage {
    city: City,
    cast: Arc<Cast>,
    /// By instant, and in the order in which they came.
    orders: Vec<Ordered>,
    /// The first order that is not done yet.
    next: usize,
    /// How many orders were done in the session it parted from, and cannot be undone here.
    brought: usize,
    /// None in a session that speaks into a wire, where nothing can be unsaid.
    checkpoints: Option<Checkpoints>,
    /// Read by others while the city runs.
    samples: Arc<Mutex<Vec<Sample>>>,
    /// When it is over, where that is not what its settings say.
    end: Option<SimTime>,
    /// Orders that could not be made again, in sentences.
    pub troubles: Vec<String>,
}

impl Stage {
    /// A city at its beginning, with orders that are to be made again at their instants.
    pub(super) fn begin(cast: &Arc<Cast>, city: City, orders: Vec<Ordered>, goes_back: bool) -> Self {
        let parting = Parting { city, past: orders, samples: Vec::new() };
        let mut stage = Self::take_up(cast, parting, goes_back);
        (stage.next, stage.brought) = (0, 0);
        stage.note_sample();
        stage
    }

    /// A city that parted from another session, with its past.
    pub(super) fn take_up(cast: &Arc<Cast>, parting: Parting, goes_back: bool) -> Self {
        let Parting { city, past, samples } = parting;
        let checkpoints = goes_back.then(|| Checkpoints::from(&city, || ()));
        Self {
            city,
            cast: Arc::clone(cast),
            next: past.len(),
            brought: past.len(),
            orders: past,
            checkpoints,
            samples: Arc::new(Mutex::new(samples)),
            end: None,
            troubles: Vec::new(),
        }
    }

    /// Ends it at an instant.
    pub(super) fn ends_at(&mut self, end: SimTime) {
        self.end = Some(end);
    }

    /// As it is now, for another session, in which nobody listens to its devices; what was ordered for later stays here.
    pub(super) fn part(&self) -> Parting {
        let mut city = self.city.fork();
        city.silence();
        Parting { city, past: self.orders[..self.next].to_vec(), samples: locked(&self.samples).clone() }
    }

    pub(super) fn city(&self) -> &City {
        &self.city
    }

    pub(super) fn city_mut(&mut self) -> &mut City {
        &mut self.city
    }

    pub(super) fn cast(&self) -> &Arc<Cast> {
        &self.cast
    }

    pub(super) fn samples(&self) -> &Arc<Mutex<Vec<Sample>>> {
        &self.samples
    }

    /// Everything it was ordered, and what is still to be made again.
    pub(super) fn orders(&self) -> &[Ordered] {
        &self.orders
    }

    pub(super) fn time(&self) -> SimTime {
        self.city.time()
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.city.time() >= end) || self.city.is_over()
    }

    /// The earliest instant one can go back to; none where one cannot.
    pub(super) fn earliest(&self) -> Option<SimTime> {
        self.checkpoints.as_ref().map(Checkpoints::begin)
    }

    /// Takes a step; whether anything happened to an incident or a call.
    pub(super) fn step(&mut self) -> bool {
        self.make_again();
        self.city.step();
        let news = self.city.happenings().iter().any(|happened| is_news(happened.what));
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.keep(&self.city, || ());
        }
        let since = (self.city.time() - self.cast.begin()).as_milliseconds();
        if since % SAMPLE.as_milliseconds() == 0 {
            self.note_sample();
        }
        news
    }

    /// Does what was ordered for this instant and is not done yet.
    pub(super) fn make_again(&mut self) {
        let now = self.city.time();
        while let Some(order) = self.orders.get_mut(self.next).filter(|order| order.at <= now) {
            match orders::carry_out(&mut self.city, &self.cast, &order.change) {
                Ok(said) => order.said = said,
                // In a past that was changed, an incident may not have come that was to be cleared.
                Err(refused) => {
                    order.said = format!("not done: {refused}");
                    self.troubles.push(format!("order {} could not be made again: {refused}", order.number));
                    self.troubles.truncate(100);
                }
            }
            self.next += 1;
        }
    }

    /// Changes the city now; `number` is that of the order in the session.
    pub(super) fn order(&mut self, number: u64, change: &Intervention) -> Result<Ordered, Refused> {
        if self.orders.len() >= CHANGES_MAX {
            let sentence = format!("{CHANGES_MAX} changes were made in this session, and no more can be; fork it");
            return Err(Refused::TooMany(sentence));
        }
        self.make_again();
        let said = orders::carry_out(&mut self.city, &self.cast, change)?;
        let at = self.city.time();
        let order = Ordered { number, at, change: change.clone(), said };
        self.orders.insert(self.next, order.clone());
        self.next += 1;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.forget_after(at);
        }
        Ok(order)
    }

    /// Goes to the latest state kept that is not after `time`; whether there is one.
    pub(super) fn fall_back(&mut self, time: SimTime) -> bool {
        let Some((city, ())) = self.checkpoints.as_ref().and_then(|kept| kept.before(time)) else {
            return false;
        };
        let at = city.time();
        self.city = city;
        // A state holds the city before what was ordered at its instant; but what came along from another session is in it.
        self.next = self.orders.partition_point(|order| order.at < at).max(self.brought);
        locked(&self.samples).retain(|sample| sample.time_s <= at.as_seconds());
        true
    }

    /// Goes on from a city in another state; its numbers are those until then.
    pub(super) fn go_on_from(&mut self, city: City) {
        locked(&self.samples).retain(|sample| sample.time_s <= city.time().as_seconds());
        self.city = city;
    }

    /// The city in numbers.
    pub(super) fn totals(&self) -> SceneTotals {
        let now = self.city.instant();
        let units = self.city.units();
        let free = |status| matches!(status, UnitStatus::Available | UnitStatus::Returning);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        SceneTotals {
            running: now.running,
            arrived: now.arrived,
            inserted: now.inserted,
            waiting_to_enter: now.waiting_to_enter,
            halting: now.halting,
            speed_mean: now.speed_mean,
            speed_relative_mean: now.speed_relative_mean,
            travel_time_mean: now.travel_time_mean,
            calls_open: self.city.calls_open(),
            units_busy: count(units.iter().filter(|unit| !free(unit.status)).count()),
            units: count(units.len()),
        }
    }

    fn note_sample(&mut self) {
        let sample = Sample { time_s: self.city.time().as_seconds(), totals: self.totals() };
        let mut samples = locked(&self.samples);
        // What was here before is of another past.
        let place = samples.partition_point(|known| known.time_s < sample.time_s);
        samples.truncate(place);
        if samples.len() >= SAMPLES_MAX {
            samples.remove(0);
        }
        samples.push(sample);
    }
}

/// Whether it is something to go to in time: an incident, a call, or a change of one of them.
const fn is_news(what: Happening) -> bool {
    matches!(what, Happening::Incident { .. } | Happening::Call { .. })
}

/// Samples are whole whoever dies holding them.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
