"""A sandbox and its parts."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import fcntl
import functools
import importlib
import logging
import os
import shutil
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import ConfigurationError, InterlockError, SandboxConflict, SandboxError

if TYPE_CHECKING:
    from .._client import Interlock
    from .._monitor import Monitor

logger = logging.getLogger("interlock")

#: The modules of the parts, in the order in which they commit: what is undone hardest comes last.
PARTS = {"databases": ".databases", "files": ".files", "http": ".http"}
#: Parts that are told of every audit event that the monitor knows.
HEARING = ("files",)
#: Changes that a record names.
RECORDED_MAX = 100

#: Whether a part lets what happens here through: it has seen to it that it changes nothing.
_passing: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "interlock_sandbox_passing", default=False
)


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that a commit would change."""

    #: Whose it is: ``files``, ``databases`` or ``http``.
    part: str
    #: What it is: ``added``, ``changed``, ``removed``, or a word of the part's own.
    kind: str
    #: What it is done to.
    target: str
    #: More about it, for people; values are what JSON has.
    detail: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Part:
    """One kind of effect in a sandbox, made when it is first met.

    A module in :data:`PARTS` names its class ``Sandboxed``.
    """

    #: Its key in :data:`PARTS`.
    name = ""
    #: The types of actions that can run in it.
    covers: frozenset[str] = frozenset()

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def diff(self) -> list[Change]:
        """What a commit would change."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Raises :class:`SandboxConflict` where a commit cannot be done; does nothing else. All parts
        prepare before one of them commits."""

    def commit(self) -> None:
        """Does what was held back."""
        raise NotImplementedError

    def discard(self) -> None:
        """Forgets it, also after a commit, and twice."""
        raise NotImplementedError

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit event of the agent's in here, before policies decide on it: raises where it would
        happen outside of this part. Only for parts in :data:`HEARING`."""

    def leave(self) -> None:
        """Called when the block is left, before what was not committed is discarded."""


@functools.lru_cache(maxsize=None)
def class_of(name: str) -> type[Part] | None:
    """The class of a part; ``None`` where this version has none."""
    try:
        module = importlib.import_module(PARTS[name], __package__)
    except ModuleNotFoundError as error:
        if error.name == f"{__package__}{PARTS[name]}":
            return None
        raise
    return module.Sandboxed  # type: ignore[no-any-return]


class Sandbox:
    """Where nothing commits. Made by :meth:`Interlock.sandbox`."""

    def __init__(self, interlock: Interlock) -> None:
        self.interlock = interlock
        self.id = str(uuid.uuid4())
        #: ``open``, ``committing``, ``committed`` or ``discarded``; only an open one lets anything run.
        self.state = "open"
        #: The monitor through which the agent's doings come here.
        self.monitor: Monitor
        self.agent = interlock.agent()
        self._parts: dict[str, Part] = {}
        self._lock = threading.RLock()
        self._directory: Path | None = None
        self._owned: int | None = None
        self._process = os.getpid()

    # -- parts ----------------------------------------------------------------------------------

    def part(self, name: str) -> Part | None:
        """The part of this name; ``None`` where this version has none."""
        found = self._parts.get(name)
        if found is not None:
            return found
        with self._lock:
            made = class_of(name)
            if made is None:
                return None
            if name not in self._parts:
                with _unmonitored():
                    self._parts[name] = made(self)
            return self._parts[name]

    def covers(self, action_type: str) -> bool:
        """Whether actions of this type can run in here and change nothing outside."""
        return any(
            action_type in made.covers for name in PARTS if (made := class_of(name)) is not None
        )

    @property
    def directory(self) -> Path:
        """A directory of this sandbox alone, removed with it."""
        with self._lock:
            if self._directory is None:
                with _unmonitored():
                    above = self.interlock.data / "sandbox"
                    above.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path = above / self.id
                    path.mkdir(mode=0o700)
                    self._owned = _own(path)
                self._directory = path
            return self._directory

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit event of the agent's in here."""
        if self.state != "open" and not _only_looks(event, args):
            self.require_open("custom", "", event)
        if self.state != "open":
            return
        for name in HEARING:
            part = self.part(name)
            if part is not None:
                part.heard(event, args)

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """For what a part lets through, such as the connection of a request that only reads: policies
        still decide on it, and the sandbox does not refuse it."""
        token = _passing.set(True)
        try:
            yield
        finally:
            _passing.reset(token)

    def passes(self) -> bool:
        """Whether a part lets through what happens now."""
        return _passing.get()

    def refuse(
        self, action_type: str, resource: str, tool: str, arguments: Any, why: str
    ) -> NoReturn:
        """Refuses an action: on record with its reason, and told to the agent without it."""
        self.monitor.refuse(action_type, resource, tool, arguments, f"in a sandbox: {why}")

    def require_open(
        self, action_type: str, resource: str, tool: str, arguments: Any = None
    ) -> None:
        """Refuses what comes after the end, such as from a thread that goes on."""
        if self.state != "open":
            self.refuse(action_type, resource, tool, arguments, f"the sandbox is {self.state}")

    # -- what becomes of it ---------------------------------------------------------------------

    def diff(self) -> list[Change]:
        """What a commit would change, as it is now."""
        with _unmonitored():
            return [change for part in self._in_order() for change in part.diff()]

    def commit(self) -> list[Change]:
        """Does what was held back, and ends the sandbox: what the agent does in it from then on is
        refused. Returns what it did.

        Nothing is done where something stands against it, such as a file that somebody else changed
        meanwhile: :class:`SandboxConflict`. Never call it from what an agent controls.
        """
        with self._lock, _unmonitored():
            self._only_here()
            if self.state != "open":
                raise SandboxError(f"the sandbox is {self.state}", "sandbox.over")
            parts = self._in_order()
            changes = [change for part in parts for change in part.diff()]
            for part in parts:
                part.prepare()
            self._record("commits", changes)
            self.state = "committing"
            done: list[str] = []
            for part in parts:
                try:
                    part.commit()
                except BaseException as error:
                    if not done and isinstance(error, SandboxConflict):
                        self.state = "open"
                    else:
                        for other in parts:
                            if other is not part and other.name not in done:
                                other.discard()
                    self._record("commit-failed", [], failed=part.name, done=done, reason=str(error))
                    raise
                done.append(part.name)
            self.state = "committed"
            self._record("committed", changes)
            return changes

    def discard(self, reason: str = "asked for") -> None:
        """Forgets what was held back, and ends the sandbox."""
        with self._lock, _unmonitored():
            self._only_here()
            if self.state != "open":
                return
            self.state = "discarded"
            changes = []
            for part in self._in_order():
                try:
                    changes += part.diff()
                except (InterlockError, OSError) as error:
                    logger.error("sandbox %s: `%s` has no diff: %s", self.id, part.name, error)
            for part in self._in_order():
                part.discard()
            self._record("discarded", changes, reason=reason)

    def _in_order(self) -> list[Part]:
        return [self._parts[name] for name in PARTS if name in self._parts]

    def _only_here(self) -> None:
        if os.getpid() != self._process:
            raise SandboxError("a sandbox is ended by the process that opened it", "sandbox.process")

    # -- the block ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def entered(self, monitor: Monitor) -> Iterator[Sandbox]:
        """The body of the context manager."""
        from .. import _monitor

        self.monitor = monitor
        with _unmonitored():
            self._record("opened", [])
            try:
                for name in HEARING:
                    self.part(name)
            except BaseException:
                self.discard("it could not be opened")
                self._remove()
                raise
        reason = "the block was left with an exception"
        try:
            with _monitor.inside(monitor):
                yield self
            reason = "the block was left"
        finally:
            if os.getpid() == self._process:
                self._close(reason)

    def _close(self, reason: str) -> None:
        with _unmonitored():
            try:
                for part in self._in_order():
                    part.leave()
            finally:
                try:
                    self.discard(reason)
                finally:
                    if self.state in ("discarded", "committed"):
                        for part in self._in_order():
                            part.discard()
                        self._remove()

    def _remove(self) -> None:
        """Removes the directory. One that is `committing` stays, to be completed."""
        if self._directory is not None:
            _remove_tree(self._directory)
        if self._owned is not None:
            os.close(self._owned)
            self._owned = None

    def _record(self, phase: str, changes: list[Change], **more: Any) -> None:
        arguments: dict[str, Any] = {"phase": phase, "sandbox": self.id, **more}
        if changes:
            arguments["counts"] = dict(Counter(f"{c.part}.{c.kind}" for c in changes))
            arguments["changes"] = [f"{c.kind} {c.target}" for c in changes[:RECORDED_MAX]]
        self.interlock.check(
            "sandbox",
            tool="interlock.sandbox",
            arguments=arguments,
            agent=self.agent,
            reported=True,
        )


def _only_looks(event: str, args: tuple[Any, ...]) -> bool:
    """Whether nothing changes by it, so that it may go on when the sandbox is over."""
    from .. import _monitor

    return event == "shutil.rmtree" or (
        event == "open" and (isinstance(args[0], int) or not _monitor.writes(args[1], args[2]))
    )


def current() -> Sandbox | None:
    """The sandbox that what happens now is in: of this thread, task or executor's call."""
    from .. import _monitor

    monitor = _monitor.current()
    return None if monitor is None else monitor.sandbox


def _unmonitored() -> contextlib.AbstractContextManager[None]:
    """For what the sandbox itself does, in this thread."""
    from .. import _monitor

    return _monitor.unmonitored()


def refuse_nesting() -> None:
    """A sandbox in a sandbox would commit into what is discarded."""
    if current() is not None:
        raise ConfigurationError("this is in a sandbox already", "sandbox.nested")


@contextlib.contextmanager
def fresh(interlock: Interlock, review: Callable[[Sandbox], Any] | None) -> Iterator[Sandbox]:
    """A sandbox for one call, shown to `review` when the call succeeded."""
    with interlock.sandbox() as box:
        yield box
        if review is not None:
            with _unmonitored():
                review(box)


# -- what a crash leaves -----------------------------------------------------------------------------


def _own(directory: Path) -> int | None:
    """Holds a directory as long as this process lives; ``None`` where another one does."""
    held = os.open(directory / "LOCK", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held


def _remove_tree(directory: Path) -> None:
    def again(function: Any, path: str, _: Any) -> None:
        # A directory whose mode the agent took away.
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700)
            if function in (os.rmdir, os.scandir, os.open, os.listdir, os.lstat):
                shutil.rmtree(path, ignore_errors=True)
            else:
                function(path)

    shutil.rmtree(directory, onerror=again)
    if directory.exists():
        logger.error("what is left of a sandbox cannot be removed: `%s`", directory)


def recover(interlock: Interlock) -> None:
    """Completes commits that a crash cut off, and removes what else is left of sandboxes."""
    with _unmonitored():
        above = interlock.data / "sandbox"
        if above.is_dir():
            _recover(interlock, above)


def _recover(interlock: Interlock, above: Path) -> None:
    for directory in sorted(above.iterdir()):
        held = _own(directory)
        if held is None:
            continue
        try:
            resumed = []
            for name in PARTS:
                made = class_of(name)
                resume = getattr(made, "resume", None)
                if resume is not None and resume(interlock, directory):
                    resumed.append(name)
            if resumed:
                interlock.check(
                    "sandbox",
                    tool="interlock.sandbox",
                    arguments={"phase": "resumed", "sandbox": directory.name, "parts": resumed},
                    agent="interlock",
                    reported=True,
                )
            _remove_tree(directory)
        except (InterlockError, OSError) as error:
            logger.error("a commit that was cut off cannot be completed: %s", error)
        finally:
            os.close(held)
