//! Signal controllers tell what they show: a record at every change of phase, without error.

use bevy_ecs::prelude::*;

use super::{Device, Outbox, Watch};
use crate::city::network::Aspect;
use crate::simulation::actors::Identity;
use crate::simulation::actors::signal::Controller;
use crate::telemetry::Fate;
use crate::telemetry::field::{TEXT_MAX, Text};
use crate::telemetry::reading::Signal;

/// The junction a controller stands at.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Junction(pub Text);

/// Controllers whose phase began in this step report.
pub(crate) fn report(
    watch: Res<'_, Watch>,
    mut outbox: ResMut<'_, Outbox>,
    mut signals: Query<'_, '_, (&Identity, &Controller, &Junction, &mut Device)>,
) {
    let mut changed: Vec<_> = signals.iter_mut().filter(|one| one.1.phase().1 == watch.now).collect();
    changed.sort_by_key(|one| one.0.0);
    for (_, controller, junction, mut device) in changed {
        let (phase, _, aspects) = controller.phase();
        let state: String = aspects.iter().take(TEXT_MAX).copied().map(Aspect::letter).collect();
        let reading = Signal {
            junction_id: Text::clone(&junction.0),
            latitude: device.lon_lat.1,
            longitude: device.lon_lat.0,
            phase: u32::try_from(phase).unwrap_or(u32::MAX),
            state: Text::from(state),
        };
        outbox.post(device.emit(watch.timestamp(), reading.clone(), reading, None, Fate::Sent));
    }
}
