//! The table of measures: what is measured, in which unit, which way is better, its definition, and whose definition it is.
//!
//! A row here is all it takes to name a measure in a scenario; the studies fill it.

use super::{Better, Needs, Quantity, Statistic, Unit};

const SPREAD: &[Statistic] = &Statistic::ALL;
const TAIL: &[Statistic] = &[Statistic::Mean, Statistic::P95];
const ONE: &[Statistic] = &[Statistic::Mean];

const fn quantity(
    (name, label): (&'static str, &'static str),
    unit: Unit,
    better: Better,
    (statistics, by_group): (&'static [Statistic], bool),
    about: &'static str,
    source: &'static str,
) -> Quantity {
    Quantity { name, label, unit, better, statistics, by_group, about, source, needs: Needs::Nothing }
}

/// A quantity that is measured when it is asked for.
const fn asked(needs: Needs, quantity: &Quantity) -> Quantity {
    Quantity { needs, ..*quantity }
}

/// The table.
pub const QUANTITIES: [Quantity; 42] = [
    quantity(
        ("travel-time", "Travel time"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, true),
        "time on the road of a finished trip, planned stops included",
        "SUMO tripinfo `duration`",
    ),
    quantity(
        ("time-loss", "Time lost"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, true),
        "time a finished trip lost against driving at the wished speed, planned stops left out",
        "SUMO tripinfo `timeLoss`",
    ),
    quantity(
        ("time-loss-per-km", "Time lost per kilometre"),
        Unit::SecondsPerKilometre,
        Better::Lower,
        (ONE, true),
        "time lost by all finished trips together over the distance they drove",
        "ratio of sums, not mean of ratios",
    ),
    quantity(
        ("waiting-time", "Waiting time"),
        Unit::Seconds,
        Better::Lower,
        (TAIL, true),
        "time of a finished trip at 0.1 m/s or less, planned stops left out",
        "SUMO tripinfo `waitingTime`",
    ),
    quantity(
        ("stops", "Halts"),
        Unit::PerTrip,
        Better::Lower,
        (ONE, true),
        "how many times a finished trip came to a halt, planned stops left out",
        "SUMO tripinfo `waitingCount`",
    ),
    quantity(
        ("depart-delay", "Departure delay"),
        Unit::Seconds,
        Better::Lower,
        (TAIL, true),
        "time a finished trip waited for room to enter the road",
        "SUMO tripinfo `departDelay`",
    ),
    quantity(
        ("speed", "Speed of trips"),
        Unit::KilometresPerHour,
        Better::Higher,
        (ONE, true),
        "distance driven by all finished trips together over their time on the road",
        "space-mean speed",
    ),
    quantity(
        ("travel-time-index", "Travel-time index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "mean over finished trips of moving time over free-flow time; free-flow time is moving time less time lost",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("planning-time-index", "Planning-time index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "95th percentile over finished trips of moving time over free-flow time",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("buffer-index", "Buffer index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "by how much the 95th percentile of moving time over free-flow time exceeds its mean, as a share of the mean",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("arrived", "Trips finished"),
        Unit::Vehicles,
        Better::Higher,
        (ONE, true),
        "trips begun after the warm-up and finished before the end",
        "counted",
    ),
    quantity(
        ("throughput", "Arrivals per hour"),
        Unit::VehiclesPerHour,
        Better::Higher,
        (ONE, false),
        "vehicles that arrived in the measured time, whenever they set out, per hour",
        "counted on the roads",
    ),
    quantity(
        ("vehicle-distance", "Distance driven"),
        Unit::VehicleKilometres,
        Better::Neither,
        (ONE, false),
        "distance driven by everybody in the measured time, unfinished trips included",
        "Edie 1963",
    ),
    quantity(
        ("vehicle-time", "Time on the road"),
        Unit::VehicleHours,
        Better::Lower,
        (ONE, false),
        "time spent on the road by everybody in the measured time, unfinished trips and planned stops included",
        "Edie 1963",
    ),
    quantity(
        ("vehicle-delay", "Time lost on the road"),
        Unit::VehicleHours,
        Better::Lower,
        (ONE, false),
        "time lost against the wished speed by everybody in the measured time, unfinished trips included",
        "summed over the roads",
    ),
    quantity(
        ("network-speed", "Speed on the road"),
        Unit::KilometresPerHour,
        Better::Higher,
        (ONE, false),
        "distance driven over time spent, by everybody in the measured time",
        "Edie 1963",
    ),
    quantity(
        ("signal-delay", "Simulated control delay"),
        Unit::Seconds,
        Better::Lower,
        (ONE, false),
        "time lost on the last road before a signal per vehicle that left it, over all such roads",
        "simulated; not the control delay of HCM chapter 19, which is calculated",
    ),
    quantity(
        ("los-ef", "Served at level E or F"),
        Unit::PerCent,
        Better::Lower,
        (ONE, false),
        "share of the vehicles at signals whose approach has a simulated control delay of more than 55 s/veh",
        "limits of HCM 6th edition, exhibit 19-8, on simulated control delay over the measured time",
    ),
    quantity(
        ("ambulance-response", "Ambulance response"),
        Unit::Seconds,
        Better::Lower,
        (&[Statistic::Mean, Statistic::Median, Statistic::P90], false),
        "time from the ringing of the telephone to the ambulance standing at the address, of calls that were reached",
        "the calls' chains of times",
    ),
    quantity(
        ("calls-reached", "Calls reached"),
        Unit::PerCent,
        Better::Higher,
        (ONE, false),
        "share of the calls of the measured time that an ambulance reached before the end",
        "the calls' chains of times",
    ),
    quantity(
        ("unfinished", "Unfinished trips"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles on the road at the end",
        "counted",
    ),
    quantity(
        ("backlog", "Backlog"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles that were due and had found no room to enter at the end",
        "counted",
    ),
    quantity(
        ("last-resort-moves", "Last-resort moves"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles that were stuck and had to be moved, which no real vehicle can be",
        "counted; SUMO calls them teleports",
    ),
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
];
