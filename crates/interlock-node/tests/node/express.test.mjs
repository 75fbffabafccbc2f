import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { ConfigurationError } from '@interlock/sdk';
import { installed, world } from './world.mjs';

const express = (await installed('express'))?.default;
const options = { skip: express ? false : 'express is not installed (make tools)' };

const POLICY = `
interlock: 1
default: allow
rules:
  - { id: no-wipe, match: { resource: ["/wipe/*"] }, effect: block, description: nobody wipes }
  - { id: bodies, when: 'findings.sql_injection', effect: block }
  - { id: asks, match: { tool: [refund] }, effect: require_approval }
  - { id: mask, match: { resource: ["/mail"] }, when: findings.pii, effect: redact }
  - { id: three, match: { resource: ["/limited"] }, require: { limits: { calls: 3/1h } }, effect: block }
  - { id: mallory, match: { agent: [mallory] }, effect: block }
`;

async function app(t, more = {}) {
  const { il } = world(t, { policy: POLICY });
  const ran = [];
  const server = express();
  server.use(express.json());
  const handler = (request, response) => {
    ran.push([request.originalUrl, request.body]);
    response.json({ id: request.interlock?.id });
  };
  const agent = (request) => request.headers['x-agent'] ?? 'web';
  const inner = express.Router();
  inner.use(il.express({ agent, ...more }));
  inner.all('/wipe/:what', handler);
  inner.all('/search', handler);
  inner.all('/mail', handler);
  inner.all('/limited', handler);
  inner.get('/fails', () => { throw new RangeError('mine'); });
  server.post('/refund', il.express({ agent, tool: 'refund', actionType: 'payment', arguments: (r) => r.body }), handler);
  server.use(inner);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.after(() => listening.close().closeAllConnections());
  const base = `http://127.0.0.1:${listening.address().port}`;
  const post = (path, body, headers = {}) =>
    fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { il, ran, base, post };
}

test('a request is decided on before its handler runs', options, async (t) => {
  const { ran, post, base } = await app(t);
  const fine = await post('/search?q=x', { text: 'shoes' });
  assert.equal(fine.status, 200);
  assert.match((await fine.json()).id, /^[0-9a-f-]{36}$/);
  const wiped = await post('/wipe/all', {});
  assert.equal(wiped.status, 403);
  const { error } = await wiped.json();
  assert.ok(error.message.includes(error.reference));
  assert.ok(!JSON.stringify(error).includes('wipes'));
  const injected = await post('/search', { name: "x' OR 1=1; DROP TABLE users --" });
  assert.equal(injected.status, 403);
  assert.equal((await fetch(`${base}/search?name=${encodeURIComponent("x' OR 1=1; DROP TABLE users --")}`)).status, 403);
  assert.deepEqual(ran, [['/search?q=x', { text: 'shoes' }]]);
});

test('who acts is taken from the request', options, async (t) => {
  const { ran, post } = await app(t);
  assert.equal((await post('/search', {}, { 'x-agent': 'mallory' })).status, 403);
  assert.equal((await post('/search', { agent: 'mallory' })).status, 200);
  assert.equal(ran.length, 1);
});

test('a person agrees, and the request is repeated', options, async (t) => {
  const { il, ran, post } = await app(t);
  const wait = await post('/refund', { order: 7 });
  assert.equal(wait.status, 202);
  const { error } = await wait.json();
  assert.equal(error.code, 'approval-required');
  il.decideApproval(error.approval_id, true, { approver: 'ann' });
  const header = { [error.resume_header]: error.approval_id };
  assert.notEqual((await post('/refund', { order: 8 }, header)).status, 200);
  assert.equal((await post('/refund', { order: 7 }, header)).status, 200);
  assert.notEqual((await post('/refund', { order: 7 }, header)).status, 200);
  assert.deepEqual(ran, [['/refund', { order: 7 }]]);
});

test('the handler gets the redacted body', options, async (t) => {
  const { ran, post } = await app(t);
  assert.equal((await post('/mail', { text: 'card 4111 1111 1111 1111', n: 1 })).status, 200);
  const [[, body]] = ran;
  assert.ok(body.text.startsWith('card ') && !body.text.includes('4111 1111 1111 1111'), body.text);
  assert.equal(body.n, 1);
  // What stands in the URL cannot be taken out of it.
  assert.equal((await post('/mail?card=4111111111111111', { n: 2 })).status, 422);
  assert.equal(ran.length, 1);
});

test('a limit is 429, with how long to wait', options, async (t) => {
  const { post } = await app(t);
  for (let i = 0; i < 3; i++) assert.equal((await post('/limited', { i })).status, 200);
  const over = await post('/limited', { i: 3 });
  assert.equal(over.status, 429);
  assert.ok(Number(over.headers.get('retry-after')) > 0);
});

test('what cannot be decided on does not run', options, async (t) => {
  const refusals = [];
  const { il, ran, post } = await app(t, { onRefusal: (error) => refusals.push(error.name) });
  let deep = '1';
  for (let i = 0; i < 100; i++) deep = `[${deep}]`;
  assert.equal((await post('/search', deep)).status, 422);
  il.close();
  const gone = await post('/search', {});
  assert.equal(gone.status, 503);
  assert.ok(!(await gone.text()).includes('closed'));
  assert.deepEqual(ran, []);
  assert.deepEqual(refusals, ['InvalidAction', 'Unavailable']);
});

test('an unknown option is refused, and a skipped request passes', options, async (t) => {
  const { il } = world(t);
  assert.throws(() => il.express({ agnet: 'x' }), ConfigurationError);
  const { ran, post } = await app(t, { skip: (request) => request.path === '/wipe/skipped', agent: undefined });
  assert.equal((await post('/wipe/other', {})).status, 403);
  assert.equal((await post('/wipe/skipped', {})).status, 200);
  assert.deepEqual(ran.map(([url]) => url), ['/wipe/skipped']);
});
