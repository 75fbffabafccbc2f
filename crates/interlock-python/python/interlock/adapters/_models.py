"""Calls of models: decided on before they are made, and what came of them on record.

A call is an action of the type ``llm_call`` on the model's name. Its outcome has the answer's text,
which is scanned, how long it took and what it cost, so that an agent's budget counts it; what it used
of tokens is a report beside it. What is known only afterwards is not made up before: without a price
there is no cost, without a count no tokens.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, Union

from .._undo import rolling
from ..errors import ConfigurationError, InterlockError
from ._enforcement import Call, Enforcement
from ._text import text_of

if TYPE_CHECKING:
    from .._client import Interlock
    from .._core import Decision
    from .._guard import Guard

T = TypeVar("T")
R = TypeVar("R")

#: The type of the action that a call of a model is.
MODEL_ACTION = "llm_call"
#: The tool under which calls of models are on record, and what they used.
TOOL, USAGE_TOOL = "model", "model.usage"

Amount = Union[int, float, str, Decimal]

#: US dollars for a million tokens that go in and that come out, by the model's name or a pattern of
#: names (``gpt-*``); a third amount is for those that go in and were cached.
Prices = Mapping[str, "tuple[Amount, Amount] | tuple[Amount, Amount, Amount]"]

#: Tokens of one call, and US dollars for a million of them: what is more is a mistake.
TOKENS_MAX, PRICE_MAX = 10**12, 10**6

_MILLION = Decimal(1_000_000)
#: An amount has nine decimals.
_NANO = Decimal("0.000000001")

logger = logging.getLogger("interlock")


@dataclasses.dataclass(frozen=True)
class Usage:
    """Tokens of one call; those that were cached are among those that went in."""

    input: int
    output: int
    cached: int = 0


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a model answered."""

    text: str | None
    usage: Usage | None = None
    #: Its name, where the answer says it better than the question.
    model: str | None = None


@dataclasses.dataclass(frozen=True)
class Underway:
    """A call that was permitted."""

    call: Call
    guard: Guard
    decision: Decision
    started: float

    def latency_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)


def usage(input: Any, output: Any, cached: Any = 0) -> Usage | None:
    """The counts that a framework gives, where it gives any."""
    counts = [
        n if type(n) is int and 0 <= n <= TOKENS_MAX else None for n in (input, output, cached or 0)
    ]
    if counts[0] is None or counts[1] is None or counts[0] + counts[1] == 0:
        return None
    return Usage(counts[0], counts[1], min(counts[2] or 0, counts[0]))


class ModelCalls:
    """How one framework's calls of models are decided on and reported."""

    def __init__(
        self, interlock: Interlock, framework: str, prices: Prices | None, **options: Any
    ) -> None:
        self.enforcement = Enforcement(interlock, framework, **options)
        self._prices: list[tuple[str, tuple[Decimal, ...]]] = []
        for name, amounts in (prices or {}).items():
            if not isinstance(amounts, (tuple, list)) or len(amounts) not in (2, 3):
                raise ConfigurationError(
                    f"`prices` of `{name}` must be two or three amounts, not {amounts!r}",
                    "config.invalid",
                )
            try:
                exact = tuple(Decimal(str(amount)) for amount in amounts)
            except ArithmeticError:
                exact = ()
            if not exact or not all(a.is_finite() and 0 <= a <= PRICE_MAX for a in exact):
                raise ConfigurationError(
                    f"`prices` of `{name}` must be amounts from 0 to {PRICE_MAX}, not {amounts!r}",
                    "config.invalid",
                )
            self._prices.append((name, exact))

    def cost(self, model: str, used: Usage | None) -> Decimal | None:
        """What a call cost, rounded up; `None` where the price or the count is not known."""
        if used is None:
            return None
        names = [name for name, _ in self._prices]
        found = names.index(model) if model in names else next(
            (at for at, name in enumerate(names) if fnmatch.fnmatchcase(model, name)), None
        )
        if found is None:
            return None
        of_input, of_output, *rest = self._prices[found][1]
        of_cached = rest[0] if rest else of_input
        total = (used.input - used.cached) * of_input + used.cached * of_cached
        total += used.output * of_output
        return (total / _MILLION).quantize(_NANO, rounding="ROUND_CEILING")

    # -- around a call ----------------------------------------------------------------------------

    def begin(self, call: Call) -> Underway:
        """The decision under which a model may be called; raises if there is none."""
        model = call.model or "unknown"
        guard = self.enforcement._guard(call, MODEL_ACTION)
        guard.resource = lambda **_: model
        decision = guard.permit(call.arguments, redact=False)
        return Underway(call, guard, decision, time.monotonic())

    def ended(self, permitted: Underway, answer: Answer) -> None:
        """Reports what a model answered. It has happened: what fails is logged."""
        interlock = self.enforcement.interlock
        model = answer.model or permitted.call.model or "unknown"
        cost = self.cost(model, answer.usage)
        interlock.report(
            permitted.decision,
            "succeeded",
            latency_ms=permitted.latency_ms(),
            cost_usd=cost,
            result=answer.text or None,
        )
        used = answer.usage
        if used is None or rolling():
            return
        arguments: dict[str, Any] = {
            "decision": permitted.decision.id,
            "input_tokens": used.input,
            "output_tokens": used.output,
            "cached_tokens": used.cached,
        }
        if cost is not None:
            arguments["cost_usd"] = str(cost)
        about = permitted.guard.about
        try:
            interlock.check(
                MODEL_ACTION,
                model,
                tool=USAGE_TOOL,
                arguments=arguments,
                agent=about["agent"],
                session=about["session"],
                run=about["run"],
                context={"framework": self.enforcement.framework},
                reported=True,
            )
        except InterlockError as error:
            logger.warning("the tokens of %s are not on record: %s", permitted.decision.id, error)

    def failed(self, permitted: Underway, error: BaseException) -> None:
        """Reports that a model gave no answer."""
        stopped = not isinstance(error, Exception)
        self.enforcement.interlock.report(
            permitted.decision,
            "unknown" if stopped else "failed",
            latency_ms=permitted.latency_ms(),
        )

    def run(self, call: Call, invoke: Callable[[], T], read: Callable[[T], Answer]) -> T:
        """What ``invoke`` answers; ``read`` says what of it is reported."""
        permitted = self.begin(call)
        try:
            result = invoke()
        except BaseException as error:
            self.failed(permitted, error)
            raise
        self.ended(permitted, self.read(read, result))
        return result

    async def arun(
        self, call: Call, invoke: Callable[[], Awaitable[T]], read: Callable[[T], Answer]
    ) -> T:
        """As :meth:`run`, without holding up the event loop."""
        off_loop = self.enforcement.interlock.off_loop
        permitted = await off_loop(self.begin, call)
        try:
            result = await invoke()
        except BaseException as error:
            await off_loop(self.failed, permitted, error)
            raise
        await off_loop(self.ended, permitted, self.read(read, result))
        return result

    def stream(
        self, call: Call, invoke: Callable[[], Iterator[T]], read: Callable[[T], Answer | None]
    ) -> Iterator[T]:
        """As :meth:`astream`, decided before this returns."""
        permitted = self.begin(call)

        def items() -> Iterator[T]:
            answer = None
            try:
                for item in invoke():
                    answer = self.read(read, item) or answer
                    yield item
            except BaseException as error:
                self._left(permitted, answer, error)
                raise
            self._left(permitted, answer, GeneratorExit())

        return items()

    def _left(self, permitted: Underway, answer: Answer | None, error: BaseException) -> None:
        if answer is None:
            self.failed(permitted, error)
        else:
            self.ended(permitted, answer)

    async def astream(
        self,
        call: Call,
        invoke: Callable[[], AsyncIterator[T]],
        read: Callable[[T], Answer | None],
    ) -> AsyncIterator[T]:
        """The items of a stream, of which the one that ``read`` understands is the answer. One that
        was left before it is on record as unknown."""
        off_loop = self.enforcement.interlock.off_loop
        permitted = await off_loop(self.begin, call)
        answer = None
        try:
            async for item in invoke():
                answer = self.read(read, item) or answer
                yield item
        except BaseException as error:
            # The loop may be going down.
            self._left(permitted, answer, error)
            raise
        await off_loop(self._left, permitted, answer, GeneratorExit())

    @staticmethod
    def read(read: Callable[[T], R], result: T) -> R | Answer:
        """What is reported of an answer. A form that is not known takes nothing from the agent."""
        try:
            return read(result)
        except Exception as error:
            # Not the error's own text, which may quote the answer.
            logger.error(
                "the answer of a model cannot be read (%s): its text is not on record",
                type(error).__name__,
            )
            return Answer(None)


def model_call(model: str | None, messages: Any = None, **about: Any) -> Call:
    """A call of a model, with how much it is shown."""
    arguments: dict[str, Any] = {"model": model or "unknown"}
    if messages is not None:
        arguments["messages"] = len(messages)
        # What is asked again, as it was, is a loop; what is asked about more is none.
        arguments["characters"] = len(text_of(list(messages)) or "")
    return Call(tool=TOOL, arguments=arguments, model=model, **about)
