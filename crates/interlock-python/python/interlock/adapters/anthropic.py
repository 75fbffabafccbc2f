"""Anthropic SDK: the tools of the tool runner (``beta_tool``, ``beta_async_tool``, built-in ones).

A call that is not permitted raises ``ToolError``, which the runner sends as a result with
``is_error``. The runner turns every exception of a tool into such a result: under
``on_block="raise"`` the error is raised by ``call``, and a runner still only tells the model.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement, defaults_of, swapped
from ._requirement import require

require("anthropic", "2.12", "3")

from anthropic import beta_async_tool, beta_tool  # noqa: E402
from anthropic.lib.tools import (  # noqa: E402
    BetaAsyncBuiltinFunctionTool,
    BetaAsyncFunctionTool,
    BetaBuiltinFunctionTool,
    BetaFunctionTool,
    ToolError,
)

if TYPE_CHECKING:
    from .._client import Interlock

_FUNCTIONS = (BetaFunctionTool, BetaAsyncFunctionTool)
_SYNC = (BetaFunctionTool, BetaBuiltinFunctionTool)
_ASYNC = (BetaAsyncFunctionTool, BetaAsyncBuiltinFunctionTool)


def guard_tools(interlock: Interlock, tools: Iterable[Any], **options: Any) -> list[Any]:
    """The same tools, checked before they run; functions become tools as ``@beta_tool`` makes them.

    ``options``: ``action_type``, ``resource`` and ``cost_usd`` (one for all tools, or by the tool's
    name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
    """
    enforcement = Enforcement(interlock, "anthropic", **options)
    return [_guarded(enforcement, tool) for tool in tools]


def _guarded(enforcement: Enforcement, tool: Any) -> Any:
    if inspect.isroutine(tool):
        tool = beta_async_tool(tool) if inspect.iscoroutinefunction(tool) else beta_tool(tool)
    if not isinstance(tool, _SYNC + _ASYNC):
        raise ConfigurationError(
            f"`{type(tool).__name__}` is no tool that runs in this process, so it cannot be checked "
            "here",
            "adapter.tool",
        )
    base = type(tool)
    members: dict[str, Any] = {"__module__": base.__module__, "__qualname__": base.__qualname__}

    filled_in = defaults_of(tool.func) if isinstance(tool, _FUNCTIONS) else {}

    def described(self: Any, input: Any) -> Call:
        if not isinstance(input, dict):
            return Call(tool=self.name, arguments={"input": input})
        return Call(tool=self.name, arguments={**filled_in, **input})

    def passed(arguments: Mapping[str, Any], input: Any) -> Any:
        return dict(arguments) if isinstance(input, dict) else arguments["input"]

    if isinstance(tool, _SYNC):

        def call(self: Any, input: object) -> Any:
            def invoke(arguments: Mapping[str, Any]) -> Any:
                return _whole(base.call(self, passed(arguments, input)))

            try:
                return enforcement.run(described(self, input), invoke)
            except InterlockError as error:
                raise ToolError(enforcement.told(error)) from error

        members["call"] = call
    else:

        async def acall(self: Any, input: object) -> Any:
            async def invoke(arguments: Mapping[str, Any]) -> Any:
                return _whole(await base.call(self, passed(arguments, input)))

            try:
                return await enforcement.arun(described(self, input), invoke)
            except InterlockError as error:
                raise ToolError(enforcement.told(error)) from error

        members["call"] = acall
    made = swapped(tool, type(base)(base.__name__, (base,), members))
    if isinstance(tool, _FUNCTIONS):
        # Who calls the tool like the function that it was made of is asked, too.
        made.func = _function(made, tool.func)
    return made


def _whole(result: Any) -> Any:
    """The result, with an iterable of blocks made a list: reading it must not use it up."""
    return result if isinstance(result, (str, list, tuple, dict)) or result is None else list(result)


def _function(made: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)

    def named(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        return dict(signature.bind(*args, **kwargs).arguments)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            return await made.call(named(args, kwargs))

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        return made.call(named(args, kwargs))

    return synchronous
