import { describe, expect, it } from 'vitest';
import { NOBODY, SIREN, type Frame } from '../lib/frame';
import { between, Fleet, type Spot } from './fleet';

interface One {
  id: number;
  x: number;
  y: number;
  heading?: number;
  kind?: number;
  speed?: number;
  fresh?: number;
}

function frame(tick: number, time_s: number, vehicles: (One | null)[], more: Partial<Frame> = {}): Frame {
  const n = 8;
  const out: Frame = {
    tick,
    time_s,
    speed: 1,
    city: vehicles.length,
    shown: vehicles.filter(Boolean).length,
    cut: false,
    slots: vehicles.length,
    origin: { x: 8592, y: 5420 },
    x: new Float32Array(n),
    y: new Float32Array(n),
    heading: new Uint8Array(n),
    speed_q: new Uint8Array(n),
    kind: new Uint8Array(n).fill(NOBODY),
    id: new Uint32Array(n),
    fresh: new Uint8Array(n),
    ...more,
  };
  vehicles.forEach((one, slot) => {
    if (!one) return;
    out.x[slot] = one.x;
    out.y[slot] = one.y;
    out.heading[slot] = one.heading ?? 64;
    out.speed_q[slot] = one.speed ?? 40;
    out.kind[slot] = one.kind ?? 6;
    out.id[slot] = one.id;
    out.fresh[slot] = one.fresh ?? 0;
  });
  return out;
}

const at = (fleet: Fleet, slot: number, now: number): Spot => fleet.spot(slot, now, { x: 0, y: 0, heading: 0 });

describe('a vehicle between two frames', () => {
  it('is on the line between them, and at the end of it when the time is over', () => {
    const fleet = new Fleet(14);
    fleet.take(frame(1, 10, [{ id: 7, x: 0.1, y: 0.2, fresh: 1 }]), 1000);
    fleet.take(frame(2, 10.1, [{ id: 7, x: 0.101, y: 0.2 }]), 1100);
    expect(at(fleet, 0, 1100).x).toBeCloseTo(0.1, 6);
    expect(at(fleet, 0, 1150).x).toBeGreaterThan(0.1004);
    expect(at(fleet, 0, 1150).x).toBeLessThan(0.1006);
    expect(at(fleet, 0, 5000).x).toBeCloseTo(0.101, 6);
  });

  it('does not jump when a frame comes early', () => {
    const fleet = new Fleet(14);
    fleet.take(frame(1, 10, [{ id: 7, x: 0.1, y: 0.2, fresh: 1 }]), 1000);
    fleet.take(frame(2, 10.1, [{ id: 7, x: 0.101, y: 0.2 }]), 1100);
    const before = at(fleet, 0, 1140).x;
    fleet.take(frame(3, 10.2, [{ id: 7, x: 0.102, y: 0.2 }]), 1140);
    expect(at(fleet, 0, 1140).x).toBeCloseTo(before, 6);
  });

  it('does not slide across the city when it was put elsewhere', () => {
    const fleet = new Fleet(14);
    fleet.take(frame(1, 10, [{ id: 7, x: 0.1, y: 0.2, fresh: 1 }]), 1000);
    fleet.take(frame(2, 10.1, [{ id: 7, x: 0.9, y: 0.2 }]), 1100);
    expect(at(fleet, 0, 1101).x).toBeCloseTo(0.9, 6);
  });

  it('is put where it is after a jump in time or a cut', () => {
    for (const [time_s, cut] of [
      [500, false],
      [9, false],
      [10.1, true],
    ] as const) {
      const fleet = new Fleet(14);
      fleet.take(frame(1, 10, [{ id: 7, x: 0.1, y: 0.2, fresh: 1 }]), 1000);
      fleet.take(frame(2, time_s, [{ id: 7, x: 0.1005, y: 0.2 }], { cut }), 1100);
      expect(at(fleet, 0, 1101).x).toBeCloseTo(0.1005, 6);
    }
  });

  it('comes new into a slot that somebody else had', () => {
    const fleet = new Fleet(14);
    fleet.take(frame(1, 10, [{ id: 7, x: 0.1, y: 0.2, fresh: 1 }]), 1000);
    fleet.take(frame(2, 10.1, [{ id: 8, x: 0.1005, y: 0.2 }]), 1100);
    expect(at(fleet, 0, 1100).x).toBeCloseTo(0.1005, 6);
    expect(fleet.slotOf(7)).toBe(-1);
    expect(fleet.slotOf(8)).toBe(0);
  });

  it('turns the short way round and follows a bend by its headings', () => {
    const out: Spot = { x: 0, y: 0, heading: 0 };
    between(0, 0, 0, 0, 250, 6, 0.5, out);
    expect(Math.sin(out.heading)).toBeCloseTo(0, 6);
    expect(Math.cos(out.heading)).toBeCloseTo(1, 6);
    // From north to east: first up (y grows southwards), then right.
    between(0, 0, 1, -1, 0, 64, 0.5, out);
    expect(out.x).toBeLessThan(0.5);
    expect(out.y).toBeLessThan(-0.5);
    between(0, 0, 1, -1, 0, 64, 1, out);
    expect([out.x, out.y]).toEqual([1, -1]);
  });

  it('does not swing out where its headings do not go along with its way', () => {
    const out: Spot = { x: 0, y: 0, heading: 0 };
    // To the east, although it headed west at first and south at last.
    for (let t = 0; t <= 1; t += 0.1) {
      between(0, 0, 1, 0, 192, 128, t, out);
      expect([out.x, out.y]).toEqual([t, 0]);
    }
  });
});

describe('the fleet', () => {
  it('finds the nearest vehicle within reach and nobody beyond it', () => {
    const fleet = new Fleet(14);
    fleet.take(frame(1, 10, [{ id: 1, x: 0.1, y: 0.1, fresh: 1 }, null, { id: 3, x: 0.12, y: 0.1, fresh: 1 }]), 0);
    expect(fleet.ids[fleet.nearest(0.117, 0.1, 0.01, 5000)]).toBe(3);
    expect(fleet.nearest(0.5, 0.5, 0.01, 5000)).toBe(-1);
  });

  it('knows who drives with siren, and paints by kind and by who stands', () => {
    const fleet = new Fleet(14);
    const table = new Uint32Array(512).map((_, k) => k + 1);
    fleet.paint(table);
    fleet.take(frame(1, 10, [{ id: 1, x: 0.1, y: 0.1, kind: 1 | SIREN }, { id: 2, x: 0.1, y: 0.1, speed: 0 }]), 0);
    expect(fleet.sirens).toEqual([0]);
    expect([fleet.words[5], fleet.words[11]]).toEqual([(1 | SIREN) + 1, 6 + 256 + 1]);
    fleet.take(frame(2, 10.1, [null, { id: 2, x: 0.1, y: 0.1 }]), 100);
    expect([fleet.words[5], fleet.words[11]]).toEqual([0, 7]);
    fleet.clear();
    expect([fleet.shown, fleet.words[11]]).toEqual([0, 0]);
  });
});
