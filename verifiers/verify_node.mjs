// Runs the verifier of verify.html without a browser, with the options of verify.py:
//   node verify_node.mjs DIR --vkey VKEY [--checkpoint FILE]...
import { readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";

const here = fileURLToPath(import.meta.url);
const page = readFileSync(join(dirname(here), "verify.html"), "utf8");
const script = /<script id="verifier">([\s\S]*?)<\/script>/.exec(page)[1];
const context = vm.createContext({
  crypto: globalThis.crypto, TextEncoder, TextDecoder, atob, btoa, Blob, Response,
  DecompressionStream, Uint8Array, DataView,
});
/** The page's verifier, and files in memory for it to read. */
export const { Verifier, Files, BundleVerifier, ZipFiles, FolderFiles, Bad } = vm.runInContext(
  `${script}\n({ Verifier, Files, BundleVerifier, ZipFiles, FolderFiles, Bad })`, context);

/** The verdict on an evidence bundle: the bytes of a zip. */
export async function verifyBundle(zip, vkeys, checkpoints) {
  try {
    return await new BundleVerifier(await ZipFiles.open(new Blob([zip])), vkeys, checkpoints).run();
  } catch (error) {
    if (error instanceof Bad) return { code: error.code, line: error.line };
    throw error;
  }
}

/** The files below a folder, by path. */
export function load(dir) {
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

if (process.argv[1] === here) {
  const vkeys = [], checkpoints = [];
  let dir = null;
  for (let args = process.argv.slice(2); args.length;) {
    const arg = args.shift();
    if (arg === "--vkey") vkeys.push(args.shift());
    else if (arg === "--checkpoint") checkpoints.push(readFileSync(args.shift(), "utf8"));
    else dir = arg;
  }
  const verdict = statSync(dir).isFile()
    ? await verifyBundle(readFileSync(dir), vkeys, checkpoints)
    : await new Verifier(new Files(load(dir)), vkeys, checkpoints).run();
  console.log(verdict.line);
  process.exitCode = verdict.code;
}
