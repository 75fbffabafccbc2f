'use strict';
// The addon for this platform.

function target() {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform !== 'linux') return base;
  const glibc = process.report?.getReport().header.glibcVersionRuntime;
  return `${base}-${glibc ? 'gnu' : 'musl'}`;
}

function load() {
  const name = target();
  try {
    return require(`../native/${name}.node`);
  } catch (cause) {
    throw new Error(`@interlock/sdk has no library for ${name}, or it does not load`, { cause });
  }
}

module.exports = load();
