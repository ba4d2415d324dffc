import { describe, expect, it } from 'vitest';
import { rightAt } from './flow';
import { fromTiles, lookOf, tileMetres, toTiles } from './geo';
import { hull, junctions } from './junctions';
import { Roads, type RoadsJson } from './roads';

const ZOOM = 14;
const LAT = 52;
const [X, Y] = toTiles(8.5, LAT, ZOOM);
const ORIGIN = { x: Math.floor(X), y: Math.floor(Y) };
const METRE = 1 / tileMetres(LAT, ZOOM);

/** Metres east and south of a place as [longitude, latitude]. */
const place = (east: number, south: number): [number, number] => fromTiles(X + east * METRE, Y + south * METRE, ZOOM);

function city(lines: { id: string; class?: number; lanes?: number; points: [number, number][] }[]): Roads {
  const json: RoadsJson = {
    type: 'FeatureCollection',
    features: lines.map((line, i) => ({
      type: 'Feature',
      geometry: { type: 'LineString', coordinates: line.points.map(([x, y]) => place(x, y)) },
      properties: { i, id: line.id, name: line.id, lanes: line.lanes ?? 1, speed_kmh: 50, class: line.class ?? 1 },
    })),
  };
  return new Roads(json, ZOOM, ORIGIN);
}

const tiles = (east: number, south: number): [number, number] => [X - ORIGIN.x + east * METRE, Y - ORIGIN.y + south * METRE];

describe('places', () => {
  it('are the same there and back', () => {
    for (const [lon, lat] of [
      [8.5, 52],
      [-122.4, 37.8],
      [151.2, -33.9],
    ] as const) {
      const [back, and] = fromTiles(...toTiles(lon, lat, ZOOM), ZOOM);
      expect(back).toBeCloseTo(lon, 9);
      expect(and).toBeCloseTo(lat, 9);
    }
  });

  it('lie where the map has them: its middle in the middle, a metre as long as it should be', () => {
    const look = lookOf({ lng: 8.5, lat: LAT }, 16, 1000, 600, ZOOM, ORIGIN);
    const [x, y] = tiles(0, 0);
    expect(x * look.scale + look.left).toBeCloseTo(500, 6);
    expect(y * look.scale + look.top).toBeCloseTo(300, 6);
    const [a] = tiles(100, 0);
    expect((a - x) * look.scale).toBeCloseTo(100 * look.metre, 6);
  });
});

describe('roads', () => {
  const roads = city([
    { id: 'a', points: [[0, 0], [200, 0]] },
    { id: 'b', points: [[0, 30], [100, 30], [100, 130]] },
  ]);

  it('are found by the nearest place, with how far along', () => {
    const hit = roads.nearest(...tiles(50, 4), 20 * METRE);
    expect(hit?.road.id).toBe('a');
    expect(hit?.share).toBeCloseTo(0.25, 2);
    expect((hit?.off ?? 0) / METRE).toBeCloseTo(4, 1);
    const bend = roads.nearest(...tiles(103, 80), 20 * METRE);
    expect(bend?.road.id).toBe('b');
    expect(bend?.share).toBeCloseTo(0.75, 2);
  });

  it('are not found from far', () => {
    expect(roads.nearest(...tiles(50, 400), 20 * METRE)).toBeNull();
  });

  it('say where they are after a share of their length', () => {
    const at = roads.at(roads.byId.get('b')!, 0.75);
    const [x, y] = tiles(100, 80);
    expect([(at.x - x) / METRE, (at.y - y) / METRE].map((off) => Math.abs(off) < 0.1)).toEqual([true, true]);
    // South.
    expect(at.heading).toBeCloseTo(Math.PI, 3);
  });

  it('have their right side on the right, and no spikes in sharp bends', () => {
    const [x, y] = rightAt(Float64Array.from([0, 0, 1, 0]), 0, 1);
    expect(x).toBeCloseTo(0, 9);
    expect(y).toBeCloseTo(1, 9);
    const sharp = rightAt(Float64Array.from([0, 0, 1, 0, 0, 0.01]), 1, 2);
    expect(Math.hypot(...sharp)).toBeLessThanOrEqual(2.000001);
  });
});

describe('junctions', () => {
  it('fill what lies between the ends of roads, and join no roads that pass far from each other', () => {
    const cross = city([
      { id: 'w', class: 3, lanes: 2, points: [[-100, 0], [-10, 0]] },
      { id: 'e', points: [[10, 0], [100, 0]] },
      { id: 'n', points: [[0, -100], [0, -10]] },
      { id: 'far', points: [[0, 60], [0, 160]] },
    ]);
    const { features } = junctions(cross.list, ZOOM, ORIGIN);
    expect(features).toHaveLength(1);
    expect(features[0]?.properties.class).toBe(3);
  });

  it('have a hull that goes round all corners', () => {
    expect(hull([[0, 0], [2, 0], [1, 1], [2, 2], [0, 2]])).toEqual([[0, 0], [2, 0], [2, 2], [0, 2]]);
  });
});
