// The command line of a desk: `assign A1 3`, `direct A1 St Anne`, `say controller on our way`. Understood by what the desk shows; what
// is not understood says what was expected.

import { short } from './order';
import type { Action, ClockOrder, Rating, View } from './types';

/** What a line means. */
export type Command =
  | { kind: 'act'; action: Action; divert?: number }
  | { kind: 'clock'; order: ClockOrder }
  | { kind: 'rewind'; to_s: number }
  | { kind: 'recommend'; call: number }
  | { kind: 'select'; call: number };

/** Why a line is not understood: the key of a text and its parameters. */
export interface Misread {
  key: string;
  params?: Record<string, string | number>;
}

interface Verb {
  words: string[];
  /** What a role needs to use it; none where anybody may. */
  may: string | null;
  usage: string;
  read(rest: string, view: View): Command | Misread;
}

const misread = (key: string, params?: Record<string, string | number>): Misread => ({ key: `drill.command.${key}`, params });
const act = (action: Action, divert?: number): Command => ({ kind: 'act', action, divert });

/** Words of a line without their spaces, lower case. */
const plain = (text: string): string => text.trim().toLowerCase().replaceAll(/\s+/g, ' ');

/** The longest name that a text begins with, and what follows; names may hold spaces. A beginning of exactly one name will do. */
export function named(text: string, names: readonly string[]): { name: string; rest: string } | null {
  const line = text.trim();
  const whole = plain(line);
  const found = names
    .filter((name) => whole === plain(name) || whole.startsWith(`${plain(name)} `))
    .sort((a, b) => b.length - a.length)[0];
  if (found !== undefined) {
    // As many words as the name has are taken from the line.
    const words = plain(found).split(' ').length;
    return { name: found, rest: line.split(/\s+/).slice(words).join(' ') };
  }
  const [first = '', ...more] = line.split(/\s+/);
  if (first === '') return null;
  const ends = (name: string): boolean => ['-', '_'].some((sign) => plain(name).endsWith(`${sign}${plain(first)}`));
  const ending = names.filter(ends);
  // `1-2` is `ambulance-1-2`, whatever else holds it.
  const alike = ending.length === 1 ? ending : names.filter((name) => plain(name).startsWith(plain(first)) || plain(name).split(' ').includes(plain(first)));
  if (alike.length !== 1) {
    const all = names.filter((name) => plain(name).startsWith(whole));
    return all.length === 1 ? { name: all[0]!, rest: '' } : null;
  }
  // `St Anne` stands for `St Anne Hospital`: words that go on with the name belong to it.
  const words = plain(alike[0]!).split(' ');
  let from = words.findIndex((word) => word.startsWith(plain(first)));
  let taken = 0;
  while (taken < more.length && words[from + 1] !== undefined && words[from + 1]!.startsWith(plain(more[taken]!))) {
    taken += 1;
    from += 1;
  }
  return { name: alike[0]!, rest: more.slice(taken).join(' ') };
}

function callOf(text: string, view: View): number | Misread {
  const number = Number(text.trim().replace(/^#/, ''));
  if (!Number.isInteger(number) || text.trim() === '') return misread('no_call', { text: text.trim() || '–' });
  return view.calls?.some((call) => call.call === number) ? number : misread('unknown_call', { text: number });
}

function unitOf(text: string, view: View): { name: string; rest: string } | Misread {
  const names = (view.units ?? []).map((unit) => unit.unit);
  return named(text, names) ?? misread('unknown_unit', { text: text.trim() || '–', known: names.slice(0, 12).join(', ') || '–' });
}

const isMisread = (value: object | number): value is Misread => typeof value === 'object' && 'key' in value;

function assign(rest: string, view: View): Command | Misread {
  const unit = unitOf(rest, view);
  if (isMisread(unit)) return unit;
  const call = callOf(unit.rest.replace(/^(to|call|zu|nach)\s+/i, ''), view);
  if (isMisread(call as object | number)) return call as Misread;
  const from = view.units?.find((one) => one.unit === unit.name);
  return act({ do: 'assign', unit: unit.name, call: call as number }, from && !from.free && from.call !== null && from.call !== call ? from.call : undefined);
}

/**
 * `07:45`, `07:45:30` as city time, `T+12:30`, `t+0:12:30` or `-5` (minutes back) against the drill's. Without `T+`, `6:00` is the
 * drill's time too, where the drill has no such time of day and is that long.
 */
export function readTime(text: string, view: View): number | null {
  const line = text.trim();
  const back = /^[-−](\d+(?:\.\d+)?)$/.exec(line);
  if (back) return view.drill.time_s - Number(back[1]) * 60;
  const since = /^t\s*\+?\s*/i.exec(line);
  const parts = line.slice(since?.[0].length ?? 0).split(':');
  if (parts.length > 3 || parts.some((part) => !/^\d+$/.test(part))) return null;
  const [a = 0, b = 0, c = 0] = parts.map(Number);
  if (b > 59 || c > 59) return null;
  const begin_s = view.drill.time_s - view.drill.t_s;
  const inDrill = (time_s: number): boolean => time_s >= begin_s && time_s <= begin_s + view.drill.length_s;
  const since_s = begin_s + (parts.length === 3 ? a * 3600 + b * 60 + c : a * 60 + b);
  if (since) return since_s;
  if (parts.length === 1) return null;
  const city_s = a * 3600 + b * 60 + c;
  return !inDrill(city_s) && inDrill(since_s) ? since_s : city_s;
}

const roles = (view: View): string[] => [...new Set([...Object.keys(view.drill.people), ...view.drill.bots])];
/** Roles one may say something to: nobody speaks to himself. */
const others = (view: View): string[] => roles(view).filter((role) => role !== view.role);

/** How a line that says something begins: with the role it is for where there is only one. */
export function saying(view: View): string {
  const [one, ...more] = others(view);
  return one === undefined || more.length > 0 ? 'say ' : `say ${one} `;
}

function injectVerb(word: 'deliver' | 'hold' | 'release'): Verb {
  return {
    words: [word],
    may: 'inject',
    usage: `${word} I-01`,
    read: (rest, view) => {
      const inject = named(rest, (view.injects ?? []).map((one) => one.inject));
      return inject ? act({ do: word, inject: inject.name }) : misread('unknown_inject', { text: rest.trim() || '–' });
    },
  };
}

/** Every verb; the first word is the one that is shown. */
export const VERBS: Verb[] = [
  { words: ['assign', 'send'], may: 'assign', usage: 'assign A1 3', read: assign },
  { words: ['divert'], may: 'divert', usage: 'divert A1 3', read: assign },
  {
    words: ['stand-down', 'standdown', 'recall'],
    may: 'stand-down',
    usage: 'stand-down A1',
    read: (rest, view) => {
      const unit = unitOf(rest, view);
      return isMisread(unit) ? unit : act({ do: 'stand-down', unit: unit.name });
    },
  },
  {
    words: ['direct', 'hospital'],
    may: 'direct',
    usage: 'direct A1 General',
    read: (rest, view) => {
      const unit = unitOf(rest, view);
      if (isMisread(unit)) return unit;
      const names = (view.hospitals ?? []).map((one) => one.hospital);
      const hospital = named(unit.rest.replace(/^(to|zu|nach)\s+/i, ''), names);
      return hospital ? act({ do: 'direct', unit: unit.name, hospital: hospital.name }) : misread('unknown_hospital', { text: unit.rest || '–', known: names.join(', ') || '–' });
    },
  },
  {
    words: ['declare'],
    may: 'declare',
    usage: 'declare major-incident',
    read: (rest) => {
      const what = plain(rest).replaceAll(' ', '-');
      return what === '' || what.length > 40 ? misread('declare_what') : act({ do: 'declare', what });
    },
  },
  {
    words: ['ack', 'acknowledge', 'take'],
    may: null,
    usage: 'ack 2',
    read: (rest, view) => {
      const number = Number(rest.trim());
      const message = view.messages.find((one) => one.message === number);
      return message ? act({ do: 'acknowledge', message: number }) : misread('unknown_message', { text: rest.trim() || '–' });
    },
  },
  {
    words: ['say', 'tell'],
    may: 'say',
    usage: 'say controller …',
    read: (rest, view) => {
      const to = named(rest, roles(view));
      if (!to) return misread('unknown_role', { text: rest.trim().split(/\s+/)[0] || '–', known: roles(view).join(', ') });
      return to.rest === '' ? misread('say_what') : act({ do: 'say', to: to.name, text: to.rest.slice(0, 1000) });
    },
  },
  {
    words: ['note'],
    may: null,
    usage: 'note …',
    read: (rest) => (rest.trim() === '' ? misread('say_what') : act({ do: 'note', text: rest.trim().slice(0, 1000) })),
  },
  {
    words: ['call', 'select'],
    may: null,
    usage: 'call 3',
    read: (rest, view) => {
      const call = callOf(rest, view);
      return isMisread(call as object | number) ? (call as Misread) : { kind: 'select', call: call as number };
    },
  },
  {
    words: ['recommend', 'rec'],
    may: 'assign',
    usage: 'recommend 3',
    read: (rest, view) => {
      const call = callOf(rest, view);
      return isMisread(call as object | number) ? (call as Misread) : { kind: 'recommend', call: call as number };
    },
  },
  { words: ['pause'], may: 'clock', usage: 'pause', read: () => ({ kind: 'clock', order: 'pause' }) },
  { words: ['resume', 'go'], may: 'clock', usage: 'resume', read: () => ({ kind: 'clock', order: 'resume' }) },
  {
    words: ['speed'],
    may: 'clock',
    usage: 'speed 4',
    read: (rest) => {
      if (['fast', 'fastest', 'max'].includes(plain(rest))) return { kind: 'clock', order: { speed: null } };
      const speed = Number(rest.trim().replace(/[×x]$/i, '').replace(',', '.'));
      return speed >= 0.5 && speed <= 60 ? { kind: 'clock', order: { speed } } : misread('no_speed');
    },
  },
  {
    words: ['step'],
    may: 'clock',
    usage: 'step 10',
    read: (rest) => {
      const steps = rest.trim() === '' ? 1 : Number(rest.trim());
      return Number.isInteger(steps) && steps > 0 ? { kind: 'clock', order: { step: steps } } : misread('no_steps');
    },
  },
  {
    words: ['rewind'],
    may: 'rewind',
    usage: 'rewind T+5:00',
    read: (rest, view) => {
      const to_s = readTime(rest, view);
      return to_s === null ? misread('no_time', { text: rest.trim() || '–' }) : { kind: 'rewind', to_s };
    },
  },
  injectVerb('deliver'),
  injectVerb('hold'),
  injectVerb('release'),
  {
    words: ['rate'],
    may: 'rate',
    usage: 'rate O-1 P …',
    read: (rest, view) => {
      const objective = named(rest, (view.objectives ?? []).map((one) => one.objective));
      const [rating = '', ...note] = objective?.rest.split(/\s+/) ?? [];
      const word = rating.toUpperCase();
      if (!objective || !['P', 'S', 'M', 'U'].includes(word)) return misread('rate_how');
      return act({ do: 'rate', objective: objective.name, rating: word as Rating, note: note.join(' ').slice(0, 1000) || null });
    },
  },
];

/** Verbs that a role may use. */
export function verbs(view: View): Verb[] {
  return VERBS.filter((verb) => verb.may === null || view.may.includes(verb.may));
}

/** What a line means. */
export function read(line: string, view: View): Command | Misread {
  const text = line.trim().replace(/^\//, '').trim();
  if (text === '') return misread('empty');
  const [word = '', ...rest] = text.split(/\s+/);
  const wished = word.toLowerCase();
  const mine = verbs(view);
  const exact = mine.find((verb) => verb.words.includes(wished));
  const begun = mine.filter((verb) => verb.words.some((one) => one.startsWith(wished)));
  const verb = exact ?? (begun.length === 1 ? begun[0] : undefined);
  if (!verb) return misread('unknown', { text: word, known: mine.map((one) => one.words[0]).join(', ') });
  return verb.read(rest.join(' '), view);
}

/** A verb with an example of it, in names of this drill. */
export function usage(verb: Verb, view: View): string {
  const units = (view.units ?? []).map((unit) => unit.unit);
  const unit = units[0] === undefined ? 'A1' : short(units[0], units);
  const hospital = view.hospitals?.[0]?.hospital.split(' ')[0] ?? 'General';
  const inject = view.injects?.[0]?.inject ?? 'I-01';
  const other = others(view)[0] ?? 'controller';
  return verb.usage.replace('A1', unit).replace('General', hospital).replace('I-01', inject).replace('controller', other);
}

export function understood(value: Command | Misread): value is Command {
  return 'kind' in value;
}

/** How a line may go on: whole lines, the likeliest first, at most so many. */
export function complete(line: string, view: View, most = 6): string[] {
  const text = line.replace(/^\//, '');
  const parts = text.split(' ');
  const mine = verbs(view);
  if (parts.length === 1) return mine.flatMap((verb) => verb.words.slice(0, 1)).filter((word) => word.startsWith(text.toLowerCase())).slice(0, most).map((word) => `${word} `);
  const verb = mine.find((one) => one.words.includes(parts[0]!.toLowerCase()));
  if (!verb) return [];
  const units = (view.units ?? []).map((unit) => unit.unit);
  const calls = (view.calls ?? []).map((call) => String(call.call));
  const rest = parts.slice(1).join(' ');
  const sources: Record<string, string[][]> = {
    assign: [units, calls],
    divert: [units, calls],
    'stand-down': [units],
    direct: [units, (view.hospitals ?? []).map((one) => one.hospital)],
    declare: [['major-incident']],
    ack: [view.messages.filter((one) => one.acknowledged_s === null).map((one) => String(one.message))],
    say: [others(view)],
    call: [calls],
    recommend: [calls],
    deliver: [(view.injects ?? []).map((one) => one.inject)],
    hold: [(view.injects ?? []).map((one) => one.inject)],
    release: [(view.injects ?? []).map((one) => one.inject)],
    rate: [(view.objectives ?? []).map((one) => one.objective), ['P', 'S', 'M', 'U']],
  };
  const source = sources[verb.words[0]!] ?? [];
  // The first name is whole once a space follows it; then the second is asked for.
  const first = (source[0] ?? []).find((name) => plain(rest).startsWith(`${plain(name)} `) || rest.toLowerCase().startsWith(`${name.toLowerCase()} `));
  const head = first === undefined ? `${parts[0]} ` : `${parts[0]} ${first} `;
  const begun = first === undefined ? rest : rest.slice(first.length + 1);
  const names = first === undefined ? (source[0] ?? []) : (source[1] ?? []);
  const more = first === undefined && source.length > 1 ? ' ' : '';
  return names.filter((name) => name.toLowerCase().startsWith(begun.toLowerCase())).slice(0, most).map((name) => `${head}${name}${more}`);
}
