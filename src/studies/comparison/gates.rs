//! What was expected, held against what the runs say: it holds, it does not hold, or it cannot be said.
//!
//! The whole interval has to lie on one side of the bound. An expectation that the estimate meets and the interval does not is
//! one that more runs might decide. Knows no file.

use super::analysis::Analysis;
use super::design::{Design, values};
use super::record::Record;
use super::statistics::paired::{Interval, mean_interval};
use crate::city::scenario::{Expectation, Relation, Subject};

/// What the runs say of an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, at the confidence asked for.
    Holds,
    /// It does not hold, at the confidence asked for.
    Fails,
    /// It cannot be said at this confidence.
    Unsaid,
}

impl Verdict {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "does not hold",
            Self::Unsaid => "cannot be said at this confidence",
        }
    }
}

/// An expectation with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What was expected.
    pub expectation: Expectation,
    /// What was found, in the unit of the bound; none where the measure has nothing to be measured on.
    pub found: Option<Interval>,
    /// The verdict.
    pub verdict: Verdict,
}

/// Every expectation with its verdict.
pub(super) fn judge(design: &Design, records: &[Vec<Record>], analysis: &Analysis) -> Vec<Gate> {
    let gate = |expectation: &Expectation| {
        let found = found(expectation, design, records, analysis);
        let verdict = found.map_or(Verdict::Unsaid, |found| verdict(expectation.relation, found, expectation.bound));
        Gate { expectation: expectation.clone(), found, verdict }
    };
    design.rules.expectations.iter().map(gate).collect()
}

fn found(expectation: &Expectation, design: &Design, records: &[Vec<Record>], analysis: &Analysis) -> Option<Interval> {
    let place = design.variants.iter().position(|variant| variant.name == expectation.variant)?;
    if expectation.subject == Subject::Value {
        let values = values(&records[place], expectation.measure);
        return (!values.is_empty()).then(|| mean_interval(&values, design.rules.confidence));
    }
    let line = analysis.variants[place].lines.iter().find(|line| line.measure == expectation.measure)?;
    if expectation.subject == Subject::Change {
        return Some(line.paired.difference);
    }
    let hundred = |share: f64| share * 100.0;
    line.paired.relative.map(|relative| Interval {
        value: hundred(relative.value),
        ends: relative.ends.map(|(low, high)| (hundred(low), hundred(high))),
    })
}

fn verdict(relation: Relation, found: Interval, bound: f64) -> Verdict {
    let Some((low, high)) = found.ends else { return Verdict::Unsaid };
    let (holds, fails) = match relation {
        Relation::Less => (high < bound, low >= bound),
        Relation::AtMost => (high <= bound, low > bound),
        Relation::More => (low > bound, high <= bound),
        Relation::AtLeast => (low >= bound, high < bound),
    };
    match (holds, fails) {
        (true, _) => Verdict::Holds,
        (_, true) => Verdict::Fails,
        _ => Verdict::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_interval_decides() {
        let of = |low, high| Interval { value: f64::midpoint(low, high), ends: Some((low, high)) };
        let cases = [
            (Relation::Less, of(-9.0, -6.0), Verdict::Holds),
            (Relation::Less, of(-9.0, -5.0), Verdict::Unsaid),
            (Relation::AtMost, of(-9.0, -5.0), Verdict::Holds),
            (Relation::Less, of(-5.0, -1.0), Verdict::Fails),
            (Relation::AtMost, of(-5.0, -1.0), Verdict::Unsaid),
            (Relation::More, of(-4.0, -1.0), Verdict::Holds),
            (Relation::More, of(-9.0, -5.0), Verdict::Fails),
            (Relation::AtLeast, of(-5.0, -5.0), Verdict::Holds),
            (Relation::AtLeast, of(-6.0, -5.5), Verdict::Fails),
            (Relation::Less, of(f64::NAN, f64::NAN), Verdict::Unsaid),
            (Relation::Less, Interval { value: -9.0, ends: None }, Verdict::Unsaid),
        ];
        for (relation, found, expected) in cases {
            assert_eq!(verdict(relation, found, -5.0), expected, "{relation:?} {found:?}");
        }
    }
}
