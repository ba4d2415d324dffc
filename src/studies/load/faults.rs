//! What goes wrong with a load on demand: shares of messages and of devices, the label each fault leaves in the truth, and how often.
//!
//! The list is that of what happens to real devices and their radios: outages come in runs, clocks are wrong in many ways, sensors
//! freeze and drift, firmware changes units and fields. How a fault is put on stands in `wrongs.rs`.

use serde::ser::SerializeMap as _;

use crate::primitives::SimDuration;

/// Something that goes wrong with a message of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadFault {
    /// Sent twice.
    Doubled,
    /// Overtaken by later messages of its device.
    Reordered,
    /// Measured ten minutes before it was sent, as after an outage.
    Late,
    /// Cut off in the middle.
    Malformed,
    /// Lost by the radio, with its neighbours.
    DropOut,
    /// A number stands for "no value": -9999.
    Sentinel,
    /// At latitude and longitude 0.
    NullIsland,
    /// Latitude and longitude in each other's place.
    Swapped,
    /// The device's clock is an hour ahead all the time.
    WrongClock,
    /// The device's clock began at 1970 when its battery was changed.
    ResetClock,
    /// The device's clock is off by a fixed time of its own.
    ClockOffset,
    /// The device's clock goes too fast or too slow.
    ClockDrift,
    /// Every clock is off from a moment on.
    ClockStep,
    /// The device says what it first said, for ever.
    Frozen,
    /// The sensor's numbers grow from message to message.
    Drift,
    /// Speeds are told in miles per hour.
    UnitChange,
    /// The message has a field that nobody announced.
    SchemaDrift,
    /// The battery is low: every second message, then all are missing.
    Battery,
}

impl LoadFault {
    /// Every fault there is.
    pub const ALL: [Self; 18] = [
        Self::Doubled,
        Self::Reordered,
        Self::Late,
        Self::Malformed,
        Self::DropOut,
        Self::Sentinel,
        Self::NullIsland,
        Self::Swapped,
        Self::WrongClock,
        Self::ResetClock,
        Self::ClockOffset,
        Self::ClockDrift,
        Self::ClockStep,
        Self::Frozen,
        Self::Drift,
        Self::UnitChange,
        Self::SchemaDrift,
        Self::Battery,
    ];

    /// Its word in profiles, figures and truth.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Doubled => "doubled",
            Self::Reordered => "reordered",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::DropOut => "drop-out",
            Self::Sentinel => "sentinel",
            Self::NullIsland => "null-island",
            Self::Swapped => "swapped",
            Self::WrongClock => "wrong-clocks",
            Self::ResetClock => "reset-clocks",
            Self::ClockOffset => "clock-offset",
            Self::ClockDrift => "clock-drift",
            Self::ClockStep => "clock-step",
            Self::Frozen => "frozen",
            Self::Drift => "drift",
            Self::UnitChange => "unit-change",
            Self::SchemaDrift => "schema-drift",
            Self::Battery => "battery",
        }
    }

    /// What happened, in words for people.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Doubled => "Sent twice",
            Self::Reordered => "Out of order",
            Self::Late => "Ten minutes late",
            Self::Malformed => "Cut off",
            Self::DropOut => "Lost in outages",
            Self::Sentinel => "-9999 for a value",
            Self::NullIsland => "At latitude and longitude 0",
            Self::Swapped => "Latitude and longitude swapped",
            Self::WrongClock => "By a clock an hour ahead",
            Self::ResetClock => "By a clock that began at 1970",
            Self::ClockOffset => "By a clock that is off",
            Self::ClockDrift => "By a clock that drifts",
            Self::ClockStep => "After the clock step",
            Self::Frozen => "Frozen values",
            Self::Drift => "Drifting values",
            Self::UnitChange => "Speeds in miles per hour",
            Self::SchemaDrift => "With a field nobody announced",
            Self::Battery => "Not sent for want of battery",
        }
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// Shares of messages or of devices with which something goes wrong, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Messages sent twice; the copy comes up to three of its device's turns later.
    pub doubled: f64,
    /// Messages sent up to three of its device's turns later.
    pub reordered: f64,
    /// Messages measured ten minutes ago, as after an outage.
    pub late: f64,
    /// Messages cut off in the middle.
    pub malformed: f64,
    /// Messages followed by something a stranger sends.
    pub hostile: f64,
    /// Messages lost, ten of a device in a row.
    pub drop_out: f64,
    /// Messages in which a number is -9999.
    pub sentinel: f64,
    /// Messages from latitude and longitude 0.
    pub null_island: f64,
    /// Messages with latitude and longitude in each other's place.
    pub swapped: f64,
    /// From this time after the beginning on, every device's clock is wrong by so much.
    pub clock_step: Option<(SimDuration, SimDuration)>,
    /// Standard deviation of how far each device's clock is off, if it is; it stays so.
    pub clock_offset: Option<SimDuration>,
    /// How much too fast or slow clocks go: each device's own share up to this.
    pub clock_drift: f64,
    /// Devices whose clock is an hour ahead all the time, as in a wrong time zone.
    pub wrong_clocks: f64,
    /// Devices whose clock was at 1970 when the load began.
    pub reset_clocks: f64,
    /// Devices that say what they first said.
    pub frozen: f64,
    /// Devices whose numbers grow by a hundredth with each message.
    pub drift: f64,
    /// Devices that tell speeds in miles per hour.
    pub unit_change: f64,
    /// Devices whose messages have a field that nobody announced.
    pub schema_drift: f64,
    /// Devices whose battery runs out: after ten messages every second one is missing, after twenty all.
    pub battery: f64,
}

/// What was put on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Labels(u32);

impl Labels {
    /// Adds a fault.
    pub const fn put(&mut self, fault: LoadFault) {
        self.0 |= 1 << fault.place();
    }

    /// Whether a fault is among them.
    pub const fn has(self, fault: LoadFault) -> bool {
        self.0 & (1 << fault.place()) != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The faults, in their order.
    pub fn each(self) -> impl Iterator<Item = LoadFault> {
        LoadFault::ALL.into_iter().filter(move |fault| self.has(*fault))
    }
}

impl std::fmt::Display for Labels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (number, fault) in self.each().enumerate() {
            write!(f, "{}{}", if number > 0 { " " } else { "" }, fault.word())?;
        }
        Ok(())
    }
}

/// How often what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    messages: [u64; LoadFault::ALL.len()],
    /// Messages sent by strangers.
    pub hostile: u64,
}

impl FaultCounts {
    /// Messages with a fault.
    pub const fn of(&self, fault: LoadFault) -> u64 {
        self.messages[fault.place()]
    }

    /// Notes what was put on a message.
    pub fn note(&mut self, labels: Labels) {
        labels.each().for_each(|fault| self.messages[fault.place()] += 1);
    }
}

impl serde::Serialize for FaultCounts {
    /// By the faults' words.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for fault in LoadFault::ALL {
            map.serialize_entry(fault.word(), &self.of(fault))?;
        }
        map.serialize_entry("hostile", &self.hostile)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_told_by_their_words_and_counted_each() {
        let (mut labels, mut counts) = (Labels::default(), FaultCounts::default());
        assert!(labels.is_empty());
        labels.put(LoadFault::Frozen);
        labels.put(LoadFault::Doubled);
        assert_eq!((labels.to_string(), labels.has(LoadFault::Late)), ("doubled frozen".to_owned(), false));
        counts.note(labels);
        counts.note(labels);
        assert_eq!((counts.of(LoadFault::Frozen), counts.of(LoadFault::Late)), (2, 0));
        let json = serde_json::to_value(counts).expect("figures");
        assert_eq!((json["doubled"].as_u64(), json["hostile"].as_u64()), (Some(2), Some(0)));
        let words: std::collections::BTreeSet<_> = LoadFault::ALL.into_iter().map(LoadFault::word).collect();
        assert_eq!(words.len(), LoadFault::ALL.len(), "each has a word of its own");
        for (place, fault) in LoadFault::ALL.into_iter().enumerate() {
            assert_eq!(fault.place(), place, "{fault:?}");
        }
    }
}
