'use strict';
// What Interlock throws. A `Denied` means that the action did not run: its message is safe to show
// to an agent, its `decision` tells the operator why.

/** Whatever Interlock throws. `code` is stable. */
class InterlockError extends Error {
  constructor(message, code = '', options) {
    super(message, options);
    this.code = code;
  }
}

/** Interlock cannot work as it was asked to. */
class ConfigurationError extends InterlockError {}

/** The action cannot be decided on: a field is missing, too large, or of the wrong kind. */
class InvalidAction extends InterlockError {}

/** There is no decision, or it cannot be recorded. The action must not run. */
class Unavailable extends InterlockError {}

/**
 * A rollback ended before its last step. `report` says what is undone and what stands in the way; the
 * step at which it stopped and older ones are as they were.
 */
class RollbackStopped extends InterlockError {
  constructor(message, report) {
    super(message, 'undo.stopped');
    Object.defineProperty(this, 'report', { value: report });
  }
}

/** A run cannot go on. The step did not run. */
class RunError extends InterlockError {}

/** The run waits until a person looked at it: `releaseRun()`. */
class RunPaused extends RunError {}

/** The run took another step here before, so that it is paused. */
class Diverged extends RunPaused {}

/** The step failed in an earlier life, and the run went on from there. */
class StepFailed extends RunError {}

/** The step happened, and its result cannot be stored as JSON: a resumed run would lack it. */
class ResultNotStored extends RunError {}

/** The action did not run. */
class Denied extends InterlockError {
  constructor(decision) {
    super(decision.agentMessage, decision.code);
    // Not enumerable: frameworks serialise errors for the model, which must not read the reason.
    Object.defineProperty(this, 'decision', { value: decision });
  }
}

/** A policy, a limit or a missing capability stands against the action. */
class Blocked extends Denied {}

/** A limit of a rule is used up. */
class LimitExceeded extends Blocked {
  /** How long to wait before trying again, in milliseconds, where that is known. */
  get retryAfterMs() {
    return this.decision.retryAfterMs;
  }
}

/** The agent repeats itself. */
class LoopDetected extends Blocked {}

/** A circuit breaker is open: calls of this kind failed or were blocked too often. */
class CircuitOpen extends Blocked {}

/** A budget is used up. */
class BudgetExceeded extends Blocked {}

/** A person must agree first. `approvalId` resumes: pass it to the next check or call. */
class ApprovalRequired extends Denied {
  get approvalId() {
    return this.decision.approvalId;
  }
}

/** A person said no, or the request ended in another way that gives no grant. */
class ApprovalDenied extends Denied {
  constructor(decision, approval) {
    super(decision);
    Object.defineProperty(this, 'approval', { value: approval });
  }
}

/** Nobody answered in the time the caller waits; the request itself may still be open. */
class ApprovalTimeout extends ApprovalRequired {}

/**
 * A step began in an earlier life of its run, and nobody knows whether it happened. A person who
 * agrees to the approval has it run again; one who knows that it happened says so with `settleStep()`.
 */
class OutcomeUnknown extends ApprovalRequired {}

const classes = {
  ApprovalDenied,
  ApprovalRequired,
  ApprovalTimeout,
  Blocked,
  BudgetExceeded,
  CircuitOpen,
  ConfigurationError,
  Denied,
  Diverged,
  InterlockError,
  InvalidAction,
  LimitExceeded,
  LoopDetected,
  OutcomeUnknown,
  ResultNotStored,
  RollbackStopped,
  RunError,
  RunPaused,
  StepFailed,
  Unavailable,
};
for (const [name, type] of Object.entries(classes)) {
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
}

const BY_CODE = new Map([
  ['limit.exceeded', LimitExceeded],
  ['loop.detected', LoopDetected],
  ['breaker.open', CircuitOpen],
  ['budget.exceeded', BudgetExceeded],
]);

/** The error for a decision that permits nothing now. */
function denied(decision) {
  if (decision.effect === 'require_approval') return new ApprovalRequired(decision);
  // The first reason need not be the telling one: a limit names the rule first.
  for (const { code } of decision.reasons) {
    const type = BY_CODE.get(code);
    if (type) return new type(decision);
  }
  return new Blocked(decision);
}

const SEPARATOR = '\u001f';

/** The typed error that the addon means. Whatever it did not foresee, the action must not run. */
function typed(error) {
  if (error instanceof InterlockError) return error;
  const [name, code, ...rest] = String(error?.message).split(SEPARATOR);
  const type = rest.length > 0 && Object.hasOwn(classes, name) ? classes[name] : undefined;
  if (type) return new type(rest.join(SEPARATOR), code);
  return new Unavailable(`the engine failed: ${error?.message}`, 'engine.failed', { cause: error });
}

module.exports = { ...classes, denied, typed };
