/** How fast roads are driven on, as the socket tells it, and what came of it minute by minute while the page is open. */
import { FRAME, FrameError, readRoads, ROADS } from '../../lib/frame';
import { live } from '../../lib/live.svelte';

/** Nobody drives there. */
export const NOBODY = 255;
/** City time of a column [s]. */
export const BIN_S = 60;
/** Columns kept. */
const BINS_MAX = 45;

/** A minute of the city: sums and counts by road. */
interface Bin {
  start: number;
  sum: Float32Array;
  seen: Uint16Array;
}

class Congestion {
  /** The newest message. */
  now: Uint8Array | null = $state.raw(null);
  /** Grows with every message. */
  version = $state(0);
  #session = '';
  #bins: Bin[] = [];

  /** Takes what the live socket says in binary, for a view that shows no map. Called while a component is made. */
  follow(): void {
    $effect(() => {
      const bounds = live.map?.bounds;
      if (!bounds) return;
      // A corner of the city: what matters are the roads, which come whole.
      live.look([bounds[0], bounds[1], bounds[0] + 1e-4, bounds[1] + 1e-4]);
      const mine = (data: ArrayBuffer) => this.take(data);
      live.binary = mine;
      return () => {
        if (live.binary === mine) {
          live.binary = null;
          live.look(null);
        }
      };
    });
  }

  take(data: ArrayBuffer): void {
    const kind = data.byteLength > 0 ? new DataView(data).getUint8(0) : 0;
    // Vehicles are of no interest here, but a frame that is not acknowledged is waited for.
    if (kind === FRAME && data.byteLength >= 8) live.ack(new DataView(data).getUint32(4, true));
    if (kind !== ROADS) return;
    try {
      this.add(live.session?.id ?? '', live.session?.time_s ?? 0, readRoads(data));
    } catch (thrown) {
      if (!(thrown instanceof FrameError)) throw thrown;
      live.again();
    }
  }

  add(session: string, time_s: number, shares: Uint8Array): void {
    const start = Math.floor(time_s / BIN_S) * BIN_S;
    const newest = this.#bins.at(-1);
    if (session !== this.#session || (newest && (start < newest.start || newest.sum.length !== shares.length))) this.#bins = [];
    this.#session = session;
    let bin = this.#bins.at(-1);
    if (bin?.start !== start) {
      bin = { start, sum: new Float32Array(shares.length), seen: new Uint16Array(shares.length) };
      this.#bins.push(bin);
      if (this.#bins.length > BINS_MAX) this.#bins.shift();
    }
    shares.forEach((share, i) => {
      if (share === NOBODY || bin.seen[i] === 65_535) return;
      bin.sum[i]! += share / 2;
      bin.seen[i]! += 1;
    });
    this.now = shares;
    this.version += 1;
  }

  /** Starts of the minutes that are kept [city seconds]. */
  columns(): number[] {
    return this.#bins.map((bin) => bin.start);
  }

  /** Mean speed over limit [%] of some roads together, minute by minute. */
  row(roads: readonly number[]): (number | null)[] {
    return this.#bins.map((bin) => {
      let [sum, seen] = [0, 0];
      for (const road of roads) {
        sum += bin.sum[road] ?? 0;
        seen += bin.seen[road] ?? 0;
      }
      return seen > 0 ? sum / seen : null;
    });
  }
}

export const congestion = new Congestion();
