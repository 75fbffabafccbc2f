"""Interlock in the agent's process: decide on every action before it runs.

>>> from interlock import Interlock
>>> il = Interlock(agent="billing-bot")          # policies: the default bundle
>>> @il.guard(action_type="database_write")
... def run_sql(sql): ...
"""

from ._client import Interlock, guard, mask_pii
from ._core import Approval, Decision, Outcome, Policies, Verdict, __version__
from ._run import Run
from ._undo import RollbackReport, UndoLimits, UndoStep
from .errors import (
    ApprovalDenied,
    ApprovalRequired,
    ApprovalTimeout,
    Blocked,
    BudgetExceeded,
    CircuitOpen,
    ConfigurationError,
    Denied,
    Diverged,
    InterlockError,
    InvalidAction,
    LimitExceeded,
    LoopDetected,
    OutcomeUnknown,
    ResultNotStored,
    RollbackStopped,
    RunError,
    RunPaused,
    SandboxConflict,
    SandboxError,
    StepFailed,
    ResultWithheld,
    Unavailable,
)
from .sandbox import Change, Sandbox

__all__ = [
    "Approval",
    "ApprovalDenied",
    "ApprovalRequired",
    "ApprovalTimeout",
    "Blocked",
    "BudgetExceeded",
    "Change",
    "CircuitOpen",
    "ConfigurationError",
    "Decision",
    "Denied",
    "Diverged",
    "Interlock",
    "InterlockError",
    "InvalidAction",
    "LimitExceeded",
    "LoopDetected",
    "Outcome",
    "OutcomeUnknown",
    "Policies",
    "ResultNotStored",
    "RollbackReport",
    "RollbackStopped",
    "Run",
    "RunError",
    "RunPaused",
    "Sandbox",
    "SandboxConflict",
    "SandboxError",
    "StepFailed",
    "ResultWithheld",
    "Unavailable",
    "UndoLimits",
    "UndoStep",
    "Verdict",
    "__version__",
    "guard",
    "mask_pii",
]
