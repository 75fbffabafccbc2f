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

/**
 * `undefined`: throw `ApprovalRequired` at once. `"wait"`: until somebody answers elsewhere.
 * `"console"`: ask on the terminal. A function: gets the approval; `true` agrees.
 */
export type ApprovalChannel =
  | 'wait'
  | 'console'
  | ((approval: Approval) => boolean | Promise<boolean>)
  | undefined;

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
  /** Express middleware: one decision per request, before its handler. */
  express(options?: ExpressOptions): RequestHandler;
  /** An approval as it stands, or once it is decided within `waitMs`. */
  approvalOf(id: string, waitMs?: number): Promise<Approval>;
  /** Records a person's answer. Never call it from what an agent controls. */
  decideApproval(
    id: string,
    approve: boolean,
    by: { approver: string; reason?: string },
  ): Approval;
}

/**
 * `Interlock.guard` on a shared instance, made at the first use. `policy` is what `Interlock`
 * takes, or a name: `policies/<name>`, `policies/<name>.yaml`, else the default bundle in the
 * environment of that name, such as `production`.
 */
export function guard<T extends object, S extends boolean = false>(
  tool: T,
  options?: Omit<GuardOptions, 'approval'> & {
    policy?: string;
    agent?: string;
    data?: string;
    sync?: S;
    /** As in `Interlock`; channels that need a server are refused at once. */
    approval?: ApprovalChannel | 'slack' | 'email' | 'webhook' | 'teams' | 'pagerduty';
  },
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
