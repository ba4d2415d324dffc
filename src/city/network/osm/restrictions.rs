//! Turn restrictions, and which turns a junction of several nodes allows.
//!
//! Restrictions speak of ways and nodes. Within a junction a turn is possible if some way through its inner streets breaks none of
//! them and drives no one-way street the wrong way. Knows streets and junctions; not lanes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::graph::Graph;
use super::guesses::{ImportReport, OsmObject};
use super::joining::Junctions;
use super::raw::{Extract, Member, MemberKind, RawRestriction};

/// A direction of a street: the street, and whether along its nodes.
pub(super) type Directed = (usize, bool);

/// What restrictions say, by the node they hold at.
#[derive(Debug, Clone, Default)]
pub(super) struct Restrictions {
    /// From way, at node, to way: not allowed.
    no: BTreeSet<(i64, i64, i64)>,
    /// From way, at node: these ways only.
    only: BTreeMap<(i64, i64), BTreeSet<i64>>,
    /// From way, over way, to way: not allowed.
    no_over: BTreeSet<(i64, i64, i64)>,
    /// From way, over way: these ways only.
    only_over: BTreeMap<(i64, i64), BTreeSet<i64>>,
    /// Ways in the order of driving, of which the last must not come behind the others.
    no_path: BTreeSet<Vec<i64>>,
    /// Behind these ways, in the order of driving: these only.
    only_path: BTreeMap<Vec<i64>, BTreeSet<i64>>,
}

/// The longest way round that a restriction may forbid [ways].
const VIA_MAX: usize = 16;

/// Reads the restrictions that hold for cars.
pub(super) fn read(extract: &Extract, report: &mut ImportReport) -> Restrictions {
    let mut restrictions = Restrictions::default();
    for relation in &extract.restrictions {
        if let Err(why) = restrictions.add(relation, extract, report) {
            report.leave_out(why, OsmObject::Relation(relation.id));
        }
    }
    restrictions
}

impl Restrictions {
    fn add(
        &mut self,
        relation: &RawRestriction,
        extract: &Extract,
        report: &mut ImportReport,
    ) -> Result<(), &'static str> {
        let tags = &relation.tags;
        let own = ["restriction", "restriction:motorcar", "restriction:motor_vehicle"];
        let Some(kind) = tags.first(&own) else {
            let conditional = tags.iter().any(|(key, _)| key.ends_with(":conditional"));
            return Err(if conditional {
                "turn restrictions for certain hours"
            } else {
                "turn restrictions for other vehicles than cars"
            });
        };
        if let Some(except) = tags.get("except") {
            if except.split(';').any(|mode| matches!(mode.trim(), "motorcar" | "motor_vehicle" | "vehicle")) {
                return Err("turn restrictions for other vehicles than cars");
            }
            report.guess("exceptions from turn restrictions, not followed", OsmObject::Relation(relation.id));
        }
        let of = |role: &'static str| relation.members.iter().filter(move |member| &*member.role == role);
        let ways = |role: &'static str| -> Vec<i64> {
            of(role).filter(|member| member.kind == MemberKind::Way).map(|member| member.id).collect()
        };
        let (from, to) = (ways("from"), ways("to"));
        let via: Vec<&Member> = of("via").collect();
        let only = kind.starts_with("only_");
        if !(only || kind.starts_with("no_")) || from.is_empty() || to.is_empty() || (only && from.len() > 1) {
            return Err("turn restrictions that make no sense");
        }
        let [via] = via[..] else { return self.add_path(&from, &via, &to, (only, extract)) };
        for &from in &from {
            for &to in &to {
                match (via.kind, only) {
                    (MemberKind::Node, false) => drop(self.no.insert((from, via.id, to))),
                    (MemberKind::Node, true) => drop(self.only.entry((from, via.id)).or_default().insert(to)),
                    (MemberKind::Way, false) => drop(self.no_over.insert((from, via.id, to))),
                    (MemberKind::Way, true) => drop(self.only_over.entry((from, via.id)).or_default().insert(to)),
                    (MemberKind::Relation, _) => return Err("turn restrictions that make no sense"),
                }
            }
        }
        Ok(())
    }

    /// Notes what holds behind several ways.
    fn add_path(
        &mut self,
        from: &[i64],
        via: &[&Member],
        to: &[i64],
        (only, extract): (bool, &Extract),
    ) -> Result<(), &'static str> {
        const NONSENSE: &str = "turn restrictions that make no sense";
        if via.is_empty() || via.len() > VIA_MAX || via.iter().any(|member| member.kind != MemberKind::Way) {
            return Err(NONSENSE);
        }
        for &from in from {
            let via: Vec<i64> = via.iter().map(|member| member.id).collect();
            let path = in_order(extract, from, via).ok_or(NONSENSE)?;
            if only {
                self.only_path.entry(path).or_default().extend(to);
            } else {
                self.no_path.extend(to.iter().map(|&to| path.iter().copied().chain([to]).collect()));
            }
        }
        Ok(())
    }

    /// Whether one may go on to a way behind these ways, in the order of driving.
    fn allows_behind(&self, trail: &[i64], to: i64) -> bool {
        let driven = |path: &[i64]| trail.ends_with(path);
        let banned = |path: &Vec<i64>| path.split_last().is_some_and(|(last, path)| *last == to && driven(path));
        let goes_on = trail.last() == Some(&to);
        !self.no_path.iter().any(banned)
            && (goes_on || self.only_path.iter().all(|(path, onto)| !driven(path) || onto.contains(&to)))
    }

    /// The most ways that have to be remembered behind one.
    fn memory(&self) -> usize {
        let no = self.no_path.iter().map(|path| path.len() - 1);
        no.chain(self.only_path.keys().map(Vec::len)).max().unwrap_or(0)
    }

    /// Whether one may go from a way to a way at a node.
    fn allows(&self, from: i64, node: i64, to: i64) -> bool {
        !self.no.contains(&(from, node, to)) && self.only.get(&(from, node)).is_none_or(|ways| ways.contains(&to))
    }

    /// Whether one may go over a way from a way to a way.
    fn allows_over(&self, from: i64, over: i64, to: i64) -> bool {
        !self.no_over.contains(&(from, over, to))
            && self.only_over.get(&(from, over)).is_none_or(|ways| ways.contains(&to) || to == over)
    }
}

/// Turns at all junctions.
pub(super) struct Turns<'g> {
    pub graph: &'g Graph,
    pub junctions: &'g Junctions,
    pub restrictions: &'g Restrictions,
    pub at: &'g BTreeMap<i64, Vec<usize>>,
}

impl Turns<'_> {
    /// Node at which a direction of a street arrives.
    fn arrives_at(&self, (street, along): Directed) -> i64 {
        let (from, to) = self.graph.streets[street].ends();
        if along { to } else { from }
    }

    /// The way by which a direction of a street leaves its first node, and by which it arrives.
    fn ways_of(&self, (street, along): Directed) -> (i64, i64) {
        let street = &self.graph.streets[street];
        (street.way_at(!along), street.way_at(along))
    }

    /// Directions that leave a node.
    fn leaving(&self, node: i64) -> impl Iterator<Item = Directed> {
        self.at.get(&node).into_iter().flatten().flat_map(move |&index| {
            let street = &self.graph.streets[index];
            let (from, to) = street.ends();
            let along = (from == node && street.forward.is_some()).then_some((index, true));
            let against = (to == node && street.backward.is_some()).then_some((index, false));
            along.into_iter().chain(against)
        })
    }

    /// Directions outside of junctions that can be reached from one that arrives at a junction.
    pub(super) fn onward(&self, from: Directed) -> BTreeSet<Directed> {
        let mut reached = BTreeSet::new();
        let mut seen: BTreeSet<(Option<i64>, Vec<i64>, Directed)> = BTreeSet::new();
        let memory = self.restrictions.memory();
        // The way before the present one, for restrictions over a way; and all before, for those over several.
        let first = self.trail(&[], from, memory);
        let mut queue: VecDeque<(Option<i64>, Vec<i64>, Directed)> = VecDeque::from([(None, first, from)]);
        while let Some((before, trail, at)) = queue.pop_front() {
            let node = self.arrives_at(at);
            let (_, way) = self.ways_of(at);
            for next in self.leaving(node) {
                let (onto, _) = self.ways_of(next);
                let turns_back = next.0 == at.0;
                if turns_back && at != from {
                    continue;
                }
                let over = before.is_none_or(|before| self.restrictions.allows_over(before, way, onto));
                if !over || !self.restrictions.allows(way, node, onto) || !self.restrictions.allows_behind(&trail, onto)
                {
                    continue;
                }
                if !self.junctions.inside.contains(&next.0) {
                    reached.insert(next);
                } else if !turns_back {
                    let earlier = if onto == way { before } else { Some(way) };
                    let trail = self.trail(&trail, next, memory);
                    if seen.insert((earlier, trail.clone(), next)) {
                        queue.push_back((earlier, trail, next));
                    }
                }
            }
        }
        reached
    }

    /// The last ways driven, with those of one street more.
    fn trail(&self, before: &[i64], (street, along): Directed, memory: usize) -> Vec<i64> {
        let mut ways: Vec<i64> = self.graph.streets[street].stretches.iter().map(|stretch| stretch.way).collect();
        if !along {
            ways.reverse();
        }
        let mut trail = [before, ways.as_slice()].concat();
        trail.dedup();
        trail.drain(..trail.len().saturating_sub(memory));
        trail
    }

    /// What restrictions over one road between two junctions come to.
    ///
    /// A restriction from one way over such a street is a ban of the turn behind it, where nobody comes from elsewhere; and of the turn
    /// onto it, where nobody goes elsewhere.
    pub(super) fn over_roads(&self, roads: &[Directed], bans: &BTreeSet<(usize, usize)>, onto: &Meets) -> RoadBans {
        let mut found = RoadBans::default();
        let (no, only) = (&self.restrictions.no_over, &self.restrictions.only_over);
        let mut pairs: BTreeSet<(i64, i64)> = no.iter().map(|(from, over, _)| (*from, *over)).collect();
        pairs.extend(only.keys());
        for (index, &road) in roads.iter().enumerate() {
            let street = &self.graph.streets[road.0];
            let open = |pair: &(usize, usize)| !bans.contains(pair) && roads[pair.0].0 != roads[pair.1].0;
            let before: Vec<usize> =
                onto.before.get(&index).into_iter().flatten().copied().filter(|&one| open(&(one, index))).collect();
            let behind: Vec<usize> =
                onto.behind.get(&index).into_iter().flatten().copied().filter(|&one| open(&(index, one))).collect();
            for &(from, over) in pairs.iter().filter(|(_, over)| street.stretches.iter().any(|one| one.way == *over)) {
                let comes = |&one: &usize| self.ways_of(roads[one]).1 == from;
                let banned = |&one: &usize| !self.restrictions.allows_over(from, over, self.ways_of(roads[one]).0);
                let whole = street.stretches.iter().all(|one| one.way == over);
                if !before.iter().any(comes) || !behind.iter().any(banned) {
                    // Nobody comes from there, or what is forbidden is not possible: this is another part of the way.
                    continue;
                }
                if whole && before.iter().all(comes) {
                    found.bans.extend(behind.iter().copied().filter(banned).map(|one| (index, one)));
                } else if whole && behind.iter().all(banned) {
                    found.bans.extend(before.iter().copied().filter(comes).map(|one| (one, index)));
                } else {
                    found.unfollowed.insert(over);
                }
            }
        }
        found
    }

    /// Restrictions over several ways of which one is a road between junctions, which no ban of a turn can express.
    pub(super) fn note_unfollowed(&self, bans: &RoadBans, report: &mut ImportReport) {
        let mut outside: BTreeSet<i64> = BTreeSet::new();
        for (index, street) in self.graph.streets.iter().enumerate() {
            if !self.junctions.inside.contains(&index) {
                outside.extend(street.stretches.iter().map(|stretch| stretch.way));
            }
        }
        let no = self.restrictions.no_path.iter().map(|path| &path[1..path.len() - 1]);
        let only = self.restrictions.only_path.keys().map(|path| &path[1..]);
        let several = no.chain(only).filter_map(|via| via.iter().find(|way| outside.contains(way)).copied());
        for way in bans.unfollowed.iter().copied().chain(several) {
            report.leave_out("turn restrictions over a road between two junctions", OsmObject::Way(way));
        }
    }
}

/// Which roads, by position, end where another begins, and begin where it ends.
#[derive(Debug, Default)]
pub(super) struct Meets {
    pub before: BTreeMap<usize, Vec<usize>>,
    pub behind: BTreeMap<usize, Vec<usize>>,
}

/// What restrictions over a road between two junctions come to.
#[derive(Debug, Default)]
pub(super) struct RoadBans {
    /// Turns that are banned for it, by positions of roads.
    pub bans: BTreeSet<(usize, usize)>,
    /// Ways over which a restriction goes that no ban of a turn can express.
    unfollowed: BTreeSet<i64>,
}

/// The ways of a restriction in the order of driving, the first before them: files have them in any.
fn in_order(extract: &Extract, first: i64, mut rest: Vec<i64>) -> Option<Vec<i64>> {
    let ends = |way: i64| {
        let at = extract.ways.binary_search_by_key(&way, |one| one.id).ok()?;
        let nodes = &extract.ways[at].nodes;
        Some([*nodes.first()?, *nodes.last()?])
    };
    let mut path = vec![first];
    let mut here = ends(first)?;
    while !rest.is_empty() {
        let next =
            rest.iter().position(|&way| ends(way).is_some_and(|ends| ends.iter().any(|end| here.contains(end))))?;
        let way = rest.remove(next);
        here = ends(way)?;
        path.push(way);
    }
    Some(path)
}
