"""Files: a shadow tree that what runs in the sandbox reads and writes instead of them.

An audit hook cannot send an operation elsewhere, so that the functions of ``os`` and ``io`` that take
paths are wrapped (:mod:`._paths`). The hook stays behind them as a net: what comes to it without having
gone through a wrapper is refused, or read where the shadow has nothing else. What calls the operating
system itself, such as an extension module that opens a file by its path, is seen by neither.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import _core
from ..errors import SandboxConflict, SandboxError
from . import _children, _frame, _paths, _redirect
from ._frame import Change, Part, Sandbox

if TYPE_CHECKING:
    from .._client import Interlock

#: Events of operations that a wrapper sends to the shadow; on a real path they are too late.
_LATE = {
    "os.remove": "remove",
    "os.rmdir": "rmdir",
    "os.rename": "rename",
    "os.link": "link",
    "os.symlink": "symlink",
    "os.mkdir": "mkdir",
    "os.truncate": "truncate",
    "os.chmod": "chmod",
    "os.chown": "chown",
    "os.utime": "utime",
    "os.setxattr": "setxattr",
    "os.removexattr": "removexattr",
}
#: Events of processes that are not started by `subprocess`.
_PROCESSES = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")


class Sandboxed(Part):
    """The files of a sandbox."""

    name = "files"
    covers = frozenset(
        {"file_read", "file_write", "file_delete", "permission_change", "code_execution"}
    )

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        data = sandbox.interlock.data
        options = sandbox.interlock.options
        self.shadow = _core.Shadow(
            sandbox.directory / "files", [data], sync=options["durability"] == "strict"
        )
        self.upper = self.shadow.upper
        self.children = _children.Children(self)
        self._entered = os.getcwd()
        _paths.install()

    # -- the net --------------------------------------------------------------------------------

    def heard(self, event: str, args: tuple[Any, ...]) -> None:
        """An audit event: what no wrapper sent here must not happen to the files themselves."""
        if _redirect.redirected():
            return
        if event == "open":
            self._opened(*args)
        elif event in _LATE:
            if isinstance(args[0], int) and self.is_ours(args[0]):
                return
            name = _redirect.shown(args[0])
            self._refuse("file_write", name, _LATE[event], "this did not go through the sandbox")
        elif event in _PROCESSES:
            why = "only `subprocess` starts processes in here"
            self._refuse("code_execution", "", event, why)
        elif event in ("os.kill", "os.killpg"):
            self.children.signalled(event, int(args[0]))
        elif event == "sqlite3.connect" and _frame.class_of("databases") is None:
            if args[0] not in (":memory:", b":memory:", ""):
                self._refuse("file_write", _redirect.shown(args[0]), "sqlite3", "no part has databases")

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        from .. import _monitor

        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        name = _redirect.shown(path)
        if name in _monitor.DEVICES:
            return
        if _monitor.writes(mode, flags):
            self._refuse("file_write", name, "open", "this did not go through the sandbox")
        if not self.shadow.is_untouched(name) and _redirect.exists(self.shadow, name):
            self._refuse("file_read", name, "open", "this would not see what the sandbox has")

    def _refuse(self, action_type: str, name: str, tool: str, why: str) -> None:
        self.sandbox.refuse(action_type, name, tool, {"path": name} if name else {}, why)

    # -- paths ----------------------------------------------------------------------------------

    def of_descriptor(self, descriptor: int) -> str | None:
        """The path of an open file or directory as the agent knows it."""
        try:
            name = _redirect.original("readlink")(f"/proc/self/fd/{descriptor}")
        except OSError:
            return None
        return self.shadow.logical(name) if name.startswith("/") else None

    def is_ours(self, descriptor: int) -> bool:
        """Whether an open file is one of the shadow's, or of none: changing it changes no file."""
        name = _redirect.original("readlink")(f"/proc/self/fd/{descriptor}")
        return bool(
            name.startswith(self.upper + "/") or name.endswith(" (deleted)") or name[0] != "/"
        )

    # -- what becomes of it ---------------------------------------------------------------------

    def diff(self) -> list[Change]:
        self.children.adopt()
        return [_change(*found) for found in self.shadow.diff()]

    def prepare(self) -> None:
        self.children.require_ended()
        self.children.adopt()
        _raise_conflicts(self.shadow.conflicts())

    def commit(self) -> None:
        _raise_conflicts(self.shadow.commit())

    def leave(self) -> None:
        here = _redirect.original("getcwd")()
        if here == self.upper or here.startswith(self.upper + "/"):
            _redirect.original("chdir")(self._entered)
        self.children.end()

    def discard(self) -> None:
        """Nothing: it lies in the directory of the sandbox."""

    @classmethod
    def resume(cls, interlock: Interlock, directory: Path) -> bool:
        """Completes a commit that was cut off; whether there was one."""
        path = directory / "files"
        if not path.is_dir():
            return False
        return _core.Shadow(path, [interlock.data]).resume()


def _change(
    how: str, path: str, kind: str, size: int, mode: int, facets: list[str]
) -> Change:
    detail: Mapping[str, Any] = {"kind": kind, "bytes": size, "mode": f"{mode:o}"}
    if facets:
        detail = {**detail, "changed": facets}
    return Change("files", how, path, detail)


def _raise_conflicts(found: list[tuple[str, str]]) -> None:
    if not found:
        return
    path, why = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    raise SandboxConflict(
        f"nothing is committed: `{path}`: {why}{more}", tuple(found)
    )


__all__ = ["SandboxError", "Sandboxed"]
