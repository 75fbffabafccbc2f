"""AutoGen (``autogen-agentchat``): tools and workbenches.

``guard_tools`` gives back tools of the same classes. AutoGen's own workbench turns every exception
of a tool into a result with ``is_error``, so that under ``on_block="raise"`` an agent still only
tells the model. ``guard_workbench`` holds all tools of a workbench, those of an MCP server too; there
nothing can be raised, because an ``AssistantAgent`` waits for ever for a workbench that raises.
"""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement, entered, swapped
from ._models import Answer, ModelCalls, Prices, model_call, usage
from ._requirement import require

require("autogen-core", "0.7.5", "0.8")

from autogen_core import CancellationToken  # noqa: E402
from autogen_core.models import ChatCompletionClient, CreateResult  # noqa: E402
from autogen_core.tools import (  # noqa: E402
    BaseStreamTool,
    BaseTool,
    FunctionTool,
    TextResultContent,
    ToolResult,
    Workbench,
)

if TYPE_CHECKING:
    from .._client import Interlock

W = TypeVar("W", bound=Workbench)
C = TypeVar("C", bound=ChatCompletionClient)

#: The tool or the model client whose call was decided on further out.
_decided: contextvars.ContextVar[Any] = contextvars.ContextVar(
    "interlock_autogen_decided", default=None
)


def guard_tools(
    interlock: Interlock, tools: Iterable[BaseTool[Any, Any] | Callable[..., Any]], **options: Any
) -> list[BaseTool[Any, Any]]:
    """The same tools, checked before they run; functions become ``FunctionTool``.

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "autogen", **options)
    return [_guarded(enforcement, _tool(tool)) for tool in tools]


def guard_workbench(interlock: Interlock, workbench: W, **options: Any) -> W:
    """The same workbench, every call of its tools checked; ``options`` as above, but for
    ``on_block="raise"``."""
    if options.get("on_block") == "raise":
        raise ConfigurationError(
            "an agent of AutoGen waits for ever for a workbench that raises: use "
            '`on_block="tell"`',
            "config.invalid",
        )
    enforcement = Enforcement(interlock, "autogen", **options)
    return swapped(workbench, _workbench_class(enforcement, type(workbench)))


def _tool(tool: BaseTool[Any, Any] | Callable[..., Any]) -> BaseTool[Any, Any]:
    if isinstance(tool, BaseTool):
        return tool
    return FunctionTool(tool, description=getattr(tool, "__doc__", None) or "")


class _Refused(Exception):
    """What AutoGen's workbench shows an agent: its text."""


def _guarded(enforcement: Enforcement, tool: BaseTool[Any, Any]) -> BaseTool[Any, Any]:
    base = type(tool)
    members: dict[str, Any] = {"__module__": base.__module__, "__qualname__": base.__qualname__}

    def shown(self: Any, args: Mapping[str, Any]) -> dict[str, Any]:
        # What the tool is given: with defaults, and of its types.
        return self._args_type.model_validate(args).model_dump()

    def told(error: InterlockError) -> Exception:
        return _Refused(enforcement.told(error))

    async def run_json(
        self: Any,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> Any:
        async def invoke(arguments: Mapping[str, Any]) -> Any:
            with entered(_decided, self):
                return await base.run_json(self, arguments, cancellation_token, call_id)

        call = Call(tool=self.name, arguments=shown(self, args), id=call_id)
        try:
            return await enforcement.arun(call, invoke, self.return_value_as_string)
        except InterlockError as error:
            raise told(error) from error

    async def run(self: Any, args: Any, cancellation_token: CancellationToken) -> Any:
        if _decided.get() is self:
            return await base.run(self, args, cancellation_token)

        async def invoke(arguments: Mapping[str, Any]) -> Any:
            changed = self._args_type.model_validate(arguments)
            return await base.run(self, changed, cancellation_token)

        call = Call(tool=self.name, arguments=args.model_dump())
        try:
            return await enforcement.arun(call, invoke, self.return_value_as_string)
        except InterlockError as error:
            raise told(error) from error

    async def run_json_stream(
        self: Any,
        args: Mapping[str, Any],
        cancellation_token: CancellationToken,
        call_id: str | None = None,
    ) -> AsyncIterator[Any]:
        def invoke(arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
            return base.run_json_stream(self, arguments, cancellation_token, call_id)

        call = Call(tool=self.name, arguments=shown(self, args), id=call_id)
        try:
            async for item in enforcement.astream(call, invoke, self.return_value_as_string):
                yield item
        except InterlockError as error:
            raise told(error) from error

    members.update(run_json=run_json, run=run, _to_config=_to_config)
    if isinstance(tool, BaseStreamTool):
        members["run_json_stream"] = run_json_stream
    return swapped(tool, type(base)(base.__name__, (base,), members))


def _workbench_class(enforcement: Enforcement, base: type[Any]) -> type[Any]:
    def told(name: str, error: InterlockError) -> ToolResult:
        content = TextResultContent(content=enforcement.told(error))
        return ToolResult(name=name, result=[content], is_error=True)

    def text(result: Any) -> str | None:
        return result.to_text() if isinstance(result, ToolResult) else str(result)

    def failed(result: Any) -> bool:
        return isinstance(result, ToolResult) and result.is_error

    async def call_tool(
        self: Any,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        async def invoke(changed: Mapping[str, Any]) -> ToolResult:
            return await base.call_tool(self, name, changed, cancellation_token, call_id)

        try:
            call = Call(tool=name, arguments=dict(arguments or {}), id=call_id)
            return await enforcement.arun(call, invoke, text, failed)
        except InterlockError as error:
            return told(name, error)

    async def call_tool_stream(
        self: Any,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> AsyncIterator[Any]:
        def invoke(changed: Mapping[str, Any]) -> AsyncIterator[Any]:
            return base.call_tool_stream(self, name, changed, cancellation_token, call_id)

        try:
            call = Call(tool=name, arguments=dict(arguments or {}), id=call_id)
            async for item in enforcement.astream(call, invoke, text, failed):
                yield item
        except InterlockError as error:
            yield told(name, error)

    members: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "call_tool": call_tool,
        "_to_config": _to_config,
    }
    if hasattr(base, "call_tool_stream"):
        members["call_tool_stream"] = call_tool_stream
    return type(base)(base.__name__, (base,), members)


def _to_config(self: Any) -> Any:
    raise ConfigurationError(
        f"this `{type(self).__name__}` is guarded, and what is loaded again would not be: write down "
        "the one that was guarded, and guard it after loading",
        "adapter.tool",
    )


def guard_model(
    interlock: Interlock,
    client: C,
    *,
    model: str | None = None,
    prices: Prices | None = None,
    **options: Any,
) -> C:
    """The same model client, every call decided on, and what it answered, used and cost reported. What
    is not permitted raises out of the call. ``model``: its name, where the client has none.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    calls = ModelCalls(interlock, "autogen", prices, **options)
    return swapped(client, _client_class(calls, model or _model_of(client), type(client)))


def _model_of(client: ChatCompletionClient) -> str | None:
    for holder in ("_create_args", "_raw_config"):
        found = getattr(client, holder, None)
        if isinstance(found, Mapping) and isinstance(found.get("model"), str):
            return str(found["model"])
    family = client.model_info.get("family")
    return family if isinstance(family, str) else None


def _answer(result: CreateResult) -> Answer:
    text = result.content if isinstance(result.content, str) else result.thought
    used = result.usage
    # What a cache answered used and cost nothing.
    counted = None if result.cached else usage(used.prompt_tokens, used.completion_tokens)
    return Answer(text, counted)


def _client_class(calls: ModelCalls, model: str | None, base: type[Any]) -> type[Any]:
    async def create(self: Any, messages: Any, **kwargs: Any) -> CreateResult:
        if _decided.get() is self:
            # Its own stream asks for it.
            return await base.create(self, messages, **kwargs)  # type: ignore[no-any-return]

        async def invoke() -> CreateResult:
            with entered(_decided, self):
                return await base.create(self, messages, **kwargs)  # type: ignore[no-any-return]

        return await calls.arun(model_call(model, messages), invoke, _answer)

    async def create_stream(self: Any, messages: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async def invoke() -> AsyncIterator[Any]:
            stream = base.create_stream(self, messages, **kwargs)
            try:
                while True:
                    # Between two items it is its reader's turn, in a context of its own.
                    with entered(_decided, self):
                        try:
                            item = await anext(stream)
                        except StopAsyncIteration:
                            return
                    yield item
            finally:
                await stream.aclose()

        def read(item: Any) -> Answer | None:
            return _answer(item) if isinstance(item, CreateResult) else None

        async for item in calls.astream(model_call(model, messages), invoke, read):
            yield item

    members = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "create": create,
        "create_stream": create_stream,
        "_to_config": _to_config,
    }
    return type(base)(base.__name__, (base,), members)
