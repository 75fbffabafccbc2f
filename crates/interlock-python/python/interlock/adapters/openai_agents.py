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
from ._requirement import require

require("openai-agents", "0.24", "0.25")

from agents import Agent, FunctionTool  # noqa: E402
from agents.tool_context import ToolContext  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock


def guard_tools(interlock: Interlock, tools: Iterable[Any], **options: Any) -> list[FunctionTool]:
    """The same tools, checked before they run.

    ``options``: ``action_type``, ``resource`` and ``cost_usd`` (one for all tools, or by the tool's
    name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
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
