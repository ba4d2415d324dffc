// Dark or light: what the system says, unless somebody chose otherwise.

export type Theme = 'dark' | 'light';
const KEY = 'citytwin.theme';
const system = globalThis.matchMedia?.('(prefers-color-scheme: dark)');

function chosen(): Theme | null {
  try {
    const word = localStorage.getItem(KEY);
    return word === 'dark' || word === 'light' ? word : null;
  } catch {
    return null;
  }
}

let choice = $state<Theme | null>(chosen());
let dark = $state(system?.matches ?? true);
system?.addEventListener('change', (event) => (dark = event.matches));

export const theme = {
  /** What is shown. */
  get now(): Theme {
    return choice ?? (dark ? 'dark' : 'light');
  },
  /** The other one, from now on. */
  toggle(): void {
    choice = this.now === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Not kept then: the page still changes.
    }
  },
};
