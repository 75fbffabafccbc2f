"""What Interlock raises.

Everything derives from :class:`InterlockError`. A :class:`Denied` means that the action did not
run; a :class:`ResultWithheld` that it did, and that its result is kept from the agent. The text of
both is safe to show to an agent; ``decision`` tells the operator why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._core import Approval, Decision, Outcome
    from ._undo import RollbackReport

__all__ = [
    "ApprovalDenied",
    "ApprovalRequired",
    "ApprovalTimeout",
    "Blocked",
    "BudgetExceeded",
    "CircuitOpen",
    "ConfigurationError",
    "Denied",
    "Diverged",
    "InterlockError",
    "InvalidAction",
    "LimitExceeded",
    "LoopDetected",
    "OutcomeUnknown",
    "ResultNotStored",
    "RollbackStopped",
    "RunError",
    "RunPaused",
    "SandboxConflict",
    "SandboxError",
    "StepFailed",
    "ResultWithheld",
    "Unavailable",
]


class InterlockError(Exception):
    """Whatever Interlock raises. ``code`` is stable."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        # Across processes; what belongs to this one, such as the decision, stays.
        state = {k: v for k, v in vars(self).items() if isinstance(v, (str, int, float))}
        return _revived, (type(self), str(self), state)


def _revived(cls: type[InterlockError], message: str, state: dict[str, Any]) -> InterlockError:
    """An error of another process: what it says, without its decision."""
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    vars(error).update(state)
    return error


class ConfigurationError(InterlockError):
    """Interlock cannot work as it was asked to."""


class InvalidAction(InterlockError, ValueError):
    """The action cannot be decided on: a field is missing, too large, or of the wrong kind."""


class Unavailable(InterlockError):
    """There is no decision, or it cannot be recorded. The action must not run."""


class RollbackStopped(InterlockError):
    """A rollback ended before its last step. ``report`` says what is undone and what stands in the
    way; the step at which it stopped and older ones are as they were."""

    def __init__(self, message: str, report: RollbackReport) -> None:
        super().__init__(message, "undo.stopped")
        self.report = report


class SandboxError(InterlockError):
    """A sandbox cannot do what its operator asked for."""


class SandboxConflict(SandboxError):
    """What was held back cannot be committed, because what it was based on has changed. Nothing was
    committed; ``targets`` says where and why."""

    def __init__(self, message: str, targets: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message, "sandbox.conflict")
        self.targets = targets


class Denied(InterlockError):
    """The action did not run. In another process than the one that raised it there is no decision."""

    decision: Decision

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.agent_message, decision.code)
        self.decision = decision


class Blocked(Denied):
    """A policy, a limit or a missing capability stands against the action."""


class LimitExceeded(Blocked):
    """A limit of a rule is used up."""

    @property
    def retry_after(self) -> float | None:
        """How long to wait before trying again, in seconds, where that is known."""
        wait = self.decision.retry_after_ms
        return None if wait is None else wait / 1000


class LoopDetected(Blocked):
    """The agent repeats itself."""


class CircuitOpen(Blocked):
    """A circuit breaker is open: calls of this kind failed or were blocked too often."""


class BudgetExceeded(Blocked):
    """A budget is used up."""


class ApprovalRequired(Denied):
    """A person must agree first. ``approval_id`` resumes: pass it to the next check or call."""

    @property
    def approval_id(self) -> str | None:
        return self.decision.approval_id


class ApprovalDenied(Denied):
    """A person said no, or the request ended in another way that gives no grant."""

    def __init__(self, decision: Decision, approval: Approval) -> None:
        super().__init__(decision)
        self.approval = approval


class ApprovalTimeout(ApprovalRequired):
    """Nobody answered in the time the caller waits; the request itself may still be open."""


class OutcomeUnknown(ApprovalRequired):
    """A step began in an earlier life of its run, and nobody knows whether it happened.

    A person who agrees to the approval has it run again; one who knows that it happened says so
    with :meth:`Interlock.settle_step`.
    """


class RunError(InterlockError):
    """A run cannot go on. The step did not run."""


class RunPaused(RunError):
    """The run waits until a person looked at it: :meth:`Interlock.release_run`."""


class Diverged(RunPaused):
    """The run took another step here before, so that it is paused."""


class StepFailed(RunError):
    """The step raised an error in an earlier life, and the run went on from there."""


class ResultNotStored(RunError):
    """The step happened, and its result cannot be stored as JSON: a resumed run would lack it."""


class ResultWithheld(InterlockError):
    """The action ran, and its result is kept from the agent: it carries instructions.

    ``decision`` is the one under which the action ran. ``outcome`` says what was found in the
    result; ``None``: it could not be looked at.
    """

    def __init__(self, decision: Decision, outcome: Outcome | None) -> None:
        super().__init__(
            f"the result of this action is withheld (reference {decision.id})", "result.withheld"
        )
        self.decision = decision
        self.outcome = outcome


_BY_CODE: dict[str, type[Blocked]] = {
    "limit.exceeded": LimitExceeded,
    "loop.detected": LoopDetected,
    "breaker.open": CircuitOpen,
    "budget.exceeded": BudgetExceeded,
}


def denied(decision: Decision) -> Denied:
    """The exception for a decision that permits nothing now."""
    if decision.effect == "require_approval":
        return ApprovalRequired(decision)
    # The first reason need not be the telling one: a limit names the rule first.
    codes = [code for code, _ in decision.reasons]
    for code in codes:
        if code in _BY_CODE:
            return _BY_CODE[code](decision)
    return Blocked(decision)
