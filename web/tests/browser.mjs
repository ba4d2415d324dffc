// What the tests of the page share: a Chromium, pages that collect what went wrong, counts of pixels, and a runner that says how many
// passed. `TWIN_URL` is the page under test; without it the invented city of `mock/` is started on a free port.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const WEB = fileURLToPath(new URL('..', import.meta.url));
export const SHOTS = join(WEB, '..', 'target', 'web-shots');
mkdirSync(SHOTS, { recursive: true });

const CHROMIUM = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader',
];
/** Longest anything is waited for [ms]: a machine that builds beside it is slow. */
export const PATIENCE_MS = Number(process.env.TWIN_PATIENCE_MS ?? 30_000);

/** Starts what is tested. `mocked` is whether it is the invented city. */
export async function begin() {
  if (!CHROMIUM) throw new Error('Chromium is missing: install the package `chromium`, or name one in CHROMIUM.');
  const given = process.env.TWIN_URL;
  const mock = given ? null : await startMock();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const url = (given ?? mock.url).replace(/\/?$/, '/');
  return {
    url,
    browser,
    mocked: !given,
    /** A second city, whose run is over and has its report. */
    over: process.env.TWIN_OVER?.replace(/\/?$/, '/'),
    /** Ends the server, as a power cut does, and starts it again at the same place. */
    restart: mock?.restart,
    stop: mock?.stop,
    async end() {
      await browser.close();
      await mock?.stop();
    },
  };
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function startMock() {
  const port = await freePort();
  let child = null;
  const start = async () => {
    child = spawn(process.execPath, [join(WEB, 'mock', 'server.mjs'), '--port', String(port), '--vehicles', '1500', '--side', '12'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((ready, failed) => {
      child.stdout.once('data', ready);
      child.once('exit', (code) => failed(new Error(`the mock server ended with ${code}`)));
    });
  };
  const stop = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill();
    await gone;
  };
  await start();
  return { url: `http://127.0.0.1:${port}`, stop, restart: start };
}

/** A page that remembers every error it said. `allow` are those that a test brings about. */
export async function open(twin, view, { width = 1280, height = 800, theme = 'dark', language = 'en', allow = [], before } = {}) {
  const context = await twin.browser.newContext({ viewport: { width, height }, colorScheme: theme, locale: language, reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const said = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !allow.some((one) => one.test(message.text()))) said.push(message.text());
  });
  page.on('response', (answer) => answer.status() === 404 && console.log('        404', answer.url()));
  page.on('pageerror', (error) => said.push(String(error)));
  await before?.(page);
  await page.goto(`${twin.url}#/${view}`);
  return Object.assign(page, {
    said,
    /** Ends the page; fails if anything went wrong on it. */
    async done() {
      const errors = await page.evaluate(() => window.__twin.errors);
      await context.close();
      check(said.length === 0, `the console said: ${said.join(' | ')}`);
      check(errors.length === 0, `window.__twin.errors: ${errors.join(' | ')}`);
    },
  });
}

export function check(holds, why) {
  if (!holds) throw new Error(why);
}

export function equal(found, wanted, what) {
  check(JSON.stringify(found) === JSON.stringify(wanted), `${what}: found ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
}

/** What the server answers; asked once more where a connection that was kept open had been closed meanwhile. */
export async function ask(url, init) {
  try {
    return await fetch(url, init);
  } catch {
    return fetch(url, init);
  }
}

/** What the API under `/api/v1` answers to a question; null for nothing. */
export async function api(twin, path, init) {
  const answer = await ask(`${twin.url}api/v1/${path}`, init);
  return answer.status === 204 ? null : answer.json();
}

export const put = (twin, path, body) =>
  api(twin, path, { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** Waits until the map is drawn and frames come. */
export async function alive(page) {
  await until(() => page.evaluate(() => window.__twin.ready && window.__twin.applied > 2 && window.__twin.vehicles > 0), 'the map is alive', 60_000);
}

/** Waits until something that is asked again and again holds; the value that held. */
export async function until(ask, what, patience_ms = PATIENCE_MS) {
  const end = Date.now() + patience_ms;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`did not come to pass within ${patience_ms} ms: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Serious and critical findings of axe. */
export async function axe(page) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const bad = violations.filter((one) => one.impact === 'serious' || one.impact === 'critical');
  check(
    bad.length === 0,
    bad.map((one) => `${one.id} (${one.impact}): ${one.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join('; ')}`).join('\n'),
  );
}

/** A picture of the page under its name, kept to be looked at. */
export async function shot(page, name, options = {}) {
  return page.screenshot({ path: join(SHOTS, `${name}.png`), animations: 'disabled', ...options });
}

/** How many colours a part of the page has, and how many pixels are not of the most frequent one. */
export async function pixels(page, clip) {
  const png = await page.screenshot({ clip, animations: 'disabled' });
  return page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const pen = canvas.getContext('2d');
    pen.drawImage(bitmap, 0, 0);
    const bytes = new Uint32Array(pen.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    const counts = new Map();
    for (const colour of bytes) counts.set(colour, (counts.get(colour) ?? 0) + 1);
    const most = Math.max(...counts.values());
    return { colours: counts.size, drawn: bytes.length - most, all: bytes.length };
  }, png.toString('base64'));
}

/** How many pixels two pictures of one size differ in. */
export async function differing(page, one, other) {
  return page.evaluate(async (pictures) => {
    const [a, b] = await Promise.all(pictures.map(async (data) => {
      const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type: 'image/png' }));
      const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
      pen.drawImage(bitmap, 0, 0);
      return new Uint32Array(pen.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer);
    }));
    return a.reduce((count, colour, i) => count + Number(colour !== b[i]), 0);
  }, [one.toString('base64'), other.toString('base64')]);
}

/** Nothing reaches beyond the page's width, and its header is there. */
export async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(wide <= 0, `the page is ${wide} pixels wider than its window`);
  const content = await page.evaluate(() => {
    const main = document.querySelector('main');
    return main.scrollWidth - main.clientWidth;
  });
  check(content <= 0, `the view is ${content} pixels wider than its window`);
}

/**
 * Runs tests one after the other, those whose name holds the words of the command line; says how many passed. A test that names what it
 * needs besides a page (`served`: a city of the program; `over`: one whose run is over) is left out where that is missing, and it is said.
 */
export async function run(tests) {
  const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));
  const twin = await begin();
  let [passed, failed, left] = [0, 0, 0];
  const there = { served: !twin.mocked, over: twin.over !== undefined };
  try {
    for (const [name, test, needs] of tests) {
      if (words.length > 0 && !words.every((word) => name.includes(word))) continue;
      if (needs && !there[needs]) {
        left += 1;
        console.log(`left out ${name}: there is no city that is ${needs}`);
        continue;
      }
      const began = performance.now();
      try {
        await test(twin);
        passed += 1;
        console.log(`passed  ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED  ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)\n        ${String(error.stack ?? error).split('\n').slice(0, 8).join('\n        ')}`);
        for (const context of twin.browser.contexts()) await context.close();
      }
    }
  } finally {
    await twin.end();
  }
  console.log(`${passed} passed, ${failed} failed${left > 0 ? `, ${left} left out` : ''}`);
  return failed === 0 && passed > 0;
}
