// What is needed to test a drill: a server, seats at it, a wire that can be cut, and everything a window was sent.
//
// Without anything given, each test has an invented drill of its own. `DRILL_URL` with `DRILL_PIN_DISPATCHER` and `DRILL_PIN_CONTROLLER`
// tests the drill that is served there instead, one test after the other on the same drill; `DRILL_SERVER` is the command that serves it
// and goes on with it when it is given again: then it is started here, killed in mid-drill, and started again.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, check, open, until } from './browser.mjs';

const WEB = fileURLToPath(new URL('..', import.meta.url));
const SEAT = 'citytwin.drill.seat';

/** What goes wrong on a page when the server is cut off, or has no roads for a desk; tests that bring it about allow it. */
export const CUT = [/Failed to load resource/, /WebSocket connection/];
export const given = process.env.DRILL_URL ?? '';

/** A process that serves, ended as a power cut does. */
class Server {
  constructor(command, args, options) {
    this.start = async (answers) => {
      this.child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true, ...options });
      await until(answers, 'the drill is served', 120_000);
    };
  }

  async kill() {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((done) => this.child.once('exit', done));
    // The whole group: a command line is a shell and what it started.
    process.kill(-this.child.pid, 'SIGKILL');
    await gone;
  }
}

/** A wire to a port that is cut and joined at will; what a browser cannot be told to lose is lost here. */
async function wire(port) {
  let joined = true;
  const ends = new Set();
  const proxy = createServer((near) => {
    if (!joined) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    for (const [end, other] of [[near, far], [far, near]]) {
      ends.add(end);
      end.on('error', () => other.destroy());
      end.on('close', () => {
        ends.delete(end);
        other.destroy();
      });
      end.pipe(other);
    }
  });
  await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
  return {
    port: proxy.address().port,
    cut() {
      joined = false;
      for (const end of ends) end.destroy();
    },
    join() {
      joined = true;
    },
    async end() {
      this.cut();
      await new Promise((done) => proxy.close(done));
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

/** Seats at the drill that was given, kept from test to test: a role has only so many. */
const kept = new Map();
let shared = null;

/** A drill to test; `drill.end()` at last. */
export async function drilled(twin) {
  const folder = given ? null : mkdtempSync(join(tmpdir(), 'drill-'));
  const port = given ? Number(new URL(given).port) : await freePort();
  const url = `http://127.0.0.1:${port}/`;
  let server = shared;
  if (!given) server = new Server(process.execPath, [join(WEB, 'mock', 'server.mjs'), '--drill', '--drill-state', join(folder, 'state.json'), '--port', String(port), '--vehicles', '300', '--side', '10']);
  else if (process.env.DRILL_SERVER && !shared) server = shared = new Server('/bin/sh', ['-c', process.env.DRILL_SERVER]);
  const answers = () => fetch(`${url}api/v1/drill`).then((answer) => answer.ok, () => false);
  if (server && !server.child) await server.start(answers);
  const between = await wire(port);
  const seats = given ? kept : new Map();
  const pages = [];
  const pins = { dispatcher: process.env.DRILL_PIN_DISPATCHER ?? '2401', controller: process.env.DRILL_PIN_CONTROLLER ?? '9907', observer: '1111' };
  const drill = {
    url: `http://127.0.0.1:${between.port}/`,
    pins,
    mocked: !given,
    wire: between,
    server,
    answers,
    seats,
    /** A window in a role: by the form the first time, with the seat it got then afterwards. */
    async window(role, options = {}) {
      const received = [];
      const seat = seats.get(role);
      const page = await open({ ...twin, url: drill.url }, 'drill', {
        width: 1440,
        height: 900,
        allow: CUT,
        ...options,
        before: async (fresh) => {
          listen(fresh, received);
          if (seat) await fresh.addInitScript(([key, text]) => sessionStorage.setItem(key, text), [SEAT, seat]);
        },
      });
      pages.push(page);
      if (!seat) {
        await page.locator('#drill-pin').fill(pins[role]);
        await page.locator('#drill-name').fill({ dispatcher: 'Ada', controller: 'Grace' }[role] ?? 'Edith');
        await page.keyboard.press('Enter');
      }
      await page.waitForSelector('.desk, .control, .one, .observe, .over');
      if (!seat) seats.set(role, await page.evaluate((key) => sessionStorage.getItem(key), SEAT));
      return Object.assign(page, { received, token: JSON.parse(seats.get(role)).token });
    },
    /** The newest view that a window was sent. */
    view(page) {
      return page.received.findLast((one) => one.value?.type === 'view')?.value.view ?? null;
    },
    async end() {
      for (const page of pages) await page.context().close().catch(() => {});
      await between.end();
      if (!given) {
        await server.kill();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
  return drill;
}

/** Ends the server that was started from `DRILL_SERVER`. */
export async function finished() {
  await shared?.kill();
  shared = null;
}

/** Writes down everything that a page is sent: frames of its sockets and bodies of its answers. */
function listen(page, received) {
  const take = (from, text) => {
    let value = null;
    try {
      value = JSON.parse(text);
    } catch {
      // Not JSON: its text is looked at.
    }
    received.push({ from, text, value });
  };
  page.on('websocket', (socket) => {
    const from = new URL(socket.url()).pathname;
    socket.on('framereceived', ({ payload }) => take(from, typeof payload === 'string' ? payload : `binary of ${payload.length} bytes`));
  });
  page.on('response', async (answer) => {
    const path = new URL(answer.url()).pathname;
    if (/\.(js|mjs|css|svg|html)$/.test(path) || path === '/') return;
    take(path, await answer.text().catch(() => ''));
  });
}

/** Tells the clock what to do, by the controller's window. */
export async function clock(controller, label, wanted) {
  const view = () => controller.received.findLast((one) => one.value?.type === 'view')?.value.view.drill;
  if (label === 'run' && view().phase !== 'running') await controller.getByRole('button', { name: /^(Begin|Go on)$/ }).click();
  if (label === 'pause' && view().phase === 'running') await controller.getByRole('button', { name: 'Pause', exact: true }).click();
  if (label === 'speed') await controller.locator('.clock select').selectOption(wanted);
  await until(() => (label === 'speed' ? String(view().speed ?? 'fast') === wanted : label === 'run' ? view().phase === 'running' : view().phase !== 'running'), `the clock: ${label} ${wanted ?? ''}`);
}

/** Every key of a value, at any depth. */
export function keysOf(value, found = new Set()) {
  if (Array.isArray(value)) for (const one of value) keysOf(one, found);
  else if (value !== null && typeof value === 'object') {
    for (const [key, one] of Object.entries(value)) {
      found.add(key);
      keysOf(one, found);
    }
  }
  return found;
}

export { ask, check, until };
