"""LlamaIndex: tools of ``llama-index-core``.

A call that is not permitted ends in a ``ToolOutput`` with ``is_error`` and the text for the agent.
Agents of LlamaIndex turn every exception of a tool into such an output: under ``on_block="raise"``
the error is raised by the tool, and an agent still only tells the model.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import InterlockError
from ._enforcement import Call, Enforcement, defaults_of, entered, swapped
from ._models import Answer, ModelCalls, Prices, model_call, usage
from ._requirement import require

require("llama-index-core", "0.14", "0.15")

from llama_index.core.base.llms.base import BaseLLM  # noqa: E402
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

L = TypeVar("L", bound=BaseLLM)

#: The model whose call was decided on further out.
_decided: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "interlock_llama_index_decided", default=None
)


def guard_tools(
    interlock: Interlock, tools: Iterable[BaseTool | Callable[..., Any]], **options: Any
) -> list[AsyncBaseTool]:
    """The same tools, checked before they run; functions become ``FunctionTool``.

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
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


def guard_llm(
    interlock: Interlock, llm: L, *, prices: Prices | None = None, **options: Any
) -> L:
    """The same model, every call decided on, and what it answered, used and cost reported. What is not
    permitted raises out of the call. What a model says of tokens is read as OpenAI's does.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    calls = ModelCalls(interlock, "llama-index", prices, **options)
    base: Any = type(llm)
    members: dict[str, Any] = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    for name in ("chat", "complete"):
        members[name] = _once(calls, getattr(base, name))
        members[f"a{name}"] = _once_async(calls, getattr(base, f"a{name}"))
        members[f"stream_{name}"] = _streamed(calls, getattr(base, f"stream_{name}"))
        members[f"astream_{name}"] = _streamed_async(calls, getattr(base, f"astream_{name}"))
    return swapped(llm, type(base)(base.__name__, (base,), members))


def _asked(llm: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    shown = args[0] if args else kwargs.get("messages", kwargs.get("prompt", ""))
    if isinstance(shown, str):
        return model_call(llm.metadata.model_name, [shown], prompt=shown)
    texts = [str(message.content or "") for message in shown]
    asked = [m for m in shown if getattr(m.role, "value", m.role) == "user"]
    prompt = str(asked[-1].content or "") if asked else None
    return model_call(llm.metadata.model_name, texts, prompt=prompt)


def _answered(response: Any) -> Answer:
    message = getattr(response, "message", None)
    text = message.content if message is not None else response.text
    said = dict(response.additional_kwargs or {})
    raw = response.raw
    used = raw.get("usage") if isinstance(raw, Mapping) else getattr(raw, "usage", None)
    if used is not None:
        found = used if isinstance(used, Mapping) else vars(used)
        said = {**found, **said}
    return Answer(text, usage(said.get("prompt_tokens"), said.get("completion_tokens")))


def _once(calls: ModelCalls, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return own(self, *args, **kwargs)

        def invoke() -> Any:
            with entered(_decided, self):
                return own(self, *args, **kwargs)

        return calls.run(_asked(self, args, kwargs), invoke, _answered)

    return call


def _once_async(calls: ModelCalls, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return await own(self, *args, **kwargs)

        async def invoke() -> Any:
            with entered(_decided, self):
                return await own(self, *args, **kwargs)

        return await calls.arun(_asked(self, args, kwargs), invoke, _answered)

    return call


def _streamed(calls: ModelCalls, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return own(self, *args, **kwargs)

        def invoke() -> Iterator[Any]:
            with entered(_decided, self):
                stream = own(self, *args, **kwargs)
            while True:
                # Between two items it is its reader's turn.
                with entered(_decided, self):
                    try:
                        item = next(stream)
                    except StopIteration:
                        return
                yield item

        # Decided at the call, not at its first item.
        return calls.stream(_asked(self, args, kwargs), invoke, _answered)

    return call


def _streamed_async(calls: ModelCalls, own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _decided.get() is self:
            return await own(self, *args, **kwargs)

        async def invoke() -> AsyncIterator[Any]:
            with entered(_decided, self):
                stream = await own(self, *args, **kwargs)
            while True:
                with entered(_decided, self):
                    try:
                        item = await anext(stream)
                    except StopAsyncIteration:
                        return
                yield item

        return calls.astream(_asked(self, args, kwargs), invoke, _answered)

    return call
