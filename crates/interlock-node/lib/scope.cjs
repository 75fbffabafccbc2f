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

/** Runs `inside` in `scope`, completed by the surrounding one. An approval is for one call: not inherited. */
function enter(scope, inside) {
  const outer = current();
  const inner = { approvalId: scope.approvalId, monitor: scope.monitor ?? outer.monitor };
  for (const field of FIELDS) inner[field] = scope[field] || outer[field];
  return storage.run(inner, inside);
}

/** Runs `inside` where no monitor looks: what a decision itself needs is not the agent's. */
function unmonitored(inside) {
  const outer = current();
  if (!outer.monitor) return inside();
  return storage.run({ ...outer, monitor: undefined }, inside);
}

module.exports = { current, enter, unmonitored, FIELDS };
