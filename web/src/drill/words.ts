// Words of the server in the language of the page, and actions in a few words.

import { has, t } from '../i18n';
import type { Action } from './types';

/** A word of the server: its text if there is one, else the word itself with spaces. */
function word(key: string, value: string | null | undefined): string {
  if (value === null || value === undefined || value === '') return '–';
  return has(key) ? t(key) : value.replaceAll('_', ' ').replaceAll('-', ' ');
}

export const statusOfCall = (value: string): string => word(`drill.stage.${value}`, value);
export const statusOfUnit = (value: string): string => word(`drill.duty.${value}`, value);
export const mediumOf = (value: string): string => word(`drill.by.${value}`, value);
export const kindOf = (value: string): string => word(`drill.kind.${value}`, value);
export const declaredAs = (value: string): string => word(`drill.declared.${value}`, value);

/** A sentence of the server as a line of its own begins: with a capital. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What somebody did, in a few words, until the server has said it in its own. */
export function actionWords(action: Action): string {
  switch (action.do) {
    case 'assign':
      return t('drill.act.assign', { unit: action.unit, call: String(action.call) });
    case 'stand-down':
      return t('drill.act.stand_down', { unit: action.unit });
    case 'direct':
      return t('drill.act.direct', { unit: action.unit, hospital: action.hospital });
    case 'declare':
      return t('drill.act.declare', { what: declaredAs(action.what) });
    case 'acknowledge':
      return t('drill.act.acknowledge', { message: String(action.message) });
    case 'say':
      return t('drill.act.say', { to: action.to, text: action.text });
    case 'note':
      return t('drill.act.note', { text: action.text });
    case 'deliver':
      return t('drill.act.deliver', { inject: action.inject });
    case 'hold':
      return t('drill.act.hold', { inject: action.inject });
    case 'release':
      return t('drill.act.release', { inject: action.inject });
    case 'improvise':
      return t('drill.act.improvise', { to: action.to, text: action.text });
    case 'rate':
      return t('drill.act.rate', { objective: action.objective, rating: action.rating });
    case 'hand':
      return t(action.bot ? 'drill.act.hand_bot' : 'drill.act.hand_people', { role: action.role });
    case 'end':
      return t('drill.end');
  }
}
