#!/usr/bin/env python3
"""Drives what takes evidence out and opens it, in a headless Chromium against a running server.

    verify_console_evidence.py BASE KEY                   the journey
    verify_console_evidence.py BASE KEY --fixtures FILE   writes what the tests of the bundle verifier read

The bundle is taken by the form, verified by verify.html and by the screen Open file, and altered; every
verdict is held against that of verify.py.
"""

import argparse
import base64
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import browser
from verify_console import HOSTILE, Api, heard, sign_in, until

ROOT = pathlib.Path(__file__).resolve().parent.parent
VERIFIERS = ROOT / "verifiers"
PAGE = (VERIFIERS / "verify.html").as_uri()


def python(path, vkey):
    done = subprocess.run([sys.executable, str(VERIFIERS / "verify.py"), str(path), "--vkey", vkey],
                          capture_output=True, text=True, timeout=300)
    assert done.stderr == "", done.stderr
    return done.stdout.rstrip("\n")


def files_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def cases(data):
    """Altered bundles by name: what changed, as operations on files and on the zip."""
    size = len(files_of(data)["entries.jsonl"])
    return {
        "as it was taken": [],
        "packed again": [["pack"]],
        "a byte of an entry": [["xor", "entries.jsonl", size // 2, 1]],
        "the last byte of the entries": [["xor", "entries.jsonl", size - 1, 1]],
        "a byte of a table": [["xor", "approvals.csv", 3, 4]],
        "a byte of a tile": [["xor", "tile/0/", 40, 128]],
        "a byte of the checkpoint": [["xor", "checkpoint", 5, 1]],
        "a byte of the manifest": [["xor", "manifest.json", 30, 1]],
        "a byte of its note": [["xor", "manifest.note", 3, 1]],
        "a byte of the keys": [["xor", "keys/keys.json", 30, 1]],
        "a byte of the ranges": [["xor", "ranges.csv", 13, 1]],
        "a file gone": [["remove", "README.html"]],
        "a file more": [["add", "notes.txt"]],
        "a path upwards": [["add", "../notes.txt"]],
        "a name that hides": [["add", "a\u202eb.txt"]],
        "cut": [["cut", 40]],
    }


def apply(data, ops):
    if not ops:
        return data
    files, cut = files_of(data), 0
    for op, *args in ops:
        if op == "xor":
            name = next(n for n in files if n.startswith(args[0]))
            content = bytearray(files[name])
            content[args[1]] ^= args[2]
            files[name] = bytes(content)
        elif op == "remove":
            files.pop(args[0])
        elif op == "add":
            files[args[0]] = b"trust me"
        elif op == "cut":
            cut = args[0]
    out = zipped(files)
    return out[: len(out) - cut]


def take(api, body=None):
    return api.raw("POST", "/api/evidence", body or {})


def prepare(api):
    """A few actions, one of them by an agent with a hostile name for its tool."""
    for n in range(6):
        api("POST", "/api/check", {"agent_id": "evidence-bot", "action_type": "file_read", "resource": f"/srv/{n}.md",
                                   "tool": HOSTILE[:60], "run_id": "evidence/run"})
    return api("GET", "/api/audit/checkpoint")["vkey"]


def opened(page, path, vkey):
    """The verdict of Open file."""
    page.fill("#open-key", vkey)
    page.choose("#open-file", path)
    until(page, "document.querySelector('[data-screen=open] [role=status]').innerText.includes('Reading') === false"
                " && (document.querySelector('[data-line]') || document.querySelector('[data-screen=open] [role=alert]').innerText)", 60)
    return page.evaluate("document.querySelector('[data-line]')?.dataset.line"
                         " ?? document.querySelector('[data-screen=open] [role=alert]').innerText")


def journey(base, key):
    """Runs all of it; answers what was seen. Raises at the first that goes wrong."""
    api, seen = Api(base, key), []
    vkey = prepare(api)
    with tempfile.TemporaryDirectory() as scratch, browser.Page() as page:
        scratch = pathlib.Path(scratch)
        # Taken by the form.
        sign_in(page, base, key)
        until(page, "document.querySelector('nav')")
        page.open(base + "/audit")
        if page.evaluate("Boolean(document.querySelector('.sign-in input'))"):
            sign_in(page, base, key)
        until(page, "document.querySelector('.evidence-export')")
        page.click(".evidence-export button")
        heard(page, ".evidence-export ~ [role=status]", "is on record", 60)
        page.click(".evidence-report button")
        heard(page, ".evidence-export ~ [role=status]", "report-", 60)
        page.fill(".evidence-export input[name=run]", "there is no such run")
        page.click(".evidence-export button")
        heard(page, ".evidence-export ~ [role=alert]", "no such", 60)
        seen.append("exported and reported by the form")

    bundle = take(api)
    with tempfile.TemporaryDirectory() as scratch, browser.Page() as page:
        scratch = pathlib.Path(scratch)
        # Opened without a key of the server, and without asking it.
        page.open(base + "/open")
        until(page, "document.querySelector('#open-file')", 20)
        before = len([e for e in page.events if e["method"] == "Network.requestWillBeSent"])
        for name, ops in cases(bundle).items():
            path = scratch / "evidence.zip"
            path.write_bytes(apply(bundle, ops))
            wanted, found = python(path, vkey), opened(page, path, vkey)
            assert wanted in found, (name, wanted, found)
            if name == "as it was taken":
                assert wanted.startswith("ok "), wanted
                until(page, "document.querySelector('.open-split [role=listbox], .open-split [role=grid], .open-split .row-main')")
                page.fill("#open-filter", "evidence-bot")
                until(page, "document.querySelectorAll('.open-split .row-main').length > 3")
                assert page.evaluate("document.querySelectorAll('[data-screen=open] img, [data-screen=open] a[href^=http]').length") == 0
                assert page.evaluate("Boolean(document.querySelector('[data-screen=open] [data-mark=hidden]'))")
        lines = scratch / "lines.jsonl"
        lines.write_bytes(files_of(bundle)["entries.jsonl"] + b'{"kind":"<img src=x>"}\nnot json\n')
        page.choose("#open-file", lines)
        heard(page, "[data-screen=open] .verdict", "Not verified", 30)
        after = [e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"]
        # The browser fetches the icon of the page when it likes.
        asked = [url for url in after[before:] if not url.startswith(("blob:", "data:")) and "/assets/icon" not in url]
        assert not asked, asked
        seen.append(f"{len(cases(bundle))} bundles opened offline")

        # The page that an auditor opens from the disk.
        page.open(PAGE)
        page.fill("#vkey", vkey)
        for name, ops in cases(bundle).items():
            path = scratch / "evidence.zip"
            path.write_bytes(apply(bundle, ops))
            wanted = python(path, vkey)
            page.evaluate("document.getElementById('verdict').textContent = ''; document.getElementById('meaning').textContent = ''")
            page.choose("#zip", path)
            until(page, "!document.getElementById('verify').disabled || document.getElementById('result').className === 'bad'", 60)
            said = f"(document.getElementById('verdict').textContent || document.getElementById('meaning').textContent)"
            page.until(f"{said}.length > 0", 60)
            until(page, f"{said}.includes({json.dumps(wanted)})", 30)
        seen.append(f"{len(cases(bundle))} bundles verified by verify.html")
    return ", ".join(seen)


def fixtures(base, key, path):
    api = Api(base, key)
    vkey = prepare(api)
    bundle, out = take(api, {"run": "evidence/run"}), []
    with tempfile.TemporaryDirectory() as scratch:
        for name, ops in cases(bundle).items():
            file = pathlib.Path(scratch) / "evidence.zip"
            file.write_bytes(apply(bundle, ops))
            out.append({"name": name, "ops": ops, "line": python(file, vkey)})
    said = {"vkey": vkey, "zip": base64.b64encode(bundle).decode(), "cases": out}
    pathlib.Path(path).write_text(json.dumps(said, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("key")
    parser.add_argument("--fixtures")
    options = parser.parse_args()
    if options.fixtures:
        fixtures(options.base, options.key, options.fixtures)
    else:
        print(journey(options.base, options.key))


if __name__ == "__main__":
    main()
