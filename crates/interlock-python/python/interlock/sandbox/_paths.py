"""The functions that take paths, sent to the shadow tree of the sandbox that they are called in.

Each tells the audit hooks what it is about to do, with the event and the arguments of the function that
it stands for, so that policies decide as they do elsewhere; then the shadow does it.
"""

from __future__ import annotations

import _io
import builtins
import errno
import functools
import gc
import io
import os
import posix
import stat as stat_module
import subprocess
import sys
import threading
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _monitor
from ._redirect import (
    below,
    do,
    here,
    original,
    originals,
    redirecting,
    require_open,
    result,
    shown,
    tell,
    text,
)

if TYPE_CHECKING:
    from .files import Sandboxed


# -- what looks -----------------------------------------------------------------------------------


def _stat(was: Any, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
    files = here()
    if files is None or isinstance(path, int):
        return was(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    name = below(files, path, dir_fd)
    found = do(files, "file_read", "stat", files.shadow.stat, name, follow_symlinks, path=path)
    return result(found)


def _lstat(was: Any, path: Any, *, dir_fd: int | None = None) -> Any:
    files = here()
    if files is None:
        return was(path, dir_fd=dir_fd)
    name = below(files, path, dir_fd)
    return result(do(files, "file_read", "lstat", files.shadow.stat, name, False, path=path))


def _access(
    was: Any,
    path: Any,
    mode: int,
    *,
    dir_fd: int | None = None,
    effective_ids: bool = False,
    follow_symlinks: bool = True,
) -> bool:
    files = here()
    if files is None:
        return was(  # type: ignore[no-any-return]
            path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks
        )
    try:
        files.shadow.access(below(files, path, dir_fd), mode, effective_ids, follow_symlinks)
    except OSError:
        return False
    return True


def _listed(files: Sandboxed, event: str, path: Any) -> tuple[str, list[tuple[str, Any]]]:
    tell(event, path)
    if isinstance(path, int):
        name = files.of_descriptor(path)
        if name is None:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    else:
        name = text(path)
    tool = event.removeprefix("os.")
    return name, do(files, "file_read", tool, files.shadow.list, name, path=path)


def _listdir(was: Any, path: Any = ".") -> list[Any]:
    files = here()
    if files is None:
        return was(path)  # type: ignore[no-any-return]
    path = "." if path is None else path
    names = [name for name, _ in _listed(files, "os.listdir", path)[1]]
    return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names


class _Entry:
    """As `os.DirEntry`, which only the system makes."""

    __slots__ = ("_at", "_stat", "name", "path")

    def __init__(self, name: Any, path: Any, at: str, found: os.stat_result) -> None:
        self.name, self.path = name, path
        self._at, self._stat = at, found

    def inode(self) -> int:
        return self._stat.st_ino

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        if follow_symlinks and stat_module.S_ISLNK(self._stat.st_mode):
            return os.stat(self._at)
        return self._stat

    def _is(self, kind: Callable[[int], bool], follow_symlinks: bool) -> bool:
        try:
            return kind(self.stat(follow_symlinks=follow_symlinks).st_mode)
        except FileNotFoundError:
            return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._is(stat_module.S_ISDIR, follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._is(stat_module.S_ISREG, follow_symlinks)

    def is_symlink(self) -> bool:
        return stat_module.S_ISLNK(self._stat.st_mode)

    def is_junction(self) -> bool:
        return False

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


class _Entries:
    """As what `os.scandir` returns."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> _Entries:
        return self

    def __next__(self) -> _Entry:
        return next(self._entries)

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def _scandir(was: Any, path: Any = ".") -> Any:
    files = here()
    if files is None:
        return was(path)
    path = "." if path is None else path
    above, listed = _listed(files, "os.scandir", path)
    entries = []
    for name, found in listed:
        given = path if isinstance(path, int) else os.fspath(path)
        at = os.path.join(above, name)
        if isinstance(given, bytes):
            entry = _Entry(os.fsencode(name), os.path.join(given, os.fsencode(name)), at, result(found))
        elif isinstance(given, int):
            entry = _Entry(name, name, at, result(found))
        else:
            entry = _Entry(name, os.path.join(given, name), at, result(found))
        entries.append(entry)
    return _Entries(entries)


def _readlink(was: Any, path: Any, *, dir_fd: int | None = None) -> Any:
    files = here()
    if files is None:
        return was(path, dir_fd=dir_fd)
    name = below(files, path, dir_fd)
    target = do(files, "file_read", "readlink", files.shadow.readlink, name, path=path)
    return os.fsencode(target) if isinstance(os.fspath(path), bytes) else target


def _through(was: Any, path: Any, *args: Any) -> Any:
    """Asks the system about what stands at a path."""
    files = here()
    if files is None or isinstance(path, int):
        return was(path, *args)
    name = do(files, "file_read", was.__name__, files.shadow.real, text(path), True, path=path)
    return was(name, *args)


def _getcwd(was: Any) -> str:
    files = here()
    return was() if files is None else files.shadow.logical(was())


def _getcwdb(was: Any) -> bytes:
    files = here()
    return was() if files is None else os.fsencode(files.shadow.logical(os.fsdecode(was())))


def _chdir(was: Any, path: Any) -> None:
    files = here()
    if files is None:
        was(path)
        return
    if isinstance(path, int):
        name = files.of_descriptor(path)
        if name is None:
            was(path)
            return
    else:
        name = text(path)
    _, real = do(files, "file_read", "chdir", files.shadow.directory, name, path=path)
    with redirecting():
        was(real)


# -- what opens -----------------------------------------------------------------------------------


def _os_open(
    was: Any, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
) -> Any:
    files = here()
    if files is None:
        return was(path, flags, mode, dir_fd=dir_fd)
    name = below(files, path, dir_fd)
    tell("open", name, None, flags)
    return do(files, _kind(flags), "open", files.shadow.open, name, flags, mode, path=path)


def _kind(flags: int) -> str:
    return "file_write" if _monitor.writes(None, flags) else "file_read"


def _open(
    was: Any,
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    files = here()
    if files is None or isinstance(file, int):
        return was(file, mode, buffering, encoding, errors, newline, closefd, opener)

    def opened(path: Any, flags: int) -> Any:
        # The event of this opening was heard by now; that of another one is to be.
        with redirecting(False):
            if opener is not None:
                return opener(path, flags)
            act = files.shadow.open
            return do(files, _kind(flags), "open", act, text(path), flags, 0o666, path=path)

    with redirecting():
        return was(file, mode, buffering, encoding, errors, newline, closefd, opened)


def _open_code(was: Any, path: str) -> Any:
    files = here()
    if files is None:
        return was(path)
    with redirecting(False):
        flags = os.O_RDONLY | os.O_CLOEXEC
        opened = do(files, "file_read", "open", files.shadow.open, text(path), flags, 0, path=path)
    return original("io.open")(opened, "rb")


# -- what changes -----------------------------------------------------------------------------------


def _mkdir(was: Any, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
    files = here()
    if files is None:
        was(path, mode, dir_fd=dir_fd)
        return
    name = below(files, path, dir_fd)
    tell("os.mkdir", name, mode, -1)
    do(files, "file_write", "mkdir", files.shadow.mkdir, name, mode, path=path)


def _removing(event: str, method: str) -> Any:
    def remove(was: Any, path: Any, *, dir_fd: int | None = None) -> None:
        files = here()
        if files is None:
            was(path, dir_fd=dir_fd)
            return
        name = below(files, path, dir_fd)
        tell(event, name, -1)
        act = getattr(files.shadow, method)
        do(files, "file_delete", event.removeprefix("os."), act, name, path=path)

    return remove


def _rename(
    was: Any, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
) -> None:
    files = here()
    if files is None:
        was(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        return
    old, new = below(files, src, src_dir_fd), below(files, dst, dst_dir_fd)
    tell("os.rename", old, new, -1, -1)
    do(files, "file_write", "rename", files.shadow.rename, old, new, path=src, path2=dst)


def _link(
    was: Any,
    src: Any,
    dst: Any,
    *,
    src_dir_fd: int | None = None,
    dst_dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    files = here()
    if files is None:
        # Without asking for it, so that systems without it have it, too.
        more = {} if follow_symlinks else {"follow_symlinks": False}
        was(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **more)
        return
    old, new = below(files, src, src_dir_fd), below(files, dst, dst_dir_fd)
    tell("os.link", old, new, -1, -1)
    do(files, "file_write", "link", files.shadow.link, old, new, path=src, path2=dst)


def _symlink(
    was: Any, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: int | None = None
) -> None:
    files = here()
    if files is None:
        was(src, dst, target_is_directory, dir_fd=dir_fd)
        return
    name, target = below(files, dst, dir_fd), text(src)
    tell("os.symlink", target, name, -1)
    act = files.shadow.symlink
    do(files, "file_write", "symlink", lambda at: act(target, at), name, path=src, path2=dst)


def _mkfifo(was: Any, path: Any, mode: int = 0o666, *, dir_fd: int | None = None) -> None:
    files = here()
    if files is None:
        require_open("mkfifo", path)
        was(path, mode, dir_fd=dir_fd)
        return
    _make(files, path, "mkfifo", stat_module.S_IFIFO | mode & 0o7777, dir_fd)


def _mknod(
    was: Any, path: Any, mode: int = 0o600, device: int = 0, *, dir_fd: int | None = None
) -> None:
    files = here()
    if files is None:
        require_open("mknod", path)
        was(path, mode, device, dir_fd=dir_fd)
        return
    _make(files, path, "mknod", mode, dir_fd)


def _make(files: Sandboxed, path: Any, tool: str, mode: int, directory: int | None) -> None:
    name = below(files, path, directory)
    monitor = files.sandbox.monitor
    full = shown(name)
    monitor.decide("file_write", full, tool, {"path": full})
    do(files, "file_write", tool, files.shadow.mknod, name, mode, path=path)


def _by_descriptor(
    files: Sandboxed, was: Any, descriptor: int, event: str, args: tuple[Any, ...],
    told: tuple[Any, ...], act: Callable[[str], Any],
) -> Any:
    """Changes an open file: one of the shadow's as it is, another by its path."""
    name = files.of_descriptor(descriptor)
    tell(event, descriptor if name is None else name, *told)
    if name is None or files.is_ours(descriptor):
        with _monitor.unmonitored():
            return was(descriptor, *args)
    return act(name)


def _truncate(was: Any, path: Any, length: int) -> None:
    files = here()
    if files is None or isinstance(path, int):
        # A file that is open for writing is one of the shadow's.
        was(path, length)
        return
    if length < 0:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    name = text(path)
    tell("os.truncate", name, length)
    do(files, "file_write", "truncate", files.shadow.truncate, name, length, path=path)


def _chmod(
    was: Any, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True
) -> None:
    files = here()
    if files is None:
        was(path, mode, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        return

    def act(name: str) -> None:
        change = files.shadow.chmod
        do(files, "permission_change", "chmod", change, name, mode, follow_symlinks, path=path)

    if isinstance(path, int):
        _by_descriptor(files, was, path, "os.chmod", (mode,), (mode, -1), act)
        return
    name = below(files, path, dir_fd)
    tell("os.chmod", name, mode, -1)
    act(name)


def _fchmod(was: Any, fd: int, mode: int) -> None:
    if here() is None:
        was(fd, mode)
    else:
        os.chmod(fd, mode)


def _chown(
    was: Any,
    path: Any,
    uid: int,
    gid: int,
    *,
    dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    files = here()
    if files is None:
        was(path, uid, gid, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        return
    user, group = (None if id == -1 else id for id in (uid, gid))

    def act(name: str) -> None:
        change = files.shadow.chown
        do(files, "permission_change", "chown", change, name, user, group, follow_symlinks, path=path)

    if isinstance(path, int):
        _by_descriptor(files, was, path, "os.chown", (uid, gid), (uid, gid, -1), act)
        return
    name = below(files, path, dir_fd)
    tell("os.chown", name, uid, gid, -1)
    act(name)


def _fchown(was: Any, fd: int, uid: int, gid: int) -> None:
    if here() is None:
        was(fd, uid, gid)
    else:
        os.chown(fd, uid, gid)


def _lchown(was: Any, path: Any, uid: int, gid: int) -> None:
    if here() is None:
        was(path, uid, gid)
    else:
        os.chown(path, uid, gid, follow_symlinks=False)


def _utime(
    was: Any,
    path: Any,
    times: Any = None,
    *,
    ns: Any = None,
    dir_fd: int | None = None,
    follow_symlinks: bool = True,
) -> None:
    files = here()
    more = {} if ns is None else {"ns": ns}
    if files is None:
        was(path, times, dir_fd=dir_fd, follow_symlinks=follow_symlinks, **more)
        return
    if times is not None and ns is not None:
        raise ValueError("utime: you may specify either 'times' or 'ns' but not both")
    wanted = None
    if ns is not None:
        wanted = tuple(divmod(value, 1_000_000_000) for value in ns)
    elif times is not None:
        wanted = tuple(_split(value) for value in times)
    if wanted is not None and len(wanted) != 2:
        raise TypeError("utime: 'times' must be either a tuple of two ints or None")

    def act(name: str) -> None:
        do(files, "file_write", "utime", files.shadow.utime, name, wanted, follow_symlinks, path=path)

    if isinstance(path, int):
        told = (times, ns, -1)
        direct = functools.partial(was, **more)
        _by_descriptor(files, direct, path, "os.utime", (times,), told, act)
        return
    name = below(files, path, dir_fd)
    tell("os.utime", name, times, ns, -1)
    act(name)


def _split(value: float) -> tuple[int, int]:
    """Seconds and nanoseconds, rounded down as `os.utime` does."""
    if isinstance(value, int):
        return value, 0
    whole = value // 1
    return int(whole), int((value - whole) * 1_000_000_000)


def _getxattr(was: Any, path: Any, attribute: Any, *, follow_symlinks: bool = True) -> Any:
    files = here()
    if files is None or isinstance(path, int):
        return was(path, attribute, follow_symlinks=follow_symlinks)
    name, key = text(path), text(attribute)
    return do(files, "file_read", "getxattr", files.shadow.getxattr, name, key, follow_symlinks, path=path)


def _listxattr(was: Any, path: Any = None, *, follow_symlinks: bool = True) -> Any:
    files = here()
    if files is None:
        return was(path, follow_symlinks=follow_symlinks)
    name = files.of_descriptor(path) if isinstance(path, int) else text("." if path is None else path)
    if name is None:
        return was(path)
    return do(files, "file_read", "listxattr", files.shadow.listxattr, name, follow_symlinks, path=path)


def _setxattr(
    was: Any, path: Any, attribute: Any, value: Any, flags: int = 0, *, follow_symlinks: bool = True
) -> None:
    files = here()
    if files is None:
        was(path, attribute, value, flags, follow_symlinks=follow_symlinks)
        return
    key, content = text(attribute), bytes(value)

    def act(name: str) -> None:
        change = files.shadow.setxattr
        do(
            files, "file_write", "setxattr", change, name, key, content, flags, follow_symlinks,
            path=path,
        )

    _attribute(files, was, path, "os.setxattr", (attribute, value, flags), act)


def _removexattr(was: Any, path: Any, attribute: Any, *, follow_symlinks: bool = True) -> None:
    files = here()
    if files is None:
        was(path, attribute, follow_symlinks=follow_symlinks)
        return
    key = text(attribute)

    def act(name: str) -> None:
        change = files.shadow.removexattr
        do(files, "file_write", "removexattr", change, name, key, follow_symlinks, path=path)

    _attribute(files, was, path, "os.removexattr", (attribute,), act)


def _attribute(
    files: Sandboxed, was: Any, path: Any, event: str, args: tuple[Any, ...],
    act: Callable[[str], Any],
) -> None:
    if isinstance(path, int):
        _by_descriptor(files, was, path, event, args, args, act)
        return
    name = text(path)
    tell(event, name, *args)
    act(name)


# -- processes ----------------------------------------------------------------------------------------


def _system(was: Any, command: Any) -> int:
    if here() is None:
        return was(command)  # type: ignore[no-any-return]
    code = subprocess.call(os.fsdecode(command), shell=True)
    return -code if code < 0 else code << 8


def _execute_child(was: Any, self: Any, args: Any, executable: Any, *rest: Any) -> Any:
    files = here()
    if files is None:
        return was(self, args, executable, *rest)
    return files.children.start(was, self, args, executable, rest)


def _handle_exitstatus(was: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    done = was(self, *args, **kwargs)
    files = here()
    if files is not None:
        files.children.ended(self)
    return done


# -- putting them in place ------------------------------------------------------------------------------

_FUNCTIONS: dict[str, Any] = {
    "stat": _stat,
    "lstat": _lstat,
    "access": _access,
    "listdir": _listdir,
    "scandir": _scandir,
    "readlink": _readlink,
    "statvfs": _through,
    "pathconf": _through,
    "getcwd": _getcwd,
    "getcwdb": _getcwdb,
    "chdir": _chdir,
    "fchdir": _chdir,
    "open": _os_open,
    "mkdir": _mkdir,
    "rmdir": _removing("os.rmdir", "rmdir"),
    "remove": _removing("os.remove", "unlink"),
    "unlink": _removing("os.remove", "unlink"),
    "rename": _rename,
    "replace": _rename,
    "link": _link,
    "symlink": _symlink,
    "mkfifo": _mkfifo,
    "mknod": _mknod,
    "truncate": _truncate,
    "chmod": _chmod,
    "fchmod": _fchmod,
    "chown": _chown,
    "fchown": _fchown,
    "lchown": _lchown,
    "utime": _utime,
    "getxattr": _getxattr,
    "listxattr": _listxattr,
    "setxattr": _setxattr,
    "removexattr": _removexattr,
    "system": _system,
}
_SUPPORTS = (
    os.supports_dir_fd,
    os.supports_effective_ids,
    os.supports_fd,
    os.supports_follow_symlinks,
)
_install_lock = threading.Lock()
_installed = False


def _wrapped(was: Any, make: Callable[..., Any]) -> Any:
    @functools.wraps(was)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return make(was, *args, **kwargs)

    return wrapper


def install() -> None:
    """Puts the wrappers in place, once; they do nothing outside of a sandbox."""
    global _installed
    with _install_lock:
        if _installed:
            return
        replaced: dict[int, tuple[Any, Any]] = {}
        for name, make in _FUNCTIONS.items():
            was = getattr(os, name)
            wrapper = _wrapped(was, make)
            originals[name] = was
            replaced[id(was)] = (was, wrapper)
            for supports in _SUPPORTS:
                if was in supports:
                    supports.add(wrapper)
            setattr(os, name, wrapper)
            # What `os` has of another module, which the import system uses.
            if hasattr(posix, name):
                replaced[id(getattr(posix, name))] = (getattr(posix, name), wrapper)
                setattr(posix, name, wrapper)
        originals["io.open"] = io.open
        opened = _wrapped(io.open, _open)
        replaced[id(io.open)] = (io.open, opened)
        code = _wrapped(io.open_code, _open_code)
        replaced[id(io.open_code)] = (io.open_code, code)
        for module in (builtins, io, _io):
            module.open = opened  # type: ignore[attr-defined]
        for module in (io, _io):
            module.open_code = code  # type: ignore[attr-defined]
        _replace_early(replaced)
        for name, make in (
            ("_execute_child", _execute_child),
            ("_handle_exitstatus", _handle_exitstatus),
        ):
            was = getattr(subprocess.Popen, name)
            setattr(subprocess.Popen, name, _wrapped(was, make))
        _installed = True


def _replace_early(replaced: dict[int, tuple[Any, Any]]) -> None:
    """Names that were imported before (``from os import remove``), in modules and classes."""
    spaces = {id(vars(module)) for module in list(sys.modules.values()) if hasattr(module, "__dict__")}
    for was, wrapper in replaced.values():
        for holder in gc.get_referrers(was):
            if isinstance(holder, dict) and id(holder) in spaces:
                for name in [name for name, value in holder.items() if value is was]:
                    holder[name] = wrapper
            elif isinstance(holder, tuple):
                # What a function's parameters are by default.
                for owner in gc.get_referrers(holder):
                    if isinstance(owner, types.FunctionType) and owner.__defaults__ is holder:
                        owner.__defaults__ = tuple(wrapper if v is was else v for v in holder)
    for owner in _classes():
        for name, value in list(vars(owner).items()):
            plain = value.__func__ if isinstance(value, staticmethod) else value
            known = replaced.get(id(plain))
            if known is not None and known[0] is plain:
                setattr(owner, name, staticmethod(known[1]))


def _classes() -> list[type]:
    """Classes of the standard library that keep functions of `os` as their own."""
    import pathlib

    accessor = getattr(pathlib, "_NormalAccessor", None)
    return [accessor] if isinstance(accessor, type) else []


