// Numbers on the page are numbers in the stores are numbers in the report: read as they are shown, as the API answers them, and out of
// the files of the finished run. What is shown is rounded; it is held against what is answered, rounded here by a rule of its own.

import { alive, api, ask, check, equal, open, put, until } from './browser.mjs';

const tests = [];

/** A number as people read it in English: so many digits at most, thousands parted, none after the point that say nothing. */
function written(value, digits) {
  if (value === null) return '–';
  const size = Math.abs(value);
  const most = digits ?? (Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : 4);
  const [whole, part = ''] = rounded(size, most).split('.');
  const decimals = part.replace(/0+$/, '');
  const text = `${whole.replace(/\B(?=(\d{3})+$)/g, ',')}${decimals ? `.${decimals}` : ''}`;
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** Halves go up, by the decimals that a number is written with and not by what is left of them in binary. */
function rounded(size, digits) {
  const [whole, part = ''] = (/e/.test(String(size)) ? size.toFixed(12) : String(size)).split('.');
  const kept = BigInt(whole + part.slice(0, digits).padEnd(digits, '0')) + ((part[digits] ?? '0') >= '5' ? 1n : 0n);
  const text = String(kept).padStart(digits + 1, '0');
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

const text = async (locator) => (await locator.textContent()).trim();
/** A figure without its unit. */
const figure = (shown) => shown.split('\u00a0')[0].trim();
const whole = (shown) => Number(shown.replaceAll(',', ''));

const indicators = async (twin) => Object.fromEntries((await api(twin, 'indicators')).map((one) => [one.name, one]));

/** Figures that go by the clock on the wall, which does not stand when the city does. */
const WALL = new Set(['pipeline.messages_per_s']);

/** Waits until all that the standing city told has come into the stores; the indicators then. */
async function settled(twin) {
  let before = '';
  return until(
    async () => {
      const now = await indicators(twin);
      const same = JSON.stringify(Object.values(now).filter((one) => !WALL.has(one.name)).map((one) => [one.name, one.value]));
      const still = same === before && now['pipeline.behind'].value === 0;
      before = same;
      if (!still) await new Promise((done) => setTimeout(done, 1_500));
      return still ? now : null;
    },
    'the stores have everything that the standing city told',
    90_000,
  );
}

const cityOf = async (twin) => (await api(twin, 'cities'))[0].id;

/** Every alert that holds, page by page. */
async function firing(twin) {
  const city = await cityOf(twin);
  const all = [];
  for (let path = `cities/${city}/alerts?state=firing&limit=200`; path; ) {
    const page = await api(twin, path);
    all.push(...page.items);
    path = page.next ? `cities/${city}/alerts?state=firing&limit=200&cursor=${encodeURIComponent(page.next)}` : null;
  }
  return all;
}

/** The figures of the panel beside the map. */
async function panel(page) {
  const totals = await page.locator('[data-total]').evaluateAll((all) => Object.fromEntries(all.map((one) => [one.dataset.total, one.textContent.trim()])));
  const count = async (id) => page.locator(`section[aria-labelledby=${id}] > h2 .num`).first().textContent();
  return { ...totals, incidents: await count('city-incidents'), units: await count('city-units') };
}

/** What the panel says against what is answered: the model's own totals, and calls, incidents and ambulances out of the stores. */
async function panelAgrees(twin, page, now) {
  const seen = await panel(page);
  const model = (name) => now[`model.${name}`].value;
  equal(
    { running: seen.running, arrived: seen.arrived, halting: seen.halting, waiting_to_enter: seen.waiting_to_enter, speed_mean: seen.speed_mean, speed_relative_mean: seen.speed_relative_mean },
    {
      running: written(model('running'), 0),
      arrived: written(model('arrived'), 0),
      halting: written(model('halting'), 0),
      waiting_to_enter: written(model('waiting_to_enter'), 0),
      speed_mean: `${written(model('speed_kmh'), 1)}\u00a0km/h`,
      speed_relative_mean: `${written(model('speed_percent'), 0)}\u00a0%`,
    },
    'totals beside the map, and the indicators of the model',
  );
  const emergencies = await (await ask(`${twin.url}api/emergencies/active`)).json();
  const busy = Math.round((now['emergencies.units_busy_percent'].value ?? 0) * (now['emergencies.units'].value ?? 0)) / 100;
  equal(
    { calls: seen.calls_open, incidents: seen.incidents, busy: seen.units.split('/')[0] },
    { calls: written(emergencies.calls.length, 0), incidents: written(emergencies.incidents.length, 0), busy: written(Math.round(busy), 0) },
    'calls, incidents and busy ambulances beside the map, and what the stores have open',
  );
  equal(
    { calls: emergencies.calls.length, incidents: emergencies.incidents.length },
    { calls: now['emergencies.calls_open'].value, incidents: now['safety.incidents_open'].value },
    'what the stores have open, one by one and counted',
  );
  return seen;
}

/** Every tile of every role's board against its indicator. */
async function boardAgrees(page, now) {
  await page.evaluate(() => (location.hash = '#/board'));
  await page.waitForSelector('.tile');
  const read = new Set();
  for (const role of ['Planner', 'Operator', 'Trainer', 'Engineer']) {
    await page.getByRole('button', { name: role, exact: true }).click();
    await page.waitForSelector('.tile');
    const tiles = await page.locator('[data-indicator]').evaluateAll((all) => all.map((one) => [one.dataset.indicator, one.textContent.trim()]));
    for (const [name, shown] of tiles) {
      if (WALL.has(name)) continue;
      equal(figure(shown), written(now[name].value), `the tile ${name} (${shown})`);
      read.add(name);
    }
  }
  check(read.size >= 25, `${read.size} indicators were read from boards`);
}

async function alertsAgree(twin, page, now) {
  const open = await firing(twin);
  await page.evaluate(() => (location.hash = '#/alerts'));
  await page.waitForSelector('.counts');
  await page.getByRole('button', { name: 'noted', exact: true }).click();
  const severities = ['critical', 'high', 'medium', 'low'];
  const counts = () => page.locator('.counts strong').allTextContents();
  const unseen = open.filter((one) => !one.acknowledged);
  const wanted = severities.map((severity) => written(unseen.filter((one) => one.severity === severity).length, 0));
  await until(async () => JSON.stringify(await counts()) === JSON.stringify(wanted), `alerts that nobody has seen by severity: ${wanted}, shown ${await counts()}`);
  const rows = open.length === 0 ? '0' : (await text(page.locator('main table caption .count').first())).match(/[\d,]+/)[0];
  equal(
    { rows: whole(rows), firing: open.length, unseen: unseen.length },
    { rows: now['alerts.firing'].value, firing: now['alerts.firing'].value, unseen: now['alerts.unseen'].value },
    'alerts in the list, in the store, and as an indicator',
  );
}

async function pipelineAgrees(twin, page) {
  await page.evaluate(() => (location.hash = '#/pipeline'));
  await page.waitForSelector('[data-fact]');
  const now = await api(twin, 'pipeline');
  const seen = await page.locator('[data-fact]').evaluateAll((all) => Object.fromEntries(all.map((one) => [one.dataset.fact, one.textContent.trim()])));
  delete seen.rate;
  const wanted = Object.fromEntries(['messages', 'behind', 'spooled'].map((name) => [name, written(now[name], 0)]));
  wanted.shown = now.shown_s ? now.shown_s.map((one) => `${written(one, 2)}\u00a0s`).join(' / ') : '–';
  for (const name of ['duplicates', 'late', 'quarantined']) wanted[name] = written(now[name], 0);
  equal(seen, wanted, 'the pipeline');
}

async function tableAgrees(page, now, seen) {
  await page.evaluate(() => (location.hash = '#/table'));
  const lead = page.locator('.lead').first();
  const [, shown, all] = await until(async () => {
    const found = (await text(lead)).match(/: ([\d,]+) of ([\d,]+) vehicles/);
    return found && found[2] !== '0' ? found : null;
  }, 'the table has its vehicles');
  equal(whole(all), now['model.running'].value, 'vehicles of the table');
  check(whole(shown) <= whole(all), `${shown} of ${all} vehicles`);
  const part = (name) => page.locator('.choices').getByRole('button', { name: new RegExp(`^${name}`) });
  equal(await text(part('Incidents').locator('.num')), seen.incidents, 'incidents of the table');
  equal(await text(part('Ambulances').locator('.num')), seen.units.split('/')[1], 'ambulances of the table');
  // Vehicles on streets are the vehicles outside junctions.
  await part('Vehicles').click();
  const rows = (await text(page.locator('main table caption .count'))).match(/[\d,]+/)[0];
  equal(whole(rows), whole(shown), 'rows of vehicles');
}

/** Brings a place of a kind to the middle of the map and clicks on it, as somebody with a mouse would; what was chosen. */
async function choose(page, kind, places) {
  await page.evaluate(() => (location.hash = '#/live'));
  await until(() => page.evaluate(() => Boolean(window.__twin.stage?.().roads)), 'the map is there');
  for (const [lon, lat, wanted] of places) {
    await page.evaluate(([lon, lat]) => window.__twin.stage().map.jumpTo({ center: [lon, lat], zoom: 18 }), [lon, lat]);
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const at = await page.evaluate(([kind, wanted]) => {
      const stage = window.__twin.stage();
      const box = stage.map.getContainer().getBoundingClientRect();
      for (let r = 0; r < 60; r += 6) {
        for (let a = 0; a < 6.28; a += 0.7) {
          const [x, y] = [box.width / 2 + r * Math.cos(a), box.height / 2 + r * Math.sin(a)];
          const found = stage.at(x, y);
          if (found?.kind === kind && (found.id ?? found.name) === wanted) return [box.x + x, box.y + y];
        }
      }
      return null;
    }, [kind, wanted]);
    if (!at) continue;
    await page.mouse.click(at[0], at[1]);
    await until(async () => (await page.locator('#tab-inspect').getAttribute('aria-selected')) === 'true', `${kind} ${wanted} is chosen`);
    return wanted;
  }
  throw new Error(`no ${kind} could be clicked`);
}

const post = (twin, path, body) => api(twin, path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

/** Sends a city ahead that is too young for anything to be told of its roads. */
async function grown(twin) {
  const told = async () => (await (await ask(`${twin.url}api/analytics/traffic-summary`)).json()).roads > 0;
  if (await told()) return;
  const { time_s } = await api(twin, 'sessions/live');
  await post(twin, 'sessions/live/jump', { to: { time_s: time_s + 600 } });
  await until(told, 'something is told of the roads', 60_000);
}

/** A road on which somebody drives: its speed beside the map, as the session answers it, and as devices told it. */
async function roadAgrees(twin, page) {
  const { features } = await (await ask(`${twin.url}api/v1/map/roads`)).json();
  const driven = [];
  const main = features.filter((one) => one.properties.class >= 3);
  for (const one of main) {
    const facts = await post(twin, 'sessions/live/facts', { kind: 'road', id: one.properties.id });
    const speed = facts.facts.find((fact) => fact.name === 'speed_mean' || fact.name === 'speed');
    const told = await (await ask(`${twin.url}api/traffic/live/${encodeURIComponent(one.properties.id)}`)).json();
    if (speed?.value > 0 && told.start) driven.push(one);
    if (driven.length >= 6) break;
  }
  check(driven.length > 0, 'somebody drives on a main road');
  const places = driven.flatMap((one) => {
    const line = one.geometry.coordinates;
    return line.slice(1).map(([lon, lat], k) => [(lon + line[k][0]) / 2, (lat + line[k][1]) / 2, one.properties.id]);
  });
  const id = await choose(page, 'road', places);
  const facts = await post(twin, 'sessions/live/facts', { kind: 'road', id });
  const { name, value, unit } = facts.facts.find((fact) => fact.name === 'speed_mean' || fact.name === 'speed');
  const told = await (await ask(`${twin.url}api/traffic/live/${encodeURIComponent(id)}`)).json();
  await page.locator(`[data-fact=${name}]`).waitFor();
  const shown = await text(page.locator(`[data-fact=${name}]`));
  equal(shown, unit === 'm/s' ? `${written(value * 3.6, 0)}\u00a0km/h` : `${written(value)}\u00a0${unit}`, `the speed on ${id}`);
  equal(await text(page.locator('[data-fact=vehicles]')), written(facts.facts.find((fact) => fact.name === 'vehicles').value), `vehicles on ${id}`);
  if (told.speed_kmh !== null) {
    await page.locator('[data-fact=told]').waitFor();
    equal(await text(page.locator('[data-fact=told]')), `${written(told.speed_kmh, 0)}\u00a0km/h`, `the speed on ${id} as devices told it`);
  }
}

/** A device: its last reading beside the map, and its newest record in the store. */
async function deviceAgrees(twin, page) {
  const city = await cityOf(twin);
  const { items } = await api(twin, `cities/${city}/assets?type=loop&limit=40`);
  const places = items.filter((one) => one.location).map((one) => [...one.location.coordinates, one.name]);
  const name = await choose(page, 'sensor', places);
  const asset = items.find((one) => one.name === name);
  const { items: records } = await api(twin, `cities/${city}/assets/${asset.id}/records?limit=1`);
  const last = page.locator('[data-fact=last]');
  await until(async () => (await last.getAttribute('data-at')) !== null, 'the last reading is there');
  const metric = await page.getByLabel('Metric').inputValue();
  const { unit } = await api(twin, `cities/${city}/assets/${asset.id}/metrics?metric=${metric}`);
  await until(async () => (await text(last)).length > 0, 'it has a value');
  equal(await text(last), unit === '1' || unit === '' ? written(records[0][metric]) : `${written(records[0][metric])}\u00a0${unit}`, `the last ${metric} of ${name}`);
  equal(Number(await last.getAttribute('data-at')), Date.parse(records[0].timestamp), `when ${name} said so`);
  equal(JSON.parse(await page.locator('#panel pre').first().textContent()), records[0], `the record of ${name} as it went over the wire`);
}

tests.push(['numbers: a city that stands shows what its stores answer, on the map, board, alerts, pipeline and table', async (twin) => {
  await grown(twin);
  const page = await open(twin, 'live');
  await alive(page);
  await page.getByRole('button', { name: 'Pause' }).click();
  try {
    await until(async () => (await api(twin, 'sessions/live')).paused, 'the clock stands');
    const now = await settled(twin);
    await until(async () => (await text(page.locator('[data-total=arrived]'))) === written(now['model.arrived'].value, 0), 'the page has the last state');
    const seen = await panelAgrees(twin, page, now);
    await until(async () => (await text(page.locator('[data-total=alerts]'))) === written(now['alerts.firing'].value, 0), `${now['alerts.firing'].value} alerts beside the map`);
    await boardAgrees(page, now);
    await alertsAgree(twin, page, now);
    await pipelineAgrees(twin, page);
    await tableAgrees(page, now, seen);
    await roadAgrees(twin, page);
    await deviceAgrees(twin, page);
  } finally {
    await put(twin, 'sessions/live/clock', 'resume');
  }
  await page.done();
}, 'served']);

// Finished runs

const csv = (body) => {
  const [head, ...rows] = body.trim().split('\n').map((line) => line.split(','));
  return rows.map((row) => Object.fromEntries(head.map((name, k) => [name, row[k]])));
};

/** A duration as reports write it. */
const minutes = (seconds) => `${Math.floor(Math.round(seconds) / 60)} min ${String(Math.round(seconds) % 60).padStart(2, '0')} s`;

/** What a finished run says of itself: in its report as a page shows it, and in its files. */
async function report(twin, page, run) {
  const file = async (name) => (await ask(`${twin.url}api/v1/finished/${encodeURIComponent(run.id)}/${name}`)).text();
  await page.evaluate(() => (location.hash = '#/runs'));
  const row = page.locator('main tbody tr').filter({ hasText: run.id.replaceAll('~', '/') });
  await row.getByRole('button', { name: /^Open the report/ }).click();
  await page.waitForSelector('iframe[sandbox]');
  const frame = await (await page.locator('iframe').elementHandle()).contentFrame();
  const body = frame.locator('body');
  await until(async () => (await body.textContent()).includes('trips finished'), 'the report is in its frame');
  const prose = (await body.textContent()).replace(/\s+/g, ' ');
  const [, arrived, all, mean] = prose.match(/([\d,]+) of ([\d,]+) trips finished; the mean trip took (\d+ min \d+ s)/);
  const under_way = prose.match(/Unfinished trips\s*([\d,]+)/)?.[1] ?? '0';
  const table = async (caption) => {
    const found = frame.locator('table', { has: frame.locator(`caption:has-text(${JSON.stringify(caption)})`) });
    return (await found.count()) === 0 ? [] : found.locator('tbody tr').evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent.trim())));
  };
  const incidents = await table('Incidents on the road');
  const calls = await table('The calls in the order in which they rang');
  await page.getByRole('button', { name: 'Close the report' }).click();
  const manifest = JSON.parse(await file('manifest.json'));
  const said = { arrived: whole(arrived), entered: whole(all), under_way: whole(under_way), mean, calls: calls.length, incidents_open: incidents.filter((row) => /still there/.test(row.at(-1))).length };
  const rung = run.files.includes('calls.csv') ? csv(await file('calls.csv')) : [];
  const dropped = run.files.includes('incidents.csv') ? csv(await file('incidents.csv')) : [];
  const trips = csv(await file('trips.csv'));
  const { results } = manifest;
  equal(
    said,
    { arrived: results.arrived, entered: results.loaded, under_way: results.running, mean: minutes(results.duration_mean_s), calls: rung.length, incidents_open: dropped.filter((one) => one.cleared_s === '').length },
    'the report and the files of the run',
  );
  equal(trips.filter((one) => one.finished === 'true').length, results.arrived, 'finished trips in trips.csv');
  return { ...said, calls_open: rung.filter((one) => one.t_clear_s === '').length, travel_s: results.duration_mean_s, entered: results.inserted };
}

/** The panel of a city at its end against its report. */
async function endAgrees(page, told) {
  await until(async () => (await text(page.locator('[data-total=arrived]'))) === written(told.arrived, 0), `${told.arrived} arrived`, 60_000);
  const seen = await panel(page);
  equal(
    { running: seen.running, arrived: seen.arrived, calls: seen.calls_open ?? '0', incidents: seen.incidents },
    { running: written(told.under_way, 0), arrived: written(told.arrived, 0), calls: written(told.calls_open, 0), incidents: written(told.incidents_open, 0) },
    'the panel at the end, and the report',
  );
}

/** The last of a session's samples, from which the board's charts are drawn, against the report. */
async function samplesAgree(twin, session, told) {
  const { totals } = (await api(twin, `sessions/${session}/samples`)).at(-1);
  equal(
    { running: totals.running, arrived: totals.arrived, inserted: totals.inserted, calls_open: totals.calls_open, mean: minutes(totals.travel_time_mean) },
    { running: told.under_way, arrived: told.arrived, inserted: told.entered, calls_open: told.calls_open, mean: told.mean },
    'the last sample of the session, and the report',
  );
}

tests.push(['numbers: a city that is over shows what its stores answer and its report says', async (given) => {
  const twin = { ...given, url: given.over };
  const run = await until(async () => (await api(twin, 'finished')).find((one) => one.files.includes('report.html') && one.files.includes('manifest.json')), 'the run is over and has its report', 300_000);
  const now = await settled(twin);
  const page = await open(twin, 'live');
  // Of a city that stands at its end one frame comes, and no more.
  await until(() => page.evaluate(() => window.__twin.ready && window.__twin.vehicles > 0), 'the map is drawn');
  await until(async () => (await text(page.locator('[data-total=arrived]'))) === written(now['model.arrived'].value, 0), 'the page has the last state');
  await panelAgrees(twin, page, now);
  const told = await report(twin, page, run);
  await page.evaluate(() => (location.hash = '#/live'));
  await endAgrees(page, told);
  await samplesAgree(twin, 'live', told);
  // What the report counts, the stores count too.
  equal(
    { calls: now['emergencies.calls_open'].value, incidents: now['safety.incidents_open'].value, arrived: now['model.arrived'].value },
    { calls: told.calls_open, incidents: told.incidents_open, arrived: told.arrived },
    'the stores, and the report',
  );
  await boardAgrees(page, now);
  await page.done();
}, 'over']);

tests.push(['numbers: a replay ends with the numbers of the report', async (twin) => {
  const runs = (await api(twin, 'finished')).filter((one) => one.kind === 'run' && one.replayable && ['report.html', 'manifest.json', 'trips.csv'].every((name) => one.files.includes(name)));
  check(runs.length > 0, 'there is a run to replay');
  for (const run of runs) {
    const page = await open(twin, 'runs');
    const row = page.locator('main tbody tr').filter({ hasText: run.id.replaceAll('~', '/') });
    await row.waitFor();
    const told = await report(twin, page, run);
    await row.getByRole('button', { name: /^Replay/ }).click();
    const id = await until(() => page.evaluate(() => location.hash === '#/live' && window.__twin.session !== 'live' && window.__twin.session), 'the replay is on the map', 120_000);
    try {
      await page.getByLabel('City seconds for a second on the wall').selectOption('fast');
      await until(async () => (await api(twin, `sessions/${id}`)).over, 'the replay is over', 300_000);
      await endAgrees(page, told);
      await samplesAgree(twin, id, told);
      await page.evaluate(() => (location.hash = '#/table'));
      await until(async () => (await text(page.locator('.lead').first())).includes(`of ${written(told.under_way, 0)} vehicles`), 'the table has as many vehicles as the report');
    } finally {
      await api(twin, `sessions/${id}`, { method: 'DELETE' });
    }
    await page.done();
  }
}, 'served']);

export default tests;
