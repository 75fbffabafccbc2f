"""End-to-end tests against the real binary: the demo, the published examples, the published
clients, the committed OpenAPI document, and the record's Python verifier.

Prints a line per test and ends with `N passed, N failed`.
"""

import argparse
import base64
import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import browser
import record
import verify_console
import verify_console_identity
import verify_console_oidc
import verify_console_alerts
import verify_console_budgets
import verify_console_evidence
import verify_console_replay
import verify_console_whatif
import verify_console_approvals
import verify_console_search
import verify_page
import verify_react
import verify_response

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLIENTS = pathlib.Path(os.environ.get("INTERLOCK_CLIENTS", ROOT.parent / "shared" / "clients"))
KEY = "vtk_acceptance_0123456789abcdef0123456789abcdef"
passed, failed = [], []


def check(name, function, *arguments):
    begun = time.monotonic()
    try:
        detail = function(*arguments) or ""
        passed.append(name)
        word = "ok  "
    except Exception as error:  # a failed test must not hide the next one
        failed.append(name)
        word, detail = "FAIL", f"{type(error).__name__}: {error}"
    print(f"{word} {name} ({time.monotonic() - begun:.1f} s) {detail}", flush=True)


def skip(name, why):
    print(f"skip {name}: {why}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`interlock up` on a fresh data directory."""

    def __init__(self, binary, *options):
        self.directory = tempfile.mkdtemp(prefix="interlock-acceptance-")
        self.evidence = None
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = open(os.path.join(self.directory, "server.log"), "w+")
        self.process = subprocess.Popen(
            [binary, "up", "--listen", f"127.0.0.1:{self.port}", "--data", self.data, *options],
            env={**os.environ, "INTERLOCK_ADMIN_KEY": KEY},
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(self.base + "/readyz", timeout=2):
                    return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not start: " + self.output())
                time.sleep(0.05)

    @property
    def data(self):
        return os.path.join(self.directory, "data")

    def output(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()[-2000:]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise RuntimeError("the server did not stop within 20 s")
        finally:
            self.log.close()

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)


def demo(binary, server):
    result = subprocess.run(
        [binary, "demo", "--server", server.base, "--key", KEY],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    return result.stdout.strip().splitlines()[-1].strip()


def ungoverned(binary):
    result = subprocess.run([binary, "demo", "--ungoverned"], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "0 of 1000 customers are left" in result.stdout, result.stdout[-1500:]


def verify(binary, server):
    """The record that the tests left, checked by the Python and the Rust verifier."""
    checkpoint = os.path.join(server.directory, "checkpoint")
    request = urllib.request.Request(server.base + "/api/audit/checkpoint", headers={"x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = json.load(answer)
    pathlib.Path(checkpoint).write_text(body["checkpoint"])
    server.stop()
    log = os.path.join(server.data, "log")
    python = subprocess.run(
        [sys.executable, ROOT / "verifiers" / "verify.py", log, "--vkey", body["vkey"], "--checkpoint", checkpoint],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert python.returncode == 0, python.stdout + python.stderr
    rust = subprocess.run(
        [binary, "audit", "verify", log, "--vkey", body["vkey"], "--checkpoint", checkpoint],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert rust.returncode == 0, rust.stdout + rust.stderr
    server.evidence = log, body["vkey"], checkpoint
    return python.stdout.strip().splitlines()[-1]


def proofs(server):
    """What the API proves, checked by the Python verifier."""

    def more():
        for n in range(140):
            call(server, "POST", "/api/check", {"agent_id": "prover", "action_type": "file_read", "resource": f"/tmp/{n}"})

    return record.proofs(server.base, KEY, server.directory, more)


def tiles(binary, server):
    """The tiles that the stopped server's record is exported as."""
    _, vkey, _ = server.evidence
    out = os.path.join(server.directory, "evidence")
    subprocess.run(
        [binary, "audit", "export", "--data", server.data, "--format", "tiles", "--out", out],
        check=True, capture_output=True, timeout=60,
    )
    return record.tiles(os.path.join(out, "default"), vkey)


def published_examples(server):
    """Every `curl` example of the published API page, verbatim but for host and key."""
    examples = (ROOT / "scripts" / "published_examples.sh").read_text()
    commands = [c for c in re.split(r"\n(?=curl)", examples) if c.startswith("curl")]
    for command in commands:
        command = command.replace("https://vaultak.com", server.base).replace("vtk_your_api_key_here", KEY)
        result = subprocess.run(
            ["sh", "-c", command.replace("curl", "curl -sS -w '\\n%{http_code}'", 1)],
            capture_output=True,
            text=True,
            timeout=20,
        )
        *body, status = result.stdout.rsplit("\n", 1)
        assert status.startswith("2"), f"{command}\n{result.stdout}{result.stderr}"
        json.loads("".join(body))
    return f"{len(commands)} examples"


def readme_example(server):
    """The README's example answers what the README says."""
    text = (ROOT / "README.md").read_text()
    command = re.search(r"```sh\n(curl .*?)```", text, re.S).group(1)
    command = command.replace("http://127.0.0.1:8088", server.base).replace("$KEY", KEY)
    answer = json.loads(subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20).stdout)
    said = re.search(r'```json\n\{ "effect": "(\w+)", "decision": "(\w+)", "risk_score": ([\d.]+),\n  "reason": "([^"]*)"', text)
    got = (answer["effect"], answer["decision"], str(answer["risk_score"]), answer["reason"])
    assert got == said.groups(), f"{got} is not what the README says: {said.groups()}"


def client(python, script, server):
    environment = {**os.environ, "BASE_URL": server.base, "API_KEY": KEY}
    result = subprocess.run(
        [python, CLIENTS / f"{script}.py"], env=environment, capture_output=True, text=True, timeout=300,
        cwd=server.directory,
    )
    last = (result.stdout.strip().splitlines() or [""])[-1]
    failures = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert result.returncode == 0 and not failures, "\n".join(failures) + last + result.stderr[-800:]
    return last


def call(server, method, path, body=None):
    request = urllib.request.Request(
        server.base + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"x-api-key": KEY, "Content-Type": "application/json", "User-Agent": "acceptance"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)

# What is done with the console in a browser, each with a server of its own.
CONSOLE = {
    "the console in Chromium": verify_console,
    "approvals in the console": verify_console_approvals,
    "people sign in to the console": verify_console_identity,
    "alerts in the console": verify_console_alerts,
    "budgets in the console": verify_console_budgets,
    "evidence in the console": verify_console_evidence,
    "what-if in the console": verify_console_whatif,
    "search in the console": verify_console_search,
    "replay of a long run in the console": verify_console_replay,
}


class Unwilling(http.server.BaseHTTPRequestHandler):
    """A webhook's receiver that wants no more: what is sent to it is given up at once."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(410)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def people(directory):
    """The file that has everybody asked through a receiver that wants nothing."""
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unwilling)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    secret = directory / "secret"
    secret.write_text("whsec_" + base64.b64encode(bytes(32)).decode())
    webhook = {
        "url": f"http://127.0.0.1:{receiver.server_port}/", "allow": ["127.0.0.1"],
        "secrets": [{"file": str(secret)}],
    }
    file = directory / "people.yaml"
    groups = {"approvers": {"channels": ["hook"]}}
    file.write_text(json.dumps({"groups": groups, "channels": {"hook": {"webhook": webhook}}}))
    return str(file)


def things(server, reached, signs_in):
    """One of everything that an operation can be about; their ids as schemathesis.toml names them.
    Operations that need a body about one of them are called here, and noted as reached."""
    post = lambda path, body: call(server, "POST", path, body)
    done = post("/api/check", {"agent_id": "a", "action_type": "file_read", "resource": "/tmp/a"})
    blocked = post("/api/check", {
        "agent_id": "a", "action_type": "database_write", "resource": "postgres://prod/customers",
        "arguments": {"sql": "DELETE FROM customers"},
    })
    assert blocked["effect"] == "block", blocked
    asks = {"name": "payments", "action_type": "payment", "effect": "pause", "priority": 999999}
    policy = post("/api/policies", asks)
    approvals = []
    pays = lambda amount: {
        "agent_id": "a", "action_type": "payment", "run_id": "r", "arguments": {"amount": amount},
    }
    for amount in (10, 20, 30, 40, 50):
        answer = post("/api/check", pays(amount))
        assert answer["effect"] == "require_approval", answer
        approvals.append(answer["approval_id"])
    post(f"/api/approvals/{approvals[1]}/decide", {"decision": "approve"})
    session = post("/api/session-approvals", {"approval_id": approvals[3], "minutes": 5})
    reached.append(("POST", "/api/session-approvals", 201))
    # Approved, begun, and never heard of again.
    post(f"/api/approvals/{approvals[4]}/decide", {"decision": "approve"})
    post("/api/check", {**pays(50), "approval_id": approvals[4]})
    rollbacks = {
        agent: post(f"/api/agents/{agent}/rollback", {"last": 3})["id"]
        for agent in ("canceled", "claimed", "ended")
    }
    # As the document's examples name the client.
    for agent in ("claimed", "ended"):
        log = "interlock/client+9f86d081+AQ"
        post(f"/api/rollbacks/{rollbacks[agent]}/claim", {"log": log})
    deadline = time.monotonic() + 10
    while not (dead := call(server, "GET", "/api/deliveries?status=dead")):
        assert time.monotonic() < deadline, "what a receiver does not want is given up"
        time.sleep(0.05)
    retry = f"/api/deliveries/{dead[0]['seq']}/retry"
    request = urllib.request.Request(server.base + retry, method="POST", headers={"x-api-key": KEY})
    with urllib.request.urlopen(request, timeout=10) as answer:
        reached.append(("POST", retry, answer.status))
    lost = f"/api/approvals/{approvals[4]}"
    while call(server, "GET", lost)["state"] != "unknown":
        assert time.monotonic() < deadline, "an executor that is gone leaves a question"
        time.sleep(0.05)
    post(f"{lost}/resolve", {"happened": True})
    reached.append(("POST", f"{lost}/resolve", 200))
    while not (alerts := call(server, "GET", "/api/alerts")):
        assert time.monotonic() < deadline, "a block raises an alert"
        time.sleep(0.05)
    reached += verify_console_identity.over_http(verify_console.Api(server.base, KEY))
    if signs_in:
        reached += verify_console_oidc.over_http(server.base, "s-lea")[1]
    user = post("/api/users", {"login": "known", "role": "auditor"})["user"]
    rotated = post("/api/keys", {"role": "auditor", "label": "to be rotated"})
    # Changed here once, as its version goes up with each change.
    group = call(server, "GET", "/api/alert-groups")[0]
    change = {"version": group["version"], "state": "acknowledged"}
    call(server, "PATCH", f"/api/alert-groups/{group['id']}", change)
    reached.append(("PATCH", f"/api/alert-groups/{group['id']}", 200))
    mute = {"agent_id": "nobody", "reason": "for the test", "seconds": 60}
    budget = {"scope": "agent", "of": "nobody", "limit_calls": 1}
    call(server, "PUT", "/api/budgets/unused", budget)
    return {
        "BUDGET_ID": "unused",
        "WHAT_IF_ID": post("/api/what-if", {"name": "team.yaml", "text": "interlock: 1\ndefault: allow\n"})["id"],
        "USER_ID": user["id"],
        "ROTATED_KEY_ID": rotated["id"],
        "ACTION_ID": done["id"],
        "ALERT_GROUP_ID": group["id"],
        "MUTE_ID": post("/api/mutes", mute)["id"],
        "TOOL_STOP_ID": post("/api/tool-stops", {"tool": "nothing-uses-this", "seconds": 3600})["id"],
        "RUN_ID": "r",
        "APPROVAL_ID": approvals[0],
        "DECIDED_ID": approvals[1],
        "UNWANTED_ID": approvals[2],
        "SESSION_APPROVAL_ID": session["id"],
        "SESSION_APPROVED_ID": approvals[3],
        "ALERT_ID": alerts[0]["id"],
        "POLICY_ID": policy["id"],
        "OLD_POLICY_ID": post("/api/policies", {**asks, "name": "old"})["id"],
        "KEY_ID": post("/api/keys", {"role": "auditor", "label": "to be revoked"})["id"],
        "AGENT_ID": "a",
        "CANCELED_ROLLBACK_ID": rollbacks["canceled"],
        "CLAIMED_ROLLBACK_ID": rollbacks["claimed"],
        "ENDED_ROLLBACK_ID": rollbacks["ended"],
        "CONTENT_SEQ": str(blocked["record"]["seq"]),
    }


def guide(interpreter, server, name):
    """The first Python example of a guide, against a server; returns what it printed."""
    text = (ROOT / "docs" / "guides" / f"{name}.md").read_text()
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    code = code.replace("http://127.0.0.1:8088", server.base).replace("vtk_your_api_key_here", KEY)
    result = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


def vaikora_guide(interpreter, server):
    printed = guide(interpreter, server, "vaikora")
    assert printed.startswith("False this action is not permitted (reference "), printed


def schemathesis(venv, server, examples, report, environment, *options):
    """Runs it; returns its line of figures and the statuses that each path and method was seen with."""
    har = os.path.join(server.directory, report)
    result = subprocess.run(
        [
            os.path.join(venv, "bin", "schemathesis"), *options[:2], "run", str(ROOT / "docs" / "openapi.json"),
            "--url", server.base, "-H", f"x-api-key: {KEY}", "-n", str(examples), "--seed", "7",
            "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
            "--no-color", "--request-timeout", "60", "--report", "har", "--report-har-path", har, *options[2:],
        ],
        capture_output=True,
        text=True,
        timeout=2400,
        cwd=server.directory,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-500:]
    seen = [
        (entry["request"]["method"], urllib.parse.urlsplit(entry["request"]["url"]).path, entry["response"]["status"])
        for entry in json.loads(pathlib.Path(har).read_text())["log"]["entries"]
    ]
    return next((l.strip() for l in result.stdout.splitlines() if re.search(r"\d+ generated", l)), ""), seen


def siem(interpreter, binary):
    ran = subprocess.run(
        [interpreter, str(ROOT / "scripts" / "verify_siem.py"), binary], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return ran.stdout.strip()


def openapi(venv, server, examples, signs_in):
    with urllib.request.urlopen(server.base + "/openapi.json", timeout=10) as answer:
        served = json.load(answer)
    committed = json.loads((ROOT / "docs" / "openapi.json").read_text())
    assert served == committed, "docs/openapi.json is stale: run `make generate`"
    config = ROOT / "scripts" / "schemathesis.toml"
    about = re.findall(r'include-operation-id = "(\w+)"', config.read_text())
    only = [option for name in about for option in ("--include-operation-id", name)]
    # First about things that exist, then about anything.
    reached = []
    environment = things(server, reached, signs_in)
    first, seen = schemathesis(
        venv, server, examples, "existing.har", environment, "--config-file", str(config), *only
    )
    seen += reached
    (pathlib.Path(server.directory) / "none.toml").write_text("")
    second, more = schemathesis(venv, server, examples, "all.har", {}, "--config-file", "none.toml")
    operations = {
        (method.upper(), path): re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$")
        for path, item in committed["paths"].items()
        for method in item
    }
    statuses = {operation: set() for operation in operations}
    for method, path, status in seen + more:
        # The path without parameters first: `/api/bundle/history` is no `/api/bundle/{name}`.
        fits = [o for o, pattern in operations.items() if o[0] == method and pattern.match(path)]
        if fits:
            statuses[min(fits, key=lambda o: o[1].count("{"))].add(status)
    def is_success(operation, status):
        """Whether it is what the operation is for: 2xx, or a redirect where that is all that it answers with."""
        documented = committed["paths"][operation[1]][operation[0].lower()]["responses"]
        leads_on = not any(s.startswith("2") for s in documented)
        return 200 <= status < 300 or (leads_on and 300 <= status < 400 and str(status) in documented)

    lacking = [" ".join(o) for o, got in statuses.items() if not any(is_success(o, s) for s in got)]
    if not signs_in:
        # Nobody can sign in at a provider that is not installed.
        lacking = [o for o in lacking if not o.endswith((" /api/session/oidc", " /api/session/oidc/callback/{name}"))]
    assert not lacking, f"never answered with 2xx: {', '.join(sorted(lacking))}"
    errors = [f"{' '.join(o)} {s}" for o, got in statuses.items() for s in got if s >= 500]
    assert not errors, f"server errors: {', '.join(errors)}"
    undocumented = [
        f"{' '.join(o)} {s}"
        for o, got in statuses.items()
        for s in got
        if s < 400 and str(s) not in committed["paths"][o[1]][o[0].lower()]["responses"]
    ]
    assert not undocumented, f"undocumented: {', '.join(undocumented)}"
    return f"{len(statuses)} of {len(statuses)} operations answered with 2xx; {len(seen) + len(more)} requests; {first}; {second}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", default="target", help="where the virtual environments are")
    parser.add_argument("--binary", default=str(ROOT / "target" / "debug" / "interlock"))
    parser.add_argument("--only", help="run only tests whose name contains this")
    options = parser.parse_args()
    venv = os.path.join(options.venv, "venv")
    wanted = lambda name: not options.only or options.only in name
    binary = options.binary
    examples = 300 if os.environ.get("INTERLOCK_SOAK") else 25

    server = Server(binary)
    try:
        if wanted("demo"):
            check("demo, governed", demo, binary, server)
            check("demo, ungoverned", ungoverned, binary)
        if wanted("published"):
            check("published examples", published_examples, server)
        if wanted("readme"):
            check("README example", readme_example, server)
        if wanted("verify"):
            check("proofs of the API hold outside", proofs, server)
            check("record verified after all that", verify, binary, server)
            check("record exported as tiles", tiles, binary, server)
            if browser.find():
                check("verify.html in Chromium", lambda: verify_page.journeys(*server.evidence, binary))
            else:
                skip("verify.html in Chromium", "no Chromium is installed")
    finally:
        if server.process.poll() is None:
            server.stop()
        server.remove()

    for script, interpreter in [
        ("vaultak_core", os.path.join(venv, "bin", "python")),
        ("vaultak_legacy", os.path.join(venv + "-legacy", "bin", "python")),
        ("vaultak_sentry", os.path.join(venv, "bin", "python")),
        ("vaikora_sync", os.path.join(venv, "bin", "python")),
    ]:
        if not wanted(script):
            continue
        if not (CLIENTS / f"{script}.py").exists():
            skip(script, "the published clients' scripts are not here")
            continue
        server = Server(binary)
        check(script, client, os.path.abspath(interpreter), script, server)
        if script == "vaikora_sync":
            check("vaikora guide", vaikora_guide, os.path.abspath(interpreter), server)
        server.stop()
        server.remove()

    if wanted("react"):
        why = verify_react.missing() or (None if browser.find() else "no Chromium is installed")
        if why:
            skip("@interlock/react in Chromium", why)
        else:
            server = Server(binary)
            check("@interlock/react in Chromium", verify_react.journey, server.base, KEY)
            server.stop()
            server.remove()
        if os.environ.get("INTERLOCK_SOAK") and not verify_react.missing():
            check("@interlock/react in Next.js", verify_react.next_build)
        else:
            skip("@interlock/react in Next.js", "340 MB to download; INTERLOCK_SOAK=1 builds it")

    for name, module in CONSOLE.items():
        if not wanted(name):
            continue
        why = verify_console.missing() or (module.missing() if hasattr(module, "missing") else None)
        if why:
            skip(name, why)
            continue
        server = Server(binary)
        check(name, module.journey, server.base, KEY)
        server.stop()
        server.remove()

    if wanted("response"):
        why = verify_response.missing(binary)
        if why:
            skip("alert, pause, rollback, resume", why)
        else:
            check("alert, pause, rollback, resume", verify_response.drill, binary)

    if wanted("siem"):
        readers = os.path.join(venv + "-siem", "bin", "python")
        if os.path.exists(readers):
            check("events read by parsers of others", siem, os.path.abspath(readers), binary)
        else:
            skip("events read by parsers of others", "the readers are not installed (make tools)")

    issuing = os.path.abspath(os.path.join(venv + "-oidc", "bin", "python"))
    if wanted("people sign in at a provider"):
        why = verify_console.missing()
        if not os.path.exists(issuing):
            why = "no provider is installed (make tools)"
        if why:
            skip("people sign in at a provider", why)
        else:
            provider = verify_console_oidc.Provider(issuing, free_port)
            server = Server(binary, *provider.options)
            check("people sign in at a provider", verify_console_oidc.journey, server.base, KEY, provider)
            server.stop()
            server.remove()
            provider.stop()

    if wanted("openapi"):
        provider = verify_console_oidc.Provider(issuing, free_port) if os.path.exists(issuing) else None
        options = provider.options if provider else ()
        with tempfile.TemporaryDirectory() as directory:
            server = Server(binary, "--people", people(pathlib.Path(directory)), "--executor-lease", "1", *options)
        check("openapi holds", openapi, os.path.abspath(venv), server, examples, provider is not None)
        server.stop()
        server.remove()
        if provider:
            provider.stop()

    print(f"{len(passed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
