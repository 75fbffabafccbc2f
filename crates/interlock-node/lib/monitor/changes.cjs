'use strict';
// What each function of `fs` is about to change, as a rollback needs it: operations on paths, and why
// part of it cannot be undone. It may name more than happens, never less.

const fs = require('node:fs');
const path = require('node:path');

const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND } = fs.constants;

/** Entries of a tree that is copied. */
const ENTRIES_MAX = 100_000;

function statOf(name) {
  try {
    return fs.lstatSync(name);
  } catch {
    return undefined;
  }
}

const letters = { r: 0, 'r+': O_RDWR, w: O_TRUNC | O_CREAT | O_WRONLY, a: O_APPEND | O_CREAT | O_WRONLY };
letters['w+'] = letters.w | O_RDWR;
letters['a+'] = letters.a | O_RDWR;

/** The path of an open file, where the system tells it; `undefined` for what has none, such as a pipe. */
function ofDescriptor(descriptor) {
  if (!Number.isInteger(descriptor)) return undefined;
  try {
    const name = fs.readlinkSync(`/proc/self/fd/${descriptor}`);
    return name.startsWith('/') && statOf(name) !== undefined ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The bits of `flags`; what is not known counts as writing. */
function bits(flags, otherwise) {
  // In its place may be a callback.
  const given = typeof flags === 'function' ? otherwise : (flags ?? otherwise);
  if (typeof given === 'number') return given;
  const plain = String(given).replace(/[xs]/g, '');
  return letters[plain] ?? letters['w+'];
}

function opened(name, flags, otherwise) {
  const how = bits(flags, otherwise);
  if ((how & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)) === 0) return [];
  const grows = (how & O_APPEND) !== 0 && (how & O_TRUNC) === 0;
  return [{ what: grows ? 'append' : 'write', path: name }];
}

const flagOf = (options) => (typeof options === 'object' && options !== null ? options.flag : undefined);
const recursive = (options) => typeof options === 'object' && options !== null && options.recursive === true;

/** The directories that `mkdir -p` makes, outermost first. */
function missing(name) {
  const made = [];
  for (let at = path.resolve(name); statOf(at) === undefined; at = path.dirname(at)) {
    made.unshift({ what: 'create', path: at });
    if (path.dirname(at) === at) break;
  }
  return made;
}

/** What a copy does to the name that it writes, in place or anew: a copy that fails removes it. */
function replaced(name) {
  const there = statOf(name);
  // Nothing takes the place of a directory.
  if (there?.isDirectory()) return [{ what: 'metadata', path: name }];
  const write = { what: 'write', path: name };
  return there === undefined ? [write] : [write, { what: 'delete', path: name }];
}

/** What copying a tree writes: every name that it may make or replace. */
function copied(from, to, options) {
  const look = options?.dereference === true ? fs.statSync : fs.lstatSync;
  const ops = missing(path.dirname(to));
  const waiting = [[from, to]];
  for (let at = 0; at < waiting.length; at += 1) {
    if (waiting.length > ENTRIES_MAX) {
      return { ops: [], why: `\`${from}\` has more than ${ENTRIES_MAX} entries` };
    }
    const [source, target] = waiting[at];
    let stat;
    try {
      stat = look(source);
    } catch {
      // It fails there.
      continue;
    }
    if (stat.isDirectory()) {
      ops.push({ what: statOf(target) === undefined ? 'create' : 'metadata', path: target });
      for (const name of fs.readdirSync(source)) waiting.push([path.join(source, name), path.join(target, name)]);
    } else {
      ops.push(...replaced(target));
    }
  }
  return { ops, why: undefined };
}

const one = (what) => (name) => [{ what, path: name }];

/** The operations of each function, from its path and its other arguments. */
const OPS = {
  open: (name, [, flags]) => opened(name, flags, 'r'),
  readFile: (name, [, options]) => opened(name, flagOf(options), 'r'),
  writeFile: (name, [, , options]) => opened(name, flagOf(options), 'w'),
  appendFile: (name, [, , options]) => opened(name, flagOf(options), 'a'),
  truncate: one('write'),
  unlink: one('delete'),
  rm: (name, [, options]) =>
    recursive(options) && statOf(name)?.isDirectory() ? [{ what: 'rmtree', path: name }] : [{ what: 'delete', path: name }],
  rmdir: (name, [, options]) => [{ what: recursive(options) ? 'rmtree' : 'rmdir', path: name }],
  mkdir: (name, [, options]) => (recursive(options) ? missing(name) : [{ what: 'create', path: name }]),
  chmod: one('metadata'),
  chown: one('metadata'),
  utimes: one('metadata'),
  fchmod: one('metadata'),
  fchown: one('metadata'),
  futimes: one('metadata'),
  lchmod: one('link-metadata'),
  lchown: one('link-metadata'),
  lutimes: one('link-metadata'),
};

/** Those with two paths. */
const PAIRS = {
  copyFile: (_, to) => replaced(to),
  rename: (from, to) => [{ what: 'rename', path: from, to }],
  symlink: (_, to) => [{ what: 'create', path: to }],
  link: (_, to) => [{ what: 'create', path: to }],
};

/** Functions of an open file, and the methods of a `FileHandle` that are the same. */
const BY_DESCRIPTOR = { fchmod: 'chmod', fchown: 'chown', futimes: 'utimes' };

const NONE = { ops: [], why: undefined };

/** What `fs[name](...args)` is about to change: `ops`, and `why` something cannot be undone. */
function changes(name, args, absolute) {
  if (name === 'mkdtemp' || name === 'mkdtempDisposable') {
    return { ops: [], why: 'a temporary directory gets its name when it is made' };
  }
  const first = name in BY_DESCRIPTOR ? ofDescriptor(args[0]) : absolute(args[0]);
  if (name in OPS) {
    return first === undefined ? NONE : { ops: OPS[name](first, args), why: undefined };
  }
  const second = absolute(args[1]);
  if (second === undefined) return NONE;
  if (name === 'cp') return first === undefined ? NONE : copied(first, second, args[2]);
  return name in PAIRS ? { ops: PAIRS[name](first, second), why: undefined } : NONE;
}

module.exports = { changes, ofDescriptor, BY_DESCRIPTOR };
