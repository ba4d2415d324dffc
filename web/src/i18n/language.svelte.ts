/** The language of the page: which it is, its texts, and how it writes numbers and times. */

/** A text that depends on a number `n`. */
export type Plural = { one: string; other: string };
/** A text in every language of the page. */
export type Text = { en: string | Plural; de: string | Plural };
/** Texts by key. */
export type Texts = Record<string, Text>;

export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

const KEPT = 'citytwin.language';

/** Every file of texts beside this one; a key may stand in one of them only, which a test checks. */
const files = import.meta.glob<Record<string, unknown>>(['./texts*.ts'], { eager: true });
const all: Texts = Object.assign({}, ...Object.values(files).flatMap((file) => Object.values(file)));

const state: { language: Language } = $state({ language: first() });

function first(): Language {
  const wished = [kept(), ...(globalThis.navigator?.languages ?? [])];
  for (const one of wished) {
    const found = LANGUAGES.find((language) => one?.toLowerCase().startsWith(language));
    if (found) return found;
  }
  return 'en';
}

/** What the browser keeps, none where it keeps nothing. */
function kept(): string | null {
  try {
    return globalThis.localStorage?.getItem(KEPT) ?? null;
  } catch {
    return null;
  }
}

/** The language that is shown. Read in a template, it is followed. */
export function language(): Language {
  return state.language;
}

/** Shows another language from now on, and the next time too. */
export function setLanguage(to: Language): void {
  state.language = to;
  if (globalThis.document) document.documentElement.lang = to;
  try {
    globalThis.localStorage?.setItem(KEPT, to);
  } catch {
    // A browser that keeps nothing forgets the language with the page.
  }
}

/** Whether there is a text of this key. */
export function has(key: string): boolean {
  return Object.hasOwn(all, key);
}

/** Keys of all texts. */
export function keys(): string[] {
  return Object.keys(all);
}

/** The text of a key in the language that is shown; `{name}` in it becomes the parameter, numbers as the language writes them. */
export function t(key: string, params: Record<string, string | number> = {}): string {
  const text = Object.hasOwn(all, key) ? all[key]?.[state.language] : undefined;
  if (text === undefined) return key;
  const n = params.n;
  const plain = typeof text === 'string' ? text : text[form(typeof n === 'number' ? n : 0)];
  return plain.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? number(value) : value;
  });
}

function form(n: number): 'one' | 'other' {
  return new Intl.PluralRules(state.language).select(n) === 'one' ? 'one' : 'other';
}

/** Where a number is not known. */
export const NONE = '–';

/** A number with at most so many digits after the point; by its size if none are given. */
export function number(value: number | null | undefined, digits?: number): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const most = digits ?? (Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : 4);
  const written = formatter(most).format(value);
  // No minus before nothing.
  return /^-0([.,]0*)?$/.test(written) ? written.slice(1) : written.replace('-', '−');
}

const formatters = new Map<string, Intl.NumberFormat>();

function formatter(digits: number): Intl.NumberFormat {
  const name = `${state.language} ${digits}`;
  let found = formatters.get(name);
  if (!found) {
    found = new Intl.NumberFormat(state.language, { maximumFractionDigits: digits });
    formatters.set(name, found);
  }
  return found;
}

/** A number that always has its sign, for differences. */
export function signed(value: number | null | undefined, digits?: number): string {
  const written = number(value, digits);
  return value !== null && value !== undefined && value > 0 && written !== '0' ? `+${written}` : written;
}

/** A number with its unit. */
export function amount(value: number | null | undefined, unit: string, digits?: number): string {
  const written = number(value, digits);
  return unit && written !== NONE ? `${written}\u00a0${unit}` : written;
}

/** A unit of the server in the language of the page, where it is a word. */
export function unitOf(unit: string): string {
  const key = `unit.${unit}`;
  return unit === '1' ? '' : has(key) ? t(key) : unit;
}

/** A share from 0 to 1 in per cent. */
export function percent(share: number | null | undefined, digits = 0): string {
  return share === null || share === undefined ? NONE : amount(share * 100, '%', digits);
}

/** A city's time [s after midnight] as a clock shows it; a day that is over counts on. */
export function clock(time_s: number | null | undefined, seconds = true): string {
  if (time_s === null || time_s === undefined || !Number.isFinite(time_s)) return NONE;
  const whole = Math.floor(time_s);
  const days = Math.floor(whole / 86_400);
  const rest = whole - days * 86_400;
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  const shown = `${two(rest / 3600)}:${two((rest % 3600) / 60)}${seconds ? `:${two(rest % 60)}` : ''}`;
  return days > 0 ? `${shown} +${days}` : shown;
}

/** An instant in Unix milliseconds, as the language writes date and time, or time alone. City days carry the scenario's own date, in UTC. */
export function instant(at_ms: number | null | undefined, zone: 'UTC' | undefined = undefined, brief = false): string {
  if (at_ms === null || at_ms === undefined || !Number.isFinite(at_ms)) return NONE;
  const form: Intl.DateTimeFormatOptions = brief ? { timeStyle: 'medium', hourCycle: 'h23' } : { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' };
  return new Intl.DateTimeFormat(state.language, { ...form, timeZone: zone }).format(at_ms);
}

/** A time span in words: the two largest units that matter. */
export function span(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const size = Math.abs(seconds);
  if (size < 60) return amount(seconds, 's', size < 10 ? 1 : 0);
  if (size < 3600) {
    const whole = Math.round(size);
    const rest = whole % 60;
    return `${Math.floor(whole / 60)}\u00a0min${rest ? ` ${rest}\u00a0s` : ''}`;
  }
  const minutes = Math.round(size / 60);
  const rest = minutes % 60;
  return `${Math.floor(minutes / 60)}\u00a0h${rest ? ` ${rest}\u00a0min` : ''}`;
}

/** Orders words as the language does. */
export function compareWords(a: string, b: string): number {
  return new Intl.Collator(state.language, { numeric: true, sensitivity: 'base' }).compare(a, b);
}

if (globalThis.document) document.documentElement.lang = state.language;
