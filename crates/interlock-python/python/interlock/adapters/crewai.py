"""CrewAI: tools.

A call that is not permitted ends in a ``ToolFailure`` with the text for the agent. Under
``on_block="raise"`` the tool raises the error, and CrewAI's own policy for failures of the tool is
``RAISE``, so that it ends the run with a ``ToolExecutionFailedError``. Results are not cached: what
one agent may read would be answered to another without a decision.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .. import _guard
from ..errors import InterlockError
from ._enforcement import Call, Enforcement, entered, swapped
from ._models import Answer, ModelCalls, Prices, model_call, usage
from ._requirement import require

require("crewai", "1.15", "2")

from crewai import BaseLLM  # noqa: E402
from crewai.tools import BaseTool  # noqa: E402
from crewai.tools import tool as as_tool  # noqa: E402
from crewai.tools.base_tool import Tool  # noqa: E402
from crewai.tools.tool_failure import ToolFailure, ToolFailurePolicy  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock

L = TypeVar("L", bound=BaseLLM)

#: The model whose call was decided on further out.
_decided: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "interlock_crewai_decided", default=None
)


def guard_tools(
    interlock: Interlock, tools: Iterable[BaseTool | Callable[..., Any]], **options: Any
) -> list[BaseTool]:
    """The same tools, checked before they run; functions become tools as ``@tool`` makes them.

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "crewai", **options)
    return [
        _guarded(enforcement, t if isinstance(t, BaseTool) else as_tool(t)) for t in tools
    ]


def never(*_: Any) -> bool:
    """Whether a result may be answered again without asking."""
    return False


def _guarded(enforcement: Enforcement, tool: BaseTool) -> BaseTool:
    base: Any = type(tool)
    attributes: dict[str, Any] = {"cache_function": never}
    if enforcement.on_block == "raise":
        attributes["tool_failure_policy"] = ToolFailurePolicy.RAISE
    if isinstance(tool, Tool):
        return swapped(tool, base, func=_function(enforcement, tool.name, tool.func), **attributes)
    members: dict[str, Any] = {
        "__module__": base.__module__,
        # Tools are restored by this name: one that was guarded is not restored without its guard.
        "__qualname__": f"{base.__qualname__}.guarded",
        "_run": _function(enforcement, tool.name, base._run, owned=True),
    }
    if base._arun is not BaseTool._arun:
        members["_arun"] = _function(enforcement, tool.name, base._arun, owned=True)
    return swapped(tool, type(base)(base.__name__, (base,), members), **attributes)


def _function(
    enforcement: Enforcement, name: str, function: Callable[..., Any], owned: bool = False
) -> Callable[..., Any]:
    """`function`, checked; the first argument of an owned one is the tool itself."""
    signature = inspect.signature(function)
    skip = 1 if owned else 0

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            call = _guard.Call(signature, skip, args, kwargs)

            async def invoke(arguments: Mapping[str, Any]) -> Any:
                call.replace(arguments)
                return await function(*call.args, **call.kwargs)

            try:
                return await enforcement.arun(Call(name, call.arguments), invoke, failed=_failed)
            except InterlockError as error:
                return ToolFailure(message=enforcement.told(error))

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        call = _guard.Call(signature, skip, args, kwargs)

        def invoke(arguments: Mapping[str, Any]) -> Any:
            call.replace(arguments)
            return function(*call.args, **call.kwargs)

        try:
            return enforcement.run(Call(name, call.arguments), invoke, failed=_failed)
        except InterlockError as error:
            return ToolFailure(message=enforcement.told(error))

    return synchronous


def _failed(result: Any) -> bool:
    return isinstance(result, ToolFailure)


def guard_llm(
    interlock: Interlock, llm: L, *, prices: Prices | None = None, **options: Any
) -> L:
    """The same model, every call decided on, and what it answered, used and cost reported. What is not
    permitted raises out of the call. CrewAI counts tokens by model, not by call: where two calls of a
    model are under way at once, neither has a count, nor a cost.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    calls = ModelCalls(interlock, "crewai", prices, **options)
    base: Any = type(llm)
    counted = _Counted()

    def asked(self: Any, messages: Any, from_agent: Any) -> Call:
        shown = [messages] if isinstance(messages, str) else messages
        name = getattr(from_agent, "role", None)
        return model_call(self.model, shown, agent=name if isinstance(name, str) else None)

    @functools.wraps(base.call)
    def call(self: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return base.call(self, messages, *args, **kwargs)
        began = counted.begin(self)

        def invoke() -> Any:
            with entered(_decided, self):
                return base.call(self, messages, *args, **kwargs)

        try:
            return calls.run(
                asked(self, messages, kwargs.get("from_agent")),
                invoke,
                lambda result: counted.answer(self, began, result),
            )
        finally:
            counted.end()

    @functools.wraps(base.acall)
    async def acall(self: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return await base.acall(self, messages, *args, **kwargs)
        began = counted.begin(self)

        async def invoke() -> Any:
            with entered(_decided, self):
                return await base.acall(self, messages, *args, **kwargs)

        try:
            return await calls.arun(
                asked(self, messages, kwargs.get("from_agent")),
                invoke,
                lambda result: counted.answer(self, began, result),
            )
        finally:
            counted.end()

    members = {
        "__module__": base.__module__,
        "__qualname__": f"{base.__qualname__}.guarded",
        "call": call,
        "acall": acall,
    }
    return swapped(llm, type(base)(base.__name__, (base,), members))


class _Counted:
    """The tokens of single calls, out of the sums that a model keeps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._underway = 0
        #: Goes on with each call that begins while another is under way.
        self._mixed = 0

    def begin(self, llm: Any) -> tuple[tuple[int, int, int], int | None]:
        with self._lock:
            self._underway += 1
            alone = self._underway == 1
            if not alone:
                self._mixed += 1
            return _sums(llm), self._mixed if alone else None

    def end(self) -> None:
        with self._lock:
            self._underway -= 1

    def answer(self, llm: Any, began: tuple[tuple[int, int, int], int | None], result: Any) -> Answer:
        text = result if isinstance(result, str) else None
        before, mixed = began
        with self._lock:
            if mixed is None or mixed != self._mixed:
                return Answer(text)
            return Answer(text, usage(*(b - a for a, b in zip(before, _sums(llm)))))


def _sums(llm: Any) -> tuple[int, int, int]:
    summed = llm.get_token_usage_summary()
    return summed.prompt_tokens, summed.completion_tokens, summed.cached_prompt_tokens
