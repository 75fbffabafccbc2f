'use strict';
// Reading a file to run it as a module is no act of the agent's: what the module does is.

const Module = require('node:module');

let loading = false;

/** Whether `require` is reading just now. */
function loadsCode() {
  return loading;
}

function whileLoading(state, work) {
  const was = loading;
  loading = state;
  try {
    return work();
  } finally {
    loading = was;
  }
}

function install() {
  for (const ending of Object.keys(Module._extensions)) {
    const original = Module._extensions[ending];
    Module._extensions[ending] = function load(module, filename) {
      return whileLoading(true, () => Reflect.apply(original, this, [module, filename]));
    };
  }
  const compile = Module.prototype._compile;
  Module.prototype._compile = function (...args) {
    return whileLoading(false, () => Reflect.apply(compile, this, args));
  };
}

module.exports = { install, loadsCode };
