//! How many lanes a way has in each direction, how wide they are, who may use them and where their arrows point.
//!
//! Follows the wiki's "Lanes": `lanes` counts all of both directions, lists such as `turn:lanes` go from left to right as one
//! drives. Lanes for bicycles only are no lanes here. Knows the tags of one way; not what it leads to.

use super::access::{self, is_for_business};
use super::country::Country;
use super::guesses::{ImportReport, OsmObject};
use super::highway::Class;
use super::raw::Tags;
use super::speed;
use crate::city::network::bare::{BareLane, LaneArrows};
use crate::primitives::{ClassSet, Distance, Speed, VehicleClass};

/// The most lanes of one direction that are believed.
const LANES_MAX: usize = 12;
/// Widths of a lane that are believed [m].
const WIDTH_MIN: f64 = 2.2;
const WIDTH_MAX: f64 = 6.0;

/// A direction of a street.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Side {
    /// Lanes from the kerb, with their arrows.
    pub lanes: Vec<(BareLane, LaneArrows)>,
    /// Speed limit [m/s].
    pub speed: Speed,
}

impl Side {
    /// Width of all lanes [m].
    pub(super) fn width(&self) -> f64 {
        self.lanes.iter().map(|(lane, _)| lane.width.as_metres()).sum()
    }

    /// Whether it is the same but for its arrows.
    pub(super) fn same_road(&self, other: &Self) -> bool {
        let plain = |side: &Self| side.lanes.iter().map(|(lane, _)| *lane).collect::<Vec<_>>();
        self.speed == other.speed && plain(self) == plain(other)
    }
}

/// Which directions a way is open in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directions {
    Both,
    /// As its nodes are listed.
    Forward,
    /// Against them.
    Backward,
}

/// Reads `oneway` and what implies it.
pub(super) fn directions(tags: &Tags, class: Class) -> Directions {
    match tags.get("oneway") {
        Some("yes" | "true" | "1" | "reversible" | "alternating") => Directions::Forward,
        Some("-1" | "reverse") => Directions::Backward,
        Some("no" | "false" | "0") => Directions::Both,
        _ if is_ring(tags) || class.is_motorway() => Directions::Forward,
        _ => Directions::Both,
    }
}

/// Whether a way is the ring of a roundabout.
pub(super) fn is_ring(tags: &Tags) -> bool {
    matches!(tags.get("junction"), Some("roundabout" | "circular"))
}

/// What is known of the way whose lanes are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'t> {
    pub id: i64,
    pub tags: &'t Tags,
    pub class: Class,
    pub country: &'t Country,
    pub left_hand: bool,
    pub directions: Directions,
}

impl<'t> Way<'t> {
    fn one_way(&self) -> bool {
        self.directions != Directions::Both
    }

    /// The value of a key for one direction; on a one-way street the plain key means its direction.
    fn directed(&self, key: &str, direction: &str) -> Option<&'t str> {
        let plain = || if self.one_way() { self.tags.get(key) } else { None };
        self.tags.get(&format!("{key}:{direction}")).or_else(plain)
    }

    fn list(&self, key: &str, direction: &str) -> Option<Vec<&'t str>> {
        let list: Vec<&str> = self.directed(key, direction)?.split('|').map(str::trim).collect();
        (list.len() <= 2 * LANES_MAX).then_some(list)
    }

    fn count(&self, key: &str) -> Option<usize> {
        let text = self.tags.get(key)?.split(';').next()?.trim();
        let number: f64 = text.parse().ok()?;
        // Half lanes exist in the data; they are not wide enough for a vehicle beside another.
        let whole = number.floor();
        // Beyond what is believed it does not matter by how much.
        (0..=2 * LANES_MAX).find(|&n| (f64::from(u32::try_from(n).unwrap_or(0)) - whole).abs() < 0.5)
    }

    fn object(&self) -> OsmObject {
        OsmObject::Way(self.id)
    }
}

/// Forward and backward lanes of a way; none where nobody in a motor vehicle may go.
pub(super) fn sides(way: &Way<'_>, report: &mut ImportReport) -> (Option<Side>, Option<Side>) {
    let (forward, backward) = counts(way, report);
    let mut side = |direction: &str, open: bool, lanes: usize| {
        if open { one_side(way, direction, lanes, report) } else { contraflow(way, direction, report) }
    };
    let ahead = side("forward", way.directions != Directions::Backward, forward);
    let back = side("backward", way.directions != Directions::Forward, backward);
    (ahead, back)
}

/// Lanes in each direction.
fn counts(way: &Way<'_>, report: &mut ImportReport) -> (usize, usize) {
    let total = way.count("lanes").filter(|&lanes| lanes > 0);
    let listed = |direction: &str| way.list("turn:lanes", direction).map(|list| list.len());
    let usual = way.class.lanes(way.one_way());
    if way.one_way() {
        let direction = if way.directions == Directions::Forward { "forward" } else { "backward" };
        let known = way.count(&format!("lanes:{direction}")).filter(|&lanes| lanes > 0).or(total).or(listed(direction));
        let lanes = known.unwrap_or_else(|| {
            report.guess("number of lanes by the class of the road", way.object());
            usual
        });
        return (lanes.clamp(1, LANES_MAX), lanes.clamp(1, LANES_MAX));
    }
    let shared = way.count("lanes:both_ways").unwrap_or(0);
    if shared > 0 {
        report.leave_out("turning lanes in the middle, for both directions", way.object());
    }
    let known = |direction: &str| way.count(&format!("lanes:{direction}")).filter(|&lanes| lanes > 0);
    let rest = |one: usize| total.map(|total| total.saturating_sub(shared + one));
    let (forward, backward) = match (known("forward"), known("backward")) {
        (Some(forward), Some(backward)) => (forward, backward),
        (Some(forward), None) => (forward, rest(forward).or(listed("backward")).unwrap_or(usual)),
        (None, Some(backward)) => (rest(backward).or(listed("forward")).unwrap_or(usual), backward),
        (None, None) => split(way, total.map(|total| total.saturating_sub(shared)), usual, report),
    };
    (forward.clamp(1, LANES_MAX), backward.clamp(1, LANES_MAX))
}

/// Shares the lanes of a two-way street among its directions.
fn split(way: &Way<'_>, total: Option<usize>, usual: usize, report: &mut ImportReport) -> (usize, usize) {
    let listed = |direction: &str| way.list("turn:lanes", direction).map(|list| list.len());
    let (ahead, back) = (listed("forward"), listed("backward"));
    let Some(total) = total else {
        if ahead.is_none() && back.is_none() {
            report.guess("number of lanes by the class of the road", way.object());
        }
        return (ahead.unwrap_or(usual), back.unwrap_or(usual));
    };
    match (ahead, back) {
        (Some(ahead), _) if ahead < total => (ahead, total - ahead),
        (_, Some(back)) if back < total => (total - back, back),
        _ if total == 1 => {
            report.guess("one lane for both directions, given one each", way.object());
            (1, 1)
        }
        _ => {
            if total % 2 == 1 {
                report.guess("an odd number of lanes, the larger part forward", way.object());
            }
            (total.div_ceil(2), total / 2)
        }
    }
}

/// The lanes of a direction that is open to everybody the tags let in.
fn one_side(way: &Way<'_>, direction: &str, lanes: usize, report: &mut ImportReport) -> Option<Side> {
    let road_wide = |key: &str| {
        let value = way.tags.get(&format!("{key}:{direction}")).or_else(|| way.tags.get(key))?;
        if is_for_business(value) {
            return Some("yes");
        }
        Some(value)
    };
    let everybody = access::classes(way.class, road_wide);
    if !carries_motors(everybody) {
        return None;
    }
    let mut allowed = listed_access(way, direction, lanes, everybody, report);
    if allowed.iter().all(|set| *set == everybody) {
        reserve_for_buses(way, direction, everybody, &mut allowed);
    }
    if !allowed.iter().any(|set| carries_motors(*set)) {
        return None;
    }
    let arrows = arrows(way, direction, &allowed, report);
    let widths = widths(way, direction, allowed.len(), report);
    let speed = speed::limit(way.tags, direction, way.country).unwrap_or_else(|| {
        report.guess("speed limit by country and class of the road", way.object());
        Speed::kilometres_per_hour(way.class.limit(way.country))
    });
    let lane = |((allowed, width), arrows): ((ClassSet, f64), LaneArrows)| {
        (BareLane { width: Distance::metres(width), allowed }, arrows)
    };
    let mut lanes: Vec<(BareLane, LaneArrows)> = allowed.into_iter().zip(widths).zip(arrows).map(lane).collect();
    // Lists go from the left; lanes are counted from the kerb.
    if !way.left_hand {
        lanes.reverse();
    }
    Some(Side { lanes, speed })
}

/// Whether anybody in a motor vehicle may use a lane.
fn carries_motors(set: ClassSet) -> bool {
    [VehicleClass::Passenger, VehicleClass::Bus, VehicleClass::Taxi, VehicleClass::Delivery, VehicleClass::Truck]
        .iter()
        .any(|class| set.contains(*class))
}

/// Who may use each lane from the left, by lists such as `bus:lanes`.
fn listed_access(
    way: &Way<'_>,
    direction: &str,
    lanes: usize,
    everybody: ClassSet,
    report: &mut ImportReport,
) -> Vec<ClassSet> {
    const KEYS: [&str; 9] = ["access", "vehicle", "motor_vehicle", "motorcar", "psv", "bus", "taxi", "bicycle", "hgv"];
    let lists: Vec<(&str, Vec<&str>)> =
        KEYS.iter().filter_map(|key| Some((*key, way.list(&format!("{key}:lanes"), direction)?))).collect();
    let Some(length) = lists.iter().map(|(_, list)| list.len()).max() else { return vec![everybody; lanes] };
    if lists.iter().any(|(_, list)| list.len() != length) {
        report.guess("lists of lanes that are of different length, not followed", way.object());
        return vec![everybody; lanes];
    }
    let of_lane = |index: usize| {
        access::classes(way.class, |key| {
            let own = lists.iter().find(|(name, _)| *name == key).map(|(_, list)| list[index]);
            own.filter(|value| !value.is_empty())
                .or_else(|| way.tags.get(&format!("{key}:{direction}")).or_else(|| way.tags.get(key)))
        })
    };
    let allowed: Vec<ClassSet> = (0..length).map(of_lane).filter(|set| carries_motors(*set)).collect();
    let stated = way.tags.get("lanes").is_some();
    if allowed.is_empty() || allowed.len() > LANES_MAX || (stated && allowed.len() != lanes && length != lanes) {
        report.guess("lists of lanes that do not fit their number, not followed", way.object());
        return vec![everybody; lanes];
    }
    allowed
}

/// Reserves lanes for buses by the tags that only count them.
fn reserve_for_buses(way: &Way<'_>, direction: &str, everybody: ClassSet, allowed: &mut Vec<ClassSet>) {
    let is = |key: &str| matches!(way.tags.get(key), Some("lane" | "yes"));
    let ahead = direction == "forward";
    // Forward traffic keeps to the right of a two-way street where one drives on the right.
    let own_side = if ahead == way.left_hand { "busway:left" } else { "busway:right" };
    let (mut kerb, mut median) = (0, 0);
    if way.one_way() {
        let (near, far) = if way.left_hand { ("busway:left", "busway:right") } else { ("busway:right", "busway:left") };
        kerb += usize::from(is("busway") || is("busway:both") || is(near));
        median += usize::from(is("busway:both") || is(far));
    } else {
        kerb += usize::from(is("busway") || is("busway:both") || is(own_side));
    }
    let counted = ["lanes:bus", "lanes:psv"].iter().find_map(|key| {
        let own = way.count(&format!("{key}:{direction}"));
        own.or_else(|| if way.one_way() { way.count(key) } else { None })
    });
    // A count without a direction on a two-way street is shared by both.
    let shared = || if way.one_way() { None } else { way.count("lanes:bus").or_else(|| way.count("lanes:psv")) };
    if kerb + median == 0 {
        kerb = counted.or_else(|| shared().map(|lanes| lanes / 2)).unwrap_or(0);
    }
    if kerb + median == 0 {
        return;
    }
    let for_taxis = way.count("lanes:psv").is_some() || way.count(&format!("lanes:psv:{direction}")).is_some();
    let mut classes = vec![VehicleClass::Bus, VehicleClass::Coach, VehicleClass::Bicycle];
    classes.extend([VehicleClass::Emergency, VehicleClass::Authority]);
    if for_taxis {
        classes.push(VehicleClass::Taxi);
    }
    let buses = ClassSet::of(&classes);
    // `lanes` counts bus lanes; where it leaves no lane for the others, it did not.
    if way.tags.get("lanes").is_none() || kerb + median >= allowed.len() {
        let room = LANES_MAX.saturating_sub(allowed.len());
        allowed.extend(vec![everybody; (kerb + median).min(room)]);
    }
    let count = allowed.len();
    for (index, allowed) in allowed.iter_mut().enumerate() {
        let from_kerb = if way.left_hand { index } else { count - 1 - index };
        if from_kerb < kerb || count - 1 - from_kerb < median {
            *allowed = buses;
        }
    }
    if allowed.iter().all(|set| *set == buses) {
        allowed.fill(everybody);
    }
}

/// A lane for buses against a one-way street, if there is one.
fn contraflow(way: &Way<'_>, direction: &str, report: &mut ImportReport) -> Option<Side> {
    let opposite = ["busway", "busway:left", "busway:right", "busway:both"]
        .iter()
        .any(|key| matches!(way.tags.get(key), Some("opposite_lane" | "opposite")));
    let excepted = ["oneway:bus", "oneway:psv"].iter().any(|key| way.tags.is(key, "no"));
    let counted = ["lanes:bus", "lanes:psv"].iter().any(|key| way.count(&format!("{key}:{direction}")) > Some(0));
    if !(opposite || excepted || counted) {
        return None;
    }
    let mut classes = vec![VehicleClass::Bus, VehicleClass::Coach, VehicleClass::Emergency, VehicleClass::Authority];
    if way.tags.is("oneway:psv", "no") {
        classes.push(VehicleClass::Taxi);
    }
    if !opposite && !counted {
        report.guess("a lane of their own for buses against a one-way street", way.object());
    }
    let speed = speed::limit(way.tags, direction, way.country)
        .unwrap_or_else(|| Speed::kilometres_per_hour(way.class.limit(way.country)));
    let lane = BareLane { width: Distance::metres(way.class.lane_width()), allowed: ClassSet::of(&classes) };
    Some(Side { lanes: vec![(lane, LaneArrows::default())], speed })
}

/// The arrows of each lane from the left.
fn arrows(way: &Way<'_>, direction: &str, allowed: &[ClassSet], report: &mut ImportReport) -> Vec<LaneArrows> {
    let none = vec![LaneArrows::default(); allowed.len()];
    let key = way.tags.first(&[&format!("turn:{direction}"), "turn"]).filter(|_| allowed.len() == 1);
    let Some(mut list) = way.list("turn:lanes", direction).or_else(|| key.map(|only| vec![only])) else { return none };
    if list.len() > allowed.len() && list.len() - allowed.len() <= 2 {
        // Lanes for bicycles are in the list, though they do not count as lanes.
        let for_bicycles = way.list("bicycle:lanes", direction).filter(|bicycles| bicycles.len() == list.len());
        if let Some(bicycles) = for_bicycles {
            let mut lane = 0;
            list.retain(|_| {
                lane += 1;
                bicycles[lane - 1] != "designated"
            });
        }
    }
    if list.len() != allowed.len() {
        report.guess("arrows that do not fit the number of lanes, not followed", way.object());
        return none;
    }
    list.into_iter().map(arrow).collect()
}

fn arrow(text: &str) -> LaneArrows {
    let mut arrows = LaneArrows::default();
    for word in text.split(';') {
        match word.trim() {
            "left" | "slight_left" | "sharp_left" | "reverse" => arrows.left = true,
            "right" | "slight_right" | "sharp_right" => arrows.right = true,
            "through" | "merge_to_left" | "merge_to_right" => arrows.through = true,
            _ => {}
        }
    }
    arrows
}

/// Width of each lane from the left [m].
fn widths(way: &Way<'_>, direction: &str, lanes: usize, report: &mut ImportReport) -> Vec<f64> {
    let usual = way.class.lane_width();
    let believable = |width: &f64| (WIDTH_MIN..=WIDTH_MAX).contains(width);
    if let Some(list) = way.list("width:lanes", direction).filter(|list| list.len() == lanes) {
        return list.into_iter().map(|text| metres(text).filter(believable).unwrap_or(usual)).collect();
    }
    // The width of a two-way street holds the lanes of both directions, and often parked cars.
    let whole = if way.one_way() { way.tags.get("width:carriageway").or_else(|| way.tags.get("width")) } else { None };
    let share = f64::from(u32::try_from(lanes).unwrap_or(1));
    let width = whole.and_then(metres).map(|width| width / share).filter(|width| (2.5..=4.0).contains(width));
    if width.is_none() {
        report.guess("width of lanes by the class of the road", way.object());
    }
    vec![width.unwrap_or(usual); lanes]
}

/// A length [m].
fn metres(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some((feet, inches)) = text.split_once('\'') {
        let inches = inches.trim_end_matches('"').trim();
        let inches = if inches.is_empty() { 0.0 } else { inches.parse().ok()? };
        return Some((feet.trim().parse::<f64>().ok()? * 12.0 + inches) * 0.0254);
    }
    text.trim_end_matches('m').trim().parse().ok().filter(|width: &f64| width.is_finite())
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
