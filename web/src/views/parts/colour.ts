/** Colours that people who see few colours tell apart; none of them says anything alone: a shape, a width or a word goes with it. */

type Rgb = readonly [number, number, number];

/** Cividis (Nuñez, Anderton and Renslow 2018), ten of its colours: from little to much, told apart with any colour vision. */
const CIVIDIS: readonly Rgb[] = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56],
];

/** Blue over grey to orange: less, the same, more. On light ground the middle is light, on dark ground dark. */
const LESS_MORE_LIGHT: readonly Rgb[] = [[5, 80, 160], [90, 150, 205], [205, 208, 212], [230, 150, 70], [160, 70, 0]];
const LESS_MORE_DARK: readonly Rgb[] = [[110, 190, 255], [60, 120, 180], [70, 74, 82], [190, 110, 40], [255, 170, 80]];

function between(anchors: readonly Rgb[], share: number): string {
  const place = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * (anchors.length - 1);
  const below = Math.min(anchors.length - 2, Math.floor(place));
  const low = anchors[below] ?? [0, 0, 0];
  const high = anchors[below + 1] ?? low;
  const mixed = [0, 1, 2].map((i) => Math.round((low[i] ?? 0) + ((high[i] ?? 0) - (low[i] ?? 0)) * (place - below)));
  return `rgb(${mixed.join(',')})`;
}

/** Little (0) to much (1). */
export function sequential(share: number): string {
  return between(CIVIDIS, share);
}

/** Much less (-1) over the same (0) to much more (1). */
export function lessMore(share: number, dark: boolean): string {
  return between(dark ? LESS_MORE_DARK : LESS_MORE_LIGHT, (share + 1) / 2);
}

/** Lines of charts by place: Okabe and Ito's colours, lighter ones on dark ground. With them go dashes, see [`DASHES`]. */
export function line(place: number, dark: boolean): string {
  const light = ['#0072b2', '#b34700', '#007a5e', '#8f4a78', '#5c5c5c'];
  const bright = ['#56b4e9', '#f0a35e', '#33c49a', '#dd9cc4', '#c8c8c8'];
  const colours = dark ? bright : light;
  return colours[place % colours.length] ?? '#888';
}

/** Dashes of lines by place, so that a chart reads without its colours. */
export const DASHES: readonly number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5]];

/** Whether the page is dark now: what its own background colour says. */
export function isDark(of: Element): boolean {
  const [r = 255, g = 255, b = 255, a = 1] = (getComputedStyle(of).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
  if (a === 0) return of.parentElement ? isDark(of.parentElement) : matchMedia('(prefers-color-scheme: dark)').matches;
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}
