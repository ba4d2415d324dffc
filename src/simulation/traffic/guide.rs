//! Guides: for every lane along a route, which link continues it and which lane is best.
//!
//! Vehicles with the same route, class and planned stops share one guide. Guides are numbered at assembly, by the first vehicle
//! that follows each; its rows are worked out when the first of its vehicles is due and dropped when the last has left, so that
//! what is kept in memory goes with the traffic and not with the demand. Rows depend on nothing but the route, so it makes no
//! difference to a run when they are worked out, and saved states do without them. Does not know what a lane is worth:
//! that is [`worth`].

mod worth;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::city::demand::{Demand, Vehicle};
use crate::primitives::VehicleClass;
use crate::primitives::column::Column;

use super::facts::{NONE, RoadFacts, count};

/// What a guide says about one lane of one edge of the route.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GuideRow {
    /// How far the route can be followed from this lane's start without changing lanes, up to the horizon [m].
    pub length: f64,
    /// The link to take at its end, or [`NONE`] where the route cannot be continued from here.
    pub link: u32,
    /// Lanes to the nearest best lane: positive to the left, zero on a best lane.
    pub offset: i8,
    /// Which lane of the next leg that link leads to.
    next: u8,
    /// Whether a vehicle of the class may be here at all.
    pub allowed: bool,
    /// Whether the lane that the way leads to in the end leads nowhere: a lane drop.
    pub dead_end: bool,
}

/// A planned stop as the guide sees it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct StopFacts {
    /// Which edge of the route it is on.
    pub leg: u32,
    /// Its lane.
    pub lane: u32,
    /// Where the front stands [m].
    pub position: f64,
}

/// One edge of a route.
#[derive(Debug, Clone, Copy)]
struct Leg {
    /// Its first row.
    first: u32,
    /// The first lane of its edge.
    lane: u32,
    /// How many legs its horizon has behind it.
    horizon: u8,
    /// Whether a roundabout is near, seen from it.
    ring_near: bool,
}

/// What is worked out of a guide while somebody needs it.
#[derive(Debug, Clone)]
struct Table {
    legs: Arc<[Leg]>,
    rows: Arc<[GuideRow]>,
}

/// What is known of a guide from the beginning.
#[derive(Debug, Clone, Copy)]
struct Route {
    /// Where its edges begin in the column of all edges.
    first: u32,
    class: VehicleClass,
    /// A vehicle that follows it, whose stops are everybody's.
    sample: u32,
}

/// The guides numbered at assembly, and who follows them.
#[derive(Debug, Default)]
struct Assembled {
    edges: Vec<u32>,
    routes: Vec<Route>,
    /// The guide of each vehicle.
    of_vehicle: Vec<u32>,
    stops: Vec<StopFacts>,
    /// Where each vehicle's stops begin in that column, and the end of the last one's.
    first_stop: Vec<u32>,
}

/// A guide made after assembly; numbered after those of assembly. Its place is taken again when nobody follows it any more.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Added {
    edges: Vec<u32>,
    class: VehicleClass,
}

/// All guides.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Guides {
    /// Shared with every fork, and not in a saved state.
    #[serde(skip)]
    assembled: Arc<Assembled>,
    added: Vec<Added>,
    /// Which of those are free.
    free: Vec<u32>,
    /// Vehicles, and blocks, that follow another guide than at assembly.
    moved: BTreeMap<u32, u32>,
    /// How many vehicles follow each guide and have not left.
    followers: Vec<u32>,
    /// Guides whose rows are needed now.
    open: BTreeSet<u32>,
    /// Guides to which a road that is closed by rule is open, see [`super::rules`].
    exempt: BTreeSet<u32>,
    /// Vehicles that have left since the last look.
    left: Vec<u32>,
    /// Rows by guide, of those that are open; worked out again for a saved state.
    #[serde(skip)]
    tables: Column<Option<Table>>,
    /// Added guides by route and class; found again for a saved state.
    #[serde(skip)]
    known: BTreeMap<(Vec<u32>, VehicleClass), u32>,
}

impl Assembled {
    fn edges(&self, route: usize) -> &[u32] {
        let end = self.routes.get(route + 1).map_or(self.edges.len(), |next| next.first as usize);
        &self.edges[self.routes[route].first as usize..end]
    }

    fn stops(&self, vehicle: u32) -> &[StopFacts] {
        let at = vehicle as usize;
        match (self.first_stop.get(at), self.first_stop.get(at + 1)) {
            (Some(&first), Some(&end)) => &self.stops[first as usize..end as usize],
            _ => &[],
        }
    }

    /// Finds on which leg of the route each stop lies; a stop that the rest of the route does not reach is left out (the
    /// importer has complained about it).
    fn push_stops(&mut self, facts: &RoadFacts, vehicle: &Vehicle, route: impl Fn(usize) -> Option<u32>, legs: usize) {
        let mut leg = 0;
        let mut last = f64::NEG_INFINITY;
        for stop in &vehicle.stops {
            let lane = stop.lane.raw();
            let position = stop.position.as_metres().min(facts.lane(lane).length);
            let edge = facts.lane(lane).edge;
            let from = if route(leg) == Some(edge) && position < last { leg + 1 } else { leg };
            let Some(found) = (from..legs).find(|&i| route(i) == Some(edge)) else { continue };
            leg = found;
            last = position;
            self.stops.push(StopFacts { leg: count(found), lane, position });
        }
    }
}

/// A guide from one leg of its route on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Onward<'a> {
    legs: &'a [Leg],
    rows: &'a [GuideRow],
}

impl<'a> Onward<'a> {
    /// What it says about lane `index` of the leg that comes `later` legs after its first.
    #[inline]
    pub(crate) fn row(&self, later: usize, index: u32) -> &'a GuideRow {
        &self.rows[(self.legs[later].first + index) as usize]
    }

    /// Whether a roundabout is near, seen from its first leg.
    #[inline]
    pub(crate) fn ring_near(&self) -> bool {
        self.legs[0].ring_near
    }

    /// The road lanes behind the end of lane `index` of its first leg that it leads to without a change, up to the horizon.
    #[inline]
    pub(crate) fn lanes(&self, index: u32) -> impl Iterator<Item = u32> + use<'a> {
        let (legs, rows) = (self.legs, self.rows);
        let mut row = &rows[(legs[0].first + index) as usize];
        legs[1..=usize::from(legs[0].horizon)].iter().map_while(move |next| {
            if row.link == NONE {
                return None;
            }
            let index = u32::from(row.next);
            row = &rows[(next.first + index) as usize];
            Some(next.lane + index)
        })
    }
}

/// Route, class, and leg and lane of each stop.
type AssembledKey = (u32, VehicleClass, Vec<(u32, u32)>);

impl Guides {
    /// Numbers the guides of everybody in the demand.
    pub(crate) fn new(facts: &RoadFacts, demand: &Demand) -> Self {
        let mut all = Assembled::default();
        let mut followers: Vec<u32> = Vec::new();
        // A demand has each route once.
        let mut known: BTreeMap<AssembledKey, u32> = BTreeMap::new();
        for (vehicle, row) in (0..).zip(&demand.vehicles) {
            let class = demand.kind(row.kind).class;
            let edges = &demand.route(row.route).edges;
            let stops = all.stops.len();
            all.first_stop.push(count(stops));
            all.push_stops(facts, row, |leg| edges.get(leg).map(|e| e.raw()), edges.len());
            let key = (row.route.raw(), class, all.stops[stops..].iter().map(|s| (s.leg, s.lane)).collect());
            let id = *known.entry(key).or_insert_with(|| {
                all.routes.push(Route { first: count(all.edges.len()), class, sample: vehicle });
                all.edges.extend(edges.iter().map(|e| e.raw()));
                followers.push(0);
                count(all.routes.len() - 1)
            });
            followers[id as usize] += 1;
            all.of_vehicle.push(id);
        }
        all.first_stop.push(count(all.stops.len()));
        all.edges.shrink_to_fit();
        all.routes.shrink_to_fit();
        let mut tables = Column::default();
        tables.extend_to(followers.len(), &None);
        Self {
            tables,
            assembled: Arc::new(all),
            added: Vec::new(),
            free: Vec::new(),
            moved: BTreeMap::new(),
            followers,
            open: BTreeSet::new(),
            exempt: BTreeSet::new(),
            left: Vec::new(),
            known: BTreeMap::new(),
        }
    }

    /// Works out the rows of a vehicle's guide if nobody has needed them before: it is due.
    pub(crate) fn open(&mut self, facts: &RoadFacts, vehicle: u32) {
        let id = self.of_vehicle(vehicle);
        if self.open.insert(id) {
            *self.tables.get_mut(id as usize) = Some(self.worked_out(facts, id));
        }
    }

    fn worked_out(&self, facts: &RoadFacts, id: u32) -> Table {
        let (class, stops) = match self.assembled.routes.get(id as usize) {
            Some(route) => (route.class, self.assembled.stops(route.sample)),
            None => (self.added[self.place(id)].class, [].as_slice()),
        };
        let (legs, rows) = worth::build(facts, self.edges(id), class, stops, self.exempt.contains(&id));
        Table { legs: legs.into(), rows: rows.into() }
    }

    /// Works out the rows of all open guides again: the rules of the road have changed.
    pub(crate) fn work_out_again(&mut self, facts: &RoadFacts) {
        for id in self.open.iter().copied().collect::<Vec<_>>() {
            *self.tables.get_mut(id as usize) = Some(self.worked_out(facts, id));
        }
    }

    /// Lets the guide of a vehicle lead through roads that are closed by rule, for all who follow it.
    pub(crate) fn exempt(&mut self, facts: &RoadFacts, vehicle: u32) {
        let id = self.of_vehicle(vehicle);
        if self.exempt.insert(id) && self.open.contains(&id) {
            *self.tables.get_mut(id as usize) = Some(self.worked_out(facts, id));
        }
    }

    /// Where an added guide is.
    fn place(&self, id: u32) -> usize {
        id as usize - self.assembled.routes.len()
    }

    /// A vehicle has left for good. Its guide is kept until [`Self::drop_left`], for those who were told of it before.
    pub(crate) fn leave(&mut self, vehicle: u32) {
        self.left.push(vehicle);
    }

    /// Drops the rows that nobody needs any more, now that a step has passed since.
    pub(crate) fn drop_left(&mut self) {
        for vehicle in std::mem::take(&mut self.left) {
            self.unfollow(vehicle);
        }
    }

    fn unfollow(&mut self, vehicle: u32) {
        let id = self.of_vehicle(vehicle);
        self.moved.remove(&vehicle);
        let followers = &mut self.followers[id as usize];
        *followers = followers.saturating_sub(1);
        if *followers > 0 {
            return;
        }
        self.open.remove(&id);
        self.exempt.remove(&id);
        *self.tables.get_mut(id as usize) = None;
        if id as usize >= self.assembled.routes.len() {
            let place = self.place(id);
            let edges = std::mem::take(&mut self.added[place].edges);
            self.known.remove(&(edges, self.added[place].class));
            self.free.push(id);
        }
    }

    /// Gives a vehicle without stops another route, from now on.
    pub(crate) fn reroute(&mut self, facts: &RoadFacts, vehicle: u32, route: Vec<u32>, class: VehicleClass) {
        self.left.retain(|&other| other != vehicle);
        self.unfollow(vehicle);
        self.follow_added(facts, vehicle, route, class);
    }

    /// Gives a body beyond the demand's rows a guide: it stands on `edge`.
    pub(crate) fn reserve(&mut self, facts: &RoadFacts, vehicle: u32, edge: u32, class: VehicleClass) {
        self.follow_added(facts, vehicle, vec![edge], class);
    }

    fn follow_added(&mut self, facts: &RoadFacts, vehicle: u32, edges: Vec<u32>, class: VehicleClass) {
        let key = (edges, class);
        let id = if let Some(&id) = self.known.get(&key) {
            id
        } else {
            let added = Added { edges: key.0.clone(), class };
            let id = self.free.pop().unwrap_or_else(|| count(self.followers.len()));
            if id as usize == self.followers.len() {
                self.added.push(added);
                self.followers.push(0);
                self.tables.push(None);
            } else {
                let place = self.place(id);
                self.added[place] = added;
            }
            self.known.insert(key, id);
            id
        };
        self.followers[id as usize] += 1;
        self.moved.insert(vehicle, id);
        self.open(facts, vehicle);
    }

    /// The guide a vehicle follows.
    pub(crate) fn of_vehicle(&self, vehicle: u32) -> u32 {
        match self.moved.get(&vehicle) {
            Some(&id) => id,
            None => self.assembled.of_vehicle[vehicle as usize],
        }
    }

    /// Takes over what assembly makes the same way every time from the guides of the same city, and works out again what a
    /// saved state does without; `alike` says that the same rules hold in both.
    pub(crate) fn share(&mut self, facts: &RoadFacts, like: &Self, alike: bool) {
        self.assembled = Arc::clone(&like.assembled);
        let assembled = self.assembled.routes.len();
        // A fork has them all; what comes from a saved state has none.
        let saved = self.tables.is_empty();
        self.tables.extend_to(self.followers.len(), &None);
        for &id in self.open.iter().filter(|_| saved) {
            let place = id as usize;
            // Only those of assembly have the same number everywhere.
            let same = alike && place < assembled && self.exempt.contains(&id) == like.exempt.contains(&id);
            let ready = like.tables.get(place).filter(|_| same).and_then(Clone::clone);
            let table = ready.unwrap_or_else(|| self.worked_out(facts, id));
            *self.tables.get_mut(place) = Some(table);
        }
        let in_use = (count(assembled)..).zip(&self.added).filter(|(id, _)| self.open.contains(id));
        self.known = in_use.map(|(id, added)| ((added.edges.clone(), added.class), id)).collect();
    }

    /// Whether a saved state's numbers are within the guides of the same city.
    pub(crate) fn fits(&self, like: &Self) -> bool {
        let routes = like.assembled.routes.len();
        let known = |id: &u32| (*id as usize) < self.followers.len();
        self.followers.len() == routes + self.added.len()
            && self.open.iter().chain(&self.exempt).chain(self.moved.values()).chain(&self.free).all(known)
            && self.free.iter().all(|&id| id as usize >= routes)
    }

    #[inline]
    fn table(&self, itinerary: u32) -> &Table {
        self.tables[itinerary as usize].as_ref().expect("whoever is on the road or waits to enter has opened its guide")
    }

    /// What the guide says about lane `index` of leg `leg`.
    #[inline]
    pub(crate) fn row(&self, itinerary: u32, leg: u32, index: u32) -> &GuideRow {
        let table = self.table(itinerary);
        &table.rows[(table.legs[leg as usize].first + index) as usize]
    }

    /// Whether the route ends on a leg.
    #[inline]
    pub(crate) fn is_last(&self, itinerary: u32, leg: u32) -> bool {
        leg as usize + 1 >= self.table(itinerary).legs.len()
    }

    /// The guide from one leg on, for whoever asks about it more than once.
    #[inline]
    pub(crate) fn onward(&self, itinerary: u32, leg: u32) -> Onward<'_> {
        let table = self.table(itinerary);
        Onward { legs: &table.legs[leg as usize..], rows: &table.rows }
    }

    /// Edges of the route.
    #[inline]
    pub(crate) fn edges(&self, itinerary: u32) -> &[u32] {
        if (itinerary as usize) < self.assembled.routes.len() {
            self.assembled.edges(itinerary as usize)
        } else {
            &self.added[self.place(itinerary)].edges
        }
    }

    /// Planned stops of a vehicle, in order.
    pub(crate) fn stops(&self, vehicle: u32) -> &[StopFacts] {
        self.assembled.stops(vehicle)
    }

    /// Whether rows are kept for the open guides and no others, and somebody follows each of those; and whether anybody has left.
    #[cfg(test)]
    pub(crate) fn come_and_go(&self) -> (bool, bool) {
        let ready = (0..).zip(self.tables.iter()).filter(|(_, table)| table.is_some()).map(|(id, _): (u32, _)| id);
        let followed = self.open.iter().all(|&id| self.followers[id as usize] > 0);
        (ready.eq(self.open.iter().copied()) && followed, self.followers.contains(&0))
    }
}
