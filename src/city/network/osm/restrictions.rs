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
}

/// Reads the restrictions that hold for cars.
pub(super) fn read(extract: &Extract, report: &mut ImportReport) -> Restrictions {
    let mut restrictions = Restrictions::default();
    for relation in &extract.restrictions {
        if let Err(why) = restrictions.add(relation, report) {
            report.leave_out(why, OsmObject::Relation(relation.id));
        }
    }
    restrictions
}

impl Restrictions {
    fn add(&mut self, relation: &RawRestriction, report: &mut ImportReport) -> Result<(), &'static str> {
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
        let [via] = via[..] else { return Err("turn restrictions over several ways") };
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
        let mut seen: BTreeSet<(Option<i64>, Directed)> = BTreeSet::new();
        // The way before the present one, for restrictions over a way.
        let mut queue: VecDeque<(Option<i64>, Directed)> = VecDeque::from([(None, from)]);
        while let Some((before, at)) = queue.pop_front() {
            let node = self.arrives_at(at);
            let (_, way) = self.ways_of(at);
            for next in self.leaving(node) {
                let (onto, _) = self.ways_of(next);
                let turns_back = next.0 == at.0;
                if turns_back && at != from {
                    continue;
                }
                let over = before.is_none_or(|before| self.restrictions.allows_over(before, way, onto));
                if !over || !self.restrictions.allows(way, node, onto) {
                    continue;
                }
                if !self.junctions.inside.contains(&next.0) {
                    reached.insert(next);
                } else if !turns_back {
                    let earlier = if onto == way { before } else { Some(way) };
                    if seen.insert((earlier, next)) {
                        queue.push_back((earlier, next));
                    }
                }
            }
        }
        reached
    }

    /// Restrictions over ways that are roads between junctions, which no ban of a turn can express.
    pub(super) fn note_unfollowed(&self, report: &mut ImportReport) {
        let mut outside: BTreeSet<i64> = BTreeSet::new();
        for (index, street) in self.graph.streets.iter().enumerate() {
            if !self.junctions.inside.contains(&index) {
                outside.extend(street.stretches.iter().map(|stretch| stretch.way));
            }
        }
        let over = self.restrictions.no_over.iter().map(|(_, over, _)| *over);
        let only = self.restrictions.only_over.keys().map(|(_, over)| *over);
        for way in over.chain(only).filter(|way| outside.contains(way)) {
            report.leave_out("turn restrictions over a road between two junctions", OsmObject::Way(way));
        }
    }
}
