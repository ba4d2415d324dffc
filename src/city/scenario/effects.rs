//! The key `effects:` of a comparison: which engines burn the fuel, and what time, fuel and exhaust are worth.
//!
//! Nothing is taken for granted: without engines there is no exhaust, what has no stated price costs nothing, and what the air holds
//! without the traffic of the map has to be stated. Knows names and rates, no coefficient and no result.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::check::Checker;
use super::indicators::{Group, Needs};
use super::quantity::{At, WrittenConcentration, WrittenShare};
use super::tree::Spot;

/// The highest concentration of anything without the traffic of the map [µg/m³].
const CONCENTRATION_MAX: f64 = 1_000.0;
/// The highest price of anything, in any currency: beyond it a zero is too many.
const PRICE_MAX: f64 = 1e9;

/// What traffic does to others, and what it is worth.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EffectsKey {
    /// What the vehicles of a group burn. Groups without an engine have no exhaust counted.
    pub engines: Option<At<EnginesKey>>,
    /// What the air holds without the traffic of the map, for concentrations that can be held against limits.
    pub background: Option<At<BackgroundKey>>,
    /// Which share of the nitrogen oxides leaves the exhaust as nitrogen dioxide, by mass as NO2: "20 %".
    pub primary_no2: Option<At<WrittenShare>>,
    /// What an hour of a vehicle on its way is worth, with everybody and everything in it, by group.
    pub value_of_time: Option<At<TimeKey>>,
    /// The price of fuel: "2.40 EUR/kg".
    pub fuel_price: Option<At<WrittenPrice>>,
    /// What carbon dioxide is to cost: "200 EUR/t".
    pub co2_price: Option<At<WrittenPrice>>,
    /// What nitrogen oxides are to cost: "20 EUR/kg".
    pub nox_price: Option<At<WrittenPrice>>,
    /// What particles from the exhaust are to cost: "90 EUR/kg".
    pub particle_price: Option<At<WrittenPrice>>,
}

/// Engines by group.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EnginesKey {
    /// Cars and taxis but electric ones.
    pub car: Option<CarEngine>,
    /// City buses.
    pub bus: Option<BusEngine>,
}

/// What the air holds without the traffic of the map, the same in every hour.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BackgroundKey {
    /// Nitrogen dioxide: "20 ug/m3".
    pub no2: Option<At<WrittenConcentration>>,
    /// Ozone, which turns nitrogen monoxide into dioxide: "60 ug/m3".
    pub ozone: Option<At<WrittenConcentration>>,
    /// Particles below 2.5 µm: "9 ug/m3".
    #[serde(rename = "pm2-5")]
    pub fine: Option<At<WrittenConcentration>>,
}

/// A car's engine, of 1.4 to 2 l.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CarEngine {
    /// Petrol, Euro 5.
    #[serde(rename = "petrol-euro-5")]
    PetrolEuro5,
    /// Petrol, Euro 6.
    #[serde(rename = "petrol-euro-6")]
    PetrolEuro6,
    /// Diesel, Euro 5; its fuel has no curve that could be checked.
    #[serde(rename = "diesel-euro-5")]
    DieselEuro5,
    /// Diesel, Euro 6 before real driving was tested; its fuel has no curve that could be checked.
    #[serde(rename = "diesel-euro-6")]
    DieselEuro6,
}

/// A city bus's engine, of a bus of 15 to 18 t.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BusEngine {
    /// Diesel, Euro V with SCR.
    #[serde(rename = "diesel-euro-v")]
    DieselEuroV,
    /// Diesel, Euro VI.
    #[serde(rename = "diesel-euro-vi")]
    DieselEuroVI,
}

/// The value of an hour of a vehicle, by group.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct TimeKey {
    /// Cars and taxis: "15 EUR/h".
    pub car: Option<At<WrittenPrice>>,
    /// Buses and coaches, with their passengers.
    pub bus: Option<At<WrittenPrice>>,
    /// Delivery vans.
    pub van: Option<At<WrittenPrice>>,
    /// Trucks, with or without trailer.
    pub truck: Option<At<WrittenPrice>>,
    /// Motorcycles and mopeds.
    pub motorcycle: Option<At<WrittenPrice>>,
    /// Bicycles and scooters.
    pub bicycle: Option<At<WrittenPrice>>,
    /// Trains and trams, with their passengers.
    pub rail: Option<At<WrittenPrice>>,
}

/// A price, "12 EUR/h".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct WrittenPrice(String);

impl JsonSchema for WrittenPrice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "WrittenPrice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[A-Z]{3}/(h|kg|t)\s*$",
            "examples": ["15 EUR/h", "2.40 EUR/kg", "200 EUR/t"],
        })
    }
}

/// A currency by its three letters (ISO 4217), which are not held against the list.
type Currency = [u8; 3];

/// What it takes to tell nitrogen dioxide from nitrogen oxides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dioxide {
    /// Nitrogen dioxide without the traffic of the map [µg/m³].
    pub background: f64,
    /// Ozone there [µg/m³].
    pub ozone: f64,
    /// Share of the nitrogen oxides that leaves the exhaust as dioxide, by mass as NO2.
    pub primary: f64,
}

/// What traffic does to others, and what it is worth; nothing unless stated.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Effects {
    /// What cars burn.
    pub car: Option<CarEngine>,
    /// What buses burn.
    pub bus: Option<BusEngine>,
    /// What it takes to tell nitrogen dioxide.
    pub dioxide: Option<Dioxide>,
    /// Particles below 2.5 µm without the traffic of the map [µg/m³].
    pub fine: Option<f64>,
    /// What an hour of a vehicle is worth, by the place of its group in [`Group::ALL`] [money/h].
    pub time: [Option<f64>; Group::ALL.len()],
    /// The price of fuel [money/kg].
    pub fuel: Option<f64>,
    /// The price of carbon dioxide [money/kg].
    pub co2: Option<f64>,
    /// The price of nitrogen oxides [money/kg].
    pub nox: Option<f64>,
    /// The price of particles from the exhaust [money/kg].
    pub particles: Option<f64>,
    /// The currency of all prices; none without prices.
    pub currency: Option<Currency>,
}

impl Effects {
    /// The currency's letters; nothing without prices.
    pub fn currency(&self) -> &str {
        self.currency.as_ref().and_then(|letters| std::str::from_utf8(letters).ok()).unwrap_or_default()
    }

    /// Whether a measure that needs this can be made.
    pub const fn gives(&self, needs: Needs) -> bool {
        match needs {
            Needs::Engines | Needs::Air => self.car.is_some() || self.bus.is_some(),
            Needs::Dioxide => self.gives(Needs::Air) && self.dioxide.is_some(),
            Needs::Particles => self.gives(Needs::Air) && self.fine.is_some(),
            Needs::Prices => self.currency.is_some(),
            _ => true,
        }
    }
}

impl Checker<'_> {
    /// Reads the effects that a comparison asks for.
    pub(super) fn effects(&mut self, key: &EffectsKey) -> Effects {
        let mut effects = Effects::default();
        if let Some(engines) = &key.engines {
            (effects.car, effects.bus) = (engines.value.car, engines.value.bus);
            if !effects.gives(Needs::Engines) {
                let help = "name what cars or buses burn: `engines: { car: petrol-euro-6 }`";
                self.wrong(engines.spot, "no group has an engine", help);
            }
        }
        if let Some(time) = &key.value_of_time {
            let time = &time.value;
            let groups = [
                (Group::Car, &time.car),
                (Group::Bus, &time.bus),
                (Group::Van, &time.van),
                (Group::Truck, &time.truck),
                (Group::Motorcycle, &time.motorcycle),
                (Group::Bicycle, &time.bicycle),
                (Group::Rail, &time.rail),
            ];
            for (group, price) in groups {
                effects.time[group as usize] = self.price(price.as_ref(), &["h"], &mut effects.currency);
            }
        }
        let mass = |checker: &mut Self, price: &Option<At<WrittenPrice>>, currency: &mut Option<Currency>| {
            let spot = price.as_ref()?.spot;
            let value = checker.price(price.as_ref(), &["kg", "t"], currency)?;
            Some((spot, value))
        };
        let mut last: Option<Spot> = None;
        for (price, target) in [
            (&key.fuel_price, &mut effects.fuel),
            (&key.co2_price, &mut effects.co2),
            (&key.nox_price, &mut effects.nox),
            (&key.particle_price, &mut effects.particles),
        ] {
            if let Some((spot, value)) = mass(self, price, &mut effects.currency) {
                *target = Some(value);
                last = Some(spot);
            }
        }
        self.background(key, &mut effects);
        if let (Some(spot), false) = (last, effects.gives(Needs::Engines)) {
            self.wrong(spot, "there is a price and nothing that burns fuel", "add `engines: { car: petrol-euro-6 }`");
        }
        effects
    }

    /// What the air holds, and what becomes of nitrogen oxides in it: three figures that are given together.
    fn background(&mut self, key: &EffectsKey, effects: &mut Effects) {
        let background = key.background.as_ref();
        let mut read = |of: fn(&BackgroundKey) -> &Option<At<WrittenConcentration>>, what: &str| {
            let key = background.and_then(|background| of(&background.value).as_ref())?;
            let value = self.read(key.spot, key.value.read())?;
            self.within(key.spot, what, value, 0.0, CONCENTRATION_MAX, "ug/m3").then_some(value)
        };
        let (no2, ozone) = (read(|key| &key.no2, "`no2`"), read(|key| &key.ozone, "`ozone`"));
        effects.fine = read(|key| &key.fine, "`pm2-5`");
        let primary = self.share(key.primary_no2.as_ref(), "`primary-no2`");
        effects.dioxide =
            no2.zip(ozone).zip(primary).map(|((background, ozone), primary)| Dioxide { background, ozone, primary });
        let Some(spot) = background.map(|key| key.spot).or_else(|| key.primary_no2.as_ref().map(|key| key.spot)) else {
            return;
        };
        let given = |of: fn(&BackgroundKey) -> bool| background.is_some_and(|key| of(&key.value));
        let named = [given(|key| key.no2.is_some()), given(|key| key.ozone.is_some()), key.primary_no2.is_some()];
        if named.contains(&true) && named.contains(&false) {
            let help =
                "give `background: { no2: 20 ug/m3, ozone: 60 ug/m3 }` and `primary-no2: 20 %`, or none of the three";
            self.wrong(spot, "nitrogen dioxide takes `no2`, `ozone` and `primary-no2`, and one is missing", help);
        } else if !given(|key| key.fine.is_some()) && !named.contains(&true) {
            self.wrong(spot, "the background is empty", "give `no2` and `ozone`, or `pm2-5`");
        } else if !effects.gives(Needs::Engines) {
            let help = "add `engines: { car: petrol-euro-6 }`";
            self.wrong(spot, "there is a background and nothing that adds to it", help);
        }
    }

    /// A price per one of `units`, the first of which is the unit it is told in; all are of one currency.
    fn price(
        &mut self,
        key: Option<&At<WrittenPrice>>,
        units: &[&str],
        currency: &mut Option<Currency>,
    ) -> Option<f64> {
        let (text, spot) = (key?.value.0.trim(), key?.spot);
        let Some((value, letters, unit)) = parts(text).filter(|(.., unit)| units.contains(unit)) else {
            let message = format!("`{}` is not a price per {}", text.escape_debug(), units.join(" or "));
            self.wrong(spot, message, format!("write number, currency and unit, like `12.50 EUR/{}`", units[0]));
            return None;
        };
        if !(0.0..=PRICE_MAX).contains(&value) {
            self.wrong(spot, format!("a price cannot be {value}"), format!("from 0 to {PRICE_MAX}"));
            return None;
        }
        if let Some(other) = currency.filter(|other| *other != letters) {
            let other = String::from_utf8_lossy(&other).into_owned();
            self.wrong(spot, "prices are in two currencies", format!("there is one in {other}; give all in the same"));
            return None;
        }
        *currency = Some(letters);
        Some(if unit == "t" { value / 1000.0 } else { value })
    }
}

/// Number, currency and unit of a price.
fn parts(text: &str) -> Option<(f64, Currency, &str)> {
    let (amount, unit) = text.split_once('/')?;
    let amount = amount.trim_end();
    let split = amount.len().checked_sub(3)?;
    let (number, letters) = (amount.get(..split)?.trim_end(), amount.get(split..)?);
    let letters: Currency = letters.as_bytes().try_into().ok()?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let known = letters.iter().all(u8::is_ascii_uppercase);
    (plain && known).then(|| number.parse().ok())?.map(|value| (value, letters, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_with_currency_and_unit() {
        assert_eq!(parts("12.50 EUR/h"), Some((12.5, *b"EUR", "h")));
        assert_eq!(parts("200GBP/t"), Some((200.0, *b"GBP", "t")));
        for wrong in ["12.50", "12.50 €/h", "EUR/h", "-3 EUR/h", "1e3 EUR/h", "12 eur/h", "12 EUR", "", "/", "é€/h"]
        {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
