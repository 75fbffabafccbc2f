"""An agent in a sandbox sees its own writes to databases, and afterwards nothing has changed."""

import asyncio
import contextlib
import importlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import unittest

from interlock import Blocked, InterlockError, SandboxConflict

import postgres
from world import World

try:
    import psycopg
except ImportError:
    psycopg = None

ALLOW = """
interlock: 1
default: allow
rules: []
"""
SCHEMA = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE, boss int REFERENCES people DEFERRABLE INITIALLY DEFERRED);
INSERT INTO people (name) SELECT 'p' || n FROM generate_series(1, 3) n;
"""


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"`{name}` is not installed: not tested")
        return None


@unittest.skipIf(psycopg is None, "psycopg is not installed")
class Postgres(World):
    policy = ALLOW

    def setUp(self):
        super().setUp()
        server = postgres.server()
        if server is None:
            self.skipTest("no server")
        self.dsn = server.dsn
        self.eyes = psycopg.connect(self.dsn, autocommit=True)
        self.addCleanup(self.eyes.close)
        self.eyes.execute(SCHEMA)
        self.before = self.shown()

    def shown(self):
        return (
            self.eyes.execute("SELECT id, name, boss FROM people ORDER BY id").fetchall(),
            self.eyes.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1").fetchall(),
        )

    def names(self, connection):
        return [row[0] for row in connection.execute("SELECT name FROM people ORDER BY id").fetchall()]

    def connect(self, **options):
        connection = psycopg.connect(self.dsn, **options)
        self.addCleanup(connection.close)
        return connection

    def test_it_sees_its_own_writes_and_nothing_changes(self):
        early = self.connect()
        with self.il.sandbox() as box:
            connection = self.connect()
            connection.execute("INSERT INTO people (name) VALUES ('new')")
            connection.commit()
            connection.execute("DELETE FROM people WHERE name = 'p1'")
            connection.rollback()
            connection.execute("CREATE TABLE more (a int)")
            connection.commit()
            connection.close()
            with psycopg.connect(self.dsn) as other:
                self.assertEqual(self.names(other), ["p1", "p2", "p3", "new"])
                other.execute("UPDATE people SET name = 'x' WHERE id = 1")
            self.assertEqual(self.names(early), ["x", "p2", "p3", "new"], "also one from outside")
            early.rollback()
            changes = {(change.kind, change.target.rpartition(" ")[2]) for change in box.diff()}
            self.assertEqual(
                changes,
                {
                    ("added", "public.people"), ("changed", "public.people"), ("added", "public.more"),
                    ("sequence", "public.people_id_seq"),
                },
            )
            self.assertEqual(self.unmonitored(), self.before)
        self.assertEqual(self.shown(), self.before)
        self.assertEqual(self.names(early), ["p1", "p2", "p3"], "it speaks to the server again")

    def unmonitored(self):
        from interlock import _monitor

        with _monitor.unmonitored():
            return self.shown()

    def test_transactions_behave_as_without_a_sandbox(self):
        """The same program runs in a sandbox and then without: it sees the same."""
        for driver in ("psycopg", "psycopg2"):
            if library(driver) is None:
                continue
            with self.subTest(driver):
                connect = importlib.import_module(driver).connect
                self.eyes.execute(SCHEMA)
                before = self.shown()
                with self.il.sandbox():
                    inside = self.program(connect)
                self.assertEqual([row for row in self.shown()[0]], before[0])
                self.eyes.execute("ALTER SEQUENCE people_id_seq RESTART 4")
                self.assertEqual(inside, self.program(connect))

    def program(self, connect):
        """What a program sees that uses transactions in every way."""
        seen = []

        def run(connection, sql=None):
            # Each time another text: whoever repeats itself is stopped.
            sql = sql or f"SELECT name FROM people ORDER BY name LIMIT {1000 + len(seen)}"
            cursor = connection.cursor()
            try:
                cursor.execute(sql)
                rows = cursor.fetchall() if cursor.description else None
                seen.append((sql, rows, cursor.rowcount if sql[:6] in ("INSERT", "UPDATE", "DELETE") else None))
            except Exception as error:
                seen.append((sql, type(error).__name__))
            finally:
                cursor.close()

        connection = connect(self.dsn)
        run(connection, "INSERT INTO people (name) VALUES ('a')")
        run(connection, "INSERT INTO people (name) VALUES ('a')")
        run(connection)
        connection.rollback()
        run(connection)
        run(connection, "INSERT INTO people (name) VALUES ('b')")
        run(connection, "SAVEPOINT s")
        run(connection, "SELECT 1 / 0")
        run(connection, "ROLLBACK TO s")
        run(connection, "UPDATE people SET name = name || '!'")
        connection.commit()
        run(connection)
        run(connection, "UPDATE people SET boss = 77")
        try:
            connection.commit()
            seen.append("committed")
        except Exception as error:
            seen.append(type(error).__name__)
        run(connection, "SELECT count(*) FROM people WHERE boss IS NOT NULL")
        run(connection, "DELETE FROM people WHERE name = 'p1!'")
        connection.commit()
        connection.autocommit = True
        run(connection, "INSERT INTO people (name) VALUES ('c')")
        run(connection, "INSERT INTO people (name) VALUES ('c')")
        run(connection, "INSERT INTO people (name, boss) VALUES ('d', 99)")
        run(connection)
        run(connection, "BEGIN")
        run(connection, "DELETE FROM people")
        run(connection, "SELECT 1 / 0")
        run(connection)
        run(connection, "COMMIT")
        run(connection)
        run(connection, "BEGIN")
        run(connection, "DELETE FROM people WHERE name = 'c'")
        run(connection, "COMMIT")
        run(connection)
        run(connection, "COMMIT")
        run(connection, "CREATE TEMP TABLE t (a int)")
        run(connection, "INSERT INTO t VALUES (1)")
        connection.close()
        with connect(self.dsn) as other:
            run(other)
            run(other, "INSERT INTO people (name) VALUES ('f')")
        try:
            with connect(self.dsn) as other:
                run(other, "DELETE FROM people")
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        finally:
            other.close()
        last = connect(self.dsn)
        run(last)
        last.close()
        return seen

    def test_blocks_and_asyncio(self):
        def blocks(connection):
            with connection.transaction():
                connection.execute("INSERT INTO people (name) VALUES ('a')")
                with self.assertRaises(psycopg.Error), connection.transaction():
                    connection.execute("INSERT INTO people (name) VALUES ('a')")
                with connection.transaction(force_rollback=True):
                    connection.execute("DELETE FROM people")
            with self.assertRaises(ZeroDivisionError), connection.transaction():
                connection.execute("DELETE FROM people")
                1 / 0
            return self.names(connection)

        async def work():
            connection = await psycopg.AsyncConnection.connect(self.dsn)
            await connection.execute("INSERT INTO people (name) VALUES ('async')")
            await connection.commit()
            await connection.set_autocommit(True)
            async with connection.transaction():
                await connection.execute("UPDATE people SET name = 'y' WHERE name = 'async'")
            async with connection.cursor().copy("COPY people (name) FROM STDIN") as copy:
                await copy.write_row(("copied",))
            found = await (await connection.execute("SELECT name FROM people ORDER BY id")).fetchall()
            await connection.close()
            return [row[0] for row in found]

        with self.il.sandbox():
            for autocommit in (True, False):
                connection = self.connect(autocommit=autocommit)
                self.assertEqual(blocks(connection)[-1:], ["a"])
                self.assertEqual(connection.info.transaction_status.name, "IDLE" if autocommit else "INTRANS")
                connection.execute("DELETE FROM people WHERE name = 'a'")
                if not autocommit:
                    connection.commit()
                connection.close()
            self.assertEqual(asyncio.run(work()), ["p1", "p2", "p3", "y", "copied"])
        self.assertEqual(self.shown(), self.before)

    def test_sqlalchemy(self):
        sqlalchemy = library("sqlalchemy")
        if sqlalchemy is None:
            return
        for driver in ("psycopg", "psycopg2"):
            if library(driver) is None:
                continue
            with self.subTest(driver), self.il.sandbox():
                engine = sqlalchemy.create_engine(f"postgresql+{driver}://tests@/postgres?host={postgres.server().directory}")
                with engine.begin() as connection:
                    connection.execute(sqlalchemy.text("INSERT INTO people (name) VALUES ('orm')"))
                    with connection.begin_nested():
                        connection.execute(sqlalchemy.text("UPDATE people SET name = name || '!'"))
                with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.execute(sqlalchemy.text("DELETE FROM people WHERE id = 1"))
                with engine.connect() as connection:
                    found = connection.execute(sqlalchemy.text("SELECT name FROM people ORDER BY id")).scalars().all()
                self.assertEqual(found, ["p2!", "p3!", "orm!"])
                engine.dispose()
            self.assertEqual(self.shown(), self.before)

    def test_what_cannot_be_held_back_is_refused_before_it_runs(self):
        for number, sql in enumerate(
            (
                "VACUUM", "CREATE DATABASE other", "CREATE INDEX CONCURRENTLY i ON people (name)",
                "PREPARE TRANSACTION 'x'", "COPY people TO PROGRAM 'cat'", "COPY people TO '/tmp/x'", "LISTEN x",
                "NOTIFY x", "SELECT pg_notify('a', 'b')", "SELECT dblink_exec('x', 'y')", "ALTER SYSTEM SET work_mem = 1",
                "BEGIN; DELETE FROM people; COMMIT", "COMMIT PREPARED 'x'",
                "select pg_catalog . \"pg_terminate_backend\" (1)",
                "DO $$ BEGIN EXECUTE concat('COPY people TO PROGR', 'AM cat'); END $$",
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE OR REPLACE PROCEDURE f() LANGUAGE sql AS 'SELECT 1'",
                "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION f()",
                "CREATE RULE r AS ON INSERT TO people DO NOTIFY x",
                "CREATE SCHEMA s CREATE TABLE t (a int) CREATE TRIGGER t AFTER INSERT ON t EXECUTE FUNCTION f()",
                "CREATE SERVER s FOREIGN DATA WRAPPER file_fdw",
                'SELECT U&"\\0070g_notify"(\'a\', \'b\')',
                "SET standard_conforming_strings TO off", "SELECT set_config('standard_conforming_strings', 'off', false)",
                "ALTER ROLE CURRENT_USER SET backslash_quote TO on", "SET client_encoding TO 'SJIS'", "SET NAMES 'SJIS'",
                "SELECT 1 -- x\r; COMMIT; DELETE FROM people",
                "SELECT 1 AS \U0001f600$$; COMMIT; DELETE FROM people; SELECT 1 AS x$$",
                "SELECT E'a'\n'\\''; COMMIT; DELETE FROM people; SELECT '",
            )
        ):
            for autocommit in (True, False):
                with self.subTest(sql), self.il.sandbox(f"bot-{number}"):
                    connection = self.connect(autocommit=autocommit)
                    with self.assertRaises(Blocked):
                        connection.execute(sql)
                    self.assertEqual(self.names(connection), ["p1", "p2", "p3"])
                    connection.close()

    def test_the_server_reads_statements_as_they_are_read_here(self):
        """Also where a setting was changed unseen, and a text is one statement to the server too."""
        from unittest import mock

        from interlock import _sql
        from interlock.sandbox import _postgres

        for driver in ("psycopg", "psycopg2"):
            if library(driver) is None:
                continue
            with self.subTest(driver), self.il.sandbox(f"bot-{driver}"):
                connection = importlib.import_module(driver).connect(self.dsn)
                self.addCleanup(connection.close)
                cursor = connection.cursor()
                cursor.execute("SELECT set_config(concat('standard_', 'conforming_strings'), 'off', false)")
                with self.assertRaises(Blocked):
                    cursor.execute("SELECT '\\'; COMMIT; DELETE FROM people; --'")
        one = _sql.statements("SELECT 1")
        for factory in (psycopg.Cursor, psycopg.ClientCursor):
            with (
                self.il.sandbox(f"bot-{factory.__name__}"),
                mock.patch.object(_sql, "statements", lambda _: one),
                mock.patch.object(_postgres, "decide_sql", lambda *_: None),
            ):
                with self.assertRaises(psycopg.errors.SyntaxError):
                    self.connect(cursor_factory=factory).execute("SELECT 1; SELECT 2")
        self.assertEqual(self.shown(), self.before)

    def test_what_values_adapt_themselves_to_is_decided_on(self):
        driver = library("psycopg2")
        if driver is None:
            return
        from psycopg2 import extras
        from psycopg2.extensions import AsIs

        out = AsIs("1; COMMIT; DELETE FROM people")
        for number, way in enumerate(
            (
                lambda c: c.execute("SELECT %s", (out,)),
                lambda c: c.execute("SELECT %(a)s", vars={"a": out}),
                lambda c: c.executemany("SELECT %s", [(1,), (out,)]),
                lambda c: extras.execute_values(c, "INSERT INTO people (id) VALUES %s", [(AsIs("9); COMMIT; DELETE FROM people; --"),)]),
                lambda c: extras.execute_batch(c, "SELECT %s", [(1,), (out,)]),
                lambda c: c.callproc("abs", (AsIs("1); COMMIT; DELETE FROM people; --"),)),
            )
        ):
            with self.subTest(number), self.il.sandbox(f"bot-{number}"):
                connection = driver.connect(self.dsn)
                self.addCleanup(connection.close)
                with self.assertRaises(Blocked):
                    way(connection.cursor())
        with self.il.sandbox():
            connection = driver.connect(self.dsn)
            self.addCleanup(connection.close)
            cursor = connection.cursor()
            cursor.executemany("INSERT INTO people (name) VALUES (%s)", [("a';--",), ("b%s",)])
            self.assertEqual(cursor.rowcount, 2)
            cursor.execute("SELECT name FROM people WHERE name LIKE %s AND name LIKE '%%s'", ("b%",))
            self.assertEqual(cursor.fetchall(), [("b%s",)])
            cursor.callproc("abs", (-1,))
            self.assertEqual(cursor.fetchall(), [(1,)])
            cursor.callproc("make_date", {"year": 2000, "month": 1, "day": 2})
            self.assertEqual(str(cursor.fetchall()[0][0]), "2000-01-02")
        self.assertEqual(self.shown()[0], self.before[0])

    def test_two_transactions_at_once_are_refused(self):
        with self.il.sandbox():
            one, two = self.connect(), self.connect()
            self.names(one)
            two.execute("DELETE FROM people WHERE id = 1")
            with self.assertRaises(Blocked):
                one.execute("DELETE FROM people WHERE id = 2")
            two.commit()
            self.assertEqual(self.names(one), ["p2", "p3"])
        open_before = self.connect()
        open_before.execute("DELETE FROM people WHERE id = 3")
        with self.il.sandbox(), self.assertRaises(Blocked):
            open_before.execute("DELETE FROM people")
        open_before.commit()
        self.assertEqual([row[1] for row in self.shown()[0]], ["p1", "p2"])

    def test_a_commit_does_it_and_can_be_undone(self):
        with self.il.sandbox() as box:
            connection = self.connect()
            connection.execute("UPDATE people SET name = upper(name)")
            with self.assertRaises(SandboxConflict):
                box.commit()
            connection.commit()
            box.commit()
            with self.assertRaises(Blocked):
                connection.execute("SELECT 1")
        self.assertEqual([row[1] for row in self.shown()[0]], ["P1", "P2", "P3"])
        self.il.rollback()
        self.assertEqual(self.shown(), self.before)

    def test_a_transaction_that_failed_is_left_behind(self):
        with self.assertNoLogs("interlock") if hasattr(self, "assertNoLogs") else contextlib.nullcontext():
            with self.il.sandbox() as box:
                connection = self.connect()
                connection.execute("DELETE FROM people WHERE id = 1")
                connection.commit()
                with self.assertRaises(psycopg.Error):
                    connection.execute("SELECT 1 / 0")
                with self.assertRaises(InterlockError):
                    box.diff()
        self.assertEqual(self.shown(), self.before)

    def test_a_process_that_dies_inside_changes_nothing(self):
        program = textwrap.dedent(
            """
            import os, psycopg, sqlite3, sys
            from interlock import Interlock
            data, policy, dsn, path = sys.argv[1:]
            with Interlock(data, agent="bot", policy=policy).sandbox():
                connection = psycopg.connect(dsn)
                connection.execute("DELETE FROM people")
                connection.commit()
                with sqlite3.connect(path) as lite:
                    lite.execute("DELETE FROM t")
                os.kill(os.getpid(), 9)
            """
        )
        path = self.dir / "a.db"
        with sqlite3.connect(path) as lite:
            lite.execute("CREATE TABLE t (a)")
            lite.execute("INSERT INTO t VALUES (1)")
        lite.close()
        self.il.close()
        ran = subprocess.run(
            [sys.executable, "-c", program, self.dir / "data", self.dir / "policy.yaml", self.dsn, path],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(ran.returncode, -signal.SIGKILL, ran.stderr)
        self.assertEqual(self.shown(), self.before)
        self.assertEqual(lite_rows(path, "t"), [(1,)])
        # It left no locks either.
        self.eyes.execute("SET lock_timeout TO '5s'; LOCK TABLE people IN ACCESS EXCLUSIVE MODE")


def lite_rows(path, table):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(f"SELECT * FROM {table}").fetchall()
    finally:
        connection.close()


class Sqlite(World):
    policy = ALLOW

    def setUp(self):
        super().setUp()
        self.path = self.dir / "a.db"
        connection = sqlite3.connect(self.path)
        connection.executescript("CREATE TABLE t (a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
        connection.close()
        self.bytes = self.path.read_bytes()

    def connect(self, *args, **options):
        connection = sqlite3.connect(*(args or (self.path,)), **options)
        self.addCleanup(connection.close)
        return connection

    def test_it_sees_its_own_writes_and_nothing_changes(self):
        early = self.connect()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.dir)
        with self.il.sandbox() as box:
            one = self.connect()
            with one:
                one.execute("INSERT INTO t VALUES (3, 'z')")
                one.execute("UPDATE t SET b = 'w' WHERE a = 1")
                one.execute("DELETE FROM t WHERE a = 2")
            two = self.connect(f"file:{self.path}?mode=ro", uri=True)
            self.assertEqual(two.execute("SELECT * FROM t").fetchall(), [(1, "w"), (3, "z")])
            with self.assertRaises(sqlite3.OperationalError):
                two.execute("DELETE FROM t")
            three = self.connect("a.db")
            three.executescript("CREATE TABLE more (x); INSERT INTO more VALUES (1)")
            fresh = self.connect(self.dir / "fresh.db")
            fresh.execute("CREATE TABLE f (x)")
            self.connect(":memory:").execute("CREATE TABLE m (x)")
            with self.assertRaises(sqlite3.OperationalError):
                self.connect(f"file:{self.dir}/none.db?mode=rw", uri=True)
            found = {(change.kind, change.target.rpartition(" ")[2]) for change in box.diff()}
            self.assertEqual(found, {("added", "t"), ("changed", "t"), ("removed", "t"), ("added", "more"), ("added", "f")})
        self.assertEqual(self.path.read_bytes(), self.bytes)
        self.assertFalse((self.dir / "fresh.db").exists())
        self.assertEqual(early.execute("SELECT count(*) FROM t").fetchone(), (2,))

    def test_what_is_not_a_copy_is_refused(self):
        early = self.connect()
        pending = self.connect()
        pending.execute("INSERT INTO t VALUES (9, 'open')")
        target = self.connect(self.dir / "target.db")
        cases = [
            lambda inner: early.execute("DELETE FROM t"),
            lambda inner: pending.commit(),
            lambda inner: pending.__exit__(None, None, None),
            lambda inner: inner.execute("ATTACH ? AS other", (str(self.path),)),
            lambda inner: inner.executescript("SELECT 1; /* x */ attach 'b.db' AS other"),
            lambda inner: inner.execute(f"VACUUM INTO '{self.dir}/copy.db'"),
            lambda inner: inner.backup(target),
        ]
        for number, case in enumerate(cases):
            with self.subTest(number), self.il.sandbox(f"bot-{number}"):
                inner = self.connect(":memory:")
                with self.assertRaises(Blocked):
                    case(inner)
                self.assertEqual(early.execute("SELECT count(*) FROM t").fetchone(), (2,))
        pending.rollback()
        self.assertEqual(self.path.read_bytes(), self.bytes)

    def test_sqlite_itself_refuses_to_attach(self):
        """However it is written, and whatever the program's own authorizer says."""
        asked = []

        def own(code, *rest):
            asked.append(code)
            return sqlite3.SQLITE_OK

        attach = f"ATTACH DATABASE '{self.path}' AS r"
        with self.il.sandbox():
            inner = self.connect(":memory:")
            for prefix in ("/* notes /* */ ", "/**/;", "-- x\r\n", "/*/ */"):
                with self.subTest(prefix), self.assertRaises(Blocked):
                    inner.executescript(prefix + attach)
            with self.assertRaises(Blocked):
                inner.execute("/* notes /* */ " + attach)
            from unittest import mock

            from interlock.sandbox import _sqlite

            with mock.patch.object(_sqlite, "uncovered", lambda _: None):
                for number, set_to in enumerate((None, own)):
                    if number:
                        inner.set_authorizer(set_to)
                    for way in (
                        lambda: inner.execute(attach.replace("AS r", f"AS r{number}")),
                        lambda: inner.execute(f"ATTACH ? AS s{number}", (str(self.path),)),
                        lambda: inner.execute(f"VACUUM INTO '{self.dir}/copy{number}.db'"),
                    ):
                        with self.assertRaises(sqlite3.DatabaseError):
                            way()
            inner.execute("CREATE TABLE made (a)")
            inner.commit()
            inner.execute("VACUUM")
            self.assertIn(sqlite3.SQLITE_CREATE_TABLE, asked)
        outside = self.connect()
        with self.il.sandbox("other"), self.assertRaises(Blocked):
            outside.executescript("SELECT 1; DELETE FROM t")
        self.assertEqual(self.path.read_bytes(), self.bytes)

    def test_a_commit_needs_the_database_as_it_was(self):
        with self.il.sandbox() as box:
            one = self.connect()
            with one:
                one.execute("INSERT INTO t VALUES (3, 'z')")
            self.elsewhere("UPDATE t SET b = 'somebody' WHERE a = 2")
            with self.assertRaises(SandboxConflict):
                box.commit()
            self.elsewhere("UPDATE t SET b = 'y' WHERE a = 2")
            box.commit()
            with self.assertRaises(Blocked):
                one.execute("SELECT 1")
        self.assertEqual(lite_rows(self.path, "t"), [(1, "x"), (2, "y"), (3, "z")])

    def elsewhere(self, sql):
        from interlock import _monitor

        with _monitor.unmonitored():
            connection = sqlite3.connect(self.path)
            with connection:
                connection.execute(sql)
            connection.close()

    def test_databases_with_a_write_ahead_log(self):
        self.elsewhere("PRAGMA journal_mode = WAL")
        keeps = self.connect()
        keeps.execute("INSERT INTO t VALUES (4, 'in the log')")
        keeps.commit()
        with self.il.sandbox() as box:
            with self.connect() as one:
                self.assertEqual(one.execute("SELECT count(*) FROM t").fetchone(), (3,))
                one.execute("DELETE FROM t WHERE a = 1")
            box.commit()
        self.assertEqual([row[0] for row in lite_rows(self.path, "t")], [2, 4])


if __name__ == "__main__":
    unittest.main()
