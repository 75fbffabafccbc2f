#!/usr/bin/env python3
"""Builds the wheel from what the tests were built from, installs it in a clean virtual environment
where there is no compiler, and runs the README's lines of Python.

usage: wheel.py VENV    (VENV has maturin; see tools.sh)
"""

import os
import re
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "crates" / "interlock-python"
FILES = [
    "interlock/__init__.py",
    "interlock/_core.abi3.so",
    "interlock/_core.pyi",
    "interlock/py.typed",
    "interlock/vaultak.py",
]


def build(tools: Path, out: Path) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    subprocess.run(
        [tools / "maturin", "build", "--quiet", "--profile", "dev", "--out", out],
        cwd=PACKAGE,
        env={**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target")},
        check=True,
    )
    [wheel] = out.glob("*.whl")
    assert "-cp310-abi3-" in wheel.name, wheel.name
    held = set(zipfile.ZipFile(wheel).namelist())
    missing = [name for name in FILES if name not in held]
    assert not missing, f"the wheel lacks {missing}"
    return wheel


def main() -> None:
    tools = Path(sys.argv[1]).resolve() / "bin"
    out = ROOT / "target" / "wheel"
    started = time.monotonic()
    wheel = build(tools, out)
    clean = out / "venv"
    venv.create(clean, with_pip=True)
    # Nothing is found that could build anything, and nothing is fetched.
    bare = {"PATH": str(clean / "bin"), "HOME": str(out)}
    subprocess.run(
        [clean / "bin" / "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", wheel],
        env=bare,
        check=True,
    )
    [lines] = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.S)
    ran = subprocess.run(
        [clean / "bin" / "python", "-W", "error", "-c", lines],
        cwd=out,
        env=bare,
        capture_output=True,
        text=True,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "not permitted" in said and "unbounded-writes" in said, said
    print(f"{wheel.name}: built, installed and run in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
