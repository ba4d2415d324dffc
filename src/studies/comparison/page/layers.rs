//! What the map of differences can show: delay, flow, and where they were measured queues, noise, exhaust and concentrations.
//!
//! A layer is a figure of every road in every variant with the limits of its classes of colour. Limits are fixed where a figure means the
//! same in every city; flow depends on how long was measured, exhaust and nitrogen oxides on the engines that are stated, so theirs follow
//! the largest figure.

use std::fmt::Write as _;

use super::super::analysis::{RoadMean, VariantResult};
use super::super::wording::signed;
use crate::studies::report::markup::{json_text, number};

/// Parts of the largest figure between the classes of a figure that has no fixed limits.
const PARTS: [f64; 6] = [0.02, 0.05, 0.1, 0.2, 0.4, 0.7];
/// Parts of the largest difference.
const PARTS_OF_CHANGE: [f64; 6] = [-0.5, -0.2, -0.05, 0.05, 0.2, 0.5];

/// What a layer is of.
#[derive(Debug, Clone, Copy)]
struct Kind {
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    about: &'static str,
    /// Decimals that are told.
    decimals: usize,
    /// Limits between the classes of a difference and of a figure; none where they follow the largest.
    limits: Option<([f64; 6], [f64; 6])>,
    /// Whether a road without a figure in one variant has none of it, where it has a figure in another.
    absent_is_none: bool,
    figure: fn(&VariantResult, &str) -> Option<f64>,
}

const KINDS: [Kind; 7] = [
    Kind {
        key: "delay",
        label: "Delay",
        unit: "s/veh",
        about: "Time lost on a road per vehicle that used it.",
        decimals: 1,
        // A delay has the limits of a run's report.
        limits: Some(([-10.0, -3.0, -1.0, 1.0, 3.0, 10.0], [5.0, 10.0, 20.0, 35.0, 55.0, 80.0])),
        absent_is_none: false,
        figure: |result, road| result.roads.get(road).and_then(RoadMean::delay),
    },
    Kind {
        key: "flow",
        label: "Vehicles",
        unit: "veh",
        about: "Vehicles that used the road in the measured time.",
        decimals: 0,
        limits: None,
        absent_is_none: true,
        figure: |result, road| result.roads.get(road).map(|road| road.vehicles),
    },
    Kind {
        key: "queue",
        label: "Queue",
        unit: "m",
        about: "Length of the queue before a junction that is not exceeded in 95 % of the seconds.",
        decimals: 0,
        limits: Some(([-50.0, -20.0, -5.0, 5.0, 20.0, 50.0], [10.0, 25.0, 50.0, 100.0, 200.0, 400.0])),
        absent_is_none: true,
        figure: |result, road| result.approaches.get(road).map(|approach| approach.p95),
    },
    Kind {
        key: "noise",
        label: "Noise",
        unit: "dB(A)",
        about: "Level 10 m from the middle of the carriageway, of that carriageway alone.",
        decimals: 1,
        limits: Some(([-3.0, -1.5, -0.5, 0.5, 1.5, 3.0], [50.0, 55.0, 60.0, 65.0, 70.0, 75.0])),
        absent_is_none: false,
        figure: |result, road| result.noise.get(road).copied(),
    },
    Kind {
        key: "exhaust",
        label: "Nitrogen oxides given off",
        unit: "g per km and h",
        about: "Nitrogen oxides from the exhaust of the stated engines on the road.",
        decimals: 1,
        limits: None,
        absent_is_none: false,
        figure: |result, road| result.air.get(road).map(|air| air.emitted),
    },
    Kind {
        key: "nox",
        label: "Nitrogen oxides in the air",
        unit: "µg/m³",
        about: "What all roads add 10 m beside the road in the highest hour.",
        decimals: 2,
        limits: None,
        absent_is_none: false,
        figure: |result, road| result.air.get(road).map(|air| air.highest),
    },
    Kind {
        key: "no2",
        label: "Nitrogen dioxide in the air",
        unit: "µg/m³",
        about: "Background and traffic together, 10 m beside the road in the highest hour; the limit for an hour is 200 µg/m³.",
        decimals: 1,
        limits: Some(([-20.0, -5.0, -1.0, 1.0, 5.0, 20.0], [25.0, 40.0, 60.0, 100.0, 150.0, 200.0])),
        absent_is_none: false,
        figure: |result, road| result.air.get(road).and_then(|air| air.dioxide),
    },
];

/// A figure of the drawn roads in the base and in each variant.
pub(super) struct Layer {
    kind: Kind,
    /// Limits between the classes of a difference.
    changes: [f64; 6],
    /// Limits between the classes of a figure.
    values: [f64; 6],
    /// The base first, then the variants; each by road.
    columns: Vec<Vec<Option<f64>>>,
}

/// The layers that were measured, delay first; `results` are the base and the variants that are shown.
pub(super) fn layers(results: &[&VariantResult], roads: &[&str]) -> Vec<Layer> {
    KINDS.into_iter().filter_map(|kind| Layer::new(kind, results, roads)).collect()
}

impl Layer {
    fn new(kind: Kind, results: &[&VariantResult], roads: &[&str]) -> Option<Self> {
        let column = |result: &&VariantResult| roads.iter().map(|road| (kind.figure)(result, road)).collect();
        let mut columns: Vec<Vec<Option<f64>>> = results.iter().map(column).collect();
        if kind.key != "delay" && columns.iter().flatten().all(Option::is_none) {
            return None;
        }
        if kind.absent_is_none {
            for road in 0..roads.len() {
                if columns.iter().any(|column| column[road].is_some()) {
                    for column in &mut columns {
                        column[road].get_or_insert(0.0);
                    }
                }
            }
        }
        let (base, others) = columns.split_first()?;
        let differences = others.iter().flat_map(|column| column.iter().zip(base));
        let largest_change = differences.filter_map(|(is, was)| Some((is.as_ref()? - was.as_ref()?).abs()));
        let (changes, values) = kind.limits.unwrap_or_else(|| {
            let change = round_above(largest_change.fold(0.0, f64::max));
            let value = round_above(columns.iter().flatten().flatten().copied().fold(0.0, f64::max));
            (PARTS_OF_CHANGE.map(|part| tidy(part * change)), PARTS.map(|part| tidy(part * value)))
        });
        Some(Self { kind, changes, values, columns })
    }

    /// Its name with the unit.
    pub(super) fn label(&self) -> String {
        format!("{} [{}]", self.kind.label, self.kind.unit)
    }

    /// What it shows, in a sentence.
    pub(super) const fn about(&self) -> &'static str {
        self.kind.about
    }

    /// The class of colour of a road's difference in a variant, numbered as the columns are.
    pub(super) fn change_class(&self, variant: usize, road: usize) -> String {
        match (self.columns[0][road], self.columns[variant][road]) {
            (Some(was), Some(is)) => format!("d{}", self.class(is - was)),
            (Some(_), None) => "gone".to_owned(),
            (None, _) => "unused".to_owned(),
        }
    }

    /// The class of a difference: 0 much less to 6 much more.
    fn class(&self, difference: f64) -> usize {
        self.changes.iter().filter(|limit| difference > **limit).count()
    }

    /// What the legend says beside the classes of a difference.
    pub(super) fn change_labels(&self) -> [String; 7] {
        let told = |limit: f64| signed(limit, decimals(limit));
        std::array::from_fn(|place| match place {
            0 => format!("{} and less", told(self.changes[0])),
            6 => format!("{} and more", told(self.changes[5])),
            place => format!("{} to {}", told(self.changes[place - 1]), told(self.changes[place])),
        })
    }

    /// What the legend says beside the classes of a figure.
    pub(super) fn value_labels(&self) -> [String; 7] {
        let told = |limit: f64| number(limit, decimals(limit));
        std::array::from_fn(|place| match place {
            0 => format!("under {}", told(self.values[0])),
            6 => format!("{} and more", told(self.values[5])),
            place => format!("{}–{}", told(self.values[place - 1]), told(self.values[place])),
        })
    }

    /// What the script needs of it, as JSON; figures are whole numbers of the last decimal that is told.
    pub(super) fn json(&self) -> String {
        #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a few decimals")]
        let scale = 10_f64.powi(self.kind.decimals as i32);
        let texts = |labels: [String; 7]| labels.map(|label| json_text(&label)).join(",");
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let mut text = String::from("\"");
                for (place, figure) in column.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    if let Some(figure) = figure {
                        let _ = write!(text, "{:.0}", figure * scale);
                    }
                }
                text.push('"');
                text
            })
            .collect();
        format!(
            "{{\"key\":{},\"label\":{},\"unit\":{},\"about\":{},\"decimals\":{},\"changes\":{:?},\"values\":{:?},\"changeLabels\":[{}],\
             \"valueLabels\":[{}],\"columns\":[{}]}}",
            json_text(self.kind.key),
            json_text(self.kind.label),
            json_text(self.kind.unit),
            json_text(self.kind.about),
            self.kind.decimals,
            self.changes,
            self.values,
            texts(self.change_labels()),
            texts(self.value_labels()),
            columns.join(",")
        )
    }

    /// Lets go of the variants behind the first ones.
    pub(super) fn truncate(&mut self, variants: usize) {
        self.columns.truncate(variants + 1);
    }
}

/// Decimals that tell a limit.
fn decimals(limit: f64) -> usize {
    (0..6)
        .find(|decimals| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a few decimals")]
            let scaled = limit.abs() * 10_f64.powi(*decimals as i32);
            (scaled - scaled.round()).abs() < 1e-6
        })
        .unwrap_or(6)
}

/// The smallest of 1, 2, 5, 10, 20, 50, .. and their tenths that is not below a figure; 1 for nothing.
fn round_above(figure: f64) -> f64 {
    if !(figure > 0.0 && figure.is_finite()) {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(figure)));
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|part| part * power)
        .find(|round| *round >= figure * (1.0 - 1e-9))
        .unwrap_or(figure)
}

/// Without the dust of multiplication.
fn tidy(limit: f64) -> f64 {
    (limit * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studies::comparison::AirMean;

    fn result(delay: f64, emitted: Option<f64>) -> VariantResult {
        let empty = VariantResult {
            lines: Vec::new(),
            gains: Vec::new(),
            group_gains: Vec::new(),
            access: Vec::new(),
            hours: Vec::new(),
            roads: [("a".to_owned(), RoadMean { vehicles: 10.0, lost: 10.0 * delay })].into(),
            levels: [0.0; 6],
            approaches: std::collections::BTreeMap::new(),
            noise: std::collections::BTreeMap::new(),
            crossings: std::collections::BTreeMap::new(),
            air: std::collections::BTreeMap::new(),
        };
        let air = emitted.map(|emitted| ("a".to_owned(), AirMean { emitted, ..AirMean::default() }));
        VariantResult { air: air.into_iter().collect(), ..empty }
    }

    #[test]
    fn differences_have_a_middle_and_two_sides() {
        let (base, other) = (result(5.0, None), result(16.0, None));
        let layers = layers(&[&base, &other], &["a", "b"]);
        assert_eq!(layers.len(), 2, "nothing but delay and flow was measured");
        let delay = &layers[0];
        assert_eq!(
            [-99.0, -10.0, -2.0, 0.0, 1.0, 1.1, 10.0, 11.0].map(|one| delay.class(one)),
            [0, 0, 2, 3, 3, 4, 5, 6]
        );
        assert_eq!((delay.change_class(1, 0), delay.change_class(1, 1)), ("d6".to_owned(), "unused".to_owned()));
        assert_eq!(delay.change_labels()[0], "−10 and less");
        assert_eq!(delay.value_labels()[3], "20–35");
    }

    #[test]
    fn limits_follow_the_largest_figure_where_they_are_not_fixed() {
        let told = |limits: &[f64]| limits.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(told(&[0.0, 0.03, 0.05, 1.0, 1.1, 470.0].map(round_above)), "1 0.05 0.05 1 2 500");
        let (base, other) = (result(5.0, Some(470.0)), result(5.0, Some(455.0)));
        let all = layers(&[&base, &other], &["a"]);
        assert_eq!(all.iter().map(|one| one.kind.key).collect::<Vec<_>>(), ["delay", "flow", "exhaust", "nox"]);
        assert_eq!(told(&all[2].values), "10 25 50 100 200 350");
        assert_eq!(told(&all[2].changes), "-10 -4 -1 1 4 10");
        assert_eq!(all[2].change_class(1, 0), "d0");
        assert!(all[2].json().contains("\"columns\":[\"4700\",\"4550\"]"), "{}", all[2].json());
    }

    #[test]
    fn a_road_nobody_uses_any_more_has_no_difference() {
        let (base, other) =
            (result(5.0, None), VariantResult { roads: std::collections::BTreeMap::new(), ..result(5.0, None) });
        assert_eq!(layers(&[&base, &other], &["a"])[0].change_class(1, 0), "gone");
    }
}
