"""SQLite in a sandbox: connections that are opened in it open a copy of the database.

The copy is made when the first of them is opened, through SQLite's own backup, so that it is as the
database was between two transactions. A second copy stays as it was: what the agent changed is the
difference, and a commit needs the database to be like it still.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

from .. import _sql
from ..errors import SandboxConflict
from ._frame import Change, Sandbox

#: Rows of one table that a difference names.
ROWS_MAX = 1_000
#: How long others' transactions are waited for, seconds.
BUSY_SECONDS = 5.0


def _ro(path: str) -> str:
    return f"file:{urllib.parse.quote(path)}?mode=ro"


def _name(text: str) -> str:
    return _sql.name(text)


class Copy:
    """One database of which there is a copy."""

    def __init__(self, path: str, directory: str, number: int) -> None:
        self.path = path
        self.private = os.path.join(directory, f"{number}.db")
        self._base = os.path.join(directory, f"{number}.base.db")
        self.existed = os.path.exists(path)
        if self.existed:
            with contextlib.closing(sqlite3.connect(_ro(path), uri=True, timeout=BUSY_SECONDS)) as real:
                for target in (self._base, self.private):
                    with contextlib.closing(sqlite3.connect(target)) as copy:
                        real.backup(copy)

    @contextlib.contextmanager
    def _beside(self, path: str) -> Iterator[sqlite3.Connection]:
        """A database with the untouched copy beside it."""
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            base = self._base if self.existed else ":memory:"
            connection.execute("ATTACH ? AS base", (base,))
            yield connection
        finally:
            connection.close()

    def changes(self) -> list[Change]:
        if not os.path.exists(self.private):
            return []
        with self._beside(self.private) as connection:
            return [
                Change("databases", kind, f"sqlite:{self.path} {name}", detail)
                for kind, name, detail in _differences(connection)
            ]

    def prepare(self) -> None:
        if self.existed != os.path.exists(self.path):
            raise SandboxConflict(
                f"`{self.path}` was {'removed' if self.existed else 'made'} since",
                ((self.path, "changed"),),
            )
        if self.existed:
            with self._beside(self.path) as connection:
                self._unchanged(connection)

    def _unchanged(self, connection: sqlite3.Connection) -> None:
        for _, name, _ in _differences(connection):
            raise SandboxConflict(
                f"`{name}` in `{self.path}` was changed since", ((self.path, "changed"),)
            )

    def commit_all(self) -> None:
        if not self.changes():
            return
        try:
            with self._beside(self.path) as connection:
                self._replace(connection)
        except sqlite3.Error as error:
            raise SandboxConflict(f"`{self.path}`: {error}", ((self.path, str(error)),)) from error

    def _replace(self, connection: sqlite3.Connection) -> None:
        wal = connection.execute("PRAGMA main.journal_mode").fetchone() == ("wal",)
        if not wal:
            # Nobody comes between: the lock stays after the transaction. With a write-ahead log that
            # would need that nobody has the database open, so there is a moment in which somebody can.
            connection.execute("PRAGMA main.locking_mode = EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE" if wal else "BEGIN EXCLUSIVE")
        if self.existed:
            self._unchanged(connection)
        connection.execute("COMMIT")
        connection.execute("DETACH base")
        with contextlib.closing(sqlite3.connect(_ro(self.private), uri=True)) as copy:
            copy.backup(connection)

    def close(self) -> None:
        for path in (self.private, self._base):
            for suffix in ("", "-wal", "-shm", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path + suffix)


def _tables(connection: sqlite3.Connection, schema: str) -> dict[tuple[str, str], str]:
    sql = f"SELECT type, name, sql FROM {schema}.sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    return {(kind, name): text or "" for kind, name, text in connection.execute(sql)}


def _differences(connection: sqlite3.Connection) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What is different between `main` and `base`: how, of what, and more about it."""
    now, before = _tables(connection, "main"), _tables(connection, "base")
    for kind, name in sorted(now.keys() | before.keys()):
        if (kind, name) not in before:
            yield "added", name, {"kind": kind}
        elif (kind, name) not in now:
            yield "removed", name, {"kind": kind}
        elif now[kind, name] != before[kind, name]:
            yield "changed", name, {"kind": kind}
        elif kind == "table":
            yield from _rows(connection, name, now[kind, name])


def _rows(
    connection: sqlite3.Connection, name: str, sql: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if "virtual" in sql.lower().split("(")[0]:
        # Its rows are in tables of its own.
        return
    columns = list(connection.execute(f"PRAGMA main.table_xinfo({_name(name)})"))
    names = [row[1] for row in columns if row[6] in (0, 1)]
    keys = [row[1] for row in sorted(columns, key=lambda row: row[5]) if row[5]]
    taken = {column.lower() for column in names}
    if "without rowid" not in " ".join(sql.lower().split()):
        keys = [next((n for n in ("rowid", "_rowid_", "oid") if n not in taken), keys[0] if keys else names[0])]
    same = " AND ".join(f"a.{_name(key)} IS b.{_name(key)}" for key in keys)
    listed = ", ".join(f"a.{_name(column)}" for column in [*keys, *names])
    differ = " OR ".join(f"a.{_name(column)} IS NOT b.{_name(column)}" for column in names)
    table = _name(name)
    for kind, these, condition in (
        ("added", "main", f"NOT EXISTS (SELECT 1 FROM base.{table} b WHERE {same})"),
        ("removed", "base", f"NOT EXISTS (SELECT 1 FROM main.{table} b WHERE {same})"),
        ("changed", "main", f"EXISTS (SELECT 1 FROM base.{table} b WHERE {same} AND ({differ}))"),
    ):
        query = f"SELECT {listed} FROM {these}.{table} a WHERE {condition} LIMIT {ROWS_MAX + 1}"
        for number, row in enumerate(connection.execute(query)):
            if number == ROWS_MAX:
                yield kind, name, {"more": True}
                break
            values = [value.hex() if isinstance(value, bytes) else value for value in row]
            yield kind, name, {"key": values[: len(keys)], "row": dict(zip(names, values[len(keys) :]))}


class Copies:
    """The copies of one sandbox, by the real paths."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._copies: dict[str, Copy] = {}
        self._lock = threading.Lock()

    def all(self) -> list[Copy]:
        with self._lock:
            return list(self._copies.values())

    def clear(self) -> None:
        with self._lock:
            self._copies.clear()

    def of(self, path: str) -> Copy:
        """The copy of a database, made now if there is none."""
        real = os.path.realpath(path)
        with self._lock:
            found = self._copies.get(real)
            if found is None:
                directory = os.path.join(self._sandbox.directory, "sqlite")
                os.makedirs(directory, mode=0o700, exist_ok=True)
                found = self._copies[real] = Copy(real, directory, len(self._copies))
            return found


def redirected(copies: Copies, database: str, uri: bool) -> str | None:
    """What is opened instead of a database; `None` for one that is nobody else's."""
    if not database or database == ":memory:":
        return None
    if not (uri and database.startswith("file:")):
        return copies.of(os.path.abspath(database)).private
    rest = database[len("file:") :].partition("#")[0]
    path, _, query = rest.partition("?")
    options = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    if path.startswith("//"):
        path = "/" + path[2:].partition("/")[2]
    path = urllib.parse.unquote(path)
    if options.get("mode") == "memory" or path in ("", ":memory:"):
        return None
    copy = copies.of(os.path.abspath(path))
    mode = options.get("mode")
    if mode in ("ro", "rw") and not os.path.exists(copy.private):
        # As it would be without a sandbox: there is no such file.
        return f"file:{urllib.parse.quote(copy.private)}?mode={mode}"
    kept = urllib.parse.urlencode({k: v for k, v in options.items() if k in ("mode", "cache")})
    return f"file:{urllib.parse.quote(copy.private)}" + (f"?{kept}" if kept else "")


# As SQLite's `tokenize.c` has it: comments do not nest, a line ends with `\n` only.
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\n\f\r\ufeff]+|--[^\n]*|/\*(?:.*?\*/|.*\Z))
  | (?P<quoted>'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`(?:[^`]|``)*(?:`|\Z)|\[[^\]]*(?:\]|\Z))
  | (?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def uncovered(sql: Any) -> str | None:
    """Why a statement cannot run in a sandbox, told before it is decided on. What holds is the
    authorizer."""
    if not isinstance(sql, str):
        return None
    if len(sql) > _sql.TEXT_MAX:
        return "the statement is too long to be read"
    first = ""
    for token in _TOKEN.finditer(sql):
        if token.lastgroup == "space":
            continue
        text = token.group().lower()
        if text == ";":
            first = ""
            continue
        first = first or text
        if first == "attach":
            return "a database that is attached is not copied"
        if first == "vacuum" and text == "into":
            return "`vacuum into` writes a file"
    return None


class Attaching:
    """An authorizer for a copy: SQLite itself says what a statement is. The program's own is asked, too."""

    def __init__(self, own: Any = None) -> None:
        self._own = own

    def __call__(self, code: int, first: Any, *rest: Any) -> int:
        # Without a name it is a database of nobody's, as `VACUUM` uses one.
        if code == sqlite3.SQLITE_ATTACH and first not in ("", ":memory:"):
            return sqlite3.SQLITE_DENY
        if self._own is None:
            return sqlite3.SQLITE_OK
        return self._own(code, first, *rest)  # type: ignore[no-any-return]
