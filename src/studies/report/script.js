// Makes the map answer: colour by measure and interval, figures on pointing, zoom and pan. The page is whole without it.
(function () {
'use strict';
const $ = (id) => document.getElementById(id);
const data = JSON.parse($('map-data').textContent);
const svg = $('map-svg'), box = $('map'), tip = $('tip'), paths = Array.from($('roads').children);
document.documentElement.classList.add('js');
for (const part of document.querySelectorAll('.js-only')) part.hidden = false;

// Figures of a stretch, unpacked when it is first asked for.
const unpacked = [];
function frame(i) {
  if (!unpacked[i]) {
    const column = (text, scale) => text.split(',').map((t) => (t === '' ? NaN : Number(t) / scale));
    const [label, flow, speed, delay] = data.frames[i];
    unpacked[i] = { label, flow: column(flow, 1), speed: column(speed, 10), delay: column(delay, 10) };
  }
  return unpacked[i];
}
function value(key, f, road) {
  const [, , length, limit] = data.roads[road];
  if (key === 'delay') return f.delay[road];
  if (key === 'pace') return f.delay[road] / Math.max(length, 1) * 1000;
  if (key === 'speed') return limit > 0 ? f.speed[road] / limit * 100 : NaN;
  return f.flow[road];
}
const measure = () => data.measures.find((m) => m.key === $('measure').value);
const classOf = (m, v) => m.limits.filter((l) => (m.low ? v < l : v >= l)).length;

function colour() {
  const m = measure(), f = frame(Number($('time').value));
  paths.forEach((path, road) => {
    const v = value(m.key, f, road);
    path.setAttribute('class', path.classList[0] + ' ' + (Number.isNaN(v) ? 'unused' : 'c' + classOf(m, v)));
  });
  $('when').textContent = f.label;
  $('time').setAttribute('aria-valuetext', f.label);
  const title = $('legend-title');
  title.replaceChildren(Object.assign(document.createElement('strong'), { textContent: m.label + ' [' + m.unit + ']' }), ' ' + m.about);
  Array.from($('legend').children).forEach((item, i) => { item.lastElementChild.textContent = m.labels[i]; });
  if (chosen >= 0 && !tip.hidden) tell(chosen);
}
$('measure').addEventListener('change', colour);
$('time').addEventListener('input', colour);
$('whole').addEventListener('click', () => { $('time').value = 0; colour(); });
if (data.frames.length < 2) { $('time').disabled = true; $('whole').disabled = true; }

// The view: what part of the sheet is shown; its shape follows the window.
const sheet = svg.viewBox.baseVal, full = { w: sheet.width, h: sheet.height };
const pins = Array.from(svg.querySelectorAll('.hospital,.station'), (sign) => sign.parentNode);
const names = ['water', 'park', 'quarter'].flatMap((kind) => Array.from(svg.querySelectorAll('text.' + kind)));
let view = null;
function whole() {
  const ratio = box.clientWidth / box.clientHeight || 1.5;
  const w = Math.max(data.size[0], data.size[1] * ratio);
  return { x: (full.w - w) / 2, y: (full.h - w / ratio) / 2, w, h: w / ratio };
}
function show(next) {
  const all = whole(), ratio = box.clientWidth / box.clientHeight || 1.5;
  const w = Math.min(Math.max(next.w, all.w / 60), all.w), h = w / ratio;
  const within = (at, size, low, length) => Math.min(Math.max(at, low - size * 0.3), low + length - size * 0.7);
  view = { x: within(next.x, w, all.x, all.w), y: within(next.y, h, all.y, all.h), w, h, all: w === all.w };
  if (view.all) { view.x = all.x; view.y = all.y; }
  svg.setAttribute('viewBox', [view.x, view.y, view.w, view.h].map((n) => n.toFixed(1)).join(' '));
  const px = view.w / Math.max(box.clientWidth, 1), zoom = all.w / view.w;
  svg.style.setProperty('--px', px);
  // Lines grow more slowly than the map, down to the true width of a lane.
  const fine = Math.max(data.lane / Math.pow(zoom, 0.35), 0.8 * px, Math.min(3.2 / data.unit, data.lane));
  svg.style.setProperty('--lane', Math.min(fine, Math.max(data.lane, 0.8 * px)));
  scaleBar(px);
  svg.classList.toggle('far', px * data.unit > 6);
  for (const pin of pins) pin.style.setProperty('--px', px * (px * data.unit > 6 ? 0.75 : 1));
  declutter(px);
}
// Names that would stand on a sign or on another name are left out; water and parks come before quarters.
function declutter(px) {
  const taken = pins.map((pin) => {
    const at = pin.parentNode.transform.baseVal[0].matrix;
    return [at.e / px - 8, at.f / px - 8, at.e / px + 8, at.f / px + 8];
  });
  for (const name of names) {
    const x = name.getAttribute('x') / px, y = name.getAttribute('y') / px, half = name.textContent.length * 3.5 + 3;
    const room = [x - half, y - 12, x + half, y + 5];
    const free = taken.every((t) => t[2] < room[0] || t[0] > room[2] || t[3] < room[1] || t[1] > room[3]);
    name.style.visibility = free ? '' : 'hidden';
    if (free) taken.push(room);
  }
}
function scaleBar(px) {
  const rough = 110 * px * data.unit, power = Math.pow(10, Math.floor(Math.log10(rough)));
  const metres = [5, 2, 1].map((n) => n * power).find((n) => n <= rough) || power;
  const x = view.x + 14 * px, y = view.y + view.h - 14 * px, length = metres / data.unit;
  const [path, text] = $('scale').children;
  path.setAttribute('d', 'M' + x + ' ' + (y - 5 * px) + 'v' + 5 * px + 'h' + length + 'v' + -5 * px);
  text.setAttribute('x', x + length / 2);
  text.setAttribute('y', y - 7 * px);
  text.textContent = metres >= 1000 ? metres / 1000 + ' km' : metres + ' m';
}
function zoomAt(factor, fx, fy) {
  const w = view.w / factor, h = view.h / factor;
  show({ x: view.x + (view.w - w) * fx, y: view.y + (view.h - h) * fy, w, h });
}
function fit() {
  if (!view || view.all) { show(whole()); return; }
  const h = view.w * box.clientHeight / Math.max(box.clientWidth, 1);
  show({ x: view.x, y: view.y + (view.h - h) / 2, w: view.w, h });
}
new ResizeObserver(fit).observe(box);
fit();

// What a road's box tells.
let chosen = -1;
function halo(road) {
  const path = paths[road].cloneNode();
  path.setAttribute('class', paths[road].classList[0]);
  return path;
}
function tell(road, x, y) {
  const f = frame(Number($('time').value)), [name, id, length, limit] = data.roads[road];
  const strong = Object.assign(document.createElement('strong'), { textContent: data.names[name] });
  const note = Object.assign(document.createElement('span'), { className: 'code', textContent: id + ' · ' + length + ' m · ' + f.label });
  const table = document.createElement('table'), used = !Number.isNaN(f.flow[road]);
  const round = (v, n) => v.toLocaleString('en', { maximumFractionDigits: n, minimumFractionDigits: n });
  const rows = used ? [['Delay', round(f.delay[road], 1) + ' s/veh'], ['Speed', round(f.speed[road], 1) + ' of ' + limit + ' km/h'],
    ['Flow', round(f.flow[road], 0) + ' veh/h']] : [['Not used', '']];
  for (const [label, text] of rows) {
    const row = table.insertRow();
    row.append(Object.assign(document.createElement('th'), { textContent: label }));
    row.insertCell().textContent = text;
  }
  tip.replaceChildren(strong, note, table);
  tip.hidden = false;
  if (chosen !== road) {
    chosen = road;
    $('chosen').replaceChildren(halo(road));
  }
  if (x === undefined) return;
  tip.style.left = Math.max(4, Math.min(x + 14, box.clientWidth - tip.offsetWidth - 6)) + 'px';
  tip.style.top = Math.max(4, y + 16 + tip.offsetHeight < box.clientHeight ? y + 16 : y - tip.offsetHeight - 12) + 'px';
}
function hush() { chosen = -1; tip.hidden = true; $('chosen').replaceChildren(); }
// Brings roads into view and tells of the first.
function visit(roads) {
  if (!roads.length) return;
  const boxes = roads.map((road) => paths[road].getBBox());
  const low = (key) => Math.min(...boxes.map((b) => b[key]));
  const x = low('x'), y = low('y'), right = Math.max(...boxes.map((b) => b.x + b.width)), bottom = Math.max(...boxes.map((b) => b.y + b.height));
  const ratio = box.clientWidth / box.clientHeight, w = Math.max((right - x) * 1.8, (bottom - y) * 1.8 * ratio, full.w / 4);
  show({ x: (x + right) / 2 - w / 2, y: (y + bottom) / 2 - w / ratio / 2, w, h: w / ratio });
  const at = paths[roads[0]].getPointAtLength(paths[roads[0]].getTotalLength() / 2), px = view.w / box.clientWidth;
  tell(roads[0], (at.x - view.x) / px, (at.y - view.y) / px);
  $('chosen').append(...roads.slice(1).map(halo));
}
for (const button of document.querySelectorAll('.show')) {
  button.addEventListener('click', () => {
    chosen = -1;
    visit([Number(button.dataset.road)]);
    box.scrollIntoView({ block: 'center' });
    svg.focus({ preventScroll: true });
  });
}
$('streets').append(...data.names.map((name) => Object.assign(document.createElement('option'), { value: name })));
$('find').addEventListener('change', () => {
  const wanted = $('find').value.trim().toLowerCase();
  if (!wanted) { hush(); return; }
  let name = data.names.findIndex((n) => n.toLowerCase() === wanted);
  if (name < 0) name = data.names.findIndex((n) => n.toLowerCase().includes(wanted));
  const roads = data.roads.map((r, i) => (r[0] === name ? i : -1)).filter((i) => i >= 0);
  if (roads.length) { chosen = -1; visit(roads); } else { hush(); tip.textContent = 'No street of that name'; tip.hidden = false; tip.style.left = tip.style.top = '8px'; }
});

// The road under a point, or within a few pixels of it.
function roadAt(x, y) {
  for (const reach of [0, 3, 6]) for (const [dx, dy] of [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) {
    const hit = document.elementFromPoint(x + dx * reach, y + dy * reach);
    if (hit && hit.parentNode && hit.parentNode.id === 'roads') return paths.indexOf(hit);
  }
  return -1;
}
const fingers = new Map();
let armed = false, moved = 0;
const place = (event) => { const r = svg.getBoundingClientRect(); return [(event.clientX - r.left) / r.width, (event.clientY - r.top) / r.height, event.clientX - r.left, event.clientY - r.top]; };
function point(event) {
  const road = roadAt(event.clientX, event.clientY), [, , x, y] = place(event);
  if (road >= 0) tell(road, x, y); else hush();
}
svg.addEventListener('pointerdown', (event) => {
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  svg.setPointerCapture(event.pointerId);
  moved = 0;
});
svg.addEventListener('pointermove', (event) => {
  armed = true;
  const before = fingers.get(event.pointerId);
  if (!before) { if (event.pointerType === 'mouse') point(event); return; }
  const spread = () => { const [a, b] = Array.from(fingers.values()); return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0; };
  const old = spread(), px = view.w / svg.clientWidth, share = 1 / fingers.size;
  const dx = event.clientX - before[0], dy = event.clientY - before[1];
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  moved += Math.abs(dx) + Math.abs(dy);
  if (moved < 4) return;
  svg.classList.add('dragging');
  hush();
  show({ ...view, x: view.x - dx * px * share, y: view.y - dy * px * share });
  if (old > 0) {
    const points = Array.from(fingers.values()), r = svg.getBoundingClientRect();
    zoomAt(spread() / old, ((points[0][0] + points[1][0]) / 2 - r.left) / r.width, ((points[0][1] + points[1][1]) / 2 - r.top) / r.height);
  }
});
function lift(event) {
  if (fingers.delete(event.pointerId) && moved < 4 && event.type === 'pointerup') point(event);
  if (!fingers.size) svg.classList.remove('dragging');
}
svg.addEventListener('pointerup', lift);
svg.addEventListener('pointercancel', lift);
svg.addEventListener('pointerleave', (event) => {
  armed = false;
  // A finger that is lifted leaves too, but its answer is still to be read.
  if (event.pointerType === 'mouse' && !fingers.size && document.activeElement !== svg) hush();
});
// A wheel that is scrolling the page goes on doing so when the map passes under it.
window.addEventListener('scroll', () => { armed = false; }, { passive: true });
svg.addEventListener('wheel', (event) => {
  const out = event.deltaY > 0 && view.w >= whole().w * 0.999;
  if (!(armed || event.ctrlKey) || out && !event.ctrlKey) return;
  event.preventDefault();
  const [fx, fy] = place(event);
  zoomAt(Math.pow(1.0015, -event.deltaY * (event.deltaMode ? 30 : 1)), fx, fy);
}, { passive: false });

// Keys.
svg.tabIndex = 0;
let step = -1, ranked = null;
function next(direction) {
  const f = frame(0);
  ranked = ranked || Array.from(document.querySelectorAll('.show'), (button) => Number(button.dataset.road)).filter((road) => !Number.isNaN(f.flow[road]));
  if (!ranked.length) return;
  step = (step + direction + ranked.length) % ranked.length;
  chosen = -1;
  visit([ranked[step]]);
}
const keys = {
  ArrowLeft: () => show({ ...view, x: view.x - view.w / 8 }), ArrowRight: () => show({ ...view, x: view.x + view.w / 8 }),
  ArrowUp: () => show({ ...view, y: view.y - view.h / 8 }), ArrowDown: () => show({ ...view, y: view.y + view.h / 8 }),
  '+': () => zoomAt(1.4, 0.5, 0.5), '=': () => zoomAt(1.4, 0.5, 0.5), '-': () => zoomAt(1 / 1.4, 0.5, 0.5), 0: () => show(whole()),
  n: () => next(1), p: () => next(-1), N: () => next(1), P: () => next(-1), Escape: hush,
};
svg.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});
for (const button of document.querySelectorAll('[data-zoom]')) {
  button.addEventListener('click', () => ({ in: () => zoomAt(1.6, 0.5, 0.5), out: () => zoomAt(1 / 1.6, 0.5, 0.5), all: () => { hush(); show(whole()); } })[button.dataset.zoom]());
}
colour();
}());
