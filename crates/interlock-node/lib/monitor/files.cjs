'use strict';
// Files: every function of `fs` and `fs.promises` that opens, changes or removes one by its name.
// What is read or written through a descriptor was decided on when it was opened.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { AsyncResource } = require('node:async_hooks');
const { InvalidAction } = require('../errors.cjs');
const { unmonitored } = require('../scope.cjs');
const { current, replace } = require('./replace.cjs');
const { loadsCode } = require('./modules.cjs');
const { changes, ofDescriptor, BY_DESCRIPTOR } = require('./changes.cjs');

const DEVICES = new Set(['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom', '/dev/tty']);
const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;
const WRITING = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
const realpath = fs.realpathSync.native;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decoded(name) {
  try {
    return strict.decode(name);
  } catch {
    throw new InvalidAction('a path is not valid Unicode, so that no policy can read it', 'json.unicode');
  }
}

/** The absolute path; `undefined` for what has none, such as a descriptor. */
function absolute(name) {
  let text;
  if (typeof name === 'string') text = name;
  else if (name instanceof URL) text = fileURLToPath(name);
  else if (ArrayBuffer.isView(name)) text = decoded(name);
  else return undefined;
  // Only joined: `..` behind a link means another directory than the text says.
  return path.isAbsolute(text) ? text : `${process.cwd()}${path.sep}${text}`;
}

/** Where the path leads; of a file that is not there yet, where its directory does. */
function resolved(name) {
  try {
    return realpath(name);
  } catch {
    try {
      return path.join(realpath(path.dirname(name)), path.basename(name));
    } catch {
      return undefined;
    }
  }
}

function file(actionType, tool, name, more = {}) {
  const full = absolute(name);
  if (full === undefined || DEVICES.has(full)) return undefined;
  const args = { path: full, ...more };
  return [actionType, full, tool, args, resolved(full)];
}

function writes(flags, otherwise) {
  // In its place may be a callback.
  const given = typeof flags === 'function' ? otherwise : (flags ?? otherwise);
  if (typeof given === 'number') return (given & WRITING) !== 0;
  return typeof given !== 'string' || given !== 'r';
}

const flagOf = (options) => (typeof options === 'object' && options !== null ? options.flag : undefined);
const one = (actionType) => (tool, args) => [file(actionType, tool, args[0])];
const reading = (otherwise) => (tool, args) => [
  file(writes(flagOf(args[1]), otherwise) ? 'file_write' : 'file_read', tool, args[0]),
];
const two = (tool, args) => [
  file('file_read', tool, args[0], { to: absolute(args[1]) }),
  file('file_write', tool, args[1], { from: absolute(args[0]) }),
];
const mode = (tool, args) => [file('permission_change', tool, args[0], { mode: String(args[1]) })];
const owner = (tool, args) => [
  file('permission_change', tool, args[0], { owner: String(args[1]), group: String(args[2]) }),
];
/** The same of an open file: what it is opened for says nothing about these. */
const openMode = (tool, args) => mode(tool, [unmonitored(() => ofDescriptor(args[0])), args[1]]);
const openOwner = (tool, args) => owner(tool, [unmonitored(() => ofDescriptor(args[0])), ...args.slice(1)]);
const openTimes = (tool, args) => [file('file_write', tool, unmonitored(() => ofDescriptor(args[0])))];
const link = (tool, args) => [file('file_write', tool, args[1], { of: String(args[0]) })];
/** Another name of a file is a way to it. */
const hardLink = (tool, args) => [file('file_read', tool, args[0], { to: absolute(args[1]) }), ...link(tool, args)];

/** What each function does, as actions. A name is that in `fs.promises`; others follow from it. */
const EFFECTS = {
  open: (tool, args) => [file(writes(args[1], 'r') ? 'file_write' : 'file_read', tool, args[0])],
  readFile: reading('r'),
  writeFile: (tool, args) => [file('file_write', tool, args[0])],
  appendFile: (tool, args) => [file('file_write', tool, args[0])],
  truncate: one('file_write'),
  copyFile: two,
  cp: two,
  rename: (tool, args) => [
    file('file_delete', tool, args[0], { to: absolute(args[1]) }),
    file('file_write', tool, args[1], { from: absolute(args[0]) }),
  ],
  unlink: one('file_delete'),
  rm: one('file_delete'),
  rmdir: one('file_delete'),
  mkdir: one('file_write'),
  mkdtemp: one('file_write'),
  mkdtempDisposable: one('file_write'),
  symlink: link,
  link: hardLink,
  chmod: mode,
  lchmod: mode,
  chown: owner,
  lchown: owner,
  utimes: one('file_write'),
  lutimes: one('file_write'),
  fchmod: openMode,
  fchown: openOwner,
  futimes: openTimes,
};

/** The actions of a call that a monitor decides on. */
function actions(name, args) {
  const found = EFFECTS[name](name, args).filter((action) => action !== undefined);
  return loadsCode() ? found.filter(([actionType]) => actionType !== 'file_read') : found;
}

/** What a call is about to change, with the functions of this module that are still Node's own. */
function changesOf(name, args) {
  return unmonitored(() => changes(name, args, absolute));
}

function synchronous(name) {
  return (original) =>
    function (...args) {
      const monitor = current();
      if (monitor) monitor.filesSync(actions(name, args), changesOf(name, args));
      // Functions that are made of others were decided on as a whole.
      return unmonitored(() => Reflect.apply(original, this, args));
    };
}

function callback(name) {
  return (original) =>
    function (...args) {
      const monitor = current();
      const done = args.at(-1);
      // Without a callback the original throws, as it should.
      if (!monitor || typeof done !== 'function') return Reflect.apply(original, this, args);
      let asked;
      let changed;
      try {
        asked = actions(name, args);
        changed = changesOf(name, args);
      } catch (error) {
        process.nextTick(done, error);
        return undefined;
      }
      monitor.files(asked, changed).then(
        // Out of the promise: what the callback throws is not a rejection.
        () =>
          process.nextTick(() => {
            args[args.length - 1] = AsyncResource.bind(done);
            unmonitored(() => Reflect.apply(original, this, args));
          }),
        (error) => process.nextTick(done, error),
      );
      return undefined;
    };
}

function promising(name) {
  return (original) =>
    async function (...args) {
      const monitor = current();
      if (monitor) await monitor.files(actions(name, args), changesOf(name, args));
      const result = await unmonitored(() => Reflect.apply(original, this, args));
      if (name === 'open') watchHandles(result);
      return result;
    };
}

let watched = false;

/** What changes an open file by its `FileHandle`, whose class is known from the first one on. */
function watchHandles(handle) {
  if (watched) return;
  watched = true;
  const prototype = Object.getPrototypeOf(handle);
  for (const [name, method] of Object.entries(BY_DESCRIPTOR)) {
    replace(prototype, method, (original) =>
      async function (...args) {
        const monitor = current();
        if (monitor) await monitor.files(actions(name, [this.fd, ...args]), changesOf(name, [this.fd, ...args]));
        return unmonitored(() => Reflect.apply(original, this, args));
      });
  }
}

function install() {
  for (const name of Object.keys(EFFECTS)) {
    replace(fs, `${name}Sync`, synchronous(name));
    replace(fs, name, callback(name));
    replace(fs.promises, name, promising(name));
  }
  replace(fs, 'openAsBlob', (original) => async function (...args) {
    const monitor = current();
    if (monitor) for (const action of actions('readFile', [args[0]])) await monitor.decide(...action);
    return Reflect.apply(original, this, args);
  });
}

module.exports = { install };
