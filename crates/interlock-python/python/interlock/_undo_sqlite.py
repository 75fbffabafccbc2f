"""Rows that an agent changes in SQLite databases, and how they come back.

Before the first statement of an agent that writes, temporary triggers are put on the tables, which
exist on its connection only: for each row that changes, whatever changes it, they note the statement
that undoes it. Before the transaction is committed the statements go into the undo journal; a
transaction that is rolled back takes its notes with it. An undo runs in one transaction of its own,
and each of its statements names every column as the agent left it: if one finds no such row, somebody
changed it since, and nothing is undone.
"""

from __future__ import annotations

import json
import os
import sqlite3
import weakref
from typing import TYPE_CHECKING, Any

from .errors import InterlockError

if TYPE_CHECKING:
    from ._undo import Step

#: Rows of one transaction that are kept; past it the transaction cannot be undone.
ROWS_MAX = 10_000
#: Bytes of the statements of one part of it.
PART_BYTES_MAX = 512 * 1024
#: Columns of a table.
COLUMNS_MAX = 200
#: How long an undo waits for others' transactions, seconds.
BUSY_SECONDS = 5.0

_LOG = "_interlock_undo"
#: The driver begins a transaction before what it takes for a change; this it takes for none.
_CLEAR = f"WITH gone AS (SELECT 1) DELETE FROM temp.{_LOG}"
_ROWS = ("insert", "update", "delete", "with")
NO_ROWS = (
    "select", "values", "explain", "begin", "commit", "end", "rollback", "savepoint", "release",
    "pragma", "analyze", "detach",
)  # fmt: skip


def first_word(sql: str) -> str:
    """The keyword that a statement begins with; empty where a comment or something else stands."""
    text = sql.lstrip(" \t\r\n;")
    length = next((i for i, c in enumerate(text) if not c.isalpha()), len(text))
    return text[:length].lower()


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class Watch:
    """What is noted of one connection."""

    def __init__(self, connection: sqlite3.Connection, database: str) -> None:
        # The connection has this, and not the other way round.
        self._of = weakref.ref(connection)
        self._database = os.path.abspath(database) if database else ""
        self._version: Any = None
        self._why: str | None = None
        #: The step that the transaction underway belongs to.
        self.step: Step | None = None

    @property
    def _connection(self) -> sqlite3.Connection:
        connection = self._of()
        if connection is None:
            raise sqlite3.ProgrammingError("the connection is gone")
        return connection

    def _run(self, sql: str) -> list[Any]:
        # A plain cursor: this is not the agent's, and makes no rows of its own kind.
        cursor = sqlite3.Connection.cursor(self._connection)
        cursor.row_factory = None
        try:
            return cursor.execute(sql).fetchall()
        finally:
            cursor.close()

    def prepare(self, sql: str) -> str | None:
        """Sees to it that the rows that `sql` changes are noted; why they cannot be undone, if so."""
        word = first_word(sql)
        if word in NO_ROWS:
            return None
        if word not in _ROWS or "replace" in sql.lower():
            return f"`{word or sql[:20]}` is no statement whose rows are kept"
        if not self._database or not os.path.isfile(self._database):
            return "the database is no file"
        try:
            for _, attached, _ in self._run("PRAGMA database_list"):
                if attached not in ("main", "temp"):
                    return f"`{attached}` is attached, whose rows are not kept"
            return self._noting()
        except sqlite3.Error as error:
            return f"the rows cannot be kept: {error}"

    def _noting(self) -> str | None:
        version = self._run("PRAGMA main.schema_version")[0][0]
        there = self._run(f"SELECT count(*) FROM temp.sqlite_master WHERE name = '{_LOG}'")[0][0]
        if version != self._version or not there:
            self._version, self._why = version, self._watch()
        if self.step is None and self._why is None and not self._connection.in_transaction:
            # Of statements that were nobody's.
            self._run(_CLEAR)
        return self._why

    def _watch(self) -> str | None:
        """Puts the triggers on every table."""
        for (old,) in self._run(
            f"SELECT name FROM temp.sqlite_master WHERE type = 'trigger' AND name LIKE '{_LOG}%'"
        ):
            self._run(f"DROP TRIGGER temp.{_name(old)}")
        schema = "SELECT type, name, sql FROM main.sqlite_master"
        for kind, name, sql in self._run(schema):
            text = (sql or "").lower()
            if kind == "trigger":
                return f"the database has a trigger, `{name}`"
            if kind == "table" and ("virtual" in text.split("(")[0] or "replace" in text):
                return f"the rows of `{name}` cannot be kept"
        self._run(
            f"CREATE TEMP TABLE IF NOT EXISTS {_LOG} (seq INTEGER PRIMARY KEY, undo TEXT NOT NULL)"
        )
        tables = self._run("PRAGMA main.table_list")
        if not tables:
            return "this SQLite is older than 3.37"
        number = 0
        for _, name, kind, _, without_rowid, *_ in tables:
            if kind != "table" or name.startswith("sqlite_"):
                continue
            statements = self._inverse(name, bool(without_rowid))
            if statements is None:
                return f"`{name}` has more than {COLUMNS_MAX} columns"
            for event, undo in statements.items():
                number += 1
                self._run(
                    f"CREATE TEMP TRIGGER {_LOG}_{number} AFTER {event} ON main.{_name(name)} "
                    f"BEGIN INSERT INTO {_LOG} (undo) VALUES ({undo}); END"
                )
        return None

    def _inverse(self, table: str, without_rowid: bool) -> dict[str, str] | None:
        """For each event, the expression of the statement that undoes it."""
        columns = self._run(f"PRAGMA main.table_xinfo({_name(table)})")
        # Generated columns follow from the others.
        names = [row[1] for row in columns if row[6] in (0, 1)]
        keys = [row for row in columns if row[5]]
        if len(names) > COLUMNS_MAX:
            return None
        alias = len(keys) == 1 and str(keys[0][2]).upper() == "INTEGER"
        if not without_rowid and not alias:
            taken = {name.lower() for name in names}
            rowid = next((n for n in ("rowid", "_rowid_", "oid") if n not in taken), None)
            if rowid is not None:
                names = [rowid, *names]

        # The statements are text literals, in which the quotes of names are doubled once more.
        def own(name: str) -> str:
            return _name(name).replace("'", "''")

        def value(row: str, name: str) -> str:
            return f"' || quote({row}.{_name(name)}) || '"

        where = " AND ".join(f"{own(n)} IS {value('NEW', n)}" for n in names)
        sets = ", ".join(f"{own(n)} = {value('OLD', n)}" for n in names)
        listed = ", ".join(map(own, names))
        values = ", ".join(value("OLD", n) for n in names)
        return {
            "INSERT": f"'DELETE FROM main.{own(table)} WHERE {where}'",
            "UPDATE": f"'UPDATE main.{own(table)} SET {sets} WHERE {where}'",
            "DELETE": f"'INSERT INTO main.{own(table)} ({listed}) VALUES ({values})'",
        }

    def flush(self) -> None:
        """Puts what undoes the transaction into the journal; before the commit."""
        step, self.step = self.step, None
        if self._why is not None or self._version is None:
            return
        try:
            rows = self._run(f"SELECT undo FROM temp.{_LOG} ORDER BY seq LIMIT {ROWS_MAX + 1}")
            self._run(_CLEAR)
        except sqlite3.OperationalError:
            # A transaction that was rolled back took the triggers with it.
            self._version = None
            return
        if step is None or not rows:
            return
        if len(rows) > ROWS_MAX:
            step.irreversible(f"more than {ROWS_MAX} rows of `{self._database}` changed")
            return
        parts: list[list[str]] = [[]]
        size = 0
        for (undo,) in rows:
            if parts[-1] and size + len(undo) > PART_BYTES_MAX:
                parts.append([])
                size = 0
            parts[-1].append(undo)
            size += len(undo)
        for number, part in enumerate(parts):
            payload = {
                "database": self._database,
                "undo": part[::-1],
                # Only the newest part can be tried before the others are undone.
                "newest": number == len(parts) - 1,
            }
            step.declare_as("sqlite", json.dumps(payload))
        step.seal()

    def autocommits(self, sql: str) -> bool:
        """Whether the statement would be committed as soon as it ran."""
        connection = self._connection
        if connection.in_transaction or first_word(sql) not in _ROWS:
            return False
        by_itself = connection.isolation_level is None or getattr(connection, "autocommit", None) is True
        return by_itself or first_word(sql) == "with"

    def begin(self) -> None:
        self._run(f"SAVEPOINT {_LOG}")

    def end(self, done: bool) -> None:
        if done:
            self.flush()
        elif self._connection.in_transaction:
            self._run(f"ROLLBACK TO {_LOG}")
        if self._connection.in_transaction:
            self._run(f"RELEASE {_LOG}")


def undo(payload: dict[str, Any], check: bool) -> None:
    """Undoes a part of a transaction, or tries whether it could."""
    database, statements = payload["database"], payload["undo"]
    if not os.path.isfile(database):
        raise InterlockError(f"`{database}` is gone")
    if check and not payload["newest"]:
        return
    connection = sqlite3.connect(database, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            if connection.execute(statement).rowcount != 1:
                connection.execute("ROLLBACK")
                raise InterlockError(f"a row in `{database}` was changed since")
        connection.execute("ROLLBACK" if check else "COMMIT")
    except sqlite3.Error as error:
        raise InterlockError(f"`{database}`: {error}") from error
    finally:
        connection.close()
