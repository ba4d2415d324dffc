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

/** Who one is, as the server has it. */
export interface Me {
  name: string;
  role: 'viewer' | 'trainer' | 'operator' | 'admin';
  /** What has to be sent with every change where a cookie says who one is. */
  csrf: string | null;
  /** Whether nobody is asked here. */
  open: boolean;
}

let asked: Promise<Me> | null = null;

/** Who one is; asked once, and again after `forgetMe`. */
export function me(): Promise<Me> {
  asked ??= ask('GET', 'api/v1/me').then((response) => json<Me>(response));
  asked.catch(() => (asked = null));
  return asked;
}

/** Lets the server be asked anew who one is. */
export function forgetMe(): void {
  asked = null;
}

let leading = false;

/** Leads to where one says who one is: the lobby of a drill where one is run, else the form. */
export async function logIn(): Promise<void> {
  if (leading) return;
  leading = true;
  const drilled = await fetch(address('api/v1/drill'), { credentials: 'same-origin' }).then((answer) => answer.ok, () => false);
  leading = false;
  if (!drilled) return location.assign(address('login'));
  location.hash = '#/drill';
  // Nothing that asked for the city goes on asking.
  location.reload();
}

/** Headers that a change needs besides: none where no cookie says who one is, or where the server does not know of such things. */
export async function pass(): Promise<Record<string, string>> {
  try {
    const { csrf } = await me();
    return csrf ? { 'X-CSRF-Token': csrf } : {};
  } catch {
    return {};
  }
}

/** How long an answer may take [ms]; opening a session loads a scenario. */
const PATIENCE_MS = 60_000;

async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal, once = method !== 'GET'): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
  const key = apiKey();
  if (key) headers['Authorization'] = `Bearer ${key}`;
  else if (method !== 'GET') Object.assign(headers, await pass());
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (once) headers['Idempotency-Key'] = token();
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
  if (!response.ok) {
    // The login has ended, or there is another: there is a form for the next.
    if (response.status === 401 || response.status === 403) forgetMe();
    if (response.status === 401 && !key) void logIn();
    throw await problem(response);
  }
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

/** Asks by POST for something that changes nothing, and so need not be done once only. */
export async function query<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return json<T>(await ask('POST', path, body, signal, false));
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
