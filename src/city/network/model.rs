//! What a road network is made of.
//!
//! Terms are SUMO's, the field's exchange vocabulary. An *edge* is a directed road; its *lanes* count from the right
//! (kerb) side, 0 upwards. A *link* leads from one lane to the next. Most links cross a junction by an *internal* lane
//! (`via`), which belongs to an internal edge; where a turn may wait inside the junction, its path is two internal lanes in a
//! row with a link of its own between them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::names::NameIndex;
use crate::primitives::ids::{EdgeId, JunctionId, LaneId, LinkId, SignalId};
use crate::primitives::{ClassSet, Distance, Point, Polyline, SimDuration, Speed, VehicleClass};

/// What an edge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// A road between two junctions.
    Road,
    /// A path across a junction.
    Internal,
}

/// A directed road between two junctions, or a path across one.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Its id in files, unique in the network.
    pub name: String,
    /// The street's name as people know it, if given.
    pub street: Option<String>,
    /// Road or path across a junction.
    pub kind: EdgeKind,
    /// Where it begins.
    pub from: JunctionId,
    /// Where it ends.
    pub to: JunctionId,
    /// Its lanes, from the kerb; contiguous in [`Network::lanes`].
    pub lanes: Range<u32>,
    /// Importance: the higher has the right of way where nothing else decides.
    pub priority: i32,
    /// Length of its lanes [m].
    pub length: Distance,
    /// Type name in files (`highway.primary`), if given.
    pub road_type: Option<String>,
}

impl Edge {
    /// Ids of its lanes, from the kerb.
    pub fn lane_ids(&self) -> impl DoubleEndedIterator<Item = LaneId> + ExactSizeIterator + use<> {
        (self.lanes.start as usize..self.lanes.end as usize).map(LaneId::new)
    }

    /// How many lanes it has.
    pub fn lane_count(&self) -> usize {
        (self.lanes.end - self.lanes.start) as usize
    }

    /// Whether it crosses a junction.
    pub fn is_internal(&self) -> bool {
        self.kind == EdgeKind::Internal
    }
}

/// One lane of an edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// The edge it belongs to.
    pub edge: EdgeId,
    /// Its place on the edge, 0 at the kerb.
    pub index: u32,
    /// Length that counts for driving [m]; the drawn shape may differ.
    pub length: Distance,
    /// Speed limit [m/s].
    pub speed: Speed,
    /// Width [m].
    pub width: Distance,
    /// Who may use it.
    pub allowed: ClassSet,
    /// Who may leave it to the left, and to the right; everybody unless the file restricts it.
    pub change_left: ClassSet,
    /// Who may leave it to the right.
    pub change_right: ClassSet,
    /// Centre line.
    pub shape: Polyline,
    /// Links that begin at its end; contiguous in [`Network::links`].
    pub links: Range<u32>,
    /// Links that lead into it (for an internal lane: the one link that enters it): a stretch of [`Network::incoming`].
    pub incoming: Range<u32>,
    /// Where it meets other paths over its junction, nearest first: a stretch of [`Network::conflicts`]; empty for a lane of a
    /// road.
    pub conflicts: Range<u32>,
}

impl Lane {
    /// Ids of the links at its end.
    pub fn link_ids(&self) -> impl DoubleEndedIterator<Item = LinkId> + ExactSizeIterator + use<> {
        (self.links.start as usize..self.links.end as usize).map(LinkId::new)
    }
}

/// Which way a link turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Straight on.
    Straight,
    /// Right.
    Right,
    /// Half right.
    SlightRight,
    /// Left.
    Left,
    /// Half left.
    SlightLeft,
    /// Back where one came from.
    Back,
}

/// The right of way of a link when no signal shows anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightOfWay {
    /// Has priority (`M`).
    Major,
    /// Yields (`m`).
    Minor,
    /// Yields to the right (`=`).
    Equal,
    /// Stops, then yields (`s`).
    Stop,
    /// All stop; first come, first served (`w`).
    AllwayStop,
    /// Zip merging (`Z`).
    Zipper,
    /// Governed by a signal (`o`, `O`), see [`Link::signal`].
    Signal,
    /// Ends there: no way on.
    DeadEnd,
}

/// A connection from one lane to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The lane it begins at the end of.
    pub from: LaneId,
    /// The internal lane it enters first, if it crosses a junction on one.
    pub via: Option<LaneId>,
    /// The lane on the far side, reached after every internal lane; never internal itself.
    pub to: LaneId,
    /// The junction it crosses.
    pub junction: JunctionId,
    /// Which way it turns.
    pub turn: Turn,
    /// Right of way without a signal, and with it switched off.
    pub right_of_way: RightOfWay,
    /// The signal head: controller and index into its states.
    pub signal: Option<(SignalId, u32)>,
    /// Its row in the junction's right-of-way matrix, for a link that enters the junction.
    pub request: Option<u32>,
    /// Whether a vehicle must not enter unless it can leave again.
    pub keep_clear: bool,
    /// Whether a vehicle may enter and then wait inside the junction (`cont`).
    pub may_wait_inside: bool,
    /// From how far away [m] the crossing traffic can be seen.
    pub visibility: Distance,
    /// Links into the same junction it yields to; the inner link of a two-part path repeats those of its entry.
    pub yields_to: Vec<LinkId>,
}

/// A place where an internal lane meets another path over the same junction.
///
/// There are more of these than of anything else in a city, and the inner loops read them: so ids and metres are bare numbers
/// here, measured from where the area begins, and the engine shares the column instead of having one of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "how paths meet and who yields are independent facts")]
pub struct Conflict {
    /// The other path's internal lane: the number of a [`LaneId`].
    pub foe_lane: u32,
    /// The link by which a vehicle enters the junction to reach that lane (the entry link, also for a second part): the number
    /// of a [`LinkId`].
    pub foe_entry: u32,
    /// Where this path enters the area both share, from the lane's start [m].
    pub start: f64,
    /// Where the other path enters it, from its lane's start [m].
    pub foe_start: f64,
    /// Length of this path that the other one covers, centred on where they meet [m]; zero where they merge or part.
    pub size: f64,
    /// Length of the other path that this one covers [m].
    pub foe_size: f64,
    /// Whether both end on the same lane.
    pub merges: bool,
    /// Whether both begin on the same lane.
    pub diverges: bool,
    /// Whether the path this lane is part of yields to the other one.
    pub yields: bool,
    /// Whether the other path yields to this one.
    pub foe_yields: bool,
}

impl Conflict {
    /// The other path's internal lane.
    pub fn foe(&self) -> LaneId {
        LaneId::new(self.foe_lane as usize)
    }

    /// The link by which the other path enters the junction.
    pub fn entry(&self) -> LinkId {
        LinkId::new(self.foe_entry as usize)
    }

    /// Where the paths meet, along this internal lane [m].
    pub fn at(&self) -> Distance {
        Distance::metres(self.start + 0.5 * self.size)
    }

    /// Where the paths meet, along the other internal lane [m].
    pub fn foe_at(&self) -> Distance {
        Distance::metres(self.foe_start + 0.5 * self.foe_size)
    }
}

/// How a junction is regulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JunctionKind {
    /// By the priority of its roads.
    Priority,
    /// By signals.
    TrafficLight,
    /// The right goes first.
    RightBeforeLeft,
    /// Everybody stops.
    AllwayStop,
    /// Zip merging.
    Zipper,
    /// Nothing to regulate.
    Unregulated,
    /// A road's end.
    DeadEnd,
    /// Anything else, by its name in the file, treated as `Priority`.
    Other,
}

/// A junction.
#[derive(Debug, Clone, PartialEq)]
pub struct Junction {
    /// Its id in files.
    pub name: String,
    /// How it is regulated.
    pub kind: JunctionKind,
    /// Where it is [m].
    pub position: Point,
    /// Its outline; may have fewer than three points.
    pub shape: Vec<Point>,
    /// The links that enter it, by request index (row of the matrix).
    pub links: Vec<LinkId>,
}

/// What one signal head shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Aspect {
    /// Stop (`r`).
    Red,
    /// Stop, green is coming (`u`).
    RedYellow,
    /// Stop if you can (`y`), before a red.
    YellowMinor,
    /// Stop if you can (`Y`), from a green with priority.
    YellowMajor,
    /// Go, but yield (`g`).
    GreenMinor,
    /// Go (`G`).
    GreenMajor,
    /// Stop, then yield (`s`): green arrow.
    Stop,
    /// Off, blinking (`o`): yield.
    OffBlinking,
    /// Off (`O`): the matrix holds.
    Off,
}

impl Aspect {
    /// Its letter in SUMO's state strings.
    pub const fn letter(self) -> char {
        match self {
            Self::Red => 'r',
            Self::RedYellow => 'u',
            Self::YellowMinor => 'y',
            Self::YellowMajor => 'Y',
            Self::GreenMinor => 'g',
            Self::GreenMajor => 'G',
            Self::Stop => 's',
            Self::OffBlinking => 'o',
            Self::Off => 'O',
        }
    }
}

/// One phase of a signal program.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Phase {
    /// How long it lasts; for an actuated program, how long at first [s].
    pub duration: SimDuration,
    /// Shortest duration under actuation [s].
    pub duration_min: SimDuration,
    /// Longest duration under actuation [s].
    pub duration_max: SimDuration,
    /// What each head shows, by link index.
    pub aspects: Vec<Aspect>,
    /// Phases that may follow, by position; empty means the next one.
    pub next: Vec<u32>,
}

/// How a signal program runs.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum SignalControl {
    /// By the clock.
    FixedTime,
    /// By the gaps between vehicles on its detectors.
    Actuated {
        /// The longest gap that still extends a green [s].
        gap_max: SimDuration,
        /// How far before the stop line a detector lies at most, in travel time at the limit [s].
        detector_gap: SimDuration,
        /// Headway of a discharging queue; a detector lies no farther back than the queue that the shortest green clears [s].
        passing_time: SimDuration,
        /// Time without green after which waiting vehicles come before all others, where a phase has several that may follow [s].
        inactive_after: SimDuration,
    },
    /// A railway signal: green for a train while the block up to the next such signal is free and nobody else's.
    Block,
    /// A level crossing: closes the road while a train is near. Its four phases are open, closing, closed and opening.
    LevelCrossing {
        /// How long before the end of the closing phase a train may arrive at the latest for the crossing to stay open [s].
        time_gap: SimDuration,
        /// How long the crossing stays closed after a train has left it [s].
        opening_delay: SimDuration,
        /// Shortest time it stays open [s].
        green_min: SimDuration,
    },
}

/// A program of a signal controller.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SignalProgram {
    /// Its id in files.
    pub name: String,
    /// How it runs.
    pub control: SignalControl,
    /// Shift of the cycle against midnight [s].
    pub offset: SimDuration,
    /// Its phases, in order; at least one.
    pub phases: Vec<Phase>,
}

/// A signal controller.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Its id in files.
    pub name: String,
    /// Its programs; the last is the one that runs.
    pub programs: Vec<SignalProgram>,
    /// The links it governs, by link index; several links may share an index.
    pub links: Vec<Vec<LinkId>>,
}

/// How map coordinates turn into longitude and latitude.
#[derive(Debug, Clone, PartialEq)]
pub enum Projection {
    /// Unknown: the network is a drawing without a place on earth.
    None,
    /// Universal Transverse Mercator on WGS 84.
    Utm {
        /// Zone, 1 to 60.
        zone: u8,
        /// Whether south of the equator.
        south: bool,
        /// Added to the projected coordinates to give map coordinates [m].
        offset: (f64, f64),
    },
    /// Coordinates are longitude and latitude scaled to metres around a reference point (equirectangular).
    Equirectangular {
        /// Longitude and latitude of the map's origin [°].
        origin: (f64, f64),
    },
}

/// Edges by name: looks names up in the edges themselves and keeps none of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EdgeIndex(NameIndex);

impl EdgeIndex {
    /// The index of a column of edges.
    pub fn new(edges: &[Edge]) -> Self {
        let mut index = NameIndex::with_capacity(edges.len());
        for (edge, number) in edges.iter().zip(0..) {
            index.insert(&edge.name, number, |number| &edges[number as usize].name);
        }
        Self(index)
    }

    /// The edge of this name in the column the index was made of.
    fn find(&self, name: &str, edges: &[Edge]) -> Option<EdgeId> {
        let found = self.0.find(name, |number| edges.get(number as usize).map_or("", |edge| edge.name.as_str()));
        found.map(|number| EdgeId::new(number as usize))
    }
}

/// The road network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Junctions.
    pub junctions: Vec<Junction>,
    /// Edges: roads and paths across junctions.
    pub edges: Vec<Edge>,
    /// Lanes; those of one edge are adjacent.
    pub lanes: Vec<Lane>,
    /// Links; those of one lane are adjacent.
    pub links: Vec<Link>,
    /// Links by the lane they lead into; those of one lane are adjacent.
    pub incoming: Vec<LinkId>,
    /// Where paths over junctions meet; those of one lane are adjacent. Shared with the engine, which reads it as it is.
    pub conflicts: Arc<[Conflict]>,
    /// Signal controllers.
    pub signals: Vec<Signal>,
    /// Place on earth.
    pub projection: Projection,
    /// Whether one drives on the left.
    pub left_hand: bool,
    /// Edges by name.
    pub edge_by_name: EdgeIndex,
    /// Edges that form the ring of a roundabout, as far as the source says so.
    pub roundabouts: BTreeSet<EdgeId>,
    /// Edges that are the same track as another one in the other direction.
    pub single_tracks: BTreeMap<EdgeId, EdgeId>,
}

impl Network {
    /// The junction with this id.
    pub fn junction(&self, id: JunctionId) -> &Junction {
        &self.junctions[id.index()]
    }

    /// The edge with this id.
    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id.index()]
    }

    /// The lane with this id.
    pub fn lane(&self, id: LaneId) -> &Lane {
        &self.lanes[id.index()]
    }

    /// The link with this id.
    pub fn link(&self, id: LinkId) -> &Link {
        &self.links[id.index()]
    }

    /// The signal with this id.
    pub fn signal(&self, id: SignalId) -> &Signal {
        &self.signals[id.index()]
    }

    /// The edge a lane belongs to.
    pub fn edge_of(&self, lane: LaneId) -> &Edge {
        self.edge(self.lane(lane).edge)
    }

    /// A lane's name in files: its edge's and its index, `station_road_0`.
    pub fn lane_name(&self, lane: LaneId) -> String {
        let lane = self.lane(lane);
        format!("{}_{}", self.edge(lane.edge).name, lane.index)
    }

    /// The edge with this name.
    pub fn find_edge(&self, name: &str) -> Option<EdgeId> {
        self.edge_by_name.find(name, &self.edges)
    }

    /// Every edge's name, in the order of the edges.
    pub fn edge_names(&self) -> impl Iterator<Item = &str> {
        self.edges.iter().map(|edge| edge.name.as_str())
    }

    /// Links that lead into a lane, in order.
    pub fn incoming(&self, lane: LaneId) -> &[LinkId] {
        let range = &self.lane(lane).incoming;
        &self.incoming[range.start as usize..range.end as usize]
    }

    /// Where a lane meets other paths over its junction, nearest first.
    pub fn conflicts(&self, lane: LaneId) -> &[Conflict] {
        let range = &self.lane(lane).conflicts;
        &self.conflicts[range.start as usize..range.end as usize]
    }

    /// The lane with this name, `edge_index`.
    pub fn find_lane(&self, name: &str) -> Option<LaneId> {
        let (edge, index) = name.rsplit_once('_')?;
        let index: usize = index.parse().ok()?;
        self.edge(self.find_edge(edge)?).lane_ids().nth(index)
    }

    /// Whether a vehicle of `class` may use any lane of an edge.
    pub fn edge_allows(&self, edge: EdgeId, class: VehicleClass) -> bool {
        self.edge(edge).lane_ids().any(|lane| self.lane(lane).allowed.contains(class))
    }

    /// The lane a vehicle is on right after a link: its internal lane, or the lane on the far side.
    pub fn lane_after(&self, link: LinkId) -> LaneId {
        let link = self.link(link);
        link.via.unwrap_or(link.to)
    }

    /// Edges that are roads, with their ids.
    pub fn roads(&self) -> impl Iterator<Item = (EdgeId, &Edge)> {
        self.edges.iter().enumerate().filter(|(_, edge)| !edge.is_internal()).map(|(i, edge)| (EdgeId::new(i), edge))
    }

    /// The rectangle that holds every lane: south-west and north-east corner [m].
    pub fn bounds(&self) -> (Point, Point) {
        let mut low = Point::new(f64::INFINITY, f64::INFINITY);
        let mut high = Point::new(f64::NEG_INFINITY, f64::NEG_INFINITY);
        for point in self.lanes.iter().flat_map(|lane| lane.shape.points()) {
            low = Point::new(low.x.min(point.x), low.y.min(point.y));
            high = Point::new(high.x.max(point.x), high.y.max(point.y));
        }
        if low.x > high.x { (Point::origin(), Point::origin()) } else { (low, high) }
    }
}
