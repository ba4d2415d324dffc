// The words of the contract between the page and the server. Times are city seconds after midnight (`*_s`) or Unix milliseconds
// (`*_ms`); places are degrees of WGS 84; speeds are metres per second unless a name says otherwise.

/** The city in numbers at one instant, as the model counts it. */
export interface Totals {
  running: number;
  arrived: number;
  inserted: number;
  waiting_to_enter: number;
  halting: number;
  /** Mean speed of the vehicles on the road [m/s]. */
  speed_mean: number;
  /** Mean of speed over wished speed, 0 to 1. */
  speed_relative_mean: number;
  /** Mean time on the road of those that arrived [s]. */
  travel_time_mean: number;
  calls_open: number;
  units_busy: number;
  units: number;
}

/** Two cities in numbers at one instant. */
export interface Difference {
  time_s: number;
  base: Totals;
  variant: Totals;
}

/** How far a fork has come beside the city without its change. */
export interface Branch {
  from_s: number;
  reached_s: number;
  until_s: number;
  /** How many differences there are. */
  compared?: number;
  /** Told only where the session is asked for by itself. */
  differences: Difference[];
}

export type SessionKind = 'live' | 'fork' | 'replay';

/** What a session is. */
export interface SessionInfo {
  id: string;
  kind: SessionKind;
  name: string;
  parent: string | null;
  begin_s: number;
  end_s: number | null;
  time_s: number;
  step_s: number;
  midnight_ms: number;
  over: boolean;
  paused: boolean;
  /** City seconds for a second on the wall; null is as fast as possible. */
  speed: number | null;
  speed_reached: number;
  simulated: boolean;
  branch: Branch | null;
}

export type Duty =
  | 'at-station'
  | 'returning'
  | 'turning-out'
  | 'en-route'
  | 'at-scene'
  | 'transporting'
  | 'at-hospital';

/** An ambulance. */
export interface Unit {
  unit: number;
  name: string;
  /** Its number among vehicles. */
  vehicle: number;
  duty: Duty;
  call: number | null;
  lon: number;
  lat: number;
  heading: number;
  on_road: boolean;
}

export type Severity = 'critical' | 'high' | 'medium' | 'low';

/** An incident that is known and not over. */
export interface Incident {
  incident: number;
  kind: string;
  severity: Severity;
  lon: number;
  lat: number;
  since_s: number;
}

/** An emergency call that no ambulance has been chosen for yet. */
export interface Waiting {
  call: number;
  severity: Severity;
  /** The kind of the incident it is about, or `medical`. */
  kind: string;
  lon: number;
  lat: number;
  since_s: number;
}

/** The weather of a session. */
export interface Weather {
  sky: string;
  precipitation_mm_h: number;
  visibility_m: number;
  temperature_c: number;
}

export interface Sample {
  time_s: number;
  totals: Totals;
}

export type Clock = 'pause' | 'resume' | { step: { steps: number } } | { speed: { factor: number | null } };
export type Jump = 'next-event' | { to: { time_s: number } };

export type Intervention =
  | { kind: 'close-road'; road: string }
  | { kind: 'open-road'; road: string }
  | {
      kind: 'incident';
      road: string;
      what: 'crash' | 'breakdown' | 'roadworks' | 'obstruction';
      position_m: number | null;
      lanes: number | null;
      duration_s: number;
      casualties: number;
    }
  | { kind: 'clear-incident'; incident: number }
  | { kind: 'retime-signal'; signal: string; durations_s: number[]; offset_s: number | null }
  | {
      kind: 'weather';
      sky: 'dry' | 'rain' | 'snow' | 'fog';
      rate_mm_h: number | null;
      visibility_m: number | null;
      temperature_c: number | null;
    }
  | { kind: 'call'; road: string; position_m: number | null; category: 'C1' | 'C2' | 'C3' | 'C4' }
  | { kind: 'send-unit'; unit: string; call: number };

export interface Done {
  number: number;
  time_s: number;
  said: string;
}

export type Opening =
  | { kind: 'fork'; of: string; name: string | null; interventions: Intervention[]; ahead_s: number | null }
  | { kind: 'replay'; run: string };

export type Subject =
  | { kind: 'vehicle'; number: number }
  | { kind: 'road'; id: string }
  | { kind: 'signal'; id: string }
  | { kind: 'unit'; name: string }
  | { kind: 'incident'; number: number }
  | { kind: 'call'; number: number };

export interface Fact {
  name: string;
  value: unknown;
  unit: string;
}

export interface Facts {
  title: string;
  facts: Fact[];
  /** The way from here as [longitude, latitude]. */
  route: [number, number][];
  /** Devices whose records are about it, as `kind/name`. */
  devices: string[];
}

/** How the wire fares. */
export interface Pipeline {
  present: boolean;
  messages: number;
  messages_per_s: number;
  behind: number | null;
  spooled: number;
  duplicates: number;
  late: number;
  quarantined: number;
  shown_s: [number, number] | null;
  restarts: Record<string, number>;
  troubles: string[];
}

/** A finished run or comparison. */
export interface Finished {
  id: string;
  kind: 'run' | 'comparison';
  scenario: string;
  variant: string | null;
  seed: number | null;
  made_ms: number;
  replayable: boolean;
  files: string[];
}

/** A city in the REST answers. */
export interface City {
  id: string;
  name: string;
  links?: unknown;
}

/** A device that spoke. */
export interface Asset {
  id: string;
  city_id: string;
  type: string;
  name: string;
  location: { type: 'Point'; coordinates: [number, number] } | null;
  status: string;
  capabilities: string[];
  last_seen_at: string | number | null;
}

/** What `/api/v1/map` says. */
export interface MapInfo {
  name: string;
  /** West, south, east, north [°]. */
  bounds: [number, number, number, number];
  centre: [number, number];
  tile_zoom: number;
  classes?: string[];
  roads?: { count: number; url: string };
}

export type Bounds = [number, number, number, number];

/** A row of the stores' table `alerts` as it comes over the socket. Fields beyond these are shown as they are. */
export type Row = Record<string, unknown>;

/** Text messages of the server. */
export type ServerMessage =
  | { type: 'hello'; version: number; city: string; tile_zoom: number; session: SessionInfo }
  | { type: 'state'; session: SessionInfo; totals: Totals; units: Unit[]; incidents: Incident[]; closed?: number[]; waiting?: Waiting[]; waiting_more?: number; weather?: Weather | null }
  | { type: 'signals'; full: boolean; signals: Record<string, string> }
  | { type: 'event'; event: Row }
  | { type: 'alert'; alert: Row }
  | { type: 'missed'; events: number }
  | { type: 'vehicles'; time_s: number; vehicles: Row[]; more?: number }
  | { type: 'sessions'; sessions: SessionInfo[] }
  | { type: 'pong'; n: number }
  | { type: 'bye'; reason: string };
