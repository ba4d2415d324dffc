// Whether single keys do something on a desk. Who speaks to the computer switches them off: words are keys to it.

const KEY = 'citytwin.drill.keys';

function kept(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

let on = $state(kept());

export const single = {
  get on(): boolean {
    return on;
  },
  set(to: boolean): void {
    on = to;
    try {
      if (to) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, 'off');
    } catch {
      // It holds as long as the page.
    }
  },
};
