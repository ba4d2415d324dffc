//! Measures as a scenario asks for them: checked quantities, roads still by name.
//!
//! Coordinates are longitude and latitude [°] where the map has a place on earth, else metres east and north on the map. Knows no
//! network and no file's grammar.

use super::parking::KerbTerms;
use crate::primitives::text::Place;
use crate::primitives::{ClassSet, Distance, SimDuration, SimTime, Speed};

/// A bundle of measures under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervention {
    /// Its name.
    pub name: String,
    /// Where the scenario names it.
    pub place: Place,
    /// What is done, in the order of the file.
    pub measures: Vec<Measure>,
}

/// One thing that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Where the scenario asks for it.
    pub place: Place,
    /// What it is.
    pub deed: Deed,
    /// Between which times of the day it holds; none means always.
    pub window: Option<Window>,
}

/// A daily time: from its first to its second instant, over midnight where the second is not after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it begins, since midnight [s].
    pub from: SimTime,
    /// When it ends, since midnight [s].
    pub to: SimTime,
}

/// What a measure does.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Nobody but some classes may use roads, or some of their lanes.
    Close {
        /// Which roads.
        roads: RoadChoice,
        /// Which of their lanes, 0 at the kerb; all where none is named.
        lanes: Vec<u32>,
        /// Who may go on using them.
        except: ClassSet,
    },
    /// A lane is for some classes only.
    Reserve {
        /// On which roads.
        roads: RoadChoice,
        /// Which lane.
        lane: LaneWish,
        /// For whom.
        allow: ClassSet,
    },
    /// Nobody but some classes may turn from one road into another.
    BanTurn {
        /// From which roads.
        out_of: RoadChoice,
        /// Into which.
        into: RoadChoice,
        /// Who may go on turning.
        except: ClassSet,
    },
    /// Only those who have business on some roads may drive there; and nobody past filters but some classes.
    Calm {
        /// The roads that only those may use who begin or end their trip on one of them; none where filters alone do it.
        roads: Option<RoadChoice>,
        /// Roads that are closed by filters.
        filters: Option<RoadChoice>,
        /// Who may use them as ever.
        except: ClassSet,
    },
    /// A turn that the map bans is made possible.
    AllowTurn {
        /// From which roads.
        out_of: RoadChoice,
        /// Into which.
        into: RoadChoice,
    },
    /// One more lane.
    AddLane {
        /// On which roads.
        roads: RoadChoice,
        /// Whether it lies at the kerb, else in the middle of the street.
        kerb: bool,
        /// For whom; for those of the lane beside it where nobody is named.
        allow: ClassSet,
    },
    /// One lane fewer.
    RemoveLane {
        /// On which roads.
        roads: RoadChoice,
        /// Which.
        lane: LaneWish,
    },
    /// A signal runs another plan.
    Retime {
        /// Which signal.
        signal: Written,
        /// How long its cycle is [s]; as long as the greens make it where none is given.
        cycle: Option<SimDuration>,
        /// Green of each stage in order [s]; in the proportions there are where none is given.
        greens: Vec<SimDuration>,
        /// Shift of its cycle against midnight [s].
        offset: Option<SimDuration>,
    },
    /// Signals along a way show green when whoever drives at a speed comes.
    Coordinate {
        /// The signals in driving order.
        signals: Vec<Written>,
        /// The speed [m/s].
        speed: Speed,
        /// The cycle of all [s]; the longest of theirs where none is given.
        cycle: Option<SimDuration>,
    },
    /// Signals end their greens early or late with the traffic.
    Adaptive {
        /// Which signals.
        signals: Vec<Written>,
        /// The longest gap that still extends a green [s].
        gap_max: SimDuration,
    },
    /// A junction gets a signal.
    AddSignal {
        /// Which junction.
        junction: Written,
        /// Whether it goes with the traffic.
        adaptive: bool,
    },
    /// A junction becomes a roundabout.
    Roundabout {
        /// Which junction.
        junction: Written,
        /// Radius of its lane [m].
        radius: Distance,
    },
    /// More or fewer trips.
    Scale {
        /// Factor on the number of trips.
        factor: f64,
        /// Only trips that begin or end on these roads; all where none are named.
        roads: Option<RoadChoice>,
        /// Only by these classes; by all where none is named. Buses by timetable are never meant.
        classes: ClassSet,
    },
    /// Trips to and from something new.
    Develop {
        /// On which roads they begin and end.
        roads: RoadChoice,
        /// How many within the time it holds.
        trips: u32,
        /// Share of them that leave, 0 to 1.
        leaving: f64,
    },
    /// A new bus line.
    AddLine {
        /// Its name.
        line: String,
        /// Where it halts, in order: bus stops by name, or roads.
        stops: Vec<Written>,
        /// Time between buses [s].
        headway: SimDuration,
        /// How long a bus halts at least [s].
        dwell: SimDuration,
    },
    /// Another timetable of a bus line.
    ChangeLine {
        /// Its name.
        line: Written,
        /// Time between buses [s].
        headway: Option<SimDuration>,
        /// How long a bus halts at least [s].
        dwell: Option<SimDuration>,
    },
    /// Whoever drives in pays.
    Charge {
        /// The zone's roads.
        roads: RoadChoice,
        /// What it costs, in any money.
        price: f64,
        /// What an hour is worth to a driver, in the same money.
        hour: f64,
        /// How the number of trips into the zone answers to their cost: the exponent of the cost, zero or below.
        elasticity: f64,
        /// Who does not pay.
        except: ClassSet,
    },
    /// Other places at the kerb, or another price for them.
    Park {
        /// What holds then.
        terms: KerbTerms,
        /// How the number of trips to these kerbs answers to what they cost: the exponent of the cost, zero or below.
        elasticity: f64,
    },
    /// Drivers are told the fastest way.
    Advice {
        /// Share of drivers who follow, 0 to 1.
        share: f64,
        /// How often each looks [s].
        every: SimDuration,
        /// By which travel times.
        times: AdviceTimes,
    },
    /// Something that the scenario does beside the roads' rules: other weather, incidents.
    Beside(String),
    /// Another speed limit.
    Speed {
        /// On which roads.
        roads: RoadChoice,
        /// The limit [m/s].
        limit: Speed,
    },
}

/// By which travel times advice is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdviceTimes {
    /// Those of now.
    Live,
    /// Those to be expected when one gets there, learnt on earlier days.
    Predicted {
        /// On how many.
        days: u32,
    },
}

/// Which lane of a road is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneWish {
    /// The one at the kerb that motor vehicles use.
    Kerb,
    /// The one farthest from the kerb.
    Middle,
    /// This one, 0 at the kerb.
    Index(u32),
}

/// A text of the scenario and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What it says.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// Which roads are meant: those named, narrowed down to a place or an area; or all of an area or along a line.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadChoice {
    /// Where the scenario chooses them.
    pub place: Place,
    /// Names: streets, ids of edges, `osm:` with the id of a way.
    pub names: Vec<Written>,
    /// Of streets of one name, the one nearest to this point.
    pub near: Option<[f64; 2]>,
    /// Only roads with their middle inside.
    pub within: Option<Area>,
    /// Roads that follow this line.
    pub along: Vec<[f64; 2]>,
}

/// A drawn area.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Corners of its outlines, without repeating the first; a point is inside where it is inside an odd number of them.
    pub rings: Vec<Vec<[f64; 2]>>,
}
