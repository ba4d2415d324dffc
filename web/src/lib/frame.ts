// Reading the binary messages of the socket: where vehicles are (FRAME) and how roads flow (ROADS).
//
// A FRAME tells tile by tile who is where, either all of it (key) or what changed since the frame before (delta). The decoder keeps
// every tile as it was told, and gives every vehicle a **slot** that it keeps as long as it is seen, also from tile to tile, so that
// whoever draws can move it from where it was to where it is. Layout: little endian, columns, raw deflate.

import { inflateSync } from 'fflate';

export const FRAME = 1;
export const ROADS = 3;
const VERSION = 1;

/** Bits of a vehicle's kind. */
export const CLASS_BITS = 0x1f;
export const SIREN = 0x20;
export const AT_STOP = 0x40;
/** The kind of a slot that nobody has. */
export const NOBODY = 0xff;

/** Most bytes a tile may inflate to: more would be more vehicles than fit on its roads. */
const TILE_BYTES_MAX = 64 * 1024 * 1024;
/** Parts of a tile's side [1]. */
const SIDE = 65536;

/** A message that cannot be understood; everything is to be asked for anew. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

/** Vehicles by slot, ready to be drawn. All arrays are `slots` long. */
export interface Frame {
  tick: number;
  /** City time [s after midnight]. */
  time_s: number;
  /** City seconds for a second on the wall; 0 is paused, infinite as fast as possible. */
  speed: number;
  /** Vehicles in the whole city. */
  city: number;
  /** Vehicles that are told of here. */
  shown: number;
  /** Nobody moved here from the frame before: everybody is suddenly somewhere else. */
  cut: boolean;
  slots: number;
  /** The tile that places are measured from. */
  origin: { x: number; y: number };
  /** East of the origin's corner [tiles]. */
  x: Float32Array;
  /** South of it [tiles]. */
  y: Float32Array;
  /** Clockwise from north [1/256 turn]. */
  heading: Uint8Array;
  /** In quarters of a metre a second. */
  speed_q: Uint8Array;
  /** Class, siren and stop; `NOBODY` for an empty slot. */
  kind: Uint8Array;
  /** Number in the demand. */
  id: Uint32Array;
  /** 1 for whoever was not in this slot in the frame before. */
  fresh: Uint8Array;
}

interface Tile {
  x: number;
  y: number;
  /** Vehicles in it; the columns may be longer. */
  count: number;
  ids: Uint32Array;
  px: Int32Array;
  py: Int32Array;
  /** How far it went between the last two frames. */
  dx: Int32Array;
  dy: Int32Array;
  heading: Uint8Array;
  speed: Uint8Array;
  kind: Uint8Array;
  slot: Int32Array;
  /** The tile as it was a frame earlier, whose columns may be filled again. */
  spare: Tile | null;
}

class Reader {
  at = 0;
  readonly #view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  #need(count: number): number {
    const at = this.at;
    if (count < 0 || at + count > this.bytes.length) throw new FrameError('the message ends too early');
    this.at = at + count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#need(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#need(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#need(4), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#need(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#need(8), true);
  }

  take(count: number): Uint8Array {
    const at = this.#need(count);
    return this.bytes.subarray(at, at + count);
  }

  /** So many unsigned numbers in groups of seven bits, the lowest first. In one loop: there are hundreds of thousands a second. */
  varints(count: number): Uint32Array {
    const { bytes } = this;
    const out = new Uint32Array(count);
    const end = bytes.length;
    let at = this.at;
    for (let i = 0; i < count; i += 1) {
      if (at >= end) throw new FrameError('the message ends too early');
      let byte = bytes[at++]!;
      if (byte < 0x80) {
        out[i] = byte;
        continue;
      }
      let value = byte & 0x7f;
      let shift = 7;
      do {
        if (at >= end) throw new FrameError('the message ends too early');
        if (shift > 28) throw new FrameError('a number is too long');
        byte = bytes[at++]!;
        value |= (byte & 0x7f) << shift;
        shift += 7;
      } while (byte >= 0x80);
      out[i] = value;
    }
    this.at = at;
    return out;
  }

  /** A count, of which each takes at least `least` bytes of what is left. */
  count(least: number): number {
    const value = this.u32();
    if (value * least > this.left) throw new FrameError('a count is larger than the message');
    return value;
  }

  /** Numbers that ascend, each told as the difference to the one before. */
  ascending(count: number): Uint32Array {
    const out = this.varints(count);
    for (let i = 1; i < count; i += 1) {
      if (out[i] === 0) throw new FrameError('numbers do not ascend');
      out[i]! += out[i - 1]!;
    }
    return out;
  }

  end(): void {
    if (this.left !== 0) throw new FrameError('the message is longer than it says');
  }
}

/** Where tiles are inflated to, one after the other: a buffer for each would be most of the work. */
let scratch = new Uint8Array(1 << 20);

/** The bytes inside, which hold until the next call. */
function inflate(bytes: Uint8Array): Uint8Array {
  let out: Uint8Array;
  try {
    out = inflateSync(bytes, { out: scratch });
    // What does not fit is cut off without a word: then once more into as much as it takes.
    if (out.length >= scratch.length) {
      out = inflateSync(bytes);
      if (out.length > TILE_BYTES_MAX) throw new FrameError('a tile is too large');
      scratch = new Uint8Array(2 * out.length);
    }
  } catch (error) {
    throw error instanceof FrameError ? error : new FrameError('a tile cannot be inflated');
  }
  return out;
}

/** Reads the arrays of a ROADS message: for every road 0 to 200 half per cent of its limit, 255 where nobody drives. */
export function readRoads(buffer: ArrayBuffer): Uint8Array {
  const reader = new Reader(new Uint8Array(buffer));
  if (reader.u8() !== ROADS) throw new FrameError('this is no message about roads');
  if (reader.u8() !== VERSION) throw new FrameError('this message about roads is of another version');
  const count = reader.u32();
  const out = inflate(reader.take(reader.u32())).slice();
  reader.end();
  if (out.length !== count) throw new FrameError('roads are missing');
  return out;
}

/** Arrays of a frame that was drawn and may be filled again. */
export type Arrays = Pick<Frame, 'x' | 'y' | 'heading' | 'speed_q' | 'kind' | 'id' | 'fresh'>;

function arrays(slots: number): Arrays {
  return {
    x: new Float32Array(slots),
    y: new Float32Array(slots),
    heading: new Uint8Array(slots),
    speed_q: new Uint8Array(slots),
    kind: new Uint8Array(slots),
    id: new Uint32Array(slots),
    fresh: new Uint8Array(slots),
  };
}

/** Takes FRAME messages one after the other. */
export class FrameDecoder {
  #tiles = new Map<string, Tile>();
  #slots = new Map<number, number>();
  #free: number[] = [];
  #capacity = 0;
  #used = 0;
  #origin: { x: number; y: number } | null = null;
  /** Slots whose vehicle was not there in the frame before. */
  #fresh = new Uint8Array(0);

  /** Forgets everything, as after a new subscription. */
  forget(): void {
    this.#tiles.clear();
    this.#slots.clear();
    this.#free = [];
    this.#used = 0;
    this.#fresh.fill(0);
  }

  /**
   * Applies a message. Arrays given along are filled if they are large enough.
   *
   * Throws `FrameError` if it cannot be understood; the decoder is then to be forgotten and everything asked for anew.
   */
  apply(buffer: ArrayBuffer, used?: Arrays): Frame {
    const reader = new Reader(new Uint8Array(buffer));
    if (reader.u8() !== FRAME) throw new FrameError('this is no frame');
    if (reader.u8() !== VERSION) throw new FrameError('this frame is of another version');
    const flags = reader.u16();
    const tick = reader.u32();
    const time_s = reader.f64();
    const speed = reader.f32();
    const city = reader.u32();
    const tiles = reader.u16();
    const cut = (flags & 1) !== 0;
    if (cut) this.forget();
    this.#fresh.fill(0);

    // Whoever leaves a tile in this frame keeps its slot until all tiles are read: it may have come to the next one.
    const left = new Map<number, number>();
    const came: [Tile, number][] = [];
    for (let i = 0; i < tiles; i += 1) {
      const x = reader.u32();
      const y = reader.u32();
      const mode = reader.u8();
      const payload = reader.take(reader.u32());
      this.#origin ??= { x, y };
      const name = `${x}/${y}`;
      const before = this.#tiles.get(name);
      if (mode === 2) {
        if (before) this.#leave(before, left);
        this.#tiles.delete(name);
      } else if (mode === 0) {
        if (before) this.#leave(before, left);
        const tile = key(x, y, new Reader(inflate(payload)));
        this.#tiles.set(name, tile);
        for (let k = 0; k < tile.count; k += 1) came.push([tile, k]);
      } else if (mode === 1) {
        if (!before) throw new FrameError('a tile changes that was never told');
        const tile = this.#delta(before, new Reader(inflate(payload)), left, came);
        this.#tiles.set(name, tile);
      } else {
        throw new FrameError(`there is no way ${mode} to tell a tile`);
      }
    }
    reader.end();
    this.#settle(left, came);
    return { tick, time_s, speed, city, cut, ...this.#collect(used) };
  }

  #leave(tile: Tile, left: Map<number, number>): void {
    for (let i = 0; i < tile.count; i += 1) left.set(tile.ids[i]!, tile.slot[i]!);
  }

  #settle(left: Map<number, number>, came: [Tile, number][]): void {
    for (const [tile, index] of came) {
      const id = tile.ids[index]!;
      const kept = left.get(id);
      if (kept !== undefined) {
        left.delete(id);
        tile.slot[index] = kept;
        continue;
      }
      // Told twice, in two tiles: the later place counts, in the same slot.
      const known = this.#slots.get(id);
      const slot = known ?? this.#free.pop() ?? this.#used++;
      this.#slots.set(id, slot);
      tile.slot[index] = slot;
      if (slot >= this.#fresh.length) {
        const wider = new Uint8Array(Math.max(1024, this.#fresh.length * 2));
        wider.set(this.#fresh);
        this.#fresh = wider;
      }
      if (known === undefined) this.#fresh[slot] = 1;
    }
    for (const [id, slot] of left) {
      this.#slots.delete(id);
      this.#free.push(slot);
    }
  }

  #delta(before: Tile, reader: Reader, left: Map<number, number>, came: [Tile, number][]): Tile {
    const removed = reader.ascending(reader.count(1));
    const added = reader.count(1);
    const a = columns(added, reader);
    const stays = before.count - removed.length;
    if (stays < 0) throw new FrameError('more leave a tile than were in it');
    const total = stays + added;
    const rx = reader.varints(stays);
    const ry = reader.varints(stays);
    const turns = reader.take(stays);
    const faster = reader.take(stays);
    const changed = reader.ascending(reader.count(2));
    if (changed.length > 0 && changed[changed.length - 1]! >= stays) throw new FrameError('the kind of somebody unknown changes');
    const kinds = reader.take(changed.length);
    reader.end();

    const tile = room(before.x, before.y, total, before.spare);
    before.spare = null;
    tile.spare = before;
    let r = 0;
    let j = 0;
    let k = 0;
    let c = 0;
    let i = 0;
    const count = before.count;
    for (let old = 0; old < count; old += 1) {
      const id = before.ids[old]!;
      if (r < removed.length && removed[r] === id) {
        left.set(id, before.slot[old]!);
        r += 1;
        continue;
      }
      if (k >= stays) break;
      while (j < added && a.ids[j]! < id) came.push([tile, copy(tile, i++, a, j++)]);
      if (j < added && a.ids[j] === id) throw new FrameError('somebody comes to a tile who is in it');
      // Zigzag: 0, -1, 1, -2, ...
      const p = rx[k]!;
      const q = ry[k]!;
      const dx = before.dx[old]! + ((p >>> 1) ^ -(p & 1));
      const dy = before.dy[old]! + ((q >>> 1) ^ -(q & 1));
      tile.ids[i] = id;
      tile.px[i] = before.px[old]! + dx;
      tile.py[i] = before.py[old]! + dy;
      tile.dx[i] = dx;
      tile.dy[i] = dy;
      tile.heading[i] = before.heading[old]! + turns[k]!;
      tile.speed[i] = before.speed[old]! + faster[k]!;
      if (c < changed.length && changed[c] === k) tile.kind[i] = kinds[c++]!;
      else tile.kind[i] = before.kind[old]!;
      tile.slot[i] = before.slot[old]!;
      k += 1;
      i += 1;
    }
    if (r !== removed.length || k !== stays) throw new FrameError('somebody leaves a tile who was not in it');
    while (j < added) came.push([tile, copy(tile, i++, a, j++)]);
    return tile;
  }

  #collect(used: Arrays | undefined): Omit<Frame, 'tick' | 'time_s' | 'speed' | 'city' | 'cut'> {
    if (this.#used > this.#capacity) this.#capacity = Math.max(1024, Math.ceil(this.#used * 1.25));
    const out = used && used.kind.length === this.#capacity ? used : arrays(this.#capacity);
    out.kind.fill(NOBODY);
    out.fresh.set(this.#fresh.subarray(0, Math.min(this.#fresh.length, this.#capacity)));
    const origin = this.#origin ?? { x: 0, y: 0 };
    let shown = 0;
    for (const tile of this.#tiles.values()) {
      const ox = tile.x - origin.x;
      const oy = tile.y - origin.y;
      const { count, ids, px, py, slot: slots } = tile;
      shown += count;
      for (let i = 0; i < count; i += 1) {
        const slot = slots[i]!;
        out.x[slot] = ox + px[i]! / SIDE;
        out.y[slot] = oy + py[i]! / SIDE;
        out.heading[slot] = tile.heading[i]!;
        out.speed_q[slot] = tile.speed[i]!;
        out.kind[slot] = tile.kind[i]!;
        out.id[slot] = ids[i]!;
      }
    }
    return { shown, slots: this.#used, origin, ...out };
  }
}

/** A tile with room for so many; the columns of `spare` if they are long enough. */
function room(x: number, y: number, count: number, spare: Tile | null): Tile {
  if (spare && spare.ids.length >= count) {
    spare.count = count;
    spare.spare = null;
    return spare;
  }
  const most = count + (count >> 3) + 8;
  return {
    x,
    y,
    count,
    ids: new Uint32Array(most),
    px: new Int32Array(most),
    py: new Int32Array(most),
    dx: new Int32Array(most),
    dy: new Int32Array(most),
    heading: new Uint8Array(most),
    speed: new Uint8Array(most),
    kind: new Uint8Array(most),
    slot: new Int32Array(most),
    spare: null,
  };
}

/** Puts a newcomer into a tile; where it is in it. */
function copy(tile: Tile, i: number, from: Columns, j: number): number {
  tile.ids[i] = from.ids[j]!;
  tile.px[i] = from.px[j]!;
  tile.py[i] = from.py[j]!;
  tile.dx[i] = 0;
  tile.dy[i] = 0;
  tile.heading[i] = from.heading[j]!;
  tile.speed[i] = from.speed[j]!;
  tile.kind[i] = from.kind[j]!;
  return i;
}

type Columns = Pick<Tile, 'ids' | 'px' | 'py' | 'heading' | 'speed' | 'kind'>;

function columns(count: number, reader: Reader): Columns {
  const ids = reader.ascending(count);
  const px = new Int32Array(count);
  const py = new Int32Array(count);
  for (let i = 0; i < count; i += 1) px[i] = reader.u16();
  for (let i = 0; i < count; i += 1) py[i] = reader.u16();
  return { ids, px, py, heading: reader.take(count), speed: reader.take(count), kind: reader.take(count) };
}

function key(x: number, y: number, reader: Reader): Tile {
  const c = columns(reader.count(8), reader);
  reader.end();
  const tile = room(x, y, c.ids.length, null);
  tile.ids.set(c.ids);
  tile.px.set(c.px);
  tile.py.set(c.py);
  tile.heading.set(c.heading);
  tile.speed.set(c.speed);
  tile.kind.set(c.kind);
  return tile;
}
