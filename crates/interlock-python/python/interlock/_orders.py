"""Rollbacks that a server orders of the clients that decide by its policies.

An order comes with a lease, after the pause of its agent. The process that owns the data directory
takes it, if something of the agent is kept there: the server gives an order to one directory alone.
How far it has come is written down before every step, so that a process that is killed in between
neither forgets an order that it took nor undoes more than was ordered.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

from . import _monitor
from .errors import InterlockError, RollbackStopped

if TYPE_CHECKING:
    from ._client import Interlock
    from ._undo import RollbackReport

logger = logging.getLogger("interlock")

#: How often it is looked whether there is an order, in seconds: no question to the server.
LOOK = 0.25
#: How long a process that ends waits for what is under way, in seconds.
PATIENCE = 10.0


class Orders:
    """What takes and carries out the orders of one :class:`Interlock`, in a thread of its own."""

    def __init__(self, interlock: Interlock) -> None:
        self._interlock = weakref.ref(interlock)
        self._path = interlock.data / "server" / "rollback.json"
        #: Orders that this process is done with, for leases that were given before.
        self._over: list[str] = []
        #: What was taken and is not over, once it was read.
        self._known: dict[str, Any] | None = None
        self._start()
        _all.add(self)

    def _start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="interlock-orders", daemon=True)
        # What goes on here is the operator's doing, wherever it was started.
        with _monitor.unmonitored():
            self._thread.start()

    def end(self) -> None:
        """Ends the thread, after what it is at."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        with _monitor.unmonitored():
            while not self._stop.wait(LOOK):
                interlock = self._interlock()
                if interlock is None:
                    return
                try:
                    self.look(interlock)
                except Exception as error:
                    logger.error("a rollback that the server ordered has to wait: %s", error)
                    if self._stop.wait(4 * LOOK):
                        return
                del interlock

    def look(self, interlock: Interlock) -> None:
        """Goes on with what was begun, and takes what is new."""
        if interlock.engine.place != "owner":
            return
        taken = self._taken()
        for id, order in list(taken.items()):
            self._go_on(interlock, taken, id, order)
        for id, agent, last in interlock.engine.rollbacks():
            # Done and told; the next lease does not ask for it.
            if id in taken or id in self._over:
                continue
            journal = interlock.undo_journal
            assert journal is not None
            steps = [step.step for step in journal.steps(agent)][-last:]
            if not steps:
                # Whoever kept something of this agent takes it.
                continue
            taken[id] = {"agent": agent, "phase": "asked", "steps": steps}
            self._keep(taken)
            self._go_on(interlock, taken, id, taken[id])

    def _go_on(
        self, interlock: Interlock, taken: dict[str, Any], id: str, order: dict[str, Any]
    ) -> None:
        engine = interlock.engine
        if order["phase"] == "asked":
            if not engine.claim_rollback(id):
                self._forget(taken, id)
                return
            order["phase"] = "claimed"
            self._keep(taken)
        if order["phase"] == "claimed":
            order["result"] = self._carry_out(interlock, order)
            order["phase"] = "told"
            self._keep(taken)
        result = order["result"]
        if not engine.end_rollback(
            id, result["state"], result["undone"], result["irreversible"], result["message"]
        ):
            logger.error("the server does not take what came of rollback %s: %s", id, result)
        self._forget(taken, id)

    def _carry_out(self, interlock: Interlock, order: dict[str, Any]) -> dict[str, Any]:
        """Undoes what is left of the steps that were the last when the order came."""
        journal = interlock.undo_journal
        assert journal is not None
        agent, steps = order["agent"], order["steps"]
        kept = [step.step for step in journal.steps(agent)]
        left = [step for step in steps if step in kept]
        # A process that was killed in between undid these: the journal completes what it began.
        before = len(steps) - len(left)
        if left != kept[len(kept) - len(left) :]:
            newer = [step for step in kept if step > left[-1]]
            why = f"step {newer[0]} of `{agent}` came after what was ordered to be undone"
            return _result("stopped", before, 0, why)
        if not left:
            return _result("done", before, 0, "")
        try:
            report = journal.rollback(len(left), agent, False)
        except RollbackStopped as error:
            return _counted("stopped", error.report, before, str(error))
        except InterlockError as error:
            return _result("failed", before, 0, str(error))
        return _counted("done", report, before, "")

    # -- what was taken ---------------------------------------------------------------------------

    def _taken(self) -> dict[str, Any]:
        if self._known is None:
            try:
                self._known = dict(json.loads(self._path.read_bytes()))
            except FileNotFoundError:
                self._known = {}
        return self._known

    def _keep(self, taken: dict[str, Any]) -> None:
        """Replaces the file as a whole; on disk when this returns."""
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(json.dumps(taken).encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _forget(self, taken: dict[str, Any], id: str) -> None:
        self._over = [*self._over[-OVER_MAX:], id]
        del taken[id]
        self._keep(taken)


#: Orders that are remembered as over.
OVER_MAX = 64


def _result(state: str, undone: int, irreversible: int, message: str) -> dict[str, Any]:
    return {"state": state, "undone": undone, "irreversible": irreversible, "message": message}


def _counted(state: str, report: RollbackReport, before: int, message: str) -> dict[str, Any]:
    return _result(state, before + len(report.undone), len(report.irreversible), message)


_all: weakref.WeakSet[Orders] = weakref.WeakSet()


def _in_child() -> None:
    """A forked child has none of its parent's threads, and may come to own the directory."""
    for orders in list(_all):
        orders._known = None
        orders._start()


os.register_at_fork(after_in_child=_in_child)
