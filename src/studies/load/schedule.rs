//! When messages are due: phases of a load as rates over time, and for every message the moment at which it has to leave.
//!
//! A pure function from a message's number to its time, so that nothing a target does can move it (an open loop: Schroeder, Wierman,
//! Harchol-Balter 2006, "Open versus closed: a cautionary tale"). Every shape is made of stretches in which the rate changes
//! linearly; message `n` is due when the integral of the rate passes `n`. Knows no clock and sends nothing.

/// Highest rate that may be asked for [1/s]; a machine makes fewer, and what it cannot make is measured as the schedule's error.
pub const RATE_MAX: f64 = 1_000_000.0;
/// Longest schedule [s]: a week.
pub const SECONDS_MAX: f64 = 7.0 * 86_400.0;
/// Most phases of a schedule.
pub const PHASES_MAX: usize = 100;

/// The hours of a working day, as shares of its busiest: a peak in the morning, a longer one in the evening, next to nothing by
/// night. A shape to try a platform with, not a measurement of a city; a profile may name its own.
pub const WORKING_DAY: [f64; 25] = [
    0.12, 0.07, 0.05, 0.05, 0.08, 0.22, 0.55, 0.92, 1.0, 0.76, 0.64, 0.63, 0.66, 0.67, 0.71, 0.82, 0.95, 1.0, 0.86,
    0.62, 0.46, 0.36, 0.28, 0.19, 0.12,
];

/// How the rate goes in a phase; rates in messages a second.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same all the time.
    Constant(f64),
    /// These one after the other, each for an equal part of the phase.
    Steps(Vec<f64>),
    /// From the one to the other, in a straight line.
    Ramp(f64, f64),
    /// A day's curve: the busiest rate, and shares of it at equal distances from the phase's beginning to its end.
    RushHour(f64, Vec<f64>),
    /// A rate that rises within some seconds, stays for some, falls as it rose, and is as before at the phase's end.
    Spike {
        /// Before and after [1/s].
        base: f64,
        /// At its height [1/s].
        peak: f64,
        /// How long it rises, and how long it falls [s].
        rise: f64,
        /// How long it stays [s].
        hold: f64,
    },
    /// At its beginning every connection breaks and comes back, while messages go on at this rate.
    ReconnectStorm(f64),
    /// A rate of which a share is told by the devices of one road.
    HotRoad(f64, f64),
    /// Nothing is sent.
    Pause,
}

/// A part of a load with a name of its own in the figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What figures call it.
    pub name: String,
    /// How long it lasts [s].
    pub seconds: f64,
    /// How the rate goes.
    pub shape: Shape,
}

impl Phase {
    /// The share of the messages that one road's devices tell, 0 to 1.
    pub fn hot(&self) -> f64 {
        if let Shape::HotRoad(_, share) = self.shape { share } else { 0.0 }
    }

    /// Corners of the rate over the phase's time: seconds from its beginning, and messages a second. Between two corners the rate
    /// goes in a straight line; two corners of one time are a jump.
    fn corners(&self) -> Vec<(f64, f64)> {
        let end = self.seconds;
        #[expect(clippy::cast_precision_loss, reason = "a handful of parts")]
        let part = |n: usize, of: usize| end * n as f64 / of.max(1) as f64;
        match &self.shape {
            Shape::Constant(rate) | Shape::ReconnectStorm(rate) | Shape::HotRoad(rate, _) => {
                vec![(0.0, *rate), (end, *rate)]
            }
            Shape::Steps(rates) => {
                let step =
                    |(n, rate): (usize, &f64)| [(part(n, rates.len()), *rate), (part(n + 1, rates.len()), *rate)];
                rates.iter().enumerate().flat_map(step).collect()
            }
            Shape::Ramp(from, to) => vec![(0.0, *from), (end, *to)],
            Shape::RushHour(peak, shares) => {
                let corner = |(n, share): (usize, &f64)| (part(n, shares.len() - 1), share * peak);
                shares.iter().enumerate().map(corner).collect()
            }
            Shape::Spike { base, peak, rise, hold } => {
                // One that is longer than its phase is drawn together.
                let fit = (end / (2.0 * rise + hold)).min(1.0);
                let (rise, hold) = (rise * fit, hold * fit);
                let before = ((end - 2.0 * rise - hold) / 2.0).max(0.0);
                let times = [0.0, before, before + rise, before + rise + hold, before + 2.0 * rise + hold, end];
                times.into_iter().zip([*base, *base, *peak, *peak, *base, *base]).collect()
            }
            Shape::Pause => vec![(0.0, 0.0), (end, 0.0)],
        }
    }
}

/// A stretch in which the rate changes linearly.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    begin: f64,
    end: f64,
    /// Rate at its beginning and at its end [1/s].
    from: f64,
    to: f64,
    /// Messages due before it, and before its end.
    before: f64,
    until: f64,
    phase: usize,
}

impl Stretch {
    /// The integral of the rate from its beginning to `time`.
    fn integral(&self, time: f64) -> f64 {
        let x = (time - self.begin).clamp(0.0, self.end - self.begin);
        let slope = (self.to - self.from) / (self.end - self.begin);
        x * (self.from + 0.5 * slope * x)
    }

    /// When the integral from its beginning is `messages`, of which it has more.
    fn time_of(&self, messages: f64) -> f64 {
        let slope = (self.to - self.from) / (self.end - self.begin);
        // The root in a form that loses no digits where the slope is small.
        let root = (self.from * self.from + 2.0 * slope * messages).max(0.0).sqrt();
        let x = if messages <= 0.0 { 0.0 } else { 2.0 * messages / (self.from + root) };
        (self.begin + x).min(self.end)
    }
}

/// When one message is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Due {
    /// After the beginning [s].
    pub seconds: f64,
    /// In which phase.
    pub phase: usize,
}

/// The phases of a load, one after the other.
///
/// ```
/// use citytwin::studies::load::{Phase, Schedule, Shape};
///
/// let phase = |shape| Phase { name: String::from("a"), seconds: 10.0, shape };
/// let schedule = Schedule::new(vec![phase(Shape::Constant(2.0)), phase(Shape::Pause), phase(Shape::Ramp(0.0, 2.0))]);
/// assert_eq!(schedule.messages(), 30);
/// assert_eq!(schedule.due(3).map(|due| due.seconds), Some(1.5));
/// assert_eq!(schedule.due(20).map(|due| (due.seconds, due.phase)), Some((20.0, 2)));
/// assert_eq!(schedule.until(15.0), 20);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    phases: Vec<(f64, Phase)>,
    stretches: Vec<Stretch>,
}

/// Rounding of sums of rates that is not yet a message.
const ROUNDING: f64 = 1e-6;

impl Schedule {
    /// These phases, without a gap.
    pub fn new(phases: Vec<Phase>) -> Self {
        let mut schedule = Self::default();
        for phase in phases {
            schedule.push(schedule.seconds(), phase);
        }
        schedule
    }

    /// Adds a phase that begins at `begin` [s], not before the end of the last; nothing is due between them.
    pub fn push(&mut self, begin: f64, phase: Phase) {
        let begin = begin.max(self.seconds());
        let number = self.phases.len();
        // A whole message begins each phase, so that what one sent does not depend on those before it.
        let mut before = (self.expected() - ROUNDING).ceil().max(0.0);
        if let Some(last) = self.stretches.last_mut() {
            last.until = last.until.min(before);
        }
        for pair in phase.corners().windows(2) {
            let [(start, from), (end, to)] = [pair[0], pair[1]];
            // A jump; or a stretch so short that it has no length any more where its phase begins.
            let (start, end) = (begin + start, begin + end);
            if end <= start {
                continue;
            }
            let mut stretch = Stretch { begin: start, end, from, to, before, until: before, phase: number };
            stretch.until += stretch.integral(stretch.end);
            before = stretch.until;
            self.stretches.push(stretch);
        }
        self.phases.push((begin, phase));
    }

    /// The phases.
    pub fn phases(&self) -> impl ExactSizeIterator<Item = &Phase> {
        self.phases.iter().map(|(_, phase)| phase)
    }

    /// A phase by its number, and when it begins [s].
    pub fn phase(&self, number: usize) -> Option<(f64, &Phase)> {
        self.phases.get(number).map(|(begin, phase)| (*begin, phase))
    }

    /// How long it is in all [s].
    pub fn seconds(&self) -> f64 {
        self.phases.last().map_or(0.0, |(begin, phase)| begin + phase.seconds)
    }

    /// The integral of the rate over all of it.
    fn expected(&self) -> f64 {
        self.stretches.last().map_or(0.0, |stretch| stretch.until)
    }

    /// Messages in all.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a week at the highest rate is below 2^40"
    )]
    pub fn messages(&self) -> u64 {
        (self.expected() - ROUNDING).ceil().max(0.0) as u64
    }

    /// Messages of a phase.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a week at the highest rate is below 2^40"
    )]
    pub fn messages_of(&self, phase: usize) -> u64 {
        let mut of = self.stretches.iter().filter(|stretch| stretch.phase == phase);
        let Some(first) = of.next() else { return 0 };
        let last = of.next_back().unwrap_or(first);
        ((last.until - ROUNDING).ceil() - first.before.ceil()).max(0.0) as u64
    }

    /// When the `n`th message is due, from 0; none behind the last.
    #[expect(clippy::cast_precision_loss, reason = "a week at the highest rate is below 2^40")]
    pub fn due(&self, n: u64) -> Option<Due> {
        if n >= self.messages() {
            return None;
        }
        let number = n as f64;
        let at = self.stretches.partition_point(|stretch| stretch.until <= number);
        let stretch = self.stretches.get(at)?;
        Some(Due { seconds: stretch.time_of(number - stretch.before), phase: stretch.phase })
    }

    /// How many messages are due by a time [s].
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a week at the highest rate is below 2^40"
    )]
    pub fn until(&self, seconds: f64) -> u64 {
        let at = self.stretches.partition_point(|stretch| stretch.begin <= seconds);
        let Some(stretch) = at.checked_sub(1).and_then(|at| self.stretches.get(at)) else { return 0 };
        let is_due = |n: u64| self.due(n).is_some_and(|due| due.seconds <= seconds);
        let mut count = (stretch.before + stretch.integral(seconds)).floor() as u64;
        // The sum is rounded; what the messages themselves say counts.
        while count > 0 && !is_due(count - 1) {
            count -= 1;
        }
        while is_due(count) {
            count += 1;
        }
        count
    }

    /// The rate asked for at a time [1/s].
    pub fn rate_at(&self, seconds: f64) -> f64 {
        let at = self.stretches.partition_point(|stretch| stretch.begin <= seconds);
        let stretch = at.checked_sub(1).and_then(|at| self.stretches.get(at));
        stretch.filter(|stretch| seconds <= stretch.end).map_or(0.0, |stretch| {
            stretch.from + (stretch.to - stretch.from) * (seconds - stretch.begin) / (stretch.end - stretch.begin)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phase(seconds: f64, shape: Shape) -> Phase {
        Phase { name: "a".to_owned(), seconds, shape }
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let rate = || prop_oneof![1.0..3.0_f64, 10.0..2000.0_f64];
        prop_oneof![
            rate().prop_map(Shape::Constant),
            prop::collection::vec(rate(), 1..6).prop_map(Shape::Steps),
            (0.0..500.0_f64, rate()).prop_map(|(from, to)| Shape::Ramp(from, to)),
            (rate(), 0.0..500.0_f64).prop_map(|(from, to)| Shape::Ramp(from, to)),
            rate().prop_map(|peak| Shape::RushHour(peak, WORKING_DAY.to_vec())),
            (rate(), rate(), 0.0..1.0_f64, 0.0..1.0_f64).prop_map(|(base, peak, rise, hold)| Shape::Spike {
                base,
                peak,
                rise,
                hold
            }),
            rate().prop_map(Shape::ReconnectStorm),
            Just(Shape::Pause),
        ]
    }

    /// The integral of the rate by itself, in many small trapezes, each within one stretch.
    fn summed(schedule: &Schedule, from: f64, to: f64) -> f64 {
        let steps = 40_000;
        let width = (to - from) / f64::from(steps);
        (0..steps).map(|n| schedule.rate_at(from + (f64::from(n) + 0.5) * width) * width).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A load that sent more or less than its rate says would measure another city.
        #[test]
        fn the_count_until_a_time_is_the_integral_of_the_rate(
            parts in prop::collection::vec((0.5..20.0_f64, shapes()), 1..5), share in 0.0..1.0_f64,
        ) {
            let schedule = Schedule::new(parts.into_iter().map(|(seconds, shape)| phase(seconds, shape)).collect());
            let time = schedule.seconds() * share;
            let counted = u32::try_from(schedule.until(time)).map(f64::from).unwrap();
            let expected = summed(&schedule, 0.0, time);
            // Each phase begins with a whole message, and the trapezes are not exact at jumps.
            let slack = 2.0 + f64::from(u32::try_from(schedule.phases().len()).unwrap()) + expected * 2e-3;
            prop_assert!((counted - expected).abs() <= slack, "{counted} counted, {expected} expected by {time}");
        }

        #[test]
        fn messages_are_due_in_order_within_their_phases_and_counted_when_they_are(
            parts in prop::collection::vec((0.5..20.0_f64, shapes()), 1..5),
        ) {
            let schedule = Schedule::new(parts.into_iter().map(|(seconds, shape)| phase(seconds, shape)).collect());
            let messages = schedule.messages();
            let mut last = 0.0;
            for n in (0..messages).step_by(usize::try_from(messages / 200 + 1).unwrap()) {
                let due = schedule.due(n).expect("one of its messages");
                let (begin, phase) = schedule.phase(due.phase).expect("one of its phases");
                prop_assert!(due.seconds >= last, "{n} is due at {} after one due at {last}", due.seconds);
                prop_assert!((begin..=begin + phase.seconds + 1e-9).contains(&due.seconds));
                prop_assert!(phase.shape != Shape::Pause, "nothing is due in a pause");
                let counted = schedule.until(due.seconds);
                prop_assert!(counted > n, "{n} is due at {}, and {counted} are counted by then", due.seconds);
                last = due.seconds;
            }
            prop_assert_eq!(schedule.due(messages), None);
            prop_assert_eq!(schedule.until(f64::MAX), messages);
        }
    }

    #[test]
    fn shapes_send_what_their_names_say() {
        for (shape, seconds, expected) in [
            (Shape::Constant(1000.0), 10.0, 10_000),
            (Shape::Constant(0.25), 10.0, 3),
            (Shape::Steps(vec![10.0, 20.0, 30.0]), 9.0, 180),
            (Shape::Ramp(0.0, 100.0), 10.0, 500),
            (Shape::RushHour(24.0, vec![0.0, 1.0, 0.0]), 10.0, 120),
            (Shape::Spike { base: 10.0, peak: 110.0, rise: 1.0, hold: 2.0 }, 10.0, 100 + 300),
            (Shape::ReconnectStorm(5.0), 2.0, 10),
            (Shape::HotRoad(5.0, 0.8), 2.0, 10),
            (Shape::Pause, 100.0, 0),
        ] {
            let schedule = Schedule::new(vec![phase(seconds, shape.clone())]);
            assert_eq!(schedule.messages(), expected, "{shape:?}");
        }
    }

    /// What is searched for is tried when the trial before it has come to rest, whenever that is.
    #[test]
    fn a_phase_that_is_added_later_leaves_silence_before_it() {
        let mut schedule = Schedule::new(vec![phase(1.0, Shape::Constant(10.0))]);
        schedule.push(5.0, phase(1.0, Shape::Constant(100.0)));
        assert_eq!((schedule.until(0.999), schedule.until(4.9), schedule.messages()), (10, 10, 110));
        assert_eq!(schedule.due(10).map(|due| (due.seconds, due.phase)), Some((5.0, 1)));
        assert!((schedule.rate_at(3.0), schedule.rate_at(5.5)) == (0.0, 100.0));
    }
}
