"""Each way to an effect that a program has: decided on before it happens."""

import asyncio
import concurrent.futures
import contextlib
import http.server
import importlib.util
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

# A database that was opened before the package was there.
EARLY = sqlite3.connect(":memory:", check_same_thread=False)
EARLY.execute("CREATE TABLE early (x)")

from interlock import Blocked, InterlockError  # noqa: E402

from world import Forbidding, World  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = []

    def do_GET(self):
        Handler.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Monitored(Forbidding):
    def setUp(self):
        super().setUp()
        self.plain = self.files / "plain.txt"
        self.plain.write_text("plain")

    @contextlib.contextmanager
    def refused(self):
        """What is inside is refused, and has had no effect afterwards."""
        with self.il.monitor(), self.assertRaises(Blocked):
            yield
        self.assertEqual(self.secret.read_text(), "original")

    def test_reading_and_writing_files_however_they_are_named(self):
        name = str(self.secret)
        ways = [
            lambda: open(name),
            lambda: open(self.secret),
            lambda: open(os.fsencode(name)),
            lambda: self.secret.read_text(),
            lambda: self.secret.write_text("changed"),
            lambda: open(name, "w"),
            lambda: open(name, "a"),
            lambda: open(name, "r+"),
            lambda: os.open(name, os.O_RDONLY),
            lambda: os.open(name, os.O_WRONLY | os.O_TRUNC),
            lambda: shutil.copy(name, self.files / "copy.txt"),
            lambda: shutil.copy(self.plain, name),
            lambda: os.truncate(name, 0),
            lambda: tempfile.NamedTemporaryFile(dir=self.files, prefix="secret"),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.refused():
                way()
        self.assertFalse((self.files / "copy.txt").exists())

    def test_a_name_below_an_open_directory(self):
        directory = os.open(self.files, os.O_RDONLY)
        self.addCleanup(os.close, directory)
        elsewhere = self.dir / "elsewhere"
        elsewhere.mkdir()
        before = os.getcwd()
        os.chdir(elsewhere)
        try:
            with self.refused():
                os.open("secret.txt", os.O_WRONLY | os.O_TRUNC, dir_fd=directory)
        finally:
            os.chdir(before)

    def test_what_a_module_reads_while_it_is_imported(self):
        (self.files / "reads_at_once.py").write_text(
            f"def load():\n    return open({str(self.secret)!r}).read()\nFOUND = load()\n"
        )
        (self.files / "reads_nothing.py").write_text("import json, wave\nFOUND = 1\n")
        sys.path.insert(0, str(self.files))
        self.addCleanup(sys.path.remove, str(self.files))
        with self.refused():
            importlib.import_module("reads_at_once")
        with self.il.monitor():
            self.assertEqual(importlib.import_module("reads_nothing").FOUND, 1)

    def test_the_data_directory_is_not_the_agents(self):
        link = self.files / "link"
        link.symlink_to(self.dir / "data")
        self.il.check("file_read", "/x")
        for way in (
            lambda: (self.dir / "data" / "mine").write_text("x"),
            lambda: (link / "mine").write_text("x"),
            lambda: os.listdir and open(self.dir / "data" / "interlock.db", "rb"),
            lambda: os.rename(self.dir / "data", self.dir / "moved"),
            lambda: shutil.rmtree(self.dir),
        ):
            with self.refused():
                way()
        self.assertTrue((self.dir / "data").is_dir())
        self.assertFalse((self.dir / "data" / "mine").exists())

    def test_a_pools_worker_is_not_monitored_for_ever(self):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            with self.il.monitor(), self.assertRaises(Blocked):
                pool.submit(self.secret.read_text).result()
            self.assertEqual(pool.submit(self.secret.read_text).result(), "original")

    def test_removing_renaming_linking(self):
        name = str(self.secret)
        directory = os.open(self.files, os.O_RDONLY)
        self.addCleanup(os.close, directory)
        ways = [
            lambda: os.remove(name),
            lambda: os.unlink("secret.txt", dir_fd=directory),
            lambda: self.secret.unlink(),
            lambda: os.rename(name, self.files / "x"),
            lambda: os.rename(self.plain, name),
            lambda: os.replace(self.plain, name),
            lambda: shutil.move(name, self.files / "x"),
            lambda: os.link(self.plain, self.files / "secret-link"),
            lambda: os.symlink(self.plain, self.files / "secret-link"),
            lambda: os.mkdir(self.files / "secret-dir"),
            lambda: os.chmod(name, 0o777),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.refused():
                way()
        self.assertEqual(sorted(os.listdir(self.files)), ["plain.txt", "secret.txt"])
        tree = self.files / "tree-of-secrets"
        tree.mkdir()
        with self.il.monitor(), self.assertRaises(Blocked):
            shutil.rmtree(tree)
        self.assertTrue(tree.is_dir())

    def test_what_is_allowed_happens(self):
        with self.il.monitor():
            self.assertEqual(self.plain.read_text(), "plain")
            self.plain.write_text("new")
            import colorsys  # noqa: F401  (loading code is no reading of files)
        self.assertEqual(self.plain.read_text(), "new")

    def test_commands(self):
        mark = self.files / "mark"
        touch = f"touch {mark}"
        ways = [
            lambda: os.system(touch),
            lambda: os.popen(touch).read(),
            lambda: subprocess.run(touch, shell=True),
            lambda: subprocess.run(["touch", mark]),
            lambda: subprocess.Popen(["touch", mark]),
            lambda: subprocess.check_output(["touch", mark]),
            lambda: os.posix_spawn(shutil.which("touch"), ["touch", str(mark)], {}),
            lambda: asyncio.run(asyncio.create_subprocess_exec("touch", str(mark))),
            lambda: asyncio.run(asyncio.create_subprocess_shell(touch)),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.refused():
                way()
        with self.il.monitor():
            # Forks first, so that it is the child that is refused.
            self.assertEqual(os.spawnlp(os.P_WAIT, "touch", "touch", str(mark)), 127)
        self.assertFalse(mark.exists())

    def test_threads_tasks_and_executors_started_inside_are_inside(self):
        caught = []

        def read():
            try:
                self.secret.read_text()
            except Blocked as error:
                caught.append(error)

        async def task():
            read()

        async def tasks():
            await asyncio.gather(task(), asyncio.to_thread(read))
            await asyncio.get_running_loop().run_in_executor(None, read)

        import _thread

        done = threading.Event()
        with self.il.monitor():
            thread = threading.Thread(target=read)
            thread.start()
            thread.join()
            asyncio.run(tasks())
            timer = threading.Timer(0, read)
            timer.start()
            timer.join()
            _thread.start_new_thread(lambda: (read(), done.set()), ())
            done.wait(10)
        self.assertEqual(len(caught), 6)
        # A pool that was there before, and whose threads are not monitored themselves.
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            pool.submit(int).result()
            with self.il.monitor():
                pool.submit(read).result()
            self.assertEqual(len(caught), 7)
            pool.submit(read).result()
            self.assertEqual(len(caught), 7)

    def test_other_threads_are_not_inside(self):
        inside, over = threading.Event(), threading.Event()
        read = []

        def elsewhere():
            inside.wait(10)
            read.append(self.secret.read_text())
            over.set()

        thread = threading.Thread(target=elsewhere)
        thread.start()
        with self.il.monitor():
            inside.set()
            self.assertTrue(over.wait(10))
        thread.join()
        self.assertEqual(read, ["original"])

    def serve(self):
        Handler.asked = []
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def test_connections(self):
        port = self.serve()
        url = f"http://localhost:{port}/x"

        async def connect():
            await asyncio.open_connection("localhost", port)

        ways = [
            lambda: socket.create_connection(("localhost", port)),
            lambda: urllib.request.urlopen(url),
            lambda: asyncio.run(connect()),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
        ]
        if importlib.util.find_spec("httpx"):
            import httpx

            client = httpx.Client(trust_env=False)
            self.addCleanup(client.close)
            ways.append(lambda: client.get(url))

            async def fetch():
                async with httpx.AsyncClient(trust_env=False) as client:
                    await client.get(url)

            ways.append(lambda: asyncio.run(fetch()))
        else:
            print("httpx is not installed: not tried", file=sys.stderr)
        if importlib.util.find_spec("requests"):
            import requests

            ways.append(lambda: requests.get(url))
        else:
            print("requests is not installed: not tried", file=sys.stderr)
        for number, way in enumerate(ways):
            with self.subTest(number), self.refused():
                way()
        self.assertEqual(Handler.asked, [])

    def test_connections_that_were_open_before(self):
        port = self.serve()
        early = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(early.close)
        with self.refused():
            early.sendall(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertEqual(Handler.asked, [])
        # Outside it is as it was.
        early.sendall(b"GET /y HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertIn(b"200", early.recv(1_000))
        self.assertEqual(Handler.asked, ["/y"])

    def test_the_name_that_was_asked_for_is_what_policies_see(self):
        port = self.serve()
        seen = []
        check = self.il.check

        def spy(*args, **kwargs):
            seen.append(args[1])
            return check(*args, **kwargs)

        self.il.check = spy
        with self.refused():
            socket.create_connection(("localhost", port))
        self.assertEqual(seen, [f"tcp://localhost:{port}"])

    def test_statements(self):
        path = self.files / "data.db"
        late = sqlite3.connect(path)
        self.addCleanup(late.close)
        with contextlib.closing(late.cursor()) as cursor:
            cursor.execute("CREATE TABLE t (x)")
            cursor.execute("INSERT INTO t VALUES (1)")
            late.commit()
        with self.il.monitor():
            # Opened inside, so that its statements are read.
            inner = sqlite3.connect(path)
            self.addCleanup(inner.close)
            self.assertEqual(inner.execute("SELECT x FROM t").fetchall(), [(1,)])
            for way in (
                lambda: inner.execute("DELETE FROM t"),
                lambda: inner.cursor().execute(" /* quiet */ DELETE FROM t"),
                lambda: inner.executemany("INSERT INTO t VALUES (?)", [(2,)]),
                lambda: inner.executescript("DROP TABLE t"),
                lambda: sqlite3.connect(self.secret),
            ):
                with self.assertRaises(Blocked):
                    way()
            # Opened before: SQLite asks, and refuses in its own way.
            self.assertEqual(EARLY.execute("SELECT * FROM early").fetchall(), [])
            with self.assertRaisesRegex(sqlite3.DatabaseError, "not authorized"):
                EARLY.execute("INSERT INTO early VALUES (1)")
            with self.assertRaisesRegex(sqlite3.DatabaseError, "not authorized"):
                late.execute("DELETE FROM t") if type(late) is sqlite3.Connection else (
                    _raise_as_sqlite(lambda: late.execute("DELETE FROM t"))
                )
        self.assertEqual(late.execute("SELECT x FROM t").fetchall(), [(1,)])
        EARLY.execute("INSERT INTO early VALUES (1)")
        EARLY.rollback()

    def test_nested_monitors_and_agents(self):
        agents = []
        check = self.il.check

        def spy(*args, **kwargs):
            from interlock._scope import current

            agents.append(current().agent)
            return check(*args, **kwargs)

        self.il.check = spy
        with self.il.monitor("outer"):
            self.plain.read_text()
            with self.il.monitor("inner"):
                self.plain.read_text()
            self.plain.read_text()
        self.assertEqual(agents, ["outer", "inner", "outer"])
        self.plain.read_text()
        self.assertEqual(len(agents), 3)

    def test_without_a_decision_nothing_happens(self):
        self.il.close()
        with self.il.monitor(), self.assertRaises(InterlockError):
            self.plain.write_text("changed")
        self.assertEqual(self.plain.read_text(), "plain")


def _raise_as_sqlite(way):
    try:
        way()
    except Blocked:
        raise sqlite3.DatabaseError("not authorized") from None


class Fork(World):
    policy = """
        interlock: 1
        default: allow
        rules:
          - { id: no, match: { resource: ["*secret*"] }, effect: block }
    """

    def test_a_forked_child_is_inside(self):
        secret = pathlib.Path(self.dir, "secret")
        with self.il.monitor():
            child = os.fork()
            if child == 0:
                try:
                    secret.write_text("x")
                    os._exit(1)
                except Blocked:
                    os._exit(0)
                except BaseException:
                    os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertFalse(secret.exists())


if __name__ == "__main__":
    unittest.main()
