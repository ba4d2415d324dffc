// Writing FRAME and ROADS messages, as the server of the twin does: for developing the page, and for testing its decoder.

import { deflateRawSync } from 'node:zlib';

class Writer {
  #parts = [];
  #size = 0;

  #push(buffer) {
    this.#parts.push(buffer);
    this.#size += buffer.length;
  }

  u8(value) {
    this.#push(Buffer.from([value & 0xff]));
  }

  u16(value) {
    const b = Buffer.alloc(2);
    b.writeUInt16LE(value);
    this.#push(b);
  }

  u32(value) {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(value);
    this.#push(b);
  }

  f32(value) {
    const b = Buffer.alloc(4);
    b.writeFloatLE(value);
    this.#push(b);
  }

  f64(value) {
    const b = Buffer.alloc(8);
    b.writeDoubleLE(value);
    this.#push(b);
  }

  bytes(array) {
    this.#push(Buffer.from(array.buffer ? Buffer.from(array.buffer, array.byteOffset, array.byteLength) : array));
  }

  varints(values) {
    const b = Buffer.alloc(values.length * 5);
    let at = 0;
    for (let value of values) {
      while (value >= 0x80) {
        b[at++] = (value % 0x80) | 0x80;
        value = Math.floor(value / 0x80);
      }
      b[at++] = value;
    }
    this.#push(b.subarray(0, at));
  }

  done() {
    return Buffer.concat(this.#parts, this.#size);
  }
}

const zigzag = (value) => (value < 0 ? -2 * value - 1 : 2 * value);
const steps = (ascending) => ascending.map((value, i) => (i === 0 ? value : value - ascending[i - 1]));

/** @typedef {{id: number, x: number, y: number, heading: number, speed: number, kind: number}} Vehicle place in its tile, 0 to 65535 */

function columns(writer, vehicles) {
  writer.varints(steps(vehicles.map((v) => v.id)));
  writer.bytes(Uint16Array.from(vehicles, (v) => v.x));
  writer.bytes(Uint16Array.from(vehicles, (v) => v.y));
  writer.bytes(Uint8Array.from(vehicles, (v) => v.heading));
  writer.bytes(Uint8Array.from(vehicles, (v) => v.speed));
  writer.bytes(Uint8Array.from(vehicles, (v) => v.kind));
}

/** Everybody in a tile, ascending by number, before it is deflated. */
export function keyPayload(vehicles) {
  const writer = new Writer();
  writer.u32(vehicles.length);
  columns(writer, vehicles);
  return writer.done();
}

/**
 * What changed in a tile. `before` and `now` ascend by number; vehicles of `before` know how far they went before as `dx` and `dy`,
 * and those of `now` who stay are given theirs.
 */
export function deltaPayload(before, now) {
  const old = new Map(before.map((v) => [v.id, v]));
  const there = new Set(now.map((v) => v.id));
  const removed = before.filter((v) => !there.has(v.id)).map((v) => v.id);
  const added = now.filter((v) => !old.has(v.id));
  const stayers = now.filter((v) => old.has(v.id));
  const writer = new Writer();
  writer.u32(removed.length);
  writer.varints(steps(removed));
  writer.u32(added.length);
  columns(writer, added);
  for (const v of stayers) {
    const o = old.get(v.id);
    v.dx = v.x - o.x;
    v.dy = v.y - o.y;
  }
  writer.varints(stayers.map((v) => zigzag(v.x - old.get(v.id).x - (old.get(v.id).dx ?? 0))));
  writer.varints(stayers.map((v) => zigzag(v.y - old.get(v.id).y - (old.get(v.id).dy ?? 0))));
  writer.bytes(Uint8Array.from(stayers, (v) => v.heading - old.get(v.id).heading));
  writer.bytes(Uint8Array.from(stayers, (v) => v.speed - old.get(v.id).speed));
  const changed = [];
  stayers.forEach((v, i) => {
    if (v.kind !== old.get(v.id).kind) changed.push(i);
  });
  writer.u32(changed.length);
  writer.varints(steps(changed));
  writer.bytes(Uint8Array.from(changed, (i) => stayers[i].kind));
  return writer.done();
}

const deflate = (bytes) => deflateRawSync(bytes, { level: 1 });

export const key = (vehicles) => ({ mode: 0, payload: deflate(keyPayload(vehicles)) });
export const delta = (before, now) => ({ mode: 1, payload: deflate(deltaPayload(before, now)) });
export const gone = () => ({ mode: 2, payload: Buffer.alloc(0) });

/** A whole FRAME; `tiles` as `{x, y, mode, payload}`. */
export function frame({ tick, time_s, speed, city, cut = false, tiles }) {
  const writer = new Writer();
  writer.u8(1);
  writer.u8(1);
  writer.u16(cut ? 1 : 0);
  writer.u32(tick);
  writer.f64(time_s);
  writer.f32(speed);
  writer.u32(city);
  writer.u16(tiles.length);
  for (const tile of tiles) {
    writer.u32(tile.x);
    writer.u32(tile.y);
    writer.u8(tile.mode);
    writer.u32(tile.payload.length);
    writer.bytes(tile.payload);
  }
  return writer.done();
}

/** A ROADS message. */
export function roads(flow) {
  const payload = deflate(Buffer.from(flow));
  const writer = new Writer();
  writer.u8(3);
  writer.u8(1);
  writer.u32(flow.length);
  writer.u32(payload.length);
  writer.bytes(payload);
  return writer.done();
}
