import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { api, explain } from '../src/api/client';
import { session } from '../src/session';

let sent: { url: string; init: RequestInit }[] = [];

function answers(status: number, body: unknown) {
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    sent.push({ url, init });
    return Promise.resolve(new Response(status === 204 ? null : JSON.stringify(body), { status }));
  });
}

beforeEach(() => {
  sent = [];
  session.end();
  session.beginCookie();
});
afterEach(() => vi.unstubAllGlobals());

describe('a session that the server keeps', () => {
  it('goes with the cookie and the header that no other page can add', async () => {
    answers(200, {});
    await api.get('/api/stats');
    expect(sent[0]?.init).toMatchObject({ credentials: 'same-origin' });
    expect(sent[0]?.init.headers).toMatchObject({ 'x-interlock-request': '1' });
    expect(sent[0]?.init.headers).not.toHaveProperty('x-api-key');
  });

  it('says whose page it is, and reloads when somebody else has signed in', async () => {
    session.know('session-1');
    answers(200, {});
    await api.get('/api/stats');
    expect(sent[0]?.init.headers).toMatchObject({ 'x-interlock-session': 'session-1' });
    const reload = vi.fn();
    vi.stubGlobal('location', { reload });
    answers(409, { code: 'session.other', message: 'm' });
    await api.post('/api/kill-switch', { body: { on: true } }).catch(() => null);
    expect(reload).toHaveBeenCalledOnce();
    expect(session.mark).toBeNull();
    expect(session.id).toBeNull();
  });

  it('a conflict of another kind reloads nothing', async () => {
    const reload = vi.fn();
    vi.stubGlobal('location', { reload });
    answers(409, { code: 'conflict', message: 'm' });
    await api.post('/api/kill-switch', { body: { on: true } }).catch(() => null);
    expect(reload).not.toHaveBeenCalled();
    expect(session.mark).not.toBeNull();
  });

  it('a key is sent instead of the cookie, never beside it', async () => {
    session.begin('key-1');
    answers(200, {});
    await api.get('/api/stats');
    expect(sent[0]?.init).toMatchObject({ credentials: 'omit' });
    expect(sent[0]?.init.headers).toMatchObject({ 'x-api-key': 'key-1' });
  });

  it('is over when the server says so', async () => {
    answers(401, { code: 'key.invalid', message: 'm' });
    await api.get('/api/stats').catch(() => null);
    expect(session.mark).toBeNull();
    expect(session.why).toContain('The session is over');
  });

  it('is not over because somebody mistyped a password', async () => {
    answers(401, { code: 'session.refused', message: 'm' });
    const error: unknown = await api.post('/api/session', { body: { login: 'a', password: 'b', code: 'c' } }).catch((e: unknown) => e);
    expect(session.mark).toContain('cookie');
    expect(explain(error)).toContain('The login, the password or the code is wrong');
  });

  it('is another one after it ended', () => {
    const first = session.mark;
    session.end();
    expect(session.mark).toBeNull();
    session.beginCookie();
    expect(session.mark).not.toBe(first);
  });

  it('ends without an answer that has a body', async () => {
    answers(204, null);
    await expect(api.delete('/api/session')).resolves.toBeUndefined();
  });
});
