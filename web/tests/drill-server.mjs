// What is needed to test a drill: a server, seats at it, a wire that can be cut, and everything a window was sent.
//
// Each test has a drill of its own: the one that ships, served by the program that `CITYTWIN` names, or an invented one (`web/mock`) where
// nothing is named or a test is about what only that one has.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, check, open, until, WEB } from './browser.mjs';

const SEAT = 'citytwin.drill.seat';

/** What goes wrong on a page when the server is cut off, or has no roads for a desk; tests that bring it about allow it. */
export const CUT = [/Failed to load resource/, /WebSocket connection/];
const PROGRAM = process.env.CITYTWIN ?? '';
const SHIPPED = 'scenarios/drills/quince_bridge.yaml';

/** A process that serves, ended as a power cut does. */
class Server {
  constructor(command, args, options) {
    /** What it told people so far. */
    this.told = '';
    this.start = async (answers) => {
      this.child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
      this.child.stderr.on('data', (text) => (this.told += text));
      await until(() => (this.child.exitCode === null ? answers() : Promise.reject(new Error(`it ended: ${this.told}`))), 'the drill is served', 120_000);
    };
  }

  async kill() {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGKILL');
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

/** The PINs that the program told when it began a drill, by role. */
async function pinsOf(server) {
  const pin = (title) => new RegExp(`^ +${title} +(\\S+)$`, 'm').exec(server.told)?.[1];
  const pins = () => ({ dispatcher: pin('Ambulance dispatcher'), controller: pin('Exercise controller') });
  await until(() => Object.values(pins()).every(Boolean), `PINs are told: ${server.told}`);
  return pins();
}

/** A drill to test, the shipped one or an invented one; `drill.end()` at last. */
export async function drilled(twin, { mock }) {
  const mocked = mock || PROGRAM === '';
  const folder = mkdtempSync(join(tmpdir(), 'drill-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const server = mocked
    ? new Server(process.execPath, [join(WEB, 'mock', 'server.mjs'), '--drill', '--drill-state', join(folder, 'state.json'), '--port', String(port), '--vehicles', '300', '--side', '10'])
    : new Server(PROGRAM, ['drill', SHIPPED, '--out', join(folder, 'drill'), '--port', String(port)], { cwd: join(WEB, '..') });
  const answers = () => fetch(`${url}api/v1/drill`).then((answer) => answer.ok, () => false);
  await server.start(answers);
  const between = await wire(port);
  const seats = new Map();
  const pages = [];
  const pins = mocked ? { dispatcher: '2401', controller: '9907', observer: '1111' } : await pinsOf(server);
  const drill = {
    url: `http://127.0.0.1:${between.port}/`,
    pins,
    mocked,
    folder: join(folder, 'drill'),
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
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return drill;
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
