// A server of this build, as a process that can be stopped, continued and killed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Interlock } from '@interlock/sdk';
import { POLICY, atEnd, temporary } from './world.mjs';

const BINARY = process.env.INTERLOCK_BINARY ?? '';
export const ADMIN = 'a-key-for-tests-0123456789abcdefghijklmnop';

async function freePort() {
  const made = createServer().listen(0, '127.0.0.1');
  await once(made, 'listening');
  const { port } = made.address();
  made.close();
  await once(made, 'close');
  return port;
}

export async function until(what, holds, seconds = 15) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (performance.now() > end) assert.fail(`not in ${seconds} s: ${what}`);
    await sleep(20);
  }
}

class Server {
  constructor(dir, port) {
    this.dir = dir;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  async start() {
    const { INTERLOCK_SERVER: _, INTERLOCK_API_KEY: __, ...env } = process.env;
    this.process = spawn(
      BINARY,
      [
        'up', '--data', join(this.dir, 'server-data'), '--policy', join(this.dir, 'server.yaml'),
        '--listen', `127.0.0.1:${this.port}`, '--durability', 'strict',
      ],
      { env: { ...env, INTERLOCK_ADMIN_KEY: ADMIN }, stdio: 'ignore' },
    );
    this.ended = once(this.process, 'exit');
    await until('the server answers', () => this.get('/api/kill-switch').then(() => true, () => false), 30);
  }

  async kill() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGCONT');
    this.process.kill('SIGKILL');
    await this.ended;
  }

  /** Stops it where it is; its threads stop one after the other. */
  async freeze() {
    this.process.kill('SIGSTOP');
    const tasks = `/proc/${this.process.pid}/task`;
    const stopped = (task) => /\) [Tt] /.test(readFileSync(`${tasks}/${task}/stat`, 'utf8'));
    await until('it stands still', () => readdirSync(tasks).every(stopped), 10);
  }

  thaw() {
    this.process.kill('SIGCONT');
  }

  async call(method, path, body, key = ADMIN) {
    const answer = await fetch(this.url + path, {
      method,
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  get(path) {
    return this.call('GET', path);
  }

  /** A new key: `{ id, key }`. */
  key(role, more = {}) {
    return this.call('POST', '/api/keys', { role, ...more });
  }

  actions() {
    return this.get('/api/actions?limit=1000');
  }

  /** A person answers the next question. */
  async answer(decision) {
    const { key } = await this.key('approver', { label: 'anna' });
    const [asked] = await until('somebody is asked', async () => {
      const open = await this.get('/api/approvals');
      return open.length > 0 ? open : undefined;
    });
    await this.call('POST', `/api/approvals/${asked.id}/decide`, { decision }, key);
    return asked;
  }
}

/** A server in a directory of its own, which ends with the test. */
export async function serving(t, policy = POLICY) {
  assert.ok(existsSync(BINARY), `\`${BINARY}\` is not built: run \`cargo build -p interlock-cli\``);
  const dir = temporary(t);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'server.yaml'), policy);
  const server = new Server(dir, await freePort());
  atEnd(t, () => server.kill());
  await server.start();
  return server;
}

/** An Interlock that asks `server`. */
export function client(t, server, options = {}) {
  const { data = 'data', ...rest } = options;
  const il = new Interlock(join(server.dir, data), {
    agent: 'bot', server: server.url, apiKey: ADMIN, durability: 'batch', timeoutMs: 1_000, ...rest,
  });
  atEnd(t, () => il.close());
  return il;
}
