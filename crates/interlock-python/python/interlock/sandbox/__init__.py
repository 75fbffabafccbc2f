"""What an agent does inside ``with il.sandbox()``, seen by it as done and by nobody else.

Files go to a shadow tree, statements into a transaction that is rolled back, requests to stubs. Each
of these is a *part*: it shows what would have changed (:meth:`Sandbox.diff`), and does it
(:meth:`Sandbox.commit`) or forgets it. Leaving the ``with`` block forgets everything that was not
committed. What no part covers is refused before it happens.
"""

from ._frame import PARTS, Change, Part, Sandbox, current

__all__ = ["PARTS", "Change", "Part", "Sandbox", "current"]
