// Vehicles where there is no graphics card, or no WebGL2, by a Canvas2D: from far points that are written into the picture one by one, from near plain rectangles in the
// direction of travel.
//
// Writing fifty thousand points into memory takes a few milliseconds; a graphics card that is emulated takes about a microsecond to set up each.

import { KINS, type Palette, type Shape } from './classes';
import { NOBODY, SIREN } from '../lib/frame';
import { WORDS, type Fleet, type Spot } from './fleet';
import type { Look } from './geo';
import { fit } from './gl';
import { dotAt, SHAPES_ZOOM, type Halo, type Vehicles } from './vehicles-gl';

export class FlatVehicles implements Vehicles {
  readonly kind = '2d' as const;
  readonly #context: CanvasRenderingContext2D;
  #ratio = 1;
  #width = 1;
  #height = 1;
  #image: ImageData | null = null;
  #pixels = new Uint32Array(0);

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private palette: Palette,
    private readonly shapes: Shape[],
  ) {
    const context = canvas.getContext('2d');
    if (!context) throw new Error('there is no canvas');
    this.#context = context;
  }

  theme(palette: Palette): void {
    this.palette = palette;
  }

  resize(width: number, height: number, ratio: number): void {
    this.#width = width;
    this.#height = height;
    this.#ratio = ratio;
    fit(this.canvas, width, height, ratio);
  }

  upload(): void {
    // Read from the fleet when drawn.
  }

  draw(look: Look, fleet: Fleet, now: number, halos: Halo[], blink: boolean): void {
    const c = this.#context;
    c.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    c.clearRect(0, 0, this.#width, this.#height);
    if (look.zoom >= SHAPES_ZOOM) this.#shapes(look, fleet, now, blink);
    else this.#points(look, fleet, now);
    for (const halo of halos) {
      c.globalAlpha = halo.strength;
      c.strokeStyle = `rgb(${halo.colour.map((part) => Math.round(part * 255)).join(' ')})`;
      c.lineWidth = 2;
      c.beginPath();
      c.arc(halo.x * look.scale + look.left, halo.y * look.scale + look.top, halo.size / 2 - 2, 0, 2 * Math.PI);
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  #points(look: Look, fleet: Fleet, now: number): void {
    const { width, height } = this.canvas;
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.#image = this.#context.createImageData(width, height);
      this.#pixels = new Uint32Array(this.#image.data.buffer);
    }
    const pixels = this.#pixels;
    pixels.fill(0);
    const scale = look.scale * this.#ratio;
    const left = look.left * this.#ratio;
    const top = look.top * this.#ratio;
    const dot = dotAt(look.zoom) * this.#ratio;
    // Sizes in hundredths as sides of a square of whole pixels.
    const sides = Uint8Array.from({ length: 256 }, (_, hundredths) => Math.max(1, Math.round((hundredths * dot) / 100)));
    const t = fleet.progress(now);
    const { floats, words } = fleet;
    for (let i = 0; i < fleet.slots; i += 1) {
      const f = i * WORDS;
      const word = words[f + 5]!;
      if (word === 0) continue;
      const side = sides[word >>> 24]!;
      const x0 = floats[f]!;
      const y0 = floats[f + 1]!;
      const x = Math.floor((x0 + (floats[f + 2]! - x0) * t) * scale + left - side / 2 + 0.5);
      const y = Math.floor((y0 + (floats[f + 3]! - y0) * t) * scale + top - side / 2 + 0.5);
      if (x < 0 || y < 0 || x + side > width || y + side > height) continue;
      const colour = (word | 0xff000000) >>> 0;
      let at = y * width + x;
      for (let r = 0; r < side; r += 1) {
        for (let c = 0; c < side; c += 1) pixels[at + c] = colour;
        at += width;
      }
    }
    this.#context.putImageData(this.#image, 0, 0);
  }

  #shapes(look: Look, fleet: Fleet, now: number, blink: boolean): void {
    const c = this.#context;
    const spot: Spot = { x: 0, y: 0, heading: 0 };
    const by: number[][] = KINS.map(() => []);
    for (let i = 0; i < fleet.slots; i += 1) {
      if (fleet.kind(i) === NOBODY) continue;
      by[KINS.indexOf(this.shapes[fleet.classOf(i)]?.kin ?? 'other')]!.push(i);
    }
    for (let kin = 0; kin < KINS.length; kin += 1) {
      const own = this.palette.kins[KINS[kin]!];
      c.fillStyle = own;
      for (const i of by[kin]!) {
        fleet.spot(i, now, spot);
        const x = spot.x * look.scale + look.left;
        const y = spot.y * look.scale + look.top;
        if (x < -40 || y < -40 || x > this.#width + 40 || y > this.#height + 40) continue;
        const lit = (fleet.kind(i) & SIREN) !== 0 && blink;
        const shape = this.shapes[fleet.classOf(i)];
        const width = Math.max(2.6, (shape?.width ?? 1.8) * look.metre);
        const length = Math.max(5.2, (shape?.length ?? 4.6) * look.metre);
        const sin = Math.sin(spot.heading) * this.#ratio;
        const cos = Math.cos(spot.heading) * this.#ratio;
        c.setTransform(cos, sin, -sin, cos, x * this.#ratio, y * this.#ratio);
        // A thin edge sets it off from the road; from near it has a windscreen.
        c.fillStyle = this.palette.edge;
        c.fillRect(-width / 2 - 0.6, -0.6, width + 1.2, length + 1.2);
        c.fillStyle = lit ? this.palette.siren[0] : own;
        c.fillRect(-width / 2, 0, width, length);
        if (length > 9 && kin !== 3 && kin !== 4) {
          c.fillStyle = this.palette.glass;
          c.fillRect(-width * 0.39, Math.min(length * 0.24, 1.3 * look.metre), width * 0.78, Math.min(length * 0.14, 0.8 * look.metre));
          c.fillStyle = own;
        }
        if (lit) c.fillStyle = own;
      }
      c.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    }
  }

  destroy(): void {
    this.#context.clearRect(0, 0, this.#width, this.#height);
  }
}
