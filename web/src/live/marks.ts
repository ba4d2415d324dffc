// What stands on the map: signals, incidents, units that wait, stations, stops, sensors, the chosen way, and names. One Canvas2D,
// drawn anew only when something of it changed or the map moved. Everything has a shape of its own beside its colour.

import type { Feature, FeatureCollection, Point, Polygon } from 'geojson';
import type { Incident, Severity, Unit, Waiting } from '../lib/types';
import type { Theme } from '../lib/theme.svelte';
import { toTiles, type Look } from './geo';
import { fit } from './gl';
import { Names, type Ink } from './names';
import { seen, type Road, type Roads } from './roads';

/** What can be chosen on the map. */
export type Chosen =
  | { kind: 'vehicle'; number: number }
  | { kind: 'road'; id: string }
  | { kind: 'signal'; id: string }
  | { kind: 'unit'; name: string }
  | { kind: 'incident'; number: number }
  | { kind: 'call'; number: number }
  | { kind: 'sensor'; name: string; sort: string }
  | { kind: 'place'; name: string; what: string };

export interface PlaceProperties {
  kind: string;
  name: string;
  id: string;
  /** Of a sensor: what it senses. */
  sensor?: string;
}

export interface Signal {
  id: string;
  x: number;
  y: number;
  /** Stop lines by link: x, y in tiles from the origin, heading [rad]; null governs nothing. */
  links: ([number, number, number] | null)[];
  durations_s: number[];
}

interface Site {
  x: number;
  y: number;
  kind: string;
  name: string;
  id: string;
  sort: string;
}

interface Mark {
  x: number;
  y: number;
  r: number;
  chosen: Chosen;
}

interface Inks extends Ink {
  panel: string;
  line: string;
  accent: string;
  good: string;
  bad: string;
  warn: string;
  severity: Record<Severity, string>;
  choice: string;
  sensor: string;
  rescue: string;
}

const INKS: Record<Theme, Inks> = {
  dark: {
    ink: '#d5dee7', soft: '#8b9aa8', halo: '#0a0e13', panel: '#151c24', line: '#4b5a69', accent: '#62b6f5', good: '#4fd1a5', bad: '#ff6b5e', warn: '#ffc14d',
    severity: { critical: '#ff6b8b', high: '#ff9d5c', medium: '#f0cf5d', low: '#86b7e8' }, choice: '#ffd166', sensor: '#9db8d2', rescue: '#ff6b8b',
  },
  light: {
    ink: '#22303c', soft: '#5d6c78', halo: '#ffffff', panel: '#ffffff', line: '#9aa7b0', accent: '#0a66ad', good: '#008a62', bad: '#c5221f', warn: '#a86400',
    severity: { critical: '#b4123f', high: '#b24a00', medium: '#7d6000', low: '#2c65a0' }, choice: '#c2410c', sensor: '#41617f', rescue: '#c01048',
  },
};

/** From these zooms on. */
const SENSORS_ZOOM = 13.6;
const STOPS_ZOOM = 15.2;
/** Bays have a device each: from farther away they would be all that is seen. */
const BAYS_ZOOM = 17;
const SIGNALS_ZOOM = 15.4;
const LETTERS_ZOOM = 17.6;

export class Marks {
  /** Which kinds are shown. */
  show = { signals: true, sensors: true, places: true, names: true };
  units: Unit[] = [];
  incidents: Incident[] = [];
  /** Calls that no ambulance has been chosen for yet. */
  waiting: Waiting[] = [];
  /** Roads that nobody may enter, by index. */
  closed: number[] = [];
  states: Record<string, string> = {};
  /** Devices that have not spoken or have a fault, by name. */
  faulty = new Set<string>();
  route: [number, number][] = [];
  chosen: Chosen | null = null;
  /** A road under the pointer while one is to be picked. */
  pointed: Road | null = null;
  /** Where something is about to be put, in tiles from the origin. */
  pin: { x: number; y: number } | null = null;
  readonly signals = new Map<string, Signal>();
  readonly #context: CanvasRenderingContext2D;
  readonly #names = new Names();
  #sites: Site[] = [];
  #marks: Mark[] = [];
  #roads: Roads | null = null;
  #ratio = 1;
  #width = 1;
  #height = 1;
  #inks: Inks = INKS.dark;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly zoom: number,
    private readonly origin: { x: number; y: number },
  ) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('there is no canvas');
    this.#context = context;
  }

  theme(theme: Theme): void {
    this.#inks = INKS[theme];
  }

  resize(width: number, height: number, ratio: number): void {
    this.#width = width;
    this.#height = height;
    this.#ratio = ratio;
    fit(this.canvas, width, height, ratio);
  }

  roads(roads: Roads): void {
    this.#roads = roads;
    this.#names.roads(roads);
  }

  places(json: FeatureCollection): void {
    this.#sites = [];
    const quarters: { x: number; y: number; name: string }[] = [];
    for (const feature of json.features as Feature<Point | Polygon, PlaceProperties>[]) {
      const p = feature.properties;
      if (feature.geometry.type === 'Point') {
        const [x, y] = this.#from(feature.geometry.coordinates);
        this.#sites.push({ x, y, kind: p.kind, name: p.name ?? '', id: p.id, sort: p.sensor ?? (p.name ?? '').split('/')[0]! });
      } else if (feature.geometry.type === 'Polygon' && (p.kind === 'quarter' || p.kind === 'park')) {
        const ring = feature.geometry.coordinates[0] ?? [];
        let sx = 0;
        let sy = 0;
        for (const corner of ring) {
          const [x, y] = this.#from(corner);
          sx += x / ring.length;
          sy += y / ring.length;
        }
        if (p.name && p.kind === 'quarter') quarters.push({ x: sx, y: sy, name: p.name });
      }
    }
    this.#names.quarters(quarters);
  }

  /** Sensors that are on the map. */
  get sensors(): Site[] {
    return this.#sites.filter((site) => site.kind === 'sensor');
  }

  takeSignals(json: FeatureCollection<Point, { id: string; links: ([number, number, number] | null)[]; durations_s?: number[] }>): void {
    this.signals.clear();
    for (const feature of json.features) {
      const [x, y] = this.#from(feature.geometry.coordinates);
      const links = feature.properties.links.map((link): [number, number, number] | null => {
        if (!link) return null;
        const [lx, ly] = this.#from(link);
        return [lx, ly, (link[2] * Math.PI) / 180];
      });
      this.signals.set(feature.properties.id, { id: feature.properties.id, x, y, links, durations_s: feature.properties.durations_s ?? [] });
    }
  }

  #from(point: number[]): [number, number] {
    const [x, y] = toTiles(point[0]!, point[1]!, this.zoom);
    return [x - this.origin.x, y - this.origin.y];
  }

  /** What was drawn nearest to a place on the canvas [CSS px]. */
  hit(px: number, py: number): Chosen | null {
    let best: Mark | null = null;
    let least = Infinity;
    for (const mark of this.#marks) {
      const d = Math.hypot(mark.x - px, mark.y - py);
      if (d <= mark.r + 4 && d < least) {
        best = mark;
        least = d;
      }
    }
    return best?.chosen ?? null;
  }

  draw(look: Look): void {
    const c = this.#context;
    c.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    c.clearRect(0, 0, this.#width, this.#height);
    this.#marks = [];
    // Frames come first: what they take out of the picture is nobody's yet.
    if (this.pointed) this.#road(look, this.pointed);
    const chosen = this.chosen?.kind === 'road' ? this.#roads?.byId.get(this.chosen.id) : undefined;
    if (chosen) this.#road(look, chosen);
    this.#drawClosed(look);
    if (this.route.length > 1) this.#way(look);
    if (this.show.signals && look.zoom >= SIGNALS_ZOOM) this.#drawSignals(look);
    this.#drawSites(look);
    this.#drawUnits(look);
    this.#drawIncidents(look);
    this.#drawWaiting(look);
    if (this.pin) this.#drawPin(look, this.pin);
    if (this.show.names) this.#names.draw(c, look, this.#inks, this.#marks);
  }

  #px(look: Look, x: number, y: number): [number, number] | null {
    const px = x * look.scale + look.left;
    const py = y * look.scale + look.top;
    return px < -30 || py < -30 || px > this.#width + 30 || py > this.#height + 30 ? null : [px, py];
  }

  /** A frame around a road: what flows on it is still seen within. */
  #road(look: Look, road: Road): void {
    const c = this.#context;
    c.beginPath();
    for (let k = 0; k < road.line.length; k += 2) {
      c.lineTo(road.line[k]! * look.scale + look.left, road.line[k + 1]! * look.scale + look.top);
    }
    c.lineCap = 'round';
    c.lineJoin = 'round';
    const inner = Math.max(4, road.lanes * 3.2 * look.metre + 2);
    c.strokeStyle = this.#inks.halo;
    c.lineWidth = inner + 8;
    c.stroke();
    c.strokeStyle = this.#inks.choice;
    c.lineWidth = inner + 5;
    c.stroke();
    c.globalCompositeOperation = 'destination-out';
    c.lineWidth = inner;
    c.stroke();
    c.globalCompositeOperation = 'source-over';
  }

  #way(look: Look): void {
    const c = this.#context;
    c.beginPath();
    for (const [lon, lat] of this.route) {
      const [x, y] = this.#from([lon, lat]);
      c.lineTo(x * look.scale + look.left, y * look.scale + look.top);
    }
    c.lineCap = 'round';
    c.lineJoin = 'round';
    c.strokeStyle = this.#inks.halo;
    c.lineWidth = 7;
    c.globalAlpha = 0.7;
    c.stroke();
    c.globalAlpha = 1;
    c.strokeStyle = this.#inks.choice;
    c.lineWidth = 3;
    c.setLineDash([9, 5]);
    c.stroke();
    c.setLineDash([]);
    const end = this.route[this.route.length - 1]!;
    const [x, y] = this.#from([end[0], end[1]]);
    const px = x * look.scale + look.left;
    const py = y * look.scale + look.top;
    c.fillStyle = this.#inks.choice;
    c.strokeStyle = this.#inks.halo;
    c.lineWidth = 2;
    c.beginPath();
    c.arc(px, py, 5, 0, 2 * Math.PI);
    c.fill();
    c.stroke();
  }

  /** Signals at their stop lines: stop is a square, go a circle, between a diamond; from near with SUMO's letter. */
  #drawSignals(look: Look): void {
    const c = this.#context;
    const size = Math.min(9, 2.6 + (look.zoom - SIGNALS_ZOOM) * 1.9);
    c.lineWidth = 1;
    c.strokeStyle = this.#inks.halo;
    c.textAlign = 'center';
    c.textBaseline = 'middle';
    for (const signal of this.signals.values()) {
      const middle = this.#px(look, signal.x, signal.y);
      if (!middle) continue;
      const state = this.states[signal.id] ?? '';
      // Several links leave from one lane: drawn side by side, the first in the middle.
      const seen = new Map<string, number>();
      for (let k = 0; k < signal.links.length; k += 1) {
        const link = signal.links[k];
        if (!link) continue;
        const place = `${link[0].toFixed(7)},${link[1].toFixed(7)}`;
        const n = seen.get(place) ?? 0;
        seen.set(place, n + 1);
        if (n > 0 && look.zoom < 17) continue;
        const back = n * (size * 2 + 1.5);
        const px = link[0] * look.scale + look.left - Math.sin(link[2]) * back;
        const py = link[1] * look.scale + look.top + Math.cos(link[2]) * back;
        const letter = state[k] ?? '';
        this.#lamp(px, py, size, letter, look.zoom >= LETTERS_ZOOM);
      }
      const picked = this.chosen?.kind === 'signal' && this.chosen.id === signal.id;
      if (picked) {
        c.strokeStyle = this.#inks.choice;
        c.lineWidth = 2;
        c.beginPath();
        c.arc(middle[0], middle[1], 16, 0, 2 * Math.PI);
        c.stroke();
        c.strokeStyle = this.#inks.halo;
        c.lineWidth = 1;
      }
      this.#marks.push({ x: middle[0], y: middle[1], r: Math.max(10, 8 * look.metre), chosen: { kind: 'signal', id: signal.id } });
    }
  }

  #lamp(x: number, y: number, size: number, letter: string, written: boolean): void {
    const c = this.#context;
    const { good, bad, warn, line } = this.#inks;
    const go = letter === 'G' || letter === 'g';
    const stop = letter === 'r' || letter === 's';
    const between = letter === 'y' || letter === 'u' || letter === 'o';
    c.fillStyle = go ? good : stop ? bad : between ? warn : line;
    c.beginPath();
    if (go) c.arc(x, y, size * 0.95, 0, 2 * Math.PI);
    else if (between) {
      c.moveTo(x, y - size * 1.15);
      c.lineTo(x + size * 1.15, y);
      c.lineTo(x, y + size * 1.15);
      c.lineTo(x - size * 1.15, y);
      c.closePath();
    } else c.rect(x - size * 0.82, y - size * 0.82, size * 1.64, size * 1.64);
    c.fill();
    c.stroke();
    if (written && letter) {
      c.fillStyle = this.#inks.halo;
      c.font = `700 ${Math.round(size * 1.3)}px system-ui, sans-serif`;
      c.fillText(letter, x, y + 0.5);
    }
  }

  #drawSites(look: Look): void {
    for (const site of this.#sites) {
      const sensor = site.kind === 'sensor';
      if (sensor ? !this.show.sensors || look.zoom < SENSORS_ZOOM : !this.show.places) continue;
      if (sensor && site.sort === 'parking' && look.zoom < BAYS_ZOOM) continue;
      if (site.kind === 'bus_stop' && look.zoom < STOPS_ZOOM) continue;
      const at = this.#px(look, site.x, site.y);
      if (!at) continue;
      const picked =
        (this.chosen?.kind === 'sensor' && sensor && this.chosen.name === site.name) ||
        (this.chosen?.kind === 'place' && !sensor && this.chosen.name === site.name && this.chosen.what === site.kind);
      if (sensor) this.#sensor(at, site, picked, look.zoom);
      else this.#site(at, site, picked, look.zoom);
    }
  }

  #sensor([x, y]: [number, number], site: Site, picked: boolean, zoom: number): void {
    const c = this.#context;
    const r = zoom < 15 ? 3 : 5;
    const faulty = this.faulty.has(site.name) || this.faulty.has(site.id);
    c.lineWidth = picked ? 2 : 1.4;
    c.strokeStyle = picked ? this.#inks.choice : faulty ? this.#inks.bad : this.#inks.sensor;
    c.fillStyle = this.#inks.panel;
    c.beginPath();
    c.moveTo(x, y - r - 1);
    c.lineTo(x + r + 1, y);
    c.lineTo(x, y + r + 1);
    c.lineTo(x - r - 1, y);
    c.closePath();
    c.fill();
    c.stroke();
    if (faulty) {
      c.beginPath();
      c.moveTo(x - r, y - r);
      c.lineTo(x + r, y + r);
      c.stroke();
    }
    this.#marks.push({ x, y, r: r + 2, chosen: { kind: 'sensor', name: site.name, sort: site.sort } });
  }

  #site([x, y]: [number, number], site: Site, picked: boolean, zoom: number): void {
    const c = this.#context;
    const stop = site.kind === 'bus_stop';
    const r = stop ? (zoom < 16.5 ? 3.5 : 6) : 8;
    c.lineWidth = picked ? 2.5 : 1;
    c.strokeStyle = picked ? this.#inks.choice : this.#inks.halo;
    c.fillStyle = stop ? this.#inks.accent : this.#inks.rescue;
    c.beginPath();
    c.roundRect(x - r, y - r, 2 * r, 2 * r, stop ? r : 3);
    c.fill();
    c.stroke();
    const letter = { bus_stop: 'B', hospital: 'H', station: '+' }[site.kind] ?? '';
    if (letter && r > 5) {
      c.fillStyle = this.#inks.halo;
      c.textAlign = 'center';
      c.textBaseline = 'middle';
      c.font = `700 ${stop ? 9 : 12}px system-ui, sans-serif`;
      c.fillText(letter, x, y + 0.5);
    }
    this.#marks.push({ x, y, r, chosen: { kind: 'place', name: site.name, what: site.kind } });
  }

  /** Units that are not on the road; those on it are drawn with the vehicles. Several at one place are set side by side. */
  #drawUnits(look: Look): void {
    const c = this.#context;
    const many = new Map<string, number>();
    for (const unit of this.units) {
      if (unit.on_road) continue;
      const [x, y] = this.#from([unit.lon, unit.lat]);
      const at = this.#px(look, x, y);
      if (!at) continue;
      const key = `${Math.round(at[0] / 8)},${Math.round(at[1] / 8)}`;
      const n = many.get(key) ?? 0;
      many.set(key, n + 1);
      if (unit.duty === 'at-station' && look.zoom < 14.5) continue;
      const px = at[0] + 17 + n * 12;
      const py = at[1];
      const picked = this.chosen?.kind === 'unit' && this.chosen.name === unit.name;
      c.beginPath();
      c.roundRect(px - 4.5, py - 6, 9, 12, 2);
      c.lineWidth = 4;
      c.strokeStyle = this.#inks.halo;
      c.stroke();
      c.fillStyle = unit.duty === 'at-station' ? this.#inks.panel : this.#inks.rescue;
      c.fill();
      c.lineWidth = picked ? 2.5 : 1.5;
      c.strokeStyle = picked ? this.#inks.choice : this.#inks.rescue;
      c.stroke();
      this.#marks.push({ x: px, y: py, r: 7, chosen: { kind: 'unit', name: unit.name } });
    }
  }

  /** Incidents: the graver, the more corners point upwards and the larger. */
  #drawIncidents(look: Look): void {
    const c = this.#context;
    for (const incident of this.incidents) {
      const [x, y] = this.#from([incident.lon, incident.lat]);
      const at = this.#px(look, x, y);
      if (!at) continue;
      const [px, py] = at;
      const r = { critical: 11, high: 10, medium: 8.5, low: 7.5 }[incident.severity] ?? 8;
      const picked = this.chosen?.kind === 'incident' && this.chosen.number === incident.incident;
      c.beginPath();
      if (incident.severity === 'critical') polygon(c, px, py + r * 0.12, r * 1.15, 3);
      else if (incident.severity === 'high') polygon(c, px, py, r, 4);
      else if (incident.severity === 'medium') c.roundRect(px - r * 0.85, py - r * 0.85, r * 1.7, r * 1.7, 2);
      else c.arc(px, py, r * 0.9, 0, 2 * Math.PI);
      c.fillStyle = this.#inks.severity[incident.severity] ?? this.#inks.warn;
      c.fill();
      c.lineWidth = picked ? 3 : 1.5;
      c.strokeStyle = picked ? this.#inks.choice : this.#inks.halo;
      c.stroke();
      c.fillStyle = this.#inks.halo;
      c.textAlign = 'center';
      c.textBaseline = 'middle';
      c.font = '800 11px system-ui, sans-serif';
      c.fillText(incident.kind === 'roadworks' ? '×' : '!', px, py + (incident.severity === 'critical' ? 1.5 : 0.5));
      this.#marks.push({ x: px, y: py, r: r + 2, chosen: { kind: 'incident', number: incident.incident } });
    }
  }

  /** Closed roads: a band of bars across the road, told from everything else by its pattern, and from near a barrier sign in its middle. */
  #drawClosed(look: Look): void {
    const c = this.#context;
    if (!this.#roads || this.closed.length === 0) return;
    const { bad, halo } = this.#inks;
    const signs: [number, number, Road][] = [];
    for (const index of this.closed) {
      const road = this.#roads.byIndex.get(index);
      if (!road || !seen(road, look, 30)) continue;
      const wide = Math.max(5, road.lanes * 3.2 * look.metre);
      const path = new Path2D();
      for (let k = 0; k < road.line.length; k += 2) path.lineTo(road.line[k]! * look.scale + look.left, road.line[k + 1]! * look.scale + look.top);
      c.lineCap = 'butt';
      c.lineJoin = 'round';
      c.strokeStyle = halo;
      c.lineWidth = wide + 3;
      c.stroke(path);
      c.strokeStyle = bad;
      c.lineWidth = wide;
      c.setLineDash([Math.max(4, wide * 0.55), Math.max(4, wide * 0.55)]);
      c.stroke(path);
      c.setLineDash([]);
      const at = this.#roads.at(road, 0.5);
      signs.push([at.x * look.scale + look.left, at.y * look.scale + look.top, road]);
    }
    // Both directions of a street, or its parts, lie close: one sign is enough for what is nearer than a sign is wide.
    const set: [number, number][] = [];
    const r = look.zoom < 13 ? 7 : 10;
    for (const [x, y, road] of signs) {
      if (set.some(([ox, oy]) => Math.hypot(ox - x, oy - y) < r * 2.4)) continue;
      set.push([x, y]);
      c.beginPath();
      c.arc(x, y, r, 0, 2 * Math.PI);
      c.lineWidth = 5;
      c.strokeStyle = halo;
      c.stroke();
      c.fillStyle = bad;
      c.fill();
      c.fillStyle = '#ffffff';
      c.fillRect(x - r * 0.65, y - r * 0.22, r * 1.3, r * 0.44);
      this.#marks.push({ x, y, r, chosen: { kind: 'road', id: road.id } });
    }
  }

  /** Calls that wait: a bubble with three letters, so that none is taken for an incident. Of several at one place the gravest, with their number. */
  #drawWaiting(look: Look): void {
    const c = this.#context;
    const places = new Map<string, Waiting[]>();
    for (const call of this.waiting) {
      const key = `${call.lon} ${call.lat}`;
      const there = places.get(key);
      if (there) there.push(call);
      else places.set(key, [call]);
    }
    for (const there of places.values()) {
      // The server tells the most urgent first.
      const call = there.find((one) => this.chosen?.kind === 'call' && this.chosen.number === one.call) ?? there[0]!;
      const wide = there.length > 1 ? 19 : 13;
      const [x, y] = this.#from([call.lon, call.lat]);
      const at = this.#px(look, x, y);
      if (!at) continue;
      const [px, py] = [at[0], at[1] - 12];
      const picked = this.chosen?.kind === 'call' && this.chosen.number === call.call;
      c.beginPath();
      c.moveTo(at[0], at[1]);
      c.lineTo(px - 5, py + 6);
      c.lineTo(px + 5, py + 6);
      c.closePath();
      c.roundRect(px - wide, py - 9, 2 * wide, 16, 4);
      c.fillStyle = this.#inks.panel;
      c.fill();
      c.lineWidth = picked ? 3 : 2;
      c.strokeStyle = picked ? this.#inks.choice : (this.#inks.severity[call.severity] ?? this.#inks.warn);
      c.stroke();
      c.fillStyle = this.#inks.ink;
      c.textAlign = 'center';
      c.textBaseline = 'middle';
      c.font = '700 9.5px system-ui, sans-serif';
      c.fillText(there.length > 1 ? `${there.length}× SOS` : 'SOS', px, py - 0.5);
      this.#marks.push({ x: px, y: py, r: 12, chosen: { kind: 'call', number: call.call } });
    }
  }

  #drawPin(look: Look, pin: { x: number; y: number }): void {
    const at = this.#px(look, pin.x, pin.y);
    if (!at) return;
    const c = this.#context;
    c.strokeStyle = this.#inks.choice;
    c.fillStyle = this.#inks.halo;
    c.lineWidth = 3;
    c.beginPath();
    c.arc(at[0], at[1], 7, 0, 2 * Math.PI);
    c.fill();
    c.stroke();
    c.beginPath();
    c.moveTo(at[0] - 13, at[1]);
    c.lineTo(at[0] + 13, at[1]);
    c.moveTo(at[0], at[1] - 13);
    c.lineTo(at[0], at[1] + 13);
    c.lineWidth = 1.5;
    c.stroke();
  }
}

function polygon(c: CanvasRenderingContext2D, x: number, y: number, r: number, corners: number): void {
  for (let k = 0; k < corners; k += 1) {
    const a = (k / corners) * 2 * Math.PI - Math.PI / 2;
    if (k === 0) c.moveTo(x + r * Math.cos(a), y + r * Math.sin(a));
    else c.lineTo(x + r * Math.cos(a), y + r * Math.sin(a));
  }
  c.closePath();
}
