"""Haystack: tools.

A call that is not permitted ends in a ``ToolInvocationError`` with the text for the agent, which the
``Agent`` hands to the model (or raises, where ``raise_on_tool_invocation_failure`` is set). Under
``on_block="raise"`` the error itself ends the run.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement, defaults_of, entered, swapped
from ._models import Answer, ModelCalls, Prices, Usage, model_call, usage
from ._requirement import require

require("haystack-ai", "3.4", "4")

from haystack.components.agents.state import State  # noqa: E402
from haystack.tools import Tool, Toolset, flatten_tools_or_toolsets  # noqa: E402
from haystack.tools.errors import ToolInvocationError  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock

G = TypeVar("G")

#: The tool whose call was decided on further out.
_decided: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "interlock_haystack_decided", default=None
)


def guard_tools(
    interlock: Interlock, tools: Toolset | Iterable[Tool | Toolset], **options: Any
) -> list[Tool]:
    """The same tools, checked before they run; those of toolsets one by one.

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "haystack", **options)
    given = tools if isinstance(tools, Toolset) else list(tools)
    return [_guarded(enforcement, tool) for tool in flatten_tools_or_toolsets(given)]


def _guarded(enforcement: Enforcement, tool: Tool) -> Tool:
    base: Any = type(tool)

    def invoke(self: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return base.invoke(self, **kwargs)

        def call(arguments: Mapping[str, Any]) -> Any:
            with entered(_decided, self):
                return base.invoke(self, **{**kwargs, **arguments})

        try:
            return enforcement.run(Call(self.name, _own(self, kwargs)), call)
        except InterlockError as error:
            raise ToolInvocationError(enforcement.told(error), tool_name=self.name) from error

    async def invoke_async(self: Any, **kwargs: Any) -> Any:
        async def call(arguments: Mapping[str, Any]) -> Any:
            # It may end in `invoke` of this same tool, in another thread.
            with entered(_decided, self):
                return await base.invoke_async(self, **{**kwargs, **arguments})

        try:
            return await enforcement.arun(Call(self.name, _own(self, kwargs)), call)
        except InterlockError as error:
            raise ToolInvocationError(enforcement.told(error), tool_name=self.name) from error

    def to_dict(self: Any) -> Any:
        raise ConfigurationError(
            f"`{self.name}` is guarded, and what is loaded again would not be: write down the tool "
            "itself, and guard it after loading",
            "adapter.tool",
        )

    members = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "invoke": invoke,
        "invoke_async": invoke_async,
        "to_dict": to_dict,
    }
    return swapped(tool, type(base)(base.__name__, (base,), members))


def _own(tool: Tool, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments without those that the framework passes in by itself."""
    return {
        name: value
        for name, value in {**defaults_of(tool.function or tool.async_function), **kwargs}.items()
        if not isinstance(value, State) and not (name == "streaming_callback" and callable(value))
    }


def guard_generator(
    interlock: Interlock,
    generator: G,
    *,
    model: str | None = None,
    prices: Prices | None = None,
    **options: Any,
) -> G:
    """The same chat generator, every call decided on, and what it answered, used and cost reported.
    What is not permitted raises out of it. ``model``: its name, where the generator has none.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    calls = ModelCalls(interlock, "haystack", prices, **options)
    base: Any = type(generator)
    named = model or getattr(generator, "model", None)
    named = named if isinstance(named, str) else None

    @functools.wraps(base.run)
    def run(self: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
        call = model_call(named, _listed(messages))
        return calls.run(call, lambda: base.run(self, messages, *args, **kwargs), _answer)

    members: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "run": run,
        "to_dict": _not_written_down,
    }
    if hasattr(base, "run_async"):

        @functools.wraps(base.run_async)
        async def run_async(self: Any, messages: Any, *args: Any, **kwargs: Any) -> Any:
            call = model_call(named, _listed(messages))
            return await calls.arun(
                call, lambda: base.run_async(self, messages, *args, **kwargs), _answer
            )

        members["run_async"] = run_async
    return swapped(generator, type(base)(base.__name__, (base,), members))


def _not_written_down(self: Any) -> Any:
    raise ConfigurationError(
        f"this `{type(self).__name__}` is guarded, and what is loaded again would not be: write down "
        "the one that was guarded, and guard it after loading",
        "adapter.tool",
    )


def _listed(messages: Any) -> list[str]:
    """The texts that a model is shown."""
    given = [messages] if isinstance(messages, str) else messages
    return [str(getattr(message, "text", message) or "") for message in given]


def _answer(result: Any) -> Answer:
    texts, counts, name = [], [0, 0, 0], None
    for reply in result["replies"]:
        texts.append(reply.text or "")
        said = reply.meta or {}
        used = said.get("usage") or {}
        details = used.get("prompt_tokens_details") or {}
        cached = details.get("cached_tokens") if isinstance(details, Mapping) else 0
        found = usage(used.get("prompt_tokens"), used.get("completion_tokens"), cached)
        if found is not None:
            counts = [a + b for a, b in zip(counts, dataclasses.astuple(found))]
        name = said.get("model") or name
    total = Usage(*counts) if any(counts) else None
    return Answer("\n".join(t for t in texts if t), total, name)
