//! What a load measured: how long messages took from the moment they were due, how late they left, by phase and over time.
//!
//! Latency is counted from the intended moment, not from the actual one: a message that had to wait because its target stalled has
//! waited, also before it left. Whoever counts from the actual moment leaves out exactly the time in which a target is at its worst
//! (Tene 2013, "How not to measure latency": coordinated omission). The schedule's own error is kept apart beside it. Quantiles come from HDR histograms:
//! three digits for a phase, two for a moment. Told the time, asks nobody for it.

use hdrhistogram::Histogram;
use serde::Serialize;

use super::schedule::{Due, Schedule};

/// Longest time that is told apart [µs]: an hour; longer ones count as that.
const LONGEST_US: u64 = 3_600_000_000;
/// Most moments of a load that are kept; longer loads have longer ones.
const MOMENTS_MAX: f64 = 600.0;
/// The quantiles that are written down, as shares.
const SHARES: [f64; 14] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, 0.999_99, 1.0];

/// Marks a message that is no device's own: a copy, or a stranger's.
const BESIDE: u64 = 1 << 63;

/// What goes with a message to its acknowledgement: when it was due, in which phase, and whether it is a device's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag(u64);

impl Tag {
    /// The tag of a message.
    pub fn new(due: Due) -> Self {
        // 2^48 µs are nine years, and there are a hundred phases.
        Self(((due.phase as u64) << 48 | (micros(due.seconds) & 0xffff_ffff_ffff)) & !BESIDE)
    }

    /// The tag of a message that is no device's own.
    #[must_use]
    pub const fn beside(self) -> Self {
        Self(self.0 | BESIDE)
    }

    /// The same as one number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// What [`Self::number`] gave.
    pub const fn of(number: u64) -> Self {
        Self(number)
    }

    /// When it was due, after the beginning [µs].
    pub const fn due_us(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }

    fn phase(self) -> usize {
        usize::try_from((self.0 & !BESIDE) >> 48).unwrap_or(0)
    }

    const fn is_own(self) -> bool {
        self.0 & BESIDE == 0
    }
}

/// Whole microseconds of seconds, at least none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
pub fn micros(seconds: f64) -> u64 {
    (seconds * 1e6).round().max(0.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53 for a hundred years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// How many times were how long.
#[derive(Debug, Clone)]
pub struct Spread(Option<Histogram<u32>>);

impl Spread {
    /// An empty one that keeps so many digits of every time.
    pub fn new(digits: u8) -> Self {
        // None only if these constant bounds were wrong.
        Self(Histogram::new_with_bounds(1, LONGEST_US, digits).ok())
    }

    /// Notes a time [µs]; one below a microsecond counts as one, one above an hour as an hour.
    pub fn note(&mut self, micros: u64) {
        if let Some(histogram) = &mut self.0 {
            histogram.saturating_record(micros.max(1));
        }
    }

    /// How many were noted.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, Histogram::len)
    }

    /// The time that this share of them does not exceed [µs], if besides those noted there are so many of which is only known that they
    /// are longer; none where that share reaches into them, or there are none at all.
    pub fn quantile(&self, share: f64, unknown: u64) -> Option<u64> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let (known, all) = (histogram.len() as f64, (histogram.len() + unknown) as f64);
        let rank = (share * all).ceil().max(1.0);
        (rank <= known).then(|| histogram.value_at_quantile((rank / known).min(1.0)))
    }

    /// Its quantiles.
    pub fn quantiles(&self, unknown: u64) -> Quantiles {
        let at = |share| self.quantile(share, unknown);
        let mean = self.0.as_ref().filter(|histogram| !histogram.is_empty()).map(Histogram::mean);
        Quantiles {
            count: self.count(),
            unknown,
            mean_us: mean,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            longest_us: at(1.0),
        }
    }
}

/// The quantiles of some times [µs]; one is none where it reaches into times that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Quantiles {
    /// Times that are known.
    pub count: u64,
    /// Messages whose time is not known, because they were not acknowledged: they count as longer than any other.
    pub unknown: u64,
    /// Mean of the known ones.
    pub mean_us: Option<f64>,
    /// Half of them take at most this.
    pub p50_us: Option<u64>,
    /// 90 of 100.
    pub p90_us: Option<u64>,
    /// 99 of 100.
    pub p99_us: Option<u64>,
    /// 999 of 1,000.
    pub p999_us: Option<u64>,
    /// All.
    pub longest_us: Option<u64>,
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, p999, longest] = [self.p50_us, self.p99_us, self.p999_us, self.longest_us].map(duration);
        write!(f, "p50 {p50}, p99 {p99}, p99.9 {p999}, longest {longest} over {} messages", self.count)
    }
}

/// A time as people read it: `87 µs`, `3.25 ms`, `5.02 s`; `unknown` where there is none.
pub fn duration(micros: Option<u64>) -> String {
    match micros {
        None => "unknown".to_owned(),
        Some(us @ 0..1000) => format!("{us} µs"),
        Some(us @ 1000..1_000_000) => format!("{:.2} ms", seconds(us) * 1e3),
        Some(us) => format!("{:.2} s", seconds(us)),
    }
}

/// What is counted of a phase, a moment, or everything.
#[derive(Debug, Clone)]
struct Counted {
    handed: u64,
    latency: Spread,
}

impl Counted {
    fn new(digits: u8) -> Self {
        Self { handed: 0, latency: Spread::new(digits) }
    }

    fn open(&self) -> u64 {
        self.handed.saturating_sub(self.latency.count())
    }
}

/// Writes down what happens to the messages of a load, as it happens.
#[derive(Debug)]
pub struct Recorder {
    all: Counted,
    schedule_error: Spread,
    phases: Vec<Counted>,
    moments: Vec<Counted>,
    moment_s: f64,
    reconnects: Spread,
    storms: u64,
    /// Devices' own messages that were acknowledged.
    own: u64,
}

impl Recorder {
    /// For a load that lasts about so long [s].
    pub fn new(seconds: f64) -> Self {
        Self {
            all: Counted::new(3),
            schedule_error: Spread::new(3),
            phases: Vec::new(),
            moments: Vec::new(),
            moment_s: (seconds / MOMENTS_MAX).ceil().max(1.0),
            reconnects: Spread::new(3),
            storms: 0,
            own: 0,
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a week has few moments")]
    fn each(&mut self, tag: Tag, mut note: impl FnMut(&mut Counted)) {
        note(&mut self.all);
        let moment = (seconds(tag.due_us()) / self.moment_s) as usize;
        for (places, at, digits) in [(&mut self.phases, tag.phase(), 3), (&mut self.moments, moment, 2)] {
            if places.len() <= at {
                places.resize_with(at + 1, || Counted::new(digits));
            }
            if let Some(counted) = places.get_mut(at) {
                note(counted);
            }
        }
    }

    /// A message was handed over at this time after the beginning [µs].
    pub fn handed(&mut self, tag: Tag, now_us: u64) {
        self.schedule_error.note(now_us.saturating_sub(tag.due_us()));
        self.each(tag, |counted| counted.handed += 1);
    }

    /// A message was acknowledged at this time after the beginning [µs].
    pub fn acknowledged(&mut self, tag: Tag, now_us: u64) {
        let late = now_us.saturating_sub(tag.due_us());
        self.own += u64::from(tag.is_own());
        self.each(tag, |counted| counted.latency.note(late));
    }

    /// A storm has broken every connection.
    pub fn broke(&mut self) {
        self.storms += 1;
    }

    /// A connection was there again so long after the storm that broke it [µs].
    pub fn reconnected(&mut self, after_us: u64) {
        self.reconnects.note(after_us);
    }

    /// Connections that have come back after a storm.
    pub fn returned(&self) -> u64 {
        self.reconnects.count()
    }

    /// Messages that are not acknowledged.
    pub fn open(&self) -> u64 {
        self.all.open()
    }

    /// Messages handed over so far, those acknowledged, and what 99 of 100 of the latest moment took [µs].
    pub fn now(&self) -> (u64, u64, Option<u64>) {
        let latest = self.moments.iter().rev().find(|moment| moment.latency.count() > 0);
        let p99 = latest.and_then(|moment| moment.latency.quantile(0.99, 0));
        (self.all.handed, self.all.latency.count(), p99)
    }

    /// What 99 of 100 messages of a phase took [µs]; none if that is not known.
    pub fn p99_of(&self, phase: usize) -> Option<u64> {
        let phase = self.phases.get(phase)?;
        phase.latency.quantile(0.99, phase.open())
    }

    /// Everything that was measured, against what was asked; `end` is when the last acknowledgement came, or waiting for it ended [s].
    pub fn figures(&self, schedule: &Schedule, end: f64) -> Measured {
        let quantiles = |counted: &Counted| counted.latency.quantiles(counted.open());
        let phases = schedule.phases().enumerate().map(|(number, phase)| {
            let empty = Counted::new(1);
            let counted = self.phases.get(number).unwrap_or(&empty);
            let begin_s = schedule.phase(number).map_or(0.0, |(begin, _)| begin);
            let asked = schedule.messages_of(number);
            PhaseMeasured {
                name: phase.name.clone(),
                begin_s,
                seconds: phase.seconds,
                asked,
                handed: counted.handed,
                latency: quantiles(counted),
            }
        });
        let moments = self.moments.iter().enumerate().map(|(number, counted)| {
            #[expect(clippy::cast_precision_loss, reason = "a week has few moments")]
            let at_s = number as f64 * self.moment_s;
            let width = self.moment_s.min((schedule.seconds() - at_s).max(1e-3));
            let latency = quantiles(counted);
            let until = |time: f64| schedule.until(time - 1e-9);
            Moment {
                at_s,
                asked_rate: tally(until(at_s + width).saturating_sub(until(at_s))) / width,
                handed_rate: tally(counted.handed) / width,
                p50_us: latency.p50_us,
                p99_us: latency.p99_us,
                longest_us: latency.longest_us,
                unacknowledged: latency.unknown,
            }
        });
        let open = self.all.open();
        Measured {
            seconds: end,
            asked: schedule.messages(),
            handed: self.all.handed,
            acknowledged: self.all.latency.count(),
            own_acknowledged: self.own,
            latency: quantiles(&self.all),
            percentiles: SHARES.into_iter().map(|share| (share, self.all.latency.quantile(share, open))).collect(),
            schedule_error: self.schedule_error.quantiles(0),
            phases: phases.collect(),
            over_time: moments.collect(),
            storms: self.storms,
            reconnecting: (self.storms > 0).then(|| self.reconnects.quantiles(0)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "messages of a load")]
fn tally(messages: u64) -> f64 {
    messages as f64
}

/// What a load measured.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
pub struct Measured {
    /// From the beginning until the last acknowledgement came, or waiting for it ended [s].
    pub seconds: f64,
    /// Messages of devices that were due.
    pub asked: u64,
    /// Messages handed over, copies and strangers' included.
    #[serde(rename = "sent")]
    pub handed: u64,
    /// Messages acknowledged, copies and strangers' included.
    pub acknowledged: u64,
    /// Messages of devices acknowledged, each once.
    pub own_acknowledged: u64,
    /// From due to acknowledged.
    pub latency: Quantiles,
    /// The same at many shares of the messages [µs].
    pub percentiles: Vec<(f64, Option<u64>)>,
    /// From due to handed over: what the sender itself was late.
    pub schedule_error: Quantiles,
    /// By phase.
    pub phases: Vec<PhaseMeasured>,
    /// By the moment at which they were due.
    pub over_time: Vec<Moment>,
    /// How often all connections were broken.
    pub storms: u64,
    /// From broken to connected again, where there was a storm.
    pub reconnecting: Option<Quantiles>,
}

/// What was measured of a phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseMeasured {
    /// Its name.
    pub name: String,
    /// When it began [s].
    pub begin_s: f64,
    /// How long it was to last [s].
    pub seconds: f64,
    /// Messages of devices that were due in it.
    pub asked: u64,
    /// Messages of it that were handed over.
    #[serde(rename = "sent")]
    pub handed: u64,
    /// From due to acknowledged.
    pub latency: Quantiles,
}

/// What was measured of the messages due in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moment {
    /// When it began [s].
    pub at_s: f64,
    /// Messages due [1/s].
    pub asked_rate: f64,
    /// Of these, messages handed over, whenever [1/s]; with their copies.
    #[serde(rename = "sent_rate")]
    pub handed_rate: f64,
    /// Half of them took at most this.
    pub p50_us: Option<u64>,
    /// 99 of 100.
    pub p99_us: Option<u64>,
    /// All.
    pub longest_us: Option<u64>,
    /// Not acknowledged.
    pub unacknowledged: u64,
}
