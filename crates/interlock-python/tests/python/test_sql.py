"""How statements are told apart: as text, what each is."""

import random
import time
import unittest

from interlock import _sql

#: A text, and of each statement: its first word, the table that it writes to, and whether it only reads.
STATEMENTS = [
    ("SELECT 1", [("select", None, True)]),
    ("  /* a /* nested */ ; */ select ';' -- ; \n ; ;", [("select", None, True)]),
    ("BEGIN; DELETE FROM ONLY a.\"b;c\" WHERE x = 'it''s;'; COMMIT", [("begin", None, True), ("delete", 'a."b;c"', False), ("commit", None, True)]),
    ("SELECT $a$ ; $$ ; $a$, E'\\'; ', U&'\\0041;'", [("select", None, True)]),
    ("SELECT pay(1)", [("select", None, False)]),
    ("SELECT public . \"Pay\" (1)", [("select", None, False)]),
    ("SELECT count(*), max(a) FROM (VALUES (1)) t (a) WHERE a IN (1)", [("select", None, False)]),
    ("SELECT coalesce(a, 1) FROM t WHERE (a) IN (SELECT 1)", [("select", None, True)]),
    ("SELECT * INTO b FROM a", [("select", None, False)]),
    ("(SELECT 1) UNION (SELECT 2)", [("select", None, True)]),
    ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", [("with", None, False)]),
    ("EXPLAIN DELETE FROM t", [("explain", None, False)]),
    ("EXPLAIN ANALYZE SELECT 1", [("explain", None, False)]),
    ("INSERT INTO t(a) VALUES (1) ON CONFLICT DO NOTHING", [("insert", "t", False)]),
    ("UPDATE s.t SET a = 1", [("update", "s.t", False)]),
    ("MERGE INTO t USING u ON true", [("merge", "t", False)]),
    ("COPY t (a) FROM STDIN", [("copy", "t", False)]),
    ("COPY (SELECT 1) TO STDOUT", [("copy", None, False)]),
    ("", []),
    # What PostgreSQL reads, where it is easily read otherwise.
    ("SELECT 1 -- x\r; COMMIT; DELETE FROM t", [("select", None, True), ("commit", None, True), ("delete", "t", False)]),
    ("SELECT 1 AS \U0001f600$$; COMMIT; SELECT 1 AS x$$", [("select", None, True), ("commit", None, True), ("select", None, True)]),
    ("SELECT 1 AS \u00a0$$; COMMIT; --$$", [("select", None, True), ("commit", None, True)]),
    ("SELECT $\U0001f600$;$\U0001f600$; COMMIT", [("select", None, True), ("commit", None, True)]),
    ("SELECT E'a'\n'\\''; COMMIT; SELECT '", [("select", None, True), ("commit", None, True), ("select", None, True)]),
    ("SELECT E'a' -- c\r \t-- d\n'\\';'; COMMIT", [("select", None, True), ("commit", None, True)]),
    ("SELECT 'a'\n'\\'; COMMIT; SELECT '\\'", [("select", None, True), ("commit", None, True), ("select", None, True)]),
    ("SELECT E'a' '\\'; COMMIT; SELECT '\\'", [("select", None, True), ("commit", None, True), ("select", None, True)]),
    ("loc\u212a t", [("loc\u212a", None, False)]),
    ("SELECT \U0001f600(1)", [("select", None, False)]),
]
#: A plain `UPDATE` or `DELETE`, and what selects its rows; nothing where that is not plain.
MATCHING = [
    ("UPDATE t SET a = 1", ("FROM t  WHERE true", "t")),
    ("update only s.t as x set a = (select 1 from b where c) where x.id = 'set' returning *", ("FROM only s.t as x  WHERE  x.id = 'set' ", "x")),
    ("UPDATE t SET a = u.a FROM u, v WHERE t.id = u.id", ("FROM t ,  u, v  WHERE  t.id = u.id", "t")),
    ("DELETE FROM \"T\" USING u WHERE a", ('FROM "T" ,  u  WHERE  a', '"T"')),
    ("DELETE FROM t", ("FROM t WHERE true", "t")),
    ("DELETE FROM t *", None),
    ("INSERT INTO t VALUES (1)", None),
    ("WITH a AS (SELECT 1) DELETE FROM t", None),
]


class Sql(unittest.TestCase):
    def test_statements(self):
        for text, wanted in STATEMENTS:
            with self.subTest(text):
                found = [(s.first, s.target, s.only_reads) for s in _sql.statements(text)]
                self.assertEqual(found, wanted)

    def test_what_is_matched(self):
        for text, wanted in MATCHING:
            with self.subTest(text):
                found = _sql.statements(text)[0].matching(text)
                if wanted is not None:
                    self.assertIsNotNone(found)
                    found = (" ".join(found[0].split()), found[1])
                    wanted = (" ".join(wanted[0].split()), wanted[1])
                self.assertEqual(found, wanted)

    def test_any_text_is_read_once(self):
        pick = random.Random(7)
        pieces = ["'", '"', "$$", "$a$", "/*", "*/", "--", "\n", "\r", ";", "(", ")", "E'", "\\", "select", "set", " ", "\u00e9", ".", "where", "update t set a"]
        for _ in range(3_000):
            text = "".join(pick.choice(pieces) for _ in range(pick.randrange(40)))
            for statement in _sql.statements(text):
                self.assertEqual(len(statement.tokens), len(statement.starts))
                self.assertTrue(all(0 <= at < len(text) for at in statement.starts))
                statement.matching(text), statement.only_reads, statement.functions, statement.target
        for piece in ("'", "E'\\'", '"', "$a$", "/*", "''", "'a'\n", "''\n--", "E'a'--\r"):
            times = []
            for count in (10_000, 40_000):
                begun = time.process_time()
                _sql.statements(piece * count)
                times.append(time.process_time() - begun)
            self.assertLess(times[1], 16 * times[0] + 0.2, piece)
        self.assertIsNone(_sql.statements(" " * (_sql.TEXT_MAX + 1)))


if __name__ == "__main__":
    unittest.main()
