// A server with an invented city that speaks the twin's contract: `npm run mock`, then http://127.0.0.1:8090/ (after `npm run build`).
//
//   --port 8090   --vehicles 3000   --side 18 (junctions each way)   --gap 190 (metres between them)   --hz 10
//   --film 120 (so many ticks are reckoned ahead and played again and again)
//   --drill (the city is that of an invented drill; nobody else is answered)   --drill-state FILE (kept there, and gone on with)

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { WebSocketServer } from 'ws';
import { bounds, makeCity, placesJson, roadsJson, signalsJson } from './city.mjs';
import { roads as roadsMessage } from './frames.mjs';
import { Answers, CLASSES } from './answers.mjs';
import { DrillMock } from './drill.mjs';
import { Tiler, Traffic, ZOOM } from './traffic.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '8090' },
    vehicles: { type: 'string', default: '3000' },
    side: { type: 'string', default: '18' },
    gap: { type: 'string', default: '190' },
    hz: { type: 'string', default: '10' },
    film: { type: 'string' },
    drill: { type: 'boolean', default: false },
    'drill-state': { type: 'string' },
  },
});

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.png': 'image/png' };
const CSP =
  "default-src 'self'; script-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const city = makeCity({ side: Number(options.side), gap: Number(options.gap) });
const traffic = new Traffic(city, Number(options.vehicles));
const tiler = new Tiler(traffic);
const answers = new Answers(city, traffic);
if (options.film) tiler.record(Number(options.film), 1 / Number(options.hz), 27_730);
const clients = new Set();
const drill = options.drill ? new DrillMock(city, { file: options['drill-state'] }) : null;
answers.tell = (message) => broadcast(message);

const big = (value) => {
  const plain = Buffer.from(JSON.stringify(value));
  return { plain, zipped: gzipSync(plain) };
};
const MAP = { '/api/v1/map/roads': big(roadsJson(city)), '/api/v1/map/places': big(placesJson(city)), '/api/v1/map/signals': big(signalsJson(city)) };
const INFO = {
  name: city.name, bounds: bounds(city), centre: [8.53, 52.03], tile_zoom: ZOOM, classes: CLASSES,
  roads: { count: city.roads.length, url: '/api/v1/map/roads' }, places: { url: '/api/v1/map/places' }, signals: { url: '/api/v1/map/signals' },
};

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://mock');
  const send = (status, body, type = 'application/json') => {
    response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-cache' });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  };
  const problem = (status, title, detail) => send(status, { type: 'about:blank', title, status, detail }, 'application/problem+json');
  try {
    if (drill && url.pathname.startsWith('/api')) {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      const path = /^\/api\/v1\/drill(\/.*)?$/.exec(url.pathname);
      if (path) {
        let text = '';
        for await (const part of request) text += part;
        const answer = drill.answer(request.method, path[1] ?? '', token, text ? JSON.parse(text) : undefined);
        if (!answer) return problem(404, 'not found', `There is nothing at ${url.pathname}.`);
        if (answer.detail) return problem(answer.status, answer.title, answer.detail);
        return send(answer.status, answer.body, answer.type);
      }
      if (!drill.trusted(token)) return problem(drill.seat(token) ? 403 : 401, 'not allowed', 'This is for those who may know the truth.');
      if (url.pathname === '/api/v1/me') return send(200, { name: drill.seat(token).name, role: 'operator', csrf: null, open: false });
    }
    const drawn = MAP[url.pathname];
    if (drawn) {
      response.writeHead(200, { 'Content-Type': 'application/geo+json', 'Content-Encoding': 'gzip' });
      return response.end(drawn.zipped);
    }
    if (url.pathname === '/api/v1/map') return send(200, INFO);
    if (url.pathname.startsWith('/api') || url.pathname.startsWith('/health')) {
      let text = '';
      for await (const part of request) text += part;
      const body = text ? JSON.parse(text) : undefined;
      const answer = answers.answer(request.method, url, body);
      if (!answer) return problem(404, 'not found', `There is nothing at ${url.pathname}.`);
      if (answer.detail) return problem(answer.status, answer.title ?? 'refused', answer.detail);
      return send(answer.status ?? 200, answer.body ?? '', answer.type);
    }
    const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
    const file = await readFile(join(DIST, path));
    response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'Cache-Control': 'no-cache' });
    return response.end(file);
  } catch (error) {
    return problem(error.code === 'ENOENT' ? 404 : 500, 'failed', String(error.message));
  }
});

const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'citytwin.v1', perMessageDeflate: false });
const windows = new WebSocketServer({ noServer: true, handleProtocols: () => 'citytwin.v1', perMessageDeflate: false });
server.on('upgrade', (request, socket, head) => {
  const path = new URL(request.url, 'http://mock').pathname;
  const token = /bearer\.([^,\s]+)/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
  const known = drill === null ? path === '/ws/realtime' : path === '/ws/drill' ? drill.seat(token) : path === '/ws/realtime' && drill.trusted(token);
  if (!known) return socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  if (path === '/ws/drill') windows.handleUpgrade(request, socket, head, (open) => drill.connect(open, token));
  else sockets.handleUpgrade(request, socket, head, (open) => sockets.emit('connection', open, request));
});
sockets.on('connection', (socket) => {
  const client = { socket, session: 'live', bounds: null, rate: 10, tiles: new Map(), got: 0, acked: 0, sent: [], cut: false, signals: null, bytes: 0 };
  clients.add(client);
  socket.on('close', () => clients.delete(client));
  socket.on('message', (text) => {
    const message = JSON.parse(text);
    if (message.type === 'subscribe') {
      Object.assign(client, { session: message.session, bounds: message.bounds, rate: message.rate ?? 10, tiles: new Map(), got: 0, sent: [], cut: true, signals: null, flow: false });
      const session = answers.session(client.session);
      if (!session) return tell(client, { type: 'bye', reason: `There is no session ${client.session}.` });
      tell(client, { type: 'hello', version: 1, city: city.name, tile_zoom: ZOOM, session });
      state(client);
    } else if (message.type === 'bounds') {
      client.bounds = message.bounds;
      client.signals = null;
    } else if (message.type === 'ack') client.sent = client.sent.filter((tick) => tick > message.tick);
    else if (message.type === 'ping') tell(client, { type: 'pong', n: message.n });
  });
});

function tell(client, message) {
  if (client.socket.readyState === 1) client.socket.send(JSON.stringify(message));
}

function broadcast(message) {
  for (const client of clients) tell(client, message);
}

function state(client) {
  const session = answers.session(client.session);
  if (!session) return;
  const units = traffic.units.map(({ station, ...unit }) => ({
    ...unit,
    ...(unit.on_road ? traffic.whereabouts(unit.vehicle) : answers.spot(unit.duty === 'at-scene' ? city.points[unit.unit] : station)),
  }));
  tell(client, { type: 'state', session, totals: traffic.totals(), units, incidents: answers.incidents, closed: answers.closed, waiting: answers.waiting.slice(0, 20), waiting_more: Math.max(0, answers.waiting.length - 20), weather: answers.weather });
}

function signals(client) {
  const [w, s, e, n] = client.bounds ?? [0, 0, 0, 0];
  if (!client.bounds || e - w > 0.1) return;
  const full = client.signals === null;
  const before = client.signals ?? {};
  const out = {};
  client.signals = {};
  for (const signal of city.signals) {
    const [lon, lat] = answers.lonlat(city.nodes[signal.node]);
    if (lon < w || lon > e || lat < s || lat > n) continue;
    client.signals[signal.id] = signal.state;
    if (before[signal.id] !== signal.state) out[signal.id] = signal.state;
  }
  if (full || Object.keys(out).length > 0) tell(client, { type: 'signals', full, signals: out });
}

let count = 0;
const every = 1000 / Number(options.hz);
let next = performance.now();
function tick() {
  count += 1;
  const live = answers.session('live');
  answers.advance(every / 1000, (dt, time_s) => options.film || traffic.step(dt, time_s));
  const anew = options.film ? tiler.play() : (tiler.take(), false);
  const second = count % Number(options.hz) === 0;
  const flow = second ? roadsMessage(traffic.flow) : null;
  for (const client of clients) {
    if (client.socket.readyState !== 1) continue;
    if (client.bounds) {
      // Latest wins: a client that has two frames under way gets none, and keys afterwards.
      if (client.sent.length < 2 && client.socket.bufferedAmount < 1 << 20) {
        const message = tiler.frame(client, client.bounds, { time_s: live.time_s, speed: live.paused ? 0 : (live.speed ?? Infinity), cut: client.cut || anew });
        client.cut = false;
        client.sent.push(tiler.tick);
        client.socket.send(message);
      }
      if (flow || !client.flow) {
        client.socket.send(flow ?? roadsMessage(traffic.flow));
        client.flow = true;
      }
      if (count % 3 === 0) signals(client);
    }
    if (second) state(client);
  }
  if (second) answers.second();
  next = Math.max(next + every, performance.now() - every);
  setTimeout(tick, Math.max(0, next - performance.now()));
}

answers.changed = () => {
  for (const client of clients) state(client);
};
if (drill) setInterval(() => drill.advance(0.25), 250);
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`an invented city with ${traffic.count} vehicles on ${city.roads.length} roads: http://127.0.0.1:${options.port}/`);
  tick();
});
