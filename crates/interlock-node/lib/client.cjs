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
const servers = require('./server.cjs');
const undoing = require('./undo.cjs');
const { snapshot } = require('./plain.cjs');

const OPTIONS = new Set([
  'agent', 'policy', 'environment', 'session', 'user', 'durability', 'content', 'timeoutMs', 'approval',
  'approvalTimeoutMs', 'undo', 'onViolation', 'rollbackLimit', ...servers.OPTIONS,
]);
const CHECK_OPTIONS = new Set([
  'tool', 'arguments', 'payload', 'agent', 'session', 'run', 'step', 'user', 'environment', 'idempotencyKey',
  'costUsd', 'context', 'metadata', 'approvalId', 'redact', 'pathResolved', 'addresses',
  'undo', 'reported',
]);
const ROLLBACK_OPTIONS = new Set(['last', 'agent', 'force']);
const SCOPE_OPTIONS = new Set([...scopes.FIELDS, 'approvalId']);

/** What a violation may entail. */
const VIOLATIONS = ['block', 'pause', 'rollback'];
/** Reasons of a block that are no violation of their own: the agent was stopped before. */
const STOPPED = new Set(['agent.paused', 'kill-switch', 'tool.stopped']);

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
  #content;

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
    const { mode, server } = servers.settings(options);
    this.mode = mode;
    this.server = server?.url;
    this.approval = approvals.checked(options.approval, server !== undefined);
    this.approvalTimeoutMs = milliseconds('approvalTimeoutMs', options.approvalTimeoutMs ?? 300_000, 0);
    this.#defaults = {
      agent: options.agent || process.env.INTERLOCK_AGENT,
      session: options.session,
      user: options.user,
      environment: options.environment || process.env.INTERLOCK_ENVIRONMENT,
    };
    const policies = options.policy === undefined ? ['default'] : [options.policy].flat();
    const timeoutMs = milliseconds('timeoutMs', options.timeoutMs ?? 5_000, 1);
    this.#content = options.content ?? 'full';
    this.onViolation = options.onViolation ?? 'block';
    this.rollbackLimit = options.rollbackLimit ?? 10;
    const limits = undoing.limits(options.undo);
    if (!VIOLATIONS.includes(this.onViolation)) {
      throw new errors.ConfigurationError(
        `\`onViolation\` must be one of ${VIOLATIONS.join(', ')}, not ${JSON.stringify(this.onViolation)}`,
        'config.invalid',
      );
    }
    if (!steps(this.rollbackLimit) || (this.onViolation === 'rollback' && limits === undefined)) {
      throw new errors.ConfigurationError(
        '`rollbackLimit` must be a whole number from 0 on, and a rollback needs `undo`',
        'config.invalid',
      );
    }
    const durability = options.durability ?? 'strict';
    try {
      this.engine = new native.Engine(
        this.data,
        policies.map(String),
        durability,
        this.#content,
        timeoutMs,
        server,
      );
    } catch (error) {
      throw errors.typed(error);
    }
    closeAtExit(this);
    /** Where what agents change is kept; `undefined` without `undo`. */
    this.undoJournal = undefined;
    if (limits !== undefined) {
      try {
        this.undoJournal = new undoing.Journal(this, path.join(this.data, 'undo'), durability === 'strict', limits);
      } catch (error) {
        this.close();
        throw error;
      }
    }
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
    return this.decide(actionType, fromOptions(resource, options), termsOf(options));
  }

  /** As `check`, at once: it holds up the event loop until the decision is on record. */
  checkSync(actionType, resource, options = {}) {
    return this.decideSync(actionType, fromOptions(resource, options), termsOf(options));
  }

  /**
   * @internal Beside the event loop where it waits for a disk or another process, else at once.
   * `terms`: at least this `effect` because of `why`; `reported` if it has happened.
   */
  async decide(actionType, action, terms) {
    const json = this.#action(actionType, action);
    try {
      if (this.server !== undefined) return made.decision(await this.engine.askCheck(json, { reported: false, ...terms }));
      if (terms !== undefined) return made.decision(await this.engine.checkUnder(json, { reported: false, ...terms }));
      return made.decision(this.engine.checkAtOnce(json) ?? (await this.engine.check(json)));
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** @internal */
  decideSync(actionType, action, terms) {
    const json = this.#action(actionType, action);
    try {
      if (terms !== undefined) return made.decision(this.engine.checkUnderSync(json, { reported: false, ...terms }));
      return made.decision(this.engine.checkSync(json));
    } catch (error) {
      throw errors.typed(error);
    }
  }

  /** @internal The action as the addon takes it. */
  actionJson(actionType, action) {
    return this.#action(actionType, action);
  }

  /** @internal Who acts here: as the scope says, or as this was made with. */
  agentOf() {
    return scopes.current().agent || this.#defaults.agent || undefined;
  }

  /** @internal The run that a call here would be a step of. */
  runsIn() {
    return scopes.current().steps;
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
      const capabilities = action.redact ? '"redact","wait"' : '"wait"';
      json = `{"capabilities":[${capabilities}${action.undo ? ',"undo"' : ''}]`;
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
      const taken =
        this.server === undefined
          ? (this.engine.outcomeAtOnce(report) ?? this.engine.outcome(report))
          : this.engine.askOutcome(report);
      return Object.freeze(JSON.parse(await taken));
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

  /** A run whose steps are written down, so that it can go on after a crash where it stopped. */
  async run(...given) {
    return require('./run.cjs').run(this, this.#content, ...given);
  }

  /** Ends the pause of a run. Never call it from what an agent controls. */
  releaseRun(name, { by } = {}) {
    return told(() => native.releaseRun(this.data, nonempty('name', name), nonempty('by', by)));
  }

  /** Answers for a step whose outcome is not known. Never call it from what an agent controls. */
  settleStep(name, step, { happened, result, by } = {}) {
    if (typeof happened !== 'boolean' || !Number.isSafeInteger(step) || step < 1) {
      throw new errors.ConfigurationError(
        'settleStep(name, step, { happened, by }) needs the number of a step and a boolean',
        'config.invalid',
      );
    }
    const stored = happened ? require('./run.cjs').encode(`step ${step}`, result) : undefined;
    return told(() => native.settleStep(this.data, nonempty('name', name), step, stored, nonempty('by', by)));
  }

  /** Removes a run with the results that it stored. Begun anew, it repeats its effects. */
  forgetRun(name) {
    return told(() => native.forgetRun(this.data, nonempty('name', name)));
  }

  /**
   * Undoes the last actions, newest first: of `agent`, or of all agents. What was changed since by
   * somebody else is left alone, unless `force` says otherwise. Never call it from what an agent controls.
   */
  async rollback(options = {}) {
    known(options, ROLLBACK_OPTIONS, 'rollback()');
    const { last = 1, agent, force = false } = options;
    if (!steps(last)) throw new errors.ConfigurationError('`last` must be a whole number from 0 on', 'config.invalid');
    return this.#undoing().rollback({ last, agent, force: force === true });
  }

  /** The actions that a rollback would undo, oldest first. */
  async undoSteps(agent) {
    return this.#undoing().steps(agent);
  }

  /** Forgets a step that cannot be undone to its end, after a person looked at it. */
  async abandonStep(step) {
    await this.#undoing().act({ what: 'abandon', step });
  }

  #undoing() {
    if (this.undoJournal === undefined) {
      throw new errors.ConfigurationError('Interlock was made with `undo: false`', 'undo.off');
    }
    return this.undoJournal;
  }

  /**
   * Does what `onViolation` says of an action that was not permitted: the agent is stopped when this
   * returns, what it did is undone when its promise resolves. Guards and monitors call it. What fails
   * here is a warning: the action is refused in any case.
   * @internal
   */
  violated(decision) {
    if (this.onViolation === 'block' || decision.effect !== 'block' || undoing.rolling()) return undefined;
    if (decision.reasons.some(({ code }) => STOPPED.has(code))) return undefined;
    const agent = this.agentOf();
    if (agent === undefined) return undefined;
    try {
      // Stopped first, so that nothing is added to what is being undone.
      this.engine.pauseAgent(agent, 'interlock.violation');
    } catch (error) {
      warn(`\`${agent}\` is not paused: ${errors.typed(error).message}`);
    }
    if (this.onViolation !== 'rollback') return undefined;
    return scopes.unmonitored(() => this.undoJournal.rollback({ last: this.rollbackLimit, agent, force: false })).then(
      undefined,
      (error) => warn(`what \`${agent}\` did is not undone: ${error.message}`),
    );
  }

  /** Ends the pause of an agent. Never call it from what an agent controls. */
  resumeAgent(agent, { by } = {}) {
    return told(() => this.engine.resumeAgent(nonempty('agent', agent), nonempty('by', by)));
  }

  /** How this process stands with the server; `null` unless `mode` is `connected`. */
  standing() {
    return told(() => {
      const standing = this.engine.standing();
      return typeof standing === 'string' ? Object.freeze(JSON.parse(standing)) : null;
    });
  }

  /** Express middleware: one decision per request. */
  express(options) {
    return require('./express.cjs').middleware(this, options);
  }

  /** An approval as it stands, or once it is decided within `waitMs`. */
  async approvalOf(id, waitMs = 0) {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const approval = await approvals.look(this, id);
      const left = deadline - performance.now();
      if (!approval.pending || left <= 0) return approval;
      await require('node:timers/promises').setTimeout(Math.min(100, left));
    }
  }

  /** Records a person's answer, of other arguments where it names them. Never call it from what an agent controls. */
  decideApproval(id, approve, { approver, reason = '', arguments: edited } = {}) {
    if (typeof approve !== 'boolean' || typeof approver !== 'string') {
      throw new errors.ConfigurationError(
        'decideApproval(id, approve, { approver }) needs a boolean and a name',
        'config.invalid',
      );
    }
    const json = edited === undefined ? undefined : snapshot('arguments', edited).json;
    try {
      return made.approval(this.engine.decideApproval(id, approver, approve, reason, json));
    } catch (error) {
      throw errors.typed(error);
    }
  }
}

function warn(message) {
  process.emitWarning(message, { type: 'InterlockWarning', code: 'INTERLOCK_UNDO' });
}

/** What the addon answers, or the typed error that it means. */
function told(work) {
  try {
    return work();
  } catch (error) {
    throw errors.typed(error);
  }
}

function nonempty(what, value) {
  if (typeof value === 'string' && value !== '') return value;
  throw new errors.ConfigurationError(`\`${what}\` must be a text`, 'config.invalid');
}

/** Whether a number is one of steps. */
function steps(number) {
  return Number.isSafeInteger(number) && number >= 0 && number <= 0xffff_ffff;
}

function termsOf({ reported }) {
  return reported === true ? { reported: true } : undefined;
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

/** How the shared instance is opened: by policies of this process, or with the server's. */
function opening(policy, server) {
  if (server === undefined) return named(policy);
  if (ENVIRONMENTS.includes(policy)) return { server, environment: policy };
  if (policy === 'default') return { server };
  throw new errors.ConfigurationError(
    `policies are the server's: publish ${JSON.stringify(policy)} there; an environment ` +
      `(${ENVIRONMENTS.join(', ')}) may be named here`,
    'config.policy',
  );
}

/** `Interlock.guard` on a shared instance, made at the first use. */
function guard(tool, { policy = 'default', agent, data, ...options } = {}) {
  const server = process.env.INTERLOCK_SERVER || undefined;
  approvals.checked(options.approval, server !== undefined);
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
      ...opening(policy, server),
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
