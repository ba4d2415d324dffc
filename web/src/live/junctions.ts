// Areas where roads meet. The server tells roads from junction to junction; what lies between their ends is filled here, so that from
// near the map has no holes where vehicles cross.

import type { Feature, FeatureCollection, Polygon } from 'geojson';
import { fromTiles, tileMetres } from './geo';
import type { Road } from './roads';

/** Ends nearer to each other than this are at one junction [m]; wide roads a little more. */
const NEAR = 16;
/** A junction is not wider [m]. */
const WIDE = 80;
const LANE = 3.2;

interface End {
  x: number;
  y: number;
  /** To the right of the way into the junction, a half of the road's width long [tiles]. */
  rx: number;
  ry: number;
  half: number;
  rank: number;
}

/** The junctions of roads, as polygons with the rank of their most important road. */
export function junctions(roads: Road[], zoom: number, origin: { x: number; y: number }): FeatureCollection<Polygon, { class: number }> {
  const first = roads[0];
  if (!first) return { type: 'FeatureCollection', features: [] };
  const [, lat] = fromTiles(first.line[0]! + origin.x, first.line[1]! + origin.y, zoom);
  const metre = 1 / tileMetres(lat, zoom);
  const ends: End[] = [];
  for (const road of roads) {
    const { line } = road;
    const n = line.length;
    if (n < 4) continue;
    const half = (road.lanes * LANE * metre) / 2;
    for (const [x, y, fx, fy] of [
      [line[0]!, line[1]!, line[2]!, line[3]!],
      [line[n - 2]!, line[n - 1]!, line[n - 4]!, line[n - 3]!],
    ] as const) {
      const d = Math.hypot(x - fx, y - fy) || 1;
      ends.push({ x, y, rx: (-(y - fy) / d) * half, ry: ((x - fx) / d) * half, half, rank: road.rank });
    }
  }

  // Ends in reach of each other, however many steps away, belong together.
  const parent = ends.map((_, k) => k);
  const root = (k: number): number => {
    let at = k;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  };
  const cell = 24 * metre;
  const grid = new Map<string, number[]>();
  ends.forEach((end, k) => {
    const i = Math.floor(end.x / cell);
    const j = Math.floor(end.y / cell);
    for (let a = -1; a <= 1; a += 1) {
      for (let b = -1; b <= 1; b += 1) {
        for (const other of grid.get(`${i + a},${j + b}`) ?? []) {
          const near = NEAR * metre + (end.half + ends[other]!.half) * 0.5;
          if (Math.hypot(end.x - ends[other]!.x, end.y - ends[other]!.y) <= near) parent[root(k)] = root(other);
        }
      }
    }
    const key = `${i},${j}`;
    const list = grid.get(key);
    if (list) list.push(k);
    else grid.set(key, [k]);
  });

  const groups = new Map<number, End[]>();
  ends.forEach((end, k) => {
    const list = groups.get(root(k));
    if (list) list.push(end);
    else groups.set(root(k), [end]);
  });
  const features: Feature<Polygon, { class: number }>[] = [];
  for (const group of groups.values()) {
    if (group.length < 2) continue;
    const corners = hull(group.flatMap((end): [number, number][] => [[end.x + end.rx, end.y + end.ry], [end.x - end.rx, end.y - end.ry]]));
    if (corners.length < 3) continue;
    const xs = corners.map((corner) => corner[0]);
    const ys = corners.map((corner) => corner[1]);
    if (Math.max(...xs) - Math.min(...xs) > WIDE * metre || Math.max(...ys) - Math.min(...ys) > WIDE * metre) continue;
    const ring = [...corners, corners[0]!].map(([x, y]) => fromTiles(x + origin.x, y + origin.y, zoom));
    features.push({ type: 'Feature', geometry: { type: 'Polygon', coordinates: [ring] }, properties: { class: Math.max(...group.map((end) => end.rank)) } });
  }
  return { type: 'FeatureCollection', features };
}

/** The convex hull (Andrew's monotone chain, 1979). */
export function hull(points: [number, number][]): [number, number][] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const turn = (o: [number, number], a: [number, number], b: [number, number]): number => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  const half = (list: [number, number][]): [number, number][] => {
    const out: [number, number][] = [];
    for (const point of list) {
      while (out.length >= 2 && turn(out[out.length - 2]!, out[out.length - 1]!, point) <= 0) out.pop();
      out.push(point);
    }
    out.pop();
    return out;
  };
  return [...half(sorted), ...half([...sorted].reverse())];
}
