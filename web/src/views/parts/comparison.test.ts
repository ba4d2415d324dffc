import { describe, expect, it } from 'vitest';
import fixture from './comparison.fixture.json';
import { differences, layers, main, named, read, scale, values } from './comparison';

// Three runs of `scenarios/bus_lane.yaml`, as `citytwin compare` wrote them; fewer measures and roads.
const whole = read(fixture)!;

describe('what was written', () => {
  it('is read with base, variants and expectations', () => {
    expect(whole.title).toBe('Bus lane');
    expect(whole.variants.map((one) => one.name)).toEqual(['base', 'bus-lane', 'both']);
    expect(whole.variants[1]?.measures.length).toBe(7);
    expect(whole.expectations[0]?.verdict).toBe('cannot be said at this confidence');
    const line = whole.variants[1]?.measures.find((one) => one.measure === 'travel-time');
    expect(line?.finding).toBe('worse');
    expect(line?.difference.low).toBeGreaterThan(0);
  });

  it('is none if it is something else', () => {
    for (const wrong of [null, 3, [], {}, { variants: [] }, { variants: [{ name: 'base' }] }, { variants: 'x' }]) expect(read(wrong)).toBeNull();
    const odd = read({ variants: [{ name: 'a', measures: [{ measure: 'x' }, 7, null] }, { name: 'b', queues: [null, { road: 5 }] }] });
    expect(odd?.variants[0]?.measures).toEqual([]);
  });
});

it('measures have names for people', () => {
  expect(named('travel-time.bus.p95')).toBe('Travel time of buses, 95th percentile');
  expect(named('something-new.spaceship')).toBe('something new, spaceship');
});

it('the main measures come first, in their order', () => {
  const names = main(whole.variants[1]?.measures ?? []).map((one) => one.measure);
  expect(names.slice(0, 2)).toEqual(['travel-time', 'travel-time.bus']);
  expect(names).not.toContain('exhaust-covered');
  expect(main([])).toEqual([]);
});

describe('layers on the roads', () => {
  it('are those that were observed', () => {
    expect(layers(whole)).toEqual(['queue', 'noise', 'air']);
    expect(layers(read({ variants: [{ name: 'a' }, { name: 'b' }] })!)).toEqual([]);
  });

  it('differ by what the variant adds, and a road without a queue has none', () => {
    const [base, lane] = whole.variants;
    const noise = differences(base!, lane!, 'noise');
    for (const [road, value] of noise) {
      expect(value).toBeCloseTo(values(lane!, 'noise').get(road)! - values(base!, 'noise').get(road)!, 12);
    }
    const one = { ...base!, queues: [{ road: 'x', mean_m: 4, p95_m: 0, longest_m: 0, spill_back_s: 0 }] };
    expect(differences(one, { ...one, queues: [] }, 'queue')).toEqual(new Map([['x', -4]]));
  });

  it('are scaled so that one extreme road does not hide the others', () => {
    expect(scale([...Array.from({ length: 99 }, () => -1), 1000])).toBe(1);
    expect(scale([])).toBe(1);
  });
});
