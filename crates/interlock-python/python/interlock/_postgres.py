"""Statements for PostgreSQL, seen before they run: psycopg and psycopg2."""

from __future__ import annotations

import contextlib
import functools
import re
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from . import _postgres_link, _sql, _watch_postgres
from ._monitor import current, replace
from .sandbox import _postgres as _sandboxed
from ._watch_postgres import Watch


def _database(info: Any) -> str:
    """The database of a connection, without its password."""
    try:
        parts = info.dsn_parameters if hasattr(info, "dsn_parameters") else info.get_parameters()
    except Exception:
        # A closed connection tells nothing.
        parts = {}
    return f"postgres://{parts.get('host', '')}:{parts.get('port', '')}/{parts.get('dbname', '')}"


def _connects(library: str, conninfo: str, parse: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    """libpq connects by itself: nothing else sees it."""
    monitor = current()
    if monitor is None:
        return
    names = ("host", "hostaddr", "port", "dbname", "user", "service")
    parts = {**parse(conninfo or ""), **{k: v for k, v in kwargs.items() if v is not None}}
    shown = {name: str(parts[name]) for name in names if parts.get(name)}
    host = shown.get("host") or shown.get("hostaddr") or "localhost"
    target = f"tcp://{host}:{shown.get('port', '5432')}"
    monitor.decide("network_request", target, library, shown)


# -- psycopg ------------------------------------------------------------------------------------


def _of_psycopg(connection: Any) -> Watch:
    # The connection has the watch, and not the other way round.
    pgconn = connection.pgconn
    link = _postgres_link.Psycopg(pgconn)
    state = _State(connection)
    return Watch(
        "psycopg", lambda: link, lambda: state.info, lambda: state.autocommit, lambda: state.pipelined
    )


class _State:
    """What a watch asks a connection of psycopg that it does not keep alive."""

    def __init__(self, connection: Any) -> None:
        self._of = weakref.ref(connection)

    @property
    def info(self) -> Any:
        connection = self._of()
        assert connection is not None
        return connection.info

    @property
    def autocommit(self) -> bool:
        return bool(getattr(self._of(), "_autocommit", False))

    @property
    def pipelined(self) -> bool:
        return getattr(self._of(), "_pipeline", None) is not None


def _text(query: Any, connection: Any) -> Any:
    if isinstance(query, (str, bytes)):
        return query
    if hasattr(query, "as_string"):
        return query.as_string(connection)
    # A template string: its fields are values.
    return "".join(getattr(query, "strings", None) or [str(query)])


def psycopg(psycopg: Any) -> None:
    def connect(original: Any) -> Any:
        def checked(cls: Any, conninfo: str = "", **kwargs: Any) -> Any:
            _connects("psycopg", conninfo, psycopg.conninfo.conninfo_to_dict, kwargs)
            return original(cls, conninfo, **kwargs)

        return checked

    for connection in (psycopg.Connection, psycopg.AsyncConnection):
        original = connection.connect.__func__
        connection.connect = classmethod(functools.wraps(original)(connect(original)))
    psycopg.connect = psycopg.Connection.connect

    @contextlib.contextmanager
    def decided(cursor: Any, query: Any, literal: Any = lambda: None) -> Iterator[Any]:
        connection = cursor.connection
        if current() is None and _watch_postgres.watch_of(connection) is None:
            _sandboxed.outside(connection)
            cursor._pgconn = connection.pgconn
            yield query
            return
        with _watch_postgres.decided(
            connection,
            _of_psycopg,
            _database(connection.info),
            "psycopg",
            _text(query, connection),
            literal,
        ) as instead:
            # Another one than when the cursor was made, where a sandbox came or went between.
            cursor._pgconn = connection.pgconn
            yield query if instead is None else instead

    def literal(cursor: Any, query: Any, args: Any, kwargs: Any) -> Callable[[], str | None]:
        """How to get the text of a statement with its values in it."""

        def text() -> str | None:
            connection = cursor.connection
            awaited = isinstance(connection, psycopg.AsyncConnection)
            values = args[0] if args else kwargs.get("params")
            maker = psycopg.AsyncClientCursor if awaited else psycopg.ClientCursor
            try:
                return str(maker(connection).mogrify(query, values))
            except psycopg.Error:
                return None

        return text

    def execute(original: Any) -> Any:
        def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            with decided(self, query, literal(self, query, args, kwargs)) as query:
                return original(self, query, *args, **kwargs)

        return checked

    def aexecute(original: Any) -> Any:
        async def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            with decided(self, query, literal(self, query, args, kwargs)) as query:
                return await original(self, query, *args, **kwargs)

        return checked

    def statement(original: Any) -> Any:
        def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            with decided(self, query) as query:
                return original(self, query, *args, **kwargs)

        return checked

    def astatement(original: Any) -> Any:
        async def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            with decided(self, query) as query:
                return await original(self, query, *args, **kwargs)

        return checked

    def stream(original: Any) -> Any:
        def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
            with decided(self, query) as query:
                yield from original(self, query, *args, **kwargs)

        return checked

    def astream(original: Any) -> Any:
        async def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with decided(self, query) as query:
                async for row in original(self, query, *args, **kwargs):
                    yield row

        return checked

    def copy(original: Any) -> Any:
        @contextlib.contextmanager
        def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
            with decided(self, query) as query, original(self, query, *args, **kwargs) as copying:
                yield copying

        return checked

    def acopy(original: Any) -> Any:
        @contextlib.asynccontextmanager
        async def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            with decided(self, query) as query:
                async with original(self, query, *args, **kwargs) as copying:
                    yield copying

        return checked

    ways = {"execute": execute, "executemany": statement, "stream": stream, "copy": copy}
    aways = {"execute": aexecute, "executemany": astatement, "stream": astream, "copy": acopy}
    for cursor in (psycopg.Cursor, psycopg.ServerCursor):
        for name, way in ways.items():
            if name in vars(cursor):
                replace(cursor, name, way)
    for cursor in (psycopg.AsyncCursor, psycopg.AsyncServerCursor):
        for name, way in aways.items():
            if name in vars(cursor):
                replace(cursor, name, way)

    def send(original: Any) -> Any:
        def single(self: Any, query: Any, *, force_extended: bool = False, binary: Any = None) -> None:
            # In a sandbox the server, too, takes what was read as one statement only as one.
            seat = _sandboxed.inside(self._conn)
            one = seat is not None and seat.single
            if one and isinstance(self, clients):
                self._query = query
                self._pgconn.send_query_params(query.query, None, result_format=self.format)
                return
            original(self, query, force_extended=force_extended or one, binary=binary)

        return single

    clients = (psycopg.ClientCursor, psycopg.AsyncClientCursor)
    for cursor in (psycopg.Cursor, psycopg.AsyncCursor, *clients):
        # Wrapped where it is defined, each once.
        for owner in cursor.__mro__:
            if "_execute_send" in vars(owner):
                if not hasattr(vars(owner)["_execute_send"], "__wrapped__"):
                    replace(owner, "_execute_send", send)
                break

    def command(original: Any) -> Any:
        def told(self: Any, command: Any, *args: Any, **kwargs: Any) -> Any:
            seat = _sandboxed.inside(self)
            if seat is not None:
                return _sandboxed.command(seat, original, self, command, args)
            watch = _watch_postgres.watch_of(self)
            if watch is not None:
                if command == b"COMMIT":
                    _watch_postgres.commits(watch)
                elif command == b"ROLLBACK":
                    watch.rolled_back()
                elif not isinstance(command, bytes) and "PREPARE TRANSACTION" in str(command):
                    watch.prepared()
            return original(self, command, *args, **kwargs)

        return told

    def transaction(original: Any) -> Any:
        def begun(self: Any, *args: Any, **kwargs: Any) -> Any:
            monitor = current()
            if monitor is not None and monitor.sandbox is not None:
                _sandboxed.seated(self, _database(self.info), "psycopg")
            else:
                _sandboxed.outside(self)
            return original(self, *args, **kwargs)

        return begun

    def settable(original: Any) -> Any:
        def checked(self: Any, attribute: str) -> Any:
            seat = _sandboxed.inside(self)
            # As it would be: the sandbox's own transaction is none of the agent's.
            return iter(()) if seat is not None and not seat.open else original(self, attribute)

        return checked

    def close(original: Any) -> Any:
        def closed(self: Any) -> Any:
            _sandboxed.closing(self)
            return original(self)

        return closed

    # The one place through which `commit()`, `transaction()` and `with` speak.
    for connection in (psycopg.Connection, psycopg.AsyncConnection):
        replace(connection, "_exec_command", command)
        replace(connection, "_check_intrans_gen", settable)
        replace(connection, "transaction", transaction)
        replace(connection, "close", close)

    status = psycopg.ConnectionInfo.transaction_status

    def shown(self: Any) -> Any:
        idle = psycopg.pq.TransactionStatus.IDLE
        return idle if _sandboxed.idle(self.pgconn) else status.fget(self)

    psycopg.ConnectionInfo.transaction_status = property(shown, doc=status.__doc__)


# -- psycopg2 -----------------------------------------------------------------------------------


def _of_psycopg2(connection: Any) -> Watch:
    of = weakref.ref(connection)

    def link() -> Any:
        return _postgres_link.Psycopg2(of())

    def autocommit() -> bool:
        # After a `COMMIT` as text the driver still thinks that a transaction is underway.
        found = of()
        return found is not None and bool(found.autocommit or found.status != 1)

    return Watch("psycopg2", link, lambda: _Info(of()), autocommit)


class _Info:
    """The `info` of a connection of psycopg2, as that of psycopg."""

    def __init__(self, connection: Any) -> None:
        self._info = connection.info

    @property
    def dsn_parameters(self) -> dict[str, str]:
        return dict(self._info.dsn_parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._info, name)


#: A place for a value, or what stands for a percent sign.
_PLACE = re.compile(r"%(?:\(.*?\))?s|%%", re.DOTALL)
#: What a value may consist of and say nothing but itself, beside digits.
_VALUES = frozenset({"''", "null", "true", "false"})


def _template(template: str | None, merged: str | None) -> str | None:
    """The text of a statement without its values, where the values are nothing but literals in it."""
    if template is None or merged is None:
        return None
    plain = _PLACE.sub(lambda found: "%" if found.group() == "%%" else "''", template)
    shapes = []
    for text in (plain, merged):
        statements = _sql.statements(text)
        if statements is None:
            return None
        shapes.append(
            [[t for t in one.tokens if t not in _VALUES and not t.isdigit()] for one in statements]
        )
    return template if shapes[0] == shapes[1] else None


def psycopg2(psycopg2: Any) -> None:
    extensions = psycopg2.extensions

    class Cursor(extensions.cursor):  # type: ignore[misc]
        #: The connection that it was made of, where it works on a sandbox's.
        _made_of: Any = None
        #: The rows of all the statements of the last `executemany`.
        _counted: int | None = None

        @property
        def rowcount(self) -> Any:
            return extensions.cursor.rowcount.__get__(self) if self._counted is None else self._counted

        @property
        def connection(self) -> Any:
            return extensions.cursor.connection.__get__(self) if self._made_of is None else self._made_of

        @contextlib.contextmanager
        def _decided(
            self, query: Any, literal: Any = lambda: None, shown: str | None = None
        ) -> Iterator[Any]:
            connection = self.connection
            monitor = current()
            if monitor is None and _watch_postgres.watch_of(connection) is None:
                yield query
                return
            if not isinstance(query, (str, bytes)):
                query = query.as_string(self)
            if monitor is not None and monitor.sandbox is not None and self._made_of is None:
                sql = query if isinstance(query, str) else query.decode("utf-8", "replace")
                monitor.sandbox.refuse(
                    "database_write",
                    _database(connection.info),
                    "psycopg2",
                    {"sql": sql},
                    "the cursor was made outside",
                )
            with _watch_postgres.decided(
                connection, _of_psycopg2, _database(connection.info), "psycopg2", query, literal, shown
            ) as instead:
                yield query if instead is None else instead

        def execute(self, query: Any, vars: Any = None) -> Any:
            self._counted = None
            if not self._asked():
                return super().execute(query, vars)
            if not isinstance(query, (str, bytes)):
                query = query.as_string(self)
            merged, shown = query, None
            if vars is not None:
                # A value may adapt itself to any text: only what is sent tells what it is.
                merged = extensions.cursor.mogrify(self, query, vars)
                shown = _template(self._readable(query), self._readable(merged))
            with self._decided(merged, lambda: self._readable(merged), shown) as merged:
                return super().execute(merged)

        def executemany(self, query: Any, vars_list: Any) -> Any:
            self._counted = None
            if not self._asked():
                return super().executemany(query, vars_list)
            count = 0
            for values in vars_list:
                self.execute(query, values)
                # As the driver counts.
                count = -1 if self.rowcount < 0 or count < 0 else count + self.rowcount
            self._counted = count

        def _asked(self) -> bool:
            return current() is not None or _watch_postgres.watch_of(self.connection) is not None

        def _readable(self, text: Any) -> str | None:
            try:
                return text if isinstance(text, str) else text.decode(extensions.encodings[self.connection.encoding])
            except (KeyError, UnicodeDecodeError):
                return None

        def callproc(self, procname: Any, parameters: Any = None) -> Any:
            if not self._asked():
                return super().callproc(procname, *(() if parameters is None else (parameters,)))
            given = () if parameters is None else parameters
            places = ["%s"] * len(given)
            if isinstance(given, dict):
                places = [f"{extensions.quote_ident(key, self).replace('%', '%%')}:=%s" for key in given]
                given = given.values()
            called = procname.replace("%", "%%")
            self.execute(f"SELECT * FROM {called}({','.join(places)})", tuple(given))
            return parameters

        def copy_expert(self, sql: Any, *args: Any, **kwargs: Any) -> Any:
            with self._decided(sql):
                return super().copy_expert(sql, *args, **kwargs)

        def copy_from(self, file: Any, table: Any, *args: Any, **kwargs: Any) -> Any:
            with self._decided(f"COPY {table} FROM STDIN"):
                return super().copy_from(file, table, *args, **kwargs)

        def copy_to(self, file: Any, table: Any, *args: Any, **kwargs: Any) -> Any:
            with self._decided(f"COPY {table} TO STDOUT"):
                return super().copy_to(file, table, *args, **kwargs)

    def checked_cursor(cls: Any) -> Any:
        cls = cls or Cursor
        return cls if issubclass(cls, Cursor) else type(cls.__name__, (Cursor, cls), {})

    class Connection(extensions.connection):  # type: ignore[misc]
        #: Its cursors ask themselves.
        _interlock = True

        def cursor(self, *args: Any, **kwargs: Any) -> Any:
            if len(args) > 1:
                args = (args[0], checked_cursor(args[1]), *args[2:])
            else:
                kwargs["cursor_factory"] = checked_cursor(
                    kwargs.get("cursor_factory") or self.cursor_factory
                )
            monitor = current()
            if monitor is None or monitor.sandbox is None:
                return super().cursor(*args, **kwargs)
            seat = _sandboxed.seated(self, _database(self.info), "psycopg2")
            real = seat.box.link.connection
            # How values are read is set for each connection.
            real.string_types.update(self.string_types)
            made = extensions.connection.cursor(real, *args, **kwargs)
            made._made_of = self
            return made

        def lobject(self, *args: Any, **kwargs: Any) -> Any:
            monitor = current()
            if monitor is not None and monitor.sandbox is not None:
                database = _database(self.info)
                monitor.sandbox.refuse(
                    "database_write", database, "psycopg2", {}, "large objects are not held back"
                )
            return super().lobject(*args, **kwargs)

        def close(self) -> None:
            _sandboxed.closing(self)
            super().close()

        def commit(self) -> None:
            if _sandboxed.ended(self, True):
                return
            watch = _watch_postgres.watch_of(self)
            if watch is not None:
                _watch_postgres.commits(watch)
            super().commit()

        def rollback(self) -> None:
            if _sandboxed.ended(self, False):
                return
            watch = _watch_postgres.watch_of(self)
            if watch is not None:
                watch.rolled_back()
            super().rollback()

        def tpc_prepare(self) -> None:
            self._handed_over()
            super().tpc_prepare()

        def tpc_commit(self, *args: Any) -> None:
            self._handed_over()
            super().tpc_commit(*args)

        def _handed_over(self) -> None:
            watch = _watch_postgres.watch_of(self)
            if watch is not None:
                watch.prepared()

        def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
            if kind is None:
                self.commit()
            else:
                self.rollback()

    def connect(original: Any) -> Any:
        def checked(
            dsn: Any = None, connection_factory: Any = None, cursor_factory: Any = None, **kwargs: Any
        ) -> Any:
            _connects("psycopg2", dsn, extensions.parse_dsn if dsn else lambda _: {}, kwargs)
            factory = connection_factory or Connection
            if isinstance(factory, type) and not issubclass(factory, Connection):
                factory = type(factory.__name__, (Connection, factory), {})
            return original(dsn, factory, cursor_factory, **kwargs)

        return checked

    replace(psycopg2, "connect", connect)
