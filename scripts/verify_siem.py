#!/usr/bin/env python3
"""Sends the record of a real server to receivers of others and reads what arrived with their parsers:
files in every format, syslog over UDP, TCP and TLS (rsyslog where it is installed), Splunk's collector
and OTLP as their wire formats say.

    verify_siem.py BINARY

Needs the virtual environment of scripts/siem.sh; run it with its Python.
"""

import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import siem_readers  # noqa: E402

KEY = "vtk_siem_0123456789abcdef0123456789abcdef"
TOKEN = "5f0f2a3e-0000-4000-8000-0123456789ab"
HOSTILE = "/srv/x\n<13>1 - evil - - - forged|a=b\\ ] \"q\u202e"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BUNDLE = """interlock: 1
name: office
default: allow
rules:
  - id: payments-wait
    match: { action: [payment] }
    effect: require_approval
    approvers: { group: treasury, quorum: 1 }
  - id: no-deletes
    match: { action: [file_delete] }
    effect: block
"""


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certificates(directory):
    """An authority of our own, and a certificate for `localhost` of it."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "2", "-subj", "/CN=Test authority")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr",
            "-subj", "/CN=localhost")
    (directory / "ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "ext")


class Web(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        web = self
        self.got = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                web.got.append((self.path, dict(self.headers), body))
                answer = b'{"text":"Success","code":0}' if "collector" in self.path else b""
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]


class Stream:
    """A syslog receiver that counts octets (RFC 6587), with TLS where it is given a certificate."""

    def __init__(self, directory=None):
        self.messages, self.wrong = [], []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = None
        if directory:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(directory / "server.pem", directory / "server.key")
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as file:
                while True:
                    count = b""
                    while (byte := file.read(1)) != b" ":
                        if not byte:
                            return
                        assert byte.isdigit(), (count, byte)
                        count += byte
                    self.messages.append(file.read(int(count)).decode())
        except OSError as error:
            self.wrong.append(str(error))


class Datagrams:
    def __init__(self):
        self.messages = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            self.messages.append(self.socket.recv(65_535).decode())


class Rsyslog:
    """The real one, which reads the structured data and writes what it read as JSON."""

    def __init__(self, directory):
        self.port, self.tls_port = free_port(), free_port()
        self.out = directory / "rsyslog.out"
        have_tls = any(pathlib.Path(p).exists() for p in (
            "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so", "/usr/lib/aarch64-linux-gnu/rsyslog/lmnsd_ossl.so"))
        self.tls = have_tls
        template = ('template(name="out" type="list") { constant(value="{") property(outname="sd" '
                    'name="structured-data" format="jsonf") constant(value=",") property(outname="msg" name="msg" '
                    'format="jsonf") constant(value=",") property(outname="msgid" name="msgid" format="jsonf") '
                    'constant(value=",") property(outname="severity" name="syslogseverity" format="jsonf") '
                    'constant(value=",") property(outname="port" name="inputname" format="jsonf") '
                    'constant(value="}\\n") }\n')
        lines = ['global(maxMessageSize="16k" workDirectory="%s" parser.escapeControlCharactersOnReceive="off"' % directory]
        if have_tls:
            lines[0] += ' defaultNetstreamDriverCAFile="%s" defaultNetstreamDriverCertFile="%s" defaultNetstreamDriverKeyFile="%s"' % (
                directory / "ca.pem", directory / "server.pem", directory / "server.key")
        lines[0] += ")"
        lines.append('module(load="imtcp")')
        lines.append(template)
        if have_tls:
            lines.append('input(type="imtcp" name="tls" port="%d" address="127.0.0.1" streamDriver.name="ossl" streamDriver.mode="1" '
                         'streamDriver.authMode="anon")' % self.tls_port)
        lines.append('input(type="imtcp" name="tcp" port="%d" address="127.0.0.1")' % self.port)
        lines.append('action(type="omfile" file="%s" template="out" flushOnTXEnd="on")' % self.out)
        config = directory / "rsyslog.conf"
        config.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen(
            ["rsyslogd", "-n", "-f", str(config), "-i", str(directory / "rsyslog.pid")],
            stdout=subprocess.DEVNULL, stderr=open(directory / "rsyslog.log", "w"))
        until("rsyslog is up", lambda: reachable(self.port) and (not have_tls or reachable(self.tls_port)))

    def messages(self, name):
        if not self.out.exists():
            return []
        lines = self.out.read_text().splitlines()
        return [m for m in map(json.loads, lines) if m["port"] == name]

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)


def reachable(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def until(what, holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Api:
    def __init__(self, base):
        self.base = base

    def __call__(self, method, path, body=None, key=KEY):
        request = urllib.request.Request(
            self.base + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"x-api-key": key, "content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        try:
            return json.loads(text)
        except ValueError:
            return text.decode()


def work(api):
    """What an agent and people do, so that most kinds of entries are in the record."""
    def ask(**action):
        return api("POST", "/api/check", {"agent_id": "bot", "run_id": "run-1", "session_id": "s-1", **action})

    read = ask(action_type="file_read", resource=HOSTILE, tool="read_file", metadata={"traceparent": TRACE})
    api("POST", f"/api/actions/{read['id']}/outcome", {"status": "succeeded", "latency_ms": 3})
    failed = ask(action_type="file_write", resource="/srv/y", tool="write_file")
    api("POST", f"/api/actions/{failed['id']}/outcome", {"status": "failed", "latency_ms": 3})
    ask(action_type="file_delete", resource="/srv/z", tool="remove_file")
    ask(action_type="database_query", resource="postgres://prod/customers", tool="sql",
        arguments={"sql": "SELECT * FROM t WHERE id = 1 OR 1=1; DROP TABLE t --"})
    held = ask(action_type="payment", resource="acme", tool="pay", arguments={"amount_usd": 5})
    ann = api("POST", "/api/keys", {"role": "approver", "label": "ann"})["key"]
    api("POST", f"/api/approvals/{held['approval_id']}/decide", {"decision": "deny"}, ann)
    api("POST", "/api/kill-switch", {"on": True, "reason": "drill"})
    api("POST", "/api/kill-switch", {"on": False, "reason": "drill over"})
    api("POST", "/api/agents", {"agent_id": "second", "name": "Second"})
    return read, failed, held


def config(directory, web, tcp, tls, udp, rsyslog):
    (directory / "hook").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    (directory / "token").write_text(TOKEN)
    sinks = {f"file-{form}": {"format": form, "file": {"path": str(directory / f"{form}.log")}}
             for form in ("ocsf", "cef", "syslog", "jsonl")}
    local = {"allow": ["127.0.0.1", "::1"]}
    def syslog(port, transport, **more):
        return {"host": "localhost" if transport == "tls" else "127.0.0.1", "port": port, "transport": transport, **local, **more}

    sinks |= {
        "tcp": {"format": "syslog", "syslog": syslog(tcp.port, "tcp")},
        "tls": {"format": "cef", "syslog": syslog(tls.port, "tls", ca_file=str(directory / "ca.pem"))},
        "stranger": {"format": "cef", "syslog": syslog(tls.port, "tls")},
        "udp": {"format": "syslog", "syslog": syslog(udp.port, "udp")},
        "splunk": {"format": "ocsf", "hec": {"url": f"http://127.0.0.1:{web.port}", "token": {"file": str(directory / "token")}, **local}},
        "hook": {"format": "ocsf", "webhook": {"url": f"http://127.0.0.1:{web.port}/hook", "secrets": [{"file": str(directory / "hook")}], **local}},
        "traces": {"otlp": {"url": f"http://127.0.0.1:{web.port}/v1/traces", **local}},
        "blocked": {"format": "jsonl", "only": {"kinds": ["decision"], "effects": ["block"]}, "file": {"path": str(directory / "blocked.log")}},
    }
    if rsyslog:
        sinks["rsyslog"] = {"format": "syslog", "syslog": syslog(rsyslog.port, "tcp")}
        if rsyslog.tls:
            sinks["rsyslog-tls"] = {"format": "syslog", "syslog": syslog(rsyslog.tls_port, "tls", ca_file=str(directory / "ca.pem"))}
    path = directory / "export.yaml"
    path.write_text(json.dumps({"sinks": sinks}))
    return path, sinks


def spans(web):
    from google.protobuf.unknown_fields import UnknownFieldSet
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    found = {}
    for path, headers, body in web.got:
        if path != "/v1/traces":
            continue
        assert headers["content-type"] == "application/x-protobuf"
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "interlock", names
            for scope in resource.scope_spans:
                for span in scope.spans:
                    assert not len(UnknownFieldSet(span)), span
                    found[span.span_id.hex()] = span
    return list(found.values())


def traces(web, read, failed, held):
    all_spans = spans(web)
    def of(id_, name="execute_tool"):
        return next(s for s in all_spans if s.name.startswith(name) and any(
            a.key == "interlock.decision.id" and a.value.string_value == id_ for a in s.attributes))
    def attributes(span):
        return {a.key: a.value for a in span.attributes}

    one = of(read["id"])
    assert one.name == "execute_tool read_file" and one.kind == 1, one
    _, trace, parent, _ = TRACE.split("-")
    assert (one.trace_id.hex(), one.parent_span_id.hex()) == (trace, parent)
    assert one.end_time_unix_nano >= one.start_time_unix_nano > 10**18
    has = attributes(one)
    assert has["gen_ai.operation.name"].string_value == "execute_tool"
    assert has["gen_ai.tool.name"].string_value == "read_file"
    assert has["gen_ai.agent.id"].string_value == "bot"
    assert has["gen_ai.conversation.id"].string_value == "s-1"
    assert "interlock.resource" not in has and one.status.code == 0
    assert [e.name for e in one.events] == ["interlock.decision", "interlock.outcome"]
    two = of(failed["id"])
    assert two.status.code == 2 and attributes(two)["error.type"].string_value == "failed"
    asked, wait = of(held["id"]), of(held["id"], "interlock.approval")
    assert wait.parent_span_id == asked.span_id and wait.trace_id == asked.trace_id == two.trace_id
    assert attributes(asked)["error.type"].string_value == "not_approved"
    blocked = next(s for s in all_spans if s.name == "execute_tool remove_file")
    assert blocked.status.code == 2 and attributes(blocked)["error.type"].string_value == "blocked"
    return len(all_spans)


def verify(binary):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="interlock-siem-"))
    rsyslog = server = None
    try:
        certificates(directory)
        (directory / "office.yaml").write_text(BUNDLE)
        web, tcp, tls, udp = Web(), Stream(), Stream(directory), Datagrams()
        if shutil.which("rsyslogd"):
            rsyslog = Rsyslog(directory)
        path, sinks = config(directory, web, tcp, tls, udp, rsyslog)
        port = free_port()
        log = open(directory / "server.log", "w")
        arguments = [binary, "up", "--data", str(directory / "data"), "--listen", f"127.0.0.1:{port}",
                     "--policy", str(directory / "office.yaml"), "--export", str(path)]
        server = subprocess.Popen(arguments, stdout=log, stderr=log,
                                  env={**os.environ, "INTERLOCK_ADMIN_KEY": KEY, "INTERLOCK_LOG": "debug"})
        until("the server is up", lambda: reachable(port) or server.poll() is not None)
        api = Api(f"http://127.0.0.1:{port}")
        read, failed, held = work(api)
        state = lambda: {s["name"]: s for s in api("GET", "/api/export/sinks")}
        until("all sinks have everything", lambda: all(
            s["lag_entries"] == 0 for n, s in state().items() if n != "stranger"))
        ended = state()
        assert set(ended) == set(sinks)
        assert ended["stranger"]["delivered"] == 0 and ended["stranger"]["failures"] > 0, ended["stranger"]
        assert "ertificate" in ended["stranger"]["last_error"], ended["stranger"]
        size = len(api("GET", "/api/audit/entries?limit=1000"))

        lines = lambda name: (directory / f"{name}.log").read_text().splitlines()
        ocsf = [siem_readers.ocsf(line) for line in lines("ocsf")]
        seqs = lambda events: sorted({e["metadata"]["sequence"] for e in events})
        assert seqs(ocsf) == list(range(size)), (seqs(ocsf), size)
        jsonl = [json.loads(line) for line in lines("jsonl")]
        assert [e["record"]["seq"] for e in jsonl] == list(range(size))
        entries = {e["seq"]: e for e in api("GET", "/api/audit/entries?limit=1000")}
        for event in ocsf:
            assert event["attestation"]["fingerprint"]["value"] == entries[event["metadata"]["sequence"]]["leaf"]
        cef = [siem_readers.cef(line) for line in lines("cef")]
        assert [int(e["externalId"]) for e in cef] == list(range(size))
        texts = [siem_readers.syslog(line)[1] for line in lines("syslog")]
        assert [int(t["seq"]) for t in texts] == list(range(size))
        assert any("[U+000A]<13>1" in t.get("resource", "") for t in texts), "the hostile text was not seen"

        for messages in (tcp.messages, udp.messages):
            assert [int(siem_readers.syslog(m)[1]["seq"]) for m in messages] == list(range(size))
        wrapped = [siem_readers.cef(m[m.index("CEF:"):]) for m in tls.messages]
        assert [int(e["externalId"]) for e in wrapped] == list(range(size))
        told = ""
        for name, wanted in (("tcp", "rsyslog"), ("tls", "rsyslog-tls")):
            if wanted in sinks:
                until(f"{wanted} wrote all", lambda: len(rsyslog.messages(name)) == size, 20)
                for message, meant in zip(rsyslog.messages(name), texts):
                    assert f'seq="{meant["seq"]}"' in message["sd"] and message["msgid"] == meant["code"][:32], message
                told += f", {wanted}"

        hec = [json.loads(line) for path, headers, body in web.got if path == "/services/collector/event"
               for line in body.decode().splitlines()]
        assert [h["event"] for h in hec] and len(hec) == len(ocsf)
        for event in hec:
            siem_readers.ocsf(json.dumps(event["event"]))
        assert all(headers["authorization"] == f"Splunk {TOKEN}" for path, headers, _ in web.got if "collector" in path)
        hooked = [json.loads(line) for path, _, body in web.got if path == "/hook" for line in body.decode().splitlines()]
        assert hooked == ocsf
        blocked = [json.loads(line) for line in lines("blocked")]
        assert blocked and all(e["action"]["effect"] == "block" for e in blocked)
        count = traces(web, read, failed, held)

        metrics = api("GET", "/metrics")
        assert 'interlock_export_lag_entries{sink="splunk"} 0' in metrics
        assert 'interlock_export_delivered_total{sink="hook"} %d' % size in metrics, metrics
        for form in ("ocsf", "cef", "syslog", "jsonl"):
            ran = subprocess.run([binary, "export", "--format", form, "--server", api.base, "--key", KEY],
                                 capture_output=True, text=True, check=True)
            written = lines(form)
            assert ran.stdout.splitlines()[: len(written)] == written or form == "syslog", form
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
        ran = subprocess.run([binary, "export", "--data", str(directory / "data"), "--format", "jsonl",
                              "-o", str(directory / "offline.jsonl")], capture_output=True, text=True, check=True)
        offline = (directory / "offline.jsonl").read_text().splitlines()
        assert offline[:size] == lines("jsonl")[:size], ran.stderr
        for kept in [directory / "server.log", *(directory / "data" / "export").iterdir()]:
            assert TOKEN not in kept.read_text(), f"the token is in {kept}"
        classes = sorted({e["class_uid"] for e in ocsf})
        return f"{size} entries through {len(sinks)} sinks{told}; OCSF classes {classes}; {count} spans"
    except BaseException:
        if (directory / "server.log").exists():
            print((directory / "server.log").read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        if server and server.poll() is None:
            server.kill()
            server.wait()
        if rsyslog:
            rsyslog.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(verify(sys.argv[1]))
