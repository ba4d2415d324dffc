//! What happens in the city, laid out on its roads and hospitals.
//!
//! Held against the same rules as a change that somebody makes at a desk, so that nothing is refused in the middle of a drill that a
//! check could have told before.

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::Effect;
use super::injects::Injects;
use super::keys::{BaysKey, CallKey, CategoryKey, EffectKey, IncidentKey, IncidentKindKey};
use super::raw::{Cell, Origin, RawEffect};
use crate::city::emergency::{car_lanes, kerb_spot, usual_length};
use crate::city::network::Network;
use crate::city::scenario::quantity::{At, WrittenShare};
use crate::primitives::ids::EdgeId;
use crate::primitives::text::closest;
use crate::primitives::{Category, IncidentKind};
use crate::simulation::change::Change;

/// How long an incident may last [s].
const DURATION: std::ops::RangeInclusive<f64> = 10.0..=86_400.0;
/// The most people that may be hurt in one.
const CASUALTIES_MAX: u32 = 50;
/// The most bays of a hospital.
const BAYS_MAX: u32 = 50;

impl Injects<'_> {
    /// Adds what an effect does.
    pub(super) fn effect(&mut self, written: &RawEffect, numbers: &BTreeMap<String, usize>, to: &mut Vec<Effect>) {
        let cell = |key: &At<String>| Cell { text: key.value.trim().to_owned(), origin: written.at(key.spot) };
        match &written.key {
            EffectKey::CloseRoad(road) => {
                let roads = self.whole_road(&cell(road));
                to.extend(roads.into_iter().map(|road| Effect::City(Change::CloseRoad { road })));
            }
            EffectKey::OpenRoad(road) => {
                let roads = self.whole_road(&cell(road));
                to.extend(roads.into_iter().map(|road| Effect::City(Change::OpenRoad { road })));
            }
            EffectKey::Incident(key) => to.extend(self.incident(written, key).map(Effect::City)),
            EffectKey::Clear(id) => {
                to.extend(self.cleared(&cell(id), numbers).map(|inject| Effect::Clear { inject }));
            }
            EffectKey::Call(key) => to.extend(self.call(written, key).map(Effect::City)),
            EffectKey::Bays(key) => to.extend(self.bays(written, key)),
        }
    }

    fn wrong(&mut self, origin: &Origin, message: impl AsRef<str>, help: impl Into<String>) {
        self.findings.problem(origin.wrong(message, help));
    }

    fn no_road(&mut self, cell: &Cell, network: &Network) {
        let names: BTreeSet<&str> = network
            .roads()
            .flat_map(|(_, edge)| edge.street.as_deref().into_iter().chain(std::iter::once(edge.name.as_str())))
            .collect();
        let help = closest(&cell.text, names.iter().copied())
            .map_or_else(|| "name an edge of the map or a street".to_owned(), |name| format!("did you mean `{name}`?"));
        self.wrong(&cell.origin, format!("there is no road `{}`", cell.text), help);
    }

    /// An edge, or every edge of a street.
    fn whole_road(&mut self, cell: &Cell) -> Vec<EdgeId> {
        let Some(city) = self.city else { return Vec::new() };
        let network = &city.network;
        if let Some(edge) = edge_named(network, &cell.text) {
            return vec![edge];
        }
        let street = network.roads().filter(|(_, edge)| edge.street.as_deref() == Some(cell.text.as_str()));
        let roads: Vec<EdgeId> = street.map(|(id, _)| id).collect();
        if roads.is_empty() {
            self.no_road(cell, network);
        }
        roads
    }

    /// An edge, or the longest edge of a street; the first of those alike.
    fn one_road(&mut self, cell: &Cell) -> Option<EdgeId> {
        let network = &self.city?.network;
        let found = edge_named(network, &cell.text).or_else(|| {
            let mut longest: Option<EdgeId> = None;
            for (id, edge) in network.roads().filter(|(_, edge)| edge.street.as_deref() == Some(cell.text.as_str())) {
                if longest.is_none_or(|best| edge.length > network.edge(best).length) {
                    longest = Some(id);
                }
            }
            longest
        });
        if found.is_none() {
            self.no_road(cell, network);
        }
        found
    }

    /// A share of a road's length.
    fn share(&mut self, written: &RawEffect, key: Option<&At<WrittenShare>>) -> Option<f64> {
        let Some(key) = key else { return Some(0.5) };
        match key.value.read() {
            Ok(share) if (0.0..=1.0).contains(&share) => Some(share),
            Ok(_) => {
                self.wrong(
                    &written.at(key.spot),
                    "this is not on the road",
                    "from 0 % at its start to 100 % at its end",
                );
                None
            }
            // The grammar has told it.
            Err(_) => None,
        }
    }

    /// Whether ambulances get to a place on a road.
    fn helped(&mut self, cell: &Cell, road: EdgeId, share: f64) -> bool {
        let Some(city) = self.city else { return true };
        let edge = city.network.edge(road);
        let there = kerb_spot(&city.network, road, edge.length * share).is_some();
        if !there {
            let message = format!("ambulances cannot use `{}`", edge.name);
            self.wrong(&cell.origin, message, "choose a road beside it");
        }
        there
    }

    fn incident(&mut self, written: &RawEffect, key: &IncidentKey) -> Option<Change> {
        let cell = Cell { text: key.road.value.trim().to_owned(), origin: written.at(key.road.spot) };
        let kind = match key.kind.as_ref().map_or(IncidentKindKey::Breakdown, |kind| kind.value) {
            IncidentKindKey::Crash => IncidentKind::Crash,
            IncidentKindKey::Breakdown => IncidentKind::Breakdown,
            IncidentKindKey::Roadworks => IncidentKind::Roadworks,
            IncidentKindKey::Obstruction => IncidentKind::Obstruction,
        };
        let share = self.share(written, key.position.as_ref());
        let duration = key.duration.value.read().ok();
        if duration.is_some_and(|duration| !DURATION.contains(&duration.as_seconds())) {
            self.wrong(&written.at(key.duration.spot), "no incident lasts so long", "from 10 s to 1 d");
        }
        let casualties = key.casualties.as_ref().map_or(0, |key| key.value);
        if let Some(key) = key.casualties.as_ref().filter(|key| key.value > CASUALTIES_MAX) {
            let message = format!("{casualties} people cannot be hurt at once");
            self.wrong(&written.at(key.spot), message, format!("at most {CASUALTIES_MAX}"));
        }
        let road = self.one_road(&cell)?;
        let network = &self.city?.network;
        let edge = network.edge(road);
        let lanes = key.lanes.as_ref().map_or(1, |lanes| lanes.value);
        let (have, name) = (car_lanes(network, road).len(), edge.name.clone());
        let (length, takes) = (edge.length, usual_length(kind));
        if lanes == 0 || lanes as usize > have {
            let spot = key.lanes.as_ref().map_or(key.road.spot, |lanes| lanes.spot);
            let message = format!("`{name}` has no {lanes} lane(s) to block");
            self.wrong(&written.at(spot), message, format!("it has {have} lane(s) for cars"));
        }
        if takes > length {
            let (takes, length) = (takes.as_metres(), length.as_metres());
            let message = format!("{kind} takes up {takes:.0} m and `{name}` has {length:.0} m");
            self.wrong(&cell.origin, message, "choose a longer road");
        }
        let share = share?;
        if casualties > 0 {
            self.helped(&cell, road, share);
        }
        let position = key.position.as_ref().map(|_| length * share);
        Some(Change::Incident { road, kind, position, lanes, duration: duration?, casualties })
    }

    fn call(&mut self, written: &RawEffect, key: &CallKey) -> Option<Change> {
        let cell = Cell { text: key.road.value.trim().to_owned(), origin: written.at(key.road.spot) };
        let share = self.share(written, key.position.as_ref());
        let category = match key.category.value {
            CategoryKey::C1 => Category::C1,
            CategoryKey::C2 => Category::C2,
            CategoryKey::C3 => Category::C3,
            CategoryKey::C4 => Category::C4,
        };
        let road = self.one_road(&cell)?;
        let share = share?;
        if !self.helped(&cell, road, share) {
            return None;
        }
        let length = self.city?.network.edge(road).length;
        Some(Change::Call { road, position: key.position.as_ref().map(|_| length * share), category })
    }

    fn bays(&mut self, written: &RawEffect, key: &BaysKey) -> Option<Effect> {
        let cell = Cell { text: key.hospital.value.trim().to_owned(), origin: written.at(key.hospital.spot) };
        let bays = key.bays.value;
        if !(1..=BAYS_MAX).contains(&bays) {
            let help = format!("from 1 to {BAYS_MAX}; who waits there would wait for ever at a hospital without any");
            self.wrong(&written.at(key.bays.spot), format!("a hospital cannot have {bays} bays"), help);
        }
        self.hospital(&cell, &cell.text).map(|hospital| Effect::Bays { hospital, bays })
    }
}

fn edge_named(network: &Network, name: &str) -> Option<EdgeId> {
    network.find_edge(name).filter(|edge| !network.edge(*edge).is_internal())
}
