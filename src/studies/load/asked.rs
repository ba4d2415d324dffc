//! What a profile says besides its phases: where messages come from, what goes wrong with them, in which store they are looked for.

use std::path::PathBuf;

use super::faults::Faults;
use super::profile::{all, quantity, seconds, share};
use super::schedule::Phase;
use super::schedule::{SECONDS_MAX, Shape};
use crate::primitives::SimDuration;
use crate::primitives::fields::{Fields, Reader};
use crate::primitives::tree::{Node, Value};
use crate::primitives::units::{DURATION, Units};

const SOURCE_KEYS: [&str; 2] = ["city", "recording"];
const MESSAGE_FAULTS: [&str; 9] =
    ["doubled", "reordered", "late", "malformed", "hostile", "drop-out", "sentinel", "null-island", "swapped"];
const DEVICE_FAULTS: [&str; 7] =
    ["wrong-clocks", "reset-clocks", "frozen", "drift", "unit-change", "schema-drift", "battery"];
const STORE_KEYS: [&str; 9] = ["at", "query", "command", "step", "every", "devices", "wait", "name", "ca"];

/// How much too fast or slow a clock goes.
const DRIFTS: Units = Units {
    what: "a drift of clocks",
    table: &[("ppm", 1e-6), ("%", 0.01), ("‰", 0.001)],
    examples: &["20 ppm", "1 ‰"],
    sums: false,
};
/// Most words of a command, with the program.
const WORDS_MAX: usize = 64;
/// Most devices whose messages are looked for.
const PROBES_MAX: f64 = 1000.0;

/// Where messages come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceAsked {
    /// From devices that are made up.
    #[default]
    Synthetic,
    /// From the devices of a scenario's city, which is run for it.
    City(PathBuf),
    /// From what an earlier run, or another program, wrote down.
    Recording(PathBuf),
}

impl SourceAsked {
    /// Reads `synthetic`, `city:scenario.yaml` or `recording:folder`.
    ///
    /// # Errors
    /// A sentence saying how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "synthetic" => Ok(Self::Synthetic),
            Some(("city", path)) if !path.is_empty() => Ok(Self::City(path.into())),
            Some(("recording", path)) if !path.is_empty() => Ok(Self::Recording(path.into())),
            _ => {
                Err("a source is `synthetic`, `city:scenario.yaml`, or `recording:` with the folder of a run or a file"
                    .to_owned())
            }
        }
    }
}

/// In which store messages are looked for, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreAsked {
    /// Its address; none for a command alone.
    pub at: Option<String>,
    /// What is asked there, if it is not a store of ours.
    pub query: Option<String>,
    /// A program and its words.
    pub command: Vec<String>,
    /// The schema or prefix of a store of ours.
    pub name: String,
    /// Certificates of who may vouch for the server.
    pub ca: Option<PathBuf>,
    /// How often it is looked [ms].
    pub step_ms: u64,
    /// Every so manieth message of a device that is looked for is one.
    pub every: u64,
    /// How many devices' messages are looked for.
    pub devices: u64,
    /// How long after the last acknowledgement it is looked on [ms].
    pub wait_ms: u64,
}

impl Default for StoreAsked {
    fn default() -> Self {
        Self {
            at: None,
            query: None,
            command: Vec::new(),
            name: "citytwin".to_owned(),
            ca: None,
            step_ms: 100,
            every: 10,
            devices: 10,
            wait_ms: 30_000,
        }
    }
}

impl std::fmt::Debug for StoreAsked {
    /// Without query and command, in which somebody may have written a secret all the same.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreAsked({:?}, every {} of {} devices)", self.at, self.every, self.devices)
    }
}

impl StoreAsked {
    /// A store by its address alone, with everything else as usual.
    ///
    /// # Errors
    /// A sentence when it is none, or holds a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        fits(text)?;
        Ok(Self { at: Some(text.to_owned()), ..Self::default() })
    }
}

/// Whether an address can be one of a store; what is wrong with it is told without it, for it may hold a password.
fn fits(text: &str) -> Result<(), String> {
    let schemes = ["http", "https", "postgres", "postgresql", "redis", "rediss", "parquet"];
    let Some((_, rest)) = text.split_once("://").filter(|(scheme, _)| schemes.contains(scheme)) else {
        return Err(
            "a store is named as http://host:port, postgres://host/database, redis://host/0 or parquet://folder"
                .to_owned(),
        );
    };
    let in_login = rest.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'));
    if in_login || rest.split(['?', '&']).skip(1).any(|parameter| parameter.starts_with("password=")) {
        return Err(
            "the address holds a password; its place is the environment variable `CITYTWIN_STORE_PASSWORD`".to_owned()
        );
    }
    if rest.is_empty() {
        return Err("the address names no host and no folder".to_owned());
    }
    Ok(())
}

/// Reads where messages come from.
pub(super) fn source(reader: &mut Reader<'_>, node: &Node) -> Option<SourceAsked> {
    let help = "write `synthetic`, `{ city: scenario.yaml }` or `{ recording: folder of a run, or a file }`";
    match &node.value {
        Value::Text(text) if text == "synthetic" => Some(SourceAsked::Synthetic),
        Value::Map(_) => {
            let fields = reader.fields(node, "`source`", &SOURCE_KEYS)?;
            match (reader.file(&fields, "city"), reader.file(&fields, "recording")) {
                (Some(city), None) => Some(SourceAsked::City(city)),
                (None, Some(recording)) => Some(SourceAsked::Recording(recording)),
                _ => {
                    reader.wrong(node, "`source` names not exactly one", help);
                    None
                }
            }
        }
        other => {
            reader.wrong(node, format!("`source` cannot be {}", other.describe()), help);
            None
        }
    }
}

/// Notes what a source that tells by itself cannot do.
pub(super) fn check_source(reader: &mut Reader<'_>, at: &Node, devices: Option<&Node>, phases: &[Phase]) {
    if let Some(node) = devices {
        reader.wrong(node, "the source says itself how many devices there are", "leave `devices` out");
    }
    if let Some(phase) = phases.iter().find(|phase| matches!(phase.shape, Shape::HotRoad(..))) {
        let message = format!("the source says itself who speaks, and the phase `{}` is about one road", phase.name);
        reader.wrong(at, message, "write `source: synthetic`, or leave the phase out");
    }
}

/// Reads what goes wrong.
pub(super) fn faults(reader: &mut Reader<'_>, node: &Node) -> Option<Faults> {
    let others = ["clock-step", "clock-offset", "clock-drift"];
    let keys: Vec<&str> = MESSAGE_FAULTS.into_iter().chain(DEVICE_FAULTS).chain(others).collect();
    let fields = reader.fields(node, "`faults`", &keys)?;
    let mut of = |key: &str| fields.get(key).map_or(Some(0.0), |node| share(reader, node, key));
    let messages = MESSAGE_FAULTS.map(&mut of);
    let devices = DEVICE_FAULTS.map(&mut of);
    let clock_step = match fields.get("clock-step") {
        None => None,
        Some(node) => Some(clock_step(reader, node)?),
    };
    let clock_offset = fields.get("clock-offset").map(|node| seconds(reader, node, "clock-offset", 0.0));
    let clock_drift = fields.get("clock-drift").map_or(Some(0.0), |node| {
        quantity(reader, node, "clock-drift", &DRIFTS, (0.0, 0.1), "write a drift from `0 ppm` to `10 %`")
    });
    let [doubled, reordered, late, malformed, hostile, drop_out, sentinel, null_island, swapped] = messages;
    let [wrong_clocks, reset_clocks, frozen, drift, unit_change, schema_drift, battery] = devices;
    Some(Faults {
        doubled: doubled?,
        reordered: reordered?,
        late: late?,
        malformed: malformed?,
        hostile: hostile?,
        drop_out: drop_out?,
        sentinel: sentinel?,
        null_island: null_island?,
        swapped: swapped?,
        clock_step,
        clock_offset: match clock_offset {
            None => None,
            Some(deviation) => Some(SimDuration::seconds(deviation?)),
        },
        clock_drift: clock_drift?,
        wrong_clocks: wrong_clocks?,
        reset_clocks: reset_clocks?,
        frozen: frozen?,
        drift: drift?,
        unit_change: unit_change?,
        schema_drift: schema_drift?,
        battery: battery?,
    })
}

fn clock_step(reader: &mut Reader<'_>, node: &Node) -> Option<(SimDuration, SimDuration)> {
    let fields = reader.fields(node, "`clock-step`", &["at", "by"])?;
    let helps = [("at", "when, such as `at: 30 s`"), ("by", "by how much, such as `by: 1 h` or `by: -1 h`")];
    let [at, by] = all(reader, &fields, helps)?;
    let help = "write a time from `-7 d` to `7 d`";
    let by = quantity(reader, by, "by", &DURATION, (-SECONDS_MAX, SECONDS_MAX), help);
    Some((SimDuration::seconds(seconds(reader, at, "at", 0.0)?), SimDuration::seconds(by?)))
}

/// Reads in which store messages are looked for.
pub(super) fn store(reader: &mut Reader<'_>, node: &Node) -> Option<StoreAsked> {
    if let Value::Text(text) = &node.value {
        return StoreAsked::parse(text).map_err(|reason| address_wrong(reader, node, &reason)).ok();
    }
    let fields = reader.fields(node, "`store`", &STORE_KEYS)?;
    let usual = StoreAsked::default();
    let at = fields.get("at").map(|node| {
        let text = reader.text(node, "at")?;
        fits(&text).map_err(|reason| address_wrong(reader, node, &reason)).ok()?;
        Some(text)
    });
    let query = fields.get("query").map(|node| reader.text(node, "query"));
    let command = fields.get("command").map(|node| command(reader, node));
    if at.is_some() == command.is_some() {
        let help = "write `at:` with its address, or `command: [program, '{device}', '{sequence}']`";
        reader.wrong(node, "`store` names not exactly one of an address and a command", help);
        return None;
    }
    let mut time = |key: &str, least: f64, most: f64, otherwise: u64| match fields.get(key) {
        None => Some(otherwise),
        Some(node) => {
            let help = format!("write a time from `{least} s` to `{most} s`");
            quantity(reader, node, key, &DURATION, (least, most), &help).map(|seconds| super::micros(seconds) / 1000)
        }
    };
    let (step_ms, wait_ms) = (time("step", 0.005, 60.0, usual.step_ms), time("wait", 0.0, 3600.0, usual.wait_ms));
    let (every, devices) = (
        count(reader, &fields, "every", 1e6, usual.every),
        count(reader, &fields, "devices", PROBES_MAX, usual.devices),
    );
    let name = fields.get("name").map_or(Some(usual.name), |node| reader.text(node, "name"));
    Some(StoreAsked {
        at: optional(at)?,
        query: optional(query)?,
        command: optional(command)?.unwrap_or_default(),
        name: name?,
        ca: reader.file(&fields, "ca"),
        step_ms: step_ms?,
        every: every?,
        devices: devices?,
        wait_ms: wait_ms?,
    })
}

/// What is there and right, or not there; none where it is there and wrong.
#[expect(clippy::option_option, reason = "there or not, and right or not")]
fn optional<T>(found: Option<Option<T>>) -> Option<Option<T>> {
    found.map_or(Some(None), |found| found.map(Some))
}

/// What stands there may be a secret: it is not shown.
fn address_wrong(reader: &mut Reader<'_>, node: &Node, reason: &str) {
    reader.wrong_unshown(
        node,
        format!("`store`: {reason}"),
        "user and password come from `CITYTWIN_STORE_USER` and `CITYTWIN_STORE_PASSWORD`",
    );
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds, and fractions are cut off")]
fn count(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, most: f64, otherwise: u64) -> Option<u64> {
    fields.get(key).map_or(Some(otherwise), |node| reader.number(node, key, 1.0..=most).map(|number| number as u64))
}

fn command(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let Value::List(items) = &node.value else {
        let help = "write the program and its words in a row: `[./look.sh, '{device}', '{sequence}']`";
        reader.wrong(node, format!("`command` should be a list, not {}", node.value.describe()), help);
        return None;
    };
    if items.is_empty() || items.len() > WORDS_MAX {
        reader.wrong(node, format!("`command` has {} words", items.len()), format!("write 1 to {WORDS_MAX}"));
        return None;
    }
    items.iter().map(|item| reader.text(item, "command")).collect()
}
