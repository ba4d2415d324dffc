//! Dense typed ids: an index into one column of the city that cannot be used on another.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(u32);

        impl $name {
            /// The id of the element at `index` of its column.
            ///
            /// # Panics
            /// When `index` does not fit in 32 bits; no column of a city is that long.
            pub fn new(index: usize) -> Self {
                Self(u32::try_from(index).expect("a column of the city holds at most 2^32 elements"))
            }

            /// The position in its column.
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The same as a plain number, for files and hashes.
            pub const fn raw(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// A junction of the road network.
    JunctionId
);
id!(
    /// A directed road between two junctions, or a path across one.
    EdgeId
);
id!(
    /// One lane of an edge.
    LaneId
);
id!(
    /// A connection from one lane to the next.
    LinkId
);
id!(
    /// A signal controller.
    SignalId
);
id!(
    /// A vehicle: the row of the demand that brought it, never a run-time counter.
    VehicleId
);
id!(
    /// A vehicle type of the fleet.
    KindId
);
id!(
    /// A distinct route: vehicles that drive the same edges share it.
    RouteId
);
id!(
    /// A bus stop.
    StopId
);
id!(
    /// A detector.
    DetectorId
);
