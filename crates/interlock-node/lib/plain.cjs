'use strict';
// Arguments as a policy sees them, and the copy that the tool gets.
//
// Everything is read once: a getter or a proxy that answers differently the second time has no
// second time, because the tool runs with the copy that was decided on. What has no faithful JSON
// form is refused, because a decision on something else than what the tool gets is worth nothing.

const { types } = require('node:util');
const { InvalidAction } = require('./errors.cjs');
const native = require('./native.cjs');

const VALUES_MAX = native.JSON_VALUES_MAX;
const DEPTH_MAX = native.JSON_DEPTH_MAX;
const KEYS_MAX = native.JSON_KEYS_MAX;
const STRING_BYTES_MAX = native.STRING_BYTES_MAX;
const BODY_BYTES_MAX = native.BODY_BYTES_MAX;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const typedArrays = [
  Int8Array, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, Uint8ClampedArray,
];

/** What is shown of a value, or `undefined` for what says nothing, such as a signal. */
class Writer {
  constructor(field) {
    this.field = field;
    this.json = '';
    this.values = 0;
    this.signal = undefined;
  }

  refuse(what, code) {
    return new InvalidAction(`\`${this.field}\` ${what}`, code);
  }

  text(value) {
    if (value.length > STRING_BYTES_MAX) {
      throw this.refuse(
        `has a string of ${value.length} characters, the limit is ${STRING_BYTES_MAX} bytes`,
        'json.limit',
      );
    }
    // Such as half of an emoji: the tool would see something else than the policy.
    if (!value.isWellFormed()) throw this.refuse('holds a string that is not valid Unicode', 'json.unicode');
    this.json += JSON.stringify(value);
    return value;
  }

  number(value) {
    if (!Number.isFinite(value)) {
      throw this.refuse('holds a number that is not finite', 'json.number');
    }
    this.json += String(value);
    return value;
  }

  /** Appends the JSON of `value`; answers the copy. */
  value(value, depth) {
    if (++this.values > VALUES_MAX) {
      throw this.refuse(`has more than ${VALUES_MAX} values`, 'json.limit');
    }
    if (depth > DEPTH_MAX) {
      throw this.refuse(`is nested deeper than ${DEPTH_MAX}, or contains itself`, 'json.limit');
    }
    if (this.json.length > BODY_BYTES_MAX) {
      throw this.refuse(`has more than ${BODY_BYTES_MAX} bytes as JSON`, 'action.too-large');
    }
    switch (typeof value) {
      case 'string':
        return this.text(value);
      case 'number':
        return this.number(value);
      case 'boolean':
        this.json += value ? 'true' : 'false';
        return value;
      case 'bigint':
        this.json += value.toString();
        return value;
      case 'undefined':
        this.json += 'null';
        return value;
      case 'object':
        break;
      default:
        throw this.refuse(`holds a ${typeof value}, which cannot be shown to a policy`, 'action.field-type');
    }
    if (value === null) {
      this.json += 'null';
      return null;
    }
    if (Array.isArray(value)) return this.list(value, depth);
    const prototype = Object.getPrototypeOf(value);
    // Of any realm: what has no class of its own.
    if (prototype === null || Object.getPrototypeOf(prototype) === null) {
      return this.object(value, depth);
    }
    return this.known(value, depth);
  }

  list(list, depth) {
    const { length } = list;
    if (length > VALUES_MAX) {
      throw this.refuse(`has more than ${VALUES_MAX} values`, 'json.limit');
    }
    const copy = new Array(length);
    this.json += '[';
    for (let i = 0; i < length; i++) {
      if (i > 0) this.json += ',';
      copy[i] = this.value(list[i], depth + 1);
    }
    this.json += ']';
    return copy;
  }

  keys(count) {
    if (count > KEYS_MAX) {
      throw this.refuse(`has an object of ${count} keys, the limit is ${KEYS_MAX}`, 'json.limit');
    }
  }

  object(object, depth) {
    const keys = Object.keys(object);
    this.keys(keys.length);
    for (const symbol of Object.getOwnPropertySymbols(object)) {
      if (Object.getOwnPropertyDescriptor(object, symbol)?.enumerable) {
        throw this.refuse('has a key that is no string', 'json.key');
      }
    }
    const copy = Object.getPrototypeOf(object) === null ? Object.create(null) : {};
    this.json += '{';
    let first = true;
    for (const key of keys) {
      const inner = object[key];
      // Absent for the policy, so absent for the tool.
      if (inner === undefined) continue;
      if (inner instanceof AbortSignal) {
        this.signal ??= inner;
        copy[key] = inner;
        continue;
      }
      if (!first) this.json += ',';
      first = false;
      this.text(key);
      this.json += ':';
      const value = this.value(inner, depth + 1);
      if (key === '__proto__') {
        Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        copy[key] = value;
      }
    }
    this.json += '}';
    return copy;
  }

  bytes(view) {
    let text;
    try {
      text = strict.decode(view);
    } catch {
      text = Buffer.from(view).toString('base64');
    }
    this.text(text);
  }

  /** An instance of a class whose contents are known in full. */
  known(value, depth) {
    if (types.isDate(value)) {
      const copy = new Date(Date.prototype.getTime.call(value));
      if (Number.isNaN(copy.getTime())) {
        throw this.refuse('holds an invalid date', 'action.field-type');
      }
      this.text(copy.toISOString());
      return copy;
    }
    if (types.isMap(value)) return this.map(value, depth);
    if (types.isSet(value)) {
      const items = [];
      Set.prototype.forEach.call(value, (item) => items.push(item));
      return new Set(this.list(items, depth));
    }
    if (types.isUint8Array(value)) {
      const copy = Buffer.isBuffer(value) ? Buffer.from(value) : new Uint8Array(value);
      this.bytes(copy);
      return copy;
    }
    if (types.isTypedArray(value)) {
      const type = typedArrays.find((type) => value instanceof type);
      if (type) {
        const copy = new type(value);
        this.list(Array.from(copy), depth);
        return copy;
      }
    }
    if (types.isArrayBuffer(value)) {
      const copy = ArrayBuffer.prototype.slice.call(value, 0);
      this.bytes(new Uint8Array(copy));
      return copy;
    }
    if (types.isRegExp(value)) {
      const copy = new RegExp(value);
      this.text(String(copy));
      return copy;
    }
    if (value instanceof URL) {
      const copy = new URL(value.href);
      this.text(copy.href);
      return copy;
    }
    if (value instanceof URLSearchParams) {
      const copy = new URLSearchParams(value.toString());
      this.text(copy.toString());
      return copy;
    }
    if (value instanceof AbortSignal) {
      this.signal ??= value;
      this.json += 'null';
      return value;
    }
    throw this.refuse(
      `holds an object of class \`${className(value)}\`, which cannot be shown to a policy; ` +
        'pass plain values, or describe the action with `check()`',
      'action.field-type',
    );
  }

  map(map, depth) {
    const entries = [];
    Map.prototype.forEach.call(map, (value, key) => entries.push([key, value]));
    this.keys(entries.length);
    const copy = new Map();
    const names = new Set();
    this.json += '{';
    for (const [key, value] of entries) {
      if (typeof key !== 'string' && typeof key !== 'number') {
        throw this.refuse('has a key that is no string', 'json.key');
      }
      const name = String(key);
      if (names.has(name)) throw this.refuse(`has the key \`${name}\` twice`, 'json.duplicate-key');
      if (names.size > 0) this.json += ',';
      names.add(name);
      this.text(name);
      this.json += ':';
      copy.set(key, this.value(value, depth + 1));
    }
    this.json += '}';
    return copy;
  }
}

function className(value) {
  try {
    return String(Object.getPrototypeOf(value)?.constructor?.name ?? 'Object').slice(0, 64);
  } catch {
    return 'Object';
  }
}

/**
 * The JSON of `value` for a policy, and the copy that the tool gets; also the first AbortSignal in
 * it, which is passed on but not shown. Throws InvalidAction for what cannot be shown.
 */
function snapshot(field, value) {
  const writer = new Writer(field);
  const copy = writer.value(value, 0);
  return { json: writer.json, copy, signal: writer.signal };
}

/** Whether a call with this one argument names its arguments itself. */
function isPlainObject(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** `replacement` in the original's own types, wherever only text changed. */
function redacted(original, replacement) {
  if (typeof original === 'string') return replacement;
  if (typeof original !== 'object' || original === null) return original;
  if (original instanceof AbortSignal) return original;
  if (Array.isArray(original) && Array.isArray(replacement)) {
    return original.map((item, i) => redacted(item, replacement[i]));
  }
  if (types.isMap(original)) {
    return new Map([...original].map(([key, value]) => [key, redacted(value, replacement[String(key)])]));
  }
  if (types.isSet(original)) {
    return new Set([...original].map((item, i) => redacted(item, replacement[i])));
  }
  if (isPlainObject(original)) {
    const copy = {};
    for (const key of Object.keys(original)) {
      Object.defineProperty(copy, key, {
        value: redacted(original[key], replacement[key]),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return copy;
  }
  const shown = snapshot('arguments', original).json;
  return shown === JSON.stringify(replacement) ? original : replacement;
}

module.exports = { snapshot, redacted, isPlainObject };
