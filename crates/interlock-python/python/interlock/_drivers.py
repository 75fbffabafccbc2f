"""What libraries do that have a protocol of their own: requests, and statements for databases.

Their connections are seen as connections; here is what they say over them. A library is wrapped when
a monitor is entered and it was imported, so also on connections that were open before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from . import _http, _http_aiohttp, _postgres, _sql
from ._monitor import current, decide_sql, replace, unmonitored

#: Modules that were wrapped.
_wrapped: set[str] = set()


def install() -> None:
    """Wraps what was imported by now; cheap when nothing is new."""
    for name, wrap in _WRAPPERS.items():
        if name in sys.modules and name not in _wrapped:
            _wrapped.add(name)
            wrap(sys.modules[name])


# -- SQLAlchemy -----------------------------------------------------------------------------------


def _sqlalchemy(_: Any) -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    #: Drivers whose cursors ask themselves.
    asking = {"pysqlite", "psycopg", "psycopg_async"}

    @event.listens_for(Engine, "before_cursor_execute")  # type: ignore[untyped-decorator]
    def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        monitor = current()
        if monitor is None or connection.dialect.driver in asking:
            return
        if getattr(getattr(cursor, "connection", None), "_interlock", False):
            return
        url = connection.engine.url.render_as_string(hide_password=True)
        if monitor.sandbox is not None:
            why = f"what `{connection.dialect.driver}` does is not held back"
            monitor.sandbox.refuse("database_write", url, "sqlalchemy", {"sql": statement}, why)
        decision = decide_sql(url, "sqlalchemy", statement)
        if decision is None or monitor.interlock.undo_journal is None:
            return
        statements = _sql.statements(statement)
        if statements is None or not all(one.only_reads for one in statements):
            why = f"what `{connection.dialect.driver}` does is not kept"
            with unmonitored():
                monitor.step("sqlalchemy", decision).irreversible(why)


_WRAPPERS: dict[str, Callable[[Any], None]] = {
    "httpx": _http.install_httpx,
    "aiohttp": _http_aiohttp.install,
    "urllib3": _http.install_urllib3,
    "psycopg": _postgres.psycopg,
    "psycopg2": _postgres.psycopg2,
    "sqlalchemy": _sqlalchemy,
}
