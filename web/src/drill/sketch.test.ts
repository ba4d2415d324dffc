import { describe, expect, it } from 'vitest';
import { bar, bundled, fit, onto, plane, zoomed } from './sketch';
import { lines } from './seat';

describe('the map of a desk', () => {
  it('shows every place within its window, north up', () => {
    const project = plane(52);
    const points = [project(8.5, 52.0), project(8.56, 52.03), project(8.52, 52.05)];
    const frame = fit(points, 400, 300, 36);
    const shown = points.map((point) => onto(frame, 400, 300, point));
    for (const [x, y] of shown) {
      expect(x).toBeGreaterThanOrEqual(35.9);
      expect(x).toBeLessThanOrEqual(364.1);
      expect(y).toBeGreaterThanOrEqual(35.9);
      expect(y).toBeLessThanOrEqual(264.1);
    }
    expect(shown[2]![1]).toBeLessThan(shown[0]![1]);
    expect(shown[1]![0]).toBeGreaterThan(shown[0]![0]);
  });

  it('has a frame for one place, and for none', () => {
    expect(fit([], 400, 300).scale).toBeGreaterThan(0);
    const [x, y] = onto(fit([[5, 7]], 400, 300), 400, 300, [5, 7]);
    expect([x, y]).toEqual([200, 150]);
  });

  it('keeps what is under the pointer there while it zooms', () => {
    const frame = { x: 100, y: 50, scale: 0.1 };
    const point: [number, number] = [frame.x + (30 - 200) / frame.scale, frame.y + (40 - 150) / frame.scale];
    const near = zoomed(frame, 2, 400, 300, 30, 40);
    expect(near.scale).toBeCloseTo(0.2);
    const [x, y] = onto(near, 400, 300, point);
    expect(x).toBeCloseTo(30);
    expect(y).toBeCloseTo(40);
  });

  it('puts marks that would hide each other into one', () => {
    const found = bundled([{ x: 0, y: 0, of: 'A1' }, { x: 5, y: 5, of: 'A2' }, { x: 60, y: 0, of: 'A3' }], 20);
    expect(found.map((one) => one.of)).toEqual([['A1', 'A2'], ['A3']]);
  });

  it('has a scale of a round length', () => {
    expect(bar(0.1, 90)).toEqual([500, 50]);
    expect(bar(1, 90)).toEqual([50, 50]);
  });

  it('takes roads as lines of GeoJSON, and nothing from anything else', () => {
    const line = [[8, 52], [8.1, 52]];
    const features = [
      { geometry: { type: 'LineString', coordinates: line }, properties: { class: 3 } },
      { geometry: { type: 'MultiLineString', coordinates: [line, line] }, properties: {} },
      { geometry: { type: 'Point', coordinates: [8, 52] } },
      {},
    ];
    expect(lines({ features }).map((one) => one.class)).toEqual([3, 1, 1]);
    for (const other of [null, 3, {}, { features: 4 }]) expect(lines(other)).toEqual([]);
  });
});
