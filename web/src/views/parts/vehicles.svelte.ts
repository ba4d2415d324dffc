/** Who is where, as rows: read from the socket's frames every two seconds, for views that show words instead of a map. */
import { AT_STOP, CLASS_BITS, FRAME, type Frame, FrameDecoder, FrameError, NOBODY, ROADS, SIREN } from '../../lib/frame';
import { live } from '../../lib/live.svelte';
import type { Bounds } from '../../lib/types';
import { congestion } from './congestion.svelte';
import type { RoadFinder } from './roads';

/** A vehicle. */
export interface Vehicle {
  id: number;
  /** Index of its class. */
  kind: number;
  siren: boolean;
  at_stop: boolean;
  /** The road it drives on; none inside a junction. */
  road: string | null;
  street: string | null;
  /** [km/h] */
  speed: number;
}

/** Rows are made anew so often [ms]. Faster would be read by nobody. */
const EVERY_MS = 2_000;

/** Longitude and latitude [°] of a place in web-mercator tiles. */
export function lonLat(x: number, y: number, zoom: number): [number, number] {
  const side = 2 ** zoom;
  return [(x / side) * 360 - 180, (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / side))) * 180) / Math.PI];
}

/** How many lights of a signal say go, are about to stop, say stop, and are off or blink. */
export function phases(letters: string): { go: number; stopping: number; stop: number; off: number } {
  const counts = { go: 0, stopping: 0, stop: 0, off: 0 };
  for (const letter of letters) {
    if ('gG'.includes(letter)) counts.go += 1;
    else if ('yu'.includes(letter)) counts.stopping += 1;
    else if ('oO'.includes(letter)) counts.off += 1;
    else counts.stop += 1;
  }
  return counts;
}

/** Rows of vehicles in some bounds. */
export class Vehicles {
  rows: Vehicle[] = $state.raw([]);
  /** Vehicles in the whole city. */
  city = $state(0);
  /** Whether a frame came. */
  seen = $state(false);

  /** Follows the live socket in bounds that may change. Called while a component is made, by a view that shows no map. */
  constructor(bounds: () => Bounds | null, finder: () => RoadFinder | null, held: () => boolean) {
    $effect(() => {
      const within = bounds();
      if (!within) return;
      const decoder = new FrameDecoder();
      let newest: Frame | null = null;
      let due = 0;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const make = () => {
        timer = undefined;
        if (!newest) return;
        due = performance.now() + EVERY_MS;
        // Acknowledged only now: frames that nobody would read are not sent.
        live.ack(newest.tick);
        if (held()) return;
        this.rows = rowsOf(newest, live.map?.tile_zoom ?? 14, finder());
        this.city = newest.city;
        this.seen = true;
      };
      const mine = (data: ArrayBuffer) => {
        const kind = data.byteLength > 0 ? new DataView(data).getUint8(0) : 0;
        if (kind === ROADS) congestion.take(data);
        if (kind !== FRAME) return;
        try {
          newest = decoder.apply(data);
        } catch (thrown) {
          if (!(thrown instanceof FrameError)) throw thrown;
          decoder.forget();
          live.again();
          return;
        }
        timer ??= setTimeout(make, Math.max(0, due - performance.now()));
      };
      const fresh = () => decoder.forget();
      live.binary = mine;
      live.fresh = fresh;
      live.look(within);
      // What was told of a place looked at before is forgotten by a new subscription alone.
      live.again();
      return () => {
        clearTimeout(timer);
        if (live.fresh === fresh) live.fresh = null;
        if (live.binary === mine) {
          live.binary = null;
          live.look(null);
        }
      };
    });
  }
}

/** Rows of a frame. */
export function rowsOf(frame: Frame, zoom: number, finder: RoadFinder | null): Vehicle[] {
  const rows: Vehicle[] = [];
  for (let slot = 0; slot < frame.slots; slot += 1) {
    const kind = frame.kind[slot]!;
    if (kind === NOBODY) continue;
    const [lon, lat] = lonLat(frame.origin.x + frame.x[slot]!, frame.origin.y + frame.y[slot]!, zoom);
    const road = finder?.at(lon, lat, (frame.heading[slot]! / 256) * 360) ?? null;
    rows.push({
      id: frame.id[slot]!,
      kind: kind & CLASS_BITS,
      siren: (kind & SIREN) !== 0,
      at_stop: (kind & AT_STOP) !== 0,
      road: road?.id ?? null,
      street: road?.name ?? null,
      speed: frame.speed_q[slot]! * 0.25 * 3.6,
    });
  }
  return rows;
}
