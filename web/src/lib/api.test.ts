import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, del, forgetMe, get, post, query } from './api';

interface Call {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: unknown;
}

let calls: Call[] = [];
let answer: (call: Call) => Response;

beforeEach(() => {
  calls = [];
  forgetMe();
  vi.stubGlobal('document', { baseURI: 'http://city.example/behind/' });
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    const call: Call = { url, method: init.method ?? 'GET', headers: init.headers as Record<string, string>, body: init.body };
    calls.push(call);
    return answer(call);
  });
});
afterEach(() => vi.unstubAllGlobals());

const json = (value: unknown, status = 200): Response => new Response(JSON.stringify(value), { status });

describe('asking the server', () => {
  it('keeps to the path that the page is served behind', async () => {
    answer = () => json([]);
    await get('/api/v1/sessions');
    expect(calls[0]?.url).toBe('http://city.example/behind/api/v1/sessions');
  });

  it('gives the detail of a problem as the sentence to show', async () => {
    answer = () => json({ title: 'Conflict', status: 409, detail: 'There are six sessions already; end one first.' }, 409);
    await expect(get('api/v1/sessions')).rejects.toMatchObject({ status: 409, message: 'There are six sessions already; end one first.' });
  });

  it('says what to do when nobody answers, or not in our words', async () => {
    answer = () => {
      throw new TypeError('fetch failed');
    };
    await expect(get('api/v1/map')).rejects.toThrow(/does not answer/);
    answer = () => new Response('<html>', { status: 502, statusText: 'Bad Gateway' });
    const error = await get('api/v1/map').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).message).toContain('502');
  });

  it('names every change once, and shows the token that a login needs', async () => {
    answer = (call) => (call.url.endsWith('/me') ? json({ name: 'a', role: 'operator', csrf: 'secret', open: false }) : json({}));
    await post('api/v1/sessions', { kind: 'fork' });
    await post('api/v1/sessions', { kind: 'fork' });
    const changes = calls.filter((call) => call.method === 'POST');
    expect(changes.map((call) => call.headers['X-CSRF-Token'])).toEqual(['secret', 'secret']);
    expect(new Set(changes.map((call) => call.headers['Idempotency-Key'])).size).toBe(2);
    expect(calls.filter((call) => call.url.endsWith('/me'))).toHaveLength(1);
  });

  it('leads to the form when nobody is logged in', async () => {
    const assign = vi.fn();
    vi.stubGlobal('location', { assign });
    answer = () => json({ detail: 'say who you are' }, 401);
    await expect(get('api/v1/map')).rejects.toThrow('say who you are');
    await vi.waitFor(() => expect(assign).toHaveBeenCalledWith('http://city.example/behind/login'));
  });

  it('leads to the lobby where a drill is run', async () => {
    const place = { assign: vi.fn(), reload: vi.fn(), hash: '' };
    vi.stubGlobal('location', place);
    answer = (call) => (call.url.endsWith('/api/v1/drill') ? json({ name: 'D' }) : json({ detail: 'join first' }, 401));
    await expect(get('api/v1/map')).rejects.toThrow('join first');
    await vi.waitFor(() => expect(place.reload).toHaveBeenCalled());
    expect(place.hash).toBe('#/drill');
    expect(place.assign).not.toHaveBeenCalled();
  });

  it('does not name what changes nothing', async () => {
    answer = () => json({ title: '' });
    await query('api/v1/sessions/live/facts', { kind: 'vehicle', number: 1 });
    expect(calls.find((call) => call.url.endsWith('/facts'))?.headers).not.toHaveProperty('Idempotency-Key');
  });

  it('asks anew who one is after a refusal', async () => {
    let token = 'old';
    answer = (call) => {
      if (call.url.endsWith('/me')) return json({ name: 'a', role: 'operator', csrf: token, open: false });
      return call.headers['X-CSRF-Token'] === 'new' ? new Response(null, { status: 204 }) : json({ detail: 'send the token' }, 403);
    };
    await expect(del('api/v1/sessions/x')).rejects.toThrow('send the token');
    token = 'new';
    await expect(del('api/v1/sessions/x')).resolves.toBeUndefined();
  });
});
