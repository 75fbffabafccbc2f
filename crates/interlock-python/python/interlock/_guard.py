"""Tools that ask before they run."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Union

from . import _approval
from .errors import InterlockError, InvalidAction, denied

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Decision

#: The methods of an object through which frameworks run a tool.
METHODS = ("execute", "invoke", "run", "_run", "call", "__call__")
ASYNC_METHODS = ("aexecute", "ainvoke", "arun", "_arun", "acall")

#: Characters of a result that are scanned and kept.
RESULT_CHARACTERS = 64 * 1024

Resource = Union[str, Callable[..., str], None]
Cost = Union[int, float, str, Decimal, Callable[..., Any], None]


class Guard:
    """How calls of one tool become actions."""

    def __init__(
        self,
        interlock: Interlock,
        name: str,
        *,
        action_type: str,
        resource: Resource,
        cost_usd: Cost,
        approval: _approval.Channel,
        approval_timeout: float,
    ) -> None:
        self.interlock = interlock
        self.name = name
        self.action_type = action_type
        self.resource = resource
        self.cost_usd = cost_usd
        self.approval = _approval.checked(approval, interlock.server is not None)
        self.approval_timeout = approval_timeout

    def _value(self, wanted: Any, arguments: Mapping[str, Any]) -> Any:
        """A function of the arguments, a pattern over them (`crm/{id}`), or the value itself."""
        if callable(wanted):
            return wanted(**arguments)
        if isinstance(wanted, str) and "{" in wanted:
            try:
                return wanted.format_map(arguments)
            except (KeyError, IndexError, AttributeError, ValueError) as error:
                raise InvalidAction(
                    f"`{wanted}` does not fit the arguments of `{self.name}`: {error!r}",
                    "action.field-type",
                ) from error
        return wanted

    def _check(
        self, arguments: Mapping[str, Any], redact: bool, approval_id: str | None = None
    ) -> Decision:
        return self.interlock.check(
            self.action_type,
            self._value(self.resource, arguments) or "",
            tool=self.name,
            arguments=arguments,
            cost_usd=self._value(self.cost_usd, arguments),
            approval_id=approval_id,
            redact=redact,
        )

    def permit(self, arguments: Mapping[str, Any], redact: bool = True) -> Decision:
        """The decision under which the tool may run; raises if there is none."""
        decision = self._check(arguments, redact)
        if decision.effect == "require_approval":
            id = _approval.obtain(
                self.interlock.engine, decision, self.approval, self.approval_timeout
            )
            decision = self._check(arguments, redact, id)
        if not decision.allowed:
            raise denied(decision)
        return decision

    def report(self, decision: Decision, started: float, status: str, result: Any = None) -> None:
        """Tells what became of it. Its text is scanned, so that the session counts as tainted."""
        text = None
        if result is not None:
            text = result if isinstance(result, str) else repr(result)
        self.interlock.report(
            decision,
            status,
            latency_ms=round((time.monotonic() - started) * 1000),
            result=text,
        )


class _Call:
    """One call: the arguments by name, and what is really passed on."""

    def __init__(self, signature: inspect.Signature | None, skip: int, args: Any, kwargs: Any) -> None:
        self.skip = skip
        self.args, self.kwargs = args, kwargs
        self.bound = None
        if signature is None:
            self.arguments: dict[str, Any] = {
                **{f"arg{i}": value for i, value in enumerate(args[skip:])},
                **kwargs,
            }
            return
        # A call that does not fit raises the same TypeError that the tool would raise.
        self.bound = signature.bind(*args, **kwargs)
        self.bound.apply_defaults()
        named = list(self.bound.arguments.items())[skip:]
        self.arguments = {}
        for name, value in named:
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                self.arguments.update(value)
            else:
                self.arguments[name] = value

    def replace(self, arguments: Mapping[str, Any]) -> None:
        """Uses these arguments instead; what was not text is passed on as it was."""
        if self.bound is None:
            own = self.args[self.skip :]
            self.args = self.args[: self.skip] + tuple(
                _redacted(value, arguments[f"arg{i}"]) for i, value in enumerate(own)
            )
            self.kwargs = {k: _redacted(v, arguments[k]) for k, v in self.kwargs.items()}
            return
        for name, parameter in self.bound.signature.parameters.items():
            if name not in self.bound.arguments:
                continue
            value = self.bound.arguments[name]
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self.bound.arguments[name] = {
                    k: _redacted(v, arguments[k]) for k, v in value.items()
                }
            elif name in arguments:
                self.bound.arguments[name] = _redacted(value, arguments[name])
        self.args, self.kwargs = self.bound.args, self.bound.kwargs


def _redacted(original: Any, replacement: Any) -> Any:
    """The replacement in the original's own types, wherever only text changed."""
    if isinstance(original, str):
        return replacement
    if isinstance(original, Mapping) and isinstance(replacement, Mapping):
        if type(original) is dict:
            return {k: _redacted(v, replacement[str(k)]) for k, v in original.items()}
    if type(original) in (list, tuple) and isinstance(replacement, list):
        return type(original)(_redacted(a, b) for a, b in zip(original, replacement))
    if original is None or isinstance(original, (bool, int, float)):
        return original
    return replacement


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def wrap_function(guard: Guard, function: Callable[..., Any], skip: int = 0) -> Callable[..., Any]:
    """`function`, checked; its first `skip` arguments are not the agent's."""
    signature = _signature(function)

    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        # Nothing runs before the first item, so that a check at the call is a check in time.
        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            call = _Call(signature, skip, args, kwargs)
            decision = guard.permit(call.arguments)
            if decision.arguments is not None:
                call.replace(decision.arguments)
            guard.report(decision, time.monotonic(), "succeeded")
            return function(*call.args, **call.kwargs)

        return generator

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            call = _Call(signature, skip, args, kwargs)
            decision = await guard.interlock.off_loop(guard.permit, call.arguments)
            if decision.arguments is not None:
                call.replace(decision.arguments)
            started = time.monotonic()
            try:
                result = await function(*call.args, **call.kwargs)
            except BaseException as error:
                # Cancelled, it may have happened or not.
                status = "failed" if isinstance(error, Exception) else "unknown"
                await guard.interlock.off_loop(guard.report, decision, started, status)
                raise
            await guard.interlock.off_loop(guard.report, decision, started, "succeeded", result)
            return result

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        call = _Call(signature, skip, args, kwargs)
        decision = guard.permit(call.arguments)
        if decision.arguments is not None:
            call.replace(decision.arguments)
        started = time.monotonic()
        try:
            result = function(*call.args, **call.kwargs)
        except BaseException as error:
            status = "failed" if isinstance(error, Exception) else "unknown"
            guard.report(decision, started, status)
            raise
        guard.report(decision, started, "succeeded", result)
        return result

    return synchronous


class Guarded:
    """An object whose ways to run are checked; everything else is the object's own."""

    def __init__(self, guard: Guard, tool: Any) -> None:
        methods = {}
        for name in METHODS + ASYNC_METHODS:
            method = getattr(tool, name, None)
            # Every object's class can be called; only what the class defines itself counts.
            if callable(method) and (name != "__call__" or hasattr(type(tool), "__call__")):
                methods[name] = wrap_function(guard, method)
        if not methods:
            raise InterlockError(
                f"`{guard.name}` is no function and has none of {', '.join(METHODS + ASYNC_METHODS)}",
                "guard.tool",
            )
        object.__setattr__(self, "_tool", tool)
        object.__setattr__(self, "_methods", methods)

    def __getattr__(self, name: str) -> Any:
        methods = object.__getattribute__(self, "_methods")
        if name in methods:
            return methods[name]
        return getattr(object.__getattribute__(self, "_tool"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_tool"), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        methods = object.__getattribute__(self, "_methods")
        if "__call__" not in methods:
            raise TypeError(f"'{type(self._tool).__name__}' object is not callable")
        return methods["__call__"](*args, **kwargs)

    def __repr__(self) -> str:
        return f"<guarded {object.__getattribute__(self, '_tool')!r}>"
