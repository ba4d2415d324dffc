// What vehicles look like: how long and wide a class is, and which of a few looks it has. The server does not send sizes.

/** Looks, each a colour of the theme and a shape. */
export type Kin = 'car' | 'bus' | 'goods' | 'two-wheeler' | 'walker' | 'rail' | 'rescue' | 'other';

export interface Shape {
  /** Along [m]. */
  length: number;
  /** Across [m]. */
  width: number;
  kin: Kin;
}

const SHAPES: Record<string, Shape> = {
  emergency: { length: 6.5, width: 2.2, kin: 'rescue' },
  authority: { length: 4.8, width: 1.9, kin: 'rescue' },
  army: { length: 7, width: 2.4, kin: 'goods' },
  pedestrian: { length: 0.6, width: 0.6, kin: 'walker' },
  wheelchair: { length: 1.1, width: 0.8, kin: 'walker' },
  scooter: { length: 1.2, width: 0.6, kin: 'two-wheeler' },
  bicycle: { length: 1.7, width: 0.7, kin: 'two-wheeler' },
  moped: { length: 2, width: 0.8, kin: 'two-wheeler' },
  motorcycle: { length: 2.2, width: 0.9, kin: 'two-wheeler' },
  bus: { length: 12, width: 2.5, kin: 'bus' },
  coach: { length: 14, width: 2.55, kin: 'bus' },
  delivery: { length: 6.5, width: 2.1, kin: 'goods' },
  truck: { length: 8, width: 2.4, kin: 'goods' },
  trailer: { length: 16.5, width: 2.55, kin: 'goods' },
  tram: { length: 30, width: 2.4, kin: 'rail' },
  rail_urban: { length: 72, width: 3, kin: 'rail' },
  rail: { length: 110, width: 2.9, kin: 'rail' },
  rail_electric: { length: 110, width: 2.9, kin: 'rail' },
  rail_fast: { length: 200, width: 2.9, kin: 'rail' },
  subway: { length: 90, width: 3, kin: 'rail' },
};
const CAR: Shape = { length: 4.6, width: 1.8, kin: 'car' };
const CARS = new Set(['private', 'vip', 'passenger', 'hov', 'taxi', 'evehicle']);

/** The shape of a class by its word. */
export function shapeOf(word: string | undefined): Shape {
  if (word === undefined) return { ...CAR, kin: 'other' };
  return SHAPES[word] ?? (CARS.has(word) ? CAR : { ...CAR, kin: 'other' });
}

/** Looks in the order of the palette that goes to the graphics card. */
export const KINS: readonly Kin[] = ['car', 'bus', 'goods', 'two-wheeler', 'walker', 'rail', 'rescue', 'other'];

export interface Palette {
  kins: Record<Kin, string>;
  /** Lines around shapes, and windscreens. */
  edge: string;
  glass: string;
  siren: [string, string];
  chosen: string;
  flow: string[];
}

/** Chosen so that looks differ by lightness as well as by hue (Okabe and Ito's colours as the starting point). */
export const PALETTES: Record<'dark' | 'light', Palette> = {
  dark: {
    kins: {
      car: '#dfe6ee',
      bus: '#ffd23f',
      goods: '#d09a6c',
      'two-wheeler': '#6fe0c8',
      walker: '#c8a6ff',
      rail: '#ff9ed8',
      rescue: '#ff5470',
      other: '#a9b7c4',
    },
    edge: '#0a0e13',
    glass: '#3c4a58',
    siren: ['#4d9dff', '#ffffff'],
    chosen: '#ffd166',
    flow: ['#38658c', '#6b93a6', '#d8c064', '#f59a3e', '#ff5d73'],
  },
  light: {
    kins: {
      car: '#27333f',
      bus: '#b07800',
      goods: '#7a4a1f',
      'two-wheeler': '#00776a',
      walker: '#6b3fc4',
      rail: '#b0267f',
      rescue: '#d0022b',
      other: '#5d6a76',
    },
    edge: '#ffffff',
    glass: '#9fb3c6',
    siren: ['#0057d9', '#ff3355'],
    chosen: '#d97706',
    flow: ['#8fb8d9', '#5f93b5', '#d9a520', '#d9601a', '#a81146'],
  },
};

/** `#rrggbb` as parts of 1. */
export function rgb(colour: string): [number, number, number] {
  const n = Number.parseInt(colour.slice(1), 16);
  return [(n >> 16) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255];
}

/** Of points: how large, 100 is as large as a car. */
const SIZES: Record<Kin, number> = { car: 100, bus: 140, goods: 115, 'two-wheeler': 85, walker: 80, rail: 150, rescue: 175, other: 100 };

/** Colour and size of points by kind (see `Fleet.paint`). */
export function paintTable(palette: Palette, shapes: Shape[]): Uint32Array {
  const table = new Uint32Array(512);
  const octets = new Uint8Array(table.buffer);
  for (let kind = 0; kind < 256; kind += 1) {
    const kin = shapes[kind & 31]?.kin ?? 'other';
    const colour = rgb(palette.kins[kin]);
    for (const stands of [0, 1]) {
      // Whoever stands is paler: a queue is seen as one.
      const fade = stands === 1 && (kind & 32) === 0 ? 0.72 : 1;
      const at = (kind + stands * 256) * 4;
      for (let k = 0; k < 3; k += 1) octets[at + k] = Math.round(colour[k]! * fade * 255);
      octets[at + 3] = SIZES[kin];
    }
  }
  return table;
}
