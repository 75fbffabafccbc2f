// The package as somebody else gets it: its types, its documents, and the archive that npm makes.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ADMIN, serving } from './serving.mjs';
import { temporary } from './world.mjs';

const require = createRequire(import.meta.url);
const here = dirname(new URL(import.meta.url).pathname);
const sdk = dirname(require.resolve('@interlock/sdk'));

function found(name) {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

const blocks = (text, language) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1]);

/** Runs `script` as a module in a directory of its own. */
function run(dir, script, more = {}) {
  writeFileSync(join(dir, 'script.mjs'), script);
  const env = { ...process.env, ...more };
  const ran = spawnSync(process.execPath, ['script.mjs'], { cwd: dir, env, encoding: 'utf8', timeout: 60_000 });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout;
}

/** A directory below this one, so that packages are found. */
function beside(t, name) {
  const dir = join(here, name);
  mkdirSync(dir, { recursive: true });
  return dir;
}

const express = found('express');
test('the guide', { skip: express ? false : 'express is not installed (make tools)' }, async (t) => {
  const guide = readFileSync(join(here, 'guide.md'), 'utf8');
  const server = await serving(t);
  const known = { INTERLOCK_SERVER: server.url, INTERLOCK_API_KEY: ADMIN };
  const said = run(beside(t, 'guide'), blocks(guide, 'js').join('\n'), known);
  const [first, ...others] = blocks(guide, 'text');
  assert.ok(said.startsWith(first), said);
  for (const other of others) assert.ok(said.includes(other), said);
  assert.ok(said.includes('with the server: connected true'), said);
  assert.ok(said.includes('refused: `http://203.0.113.7:8088` would send the API key in the clear'), said);
  assert.ok(said.includes('refunded 7'), said);
  assert.ok(said.includes('not run:'), said);
});

const readme = readFileSync(join(sdk, 'README.md'), 'utf8');
const five = () => `
  const ran = [];
  const database = { execute: (sql) => ran.push(sql) };
  ${blocks(readme, 'js').join('\n')}
  console.log('ran', ran.length);`;

function asReadme(said) {
  assert.ok(said.includes('not permitted'), said);
  assert.ok(said.includes('unbounded-writes'), said);
  assert.ok(said.endsWith('ran 0\n'), said);
}

test('the README', (t) => asReadme(run(beside(t, 'readme'), five())));

const npm = spawnSync('npm', ['--version'], { encoding: 'utf8' });
test('npm pack, npm install in an empty project, and the README runs', { skip: npm.status === 0 ? false : 'npm is not installed' }, (t) => {
  const dir = temporary(t);
  const source = join(dir, 'source');
  cpSync(sdk, source, { recursive: true });
  // Without its symbols the library is packed in a third of the time.
  spawnSync('sh', ['-c', 'strip native/*.node'], { cwd: source });
  execFileSync('npm', ['pack', '--silent', '--pack-destination', dir], { cwd: source });
  const { name, version, files } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  const archive = join(dir, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
  const project = join(dir, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  execFileSync('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', archive], { cwd: project });
  const installed = join(project, 'node_modules/@interlock/sdk');
  assert.ok(files.includes('lib') && existsSync(join(installed, 'lib/monitor/index.cjs')));
  assert.ok(!existsSync(join(installed, 'src')) && !existsSync(join(installed, 'Cargo.toml')));
  assert.ok(!existsSync(join(installed, 'node_modules')));
  asReadme(run(project, five()));
});

const tsc = found('typescript/bin/tsc') ?? found('typescript/lib/tsc.js');
test('types', { skip: tsc ? false : 'typescript is not installed (make tools)' }, (t) => {
  const dir = beside(t, 'types');
  cpSync(join(here, 'consumer.ts'), join(dir, 'consumer.ts'));
  cpSync(join(here, 'consumer.ts'), join(dir, 'consumer.mts'));
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({
    compilerOptions: {
      strict: true, noEmit: true, target: 'es2022', lib: ['es2022'], module: 'node16', moduleResolution: 'node16',
      types: ['node'], exactOptionalPropertyTypes: true,
    },
    files: ['consumer.ts', 'consumer.mts'],
  }));
  const ran = spawnSync(process.execPath, [tsc, '-p', dir], { encoding: 'utf8' });
  assert.equal(ran.stdout, '');
  assert.equal(ran.status, 0);
});

test('the types name what the package has', () => {
  for (const [module, types] of [['@interlock/sdk', 'index'], ['@interlock/sdk/ai', 'ai'], ['@interlock/sdk/openai', 'openai']]) {
    const declared = readFileSync(join(sdk, `${types}.d.ts`), 'utf8');
    for (const name of Object.keys(require(module))) {
      assert.match(declared, new RegExp(`export (class|function|const) ${name}\\b`), `${module}: ${name}`);
    }
    for (const [, name] of declared.matchAll(/export (?:class|function|const) (\w+)/g)) {
      assert.ok(name in require(module), `${module}: ${name}`);
    }
  }
  const { Interlock } = require('@interlock/sdk');
  const [, body] = readFileSync(join(sdk, 'index.d.ts'), 'utf8').match(/export class Interlock \{(.*?)^\}/ms);
  const methods = [...body.matchAll(/^ {2}(\w+)[<(]/gm)].map((match) => match[1]);
  for (const name of methods) assert.equal(typeof Interlock.prototype[name], 'function', name);
});
