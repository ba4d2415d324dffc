import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { has } from './index';
import { indicators } from './texts-indicators';

const SOURCES = fileURLToPath(new URL('../../../src/api/answers/indicators/', import.meta.url));

/** Names and definitions as the server has them. */
function served(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of readdirSync(SOURCES)) {
    if (!file.endsWith('.rs') || file === 'tests.rs') continue;
    const source = readFileSync(SOURCES + file, 'utf8');
    for (const [, name, says] of source.matchAll(/(?:tables|live|wire|model)\(\s*"([a-z0-9_.]+)",\s*"[^"]*",\s*"((?:[^"\\]|\\.)*)"/g)) {
      found.set(name!, says!.replaceAll(/\\\n\s*/g, ''));
    }
  }
  return found;
}

it('every indicator of the server has a name and a definition in both languages, the English one as the server says it', () => {
  const all = served();
  expect(all.size).toBeGreaterThan(50);
  const wanted = Object.fromEntries([...all].map(([name, says]) => [`indicator.${name}.says`, says]));
  const written = Object.fromEntries(Object.entries(indicators).flatMap(([key, text]) => (key.endsWith('.says') ? [[key, text.en]] : [])));
  expect(written).toEqual(wanted);
  expect([...all.keys()].filter((name) => !has(`indicator.${name}`) || !has(`group.${name.split('.')[0]}`))).toEqual([]);
});
