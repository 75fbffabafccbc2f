"""One agent in a sandbox that writes files, rows of a PostgreSQL and of a SQLite database, and calls a
service: it sees all of it done, and afterwards nothing has changed."""

import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import textwrap
import unittest
import urllib.request

from interlock.sandbox import OpenApi

import postgres
from shop import Shop
from world import World

try:
    import psycopg
except ImportError:
    psycopg = None

DOCUMENTS = pathlib.Path(__file__).with_name("documents")


@unittest.skipIf(psycopg is None, "psycopg is not installed")
class Whole(World):
    policy = "interlock: 1\ndefault: allow\nrules: []\n"

    def setUp(self):
        server = postgres.server()
        if server is None:
            self.skipTest("no PostgreSQL is installed")
        self.shop = Shop()
        self.addCleanup(self.shop.close)
        self.shop.orders = {"7": {"id": 7, "version": 1, "item": "old", "tags": []}}
        self.dsn = server.dsn
        self.eyes = psycopg.connect(self.dsn, autocommit=True)
        self.addCleanup(self.eyes.close)
        self.eyes.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE paid (id int PRIMARY KEY, amount int)")
        self.eyes.execute("INSERT INTO paid VALUES (1, 10), (2, 20)")
        super().setUp()
        self.work = self.dir / "work"
        (self.work / "deep").mkdir(parents=True)
        (self.work / "a.txt").write_text("as it was")
        (self.work / "deep" / "b.txt").write_text("this too")
        with sqlite3.connect(self.work / "own.db") as own:
            own.execute("CREATE TABLE seen (x)")
        own.close()

    def open(self, **options):
        stub = OpenApi(DOCUMENTS / "shop.yaml", url=self.shop.url)
        return super().open(**{"services": [stub], **options})

    def world(self):
        files = {}
        for path in sorted(self.work.rglob("*")):
            about = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            files[str(path)] = (content, about.st_mode, about.st_uid, about.st_mtime_ns)
        rows = self.eyes.execute("SELECT * FROM paid ORDER BY id").fetchall()
        return files, rows, json.dumps(self.shop.orders), list(self.shop.writes)

    def order(self, method, path, body=None):
        request = urllib.request.Request(
            self.shop.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            raw = answer.read()
            return json.loads(raw) if raw else None

    def act(self):
        """What the agent does, and what it sees of it."""
        (self.work / "a.txt").write_text("changed")
        os.remove(self.work / "deep" / "b.txt")
        (self.work / "new").mkdir()
        (self.work / "new" / "c.txt").write_text("made")
        self.assertEqual((self.work / "a.txt").read_text(), "changed")
        self.assertEqual(sorted(os.listdir(self.work)), ["a.txt", "deep", "new", "own.db"])
        self.assertEqual(os.listdir(self.work / "deep"), [])

        with psycopg.connect(self.dsn) as connection:
            connection.execute("UPDATE paid SET amount = amount + 1")
            connection.execute("INSERT INTO paid VALUES (3, 30)")
        with psycopg.connect(self.dsn, autocommit=True) as other:
            other.execute("DELETE FROM paid WHERE id = 1")
            self.assertEqual(other.execute("SELECT * FROM paid ORDER BY id").fetchall(), [(2, 21), (3, 30)])

        own = sqlite3.connect(self.work / "own.db")
        with own:
            own.execute("INSERT INTO seen VALUES (1)")
        own.close()
        again = sqlite3.connect(self.work / "own.db")
        self.assertEqual(again.execute("SELECT count(*) FROM seen").fetchone(), (1,))
        again.close()

        made = self.order("POST", "/v1/orders", {"item": "new", "tags": []})
        self.order("DELETE", "/v1/orders/7")
        self.assertEqual([order["id"] for order in self.order("GET", "/v1/orders")], [made["id"]])

    def test_everything_is_seen_and_nothing_has_changed(self):
        before = self.world()
        with self.il.sandbox("bot") as box:
            self.act()
            parts = {change.part for change in box.diff()}
        self.assertEqual(parts, {"files", "databases", "http"})
        self.assertEqual(self.world(), before)
        connection = sqlite3.connect(self.work / "own.db")
        self.assertEqual(connection.execute("SELECT count(*) FROM seen").fetchone(), (0,))
        connection.close()

    def test_nothing_has_changed_when_the_process_is_killed(self):
        before = self.world()
        program = """
            import os, signal, sys, urllib.request
            import psycopg
            from interlock import Interlock
            from interlock.sandbox import OpenApi
            data, policy, work, dsn, url, document = sys.argv[1:]
            il = Interlock(data, agent="bot", policy=policy, services=[OpenApi(document, url=url)])
            with il.sandbox():
                open(work + "/a.txt", "w").write("changed")
                os.remove(work + "/deep/b.txt")
                with psycopg.connect(dsn) as connection:
                    connection.execute("DELETE FROM paid")
                request = urllib.request.Request(
                    url + "/v1/orders", method="POST", data=b'{"item":"new","tags":[]}',
                    headers={"content-type": "application/json"},
                )
                urllib.request.urlopen(request).read()
                print(open(work + "/a.txt").read(), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        """
        self.il.close()
        ran = subprocess.run(
            [
                sys.executable, "-c", textwrap.dedent(program), self.dir / "data",
                self.dir / "policy.yaml", self.work, self.dsn, self.shop.url, DOCUMENTS / "shop.yaml",
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )  # fmt: skip
        self.assertEqual((ran.stdout, ran.returncode), ("changed\n", -signal.SIGKILL), ran.stderr)
        self.assertEqual(self.world(), before)


if __name__ == "__main__":
    unittest.main()
