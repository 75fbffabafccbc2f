// Verifies many altered copies of one log with verify.html, a verdict per line; the input is that
// of verify_many.py.
//   node verify_many.mjs VERIFIERS < CASES
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const script = pathToFileURL(join(process.argv[2], "verify_node.mjs"));
const { Files, Verifier } = await import(script);

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
let base = null, vkeys, checkpoints;
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (base === null) {
    const first = JSON.parse(line);
    base = new Map(Object.entries(first.files).map(([path, data]) => [path, bytes(data)]));
    ({ vkeys, checkpoints } = first);
    continue;
  }
  const files = new Map(base);
  for (const [path, patch] of Object.entries(JSON.parse(line))) {
    if (patch === null) {
      files.delete(path);
      continue;
    }
    const [at, cut, inserted] = patch, old = files.get(path) ?? new Uint8Array();
    const put = bytes(inserted), patched = new Uint8Array(old.length - cut + put.length);
    patched.set(old.subarray(0, at));
    patched.set(put, at);
    patched.set(old.subarray(at + cut), at + put.length);
    files.set(path, patched);
  }
  const { code, line: verdict } = await new Verifier(new Files(files), vkeys, checkpoints).run();
  if (!process.stdout.write(`${code} ${verdict}\n`)) await once(process.stdout, "drain");
}
