import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { amount, clock, has, keys, LANGUAGES, number, percent, setLanguage, signed, span, t, type Text, type Texts, unitOf } from './index';

const SOURCES = fileURLToPath(new URL('..', import.meta.url));
const files = import.meta.glob<Record<string, Texts>>('./texts*.ts', { eager: true });

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.(svelte|ts)$/.test(entry.name) && !/\.test\.ts$|texts/.test(entry.name) ? [path] : [];
  });
}

afterEach(() => setLanguage('en'));

describe('texts', () => {
  const all = Object.values(files).flatMap((file) => Object.values(file)).flatMap((texts) => Object.entries(texts));

  it('are there in every language, with the same parameters', () => {
    const forms = (text: Text[keyof Text]) => (typeof text === 'string' ? [text] : [text.one, text.other]);
    const params = (text: Text[keyof Text]) => forms(text).map((one) => [...one.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join(' '));
    for (const [key, text] of all) {
      for (const language of LANGUAGES) {
        for (const one of forms(text[language])) expect(one.trim(), `${key} in ${language}`).not.toBe('');
        expect(params(text[language])[0], `parameters of ${key} in ${language}`).toBe(params(text.en)[0]);
      }
    }
    expect(all.length).toBeGreaterThan(300);
  });

  it('stand in one file only', () => {
    const names = all.map(([key]) => key);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(keys().length).toBe(names.length);
  });

  it('are there for every key that is used', () => {
    const missing: string[] = [];
    for (const path of sources(SOURCES)) {
      const source = readFileSync(path, 'utf8');
      for (const [, key] of source.matchAll(/\bt\(\s*'([^']+)'/g)) if (!has(key!)) missing.push(`${path}: ${key}`);
      // `t(cond ? 'a' : 'b')`: every quoted word with a dot in the call.
      for (const [, call] of source.matchAll(/\bt\(\s*([^'`)][^)]*?)\)/g)) {
        for (const [, key] of call!.matchAll(/'([a-z]+(?:\.[\w-]+)+)'/g)) if (!has(key!)) missing.push(`${path}: ${key}`);
      }
      // A key that ends in a value has to begin as some key does.
      for (const [, prefix] of source.matchAll(/\bt\(\s*`([^`$]+)\$\{/g)) {
        if (!keys().some((key) => key.startsWith(prefix!)) && !/^indicator\./.test(prefix!)) missing.push(`${path}: ${prefix}…`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('are all used', () => {
    const whole = sources(SOURCES).map((path) => readFileSync(path, 'utf8')).join('\n');
    const prefixes = [...whole.matchAll(/`([a-z_]+(?:\.[a-z_]+)*\.)\$\{/g)].map((m) => m[1]!);
    const words = [...whole.matchAll(/word\('([a-z_.]+)'/g)].map((m) => `${m[1]}.`);
    const unused = keys().filter((key) => !whole.includes(`'${key}'`) && ![...prefixes, ...words].some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });
});

describe('a text', () => {
  it('takes its parameters and its plural', () => {
    expect(t('table.rows', { n: 1 })).toBe('(1 row)');
    expect(t('table.rows', { n: 1234 })).toBe('(1,234 rows)');
    setLanguage('de');
    expect(t('table.rows', { n: 0 })).toBe('(0 Zeilen)');
    expect(t('table.page', { page: 2 })).toBe('Seite 2 von {of}');
  });

  it('that is missing is its key', () => {
    expect(t('no.such.key')).toBe('no.such.key');
    expect(t('constructor')).toBe('constructor');
  });
});

describe('numbers', () => {
  it('have the decimals their size needs, and the marks of the language', () => {
    expect([number(1234.56), number(12.345), number(0.1234), number(0.00012), number(5)]).toEqual(['1,235', '12.3', '0.12', '0.0001', '5']);
    expect([number(null), number(Number.NaN), number(Infinity), number(-0.001, 1), number(-3)]).toEqual(['–', '–', '∞', '0', '−3']);
    setLanguage('de');
    expect(number(1234.5)).toBe('1.235');
    expect(amount(2.5, 's')).toBe('2,5\u00a0s');
  });

  it('say their sign and their unit', () => {
    expect([signed(2), signed(-2), signed(0), signed(0.00001, 1)]).toEqual(['+2', '−2', '0', '0']);
    expect(amount(null, 's')).toBe('–');
    expect(percent(0.256)).toBe('26\u00a0%');
    expect(['km/h', '1', 'lanes', ''].map(unitOf)).toEqual(['km/h', '', 'lanes', '']);
    setLanguage('de');
    expect(['km/h', 'lanes'].map(unitOf)).toEqual(['km/h', 'Spuren']);
  });

  it('say times as clocks and spans in words', () => {
    expect([clock(0), clock(27_730), clock(90_061), clock(null), clock(27_730, false)]).toEqual(['00:00:00', '07:42:10', '01:01:01 +1', '–', '07:42']);
    expect([span(4.25), span(45), span(90), span(3600), span(5430)].map((s) => s.replaceAll('\u00a0', ' '))).toEqual(['4.3 s', '45 s', '1 min 30 s', '1 h', '1 h 31 min']);
  });
});
