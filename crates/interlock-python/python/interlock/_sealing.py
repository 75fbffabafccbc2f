"""Seals what a monitored program has finished with while it goes on: how a step left its files is noted a
second after they were closed, so that what somebody else changes from then on is not taken for the
program's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._undo import Step

#: How long after its operation a step is sealed at the earliest, in seconds.
AFTER_S = 1.0
_EVERY_S = 0.25

_lock = threading.Lock()
#: Held while a step is sealed, so that nobody takes it for one that is not.
_busy = threading.Lock()
_waiting: list[tuple[float, Step, frozenset[str]]] = []
_thread: tuple[int, threading.Thread] | None = None


def later(step: Step, paths: Iterable[str]) -> None:
    """Seals a step, in which something was kept, when none of these files is open any more."""
    global _thread
    with _lock:
        if _thread is None or _thread[0] != os.getpid() or not _thread[1].is_alive():
            # In a forked child the parent's steps are the parent's.
            if _thread is not None and _thread[0] != os.getpid():
                _waiting.clear()
            _thread = (os.getpid(), threading.Thread(target=_run, daemon=True, name="interlock-seal"))
            start = _thread[1]
        else:
            start = None
        _waiting.append((time.monotonic() + AFTER_S, step, frozenset(paths)))
    if start is not None:
        start.start()


def taken(steps: Iterable[Step]) -> None:
    """Forgets steps that are sealed by whoever began them."""
    mine = {id(step) for step in steps}
    with _busy, _lock:
        _waiting[:] = [found for found in _waiting if id(found[1]) not in mine]


def _run() -> None:
    from ._monitor import unmonitored

    with unmonitored():
        while True:
            time.sleep(_EVERY_S)
            with _lock:
                if not _waiting:
                    # Whoever adds one now finds that this thread has ended.
                    global _thread
                    _thread = None
                    return
                due = [found for found in _waiting if found[0] <= time.monotonic()]
            if due:
                _seal(due)


def _seal(due: list[tuple[float, Step, frozenset[str]]]) -> None:
    held = _open_files()
    for found in due:
        if not held.isdisjoint(os.path.realpath(path) for path in found[2]):
            continue
        with _busy:
            with _lock:
                if found not in _waiting:
                    continue
                _waiting.remove(found)
            found[1].seal()


def _open_files() -> set[str]:
    """The files that this process has open or mapped."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        for line in maps:
            # Address, rights, offset, device, inode, path (`proc(5)`).
            parts = line.rstrip("\n").split(None, 5)
            if len(parts) == 6 and "w" in parts[1]:
                found.add(parts[5])
    return found
