"""What a sandbox adds to operations on files, in microseconds.

    target/venv/bin/python bench/python/files.py

The same operations run plainly, in a monitor and in a sandbox, with `durability="batch"` and a policy
without detectors. A busy machine shows in the medians; the tenth percentile says what the work itself takes.
"""

import argparse
import os
import pathlib
import statistics
import tempfile
import time

from interlock import Interlock

POLICY = """
interlock: 1
default: allow
detectors: {}
rules: []
"""


def write(root, number):
    with open(root / f"new-{number}", "wb") as file:
        file.write(b"x" * 1_000)


def change(root, number):
    with open(root / f"old-{number}", "ab") as file:
        file.write(b"x")


def read(root, number):
    with open(root / f"old-{number}", "rb") as file:
        file.read()


def look(root, number):
    os.stat(root / f"old-{number}")


def remove(root, number):
    os.remove(root / f"old-{number}")


OPERATIONS = {"write": write, "change": change, "read": read, "stat": look, "remove": remove}


def measured(root, rounds):
    """The times of each operation."""
    root.mkdir()
    for number in range(rounds):
        (root / f"old-{number}").write_bytes(b"x" * 1_000)
    yield
    found = {}
    for name, operation in OPERATIONS.items():
        times = []
        for number in range(rounds):
            begun = time.perf_counter()
            operation(root, number)
            times.append((time.perf_counter() - begun) * 1e6)
        found[name] = times
    yield found


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=500)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as made:
        inner = pathlib.Path(made)
        policy = inner / "policy.yaml"
        policy.write_text(POLICY)
        il = Interlock(inner / "data", agent="bench", policy=policy, durability="batch")
        ways = {}
        for way in ("plain", "monitor", "sandbox"):
            run = measured(inner / way, rounds)
            next(run)
            if way == "plain":
                ways[way] = next(run)
            else:
                with getattr(il, way)():
                    ways[way] = next(run)
        il.close()
    print(f"{'':10}" + "".join(f"{way:>24}" for way in ways))
    print(f"{'':10}" + f"{'median':>14}{'p10':>10}" * len(ways))
    for name in OPERATIONS:
        line = f"{name:10}"
        for found in ways.values():
            times = sorted(found[name])
            line += f"{statistics.median(times):14.1f}{times[len(times) // 10]:10.1f}"
        print(line)


if __name__ == "__main__":
    main()
