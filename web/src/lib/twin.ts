// What tests and people at the console may read of the page: `window.__twin`.

export interface TwinProbe {
  /** Map and first state are there. */
  ready: boolean;
  /** Number of the last frame applied. */
  tick: number;
  /** City time of the last frame applied [s after midnight]. */
  time_s: number;
  /** Vehicles in the last frame. */
  vehicles: number;
  /** Pictures a second in the last second. */
  fps: number;
  /** Frames applied since the page was opened. */
  applied: number;
  /** Bytes that came over the socket. */
  bytes: number;
  /** What went wrong, in the order in which it did. At most 100. */
  errors: string[];
  /** Id of the session that is shown. */
  session: string;
  /** `webgl2`, `2d`, or empty before the map. */
  renderer: string;
  [more: string]: unknown;
}

declare global {
  interface Window {
    __twin: TwinProbe;
  }
}

export const probe: TwinProbe = {
  ready: false,
  tick: 0,
  time_s: 0,
  vehicles: 0,
  fps: 0,
  applied: 0,
  bytes: 0,
  errors: [],
  session: 'live',
  renderer: '',
};

/** Writes down that something went wrong. */
export function wrong(what: unknown): void {
  if (probe.errors.length < 100) probe.errors.push(what instanceof Error ? `${what.name}: ${what.message}` : String(what));
}

if (typeof window !== 'undefined') {
  window.__twin = probe;
  window.addEventListener('error', (event) => wrong(event.error ?? event.message));
  window.addEventListener('unhandledrejection', (event) => wrong(event.reason));
}
