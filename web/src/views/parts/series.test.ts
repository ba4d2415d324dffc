import { describe, expect, it } from 'vitest';
import { counted, extent, growth, histogram, History } from './series';

describe('a history', () => {
  it('keeps the newest points and says the last one that is known', () => {
    const history = new History(3);
    for (let time = 0; time < 5; time += 1) history.add(time, time === 4 ? null : time * 10);
    expect(history.times).toEqual([2, 3, 4]);
    expect(history.last()).toBe(30);
  });

  it('replaces a point of the same time, begins anew after a jump back, and takes no number for none', () => {
    const history = new History();
    history.add(10, 1);
    history.add(10, Number.NaN);
    expect(history.values).toEqual([null]);
    history.add(20, 2);
    history.add(5, 3);
    expect(history.times).toEqual([5]);
    history.add(Number.NaN, 4);
    expect(history.times).toEqual([5]);
  });
});

it('a counter grows by bins, and begins anew where it falls', () => {
  expect(growth([0, 100, 250, 310, 650], [5, 7, 10, 12, 3], 300)).toEqual([[0, 300, 600], [5, 2, 3]]);
  expect(growth([0], [5], 300)).toEqual([[], []]);
});

it('values fall into bins, the last of which is closed; what lies outside counts at the ends', () => {
  expect(histogram([-1, 0, 9.9, 10, 19, 20, 25], [0, 10, 20])).toEqual([3, 4]);
  expect(histogram([Number.NaN, 5], [0, 10])).toEqual([1]);
  expect(histogram([1], [])).toEqual([]);
});

it('extents leave out what is not known', () => {
  expect(extent([null, 3, undefined, -1, Number.POSITIVE_INFINITY])).toEqual([-1, 3]);
  expect(extent([null])).toBeNull();
});

it('instants are counted by bins, empty ones between them too', () => {
  expect(counted([10, 20, 610, 1210], 300)).toEqual([[0, 300, 600, 900, 1200], [2, 0, 1, 0, 1]]);
  expect(counted([], 300)).toEqual([[], []]);
  const [starts, counts] = counted([0, 1e6], 1);
  expect([starts.length, starts.at(-1), counts.at(-1)]).toEqual([500, 1e6, 1]);
});
