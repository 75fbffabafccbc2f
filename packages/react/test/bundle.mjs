// Bundles the test's page for the browser and its rendering for Node: bundle.mjs DIRECTORY
import { createRequire } from 'node:module';
import { join } from 'node:path';

const dir = process.argv[2];
const { buildSync } = createRequire(join(dir, 'x.js'))('esbuild');
const common = {
  absWorkingDir: dir,
  bundle: true,
  jsx: 'automatic',
  alias: { '@interlock/react': join(dir, 'dist/index.js') },
  logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"development"' },
};
buildSync({ ...common, entryPoints: ['test/client.jsx'], outfile: 'client.js', format: 'iife' });
buildSync({ ...common, entryPoints: ['test/server.jsx'], outfile: 'server.cjs', format: 'cjs', platform: 'node' });
