"""How a call waits for a person."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable
from typing import Any, Literal, Union

from ._core import Approval, Decision, Engine
from .errors import (
    ApprovalDenied,
    ApprovalRequired,
    ApprovalTimeout,
    ConfigurationError,
    InterlockError,
)

#: ``None``: raise :class:`ApprovalRequired` at once. ``"wait"``: until somebody answers elsewhere.
#: ``"console"``: ask on the terminal. A function: gets the approval, answers yes or no.
Channel = Union[Literal["wait", "console"], Callable[[Approval], bool], None]

#: What a server sends; without one nobody would ever be asked.
_SERVER_CHANNELS = ("slack", "email", "webhook", "teams", "pagerduty")


def checked(channel: Channel, server: bool = False) -> Channel:
    """Refuses a channel that cannot work, before the first call needs it."""
    if server:
        if channel in (None, "wait"):
            return channel
        if channel in _SERVER_CHANNELS:
            # Whom the server asks, and how, is its policies' affair; the call waits.
            return "wait"
        if channel == "console" or callable(channel):
            raise ConfigurationError(
                "the server asks people and takes their answers; "
                'use "wait" or None, and answer at the server',
                "config.approval",
            )
    if channel is None or callable(channel) or channel in ("wait", "console"):
        return channel
    if channel in _SERVER_CHANNELS:
        raise ConfigurationError(
            f'approval="{channel}" needs a server, and this process decides on its own; '
            'use "wait", "console" or a function',
            "config.approval",
        )
    raise ConfigurationError(
        f'`approval` must be "wait", "console", a function or None, not {channel!r}',
        "config.approval",
    )


def edited(approval: Approval) -> dict[str, Any] | None:
    """The arguments that people agreed to, where they changed them."""
    if approval.state != "approved_edited":
        return None
    try:
        arguments = json.loads(json.loads(approval.asked["detail"])["edited_arguments"])
    except (ValueError, KeyError, TypeError) as error:
        raise InterlockError(
            "people agreed to other arguments, and what they are was not told", "approval.edited"
        ) from error
    if not isinstance(arguments, dict):
        raise InterlockError(
            "people agreed to arguments that are no object, so that no tool can take them",
            "approval.edited",
        )
    return arguments


def obtain(
    engine: Engine,
    decision: Decision,
    channel: Channel,
    timeout: float,
    edit: Callable[[dict[str, Any]], None] | None = None,
) -> str:
    """Waits until a person agreed; the id to check with again. Arguments that they changed are
    handed to ``edit``, and must be used.

    Raises ApprovalRequired, ApprovalDenied or ApprovalTimeout.
    """
    id = decision.approval_id
    if channel is None or id is None:
        raise ApprovalRequired(decision)
    if channel == "wait":
        approval = engine.approval(id, round(timeout * 1000))
    else:
        approval = engine.approval(id, 0)
        if approval.pending:
            yes = _console(approval) if channel == "console" else bool(channel(approval))  # type: ignore[operator]
            who = getpass.getuser() if channel == "console" else "callback"
            approval = engine.decide_approval(id, who, yes, "")
    if approval.approved:
        arguments = edited(approval)
        if arguments is not None:
            if edit is None:
                raise InterlockError(
                    "people agreed to other arguments, and this call cannot take them",
                    "approval.edited",
                )
            edit(arguments)
        return id
    if approval.pending:
        raise ApprovalTimeout(decision)
    raise ApprovalDenied(decision, approval)


def _visible(text: str) -> str:
    """The text with everything spelt out that a terminal would not show as it is."""
    return "".join(c if c == " " or (c.isprintable() and c.isascii()) else ascii(c)[1:-1] for c in text)


def _console(approval: Approval) -> bool:
    asked = approval.asked
    if not sys.stdin.isatty():
        raise ConfigurationError(
            'approval="console" needs a terminal, and standard input is none', "config.approval"
        )
    out = sys.stderr
    print(f"\nApproval {approval.id} (until {approval.expires_at})", file=out)
    for name in ("agent", "action_type", "tool", "resource", "reason", "risk"):
        print(f"  {name:12} {_visible(str(asked[name]))}", file=out)
    try:
        for name, value in json.loads(json.loads(asked["detail"])["arguments"]).items():
            print(f"  {_visible(name):12} {_visible(json.dumps(value))}", file=out)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Arguments that are no object, or too long to be shown as one.
        print(f"  {'detail':12} {_visible(asked['detail'])}", file=out)
    print("Let it run? Type `yes` to agree: ", end="", file=out, flush=True)
    return sys.stdin.readline().strip() == "yes"
