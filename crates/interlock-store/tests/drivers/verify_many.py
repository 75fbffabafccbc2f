"""Verifies many altered copies of one log with verify.py, a verdict per line.

    verify_many.py VERIFIERS < CASES

The first line of the input is {"files": {path: base64}, "vkeys": [...], "checkpoints": [...]}, each
further one {path: null | [at, cut, base64]}: the files that differ, each gone or with `cut` bytes
at `at` replaced.
"""

import base64
import json
import sys

sys.path.insert(0, sys.argv[1])
import verify  # noqa: E402


class Files:
    def __init__(self, files):
        self.files = files

    def list(self, folder):
        inside = (p[len(folder) + 1 :] for p in self.files if p.startswith(folder + "/"))
        return list({name.split("/")[0] for name in inside})

    def read(self, path):
        return self.files.get(path)


first = json.loads(sys.stdin.readline())
base = {path: base64.b64decode(data) for path, data in first["files"].items()}
for line in sys.stdin:
    files = dict(base)
    for path, patch in json.loads(line).items():
        if patch is None:
            files.pop(path, None)
            continue
        at, cut, inserted = patch
        old = files.get(path, b"")
        files[path] = old[:at] + base64.b64decode(inserted) + old[at + cut :]
    code, verdict = verify.Verifier(Files(files), first["vkeys"], first["checkpoints"]).run()
    print(code, verdict)
