// The views beside the map: what they show, what is clicked and typed in them, how they say that there is nothing or that nobody answers.

import { ask, axe, check, equal, fits, open, pixels, shot, until } from './browser.mjs';

const VIEWS = ['board', 'alerts', 'pipeline', 'runs', 'table'];

/** Waits until a view has its first answers. */
async function filled(page, view) {
  const first = { board: '.tile', alerts: '.counts', pipeline: '.way li', runs: '.view h2', table: 'table tbody tr', compare: '.view h2' }[view];
  await page.waitForSelector(first);
  await until(() => page.evaluate(() => ![...document.querySelectorAll('main .state[role=status]')].some((one) => /^(Loading|Lädt)/.test(one.textContent))), `${view} loads`);
}

async function comparisons(twin) {
  const answer = await (await ask(`${twin.url}api/v1/finished`)).json();
  const all = Array.isArray(answer) ? answer : answer.items;
  return all.filter((one) => one.kind === 'comparison' && one.files.includes('comparison.json'));
}

const tests = [];

for (const view of VIEWS) {
  for (const [theme, language] of [['dark', 'en'], ['light', 'de']]) {
    tests.push([`${view}: ${theme}, ${language}, without serious findings of axe`, async (twin) => {
      const page = await open(twin, view, { theme, language });
      await filled(page, view);
      equal(await page.evaluate(() => document.documentElement.lang), language, 'the language of the page');
      await axe(page);
      await fits(page);
      const { drawn, colours } = await pixels(page);
      check(drawn > 5_000 && colours > 20, `the picture is nearly empty: ${drawn} pixels in ${colours} colours`);
      await shot(page, `${view}-${theme}-${language}`);
      // A key of a text that is missing would stand there as it is.
      const raw = await page.evaluate(() => document.body.innerText.match(/\b(board|alerts|events|pipeline|runs|list|compare|charts|device|state|table)\.[a-z_]+(\.[a-z_]+)*\b/g));
      check(raw === null || view === 'board' || view === 'alerts', `keys instead of texts: ${raw}`);
      await page.done();
    }]);
  }
  tests.push([`${view}: at the width of a phone`, async (twin) => {
    const page = await open(twin, view, { width: 390, height: 844 });
    await filled(page, view);
    await fits(page);
    await axe(page);
    await shot(page, `${view}-phone`);
    await page.done();
  }]);
}

tests.push(['board: at least 50 indicators with definitions, found by a search, put on the board and kept', async (twin) => {
  const page = await open(twin, 'board');
  await filled(page, 'board');
  await page.getByRole('button', { name: 'Choose indicators' }).click();
  const all = page.locator('.library li');
  const count = await all.count();
  check(count >= 50, `${count} indicators, wanted 50`);
  const definitions = await page.evaluate(() => [...document.querySelectorAll('.library li p')].filter((one) => one.textContent.trim().length > 10).length);
  equal(definitions, count, 'indicators that say what they mean');
  const tiles = await page.locator('.tile').count();
  const missing = await page.evaluate(() => [...document.querySelectorAll('.library li input')].findIndex((one) => !one.checked));
  const label = await all.nth(missing).locator('.name').textContent();
  await page.getByRole('searchbox').fill(label);
  await until(async () => (await all.count()) < count, 'the search finds fewer');
  await page.evaluate(() => document.querySelectorAll('.library details').forEach((one) => (one.open = true)));
  await all.filter({ has: page.locator(`.name:text-is(${JSON.stringify(label)})`) }).locator('input').first().check();
  await until(async () => (await page.locator('.tile').count()) === tiles + 1, 'one more tile');
  await page.reload();
  await filled(page, 'board');
  equal(await page.locator('.tile').count(), tiles + 1, 'tiles after a reload');
  await page.getByRole('button', { name: 'As it was' }).click();
  await until(async () => (await page.locator('.tile').count()) === tiles, 'the board is as it was');
  await page.done();
}]);

tests.push(['board: every role has its own, and tiles are moved by keys alone', async (twin) => {
  const page = await open(twin, 'board');
  await filled(page, 'board');
  const names = () => page.locator('.tile h3').allTextContents();
  await page.getByRole('button', { name: 'Arrange' }).focus();
  await page.keyboard.press('Enter');
  const before = await names();
  await page.locator('.handle').first().focus();
  await page.keyboard.press('ArrowRight');
  const wanted = [before[1], before[0], ...before.slice(2)];
  await until(async () => JSON.stringify(await names()) === JSON.stringify(wanted), 'the first tile is the second');
  const said = await page.evaluate(() => document.querySelector('[aria-live=polite]').textContent);
  check(/2/.test(said), `it is said where the tile is now: ${said}`);
  await page.getByRole('button', { name: 'Planner' }).click();
  await page.getByRole('button', { name: 'Operator' }).click();
  equal(await names(), wanted, 'the arrangement of a role that one comes back to');
  await page.locator('.tile').first().getByRole('button', { name: /^Take/ }).click();
  await until(async () => (await names()).length === before.length - 1, 'a tile is gone');
  await page.done();
}]);

tests.push(['board: values are refreshed and drawn as they were', async (twin) => {
  const page = await open(twin, 'board');
  await filled(page, 'board');
  await until(() => page.evaluate(() => document.querySelectorAll('.tile svg polyline').length > 0), 'a line of a history', 40_000);
  await page.locator('.tile').first().getByRole('button', { name: /^What/ }).click();
  check((await page.locator('.tile .says').first().textContent()).trim().length > 10, 'a definition is shown on demand');
  const charts = await until(() => page.evaluate(() => document.querySelectorAll('.uplot canvas').length), 'charts', 60_000);
  check(charts >= 1, `${charts} charts`);
  await until(() => page.evaluate(() => document.querySelectorAll('figure td[title]').length > 0), 'the heat strip has cells', 60_000);
  await page.locator('.uplot').first().scrollIntoViewIfNeeded();
  const box = await page.locator('.uplot').first().boundingBox();
  const { drawn } = await pixels(page, box);
  check(drawn > 300, `a chart has ${drawn} pixels drawn`);
  await page.done();
}]);

tests.push(['alerts: acknowledged by an operator, and shown on the map', async (twin) => {
  const page = await open(twin, 'alerts');
  await filled(page, 'alerts');
  const buttons = page.getByRole('button', { name: /^Acknowledge:/ });
  if ((await buttons.count()) === 0) {
    check(!twin.mocked, 'the invented city has alerts');
    check((await page.locator('main .state').allTextContents()).some((one) => /alert/.test(one)), 'it is said that there is no alert');
    return page.done();
  }
  const count = await buttons.count();
  await buttons.first().click();
  await until(async () => (await page.getByText(/^✓ seen/).count()) >= 1, 'an alert is seen');
  check((await buttons.count()) <= count, 'one less is to be acknowledged');
  await page.reload();
  await filled(page, 'alerts');
  check((await page.getByText(/^✓ seen/).count()) >= 1, 'the server remembers that it is seen');
  const map = page.getByRole('button', { name: /^Show on the map/ });
  if ((await map.count()) > 0) {
    await map.first().click();
    await until(() => page.evaluate(() => location.hash.startsWith('#/live')), 'the map is shown');
  }
  await page.done();
}]);

tests.push(['alerts: filtered by state and severity and sorted by a heading', async (twin) => {
  const page = await open(twin, 'alerts');
  await filled(page, 'alerts');
  for (const name of ['firing', 'noted']) await page.getByRole('button', { name, exact: true }).click();
  await until(async () => (await page.locator('main .state').count()) >= 1, 'nothing is chosen, and it is said');
  await page.getByRole('button', { name: 'resolved', exact: true }).click();
  for (const name of ['firing', 'noted']) await page.getByRole('button', { name, exact: true }).click();
  await page.getByLabel('Severity').first().selectOption('high');
  const severities = await page.evaluate(() => [...new Set([...document.querySelectorAll('main table .severity')].map((one) => one.textContent.trim()))]);
  check(severities.every((one) => one === 'high'), `only high ones: ${severities}`);
  const heading = page.getByRole('columnheader', { name: /^Since/ });
  if ((await heading.count()) > 0) {
    await heading.getByRole('button').click();
    equal(await heading.getAttribute('aria-sort'), 'ascending', 'sorted by time');
  }
  await page.done();
}]);

tests.push(['pipeline: the way of a record with the health of each part, and the numbers of the API', async (twin) => {
  const page = await open(twin, 'pipeline');
  await filled(page, 'pipeline');
  equal(await page.locator('.way li').count(), 5, 'parts of the way');
  const now = await (await ask(`${twin.url}api/v1/pipeline`)).json();
  const shown = Number((await page.locator('[data-fact=messages]').textContent()).replaceAll(',', ''));
  check(shown > 0 && shown <= now.messages, `${shown} messages are shown of ${now.messages}`);
  await page.done();
}]);

tests.push(['runs: filtered, a report opened, and a run replayed through the same code path', async (twin) => {
  const page = await open(twin, 'runs');
  await filled(page, 'runs');
  const rows = page.locator('main tbody tr');
  if ((await rows.count()) === 0) {
    check((await page.locator('main .state').textContent()).includes('citytwin run'), 'it is said how runs are made');
    return page.done();
  }
  const report = page.getByRole('button', { name: /^Open the report/ }).first();
  await report.click();
  await page.waitForSelector('iframe[sandbox]');
  const frame = await (await page.locator('iframe').elementHandle()).contentFrame();
  await until(async () => (await frame.locator('body').textContent()).trim().length > 10, 'the report is in its frame');
  check(!(await page.locator('iframe').getAttribute('sandbox')).includes('allow-same-origin'), 'the report does not reach the page');
  await page.getByRole('button', { name: 'Close the report' }).click();
  const replays = page.locator('button:enabled').filter({ hasText: /^Replay$/ });
  if ((await replays.count()) > 0) {
    await replays.first().click();
    await until(() => page.evaluate(() => location.hash === '#/live' && window.__twin.session !== 'live'), 'the replay is on the map', 120_000);
    const sessions = await (await ask(`${twin.url}api/v1/sessions`)).json();
    const replay = sessions.find((one) => one.kind === 'replay');
    check(replay, 'there is a session that replays');
    await ask(`${twin.url}api/v1/sessions/${replay.id}`, { method: 'DELETE' });
    await until(() => page.evaluate(() => window.__twin.session === 'live'), 'the live city is shown again when the replay is gone');
  } else check(!twin.mocked, 'the invented city has a run that can be replayed');
  await page.done();
}]);

tests.push(['compare: intervals, the map of differences, and a peek by mouse and by key', async (twin) => {
  const [one] = await comparisons(twin);
  if (!one) {
    check(!twin.mocked, 'the invented city has a comparison');
    const page = await open(twin, 'compare');
    await until(async () => /citytwin compare/.test(await page.locator('main').textContent()), 'it is said how a comparison is made');
    return page.done();
  }
  const page = await open(twin, `compare/${encodeURIComponent(one.id)}`);
  await page.waitForSelector('tr[data-measure]');
  check((await page.locator('tr[data-measure]').count()) >= 3, 'measures are shown');
  check((await page.locator('tr[data-measure] .interval').count()) >= 3, 'intervals are drawn');
  await axe(page);
  await fits(page);
  const peek = page.locator('button.peek');
  if ((await peek.count()) > 0) {
    const box = await page.locator('.picture canvas').first().boundingBox();
    await page.locator('.picture canvas').scrollIntoViewIfNeeded();
    check(box !== null, 'the map of roads is there');
    const what = () => page.locator('.what').textContent();
    const before = await what();
    await peek.hover();
    await page.mouse.down();
    await until(async () => (await what()) !== before, 'held by the mouse, the other one is shown');
    const there = await page.locator('.picture canvas').boundingBox();
    const { drawn } = await pixels(page, there);
    check(drawn > 500, `the map of roads has ${drawn} pixels drawn`);
    await page.mouse.up();
    await until(async () => (await what()) === before, 'let go, it is as it was');
    await peek.focus();
    await page.keyboard.down(' ');
    await until(async () => (await what()) !== before, 'held by a key, the other one is shown');
    await page.keyboard.up(' ');
    await until(async () => (await what()) === before, 'let go, it is as it was');
  } else check(!twin.mocked, 'the invented comparison has a map');
  await shot(page, 'compare');
  await page.done();
}]);

tests.push(['compare: at the width of a phone, light', async (twin) => {
  const [one] = await comparisons(twin);
  const page = await open(twin, one ? `compare/${encodeURIComponent(one.id)}` : 'compare', { width: 390, height: 844, theme: 'light' });
  await page.waitForSelector(one ? 'tr[data-measure]' : 'main h2');
  await fits(page);
  await axe(page);
  await shot(page, 'compare-phone-light');
  await page.done();
}]);

tests.push(['table: all vehicles of the city, streets by how slow they are, sorted and paged', async (twin) => {
  const page = await open(twin, 'table');
  await filled(page, 'table');
  const part = (name) => page.locator('.choices').getByRole('button', { name: new RegExp(`^${name}`) });
  const vehicles = part('Vehicles');
  await until(async () => Number((await vehicles.locator('.num').textContent()).replaceAll(',', '')) > 0, 'vehicles are counted');
  await vehicles.click();
  await page.waitForSelector('tbody tr');
  const found = await page.locator('.lead').first().textContent();
  const [, shown, all] = found.match(/: ([\d,]+) of ([\d,]+) vehicles/) ?? [];
  check(Number(shown?.replaceAll(',', '')) >= 0.95 * Number(all?.replaceAll(',', '')), `nearly all vehicles are in the area of the whole city: ${found}`);
  const first = await page.locator('tbody th').first().textContent();
  await page.getByRole('columnheader', { name: /^Number/ }).getByRole('button').click();
  await until(async () => (await page.locator('tbody th').first().textContent()) !== first, 'sorted the other way');
  const next = page.getByRole('button', { name: 'Next', exact: true });
  if (await next.isVisible()) {
    await next.click();
    check(/Page 2/.test(await page.locator('.pages').textContent()), 'the second page is shown');
  }
  for (const name of ['Streets', 'Ambulances', 'Incidents', 'Signals']) {
    await part(name).click();
    await until(() => page.evaluate(() => document.querySelectorAll('main tbody tr').length > 0 || document.querySelectorAll('main .state').length > 0), `${name}: rows or a sentence`);
    await axe(page);
  }
  await page.done();
}]);

for (const view of VIEWS) {
  tests.push([`${view}: says that nobody answers, and comes back by itself`, async (twin) => {
    let away = true;
    const page = await open(twin, view, {
      allow: [/Failed to load resource/, /net::/],
      before: (page) => page.route(/\/(api|health)\//, (route) => (away ? route.abort() : route.continue())),
    });
    await until(async () => (await page.locator('main [role=alert]').count()) > 0, 'it is said that the server does not answer');
    check(/does not answer/.test(await page.locator('main [role=alert]').first().textContent()), 'as a sentence');
    await axe(page);
    away = false;
    const again = page.locator('main [role=alert] button');
    if ((await again.count()) > 0) await again.first().click();
    await until(async () => (await page.locator('main [role=alert]').count()) === 0, 'it comes back', 60_000);
    await page.context().close();
  }]);
}

tests.push(['language and theme are changed without a reload, and kept', async (twin) => {
  const page = await open(twin, 'runs');
  await filled(page, 'runs');
  await page.getByRole('button', { name: /Language/ }).click();
  await until(async () => (await page.locator('main h2').first().textContent()) === 'Läufe', 'the view is German');
  await page.locator('header .tools button').last().click();
  equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light', 'the theme');
  await page.reload();
  await filled(page, 'runs');
  equal(await page.locator('main h2').first().textContent(), 'Läufe', 'the language after a reload');
  equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light', 'the theme after a reload');
  await page.done();
}]);

export default tests;
