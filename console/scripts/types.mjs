// Makes src/api/schema.ts from docs/openapi.json, or with --check says whether it is current.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../docs/openapi.json', import.meta.url);
const target = new URL('../src/api/schema.ts', import.meta.url);
const head = '// Made from docs/openapi.json by `make generate`. Do not edit.\n\n';
const text = head + astToString(await openapiTS(source));
if (process.argv.includes('--check')) {
  let committed = '';
  try {
    committed = readFileSync(target, 'utf8');
  } catch {
    // Not there is not current.
  }
  if (committed !== text) {
    console.error('console/src/api/schema.ts is stale: run `make generate` and commit it');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
