'use strict';
// Tools that ask before they run.

const { types, inspect } = require('node:util');
const errors = require('./errors.cjs');
const approvals = require('./approval.cjs');
const scopes = require('./scope.cjs');
const { Effects } = require('./undo.cjs');
const { snapshot, redacted, isPlainObject } = require('./plain.cjs');

/** The methods of an object through which frameworks run a tool. */
const METHODS = ['execute', 'invoke', 'run', 'call', '_call'];

/** Methods that run a tool by the object itself, past what is checked here. */
const PAST = ['batch', 'stream', 'streamEvents', 'streamLog', 'transform', 'pipe'];

/** Characters of a result that are scanned and kept. */
const RESULT_CHARACTERS = 64 * 1024;

const OPTIONS = new Set([
  'name', 'actionType', 'resource', 'costUsd', 'parameters', 'inputs', 'approval', 'approvalTimeoutMs', 'sync',
  'undo', 'writes', 'idempotent', 'check',
]);

const NOTHING = Object.freeze([]);

/** How calls of one tool become actions. */
class Guard {
  constructor(interlock, name, options) {
    this.interlock = interlock;
    this.name = name;
    this.actionType = options.actionType ?? 'custom';
    this.resource = options.resource;
    this.costUsd = options.costUsd;
    this.parameters = options.parameters;
    this.inputs = options.inputs ?? Infinity;
    this.approval = approvals.checked(options.approval ?? interlock.approval, interlock.server !== undefined);
    this.approvalTimeoutMs = options.approvalTimeoutMs ?? interlock.approvalTimeoutMs;
    this.sync = options.sync ?? false;
    /** What undoes a call, and the files that it changes. */
    this.undo = options.undo;
    this.writes = options.writes;
    /** What a run does with a call that may have happened. */
    this.idempotent = options.idempotent ?? false;
    this.check = options.check;
    for (const name of ['undo', 'check']) {
      if (this[name] !== undefined && typeof this[name] !== 'function') {
        throw new errors.ConfigurationError(`\`${name}\` must be a function`, 'config.invalid');
      }
    }
    if ((this.undo !== undefined || this.writes !== undefined) && interlock.undoJournal === undefined) {
      throw new errors.ConfigurationError(
        `\`${this.name}\` cannot be undone: Interlock was made with \`undo: false\``,
        'undo.off',
      );
    }
    if (this.parameters !== undefined && new Set(this.parameters).size !== this.parameters.length) {
      throw new errors.ConfigurationError('`parameters` names one twice', 'config.invalid');
    }
    if (this.inputs !== Infinity && !(Number.isInteger(this.inputs) && this.inputs >= 0)) {
      throw new errors.ConfigurationError('`inputs` must be a whole number from 0 on', 'config.invalid');
    }
  }

  /** A function of the arguments, a pattern over them (`crm/{id}`), or the value itself. */
  #value(wanted, args) {
    if (typeof wanted === 'function') return wanted(args);
    if (typeof wanted !== 'string' || !wanted.includes('{')) return wanted;
    return wanted.replace(/\{([^{}]*)\}/g, (_, path) => {
      let value = args;
      for (const name of path.split('.')) {
        value = typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? value[name] : undefined;
      }
      if (!['string', 'number', 'bigint', 'boolean'].includes(typeof value)) {
        throw new errors.InvalidAction(
          `\`${wanted}\` does not fit the arguments of \`${this.name}\`: \`${path}\` is no plain value`,
          'action.field-type',
        );
      }
      return String(value);
    });
  }

  /** The operations on files that a call declares. */
  #written(paths) {
    const named = (typeof paths === 'string' ? [paths] : paths) ?? [];
    if (!Array.isArray(named) || named.some((one) => typeof one !== 'string' || one === '')) {
      throw new errors.InvalidAction(`\`writes\` of \`${this.name}\` must give paths`, 'action.field-type');
    }
    return named.map((one) => ({ what: 'any', path: one }));
  }

  #patterns(args) {
    const { writes } = this;
    return Array.isArray(writes) ? writes.map((one) => this.#value(one, args)) : this.#value(writes, args);
  }

  #reversible(call, ops, why) {
    // What cannot be kept is no reason to refuse: the decision is told, and decides.
    if (ops.length > 0) return why === null;
    return call.undo === true || this.undo !== undefined;
  }

  /** What a call comes to, whoever is asked about it and how often. */
  async about(call) {
    const resource = await this.#value(this.resource, call.arguments);
    const costUsd = await this.#value(this.costUsd, call.arguments);
    const ops = this.writes === undefined ? NOTHING : this.#written(await this.#patterns(call.arguments));
    const why = ops.length > 0 ? await this.interlock.undoJournal.plan(ops) : null;
    return { resource, costUsd, ops, undo: this.#reversible(call, ops, why) };
  }

  /** As `about`, at once. */
  aboutSync(call) {
    const resource = this.#value(this.resource, call.arguments);
    const costUsd = this.#value(this.costUsd, call.arguments);
    const ops = this.writes === undefined ? NOTHING : this.#written(this.#patterns(call.arguments));
    const why = ops.length > 0 ? this.interlock.undoJournal.planSync(ops) : null;
    return { resource, costUsd, ops, undo: this.#reversible(call, ops, why) };
  }

  /** The action that a call is. */
  action(call, about, redact, approvalId, step) {
    const { json, pathResolved } = call;
    const { resource, costUsd, undo } = about;
    return { tool: this.name, json, pathResolved, resource, costUsd, undo, approvalId, redact, step };
  }

  /** The approval whose arguments a call here could take. */
  #resumed(call) {
    const { approvalId, edited } = scopes.current();
    return typeof call.edit === 'function' && !edited?.taken ? approvalId : undefined;
  }

  /** Takes the arguments of an approval that was asked for on such a call, unless another has. */
  #resume(approval, call) {
    const { edited } = scopes.current();
    const { tool, actionType, agent } = approval.asked;
    const mine = tool === this.name && actionType === this.actionType && agent === this.interlock.agentOf();
    if (mine && !edited.taken) edited.taken = approvals.take(approval, call);
  }

  /** The decision under which the tool may run; rejects if there is none. */
  async permit(call, redact = true) {
    const { interlock } = this;
    const resumed = this.#resumed(call);
    if (resumed) this.#resume(await approvals.look(interlock, resumed), call);
    let about = await this.about(call);
    let decision = await interlock.decide(this.actionType, this.action(call, about, redact));
    if (decision.effect === 'require_approval') {
      const approval = await approvals.obtain(interlock, decision, this.approval, this.approvalTimeoutMs, call.signal);
      if (approvals.take(approval, call)) about = await this.about(call);
      decision = await interlock.decide(this.actionType, this.action(call, about, redact, approval.id));
    }
    if (!decision.allowed) throw await this.refusal(decision);
    call.ops = about.ops;
    return decision;
  }

  /** As `permit`, at once. */
  permitSync(call, redact = true) {
    const { interlock } = this;
    const resumed = this.#resumed(call);
    if (resumed) this.#resume(approvals.lookSync(interlock, resumed), call);
    let about = this.aboutSync(call);
    let decision = interlock.decideSync(this.actionType, this.action(call, about, redact));
    if (decision.effect === 'require_approval') {
      const approval = approvals.obtainSync(interlock, decision, this.approval, this.approvalTimeoutMs);
      if (approvals.take(approval, call)) about = this.aboutSync(call);
      decision = interlock.decideSync(this.actionType, this.action(call, about, redact, approval.id));
    }
    if (!decision.allowed) throw this.refusalSync(decision);
    call.ops = about.ops;
    return decision;
  }

  /** The error for a decision that permits nothing; what a violation entails is done. */
  async refusal(decision) {
    await this.interlock.violated(decision);
    return errors.denied(decision);
  }

  /** As `refusal`: the agent is stopped at once, and what it did is undone right after. */
  refusalSync(decision) {
    this.interlock.violated(decision);
    return errors.denied(decision);
  }

  #report(started, result) {
    return { latencyMs: Math.round(performance.now() - started), result: textOf(result) };
  }

  report(decision, started, status, result) {
    return this.interlock.report(decision, status, this.#report(started, result));
  }

  reportSync(decision, started, status, result) {
    return this.interlock.reportSync(decision, status, this.#report(started, result));
  }
}

/** What of a result is scanned. Nothing about it may fail the call, which has happened. */
function textOf(result) {
  if (result === undefined || result === null || typeof result === 'string') return result ?? undefined;
  try {
    if (types.isUint8Array(result)) {
      return Buffer.from(result.buffer, result.byteOffset, result.byteLength)
        .subarray(0, RESULT_CHARACTERS)
        .toString('utf8');
    }
    return JSON.stringify(result) ?? inspect(result);
  } catch {
    try {
      return inspect(result, { depth: 8 });
    } catch {
      return undefined;
    }
  }
}

/** One call: the arguments by name, and the copy that is passed on. */
class Call {
  constructor(guard, args) {
    const own = args.slice(0, guard.inputs);
    this.rest = args.slice(own.length);
    const { parameters } = guard;
    this.parameters = parameters;
    if (parameters !== undefined && own.length > parameters.length) {
      throw new errors.InvalidAction(
        `\`${guard.name}\` got ${own.length} arguments, and \`parameters\` names ${parameters.length}`,
        'action.field-type',
      );
    }
    this.named = parameters === undefined && own.length === 1 && isPlainObject(own[0]);
    this.names = this.named ? [] : own.map((_, i) => parameters?.[i] ?? `arg${i}`);
    const taken = snapshot('arguments', this.named ? own[0] : fromNames(this.names, own));
    this.json = taken.json;
    this.arguments = taken.copy;
    this.ops = NOTHING;
    this.signal = taken.signal ?? signalOf(this.rest);
  }

  /** Uses these arguments instead, as a person wrote them: nothing of the old ones is left. */
  edit(args) {
    if (!this.named) {
      const names = this.parameters ?? this.names;
      const unknown = Object.keys(args).find((name) => !names.includes(name));
      if (unknown !== undefined) {
        throw new errors.InterlockError(
          `people agreed to arguments that the tool does not take: \`${unknown}\``,
          'approval.edited',
        );
      }
      // One that was taken away is not given; those that follow keep their places.
      const last = names.findLastIndex((name) => Object.hasOwn(args, name));
      this.names = names.slice(0, last + 1);
    }
    const taken = snapshot('arguments', args);
    this.json = taken.json;
    this.arguments = taken.copy;
  }

  /** Uses these arguments instead; what was not text is passed on as it was. */
  replace(replacement) {
    this.arguments = redacted(this.arguments, replacement);
  }

  get args() {
    const own = this.named ? [this.arguments] : this.names.map((name) => this.arguments[name]);
    return [...own, ...this.rest];
  }
}

function fromNames(names, values) {
  const object = {};
  names.forEach((name, i) => Object.defineProperty(object, name, { value: values[i], enumerable: true }));
  return object;
}

/** The signal that a framework gives beside the model's arguments. */
function signalOf(rest) {
  for (const value of rest) {
    const found = value instanceof AbortSignal ? value : (value?.abortSignal ?? value?.signal);
    if (found instanceof AbortSignal) return found;
  }
  return undefined;
}

const isGenerator = (f) => types.isGeneratorFunction(f);

/** How a tool that threw ended: cancelled, it may have happened or not. */
const afterError = (call) => (call.signal?.aborted ? 'unknown' : 'failed');

async function permitted(guard, call) {
  call.signal?.throwIfAborted();
  const decision = await guard.permit(call);
  if (call.signal?.aborted) {
    await guard.report(decision, performance.now(), 'not_run');
    call.signal.throwIfAborted();
  }
  if (decision.arguments !== undefined) call.replace(decision.arguments);
  return decision;
}

async function runChecked(guard, target, self, args) {
  const call = new Call(guard, args);
  const { steps } = scopes.current();
  if (steps !== undefined) {
    const run = () => Reflect.apply(target, self, call.args);
    return steps.take(guard, call, run, guard.name, guard.idempotent, guard.check);
  }
  const decision = await permitted(guard, call);
  const effects = new Effects(guard, call, decision, call.ops);
  const started = performance.now();
  try {
    await effects.begin();
  } catch (error) {
    await guard.report(decision, started, 'not_run');
    throw error;
  }
  let result;
  try {
    result = await effects.run(() => Reflect.apply(target, self, call.args));
  } catch (error) {
    await effects.end(false);
    await guard.report(decision, started, afterError(call));
    throw error;
  }
  await effects.end(true, result);
  await guard.report(decision, started, 'succeeded', result);
  return result;
}

/** A call within a run, where it would have to be a step and cannot be one. */
function noStep(guard, what, instead) {
  if (scopes.current().steps === undefined) return;
  throw new errors.ConfigurationError(
    `\`${guard.name}\` is ${what}, which cannot be a step of a run; ${instead}`,
    'run.step',
  );
}

function runCheckedSync(guard, target, self, args) {
  noStep(guard, 'synchronous', 'leave out `sync`');
  const call = new Call(guard, args);
  const decision = guard.permitSync(call);
  if (decision.arguments !== undefined) call.replace(decision.arguments);
  const effects = new Effects(guard, call, decision, call.ops);
  const started = performance.now();
  try {
    effects.beginSync();
  } catch (error) {
    guard.reportSync(decision, started, 'not_run');
    throw error;
  }
  let result;
  try {
    result = effects.run(() => Reflect.apply(target, self, call.args));
  } catch (error) {
    effects.endSync(false);
    guard.reportSync(decision, started, afterError(call));
    throw error;
  }
  effects.endSync(true, result);
  guard.reportSync(decision, started, 'succeeded', result);
  return result;
}

/** Nothing of a generator runs before its first item is asked for: that is when it is decided on. */
function generateChecked(guard, target, self, args) {
  noStep(guard, 'a generator', 'answer a list instead');
  const call = new Call(guard, args);
  return (async function* () {
    const decision = await permitted(guard, call);
    const started = performance.now();
    let status = 'unknown';
    try {
      const result = yield* Reflect.apply(target, self, call.args);
      status = 'succeeded';
      return result;
    } catch (error) {
      status = afterError(call);
      throw error;
    } finally {
      await guard.report(decision, started, status);
    }
  })();
}

/** What is checked, for a run that is given it as a step. */
const guarded = new WeakMap();

/** The checked way to call `target`. */
function caller(guard, target) {
  if (isGenerator(target) && (guard.undo !== undefined || guard.writes !== undefined)) {
    throw new errors.ConfigurationError(
      `\`${guard.name}\` is a generator, of which nobody knows when it has happened; ` +
        'answer a list instead, or leave out `undo` and `writes`',
      'undo.generator',
    );
  }
  if (guard.sync) return runCheckedSync;
  return isGenerator(target) ? generateChecked : runChecked;
}

/** `target`, checked; its name, length and other properties are its own. */
function wrapFunction(guard, target) {
  const call = caller(guard, target);
  const proxy = new Proxy(target, {
    apply: (_, self, args) => call(guard, target, self, args),
    construct() {
      throw new errors.ConfigurationError(`\`${guard.name}\` is guarded as a function, not as a class`, 'guard.tool');
    },
  });
  guarded.set(proxy, { guard, target });
  return proxy;
}

/** An object whose ways to run are checked; everything else is the object's own. */
function wrapObject(guard, tool) {
  const methods = METHODS.filter((name) => typeof tool[name] === 'function');
  if (methods.length === 0) {
    throw new errors.ConfigurationError(
      `\`${guard.name}\` is no function and has none of ${METHODS.join(', ')}`,
      'guard.tool',
    );
  }
  const wrapped = new WeakMap();
  let proxy;
  const see = (key, value) => {
    if (typeof value !== 'function' || key === 'constructor') return value;
    const known = wrapped.get(value);
    if (known) return known;
    let seen;
    if (METHODS.includes(key)) {
      const call = caller(guard, value);
      seen = new Proxy(value, { apply: (_, self, args) => call(guard, value, tool, args) });
      guarded.set(seen, { guard, target: value, self: tool });
    } else if (PAST.includes(key)) {
      seen = () => {
        throw new errors.ConfigurationError(
          `\`${key}\` would run \`${guard.name}\` unchecked; use ${methods.join(' or ')}`,
          'guard.tool',
        );
      };
    } else {
      // Private members are the object's, not the proxy's.
      seen = new Proxy(value, {
        apply: (f, self, args) => Reflect.apply(f, self === proxy ? tool : self, args),
      });
    }
    wrapped.set(value, seen);
    return seen;
  };
  // A target of its own: a frozen tool would insist on its unchecked methods.
  const shadow = Object.create(Object.getPrototypeOf(tool));
  proxy = new Proxy(shadow, {
    get: (_, key) => see(key, Reflect.get(tool, key, tool)),
    set: (_, key, value) => Reflect.set(tool, key, value, tool),
    has: (_, key) => Reflect.has(tool, key),
    deleteProperty: (_, key) => Reflect.deleteProperty(tool, key),
    ownKeys: () => Reflect.ownKeys(tool),
    getPrototypeOf: () => Reflect.getPrototypeOf(tool),
    defineProperty: (_, key, descriptor) =>
      Reflect.defineProperty(tool, key, { ...descriptor, configurable: true }),
    getOwnPropertyDescriptor(_, key) {
      const own = Reflect.getOwnPropertyDescriptor(tool, key);
      if (!own) return undefined;
      return {
        value: see(key, Reflect.get(tool, key, tool)),
        writable: true,
        enumerable: own.enumerable,
        configurable: true,
      };
    },
  });
  return proxy;
}

/** The same tool, checked before it runs. */
function wrap(interlock, tool, options = {}) {
  for (const key of Object.keys(options)) {
    if (!OPTIONS.has(key)) {
      throw new errors.ConfigurationError(
        `guard() knows no option \`${key}\`; it knows ${[...OPTIONS].join(', ')}`,
        'config.invalid',
      );
    }
  }
  if ((typeof tool !== 'object' || tool === null) && typeof tool !== 'function') {
    throw new errors.ConfigurationError('a tool is a function, or an object that can be run', 'guard.tool');
  }
  const named = [options.name, tool.name, tool.constructor?.name].find((n) => typeof n === 'string' && n !== '');
  const guard = new Guard(interlock, named ?? 'tool', options);
  return typeof tool === 'function' ? wrapFunction(guard, tool) : wrapObject(guard, tool);
}

module.exports = {
  wrap, Guard, Call, guarded, afterError, runChecked, generateChecked, isGenerator, METHODS, RESULT_CHARACTERS,
};
