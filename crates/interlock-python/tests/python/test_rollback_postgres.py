"""Rows that an agent changed in PostgreSQL databases come back."""

import asyncio
import contextlib
import importlib
import io
import os
import random
import re
import subprocess
import sys
import textwrap
import unittest
import unittest.mock
from pathlib import Path

from interlock import Blocked, RollbackStopped

import postgres
from world import World

try:
    import psycopg
except ImportError:
    psycopg = None

POLICY = """
interlock: 1
default: allow
rules:
  - id: only-what-can-be-undone
    match: { action: [database_write] }
    when: "!facts.reversible"
    effect: block
"""
ALLOW = """
interlock: 1
default: allow
rules: []
"""
SCHEMA = """
DROP SCHEMA public CASCADE; CREATE SCHEMA public;
CREATE TABLE people (
    id int PRIMARY KEY, name text UNIQUE, "odd 'name" float8 DEFAULT 1.5, data bytea, at timestamptz DEFAULT now(),
    tags text[], doc jsonb, price numeric(10, 2), place inet, span int4range, code char(5));
CREATE TABLE keyed (k text, n bigint, v varchar(20), PRIMARY KEY (k, n));
CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person int REFERENCES people ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE shown (n int PRIMARY KEY, m int, twice int GENERATED ALWAYS AS (m * 2) STORED,
    self int REFERENCES shown DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE audit (id serial PRIMARY KEY, what text);
CREATE TABLE parts (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a');
CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b');
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.audit (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
CREATE TRIGGER noting AFTER INSERT OR UPDATE OR DELETE ON keyed FOR EACH ROW EXECUTE FUNCTION noted();
CREATE FUNCTION changes_rows() RETURNS int LANGUAGE sql AS 'UPDATE public.shown SET m = m + 1; SELECT 1';
CREATE TABLE keyless (a int, b int);
INSERT INTO people SELECT n, 'p' || n, n / 3.0, decode('00' || n || 'f', 'hex'), '2026-01-01'::timestamptz + n * '1.000001 s'::interval,
    ARRAY['a', NULL, 'it''s ' || n], jsonb_build_object('n', n, 'text', E'a\\nb'), n * 1.1, '10.0.0.1', int4range(n, n + 2), 'c'
    FROM generate_series(0, 4) n;
INSERT INTO keyed SELECT 'k', n, 'v' FROM generate_series(0, 4) n;
INSERT INTO child (person) SELECT n FROM generate_series(0, 4) n;
INSERT INTO shown (n, m, self) SELECT n, n, n FROM generate_series(0, 4) n;
INSERT INTO parts SELECT n, CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END, 'v' FROM generate_series(0, 4) n;
INSERT INTO keyless VALUES (1, 2);
"""
TABLES = ("people", "keyed", "child", "shown", "audit", "parts", "keyless")


@unittest.skipIf(psycopg is None, "psycopg is not installed")
class Rows(World):
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

    def shown(self):
        found = {
            table: self.eyes.execute(f"SELECT t::text FROM {table} t ORDER BY 1").fetchall() for table in TABLES
        }
        found["relations"] = self.eyes.execute(
            "SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
        found["triggers"] = self.eyes.execute("SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal").fetchall()
        return found

    def connect(self, **options):
        connection = psycopg.connect(self.dsn, **options)
        self.addCleanup(connection.close)
        return connection

    def test_a_transaction_is_one_step(self):
        before = self.shown()
        with self.il.monitor("bot"):
            connection = self.connect()
            connection.execute("UPDATE people SET name = 'x' || name, data = NULL, tags = '{}', price = price * 2")
            connection.execute("DELETE FROM people WHERE id = 3")
            connection.cursor().executemany("INSERT INTO keyed VALUES (%s, %s, %s)", [("a\nb", 1, None), ("\u00fc'", 2, "")])
            connection.execute("UPDATE keyed SET k = 'other' WHERE n > 2")
            connection.execute("UPDATE parts SET region = 'b', v = 'w' WHERE id = 2")
            connection.execute("DELETE FROM shown")
            connection.commit()
        self.assertNotEqual(self.shown(), before)
        self.assertEqual([(s.declared, s.irreversible) for s in self.il.undo_steps()], [(("postgres",), ())])
        self.il.rollback(last=1)
        self.assertEqual(self.shown(), before, "also what a foreign key deleted and a trigger wrote")

    def test_every_way_to_commit(self):
        ways = ("commit", "with", "text", "autocommit", "transaction", "begin", "function", "copy", "nested")
        for way in ways:
            with self.subTest(way):
                before = self.shown()
                with self.il.monitor(f"bot-{way}"):
                    connection = self.connect(autocommit=way in ("autocommit", "begin", "function", "copy"))
                    change = "UPDATE people SET name = name || 'x'"
                    if way == "with":
                        with connection:
                            connection.execute(change)
                    elif way == "transaction":
                        with connection.transaction():
                            connection.execute(change)
                    elif way == "nested":
                        with connection.transaction():
                            with connection.transaction():
                                connection.execute(change)
                            with self.assertRaises(psycopg.Error), connection.transaction():
                                connection.execute("INSERT INTO keyed VALUES ('lost', 1, '')")
                                connection.execute("SELECT 1 / 0")
                    elif way == "begin":
                        connection.execute("BEGIN")
                        connection.execute(change)
                        connection.execute("SAVEPOINT a")
                        connection.execute("DELETE FROM people WHERE id = 1")
                        connection.execute("END")
                    elif way == "function":
                        connection.execute("SELECT changes_rows()")
                    elif way == "copy":
                        with connection.cursor().copy("COPY keyed (k, n, v) FROM STDIN") as copy:
                            copy.write_row(("copied", 1, "x"))
                    else:
                        connection.execute(change)
                        if way == "commit":
                            connection.commit()
                        elif way == "text":
                            connection.execute("COMMIT")
                self.assertNotEqual(self.shown(), before)
                report = self.il.rollback(last=9)
                self.assertEqual(len(report.undone), 1, report)
                self.assertEqual(self.shown(), before)

    def test_what_is_rolled_back_leaves_nothing_to_undo(self):
        with self.il.monitor("bot"):
            connection = self.connect()
            connection.execute("DELETE FROM people")
            connection.rollback()
            connection.execute("DELETE FROM keyed")
            connection.execute("ROLLBACK")
            with self.assertRaises(ZeroDivisionError), connection.transaction():
                connection.execute("DELETE FROM shown")
                1 / 0
            with self.assertRaises(psycopg.errors.DivisionByZero):
                connection.execute("SELECT 1 / 0")
            # Of a transaction that failed this is a rollback.
            connection.commit()
            connection.execute("SELECT * FROM people FOR UPDATE")
            connection.commit()
            connection.execute("UPDATE shown SET m = m")
            connection.commit()
            connection.execute("DELETE FROM child WHERE id = 1")
            connection.close()
        self.assertEqual([step.declared for step in self.il.undo_steps()], [])

    def test_statements_work_as_without_a_monitor(self):
        with self.il.monitor("bot"):
            connection = self.connect(autocommit=True)
            found = connection.execute("UPDATE shown SET m = m + 1 RETURNING n")
            self.assertEqual((found.rowcount, len(found.fetchall())), (5, 5))
            self.assertEqual(connection.info.transaction_status, psycopg.pq.TransactionStatus.IDLE)
            with self.assertRaises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO people (id, name) VALUES (1, 'again')")
            self.assertEqual(connection.info.transaction_status, psycopg.pq.TransactionStatus.IDLE)
            connection.execute("INSERT INTO keyed VALUES ('a', 1, NULL)")
            connection.autocommit = False
            connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            self.assertEqual(connection.execute("SHOW transaction_isolation").fetchone(), ("serializable",))
            connection.execute("SET LOCAL datestyle TO 'SQL, DMY'; SET LOCAL search_path TO public, pg_catalog")
            connection.execute("UPDATE people SET at = '31/12/2020' WHERE id = 1")
            connection.commit()
            # What a constraint put off is said at the commit, as without a monitor.
            connection.execute("UPDATE shown SET self = 77 WHERE n = 1")
            with self.assertRaises(psycopg.errors.ForeignKeyViolation):
                connection.commit()
            self.assertEqual(connection.info.transaction_status, psycopg.pq.TransactionStatus.IDLE)
            connection.execute("SET LOCAL timezone TO 'Asia/Tokyo'")
            connection.execute("INSERT INTO people (id) VALUES (99)")
            self.assertEqual(connection.execute("SHOW timezone").fetchone(), ("Asia/Tokyo",))
            connection.commit()
        self.assertEqual(len(self.il.rollback(last=9).undone), 4)

    def test_a_row_that_was_changed_since_is_left_alone(self):
        with self.il.monitor("bot"), self.connect() as connection:
            connection.execute("UPDATE people SET name = 'bot' || id WHERE id IN (1, 2)")
            connection.execute("INSERT INTO people (id, name) VALUES (50, 'new')")
            connection.execute("DELETE FROM keyed WHERE n = 1")
        for spoil, mend in [
            ("UPDATE people SET price = 0 WHERE id = 2", "UPDATE people SET price = 2.2 WHERE id = 2"),
            ("INSERT INTO keyed VALUES ('k', 1, 'other')", "DELETE FROM keyed WHERE n = 1"),
            # Somebody else's row would go with it.
            ("INSERT INTO child (person) VALUES (50)", "DELETE FROM child WHERE person = 50"),
        ]:
            with self.subTest(spoil):
                self.eyes.execute("SET session_replication_role TO replica")
                self.eyes.execute(spoil)
                now = self.shown()
                with self.assertRaises(RollbackStopped):
                    self.il.rollback()
                self.assertEqual(self.shown(), now, "nothing is half done")
                self.eyes.execute(mend)
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_another_process_can_undo_it(self):
        before = self.shown()
        with self.il.monitor("bot"), self.connect() as connection:
            connection.execute("DELETE FROM people")
        self.il.close()
        self.il = self.open()
        self.il.rollback()
        self.assertEqual(self.shown(), before)

    def test_a_password_is_never_written_down(self):
        self.eyes.execute("DROP ROLE IF EXISTS clerk")
        self.eyes.execute("CREATE ROLE clerk LOGIN PASSWORD 'hush-hush' ")
        self.eyes.execute("GRANT ALL ON people TO clerk; GRANT USAGE ON SCHEMA public TO clerk")
        self.addCleanup(self.eyes.execute, "DROP OWNED BY clerk; DROP ROLE clerk")
        dsn = self.dsn.replace("tests", "clerk")
        with self.il.monitor("bot"), psycopg.connect(dsn, password="hush-hush") as connection:
            connection.execute("UPDATE people SET price = 1")
        self.assertEqual(self.il.undo_steps()[0].declared, ("postgres",))
        for path in (self.dir / "data").rglob("*"):
            if path.is_file():
                self.assertNotIn(b"hush-hush", path.read_bytes(), path)
        self.il.rollback()

    def test_what_did_not_happen_is_not_undone(self):
        before = self.shown()
        with self.il.monitor("bot"):
            connection = self.connect()
            connection.execute("UPDATE people SET price = 1")
            # It was written down that it would be committed, and then it was not.
            with unittest.mock.patch("interlock._undo.Step.seal", lambda step: connection.pgconn.finish()):
                with self.assertRaises(psycopg.Error):
                    connection.commit()
        self.assertEqual(self.il.undo_steps()[0].declared, ("postgres",))
        self.assertEqual(self.shown(), before)
        self.eyes.execute("UPDATE people SET price = 7")
        now = self.shown()
        self.il.rollback()
        self.assertEqual(self.shown(), now)

    def test_statements_that_cannot_be_kept(self):
        self.il.close()
        self.policy = POLICY
        self.dir = self.dir / "other"
        self.dir.mkdir()
        il = self.open()
        self.eyes.execute("CREATE VIEW seen AS SELECT * FROM keyed")
        self.eyes.execute("CREATE TABLE ruled (a int PRIMARY KEY); CREATE RULE r AS ON INSERT TO ruled DO INSTEAD NOTHING")
        before = self.shown()
        connection = self.connect(autocommit=True)
        for number, sql in enumerate(
            (
                "UPDATE keyless SET b = 1",
                "DROP TABLE keyed",
                "TRUNCATE keyed",
                "ALTER TABLE keyed ADD COLUMN x int",
                "VACUUM",
                "CREATE DATABASE other",
                "CREATE INDEX CONCURRENTLY later ON keyed (v)",
                "COPY keyed TO PROGRAM 'cat'",
                "INSERT INTO ruled VALUES (1)",
                "DO $$BEGIN DELETE FROM keyed; END$$",
                "GRANT ALL ON keyed TO public",
                "DELETE FROM keyed; COMMIT; DELETE FROM keyed",
                "PREPARE TRANSACTION 'x'",
                "NOTIFY x",
            )
        ):
            with self.subTest(sql), il.monitor(f"bot-{number}"), self.assertRaises(Blocked):
                connection.execute(sql)
        self.assertEqual(self.shown(), before)
        with il.monitor("bot"):
            connection.execute("DELETE FROM seen WHERE n = 1")
        il.rollback()
        self.assertEqual(self.shown(), before)

    def test_what_is_not_kept_is_in_the_report(self):
        self.eyes.execute("CREATE FUNCTION empties() RETURNS int LANGUAGE sql AS 'TRUNCATE public.keyed; SELECT 1'")
        before = self.shown()
        with self.il.monitor("bot"), unittest.mock.patch("interlock._capture_postgres.ROWS_MAX", 4):
            with self.connect() as connection:
                connection.execute("DELETE FROM people")
        with self.il.monitor("bot2"), self.connect() as connection:
            connection.execute("SET LOCAL statement_timeout TO '20s'")
            connection.execute("CREATE FUNCTION nothing() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            connection.execute("SELECT empties()")
            connection.execute("UPDATE shown SET m = 5 WHERE n = 1")
        report = self.il.rollback(last=9)
        reasons = " ".join(" ".join(step.irreversible) for step in report.irreversible)
        for wanted in ("more than 4 rows", "`public.keyed` was altered or emptied", "`create` is not undone", "pg_proc"):
            self.assertIn(wanted, reasons)
        self.assertEqual(self.shown()["people"], [])
        self.assertEqual(self.shown()["shown"], before["shown"])

    def test_pipelines_and_prepared_transactions_are_in_the_report(self):
        two = library("psycopg2")
        with self.il.monitor("bot"):
            connection = self.connect()
            with connection.pipeline():
                connection.execute("UPDATE shown SET m = 1")
                connection.commit()
            connection.tpc_begin("interlock-test")
            connection.execute("UPDATE shown SET m = 2")
            connection.tpc_prepare()
            connection.tpc_commit()
            if two is not None:
                other = two.connect(self.dsn)
                other.tpc_begin("interlock-two")
                other.cursor().execute("UPDATE shown SET m = 3")
                other.tpc_prepare()
                other.tpc_commit()
                other.close()
        self.assertEqual([row[0] for row in self.eyes.execute("SELECT DISTINCT m FROM shown").fetchall()], [3 if two else 2])
        for step in self.il.undo_steps():
            self.assertTrue(step.irreversible and not step.declared, step)
        self.assertEqual(len(self.il.undo_steps()), 3 if two else 2, self.il.undo_steps())

    def test_a_refused_statement_leaves_no_transaction(self):
        two = library("psycopg2")
        if two is None:
            return
        self.il.close()
        self.policy = POLICY
        il = self.open()
        with il.monitor("bot"):
            connection = two.connect(self.dsn)
            with self.assertRaises(Blocked):
                connection.cursor().execute("UPDATE keyless SET a = 1")
            self.assertEqual(connection.get_transaction_status(), 0)
            connection.close()

    def test_what_is_made_goes_again(self):
        before = self.shown()
        with self.il.monitor("bot"):
            connection = self.connect()
            connection.execute("CREATE TABLE more (id bigserial PRIMARY KEY, person int REFERENCES people, t text UNIQUE)")
            connection.execute("INSERT INTO more (person, t) VALUES (1, 'x')")
            connection.execute("CREATE TABLE copied AS SELECT * FROM people")
            connection.execute("CREATE INDEX by_v ON keyed (v)")
            connection.execute("CREATE VIEW joined AS SELECT * FROM more")
            connection.execute("CREATE SEQUENCE counter")
            connection.execute("CREATE TEMP TABLE mine (a int)")
            connection.commit()
            connection.execute("INSERT INTO more (person, t) VALUES (2, 'y')")
            connection.commit()
        self.assertEqual([step.irreversible for step in self.il.undo_steps()], [(), ()])
        self.eyes.execute("INSERT INTO more (t) VALUES ('a person''s')")
        self.assertEqual(len(self.il.rollback(last=1).undone), 1)
        with self.assertRaises(RollbackStopped):
            self.il.rollback(last=1)
        self.eyes.execute("DELETE FROM more WHERE t <> 'x'")
        self.assertEqual(len(self.il.rollback(last=1).undone), 1)
        self.assertEqual(self.shown(), before)

    def test_the_guide(self):
        guide = Path(__file__).parents[4] / "docs" / "guides" / "databases.md"
        self.eyes.execute(
            "CREATE TABLE orders (id int PRIMARY KEY, price int); INSERT INTO orders VALUES (1, 10), (2, 20);"
            "CREATE TABLE customers (id int PRIMARY KEY, name text); INSERT INTO customers VALUES (1, 'ann')"
        )
        text = guide.read_text()
        code = re.findall(r"```python\n(.*?)```", text, re.S)
        said = io.StringIO()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.dir)
        names = {}
        with unittest.mock.patch.dict(os.environ, SHOP_DSN=self.dsn), contextlib.redirect_stdout(said):
            for snippet in code:
                exec(compile(snippet, "snippet", "exec"), names)
        names["il"].close()
        self.assertEqual(said.getvalue(), "".join(re.findall(r"```text\n(.*?)```", text, re.S)))

    def test_asyncio(self):
        before = self.shown()

        async def work():
            connection = await psycopg.AsyncConnection.connect(self.dsn)
            async with connection:
                await connection.execute("UPDATE people SET name = name || 'x'")
                async with connection.cursor().copy("COPY keyed (k, n, v) FROM STDIN") as copy:
                    await copy.write_row(("copied", 1, "x"))
            connection = await psycopg.AsyncConnection.connect(self.dsn, autocommit=True)
            await connection.execute("DELETE FROM shown")
            async with connection.transaction():
                await connection.execute("DELETE FROM keyed")
            await connection.close()

        with self.il.monitor("bot"):
            asyncio.run(work())
        self.assertEqual(len(self.il.rollback(last=9).undone), 3)
        self.assertEqual(self.shown(), before)

    def test_psycopg2(self):
        psycopg2 = library("psycopg2")
        if psycopg2 is None:
            return
        import psycopg2.extras

        for way in ("commit", "with", "autocommit", "text", "values"):
            with self.subTest(way):
                before = self.shown()
                with self.il.monitor(f"two-{way}"):
                    connection = psycopg2.connect(self.dsn)
                    self.addCleanup(connection.close)
                    connection.autocommit = way == "autocommit"
                    cursor = connection.cursor()
                    if way == "with":
                        with connection, connection.cursor() as cursor:
                            cursor.execute("UPDATE people SET name = %s || name", ("x",))
                    elif way == "values":
                        psycopg2.extras.execute_values(cursor, "INSERT INTO keyed VALUES %s", [("z", 1, "a"), ("z", 2, "b")])
                        connection.commit()
                    else:
                        cursor.execute("DELETE FROM people WHERE id = 1")
                        if way == "commit":
                            connection.commit()
                        elif way == "text":
                            cursor.execute("COMMIT")
                    if way == "text":
                        # The driver does not know that it begins another one, so this is committed.
                        connection.cursor().execute("DELETE FROM people WHERE id = 2")
                    else:
                        connection.cursor().execute("DELETE FROM shown")
                        if way != "autocommit":
                            connection.rollback()
                    connection.close()
                self.assertNotEqual(self.shown(), before)
                self.assertEqual(len(self.il.rollback(last=9).undone), 1 + (way in ("autocommit", "text")))
                self.assertEqual(self.shown(), before)

    def test_sqlalchemy(self):
        sqlalchemy = library("sqlalchemy")
        if sqlalchemy is None:
            return
        for driver in ("psycopg", "psycopg2"):
            if library(driver) is None:
                continue
            with self.subTest(driver):
                before = self.shown()
                url = f"postgresql+{driver}://tests@/postgres?host={postgres.server().directory}"
                with self.il.monitor(f"orm-{driver}"):
                    engine = sqlalchemy.create_engine(url)
                    with engine.begin() as connection:
                        connection.execute(sqlalchemy.text("UPDATE people SET name = name || :x"), {"x": "!"})
                        with connection.begin_nested():
                            connection.execute(sqlalchemy.text("DELETE FROM keyed"))
                    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                        connection.execute(sqlalchemy.text("DELETE FROM people WHERE id = 2"))
                    engine.dispose()
                self.assertNotEqual(self.shown(), before)
                self.assertEqual(len(self.il.rollback(last=9).undone), 2)
                self.assertEqual(self.shown(), before)

    def test_random_transactions(self):
        sequences = 100 if os.environ.get("INTERLOCK_SOAK") else 10
        if sequences == 10:
            print("10 sequences on PostgreSQL; 100 with INTERLOCK_SOAK=1")
        for seed in range(sequences):
            with self.subTest(seed):
                before = self.shown()
                pick = random.Random(seed)
                with self.il.monitor(f"bot-{seed}"):
                    connection = self.connect(autocommit=pick.random() < 0.3)
                    for _ in range(pick.randrange(1, 8)):
                        self.change(connection, pick)
                    if not connection.autocommit:
                        connection.commit()
                    connection.close()
                report = self.il.rollback(last=100)
                self.assertEqual(report.irreversible, ())
                self.assertEqual(self.shown(), before)

    def change(self, connection, pick):
        n, text = pick.randrange(8), pick.choice(["a", "it's", "\u00fc\n", "", "p1", "back\\slash"])
        statements = [
            ("INSERT INTO people (id, name, data) VALUES (%s, %s, %s)", (n, text, b"\x00\xff")),
            ("UPDATE people SET name = %s, price = %s WHERE id = %s", (text, n, n)),
            ("UPDATE people SET id = id + 100 WHERE id > %s", (n,)),
            ("DELETE FROM people WHERE id >= %s", (n,)),
            ("UPDATE keyed SET n = n + 50, v = %s", (text,)),
            ("DELETE FROM shown WHERE n = %s", (n,)),
            ("UPDATE shown SET m = m + %s, self = NULL", (n,)),
            ("UPDATE parts SET region = 'a' WHERE id > %s", (n,)),
            ("INSERT INTO people (id, name) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET name = people.name || '!'", (n, text)),
            ("WITH gone AS (DELETE FROM keyed WHERE n < %s RETURNING *) INSERT INTO audit (what) SELECT v FROM gone", (n,)),
            ("INSERT INTO child (person) SELECT id FROM people WHERE id <> %s", (n,)),
            ("SELECT changes_rows()", ()),
            ("MERGE INTO keyed USING (SELECT 3 AS n) s ON keyed.n = s.n WHEN MATCHED THEN UPDATE SET v = 'merged'", ()),
            (f"CREATE TABLE made_{pick.randrange(10**9)} (id int PRIMARY KEY, t text)", ()),
            (f"CREATE INDEX made_{pick.randrange(10**9)} ON people (name)", ()),
        ]
        way = pick.random()
        try:
            if way < 0.15 and not connection.autocommit:
                connection.commit()
            elif way < 0.2 and not connection.autocommit:
                connection.rollback()
            elif way < 0.4:
                with connection.transaction():
                    connection.execute(*pick.choice(statements))
                    if pick.random() < 0.4:
                        connection.execute("SELECT 1 / 0")
            elif way < 0.5 and not connection.autocommit:
                connection.execute("SAVEPOINT s")
                with connection.transaction():
                    connection.execute(*pick.choice(statements))
                if pick.random() < 0.5:
                    connection.execute("ROLLBACK TO s")
            else:
                connection.execute(*pick.choice(statements))
        except psycopg.Error:
            if not connection.autocommit:
                connection.rollback()

    def test_large_tables_are_not_looked_through(self):
        """Their rows are found by what statements are about, and the server counts whether those are all."""
        self.eyes.execute("CREATE TABLE named (name text PRIMARY KEY, v int)")
        self.eyes.execute("INSERT INTO named SELECT 'n' || n, n FROM generate_series(1, 9) n")
        find = [
            lambda run: run("UPDATE people SET name = %s WHERE id = %s", ("new", 2)),
            lambda run: run("update only people as p set name = 'x' || s.n from shown s where s.n = p.id and (s.m < 3)"),
            lambda run: run("DELETE FROM shown p USING people WHERE p.n = people.id AND people.id = 4 RETURNING p.n"),
            lambda run: run("INSERT INTO people (id, name) VALUES (70, 'a'), (71, 'b')"),
            lambda run: (run("INSERT INTO named VALUES ('z', 1)"), run("DELETE FROM named WHERE name = 'n1'")),
            lambda run: (run("INSERT INTO people (id) VALUES (80)"), run("UPDATE people SET price = 5 WHERE id = 0")),
            lambda run: run("UPDATE child SET person = NULL WHERE person IN (SELECT id FROM people WHERE id > 2)"),
        ]
        miss = [
            lambda run: run("UPDATE people SET id = id + 1000 WHERE id = 1"),
            lambda run: (run("UPDATE people SET price = 1 WHERE id = 1"), run("UPDATE people SET price = 2 WHERE id = 1")),
            lambda run: run("INSERT INTO people (id, name) VALUES (-5, 'before the others')"),
            lambda run: run("WITH one AS (SELECT 1 AS id) UPDATE people SET price = 1 FROM one WHERE one.id = people.id"),
        ]
        for seed, case in enumerate(find + miss):
            with self.subTest(seed), unittest.mock.patch.multiple(
                "interlock._capture_postgres", SCAN_BYTES_MAX=0
            ), unittest.mock.patch("interlock._watch_postgres.SCAN_BYTES_MAX", 0):
                if seed >= len(find):
                    self.eyes.execute(SCHEMA)
                else:
                    before = self.shown(), self.eyes.execute("SELECT * FROM named ORDER BY 1").fetchall()
                with self.il.monitor(f"bot-{seed}"), self.connect() as connection:
                    case(connection.execute)
                if seed >= len(find):
                    (step,) = self.il.undo_steps()
                    self.assertRegex(" ".join(step.irreversible), "`public.people` has more than 0 bytes", step)
                    self.assertEqual(step.declared, ())
                    self.il.rollback()
                    continue
                self.assertEqual([step.irreversible for step in self.il.undo_steps()], [()])
                self.il.rollback()
                self.assertEqual((self.shown(), self.eyes.execute("SELECT * FROM named ORDER BY 1").fetchall()), before)

    def test_a_rollback_that_is_killed_is_completed(self):
        before = self.shown()
        program = textwrap.dedent(
            """
            import os, sys
            from interlock import Interlock, _postgres_link
            data, policy, when = sys.argv[1:]
            il = Interlock(data, agent="bot", policy=policy)
            run, runs = _postgres_link.Psycopg.run, []

            def counting(link, sql):
                runs.append(sql)
                if when == str(len(runs)):
                    os.kill(os.getpid(), 9)
                found = run(link, sql)
                if when == "after" and sql == "COMMIT":
                    os.kill(os.getpid(), 9)
                return found

            _postgres_link.Psycopg.run = counting
            il.rollback(last=9)
            """
        )
        self.il.close()
        for when in ("12", "30", "after"):
            with self.subTest(when):
                il = self.open()
                with il.monitor(f"bot-{when}"), self.connect() as connection:
                    connection.execute("DELETE FROM people")
                    connection.execute("UPDATE keyed SET v = 'w'")
                il.close()
                ran = subprocess.run(
                    [sys.executable, "-c", program, self.dir / "data", self.dir / "policy.yaml", when],
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                self.assertEqual(ran.returncode, -9, ran.stderr)
                # The start completes it, where it had begun.
                il = self.open()
                il.rollback(last=9)
                il.close()
                self.assertEqual(self.shown(), before)


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"`{name}` is not installed: not tested")
        return None


if __name__ == "__main__":
    unittest.main()
