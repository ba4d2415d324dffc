import { expect, it } from 'vitest';
import { finds, paged, sorted } from './rows';

it('sorts numbers as numbers and words as words, unknown ones last either way', () => {
  const rows = [{ v: 10 }, { v: 9 }, { v: null }, { v: 2 }];
  expect(sorted(rows, (row) => row.v, false).map((row) => row.v)).toEqual([2, 9, 10, null]);
  expect(sorted(rows, (row) => row.v, true).map((row) => row.v)).toEqual([10, 9, 2, null]);
  expect(sorted(['road-10', 'road-9', 'Äcker', 'zoo'], (row) => row, false)).toEqual(['Äcker', 'road-9', 'road-10', 'zoo']);
});

it('equal rows stay as they were', () => {
  const rows = [{ n: 'a', v: 1 }, { n: 'b', v: 1 }, { n: 'c', v: 1 }];
  expect(sorted(rows, (row) => row.v, true).map((row) => row.n)).toEqual(['a', 'b', 'c']);
});

it('pages end where the rows do', () => {
  expect(paged([1, 2, 3, 4, 5], 1, 2)).toEqual({ rows: [3, 4], page: 1, pages: 3 });
  expect(paged([1, 2, 3], 9, 2)).toEqual({ rows: [3], page: 1, pages: 2 });
  expect(paged([], 0, 2)).toEqual({ rows: [], page: 0, pages: 1 });
});

it('a search wants every word', () => {
  expect(finds('high str', 'High Street', null)).toBe(true);
  expect(finds('high bridge', 'High Street', undefined)).toBe(false);
  expect(finds('', 'x')).toBe(true);
});
