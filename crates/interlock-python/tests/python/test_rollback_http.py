"""Requests of an agent are undone by the requests that a catalogue names for them."""

import asyncio
import http.client
import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
import unittest
import unittest.mock

from interlock import Blocked, ConfigurationError, RollbackStopped, _http, _http_client, _url
from interlock._compensations import Catalogue

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
)
from shop import Shop
from world import World

ALLOW = """
interlock: 1
default: allow
rules: []
"""
ONLY_REVERSIBLE = """
interlock: 1
default: allow
rules:
  - id: only-what-can-be-undone
    match: { action: [api_call] }
    when: "!facts.reversible"
    effect: block
"""
CATALOGUE = """
interlock: 1
compensations:
  - id: new-order
    method: POST
    url: URL/v1/orders
    compensation:
      method: DELETE
      url: URL/v1/orders/{$response.body#/id}
      headers: { Authorization: "Bearer {$secret.SHOP_TOKEN}", X-Why: "undo of {$method}" }
      status: [2xx, 404]
      idempotent: true
    verify:
      url: URL/v1/orders/{$response.body#/id}
      expect: { status: [404] }
  - id: change-order
    method: PUT
    url: URL/v1/orders/{order}
    before: { url: "URL/v1/orders/{order}" }
    compensation:
      method: PUT
      url: URL/v1/orders/{order}
      headers: { If-Match: "{$response.header.ETag}" }
      body: { item: "{$before.body#/item}", tags: "{$before.body#/tags}" }
    unchanged:
      url: URL/v1/orders/{order}
      expect: { headers: { ETag: "{$response.header.ETag}" } }
    verify:
      url: URL/v1/orders/{order}
      expect: { json: { /item: "{$before.body#/item}", /tags: "{$before.body#/tags}" } }
    window: 1h
  - id: mail
    method: POST
    url: URL/v1/mails
    irreversible: a mail that was sent is with its reader
"""


def once_by_httpx(method, url, body):
    with httpx.Client(follow_redirects=False) as client:
        return client.request(method, url, json=body).status_code, None


def once_by_aiohttp(method, url, body):
    async def ask():
        async with aiohttp.ClientSession() as session:
            async with session.request(method, url, json=body, allow_redirects=False) as response:
                return response.status, None

    return asyncio.run(ask())


class WithShop(World):
    policy = ALLOW

    def setUp(self):
        self.shop = Shop()
        self.addCleanup(self.shop.close)
        super().setUp()
        os.environ["SHOP_TOKEN"] = "s3cret"
        self.addCleanup(os.environ.pop, "SHOP_TOKEN", None)
        logging.getLogger("interlock").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("interlock").setLevel, logging.NOTSET)

    def open(self, **options):
        catalogue = self.dir / "compensations.yaml"
        catalogue.write_text(CATALOGUE.replace("URL", self.shop.url))
        return super().open(**{"compensations": catalogue, **options})

    @property
    def orders(self):
        return f"{self.shop.url}/v1/orders"


class Catalogues(World):
    def check(self, text, wanted):
        file = self.dir / "c.yaml"
        file.write_text(text)
        with self.assertRaises(ConfigurationError) as raised:
            Catalogue.load(file)
        self.assertIn(wanted, str(raised.exception))

    def test_what_is_wrong_has_a_place(self):
        good = textwrap.dedent("""\
            compensations:
              - id: a
                method: POST
                url: https://h/o/{x}
                compensation: { method: DELETE, url: "https://h/o/{x}" }
                verify: { url: "https://h/o/{x}", expect: { status: 404 } }
        """)
        file = self.dir / "good.yaml"
        file.write_text(good)
        self.assertEqual(len(Catalogue.load([file, self.dir / "good.yaml"][:1]).entries), 1)
        for old, new, wanted in [
            ("id: a", "id: a b", "c.yaml:2: `compensations[0].id`: must be a name"),
            ("id: a\n", "id: a\n    uri: x\n", "c.yaml:3: `compensations[0].uri`: is no field; known are"),
            ("    method: POST\n", "", "c.yaml:2: `compensations[0]`: lacks `method`"),
            ("POST", "P ST", "c.yaml:3: `compensations[0].method`: `P ST` is no method"),
            ("https://h/o/{x}\n", "h/o/{x}\n", "c.yaml:4: `compensations[0].url`: must begin with"),
            ("https://h/o/{x}\n", "https://h/o/{x}-{y}\n", "two names in one segment"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "https://h/o/{z}"', "the url has no such name"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "https://{x}/o"', "has an expression in its host"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "https://h{x}"', "has an expression in its host"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "https://h/{$secret.X}"', "secrets are for header"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "/{$before.body#/a}"', "needs a read, `before`"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "/{$request.body#a}"', "a JSON Pointer begins with"),
            ('DELETE, url: "https://h/o/{x}"', 'DELETE, url: "/{$response.header.Set-Cookie}"', "is a credential"),
            ("DELETE, url", "DELETE, headers: {Authorization: Bearer x}, url", "headers.Authorization`: is a credential: write"),
            ("DELETE, url", "DELETE, headers: {X-Y: \"a\\nb\"}, url", "has a line break"),
            ("DELETE, url", "DELETE, status: [2x], url", "`2x` is no status such as"),
            ("DELETE, url", "DELETE, idempotent: 1, url", "must be true or false"),
            ("expect: { status: 404 }", "expect: {}", "must say what the read shows"),
            ("expect: { status: 404 }", "expect: { json: { id: 1 } }", "is no JSON Pointer"),
            ("    verify:", "    window: soon\n    verify:", "`soon` is no duration such as"),
            ("    verify:", "    unknown: compensate\n    verify:", "needs a compensation that is idempotent"),
            ("    verify:", "    irreversible: x\n    verify:", "does not go with `irreversible`"),
            ("    verify:", "    verify2:", "is no field"),
            ("compensations:\n", "compensations: [\n", "not valid YAML"),
            ("compensations:\n", "rules:\n", "c.yaml:1: `rules`: is no field"),
        ]:
            with self.subTest(new):
                self.assertIn(old, good)
                self.check(good.replace(old, new, 1), wanted)
        self.check(good + good.partition("\n")[2], "the id `a` is there twice")
        with self.assertRaisesRegex(ConfigurationError, r"compensations: `compensations\[0\]`: lacks `id`"):
            self.open(compensations=[{"method": "POST"}])
        with self.assertRaisesRegex(ConfigurationError, "cannot be read"):
            self.open(compensations=self.dir / "nowhere.yaml")
        with self.assertRaisesRegex(ConfigurationError, "need `undo`"):
            self.open(compensations=[], undo=False)


class Requests(WithShop):
    def test_every_library(self):
        for mode in ((), ("chunked", "gzip")):
            for number, ask in enumerate(LIBRARIES):
                with self.subTest(ask.__name__, mode=mode):
                    self.shop.mode = set(mode)
                    # Each agent is new: one that repeats itself is stopped.
                    with self.il.monitor(f"bot-{number}-{len(mode)}-{mode}"):
                        status, raw = ask("POST", self.orders, {"item": f"n{number}"})
                    self.assertEqual(status, 201)
                    order = json.loads(raw)
                    self.assertEqual(self.shop.orders[str(order["id"])], order)
                    step = self.il.undo_steps()[-1]
                    self.assertEqual((step.declared, step.irreversible), (("http",), ()))
                    report = self.il.rollback()
                    self.assertEqual(len(report.undone), 1)
                    self.assertEqual(self.shop.orders, {})
        deletes = [seen for seen in self.shop.seen if seen[0] == "DELETE"]
        self.assertEqual(len(deletes), 2 * len(LIBRARIES))
        self.assertEqual(deletes[0][2]["Authorization"], "Bearer s3cret")
        self.assertEqual(deletes[0][2]["X-Why"], "undo of POST")

    def test_nothing_secret_is_kept(self):
        with self.il.monitor():
            headers = {"Authorization": "Bearer of-the-agent"}
            httpx.post(self.orders, json={"item": "x"}, headers=headers)
        kept = b"".join(p.read_bytes() for p in (self.dir / "data" / "undo").rglob("*") if p.is_file())
        self.assertIn(b"$secret.SHOP_TOKEN", kept)
        self.assertNotIn(b"s3cret", kept)
        self.assertNotIn(b"of-the-agent", kept)

    def test_a_change_is_undone_by_what_was_read_before(self):
        for ask in (by_httpx, by_httpx_async, by_requests, by_urllib, by_aiohttp):
            with self.subTest(ask.__name__):
                self.shop.orders = {"a b": {"id": "a b", "version": 1, "item": "was", "tags": ["x", 1]}}
                with self.il.monitor(f"bot-{ask.__name__}"):
                    status, _ = ask("PUT", f"{self.orders}/a%20b", {"item": "is", "tags": []})
                self.assertEqual(status, 200)
                self.assertEqual(self.shop.orders["a b"]["item"], "is")
                self.il.rollback()
                order = self.shop.orders["a b"]
                self.assertEqual((order["item"], order["tags"]), ("was", ["x", 1]))

    def test_two_changes_of_one_call_are_one_step(self):
        self.shop.orders = {"7": {"id": "7", "version": 1, "item": "was", "tags": []}}

        @self.il.guard
        def tool():
            by_httpx("PUT", f"{self.orders}/7", {"item": "one"})
            by_requests("PUT", f"{self.orders}/7", {"item": "two"})
            by_urllib("POST", self.orders, {"item": "new"})

        with self.il.monitor():
            tool()
        self.assertEqual([s.declared for s in self.il.undo_steps()], [("http", "http", "http")])
        with self.il.monitor():
            by_httpx("PUT", f"{self.orders}/7", {"item": "three"})
        self.assertEqual(len(self.il.rollback(last=2).undone), 2)
        self.assertEqual([o["item"] for o in self.shop.orders.values()], ["was"])

    def test_what_was_changed_since_is_left_alone(self):
        self.shop.orders = {"7": {"id": "7", "version": 1, "item": "was", "tags": []}}
        with self.il.monitor():
            by_httpx("PUT", f"{self.orders}/7", {"item": "is"})
        self.shop.orders["7"].update(item="a person", version=9)
        with self.assertRaisesRegex(RollbackStopped, "was changed since"):
            self.il.rollback()
        self.assertEqual(self.shop.orders["7"]["item"], "a person")
        self.assertEqual(len(self.shop.writes), 1, "nothing was sent")
        # What is forced is still not blind: the service has its own condition.
        with self.assertRaisesRegex(RollbackStopped, "was answered 412"):
            self.il.rollback(force=True)

    def test_a_compensation_that_only_says_so_undoes_nothing(self):
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        self.shop.mode = {"phantom"}
        with self.assertRaisesRegex(RollbackStopped, "and yet .* is not undone") as raised:
            self.il.rollback()
        self.assertEqual(raised.exception.report.undone, ())
        self.shop.mode = set()
        self.assertEqual(len(self.il.rollback().undone), 1)
        self.assertEqual(self.shop.orders, {})

    def test_what_is_gone_already_is_undone_as_declared(self):
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        self.shop.orders.clear()
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_what_had_no_effect_is_no_step(self):
        with self.il.monitor():
            self.assertEqual(by_requests("POST", self.orders, {"wrong": 1})[0], 422)
            for ask in (by_httpx, by_requests, by_urllib, by_http_client, by_aiohttp):
                with self.assertRaises(Exception):
                    ask("POST", "http://127.0.0.1:9/v1/orders", {"item": "x"})
        self.assertEqual(self.il.undo_steps(), [])

    def test_a_request_whose_outcome_is_unknown_is_not_skipped(self):
        for mode in ("dies", "fails", "accepted-undeclared"):
            for ask in (by_httpx, by_httpx_async, by_requests, by_urllib, by_aiohttp):
                with self.subTest(ask.__name__, mode=mode):
                    self.shop.mode = {mode}
                    with self.il.monitor(f"bot-{ask.__name__}-{mode}"):
                        try:
                            ask("POST", self.orders, {"item": "x"})
                        except Exception as error:
                            self.assertNotIsInstance(error, Blocked)
                    self.shop.mode = set()
                    steps = self.il.undo_steps()
                    if mode == "accepted-undeclared":
                        self.assertEqual(len(self.il.rollback().undone), 1)
                        continue
                    # aiohttp and urllib3 may ask twice where a connection ended.
                    self.assertGreaterEqual(len(steps), 1)
                    with self.assertRaisesRegex(RollbackStopped, "nobody knows whether it happened"):
                        self.il.rollback()
                    self.assertEqual(self.il.undo_steps(), steps)
                    for step in steps:
                        self.il.abandon_step(step.step)

    def test_a_redirect_after_a_change_does_not_say_that_nothing_happened(self):
        for status, known in ((301, False), (302, False), (303, False), (304, True), (307, True), (308, True)):
            for ask in (once_by_httpx, by_http_client, once_by_aiohttp):
                with self.subTest(ask.__name__, status=status):
                    self.shop.answers = (status, None, [("Location", "/v1/orders/1")])
                    with self.il.monitor(f"bot-{ask.__name__}-{status}"):
                        self.assertEqual(ask("POST", self.orders, {"item": "x"})[0], status)
                    steps = self.il.undo_steps()
                    self.assertEqual(len(steps), 0 if known else 1)
                    if steps:
                        with self.assertRaisesRegex(RollbackStopped, "nobody knows whether it happened"):
                            self.il.rollback()
                        self.il.abandon_step(steps[0].step)

    def test_a_redirect_that_the_catalogue_declares_can_be_undone(self):
        made = f"{self.orders}/{{$request.body#/item}}"
        entry = {
            "id": "new",
            "method": "POST",
            "url": self.orders,
            "status": [303],
            "compensation": {"method": "DELETE", "url": made, "status": [404]},
            "verify": {"url": made, "expect": {"status": [404]}},
        }
        self.il.close()
        self.il = self.open(compensations=entry)
        self.shop.answers = (303, None, [("Location", "/v1/orders/1")])
        with self.il.monitor():
            self.assertEqual(by_http_client("POST", self.orders, {"item": "x"})[0], 303)
        self.shop.answers = None
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_a_process_that_dies_in_a_request_leaves_a_note(self):
        code = f"""
            import os, threading, time, urllib.request
            from interlock import Interlock
            il = Interlock({str(self.dir / "data")!r}, agent="bot", policy={str(self.dir / "policy.yaml")!r},
                           compensations={str(self.dir / "compensations.yaml")!r}, durability="batch")
            with il.monitor():
                import http.client
                host = {self.shop.url!r}.partition("://")[2]
                connection = http.client.HTTPConnection(host)
                connection.request("POST", "/v1/orders", body='{{"item": "x"}}')
                time.sleep(0.3)
                os._exit(9)
        """
        self.il.close()
        ran = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60)
        self.assertEqual(ran.returncode, 9)
        self.assertEqual(len(self.shop.orders), 1)
        self.il = self.open()
        with self.assertRaisesRegex(RollbackStopped, "begun and nobody knows"):
            self.il.rollback()

    def test_another_process_can_undo_it(self):
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        self.il.close()
        code = f"""
            from interlock import Interlock
            asked = []
            def credentials(name, url):
                asked.append((name, url))
                return "from the vault"
            il = Interlock({str(self.dir / "data")!r}, agent="bot", policy={str(self.dir / "policy.yaml")!r},
                           durability="batch", credentials=credentials)
            print(len(il.rollback().undone), asked[0][0])
        """
        ran = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], timeout=60, capture_output=True, text=True
        )
        self.assertEqual(ran.stdout, "1 SHOP_TOKEN\n", ran.stderr)
        self.assertEqual(self.shop.orders, {})
        self.assertEqual(self.shop.seen[-2][2]["Authorization"], "Bearer from the vault")

    def test_a_missing_credential_says_what_to_set(self):
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        del os.environ["SHOP_TOKEN"]
        try:
            with self.assertRaisesRegex(RollbackStopped, "`SHOP_TOKEN` .* is missing: set it in the envi"):
                self.il.rollback()
        finally:
            os.environ["SHOP_TOKEN"] = "s3cret"
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_the_time_for_it_may_be_over(self):
        self.shop.orders = {"7": {"id": "7", "version": 1, "item": "was", "tags": []}}
        with self.il.monitor():
            by_httpx("PUT", f"{self.orders}/7", {"item": "is"})
        with unittest.mock.patch("interlock._undo_http.time.time", return_value=1e12):
            with self.assertRaisesRegex(RollbackStopped, "for a time, which is over"):
                self.il.rollback()
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_a_rollback_that_was_cut_off_sends_nothing_twice(self):
        self.shop.orders = {"7": {"id": "7", "version": 1, "item": "was", "tags": []}}
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        sent = []

        def dies(self, payload):
            sent.append(compensate(self, payload))
            raise KeyboardInterrupt

        from interlock import _undo_http

        compensate = _undo_http.Rollback._compensate
        with unittest.mock.patch.object(_undo_http.Rollback, "_compensate", dies):
            with self.assertRaises(RollbackStopped):
                self.il.rollback()
        self.assertEqual(len(sent), 1)
        self.il.close()
        self.il = self.open()
        self.assertEqual(self.il.undo_steps(), [], "the next start completes it")
        self.assertEqual([w[0] for w in self.shop.writes], ["POST", "DELETE"])

    def test_a_response_that_cannot_be_read_is_said(self):
        self.shop.mode = {"large", "chunked"}
        for ask in (by_httpx, by_httpx_async, by_requests, by_urllib, by_aiohttp, by_http_client):
            with self.subTest(ask.__name__), self.il.monitor(f"bot-{ask.__name__}"):
                _, raw = ask("POST", self.orders, {"item": "x"})
                self.assertEqual(len(raw.rstrip()) + (1 << 21), len(raw), "the agent gets all of it")
                json.loads(raw)
        self.assertEqual(
            {step.irreversible for step in self.il.undo_steps()},
            {(f"POST {self.orders}: `{{$response.body#/id}}`: the body has more than 1048576 bytes",)},
        )


class Bound(WithShop):
    """What a compensation is made of, and where it may go."""

    def with_entry(self, **changes):
        where = "{$response.header.Location}"
        entry = {
            "id": "new",
            "method": "POST",
            "url": self.orders,
            "compensation": {"method": "DELETE", "url": where, **changes.pop("compensation", {})},
            "verify": {"url": where, "expect": {"status": 404}, **changes.pop("verify", {})},
            **changes,
        }
        self.il.close()
        self.il = self.open(compensations=[entry])

    def test_the_address_that_a_response_names(self):
        self.with_entry()
        for ask in (by_httpx, by_requests, by_aiohttp):
            with self.il.monitor(f"bot-{ask.__name__}"):
                ask("POST", self.orders, {"item": "x"})
            self.assertEqual(len(self.il.rollback().undone), 1)
        self.assertEqual(self.shop.orders, {})

    def test_another_host_gets_nothing(self):
        self.with_entry()
        self.shop.mode = {"foreign"}
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        (step,) = self.il.undo_steps()
        self.assertIn("is at another host than the request", step.irreversible[0])
        self.shop.mode = set()
        with self.il.monitor("other"):
            by_httpx("POST", self.orders, {"item": "x"})
        self.shop.mode = {"redirects", "phantom"}
        with self.assertRaisesRegex(RollbackStopped, "redirects to another host"):
            self.il.rollback(agent="other")

    def test_another_host_gets_no_credentials_of_the_agent(self):
        other = Shop()
        self.addCleanup(other.close)
        for shop in (self.shop, other):
            shop.orders = {"7": {"id": "7", "version": 1, "item": "was", "tags": []}}
        fields = {"Authorization": "Bearer of-the-agent", "Cookie": "a=of-the-agent", "X-Own": "of-the-agent"}
        here, there = (f"{shop.url}/v1/orders/{{order}}" for shop in (self.shop, other))
        for number, before in enumerate((here, there)):
            seen = (self.shop, other)[number].seen
            entry = {
                "id": "change",
                "method": "PUT",
                "url": here,
                "before": {"url": before, "headers": {"X-Why": "before"}},
                "compensation": {"method": "PUT", "url": there, "body": {"item": "{$before.body#/item}"}},
                "unchanged": {"url": there, "expect": {"status": [200]}},
                "verify": {"url": there, "expect": {"json": {"/item": "was"}}},
            }
            self.il.close()
            self.il = self.open(compensations=entry)
            with self.il.monitor(f"bot-{number}"):
                httpx.put(f"{self.orders}/7", json={"item": "is"}, headers=fields)
            (read,) = [one for one in seen if one[2].get("X-Why") == "before"]
            self.assertEqual(read[2].get("Authorization"), None if number else "Bearer of-the-agent")
            self.assertEqual(len(self.il.rollback().undone), 1)
        self.assertGreater(len(other.seen), 4)
        self.assertNotIn("of-the-agent", str(other.seen))

    def test_a_key_stays_the_same(self):
        self.with_entry(compensation={"idempotent": True, "idempotency_key": "Idempotency-Key"})
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        self.shop.mode = {"phantom"}
        with self.assertRaises(RollbackStopped):
            self.il.rollback()
        self.shop.mode = set()
        self.il.rollback()
        keys = [seen[2]["Idempotency-Key"] for seen in self.shop.seen if seen[0] == "DELETE"]
        self.assertEqual((len(keys), len(set(keys))), (2, 1))

    def test_what_must_not_be_sent_twice_is_not(self):
        self.with_entry()
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        self.shop.mode = {"phantom"}
        with self.assertRaises(RollbackStopped):
            self.il.rollback()
        with self.assertRaisesRegex(RollbackStopped, "a person must look"):
            self.il.rollback()
        self.assertEqual([w[0] for w in self.shop.writes], ["POST", "DELETE"])

    def test_a_service_may_take_its_time(self):
        self.with_entry(verify={"within": "5s"})
        with self.il.monitor():
            by_httpx("POST", self.orders, {"item": "x"})
        self.shop.mode = {"late"}
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_what_may_have_happened_can_be_undone_all_the_same(self):
        self.shop.orders = {"7": {"id": "7", "version": 1, "item": "was", "tags": []}}
        one = f"{self.orders}/{{order}}"
        entry = {
            "id": "change",
            "method": "PUT",
            "url": one,
            "before": {"url": one},
            "compensation": {
                "method": "PUT",
                "url": one,
                "body": {"item": "{$before.body#/item}"},
                "idempotent": True,
            },
            "verify": {"url": one, "expect": {"json": {"/item": "{$before.body#/item}"}}},
            "unknown": "compensate",
        }
        self.il.close()
        self.il = self.open(compensations=entry)
        for ask in (by_httpx, by_urllib, by_aiohttp):
            with self.subTest(ask.__name__):
                self.shop.mode = {"dies"}
                with self.il.monitor(f"bot-{ask.__name__}"), self.assertRaises(Exception):
                    ask("PUT", f"{self.orders}/7", {"item": "is"})
                self.shop.mode = set()
                self.assertEqual(self.shop.orders["7"]["item"], "is")
                report = self.il.rollback(last=5)
                self.assertGreaterEqual(len(report.undone), 1)
                self.assertEqual(self.shop.orders["7"]["item"], "was")


class Addresses(WithShop):
    """What is decided on is the host that a request goes to."""

    policy = """
        interlock: 1
        default: allow
        rules:
          - id: never
            match: { action: [api_call], resource: ["http://127.0.0.1*/v1/mails*"] }
            effect: block
    """

    def test_an_address_in_a_query_hides_no_host(self):
        for ask in (by_http_client, by_urllib, by_requests, by_httpx, by_httpx_async, by_aiohttp):
            for query in ("return_url=https://x", "a://b", "r=HTTP://shop.example/"):
                with self.subTest(ask.__name__, query=query), self.il.monitor(f"{ask.__name__}-{query[0]}"):
                    with self.assertRaises(Blocked):
                        ask("POST", f"{self.shop.url}/v1/mails?{query}", {"to": "a"})
        self.assertEqual(self.shop.seen, [])

    def test_another_way_to_write_a_host_is_the_same_host(self):
        mails = f"{self.shop.url}/v1/mails"
        for ask in (by_requests, by_httpx, by_httpx_async, by_aiohttp):
            with self.subTest(ask.__name__), self.il.monitor(ask.__name__), self.assertRaises(Blocked):
                ask("POST", mails.replace("//", "//shop.example:x@"), {"to": "a"})
        self.assertEqual(self.shop.seen, [])
        for url, wanted in [
            ("https://shop.example@evil.example/x@y", "https://evil.example/x@y"),
            ("HTTP://u:p@Shop.Example.:80/A?b=c://D@e#F", "http://shop.example/A?b=c://D@e#F"),
            ("https://[::1]:443/X", "https://[::1]/X"),
            ("http://h:8080", "http://h:8080"),
            ("http://h:?x", "http://h?x"),
            ("/x?to=http://U@h", "/x?to=http://U@h"),
        ]:
            self.assertEqual(_url.plain(url), wanted)
        seen = []
        with self.il.monitor("named"):
            monitor = _http.current()
            decide = monitor.decide
            monitor.decide = lambda *given, **more: seen.append(given[1]) or decide(*given, **more)
            connection = http.client.HTTPConnection("LOCALHOST", int(self.shop.url.rpartition(":")[2]))
            self.addCleanup(connection.close)
            connection.request("GET", "/v1/X")
            connection.getresponse().read()
        self.assertIn(f"http://localhost:{self.shop.url.rpartition(':')[2]}/v1/X", seen)

    def test_an_address_with_a_line_break_is_none(self):
        for url in ("http://h/a\r\nb", "http://h/a b", "http://h\t.example/", "http://h/\0"):
            with self.assertRaises(_url.BadUrl):
                _url.parts(url)

    def test_what_is_no_response_is_said(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            def answer():
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"nonsense\r\n\r\n")

            thread = threading.Thread(target=answer)
            thread.start()
            with self.assertRaises(_http_client.NotReached):
                _http_client.send("GET", f"http://127.0.0.1:{server.getsockname()[1]}/", [])
            thread.join()

    def test_a_target_without_a_path_is_no_part_of_the_host(self):
        connection = http.client.HTTPConnection("evil.example", 81)
        for target, wanted in [
            ("@shop.example/x", "http://evil.example:81/@shop.example/x"),
            (".shop.example/x", "http://evil.example:81/.shop.example/x"),
            ("?to=a://b", "http://evil.example:81/?to=a://b"),
            ("/x?to=a://b", "http://evil.example:81/x?to=a://b"),
            ("HTTPS://shop.example/x", "HTTPS://shop.example/x"),
        ]:
            self.assertEqual(_http._full_url(connection, target), wanted)


class Reversible(WithShop):
    policy = ONLY_REVERSIBLE

    def test_policies_know_whether_a_request_can_be_undone(self):
        for ask in LIBRARIES:
            with self.subTest(ask.__name__), self.il.monitor(f"bot-{ask.__name__}"):
                self.assertEqual(ask("GET", self.orders)[0], 200)
                with self.assertRaises(Blocked):
                    ask("POST", f"{self.shop.url}/v1/mails", {"to": "a"})
                with self.assertRaises(Blocked):
                    ask("DELETE", f"{self.orders}/7")
        with self.il.monitor():
            self.assertEqual(by_httpx("POST", self.orders, {"item": "x"})[0], 201)
            self.assertEqual(by_requests("POST", self.orders, {"item": "x"})[0], 201)
            # Nothing to read before it: what it would overwrite is not known.
            with self.assertRaises(Blocked):
                by_httpx("PUT", f"{self.orders}/nothing", {"item": "is"})
            with self.assertRaises(Blocked):
                by_aiohttp("PUT", f"{self.orders}/nothing", {"item": "is"})
        self.assertEqual([w[0] for w in self.shop.writes], ["POST", "POST"])

    def test_what_is_allowed_and_cannot_be_undone_is_in_the_report(self):
        self.il.close()
        self.policy = ALLOW
        self.il = self.open()
        with self.il.monitor():
            by_httpx("POST", f"{self.shop.url}/v1/mails", {"to": "a"})
        report = self.il.rollback()
        self.assertIn("a mail that was sent is with its reader", report.irreversible[0].irreversible[0])


if __name__ == "__main__":
    unittest.main()
