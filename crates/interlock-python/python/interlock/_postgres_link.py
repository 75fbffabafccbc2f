"""Connections to PostgreSQL as this package uses them: text goes in, rows of text come out."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Any

from . import _sql
from .errors import InterlockError

#: What makes texts of values that any connection reads the same way, and lets nobody's function or
#: table come before the server's own. It ends with the transaction or savepoint that it stands in.
SETTINGS = "".join(
    f"SET LOCAL {name} TO {value}; "
    for name, value in [
        ("search_path", "pg_catalog, pg_temp"),
        ("datestyle", "ISO"),
        ("intervalstyle", "postgres"),
        ("extra_float_digits", "3"),
        ("bytea_output", "hex"),
        ("timezone", "'UTC'"),
        ("lc_monetary", "'C'"),
        ("standard_conforming_strings", "on"),
        ("statement_timeout", "'30s'"),
        ("lock_timeout", "'2s'"),
    ]
)
#: How long connecting may take, seconds.
CONNECT_SECONDS = 5

#: What libpq's numbers mean.
_STATUS = ("IDLE", "ACTIVE", "INTRANS", "INERROR", "UNKNOWN")

Row = tuple[Any, ...]


class Failed(InterlockError):
    """What the server or the driver says."""

    def __init__(self, error: BaseException | str) -> None:
        super().__init__(str(error).strip().partition("\n")[0], "postgres.failed")
        #: The driver's own exception, if there is one.
        self.cause = error if isinstance(error, BaseException) else None


class Psycopg:
    """A libpq connection of psycopg. It waits, also where the program awaits."""

    def __init__(self, pgconn: Any) -> None:
        self.pgconn = pgconn

    def run(self, sql: str) -> list[Row]:
        """Runs statements; the rows of the last one."""
        import psycopg

        try:
            result = self.pgconn.exec_(sql.encode())
        except psycopg.Error as error:
            raise Failed(error) from error
        if result.status not in (psycopg.pq.ExecStatus.COMMAND_OK, psycopg.pq.ExecStatus.TUPLES_OK):
            raise Failed(psycopg.errors.error_from_result(result, "utf-8"))
        columns = range(result.nfields)
        return [
            tuple(None if (v := result.get_value(row, c)) is None else v.decode() for c in columns)
            for row in range(result.ntuples)
        ]

    def rollback(self) -> None:
        self.run("ROLLBACK")

    @property
    def status(self) -> str:
        return _STATUS[int(self.pgconn.transaction_status)]

    @property
    def encoding(self) -> str:
        return (self.pgconn.parameter_status(b"client_encoding") or b"").decode()

    def parameter(self, name: str) -> str:
        """What the server last said of a setting that it reports."""
        return (self.pgconn.parameter_status(name.encode()) or b"").decode()

    @property
    def alive(self) -> bool:
        return int(self.pgconn.status) == 0

    def close(self) -> None:
        self.pgconn.finish()


def _psycopg2() -> Any:
    return importlib.import_module("psycopg2")


class Psycopg2:
    """A connection of psycopg2."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def run(self, sql: str) -> list[Row]:
        """Runs statements; the rows of the last one."""
        psycopg2 = _psycopg2()
        plain = psycopg2.extensions
        try:
            cursor = plain.connection.cursor(self.connection, cursor_factory=plain.cursor)
            try:
                plain.cursor.execute(cursor, sql)
                return cursor.fetchall() if cursor.description else []
            finally:
                cursor.close()
        except psycopg2.Error as error:
            raise Failed(error) from error

    def rollback(self) -> None:
        if self.connection.autocommit:
            self.run("ROLLBACK")
        else:
            # The driver counts along.
            _psycopg2().extensions.connection.rollback(self.connection)

    @property
    def status(self) -> str:
        return _STATUS[self.connection.get_transaction_status()]

    @property
    def encoding(self) -> str:
        return str(self.connection.encoding)

    def parameter(self, name: str) -> str:
        """What the server last said of a setting that it reports."""
        return self.connection.get_parameter_status(name) or ""

    @property
    def alive(self) -> bool:
        return not self.connection.closed

    def close(self) -> None:
        self.connection.close()


def connect(parameters: dict[str, str], password: str | None, driver: str | None = None) -> Any:
    """A connection of our own, in autocommit mode, through the driver that there is."""
    given = {**parameters, "connect_timeout": str(CONNECT_SECONDS), "application_name": "interlock"}
    given["client_encoding"] = "UTF8"
    if password:
        given["password"] = password
    text = " ".join(f"{key}='{_escaped(value)}'" for key, value in given.items())
    if driver is None:
        driver = "psycopg" if "psycopg" in sys.modules or "psycopg2" not in sys.modules else "psycopg2"
    if driver == "psycopg":
        try:
            from psycopg import pq
        except ImportError:
            pass
        else:
            pgconn = pq.PGconn.connect(text.encode())
            if pgconn.status != pq.ConnStatus.OK:
                raise Failed(pgconn.error_message.decode("utf-8", "replace"))
            return Psycopg(pgconn)
    try:
        psycopg2 = _psycopg2()
    except ImportError:
        raise Failed("neither psycopg nor psycopg2 is installed") from None
    try:
        # The class itself: `psycopg2.connect` asks a monitor.
        connection = psycopg2.extensions.connection(text)
    except psycopg2.Error as error:
        raise Failed(error) from error
    connection.autocommit = True
    return Psycopg2(connection)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


#: What of a connection says where it goes and as whom. Names of files are no secrets.
_TARGET = (
    "host", "hostaddr", "port", "dbname", "user", "sslmode", "sslrootcert", "sslcert", "sslkey",
    "gssencmode", "krbsrvname", "channel_binding", "passfile", "target_session_attrs",
)  # fmt: skip


def target(info: Any) -> tuple[dict[str, str], str | None]:
    """The parameters of an open connection, as its `info` tells them, and its password."""
    found = info.dsn_parameters if hasattr(info, "dsn_parameters") else info.get_parameters()
    parameters = {key: value for key, value in found.items() if key in _TARGET and value}
    # Of several hosts, the one that it is.
    for key in ("host", "port", "dbname", "user"):
        value = getattr(info, key, None)
        if value:
            parameters[key] = str(value)
    if "," in parameters.get("hostaddr", ""):
        del parameters["hostaddr"]
    return parameters, info.password or None


Key = tuple[tuple[str, str], ...]


class Seconds:
    """Connections beside the program's own, one for each database and user: they see rows as they
    were before a transaction that is underway."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._links: dict[Key, Any] = {}
        #: Passwords, in memory alone.
        self._passwords: dict[Key, str | None] = {}

    @staticmethod
    def _key(parameters: dict[str, str]) -> Key:
        return tuple(sorted(parameters.items()))

    def know(self, parameters: dict[str, str], password: str | None) -> None:
        self._passwords[self._key(parameters)] = password

    def password(self, parameters: dict[str, str]) -> str | None:
        return self._passwords.get(self._key(parameters))

    def of(self, parameters: dict[str, str]) -> Any:
        """The connection; raises `Failed` where there can be none."""
        with self._lock:
            if self._process != os.getpid():
                # The parent's; closing them would end them for it.
                self._process, self._links = os.getpid(), {}
            key = self._key(parameters)
            link = self._links.get(key)
            if link is None or not link.alive:
                link = self._links[key] = connect(parameters, self._passwords.get(key))
            return link

    def run(self, parameters: dict[str, str], sql: str) -> list[Row]:
        """Runs a statement under `SETTINGS`."""
        with self._lock:
            link = self.of(parameters)
            try:
                rows: list[Row] = link.run(SETTINGS + sql)
                return rows
            except Failed:
                if not link.alive:
                    # The server went away meanwhile; once.
                    return self.of(parameters).run(SETTINGS + sql)  # type: ignore[no-any-return]
                raise

    def close(self) -> None:
        with self._lock:
            links, self._links = self._links, {}
            if self._process == os.getpid():
                for link in links.values():
                    link.close()


seconds = Seconds()


def key_list(types: list[str], key: list[str]) -> str:
    """The values of a key, as SQL."""
    values = ", ".join(f"{_sql.quoted(value)}::{kind}" for value, kind in zip(key, types))
    return values if len(key) == 1 else f"({values})"
