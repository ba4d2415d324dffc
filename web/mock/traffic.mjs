// Invented traffic on the invented city, and the tiles it is told by. Nobody here follows anybody: this is for looking at, not for learning.

import { along, place } from './city.mjs';
import { frame, gone } from './frames.mjs';
import { deflateRawSync } from 'node:zlib';

export const ZOOM = 14;
const KINDS = [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 11, 11, 12, 12, 9, 9, 16, 16, 14, 8, 13];

/** [longitude, latitude] in tiles at the zoom of frames. */
export function tileOf([lon, lat]) {
  const s = Math.sin((lat * Math.PI) / 180);
  return [((lon + 180) / 360) * 2 ** ZOOM, (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * 2 ** ZOOM];
}

/** The link of a road's end at its signal. */
function linkOf(city, road) {
  const signal = city.nodes[road.to].signal;
  return signal === undefined ? -1 : city.signals[signal].links.findIndex((link) => link.road === road.i);
}

export class Traffic {
  constructor(city, count, units = 8) {
    this.city = city;
    this.count = count;
    const { random } = city;
    this.road = new Int32Array(count);
    this.at = new Float32Array(count);
    this.v = new Float32Array(count);
    this.wish = new Float32Array(count);
    this.kind = new Uint8Array(count);
    this.tile = new Int32Array(count);
    this.x = new Int32Array(count);
    this.y = new Int32Array(count);
    this.heading = new Uint8Array(count);
    this.flow = new Uint8Array(city.roads.length).fill(255);
    this.sum = new Float32Array(city.roads.length);
    this.n = new Int32Array(city.roads.length);
    this.units = [];
    this.arrived = 0;
    for (let i = 0; i < count; i += 1) {
      this.road[i] = this.#start();
      this.at[i] = random() * city.roads[this.road[i]].length;
      this.wish[i] = 0.75 + random() * 0.35;
      this.kind[i] = KINDS[Math.floor(random() * KINDS.length)];
    }
    const duties = ['en-route', 'transporting', 'returning', 'at-scene', 'turning-out', 'at-station', 'at-hospital'];
    const stations = city.points.filter((p) => p.kind === 'station');
    for (let k = 0; k < units; k += 1) {
      const duty = duties[k % duties.length];
      const vehicle = Math.min(count - 1, k);
      const moving = ['en-route', 'transporting', 'returning'].includes(duty);
      this.kind[vehicle] = moving ? 1 | (duty === 'returning' ? 0 : 0x20) : 1;
      this.units.push({ unit: k, name: `RTW ${k + 1}`, vehicle, duty, call: k % 3 === 2 || duty === 'at-station' ? null : 100 + k, on_road: moving, station: stations[k % stations.length] });
    }
    this.#corners();
    this.#place();
  }

  /** A road at random; the more important, the likelier. */
  #start() {
    const { roads, random } = this.city;
    for (;;) {
      const i = Math.floor(random() * roads.length);
      if (roads[i].rank >= 3 || random() < 0.25 + roads[i].rank * 0.15) return i;
    }
  }

  /** Where roads are in units of a tile's 65536th, for speed. */
  #corners() {
    const px = (p) => {
      const [x, y] = tileOf(place(p[0], p[1]));
      return [x * 65536, y * 65536];
    };
    for (const road of this.city.roads) {
      road.link = linkOf(this.city, road);
      road.tx = Float64Array.from(road.points, (p) => px(p)[0]);
      road.ty = Float64Array.from(road.points, (p) => px(p)[1]);
      road.turn = road.points.slice(1).map((p, k) => along(road, (road.lengths[k] + road.lengths[k + 1]) / 2).heading);
    }
  }

  step(dt, time_s) {
    const { roads, nodes, signals, random } = this.city;
    for (const signal of signals) {
      const cycle = signal.green[0] + signal.green[1] + 8;
      const t = (time_s + signal.offset) % cycle;
      const [a, b] = [signal.green[0], signal.green[0] + 4];
      const first = t < a ? 'G' : t < a + 3 ? 'y' : 'r';
      const second = t < b ? 'r' : t < b + signal.green[1] ? 'G' : t < b + signal.green[1] + 3 ? 'y' : 'r';
      signal.state = signal.links.map((link) => (link.across ? first : second)).join('');
    }
    // A jam that comes and goes, so that there is something to see.
    for (const road of roads) road.thick = 0.35 + 0.65 * Math.abs(Math.sin(road.i * 1.7 + time_s / 240));
    this.sum.fill(0);
    this.n.fill(0);
    for (let i = 0; i < this.count; i += 1) {
      const road = roads[this.road[i]];
      const node = nodes[road.to];
      const left = road.length - this.at[i];
      const siren = (this.kind[i] & 0x20) !== 0;
      const { thick } = road;
      let wish = road.limit * this.wish[i] * (siren ? 1.3 : road.rank >= 3 ? thick : 0.6 + 0.4 * thick);
      if (road.closed) wish = 0.3;
      if (node.signal !== undefined && left < 40 && !siren) {
        const signal = signals[node.signal];
        const shown = signal.state[road.link];
        if (shown === 'r' || (shown === 'y' && left > 12)) wish = Math.max(0, (left - 3 - (i % 5) * 6) * 0.4);
      }
      const change = Math.max(-4 * dt, Math.min(2 * dt, wish - this.v[i]));
      this.v[i] = Math.max(0, this.v[i] + change);
      this.at[i] += this.v[i] * dt;
      this.sum[road.i] += this.v[i];
      this.n[road.i] += 1;
      while (this.at[i] >= roads[this.road[i]].length) {
        const here = roads[this.road[i]];
        this.at[i] -= here.length;
        const out = nodes[here.to].out.filter((r) => roads[r].to !== here.from && !roads[r].closed);
        const ways = out.length > 0 ? out : nodes[here.to].out;
        const straight = ways.find((r) => roads[r].name === here.name);
        this.road[i] = straight !== undefined && random() < 0.7 ? straight : ways[Math.floor(random() * ways.length)];
        if (random() < 0.02) this.arrived += 1;
      }
    }
    for (let r = 0; r < roads.length; r += 1) {
      this.flow[r] = this.n[r] === 0 ? 255 : Math.min(200, Math.round((this.sum[r] / this.n[r] / roads[r].limit) * 200));
    }
    this.#place();
  }

  #place() {
    const { roads } = this.city;
    for (let i = 0; i < this.count; i += 1) {
      const road = roads[this.road[i]];
      const { lengths, tx, ty, turn } = road;
      let k = 1;
      while (k < lengths.length - 1 && lengths[k] < this.at[i]) k += 1;
      const t = (this.at[i] - lengths[k - 1]) / (lengths[k] - lengths[k - 1]);
      const X = Math.round(tx[k - 1] + (tx[k] - tx[k - 1]) * t);
      const Y = Math.round(ty[k - 1] + (ty[k] - ty[k - 1]) * t);
      this.x[i] = X % 65536;
      this.y[i] = Y % 65536;
      this.tile[i] = Math.floor(X / 65536) * 65536 + Math.floor(Y / 65536);
      this.heading[i] = turn[k - 1];
    }
  }

  /** Where a vehicle is, as longitude, latitude and degrees. */
  whereabouts(i) {
    const p = along(this.city.roads[this.road[i]], this.at[i]);
    const [lon, lat] = place(p.x, p.y);
    return { lon, lat, heading: (p.heading * 360) / 256 };
  }

  totals() {
    let sum = 0;
    let halting = 0;
    for (let i = 0; i < this.count; i += 1) {
      sum += this.v[i];
      if (this.v[i] < 0.1) halting += 1;
    }
    const busy = this.units.filter((unit) => unit.call !== null).length;
    return {
      running: this.count, arrived: this.arrived, inserted: this.count + this.arrived, waiting_to_enter: 12, halting,
      speed_mean: sum / this.count, speed_relative_mean: sum / this.count / 13.9, travel_time_mean: 612 + 40 * Math.sin(this.arrived / 300),
      calls_open: busy + 1, units_busy: busy, units: this.units.length,
    };
  }
}

/** Encodes every tile once for all who look: what changed since the tick before, and everything if somebody needs it. */
export class Tiler {
  constructor(traffic) {
    this.traffic = traffic;
    const n = traffic.count;
    this.was = { tile: new Int32Array(n).fill(-1), x: new Int32Array(n), y: new Int32Array(n), dx: new Int32Array(n), dy: new Int32Array(n), heading: new Uint8Array(n), speed: new Uint8Array(n), kind: new Uint8Array(n) };
    this.now = { ...this.was, speed: new Uint8Array(n), kind: new Uint8Array(n), heading: new Uint8Array(n), x: new Int32Array(n), y: new Int32Array(n), tile: new Int32Array(n), dx: new Int32Array(n), dy: new Int32Array(n) };
    this.lists = new Map();
    this.before = new Map();
    this.tick = 0;
    this.buffer = Buffer.alloc(64 + n * 40);
  }

  /** Takes the traffic as it is now. */
  take() {
    const { traffic } = this;
    [this.was, this.now] = [this.now, this.was];
    const { was, now } = this;
    this.before = this.lists;
    this.lists = new Map();
    this.deltas = new Map();
    this.keys = new Map();
    this.tick += 1;
    for (let i = 0; i < traffic.count; i += 1) {
      const tile = traffic.tile[i];
      now.tile[i] = tile;
      now.x[i] = traffic.x[i];
      now.y[i] = traffic.y[i];
      now.heading[i] = traffic.heading[i];
      now.speed[i] = Math.min(255, Math.round(traffic.v[i] * 4));
      now.kind[i] = traffic.kind[i];
      const stays = this.tick > 1 && was.tile[i] === tile;
      now.dx[i] = stays ? now.x[i] - was.x[i] : 0;
      now.dy[i] = stays ? now.y[i] - was.y[i] : 0;
      let list = this.lists.get(tile);
      if (!list) this.lists.set(tile, (list = []));
      list.push(i);
    }
  }

  #varint(at, value) {
    while (value >= 0x80) {
      this.buffer[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.buffer[at++] = value;
    return at;
  }

  #columns(at, ids) {
    const { buffer: b, now } = this;
    let last = 0;
    for (const i of ids) {
      at = this.#varint(at, i - last);
      last = i;
    }
    for (const i of ids) at = b.writeUInt16LE(now.x[i], at);
    for (const i of ids) at = b.writeUInt16LE(now.y[i], at);
    for (const i of ids) b[at++] = now.heading[i];
    for (const i of ids) b[at++] = now.speed[i];
    for (const i of ids) b[at++] = now.kind[i];
    return at;
  }

  key(tile) {
    let found = this.keys.get(tile);
    if (!found) {
      const ids = this.lists.get(tile) ?? [];
      let at = this.buffer.writeUInt32LE(ids.length, 0);
      at = this.#columns(at, ids);
      found = { mode: 0, payload: deflateRawSync(this.buffer.subarray(0, at), { level: 1 }) };
      this.keys.set(tile, found);
    }
    return found;
  }

  /** What changed in a tile; for somebody who has it in full, and so does not know how far anybody went before, if `full`. */
  delta(tile, full) {
    const name = tile * 2 + (full ? 1 : 0);
    let found = this.deltas.get(name);
    if (found) return found;
    const { buffer: b, was, now } = this;
    const before = this.before.get(tile) ?? [];
    const ids = this.lists.get(tile) ?? [];
    const removed = before.filter((i) => now.tile[i] !== tile);
    const added = ids.filter((i) => was.tile[i] !== tile);
    const stay = ids.filter((i) => was.tile[i] === tile);
    let at = b.writeUInt32LE(removed.length, 0);
    let last = 0;
    for (const i of removed) {
      at = this.#varint(at, i - last);
      last = i;
    }
    at = b.writeUInt32LE(added.length, at);
    at = this.#columns(at, added);
    for (const i of stay) {
      const r = now.dx[i] - (full ? 0 : was.dx[i]);
      at = this.#varint(at, r < 0 ? -2 * r - 1 : 2 * r);
    }
    for (const i of stay) {
      const r = now.dy[i] - (full ? 0 : was.dy[i]);
      at = this.#varint(at, r < 0 ? -2 * r - 1 : 2 * r);
    }
    for (const i of stay) b[at++] = now.heading[i] - was.heading[i];
    for (const i of stay) b[at++] = now.speed[i] - was.speed[i];
    const changed = [];
    stay.forEach((i, k) => {
      if (now.kind[i] !== was.kind[i]) changed.push(k);
    });
    at = b.writeUInt32LE(changed.length, at);
    last = 0;
    for (const k of changed) {
      at = this.#varint(at, k - last);
      last = k;
    }
    for (const k of changed) b[at++] = now.kind[stay[k]];
    found = { mode: 1, payload: deflateRawSync(b.subarray(0, at), { level: 1 }) };
    this.deltas.set(name, found);
    return found;
  }

  /** Reckons so many ticks ahead, to be played again and again: then this process takes no time from a page that is measured. */
  record(ticks, dt, time_s) {
    this.film = [];
    for (let k = 0; k < ticks; k += 1) {
      this.traffic.step(dt, time_s + k * dt);
      this.take();
      const deltas = new Map();
      const keys = new Map();
      for (const tile of this.lists.keys()) {
        if (k > 0) for (const full of [false, true]) deltas.set(tile * 2 + (full ? 1 : 0), this.delta(tile, full));
        keys.set(tile, this.key(tile));
      }
      this.film.push({ tiles: [...this.lists.keys()], deltas, keys });
    }
    this.tick = 0;
  }

  /** The next tick of what was recorded; whether it begins anew. */
  play() {
    const shot = this.film[this.tick % this.film.length];
    this.tick += 1;
    this.lists = { keys: () => shot.tiles };
    this.deltas = shot.deltas;
    this.keys = shot.keys;
    return (this.tick - 1) % this.film.length === 0;
  }

  /** The frame for somebody who has the tiles of `client.tiles` as of tick `client.got`, and looks at `bounds`. */
  frame(client, bounds, { time_s, speed, cut = false }) {
    const [x0, y1] = tileOf([bounds[0], bounds[1]]).map(Math.floor);
    const [x1, y0] = tileOf([bounds[2], bounds[3]]).map(Math.floor);
    const tiles = [];
    const see = new Map();
    const old = cut ? new Map() : client.tiles;
    for (const tile of this.lists.keys()) {
      const x = Math.floor(tile / 65536);
      const y = tile % 65536;
      if (x < x0 || x > x1 || y < y0 || y > y1) continue;
      const told = old.has(tile) && client.got === this.tick - 1 ? this.delta(tile, old.get(tile)) : this.key(tile);
      see.set(tile, told.mode === 0);
      tiles.push({ x, y, ...told });
    }
    for (const tile of old.keys()) if (!see.has(tile)) tiles.push({ x: Math.floor(tile / 65536), y: tile % 65536, ...gone() });
    client.tiles = see;
    client.got = this.tick;
    return frame({ tick: this.tick, time_s, speed, city: this.traffic.count, cut, tiles });
  }
}
