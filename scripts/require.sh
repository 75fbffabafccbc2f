#!/bin/sh
# Says what is missing, and how to get it, before anything fails halfway.
missing=0
for tool in "$@"; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        missing=1
        case "$tool" in
            cargo) echo "missing: cargo. Install Rust 1.95 or later with rustup." >&2 ;;
            python3) echo "missing: python3. On Debian: apt-get install python3 python3-venv." >&2 ;;
            node) echo "missing: node. Install Node.js 20 or later." >&2 ;;
            *) echo "missing: $tool" >&2 ;;
        esac
    fi
done
if ! command -v cc >/dev/null 2>&1; then
    echo "missing: cc. On Debian: apt-get install build-essential." >&2
    missing=1
fi
exit $missing
