// The socket to the server: subscribes, acknowledges, and comes back by itself after it was lost, waiting longer each time.

import { address, apiKey } from './api';
import type { Bounds, ServerMessage } from './types';

export type Link = 'connecting' | 'online' | 'offline';

export interface SocketEvents {
  link(state: Link): void;
  message(message: ServerMessage): void;
  binary(data: ArrayBuffer): void;
}

/** Waits between attempts [ms]; the last one repeats. Up to a third is taken off at random, so that many pages do not come at once. */
const WAITS_MS = [250, 500, 1000, 2000, 4000, 8000];
/** The server is asked after so much silence, and given up after the same again [ms]. */
const SILENCE_MS = 10_000;

export class TwinSocket {
  #socket: WebSocket | null = null;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #watch: ReturnType<typeof setInterval> | null = null;
  #closed = false;
  #heard = 0;
  #asked = false;
  #pings = 0;
  #session = 'live';
  #bounds: Bounds | null = null;
  #rate = 10;
  #told = '';
  /** Bytes that came since the page was opened. */
  received = 0;

  constructor(private readonly events: SocketEvents) {}

  /** Connects and keeps connected until `close`. */
  open(): void {
    this.#closed = false;
    globalThis.addEventListener?.('online', this.#wake);
    document.addEventListener('visibilitychange', this.#wake);
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    globalThis.removeEventListener?.('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#wake);
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#watch) clearInterval(this.#watch);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  /** Which session is looked at; everything shown is forgotten by a new `hello`. */
  subscribe(session: string): void {
    this.#session = session;
    this.#subscribe();
  }

  /** Which part of the map is looked at; null shows no vehicles. */
  look(bounds: Bounds | null): void {
    const text = JSON.stringify(bounds);
    if (text === JSON.stringify(this.#bounds)) return;
    const whether = (bounds === null) !== (this.#bounds === null);
    this.#bounds = bounds;
    if (whether) this.#subscribe();
    else if (text !== this.#told && this.#send({ type: 'bounds', bounds })) this.#told = text;
  }

  /** At most so many frames a second are wanted. */
  rate(rate: number): void {
    if (rate === this.#rate) return;
    this.#rate = rate;
    this.#subscribe();
  }

  /** The frame of this tick was applied. */
  ack(tick: number): void {
    this.#send({ type: 'ack', tick });
  }

  /** Asks for everything anew, after a frame could not be understood. */
  again(): void {
    this.#subscribe();
  }

  #subscribe(): void {
    if (this.#send({ type: 'subscribe', session: this.#session, bounds: this.#bounds, rate: this.#rate, format: 'binary' })) {
      this.#told = JSON.stringify(this.#bounds);
    }
  }

  #send(message: unknown): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #wake = (): void => {
    if (this.#timer && (document.visibilityState === 'visible' || navigator.onLine)) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#connect();
    }
  };

  #connect(): void {
    if (this.#closed || this.#socket) return;
    this.events.link(this.#attempt === 0 ? 'connecting' : 'offline');
    const url = new URL(address('ws/realtime'));
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    // A browser cannot set headers on a socket: a key goes along as a subprotocol, which is not written into logs as an address is.
    const key = apiKey();
    const protocols = key ? ['citytwin.v1', `bearer.${key}`] : ['citytwin.v1'];
    let socket: WebSocket;
    try {
      socket = new WebSocket(url, protocols);
    } catch {
      this.#retry();
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      this.#attempt = 0;
      this.#heard = performance.now();
      this.#asked = false;
      this.events.link('online');
      this.#subscribe();
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.#heard = performance.now();
      this.#asked = false;
      if (typeof event.data === 'string') {
        this.received += event.data.length;
        let message: ServerMessage;
        try {
          message = JSON.parse(event.data) as ServerMessage;
        } catch {
          return;
        }
        this.events.message(message);
      } else {
        this.received += event.data.byteLength;
        this.events.binary(event.data);
      }
    };
    socket.onclose = () => {
      if (this.#socket === socket) {
        this.#socket = null;
        this.#retry();
      }
    };
    if (this.#watch) clearInterval(this.#watch);
    this.#watch = setInterval(() => this.#listen(), SILENCE_MS / 2);
  }

  /** A connection that died without a word is found by asking. */
  #listen(): void {
    const silence = performance.now() - this.#heard;
    if (this.#socket?.readyState !== WebSocket.OPEN || silence < SILENCE_MS) return;
    if (!this.#asked) {
      this.#asked = true;
      this.#pings += 1;
      this.#send({ type: 'ping', n: this.#pings });
    } else if (silence > 2 * SILENCE_MS) {
      const dead = this.#socket;
      this.#socket = null;
      dead.close();
      this.#retry();
    }
  }

  #retry(): void {
    if (this.#closed) return;
    const wait = WAITS_MS[Math.min(this.#attempt, WAITS_MS.length - 1)] ?? 8000;
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
