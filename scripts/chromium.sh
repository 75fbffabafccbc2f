#!/bin/sh
# Sees to a Chromium for the tests of pages. Without one they are skipped, which this says.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing chromium, for the tests of pages"
    log=$(mktemp)
    if { apt-get update && DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends chromium; } >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 3 "$log" >&2
    rm -f "$log"
fi
echo "chromium is not installed: the tests of pages are skipped (on Debian: apt-get install chromium)" >&2
