"""What an agent does inside ``with il.sandbox()``, seen by it as done and by nobody else.

Files go to a shadow tree, statements into a transaction that is rolled back, requests to stubs. Each
of these is a *part*: it shows what would have changed (:meth:`Sandbox.diff`), and does it
(:meth:`Sandbox.commit`) or forgets it. Leaving the ``with`` block forgets everything that was not
committed. What no part covers is refused before it happens.
"""

from typing import TYPE_CHECKING, Any

from ._frame import PARTS, Change, Part, Sandbox, current

if TYPE_CHECKING:
    from ._dry_run import DryRun
    from ._openapi import OpenApi

__all__ = ["PARTS", "Change", "DryRun", "OpenApi", "Part", "Sandbox", "current"]


def __getattr__(name: str) -> Any:
    # What they are made of needs what needs this module.
    if name in ("DryRun", "OpenApi"):
        from . import http

        return getattr(http, name)
    raise AttributeError(name)
