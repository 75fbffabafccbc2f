"""What a monitored program does in transactions of PostgreSQL, from the first statement to the commit.

A transaction is one step of the undo journal. What undoes it is written there before the commit,
however the program commits. A statement that would be committed as soon as it ran gets a transaction
around it, where the server allows that.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import _monitor, _sql, _undo, _undo_postgres
from ._capture_postgres import (
    ROWS_MAX,
    SCAN_BYTES_MAX,
    VERSION_MIN,
    Captured,
    Hint,
    Uncaptured,
    capture,
    too_large,
    unkept,
)
from ._monitor import current, decide_sql, unmonitored
from ._postgres_link import Failed, seconds, target
from .sandbox import _postgres as _sandboxed

if TYPE_CHECKING:
    from ._core import Decision
    from ._monitor import Monitor

logger = logging.getLogger("interlock")

#: How long it is believed what a table is like, seconds.
_BELIEVED_SECONDS = 5.0
#: Tables of one connection of which it is known.
_TABLES_MAX = 1_000
#: Statements that change rows, or may.
_ROWS = (
    "insert", "update", "delete", "merge", "with", "copy", "select", "values", "table", "explain",
    "execute", "call", "do",
)  # fmt: skip
#: Statements whose effects no transaction holds.
_OUTSIDE = frozenset({"notify"})
#: Functions with effects that a transaction does not hold.
_OUTSIDE_FUNCTIONS = frozenset({"pg_notify", "lo_export", "pg_file_write", "setval"})

#: What a table is like, by its name as a statement has it.
_TABLE = """
SELECT pg_catalog.json_build_object('oid', c.oid::pg_catalog.int8, 'schema', n.nspname, 'name', c.relname,
  'kind', c.relkind, 'temporary', c.relpersistence OPERATOR(pg_catalog.=) 't', 'rules', c.relhasrules,
  'secured', pg_catalog.row_security_active(c.oid), 'readable', pg_catalog.has_table_privilege(c.oid, 'SELECT'),
  'bytes', CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'r' THEN pg_catalog.pg_relation_size(c.oid) ELSE 0 END,
  'keyed', i.indrelid IS NOT NULL, 'key', (
    SELECT pg_catalog.json_agg(a.attname ORDER BY k.place)
    FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k (attnum, place), pg_catalog.pg_attribute a
    WHERE a.attrelid OPERATOR(pg_catalog.=) c.oid AND a.attnum OPERATOR(pg_catalog.=) k.attnum
      AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts))::pg_catalog.text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND i.indisprimary
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass({name})
"""
#: What the server has counted for a table in this connection, and whether this transaction may have
#: changed it already.
_COUNTS = """
SELECT pg_catalog.json_build_array(pg_catalog.pg_stat_get_xact_tuples_inserted({oid}),
    pg_catalog.pg_stat_get_xact_tuples_updated({oid}), pg_catalog.pg_stat_get_xact_tuples_deleted({oid}))::pg_catalog.text,
  EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.relation OPERATOR(pg_catalog.=) {oid}
    AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
    AND l.mode OPERATOR(pg_catalog.=) 'RowExclusiveLock')::pg_catalog.text
"""


class Watch:
    """What is noted of one connection."""

    def __init__(
        self,
        driver: str,
        link: Callable[[], Any],
        info: Callable[[], Any],
        autocommit: Callable[[], bool],
        pipelined: Callable[[], bool] = lambda: False,
    ) -> None:
        self._driver = driver
        self._link_of = link
        self._info = info
        self.autocommit = autocommit
        self._pipelined = pipelined
        self._parameters: dict[str, str] | None = None
        self._cluster: str | None = None
        self._unable: str | None = None
        self._asked = False
        self._tables: dict[str, tuple[float, dict[str, Any] | None]] = {}
        #: Whether the server can be told to forget what it counted for earlier transactions.
        self._flushes = False
        self._clear()

    def _clear(self) -> None:
        #: Of the transaction underway: who decided, under which decision, its step, and why it cannot
        #: be undone.
        self._monitor: Monitor | None = None
        self._decision: Decision | None = None
        self._step: _undo.Step | None = None
        self._why: list[str] = []
        #: What is known of its changes of large tables.
        self._hints: dict[int, Hint] = {}

    @property
    def link(self) -> Any:
        return self._link_of()

    # -- before a statement -------------------------------------------------------------------------

    def plan(
        self, statements: list[_sql.Statement] | None, wrapped: bool, literal: Callable[[], str | None]
    ) -> str | None:
        """Why what the statements change cannot be undone, as far as that is known before."""
        if statements is None:
            return "the statement is too long to be read"
        for statement in statements:
            if statement.only_reads:
                continue
            if statement.two_phase:
                return "a prepared transaction is committed by somebody else"
            if statement.needs_no_transaction and (wrapped or statement.first not in ("call", "do")):
                return f"`{statement.first}` runs in no transaction"
            if statement.first in _OUTSIDE or statement.functions & _OUTSIDE_FUNCTIONS:
                return f"what `{statement.first}` does is not undone by rows"
            if statement.first == "copy" and statement.has("program"):
                return "a program cannot be undone"
            why = self._of_kind(statement)
            if why is not None:
                return why
        if len(statements) > 1 and any(s.ends_transaction or s.begins for s in statements):
            return "transactions that begin or end within one text are not kept"
        if all(statement.only_reads for statement in statements):
            return None
        if self._pipelined():
            return "what runs in a pipeline is not kept"
        why = self._able()
        if why is not None:
            return why
        for statement in statements:
            if statement.target is not None:
                why = self._of_table(statement.target, len(statements) == 1, literal)
                if why is not None:
                    return why
        return None

    @staticmethod
    def _of_kind(statement: _sql.Statement) -> str | None:
        first = statement.first
        if first in _ROWS:
            return None
        if first == "create":
            words = [w for w in statement.tokens[1:4] if w not in ("unlogged", "unique")]
            if words[:1] and words[0] in ("temp", "temporary", "local", "global"):
                return None
            if words[:1] and words[0] in ("table", "index", "view", "sequence"):
                return None
        return f"`{first}` is not undone"

    def _able(self) -> str | None:
        """Why nothing of this database can be kept; looked at once."""
        if self._asked:
            return self._unable
        link = self.link
        try:
            parameters, password = target(self._info())
            if link.encoding.replace("-", "").upper() not in ("UTF8", "UNICODE"):
                self._unable = f"the connection does not speak UTF-8 but `{link.encoding}`"
            else:
                self._unable = self._second(parameters, password)
        except Failed as error:
            self._unable = f"the rows cannot be seen from a second connection: {error}"
        self._asked = True
        return self._unable

    def _second(self, parameters: dict[str, str], password: str | None) -> str | None:
        seconds.know(parameters, password)
        version, counts = seconds.run(
            parameters, "SELECT current_setting('server_version_num'), current_setting('track_counts')"
        )[0]
        if int(version) < VERSION_MIN:
            return f"PostgreSQL {version} does not tell what a transaction changed; 13 does"
        if counts != "on":
            return "the server does not count changes (`track_counts`)"
        self._flushes = int(version) >= 150_000
        self._cluster = _undo_postgres.cluster(lambda sql: seconds.run(parameters, sql))
        self._parameters = parameters
        return None

    def _of_table(
        self, name: str, alone: bool, literal: Callable[[], str | None]
    ) -> str | None:
        """Why the rows of a table cannot be kept."""
        if self.link.status == "INERROR":
            # It fails.
            return None
        about = self._about(name)
        if about is None or about["temporary"] or about["kind"] not in "rpfm":
            return None
        why = unkept(about)
        if why is None and not about["keyed"]:
            why = f"`{about['schema']}.{about['name']}` has no primary key"
        if why is None and about["bytes"] > SCAN_BYTES_MAX:
            why = self._of_large(about, literal() if alone else None)
        return why

    def _about(self, name: str) -> dict[str, Any] | None:
        now = time.monotonic()
        known = self._tables.get(name)
        if known is not None and now - known[0] < _BELIEVED_SECONDS:
            return known[1]
        rows = self.link.run(_TABLE.format(name=_sql.quoted(name)))
        about = json.loads(rows[0][0]) if rows else None
        if len(self._tables) >= _TABLES_MAX:
            self._tables.clear()
        self._tables[name] = (now, about)
        return about

    def _of_large(self, about: dict[str, Any], sql: str | None) -> str | None:
        """Notes which rows of a large table a statement is about; why that is not possible."""
        statements = _sql.statements(sql) if sql is not None else None
        statement = statements[0] if statements else None
        if statement is None or statement.first not in ("insert", "update", "delete") or not self._flushes:
            return too_large(about)
        if statement.has("conflict"):
            return too_large(about)
        link, oid = self.link, about["oid"]
        if link.status == "IDLE":
            self._hints.clear()
            link.run("SELECT pg_catalog.pg_stat_force_next_flush()")
            self._hints[oid] = Hint((0, 0, 0))
        elif oid not in self._hints:
            counts, underway = link.run(_COUNTS.format(oid=oid))[0]
            if underway == "true":
                return f"{too_large(about)}, and changed before this statement"
            self._hints[oid] = Hint(tuple(json.loads(counts)))
        if statement.first == "insert":
            return None
        matching = statement.matching(sql or "")
        if matching is None:
            return too_large(about)
        rows, alias = matching
        key = ", ".join(f"{alias}.{_sql.name(column)}::pg_catalog.text" for column in about["key"])
        found = self._tried(
            f"SELECT DISTINCT pg_catalog.array_to_json(ARRAY[{key}])::pg_catalog.text {rows} LIMIT {ROWS_MAX + 1}"
        )
        if found is None or len(found) > ROWS_MAX:
            return too_large(about)
        self._hints[oid].keys |= {row[0] for row in found}
        return None

    def _tried(self, sql: str) -> list[Any] | None:
        """Rows, if the server gives them; a transaction goes on as if it had not been asked."""
        link = self.link
        inside = link.status == "INTRANS"
        if inside:
            link.run("SAVEPOINT interlock_look")
        try:
            return link.run(sql)  # type: ignore[no-any-return]
        except Failed:
            return None
        finally:
            if inside:
                link.run("ROLLBACK TO SAVEPOINT interlock_look; RELEASE SAVEPOINT interlock_look")

    # -- a transaction ------------------------------------------------------------------------------

    def noticed(self, monitor: Monitor, decision: Decision, writes: bool, why: str | None) -> None:
        """A statement was decided on and runs now."""
        self._monitor, self._decision = monitor, decision
        if writes and self._step is None:
            self._step = monitor.step(self._driver, decision)
        if writes and why is not None:
            self._why.append(why)

    def rolled_back(self) -> None:
        self._clear()

    def outside(self) -> None:
        """What was noticed has happened, in no transaction."""
        if self._step is not None:
            for why in self._why:
                self._step.irreversible(why)
        self._clear()

    def before_commit(self) -> None:
        """Writes down what undoes the transaction that is about to be committed. Where this raises,
        it must not be."""
        if self._decision is None:
            return
        with unmonitored():
            try:
                if self._pipelined():
                    # The server has not answered by now, and nothing can be asked.
                    self._why.append("what is committed in a pipeline is not kept")
                    self._note(None)
                elif self.link.status == "INTRANS":
                    self._keep()
            finally:
                self._clear()

    def prepared(self) -> None:
        """The transaction is handed over to whoever commits it."""
        if self._step is not None:
            with unmonitored():
                self._why.append("a prepared transaction is committed by somebody else")
                self._note(None)
        self._clear()

    def _keep(self) -> None:
        link = self.link
        captured = None
        if self._parameters is not None and self._able() is None:
            # What a constraint put off happens now, so that it is seen.
            first = "SET CONSTRAINTS ALL IMMEDIATE; "
            if self._flushes:
                # What is counted in this transaction is not counted in the next one again.
                first += "SELECT pg_catalog.pg_stat_force_next_flush(); "
            try:
                captured = capture(link, seconds, self._parameters, self._hints, first)
            except Uncaptured as error:
                self._why.append(f"the rows cannot be kept: {error}")
        elif not self._why and self._wrote():
            self._why.append(self._able() or "the rows were not kept")
        if captured is not None:
            self._why += captured.why
        self._note(captured)

    def _note(self, captured: Captured | None) -> None:
        """Writes down what undoes the transaction, and why parts of it cannot be undone."""
        changes = captured is not None and (captured.changed or captured.made)
        if not changes and not self._why:
            return
        step = self._of_step()
        if changes:
            assert captured is not None and self._parameters is not None
            alone = _undo.current() is None
            kept = _undo_postgres.payload(captured, self._parameters, self._cluster, alone)
            if kept is None:
                self._why.append("the rows that changed are too many bytes")
            else:
                step.declare_as("postgres", kept)
        for why in dict.fromkeys(self._why):
            step.irreversible(why)
        step.seal()

    def _wrote(self) -> bool:
        return self._step is not None

    def _of_step(self) -> _undo.Step:
        if self._step is None:
            # A statement that looked as if it only read.
            assert self._monitor is not None and self._decision is not None
            self._step = self._monitor.step(self._driver, self._decision)
        return self._step


_watches: weakref.WeakKeyDictionary[Any, Watch] = weakref.WeakKeyDictionary()


def watch_of(connection: Any) -> Watch | None:
    """What is noted of a connection; `None` where no monitor saw a statement on it."""
    return _watches.get(connection)


def watched(connection: Any, make: Callable[[Any], Watch]) -> Watch:
    found = _watches.get(connection)
    if found is None:
        found = _watches[connection] = make(connection)
    return found


@contextlib.contextmanager
def decided(
    connection: Any,
    make: Callable[[Any], Watch],
    database: str,
    driver: str,
    text: Any,
    literal: Callable[[], str | None] = lambda: None,
    shown: str | None = None,
) -> Iterator[str | None]:
    """Decides on a statement; inside it runs, or what is given instead, and what undoes it is kept.
    `literal` gives its text with the values in it, where there is such a text. `shown` is decided on
    instead of the text."""
    monitor = current()
    if monitor is not None and monitor.sandbox is not None:
        with _sandboxed.decided(connection, database, driver, text, shown) as instead:
            yield instead
        return
    if monitor is None or monitor.interlock.undo_journal is None:
        decide_sql(database, driver, text if shown is None else shown)
        watch = _watches.get(connection)
        if watch is not None:
            # The transaction may be one that a monitor began.
            _ending(watch, text)
        yield None
        return
    sql = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    statements = _sql.statements(sql)
    writes = statements is None or any(not s.only_reads for s in statements)
    watch = watched(connection, make)
    wraps = idle = False
    why = None
    if writes:
        with unmonitored():
            try:
                status = watch.link.status
                idle = status == "IDLE"
                plain = statements is not None and not any(
                    s.needs_no_transaction or s.two_phase or s.begins or s.ends_transaction
                    for s in statements
                )
                wraps = idle and watch.autocommit() and plain and not watch._pipelined()
                if status == "ACTIVE":
                    why = "the connection was busy"
                else:
                    why = watch.plan(statements, idle and watch.autocommit(), literal)
            except Failed as error:
                why = f"the rows cannot be kept: {error}"
    certainly = statements is None or any(
        not s.only_reads and s.first not in ("select", "with", "values", "table") for s in statements
    )
    try:
        decision = decide_sql(database, driver, sql if shown is None else shown, kept=writes and why is None)
    except BaseException:
        if idle and watch.link.status == "INTRANS":
            # A driver began a transaction for what was asked.
            with unmonitored():
                watch.link.rollback()
        raise
    if decision is not None:
        watch.noticed(monitor, decision, certainly, why)
    if wraps:
        with unmonitored():
            watch.link.run("BEGIN")
    else:
        _ending(watch, sql, statements)
    done = False
    try:
        yield None
        done = True
    finally:
        if wraps:
            _end(watch, done)
        elif writes and _in_none(watch):
            # It ran by itself.
            with unmonitored():
                watch.outside() if done else watch.rolled_back()


def _in_none(watch: Watch) -> bool:
    return bool(watch.link.status == "IDLE")


def _end(watch: Watch, done: bool) -> None:
    """Ends a transaction that was begun around a statement."""
    with unmonitored():
        link = watch.link
        if not link.alive:
            watch.rolled_back()
            return
        try:
            if done:
                watch.before_commit()
        except BaseException:
            done = False
            raise
        finally:
            watch.rolled_back()
            try:
                link.run("COMMIT" if done else "ROLLBACK")
            except Failed as error:
                if done and error.cause is not None:
                    raise error.cause from None
                raise


def _ending(watch: Watch, text: Any, statements: list[_sql.Statement] | None = None) -> None:
    """Keeps what a text is about to commit."""
    if watch._decision is None:
        return
    if statements is None:
        sql = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        statements = _sql.statements(sql) or []
    for statement in statements:
        if statement.commits:
            commits(watch)
            return
        if statement.ends_transaction:
            watch.rolled_back()
            return


def commits(watch: Watch) -> None:
    """Called before a commit; where a constraint stands against it, the transaction ends as that
    commit would have ended it."""
    try:
        watch.before_commit()
    except Failed as error:
        with unmonitored():
            watch.link.rollback()
        if error.cause is not None:
            raise error.cause from None
        raise


_monitor.ENDING.append(seconds.close)
