import type { RequestHandler } from './lib/express';

/** `allow` < `alert` < `redact` < `sandbox` < `require_approval` < `block`. */
export type Effect = 'allow' | 'alert' | 'redact' | 'sandbox' | 'require_approval' | 'block';

/** What happens to an action; any other well-formed name is kept and treated as `custom`. */
export type ActionType =
  | 'file_read'
  | 'file_write'
  | 'file_delete'
  | 'api_call'
  | 'database_query'
  | 'database_write'
  | 'code_execution'
  | 'network_request'
  | 'permission_change'
  | 'process_spawn'
  | 'message_send'
  | 'payment'
  | 'llm_call'
  | 'custom'
  | (string & {});

export interface Finding {
  readonly code: string;
  readonly vector: string;
  readonly summary: string;
  /** 0..100. */
  readonly confidence: number;
  /** The JSON path of the text. */
  readonly path: string;
  /** In bytes of that text. */
  readonly span: readonly [start: number, end: number];
  readonly tags: readonly string[];
}

/** What was decided about an action. */
export class Decision {
  private constructor();
  /** The decision's id; the outcome refers to it. */
  readonly id: string;
  readonly effect: Effect;
  /** Whether the action may run now: as asked, or with `arguments` under `redact`. */
  readonly allowed: boolean;
  /** The first reason, for the operator. Never show it to the agent. */
  readonly reason: string;
  /** The stable code of the first reason. */
  readonly code: string;
  readonly reasons: readonly { readonly code: string; readonly message: string }[];
  /** The composite risk, 0..100. */
  readonly risk: number;
  /** The score of each of the seven dimensions, 0..100. */
  readonly dimensions: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  /** The ids of the rules that fired. */
  readonly rules: readonly string[];
  /** The rule that decided, if one did. */
  readonly policy: string | null;
  /** The approval to wait for. */
  readonly approvalId: string | null;
  /** The arguments to use under `redact`; absent where they stay as they are. */
  readonly arguments?: unknown;
  /** How long to wait before trying again, where a limit says so. */
  readonly retryAfterMs?: number;
  /** What may be told to the agent: little, with a reference for the operator. */
  readonly agentMessage: string;
  /** The sequence number of its record. */
  readonly seq: number;
  /** The leaf hash of its record, hex. */
  readonly leaf: string;
  /** Whether this is the stored answer to an earlier check with the same key. */
  readonly replayed: boolean;
}

/** An approval as it stands. */
export class Approval {
  private constructor();
  readonly id: string;
  /** `pending`, `approved`, `denied`, `expired`, … */
  readonly state: string;
  readonly approved: boolean;
  readonly pending: boolean;
  /** When it expires, which denies: RFC 3339. */
  readonly expiresAt: string;
  /** What was asked, for the person who answers. */
  readonly asked: {
    readonly agent: string;
    readonly actionType: string;
    readonly resource: string;
    readonly tool: string;
    readonly group: string;
    readonly risk: number;
    readonly reason: string;
    /** JSON; its `arguments` are JSON again. */
    readonly detail: string;
  };
}

/** What became of a report of an outcome. */
export interface Outcome {
  readonly findings: readonly Finding[];
  /** Whether the session now counts as having read untrusted instructions. */
  readonly tainted: boolean;
  readonly seq: number;
}

/** One action that can be undone, or of which it is known that it cannot. */
export interface UndoStep {
  readonly step: number;
  readonly agent: string;
  readonly tool: string;
  /** The id of the decision under which it ran. */
  readonly decision: string;
  /** When it began: RFC 3339. */
  readonly at: string;
  /** The files that it changed. */
  readonly paths: readonly string[];
  /** Its effects that are undone by a call. */
  readonly declared: readonly string[];
  /** Why parts of it cannot be undone. */
  readonly irreversible: readonly string[];
}

/** What became of a rollback. */
export interface RollbackReport {
  /** The steps that are undone, newest first. */
  readonly undone: readonly UndoStep[];
  /** Steps of which nothing, or not everything, could be undone. */
  readonly irreversible: readonly UndoStep[];
  /** The step at which it ended early; it and older ones are as they were. */
  readonly stopped: UndoStep | null;
  /** Why. */
  readonly reason: string;
}

export interface RollbackOptions {
  /** How many actions. Default 1. */
  last?: number;
  /** Whose; of all agents when absent. */
  agent?: string;
  /** Undoes also what was changed since; what came since is lost. */
  force?: boolean;
}

/** How much is kept to undo with; past it the oldest steps are forgotten. */
export interface UndoLimits {
  /** Bytes of one file that is written in place; a larger one makes the action irreversible. */
  fileBytesMax?: number;
  /** Bytes in all. */
  totalBytesMax?: number;
  stepsMax?: number;
}

/** How this process stands with its server. */
export interface Standing {
  /** Whether this process is the one of its data directory that speaks with the server. */
  readonly owner: boolean;
  /** Whether the server confirmed its policies in the last 15 seconds. */
  readonly leased: boolean;
  /** The number of its policies; 0 when there are none yet. */
  readonly bundle: number;
  /** Records that the server may not have. */
  readonly waiting: number;
  /** Why the last question to the server got no answer. */
  readonly problem: string | null;
}

/** The values that a step of a run can return. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

export interface StepOptions<A extends unknown[]> {
  /** Whether it is called again if an earlier life may have called it. */
  idempotent?: boolean;
  /**
   * Tells whether it happened: `false`, `null` or nothing that it did not, `true` that it did and
   * returned nothing, anything else that it did and returned that.
   */
  check?: (...args: A) => unknown;
  actionType?: ActionType;
  resource?: string | ((args: any) => string | Promise<string>);
}

/** The steps of one run. */
export interface Run {
  readonly name: string;
  /** The number of the latest step. */
  readonly steps: number;
  /** Whether all its steps were done in an earlier life: it only repeats what they returned. */
  readonly finished: boolean;
  /**
   * Calls `tool(...args)` as the next step of the run, once; anything but an array is its one argument.
   * Answers what JSON keeps of the result: nothing is `null`.
   */
  step<A extends unknown[], R>(
    name: string,
    tool: (...args: A) => R,
    args?: A | (A extends [infer One] ? (One extends readonly unknown[] ? never : One) : never),
    options?: StepOptions<A>,
  ): Promise<Awaited<R>>;
}

export interface RunOptions {
  /** Goes on with a run of that name; without it the run must be new. */
  resume?: boolean;
  agent?: string;
  approval?: ApprovalChannel;
  approvalTimeoutMs?: number;
}

/**
 * `undefined`: throw `ApprovalRequired` at once. `"wait"`: until somebody answers elsewhere.
 * `"console"`: ask on the terminal. A function: gets the approval; `true` agrees.
 */
export type ApprovalChannel =
  | 'wait'
  | 'console'
  | ((approval: Approval) => boolean | Promise<boolean>)
  /** With a server, which asks people and takes their answers: the call waits. */
  | ServerChannel
  | undefined;

/** What needs a server; refused at once where there is none. */
export type ServerChannel = 'slack' | 'email' | 'webhook' | 'teams' | 'pagerduty';

/** What an action does when the server should decide and does not answer in time. */
export type OnUnavailable = 'closed' | 'open';

export type Amount = number | bigint | string;

export interface InterlockOptions {
  /** Who acts; also `INTERLOCK_AGENT`. */
  agent?: string;
  /** A built-in bundle (`default`, `strict`, `hipaa`, …), a file or a directory, or several. */
  policy?: string | readonly string[];
  environment?: string;
  session?: string;
  user?: string;
  /** `strict` (the default): on disk before the answer; `batch`: within milliseconds; `async`. */
  durability?: 'strict' | 'batch' | 'async';
  /** `full` (the default; encrypted and erasable), `hashes` (commitments only), `none`. */
  content?: 'full' | 'hashes' | 'none';
  /** How long a check may take before it counts as unavailable. Default 5000. */
  timeoutMs?: number;
  approval?: ApprovalChannel;
  /** How long a call waits for a person. Default 300000. */
  approvalTimeoutMs?: number;
  /** A server whose policies and approvals these are: `https://…`, or `http://` on this machine. */
  server?: string | URL;
  /** Also `INTERLOCK_API_KEY`. */
  apiKey?: string;
  /**
   * `connected` (the default with a `server`): decides here by the server's signed policies, and asks the
   * server where a person, a limit or a budget is concerned. `remote`: asks about everything.
   */
  mode?: 'embedded' | 'connected' | 'remote';
  /** For all tools, or by `tool`, `tool@environment`, `@environment` and `*`. Default `closed`. */
  onUnavailable?: OnUnavailable | Readonly<Record<string, OnUnavailable>>;
  /** Whether what has no side effect is decided without a lease. Default `open`. */
  offlineReads?: OnUnavailable;
  /** The key that signs the server's policies; else the first that is met is kept and trusted. */
  serverKey?: string;
  /** Authorities to trust instead of this machine's. */
  caFile?: string;
  allowPlainHttp?: boolean;
  /** Whether what agents change is kept, so that `rollback` can put it back. Default `true`. */
  undo?: boolean | UndoLimits;
  /** What a blocked action entails for its agent: nothing more, a stop, or that and a rollback. */
  onViolation?: 'block' | 'pause' | 'rollback';
  /** How many actions such a rollback undoes. Default 10. */
  rollbackLimit?: number;
}

export interface ScopeOptions {
  agent?: string;
  session?: string;
  run?: string;
  user?: string;
  environment?: string;
  /** Resumes a call that threw `ApprovalRequired`. */
  approvalId?: string | null;
}

export interface CheckOptions extends ScopeOptions {
  tool?: string;
  arguments?: unknown;
  payload?: unknown;
  step?: number;
  idempotencyKey?: string;
  costUsd?: Amount;
  context?: Record<string, unknown>;
  metadata?: Record<string, unknown>;
  /** The caller promises to use `decision.arguments` where they are given. */
  redact?: boolean;
  /** Where the path really leads, as seen by the caller. */
  pathResolved?: string;
  /** The addresses that the host has, as seen by the caller. */
  addresses?: readonly string[];
  /** The caller promises that it can undo the action: policies see it as `facts.reversible`. */
  undo?: boolean;
  /** It has happened already: it is scored and recorded, and nothing is enforced. */
  reported?: boolean;
}

export interface ReportOptions {
  latencyMs?: number;
  costUsd?: Amount;
  /** Scanned for hidden instructions. */
  result?: string;
  rows?: number;
}

export interface GuardOptions<A = any> {
  /** The tool's name for policies; the default is that of the function or object. */
  name?: string;
  actionType?: ActionType;
  /** A text, a pattern such as `crm/{id}`, or a function of the arguments. */
  resource?: string | ((args: A) => string | Promise<string>);
  costUsd?: Amount | ((args: A) => Amount | Promise<Amount>);
  /**
   * Names for positional arguments. Without it, a call with one plain object shows that object's
   * fields, and any other call `arg0`, `arg1`, …
   */
  parameters?: readonly string[];
  /** How many leading arguments are the agent's; what a framework passes after them is not shown. */
  inputs?: number;
  approval?: ApprovalChannel;
  approvalTimeoutMs?: number;
  /** Whether the checked tool answers at once, as the tool itself does. Holds up the event loop. */
  sync?: boolean;
  /** Undoes a call: gets its arguments and, after them, its result. */
  undo?: (...argsAndResult: any[]) => unknown;
  /** The files that a call changes: paths, patterns such as `{path}`, or a function of the arguments. */
  writes?: string | readonly string[] | ((args: A) => string | readonly string[] | Promise<string | readonly string[]>);
  /** What a resumed run does with a call that may have happened: see `Run.step`. */
  idempotent?: boolean;
  check?: (...args: any[]) => unknown;
}

type Checked<F, S> = S extends true
  ? F
  : F extends (...args: infer A) => AsyncGenerator<infer T, infer R, infer N>
    ? (...args: A) => AsyncGenerator<T, R, N>
    : F extends (...args: infer A) => Generator<infer T, infer R, infer N>
      ? (...args: A) => AsyncGenerator<T, R, N>
      : F extends (...args: infer A) => infer R
        ? (...args: A) => Promise<Awaited<R>>
        : F;

/** The same tool, with checked ways to run it. */
export type Guarded<T, S = false> = T extends (...args: any[]) => any
  ? Checked<T, S>
  : { [K in keyof T]: K extends 'execute' | 'invoke' | 'run' | 'call' | '_call' ? Checked<T[K], S> : T[K] };

export interface MonitorOptions {
  session?: string;
  run?: string;
  approval?: ApprovalChannel;
  approvalTimeoutMs?: number;
}

/** How requests become actions; see `Interlock.express`. */
export type { ExpressOptions } from './lib/express';
import type { ExpressOptions } from './lib/express';

/**
 * Decides on the actions of agents, in this process.
 *
 * `data` is the data directory (`INTERLOCK_DATA`, else `interlock-data`): record and state live
 * there. Any number of processes may share one. Every error means that the action must not run.
 */
export class Interlock {
  constructor(data?: string | URL, options?: InterlockOptions);
  constructor(options: InterlockOptions);
  readonly data: string;
  readonly mode: 'embedded' | 'connected' | 'remote';
  /** The server's address, where there is one. */
  readonly server: string | undefined;
  /** Closes the record; another process may own the data directory at once. */
  close(): void;
  /**
   * Decides on one action; the decision is on record when the promise resolves. What waits for a disk
   * (`durability: 'strict'`) or for another process happens beside the event loop; the rest is shorter
   * than the way to another thread and back, and is done at once.
   */
  check(actionType: ActionType, resource?: string | URL, options?: CheckOptions): Promise<Decision>;
  /** As `check`, holding up the event loop until the decision is on record. */
  checkSync(actionType: ActionType, resource?: string | URL, options?: CheckOptions): Decision;
  /** Reports what became of an action. What cannot be recorded is warned of: `null`. */
  report(
    decision: Decision,
    status: 'succeeded' | 'failed' | 'not_run' | 'unknown',
    options?: ReportOptions,
  ): Promise<Outcome | null>;
  reportSync(
    decision: Decision,
    status: 'succeeded' | 'failed' | 'not_run' | 'unknown',
    options?: ReportOptions,
  ): Outcome | null;
  /** The same tool, checked before it runs: a function, or an object with `execute`, `invoke`, … */
  guard<T extends object, S extends boolean = false>(
    tool: T,
    options?: GuardOptions & { sync?: S },
  ): Guarded<T, S>;
  /** Who acts and within what, for everything that `inside` awaits or schedules. */
  scope<T>(options: ScopeOptions, inside: () => T): T;
  /** Decides on files, processes and connections of what runs in `inside`, before they happen. */
  monitor<T>(agent: string | undefined, inside: () => T | Promise<T>): Promise<T>;
  monitor<T>(
    agent: string | undefined,
    options: MonitorOptions,
    inside: () => T | Promise<T>,
  ): Promise<T>;
  /**
   * A run whose steps are written down, so that it can go on after a crash where it stopped. Inside,
   * `Run.step` and guarded tools are steps, numbered as they are called. A finished run stays finished.
   */
  run<T>(inside: (run: Run) => T | Promise<T>): Promise<T>;
  run<T>(name: string, inside: (run: Run) => T | Promise<T>): Promise<T>;
  run<T>(options: RunOptions, inside: (run: Run) => T | Promise<T>): Promise<T>;
  run<T>(name: string, options: RunOptions, inside: (run: Run) => T | Promise<T>): Promise<T>;
  /** Ends the pause of a run. Never call it from what an agent controls. */
  releaseRun(name: string, by: { by: string }): void;
  /** Answers for a step whose outcome is not known. Never call it from what an agent controls. */
  settleStep(name: string, step: number, answer: { happened: boolean; result?: Plain; by: string }): void;
  /** Removes a run with the results that it stored. Begun anew, it repeats its effects. */
  forgetRun(name: string): void;
  /**
   * Undoes the last actions, newest first. What was changed since by somebody else is left alone:
   * `RollbackStopped` says what. Never call it from what an agent controls.
   */
  rollback(options?: RollbackOptions): Promise<RollbackReport>;
  /** The actions that a rollback would undo, oldest first. */
  undoSteps(agent?: string): Promise<readonly UndoStep[]>;
  /** Forgets a step that cannot be undone to its end, after a person looked at it. */
  abandonStep(step: number): Promise<void>;
  /** Ends the pause of an agent. Never call it from what an agent controls. */
  resumeAgent(agent: string, by: { by: string }): void;
  /** How this process stands with its server; `null` unless `mode` is `connected`. */
  standing(): Standing | null;
  /** Express middleware: one decision per request, before its handler. */
  express(options?: ExpressOptions): RequestHandler;
  /** An approval as it stands, or once it is decided within `waitMs`. */
  approvalOf(id: string, waitMs?: number): Promise<Approval>;
  /**
   * Records a person's answer; with `arguments` they agree to the action with these instead. Never call it
   * from what an agent controls.
   */
  decideApproval(
    id: string,
    approve: boolean,
    by: { approver: string; reason?: string; arguments?: Record<string, unknown> },
  ): Approval;
}

/**
 * `Interlock.guard` on a shared instance, made at the first use. `policy` is what `Interlock`
 * takes, or a name: `policies/<name>`, `policies/<name>.yaml`, else the default bundle in the
 * environment of that name, such as `production`. With `INTERLOCK_SERVER` and `INTERLOCK_API_KEY`
 * policies and approvals are that server's, and `policy` is an environment.
 */
export function guard<T extends object, S extends boolean = false>(
  tool: T,
  options?: GuardOptions & { policy?: string; agent?: string; data?: string; sync?: S },
): Guarded<T, S>;

/** `text` with personal data and secrets masked. */
export function maskPii(text: string, strategy?: 'partial' | 'full' | 'hash'): string;

/** As `maskPii`, with what was found and where, in UTF-16 code units. */
export function findPii(
  text: string,
  strategy?: 'partial' | 'full' | 'hash',
): { text: string; found: { kind: string; start: number; end: number }[] };

export const version: string;

/** Whatever Interlock throws. `code` is stable. */
export class InterlockError extends Error {
  readonly code: string;
}
/** Interlock cannot work as it was asked to. */
export class ConfigurationError extends InterlockError {}
/** The action cannot be decided on: a field is missing, too large, or of the wrong kind. */
export class InvalidAction extends InterlockError {}
/** There is no decision, or it cannot be recorded. The action must not run. */
export class Unavailable extends InterlockError {}
/** A rollback ended before its last step. */
export class RollbackStopped extends InterlockError {
  readonly report: RollbackReport;
}
/** A run cannot go on. The step did not run. */
export class RunError extends InterlockError {}
/** The run waits until a person looked at it: `releaseRun()`. */
export class RunPaused extends RunError {}
/** The run took another step here before, so that it is paused. */
export class Diverged extends RunPaused {}
/** The step failed in an earlier life, and the run went on from there. */
export class StepFailed extends RunError {}
/** The step happened, and its result cannot be stored as JSON: a resumed run would lack it. */
export class ResultNotStored extends RunError {}
/** The action did not run. The message is safe to show to an agent. */
export class Denied extends InterlockError {
  readonly decision: Decision;
}
/** A policy, a limit or a missing capability stands against the action. */
export class Blocked extends Denied {}
/** A limit of a rule is used up. */
export class LimitExceeded extends Blocked {
  readonly retryAfterMs: number | undefined;
}
/** The agent repeats itself. */
export class LoopDetected extends Blocked {}
/** A circuit breaker is open: calls of this kind failed or were blocked too often. */
export class CircuitOpen extends Blocked {}
/** A budget is used up. */
export class BudgetExceeded extends Blocked {}
/** A person must agree first. `approvalId` resumes: pass it to `scope()` or `check()`. */
export class ApprovalRequired extends Denied {
  readonly approvalId: string | null;
}
/** A person said no, or the request ended in another way that gives no grant. */
export class ApprovalDenied extends Denied {
  readonly approval: Approval;
}
/** Nobody answered in the time the caller waits; the request itself may still be open. */
export class ApprovalTimeout extends ApprovalRequired {}
/** A step of a run may have happened before its process died; who agrees has it run again. */
export class OutcomeUnknown extends ApprovalRequired {}
