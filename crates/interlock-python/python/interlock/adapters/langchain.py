"""LangChain: tools of ``langchain-core``, and a middleware for the agents of ``langchain``.

``guard_tools`` gives back tools of the same classes; ``middleware`` holds every tool of an agent,
those that other middleware adds included. A call that is not permitted becomes a ``ToolMessage``
with the status ``error``.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._guard import _redacted
from ..errors import InterlockError
from ._enforcement import Call, Enforcement, entered, swapped
from ._models import Answer, ModelCalls, Prices, Underway, Usage, model_call, usage
from ._requirement import require

require("langchain-core", "1.7", "2")

from langchain_core.callbacks import BaseCallbackHandler  # noqa: E402
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

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
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


def model_callback(
    interlock: Interlock, *, prices: Prices | None = None, **options: Any
) -> BaseCallbackHandler:
    """A callback handler that decides on every call of a model, and reports what it answered, used and
    cost. It goes into ``callbacks`` of a model, or of the ``config`` of an agent or a graph.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern. What is
    not permitted raises out of the model, whatever the framework does with errors of callbacks.
    ``options``: ``approval``, ``approval_timeout``.
    """
    return ModelCallback(ModelCalls(interlock, "langchain", prices, **options))


#: Calls of models that are under way at a time; past it the oldest is left without an outcome.
_UNDERWAY_MAX = 10_000


class ModelCallback(BaseCallbackHandler):
    """Decides on calls of models."""

    raise_error = True

    def __init__(self, calls: ModelCalls) -> None:
        self.calls = calls
        self._underway: dict[Any, Underway] = {}
        self._lock = threading.Lock()

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: Any, metadata: Any = None, **kwargs: Any
    ) -> None:
        self._begin(messages[0] if messages else (), run_id, metadata, kwargs)

    def on_llm_start(
        self, serialized: Any, prompts: Any, *, run_id: Any, metadata: Any = None, **kwargs: Any
    ) -> None:
        self._begin(prompts, run_id, metadata, kwargs)

    def _begin(self, messages: Any, id: Any, metadata: Any, kwargs: dict[str, Any]) -> None:
        metadata = metadata or {}
        asked = kwargs.get("invocation_params") or {}
        name = metadata.get("ls_model_name") or asked.get("model") or asked.get("model_name")
        thread = metadata.get("thread_id")
        step = metadata.get("langgraph_step")
        call = model_call(
            name if isinstance(name, str) else asked.get("_type"),
            messages,
            agent=metadata.get("lc_agent_name"),
            session=str(thread) if thread else None,
            step=step if isinstance(step, int) else None,
            prompt=seen({"messages": messages}).prompt,
        )
        permitted = self.calls.begin(call)
        with self._lock:
            self._underway[id] = permitted
            while len(self._underway) > _UNDERWAY_MAX:
                self._underway.pop(next(iter(self._underway)))

    def on_llm_end(self, response: Any, *, run_id: Any, **kwargs: Any) -> None:
        with self._lock:
            permitted = self._underway.pop(run_id, None)
        if permitted is not None:
            self.calls.ended(permitted, self.calls.read(_answer, response))

    def on_llm_error(self, error: BaseException, *, run_id: Any, **kwargs: Any) -> None:
        with self._lock:
            permitted = self._underway.pop(run_id, None)
        if permitted is not None:
            self.calls.failed(permitted, error)


def _answer(response: Any) -> Answer:
    texts, counts, name = [], [0, 0, 0], None
    for generations in response.generations:
        for generation in generations:
            texts.append(generation.text)
            message = getattr(generation, "message", None)
            used = getattr(message, "usage_metadata", None) or {}
            details = used.get("input_token_details") or {}
            found = usage(
                used.get("input_tokens"), used.get("output_tokens"), details.get("cache_read")
            )
            if found is not None:
                counts = [a + b for a, b in zip(counts, dataclasses.astuple(found))]
            said = getattr(message, "response_metadata", None) or {}
            name = said.get("model_name") or said.get("model") or name
    used = Usage(*counts) if any(counts) else None
    return Answer("\n".join(t for t in texts if t), used, name)


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
