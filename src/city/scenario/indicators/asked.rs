//! The rows of the table that a run measures only when it is asked to, because that costs time or needs something to be stated.

use super::table::{ONE, TAIL, quantity};
use super::{Better, Needs, Quantity, Unit};

/// A quantity that is measured when it is asked for.
const fn asked(needs: Needs, quantity: &Quantity) -> Quantity {
    Quantity { needs, ..*quantity }
}

/// They, in the order of the table.
pub(super) const ASKED: [Quantity; 39] = [
    asked(
        Needs::Queues,
        &quantity(
            ("queue-length", "Queue length"),
            Unit::Metres,
            Better::Lower,
            (TAIL, false),
            "back of the queue behind the stop line, over all approaches and seconds; the 95th percentile to the metre above",
            "HCM 6th edition, chapter 31 (back of queue); thresholds of SUMO's E2 detectors, 5 km/h and 10 m",
        ),
    ),
    asked(
        Needs::Queues,
        &quantity(
            ("queue-longest", "Longest queue"),
            Unit::Metres,
            Better::Lower,
            (ONE, false),
            "the longest queue of any approach in any second",
            "as `queue-length`",
        ),
    ),
    asked(
        Needs::Queues,
        &quantity(
            ("queued-vehicles", "Vehicles in queues"),
            Unit::Vehicles,
            Better::Lower,
            (ONE, false),
            "mean number of vehicles that stand in queues at the same time",
            "as `queue-length`",
        ),
    ),
    asked(
        Needs::Queues,
        &quantity(
            ("spill-back", "Spill-back"),
            Unit::Seconds,
            Better::Lower,
            (ONE, false),
            "time during which a queue leaves less than 7.5 m before the junction behind it, summed over the approaches of 15 m and more",
            "SUMO's passenger car: 5 m long, with a gap of 2.5 m",
        ),
    ),
    asked(
        Needs::Headways,
        &quantity(
            ("bus-headway", "Headway of buses"),
            Unit::Seconds,
            Better::Neither,
            (ONE, false),
            "mean time between two buses of a line that come to stand at the same stop one after the other",
            "observed",
        ),
    ),
    asked(
        Needs::Headways,
        &quantity(
            ("headway-variation", "Variation of headways"),
            Unit::Ratio,
            Better::Lower,
            (ONE, false),
            "standard deviation of the deviations from the scheduled headways over the mean scheduled headway, by line and stop, weighed by headways",
            "TCRP Report 165 (TCQSM, 3rd edition), chapter 5",
        ),
    ),
    asked(
        Needs::Headways,
        &quantity(
            ("excess-wait", "Excess waiting time"),
            Unit::Seconds,
            Better::Lower,
            (ONE, false),
            "E[h²] / (2 E[h]) of the observed headways less that of the scheduled ones, by line and stop, weighed by headways",
            "Osuna and Newell 1972",
        ),
    ),
    asked(
        Needs::Safety,
        &quantity(
            ("critical-following", "Critical following"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "share of the time driven with a time to collision below 1.5 s to the leader on the same lane",
            "Hayward 1972; time exposed after Minderhoud and Bovy 2001",
        ),
    ),
    asked(
        Needs::Safety,
        &quantity(
            ("close-following", "Close following"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "the same below 3 s, critical following included",
            "as `critical-following`",
        ),
    ),
    asked(
        Needs::Safety,
        &quantity(
            ("critical-crossing", "Critical crossing"),
            Unit::PerHour,
            Better::Lower,
            (ONE, false),
            "how often in an hour a vehicle enters the area where two paths cross less than 1.5 s after another has left it on the other path (post-encroachment time)",
            "Allen, Shin and Cooper 1978",
        ),
    ),
    asked(
        Needs::Safety,
        &quantity(
            ("close-crossing", "Close crossing"),
            Unit::PerHour,
            Better::Lower,
            (ONE, false),
            "the same less than 3 s after, critical crossing included",
            "as `critical-crossing`",
        ),
    ),
    asked(
        Needs::Engines,
        &quantity(
            ("fuel", "Fuel"),
            Unit::Kilograms,
            Better::Lower,
            (ONE, true),
            "fuel burnt by the trips begun after the warm-up whose group has a stated engine, unfinished ones as far as they came",
            "EMEP/EEA guidebook 2013 (update 2014), part 1.A.3.b, and 2019, appendix 4; hot exhaust by mean speed of the trip; not there where a diesel car is stated, which has no curve",
        ),
    ),
    asked(
        Needs::Engines,
        &quantity(
            ("co2", "Carbon dioxide"),
            Unit::Kilograms,
            Better::Lower,
            (ONE, true),
            "carbon dioxide of that fuel, all carbon burnt",
            "EMEP/EEA guidebook 2013, part 1.A.3.b, equation 34",
        ),
    ),
    asked(
        Needs::Engines,
        &quantity(
            ("nox", "Nitrogen oxides"),
            Unit::Grams,
            Better::Lower,
            (ONE, true),
            "nitrogen oxides, as NO2, of the same trips",
            "EMEP/EEA guidebook 2013 (update 2014), part 1.A.3.b, and 2019, appendix 4; hot exhaust by mean speed of the trip",
        ),
    ),
    asked(
        Needs::Engines,
        &quantity(
            ("exhaust-particles", "Particles from exhaust"),
            Unit::Grams,
            Better::Lower,
            (ONE, true),
            "particles from the exhaust of the same trips; brakes, tyres and roads are left out",
            "EMEP/EEA guidebook 2013 (update 2014), part 1.A.3.b, and 2019, appendix 4; hot exhaust by mean speed of the trip",
        ),
    ),
    asked(
        Needs::Engines,
        &quantity(
            ("exhaust-covered", "Distance with an engine"),
            Unit::PerCent,
            Better::Neither,
            (ONE, false),
            "share of the distance of all trips begun after the warm-up that is driven with a stated engine",
            "counted",
        ),
    ),
    asked(
        Needs::Prices,
        &quantity(
            ("time-cost", "Cost of time"),
            Unit::Money,
            Better::Lower,
            (ONE, false),
            "time of the trips begun after the warm-up, the wait before they could begin included, at the stated value of their group; unfinished ones up to the end",
            "stated rates",
        ),
    ),
    asked(
        Needs::Prices,
        &quantity(
            ("fuel-cost", "Cost of fuel"),
            Unit::Money,
            Better::Lower,
            (ONE, false),
            "`fuel` at the stated price",
            "stated rates",
        ),
    ),
    asked(
        Needs::Prices,
        &quantity(
            ("exhaust-cost", "Cost of exhaust"),
            Unit::Money,
            Better::Lower,
            (ONE, false),
            "`co2`, `nox` and `exhaust-particles` at those prices that are stated",
            "stated rates",
        ),
    ),
    asked(
        Needs::Prices,
        &quantity(
            ("cost", "Cost"),
            Unit::Money,
            Better::Lower,
            (ONE, false),
            "the three together, as far as they are there",
            "stated rates",
        ),
    ),
    asked(
        Needs::Noise,
        &quantity(
            ("noise-power", "Sound power of traffic"),
            Unit::Decibels,
            Better::Lower,
            (ONE, false),
            "sound power of all roads and junctions together over the measured time, in dB(A) re 1 pW, by flow and mean speed of each category on each road",
            "Directive (EU) 2015/996 (CNOSSOS-EU), coefficients of 2021/1226; source only, without the correction near signals",
        ),
    ),
    asked(
        Needs::Air,
        &quantity(
            ("nox-roadside", "Nitrogen oxides beside roads"),
            Unit::MicrogramsPerCubicMetre,
            Better::Lower,
            (ONE, false),
            "nitrogen oxides, as NO2, that the vehicles with a stated engine add to the air 10 m from the middle of a carriageway, the higher of its two sides, mean over the roads by their length and over the measured time",
            "emissions as `nox`, but by mean speed on each road; dispersion after Briggs 1973 (Hanna, Briggs and Hosker 1982, table 4.5)",
        ),
    ),
    asked(
        Needs::Air,
        &quantity(
            ("nox-inhabitants", "Nitrogen oxides where people live"),
            Unit::MicrogramsPerCubicMetre,
            Better::Lower,
            (ONE, false),
            "the same, mean over the inhabitants of the map's zones, each zone's spread over its roads as its trips are",
            "as `nox-roadside`; not there where the map has no zones with inhabitants",
        ),
    ),
    asked(
        Needs::Air,
        &quantity(
            ("nox-highest", "Highest nitrogen oxides"),
            Unit::MicrogramsPerCubicMetre,
            Better::Lower,
            (ONE, false),
            "the same as `nox-roadside` at the road and in the hour where it is highest; hours count from the start of the measured time",
            "as `nox-roadside`",
        ),
    ),
    asked(
        Needs::Air,
        &quantity(
            ("particles-highest", "Highest exhaust particles"),
            Unit::MicrogramsPerCubicMetre,
            Better::Lower,
            (ONE, false),
            "particles from the exhaust that the same vehicles add there, at the road and in the hour where they are highest",
            "as `nox-roadside`",
        ),
    ),
    asked(
        Needs::Dioxide,
        &quantity(
            ("no2-highest", "Highest nitrogen dioxide"),
            Unit::MicrogramsPerCubicMetre,
            Better::Lower,
            (ONE, false),
            "nitrogen dioxide at the road and in the hour where it is highest: background, primary share of the added oxides, and of the rest what the ozone can turn into dioxide",
            "ozone limiting method (Cole and Summerhays 1979), with 46 g of NO2 for 48 g of ozone",
        ),
    ),
    asked(
        Needs::Dioxide,
        &quantity(
            ("no2-over-hour", "Roads over the hourly limit of NO2"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "share of the roads, by length, with more than 200 µg/m³ of nitrogen dioxide in at least one whole hour",
            "Directive 2008/50/EC, annex XI: 200 µg/m³ in an hour, which may be exceeded 18 times a year",
        ),
    ),
    asked(
        Needs::Dioxide,
        &quantity(
            ("no2-over-day", "Roads over the daily guideline of NO2"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "share of the roads, by length, with more than 25 µg/m³ of nitrogen dioxide in the mean of the first 24 hours; not there where fewer are measured",
            "WHO global air quality guidelines 2021: 25 µg/m³ in 24 hours",
        ),
    ),
    asked(
        Needs::Particles,
        &quantity(
            ("pm2-5-over-day", "Roads over the daily guideline of PM2.5"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "the same with more than 15 µg/m³ of background and exhaust particles together; what brakes, tyres and roads give off is left out, so it is at least this share",
            "WHO global air quality guidelines 2021: 15 µg/m³ in 24 hours",
        ),
    ),
    asked(
        Needs::Parking,
        &quantity(
            ("parking-searched", "Trips that look on more than one road for a place"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "share of the trips of the measured time that look for a place at the kerb and find the first road full",
            "on paper, in the order of arrival on empty roads: docs/parking.md",
        ),
    ),
    asked(
        Needs::Parking,
        &quantity(
            ("parking-search", "Distance driven in search of a place"),
            Unit::Metres,
            Better::Lower,
            (ONE, false),
            "distance driven behind the first road on which a trip of the measured time looks for a place at the kerb, over all that look for one",
            "on paper, in the order of arrival on empty roads: docs/parking.md",
        ),
    ),
    asked(
        Needs::Parking,
        &quantity(
            ("parking-none", "Trips that find no place"),
            Unit::PerCent,
            Better::Lower,
            (ONE, false),
            "share of the trips of the measured time that look for a place at the kerb and find none within the walk they would make",
            "on paper, in the order of arrival on empty roads: docs/parking.md",
        ),
    ),
    asked(
        Needs::Parking,
        &quantity(
            ("parking-walk", "Walk from the place"),
            Unit::Metres,
            Better::Lower,
            (ONE, false),
            "distance on foot from a place at the kerb to where the trip would have ended, over the trips of the measured time that found one",
            "on paper, in the order of arrival on empty roads: docs/parking.md",
        ),
    ),
    asked(
        Needs::Access,
        &quantity(
            ("access", "Jobs within reach"),
            Unit::PerCent,
            Better::Higher,
            (ONE, false),
            "share of all jobs that can be reached by car within the first time of `within`, mean over the people of all zones and the departures, by the travel times of the run",
            "cumulative opportunities: Wachs and Kumagai 1973, after Hansen 1959",
        ),
    ),
    asked(
        Needs::Access,
        &quantity(
            ("access-hospital", "Hospital within reach"),
            Unit::PerCent,
            Better::Higher,
            (ONE, false),
            "share of the people of all zones who reach a hospital of the map by car within the first time of `within`, mean over the departures",
            "as `access`",
        ),
    ),
    asked(
        Needs::Access,
        &quantity(
            ("access-gini", "Inequality of access"),
            Unit::Ratio,
            Better::Lower,
            (ONE, false),
            "Gini coefficient over the people of all zones of the jobs within reach",
            "Gini 1912; of what transport supplies: Delbosc and Currie 2011",
        ),
    ),
    asked(
        Needs::Aboard,
        &quantity(
            ("person-time", "Time of people"),
            Unit::PersonHours,
            Better::Lower,
            (ONE, true),
            "time of the trips begun after the warm-up, the wait before they could begin included, times the stated people aboard; unfinished ones up to the end",
            "stated people aboard",
        ),
    ),
    asked(
        Needs::Aboard,
        &quantity(
            ("person-delay", "Delay of people"),
            Unit::PersonHours,
            Better::Lower,
            (ONE, true),
            "time these trips lost against the wished speed, planned stops left out, and waited before they could begin, times the stated people aboard",
            "stated people aboard",
        ),
    ),
    asked(
        Needs::Boardings,
        &quantity(
            ("passenger-delay", "Delay of bus passengers"),
            Unit::PersonHours,
            Better::Lower,
            (ONE, false),
            "for every bus that left a stop with a time, how late it was on the mean of those stops, times the stated people who get on during its run",
            "departure deviation; stated boardings, as many getting off at each stop as at any other",
        ),
    ),
];
