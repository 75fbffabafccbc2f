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
import concurrent.futures.thread
import contextlib
import contextvars
import functools
import os
import shlex
import socket
import ssl
import sys
import sysconfig
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from importlib import _bootstrap_external  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, NoReturn

from . import _sealing, _undo
from ._guard import Guard

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Decision
    from .sandbox import Sandbox

__all__ = ["Monitor"]

_active: contextvars.ContextVar[Monitor | None] = contextvars.ContextVar(
    "interlock_monitor", default=None
)
#: What is called when a monitor is left.
ENDING: list[Callable[[], None]] = []
#: What threads and executors' calls inherit.
CARRIED: list[contextvars.ContextVar[Any]] = [_active, _undo._rolling]


class _Local(threading.local):
    #: Whether this thread is deciding just now: what that needs is not the agent's.
    deciding = False
    #: A tree that is being removed, and the step in which it was kept.
    tree: tuple[str, _undo.Step] | None = None
    #: The directory that a path of `os.open` is relative to, of which its event says nothing.
    directory = -1


_local = _Local()

#: Files that are read to load code, and devices without content.
_CODE = tuple(
    {
        os.path.realpath(path) + os.sep
        for path in (
            # `data` and `scripts` lie above what is no code.
            *(p for name, p in sysconfig.get_paths().items() if name not in ("data", "scripts")),
            os.path.join(sys.base_prefix, "lib"),
            os.path.join(sys.prefix, "lib"),
        )
        if path
    }
)
DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/tty"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Monitor:
    """Decides on what a program does. Made by :meth:`Interlock.monitor`."""

    def __init__(
        self,
        interlock: Interlock,
        approval: Any,
        approval_timeout: float,
        also: Callable[[str, str, Decision], None] | None = None,
        sandbox: Sandbox | None = None,
    ) -> None:
        self.interlock = interlock
        outer = _active.get()
        #: Where what happens is held back; a monitor inside of one stays inside.
        self.sandbox: Sandbox | None = (
            sandbox if sandbox is not None or outer is None else outer.sandbox
        )
        #: Is told of what may happen, and raises where it says no.
        self.also = also
        self.approval = approval
        self.approval_timeout = approval_timeout
        self._guard = functools.partial(
            Guard,
            interlock,
            cost_usd=None,
            approval=approval,
            approval_timeout=approval_timeout,
        )
        self._own = os.path.realpath(interlock.data)
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
        asks: str | None = None,
    ) -> Decision:
        """The decision under which it may happen; raises if there is none.

        What `ops` are about to change is kept when this returns; with ``keep=False``, later.
        With ``kept`` somebody else sees to that. Because of ``asks`` a person must agree.
        """
        was, _local.deciding = _local.deciding, True
        try:
            guard = self._guard(tool, action_type=action_type, resource=lambda **_: resource)
            guard.file_ops = self._undoable(ops)
            guard.kept = kept
            # What is done for real because a person agreed is not held back.
            guard.isolated = (
                self.sandbox is not None and asks is None and self.sandbox.covers(action_type)
            )
            if self._is_ours(action_type, resource):
                self.refuse(
                    action_type, resource, tool, arguments, "the data directory is not the agent's"
                )
            decision = guard.permit(
                {} if arguments is None else arguments, redact=False, asks=asks
            )
            if self.also is not None:
                self.also(action_type, resource, decision)
            if guard.file_ops and keep:
                self._keep(guard.file_ops, tool, decision)
            return decision
        finally:
            _local.deciding = was

    def refuse(
        self, action_type: str, resource: str, tool: str, arguments: Any, why: str
    ) -> NoReturn:
        """Refuses an action whatever policies say, on record."""
        was, _local.deciding = _local.deciding, True
        try:
            guard = self._guard(tool, action_type=action_type, resource=lambda **_: resource)
            refused = guard.ask({} if arguments is None else arguments, False, asks=why, effect="block")
            raise guard.refusal(refused)
        finally:
            _local.deciding = was

    def _is_ours(self, action_type: str, path: str) -> bool:
        """Whether it is about the record, its keys or what is kept: an agent that writes there makes
        up its own past."""
        if not action_type.startswith(("file_", "permission_")) or not path.startswith("/"):
            return False
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        return any(
            within(name, self._own)
            # Whoever moves a directory above it moves it too.
            or (action_type == "file_delete" and within(self._own, name))
            for name in {real, os.path.realpath(path)}
        )

    def _undoable(self, ops: list[_undo.Op] | None) -> list[_undo.Op]:
        if not ops or self.interlock.undo_journal is None or _undo.rolling():
            return []
        if self.sandbox is not None:
            # Nothing happens that could be undone.
            return []
        return [op for op in ops if not op[1].startswith(_NO_FILES)]

    def _keep(self, ops: list[_undo.Op], tool: str, decision: Decision) -> None:
        journal = self.interlock.undo_journal
        assert journal is not None
        step = self._of_tree(ops)
        new = step is None
        if step is None:
            step = self.step(tool, decision)
        kept = step.keep(ops)
        if kept and ops[0][0] == "rmtree":
            _local.tree = (ops[0][1], step)
        elif kept and new and step is not _undo.current():
            _sealing.later(step, [name for _, *names in ops for name in names if name is not None])

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
        if all(op in ("delete", "rmdir") and within(path, root) for op, path, _ in ops):
            return step
        _local.tree = None
        return None

    def seal(self) -> None:
        """Notes how things are at the end: what differs later was not done in here."""
        was, _local.deciding = _local.deciding, True
        try:
            _sealing.taken(self._steps)
            for step in self._steps:
                if not step.sealed:
                    step.seal()
            self._steps.clear()
            for ending in ENDING:
                ending()
        finally:
            _local.deciding = was

    def knows(self, connection: socket.socket) -> bool:
        return connection in self._sockets

    def learn(self, connection: socket.socket) -> None:
        self._sockets.add(connection)


#: What only looks like a file.
_NO_FILES = ("/dev/", "/proc/", "/sys/")


def within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def current() -> Monitor | None:
    """The monitor that what happens now is subject to."""
    if _local.deciding or _undo.rolling():
        return None
    return _active.get()


@contextlib.contextmanager
def unmonitored() -> Iterator[None]:
    """For what the operator's code does on behalf of a decision, in this thread."""
    was, _local.deciding = _local.deciding, True
    try:
        yield
    finally:
        _local.deciding = was


# -- audit events -------------------------------------------------------------------------------


def path_of(path: Any, directory: Any = -1) -> str | None:
    """The absolute path; `None` for what has none, such as a pipe."""
    if isinstance(path, int):
        return _of_descriptor(path)
    if path is None:
        return None
    name = os.fsdecode(path)
    if not os.path.isabs(name) and isinstance(directory, int) and directory >= 0:
        try:
            name = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), name)
        except OSError:
            pass
    # Only what the system itself would skip: `..` behind a link means another directory.
    return os.path.join(os.getcwd(), name) if not os.path.isabs(name) else name


def _of_descriptor(descriptor: int) -> str | None:
    """The path of an open file."""
    try:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return None
    return name if name.startswith("/") else None


def _loads_code() -> bool:
    """Whether the import system itself opens: what a module opens while it is imported is its own."""
    frame = sys._getframe(3)
    return frame is not None and frame.f_globals is _bootstrap_external.__dict__


def writes(mode: Any, flags: Any) -> bool:
    """Whether a file is opened to be changed."""
    if isinstance(mode, str) and any(c in mode for c in "wax+"):
        return True
    return bool(isinstance(flags, int) and flags & _WRITING)


def _opened(monitor: Monitor, path: Any, mode: Any, flags: Any) -> None:
    # A descriptor was decided on when it was opened.
    name = None if isinstance(path, int) else path_of(path, _local.directory)
    if name is None or name in DEVICES:
        return
    changes = writes(mode, flags)
    if not changes and (os.path.realpath(name).startswith(_CODE) or _loads_code()):
        return
    ops: list[_undo.Op] | None = None
    if changes:
        grows = isinstance(flags, int) and flags & os.O_APPEND and not flags & os.O_TRUNC
        ops = [("append" if grows else "write", name, None)]
    monitor.decide("file_write" if changes else "file_read", name, "open", {"path": name}, ops)


def _file(
    action_type: str, tool: str, directory: int | None, op: str, **names: int
) -> Callable[..., None]:
    """A handler of an event whose first argument is a path; `names` are further arguments."""

    def handle(monitor: Monitor, *args: Any) -> None:
        name = path_of(args[0], args[directory] if directory is not None else -1)
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
    source, target = path_of(old, old_dir), path_of(new, new_dir)
    if source is None or target is None:
        return
    arguments = {"path": source, "to": target}
    ops: list[_undo.Op] = [("rename", source, target)]
    monitor.decide("file_delete", source, "rename", arguments, ops, keep=False)
    monitor.decide("file_write", target, "rename", arguments, ops)


def _linked(tool: str, directory: int) -> Callable[..., None]:
    def handle(monitor: Monitor, *args: Any) -> None:
        target = path_of(args[1], args[directory] if len(args) > directory else -1)
        if target is not None:
            monitor.decide(
                "file_write",
                target,
                tool,
                {"path": target, "of": os.fsdecode(args[0])},
                [("create", target, None)],
            )

    return handle


def command_of(value: Any) -> str:
    """A command line as a shell would have it."""
    if isinstance(value, (str, bytes)) or hasattr(value, "__fspath__"):
        return os.fsdecode(value)
    return shlex.join(os.fsdecode(part) for part in value)


def _started(monitor: Monitor, tool: str, program: Any, argv: Any, cwd: Any = None) -> None:
    command = command_of(argv) if argv else command_of(program)
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
    "os.utime": _file("file_write", "utime", 3, "metadata"),
    "os.setxattr": _file("file_write", "setxattr", None, "metadata"),
    "os.removexattr": _file("file_write", "removexattr", None, "metadata"),
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
        else _database_opened(monitor, uri_path(database))
    ),
}


def _database_opened(monitor: Monitor, database: Any) -> None:
    name = path_of(database)
    if name is not None:
        # What is written into it is rows, by whoever has it open: no file to put back.
        monitor.decide("file_write", name, "open", {"path": name})


def uri_path(database: Any) -> Any:
    if isinstance(database, str) and database.startswith("file:"):
        return database[len("file:") :].partition("?")[0] or None
    return database


def _hook(event: str, args: tuple[Any, ...]) -> None:
    handler = _HANDLERS.get(event)
    if handler is None and event not in _HELD_BACK:
        return
    try:
        monitor = current()
    except (AttributeError, TypeError):
        # The interpreter is going down and took the module apart.
        return
    if monitor is not None:
        if monitor.sandbox is not None:
            _held(monitor, monitor.sandbox, event, args)
        if handler is not None:
            handler(monitor, *args)


def _held(monitor: Monitor, sandbox: Sandbox, event: str, args: tuple[Any, ...]) -> None:
    """Refuses what would happen outside of the sandbox."""
    if event in _CONNECTING and not sandbox.passes():
        target = _target(args[1])
        if target is not None:
            sandbox.refuse(
                "network_request", target[0], "connect", target[1], "no part covers this connection"
            )
    sandbox.heard(event, args)


#: What policies do not decide on, and what does not happen in a sandbox.
_HELD_BACK = frozenset({"os.kill", "os.killpg"})
#: What reaches somebody outside.
_CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


# -- what events do not tell ----------------------------------------------------------------------


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Wraps a function or a method."""
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(make(original)))


def _carried() -> bool:
    """Whether something holds here that must hold in what is started, too."""
    return any(variable.get() is not None for variable in CARRIED)


_inherits = False
_install_lock = threading.Lock()


def inherit_context() -> None:
    """Threads and executors' calls run in the context of who started them, while monitored and
    within a run."""
    global _inherits
    with _install_lock:
        if not _inherits:
            _inherit_context()
            _inherits = True


def _inherit_context() -> None:

    def start(original: Any) -> Any:
        def run_inside(self: threading.Thread) -> None:
            # A worker of a pool outlives this: each of its calls brings a context of its own.
            worker = getattr(self, "_target", None) is concurrent.futures.thread._worker
            if _carried() and not worker:
                self.run = functools.partial(contextvars.copy_context().run, self.run)  # type: ignore[method-assign]
            original(self)

        return run_inside

    def new_thread(original: Any) -> Any:
        def start_inside(function: Any, args: Any, *kwargs: Any) -> int:
            if _carried():
                function = functools.partial(contextvars.copy_context().run, function)
            return original(function, args, *kwargs)  # type: ignore[no-any-return]

        return start_inside

    def submit(original: Any) -> Any:
        def submit_inside(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            if _carried():
                function = functools.partial(contextvars.copy_context().run, function)
            return original(self, function, *args, **kwargs)

        return submit_inside

    replace(threading.Thread, "start", start)
    replace(_thread, "start_new_thread", new_thread)
    replace(concurrent.futures.ThreadPoolExecutor, "submit", submit)


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

    replace(socket, "getaddrinfo", getaddrinfo)


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
            if monitor.sandbox is not None:
                _held(monitor, monitor.sandbox, "socket.connect", (connection, address))
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

    for name in ("send", "sendall", "sendfile", "sendmsg"):
        replace(socket.socket, name, sending)
    for name in ("send", "sendall", "write"):
        replace(ssl.SSLSocket, name, sending)
    replace(socket.socket, "accept", accept)


#: What begins and ends transactions writes nothing that was not decided on.
_TRANSACTION = ("begin", "commit", "rollback", "savepoint", "release", "end", "start transaction")
#: How a statement begins that only reads; whatever else it begins with may write.
_READS = ("select", "values", "explain", "show", "table")


def decide_sql(database: str, driver: str, sql: Any, kept: bool = False) -> Decision | None:
    """Decides on a statement; with `kept`, the rows that it changes can be put back."""
    monitor = current()
    if monitor is None:
        return None
    if isinstance(sql, bytes):
        sql = sql.decode("utf-8", "replace")
    if not isinstance(sql, str):
        return None
    first = sql.lstrip(" \t\r\n;(").lower()
    # The engine reads the statement itself; this is what kind of action it is.
    writes = not first.startswith((*_READS, *_TRANSACTION))
    # A second statement may be of another kind, and `explain analyze` runs what it explains.
    writes = writes or ";" in first.rstrip(" \t\r\n;")
    writes = writes or (first.startswith("explain") and "analy" in first[:100])
    return monitor.decide(
        "database_write" if writes else "database_query",
        database,
        driver,
        {"sql": sql},
        kept=kept,
    )


def _make_special_files() -> None:
    """What CPython has no event for."""

    def make(tool: str) -> Callable[[Any], Any]:
        def wrap(original: Any) -> Any:
            def made(path: Any, *args: Any, **kwargs: Any) -> Any:
                monitor = current()
                name = path_of(path, kwargs.get("dir_fd", -1))
                if monitor is not None and name is not None:
                    ops: list[_undo.Op] = [("create", name, None)]
                    monitor.decide("file_write", name, tool, {"path": name}, ops)
                return original(path, *args, **kwargs)

            return made

        return wrap

    def open_below(original: Any) -> Any:
        def opened(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            was, _local.directory = _local.directory, -1 if dir_fd is None else dir_fd
            try:
                return original(path, flags, mode, dir_fd=dir_fd)  # type: ignore[no-any-return]
            finally:
                _local.directory = was

        return opened

    replace(os, "open", open_below)
    replace(os, "mkfifo", make("mkfifo"))
    replace(os, "mknod", make("mknod"))


_installed = False


def install() -> None:
    """Puts hook and wrappers in place, once; they do nothing outside a monitor."""
    global _installed
    # They use what is here.
    from . import _drivers, _http, _processes, _sqlite

    inherit_context()
    with _install_lock:
        if not _installed:
            _remember_names()
            _watch_open_connections()
            _http.install_http_client()
            _sqlite.install()
            _HANDLERS["sqlite3.connect/handle"] = _sqlite.only_ours
            _make_special_files()
            _processes.install()
            sys.addaudithook(_hook)
            _installed = True
        _drivers.install()
    _sqlite.authorize_open()


@contextlib.contextmanager
def inside(monitor: Monitor) -> Iterator[Monitor]:
    """The context manager."""
    yield from entered(monitor)


def entered(monitor: Monitor) -> Iterator[Monitor]:
    """The body of the context manager."""
    install()
    token = _active.set(monitor)
    try:
        yield monitor
    finally:
        _active.reset(token)
        monitor.seal()
