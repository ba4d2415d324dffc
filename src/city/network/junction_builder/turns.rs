//! Which lane leads to which: the turns a junction allows, lane by lane.
//!
//! The kerb lanes turn right, the median lanes left, the lanes between go on; lanes that only some may use (bus lanes) lead
//! to where those may drive; one turns back only where there is no other way. Knows directions and lanes, not right of way.

use std::f64::consts::PI;
use std::ops::Range;

use super::arrows;
use super::curves::turning;
use super::shape::{Leg, RoadShape};
use crate::city::network::bare::{BareMap, BareRoad, LaneArrows};
use crate::city::network::model::Turn;
use crate::primitives::ClassSet;

/// Up to this angle a road may be the continuation of another [rad].
const STRAIGHT_MAX: f64 = 50.0 * PI / 180.0;
/// A continuation that bends more than this is called a slight turn [rad].
const STRAIGHT_NAME_MAX: f64 = 35.0 * PI / 180.0;
/// Another road up to this angle is a slight turn [rad].
const SLIGHT_MAX: f64 = 45.0 * PI / 180.0;
/// Beyond this angle one drives back [rad].
const BACK_MIN: f64 = 170.0 * PI / 180.0;
/// A road to where one came from is a way back beyond this angle [rad].
const RETURN_MIN: f64 = 150.0 * PI / 180.0;
/// A less important road must be this much straighter to be the continuation [rad].
const LESS_IMPORTANT: f64 = 12.0 * PI / 180.0;
/// From this many lanes on, a signalled approach gives its median lane to the left turn alone.
const LANES_FOR_LEFT_LANE: usize = 3;

/// A lane leads to a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Connection {
    /// Road it comes from, by position in the map, and lane.
    pub from: (usize, usize),
    /// Road and lane it leads to.
    pub to: (usize, usize),
    /// Which of the node's incoming roads it comes from, clockwise.
    pub approach: usize,
    /// Which way it turns.
    pub turn: Turn,
    /// By how much it turns, positive to the left [rad].
    pub angle: f64,
    /// Who may use both lanes.
    pub allowed: ClassSet,
}

/// A road one can go on by.
#[derive(Debug, Clone, Copy)]
struct Way {
    road: usize,
    angle: f64,
    turn: Turn,
}

/// The connections of a node, by incoming road clockwise, then from the right turn to the left turn, then from the kerb:
/// the order of the rows of the right-of-way matrix.
pub(super) fn connections(map: &BareMap, roads: &[RoadShape], legs: &[Leg]) -> Vec<Connection> {
    let mut all = Vec::new();
    for (approach, (leg, source)) in legs.iter().filter_map(|leg| leg.incoming.map(|road| (leg, road))).enumerate() {
        let ways = ways(map, roads, legs, leg, source);
        let mut pairs = lanes_to_lanes(map, roads, source, &ways);
        pairs.sort_unstable();
        pairs.dedup();
        for (way, from, to) in pairs {
            let Way { road, angle, turn } = ways[way];
            let allowed = common(&map.roads[source], from, &map.roads[road], to);
            all.push(Connection { from: (source, from), to: (road, to), approach, turn, angle, allowed });
        }
    }
    all
}

/// Roads to go on by from `source`, from the right to the left.
fn ways(map: &BareMap, roads: &[RoadShape], legs: &[Leg], from: &Leg, source: usize) -> Vec<Way> {
    let heading = roads[source].direction_end();
    let onward = |&road: &usize| road != source && !map.turn_bans.contains(&(source, road));
    let angle_to = |road: usize| turning(heading, roads[road].direction_start());
    let returns = |road: usize| {
        let to_start = map.roads[road].to == map.roads[source].from;
        from.outgoing == Some(road) || (to_start && angle_to(road).abs() > RETURN_MIN)
    };
    let open: Vec<usize> = legs.iter().filter_map(|leg| leg.outgoing).filter(onward).collect();
    // Where there is nothing else, even a hairpin is a way on.
    let hairpins_only = open.iter().all(|&road| returns(road) || angle_to(road).abs() > BACK_MIN);
    let mut ways: Vec<Way> = open
        .into_iter()
        .map(|road| {
            let angle = angle_to(road);
            let back = returns(road) || (!hairpins_only && angle.abs() > BACK_MIN);
            let turn = match (angle.abs() <= SLIGHT_MAX, angle > 0.0) {
                _ if back => Turn::Back,
                (true, true) => Turn::SlightLeft,
                (true, false) => Turn::SlightRight,
                (false, true) => Turn::Left,
                (false, false) => Turn::Right,
            };
            // Whoever turns back does so over the left.
            Way { road, angle: if back { PI } else { angle }, turn }
        })
        .collect();
    ways.sort_by(|a, b| a.angle.total_cmp(&b.angle).then(a.road.cmp(&b.road)));
    if let Some(index) = continuation(map, source, &ways)
        && ways[index].angle.abs() <= STRAIGHT_NAME_MAX
    {
        ways[index].turn = Turn::Straight;
    }
    ways
}

/// The way that continues `source`, if one does.
fn continuation(map: &BareMap, source: usize, ways: &[Way]) -> Option<usize> {
    let score = |way: &Way| {
        let less = map.roads[way.road].priority < map.roads[source].priority;
        way.angle.abs() + if less { LESS_IMPORTANT } else { 0.0 }
    };
    let candidates =
        ways.iter().enumerate().filter(|(_, way)| way.turn != Turn::Back && way.angle.abs() < STRAIGHT_MAX);
    candidates.min_by(|a, b| score(a.1).total_cmp(&score(b.1))).map(|(index, _)| index)
}

fn common(source: &BareRoad, from: usize, target: &BareRoad, to: usize) -> ClassSet {
    source.lanes[from].allowed.intersection(target.lanes[to].allowed)
}

/// Lanes of a road that cars may use; where there are none, those anybody drives on.
fn main_lanes(road: &BareRoad) -> Vec<usize> {
    let lanes = |test: fn(&ClassSet) -> bool| {
        (0..road.lanes.len()).filter(|&lane| test(&road.lanes[lane].allowed)).collect::<Vec<_>>()
    };
    let cars = lanes(|allowed| allowed.allows_cars());
    if cars.is_empty() { lanes(|allowed| allowed.any_on_road()) } else { cars }
}

/// Way, lane, lane.
type Pair = (usize, usize, usize);

fn lanes_to_lanes(map: &BareMap, roads: &[RoadShape], source: usize, ways: &[Way]) -> Vec<Pair> {
    let road = &map.roads[source];
    let own = main_lanes(road);
    let mut pairs = Vec::new();
    // Ways with, for each, the lanes that the main lanes' users may use there.
    let onward: Vec<(usize, Vec<usize>)> = (0..ways.len())
        .filter(|&way| ways[way].turn != Turn::Back)
        .map(|way| {
            let target = &map.roads[ways[way].road];
            let lanes = main_lanes(target);
            let usable = |&lane: &usize| {
                own.iter().any(|&from| {
                    let both = common(road, from, target, lane);
                    if road.lanes[from].allowed.allows_cars() { both.allows_cars() } else { both.any_on_road() }
                })
            };
            (way, lanes.into_iter().filter(usable).collect::<Vec<_>>())
        })
        .filter(|(_, lanes)| !lanes.is_empty())
        .collect();
    let straight = continuation(map, source, ways).and_then(|way| onward.iter().position(|(w, _)| *w == way));
    let signalled = map.nodes[road.to].control.is_signal();
    let sizes: Vec<usize> = onward.iter().map(|(_, lanes)| lanes.len()).collect();
    let angles: Vec<f64> = onward.iter().map(|&(way, _)| ways[way].angle).collect();
    let shares = arrows::share(&painted(map, source, &own), &angles, straight)
        .unwrap_or_else(|| share_out(own.len(), &sizes, straight, signalled));
    for (position, share) in shares.into_iter().enumerate() {
        let (way, targets) = &onward[position];
        let sources = &own[share];
        let aside = |from: usize, to: usize| offset_between(roads, (source, from), (ways[*way].road, to));
        let side = match straight {
            Some(straight) if position < straight => Side::Kerb,
            Some(straight) if position > straight => Side::Median,
            Some(_) => Side::Nearest,
            None if ways[*way].angle < 0.0 => Side::Kerb,
            None => Side::Median,
        };
        let mut matched = match_lanes(sources, targets, side, aside);
        if onward.len() == 1 {
            cover_targets(&mut matched, targets);
        }
        pairs.extend(matched.into_iter().map(|(from, to)| (*way, from, to)));
    }
    special_lanes(map, roads, source, ways, &own, &mut pairs);
    forgotten_lanes(map, source, ways, &mut pairs);
    pairs
}

/// The arrows on lanes of a road.
fn painted(map: &BareMap, road: usize, lanes: &[usize]) -> Vec<LaneArrows> {
    lanes.iter().map(|&lane| map.markings.arrows.get(&(road, lane)).copied().unwrap_or_default()).collect()
}

/// Which of `lanes` main lanes serve each way, ways from right to left with their lane counts.
fn share_out(lanes: usize, sizes: &[usize], straight: Option<usize>, signalled: bool) -> Vec<Range<usize>> {
    if lanes == 0 || sizes.is_empty() {
        return sizes.iter().map(|_| 0..0).collect();
    }
    let Some(straight) = straight else { return share_without_straight(lanes, sizes) };
    let (rights, lefts) = (straight, sizes.len() - 1 - straight);
    let wanted = sizes[straight];
    let (mut first, mut end) = (0, lanes);
    if lefts > 0 && lanes > 1 && (lanes > wanted || (signalled && lanes >= LANES_FOR_LEFT_LANE)) {
        end -= 1;
    }
    if rights > 0 && end - first > wanted {
        first += 1;
    }
    // More lanes than the way straight on can take: a second turning lane where the turn has room for it.
    if lefts > 0 && end - first > wanted && sizes[straight + 1..].iter().any(|&size| size > 1) {
        end -= 1;
    }
    let mut shares = vec![0..first.max(1); rights];
    shares.push(first..end);
    shares.extend(vec![end.min(lanes - 1)..lanes; lefts]);
    shares
}

/// Lanes split between turns only, as at the stem of a T: in proportion to the lanes of the ways, each at least one.
fn share_without_straight(lanes: usize, sizes: &[usize]) -> Vec<Range<usize>> {
    let ways = sizes.len();
    if lanes < ways {
        return (0..ways).map(|way| way * lanes / ways..way * lanes / ways + 1).collect();
    }
    let mut counts = vec![1; ways];
    for _ in ways..lanes {
        let hungriest = (0..ways).max_by_key(|&way| {
            (i64::try_from(sizes[way]).unwrap_or(i64::MAX) - i64::try_from(counts[way]).unwrap_or(i64::MAX), way)
        });
        counts[hungriest.unwrap_or(0)] += 1;
    }
    let mut first = 0;
    counts
        .into_iter()
        .map(|count| {
            first += count;
            first - count..first
        })
        .collect()
}

/// Which side of the target a turn keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Kerb,
    Median,
    Nearest,
}

/// Pairs lanes with lanes in order, shifted so that the paths are as straight as possible; surplus lanes merge.
fn match_lanes(
    sources: &[usize],
    targets: &[usize],
    side: Side,
    aside: impl Fn(usize, usize) -> f64,
) -> Vec<(usize, usize)> {
    if sources.is_empty() || targets.is_empty() {
        return Vec::new();
    }
    let (many, few) = (sources.len().max(targets.len()), sources.len().min(targets.len()));
    let surplus = many - few;
    let paired = |shift: usize| -> Vec<(usize, usize)> {
        if sources.len() <= targets.len() {
            sources.iter().enumerate().map(|(i, &from)| (from, targets[i + shift])).collect()
        } else {
            let last = targets.len() - 1;
            sources.iter().enumerate().map(|(i, &from)| (from, targets[i.saturating_sub(shift).min(last)])).collect()
        }
    };
    let shift = match side {
        Side::Kerb => 0,
        Side::Median => surplus,
        Side::Nearest => {
            let cost = |shift: usize| -> f64 { paired(shift).iter().map(|&(from, to)| aside(from, to)).sum() };
            (0..=surplus).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(0)
        }
    };
    paired(shift)
}

/// Where a road only widens, the new lanes are entered from the nearest old one.
fn cover_targets(pairs: &mut Vec<(usize, usize)>, targets: &[usize]) {
    let (Some(&first), Some(&last)) = (pairs.first(), pairs.last()) else { return };
    for &to in targets {
        if to < first.1 {
            pairs.push((first.0, to));
        } else if to > last.1 {
            pairs.push((last.0, to));
        }
    }
}

/// How far beside the end of a lane another one begins [m].
fn offset_between(roads: &[RoadShape], from: (usize, usize), to: (usize, usize)) -> f64 {
    let (source, target) = (&roads[from.0].lanes[from.1], &roads[to.0].lanes[to.1]);
    let end = source.points()[source.points().len() - 1];
    roads[from.0].direction_end().perp(&(target.points()[0] - end)).abs()
}

/// Connects lanes that only some may use, such as bus lanes: the kerb side goes straight or right, the median side left.
fn special_lanes(
    map: &BareMap,
    roads: &[RoadShape],
    source: usize,
    ways: &[Way],
    own: &[usize],
    pairs: &mut Vec<Pair>,
) {
    let road = &map.roads[source];
    for lane in (0..road.lanes.len()).filter(|lane| !own.contains(lane)) {
        let at_kerb = own.first().is_none_or(|&first| lane < first);
        let open: Vec<(usize, usize)> = (0..ways.len())
            .filter(|&way| ways[way].turn != Turn::Back)
            .filter_map(|way| {
                let target = &map.roads[ways[way].road];
                let usable = (0..target.lanes.len()).filter(|&to| common(road, lane, target, to).any_on_road());
                // A lane of its own kind before one for everybody, then the nearer one.
                let best = usable.min_by(|&a, &b| {
                    let rank = |to: usize| target.lanes[to].allowed.allows_cars();
                    let aside = |to: usize| offset_between(roads, (source, lane), (ways[way].road, to));
                    rank(a).cmp(&rank(b)).then(aside(a).total_cmp(&aside(b)))
                })?;
                Some((way, best))
            })
            .collect();
        let fitting = |way: usize| {
            let turn = ways[way].turn;
            turn == Turn::Straight || if at_kerb { ways[way].angle < SLIGHT_MAX } else { ways[way].angle > -SLIGHT_MAX }
        };
        let any_fits = open.iter().any(|&(way, _)| fitting(way));
        pairs.extend(open.iter().filter(|(way, _)| !any_fits || fitting(*way)).map(|&(way, to)| (way, lane, to)));
    }
}

/// Gives every way a lane that leads to it and every lane a way on, back where there is no other.
fn forgotten_lanes(map: &BareMap, source: usize, ways: &[Way], pairs: &mut Vec<Pair>) {
    let road = &map.roads[source];
    let usable = |way: usize, from: usize, to: usize| common(road, from, &map.roads[ways[way].road], to).any_on_road();
    let targets = |way: usize| 0..map.roads[ways[way].road].lanes.len();
    for (way, onward) in ways.iter().enumerate() {
        if onward.turn == Turn::Back || pairs.iter().any(|pair| pair.0 == way) {
            continue;
        }
        let all = (0..road.lanes.len()).flat_map(|from| targets(way).map(move |to| (from, to)));
        let mut fitting = all.filter(|&(from, to)| usable(way, from, to));
        let chosen = if onward.angle < SLIGHT_MAX { fitting.next() } else { fitting.next_back() };
        pairs.extend(chosen.map(|(from, to)| (way, from, to)));
    }
    for from in 0..road.lanes.len() {
        if pairs.iter().any(|pair| pair.1 == from) {
            continue;
        }
        let from_right = from * 2 < road.lanes.len();
        let mut onward: Vec<usize> = (0..ways.len()).filter(|&way| ways[way].turn != Turn::Back).collect();
        if !from_right {
            onward.reverse();
        }
        onward.extend((0..ways.len()).filter(|&way| ways[way].turn == Turn::Back));
        let found = onward.into_iter().find_map(|way| {
            let near = |to: &usize| to.abs_diff(from);
            targets(way).filter(|&to| usable(way, from, to)).min_by_key(near).map(|to| (way, from, to))
        });
        pairs.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_shared_out_as_a_planner_would_mark_them() {
        // Lanes, lanes of the ways from right to left, which is straight, signalled -> lanes for each way.
        type Case = (usize, &'static [usize], Option<usize>, bool, &'static [(usize, usize)]);
        let cases: &[Case] = &[
            (1, &[1, 1, 1], Some(1), false, &[(0, 1), (0, 1), (0, 1)]),
            (2, &[1, 2, 1], Some(1), true, &[(0, 1), (0, 2), (1, 2)]),
            (3, &[1, 3, 1], Some(1), true, &[(0, 1), (0, 2), (2, 3)]),
            (3, &[1, 1, 1], Some(1), false, &[(0, 1), (1, 2), (2, 3)]),
            (2, &[1, 1], None, false, &[(0, 1), (1, 2)]),
            (3, &[1, 2], None, false, &[(0, 1), (1, 3)]),
            (1, &[2, 2], None, false, &[(0, 1), (0, 1)]),
            (3, &[2], Some(0), false, &[(0, 3)]),
            (2, &[1, 1], Some(1), false, &[(0, 1), (1, 2)]),
        ];
        for (lanes, sizes, straight, signalled, expected) in cases {
            let shares = share_out(*lanes, sizes, *straight, *signalled);
            let got: Vec<_> = shares.iter().map(|share| (share.start, share.end)).collect();
            assert_eq!(&got, expected, "{lanes} lanes to {sizes:?}");
        }
    }
}
