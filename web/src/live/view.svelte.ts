// What the live view is about at the moment: what is chosen, what is being picked, and how the map is shown.

import type { Facts } from '../lib/types';
import type { FlowMode } from './flow';
import type { Chosen } from './marks';
import type { Roads } from './roads';
import type { Stage } from './stage';

export type Panel = 'city' | 'inspect' | 'change' | 'forks';

/** A place on a road. */
export interface Place {
  road: string;
  name: string;
  /** How far along it [m]. */
  position_m: number;
  lon: number;
  lat: number;
}

class View {
  stage: Stage | null = $state.raw(null);
  roads: Roads | null = $state.raw(null);
  chosen: Chosen | null = $state.raw(null);
  facts: Facts | null = $state.raw(null);
  panel: Panel = $state('city');
  /** On a narrow page: whether the sheet with the panel is open. */
  sheet = $state(false);
  flow: FlowMode = $state('colour');
  /** Whoever waits for a place on the map to be picked. */
  picking: ((place: Place) => void) | null = $state.raw(null);
  follow = $state(false);
  /** The fork whose difference is shown. */
  fork = $state('');

  choose(chosen: Chosen | null): void {
    this.chosen = chosen;
    this.facts = null;
    this.follow = false;
    if (chosen) {
      this.panel = 'inspect';
      this.sheet = true;
    } else if (this.panel === 'inspect') {
      this.panel = 'city';
      this.sheet = false;
    }
  }

  /** Lets a place be picked on the map. */
  pick(then: (place: Place) => void): void {
    this.picking = then;
    this.sheet = false;
    this.stage?.map.getCanvas().focus();
  }
}

export const view = new View();
