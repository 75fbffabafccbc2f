#!/bin/sh
# Runs every fuzz target for FUZZ_SECONDS (30), or those that are named; stops at the first finding.
set -eu
seconds=${FUZZ_SECONDS:-30}
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "missing: cargo-fuzz. Install it with: cargo install --locked cargo-fuzz" >&2
    echo "its runtime is C++: on Debian, apt-get install g++" >&2
    exit 1
fi
cd "$(dirname "$0")/.."
python3 scripts/fuzz_seeds.py
# The stable compiler holds all that the instrumentation needs. No sanitizer: the project's code has
# no unsafe, and without one more inputs run in the same time.
export RUSTC_BOOTSTRAP=1
if [ $# -eq 0 ]; then
    set -- $(cargo fuzz list)
    cargo fuzz build --sanitizer none
fi
for target in "$@"; do
    echo "== $target, $seconds s"
    words="fuzz/corpus/$target.dict"
    [ -s "$words" ] && dict="-dict=$words" || dict=""
    cargo fuzz run --sanitizer none "$target" -- \
        -max_total_time="$seconds" -timeout=10 -report_slow_units=2 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 -verbosity=1 $dict
done
