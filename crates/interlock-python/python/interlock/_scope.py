"""Who acts, for whom and within what: inherited by nested calls and by asyncio tasks."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import Decision, Floor


@dataclasses.dataclass(frozen=True)
class Scope:
    """What an action says of its surroundings. ``None`` leaves it to the surrounding scope."""

    agent: str | None = None
    session: str | None = None
    run: str | None = None
    user: str | None = None
    environment: str | None = None
    approval_id: str | None = None
    #: What is asked for beyond the policies.
    floor: Floor | None = None
    #: Makes the exception of a decision that permits nothing. One that goes with the processes that
    #: are started has `inherited`, which can be pickled and makes it there.
    refusal: Callable[[Decision], Exception] | None = None
    #: Whose edited arguments a call here has taken: it is for one.
    taken: set[str] = dataclasses.field(default_factory=set, compare=False, repr=False)

    def within(self, outer: Scope) -> Scope:
        """This scope, completed by the outer one. An approval is for one call: not inherited."""
        return Scope(
            agent=self.agent or outer.agent,
            session=self.session or outer.session,
            run=self.run or outer.run,
            user=self.user or outer.user,
            environment=self.environment or outer.environment,
            approval_id=self.approval_id,
            floor=self.floor or outer.floor,
            refusal=self.refusal or outer.refusal,
        )


_current: contextvars.ContextVar[Scope] = contextvars.ContextVar(
    "interlock_scope", default=Scope()
)


def current() -> Scope:
    """The innermost scope."""
    return _current.get()


@contextlib.contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Makes `scope` the innermost one for a while."""
    inner = scope.within(_current.get())
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)
