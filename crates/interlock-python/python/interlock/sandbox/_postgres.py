"""PostgreSQL in a sandbox: everything that an agent does in a database runs in one transaction on a
connection of the sandbox's own, which ends in a rollback.

What the agent begins, commits and rolls back are savepoints in it. All connections of the agent to
the same database as the same user use it, one after the other: what one commits, the next one sees. A
statement outside a transaction gets a savepoint of its own, so that one that fails spoils nothing.
When the process dies, the server rolls back.
"""

from __future__ import annotations

import contextlib
import re
import threading
import weakref
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from .. import _sql, _undo_postgres
from .._capture_postgres import Captured, capture
from .._monitor import current, decide_sql, unmonitored
from .._postgres_link import Failed, connect, seconds, target
from ..errors import SandboxConflict
from ._frame import Change

if TYPE_CHECKING:
    from .databases import Sandboxed

#: How long a statement may take, and wait for others' locks: a sandbox holds locks to its end.
STATEMENT_SECONDS = 60
LOCK_SECONDS = 5
#: How long one thread waits for another's statement.
WAIT_SECONDS = 30.0

_AGENT = "interlock_agent"
_STATEMENT = "interlock_statement"
_CHECK = "interlock_check"
#: What runs instead of a statement that was done in another way.
NOTHING = "SET LOCAL interlock.nothing TO ''"

#: What would reach outside of the transaction.
_FUNCTIONS = frozenset(
    """
    dblink dblink_exec dblink_connect dblink_connect_u dblink_send_query lo_export
    pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_file_write pg_file_rename
    pg_file_unlink pg_file_sync pg_promote pg_switch_wal pg_create_restore_point pg_logical_emit_message
    pg_create_physical_replication_slot pg_create_logical_replication_slot pg_drop_replication_slot
    pg_replication_origin_create pg_wal_replay_pause pg_stat_reset pg_notify
    query_to_xml query_to_xmlschema query_to_xml_and_xmlschema ts_stat ts_rewrite crosstab connectby
    """.split()
)
_COMMANDS = frozenset({"listen", "notify", "unlisten", "load"})
#: What is made of statements that nobody sees when they run.
_CODE = frozenset(
    """
    function procedure trigger rule routine language extension aggregate transform server foreign
    """.split()
)
_MODIFIERS = frozenset({"or", "replace", "constraint", "event", "trusted", "procedural", "temp", "temporary", "local", "global"})
#: Settings by which the server would read statements otherwise than they are read here.
_LEXICAL = re.compile("standard_conforming_strings|backslash_quote|client_encoding", re.IGNORECASE)
#: Encodings in which a part of a character may look like a backslash.
_MULTIBYTE = frozenset({"SJIS", "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SHIFTJIS2004"})


def uncovered(statements: list[_sql.Statement] | None, sql: str) -> str | None:
    """Why statements cannot run in a sandbox."""
    if statements is None:
        return "the statement is too long to be read"
    if _LEXICAL.search(sql) and not all(statement.first == "show" for statement in statements):
        return "it is about how statements are read"
    for statement in statements:
        first = statement.first
        if first == "do":
            return "what `do` contains is not seen"
        if first in ("create", "alter"):
            made = _made(statement)
            if made in _CODE or (made == "schema" and statement.has(*_CODE)):
                return f"what `{first} {made}` contains is not seen"
        if _escaped_name(statement):
            return "a name that is written with escapes is not read"
        if first == "set" and statement.has("names"):
            return "it is about how statements are read"
        if statement.two_phase or statement.has("prepared") and first in ("commit", "rollback"):
            return "a prepared transaction outlives the sandbox"
        if statement.needs_no_transaction and first != "call":
            return f"`{first}` runs in no transaction"
        if first in _COMMANDS:
            return f"`{first}` reaches others"
        if first == "copy" and (statement.has("program") or _to_file(statement)):
            return "`copy` to a program or a file of the server cannot be taken back"
        reaching = statement.functions & _FUNCTIONS
        if reaching:
            return f"`{min(reaching)}` reaches outside of the transaction"
    if len(statements) > 1 and any(s.begins or s.ends_transaction for s in statements):
        return "transactions that begin or end within one text are not followed"
    return None


def _made(statement: _sql.Statement) -> str:
    """What a `CREATE` or `ALTER` is about."""
    return next((token for token in statement.tokens[1:] if token not in _MODIFIERS), "")


def _escaped_name(statement: _sql.Statement) -> bool:
    tokens = statement.tokens
    return any(
        first == "u" and second == "&" and third[:1] == '"' and starts[2] - starts[0] == 2
        for first, second, third, starts in zip(
            tokens, tokens[1:], tokens[2:], zip(statement.starts, statement.starts[1:], statement.starts[2:])
        )
    )


def _to_file(statement: _sql.Statement) -> bool:
    pairs = zip(statement.tokens, statement.tokens[1:])
    return any(word in ("to", "from") and after == "''" for word, after in pairs)


class Seat:
    """A connection of the agent's, and how it stands in the box."""

    def __init__(self, box: Box, connection: Any) -> None:
        self.box = box
        self._of = weakref.ref(connection)
        #: Whether statements changed something in its transaction.
        self.wrote = False
        #: Whether what runs was read as one statement.
        self.single = False
        #: Whether `transaction()` began it.
        self.by_block = False
        # Of psycopg: its connection to the server, which is idle meanwhile.
        self._own = getattr(connection, "pgconn", None)
        self._threshold = getattr(connection, "prepare_threshold", None)

    @property
    def open(self) -> bool:
        """Whether the agent has a transaction open on it."""
        return self.box.owner is self

    def take(self) -> None:
        """Lets the connection speak to the box."""
        connection: Any = self._of()
        if self._own is not None and connection.pgconn is self._own:
            pgconn = self.box.link.pgconn
            pgconn.notice_handler = self._own.notice_handler
            connection.pgconn = pgconn
            # Names of prepared statements are each connection's own.
            connection.prepare_threshold = None

    def leave(self) -> None:
        """Lets it speak to the server itself again."""
        connection = self._of()
        if connection is None or self._own is None:
            return
        if connection.pgconn is not self._own:
            connection.pgconn = self._own
            connection.prepare_threshold = self._threshold

    def autocommit(self) -> bool:
        connection = self._of()
        return bool(getattr(connection, "_autocommit", None) or getattr(connection, "autocommit", None))


#: Connections of agents by what they are; a connection may outlive its sandbox.
seats: weakref.WeakKeyDictionary[Any, Seat] = weakref.WeakKeyDictionary()


class Box:
    """One database as one user, and the transaction that is rolled back."""

    def __init__(
        self, part: Sandboxed, driver: str, database: str, parameters: dict[str, str], password: str | None
    ) -> None:
        self.part = part
        self.driver = driver
        self.database = database
        self.parameters = parameters
        self.owner: Seat | None = None
        self._lock = threading.Lock()
        self._holder: int | None = None
        self._kinds: dict[str, str] = {}
        seconds.know(parameters, password)
        self.link = connect(parameters, password, driver)
        if driver == "psycopg":
            self.link.pgconn.nonblocking = 1
            self.link.run("BEGIN")
        else:
            # The driver begins by itself, once.
            self.link.connection.autocommit = False
        self.link.run(
            f"SET LOCAL lock_timeout TO '{LOCK_SECONDS}s'; SET LOCAL statement_timeout TO '{STATEMENT_SECONDS}s'; "
            "SET LOCAL idle_in_transaction_session_timeout TO 0"
        )

    # -- the agent's transactions -------------------------------------------------------------------

    @contextlib.contextmanager
    def held(self, seat: Seat) -> Iterator[None]:
        """One at a time."""
        here = threading.get_ident()
        mine = self._holder == here
        if mine or not self._lock.acquire(timeout=WAIT_SECONDS):
            self.refuse("two connections of the agent are in use at the same time")
        self._holder = here
        try:
            self._claim(seat)
            yield
        finally:
            self._holder = None
            self._lock.release()

    def refuse(self, why: str, sql: str = "") -> None:
        self.part.sandbox.refuse("database_write", self.database, self.driver, {"sql": sql}, why)

    def require_read(self, sql: str) -> None:
        """The server must read statements as they are read here, whatever was set in a way that is not
        seen."""
        encoding = self.link.encoding.upper().replace("_", "").replace("-", "")
        if self.link.parameter("standard_conforming_strings") != "on" or encoding in _MULTIBYTE:
            self.refuse("the connection is set so that statements are read in another way", sql)

    def _claim(self, seat: Seat) -> None:
        other = self.owner
        if other is None or other is seat:
            return
        if other.wrote:
            self.refuse("another connection of the agent has a transaction open")
        # It only read, so that there is nothing that its end would change.
        self.rollback(other)

    def begin(self, seat: Seat) -> None:
        self.link.run(f"SAVEPOINT {_AGENT}")
        self.owner, seat.wrote, seat.by_block = seat, False, False

    def commit(self, seat: Seat) -> None:
        if not seat.open:
            return
        if self.link.status == "INERROR":
            # As the server does.
            self.rollback(seat)
            return
        try:
            self._constraints()
        except Failed:
            self.rollback(seat)
            raise
        self.owner = None
        self.link.run(f"RELEASE SAVEPOINT {_AGENT}")

    def rollback(self, seat: Seat) -> None:
        if seat.open:
            self.owner = None
            self.link.run(f"ROLLBACK TO SAVEPOINT {_AGENT}; RELEASE SAVEPOINT {_AGENT}")

    def abandon(self) -> None:
        """Rolls back what the agent left open."""
        if self.owner is not None and self.link.alive:
            with contextlib.suppress(Failed):
                self.rollback(self.owner)

    def _constraints(self) -> None:
        """Holds what was put off against its constraints, as a commit does; and puts it off again."""
        self.link.run(f"SAVEPOINT {_CHECK}")
        try:
            self.link.run("SET CONSTRAINTS ALL IMMEDIATE")
        finally:
            self.link.run(f"ROLLBACK TO SAVEPOINT {_CHECK}; RELEASE SAVEPOINT {_CHECK}")

    # -- statements ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def statement(
        self, seat: Seat, statements: list[_sql.Statement], blocks: int, sql: str
    ) -> Iterator[str | None]:
        """Inside it runs, or what is given instead of it."""
        with self.held(seat):
            only = statements[0] if len(statements) == 1 else None
            if only is not None and self._control(seat, only):
                yield NOTHING
                return
            self._foreign(statements, sql)
            writes = not all(statement.only_reads for statement in statements)
            alone = False
            if not seat.open and not blocks:
                alone = seat.autocommit()
                if alone:
                    self.link.run(f"SAVEPOINT {_STATEMENT}")
                else:
                    self.begin(seat)
            seat.wrote = seat.wrote or writes
            done = False
            try:
                yield None
                done = True
            finally:
                if alone and self.link.alive:
                    self._end(done)

    def _end(self, done: bool) -> None:
        """Ends a statement that was a transaction of its own."""
        try:
            if done:
                self._constraints()
        except Failed:
            done = False
            raise
        finally:
            back = "" if done else f"ROLLBACK TO SAVEPOINT {_STATEMENT}; "
            self.link.run(f"{back}RELEASE SAVEPOINT {_STATEMENT}")

    def _control(self, seat: Seat, statement: _sql.Statement) -> bool:
        """Does what begins or ends a transaction; whether it was that."""
        if statement.begins:
            if not seat.open:
                self.begin(seat)
            return True
        if statement.ends_transaction:
            if statement.commits:
                self.commit(seat)
            else:
                self.rollback(seat)
            if statement.has("chain") and not statement.has("no"):
                self.begin(seat)
            return True
        # Of the one transaction that there is these are settled.
        return (statement.first == "set" and statement.has("transaction", "characteristics")) or (
            statement.first == "discard"
        )

    def _foreign(self, statements: list[_sql.Statement], sql: str) -> None:
        """Refuses to write to a table of another server."""
        for statement in statements:
            name = statement.target
            if name is None or self.link.status != "INTRANS":
                continue
            if name not in self._kinds:
                found = self.link.run(
                    "SELECT relkind::pg_catalog.text FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) "
                    f"pg_catalog.to_regclass({_sql.quoted(name)})"
                )
                self._kinds = {**self._kinds, name: found[0][0]} if found else self._kinds
            if self._kinds.get(name) == "f":
                self.refuse(f"`{name}` is on another server", sql)

    # -- what becomes of it -------------------------------------------------------------------------

    def captured(self) -> Captured | None:
        return capture(self.link, seconds, self.parameters)

    def changes(self) -> list[Change]:
        captured = self.captured()
        if captured is None:
            return []
        found = []
        for changed in captured.changed:
            table = changed.table
            for key, (before, after) in changed.rows.items():
                kind = "added" if before is None else "removed" if after is None else "changed"
                detail = {
                    "key": key,
                    "before": None if before is None else dict(zip(table.columns, before)),
                    "after": None if after is None else dict(zip(table.columns, after)),
                }
                found.append(Change("databases", kind, f"{self.database} {table.shown}", detail))
        for made in captured.made:
            shown = f"{self.database} {made['schema']}.{made['name']}"
            found.append(Change("databases", "added", shown, {"kind": made["kind"]}))
        for name in captured.sequences:
            # Whatever becomes of the rest, it has gone on.
            found.append(Change("databases", "sequence", f"{self.database} {name}"))
        found += [Change("databases", "other", self.database, {"why": why}) for why in captured.why]
        return found

    def prepare(self) -> None:
        if self.owner is not None and not self.owner.wrote:
            self.rollback(self.owner)
        if self.owner is not None:
            raise SandboxConflict(f"a transaction on `{self.database}` is open")
        if not self.link.alive or self.link.status != "INTRANS":
            raise SandboxConflict(f"the transaction on `{self.database}` was ended by the server")
        try:
            self.link.run("SET CONSTRAINTS ALL IMMEDIATE")
        except Failed as error:
            raise SandboxConflict(f"`{self.database}`: {error}") from error

    def commit_all(self) -> None:
        """Commits, with what undoes it in the undo journal."""
        sandbox = self.part.sandbox
        journal = sandbox.interlock.undo_journal
        if journal is not None and self.part.decision:
            captured = self.captured()
            if captured is not None:
                step = journal.step(sandbox.agent, "interlock.sandbox", self.part.decision)
                server = _undo_postgres.cluster(lambda sql: seconds.run(self.parameters, sql))
                kept = _undo_postgres.payload(captured, self.parameters, server, alone=True)
                if kept is not None:
                    step.declare_as("postgres", kept)
                why = captured.why + ([] if kept is not None else ["the rows that changed are too many bytes"])
                for one in why:
                    step.irreversible(one)
                step.seal()
        self.link.run("COMMIT")

    def close(self) -> None:
        self.owner = None
        for seat in list(seats.values()):
            if seat.box is self:
                seat.leave()
        if self.link.alive:
            # What is open is rolled back.
            self.link.close()


def command(
    seat: Seat, original: Any, connection: Any, text: Any, args: Any
) -> Generator[Any, Any, Any]:
    """What psycopg says by itself for `commit()`, `rollback()` and `transaction()`: a generator as
    its own."""
    said = text.encode() if isinstance(text, str) else text if isinstance(text, bytes) else b""
    box = seat.box
    try:
        if said in (b"COMMIT", b"ROLLBACK") or said.startswith(b"BEGIN"):
            with box.held(seat):
                if said == b"COMMIT":
                    box.commit(seat)
                elif said == b"ROLLBACK":
                    box.rollback(seat)
                elif not seat.open:
                    box.begin(seat)
            return None
        if said.startswith(b"SAVEPOINT") and not seat.open:
            with box.held(seat):
                box.begin(seat)
            seat.by_block = True
            # Whatever is done in a block counts as something.
            seat.wrote = True
        result = yield from original(connection, text, *args)
        if said.startswith(b"RELEASE") and seat.by_block and not connection._num_transactions:
            with box.held(seat):
                box.commit(seat)
        return result
    except Failed as error:
        if error.cause is not None:
            raise error.cause from None
        raise


@contextlib.contextmanager
def decided(
    connection: Any, database: str, driver: str, text: Any, shown: str | None = None
) -> Iterator[str | None]:
    """Decides on a statement in a sandbox; inside it runs. `shown` is decided on instead of its text."""
    monitor = current()
    assert monitor is not None and monitor.sandbox is not None
    sandbox = monitor.sandbox
    sql = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    about = ("database_write", database, driver, {"sql": sql})
    sandbox.require_open(*about)
    statements = _sql.statements(sql)
    why = uncovered(statements, sql)
    if why is None and getattr(connection, "_pipeline", None) is not None:
        why = "what runs in a pipeline is not followed"
    if why is not None:
        sandbox.refuse(*about, why)
    assert statements is not None
    decision = decide_sql(database, driver, sql if shown is None else shown)
    seat = seated(connection, database, driver)
    seat.box.require_read(sql)
    seat.single = len(statements) == 1
    if decision is not None:
        seat.box.part.decision = decision.id
    blocks = getattr(connection, "_num_transactions", 0)
    try:
        with seat.box.statement(seat, statements, blocks, sql) as instead:
            yield instead
    except Failed as error:
        if error.cause is not None:
            raise error.cause from None
        raise


def seated(connection: Any, database: str, driver: str) -> Seat:
    """The seat of a connection in the sandbox that it is used in."""
    monitor = current()
    assert monitor is not None and monitor.sandbox is not None
    part: Sandboxed = monitor.sandbox.part("databases")  # type: ignore[assignment]
    seat = seats.get(connection)
    if seat is None or seat.box.part is not part:
        if seat is not None:
            seat.leave()
        with unmonitored():
            box = part.box(driver, database, *target(connection.info))
        idle = (
            connection.pgconn.transaction_status == 0
            if driver == "psycopg"
            else connection.get_transaction_status() == 0
        )
        if not idle:
            box.refuse("a transaction that began outside is open")
        seat = seats[connection] = Seat(box, connection)
    seat.take()
    return seat


def outside(connection: Any) -> None:
    """A connection is used outside of the sandbox that it was used in."""
    seat = seats.get(connection)
    if seat is not None:
        seat.leave()


def inside(connection: Any) -> Seat | None:
    """The seat of a connection, where it is used in its sandbox."""
    seat = seats.get(connection)
    monitor = current()
    if seat is None or monitor is None or monitor.sandbox is not seat.box.part.sandbox:
        if seat is not None and monitor is not None:
            seat.leave()
        return None
    return seat


def ended(connection: Any, commits: bool) -> bool:
    """Ends the transaction of a connection that is in a sandbox; whether it is."""
    seat = inside(connection)
    if seat is None:
        return False
    try:
        with seat.box.held(seat):
            seat.box.commit(seat) if commits else seat.box.rollback(seat)
    except Failed as error:
        if error.cause is not None:
            raise error.cause from None
        raise
    return True


def closing(connection: Any) -> None:
    """A connection is closed: what it had open is rolled back, and what it committed stays."""
    seat = seats.pop(connection, None)
    if seat is None:
        return
    with contextlib.suppress(Failed):
        if seat.open and seat.box.link.alive:
            seat.box.rollback(seat)
    seat.leave()


def idle(pgconn: Any) -> bool:
    """Whether it is a sandbox's, in which no agent has a transaction open."""
    for seat in list(seats.values()):
        if getattr(seat.box.link, "pgconn", None) is pgconn:
            return seat.box.owner is None
    return False
