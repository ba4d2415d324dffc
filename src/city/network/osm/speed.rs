//! Speed limits as OpenStreetMap writes them.
//!
//! `maxspeed` holds kilometres per hour, a number with a unit, a word, or the name of a rule (`DE:urban`). Knows no road.

use super::country::{self, Country, MPH};
use super::raw::Tags;
use crate::primitives::Speed;

/// A limit below or above this is a mistake [km/h].
const LIMIT_MIN: f64 = 4.0;
const LIMIT_MAX: f64 = 200.0;
/// Walking pace [km/h].
const WALK: f64 = 7.0;

/// The limit in one direction (`forward` or `backward`) if the tags say it: signed, or else the rule it is under.
pub(super) fn limit(tags: &Tags, direction: &str, country: &Country) -> Option<Speed> {
    let signed = tags.get(&format!("maxspeed:{direction}")).or_else(|| tags.get("maxspeed"));
    let rule = tags.first(&["maxspeed:type", "source:maxspeed", "zone:maxspeed", "zone:traffic"]);
    let kmh = signed.and_then(|text| parse(text, country)).or_else(|| rule.and_then(|text| of_rule(text, country)))?;
    (LIMIT_MIN..=LIMIT_MAX).contains(&kmh).then(|| Speed::kilometres_per_hour(kmh))
}

/// A limit [km/h].
fn parse(text: &str, country: &Country) -> Option<f64> {
    // Of several values the first.
    let text = text.split([';', '|']).next().unwrap_or_default().trim();
    match text {
        "none" => return Some(country.motorway.max(130.0)),
        "walk" => return Some(WALK),
        _ => {}
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let Ok(number) = text[..digits].parse::<f64>() else { return of_rule(text, country) };
    match text[digits..].trim() {
        "" | "km/h" | "kmh" | "kph" => Some(number),
        "mph" => Some(number * MPH),
        "knots" => Some(number * 1.852),
        _ => None,
    }
}

/// The limit of a rule such as `DE:urban`, `GB:nsl_single` or `FR:zone30` [km/h].
fn of_rule(text: &str, here: &Country) -> Option<f64> {
    let (code, rule) = text.split_once(':')?;
    let country = country::find(code).unwrap_or(here);
    let rule = rule.to_ascii_lowercase();
    match rule.as_str() {
        "urban" | "nsl_restricted" | "urban_primary" | "urban_secondary" => Some(country.urban.max(country.arterial)),
        "rural" | "nsl_single" => Some(country.rural),
        "trunk" | "nsl_dual" | "dual_carriageway" | "motorroad" => {
            Some(if country.code == "GB" { 70.0 * MPH } else { country.rural.max(100.0).min(country.motorway) })
        }
        "motorway" => Some(country.motorway),
        "living_street" | "walk" | "pedestrian_zone" => Some(if country.code == "DE" { WALK } else { 20.0 }),
        "school" | "bicycle_road" | "cycle_street" => Some(30.0),
        _ => {
            let number = rule.trim_start_matches("zone").trim_start_matches([':', '_']);
            let number = number.parse::<f64>().ok()?;
            Some(if country.code == "GB" || country.code == "US" { number * MPH } else { number })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_in_every_spelling() {
        let cases = [
            ("50", Some(50.0)),
            ("30 mph", Some(48.28)),
            ("30mph", Some(48.28)),
            ("60 km/h", Some(60.0)),
            ("DE:urban", Some(50.0)),
            ("DE:rural", Some(100.0)),
            ("DE:zone30", Some(30.0)),
            ("DE:zone:30", Some(30.0)),
            ("DE:30", Some(30.0)),
            ("GB:nsl_single", Some(96.56)),
            ("GB:nsl_dual", Some(112.65)),
            ("GB:zone20", Some(32.19)),
            ("FR:motorway", Some(130.0)),
            ("none", Some(130.0)),
            ("walk", Some(7.0)),
            ("50;30", Some(50.0)),
            ("DE:living_street", Some(7.0)),
            ("signals", None),
            ("variable", None),
            ("", None),
            ("-5", None),
            ("1000", None),
            ("5 0", None),
            (":::", None),
        ];
        let here = country::find("DE").copied().unwrap_or(country::USUAL);
        for (text, expected) in cases {
            let mut tags = Tags::default();
            tags.push("maxspeed", text);
            let got = limit(&tags, "forward", &here).map(Speed::as_kilometres_per_hour);
            match (got, expected) {
                (Some(got), Some(expected)) => assert!((got - expected).abs() < 0.01, "{text}: {got}"),
                _ => assert_eq!(got, expected, "{text}"),
            }
        }
    }

    #[test]
    fn a_direction_may_have_its_own_limit() {
        let mut tags = Tags::default();
        tags.push("maxspeed", "50");
        tags.push("maxspeed:backward", "30");
        let kmh = |direction| limit(&tags, direction, &country::USUAL).map(|s| s.as_kilometres_per_hour().round());
        assert_eq!((kmh("forward"), kmh("backward")), (Some(50.0), Some(30.0)));
    }
}
