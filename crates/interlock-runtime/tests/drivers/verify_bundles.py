"""Verifies many evidence bundles with verify.py, a verdict per line.

    verify_bundles.py VERIFIERS < CASES

The first line of the input is {"vkeys": [...], "checkpoints": [...]}, each further one the path of a zip.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])
import verify  # noqa: E402

first = json.loads(sys.stdin.readline())
for line in sys.stdin:
    code, verdict, _ = verify.verify_bundle(line.rstrip("\n"), first["vkeys"], first["checkpoints"])
    print(code, verdict, flush=True)
