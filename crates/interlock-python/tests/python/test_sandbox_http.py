"""An agent in a sandbox meets a service as it would be, and the service meets nobody."""

import asyncio
import http.client
import io
import json
import logging
import os
import pathlib
import random
import socket
import time
import unittest
import urllib.request
import uuid

from interlock import ApprovalRequired, Blocked, ConfigurationError, SandboxError
from interlock._monitor import unmonitored
from interlock.sandbox import DryRun, OpenApi

from libraries import (
    LIBRARIES,
    aiohttp,
    by_aiohttp,
    by_http_client,
    by_httpx,
    by_httpx_async,
    by_requests,
    by_urllib,
    httpx,
    requests,
)
from shop import Shop
from world import World

DOCUMENTS = pathlib.Path(__file__).with_name("documents")
SIMPLE = (by_httpx, by_httpx_async, by_requests, by_urllib, by_http_client, by_aiohttp)


class Stubs(World):
    policy = """
        interlock: 1
        default: allow
        rules:
          - id: never
            match: { action: [api_call], resource: ["*/v1/orders/13"] }
            effect: block
    """

    def setUp(self):
        self.shop = Shop()
        self.addCleanup(self.shop.close)
        self.shop.orders = {
            "7": {"id": 7, "version": 1, "item": "old", "tags": ["x"]},
            "8": {"id": 8, "version": 1, "item": "other", "tags": []},
        }
        self.before = json.loads(json.dumps(self.shop.orders))
        super().setUp()
        logging.getLogger("interlock").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("interlock").setLevel, logging.NOTSET)
        self.url = f"{self.shop.url}/v1/orders"

    def open(self, **options):
        stub = OpenApi(DOCUMENTS / "shop.yaml", url=self.shop.url)
        return super().open(**{"services": [stub], **options})

    def untouched(self):
        self.assertEqual(self.shop.orders, self.before)
        self.assertEqual(self.shop.writes, [])

    def ask(self, ask, method, url, body=None):
        status, raw = ask(method, url, body)
        return status, json.loads(raw) if raw else None

    def test_every_library_sees_its_own_writes(self):
        for number, ask in enumerate(LIBRARIES):
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{number}") as box:
                status, made = self.ask(ask, "POST", self.url, {"item": f"new {number}", "tags": ["a"]})
                self.assertEqual((status, made["item"], made["tags"]), (201, f"new {number}", ["a"]))
                own = f"{self.url}/{made['id']}"
                self.assertEqual(self.ask(ask, "GET", own), (200, made))
                listed = self.ask(ask, "GET", self.url)[1]
                self.assertEqual([o["id"] for o in listed], [7, 8, made["id"]])
                status, changed = self.ask(ask, "PUT", f"{self.url}/7", {"item": "is"})
                self.assertEqual((status, changed["id"], changed["item"]), (200, 7, "is"))
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/7")[1]["item"], "is")
                self.assertEqual(self.ask(ask, "PATCH", own, {"item": "again"})[1]["item"], "again")
                self.assertEqual(self.ask(ask, "DELETE", f"{self.url}/8"), (204, None))
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/8")[0], 404)
                self.assertEqual(self.ask(ask, "DELETE", f"{self.url}/8")[0], 404)
                self.assertEqual(
                    [(o["id"], o["item"]) for o in self.ask(ask, "GET", self.url)[1]],
                    [(7, "is"), (made["id"], "again")],
                )
                self.assertEqual(self.ask(ask, "POST", f"{own}/cancel"), (200, {"ok": True}))
                self.assertEqual(
                    [change.kind for change in box.diff()], ["POST", "PUT", "PATCH", "DELETE", "POST"]
                )
                self.untouched()
            self.untouched()
        self.assertEqual(self.il.undo_steps(), [])

    def test_a_wrong_request_is_answered_as_the_document_says(self):
        for ask in SIMPLE:
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{ask.__name__}") as box:
                for method, url, body, wanted in [
                    ("POST", self.url, {}, 422),
                    ("POST", self.url, {"item": 3}, 422),
                    ("POST", self.url, {"item": ""}, 422),
                    ("PUT", f"{self.url}/nine", {"item": "x"}, 400),
                    ("PATCH", f"{self.url}/7", {"item": ""}, 422),
                    ("DELETE", f"{self.url}/999", None, 404),
                    ("PUT", f"{self.url}/999", {"item": "x"}, 404),
                ]:
                    status, answer = self.ask(ask, method, url, body)
                    self.assertEqual(status, wanted, (method, url, body))
                    if wanted != 400:
                        self.assertIsInstance(answer["error"], str)
                self.assertEqual(box.diff(), [], "what fails changes nothing")
        self.untouched()

    def test_reads_are_the_services_own(self):
        for ask in LIBRARIES:
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{ask.__name__}"):
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/7")[1], self.before["7"])
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/9")[0], 404)

    def test_policies_decide_first(self):
        for ask in SIMPLE:
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{ask.__name__}") as box:
                with self.assertRaises(Blocked):
                    ask("DELETE", f"{self.url}/13")
                self.assertEqual(box.diff(), [])

    def test_what_nothing_stands_in_for_needs_a_person(self):
        mails = f"{self.shop.url}/v1/mails"
        for ask in SIMPLE:
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{ask.__name__}"):
                with self.assertRaises(ApprovalRequired):
                    ask("POST", mails, {"to": "a"})
        self.untouched()
        agreed = []
        with self.il.sandbox("asking", approval=lambda asked: agreed.append(asked) or True):
            self.assertEqual(by_requests("POST", mails, {"to": "a"})[0], 202)
            self.assertEqual(by_aiohttp("POST", mails, {"to": "a"})[0], 202)
            self.assertEqual(by_httpx("POST", mails, {"to": "a"})[0], 202)
        self.assertEqual(len(agreed), 3)
        self.assertEqual(len(self.shop.writes), 3)

    def test_connections_that_were_there_before(self):
        with httpx.Client() as client, requests.Session() as session:
            client.get(self.url)
            session.get(self.url)
            with self.il.sandbox():
                self.assertEqual(client.post(self.url, json={"item": "x"}).status_code, 201)
                self.assertEqual(session.post(self.url, json={"item": "y"}).status_code, 201)
                self.assertEqual(len(session.get(self.url).json()), 4)
                self.assertEqual(len(client.get(self.url).json()), 4)
            self.assertEqual(len(session.get(self.url).json()), 2)
            self.assertEqual(len(client.get(self.url).json()), 2)
        self.untouched()

    def test_nothing_is_connected_for_an_answer(self):
        self.il.close()
        self.il = super().open(services=[OpenApi(DOCUMENTS / "pets.json")])
        url = "https://eu.pets.example/v2/pets"
        headers = {"X-Tenant": "acme", "content-type": "application/json"}

        async def by_aiohttp():
            async with aiohttp.ClientSession(headers=headers) as session:
                async with session.post(url, json=pet) as response:
                    made = await response.json()
                async with session.get(f"{url}/{made['id']}") as response:
                    return response.status, made, await response.json()

        def by_requests():
            made = requests.post(url, json=pet, headers=headers).json()
            response = requests.get(f"{url}/{made['id']}")
            return response.status_code, made, response.json()

        def by_httpx():
            made = httpx.post(url, json=pet, headers=headers).json()
            response = httpx.get(f"{url}/{made['id']}")
            return response.status_code, made, response.json()

        def by_urllib():
            request = urllib.request.Request(url, json.dumps(pet).encode(), headers)
            with urllib.request.urlopen(request) as response:
                made = json.load(response)
            with urllib.request.urlopen(f"{url}/{made['id']}") as response:
                return response.status, made, json.load(response)

        for ask in (by_requests, by_httpx, by_urllib, lambda: asyncio.run(by_aiohttp())):
            pet = {"name": "Rex", "kind": "dog", "born": None}
            with self.subTest(ask), self.il.sandbox() as box:
                status, made, read = ask()
                self.assertEqual((status, made), (200, read))
                self.assertEqual(made, {**made, **pet})
                uuid.UUID(made["id"])
                self.assertNotIn("secret", made)
                self.assertEqual([c.target for c in box.diff()], [url])

    def test_a_sandbox_is_as_the_service_would_be(self):
        sequences = 200 if os.environ.get("INTERLOCK_SOAK") else 5
        if sequences == 5:
            print("5 sequences of requests; 200 with INTERLOCK_SOAK=1")
        for seed in range(sequences):
            pick = random.Random(seed)
            plain = Shop()
            self.shop.orders = json.loads(json.dumps(self.before))
            plain.orders = json.loads(json.dumps(self.before))
            self.shop.writes.clear()
            names = {7: 7, 8: 8, 999: 999}
            try:
                with self.subTest(seed), self.il.sandbox(f"bot-{seed}") as box:
                    for _ in range(pick.randrange(3, 12)):
                        self.same(pick, plain, names)
                    self.untouched()
                    box.commit()
                    found = [{**order, "id": 0, "version": 0} for order in self.shop.orders.values()]
                    wanted = [{**order, "id": 0, "version": 0} for order in plain.orders.values()]
                    self.assertEqual(found, wanted)
            finally:
                plain.close()

    def same(self, pick, plain, names):
        """One request to both."""
        ask = pick.choice(LIBRARIES)
        one = pick.choice(list(names))
        body = {"item": pick.choice("abc"), "tags": pick.choice([[], ["x"]])}
        method, path = pick.choice([("POST", ""), ("GET", ""), ("GET", "/"), ("PUT", "/"), ("PATCH", "/"), ("DELETE", "/")])
        if method == "POST" and pick.random() < 0.2:
            body = {"tags": []}
        body = body if method in ("POST", "PUT", "PATCH") else None
        with unmonitored():
            real = self.ask(ask, method, f"{plain.url}/v1/orders" + (f"/{one}" if path else ""), body)
        stub = self.ask(ask, method, self.url + (f"/{names[one]}" if path else ""), body)
        self.assertEqual(real[0], stub[0], (method, path, body))
        if real[0] == 201:
            names[real[1]["id"]] = stub[1]["id"]
        if real[0] < 300:
            back = {stub: real for real, stub in names.items()}

            def shown(value, id):
                return {**value, "id": id(value["id"]), "version": 0} if value else value

            listed = [v if isinstance(v, list) else [v] for v in (real[1], stub[1])]
            self.assertEqual(
                sorted((shown(v, int) for v in listed[0]), key=str),
                sorted((shown(v, back.get) for v in listed[1]), key=str),
                (method, path),
            )

    def test_what_cannot_be_answered_is_refused(self):
        headers = {"content-type": "application/json-patch+json"}
        body = b'[{"op": "remove", "path": "/item"}]'

        async def by_aiohttp():
            async with aiohttp.ClientSession() as session:
                await session.patch(f"{self.url}/7", data=body, headers=headers)

        ways = [
            lambda: requests.patch(f"{self.url}/7", data=body, headers=headers),
            lambda: httpx.patch(f"{self.url}/7", content=body, headers=headers),
            lambda: asyncio.run(by_aiohttp()),
        ]
        document = OpenApi(DOCUMENTS / "shop.yaml", url=self.shop.url)
        content = document.find("PATCH", f"{self.url}/7")[0].about["requestBody"]["content"]
        content["application/*"] = {}
        self.il.close()
        self.il = self.open(services=[document])
        for number, way in enumerate(ways):
            with self.subTest(number), self.il.sandbox(f"bot-{number}"), self.assertRaises(Blocked):
                way()
        self.untouched()

    def test_what_is_no_service(self):
        with self.assertRaisesRegex(ConfigurationError, "neither OpenApi nor DryRun"):
            self.open(services=["shop.yaml"])

    def test_what_is_read_is_nothing_to_upgrade(self):
        async def connects():
            async with aiohttp.ClientSession() as session:
                await session.ws_connect(f"{self.url}/7")

        with self.il.sandbox(), self.assertRaises(ApprovalRequired):
            asyncio.run(connects())
        self.assertEqual(self.shop.reads, [])

    def test_a_connection_of_ones_own(self):
        host, port = self.shop.url.rpartition("/")[2].split(":")
        request = b"DELETE /v1/orders/7 HTTP/1.1\r\nHost: h\r\n\r\n"
        with socket.create_connection((host, int(port))) as before:
            with self.il.sandbox():
                with self.assertRaises(Blocked):
                    before.sendall(request)
                with self.assertRaises(Blocked):
                    socket.create_connection((host, int(port)))
        self.untouched()

    SECOND = b"DELETE /v1/orders/7 HTTP/1.1\r\nHost: h\r\n\r\n"

    def connection(self):
        found = http.client.HTTPConnection(self.shop.url.rpartition("/")[2])
        self.addCleanup(found.close)
        return found

    def test_a_read_has_no_body(self):
        for ask in SIMPLE:
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{ask.__name__}"):
                with self.assertRaises(ApprovalRequired):
                    ask("GET", f"{self.url}/7", {"a": 1})
        chunked = {"Transfer-Encoding": "chunked"}
        ways = [
            lambda: self.connection().request("GET", "/v1/x", self.SECOND, {"Content-Length": "0"}),
            lambda: self.connection().request("GET", "/v1/x", None, {"Content-Length": "60"}),
            lambda: self.connection().request("GET", "/v1/x", [b"x"]),
            lambda: self.connection().request("GET", "/v1/x", None, chunked),
            lambda: requests.get(f"{self.url}/7", data=iter([b"x"])),
            lambda: httpx.get(f"{self.url}/7", headers=chunked),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.il.sandbox(f"bot-{number}"):
                with self.assertRaises(ApprovalRequired):
                    way()
        self.assertEqual(self.shop.seen, [])
        with self.il.sandbox("asking", approval=lambda _: True):
            self.assertEqual(by_http_client("GET", f"{self.url}/7", {"a": 1})[0], 200)
            self.assertEqual(by_requests("GET", f"{self.url}/7", {"a": 1})[0], 200)
        self.untouched()

    def test_a_request_carries_no_other_one(self):
        def begun(connection, method="GET", *fields, path="/v1/orders/9"):
            connection.putrequest(method, path)
            for name, *values in fields:
                connection.putheader(name, *values)

        def after_the_head(c):
            begun(c)
            c.endheaders()
            c.send(self.SECOND)

        def with_the_head(c):
            begun(c)
            c.endheaders(self.SECOND)

        def as_a_file(c):
            begun(c)
            c.endheaders()
            c.send(io.BytesIO(self.SECOND))

        def as_a_list(c):
            begun(c)
            c.endheaders()
            c.send([b"", self.SECOND])

        def instead(c):
            begun(c)
            c.send(self.SECOND)

        def length(c):
            begun(c, "GET", ("Content-Length", "60"))
            c.endheaders()

        def folded(c):
            begun(c, "GET", ("Transfer-Encoding", "", "chunked"))
            c.endheaders()

        def spaced(c):
            begun(c, "GET", ("Content-Length ", "60"))
            c.endheaders()

        def upgraded(c):
            begun(c, "GET", ("Upgrade", "websocket"))
            c.endheaders()

        def override(c):
            begun(c, "GET", ("X-HTTP-Method-Override", "DELETE"))
            c.endheaders()

        def of_no_request(c):
            c.request("GET", "/v1/orders/7")
            c.getresponse().read()
            c.send(self.SECOND)

        def tunnel(c):
            c.set_tunnel("h:1 HTTP/1.1\r\n\r\nDELETE /v1/orders/7 HTTP/1.1\r\nX: ")
            c.request("GET", "/")

        ways = (after_the_head, with_the_head, as_a_file, as_a_list, instead, length, folded, spaced,
                upgraded, override, of_no_request, tunnel)  # fmt: skip
        for way in ways:
            with self.subTest(way.__name__), self.il.sandbox(f"bot-{way.__name__}"):
                with self.assertRaises((Blocked, http.client.InvalidURL, ValueError)):
                    way(self.connection())
            time.sleep(0.02)
            self.untouched()
        self.assertNotIn(self.url, str(self.shop.writes))

    def test_a_permitted_request_carries_no_other_one(self):
        mails = "/v1/mails"
        chunks = b'b\r\n{"to": "a"}\r\n0\r\n\r\n'
        length, chunked = {"Content-Length": "0"}, {"Transfer-Encoding": "chunked"}

        def asking(name):
            # Each agent is new: one that repeats itself is stopped.
            return self.il.sandbox(f"bot-{name}", approval=lambda _: True)

        for number, (body, fields) in enumerate([
            (self.SECOND, length),
            (chunks + self.SECOND, chunked),
            (b"0\r\n\r\n" + self.SECOND, chunked),
            (b"1;x\r\n1\r\n0\r\n\r\n", chunked),
            (b"1\r\n11\r\n0\r\n\r\n", chunked),
            (chunks, {**length, **chunked}),
            (b"", {"Transfer-Encoding": "gzip, chunked"}),
        ]):
            with self.subTest(body=body, fields=fields), asking(number), self.assertRaises(Blocked):
                self.connection().request("POST", mails, body, fields)
        time.sleep(0.05)
        self.assertNotIn("DELETE", str(self.shop.seen))
        self.shop.writes.clear()
        for at in range(1, len(chunks)):
            with asking(f"at-{at}"):
                connection = self.connection()
                connection.request("POST", mails, iter([chunks[:at], chunks[at:]]), chunked)
                self.assertEqual(connection.getresponse().status, 202)
                connection.close()
        with asking("whole"):
            connection = self.connection()
            connection.request("POST", mails, (part for part in (b'{"to": ', b'"a"}')))
            self.assertEqual(connection.getresponse().status, 202)
            self.assertEqual(requests.post(f"{self.shop.url}{mails}", data=iter([b"[", b"]"])).status_code, 202)
        self.assertEqual(len(self.shop.writes), len(chunks) + 1)

    def test_what_a_field_says_is_no_other_request(self):
        for number, fields in enumerate([
            {"Host": "other.example"},
            {"Host": "x@" + self.shop.url.rpartition("/")[2]},
            {"X-HTTP-Method-Override": "DELETE"},
            {"X_Method_Override": "DELETE"},
        ]):
            for method in ("GET", "POST"):
                for ask in (requests.request, httpx.request):
                    with self.subTest(fields=fields), self.il.sandbox(f"bot-{number}-{method}-{ask.__module__}"):
                        with self.assertRaises(ApprovalRequired):
                            ask(method, self.url, headers=fields)
        with self.il.sandbox():
            own = {"HOST": self.shop.url.rpartition("/")[2]}
            self.assertEqual(requests.get(self.url, headers=own).status_code, 200)
            self.assertEqual(httpx.get(self.url, headers=own).status_code, 200)
        self.untouched()

    def test_answers_are_the_librarys_own(self):
        with self.il.sandbox():
            response = requests.post(self.url, json={"item": "x"})
            self.assertTrue(response.ok)
            self.assertEqual(response.reason, "Created")
            self.assertEqual(response.headers["content-type"], "application/json")
            self.assertTrue(response.headers["location"].startswith("/v1/orders/"))
            self.assertEqual(response.request.method, "POST")
            with self.assertRaises(requests.HTTPError):
                requests.post(self.url, json={}).raise_for_status()
            response = httpx.post(self.url, json={"item": "x"})
            self.assertIsInstance(response.elapsed.total_seconds(), float)
            self.assertEqual(response.json()["version"], 1)
            with self.assertRaises(httpx.HTTPStatusError):
                httpx.post(self.url, json={}).raise_for_status()
            with httpx.stream("POST", self.url, json={"item": "x"}) as response:
                self.assertEqual(json.loads(b"".join(response.iter_raw()))["item"], "x")
            streamed = requests.post(self.url, data=iter([b'{"item":', b' "z"}']), headers={"content-type": "application/json"})
            self.assertEqual(streamed.json()["item"], "z")
        self.untouched()

    def test_a_commit_sends_them_with_real_names(self):
        with self.il.sandbox() as box:
            headers = {"Authorization": "Bearer of-the-agent"}
            made = httpx.post(self.url, json={"item": "x"}, headers=headers).json()
            by_requests("PUT", f"{self.url}/{made['id']}", {"item": "y", "tags": [str(made["id"])]})
            by_urllib("DELETE", f"{self.url}/8")
            changes = box.commit()
            with self.assertRaises(Blocked):
                by_requests("DELETE", f"{self.url}/7")
        self.assertEqual([(c.kind, c.target) for c in changes][0], ("POST", self.url))
        self.assertEqual(
            [(m, p) for m, p, _ in self.shop.writes],
            [("POST", "/v1/orders"), ("PUT", "/v1/orders/101"), ("DELETE", "/v1/orders/8")],
        )
        self.assertEqual(self.shop.writes[1][2], {"item": "y", "tags": ["101"]})
        sent = next(seen for seen in self.shop.seen if seen[0] == "POST")
        self.assertEqual(sent[2]["Authorization"], "Bearer of-the-agent")

    def test_what_was_committed_can_be_undone(self):
        one = f"{self.url}/{{order}}"
        made = f"{self.url}/{{$response.body#/id}}"
        entries = [
            {
                "id": "new",
                "method": "POST",
                "url": self.url,
                "compensation": {"method": "DELETE", "url": made},
                "verify": {"url": made, "expect": {"status": 404}},
            },
            {
                "id": "change",
                "method": "PUT",
                "url": one,
                "before": {"url": one},
                "compensation": {"method": "PUT", "url": one, "body": "{$before.body}"},
                "verify": {"url": one, "expect": {"json": {"/item": "{$before.body#/item}"}}},
            },
        ]
        self.il.close()
        self.il = self.open(compensations=entries)
        with self.il.sandbox() as box:
            by_httpx("POST", self.url, {"item": "x"})
            by_requests("PUT", f"{self.url}/7", {"item": "is", "tags": []})
            self.assertEqual(self.il.undo_steps(), [])
            box.commit()
        self.assertEqual(len(self.shop.writes), 2)
        self.assertEqual([step.tool for step in self.il.undo_steps()], ["sandbox.commit"] * 2)
        self.assertEqual(len(self.il.rollback(last=2).undone), 2)
        self.shop.orders["7"]["version"] = 1
        self.assertEqual(self.shop.orders, self.before)

    def test_a_commit_stops_at_the_first_failure(self):
        with self.il.sandbox() as box:
            by_httpx("POST", self.url, {"item": "x"})
            by_httpx("DELETE", f"{self.url}/7")
            by_httpx("DELETE", f"{self.url}/8")
            del self.shop.orders["7"]
            with self.assertRaisesRegex(SandboxError, "of 3 requests 1 were sent; `DELETE .*/7` failed"):
                box.commit()
        self.assertEqual([m for m, _, _ in self.shop.writes], ["POST", "DELETE"])
        self.assertIn("8", self.shop.orders)

    def test_a_service_that_dry_runs(self):
        self.il.close()
        self.il = super().open(
            services=[DryRun(f"{self.shop.url}/v1/**", query={"dryRun": "All"}, headers={"X-Dry": "1"}, item="/id")]
        )
        for ask in SIMPLE:
            with self.subTest(ask.__name__), self.il.sandbox(f"bot-{ask.__name__}") as box:
                status, made = self.ask(ask, "POST", f"{self.url}?a=b", {"item": "x"})
                self.assertEqual(status, 201)
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/{made['id']}"), (200, made))
                self.assertEqual(self.ask(ask, "PUT", f"{self.url}/7", {"item": "is"})[1]["item"], "is")
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/7")[1]["item"], "is")
                self.assertEqual(self.ask(ask, "DELETE", f"{self.url}/8")[0], 204)
                self.assertEqual(self.ask(ask, "GET", f"{self.url}/8")[0], 404)
                self.assertEqual(self.ask(ask, "POST", self.url, {})[0], 422)
                self.assertEqual([c.kind for c in box.diff()], ["POST", "PUT", "DELETE"])
                self.untouched()
        asked = [seen for seen in self.shop.seen if seen[0] == "POST"]
        self.assertEqual(asked[0][1], "/v1/orders?a=b&dryRun=All")
        self.assertTrue(all(seen[2].get("X-Dry") == "1" for seen in asked))

    def test_a_dry_run_is_what_is_asked_for(self):
        """Whatever the agent says of it."""
        self.il.close()
        dry = {"dryRun": "All"}
        self.il = super().open(
            services=[DryRun(f"{self.shop.url}/v1/**", query=dry, headers={"X-Dry-Run": "true"}, item="/id")]
        )
        fields = {"x-dry-run": "false", "X_Dry_Run": "false", "X-Other": "1"}
        query = "dryrun=None&DRYRUN=None&dry%52un=None&%64ryRun[]=None&a=b;dryRun=None&c=d"

        def by_client(url):
            connection = self.connection()
            connection.request("POST", url.removeprefix(self.shop.url), b'{"item": "x"}', fields)
            connection.getresponse().read()

        def by_pieces(url):
            connection = self.connection()
            connection.putrequest("POST", url.removeprefix(self.shop.url))
            connection.putheader("X-Dry-Run", "false")
            connection.putheader(b"X-DRY-RUN ", b"false")
            connection.putheader("X-Other", "1")
            connection.putheader("Content-Length", "13")
            connection.endheaders(b'{"item": "x"}')
            connection.getresponse().read()

        async def with_aiohttp(url):
            async with aiohttp.ClientSession() as session:
                async with session.post(url, data=b'{"item": "x"}', headers=fields):
                    pass

        for way in (
            by_client,
            by_pieces,
            lambda url: httpx.post(url, content=b'{"item": "x"}', headers=fields),
            lambda url: requests.post(url, data=b'{"item": "x"}', headers=fields),
            lambda url: asyncio.run(with_aiohttp(aiohttp.client.URL(url, encoded=True))),
        ):
            self.shop.seen.clear()
            with self.subTest(way), self.il.sandbox(f"bot-{way}"):
                way(f"{self.url}?{query}")
                ((_, path, sent, _),) = self.shop.seen
                self.assertEqual(path, "/v1/orders?a=b&c=d&dryRun=All")
                self.assertEqual(
                    [(n.lower(), v) for n, v in self.shop.fields if "dry" in n.lower()], [("x-dry-run", "true")]
                )
                self.assertEqual(sent["X-Other"], "1")
        self.untouched()
        ways = [
            # A gateway drops what `Connection` names.
            lambda: requests.post(self.url, json={"item": "x"}, headers={"Connection": "close, X-Dry-Run"}),
            # Kubernetes does not look at the query where there is a body.
            lambda: requests.delete(f"{self.url}/7", json={"dryRun": []}),
            lambda: self.connection().request("DELETE", "/v1/orders/7", None, {"Content-Length": "2"}),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.il.sandbox(f"bot-{number}"), self.assertRaises(ApprovalRequired):
                way()
        self.untouched()
        other = Shop()
        self.addCleanup(other.close)
        with self.il.sandbox("elsewhere"), self.assertRaises(Blocked):
            connection = http.client.HTTPConnection(other.url.rpartition("/")[2])
            connection.request("POST", self.url, b'{"item": "x"}')
        self.assertEqual(other.seen, [])
        with self.il.sandbox("same"):
            connection = self.connection()
            connection.request("POST", self.url.replace("http:", "HTTP:"), b'{"item": "x"}')
            self.assertEqual(connection.getresponse().status, 201)
        self.untouched()
        with self.il.sandbox("other"), self.assertRaises(Blocked):
            self.connection().request("POST", "/v1/orders", self.SECOND, {"Content-Length": "0"})
        time.sleep(0.05)
        self.assertNotIn("DELETE", str(self.shop.seen))

    def test_the_record_says_what_was_answered(self):
        answered = []
        check = self.il.check

        def seen(*args, **kwargs):
            if kwargs.get("tool") == "interlock.sandbox":
                answered.append(kwargs["arguments"])
            return check(*args, **kwargs)

        self.il.check = seen
        with self.il.sandbox():
            by_httpx("POST", f"{self.url}?token=secret", {"item": "x"})
        phases = [arguments["phase"] for arguments in answered]
        self.assertEqual(phases, ["opened", "answered", "discarded"])
        self.assertEqual((answered[1]["by"], answered[1]["status"]), ("openapi", 201))
        self.assertNotIn("secret", json.dumps(answered))


if __name__ == "__main__":
    unittest.main()
