'use strict';
// The front door: one data directory, policies, and checks.

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const native = require('./native.cjs');
const errors = require('./errors.cjs');
const made = require('./decision.cjs');
const approvals = require('./approval.cjs');
const guards = require('./guard.cjs');
const scopes = require('./scope.cjs');
const { snapshot } = require('./plain.cjs');

const OPTIONS = new Set([
  'agent', 'policy', 'environment', 'session', 'user', 'durability', 'content', 'timeoutMs', 'approval',
  'approvalTimeoutMs',
]);
const CHECK_OPTIONS = new Set([
  'tool', 'arguments', 'payload', 'agent', 'session', 'run', 'step', 'user', 'environment', 'idempotencyKey',
  'costUsd', 'context', 'metadata', 'approvalId', 'redact', 'pathResolved', 'addresses',
]);
const SCOPE_OPTIONS = new Set([...scopes.FIELDS, 'approvalId']);

/** Agents whose sessions are remembered; the oldest are forgotten. */
const SESSIONS_MAX = 10_000;

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

function milliseconds(name, value, least) {
  if (typeof value === 'number' && value >= least && value <= 0xffff_ffff) return Math.round(value);
  throw new errors.ConfigurationError(
    `\`${name}\` must be from ${least} to ${0xffff_ffff} milliseconds, not ${value}`,
    'config.invalid',
  );
}

/** Decides on the actions of agents, in this process. Every error means that the action must not run. */
class Interlock {
  #sessions = new Map();
  #defaults;

  constructor(data, options = {}) {
    if (typeof data === 'object' && data !== null && !(data instanceof URL)) {
      options = data;
      data = undefined;
    }
    known(options, OPTIONS, 'Interlock()');
    this.data = path.resolve(
      data instanceof URL
        ? require('node:url').fileURLToPath(data)
        : data || process.env.INTERLOCK_DATA || 'interlock-data',
    );
    this.approval = approvals.checked(options.approval);
    this.approvalTimeoutMs = milliseconds('approvalTimeoutMs', options.approvalTimeoutMs ?? 300_000, 0);
    this.#defaults = {
      agent: options.agent || process.env.INTERLOCK_AGENT,
      session: options.session,
      user: options.user,
      environment: options.environment || process.env.INTERLOCK_ENVIRONMENT,
    };
    const policies = options.policy === undefined ? ['default'] : [options.policy].flat();
    const timeoutMs = milliseconds('timeoutMs', options.timeoutMs ?? 5_000, 1);
    try {
      this.engine = new native.Engine(
        this.data,
        policies.map(String),
        options.durability ?? 'strict',
        options.content ?? 'full',
        timeoutMs,
      );
    } catch (error) {
      throw errors.typed(error);
    }
    closeAtExit(this);
  }

  /** Closes the record; another process may own the data directory at once. */
  close() {
    this.engine.close();
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.close();
  }

  /** Decides on one action; the decision is on record when the promise resolves. */
  async check(actionType, resource, options = {}) {
    return this.decide(actionType, fromOptions(resource, options));
  }

  /** As `check`, at once: it holds up the event loop until the decision is on record. */
  checkSync(actionType, resource, options = {}) {
    return this.decideSync(actionType, fromOptions(resource, options));
  }

  /** @internal Beside the event loop where it waits for a disk or another process, else at once. */
  async decide(actionType, action) {
    const json = this.#action(actionType, action);
    try {
      return made.decision(this.engine.checkAtOnce(json) ?? (await this.engine.check(json)));
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** @internal */
  decideSync(actionType, action) {
    const json = this.#action(actionType, action);
    try {
      return made.decision(this.engine.checkSync(json));
    } catch (error) {
      throw errors.typed(error);
    }
  }

  #session(agent) {
    // A session of one agent that turns up at another looks stolen: each has its own.
    let session = this.#sessions.get(agent);
    if (session === undefined) {
      session = randomUUID();
      if (this.#sessions.size >= SESSIONS_MAX) {
        this.#sessions.delete(this.#sessions.keys().next().value);
      }
      this.#sessions.set(agent, session);
    }
    return session;
  }

  /** The wire form of an action. `json` is that of its arguments, if they were written already. */
  #action(actionType, action) {
    const scope = scopes.current();
    const defaults = this.#defaults;
    const agent = action.agent || scope.agent || defaults.agent;
    if (!agent) {
      throw new errors.ConfigurationError(
        'who acts? give `agent` to Interlock(), to the call, or in INTERLOCK_AGENT',
        'config.agent',
      );
    }
    const approvalId = action.approvalId || scope.approvalId;
    let { metadata } = action;
    if (approvalId) metadata = { ...(metadata ?? {}), approval_id: String(approvalId) };
    const user = action.user || scope.user || defaults.user;
    const environment = action.environment || scope.environment || defaults.environment;
    let json;
    try {
      // Field by field: an object for all of them takes twice as long.
      json = `{"capabilities":${action.redact ? '["redact","wait"]' : '["wait"]'}`;
      json += member('agent_id', agent);
      json += member('action_type', actionType);
      json += member('resource', action.resource === undefined ? '' : text('resource', action.resource));
      json += member('tool', action.tool);
      json += member('session_id', action.session || scope.session || defaults.session || this.#session(agent));
      json += member('run_id', action.run || scope.run);
      json += member('step', action.step);
      json += member('idempotency_key', action.idempotencyKey);
      if (user) json += member('user', { id: user });
      if (environment) json += member('environment', { name: environment });
      if (action.costUsd !== undefined && action.costUsd !== null) json += member('cost_usd', String(action.costUsd));
      if (action.pathResolved !== undefined || action.addresses !== undefined) {
        json += member('observed', { path: { resolved: action.pathResolved }, addresses: action.addresses });
      }
    } catch (cause) {
      if (cause instanceof errors.InvalidAction) throw cause;
      throw new errors.InvalidAction('a field of the action is no plain text', 'action.field-type', { cause });
    }
    const args = action.json ?? shown('arguments', action.arguments);
    if (args !== undefined) json += `,"arguments":${args}`;
    if (action.payload !== undefined) json += `,"payload":${shown('payload', action.payload)}`;
    if (action.context !== undefined) json += `,"context":${shown('context', action.context)}`;
    if (metadata !== undefined) json += `,"metadata":${shown('metadata', metadata)}`;
    return `${json}}`;
  }

  /** Reports what became of an action; its result is scanned for hidden instructions. */
  async report(decision, status, options = {}) {
    const report = reportOf(decision, status, options);
    try {
      return Object.freeze(JSON.parse(this.engine.outcomeAtOnce(report) ?? (await this.engine.outcome(report))));
    } catch (error) {
      return unreported(decision, error);
    }
  }

  /** As `report`, at once. */
  reportSync(decision, status, options = {}) {
    const report = reportOf(decision, status, options);
    try {
      return Object.freeze(JSON.parse(this.engine.outcomeSync(report)));
    } catch (error) {
      return unreported(decision, error);
    }
  }

  /** The same tool, checked before it runs. */
  guard(tool, options = {}) {
    return guards.wrap(this, tool, options);
  }

  /** Runs `inside` with who acts and within what; `approvalId` resumes a call that needed one. */
  scope(options, inside) {
    known(options, SCOPE_OPTIONS, 'scope()');
    return scopes.enter(options, inside);
  }

  /** Decides on the files, processes and connections of what runs in `inside`. */
  monitor(agent, options, inside) {
    if (typeof options === 'function') [options, inside] = [{}, options];
    return require('./monitor/index.cjs').run(this, agent, options ?? {}, inside);
  }

  /** Express middleware: one decision per request. */
  express(options) {
    return require('./express.cjs').middleware(this, options);
  }

  /** An approval as it stands, or once it is decided within `waitMs`. */
  async approvalOf(id, waitMs = 0) {
    const deadline = performance.now() + waitMs;
    try {
      for (;;) {
        const approval = made.approval(await this.engine.approval(id));
        const left = deadline - performance.now();
        if (!approval.pending || left <= 0) return approval;
        await require('node:timers/promises').setTimeout(Math.min(100, left));
      }
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** Records a person's answer. Never call it from what an agent controls. */
  decideApproval(id, approve, { approver, reason = '' } = {}) {
    if (typeof approve !== 'boolean' || typeof approver !== 'string') {
      throw new errors.ConfigurationError(
        'decideApproval(id, approve, { approver }) needs a boolean and a name',
        'config.invalid',
      );
    }
    try {
      return made.approval(this.engine.decideApproval(id, approver, approve, reason));
    } catch (error) {
      throw errors.typed(error);
    }
  }
}

function fromOptions(resource, options) {
  if (typeof resource === 'object' && resource !== null && !(resource instanceof URL)) {
    throw new errors.ConfigurationError('check(actionType, resource, options): `resource` is a text', 'config.invalid');
  }
  known(options, CHECK_OPTIONS, 'check()');
  // Of one shape for all calls: reading fields of objects that are spread takes the slow way each time.
  return {
    resource,
    tool: options.tool,
    arguments: options.arguments,
    payload: options.payload,
    agent: options.agent,
    session: options.session,
    run: options.run,
    step: options.step,
    user: options.user,
    environment: options.environment,
    idempotencyKey: options.idempotencyKey,
    costUsd: options.costUsd,
    context: options.context,
    metadata: options.metadata,
    approvalId: options.approvalId,
    redact: options.redact,
    pathResolved: options.pathResolved,
    addresses: options.addresses,
    json: undefined,
  };
}

function text(field, value) {
  if (typeof value === 'string') return value;
  if (value === null) return '';
  if (value instanceof URL) return value.href;
  if (['number', 'bigint', 'boolean'].includes(typeof value)) return String(value);
  throw new errors.InvalidAction(`\`${field}\` must be a text, not a ${typeof value}`, 'action.field-type');
}

/** A member of a JSON object after another one; nothing for what has no JSON. */
function member(name, value) {
  const json = JSON.stringify(value);
  return json === undefined ? '' : `,"${name}":${json}`;
}

function shown(field, value) {
  return value === undefined ? undefined : snapshot(field, value).json;
}

function reportOf(decision, status, options) {
  const { latencyMs = 0, costUsd, result, rows } = options;
  const textual = result === undefined || result === null ? undefined : String(result);
  return {
    id: decision.id,
    status,
    latencyMs,
    costUsd: costUsd === undefined || costUsd === null ? undefined : String(costUsd),
    // The scan reads the beginning; the size says that there was more.
    result: textual?.slice(0, guards.RESULT_CHARACTERS),
    resultBytes: textual === undefined ? 0 : Buffer.byteLength(textual),
    rows: rows ?? undefined,
  };
}

/** The action has happened by now, so that its report is not worth an error. */
function unreported(decision, error) {
  const { message } = errors.typed(error);
  process.emitWarning(`the outcome of ${decision.id} is not on record: ${message}`, {
    type: 'InterlockWarning',
    code: 'INTERLOCK_OUTCOME',
  });
  return null;
}

const open = new Set();
let watching = false;
const collected = new FinalizationRegistry((reference) => open.delete(reference));

/** A record that nobody closed is closed when the process ends. */
function closeAtExit(interlock) {
  if (!watching) {
    watching = true;
    process.once('exit', () => {
      for (const reference of open) reference.deref()?.engine.close();
    });
  }
  const reference = new WeakRef(interlock);
  open.add(reference);
  collected.register(interlock, reference);
}

/** What is an environment when no file of that name is there. */
const ENVIRONMENTS = ['production', 'staging', 'development'];

function named(policy) {
  for (const file of [path.join('policies', policy), path.join('policies', `${policy}.yaml`)]) {
    if (fs.existsSync(file)) {
      return { policy: file, environment: ENVIRONMENTS.includes(policy) ? policy : undefined };
    }
  }
  if (ENVIRONMENTS.includes(policy)) return { policy: 'default', environment: policy };
  return { policy };
}

const shared = new Map();

/** `Interlock.guard` on a shared instance, made at the first use. */
function guard(tool, { policy = 'default', agent, data, ...options } = {}) {
  approvals.checked(options.approval);
  const where = path.resolve(data || process.env.INTERLOCK_DATA || 'interlock-data');
  let found = shared.get(where);
  if (found !== undefined && found.policy !== policy) {
    throw new errors.ConfigurationError(
      `policy ${JSON.stringify(found.policy)} decides on data directory \`${where}\` already; ` +
        `give ${JSON.stringify(policy)} a directory of its own with \`data\``,
      'config.policy',
    );
  }
  if (found === undefined) {
    const interlock = new Interlock(where, {
      agent: agent || process.env.INTERLOCK_AGENT || path.parse(process.argv[1] ?? 'node').name,
      ...named(policy),
    });
    found = { policy, interlock };
    shared.set(where, found);
  }
  return found.interlock.guard(tool, options);
}

/** `text` with personal data and secrets masked: `partial`, `full` or `hash`. */
function maskPii(text, strategy = 'partial') {
  return findPii(text, strategy).text;
}

/** As `maskPii`, with what was found: `{ text, found: [{ kind, start, end }] }`. */
function findPii(text, strategy = 'partial') {
  try {
    return JSON.parse(native.mask(text, strategy));
  } catch (error) {
    throw errors.typed(error);
  }
}

module.exports = { Interlock, guard, maskPii, findPii, version: native.VERSION };
