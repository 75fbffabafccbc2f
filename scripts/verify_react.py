#!/usr/bin/env python3
"""Builds packages/react, renders its test page on a server, and drives it in a headless Chromium
against the real server, as an application would embed it: same origin, the key kept by the
application.

    verify_react.py BASE KEY

BASE is the address of a running server, KEY one of its keys.
"""

import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import browser

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODULES = ROOT / "target" / "node_modules"
MESSAGE = "#form [data-interlock=secure-input]"


def missing():
    """What this cannot run without, or None."""
    if not shutil.which("node"):
        return "node is not installed"
    if not (MODULES / "esbuild").exists():
        return "the test packages are not installed (make tools)"
    return None


def node(*args):
    ran = subprocess.run(["node", *map(str, args)], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout


def built():
    """The package and the test's page, in a directory from which its packages are found."""
    into = ROOT / "target" / "react"
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(ROOT / "packages" / "react", into, ignore=shutil.ignore_patterns("dist"))
    node(MODULES / "typescript" / "bin" / "tsc", "-p", into)
    for name in ("SecureInput", "SecurityBadge", "usePiiCheck"):
        # Without it Next.js would render them where there are no effects.
        first = (into / "dist" / f"{name}.js").read_text().lstrip()
        assert first.startswith(("'use client'", '"use client"')), f"{name}: {first[:40]}"
    node(into / "test" / "bundle.mjs", into)
    return into


class Application(http.server.ThreadingHTTPServer):
    """The page, and a route to the server that adds the key."""

    daemon_threads = True

    def __init__(self, base, key, html, script):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base, self.key, self.html, self.script = base, key, html, script
        self.masks, self.down, self.slow_s = [], False, {}
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/":
            page = f"<!doctype html><title>t</title><link rel=icon href='data:,'><div id=root>{self.server.html}</div><script src=/client.js></script>"
            self.answer(200, "text/html; charset=utf-8", page.encode())
        elif self.path == "/client.js":
            self.answer(200, "text/javascript", self.server.script)
        else:
            self.forward(None)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        text = json.loads(body)["text"]
        self.server.masks.append(text)
        time.sleep(self.server.slow_s.get(text, 0))
        self.forward(body)

    def forward(self, body):
        if self.server.down:
            return self.answer(503, "application/json", b"{}")
        request = urllib.request.Request(
            self.server.base + self.path, data=body,
            headers={"x-api-key": self.server.key, "content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, found = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, found = error.code, error.read()
        except urllib.error.URLError:
            status, found = 503, b"{}"  # The page outlived the server.
        try:
            self.answer(status, "application/json", found)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The page lost interest.


def api(base, key, method, path, body):
    request = urllib.request.Request(
        base + path, method=method, data=json.dumps(body).encode(),
        headers={"x-api-key": key, "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def journey(base, key):
    into = built()
    html = node(into / "server.cjs")
    for part in ('role="status"', "aria-describedby", "call ann@example.com", "Blocked, risk 95 of 100"):
        assert part in html, f"{part} is not in what the server rendered: {html}"
    api(base, key, "POST", "/api/check", {"agent_id": "billing-bot", "action_type": "file_read", "resource": "/tmp/x"})
    app = Application(base, key, html, (into / "client.js").read_bytes())
    with browser.Page() as page:
        page.open(f"http://127.0.0.1:{app.server_port}/")
        state = lambda wanted, of=MESSAGE: page.until(
            f"document.querySelector('{of}').dataset.state === '{wanted}'", 20)
        valid = lambda: page.evaluate("document.querySelector('#form').checkValidity()")
        status = lambda: page.text(f"{MESSAGE} [role=status]")

        # What a page starts with is checked too, and marked.
        page.until("document.querySelectorAll('[data-interlock=preview] mark').length === 1", 20)
        assert page.text("[data-interlock=preview] mark") == "ann@example.com"

        page.fill("textarea", "where is my order")
        state("clean")
        assert valid() and status() == "Nothing would be redacted.", status()
        assert page.evaluate("document.querySelector('textarea').getAttribute('aria-invalid')") is None

        # The emoji takes two code units: places are counted as the browser counts.
        page.fill("textarea", "\U0001f600 card 4111 1111 1111 1111, mail bob@example.com")
        state("found")
        marks = page.evaluate(f"[...document.querySelectorAll('{MESSAGE} mark')].map((m) => m.innerText)")
        assert marks == ["4111 1111 1111 1111", "bob@example.com"], marks
        assert not valid() and status().startswith("2 places would be redacted"), status()
        page.click("button")
        assert page.evaluate("window.sent") == 0
        described = page.evaluate(
            "document.getElementById(document.querySelector('textarea').getAttribute('aria-describedby')).role")
        assert described == "status", described
        assert page.evaluate("document.querySelector('textarea').labels[0].innerText") == "Message"

        # Typing asks once, when it rests.
        before = len(app.masks)
        page.evaluate("document.querySelector('textarea').select()")
        for letter in "a fine day":
            page.call("Input.insertText", text=letter)
        state("clean")
        asked = app.masks[before:]
        assert asked[-1] == "a fine day" and len(asked) <= 3, asked

        # An answer that comes late is not taken for the text that is there now.
        app.slow_s["late dan@example.com"] = 1.0
        page.fill("textarea", "late dan@example.com")
        deadline = time.monotonic() + 10
        while app.masks[-1] != "late dan@example.com":
            assert time.monotonic() < deadline, app.masks
            time.sleep(0.02)
        page.fill("textarea", "in time")
        state("clean")
        time.sleep(1.2)
        assert page.evaluate(f"document.querySelector('{MESSAGE}').dataset.state") == "clean"
        assert page.evaluate(f"document.querySelectorAll('{MESSAGE} mark').length") == 0

        # Markup stays text.
        page.fill("textarea", "<img src=x onerror=alert(1)> eve@example.com")
        state("found")
        assert page.evaluate("document.querySelectorAll('img').length") == 0

        # The badge follows the agent.
        badge = "#live [data-interlock=security-badge]"
        state("active", badge)
        assert "billing-bot: Active, 1 action, " in page.text(badge), page.text(badge)
        api(base, key, "POST", "/api/check", {"agent_id": "billing-bot", "action_type": "file_read", "resource": "/tmp/y"})
        page.until(f"document.querySelector('{badge}').innerText.includes('2 actions')", 20)
        api(base, key, "PATCH", "/api/agents/billing-bot", {"paused": True})
        state("paused", badge)
        assert page.text("#once [role=status]") == "Blocked, risk 95 of 100"

        # Nobody looked: that is not clean, and the badge shows nothing old.
        app.down = True
        page.fill("textarea", "not looked at")
        state("unavailable")
        assert not valid() and status() == "This text could not be checked."
        state("unavailable", badge)
        app.down = False
        app.slow_s["too slow"] = 3.0
        page.fill("textarea", "too slow")
        state("unavailable")
        state("paused", badge)

        assert page.evaluate("window.recoverable") == [], page.evaluate("window.recoverable")
        seen = page.evaluate("[...new Set(window.checks)]")
        assert {"checking", "clean", "found", "unavailable"} <= set(seen), seen
        complaints = [c for c in page.complaints() if "503" not in c]
        assert not complaints, complaints
        page.evaluate("window.root.unmount()")
    app.shutdown()
    return f"{len(app.masks)} checks while typing"


def next_build():
    """Builds an application of the Next.js App Router around the package: 340 MB to download."""
    into = built() / "test" / "next"
    shutil.copytree(into.parent.parent / "dist", into / "react" / "dist")
    shutil.copy(ROOT / "packages" / "react" / "package.json", into / "react")
    quiet = {"cwd": into, "check": True, "capture_output": True, "text": True, "timeout": 600}
    subprocess.run(["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"], **quiet)
    package = into / "node_modules" / "@interlock"
    package.mkdir()
    shutil.move(into / "react", package / "react")
    env = {**os.environ, "NEXT_TELEMETRY_DISABLED": "1"}
    subprocess.run(["node", "node_modules/next/dist/bin/next", "build"], env=env, **quiet)
    page = (into / ".next" / "server" / "app" / "index.html").read_text()
    assert "Allowed, risk 3 of 100" in page and "aria-describedby" in page, page
    return "prerendered"


if __name__ == "__main__":
    sys.exit(missing()) if missing() else print(journey(*sys.argv[1:3]))
