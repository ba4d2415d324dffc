// A drill in the browser: joined by PIN, played by a dispatcher with the keyboard alone and run by a controller, cut off and found again,
// and nothing on a dispatcher's wire that a dispatcher would not know.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { axe, check, equal, fits, shot, SHOTS, until, WEB } from './browser.mjs';
import { ask, clock, CUT, drilled, keysOf } from './drill-server.mjs';

const tests = [];

/** A test with a drill of its own; with `mock` it is about what only the invented one has. */
function test(name, body, { mock = false } = {}) {
  tests.push([`drill: ${name}`, async (twin) => {
    const drill = await drilled(twin, { mock });
    try {
      await body(drill);
    } finally {
      await drill.end();
    }
  }]);
}

const WAITS = ['waiting'];
const waiting = (view) => (view?.calls ?? []).filter((call) => WAITS.includes(call.status) && call.road !== null);
const freed = (view) => (view?.units ?? []).filter((unit) => unit.free);
/** Nothing reaches below the window: only lists within it scroll. */
async function short(page) {
  const [high, window] = await page.evaluate(() => [document.documentElement.scrollHeight, innerHeight]);
  check(high <= window + 2, `the page is ${high} pixels high in a window of ${window}`);
}
const pending = (page) => page.locator('[data-pending]').count();

/** Lets the city run fast until something holds, then at its own pace. */
async function fast(controller, holds, what) {
  await clock(controller, 'run');
  if (await holds()) return;
  await clock(controller, 'speed', '20');
  await until(holds, what, 180_000);
  await clock(controller, 'speed', '1');
}

/** Units of the recommendation that have a key, in their order: name and key. */
const keyed = (page) => page.locator('.units tr[data-unit]').evaluateAll((rows) => rows.flatMap((row) => (row.querySelector('.key kbd') ? [{ unit: row.dataset.unit, key: row.querySelector('.key kbd').textContent }] : [])));

/** Sends the soonest unit to the most urgent call, by keys alone; the call's number and the unit's name. */
async function sendByKeys(drill, page) {
  await page.keyboard.press('Escape');
  await page.keyboard.press('u');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.units [data-unit] .key kbd');
  const call = Number(await page.locator('.calls [aria-selected=true]').getAttribute('data-call'));
  const list = await keyed(page);
  const free = new Set(freed(drill.view(page)).map((unit) => unit.unit));
  const one = list.find(({ unit }) => free.has(unit));
  check(one, `a free unit is among the first nine: ${JSON.stringify(list)}`);
  await page.keyboard.press(one.key);
  await until(() => drill.view(page).units.some((unit) => unit.unit === one.unit && unit.call === call), `${one.unit} is sent to call ${call}`);
  return { call, unit: one.unit };
}

test('a wrong PIN is told, the right one leads to the desk; the exercise is marked everywhere', async (drill) => {
  {
    const lobby = await drill.window('controller');
    await lobby.getByRole('button', { name: 'Leave the seat' }).click();
    await lobby.locator('#drill-pin').fill('0000');
    await lobby.locator('#drill-name').fill('Mallory');
    await lobby.keyboard.press('Enter');
    await lobby.getByText('No role has this PIN').waitFor();
    await lobby.locator('#drill-name').fill(' ');
    await lobby.keyboard.press('Enter');
    await lobby.getByText('Type your name').waitFor();
    check((await lobby.locator('.marking').textContent()).includes('EXERCISE'), 'the lobby is marked');
    await axe(lobby);
    await fits(lobby);
    await shot(lobby, 'drill-lobby');
  }
  const page = await drill.window('dispatcher');
  check((await page.locator('.marking').textContent()).includes('EXERCISE'), 'the desk is marked');
  const role = drill.view(page);
  equal(role.role, 'dispatcher', 'the role');
  // A reload keeps the seat: nobody types a PIN twice.
  await page.reload();
  await page.waitForSelector('.desk');
});

for (const [theme, language] of [['dark', 'en'], ['light', 'de']]) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    test(`the desk and the controller's window, ${theme}, ${language}, ${width} wide, without serious findings of axe`, async (drill) => {
      const controller = await drill.window('controller');
      const page = await drill.window('dispatcher', { theme, language, width, height });
      if (drill.mocked) await fast(controller, () => waiting(drill.view(page)).length >= 4, 'calls wait');
      await page.keyboard.press('u');
      await page.keyboard.press('Enter');
      if (waiting(drill.view(page)).length > 0) await page.locator('.units [data-unit] .time').first().waitFor({ state: 'attached' });
      equal(await page.evaluate(() => document.documentElement.lang), language, 'the language of the page');
      await axe(page);
      await fits(page);
      await short(page);
      await shot(page, `drill-desk-${theme}-${width}`);
      for (const tab of width < 760 ? await page.locator('.tabs button').all() : []) {
        await tab.click();
        await fits(page);
        await short(page);
        await axe(page);
        await shot(page, `drill-desk-${theme}-${width}-${(await tab.textContent()).replace(/\W/g, '')}`);
      }
      const raw = (one) => one.evaluate(() => document.body.innerText.match(/\bdrill\.[a-z_]+(\.[\w-]+)*/g));
      equal(await raw(page), null, 'keys instead of texts on the desk');
      const second = await drill.window('controller', { theme, language, width, height });
      await until(() => second.evaluate(() => document.querySelector('.injects li') !== null), 'injects are listed');
      if (width > 1000) await until(() => second.evaluate(() => window.__twin.ready && window.__twin.vehicles > 0), 'the live map is alive', 60_000);
      await axe(second);
      await fits(second);
      await short(second);
      await shot(second, `drill-control-${theme}-${width}`);
      for (const tab of width < 1000 ? await second.locator('.tabs button').all() : []) {
        await tab.click();
        await fits(second);
        await short(second);
        const seen = await tab.evaluate((one) => {
          const [mine, strip] = [one.getBoundingClientRect(), one.parentElement.getBoundingClientRect()];
          return { whole: mine.left >= strip.left - 1 && mine.right <= strip.right + 1, on: one.parentElement.scrollWidth > strip.width + 2, faded: getComputedStyle(one.parentElement).maskImage !== 'none' };
        });
        check(seen.whole, 'the chosen tab is seen whole');
        equal(seen.faded, seen.on, 'whether an edge beyond which tabs go on is faded');
        await shot(second, `drill-control-${theme}-${width}-${(await tab.textContent()).replace(/\W/g, '')}`);
      }
      equal(await raw(second), null, 'keys instead of texts in the controller’s window');
    });
  }
}

test('a dispatcher sends, diverts, stands down, directs, takes note, speaks and declares by keys alone', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  await fast(controller, () => waiting(drill.view(page)).length > 0 && freed(drill.view(page)).length > 0, 'a call waits and a unit is free');

  // The arrows go through the calls; the focus is seen where the choice is.
  await page.keyboard.press('j');
  const seen = await page.evaluate(() => {
    const one = document.activeElement;
    return { role: one.getAttribute('role'), chosen: one.getAttribute('aria-selected'), outline: getComputedStyle(one).outlineStyle };
  });
  equal(seen, { role: 'option', chosen: 'true', outline: 'solid' }, 'the focus');
  await page.keyboard.press('9');
  await page.getByText('Press Return first').waitFor();

  const { call: sent } = await sendByKeys(drill, page);
  // Its row stands in another group now; the focus is on it still, and after Escape and `a` too.
  const focus = () => page.evaluate(() => document.activeElement.closest('[data-call]')?.dataset.call ?? document.activeElement.tagName);
  await until(() => page.locator(`.calls .underway[data-call="${sent}"]`).count(), 'the call is under way in the list');
  await until(async () => (await focus()) === String(sent), `the focus is on call ${sent}, not on ${await focus()}`);
  for (const key of ['Escape', 'a', 'Escape']) {
    await page.keyboard.press(key);
    await until(async () => (await focus()) === String(sent), `the focus is on call ${sent} after ${key}`);
  }

  // Diverted to another call, after a yes; the call it leaves waits again.
  const divertible = () => drill.view(page).units.filter((unit) => unit.divertible && unit.call !== null);
  await fast(controller, () => divertible().length > 0 && waiting(drill.view(page)).some((call) => call.call !== divertible()[0].call), 'a unit can be diverted, and a call waits');
  await page.keyboard.press('u');
  const to = Number(await page.locator('.calls [aria-selected=true]').getAttribute('data-call'));
  await page.keyboard.press('d');
  await page.locator('dialog[open] li').first().waitFor();
  const unit = await page.locator('dialog[open] li strong').first().textContent();
  const left = drill.view(page).units.find((one) => one.unit === unit).call;
  await page.keyboard.press('1');
  await page.locator('dialog[open]').getByRole('heading', { name: `Divert ${unit} to call ${to}?` }).waitFor();
  await page.keyboard.press('Escape');
  await until(async () => (await page.locator('dialog[open]').count()) === 0, 'Escape is no');
  equal(drill.view(page).units.find((one) => one.unit === unit).call, left, 'no is no: the unit’s call');
  await page.keyboard.press('d');
  await page.keyboard.press('1');
  await page.locator('dialog[open]').getByRole('heading', { name: /^Divert .*\?$/ }).waitFor();
  await page.keyboard.press('y');
  await until(() => drill.view(page).units.find((one) => one.unit === unit).call === to, `${unit} is diverted from ${left} to ${to}`);

  // Stood down, after a yes.
  await page.keyboard.press('s');
  await page.locator('dialog[open]').getByRole('heading', { name: `Stand ${unit} down?` }).waitFor();
  await page.keyboard.press('Enter');
  await until(() => drill.view(page).units.find((one) => one.unit === unit).call === null, `${unit} stands down`);

  // By the line: with completion, and with a word on what is wrong.
  await page.keyboard.press('/');
  await page.keyboard.type('fly me');
  await page.keyboard.press('Enter');
  await page.getByText('is no command here').waitFor();
  await page.keyboard.press('Escape');
  const again = waiting(drill.view(page))[0];
  const free = freed(drill.view(page))[0];
  check(again && free, 'a call waits and a unit is free again');
  await page.keyboard.press('/');
  await page.keyboard.type('ass');
  await page.keyboard.press('Tab');
  equal(await page.locator('#drill-line').inputValue(), 'assign ', 'what Tab made of it');
  await page.keyboard.type(`${free.unit} ${again.call}`);
  await page.keyboard.press('Enter');
  await until(() => drill.view(page).units.find((one) => one.unit === free.unit).call === again.call, `${free.unit} is sent by the line`);

  // A hospital for the unit of the chosen call.
  await page.keyboard.press('/');
  await page.keyboard.type(`call ${again.call}`);
  await page.keyboard.press('Enter');
  const hospitals = drill.view(page).hospitals;
  if (hospitals.length > 0) {
    const before = drill.view(page).said.length;
    await page.keyboard.press('h');
    await page.locator('dialog[open] li').first().waitFor();
    await page.keyboard.press(String(Math.min(2, hospitals.length)));
    await until(() => drill.view(page).said.length > before || page.locator('.notice.refused').count(), 'the hospital is named, or why not');
  }

  // A message: said to whoever listens, taken note of by one key.
  await controller.locator('.improvise select').selectOption('dispatcher');
  await controller.getByPlaceholder('What is said').fill('A caller asks how long it takes.');
  await controller.locator('.improvise').getByRole('button', { name: 'Send' }).click();
  await page.locator('[data-message]', { hasText: 'A caller asks how long it takes.' }).waitFor();
  await until(async () => (await page.locator('.drill > [aria-live=polite]').textContent()).includes('how long it takes'), 'the message is announced');
  await page.keyboard.press('m');
  equal(await page.evaluate(() => document.activeElement.dataset.message !== undefined), true, 'the focus is on a message');
  const open = () => drill.view(page).messages.filter((one) => one.acknowledged_s === null).length;
  // The key stands at the one message that it takes.
  const capped = () => page.locator('.messages li').filter({ has: page.locator('kbd') }).evaluateAll((all) => all.map((one) => Number(one.dataset.message)));
  equal(await capped(), [Number(await page.evaluate(() => document.activeElement.dataset.message))], 'where the key `a` stands while a message has the focus');
  await page.keyboard.press('Escape');
  const oldest = drill.view(page).messages.find((one) => one.acknowledged_s === null).message;
  await until(async () => JSON.stringify(await capped()) === JSON.stringify([oldest]), 'the key `a` stands at the oldest message that is open');
  for (let left = open(); left > 0; left = open()) {
    await page.keyboard.press('a');
    await until(() => open() < left, 'a message is taken note of');
    check((await page.evaluate(() => document.activeElement.tagName)) !== 'BODY', 'the focus is somewhere after a message is taken note of');
  }

  await page.keyboard.press('t');
  // With one other role its name is there already.
  const only = Object.keys(drill.view(page).drill.people).concat(drill.view(page).drill.bots).filter((role) => role !== 'dispatcher');
  equal(await page.locator('#drill-line').inputValue(), new Set(only).size === 1 ? `say ${only[0]} ` : 'say ', 'how the line begins');
  await page.keyboard.type(`${new Set(only).size === 1 ? '' : 'controller '}Four units are out.`);
  await page.keyboard.press('Enter');
  await until(() => drill.view(controller).messages.some((one) => one.text.includes('Four units are out.')), 'the controller hears it');
  await page.keyboard.press('x');
  await page.keyboard.press('Enter');
  await until(() => drill.view(page).declared.some((one) => one.what === 'major-incident'), 'it is declared');
  await page.getByText('Major incident').first().waitFor();

  // The keys are listed, and can be switched off.
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.locator('dialog[open]').getByText('divert a unit here').waitFor();
  await shot(page, 'drill-keys');
  await axe(page);
  await page.getByLabel('Single keys do something').uncheck();
  await page.keyboard.press('Escape');
  await until(async () => (await page.locator('dialog[open]').count()) === 0, 'the list is closed');
  await page.keyboard.press('m');
  equal(await page.evaluate(() => document.activeElement.dataset?.message ?? null), null, 'keys are off');
});

/** Lets a window be sent what a server may send: every view goes through `change` on its way. The window is loaded anew for it. */
async function changed(page, change) {
  await page.routeWebSocket(/\/ws\/drill$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      const message = JSON.parse(text);
      if (message.type === 'view') change(message.view);
      socket.send(JSON.stringify(message));
    });
  });
  await page.reload();
  await page.waitForSelector('.desk, .control');
}

test('what the caller said stands at the call in hand, and nothing where nothing is told', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  await fast(controller, () => waiting(drill.view(page)).length > 0, 'a call waits');
  await clock(controller, 'pause');
  const said = `My mother fell on the stairs and does not answer. ${'We are behind the mill. '.repeat(6)}`.trim();
  await changed(page, (view) => view.calls.forEach((call) => (call.text = call.understood_s === null ? null : said)));
  await page.locator('.calls [role=option]').first().waitFor();
  await page.keyboard.press('u');
  await page.locator('.head blockquote').waitFor();
  equal(await page.locator('.head blockquote').textContent(), `“${said}”`, 'what was said');
  await fits(page);
  await axe(page);
  await shot(page, 'drill-caller');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator('.tabs button').nth(1).click();
  await fits(page);
  await short(page);
  await shot(page, 'drill-caller-phone');
  const quiet = await drill.window('dispatcher');
  await changed(quiet, (view) => view.calls.forEach((call) => (call.text = null)));
  await quiet.locator('.calls [role=option]').first().waitFor();
  await quiet.keyboard.press('u');
  await quiet.locator('.head .facts').waitFor();
  equal(await quiet.locator('.head blockquote').count(), 0, 'what was said of a call that nobody told of');
});

test('the key of a unit that arrived somewhere meanwhile sends nobody, and says why', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  await fast(controller, () => waiting(drill.view(page)).length > 0 && freed(drill.view(page)).length > 1, 'a call waits and units are free');
  let arrived = null;
  await changed(page, (view) => {
    const unit = view.units.find((one) => one.unit === arrived);
    if (unit) Object.assign(unit, { status: 'at-scene', call: 999, free: false, divertible: false });
  });
  await page.locator('.calls [role=option]').first().waitFor();
  await page.keyboard.press('u');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.units [data-unit] .key kbd');
  const [, { unit, key }] = await keyed(page);
  arrived = unit;
  await until(async () => !(await keyed(page)).some((one) => one.unit === unit), 'its key is not shown any more');
  equal(await page.locator(`.units [data-unit="${unit}"] button`).count(), 0, 'buttons that send it');
  await page.keyboard.press(key);
  await page.locator('.notice', { hasText: `${unit} cannot be sent now: at scene.` }).waitFor();
  equal(await page.locator('dialog[open]').count(), 0, 'questions about what cannot be');
});

test('calls at one place say on the map how many they are, and each click takes the next', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  await fast(controller, () => drill.view(page).calls.filter((call) => call.lon !== null && call.status !== 'closed').length > 0, 'a call is understood');
  await clock(controller, 'pause');
  await changed(page, (view) => {
    const one = view.calls.find((call) => call.lon !== null);
    view.calls = [...view.calls.filter((call) => call.lon === null), ...Array.from({ length: 12 }, (_, k) => ({ ...one, call: 800 + k, status: 'waiting', unit: null }))];
  });
  const mark = page.locator('.outline .call');
  await mark.first().waitFor();
  equal(await mark.count(), 1, 'marks of twelve calls at one place');
  equal(await mark.evaluate((one) => [one.dataset.many, getComputedStyle(one, '::after').content]), ['12×', '"12×"'], 'how many they are');
  check((await mark.getAttribute('aria-label')).includes('12 calls are here'), 'how many they are, in words');
  for (const call of ['800', '801']) {
    await mark.click();
    await until(async () => (await page.locator('.calls [aria-selected=true]').getAttribute('data-call')) === call, `call ${call} is in hand`);
  }
  await shot(page, 'drill-one-place');
  await axe(page);
});

test('a controller runs the clock, the injects, the roles and the ratings, and goes back on a new branch', async (drill) => {
  const page = await drill.window('dispatcher');
  const controller = await drill.window('controller');
  const now = () => drill.view(controller).drill;
  await clock(controller, 'run');
  await clock(controller, 'pause');
  const at = now().time_s;
  await controller.getByRole('button', { name: '60 steps' }).click();
  await until(() => now().time_s > at, 'steps move the clock');
  await clock(controller, 'speed', '5');

  // An inject is held, released, and delivered by hand.
  const inject = drill.view(controller).injects.find((one) => one.state === 'pending');
  if (inject) {
    const row = controller.locator(`[data-inject=${JSON.stringify(inject.inject)}]`);
    await row.getByRole('button', { name: /^Hold/ }).click();
    await until(async () => (await row.getAttribute('data-state')) === 'held', 'it is held');
    await row.getByRole('button', { name: /^Release/ }).click();
    await until(async () => (await row.getAttribute('data-state')) === 'pending', 'it is released');
    await row.getByRole('button', { name: /^Deliver/ }).click();
    await until(async () => (await row.getAttribute('data-state')) === 'delivered', 'it is delivered');
    if (inject.to === 'dispatcher') await page.locator('[data-message]').first().waitFor();
  }

  const [objective] = drill.view(controller).objectives ?? [];
  if (objective) {
    const group = controller.locator(`[data-objective=${JSON.stringify(objective.objective)}]`);
    await group.getByRole('textbox').fill('One call waited long.');
    await group.getByRole('button', { name: /^S:/ }).click();
    await until(() => drill.view(controller).objectives[0].rating === 'S', 'it is rated');
    equal(drill.view(controller).objectives[0].note, 'One call waited long.', 'why');
  }

  const row = controller.locator('[data-role=dispatcher]');
  await row.getByRole('button', { name: /^Hand to bot/ }).click();
  await until(() => now().bots.includes('dispatcher'), 'a bot decides');
  await row.getByRole('button', { name: /^Hand to people/ }).click();
  await until(() => !now().bots.includes('dispatcher'), 'people decide');
  check((await controller.locator('[data-action]').count()) >= 3, 'the log has what was done');
  await controller.getByPlaceholder('Note for the review').fill('The desk was calm.');
  const before = drill.view(controller).actions.length;
  await controller.keyboard.press('Enter');
  await until(() => drill.view(controller).actions.length === before + 1, 'the note is in the log');

  // Back in time: asked first, then everybody is on the next branch.
  const { branch, time_s, t_s } = now();
  const back = Math.max(0, Math.floor(t_s - 30));
  await controller.getByRole('button', { name: 'Rewind' }).click();
  const field = controller.getByPlaceholder('T+5:00');
  await field.fill('6');
  await controller.keyboard.press('Enter');
  const alert = controller.getByRole('alert').filter({ hasText: '“6” is no time: write T+5:00' });
  await alert.waitFor();
  equal(await field.getAttribute('aria-describedby'), await alert.getAttribute('id'), 'what describes the field');
  equal(await field.getAttribute('aria-invalid'), 'true', 'whether the field says that it is wrong');
  await axe(controller);
  await shot(controller, 'drill-rewind');
  await controller.getByPlaceholder('T+5:00').fill(`T+0:${String(Math.floor(back / 60)).padStart(2, '0')}:${String(back % 60).padStart(2, '0')}`);
  await controller.keyboard.press('Enter');
  await controller.locator('dialog[open]').getByText('is kept').waitFor();
  await controller.keyboard.press('y');
  await until(() => now().branch === branch + 1 && now().time_s < time_s, 'the controller is on a new branch');
  await until(() => drill.view(page).drill.branch === branch + 1, 'and so is the dispatcher');
  await controller.getByText(`branch ${branch + 1}`).first().waitFor();
});

test('a desk that is cut off says so, keeps what is done, and does it once when it is back', async (drill) => {
  const controller = await drill.window('controller', { allow: CUT });
  const page = await drill.window('dispatcher', { allow: CUT });
  await fast(controller, () => waiting(drill.view(page)).length > 0 && freed(drill.view(page)).length > 0, 'a call waits and a unit is free');
  await page.keyboard.press('u');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.units [data-unit] .key kbd');
  const call = Number(await page.locator('.calls [aria-selected=true]').getAttribute('data-call'));
  const list = await keyed(page);
  const free = new Set(freed(drill.view(page)).map((unit) => unit.unit));
  const { unit, key } = list.find((one) => free.has(one.unit));
  const before = drill.view(controller).actions.at(-1)?.number ?? 0;
  drill.wire.cut();
  await page.getByText('No connection').first().waitFor();
  await page.keyboard.press(key);
  await page.getByText('1 action waits').waitFor();
  equal(await pending(page), 1, 'what waits');
  await shot(page, 'drill-offline');
  await axe(page);
  // Even a reload loses nothing; the page itself comes from the browser's memory or not at all, so the wire is joined for it.
  drill.wire.join();
  await page.reload();
  await page.waitForSelector('.desk');
  await until(async () => (await pending(page)) === 0, 'it is answered');
  await until(() => drill.view(page).units.find((one) => one.unit === unit).call === call, `${unit} was sent`);
  const done = () => drill.view(controller).actions.filter((one) => one.number > before && one.role === 'dispatcher');
  await until(() => done().length > 0, 'the controller sees it');
  // Another one after it: whatever would come twice has come by then.
  await page.keyboard.press('/');
  await page.keyboard.type('note All is well again.');
  await page.keyboard.press('Enter');
  await until(() => done().length > 1 && drill.view(page).said.length >= 2, 'the next one is done');
  await until(async () => (await pending(page)) === 0, 'nothing waits any more');
  equal(done().length, 2, `how often something was done: ${JSON.stringify(done())}`);
});

test('a server that is killed in mid-drill is found again within ten seconds, and nothing decided is lost', async (drill) => {
  const controller = await drill.window('controller', { allow: CUT });
  const page = await drill.window('dispatcher', { allow: CUT });
  await fast(controller, () => waiting(drill.view(page)).length > 0 && freed(drill.view(page)).length > 0, 'a call waits and a unit is free');
  const { unit, call } = await sendByKeys(drill, page);
  const decided = drill.view(controller).actions.at(-1);
  await drill.server.kill();
  await page.getByText('No connection').first().waitFor();
  // What is done meanwhile waits for it.
  await page.keyboard.press('/');
  await page.keyboard.type('note The screen stood still for a moment.');
  await page.keyboard.press('Enter');
  equal(await pending(page), 1, 'what waits');
  const began = Date.now();
  await drill.server.start(drill.answers);
  await until(async () => (await page.getByText('No connection').count()) === 0, 'the desk is back', 20_000);
  console.log(`        back ${((Date.now() - began) / 1000).toFixed(1)} s after the server was started`);
  check(Date.now() - began < 10_000, `back within 10 s: ${Date.now() - began} ms`);
  await until(async () => (await pending(page)) === 0, 'what waited is answered');
  const later = () => drill.view(controller).actions.filter((one) => one.number > decided.number);
  await until(() => later().length > 0, 'it is in the log');
  equal(later().map((one) => [one.number, one.role]), [[decided.number + 1, 'dispatcher']], 'what was done after it, once');
  equal(drill.view(controller).actions.find((one) => one.number === decided.number), decided, 'what was decided before');
  const now = drill.view(page).units.find((one) => one.unit === unit);
  check(now.call === call || drill.view(page).calls.find((one) => one.call === call)?.status !== 'waiting', `${unit} is still at call ${call}`);
});

/** What no dispatcher knows: names of what the city, the planners and the other windows have. */
const SECRET = ['injects', 'inject', 'objectives', 'objective', 'rating', 'trigger', 'expect', 'actions', 'truth', 'closed', 'incidents', 'incident', 'vehicle', 'vehicles', 'conveyed', 'secret', 'seed', 'pins', 'pin', 'token', 'patients', 'casualties', 'route', 'speed_mps'];

test('a dispatcher’s window is sent nothing that a dispatcher would not know', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  await fast(controller, () => waiting(drill.view(page)).length > 0 && freed(drill.view(page)).length > 0, 'a call waits and a unit is free');
  await sendByKeys(drill, page);
  await clock(controller, 'speed', '20');
  const ringing = () => page.received.some((one) => one.value?.view?.calls?.some((call) => call.status === 'ringing'));
  const until_s = drill.view(page).drill.time_s + 120;
  await until(() => drill.view(page).drill.time_s > until_s && (ringing() || !drill.mocked), 'the drill goes on for a while', 180_000);
  await clock(controller, 'speed', '1');
  await controller.getByRole('button', { name: 'Pause', exact: true }).click();

  const frames = page.received.filter((one) => one.from === '/ws/drill');
  check(frames.length > 10, `${frames.length} frames were looked at`);
  for (const { from } of page.received) check(/^\/(ws\/drill|api\/v1\/drill(\/.*)?)$/.test(from), `the desk asked ${from}`);
  const token = page.token;
  for (const { from, text, value } of page.received) {
    if (from === '/api/v1/drill/join') continue;
    check(!text.startsWith('binary'), 'nothing binary');
    const found = [...keysOf(value)].filter((key) => SECRET.includes(key));
    equal(found, [], `keys on ${from}`);
    check(!text.includes(token), `a token on ${from}`);
    for (const call of value?.view?.calls ?? []) {
      if (call.understood_s === null) equal([call.category, call.road, call.lon, call.lat], [null, null, null, null], `what is known of call ${call.call} while it is ${call.status}`);
    }
    for (const unit of value?.view?.units ?? []) check(unit.seen_s === null || unit.seen_s <= value.view.drill.time_s, 'a report is not from the future');
    for (const key of ['injects', 'objectives', 'actions', 'truth']) check(value?.view === undefined || !(key in value.view), `the view has no ${key}`);
  }
  // What is still to come stands nowhere, not even as a word.
  const all = page.received.map((one) => one.text).join('\n');
  for (const inject of drill.view(controller).injects) {
    if (inject.state === 'delivered' || inject.text.length < 12) continue;
    check(!all.includes(inject.text), `the text of ${inject.inject}, which was not delivered`);
    if (inject.expect) check(!all.includes(inject.expect.words), `what is expected after ${inject.inject}`);
  }
  // The same look at the controller's window finds what it looks for: it can fail.
  const controllers = new Set(controller.received.flatMap((one) => [...keysOf(one.value)]));
  for (const key of ['injects', 'expect', 'trigger', 'truth', 'closed', 'actions']) check(controllers.has(key), `the controller is told ${key}`);

  // The rest of the server is closed to a dispatcher, by address and by socket.
  for (const path of ['api/v1/map', 'api/v1/sessions', 'api/v1/map/roads', 'api/v1/indicators', 'api/v1/drill/files/log.jsonl', 'api/v1/drill/files/actions.jsonl', 'api/v1/drill/files/after-action.json']) {
    for (const headers of [{}, { Authorization: `Bearer ${token}` }]) {
      const { status } = await ask(`${drill.url}${path}`, { headers });
      // What a drill leaves is not there for anybody yet; the rest never is.
      check([401, 403, ...(path.includes('/files/') && 'Authorization' in headers ? [409] : [])].includes(status), `${path} answers a dispatcher ${status}`);
    }
  }
  const opened = await page.evaluate(
    (secret) =>
      new Promise((done) => {
        const socket = new WebSocket(`ws://${location.host}/ws/realtime`, ['citytwin.v1', `bearer.${secret}`]);
        socket.onmessage = () => done(true);
        socket.onclose = () => done(false);
      }),
    token,
  );
  equal(opened, false, 'whether the realtime socket speaks to a dispatcher');
});

test('a seat that the server does not know is given up for another, and the bare address leads to the lobby', async (drill) => {
  const page = await drill.window('controller');
  await until(() => page.evaluate(() => window.__twin.ready), 'the live map is there', 60_000);
  // The seat of a controller is left: what was shown of the city is gone with it.
  await page.getByRole('button', { name: 'Leave the seat' }).click();
  await page.locator('#drill-pin').waitFor();
  const before = page.received.length;
  await page.evaluate(() => sessionStorage.setItem('citytwin.drill.seat', JSON.stringify({ token: 'nobody', role: 'dispatcher', title: 'Dispatcher', name: 'Ada' })));
  await page.reload();
  await page.getByText('does not know this seat').waitFor();
  await page.getByRole('button', { name: 'Join again' }).click();
  await page.locator('#drill-pin').fill(drill.pins.dispatcher);
  await page.locator('#drill-name').fill('Ada');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.desk');
  await until(() => drill.view(page)?.role === 'dispatcher', 'the desk is told');
  const told = page.received.slice(before).filter((one) => one.from !== '/ws/drill' && !one.from.startsWith('/api/v1/drill'));
  equal(told, [], 'what the window was sent of the city after a controller left it');
  const other = await page.context().newPage();
  await other.goto(drill.url);
  await other.locator('#drill-pin, .desk').first().waitFor();
}, { mock: true });

test('a role that this page has never heard of is shown what it sees', async (drill) => {
  const page = await drill.window('observer');
  await page.waitForSelector('.observe');
  await page.locator('.observe .calls').waitFor();
  equal(await page.locator('.observe .hospitals, .observe .log, .observe .objectives').count(), 0, 'panels of what it does not see');
  equal(await page.getByRole('button', { name: 'Divert' }).count(), 0, 'what it may not do');
  await axe(page);
  await fits(page);
  await shot(page, 'drill-observer');
}, { mock: true });

/** Types a command, as somebody at the desk does. */
async function line(page, text) {
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

/** Waits a moment for something to come to pass; whether it did. A drill goes on while one plays: units arrive, others are sent. */
const soon = (holds) => until(holds, 'soon', 4000).then(() => true, () => false);

/** What the dispatcher does next, by keys: what is expected of it first, then messages, then the most urgent call. */
async function next(drill, page, controller, tried) {
  const view = drill.view(page);
  await page.keyboard.press('Escape');
  if (await page.locator('dialog[open]').count()) await page.keyboard.press('Escape');
  const expected = drill.view(controller).injects.filter((one) => one.state === 'delivered' && one.expect?.state === 'open' && (one.expect.role ?? 'dispatcher') === 'dispatcher');
  for (const { inject, expect } of expected) {
    const [, word] = /^declare (\S+)/.exec(expect.words) ?? [];
    const [, hospital] = /^direct a unit to (.+?) within/.exec(expect.words) ?? [];
    if (word && !view.declared.some((one) => one.what === word)) {
      await line(page, `declare ${word}`);
      if (await soon(() => drill.view(page).declared.some((one) => one.what === word))) return 'declared';
    }
    if (/^tell /.test(expect.words) && !tried.has(inject)) {
      tried.add(inject);
      await line(page, `say controller This is about ${inject}: we are on it.`);
      return 'said';
    }
    const unit = view.units.find((one) => one.status === 'at-scene' && one.hospital !== hospital);
    if (hospital && unit) {
      await line(page, `direct ${unit.unit} ${hospital}`);
      if (await soon(() => drill.view(page).units.some((one) => one.hospital === hospital))) return 'directed';
    }
  }
  const open = view.messages.filter((one) => one.acknowledged_s === null).length;
  if (open > 0) {
    await page.keyboard.press('a');
    await soon(() => drill.view(page).messages.filter((one) => one.acknowledged_s === null).length < open);
    return 'noted';
  }
  const [first] = waiting(view).sort((a, b) => a.category.localeCompare(b.category) || a.received_s - b.received_s);
  if (!first) return null;
  await page.keyboard.press('u');
  const call = Number(await page.locator('.calls [aria-selected=true]').getAttribute('data-call'));
  const had = () => drill.view(page).units.some((one) => one.call === call);
  const lower = view.units.filter((one) => one.divertible && one.call !== null && (view.calls.find((other) => other.call === one.call)?.category ?? 'C9') > first.category);
  if (freed(view).length > 0) {
    await page.keyboard.press('Enter');
    const free = new Set(freed(view).map((one) => one.unit));
    if (!(await soon(async () => (await keyed(page)).length > 0))) return null;
    const one = (await keyed(page)).find(({ unit }) => free.has(unit));
    if (!one) return null;
    await page.keyboard.press(one.key);
    return (await soon(had)) ? 'sent' : null;
  }
  if (first.category === 'C1' && lower.length > 0) {
    await page.keyboard.press('d');
    const choices = () => page.locator('dialog[open] li strong').allTextContents();
    if (!(await soon(async () => (await choices()).length > 0))) return null;
    const at = (await choices()).findIndex((unit) => lower.some((one) => one.unit === unit));
    if (at < 0) return null;
    await page.keyboard.press(String(at + 1));
    await soon(async () => (await page.locator('dialog[open] .primary').count()) > 0);
    await page.keyboard.press('y');
    return (await soon(had)) ? 'diverted' : null;
  }
  return null;
}

/** Whether nothing reaches beyond the page's width. */
const isNarrow = (page) => page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

test('it is played to its end in two windows, the dispatcher by keys alone', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  await clock(controller, 'speed', drill.mocked ? '30' : '10');
  await clock(controller, 'run');
  const [deeds, tried] = [{}, new Set()];
  const over = () => drill.view(controller).drill.phase === 'over';
  const end = Date.now() + 15 * 60_000;
  let half = false;
  while (!over()) {
    check(Date.now() < end, 'it ends within a quarter of an hour');
    const deed = await next(drill, page, controller, tried).catch((error) => (over() ? null : Promise.reject(error)));
    if (deed) deeds[deed] = (deeds[deed] ?? 0) + 1;
    else await new Promise((done) => setTimeout(done, 200));
    const { t_s, length_s } = drill.view(controller).drill;
    if (!half && t_s > length_s / 2) {
      half = true;
      await clock(controller, 'pause');
      await shot(page, 'drill-played-desk');
      await shot(controller, 'drill-played-control');
      const seen = await controller.evaluate(() => {
        const pane = document.querySelector('.injects .scroll').getBoundingClientRect();
        const newest = [...document.querySelectorAll('.injects [data-state=delivered]')].at(-1).getBoundingClientRect();
        return newest.top >= pane.top - 1 && newest.top < pane.bottom;
      });
      check(seen, 'what came last is seen among the injects');
      await clock(controller, 'run');
    }
  }
  const injects = drill.view(controller).injects;
  const states = injects.map((one) => `${one.inject} ${one.state} ${one.expect?.state ?? ''}`);
  console.log(`        ${JSON.stringify(deeds)}; ${states.join(', ')}`);
  check((deeds.sent ?? 0) >= 5 && (deeds.noted ?? 0) >= 3 && drill.view(controller).declared.length >= 1, `what was done: ${JSON.stringify(deeds)}`);
  const expected = injects.filter((one) => one.state === 'delivered' && one.expect);
  check(expected.filter((one) => one.expect.state === 'met').length * 2 > expected.length, `most of what was expected was done in time: ${states}`);
  for (const objective of drill.view(controller).objectives) {
    await controller.getByRole('button', { name: 'Control', exact: true }).click();
    await controller.locator(`[data-objective=${JSON.stringify(objective.objective)}]`).getByRole('button', { name: /^P:/ }).click();
  }
  await until(() => drill.view(controller).objectives.every((one) => one.rating === 'P'), 'all objectives are rated');
  if (drill.mocked) return;

  // Its review, as people look at it and as they print it; and the whole drill once more from what was done, to the last byte.
  await drill.server.kill();
  const review = await page.context().newPage();
  await review.goto(`file://${drill.folder}/branch-1/after-action.html`);
  await review.locator('h1').first().waitFor();
  check((await review.locator('body').innerText()).includes('EXERCISE'), 'the review is marked');
  check(await isNarrow(review), 'the review is no wider than its window');
  await shot(review, 'drill-review', { fullPage: true });
  await review.setViewportSize({ width: 390, height: 844 });
  check(await isNarrow(review), 'the review is no wider than its window');
  await shot(review, 'drill-review-phone', { fullPage: true });
  await review.pdf({ path: join(SHOTS, 'drill-review.pdf'), format: 'A4', preferCSSPageSize: true });
  const again = spawnSync(process.env.CITYTWIN, ['drill', 'again', drill.folder], { cwd: join(WEB, '..') });
  check(again.status === 0, `made again from what was done: ${again.stderr}`);
  console.log(again.stderr.toString().replace(/^/gm, '        '));
});

test('at its end both windows have the after-action page', async (drill) => {
  const controller = await drill.window('controller');
  const page = await drill.window('dispatcher');
  if (drill.view(controller).drill.phase !== 'over') {
    await controller.getByRole('button', { name: /^End the drill/ }).click();
    await controller.locator('dialog[open]').getByRole('button', { name: /^End the drill/ }).click();
  }
  for (const window of [page, controller]) {
    await window.getByRole('heading', { name: 'The drill is over' }).waitFor({ timeout: 300_000 });
    const frame = window.frameLocator('.over iframe');
    await frame.locator('h1').first().waitFor({ timeout: 300_000 });
    check((await frame.locator('body').innerText()).includes('EXERCISE'), 'the page is marked');
    const [opened] = await Promise.all([window.context().waitForEvent('page'), window.getByRole('link', { name: 'Open the after-action page' }).click()]);
    await opened.locator('h1').first().waitFor();
    await opened.close();
  }
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save after-action.json' }).click()]);
  equal(download.suggestedFilename(), 'after-action.json', 'the file');
  await fits(page);
  await shot(page, 'drill-over');
});

export default tests;
