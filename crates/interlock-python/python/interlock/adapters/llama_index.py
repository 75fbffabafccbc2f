"""LlamaIndex: tools of ``llama-index-core``.

A call that is not permitted ends in a ``ToolOutput`` with ``is_error`` and the text for the agent.
Agents of LlamaIndex turn every exception of a tool into such an output: under ``on_block="raise"``
the error is raised by the tool, and an agent still only tells the model.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InterlockError
from ._enforcement import Call, Enforcement, defaults_of, swapped
from ._requirement import require

require("llama-index-core", "0.14", "0.15")

from llama_index.core.tools import (  # noqa: E402
    AsyncBaseTool,
    BaseTool,
    FunctionTool,
    ToolOutput,
    adapt_to_async_tool,
)
from llama_index.core.workflow import Context  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock


def guard_tools(
    interlock: Interlock, tools: Iterable[BaseTool | Callable[..., Any]], **options: Any
) -> list[AsyncBaseTool]:
    """The same tools, checked before they run; functions become ``FunctionTool``.

    ``options``: ``action_type``, ``resource`` and ``cost_usd`` (one for all tools, or by the tool's
    name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "llama-index", **options)
    return [_guarded(enforcement, tool) for tool in tools]


def _guarded(enforcement: Enforcement, tool: BaseTool | Callable[..., Any]) -> AsyncBaseTool:
    if not isinstance(tool, BaseTool):
        tool = FunctionTool.from_defaults(tool)
    tool = adapt_to_async_tool(tool)
    base: Any = type(tool)

    def call(self: Any, *args: Any, **kwargs: Any) -> ToolOutput:
        described, passed = _described(self, args, kwargs)

        def invoke(arguments: Mapping[str, Any]) -> ToolOutput:
            changed, named = passed(arguments)
            return base.call(self, *changed, **named)  # type: ignore[no-any-return]

        try:
            return enforcement.run(described, invoke, _text, _failed)
        except InterlockError as error:
            return _told(enforcement, described, error)

    async def acall(self: Any, *args: Any, **kwargs: Any) -> ToolOutput:
        described, passed = _described(self, args, kwargs)

        def invoke(arguments: Mapping[str, Any]) -> Awaitable[ToolOutput]:
            changed, named = passed(arguments)
            return own_acall(self, *changed, **named)  # type: ignore[no-any-return]

        try:
            return await enforcement.arun(described, invoke, _text, _failed)
        except InterlockError as error:
            return _told(enforcement, described, error)

    own_acall = base.acall
    made = type(base)(
        base.__name__,
        (base,),
        {
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "call": call,
            "acall": acall,
        },
    )
    return swapped(tool, made)


def _described(
    tool: AsyncBaseTool, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call, Callable[[Mapping[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]]:
    """The call, and how its arguments are passed on. A context is not the agent's."""
    schema = tool.metadata.get_parameters_dict().get("properties", {})
    free = [name for name in schema if name not in kwargs]
    names = [*free, *(f"arg{i}" for i in range(len(args)))][: len(args)]
    named = dict(kwargs)
    if isinstance(tool, FunctionTool):
        # What the function gets beside the arguments of the call.
        named = {
            **defaults_of(tool.real_fn),
            **tool._field_defaults,
            **tool.partial_params,
            **named,
        }
        named = {name: value for name, value in named.items() if name not in names}
    own = {name: value for name, value in named.items() if not isinstance(value, Context)}
    own.update(zip(names, args))

    def passed(arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (
            tuple(arguments[name] for name in names),
            {name: arguments.get(name, value) for name, value in named.items()},
        )

    return Call(tool=tool.metadata.get_name(), arguments=own), passed


def _text(output: Any) -> str | None:
    return output.content if isinstance(output, ToolOutput) else str(output)


def _failed(output: Any) -> bool:
    return isinstance(output, ToolOutput) and bool(output.is_error)


def _told(enforcement: Enforcement, call: Call, error: InterlockError) -> ToolOutput:
    text = enforcement.told(error)
    return ToolOutput(
        content=text,
        tool_name=call.tool,
        raw_input=dict(call.arguments),
        raw_output=text,
        is_error=True,
        exception=error,
    )
