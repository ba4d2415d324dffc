/** Numbers over time, as a view collects them while it is open: a few hundred at most, the oldest go first. */

/** Points kept in a history: half an hour at one every 3 s. */
export const POINTS_MAX = 600;

/** One number over time. Times ascend; a time that was there already gets the newer value. */
export class History {
  readonly times: number[] = [];
  readonly values: (number | null)[] = [];

  constructor(readonly most: number = POINTS_MAX) {}

  /** Adds a point; one older than the newest begins the history anew, as after a jump back in time. */
  add(time: number, value: number | null): void {
    if (!Number.isFinite(time)) return;
    const known = value !== null && Number.isFinite(value) ? value : null;
    const last = this.times.length - 1;
    const newest = this.times[last];
    if (newest !== undefined && time < newest) {
      this.times.length = 0;
      this.values.length = 0;
    } else if (newest === time) {
      this.values[last] = known;
      return;
    }
    this.times.push(time);
    this.values.push(known);
    if (this.times.length > this.most) {
      this.times.shift();
      this.values.shift();
    }
  }

  /** The newest value that is known. */
  last(): number | null {
    return this.values.findLast((value) => value !== null) ?? null;
  }
}

/** What a counter grew by per bin of time: `[start of bin, growth]`. A counter that fell began anew at nothing. */
export function growth(times: readonly number[], counter: readonly (number | null)[], bin: number): [number[], number[]] {
  const starts: number[] = [];
  const grown: number[] = [];
  let before: number | null = null;
  for (let i = 0; i < times.length; i += 1) {
    const time = times[i];
    const value = counter[i] ?? null;
    if (time === undefined || value === null) continue;
    if (before !== null) {
      const start = Math.floor(time / bin) * bin;
      const by = value >= before ? value - before : value;
      const last = starts.length - 1;
      if (starts[last] === start) grown[last] = (grown[last] ?? 0) + by;
      else {
        starts.push(start);
        grown.push(by);
      }
    }
    before = value;
  }
  return [starts, grown];
}

/** How many instants fall into each bin of time, from the first to the last, empty ones too; at most 500 bins, the latest. */
export function counted(times: readonly number[], bin: number): [number[], number[]] {
  const found = extent(times);
  if (!found) return [[], []];
  const last = Math.floor(found[1] / bin);
  const first = Math.max(Math.floor(found[0] / bin), last - 499);
  const counts = new Array<number>(last - first + 1).fill(0);
  for (const time of times) {
    const at = Math.floor(time / bin) - first;
    if (at >= 0) counts[at]! += 1;
  }
  return [counts.map((_, i) => (first + i) * bin), counts];
}

/** Least and most of the numbers that are known. */
export function extent(values: Iterable<number | null | undefined>): [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : null;
}

/** How many values lie in each bin `[edge i, edge i + 1)`; the last one holds its upper edge too, what lies outside counts at the ends. */
export function histogram(values: Iterable<number>, edges: readonly number[]): number[] {
  const counts = new Array<number>(Math.max(0, edges.length - 1)).fill(0);
  if (counts.length === 0) return counts;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    let bin = edges.findIndex((edge) => value < edge) - 1;
    if (bin === -2) bin = counts.length - 1;
    counts[Math.max(0, bin)]! += 1;
  }
  return counts;
}
