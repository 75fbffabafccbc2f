"""Pydantic AI: toolsets, functions, and a capability for whole agents.

A call that is not permitted raises ``ToolFailed``, which the model sees and which uses up no retry;
under ``on_block="raise"`` the error ends the run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import InterlockError
from ._enforcement import Call, Enforcement
from ._models import Answer, ModelCalls, Prices, model_call, usage
from ._requirement import require

require("pydantic-ai-slim", "2.68", "3")

from pydantic_ai import RunContext, Tool  # noqa: E402
from pydantic_ai.capabilities import AbstractCapability  # noqa: E402
from pydantic_ai.exceptions import (  # noqa: E402
    ApprovalRequired,
    CallDeferred,
    ToolFailed,
)
from pydantic_ai.toolsets import (  # noqa: E402
    AbstractToolset,
    FunctionToolset,
    ToolsetTool,
    WrapperToolset,
)

if TYPE_CHECKING:
    from .._client import Interlock


def guard_toolset(
    interlock: Interlock, toolset: AbstractToolset[Any], **options: Any
) -> GuardedToolset:
    """The toolset, its tools checked before they run.

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    return GuardedToolset(toolset, _enforcement(interlock, options))


def guard_tools(
    interlock: Interlock, tools: Iterable[Tool[Any] | Callable[..., Any]], **options: Any
) -> GuardedToolset:
    """A toolset of these tools and functions, checked before they run; ``options`` as above."""
    return guard_toolset(interlock, FunctionToolset(list(tools)), **options)


def capability(interlock: Interlock, **options: Any) -> AbstractCapability[Any]:
    """A capability that checks every tool that runs in an agent; ``options`` as above."""
    return GuardedTools(_enforcement(interlock, options))


def model_capability(
    interlock: Interlock, *, prices: Prices | None = None, **options: Any
) -> AbstractCapability[Any]:
    """A capability that decides on every request to a model, and reports what it answered, used and
    cost. What is not permitted ends the run with the error.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    return GuardedModels(ModelCalls(interlock, "pydantic-ai", prices, **options))


def _enforcement(interlock: Interlock, options: dict[str, Any]) -> Enforcement:
    return Enforcement(
        interlock, "pydantic-ai", interruptions=(ApprovalRequired, CallDeferred), **options
    )


@dataclasses.dataclass
class GuardedToolset(WrapperToolset[Any]):
    """A toolset whose calls are decided on."""

    enforcement: Enforcement

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        def invoke(arguments: Mapping[str, Any]) -> Awaitable[Any]:
            return self.wrapped.call_tool(name, dict(arguments), ctx, tool)

        return await _run(self.enforcement, name, tool_args, ctx, ctx.tool_call_id, invoke)


@dataclasses.dataclass
class GuardedTools(AbstractCapability[Any]):
    """Decides on every tool that runs in an agent."""

    enforcement: Enforcement

    async def wrap_tool_execute(
        self, ctx: RunContext[Any], *, call: Any, tool_def: Any, args: Any, handler: Any
    ) -> Any:
        def invoke(arguments: Mapping[str, Any]) -> Awaitable[Any]:
            return handler(dict(arguments))  # type: ignore[no-any-return]

        return await _run(self.enforcement, call.tool_name, args, ctx, call.tool_call_id, invoke)


@dataclasses.dataclass
class GuardedModels(AbstractCapability[Any]):
    """Decides on every request to a model."""

    calls: ModelCalls

    async def wrap_model_request(
        self, ctx: RunContext[Any], *, request_context: Any, handler: Any
    ) -> Any:
        call = model_call(
            getattr(request_context.model, "model_name", None),
            request_context.messages,
            agent=ctx.agent.name if ctx.agent is not None else None,
            session=ctx.conversation_id,
            run=ctx.run_id,
            step=ctx.run_step,
            prompt=_prompt(ctx),
        )
        return await self.calls.arun(call, lambda: handler(request_context), _answer)


def _answer(response: Any) -> Answer:
    used = response.usage
    counted = usage(used.input_tokens, used.output_tokens, used.cache_read_tokens)
    return Answer(response.text, counted, response.model_name)


def _prompt(ctx: RunContext[Any]) -> str | None:
    """What the user asked for."""
    prompt = ctx.prompt
    if prompt is None or isinstance(prompt, str):
        return prompt
    return "\n".join(part for part in prompt if isinstance(part, str))


async def _run(
    enforcement: Enforcement,
    name: str,
    arguments: dict[str, Any],
    ctx: RunContext[Any],
    id: str | None,
    invoke: Callable[[Mapping[str, Any]], Awaitable[Any]],
) -> Any:
    call = Call(
        tool=name,
        arguments=arguments,
        id=id,
        # Run and step are the framework's own, unique ones; a retry of the step is another call.
        within=f"{ctx.run_id}:{ctx.run_step}" if ctx.run_id else None,
        agent=ctx.agent.name if ctx.agent is not None else None,
        session=ctx.conversation_id,
        run=ctx.run_id,
        step=ctx.run_step,
        prompt=_prompt(ctx),
        model=getattr(ctx.model, "model_name", None),
    )
    try:
        return await enforcement.arun(call, invoke)
    except InterlockError as error:
        raise ToolFailed(enforcement.told(error)) from error
