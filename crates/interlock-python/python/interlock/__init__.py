"""Interlock in the agent's process: decide on every action before it runs.

>>> from interlock import Interlock
>>> il = Interlock(agent="billing-bot")          # policies: the default bundle
>>> @il.guard(action_type="database_write")
... def run_sql(sql): ...
"""

from ._client import Interlock, guard, mask_pii
from ._core import Approval, Decision, Outcome, __version__
from .errors import (
    ApprovalDenied,
    ApprovalRequired,
    ApprovalTimeout,
    Blocked,
    BudgetExceeded,
    CircuitOpen,
    ConfigurationError,
    Denied,
    InterlockError,
    InvalidAction,
    LimitExceeded,
    LoopDetected,
    ResultWithheld,
    Unavailable,
)

__all__ = [
    "Approval",
    "ApprovalDenied",
    "ApprovalRequired",
    "ApprovalTimeout",
    "Blocked",
    "BudgetExceeded",
    "CircuitOpen",
    "ConfigurationError",
    "Decision",
    "Denied",
    "Interlock",
    "InterlockError",
    "InvalidAction",
    "LimitExceeded",
    "LoopDetected",
    "Outcome",
    "ResultWithheld",
    "Unavailable",
    "__version__",
    "guard",
    "mask_pii",
]
