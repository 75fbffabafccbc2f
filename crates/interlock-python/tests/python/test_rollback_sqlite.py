"""Rows that an agent changed in SQLite databases come back."""

import os
import random
import sqlite3
import unittest
import unittest.mock

from interlock import Blocked, RollbackStopped

from world import World

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
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, "odd 'name" REAL DEFAULT 1.5, data BLOB);
CREATE TABLE bare (a, b);
CREATE TABLE keyed (k TEXT, n INTEGER, v TEXT, PRIMARY KEY (k, n)) WITHOUT ROWID;
CREATE TABLE child (id INTEGER PRIMARY KEY, person INTEGER REFERENCES people(id) ON DELETE CASCADE);
CREATE TABLE shown (n INTEGER, twice INTEGER GENERATED ALWAYS AS (n * 2) STORED);
CREATE UNIQUE INDEX names ON people (name);
"""


class Rows(World):
    policy = ALLOW

    def setUp(self):
        super().setUp()
        self.path = self.dir / "a.db"
        connection = sqlite3.connect(self.path)
        connection.executescript(SCHEMA)
        for n in range(5):
            connection.execute("INSERT INTO people VALUES (?, ?, ?, ?)", (n, f"p{n}", n / 3, bytes([n, 0])))
            connection.execute("INSERT INTO bare VALUES (?, NULL)", (f"it's {n}",))
            connection.execute("INSERT INTO keyed VALUES (?, ?, ?)", ("k", n, "v"))
            connection.execute("INSERT INTO child VALUES (?, ?)", (n, n))
            connection.execute("INSERT INTO shown VALUES (?)", (n,))
        connection.commit()
        connection.close()

    def shown(self):
        connection = sqlite3.connect(self.path)
        try:
            found = {}
            for table in ("people", "bare", "keyed", "child", "shown"):
                rowid = "" if table == "keyed" else "rowid, "
                found[table] = sorted(map(repr, connection.execute(f"SELECT {rowid}* FROM {table}")))
            return found
        finally:
            connection.close()

    def connect(self, **options):
        connection = sqlite3.connect(self.path, **options)
        self.addCleanup(connection.close)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def test_a_transaction_is_one_step(self):
        before = self.shown()
        with self.il.monitor("bot"):
            connection = self.connect()
            connection.execute("UPDATE people SET name = 'x' || name, data = NULL")
            connection.execute("DELETE FROM people WHERE id = 3")
            connection.executemany("INSERT INTO bare VALUES (?, ?)", [(1, 2.5), (None, "a\nb")])
            connection.execute("UPDATE keyed SET k = 'other' WHERE n > 2")
            connection.execute("DELETE FROM shown")
            connection.commit()
        self.assertNotEqual(self.shown(), before)
        self.assertEqual([step.declared for step in self.il.undo_steps()], [("sqlite",)])
        self.il.rollback(last=1)
        self.assertEqual(self.shown(), before, "also what a foreign key deleted")

    def test_what_is_rolled_back_leaves_nothing_to_undo(self):
        with self.il.monitor("bot"):
            connection = self.connect()
            connection.execute("DELETE FROM people")
            connection.rollback()
            connection.execute("DELETE FROM bare")
            connection.execute("ROLLBACK")
            with self.assertRaises(ZeroDivisionError), connection:
                connection.execute("DELETE FROM keyed")
                1 / 0
            connection.execute("DELETE FROM child WHERE id = 1")
            connection.close()
        self.assertEqual(self.il.undo_steps(), [])

    def test_every_way_to_commit(self):
        for way in ("commit", "with", "text", "autocommit", "savepoint", "begin"):
            with self.subTest(way):
                before = self.shown()
                with self.il.monitor(f"bot-{way}"):
                    plain = way in ("autocommit", "savepoint", "begin")
                    connection = self.connect(**({"isolation_level": None} if plain else {}))
                    change = "UPDATE people SET name = name || 'x'"
                    if way == "with":
                        with connection:
                            connection.execute(change)
                    elif way == "savepoint":
                        connection.execute("SAVEPOINT s")
                        connection.execute(change)
                        connection.execute("RELEASE s")
                    elif way == "begin":
                        connection.execute("BEGIN")
                        connection.execute(change)
                        connection.execute("END")
                    else:
                        connection.execute(change)
                        if way == "commit":
                            connection.commit()
                        elif way == "text":
                            connection.execute("COMMIT")
                    connection.close()
                self.assertNotEqual(self.shown(), before)
                self.assertEqual(len(self.il.rollback(last=9).undone), 1)
                self.assertEqual(self.shown(), before)

    def test_a_statement_that_fails_alone_leaves_no_transaction(self):
        with self.il.monitor("bot"):
            connection = self.connect(isolation_level=None)
            with self.assertRaises(sqlite3.IntegrityError):
                connection.execute("UPDATE people SET name = 'same'")
            self.assertFalse(connection.in_transaction)
        self.assertEqual(self.il.undo_steps(), [])

    def test_rows_are_read_as_without_a_monitor(self):
        with self.il.monitor("bot"):
            for level in ("", None):
                connection = self.connect(isolation_level=level)
                cte = "WITH x (n) AS (VALUES (1), (2), (3)) SELECT n FROM x"
                self.assertEqual(connection.execute(cte).fetchall(), [(1,), (2,), (3,)])
                reading = connection.execute(cte)
                self.assertEqual(reading.fetchone(), (1,))
                connection.execute("UPDATE bare SET b = 1")
                self.assertEqual(reading.fetchall(), [(2,), (3,)])
                returning = connection.execute("UPDATE shown SET n = n + 1 RETURNING n")
                self.assertEqual(len(returning.fetchall()), 5)
                self.assertEqual(connection.execute("SELECT changes()").fetchone(), (5,))
                inserted = connection.execute("INSERT INTO bare VALUES (1, 2)")
                self.assertEqual((inserted.rowcount, inserted.lastrowid), (1, 6 + (level is None)))
                connection.commit()
                with self.assertRaises(TypeError):
                    connection.execute(7)
                connection.close()

    def test_a_row_that_was_changed_since_is_left_alone(self):
        with self.il.monitor("bot"):
            connection = self.connect()
            with connection:
                connection.execute("UPDATE people SET name = 'bot' WHERE id = 1")
                connection.execute("UPDATE people SET name = 'bot2' WHERE id = 2")
        with self.connect() as other:
            other.execute("UPDATE people SET name = 'a person' WHERE id = 2")
        now = self.shown()
        with self.assertRaises(RollbackStopped) as raised:
            self.il.rollback()
        self.assertIn("was changed since", str(raised.exception))
        self.assertEqual(self.shown(), now, "nothing is half done")
        with self.connect() as other:
            other.execute("UPDATE people SET name = 'bot2' WHERE id = 2")
        self.assertEqual(len(self.il.rollback().undone), 1)

    def test_another_process_can_undo_it(self):
        before = self.shown()
        with self.il.monitor("bot"):
            with self.connect() as connection:
                connection.execute("DELETE FROM people")
        self.il.close()
        self.il = self.open()
        self.il.rollback()
        self.assertEqual(self.shown(), before)

    def test_statements_that_cannot_be_kept(self):
        il = self.other(POLICY)
        with il.monitor("bot"):
            # A setting of the connection would be a write that nothing puts back.
            connection = sqlite3.connect(self.path)
            self.addCleanup(connection.close)
            connection.execute("DELETE FROM bare")
            connection.commit()
            for sql in (
                "DROP TABLE bare",
                "REPLACE INTO people (id, name) VALUES (1, 'p2')",
                "INSERT OR REPLACE INTO people (id, name) VALUES (1, 'p2')",
                "VACUUM",
            ):
                with self.subTest(sql), self.assertRaises(Blocked):
                    connection.execute(sql)
            with self.assertRaises(Blocked):
                connection.executescript("DELETE FROM people;")
            memory = sqlite3.connect(":memory:")
            with self.assertRaises(Blocked):
                memory.execute("CREATE TABLE t (a)")
            memory.close()
        with self.connect() as other:
            other.execute("CREATE TRIGGER own AFTER DELETE ON bare BEGIN DELETE FROM child; END")
        with il.monitor("bot"), self.assertRaises(Blocked):
            connection.execute("DELETE FROM people WHERE id = 1")

    def test_what_is_attached_is_not_kept_and_policies_know(self):
        il = self.other(POLICY)
        other = self.dir / "b.db"
        with sqlite3.connect(other) as made:
            made.execute("CREATE TABLE far (a)")
        made.close()
        with il.monitor("bot"):
            connection = sqlite3.connect(self.path)
            self.addCleanup(connection.close)
            connection.execute("DELETE FROM bare")
            connection.commit()
        with il.monitor("bot2"):
            # That this is a write of its own is another rule's matter.
            with unittest.mock.patch("interlock._sqlite.decide_sql", return_value=None):
                connection.execute("ATTACH ? AS aside", (str(other),))
            for sql in ("INSERT INTO aside.far VALUES (1)", "INSERT INTO far VALUES (1)"):
                with self.subTest(sql), self.assertRaises(Blocked):
                    connection.execute(sql)

    def test_what_is_not_kept_is_in_the_report(self):
        before = self.shown()
        with self.il.monitor("bot"), unittest.mock.patch("interlock._undo_sqlite.ROWS_MAX", 4):
            connection = self.connect()
            with connection:
                connection.execute("DELETE FROM people")
            connection.executescript("DELETE FROM bare")
            connection.execute("CREATE TABLE more (a)")
            self.assertFalse(connection.in_transaction, "keeping begins no transaction of its own")
            connection.execute("INSERT INTO more VALUES (1)")
            connection.commit()
        report = self.il.rollback(last=9)
        self.assertEqual([len(step.declared) for step in report.undone], [1])
        reasons = " ".join(" ".join(step.irreversible) for step in report.irreversible)
        self.assertIn("more than 4 rows", reasons)
        self.assertIn("a script", reasons)
        self.assertEqual(self.shown()["people"], [])
        self.assertEqual(self.shown()["keyed"], before["keyed"])

    def other(self, policy):
        self.policy = policy
        self.il.close()
        self.dir = self.dir / "other"
        self.dir.mkdir()
        return self.open()

    def test_random_transactions(self):
        sequences = 300 if os.environ.get("INTERLOCK_SOAK") else 12
        if sequences == 12:
            print("12 sequences; 300 with INTERLOCK_SOAK=1")
        for seed in range(sequences):
            with self.subTest(seed):
                before = self.shown()
                pick = random.Random(seed)
                # Each agent is new: one that repeats itself is stopped.
                with self.il.monitor(f"bot-{seed}"):
                    connection = self.connect(isolation_level=pick.choice(["", None]))
                    for _ in range(pick.randrange(1, 6)):
                        self.change(connection, pick)
                        if pick.random() < 0.3:
                            connection.commit()
                        if pick.random() < 0.1:
                            connection.rollback()
                    connection.commit()
                    connection.close()
                self.il.rollback(last=100)
                self.assertEqual(self.shown(), before)

    def change(self, connection, pick):
        n, text = pick.randrange(8), pick.choice(["a", "it's", "\u00fc\n", "", "p1"])
        value = pick.choice([None, 0.1, -1, 1e300, b"\x00\xff", text, 2**62])
        try:
            pick.choice(
                [
                    lambda: connection.execute("INSERT INTO people VALUES (?, ?, ?, ?)", (n, text, 1.1, b"x")),
                    lambda: connection.execute("UPDATE people SET name = ?, data = ? WHERE id = ?", (text, value, n)),
                    lambda: connection.execute("UPDATE people SET id = id + 100 WHERE id > ?", (n,)),
                    lambda: connection.execute("DELETE FROM people WHERE id >= ?", (n,)),
                    lambda: connection.execute("INSERT INTO bare VALUES (?, ?)", (value, n)),
                    lambda: connection.execute("UPDATE bare SET b = ?", (value,)),
                    lambda: connection.execute("DELETE FROM bare WHERE rowid > ?", (n,)),
                    lambda: connection.execute("UPDATE keyed SET n = n + 50, v = ?", (text,)),
                    lambda: connection.execute("UPDATE shown SET n = ?", (n,)),
                    lambda: connection.execute(
                        "INSERT INTO people (id, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = name || '!'",
                        (n, text),
                    ),
                ]
            )()
        except sqlite3.IntegrityError:
            pass


if __name__ == "__main__":
    unittest.main()
