'use strict';
// Runs that go on where they stopped.
//
// Before a step happens, that it is about to is written down and synced; what it returned is, too,
// before anybody gets it. A process may die at any moment: the next one that resumes the run gets the
// stored results of the steps that are done and goes on with the first that is not.
//
// A step is the action that it asks for: its tool, type, resource and arguments, at its number in the
// run. Steps are numbered as they are called, so a run must call them in the same order each time; what
// depends on time or chance belongs into a step. What a step calls in turn is part of it.

const { randomUUID } = require('node:crypto');
const native = require('./native.cjs');
const errors = require('./errors.cjs');
const approvals = require('./approval.cjs');
const scopes = require('./scope.cjs');
const { Guard, Call, guarded, afterError, isGenerator } = require('./guard.cjs');
const { Effects } = require('./undo.cjs');
const { isPlainObject } = require('./plain.cjs');

const RUN_OPTIONS = new Set(['resume', 'agent', 'approval', 'approvalTimeoutMs']);
const STEP_OPTIONS = new Set(['idempotent', 'check', 'actionType', 'resource']);

/** Nesting of a result. */
const DEPTH_MAX = 100;

function known(options, names, where) {
  for (const key of Object.keys(options)) {
    if (!names.has(key)) {
      throw new errors.ConfigurationError(
        `${where} knows no option \`${key}\`; it knows ${[...names].join(', ')}`,
        'config.invalid',
      );
    }
  }
}

class NotJson extends Error {}

/** A copy of a result that JSON gives back as it is; `undefined` is `null` there. */
function plain(value, depth) {
  if (depth > DEPTH_MAX) throw new NotJson(`nested deeper than ${DEPTH_MAX}, or containing itself`);
  switch (typeof value) {
    case 'string':
      // Half of an emoji is no Unicode.
      if (!value.isWellFormed()) throw new NotJson('a string that is not valid Unicode');
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw new NotJson(`the number ${value}`);
      return value;
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    case 'object':
      break;
    default:
      throw new NotJson(`a ${typeof value}`);
  }
  if (value === null) return null;
  if (Array.isArray(value)) return Array.from(value, (item) => plain(item, depth + 1));
  if (!isPlainObject(value)) throw new NotJson(`an object of class \`${value.constructor?.name}\``);
  const copy = Object.create(null);
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed()) throw new NotJson('a key that is not valid Unicode');
    const inner = value[key];
    // Absent in JSON too.
    if (inner !== undefined) copy[key] = plain(inner, depth + 1);
  }
  return copy;
}

/** A result as it is stored. */
function encode(name, result) {
  try {
    return JSON.stringify(plain(result, 0));
  } catch (cause) {
    throw new errors.ResultNotStored(
      `\`${name}\` returned what is no JSON (${cause?.message}); return plain values from a step`,
      'run.result',
      { cause },
    );
  }
}

/** A decision of an earlier life, as far as it is known: it asked a person. */
function waiting(approval) {
  return {
    effect: 'require_approval',
    allowed: false,
    code: 'approval.pending',
    reason: approval.asked.reason,
    reasons: [{ code: 'approval.pending', message: approval.asked.reason }],
    approvalId: approval.id,
    agentMessage: `this action waits for a person's approval (reference ${approval.id})`,
  };
}

/** The steps of one run. Made by `Interlock.run`. */
class Run {
  #journal;
  #steps = 0;
  #channel;
  #finished = false;

  constructor(interlock, name, resume, channel) {
    this.interlock = interlock;
    this.name = name;
    this.#channel = channel;
    this.#journal = new native.Run(interlock.data, name, resume);
  }

  /** The number of the latest step. */
  get steps() {
    return this.#steps;
  }

  /** Whether all its steps were done in an earlier life: it only repeats what they returned. */
  get finished() {
    return this.#finished;
  }

  async #act(work) {
    try {
      return JSON.parse(await this.#journal.act(work));
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** @internal */
  async entered(inside) {
    try {
      this.#finished = (await this.#act({ what: 'open' })).finished;
      const result = await scopes.within({ steps: this }, () => inside(this));
      await this.#act({ what: 'finish' });
      return result;
    } finally {
      this.#journal.close();
    }
  }

  /** Calls `tool(...args)` as the next step of the run, once. */
  async step(name, tool, args = [], options = {}) {
    if (typeof name !== 'string' || typeof tool !== 'function') {
      throw new errors.ConfigurationError('step(name, tool, args, options) needs a name and a function', 'config.invalid');
    }
    known(options, STEP_OPTIONS, 'step()');
    if (isGenerator(tool)) {
      throw new errors.ConfigurationError(
        `\`${name}\` is a generator, which cannot be a step of a run; answer a list instead`,
        'run.step',
      );
    }
    const own = guarded.get(tool);
    const guard = own?.guard ?? new Guard(this.interlock, name, {
      actionType: options.actionType,
      resource: options.resource,
      ...this.#channel,
    });
    const call = new Call(guard, Array.isArray(args) ? args : [args]);
    const target = own?.target ?? tool;
    const run = () => Reflect.apply(target, own?.self, call.args);
    const { idempotent = guard.idempotent, check = guard.check } = options;
    return this.take(guard, call, run, name, idempotent, check);
  }

  /** @internal A guarded call as the next step. */
  async take(guard, call, run, name, idempotent, check) {
    if (this.interlock.runsIn() !== this) {
      throw new errors.RunError(`a step of run \`${this.name}\` outside of it, or within another step`, 'run.step');
    }
    this.#steps += 1;
    const taken = await this.#begin(guard, call, name, idempotent, check, this.#steps);
    if (taken.decision === undefined) return taken.result;
    const effects = new Effects(guard, call, taken.decision, call.ops);
    await effects.begin();
    let result;
    try {
      result = await effects.run(run);
    } catch (error) {
      await effects.end(false);
      await this.#raised(guard, call, taken, error);
      throw error;
    }
    await effects.end(true, result);
    return this.#returned(guard, taken, name, result);
  }

  /** The decision under which the step happens now, or what it returned before. */
  async #begin(guard, call, name, idempotent, check, number) {
    call.signal?.throwIfAborted();
    const about = await guard.about(call);
    const action = guard.action(call, about, true, undefined, number);
    const digest = native.actionDigest(this.interlock.actionJson(guard.actionType, action));
    const step = { step: number, name, digest };
    let found;
    try {
      found = await this.#act({ what: 'step', ...step });
    } catch (error) {
      if (error instanceof errors.Diverged) await this.#record(guard, action, error);
      throw error;
    }
    const { state, text } = found;
    if (state !== 'done' && state !== 'failed' && this.#finished) {
      throw new errors.RunError(
        `run \`${this.name}\` is finished and had no step ${number}; begin one of another name`,
        'run.finished',
      );
    }
    if (state === 'done') {
      if (text === null) {
        throw new errors.ResultNotStored(
          `step ${number} of run \`${this.name}\` (\`${name}\`) happened, and returned what could not be stored`,
          'run.result',
        );
      }
      return { result: JSON.parse(text) };
    }
    if (state === 'failed') {
      throw new errors.StepFailed(`step ${number} of run \`${this.name}\` (\`${name}\`) failed: ${text}`, 'run.step-failed');
    }
    let asks;
    if (state === 'in-doubt' && !idempotent) {
      if (check === undefined) {
        asks = `step ${number} of run \`${this.name}\` may have happened before`;
      } else {
        const happened = await scopes.within({ steps: undefined }, () => check(...call.args));
        if (happened !== undefined && happened !== null && happened !== false) {
          const stored = encode(name, happened === true ? null : happened);
          await this.#act({ what: 'done', step: number, text: stored });
          return { result: JSON.parse(stored) };
        }
      }
    }
    const { decision, ops } = await this.#permit(guard, call, about, step, found.approval, asks);
    if (decision.arguments !== undefined) call.replace(decision.arguments);
    call.ops = ops;
    call.signal?.throwIfAborted();
    await this.#act({ what: 'begin', ...step, text: decision.id });
    return { number, decision, started: performance.now() };
  }

  async #permit(guard, call, about, step, approval, asks) {
    const { interlock } = this;
    const ask = (id) =>
      interlock.decide(
        guard.actionType,
        guard.action(call, about, true, id, step.step),
        asks === undefined ? undefined : { effect: 'require_approval', why: asks },
      );
    const obtain = (decision) =>
      approvals.obtain(interlock, decision, guard.approval, guard.approvalTimeoutMs, call.signal);
    const edited = async (agreed) => {
      if (approvals.take(agreed, call)) about = await guard.about(call);
    };
    let decision;
    try {
      if (approval !== null) {
        // Asked for in an earlier life: people answer one question once.
        const found = await approvals.look(interlock, approval);
        if (found.state === 'denied') throw new errors.ApprovalDenied(waiting(found), found);
        const agreed = found.pending ? await obtain(waiting(found)) : found;
        if (agreed.approved) {
          await edited(agreed);
          decision = await ask(approval);
        }
      }
      if (decision === undefined) {
        decision = await ask();
        if (decision.effect === 'require_approval' && decision.approvalId) {
          await this.#act({ what: 'asked', ...step, text: decision.approvalId });
          const agreed = await obtain(decision);
          await edited(agreed);
          decision = await ask(agreed.id);
        }
      }
    } catch (error) {
      if (asks === undefined) throw error;
      const asked = error instanceof errors.ApprovalRequired && !(error instanceof errors.ApprovalTimeout);
      if (asked) throw new errors.OutcomeUnknown(error.decision);
      // Whom a server asks, its policies say: it takes no question of its client's own.
      if (error.code === 'server.configuration') {
        throw new errors.RunError(`${asks}; say what happened with \`settleStep()\``, 'run.in-doubt');
      }
      throw error;
    }
    if (!decision.allowed) throw await guard.refusal(decision);
    return { decision, ops: about.ops };
  }

  /** Puts a divergence into the record, as the action that was refused for it. */
  async #record(guard, action, error) {
    try {
      const decision = await this.interlock.decide(
        guard.actionType,
        { ...action, redact: false },
        { effect: 'block', why: error.message },
      );
      Object.defineProperty(error, 'decision', { value: decision });
    } catch (other) {
      warn(`the divergence of run \`${this.name}\` is not on record: ${other.message}`);
    }
  }

  async #raised(guard, call, taken, error) {
    const status = afterError(call);
    // Cut off, it may have happened or not: the step stays in doubt.
    if (status === 'failed') {
      try {
        const { text } = JSON.parse(native.mask(String(error).toWellFormed(), 'full'));
        await this.#act({ what: 'failed', step: taken.number, text });
      } catch (other) {
        warn(`a failed step of run \`${this.name}\` stays in doubt: ${other.message}`);
      }
    }
    await guard.report(taken.decision, taken.started, status);
  }

  async #returned(guard, taken, name, result) {
    const { number } = taken;
    try {
      const stored = encode(name, result);
      await this.#act({ what: 'done', step: number, text: stored });
      // The same that a resumed run gets.
      return JSON.parse(stored);
    } catch (error) {
      const tooLarge = error instanceof errors.RunError && error.code === 'run.limit';
      if (!tooLarge && !(error instanceof errors.ResultNotStored)) throw error;
      // It happened all the same, and must not happen again.
      await this.#act({ what: 'done', step: number });
      throw tooLarge ? new errors.ResultNotStored(error.message, 'run.result') : error;
    } finally {
      await guard.report(taken.decision, taken.started, 'succeeded', result);
    }
  }
}

function warn(message) {
  process.emitWarning(message, { type: 'InterlockWarning', code: 'INTERLOCK_RUN' });
}

/** `interlock.run(name, options, inside)`, of which the first two may be left out. */
async function run(interlock, content, ...given) {
  const inside = given.pop();
  const name = typeof given[0] === 'string' ? given.shift() : randomUUID();
  const options = given.shift() ?? {};
  if (typeof inside !== 'function' || typeof options !== 'object' || given.length > 0) {
    throw new errors.ConfigurationError('run(name, options, inside) needs a function', 'config.invalid');
  }
  known(options, RUN_OPTIONS, 'run()');
  if (content !== 'full') {
    throw new errors.ConfigurationError(
      `a run stores what its steps return, and \`content\` is \`${content}\`; use \`full\``,
      'config.content',
    );
  }
  const { resume = false, agent, approval, approvalTimeoutMs } = options;
  approvals.checked(approval, interlock.server !== undefined);
  const made = new Run(interlock, name, resume === true, { approval, approvalTimeoutMs });
  return scopes.enter({ agent, run: name }, () => made.entered(inside));
}

module.exports = { run, encode, Run };
