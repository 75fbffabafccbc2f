"""Databases in a sandbox."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .._postgres_link import seconds
from . import _sqlite
from ._frame import Change, Part, Sandbox

if TYPE_CHECKING:
    from ._postgres import Box


class Sandboxed(Part):
    """PostgreSQL in a transaction that is rolled back, SQLite in copies."""

    name = "databases"
    covers = frozenset({"database_query", "database_write"})

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self._lock = threading.RLock()
        self._boxes: dict[tuple[tuple[str, str], ...], Box] = {}
        self.copies = _sqlite.Copies(sandbox)
        #: The last decision on a statement.
        self.decision = ""

    def box(self, driver: str, database: str, parameters: dict[str, str], password: str | None) -> Box:
        """The transaction on a database."""
        from . import _postgres

        key = tuple(sorted(parameters.items()))
        with self._lock:
            found = self._boxes.get(key)
            if found is None:
                found = self._boxes[key] = _postgres.Box(self, driver, database, parameters, password)
            if found.driver != driver:
                found.refuse(f"the database is in use through `{found.driver}`")
            return found

    def _each(self) -> list[Any]:
        return [*self._boxes.values(), *self.copies.all()]

    def leave(self) -> None:
        for box in self._boxes.values():
            box.abandon()

    def diff(self) -> list[Change]:
        return [change for one in self._each() for change in one.changes()]

    def prepare(self) -> None:
        for one in self._each():
            one.prepare()

    def commit(self) -> None:
        for one in self._each():
            one.commit_all()

    def discard(self) -> None:
        for one in self._each():
            one.close()
        if self._boxes:
            # Opened again by the last look at what changed.
            seconds.close()
        self._boxes.clear()
        self.copies.clear()
