// Words and facts of the server in the language of the page.

import { amount, clock, has, number, span, t } from '../i18n';
import type { Fact } from '../lib/types';

/** A word of the server: its text if there is one, else the word itself with spaces. */
export function word(value: string): string {
  const key = `live.word.${value.replaceAll('_', '-')}`;
  return has(key) ? t(key) : value.replaceAll('_', ' ').replaceAll('-', ' ');
}

/** The name of a fact. */
export function named(name: string): string {
  const key = `live.fact.${name}`;
  if (has(key)) return t(key);
  const plain = name.replaceAll('_', ' ');
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The name of a fact by what it is: a moment on the way of a call is named otherwise than who was there. */
export function labelled(fact: Fact): string {
  const moment = `live.time.${fact.name}`;
  return fact.unit === 'time_s' && has(moment) ? t(moment) : named(fact.name);
}

/** Facts whose value is a word of the page and not somebody's name. */
const WORDS = new Set(['class', 'kind', 'duty', 'status', 'stage', 'severity', 'category', 'state', 'purpose', 'sky', 'what']);
const TIMES = /(_at|_since|since|time_s|departs|departed)$/;

/** The value of a fact with its unit. */
export function valued(fact: Fact): string {
  const { name, value, unit } = fact;
  if (value === null || value === undefined) return '–';
  if (typeof value === 'boolean') return t(value ? 'live.yes' : 'live.no');
  if (typeof value === 'number') {
    if (unit === 'time_s') return clock(value);
    if (unit === 's') return TIMES.test(name) ? clock(value) : span(value);
    if (unit === 'm/s') return amount(value * 3.6, 'km/h', 0);
    if (unit === 'm' && value >= 1000) return amount(value / 1000, 'km', 2);
    return amount(value, unit === '1' ? '' : unit);
  }
  if (Array.isArray(value)) return value.map((one) => (typeof one === 'number' ? number(one) : String(one))).join(' · ') + (unit ? ` ${unit}` : '');
  if (typeof value === 'string') return WORDS.has(name) ? word(value) : value;
  return JSON.stringify(value);
}

/** Metrics that say most about a device, the first that it has. */
const TELLING = ['occupancy', 'speed', 'count', 'flow', 'pm25', 'pm2_5', 'no2', 'temperature_c', 'temperature', 'occupied', 'state'];

/** The metric of a device that is shown at first. */
export function telling(capabilities: string[]): string {
  return TELLING.find((one) => capabilities.includes(one)) ?? capabilities[0] ?? '';
}
