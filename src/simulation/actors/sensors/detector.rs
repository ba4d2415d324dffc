//! Induction loops as actors: each looks at its own lane, counts what its error model lets it count, and reports its period.

use bevy_ecs::prelude::*;

use super::scene::Scene;
use super::{Alarm, Device, Directory, LOOPS, Outbox, Percept, Watch, entity, rounded};
use crate::primitives::random::Purpose;
use crate::simulation::kernel::ActorId;
use crate::simulation::traffic::facts::NONE;
use crate::simulation::traffic::road::Road;
use crate::telemetry::Fate;
use crate::telemetry::error::detector::{LoopDetector, Passages};
use crate::telemetry::field::Text;
use crate::telemetry::reading::LoopCount;

/// How far a loop reaches along the lane [m].
const ZONE: f64 = 2.0;

/// A loop in the road.
#[derive(Component, Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct InductionLoop {
    pub road: Text,
    pub lane: u32,
    /// Place of the lane on its road, from the kerb.
    pub lane_index: u32,
    /// Where it begins, from the lane's start [m].
    pub position: f64,
    pub errors: LoopDetector,
    /// What has passed in this period.
    pub tally: Tally,
    /// Whether its first whole period has begun.
    pub on: bool,
}

/// What has passed since the period began.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Tally {
    count: u32,
    long: u32,
    beside: u32,
    covered: f64,
    speeds: f64,
}

/// A front that passed a point, by the lane it was on.
struct Front {
    kind: u32,
    speed: f64,
}

/// Fronts that passed `position` of a lane in the last movement.
fn passed(percept: &Percept, lane: u32, position: f64, mut each: impl FnMut(Front)) {
    let road = &percept.road;
    for body in &road.lanes[lane as usize] {
        // Whoever has just entered the road has not moved.
        let moved = (body.speed * road.dt).min(body.travelled);
        if body.pos >= position && body.pos - moved < position {
            each(Front { kind: body.kind, speed: body.speed });
        }
    }
    let length = road.facts.lane(lane).length;
    for one in percept.crossed.iter().filter(|one| one.from_lane == lane) {
        if length + one.beyond - one.speed * road.dt < position {
            each(Front { kind: one.kind, speed: one.speed });
        }
    }
}

/// How long the zone at `position` of a lane was covered in the last movement [s].
fn covered(road: &Road, lane: u32, position: f64) -> f64 {
    let dt = road.dt;
    let bodies =
        road.lanes[lane as usize].iter().map(|body| cover(body.pos - position, road.kind(body).length, body.speed, dt));
    let tails = road.tails[lane as usize].iter().map(|tail| {
        let length = road.kinds[tail.kind as usize].length;
        cover(tail.back + length - position, length, tail.speed, dt)
    });
    bodies.chain(tails).sum::<f64>().min(dt)
}

/// How long a vehicle covered a zone in a step at whose end its front is `past` the zone's beginning [s].
fn cover(past: f64, length: f64, speed: f64, dt: f64) -> f64 {
    let left = past - length - ZONE;
    if speed <= 0.0 {
        return if past > 0.0 && left < 0.0 { dt } else { 0.0 };
    }
    // The front reaches the zone, and the back leaves it, at these times of the step.
    let (begin, end) = (dt - past / speed, dt - left / speed);
    (end.min(dt) - begin.max(0.0)).max(0.0)
}

/// Loops look at their lanes.
pub(crate) fn perceive(percept: Res<'_, Percept>, scene: Res<'_, Scene>, mut loops: Query<'_, '_, &mut InductionLoop>) {
    let road = &percept.road;
    for mut sensor in &mut loops {
        let (lane, position) = (sensor.lane, sensor.position);
        let tally = &mut sensor.tally;
        passed(&percept, lane, position, |front| {
            tally.count += 1;
            tally.long += u32::from(scene.kinds[front.kind as usize].long);
            tally.speeds += front.speed;
        });
        let facts = road.facts.lane(lane);
        for beside in [facts.left, facts.right].into_iter().filter(|&lane| lane != NONE) {
            passed(&percept, beside, position, |_| tally.beside += 1);
        }
        tally.covered += covered(road, lane, position);
    }
}

/// Loops whose period is over report.
pub(crate) fn report(
    watch: Res<'_, Watch>,
    directory: Res<'_, Directory>,
    mut alarm: ResMut<'_, Alarm>,
    mut outbox: ResMut<'_, Outbox>,
    mut loops: Query<'_, '_, (&mut Device, &mut InductionLoop)>,
) {
    for actor in alarm.woken(LOOPS) {
        let Some((mut device, mut sensor)) = entity(&directory, actor).and_then(|e| loops.get_mut(e).ok()) else {
            continue;
        };
        alarm.timers.set(watch.now + device.every, actor);
        let tally = std::mem::take(&mut sensor.tally);
        if !std::mem::replace(&mut sensor.on, true) {
            continue;
        }
        outbox.post(tell(&watch, actor, &mut device, &mut sensor, &tally));
    }
}

fn tell(
    watch: &Watch,
    actor: ActorId,
    device: &mut Device,
    sensor: &mut InductionLoop,
    tally: &Tally,
) -> crate::telemetry::Emission {
    let speed = (tally.count > 0).then(|| tally.speeds / f64::from(tally.count));
    let occupancy = (tally.covered / device.every.as_seconds()).clamp(0.0, 1.0);
    let truth = Passages { count: tally.count, long: tally.long, beside: tally.beside, occupancy, speed };
    let mut rng = watch.dice(Purpose::LoopError, actor).roll(device.sequence);
    let counted = sensor.errors.observe(&truth, watch.now.as_seconds(), &mut rng);
    let reading = |count: u32, occupancy: f64, speed: Option<f64>| LoopCount {
        road_id: Text::clone(&sensor.road),
        lane: sensor.lane_index,
        latitude: device.lon_lat.1,
        longitude: device.lon_lat.0,
        period_s: period(device),
        count,
        occupancy: rounded(occupancy * 100.0, 1),
        speed: speed.map(|speed| rounded(speed * 3.6, 1).min(400.0)),
    };
    let said = reading(counted.count, counted.occupancy, counted.speed);
    let true_one = reading(truth.count, truth.occupancy, truth.speed);
    device.emit(watch.timestamp(), said, true_one, counted.fault, Fate::Sent)
}

/// A device's period in whole seconds.
pub(super) fn period(device: &Device) -> u32 {
    u32::try_from(device.every.as_milliseconds() / 1000).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A car of 5 m at 10 m/s covers a loop of 2 m for 0.7 s, however the steps cut it up.
    #[test]
    fn a_passing_vehicle_covers_the_loop_for_as_long_as_it_takes() {
        for dt in [0.1, 0.5, 1.0] {
            for start in [-20.0, -17.3, -12.9] {
                let step = |k: u32| cover(start + 10.0 * dt * f64::from(k), 5.0, 10.0, dt);
                let sum: f64 = (0..200).map(step).sum();
                assert!((sum - 0.7).abs() < 1e-9, "{dt} {start}: {sum}");
            }
        }
        assert!((cover(3.0, 5.0, 0.0, 1.0) - 1.0).abs() < 1e-12 && cover(-0.1, 5.0, 0.0, 1.0) == 0.0);
    }
}
