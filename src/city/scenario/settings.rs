//! How a run is to be made: clock, seed, threads.

use crate::primitives::random::Seed;
use crate::primitives::{SimDuration, SimTime, Timestamp};

/// Midnight of 2026-06-02, a Tuesday: the day of a scenario that names none [ms since 1970].
const MIDNIGHT: i64 = 1_780_358_400_000;

/// How a run is to be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunSettings {
    /// Midnight of the day from which simulated time counts.
    pub midnight: Timestamp,
    /// When the run begins [s].
    pub begin: SimTime,
    /// When it ends; none means when everybody has arrived [s].
    pub end: Option<SimTime>,
    /// Length of a step [s].
    pub step: SimDuration,
    /// Root of every draw.
    pub seed: Seed,
    /// Threads to use, at least 1; the result does not depend on it.
    pub threads: usize,
    /// Length of an interval of the road table [s].
    pub road_interval: SimDuration,
    /// How long a vehicle may be stuck before it is moved as a last resort; none means for ever [s].
    pub last_resort_after: Option<SimDuration>,
    /// How long a vehicle may wait for room to enter before it gives up; none means for ever [s].
    pub depart_delay_max: Option<SimDuration>,
}

impl Default for RunSettings {
    /// From midnight of 2026-06-02 until everybody has arrived, in steps of one second on one thread, seed 42; a stuck vehicle is moved
    /// after 300 s, the default of SUMO's `time-to-teleport`.
    fn default() -> Self {
        Self {
            midnight: Timestamp::milliseconds(MIDNIGHT),
            begin: SimTime::ZERO,
            end: None,
            step: SimDuration::seconds(1.0),
            seed: Seed(42),
            threads: 1,
            road_interval: SimDuration::seconds(300.0),
            last_resort_after: Some(SimDuration::seconds(300.0)),
            depart_delay_max: None,
        }
    }
}
