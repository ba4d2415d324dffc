/** Which indicators somebody's board shows, and in what order. Pure: the board keeps and draws it. */

/** An indicator, as `/api/v1/indicators` gives it. */
export interface Indicator {
  name: string;
  unit: string;
  /** What it means, for people. */
  says: string;
  group: string;
  value: number | null;
  at_ms: number | null;
  source: 'stores' | 'model' | 'pipeline';
}

/** Whose work a board is for. */
export const ROLES = ['planner', 'operator', 'trainer', 'engineer'] as const;
export type Role = (typeof ROLES)[number];

/** A board: names of indicators in order, and those that are followed closely. */
export interface Arrangement {
  role: Role;
  shown: string[];
  close: string[];
}

/** Indicators on a fresh board where the role's are not there. */
const FRESH_MAX = 16;

/** What a role's board begins with, the most important first. */
const BEGINS: Record<Role, readonly string[]> = {
  planner: [
    'traffic.speed_kmh', 'traffic.speed_percent', 'traffic.travel_time_index', 'traffic.delay_s_per_km', 'traffic.roads_free_percent',
    'traffic.roads_stopped_percent', 'traffic.flow_veh_h', 'traffic.trucks_percent', 'transit.buses', 'transit.bus_speed_kmh',
    'transit.buses_standing_percent', 'air.no2', 'air.pm2_5', 'air.above_who_percent', 'parking.taken_percent', 'model.travel_time_s',
  ],
  operator: [
    'emergencies.calls_open', 'emergencies.calls_waiting', 'emergencies.units_busy_percent', 'emergencies.response_p90_s',
    'safety.incidents_open', 'safety.incidents_critical', 'safety.lanes_blocked', 'alerts.firing', 'alerts.unseen', 'traffic.speed_kmh',
    'traffic.roads_stopped_percent', 'traffic.slowest_percent', 'fleet.moving_percent', 'fleet.vehicles_tracked', 'sensors.active_percent',
    'weather.visibility_m',
  ],
  trainer: [
    'emergencies.calls_open', 'emergencies.calls_waiting', 'emergencies.calls_hour', 'emergencies.dispatch_p50_s',
    'emergencies.response_p50_s', 'emergencies.response_p90_s', 'emergencies.within_8min_percent', 'emergencies.on_scene_mean_s',
    'emergencies.transport_mean_s', 'emergencies.handover_mean_s', 'emergencies.units_busy_percent', 'emergencies.units_siren',
    'emergencies.hospital_bays_taken_percent', 'emergencies.ambulances_waiting', 'safety.incidents_open', 'safety.casualties',
  ],
  engineer: [
    'pipeline.messages_per_s', 'pipeline.behind', 'pipeline.shown_median_s', 'pipeline.shown_worst_s', 'pipeline.spooled', 'pipeline.late',
    'pipeline.duplicates', 'pipeline.quarantined', 'pipeline.restarts', 'pipeline.troubles', 'pipeline.live_full_percent',
    'sensors.active_percent', 'sensors.silent_hour', 'sensors.implausible_hour', 'sensors.battery_min_v', 'alerts.dead_letters',
  ],
};

/** Groups that are followed closely, and what of the others is. */
const CLOSE_GROUPS = ['emergencies', 'safety', 'alerts'];
const CLOSE = ['pipeline.behind', 'pipeline.messages_per_s', 'pipeline.shown_worst_s', 'pipeline.troubles', 'model.running', 'model.halting'];

/** Whether an indicator is followed closely unless somebody says otherwise. */
export function critical(one: Indicator): boolean {
  return CLOSE_GROUPS.includes(one.group) || CLOSE.includes(one.name);
}

/** The board a role begins with: what matters to it of what there is, and the first ones where nothing of that is. */
export function preset(role: Role, indicators: readonly Indicator[]): Arrangement {
  const there = new Set(indicators.map((one) => one.name));
  const known = BEGINS[role].filter((name) => there.has(name));
  const shown = known.length > 0 ? known : indicators.slice(0, FRESH_MAX).map((one) => one.name);
  const close = indicators.filter((one) => shown.includes(one.name) && critical(one)).map((one) => one.name);
  return { role, shown, close };
}

/** With a name put on the board or taken off it. */
export function toggled(board: Arrangement, name: string): Arrangement {
  const on = board.shown.includes(name);
  return { ...board, shown: on ? board.shown.filter((one) => one !== name) : [...board.shown, name] };
}

/** With a name followed closely or no longer. */
export function closely(board: Arrangement, name: string): Arrangement {
  const on = board.close.includes(name);
  return { ...board, close: on ? board.close.filter((one) => one !== name) : [...board.close, name] };
}

/** With a name moved to a place; places beyond the ends mean the ends. */
export function moved(board: Arrangement, name: string, to: number): Arrangement {
  const from = board.shown.indexOf(name);
  if (from < 0) return board;
  const shown = board.shown.filter((one) => one !== name);
  shown.splice(Math.min(shown.length, Math.max(0, to)), 0, name);
  return { ...board, shown };
}

/** Longest list of names that is read back. */
const NAMES_MAX = 500;

/** What was kept under a role; none if it is none. */
export function read(kept: string | null, role: Role): Arrangement | null {
  if (!kept) return null;
  try {
    const value: unknown = JSON.parse(kept);
    if (!value || typeof value !== 'object') return null;
    const names = (of: unknown) =>
      Array.isArray(of) ? [...new Set(of.filter((one): one is string => typeof one === 'string'))].slice(0, NAMES_MAX) : null;
    const shown = names((value as Record<string, unknown>).shown);
    const close = names((value as Record<string, unknown>).close);
    return shown && close ? { role, shown, close } : null;
  } catch {
    return null;
  }
}
