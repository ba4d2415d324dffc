//! A matrix fitted to counts, with how well each count is met before and after.

use std::fmt::Write as _;

use super::Project;
use crate::city::demand::od::{Count, Fitting, Ground, Matrix, geh};
use crate::primitives::SimTime;
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
}

/// How well counts are met before and after: share with a GEH below 5, and mean GEH.
struct Met {
    good: (f64, f64),
    mean: (f64, f64),
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
    let watched: Vec<&[crate::primitives::ids::EdgeId]> = counts.iter().map(|count| count.roads.as_slice()).collect();
    let shares = wish.ground.shares_on(&known, &watched)?;
    let hours = (end - begin).as_seconds() / 3600.0;
    let fitting = Fitting {
        believed: known.cells.iter().map(|cell| cell.trips * wish.scale).collect(),
        shares,
        counted: counts.iter().map(|count| count.hourly() * hours).collect(),
        doubt: wish.doubt,
    };
    let passed = fitting.on_counts(&vec![1.0; known.cells.len()]);
    if passed.iter().all(|pairs| *pairs <= 0.0) {
        return Err(wrong("no trip of the matrix passes any count", "are the counts on roads between the zones?"));
    }
    let before = fitting.on_counts(&fitting.believed);
    let answer = fitting.solve();
    let mut matrix = known;
    for (cell, trips) in matrix.cells.iter_mut().zip(&answer.trips) {
        cell.trips = *trips;
    }
    let rows = Rows { counts: &counts, counted: &fitting.counted, before: &before, after: &answer.modelled, hours };
    let met = rows.met();
    let mut told = vec![
        format!(
            "GEH below 5: {:.0} % of {} counts before, {:.0} % after; mean GEH {:.1} before, {:.1} after",
            met.good.0 * 100.0,
            counts.len(),
            met.good.1 * 100.0,
            met.mean.0,
            met.mean.1
        ),
        format!("{:.0} trips before, {:.0} after", fitting.believed.iter().sum::<f64>(), matrix.total()),
    ];
    told.extend(rows.worst(5));
    if outside > 0 {
        told.push(format!("left out: {outside} counts at other times than the matrix's"));
    }
    let without =
        passed.iter().zip(&fitting.counted).filter(|(pairs, counted)| **pairs <= 0.0 && **counted > 0.0).count();
    if without > 0 {
        told.push(format!(
            "note: {without} counts have traffic where no trip of the matrix passes; nothing can meet them"
        ));
    }
    if !answer.settled {
        told.push("note: the bound at zero trips did not settle; the matrix is near the best, not at it".to_owned());
    }
    let files = vec![("matrix.csv".to_owned(), matrix.to_csv()), ("counts.csv".to_owned(), rows.to_csv())];
    Ok((Project { files, told }, matrix))
}

/// Counts with what is modelled before and after, in the time of the matrix.
struct Rows<'a> {
    counts: &'a [&'a Count],
    counted: &'a [f64],
    before: &'a [f64],
    after: &'a [f64],
    /// Length of that time [h]; the GEH is of hourly flows.
    hours: f64,
}

impl Rows<'_> {
    /// Counted, before and after by the hour, for each count.
    fn hourly(&self) -> impl Iterator<Item = (&Count, f64, f64, f64)> {
        let flows = self.counted.iter().zip(self.before.iter().zip(self.after));
        self.counts.iter().zip(flows).map(|(count, (counted, (before, after)))| {
            (*count, counted / self.hours, before / self.hours, after / self.hours)
        })
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
    fn worst(&self, most: usize) -> Vec<String> {
        let mut list: Vec<(f64, &Count, f64, f64)> =
            self.hourly().map(|(count, counted, _, after)| (geh(after, counted), count, counted, after)).collect();
        list.retain(|(geh, ..)| *geh >= 5.0);
        list.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.line.cmp(&b.1.line)));
        let tell = |(geh, count, counted, after): &(f64, &Count, f64, f64)| {
            format!("GEH {geh:.1} at {}: {counted:.0} veh/h counted, {after:.0} modelled", count.name)
        };
        list.iter().take(most).map(tell).collect()
    }

    fn to_csv(&self) -> String {
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
