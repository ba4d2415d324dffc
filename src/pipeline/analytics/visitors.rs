//! Who is in which area: devices that come in and go out, without flapping at the border.
//!
//! A fix counts as inside or outside only when it is farther from the border than the area's band; two such fixes in a row, on the
//! other side than the device is believed to be, change the belief. Receivers err by a few metres that wander slowly and by more
//! between buildings, so neither a band nor a second fix alone would be enough. The band is [`BAND`], less for areas that are
//! narrow: a quarter of their width (half the ratio of area to circumference).
//!
//! A device that has told no place for [`LOST_AFTER`] is let go with a "left" whose status is `lost`: nobody knows that it left,
//! but whoever counts who is inside must not count it for ever.
//!
//! Limits: [`VISITS_MAX`] pairs of device and area at a time; what would be one more is counted and not followed. Fixes that come
//! after the watermark change nothing. Areas are found by a grid of [`CELL`] degrees; one that covers more than [`CELLS_MAX`] cells
//! is compared with every fix.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::EventKind;
use super::geofence::{Geofence, Shape};
use super::journal::News;
use super::positions::EARTH;
use crate::telemetry::field::Text;
use crate::telemetry::{DeviceId, ReadingKind};

/// How far beyond the border a fix has to be to count [m]: two standard deviations of a receiver among low buildings.
const BAND: f64 = 10.0;
/// How long a device may say nothing of its place before it is let go [ms].
pub(super) const LOST_AFTER: i64 = 1_800_000;
/// Most pairs of device and area followed in a partition.
const VISITS_MAX: usize = 1_000_000;
/// Side of a cell [deg].
const CELL: f64 = 0.005;
/// Most cells an area is entered in.
const CELLS_MAX: i64 = 4096;

/// An area made ready for many questions.
#[derive(Debug, Clone, PartialEq)]
struct Fence {
    area: Geofence,
    /// Least and greatest latitude and longitude, the band included [deg].
    low: (f64, f64),
    high: (f64, f64),
    /// [m]
    band: f64,
}

/// The areas of a city, to be found by place.
#[derive(Debug, Clone, PartialEq, Default)]
struct Fences {
    all: Vec<Fence>,
    cells: HashMap<(i32, i32), Vec<u32>>,
    large: Vec<u32>,
    by_name: BTreeMap<Text, u32>,
}

/// What is believed of a device and an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Visit {
    inside: bool,
    /// When the last fix said otherwise [ms].
    doubt: Option<i64>,
}

/// A device with the areas it is in, or may be.
#[derive(Debug, Clone, PartialEq, Default)]
struct Visitor {
    /// Its last place [ms].
    heard: i64,
    place: (f64, f64),
    visits: Vec<(u32, Visit)>,
}

/// The areas of a partition and its devices in them.
#[derive(Debug)]
pub(super) struct Visitors {
    fences: Arc<Fences>,
    known: HashMap<DeviceId, Visitor>,
    visits: usize,
    /// Visits that could not be followed.
    pub(super) crowded: u64,
}

/// What a checkpoint keeps of visitors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct VisitorsState {
    crowded: u64,
    known: Vec<VisitorState>,
}

/// Device, last heard [ms], last place, and its areas by name.
type VisitorState = (String, i64, (f64, f64), Vec<(Text, Visit)>);

impl Visitors {
    pub(super) fn new(areas: &[Geofence]) -> Self {
        Self { fences: Arc::new(Fences::new(areas)), known: HashMap::new(), visits: 0, crowded: 0 }
    }

    /// A device tells its place [deg] at an instant [ms]; what that changes.
    pub(super) fn see(&mut self, device: &DeviceId, told: &Sighting<'_>, mut tell: impl FnMut(News)) {
        if self.fences.all.is_empty() {
            return;
        }
        let fences = Arc::clone(&self.fences);
        let near = fences.near(told.latitude, told.longitude);
        let Some(visitor) = self.known.get_mut(device) else {
            let visits: Vec<_> = near.filter_map(|at| fences.first(at, told)).collect();
            if !visits.is_empty() && self.visits + visits.len() > VISITS_MAX {
                self.crowded += 1;
            } else if !visits.is_empty() {
                self.visits += visits.len();
                let place = (told.latitude, told.longitude);
                self.known.insert(device.clone(), Visitor { heard: told.at, place, visits });
            }
            return;
        };
        if told.at < visitor.heard {
            return;
        }
        let before = visitor.visits.len();
        for (at, visit) in &mut visitor.visits {
            let fence = &fences.all[*at as usize];
            if let Some(changed) = visit.see(fence.side(told.latitude, told.longitude), told.at) {
                tell(crossing(device, fence, told, changed, visit.inside));
            }
        }
        for at in near {
            if visitor.visits.iter().all(|visit| visit.0 != at)
                && let Some(visit) = fences.first(at, told)
            {
                if self.visits + visitor.visits.len() - before < VISITS_MAX {
                    visitor.visits.push(visit);
                } else {
                    self.crowded += 1;
                }
            }
        }
        visitor.visits.retain(|(_, visit)| visit.inside || visit.doubt.is_some());
        visitor.visits.sort_unstable_by_key(|visit| visit.0);
        (visitor.heard, visitor.place) = (told.at, (told.latitude, told.longitude));
        let after = visitor.visits.len();
        self.visits = self.visits + after - before;
        if after == 0 {
            self.known.remove(device);
        }
    }

    /// Lets go who has told no place for too long before an instant [ms].
    pub(super) fn let_go(&mut self, now: i64, mut tell: impl FnMut(News)) {
        let lost = |visitor: &Visitor| now.saturating_sub(visitor.heard) >= LOST_AFTER;
        let mut gone: Vec<DeviceId> =
            self.known.iter().filter(|(_, visitor)| lost(visitor)).map(|(id, _)| id.clone()).collect();
        gone.sort();
        for device in gone {
            let Some(visitor) = self.known.remove(&device) else { continue };
            self.visits -= visitor.visits.len();
            for (at, _) in visitor.visits.iter().filter(|(_, visit)| visit.inside) {
                let name = &self.fences.all[*at as usize].area.name;
                let minutes = LOST_AFTER / 60_000;
                let says = format!("{device} in {name} has not told its place for {minutes} min");
                tell(News {
                    geofence: Some(Text::clone(name)),
                    status: Some(Text::from("lost")),
                    place: Some(visitor.place),
                    ..News::new(EventKind::GeofenceLeft, now, device.as_str(), says)
                });
            }
        }
    }

    pub(super) fn state(&self) -> VisitorsState {
        let name = |at: u32| Text::clone(&self.fences.all[at as usize].area.name);
        let mut known: Vec<_> = self
            .known
            .iter()
            .map(|(id, one)| {
                let visits = one.visits.iter().map(|(at, visit)| (name(*at), *visit)).collect();
                (id.to_string(), one.heard, one.place, visits)
            })
            .collect();
        known.sort_by(|a, b| a.0.cmp(&b.0));
        VisitorsState { crowded: self.crowded, known }
    }

    /// Takes over what a checkpoint kept, as far as its areas are still there; none if a device is none.
    pub(super) fn restore(&mut self, state: VisitorsState) -> Option<()> {
        self.crowded = state.crowded;
        for (id, heard, place, visits) in state.known {
            let found = |(name, visit): (Text, Visit)| Some((*self.fences.by_name.get(&name)?, visit));
            let mut visits: Vec<(u32, Visit)> = visits.into_iter().filter_map(found).collect();
            visits.sort_unstable_by_key(|visit| visit.0);
            if !visits.is_empty() {
                self.visits += visits.len();
                self.known.insert(id.parse().ok()?, Visitor { heard, place, visits });
            }
        }
        Some(())
    }
}

/// A place that a device told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting<'a> {
    pub(super) kind: ReadingKind,
    /// The vehicle's class in SUMO's words, if it is known.
    pub(super) class: Option<&'a str>,
    /// When [ms].
    pub(super) at: i64,
    /// [deg]
    pub(super) latitude: f64,
    /// [deg]
    pub(super) longitude: f64,
}

impl Visit {
    /// A fix on one side of the border; when it came there, if that is now believed.
    fn see(&mut self, inside: Option<bool>, at: i64) -> Option<i64> {
        let inside = inside?;
        if inside == self.inside {
            self.doubt = None;
            return None;
        }
        match self.doubt.take() {
            None => {
                self.doubt = Some(at);
                None
            }
            Some(first) => {
                self.inside = inside;
                Some(first)
            }
        }
    }
}

fn crossing(device: &DeviceId, fence: &Fence, told: &Sighting<'_>, at: i64, inside: bool) -> News {
    let name = &fence.area.name;
    let (kind, verb) = if inside { (EventKind::GeofenceEntered, "entered") } else { (EventKind::GeofenceLeft, "left") };
    News {
        geofence: Some(Text::clone(name)),
        place: Some((told.latitude, told.longitude)),
        ..News::new(kind, at, device.as_str(), format!("{device} {verb} {name}"))
    }
}

/// The number of the cell that holds an angle [deg].
#[expect(clippy::cast_possible_truncation, reason = "angles are at most 360 degrees")]
fn cell(degrees: f64) -> i32 {
    libm::floor(degrees / CELL) as i32
}

impl Fences {
    fn new(areas: &[Geofence]) -> Self {
        let mut fences = Self::default();
        for (number, area) in (0_u32..).zip(areas) {
            let fence = Fence::new(area.clone());
            let (low, high) = ((cell(fence.low.0), cell(fence.low.1)), (cell(fence.high.0), cell(fence.high.1)));
            let span = |low: i32, high: i32| i64::from(high) - i64::from(low) + 1;
            if span(low.0, high.0).saturating_mul(span(low.1, high.1)) > CELLS_MAX {
                fences.large.push(number);
            } else {
                for at in (low.0..=high.0).flat_map(|row| (low.1..=high.1).map(move |column| (row, column))) {
                    fences.cells.entry(at).or_default().push(number);
                }
            }
            fences.by_name.insert(Text::clone(&area.name), number);
            fences.all.push(fence);
        }
        fences
    }

    /// Areas whose box holds a place [deg].
    fn near(&self, latitude: f64, longitude: f64) -> impl Iterator<Item = u32> + '_ {
        let held = self.cells.get(&(cell(latitude), cell(longitude))).map_or(&[][..], Vec::as_slice);
        held.iter().chain(&self.large).copied().filter(move |&at| {
            let fence = &self.all[at as usize];
            (fence.low.0..=fence.high.0).contains(&latitude) && (fence.low.1..=fence.high.1).contains(&longitude)
        })
    }

    /// The visit that a first fix in an area begins.
    fn first(&self, at: u32, told: &Sighting<'_>) -> Option<(u32, Visit)> {
        let fence = &self.all[at as usize];
        let counts = fence.area.kinds.contains(&told.kind)
            && (fence.area.classes.is_empty()
                || told.class.is_some_and(|class| fence.area.classes.iter().any(|one| &**one == class)));
        let inside = counts && fence.side(told.latitude, told.longitude) == Some(true);
        inside.then_some((at, Visit { inside: false, doubt: Some(told.at) }))
    }
}

impl Fence {
    fn new(area: Geofence) -> Self {
        let per_metre = 1.0 / (EARTH * std::f64::consts::PI / 180.0);
        let (mut low, mut high, band);
        match &area.shape {
            Shape::Circle { latitude, longitude, radius } => {
                (low, high) = ((*latitude, *longitude), (*latitude, *longitude));
                grow(&mut low, &mut high, radius * per_metre);
                band = (radius / 4.0).min(BAND);
            }
            Shape::Polygon(ring) => {
                (low, high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
                for &(latitude, longitude) in ring {
                    low = (low.0.min(latitude), low.1.min(longitude));
                    high = (high.0.max(latitude), high.1.max(longitude));
                }
                band = narrowness(ring).min(BAND);
            }
        }
        grow(&mut low, &mut high, BAND * per_metre);
        Self { area, low, high, band }
    }

    /// Whether a place [deg] is inside, or outside; none within the band along the border.
    fn side(&self, latitude: f64, longitude: f64) -> Option<bool> {
        let outside_box =
            !(self.low.0..=self.high.0).contains(&latitude) || !(self.low.1..=self.high.1).contains(&longitude);
        if outside_box {
            return Some(false);
        }
        let within = match &self.area.shape {
            Shape::Circle { latitude: lat, longitude: lon, radius } => {
                let (east, north) = plane((latitude, longitude), (*lat, *lon));
                radius - libm::sqrt(east * east + north * north)
            }
            Shape::Polygon(ring) => depth(ring, (latitude, longitude)),
        };
        (within.abs() >= self.band).then_some(within > 0.0)
    }
}

/// Makes a box larger by so many degrees of a great circle; by more of longitude where meridians are close.
fn grow(low: &mut (f64, f64), high: &mut (f64, f64), degrees: f64) {
    let farthest = (low.0.abs().max(high.0.abs()) + degrees).min(89.0);
    let east = degrees / libm::cos(farthest.to_radians());
    (low.0, low.1) = (low.0 - degrees, low.1 - east);
    (high.0, high.1) = (high.0 + degrees, high.1 + east);
}

/// Where a place lies from another, east and north [m]; on the plane through the middle latitude, the short way around the earth.
fn plane(place: (f64, f64), from: (f64, f64)) -> (f64, f64) {
    let turn = place.1 - from.1;
    let turn = turn - 360.0 * libm::round(turn / 360.0);
    let middle = f64::midpoint(place.0, from.0).to_radians();
    (turn.to_radians() * libm::cos(middle) * EARTH, (place.0 - from.0).to_radians() * EARTH)
}

/// The sides of a ring around a place, each as its two ends east and north of it [m].
fn sides(ring: &[(f64, f64)], place: (f64, f64)) -> impl Iterator<Item = ((f64, f64), (f64, f64))> + '_ {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(move |(a, b)| (plane(*a, place), plane(*b, place)))
}

/// How deep inside a ring a place is [m]; negative outside. Inside is what a ray meets the border of an odd number of times from
/// (even-odd rule; Shimrat 1962, "Algorithm 112: position of point relative to polygon", CACM 5).
fn depth(ring: &[(f64, f64)], place: (f64, f64)) -> f64 {
    let (mut inside, mut nearest) = (false, f64::MAX);
    for (a, b) in sides(ring, place) {
        if (a.1 > 0.0) != (b.1 > 0.0) && a.0 + (b.0 - a.0) * (0.0 - a.1) / (b.1 - a.1) > 0.0 {
            inside = !inside;
        }
        let along = (b.0 - a.0, b.1 - a.1);
        let squared = along.0 * along.0 + along.1 * along.1;
        let t = if squared > 0.0 { (-(a.0 * along.0 + a.1 * along.1) / squared).clamp(0.0, 1.0) } else { 0.0 };
        let (x, y) = (a.0 + t * along.0, a.1 + t * along.1);
        nearest = nearest.min(x * x + y * y);
    }
    let distance = libm::sqrt(nearest);
    if inside { distance } else { -distance }
}

/// Half the ratio of a ring's area to its circumference [m]: a quarter of the width of a long one.
fn narrowness(ring: &[(f64, f64)]) -> f64 {
    let Some(&first) = ring.first() else { return 0.0 };
    let (mut twice, mut round) = (0.0, 0.0);
    for (a, b) in sides(ring, first) {
        twice += a.0 * b.1 - b.0 * a.1;
        round += libm::sqrt((b.0 - a.0).powi(2) + (b.1 - a.1).powi(2));
    }
    if round > 0.0 { twice.abs() / 4.0 / round } else { 0.0 }
}

#[cfg(test)]
#[path = "visitors/tests.rs"]
mod tests;
