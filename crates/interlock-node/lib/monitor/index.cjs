'use strict';
// What a program does inside `il.monitor()`, decided on before it happens.
//
// The functions of Node's own modules through which a program reaches files, processes and the
// network are replaced, once, by ones that ask; outside a monitor they do nothing else than before.
// A monitor belongs to an asynchronous context: everything that is awaited or scheduled inside is in
// it. It holds an honest program. See docs/guides/node.md for what it cannot hold.

const { syncBuiltinESMExports } = require('node:module');
const errors = require('../errors.cjs');
const scopes = require('../scope.cjs');
const { Guard } = require('../guard.cjs');
const { snapshot } = require('../plain.cjs');

const OPTIONS = new Set(['session', 'run', 'approval', 'approvalTimeoutMs']);

class Monitor {
  constructor(interlock, options) {
    this.interlock = interlock;
    this.options = { approval: options.approval, approvalTimeoutMs: options.approvalTimeoutMs };
    /** Connections that were decided on. */
    this.connections = new WeakSet();
  }

  #ask(actionType, resource, tool, args, pathResolved) {
    const guard = new Guard(this.interlock, tool, {
      ...this.options,
      actionType,
      resource: () => resource,
    });
    const { json, copy } = snapshot('arguments', args);
    return [guard, { json, arguments: copy, pathResolved, signal: undefined }];
  }

  /** The decision under which it may happen; rejects if there is none. */
  decide(actionType, resource, tool, args, pathResolved) {
    const [guard, call] = this.#ask(actionType, resource, tool, args, pathResolved);
    return scopes.unmonitored(() => guard.permit(call, false));
  }

  /** As `decide`, at once. */
  decideSync(actionType, resource, tool, args, pathResolved) {
    const [guard, call] = this.#ask(actionType, resource, tool, args, pathResolved);
    return scopes.unmonitored(() => guard.permitSync(call, false));
  }
}

let installed = false;

/** Puts the replacements in place, once. */
function install() {
  if (installed) return;
  installed = true;
  require('./modules.cjs').install();
  require('./files.cjs').install();
  require('./processes.cjs').install();
  require('./connections.cjs').install();
  require('./requests.cjs').install();
  // `import { readFile } from 'node:fs'` sees the replacements too.
  syncBuiltinESMExports();
}

async function run(interlock, agent, options, inside) {
  for (const key of Object.keys(options)) {
    if (!OPTIONS.has(key)) {
      throw new errors.ConfigurationError(`monitor() knows no option \`${key}\``, 'config.invalid');
    }
  }
  if (typeof inside !== 'function') {
    throw new errors.ConfigurationError('monitor(agent, inside) needs a function', 'config.invalid');
  }
  install();
  const monitor = new Monitor(interlock, options);
  const { session, run } = options;
  return scopes.enter({ agent, session, run, monitor }, inside);
}

module.exports = { run, install };
