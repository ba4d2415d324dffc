//! The numbered laws of the road: asserted in debug builds where only the program can break them, and always counted.
//!
//! * LAW-1: vehicles are conserved: whoever entered is on the road, lifted, or has arrived.
//! * LAW-2: no two vehicles overlap on a lane.
//! * LAW-3: nobody moves farther than its speed allows.
//! * LAW-4: no signal shows a green with priority to two crossing links of which neither yields; programs come from files, so
//!   this one is counted and never asserted.
//! * LAW-5: every departure is accounted for: entered, waiting for room, or given up.
//! * LAW-6: every call that came in is with the dispatcher, with one crew, on the line between them, or over.
//! * LAW-7: the times of a call run forward, and none is left out but the way to hospital as a whole; one whose ambulance is called
//!   away goes on from where it was understood.

use super::outcome::LawCounts;
use super::traffic::heads::LinkState;
use super::traffic::road::Road;

/// Rounding that may look like an overlap [m].
const OVERLAP_EPS: f64 = 1e-6;

/// Counts the breaches; in debug builds panics at the first.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Laws {
    counts: LawCounts,
}

/// How many vehicles are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Census {
    pub due: u64,
    pub entered: u64,
    pub arrived: u64,
    pub running: u64,
    pub waiting: u64,
    pub given_up: u64,
}

impl Laws {
    pub(crate) fn counts(&self) -> LawCounts {
        self.counts
    }

    /// LAW-1 and LAW-5.
    pub(crate) fn check_census(&mut self, census: &Census) {
        let conserved = census.entered == census.running + census.arrived;
        debug_assert!(conserved, "LAW-1: {census:?}");
        self.counts.conservation += u64::from(!conserved);
        let accounted = census.due == census.entered + census.waiting + census.given_up;
        debug_assert!(accounted, "LAW-5: {census:?}");
        self.counts.departures += u64::from(!accounted);
    }

    /// LAW-6 and LAW-7: `held` counts the calls that somebody has, `disorder` the stages so far that came out of order.
    pub(crate) fn check_calls(&mut self, raised: u64, closed: u64, held: u64, disorder: u64) {
        let conserved = raised == closed + held;
        debug_assert!(conserved, "LAW-6: {raised} calls came in, {closed} are over, {held} are with somebody");
        self.counts.calls += u64::from(!conserved);
        self.counts.chain = disorder;
    }

    /// LAW-2, on every lane with vehicles and on rescue lanes.
    pub(crate) fn check_overlap(&mut self, road: &Road) {
        self.check_rescue(road);
        for &lane in &road.active {
            let bodies = &road.lanes[lane as usize];
            for pair in bodies.windows(2) {
                let gap = pair[1].pos - road.kind(&pair[1]).length - pair[0].pos;
                self.note_overlap(gap, lane, pair[0].id, pair[1].id);
            }
            if road.tails.has(lane)
                && let Some(front) = bodies.last()
            {
                for tail in road.tails[lane as usize].iter().filter(|t| t.id != front.id) {
                    self.note_overlap(tail.back - front.pos, lane, front.id, tail.id);
                }
            }
        }
    }

    /// LAW-2 on the rescue lanes.
    fn check_rescue(&mut self, road: &Road) {
        for (i, one) in road.rescue.iter().enumerate() {
            for other in &road.rescue[i + 1..] {
                if road.facts.lane(one.lane).edge == road.facts.lane(other.lane).edge {
                    let (behind, ahead) = if one.body.pos < other.body.pos { (one, other) } else { (other, one) };
                    let gap = ahead.body.pos - road.kind(&ahead.body).length - behind.body.pos;
                    self.note_overlap(gap, one.lane, behind.body.id, ahead.body.id);
                }
            }
        }
    }

    fn note_overlap(&mut self, gap: f64, lane: u32, behind: u32, ahead: u32) {
        let sound = gap >= -OVERLAP_EPS;
        debug_assert!(sound, "LAW-2: vehicle {behind} overlaps {ahead} on lane {lane} by {} m", -gap);
        self.counts.overlap += u64::from(!sound);
    }

    /// LAW-3.
    pub(crate) fn add_jumps(&mut self, jumps: u32) {
        debug_assert_eq!(jumps, 0, "LAW-3: a vehicle moved farther than its speed allows");
        self.counts.jump += u64::from(jumps);
    }

    /// LAW-4, checked when a signal changes: `links` are those it has just set.
    pub(crate) fn check_greens(&mut self, road: &Road, links: &[u32]) {
        for &link in links {
            let facts = road.facts.link(link);
            if road.heads.state(link) != LinkState::Priority || facts.via == super::traffic::facts::NONE {
                continue;
            }
            for conflict in road.facts.conflicts(road.facts.lane(facts.via)) {
                let both = road.heads.state(conflict.foe_entry) == LinkState::Priority;
                let signalled = links.contains(&conflict.foe_entry);
                // Merging and parting streams adapt to each other; a crossing one cannot.
                if both
                    && signalled
                    && !conflict.merges
                    && !conflict.diverges
                    && !conflict.yields
                    && !conflict.foe_yields
                {
                    self.counts.conflicting_greens += 1;
                }
            }
        }
    }
}
