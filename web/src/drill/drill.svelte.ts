// The drill as this window knows it: its seat, the view of its role, what it waits for, and what is chosen on its desk.

import { clock, t } from '../i18n';
import { address } from '../lib/api';
import { Outbox, type Pending } from './outbox';
import { groupOf, minutes, ordered, sendable, short, unread } from './order';
import { keep, kept, known, storage, unlock } from './seat';
import { DrillSocket, type Link } from './socket';
import type { Action, Call, ClockOrder, Message, Power, Recommended, Seat, Unit, View } from './types';
import { actionWords, capital, statusOfUnit } from './words';

/** A question that needs an answer before anything else: yes or no, or one of a few. */
export interface Question {
  title: string;
  text: string;
  /** What yes says; none where something is to be chosen. */
  yes?: string;
  grave?: boolean;
  then?: () => void;
  choices?: { label: string; hint?: string; then: () => void }[];
}

/** The last thing that this window has to say. */
export interface Notice {
  kind: 'done' | 'refused' | 'waiting' | 'hint';
  text: string;
  number: number;
  /** Whether what it was about has come to pass: it is not said any longer then. */
  past?: () => boolean;
}

class Drill {
  seat: Seat | null = $state.raw(kept());
  view: View | null = $state.raw(null);
  link: Link = $state('connecting');
  /** The server does not know this seat any more. */
  unknown = $state(false);
  bye = $state('');
  over = $state(false);
  /** How often the server said that the after-action page is written. */
  written = $state(0);
  pending: readonly Pending[] = $state.raw([]);
  /** The number of the call that the desk is about. */
  chosen: number | null = $state(null);
  recommended: { call: number; at_s: number; units: Recommended[] } | null = $state.raw(null);
  asking = $state(false);
  notice: Notice | null = $state.raw(null);
  question: Question | null = $state.raw(null);
  /** What a screen reader is told next. */
  said = $state('');
  /** Which panel a narrow page shows. */
  panel = $state('calls');
  /** Calls that came while this window looked, and were not looked at yet. */
  fresh: ReadonlySet<number> = $state.raw(new Set<number>());

  #socket: DrillSocket | null = null;
  #notices = 0;
  #before: { calls: Map<number, string>; messages: Set<number>; branch: number } | null = null;

  readonly calls = $derived(ordered(this.view?.calls ?? []));
  readonly names = $derived((this.view?.units ?? []).map((unit) => unit.unit));
  /** The message that has the focus. */
  held: number | null = $state(null);
  /** The message that the key `a` takes note of: the one that has the focus, else the oldest that nobody took note of. */
  readonly toNote: Message | undefined = $derived.by(() => {
    const waiting = new Set(this.pending.flatMap(({ action }) => (action.do === 'acknowledge' ? [action.message] : [])));
    const open = (this.view?.messages ?? []).filter((one) => one.acknowledged_s === null && !waiting.has(one.message));
    return open.find((one) => one.message === this.held) ?? unread(open);
  });
  readonly call: Call | null = $derived(this.calls.find((one) => one.call === this.chosen) ?? null);

  can(power: Power): boolean {
    return this.view?.may.includes(power) ?? false;
  }

  sees(what: string): boolean {
    return this.view?.sees.includes(what) ?? false;
  }

  /** Takes the seat and keeps connected. */
  sit(seat: Seat): void {
    keep(seat);
    this.seat = seat;
    this.start();
  }

  start(): void {
    if (!this.seat || this.#socket) return;
    const { token } = this.seat;
    const url = new URL(address('ws/drill'));
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const outbox = new Outbox(storage(), token);
    this.pending = outbox.all;
    this.#socket = new DrillSocket(url.href, token, outbox, {
      link: (link) => {
        if (link === 'offline') this.asking = false;
        if (link === 'online' && this.link === 'offline' && this.view) this.tell(t('drill.say.back'));
        if (link === 'offline' && this.link === 'online') this.tell(t('drill.say.lost'));
        this.link = link;
        if (link === 'online') this.bye = '';
        this.#passed();
      },
      view: (view) => this.take(view),
      done: (said, action) => this.note('done', said || (action ? actionWords(action) : t('drill.notice.done'))),
      refused: (detail, action) => {
        if (!action) this.asking = false;
        this.note('refused', action ? `${actionWords(action)}: ${detail}` : detail);
      },
      recommended: (call, units) => {
        this.asking = false;
        if (call !== this.chosen) return;
        this.recommended = { call, units, at_s: this.view?.drill.time_s ?? 0 };
        const first = units[0];
        this.hush('hint');
        if (first) this.tell(t('drill.say.recommended', { n: units.length, unit: first.unit, time: Math.round(first.time_s ?? 0) }));
        else this.note('hint', t('drill.units.nobody'));
      },
      over: () => {
        this.over = true;
        this.written += 1;
      },
      bye: (reason) => (this.bye = reason),
      pending: () => (this.pending = outbox.all),
      lost: () => this.note('refused', t('drill.notice.order_lost')),
      turnedAway: (times) => {
        if (times >= 2) void known(token).then((is) => !is && this.seat?.token === token && this.#stranger());
      },
    });
    this.unknown = false;
    this.#socket.open();
  }

  /** Leaves the seat of this window; the drill goes on without it. */
  leave(): void {
    const saw = this.sees('truth');
    this.#socket?.close();
    this.#socket = null;
    keep(null);
    unlock(null);
    this.seat = null;
    this.view = null;
    this.over = this.unknown = this.asking = false;
    this.bye = '';
    this.said = '';
    this.pending = [];
    this.chosen = this.held = null;
    this.recommended = this.notice = this.question = this.#before = null;
    this.fresh = new Set();
    // Whoever sits down here next must not be sent what this seat was sent: the map's own connection ends with the page.
    if (saw) location.reload();
  }

  /** The page shows something else meanwhile. */
  stop(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  #stranger(): void {
    this.#socket?.close();
    this.#socket = null;
    this.unknown = true;
  }

  /** A unit's name as a desk shows it where there is little room. */
  short(unit: string): string {
    return short(unit, this.names);
  }

  /** A view of the server. */
  take(view: View): void {
    const before = this.view?.drill;
    this.#news(view);
    this.view = view;
    if (view.drill.phase === 'over') this.over = true;
    else if (this.over) this.over = false;
    if (before && before.branch !== view.drill.branch) {
      this.recommended = null;
      this.note('hint', t('drill.set_back', { time: clock(view.drill.time_s), n: view.drill.branch }));
    }
    if (this.recommended && !view.calls?.some((call) => call.call === this.recommended?.call)) this.recommended = null;
    if (this.chosen !== null && !view.calls?.some((call) => call.call === this.chosen)) this.chosen = null;
    this.#passed();
  }

  /** Tells whoever listens of what is new. */
  #news(view: View): void {
    const calls = new Map((view.calls ?? []).map((call) => [call.call, call.category ?? '']));
    const messages = new Set(view.messages.map((message) => message.message));
    const before = this.#before?.branch === view.drill.branch ? this.#before : null;
    this.#before = { calls, messages, branch: view.drill.branch };
    if (!before) {
      this.fresh = new Set();
      return;
    }
    const words: string[] = [];
    const fresh = new Set([...this.fresh].filter((call) => calls.has(call)));
    for (const call of view.calls ?? []) {
      const was = before.calls.get(call.call);
      if (was === undefined) {
        fresh.add(call.call);
        words.push(call.category ? t('drill.say.call', { call: call.call, category: call.category, road: call.road ?? '' }) : t('drill.say.ringing', { call: call.call }));
      } else if (was === '' && call.category) {
        fresh.add(call.call);
        words.push(t('drill.say.call', { call: call.call, category: call.category, road: call.road ?? '' }));
      }
    }
    if (fresh.size !== this.fresh.size || [...fresh].some((one) => !this.fresh.has(one))) this.fresh = fresh;
    for (const message of view.messages) {
      if (!before.messages.has(message.message)) words.push(t('drill.say.message', { from: message.from, text: message.text }));
    }
    if (words.length > 0) this.tell(words.join(' '));
  }

  /** What a screen reader says next. */
  tell(sentence: string): void {
    this.said = sentence;
  }

  note(kind: Notice['kind'], text: string, past?: () => boolean): void {
    this.notice = { kind, text: capital(text), number: (this.#notices += 1), past };
  }

  /** What could not be done is not said any longer: the next thing is done. */
  hush(...kinds: Notice['kind'][]): void {
    if (this.notice && (kinds.length === 0 || kinds.includes(this.notice.kind))) this.notice = null;
  }

  #passed(): void {
    if (this.notice?.past?.()) this.notice = null;
  }

  /** Something was not sent, as there is no connection. */
  #unsent(): void {
    this.note('refused', t('drill.notice.offline'), () => this.link === 'online');
  }

  act(action: Action): void {
    if (!this.#socket?.act(action)) this.note('refused', t('drill.notice.too_many'));
    else this.note('waiting', actionWords(action));
  }

  clock(order: ClockOrder): void {
    if (this.#socket?.clock(order)) this.hush('hint', 'refused');
    else this.#unsent();
  }

  rewind(to_s: number): void {
    this.question = {
      title: t('drill.rewind.title', { time: clock(to_s) }),
      text: t('drill.rewind.text'),
      yes: t('drill.rewind.yes'),
      grave: true,
      then: () => {
        if (this.#socket?.rewind(to_s)) this.hush('hint', 'refused');
        else this.#unsent();
      },
    };
  }

  end(): void {
    this.question = { title: t('drill.end.title'), text: t('drill.end.text'), yes: t('drill.end'), grave: true, then: () => this.act({ do: 'end' }) };
  }

  /** The desk is about this call from now on. */
  choose(call: number | null): void {
    if (call !== this.chosen) {
      this.recommended = null;
      // A hint was about the call before; a refusal is kept until something else is done.
      this.hush('hint');
    }
    this.chosen = call;
    if (call !== null && this.fresh.has(call)) {
      const fresh = new Set(this.fresh);
      fresh.delete(call);
      this.fresh = fresh;
    }
  }

  /** Asks which units are soonest at the scene of the call. */
  recommend(call = this.chosen): void {
    if (call === null) return this.note('hint', t('drill.hint.choose'));
    if (!this.can('assign')) return;
    const unplaced = (): boolean => this.view?.calls?.some((one) => one.call === call && one.road === null && one.lon === null) ?? false;
    if (unplaced()) return this.note('hint', t('drill.hint.ringing'), () => !unplaced());
    this.choose(call);
    if (!this.#socket?.recommend(call)) return this.#unsent();
    this.asking = true;
    this.hush('hint', 'refused');
  }

  /** Sends a unit to a call; one that is on its way elsewhere only after a yes. */
  send(unit: string, call = this.chosen): void {
    if (call === null) return this.note('hint', t('drill.hint.choose'));
    const from = this.view?.units?.find((one) => one.unit === unit);
    const action: Action = { do: 'assign', unit, call };
    if (from?.call === call) return this.note('hint', t('drill.hint.there', { unit }));
    // What was free or on its way a moment ago may be at a scene: nobody is asked about what cannot be.
    if (from && !sendable(from, call)) return this.note('hint', t('drill.hint.not_sendable', { unit, status: statusOfUnit(from.status) }));
    const there = this.view?.units?.find((one) => one.call === call);
    if (there && (!from || from.free || from.call === null)) {
      this.question = {
        title: t('drill.replace.title', { unit, call: String(call), other: there.unit }),
        text: t('drill.replace.text', { other: there.unit }),
        yes: t('drill.send.to', { unit, call: String(call) }),
        grave: true,
        then: () => this.act(action),
      };
      return;
    }
    if (!from || from.free || from.call === null) return this.act(action);
    const left = this.view?.calls?.find((one) => one.call === from.call);
    this.question = {
      title: t('drill.divert.title', { unit, call: String(call) }),
      text: t('drill.divert.text', { unit, from: String(from.call), what: [left?.category, left?.road].filter(Boolean).join(', ') || '–' }),
      yes: t('drill.divert.yes', { unit }),
      grave: true,
      then: () => this.act(action),
    };
  }

  /** Sends the unit that stands at this place of the recommendation. */
  sendNth(nth: number): void {
    if (this.chosen === null) return this.note('hint', t('drill.hint.choose'));
    if (this.recommended?.call !== this.chosen) return this.note('hint', t('drill.hint.recommend'));
    const one = this.recommended.units[nth - 1];
    if (one) this.send(one.unit);
    else this.note('hint', t('drill.hint.no_nth', { n: nth }));
  }

  /** Chooses among the units that may be diverted to the chosen call. */
  divert(): void {
    if (!this.can('divert')) return;
    const call = this.chosen;
    if (call === null) return this.note('hint', t('drill.hint.choose'));
    const times = new Map((this.recommended?.call === call ? this.recommended.units : []).map((one) => [one.unit, one.time_s]));
    const units = (this.view?.units ?? []).filter((unit) => unit.divertible && unit.call !== null && unit.call !== call);
    if (units.length === 0) return this.note('hint', t('drill.hint.no_divert'));
    units.sort((a, b) => (times.get(a.unit) ?? Infinity) - (times.get(b.unit) ?? Infinity));
    this.question = {
      title: t('drill.divert.which', { call: String(call) }),
      text: t('drill.divert.which_text'),
      choices: units.slice(0, 9).map((unit) => ({ label: unit.unit, hint: [times.has(unit.unit) ? minutes(times.get(unit.unit)) : '', this.#going(unit)].filter(Boolean).join(' · '), then: () => this.send(unit.unit, call) })),
    };
  }

  #going(unit: Unit): string {
    const call = this.view?.calls?.find((one) => one.call === unit.call);
    return t('drill.divert.from', { call: String(unit.call), what: [call?.category, call?.road].filter(Boolean).join(', ') });
  }

  /** Units that are about the chosen call. */
  #mine(): Unit[] {
    return (this.view?.units ?? []).filter((unit) => unit.call !== null && unit.call === this.chosen);
  }

  /** Calls a unit back, after a yes. */
  standDown(unit?: string): void {
    if (!this.can('stand-down')) return;
    if (unit === undefined) {
      if (this.chosen === null) return this.note('hint', t('drill.hint.choose'));
      const mine = this.#mine().filter((one) => one.status === 'dispatched' || one.status === 'en-route' || one.divertible);
      if (mine.length === 0) return this.note('hint', t('drill.hint.no_stand_down'));
      if (mine.length > 1) {
        this.question = {
          title: t('drill.stand_down.which'),
          text: '',
          choices: mine.slice(0, 9).map((one) => ({ label: one.unit, hint: this.#going(one), then: () => this.standDown(one.unit) })),
        };
        return;
      }
      unit = mine[0]!.unit;
    }
    const one = this.view?.units?.find((each) => each.unit === unit);
    const action: Action = { do: 'stand-down', unit };
    this.question = {
      title: t('drill.stand_down.title', { unit }),
      text: t('drill.stand_down.text', { call: one?.call === null || one?.call === undefined ? '–' : String(one.call) }),
      yes: t('drill.stand_down.yes'),
      grave: true,
      then: () => this.act(action),
    };
  }

  /** Names a hospital for a unit: of the chosen call, or the one that is given. */
  direct(unit?: string): void {
    if (!this.can('direct')) return;
    if (unit === undefined) {
      if (this.chosen === null) return this.note('hint', t('drill.hint.choose'));
      const mine = this.#mine();
      if (mine.length === 0) return this.note('hint', t('drill.hint.no_direct'));
      if (mine.length > 1) {
        this.question = { title: t('drill.direct.which'), text: '', choices: mine.slice(0, 9).map((one) => ({ label: one.unit, then: () => this.direct(one.unit) })) };
        return;
      }
      unit = mine[0]!.unit;
    }
    const name = unit;
    const hospitals = this.view?.hospitals ?? [];
    if (hospitals.length === 0) return this.note('hint', t('drill.hospitals.none'));
    this.question = {
      title: t('drill.direct.title', { unit: name }),
      text: '',
      choices: hospitals.slice(0, 9).map((one) => ({
        label: one.hospital,
        hint: t('drill.hospitals.load', { taken: one.taken, bays: one.bays, waiting: one.waiting }),
        then: () => this.act({ do: 'direct', unit: name, hospital: one.hospital }),
      })),
    };
  }

  /** Chooses the next call down or up the list. */
  move(by: number): number | null {
    const calls = this.calls.filter((call) => groupOf(call) !== 'closed');
    const list = calls.length > 0 ? calls : this.calls;
    if (list.length === 0) return null;
    const at = list.findIndex((one) => one.call === this.chosen);
    const to = at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + by));
    this.choose(list[to]!.call);
    return this.chosen;
  }
}

export const drill = new Drill();
