'use strict';
// Replacing functions of Node's own modules.

const scopes = require('../scope.cjs');

/** The monitor that what happens now is subject to. */
function current() {
  return scopes.current().monitor;
}

/** Replaces `owner[name]` by what `make` makes of it; the rest of the function stays its own. */
function replace(owner, name, make) {
  const original = owner[name];
  if (typeof original !== 'function') return;
  const made = make(original);
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') {
      made.prototype = original.prototype;
      continue;
    }
    const descriptor = Object.getOwnPropertyDescriptor(original, key);
    const own = Object.getOwnPropertyDescriptor(made, key);
    if (own === undefined || own.configurable) Object.defineProperty(made, key, descriptor);
  }
  owner[name] = made;
}

module.exports = { current, replace };
