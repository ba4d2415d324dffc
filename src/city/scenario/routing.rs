//! The keys `routing` and `equilibrium`: how travellers without a given route find their way.
//!
//! Says what is asked for; the search for an equilibrium is a study of its own. Knows no road.

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::quantity::{At, WrittenDuration, WrittenShare};
use crate::primitives::SimDuration;

/// The most iterations: each is a whole run.
const ITERATIONS_MAX: u32 = 200;
/// The longest interval of departure [s].
const INTERVAL_MAX: f64 = 3600.0;

/// How travellers without a given route find their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RoutingKey {
    /// At their departure: SUMO's trips by the travel times of that moment, synthetic trips by what their drivers believe of empty roads.
    AtDeparture,
    /// By experience: the run is made again and again until nobody would gain much by another way at its time of departure.
    Equilibrium,
}

/// When an equilibrium is good enough, and how it is looked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EquilibriumKey {
    /// The relative gap that is good enough: by how much all travellers together drive longer than by the fastest ways. 5 % unless given.
    pub gap: Option<At<WrittenShare>>,
    /// The most iterations, each a whole run. 20 unless given.
    pub iterations: Option<At<u32>>,
    /// Length of the intervals in which delays are measured. 5 min unless given.
    pub interval: Option<At<WrittenDuration>>,
    /// Who takes the fastest way of an iteration in the next. `smith` unless given.
    pub swaps: Option<At<SwapsKey>>,
}

/// Who changes to the fastest way after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SwapsKey {
    /// By successive averages: after iteration n one in n + 1 of those whose way is not the fastest.
    Msa,
    /// The more there is to gain the likelier: with the share of its time that a traveller would save.
    Smith,
}

/// Who changes to the fastest way after an iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swaps {
    /// One in `n + 1` of those whose way is not the fastest, after iteration `n`.
    SuccessiveAverages,
    /// Each with the share of its time that it would save.
    Smith,
}

impl Swaps {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SuccessiveAverages => "msa",
            Self::Smith => "smith",
        }
    }
}

/// When an equilibrium is good enough, and how it is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EquilibriumRule {
    /// The relative gap that is good enough, above 0 and at most 1.
    pub gap: f64,
    /// The most iterations, at least 1.
    pub iterations: u32,
    /// Length of the intervals in which delays are measured [s].
    pub interval: SimDuration,
    /// Who changes its way after an iteration.
    pub swaps: Swaps,
}

impl Default for EquilibriumRule {
    /// A gap of 5 % within 20 iterations, in intervals of five minutes, with Smith's swaps.
    fn default() -> Self {
        Self { gap: 0.05, iterations: 20, interval: SimDuration::seconds(300.0), swaps: Swaps::Smith }
    }
}

/// How travellers without a given route find their way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Routing {
    /// At their departure.
    #[default]
    AtDeparture,
    /// Over many iterations of the run.
    Equilibrium(EquilibriumRule),
}

impl Routing {
    /// In words, for a manifest; none where ways are found at departure.
    pub fn describe(&self) -> Option<String> {
        let Self::Equilibrium(rule) = self else { return None };
        Some(format!(
            "equilibrium: gap {} %, at most {} iterations, intervals of {} min, swaps {}",
            rule.gap * 100.0,
            rule.iterations,
            rule.interval.as_seconds() / 60.0,
            rule.swaps.name()
        ))
    }
}

impl Checker<'_> {
    /// The routing of a file.
    pub(super) fn routing(
        &mut self,
        routing: Option<&At<RoutingKey>>,
        key: Option<&At<EquilibriumKey>>,
        step: SimDuration,
    ) -> Routing {
        if routing.is_none_or(|routing| routing.value == RoutingKey::AtDeparture) {
            if let Some(key) = key {
                let message = "without `routing: equilibrium` this changes nothing";
                self.wrong(key.spot, message, "write `routing: equilibrium`, or remove it");
            }
            return Routing::AtDeparture;
        }
        let mut rule = EquilibriumRule::default();
        let Some(key) = key.map(|key| &key.value) else { return Routing::Equilibrium(rule) };
        if let Some(gap) = self.share(key.gap.as_ref(), "`gap`") {
            rule.gap = gap;
        }
        if let Some(gap) = key.gap.as_ref().filter(|_| rule.gap <= 0.0) {
            let help = "runs have chance in them; from some tenths of a per cent on, 2 % to 5 % are usual";
            self.wrong(gap.spot, "a gap of nothing is never reached", help);
        }
        if let Some(iterations) = &key.iterations {
            rule.iterations = iterations.value;
            if !(1..=ITERATIONS_MAX).contains(&iterations.value) {
                let message = format!("there cannot be {} iterations", iterations.value);
                self.wrong(iterations.spot, message, format!("from 1 to {ITERATIONS_MAX}; each is a whole run"));
            }
        }
        if let Some(interval) = &key.interval {
            rule.interval = self.duration(interval, "`interval`", step);
            let longest = SimDuration::seconds(INTERVAL_MAX);
            if rule.interval > longest {
                let message = format!("`interval` cannot be {}", rule.interval);
                self.wrong(interval.spot, message, "at most an hour; delays change within minutes");
            }
        }
        if let Some(swaps) = &key.swaps {
            rule.swaps = match swaps.value {
                SwapsKey::Msa => Swaps::SuccessiveAverages,
                SwapsKey::Smith => Swaps::Smith,
            };
        }
        Routing::Equilibrium(rule)
    }
}

#[cfg(test)]
mod tests {
    use crate::city::scenario::{DemandSource, EquilibriumRule, Routing, Swaps, read};

    /// The problems of a scenario with these keys, line and message; and the scenario, where there are none.
    fn scenario(keys: &str, source: &str) -> Result<super::super::Scenario, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("roads.net.xml"), "").expect("a file");
        let path = folder.path().join("a.yaml");
        let text = format!(
            "citytwin: 1\nname: A\nmap: {{ sumo-net: roads.net.xml }}\ntime: {{ start: 07:00, run: 1 h }}\n\
             demand:\n  - {source}\n{keys}"
        );
        std::fs::write(&path, text).expect("a file");
        let told = |findings: crate::primitives::text::Findings| {
            findings.problems().iter().map(|problem| format!("{}: {}", problem.place.line, problem.message)).collect()
        };
        read(&path).map_err(told)
    }

    const FILES: &str = "sumo-routes: { files: [roads.net.xml] }";

    #[test]
    fn an_equilibrium_means_what_it_says() {
        let of = |keys: &str| scenario(keys, FILES).map(|scenario| scenario.routing);
        assert_eq!(of(""), Ok(Routing::AtDeparture));
        assert_eq!(of("routing: equilibrium\n"), Ok(Routing::Equilibrium(EquilibriumRule::default())));
        let keys = "routing: equilibrium\nequilibrium: { gap: 2 %, iterations: 7, interval: 10 min, swaps: msa }\n";
        let interval = crate::primitives::SimDuration::seconds(600.0);
        let swaps = Swaps::SuccessiveAverages;
        assert_eq!(of(keys), Ok(Routing::Equilibrium(EquilibriumRule { gap: 0.02, iterations: 7, interval, swaps })));
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        let cases: [(&str, &str, &[&str]); 6] = [
            ("equilibrium: { gap: 2 % }\n", FILES, &["7: without `routing: equilibrium` this changes nothing"]),
            (
                "routing: equilibrium\nequilibrium:\n  gap: 0 %\n  iterations: 0\n  interval: 2 h\n",
                FILES,
                &[
                    "9: a gap of nothing is never reached",
                    "10: there cannot be 0 iterations",
                    "11: `interval` cannot be 7200 s",
                ],
            ),
            ("", "buses: { gtfs: feed }", &["6: there is no file", "6: timetables are of a day"]),
            (
                "",
                "buses: { gtfs: roads.net.xml, date: soon, lines: [] }",
                &["6: `soon` is no date", "6: 0 lines are named"],
            ),
            (
                "interventions:\n  a:\n    - rerouting-advice: { share: 10 %, days: 2 }\n",
                FILES,
                &["9: without `times: predicted` this changes nothing"],
            ),
            (
                "interventions:\n  a:\n    - rerouting-advice: { share: 10 %, times: predicted, days: 99 }\n",
                FILES,
                &["9: predictions cannot be learnt on 99 days"],
            ),
        ];
        for (keys, source, expected) in cases {
            let told = scenario(keys, source).expect_err(keys);
            let fits = |(told, expected): (&String, &&str)| told.starts_with(*expected);
            assert!(told.len() == expected.len() && told.iter().zip(expected).all(fits), "{told:?} for {keys}{source}");
        }
    }

    #[test]
    fn timetables_are_of_their_own_day_or_the_scenarios() {
        let dated =
            scenario("", "buses: { gtfs: roads.net.xml, date: 2026-03-02, lines: [5], within: 25 m }").expect("sound");
        let DemandSource::Timetables(timetables) = &dated.demand[0] else { panic!("buses") };
        assert_eq!(timetables.date.as_deref(), Some("2026-03-02"));
        assert_eq!((timetables.dwell.as_seconds(), timetables.within.as_metres()), (20.0, 25.0));
        assert_eq!(timetables.lines[0].0, "5");
    }
}
