//! A matrix fitted to counts, with how well each count is met before and after.

use std::fmt::Write as _;

use super::Project;
use super::congested::{FitTimes, Rounds, Settling};
use crate::city::demand::od::{Count, Fitted, Fitting, Ground, Matrix, geh};
use crate::primitives::SimTime;
use crate::primitives::ids::EdgeId;
use crate::primitives::text::{Findings, Place, Problem};

/// What a matrix is to be fitted to.
#[derive(Debug, Clone)]
pub struct FitWish<'a> {
    /// The city and its zones.
    pub ground: Ground<'a>,
    /// The matrix that is believed, and what it is multiplied by.
    pub matrix: &'a Matrix,
    /// Factor on every number of it.
    pub scale: f64,
    /// The clock times its trips depart between [s].
    pub span: (SimTime, SimTime),
    /// The counts; those outside the span are left out.
    pub counts: &'a [Count],
    /// The file they are from, for complaints.
    pub counts_place: &'a Place,
    /// How much the matrix is doubted: its variance as a multiple of a Poisson number's.
    pub doubt: f64,
    /// By which times the ways are the fastest.
    pub times: FitTimes<'a>,
    /// The scenario's other demand: when each departs, and its roads. What it puts on a count is not the matrix's.
    pub others: &'a [(SimTime, &'a [EdgeId])],
}

/// How well counts are met before and after: share with a GEH below 5, and mean GEH.
struct Met {
    good: (f64, f64),
    mean: (f64, f64),
}

impl Met {
    fn told(&self, counts: usize) -> String {
        format!(
            "GEH below 5: {:.0} % of {counts} counts before, {:.0} % after; mean GEH {:.1} before, {:.1} after",
            self.good.0 * 100.0,
            self.good.1 * 100.0,
            self.mean.0,
            self.mean.1
        )
    }
}

/// Fits a matrix, and writes it with a table of the counts.
///
/// # Errors
/// Zones of the matrix that are not drawn, zones tied to roads that do not exist, no count within the matrix's time, or none that any
/// trip passes.
pub fn fitted(wish: &FitWish<'_>) -> Result<Project, Findings> {
    fit(wish).map(|(project, _)| project)
}

/// The same, with the matrix itself.
pub(super) fn fit(wish: &FitWish<'_>) -> Result<(Project, Matrix), Findings> {
    let wrong = |message: &str, help: &str| {
        let mut findings = Findings::default();
        findings.problem(Problem::new(wish.counts_place.clone(), message).help(help));
        findings
    };
    let (begin, end) = wish.span;
    let counts: Vec<&Count> = wish.counts.iter().filter(|count| count.from < end && count.to > begin).collect();
    let outside = wish.counts.len() - counts.len();
    if counts.is_empty() {
        let message = format!("no count lies between {begin} and {end}, when the trips of the matrix depart");
        return Err(wrong(&message, "count at other times, or fit the matrix of those"));
    }
    let known = wish.matrix.among(wish.ground.zones)?;
    let ground = match wish.times {
        FitTimes::Given(slow) => Ground { slow: Some(slow), ..wish.ground },
        FitTimes::Empty | FitTimes::ByVolume(_) => wish.ground,
    };
    let shares = ground.shares_on(&known, &counts)?;
    let hours = (end - begin).as_seconds() / 3600.0;
    let others: Vec<f64> = counts.iter().map(|count| others_on(count, wish.others)).collect();
    let own = |count: &Count, others: f64| (count.hourly() - others).max(0.0) * hours;
    let mut fitting = Fitting {
        believed: known.cells.iter().map(|cell| cell.trips * wish.scale).collect(),
        shares,
        counted: counts.iter().zip(&others).map(|(count, others)| own(count, *others)).collect(),
        doubt: wish.doubt,
    };
    let passed = fitting.on_counts(&vec![1.0; known.cells.len()]);
    if passed.iter().all(|pairs| *pairs <= 0.0) {
        return Err(wrong("no trip of the matrix passes any count", "are the counts on roads between the zones?"));
    }
    let before = fitting.on_counts(&fitting.believed);
    let (answer, settling) = answered(wish, (&known, &counts), &mut fitting, hours)?;
    let mut matrix = known;
    for (cell, trips) in matrix.cells.iter_mut().zip(&answer.trips) {
        cell.trips = *trips;
    }
    let hourly =
        |vehicles: &[f64]| vehicles.iter().zip(&others).map(|(vehicles, others)| vehicles / hours + others).collect();
    let rows = Rows {
        counts: &counts,
        counted: counts.iter().map(|count| count.hourly()).collect(),
        before: hourly(&before),
        after: hourly(&answer.modelled),
    };
    let mut told = vec![
        rows.told(),
        format!("{:.0} trips before, {:.0} after", fitting.believed.iter().sum::<f64>(), matrix.total()),
    ];
    told.extend(settling.map(Settling::told));
    told.extend(of_others(&counts, &others, wish.others.len()));
    told.extend(rows.worst(5));
    if outside > 0 {
        told.push(format!("left out: {outside} counts at other times than the matrix's"));
    }
    told.extend(not_met(&passed, &fitting.counted));
    if !answer.settled {
        told.push("note: the bound at zero trips did not settle; the matrix is near the best, not at it".to_owned());
    }
    let files = vec![("matrix.csv".to_owned(), matrix.to_csv()), ("counts.csv".to_owned(), rows.to_csv())];
    Ok((Project { files, told }, matrix))
}

/// Fits to the ways of the times that are wanted.
fn answered(
    wish: &FitWish<'_>,
    (matrix, counts): (&Matrix, &[&Count]),
    fitting: &mut Fitting,
    hours: f64,
) -> Result<(Fitted, Option<Settling>), Findings> {
    let FitTimes::ByVolume(lane_capacity) = wish.times else { return Ok((fitting.solve(), None)) };
    let others = others_on_roads(wish, hours);
    let rounds = Rounds { wish, matrix, counts, others: &others, lane_capacity, hours };
    let (answer, settling) = rounds.settle(fitting)?;
    Ok((answer, Some(settling)))
}

/// What is said of the scenario's other demand.
fn of_others(counts: &[&Count], others: &[f64], vehicles: usize) -> Option<String> {
    let more = counts.iter().zip(others).filter(|(count, others)| count.hourly() < **others).count();
    let all = counts.len();
    let told = format!(
        "the scenario's other demand, {vehicles} vehicles, is taken off the counts; {more} of {all} are less than it"
    );
    (vehicles > 0).then_some(told)
}

/// What is said of counts that no pair passes.
fn not_met(passed: &[f64], counted: &[f64]) -> Option<String> {
    let without = passed.iter().zip(counted).filter(|(pairs, counted)| **pairs <= 0.0 && **counted > 0.0).count();
    let told = format!("note: {without} counts have traffic where no trip of the matrix passes; nothing can meet them");
    (without > 0).then_some(told)
}

/// What other demand puts on a count by its given or empty ways [veh/h]: those who depart in its time.
fn others_on(count: &Count, others: &[(SimTime, &[EdgeId])]) -> f64 {
    let passing = others
        .iter()
        .filter(|(depart, way)| (count.from..count.to).contains(depart) && count.is_passed_by(way))
        .fold(0.0, |sum, _| sum + 1.0);
    passing / ((count.to - count.from).as_seconds() / 3600.0)
}

/// What other demand puts on each edge in the time of the matrix [veh/h].
fn others_on_roads(wish: &FitWish<'_>, hours: f64) -> Vec<f64> {
    let mut flows = vec![0.0; wish.ground.network.edges.len()];
    let (begin, end) = wish.span;
    for (_, way) in wish.others.iter().filter(|(depart, _)| (begin..end).contains(depart)) {
        for edge in *way {
            flows[edge.index()] += 1.0 / hours;
        }
    }
    flows
}

/// Counts with what is modelled before and after, by the hour [veh/h].
pub(super) struct Rows<'a> {
    pub(super) counts: &'a [&'a Count],
    pub(super) counted: Vec<f64>,
    pub(super) before: Vec<f64>,
    pub(super) after: Vec<f64>,
}

impl Rows<'_> {
    /// Counted, before and after by the hour, for each count.
    fn hourly(&self) -> impl Iterator<Item = (&Count, f64, f64, f64)> {
        let flows = self.counted.iter().zip(self.before.iter().zip(&self.after));
        self.counts.iter().zip(flows).map(|(count, (counted, (before, after)))| (*count, *counted, *before, *after))
    }

    /// How well they are met, in a sentence.
    pub(super) fn told(&self) -> String {
        self.met().told(self.counts.len())
    }

    fn met(&self) -> Met {
        let (mut good, mut mean, mut number) = ((0.0, 0.0), (0.0, 0.0), 0.0);
        for (_, counted, before, after) in self.hourly() {
            let (a, b) = (geh(before, counted), geh(after, counted));
            good = (good.0 + f64::from(u8::from(a < 5.0)), good.1 + f64::from(u8::from(b < 5.0)));
            mean = (mean.0 + a, mean.1 + b);
            number += 1.0;
        }
        Met { good: (good.0 / number, good.1 / number), mean: (mean.0 / number, mean.1 / number) }
    }

    /// The counts that are met worst, a sentence each; none of those with a GEH below 5.
    pub(super) fn worst(&self, most: usize) -> Vec<String> {
        let mut list: Vec<(f64, &Count, f64, f64)> =
            self.hourly().map(|(count, counted, _, after)| (geh(after, counted), count, counted, after)).collect();
        list.retain(|(geh, ..)| *geh >= 5.0);
        list.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.line.cmp(&b.1.line)));
        let tell = |(geh, count, counted, after): &(f64, &Count, f64, f64)| {
            format!("GEH {geh:.1} at {}: {counted:.0} veh/h counted, {after:.0} modelled", count.name)
        };
        list.iter().take(most).map(tell).collect()
    }

    pub(super) fn to_csv(&self) -> String {
        let mut text = String::from("road,from,to,counted_veh_h,before_veh_h,after_veh_h,geh_before,geh_after\n");
        for (count, counted, before, after) in self.hourly() {
            let name = crate::city::demand::od::csv_field(&count.name);
            let _ = writeln!(
                text,
                "{name},{},{},{counted:.1},{before:.1},{after:.1},{:.2},{:.2}",
                count.from,
                count.to,
                geh(before, counted),
                geh(after, counted)
            );
        }
        text
    }
}
