// What a role of the invented drill is told, and nothing else.

import { place } from './city.mjs';
import { BEGIN, INJECTS, LENGTH, OBJECTIVES, ROLES } from './drill-plan.mjs';

/** The view of a role, as it goes over the wire. */
export function viewOf(drill, name) {
  const { s } = drill;
  const role = ROLES[name];
  const sees = new Set(role.sees);
  const at = (x, y) => {
    const [lon, lat] = place(x, y);
    return { lon: Math.round(lon * 1e6) / 1e6, lat: Math.round(lat * 1e6) / 1e6 };
  };
  const people = Object.fromEntries(Object.keys(ROLES).map((one) => [one, [...new Set(Object.values(s.seats).filter((seat) => seat.role === one).map((seat) => seat.name))]]));
  const view = {
    role: name, title: role.title, may: role.may, sees: role.sees,
    drill: { name: 'Bus accident at the blocked bridge', question: 'Does the desk keep its head when two things go wrong at once?', marking: 'Invented city, invented people. Exercise only.', phase: s.phase, time_s: s.time, t_s: s.time - BEGIN, length_s: LENGTH, speed: s.speed, branch: s.branch, people, bots: s.bots },
    messages: s.messages.filter((one) => one.to === name).map(({ to, ...one }) => one).slice(-500),
    declared: s.declared,
    said: s.actions.filter((one) => one.role === name).map(({ time_s, person, said }) => ({ time_s, person, said })).slice(-200),
  };
  if (sees.has('calls')) {
    view.calls = s.calls.filter((one) => one.closed_s === null || s.time - one.closed_s < 600).map((one) => {
      const known = one.category !== null;
      return { call: one.call, status: one.status, category: one.category, road: known ? one.road : null, lon: null, lat: null, ...(known ? at(one.x, one.y) : {}), received_s: one.received_s, understood_s: one.understood_s, unit: one.unit, hospital: one.hospital };
    });
  }
  if (sees.has('units')) {
    view.units = s.units.map((one) => ({ unit: one.unit, status: one.status, call: one.call, station: one.station, ...at(...one.seen), seen_s: one.seen_s, free: drill.free(one), divertible: one.status === 'dispatched' || one.status === 'en-route', hospital: one.hospital }));
  }
  if (sees.has('hospitals')) {
    view.hospitals = s.hospitals.map((one) => ({ hospital: one.hospital, ...at(one.x, one.y), bays: one.bays, taken: Math.min(one.taken, one.bays), waiting: Math.max(0, one.taken - one.bays), seen_s: one.seen_s }));
  }
  if (sees.has('injects')) {
    view.injects = s.injects.map((one, k) => {
      const { at: due, kind, from, to, by, text, objective, expect } = INJECTS[k];
      return {
        inject: one.inject, kind, from, to, by, text, trigger: INJECTS[k].unless ? 'unless declared' : `at T+${Math.floor(due / 60)}:${String(due % 60).padStart(2, '0')}`, state: one.state, due_s: BEGIN + due, delivered_s: one.delivered_s, objective,
        expect: expect ? { words: expect.words, role: 'dispatcher', deadline_s: one.delivered_s === null ? null : one.delivered_s + expect.within, state: one.expect.state, met_s: one.expect.met_s } : null,
      };
    });
    view.objectives = OBJECTIVES.map((one) => ({ ...one, rating: null, note: null, ...s.ratings[one.objective] }));
  }
  if (sees.has('actions')) view.actions = s.actions.map(({ action, ...one }) => one);
  if (sees.has('truth')) view.truth = { closed: s.closed, incidents: s.incidents };
  return view;
}
