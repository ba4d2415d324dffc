//! Devices that watch the city: trackers, loops, cameras, air and weather stations, parking bays, and what signals tell.
//!
//! Every device is an actor with an identity, timers and a column of its own. After a step it sees the road as the step left it,
//! puts its error model between the truth and its words, and hands an [`Emission`] to the outbox. Nothing here changes the city:
//! a city that is watched moves exactly as one that is not. Knows nobody who listens.

pub(crate) mod air;
pub(crate) mod bay;
pub(crate) mod camera;
pub(crate) mod climate;
pub(crate) mod detector;
pub(crate) mod earth;
pub(crate) mod exhaust;
pub(crate) mod scene;
pub(crate) mod signals;
pub(crate) mod tracker;
pub(crate) mod weather;

use bevy_ecs::prelude::*;

use super::{Directory, Percept};
use crate::primitives::random::{Purpose, Seed};
use crate::primitives::{SimDuration, SimTime, Timestamp};
use crate::simulation::kernel::ActorId;
use crate::simulation::kernel::timers::Timers;
use crate::telemetry::error::Dice;
use crate::telemetry::{DeviceId, Emission, Fate, Fault, Reading, Record};
use climate::Climate;
use earth::Earth;

/// Column of the induction loops.
pub(crate) const LOOPS: u16 = 10;
/// Column of the counting cameras.
pub(crate) const CAMERAS: u16 = 11;
/// Column of the air-quality stations.
pub(crate) const AIR: u16 = 12;
/// Column of the weather stations.
pub(crate) const WEATHER: u16 = 13;
/// Column of the parking bays.
pub(crate) const BAYS: u16 = 14;
/// Column of the trackers, by row of the demand.
pub(crate) const TRACKERS: u16 = 15;

/// The most emissions kept for somebody to take; what comes beyond is counted and thrown away.
const OUTBOX_MAX: usize = 1 << 20;

/// A device: its name, its counter and its place.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Device {
    /// Its name.
    pub id: DeviceId,
    /// How many records it has made.
    pub sequence: u64,
    /// Longitude and latitude [°].
    pub lon_lat: (f64, f64),
    /// How often it reports [s].
    pub every: SimDuration,
}

impl Device {
    /// Makes its next record.
    pub(crate) fn emit(
        &mut self,
        time: Timestamp,
        reading: impl Into<Reading>,
        truth: impl Into<Reading>,
        fault: Option<Fault>,
        fate: Fate,
    ) -> Emission {
        let record =
            Record { device: self.id.clone(), epoch: 0, sequence: self.sequence, time, reading: reading.into() };
        self.sequence += 1;
        Emission { record, truth: truth.into(), fault, fate }
    }
}

/// What devices told and nobody has taken yet.
#[derive(Resource, Debug, Clone, Default)]
pub(crate) struct Outbox {
    /// In the order of the steps, and within a step of the actors.
    pub emissions: Vec<Emission>,
    /// How many were thrown away because nobody took them.
    pub discarded: u64,
}

impl Outbox {
    /// Takes one more.
    pub(crate) fn post(&mut self, emission: Emission) {
        if self.emissions.len() < OUTBOX_MAX {
            self.emissions.push(emission);
        } else {
            self.discarded += 1;
        }
    }
}

/// What all devices share: the clock, the sky, the place on earth, and the seed of their dice.
#[derive(Resource, Debug, Clone)]
pub(crate) struct Watch {
    /// The instant that the step just made is labelled with.
    pub now: SimTime,
    /// Length of a step [s].
    pub step: SimDuration,
    /// Midnight of the simulated day.
    pub midnight: Timestamp,
    /// Root of every draw.
    pub seed: Seed,
    /// How badly everything measures.
    pub severity: f64,
    /// Where the map lies.
    pub earth: Earth,
    /// The weather.
    pub climate: Climate,
}

impl Watch {
    /// The instant as devices write it.
    pub(crate) fn timestamp(&self) -> Timestamp {
        self.midnight.at(self.now)
    }

    /// The dice of an actor for a purpose.
    pub(crate) fn dice(&self, purpose: Purpose, actor: ActorId) -> Dice {
        dice(self.seed, purpose, actor)
    }
}

/// The dice of an actor for a purpose.
pub(crate) fn dice(seed: Seed, purpose: Purpose, actor: ActorId) -> Dice {
    Dice { seed, purpose, owner: u64::from(actor.column()) << 32 | u64::from(actor.index()) }
}

/// Which devices want to be woken, and who is awake in this step.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Alarm {
    /// Who wants to be woken when.
    pub timers: Timers,
    /// Who is awake, by actor.
    woken: Vec<ActorId>,
}

impl Alarm {
    /// Who of a column is awake, in order.
    pub(crate) fn woken(&self, column: u16) -> Vec<ActorId> {
        let from = self.woken.partition_point(|actor| actor.column() < column);
        let to = self.woken.partition_point(|actor| actor.column() <= column);
        self.woken[from..to].to_vec()
    }
}

/// When a device that reports `every` is first woken: at a whole step within its first period, so that not all report at once.
pub(crate) fn first_wake(dice: Dice, begin: SimTime, every: SimDuration, step: SimDuration) -> SimTime {
    let steps = usize::try_from(every.as_milliseconds() / step.as_milliseconds().max(1)).unwrap_or(1).max(1);
    let phase = i64::try_from(dice.roll(1).below(steps)).unwrap_or(0);
    begin + SimDuration::milliseconds(phase * step.as_milliseconds())
}

/// The systems of the watch, to be run after a step.
pub(crate) fn schedule() -> Schedule {
    let mut schedule = Schedule::default();
    schedule.set_executor(bevy_ecs::schedule::SingleThreadedExecutor::new());
    schedule.add_systems(
        (
            wake,
            scene::observe,
            signals::report,
            detector::perceive,
            detector::report,
            camera::perceive,
            camera::report,
            air::report,
            weather::report,
            bay::perceive,
            bay::report,
            tracker::switch_on,
            tracker::report,
        )
            .chain(),
    );
    schedule
}

fn wake(percept: Res<'_, Percept>, mut watch: ResMut<'_, Watch>, mut alarm: ResMut<'_, Alarm>) {
    // The step has moved the clock on already; what it left is labelled with the instant it began.
    watch.now = percept.now - watch.step;
    let mut woken = alarm.timers.take_due(watch.now);
    woken.sort_unstable();
    alarm.woken = woken;
}

/// The entity of an actor.
fn entity(directory: &Directory, actor: ActorId) -> Option<Entity> {
    directory.get(actor)
}

/// A number rounded to `digits` decimals, as devices write it.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = match digits {
        0 => 1.0,
        1 => 10.0,
        2 => 100.0,
        3 => 1_000.0,
        _ => 1_000_000.0,
    };
    nearest(value * scale) / scale
}

/// The whole number nearest to a value, halves away from zero: `f64::round` for processors that do not have it, which would be
/// a call into a library for every field of every record.
fn nearest(value: f64) -> f64 {
    // From here on there are no fractions that could be cut off.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    // What is no number stays what it is, too.
    if value.abs().partial_cmp(&WHOLE) != Some(std::cmp::Ordering::Less) {
        return value;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "both ways within 53 bits")]
    let cut = (value as i64) as f64;
    let up = if (value - cut).abs() >= 0.5 { 1.0_f64.copysign(value) } else { 0.0 };
    (cut + up).copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_ways_end_where_the_long_ones_do() {
        let values =
            [0.0, -0.0, 0.5, -0.5, 0.499_999_999_999_999_94, 1.5, 2.5, -2.5, 1e15, 4.5e15, -7e18, f64::INFINITY];
        let more = (-4000..4000).map(|k| f64::from(k) * 0.178_25);
        for value in values.into_iter().chain(more) {
            assert_eq!(nearest(value).to_bits(), value.round().to_bits(), "{value}");
            if value.is_finite() {
                let turned = crate::telemetry::error::full_turn(value);
                assert_eq!(turned.to_bits(), value.rem_euclid(360.0).to_bits(), "{value}");
            }
        }
        assert!(nearest(f64::NAN).is_nan());
    }
}
