/** How each part on the way from devices to answers fares, judged by the wire's numbers. Pure. */
import { NONE, number } from '../../i18n';
import type { Pipeline } from '../../lib/types';

export type Health = 'well' | 'slow' | 'bad' | 'unknown';

/** A part of the way, how it fares, and the numbers of the sentence that says so. */
export interface Part {
  name: 'publisher' | 'log' | 'worker' | 'stores' | 'answers';
  health: Health;
  params: Record<string, string | number>;
}

/** Ingestion may lag by this before it counts as slow, and as bad [s]; the targets of the platforms it is measured by. */
const SHOWN_SLOW_S = 1;
const SHOWN_BAD_S = 5;
/** A log that is so many seconds of messages behind is slow, and bad. */
const BEHIND_SLOW_S = 10;
const BEHIND_BAD_S = 60;

/** So many seconds of messages may be on their way from a publisher to the broker; more is a spool that fills. */
const SPOOLED_SLOW_S = 5;

/** Judges every part. `ready` is what the server's own readiness said, if anything. */
export function judged(now: Pipeline | null, ready: unknown): Part[] {
  if (!now) return [];
  const rate = Math.max(1, now.messages_per_s);
  const behind_s = now.behind === null ? null : now.behind / rate;
  const worst = now.shown_s?.[1] ?? null;
  const away = (word: RegExp) => now.troubles.some((trouble) => word.test(trouble.toLowerCase()));
  const above = (value: number | null, slow: number, bad: number): Health =>
    value === null ? 'unknown' : value >= bad ? 'bad' : value >= slow ? 'slow' : 'well';
  const restarts = Object.values(now.restarts).reduce((sum, times) => sum + times, 0);
  return [
    {
      name: 'publisher',
      health: away(/broker|mqtt|publish/) ? 'bad' : above(now.spooled / rate, SPOOLED_SLOW_S, BEHIND_BAD_S),
      params: { spooled: now.spooled },
    },
    { name: 'log', health: away(/\blog\b/) ? 'bad' : 'well', params: { messages: now.messages } },
    {
      name: 'worker',
      health: behind_s === null ? 'unknown' : restarts > 0 && behind_s >= BEHIND_SLOW_S ? 'bad' : above(behind_s, BEHIND_SLOW_S, BEHIND_BAD_S),
      params: { behind: number(now.behind), restarts },
    },
    {
      name: 'stores',
      health: away(/store|history|redis|postgres|database|live state/) ? 'bad' : above(worst, SHOWN_SLOW_S, SHOWN_BAD_S),
      params: { worst: worst === null ? NONE : number(worst, 2) },
    },
    { name: 'answers', health: healthOf(ready), params: { status: statusOf(ready) } },
  ];
}

/** A part of the server by its own word: whether it is well, and why not. */
export interface Said {
  part: string;
  well: boolean;
  reason: string | null;
}

/** What the server says of its parts; nothing where it says nothing. */
export function partsOf(ready: unknown): Said[] {
  const parts = ready && typeof ready === 'object' ? (ready as { parts?: unknown }).parts : null;
  if (!Array.isArray(parts)) return [];
  return parts.flatMap((one: unknown): Said[] => {
    const { part, well, reason } = (one && typeof one === 'object' ? one : {}) as Record<string, unknown>;
    return typeof part === 'string' ? [{ part, well: well === true, reason: typeof reason === 'string' ? reason : null }] : [];
  });
}

function statusOf(ready: unknown): string {
  const said = ready && typeof ready === 'object' ? (ready as Record<string, unknown>) : {};
  return typeof said.status === 'string' ? said.status : NONE;
}

function healthOf(ready: unknown): Health {
  const status = statusOf(ready);
  if (status === NONE) return 'unknown';
  return status === 'well' ? 'well' : status === 'degraded' ? 'slow' : 'bad';
}
