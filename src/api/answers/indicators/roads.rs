//! Traffic on roads, as loops, cameras and trackers saw it in the newest five minutes.

use super::{Indicator, Known, count, mean, percent, share, sum, tables, whole};
use crate::pipeline::analytics::{Level, RoadWindow};

/// Speed below which a travel time would be that of a standing queue [km/h].
const SPEED_LEAST: f64 = 1.0;

/// Speed and speed on the empty road [km/h], where both are known.
fn speeds(known: &Known) -> impl Iterator<Item = (f64, f64)> {
    known.roads.iter().filter_map(|row| row.speed_kmh.zip(row.free_speed_kmh)).filter(|both| both.1 > 0.0)
}

fn at(known: &Known, level: Level) -> Option<f64> {
    let told: Vec<Level> = known.roads.iter().filter_map(|row| row.level).collect();
    share(&told, |one| *one == level)
}

fn counted(known: &Known, of: fn(&RoadWindow) -> u64) -> Option<f64> {
    let all: u64 = known.roads.iter().map(|row| row.sums.camera_count()).sum();
    percent(whole(known.roads.iter().map(of).sum()), whole(all))
}

pub(super) const ALL: &[Indicator] = &[
    tables(
        "traffic.speed_kmh",
        "km/h",
        "Mean of the mean speeds of all roads that somebody saw in the newest five minutes.",
        |known| mean(known.roads.iter().filter_map(|row| row.speed_kmh)),
    ),
    tables(
        "traffic.speed_percent",
        "%",
        "Mean of speed over speed limit, road by road, in the newest five minutes.",
        |known| mean(speeds(known).map(|(speed, free)| 100.0 * speed / free)),
    ),
    tables(
        "traffic.travel_time_index",
        "",
        "Mean of travel time over that on the empty road, road by road: 1 is free (Schrank and Lomax 2009).",
        |known| mean(speeds(known).map(|(speed, free)| free / speed.max(SPEED_LEAST))),
    ),
    tables(
        "traffic.delay_s_per_km",
        "s/km",
        "Mean of the time lost over a kilometre against the empty road, road by road; nothing where it is faster.",
        |known| mean(speeds(known).map(|(speed, free)| (3600.0 / speed.max(SPEED_LEAST) - 3600.0 / free).max(0.0))),
    ),
    tables("traffic.roads_seen", "roads", "Roads that anything saw in the newest five minutes.", |known| {
        Some(count(known.roads.len()))
    }),
    tables("traffic.roads_free_percent", "%", "Share of roads above 67 % of their speed limit (HCM 2010).", |known| {
        at(known, Level::Free)
    }),
    tables("traffic.roads_moderate_percent", "%", "Share of roads at 50 to 67 % of their speed limit.", |known| {
        at(known, Level::Moderate)
    }),
    tables("traffic.roads_heavy_percent", "%", "Share of roads at 30 to 50 % of their speed limit.", |known| {
        at(known, Level::Heavy)
    }),
    tables("traffic.roads_stopped_percent", "%", "Share of roads at 30 % of their speed limit or less.", |known| {
        at(known, Level::Stopped)
    }),
    tables("traffic.slowest_percent", "%", "Speed over speed limit on the slowest road.", |known| {
        speeds(known).map(|(speed, free)| 100.0 * speed / free).reduce(f64::min)
    }),
    tables("traffic.flow_veh_h", "veh/h", "Mean flow over the roads whose flow was counted.", |known| {
        mean(known.roads.iter().filter_map(|row| row.flow_veh_h))
    }),
    tables("traffic.flow_max_veh_h", "veh/h", "Flow on the busiest road.", |known| {
        known.roads.iter().filter_map(|row| row.flow_veh_h).reduce(f64::max)
    }),
    tables("traffic.roads_counted", "roads", "Roads whose flow was counted.", |known| {
        Some(count(known.roads.iter().filter(|row| row.flow_veh_h.is_some()).count()))
    }),
    tables("traffic.occupancy_percent", "%", "Mean share of time in which a vehicle stood over a loop.", |known| {
        mean(known.roads.iter().filter_map(|row| row.occupancy_percent))
    }),
    tables("traffic.cameras_counted", "veh", "Vehicles that cameras counted in the newest five minutes.", |known| {
        sum(known.roads.iter().map(|row| whole(row.sums.camera_count())))
    }),
    tables("traffic.trucks_percent", "%", "Share of trucks among the vehicles that cameras counted.", |known| {
        counted(known, |row| row.sums.trucks)
    }),
    tables("traffic.vans_percent", "%", "Share of vans among the vehicles that cameras counted.", |known| {
        counted(known, |row| row.sums.vans)
    }),
    tables("traffic.buses_percent", "%", "Share of buses among the vehicles that cameras counted.", |known| {
        counted(known, |row| row.sums.buses)
    }),
];
