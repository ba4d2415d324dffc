// The socket of a drill: comes back by itself after it was lost, waiting longer each time, and then sends again what was not answered.

import type { Outbox } from './outbox';
import { randomId } from './outbox';
import type { Action, ClockOrder, FromServer, Recommended, ToServer, View } from './types';

export type Link = 'connecting' | 'online' | 'offline';

export interface DrillEvents {
  link(state: Link): void;
  view(view: View): void;
  /** An action or an order was done; `action` is there for actions of this window. */
  done(said: string, action: Action | null): void;
  refused(detail: string, action: Action | null): void;
  recommended(call: number, units: Recommended[]): void;
  over(): void;
  bye(reason: string): void;
  /** What waits for an answer has changed. */
  pending(): void;
  /** An order to the clock or a question was under way as the connection was lost: nobody knows whether it came through. */
  lost(what: 'clock' | 'rewind'): void;
  /** The server was reached and did not let this seat in. */
  turnedAway(times: number): void;
}

/** Waits between attempts [ms]; the last one repeats. Up to a third is taken off at random, so that many windows do not come at once. */
const WAITS_MS = [250, 500, 1000, 2000, 3000];
/** How often the connection is looked at [ms]. */
const LOOK_MS = 1000;
/** An action that was not answered for so long is sent again [ms]; without any word of the server the connection is taken as dead. */
const PATIENCE_MS = 5000;
/** The server is asked after so much silence, and given up after the same again [ms]. */
const SILENCE_MS = 10_000;

type Asked = { kind: 'clock' | 'rewind' | 'recommend' };

export class DrillSocket {
  #socket: WebSocket | null = null;
  #opened = false;
  #attempt = 0;
  #turned = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #watch: ReturnType<typeof setInterval> | null = null;
  #closed = true;
  #heard = 0;
  #pinged = false;
  #pings = 0;
  #sent = new Map<string, number>();
  #asked = new Map<string, Asked>();

  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly outbox: Outbox,
    private readonly events: DrillEvents,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Connects and keeps connected until `close`. */
  open(): void {
    this.#closed = false;
    globalThis.addEventListener?.('online', this.#wake);
    globalThis.document?.addEventListener('visibilitychange', this.#wake);
    this.#watch = setInterval(() => this.look(), LOOK_MS);
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    globalThis.removeEventListener?.('online', this.#wake);
    globalThis.document?.removeEventListener('visibilitychange', this.#wake);
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#watch) clearInterval(this.#watch);
    this.#timer = this.#watch = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  /** Does something: sent now if there is a connection, else as soon as there is one. False where too much waits already. */
  act(action: Action): boolean {
    const one = this.outbox.add(action);
    if (!one) return false;
    this.#act(one.id, action);
    this.events.pending();
    return true;
  }

  /** An order to the clock. It is not kept for later: whoever gave it wants it now. False where there is no connection. */
  clock(order: ClockOrder): boolean {
    return this.#ask('clock', { type: 'clock', id: randomId(), order });
  }

  rewind(to_s: number): boolean {
    return this.#ask('rewind', { type: 'rewind', id: randomId(), to_s });
  }

  recommend(call: number): boolean {
    return this.#ask('recommend', { type: 'recommend', id: randomId(), call });
  }

  /** Looks whether the connection lives; called by itself every second. */
  look(): void {
    if (!this.#opened || !this.#socket) return;
    const now = this.now();
    const silence = now - this.#heard;
    if (silence > 2 * SILENCE_MS) return this.#drop();
    if (silence > SILENCE_MS && !this.#pinged) {
      this.#pinged = true;
      this.#pings += 1;
      this.#send({ type: 'ping', n: this.#pings });
    }
    for (const [id, at] of this.#sent) {
      if (now - at < PATIENCE_MS) continue;
      // Nothing at all came since: the connection is dead. Otherwise only the answer was lost, and the same id is harmless.
      if (this.#heard <= at) return this.#drop();
      const one = this.outbox.all.find((each) => each.id === id);
      if (one) this.#act(id, one.action);
      else this.#sent.delete(id);
    }
  }

  #ask(kind: Asked['kind'], message: Extract<ToServer, { id: string }>): boolean {
    if (!this.#send(message)) return false;
    this.#asked.set(message.id, { kind });
    return true;
  }

  #act(id: string, action: Action): void {
    if (this.#send({ type: 'act', id, action })) this.#sent.set(id, this.now());
  }

  #send(message: ToServer): boolean {
    if (!this.#opened || this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #wake = (): void => {
    if (this.#timer && globalThis.navigator?.onLine !== false) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#connect();
    }
  };

  #connect(): void {
    if (this.#closed || this.#socket) return;
    if (this.#attempt === 0) this.events.link('connecting');
    let socket: WebSocket;
    try {
      // A browser cannot set headers on a socket: the token goes along as a subprotocol, which is not written into logs as an address is.
      socket = new WebSocket(this.url, ['citytwin.v1', `bearer.${this.token}`]);
    } catch {
      this.#retry();
      return;
    }
    this.#socket = socket;
    this.#opened = false;
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#opened = true;
      this.#attempt = 0;
      this.#turned = 0;
      this.#heard = this.now();
      this.#pinged = false;
      this.#sent.clear();
      this.events.link('online');
      for (const one of this.outbox.all) this.#act(one.id, one.action);
    };
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (this.#socket !== socket || typeof event.data !== 'string') return;
      this.#heard = this.now();
      this.#pinged = false;
      let message: FromServer;
      try {
        message = JSON.parse(event.data) as FromServer;
      } catch {
        return;
      }
      this.#take(message);
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      const opened = this.#opened;
      this.#gone();
      if (!opened) {
        this.#turned += 1;
        this.events.turnedAway(this.#turned);
      }
      this.#retry();
    };
  }

  #take(message: FromServer): void {
    switch (message.type) {
      case 'view':
        this.events.view(message.view);
        break;
      case 'done':
      case 'refused': {
        const one = this.outbox.answered(message.id);
        this.#sent.delete(message.id);
        const asked = this.#asked.get(message.id);
        this.#asked.delete(message.id);
        if (one) this.events.pending();
        // An answer that came twice, to an action that was sent twice, is told once.
        else if (!asked) break;
        if (message.type === 'done') this.events.done(message.said ?? '', one?.action ?? null);
        else this.events.refused(message.detail, one?.action ?? null);
        break;
      }
      case 'recommended':
        if (this.#asked.delete(message.id)) this.events.recommended(message.call, message.units);
        break;
      case 'over':
        this.events.over();
        break;
      case 'bye':
        this.events.bye(message.reason);
        break;
      case 'pong':
        break;
    }
  }

  /** The connection is dead without having said so. */
  #drop(): void {
    const dead = this.#socket;
    this.#gone();
    dead?.close();
    this.#retry();
  }

  #gone(): void {
    this.#socket = null;
    this.#opened = false;
    this.#sent.clear();
    const lost = [...this.#asked.values()];
    this.#asked.clear();
    for (const { kind } of lost) if (kind !== 'recommend') this.events.lost(kind);
  }

  #retry(): void {
    if (this.#closed) return;
    const wait = WAITS_MS[Math.min(this.#attempt, WAITS_MS.length - 1)]!;
    this.#attempt += 1;
    this.events.link('offline');
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#connect();
      },
      wait * (1 - Math.random() / 3),
    );
  }
}
