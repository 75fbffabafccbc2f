"""An agent runs away, and is stopped, undone and let go on: alert, pause, rollback, resume.

The agent is a Python program with the package of this tree, connected to a real server. What it
changed is put back where it runs; what happened is on the record in its order, which
`interlock audit verify` checks. Run it alone to watch it:

    cargo build --workspace && cargo build -p interlock-python
    python3 scripts/verify_response.py
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEY = "a-key-for-the-drill-0123456789abcdefghijklmn"

POLICY = """\
interlock: 1
default: allow
rules:
  - id: keys-stay-here
    match: { resource: ["*/keys/*"] }
    effect: block
    notify: [security]
    description: an agent has no business with the keys
"""

RULES = {
    "rules": [
        {
            "id": "runaway", "scope": "agent", "level": "low", "count": 3, "window_s": 300,
            "action": "rollback", "last": 3, "notify": ["security"], "cool_down_s": 600,
        }
    ]
}

#: It works, tries what it may not, works on until it is stopped, and goes on when it may again.
AGENT = """
import pathlib, sys, time
from interlock import Blocked, Interlock

data, url, key, work = sys.argv[1:]
work = pathlib.Path(work)


def say(text):
    print(text, flush=True)


def permitted(il):
    # An agent that asks on and on while it is stopped is taken for one that is stuck.
    time.sleep(1)
    asked = il.check("file_read", f"/srv/{time.monotonic_ns()}")
    if not asked.allowed:
        say(f"denied: {asked.code}")
    return asked.allowed


with Interlock(data, agent="clerk", server=url, api_key=key, durability="strict") as il, il.monitor():
    for name in ("one", "two", "three"):
        (work / name).write_text("changed by the agent")
    say("changed")
    for n in range(3):
        try:
            (work / "keys" / f"id_{n}").read_text()
        except Blocked as error:
            assert error.decision.code == "policy.rule", error.decision
    say("refused")
    while permitted(il):
        pass
    say("stopped")
    while not permitted(il):
        pass
    (work / "four").write_text("after it")
    say("went on")
"""


def library(binary):
    """The extension of the build that the binary is of; none when it was not built."""
    there = pathlib.Path(binary).resolve().parent
    built = [path for path in (there / "lib_core.so", there / "deps" / "lib_core.so") if path.is_file()]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def missing(binary):
    return None if library(binary) else "the Python extension is not built: run `cargo build -p interlock-python`"


class Receiver:
    """Takes the webhooks of the group `security`."""

    def __init__(self):
        import http.server

        taken = self.taken = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def people(self, directory):
        secret = directory / "secret"
        secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        webhook = {
            "url": f"http://127.0.0.1:{self.server.server_port}/", "allow": ["127.0.0.1"],
            "secrets": [{"file": str(secret)}],
        }
        file = directory / "people.yaml"
        groups = {"security": {"channels": ["hook"]}}
        file.write_text(json.dumps({"groups": groups, "channels": {"hook": {"webhook": webhook}}}))
        return file


def until(what, holds, seconds=30.0):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found


def drill(binary, say=lambda text: None):
    """The whole of it; returns a line about what was seen."""
    made = pathlib.Path(tempfile.mkdtemp(prefix="interlock-response-"))
    processes = []
    try:
        return run(binary, made, processes, say)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(made, ignore_errors=True)


def run(binary, made, processes, say):
    package = made / "package"
    shutil.copytree(
        ROOT / "crates" / "interlock-python" / "python" / "interlock", package / "interlock",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    os.symlink(library(binary), package / "interlock" / "_core.abi3.so")
    work = made / "work"
    (work / "keys").mkdir(parents=True)
    for name in ("one", "two", "three"):
        (work / name).write_text("as it was")
    (made / "policy.yaml").write_text(POLICY)
    (made / "rules.json").write_text(json.dumps(RULES))
    receiver = Receiver()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
    log = open(made / "server.log", "w")
    server = subprocess.Popen(
        [binary, "up", "--listen", f"127.0.0.1:{port}", "--data", made / "server", "--policy", made / "policy.yaml",
         "--people", receiver.people(made), "--durability", "strict"],
        env={**clean, "INTERLOCK_ADMIN_KEY": KEY}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )
    processes.append(server)

    def call(method, path, body=None):
        request = urllib.request.Request(
            base + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"x-api-key": KEY, "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def ready():
        assert server.poll() is None, (made / "server.log").read_text()[-2000:]
        try:
            return call("GET", "/api/whoami")
        except OSError:
            return None

    until("the server answers", ready)

    def interlock(*words):
        ran = subprocess.run(
            [binary, *words, "--server", base, "--key", KEY], env=clean, capture_output=True, text=True, timeout=60
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    # What the guide shows is taken as it stands there.
    guide = (ROOT / "docs" / "guides" / "alerts.md").read_text()
    (made / "guide.json").write_text(guide.split("```json\n", 1)[1].split("```", 1)[0])
    interlock("alerts", "rules", "--set", str(made / "guide.json"))
    interlock("alerts", "rules", "--set", str(made / "rules.json"))
    say("The rule is set: three alerts of one agent within 5 minutes pause it and undo its last 3 steps.")

    agent = subprocess.Popen(
        [sys.executable, "-c", AGENT, made / "agent", base, KEY, work],
        env={**clean, "PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    processes.append(agent)
    said = []
    threading.Thread(target=lambda: said.extend(iter(agent.stdout.readline, "")), daemon=True).start()

    def heard(word):
        if agent.poll() not in (None, 0):
            raise AssertionError(agent.stderr.read()[-3000:])
        return f"{word}\n" in said

    until("the agent has worked", lambda: heard("changed"))
    say("The agent has changed three files.")
    until("the agent was refused", lambda: heard("refused"))
    say("The agent has asked three times for a key, and was refused.")
    groups = until("the alerts are one group", lambda: [
        g for g in call("GET", "/api/alert-groups") if g["kind"] == "decision" and g["rule"] == "keys-stay-here"
    ])
    response = until("the response is over", lambda: [
        r for r in call("GET", "/api/responses") if r["result"] == "done"
    ])[0]
    assert (response["rule"], response["agent_id"], len(response["alerts"])) == ("runaway", "clerk", 3), response
    say(f"The response has begun by itself: {response['message']}.")
    until("the agent is stopped", lambda: heard("stopped"))
    order = until("the rollback is over", lambda: [
        r for r in call("GET", "/api/rollbacks") if r["state"] not in ("ordered", "claimed")
    ])[0]
    assert (order["id"], order["state"], order["undone"]) == (response["id"], "done", 3), order
    contents = [(work / name).read_text() for name in ("one", "two", "three")]
    assert contents == ["as it was"] * 3, contents
    say("The agent is stopped, and its three files are as they were.")

    # People are told of the group and of the response, once each.
    until("people are told", lambda: len(receiver.taken) >= 2)
    told = [(m["type"], m["data"]["kind"], m["data"]["level"]) for m in receiver.taken]
    assert ("alert.new", "response", "critical") in told, told
    assert [kind for _, kind, _ in told].count("decision") <= 2, told

    # A person looks, takes it, and lets the agent go on.
    [group] = groups
    shown = interlock("alerts", "show", group["id"])
    assert "keys-stay-here" in shown, shown
    interlock("alerts", "ack", group["id"], "--comment", "wrong prompt, fixed")
    interlock("alerts", "assign", group["id"], "ann")
    interlock("agents", "resume", "clerk")
    say("A person has looked at it and lets the agent go on.")
    try:
        until("the agent goes on", lambda: heard("went on"), 60)
    except AssertionError as error:
        raise AssertionError(f"{error}; it said {''.join(said[-5:])}") from None
    assert agent.wait(30) == 0, agent.stderr.read()[-3000:]
    assert (work / "four").read_text() == "after it"
    assert [(work / name).read_text() for name in ("one", "two", "three")] == ["as it was"] * 3
    interlock("alerts", "resolve", group["id"])
    say("The agent has gone on.")

    # All of it is on the record, in this order, with who did it.
    bodies = [entry["body"] for entry in call("GET", "/api/audit/entries?from=0&limit=1000")]
    told = [(b.get("what") or b.get("alert") or b["kind"], b.get("actor")) for b in bodies]
    wanted = [
        ("response-rules-changed", None), ("response", None), ("agent-changed", "response:runaway"),
        ("rollback-ordered", "response:runaway"), ("response-ended", None), ("rollback-claimed", None),
        ("rollback-ended", None), ("alert-group-changed", None), ("agent-changed", None),
        ("alert-group-changed", None),
    ]
    at = 0
    for what, actor in wanted:
        found = next((i for i in range(at, len(told)) if told[i][0] == what and actor in (None, told[i][1])), None)
        assert found is not None, f"{what} by {actor} is not on the record after entry {at}: {told}"
        at = found + 1
    for once in ("response", "response-ended", "rollback-ordered", "rollback-ended"):
        assert [what for what, _ in told].count(once) == 1, (once, told)
    server.terminate()
    assert server.wait(30) == 0
    for directory in ("server", "agent"):
        verified = subprocess.run(
            [binary, "audit", "verify", made / directory], env=clean, capture_output=True, text=True, timeout=120
        )
        assert verified.returncode == 0, verified.stdout + verified.stderr
    say("The records of the server and of the agent are verified.")
    return f"{len(told)} entries of the record, {len(receiver.taken)} messages for 4 alerts"


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target" / "debug" / "interlock")
    if why := missing(binary):
        sys.exit(why)
    print(drill(binary, lambda text: print(text, flush=True)))


if __name__ == "__main__":
    main()
