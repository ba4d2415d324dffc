//! What a checkpoint keeps of the health of devices, and back.

use serde::{Deserialize, Serialize};

use super::air::Panel;
use super::clock::ClockWatch;
use super::silence::Cadence;
use super::{DEVICES_MAX, Device, Health, Memory};
use crate::pipeline::analytics::road_index::RoadIndex;
use crate::telemetry::field::Text;
use crate::telemetry::{DeviceId, ReadingKind};

/// What a checkpoint keeps.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::pipeline::analytics) struct HealthState {
    devices: Vec<DeviceState>,
    panel: Panel,
    newest: Option<i64>,
    resumed: i64,
    pace: i64,
    crowded: u64,
}

/// A device; short names and nothing that is as at the beginning, because there are many.
#[derive(Debug, Serialize, Deserialize)]
struct DeviceState {
    id: String,
    kind: String,
    /// When it was last heard, and last present [ms].
    heard: (i64, i64),
    #[serde(default, skip_serializing_if = "is_default")]
    against: u8,
    #[serde(default, skip_serializing_if = "is_default")]
    road: Option<Text>,
    #[serde(default, skip_serializing_if = "is_default")]
    place: Option<(f64, f64)>,
    #[serde(default, skip_serializing_if = "is_default")]
    cadence: Cadence,
    #[serde(default, skip_serializing_if = "is_default")]
    clock: ClockWatch,
    memory: Memory,
}

/// Whether a value is as at the beginning.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Health {
    pub(in crate::pipeline::analytics) fn state(&self) -> HealthState {
        let mut devices: Vec<DeviceState> = self
            .devices
            .iter()
            .map(|(id, device)| DeviceState {
                id: id.to_string(),
                kind: device.kind.word().to_owned(),
                heard: (device.heard, device.present),
                against: device.against,
                road: device.road.clone(),
                place: device.place,
                cadence: device.cadence,
                clock: device.clock,
                memory: device.memory.clone(),
            })
            .collect();
        devices.sort_by(|a, b| a.id.cmp(&b.id));
        let (panel, newest, resumed) = (self.panel.clone(), self.newest, self.resumed);
        HealthState { devices, panel, newest, resumed, pace: self.pace, crowded: self.crowded }
    }

    /// What a checkpoint kept; none if it is no sound state.
    pub(in crate::pipeline::analytics) fn restore(state: HealthState, roads: Option<&RoadIndex>) -> Option<Self> {
        if state.devices.len() > DEVICES_MAX {
            return None;
        }
        let HealthState { panel, newest, resumed, pace, crowded, .. } = state;
        let mut health = Self { panel, newest, resumed, pace, crowded, ..Self::default() };
        for kept in state.devices {
            let id: DeviceId = kept.id.parse().ok()?;
            let kind = ReadingKind::ALL.iter().copied().find(|kind| kind.word() == kept.kind)?;
            let mut device = Device::new(kind, kept.heard.0);
            if std::mem::discriminant(&device.memory) != std::mem::discriminant(&kept.memory) {
                return None;
            }
            (device.present, device.against, device.road, device.place) =
                (kept.heard.1, kept.against, kept.road, kept.place);
            (device.cadence, device.clock, device.memory) = (kept.cadence, kept.clock, kept.memory);
            health.enter(id, device, roads);
        }
        Some(health)
    }
}
