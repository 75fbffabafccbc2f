#!/bin/sh
# Builds the web console into console/dist, packages and hashes from its lock file. Without Node.js
# the server says at `/` how to build it. With `test` it is checked and tested as well;
# with `types` only its types of the API are made anew.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here/console"
for tool in node npm; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "$tool is not installed: the console is not built" >&2
        exit 0
    fi
done
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
    echo "Node.js 20.19 is needed to build the console, this is $(node --version): it is not built" >&2
    exit 0
fi
if ! cmp -s package-lock.json node_modules/.installed; then
    echo "installing the packages of the console"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/.installed
fi
if [ "${1:-}" = types ]; then
    exec node scripts/types.mjs
fi
# Sources that are older than what they were built to need not be built again.
if [ ! -e dist/index.html ] || [ -n "$(find index.html package-lock.json vite.config.ts src -newer dist/index.html -print | head -n 1)" ]; then
    node node_modules/vite/bin/vite.js build --logLevel warn
fi
if [ "${1:-}" = test ]; then
    node scripts/types.mjs --check
    node node_modules/typescript/bin/tsc --noEmit
    NO_COLOR=1 node node_modules/vitest/vitest.mjs run --reporter dot
    node scripts/size.mjs
fi
