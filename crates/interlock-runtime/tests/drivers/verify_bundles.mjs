// Verifies many evidence bundles with verify.html, a verdict per line; the input is that of
// verify_bundles.py.
//   node verify_bundles.mjs VERIFIERS < CASES
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { verifyBundle } = await import(pathToFileURL(join(process.argv[2], "verify_node.mjs")));
let first = null;
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (first === null) {
    first = JSON.parse(line);
    continue;
  }
  const { code, line: verdict } = await verifyBundle(readFileSync(line), first.vkeys, first.checkpoints);
  process.stdout.write(`${code} ${verdict}\n`);
}
