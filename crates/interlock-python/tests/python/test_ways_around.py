"""The ways around the published monitor, each by its name: here each is decided on before its effect."""

import asyncio
import concurrent.futures
import contextlib
import http.server
import importlib.util
import multiprocessing
import os
import pathlib
import pickle
import shutil
import socket
import socketserver
import sqlite3
import struct
import subprocess
import sys
import textwrap
import threading
import unittest
import urllib.request

# A database that was opened before the package was there, by a class of its own.
EARLY = sqlite3.connect(":memory:", check_same_thread=False, factory=type("Own", (sqlite3.Connection,), {}))
EARLY.execute("CREATE TABLE early (x)")

from interlock import Blocked, ConfigurationError  # noqa: E402
from interlock._core import Floor  # noqa: E402

import jobs  # noqa: E402
from world import Forbidding, World  # noqa: E402


def library(name):
    """A library, or nothing where it is not installed, which is said."""
    if importlib.util.find_spec(name) is None:
        print(f"{name} is not installed: not tried", file=sys.stderr)
        return None
    return __import__(name)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


class Postgres(socketserver.BaseRequestHandler):
    """As much of a PostgreSQL server as a driver needs to believe in it; it notes the statements."""

    def message(self, kind, body=b""):
        self.request.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.request.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def handle(self):
        with contextlib.suppress(EOFError, OSError):
            while True:
                (length,) = struct.unpack("!I", self.exactly(4))
                (code,) = struct.unpack("!I", self.exactly(length - 4)[:4])
                if code == 196_608:
                    break
                # Neither TLS nor GSSAPI.
                self.request.sendall(b"N")
            self.message(b"R", struct.pack("!I", 0))
            for name, value in [
                ("client_encoding", "UTF8"),
                ("server_version", "15.0"),
                ("standard_conforming_strings", "on"),
                ("DateStyle", "ISO"),
                ("integer_datetimes", "on"),
            ]:
                self.message(b"S", f"{name}\0{value}\0".encode())
            self.message(b"K", struct.pack("!II", 1, 1))
            self.message(b"Z", b"I")
            while True:
                kind = self.exactly(1)
                (length,) = struct.unpack("!I", self.exactly(4))
                body = self.exactly(length - 4)
                if kind == b"Q":
                    self.server.statements.append(body[:-1].decode())
                    self.message(b"C", b"OK\0")
                    self.message(b"Z", b"I")
                elif kind == b"P":
                    self.server.statements.append(body.split(b"\0")[1].decode())
                    self.message(b"1")
                elif kind == b"B":
                    self.message(b"2")
                elif kind == b"D":
                    self.message(b"n")
                elif kind == b"E":
                    self.message(b"C", b"OK\0")
                elif kind == b"S":
                    self.message(b"Z", b"I")
                elif kind == b"X":
                    return


class Ways(Forbidding):
    def setUp(self):
        super().setUp()
        self.mark = self.files / "mark"

    @contextlib.contextmanager
    def refused(self, error=Blocked):
        """What is inside is refused, and has had no effect afterwards."""
        with self.il.monitor(), self.assertRaises(error) as caught:
            yield caught
        self.assertEqual(self.secret.read_text(), "original")
        self.assertEqual(sorted(os.listdir(self.files)), ["secret.txt"])

    def serve(self, handler, kind=http.server.ThreadingHTTPServer):
        server = kind(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        server.asked, server.statements = [], []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server, server.server_address[1]

    # -- files --------------------------------------------------------------------------------------

    def test_reads_of_blocked_paths(self):
        with self.refused():
            open(str(self.secret))

    def test_open_of_a_path(self):
        with self.refused():
            open(self.secret, "w")

    def test_pathlib(self):
        with self.refused():
            self.secret.write_text("changed")

    def test_os_open(self):
        with self.refused():
            os.open(self.secret, os.O_WRONLY | os.O_TRUNC)

    def test_os_remove(self):
        with self.refused():
            os.remove(self.secret)

    def test_os_rename(self):
        with self.refused():
            os.rename(self.secret, self.files / "x")

    def test_shutil_rmtree(self):
        with self.il.monitor(), self.assertRaises(Blocked):
            shutil.rmtree(self.files / ".." / "files" / "secret.txt")
        tree = self.dir / "secret-tree"
        (tree / "below").mkdir(parents=True)
        with self.il.monitor(), self.assertRaises(Blocked):
            shutil.rmtree(tree)
        self.assertTrue((tree / "below").is_dir())

    def test_what_changes_a_file_by_its_descriptor(self):
        # Opened before; reading and writing through it was decided on then, the rest is not.
        file = os.open(self.secret, os.O_RDWR)
        self.addCleanup(os.close, file)
        mode = self.secret.stat().st_mode
        ways = [
            lambda: os.ftruncate(file, 0),
            lambda: os.truncate(file, 0),
            lambda: os.fchmod(file, 0o777),
            lambda: os.chmod(file, 0o777),
            lambda: os.fchown(file, os.getuid(), os.getgid()),
            lambda: os.utime(file, (1, 1)),
            lambda: os.utime(self.secret, (1, 1)),
            lambda: os.setxattr(file, "user.x", b"x"),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.refused():
                way()
        self.assertEqual(self.secret.stat().st_mode, mode)
        self.assertGreater(self.secret.stat().st_mtime, 1)

    def test_special_files(self):
        for make in (os.mkfifo, os.mknod):
            with self.subTest(make.__name__), self.refused():
                make(self.files / "secret-pipe")

    # -- processes ----------------------------------------------------------------------------------

    def test_os_system(self):
        with self.refused():
            os.system(f"touch {self.mark}")

    def test_os_popen(self):
        with self.refused():
            os.popen(f"touch {self.mark}")

    def test_popen(self):
        with self.refused():
            subprocess.Popen(["touch", self.mark])

    def test_exec(self):
        touch = shutil.which("touch")
        ways = [
            lambda: os.execv(touch, ["touch", str(self.mark)]),
            lambda: os.execve(touch, ["touch", str(self.mark)], {}),
            lambda: os.execvp("touch", ["touch", str(self.mark)]),
            lambda: os.execl(touch, "touch", str(self.mark)),
        ]
        for number, way in enumerate(ways):
            with self.subTest(number), self.refused():
                # If it is not refused, these tests end here.
                way()

    def children(self, context):
        """What a child of each kind is told when it writes where it may not."""
        error = pathlib.Path(self.dir, "error")
        process = context.Process(target=_tell, args=(str(self.secret), str(error)))
        process.start()
        process.join(60)
        self.assertEqual(process.exitcode, 0)
        return error.read_text()

    def test_multiprocessing_children_that_are_forked(self):
        with self.il.monitor():
            self.assertEqual(self.children(multiprocessing.get_context("fork")), "Blocked")
        self.assertEqual(self.secret.read_text(), "original")

    def test_multiprocessing_children_that_are_spawned(self):
        with self.il.monitor():
            self.assertEqual(self.children(multiprocessing.get_context("spawn")), "Blocked")
        self.assertEqual(self.secret.read_text(), "original")

    def test_workers_of_a_pool_that_was_there_before(self):
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            self.assertEqual(pool.submit(jobs.read, self.secret).result(60), "original")
            with self.il.monitor():
                self.assertEqual(pool.submit(jobs.error_of, self.secret).result(60), "Blocked")
                # The error crosses, without its decision.
                with self.assertRaises(Blocked) as caught:
                    pool.submit(jobs.write, self.secret).result(60)
                self.assertIn("not permitted", str(caught.exception))
            self.assertEqual(pool.submit(jobs.read, self.secret).result(60), "original")
        with context.Pool(1) as pool:
            self.assertEqual(pool.apply(jobs.read, (self.secret,)), "original")
            with self.il.monitor():
                self.assertEqual(pool.apply(jobs.error_of, (self.secret,)), "Blocked")
                self.assertEqual(pool.map(jobs.error_of, [self.secret] * 2), ["Blocked"] * 2)
                self.assertEqual(list(pool.imap(jobs.error_of, [self.secret])), ["Blocked"])
                unordered = pool.imap_unordered(jobs.error_of, [self.secret])
                self.assertEqual(list(unordered), ["Blocked"])
        with multiprocessing.pool.ThreadPool(1) as pool, self.il.monitor():
            self.assertEqual(pool.map(jobs.error_of, [self.secret] * 2), ["Blocked"] * 2)
        self.assertEqual(self.secret.read_text(), "original")

    def test_a_child_that_could_not_ask_is_not_started(self):
        process = multiprocessing.get_context("spawn").Process(target=jobs.write, args=(self.secret,))
        with self.il.monitor(approval=lambda _: True), self.assertRaises(ConfigurationError):
            process.start()
        self.assertEqual(self.secret.read_text(), "original")

    def test_a_floor_goes_with_a_child(self):
        floor = Floor(
            allowed_actions=["file_*"],
            allowed_resources=["/x"],
            blocked_resources=["*.env"],
            actions_per_minute=7,
            risk_max=70,
            risk=[(30, "alert"), (60, "block")],
            asks=("alert", "because"),
        )
        again = pickle.loads(pickle.dumps(floor))
        self.assertEqual(again.__getnewargs_ex__(), floor.__getnewargs_ex__())

    # -- threads ------------------------------------------------------------------------------------

    def test_other_threads(self):
        caught = []
        with self.il.monitor():
            thread = threading.Thread(target=lambda: caught.append(jobs.error_of(self.secret)))
            thread.start()
            thread.join()
        self.assertEqual(caught, ["Blocked"])

    def test_asyncio(self):
        async def write():
            self.secret.write_text("changed")

        with self.refused():
            asyncio.run(write())

    def test_executors_of_asyncio(self):
        async def write():
            await asyncio.get_running_loop().run_in_executor(None, jobs.write, self.secret)

        with self.refused():
            asyncio.run(write())

    # -- connections --------------------------------------------------------------------------------

    def test_urllib(self):
        server, port = self.serve(Handler)
        with self.refused():
            urllib.request.urlopen(f"http://127.0.0.1:{port}/x")
        self.assertEqual(server.asked, [])

    def test_raw_sockets(self):
        _, port = self.serve(Handler)
        with self.refused():
            socket.create_connection(("127.0.0.1", port))
        for way in ("connect", "connect_ex"):
            with socket.socket() as raw, self.refused():
                getattr(raw, way)(("127.0.0.1", port))

    def test_connections_opened_before(self):
        server, port = self.serve(Handler)
        request = b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n"
        for way in ("send", "sendall", "sendmsg"):
            with socket.create_connection(("127.0.0.1", port)) as early:
                with self.subTest(way), self.refused():
                    getattr(early, way)([request] if way == "sendmsg" else request)
        self.assertEqual(server.asked, [])

    def test_requests(self):
        requests = library("requests")
        if requests is None:
            return
        server, port = self.serve(Handler)
        with requests.Session() as session:
            session.get(f"http://127.0.0.1:{port}/before")
            with self.refused() as caught:
                session.get(f"http://127.0.0.1:{port}/x")
        self.assertEqual(caught.exception.decision.policy, "no-network")
        self.assertEqual(server.asked, ["/before"])

    def test_httpx(self):
        httpx = library("httpx")
        if httpx is None:
            return
        server, port = self.serve(Handler)
        with httpx.Client(trust_env=False) as client:
            client.get(f"http://127.0.0.1:{port}/before")
            with self.refused():
                client.get(f"http://127.0.0.1:{port}/x")
        self.assertEqual(server.asked, ["/before"])

    def test_aiohttp(self):
        aiohttp = library("aiohttp")
        if aiohttp is None:
            return
        server, port = self.serve(Handler)

        async def ask():
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                async with session.get("/before") as response:
                    await response.read()
                with self.refused():
                    async with session.get("/x") as response:
                        await response.read()

        asyncio.run(ask())
        self.assertEqual(server.asked, ["/before"])

    # -- databases ----------------------------------------------------------------------------------

    def test_sqlite_connections_opened_before_by_classes_of_their_own(self):
        with self.il.monitor(), self.assertRaisesRegex(sqlite3.DatabaseError, "not authorized"):
            EARLY.execute("INSERT INTO early VALUES (1)")
        self.assertEqual(EARLY.execute("SELECT * FROM early").fetchall(), [])

    def test_sqlite_without_a_statement(self):
        connection = sqlite3.connect(":memory:")
        self.addCleanup(connection.close)
        full = sqlite3.connect(":memory:")
        self.addCleanup(full.close)
        full.executescript("CREATE TABLE t (b); INSERT INTO t VALUES (x'00')")
        with self.il.monitor():
            inner = sqlite3.connect(":memory:")
            self.addCleanup(inner.close)
            with self.assertRaises(Blocked):
                full.backup(inner)
            if hasattr(inner, "blobopen"):
                with self.assertRaises(Blocked):
                    inner.blobopen("t", "b", 1)
                with self.assertRaises(Blocked):
                    inner.deserialize(b"")

    def test_sqlite_statements_that_look_like_reading(self):
        with self.il.monitor():
            inner = sqlite3.connect(":memory:")
            self.addCleanup(inner.close)
            self.assertEqual(inner.execute(" SELECT 1 ; ").fetchall(), [(1,)])
            for sql in ("SELECT 1; CREATE TABLE t (x)", "EXPLAIN ANALYZE DELETE FROM t", "/**/ DROP TABLE t"):
                with self.subTest(sql), self.assertRaises(Blocked):
                    inner.executescript(sql)

    def postgres(self):
        server, port = self.serve(Postgres, socketserver.ThreadingTCPServer)
        return server, f"host=127.0.0.1 port={port} dbname=shop user=bot sslmode=disable gssencmode=disable"

    def only_network_is_free(self):
        self.il.close()
        self.policy = self.policy.replace("[network_request, api_call]", "api_call")
        self.il = self.open()

    def test_psycopg(self):
        psycopg = library("psycopg")
        if psycopg is None:
            return
        server, dsn = self.postgres()
        with psycopg.connect(dsn, autocommit=True) as early:
            with self.refused():
                psycopg.connect(dsn)
            with self.refused():
                early.execute("DELETE FROM orders")
            self.only_network_is_free()
            with self.il.monitor(), psycopg.connect(dsn, autocommit=True) as connection:
                for database in (early, connection):
                    database.execute("SELECT 1")
                    with self.assertRaises(Blocked) as caught:
                        database.execute(psycopg.sql.SQL("DELETE FROM {}").format(psycopg.sql.Identifier("t")))
                    with self.assertRaises(Blocked):
                        database.cursor().executemany("INSERT INTO t VALUES (%s)", [(1,)])
                    with self.assertRaises(Blocked), database.cursor().copy("COPY t FROM STDIN"):
                        pass
        self.assertEqual(caught.exception.decision.policy, "no-writes-to-databases")
        self.assertEqual(set(server.statements), {"SELECT 1"})

        async def connect():
            await psycopg.AsyncConnection.connect(dsn)

        self.il.close()
        self.policy = Ways.policy
        self.il = self.open()
        with self.refused():
            asyncio.run(connect())

    def test_psycopg2(self):
        psycopg2 = library("psycopg2")
        if psycopg2 is None:
            return
        server, dsn = self.postgres()
        with self.refused():
            psycopg2.connect(dsn)
        self.only_network_is_free()
        with self.il.monitor():
            connection = psycopg2.connect(dsn)
            self.addCleanup(connection.close)
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            import io

            for way in (
                lambda: cursor.execute("DELETE FROM orders"),
                lambda: cursor.executemany("INSERT INTO t VALUES (%s)", [(1,)]),
                lambda: cursor.copy_from(io.StringIO("1"), "t"),
                lambda: connection.cursor("named").execute("DELETE FROM orders"),
                lambda: connection.cursor(cursor_factory=psycopg2.extensions.cursor).execute("DELETE FROM t"),
            ):
                with self.assertRaises(Blocked):
                    way()
        self.assertEqual([s for s in server.statements if s != "SELECT 1"], [])

    def test_sqlalchemy(self):
        sqlalchemy = library("sqlalchemy")
        if sqlalchemy is None:
            return
        engine = sqlalchemy.create_engine(f"sqlite:///{self.dir}/data.db", poolclass=sqlalchemy.pool.StaticPool)
        self.addCleanup(engine.dispose)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE t (x)"))
        with self.il.monitor(), engine.connect() as connection:
            self.assertEqual(connection.execute(sqlalchemy.text("SELECT * FROM t")).fetchall(), [])
            with self.assertRaises((Blocked, sqlalchemy.exc.DatabaseError)):
                connection.execute(sqlalchemy.text("INSERT INTO t VALUES (1)"))
        with engine.connect() as connection:
            self.assertEqual(connection.execute(sqlalchemy.text("SELECT * FROM t")).fetchall(), [])
        if library("psycopg2") is None:
            return
        # A connection of a driver that cannot be asked, opened before.
        server, dsn = self.postgres()
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://",
            creator=lambda: _raw(dsn),
            poolclass=sqlalchemy.pool.StaticPool,
            _initialize=False,
        )
        self.addCleanup(engine.dispose)
        self.only_network_is_free()
        with engine.connect() as connection, self.il.monitor(), self.assertRaises(Blocked):
            connection.execute(sqlalchemy.text("DELETE FROM orders"))
        self.assertNotIn("DELETE FROM orders", server.statements)


def _raw(dsn):
    """A connection as psycopg2 made it before it was wrapped."""
    import psycopg2

    return psycopg2._connect(dsn, connection_factory=psycopg2.extensions.connection)


def _tell(secret, error):
    pathlib.Path(error).write_text(str(jobs.error_of(secret)))


class EarlyNames(World):
    """Functions that were imported before there was a monitor."""

    policy = Forbidding.policy

    def test_sqlite3_connect_by_another_name(self):
        database = self.dir / "app.db"
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE users (x)")
        connection.close()
        program = textwrap.dedent(
            """
            import sys
            from sqlite3 import connect, Connection
            from interlock import Blocked, ConfigurationError, Interlock
            data, policy, database = sys.argv[1:]
            il = Interlock(data, agent="bot", policy=policy)
            with il.monitor():
                try:
                    connect(database).execute("DROP TABLE users")
                except Blocked:
                    print("blocked")
                try:
                    Connection(database).execute("DROP TABLE users")
                except ConfigurationError:
                    print("refused")
            """
        )
        self.il.close()
        ran = self.ran(program, database)
        self.assertEqual(ran.stdout.split(), ["blocked", "refused"], ran.stderr)
        with contextlib.closing(sqlite3.connect(database)) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM users").fetchone(), (0,))


class AtTheEnd(World):
    """What happens to a monitored program while its interpreter goes down."""

    policy = Forbidding.policy

    def test_records_in_flight_are_written_and_nothing_hangs(self):
        self.il.close()
        program = textwrap.dedent(
            """
            import sys, threading, time, pathlib
            from interlock import Interlock, InterlockError
            data, policy, counter = sys.argv[1:]
            il = Interlock(data, agent="bot", policy=policy, durability="batch")

            def ask():
                for number in range(1_000_000):
                    try:
                        decision = il.check("file_read", f"/x/{number}")
                    except InterlockError:
                        return
                    with open(counter, "a") as file:
                        file.write(f"{decision.seq}\\n")

            for _ in range(4):
                threading.Thread(target=ask, daemon=True).start()
            time.sleep(0.5)
            """
        )
        counter = self.dir / "counter"
        ran = self.ran(program, counter)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        told = [int(line) for line in counter.read_text().split("\n") if line.strip()]
        self.assertGreater(len(told), 10)
        # What was told is on record: the numbers go on after it.
        self.il = self.open()
        self.assertGreater(self.il.check("file_read", "/x").seq, max(told))

    def test_killed_between_decision_and_effect(self):
        """The decision is on record, and its outcome is not known."""
        self.il.close()
        program = textwrap.dedent(
            """
            import os, signal, sys
            from interlock import Interlock
            data, policy, effect = sys.argv[1:]
            il = Interlock(data, agent="bot", policy=policy)

            @il.guard
            def act(path):
                os.kill(os.getpid(), signal.SIGKILL)
                open(path, "w")

            act(effect)
            """
        )
        effect = self.dir / "effect"
        ran = self.ran(program, effect)
        self.assertEqual(ran.returncode, -9)
        self.assertFalse(effect.exists())
        self.il = self.open()
        [row] = self.il.engine.trail("bot", 10)
        self.assertEqual((row["tool"], row["effect"]), ("act", "allow"))

    def test_a_policy_that_changes_holds_for_the_next_action(self):
        path = self.dir / "x"
        with self.il.monitor():
            path.write_text("x")
        self.il.close()
        self.policy = "interlock: 1\ndefault: block\n"
        self.il = self.open()
        with self.il.monitor(), self.assertRaises(Blocked):
            path.write_text("y")
        self.assertEqual(path.read_text(), "x")


    def test_a_programs_own_authorizer_is_asked_as_well(self):
        program = textwrap.dedent(
            """
            import functools, sqlite3, sys

            class Own:
                def __init__(self):
                    self.asked = 0

                def method(self, code, first, *rest):
                    self.asked += 1
                    return sqlite3.SQLITE_DENY if first == "hidden" else sqlite3.SQLITE_OK

                def __call__(self, *args):
                    return self.method(*args)

            own = Own()
            kinds = [own.method, own, functools.partial(own.method), lambda *args: own.method(*args), None]
            early = []
            for kind in kinds:
                connection = sqlite3.connect(":memory:")
                connection.executescript("CREATE TABLE hidden (x); CREATE TABLE plain0 (x); CREATE TABLE plain1 (x)")
                connection.set_trace_callback(lambda sql: None)
                connection.set_progress_handler(lambda: 0, 1_000)
                connection.set_authorizer(kind)
                early.append((kind, connection))
            from interlock import Interlock
            data, policy = sys.argv[1:]
            il = Interlock(data, agent="bot", policy=policy)
            for times in range(2):
                with il.monitor():
                    for kind, connection in early:
                        own.asked = 0
                        # Not the same call again and again, which is a loop.
                        connection.execute(f"SELECT * FROM plain{times}")
                        print("asked" if own.asked else "not asked", end=" ")
                        for sql in ("SELECT * FROM hidden", "INSERT INTO plain0 VALUES (1)"):
                            try:
                                connection.execute(sql)
                                print("done", end=" ")
                            except sqlite3.DatabaseError as error:
                                print("denied", end=" ")
                        print()
            """
        )
        self.il.close()
        ran = subprocess.run(
            [sys.executable, "-c", program, self.dir / "data", self.dir / "policy.yaml"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        wanted = ["asked denied denied"] * 4 + ["not asked done denied"]
        self.assertEqual([line.strip() for line in ran.stdout.splitlines()], wanted * 2, ran.stderr)


if __name__ == "__main__":
    unittest.main()