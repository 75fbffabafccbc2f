"""Rows that an agent changed in PostgreSQL databases come back."""

import asyncio
import os
import random
import unittest
import unittest.mock

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


if __name__ == "__main__":
    unittest.main()
