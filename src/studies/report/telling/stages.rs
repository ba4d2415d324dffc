//! The stages of an emergency call, each against the standard a service is held to where there is one.
//!
//! Standards: NFPA 1710 (2020) for answering, handling, turnout and travel of the first unit of an emergency
//! medical call; 15 minutes for the clinical handover at a hospital, as the NHS asks.

use super::super::markup::{NO_FIGURE, clock_span, count_of, per_cent};
use super::super::statistics::Sample;
use super::table::{Column, Table, figures, words};
use super::values::{Call, Chain, between};

/// A stage of a call: its name, its span [s], and the standard as seconds, the share of calls
/// it is asked of, and who asks it.
struct Stage {
    name: &'static str,
    span: fn(&Chain) -> Option<f64>,
    standard: Option<(f64, &'static str, &'static str)>,
}

const STAGES: [Stage; 10] = [
    Stage {
        name: "Answering",
        span: |chain| between(chain.call, chain.answer),
        standard: Some((15.0, "95 in 100", "NFPA 1710")),
    },
    Stage {
        name: "Handling",
        span: |chain| between(chain.answer, chain.queue),
        standard: Some((64.0, "9 in 10", "NFPA 1710")),
    },
    Stage { name: "Waiting for a unit", span: |chain| between(chain.queue, chain.dispatch), standard: None },
    Stage {
        name: "Turnout",
        span: |chain| between(chain.dispatch, chain.enroute),
        standard: Some((60.0, "9 in 10", "NFPA 1710")),
    },
    Stage {
        name: "Travel",
        span: |chain| between(chain.enroute, chain.arrive),
        standard: Some((240.0, "9 in 10", "NFPA 1710")),
    },
    Stage { name: "To the patient", span: |chain| between(chain.arrive, chain.patient), standard: None },
    Stage { name: "At the address", span: |chain| between(chain.arrive, chain.depart), standard: None },
    Stage { name: "To the hospital", span: |chain| between(chain.depart, chain.hospital), standard: None },
    Stage {
        name: "Handover",
        span: |chain| between(chain.hospital, chain.handover),
        standard: Some((900.0, "all", "NHS")),
    },
    Stage { name: "Whole call", span: |chain| between(chain.call, chain.clear), standard: None },
];

const COLUMNS: [Column; 7] = [
    words("Stage"),
    figures("Calls"),
    figures("Mean"),
    figures("Median"),
    figures("9 in 10<br>within"),
    words("Standard"),
    figures("Within it"),
];

/// The table; travel stands in two rows more where some units drove with siren and some without.
pub(super) fn table(calls: &[&Call]) -> String {
    let mut table = Table::new(
        "The stages of the calls, in minutes and seconds; each over the calls that got through it",
        &COLUMNS,
    );
    for stage in &STAGES {
        row(&mut table, stage.name, stage, calls);
        let with: Vec<&Call> = calls.iter().copied().filter(|call| call.siren).collect();
        let without: Vec<&Call> = calls.iter().copied().filter(|call| !call.siren).collect();
        if stage.name == "Travel" && !with.is_empty() && !without.is_empty() {
            row(&mut table, "Travel <span class=\"code\">with siren</span>", stage, &with);
            row(&mut table, "Travel <span class=\"code\">without</span>", stage, &without);
        }
    }
    table.end()
}

fn row(table: &mut Table<'_>, name: &str, stage: &Stage, calls: &[&Call]) {
    let spans = Sample::new(calls.iter().filter_map(|call| (stage.span)(&call.chain)));
    if spans.is_empty() {
        return;
    }
    let (standard, within) = match stage.standard {
        Some((seconds, share, source)) => {
            let kept = spans.values().iter().filter(|span| **span <= seconds).count();
            let limit = clock_span(Some(seconds));
            (format!("{limit} for {share} <span class=\"code\">{source}</span>"), shared(kept, &spans))
        }
        None => (NO_FIGURE.to_owned(), NO_FIGURE.to_owned()),
    };
    table.row(
        name,
        &[
            count_of(spans.len()),
            clock_span(spans.mean()),
            clock_span(spans.percentile(0.5)),
            clock_span(spans.percentile(0.9)),
            standard,
            within,
        ],
    );
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 calls")]
fn shared(part: usize, whole: &Sample) -> String {
    per_cent(part as f64, whole.len() as f64)
}
