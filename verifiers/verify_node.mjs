// Runs the verifier of verify.html without a browser, with the options of verify.py:
//   node verify_node.mjs DIR --vkey VKEY [--checkpoint FILE]... | --batch FILE
import { readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const page = readFileSync(join(dirname(fileURLToPath(import.meta.url)), "verify.html"), "utf8");
const script = /<script id="verifier">([\s\S]*?)<\/script>/.exec(page)[1];
const context = vm.createContext({
  crypto: globalThis.crypto, TextEncoder, TextDecoder, atob, btoa, Blob, Response,
  DecompressionStream, Uint8Array, DataView,
});
const { Verifier, Files } = vm.runInContext(`${script}\n({ Verifier, Files })`, context);

function load(dir) {
  const files = new Map();
  const walk = (path) => {
    for (const name of readdirSync(path)) {
      const full = join(path, name);
      if (statSync(full).isDirectory()) walk(full);
      else files.set(relative(dir, full).split(sep).join("/"), new Uint8Array(readFileSync(full)));
    }
  };
  walk(dir);
  return files;
}

function patched(base, patches) {
  const files = new Map(base);
  for (const [path, patch] of Object.entries(patches)) {
    if (patch === null) {
      files.delete(path);
      continue;
    }
    const [at, cut, inserted] = patch, old = files.get(path) ?? new Uint8Array();
    const put = Buffer.from(inserted, "base64");
    const bytes = new Uint8Array(old.length - cut + put.length);
    bytes.set(old.subarray(0, at));
    bytes.set(put, at);
    bytes.set(old.subarray(at + cut), at + put.length);
    files.set(path, bytes);
  }
  return files;
}

const options = { vkey: [], checkpoint: [], batch: null, dir: null };
for (let args = process.argv.slice(2); args.length;) {
  const arg = args.shift();
  if (arg === "--vkey") options.vkey.push(args.shift());
  else if (arg === "--checkpoint") options.checkpoint.push(readFileSync(args.shift(), "utf8"));
  else if (arg === "--batch") options.batch = args.shift();
  else options.dir = arg;
}
const run = (files) => new Verifier(new Files(files), options.vkey, options.checkpoint).run();
if (options.batch) {
  const bases = new Map();
  for (const line of readFileSync(options.batch, "utf8").split("\n")) {
    if (!line) continue;
    const { dir, patches } = JSON.parse(line);
    if (!bases.has(dir)) bases.set(dir, load(dir));
    const verdict = await run(patched(bases.get(dir), patches));
    console.log(`${verdict.code} ${verdict.line}`);
  }
} else {
  const verdict = await run(load(options.dir));
  console.log(verdict.line);
  process.exitCode = verdict.code;
}
