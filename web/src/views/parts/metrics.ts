/** Series of a device's metric, as the stores answer them. */

/** Points of a series, ready for a chart. */
export interface Points {
  unit: string;
  /** Unix seconds. */
  times: number[];
  values: (number | null)[];
}

function at(of: unknown): number | null {
  if (typeof of === 'number' && Number.isFinite(of)) return of / 1000;
  if (typeof of === 'string') {
    const ms = Date.parse(of);
    return Number.isNaN(ms) ? null : ms / 1000;
  }
  return null;
}

/** Points out of an answer; what has no time is left out, and times ascend. */
export function metricPoints(answer: unknown): Points {
  const raw = (answer && typeof answer === 'object' ? answer : {}) as Record<string, unknown>;
  const rows = [raw.points, raw.items, raw.data, raw.values, answer].find((one) => Array.isArray(one)) as unknown[] | undefined;
  const points = (rows ?? []).flatMap((row): [number, number | null][] => {
    if (Array.isArray(row)) {
      const time = at(row[0]);
      return time === null ? [] : [[time, typeof row[1] === 'number' ? row[1] : null]];
    }
    if (!row || typeof row !== 'object') return [];
    const of = row as Record<string, unknown>;
    const time = at(of.at_ms ?? of.time_ms ?? of.at ?? of.timestamp ?? of.begin_ms);
    const value = of.value ?? of.mean ?? of.avg;
    return time === null ? [] : [[time, typeof value === 'number' ? value : null]];
  });
  points.sort((a, b) => a[0] - b[0]);
  return { unit: typeof raw.unit === 'string' ? raw.unit : '', times: points.map((one) => one[0]), values: points.map((one) => one[1]) };
}
