"""What an agent changed, and how to put it back.

A *step* is one action: a guarded call with everything that it does to files, or, in a monitored
program, one operation on a file. How things are is kept before they change, in ``undo`` in the data
directory, which all its processes share. A call's own ``undo`` is a function of this process, and is
called by this process only.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import functools
import inspect
import itertools
import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from . import _core, _undo_http, _undo_sqlite
from .errors import ConfigurationError, InterlockError, RollbackStopped
from .sandbox import _frame as _sandbox

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Decision
    from ._guard import Call, Guard

logger = logging.getLogger("interlock")

#: What to do, where, and where to.
Op = tuple[str, str, Union[str, None]]
Writes = Union[str, Sequence[str], Callable[..., Any], None]

#: Calls' own undo functions that are kept; past it the oldest cannot be undone any more.
CALLS_MAX = 10_000
#: How long what is kept elsewhere waits for a call's own undo function, which has the journal for
#: itself. Past it the function may be waiting for whoever waits here.
CALL_SECONDS = 30.0
#: Steps that a report in the record names.
RECORDED_MAX = 100

#: The functions themselves, of whichever :class:`Interlock`: each may undo what another one kept.
_calls: OrderedDict[int, Callable[[], Any]] = OrderedDict()
_tokens = itertools.count(1)
_calls_lock = threading.Lock()

_step: contextvars.ContextVar[Step | None] = contextvars.ContextVar("interlock_step", default=None)
_rolling: contextvars.ContextVar[bool | None] = contextvars.ContextVar(
    "interlock_rolling", default=None
)


def current() -> Step | None:
    """The step that what happens now belongs to."""
    return _step.get()


def rolling() -> bool:
    """Whether something is being undone here: that is no action of the agent's."""
    return bool(_rolling.get())


@dataclasses.dataclass(frozen=True)
class UndoLimits:
    """How much is kept to undo with; past it the oldest steps are forgotten."""

    #: Bytes of one file that is written in place. A larger one makes the action irreversible, and
    #: policies are told so before it runs.
    file_bytes_max: int = 64 << 20
    #: Bytes in all.
    total_bytes_max: int = 2 << 30
    #: Steps.
    steps_max: int = 10_000


@dataclasses.dataclass(frozen=True)
class UndoStep:
    """One action that can be undone, or of which it is known that it cannot."""

    step: int
    agent: str
    tool: str
    #: The id of the decision under which it ran.
    decision: str
    #: When it began: RFC 3339.
    at: str
    #: The files that it changed.
    paths: tuple[str, ...]
    #: Its effects that are undone by a call.
    declared: tuple[str, ...]
    #: Why parts of it cannot be undone.
    irreversible: tuple[str, ...]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> UndoStep:
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
        return cls(**fields)


@dataclasses.dataclass(frozen=True)
class RollbackReport:
    """What became of a rollback."""

    #: The steps that are undone, newest first.
    undone: tuple[UndoStep, ...]
    #: Steps of which nothing, or not everything, could be undone.
    irreversible: tuple[UndoStep, ...]
    #: The step at which it ended early; it and older ones are as they were.
    stopped: UndoStep | None = None
    #: Why.
    reason: str = ""


class Step:
    """One action; it has a number from its first effect on."""

    def __init__(self, journal: Journal, agent: str, tool: str, decision: str) -> None:
        self.journal = journal
        self._about = (agent, tool, decision)
        self._number: int | None = None
        #: Whether it is noted how it left things.
        self.sealed = False
        self._lock = threading.Lock()

    @property
    def number(self) -> int:
        with self._lock:
            if self._number is None:
                self._number = self.journal.core.begin(*self._about)
            return self._number

    def keep(self, ops: Sequence[Op]) -> bool:
        """Keeps what `ops` are about to change, or notes why they cannot be undone, which the
        decision knew. Raises where neither can be written down, and then they must not happen."""
        why = self.journal.plan(ops)
        self.sealed = False
        if why is None:
            self.journal.core.before(self.number, list(ops))
            return True
        self.journal.core.irreversible(self.number, why)
        return False

    def irreversible(self, why: str) -> None:
        """Notes an effect that cannot be undone."""
        self.sealed = False
        self.journal.core.irreversible(self.number, why)

    def declare(self, tool: str, undo: Callable[[], Any]) -> None:
        """Notes that calling `undo` undoes it."""
        token = self.journal.keep(undo)
        payload = json.dumps({"call": token, "process": os.getpid(), "tool": tool})
        self.journal.core.declare(self.number, "call", payload, False)

    def declare_as(self, kind: str, payload: str) -> None:
        """Notes an effect that any process can undo, and that can be tried twice."""
        self.sealed = False
        self.journal.core.declare(self.number, kind, payload, True)

    def declare_begun(self, kind: str, payload: str, idempotent: bool) -> int:
        """Notes an effect that is about to happen; what became of it takes its place by `settle`."""
        return self.journal.core.declare(self.number, kind, payload, idempotent)

    def settle(
        self, place: int, kind: str, payload: str | None, idempotent: bool, irreversible: str | None
    ) -> None:
        """Notes what became of it: what undoes it, why nothing does, or that it did not happen."""
        self.journal.core.settle(
            self.number,
            place,
            kind=None if payload is None else kind,
            payload=payload,
            idempotent=idempotent,
            irreversible=irreversible,
        )

    def seal(self) -> None:
        """Notes how it left things. It has happened by now: what fails is logged."""
        if self._number is None:
            return
        try:
            self.journal.core.seal(self._number)
            self.sealed = True
        except InterlockError as error:
            logger.error("step %s is not sealed: %s", self._number, error)

    @contextlib.contextmanager
    def entered(self) -> Iterator[Step]:
        """What happens inside belongs to this step."""
        token = _step.set(self)
        try:
            yield self
        finally:
            _step.reset(token)


class Journal:
    """The undo journal of an :class:`Interlock`."""

    def __init__(self, interlock: Interlock, path: Path, sync: bool, limits: UndoLimits) -> None:
        self.interlock = interlock
        self._path = path
        self._sync = sync
        self._limits = limits
        self._core: _core.Undo | None = None
        #: Whether a call's own undo function runs just now, which may call anything.
        self._calling = False
        self._called = threading.Condition()
        if (path / "journal").exists():
            self._resume()

    @property
    def core(self) -> _core.Undo:
        """The journal. Raises where whoever has it waits for this."""
        with self._called:
            mine = rolling()
            if self._calling and (
                mine or not self._called.wait_for(lambda: not self._calling, CALL_SECONDS)
            ):
                raise InterlockError("an undo function is running, and has the undo journal", "undo.busy")
        return self._opened()

    def _opened(self) -> _core.Undo:
        if self._core is None:
            # Made twice by two threads, it is the same one.
            self._core = _core.Undo(
                self._path, sync=self._sync, **dataclasses.asdict(self._limits)
            )
        return self._core

    def _resume(self) -> None:
        """Completes a rollback that a crash cut off."""
        report = self._run(0, None, False)
        if report.undone or report.irreversible or report.stopped:
            self._record("resumed", None, report)
        if report.stopped:
            logger.error("a rollback that was cut off cannot be completed: %s", report.reason)

    def plan(self, ops: Sequence[Op]) -> str | None:
        """Why these operations could not be undone; `None` if they could."""
        # It looks at files alone, and waits for nobody.
        return self._opened().plan(list(ops))

    def step(self, agent: str, tool: str, decision: str) -> Step:
        return Step(self, agent, tool, decision)

    def keep(self, undo: Callable[[], Any]) -> int:
        with _calls_lock:
            token = next(_tokens)
            _calls[token] = undo
            while len(_calls) > CALLS_MAX:
                _calls.popitem(last=False)
            return token

    def steps(self, agent: str | None) -> list[UndoStep]:
        return [UndoStep.of(found) for found in self.core.steps(agent)]

    def rollback(self, last: int, agent: str | None, force: bool) -> RollbackReport:
        """Undoes the last steps, on record before and after."""
        self._record("begins", agent, None, last=last, force=force)
        report = self._run(last, agent, force)
        self._record("ended", agent, report)
        if report.stopped is not None:
            raise RollbackStopped(
                f"step {report.stopped.step} is not undone: {report.reason}", report
            )
        return report

    def _run(self, last: int, agent: str | None, force: bool) -> RollbackReport:
        from . import _monitor

        # What an undo function starts is no action of the agent's either.
        _monitor.inherit_context()
        token = _rolling.set(True)
        try:
            http = _undo_http.Rollback(self.interlock.credentials, force)
            found = self.core.rollback(last, agent, force, functools.partial(self._undo, http))
        finally:
            _rolling.reset(token)
        stopped, reason = found["stopped"] or (None, "")
        return RollbackReport(
            undone=tuple(map(UndoStep.of, found["undone"])),
            irreversible=tuple(map(UndoStep.of, found["irreversible"])),
            stopped=None if stopped is None else UndoStep.of(stopped),
            reason=reason,
        )

    def _undo(self, http: _undo_http.Rollback, kind: str, payload: str, check: bool) -> None:
        """Undoes a declared effect, or looks whether it could."""
        about = json.loads(payload)
        if kind == "http":
            http.undo(about, check)
            return
        if kind == "sqlite":
            _undo_sqlite.undo(about, check)
            return
        if kind == "postgres":
            from . import _undo_postgres

            _undo_postgres.undo(about, check)
            return
        if kind != "call":
            raise InterlockError(f"this version does not know `{kind}`")
        with _calls_lock:
            call = _calls.get(about["call"])
        if call is None or about["process"] != os.getpid():
            raise InterlockError(
                f"the undo of `{about['tool']}` is a function of process {about['process']}"
            )
        if check:
            return
        self._calling = True
        try:
            result = call()
            if inspect.isawaitable(result):
                _finish(result)
        finally:
            with self._called:
                self._calling = False
                self._called.notify_all()
        with _calls_lock:
            _calls.pop(about["call"], None)

    def _record(
        self, phase: str, agent: str | None, report: RollbackReport | None, **more: Any
    ) -> None:
        arguments: dict[str, Any] = {"phase": phase, **more}
        if report is not None:
            arguments["undone"] = [step.step for step in report.undone[:RECORDED_MAX]]
            arguments["undone_count"] = len(report.undone)
            arguments["irreversible"] = [step.step for step in report.irreversible[:RECORDED_MAX]]
            if report.stopped is not None:
                arguments["stopped"] = report.stopped.step
                arguments["reason"] = report.reason
        if agent is None:
            try:
                agent = self.interlock.agent()
            except ConfigurationError:
                agent = "interlock"
        self.interlock.check(
            "rollback", tool="interlock.rollback", arguments=arguments, agent=agent, reported=True
        )


def _finish(awaitable: Any) -> None:
    """Runs a coroutine to its end, whether or not a loop runs in this thread."""

    async def wait() -> None:
        await awaitable

    failure: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(wait())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    thread.join()
    if failure:
        raise failure[0]


class Effects:
    """How a guarded call is undone: around the call, in this order: begin, `with`, end."""

    def __init__(self, guard: Guard, call: Call, decision: Decision) -> None:
        self._guard = guard
        # As they are now: the tool may change what it gets.
        self._args, self._kwargs = call.args, dict(call.kwargs)
        self._arguments = call.arguments
        journal = guard.interlock.undo_journal
        self._step: Step | None = None
        # In a sandbox nothing happens that could be undone.
        held = decision.effect == "sandbox" or _sandbox.current() is not None
        if journal is not None and not rolling() and not held:
            agent = guard.interlock.agent(guard.about.get("agent"))
            self._step = journal.step(agent, guard.name, decision.id)
        self._token: contextvars.Token[Step | None] | None = None

    def begin(self) -> None:
        """Keeps what the call says that it writes."""
        ops = self._guard.ops(self._arguments)
        if self._step is not None and ops:
            self._step.keep(ops)

    def __enter__(self) -> Effects:
        if self._step is not None:
            self._token = _step.set(self._step)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _step.reset(self._token)

    def end(self, result: Any = None, happened: bool = True) -> None:
        """Notes what undoes it. It has happened: what fails is logged."""
        step, undo = self._step, self._guard.undo
        if step is None:
            return
        if undo is not None and happened:
            kwargs = dict(self._kwargs)
            if _takes_result(undo):
                kwargs["result"] = result
            args = self._args

            def call() -> Any:
                return undo(*args, **kwargs)

            try:
                step.declare(self._guard.name, call)
            except InterlockError as error:
                logger.error("`%s` cannot be undone: %s", self._guard.name, error)
        step.seal()


def _takes_result(undo: Callable[..., Any]) -> bool:
    try:
        return "result" in inspect.signature(undo).parameters
    except (TypeError, ValueError):
        return False
