/** Which indicators somebody's board shows, and in what order. Pure: the board keeps and draws it. */

/** An indicator, as `/api/v1/indicators` gives it. */
export interface Indicator {
  name: string;
  unit: string;
  /** What it means, for people. */
  says: string;
  group: string;
  value: number | null;
  at_ms: number | null;
  source: 'stores' | 'model' | 'pipeline';
}

/** Whose work a board is for. */
export const ROLES = ['planner', 'operator', 'trainer', 'engineer'] as const;
export type Role = (typeof ROLES)[number];

/** A board: names of indicators in order, and those that are followed closely. */
export interface Arrangement {
  role: Role;
  shown: string[];
  close: string[];
}

/** Indicators on a fresh board. */
const FRESH_MAX = 16;

/** Words in names and groups that matter to a role, the most important first. */
const MATTERS: Record<Role, readonly RegExp[]> = {
  planner: [/speed/, /travel|delay|loss/, /congest|jam|queue/, /flow|throughput|arrived/, /bus|transit/, /air|no2|nox|pm|ozone|emission/, /park/],
  operator: [/call|emergenc|ambulanc|unit|fleet/, /incident/, /alert/, /congest|jam|halting|queue/, /speed/, /sensor|device/, /weather|rain|visib/],
  trainer: [/call|emergenc|response/, /ambulanc|unit|fleet|dispatch/, /hospital/, /incident/, /casualt|patient/, /speed|congest/],
  engineer: [/lag|behind|shown|latenc/, /message|rate|throughput/, /quarantin|late|duplicat/, /spool|restart|trouble|balance/, /device|sensor/, /record/],
};

/** Words of what has to be followed closely. */
const CLOSE = /call|emergenc|incident|alert|ambulanc|unit|behind|lag|quarantin|halting|trouble/;

function words(one: Indicator): string {
  return `${one.group} ${one.name}`.toLowerCase();
}

/** Whether an indicator is followed closely unless somebody says otherwise. */
export function critical(one: Indicator): boolean {
  return CLOSE.test(words(one));
}

/** The board a role begins with: what matters to it, those with a value first. */
export function preset(role: Role, indicators: readonly Indicator[]): Arrangement {
  const shown: string[] = [];
  const take = (one: Indicator) => {
    if (shown.length < FRESH_MAX && !shown.includes(one.name)) shown.push(one.name);
  };
  // Round after round, so that one word does not fill the board.
  const lists = MATTERS[role].map((matter) => {
    const fit = indicators.filter((one) => matter.test(words(one)));
    return [...fit.filter((one) => one.value !== null), ...fit.filter((one) => one.value === null)];
  });
  for (let round = 0; shown.length < FRESH_MAX && lists.some((list) => round < list.length); round += 1) {
    for (const list of lists) {
      const one = list[round];
      if (one) take(one);
    }
  }
  for (const one of indicators) take(one);
  const close = indicators.filter((one) => shown.includes(one.name) && critical(one)).map((one) => one.name);
  return { role, shown, close };
}

/** With a name put on the board or taken off it. */
export function toggled(board: Arrangement, name: string): Arrangement {
  const on = board.shown.includes(name);
  return { ...board, shown: on ? board.shown.filter((one) => one !== name) : [...board.shown, name] };
}

/** With a name followed closely or no longer. */
export function closely(board: Arrangement, name: string): Arrangement {
  const on = board.close.includes(name);
  return { ...board, close: on ? board.close.filter((one) => one !== name) : [...board.close, name] };
}

/** With a name moved to a place; places beyond the ends mean the ends. */
export function moved(board: Arrangement, name: string, to: number): Arrangement {
  const from = board.shown.indexOf(name);
  if (from < 0) return board;
  const shown = board.shown.filter((one) => one !== name);
  shown.splice(Math.min(shown.length, Math.max(0, to)), 0, name);
  return { ...board, shown };
}

/** Longest list of names that is read back. */
const NAMES_MAX = 500;

/** What was kept under a role; none if it is none. */
export function read(kept: string | null, role: Role): Arrangement | null {
  if (!kept) return null;
  try {
    const value: unknown = JSON.parse(kept);
    if (!value || typeof value !== 'object') return null;
    const names = (of: unknown) =>
      Array.isArray(of) ? [...new Set(of.filter((one): one is string => typeof one === 'string'))].slice(0, NAMES_MAX) : null;
    const shown = names((value as Record<string, unknown>).shown);
    const close = names((value as Record<string, unknown>).close);
    return shown && close ? { role, shown, close } : null;
  } catch {
    return null;
  }
}
