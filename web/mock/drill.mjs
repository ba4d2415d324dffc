// An invented drill that speaks the contract of a drill's windows, for developing and testing them without a twin: `node mock/server.mjs
// --drill`. Everything that happens is a plain value, so that it is written to a file and read again: `--drill-state FILE`.
//
// PINs: dispatcher 2401, controller 9907, observer 1111.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { place } from './city.mjs';
import { BEGIN, INJECTS, LENGTH, ROLES } from './drill-plan.mjs';
import { viewOf } from './drill-view.mjs';

/** City seconds of a step. */
const STEP = 1;
/** Metres a second. */
const SPEED = 11;
/** A snapshot for going back is taken so often [s]. */
const KEPT_S = 30;
const OPEN = new Set(['ringing', 'answered', 'waiting']);

export class DrillMock {
  constructor(city, { file } = {}) {
    this.city = city;
    this.file = file;
    this.clients = new Set();
    this.wrong = { count: 0, until: 0 };
    this.snapshots = [];
    const points = (kind) => city.points.filter((one) => one.kind === kind);
    const stations = points('station').slice(0, 3);
    this.hospitals = points('hospital');
    this.streets = city.roads.filter((road) => road.rank >= 1);
    this.stations = stations;
    this.s = existsSync(file ?? '') ? JSON.parse(readFileSync(file, 'utf8')) : this.fresh(stations);
    this.told = new Map();
    this.due = false;
    this.dues = 0;
  }

  fresh(stations) {
    const s = {
      time: BEGIN, phase: 'waiting', speed: 1, branch: 1, numbers: { call: 0, message: 0, action: 0 }, seats: {}, answers: {}, bots: ['dispatcher', 'press'],
      calls: [], units: [], hospitals: this.hospitals.map((one, k) => ({ hospital: one.name, x: one.x, y: one.y, bays: [4, 6][k] ?? 4, taken: [2, 1][k] ?? 0, seen_s: BEGIN })),
      injects: INJECTS.map((one) => ({ inject: one.inject, state: 'pending', delivered_s: null, expect: one.expect ? { state: 'open', met_s: null, count: [] } : null })),
      ratings: {}, messages: [], declared: [], actions: [], closed: [], incidents: [], seed: 7,
    };
    for (let k = 0; k < 7; k += 1) {
      const station = stations[k % stations.length];
      s.units.push({ unit: `ambulance-${(k % stations.length) + 1}-${Math.floor(k / stations.length) + 1}`, status: 'at-station', call: null, station: station.name, x: station.x, y: station.y, seen: [station.x, station.y], seen_s: BEGIN, hospital: null, until: null, target: null });
    }
    this.s = s;
    for (const [category, ago] of [['C2', 65], ['C3', 190]]) this.call(category, ago);
    this.call('C4', 400);
    return s;
  }

  chance() {
    this.s.seed = (this.s.seed * 48271) % 2147483647;
    return this.s.seed / 2147483647;
  }

  call(category, ago = 0, road = this.streets[Math.floor(this.chance() * this.streets.length)]) {
    const [x, y] = road.points[1];
    this.s.numbers.call += 1;
    const received = this.s.time - ago;
    this.s.calls.push({ call: this.s.numbers.call, secret: category, category: ago > 60 ? category : null, road: road.name, x, y, received_s: received, understood_s: ago > 60 ? received + 50 : null, status: ago > 60 ? 'waiting' : 'ringing', unit: null, hospital: null, closed_s: null, conveyed: category !== 'C4' });
  }

  message(to, from, by, text) {
    this.s.numbers.message += 1;
    this.s.messages.push({ message: this.s.numbers.message, to, time_s: this.s.time, from, by, text, acknowledged_s: null });
  }

  // ---- the clock ----

  /** So much wall time has gone by [s]. */
  advance(wall_s) {
    const { s } = this;
    if (s.phase === 'running') {
      this.dues += s.speed === null ? 60 : wall_s * s.speed;
      while (this.dues >= STEP && s.phase === 'running') {
        this.dues -= STEP;
        this.step();
      }
    }
    this.tell();
  }

  step() {
    const { s } = this;
    if ((s.time - BEGIN) % KEPT_S === 0) this.snapshots.push({ time: s.time, text: JSON.stringify(s) });
    s.time += STEP;
    if (s.time % 110 === 0) this.call(['C2', 'C3', 'C1', 'C4'][Math.floor(this.chance() * 4)]);
    for (const call of s.calls) this.ripen(call);
    for (const unit of s.units) this.drive(unit);
    for (const [k, inject] of s.injects.entries()) {
      const plan = INJECTS[k];
      if (inject.state === 'pending' && s.time >= BEGIN + plan.at) {
        if (plan.unless === 'declare' && s.declared.length > 0) inject.state = 'off';
        else this.deliver(k);
      }
      if (inject.state === 'delivered' && inject.expect?.state === 'open' && s.time > inject.delivered_s + plan.expect.within) inject.expect.state = 'missed';
    }
    if (s.bots.includes('dispatcher')) this.play();
    if (s.time >= BEGIN + LENGTH) this.end();
  }

  ripen(call) {
    const { s } = this;
    const rung = s.time - call.received_s;
    if (call.status === 'ringing' && rung >= 8) call.status = 'answered';
    if (call.status === 'answered' && rung >= 30) Object.assign(call, { status: 'waiting', category: call.secret, understood_s: s.time });
  }

  drive(unit) {
    const { s } = this;
    const call = s.calls.find((one) => one.call === unit.call);
    const report = () => Object.assign(unit, { seen: [unit.x, unit.y], seen_s: s.time });
    const become = (status, also = {}) => {
      Object.assign(unit, { status, ...also });
      report();
    };
    if (unit.target) {
      const [tx, ty] = unit.target;
      const left = Math.hypot(tx - unit.x, ty - unit.y);
      const go = Math.min(left, SPEED * STEP);
      if (left > 0) {
        unit.x += ((tx - unit.x) / left) * go;
        unit.y += ((ty - unit.y) / left) * go;
      }
      // A radio that is silent now and then: one tells where it is less often.
      if ((s.time - unit.seen_s) >= (unit.unit === 'ambulance-1-2' ? 45 : 5)) report();
      if (left > SPEED * STEP) return;
      unit.target = null;
      if (unit.status === 'en-route') {
        become('at-scene', { until: s.time + 60 + Math.floor(this.chance() * 60) });
        if (call) call.status = 'at-scene';
      } else if (unit.status === 'transporting') {
        const hospital = s.hospitals.find((one) => one.hospital === unit.hospital);
        hospital.taken += 1;
        hospital.seen_s = s.time;
        become('at-hospital', { until: s.time + 90 });
        if (call) call.status = 'at-hospital';
      } else become('at-station', { call: null, hospital: null });
      return;
    }
    if (unit.until === null || s.time < unit.until) return;
    unit.until = null;
    const station = this.stations.find((one) => one.name === unit.station);
    if (unit.status === 'dispatched') {
      become('en-route', { target: [call.x, call.y] });
      call.status = 'en-route';
    } else if (unit.status === 'at-scene' && call?.conveyed) {
      const to = s.hospitals.find((one) => one.hospital === call.hospital) ?? [...s.hospitals].sort((a, b) => Math.hypot(a.x - unit.x, a.y - unit.y) - Math.hypot(b.x - unit.x, b.y - unit.y))[0];
      become('transporting', { target: [to.x, to.y], hospital: to.hospital });
      Object.assign(call, { status: 'transporting', hospital: to.hospital });
    } else {
      if (unit.status === 'at-hospital') {
        const hospital = s.hospitals.find((one) => one.hospital === unit.hospital);
        hospital.taken = Math.max(0, hospital.taken - Math.floor(this.chance() * 2));
      }
      if (call) Object.assign(call, { status: unit.status === 'at-hospital' ? 'handed-over' : 'closed', closed_s: s.time });
      become('returning', { call: null, hospital: null, target: [station.x, station.y] });
    }
  }

  deliver(k) {
    const { s } = this;
    const plan = INJECTS[k];
    const inject = s.injects[k];
    Object.assign(inject, { state: 'delivered', delivered_s: s.time });
    if (plan.to) this.message(plan.to, plan.from, plan.by, plan.text);
    if (inject.expect && plan.to) inject.message = s.numbers.message;
    const road = this.streets[(k * 31 + 17) % this.streets.length];
    for (const category of plan.calls ?? []) this.call(category, 0, road);
    if (plan.calls) s.incidents.push({ incident: k + 1, kind: 'crash', road: road.id, lon: place(...road.points[1])[0], lat: place(...road.points[1])[1], since_s: s.time });
    s.closed.push(...(plan.close ?? []));
    if (plan.bays !== undefined) s.hospitals[0].bays = plan.bays;
  }

  /** What was expected of somebody was done. */
  met(what, detail) {
    const { s } = this;
    for (const [k, inject] of s.injects.entries()) {
      const plan = INJECTS[k].expect;
      if (inject.state !== 'delivered' || !inject.expect || inject.expect.met_s !== null || plan.what !== what) continue;
      if (what === 'acknowledge' && inject.message !== detail) continue;
      if (what === 'assign') {
        inject.expect.count = [...new Set([...inject.expect.count, detail])];
        if (inject.expect.count.length < plan.units) continue;
      }
      inject.expect.state = s.time > inject.delivered_s + plan.within ? 'late' : 'met';
      inject.expect.met_s = s.time;
    }
  }

  play() {
    const { s } = this;
    for (const call of s.calls.filter((one) => one.status === 'waiting' && s.time - one.understood_s > 12)) {
      const [first] = this.recommended(call).filter((one) => one.from_call === null);
      if (first) this.assign(first.unit, call);
    }
  }

  assign(name, call) {
    const { s } = this;
    const unit = s.units.find((one) => one.unit === name);
    const left = s.calls.find((one) => one.call === unit.call);
    if (left) Object.assign(left, { status: 'waiting', unit: null });
    Object.assign(unit, { status: unit.status === 'en-route' ? 'en-route' : 'dispatched', call: call.call, target: null, until: s.time + 20, hospital: null, seen_s: s.time, seen: [unit.x, unit.y] });
    if (unit.status === 'en-route') Object.assign(unit, { until: null, target: [call.x, call.y] });
    Object.assign(call, { status: unit.status, unit: name });
  }

  /** A unit turns round; its call waits again. */
  recall(unit) {
    const call = this.s.calls.find((one) => one.call === unit.call);
    Object.assign(call, { status: 'waiting', unit: null });
    const station = this.stations.find((one) => one.name === unit.station);
    Object.assign(unit, { status: 'returning', call: null, until: null, target: [station.x, station.y] });
    return call;
  }

  free(unit) {
    return unit.status === 'at-station' || unit.status === 'returning';
  }

  recommended(call) {
    const list = this.s.units
      .filter((unit) => (this.free(unit) || unit.status === 'dispatched' || unit.status === 'en-route') && unit.call !== call.call)
      .map((unit) => ({
        unit: unit.unit, status: unit.status, from_call: unit.call,
        time_s: Math.round(((Math.hypot(call.x - unit.seen[0], call.y - unit.seen[1]) / SPEED) * 1.15 + (unit.status === 'at-station' ? 20 : 0)) * 10) / 10,
      }));
    return list.sort((a, b) => a.time_s - b.time_s);
  }

  end() {
    if (this.s.phase === 'over') return;
    this.s.phase = 'over';
    this.save();
    for (const client of this.clients) this.send(client, { type: 'over' });
  }

  // ---- what people do ----

  act(seat, id, action) {
    const known = this.s.answers[id];
    if (known) return known;
    let answer;
    try {
      const said = this.perform(seat, action);
      this.s.numbers.action += 1;
      this.s.actions.push({ number: this.s.numbers.action, time_s: this.s.time, role: seat.role, person: seat.name, said, action });
      answer = { type: 'done', id, number: this.s.numbers.action, time_s: this.s.time, said };
    } catch (why) {
      if (typeof why !== 'string') throw why;
      answer = { type: 'refused', id, detail: why };
    }
    this.s.answers[id] = answer;
    this.save();
    return answer;
  }

  perform(seat, action) {
    const { s } = this;
    const role = ROLES[seat.role];
    const needs = { assign: 'assign', 'stand-down': 'stand-down', direct: 'direct', declare: 'declare', say: 'say', deliver: 'inject', hold: 'inject', release: 'inject', improvise: 'inject', rate: 'rate', hand: 'hand', end: 'clock' }[action.do];
    if (needs && !role.may.includes(needs)) throw `A ${role.title.toLowerCase()} may not do this.`;
    if (s.phase === 'over' && !['rate', 'note'].includes(action.do)) throw 'The drill is over.';
    const unit = s.units.find((one) => one.unit === action.unit);
    if ('unit' in action && !unit) throw `There is no unit ${action.unit}.`;
    switch (action.do) {
      case 'assign': {
        const call = s.calls.find((one) => one.call === action.call);
        if (!call) throw `There is no call ${action.call}.`;
        if (!call.category) throw `Call ${call.call} is not understood yet.`;
        if (!OPEN.has(call.status) && call.unit) {
          const other = s.units.find((one) => one.unit === call.unit);
          if (other.status !== 'dispatched' && other.status !== 'en-route') throw `${other.unit} is at call ${call.call} already.`;
          this.recall(other);
        }
        const from = unit.call;
        if (!this.free(unit) && unit.status !== 'dispatched' && unit.status !== 'en-route') throw `${unit.unit} is busy: ${unit.status}.`;
        this.assign(unit.unit, call);
        this.met('assign', unit.unit);
        if (from !== null) this.met('divert');
        return from === null ? `${unit.unit} is sent to call ${call.call}, ${call.road}.` : `${unit.unit} is diverted from call ${from} to call ${call.call}, ${call.road}.`;
      }
      case 'stand-down': {
        if (unit.status !== 'dispatched' && unit.status !== 'en-route') throw `${unit.unit} is not on its way to anybody.`;
        const call = this.recall(unit);
        return `${unit.unit} stands down; call ${call.call} waits again.`;
      }
      case 'direct': {
        const hospital = s.hospitals.find((one) => one.hospital === action.hospital);
        const call = s.calls.find((one) => one.call === unit.call);
        if (!hospital) throw `There is no hospital ${action.hospital}.`;
        if (!call || unit.status === 'transporting' || unit.status === 'at-hospital') throw `${unit.unit} has no patient whose hospital could be named.`;
        call.hospital = unit.hospital = hospital.hospital;
        this.met('direct');
        return `${unit.unit} is to go to ${hospital.hospital}.`;
      }
      case 'declare':
        s.declared.push({ time_s: s.time, by: seat.role, what: action.what });
        this.met('declare');
        return `Declares ${action.what}.`;
      case 'acknowledge': {
        const message = s.messages.find((one) => one.message === action.message && one.to === seat.role);
        if (!message) throw `There is no message ${action.message}.`;
        message.acknowledged_s ??= s.time;
        this.met('acknowledge', action.message);
        return `Takes note of message ${action.message}.`;
      }
      case 'say':
        if (!ROLES[action.to]) throw `There is no role ${action.to}.`;
        this.message(action.to, role.title, 'radio', action.text);
        this.met('say');
        return `Says to ${action.to}: ${action.text}`;
      case 'note':
        return `Notes: ${action.text}`;
      case 'deliver':
      case 'hold':
      case 'release': {
        const k = s.injects.findIndex((one) => one.inject === action.inject);
        if (k < 0) throw `There is no inject ${action.inject}.`;
        if (s.injects[k].state === 'delivered') throw `${action.inject} was delivered already.`;
        if (action.do === 'deliver') this.deliver(k);
        else s.injects[k].state = action.do === 'hold' ? 'held' : 'pending';
        return `${{ deliver: 'Delivers', hold: 'Holds', release: 'Releases' }[action.do]} ${action.inject}.`;
      }
      case 'improvise':
        this.message(action.to, action.from, 'phone', action.text);
        return `Improvises to ${action.to}: ${action.text}`;
      case 'rate':
        s.ratings[action.objective] = { rating: action.rating, note: action.note };
        return `Rates ${action.objective} ${action.rating}.`;
      case 'hand':
        s.bots = action.bot ? [...new Set([...s.bots, action.role])] : s.bots.filter((one) => one !== action.role);
        return action.bot ? `Hands ${action.role} to a bot.` : `Hands ${action.role} to people.`;
      case 'end':
        this.end();
        return 'Ends the drill.';
      default:
        throw `There is no action ${action.do}.`;
    }
  }

  clock(seat, order) {
    const { s } = this;
    if (!ROLES[seat.role].may.includes('clock')) throw `A ${ROLES[seat.role].title.toLowerCase()} may not set the clock.`;
    if (s.phase === 'over') throw 'The drill is over.';
    if (order === 'pause') s.phase = 'paused';
    else if (order === 'resume') s.phase = 'running';
    else if ('speed' in order) s.speed = order.speed;
    else for (let k = 0; k < Math.min(order.step, 3600); k += 1) this.step();
    if (s.phase === 'waiting') s.phase = 'paused';
    return 'The clock is set.';
  }

  rewind(seat, to_s) {
    if (!ROLES[seat.role].may.includes('rewind')) throw 'You may not go back in time.';
    const found = this.snapshots.filter((one) => one.time <= to_s).at(-1);
    if (!found || to_s > this.s.time || to_s < BEGIN) throw 'The drill can go back to any time since it began, and no further.';
    const { seats, branch, answers } = this.s;
    this.s = { ...JSON.parse(found.text), seats, answers, branch: branch + 1, phase: 'paused' };
    while (this.s.time < to_s) this.step();
    this.s.phase = 'paused';
    this.snapshots = this.snapshots.filter((one) => one.time < this.s.time);
    this.save();
    return `Back at ${to_s}, on branch ${branch + 1}.`;
  }

  /** What a role is told. */
  view(name) {
    return viewOf(this, name);
  }

  // ---- over the wire ----

  seat(token) {
    return token ? this.s.seats[token] : undefined;
  }

  /** Whether this token may ask for the city beside the drill. */
  trusted(token) {
    const seat = this.seat(token);
    return seat !== undefined && ROLES[seat.role].sees.includes('truth');
  }

  lobby() {
    const { drill } = this.view('press');
    return { name: drill.name, question: drill.question, marking: drill.marking, phase: drill.phase, roles: Object.entries(ROLES).map(([role, one]) => ({ role, title: one.title, seats: one.seats, taken: Object.values(this.s.seats).filter((seat) => seat.role === role).length })) };
  }

  join({ pin, name }) {
    if (Date.now() < this.wrong.until) return { status: 429, title: 'too many', detail: 'Too many wrong PINs: one in 6 s.' };
    const role = Object.keys(ROLES).find((one) => ROLES[one].pin !== null && ROLES[one].pin === pin);
    if (!role) {
      this.wrong.count += 1;
      if (this.wrong.count > 5) this.wrong.until = Date.now() + 6000;
      return { status: 401, title: 'not known', detail: 'No role has this PIN.' };
    }
    // The same name takes its own seat again.
    const mine = Object.entries(this.s.seats).find(([, seat]) => seat.role === role && seat.name === name);
    if (mine) delete this.s.seats[mine[0]];
    if (Object.values(this.s.seats).filter((seat) => seat.role === role).length >= ROLES[role].seats) return { status: 409, title: 'full', detail: `All seats of the ${ROLES[role].title.toLowerCase()} are taken.` };
    const token = randomBytes(16).toString('hex');
    const first = !Object.values(this.s.seats).some((seat) => seat.role === role);
    this.s.seats[token] = { role, title: ROLES[role].title, name };
    if (first && this.s.bots.includes(role)) this.act({ role, name }, `join-${token}`, { do: 'note', text: `${name} takes over.` });
    this.s.bots = this.s.bots.filter((one) => one !== role);
    this.save();
    return { status: 200, body: { token, role, title: ROLES[role].title, name } };
  }

  /** What is answered under `/api/v1/drill`. */
  answer(method, path, token, body) {
    if (path === '' && method === 'GET') return { status: 200, body: this.lobby() };
    if (path === '/join' && method === 'POST') return this.join(body);
    const seat = this.seat(token);
    if (!seat) return { status: 401, title: 'not known', detail: 'Join the drill first.' };
    if (path === '/map') return { status: 200, body: { type: 'FeatureCollection', features: this.city.roads.filter((road) => road.from < road.to).map((road) => ({ type: 'Feature', properties: { class: road.rank }, geometry: { type: 'LineString', coordinates: [road.points[0], road.points.at(-1)].map(([x, y]) => place(x, y)) } })) } };
    const file = /^\/files\/([\w.-]+)$/.exec(path)?.[1];
    if (!file) return null;
    if (this.s.phase !== 'over' && !ROLES[seat.role].may.includes('clock')) return { status: 403, title: 'not yet', detail: 'The drill is not over yet.' };
    if (file === 'after-action.html') return { status: 200, body: this.review(), type: 'text/html; charset=utf-8' };
    if (file === 'after-action.json') return { status: 200, body: { drill: this.lobby().name, injects: this.view('controller').injects } };
    if (file === 'actions.jsonl' || file === 'log.jsonl') return { status: 200, body: this.s.actions.map((one) => JSON.stringify(one)).join('\n'), type: 'application/x-ndjson' };
    return null;
  }

  review() {
    const view = this.view('controller');
    const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return `<!doctype html><html lang="en"><meta charset="utf-8"><title>After-action: ${escape(view.drill.name)}</title><style>body{font:15px/1.5 sans-serif;margin:30px;max-width:70ch}td,th{padding:4px 12px 4px 0;text-align:left}</style><p><b>EXERCISE</b></p><h1>${escape(view.drill.name)}</h1><table><tr><th>Inject<th>Expected<th>State</tr>${view.injects.map((one) => `<tr><td>${one.inject}<td>${escape(one.expect?.words ?? '–')}<td>${one.expect?.state ?? '–'}</tr>`).join('')}</table><h2>Actions</h2><ol>${view.actions.map((one) => `<li>${escape(one.person)}: ${escape(one.said)}</li>`).join('')}</ol></html>`;
  }

  connect(socket, token) {
    const seat = this.seat(token);
    const client = { socket, seat, last: '' };
    this.clients.add(client);
    socket.on('close', () => this.clients.delete(client));
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      const answer = (() => {
        try {
          if (message.type === 'ping') return { type: 'pong', n: message.n };
          if (message.type === 'act') return this.act(seat, message.id, message.action);
          if (message.type === 'clock') return { type: 'done', id: message.id, said: this.clock(seat, message.order) };
          if (message.type === 'rewind') return { type: 'done', id: message.id, said: this.rewind(seat, message.to_s) };
          if (message.type === 'recommend') {
            const call = this.s.calls.find((one) => one.call === message.call);
            if (!call?.category) throw `Call ${message.call} is not understood yet.`;
            return { type: 'recommended', id: message.id, call: message.call, units: this.recommended(call) };
          }
          throw `There is no message ${message.type}.`;
        } catch (why) {
          if (typeof why !== 'string') throw why;
          return { type: 'refused', id: message.id, detail: why };
        }
      })();
      this.send(client, answer);
      this.tell();
    });
    this.show(client);
    if (this.s.phase === 'over') this.send(client, { type: 'over' });
  }

  send(client, message) {
    if (client.socket.readyState === 1) client.socket.send(JSON.stringify(message));
  }

  show(client) {
    const text = JSON.stringify({ type: 'view', view: this.view(client.seat.role) });
    if (text === client.last) return;
    client.last = text;
    if (client.socket.readyState === 1) client.socket.send(text);
  }

  tell() {
    for (const client of this.clients) this.show(client);
  }

  save() {
    if (!this.file) return;
    writeFileSync(`${this.file}.new`, JSON.stringify(this.s));
    renameSync(`${this.file}.new`, this.file);
  }
}
