import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { api, ApiFailure, explain } from '../src/api/client';
import { session } from '../src/session';

type Sent = { url: string; init: RequestInit };
let sent: Sent[] = [];

function answers(status: number, body: unknown, headers: Record<string, string> = {}) {
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({ url, init });
    return Promise.resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status, headers }));
  });
}

beforeEach(() => {
  sent = [];
  session.begin('key-1');
});
afterEach(() => vi.unstubAllGlobals());

describe('what is sent', () => {
  it('ids of agents stay one part of a path', async () => {
    answers(200, {});
    await api.get('/api/actions/{id}', { path: { id: '../keys?x=1#y' } });
    await api.get('/api/actions', { query: { run_id: 'a&limit=9', limit: 5 } });
    expect(sent.map((s) => s.url)).toEqual(['/api/actions/..%2Fkeys%3Fx%3D1%23y', '/api/actions?run_id=a%26limit%3D9&limit=5']);
    expect(sent[0]?.init.headers).toMatchObject({ 'x-api-key': 'key-1' });
    expect(sent[0]?.init).toMatchObject({ credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer' });
  });
});

describe('what goes wrong', () => {
  it.each([
    [401, { code: 'key.invalid', message: 'm' }, 'The server does not accept this key: it is wrong, revoked or expired.'],
    [403, { code: 'key.forbidden', message: 'a key of role `auditor` may not do this' }, 'Not allowed: a key of role `auditor` may not do this.'],
    [404, { code: 'not-found', message: 'm' }, 'There is no such thing here, or it belongs to another tenant.'],
    [422, { code: 'policy', message: 'line 3' }, 'line 3'],
    [503, { code: 'overloaded', message: 'too much' }, 'The server cannot do this now: too much.'],
    [502, '<html>bad gateway</html>', 'the server answered with status 502'],
  ])('%d is explained', async (status, body, text) => {
    answers(status, body);
    const error: unknown = await api.get('/api/stats').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiFailure);
    expect(explain(error)).toBe(text);
  });

  it('says how long to wait', async () => {
    answers(429, { code: 'key.too-many-wrong', message: 'm' }, { 'retry-after': '7' });
    expect(explain(await api.whoami('x').catch((e: unknown) => e))).toBe('Too many wrong keys came from this address. Wait 7 seconds.');
  });

  it('a server that is gone is said to be gone', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')));
    expect(explain(await api.get('/api/stats').catch((e: unknown) => e))).toBe('The server does not answer. What is shown may be old.');
    expect(session.key).toBe('key-1');
  });

  it('a key that is refused ends the session, a key that is only tried does not', async () => {
    answers(401, { code: 'key.invalid', message: 'm' });
    await api.whoami('another').catch(() => null);
    expect(session.key).toBe('key-1');
    await api.get('/api/stats').catch(() => null);
    expect(session.key).toBeNull();
    expect(session.why).toContain('does not accept this key');
  });

  it('a late refusal of an old key does not end a new session', async () => {
    let refuse = (_: Response) => {};
    vi.stubGlobal('fetch', () => new Promise<Response>((resolve) => (refuse = resolve)));
    const asked = api.get('/api/stats').catch(() => null);
    session.begin('key-2');
    refuse(new Response('{}', { status: 401 }));
    await asked;
    expect(session.key).toBe('key-2');
  });
});

describe('stored bytes', () => {
  it('are the line without its end', async () => {
    answers(200, '{"a":1}\n');
    expect(new TextDecoder().decode(await api.storedBytes(4))).toBe('{"a":1}');
    expect(sent[0]?.url).toBe('/api/audit/export?from=4&limit=1');
  });
});
