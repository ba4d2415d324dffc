//! The rules of measures that build or change signals: quantities read, bounds held.
//!
//! Whether a junction exists, and whether its plan fits it, is found when a variant is laid out on the map.

use super::check::Checker;
use super::measures_file::{AddLaneKey, CoordinateKey, MeasureKey, RemoveLaneKey, RetimeKey, TimeKeys};
use super::quantity::{At, WrittenDuration};
use crate::city::intervention::{Deed, LaneWish, Written};
use crate::primitives::{ClassSet, Distance, SimDuration};

/// The most signals of one measure.
const SIGNALS_MAX: usize = 100;

impl Checker<'_> {
    /// A measure that always holds once it is built.
    pub(super) fn building(&mut self, measure: &At<MeasureKey>, key: &MeasureKey) -> Option<Deed> {
        match key {
            MeasureKey::AddLane(key) => self.add_lane(measure, key),
            MeasureKey::RemoveLane(key) => self.remove_lane(measure, key),
            MeasureKey::AllowTurn(key) => {
                let (out_of, into) = (self.one_road(&key.out_of), self.one_road(&key.into));
                Some(Deed::AllowTurn { out_of: out_of?, into: into? })
            }
            MeasureKey::RetimeSignal(key) => self.retime(key),
            MeasureKey::CoordinateSignals(key) => self.coordinate(key),
            MeasureKey::MakeAdaptive(key) => {
                let signals = self.signals(&key.signals, 1)?;
                let gap_max = match &key.gap {
                    Some(gap) => self.span(gap, "`gap`", 0.5, 20.0)?,
                    None => SimDuration::seconds(3.0),
                };
                Some(Deed::Adaptive { signals, gap_max })
            }
            MeasureKey::AddSignal(key) => {
                let adaptive = key.adaptive.as_ref().is_some_and(|adaptive| adaptive.value);
                Some(Deed::AddSignal { junction: self.written(&key.junction)?, adaptive })
            }
            MeasureKey::Roundabout(key) => {
                let radius = match &key.radius {
                    Some(radius) => {
                        let read = self.read(radius.spot, radius.value.read())?;
                        self.within(radius.spot, "`radius`", read.as_metres(), 8.0, 60.0, "m").then_some(read)?
                    }
                    None => Distance::metres(15.0),
                };
                Some(Deed::Roundabout { junction: self.written(&key.junction)?, radius })
            }
            other => self.travelling(measure, other),
        }
    }

    /// What is built stands all day.
    fn untimed(&mut self, times: TimeKeys<'_>) {
        if let Some(key) = times.from.or(times.to) {
            self.wrong(
                key.spot,
                "what is built stands all day",
                "leave `from` and `to` out; rules such as `reserve-lane` can be timed",
            );
        }
    }

    fn add_lane(&mut self, measure: &At<MeasureKey>, key: &AddLaneKey) -> Option<Deed> {
        self.untimed(key.times());
        let roads = self.roads(measure, key.choice());
        let kerb = match key.lane.as_ref().map(|lane| (lane, lane.value.trim())) {
            None | Some((_, "middle")) => false,
            Some((_, "kerb")) => true,
            Some((lane, other)) => {
                let message = format!("a lane cannot be added at `{other}`");
                self.wrong(lane.spot, message, "`kerb` or `middle`");
                return None;
            }
        };
        let allow = match &key.allow {
            Some(list) => self.classes(Some(list))?,
            None => ClassSet::EMPTY,
        };
        Some(Deed::AddLane { roads: roads?, kerb, allow })
    }

    fn remove_lane(&mut self, measure: &At<MeasureKey>, key: &RemoveLaneKey) -> Option<Deed> {
        self.untimed(key.times());
        let roads = self.roads(measure, key.choice());
        let lane = match &key.lane {
            Some(lane) => self.lane_wish(Some(lane))?,
            None => LaneWish::Middle,
        };
        Some(Deed::RemoveLane { roads: roads?, lane })
    }

    fn retime(&mut self, key: &RetimeKey) -> Option<Deed> {
        let signal = self.written(&key.signal)?;
        let cycle = match &key.cycle {
            Some(cycle) => Some(self.span(cycle, "`cycle`", 20.0, 300.0)?),
            None => None,
        };
        let offset = match &key.offset {
            Some(offset) => Some(self.span(offset, "`offset`", -300.0, 300.0)?),
            None => None,
        };
        let mut greens = Vec::new();
        for green in key.greens.iter().flat_map(|greens| &greens.value) {
            greens.push(self.span(green, "a green", 1.0, 300.0)?);
        }
        if cycle.is_none() && offset.is_none() && greens.is_empty() {
            self.wrong(key.signal.spot, "the plan is not changed", "give `cycle`, `greens` or `offset`");
            return None;
        }
        Some(Deed::Retime { signal, cycle, greens, offset })
    }

    fn coordinate(&mut self, key: &CoordinateKey) -> Option<Deed> {
        let signals = self.signals(&key.signals, 2)?;
        let speed = self.read(key.speed.spot, key.speed.value.read())?;
        let fits = self.within(key.speed.spot, "`speed`", speed.as_kilometres_per_hour(), 10.0, 100.0, "km/h");
        let cycle = match &key.cycle {
            Some(cycle) => Some(self.span(cycle, "`cycle`", 20.0, 300.0)?),
            None => None,
        };
        fits.then_some(Deed::Coordinate { signals, speed, cycle })
    }

    fn signals(&mut self, list: &At<Vec<At<String>>>, least: usize) -> Option<Vec<Written>> {
        if !(least..=SIGNALS_MAX).contains(&list.value.len()) {
            let message = format!("{} signals are too few or too many", list.value.len());
            self.wrong(list.spot, message, format!("from {least} to {SIGNALS_MAX}"));
            return None;
        }
        list.value.iter().map(|name| self.written(name)).collect()
    }

    /// A text that is not empty.
    pub(super) fn written(&mut self, key: &At<String>) -> Option<Written> {
        let text = key.value.trim().to_owned();
        if text.is_empty() {
            self.wrong(key.spot, "the name is empty", "write the id of the map, or two streets that meet there");
            return None;
        }
        Some(Written { text, place: key.spot.of_file(self.place) })
    }

    /// A duration within bounds [s].
    pub(super) fn span(&mut self, key: &At<WrittenDuration>, what: &str, low: f64, high: f64) -> Option<SimDuration> {
        let span = self.read(key.spot, key.value.read())?;
        self.within(key.spot, what, span.as_seconds(), low, high, "s").then_some(span)
    }
}
