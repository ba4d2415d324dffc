//! The rules of measures that change who travels, and what the day is like.
//!
//! Weather and incidents are read as everywhere else in the file; the measure only says in which variant they are.

use super::check::Checker;
use super::measures_file::{
    AddLineKey, AdviceKey, AdviceTimesKey, ChangeLineKey, CongestionChargeKey, MeasureKey, RoadKeys,
};
use super::quantity::At;
use crate::city::intervention::{AdviceTimes, Deed, RoadChoice};
use crate::primitives::{ClassSet, SimDuration};

/// The most days to learn on: each is a whole run.
const DAYS_MAX: u32 = 30;
/// The most trips a development may draw.
const TRIPS_MAX: u32 = 1_000_000;

/// Whether anything chooses roads.
pub(super) fn chooses(keys: RoadKeys<'_>) -> bool {
    keys.road.is_some() || keys.roads.is_some() || keys.within.is_some() || keys.along.is_some()
}

impl Checker<'_> {
    /// By which travel times advice is given.
    fn advice_times(&mut self, key: &AdviceKey) -> Option<AdviceTimes> {
        let predicted = key.times.as_ref().is_some_and(|times| times.value == AdviceTimesKey::Predicted);
        let days = key.days.as_ref().map_or(3, |days| days.value);
        if let Some(key) = &key.days {
            if !predicted {
                self.wrong(key.spot, "without `times: predicted` this changes nothing", "add it, or remove `days`");
                return None;
            }
            if !(1..=DAYS_MAX).contains(&days) {
                let message = format!("predictions cannot be learnt on {days} days");
                self.wrong(key.spot, message, format!("from 1 to {DAYS_MAX}; each is a whole run"));
                return None;
            }
        }
        Some(if predicted { AdviceTimes::Predicted { days } } else { AdviceTimes::Live })
    }

    /// A measure on the demand.
    pub(super) fn travelling(&mut self, measure: &At<MeasureKey>, key: &MeasureKey) -> Option<Deed> {
        match key {
            MeasureKey::ScaleDemand(key) => {
                let roads: Option<RoadChoice> =
                    if chooses(key.choice()) { Some(self.roads(measure, key.choice())?) } else { None };
                let classes = match &key.classes {
                    Some(list) => self.classes(Some(list))?,
                    None => ClassSet::EMPTY,
                };
                let fits = self.within(key.factor.spot, "`factor`", key.factor.value, 0.0, 10.0, "times");
                fits.then_some(Deed::Scale { factor: key.factor.value, roads, classes })
            }
            MeasureKey::NewDevelopment(key) => {
                let roads = self.roads(measure, key.choice());
                let leaving = match &key.leaving {
                    Some(share) => self.share(Some(share), "`leaving`")?,
                    None => 0.5,
                };
                if !(1..=TRIPS_MAX).contains(&key.trips.value) {
                    self.wrong(
                        key.trips.spot,
                        format!("`trips` cannot be {}", key.trips.value),
                        format!("from 1 to {TRIPS_MAX}"),
                    );
                    return None;
                }
                Some(Deed::Develop { roads: roads?, trips: key.trips.value, leaving })
            }
            MeasureKey::AddBusLine(key) => self.add_line(key),
            MeasureKey::ChangeBusLine(key) => self.change_line(key),
            MeasureKey::CongestionCharge(key) => self.charge(measure, key),
            MeasureKey::ReroutingAdvice(key) => {
                let share = self.share(Some(&key.share), "`share`")?;
                let every = match &key.every {
                    Some(every) => self.span(every, "`every`", 10.0, 3600.0)?,
                    None => SimDuration::seconds(300.0),
                };
                let times = self.advice_times(key)?;
                Some(Deed::Advice { share, every, times })
            }
            MeasureKey::Weather(key) => {
                let weather = self.weather(Some(key));
                self.beside.weather = Some(weather);
                Some(Deed::Beside(format!("weather: {}", weather.describe())))
            }
            MeasureKey::Incident(key) => {
                let at = At { value: key.clone(), spot: measure.spot };
                let incident = self.incident_of(&at)?;
                let said =
                    format!("{} on {} from {} for {}", incident.kind, incident.road, incident.at, incident.duration);
                self.beside.incidents.push(incident);
                Some(Deed::Beside(said))
            }
            MeasureKey::Parking(key) => self.parking_measure(measure, key),
            _ => None,
        }
    }

    fn add_line(&mut self, key: &AddLineKey) -> Option<Deed> {
        let line = self.written(&key.line)?.text;
        if !(2..=200).contains(&key.stops.value.len()) {
            self.wrong(key.stops.spot, "a line has from 2 to 200 stops", "name them in order");
            return None;
        }
        let mut stops = Vec::new();
        for stop in &key.stops.value {
            stops.push(self.written(stop)?);
        }
        let headway = self.span(&key.headway, "`headway`", 30.0, 86_400.0);
        let dwell = match &key.dwell {
            Some(dwell) => self.span(dwell, "`dwell`", 1.0, 3600.0)?,
            None => SimDuration::seconds(20.0),
        };
        Some(Deed::AddLine { line, stops, headway: headway?, dwell })
    }

    fn change_line(&mut self, key: &ChangeLineKey) -> Option<Deed> {
        let line = self.written(&key.line)?;
        let headway = match &key.headway {
            Some(headway) => Some(self.span(headway, "`headway`", 30.0, 86_400.0)?),
            None => None,
        };
        let dwell = match &key.dwell {
            Some(dwell) => Some(self.span(dwell, "`dwell`", 1.0, 3600.0)?),
            None => None,
        };
        if headway.is_none() && dwell.is_none() {
            self.wrong(key.line.spot, "the timetable is not changed", "give `headway` or `dwell`");
            return None;
        }
        Some(Deed::ChangeLine { line, headway, dwell })
    }

    fn charge(&mut self, measure: &At<MeasureKey>, key: &CongestionChargeKey) -> Option<Deed> {
        let roads = self.roads(measure, key.choice());
        let except = self.classes(key.except.as_ref());
        let bounds = [
            (&key.price, "`price`", 0.01, 1e6),
            (&key.value_of_time, "`value-of-time`", 0.01, 1e6),
            (&key.elasticity, "`elasticity`", -10.0, 0.0),
        ];
        let mut fits = true;
        for (number, what, low, high) in bounds {
            fits &= self.within(number.spot, what, number.value, low, high, "");
        }
        let (price, hour, elasticity) = (key.price.value, key.value_of_time.value, key.elasticity.value);
        let deed = Deed::Charge { roads: roads?, price, hour, elasticity, except: except? };
        fits.then_some(deed)
    }
}
