/** What the wire's numbers were while the page is open; outlives the view that collects it. */
import type { Pipeline } from '../../lib/types';
import { History } from './series';

class Wire {
  /** Grows with every answer. */
  version = $state(0);
  readonly messages = new History();
  readonly rate = new History();
  readonly behind = new History();
  readonly spooled = new History();
  readonly duplicates = new History();
  readonly late = new History();
  readonly quarantined = new History();
  readonly median = new History();
  readonly worst = new History();

  take(now: Pipeline, at_ms: number): void {
    const at = at_ms / 1000;
    this.messages.add(at, now.messages);
    this.rate.add(at, now.messages_per_s);
    this.behind.add(at, now.behind);
    this.spooled.add(at, now.spooled);
    this.duplicates.add(at, now.duplicates);
    this.late.add(at, now.late);
    this.quarantined.add(at, now.quarantined);
    this.median.add(at, now.shown_s?.[0] ?? null);
    this.worst.add(at, now.shown_s?.[1] ?? null);
    this.version += 1;
  }
}

export const wire = new Wire();
