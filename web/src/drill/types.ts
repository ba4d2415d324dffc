// The words between a window of a drill and the server. Times are city seconds after midnight (`*_s`); places are degrees of WGS 84.
// What a role is told and may do is data: a list that is missing in a view is one that the role does not see.

/** What a role may do, by its word. */
export type Power = 'assign' | 'divert' | 'stand-down' | 'direct' | 'declare' | 'say' | 'clock' | 'rewind' | 'inject' | 'rate' | 'hand';

export interface LobbyRole {
  role: string;
  title: string;
  /** How many may play it at once; 0 where only a bot does. */
  seats: number;
  taken: number;
}

export type Phase = 'waiting' | 'running' | 'paused' | 'over';

export interface Lobby {
  name: string;
  question: string | null;
  marking: string | null;
  /** Besides the phases of a drill: the city runs by itself until it begins. */
  phase: Phase | 'preparing';
  roles: LobbyRole[];
  /** How far the bots have played the same drill for comparison, 0 to 1. */
  baseline?: number;
}

/** A place at the drill. The token is the secret of this window. */
export interface Seat {
  token: string;
  role: string;
  title: string;
  name: string;
}

export interface DrillState {
  name: string;
  question: string | null;
  marking: string | null;
  phase: Phase;
  time_s: number;
  /** Since the players began; negative before. */
  t_s: number;
  length_s: number;
  /** City seconds for a second on the wall; null is as fast as possible. */
  speed: number | null;
  branch: number;
  /** Names by role. */
  people: Record<string, string[]>;
  /** Roles that bots play. */
  bots: string[];
}

export interface Message {
  message: number;
  time_s: number;
  from: string;
  by: string;
  text: string;
  acknowledged_s: number | null;
}

export interface Call {
  call: number;
  status: string;
  category: string | null;
  road: string | null;
  lon: number | null;
  lat: number | null;
  received_s: number;
  understood_s: number | null;
  /** What the caller said, once the call is understood; a server may not tell it. */
  text?: string | null;
  unit: string | null;
  hospital: string | null;
}

export interface Unit {
  unit: string;
  status: string;
  call: number | null;
  station: string | null;
  lon: number | null;
  lat: number | null;
  /** When it last told where it is. */
  seen_s: number | null;
  free: boolean;
  divertible: boolean;
  hospital: string | null;
}

export interface Hospital {
  hospital: string;
  lon: number | null;
  lat: number | null;
  bays: number;
  taken: number;
  waiting: number;
  seen_s: number | null;
}

export interface Expected {
  words: string;
  role: string | null;
  deadline_s: number | null;
  state: 'open' | 'met' | 'late' | 'missed';
  met_s: number | null;
}

export interface Inject {
  inject: string;
  kind: string;
  from: string;
  to: string | null;
  by: string;
  text: string;
  trigger: string;
  state: 'pending' | 'delivered' | 'held' | 'off';
  due_s: number | null;
  delivered_s: number | null;
  objective: string | null;
  expect: Expected | null;
}

export type Rating = 'P' | 'S' | 'M' | 'U';

export interface Objective {
  objective: string;
  capability: string | null;
  text: string;
  rating: Rating | null;
  note: string | null;
}

export interface LoggedAction {
  number: number;
  time_s: number;
  role: string;
  person: string;
  said: string;
}

export interface TruthIncident {
  incident: number;
  kind: string;
  road: string | null;
  lon: number;
  lat: number;
  since_s: number;
}

export interface View {
  role: string;
  title: string;
  may: string[];
  sees: string[];
  drill: DrillState;
  messages: Message[];
  declared: { time_s: number; by: string; what: string }[];
  said: { time_s: number; person: string; said: string }[];
  calls?: Call[];
  units?: Unit[];
  hospitals?: Hospital[];
  injects?: Inject[];
  objectives?: Objective[];
  actions?: LoggedAction[];
  truth?: { closed: string[]; incidents: TruthIncident[] };
}

export interface Recommended {
  unit: string;
  status: string;
  /** Predicted time to the scene; null where there is no way. */
  time_s: number | null;
  /** The part of it that is driving. */
  travel_s?: number | null;
  /** The part of it that is turning out. */
  turnout_s?: number | null;
  /** The call it would be taken from. */
  from_call: number | null;
}

/** What a person does; logged by the server before it answers. */
export type Action =
  | { do: 'assign'; unit: string; call: number }
  | { do: 'stand-down'; unit: string }
  | { do: 'direct'; unit: string; hospital: string }
  | { do: 'declare'; what: string }
  | { do: 'acknowledge'; message: number }
  | { do: 'say'; to: string; text: string }
  | { do: 'note'; text: string }
  | { do: 'deliver' | 'hold' | 'release'; inject: string }
  | { do: 'improvise'; to: string; from: string; text: string }
  | { do: 'rate'; objective: string; rating: Rating; note: string | null }
  | { do: 'hand'; role: string; bot: boolean }
  | { do: 'end' };

export type ClockOrder = 'pause' | 'resume' | { speed: number | null } | { step: number };

/** What a window sends. */
export type ToServer =
  | { type: 'act'; id: string; action: Action }
  | { type: 'clock'; id: string; order: ClockOrder }
  | { type: 'rewind'; id: string; to_s: number }
  | { type: 'recommend'; id: string; call: number }
  | { type: 'ping'; n: number };

/** What a window is sent. */
export type FromServer =
  | { type: 'view'; view: View }
  | { type: 'done'; id: string; number?: number; time_s?: number; said?: string }
  | { type: 'refused'; id: string; detail: string }
  | { type: 'recommended'; id: string; call: number; units: Recommended[] }
  | { type: 'over' }
  | { type: 'pong'; n: number }
  | { type: 'bye'; reason: string };
