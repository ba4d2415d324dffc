import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drill } from './drill.svelte';
import type { Call, Unit, View } from './types';

const sent: { type: string; action?: unknown; call?: number }[] = [];
let wire: { readyState: number; onopen: (() => void) | null; onclose?: (() => void) | null; onmessage: ((event: { data: string }) => void) | null };

class Wire {
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  constructor() {
    wire = this as never;
  }
  send(text: string): void {
    sent.push(JSON.parse(text));
  }
  close(): void {}
}

const call = (number: number, more: Partial<Call> = {}): Call => ({
  call: number, status: 'waiting', category: 'C2', road: 'Mill Road', lon: 8, lat: 52, received_s: 100, understood_s: 130, unit: null, hospital: null, ...more,
});
const unit = (name: string, more: Partial<Unit> = {}): Unit => ({
  unit: name, status: 'at-station', call: null, station: 'North', lon: 8, lat: 52, seen_s: 0, free: true, divertible: false, hospital: null, ...more,
});
const busy = { status: 'en-route', call: 2, free: false, divertible: true };
const view = (more: Partial<View> = {}): View => ({
  role: 'dispatcher', title: 'Dispatcher', may: ['assign', 'divert', 'stand-down', 'direct', 'declare', 'say'], sees: ['calls', 'units', 'hospitals'],
  drill: { name: 'D', question: null, marking: null, phase: 'running', time_s: 200, t_s: 100, length_s: 1000, speed: 1, branch: 1, people: {}, bots: [] },
  messages: [], declared: [], said: [],
  calls: [call(1), call(2, { status: 'en-route', unit: 'A2' })],
  units: [unit('A1'), unit('A2', busy)],
  hospitals: [{ hospital: 'General', lon: 8, lat: 52, bays: 4, taken: 1, waiting: 0, seen_s: null }],
  ...more,
});
/** The question that stands, however it came to stand there. */
const asked = (): typeof drill.question => drill.question;
const acts = (): unknown[] => sent.filter((one) => one.type === 'act').map((one) => one.action);

beforeEach(() => {
  vi.stubGlobal('WebSocket', Wire);
  vi.stubGlobal('document', { baseURI: 'http://city.example/', documentElement: {}, addEventListener: () => {}, removeEventListener: () => {} });
  sent.length = 0;
  drill.sit({ token: 't', role: 'dispatcher', title: 'Dispatcher', name: 'Ada' });
  wire.onopen?.();
  drill.take(view());
});
afterEach(() => {
  drill.leave();
  vi.unstubAllGlobals();
});

const recommend = (number: number, units: string[]): void => {
  drill.choose(number);
  drill.recommend();
  const id = (sent.at(-1) as unknown as { id: string }).id;
  const list = units.map((name, k) => ({ unit: name, status: 'x', time_s: 60 + k, from_call: null }));
  wire.onmessage?.({ data: JSON.stringify({ type: 'recommended', id, call: number, units: list }) });
};

describe('a desk', () => {
  it('sends by number only what was recommended for the call in hand', () => {
    drill.sendNth(1);
    expect(drill.notice?.text).toContain('Choose a call first');
    drill.choose(1);
    drill.sendNth(1);
    expect(drill.notice?.text).toContain('Press Return first');
    recommend(1, ['A1']);
    drill.sendNth(2);
    expect(drill.notice?.text).toContain('no unit 2');
    expect(acts()).toEqual([]);
    drill.sendNth(1);
    expect(acts()).toEqual([{ do: 'assign', unit: 'A1', call: 1 }]);
    // Another call in hand: the numbers of the one before send nobody.
    recommend(1, ['A1']);
    drill.choose(2);
    drill.sendNth(1);
    expect(acts()).toHaveLength(1);
  });

  it('asks before it takes a unit from a call, and before it takes a call from a unit', () => {
    recommend(1, ['A2', 'A1']);
    drill.sendNth(1);
    expect(acts()).toEqual([]);
    expect(asked()?.title).toBe('Divert A2 to call 1?');
    asked()?.then?.();
    expect(acts()).toEqual([{ do: 'assign', unit: 'A2', call: 1 }]);
    drill.question = null;
    recommend(2, ['A1']);
    drill.sendNth(1);
    expect(asked()?.title).toBe('Send A1 to call 2 instead of A2?');
    expect(acts()).toHaveLength(1);
  });

  it('sends nobody who is at a scene meanwhile, and says why', () => {
    recommend(1, ['A1', 'A2']);
    drill.take(view({ units: [unit('A1'), unit('A2', { ...busy, status: 'at-scene', divertible: false })] }));
    drill.sendNth(2);
    expect(asked()).toBeNull();
    expect(acts()).toEqual([]);
    expect(drill.notice?.text).toBe('A2 cannot be sent now: at scene.');
  });

  it('stands down and directs the unit of the call in hand', () => {
    drill.choose(1);
    drill.standDown();
    expect(drill.notice?.text).toContain('No unit is on its way');
    drill.choose(2);
    drill.standDown();
    asked()?.then?.();
    drill.direct();
    expect(asked()?.choices?.map((one) => one.label)).toEqual(['General']);
    asked()?.choices?.[0]?.then();
    expect(acts()).toEqual([{ do: 'stand-down', unit: 'A2' }, { do: 'direct', unit: 'A2', hospital: 'General' }]);
  });

  it('does not ask where a call is that only rings', () => {
    drill.take(view({ calls: [call(5, { status: 'ringing', category: null, road: null, lon: null, lat: null })] }));
    drill.choose(5);
    drill.recommend();
    expect(sent).toEqual([]);
    expect(drill.notice?.text).toContain('Nobody knows yet');
  });

  it('says what could not be done no longer than it holds', () => {
    const place = { category: null, road: null, lon: null, lat: null };
    drill.take(view({ calls: [call(1), call(5, { status: 'ringing', ...place })] }));
    drill.choose(5);
    drill.recommend();
    drill.take(view({ calls: [call(1), call(5, { status: 'answered', ...place })] }));
    expect(drill.notice?.text).toContain('Nobody knows yet');
    drill.take(view({ calls: [call(1), call(5)] }));
    expect(drill.notice).toBeNull();
    // A hint goes with the call that it was about, and with the recommendation.
    drill.sendNth(1);
    expect(drill.notice?.text).toContain('Press Return first');
    recommend(5, ['A1']);
    expect(drill.notice).toBeNull();
    drill.sendNth(9);
    drill.choose(1);
    expect(drill.notice).toBeNull();
    // A refusal is kept while one looks at another call, until the next thing is done.
    drill.note('refused', 'The unit is not free.');
    drill.choose(2);
    expect(drill.notice?.kind).toBe('refused');
    drill.recommend();
    expect(drill.notice).toBeNull();
  });

  it('does not say that there is no connection once there is one', () => {
    vi.useFakeTimers();
    wire.onclose?.();
    drill.choose(1);
    drill.recommend();
    expect(drill.notice?.text).toContain('No connection');
    vi.advanceTimersByTime(60_000);
    wire.onopen?.();
    expect(drill.link).toBe('online');
    expect(drill.notice).toBeNull();
    vi.useRealTimers();
  });

  it('tells of new calls and messages, once, and of none it begins with', () => {
    expect(drill.said).toBe('');
    const ringing = call(3, { status: 'ringing', category: null, road: null });
    drill.take(view({ calls: [call(1), ringing] }));
    expect(drill.said).toBe('A new call rings: call 3.');
    drill.take(view({ calls: [call(1), call(3, { category: 'C1', road: 'Quay' })], messages: [{ message: 1, time_s: 1, from: 'Police', by: 'phone', text: 'Come.', acknowledged_s: null }] }));
    expect(drill.said).toBe('Call 3, C1, Quay. Message from Police: Come.');
    expect([...drill.fresh]).toEqual([3]);
    drill.tell('');
    drill.take(view({ calls: [call(1), call(3, { category: 'C1', road: 'Quay' })], messages: [{ message: 1, time_s: 1, from: 'Police', by: 'phone', text: 'Come.', acknowledged_s: null }] }));
    expect(drill.said).toBe('');
    drill.choose(3);
    expect(drill.fresh.size).toBe(0);
  });

  it('goes through open calls only, and stays on its call while others come', () => {
    drill.take(view({ calls: [call(9, { status: 'closed' }), call(1), call(2, { category: 'C1' })] }));
    expect([drill.move(1), drill.move(1), drill.move(1), drill.move(-1)]).toEqual([2, 1, 1, 2]);
    drill.take(view({ calls: [call(7, { category: 'C1', received_s: 1 }), call(2, { category: 'C1' })] }));
    expect(drill.chosen).toBe(2);
    drill.take(view({ calls: [call(7)] }));
    expect(drill.chosen).toBeNull();
  });

  it('offers a role only what it may do', () => {
    drill.take(view({ may: ['say'] }));
    drill.choose(2);
    for (const deed of [() => drill.divert(), () => drill.standDown(), () => drill.direct(), () => drill.recommend()]) deed();
    expect(sent).toEqual([]);
    expect(drill.question).toBeNull();
  });
});
