// What a person did and the server has not answered yet. Kept as long as the tab lives, also over a reload, and sent again after every
// reconnect under the same id: the server does it once, whatever is lost on the way.

import type { Action } from './types';

export interface Pending {
  id: string;
  action: Action;
}

/** What an outbox is kept in; the tab's session storage. */
export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** So many may wait for an answer; a person is told then to wait too. */
export const PENDING_MAX = 50;
const KEY = 'citytwin.drill.pending';

/** A name for one order. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class Outbox {
  #pending: Pending[];

  /** `seat` is whose outbox it is: another seat's actions are not sent in its name. */
  constructor(
    private readonly keep: Keep | null,
    private readonly seat: string,
  ) {
    this.#pending = this.#read();
  }

  /** In the order in which they were done. */
  get all(): readonly Pending[] {
    return this.#pending;
  }

  /** Puts an action in; null where too many wait already. */
  add(action: Action, id = randomId()): Pending | null {
    if (this.#pending.length >= PENDING_MAX) return null;
    const one = { id, action };
    this.#pending = [...this.#pending, one];
    this.#write();
    return one;
  }

  /** The server answered; what it was, or undefined if it is not from here. */
  answered(id: string): Pending | undefined {
    const one = this.#pending.find((each) => each.id === id);
    if (one) {
      this.#pending = this.#pending.filter((each) => each !== one);
      this.#write();
    }
    return one;
  }

  /** Nothing is to be sent any more. */
  clear(): void {
    this.#pending = [];
    this.#write();
  }

  #read(): Pending[] {
    try {
      const kept = JSON.parse(this.keep?.getItem(KEY) ?? 'null') as { seat?: unknown; pending?: unknown } | null;
      if (!kept || kept.seat !== this.seat || !Array.isArray(kept.pending)) return [];
      return kept.pending.filter((one: Partial<Pending>) => typeof one?.id === 'string' && typeof one.action === 'object') as Pending[];
    } catch {
      return [];
    }
  }

  #write(): void {
    try {
      if (this.#pending.length === 0) this.keep?.removeItem(KEY);
      else this.keep?.setItem(KEY, JSON.stringify({ seat: this.seat, pending: this.#pending }));
    } catch {
      // A browser that keeps nothing still sends them again as long as the page lives.
    }
  }
}
