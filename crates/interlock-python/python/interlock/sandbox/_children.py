"""Processes that are started in a sandbox: in namespaces of their own, over the same shadow tree.

A child gets an overlay over each directory at the top, or in it, where something is mounted there
(``userxattr``; kernel documentation, ``filesystems/overlayfs.rst``), whose upper directory is that of the
shadow: it sees what the sandbox has, and the sandbox sees what it does. It has no network, no System V
objects of others, no data directory, of the devices only those that hold nothing, and what the kernel
shows as files is read only. It is in a user namespace, as root too: the files of a process outside
(``/proc/PID/root``) and its namespaces are out of reach, and it has no capability that could undo its
mounts. It is in the same process namespace: it can signal what its user can. Where the kernel or a
container's profile does not allow this, nothing is started.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import _monitor
from ..errors import SandboxError
from . import _redirect

if TYPE_CHECKING:
    from .files import Sandboxed

# <linux/sched.h>
_NEWNS, _NEWIPC, _NEWUSER, _NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x40000000
# <linux/mount.h>
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18
_NODEV, _NOSUID = 4, 2
#: `mount_setattr` has this number on every architecture but Alpha.
_MOUNT_SETATTR = 442
_ATTR_RDONLY, _AT_FDCWD, _AT_RECURSIVE, _AT_NO_AUTOMOUNT, _AT_NOFOLLOW = 1, -100, 0x8000, 0x800, 0x100
# <linux/prctl.h>, <linux/capability.h>
_CAPBSET_DROP, _CAPABILITY_VERSION = 24, 0x20080522
#: What root keeps, in its user namespace: it is about the owners and modes of files, and whose processes are.
#: `chown`, `dac_override`, `fowner`, `fsetid`, `kill`, `setgid`, `setuid`, `net_bind_service`.
_ROOT_KEEPS = frozenset({0, 1, 3, 4, 5, 6, 7, 10})
#: Devices that hold nothing of anybody's.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = (
    ("/proc/self/fd", "fd"), ("/proc/self/fd/0", "stdin"), ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"), ("pts/ptmx", "ptmx"),
)  # fmt: skip

#: Directories at the top that are the kernel's.
_KERNELS = ("proc", "sys", "dev")
#: File systems that hold no files of anybody's.
_NO_FILES = frozenset(
    {"proc", "sysfs", "cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue", "securityfs", "debugfs",
     "tracefs", "bpf", "pstore", "configfs", "hugetlbfs", "fusectl", "binfmt_misc", "efivarfs",
     "autofs", "nsfs", "rpc_pipefs"}
)  # fmt: skip


class Children:
    """The processes of a sandbox."""

    def __init__(self, files: Sandboxed) -> None:
        self._files = files
        self._running: list[subprocess.Popen[Any]] = []
        #: When the first one began that is not adopted yet, by the clock of the file system.
        self._since: tuple[int, int] | None = None

    def start(
        self, was: Any, process: Any, args: Any, executable: Any, rest: tuple[Any, ...]
    ) -> Any:
        """Starts a process inside. `rest` begins with what runs before it, as `subprocess` orders it."""
        preexec, close_fds, pass_fds, cwd, *more = rest
        files = self._files
        said, told = os.pipe()
        try:
            where = None if cwd is None else _redirect.text(cwd)
            real = None
            if where is not None:
                where, real = files.shadow.directory(where)
            enter = _Entering(files, where or os.getcwd(), preexec, told)
            if self._since is None:
                self._since = self._now()
            outside = real if real is None or not real.startswith(files.upper) else None
            with _redirect.redirecting():
                try:
                    result = was(
                        process, args, executable, enter, close_fds, pass_fds, outside, *more
                    )
                except subprocess.SubprocessError:
                    os.set_blocking(said, False)
                    why = _read(said)
                    if not why:
                        raise
                    _refuse(files, args, executable, why)
            self._running.append(process)
            return result
        finally:
            os.close(said)
            os.close(told)

    def _now(self) -> tuple[int, int]:
        mark = self._files.sandbox.directory / "mark"
        with _monitor.unmonitored():
            mark.touch()
            at = mark.stat().st_ctime_ns
        return divmod(at, 1_000_000_000)

    def ended(self, process: Any) -> None:
        """Notes what a process was based on that ended."""
        if process in self._running:
            self._running.remove(process)
            self.adopt()

    def adopt(self) -> None:
        """Notes what processes were based on, up to now."""
        if self._since is not None:
            since = self._since
            if not any(_runs(process) for process in list(self._running)):
                self._since = None
            self._files.shadow.adopt(*since)

    def require_ended(self) -> None:
        """What still runs would go on changing what is committed."""
        for process in list(self._running):
            if _runs(process):
                raise SandboxError(
                    f"process {process.pid}, started in the sandbox, still runs", "sandbox.running"
                )

    def end(self) -> None:
        """Ends what still runs."""
        for process in list(self._running):
            if _runs(process):
                process.kill()
                process.wait()

    def signalled(self, event: str, pid: int) -> None:
        """Refuses a signal to a process that is none of this one's."""
        if pid in (os.getpid(), 0) or (event == "os.killpg" and pid == os.getpgrp()):
            return
        if event == "os.kill" and _is_child(pid):
            return
        self._files.sandbox.refuse(
            "code_execution", "", event, {"pid": pid}, "this process was not started in here"
        )


def _runs(process: subprocess.Popen[Any]) -> bool:
    """Whether a process runs; whoever waits for it still gets its result."""
    if process.returncode is not None:
        return False
    try:
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, process.pid, flags) is None
    except ChildProcessError:
        return False


def _is_child(pid: int) -> bool:
    try:
        with _monitor.unmonitored(), open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1]) == os.getpid()
    except (OSError, ValueError, IndexError):
        return False


def _refuse(files: Sandboxed, args: Any, executable: Any, why: str) -> None:
    command = _monitor.command_of(args if args else executable)
    files.sandbox.refuse(
        "code_execution",
        os.fsdecode(executable) if executable else "",
        "subprocess",
        {"command": command},
        f"a process cannot be held back on this machine: {why}",
    )


def _read(descriptor: int) -> str:
    try:
        return os.read(descriptor, 4_096).decode("utf-8", "replace")
    except BlockingIOError:
        return ""


class _Entering:
    """Enters the namespaces, in the child, before the program runs. What needs the interpreter's machinery
    is made before."""

    def __init__(
        self, files: Sandboxed, cwd: str, preexec: Callable[[], Any] | None, told: int
    ) -> None:
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.cwd, self.preexec, self.told = cwd, preexec, told
        self.user, self.group = os.geteuid(), os.getegid()
        self.data = os.path.realpath(files.sandbox.interlock.data)
        self.layers, self.frozen, self.masked = _layers(files)
        self.kernels = _of_kernel()

    def __call__(self) -> None:
        # The hooks of the parent's are no longer ours to satisfy: nothing here is the agent's.
        with _monitor.unmonitored():
            try:
                self._enter()
            except BaseException as error:
                os.write(self.told, str(error).encode()[:4_096])
                raise
        if self.preexec is not None:
            self.preexec()

    def _enter(self) -> None:
        self._unshare()
        self._mount("none", "/", None, _REC | _PRIVATE)
        # All of them first: an overlay may lie over what the next one is made of.
        held = [
            [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (layer.path, layer.upper, layer.work)]
            for layer in self.layers
        ]
        for layer, descriptors in zip(self.layers, held):
            lower, upper, work = (f"/proc/self/fd/{descriptor}" for descriptor in descriptors)
            options = f"lowerdir={lower},upperdir={upper},workdir={work},userxattr,index=off"
            self._mount("overlay", layer.path, "overlay", 0, options)
        for descriptors in held:
            for descriptor in descriptors:
                os.close(descriptor)
        # Not before: what is read only can be no layer.
        for path in reversed(self.frozen):
            keep = _kept_flags(path)
            if path != "/":
                self._mount(path, path, None, _BIND | _REC)
            self._mount("none", path, None, _REMOUNT | _BIND | _RDONLY | keep)
        self._mount("none", self.data, "tmpfs", _NODEV | _NOSUID, "size=64k,mode=0700")
        for path in self.masked:
            with contextlib.suppress(FileNotFoundError):
                self._mount("/dev/null", path, None, _BIND)
        self._devices()
        for path in self.kernels:
            self._seal(path)
        os.chdir(self.cwd)
        self._drop()

    def _unshare(self) -> None:
        """Also root gets a user namespace, of the same users: no process outside is in it, so that none
        can be looked into, whatever capabilities either has."""
        flags = _NEWUSER | _NEWNS | _NEWIPC | _NEWNET
        if self.user != 0:
            self._check(self.libc.unshare(flags), "new namespaces")
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{self.user} {self.user} 1"),
                ("gid_map", f"{self.group} {self.group} 1"),
            ):
                _write(f"/proc/self/{name}", text)
            return
        maps = {name: _same(name) for name in ("uid_map", "gid_map")}
        # Only who stays outside may map others than itself.
        ready, go = os.pipe()
        own = os.getpid()
        helper = os.fork()
        if helper == 0:
            failed = 1
            try:
                os.close(go)
                if os.read(ready, 1):
                    for name, text in maps.items():
                        _write(f"/proc/{own}/{name}", text)
                    failed = 0
            finally:
                os._exit(failed)
        os.close(ready)
        try:
            done = self.libc.unshare(flags)
            number = ctypes.get_errno()
            if done == 0:
                os.write(go, b"x")
        finally:
            os.close(go)
            _, status = os.waitpid(helper, 0)
        if done != 0:
            raise OSError(number, f"new namespaces: {os.strerror(number)}")
        if status != 0:
            raise OSError("the users cannot be mapped into a new namespace")

    def _devices(self) -> None:
        """Lays a `/dev` over the one that is there, of devices that hold nothing."""
        if not os.path.isdir("/dev"):
            return
        held = []
        for name in _DEVICES:
            try:
                held.append((name, os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)))
            except FileNotFoundError:
                continue
        self._mount("none", "/dev", "tmpfs", _NODEV | _NOSUID, "size=1m,mode=0755")
        for name, descriptor in held:
            os.close(os.open(f"/dev/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            self._mount(f"/proc/self/fd/{descriptor}", f"/dev/{name}", None, _BIND)
            os.close(descriptor)
        for target, name in _DEVICE_LINKS:
            os.symlink(target, f"/dev/{name}")
        for name in ("pts", "shm"):
            os.mkdir(f"/dev/{name}", 0o755)
        self._mount("none", "/dev/pts", "devpts", _NOSUID, "newinstance,ptmxmode=0666,mode=0620")
        self._mount("none", "/dev/shm", "tmpfs", _NODEV | _NOSUID, "mode=1777")

    def _seal(self, path: str) -> None:
        """Makes what is mounted somewhere read only, with what is mounted in it."""
        attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY, 0, 0, 0)
        done = self.libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR),
            ctypes.c_int(_AT_FDCWD),
            os.fsencode(path),
            ctypes.c_uint(_AT_RECURSIVE | _AT_NO_AUTOMOUNT | _AT_NOFOLLOW),
            attributes,
            ctypes.c_size_t(ctypes.sizeof(attributes)),
        )
        self._check(done, f"making `{path}` read only")

    def _drop(self) -> None:
        """Gives up what could undo the mounts. The bounding set holds for every program from here on."""
        keeps = _ROOT_KEEPS if self.user == 0 else frozenset()
        none = ctypes.c_ulong(0)
        for capability in range(64):
            if capability in keeps:
                continue
            if self.libc.prctl(_CAPBSET_DROP, ctypes.c_ulong(capability), none, none, none) != 0:
                # There is none of this number, nor one after it.
                if capability > 0 and ctypes.get_errno() == errno.EINVAL:
                    break
                self._check(-1, "dropping capabilities")
        bits = sum(1 << capability for capability in keeps)
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        sets = (ctypes.c_uint32 * 6)(bits, bits, 0, 0, 0, 0)
        self._check(self.libc.capset(header, sets), "dropping capabilities")

    def _mount(
        self, source: str, target: str, kind: str | None, flags: int, options: str | None = None
    ) -> None:
        encode = os.fsencode
        done = self.libc.mount(
            encode(source),
            encode(target),
            None if kind is None else encode(kind),
            ctypes.c_ulong(flags),
            None if options is None else encode(options),
        )
        self._check(done, f"mounting {kind or 'anew'} at `{target}`")

    def _check(self, done: int, what: str) -> None:
        if done != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")


class _Layer:
    """One overlay."""

    def __init__(self, files: Sandboxed, path: str, number: int) -> None:
        self.path = path
        self.upper = files.upper + path
        self.work = os.path.join(files.sandbox.directory, "files", "overlay", str(number))


def _layers(files: Sandboxed) -> tuple[list[_Layer], list[str], list[str]]:
    """An overlay over each directory at the top, and what none can lie over: a directory in which
    something is mounted (the kernel does not copy such a mount for a user). There its directories get one
    each, and it is read only itself. Last, what in there is no file but somebody's to speak to: that it
    is read only would not keep a process from it."""
    own = os.path.realpath(files.sandbox.interlock.data)
    mounted = {path: kind for path, kind in _mounts() if not _monitor.within(path, own)}
    paths, frozen, masked = [], [], []
    next = ["/"]
    with _monitor.unmonitored():
        while next:
            path = next.pop()
            kind = mounted.get(path, "")
            if kind in _NO_FILES or path.split("/")[1] in _KERNELS or not os.path.isdir(path):
                continue
            if path != "/" and not any(_monitor.within(other, path) and other != path for other in mounted):
                paths.append(path)
                continue
            if os.access(path, os.W_OK):
                frozen.append(path)
            for entry in os.scandir(path):
                if entry.is_dir(follow_symlinks=False):
                    next.append(entry.path)
                    continue
                mode = entry.stat(follow_symlinks=False).st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
                    masked.append(entry.path)
                elif entry.path in mounted and not stat.S_ISLNK(mode):
                    # A file that is mounted by itself is not read only because its directory is.
                    frozen.append(entry.path)
        layers = []
        for number, path in enumerate(sorted(paths)):
            layer = _Layer(files, path, number)
            os.makedirs(layer.work, exist_ok=True)
            if not os.path.isdir(layer.upper):
                _shape(files, path)
            layers.append(layer)
    # What is above comes before what is below.
    return layers, sorted(frozen), masked


def _of_kernel() -> list[str]:
    """Where what is the kernel's is mounted, but for devices: there is another `/dev`."""
    found = {"/proc"}
    for path, kind in _mounts():
        if path.split("/")[1] in ("proc", "sys") or (kind in _NO_FILES and not _monitor.within(path, "/dev")):
            found.add(path)
    # One includes what is mounted in it.
    return sorted(path for path in found if not any(path.startswith(other + "/") for other in found))


def _same(name: str) -> str:
    """A mapping of all users that there are to themselves."""
    with open(f"/proc/self/{name}", encoding="ascii") as file:
        lines = [line.split() for line in file]
    return "".join(f"{first} {first} {count}\n" for first, _, count in lines)


def _kept_flags(path: str) -> int:
    """The flags of a mount that a user's remount must repeat."""
    flags = os.statvfs(path).f_flag
    keep = flags & (_NOSUID | _NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
    return keep | (1 << 21 if flags & os.ST_RELATIME else 0)


def _shape(files: Sandboxed, path: str) -> None:
    """Makes the upper directory of a layer one that looks like what it lies over."""
    at = files.upper
    for part in path.split("/")[1:]:
        at, below = os.path.join(at, part), os.path.join(at[len(files.upper) :] or "/", part)
        if not os.path.isdir(at):
            os.mkdir(at)
            found = os.stat(below)
            if os.geteuid() == 0:
                os.chown(at, found.st_uid, found.st_gid)
            os.chmod(at, found.st_mode & 0o7777)
            os.utime(at, ns=(found.st_atime_ns, found.st_mtime_ns))


def _mounts() -> list[tuple[str, str]]:
    """Where file systems are mounted, and of which kind (`proc(5)`, mountinfo)."""
    found = []
    with _monitor.unmonitored(), open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            path = before.split(" ")[4]
            for code, char in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
                path = path.replace(code, char)
            found.append((path, after.split(" ")[0]))
    return found


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
