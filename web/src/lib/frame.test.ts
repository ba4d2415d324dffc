import { describe, expect, it } from 'vitest';
// @ts-expect-error: a plain script without types
import * as write from '../../mock/frames.mjs';
import { FrameDecoder, FrameError, NOBODY, readRoads, type Frame } from './frame';

interface Vehicle {
  id: number;
  x: number;
  y: number;
  heading: number;
  speed: number;
  kind: number;
}

const car = (id: number, x: number, y: number, more: Partial<Vehicle> = {}): Vehicle => ({
  id,
  x,
  y,
  heading: 64,
  speed: 40,
  kind: 6,
  ...more,
});

function bytes(buffer: Buffer): ArrayBuffer {
  return Uint8Array.from(buffer).buffer;
}

function message(tiles: unknown[], tick = 1, more: object = {}): ArrayBuffer {
  return bytes(write.frame({ tick, time_s: 100.5, speed: 1, city: 7, tiles, ...more }));
}

/** Vehicles of a frame by number, with places in tiles from the origin. */
function seen(frame: Frame): Record<number, { x: number; y: number; slot: number; fresh: number; kind: number; heading: number; speed: number }> {
  const out: ReturnType<typeof seen> = {};
  for (let slot = 0; slot < frame.slots; slot += 1) {
    if (frame.kind[slot] === NOBODY) continue;
    out[frame.id[slot]!] = {
      x: frame.x[slot]!,
      y: frame.y[slot]!,
      slot,
      fresh: frame.fresh[slot]!,
      kind: frame.kind[slot]!,
      heading: frame.heading[slot]!,
      speed: frame.speed_q[slot]!,
    };
  }
  return out;
}

describe('a frame', () => {
  it('tells everybody in a tile', () => {
    const frame = new FrameDecoder().apply(message([{ x: 5, y: 9, ...write.key([car(3, 0, 65535), car(900, 32768, 16384, { kind: 0x29 })]) }]));
    expect(frame).toMatchObject({ tick: 1, time_s: 100.5, speed: 1, city: 7, shown: 2, cut: false, origin: { x: 5, y: 9 } });
    const by = seen(frame);
    expect(Object.keys(by)).toEqual(['3', '900']);
    expect(by[900]).toMatchObject({ x: 0.5, y: 0.25, kind: 0x29, heading: 64, speed: 40, fresh: 1 });
  });

  it('keeps the slot of whoever stays and foretells where it goes', () => {
    const decoder = new FrameDecoder();
    const a = [car(1, 100, 100), car(2, 200, 200), car(4, 400, 400)];
    const first = seen(decoder.apply(message([{ x: 0, y: 0, ...write.key(a) }])));
    const b = [car(1, 110, 95, { heading: 250 }), car(3, 300, 300), car(4, 400, 400, { kind: 0x46, speed: 0 })];
    const second = seen(decoder.apply(message([{ x: 0, y: 0, ...write.delta(a, b) }], 2)));
    const c = [car(1, 121, 90, { heading: 3 }), car(3, 310, 300), car(4, 400, 400, { kind: 6, speed: 255 })];
    const third = seen(decoder.apply(message([{ x: 0, y: 0, ...write.delta(b, c) }], 3)));
    expect(Object.keys(second)).toEqual(['1', '3', '4']);
    expect(second[1]!.slot).toBe(first[1]!.slot);
    expect(second[1]!.fresh).toBe(0);
    expect(second[3]!.fresh).toBe(1);
    expect(second[4]).toMatchObject({ kind: 0x46, speed: 0 });
    expect(third[1]!.x * 65536).toBeCloseTo(121, 3);
    expect(third[1]!.heading).toBe(3);
    expect(third[3]!.x * 65536).toBeCloseTo(310, 3);
    expect(third[4]).toMatchObject({ kind: 6, speed: 255 });
  });

  it('follows a vehicle from tile to tile in one slot', () => {
    const decoder = new FrameDecoder();
    const west = [car(7, 65500, 10)];
    const first = seen(decoder.apply(message([{ x: 0, y: 0, ...write.key(west) }, { x: 1, y: 0, ...write.key([]) }])));
    const second = seen(
      decoder.apply(message([{ x: 1, y: 0, ...write.delta([], [car(7, 20, 10)]) }, { x: 0, y: 0, ...write.delta(west, []) }], 2)),
    );
    expect(second[7]).toMatchObject({ slot: first[7]!.slot, fresh: 0 });
    expect(second[7]!.x).toBeCloseTo(1 + 20 / 65536, 6);
  });

  it('forgets a tile that is gone, and everything at a cut', () => {
    const decoder = new FrameDecoder();
    decoder.apply(message([{ x: 0, y: 0, ...write.key([car(1, 1, 1)]) }, { x: 1, y: 0, ...write.key([car(2, 1, 1)]) }]));
    expect(Object.keys(seen(decoder.apply(message([{ x: 0, y: 0, ...write.gone() }], 2))))).toEqual(['2']);
    const cut = decoder.apply(message([{ x: 0, y: 0, ...write.key([car(2, 9, 9)]) }], 3, { cut: true }));
    expect(seen(cut)).toMatchObject({ 2: { fresh: 1 } });
    expect(cut.shown).toBe(1);
  });

  it('is the same by keys and by deltas over a long drive of many', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
    const decoder = new FrameDecoder();
    let before: Vehicle[] = [];
    for (let tick = 1; tick <= 60; tick += 1) {
      const stay = before
        .filter(() => random() > 0.05)
        .map((v) => ({
          ...v,
          x: Math.min(65535, Math.max(0, v.x + Math.round((random() - 0.4) * 900))),
          y: Math.min(65535, Math.max(0, v.y + Math.round((random() - 0.5) * 900))),
          heading: Math.floor(random() * 256),
          speed: Math.floor(random() * 256),
          kind: random() < 0.1 ? Math.floor(random() * 128) : v.kind,
        }));
      const have = new Set(stay.map((v) => v.id));
      for (let i = 0; i < 20; i += 1) {
        const id = Math.floor(random() * 100_000);
        if (!have.has(id)) stay.push(car(id, Math.floor(random() * 65536), Math.floor(random() * 65536)));
        have.add(id);
      }
      const now = stay.sort((p, q) => p.id - q.id);
      const tile = tick === 1 ? write.key(now) : write.delta(before, now);
      const frame = decoder.apply(message([{ x: 3, y: 3, ...tile }], tick));
      const by = seen(frame);
      expect(frame.shown).toBe(now.length);
      for (const v of now) {
        expect(by[v.id], `vehicle ${v.id} at ${tick}`).toMatchObject({ heading: v.heading, speed: v.speed, kind: v.kind });
        expect(Math.round(by[v.id]!.x * 65536)).toBe(v.x);
        expect(Math.round(by[v.id]!.y * 65536)).toBe(v.y);
      }
      before = now;
    }
  });

  it('refuses whatever it cannot understand with a reason', () => {
    const whole = new Uint8Array(message([{ x: 0, y: 0, ...write.key([car(1, 1, 1)]) }]));
    for (let length = 0; length < whole.length; length += 1) {
      expect(() => new FrameDecoder().apply(whole.slice(0, length).buffer)).toThrow();
    }
    const delta = message([{ x: 0, y: 0, ...write.delta([car(1, 1, 1)], []) }]);
    expect(() => new FrameDecoder().apply(delta)).toThrow(FrameError);
    const decoder = new FrameDecoder();
    decoder.apply(message([{ x: 0, y: 0, ...write.key([car(2, 1, 1)]) }]));
    expect(() => decoder.apply(delta)).toThrow('somebody leaves a tile who was not in it');
    const bad = { x: 0, y: 0, mode: 0, payload: Buffer.from([1, 2, 3]) };
    expect(() => new FrameDecoder().apply(message([bad]))).toThrow('a tile cannot be inflated');
  });

  it('uses arrays again that were drawn', () => {
    const decoder = new FrameDecoder();
    const a = [car(1, 1, 1), car(2, 2, 2)];
    const first = decoder.apply(message([{ x: 0, y: 0, ...write.key(a) }]));
    const second = decoder.apply(message([{ x: 0, y: 0, ...write.delta(a, [car(2, 2, 2)]) }], 2), first);
    expect(second.x).toBe(first.x);
    expect(Object.keys(seen(second))).toEqual(['2']);
  });
});

describe('a message about roads', () => {
  it('tells every road', () => {
    expect([...readRoads(bytes(write.roads([0, 100, 200, 255])))]).toEqual([0, 100, 200, 255]);
  });

  it('is refused when roads are missing', () => {
    const broken = Uint8Array.from(write.roads([1, 2, 3]) as Buffer);
    broken[2] = 9;
    expect(() => readRoads(broken.buffer)).toThrow(FrameError);
  });
});
