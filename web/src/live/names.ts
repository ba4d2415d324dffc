// Names on the map: quarters from far, streets along themselves from near. Drawn with the system's font, so that no glyphs have to be
// fetched; a name is left out where there is no room for it.

import type { Look } from './geo';
import { seen, type Road, type Roads } from './roads';

export interface Ink {
  ink: string;
  soft: string;
  halo: string;
}

interface Box {
  x: number;
  y: number;
  r: number;
}

const STREETS_ZOOM = 14.4;
const QUARTERS_TO = 15.6;
/** A street's name again after so many pixels. */
const AGAIN = 380;
const MOST = 90;

export class Names {
  #roads: Road[] = [];
  #quarters: { x: number; y: number; name: string }[] = [];
  readonly #widths = new Map<string, number>();

  /** Takes the roads; of two directions one is enough. */
  roads(roads: Roads): void {
    this.#roads = roads.list.filter((road) => road.name !== '').sort((a, b) => b.rank - a.rank || b.length - a.length || a.i - b.i);
  }

  quarters(quarters: { x: number; y: number; name: string }[]): void {
    this.#quarters = quarters;
  }

  draw(c: CanvasRenderingContext2D, look: Look, ink: Ink, taken: { x: number; y: number; r: number }[]): void {
    const boxes: Box[] = taken.slice(0, 300).map(({ x, y, r }) => ({ x, y, r }));
    c.lineJoin = 'round';
    c.textAlign = 'center';
    c.textBaseline = 'middle';
    if (look.zoom < QUARTERS_TO) this.#drawQuarters(c, look, ink, boxes);
    if (look.zoom >= STREETS_ZOOM) this.#drawStreets(c, look, ink, boxes);
  }

  #width(c: CanvasRenderingContext2D, text: string): number {
    const key = `${c.font}|${text}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      width = c.measureText(text).width;
      this.#widths.set(key, width);
    }
    return width;
  }

  #drawQuarters(c: CanvasRenderingContext2D, look: Look, ink: Ink, boxes: Box[]): void {
    c.font = `600 ${look.zoom < 12.5 ? 10.5 : 12}px system-ui, sans-serif`;
    c.letterSpacing = '0.08em';
    for (const quarter of this.#quarters) {
      const x = quarter.x * look.scale + look.left;
      const y = quarter.y * look.scale + look.top;
      if (x < 0 || y < 0 || x > look.width || y > look.height) continue;
      const text = quarter.name.toLocaleUpperCase();
      const half = this.#width(c, text) / 2;
      if (!free(boxes, spread(x, y, 0, half, 8))) continue;
      write(c, text, x, y, ink.soft, ink.halo, 3.5);
    }
    c.letterSpacing = '0px';
  }

  #drawStreets(c: CanvasRenderingContext2D, look: Look, ink: Ink, boxes: Box[]): void {
    c.font = `500 ${look.zoom < 16 ? 10.5 : 11.5}px system-ui, sans-serif`;
    const where = new Map<string, [number, number][]>();
    let count = 0;
    for (const road of this.#roads) {
      if (count >= MOST) break;
      if (!seen(road, look, 0)) continue;
      const pixels = road.length * look.scale;
      if (pixels < 46 || (look.zoom < 15.2 && road.rank < 2) || (look.zoom < 16 && road.rank < 1)) continue;
      const k = Math.floor(road.line.length / 4) * 2;
      const a = Math.max(0, k - 2);
      const mx = ((road.line[a]! + road.line[k]!) / 2) * look.scale + look.left;
      const my = ((road.line[a + 1]! + road.line[k + 1]!) / 2) * look.scale + look.top;
      if (mx < 0 || my < 0 || mx > look.width || my > look.height) continue;
      const half = this.#width(c, road.name) / 2;
      if (half * 2 + 10 > pixels) continue;
      const others = where.get(road.name) ?? [];
      if (others.some(([x, y]) => Math.hypot(x - mx, y - my) < AGAIN)) continue;
      let angle = Math.atan2(road.line[k + 1]! - road.line[a + 1]!, road.line[k]! - road.line[a]!);
      if (angle > Math.PI / 2) angle -= Math.PI;
      else if (angle < -Math.PI / 2) angle += Math.PI;
      if (!free(boxes, spread(mx, my, angle, half, 6))) continue;
      others.push([mx, my]);
      where.set(road.name, others);
      count += 1;
      c.save();
      c.translate(mx, my);
      c.rotate(angle);
      write(c, road.name, 0, 0, ink.ink, ink.halo, 3);
      c.restore();
    }
  }
}

function write(c: CanvasRenderingContext2D, text: string, x: number, y: number, ink: string, halo: string, width: number): void {
  c.strokeStyle = halo;
  c.lineWidth = width;
  c.strokeText(text, x, y);
  c.fillStyle = ink;
  c.fillText(text, x, y);
}

/** A text as a row of circles, for seeing whether it lies on another. */
function spread(x: number, y: number, angle: number, half: number, r: number): Box[] {
  const n = Math.max(1, Math.ceil(half / r));
  return Array.from({ length: 2 * n + 1 }, (_, k) => {
    const t = ((k - n) / n) * half;
    return { x: x + Math.cos(angle) * t, y: y + Math.sin(angle) * t, r };
  });
}

function free(boxes: Box[], wanted: Box[]): boolean {
  for (const box of wanted) {
    for (const other of boxes) if (Math.hypot(box.x - other.x, box.y - other.y) < box.r + other.r) return false;
  }
  boxes.push(...wanted);
  return true;
}
