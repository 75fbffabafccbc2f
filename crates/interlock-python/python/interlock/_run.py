"""Runs that go on where they stopped.

Before a step happens, that it is about to is written down and synced; what it returned is, too,
before anybody gets it. A process may die at any moment: the next one that resumes the run gets the
stored results of the steps that are done and goes on with the first that is not.

A step is the action that it asks for: its tool, type, resource and arguments, at its number in the
run. Steps are numbered as they are called, so a run must call them in the same order each time;
what depends on time or chance belongs into a step. What a step calls in turn is part of it.

Results are stored as JSON beside the record, readable for the user of the process alone, until
:meth:`Interlock.forget_run`; they are not among the contents that the record can erase.
"""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import _approval, _core, _guard, _monitor
from .errors import (
    ApprovalDenied,
    ApprovalRequired,
    ApprovalTimeout,
    ConfigurationError,
    Diverged,
    InterlockError,
    OutcomeUnknown,
    ResultNotStored,
    RunError,
    StepFailed,
)

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Approval, Decision

logger = logging.getLogger("interlock")

#: Tells whether a step happened that may have: false or ``None`` that it did not, ``True`` that it
#: did and returned nothing, anything else that it did and returned that.
Check = Callable[..., Any]

_current: contextvars.ContextVar[Run | None] = contextvars.ContextVar("interlock_run", default=None)
_monitor.CARRIED.append(_current)


def current() -> Run | None:
    """The run that a guarded call is a step of."""
    return _current.get()


def encode(name: str, result: Any) -> str:
    """A result as it is stored."""
    try:
        text = json.dumps(result, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        # A lone surrogate is no Unicode.
        text.encode()
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultNotStored(
            f"`{name}` returned what is no JSON ({error}); return plain values from a step",
            "run.result",
        ) from None


class _Waiting:
    """A decision of an earlier life, as far as it is known: it asked a person."""

    effect = "require_approval"
    code = "approval.pending"
    allowed = False

    def __init__(self, approval: Approval) -> None:
        self.approval_id = approval.id
        self.reason = str(approval.asked["reason"])
        self.agent_message = (
            f"this action waits for a person's approval (reference {approval.id})"
        )


class _Taken:
    """A step on its way."""

    def __init__(self, number: int, decision: Decision | None, result: Any = None) -> None:
        self.number = number
        #: ``None``: it is done, and `result` is what it returned.
        self.decision = decision
        self.result = result
        self.started = time.monotonic()


class Run:
    """The steps of one run. Made by :meth:`Interlock.run`."""

    def __init__(
        self,
        interlock: Interlock,
        name: str,
        resume: bool,
        approval: _approval.Channel,
        approval_timeout: float,
    ) -> None:
        self.interlock = interlock
        self.name = name
        self._resume = resume
        self._approval = _approval.checked(approval)
        self._approval_timeout = approval_timeout
        self._journal: Any = None
        self._steps = 0
        self._lock = threading.Lock()

    @property
    def steps(self) -> int:
        """The number of the latest step."""
        return self._steps

    @contextlib.contextmanager
    def entered(self) -> Iterator[Run]:
        """The body of the context manager."""
        if self._journal is not None:
            raise RunError(f"run `{self.name}` was entered before", "run.open")
        self._journal = _core.RunJournal(self.interlock.data, self.name, self._resume)
        _monitor.inherit_context()
        token = _current.set(self)
        try:
            yield self
            self._journal.finish()
        finally:
            _current.reset(token)
            self._journal.close()

    @property
    def finished(self) -> bool:
        """Whether all its steps were done in an earlier life: it only repeats what they returned."""
        return bool(self._journal.finished)

    def step(
        self,
        name: str,
        function: Callable[..., Any],
        /,
        *args: Any,
        idempotent: bool = False,
        check: Check | None = None,
        action_type: str = "custom",
        resource: _guard.Resource = None,
        **kwargs: Any,
    ) -> Any:
        """Calls ``function(*args, **kwargs)`` as the next step of the run, once.

        A coroutine function gives a coroutine. The call is decided on like that of a tool of this
        name; a guarded function keeps its own name, type and resource. If an earlier life may have
        called it already, it is called again when it is ``idempotent``; ``check``, called with the
        same arguments, tells whether it happened; without either a person is asked.
        """
        guard = getattr(function, "__interlock_guard__", None)
        if guard is None:
            guard = _guard.Guard(
                self.interlock,
                name,
                action_type=action_type,
                resource=resource,
                cost_usd=None,
                approval=self._approval,
                approval_timeout=self._approval_timeout,
            )
            skip = 0
        else:
            idempotent = idempotent or guard.idempotent
            check = check or guard.check
            skip = function.__interlock_skip__  # type: ignore[attr-defined]
            function = function.__wrapped__  # type: ignore[attr-defined]
        call = _guard.Call(_guard.signature(function), skip, args, kwargs)
        act = self.acall if inspect.iscoroutinefunction(function) else self.call
        return act(guard, call, function, name, idempotent, check)

    # -- one step -------------------------------------------------------------------------------

    def call(
        self,
        guard: _guard.Guard,
        call: _guard.Call,
        function: Callable[..., Any],
        name: str,
        idempotent: bool,
        check: Check | None,
    ) -> Any:
        """A step of a plain function."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ConfigurationError(
                f"`{name}` is a generator, which cannot be a step of a run; "
                "return a list instead",
                "run.generator",
            )
        taken = self._take(guard, call, name, idempotent, check, self._number())
        if taken.decision is None:
            return taken.result
        effects = guard.effects(call, taken.decision)
        effects.begin()
        token = _current.set(None)
        try:
            with effects:
                result = function(*call.args, **call.kwargs)
        except BaseException as error:
            effects.end(happened=False)
            self._raised(guard, taken, error)
            raise
        finally:
            _current.reset(token)
        effects.end(result)
        return self._returned(guard, taken, name, result)

    async def acall(
        self,
        guard: _guard.Guard,
        call: _guard.Call,
        function: Callable[..., Any],
        name: str,
        idempotent: bool,
        check: Check | None,
    ) -> Any:
        """A step of a coroutine function."""
        off_loop, number = self.interlock.off_loop, self._number()
        taken = await off_loop(self._take, guard, call, name, idempotent, check, number)
        if taken.decision is None:
            return taken.result
        effects = guard.effects(call, taken.decision)
        await off_loop(effects.begin)
        token = _current.set(None)
        try:
            with effects:
                result = await function(*call.args, **call.kwargs)
        except BaseException as error:
            await off_loop(effects.end, None, False)
            await off_loop(self._raised, guard, taken, error)
            raise
        finally:
            _current.reset(token)
        await off_loop(effects.end, result)
        return await off_loop(self._returned, guard, taken, name, result)

    def _number(self) -> int:
        with self._lock:
            self._steps += 1
            return self._steps

    def _take(
        self,
        guard: _guard.Guard,
        call: _guard.Call,
        name: str,
        idempotent: bool,
        check: Check | None,
        number: int,
    ) -> _Taken:
        """The decision under which the step happens now, or what it returned before."""
        arguments = call.arguments
        digest = _core.action_digest(
            self.interlock.agent(),
            guard.action_type,
            guard.resource_of(arguments),
            guard.name,
            arguments,
            self.name,
            number,
        )
        try:
            state, text, approval = self._journal.step(number, name, digest)
        except Diverged as error:
            self._record(guard, arguments, number, error)
            raise
        if state not in ("done", "failed") and self.finished:
            raise RunError(
                f"run `{self.name}` is finished and had no step {number}; begin one of another name",
                "run.finished",
            )
        if state == "done":
            if text is None:
                raise ResultNotStored(
                    f"step {number} of run `{self.name}` (`{name}`) happened, and returned what could "
                    "not be stored",
                    "run.result",
                )
            return _Taken(number, None, json.loads(text))
        if state == "failed":
            raise StepFailed(
                f"step {number} of run `{self.name}` (`{name}`) failed: {text}", "run.step-failed"
            )
        asks = None
        if state == "in-doubt" and not idempotent:
            if check is not None:
                happened = check(*call.args, **call.kwargs)
                if happened is not None and happened is not False:
                    result = None if happened is True else happened
                    stored = encode(name, result)
                    self._journal.done(number, stored)
                    return _Taken(number, None, json.loads(stored))
            else:
                asks = f"step {number} of run `{self.name}` may have happened before"
        decision = self._permit(
            guard, arguments, number, name, digest, approval, asks, call.edit
        )
        if decision.arguments is not None:
            call.replace(decision.arguments)
        self._journal.begin(number, name, digest, decision.id)
        return _Taken(number, decision)

    def _permit(
        self,
        guard: _guard.Guard,
        arguments: Mapping[str, Any],
        number: int,
        name: str,
        digest: str,
        approval: str | None,
        asks: str | None,
        edit: Callable[[dict[str, Any]], None],
    ) -> Decision:
        engine = self.interlock.engine
        decision = None

        def taken(changed: dict[str, Any]) -> None:
            nonlocal arguments
            edit(changed)
            arguments = changed

        try:
            if approval is not None:
                # Asked for in an earlier life: people answer one question once.
                found = engine.approval(approval, 0)
                if found.state == "denied":
                    raise ApprovalDenied(_Waiting(found), found)  # type: ignore[arg-type]
                if found.pending:
                    _approval.obtain(
                        engine,
                        _Waiting(found),  # type: ignore[arg-type]
                        guard.approval,
                        guard.approval_timeout,
                        taken,
                    )
                elif (changed := _approval.edited(found)) is not None:
                    taken(changed)
                if found.pending or found.approved:
                    decision = guard.ask(arguments, True, approval, number, asks)
            if decision is None:
                decision = guard.ask(arguments, True, None, number, asks)
                if decision.effect == "require_approval" and decision.approval_id:
                    self._journal.asked(number, name, digest, decision.approval_id)
                    id = _approval.obtain(
                        engine, decision, guard.approval, guard.approval_timeout, taken
                    )
                    decision = guard.ask(arguments, True, id, number, asks)
        except ApprovalRequired as error:
            if asks is None or isinstance(error, ApprovalTimeout):
                raise
            raise OutcomeUnknown(error.decision) from None
        except ConfigurationError as error:
            # Whom a server asks, its policies say: it takes no question of its client's own.
            if asks is None or error.code != "server.configuration":
                raise
            raise RunError(f"{asks}; say what happened with `settle_step`", "run.in-doubt") from None
        if not decision.allowed:
            raise guard.refusal(decision)
        return decision

    def _record(
        self, guard: _guard.Guard, arguments: Mapping[str, Any], number: int, error: Diverged
    ) -> None:
        """Puts a divergence into the record, as the action that was refused for it."""
        try:
            error.decision = guard.ask(  # type: ignore[attr-defined]
                arguments, False, None, number, str(error), effect="block"
            )
        except InterlockError as other:
            logger.error("the divergence of run %s is not on record: %s", self.name, other)

    def _raised(self, guard: _guard.Guard, taken: _Taken, error: BaseException) -> None:
        assert taken.decision is not None
        # Cancelled or interrupted, it may have happened or not: the step stays in doubt.
        if isinstance(error, Exception):
            text = _core.mask(f"{type(error).__name__}: {error}", "full")[0]
            try:
                self._journal.failed(taken.number, text)
            except InterlockError as other:
                logger.error("run %s: a failed step stays in doubt: %s", self.name, other)
        status = "failed" if isinstance(error, Exception) else "unknown"
        guard.report(taken.decision, taken.started, status)

    def _returned(self, guard: _guard.Guard, taken: _Taken, name: str, result: Any) -> Any:
        assert taken.decision is not None
        try:
            stored = encode(name, result)
            self._journal.done(taken.number, stored)
        except ResultNotStored:
            # It happened all the same, and must not happen again.
            self._journal.done(taken.number, None)
            raise
        except RunError as error:
            if error.code != "run.limit":
                raise
            self._journal.done(taken.number, None)
            raise ResultNotStored(str(error), "run.result") from None
        finally:
            guard.report(taken.decision, taken.started, "succeeded", result)
        # The same that a resumed run gets: tuples are lists.
        return json.loads(stored)
