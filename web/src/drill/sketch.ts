// The geometry of a desk's map: places in a plane, what is fitted into a frame, and which marks stand too close to be told apart.

export interface Frame {
  /** Middle, in the plane [m]. */
  x: number;
  y: number;
  /** Pixels of a metre. */
  scale: number;
}

const M_LAT = 111_320;

/** Degrees as metres east and south of the equator's meridian, at a latitude that is that of the whole city. */
export function plane(lat0: number): (lon: number, lat: number) => [number, number] {
  const m_lon = M_LAT * Math.cos((lat0 * Math.PI) / 180);
  return (lon, lat) => [lon * m_lon, -lat * M_LAT];
}

/** The frame that shows all points within a window, with room around them. */
export function fit(points: readonly [number, number][], width: number, height: number, margin = 36): Frame {
  if (points.length === 0) return { x: 0, y: 0, scale: 0.05 };
  let [w, n, e, s] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    w = Math.min(w, x);
    e = Math.max(e, x);
    n = Math.min(n, y);
    s = Math.max(s, y);
  }
  const room = (size: number): number => Math.max(20, size - 2 * margin);
  // A city of one place is shown with some of what is around it.
  const scale = Math.min(room(width) / Math.max(400, e - w), room(height) / Math.max(400, s - n));
  return { x: (w + e) / 2, y: (n + s) / 2, scale };
}

/** Where a point of the plane is in the window [px]. */
export function onto(frame: Frame, width: number, height: number, [x, y]: readonly [number, number]): [number, number] {
  return [width / 2 + (x - frame.x) * frame.scale, height / 2 + (y - frame.y) * frame.scale];
}

/** The frame after zooming by a factor, with one pixel staying where it is. */
export function zoomed(frame: Frame, factor: number, width: number, height: number, px = width / 2, py = height / 2): Frame {
  const scale = Math.min(4, Math.max(0.002, frame.scale * factor));
  const [dx, dy] = [px - width / 2, py - height / 2];
  return { scale, x: frame.x + dx / frame.scale - dx / scale, y: frame.y + dy / frame.scale - dy / scale };
}

export interface Placed<T> {
  x: number;
  y: number;
  of: T[];
}

/** Marks nearer to each other than so many pixels become one; the first keeps its place. */
export function bundled<T>(marks: readonly { x: number; y: number; of: T }[], near: number): Placed<T>[] {
  const found: Placed<T>[] = [];
  for (const mark of marks) {
    const other = found.find((one) => Math.hypot(one.x - mark.x, one.y - mark.y) < near);
    if (other) other.of.push(mark.of);
    else found.push({ x: mark.x, y: mark.y, of: [mark.of] });
  }
  return found;
}

/** A round length for a scale bar of at most so many pixels: [metres, pixels]. */
export function bar(scale: number, most: number): [number, number] {
  const metres = most / scale;
  const power = 10 ** Math.floor(Math.log10(metres));
  const step = [5, 2, 1].find((one) => one * power <= metres) ?? 1;
  return [step * power, step * power * scale];
}
