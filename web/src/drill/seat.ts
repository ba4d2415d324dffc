// The seat of this window, and what is asked of the server beside the socket: the lobby, a seat, the roads behind the desk's map, files.

import { address, ApiError, setApiKey } from '../lib/api';
import type { Lobby, Seat } from './types';

const KEY = 'citytwin.drill.seat';
/** How long an answer may take [ms]. */
const PATIENCE_MS = 20_000;

/** What the tab keeps; null where the browser keeps nothing. */
export function storage(): Storage | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}

/** The seat that this tab has, if it has one. */
export function kept(): Seat | null {
  try {
    const seat = JSON.parse(storage()?.getItem(KEY) ?? 'null') as Partial<Seat> | null;
    return seat && typeof seat.token === 'string' && seat.token ? { token: seat.token, role: seat.role ?? '', title: seat.title ?? '', name: seat.name ?? '' } : null;
  } catch {
    return null;
  }
}

/** Keeps the seat with the tab, or forgets it. */
export function keep(seat: Seat | null): void {
  try {
    if (seat) storage()?.setItem(KEY, JSON.stringify(seat));
    else storage()?.removeItem(KEY);
  } catch {
    // The seat lasts as long as the page then.
  }
}

/** Whoever sees the truth may ask the rest of the server, with the token as key. */
export function unlock(token: string | null): void {
  setApiKey(token);
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path), { ...init, credentials: 'same-origin', signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new ApiError(0, 'no answer', '');
  }
  if (response.ok) return response;
  let [title, detail] = [response.statusText, ''];
  try {
    const said = (await response.json()) as { title?: unknown; detail?: unknown };
    if (typeof said.title === 'string') title = said.title;
    if (typeof said.detail === 'string') detail = said.detail;
  } catch {
    // Not a problem document: its status has to do.
  }
  throw new ApiError(response.status, title || `status ${response.status}`, detail);
}

/** What anybody may know of the drill. */
export async function lobby(): Promise<Lobby> {
  return (await (await ask('api/v1/drill', { headers: { Accept: 'application/json' } })).json()) as Lobby;
}

/** Takes a seat; which role it is, the PIN decides. */
export async function join(pin: string, name: string): Promise<Seat> {
  const response = await ask('api/v1/drill/join', {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({ pin, name }),
  });
  const seat = (await response.json()) as Seat;
  return { ...seat, name: seat.name || name };
}

/** A file of the drill, as text. */
export async function file(name: string, token: string): Promise<string> {
  return (await ask(`api/v1/drill/files/${encodeURIComponent(name)}`, { headers: { Authorization: `Bearer ${token}` } })).text();
}

/** Whether the server knows this seat: it says 401 to a stranger, whatever else it says to somebody it knows. */
export async function known(token: string): Promise<boolean> {
  try {
    await file('after-action.json', token);
    return true;
  } catch (error) {
    return !(error instanceof ApiError && error.status === 401);
  }
}

/** The roads behind the map of a desk, as lines of [longitude, latitude]; nothing where the server has none for it. */
export async function roads(token: string): Promise<{ line: [number, number][]; class: number }[]> {
  try {
    const answer = (await (await ask('api/v1/drill/map', { headers: { Authorization: `Bearer ${token}` } })).json()) as unknown;
    return lines(answer);
  } catch {
    return [];
  }
}

/** Lines of a GeoJSON collection, with the importance of each. */
export function lines(answer: unknown): { line: [number, number][]; class: number }[] {
  const features = (answer as { features?: unknown } | null)?.features;
  if (!Array.isArray(features)) return [];
  const found: { line: [number, number][]; class: number }[] = [];
  for (const one of features as { geometry?: { type?: string; coordinates?: unknown }; properties?: { class?: unknown } }[]) {
    const { type, coordinates } = one.geometry ?? {};
    const rank = typeof one.properties?.class === 'number' ? one.properties.class : 1;
    const parts = type === 'LineString' ? [coordinates] : type === 'MultiLineString' ? coordinates : [];
    if (!Array.isArray(parts)) continue;
    for (const part of parts) if (Array.isArray(part) && part.length > 1) found.push({ line: part as [number, number][], class: rank });
  }
  return found;
}
