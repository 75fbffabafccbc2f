"""LangGraph: the node that runs tools.

``guard_node`` gives back a ``ToolNode`` whose tools are checked before they run. A call that is not
permitted becomes a ``ToolMessage`` with the status ``error``; thread, step and the user's last
message go into the decision.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from ._enforcement import entered
from ._requirement import require

require("langgraph", "1.2", "2")

from langgraph.prebuilt import ToolNode  # noqa: E402

from . import langchain as _langchain  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock


def guard_node(interlock: Interlock, node: ToolNode, **options: Any) -> ToolNode:
    """The same node, its tools checked; ``options`` as for ``langchain.guard_tools``."""
    enforcement = _langchain._enforcement(interlock, "langgraph", options)
    made = copy.copy(node)
    made._tools_by_name = {
        name: _langchain.guarded(enforcement, tool) for name, tool in node.tools_by_name.items()
    }
    own, own_async = node._wrap_tool_call, node._awrap_tool_call

    def known(request: Any) -> Any:
        """A wrapper may bring a tool of its own."""
        if request.tool is None:
            return request
        return request.override(tool=_langchain.guarded(enforcement, request.tool))

    def wrap(request: Any, execute: Callable[[Any], Any]) -> Any:
        with entered(_langchain.surroundings, _langchain.seen(request.state)):
            if own is None:
                return execute(known(request))
            return own(request, lambda inner: execute(known(inner)))

    async def awrap(request: Any, execute: Callable[[Any], Awaitable[Any]]) -> Any:
        async def run(inner: Any) -> Any:
            return await execute(known(inner))

        with entered(_langchain.surroundings, _langchain.seen(request.state)):
            return await (run(request) if own_async is None else own_async(request, run))

    made._wrap_tool_call = wrap
    # A node that has only a synchronous wrapper uses it for both.
    made._awrap_tool_call = awrap if own is None or own_async is not None else None
    # The node's own functions are bound to the node that was copied.
    made.func, made.afunc = made._func, made._afunc
    return made
