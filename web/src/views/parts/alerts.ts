/** Alerts and events as the stores keep them, and as the socket brings them: one shape of both. */
import type { Row } from '../../lib/types';

/** An alert. */
export interface Alert {
  id: string;
  rule: string;
  /** The metric or the kind of event it is about. */
  looks_at: string;
  /** `firing`, `resolved`, `noted`. */
  state: string;
  severity: string;
  subject: string;
  road: string | null;
  lon: number | null;
  lat: number | null;
  value: number | null;
  threshold: number | null;
  unit: string;
  since_ms: number | null;
  until_ms: number | null;
  says: string;
  /** Who has seen it, or that somebody has; none if nobody. */
  acknowledged: string | null;
}

/** Something that happened. */
export interface Happening {
  id: string;
  kind: string;
  severity: string;
  subject: string;
  road: string | null;
  status: string | null;
  lon: number | null;
  lat: number | null;
  at_ms: number | null;
  says: string;
}

/** The worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;

const word = (of: unknown): string => (typeof of === 'string' || typeof of === 'number' ? String(of) : '');
const figure = (of: unknown): number | null => (typeof of === 'number' && Number.isFinite(of) ? of : null);

/** An instant as a number of milliseconds or as RFC 3339. */
export function moment(of: unknown): number | null {
  if (typeof of === 'number') return Number.isFinite(of) ? of : null;
  if (typeof of !== 'string') return null;
  const ms = Date.parse(of);
  return Number.isNaN(ms) ? null : ms;
}

function place(row: Row): { lon: number | null; lat: number | null } {
  const location = row.location as { coordinates?: unknown[] } | null | undefined;
  const [lon, lat] = Array.isArray(location?.coordinates) ? location.coordinates : [row.longitude ?? row.lon, row.latitude ?? row.lat];
  return { lon: figure(lon), lat: figure(lat) };
}

/** Who has seen it; empty if somebody has and it is not said who. */
function seen(row: Row): string | null {
  const by = row.acknowledgement as Row | null | undefined;
  return by ? word(by.by) : row.acknowledged === true ? '' : null;
}

/** An alert out of a row. */
export function alertOf(row: Row): Alert {
  return {
    id: word(row.id),
    rule: word(row.rule),
    looks_at: word(row.looks_at),
    state: word(row.state) || 'firing',
    severity: word(row.severity) || 'low',
    subject: word(row.subject),
    road: word(row.road) || null,
    ...place(row),
    value: figure(row.value),
    threshold: figure(row.threshold),
    unit: word(row.unit),
    since_ms: moment(row.since ?? row.since_ms),
    until_ms: moment(row.until ?? row.until_ms),
    says: word(row.says),
    acknowledged: seen(row),
  };
}

/** An event out of a row. */
export function happeningOf(row: Row): Happening {
  const at_ms = moment(row.at ?? row.at_ms);
  return {
    // The socket tells where in the log it stands, of which the answers make their id: a row stays the same when it is answered too.
    id: word(row.id) || `${word(row.partition).padStart(5, '0')}-${word(row.number).padStart(20, '0')}`,
    kind: word(row.kind),
    severity: word(row.severity) || 'low',
    subject: word(row.subject),
    road: word(row.road) || null,
    status: word(row.status) || null,
    ...place(row),
    at_ms,
    says: word(row.says),
  };
}

/** Alerts of an answer and those the socket brought: each once, the newest first. What is over is not firing again; who has seen it, the answer knows. */
export function together(brought: readonly Alert[], answered: readonly Alert[], most: number): Alert[] {
  const by = new Map<string, Alert>();
  for (const one of answered) by.set(one.id, one);
  for (const one of brought.toReversed()) {
    const known = by.get(one.id);
    if (!known) by.set(one.id, one);
    else if (known.state === 'firing' && one.state !== 'firing') by.set(one.id, { ...one, acknowledged: known.acknowledged });
  }
  return [...by.values()].sort((a, b) => (b.since_ms ?? 0) - (a.since_ms ?? 0)).slice(0, most);
}

/** Events of an answer and those the socket brought, each once. */
export function merged(brought: readonly Happening[], answered: readonly Happening[], most: number): Happening[] {
  const by = new Map<string, Happening>();
  for (const one of [...brought, ...answered]) {
    const name = `${one.kind} ${one.subject} ${one.status} ${one.at_ms}`;
    if (!by.has(name)) by.set(name, one);
  }
  return [...by.values()].sort((a, b) => (b.at_ms ?? 0) - (a.at_ms ?? 0)).slice(0, most);
}

/** How bad it is as a number, the worst the least. */
export function rank(severity: string): number {
  const at = SEVERITIES.indexOf(severity as (typeof SEVERITIES)[number]);
  return at < 0 ? SEVERITIES.length : at;
}
