// Which view is shown, by the part of the address after `#/`.

export interface Route {
  /** `live`, `board`, `alerts`, ... */
  view: string;
  /** What comes after the next slash, decoded; empty if nothing does. */
  id: string;
}

function read(): Route {
  const [view = '', ...rest] = (globalThis.location?.hash ?? '').replace(/^#\/?/, '').split('?')[0]!.split('/');
  let id = rest.join('/');
  try {
    id = decodeURIComponent(id);
  } catch {
    // An address that somebody cut: shown as it is.
  }
  return { view: view || 'live', id };
}

let route = $state.raw(read());
globalThis.addEventListener?.('hashchange', () => (route = read()));

export const here = {
  get view(): string {
    return route.view;
  },
  get id(): string {
    return route.id;
  },
};

/** Shows another view. */
export function go(view: string, id = ''): void {
  location.hash = id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`;
}
