// The session that is looked at, as the socket tells it: one place that all views read.
//
// Numbers that change with every frame (where vehicles are) never come here: they go from the socket to the map's own worker. What is
// here changes about once a second.

import { del, get, me, post, put, type Me } from './api';
import { TwinSocket, type Link } from './socket';
import { probe } from './twin';
import type {
  Bounds,
  Clock,
  Done,
  Incident,
  Intervention,
  Jump,
  MapInfo,
  Opening,
  Row,
  Sample,
  ServerMessage,
  SessionInfo,
  Totals,
  Unit,
  Waiting,
  Weather,
} from './types';

/** Rows of alerts and events that are kept, the newest first. */
const ROWS_MAX = 200;
/** Points of the short history of totals: five minutes of wall time. */
const TRAIL_MAX = 300;

/** Totals at one instant of the wall clock. */
export interface TrailPoint {
  time_s: number;
  totals: Totals;
}

class Live {
  link: Link = $state('connecting');
  /** Whether a connection was there before: only then is a lost one worth a banner. */
  was_online = $state(false);
  city = $state('');
  map: MapInfo | null = $state.raw(null);
  session: SessionInfo | null = $state.raw(null);
  sessions: SessionInfo[] = $state.raw([]);
  totals: Totals | null = $state.raw(null);
  units: Unit[] = $state.raw([]);
  incidents: Incident[] = $state.raw([]);
  /** Roads that nobody may enter, by their index on the map. */
  closed: number[] = $state.raw([]);
  /** Calls that no ambulance has been chosen for yet; none where the server does not tell. */
  waiting: Waiting[] = $state.raw([]);
  /** Calls that wait and are not listed. */
  waiting_more = $state(0);
  /** The session's own weather; null where nobody tells. */
  weather: Weather | null = $state.raw(null);
  alerts: Row[] = $state.raw([]);
  events: Row[] = $state.raw([]);
  /** Rows that the server did not send because there were too many at once. */
  missed = $state(0);
  trail: TrailPoint[] = $state.raw([]);
  /** Signals in view: id to a letter for every link. */
  signals: Record<string, string> = {};
  /** How every road flows by its index on the map: 0 to 200 half per cent of its limit, 255 where nobody drives. */
  flow: Uint8Array | null = $state.raw(null);
  /** Grows with every change of `signals`. */
  signals_seen = $state(0);
  /** Who one is; null until it is known. */
  me: Me | null = $state.raw(null);
  /** Which session was asked for. */
  wanted = $state('live');
  /** Why the last thing failed, as a sentence; empty if it did not. */
  trouble = $state('');
  /** What a screen reader is told next. */
  said = $state('');
  /** Frames and road colours go here; the map sets it while it is shown. */
  binary: ((data: ArrayBuffer) => void) | null = null;
  /** Everything shown belongs to another session from now on. */
  fresh: (() => void) | null = null;

  #socket = new TwinSocket({
    link: (state) => {
      this.link = state;
      if (state === 'online') this.was_online = true;
    },
    message: (message) => this.#take(message),
    binary: (data) => {
      probe.bytes = this.#socket.received;
      this.binary?.(data);
    },
  });

  #started = false;

  /** Connects, once. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#socket.open();
    void this.refresh();
  }

  /** What the socket does not say by itself: the map and the sessions. Tried again until the map is there. */
  async refresh(): Promise<void> {
    try {
      // A server that does not know the question asks nobody who one is.
      this.me = await me().catch(() => null);
      const [map, sessions] = await Promise.all([get<MapInfo>('api/v1/map'), get<SessionInfo[]>('api/v1/sessions')]);
      this.map = map;
      this.city ||= map.name;
      this.sessions = sessions;
    } catch (error) {
      if (!this.map) setTimeout(() => void this.refresh(), 2000);
      if (this.link === 'online') this.trouble = error instanceof Error ? error.message : String(error);
    }
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case 'hello':
        this.city = message.city;
        if (this.session?.id !== message.session.id) this.#forget();
        this.session = message.session;
        probe.session = message.session.id;
        this.fresh?.();
        break;
      case 'state':
        // A message of the session before may still be under way.
        if (message.session.id !== this.wanted) break;
        this.session = message.session;
        this.sessions = this.sessions.map((one) => (one.id === message.session.id ? message.session : one));
        this.totals = message.totals;
        this.units = message.units;
        this.incidents = message.incidents;
        // Told every second: whoever looks is bothered only when something is different.
        if (String(message.closed ?? []) !== String(this.closed)) this.closed = message.closed ?? [];
        this.waiting = message.waiting ?? [];
        this.waiting_more = message.waiting_more ?? 0;
        this.weather = message.weather ?? null;
        probe.session = message.session.id;
        this.#keep(message.session.time_s, message.totals);
        break;
      case 'signals':
        if (message.full) this.signals = message.signals;
        else Object.assign(this.signals, message.signals);
        this.signals_seen += 1;
        break;
      case 'event':
        this.events = [message.event, ...this.events].slice(0, ROWS_MAX);
        break;
      case 'alert':
        this.alerts = [message.alert, ...this.alerts].slice(0, ROWS_MAX);
        break;
      case 'missed':
        this.missed += message.events;
        break;
      case 'sessions':
        this.sessions = message.sessions;
        if (!message.sessions.some((one) => one.id === this.wanted)) this.show('live');
        break;
      case 'bye':
        this.trouble = message.reason;
        break;
      case 'pong':
      case 'vehicles':
        break;
    }
  }

  #keep(time_s: number, totals: Totals): void {
    const last = this.trail[this.trail.length - 1];
    const point = { time_s, totals };
    if (last && time_s < last.time_s) this.trail = [point];
    else if (last && time_s === last.time_s) this.trail = [...this.trail.slice(0, -1), point];
    else this.trail = [...this.trail, point].slice(-TRAIL_MAX);
  }

  #forget(): void {
    this.totals = null;
    this.units = [];
    this.incidents = [];
    this.closed = [];
    this.waiting = [];
    this.waiting_more = 0;
    this.weather = null;
    this.trail = [];
    this.signals = {};
    this.signals_seen += 1;
  }

  /** Looks at another session. */
  show(id: string): void {
    this.wanted = id;
    const known = this.sessions.find((one) => one.id === id);
    this.#forget();
    if (known) this.session = known;
    probe.session = id;
    this.#socket.subscribe(id);
  }

  look(bounds: Bounds | null): void {
    this.#socket.look(bounds);
  }

  ack(tick: number): void {
    this.#socket.ack(tick);
  }

  again(): void {
    this.#socket.again();
  }

  /** Whether one may do what takes at least this role; the server decides, this only spares a refusal. */
  may(role: Me['role']): boolean {
    const order: Me['role'][] = ['viewer', 'trainer', 'operator', 'admin'];
    return this.me === null || order.indexOf(this.me.role) >= order.indexOf(role);
  }

  #path(more: string): string {
    return `api/v1/sessions/${encodeURIComponent(this.wanted)}${more}`;
  }

  async clock(order: Clock): Promise<void> {
    await put<unknown>(this.#path('/clock'), order);
  }

  async jump(to: Jump): Promise<void> {
    await post<unknown>(this.#path('/jump'), to);
  }

  async intervene(intervention: Intervention): Promise<Done> {
    return post<Done>(this.#path('/interventions'), intervention);
  }

  async done(): Promise<Done[]> {
    return get<Done[]>(this.#path('/interventions'));
  }

  async samples(): Promise<Sample[]> {
    return get<Sample[]>(this.#path('/samples'));
  }

  async open(opening: Opening): Promise<SessionInfo> {
    const info = await post<SessionInfo>('api/v1/sessions', opening);
    if (!this.sessions.some((one) => one.id === info.id)) this.sessions = [...this.sessions, info];
    return info;
  }

  async close(id: string): Promise<void> {
    await del(`api/v1/sessions/${encodeURIComponent(id)}`);
    this.sessions = this.sessions.filter((one) => one.id !== id);
    if (this.wanted === id) this.show('live');
  }

  /** Says something to whoever listens to the page instead of looking at it. */
  announce(sentence: string): void {
    this.said = sentence;
  }
}

export const live = new Live();
