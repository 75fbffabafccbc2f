"""Anthropic SDK: the tools of the tool runner (``beta_tool``, ``beta_async_tool``, built-in ones).

A call that is not permitted raises ``ToolError``, which the runner sends as a result with
``is_error``. The runner turns every exception of a tool into such a result: under
``on_block="raise"`` the error is raised by ``call``, and a runner still only tells the model.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement, defaults_of, swapped
from ._models import Answer, ModelCalls, Prices, model_call, usage
from ._requirement import require

require("anthropic", "2.12", "3")

from anthropic import Middleware, beta_async_tool, beta_tool  # noqa: E402
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

    ``options``: ``action_type``, ``resource``, ``cost_usd``, ``undo`` and ``writes`` (one for all
    tools, or by the tool's name), ``approval``, ``approval_timeout``, ``on_block``, ``on_injection``.
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


def model_middleware(
    interlock: Interlock, *, prices: Prices | None = None, **options: Any
) -> Middleware:
    """A middleware for ``Anthropic(middleware=[…])`` that decides on every request for a message, and
    reports what was answered, used and cost. What is not permitted raises out of the call. A message
    that is streamed is on record without its text and its tokens.

    ``prices``: US dollars for a million tokens in and out, by the model's name or a pattern.
    ``options``: ``approval``, ``approval_timeout``.
    """
    return ModelMiddleware(ModelCalls(interlock, "anthropic", prices, **options))


class ModelMiddleware(Middleware):
    """Decides on requests for messages."""

    def __init__(self, calls: ModelCalls) -> None:
        self.calls = calls

    def handle(self, request: Any, call_next: Any) -> Any:
        call = _asked(request)
        if call is None:
            return call_next(request)
        permitted = self.calls.begin(call)
        try:
            response = call_next(request)
            message = None if request.stream or _refused(response) else response.parse()
        except BaseException as error:
            self.calls.failed(permitted, error)
            raise
        if _refused(response):
            self.calls.failed(permitted, _Refused())
        else:
            self.calls.ended(permitted, self.calls.read(_answer, message))
        return response

    async def handle_async(self, request: Any, call_next: Any) -> Any:
        call = _asked(request)
        if call is None:
            return await call_next(request)
        off_loop = self.calls.enforcement.interlock.off_loop
        permitted = await off_loop(self.calls.begin, call)
        try:
            response = await call_next(request)
            message = None if request.stream or _refused(response) else await response.parse()
        except BaseException as error:
            await off_loop(self.calls.failed, permitted, error)
            raise
        if _refused(response):
            await off_loop(self.calls.failed, permitted, _Refused())
        else:
            await off_loop(self.calls.ended, permitted, self.calls.read(_answer, message))
        return response


class _Refused(Exception):
    """The service did not answer with a message."""


def _refused(response: Any) -> bool:
    return not 200 <= response.status_code < 300


def _asked(request: Any) -> Call | None:
    """The call of a model that a request is."""
    body = request.json
    path = str(request.url).partition("?")[0].rstrip("/")
    if not isinstance(body, Mapping) or not path.endswith("/messages") or "model" not in body:
        return None
    given = body.get("messages")
    messages = given if isinstance(given, list) else []
    prompt = None
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                prompt = content
                break
    return model_call(str(body["model"]), messages, prompt=prompt)


def _answer(message: Any) -> Answer:
    if message is None:
        return Answer(None)
    texts = [block.text for block in message.content if getattr(block, "type", "") == "text"]
    used = message.usage
    cached = getattr(used, "cache_read_input_tokens", None) or 0
    # What was read from a cache is not among those that went in.
    written = getattr(used, "cache_creation_input_tokens", None) or 0
    counted = usage(used.input_tokens + cached + written, used.output_tokens, cached)
    return Answer("\n".join(texts), counted, message.model)
