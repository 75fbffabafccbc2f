"""A server of this build, as a process that can be stopped, continued and killed."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

BINARY = os.environ.get("INTERLOCK_BINARY", "")
ADMIN = "a-key-for-tests-0123456789abcdefghijklmnop"
TLS = Path(__file__).with_name("tls")


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Server:
    def __init__(self, directory, policy):
        self.directory = directory
        self.policy = directory / "server.yaml"
        self.policy.write_text(policy)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}
        self.process = subprocess.Popen(
            [BINARY, "up", "--data", self.directory / "server-data", "--policy", self.policy]
            + ["--listen", f"127.0.0.1:{self.port}", "--durability", "strict"],
            env={**environment, "INTERLOCK_ADMIN_KEY": ADMIN},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 30
        while True:
            try:
                self.get("/api/kill-switch")
                return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        """Stops it where it is; its threads stop one after the other."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")
        until = time.monotonic() + 10
        while any(") T " not in (task / "stat").read_text() for task in tasks.iterdir()):
            assert time.monotonic() < until, "it does not stand still"
            time.sleep(0.005)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.thaw()
            self.kill()

    def call(self, method, path, body=None, key=ADMIN):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"x-api-key": key, "content-type": "application/json"},
        )
        # Whatever the environment says of proxies.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=20) as answer:
            return json.load(answer)

    def get(self, path):
        return self.call("GET", path)

    def key(self, role, **more):
        return self.call("POST", "/api/keys", {"role": role, **more})["key"]

    def actions(self):
        rows, before = [], ""
        while True:
            page = self.get(f"/api/actions?limit=1000{before}")
            rows += page
            if len(page) < 1000:
                return rows
            before = f"&before={page[-1]['seq']}"


class Tls:
    """Speaks TLS and hands on to a server."""

    def __init__(self, port):
        self.to = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(TLS / "server.pem", TLS / "server.key.pem")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

    def serve(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as client:
                with socket.create_connection(("127.0.0.1", self.to)) as server:
                    back = threading.Thread(target=carry, args=(server, client), daemon=True)
                    back.start()
                    carry(client, server)
                    back.join(5)
        except OSError:
            plain.close()

    def close(self):
        self.listener.close()


def carry(source, target):
    try:
        while data := source.recv(16384):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
