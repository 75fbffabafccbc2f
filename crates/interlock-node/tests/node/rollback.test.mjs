// What agents changed, put back.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { Blocked, ConfigurationError, Interlock, RollbackStopped, Unavailable } from '@interlock/sdk';
import { tree } from './tree.mjs';
import { atEnd, world } from './world.mjs';

const here = dirname(new URL(import.meta.url).pathname);

const KEEP = `
interlock: 1
default: allow
rules:
  - id: no-delete
    match: { tool: [delete_record] }
    effect: block
  - id: only-what-can-be-undone
    match: { tool: [writeFile, open, edit, create_user, rename, cp] }
    when: "!facts.reversible && facts.side_effect"
    effect: block
`;
const ALLOW = 'interlock: 1\ndefault: allow\nrules: []\n';

function place(t, options = {}) {
  const { il, dir } = world(t, { policy: KEEP, ...options });
  const root = join(dir, 'work');
  fs.mkdirSync(join(root, 'sub'), { recursive: true });
  fs.writeFileSync(join(root, 'a.txt'), 'a');
  fs.writeFileSync(join(root, 'sub', 'b.txt'), 'b');
  fs.symlinkSync('a.txt', join(root, 'link'));
  return { il, dir, root, at: (...names) => join(root, ...names) };
}

test('everything that a program does to files', async (t) => {
  const { il, root, at } = place(t, { policy: ALLOW });
  const before = tree(root);
  await il.monitor('bot', async () => {
    fs.writeFileSync(at('a.txt'), 'changed');
    fs.appendFileSync(at('link'), ' and more');
    await fs.promises.writeFile(at('new.txt'), 'new');
    fs.renameSync(at('new.txt'), at('a.txt'));
    fs.mkdirSync(at('deep', 'er', 'still'), { recursive: true });
    fs.linkSync(at('a.txt'), at('deep', 'hard'));
    fs.symlinkSync('x', at('deep', 'soft'));
    fs.chmodSync(at('sub', 'b.txt'), 0o600);
    await fs.promises.utimes(at('sub', 'b.txt'), 1, 1);
    fs.lutimesSync(at('link'), 1, 1);
    fs.truncateSync(at('sub', 'b.txt'), 0);
    fs.copyFileSync(at('a.txt'), at('copied'));
    fs.cpSync(at('deep'), at('copy of deep'), { recursive: true });
    fs.cpSync(at('deep'), at('sub'), { recursive: true });
    fs.unlinkSync(at('link'));
    fs.rmSync(at('sub'), { recursive: true });
    fs.rmdirSync(at('deep', 'er', 'still'));
    await new Promise((resolve, reject) => {
      fs.writeFile(at('called back'), 'x', (error) => (error ? reject(error) : resolve()));
    });
    const stream = fs.createWriteStream(at('a.txt'), { flags: 'a' });
    await new Promise((resolve, reject) => stream.end('streamed', resolve).on('error', reject));
    const handle = await fs.promises.open(at('opened'), 'wx');
    await handle.writeFile('through a handle');
    await handle.close();
    // What is opened to be read can be changed in other ways.
    const reader = fs.openSync(at('copied'), 'r');
    fs.fchmodSync(reader, 0o600);
    await new Promise((resolve, reject) => fs.futimes(reader, 5, 5, (error) => (error ? reject(error) : resolve())));
    fs.closeSync(reader);
    const second = await fs.promises.open(at('opened'));
    await second.chmod(0o600);
    await second.utimes(7, 7);
    await second.close();
    await fs.promises.rm(at('copy of deep'), { recursive: true, force: true });
  });
  assert.notDeepEqual(tree(root), before);
  const steps = await il.undoSteps('bot');
  assert.ok(steps.length >= 24, `${steps.length}`);
  assert.deepEqual(steps.filter((step) => step.irreversible.length > 0), []);
  const report = await il.rollback({ last: steps.length });
  assert.equal(report.undone.length, steps.length);
  assert.deepEqual(tree(root), before);
  assert.deepEqual(await il.undoSteps(), []);
});

test('only the last, and only one agent\'s', async (t) => {
  const { il, at } = place(t);
  await il.monitor('bot', () => {
    for (const text of '123') fs.writeFileSync(at('a.txt'), text);
  });
  const report = await il.rollback({ last: 2 });
  assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), '1');
  assert.deepEqual(report.undone.map((step) => step.tool), ['writeFile', 'writeFile']);
  assert.deepEqual([report.undone[0].paths, report.undone[0].agent, report.stopped], [[at('a.txt')], 'bot', null]);
  for (const agent of ['one', 'two']) await il.monitor(agent, () => fs.writeFileSync(at(agent), agent));
  await il.rollback({ last: 9, agent: 'one' });
  assert.ok(!fs.existsSync(at('one')) && fs.existsSync(at('two')));
});

test('what somebody else changed is left alone', async (t) => {
  const { il, at } = place(t);
  await il.monitor('bot', () => fs.writeFileSync(at('a.txt'), 'bot'));
  fs.writeFileSync(at('a.txt'), 'a person');
  const error = await il.rollback({ last: 1 }).catch((e) => e);
  assert.ok(error instanceof RollbackStopped, String(error));
  assert.match(error.message, /was changed since/);
  assert.deepEqual([error.report.undone, error.report.stopped.tool], [[], 'writeFile']);
  assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), 'a person');
  await il.rollback({ last: 1, force: true });
  assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), 'a');
});

test('policies see before whether it can be undone', async (t) => {
  const { il, at } = place(t, { undo: { fileBytesMax: 10 } });
  fs.writeFileSync(at('large'), 'more than ten bytes');
  await il.monitor('bot', async () => {
    fs.writeFileSync(at('a.txt'), 'small');
    for (const write of [fs.writeFileSync, fs.promises.writeFile]) {
      const error = await (async () => write(at('large'), 'x'))().catch((e) => e);
      assert.equal(error.decision?.policy, 'only-what-can-be-undone', String(error));
    }
    // Nothing is copied of what is only renamed.
    fs.renameSync(at('large'), at('larger'));
  });
  assert.equal(fs.readFileSync(at('larger'), 'utf8'), 'more than ten bytes');
});

test('what cannot be undone is said', async (t) => {
  const { il, dir, at } = place(t, { policy: ALLOW, undo: { fileBytesMax: 10 } });
  fs.writeFileSync(at('large'), 'more than ten bytes');
  const write = il.guard(async ({ name }) => fs.writeFileSync(at(name), 'x'), { name: 'w', writes: at('{name}') });
  await write({ name: 'large' });
  assert.match((await il.rollback()).irreversible[0].irreversible[0], /10 are kept/);
  await il.monitor('bot', () => {
    execFileSync('true');
    fs.mkdtempSync(join(dir, 'temporary-'));
  });
  const report = await il.rollback({ last: 2 });
  assert.equal(report.undone.length, 0);
  assert.match(report.irreversible[0].irreversible[0], /temporary directory/);
  assert.match(report.irreversible[1].irreversible[0], /what `true` did is not kept/);
});

test('calls with an undo', async (t) => {
  const { il } = place(t);
  const users = new Map();
  const create = il.guard(async ({ name }) => (users.set(name, users.size + 1), users.get(name)), {
    name: 'create_user',
    undo: async ({ name }, result) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(users.get(name), result);
      users.delete(name);
    },
  });
  await create({ name: 'ann' });
  await create({ name: 'bob' });
  const report = await il.rollback();
  assert.deepEqual([...users.keys()], ['ann']);
  assert.deepEqual([report.undone[0].declared, report.undone[0].tool], [['call'], 'create_user']);
  // A synchronous tool too, and one that changes what it got.
  const list = [];
  const push = il.guard((args) => { list.push(args.name); args.name = 'other'; return list.length; }, {
    name: 'create_user', sync: true, undo: ({ name }) => list.splice(list.indexOf(name), 1),
  });
  push({ name: 'x' });
  await il.rollback({ last: 2 });
  assert.deepEqual([list, [...users.keys()]], [[], []]);
  // Without an undo the policy does not let it run.
  await assert.rejects(il.guard(() => 1, { name: 'create_user' })(), Blocked);
  // What failed is not undone.
  const undone = [];
  const fails = il.guard(() => { throw new RangeError('mine'); }, { name: 'create_user', undo: () => undone.push(1) });
  await assert.rejects(fails(), RangeError);
  assert.deepEqual([(await il.rollback()).undone, undone], [[], []]);
});

test('the undo of another Interlock on the same directory', async (t) => {
  const one = place(t);
  const other = new Interlock(join(one.dir, 'data'), { agent: 'bot', policy: join(one.dir, 'policy.yaml'), durability: 'batch' });
  atEnd(t, () => other.close());
  const done = [];
  const tool = (il, undo) => il.guard(({ name }) => done.push(name), { name: 'create_user', undo });
  await tool(one.il, () => done.splice(0, 1))({ name: 'ann' });
  await tool(other, () => done.push('wrong'))({ name: 'bob' });
  await other.abandonStep((await other.undoSteps())[1].step);
  await other.rollback();
  assert.deepEqual(done, ['bob']);
});

test('an undo that fails is not tried twice', async (t) => {
  const { il } = place(t);
  const calls = [];
  const undo = ({ name }) => { calls.push(name); throw new Error('gone'); };
  await il.guard(() => 1, { name: 'create_user', undo })({ name: 'ann' });
  let error;
  for (const expected of [/gone/, /a person must look/]) {
    error = await il.rollback().catch((e) => e);
    assert.ok(error instanceof RollbackStopped, String(error));
    assert.match(error.message, expected);
  }
  assert.deepEqual(calls, ['ann']);
  await il.abandonStep(error.report.stopped.step);
  assert.deepEqual((await il.rollback()).undone, []);
});

test('a tool that says what it writes', async (t) => {
  const { il, root, at } = place(t);
  const before = tree(root);
  for (const sync of [false, true]) {
    const edit = il.guard(({ path, text }) => {
      fs.writeFileSync(`${path}.new`, text);
      fs.renameSync(`${path}.new`, path);
    }, { name: 'edit', writes: sync ? ({ path }) => [path] : '{path}', sync });
    await edit({ path: at('a.txt'), text: 'edited' });
    assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), 'edited');
    await il.rollback();
    assert.equal(tree(root)['a.txt'], before['a.txt']);
  }
});

test('what a tool does in a monitor is one step', async (t) => {
  const { il, root, at } = place(t);
  const before = tree(root);
  const tidy = il.guard(async () => {
    fs.writeFileSync(at('a.txt'), 'tidy');
    await Promise.all([fs.promises.unlink(at('sub', 'b.txt')), fs.promises.writeFile(at('index'), 'x')]);
  }, { name: 'tidy' });
  await il.monitor('bot', () => tidy());
  assert.deepEqual((await il.undoSteps()).map((step) => step.tool), ['tidy']);
  await il.rollback();
  assert.deepEqual(tree(root), before);
});

test('while an undo takes its time', async (t) => {
  const { il, root, at } = place(t, { policy: ALLOW });
  const before = tree(root);
  let release;
  const slow = new Promise((resolve) => (release = resolve));
  const notes = [];
  await il.guard(() => 1, {
    name: 'slow',
    undo: async () => {
      // More than the pool has threads.
      await Promise.all(Array.from({ length: 8 }, () => fs.promises.readFile(at('a.txt'))));
      await slow;
      notes.push('undone');
    },
  })();
  await il.monitor('bot', async () => {
    const rolling = il.rollback({ last: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    // Nothing can be kept just now: who can wait does, who cannot is told.
    assert.throws(() => fs.writeFileSync(at('a.txt'), 'x'), Unavailable);
    const waiting = Promise.all(Array.from({ length: 8 }, async (_, n) => {
      await fs.promises.writeFile(at(`n${n}`), 'x');
      notes.push('written');
    }));
    release();
    assert.equal((await rolling).undone.length, 1);
    await waiting;
  });
  assert.deepEqual([notes[0], notes.length], ['undone', 9]);
  assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), 'a');
  await il.rollback({ last: 8 });
  assert.deepEqual(tree(root), before);
});

test('a violation undoes the last actions and stops the agent', async (t) => {
  const { il, at } = place(t, { onViolation: 'rollback', rollbackLimit: 2 });
  const remove = il.guard(() => 1, { name: 'delete_record' });
  await il.monitor('bot', async () => {
    for (const text of '123') fs.writeFileSync(at('a.txt'), text);
    await assert.rejects(remove({ id: 7 }), Blocked);
    const error = await fs.promises.writeFile(at('a.txt'), 'again').catch((e) => e);
    assert.ok(error.decision?.reasons.some(({ code }) => code === 'agent.paused'), String(error));
  });
  assert.equal(fs.readFileSync(at('a.txt'), 'utf8'), '1', 'two are undone, once');
  assert.equal((await il.check('custom', '', { tool: 'other', agent: 'another' })).allowed, true);
  il.resumeAgent('bot', { by: 'ann' });
  await il.monitor('bot', () => fs.writeFileSync(at('a.txt'), 'again'));
  // Of a synchronous refusal the agent is stopped at once.
  const { il: other } = place(t, { onViolation: 'pause' });
  assert.throws(() => other.guard(() => 1, { name: 'delete_record', sync: true })({ id: 7 }), Blocked);
  assert.equal(other.checkSync('custom', '', { tool: 'other' }).allowed, false);
});

test('the data directory is not the agent\'s', async (t) => {
  const { il, dir, at } = place(t, { policy: ALLOW });
  fs.symlinkSync(join(dir, 'data'), at('way'));
  const journal = fs.readdirSync(join(dir, 'data')).find((name) => name === 'log') ?? '';
  await il.monitor('bot', async () => {
    for (const attempt of [
      () => fs.writeFileSync(join(dir, 'data', 'x'), ''),
      () => fs.promises.writeFile(join(dir, 'data', 'x'), ''),
      () => fs.writeFileSync(at('way', 'x'), ''),
      () => fs.mkdirSync(at('way', 'deep', 'er'), { recursive: true }),
      () => fs.rmSync(join(dir, 'data'), { recursive: true }),
      () => fs.renameSync(dir, `${dir}-moved`),
      () => fs.readFileSync(join(dir, 'data', 'undo', 'journal')),
      () => fs.linkSync(join(dir, 'data', journal), at('mine')),
    ]) {
      const error = await (async () => attempt())().catch((e) => e);
      assert.equal(error.decision?.code, 'caller.asks', `${attempt}: ${error}`);
    }
  });
  assert.ok((await il.check('custom')).allowed);
});

test('a rollback is on record, and what does not go together fails', async (t) => {
  const { il, at } = place(t, { policy: ALLOW });
  await il.monitor('bot', () => fs.writeFileSync(at('a.txt'), 'x'));
  const before = (await il.check('custom')).seq;
  await il.rollback();
  const after = (await il.check('custom')).seq;
  assert.equal(after - before, 3, 'it begins, and it ended');
  const { il: off, dir } = place(t, { policy: ALLOW, undo: false });
  await off.monitor('bot', () => fs.writeFileSync(join(dir, 'work', 'a.txt'), 'x'));
  assert.ok(!fs.existsSync(join(dir, 'data', 'undo')));
  for (const wrong of [
    () => off.rollback(),
    () => off.guard(() => 1, { undo: () => 1 }),
    () => off.guard(() => 1, { writes: 'x' }),
    () => il.rollback({ last: -1 }),
    () => il.rollback({ lsat: 1 }),
    () => il.guard(function* () { yield 1; }, { undo: () => 1 }),
    () => il.guard(() => 1, { undo: 'no' }),
  ]) await assert.rejects(async () => wrong(), ConfigurationError);
});

/** A program on a data directory, which kills itself. */
const KILLED = `
import fs from 'node:fs';
import { Interlock } from '@interlock/sdk';
const [data, policy, root, how] = process.argv.slice(2);
const il = new Interlock(data, { agent: 'bot', policy, durability: 'batch' });
const die = () => process.kill(process.pid, 'SIGKILL');
const step = il.guard(() => 1, { name: 'create_user', undo: die });
await il.monitor('bot', async () => {
  fs.writeFileSync(root + '/a.txt', 'half');
  fs.openSync(root + '/new', 'w');
  if (how === 'monitor') die();
});
await step({ n: 1 });
await il.rollback({ last: 9 });
`;

test('after a crash', async (t) => {
  const dir = join(here, 'killed');
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(join(dir, 'agent.mjs'), KILLED);
  const die = (place, how) => {
    place.il.close();
    const args = [join(dir, 'agent.mjs'), join(place.dir, 'data'), join(place.dir, 'policy.yaml'), place.root, how];
    const ran = spawnSync(process.execPath, args, { encoding: 'utf8' });
    assert.equal(ran.signal, 'SIGKILL', ran.stderr);
  };
  const reopened = (place) => {
    const il = new Interlock(join(place.dir, 'data'), { agent: 'bot', policy: join(place.dir, 'policy.yaml'), durability: 'batch' });
    atEnd(t, () => il.close());
    return il;
  };

  await t.test('another process\'s steps are there', async (t) => {
    const one = place(t, { policy: ALLOW });
    const before = tree(one.root);
    die(one, 'monitor');
    const il = reopened(one);
    assert.equal((await il.undoSteps()).length, 2);
    await il.rollback({ last: 2 });
    assert.deepEqual(tree(one.root), before);
  });

  await t.test('a rollback that was cut off is completed as far as it can be', async (t) => {
    const one = place(t, { policy: ALLOW });
    const before = tree(one.root);
    die(one, 'rollback');
    const warned = new Promise((resolve) => process.once('warning', resolve));
    const il = reopened(one);
    assert.match((await warned).message, /cannot be completed/);
    const stuck = await il.undoSteps();
    assert.deepEqual(stuck.map((step) => step.tool), ['writeFile', 'open', 'create_user']);
    await il.abandonStep(stuck[2].step);
    await il.rollback({ last: 2 });
    assert.deepEqual(tree(one.root), before);
  });
});

/** Numbers that are the same in every run of a seed (xorshift32). */
function random(seed) {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** One operation on files below `root`; what fails, fails. */
async function operation(rand, root) {
  const names = ['a', 'b', 'c', 'd'];
  const path = () => join(root, ...Array.from({ length: 1 + rand(3) }, () => names[rand(names.length)]));
  const text = 'x'.repeat(rand(40));
  const all = [
    ['writeFile', path(), text],
    ['writeFile', path(), text, { flag: ['a', 'wx', 'r+', 'a+'][rand(4)] }],
    ['appendFile', path(), text],
    ['mkdir', path()],
    ['mkdir', path(), { recursive: true }],
    ['rename', path(), path()],
    ['copyFile', path(), path()],
    ['cp', path(), path(), { recursive: true }],
    ['cp', path(), path(), { recursive: true, force: true, dereference: true }],
    ['unlink', path()],
    ['rm', path(), { force: true }],
    ['rm', path(), { recursive: true, force: true }],
    ['rmdir', path()],
    ['truncate', path(), rand(30)],
    ['symlink', rand(2) ? names[rand(names.length)] : path(), path()],
    ['link', path(), path()],
    ['chmod', path(), [0o600, 0o644, 0o755, 0o700][rand(4)]],
    ['utimes', path(), rand(1000), rand(1000)],
    ['lutimes', path(), rand(1000), rand(1000)],
  ];
  const [name, ...args] = all[rand(all.length)];
  const how = rand(3);
  try {
    if (how === 0) return fs[`${name}Sync`](...args);
    if (how === 1) return await fs.promises[name](...args);
    return await new Promise((resolve, reject) => {
      fs[name](...args, (error) => (error ? reject(error) : resolve()));
    });
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    if (/^ERR_(FS|INVALID)_/.test(error.code ?? '')) return undefined;
    throw error;
  }
}

const soak = process.env.INTERLOCK_SOAK === '1';
for (const [durability, usual, soaked] of [['async', 50, 2_000], ['strict', 10, 200]]) {
  test(`random sequences, and all is as it was: ${durability}`, async (t) => {
    const sequences = soak ? soaked : usual;
    t.diagnostic(`${sequences} sequences${soak ? '' : `; INTERLOCK_SOAK=1 runs ${soaked}`}`);
    const { il, root } = place(t, { policy: ALLOW, durability });
    for (let seed = 1; seed <= sequences; seed++) {
      const rand = random(seed * (durability === 'strict' ? 40_503 : 2_654_435_761));
      const own = join(root, `s${seed}`);
      fs.mkdirSync(own);
      for (const name of ['a', 'b']) fs.writeFileSync(join(own, name), `${name} ${seed}`);
      fs.mkdirSync(join(own, 'c', 'a'), { recursive: true });
      fs.writeFileSync(join(own, 'c', 'b'), 'in c');
      fs.symlinkSync('a', join(own, 'd'));
      const before = tree(own);
      await il.monitor('bot', async () => {
        for (let n = 2 + rand(14); n > 0; n--) await operation(rand, own);
      });
      const steps = await il.undoSteps('bot');
      assert.deepEqual(steps.flatMap((step) => step.irreversible), [], `seed ${seed}`);
      await il.rollback({ last: steps.length });
      assert.deepEqual(tree(own), before, `seed ${seed}`);
      fs.rmSync(own, { recursive: true });
    }
  });
}
