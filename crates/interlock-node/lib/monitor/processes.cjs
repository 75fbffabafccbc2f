'use strict';
// Processes: everything that starts one. Asynchronous ways all go through `ChildProcess.spawn`,
// whoever kept a reference to `exec` or `spawn`.

const childProcess = require('node:child_process');
const workers = require('node:worker_threads');
const { current, replace } = require('./replace.cjs');

/** A word as a shell would read it back. */
function quoted(word) {
  const text = String(word);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

function started(tool, program, args, cwd) {
  const words = [program, ...(args ?? [])];
  // A shell's own argument is the command line as it was written.
  const shell = /(^|\/)(sh|bash|zsh|dash)$/.test(String(program)) && args?.length === 2 && args[0] === '-c';
  const command = shell ? String(args[1]) : words.map(quoted).join(' ');
  const shown = { command, program: String(program) };
  if (cwd !== undefined && cwd !== null) shown.cwd = String(cwd);
  return ['code_execution', shown.program, tool, shown];
}

function optionsOf(args) {
  return args.find((one) => typeof one === 'object' && one !== null && !Array.isArray(one)) ?? {};
}

/** The program and arguments of `spawnSync(file, [args], [options])`. */
function ofCall(tool, args) {
  const list = Array.isArray(args[1]) ? args[1] : [];
  const { shell, cwd } = optionsOf(args.slice(1));
  if (!shell) return started(tool, args[0], list, cwd);
  const program = typeof shell === 'string' ? shell : '/bin/sh';
  return started(tool, program, ['-c', [args[0], ...list].join(' ')], cwd);
}

function install() {
  replace(childProcess.ChildProcess.prototype, 'spawn', (original) =>
    function (options) {
      const monitor = current();
      if (monitor && options && typeof options === 'object') {
        const { file, args } = options;
        monitor.startedSync(...started('child_process', file, args?.slice(1), options.cwd));
      }
      return Reflect.apply(original, this, [options]);
    });
  for (const name of ['spawnSync', 'execFileSync']) {
    replace(childProcess, name, (original) =>
      function (...args) {
        const monitor = current();
        if (monitor) monitor.startedSync(...ofCall(name, args));
        return Reflect.apply(original, this, args);
      });
  }
  replace(childProcess, 'execSync', (original) =>
    function (...args) {
      const monitor = current();
      if (monitor) {
        const { shell, cwd } = optionsOf(args.slice(1));
        const program = typeof shell === 'string' ? shell : '/bin/sh';
        monitor.startedSync(...started('execSync', program, ['-c', args[0]], cwd));
      }
      return Reflect.apply(original, this, args);
    });
  replace(process, 'execve', (original) =>
    function (file, args, ...rest) {
      const monitor = current();
      if (monitor) monitor.startedSync(...started('execve', file, args?.slice(1)));
      return Reflect.apply(original, this, [file, args, ...rest]);
    });
  // Another thread has modules of its own, which nobody watches: starting it is what is decided on.
  const { Worker } = workers;
  workers.Worker = new Proxy(Worker, {
    construct(target, args, newTarget) {
      const monitor = current();
      if (monitor) {
        const code = args[1]?.eval ? { code: String(args[0]) } : { path: String(args[0]) };
        monitor.startedSync('code_execution', code.path ?? 'worker', 'worker', code);
      }
      return Reflect.construct(target, args, newTarget);
    },
  });
}

module.exports = { install };
