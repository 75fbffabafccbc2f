#!/usr/bin/env python3
"""People sign in to the console at a provider that is published (`oidc-provider-mock`, which is Authlib's
server), in a headless Chromium: whoever is invited gets in, whoever is not is told so, an answer of the
provider is good once, a tab whose person was replaced changes nothing and loads itself again, and a
password is changed.

    verify_console_oidc.py PYTHON BINARY

PYTHON is the interpreter of the environment that `scripts/oidc.sh` makes, BINARY is `interlock`.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import browser
from verify_console import Api, accessible, heard, missing, narrow, until
from verify_console_identity import PASSWORD, join, status

PEOPLE = {
    "s-ana": {"email": "ana@example.com", "email_verified": True, "name": "Ana"},
    "s-eve": {"email": "eve@example.com", "email_verified": True},
    "s-mal": {"email": "ana@example.com", "email_verified": False},
    "s-lea": {"email": "lea@example.com", "email_verified": True, "groups": ["leads"]},
}


class Provider:
    """The provider on a port of this machine, and the file that has the server know it."""

    def __init__(self, python, free_port):
        self.directory = tempfile.TemporaryDirectory(prefix="interlock-oidc-")
        port = free_port()
        self.issuer = f"http://127.0.0.1:{port}"
        people = [
            option for sub, claims in PEOPLE.items() for option in ("--user-claims", json.dumps({"sub": sub, **claims}))
        ]
        self.log = open(os.path.join(self.directory.name, "provider.log"), "w+")
        command = [python, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *people]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(self.issuer + "/.well-known/openid-configuration", timeout=2) as answer:
                    assert json.load(answer)["issuer"] == self.issuer
                    break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the provider did not start: " + pathlib.Path(self.log.name).read_text()[-2000:])
                time.sleep(0.05)
        secret = pathlib.Path(self.directory.name, "secret")
        secret.write_text("a secret of the client")
        file = pathlib.Path(self.directory.name, "sign-in.yaml")
        file.write_text(json.dumps({"providers": {"sso": {
            "label": "Example SSO", "issuer": self.issuer, "client_id": "interlock",
            "client_secret": {"file": str(secret)}, "roles": {"leads": "approver"},
        }}}))
        self.options = ("--sign-in", str(file))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        self.log.close()
        self.directory.cleanup()


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def request(method, url, headers, body=None):
    """The status, the head and the body of an answer, wherever it leads."""
    asked = urllib.request.Request(url, method=method, headers=headers, data=body)
    try:
        with urllib.request.build_opener(Stay).open(asked, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def answer_of(url, subject):
    """Where the provider sends the browser of this person back to."""
    form = urllib.parse.urlencode({"sub": subject}).encode()
    code, headers, text = request("POST", url, {"content-type": "application/x-www-form-urlencoded"}, form)
    assert code in (302, 303), text[:2000]
    return headers["location"]


def over_http(base, subject):
    """Signs in as a browser's page does; the session's cookie, and what was asked, with the statuses."""
    own = {
        "origin": base, "sec-fetch-site": "same-origin", "x-interlock-request": "1", "content-type": "application/json",
    }
    path = "/api/session/oidc"
    code, _, listed = request("GET", base + path, {})
    assert (code, json.loads(listed)) == (200, [{"name": "sso", "label": "Example SSO"}]), listed
    begun, headers, text = request("POST", base + path, own, json.dumps({"provider": "sso"}).encode())
    cookie = {"cookie": headers["set-cookie"].split(";")[0], "sec-fetch-site": "cross-site"}
    back = answer_of(json.loads(text)["url"], subject)
    ended, headers, text = request("GET", back, cookie)
    assert ended == 303 and headers["location"] == "/", text
    session = [line.split(";")[0] for line in headers.get_all("set-cookie") if line.startswith("interlock-loopback=")]
    again, _, text = request("GET", back, cookie)
    assert again == 400 and b"This sign-in is over" in text, (again, text)
    return session[0], [("GET", path, code), ("POST", path, begun), ("GET", path + "/callback/sso", ended)]


def begin(page, base, provider):
    """To the provider's page, by the button."""
    page.open(base + "/")
    until(page, "document.querySelector('[data-provider=sso]')", 20)
    page.click("[data-provider=sso]")
    until(page, f"location.origin === {json.dumps(provider.issuer)} && document.querySelector('input[name=sub]')", 20)


def choose(page, subject):
    page.fill("input[name=sub]", subject)
    page.press("Enter")


def sign_out(page):
    page.evaluate("[...document.querySelectorAll('.who button')].find((b) => b.innerText === 'Sign out').click()")
    until(page, "document.querySelector('.sign-in')", 20)
    assert status(page, "GET", "/api/whoami") == 401, "the session has ended at the server"


def strangers(page, base, provider):
    """Who is not let in, and why."""
    for subject, said in [("s-eve", "Nobody here has invited you"), ("s-mal", "does not confirm your e-mail")]:
        begin(page, base, provider)
        choose(page, subject)
        heard(page, "main", said)
        assert page.evaluate("location.pathname") == "/api/session/oidc/callback/sso"
    begin(page, base, provider)
    # The refusal of this provider does not name the sign-in that it refuses, and so is taken for none.
    page.click("button[value=deny]")
    heard(page, "main", "This sign-in is over")
    page.click("main a")
    until(page, "document.querySelector('[data-provider=sso]')", 20)


def replayed(page, base, provider):
    """An answer of the provider is good once, and in no other browser."""
    begin(page, base, provider)
    back = answer_of(page.evaluate("location.href"), "s-ana")
    with browser.Page(800, 600) as other:
        other.open(back)
        heard(other, "main", "This sign-in is over")
        other.open(base + "/")
        until(other, "document.querySelector('[data-provider=sso]')", 20)
    page.open(back)
    until(page, "document.querySelector('nav')", 20)
    page.open(back)
    heard(page, "main", "This sign-in is over")
    page.open(base + "/")
    until(page, "document.querySelector('nav')", 20)
    sign_out(page)


def journey(base, key, provider):
    api = Api(base, key)
    api("POST", "/api/users", {"login": "ana@example.com", "role": "admin"})
    local = api("POST", "/api/users", {"login": "bo", "role": "admin"})
    with browser.Page(1280, 900) as page:
        page.open(base + "/")
        until(page, "document.querySelector('[data-provider=sso]')", 20)
        accessible(page, "sign in at a provider")
        narrow(page, "sign in at a provider")
        strangers(page, base, provider)
        begin(page, base, provider)
        choose(page, "s-ana")
        until(page, "document.querySelector('nav')", 20)
        heard(page, "nav", "ana@example.com")
        assert page.evaluate("location.pathname + location.search") == "/", "the code leaves the address"
        assert page.evaluate("document.cookie") == "", "scripts cannot read the session"
        page.open(base + "/settings")
        heard(page, "main", "Your sessions")
        heard(page, "main", provider.issuer)
        heard(page, "main", "provider")
        accessible(page, "settings of somebody who signed in at a provider")
        narrow(page, "settings of somebody who signed in at a provider")
        sign_out(page)
        replayed(page, base, provider)
        # Whom the provider's groups let in.
        begin(page, base, provider)
        choose(page, "s-lea")
        until(page, "document.querySelector('nav')", 20)
        heard(page, "nav", "approver")
        # Somebody else signs in in this browser: the page that is open is not theirs.
        page.evaluate("window.mine = true")
        name, value = over_http(base, "s-ana")[0].split("=", 1)
        page.call("Network.setCookie", name=name, value=value, url=base, httpOnly=True, sameSite="Strict")
        until(page, "window.mine === undefined && document.querySelector('nav')", 30)
        heard(page, "nav", "ana@example.com")
        sign_out(page)
        # A local account needs no provider; its password is changed.
        provider.process.terminate()
        provider.process.wait(20)
        page.open(base + "/")
        until(page, "document.querySelector('[data-provider=sso]')", 20)
        join(page, base, local["invitation"]["path"])
        page.open(base + "/settings")
        until(page, "document.querySelector('input[name=old-password]')", 20)
        page.fill("input[name=old-password]", "not the old password")
        page.fill("input[name=changed-password]", PASSWORD + " 2")
        page.press("Enter")
        heard(page, "main", "The old password is wrong")
        page.fill("input[name=old-password]", PASSWORD)
        page.press("Enter")
        heard(page, "main", "The new password holds")
        sign_out(page)
        expected = (400, 401, 403, 404, 409, 503)
        complaints = [c for c in page.complaints() if not any(f"status of {s}" in c for s in expected)]
        assert not complaints, complaints
    return "signed in at a provider, strangers and replayed answers refused, and signed out"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    why = missing()
    if why:
        sys.exit(why)
    from acceptance import KEY, Server, free_port

    provider = Provider(sys.argv[1], free_port)
    try:
        server = Server(sys.argv[2], *provider.options)
        try:
            print(journey(server.base, KEY, provider))
        finally:
            server.stop()
            server.remove()
    finally:
        provider.stop()


if __name__ == "__main__":
    main()
