import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Outbox, PENDING_MAX, type Keep } from './outbox';
import { DrillSocket, type DrillEvents } from './socket';
import type { View } from './types';

/** A socket that a test opens, cuts and speaks through. */
class Wire {
  static all: Wire[] = [];
  readyState = 0;
  sent: { type: string; id: string; action?: unknown }[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    Wire.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  static get last(): Wire {
    return Wire.all.at(-1)!;
  }
}

const shelf = (): Keep & { kept: Map<string, string> } => {
  const kept = new Map<string, string>();
  return { kept, getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value), removeItem: (key) => void kept.delete(key) };
};

let told: string[] = [];
const events: DrillEvents = {
  link: (state) => told.push(state),
  view: () => told.push('view'),
  done: (said) => told.push(`done ${said}`),
  refused: (detail) => told.push(`refused ${detail}`),
  recommended: (call, units) => told.push(`recommended ${call} ${units.length}`),
  over: () => told.push('over'),
  bye: (reason) => told.push(`bye ${reason}`),
  pending: () => {},
  lost: (what) => told.push(`lost ${what}`),
  turnedAway: (times) => told.push(`turned away ${times}`),
};
const assign = { do: 'assign', unit: 'A1', call: 3 } as const;
let now = 0;
const made = (keep: Keep, seat = 'token'): DrillSocket => new DrillSocket('ws://city.example/ws/drill', seat, new Outbox(keep, seat), events, () => now);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', Wire);
  Wire.all = [];
  told = [];
  now = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('the socket of a drill', () => {
  it('shows its token as a subprotocol, and comes back by itself within ten seconds', () => {
    const socket = made(shelf());
    socket.open();
    expect(Wire.last.protocols).toEqual(['citytwin.v1', 'bearer.token']);
    Wire.last.open();
    for (let cut = 0; cut < 3; cut += 1) {
      Wire.last.close();
      const before = Wire.all.length;
      vi.advanceTimersByTime(260);
      expect(Wire.all.length).toBe(before + 1);
      Wire.last.open();
    }
    // A server that is away: the waits grow, and are never longer than three seconds.
    Wire.last.close();
    for (let k = 0; k < 8; k += 1) {
      const before = Wire.all.length;
      vi.advanceTimersByTime(3001);
      expect(Wire.all.length).toBeGreaterThan(before);
      Wire.last.close();
    }
    socket.close();
    const before = Wire.all.length;
    vi.advanceTimersByTime(60_000);
    expect(Wire.all.length).toBe(before);
  });

  it('sends an action again under the same id until it is answered, and then never', () => {
    const socket = made(shelf());
    socket.open();
    Wire.last.open();
    socket.act(assign);
    const { id } = Wire.last.sent[0]!;
    expect(Wire.last.sent).toEqual([{ type: 'act', id, action: assign }]);
    Wire.last.close();
    vi.advanceTimersByTime(260);
    Wire.last.open();
    expect(Wire.last.sent).toEqual([{ type: 'act', id, action: assign }]);
    Wire.last.say({ type: 'done', id, number: 1, time_s: 5, said: 'A1 is sent.' });
    // The answer to the first one comes too: it is told once.
    Wire.last.say({ type: 'done', id, number: 1, time_s: 5, said: 'A1 is sent.' });
    expect(told.filter((one) => one.startsWith('done'))).toEqual(['done A1 is sent.']);
    Wire.last.close();
    vi.advanceTimersByTime(260);
    Wire.last.open();
    expect(Wire.last.sent).toEqual([]);
    socket.close();
  });

  it('keeps what is done while there is no connection, in order, and over a reload', () => {
    const keep = shelf();
    const socket = made(keep);
    socket.open();
    expect(socket.act(assign)).toBe(true);
    expect(socket.act({ do: 'acknowledge', message: 2 })).toBe(true);
    socket.close();
    const again = made(keep);
    again.open();
    Wire.last.open();
    expect(Wire.last.sent.map((one) => one.action)).toEqual([assign, { do: 'acknowledge', message: 2 }]);
    again.close();
    // Another seat of the same tab sends nothing in its name.
    const other = made(keep, 'another');
    other.open();
    Wire.last.open();
    expect(Wire.last.sent).toEqual([]);
    other.close();
  });

  it('takes a refusal as an answer', () => {
    const keep = shelf();
    const socket = made(keep);
    socket.open();
    Wire.last.open();
    socket.act(assign);
    Wire.last.say({ type: 'refused', id: Wire.last.sent[0]!.id, detail: 'A1 is busy.' });
    expect(told).toContain('refused A1 is busy.');
    expect(keep.kept.size).toBe(0);
    socket.close();
  });

  it('sends again what was not answered on a living connection, and leaves a dead one', () => {
    const socket = made(shelf());
    socket.open();
    Wire.last.open();
    socket.act(assign);
    now = 6000;
    Wire.last.say({ type: 'view', view: { drill: { phase: 'paused' } } as View });
    socket.look();
    expect(Wire.last.sent).toHaveLength(2);
    expect(Wire.last.sent[1]).toEqual(Wire.last.sent[0]);
    const dead = Wire.last;
    now = 12_000;
    socket.look();
    expect(dead.readyState).toBe(3);
    vi.advanceTimersByTime(260);
    Wire.last.open();
    expect(Wire.last.sent).toEqual([dead.sent[0]]);
    socket.close();
  });

  it('asks after a silence, and leaves a connection that does not answer', () => {
    const socket = made(shelf());
    socket.open();
    Wire.last.open();
    Wire.last.say({ type: 'view', view: { drill: { phase: 'paused' } } as View });
    for (const at of [11_000, 22_000, 33_000]) {
      now = at;
      socket.look();
      socket.look();
      Wire.last.say({ type: 'pong', n: 1 });
    }
    expect(Wire.last.sent.map((one) => one.type)).toEqual(['ping', 'ping', 'ping']);
    const silent = Wire.last;
    for (const at of [44_000, 50_000, 54_000]) {
      now = at;
      socket.look();
    }
    expect(silent.readyState).toBe(3);
    socket.close();
  });

  it('does not keep an order to the clock for later, and says when nobody knows what became of it', () => {
    const socket = made(shelf());
    socket.open();
    expect(socket.clock('pause')).toBe(false);
    Wire.last.open();
    expect(socket.clock('pause')).toBe(true);
    expect(socket.recommend(3)).toBe(true);
    Wire.last.close();
    expect(told.filter((one) => one.startsWith('lost'))).toEqual(['lost clock']);
    vi.advanceTimersByTime(260);
    Wire.last.open();
    expect(Wire.last.sent).toEqual([]);
    // An answer to what was asked before the cut is nobody's.
    Wire.last.say({ type: 'recommended', id: 'old', call: 3, units: [] });
    expect(told).not.toContain('recommended 3 0');
    socket.close();
  });

  it('tells when it was turned away rather than cut', () => {
    const socket = made(shelf());
    socket.open();
    Wire.last.close();
    vi.advanceTimersByTime(260);
    Wire.last.close();
    expect(told.filter((one) => one.startsWith('turned'))).toEqual(['turned away 1', 'turned away 2']);
    socket.close();
  });
});

describe('an outbox', () => {
  it('has a limit', () => {
    const outbox = new Outbox(shelf(), 'a');
    for (let k = 0; k < PENDING_MAX; k += 1) expect(outbox.add(assign)).not.toBeNull();
    expect(outbox.add(assign)).toBeNull();
    expect(new Set(outbox.all.map((one) => one.id)).size).toBe(PENDING_MAX);
  });

  it('reads what was kept, and not what somebody else wrote there', () => {
    const keep = shelf();
    new Outbox(keep, 'a').add(assign, 'x');
    expect(new Outbox(keep, 'a').all).toEqual([{ id: 'x', action: assign }]);
    for (const text of ['{', 'null', '[]', '{"seat":"a","pending":3}', '{"seat":"a","pending":[{"id":1}]}', '{"seat":"a","pending":[null]}']) {
      keep.setItem('citytwin.drill.pending', text);
      expect(new Outbox(keep, 'a').all, text).toEqual([]);
    }
  });
});
