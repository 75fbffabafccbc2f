"""LangChain: tools of ``langchain-core``, and a middleware for the agents of ``langchain``.

``guard_tools`` gives back tools of the same classes; ``middleware`` holds every tool of an agent,
those that other middleware adds included. A call that is not permitted becomes a ``ToolMessage``
with the status ``error``.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._guard import _redacted
from ..errors import InterlockError
from ._enforcement import Call, Enforcement, entered, swapped
from ._requirement import require

require("langchain-core", "1.7", "2")

from langchain_core.messages import ToolMessage  # noqa: E402
from langchain_core.tools import BaseTool  # noqa: E402
from langchain_core.tools import tool as as_tool  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock


@dataclasses.dataclass
class _Invocation:
    """What ``run`` learns of a call, for the ``_run`` that it ends in."""

    tool: BaseTool
    id: str | None
    config: Mapping[str, Any] | None
    checked: bool = False


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What an agent says of a call beside what the tool sees."""

    prompt: str | None = None
    model: str | None = None


_invocation: contextvars.ContextVar[_Invocation | None] = contextvars.ContextVar(
    "interlock_langchain_invocation", default=None
)
surroundings: contextvars.ContextVar[Surroundings] = contextvars.ContextVar(
    "interlock_langchain_surroundings", default=Surroundings()
)


def guard_tools(
    interlock: Interlock, tools: Iterable[BaseTool | Callable[..., Any]], **options: Any
) -> list[BaseTool]:
    """The same tools, checked before they run; functions become tools as ``@tool`` makes them.

    ``options``: ``action_type``, ``resource`` and ``cost_usd`` (one for all tools, or by the tool's
    name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = _enforcement(interlock, "langchain", options)
    return [guarded(enforcement, t if isinstance(t, BaseTool) else as_tool(t)) for t in tools]


def middleware(interlock: Interlock, **options: Any) -> Any:
    """A middleware for ``create_agent`` that checks every call of a tool; options as above."""
    require("langchain", "1.4", "2")
    from langchain.agents.middleware import AgentMiddleware

    enforcement = _enforcement(interlock, "langchain", options)

    class InterlockMiddleware(AgentMiddleware):  # type: ignore[type-arg]
        """Decides on calls of tools."""

        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            with entered(surroundings, seen(request.state)):
                return handler(_checked(enforcement, request))

        async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
            with entered(surroundings, seen(request.state)):
                return await handler(_checked(enforcement, request))

    return InterlockMiddleware()


def _checked(enforcement: Enforcement, request: Any) -> Any:
    """The request, for the guarded tool; one for a tool that nobody knows runs nothing."""
    if request.tool is None:
        return request
    return request.override(tool=guarded(enforcement, request.tool))


def _enforcement(interlock: Interlock, framework: str, options: dict[str, Any]) -> Enforcement:
    interruptions: tuple[type[BaseException], ...] = ()
    try:
        from langgraph.errors import GraphBubbleUp
    except ImportError:
        pass
    else:
        interruptions = (GraphBubbleUp,)
    return Enforcement(interlock, framework, interruptions=interruptions, **options)


def seen(state: Any) -> Surroundings:
    """The task in an agent's state: what the user said last."""
    messages = state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", None)
    for message in reversed(messages or ()):
        if getattr(message, "type", None) == "human":
            return Surroundings(prompt=str(getattr(message, "text", "")))
    return Surroundings()


def guarded(enforcement: Enforcement, tool: BaseTool) -> BaseTool:
    """A copy of ``tool`` that is decided on; one that is already stays as it is."""
    if getattr(type(tool), "__interlock__", False):
        return tool
    return swapped(tool, _guarded_class(enforcement, type(tool)))


def _guarded_class(enforcement: Enforcement, base: type[BaseTool]) -> type[BaseTool]:
    def run(self: Any, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Invocation(self, kwargs.get("tool_call_id"), kwargs.get("config"))
        with entered(_invocation, call):
            try:
                return base.run(self, tool_input, *args, **kwargs)
            except InterlockError as error:
                return _told(enforcement, self, call, error)

    async def arun(self: Any, tool_input: Any, *args: Any, **kwargs: Any) -> Any:
        call = _Invocation(self, kwargs.get("tool_call_id"), kwargs.get("config"))
        with entered(_invocation, call):
            try:
                return await base.arun(self, tool_input, *args, **kwargs)
            except InterlockError as error:
                return _told(enforcement, self, call, error)

    # LangChain reads the signatures to see what to pass.
    @functools.wraps(base._run)
    def _run(self: Any, *args: Any, **kwargs: Any) -> Any:
        invocation = _underway(self)
        if invocation.checked:
            return base._run(self, *args, **kwargs)
        invocation.checked = True
        call, passed = _described(self, invocation, args, kwargs)

        def invoke(arguments: Mapping[str, Any]) -> Any:
            changed, named = passed(arguments)
            return base._run(self, *changed, **named)

        return enforcement.run(call, invoke)

    @functools.wraps(base._arun)
    async def _arun(self: Any, *args: Any, **kwargs: Any) -> Any:
        invocation = _underway(self)
        if invocation.checked:
            return await base._arun(self, *args, **kwargs)
        invocation.checked = True
        call, passed = _described(self, invocation, args, kwargs)

        async def invoke(arguments: Mapping[str, Any]) -> Any:
            # It may end in `_run` of this same tool, in another thread.
            changed, named = passed(arguments)
            return await base._arun(self, *changed, **named)

        return await enforcement.arun(call, invoke)

    return type(base)(
        base.__name__,
        (base,),
        {
            "__module__": base.__module__,
            "__qualname__": base.__qualname__,
            "__doc__": base.__doc__,
            "__interlock__": True,
            "run": run,
            "arun": arun,
            "_run": _run,
            "_arun": _arun,
        },
    )


def _underway(tool: BaseTool) -> _Invocation:
    """What ``run`` left, or nothing where ``_run`` was called past it."""
    invocation = _invocation.get()
    if invocation is None or invocation.tool is not tool:
        return _Invocation(tool, None, None)
    return invocation


def _described(
    tool: BaseTool, invocation: _Invocation, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Call, Callable[[Mapping[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]]:
    """The call, and how its arguments are passed on. What LangChain injects is not the agent's."""
    config = invocation.config or {}
    own = tool._filter_injected_args(
        {k: v for k, v in kwargs.items() if v is not invocation.config or v is None}
    )
    names = [*tool.args, *(f"arg{i}" for i in range(len(args)))][: len(args)]
    own.update(zip(names, args))

    def passed(arguments: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        changed = tuple(_redacted(v, arguments[n]) for n, v in zip(names, args))
        return changed, {k: arguments[k] if k in own else v for k, v in kwargs.items()}

    metadata = config.get("metadata") or {}
    thread = (config.get("configurable") or {}).get("thread_id") or metadata.get("thread_id")
    step = metadata.get("langgraph_step")
    # Steps of a thread are counted on, so that a resumed step meets its own decision.
    within = f"{thread}:{metadata.get('langgraph_checkpoint_ns', '')}:{step}"
    around = surroundings.get()
    call = Call(
        tool=tool.name,
        arguments=own,
        id=invocation.id,
        within=within if thread and step is not None else None,
        agent=metadata.get("lc_agent_name"),
        session=str(thread) if thread else None,
        run=str(config["run_id"]) if config.get("run_id") else None,
        step=step if isinstance(step, int) else None,
        prompt=around.prompt,
        model=around.model,
    )
    return call, passed


def _told(enforcement: Enforcement, tool: BaseTool, call: _Invocation, error: InterlockError) -> Any:
    text = enforcement.told(error)
    if call.id is None:
        return text
    return ToolMessage(text, name=tool.name, tool_call_id=call.id, status="error")
