//! What the runs say: every measure of every variant against the base, who gains and who loses, and when of the day.
//!
//! Everything here is computed from the kept records and details, seed by seed, so that no more than one pair of runs is in
//! memory. Draws nothing and writes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::access::{self, AccessTotal, Within};
use super::air::AirTotal;
use super::calibration::{Fit, fit};
use super::design::{Design, pairs};
use super::observed::ApproachTotal;
use super::record::{Details, Record, TripTotal, read_details};
use super::statistics::bootstrap;
use super::statistics::holm;
use super::statistics::paired::{Interval, Paired, mean_interval};
use super::sweep::SweepError;
use crate::city::scenario::Access;
use crate::city::scenario::indicators::{Better, Measure};
use crate::primitives::random::Seed;

/// What an interval says of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Better, beyond chance.
    Better,
    /// Worse, beyond chance.
    Worse,
    /// Different beyond chance, and neither is better.
    Different,
    /// No difference beyond chance.
    NotShown,
    /// The same in every run.
    Same,
    /// Too few runs to say.
    TooFew,
}

impl Finding {
    /// Its name in files and in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Different => "different",
            Self::NotShown => "not shown",
            Self::Same => "same",
            Self::TooFew => "too few runs",
        }
    }
}

/// A measure of a variant against the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The measure.
    pub measure: Measure,
    /// Base and variant.
    pub paired: Paired,
    /// Interval of the mean difference by the bootstrap.
    pub bootstrap: Option<(f64, f64)>,
    /// The p value, adjusted for how many measures of the variant are looked at.
    pub p_adjusted: Option<f64>,
    /// Probability that the variant is worse; none where neither is better.
    pub p_worse: Option<f64>,
    /// What the interval says.
    pub finding: Finding,
}

/// Trips that are the same in both variants: who gained and who lost, as shares of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Gains {
    /// The area where they begin, or everybody.
    pub area: String,
    /// Trips, on average of a run.
    pub trips: f64,
    /// Share that became faster by more than the threshold.
    pub faster: Interval,
    /// Share that became slower by more than the threshold.
    pub slower: Interval,
    /// Mean change of their travel time [s].
    pub change: Interval,
}

/// A road in the mean of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RoadMean {
    /// Vehicles that used it.
    pub vehicles: f64,
    /// Time lost on it by all of them [s].
    pub lost: f64,
}

impl RoadMean {
    /// Time lost per vehicle [s]; none where nobody drove.
    pub fn delay(&self) -> Option<f64> {
        (self.vehicles > 0.0).then(|| (self.lost / self.vehicles).max(0.0))
    }
}

/// An approach to a junction in the mean of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ApproachMean {
    /// Length of its queue [m].
    pub mean: f64,
    /// The length not exceeded in 95 % of the seconds [m].
    pub p95: f64,
    /// The longest [m].
    pub max: f64,
    /// How long it reached the junction behind [s].
    pub spill_back: f64,
}

/// The air beside a road in the mean of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct AirMean {
    /// Nitrogen oxides given off on the road [g per km and hour].
    pub emitted: f64,
    /// Nitrogen oxides that are added beside it, over the measured time [µg/m³].
    pub added: f64,
    /// In the highest hour [µg/m³].
    pub highest: f64,
    /// Exhaust particles that are added in their highest hour [µg/m³].
    pub particles: f64,
    /// Nitrogen dioxide in the highest hour, if it can be told [µg/m³].
    pub dioxide: Option<f64>,
}

/// The city in an interval of the day, in the mean of all runs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HourMean {
    /// When it begins, seconds after midnight.
    pub begin_s: f64,
    /// Vehicles on the road.
    pub vehicles: f64,
    /// Speed [km/h]; zero where nobody drove.
    pub speed: f64,
    /// Time lost per kilometre driven [s/km].
    pub lost: f64,
}

/// What a variant comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantResult {
    /// Every measure against the base, in the order of the table; nothing for the base itself.
    pub lines: Vec<Line>,
    /// Who gains and who loses, everybody first; nothing for the base.
    pub gains: Vec<Gains>,
    /// Who gains and who loses of the groups of people, by the places of division and group; nothing for the base and without groups.
    pub group_gains: Vec<((usize, usize), Gains)>,
    /// Who gets to how many jobs, in the base and in the variant; nothing unless it was asked for.
    pub access: Vec<Within>,
    /// Over the day.
    pub hours: Vec<HourMean>,
    /// Its roads by id.
    pub roads: BTreeMap<String, RoadMean>,
    /// Approaches of signals by level of service, A to F, on average of a run.
    pub levels: [f64; 6],
    /// Approaches with queues by id of their road; nothing where queues were not observed.
    pub approaches: BTreeMap<String, ApproachMean>,
    /// The level 10 m beside the roads by their id [dB(A)], mean of the runs in which they were used; nothing where noise was not observed.
    pub noise: BTreeMap<String, f64>,
    /// Critical and close pairs per hour on crossing paths, by the id of the junction; nothing where safety was not observed.
    pub crossings: BTreeMap<String, (f64, f64)>,
    /// The air beside the roads by their id; nothing where it was not observed.
    pub air: BTreeMap<String, AirMean>,
}

impl VariantResult {
    /// Whether it was the same as the base in every run and every measure.
    pub fn is_same(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| line.finding == Finding::Same)
    }
}

/// What the runs say.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// By variant, the base first.
    pub variants: Vec<VariantResult>,
    /// The seeds of the runs.
    pub seeds: Vec<u64>,
    /// How well the base fits what was counted, if tables are named.
    pub fit: Option<Fit>,
}

/// Reads what the runs say.
///
/// # Errors
/// When details of a run cannot be read.
pub fn analyse(design: &Design, folder: &Path, records: &[Vec<Record>]) -> Result<Analysis, SweepError> {
    let base = records.first().map(Vec::as_slice).unwrap_or_default();
    let mut totals = Vec::new();
    let mut sums: Vec<Sums> = design.variants.iter().map(|_| Sums::default()).collect();
    for run in base {
        let read = |variant: &str| {
            read_details(folder, variant, run.seed)
                .ok_or_else(|| SweepError::Lost { variant: variant.to_owned(), seed: run.seed })
        };
        let of_base = read(&design.base().name)?;
        for (place, variant) in design.variants.iter().enumerate().skip(1) {
            let details = read(&variant.name)?;
            sums[place].add(&details);
            let noticeable = design.rules.noticeable.as_seconds();
            sums[place].compare(&of_base, &details, noticeable, design.access.as_deref());
        }
        sums[0].add(&of_base);
        totals.extend(of_base.calibration);
    }
    let mut variants = Vec::new();
    let reached_in_base = sums.first_mut().map(|base| std::mem::take(&mut base.access)).unwrap_or_default();
    for (place, mut sum) in sums.into_iter().enumerate() {
        let reached = std::mem::take(&mut sum.access);
        let reached = if place == 0 { &reached_in_base } else { &reached };
        let lines = if place == 0 { Vec::new() } else { lines(design, base, &records[place]) };
        let mut result = sum.finish(lines, base.len(), design.rules.confidence);
        if let Some(access) = &design.access {
            result.access = access::compare(access, (&reached_in_base, reached), design.rules.confidence);
        }
        variants.push(result);
    }
    let fit = design.calibration.as_ref().and_then(|calibration| fit(calibration, &totals));
    Ok(Analysis { variants, seeds: base.iter().map(|run| run.seed).collect(), fit })
}

fn lines(design: &Design, base: &[Record], runs: &[Record]) -> Vec<Line> {
    let confidence = design.rules.confidence;
    let seed = Seed(base.first().map_or(0, |run| run.seed));
    let mut lines: Vec<Line> = Measure::all()
        .filter_map(|measure| {
            let pairs = pairs(base, runs, measure);
            let paired = Paired::of(&pairs, confidence)?;
            let differences: Vec<f64> = pairs.iter().map(|(base, variant)| variant - base).collect();
            let bootstrap = bootstrap::interval(&differences, confidence, seed);
            let p_worse = match measure.quantity().better {
                Better::Lower => paired.above,
                Better::Higher => paired.above.map(|above| 1.0 - above),
                Better::Neither => None,
            };
            let finding = finding(&paired, &differences, measure);
            Some(Line { measure, paired, bootstrap, p_adjusted: None, p_worse, finding })
        })
        .collect();
    let judged: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].paired.p.is_some()).collect();
    let p: Vec<f64> = judged.iter().filter_map(|line| lines[*line].paired.p).collect();
    for (line, adjusted) in judged.into_iter().zip(holm::adjusted(&p)) {
        lines[line].p_adjusted = Some(adjusted);
    }
    lines
}

fn finding(paired: &Paired, differences: &[f64], measure: Measure) -> Finding {
    if differences.iter().all(|difference| *difference == 0.0) {
        return Finding::Same;
    }
    let Some((low, high)) = paired.difference.ends else { return Finding::TooFew };
    match measure.quantity().better {
        _ if low <= 0.0 && high >= 0.0 => Finding::NotShown,
        Better::Neither => Finding::Different,
        Better::Lower if high < 0.0 => Finding::Better,
        Better::Higher if low > 0.0 => Finding::Better,
        Better::Lower | Better::Higher => Finding::Worse,
    }
}

/// Trips of an area in one run, and what became of them.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    trips: f64,
    faster: f64,
    slower: f64,
    change: f64,
}

impl Count {
    /// Adds so much of a trip that changed by so much [s].
    fn add(&mut self, change: f64, noticeable: f64, share: f64) {
        self.trips += share;
        self.faster += share * f64::from(change < -noticeable);
        self.slower += share * f64::from(change > noticeable);
        self.change += share * change;
    }
}

/// What is added up over the runs of a variant.
#[derive(Debug, Default)]
struct Sums {
    crossings: BTreeMap<String, (f64, f64)>,
    roads: BTreeMap<String, RoadMean>,
    /// By the beginning of the interval [ms]: time spent [s], distance [m], time lost [s], length [s].
    hours: BTreeMap<i64, [f64; 3]>,
    interval_s: f64,
    levels: [f64; 6],
    approaches: BTreeMap<String, ApproachMean>,
    /// Sum of levels and how many.
    noise: BTreeMap<String, (f64, f64)>,
    air: BTreeMap<String, AirMean>,
    /// By area, one entry per run; the empty name is everybody.
    gains: BTreeMap<String, Vec<Count>>,
    /// By division and group, one entry per run.
    group_gains: BTreeMap<(usize, usize), Vec<Count>>,
    /// One entry per run.
    access: Vec<AccessTotal>,
}

impl Sums {
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^53 intervals")]
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of a week")]
    fn add(&mut self, details: &Details) {
        for road in &details.roads {
            let mean = self.roads.entry(road.0.clone()).or_default();
            mean.vehicles += road.1;
            mean.lost += road.4;
        }
        self.interval_s = details.interval_s;
        self.access.extend(details.access.clone());
        for (place, interval) in details.intervals.iter().enumerate() {
            let begin = ((details.begin_s + place as f64 * details.interval_s) * 1000.0).round() as i64;
            let sum = self.hours.entry(begin).or_default();
            sum[0] += interval.0;
            sum[1] += interval.1;
            sum[2] += interval.2;
        }
        for (sum, count) in self.levels.iter_mut().zip(details.levels) {
            *sum += f64::from(count);
        }
        for (road, level) in &details.noise {
            let sum = self.noise.entry(road.clone()).or_default();
            sum.0 += level;
            sum.1 += 1.0;
        }
        for (junction, critical, short) in &details.crossings {
            let sum = self.crossings.entry(junction.clone()).or_default();
            sum.0 += critical;
            sum.1 += short;
        }
        for AirTotal(road, emitted, added, highest, particles, dioxide) in &details.air {
            let sum = self.air.entry(road.clone()).or_default();
            sum.emitted += emitted;
            sum.added += added;
            sum.highest += highest;
            sum.particles += particles;
            sum.dioxide = dioxide.map(|dioxide| sum.dioxide.unwrap_or_default() + dioxide);
        }
        for ApproachTotal(road, mean, p95, max, spill_back) in &details.approaches {
            let sum = self.approaches.entry(road.clone()).or_default();
            sum.mean += mean;
            sum.p95 += p95;
            sum.max += max;
            sum.spill_back += spill_back;
        }
    }

    /// Adds the trips that finished in both runs.
    fn compare(&mut self, base: &Details, details: &Details, noticeable: f64, access: Option<&Access>) {
        let mut groups: BTreeMap<(usize, usize), Count> = BTreeMap::new();
        let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
        let mut others = details.trips.iter().peekable();
        for (place, trip) in base.trips.iter().enumerate() {
            while others.next_if(|other| other.0 < trip.0).is_some() {}
            let Some(TripTotal(.., duration)) = others.next_if(|other| other.0 == trip.0) else { continue };
            let change = duration - trip.3;
            let area = base.areas.get(trip.2).map_or("", String::as_str);
            for name in ["", area] {
                counts.entry(name).or_default().add(change, noticeable, 1.0);
            }
            let zone = base.zones.get(place).copied().flatten();
            let residents = access.zip(zone).and_then(|(access, zone)| access.zones.get(zone as usize));
            for (division, shares) in residents.iter().flat_map(|zone| zone.residents.shares.iter().enumerate()) {
                for (group, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                    groups.entry((division, group)).or_default().add(change, noticeable, *share);
                }
            }
        }
        for (group, count) in groups {
            self.group_gains.entry(group).or_default().push(count);
        }
        for (name, count) in counts {
            self.gains.entry(name.to_owned()).or_default().push(count);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
    fn finish(self, lines: Vec<Line>, runs: usize, confidence: f64) -> VariantResult {
        let runs = runs.max(1) as f64;
        let roads = self
            .roads
            .into_iter()
            .map(|(name, sum)| (name, RoadMean { vehicles: sum.vehicles / runs, lost: sum.lost / runs }));
        let hours = self.hours.into_iter().map(|(begin, [spent, driven, lost])| HourMean {
            begin_s: begin as f64 / 1000.0,
            vehicles: if self.interval_s > 0.0 { spent / runs / self.interval_s } else { 0.0 },
            speed: if spent > 0.0 { driven / spent * 3.6 } else { 0.0 },
            lost: if driven > 0.0 { lost / driven * 1000.0 } else { 0.0 },
        });
        let approaches = self.approaches.into_iter().map(|(road, sum)| {
            let [mean, p95, max, spill_back] = [sum.mean, sum.p95, sum.max, sum.spill_back].map(|sum| sum / runs);
            (road, ApproachMean { mean, p95, max, spill_back })
        });
        let air = self.air.into_iter().map(|(road, sum)| {
            let [emitted, added, highest, particles] =
                [sum.emitted, sum.added, sum.highest, sum.particles].map(|sum| sum / runs);
            (road, AirMean { emitted, added, highest, particles, dioxide: sum.dioxide.map(|sum| sum / runs) })
        });
        let groups = self.group_gains.into_iter();
        let groups = groups.map(|(group, counts)| (group, gains(String::new(), &counts, confidence)));
        let group_gains = groups.collect();
        let gains = self.gains.into_iter().map(|(area, counts)| gains(area, &counts, confidence));
        let mut gains: Vec<Gains> = gains.collect();
        gains.sort_by(|a, b| (!a.area.is_empty(), &a.area).cmp(&(!b.area.is_empty(), &b.area)));
        VariantResult {
            lines,
            gains,
            group_gains,
            access: Vec::new(),
            hours: hours.collect(),
            roads: roads.collect(),
            levels: self.levels.map(|sum| sum / runs),
            approaches: approaches.collect(),
            crossings: self.crossings.into_iter().map(|(at, sum)| (at, (sum.0 / runs, sum.1 / runs))).collect(),
            air: air.collect(),
            noise: self.noise.into_iter().map(|(road, (sum, count))| (road, sum / count)).collect(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 runs")]
fn gains(area: String, counts: &[Count], confidence: f64) -> Gains {
    let share = |part: fn(&Count) -> f64| {
        let shares: Vec<f64> = counts.iter().map(|count| part(count) / count.trips).collect();
        mean_interval(&shares, confidence)
    };
    Gains {
        area,
        trips: counts.iter().map(|count| count.trips).sum::<f64>() / counts.len().max(1) as f64,
        faster: share(|count| count.faster),
        slower: share(|count| count.slower),
        change: share(|count| count.change),
    }
}
