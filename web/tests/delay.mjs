// From a device and from the model to the eye: how old what the page shows is, measured in the browser.
//
// City time and time on the wall go at one pace when the city runs at the speed of life. Where the one lies against the other is read
// from the server over and over: a step's time is answered the soonest right after the step, so the greatest lead that was ever answered
// is that of a step that has just been made. What is shown is as old as it lags behind that.

import { alive, api, ask, check, open, put, until } from './browser.mjs';

const tests = [];

/** So old may be what is shown [ms]. */
const MOST_MS = 1_000;
/** What the page asks for, instead of being told, may be so old [ms]. */
const ASKED_MS = 15_000;
/** Pictures that are looked at: about eight seconds. */
const PICTURES = 240;
/** Readings of a device that are waited for. */
const READINGS = 6;
/** Incidents that are dropped. */
const REPORTS = 5;

const at = (values, share) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];
const told = (values) => `${Math.round(at(values, 0.5))} ms (median), ${Math.round(at(values, 0.95))} ms (19 of 20), ${Math.round(Math.max(...values))} ms (worst of ${values.length})`;

/** City time less wall time [ms], of a step that has just been made; and how long the fastest answer took. */
async function lead(twin) {
  const end = Date.now() + 3_000;
  let most = -Infinity;
  let way = Infinity;
  while (Date.now() < end) {
    const asked = Date.now();
    const { time_s } = await api(twin, 'sessions/live');
    const answered = Date.now();
    way = Math.min(way, answered - asked);
    most = Math.max(most, time_s * 1000 - answered);
  }
  return { most, way };
}

/** Lets the living city run at the speed of life, as long as something takes. */
async function atLife(twin, what) {
  const { speed, paused } = await api(twin, 'sessions/live');
  await put(twin, 'sessions/live/clock', { speed: { factor: 1 } });
  if (paused) await put(twin, 'sessions/live/clock', 'resume');
  try {
    await what();
  } finally {
    await put(twin, 'sessions/live/clock', { speed: { factor: speed } });
    if (paused) await put(twin, 'sessions/live/clock', 'pause');
  }
}

tests.push(['delay: what the map shows is less than a second old', async (twin) => {
  const page = await open(twin, 'live');
  await alive(page);
  await atLife(twin, async () => {
    await until(async () => Math.abs((await api(twin, 'sessions/live')).speed_reached - 1) < 0.1, 'the city runs at the speed of life');
    const before = await lead(twin);
    const seen = await page.evaluate(
      (wanted) =>
        new Promise((done) => {
          const pictures = [];
          const look = () => {
            const { tick, time_s, shown_s } = window.__twin;
            pictures.push({ wall_ms: Date.now(), tick, time_ms: time_s * 1000, shown_ms: shown_s() * 1000 });
            if (pictures.length >= wanted) done(pictures);
            else requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        }),
      PICTURES,
    );
    const after = await lead(twin);
    const offset = Math.max(before.most, after.most);
    // Each frame in the first picture that has it, and every picture.
    const frames = seen.filter((one, k) => k > 0 && one.tick !== seen[k - 1].tick).map((one) => one.wall_ms + offset - one.time_ms);
    const pictures = seen.map((one) => one.wall_ms + offset - one.shown_ms);
    console.log(`        a frame is on the map after ${told(frames)}; vehicles are drawn where they were ${told(pictures)} ago; the clock was read to ${Math.min(before.way, after.way)} ms`);
    check(frames.length >= 4, `${frames.length} frames came`);
    check(at(frames, 0.95) < MOST_MS, `19 of 20 frames are on the map within ${MOST_MS} ms: ${told(frames)}`);
    check(at(pictures, 0.5) < MOST_MS, `vehicles are drawn less than ${MOST_MS} ms late: ${told(pictures)}`);
    check(at(frames, 0) > -100, `no frame is from the future: ${at(frames, 0)} ms`);
  });
  await page.done();
}, 'served']);

tests.push(['delay: how old the last word of a device and its records are when the page asks for them', async (twin) => {
  const page = await open(twin, 'live');
  await alive(page);
  await atLife(twin, async () => {
    const city = (await api(twin, 'cities'))[0].id;
    const { midnight_ms } = await api(twin, 'sessions/live');
    // Trackers of vehicles that drive speak every few seconds.
    const { vehicles } = await (await ask(`${twin.url}api/vehicles/locations`)).json();
    const moving = vehicles.filter((one) => one.speed_kmh > 5).sort((a, b) => b.at_ms - a.at_ms).slice(0, 4);
    check(moving.length > 0, 'somebody with a tracker drives');
    const assets = [];
    for (const one of moving) assets.push((await api(twin, `cities/${city}/assets?name=${encodeURIComponent(one.device)}&limit=1`)).items[0]);
    const before = await lead(twin);
    // As the panel asks for them, only more often: a device's last word, which the live state has, and its newest record, which the
    // history has when its batch is kept.
    const seen = await page.evaluate(
      async ([devices, wanted]) => {
        const newest = new Map();
        const [words, records] = [[], []];
        const end = Date.now() + 40_000;
        const look = async (path, into, pick) => {
          const at_ms = Date.parse(pick(await (await fetch(path)).json()));
          const wall_ms = Date.now();
          if (newest.has(path) && at_ms > newest.get(path)) into.push({ wall_ms, at_ms });
          newest.set(path, at_ms);
        };
        while ((words.length < wanted || records.length < wanted) && Date.now() < end) {
          for (const device of devices) {
            await look(device, words, (answer) => answer.last_seen_at);
            await look(`${device}/records?limit=1`, records, (answer) => answer.items[0].timestamp);
          }
          await new Promise((done) => setTimeout(done, 20));
        }
        return { words, records };
      },
      [assets.map((one) => `api/v1/cities/${city}/assets/${one.id}`), READINGS],
    );
    const after = await lead(twin);
    const offset = Math.max(before.most, after.most);
    const ages = (of) => of.map((one) => one.wall_ms + offset - (one.at_ms - midnight_ms));
    const [words, records] = [ages(seen.words), ages(seen.records)];
    check(words.length >= 3, `${words.length} new words of devices came`);
    console.log(`        a device's word is in the browser after ${told(words)}${records.length > 0 ? `; its record, as it went over the wire, after ${told(records)}` : ''}`);
    // Answers about all devices are made once a second at most, and records are kept in batches of five seconds (`docs/wire.md`).
    check([...words, ...records].every((age) => age > -100 && age < ASKED_MS), `what is asked for is younger than ${ASKED_MS} ms: ${told([...words, ...records])}`);
  });
  await page.done();
}, 'served']);

tests.push(['delay: an incident that devices report is on the page less than a second later', async (twin) => {
  const { features } = await (await ask(`${twin.url}api/v1/map/roads`)).json();
  const wide = features.filter((one) => one.properties.lanes >= 2 && one.properties.class >= 2);
  const page = await open(twin, 'alerts');
  await page.waitForSelector('.counts');
  await atLife(twin, async () => {
    const city = (await api(twin, 'cities'))[0].id;
    const { midnight_ms } = await api(twin, 'sessions/live');
    const before = await lead(twin);
    const post = (body) => api(twin, 'sessions/live/interventions', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    await page.evaluate(() => {
      // When each event was first in the document.
      window.__first = new Map();
      const look = () => {
        for (const row of document.querySelectorAll('main [data-event]')) if (!window.__first.has(row.dataset.event)) window.__first.set(row.dataset.event, Date.now());
      };
      new MutationObserver(look).observe(document.querySelector('main'), { childList: true, subtree: true, attributes: true });
      look();
    });
    const known = new Set(await page.evaluate(() => [...window.__first.keys()]));
    for (const one of wide.slice(0, REPORTS)) {
      await post({ kind: 'incident', road: one.properties.id, what: 'breakdown', position_m: null, lanes: 1, duration_s: 60, casualties: 0 });
      await new Promise((done) => setTimeout(done, 700));
    }
    const seen = await until(async () => {
      const all = await page.evaluate(() => [...window.__first]);
      const fresh = all.filter(([id]) => !known.has(id));
      return fresh.length >= REPORTS ? fresh : null;
    }, `${REPORTS} events are on the page`);
    const after = await lead(twin);
    const offset = Math.max(before.most, after.most);
    const { items } = await api(twin, `cities/${city}/events?limit=200`);
    const ages = seen.flatMap(([id, wall_ms]) => {
      const event = items.find((one) => one.id === id);
      return event ? [wall_ms + offset - (Date.parse(event.at) - midnight_ms)] : [];
    });
    check(ages.length >= REPORTS, `${ages.length} events are known to the stores too`);
    console.log(`        an event is on the page after ${told(ages)}`);
    check(at(ages, 0.5) < MOST_MS, `an event is on the page within ${MOST_MS} ms: ${told(ages)}`);
  });
  await page.done();
}, 'served']);

export default tests;
