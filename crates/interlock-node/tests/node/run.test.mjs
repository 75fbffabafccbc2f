// Runs: what happened once does not happen again, whenever the process died.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  ApprovalDenied, ApprovalRequired, Blocked, ConfigurationError, Diverged, InvalidAction, OutcomeUnknown,
  ResultNotStored, RunError, RunPaused, StepFailed, Unavailable,
} from '@interlock/sdk';
import { world } from './world.mjs';

const here = dirname(new URL(import.meta.url).pathname);

/** A directory below this one, so that the package is found from programs in it. */
function programs(name) {
  const dir = join(here, name);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** Runs a program to its end: exit code or signal, and what it said. */
async function ended(file, ...args) {
  const child = spawn(process.execPath, [file, ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.on('data', (part) => (said += part));
  child.stderr.on('data', (part) => (said += part));
  const [code, signal] = await once(child, 'close');
  return { code, signal, said };
}

/** An agent of twelve steps: one life of it, which is killed at a step before, between or after its effect. */
const TWELVE = `
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Interlock } from '@interlock/sdk';
const [data, policy, effects, log, at, place] = process.argv.slice(2);
const die = () => process.kill(process.pid, 'SIGKILL');
const kill = (step, where) => { if (step === Number(at) && where === place) die(); };
const il = new Interlock(data, { agent: 'bot', policy });
const happened = async ({ step }) => (readFileSync(effects, 'utf8').split('\\n').includes(String(step)) ? \`effect \${step}\` : null);
const act = async ({ step }) => {
  kill(step, 'before');
  appendFileSync(effects, \`\${step}\\n\`);
  kill(step, 'between');
  return \`effect \${step}\`;
};
const tool = il.guard(act, { name: 'act', check: happened });
const results = await il.run('twelve', { resume: true }, async (run) => {
  const all = [];
  for (let step = 1; step <= 12; step++) {
    // Half of them are guarded tools, half are plain functions.
    all.push(step % 2 ? await tool({ step }) : await run.step('act', act, { step }, { check: happened }));
    kill(step, 'after');
  }
  return all;
});
il.close();
writeFileSync(log, JSON.stringify(results));
`;

test('an agent killed at each of its twelve steps has each effect once', async (t) => {
  const { il, dir } = world(t, { policy: 'interlock: 1\ndefault: allow\n' });
  il.close();
  const effects = join(dir, 'effects');
  writeFileSync(effects, '');
  const program = join(programs('twelve'), 'agent.mjs');
  writeFileSync(program, TWELVE);
  const life = (...kill) => ended(program, join(dir, 'data'), join(dir, 'policy.yaml'), effects, join(dir, 'results'), ...kill);
  // A small run kills each step in one place, in turn; INTERLOCK_SOAK=1 in all three.
  const places = ['before', 'between', 'after'];
  const every = process.env.INTERLOCK_SOAK === '1';
  if (!every) t.diagnostic('12 kills, one place for each step; INTERLOCK_SOAK=1 kills each step in 3 places');
  for (let step = 1; step <= 12; step++) {
    for (const place of every ? places : [places[step % 3]]) {
      const { signal, said } = await life(step, place);
      assert.equal(signal, 'SIGKILL', `step ${step}, ${place}: ${said}`);
    }
  }
  const last = await life(0, 'never');
  assert.equal(last.code, 0, last.said);
  const numbers = Array.from({ length: 12 }, (_, i) => i + 1);
  assert.deepEqual(readFileSync(effects, 'utf8').trim().split('\n').map(Number), numbers);
  assert.deepEqual(JSON.parse(readFileSync(join(dir, 'results'), 'utf8')), numbers.map((n) => `effect ${n}`));
});

/** Notes effects; `dies` is cut off after its effect, which leaves the step in doubt. */
function effects() {
  const done = [];
  const stop = new AbortController();
  return {
    done,
    effect: async (what, result = 'done') => (done.push(what), result),
    dies: async ({ what, signal }) => {
      done.push(what);
      stop.abort(new Error('cut off'));
      signal.throwIfAborted();
    },
    pay: async ({ what }) => (done.push(what), 'done'),
    signal: () => stop.signal,
  };
}

test('finished steps return what they returned', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  for (let life = 0; life < 3; life++) {
    const all = await il.run('r', { resume: true }, async (run) => {
      assert.equal(run.finished, life > 0);
      const one = await run.step('a', effect, ['a', { x: [1, 2.5, null, undefined], y: undefined }]);
      // Nothing is `null` from the first life on.
      const two = await run.step('b', async () => void done.push('b'));
      const three = await run.step('c', effect, [['list'], ['é', '😀']]);
      assert.equal(run.steps, 3);
      return [one, two, three];
    });
    assert.deepEqual(all, [{ x: [1, 2.5, null, null] }, null, ['é', '😀']]);
  }
  assert.deepEqual(done, ['a', 'b', ['list']]);
  await assert.rejects(il.run('r', () => 1), (e) => e instanceof RunError && e.code === 'run.exists');
  il.forgetRun('r');
  await il.run('r', (run) => run.step('a', effect, 'a'));
  assert.equal(done.length, 4);
  // A run without a name is a new one.
  assert.equal(await il.run((run) => run.step('a', effect, 'a')), 'done');
  assert.equal(await il.run({ agent: 'other' }, async (run) => (await run.step('a', effect, 'a'), run.name.length)), 36);
});

test('a finished run has no further step', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  await il.run('r', (run) => run.step('a', effect, 'a'));
  await assert.rejects(il.run('r', { resume: true }, async (run) => {
    await run.step('a', effect, 'a');
    await run.step('b', effect, 'b');
  }), (e) => e instanceof RunError && e.code === 'run.finished');
  assert.deepEqual(done, ['a']);
});

test('guarded tools are steps, and what they call is not', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  const inner = il.guard(() => effect('inner'), { name: 'inner' });
  const outer = il.guard(async () => (await effect('outer'), inner()), { name: 'outer' });
  const tool = il.guard({ name: 'tool', execute: ({ n }) => effect(`tool ${n}`, `tool ${n}`) });
  for (let life = 0; life < 2; life++) {
    await il.run('r', { resume: true }, async (run) => {
      await outer();
      await tool.execute({ n: 1 });
      const both = await Promise.all([tool.execute({ n: 1 }), tool.execute({ n: 2 })]);
      assert.deepEqual(both, ['tool 1', 'tool 2']);
      await run.step('again', inner);
      await run.step('method', tool.execute, { n: 3 });
      assert.equal(run.steps, 6);
    });
  }
  // Those that ran together were numbered in order, and ran in any.
  assert.deepEqual(done.toSpliced(3, 2, ...done.slice(3, 5).sort()), [
    'outer', 'inner', 'tool 1', 'tool 1', 'tool 2', 'inner', 'tool 3',
  ]);
  await inner();
  assert.equal(done.length, 8);
  for (const wrong of [
    () => il.guard(() => 1, { sync: true, name: 's' })(),
    () => il.guard(function* () { yield 1; }, { name: 'g' })(),
    (run) => run.step('g', function* () { yield 1; }),
    (run) => run.step('x', 7),
    (run) => run.step('x', effect, [], { idempotnet: true }),
  ]) await assert.rejects(il.run((run) => wrong(run)), ConfigurationError);
  // A step within a step would have no number of its own.
  await assert.rejects(il.run((run) => run.step('x', () => run.step('y', effect, 'y'))), RunError);
});

test('another step pauses the run, and is on record', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  await il.run('r', (run) => run.step('pay', effect, 7));
  const life = (order) => il.run('r', { resume: true }, (run) => run.step('pay', effect, order));
  const error = await life(8).catch((e) => e);
  assert.ok(error instanceof Diverged && error instanceof RunPaused, String(error));
  assert.match(error.message, /step 1 of run `r`/);
  assert.deepEqual([error.decision.effect, error.decision.code], ['block', 'caller.asks']);
  await assert.rejects(life(7), (e) => e instanceof RunPaused && e.code === 'run.paused');
  assert.throws(() => il.releaseRun('r'), ConfigurationError);
  il.releaseRun('r', { by: 'ann' });
  assert.equal(await life(7), 'done');
  assert.deepEqual(done, [7]);
});

test('a step in doubt', async (t) => {
  const { il } = world(t);
  const some = effects();
  const { done, pay } = some;
  // Each is about another order, or it would look like a loop.
  let order = 0;
  const life = (tool, options, signal) =>
    il.run('r', { resume: true }, (run) => run.step('pay', tool, { what: 'pay', order, signal }, options));
  /** Its first life ends within the step, after its effect. */
  const doubt = async () => {
    const cut = effects();
    order += 1;
    await assert.rejects(life(cut.dies, {}, cut.signal()), /cut off/);
    done.push(...cut.done);
  };

  await t.test('that is idempotent is retried', async () => {
    await doubt();
    assert.equal(await life(pay, { idempotent: true }), 'done');
    assert.deepEqual(done.splice(0), ['pay', 'pay']);
    il.forgetRun('r');
  });

  for (const [answer, result, ran] of [[true, null, 0], ['receipt', 'receipt', 0], [null, 'done', 1], [false, 'done', 1], [undefined, 'done', 1]]) {
    await t.test(`that can be checked is checked: ${answer}`, async () => {
      await doubt();
      const asked = [];
      const check = async ({ what }) => (asked.push(what), answer);
      for (let n = 0; n < 2; n++) assert.equal(await life(pay, { check }), result);
      assert.deepEqual([asked, done.splice(0).length], [['pay'], 1 + ran]);
      il.forgetRun('r');
    });
  }

  await t.test('whose check fails stays in doubt', async () => {
    await doubt();
    const check = () => { throw new RangeError('not reachable'); };
    for (let n = 0; n < 2; n++) await assert.rejects(life(pay, { check }), RangeError);
    assert.deepEqual(done.splice(0), ['pay']);
    il.forgetRun('r');
  });

  await t.test('asks a person once', async () => {
    await doubt();
    const asked = new Set();
    for (let n = 0; n < 2; n++) {
      const error = await life(pay).catch((e) => e);
      assert.ok(error instanceof OutcomeUnknown && error instanceof ApprovalRequired, String(error));
      asked.add(error.approvalId);
    }
    const [id] = asked;
    assert.equal(asked.size, 1);
    assert.match((await il.approvalOf(id)).asked.reason, /may have happened before/);
    il.decideApproval(id, true, { approver: 'ann' });
    assert.equal(await life(pay), 'done');
    assert.deepEqual(done.splice(0), ['pay', 'pay']);
    il.forgetRun('r');
  });

  await t.test('asks nobody twice who said no', async () => {
    await doubt();
    const error = await life(pay).catch((e) => e);
    il.decideApproval(error.approvalId, false, { approver: 'ann' });
    for (let n = 0; n < 2; n++) await assert.rejects(life(pay), ApprovalDenied);
    assert.deepEqual(done.splice(0), ['pay']);
    il.forgetRun('r');
  });

  await t.test('is settled by who knows', async () => {
    await doubt();
    il.settleStep('r', 1, { happened: true, result: { id: 7 }, by: 'ann' });
    assert.deepEqual(await life(pay), { id: 7 });
    assert.throws(() => il.settleStep('r', 1, { happened: false, by: 'ann' }), RunError);
    il.forgetRun('r');
    await doubt();
    il.settleStep('r', 1, { happened: false, by: 'ann' });
    assert.equal(await life(pay), 'done');
    assert.deepEqual(done.splice(0), ['pay', 'pay', 'pay']);
    assert.throws(() => il.settleStep('r', 1, { happened: 'yes', by: 'ann' }), ConfigurationError);
    assert.throws(() => il.settleStep('nothing', 1, { happened: true, by: 'ann' }), RunError);
  });
});

test('an approval outlives the process', async (t) => {
  const { il, dir } = world(t);
  const { done, effect } = effects();
  const refund = async ({ order }) => effect(order);
  const life = (il) => il.run('r', { resume: true }, async (run) => {
    await run.step('first', effect, 'first');
    return run.step('refund', refund, { order: 7 });
  });
  const ids = new Set();
  let now = il;
  for (let n = 0; n < 3; n++) {
    const error = await life(now).catch((e) => e);
    assert.ok(error instanceof ApprovalRequired, String(error));
    ids.add(error.approvalId);
    now.close();
    now = world(t, { dir }).il;
  }
  assert.equal(ids.size, 1);
  now.decideApproval([...ids][0], true, { approver: 'ann' });
  for (let n = 0; n < 2; n++) assert.equal(await life(now), 'done');
  assert.deepEqual(done, ['first', 7]);
});

test('a blocked step leaves nothing behind', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  await assert.rejects(il.run('r', (run) => run.step('delete_record', effect, 7)), Blocked);
  await il.run('r', { resume: true }, (run) => run.step('keep_record', effect, 7));
  assert.deepEqual(done, [7]);
});

test('a failure that the run went on from is a failure again', async (t) => {
  const { il, dir } = world(t);
  const { done, effect } = effects();
  const fails = async () => {
    done.push('fails');
    throw new TypeError('no such order, password=hunter2-hunter2');
  };
  for (const type of [TypeError, StepFailed]) {
    await il.run('r', { resume: true }, async (run) => {
      await assert.rejects(run.step('fails', fails), (e) => e instanceof type && /no such order/.test(e.message));
      await run.step('next', effect, 'next');
    });
  }
  assert.deepEqual(done, ['fails', 'next']);
  const files = readdirSync(join(dir, 'data', 'runs')).filter((name) => name.endsWith('.run'));
  for (const name of files) assert.ok(!readFileSync(join(dir, 'data', 'runs', name), 'utf8').includes('hunter2'));
  // The last step of a life that ended with it may have happened in part.
  await assert.rejects(il.run('other', (run) => run.step('fails', fails)), TypeError);
  await assert.rejects(il.run('other', { resume: true }, (run) => run.step('fails', fails)), OutcomeUnknown);
});

const cyclic = {};
cyclic.self = cyclic;
const unstorable = [
  () => 1, NaN, new Set([1]), new Date(0), 10n, '\ud800', { '\ud800': 1 }, Symbol('s'), 'x'.repeat(1024 * 1024), cyclic,
  { get x() { throw new Error('mine'); } },
];
test('what cannot be stored', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  await assert.rejects(il.run('a', (run) => run.step('x', effect, [() => 1])), InvalidAction);
  assert.deepEqual(done, []);
  for (const [n, result] of unstorable.entries()) {
    for (let life = 0; life < 2; life++) {
      await assert.rejects(
        il.run(`b${n}`, { resume: true }, (run) => run.step('x', () => effect('x', result), { n })),
        (e) => e instanceof ResultNotStored && e.code === 'run.result',
      );
    }
  }
  // Each happened once all the same.
  assert.equal(done.length, unstorable.length);
  const { il: bare } = world(t, { content: 'hashes' });
  await assert.rejects(bare.run('r', () => 1), (e) => e instanceof ConfigurationError && e.code === 'config.content');
});

test('one at a time, and a journal that was changed is not trusted', async (t) => {
  const { il, dir } = world(t);
  const { effect } = effects();
  let escaped;
  await il.run('r', async (run) => {
    escaped = run;
    await assert.rejects(il.run('r', { resume: true }, () => 1), (e) => e.code === 'run.open');
    await run.step('pay', effect, 7);
  });
  await assert.rejects(escaped.step('late', effect, 7), RunError);
  const [name] = readdirSync(join(dir, 'data', 'runs')).filter((one) => one.endsWith('.run'));
  const path = join(dir, 'data', 'runs', name);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"t":"begin"', '"t":"bogin"'));
  await assert.rejects(il.run('r', { resume: true }, () => 1), (e) => e instanceof Unavailable && /cannot be trusted/.test(e.message));
});

test('an approval asked for in a run is waited for', async (t) => {
  const { il } = world(t);
  const { done, effect } = effects();
  const result = await il.run('r', { approval: async ({ asked }) => asked.tool === 'refund' }, (run) =>
    run.step('refund', effect, 7));
  assert.deepEqual([result, done], ['done', [7]]);
});
