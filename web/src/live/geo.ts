// Places on the map: longitude and latitude, and tiles of the web's Mercator projection at a fixed zoom.

/** [longitude, latitude] in tiles at a zoom: east from -180°, south from +85°. */
export function toTiles(lon: number, lat: number, zoom: number): [number, number] {
  const s = Math.min(0.9999, Math.max(-0.9999, Math.sin((lat * Math.PI) / 180)));
  const side = 2 ** zoom;
  return [((lon + 180) / 360) * side, (0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * side];
}

/** The other way. */
export function fromTiles(x: number, y: number, zoom: number): [number, number] {
  const side = 2 ** zoom;
  const n = Math.PI * (1 - (2 * y) / side);
  return [(x / side) * 360 - 180, (Math.atan(Math.sinh(n)) * 180) / Math.PI];
}

/** Metres of a tile's side at a latitude. */
export function tileMetres(lat: number, zoom: number): number {
  return (40_075_016.686 * Math.cos((lat * Math.PI) / 180)) / 2 ** zoom;
}

/** How the map lies now: what becomes of tiles measured from an origin. All lengths in CSS pixels. */
export interface Look {
  /** Pixels of a tile's side. */
  scale: number;
  /** Where the origin's corner is. */
  left: number;
  top: number;
  width: number;
  height: number;
  /** Zoom of the map. */
  zoom: number;
  /** Pixels of a metre in the middle of the map. */
  metre: number;
}

/** The look of a map that is neither turned nor tilted. Reckoned in f64; only offsets from the origin are ever f32. */
export function lookOf(
  centre: { lng: number; lat: number },
  zoom: number,
  width: number,
  height: number,
  tileZoom: number,
  origin: { x: number; y: number },
): Look {
  const scale = 512 * 2 ** (zoom - tileZoom);
  const [cx, cy] = toTiles(centre.lng, centre.lat, tileZoom);
  return {
    scale,
    left: width / 2 - (cx - origin.x) * scale,
    top: height / 2 - (cy - origin.y) * scale,
    width,
    height,
    zoom,
    metre: scale / tileMetres(centre.lat, tileZoom),
  };
}
