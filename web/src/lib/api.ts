// Asking the server over HTTP. Addresses are relative to the page, so that it works behind any path; whatever goes wrong becomes an
// `ApiError` whose message is a sentence that may be shown.

/** What the server (or the way to it) refused; `detail` says what to do. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 if the server was not reached. */
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly errors: unknown[] = [],
  ) {
    super(detail || title);
    this.name = 'ApiError';
  }
}

const KEY = 'citytwin.key';

/** The API key that is sent along, if one was entered for this tab. */
export function apiKey(): string | null {
  return storage()?.getItem(KEY) ?? null;
}

/** Sets or forgets the API key of this tab. It is kept no longer than the tab. */
export function setApiKey(key: string | null): void {
  if (key) storage()?.setItem(KEY, key);
  else storage()?.removeItem(KEY);
}

function storage(): Storage | null {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null;
  }
}

/** The full address of a path such as `api/v1/sessions`. A path from the server may begin with a slash. */
export function address(path: string): string {
  return new URL(path.replace(/^\//, ''), document.baseURI).href;
}

/** How long an answer may take [ms]; opening a session loads a scenario. */
const PATIENCE_MS = 60_000;

/** What a change has to show besides the cookie of a login; none where nobody is asked. */
let secret: Promise<string | null> | null = null;

async function askSecret(): Promise<string | null> {
  try {
    const response = await fetch(address('api/v1/me'), { credentials: 'same-origin' });
    const told = response.ok ? ((await response.json()) as { csrf?: string | null }) : {};
    return told.csrf ?? null;
  } catch {
    secret = null;
    return null;
  }
}

async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
  const key = apiKey();
  if (key) headers['Authorization'] = `Bearer ${key}`;
  else if (method !== 'GET') {
    const shown = await (secret ??= askSecret());
    if (shown) headers['X-CSRF-Token'] = shown;
  }
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') headers['Idempotency-Key'] = token();
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  try {
    response = await fetch(address(path), {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: 'same-origin',
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'no answer', 'The server does not answer. Check that it runs; the page tries again by itself.');
  }
  if (response.status === 401 && !key) {
    // The login has ended: there is a form for the next.
    secret = null;
    location.assign(address('login'));
  }
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response: Response): Promise<ApiError> {
  let title = response.statusText || `status ${response.status}`;
  let detail = '';
  let errors: unknown[] = [];
  try {
    const said = (await response.json()) as Record<string, unknown>;
    if (typeof said['title'] === 'string') title = said['title'];
    if (typeof said['detail'] === 'string') detail = said['detail'];
    if (Array.isArray(said['errors'])) errors = said['errors'];
  } catch {
    // Not a problem document: its status line has to do.
  }
  return new ApiError(response.status, title, detail || `The server answered ${response.status} (${title}).`, errors);
}

/** A name for one order, so that the same order sent twice is done once. */
function token(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function json<T>(response: Response): Promise<T> {
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return json<T>(await ask('GET', path, undefined, signal));
}

export async function text(path: string, signal?: AbortSignal): Promise<string> {
  return (await ask('GET', path, undefined, signal)).text();
}

export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return json<T>(await ask('POST', path, body, signal));
}

export async function put<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return json<T>(await ask('PUT', path, body, signal));
}

export async function patch<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return json<T>(await ask('PATCH', path, body, signal));
}

export async function del<T = void>(path: string, signal?: AbortSignal): Promise<T> {
  return json<T>(await ask('DELETE', path, undefined, signal));
}

/** Whatever was thrown, as a sentence for people. */
export function sentence(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return String(thrown);
}
