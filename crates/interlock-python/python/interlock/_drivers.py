"""What libraries do that have a protocol of their own: requests, and statements for databases.

Their connections are seen as connections; here is what they say over them. A library is wrapped when
a monitor is entered and it was imported, so also on connections that were open before.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from . import _http, _http_aiohttp
from ._monitor import current, decide_sql, replace

#: Modules that were wrapped.
_wrapped: set[str] = set()


def install() -> None:
    """Wraps what was imported by now; cheap when nothing is new."""
    for name, wrap in _WRAPPERS.items():
        if name in sys.modules and name not in _wrapped:
            _wrapped.add(name)
            wrap(sys.modules[name])


# -- psycopg ------------------------------------------------------------------------------------


def _postgres(info: Any) -> str:
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


def _psycopg(psycopg: Any) -> None:
    def connect(original: Any) -> Any:
        def checked(cls: Any, conninfo: str = "", **kwargs: Any) -> Any:
            _connects("psycopg", conninfo, psycopg.conninfo.conninfo_to_dict, kwargs)
            return original(cls, conninfo, **kwargs)

        return checked

    for connection in (psycopg.Connection, psycopg.AsyncConnection):
        original = connection.connect.__func__
        connection.connect = classmethod(functools.wraps(original)(connect(original)))
    psycopg.connect = psycopg.Connection.connect

    def statement(original: Any) -> Any:
        def checked(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            if current() is not None:
                text = query if isinstance(query, (str, bytes)) else query.as_string(self)
                decide_sql(_postgres(self.connection.info), "psycopg", text)
            return original(self, query, *args, **kwargs)

        return checked

    classes = [psycopg.Cursor, psycopg.AsyncCursor, psycopg.ServerCursor, psycopg.AsyncServerCursor]
    for cursor in classes:
        for name in ("execute", "executemany", "stream", "copy"):
            if name in vars(cursor):
                replace(cursor, name, statement)


def _psycopg2(psycopg2: Any) -> None:
    extensions = psycopg2.extensions

    class Cursor(extensions.cursor):  # type: ignore[misc]
        def _decide(self, query: Any) -> None:
            if current() is not None:
                if not isinstance(query, (str, bytes)):
                    query = query.as_string(self)
                decide_sql(_postgres(self.connection.info), "psycopg2", query)

        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            self._decide(query)
            return super().execute(query, *args, **kwargs)

        def executemany(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            self._decide(query)
            return super().executemany(query, *args, **kwargs)

        def callproc(self, name: Any, *args: Any, **kwargs: Any) -> Any:
            self._decide(f"SELECT * FROM {name}()")
            return super().callproc(name, *args, **kwargs)

        def copy_expert(self, sql: Any, *args: Any, **kwargs: Any) -> Any:
            self._decide(sql)
            return super().copy_expert(sql, *args, **kwargs)

        def copy_from(self, file: Any, table: Any, *args: Any, **kwargs: Any) -> Any:
            self._decide(f"COPY {table} FROM STDIN")
            return super().copy_from(file, table, *args, **kwargs)

        def copy_to(self, file: Any, table: Any, *args: Any, **kwargs: Any) -> Any:
            self._decide(f"COPY {table} TO STDOUT")
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
            return super().cursor(*args, **kwargs)

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


# -- SQLAlchemy -----------------------------------------------------------------------------------


def _sqlalchemy(_: Any) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    #: Drivers whose cursors ask themselves.
    asking = {"pysqlite", "psycopg", "psycopg_async"}

    @event.listens_for(Engine, "before_cursor_execute")  # type: ignore[untyped-decorator]
    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if current() is None or connection.dialect.driver in asking:
            return
        if getattr(getattr(cursor, "connection", None), "_interlock", False):
            return
        url = connection.engine.url.render_as_string(hide_password=True)
        decide_sql(url, "sqlalchemy", statement)


_WRAPPERS: dict[str, Callable[[Any], None]] = {
    "httpx": _http.install_httpx,
    "aiohttp": _http_aiohttp.install,
    "urllib3": _http.install_urllib3,
    "psycopg": _psycopg,
    "psycopg2": _psycopg2,
    "sqlalchemy": _sqlalchemy,
}
