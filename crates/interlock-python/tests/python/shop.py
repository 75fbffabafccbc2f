"""A small service with state, which counts what changes it."""

import gzip
import http.server
import json
import threading
import urllib.parse


class Shop:
    """Orders, at `/v1/orders` and `/v1/orders/{id}`; `/v1/mails` sends what nothing takes back."""

    def __init__(self):
        self.orders = {}
        self.writes = []
        self.reads = []
        self.seen = []
        self.next = 100
        #: How it misbehaves: `phantom`, `dies`, `chunked`, `gzip`, `fails`, `accepted`, `large`, `late`,
        #: `foreign`, `redirects`.
        self.mode = set()
        #: What it answers whatever changes something, instead: status, body and fields.
        self.answers = None
        #: All fields of the last request.
        self.fields = []
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=None, headers=()):
                raw = b"" if body is None else json.dumps(body).encode()
                if "large" in shop.mode and body is not None:
                    raw += b" " * (1 << 21)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                if "gzip" in shop.mode and "gzip" in self.headers.get("Accept-Encoding", ""):
                    raw = gzip.compress(raw)
                    self.send_header("Content-Encoding", "gzip")
                if "chunked" in shop.mode:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(raw), 65_536):
                        part = raw[at : at + 65_536]
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    if status not in (204, 304):
                        self.send_header("Content-Length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw if status not in (204, 304) else b"")

            def order(self, order):
                etag = f'"{order["version"]}"'
                return 200, order, [("ETag", etag)]

            def handle_one(self):
                url = urllib.parse.urlsplit(self.path)
                parts = [urllib.parse.unquote(p) for p in url.path.split("/")[1:]]
                if self.headers.get("Transfer-Encoding", "") == "chunked":
                    raw = b""
                    while size := int(self.rfile.readline(), 16):
                        raw += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(raw) if raw else None
                shop.fields = self.headers.items()
                shop.seen.append((self.command, self.path, dict(self.headers), body))
                writes = self.command not in ("GET", "HEAD", "OPTIONS")
                if writes and "dryRun=All" not in url.query:
                    shop.writes.append((self.command, self.path, body))
                elif not writes:
                    shop.reads.append(self.path)
                with shop.lock:
                    answer = shop.act(self.command, parts, url, body, self.headers)
                if "dies" in shop.mode and writes:
                    self.close_connection = True
                    return
                if "fails" in shop.mode and writes:
                    answer = (500, {"error": "oops"})
                if shop.answers is not None and writes:
                    answer = shop.answers
                self.answer(*answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = handle_one

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """An agent may leave at any time."""

        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def act(self, method, parts, url, body, headers):
        dry = "dryRun=All" in url.query
        if parts == ["v1", "mails"]:
            return 202, {"queued": True}
        if parts[:2] != ["v1", "orders"]:
            return 404, {"error": "no such path"}
        if len(parts) == 2:
            if method == "GET":
                return 200, sorted(self.orders.values(), key=lambda o: str(o["id"]))
            if method != "POST":
                return 405, {"error": "method"}
            if not isinstance(body, dict) or "item" not in body:
                return 422, {"error": "an order has an item"}
            self.next += 1
            order = {"id": self.next, "version": 1, "item": body["item"], "tags": body.get("tags", [])}
            if not dry:
                self.orders[str(self.next)] = order
            path = f"/v1/orders/{self.next}"
            if "foreign" in self.mode:
                path = f"http://evil.example{path}"
            return 202 if "accepted" in self.mode else 201, order, [("Location", path)]
        key = parts[2]
        order = self.orders.get(key)
        if len(parts) == 4 and parts[3] == "cancel" and order is not None:
            if "phantom" not in self.mode:
                self.orders[key] = {**order, "item": "cancelled", "version": order["version"] + 1}
            return 200, {"ok": True}
        if len(parts) != 3:
            return 404, {"error": "no such path"}
        if order is None:
            return 404, {"error": "no such order"}
        etag = f'"{order["version"]}"'
        if method == "GET" and "redirects" in self.mode:
            return 302, None, [("Location", f"http://evil.example/v1/orders/{key}")]
        if method == "GET":
            return 200, order, [("ETag", etag)]
        if headers.get("If-Match", etag) != etag:
            return 412, {"error": "changed"}
        if method == "DELETE":
            if "late" in self.mode:
                threading.Timer(0.3, self.orders.pop, (key, None)).start()
            elif "phantom" not in self.mode and not dry:
                del self.orders[key]
            return 204, None
        if method in ("PUT", "PATCH"):
            order = {**order, **{k: v for k, v in body.items() if k in ("item", "tags")}}
            order["version"] += 1
            if not dry:
                self.orders[key] = order
            return 200, order, [("ETag", f'"{order["version"]}"')]
        return 405, {"error": "method"}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
