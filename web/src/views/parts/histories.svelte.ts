/** What indicators were while the page is open; outlives the view that collects it. */
import type { Indicator } from './arrangement';
import { History } from './series';

class Histories {
  /** Grows with every answer. */
  version = $state(0);
  readonly #by = new Map<string, History>();

  of(name: string): History | undefined {
    return this.#by.get(name);
  }

  take(indicators: readonly Indicator[], now_ms: number): void {
    for (const one of indicators) {
      let history = this.#by.get(one.name);
      if (!history) {
        history = new History();
        this.#by.set(one.name, history);
      }
      history.add(now_ms / 1000, one.value);
    }
    this.version += 1;
  }
}

export const histories = new Histories();
