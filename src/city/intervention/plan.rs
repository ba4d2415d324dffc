//! From measures to a timetable of rules: what holds on which lane from when on.
//!
//! Measures that hold at the same time add up: a lane is open to whom none of them closes it. Two limits for one lane at one time
//! contradict each other. Every change is worked out from the network as it was built, so that whatever has ended leaves no trace.

use std::collections::{BTreeMap, BTreeSet};

use super::charge;
use super::model::{AdviceTimes, Deed, Intervention, Measure, Window};
use super::roads;
use super::rules::Layer;
use crate::city::network::Network;
use crate::city::network::rules::LaneRule;
use crate::primitives::ids::{EdgeId, LaneId};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{ClassSet, SimDuration, SimTime, Speed, VehicleClass};

/// A day.
const DAY: SimDuration = SimDuration::milliseconds(24 * 3_600_000);

/// What a variant changes in a network, and when.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Changes in the order of time, no two at the same.
    pub changes: Vec<Change>,
    /// What each measure means on this map, one sentence each: "Station Road: 4 roads, 1.2 km".
    pub resolved: Vec<String>,
}

/// What holds from an instant on.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// From when on [s].
    pub at: SimTime,
    /// The lanes whose rules are others than before, with all that holds on them now.
    pub lanes: Vec<LaneRule>,
    /// Everything that is paid from now on.
    pub tolls: Vec<Toll>,
    /// What drivers are told from now on.
    pub advice: Option<Advice>,
}

/// What a path over a junction costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Toll {
    /// The path: an internal edge.
    pub path: EdgeId,
    /// Who pays.
    pub classes: ClassSet,
    /// What it is worth in time [s].
    pub seconds: f64,
}

/// Advice on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Advice {
    /// Share of drivers who follow, 0 to 1.
    pub share: f64,
    /// How often each looks [s].
    pub every: SimDuration,
    /// By which travel times.
    pub times: AdviceTimes,
}

/// Which roads are closed to cars, by name, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Closures(BTreeMap<String, Vec<(SimTime, bool)>>);

impl Closures {
    /// Whether a road is closed at an instant.
    pub fn is_closed(&self, road: &str, now: SimTime) -> bool {
        let changes = self.0.get(road).map_or(&[][..], Vec::as_slice);
        changes.iter().rev().find(|(since, _)| *since <= now).is_some_and(|(_, closed)| *closed)
    }
}

impl Plan {
    /// When which roads are closed to cars.
    pub fn closures(&self, network: &Network) -> Closures {
        let mut rules: BTreeMap<LaneId, LaneRule> = BTreeMap::new();
        let mut closures = Closures::default();
        for change in &self.changes {
            rules.extend(change.lanes.iter().map(|rule| (rule.lane, *rule)));
            let edges: BTreeSet<EdgeId> = change.lanes.iter().map(|rule| network.lane(rule.lane).edge).collect();
            for edge in edges.into_iter().filter(|&edge| !network.edge(edge).is_internal()) {
                let allowed = |lane| rules.get(&lane).map_or(network.lane(lane).allowed, |rule| rule.allowed);
                let closed = !network.edge(edge).lane_ids().any(|lane| allowed(lane).allows_cars());
                closures.0.entry(network.edge(edge).name.clone()).or_default().push((change.at, closed));
            }
        }
        closures
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The first road, at any time, to which no ambulance gets any more, and from when on; there is to be none where ambulances serve: a
    /// crew has no other way to a patient than by road.
    pub fn out_of_reach(&self, network: &Network) -> Option<(String, SimTime)> {
        let mut rules: BTreeMap<LaneId, LaneRule> = BTreeMap::new();
        for change in self.changes.iter().filter(|change| !change.lanes.is_empty()) {
            rules.extend(change.lanes.iter().map(|rule| (rule.lane, *rule)));
            let amended = network.with_rules(&rules.values().copied().collect::<Vec<_>>());
            let (before, crew) = (network.hangs_together(VehicleClass::Emergency), VehicleClass::Emergency);
            let closed = |edge: &EdgeId| before[edge.index()] && !amended.edge_allows(*edge, crew);
            let closed = network.roads().map(|(edge, _)| edge).find(closed);
            let lost = closed.or_else(|| network.cut_off_in(&amended, crew).into_iter().next());
            if let Some(edge) = lost {
                return Some((roads::called(network, edge), change.at));
            }
        }
        None
    }

    /// The rules at an instant that differ from those the network was built with.
    pub fn rules_at(&self, network: &Network, now: SimTime) -> Vec<LaneRule> {
        let mut rules: BTreeMap<LaneId, LaneRule> = BTreeMap::new();
        for change in self.changes.iter().take_while(|change| change.at <= now) {
            rules.extend(change.lanes.iter().map(|rule| (rule.lane, *rule)));
        }
        rules.into_values().filter(|rule| *rule != LaneRule::of(network, rule.lane)).collect()
    }
}

/// What one measure does to one lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effect {
    /// Who is kept out.
    pub barred: ClassSet,
    /// Whether those may come in all the same who have business there.
    pub access: bool,
    /// The limit.
    pub speed: Option<Speed>,
    /// When it holds.
    pub window: Option<Window>,
    /// The measure, by its place in the list.
    pub measure: usize,
}

/// Lays measures out on a network for a run over `span`.
///
/// # Errors
/// Everything that does not fit the map or contradicts itself, at once.
pub fn plan(network: &Network, interventions: &[&Intervention], span: (SimTime, SimTime)) -> Result<Plan, Findings> {
    let mut findings = Findings::default();
    let mut resolved = Vec::new();
    let mut effects: BTreeMap<LaneId, Vec<Effect>> = BTreeMap::new();
    let measures: Vec<(&Intervention, &Measure)> =
        interventions.iter().flat_map(|one| one.measures.iter().map(|measure| (*one, measure))).collect();
    for (number, (intervention, measure)) in measures.iter().enumerate() {
        let mut layer = Layer { network, measure, number, effects: &mut effects, findings: &mut findings };
        if let Some(said) = layer.lay() {
            resolved.push(format!("{}: {said}", intervention.name));
        }
    }
    let places: Vec<&Place> = measures.iter().map(|(_, measure)| &measure.place).collect();
    let wishes = Wishes {
        tolls: measures.iter().flat_map(|(_, measure)| charge::tolls(network, measure, &mut findings)).collect(),
        advice: measures.iter().filter_map(|(_, measure)| advice(measure)).collect(),
    };
    let changes = changes(network, &effects, &wishes, span, &places, &mut findings);
    if let (Some(first), true) = (interventions.first(), findings.is_ok()) {
        refuse_cut_off(network, &changes, &first.place, &mut findings);
    }
    if findings.is_ok() { Ok(Plan { changes, resolved }) } else { Err(findings) }
}

/// How many of the roads that are cut off are named.
const NAMED_MAX: usize = 3;

/// Refuses rules that leave open roads to which nobody gets, or from which nobody gets away.
fn refuse_cut_off(network: &Network, changes: &[Change], place: &Place, findings: &mut Findings) {
    let mut rules: BTreeMap<LaneId, LaneRule> = BTreeMap::new();
    for change in changes.iter().filter(|change| !change.lanes.is_empty()) {
        rules.extend(change.lanes.iter().map(|rule| (rule.lane, *rule)));
        let closes = |rule: &LaneRule| rule.allowed.union(rule.access) != network.lane(rule.lane).allowed;
        if !rules.values().any(closes) {
            continue;
        }
        let laid: Vec<LaneRule> = rules.values().copied().collect();
        let amended = network.with_access(&laid);
        let cut = network.cut_off_in(&amended, VehicleClass::Passenger);
        if cut.is_empty() {
            continue;
        }
        let named: Vec<String> = cut.iter().take(NAMED_MAX).map(|&edge| roads::called(network, edge)).collect();
        let more = if cut.len() > NAMED_MAX { " and others" } else { "" };
        let (roads, named) = (cut.len(), named.join(", "));
        let message = format!(
            "from {} on {roads} open road(s) are cut off: no car gets to or away from {named}{more}",
            change.at
        );
        let help = "leave one way in and out open, close those roads too, or name who may pass under `except`";
        findings.problem(Problem::new(place.clone(), message).help(help));
        return;
    }
}

/// What is asked of drivers rather than of lanes, each with its window.
struct Wishes {
    tolls: Vec<(Toll, Option<Window>)>,
    advice: Vec<(Advice, Option<Window>)>,
}

fn advice(measure: &Measure) -> Option<(Advice, Option<Window>)> {
    let Deed::Advice { share, every, times } = measure.deed else { return None };
    Some((Advice { share, every, times }, measure.window))
}

/// The instants at which anything changes, from the beginning of the run to its end.
fn instants(windows: impl Iterator<Item = Window>, span: (SimTime, SimTime)) -> BTreeSet<SimTime> {
    let mut instants = BTreeSet::from([span.0]);
    for window in windows {
        let mut midnight = SimTime::ZERO;
        while midnight < span.1 {
            for time in [window.from, window.to] {
                let at = midnight + (time - SimTime::ZERO);
                if span.0 < at && at < span.1 {
                    instants.insert(at);
                }
            }
            midnight += DAY;
        }
    }
    instants
}

impl Window {
    /// Whether an instant is inside.
    pub fn contains(&self, at: SimTime) -> bool {
        let day = DAY.as_milliseconds();
        let clock = (at - SimTime::ZERO).as_milliseconds().rem_euclid(day);
        let of = |time: SimTime| (time - SimTime::ZERO).as_milliseconds();
        let (from, to) = (of(self.from), of(self.to));
        if from < to { (from..to).contains(&clock) } else { clock >= from || clock < to }
    }
}

/// The timetable of all effects together.
fn changes(
    network: &Network,
    effects: &BTreeMap<LaneId, Vec<Effect>>,
    wishes: &Wishes,
    span: (SimTime, SimTime),
    places: &[&Place],
    findings: &mut Findings,
) -> Vec<Change> {
    let mut quarrels: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut before: BTreeMap<LaneId, LaneRule> = BTreeMap::new();
    let mut changes = Vec::new();
    let windows = effects.values().flatten().map(|effect| effect.window);
    let windows = windows.chain(wishes.tolls.iter().map(|(_, window)| *window));
    let windows = windows.chain(wishes.advice.iter().map(|(_, window)| *window)).flatten();
    let (mut paid, mut told): (Vec<Toll>, Option<Advice>) = (Vec::new(), None);
    for at in instants(windows, span) {
        let holds = |window: &Option<Window>| window.is_none_or(|window| window.contains(at));
        let tolls: Vec<Toll> = wishes.tolls.iter().filter(|(_, window)| holds(window)).map(|(toll, _)| *toll).collect();
        // Of several at one time the one that most follow is given.
        let advices = wishes.advice.iter().filter(|(_, window)| holds(window)).map(|(advice, _)| *advice);
        let advice = advices.max_by(|a, b| a.share.total_cmp(&b.share));
        let mut lanes = Vec::new();
        for (&lane, effects) in effects {
            let built = LaneRule::of(network, lane);
            let mut rule = built;
            let (mut limited, mut open): (Option<&Effect>, _) = (None, built.allowed);
            for effect in effects.iter().filter(|effect| effect.window.is_none_or(|window| window.contains(at))) {
                rule.allowed = rule.allowed.intersection(effect.barred.complement());
                if !effect.access {
                    open = open.intersection(effect.barred.complement());
                }
                let Some(speed) = effect.speed else { continue };
                if let Some(other) = limited.filter(|other| other.speed != Some(speed)) {
                    quarrels.insert((other.measure, effect.measure));
                }
                rule.speed = speed;
                limited = Some(effect);
            }
            rule.access = open.intersection(rule.allowed.complement());
            if *before.get(&lane).unwrap_or(&built) != rule {
                before.insert(lane, rule);
                lanes.push(rule);
            }
        }
        if !lanes.is_empty() || tolls != paid || advice != told {
            (paid, told) = (tolls.clone(), advice);
            changes.push(Change { at, lanes, tolls, advice });
        }
    }
    for (one, other) in quarrels {
        let line = places[one].line;
        let message = format!("this limit and that of line {line} contradict each other on some road");
        findings.problem(
            Problem::new(places[other].clone(), message)
                .help("let one of them end before the other begins, or leave one out"),
        );
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_every_day_and_over_midnight() {
        let at = |hours: f64| SimTime::seconds(hours * 3600.0);
        let day = Window { from: at(7.0), to: at(10.0) };
        let night = Window { from: at(22.0), to: at(6.0) };
        for (hours, by_day, by_night) in [
            (0.0, false, true),
            (6.0, false, false),
            (7.0, true, false),
            (10.0, false, false),
            (22.0, false, true),
            (31.5, true, false),
            (46.0, false, true),
        ] {
            assert_eq!((day.contains(at(hours)), night.contains(at(hours))), (by_day, by_night), "{hours}");
        }
        let found = instants([day, night].into_iter(), (at(6.5), at(32.0)));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [6.5, 7.0, 10.0, 22.0, 30.0, 31.0].map(at));
    }
}
