import { describe, expect, it } from 'vitest';
import { alertOf, happeningOf, merged, rank, together } from './alerts';
import { lessMore, sequential } from './colour';
import { judged, partsOf } from './health';
import { metricPoints } from './metrics';
import { RoadFinder, roadsOf } from './roads';
import { lonLat, phases } from './vehicles.svelte';

describe('alerts', () => {
  const row = { id: 'A', rule: 'jam', state: 'firing', severity: 'high', subject: 'r1', since: '2026-06-01T07:00:00Z', says: 'slow', latitude: 55.6, longitude: 4 };

  it('are read from rows of the stores and of the API', () => {
    expect(alertOf(row)).toMatchObject({ id: 'A', lon: 4, lat: 55.6, since_ms: Date.parse('2026-06-01T07:00:00Z'), acknowledged: null });
    expect(alertOf({ ...row, location: { type: 'Point', coordinates: [5, 50] }, acknowledged: true, acknowledgement: { at: '', by: 'ann' } })).toMatchObject({ lon: 5, lat: 50, acknowledged: 'ann' });
    expect(alertOf({ ...row, acknowledged: false, acknowledgement: null }).acknowledged).toBeNull();
    expect(alertOf({})).toMatchObject({ id: '', state: 'firing', severity: 'low', lon: null });
  });

  it('that are over do not fire again, and stay acknowledged', () => {
    const answered = [{ ...alertOf(row), acknowledged: 'ann' }];
    const brought = [alertOf({ ...row, state: 'resolved' }), alertOf({ ...row, id: 'B', since: '2026-06-01T08:00:00Z' })];
    const both = together(brought, answered, 10);
    expect(both.map((one) => [one.id, one.state, one.acknowledged])).toEqual([['B', 'firing', null], ['A', 'resolved', 'ann']]);
    expect(together(brought, [alertOf({ ...row, state: 'resolved', until: '2026-06-01T07:10:00Z' })], 10)[1]?.until_ms).not.toBeNull();
    expect(together(brought, answered, 1)).toHaveLength(1);
  });

  it('come in the order of how bad they are', () => {
    expect(['low', 'critical', 'odd', 'high'].sort((a, b) => rank(a) - rank(b))).toEqual(['critical', 'high', 'low', 'odd']);
  });

  it('events are the same whichever way they came', () => {
    const one = happeningOf({ kind: 'call', subject: 'c1', at: '2026-06-01T07:00:00Z', partition: 1, number: 2 });
    expect(merged([one], [{ ...one, id: 'other' }], 10)).toHaveLength(1);
  });
});

describe('health', () => {
  const well = { present: true, messages: 9, messages_per_s: 100, behind: 5, spooled: 0, duplicates: 0, late: 0, quarantined: 0, shown_s: [0.1, 0.3] as [number, number], restarts: {}, troubles: [] };
  const by = (now: typeof well, ready: unknown = { status: 'well' }) => Object.fromEntries(judged(now, ready).map((part) => [part.name, part.health]));

  it('is well where nothing is wrong', () => {
    expect(by(well)).toEqual({ publisher: 'well', log: 'well', worker: 'well', stores: 'well', answers: 'well' });
  });

  it('names the part that is not', () => {
    // What is on its way is no spool.
    expect(by({ ...well, spooled: 99 }).publisher).toBe('well');
    expect(by({ ...well, spooled: 501 }).publisher).toBe('slow');
    expect(by({ ...well, spooled: 60_000 }).publisher).toBe('bad');
    expect(by({ ...well, troubles: ['the broker does not answer'] as never[] }).publisher).toBe('bad');
    expect(by({ ...well, behind: 2_000 }).worker).toBe('slow');
    expect(by({ ...well, behind: 20_000 }).worker).toBe('bad');
    expect(by({ ...well, shown_s: [2, 7] }).stores).toBe('bad');
    expect(by(well, { status: 'degraded' }).answers).toBe('slow');
    expect(by(well, { status: 'down' }).answers).toBe('bad');
    expect(by(well, null).answers).toBe('unknown');
    expect(partsOf({ parts: [{ part: 'tables', well: false, reason: 'away' }, { part: 'history', well: true, reason: null }, 3] })).toEqual([
      { part: 'tables', well: false, reason: 'away' },
      { part: 'history', well: true, reason: null },
    ]);
    expect(partsOf({ parts: 'x' })).toEqual([]);
    expect(judged(null, null)).toEqual([]);
  });
});

describe('roads', () => {
  const feature = (id: string, line: number[][], i: number) => ({ properties: { i, id, name: id, lanes: 1, speed_kmh: 50, class: 1 }, geometry: { type: 'LineString', coordinates: line } });
  // Two ways beside each other, 5 m apart, in opposite directions, and one across.
  const roads = roadsOf({
    features: [
      feature('east', [[4, 55], [4.01, 55]], 0),
      feature('west', [[4.01, 55.00005], [4, 55.00005]], 1),
      feature('north', [[4.005, 54.99], [4.005, 55.01]], 2),
      { properties: { i: 3, id: 'point' }, geometry: { type: 'Point', coordinates: [4, 55] } },
    ],
  });
  const finder = new RoadFinder(roads);

  it('are those that are lines', () => {
    expect(roads.map((road) => road.id)).toEqual(['east', 'west', 'north']);
    expect(roadsOf(null)).toEqual([]);
  });

  it('are found by where somebody is and heads', () => {
    expect(finder.at(4.002, 55.00002, 90)?.id).toBe('east');
    expect(finder.at(4.002, 55.00002, 270)?.id).toBe('west');
    expect(finder.at(4.005, 55, 5)?.id).toBe('north');
    expect(finder.at(4.002, 55.001, 90)).toBeNull();
    expect(finder.at(9, 9, 0)).toBeNull();
  });
});

it('points of a series ascend, and what has no time is none', () => {
  const points = metricPoints({ unit: 'km/h', points: [{ at_ms: 2000, value: 3, count: 1 }, { at_ms: 1000, value: null }, { value: 1 }, null] });
  expect(points).toEqual({ unit: 'km/h', times: [1, 2], values: [null, 3] });
  for (const wrong of [null, 7, [], { points: 'x' }]) expect(metricPoints(wrong).times).toEqual([]);
});

it('colours run from end to end and never beyond', () => {
  expect(sequential(-1)).toBe(sequential(0));
  expect(sequential(2)).toBe('rgb(254,232,56)');
  expect(lessMore(0, true)).toBe('rgb(70,74,82)');
  expect(lessMore(Number.NaN, false)).toMatch(/^rgb/);
});

it('roads are kept minute by minute, of one session and as long as time goes on', async () => {
  const { congestion } = await import('./congestion.svelte');
  const shares = Uint8Array.of(0, 100, 200, 255);
  congestion.add('live', 60, shares);
  congestion.add('live', 90, Uint8Array.of(100, 100, 255, 255));
  congestion.add('live', 120, Uint8Array.of(200, 255, 255, 255));
  expect(congestion.columns()).toEqual([60, 120]);
  expect(congestion.row([0])).toEqual([25, 100]);
  expect(congestion.row([0, 1])).toEqual([37.5, 100]);
  expect(congestion.row([3])).toEqual([null, null]);
  congestion.add('live', 30, shares);
  expect(congestion.columns()).toEqual([0]);
  congestion.add('fork', 120, shares);
  expect(congestion.columns()).toEqual([120]);
});

it('a place in a tile is a place on the earth', () => {
  const [lon, lat] = lonLat(8500, 5200, 14);
  expect(lon).toBeCloseTo((8500 / 16384) * 360 - 180, 12);
  // By hand: atan(sinh(π (1 − 2 · 5200 / 16384))).
  expect(lat).toBeCloseTo((Math.atan(Math.sinh(Math.PI * (1 - 10400 / 16384))) * 180) / Math.PI, 12);
  expect(lonLat(0, 8192, 14)).toEqual([-180, 0]);
});

it('what a signal shows is counted by what it means', () => {
  expect(phases('GrGgyrs')).toEqual({ go: 3, stopping: 1, stop: 3, off: 0 });
  expect(phases('oO')).toEqual({ go: 0, stopping: 0, stop: 0, off: 2 });
  expect(phases('')).toEqual({ go: 0, stopping: 0, stop: 0, off: 0 });
});
