//! Who may use a road or a lane, by the access tags: the more specific key wins (the wiki's "Key:access").
//!
//! Knows the hierarchy of keys and their values; not how many lanes there are.

use super::highway::Class;
use crate::primitives::{ClassSet, VehicleClass};

/// A mode of transport: the keys that speak of it from general to specific, and who travels so.
struct Mode {
    keys: &'static [&'static str],
    classes: &'static [VehicleClass],
}

use VehicleClass as V;

const MODES: [Mode; 9] = [
    Mode {
        keys: &["access", "vehicle", "motor_vehicle", "motorcar"],
        classes: &[V::Private, V::Passenger, V::Evehicle, V::Vip, V::Army, V::Custom1, V::Custom2],
    },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "motorcar", "hov"], classes: &[V::Hov] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "motorcar", "psv", "taxi"], classes: &[V::Taxi] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "psv", "bus"], classes: &[V::Bus] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "tourist_bus", "coach"], classes: &[V::Coach] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "goods"], classes: &[V::Delivery] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "goods", "hgv"], classes: &[V::Truck, V::Trailer] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "motorcycle"], classes: &[V::Motorcycle] },
    Mode { keys: &["access", "vehicle", "motor_vehicle", "moped"], classes: &[V::Moped, V::Scooter] },
];

/// Bicycles: on the carriageway unless it is a motorway.
const BICYCLE: Mode = Mode { keys: &["access", "vehicle", "bicycle"], classes: &[V::Bicycle] };

/// Who may go everywhere a vehicle fits.
const PRIVILEGED: [V; 2] = [V::Emergency, V::Authority];

/// Whether a value of an access key lets one in.
fn lets_in(value: &str) -> bool {
    !matches!(
        value,
        "no" | "private"
            | "agricultural"
            | "forestry"
            | "military"
            | "permit"
            | "use_sidepath"
            | "dismount"
            | "emergency"
            | "employees"
    )
}

/// Whether a value lets in only who has business there.
pub(super) fn is_for_business(value: &str) -> bool {
    matches!(value, "destination" | "customers" | "delivery" | "residents")
}

/// Who may use a road of this class, `lookup` being the access tags that hold for it.
pub(super) fn classes<'t>(class: Class, lookup: impl Fn(&str) -> Option<&'t str>) -> ClassSet {
    let may =
        |mode: &Mode, by_default: bool| mode.keys.iter().rev().find_map(|key| lookup(key)).map_or(by_default, lets_in);
    let mut allowed: Vec<V> = Vec::new();
    let mut denied: Vec<V> = Vec::new();
    for mode in &MODES {
        let by_default = !class.is_busway() || mode.classes.contains(&V::Bus);
        let list = if may(mode, by_default) { &mut allowed } else { &mut denied };
        list.extend_from_slice(mode.classes);
    }
    let slow = !class.is_motorway();
    let bicycles = if may(&BICYCLE, slow && !class.is_busway()) { &mut allowed } else { &mut denied };
    bicycles.extend_from_slice(BICYCLE.classes);
    if !slow {
        denied.extend([V::Moped, V::Scooter, V::Pedestrian, V::Wheelchair]);
    }
    if allowed.is_empty() {
        return ClassSet::EMPTY;
    }
    // The wider set is named by its exceptions, so that it stays the same if a class is added one day.
    if allowed.contains(&V::Passenger) {
        ClassSet::of(&denied).complement()
    } else {
        allowed.extend(PRIVILEGED);
        ClassSet::of(&allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_specific_key_wins() {
        // Tags -> car, bus, taxi, truck, bicycle.
        type Case = (&'static str, &'static [(&'static str, &'static str)], [bool; 5]);
        let cases: &[Case] = &[
            ("residential", &[], [true; 5]),
            ("residential", &[("access", "private")], [false; 5]),
            ("residential", &[("access", "no"), ("bus", "yes")], [false, true, false, false, false]),
            ("residential", &[("motor_vehicle", "no"), ("psv", "yes")], [false, true, true, false, true]),
            ("residential", &[("motor_vehicle", "destination")], [true; 5]),
            ("secondary", &[("hgv", "no")], [true, true, true, false, true]),
            ("secondary", &[("vehicle", "no"), ("bicycle", "designated")], [false, false, false, false, true]),
            ("motorway", &[], [true, true, true, true, false]),
            ("busway", &[], [false, true, false, false, false]),
            ("busway", &[("taxi", "yes")], [false, true, true, false, false]),
            ("service", &[("access", "permissive")], [true; 5]),
        ];
        for (class, tags, expected) in cases {
            let class = Class::of(class).unwrap_or_else(|| panic!("{class} is a class"));
            let set = classes(class, |key| tags.iter().find(|(k, _)| *k == key).map(|(_, value)| *value));
            let got = [V::Passenger, V::Bus, V::Taxi, V::Truck, V::Bicycle].map(|class| set.contains(class));
            assert_eq!(got, *expected, "{tags:?}");
            assert_eq!(set.contains(V::Emergency), !set.is_empty(), "{tags:?}");
        }
    }
}
