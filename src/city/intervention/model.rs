//! Measures as a scenario asks for them: checked quantities, roads still by name.
//!
//! Coordinates are longitude and latitude [°] where the map has a place on earth, else metres east and north on the map. Knows no
//! network and no file's grammar.

use crate::primitives::text::Place;
use crate::primitives::{ClassSet, SimTime, Speed};

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
    /// Another speed limit.
    Speed {
        /// On which roads.
        roads: RoadChoice,
        /// The limit [m/s].
        limit: Speed,
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
