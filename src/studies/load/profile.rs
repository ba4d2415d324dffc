//! Reads a load profile: phases, search, faults and expectations; everything wrong with it is found at once, each with its place.
//!
//! ```yaml
//! name: worst day
//! devices: 100000
//! connections: 8
//! phases:
//!   - { constant: 500/s, for: 30 s, name: calm }
//!   - { ramp: { from: 500/s, to: 5000/s }, for: 2 min }
//!   - { reconnect-storm: 1000/s, for: 30 s }
//! expect: { p99: 50 ms, lost: 0 }
//! ```
//!
//! Reads text, no file, and sends nothing.

use super::asked::{SourceAsked, StoreAsked, check_source, faults, source, store};
use super::expect::Expect;
use super::faults::Faults;
use super::figures::micros;
use super::schedule::{PHASES_MAX, Phase, RATE_MAX, SECONDS_MAX, Schedule, Shape, WORKING_DAY};
use super::search::Search;
use crate::primitives::fields::{Fields, Reader, listed};
use crate::primitives::text::{Findings, Place};
use crate::primitives::tree::{self, Node, Value};
use crate::primitives::units::{DURATION, SHARE, Units};

/// Most devices.
pub const DEVICES_MAX: u32 = 1_000_000;
/// Most connections.
pub const CONNECTIONS_MAX: u16 = 10_000;
/// Most rates of steps, and most points of a curve.
const POINTS_MAX: usize = 10_000;

const KEYS: [&str; 11] =
    ["name", "devices", "connections", "seed", "source", "phases", "search", "faults", "store", "truth", "expect"];
const SHAPES: [&str; 8] = ["constant", "steps", "ramp", "rush-hour", "spike", "reconnect-storm", "hot-road", "pause"];
const PHASE_KEYS: [&str; 10] =
    ["name", "for", "constant", "steps", "ramp", "rush-hour", "spike", "reconnect-storm", "hot-road", "pause"];
const SEARCH_KEYS: [&str; 5] = ["p99", "from", "to", "hold", "within"];
const EXPECT_KEYS: [&str; 12] = [
    "p50",
    "p90",
    "p99",
    "p99.9",
    "longest",
    "lost",
    "achieved",
    "schedule-error",
    "found-rate",
    "store-p50",
    "store-p99",
    "store-longest",
];

/// Rates [1/s].
const RATES: Units = Units {
    what: "a rate of messages",
    table: &[("/s", 1.0), ("/min", 1.0 / 60.0), ("/h", 1.0 / 3600.0)],
    examples: &["500/s", "30000/min"],
    sums: false,
};

/// A load as its profile describes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// What reports call it.
    pub name: Option<String>,
    /// Devices; as the command line says if none.
    pub devices: Option<u32>,
    /// Connections; as the command line says if none.
    pub connections: Option<u16>,
    /// Root of every draw; as the command line says if none.
    pub seed: Option<u64>,
    /// What is sent when.
    pub phases: Vec<Phase>,
    /// What is searched for afterwards.
    pub search: Option<Search>,
    /// What goes wrong; as the command line says if none.
    pub faults: Option<Faults>,
    /// Where messages come from; as the command line says if none.
    pub source: Option<SourceAsked>,
    /// In which store they are looked for; as the command line says if none.
    pub store: Option<StoreAsked>,
    /// Whether what was true is written down; it is if none.
    pub truth: Option<bool>,
    /// What is expected of it.
    pub expect: Expect,
}

impl Profile {
    /// The profile of one rate for some seconds.
    pub fn constant(rate: f64, seconds: f64) -> Self {
        let phase = Phase { name: "constant".to_owned(), seconds, shape: Shape::Constant(rate) };
        Self { phases: vec![phase], ..Self::default() }
    }

    /// Reads the text of a profile; `place` names its file.
    ///
    /// # Errors
    /// Everything wrong with it.
    pub fn read(text: &str, place: &Place) -> Result<Self, Findings> {
        let (mut findings, mut profile) = (Findings::default(), Self::default());
        if let Some(root) = tree::read(text, place, &mut findings) {
            let folder = place.file.parent().map(std::path::Path::to_owned);
            whole(&mut Reader { place, findings: &mut findings, folder }, &root, &mut profile);
        }
        if findings.is_ok() { Ok(profile) } else { Err(findings) }
    }

    /// What is sent when.
    pub fn schedule(&self) -> Schedule {
        Schedule::new(self.phases.clone())
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let schedule = self.schedule();
        let name = self.name.as_deref().unwrap_or("the profile");
        write!(
            f,
            "{name}: {} phases, {} messages in {} s",
            self.phases.len(),
            schedule.messages(),
            schedule.seconds().round()
        )?;
        for (number, phase) in self.phases.iter().enumerate() {
            let begin = schedule.phase(number).map_or(0.0, |(begin, _)| begin);
            write!(f, "\n  {begin:>8.0} s  {}: {} messages", phase.name, schedule.messages_of(number))?;
        }
        if let Some(search) = self.search {
            let p99 = super::figures::duration(Some(search.p99_us));
            write!(f, "\n  then the highest rate with a p99 of {p99}, from {} to {}/s", search.from, search.to)?;
        }
        Ok(())
    }
}

fn whole(reader: &mut Reader<'_>, root: &Node, profile: &mut Profile) {
    let Some(fields) = reader.fields(root, "the profile", &KEYS) else { return };
    profile.name = fields.get("name").and_then(|node| reader.text(node, "name"));
    let count = |reader: &mut Reader<'_>, key: &str, most: f64| {
        fields.get(key).and_then(|node| whole_number(reader, node, key, most))
    };
    profile.devices = count(reader, "devices", f64::from(DEVICES_MAX)).and_then(|n| u32::try_from(n).ok());
    let connections = count(reader, "connections", f64::from(CONNECTIONS_MAX));
    profile.connections = connections.and_then(|n| u16::try_from(n).ok());
    if let Some(node) = fields.get("seed") {
        match node.value {
            Value::Whole(seed) if u64::try_from(seed).is_ok() => profile.seed = u64::try_from(seed).ok(),
            _ => reader.wrong(
                node,
                format!("`seed` cannot be {}", node.value.describe()),
                "write a whole number, such as `7`",
            ),
        }
    }
    if let Some(node) = fields.get("phases") {
        profile.phases = phases(reader, node);
    }
    profile.search = fields.get("search").and_then(|node| search(reader, node));
    profile.faults = fields.get("faults").and_then(|node| faults(reader, node));
    profile.source = fields.get("source").and_then(|node| source(reader, node));
    if let (Some(node), Some(SourceAsked::City(_) | SourceAsked::Recording(_))) =
        (fields.get("source"), &profile.source)
    {
        check_source(reader, node, fields.get("devices"), &profile.phases);
    }
    profile.store = fields.get("store").and_then(|node| store(reader, node));
    profile.truth = fields.get("truth").map(|_| reader.flag(&fields, "truth", true));
    if let Some(node) = fields.get("expect") {
        profile.expect = expect(reader, node, profile.search.is_some());
        if fields.get("store").is_none() && profile.expect.is_about_store() {
            let help = "write a `store:`, or name one with `--store` and leave this out";
            reader.wrong(node, "a latency to the store is expected and no store is named", help);
        }
    }
    if fields.get("phases").is_none() && fields.get("search").is_none() {
        let help = "write `phases:` with `- { constant: 1000/s, for: 30 s }` under it, or a `search:`";
        reader.wrong(root, "the profile says nothing that is to be sent", help);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within bounds")]
fn whole_number(reader: &mut Reader<'_>, node: &Node, key: &str, most: f64) -> Option<u64> {
    let number = reader.number(node, key, 1.0..=most)?;
    if number.fract() != 0.0 {
        reader.wrong(node, format!("`{key}` cannot be {}", node.value.describe()), "write a whole number");
        return None;
    }
    Some(number as u64)
}

/// A quantity with its unit, within bounds.
pub(super) fn quantity(
    reader: &mut Reader<'_>,
    node: &Node,
    key: &str,
    units: &Units,
    bounds: (f64, f64),
    help: &str,
) -> Option<f64> {
    let text = reader.text(node, key)?;
    match units.read(&text) {
        Ok(value) if (bounds.0..=bounds.1).contains(&value) => Some(value),
        Ok(_) => {
            reader.wrong(node, format!("`{key}` cannot be `{}`", text.escape_debug()), help);
            None
        }
        Err(wrong) => {
            reader.wrong(node, wrong.message, wrong.help);
            None
        }
    }
}

fn rate(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<f64> {
    let help = format!("write a rate up to `{RATE_MAX}/s`: no sender of this program makes more");
    quantity(reader, node, key, &RATES, (0.0, RATE_MAX), &help)
}

/// A rate above nothing.
fn some_rate(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<f64> {
    let rate = rate(reader, node, key)?;
    if rate <= 0.0 {
        reader.wrong(node, format!("`{key}` sends nothing"), "write a rate above 0, or a `pause`");
        return None;
    }
    Some(rate)
}

pub(super) fn seconds(reader: &mut Reader<'_>, node: &Node, key: &str, least: f64) -> Option<f64> {
    let help = format!("write a duration from `{least} s` to `7 d`");
    quantity(reader, node, key, &DURATION, (least, SECONDS_MAX), &help)
}

pub(super) fn share(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<f64> {
    quantity(reader, node, key, &SHARE, (0.0, 1.0), "write a share from `0 %` to `100 %`")
}

/// A latency [µs]: from a microsecond to an hour.
fn latency(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<u64> {
    let help = "write a time from `0.001 ms` to `1 h`";
    quantity(reader, node, key, &DURATION, (1e-6, 3600.0), help).map(micros)
}

/// The keys of an entry that all have to be there.
pub(super) fn all<'n, const N: usize>(
    reader: &mut Reader<'_>,
    fields: &Fields<'n>,
    keys: [(&str, &str); N],
) -> Option<[&'n Node; N]> {
    let found = keys.map(|(key, help)| reader.needed(fields, key, help));
    if found.iter().any(Option::is_none) {
        return None;
    }
    let mut found = found.into_iter().flatten();
    let first = found.next()?;
    let mut nodes = [first; N];
    nodes.iter_mut().skip(1).zip(found).for_each(|(place, node)| *place = node);
    Some(nodes)
}

fn phases(reader: &mut Reader<'_>, node: &Node) -> Vec<Phase> {
    let Value::List(items) = &node.value else {
        let help = "write each behind a dash: `- { constant: 1000/s, for: 30 s }`";
        reader.wrong(node, format!("`phases` should be a list, not {}", node.value.describe()), help);
        return Vec::new();
    };
    if items.is_empty() || items.len() > PHASES_MAX {
        reader.wrong(node, format!("there are {} phases", items.len()), format!("write 1 to {PHASES_MAX} of them"));
        return Vec::new();
    }
    let phases: Vec<Phase> = items.iter().filter_map(|item| phase(reader, item)).collect();
    let sum: f64 = phases.iter().map(|phase| phase.seconds).sum();
    if sum > SECONDS_MAX {
        reader.wrong(node, format!("the phases last {sum} s together"), "let them last 7 d at most");
    }
    if phases.len() == items.len() && Schedule::new(phases.clone()).messages() == 0 {
        reader.wrong(node, "no message is due in any of the phases", "let one of them have a rate");
    }
    phases
}

fn phase(reader: &mut Reader<'_>, node: &Node) -> Option<Phase> {
    let fields = reader.fields(node, "a phase", &PHASE_KEYS)?;
    let found: Vec<(&str, &Node)> =
        SHAPES.iter().filter_map(|shape| fields.get(shape).map(|node| (*shape, node))).collect();
    let [(word, inner)] = found[..] else {
        let message =
            format!("a phase has {} of {}", if found.is_empty() { "none" } else { "several" }, listed(SHAPES));
        reader.wrong(node, message, "write one, such as `constant: 1000/s`; several phases are several entries");
        return None;
    };
    let name = fields.get("name").map_or(Some(word.to_owned()), |node| reader.text(node, "name"));
    if word == "pause" {
        if let Some(node) = fields.get("for") {
            reader.wrong(node, "a pause says itself how long it is", "write `pause: 10 s`, without `for`");
        }
        let seconds = seconds(reader, inner, "pause", 0.001)?;
        return Some(Phase { name: name?, seconds, shape: Shape::Pause });
    }
    let length = reader.needed(&fields, "for", "write how long it lasts, such as `for: 30 s`");
    let length = length.and_then(|node| Some((node, seconds(reader, node, "for", 0.001)?)));
    let shape = shape(reader, word, inner);
    let (at, seconds) = length?;
    let shape = shape?;
    if let Shape::Spike { rise, hold, .. } = shape
        && 2.0 * rise + hold > seconds
    {
        let message = format!("the spike takes {} s and the phase lasts {seconds} s", 2.0 * rise + hold);
        reader.wrong(at, message, "let the phase last at least twice `rise` and `hold` together");
        return None;
    }
    Some(Phase { name: name?, seconds, shape })
}

fn shape(reader: &mut Reader<'_>, word: &str, node: &Node) -> Option<Shape> {
    match word {
        "constant" => some_rate(reader, node, word).map(Shape::Constant),
        "reconnect-storm" => some_rate(reader, node, word).map(Shape::ReconnectStorm),
        "steps" => {
            let Value::List(items) = &node.value else {
                let help = "write the rates in a row: `steps: [1000/s, 2000/s, 4000/s]`";
                reader.wrong(node, format!("`steps` should be a list, not {}", node.value.describe()), help);
                return None;
            };
            if items.is_empty() || items.len() > POINTS_MAX {
                reader.wrong(node, format!("`steps` has {} rates", items.len()), format!("write 1 to {POINTS_MAX}"));
                return None;
            }
            let rates: Vec<_> = items.iter().map(|item| rate(reader, item, word)).collect();
            rates.into_iter().collect::<Option<_>>().map(Shape::Steps)
        }
        "ramp" => {
            let fields = reader.fields(node, "`ramp`", &["from", "to"])?;
            let [from, to] = all(reader, &fields, [("from", "such as `from: 100/s`"), ("to", "such as `to: 5000/s`")])?;
            let (from, to) = (rate(reader, from, "from"), rate(reader, to, "to"));
            Some(Shape::Ramp(from?, to?))
        }
        "rush-hour" => rush_hour(reader, node),
        "spike" => {
            let fields = reader.fields(node, "`spike`", &["base", "peak", "rise", "hold"])?;
            let helps = [
                ("base", "the rate before and after, such as `base: 500/s`"),
                ("peak", "the rate at its height, such as `peak: 10000/s`"),
            ];
            let nodes = all(reader, &fields, helps);
            let mut time = |key: &str, otherwise: f64| match fields.get(key) {
                Some(node) => seconds(reader, node, key, 0.0),
                None => Some(otherwise),
            };
            let (rise, hold) = (time("rise", 0.0), time("hold", 1.0));
            let [base, peak] = nodes?;
            let (base, peak) = (rate(reader, base, "base"), some_rate(reader, peak, "peak"));
            Some(Shape::Spike { base: base?, peak: peak?, rise: rise?, hold: hold? })
        }
        _ => {
            let fields = reader.fields(node, "`hot-road`", &["rate", "share"])?;
            let helps =
                [("rate", "such as `rate: 1000/s`"), ("share", "what the one road tells, such as `share: 80 %`")];
            let [of, part] = all(reader, &fields, helps)?;
            let (of, part) = (some_rate(reader, of, "rate"), share(reader, part, "share"));
            Some(Shape::HotRoad(of?, part?))
        }
    }
}

/// A peak alone, or one with a curve of its own.
fn rush_hour(reader: &mut Reader<'_>, node: &Node) -> Option<Shape> {
    if !matches!(node.value, Value::Map(_)) {
        return some_rate(reader, node, "rush-hour").map(|peak| Shape::RushHour(peak, WORKING_DAY.to_vec()));
    }
    let fields = reader.fields(node, "`rush-hour`", &["peak", "curve"])?;
    let peak = reader.needed(&fields, "peak", "the busiest rate, such as `peak: 5000/s`");
    let peak = peak.and_then(|node| some_rate(reader, node, "peak"));
    let Some(curve) = fields.get("curve") else { return peak.map(|peak| Shape::RushHour(peak, WORKING_DAY.to_vec())) };
    let help = "write shares of the peak at equal distances: `curve: [10 %, 100 %, 40 %]`";
    let Value::List(items) = &curve.value else {
        reader.wrong(curve, format!("`curve` should be a list, not {}", curve.value.describe()), help);
        return None;
    };
    if !(2..=POINTS_MAX).contains(&items.len()) {
        reader.wrong(curve, format!("`curve` has {} points", items.len()), format!("write 2 to {POINTS_MAX}"));
        return None;
    }
    let shares: Vec<_> = items.iter().map(|item| share(reader, item, "curve")).collect();
    let shares: Vec<f64> = shares.into_iter().collect::<Option<_>>()?;
    Some(Shape::RushHour(peak?, shares))
}

fn search(reader: &mut Reader<'_>, node: &Node) -> Option<Search> {
    let fields = reader.fields(node, "`search`", &SEARCH_KEYS)?;
    let p99 = reader.needed(&fields, "p99", "the latency that is to be kept, such as `p99: 50 ms`");
    let p99 = p99.and_then(|node| latency(reader, node, "p99"));
    let mut rate = |key: &str, otherwise: f64| match fields.get(key) {
        Some(node) => some_rate(reader, node, key),
        None => Some(otherwise),
    };
    let (from, to) = (rate("from", 100.0), rate("to", RATE_MAX));
    let hold = fields.get("hold").map_or(Some(10.0), |node| seconds(reader, node, "hold", 0.1));
    let within = fields.get("within").map_or(Some(0.05), |node| {
        quantity(reader, node, "within", &SHARE, (0.01, 1.0), "write a share from `1 %` to `100 %`")
    });
    let search = Search { p99_us: p99?, from: from?, to: to?, hold: hold?, within: within? };
    if search.to < search.from {
        reader.wrong(node, "`to` is less than `from`", "search upwards");
        return None;
    }
    Some(search)
}

fn expect(reader: &mut Reader<'_>, node: &Node, searches: bool) -> Expect {
    let Some(fields) = reader.fields(node, "`expect`", &EXPECT_KEYS) else { return Expect::default() };
    let mut time = |key: &str| fields.get(key).and_then(|node| latency(reader, node, key));
    let mut expect = Expect {
        p50_us: time("p50"),
        p90_us: time("p90"),
        p99_us: time("p99"),
        p999_us: time("p99.9"),
        longest_us: time("longest"),
        schedule_error_us: time("schedule-error"),
        store_p50_us: time("store-p50"),
        store_p99_us: time("store-p99"),
        store_longest_us: time("store-longest"),
        ..Expect::default()
    };
    if let Some(node) = fields.get("lost") {
        match node.value {
            Value::Whole(lost) if u64::try_from(lost).is_ok() => expect.lost = u64::try_from(lost).ok(),
            _ => {
                reader.wrong(node, format!("`lost` cannot be {}", node.value.describe()), "write a count, such as `0`");
            }
        }
    }
    expect.achieved = fields.get("achieved").and_then(|node| share(reader, node, "achieved"));
    if let Some(node) = fields.get("found-rate") {
        expect.found_rate = some_rate(reader, node, "found-rate");
        if !searches {
            reader.wrong(
                node,
                "`found-rate` is expected and nothing is searched",
                "write a `search:`, or leave it out",
            );
        }
    }
    expect
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::SimDuration;
    use crate::primitives::text::Problem;

    fn read(text: &str) -> Result<Profile, String> {
        Profile::read(text, &Place::file("p.yaml")).map_err(|findings| {
            let told = |problem: &Problem| {
                format!("{}: {} ({})", problem.place, problem.message, problem.help.clone().unwrap_or_default())
            };
            findings.problems().iter().map(told).collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn every_shape_is_read_with_its_figures() {
        let profile = read(
            "name: worst day\ndevices: 100000\nconnections: 8\nseed: 7\nphases:\n\
             - { constant: 500/s, for: 30 s, name: calm }\n\
             - { steps: [1000/s, 2000/s], for: 1 min }\n\
             - { ramp: { from: 500/s, to: 5000/s }, for: 2 min }\n\
             - { rush-hour: 3000/min, for: 24 min }\n\
             - { rush-hour: { peak: 50/s, curve: [0 %, 100 %] }, for: 1 s }\n\
             - { spike: { base: 500/s, peak: 10000/s, rise: 2 s, hold: 10 s }, for: 1 min }\n\
             - pause: 5 s\n\
             - { reconnect-storm: 1000/s, for: 30 s }\n\
             - { hot-road: { rate: 1000/s, share: 80 % }, for: 30 s }\n\
             search: { p99: 50 ms, from: 500/s, to: 50000/s, hold: 5 s, within: 2 % }\n\
             faults: { doubled: 1 %, malformed: 5 ‰, clock-step: { at: 10 s, by: -1 h }, clock-drift: 20 ppm, frozen: 1 % }\n\
             store: { at: http://127.0.0.1:8080, step: 50 ms, every: 100 }\n\
             truth: false\n\
             expect: { p99: 50 ms, p99.9: 1 s, lost: 0, achieved: 99 %, schedule-error: 5 ms, found-rate: 1000/s }\n",
        )
        .expect("a profile");
        assert_eq!((profile.devices, profile.connections, profile.seed), (Some(100_000), Some(8), Some(7)));
        let shapes: Vec<&Shape> = profile.phases.iter().map(|phase| &phase.shape).collect();
        assert_eq!(shapes[0], &Shape::Constant(500.0));
        assert_eq!(shapes[3], &Shape::RushHour(50.0, WORKING_DAY.to_vec()));
        assert_eq!(shapes[5], &Shape::Spike { base: 500.0, peak: 10_000.0, rise: 2.0, hold: 10.0 });
        assert_eq!(shapes[8], &Shape::HotRoad(1000.0, 0.8));
        assert_eq!((profile.phases[0].name.as_str(), profile.phases[6].name.as_str()), ("calm", "pause"));
        let expected = Search { p99_us: 50_000, from: 500.0, to: 50_000.0, hold: 5.0, within: 0.02 };
        assert_eq!(profile.search, Some(expected));
        let faults = profile.faults.expect("faults");
        assert!((faults.doubled - 0.01).abs() < 1e-12 && (faults.malformed - 0.005).abs() < 1e-12);
        assert_eq!(faults.clock_step, Some((SimDuration::seconds(10.0), SimDuration::seconds(-3600.0))));
        assert!((faults.clock_drift - 2e-5).abs() < 1e-12 && (faults.frozen - 0.01).abs() < 1e-12);
        let store = profile.store.as_ref().expect("a store");
        assert_eq!((store.step_ms, store.every, profile.truth), (50, 100, Some(false)));
        assert_eq!((profile.expect.p999_us, profile.expect.lost), (Some(1_000_000), Some(0)));
        assert!(profile.to_string().contains("9 phases"), "{profile}");
    }

    #[test]
    fn every_mistake_names_its_place_and_the_fix() {
        for (text, needles) in [
            ("", vec!["should be keys and values", "`phases`"]),
            ("name: a", vec!["says nothing", "constant: 1000/s"]),
            ("phase: []", vec!["1:1", "no key `phase`", "did you mean `phases`?"]),
            ("phases: []", vec!["1:9", "0 phases"]),
            ("phases: [{ constant: 5, for: 1 s }]", vec!["`5` has no unit", "`5 /s`"]),
            ("phases: [{ constant: 2000000/s, for: 1 s }]", vec!["cannot be `2000000/s`", "1000000/s"]),
            ("phases: [{ constant: 0/s, for: 1 s }]", vec!["sends nothing", "pause"]),
            ("phases: [{ constant: -1/s, for: 1 s }]", vec!["cannot be `-1/s`"]),
            ("phases: [{ constant: 1/s }]", vec!["1:10", "no `for`", "for: 30 s"]),
            ("phases: [{ constnat: 1/s, for: 1 s }]", vec!["did you mean `constant`?"]),
            ("phases: [{ constant: 1/s, ramp: { from: 1/s, to: 2/s }, for: 1 s }]", vec!["several of"]),
            ("phases: [{ ramp: { from: 1/s }, for: 1 s }]", vec!["`ramp` has no `to`", "to: 5000/s"]),
            ("phases: [{ spike: { base: 1/s, peak: 9/s, rise: 9 s }, for: 5 s }]", vec!["takes 19 s", "5 s"]),
            ("phases: [{ pause: 5 s }]", vec!["no message is due"]),
            ("phases: [{ pause: 5 s, for: 5 s }, { constant: 1/s, for: 1 s }]", vec!["without `for`"]),
            ("phases: [{ constant: 1/s, for: 8 d }]", vec!["`for` cannot be `8 d`", "7 d"]),
            ("phases: [{ hot-road: { rate: 1/s, share: 2 }, for: 1 s }]", vec!["`2` has no unit"]),
            ("phases: [{ steps: 5/s, for: 1 s }]", vec!["should be a list", "steps: [1000/s"]),
            ("search: { from: 1/s }", vec!["no `p99`", "p99: 50 ms"]),
            ("search: { p99: 1 ms, from: 9/s, to: 1/s }", vec!["`to` is less than `from`"]),
            ("search: { p99: 1 ms }\nconnections: 0", vec!["2:14", "from 1 to 10000"]),
            ("search: { p99: 1 ms }\ndevices: 1.5", vec!["2:10", "whole number"]),
            ("search: { p99: 1 ms }\nexpect: { lost: -1 }", vec!["2:17", "write a count"]),
            ("phases: [{ constant: 1/s, for: 1 s }]\nexpect: { found-rate: 1/s }", vec!["nothing is searched"]),
            ("phases: [{ constant: 1/s, for: 1 s }]\nfaults: { doubled: 101 % }", vec!["2:20", "100 %"]),
            ("phases: [{ constant: 1/s, for: 1 s }]\nsource: city", vec!["2:9", "`source` cannot be the text `city`"]),
            ("search: { p99: 1 ms }\nsource: { city: a, recording: b }", vec!["2:9", "not exactly one"]),
            ("search: { p99: 1 ms }\nsource: { city: a }\ndevices: 5", vec!["3:10", "says itself how many"]),
            ("source: { city: a }\nphases: [{ hot-road: { rate: 1/s, share: 2 % }, for: 1 s }]", vec!["who speaks"]),
            ("search: { p99: 1 ms }\nstore: 'redis://a:secret@b'", vec!["line 2", "holds a password"]),
            ("search: { p99: 1 ms }\nstore: ftp://a", vec!["line 2", "parquet://folder"]),
            ("search: { p99: 1 ms }\nstore: { command: [a], at: 'redis://b' }", vec!["2:8", "not exactly one"]),
            ("search: { p99: 1 ms }\nexpect: { store-p99: 1 s }", vec!["2:9", "no store is named"]),
            ("search: { p99: 1 ms }\nfaults: { clock-drift: 20 % }", vec!["2:24", "`10 %`"]),
        ] {
            let complaint = read(text).expect_err(text);
            for needle in needles {
                assert!(complaint.contains(needle), "{text}: {needle}: {complaint}");
            }
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let complaint =
            read("devices: 0\nphases: [{ constant: x, for: 1 s }, { ramp: {}, for: y }]\nexpect: { p98: 1 s }");
        assert_eq!(complaint.expect_err("mistakes").lines().count(), 6);
    }
}
