// Vehicles between two frames: where each was and where it is, and what lies between.
//
// The page shows the city one frame late, so that there is always a place to go to. When a frame comes, everybody starts from where
// they are *shown*, not from where the frame before had them: nobody ever jumps because a frame came early or late.

import { CLASS_BITS, NOBODY, SIREN, type Frame } from '../lib/frame';
import { tileMetres, fromTiles } from './geo';

/** Bytes of a vehicle: from x, y, to x, y as f32; headings from and to, kind, speed as u8; colour as r, g, b and how large, 0 for nobody. */
export const STRIDE = 24;
/** Numbers of four bytes in it. */
export const WORDS = STRIDE / 4;
/** Nobody is faster [m/s]; whoever came further was put there. */
const SPEED_MAX = 70;
/** And a few metres for lanes that are changed and places that are rounded [m]. */
const SLACK = 12;
/** Over more of the city's time than this nothing sensible lies between two places [s]. */
const GAP_MAX = 8;

export interface Spot {
  x: number;
  y: number;
  /** Clockwise from north [rad]. */
  heading: number;
}

export class Fleet {
  /** Vehicles by slot, as they go to the graphics card. */
  bytes = new ArrayBuffer(0);
  floats = new Float32Array(0);
  octets = new Uint8Array(0);
  words = new Uint32Array(0);
  ids = new Uint32Array(0);
  /** Slots of whoever drives with siren. */
  sirens: number[] = [];
  /** The longest way of all from frame to frame [tiles]. */
  stride = 0;
  slots = 0;
  shown = 0;
  origin = { x: 0, y: 0 };
  tick = 0;
  time_s = 0;
  /** The city time that was shown when the last frame came. */
  #from_s = 0;
  #at = 0;
  #span = 100;
  #last = 0;
  #slotOf: Map<number, number> | null = null;

  /** Colour and size by kind, and by kind again for whoever stands. */
  #paint: Uint32Array = new Uint32Array(512);

  constructor(private readonly tileZoom: number) {}

  /** Gives every kind its colour and size, four bytes each: r, g, b, size; from 256 on for whoever stands. */
  paint(table: Uint32Array): void {
    this.#paint = table;
    for (let i = 0; i < this.slots; i += 1) this.#colour(i);
  }

  #colour(slot: number): void {
    const kind = this.octets[slot * STRIDE + 18]!;
    const stands = this.octets[slot * STRIDE + 19] === 0 ? 256 : 0;
    this.words[slot * WORDS + 5] = kind === NOBODY ? 0 : this.#paint[kind + stands]!;
  }

  /** How far everybody is between the two frames, 0 to 1. */
  progress(now: number): number {
    return this.#span <= 0 ? 1 : Math.min(1, Math.max(0, (now - this.#at) / this.#span));
  }

  /** The city time as which everybody is drawn at `now` [s]: on the way from what was shown to the last frame. */
  shown_s(now: number): number {
    return this.#from_s + (this.time_s - this.#from_s) * this.progress(now);
  }

  /** Takes a frame that came at `now` [ms]. */
  take(frame: Frame, now: number): void {
    const t = this.progress(now);
    const gap = frame.time_s - this.time_s;
    const cut = frame.cut || gap < 0 || gap > GAP_MAX || this.tick === 0;
    if (frame.kind.length * STRIDE !== this.bytes.byteLength) this.#room(frame.kind.length);
    const [, lat] = fromTiles(frame.origin.x, frame.origin.y, this.tileZoom);
    const far = (SPEED_MAX * Math.max(0, gap) + SLACK) / tileMetres(lat, this.tileZoom);
    const { floats, octets, words } = this;
    const paint = this.#paint;
    this.sirens = [];
    let stride = 0;
    const spot: Spot = { x: 0, y: 0, heading: 0 };
    for (let i = 0; i < frame.slots; i += 1) {
      const f = i * WORDS;
      const o = i * STRIDE + 16;
      const kind = frame.kind[i]!;
      const was = octets[o + 2]!;
      octets[o + 2] = kind;
      octets[o + 3] = frame.speed_q[i]!;
      words[f + 5] = kind === NOBODY ? 0 : paint[kind + (frame.speed_q[i] === 0 ? 256 : 0)]!;
      if (kind === NOBODY) continue;
      if ((kind & SIREN) !== 0) this.sirens.push(i);
      const x = frame.x[i]!;
      const y = frame.y[i]!;
      if (cut || was === NOBODY || frame.fresh[i] === 1 || this.ids[i] !== frame.id[i]) {
        floats[f] = x;
        floats[f + 1] = y;
        octets[o] = frame.heading[i]!;
      } else {
        const h0 = octets[o]!;
        const h1 = octets[o + 1]!;
        between(floats[f]!, floats[f + 1]!, floats[f + 2]!, floats[f + 3]!, h0, h1, t, spot);
        const jump = Math.abs(x - floats[f + 2]!) > far || Math.abs(y - floats[f + 3]!) > far;
        floats[f] = jump ? x : spot.x;
        floats[f + 1] = jump ? y : spot.y;
        octets[o] = jump ? frame.heading[i]! : Math.round((spot.heading / (2 * Math.PI)) * 256) & 255;
      }
      floats[f + 2] = x;
      floats[f + 3] = y;
      stride = Math.max(stride, Math.abs(x - floats[f]!), Math.abs(y - floats[f + 1]!));
      octets[o + 1] = frame.heading[i]!;
    }
    for (let i = frame.slots; i < this.slots; i += 1) {
      octets[i * STRIDE + 18] = NOBODY;
      words[i * WORDS + 5] = 0;
    }
    this.#from_s = cut ? frame.time_s : this.shown_s(now);
    this.ids.set(frame.id.subarray(0, frame.slots));
    this.stride = stride;
    this.slots = frame.slots;
    this.shown = frame.shown;
    this.origin = frame.origin;
    this.tick = frame.tick;
    this.time_s = frame.time_s;
    this.#slotOf = null;
    // The way to this place takes as long as frames take to come, and a little more, so that it is not over before the next comes.
    const took = now - this.#last;
    if (this.#last > 0 && took > 20 && took < 1500) this.#span += (Math.min(took, 600) * 1.06 - this.#span) * 0.15;
    this.#last = now;
    this.#at = now;
  }

  #room(slots: number): void {
    const bytes = new ArrayBuffer(slots * STRIDE);
    const octets = new Uint8Array(bytes);
    octets.set(this.octets.subarray(0, Math.min(this.octets.length, octets.length)));
    for (let i = Math.floor(this.octets.length / STRIDE); i < slots; i += 1) octets[i * STRIDE + 18] = NOBODY;
    const ids = new Uint32Array(slots);
    ids.set(this.ids.subarray(0, Math.min(this.ids.length, slots)));
    this.bytes = bytes;
    this.floats = new Float32Array(bytes);
    this.octets = octets;
    this.words = new Uint32Array(bytes);
    this.ids = ids;
  }

  /** Forgets everybody. */
  clear(): void {
    for (let i = 0; i < this.slots; i += 1) {
      this.octets[i * STRIDE + 18] = NOBODY;
      this.words[i * WORDS + 5] = 0;
    }
    this.slots = 0;
    this.shown = 0;
    this.sirens = [];
    this.tick = 0;
    this.#last = 0;
    this.#slotOf = null;
  }

  kind(slot: number): number {
    return this.octets[slot * STRIDE + 18]!;
  }

  /** The index of its class. */
  classOf(slot: number): number {
    return this.kind(slot) & CLASS_BITS;
  }

  /** In metres a second. */
  speed(slot: number): number {
    return this.octets[slot * STRIDE + 19]! / 4;
  }

  /** Where the vehicle in a slot is shown at `now`. */
  spot(slot: number, now: number, out: Spot): Spot {
    const f = slot * WORDS;
    const o = slot * STRIDE + 16;
    const { floats, octets } = this;
    between(floats[f]!, floats[f + 1]!, floats[f + 2]!, floats[f + 3]!, octets[o]!, octets[o + 1]!, this.progress(now), out);
    return out;
  }

  /** The slot of a vehicle by its number; -1 if it is not shown. */
  slotOf(id: number): number {
    if (!this.#slotOf) {
      this.#slotOf = new Map();
      for (let i = 0; i < this.slots; i += 1) if (this.kind(i) !== NOBODY) this.#slotOf.set(this.ids[i]!, i);
    }
    return this.#slotOf.get(id) ?? -1;
  }

  /** The slot of the vehicle nearest to a place [tiles from the origin], if there is one within `radius`; else -1. */
  nearest(x: number, y: number, radius: number, now: number): number {
    let best = -1;
    let least = radius * radius;
    const spot: Spot = { x: 0, y: 0, heading: 0 };
    for (let i = 0; i < this.slots; i += 1) {
      if (this.kind(i) === NOBODY) continue;
      const f = i * WORDS;
      // Whoever is far at both ends is far in between.
      const dx = Math.min(Math.abs(this.floats[f]! - x), Math.abs(this.floats[f + 2]! - x));
      if (dx > radius * 8) continue;
      this.spot(i, now, spot);
      const d = (spot.x - x) ** 2 + (spot.y - y) ** 2;
      if (d < least) {
        least = d;
        best = i;
      }
    }
    return best;
  }
}

/** The least turn [1/256] from which on the way between two places is a curve. */
const CURVE = 6;

/**
 * The place between two: a line, or a curve that leaves and arrives by the headings (cubic Hermite) where they differ. Headings are
 * 1/256 of a turn clockwise from north; y grows southwards. The vertex shader reckons the same.
 */
export function between(x0: number, y0: number, x1: number, y1: number, h0: number, h1: number, t: number, out: Spot): void {
  let turn = (h1 - h0) & 255;
  if (turn > 127) turn -= 256;
  const unit = (2 * Math.PI) / 256;
  let heading = (h0 + turn * t) * unit;
  const dx = x1 - x0;
  const dy = y1 - y0;
  const d = Math.hypot(dx, dy);
  const u = h0 * unit;
  const v = h1 * unit;
  // A curve only where both headings go along with the way: else it would swing far out, as round a block or while parking.
  const along = Math.min(dx * Math.sin(u) - dy * Math.cos(u), dx * Math.sin(v) - dy * Math.cos(v));
  if (Math.abs(turn) < CURVE || along < 0.3 * d) {
    out.x = x0 + dx * t;
    out.y = y0 + dy * t;
  } else {
    const t2 = t * t;
    const t3 = t2 * t;
    const a = 2 * t3 - 3 * t2 + 1;
    const b = t3 - 2 * t2 + t;
    const c = -2 * t3 + 3 * t2;
    const e = t3 - t2;
    out.x = a * x0 + b * d * Math.sin(u) + c * x1 + e * d * Math.sin(v);
    out.y = a * y0 - b * d * Math.cos(u) + c * y1 - e * d * Math.cos(v);
  }
  if (heading < 0) heading += 2 * Math.PI;
  out.heading = heading % (2 * Math.PI);
}
