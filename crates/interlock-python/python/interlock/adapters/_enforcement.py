"""One call of a framework's tool: checked, run once, its result looked at before the agent sees it.

What is here knows no framework. An adapter describes a call, says how to run it, and turns a
refusal into what its framework takes for the error of a tool.
"""

from __future__ import annotations

import collections
import contextlib
import copy
import dataclasses
import hashlib
import inspect
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from .. import _approval, _guard, _scope, _undo
from ..errors import (
    ConfigurationError,
    Denied,
    InterlockError,
    ResultWithheld,
    Unavailable,
)
from ._text import text_of

if TYPE_CHECKING:
    from .._client import Interlock
    from .._core import Decision, Outcome

T = TypeVar("T")

#: ``"tell"``: the agent gets a short text in place of a result. ``"raise"``: the typed error is
#: raised; some frameworks turn every exception of a tool into a text for the agent.
OnBlock = Literal["tell", "raise"]

#: What becomes of a result that carries instructions. ``"policy"``: it is asked about as an action
#: of the type ``tool_result`` and handed on where that is allowed. ``"withhold"``: it is not handed
#: on. ``"pass"``: it is; the session counts as tainted all the same.
OnInjection = Literal["policy", "withhold", "pass"]

#: One value for all tools, or values by the name of the tool.
ByTool = Union[T, Mapping[str, T]]

#: The type of the action that asks whether a result with instructions is handed on.
RESULT_ACTION = "tool_result"

#: Bytes of the id of a call that is used as it is; a longer one is hashed.
_KEY_BYTES_MAX = 200
#: Ids of calls that are remembered, to tell a second call with the same id.
_CALLS_MAX = 10_000
#: Characters of the user's task that are shown to a decision.
_PROMPT_CHARACTERS = 8_192

logger = logging.getLogger("interlock")


@dataclasses.dataclass(frozen=True)
class Call:
    """What a framework says of one call of a tool."""

    tool: str
    arguments: Mapping[str, Any]
    #: The id that the model gave the call.
    id: str | None = None
    #: What makes the id unique beyond this process: a run, a thread and its step.
    within: str | None = None
    #: The framework's names; they hold where neither scope nor Interlock has one.
    agent: str | None = None
    session: str | None = None
    run: str | None = None
    step: int | None = None
    #: What the user asked for, if the framework shows it to tools.
    prompt: str | None = None
    model: str | None = None


def _succeeded(_: Any) -> bool:
    return False


def _status(failed: bool) -> str:
    return "failed" if failed else "succeeded"


@dataclasses.dataclass(frozen=True)
class _Permitted:
    call: Call
    guard: _guard.Guard
    decision: Decision
    #: What the tool is called with: as asked, or redacted.
    arguments: Mapping[str, Any]
    #: How the call is undone.
    effects: _undo.Effects
    started: float

    def latency_ms(self) -> int:
        """How long ago it was permitted."""
        return round((time.monotonic() - self.started) * 1000)


class Enforcement:
    """How the calls of one framework's tools are decided on."""

    def __init__(
        self,
        interlock: Interlock,
        framework: str,
        *,
        action_type: ByTool[str] = "custom",
        resource: ByTool[_guard.Resource] = None,
        cost_usd: ByTool[_guard.Cost] = None,
        approval: _approval.Channel = None,
        approval_timeout: float | None = None,
        undo: ByTool[Callable[..., Any] | None] = None,
        writes: ByTool[_undo.Writes] = None,
        on_block: OnBlock = "tell",
        on_injection: OnInjection = "policy",
        interruptions: tuple[type[BaseException], ...] = (),
    ) -> None:
        """``interruptions`` are exceptions by which the framework pauses a tool."""
        if on_block not in ("tell", "raise"):
            raise ConfigurationError(
                f'`on_block` must be "tell" or "raise", not {on_block!r}', "config.invalid"
            )
        if on_injection not in ("policy", "withhold", "pass"):
            raise ConfigurationError(
                f'`on_injection` must be "policy", "withhold" or "pass", not {on_injection!r}',
                "config.invalid",
            )
        self.interlock = interlock
        self.framework = framework
        self.on_block = on_block
        self.on_injection = on_injection
        self._action_type = action_type
        self._resource = resource
        self._cost_usd = cost_usd
        if (undo is not None or writes is not None) and interlock.undo_journal is None:
            raise ConfigurationError(
                "`undo` and `writes` need what is kept: Interlock was made with `undo=False`",
                "undo.off",
            )
        self._undo, self._writes = undo, writes
        self._approval = _approval.checked(approval if approval is not None else interlock.approval)
        self._approval_timeout = (
            interlock.approval_timeout if approval_timeout is None else approval_timeout
        )
        self._interruptions = interruptions
        self._process = uuid.uuid4().hex
        self._calls: collections.OrderedDict[str, int] = collections.OrderedDict()
        self._lock = threading.Lock()

    # -- running --------------------------------------------------------------------------------

    def run(
        self,
        call: Call,
        invoke: Callable[[Mapping[str, Any]], T],
        text: Callable[[T], str | None] = text_of,
        failed: Callable[[T], bool] = _succeeded,
    ) -> T:
        """What ``invoke`` returns for the arguments that it may use.

        ``text`` is what the agent would read of the result, ``failed`` whether it tells of a failure.
        Raises an InterlockError when it did not run, or (ResultWithheld) its result stays here.
        """
        permitted = self._permit(call)
        try:
            with permitted.effects:
                result = invoke(permitted.arguments)
        except BaseException as error:
            self._failed(permitted, error)
            raise
        self._finished(permitted, _status(failed(result)), text(result), result)
        return result

    async def arun(
        self,
        call: Call,
        invoke: Callable[[Mapping[str, Any]], Awaitable[T]],
        text: Callable[[T], str | None] = text_of,
        failed: Callable[[T], bool] = _succeeded,
    ) -> T:
        """As :meth:`run`, without holding up the event loop."""
        off_loop = self.interlock.off_loop
        permitted = await off_loop(self._permit, call)
        try:
            with permitted.effects:
                result = await invoke(permitted.arguments)
        except BaseException as error:
            await off_loop(self._failed, permitted, error)
            raise
        await off_loop(self._finished, permitted, _status(failed(result)), text(result), result)
        return result

    async def astream(
        self,
        call: Call,
        invoke: Callable[[Mapping[str, Any]], AsyncIterator[T]],
        text: Callable[[T], str | None] = text_of,
        failed: Callable[[T], bool] = _succeeded,
    ) -> AsyncIterator[T]:
        """The items of a tool whose last item is its result, which is looked at before it is given."""
        off_loop = self.interlock.off_loop
        permitted = await off_loop(self._permit, call)
        last: list[T] = []
        try:
            async for item in invoke(permitted.arguments):
                if last:
                    yield last.pop()
                last.append(item)
        except BaseException as error:
            await off_loop(self._failed, permitted, error)
            raise
        status = _status(bool(last) and failed(last[0]))
        result = last[0] if last else None
        await off_loop(self._finished, permitted, status, text(last[0]) if last else None, result)
        for item in last:
            yield item

    def told(self, error: InterlockError) -> str:
        """What the agent is told in place of a result; raises the error where that is asked for."""
        if self.on_block == "raise" or isinstance(error, ConfigurationError):
            raise error
        if isinstance(error, (Denied, ResultWithheld)):
            return str(error)
        if isinstance(error, Unavailable):
            logger.error("a tool did not run, there is no decision: %s", error)
        return "this action could not be checked and did not run"

    # -- deciding -------------------------------------------------------------------------------

    def _permit(self, call: Call) -> _Permitted:
        guard = self._guard(call, _of(self._action_type, call.tool, "custom"))
        guard.resource = _of(self._resource, call.tool, None)
        guard.cost_usd = _of(self._cost_usd, call.tool, None)
        guard.undo = _of(self._undo, call.tool, None)
        guard.writes = _of(self._writes, call.tool, None)
        guard.about["idempotency_key"] = self._key(call)
        arguments = call.arguments

        def taken(changed: dict[str, Any]) -> None:
            nonlocal arguments
            arguments = changed

        decision = guard.permit(arguments, edit=taken)
        if decision.arguments is not None:
            redacted = decision.arguments
            arguments = {
                name: _guard._redacted(value, redacted[name]) for name, value in arguments.items()
            }
        # What undoes it gets the arguments that the tool got.
        effects = guard.effects(_guard.Call(None, 0, (), dict(arguments)), decision)
        effects.begin()
        return _Permitted(call, guard, decision, arguments, effects, time.monotonic())

    def _guard(self, call: Call, action_type: str) -> _guard.Guard:
        guard = _guard.Guard(
            self.interlock,
            call.tool,
            action_type=action_type,
            resource=None,
            cost_usd=None,
            approval=self._approval,
            approval_timeout=self._approval_timeout,
        )
        given = _scope.current().within(self.interlock._defaults)
        agent, session = given.agent, given.session
        if agent is None and call.agent is not None:
            agent = call.agent
        if session is None and call.session is not None:
            # A session of one agent that turns up at another looks stolen.
            session = _bounded(f"{call.session}:{agent}")
        context: dict[str, Any] = {"framework": self.framework}
        if call.prompt:
            context["prompt"] = _unicode(call.prompt[:_PROMPT_CHARACTERS])
        if call.model:
            context["model"] = call.model
        guard.about = {
            "agent": agent,
            "session": session,
            "run": given.run or (_bounded(call.run) if call.run else None),
            "step": call.step,
            "context": context,
            "metadata": {"tool_call_id": _bounded(call.id)} if call.id else None,
        }
        return guard

    def _key(self, call: Call) -> str | None:
        """The idempotency key of a call. The same id again in this process is another call: models
        and frameworks use ids twice, and a stored answer would not be charged."""
        if not call.id:
            return None
        key = f"{self.framework}:{call.within or self._process}:{call.tool}:{call.id}"
        with self._lock:
            times = self._calls.pop(key, 0) + 1
            self._calls[key] = times
            while len(self._calls) > _CALLS_MAX:
                self._calls.popitem(last=False)
        return _bounded(key if times == 1 else f"{key}:{self._process}:{times}")

    # -- outcomes -------------------------------------------------------------------------------

    def _failed(self, permitted: _Permitted, error: BaseException) -> None:
        """Reports a failure; its text goes to the agent in most frameworks, so it is scanned too."""
        stopped = not isinstance(error, Exception) or isinstance(error, self._interruptions)
        try:
            self._finished(
                permitted, "unknown" if stopped else "failed", None if stopped else str(error)
            )
        except ResultWithheld as withheld:
            raise withheld from None

    def _finished(
        self, permitted: _Permitted, status: str, text: str | None, result: Any = None
    ) -> None:
        permitted.effects.end(result, happened=status == "succeeded")
        outcome = self.interlock.report(
            permitted.decision,
            status,
            latency_ms=permitted.latency_ms(),
            result=text,
        )
        if not text or self.on_injection == "pass":
            return
        # Without an outcome nobody has looked at the text.
        if outcome is not None and not outcome.tainted:
            return
        if self.on_injection == "withhold" or not self._handed_on(permitted, text, outcome):
            raise ResultWithheld(permitted.decision, outcome)

    def _handed_on(self, permitted: _Permitted, text: str, outcome: Outcome | None) -> bool:
        """Whether policy lets the agent see a result that carries instructions."""
        guard = self._guard(permitted.call, RESULT_ACTION)
        shown = _unicode(text[: _guard.RESULT_CHARACTERS])
        try:
            decision = guard.permit({"result": shown}, redact=False)
        except InterlockError as refusal:
            if not isinstance(refusal, Denied):
                logger.error("nobody decided about a result, it is withheld: %s", refusal)
            return False
        self.interlock.report(decision, "succeeded")
        # What only the reader of results found, such as hidden markup, policy was not shown.
        return outcome is None or any(f["vector"] == _INJECTION for f in decision.findings)


_INJECTION = "prompt_injection"


def _of(values: Any, tool: str, default: Any) -> Any:
    if isinstance(values, Mapping):
        return values.get(tool, default)
    return values


def _bounded(id: str) -> str:
    id = _unicode(id)
    if len(id.encode()) <= _KEY_BYTES_MAX:
        return id
    return hashlib.sha256(id.encode()).hexdigest()


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def defaults_of(function: Any) -> dict[str, Any]:
    """What ``function`` fills in by itself: a decision is about that too. Only plain values."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    plain = (type(None), bool, int, float, str, list, tuple, dict)
    return {
        p.name: p.default
        for p in parameters
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and type(p.default) in plain
    }


def swapped(tool: T, made: type, **attributes: Any) -> T:
    """A copy of ``tool`` whose class is ``made``, a subclass of its own."""
    guarded = copy.copy(tool)
    # Models refuse attributes that are no fields.
    object.__setattr__(guarded, "__class__", made)
    for name, value in attributes.items():
        object.__setattr__(guarded, name, value)
    return guarded


@contextlib.contextmanager
def entered(variable: Any, value: Any) -> Iterator[None]:
    """``variable`` has ``value`` for a while."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
