#!/bin/sh
# Installs what the tests of the JavaScript packages use below target/, versions and hashes from the
# lock file. Without Node.js or npm those tests are skipped, which this says.
set -eu
here=$(cd "$(dirname "$0")/node" && pwd)
for tool in node npm; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        echo "$tool is not installed: tests of the JavaScript packages are skipped" >&2
        exit 0
    fi
done
mkdir -p target
stamp=target/node_modules/.installed
cmp -s "$here/package-lock.json" "$stamp" && exit 0
echo "installing test packages into target/node_modules"
cp "$here/package.json" "$here/package-lock.json" target/
npm ci --prefix target --ignore-scripts --no-audit --no-fund --loglevel=error
cp "$here/package-lock.json" "$stamp"
