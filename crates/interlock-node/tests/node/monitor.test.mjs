import assert from 'node:assert/strict';
import childProcess, { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs, { readFileSync as namedRead, writeFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { readFile as promised } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { ApprovalDenied, Blocked, ConfigurationError, InvalidAction } from '@interlock/sdk';
import { world } from './world.mjs';

const POLICY = `
interlock: 1
default: allow
rules:
  - { id: secrets, match: { resource: ["*secret*"] }, effect: block }
  - { id: processes, match: { action: [code_execution], resource: ["*rm", "*sh"] }, effect: block }
  - { id: network, match: { action: [network_request, api_call], resource: ["*127.0.0.2*", "*forbidden*"] }, effect: block }
  - { id: datagrams, match: { resource: ["udp:*"] }, effect: block }
  - { id: workers, match: { tool: [worker] }, effect: block }
  - { id: asks, match: { resource: ["*asks*"] }, effect: require_approval }
`;

function watched(t, options) {
  const made = world(t, { policy: POLICY, ...options });
  const seen = [];
  for (const name of ['decide', 'decideSync']) {
    const original = made.il[name];
    made.il[name] = function (actionType, action) {
      seen.push([actionType, action.resource]);
      return original.call(this, actionType, action);
    };
  }
  const secret = join(made.dir, 'secret.txt');
  const open = join(made.dir, 'open.txt');
  writeFileSync(secret, 'top');
  writeFileSync(open, 'text');
  return { ...made, seen, secret, open, inside: (f) => made.il.monitor('agent', f) };
}

const blockedSync = (f) => assert.throws(f, Blocked);
const blocked = (promise) => assert.rejects(promise, Blocked);

test('synchronous files', async (t) => {
  const { il, inside, secret, open, dir } = watched(t);
  await inside(() => {
    for (const name of [secret, Buffer.from(secret), pathToFileURL(secret)]) {
      blockedSync(() => fs.readFileSync(name));
    }
    blockedSync(() => namedRead(secret));
    blockedSync(() => createRequire(import.meta.url)('fs').openSync(secret));
    blockedSync(() => fs.writeFileSync(secret, ''));
    blockedSync(() => fs.appendFileSync(secret, ''));
    blockedSync(() => fs.truncateSync(secret));
    blockedSync(() => fs.unlinkSync(secret));
    blockedSync(() => fs.rmSync(secret));
    blockedSync(() => fs.renameSync(secret, `${dir}/x`));
    blockedSync(() => fs.renameSync(open, secret));
    blockedSync(() => fs.copyFileSync(secret, `${dir}/x`));
    blockedSync(() => fs.cpSync(open, secret));
    blockedSync(() => fs.chmodSync(secret, 0o777));
    blockedSync(() => fs.linkSync(open, `${dir}/secret-link`));
    blockedSync(() => fs.mkdirSync(`${dir}/secrets`));
    blockedSync(() => fs.utimesSync(secret, 0, 0));
  });
  // So many refusals open the agent's breaker: another one goes on.
  await il.monitor('another', () => {
    assert.equal(fs.readFileSync(open, 'utf8'), 'text');
    fs.writeFileSync(`${dir}/fine`, 'x');
    const fd = fs.openSync(open);
    assert.equal(fs.readFileSync(fd, 'utf8'), 'text');
    fs.closeSync(fd);
    fs.rmSync(`${dir}/fine`);
  });
  assert.equal(namedRead(secret, 'utf8'), 'top');
  assert.equal(namedRead(open, 'utf8'), 'text');
  assert.ok(!existsSync(`${dir}/x`) && !existsSync(`${dir}/fine`) && !existsSync(`${dir}/secrets`));
});

test('one decision for one call', async (t) => {
  const { inside, seen, dir } = watched(t);
  mkdirSync(`${dir}/tree/a/b`, { recursive: true });
  writeFileSync(`${dir}/tree/a/b/c`, '');
  await inside(async () => {
    fs.writeFileSync(`${dir}/tree/d`, '');
    fs.readFileSync(`${dir}/tree/d`);
    fs.cpSync(`${dir}/tree`, `${dir}/copy`, { recursive: true });
    await fs.promises.rm(`${dir}/tree`, { recursive: true });
    await promisify(fs.rm)(`${dir}/copy`, { recursive: true });
  });
  assert.deepEqual(seen, [
    ['file_write', `${dir}/tree/d`],
    ['file_read', `${dir}/tree/d`],
    ['file_read', `${dir}/tree`],
    ['file_write', `${dir}/copy`],
    ['file_delete', `${dir}/tree`],
    ['file_delete', `${dir}/copy`],
  ]);
  assert.ok(!existsSync(`${dir}/tree`) && !existsSync(`${dir}/copy`));
});

test('promised files, callbacks and streams', async (t) => {
  const { inside, secret, open } = watched(t);
  await inside(async () => {
    await blocked(promised(secret));
    await blocked(fs.promises.open(secret));
    await blocked(fs.promises.writeFile(secret, 'x'));
    await blocked(fs.promises.rm(secret));
    await blocked(promisify(fs.readFile)(secret));
    await blocked(promisify(fs.unlink)(secret));
    await blocked(once(fs.createReadStream(secret), 'data'));
    await blocked(once(fs.createWriteStream(secret), 'open'));
    assert.equal(await promised(open, 'utf8'), 'text');
    const text = await new Promise((resolve, reject) =>
      fs.readFile(open, 'utf8', (error, data) => {
        // What the callback does is inside as well.
        blockedSync(() => fs.readFileSync(secret));
        return error ? reject(error) : resolve(data);
      }));
    assert.equal(text, 'text');
    let streamed = '';
    for await (const part of fs.createReadStream(open, 'utf8')) streamed += part;
    assert.equal(streamed, 'text');
  });
  assert.equal(namedRead(secret, 'utf8'), 'top');
});

test('paths lead where they lead', async (t) => {
  const { inside, secret, dir } = watched(t, { policy: `
interlock: 1
default: allow
rules:
  - { id: secrets, when: 'facts.path.name like "*secret*"', effect: block }
` });
  symlinkSync(secret, join(dir, 'harmless'));
  await inside(() => {
    blockedSync(() => fs.readFileSync(join(dir, 'harmless')));
    assert.throws(() => fs.readFileSync(Buffer.from([47, 255])), InvalidAction);
  });
});

test('processes', async (t) => {
  const { inside, dir, seen } = watched(t);
  await inside(async () => {
    blockedSync(() => childProcess.execSync(`touch ${dir}/ran`));
    blockedSync(() => spawnSync('rm', ['-rf', dir]));
    blockedSync(() => childProcess.execFileSync('/bin/rm', ['-rf', dir]));
    blockedSync(() => childProcess.spawn('rm', ['-rf', dir]));
    blockedSync(() => childProcess.exec(`touch ${dir}/ran`));
    blockedSync(() => childProcess.spawnSync(`touch ${dir}/ran`, { shell: true }));
    await blocked((async () => promisify(childProcess.exec)(`touch ${dir}/ran`))());
    await blocked((async () => promisify(childProcess.execFile)('rm', ['-rf', dir]))());
    blockedSync(() => new Worker('1', { eval: true }));
    const { stdout } = await promisify(childProcess.execFile)('echo', ['fine']);
    assert.equal(stdout, 'fine\n');
    assert.equal(spawnSync('echo', ['fine']).stdout.toString(), 'fine\n');
    const child = childProcess.spawn('cat');
    child.stdin.end('through');
    assert.equal((await once(child.stdout, 'data')).toString(), 'through');
  });
  assert.ok(existsSync(dir) && !existsSync(`${dir}/ran`));
  assert.ok(seen.every(([type]) => type === 'code_execution'));
});

test('the network, and connections that were open before', async (t) => {
  const { il, inside, seen } = watched(t);
  const requests = [];
  const server = http.createServer((request, response) => {
    requests.push(request.url);
    response.end('served');
  });
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const { port } = server.address();
  const echo = net.createServer((socket) => socket.on('data', (data) => socket.write(data)).on('error', () => {}));
  echo.listen(0, '0.0.0.0');
  await once(echo, 'listening');
  t.after(() => echo.close());
  const before = net.connect(echo.address().port, '127.0.0.2');
  t.after(() => before.destroy());
  await once(before, 'connect');
  const datagram = dgram.createSocket('udp4');
  t.after(() => datagram.close());
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await inside(async () => {
    blockedSync(() => net.connect(port, '127.0.0.2'));
    blockedSync(() => new net.Socket().connect({ port, host: '127.0.0.2' }));
    blockedSync(() => http.get(`http://127.0.0.2:${port}/`));
    blockedSync(() => http.request({ host: '127.0.0.1', port, path: '/forbidden' }));
    blockedSync(() => http.get({ hostname: '127.0.0.1', port, path: '/forbidden', agent }));
    await blocked(fetch(`http://127.0.0.2:${port}/`));
    await blocked(fetch(new Request(`http://127.0.0.1:${port}/forbidden`, { method: 'POST', body: 'x' })));
    blockedSync(() => before.write('out'));
    blockedSync(() => before.end('out'));
    blockedSync(() => datagram.send('x', port, '127.0.0.1'));
  });
  await il.monitor('another', async () => {
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/fine`, { method: 'POST', body: 'x' })).text(), 'served');
    const [response] = await once(http.get(`http://127.0.0.1:${port}/get`, { agent }), 'response');
    response.resume();
    await once(response, 'end');
  });
  assert.deepEqual(requests, ['/fine', '/get']);
  assert.ok(seen.some(([type, resource]) => type === 'api_call' && resource === `http://127.0.0.1:${port}/fine`));
  // Outside it is nobody's business.
  before.write('out');
  assert.equal((await once(before, 'data')).toString(), 'out');
});

test('what is scheduled inside is inside, what is outside is not', async (t) => {
  const { inside, secret, seen } = watched(t);
  let outside = 0;
  const timer = setInterval(() => (outside += namedRead(secret).length), 1);
  await inside(async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const late = new Promise((resolve, reject) => {
      setImmediate(() => {
        try {
          blockedSync(() => fs.readFileSync(secret));
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    await late;
    const error = await new Promise((resolve) => {
      process.nextTick(() => {
        try {
          resolve(fs.readFileSync(secret));
        } catch (thrown) {
          resolve(thrown);
        }
      });
    });
    assert.ok(error instanceof Blocked);
  });
  clearInterval(timer);
  assert.ok(outside > 0);
  assert.ok(seen.length >= 2);
  assert.equal(namedRead(secret, 'utf8'), 'top');
});

test('modules are loaded, and what they do is decided on', async (t) => {
  const { inside, dir, secret, seen } = watched(t);
  writeFileSync(join(dir, 'module.cjs'), `
    let error;
    try { require('node:fs').readFileSync(${JSON.stringify(secret)}); } catch (e) { error = e; }
    module.exports = error.name;`);
  await inside(() => {
    assert.equal(createRequire(import.meta.url)(join(dir, 'module.cjs')), 'Blocked');
  });
  assert.deepEqual(seen, [['file_read', secret]]);
});

test('a person is asked before it happens', async (t) => {
  const { il, dir } = watched(t);
  const file = join(dir, 'asks');
  const asked = [];
  const approval = (answer) => (one) => {
    asked.push(one.asked.resource);
    // What deciding needs is not the agent's.
    namedRead(join(dir, 'secret.txt'));
    return answer;
  };
  await il.monitor('agent', { approval: approval(true) }, () => fs.writeFileSync(file, 'yes'));
  assert.equal(namedRead(file, 'utf8'), 'yes');
  await il.monitor('agent', { approval: approval(false) }, () =>
    assert.rejects(fs.promises.writeFile(file, 'no'), ApprovalDenied));
  assert.equal(namedRead(file, 'utf8'), 'yes');
  assert.deepEqual(asked, [file, file]);
});

test('the monitor answers what its function answers', async (t) => {
  const { il } = watched(t);
  assert.equal(await il.monitor('agent', async () => 7), 7);
  await assert.rejects(il.monitor('agent', () => { throw new RangeError('mine'); }), RangeError);
  await assert.rejects(il.monitor('agent', 7), ConfigurationError);
  await assert.rejects(il.monitor('agent', { aproval: 'wait' }, () => 1), ConfigurationError);
});

test('loaded first, it is seen by whoever keeps references', (t) => {
  const { dir, il } = watched(t);
  il.close();
  writeFileSync(join(dir, 'kept.cjs'), `
    const { readFileSync } = require('fs');
    const { Interlock } = require(${JSON.stringify(createRequire(import.meta.url).resolve('@interlock/sdk'))});
    const il = new Interlock(${JSON.stringify(`${dir}/data`)}, { policy: ${JSON.stringify(`${dir}/policy.yaml`)} });
    il.monitor('agent', () => readFileSync(${JSON.stringify(`${dir}/secret.txt`)}))
      .then(() => console.log('read'), (error) => console.log(error.name));`);
  const register = createRequire(import.meta.url).resolve('@interlock/sdk/register');
  const ran = spawnSync(process.execPath, ['--require', register, join(dir, 'kept.cjs')], { encoding: 'utf8' });
  assert.equal(ran.stdout, 'Blocked\n', ran.stderr);
});
