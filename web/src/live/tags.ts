// Names of units that drive, beside them: a few elements that are moved with every picture.

import type { Unit } from '../lib/types';
import type { Fleet, Spot } from './fleet';
import type { Look } from './geo';

const MOST = 30;
const ZOOM = 13.4;

export class Tags {
  readonly #box: HTMLElement;
  readonly #tags = new Map<number, HTMLElement>();

  constructor(parent: HTMLElement) {
    this.#box = document.createElement('div');
    this.#box.className = 'tags';
    this.#box.setAttribute('aria-hidden', 'true');
    parent.append(this.#box);
  }

  set(units: Unit[]): void {
    const driving = units.filter((unit) => unit.on_road).slice(0, MOST);
    const wanted = new Set(driving.map((unit) => unit.vehicle));
    for (const [vehicle, tag] of this.#tags) {
      if (wanted.has(vehicle)) continue;
      tag.remove();
      this.#tags.delete(vehicle);
    }
    for (const unit of driving) {
      let tag = this.#tags.get(unit.vehicle);
      if (!tag) {
        tag = document.createElement('span');
        tag.style.visibility = 'hidden';
        this.#box.append(tag);
        this.#tags.set(unit.vehicle, tag);
      }
      if (tag.textContent !== unit.name) tag.textContent = unit.name;
      tag.className = unit.duty === 'en-route' || unit.duty === 'transporting' ? 'busy' : '';
    }
  }

  draw(look: Look, fleet: Fleet, now: number): void {
    const spot: Spot = { x: 0, y: 0, heading: 0 };
    for (const [vehicle, tag] of this.#tags) {
      const slot = look.zoom >= ZOOM ? fleet.slotOf(vehicle) : -1;
      if (slot < 0) {
        tag.style.visibility = 'hidden';
        continue;
      }
      fleet.spot(slot, now, spot);
      const x = Math.round(spot.x * look.scale + look.left);
      const y = Math.round(spot.y * look.scale + look.top);
      const seen = x > -60 && y > -20 && x < look.width + 60 && y < look.height + 20;
      tag.style.visibility = seen ? 'visible' : 'hidden';
      if (seen) tag.style.transform = `translate(${x + 14}px, ${y - 9}px)`;
    }
  }
}
