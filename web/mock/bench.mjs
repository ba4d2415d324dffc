// How well the page keeps up: an invented city with many vehicles at ten frames a second, looked at by headless Chromium without a
// graphics card. `npm run build && npm run bench`; figures go to standard output as JSON.
//
//   --url http://127.0.0.1:8080/ (a city that is served there, instead of an invented one)
//   --vehicles 50000  --seconds 10  --renderer webgl2|2d (what the page chooses if none)  --zoom (of the map; the whole city if none)  --pan (moves the map meanwhile)

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    vehicles: { type: 'string', default: '50000' },
    side: { type: 'string', default: '70' },
    seconds: { type: 'string', default: '10' },
    renderer: { type: 'string' },
    zoom: { type: 'string' },
    pan: { type: 'boolean', default: false },
    port: { type: 'string', default: '8099' },
    chromium: { type: 'string', default: process.env.CHROMIUM ?? '/usr/bin/chromium' },
  },
});

const server = options.url
  ? null
  : spawn(
      process.execPath,
      [fileURLToPath(new URL('./server.mjs', import.meta.url)), '--port', options.port, '--vehicles', options.vehicles, '--side', options.side, '--film', '150'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
if (server) await once(server.stdout, 'data');
const address = new URL(options.url ?? `http://127.0.0.1:${options.port}/`);
if (options.renderer) address.searchParams.set('renderer', options.renderer);
const browser = await chromium.launch({
  executablePath: options.chromium,
  args: ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const opened = performance.now();
  await page.goto(address.href);
  const shell = performance.now() - opened;
  await page.waitForFunction(() => window.__twin?.ready && window.__twin.vehicles > 0, null, { timeout: 60_000 });
  const ready = performance.now() - opened;
  if (options.zoom) await page.evaluate((zoom) => window.__twin.stage().map.jumpTo({ zoom }), Number(options.zoom));
  await page.waitForTimeout(4000);
  const figures = await page.evaluate(
    async ({ seconds, pan }) => {
      const twin = window.__twin;
      const from = { at: performance.now(), applied: twin.applied, bytes: twin.bytes };
      let pictures = 0;
      let worst = 0;
      let last = from.at;
      await new Promise((done) => {
        const next = (now) => {
          pictures += 1;
          worst = Math.max(worst, now - last);
          last = now;
          if (pan) twin.stage().map.panBy([3, 2], { animate: false });
          if (now - from.at >= seconds * 1000) done();
          else requestAnimationFrame(next);
        };
        requestAnimationFrame(next);
      });
      const span = (performance.now() - from.at) / 1000;
      const one = (value) => Math.round(value * 10) / 10;
      return {
        vehicles: twin.vehicles,
        fps: one(pictures / span),
        worst_picture_ms: Math.round(worst),
        applied_per_s: one((twin.applied - from.applied) / span),
        kB_per_s: Math.round((twin.bytes - from.bytes) / span / 1000),
        decode_ms: one(twin.decode_ms),
        renderer: twin.renderer,
        errors: twin.errors,
      };
    },
    { seconds: Number(options.seconds), pan: options.pan },
  );
  console.log(JSON.stringify({ ...figures, shell_ms: Math.round(shell), ready_ms: Math.round(ready), zoom: options.zoom ?? 'whole city', pan: options.pan, load: loadavg()[0].toFixed(1) }));
} finally {
  await browser.close();
  server?.kill();
}
