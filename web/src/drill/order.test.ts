import { describe, expect, it } from 'vitest';
import { age, groupOf, minutes, ordered, rows, sendable, short, sinceStart, unread } from './order';
import type { Call, Message, Unit } from './types';

const call = (number: number, category: string | null, received_s: number, status = 'waiting'): Call => ({
  call: number, status, category, road: null, lon: null, lat: null, received_s, understood_s: null, unit: null, hospital: null,
});
const unit = (name: string, free = true): Unit => ({
  unit: name, status: free ? 'at-station' : 'en-route', call: free ? null : 1, station: 'S', lon: null, lat: null, seen_s: null, free, divertible: !free, hospital: null,
});

describe('calls', () => {
  it('are listed C1 first, then by who has waited longest, those not understood last', () => {
    const list = ordered([call(1, 'C3', 10), call(2, 'C1', 50), call(3, null, 5, 'ringing'), call(4, 'C1', 40), call(5, 'C2', 1)]);
    expect(list.map((one) => one.call)).toEqual([4, 2, 5, 1, 3]);
  });

  it('that nobody has come before those that somebody has, and those before what is over', () => {
    const list = ordered([call(1, 'C1', 1, 'closed'), call(2, 'C1', 1, 'en-route'), call(3, 'C4', 99), call(4, 'C1', 9, 'handed-over')]);
    expect(list.map((one) => one.call)).toEqual([3, 2, 4, 1]);
    expect(['ringing', 'at-scene', 'closed', 'a-word-to-come'].map((status) => groupOf(call(1, null, 0, status)))).toEqual(['waiting', 'underway', 'closed', 'underway']);
  });

  it('leave the list that was given as it was', () => {
    const given = [call(1, 'C3', 1), call(2, 'C1', 2)];
    ordered(given);
    expect(given.map((one) => one.call)).toEqual([1, 2]);
  });
});

describe('units', () => {
  it('stand in the order of the recommendation with the keys that send them, then the rest, free ones first', () => {
    const list = rows([unit('A10'), unit('A2'), unit('A1', false), unit('A3')], [
      { unit: 'A3', status: 'at-station', time_s: 80, from_call: null },
      { unit: 'A1', status: 'en-route', time_s: 90, from_call: 1 },
      { unit: 'gone', status: 'at-station', time_s: 91, from_call: null },
    ]);
    expect(list.map((row) => [row.unit.unit, row.key, row.from_call])).toEqual([['A3', 1, null], ['A1', 2, 1], ['A2', null, null], ['A10', null, null]]);
  });

  it('that were recommended and cannot be sent any more keep their place and lose their key', () => {
    const there: Unit = { ...unit('A1', false), status: 'at-scene', divertible: false };
    const list = rows([there, unit('A2'), unit('A3', false)], ['A1', 'A2', 'A3'].map((name) => ({ unit: name, status: 'at-station', time_s: 60, from_call: null })), 1);
    // A3 has call 1 itself.
    expect(list.map((row) => [row.unit.unit, row.key])).toEqual([['A1', null], ['A2', 2], ['A3', null]]);
    expect([sendable(there, 2), sendable(unit('A2'), 1), sendable(unit('A3', false), 2), sendable(unit('A3', false), 1)]).toEqual([false, true, true, false]);
  });

  it('beyond the ninth have no key', () => {
    const units = Array.from({ length: 11 }, (_, k) => unit(`A${k}`));
    const list = rows(units, units.map((one, k) => ({ unit: one.unit, status: 'at-station', time_s: k, from_call: null })));
    expect(list.map((row) => row.key)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, null, null]);
  });

  it('are told apart on the map by what is not the same in all of them', () => {
    const all = ['ambulance-1-1', 'ambulance-1-2', 'ambulance-2-1'];
    expect(all.map((one) => short(one, all))).toEqual(['1-1', '1-2', '2-1']);
    expect(short('A1', ['A1', 'A2'])).toBe('A1');
    expect(short('Medic', ['Medic', 'Medic 2'])).toBe('Medic');
    expect(short('ambulance-1', ['ambulance-1'])).toBe('ambulance-1');
  });

  it('say how old their report is, never less than nothing', () => {
    expect([age(100, 88), age(100, 101), age(100, null)]).toEqual([12, 0, null]);
  });
});

describe('times', () => {
  it('are written as a desk writes them', () => {
    expect([minutes(212), minutes(59.6), minutes(0), minutes(3723), minutes(-5), minutes(null)]).toEqual(['3:32', '1:00', '0:00', '1:02:03', '−0:05', '–']);
    expect([sinceStart(0), sinceStart(750.9), sinceStart(-61)]).toEqual(['T+0:00:00', 'T+0:12:30', 'T−0:01:01']);
  });
});

it('the oldest message that nobody took note of is the next', () => {
  const message = (number: number, acknowledged_s: number | null): Message => ({ message: number, time_s: number, from: '', by: '', text: '', acknowledged_s });
  expect(unread([message(1, 5), message(2, null), message(3, null)])?.message).toBe(2);
  expect(unread([message(1, 5)])).toBeUndefined();
});
