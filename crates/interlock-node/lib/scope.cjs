'use strict';
// Who acts, for whom and within what: inherited by everything that is awaited or scheduled inside.

const { AsyncLocalStorage } = require('node:async_hooks');

const storage = new AsyncLocalStorage();
const FIELDS = ['agent', 'session', 'run', 'user', 'environment'];
const EMPTY = Object.freeze({});

/** The innermost scope. */
function current() {
  return storage.getStore() ?? EMPTY;
}

/**
 * Runs `inside` in `scope`, completed by the surrounding one. An approval is for one call: not inherited.
 * Beside who acts there are `monitor`; `steps`, the run whose next step a guarded call is; `step`, what
 * happens now as a rollback counts it; and `rolling` while something is undone.
 */
function enter(scope, inside) {
  const outer = current();
  const inner = { ...outer, approvalId: scope.approvalId, monitor: scope.monitor ?? outer.monitor };
  // Whether a call took the arguments that the approval has: shared by all that is within.
  inner.edited = { taken: false };
  for (const field of FIELDS) inner[field] = scope[field] || outer[field];
  return storage.run(inner, inside);
}

/** Runs `inside` in the surrounding scope but for `fields`. */
function within(fields, inside) {
  return storage.run({ ...current(), ...fields }, inside);
}

/** Runs `inside` where no monitor looks: what a decision itself needs is not the agent's. */
function unmonitored(inside) {
  const outer = current();
  if (!outer.monitor) return inside();
  return storage.run({ ...outer, monitor: undefined }, inside);
}

module.exports = { current, enter, within, unmonitored, FIELDS };
