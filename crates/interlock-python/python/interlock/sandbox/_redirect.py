"""Where an operation of what runs in a sandbox goes: what the wrappers of :mod:`._paths` share."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _monitor
from ..errors import SandboxError

if TYPE_CHECKING:
    from .files import Sandboxed


class _Local(threading.local):
    #: Whether this thread is in a wrapper that has seen to where the operation goes.
    redirected = False


_local = _Local()
originals: dict[str, Any] = {}


def original(name: str) -> Any:
    """The function of `os` that a wrapper stands for."""
    return originals.get(name) or getattr(os, name)


def redirected() -> bool:
    """Whether what an audit hook hears comes from a wrapper."""
    return _local.redirected


@contextlib.contextmanager
def redirecting(on: bool = True) -> Iterator[None]:
    """What happens inside goes to the shadow already."""
    was, _local.redirected = _local.redirected, on
    try:
        yield
    finally:
        _local.redirected = was


def here() -> Sandboxed | None:
    """The files of the sandbox that this is called in."""
    monitor = _monitor.current()
    if monitor is None or monitor.sandbox is None or monitor.sandbox.state != "open":
        # When it is over, what only looks sees the files again, and the rest is refused by the hook.
        return None
    return monitor.sandbox.part("files")  # type: ignore[return-value]


def require_open(tool: str, path: Any) -> None:
    """Refuses what comes after the end and has no event that the hook could hear."""
    monitor = _monitor.current()
    if monitor is not None and monitor.sandbox is not None:
        monitor.sandbox.require_open("file_write", shown(path), tool)


def shown(path: Any) -> str:
    """A path as it is told to people."""
    return str(_monitor.path_of(path) or "")


def exists(shadow: Any, name: str) -> bool:
    """Whether the agent sees anything at a path, or what it sees is not what is there."""
    try:
        shadow.stat(name, False)
    except OSError:
        try:
            original("lstat")(name)
        except OSError:
            return False
    return True


def tell(event: str, *args: Any) -> None:
    with redirecting():
        sys.audit(event, *args)


def text(path: Any) -> str:
    name = os.fsdecode(path)
    if "\0" in name:
        raise ValueError("embedded null byte")
    return name


def below(files: Sandboxed, path: Any, directory: int | None) -> str:
    """The path, with that of an open directory in front of it where it counts from there."""
    name = text(path)
    if directory is None or name.startswith("/"):
        return name
    above = files.of_descriptor(directory)
    if above is None:
        # As the system says where that is no open directory.
        original("stat")(name, dir_fd=directory)
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return os.path.join(above, name) if name else name


def do(
    files: Sandboxed, kind: str, tool: str, act: Callable[..., Any], name: str, *args: Any,
    path: Any = None, path2: Any = None,
) -> Any:
    """Has the shadow do something. What it refuses is refused like anything else."""
    files.sandbox.require_open(kind, name, tool, {"path": name})
    try:
        return act(name, *args)
    except OSError as error:
        error.filename = name if path is None else path
        if path2 is not None:
            error.filename2 = path2
        raise
    except SandboxError as error:
        refuse(files, kind, name, tool, error)


def refuse(files: Sandboxed, kind: str, name: str, tool: str, error: Exception) -> NoReturn:
    """Refuses what the shadow cannot do."""
    files.sandbox.refuse(kind, shown(name), tool, {"path": shown(name)}, str(error))


def result(found: tuple[Any, ...]) -> os.stat_result:
    values, nanoseconds, (blksize, blocks, rdev) = found
    more: dict[str, Any] = {"st_blksize": blksize, "st_blocks": blocks, "st_rdev": rdev}
    for name, seconds, parts in zip(("atime", "mtime", "ctime"), values[7:], nanoseconds):
        more[f"st_{name}"] = seconds + parts * 1e-9
        more[f"st_{name}_ns"] = seconds * 1_000_000_000 + parts
    return os.stat_result(values, more)
