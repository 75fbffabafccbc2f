"""Statements on SQLite databases, seen before they run, with what undoes the rows that they change."""

from __future__ import annotations

import contextlib
import functools
import gc
import inspect
import os
import sqlite3
import sys
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._monitor import _database_opened, current, decide_sql, replace, unmonitored, uri_path
from ._undo_sqlite import NO_ROWS, Watch, first_word
from .errors import ConfigurationError, Denied
from .sandbox import _sqlite as _sandboxed
from .sandbox.databases import Sandboxed as Databases

if TYPE_CHECKING:
    from ._core import Decision
    from ._monitor import Monitor
    from .sandbox import Sandbox


@contextlib.contextmanager
def _decided(connection: sqlite3.Connection, sql: Any, script: bool = False) -> Iterator[None]:
    """Decides on a statement; inside it runs, and what undoes it is kept."""
    monitor = current()
    watch = _watches.get(connection)
    if monitor is not None and monitor.sandbox is not None:
        _held_back(monitor, connection, sql, script)
        _decide_sqlite(connection, sql)
        yield
        return
    plain = watch is None or not isinstance(sql, str)
    if plain or monitor is None or monitor.interlock.undo_journal is None:
        _decide_sqlite(connection, sql)
        if watch is not None and watch.step is not None and first_word(str(sql)) in ("commit", "end"):
            with unmonitored():
                watch.flush()
        yield
        return
    assert watch is not None
    word = first_word(sql)
    writes = word not in NO_ROWS
    with unmonitored():
        why = "the rows that a script changes are not kept" if script else watch.prepare(sql)
        single = writes and why is None and watch.autocommits(sql)
        if single and "returning" in sql.lower():
            # It is underway until its rows are read, and nothing can be committed before.
            single, why = False, "`RETURNING` outside a transaction is not kept"
    decision = _decide_sqlite(connection, sql, kept=writes and why is None)
    with unmonitored():
        if writes and decision is not None:
            if watch.step is None:
                watch.step = monitor.step("sqlite3", decision)
            if why is not None:
                watch.step.irreversible(why)
        # A script begins with a commit.
        if script or word in ("commit", "end"):
            watch.flush()
        if single:
            watch.begin()
    done = False
    try:
        yield
        done = True
    finally:
        with unmonitored():
            if single:
                watch.end(done)
            elif done and not connection.in_transaction:
                # Released; or rolled back, which took the notes with it.
                watch.flush()


def _held_back(monitor: Monitor, connection: sqlite3.Connection, sql: Any, script: bool = False) -> None:
    """Refuses what a sandbox does not hold back."""
    box = monitor.sandbox
    assert box is not None
    about = ("database_write", f"sqlite:{_database(connection)}", "sqlite3", {"sql": str(sql)})
    box.require_open(*about)
    why = _sandboxed.uncovered(sql)
    # A script is more than its first word.
    reads = first_word(str(sql)) in _READING and not script
    if why is None and _boxes.get(connection) is not box and not reads:
        why = "the connection was opened outside"
    if why is not None:
        box.refuse(*about, why)


#: Statements that a connection from outside may run in a sandbox.
_READING = ("select", "values", "explain")
#: The sandbox that a connection was opened in.
_boxes: weakref.WeakKeyDictionary[sqlite3.Connection, Sandbox] = weakref.WeakKeyDictionary()


def _decide_sqlite(connection: sqlite3.Connection, sql: Any, kept: bool = False) -> Decision | None:
    return decide_sql(f"sqlite:{_database(connection)}", "sqlite3", sql, kept)


def _decide_unkept(connection: sqlite3.Connection, sql: str) -> None:
    """The same for what no trigger sees."""
    monitor = current()
    if monitor is not None and monitor.sandbox is not None:
        _held_back(monitor, connection, sql)
        _decide_sqlite(connection, sql)
        return
    decision = _decide_sqlite(connection, sql)
    monitor = current()
    if decision is not None and monitor is not None and monitor.interlock.undo_journal is not None:
        with unmonitored():
            monitor.step("sqlite3", decision).irreversible(f"`{sql}` is not kept")


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *args: Any) -> Any:
        with _decided(self.connection, sql):
            return super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> Any:
        with _decided(self.connection, sql):
            return super().executemany(sql, *args)

    def executescript(self, sql: str) -> Any:
        with _decided(self.connection, sql, script=True):
            return super().executescript(sql)


_databases: weakref.WeakKeyDictionary[sqlite3.Connection, str] = weakref.WeakKeyDictionary()
_watches: weakref.WeakKeyDictionary[sqlite3.Connection, Watch] = weakref.WeakKeyDictionary()


def _database(connection: sqlite3.Connection) -> str:
    return _databases.get(connection, "")


class _Connection(sqlite3.Connection):
    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(database, *args, **kwargs)
        name = os.fsdecode(database) if database else ""
        _databases[self] = name
        _watches[self] = Watch(self, uri_path(name) or "")

    def cursor(self, factory: Any = _Cursor) -> Any:
        if not issubclass(factory, _Cursor):
            factory = type(factory.__name__, (_Cursor, factory), {})
        return super().cursor(factory)

    def set_authorizer(self, authorizer_callback: Any) -> None:
        if self in _boxes:
            authorizer_callback = _sandboxed.Attaching(authorizer_callback)
        super().set_authorizer(authorizer_callback)

    def _flush(self) -> None:
        watch = _watches.get(self)
        if watch is not None and watch.step is not None:
            with unmonitored():
                watch.flush()

    def commit(self) -> None:
        monitor = current()
        if monitor is not None and monitor.sandbox is not None and self.in_transaction:
            # What was begun outside is not committed from in here.
            _held_back(monitor, self, "COMMIT")
        self._flush()
        super().commit()

    def __exit__(self, kind: Any, *rest: Any) -> Any:
        if kind is None:
            monitor = current()
            if monitor is not None and monitor.sandbox is not None and self.in_transaction:
                _held_back(monitor, self, "COMMIT")
            self._flush()
        else:
            watch = _watches.get(self)
            if watch is not None:
                watch.step = None
        return super().__exit__(kind, *rest)

    def rollback(self) -> None:
        watch = _watches.get(self)
        if watch is not None:
            watch.step = None
        super().rollback()

    # The originals make their cursor without asking `cursor()`.
    def execute(self, sql: str, *args: Any) -> Any:
        return self.cursor().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> Any:
        return self.cursor().executemany(sql, *args)

    def executescript(self, sql: str) -> Any:
        return self.cursor().executescript(sql)

    def blobopen(self, table: str, column: str, *args: Any, **kwargs: Any) -> Any:
        reads = kwargs.get("readonly", False)
        if reads:
            _decide_sqlite(self, f"SELECT {column} FROM {table}")
        else:
            _decide_unkept(self, f"UPDATE {table}")
        return super().blobopen(table, column, *args, **kwargs)  # type: ignore[misc]

    def backup(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        _decide_unkept(target, "VACUUM")
        return super().backup(target, *args, **kwargs)

    def deserialize(self, *args: Any, **kwargs: Any) -> Any:
        _decide_unkept(self, "VACUUM")
        return super().deserialize(*args, **kwargs)  # type: ignore[misc]


def install() -> None:
    def connect(original: Any) -> Any:
        def checked(*args: Any, **kwargs: Any) -> Any:
            factory = kwargs.get("factory", args[5] if len(args) > 5 else sqlite3.Connection)
            if not issubclass(factory, _Connection):
                factory = (
                    _Connection
                    if factory is sqlite3.Connection
                    else type(factory.__name__, (_Connection, factory), {})
                )
            if len(args) > 5:
                args = args[:5] + (factory,) + args[6:]
            else:
                kwargs["factory"] = factory
            monitor = current()
            if monitor is not None and monitor.sandbox is not None:
                return _in_sandbox(monitor, monitor.sandbox, original, args, kwargs)
            return original(*args, **kwargs)

        return checked

    original = sqlite3.connect
    replace(sqlite3, "connect", connect)
    sqlite3.dbapi2.connect = sqlite3.connect
    # Names that were imported before.
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None) or {}
        for name in [name for name, value in list(names.items()) if value is original]:
            names[name] = sqlite3.connect


def _in_sandbox(
    monitor: Monitor, box: Sandbox, original: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Opens the copy of a database."""
    database = args[0] if args else kwargs.pop("database")
    name = os.fsdecode(database) if database else ""
    uri = bool(kwargs.get("uri", args[7] if len(args) > 7 else False))
    box.require_open("file_write", name, "open")
    if name not in ("", ":memory:"):
        _database_opened(monitor, uri_path(name) if uri else name)
    with unmonitored():
        part = box.part("databases")
        assert isinstance(part, Databases)
        instead = _sandboxed.redirected(part.copies, name, uri)
        made = original(database if instead is None else instead, *args[1:], **kwargs)
    _databases[made] = name
    _boxes[made] = box
    made.set_authorizer(None)
    return made


def only_ours(_: Any, connection: sqlite3.Connection) -> None:
    """A connection whose statements nobody would decide on is not opened."""
    if not isinstance(connection, _Connection):
        raise ConfigurationError(
            "inside a monitor, open databases with `sqlite3.connect`", "monitor.sqlite"
        )


#: What SQLite asks an authorizer about, as the action it is.
_AUTHORIZED = {
    getattr(sqlite3, name): (action_type, verb)
    for name, action_type, verb in [
        ("SQLITE_INSERT", "database_write", "INSERT INTO {}"),
        ("SQLITE_UPDATE", "database_write", "UPDATE {}"),
        ("SQLITE_DELETE", "database_write", "DELETE FROM {}"),
        ("SQLITE_DROP_TABLE", "database_write", "DROP TABLE {}"),
        ("SQLITE_ALTER_TABLE", "database_write", "ALTER TABLE {}"),
        ("SQLITE_READ", "database_query", "SELECT * FROM {}"),
        ("SQLITE_ATTACH", "database_write", "ATTACH {}"),
    ]
}


class _Authorizer:
    """Asks the program's own authorizer first, and then the monitor."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __call__(self, code: int, first: Any, second: Any, *rest: Any) -> int:
        if self._own is not None:
            answer = self._own(code, first, second, *rest)
            if answer != sqlite3.SQLITE_OK:
                return answer  # type: ignore[no-any-return]
        monitor = current()
        known = _AUTHORIZED.get(code)
        if monitor is None or known is None or str(first).startswith("sqlite_"):
            return sqlite3.SQLITE_OK
        action_type, verb = known
        if monitor.sandbox is not None and action_type == "database_write":
            # It was opened outside.
            return sqlite3.SQLITE_DENY
        try:
            monitor.decide(action_type, f"sqlite:{first}", "sqlite3", {"sql": verb.format(first)})
        except Denied:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


def authorize_open() -> None:
    """Databases that were opened before this module was loaded are asked about by SQLite itself."""
    for found in gc.get_objects():
        if isinstance(found, sqlite3.Connection) and not isinstance(found, _Connection):
            try:
                authorizer = _authorizer_of(found)
                if not isinstance(authorizer, _Authorizer):
                    authorizer = _Authorizer(authorizer)
                # Set again, what was prepared before is asked about again.
                found.set_authorizer(authorizer)
            except sqlite3.ProgrammingError:
                # Closed, or another thread's.
                pass


def _authorizer_of(connection: sqlite3.Connection) -> Any:
    """The authorizer that a program set. A connection does not say which of its functions that is:
    it is the one that is called, with five values, when a statement is read."""
    candidates = [
        held
        for held in gc.get_referents(connection)
        if callable(held)
        and not isinstance(held, type)
        and held not in (connection.row_factory, connection.text_factory)
    ]
    ours = [held for held in candidates if isinstance(held, _Authorizer)]
    if ours or not candidates:
        return ours[0] if ours else None
    called: list[Any] = []

    def heard(frame: Any, event: str, _: Any) -> None:
        if event == "call":
            called.append((frame.f_code, sum(_given(frame))))

    was = sys.getprofile()
    with unmonitored():
        sys.setprofile(heard)
        try:
            # It changes nothing, whatever the answer is.
            connection.execute("SELECT 1 WHERE 0").close()
        except sqlite3.DatabaseError:
            pass
        finally:
            sys.setprofile(was)
    for held in candidates:
        code = _code_of(held)
        for seen, given in called:
            if seen is code and given >= 5:
                return held
    return None


def _given(frame: Any) -> Iterator[int]:
    """How many values a call got, the object of a method included."""
    code = frame.f_code
    yield code.co_argcount
    if code.co_flags & inspect.CO_VARARGS:
        yield len(frame.f_locals[code.co_varnames[code.co_argcount + code.co_kwonlyargcount]])


def _code_of(held: Any) -> Any:
    """The code of a function, of a method, of what a partial calls, or of an object's `__call__`."""
    while isinstance(held, functools.partial):
        held = held.func
    held = getattr(held, "__func__", held)
    return getattr(held, "__code__", None) or getattr(type(held).__call__, "__code__", None)
