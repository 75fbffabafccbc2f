import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import vm from 'node:vm';
import { test } from 'node:test';
import {
  ApprovalDenied, ApprovalRequired, ApprovalTimeout, Blocked, ConfigurationError, InvalidAction,
  LimitExceeded, guard,
} from '@interlock/sdk';
import { temporary, world } from './world.mjs';

/** A tool that notes what it was called with. */
function noting(result = 'done') {
  const calls = [];
  const tool = async (...args) => {
    calls.push(args);
    return typeof result === 'function' ? result(...args) : result;
  };
  return { calls, tool };
}

test('allowed runs once, blocked never runs', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  assert.equal(await il.guard(tool, { name: 'fine' })({ a: 1 }), 'done');
  assert.deepEqual(calls, [[{ a: 1 }]]);
  const error = await il.guard(tool, { name: 'delete_record' })({ a: 1 }).catch((e) => e);
  assert.ok(error instanceof Blocked && error.name === 'Blocked');
  assert.equal(calls.length, 1);
  assert.equal(error.decision.policy, 'no-delete');
  // What a framework may send on to the model holds no reason.
  for (const shown of [error.message, String(error), JSON.stringify(error), JSON.stringify({ ...error }), inspect(error)]) {
    assert.ok(!shown.includes('records are kept'), shown);
  }
});

test('an object keeps its members, and its ways to run are checked', async (t) => {
  const { il } = world(t);
  class Tool {
    #runs = 0;
    name = 'delete_record';
    schema = { type: 'object' };
    execute(args) {
      this.#runs += 1;
      return `ran ${args.id}`;
    }
    count() {
      return this.#runs;
    }
    batch(all) {
      return all.map((one) => this.execute(one));
    }
  }
  const tool = new Tool();
  const guarded = il.guard(tool);
  await assert.rejects(guarded.execute({ id: 1 }), Blocked);
  assert.equal(guarded.count(), 0);
  const fine = il.guard(tool, { name: 'fine' });
  assert.equal(await fine.execute({ id: 2 }), 'ran 2');
  assert.equal(fine.count(), 1);
  assert.equal(fine.schema, tool.schema);
  assert.ok(fine instanceof Tool);
  assert.deepEqual(Object.keys(fine), Object.keys(tool));
  assert.throws(() => guarded.batch([{ id: 3 }]), ConfigurationError);
  fine.name = 'renamed';
  assert.equal(tool.name, 'renamed');
});

test('a copy, a frozen tool and a replaced method are checked too', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const frozen = il.guard(Object.freeze({ name: 'delete_record', execute: tool }));
  await assert.rejects(frozen.execute({}), Blocked);
  await assert.rejects({ ...frozen }.execute({}), Blocked);
  await assert.rejects(Object.getOwnPropertyDescriptor(frozen, 'execute').value({}), Blocked);
  const open = il.guard({ name: 'delete_record', invoke: tool });
  open.invoke = async () => calls.push('replaced');
  await assert.rejects(open.invoke({}), Blocked);
  assert.deepEqual(calls, []);
});

test('what is no tool is refused', (t) => {
  const { il } = world(t);
  for (const nothing of [null, 7, 'run', {}, { execute: 'x' }]) {
    assert.throws(() => il.guard(nothing), ConfigurationError);
  }
  assert.throws(() => il.guard(() => 1, { aproval: 'wait' }), ConfigurationError);
  assert.throws(() => new (il.guard(class A {}))(), ConfigurationError);
});

test('synchronous tools', (t) => {
  const { il } = world(t);
  const add = il.guard((a, b) => a + b, { name: 'add', sync: true, parameters: ['a', 'b'] });
  assert.equal(add(1, 2), 3);
  let ran = false;
  const gone = il.guard(() => (ran = true), { name: 'delete_record', sync: true });
  assert.throws(() => gone(), Blocked);
  assert.equal(ran, false);
});

test('generators are decided on before their first item', async (t) => {
  const { il } = world(t);
  let started = 0;
  async function* items(args) {
    started += 1;
    yield args.from;
    yield args.from + 1;
  }
  const got = [];
  for await (const item of il.guard(items, { name: 'fine' })({ from: 1 })) got.push(item);
  assert.deepEqual(got, [1, 2]);
  await assert.rejects(il.guard(items, { name: 'delete_record' })({ from: 1 }).next(), Blocked);
  assert.equal(started, 1);
});

test('the tool gets what was decided on', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const guarded = il.guard(tool, { name: 'fine' });
  let reads = 0;
  const changing = {
    get path() {
      reads += 1;
      return reads === 1 ? 'readme.txt' : '/etc/shadow';
    },
    gone: undefined,
  };
  await guarded(changing);
  assert.deepEqual(calls.pop(), [{ path: 'readme.txt' }]);
  let asked = 0;
  const proxy = new Proxy({ path: '' }, { get: () => (asked++ === 0 ? 'a' : 'b') });
  await guarded(proxy);
  assert.deepEqual(calls.pop(), [{ path: 'a' }]);
  const late = { list: ['a'], at: new Date(0), map: new Map([['k', 'v']]), bytes: Buffer.from('hi') };
  const running = guarded(late);
  late.list.push('b');
  late.at.setTime(1);
  late.map.set('k', 'w');
  late.bytes[0] = 0;
  await running;
  const [got] = calls.pop();
  assert.deepEqual(got, {
    list: ['a'], at: new Date(0), map: new Map([['k', 'v']]), bytes: Buffer.from('hi'),
  });
  const polluting = JSON.parse('{"__proto__": {"admin": true}}');
  await assert.rejects(guarded(polluting), Blocked);
  assert.deepEqual(calls, []);
  // Where nobody looks for it, it is a name like any other.
  const deaf = 'interlock: 1\ndefault: allow\ndetectors: {exploit_signature: {enabled: false}}\n';
  await world(t, { policy: deaf }).il.guard(tool, { name: 'fine' })(polluting);
  const [plain] = calls.pop();
  assert.equal(plain.admin, undefined);
  assert.deepEqual(Object.keys(plain), ['__proto__']);
});

const shown = [
  ['a bigint', { n: 12345678901234567890n }, 12345678901234567890n],
  ['a date', { n: new Date(86_400_000) }, '1970-01-02'],
  ['a map', { n: new Map([['secret', 1]]) }, '"secret"'],
  ['a set', { n: new Set(['one']) }, '["one"]'],
  ['text as bytes', { n: Buffer.from('rm -rf /') }, 'rm -rf /'],
  ['other bytes', { n: Buffer.from([255, 254]) }, '//4='],
  ['floats', { n: new Float64Array([1.5]) }, '[1.5]'],
  ['a buffer of bytes', { n: new TextEncoder().encode('abc').buffer }, 'abc'],
  ['an address', { n: new URL('https://example.com/a b') }, 'https://example.com/a%20b'],
  ['a query', { n: new URLSearchParams({ q: 'x' }) }, 'q=x'],
  ['a pattern', { n: /^a+$/g }, '/^a+$/g'],
  ['an object of another realm', { n: vm.runInNewContext('({ deep: [1] })') }, '"deep":[1]'],
  ['an object without prototype', { n: Object.assign(Object.create(null), { k: 1 }) }, '"k":1'],
];
test('shown to the policy and passed on as it was', async (t) => {
  const { il } = world(t);
  for (const [what, args, part] of shown) await t.test(what, async () => {
    let seen;
    const { calls, tool } = noting();
    const channel = (approval) => {
      seen = JSON.parse(approval.asked.detail).arguments;
      return true;
    };
    await il.guard(tool, { name: 'refund', approval: channel })(args);
    assert.ok(seen.includes(String(part)), seen);
    const [[got]] = calls;
    assert.equal(inspect(got.n), inspect(args.n));
    assert.equal(Object.prototype.toString.call(got.n), Object.prototype.toString.call(args.n));
  });
});

const cyclic = { a: 1 };
cyclic.self = cyclic;
const wide = [];
for (let i = 0, inner = wide; i < 30; i++) {
  const next = [];
  inner.push(next, next);
  inner = next;
}
class Account {
  constructor() {
    this.id = 1;
  }
}
const refused = [
  ['a function', { f: () => 1 }, 'action.field-type'],
  ['a symbol', { s: Symbol('s') }, 'action.field-type'],
  ['a symbol as key', { [Symbol('s')]: 1 }, 'json.key'],
  ['an instance of a class', { a: new Account() }, 'action.field-type'],
  ['a promise', { p: Promise.resolve(1) }, 'action.field-type'],
  ['an error', { e: new Error('x') }, 'action.field-type'],
  ['a weak map', { w: new WeakMap() }, 'action.field-type'],
  ['shared memory', { s: new SharedArrayBuffer(8) }, 'action.field-type'],
  ['something cyclic', cyclic, 'json.limit'],
  ['something exponential', { wide }, 'json.limit'],
  ['a huge string', { s: 'x'.repeat(200_000) }, 'json.limit'],
  ['too many bytes', { s: Array(10).fill('x'.repeat(100_000)) }, 'action.too-large'],
  ['too many values', { s: new Array(60_000).fill(0) }, 'json.limit'],
  ['an endless list', { s: new Array(4_000_000_000) }, 'json.limit'],
  ['too many keys', Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [`k${i}`, i])), 'json.limit'],
  ['NaN', { n: NaN }, 'json.number'],
  ['infinity', { n: -Infinity }, 'json.number'],
  ['an invalid date', { d: new Date('no') }, 'action.field-type'],
  ['a lone surrogate', { s: '\ud800' }, 'json.unicode'],
  ['a map with keys alike', { m: new Map([[1, 'a'], ['1', 'b']]) }, 'json.duplicate-key'],
  ['a map with object keys', { m: new Map([[{}, 1]]) }, 'json.key'],
];
test('refused, and the tool does not run', async (t) => {
  const { il } = world(t);
  for (const [what, args, code] of refused) await t.test(what, async () => {
    const { calls, tool } = noting();
    const error = await il.guard(tool, { name: 'fine' })(args).then(() => assert.fail('ran'), (e) => e);
    assert.ok(error instanceof InvalidAction, inspect(error));
    assert.equal(error.code, code, error.message);
    assert.deepEqual(calls, []);
  });
});

test('a getter that throws stops the call', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const bad = { get x() { throw new RangeError('mine'); } };
  await assert.rejects(il.guard(tool, { name: 'fine' })(bad), RangeError);
  assert.deepEqual(calls, []);
});

test('positional arguments have names', async (t) => {
  const policy = `
interlock: 1
default: allow
rules:
  - { id: etc, match: { tool: [read] }, when: 'args.path like "/etc/*"', effect: block }
`;
  const { il } = world(t, { policy });
  const { calls, tool } = noting();
  const read = il.guard(tool, { name: 'read', parameters: ['path', 'encoding'], resource: 'file:{path}' });
  await read('/srv/a', 'utf8');
  await assert.rejects(read('/etc/shadow'), Blocked);
  await assert.rejects(read('/srv/a', 'utf8', 'more'), InvalidAction);
  await assert.rejects(read({ nested: 1 }), InvalidAction);
  assert.deepEqual(calls, [['/srv/a', 'utf8']]);
  assert.throws(() => il.guard(tool, { parameters: ['a', 'a'] }), ConfigurationError);
});

test('what a framework passes is not the model\'s', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const config = { callbacks: [() => 1], runManager: new Account() };
  await il.guard(tool, { name: 'fine', inputs: 1 })({ a: 1 }, config);
  assert.equal(calls[0][1], config);
  await assert.rejects(il.guard(tool, { name: 'fine' })({ a: 1 }, config), InvalidAction);
});

test('a tool that throws is reported as failed, with its own error', async (t) => {
  const { il } = world(t);
  const reported = [];
  const report = il.report.bind(il);
  il.report = (decision, status, options) => {
    reported.push([status, options.result]);
    return report(decision, status, options);
  };
  const own = new RangeError('mine');
  await assert.rejects(il.guard(() => { throw own; }, { name: 'fine' })(), (e) => e === own);
  await il.guard(async () => ({ rows: [1, 2] }), { name: 'fine' })();
  const odd = { toJSON() { throw new Error('no'); } };
  assert.equal(await il.guard(() => odd, { name: 'fine' })(), odd);
  assert.deepEqual(reported.map(([status]) => status), ['failed', 'succeeded', 'succeeded']);
  assert.equal(reported[1][1], '{"rows":[1,2]}');
});

test('an aborted call does not run, and a call that is cut off is unknown', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const reported = [];
  il.report = async (_, status) => reported.push(status);
  const early = AbortSignal.abort(new Error('early'));
  await assert.rejects(il.guard(tool, { name: 'fine' })({ a: 1, signal: early }), /early/);
  const between = new AbortController();
  const running = il.guard(tool, { name: 'fine' })({ a: 1 }, between.signal);
  between.abort(new Error('between'));
  await assert.rejects(running, /between/);
  assert.deepEqual(calls, []);
  assert.deepEqual(reported, ['not_run']);
  const late = new AbortController();
  const waiting = il.guard(async ({ signal }) => {
    late.abort(new Error('late'));
    signal.throwIfAborted();
  }, { name: 'fine' })({ signal: late.signal });
  await assert.rejects(waiting, /late/);
  assert.deepEqual(reported, ['not_run', 'unknown']);
});

test('a limit, by its own error', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const limited = il.guard(tool, { name: 'limited' });
  for (let i = 0; i < 3; i++) await limited({ i });
  const error = await limited({ i: 4 }).catch((e) => e);
  assert.ok(error instanceof LimitExceeded, inspect(error));
  assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 3_600_000, `${error.retryAfterMs}`);
  assert.equal(calls.length, 3);
});

test('concurrent calls cannot pass a limit together', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const limited = il.guard(tool, { name: 'limited' });
  const all = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => limited({ i })));
  assert.equal(all.filter((one) => one.status === 'fulfilled').length, 3);
  assert.equal(calls.length, 3);
});

test('redaction rewrites text and nothing else', async (t) => {
  const policy = `
interlock: 1
default: allow
rules:
  - { id: r, match: { tool: [mail] }, when: findings.pii, effect: redact }
`;
  const { il } = world(t, { policy });
  const { calls, tool } = noting();
  const when = new Date(0);
  await il.guard(tool, { name: 'mail' })({ to: ['x'], body: 'card 4111 1111 1111 1111', when, n: 1n, m: new Map([['k', 1]]) });
  const [[got]] = calls;
  assert.ok(!got.body.includes('4111 1111 1111 1111') && got.body.startsWith('card '), got.body);
  assert.deepEqual([got.to, got.when, got.n, got.m], [['x'], when, 1n, new Map([['k', 1]])]);
});

test('an approval is needed, given, and used once', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const refund = il.guard(tool, { name: 'refund' });
  const wait = await refund({ order: 7 }).catch((e) => e);
  assert.ok(wait instanceof ApprovalRequired && !(wait instanceof ApprovalTimeout));
  assert.equal((await il.approvalOf(wait.approvalId)).pending, true);
  il.decideApproval(wait.approvalId, true, { approver: 'ann' });
  const resumed = (args) => il.scope({ approvalId: wait.approvalId }, () => refund(args));
  await assert.rejects(resumed({ order: 8 }), (e) => e instanceof ApprovalRequired || e instanceof InvalidAction || e instanceof Blocked);
  assert.equal(await resumed({ order: 7 }), 'done');
  await assert.rejects(resumed({ order: 7 }));
  assert.deepEqual(calls, [[{ order: 7 }]]);
});

test('arguments that people changed are for one call of that tool by that agent', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const asked = [];
  const resource = ({ amount }) => {
    asked.push(amount);
    return 'shop';
  };
  const made = (options) => il.guard(tool, { resource, ...options });
  const refund = made({ name: 'refund' });
  const { approvalId } = await refund({ amount: 900 }).catch((e) => e);
  il.decideApproval(approvalId, true, { approver: 'ann', arguments: { amount: 7 } });
  asked.length = 0;
  await assert.rejects(il.scope({ approvalId, agent: 'eve' }, () => refund({ amount: 900 })));
  const others = [
    made({ name: 'quote' }),
    made({ name: 'refund', actionType: 'payment' }),
    async (args) => made({ name: 'quote', sync: true })(args),
  ];
  await il.scope({ approvalId }, async () => {
    // Whatever is decided about these, it is about what they were called with.
    for (const other of others) await other({ amount: 30 }).catch(() => {});
    assert.deepEqual(asked, [900, 30, 30, 30]);
    await refund({ amount: 900 });
    await assert.rejects(refund({ amount: 800 }));
  });
  assert.deepEqual([asked[4], asked.at(-1)], [7, 800]);
  assert.deepEqual(calls.filter(([{ amount }]) => amount !== 30), [[{ amount: 7 }]]);
});

test('people agree to other arguments, and the tool gets those', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const ann = (args) => ({ approver: 'ann', arguments: args });
  const asks = async (call) => (await call().catch((e) => e)).approvalId;
  const resumed = (id, call) => il.scope({ approvalId: id }, call);
  // One object of names: all of it is what they wrote.
  const named = il.guard(tool, { name: 'refund' });
  let id = await asks(() => named({ amount: 900, to: 'a', note: 'x' }));
  assert.equal(il.decideApproval(id, true, ann({ amount: 90.5, to: 'a' })).state, 'approved_edited');
  assert.equal(await resumed(id, () => named({ amount: 900, to: 'a', note: 'x' })), 'done');
  assert.deepEqual(calls.splice(0), [[{ amount: 90.5, to: 'a' }]]);
  await assert.rejects(resumed(id, () => named({ amount: 900, to: 'a', note: 'x' })), 'once');
  // By position, in their order; one that was taken away is not given.
  const placed = il.guard(tool, { name: 'refund', parameters: ['amount', 'to', 'note'] });
  id = await asks(() => placed(900, 'a', 'x'));
  il.decideApproval(id, true, ann({ to: 'b', amount: 3 }));
  assert.equal(await resumed(id, () => placed(900, 'a', 'x')), 'done');
  assert.deepEqual(calls.splice(0), [[3, 'b']]);
  // What the tool does not take does not run.
  id = await asks(() => placed(900, 'a', 'x'));
  il.decideApproval(id, true, ann({ amount: 3, iban: 'c' }));
  await assert.rejects(resumed(id, () => placed(900, 'a', 'x')), (e) => e.code === 'approval.edited' && /iban/.test(e.message));
  // Nor what acts on something else by then, or what arguments are no object of.
  const elsewhere = il.guard(tool, { name: 'refund', resource: 'crm/{to}' });
  id = await asks(() => elsewhere({ to: 'a' }));
  il.decideApproval(id, true, ann({ to: 'b' }));
  await assert.rejects(resumed(id, () => elsewhere({ to: 'a' })));
  assert.deepEqual(calls, []);
  // What waits, at once as well; and as a step of a run.
  const sync = il.guard(tool, { name: 'refund', sync: true });
  const required = (() => { try { sync({ amount: 7 }); } catch (e) { return e; } })();
  il.decideApproval(required.approvalId, true, ann({ amount: 6 }));
  assert.equal(await il.scope({ approvalId: required.approvalId }, () => sync({ amount: 7 })), 'done');
  assert.deepEqual(calls.splice(0), [[{ amount: 6 }]]);
  const life = () => il.run('r', { resume: true }, () => named({ amount: 50 }));
  id = await asks(life);
  il.decideApproval(id, true, ann({ amount: 5 }));
  assert.equal(await life(), 'done');
  assert.equal(await life(), 'done');
  assert.deepEqual(calls.splice(0), [[{ amount: 5 }]]);
  assert.throws(() => il.decideApproval(id, true, ann({ f() {} })), InvalidAction);
});

test('waiting for a person', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const refund = (options) => il.guard(tool, { name: 'refund', approval: 'wait', ...options });
  const answer = (yes) => new Promise((resolve) => {
    const check = il.decide;
    il.decide = async function (...args) {
      const decision = await check.apply(il, args);
      if (decision.approvalId && decision.effect === 'require_approval') {
        il.decide = check;
        setTimeout(() => resolve(il.decideApproval(decision.approvalId, yes, { approver: 'ann' })), 60);
      }
      return decision;
    };
  });
  const yes = answer(true);
  assert.equal(await refund()({ order: 1 }), 'done');
  await yes;
  const no = answer(false);
  const denied = await refund()({ order: 2 }).catch((e) => e);
  assert.ok(denied instanceof ApprovalDenied && denied.approval.state === 'denied', inspect(denied));
  await no;
  await assert.rejects(refund({ approvalTimeoutMs: 50 })({ order: 3 }), ApprovalTimeout);
  const stop = AbortSignal.timeout(50);
  await assert.rejects(refund()({ order: 4 }, stop), (e) => e.name === 'AbortError' || e.name === 'TimeoutError');
  assert.deepEqual(calls, [[{ order: 1 }]]);
});

test('a function answers; nothing but true agrees', async (t) => {
  const { il } = world(t);
  const { calls, tool } = noting();
  const refund = (approval, rest) => il.guard(tool, { name: 'refund', approval, ...rest });
  await refund(async (approval) => approval.asked.tool === 'refund')({ order: 1 });
  for (const no of [() => false, () => 'no', () => undefined, async () => 1]) {
    await assert.rejects(refund(no)({ order: 2 }), ApprovalDenied);
  }
  await assert.rejects(refund(() => { throw new RangeError('mine'); })({ order: 3 }), RangeError);
  assert.equal(calls.length, 1);
  const sync = { sync: true };
  refund(() => true, sync)({ order: 4 });
  assert.throws(() => refund(async () => true, sync)({ order: 5 }), ConfigurationError);
  assert.throws(() => refund('console', sync)({ order: 6 }), ConfigurationError);
  assert.throws(() => refund('wait', { ...sync, approvalTimeoutMs: 30 })({ order: 7 }), ApprovalTimeout);
  assert.equal(calls.length, 2);
});

test('the console needs a terminal', async (t) => {
  const { il } = world(t);
  const was = process.stdin.isTTY;
  process.stdin.isTTY = false;
  t.after(() => (process.stdin.isTTY = was));
  await assert.rejects(il.guard(noting().tool, { name: 'refund', approval: 'console' })({}), ConfigurationError);
});

test('channels that need a server fail when the guard is made', (t) => {
  const { il } = world(t);
  for (const approval of ['slack', 'email', 'webhook']) {
    assert.throws(() => il.guard(() => 1, { approval }), /needs a server/);
    assert.throws(() => guard({ execute: () => 1 }, { policy: 'production', approval }), /needs a server/);
  }
});

test('scopes are inherited, and belong to what runs inside', async (t) => {
  const { il } = world(t, { policy: `
interlock: 1
default: allow
rules:
  - { id: prod, match: { environment: [production], agent: [inner] }, effect: block }
` });
  const look = async () => (await il.check('custom', 'x', { tool: 't' })).effect;
  const inside = il.scope({ environment: 'production' }, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return [await look(), await il.scope({ agent: 'inner' }, look)];
  });
  assert.equal(await look(), 'allow');
  assert.deepEqual(await inside, ['allow', 'block']);
  assert.throws(() => il.scope({ agnet: 'x' }, () => 1), ConfigurationError);
});

test('the shared guard finds named policies, and one directory has one policy', async (t) => {
  const dir = temporary(t);
  const { calls, tool } = noting();
  const sql = guard({ name: 'sql', execute: tool }, { policy: 'production', data: `${dir}/data`, actionType: 'database_write' });
  await assert.rejects(sql.execute({ sql: 'DELETE FROM customers WHERE 1 = 1' }), Blocked);
  assert.deepEqual(calls, []);
  assert.throws(() => guard(tool, { policy: 'strict', data: `${dir}/data` }), /decides on data directory/);
});
