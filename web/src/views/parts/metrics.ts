/** Series of a device's metric, as the stores answer them. */

/** Points of a series, ready for a chart. */
export interface Points {
  unit: string;
  /** Unix seconds. */
  times: number[];
  values: (number | null)[];
}

/** Points out of an answer; what has no time is left out, and times ascend. */
export function metricPoints(answer: unknown): Points {
  const raw = (answer && typeof answer === 'object' ? answer : {}) as { unit?: unknown; points?: unknown };
  const points = (Array.isArray(raw.points) ? raw.points : []).flatMap((row: unknown): [number, number | null][] => {
    const { at_ms, value } = (row && typeof row === 'object' ? row : {}) as { at_ms?: unknown; value?: unknown };
    return typeof at_ms === 'number' && Number.isFinite(at_ms) ? [[at_ms / 1000, typeof value === 'number' ? value : null]] : [];
  });
  points.sort((a, b) => a[0] - b[0]);
  return { unit: typeof raw.unit === 'string' ? raw.unit : '', times: points.map((one) => one[0]), values: points.map((one) => one[1]) };
}
