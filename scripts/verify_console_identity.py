#!/usr/bin/env python3
"""People sign in to the console of a running server, in a headless Chromium: an invitation is taken up,
an admin works in the session, another page of the same machine can do nothing with the cookie, and a user
who is disabled is out.

    verify_console_identity.py BASE KEY

BASE is the address of the server, KEY a key of role admin. The server is best a fresh one.
"""

import base64
import hashlib
import hmac
import http.server
import json
import secrets
import struct
import sys
import threading
import time
import urllib.request

import browser
from verify_console import Api, accessible, heard, missing, narrow, until

__all__ = ["journey", "missing"]

PASSWORD = "plain tree over the ridge"


def one_time_code(secret, steps=0):
    """RFC 6238."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    hashed = hmac.new(key, struct.pack(">q", int(time.time()) // 30 + steps), hashlib.sha1).digest()
    at = hashed[-1] & 15
    return f"{(struct.unpack('>I', hashed[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


def settled(page):
    """Waits while the code would change soon."""
    while time.time() % 30 > 26:
        time.sleep(0.2)


def status(page, method, path, body=None, header=True):
    """What a request of the page itself gets."""
    headers = {"content-type": "application/json", **({"x-interlock-request": "1"} if header else {})}
    options = {"method": method, "headers": headers, **({"body": json.dumps(body)} if body is not None else {})}
    return page.evaluate(f"fetch({json.dumps(path)}, {json.dumps(options)}).then((r) => r.status)")


def join(page, base, path):
    """Takes an invitation up by keyboard; the recovery codes."""
    page.open(base + path)
    until(page, "document.querySelector('[data-secret]')", 20)
    assert page.evaluate("location.hash") == "", "the secret of the invitation leaves the address"
    accessible(page, "join")
    narrow(page, "join")
    secret = page.text("[data-secret]").replace(" ", "").strip()
    page.fill("input[name=new-password]", "short")
    page.fill("input[name=code]", "123456")
    page.press("Enter")
    heard(page, ".said", "at least 12 characters")
    page.fill("input[name=new-password]", PASSWORD)
    settled(page)
    page.fill("input[name=code]", one_time_code(secret))
    page.press("Enter")
    until(page, "document.querySelector('[data-recovery]')", 20)
    accessible(page, "recovery codes")
    codes = page.text("[data-recovery]").split()
    assert len(codes) == 10 and len(set(codes)) == 10, codes
    page.click(".sign-in button.primary")
    until(page, "document.querySelector('nav')", 20)
    return codes


def over_http(api):
    """Joins, signs in and ends a session as a browser's page does; what was asked, with the statuses."""
    seen = []

    def ask(method, path, body=None, cookie=""):
        headers = {"origin": api.base, "sec-fetch-site": "same-origin", "x-interlock-request": "1",
                   "content-type": "application/json", **({"cookie": cookie} if cookie else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(api.base + path, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            seen.append((method, path, answer.status))
            return answer.headers.get("set-cookie", "").split(";")[0], json.loads(answer.read() or b"null")

    invited = api("POST", "/api/users", {"login": "over-http", "role": "auditor"})
    token = invited["invitation"]["path"].split("#")[1]
    nonce = secrets.token_hex(16)
    _, offer = ask("POST", "/api/join/look", {"token": token, "nonce": nonce})
    taken = {"token": token, "nonce": nonce, "password": PASSWORD, "code": one_time_code(offer["secret"])}
    cookie, joined = ask("POST", "/api/join", taken)
    changed = PASSWORD + " and back"
    ask("POST", "/api/password", {"old_password": PASSWORD, "new_password": changed}, cookie=cookie)
    signed = {"login": "over-http", "password": changed, "code": joined["recovery_codes"][0]}
    ask("POST", "/api/session", signed)
    _, sessions = ask("GET", "/api/sessions", cookie=cookie)
    other = next(s["id"] for s in sessions if not s["current"])
    ask("DELETE", f"/api/sessions/{other}", cookie=cookie)
    ask("DELETE", "/api/session", cookie=cookie)
    return seen


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A page of another port of this machine: the same site, another origin."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *_):
        pass


def attacked(page, base, api):
    """Another page tries what it can with the cookie; the browser sends it, the server refuses."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page.open(f"http://127.0.0.1:{server.server_port}/")
        target = json.dumps(base + "/api/kill-switch")
        body = json.dumps(json.dumps({"on": True}))
        seen = page.evaluate(f"""(async () => {{
            const tries = [];
            const send = (options) => fetch({target}, {{ method: 'POST', credentials: 'include', body: {body}, ...options }})
                .then((r) => tries.push(r.type), (e) => tries.push(String(e)));
            await send({{ mode: 'no-cors' }});
            await send({{ mode: 'no-cors', headers: {{ 'content-type': 'text/plain' }} }});
            await send({{ headers: {{ 'content-type': 'application/json', 'x-interlock-request': '1' }} }});
            await fetch({json.dumps(base + "/api/users")}, {{ credentials: 'include', mode: 'no-cors' }})
                .then((r) => r.text()).then((t) => tries.push(t), (e) => tries.push(String(e)));
            const form = document.createElement('form');
            form.method = 'post'; form.enctype = 'text/plain'; form.action = {target};
            const field = document.createElement('input');
            field.name = '{{"on":true,"reason":"'; field.value = '"}}';
            form.append(field); document.body.append(form);
            return tries;
        }})()""")
        assert len(seen) == 4 and "ana" not in seen[3], seen
        page.evaluate("document.forms[0].submit()")
        time.sleep(0.5)
        assert not api("GET", "/api/kill-switch")["on"], "another page switched everything off"
    finally:
        server.shutdown()


def administer(page, base):
    """Invites somebody, and sees the own session."""
    page.open(base + "/settings")
    heard(page, "main", "Your sessions")
    heard(page, "main", "this one")
    until(page, "document.querySelector('[data-new-user]')", 20)
    page.fill("[data-new-user]", "Bo@Example.com")
    page.press("Enter")
    until(page, "document.querySelector('[data-invitation]')", 20)
    link = page.text("[data-invitation]").strip()
    assert link.startswith(base + "/join#"), link
    accessible(page, "invitation")
    page.press("Escape")
    until(page, "!document.querySelector('dialog[open]')", 10)
    heard(page, "main", "bo@example.com")
    accessible(page, "settings of an admin")
    narrow(page, "settings of an admin")


def journey(base, key):
    api = Api(base, key)
    invited = api("POST", "/api/users", {"login": "ana", "role": "admin"})
    with browser.Page(1280, 900) as page:
        codes = join(page, base, invited["invitation"]["path"])
        heard(page, "nav", "ana")
        heard(page, "nav", "admin")
        assert page.evaluate("document.cookie") == "", "scripts cannot read the session"
        kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert "interlock.key" not in kept, kept
        page.open(base + invited["invitation"]["path"])
        heard(page, ".said", "was used, has expired")
        page.open(base + "/")
        until(page, "document.querySelector('nav')", 20)
        # The page itself works, with the header and not without.
        assert status(page, "POST", "/api/kill-switch", {"on": False}, header=False) == 403
        assert status(page, "POST", "/api/kill-switch", {"on": False}) == 200
        administer(page, base)
        attacked(page, base, api)
        page.open(base + "/")
        until(page, "document.querySelector('nav')", 20)
        page.evaluate("[...document.querySelectorAll('.who button')].find((b) => b.innerText === 'Sign out').click()")
        until(page, "document.querySelector('.sign-in')", 20)
        assert status(page, "GET", "/api/whoami") == 401, "the session has ended at the server"
        # Back with a password and a recovery code, by keyboard.
        page.open(base + "/")
        until(page, "document.querySelector('input[name=login]')", 20)
        accessible(page, "sign in with a login")
        narrow(page, "sign in with a login")
        page.fill("input[name=login]", "ana")
        page.fill("input[name=password]", PASSWORD + "!")
        page.fill("input[name=code]", codes[0])
        page.press("Enter")
        heard(page, ".said", "is wrong")
        page.fill("input[name=password]", PASSWORD)
        page.fill("input[name=code]", codes[0])
        page.press("Enter")
        until(page, "document.querySelector('nav')", 20)
        # Disabled while the page is open.
        api("PATCH", f"/api/users/{invited['user']['id']}", {"disabled": True})
        assert status(page, "GET", "/api/whoami") == 401, "a disabled user is out at once"
        heard(page, ".sign-in", "The session is over")
        complaints = [c for c in page.complaints() if not any(f"status of {s}" in c for s in (400, 401, 403, 404))]
        # What the browser says of the other page's requests, which it did not let through either.
        complaints = [c for c in complaints if "CORS" not in c and "ERR_FAILED" not in c]
        assert not complaints, complaints
    return "joined, signed in and out, and was shut out"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    why = missing()
    if why:
        sys.exit(why)
    print(journey(*sys.argv[1:]))


if __name__ == "__main__":
    main()
