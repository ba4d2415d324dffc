//! What a variant changes of where people get to, and for whom: everybody, groups of people, and zones, each with its interval.
//!
//! Groups of people are taken to live spread over their zones, and to travel like everybody there. Reckons with what runs say
//! (`studies/access`) and nothing else.

use serde::{Deserialize, Serialize};

use super::statistics::paired::{Interval, mean_interval};
use crate::city::scenario::{Access, AccessZone};
use crate::studies::access::{Reached, weighted};

/// What a run says, as it is kept: by limit of time and zone the jobs within reach, and the share of its people who reach a hospital.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessTotal {
    pub jobs: Vec<Vec<f64>>,
    pub hospitals: Vec<Vec<f64>>,
}

impl From<Reached> for AccessTotal {
    fn from(reached: Reached) -> Self {
        Self { jobs: reached.jobs, hospitals: reached.hospitals }
    }
}

/// Whose access it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's.
    Everybody,
    /// The people's of a zone, by its place in the list.
    Zone(usize),
    /// That of a group, by the places of its division and of the group.
    Group(usize, usize),
}

/// How many jobs somebody gets to within a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// Who.
    pub whose: Whose,
    /// How many people that are.
    pub people: f64,
    /// Within which time, by its place in the list.
    pub limit: usize,
    /// Share of all jobs in the base, 0 to 1.
    pub base: Interval,
    /// Share of all jobs in the variant, 0 to 1.
    pub variant: Interval,
    /// Variant less base.
    pub difference: Interval,
}

/// Who gets to how many jobs in the base and in a variant, the runs paired by seed: everybody first, then groups, then zones, each by every
/// limit.
pub(super) fn compare(
    access: &Access,
    (base, variant): (&[AccessTotal], &[AccessTotal]),
    confidence: f64,
) -> Vec<Within> {
    let mut whose = vec![Whose::Everybody];
    for (place, division) in access.divisions.iter().enumerate() {
        whose.extend((0..division.groups.len()).map(|group| Whose::Group(place, group)));
    }
    whose.extend((0..access.zones.len()).map(Whose::Zone));
    let all = access.jobs();
    let mut found = Vec::new();
    for whose in whose {
        let weights = weights(access, &whose);
        let people: f64 = weights.iter().sum();
        if people <= 0.0 {
            continue;
        }
        for limit in 0..access.within.len() {
            let values = |runs: &[AccessTotal]| -> Vec<f64> {
                let jobs = runs.iter().filter_map(|run| run.jobs.get(limit));
                jobs.map(|jobs| weighted(&weights, jobs) / all).collect()
            };
            let (before, after) = (values(base), values(variant));
            let differences: Vec<f64> = before.iter().zip(&after).map(|(before, after)| after - before).collect();
            found.push(Within {
                whose: whose.clone(),
                people,
                limit,
                base: mean_interval(&before, confidence),
                variant: mean_interval(&after, confidence),
                difference: mean_interval(&differences, confidence),
            });
        }
    }
    found
}

/// How many of them live in every zone.
fn weights(access: &Access, whose: &Whose) -> Vec<f64> {
    let of = |(place, zone): (usize, &AccessZone)| {
        let people = zone.residents.people;
        match *whose {
            Whose::Everybody => people,
            Whose::Zone(one) => people * f64::from(u8::from(one == place)),
            Whose::Group(division, group) => {
                people * zone.residents.shares.get(division).and_then(|shares| shares.get(group)).unwrap_or(&0.0)
            }
        }
    };
    access.zones.iter().enumerate().map(of).collect()
}

/// What somebody is called: a group with what it is parted by.
pub(super) fn name(access: &Access, whose: &Whose) -> String {
    match *whose {
        Whose::Everybody => "everybody".to_owned(),
        Whose::Zone(zone) => access.zones.get(zone).map_or_else(String::new, |zone| zone.name.clone()),
        Whose::Group(division, group) => access.divisions.get(division).map_or_else(String::new, |division| {
            format!("{} {}", division.name, division.groups.get(group).map_or("", String::as_str))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::scenario::{Division, Residents, ZoneRoads};
    use crate::primitives::{SimDuration, SimTime};

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-12, "{value} instead of {expected}");
    }

    fn access() -> Access {
        let zone = |name: &str, people: f64, jobs: f64, low: f64| AccessZone {
            name: name.to_owned(),
            residents: Residents { people, jobs, shares: vec![vec![low, 1.0 - low]] },
            roads: ZoneRoads::default(),
        };
        Access {
            within: vec![SimDuration::seconds(600.0)],
            departures: vec![SimTime::ZERO],
            divisions: vec![Division { name: "income".to_owned(), groups: vec!["low".to_owned(), "high".to_owned()] }],
            zones: vec![zone("a", 100.0, 10.0, 0.8), zone("b", 300.0, 90.0, 0.2)],
            hospitals: Vec::new(),
        }
    }

    fn run(a: f64, b: f64) -> AccessTotal {
        AccessTotal { jobs: vec![vec![a, b]], hospitals: Vec::new() }
    }

    #[test]
    fn groups_are_where_they_live() {
        let (base, variant) = ([run(100.0, 20.0), run(100.0, 20.0)], [run(90.0, 20.0), run(80.0, 20.0)]);
        let found = compare(&access(), (&base, &variant), 0.95);
        let of = |whose: Whose| found.iter().find(|one| one.whose == whose).expect("it is there");
        // 80 of the 140 of low income live in a, which loses 15 of 100 jobs.
        let low = of(Whose::Group(0, 0));
        near(low.people, 140.0);
        near(low.base.value, (80.0 * 1.0 + 60.0 * 0.2) / 140.0);
        near(low.difference.value, -0.15 * 80.0 / 140.0);
        near(of(Whose::Group(0, 1)).difference.value, -0.15 * 20.0 / 260.0);
        near(of(Whose::Everybody).difference.value, -0.15 * 100.0 / 400.0);
        near(of(Whose::Zone(1)).difference.value, 0.0);
        assert!(of(Whose::Zone(0)).difference.ends.is_some());
        assert_eq!(name(&access(), &Whose::Group(0, 1)), "income high");
    }
}
