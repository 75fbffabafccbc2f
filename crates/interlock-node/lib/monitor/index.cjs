'use strict';
// What a program does inside `il.monitor()`, decided on before it happens.
//
// The functions of Node's own modules through which a program reaches files, processes and the
// network are replaced, once, by ones that ask; outside a monitor they do nothing else than before.
// A monitor belongs to an asynchronous context: everything that is awaited or scheduled inside is in
// it. It holds an honest program. See docs/guides/node.md for what it cannot hold.

const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const path = require('node:path');
const errors = require('../errors.cjs');
const scopes = require('../scope.cjs');
const { Guard } = require('../guard.cjs');
const { snapshot } = require('../plain.cjs');
const { Step, rolling } = require('../undo.cjs');

const OPTIONS = new Set(['session', 'run', 'approval', 'approvalTimeoutMs']);

/** Steps that are sealed at the end of a monitor; of more, the oldest are left unsealed. */
const STEPS_MAX = 10_000;

/** What only looks like a file. */
const NO_FILES = /^\/(dev|proc|sys)\//;

const within = (name, root) => name === root || name.startsWith(root.endsWith(path.sep) ? root : root + path.sep);

function real(name) {
  try {
    return fs.realpathSync.native(name);
  } catch {
    return path.resolve(name);
  }
}

/** Where a path leads of which nothing is there yet. */
function nearest(name) {
  let at = path.resolve(name);
  const rest = [];
  for (;;) {
    try {
      return path.join(fs.realpathSync.native(at), ...rest);
    } catch {
      if (path.dirname(at) === at) return path.resolve(name);
      rest.unshift(path.basename(at));
      at = path.dirname(at);
    }
  }
}

/** Nothing that is kept, and nothing that stands in its way. */
const UNCHANGED = Object.freeze({ ops: Object.freeze([]), why: undefined });

class Monitor {
  #own;
  #steps = new Set();

  constructor(interlock, options) {
    this.interlock = interlock;
    this.options = { approval: options.approval, approvalTimeoutMs: options.approvalTimeoutMs };
    /** Connections that were decided on. */
    this.connections = new WeakSet();
    this.#own = real(interlock.data);
  }

  #ask(actionType, resource, tool, args, pathResolved, undo) {
    const guard = new Guard(this.interlock, tool, {
      ...this.options,
      actionType,
      resource: () => resource,
    });
    const { json, copy } = snapshot('arguments', args);
    return [guard, { json, arguments: copy, pathResolved, undo, signal: undefined }];
  }

  /**
   * Whether it is about the record, its keys or what is kept: an agent that writes there makes up its
   * own past.
   */
  #isOurs(actionType, name, resolved) {
    if (!/^(file_|permission_)/.test(actionType)) return false;
    return [name, resolved ?? nearest(name)].some((one) =>
      // Whoever moves a directory above it moves it too.
      within(one, this.#own) || (actionType === 'file_delete' && within(this.#own, one)));
  }

  static #OURS = { effect: 'block', why: "the data directory is not the agent's" };

  /** The decision under which it may happen; rejects if there is none. `undo`: whether it is kept. */
  decide(actionType, resource, tool, args, pathResolved, undo = false) {
    const [guard, call] = this.#ask(actionType, resource, tool, args, pathResolved, undo);
    return scopes.unmonitored(async () => {
      if (!this.#isOurs(actionType, resource, pathResolved)) return guard.permit(call, false);
      const action = guard.action(call, await guard.about(call), false);
      throw await guard.refusal(await this.interlock.decide(actionType, action, Monitor.#OURS));
    });
  }

  /** As `decide`, at once. */
  decideSync(actionType, resource, tool, args, pathResolved, undo = false) {
    const [guard, call] = this.#ask(actionType, resource, tool, args, pathResolved, undo);
    return scopes.unmonitored(() => {
      if (!this.#isOurs(actionType, resource, pathResolved)) return guard.permitSync(call, false);
      const action = guard.action(call, guard.aboutSync(call), false);
      throw guard.refusalSync(this.interlock.decideSync(actionType, action, Monitor.#OURS));
    });
  }

  /** The step that an action belongs to: that of the guarded call around it, or its own. */
  #step(tool, decision) {
    const { step } = scopes.current();
    if (step !== undefined) return step;
    const made = new Step(this.interlock.undoJournal, this.interlock.agentOf() ?? '', tool, decision.id);
    this.#steps.add(made);
    if (this.#steps.size > STEPS_MAX) this.#steps.delete(this.#steps.keys().next().value);
    return made;
  }

  #kept(changed) {
    if (this.interlock.undoJournal === undefined || rolling()) return UNCHANGED;
    const ops = changed.ops.filter(({ path: name }) => !NO_FILES.test(name));
    return { ops, why: changed.why };
  }

  /**
   * Decides on what one function does to files, and keeps what it is about to change. `changed.why`
   * says what cannot be kept of it.
   */
  async files(actions, changed) {
    if (actions.length === 0) return;
    const { ops, why } = this.#kept(changed);
    const undo = why === undefined && ops.length > 0 && (await this.interlock.undoJournal.plan(ops)) === null;
    let decision;
    for (const action of actions) decision = await this.decide(...action, undo);
    if (ops.length === 0 && why === undefined) return;
    const step = this.#step(actions[0][2], decision);
    if (ops.length > 0) await step.keep(ops);
    if (why !== undefined) await step.irreversible(why);
  }

  /** As `files`, at once. */
  filesSync(actions, changed) {
    if (actions.length === 0) return;
    const { ops, why } = this.#kept(changed);
    const undo = why === undefined && ops.length > 0 && this.interlock.undoJournal.planSync(ops) === null;
    let decision;
    for (const action of actions) decision = this.decideSync(...action, undo);
    if (ops.length === 0 && why === undefined) return;
    const step = this.#step(actions[0][2], decision);
    if (ops.length > 0) step.keepSync(ops);
    if (why !== undefined) step.irreversibleSync(why);
  }

  /** Decides on starting a process, whose effects cannot be undone. */
  startedSync(actionType, resource, tool, args) {
    const decision = this.decideSync(actionType, resource, tool, args);
    if (this.interlock.undoJournal === undefined || rolling()) return;
    this.#step(tool, decision).irreversibleSync(`what \`${resource}\` did is not kept: it ran by itself`);
  }

  /** Notes how things are at the end: what differs later was not done in here. */
  async seal() {
    const steps = [...this.#steps];
    this.#steps.clear();
    await scopes.unmonitored(async () => {
      for (const step of steps) await step.seal();
    });
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
  try {
    return await scopes.enter({ agent, session, run, monitor }, inside);
  } finally {
    await monitor.seal();
  }
}

module.exports = { run, install };
