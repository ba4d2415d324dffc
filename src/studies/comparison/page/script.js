// Lets the map show each variant and layer, the figures themselves, and while a button is held the base. The page is whole without it.
(function () {
'use strict';
const $ = (id) => document.getElementById(id);
const data = JSON.parse($('map-data').textContent);
if (!data) return;
document.documentElement.classList.add('js');
for (const part of document.querySelectorAll('.js-only')) part.hidden = false;
const paths = Array.from($('roads').children);
for (const layer of data.layers) {
  const scale = Math.pow(10, layer.decimals);
  layer.columns = layer.columns.map((text) => text.split(',').map((t) => (t === '' ? NaN : Number(t) / scale)));
}
let layer = data.layers[0], variant = 1, show = 'change', peeking = false, ranked = null, step = -1;

// Only the roads are shown, and nothing of the sheet around them; lines and words keep their size on the screen.
const svg = $('map-svg'), frame = $('roads').getBBox(), lane = parseFloat(svg.style.getPropertyValue('--lane'));
function fit() {
  const pad = Math.max(frame.width, frame.height) * 0.03, foot = pad * 1.5;
  const view = [frame.x - pad, frame.y - pad, frame.width + 2 * pad, frame.height + pad + foot];
  svg.setAttribute('viewBox', view.join(' '));
  const px = Math.max(view[2] / Math.max($('map').clientWidth, 1), view[3] / Math.max($('map').clientHeight, 1));
  svg.style.setProperty('--px', px);
  svg.style.setProperty('--lane', Math.max(lane, 0.6 * px));
  const bar = $('scale').getBBox();
  $('scale').setAttribute('transform', 'translate(' + (view[0] + 8 * px - bar.x) + ' ' + (view[1] + view[3] - 8 * px - bar.y - bar.height) + ')');
}
new ResizeObserver(fit).observe($('map'));
fit();

function classOf(road) {
  const was = layer.columns[0][road], is = layer.columns[variant][road];
  if (peeking || show === 'value') {
    const v = peeking ? was : is;
    return Number.isNaN(v) ? 'unused' : 'c' + layer.values.filter((l) => v >= l).length;
  }
  if (Number.isNaN(is) && !Number.isNaN(was)) return 'gone';
  if (Number.isNaN(is) || Number.isNaN(was)) return 'unused';
  return 'd' + layer.changes.filter((l) => is - was > l).length;
}
function label(list, texts) {
  Array.from($(list).children).forEach((entry, place) => { entry.lastElementChild.textContent = texts[place]; });
}
function colour() {
  paths.forEach((path, road) => path.setAttribute('class', path.classList[0] + ' ' + classOf(road)));
  const change = show === 'change' && !peeking, name = layer.label + ' [' + layer.unit + ']';
  $('legend-change').hidden = !change;
  $('legend-value').hidden = change;
  label('legend-change', layer.changeLabels);
  label('legend-value', layer.valueLabels);
  const [title, text] = change ? ['Change of ' + name.charAt(0).toLowerCase() + name.slice(1), data.names[variant] + ': blue is less, orange is more than in ' + data.names[0] + '.']
    : [name, 'in ' + data.names[peeking ? 0 : variant] + '.'];
  $('legend-title').replaceChildren(Object.assign(document.createElement('strong'), { textContent: title }), ' ' + text + ' ' + layer.about);
  svg.setAttribute('aria-label', 'Map of the city’s roads coloured by ' + title + ' ' + text + ' The tables of this page name the roads that change most.');
}
function again() {
  ranked = null;
  step = -1;
  hush();
}
function choose(buttons, chosen) {
  again();
  for (const button of buttons) button.setAttribute('aria-pressed', String(button === chosen));
  colour();
}
const of = Array.from(document.querySelectorAll('[data-variant]')), how = Array.from(document.querySelectorAll('[data-show]'));
for (const button of of) button.addEventListener('click', () => { variant = Number(button.dataset.variant); choose(of, button); });
for (const button of how) button.addEventListener('click', () => { show = button.dataset.show; choose(how, button); });
const choice = $('layer');
if (choice) choice.addEventListener('change', () => { layer = data.layers[Number(choice.value)]; again(); colour(); });
const peek = (on) => () => { if (peeking !== on) { peeking = on; colour(); } };
const button = $('peek');
button.addEventListener('pointerdown', peek(true));
for (const end of ['pointerup', 'pointerleave', 'pointercancel', 'blur']) button.addEventListener(end, peek(false));
button.addEventListener('keydown', (event) => { if (event.key === ' ' || event.key === 'Enter') { event.preventDefault(); peek(true)(); } });
button.addEventListener('keyup', peek(false));
button.addEventListener('contextmenu', (event) => event.preventDefault());

// The figures of the road under the pointer.
const tip = $('tip'), box = $('map');
const figure = (v) => (Number.isNaN(v) ? 'no figure' : v.toFixed(layer.decimals) + ' ' + layer.unit);
function tell(road, x, y) {
  const [street, id] = data.roads[road];
  const strong = Object.assign(document.createElement('strong'), { textContent: street || id });
  const lines = [0, variant].map((place) => [data.names[place], layer.columns[place][road]]);
  tip.replaceChildren(strong, ...lines.map(([name, v]) => Object.assign(document.createElement('div'), { textContent: name + ': ' + figure(v) })));
  tip.hidden = false;
  tip.style.left = Math.max(4, Math.min(x + 14, box.clientWidth - tip.offsetWidth - 6)) + 'px';
  tip.style.top = Math.max(4, y + 16 + tip.offsetHeight < box.clientHeight ? y + 16 : y - tip.offsetHeight - 12) + 'px';
}
function hush() {
  tip.hidden = true;
  $('chosen').replaceChildren();
}
function point(event) {
  const road = paths.indexOf(event.target), at = box.getBoundingClientRect();
  hush();
  if (road >= 0) tell(road, event.clientX - at.left, event.clientY - at.top);
}
box.addEventListener('pointermove', point);
box.addEventListener('pointerdown', point);
// A finger that is lifted leaves too, but its answer is still to be read.
box.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') hush(); });

// Keys step through the roads, those that change most first.
svg.tabIndex = 0;
function next(direction) {
  const change = (road) => Math.abs(layer.columns[variant][road] - layer.columns[0][road]);
  ranked = ranked || paths.map((_, road) => road).filter((road) => change(road) > 0).sort((a, b) => change(b) - change(a) || a - b);
  if (!ranked.length) return;
  step = step < 0 && direction < 0 ? ranked.length - 1 : (step + direction + ranked.length) % ranked.length;
  const road = ranked[step], at = box.getBoundingClientRect(), there = paths[road].getBoundingClientRect();
  const mark = paths[road].cloneNode();
  mark.setAttribute('class', paths[road].classList[0]);
  $('chosen').replaceChildren(mark);
  tell(road, there.left + there.width / 2 - at.left, there.top + there.height / 2 - at.top);
}
const keys = { n: () => next(1), p: () => next(-1), Escape: hush };
svg.addEventListener('keydown', (event) => {
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});
svg.addEventListener('blur', hush);
colour();
}());
