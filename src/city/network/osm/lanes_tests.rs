//! Lanes of ways as they are tagged in the field, one case each.

use super::super::country;
use super::*;

/// Lanes of a side from the kerb as words: `c` for everybody, `b` for buses, then arrows, such as `c:tr`.
fn words(side: Option<&Side>) -> Vec<String> {
    let Some(side) = side else { return Vec::new() };
    side.lanes
        .iter()
        .map(|(lane, arrows)| {
            let who = if lane.allowed.contains(VehicleClass::Passenger) {
                "c"
            } else if lane.allowed.contains(VehicleClass::Taxi) {
                "t"
            } else {
                "b"
            };
            let painted: String = [(arrows.left, 'l'), (arrows.through, 't'), (arrows.right, 'r')]
                .iter()
                .filter_map(|(there, word)| there.then_some(*word))
                .collect();
            if painted.is_empty() { who.to_owned() } else { format!("{who}:{painted}") }
        })
        .collect()
}

fn lanes_of(text: &str, left_hand: bool) -> (String, String) {
    let mut tags = Tags::default();
    for tag in text.split(' ').filter(|tag| !tag.is_empty()) {
        let (key, value) = tag.split_once('=').unwrap_or_else(|| panic!("{tag} is no tag"));
        tags.push(key, value);
    }
    let class = Class::of(tags.get("highway").unwrap_or("secondary")).unwrap_or_else(|| panic!("{text}: no class"));
    let directions = directions(&tags, class);
    let way = Way { id: 1, tags: &tags, class, country: &country::USUAL, left_hand, directions };
    let (forward, backward) = sides(&way, &mut ImportReport::default());
    (words(forward.as_ref()).join(" "), words(backward.as_ref()).join(" "))
}

#[test]
fn lanes_are_counted_as_the_wiki_says() {
    // Tags -> lanes forward and backward, from the kerb.
    let cases = [
        ("", "c", "c"),
        ("lanes=2", "c", "c"),
        ("lanes=4", "c c", "c c"),
        ("lanes=3", "c c", "c"),
        ("lanes=1", "c", "c"),
        ("lanes=3 lanes:forward=1", "c", "c c"),
        ("lanes=3 lanes:backward=2 lanes:forward=1", "c", "c c"),
        ("lanes=5 lanes:both_ways=1", "c c", "c c"),
        ("lanes=3 turn:lanes:backward=left|right", "c", "c:r c:l"),
        ("oneway=yes lanes=3", "c c c", ""),
        ("oneway=-1 lanes=2", "", "c c"),
        ("oneway=no highway=motorway lanes=2", "c", "c"),
        ("highway=motorway", "c c", ""),
        ("highway=primary oneway=yes", "c c", ""),
        ("junction=roundabout", "c", ""),
        ("oneway=yes turn:lanes=left|through|through;right", "c:tr c:t c:l", ""),
        ("oneway=yes lanes=2 turn:lanes=left|through|right", "c c", ""),
        ("lanes=4 turn:lanes:forward=left|none", "c c:l", "c c"),
        ("lanes=0", "c", "c"),
        ("lanes=-1", "c", "c"),
        ("lanes=many", "c", "c"),
        ("lanes=2.5", "c", "c"),
        ("lanes=2;3", "c", "c"),
        ("lanes=999999999", "c", "c"),
    ];
    for (tags, forward, backward) in cases {
        assert_eq!(lanes_of(tags, false), (forward.to_owned(), backward.to_owned()), "{tags}");
    }
}

#[test]
fn bus_lanes_are_found_in_every_scheme() {
    let cases = [
        ("oneway=yes lanes=3 lanes:bus=1", "b c c", ""),
        ("oneway=yes lanes=3 lanes:psv=1", "t c c", ""),
        ("oneway=yes lanes=3 bus:lanes=no|no|designated access:lanes=yes|yes|no", "b c c", ""),
        ("oneway=yes lanes=2 bus:lanes=yes|designated vehicle:lanes=yes|no", "b c", ""),
        ("oneway=yes lanes=2 psv:lanes=|designated motor_vehicle:lanes=|no", "t c", ""),
        ("oneway=yes busway=lane", "b c", ""),
        ("oneway=yes lanes=2 busway=lane", "b c", ""),
        ("oneway=yes lanes=2 busway:left=lane", "c b", ""),
        ("lanes=4 busway=lane", "b c", "b c"),
        ("lanes=3 lanes:forward=2 busway:right=lane", "b c", "c"),
        ("lanes=3 lanes:forward=2 lanes:psv:forward=1", "t c", "c"),
        ("oneway=yes lanes=2 busway=opposite_lane", "c c", "b"),
        ("oneway=yes lanes=1 oneway:psv=no", "c", "t"),
        ("highway=busway", "b", "b"),
        (
            "oneway=yes lanes=2 vehicle:lanes=yes|yes|no bicycle:lanes=no|no|designated turn:lanes=left|through|right",
            "c:t c:l",
            "",
        ),
    ];
    for (tags, forward, backward) in cases {
        assert_eq!(lanes_of(tags, false), (forward.to_owned(), backward.to_owned()), "{tags}");
    }
}

#[test]
fn on_the_left_the_kerb_is_on_the_left() {
    let cases = [
        ("oneway=yes turn:lanes=left|through|right", "c:l c:t c:r", ""),
        ("oneway=yes lanes=2 busway=lane", "b c", ""),
        ("lanes=3 lanes:forward=2 busway:left=lane", "b c", "c"),
    ];
    for (tags, forward, backward) in cases {
        assert_eq!(lanes_of(tags, true), (forward.to_owned(), backward.to_owned()), "{tags}");
    }
}

#[test]
fn nobody_drives_where_nobody_may() {
    for tags in ["access=no", "motor_vehicle=private", "vehicle=no bicycle=designated", "access=forestry"] {
        assert_eq!(lanes_of(tags, false), (String::new(), String::new()), "{tags}");
    }
}

#[test]
fn lengths_are_read_in_metres_and_feet() {
    for (text, expected) in
        [("3.2", Some(3.2)), ("3 m", Some(3.0)), ("10'", Some(3.048)), ("x", None), ("12'6\"", Some(3.81))]
    {
        assert_eq!(metres(text).map(|m| (m * 1000.0).round() / 1000.0), expected, "{text}");
    }
}
