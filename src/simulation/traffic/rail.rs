//! Blocks of a railway: which tracks lie between two signals, and whether they are free.
//!
//! A block is what a train may enter only when nobody else is on it (Pachl, "Railway Operation and Control", chapter 3). It
//! reaches from one signal along the train's way to the next, and takes in what shares its track: the other direction of a
//! single track, and the paths that cross or merge with it. Decides nothing; signals and insertion ask here.

use super::facts::NONE;
use super::following::brake_gap;
use super::road::Road;

/// The most lanes a block has (a bound against malformed files, not a behaviour).
const LANES_MAX: usize = 1000;

/// Which way a block follows at switches.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// The route of a guide from this leg on.
    Route { itinerary: u32, leg: u32 },
    /// The first link everywhere: nobody has asked yet.
    First,
}

/// The lanes from `lane` on to the next block signal, or to the end of the way.
pub(crate) fn block(road: &Road, lane: u32, way: Way) -> Vec<u32> {
    let (mut lane, mut way) = (lane, way);
    let mut lanes = Vec::new();
    while lanes.len() < LANES_MAX {
        lanes.push(lane);
        let facts = road.facts.lane(lane);
        let next = match way {
            _ if facts.internal => facts.first_link,
            Way::First if facts.link_count == 0 => NONE,
            Way::First => facts.first_link,
            Way::Route { itinerary, leg } => road.guides.row(itinerary, leg, facts.index).link,
        };
        if next == NONE || road.heads.blocks().binary_search(&next).is_ok() {
            break;
        }
        let link = road.facts.link(next);
        if link.via == NONE
            && let Way::Route { leg, .. } = &mut way
        {
            *leg += 1;
        }
        lane = link.after;
    }
    lanes
}

/// The block behind a signal as a vehicle will go through it; none where its way does not lead there.
pub(crate) fn block_of(road: &Road, link: u32, vehicle: u32) -> Option<Vec<u32>> {
    let facts = road.facts.link(link);
    let itinerary = road.guides.of_vehicle(vehicle);
    let to = road.facts.lane(facts.to).edge;
    let leg = road.guides.edges(itinerary).iter().position(|&edge| edge == to)?;
    let leg = u32::try_from(leg).ok()?;
    // The lane right behind the link may still belong to the junction, which is counted with the leg before.
    let before = if facts.via == NONE { leg } else { leg.checked_sub(1)? };
    Some(block(road, facts.after, Way::Route { itinerary, leg: before }))
}

/// Whether anybody but `own` is on a block or on what shares its track.
pub(crate) fn is_occupied(road: &Road, block: &[u32], own: Option<u32>) -> bool {
    let taken = |lane: u32| {
        let bodies = road.lanes[lane as usize].iter().map(|b| b.id);
        let tails = road.tails[lane as usize].iter().map(|t| t.id);
        bodies.chain(tails).any(|id| Some(id) != own)
    };
    block.iter().any(|&lane| taken(lane) || shared(road, lane).any(taken))
}

/// Whether two blocks share a track.
pub(crate) fn overlap(road: &Road, one: &[u32], other: &[u32]) -> bool {
    one.iter().any(|&lane| other.contains(&lane) || shared(road, lane).any(|shared| other.contains(&shared)))
}

/// Lanes on which nobody may be while somebody is on this one: the other direction of a single track, and other tracks that cross
/// its path over a junction. Roads do not count: level crossings see to them.
fn shared(road: &Road, lane: u32) -> impl Iterator<Item = u32> {
    let facts = road.facts.lane(lane);
    let opposite = Some(road.facts.opposite[facts.edge as usize]).filter(|&edge| edge != NONE);
    let opposite = opposite.into_iter().flat_map(|edge| {
        let (first, lanes) = road.facts.edges[edge as usize];
        first..first + lanes
    });
    let crossing = road.facts.conflicts(facts).iter().map(|conflict| conflict.foe_lane);
    opposite.chain(crossing.filter(|&foe| !road.facts.lane(foe).allowed.any_on_road()))
}

/// Whether a train may set out on a lane: nobody is on the block it begins in, or about to enter it on a green signal.
pub(crate) fn may_set_out(road: &Road, lane: u32, itinerary: u32, vehicle: u32) -> bool {
    if road.heads.blocks().is_empty() {
        return true;
    }
    let own = block(road, lane, Way::Route { itinerary, leg: 0 });
    if is_occupied(road, &own, Some(vehicle)) {
        return false;
    }
    road.heads.blocks().iter().all(|&signal| {
        !road.heads.state(signal).has_priority()
            || road.approaches.at(signal).iter().all(|train| {
                train.distance >= brake_gap(train.speed, train.decel, 0.0, road.dt)
                    || block_of(road, signal, train.vehicle).is_none_or(|entered| !overlap(road, &own, &entered))
            })
    })
}
