import { describe, expect, it } from 'vitest';
import { FrameDecoder, NOBODY } from '../src/lib/frame.ts';
import { bounds, makeCity } from './city.mjs';
import { Tiler, Traffic } from './traffic.mjs';

describe('the invented city', () => {
  it('is told as it is: also to who comes late, and to who missed a frame', () => {
    const city = makeCity({ side: 10 });
    const traffic = new Traffic(city, 400);
    const tiler = new Tiler(traffic);
    const readers = [0, 5].map((from) => ({ from, tiles: new Map(), got: 0, decoder: new FrameDecoder() }));
    for (let tick = 0; tick < 40; tick += 1) {
      traffic.step(0.5, 100 + tick * 0.5);
      tiler.take();
      for (const reader of readers) {
        if (tick < reader.from || (reader.from > 0 && tick % 7 === 0)) continue;
        const bytes = tiler.frame(reader, bounds(city), { time_s: 100, speed: 1 });
        const frame = reader.decoder.apply(Uint8Array.from(bytes).buffer);
        expect(frame.shown).toBe(traffic.count);
        for (let slot = 0; slot < frame.slots; slot += 1) {
          if (frame.kind[slot] === NOBODY) continue;
          const i = frame.id[slot];
          const x = (Math.floor(traffic.tile[i] / 65536) - frame.origin.x) * 65536 + traffic.x[i];
          expect(Math.abs(frame.x[slot] * 65536 - x), `vehicle ${i} at ${tick}`).toBeLessThan(0.6);
        }
      }
    }
  });
});
