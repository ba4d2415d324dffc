// The roads of the map as the page uses them: by index, by id, and by place.

import type { FeatureCollection, LineString } from 'geojson';
import { toTiles, type Look } from './geo';

export interface Road {
  i: number;
  id: string;
  name: string;
  lanes: number;
  speed_kmh: number;
  /** 0 to 4, the larger the more important. */
  rank: number;
  /** Along the road, x and y in turn [tiles from the origin]. */
  line: Float64Array;
  /** West, north, east and south of it [tiles from the origin]. */
  box: [number, number, number, number];
  /** Length [tiles]. */
  length: number;
}

export type RoadsJson = FeatureCollection<
  LineString,
  { i: number; id: string; name?: string | null; lanes: number; speed_kmh: number; class: number }
>;

/** Cells of the grid to a tile's side. */
const CELLS = 32;

export interface Hit {
  road: Road;
  /** How far along the road, 0 to 1. */
  share: number;
  /** How far off [tiles]. */
  off: number;
  x: number;
  y: number;
}

export class Roads {
  readonly list: Road[] = [];
  readonly byId = new Map<string, Road>();
  readonly byIndex = new Map<number, Road>();
  readonly #grid = new Map<number, Int32Array | number[]>();

  constructor(
    json: RoadsJson,
    readonly zoom: number,
    readonly origin: { x: number; y: number },
  ) {
    for (const feature of json.features) {
      const p = feature.properties;
      const points = feature.geometry.coordinates;
      const line = new Float64Array(points.length * 2);
      points.forEach((point, k) => {
        const [x, y] = toTiles(point[0]!, point[1]!, zoom);
        line[2 * k] = x - origin.x;
        line[2 * k + 1] = y - origin.y;
      });
      const box: Road['box'] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let k = 0; k < line.length; k += 2) {
        box[0] = Math.min(box[0], line[k]!);
        box[1] = Math.min(box[1], line[k + 1]!);
        box[2] = Math.max(box[2], line[k]!);
        box[3] = Math.max(box[3], line[k + 1]!);
      }
      let length = 0;
      for (let k = 2; k < line.length; k += 2) length += Math.hypot(line[k]! - line[k - 2]!, line[k + 1]! - line[k - 1]!);
      const road: Road = { i: p.i, id: p.id, name: p.name ?? '', lanes: p.lanes, speed_kmh: p.speed_kmh, rank: p.class, line, box, length };
      this.list.push(road);
      this.byId.set(road.id, road);
      this.byIndex.set(road.i, road);
      this.#file(road, this.list.length - 1);
    }
  }

  #file(road: Road, index: number): void {
    const { line } = road;
    for (let k = 2; k < line.length; k += 2) {
      const [ax, ay, bx, by] = [line[k - 2]!, line[k - 1]!, line[k]!, line[k + 1]!];
      const steps = Math.max(1, Math.ceil(Math.max(Math.abs(bx - ax), Math.abs(by - ay)) * CELLS * 2));
      for (let s = 0; s <= steps; s += 1) {
        const cell = cellOf(ax + ((bx - ax) * s) / steps, ay + ((by - ay) * s) / steps);
        let list = this.#grid.get(cell) as number[] | undefined;
        if (!list) this.#grid.set(cell, (list = []));
        if (list[list.length - 1] !== index) list.push(index);
      }
    }
  }

  /** The road nearest to a place within `radius` [tiles]; of two at one place the more important. */
  nearest(x: number, y: number, radius: number): Hit | null {
    let best: Hit | null = null;
    const seen = new Set<number>();
    const reach = Math.max(1, Math.ceil(radius * CELLS));
    for (let j = -reach; j <= reach; j += 1) {
      for (let i = -reach; i <= reach; i += 1) {
        for (const index of this.#grid.get(cellOf(x + i / CELLS, y + j / CELLS)) ?? []) {
          if (seen.has(index)) continue;
          seen.add(index);
          const hit = along(this.list[index]!, x, y);
          if (hit.off <= radius && (!best || hit.off < best.off)) best = hit;
        }
      }
    }
    return best;
  }

  /** Where a road is after a share of its length. */
  at(road: Road, share: number): { x: number; y: number; heading: number } {
    let left = Math.min(1, Math.max(0, share)) * road.length;
    const { line } = road;
    for (let k = 2; k < line.length; k += 2) {
      const dx = line[k]! - line[k - 2]!;
      const dy = line[k + 1]! - line[k - 1]!;
      const d = Math.hypot(dx, dy);
      if (left <= d || k === line.length - 2) {
        const t = d > 0 ? Math.min(1, left / d) : 0;
        return { x: line[k - 2]! + dx * t, y: line[k - 1]! + dy * t, heading: Math.atan2(dx, -dy) };
      }
      left -= d;
    }
    return { x: line[0] ?? 0, y: line[1] ?? 0, heading: 0 };
  }
}

/** Whether anything of a road may be seen, with so many pixels around. */
export function seen(road: Road, look: Look, around: number): boolean {
  const { box } = road;
  return (
    box[2] * look.scale + look.left >= -around &&
    box[0] * look.scale + look.left <= look.width + around &&
    box[3] * look.scale + look.top >= -around &&
    box[1] * look.scale + look.top <= look.height + around
  );
}

function cellOf(x: number, y: number): number {
  return Math.floor(x * CELLS) * 1_000_003 + Math.floor(y * CELLS);
}

/** The place of a road that is nearest to another place. */
export function along(road: Road, x: number, y: number): Hit {
  const { line } = road;
  let best: Hit = { road, share: 0, off: Infinity, x, y };
  let before = 0;
  for (let k = 2; k < line.length; k += 2) {
    const ax = line[k - 2]!;
    const ay = line[k - 1]!;
    const dx = line[k]! - ax;
    const dy = line[k + 1]! - ay;
    const d2 = dx * dx + dy * dy;
    const t = d2 > 0 ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / d2)) : 0;
    const px = ax + dx * t;
    const py = ay + dy * t;
    const off = Math.hypot(px - x, py - y);
    if (off < best.off) best = { road, share: road.length > 0 ? (before + Math.sqrt(d2) * t) / road.length : 0, off, x: px, y: py };
    before += Math.sqrt(d2);
  }
  return best;
}
