/** What `citytwin compare` wrote into `comparison.json`, checked and made ready to be drawn. Pure. */
import { has, t } from '../../i18n';

/** A number with the ends of its interval, none where it has none. */
export interface Ends {
  value: number;
  low: number | null;
  high: number | null;
}

/** One measure of a variant beside the base. */
export interface Line {
  measure: string;
  unit: string;
  better: 'lower' | 'higher' | 'neither';
  runs: number;
  base: Ends;
  variant: Ends;
  difference: Ends;
  relative: Ends | null;
  p: number | null;
  finding: string;
}

/** A variant. */
export interface Variant {
  name: string;
  changes: string[];
  verdict: string | null;
  measures: Line[];
  means: [string, number][];
  levels_of_service: number[];
  queues: { road: string; mean_m: number; p95_m: number; longest_m: number; spill_back_s: number }[];
  noise_at_10_m: Record<string, number>;
  air_at_10_m: { road: string; nox_added_ug_m3: number }[];
}

/** What was expected of a variant. */
export interface Expectation {
  variant: string;
  measure: string;
  condition: string;
  found: Ends | null;
  verdict: string;
}

/** A comparison. */
export interface Comparison {
  title: string;
  question: string | null;
  against: string;
  seeds: number[];
  runs: string;
  confidence: number;
  command: string;
  variants: Variant[];
  expectations: Expectation[];
}

type Raw = Record<string, unknown>;
const object = (of: unknown): Raw => (of && typeof of === 'object' && !Array.isArray(of) ? (of as Raw) : {});
const list = (of: unknown): unknown[] => (Array.isArray(of) ? of : []);
const word = (of: unknown): string => (typeof of === 'string' ? of : '');
const figure = (of: unknown): number | null => (typeof of === 'number' && Number.isFinite(of) ? of : null);

function ends(of: unknown): Ends | null {
  const raw = object(of);
  const value = figure(raw.value);
  return value === null ? null : { value, low: figure(raw.low), high: figure(raw.high) };
}

function line(of: unknown, currency: string): Line | null {
  const raw = object(of);
  const [base, variant, difference] = [ends(raw.base), ends(raw.variant), ends(raw.difference)];
  if (!base || !variant || !difference || !word(raw.measure)) return null;
  const better = raw.better === 'lower' || raw.better === 'higher' ? raw.better : 'neither';
  return {
    measure: word(raw.measure),
    unit: raw.unit === 'money' && currency ? currency : word(raw.unit),
    better,
    runs: figure(raw.runs) ?? 0,
    base,
    variant,
    difference,
    relative: ends(raw.relative),
    p: figure(raw.p),
    finding: word(raw.finding),
  };
}

function variant(of: unknown, currency: string): Variant {
  const raw = object(of);
  const numbers = (row: unknown, names: string[]) => {
    const from = object(row);
    return Object.fromEntries(names.map((name) => [name, figure(from[name]) ?? 0]));
  };
  return {
    name: word(raw.name),
    changes: list(raw.changes).map(word).filter(Boolean),
    verdict: word(raw.verdict) || null,
    measures: list(raw.measures).map((one) => line(one, currency)).filter((one) => one !== null),
    means: list(raw.means).flatMap((pair) => {
      const [name, value] = list(pair);
      const mean = figure(value);
      return word(name) && mean !== null ? [[word(name), mean] as [string, number]] : [];
    }),
    levels_of_service: list(raw.levels_of_service).map((one) => figure(one) ?? 0).slice(0, 6),
    queues: list(raw.queues).map((row) => ({
      road: word(object(row).road),
      ...(numbers(row, ['mean_m', 'p95_m', 'longest_m', 'spill_back_s']) as { mean_m: number; p95_m: number; longest_m: number; spill_back_s: number }),
    })),
    noise_at_10_m: Object.fromEntries(
      Object.entries(object(raw.noise_at_10_m)).flatMap(([road, value]) => {
        const level = figure(value);
        return level === null ? [] : [[road, level]];
      }),
    ),
    air_at_10_m: list(raw.air_at_10_m).map((row) => ({
      road: word(object(row).road),
      nox_added_ug_m3: figure(object(row).nox_added_ug_m3) ?? 0,
    })),
  };
}

/** Reads `comparison.json`; none if it is none. */
export function read(of: unknown): Comparison | null {
  const raw = object(of);
  const variants = list(raw.variants).map((one) => variant(one, word(raw.currency))).filter((one) => one.name);
  if (variants.length < 2) return null;
  return {
    title: word(raw.title),
    question: word(raw.question) || null,
    against: word(raw.against) || (variants[0]?.name ?? ''),
    seeds: list(raw.seeds).map(figure).filter((seed) => seed !== null),
    runs: word(raw.runs),
    confidence: figure(raw.confidence) ?? 0.95,
    command: word(object(raw.again).command),
    variants,
    expectations: list(raw.expectations).map((row) => {
      const one = object(row);
      return {
        variant: word(one.variant),
        measure: word(one.measure),
        condition: word(one.condition),
        found: ends(one.found),
        verdict: word(one.verdict),
      };
    }),
  };
}

/** What people call a measure: `travel-time.bus.p95` is "Travel time of buses, 95th percentile". */
export function named(measure: string): string {
  const [quantity = measure, ...rest] = measure.split('.');
  let label = has(`measure.${quantity}`) ? t(`measure.${quantity}`) : quantity.replaceAll('-', ' ');
  for (const part of rest) {
    if (has(`measure.of.${part}`)) label += ` ${t(`measure.of.${part}`)}`;
    else label += `, ${has(`statistic.${part}`) ? t(`statistic.${part}`) : part}`;
  }
  return label;
}

/** Measures that most questions are about; a variant's page opens with those of them it has. */
const MAIN = [
  'travel-time', 'travel-time.car', 'travel-time.bus', 'time-loss', 'waiting-time', 'stops', 'speed', 'throughput', 'network-speed',
  'signal-delay', 'ambulance-response', 'ambulance-response.p90', 'queue-length', 'spill-back', 'excess-wait', 'co2', 'nox', 'noise-power',
  'person-time', 'access', 'cost', 'unfinished',
];

/** The main measures of a variant, in their order; all where it has none of them. */
export function main(lines: readonly Line[]): Line[] {
  const found = MAIN.flatMap((name) => lines.find((one) => one.measure === name) ?? []);
  return found.length > 0 ? found : [...lines];
}

/** What of a comparison can be drawn on the roads. */
export const LAYERS = ['queue', 'noise', 'air'] as const;
export type Layer = (typeof LAYERS)[number];
export const LAYER_UNITS: Record<Layer, string> = { queue: 'm', noise: 'dB(A)', air: 'µg/m³' };

/** A layer's value by road. A road that stands in no list of queues has none. */
export function values(of: Variant, layer: Layer): Map<string, number> {
  if (layer === 'queue') return new Map(of.queues.map((one) => [one.road, one.mean_m]));
  if (layer === 'noise') return new Map(Object.entries(of.noise_at_10_m));
  return new Map(of.air_at_10_m.map((one) => [one.road, one.nox_added_ug_m3]));
}

/** Layers that any variant has. */
export function layers(of: Comparison): Layer[] {
  return LAYERS.filter((layer) => of.variants.some((one) => values(one, layer).size > 0));
}

/** How a variant's roads differ from the base's. Where one has no queue its queue is nothing; noise and air are there for both or not at all. */
export function differences(base: Variant, other: Variant, layer: Layer): Map<string, number> {
  const [from, to] = [values(base, layer), values(other, layer)];
  const found = new Map<string, number>();
  for (const road of new Set([...from.keys(), ...to.keys()])) {
    const [a, b] = [from.get(road), to.get(road)];
    if (layer !== 'queue' && (a === undefined || b === undefined)) continue;
    found.set(road, (b ?? 0) - (a ?? 0));
  }
  return found;
}

/** A difference that is as large as nearly all: the ends of a scale that one extreme road does not stretch. */
export function scale(of: Iterable<number>): number {
  const sizes = [...of].map(Math.abs).filter((size) => size > 0).sort((a, b) => a - b);
  return sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * 0.98))] ?? 1;
}
