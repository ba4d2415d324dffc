// An invented city on a bent grid: roads, signals and places for developing the page without a twin.

/** Numbers from a seed (Park and Miller 1988), so that the invented city is the same every time. */
export function randomness(seed) {
  let state = seed % 2147483647 || 1;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

const LAT = 52.03;
const LON = 8.53;
const M_LAT = 111_320;
const M_LON = M_LAT * Math.cos((LAT * Math.PI) / 180);

/** Metres east and north of the middle as [longitude, latitude]. */
export const place = (x, y) => [LON + x / M_LON, LAT + y / M_LAT];

const WORDS = 'Mill Bridge Market Station School Church River Garden Castle Harbour Forest Meadow Tower North South East West Long High Old New Park Spring Orchard Quarry Abbey'.split(' ');
const SORTS = ['Street', 'Road', 'Lane', 'Avenue', 'Way'];

/** `side` junctions each way; `gap` metres apart. */
export function makeCity({ side = 18, gap = 190, seed = 11 } = {}) {
  const random = randomness(seed);
  const half = ((side - 1) * gap) / 2;
  const river = (x) => 0.18 * half + 0.22 * half * Math.sin((2.2 * x) / half);
  const nodes = [];
  for (let j = 0; j < side; j += 1) {
    for (let i = 0; i < side; i += 1) {
      const x = i * gap - half + (random() - 0.5) * gap * 0.34;
      const y = j * gap - half + (random() - 0.5) * gap * 0.34;
      const r = Math.hypot(x, y) / half;
      nodes.push({ x: x * (1 + 0.08 * r), y: y * (1 - 0.05 * r), out: [], in: [], name: `${i}-${j}` });
    }
  }
  const roads = [];
  const names = new Map();
  const line = (key) => {
    if (!names.has(key)) names.set(key, `${WORDS[names.size % WORDS.length]} ${SORTS[Math.floor(names.size / 3) % SORTS.length]}`);
    return names.get(key);
  };
  const join = (a, b, key, rank) => {
    const A = nodes[a];
    const B = nodes[b];
    const lanes = rank >= 3 ? 2 : 1;
    const limit = rank >= 4 ? 70 : rank >= 2 ? 50 : 30;
    for (const [from, to, P, Q] of [[a, b, A, B], [b, a, B, A]]) {
      const d = Math.hypot(Q.x - P.x, Q.y - P.y);
      const ux = (Q.x - P.x) / d;
      const uy = (Q.y - P.y) / d;
      // Traffic keeps to the right; a bend in the middle makes the grid look grown.
      const off = lanes * 1.6;
      const bend = (random() - 0.5) * 14;
      const at = (t, more) => [P.x + ux * d * t + uy * (off + more), P.y + uy * d * t - ux * (off + more)];
      const points = [at(12 / d, 0), at(0.35, bend * 0.8), at(0.65, bend), at(1 - 12 / d, 0)];
      const i = roads.length;
      const lengths = [0];
      for (let k = 1; k < points.length; k += 1) {
        lengths.push(lengths[k - 1] + Math.hypot(points[k][0] - points[k - 1][0], points[k][1] - points[k - 1][1]));
      }
      roads.push({ i, id: `r${i}`, name: line(key), from, to, lanes, limit: limit / 3.6, speed_kmh: limit, rank, points, lengths, length: lengths.at(-1), closed: false });
      nodes[from].out.push(i);
      nodes[to].in.push(i);
    }
  };
  const middle = Math.floor(side / 2);
  const rank = (k) => (k === middle ? 4 : k % 6 === middle % 6 ? 3 : k % 3 === middle % 3 ? 2 : k % 2);
  for (let j = 0; j < side; j += 1) {
    for (let i = 0; i < side; i += 1) {
      const n = j * side + i;
      if (i + 1 < side && (rank(j) > 0 || random() > 0.22)) join(n, n + 1, `h${j}`, rank(j));
      const across = j + 1 < side && river(nodes[n].x) > nodes[n].y !== river(nodes[n].x) > nodes[n + side].y;
      if (j + 1 < side && (across ? rank(i) >= 2 : rank(i) > 0 || random() > 0.22)) join(n, n + side, `v${i}`, rank(i));
    }
  }
  const signals = [];
  nodes.forEach((node, n) => {
    const great = node.in.filter((r) => roads[r].rank >= 2).length;
    if (node.in.length < 3 || great < 3) return;
    node.signal = signals.length;
    signals.push({ id: `s${node.name}`, node: n, links: node.in.map((r) => ({ road: r, across: Math.abs(roads[r].points.at(-1)[0] - node.x) > Math.abs(roads[r].points.at(-1)[1] - node.y) })), offset: random() * 60, green: [28, 24], state: '' });
  });
  const ring = (f, n, from = 0, to = n) => Array.from({ length: n }, (_, k) => f(from + ((to - from) * k) / (n - 1)));
  const w = gap * 0.3;
  const bank = ring((x) => [x, river(x) + w * (1 + 0.3 * Math.sin(x / 300))], 60, -half * 1.35, half * 1.35);
  const other = ring((x) => [x, river(x) - w * (1 + 0.2 * Math.sin(x / 210))], 60, half * 1.35, -half * 1.35);
  const areas = [{ kind: 'water', name: 'River Aller', id: 'water-1', outline: [...bank, ...other, bank[0]] }];
  for (let k = 0; k < Math.max(5, side / 3); k += 1) {
    const cx = (random() - 0.5) * 1.8 * half;
    const cy = (random() - 0.5) * 1.8 * half;
    const r = gap * (0.5 + random());
    const outline = ring((a) => [cx + r * Math.cos(a) * (1 + 0.2 * Math.sin(3 * a)), cy + r * 0.8 * Math.sin(a)], 24, 0, 2 * Math.PI);
    areas.push({ kind: 'park', name: `${WORDS[k]} Park`, id: `park-${k}`, outline });
  }
  const quarters = ['Old Town', 'Northgate', 'Riverside', 'Eastfield', 'Hillcrest', 'Westend', 'Southbank', 'Kingsmead'];
  quarters.forEach((name, k) => {
    const a = (k / quarters.length) * 2 * Math.PI;
    const r = k === 0 ? 0 : half * 0.66;
    const c = [r * Math.cos(a), r * Math.sin(a)];
    areas.push({ kind: 'quarter', name, id: `quarter-${k}`, outline: ring((b) => [c[0] + half * 0.3 * Math.cos(b), c[1] + half * 0.3 * Math.sin(b)], 13, 0, 2 * Math.PI) });
  });
  const points = [];
  const spot = (kind, name, id) => {
    const road = roads[Math.floor(random() * roads.length)];
    const p = along(road, road.length * (0.3 + random() * 0.4));
    points.push({ kind, name, id, x: p.x, y: p.y, road: road.i });
    return points.at(-1);
  };
  for (let k = 0; k < side * 3; k += 1) spot('bus_stop', `${WORDS[k % WORDS.length]} Stop`, `stop-${k}`);
  for (let k = 0; k < Math.max(3, side / 6); k += 1) spot('station', `Ambulance station ${k + 1}`, `station-${k}`);
  for (let k = 0; k < 2; k += 1) spot('hospital', ['General Hospital', 'St Anne Hospital'][k], `hospital-${k}`);
  const sorts = ['loop', 'camera', 'air', 'weather', 'parking'];
  for (let k = 0; k < side * 2; k += 1) spot('sensor', `${sorts[k % 5]}/${k}`, `sensor-${k}`);
  return { name: 'Mockhausen', side, gap, half, nodes, roads, signals, areas, points, random };
}

/** Where a road is after so many metres, and which way it goes [1/256 turn]. */
export function along(road, metres) {
  const { points, lengths } = road;
  let k = 1;
  while (k < points.length - 1 && lengths[k] < metres) k += 1;
  const span = lengths[k] - lengths[k - 1] || 1;
  const t = Math.min(1, Math.max(0, (metres - lengths[k - 1]) / span));
  const [ax, ay] = points[k - 1];
  const [bx, by] = points[k];
  const turn = Math.atan2(bx - ax, by - ay) / (2 * Math.PI);
  return { x: ax + (bx - ax) * t, y: ay + (by - ay) * t, heading: Math.round((turn < 0 ? turn + 1 : turn) * 256) & 255 };
}

const round = ([lon, lat]) => [Math.round(lon * 1e6) / 1e6, Math.round(lat * 1e6) / 1e6];
const feature = (geometry, properties) => ({ type: 'Feature', geometry, properties });
const collection = (features) => ({ type: 'FeatureCollection', features });

export const roadsJson = (city) =>
  collection(
    city.roads.map((road) =>
      feature(
        { type: 'LineString', coordinates: road.points.map(([x, y]) => round(place(x, y))) },
        { i: road.i, id: road.id, name: road.name, lanes: road.lanes, speed_kmh: road.speed_kmh, class: road.rank, internal: false },
      ),
    ),
  );

export const placesJson = (city) =>
  collection([
    ...city.areas.map((area) =>
      feature({ type: 'Polygon', coordinates: [area.outline.map(([x, y]) => round(place(x, y)))] }, { kind: area.kind, name: area.name, id: area.id }),
    ),
    ...city.points.map((p) => feature({ type: 'Point', coordinates: round(place(p.x, p.y)) }, { kind: p.kind, name: p.name, id: p.id })),
  ]);

export const signalsJson = (city) =>
  collection(
    city.signals.map((signal) => {
      const node = city.nodes[signal.node];
      return feature(
        { type: 'Point', coordinates: round(place(node.x, node.y)) },
        {
          id: signal.id,
          durations_s: [signal.green[0], 4, signal.green[1], 4],
          links: signal.links.map((link) => {
            const road = city.roads[link.road];
            const p = along(road, road.length);
            return [...round(place(p.x, p.y)), (p.heading * 360) / 256];
          }),
        },
      );
    }),
  );

export function bounds(city) {
  const r = city.half * 1.1;
  return [...round(place(-r, -r)), ...round(place(r, r))];
}
