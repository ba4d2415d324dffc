//! Vehicle classes and sets of them: who may use a lane.
//!
//! The names are SUMO's abstract vehicle classes, the vocabulary road networks are exchanged in.

use std::fmt;

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident = $bit:literal, $name:literal;)*) => {
        /// What kind of road user a vehicle is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u8)]
        pub enum VehicleClass {
            $($(#[$doc])* $variant = $bit,)*
        }

        impl VehicleClass {
            /// Every class there is, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The class's name in files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The class with this name in files, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

classes! {
    /// A private car of an authority or company.
    Private = 0, "private";
    /// A police car, fire engine or ambulance.
    Emergency = 1, "emergency";
    /// A vehicle of the road authority.
    Authority = 2, "authority";
    /// A military vehicle.
    Army = 3, "army";
    /// A vehicle of very important persons.
    Vip = 4, "vip";
    /// A pedestrian.
    Pedestrian = 5, "pedestrian";
    /// A passenger car.
    Passenger = 6, "passenger";
    /// A car with several occupants.
    Hov = 7, "hov";
    /// A taxi.
    Taxi = 8, "taxi";
    /// A city bus.
    Bus = 9, "bus";
    /// A long-distance coach.
    Coach = 10, "coach";
    /// A delivery van.
    Delivery = 11, "delivery";
    /// A truck.
    Truck = 12, "truck";
    /// A truck with a trailer.
    Trailer = 13, "trailer";
    /// A motorcycle.
    Motorcycle = 14, "motorcycle";
    /// A moped.
    Moped = 15, "moped";
    /// A bicycle.
    Bicycle = 16, "bicycle";
    /// An electric vehicle.
    Evehicle = 17, "evehicle";
    /// A tram.
    Tram = 18, "tram";
    /// Urban rail.
    RailUrban = 19, "rail_urban";
    /// Rail.
    Rail = 20, "rail";
    /// Electric rail.
    RailElectric = 21, "rail_electric";
    /// High-speed rail.
    RailFast = 22, "rail_fast";
    /// A ship.
    Ship = 23, "ship";
    /// User-defined class 1.
    Custom1 = 24, "custom1";
    /// User-defined class 2.
    Custom2 = 25, "custom2";
    /// A vehicle that may use every lane.
    Ignoring = 26, "ignoring";
    /// An e-scooter.
    Scooter = 27, "scooter";
    /// A wheelchair.
    Wheelchair = 28, "wheelchair";
    /// A container being moved.
    Container = 29, "container";
    /// A subway.
    Subway = 30, "subway";
    /// A cable car.
    CableCar = 31, "cable_car";
    /// An aircraft on the ground.
    Aircraft = 32, "aircraft";
    /// A drone.
    Drone = 33, "drone";
}

impl VehicleClass {
    /// Whether the class runs on rails.
    pub const fn is_rail(self) -> bool {
        matches!(
            self,
            Self::Tram
                | Self::RailUrban
                | Self::Rail
                | Self::RailElectric
                | Self::RailFast
                | Self::Subway
                | Self::CableCar
        )
    }

    /// Whether the class is moved at all: everything on roads and on rails, but nobody on foot, on water or in the air.
    pub const fn is_moved(self) -> bool {
        self.is_vehicle() && (self.is_rail() || !self.is_off_road())
    }

    /// Whether the class runs on rails, on water or in the air.
    pub const fn is_off_road(self) -> bool {
        self.is_rail() || matches!(self, Self::Ship | Self::Aircraft | Self::Drone | Self::Container)
    }
}

impl fmt::Display for VehicleClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of vehicle classes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ClassSet(u64);

impl ClassSet {
    /// Nobody.
    pub const EMPTY: Self = Self(0);
    /// Everybody.
    pub const ALL: Self = Self(u64::MAX);

    /// A set of the classes given.
    pub fn of(classes: &[VehicleClass]) -> Self {
        Self(classes.iter().fold(0, |bits, class| bits | 1 << (*class as u8)))
    }

    /// The set as one bit for each class, by its number.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The set of [`ClassSet::bits`].
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Whether a vehicle of `class` is in the set; [`VehicleClass::Ignoring`] always is.
    pub const fn contains(self, class: VehicleClass) -> bool {
        matches!(class, VehicleClass::Ignoring) || self.0 >> (class as u8) & 1 == 1
    }

    /// The classes in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The classes in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Everybody but the classes in this set.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Whether nobody is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether any class in the set drives on roads.
    pub fn any_on_road(self) -> bool {
        VehicleClass::ALL.iter().any(|&class| {
            !class.is_off_road() && class.is_vehicle() && self.contains(class) && class != VehicleClass::Ignoring
        })
    }

    /// Whether any class in the set runs on rails.
    pub fn any_on_rail(self) -> bool {
        VehicleClass::ALL.iter().any(|&class| class.is_rail() && self.contains(class))
    }

    /// Whether private cars are in the set.
    pub const fn allows_cars(self) -> bool {
        self.contains(VehicleClass::Passenger)
    }
}

impl VehicleClass {
    /// Whether the class is a vehicle rather than somebody on foot.
    pub const fn is_vehicle(self) -> bool {
        !matches!(self, Self::Pedestrian | Self::Wheelchair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_are_distinct() {
        for &class in VehicleClass::ALL {
            assert_eq!(VehicleClass::from_name(class.name()), Some(class));
            let only = ClassSet::of(&[class]);
            let members = VehicleClass::ALL.iter().filter(|c| only.contains(**c)).count();
            assert_eq!(members, if class == VehicleClass::Ignoring { 1 } else { 2 });
        }
    }
}
