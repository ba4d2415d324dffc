/** Rows of tables: found, sorted, in pages. */
import { compareWords } from '../../i18n';

/** What a cell sorts by. */
export type Key = string | number | null | undefined;

/** Which column orders the rows, and which way. */
export interface Order {
  column: string;
  down: boolean;
}

/** Sorted rows; equal ones stay as they were, unknown ones come last whichever way. */
export function sorted<R>(rows: readonly R[], key: (row: R) => Key, down: boolean): R[] {
  const none = (one: Key) => one === null || one === undefined || (typeof one === 'number' && Number.isNaN(one));
  const order = (a: Key, b: Key): number => {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    return compareWords(String(a), String(b));
  };
  return rows
    .map((row, place) => ({ row, place, key: key(row) }))
    .sort((a, b) => {
      if (none(a.key) || none(b.key)) return Number(none(a.key)) - Number(none(b.key)) || a.place - b.place;
      return (down ? order(b.key, a.key) : order(a.key, b.key)) || a.place - b.place;
    })
    .map((one) => one.row);
}

/** The page of rows at a place, and how many pages there are; a page beyond the last one is the last. */
export function paged<R>(rows: readonly R[], page: number, size: number): { rows: R[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const at = Math.min(pages - 1, Math.max(0, page));
  return { rows: rows.slice(at * size, (at + 1) * size), page: at, pages };
}

/** Whether every word of a search is in one of the texts. */
export function finds(search: string, ...texts: (string | null | undefined)[]): boolean {
  const within = texts.filter(Boolean).join(' ').toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => within.includes(word));
}
