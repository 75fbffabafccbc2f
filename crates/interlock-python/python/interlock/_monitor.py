"""What a program does inside ``with il.monitor()``, seen before it happens.

CPython tells an audit hook (PEP 578) of every file that is opened, every process that is started
and every connection that is made, whichever library asks. The hook raises where the decision is no,
and the operation does not happen. Where the event says too little (the text of a statement, the
address of a request, data on a connection that was open before), the library is wrapped as well.

The monitor belongs to a context: threads, executors' calls and asyncio tasks started inside are in
it, other threads of the process are not. It holds an honest program; a program that wants out can
call the operating system through ctypes, which only a supervisor outside the process can stop.
"""

from __future__ import annotations

import _thread
import concurrent.futures
import contextlib
import contextvars
import functools
import gc
import http.client
import os
import shlex
import socket
import sqlite3
import ssl
import sys
import sysconfig
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import _undo, _undo_sqlite
from ._guard import Guard
from .errors import Denied

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Decision

__all__ = ["Monitor"]

_active: contextvars.ContextVar[Monitor | None] = contextvars.ContextVar(
    "interlock_monitor", default=None
)


class _Local(threading.local):
    #: Whether this thread is deciding just now: what that needs is not the agent's.
    deciding = False
    #: A tree that is being removed, and the step in which it was kept.
    tree: tuple[str, _undo.Step] | None = None


_local = _Local()

#: Files that are read to load code, and devices without content.
_CODE = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (
            *sysconfig.get_paths().values(),
            os.path.join(sys.base_prefix, "lib"),
            os.path.join(sys.prefix, "lib"),
        )
        if path
    }
)
_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/tty"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Monitor:
    """Decides on what a program does. Made by :meth:`Interlock.monitor`."""

    def __init__(self, interlock: Interlock, approval: Any, approval_timeout: float) -> None:
        self.interlock = interlock
        self._guard = functools.partial(
            Guard,
            interlock,
            cost_usd=None,
            approval=approval,
            approval_timeout=approval_timeout,
        )
        #: Connections that were decided on.
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        #: Steps that began in here, but for those of guarded calls.
        self._steps: list[_undo.Step] = []

    def decide(
        self,
        action_type: str,
        resource: str,
        tool: str,
        arguments: Any = None,
        ops: list[_undo.Op] | None = None,
        keep: bool = True,
        kept: bool = False,
    ) -> Decision:
        """The decision under which it may happen; raises if there is none.

        What `ops` are about to change is kept when this returns; with ``keep=False``, later.
        With ``kept`` somebody else sees to that.
        """
        was, _local.deciding = _local.deciding, True
        try:
            guard = self._guard(tool, action_type=action_type, resource=lambda **_: resource)
            guard.file_ops = self._undoable(ops)
            guard.kept = kept
            decision = guard.permit({} if arguments is None else arguments, redact=False)
            if guard.file_ops and keep:
                self._keep(guard.file_ops, tool, decision)
            return decision
        finally:
            _local.deciding = was

    def _undoable(self, ops: list[_undo.Op] | None) -> list[_undo.Op]:
        if not ops or self.interlock.undo_journal is None or _undo.rolling():
            return []
        return [op for op in ops if not op[1].startswith(_NO_FILES)]

    def _keep(self, ops: list[_undo.Op], tool: str, decision: Decision) -> None:
        journal = self.interlock.undo_journal
        assert journal is not None
        step = self._of_tree(ops) or self.step(tool, decision)
        if step.keep(ops) and ops[0][0] == "rmtree":
            _local.tree = (ops[0][1], step)

    def step(self, tool: str, decision: Decision) -> _undo.Step:
        """The step that an action belongs to: that of the guarded call around it, or its own."""
        step = _undo.current()
        if step is None:
            assert self.interlock.undo_journal is not None
            step = self.interlock.undo_journal.step(self.interlock.agent(), tool, decision.id)
            self._steps.append(step)
        return step

    def _of_tree(self, ops: list[_undo.Op]) -> _undo.Step | None:
        """The step in which the tree was kept that this is a part of."""
        if _local.tree is None:
            return None
        root, step = _local.tree
        if all(op in ("delete", "rmdir") and _within(path, root) for op, path, _ in ops):
            return step
        _local.tree = None
        return None

    def seal(self) -> None:
        """Notes how things are at the end: what differs later was not done in here."""
        was, _local.deciding = _local.deciding, True
        try:
            for step in self._steps:
                step.seal()
            self._steps.clear()
        finally:
            _local.deciding = was

    def knows(self, connection: socket.socket) -> bool:
        return connection in self._sockets

    def learn(self, connection: socket.socket) -> None:
        self._sockets.add(connection)


#: What only looks like a file.
_NO_FILES = ("/dev/", "/proc/", "/sys/")


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def current() -> Monitor | None:
    """The monitor that what happens now is subject to."""
    if _local.deciding or _undo.rolling():
        return None
    return _active.get()


def suspend() -> bool:
    """What this thread does from here on is Interlock's own; returns what to resume with."""
    was, _local.deciding = _local.deciding, True
    return was


def resume(was: bool) -> None:
    _local.deciding = was


# -- audit events -------------------------------------------------------------------------------


def _path(path: Any, directory: Any = -1) -> str | None:
    """The absolute path; `None` for what has none, such as a descriptor."""
    if isinstance(path, int) or path is None:
        return None
    name = os.fsdecode(path)
    if not os.path.isabs(name) and isinstance(directory, int) and directory >= 0:
        try:
            name = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), name)
        except OSError:
            pass
    # Only what the system itself would skip: `..` behind a link means another directory.
    return os.path.join(os.getcwd(), name) if not os.path.isabs(name) else name


def _loads_code() -> bool:
    """Whether the import system asks."""
    frame = sys._getframe(3)
    for _ in range(6):
        if frame is None:
            return False
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _opened(monitor: Monitor, path: Any, mode: Any, flags: Any) -> None:
    name = _path(path)
    if name is None or name in _DEVICES:
        return
    writes = bool(isinstance(flags, int) and flags & _WRITING)
    if isinstance(mode, str) and any(c in mode for c in "wax+"):
        writes = True
    if not writes and (os.path.realpath(name).startswith(_CODE) or _loads_code()):
        return
    ops = None
    if writes:
        grows = isinstance(flags, int) and flags & os.O_APPEND and not flags & os.O_TRUNC
        ops = [("append" if grows else "write", name, None)]
    monitor.decide("file_write" if writes else "file_read", name, "open", {"path": name}, ops)


def _file(
    action_type: str, tool: str, directory: int | None, op: str, **names: int
) -> Callable[..., None]:
    """A handler of an event whose first argument is a path; `names` are further arguments."""

    def handle(monitor: Monitor, *args: Any) -> None:
        name = _path(args[0], args[directory] if directory is not None else -1)
        if name is None:
            return
        arguments = {"path": name}
        arguments.update({key: str(args[at]) for key, at in names.items()})
        ops: list[_undo.Op] = [(op, name, None)]
        if op == "metadata" and os.path.islink(name):
            # The event does not say whether the link is followed.
            ops.append(("link-metadata", name, None))
        monitor.decide(action_type, name, tool, arguments, ops)

    return handle


def _renamed(monitor: Monitor, old: Any, new: Any, old_dir: Any = -1, new_dir: Any = -1) -> None:
    source, target = _path(old, old_dir), _path(new, new_dir)
    if source is None or target is None:
        return
    arguments = {"path": source, "to": target}
    ops: list[_undo.Op] = [("rename", source, target)]
    monitor.decide("file_delete", source, "rename", arguments, ops, keep=False)
    monitor.decide("file_write", target, "rename", arguments, ops)


def _linked(tool: str, directory: int) -> Callable[..., None]:
    def handle(monitor: Monitor, *args: Any) -> None:
        target = _path(args[1], args[directory] if len(args) > directory else -1)
        if target is not None:
            monitor.decide(
                "file_write",
                target,
                tool,
                {"path": target, "of": os.fsdecode(args[0])},
                [("create", target, None)],
            )

    return handle


def _command(value: Any) -> str:
    """A command line as a shell would have it."""
    if isinstance(value, (str, bytes)) or hasattr(value, "__fspath__"):
        return os.fsdecode(value)
    return shlex.join(os.fsdecode(part) for part in value)


def _started(monitor: Monitor, tool: str, program: Any, argv: Any, cwd: Any = None) -> None:
    command = _command(argv) if argv else _command(program)
    arguments = {"command": command}
    if program is not None and argv:
        arguments["program"] = os.fsdecode(program)
    if cwd is not None:
        arguments["cwd"] = os.fsdecode(cwd)
    monitor.decide("code_execution", arguments.get("program", ""), tool, arguments)


#: Host names by address, as this process resolved them; the oldest are forgotten.
_names: OrderedDict[str, str] = OrderedDict()
_NAMES_MAX = 4_096
_names_lock = threading.Lock()


def _target(address: Any) -> tuple[str, dict[str, Any]] | None:
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = str(address[0]), address[1]
        with _names_lock:
            name = _names.get(host, host)
        shown = f"[{name}]" if ":" in name else name
        return f"tcp://{shown}:{port}", {"host": name, "address": host, "port": port}
    if isinstance(address, (str, bytes)) and address:
        path = os.fsdecode(address)
        return f"unix:{path}", {"path": path}
    return None


def _connected(monitor: Monitor, connection: Any, address: Any) -> None:
    target = _target(address)
    if target is None:
        return
    monitor.decide("network_request", target[0], "connect", target[1])
    if isinstance(connection, socket.socket):
        monitor.learn(connection)


_HANDLERS: dict[str, Callable[..., None]] = {
    "open": _opened,
    "os.remove": _file("file_delete", "remove", 1, "delete"),
    "os.rmdir": _file("file_delete", "rmdir", 1, "rmdir"),
    "shutil.rmtree": _file("file_delete", "rmtree", None, "rmtree"),
    "os.rename": _renamed,
    "os.link": _linked("link", 3),
    "os.symlink": _linked("symlink", 2),
    "os.mkdir": _file("file_write", "mkdir", 2, "create"),
    "os.truncate": _file("file_write", "truncate", None, "write"),
    "os.chmod": _file("permission_change", "chmod", 2, "metadata", mode=1),
    "os.chown": _file("permission_change", "chown", 3, "metadata", owner=1, group=2),
    "os.setxattr": _file("file_write", "setxattr", None, "metadata"),
    "os.removexattr": _file("file_write", "removexattr", None, "metadata"),
    "os.utime": _file("file_write", "utime", 3, "metadata"),
    "os.system": lambda monitor, command: _started(monitor, "os.system", None, command),
    "subprocess.Popen": lambda monitor, program, args, cwd, env: _started(
        monitor, "subprocess", program, args, cwd
    ),
    "os.exec": lambda monitor, path, args, env: _started(monitor, "os.exec", path, args),
    "os.posix_spawn": lambda monitor, path, argv, env: _started(
        monitor, "os.posix_spawn", path, argv
    ),
    "os.spawn": lambda monitor, mode, path, args, env: _started(monitor, "os.spawn", path, args),
    "pty.spawn": lambda monitor, argv: _started(monitor, "pty.spawn", None, argv),
    "socket.connect": _connected,
    "socket.sendto": _connected,
    "socket.sendmsg": _connected,
    "sqlite3.connect": lambda monitor, database: (
        None
        if database in (":memory:", b":memory:", "")
        else _database_opened(monitor, _uri_path(database))
    ),
}


def _database_opened(monitor: Monitor, database: Any) -> None:
    name = _path(database)
    if name is not None:
        # What is written into it is rows, by whoever has it open: no file to put back.
        monitor.decide("file_write", name, "open", {"path": name})


def _uri_path(database: Any) -> Any:
    if isinstance(database, str) and database.startswith("file:"):
        return database[len("file:") :].partition("?")[0] or None
    return database


def _hook(event: str, args: tuple[Any, ...]) -> None:
    handler = _HANDLERS.get(event)
    if handler is None:
        return
    try:
        monitor = current()
    except (AttributeError, TypeError):
        # The interpreter is going down and took the module apart.
        return
    if monitor is not None:
        handler(monitor, *args)


# -- what events do not tell ----------------------------------------------------------------------


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(make(original)))


def _inherit_context() -> None:
    """Threads and executors' calls run in the context of who started them, while monitored."""

    def start(original: Any) -> Any:
        def run_inside(self: threading.Thread) -> None:
            if _active.get() is not None:
                self.run = functools.partial(contextvars.copy_context().run, self.run)  # type: ignore[method-assign]
            original(self)

        return run_inside

    def new_thread(original: Any) -> Any:
        def start_inside(function: Any, args: Any, *kwargs: Any) -> int:
            if _active.get() is not None:
                function = functools.partial(contextvars.copy_context().run, function)
            return original(function, args, *kwargs)  # type: ignore[no-any-return]

        return start_inside

    def submit(original: Any) -> Any:
        def submit_inside(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            if _active.get() is not None:
                function = functools.partial(contextvars.copy_context().run, function)
            return original(self, function, *args, **kwargs)

        return submit_inside

    _replace(threading.Thread, "start", start)
    _replace(_thread, "start_new_thread", new_thread)
    _replace(concurrent.futures.ThreadPoolExecutor, "submit", submit)


def _remember_names() -> None:
    def getaddrinfo(original: Any) -> Any:
        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            found = original(host, *args, **kwargs)
            if isinstance(host, (str, bytes)) and host:
                name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
                with _names_lock:
                    for *_, address in found:
                        _names[address[0]] = name
                        _names.move_to_end(address[0])
                    while len(_names) > _NAMES_MAX:
                        _names.popitem(last=False)
            return found

        return resolve

    _replace(socket, "getaddrinfo", getaddrinfo)


def _watch_open_connections() -> None:
    """Sending on a connection that was made before the monitor, or by somebody else."""

    def decide_once(connection: socket.socket) -> None:
        monitor = current()
        if monitor is None or monitor.knows(connection):
            return
        try:
            address = connection.getpeername()
        except OSError:
            return
        if connection.family != socket.AF_UNIX or address:
            _connected(monitor, connection, address)

    def sending(original: Any) -> Any:
        def send(self: Any, *args: Any, **kwargs: Any) -> Any:
            decide_once(self)
            return original(self, *args, **kwargs)

        return send

    def accept(original: Any) -> Any:
        def accepted(self: Any) -> Any:
            connection, address = original(self)
            monitor = current()
            if monitor is not None:
                # Who listens answers; that it may listen was decided elsewhere.
                monitor.learn(connection)
            return connection, address

        return accepted

    for name in ("send", "sendall", "sendfile"):
        _replace(socket.socket, name, sending)
    for name in ("send", "sendall", "write"):
        _replace(ssl.SSLSocket, name, sending)
    _replace(socket.socket, "accept", accept)


def _read_requests() -> None:
    """Method and address of requests through `http.client`: urllib, requests, urllib3."""

    def putrequest(original: Any) -> Any:
        def put(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            monitor = current()
            if monitor is not None:
                secure = isinstance(self, http.client.HTTPSConnection)
                host, port = (self._tunnel_host, self._tunnel_port) if getattr(
                    self, "_tunnel_host", None
                ) else (self.host, self.port)
                full = url
                if "://" not in url:
                    shown = f"[{host}]" if ":" in host else host
                    default = port in (None, 443 if secure else 80)
                    full = f"{'https' if secure else 'http'}://{shown}{'' if default else f':{port}'}{url}"
                monitor.decide("api_call", full, "http", {"method": method, "url": full})
            return original(self, method, url, *args, **kwargs)

        return put

    _replace(http.client.HTTPConnection, "putrequest", putrequest)


def _read_httpx() -> None:
    """The same for httpx, which has its own protocol implementation."""
    httpx = sys.modules.get("httpx")
    if httpx is None or getattr(httpx, "_interlock", False):
        return

    def decide(request: Any) -> None:
        monitor = current()
        if monitor is not None:
            url = str(request.url)
            monitor.decide("api_call", url, "httpx", {"method": request.method, "url": url})

    def send(original: Any) -> Any:
        def checked(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            decide(request)
            return original(self, request, *args, **kwargs)

        return checked

    _replace(httpx.Client, "_send_single_request", send)
    _replace(httpx.AsyncClient, "_send_single_request", send)
    httpx._interlock = True


_WRITES = ("insert", "update", "delete", "replace", "drop", "alter", "create", "truncate", "vacuum")


@contextlib.contextmanager
def _decided_sql(connection: sqlite3.Connection, sql: Any, script: bool = False) -> Iterator[None]:
    """Decides on a statement; inside it runs, and what undoes it is kept."""
    monitor = current()
    watch = _watches.get(connection)
    if watch is None or not isinstance(sql, str):
        _decide_sql(monitor, _database(connection), sql)
        yield
        return
    was = suspend()
    try:
        commits = script or _undo_sqlite.first_word(sql) in ("commit", "end")
        noted = monitor is not None and monitor.interlock.undo_journal is not None
        why = None
        if noted and not _undo.rolling():
            why = "a script" if script else watch.prepare(sql)
    finally:
        resume(was)
    decision = _decide_sql(monitor, _database(connection), sql, kept=noted and why is None)
    was = suspend()
    try:
        writes = decision is not None and noted and _undo_sqlite.first_word(sql) not in _undo_sqlite.NO_ROWS
        if writes and monitor is not None and decision is not None:
            if watch.step is None:
                watch.step = monitor.step("sqlite3", decision)
            if why is not None:
                watch.step.irreversible(why)
        if commits:
            watch.flush()
        single = writes and why is None and watch.autocommits(sql)
        if single:
            watch.begin()
    finally:
        resume(was)
    done = False
    try:
        yield
        done = True
    finally:
        was = suspend()
        try:
            if single:
                watch.end(done)
            elif done and not connection.in_transaction:
                # Released, or rolled back, which took its notes with it.
                watch.flush()
        finally:
            resume(was)


def _decide_sql(
    monitor: Monitor | None, database: str, sql: Any, kept: bool = False
) -> Decision | None:
    if monitor is None or not isinstance(sql, str):
        return None
    first = sql.lstrip(" \t\r\n;(").lower()
    # A comment or `with` in front may hide what it does; the engine reads the statement itself.
    writes = first.startswith(_WRITES) or first.startswith(("with", "--", "/*", "pragma", "attach"))
    return monitor.decide(
        "database_write" if writes else "database_query",
        f"sqlite:{database}",
        "sqlite3",
        {"sql": sql},
        kept=kept,
    )


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *args: Any) -> Any:
        with _decided_sql(self.connection, sql):
            return super().execute(sql, *args)

    def executemany(self, sql: str, *args: Any) -> Any:
        with _decided_sql(self.connection, sql):
            return super().executemany(sql, *args)

    def executescript(self, sql: str) -> Any:
        with _decided_sql(self.connection, sql, script=True):
            return super().executescript(sql)


_databases: weakref.WeakKeyDictionary[sqlite3.Connection, str] = weakref.WeakKeyDictionary()
_watches: weakref.WeakKeyDictionary[sqlite3.Connection, _undo_sqlite.Watch] = (
    weakref.WeakKeyDictionary()
)


def _database(connection: sqlite3.Connection) -> str:
    return _databases.get(connection, "")


class _Connection(sqlite3.Connection):
    def __init__(self, database: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(database, *args, **kwargs)
        name = os.fsdecode(database) if database else ""
        _databases[self] = name
        _watches[self] = _undo_sqlite.Watch(weakref.proxy(self), _uri_path(name) or "")

    def cursor(self, factory: Any = _Cursor) -> Any:
        if not issubclass(factory, _Cursor):
            factory = type(factory.__name__, (_Cursor, factory), {})
        return super().cursor(factory)

    def _flush(self) -> None:
        watch = _watches.get(self)
        if watch is not None and watch.step is not None:
            was = suspend()
            try:
                watch.flush()
            finally:
                resume(was)

    def commit(self) -> None:
        self._flush()
        super().commit()

    def __exit__(self, kind: Any, *rest: Any) -> Any:
        if kind is None:
            self._flush()
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


def _read_statements() -> None:
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
            return original(*args, **kwargs)

        return checked

    _replace(sqlite3, "connect", connect)
    sqlite3.dbapi2.connect = sqlite3.connect


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


def _authorize_open_databases() -> None:
    """Databases that were opened before this module was loaded are asked about by SQLite itself."""

    def authorize(code: int, first: Any, second: Any, *_: Any) -> int:
        monitor = current()
        known = _AUTHORIZED.get(code)
        if monitor is None or known is None or str(first).startswith("sqlite_"):
            return sqlite3.SQLITE_OK
        action_type, verb = known
        try:
            monitor.decide(action_type, f"sqlite:{first}", "sqlite3", {"sql": verb.format(first)})
        except Denied:
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    for found in gc.get_objects():
        if type(found) is sqlite3.Connection:
            try:
                found.set_authorizer(authorize)
            except sqlite3.ProgrammingError:
                # Closed, or another thread's.
                pass


_installed = False
_install_lock = threading.Lock()


def install() -> None:
    """Puts hook and wrappers in place, once; they do nothing outside a monitor."""
    global _installed
    with _install_lock:
        if not _installed:
            _inherit_context()
            _remember_names()
            _watch_open_connections()
            _read_requests()
            _read_statements()
            sys.addaudithook(_hook)
            _installed = True
    _read_httpx()
    _authorize_open_databases()


def entered(monitor: Monitor) -> Iterator[Monitor]:
    """The body of the context manager."""
    install()
    token = _active.set(monitor)
    try:
        yield monitor
    finally:
        _active.reset(token)
        monitor.seal()
