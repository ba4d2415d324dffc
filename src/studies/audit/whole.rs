//! The whole audit of a folder: one balance for each place where records lie, and the live state beside them.

use std::fmt;

use serde::Serialize;

use super::alerts::AlertAccount;
use super::balance::{Account, Balance, Missing};
use super::live::LiveAccount;
use super::windows::WindowAccount;

/// Everything an audit found.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// Whether the sender was cut off, so that its journal was read in the place of a ledger.
    pub cut_off: bool,
    /// A balance for each place, by its name.
    pub balances: Vec<(&'static str, Balance)>,
    /// Places that could not be looked into, and why.
    pub left_out: Vec<(&'static str, String)>,
    /// The live state.
    pub live: Option<LiveAccount>,
    /// Alerts and notices, where there are rules.
    pub alerts: Option<AlertAccount>,
    /// The minutes of vehicles.
    pub windows: Option<WindowAccount>,
}

/// An account in JSON.
#[derive(Serialize)]
struct InNumbers {
    emitted: u64,
    stored: u64,
    quarantined: u64,
    lost: u64,
    unsent: u64,
    gone_by_age: u64,
    unexplained: i64,
    doubled: u64,
    forged: u64,
    damaged: u64,
    compared: u64,
    only_counted: u64,
    own_copies: u64,
    strange_rows: u64,
    strange_messages: u64,
    devices: usize,
    open: usize,
    closes: bool,
}

impl From<&Balance> for InNumbers {
    fn from(balance: &Balance) -> Self {
        let Account { emitted, stored, quarantined, lost, unsent, gone, doubled, forged, damaged } = balance.total;
        Self {
            emitted,
            stored,
            quarantined,
            lost,
            unsent,
            gone_by_age: gone,
            unexplained: balance.devices.values().map(Account::unexplained).map(i64::abs).sum(),
            doubled,
            forged,
            damaged,
            compared: balance.compared,
            only_counted: balance.counted,
            own_copies: balance.own_copies,
            strange_rows: balance.strangers.values().sum(),
            strange_messages: balance.strange_messages,
            devices: balance.devices.len(),
            open: balance.open_lines().len(),
            closes: balance.closes(),
        }
    }
}

/// Missing sequences of a line in JSON.
fn missing(Missing { line, runs, more_runs, excused }: &Missing) -> serde_json::Value {
    serde_json::json!({
        "device": line.device.as_str(), "kind": line.kind.word(), "epoch": line.epoch, "sequences": runs,
        "more_runs": more_runs, "of_them_excused": excused,
    })
}

impl Audit {
    /// Whether every balance closes, the live state is right, windows hold no more than there is, and alerts have their causes and causes
    /// their alerts.
    pub fn closes(&self) -> bool {
        self.balances.iter().all(|(_, balance)| balance.closes())
            && self.live.as_ref().is_none_or(LiveAccount::closes)
            && self.windows.as_ref().is_none_or(WindowAccount::closes)
            && self.alerts.as_ref().is_none_or(AlertAccount::closes)
    }

    /// The figures as one JSON object; `unexplained` is added up over devices without regard to its sign.
    pub fn json(&self) -> serde_json::Value {
        let mut places = serde_json::Map::new();
        for (place, balance) in &self.balances {
            let numbers = serde_json::to_value(InNumbers::from(balance)).unwrap_or_default();
            places.insert((*place).to_owned(), numbers);
        }
        let missing: Vec<_> = self.balances.iter().flat_map(|(_, balance)| &balance.missing).map(missing).collect();
        let left_out: serde_json::Map<_, _> =
            self.left_out.iter().map(|(place, why)| ((*place).to_owned(), why.clone().into())).collect();
        serde_json::json!({
            "closes": self.closes(),
            "sender_cut_off": self.cut_off,
            "places": places,
            "left_out": left_out,
            "missing": missing,
            "missing_of_more_lines": self.balances.iter().map(|(_, balance)| balance.missing_more).sum::<usize>(),
            "live": self.live,
            "alerts": self.alerts,
            "windows": self.windows,
        })
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cut_off {
            writeln!(f, "the sender was cut off: what it was about to send was read from its journal")?;
        }
        for (place, balance) in &self.balances {
            writeln!(f, "{place}:\n{balance}")?;
        }
        for (place, why) in &self.left_out {
            writeln!(f, "{place}: left out, {why}")?;
        }
        if let Some(LiveAccount { right, wrong, missing, gone, strange }) = self.live {
            writeln!(
                f,
                "live state: {right} devices' last words are right, {wrong} wrong, {missing} missing, {gone} gone by age or for want of \
                 room, {strange} strange"
            )?;
        }
        if let Some(alerts) = &self.alerts {
            writeln!(f, "{alerts}")?;
        }
        if let Some(windows) = self.windows {
            let WindowAccount { stored, summed, unreadable } = windows;
            write!(f, "minutes of vehicles: {summed} of {stored} stored positions; ")?;
            writeln!(f, "{} came too late or are in open windows, {unreadable} rows unreadable", windows.open())?;
        }
        write!(f, "{}", if self.closes() { "all of it closes" } else { "NOT all of it closes" })
    }
}
