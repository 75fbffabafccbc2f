"""Processes of the program itself: what `multiprocessing` starts is monitored like its parent.

A forked child inherits the context. One that is spawned, or forked by a server, begins with an
interpreter that knows nothing: what it runs is handed over with what the child needs to enter a
monitor of its own, on the same data directory, before it runs. The same goes for calls that are
handed to workers which were there before.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import multiprocessing
import multiprocessing.pool
import multiprocessing.process
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _scope
from .errors import ConfigurationError

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Decision
    from ._monitor import Monitor

#: One Interlock for each way of opening one, in a process that was handed calls.
_opened: dict[str, Any] = {}


@dataclasses.dataclass(frozen=True)
class Inherited:
    """What enters the monitor of the parent in another process."""

    options: dict[str, Any]
    scope: dict[str, Any]
    #: Makes the scope's `refusal`, with an Interlock of the other process.
    refusal: Callable[[Interlock], Callable[[Decision], Exception]] | None
    approval: Any
    approval_timeout: float

    @classmethod
    def of(cls, monitor: Monitor) -> Inherited:
        """What the monitor is made of; refused where that cannot be handed over."""
        scope = _scope.current()
        if monitor.sandbox is not None:
            raise ConfigurationError(
                "what runs in a sandbox cannot be handed to another process; fork instead",
                "sandbox.process",
            )
        if callable(monitor.approval) or monitor.approval == "console":
            raise ConfigurationError(
                "another process cannot ask as this one does: give the monitor "
                '`approval="wait"` or none before starting processes in it',
                "config.approval",
            )
        if monitor.also is not None:
            raise ConfigurationError(
                "another process cannot ask the server for this one: start processes outside of "
                "the monitor, or without `api_endpoint`",
                "config.process",
            )
        inherited = None
        if scope.refusal is not None:
            inherited = getattr(scope.refusal, "inherited", None)
            if inherited is None:
                raise ConfigurationError(
                    "another process cannot refuse as this one does: start processes outside of "
                    "the monitor",
                    "config.process",
                )
        return cls(
            monitor.interlock.options,
            {
                "agent": scope.agent,
                "session": scope.session,
                "run": scope.run,
                "user": scope.user,
                "environment": scope.environment,
                "floor": scope.floor,
            },
            inherited,
            monitor.approval,
            monitor.approval_timeout,
        )

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Calls `function` inside."""
        from . import _monitor
        from ._client import Interlock

        if _monitor.current() is not None:
            return function(*args, **kwargs)
        key = repr(sorted(self.options.items()))
        if key not in _opened:
            _opened[key] = Interlock(**self.options)
        monitor = _monitor.Monitor(_opened[key], self.approval, self.approval_timeout)
        refusal = None if self.refusal is None else self.refusal(_opened[key])
        with _scope.entered(_scope.Scope(**self.scope, refusal=refusal)), _monitor.inside(monitor):
            return function(*args, **kwargs)


class _Call:
    """A function, called inside."""

    def __init__(self, inherited: Inherited, function: Callable[..., Any]) -> None:
        self.inherited = inherited
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.inherited.call(self.function, *args, **kwargs)


class _Run:
    """The `run` of a process that was spawned."""

    def __init__(self, inherited: Inherited, process: Any) -> None:
        self.inherited = inherited
        self.process = process

    def __call__(self) -> None:
        self.inherited.call(type(self.process).run, self.process)


def _inside(function: Callable[..., Any]) -> Callable[..., Any]:
    from ._monitor import current

    monitor = current()
    return function if monitor is None else _Call(Inherited.of(monitor), function)


def install() -> None:
    """Wraps what starts processes, and what hands calls to them."""
    from ._monitor import current, replace

    def start(original: Any) -> Any:
        def started(self: Any) -> Any:
            monitor = current()
            # A daemon of the machinery itself, such as a pool's, is a process like any other.
            if monitor is not None and _start_method(self) != "fork":
                self.run = _Run(Inherited.of(monitor), self)
            return original(self)

        return started

    replace(multiprocessing.process.BaseProcess, "start", start)

    def submit(original: Any) -> Any:
        def submitted(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
            return original(self, _inside(function), *args, **kwargs)

        return submitted

    replace(concurrent.futures.ProcessPoolExecutor, "submit", submit)

    def hand_over(original: Any) -> Any:
        def handed(self: Any, func: Any, *args: Any, **kwargs: Any) -> Any:
            # The pool of threads runs them in this process.
            if not isinstance(self, multiprocessing.pool.ThreadPool):
                func = _inside(func)
            elif current() is not None:
                func = functools.partial(_in_context, _context(), func)
            return original(self, func, *args, **kwargs)

        return handed

    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        replace(multiprocessing.pool.Pool, name, hand_over)


def _context() -> Any:
    import contextvars

    return contextvars.copy_context()


def _in_context(context: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    # A context is entered by one thread at a time.
    return context.copy().run(function, *args, **kwargs)


def _start_method(process: Any) -> str | None:
    method = getattr(process, "_start_method", None)
    return method if method is not None else multiprocessing.get_start_method()
