//! What the law says where nobody put up a sign: the side of the road and the usual limits, by country.
//!
//! Limits are the general statutory ones for cars, as the OpenStreetMap wiki's "Default speed limits" collects them; what roads
//! in town are limited to without a sign is what matters here. A country that is not in the table has the commonest values.
//! Which country a map lies in is said by whoever imports, or by the addresses in the file, or else guessed from rough boxes.

use super::BoundingBox;
use super::raw::Extract;

/// The rules of a country.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Country {
    /// ISO 3166-1, two letters; empty if none is known.
    pub code: &'static str,
    /// Whether one drives on the left.
    pub left_hand: bool,
    /// Limit of side streets in town [km/h].
    pub urban: f64,
    /// Limit of main roads in town [km/h].
    pub arterial: f64,
    /// Limit outside of towns [km/h].
    pub rural: f64,
    /// Limit, or advised speed, of motorways [km/h].
    pub motorway: f64,
}

const fn country(code: &'static str, left_hand: bool, [urban, arterial, rural, motorway]: [f64; 4]) -> Country {
    Country { code, left_hand, urban, arterial, rural, motorway }
}

/// One mile per hour [km/h].
pub(super) const MPH: f64 = 1.609_344;

/// The commonest rules.
pub(super) const USUAL: Country = country("", false, [50.0, 50.0, 90.0, 120.0]);

const COUNTRIES: [Country; 62] = [
    country("AT", false, [50.0, 50.0, 100.0, 130.0]),
    country("BE", false, [50.0, 50.0, 90.0, 120.0]),
    country("BG", false, [50.0, 50.0, 90.0, 140.0]),
    country("CH", false, [50.0, 50.0, 80.0, 120.0]),
    country("CZ", false, [50.0, 50.0, 90.0, 130.0]),
    country("DE", false, [50.0, 50.0, 100.0, 130.0]),
    country("DK", false, [50.0, 50.0, 80.0, 130.0]),
    country("EE", false, [50.0, 50.0, 90.0, 110.0]),
    country("ES", false, [30.0, 50.0, 90.0, 120.0]),
    country("FI", false, [50.0, 50.0, 80.0, 120.0]),
    country("FR", false, [50.0, 50.0, 80.0, 130.0]),
    country("GR", false, [50.0, 50.0, 90.0, 130.0]),
    country("HR", false, [50.0, 50.0, 90.0, 130.0]),
    country("HU", false, [50.0, 50.0, 90.0, 130.0]),
    country("IT", false, [50.0, 50.0, 90.0, 130.0]),
    country("LT", false, [50.0, 50.0, 90.0, 130.0]),
    country("LU", false, [50.0, 50.0, 90.0, 130.0]),
    country("LV", false, [50.0, 50.0, 90.0, 110.0]),
    country("NL", false, [50.0, 50.0, 80.0, 100.0]),
    country("NO", false, [50.0, 50.0, 80.0, 110.0]),
    country("PL", false, [50.0, 50.0, 90.0, 140.0]),
    country("PT", false, [50.0, 50.0, 90.0, 120.0]),
    country("RO", false, [50.0, 50.0, 90.0, 130.0]),
    country("RS", false, [50.0, 50.0, 80.0, 130.0]),
    country("SE", false, [50.0, 50.0, 70.0, 110.0]),
    country("SI", false, [50.0, 50.0, 90.0, 130.0]),
    country("SK", false, [50.0, 50.0, 90.0, 130.0]),
    country("TR", false, [50.0, 50.0, 90.0, 130.0]),
    country("UA", false, [50.0, 50.0, 90.0, 130.0]),
    country("RU", false, [60.0, 60.0, 90.0, 110.0]),
    country("US", false, [25.0 * MPH, 35.0 * MPH, 55.0 * MPH, 65.0 * MPH]),
    country("CA", false, [50.0, 50.0, 80.0, 100.0]),
    country("MX", false, [40.0, 50.0, 80.0, 110.0]),
    country("BR", false, [40.0, 60.0, 100.0, 110.0]),
    country("AR", false, [40.0, 60.0, 110.0, 130.0]),
    country("CL", false, [50.0, 50.0, 100.0, 120.0]),
    country("CO", false, [30.0, 50.0, 90.0, 120.0]),
    country("PE", false, [30.0, 50.0, 90.0, 120.0]),
    country("CN", false, [40.0, 60.0, 70.0, 120.0]),
    country("KR", false, [50.0, 50.0, 80.0, 100.0]),
    country("TW", false, [50.0, 50.0, 60.0, 100.0]),
    country("IL", false, [50.0, 50.0, 80.0, 110.0]),
    country("EG", false, [60.0, 60.0, 90.0, 100.0]),
    country("NG", false, [50.0, 50.0, 80.0, 100.0]),
    country("VN", false, [50.0, 60.0, 80.0, 120.0]),
    country("PH", false, [30.0, 40.0, 80.0, 100.0]),
    country("GB", true, [30.0 * MPH, 30.0 * MPH, 60.0 * MPH, 70.0 * MPH]),
    country("IE", true, [50.0, 50.0, 80.0, 120.0]),
    country("CY", true, [50.0, 50.0, 80.0, 100.0]),
    country("MT", true, [50.0, 50.0, 80.0, 80.0]),
    country("AU", true, [50.0, 60.0, 100.0, 110.0]),
    country("NZ", true, [50.0, 50.0, 100.0, 100.0]),
    country("JP", true, [30.0, 50.0, 60.0, 100.0]),
    country("IN", true, [50.0, 60.0, 70.0, 100.0]),
    country("PK", true, [50.0, 50.0, 90.0, 120.0]),
    country("BD", true, [50.0, 50.0, 80.0, 80.0]),
    country("LK", true, [50.0, 50.0, 70.0, 100.0]),
    country("TH", true, [50.0, 80.0, 90.0, 120.0]),
    country("MY", true, [50.0, 60.0, 90.0, 110.0]),
    country("SG", true, [50.0, 50.0, 70.0, 90.0]),
    country("ZA", true, [60.0, 60.0, 100.0, 120.0]),
    country("KE", true, [50.0, 50.0, 100.0, 110.0]),
];

/// Rough boxes, west, south, east and north [°]; the first that holds the middle of a map counts, so smaller ones come first.
const BOXES: [(&str, [f64; 4]); 46] = [
    ("SG", [103.6, 1.15, 104.1, 1.48]),
    ("MT", [14.1, 35.7, 14.7, 36.2]),
    ("CY", [32.2, 34.5, 34.7, 35.8]),
    ("LU", [5.75, 49.45, 6.5, 50.15]),
    ("LK", [79.5, 5.8, 82.0, 9.9]),
    ("IE", [-10.7, 51.3, -6.0, 54.2]),
    ("GB", [-8.7, 49.8, 1.8, 61.0]),
    ("BE", [2.6, 49.9, 5.9, 51.25]),
    ("NL", [3.3, 51.25, 6.9, 53.6]),
    ("CH", [6.1, 46.2, 9.6, 47.6]),
    ("SI", [13.6, 45.5, 16.4, 46.7]),
    ("CZ", [12.9, 48.9, 16.9, 50.8]),
    ("AT", [9.6, 46.5, 16.9, 48.5]),
    ("DK", [8.0, 54.9, 12.7, 57.8]),
    ("DE", [6.0, 47.4, 14.8, 55.0]),
    ("PT", [-9.6, 36.9, -7.0, 42.1]),
    ("ES", [-9.3, 36.0, 3.3, 43.4]),
    ("FR", [-5.0, 42.4, 7.6, 51.1]),
    ("SK", [16.9, 47.9, 22.5, 49.5]),
    ("HU", [16.2, 45.8, 22.5, 48.3]),
    ("HR", [13.6, 42.4, 19.0, 46.2]),
    ("IT", [6.7, 36.6, 18.5, 46.5]),
    ("PL", [14.2, 49.1, 23.9, 54.8]),
    ("RS", [19.0, 42.3, 22.6, 46.1]),
    ("GR", [19.8, 34.8, 28.2, 41.5]),
    ("BG", [22.5, 41.3, 28.6, 44.0]),
    ("RO", [20.5, 43.7, 29.6, 48.2]),
    ("EE", [22.0, 57.6, 28.0, 59.7]),
    ("LV", [21.0, 55.8, 28.0, 57.6]),
    ("LT", [21.0, 54.0, 26.6, 55.8]),
    ("NO", [4.7, 58.0, 11.5, 71.2]),
    ("SE", [11.2, 55.3, 20.5, 69.0]),
    ("FI", [20.6, 59.8, 31.3, 70.1]),
    ("TR", [26.0, 36.0, 44.6, 42.0]),
    ("UA", [22.5, 45.3, 38.0, 52.2]),
    ("KR", [126.0, 33.1, 129.6, 38.3]),
    ("TW", [120.0, 21.9, 122.0, 25.3]),
    ("JP", [129.5, 30.0, 146.0, 45.6]),
    ("NZ", [166.0, -47.5, 179.0, -34.0]),
    ("AU", [113.0, -44.0, 154.0, -10.0]),
    ("ZA", [16.4, -35.0, 33.0, -22.2]),
    ("TH", [97.9, 5.6, 105.6, 20.4]),
    ("BD", [88.1, 21.9, 92.6, 26.0]),
    ("IN", [68.7, 8.0, 88.8, 32.0]),
    ("CA", [-141.0, 49.0, -52.0, 70.0]),
    ("US", [-125.0, 25.8, -66.9, 49.0]),
];

/// The rules of a country by its two letters.
pub(super) fn find(code: &str) -> Option<&'static Country> {
    let code = if code.eq_ignore_ascii_case("UK") { "GB" } else { code };
    COUNTRIES.iter().find(|country| country.code.eq_ignore_ascii_case(code))
}

/// The codes of all countries in the table.
pub(super) fn codes() -> impl Iterator<Item = &'static str> {
    COUNTRIES.iter().map(|country| country.code)
}

/// The country a map lies in, and how that is known.
pub(super) fn of(extract: &Extract, middle: (f64, f64)) -> (&'static Country, &'static str) {
    // Most addresses name one country; a handful of mistakes must not outvote them.
    let most = extract.countries.iter().max_by_key(|(_, count)| **count);
    if let Some(country) = most.and_then(|(code, _)| find(code)) {
        return (country, "by the addresses in the file");
    }
    let inside = |(_, sides): &&(&str, [f64; 4])| {
        let [west, south, east, north] = *sides;
        BoundingBox::new(west, south, east, north).is_some_and(|area| area.contains(middle))
    };
    match BOXES.iter().find(inside).and_then(|(code, _)| find(code)) {
        Some(country) => (country, "guessed from where it lies"),
        None => (&USUAL, "unknown, so the commonest rules"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_lies_in_its_country() {
        let cases = [
            ((13.4, 52.5), "DE"),
            ((-2.3, 53.45), "GB"),
            ((-6.26, 53.35), "IE"),
            ((-122.3, 47.6), "US"),
            ((2.35, 48.85), "FR"),
            ((4.9, 52.37), "NL"),
            ((4.35, 50.85), "BE"),
            ((139.7, 35.7), "JP"),
            ((151.2, -33.9), "AU"),
            ((28.05, -26.2), "ZA"),
            ((11.34, 44.49), "IT"),
            ((16.37, 48.2), "AT"),
            ((-30.0, 0.0), ""),
        ];
        for (place, code) in cases {
            assert_eq!(of(&Extract::default(), place).0.code, code, "{place:?}");
        }
        let mut extract = Extract::default();
        extract.countries.insert("NL".to_owned(), 5);
        assert_eq!(of(&extract, (13.4, 52.5)).0.code, "NL", "addresses know better than a box");
    }

    #[test]
    fn every_box_has_rules() {
        for (code, _) in BOXES {
            assert!(find(code).is_some(), "{code}");
        }
        assert!(find("uk").is_some_and(|country| country.left_hand));
    }
}
