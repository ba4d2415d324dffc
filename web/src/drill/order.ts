// What a desk shows first: calls by priority, units by how soon they are there, and how old a report is.

import type { Call, Message, Recommended, Unit } from './types';

export type Group = 'waiting' | 'underway' | 'closed';

const WAITING = new Set(['ringing', 'answered', 'waiting']);
const CLOSED = new Set(['handed-over', 'closed']);
/** A position older than this is shown as old [s]. */
export const OLD_S = 30;

/** Where a call belongs: nobody has it, somebody is at it, or it is over. */
export function groupOf(call: Call): Group {
  if (CLOSED.has(call.status)) return 'closed';
  return WAITING.has(call.status) ? 'waiting' : 'underway';
}

/** C1 before C2 and so on; what is not understood yet comes after what is. */
function priority(call: Call): number {
  const rank = /^C(\d)$/.exec(call.category ?? '');
  return rank ? Number(rank[1]) : 9;
}

/** Calls as a desk lists them: those nobody has first, by priority, then by who has waited longest. */
export function ordered(calls: readonly Call[]): Call[] {
  const groups: Group[] = ['waiting', 'underway', 'closed'];
  return [...calls].sort((a, b) => {
    const [ga, gb] = [groupOf(a), groupOf(b)];
    if (ga !== gb) return groups.indexOf(ga) - groups.indexOf(gb);
    // What is over last stands on top of what is over.
    if (ga === 'closed') return b.received_s - a.received_s || b.call - a.call;
    return priority(a) - priority(b) || a.received_s - b.received_s || a.call - b.call;
  });
}

/** A unit with what is predicted for it, and the key that sends it. */
export interface Row {
  unit: Unit;
  /** Seconds to the scene; undefined where it was not asked for. */
  time_s?: number | null;
  from_call: number | null;
  /** 1 to 9; none where the unit cannot be sent. The place stays its own: no other key moves up. */
  key: number | null;
}

/** Whether a unit can still be sent to a call: what was free when the prediction was asked for may be at a scene by now. */
export function sendable(unit: Unit, call: number | null): boolean {
  return (unit.free || unit.divertible) && (unit.call === null || unit.call !== call);
}

/** Units in the order of the prediction to a call, as it was when it was asked for; then the rest, free ones first. */
export function rows(units: readonly Unit[], recommended: readonly Recommended[] | null, call: number | null = null): Row[] {
  const by = new Map(units.map((unit) => [unit.unit, unit]));
  const first: Row[] = [];
  for (const [at, one] of (recommended ?? []).entries()) {
    const unit = by.get(one.unit);
    if (!unit) continue;
    by.delete(one.unit);
    first.push({ unit, time_s: one.time_s, from_call: one.from_call, key: at < 9 && sendable(unit, call) ? at + 1 : null });
  }
  const collator = new Intl.Collator('en', { numeric: true });
  const rest = [...by.values()].sort((a, b) => Number(b.free) - Number(a.free) || collator.compare(a.unit, b.unit));
  return [...first, ...rest.map((unit) => ({ unit, from_call: null, key: null }))];
}

/** What tells names apart: without the words that all of them begin with, as `1-2` of `ambulance-1-2`. */
export function short(name: string, all: readonly string[]): string {
  let length = all.length < 2 ? 0 : Math.min(...all.map((one) => one.length));
  for (const one of all) while (!one.startsWith(name.slice(0, length))) length -= 1;
  // Only whole words are left out, and never all of it.
  const shared = /^.*[-_ ]/.exec(name.slice(0, length))?.[0].length ?? 0;
  return name.slice(shared) || name;
}

/** How long ago a report came; null where none did. */
export function age(now_s: number, seen_s: number | null | undefined): number | null {
  return seen_s === null || seen_s === undefined ? null : Math.max(0, now_s - seen_s);
}

/** The oldest message nobody took note of. */
export function unread(messages: readonly Message[]): Message | undefined {
  return messages.find((one) => one.acknowledged_s === null);
}

/** Minutes and seconds as a desk writes them: `3:32`, `12:00`, `1:02:03`; a sign where it is negative. */
export function minutes(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  const whole = Math.round(Math.abs(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  return `${seconds < 0 && whole > 0 ? '−' : ''}${h > 0 ? `${h}:${two(m)}` : m}:${two(whole % 60)}`;
}

/** The drill's own time, from its begin: `T+0:12:30`. */
export function sinceStart(t_s: number): string {
  const whole = Math.floor(Math.abs(t_s));
  const two = (n: number) => String(n).padStart(2, '0');
  return `T${t_s < 0 && whole > 0 ? '−' : '+'}${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
}
