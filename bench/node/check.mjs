// A full check from Node.js beside the same from Python: facts, detectors, risk, rules of the default
// bundle, and the record. Median and p99 of each call, in microseconds, in rounds that alternate.
//
//     cargo build --release -p interlock-node -p interlock-python
//     node bench/node/check.mjs [--target target/release] [--calls 4000]
//
// Without the Python extension or python3 only Node's figures are printed. `batch` writes each
// decision before it answers and syncs within milliseconds; `strict` syncs before it answers.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const target = resolve(option('target', join(root, 'target/release')));
const calls = Number(option('calls', 4000));
const action = JSON.parse(readFileSync(join(root, 'bench/actions/send_email.json'), 'utf8'));

const work = mkdtempSync(join(tmpdir(), 'interlock-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

const sdk = join(work, 'node_modules/@interlock/sdk');
mkdirSync(join(sdk, 'native'), { recursive: true });
for (const part of ['lib', 'index.cjs', 'package.json']) {
  cpSync(join(root, 'crates/interlock-node', part), join(sdk, part), { recursive: true });
}
const arch = process.arch;
cpSync(join(target, 'libinterlock_node.so'), join(sdk, `native/linux-${arch}-gnu.node`));
const { Interlock } = createRequire(join(work, 'x.js'))('@interlock/sdk');

function figures(nanoseconds) {
  const sorted = nanoseconds.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] / 1000;
  return { median: at(0.5), p99: at(0.99) };
}

/** One round; each call has a number of its own, so that no loop is seen. */
async function node(durability, round, asynchronous) {
  const il = new Interlock(join(work, `node-${durability}-${round}-${asynchronous}`), { agent: 'bench', durability });
  const count = durability === 'strict' ? Math.min(calls, 300) : calls;
  const taken = [];
  for (let i = 0; i < count + 200; i++) {
    const options = {
      tool: action.tool, arguments: { ...action.arguments, thread: i }, environment: 'production', agent: `bench-${i % 50}`,
      session: `s-${i % 50}`,
    };
    const begun = process.hrtime.bigint();
    if (asynchronous) await il.check(action.action_type, action.resource, options);
    else il.checkSync(action.action_type, action.resource, options);
    if (i >= 200) taken.push(Number(process.hrtime.bigint() - begun));
  }
  il.close();
  return taken;
}

const PYTHON = `
import json, sys, time
from interlock import Interlock
work, durability, calls, action = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.load(open(sys.argv[4]))
il = Interlock(work, agent="bench", durability=durability)
taken = []
for i in range(calls + 200):
    begun = time.perf_counter_ns()
    il.check(action["action_type"], action.get("resource", ""), tool=action["tool"], arguments={**action["arguments"], "thread": i},
             environment="production", agent=f"bench-{i % 50}", session=f"s-{i % 50}")
    if i >= 200:
        taken.append(time.perf_counter_ns() - begun)
il.close()
print(json.dumps(taken))
`;

const library = join(target, 'lib_core.so');
let python = existsSync(library);
if (python) {
  cpSync(join(root, 'crates/interlock-python/python/interlock'), join(work, 'python/interlock'), { recursive: true });
  cpSync(library, join(work, 'python/interlock/_core.abi3.so'));
}

function fromPython(durability, round) {
  const count = durability === 'strict' ? Math.min(calls, 300) : calls;
  const ran = spawnSync(
    'python3',
    ['-c', PYTHON, join(work, `python-${durability}-${round}`), durability, String(count), join(root, 'bench/actions/send_email.json')],
    { env: { ...process.env, PYTHONPATH: join(work, 'python') }, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (ran.status !== 0) {
    console.error(ran.stderr || ran.error);
    python = false;
    return [];
  }
  return JSON.parse(ran.stdout);
}

const rounds = 5;
console.log(`action of ${JSON.stringify(action).length} bytes, default bundle, ${rounds} rounds of ${calls} calls (strict: 300)`);
for (const durability of ['batch', 'strict']) {
  const all = { 'Node checkSync': [], 'Node check': [], 'Python check': [] };
  for (let round = 0; round < rounds; round++) {
    all['Node checkSync'].push(...(await node(durability, round, false)));
    all['Node check'].push(...(await node(durability, round, true)));
    if (python) all['Python check'].push(...fromPython(durability, round));
  }
  const shown = Object.entries(all).filter(([, taken]) => taken.length > 0).map(([name, taken]) => [name, figures(taken)]);
  for (const [name, { median, p99 }] of shown) {
    console.log(`${durability.padEnd(7)} ${name.padEnd(15)} median ${median.toFixed(1).padStart(8)} us   p99 ${p99.toFixed(1).padStart(8)} us`);
  }
  if (python) {
    const [sync, , other] = shown.map(([, one]) => one.median);
    console.log(`${durability.padEnd(7)} Node / Python   ${(sync / other).toFixed(2)}`);
  }
}
