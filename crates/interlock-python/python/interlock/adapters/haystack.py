"""Haystack: tools.

A call that is not permitted ends in a ``ToolInvocationError`` with the text for the agent, which the
``Agent`` hands to the model (or raises, where ``raise_on_tool_invocation_failure`` is set). Under
``on_block="raise"`` the error itself ends the run.
"""

from __future__ import annotations

import contextvars
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement, defaults_of, entered, swapped
from ._requirement import require

require("haystack-ai", "3.4", "4")

from haystack.components.agents.state import State  # noqa: E402
from haystack.tools import Tool, Toolset, flatten_tools_or_toolsets  # noqa: E402
from haystack.tools.errors import ToolInvocationError  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock

#: The tool whose call was decided on further out.
_decided: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "interlock_haystack_decided", default=None
)


def guard_tools(
    interlock: Interlock, tools: Toolset | Iterable[Tool | Toolset], **options: Any
) -> list[Tool]:
    """The same tools, checked before they run; those of toolsets one by one.

    ``options``: ``action_type``, ``resource`` and ``cost_usd`` (one for all tools, or by the tool's
    name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
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
