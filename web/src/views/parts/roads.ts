/** The roads of the map, and which road is where. */

/** A road as the map draws it. */
export interface Road {
  /** Its index in messages about all roads. */
  i: number;
  id: string;
  name: string;
  lanes: number;
  speed_kmh: number;
  /** Importance, 0 the highest. */
  class: number;
  /** Longitude, latitude [°]. */
  line: [number, number][];
}

/** Roads out of the map's GeoJSON; features that are no lines are left out. */
export function roadsOf(answer: unknown): Road[] {
  const features = (answer as { features?: unknown })?.features;
  if (!Array.isArray(features)) return [];
  return features.flatMap((feature: unknown, place): Road[] => {
    const { properties, geometry } = feature as { properties?: Partial<Road>; geometry?: { type?: string; coordinates?: [number, number][] } };
    if (geometry?.type !== 'LineString' || !Array.isArray(geometry.coordinates) || geometry.coordinates.length < 2) return [];
    const id = String(properties?.id ?? place);
    return [
      {
        i: properties?.i ?? place,
        id,
        name: properties?.name || id,
        lanes: properties?.lanes ?? 1,
        speed_kmh: properties?.speed_kmh ?? 50,
        class: properties?.class ?? 4,
        line: geometry.coordinates,
      },
    ];
  });
}

/** Farthest a vehicle may be from the middle of its road [m]: four lanes and what rounding to a tile's raster adds. */
const FAR_M = 18;
/** Side of a cell of the raster that finds roads [°]. */
const CELL = 0.002;

/** Finds the road that somebody at a place drives on: the nearest that leads about where they head. */
export class RoadFinder {
  readonly #cells = new Map<string, [Road, number][]>();

  constructor(roads: readonly Road[]) {
    for (const road of roads) {
      for (let k = 0; k + 1 < road.line.length; k += 1) {
        const [a, b] = [road.line[k]!, road.line[k + 1]!];
        for (let x = cell(Math.min(a[0], b[0])) - 1; x <= cell(Math.max(a[0], b[0])) + 1; x += 1) {
          for (let y = cell(Math.min(a[1], b[1])) - 1; y <= cell(Math.max(a[1], b[1])) + 1; y += 1) {
            const name = `${x} ${y}`;
            const there = this.#cells.get(name);
            if (there) there.push([road, k]);
            else this.#cells.set(name, [[road, k]]);
          }
        }
      }
    }
  }

  /** The road at a place, with a heading [° clockwise from north]; none where no road is near, as inside a junction. */
  at(lon: number, lat: number, heading: number): Road | null {
    const east = 111_320 * Math.cos((lat * Math.PI) / 180);
    const north = 110_574;
    let best: Road | null = null;
    let least = FAR_M;
    for (const [road, k] of this.#cells.get(`${cell(lon)} ${cell(lat)}`) ?? []) {
      const [a, b] = [road.line[k]!, road.line[k + 1]!];
      const [dx, dy] = [(b[0] - a[0]) * east, (b[1] - a[1]) * north];
      const [px, py] = [(lon - a[0]) * east, (lat - a[1]) * north];
      const length = dx * dx + dy * dy;
      const share = length > 0 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const far = Math.hypot(px - share * dx, py - share * dy);
      const turned = Math.abs(((heading - (Math.atan2(dx, dy) * 180) / Math.PI + 540) % 360) - 180);
      if (turned < 60 && far < least) {
        least = far;
        best = road;
      }
    }
    return best;
  }
}

function cell(degrees: number): number {
  return Math.floor(degrees / CELL);
}
