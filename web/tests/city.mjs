// The living map: drawn, driven by clicks and by keys alone, changed, forked and compared, lost and found again.

import { alive, api, ask, axe, check, differing, equal, fits, open, pixels, put, shot, until } from './browser.mjs';

const tests = [];

/** The part of the window where the map is, less what lies over it. */
async function middle(page) {
  const box = await page.locator('.stage').boundingBox();
  return { x: box.x + box.width * 0.2, y: box.y + box.height * 0.25, width: box.width * 0.6, height: box.height * 0.5 };
}

/** A road that is long enough to be closed, with the name people know it by. */
async function road(twin) {
  const { features } = await (await ask(`${twin.url}api/v1/map/roads`)).json();
  return features.find((one) => one.properties.name && one.geometry.coordinates.length >= 2 && one.properties.class >= 2) ?? features[0];
}

for (const [theme, language] of [['dark', 'en'], ['light', 'de']]) {
  tests.push([`live: drawn with moving vehicles, ${theme}, ${language}, without serious findings of axe`, async (twin) => {
    const page = await open(twin, 'live', { theme, language });
    await alive(page);
    await until(() => page.evaluate(() => document.querySelectorAll('.stage canvas').length >= 1), 'a canvas');
    const clip = await middle(page);
    const first = await until(async () => {
      const found = await pixels(page, clip);
      return found.drawn > clip.width * clip.height * 0.02 && found.colours > 30 ? found : null;
    }, 'the map is not blank');
    check(first.colours > 30, `${first.colours} colours`);
    const ticks = await page.evaluate(() => window.__twin.tick);
    await until(() => page.evaluate((before) => window.__twin.tick > before + 5, ticks), 'frames are applied');
    equal(await page.evaluate(() => document.documentElement.lang), language, 'the language of the page');
    await axe(page);
    await fits(page);
    await shot(page, `live-${theme}-${language}`);
    await page.done();
  }]);
}

tests.push(['live: vehicles are drawn, and are where they were as long as the clock stands', async (twin) => {
  const page = await open(twin, 'live');
  await alive(page);
  await put(twin, 'sessions/live/clock', 'pause');
  try {
    await until(async () => (await api(twin, 'sessions/live')).paused, 'the clock stands');
    // What moved before the pause comes to rest; then two pictures of a city that stands are the same.
    const clip = await middle(page);
    const still = async () => page.screenshot({ clip, animations: 'disabled' });
    await until(async () => {
      const one = await still();
      await new Promise((done) => setTimeout(done, 700));
      return one.equals(await still());
    }, 'two pictures of a city that stands are the same');
    const before = await still();
    // Without the layer above the map the picture lacks what was drawn there: vehicles, a few pixels each.
    const shown = await page.evaluate(() => {
      const above = [...document.querySelectorAll('.stage canvas')].filter((one) => !one.classList.contains('maplibregl-canvas'));
      for (const one of above) one.style.visibility = 'hidden';
      return above.length;
    });
    check(shown >= 1, 'there is a layer above the map');
    const lacking = await differing(page, before, await still());
    const vehicles = await page.evaluate(() => window.__twin.vehicles);
    check(lacking > Math.min(200, vehicles), `without vehicles the picture differs in ${lacking} pixels, ${vehicles} vehicles were told of`);
    await page.evaluate(() => document.querySelectorAll('.stage canvas').forEach((one) => (one.style.visibility = '')));
    await page.getByRole('button', { name: 'One step' }).click();
    await until(async () => !before.equals(await still()), 'a step moves somebody');
  } finally {
    await put(twin, 'sessions/live/clock', 'resume');
  }
  await page.done();
}]);

tests.push(['live: the clock is paused, stepped and set to another speed by clicks', async (twin) => {
  const page = await open(twin, 'live');
  await alive(page);
  const session = () => api(twin, 'sessions/live');
  const { speed, step_s } = await session();
  await page.getByRole('button', { name: 'Pause' }).click();
  await until(async () => (await session()).paused, 'paused');
  const at = (await session()).time_s;
  await page.getByRole('button', { name: 'One step' }).click();
  await until(async () => Math.abs((await session()).time_s - at - step_s) < 1e-6, `one step of ${step_s} s`);
  await page.getByLabel('City seconds for a second on the wall').selectOption('10');
  await until(async () => (await session()).speed === 10, 'ten times as fast');
  await page.getByRole('button', { name: 'Go on' }).click();
  await until(async () => (await session()).time_s > at + step_s + 2, 'it goes on');
  await put(twin, 'sessions/live/clock', { speed: { factor: speed } });
  await page.done();
}]);

tests.push(['live: a road is found on the map by keys, inspected, and closed by keys alone', async (twin) => {
  const target = await road(twin);
  const before = (await api(twin, 'sessions/live/interventions')).length;
  const page = await open(twin, 'live');
  await alive(page);
  // The way there by Tab: every stop has a visible focus and a name.
  const names = [];
  for (let k = 0; k < 40; k += 1) {
    await page.keyboard.press('Tab');
    const name = await page.evaluate(() => {
      const one = document.activeElement;
      const style = getComputedStyle(one);
      return { is: one.getAttribute('role') ?? one.tagName, name: one.getAttribute('aria-label') ?? one.textContent.trim() ?? '', id: one.id, seen: style.outlineStyle !== 'none' || one.tagName === 'MAIN' };
    });
    check(name.seen, `the focus on ${JSON.stringify(name)} is seen`);
    names.push(name);
    if (name.is === 'tab') break;
  }
  check(names.some((one) => one.is === 'tab'), `the panel is reached by Tab: ${names.map((one) => one.name).join(' | ')}`);
  check(names.some((one) => /arrow keys/i.test(one.name)), 'the map is on the way, and says its keys');
  for (let k = 0; k < 4 && (await page.evaluate(() => document.activeElement.id)) !== 'tab-change'; k += 1) await page.keyboard.press('ArrowRight');
  equal(await page.evaluate(() => document.activeElement.id), 'tab-change', 'the tab that is reached by arrows');
  const choose = page.locator('#panel select').first();
  await choose.focus();
  equal(await choose.inputValue(), 'close-road', 'the first change');
  await page.locator('#change-road').focus();
  await page.keyboard.type(target.properties.id);
  await page.getByRole('button', { name: 'Do it now' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Yes, do it' }).waitFor();
  await page.keyboard.press('Enter');
  await until(async () => (await api(twin, 'sessions/live/interventions')).length === before + 1, 'the road is closed');
  check((await page.locator('#panel [role=status]').textContent()).trim().length > 3, 'it is said what was done');
  await axe(page);
  // And away with the barriers again.
  await page.locator('#panel select').first().selectOption('open-road');
  await page.getByRole('button', { name: 'Do it now' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await until(async () => (await api(twin, 'sessions/live/interventions')).length === before + 2, 'the road is open');
  await page.done();
}]);

tests.push(['live: what is in the middle of the map is inspected by Return', async (twin) => {
  const target = await road(twin);
  const page = await open(twin, 'live');
  await alive(page);
  const line = target.geometry.coordinates;
  const at = line.length > 2 ? line[Math.floor(line.length / 2)] : [(line[0][0] + line[1][0]) / 2, (line[0][1] + line[1][1]) / 2];
  await page.evaluate(([lon, lat]) => window.__twin.stage().map.jumpTo({ center: [lon, lat], zoom: 17 }), at);
  await page.evaluate(() => window.__twin.stage().map.getCanvas().focus());
  await until(async () => {
    await page.keyboard.press('Enter');
    return (await page.locator('#tab-inspect').getAttribute('aria-selected')) === 'true';
  }, 'something is chosen');
  await until(async () => (await page.locator('#panel dl, #panel table').count()) > 0, 'what is known of it');
  await axe(page);
  await shot(page, 'live-inspect');
  await page.done();
}]);

tests.push(['live: an incident is dropped by clicks, seen on the list, and cleared', async (twin) => {
  const target = await road(twin);
  const page = await open(twin, 'live');
  await alive(page);
  await page.locator('#tab-change').click();
  await page.locator('#panel select').first().selectOption('incident');
  await page.locator('#change-road').fill(target.properties.id);
  await page.getByRole('button', { name: 'Do it now' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await page.locator('#panel [role=status]').waitFor();
  await page.locator('#tab-city').click();
  const rows = () => page.locator('section[aria-labelledby=city-incidents] button.row').count();
  await until(rows, 'an incident is listed');
  await page.locator('#tab-change').click();
  await page.locator('#panel select').first().selectOption('clear-incident');
  const which = page.locator('#panel select').nth(1);
  await until(async () => (await which.locator('option').count()) > 1, 'incidents to choose from');
  // The newest, which is the one that was dropped unless another one came by chance meanwhile.
  const value = await which.locator('option').last().evaluate((one) => [one.parentElement.options.length - 1, one.textContent.trim()]);
  await which.selectOption({ index: value[0] });
  await page.getByRole('button', { name: 'Do it now' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await page.locator('#panel [role=status]').waitFor();
  await until(async () => !(await which.locator('option').allTextContents()).some((one) => one.trim() === value[1]), `${value[1]} is cleared`);
  await page.done();
}]);

tests.push(['live: a closed road is marked on the map, in the panel and in the table, and open again it is not', async (twin) => {
  const target = await road(twin);
  const { id } = target.properties;
  const post = (kind) => api(twin, 'sessions/live/interventions', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ kind, road: id }) });
  const line = target.geometry.coordinates;
  const at = [(line[0][0] + line[1][0]) / 2, (line[0][1] + line[1][1]) / 2];
  const page = await open(twin, 'live');
  await alive(page);
  await page.evaluate(([lon, lat]) => window.__twin.stage().map.jumpTo({ center: [lon, lat], zoom: 17 }), at);
  const closed = () => page.evaluate((i) => window.__twin.stage().marks.closed.includes(i), target.properties.i);
  check(!(await closed()), `${id} is open at first`);
  await post('close-road');
  try {
    await until(closed, 'the page knows that the road is closed');
    // Bars of the sign's colour lie across the road: none of them is there on an open one.
    const bars = async () =>
      page.evaluate(() => {
        const canvas = document.querySelector('.stage canvas.marks');
        const { data } = canvas.getContext('2d').getImageData(canvas.width / 2 - 60, canvas.height / 2 - 60, 120, 120);
        let count = 0;
        for (let k = 0; k < data.length; k += 4) if (data[k + 3] > 200 && data[k] > 240 && Math.abs(data[k + 1] - 0x6b) < 12 && Math.abs(data[k + 2] - 0x5e) < 12) count += 1;
        return count;
      });
    const drawn = await until(bars, 'bars are drawn across the road');
    check(drawn > 20, `${drawn} pixels of bars`);
    await page.locator('.legend .title').click();
    check(/road closed/.test(await page.locator('.legend').textContent()), 'the legend tells what bars mean');
    await page.evaluate(() => window.__twin.stage().map.getCanvas().focus());
    await shot(page, 'live-closed');
    await page.evaluate(() => (location.hash = '#/table'));
    const part = page.locator('.choices').getByRole('button', { name: /^Closed roads/ });
    await until(async () => Number(await part.locator('.num').textContent()) >= 1, 'a closed road is counted');
    await part.click();
    await page.locator('main tbody tr', { hasText: id }).waitFor();
    await axe(page);
    await page.locator('main tbody tr', { hasText: id }).getByRole('button', { name: /^Show on the map/ }).click();
    await alive(page);
  } finally {
    await post('open-road');
  }
  await until(async () => !(await closed()), 'the page knows that the road is open again');
  await page.done();
}]);

tests.push(['live: a call that waits is listed with its priority, and a click flies there', async (twin) => {
  const target = await road(twin);
  const page = await open(twin, 'live');
  await alive(page);
  const rows = page.locator('[data-call]');
  const before = new Set(await rows.evaluateAll((all) => all.map((one) => one.dataset.call)));
  const { paused } = await api(twin, 'sessions/live');
  if (!paused) await put(twin, 'sessions/live/clock', 'pause');
  try {
    const body = { kind: 'call', road: target.properties.id, position_m: null, category: 'C1' };
    await api(twin, 'sessions/live/interventions', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    await put(twin, 'sessions/live/clock', { step: { steps: 2 } });
    const number = await until(async () => (await rows.evaluateAll((all) => all.map((one) => one.dataset.call))).find((one) => !before.has(one)), 'the call is listed');
    const row = page.locator(`[data-call="${number}"]`);
    check(/critical/.test(await row.textContent()), `its priority: ${await row.textContent()}`);
    check(/\d\d:\d\d/.test(await row.textContent()), `since when: ${await row.textContent()}`);
    await row.click();
    await until(() => page.evaluate(() => window.__twin.stage().map.getZoom() >= 15), 'the map is near');
    equal(await page.locator('#tab-inspect').getAttribute('aria-selected'), 'true', 'the call is looked at');
    await page.locator('#panel dl').waitFor();
    await axe(page);
    await shot(page, 'live-call');
  } finally {
    if (!paused) await put(twin, 'sessions/live/clock', 'resume');
  }
  await page.done();
}]);

tests.push(['live: a change is tried in a fork, compared while it is computed, looked at and ended', async (twin) => {
  const target = await road(twin);
  const page = await open(twin, 'live');
  await alive(page);
  await page.locator('#tab-change').click();
  await page.locator('#panel select').first().selectOption('close-road');
  await page.locator('#change-road').fill(target.properties.id);
  await page.getByLabel('Look ahead').selectOption({ label: '10\u00a0min' });
  await page.getByRole('button', { name: 'Try it in a fork' }).click();
  const fork = await until(async () => (await api(twin, 'sessions')).find((one) => one.kind === 'fork'), 'a fork', 120_000);
  await until(async () => (await page.locator('#panel tbody tr td').first().textContent())?.trim() !== '–', 'the first difference', 120_000);
  const ended = await until(async () => {
    const now = await api(twin, `sessions/${fork.id}`);
    return now.branch.reached_s > now.branch.from_s + 60 ? now : null;
  }, 'the fork runs ahead', 120_000);
  const { base, variant } = ended.branch.differences.at(-1);
  for (const one of [base, variant]) check(one.running >= 0 && one.inserted >= one.arrived, `totals of both cities: ${JSON.stringify(one)}`);
  check((await page.locator('#panel tbody tr').count()) >= 4, 'measures side by side');
  await axe(page);
  await shot(page, 'live-fork');
  await page.getByRole('button', { name: 'Show it on the map' }).click();
  await until(() => page.evaluate((id) => window.__twin.session === id, fork.id), 'the fork is on the map');
  const peek = page.getByRole('button', { name: /^Hold/ });
  await peek.focus();
  await page.keyboard.down(' ');
  await until(() => page.evaluate(() => window.__twin.session === 'live'), 'held, the city without the change is shown');
  await page.keyboard.up(' ');
  await until(() => page.evaluate((id) => window.__twin.session === id, fork.id), 'let go, the fork is shown');
  await page.getByRole('button', { name: 'End this fork' }).click();
  await until(async () => !(await api(twin, 'sessions')).some((one) => one.id === fork.id), 'the fork is gone');
  await until(() => page.evaluate(() => window.__twin.session === 'live'), 'the live city is shown');
  await page.done();
}]);

tests.push(['live: says that it is offline when the socket is lost, and reconnects without a reload', async (twin) => {
  let cut = false;
  const routes = [];
  const page = await open(twin, 'live', {
    allow: [/WebSocket/, /ERR_/],
    before: (page) => page.routeWebSocket(/ws\/realtime/, (socket) => {
      if (cut) {
        socket.close({ code: 1011, reason: 'cut' });
        return;
      }
      socket.connectToServer();
      routes.push(socket);
    }),
  });
  await alive(page);
  await page.evaluate(() => (window.mark = 'the same page'));
  cut = true;
  for (const socket of routes.splice(0)) await socket.close({ code: 1011, reason: 'cut' });
  await page.locator('.banner[role=alert]').waitFor();
  await page.locator('.link.offline').waitFor();
  await axe(page);
  await shot(page, 'live-offline');
  const applied = await page.evaluate(() => window.__twin.applied);
  cut = false;
  await page.locator('.link.online').waitFor();
  await until(() => page.evaluate((before) => window.__twin.applied > before + 3, applied), 'frames are applied again');
  equal(await page.locator('.banner[role=alert]').count(), 0, 'banners');
  equal(await page.evaluate(() => window.mark), 'the same page', 'the page that was opened');
  await page.done();
}]);

tests.push(['live: at the width of a phone, dark and light', async (twin) => {
  for (const theme of ['dark', 'light']) {
    const page = await open(twin, 'live', { width: 390, height: 844, theme });
    await alive(page);
    await fits(page);
    await axe(page);
    await shot(page, `live-phone-${theme}`);
    await page.locator('#tab-change').click();
    await until(async () => page.locator('#panel select').first().isVisible(), 'the sheet with the panel is open');
    await fits(page);
    await axe(page);
    await page.done();
  }
}]);

tests.push(['live: a place of another view is shown on the map', async (twin) => {
  const page = await open(twin, 'table');
  await page.waitForSelector('main tbody tr');
  const part = page.locator('.choices').getByRole('button', { name: /^Ambulances/ });
  await part.click();
  const show = page.getByRole('button', { name: /^Show on the map/ }).first();
  if (await until(async () => (await show.count()) > 0 || (await page.locator('main .state').count()) > 0, 'ambulances or a sentence') && (await show.count()) === 0) return page.done();
  const name = await page.locator('main tbody th').first().textContent();
  await show.click();
  await alive(page);
  const unit = await until(() => page.evaluate(() => (window.__twin.stage ? window.__twin.stage().map.getZoom() : 0) >= 15), 'the map is near');
  check(unit, `the map is near ${name}`);
  await page.done();
}]);

tests.push(['the first view is there soon: within two seconds on a quiet machine', async (twin) => {
  const page = await open(twin, 'live');
  await alive(page);
  const times = await page.evaluate(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Infinity;
    return { paint, loaded: performance.getEntriesByType('navigation')[0].loadEventEnd };
  });
  console.log(`        first paint after ${Math.round(times.paint)} ms, loaded after ${Math.round(times.loaded)} ms`);
  check(times.paint < 2_000 * Number(process.env.TWIN_SLOW ?? 5), `the first paint took ${times.paint} ms`);
  await page.done();
}]);

export default tests;
