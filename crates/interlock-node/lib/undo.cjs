'use strict';
// What an agent changed, and how to put it back.
//
// A *step* is one action: a guarded call with everything that it does to files, or, in a monitored
// program, one operation on files. How things are is kept before they change, in `undo` in the data
// directory, which all its processes share. A call's own `undo` is a function of this process, and is
// called by this process only.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const native = require('./native.cjs');
const errors = require('./errors.cjs');
const scopes = require('./scope.cjs');

/** Calls' own undo functions that are kept; past it the oldest cannot be undone any more. */
const CALLS_MAX = 10_000;
/** Steps that a report in the record names. */
const RECORDED_MAX = 100;
/** The longest pause between two looks at a rollback, in milliseconds. */
const LOOK_MS = 20;

const LIMITS = new Set(['fileBytesMax', 'totalBytesMax', 'stepsMax']);

/** Who keeps the functions below: this process, or one thread of it. */
const REALM = randomUUID();
const calls = new Map();
let tokens = 0;

function keepCall(undo) {
  tokens += 1;
  calls.set(tokens, undo);
  if (calls.size > CALLS_MAX) calls.delete(calls.keys().next().value);
  return tokens;
}

/** Undoes a declared effect, or looks whether it could. */
async function undoDeclared({ kind, payload, check }) {
  if (kind !== 'call') throw new errors.InterlockError(`a Node.js process cannot undo \`${kind}\``, 'undo.kind');
  const about = JSON.parse(payload);
  const call = about.realm === REALM ? calls.get(about.call) : undefined;
  if (call === undefined) {
    throw new errors.InterlockError(
      `the undo of \`${about.tool}\` is a function of process ${about.process}, or was forgotten`,
      'undo.elsewhere',
    );
  }
  if (check) return;
  await call();
  calls.delete(about.call);
}

/** Whether something is being undone here: that is no action of the agent's. */
function rolling() {
  return scopes.current().rolling === true;
}

/**
 * The journals of this thread by their directory. The addon holds a journal for itself while it rolls
 * back and waits for functions of this thread meanwhile, so that this thread must not wait for it.
 */
const gates = new Map();

function gateOf(dir) {
  let gate = gates.get(dir);
  if (gate === undefined) {
    gate = { working: 0, idle: undefined, rolling: undefined };
    gates.set(dir, gate);
  }
  return gate;
}

function busy() {
  return new errors.Unavailable('actions are being undone, and a synchronous call cannot wait for it', 'undo.rolling');
}

class UndoStep {
  constructor(fields) {
    Object.assign(this, fields);
    Object.freeze(this);
  }
}

class RollbackReport {
  constructor({ undone, irreversible, stopped, reason }) {
    this.undone = undone.map((step) => new UndoStep(step));
    this.irreversible = irreversible.map((step) => new UndoStep(step));
    this.stopped = stopped ? new UndoStep(stopped) : null;
    this.reason = reason;
    Object.freeze(this);
  }
}

/** The undo journal of an `Interlock`. */
class Journal {
  #core;
  #gate;

  constructor(interlock, dir, sync, limits) {
    this.interlock = interlock;
    this.dir = dir;
    this.sync = sync;
    this.limits = limits;
    this.#gate = gateOf(dir);
    if (fs.existsSync(path.join(dir, 'journal'))) this.#resume();
  }

  get core() {
    if (this.#core === undefined) {
      // Opening waits for who rolls back, who may wait for this thread.
      if (this.#gate.rolling !== undefined) throw busy();
      try {
        this.#core = new native.Undo(this.dir, this.sync, this.limits);
      } catch (error) {
        throw errors.typed(error);
      }
    }
    return this.#core;
  }

  /** Completes a rollback that a crash cut off. */
  #resume() {
    if (this.#gate.rolling !== undefined) return;
    let report;
    try {
      report = new RollbackReport(JSON.parse(this.core.resume()));
    } catch (error) {
      throw errors.typed(error);
    }
    const { undone, irreversible, stopped } = report;
    if (undone.length === 0 && irreversible.length === 0 && stopped === null) return;
    const { agent, about } = this.#recorded('resumed', undefined, report);
    this.interlock.decideSync('rollback', { ...about, agent }, this.#terms());
    if (stopped !== null) {
      process.emitWarning(`a rollback that was cut off cannot be completed: ${report.reason}`, {
        type: 'InterlockWarning',
        code: 'INTERLOCK_ROLLBACK',
      });
    }
  }

  /** Does one thing with the journal; waits while it is rolled back. */
  async act(work) {
    const gate = this.#gate;
    while (gate.rolling !== undefined) {
      if (rolling()) throw new errors.Unavailable('what undoes an action cannot use the undo journal', 'undo.rolling');
      await gate.rolling;
    }
    gate.working += 1;
    try {
      return JSON.parse(await this.core.act(work));
    } catch (error) {
      throw errors.typed(error);
    } finally {
      gate.working -= 1;
      if (gate.working === 0) gate.idle?.();
    }
  }

  /** As `act`, at once. */
  actSync(work) {
    if (this.#gate.rolling !== undefined) throw busy();
    try {
      return JSON.parse(this.core.actSync(work));
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** Why `ops` could not be undone, or `null`; nothing is written down. */
  async plan(ops) {
    try {
      return JSON.parse(await this.core.act({ what: 'plan', ops })).why;
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** As `plan`, at once. */
  planSync(ops) {
    try {
      return JSON.parse(this.core.actSync({ what: 'plan', ops })).why;
    } catch (error) {
      throw errors.typed(error);
    }
  }

  async steps(agent) {
    const { steps } = await this.act({ what: 'steps', agent });
    return steps.map((step) => new UndoStep(step));
  }

  /** Undoes the last steps, on record before and after. */
  async rollback({ last, agent, force }) {
    if (rolling()) throw new errors.ConfigurationError('an undo cannot roll back', 'undo.rolling');
    await this.#record('begins', agent, undefined, { last, force });
    const report = await this.#run(last, agent, force);
    await this.#record('ended', agent, report);
    if (report.stopped !== null) {
      throw new errors.RollbackStopped(`step ${report.stopped.step} is not undone: ${report.reason}`, report);
    }
    return report;
  }

  async #run(last, agent, force) {
    const gate = this.#gate;
    while (gate.rolling !== undefined) await gate.rolling;
    const { core } = this;
    let over;
    gate.rolling = new Promise((resolve) => (over = resolve));
    try {
      while (gate.working > 0) await new Promise((resolve) => (gate.idle = resolve));
      const under = core.rollback(last, agent, force);
      return await scopes.within({ rolling: true, monitor: undefined, steps: undefined, step: undefined }, () =>
        follow(under));
    } catch (error) {
      throw errors.typed(error);
    } finally {
      gate.idle = undefined;
      gate.rolling = undefined;
      over();
    }
  }

  #recorded(phase, agent, report, more) {
    const about = { phase, ...more };
    if (report !== undefined) {
      about.undone = report.undone.slice(0, RECORDED_MAX).map(({ step }) => step);
      about.undone_count = report.undone.length;
      about.irreversible = report.irreversible.slice(0, RECORDED_MAX).map(({ step }) => step);
      if (report.stopped !== null) {
        about.stopped = report.stopped.step;
        about.reason = report.reason;
      }
    }
    return {
      agent: agent ?? this.interlock.agentOf() ?? 'interlock',
      about: { tool: 'interlock.rollback', json: JSON.stringify(about) },
    };
  }

  #terms() {
    // A server that decides about everything is asked like for any other action.
    return this.interlock.mode === 'remote' ? undefined : { reported: true };
  }

  async #record(phase, agent, report, more) {
    const { about, agent: who } = this.#recorded(phase, agent, report, more);
    const decision = await this.interlock.decide('rollback', { ...about, agent: who }, this.#terms());
    if (phase === 'begins' && this.interlock.mode === 'remote' && !decision.allowed) throw errors.denied(decision);
  }
}

/** Answers what a rollback asks until it reports. */
async function follow(under) {
  let pause = 1;
  for (;;) {
    const said = under.said();
    if (said === null || said === undefined) {
      await sleep(pause);
      pause = Math.min(pause * 2, LOOK_MS);
      continue;
    }
    pause = 1;
    const question = JSON.parse(said);
    if (question.undone !== undefined) return new RollbackReport(question);
    try {
      await undoDeclared(question);
    } catch (error) {
      under.answer(String(error?.message ?? error));
      continue;
    }
    under.answer(undefined);
  }
}

/** One action; it has a number from its first effect on. */
class Step {
  #about;
  #number;
  #first;
  #further = [];

  constructor(journal, agent, tool, decision) {
    this.journal = journal;
    this.#about = { agent, tool, decision };
  }

  /** Does one thing as part of this step, which begins with it if it is the first. */
  async #act(work) {
    if (this.#number === undefined && this.#first !== undefined) await this.#first.catch(() => {});
    if (this.#number !== undefined) return this.journal.act({ ...work, step: this.#number });
    const first = this.journal.act({ ...work, ...this.#about });
    this.#first = first;
    try {
      const done = await first;
      if (this.#number === undefined) this.#number = done.step;
      else this.#further.push(done.step);
      return done;
    } finally {
      if (this.#first === first) this.#first = undefined;
    }
  }

  #actSync(work) {
    if (this.#number !== undefined) return this.journal.actSync({ ...work, step: this.#number });
    const done = this.journal.actSync({ ...work, ...this.#about });
    this.#number = done.step;
    return done;
  }

  /** Keeps what `ops` are about to change, or notes why they cannot be undone, which the decision knew. */
  keep(ops) {
    return this.#act({ what: 'keep', ops });
  }

  keepSync(ops) {
    return this.#actSync({ what: 'keep', ops });
  }

  /** Notes an effect that cannot be undone. */
  irreversible(why) {
    return this.#act({ what: 'irreversible', text: why });
  }

  irreversibleSync(why) {
    return this.#actSync({ what: 'irreversible', text: why });
  }

  #declared(tool, undo) {
    const text = JSON.stringify({ call: keepCall(undo), process: process.pid, realm: REALM, tool });
    return { what: 'declare', text };
  }

  /** Notes that calling `undo` undoes it. */
  declare(tool, undo) {
    return this.#act(this.#declared(tool, undo));
  }

  declareSync(tool, undo) {
    return this.#actSync(this.#declared(tool, undo));
  }

  #numbers() {
    return this.#number === undefined ? [] : [this.#number, ...this.#further];
  }

  /** Notes how it left things. It has happened by now: what fails is a warning. */
  async seal() {
    for (const step of this.#numbers()) {
      try {
        await this.journal.act({ what: 'seal', step });
      } catch (error) {
        unsealed(step, error);
      }
    }
  }

  sealSync() {
    for (const step of this.#numbers()) {
      try {
        this.journal.actSync({ what: 'seal', step });
      } catch (error) {
        unsealed(step, error);
      }
    }
  }
}

function warn(message) {
  process.emitWarning(message, { type: 'InterlockWarning', code: 'INTERLOCK_UNDO' });
}

function unsealed(step, error) {
  warn(`step ${step} is not sealed: ${error.message}`);
}

/** How a guarded call is undone: around the call, in this order: begin, run, end. */
class Effects {
  constructor(guard, call, decision, ops) {
    this.guard = guard;
    this.ops = ops;
    const journal = guard.interlock.undoJournal;
    this.step = journal === undefined || rolling() ? undefined
      : new Step(journal, guard.interlock.agentOf() ?? '', guard.name, decision.id);
    // As they are now: the tool may change what it gets.
    this.args = guard.undo === undefined ? undefined : structuredCopy(call.args);
  }

  /** Keeps what the call says that it writes. */
  async begin() {
    if (this.step !== undefined && this.ops.length > 0) await this.step.keep(this.ops);
  }

  beginSync() {
    if (this.step !== undefined && this.ops.length > 0) this.step.keepSync(this.ops);
  }

  /** Runs the tool: what it does to files in a monitor is part of this step, and no step of a run. */
  run(inside) {
    const { steps, step } = scopes.current();
    if (steps === undefined && this.step === undefined && step === undefined) return inside();
    return scopes.within({ steps: undefined, step: this.step ?? step }, inside);
  }

  #undoing(result) {
    const { undo } = this.guard;
    const { args } = this;
    return () => undo(...args, result);
  }

  #failed(error) {
    warn(`\`${this.guard.name}\` cannot be undone: ${error.message}`);
  }

  /** Notes what undoes it. It has happened: what fails is a warning. */
  async end(happened, result) {
    if (this.step === undefined) return;
    if (this.guard.undo !== undefined && happened) {
      try {
        await this.step.declare(this.guard.name, this.#undoing(result));
      } catch (error) {
        this.#failed(error);
      }
    }
    await this.step.seal();
  }

  endSync(happened, result) {
    if (this.step === undefined) return;
    if (this.guard.undo !== undefined && happened) {
      try {
        this.step.declareSync(this.guard.name, this.#undoing(result));
      } catch (error) {
        this.#failed(error);
      }
    }
    this.step.sealSync();
  }
}

/** Copies of arguments; what cannot be copied, such as a signal, stays what it is. */
function structuredCopy(args) {
  return args.map((one) => {
    try {
      return structuredClone(one);
    } catch {
      return one;
    }
  });
}

/** How much is kept, from the option `undo`; `undefined`: nothing. */
function limits(option) {
  if (option === false) return undefined;
  if (option === undefined || option === true) return {};
  if (typeof option !== 'object' || option === null) {
    throw new errors.ConfigurationError('`undo` must be true, false or limits', 'config.invalid');
  }
  for (const [name, value] of Object.entries(option)) {
    if (!LIMITS.has(name) || !(Number.isSafeInteger(value) && value >= 0)) {
      throw new errors.ConfigurationError(
        `\`undo\` has ${[...LIMITS].join(', ')}, whole numbers from 0 on, not \`${name}\`: ${value}`,
        'config.invalid',
      );
    }
  }
  return { ...option };
}

module.exports = { Journal, Step, Effects, UndoStep, RollbackReport, limits, rolling };
