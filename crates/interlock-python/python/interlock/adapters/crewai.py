"""CrewAI: tools.

A call that is not permitted ends in a ``ToolFailure`` with the text for the agent. Under
``on_block="raise"`` the tool raises the error, and CrewAI's own policy for failures of the tool is
``RAISE``, so that it ends the run with a ``ToolExecutionFailedError``. Results are not cached: what
one agent may read would be answered to another without a decision.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .. import _guard
from ..errors import InterlockError
from ._enforcement import Call, Enforcement, swapped
from ._requirement import require

require("crewai", "1.15", "2")

from crewai.tools import BaseTool  # noqa: E402
from crewai.tools import tool as as_tool  # noqa: E402
from crewai.tools.base_tool import Tool  # noqa: E402
from crewai.tools.tool_failure import ToolFailure, ToolFailurePolicy  # noqa: E402

if TYPE_CHECKING:
    from .._client import Interlock


def guard_tools(
    interlock: Interlock, tools: Iterable[BaseTool | Callable[..., Any]], **options: Any
) -> list[BaseTool]:
    """The same tools, checked before they run; functions become tools as ``@tool`` makes them.

    ``options``: ``action_type``, ``resource`` and ``cost_usd`` (one for all tools, or by the tool's
    name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "crewai", **options)
    return [
        _guarded(enforcement, t if isinstance(t, BaseTool) else as_tool(t)) for t in tools
    ]


def never(*_: Any) -> bool:
    """Whether a result may be answered again without asking."""
    return False


def _guarded(enforcement: Enforcement, tool: BaseTool) -> BaseTool:
    base: Any = type(tool)
    attributes: dict[str, Any] = {"cache_function": never}
    if enforcement.on_block == "raise":
        attributes["tool_failure_policy"] = ToolFailurePolicy.RAISE
    if isinstance(tool, Tool):
        return swapped(tool, base, func=_function(enforcement, tool.name, tool.func), **attributes)
    members: dict[str, Any] = {
        "__module__": base.__module__,
        # Tools are restored by this name: one that was guarded is not restored without its guard.
        "__qualname__": f"{base.__qualname__}.guarded",
        "_run": _function(enforcement, tool.name, base._run, owned=True),
    }
    if base._arun is not BaseTool._arun:
        members["_arun"] = _function(enforcement, tool.name, base._arun, owned=True)
    return swapped(tool, type(base)(base.__name__, (base,), members), **attributes)


def _function(
    enforcement: Enforcement, name: str, function: Callable[..., Any], owned: bool = False
) -> Callable[..., Any]:
    """`function`, checked; the first argument of an owned one is the tool itself."""
    signature = inspect.signature(function)
    skip = 1 if owned else 0

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            call = _guard._Call(signature, skip, args, kwargs)

            async def invoke(arguments: Mapping[str, Any]) -> Any:
                call.replace(arguments)
                return await function(*call.args, **call.kwargs)

            try:
                return await enforcement.arun(Call(name, call.arguments), invoke, failed=_failed)
            except InterlockError as error:
                return ToolFailure(message=enforcement.told(error))

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        call = _guard._Call(signature, skip, args, kwargs)

        def invoke(arguments: Mapping[str, Any]) -> Any:
            call.replace(arguments)
            return function(*call.args, **call.kwargs)

        try:
            return enforcement.run(Call(name, call.arguments), invoke, failed=_failed)
        except InterlockError as error:
            return ToolFailure(message=enforcement.told(error))

    return synchronous


def _failed(result: Any) -> bool:
    return isinstance(result, ToolFailure)
