// The map with everything on it: the library's map below, then how roads flow, then vehicles, then marks. Owns the drawing loop.
//
// The library repaints only when the map is moved or its data change. While it stands still, a picture is one draw call for vehicles.

import { Map as LibreMap, setWorkerUrl, type GeoJSONSource } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import 'maplibre-gl/dist/maplibre-gl.css';
import type { FeatureCollection, Point } from 'geojson';
import type { FromWorker, ToWorker } from '../lib/frame.worker';
import type { Frame } from '../lib/frame';
import type { Theme } from '../lib/theme.svelte';
import { probe, wrong } from '../lib/twin';
import type { Bounds, MapInfo, Unit } from '../lib/types';
import { paintTable, PALETTES, rgb, shapeOf, type Palette, type Shape } from './classes';
import { Fleet, type Spot } from './fleet';
import { FlatFlow, GlFlow, type Flow, type FlowMode } from './flow';
import { fromTiles, lookOf, toTiles, type Look } from './geo';
import { junctions } from './junctions';
import { Marks, type Chosen } from './marks';
import { along, Roads, type Hit, type Road, type RoadsJson } from './roads';
import { recolour, styleOf } from './style';
import { emulated } from './gl';
import { FlatVehicles } from './vehicles-2d';
import { GlVehicles, type Halo, type Vehicles } from './vehicles-gl';
import { Tags } from './tags';

setWorkerUrl(new URL(workerUrl, document.baseURI).href);

export interface StageEvents {
  /** Something was clicked, or nothing. */
  choose(chosen: Chosen | null): void;
  /** A place on a road was picked while picking. */
  pick(hit: Hit, at: [number, number]): void;
  /** The map shows another part of the city. */
  look(bounds: Bounds): void;
  applied(frame: Frame): void;
  flow(flow: Uint8Array): void;
  /** A message could not be understood: everything is to be asked for anew. */
  lost(why: string): void;
}

/** So much more than is seen is asked for, so that a small move finds vehicles there already. */
const MARGIN = 0.25;
const CLICK_RADIUS = 12;
/** Without a graphics card roads and marks are drawn so often while the map moves [ms]. */
const RELAY_MS = 350;
/** Vehicles are drawn anew when the fastest would have moved so far [CSS px]. */
const STIR = 0.2;

export class Stage {
  readonly map: LibreMap;
  readonly marks: Marks;
  readonly renderer: 'webgl2' | '2d';
  roads: Roads | null = null;
  readonly #fleet: Fleet;
  readonly #vehicles: Vehicles;
  readonly #flow: Flow;
  readonly #tags: Tags;
  readonly #worker: Worker;
  readonly #origin: { x: number; y: number };
  readonly #zoom: number;
  readonly #shapes: Shape[];
  /** There is no graphics card. */
  #slow: boolean;
  /** The look by which roads and marks were drawn last; when the map moves on before they are drawn anew, they are shifted. */
  #laid: { look: Look; at: number } | null = null;
  #drawnAt = 0;
  #shifted: HTMLElement[] = [];
  #palette: Palette;
  #theme: Theme;
  #look: Look | null = null;
  #mode: FlowMode = 'colour';
  #still: boolean;
  #picking = false;
  #standing = false;
  #dirty = { vehicles: true, flow: true, marks: true };
  #drawn = { progress: 1, blink: false };
  #running = true;
  #units: Unit[] = [];
  #epoch = 0;
  #asked: Bounds | null = null;
  #asking: ReturnType<typeof setTimeout> | null = null;
  #pictures = 0;
  #second = performance.now();
  #hovered = 0;
  #observer: ResizeObserver;

  constructor(
    container: HTMLElement,
    info: MapInfo,
    theme: Theme,
    private readonly events: StageEvents,
    options: { renderer: '' | 'webgl2' | '2d'; still: boolean; leftHand: boolean },
  ) {
    this.#zoom = info.tile_zoom;
    this.#theme = theme;
    this.#palette = PALETTES[theme];
    this.#still = options.still;
    const [ox, oy] = toTiles(info.centre[0], info.centre[1], this.#zoom);
    this.#origin = { x: Math.floor(ox), y: Math.floor(oy) };
    const [w, s, e, n] = info.bounds;
    this.map = new LibreMap({
      container,
      style: styleOf(theme, info.centre[1]),
      bounds: [
        [w, s],
        [e, n],
      ],
      fitBoundsOptions: { padding: 24 },
      minZoom: 8,
      maxZoom: 21,
      maxPitch: 0,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      attributionControl: false,
      fadeDuration: 0,
      renderWorldCopies: false,
      refreshExpiredTiles: false,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.on('error', (event) => wrong(event.error ?? 'the map failed'));

    const canvas = (name: string): HTMLCanvasElement => {
      const made = document.createElement('canvas');
      made.className = `layer ${name}`;
      made.setAttribute('aria-hidden', 'true');
      this.map.getCanvasContainer().append(made);
      return made;
    };
    const classes = info.classes ?? [];
    const shapes = Array.from({ length: 32 }, (_, k) => shapeOf(classes[k]));
    const hand = options.leftHand ? -1 : 1;
    let flow: Flow | null = null;
    let vehicles: Vehicles | null = null;
    // Where the processor has to be the graphics card, it draws faster by itself.
    if (options.renderer === 'webgl2' || (options.renderer === '' && !emulated(document.createElement('canvas')))) {
      try {
        flow = new GlFlow(canvas('flow'), this.#palette, hand);
        vehicles = new GlVehicles(canvas('vehicles'), this.#palette, shapes);
      } catch {
        // No WebGL2, or not for another canvas: drawn without it.
        flow?.destroy();
        for (const layer of this.map.getCanvasContainer().querySelectorAll('.layer')) layer.remove();
        flow = null;
        vehicles = null;
      }
    }
    this.#flow = flow ?? new FlatFlow(canvas('flow'), this.#palette, hand);
    this.#vehicles = vehicles ?? new FlatVehicles(canvas('vehicles'), this.#palette, shapes);
    this.renderer = this.#vehicles.kind;
    this.#slow = this.renderer === '2d';
    probe.renderer = this.renderer;
    this.marks = new Marks(canvas('marks'), this.#zoom, this.#origin);
    this.#shifted = [...this.map.getCanvasContainer().querySelectorAll<HTMLElement>('.flow, .marks')];
    this.marks.theme(theme);
    this.#tags = new Tags(this.map.getCanvasContainer());
    this.#fleet = new Fleet(this.#zoom);
    this.#shapes = shapes;
    this.#fleet.paint(paintTable(this.#palette, shapes));

    this.#worker = new Worker(new URL('../lib/frame.worker.ts', import.meta.url), { type: 'module', name: 'frames' });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#told(event.data);
    this.#worker.onerror = (event) => wrong(event.message || 'the decoder failed');

    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(container);
    this.#resize();
    this.map.on('move', () => this.#moved());
    this.map.on('moveend', () => {
      this.#ask();
      this.redraw(true);
    });
    this.map.on('render', () => this.#picture(performance.now()));
    this.map.on('click', (event) => this.#click(event.point.x, event.point.y));
    this.map.on('mousemove', (event) => this.#hover(event.point.x, event.point.y));
    this.map.getCanvas().addEventListener('keydown', this.#key);
    this.#moved();
    this.#ask();
    probe['shown_s'] = () => this.#fleet.shown_s(performance.now());
    requestAnimationFrame(this.#loop);
  }

  destroy(): void {
    this.#running = false;
    this.#observer.disconnect();
    if (this.#asking) clearTimeout(this.#asking);
    this.#worker.terminate();
    this.#vehicles.destroy();
    this.#flow.destroy();
    this.map.remove();
    delete probe['shown_s'];
    probe.renderer = '';
  }

  // What is put on the map

  setRoads(json: RoadsJson): void {
    this.roads = new Roads(json, this.#zoom, this.#origin);
    this.#flow.roads(this.roads);
    this.marks.roads(this.roads);
    this.#source('roads', json);
    this.#source('junctions', junctions(this.roads.list, this.#zoom, this.#origin));
    this.redraw();
  }

  setPlaces(json: FeatureCollection): void {
    this.marks.places(json);
    this.#source('places', { ...json, features: json.features.filter((feature) => feature.geometry.type !== 'Point') });
    this.redraw();
  }

  setSignals(json: FeatureCollection<Point, { id: string; links: ([number, number, number] | null)[] }>): void {
    this.marks.takeSignals(json);
    this.redraw();
  }

  #source(name: string, data: FeatureCollection): void {
    const put = (): void => void (this.map.getSource(name) as GeoJSONSource | undefined)?.setData(data);
    if (this.map.getSource(name)) put();
    else this.map.once('load', put);
  }

  setUnits(units: Unit[]): void {
    this.#units = units;
    this.marks.units = units;
    this.#tags.set(units);
    this.redraw();
  }

  theme(theme: Theme): void {
    if (theme === this.#theme) return;
    this.#theme = theme;
    this.#palette = PALETTES[theme];
    const change = (): void => recolour(this.map, theme);
    if (this.map.isStyleLoaded()) change();
    else this.map.once('load', change);
    this.#vehicles.theme(this.#palette);
    this.#fleet.paint(paintTable(this.#palette, this.#shapes));
    this.#vehicles.upload(this.#fleet);
    this.#flow.theme(this.#palette);
    this.marks.theme(theme);
    this.redraw(true);
  }

  flowMode(mode: FlowMode): void {
    this.#mode = mode;
    this.redraw(true);
  }

  /** While picking, a click gives a place on a road instead of choosing something. */
  set picking(on: boolean) {
    this.#picking = on;
    if (!on) this.marks.pointed = null;
    this.map.getCanvas().style.cursor = on ? 'crosshair' : '';
    this.redraw();
  }

  /** While the city stands nothing on the map moves, sirens neither. */
  set standing(on: boolean) {
    this.#standing = on;
  }

  /** Marks are drawn anew at the next picture; with `flow` the roads too. */
  redraw(flow = false): void {
    this.#dirty.marks = true;
    this.#dirty.vehicles = true;
    if (flow) this.#dirty.flow = true;
  }

  /** Shows a place; nearer, if it is far off. */
  fly(lon: number, lat: number, zoom = 16.5): void {
    const near = Math.max(this.map.getZoom(), zoom);
    if (this.#still) this.map.jumpTo({ center: [lon, lat], zoom: near });
    else this.map.easeTo({ center: [lon, lat], zoom: near, duration: 600 });
  }

  /** Shows the whole city. */
  whole(bounds: Bounds): void {
    const [w, s, e, n] = bounds;
    this.map.fitBounds(
      [
        [w, s],
        [e, n],
      ],
      { padding: 24, animate: !this.#still },
    );
  }

  /** Where a vehicle is now; null if it is not shown. */
  where(number: number): [number, number] | null {
    const slot = this.#fleet.slotOf(number);
    if (slot < 0) return null;
    const spot = this.#fleet.spot(slot, performance.now(), { x: 0, y: 0, heading: 0 });
    return fromTiles(spot.x + this.#fleet.origin.x, spot.y + this.#fleet.origin.y, this.#zoom);
  }

  /** The middle of a road. */
  middle(road: Road): [number, number] {
    const at = this.roads?.at(road, 0.5) ?? { x: 0, y: 0 };
    return fromTiles(at.x + this.#origin.x, at.y + this.#origin.y, this.#zoom);
  }

  /** How far along a road a place is, 0 to 1. */
  share(road: string, lon: number, lat: number): number {
    const found = this.roads?.byId.get(road);
    if (!found) return 0.5;
    const [x, y] = toTiles(lon, lat, this.#zoom);
    return along(found, x - this.#origin.x, y - this.#origin.y).share;
  }

  // What comes over the socket

  /** A binary message. */
  take(data: ArrayBuffer): void {
    this.#post({ do: 'message', data }, [data]);
  }

  /** Everything that comes from now on belongs to a new subscription. */
  fresh(): void {
    this.#epoch += 1;
    this.#post({ do: 'forget', epoch: this.#epoch });
    this.#fleet.clear();
    this.#vehicles.upload(this.#fleet);
    this.#dirty.vehicles = true;
  }

  #post(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  #told(message: FromWorker): void {
    if (message.did === 'frame') {
      const { frame } = message;
      if (message.epoch === this.#epoch) {
        this.#fleet.take(frame, performance.now());
        this.#vehicles.upload(this.#fleet);
        this.#dirty.vehicles = true;
        probe.tick = frame.tick;
        probe.time_s = frame.time_s;
        probe.vehicles = frame.shown;
        probe.applied += 1;
        probe['decode_ms'] = message.decode_ms;
        this.events.applied(frame);
      }
      const { x, y, heading, speed_q, kind, id, fresh } = frame;
      this.#post(
        { do: 'back', arrays: { x, y, heading, speed_q, kind, id, fresh } },
        [x, y, heading, speed_q, kind, id, fresh].map((array) => array.buffer as ArrayBuffer),
      );
    } else if (message.did === 'roads') {
      this.#flow.values(message.flow);
      this.#dirty.flow = true;
      this.events.flow(message.flow);
    } else {
      wrong(`a frame was not understood: ${message.why}`);
      this.events.lost(message.why);
    }
  }

  // The map moves

  #resize(): void {
    const box = this.map.getContainer();
    const ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    for (const layer of [this.#flow, this.#vehicles, this.marks]) layer.resize(box.clientWidth, box.clientHeight, ratio);
    this.#moved();
  }

  #moved(): void {
    const box = this.map.getContainer();
    this.#look = lookOf(this.map.getCenter(), this.map.getZoom(), box.clientWidth, box.clientHeight, this.#zoom, this.#origin);
    this.#dirty = { vehicles: true, flow: true, marks: true };
    if (!this.#asking) {
      this.#asking = setTimeout(() => {
        this.#asking = null;
        this.#ask();
      }, 400);
    }
  }

  /** Asks for another part of the city if what is seen is not inside what was asked for, or much smaller. */
  #ask(): void {
    const seen = this.map.getBounds();
    const [w, s, e, n] = [seen.getWest(), seen.getSouth(), seen.getEast(), seen.getNorth()];
    const old = this.#asked;
    const inside = old && w >= old[0] && s >= old[1] && e <= old[2] && n <= old[3];
    if (inside && (old[2] - old[0]) / (e - w) < 3) return;
    const dx = (e - w) * MARGIN;
    const dy = (n - s) * MARGIN;
    const round = (value: number): number => Math.round(value * 1e5) / 1e5;
    this.#asked = [
      round(Math.max(-180, w - dx)),
      round(Math.max(-85, s - dy)),
      round(Math.min(180, e + dx)),
      round(Math.min(85, n + dy)),
    ];
    this.events.look(this.#asked);
  }

  // Pictures

  #loop = (now: number): void => {
    if (!this.#running) return;
    this.#pictures += 1;
    if (now - this.#second >= 1000) {
      probe.fps = Math.round((this.#pictures * 1000) / (now - this.#second));
      this.#pictures = 0;
      this.#second = now;
    }
    this.#picture(performance.now());
    requestAnimationFrame(this.#loop);
  };

  #picture(now: number): void {
    const look = this.#look;
    if (!look) return;
    // Without a graphics card roads and marks are not drawn with every step of a move, but shifted, and drawn anew now and then.
    const moving = this.#slow && this.#laid !== null && this.map.isMoving();
    const lay = !moving || now - this.#laid!.at > RELAY_MS;
    if ((this.#dirty.flow || this.#dirty.marks) && lay) {
      if (this.#laid?.look !== look) {
        this.#dirty.flow = true;
        this.#dirty.marks = true;
        this.#shift('');
      }
      this.#laid = { look, at: now };
      if (this.#dirty.flow) this.#flow.draw(look, this.#mode);
      if (this.#dirty.marks) this.marks.draw(look);
      this.#dirty.flow = false;
      this.#dirty.marks = false;
    } else if (moving && this.#laid && this.#laid.look !== look) {
      const was = this.#laid.look;
      const grow = look.scale / was.scale;
      this.#shift(`translate(${look.left - was.left * grow}px, ${look.top - was.top * grow}px) scale(${grow})`);
    }
    // Vehicles move on until they are where the last frame has them; sirens blink as long as they are seen.
    // Nothing is drawn for less than a part of a pixel: seen from far, a picture every tenth of a second is as smooth as sixty.
    const blink = !this.#still && !this.#standing && this.#fleet.sirens.length > 0 && Math.floor(now / 260) % 2 === 0;
    const progress = this.#fleet.progress(now);
    const moved = Math.abs(progress - this.#drawn.progress) * this.#fleet.stride * look.scale;
    const due = moved > STIR || blink !== this.#drawn.blink || (progress === 1 && this.#drawn.progress < 1);
    // An emulated card draws shapes half as often: the page stays quick to the hand.
    const rest = this.#slow && !this.#dirty.vehicles && now - this.#drawnAt < 30;
    if (this.#dirty.vehicles || (due && !rest)) {
      this.#drawnAt = now;
      this.#dirty.vehicles = false;
      this.#drawn = { progress, blink };
      const there = this.#here(look);
      this.#vehicles.draw(there, this.#fleet, now, this.#halos(now, blink), blink);
      this.#tags.draw(there, this.#fleet, now);
    }
  }

  #shift(transform: string): void {
    for (const layer of this.#shifted) layer.style.transform = transform;
  }

  /** The look for the fleet, whose places are measured from the first tile it was told of. */
  #here(look: Look): Look {
    const { origin } = this.#fleet;
    if (this.#fleet.slots === 0) return look;
    return {
      ...look,
      left: look.left + (origin.x - this.#origin.x) * look.scale,
      top: look.top + (origin.y - this.#origin.y) * look.scale,
    };
  }

  #halos(now: number, blink: boolean): Halo[] {
    const out: Halo[] = [];
    const spot: Spot = { x: 0, y: 0, heading: 0 };
    const add = (slot: number, size: number, colour: string, strength: number): void => {
      this.#fleet.spot(slot, now, spot);
      out.push({ x: spot.x, y: spot.y, size, colour: rgb(colour), strength });
    };
    for (const slot of this.#fleet.sirens.slice(0, 100)) {
      add(slot, this.#still ? 24 : blink ? 28 : 22, blink ? this.#palette.siren[0] : this.#palette.kins.rescue, blink ? 0.95 : 0.6);
    }
    const chosen = this.marks.chosen;
    const number =
      chosen?.kind === 'vehicle'
        ? chosen.number
        : chosen?.kind === 'unit'
          ? this.#units.find((unit) => unit.name === chosen.name && unit.on_road)?.vehicle
          : undefined;
    if (number !== undefined) {
      const slot = this.#fleet.slotOf(number);
      if (slot >= 0) add(slot, 34, this.#palette.chosen, 1);
    }
    return out;
  }

  // Choosing

  #tilesAt(px: number, py: number, look: Look): [number, number] {
    return [(px - look.left) / look.scale, (py - look.top) / look.scale];
  }

  /** What lies at a place on the map [CSS px]. */
  at(px: number, py: number): Chosen | null {
    const look = this.#look;
    if (!look) return null;
    const mark = this.marks.hit(px, py);
    if (mark && mark.kind !== 'signal') return mark;
    const there = this.#here(look);
    const [x, y] = this.#tilesAt(px, py, there);
    const slot = this.#fleet.nearest(x, y, CLICK_RADIUS / look.scale, performance.now());
    if (slot >= 0) {
      const number = this.#fleet.ids[slot]!;
      const unit = this.#units.find((one) => one.on_road && one.vehicle === number);
      return unit ? { kind: 'unit', name: unit.name } : { kind: 'vehicle', number };
    }
    if (mark) return mark;
    const hit = this.#roadAt(px, py, look);
    return hit ? { kind: 'road', id: hit.road.id } : null;
  }

  #roadAt(px: number, py: number, look: Look): Hit | null {
    const [x, y] = this.#tilesAt(px, py, look);
    return this.roads?.nearest(x, y, CLICK_RADIUS / look.scale) ?? null;
  }

  #click(px: number, py: number): void {
    if (!this.#look) return;
    if (!this.#picking) {
      this.events.choose(this.at(px, py));
      return;
    }
    const hit = this.#roadAt(px, py, this.#look);
    if (hit) this.events.pick(hit, fromTiles(hit.x + this.#origin.x, hit.y + this.#origin.y, this.#zoom));
  }

  #hover(px: number, py: number): void {
    const now = performance.now();
    if (now - this.#hovered < 90 || !this.#look || this.map.isMoving()) return;
    this.#hovered = now;
    if (this.#picking) {
      const road = this.#roadAt(px, py, this.#look)?.road ?? null;
      if (road !== this.marks.pointed) {
        this.marks.pointed = road;
        this.#dirty.marks = true;
      }
    } else {
      this.map.getCanvas().style.cursor = this.at(px, py) ? 'pointer' : '';
    }
  }

  /** Return chooses what is in the middle of the map: with the arrows every place can be brought there. */
  #key = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || !this.#look) return;
    event.preventDefault();
    this.#click(this.#look.width / 2, this.#look.height / 2);
  };
}
