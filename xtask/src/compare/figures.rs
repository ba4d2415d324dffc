//! The figures of a comparison: what is taken from trips, how far two sides may be apart, and how far they are.
//!
//! A side is one number per seed; means over the seeds are compared. What is allowed follows SUMO's own spread: two samples of
//! SUMO itself stay within it in nine of ten trials. Knows neither programs nor files other than the reference.

use std::collections::BTreeMap;
use std::path::Path;

use super::number;

/// One finished trip [s].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trip {
    pub(super) arrival: f64,
    pub(super) duration: f64,
    pub(super) waiting: f64,
    pub(super) loss: f64,
    pub(super) depart_delay: f64,
}

/// One run on either side.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Run {
    pub(super) trips: Vec<Trip>,
    /// SUMO's teleports, our last-resort moves.
    pub(super) teleports: f64,
    /// SUMO's collisions, our overlaps.
    pub(super) overlaps: f64,
}

/// A measure of trips by its name and its column.
type Measure = (&'static str, fn(&Trip) -> f64);

const MEASURES: [Measure; 4] = [
    ("duration", |trip| trip.duration),
    ("waitingTime", |trip| trip.waiting),
    ("timeLoss", |trip| trip.loss),
    ("departDelay", |trip| trip.depart_delay),
];
/// What is taken of a measure; the last two decide nothing.
const STATISTICS: [&str; 5] = ["mean", "p50", "p90", "p10", "p95"];
/// Length of a bin of arrivals [s].
const BIN: f64 = 300.0;

/// The figures of one run, in the order of the table.
fn figures(run: &Run) -> Vec<(String, f64)> {
    let mut figures = vec![("arrived".to_owned(), number(run.trips.len()))];
    for (name, of) in MEASURES {
        let mut values: Vec<f64> = run.trips.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / number(values.len());
        for statistic in STATISTICS {
            let value = match statistic {
                "p10" => quantile(&values, 0.1),
                "p50" => quantile(&values, 0.5),
                "p90" => quantile(&values, 0.9),
                "p95" => quantile(&values, 0.95),
                _ => mean,
            };
            figures.push((format!("{name}.{statistic}"), value));
        }
    }
    figures.push(("teleports".to_owned(), run.teleports));
    figures.push(("overlaps".to_owned(), run.overlaps));
    figures
}

/// The value below which a share of sorted values lies, between two of them in proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = share * number(last);
    // As many whole steps as fit below the place; at most `last`.
    let below = (0..last).take_while(|n| number(n + 1) <= at).count();
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (at - number(below))
}

/// Mean and standard deviation over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Spread {
    pub(super) mean: f64,
    /// Of the single seed.
    pub(super) deviation: f64,
    pub(super) seeds: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let seeds = number(values.len());
        let mean = values.iter().sum::<f64>() / seeds;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, deviation: (squares / (seeds - 1.0).max(1.0)).sqrt(), seeds }
    }
}

/// Arrivals per five minutes, by bin.
pub(super) type Bins = BTreeMap<u32, Spread>;

/// How two sides differ in one figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) figure: String,
    pub(super) ours: Spread,
    pub(super) sumo: Spread,
    /// How far apart they may be; none where nothing is decided.
    pub(super) allowed: Option<f64>,
}

impl Row {
    pub(super) fn off(&self) -> f64 {
        self.ours.mean - self.sumo.mean
    }

    /// Distance as a percentage of SUMO's figure; none where that is zero.
    pub(super) fn off_percent(&self) -> Option<f64> {
        (self.sumo.mean.abs() > 1e-9).then(|| self.off() / self.sumo.mean * 100.0)
    }

    /// Distance as a multiple of what is allowed: up to one the figure is reached. More teleports than SUMO has are off, fewer
    /// are not.
    pub(super) fn stretch(&self) -> Option<f64> {
        let allowed = self.allowed?;
        let off =
            if matches!(&*self.figure, "teleports" | "overlaps") { self.off().max(0.0) } else { self.off().abs() };
        Some(match (off, allowed) {
            (off, _) if off.is_nan() => f64::INFINITY,
            (off, allowed) if allowed > 0.0 => off / allowed,
            // Nothing is allowed: any distance is too far.
            (off, _) => off * 1e9,
        })
    }

    pub(super) fn reached(&self) -> Option<bool> {
        self.stretch().map(|stretch| stretch <= 1.0)
    }
}

/// One scenario on both sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
    pub(super) bins: Vec<Row>,
    /// Whether SUMO's side was run here, or read from the reference.
    pub(super) sumo_was_run: bool,
}

impl Comparison {
    /// Both sides were run.
    pub(super) fn of(name: &str, ours: &[Run], sumo: &[Run]) -> Self {
        let (figures, bins) = (spreads(sumo), bins(sumo));
        Self::between(name, ours, &figures.into_iter().collect(), &bins, true)
    }

    /// SUMO's side from the reference; none if it does not know the scenario.
    pub(super) fn with_reference(name: &str, ours: &[Run], reference: &Reference) -> Option<Self> {
        let (figures, bins) = (reference.figures.get(name)?, reference.bins.get(name)?);
        Some(Self::between(name, ours, figures, bins, false))
    }

    fn between(
        name: &str,
        ours: &[Run],
        sumo: &BTreeMap<String, Spread>,
        sumo_bins: &Bins,
        sumo_was_run: bool,
    ) -> Self {
        let rows = spreads(ours).into_iter().map(|(figure, ours)| {
            let known = sumo.get(&figure).copied();
            let sumo = known.unwrap_or(Spread { mean: f64::NAN, ..Spread::default() });
            let allowed = known.and_then(|sumo| allowed(&figure, &ours, &sumo));
            // Our overlaps are held to none, whatever SUMO's collisions are.
            let (sumo, allowed) = if figure == "overlaps" { (Spread::default(), Some(0.0)) } else { (sumo, allowed) };
            Row { figure, ours, sumo, allowed }
        });
        let mut our_bins = bins(ours);
        for bin in sumo_bins.keys() {
            our_bins.entry(*bin).or_insert(Spread { seeds: number(ours.len()), ..Spread::default() });
        }
        let bins = our_bins.into_iter().map(|(bin, ours)| {
            let sumo = sumo_bins.get(&bin).copied().unwrap_or_default();
            let spread = three_errors(&ours, &sumo);
            // Of a bin SUMO leaves empty a vehicle is no share; one is within rounding of the end.
            let allowed = (0.02 * sumo.mean).max(spread).max(if sumo.mean > 0.0 { 0.0 } else { 1.0 });
            Row { figure: bin.to_string(), ours, sumo, allowed: Some(allowed) }
        });
        Self { name: name.to_owned(), rows: rows.collect(), bins: bins.collect(), sumo_was_run }
    }

    /// How many of the deciding rows are reached, and how many there are.
    pub(super) fn reached(rows: &[Row]) -> (usize, usize) {
        let verdicts: Vec<bool> = rows.iter().filter_map(Row::reached).collect();
        (verdicts.iter().filter(|reached| **reached).count(), verdicts.len())
    }

    /// The farthest of the rows whose figure begins so, as a multiple of what is allowed.
    pub(super) fn farthest(rows: &[Row], measure: &str) -> f64 {
        rows.iter().filter(|row| row.figure.starts_with(measure)).filter_map(Row::stretch).fold(0.0, f64::max)
    }
}

/// What is allowed of a figure; none for those that decide nothing.
fn allowed(figure: &str, ours: &Spread, sumo: &Spread) -> Option<f64> {
    match figure.split_once('.') {
        Some(("duration" | "waitingTime" | "timeLoss", "mean" | "p50" | "p90")) => {
            Some((0.05 * sumo.mean).max(1.0).max(three_errors(ours, sumo)))
        }
        None if figure == "teleports" => Some(0.0),
        _ => None,
    }
}

/// Three standard errors of the difference of two means, both samples spread as SUMO's is: a side that scatters more is not
/// forgiven more.
fn three_errors(ours: &Spread, sumo: &Spread) -> f64 {
    if ours.seeds < 1.0 || sumo.seeds < 1.0 {
        return 0.0;
    }
    3.0 * sumo.deviation * (1.0 / ours.seeds + 1.0 / sumo.seeds).sqrt()
}

fn spreads(runs: &[Run]) -> Vec<(String, Spread)> {
    let by_run: Vec<Vec<(String, f64)>> = runs.iter().map(figures).collect();
    let Some(first) = by_run.first() else { return Vec::new() };
    let names = first.iter().map(|(name, _)| name.clone()).enumerate();
    names
        .map(|(n, name)| {
            let values: Vec<f64> = by_run.iter().map(|figures| figures[n].1).collect();
            (name, Spread::of(&values))
        })
        .collect()
}

fn bins(runs: &[Run]) -> Bins {
    let mut counts: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for (n, run) in runs.iter().enumerate() {
        for trip in &run.trips {
            // Bins are counted up to the arrival, which stays far below 2³² of them.
            let bin = bin_of(trip.arrival);
            counts.entry(bin).or_insert_with(|| vec![0.0; runs.len()])[n] += 1.0;
        }
    }
    counts.into_iter().map(|(bin, values)| (bin, Spread::of(&values))).collect()
}

fn bin_of(arrival: f64) -> u32 {
    format!("{:.0}", (arrival / BIN).floor().max(0.0)).parse().unwrap_or(0)
}

/// SUMO's own runs, as the reference files have them.
#[derive(Debug, Clone, Default)]
pub(super) struct Reference {
    figures: BTreeMap<String, BTreeMap<String, Spread>>,
    bins: BTreeMap<String, Bins>,
}

impl Reference {
    /// Reads `sumo_summary.csv` and `sumo_throughput_5min.csv` of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let read = |file: &str| {
            let path = folder.join(file);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self::of(&read("sumo_summary.csv")?, &read("sumo_throughput_5min.csv")?))
    }

    fn of(summary: &str, throughput: &str) -> Self {
        let mut reference = Self::default();
        for (scenario, figure, spread) in summary.lines().filter_map(row_of) {
            reference.figures.entry(scenario).or_default().insert(figure, spread);
        }
        for (scenario, bin, spread) in throughput.lines().filter_map(row_of) {
            if let Ok(bin) = bin.parse() {
                reference.bins.entry(scenario).or_default().insert(bin, spread);
            }
        }
        reference
    }
}

/// A row `scenario,figure,mean,deviation,seeds,...`; none for the head.
fn row_of(line: &str) -> Option<(String, String, Spread)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [scenario, figure, mean, deviation, seeds, ..] = cells[..] else { return None };
    let spread =
        Spread { mean: mean.parse().ok()?, deviation: deviation.parse().ok()?, seeds: seeds.trim().parse().ok()? };
    Some((scenario.to_owned(), figure.to_owned(), spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(durations: &[f64]) -> Run {
        let trip = |duration: &f64| Trip {
            arrival: 300.0 + duration,
            duration: *duration,
            waiting: 0.0,
            loss: 0.0,
            depart_delay: 0.0,
        };
        Run { trips: durations.iter().map(trip).collect(), ..Run::default() }
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert!((quantile(&[1.0, 2.0, 3.0, 5.0], 0.5) - 2.5).abs() < 1e-12);
        assert!((quantile(&[1.0, 2.0, 3.0, 5.0], 0.9) - 4.4).abs() < 1e-12);
        assert!((quantile(&[7.0], 0.9) - 7.0).abs() < 1e-12);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_larger_of_the_three_is_allowed() {
        let ours = Spread { mean: 0.0, deviation: 0.0, seeds: 10.0 };
        let sumo = |mean, deviation| Spread { mean, deviation, seeds: 20.0 };
        let allowed = |sumo| allowed("duration.p90", &ours, &sumo).expect("it decides");
        assert!((allowed(sumo(100.0, 0.0)) - 5.0).abs() < 1e-9);
        assert!((allowed(sumo(10.0, 0.0)) - 1.0).abs() < 1e-9);
        assert!((allowed(sumo(660.9, 38.924)) - 45.225).abs() < 1e-3, "as the reference says for ten seeds");
        assert!(super::allowed("duration.p95", &ours, &sumo(1.0, 1.0)).is_none());
    }

    #[test]
    fn a_figure_that_is_off_is_seen() {
        let same = [run(&[60.0, 70.0]), run(&[61.0, 71.0])];
        let slow = [run(&[80.0, 90.0]), run(&[81.0, 91.0])];
        let verdict = |ours: &[Run], figure: &str| {
            let comparison = Comparison::of("x", ours, &same);
            comparison.rows.iter().find(|row| row.figure == figure).and_then(Row::reached)
        };
        assert_eq!(verdict(&same, "duration.mean"), Some(true));
        assert_eq!(verdict(&slow, "duration.mean"), Some(false));
        assert_eq!(verdict(&slow, "waitingTime.mean"), Some(true));
        assert_eq!(verdict(&[Run::default()], "duration.mean"), Some(false), "no trips are not good trips");
    }

    #[test]
    fn more_teleports_are_off_and_fewer_are_not() {
        let with = |teleports, overlaps| Run { teleports, overlaps, ..run(&[60.0]) };
        let verdict = |ours: Run, figure: &str| {
            let comparison = Comparison::of("x", &[ours], &[with(1.0, 3.0)]);
            comparison.rows.iter().find(|row| row.figure == figure).and_then(Row::reached)
        };
        assert_eq!(verdict(with(0.0, 0.0), "teleports"), Some(true));
        assert_eq!(verdict(with(2.0, 0.0), "teleports"), Some(false));
        assert_eq!(verdict(with(0.0, 1.0), "overlaps"), Some(false));
    }

    #[test]
    fn bins_that_one_side_leaves_empty_are_compared() {
        let comparison = Comparison::of("x", &[run(&[1.0, 2.0])], &[run(&[1.0, 2.0, 400.0, 401.0])]);
        let bins: Vec<_> = comparison.bins.iter().map(|row| (row.figure.as_str(), row.reached())).collect();
        assert_eq!(bins, [("1", Some(true)), ("2", Some(false))]);
    }

    #[test]
    fn the_reference_is_read() {
        let head = "scenario,figure,mean,sd_over_seeds,seeds,allowed_off_at_10_seeds\n";
        let summary = format!("{head}a,duration.mean,60.0,1.0,20,3.0\na,arrived,2,0.0,20,\n");
        let reference = Reference::of(&summary, "scenario,bin,mean,sd,seeds,allowed\na,1,2.0,0.1,20,0.1\n");
        let comparison = Comparison::with_reference("a", &[run(&[60.0, 61.0])], &reference).expect("it is known");
        assert_eq!(Comparison::reached(&comparison.bins), (1, 1));
        assert!(Comparison::with_reference("b", &[], &reference).is_none());
    }
}
