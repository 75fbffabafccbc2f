"""OpenAI Agents SDK: function tools.

A call that is not permitted ends with the text for the agent as its output; under
``on_block="raise"`` the error ends the run. Tools that the provider runs (hosted tools), and those of
MCP servers that an agent asks by itself, are not called through here: they are refused, not ignored.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Awaitable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement
from ._models import Answer, ModelCalls, Prices, Underway, model_call, usage
from ._requirement import require

require("openai-agents", "0.24", "0.25")

from agents import Agent, FunctionTool, RunHooks  # noqa: E402
from agents.tool_context import ToolContext  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock


def guard_tools(interlock: Interlock, tools: Iterable[Any], **options: Any) -> list[FunctionTool]:
    """The same tools, checked before they run.

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "openai-agents", **options)
    return [_guarded(enforcement, tool) for tool in tools]


def guard_agent(interlock: Interlock, agent: Agent[Any], **options: Any) -> Agent[Any]:
    """The same agent, its tools checked. Agents that it hands over to are not touched."""
    if agent.mcp_servers:
        raise ConfigurationError(
            f"agent `{agent.name}` asks MCP servers by itself, where nothing can be checked here",
            "adapter.tool",
        )
    return agent.clone(tools=list(guard_tools(interlock, agent.tools, **options)))


def _guarded(enforcement: Enforcement, tool: Any) -> FunctionTool:
    if not isinstance(tool, FunctionTool):
        raise ConfigurationError(
            f"`{getattr(tool, 'name', tool)}` is a `{type(tool).__name__}`, which does not run as a "
            "function of this process and cannot be checked here",
            "adapter.tool",
        )
    invoke_tool = tool.on_invoke_tool

    async def on_invoke_tool(context: ToolContext[Any], given: str) -> Any:
        arguments, as_given = _arguments(given)

        def invoke(changed: Mapping[str, Any]) -> Awaitable[Any]:
            return invoke_tool(context, given if changed is arguments else as_given(changed))

        try:
            return await enforcement.arun(_call(tool, context, arguments), invoke)
        except InterlockError as error:
            return enforcement.told(error)

    made = copy.copy(tool)
    made.on_invoke_tool = on_invoke_tool
    return made


def _arguments(given: str) -> tuple[dict[str, Any], Any]:
    """The arguments by name, and how they are written down again."""
    try:
        parsed = json.loads(given) if given else {}
    except ValueError:
        parsed = given
    if isinstance(parsed, dict):
        return parsed, json.dumps
    if isinstance(parsed, str) and parsed is given:
        return {"input": parsed}, lambda changed: changed["input"]
    return {"input": parsed}, lambda changed: json.dumps(changed["input"])


def _call(tool: FunctionTool, context: Any, arguments: dict[str, Any]) -> Call:
    config = getattr(context, "run_config", None)
    agent = getattr(context, "agent", None)
    model = getattr(agent, "model", None)
    return Call(
        tool=tool.name,
        arguments=arguments,
        id=getattr(context, "tool_call_id", None),
        agent=getattr(agent, "name", None),
        session=getattr(config, "group_id", None),
        run=getattr(config, "trace_id", None),
        prompt=_prompt(getattr(context, "turn_input", None)),
        model=model if isinstance(model, str) else None,
    )


def _prompt(items: Any) -> str | None:
    """What the user said last."""
    for item in reversed(items or ()):
        if isinstance(item, Mapping) and item.get("role") == "user":
            content = item.get("content")
            if isinstance(content, str):
                return content
            texts = (p.get("text") for p in content or () if isinstance(p, Mapping))
            return "\n".join(t for t in texts if isinstance(t, str))
    return None


def model_hooks(
    interlock: Interlock, *, prices: Prices | None = None, **options: Any
) -> RunHooks[Any]:
    """Hooks for ``Runner.run`` that decide on every call of a model, and report what it answered, used
    and cost. What is not permitted ends the run with the error. Of a model that fails the framework
    says nothing: without an outcome the call counts as unknown.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    return ModelHooks(ModelCalls(interlock, "openai-agents", prices, **options))


#: Calls of models that are under way at a time; past it the oldest is left without an outcome.
_UNDERWAY_MAX = 10_000


class ModelHooks(RunHooks[Any]):
    """Decides on calls of models."""

    def __init__(self, calls: ModelCalls) -> None:
        self.calls = calls
        #: Of one run and agent there is one at a time.
        self._underway: dict[tuple[int, str], Underway] = {}

    async def on_llm_start(
        self, context: Any, agent: Any, system_prompt: Any, input_items: Any
    ) -> None:
        config = getattr(context, "run_config", None)
        model = getattr(config, "model", None) or agent.model
        call = model_call(
            model if isinstance(model, str) else getattr(model, "model", None),
            input_items,
            agent=agent.name,
            session=getattr(config, "group_id", None),
            prompt=_prompt(input_items),
        )
        permitted = await self.calls.enforcement.interlock.off_loop(self.calls.begin, call)
        self._underway[id(context), agent.name] = permitted
        while len(self._underway) > _UNDERWAY_MAX:
            self._underway.pop(next(iter(self._underway)))

    async def on_llm_end(self, context: Any, agent: Any, response: Any) -> None:
        permitted = self._underway.pop((id(context), agent.name), None)
        if permitted is not None:
            answer = self.calls.read(_answer, response)
            await self.calls.enforcement.interlock.off_loop(self.calls.ended, permitted, answer)


def _answer(response: Any) -> Answer:
    texts = [
        part.text
        for item in response.output
        for part in getattr(item, "content", None) or ()
        if isinstance(getattr(part, "text", None), str)
    ]
    used = response.usage
    cached = getattr(getattr(used, "input_tokens_details", None), "cached_tokens", 0)
    return Answer("\n".join(texts), usage(used.input_tokens, used.output_tokens, cached))
