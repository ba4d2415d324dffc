//! The key `parking` of a scenario and the measure of that name: places at the kerb, and what they cost.
//!
//! Which roads are meant is found when they are laid out on the map.

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::measures_file::{AreaKey, LineKey, MeasureKey, RoadKeys, TimeKeys, on_roads};
use super::quantity::{At, WrittenClock, WrittenDistance, WrittenDuration, WrittenShare, WrittenSpeed};
use crate::city::intervention::parking::{Kerb, KerbTerms, Parking, Places};
use crate::city::intervention::{Deed, Intervention};
use crate::primitives::text::Problem;
use crate::primitives::{Distance, Speed};

/// The most places along one road.
const PLACES_MAX: u32 = 10_000;
/// The most entries that say what holds along kerbs.
const KERBS_MAX: usize = 1000;

/// Places at the kerb, how long cars stay there, and what drivers make of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ParkingSupplyKey {
    /// How long a car stays on average; stays are distributed exponentially.
    pub stay: At<WrittenDuration>,
    /// What an hour is worth to a driver, in the money of the prices.
    pub value_of_time: At<f64>,
    /// The farthest that anybody walks from its place.
    pub farthest: At<WrittenDistance>,
    /// How fast one walks. 5 km/h unless given.
    pub walking: Option<At<WrittenSpeed>>,
    /// Share of the places that are taken when the run begins. 0 % unless given.
    pub taken: Option<At<WrittenShare>>,
    /// What holds along which kerbs; where several say something of one road, the last of them counts.
    pub kerbs: At<Vec<At<KerbKey>>>,
}

on_roads! {
    /// Places along some roads.
    KerbKey {
        /// How many places there are along each road, which is one direction of a street between two junctions. Give this or `bay`.
        places: Option<At<u32>>,
        /// How long a place is: there are as many as fit into the length of the road. Give this or `places`.
        bay: Option<At<WrittenDistance>>,
        /// Price of an hour, in any money. 0 unless given.
        price: Option<At<f64>>,
        /// Share of the trips by car that end there and look for a place at the kerb; the others have a place of their own. 100 %
        /// unless given.
        share: Option<At<WrittenShare>>,
    }
}

on_roads! {
    /// Other places at the kerb, or another price for them; needs `parking` of the scenario.
    ParkingKey {
        /// How many places there are along each road. As it is unless given.
        places: Option<At<u32>>,
        /// How long a place is: there are as many as fit into the length of the road. As it is unless given.
        bay: Option<At<WrittenDistance>>,
        /// Price of an hour, in the money of `value-of-time`. As it is unless given.
        price: Option<At<f64>>,
        /// How the number of trips answers to what parking costs: the exponent of the cost of a trip, from -10 to 0. With 0 nobody stays
        /// at home. Needed with `price`, else 0 unless given.
        elasticity: Option<At<f64>>,
    }
}

/// What is said of kerbs, in a scenario or in a measure.
struct Said<'a> {
    roads: RoadKeys<'a>,
    places: Option<&'a At<u32>>,
    bay: Option<&'a At<WrittenDistance>>,
    price: Option<&'a At<f64>>,
    share: Option<&'a At<WrittenShare>>,
}

impl Checker<'_> {
    /// Parking as the scenario describes it.
    pub(super) fn parking(&mut self, key: Option<&At<ParkingSupplyKey>>) -> Option<Parking> {
        let At { value, spot } = key?;
        let stay = self.span(&value.stay, "`stay`", 60.0, 604_800.0);
        let hour = self.number_of(&value.value_of_time, "`value-of-time`", 0.01, 1e6, "");
        let farthest = self.length(&value.farthest, "`farthest`", 10.0, 5000.0);
        let walking = match &value.walking {
            Some(key) => self
                .read(key.spot, key.value.read())
                .filter(|speed| self.within(key.spot, "`walking`", speed.as_kilometres_per_hour(), 1.0, 10.0, "km/h")),
            None => Some(Speed::kilometres_per_hour(5.0)),
        };
        let taken = match &value.taken {
            Some(share) => self.share(Some(share), "`taken`"),
            None => Some(0.0),
        };
        let list = &value.kerbs.value;
        if list.is_empty() || list.len() > KERBS_MAX {
            let help = format!("from 1 to {KERBS_MAX} entries, for example `- {{road: High Street, places: 12}}`");
            self.wrong(value.kerbs.spot, "`kerbs` is empty or too long", help);
            return None;
        }
        let kerbs: Vec<Option<Kerb>> = list.iter().map(|kerb| self.kerb(kerb)).collect();
        Some(Parking {
            place: spot.of_file(self.place),
            stay: stay?,
            hour: hour?,
            walking: walking?,
            farthest: farthest?,
            taken: taken?,
            kerbs: kerbs.into_iter().collect::<Option<Vec<_>>>()?,
        })
    }

    fn kerb(&mut self, kerb: &At<KerbKey>) -> Option<Kerb> {
        let key = &kerb.value;
        let said = Said {
            roads: key.choice(),
            places: key.places.as_ref(),
            bay: key.bay.as_ref(),
            price: key.price.as_ref(),
            share: key.share.as_ref(),
        };
        let terms = self.terms(kerb, &said)?;
        let TimeKeys { from, to } = key.times();
        let window = self.window(TimeKeys { from, to }).ok()?;
        Some(Kerb { place: kerb.spot.of_file(self.place), window, terms })
    }

    /// The measure.
    pub(super) fn parking_measure(&mut self, measure: &At<MeasureKey>, key: &ParkingKey) -> Option<Deed> {
        let said = Said {
            roads: key.choice(),
            places: key.places.as_ref(),
            bay: key.bay.as_ref(),
            price: key.price.as_ref(),
            share: None,
        };
        let terms = self.terms(measure, &said);
        let elasticity = match (&key.elasticity, &key.price) {
            (Some(key), _) => self.number_of(key, "`elasticity`", -10.0, 0.0, "")?,
            (None, None) => 0.0,
            (None, Some(price)) => {
                let help =
                    "add `elasticity`: the exponent of the cost of a trip, from -10 to 0, where nobody stays at home";
                self.wrong(price.spot, "a price changes how many trips are made, and nothing says how", help);
                return None;
            }
        };
        Some(Deed::Park { terms: terms?, elasticity })
    }

    fn terms<T>(&mut self, entry: &At<T>, said: &Said<'_>) -> Option<KerbTerms> {
        let roads = self.roads(entry, said.roads);
        if let (Some(_), Some(bay)) = (said.places, said.bay) {
            self.wrong(bay.spot, "`places` and `bay` both say how many places there are", "give one of them");
            return None;
        }
        if said.places.is_none() && said.bay.is_none() && said.price.is_none() && said.share.is_none() {
            self.wrong(entry.spot, "this says nothing of parking", "give `places`, `bay` or `price`");
            return None;
        }
        let mut places = None;
        if let Some(key) = said.places {
            if key.value > PLACES_MAX {
                let message = format!("`places` cannot be {}", key.value);
                self.wrong(key.spot, message, format!("from 0 to {PLACES_MAX} along one road"));
                return None;
            }
            places = Some(Places::Each(key.value));
        }
        if let Some(key) = said.bay {
            places = Some(Places::Bay(self.length(key, "`bay`", 2.0, 30.0)?));
        }
        let price = match said.price {
            Some(key) => Some(self.number_of(key, "`price`", 0.0, 1e6, "")?),
            None => None,
        };
        let share = match said.share {
            Some(key) => Some(self.share(Some(key), "`share`")?),
            None => None,
        };
        Some(KerbTerms { roads: roads?, places, price, share })
    }

    fn number_of(&mut self, key: &At<f64>, what: &str, low: f64, high: f64, unit: &str) -> Option<f64> {
        self.within(key.spot, what, key.value, low, high, unit).then_some(key.value)
    }

    fn length(&mut self, key: &At<WrittenDistance>, what: &str, low: f64, high: f64) -> Option<Distance> {
        let length = self.read(key.spot, key.value.read())?;
        self.within(key.spot, what, length.as_metres(), low, high, "m").then_some(length)
    }

    /// Refuses measures on parking where nothing is said of parking.
    pub(super) fn parking_is_known(&mut self, interventions: &[Intervention]) {
        if self.with_parking {
            return;
        }
        for measure in interventions.iter().flat_map(|one| &one.measures) {
            if matches!(measure.deed, Deed::Park { .. }) {
                let message = "the scenario says nothing of parking, so there is nothing to change";
                let help = "add `parking`: what there is today, with `stay`, `value-of-time`, `farthest` and `kerbs`";
                self.complain(Problem::new(measure.place.clone(), message).help(help));
            }
        }
    }
}
