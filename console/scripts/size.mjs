// Prints what the console weighs over the wire, and fails where it is too much.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const MAX = 300 * 1024;
const dist = new URL('../dist/', import.meta.url);
const files = readdirSync(dist, { recursive: true }).filter((name) => statSync(new URL(name, dist)).isFile());
const sum = files.reduce((n, name) => n + gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length, 0);
console.log(`console: ${files.length} files, ${(sum / 1024).toFixed(1)} KB gzipped, at most ${MAX / 1024}`);
if (sum > MAX) process.exit(1);
