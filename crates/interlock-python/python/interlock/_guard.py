"""Tools that ask before they run."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import os
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Union

from . import _approval, _scope, _undo
from .sandbox import _frame as _sandbox
from ._core import Floor
from .errors import ConfigurationError, InterlockError, InvalidAction, denied

if TYPE_CHECKING:
    from ._client import Interlock
    from ._core import Approval, Decision
    from .sandbox import Sandbox

#: The methods of an object through which frameworks run a tool.
METHODS = ("execute", "invoke", "run", "_run", "call", "batch", "stream", "__call__")
ASYNC_METHODS = ("aexecute", "ainvoke", "arun", "_arun", "acall", "abatch", "astream")

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
        idempotent: bool = False,
        check: Callable[..., Any] | None = None,
        undo: Callable[..., Any] | None = None,
        writes: _undo.Writes = None,
        sandbox: bool | Callable[[Sandbox], Any] = False,
    ) -> None:
        if (undo is not None or writes is not None) and interlock.undo_journal is None:
            raise ConfigurationError(
                f"`{name}` cannot be undone: Interlock was made with `undo=False`", "undo.off"
            )
        self.interlock = interlock
        self.name = name
        self.action_type = action_type
        self.resource = resource
        self.cost_usd = cost_usd
        self.approval = _approval.checked(approval, interlock.server is not None)
        self.approval_timeout = approval_timeout
        #: What a run does with a call that may have happened: see :meth:`Run.step`.
        self.idempotent = idempotent
        self.check = check
        #: What undoes a call: a function, and the files that it changes.
        self.undo = undo
        self.writes = writes
        #: The operations themselves, where they are known.
        self.file_ops: list[_undo.Op] = []
        #: Whether what it changes is kept in another way.
        self.kept = False
        #: Whether a call can run in a sandbox of its own, and who looks at it then.
        self.sandbox = sandbox
        #: Whether it runs where nothing commits; `None` where the surroundings say.
        self.isolated: bool | None = None
        #: What else a check is told of the call.
        self.about: dict[str, Any] = {}

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

    def resource_of(self, arguments: Mapping[str, Any]) -> str:
        """What a call acts on."""
        return str(self._value(self.resource, arguments) or "")

    def ask(
        self,
        arguments: Mapping[str, Any],
        redact: bool,
        approval_id: str | None = None,
        step: int | None = None,
        asks: str | None = None,
        *,
        effect: str = "require_approval",
    ) -> Decision:
        """The decision on a call; because of `asks`, at least `effect`."""
        # What cannot be kept is no reason to refuse: the decision is told, and decides.
        ops = self.ops(arguments)
        journal = self.interlock.undo_journal
        kept = bool(ops) and journal is not None and journal.plan(ops) is None
        floor = None
        if asks is not None:
            floor = (_scope.current().floor or Floor()).asking(effect, asks)
        return self.interlock.check(
            self.action_type,
            self.resource_of(arguments),
            tool=self.name,
            arguments=arguments,
            cost_usd=self._value(self.cost_usd, arguments),
            approval_id=approval_id,
            redact=redact,
            floor=floor,
            undo=kept or self.kept or (self.undo is not None and not ops),
            sandbox=self.isolates(),
            **{"step": step, **self.about},
        )

    def isolates(self) -> bool:
        """Whether a call can run where nothing commits."""
        # A run is made of guarded calls, so that its module needs this one.
        from . import _run

        if self.isolated is not None:
            return self.isolated
        # What a run keeps as done must have been done.
        return _run.current() is None and (bool(self.sandbox) or _sandbox.current() is not None)

    def place(self, decision: Decision) -> contextlib.AbstractContextManager[Any]:
        """Where a call under this decision runs: a sandbox of its own if it needs one."""
        if decision.effect != "sandbox" or _sandbox.current() is not None:
            return contextlib.nullcontext()
        return _sandbox.fresh(self.interlock, self.sandbox if callable(self.sandbox) else None)

    def ops(self, arguments: Mapping[str, Any]) -> list[_undo.Op]:
        """The operations on files that a call declares."""
        wanted = self.writes
        if wanted is None:
            return self.file_ops
        if callable(wanted):
            wanted = wanted(**arguments)
        if isinstance(wanted, (str, os.PathLike)):
            wanted = [os.fspath(wanted)]
        paths = (self._value(path, arguments) if isinstance(path, str) else path for path in wanted)
        return [("any", os.fsdecode(path), None) for path in paths]

    def effects(self, call: Call, decision: Decision) -> _undo.Effects:
        """How a call under this decision is undone."""
        return _undo.Effects(self, call, decision)

    def asked_for(self, approval: Approval) -> bool:
        """Whether it was for a call of this tool by this agent that people were asked."""
        asked = approval.asked
        mine = (self.name, self.action_type, self.interlock.agent())
        return (asked["tool"], asked["action_type"], asked["agent"]) == mine

    def refusal(self, decision: Decision) -> Exception:
        """The exception for a decision that permits nothing; what a violation entails is done."""
        self.interlock.violated(decision)
        return (_scope.current().refusal or denied)(decision)

    def permit(
        self,
        arguments: Mapping[str, Any],
        redact: bool = True,
        asks: str | None = None,
        edit: Callable[[dict[str, Any]], None] | None = None,
    ) -> Decision:
        """The decision under which the tool may run; raises if there is none. Because of `asks` a
        person must agree.

        Arguments that people changed are handed to ``edit``: the tool runs with them.
        """

        def taken(changed: dict[str, Any]) -> None:
            nonlocal arguments
            assert edit is not None
            edit(changed)
            arguments = changed

        scope = _scope.current()
        resumed = scope.approval_id
        if resumed is not None and edit is not None and resumed not in scope.taken:
            approval = self.interlock.engine.approval(resumed, 0)
            if self.asked_for(approval):
                changed = _approval.edited(approval)
                if changed is not None:
                    scope.taken.add(resumed)
                    taken(changed)
        decision = self.ask(arguments, redact, asks=asks)
        if decision.effect == "require_approval":
            id = _approval.obtain(
                self.interlock.engine,
                decision,
                self.approval,
                self.approval_timeout,
                None if edit is None else taken,
            )
            decision = self.ask(arguments, redact, id, asks=asks)
        if not (decision.allowed or decision.effect == "sandbox" and self.isolates()):
            raise self.refusal(decision)
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


class Call:
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

    def edit(self, arguments: dict[str, Any]) -> None:
        """Uses these arguments instead, as a person wrote them: nothing of the old ones is left."""
        if self.bound is None:
            if self.args[self.skip :]:
                raise InterlockError(
                    "people agreed to other arguments, and this call gives them by position",
                    "approval.edited",
                )
            self.kwargs = dict(arguments)
        else:
            names = list(self.bound.signature.parameters.values())
            own = {p.name: self.bound.arguments[p.name] for p in names[: self.skip]}
            positional: list[Any] = list(own.values())
            keywords = dict(arguments)
            for parameter in names[self.skip :]:
                if parameter.name not in keywords:
                    continue
                value = keywords[parameter.name]
                if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                    positional.append(keywords.pop(parameter.name))
                elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                    del keywords[parameter.name]
                    if value:
                        raise InterlockError(
                            "people agreed to other arguments, and this tool takes them by position",
                            "approval.edited",
                        )
            try:
                self.bound = self.bound.signature.bind(*positional, **keywords)
            except TypeError as error:
                raise InterlockError(
                    f"people agreed to arguments that the tool does not take: {error}",
                    "approval.edited",
                ) from error
            self.args, self.kwargs = self.bound.args, self.bound.kwargs
        self.arguments = dict(arguments)

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


def signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _marked(wrapper: Callable[..., Any], guard: Guard, skip: int) -> Callable[..., Any]:
    """Lets a run see the guard of a function that it is given."""
    wrapper.__interlock_guard__ = guard  # type: ignore[attr-defined]
    wrapper.__interlock_skip__ = skip  # type: ignore[attr-defined]
    return wrapper


def wrap_function(guard: Guard, function: Callable[..., Any], skip: int = 0) -> Callable[..., Any]:
    """`function`, checked; its first `skip` arguments are not the agent's."""
    # A run is made of guarded calls, so that its module needs this one.
    from . import _run

    shape = signature(function)

    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        if guard.undo is not None or guard.writes is not None:
            raise ConfigurationError(
                f"`{guard.name}` is a generator, of which nobody knows when it has happened; "
                "return a list instead, or leave out `undo` and `writes`",
                "undo.generator",
            )
        # A sandbox of its own would be over before it runs.
        lasting = copy.copy(guard)
        lasting.sandbox = False

        # Nothing runs before the first item, so that a check at the call is a check in time.
        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            call = Call(shape, skip, args, kwargs)
            run = _run.current()
            if run is not None:
                return run.call(guard, call, function, guard.name, False, None)
            # When its effects happen, this call is long over.
            decision = lasting.permit(call.arguments, edit=call.edit)
            if decision.arguments is not None:
                call.replace(decision.arguments)
            guard.report(decision, time.monotonic(), "succeeded")
            return function(*call.args, **call.kwargs)

        return _marked(generator, guard, skip)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            call = Call(shape, skip, args, kwargs)
            run = _run.current()
            if run is not None:
                return await run.acall(
                    guard, call, function, guard.name, guard.idempotent, guard.check
                )
            decision = await guard.interlock.off_loop(
                functools.partial(guard.permit, call.arguments, edit=call.edit)
            )
            if decision.arguments is not None:
                call.replace(decision.arguments)
            effects = guard.effects(call, decision)
            await guard.interlock.off_loop(effects.begin)
            started = time.monotonic()
            try:
                with guard.place(decision), effects:
                    result = await function(*call.args, **call.kwargs)
            except BaseException as error:
                # Cancelled, it may have happened or not.
                status = "failed" if isinstance(error, Exception) else "unknown"
                await guard.interlock.off_loop(effects.end, None, False)
                await guard.interlock.off_loop(guard.report, decision, started, status)
                raise
            await guard.interlock.off_loop(effects.end, result)
            await guard.interlock.off_loop(guard.report, decision, started, "succeeded", result)
            return result

        return _marked(asynchronous, guard, skip)

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        call = Call(shape, skip, args, kwargs)
        run = _run.current()
        if run is not None:
            return run.call(guard, call, function, guard.name, guard.idempotent, guard.check)
        decision = guard.permit(call.arguments, edit=call.edit)
        if decision.arguments is not None:
            call.replace(decision.arguments)
        effects = guard.effects(call, decision)
        effects.begin()
        started = time.monotonic()
        try:
            with guard.place(decision), effects:
                result = function(*call.args, **call.kwargs)
        except BaseException as error:
            status = "failed" if isinstance(error, Exception) else "unknown"
            effects.end(happened=False)
            guard.report(decision, started, status)
            raise
        effects.end(result)
        guard.report(decision, started, "succeeded", result)
        return result

    return _marked(synchronous, guard, skip)


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
