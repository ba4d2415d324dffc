// Answers to questions about the invented city: sessions, facts, devices, alerts, runs.

import { readFileSync } from 'node:fs';
import { along, place, randomness } from './city.mjs';

export const CLASSES =
  'private emergency authority army vip pedestrian passenger hov taxi bus coach delivery truck trailer motorcycle moped bicycle evehicle tram rail_urban rail rail_electric rail_fast ship custom1 custom2 ignoring scooter wheelchair container subway cable_car aircraft drone'.split(' ');
const CITY = '01JD0000000000000000000000';
const MIDNIGHT = Date.UTC(2026, 9, 6);
const SEVERITIES = ['critical', 'high', 'medium', 'low'];

export class Answers {
  constructor(city, traffic) {
    this.city = city;
    this.traffic = traffic;
    this.random = randomness(5);
    this.sessions = [{ id: 'live', kind: 'live', name: 'Live', parent: null, begin_s: 21600, end_s: 36000, time_s: 27730, step_s: 0.5, midnight_ms: MIDNIGHT, over: false, paused: false, speed: 1, speed_reached: 1, simulated: true, branch: null }];
    this.incidents = [];
    /** Calls nobody was sent to yet. */
    this.waiting = [];
    this.calls = 0;
    for (const k of [0, 1, 2]) this.call(['C1', 'C2', 'C3'][k], city.roads[(k * 131 + 77) % city.roads.length]);
    city.roads[17].closed = true;
    this.done = [];
    this.numbers = 0;
    this.made = 0;
    for (const [k, what] of ['crash', 'roadworks', 'breakdown', 'obstruction'].entries()) this.incident(what, SEVERITIES[k], city.roads[(k * 97 + 40) % city.roads.length]);
    this.alerts = Array.from({ length: 9 }, (_, k) => this.alert(k));
    this.events = [];
    this.assets = city.points.filter((p) => p.kind === 'sensor').map((p, k) => ({
      id: `01JDASSET${String(k).padStart(17, '0')}`, city_id: CITY, type: p.name.split('/')[0], name: p.name,
      location: { type: 'Point', coordinates: place(p.x, p.y) }, status: k % 9 === 4 ? 'inactive' : 'active',
      capabilities: ['flow', 'speed'], last_seen_at: new Date(MIDNIGHT + 27_700_000).toISOString(),
    }));
    this.tell = () => {};
    this.changed = () => {};
  }

  lonlat(p) {
    return place(p.x, p.y);
  }

  spot(p) {
    const [lon, lat] = place(p.x, p.y);
    return { lon, lat, heading: 0 };
  }

  session(id) {
    return this.sessions.find((one) => one.id === id);
  }

  get live() {
    return this.sessions[0];
  }

  incident(kind, severity, road, at = road.length / 2) {
    const p = along(road, at);
    const [lon, lat] = place(p.x, p.y);
    this.incidents.push({ incident: (this.numbers += 1), kind, severity, lon, lat, since_s: this.sessions[0].time_s - 300 });
  }

  call(kind, road, at = road.length / 2) {
    const p = along(road, at);
    const [lon, lat] = place(p.x, p.y);
    this.waiting.push({ call: 200 + (this.calls += 1), severity: { C1: 'critical', C2: 'high', C3: 'medium' }[kind] ?? 'low', kind: 'medical', incident: null, lon, lat, since_s: this.sessions[0].time_s - 40 });
  }

  get weather() {
    return { sky: 'rain', precipitation_mm_h: 2, visibility_m: 9000, temperature_c: 12.6 };
  }

  /** Roads nobody may enter, by index. */
  get closed() {
    return this.city.roads.filter((road) => road.closed).map((road) => road.i);
  }

  alert(k) {
    const node = this.city.nodes[(k * 7) % this.city.nodes.length];
    const [lon, lat] = place(node.x, node.y);
    return {
      id: `01JDALERT${String(k).padStart(17, '0')}`, rule: ['slow_roads', 'air_no2', 'silent_device'][k % 3], severity: SEVERITIES[k % 4], state: ['firing', 'firing', 'noted', 'resolved'][k % 4],
      subject: `loop/${k}`, road: this.city.roads[k % this.city.roads.length].id, latitude: lat, longitude: lon, looks_at: 'speed', value: 12 + k, threshold: 20, unit: 'km/h',
      since: new Date(MIDNIGHT + (27_000 + k * 60) * 1000).toISOString(), until: k % 4 === 3 ? new Date(MIDNIGHT + (27_000 + k * 60 + 95) * 1000).toISOString() : null, raised: new Date().toISOString(),
      says: ['Traffic is slow', 'Nitrogen dioxide is high', 'A device is silent'][k % 3], acknowledged: false, acknowledgement: null, links: {},
    };
  }

  advance(wall_s, step) {
    for (const session of this.sessions) {
      if (session.paused || session.over) {
        session.speed_reached = 0;
        continue;
      }
      const dt = wall_s * (session.speed ?? 120);
      session.speed_reached = session.speed ?? 120;
      session.time_s += dt;
      if (session.kind === 'live') step(Math.min(dt, 6), session.time_s);
      if (session.end_s !== null && session.time_s >= session.end_s) Object.assign(session, { over: true, paused: true, time_s: session.end_s });
      this.#branch(session);
    }
  }

  #branch(session) {
    const { branch } = session;
    if (!branch) return;
    while (branch.reached_s < branch.until_s && branch.reached_s + 10 <= session.time_s) {
      branch.reached_s += 10;
      const t = branch.reached_s - branch.from_s;
      const base = { ...this.traffic.totals() };
      const grow = 1 - Math.exp(-t / 500);
      base.running += Math.round(60 * Math.sin(t / 300));
      base.speed_mean = 8.2 + 0.3 * Math.sin(t / 200);
      base.halting = Math.round(base.running * 0.16 + 10 * Math.sin(t / 90));
      base.arrived += Math.round(t * 0.9);
      const variant = { ...base };
      variant.running += Math.round(140 * grow + 6 * this.random());
      variant.halting += Math.round(120 * grow + 5 * this.random());
      variant.speed_mean -= 1.1 * grow;
      variant.arrived -= Math.round(90 * grow);
      variant.travel_time_mean += 65 * grow;
      branch.differences = [...branch.differences, { time_s: branch.reached_s, base, variant }];
    }
  }

  /** Once a second on the wall. */
  second() {
    this.made += 1;
    if (this.made % 12 === 0) {
      const alert = this.alert(this.alerts.length);
      this.alerts.unshift(alert);
      this.tell({ type: 'alert', alert });
    }
    if (this.made % 7 === 0) {
      const event = { partition: 0, number: this.made, id: `00000-${String(this.made).padStart(20, '0')}`, kind: this.made % 14 === 0 ? 'call' : 'incident', at: new Date(MIDNIGHT + this.live.time_s * 1000).toISOString(), at_ms: MIDNIGHT + this.live.time_s * 1000, subject: `call/${100 + this.made}`, road: 'r12', severity: SEVERITIES[this.made % 4], status: 'reported', latitude: null, longitude: null, says: 'A call for an ambulance' };
      this.events.unshift(event);
      this.tell({ type: 'event', event });
    }
  }

  answer(method, url, body) {
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    if (parts[0] === 'health') return { body: { status: 'well', parts: ['live state', 'tables', 'history', 'wire'].map((part) => ({ part, well: true, reason: null })) } };
    if (parts[1] === 'traffic') return { body: { road: parts[3], start: new Date(MIDNIGHT + 27_600_000).toISOString(), speed_kmh: 31.4, free_speed_kmh: 50, flow_veh_h: 320, occupancy_percent: 4, level: 'moderate', sources: ['loops', 'trackers'] } };
    if (parts[1] !== 'v1') return parts[1] === 'health' ? { body: { status: 'healthy' } } : null;
    const [, , what, id, more, name, deep] = parts;
    switch (what) {
      case 'me':
        return { body: { name: 'somebody', role: 'admin', csrf: null, open: true } };
      case 'sessions':
        return this.#sessions(method, id, more, body);
      case 'cities':
        return id ? this.#city(method, url, more, name, deep) : { body: [{ id: CITY, name: this.city.name, links: {} }] };
      case 'indicators':
        return { body: Array.from({ length: 54 }, (_, k) => ({ name: `indicator_${k}`, unit: ['s', 'km/h', '1', 'veh'][k % 4], says: `What indicator ${k} is about.`, group: ['traffic', 'emergency', 'fleet', 'air', 'pipeline'][k % 5], value: k % 11 === 0 ? null : Math.round(this.random() * 1000) / 10, at_ms: MIDNIGHT + this.live.time_s * 1000, source: ['stores', 'model', 'pipeline'][k % 3] })) };
      case 'pipeline':
        return { body: { present: true, messages: 120_000 + this.made * 900, messages_per_s: 905.5, behind: 41, spooled: 0, duplicates: 12, late: 7, quarantined: 3, shown_s: [0.21, 0.64], restarts: { writer: 1 }, troubles: [] } };
      case 'finished':
        if (id) return this.#file(more);
        return { body: ['first_try', 'bus_lane', 'emergencies'].map((scenario, k) => ({ id: `${scenario}~01JD${k}`, kind: k === 1 ? 'comparison' : 'run', scenario, variant: null, seed: k === 1 ? null : 42, made_ms: MIDNIGHT - k * 86_400_000, replayable: k === 0, files: k === 1 ? ['comparison.csv', 'comparison.json', 'report.html'] : ['report.html', 'trips.csv'] })) };
      default:
        return null;
    }
  }

  #file(name) {
    if (name === 'report.html') return { body: '<!doctype html><title>A report</title><h1>A report</h1><p>What came of it.</p>', type: 'text/html' };
    if (name === 'trips.csv') return { body: 'id,duration_s\n0,212\n', type: 'text/csv' };
    if (name === 'comparison.json') return { body: this.#comparison() };
    return { status: 404, title: 'not found', detail: `There is no file ${name}.` };
  }

  /** A comparison as it was written once, moved to the roads of this city. */
  #comparison() {
    const written = JSON.parse(readFileSync(new URL('../src/views/parts/comparison.fixture.json', import.meta.url), 'utf8'));
    const moved = (k, by) => Math.max(0, Math.round((20 + 18 * Math.sin(k / 7) + by * 9 * Math.sin(k / 23)) * 10) / 10);
    for (const [by, variant] of written.variants.entries()) {
      variant.queues = this.city.roads.map((road, k) => ({ road: road.id, mean_m: moved(k, by), p95_m: 2 * moved(k, by), longest_m: 3 * moved(k, by), spill_back_s: 0 }));
      variant.noise_at_10_m = Object.fromEntries(this.city.roads.map((road, k) => [road.id, 50 + moved(k, by) / 4]));
    }
    return written;
  }

  #sessions(method, id, more, body) {
    if (!id) {
      if (method === 'GET') return { body: this.sessions };
      const n = this.sessions.length;
      if (n >= 6) return { status: 409, title: 'too many', detail: 'There are six sessions already; end one first.' };
      const of = this.session(body.of ?? 'live') ?? this.live;
      const fork = body.kind === 'fork';
      const ahead = body.ahead_s ?? 1800;
      const session = {
        ...of, id: `01JDSESSION${String(Date.now()).padStart(15, '0')}`, kind: body.kind, name: body.name ?? (fork ? `What if ${n}` : body.run), parent: fork ? of.id : null,
        speed: fork ? null : 1, paused: false, over: false, end_s: fork ? of.time_s + ahead : of.end_s, begin_s: fork ? of.time_s : of.begin_s,
        branch: fork ? { from_s: of.time_s, reached_s: of.time_s, until_s: of.time_s + ahead, differences: [] } : null,
      };
      this.sessions.push(session);
      this.tell({ type: 'sessions', sessions: this.sessions });
      return { status: 201, body: session };
    }
    const session = this.session(id);
    if (!session) return { status: 404, title: 'not found', detail: `There is no session ${id}.` };
    if (!more) {
      if (method !== 'DELETE') return { body: session };
      if (id === 'live') return { status: 409, title: 'not now', detail: 'The live session cannot be ended.' };
      this.sessions = this.sessions.filter((one) => one.id !== id);
      this.tell({ type: 'sessions', sessions: this.sessions });
      return { status: 204 };
    }
    if (more === 'clock') {
      const clock = body.clock ?? body.pause ?? body;
      if (clock === 'pause') session.paused = true;
      else if (clock === 'resume') session.paused = false;
      else if (clock.step) {
        for (let k = 0; k < clock.step.steps; k += 1) this.traffic.step(session.step_s, (session.time_s += session.step_s));
        session.paused = true;
      } else session.speed = clock.speed.factor;
      this.changed();
      return { body: session };
    }
    if (more === 'jump') {
      session.time_s = body === 'next-event' ? session.time_s + 95 : body.to.time_s;
      this.changed();
      return { body: session };
    }
    if (more === 'samples') return { body: Array.from({ length: 120 }, (_, k) => ({ time_s: session.time_s - (120 - k) * 10, totals: { ...this.traffic.totals(), running: this.traffic.count - 300 + k * 2 } })) };
    if (more === 'interventions') {
      if (method === 'GET') return { body: this.done };
      return this.#intervene(session, body);
    }
    if (more === 'facts') return this.#facts(body);
    return null;
  }

  #intervene(session, order) {
    const road = order.road ? this.city.roads.find((one) => one.id === order.road) : null;
    if (order.road && !road) return { status: 404, title: 'not found', detail: `There is no road ${order.road}; choose one on the map.` };
    if (order.kind === 'close-road') road.closed = true;
    if (order.kind === 'open-road') road.closed = false;
    if (order.kind === 'incident') this.incident(order.what, order.casualties > 0 ? 'critical' : 'medium', road, order.position_m ?? undefined);
    if (order.kind === 'call') this.call(order.category, road, order.position_m ?? undefined);
    if (order.kind === 'send-unit') this.waiting = this.waiting.filter((one) => one.call !== order.call);
    if (order.kind === 'clear-incident') this.incidents = this.incidents.filter((one) => one.incident !== order.incident);
    if (order.kind === 'retime-signal') {
      const signal = this.city.signals.find((one) => one.id === order.signal);
      if (!signal) return { status: 404, title: 'not found', detail: `There is no signal ${order.signal}.` };
      signal.green = [order.durations_s[0], order.durations_s[2] ?? 20];
    }
    const done = { number: this.done.length + 1, time_s: session.time_s, said: `${order.kind.replaceAll('-', ' ')} ${order.road ?? order.signal ?? order.unit ?? order.sky ?? ''}`.trim() };
    this.done.push(done);
    this.changed();
    return { status: 201, body: done };
  }

  #facts(subject) {
    const { city, traffic } = this;
    const fact = (name, value, unit = '') => ({ name, value, unit });
    if (subject.kind === 'vehicle') {
      const i = subject.number;
      if (!(i >= 0 && i < traffic.count)) return { status: 404, title: 'not found', detail: `Vehicle ${i} is not on the road any more.` };
      const here = traffic.whereabouts(i);
      const road = city.roads[traffic.road[i]];
      const route = [[here.lon, here.lat]];
      let node = road.to;
      for (let k = 0; k < 9; k += 1) {
        route.push(place(city.nodes[node].x, city.nodes[node].y));
        const out = city.nodes[node].out;
        node = city.roads[out[(i + k) % out.length]].to;
      }
      return { body: { title: `${CLASSES[traffic.kind[i] & 31]} ${i}`, facts: [fact('class', CLASSES[traffic.kind[i] & 31]), fact('speed', traffic.v[i], 'm/s'), fact('road', road.id), fact('street', road.name), fact('purpose', 'work'), fact('departed_at', 27_000, 's'), fact('waiting_time', 34.5, 's'), fact('co2', 1.62, 'g/s')], route, devices: ['gps/' + i] } };
    }
    if (subject.kind === 'road') {
      const road = city.roads.find((one) => one.id === subject.id);
      if (!road) return { status: 404, title: 'not found', detail: `There is no road ${subject.id}.` };
      return { body: { title: road.name, facts: [fact('road', road.id), fact('length', road.length, 'm'), fact('lanes', road.lanes), fact('speed_limit', road.limit, 'm/s'), fact('vehicles', traffic.n[road.i]), fact('speed_mean', traffic.n[road.i] ? traffic.sum[road.i] / traffic.n[road.i] : null, 'm/s'), fact('closed', road.closed === true)], route: [], devices: ['loop/0'] } };
    }
    if (subject.kind === 'signal') {
      const signal = city.signals.find((one) => one.id === subject.id);
      return signal ? { body: { title: `Signal ${signal.id}`, facts: [fact('program', 'fixed'), fact('state', signal.state), fact('durations', [signal.green[0], 4, signal.green[1], 4], 's'), fact('cycle', signal.green[0] + signal.green[1] + 8, 's')], route: [], devices: [] } } : { status: 404, detail: 'There is no such signal.' };
    }
    if (subject.kind === 'unit') {
      const unit = traffic.units.find((one) => one.name === subject.name);
      return unit ? { body: { title: unit.name, facts: [fact('duty', unit.duty), fact('call', unit.call), fact('station', unit.station.name), fact('speed', traffic.v[unit.vehicle], 'm/s')], route: unit.on_road ? this.#facts({ kind: 'vehicle', number: unit.vehicle }).body.route : [], devices: [`ambulance/${unit.name}`] } } : { status: 404, detail: 'There is no such unit.' };
    }
    if (subject.kind === 'incident') {
      const one = this.incidents.find((incident) => incident.incident === subject.number);
      return one ? { body: { title: `${one.kind} ${one.incident}`, facts: [fact('kind', one.kind), fact('severity', one.severity), fact('since', one.since_s, 's'), fact('lanes_blocked', 1)], route: [], devices: [] } } : { status: 404, detail: 'This incident is over.' };
    }
    return { body: { title: `Call ${subject.number}`, facts: [fact('call', subject.number), fact('category', 'C1'), fact('call', this.live.time_s - 40, 'time_s'), fact('answer', this.live.time_s - 30, 'time_s')], route: [], devices: [] } };
  }

  #city(method, url, more, name, deep) {
    if (!more) return { body: { id: CITY, name: this.city.name, counts: {} } };
    if (more === 'alerts') {
      const state = url.searchParams.get('state');
      if (!name) return { body: { items: this.alerts.filter((one) => !state || one.state === state), next: null } };
      const alert = this.alerts.find((one) => one.id === name);
      if (alert && method === 'PATCH') Object.assign(alert, { acknowledged: true, acknowledgement: { at: new Date().toISOString(), by: 'anybody' } });
      return alert ? { body: alert } : null;
    }
    if (more === 'events') return { body: { items: this.events, next: null } };
    if (more === 'webhooks') return { body: { items: [], next: null } };
    if (more !== 'assets') return null;
    if (!name) {
      const type = url.searchParams.get('type');
      const wanted = url.searchParams.get('name');
      return { body: { items: this.assets.filter((one) => (!type || one.type === type) && (!wanted || one.name === wanted)), next: null } };
    }
    const asset = this.assets.find((one) => one.id === name);
    if (!asset) return null;
    if (!deep) return { body: asset };
    if (deep === 'metrics') return { body: { metric: 'flow', unit: 'veh/h', points: Array.from({ length: 40 }, (_, k) => ({ at_ms: MIDNIGHT + (27_730 - (40 - k) * 60) * 1000, value: 300 + 80 * Math.sin(k / 5) })) } };
    if (deep === 'records') return { body: { items: Array.from({ length: 3 }, (_, k) => ({ device: asset.name, seq: 500 - k, timestamp: new Date(MIDNIGHT + 27_700_000 - k * 60_000).toISOString(), flow: 320 - k, speed: 40.2 })) } };
    return null;
  }
}
