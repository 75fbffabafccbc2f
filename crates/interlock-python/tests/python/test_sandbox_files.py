"""Files in a sandbox: the agent sees what it did, and afterwards nothing has changed."""

import asyncio
import contextlib
import glob
import importlib
import multiprocessing
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

# Imported before the package was there: what a program holds on to.
from os import remove as early_remove  # noqa: F401

from interlock import Blocked, Change, SandboxConflict, SandboxError  # noqa: E402

from world import World  # noqa: E402

early_open = open


def tree(root):
    """Everything below a directory, with content, modes and times."""
    found = {}
    for path in sorted(pathlib.Path(root).rglob("*")):
        at = path.lstat()
        about = [stat.filemode(at.st_mode), at.st_uid, at.st_mtime_ns]
        if path.is_symlink():
            about.append(os.readlink(path))
        elif path.is_file():
            about.append(path.read_bytes())
        found[str(path.relative_to(root))] = about
    return found


class Rooted(World):
    policy = """
    interlock: 1
    default: allow
    rules:
      - id: no-secrets
        match: { resource: ["*/secret*"] }
        effect: block
    """

    def setUp(self):
        super().setUp()
        self.root = self.dir / "root"
        (self.root / "dir").mkdir(parents=True)
        (self.root / "one").write_text("one")
        (self.root / "dir" / "two").write_text("two")
        (self.root / "link").symlink_to("dir/two")

    @contextlib.contextmanager
    def unchanged(self):
        before = tree(self.root)
        yield
        self.assertEqual(tree(self.root), before)

    @contextlib.contextmanager
    def inside(self):
        with self.unchanged(), self.il.sandbox() as box:
            yield box

    def said(self, box):
        base = str(self.root) + "/"
        return [f"{c.kind} {c.target.removeprefix(base)}" for c in box.diff() if base in c.target]

    @contextlib.contextmanager
    def outside(self):
        from interlock import _monitor

        with _monitor.unmonitored():
            yield


class Files(Rooted):
    """Files, in the process itself."""

    # -- each way to the files ------------------------------------------------------------------

    def test_open_reads_what_was_written(self):
        with self.inside() as box:
            with open(self.root / "one", "a") as file:
                file.write(" more")
            with open(str(self.root / "new").encode(), "w") as file:
                self.assertEqual(file.name, str(self.root / "new").encode())
                file.write("new")
            self.assertEqual((self.root / "one").read_text(), "one more")
            self.assertEqual((self.root / "new").read_text(), "new")
            self.assertEqual(self.said(box), ["added new", "changed one"])
            [change] = [c for c in box.diff() if c.kind == "added"]
            self.assertEqual(change.detail["bytes"], 3)
            self.assertIsInstance(change, Change)

    def test_os(self):
        root = self.root
        before = open(root / "one", "r+")
        self.addCleanup(before.close)
        with self.inside():
            os.mkdir(root / "made", 0o750)
            os.makedirs(root / "a/b/c")
            os.rename(root / "one", root / "made/one")
            os.replace(root / "dir", root / "a/b/dir")
            os.symlink("made/one", root / "to")
            os.link(root / "made/one", root / "twin")
            self.assertEqual(os.readlink(root / "to"), "made/one")
            self.assertEqual(os.stat(root / "to").st_ino, os.stat(root / "twin").st_ino)
            self.assertEqual(os.stat(root / "twin").st_nlink, 2)
            os.truncate(root / "twin", 1)
            os.chmod(root / "twin", 0o600)
            os.utime(root / "twin", ns=(1_500, 2_500))
            self.assertEqual(os.stat(root / "made/one").st_mtime_ns, 2_500)
            self.assertEqual(os.stat(root / "made/one").st_mode & 0o777, 0o600)
            os.setxattr(root / "twin", "user.x", b"y")
            self.assertEqual(os.getxattr(root / "to", "user.x"), b"y")
            self.assertEqual(os.listxattr(root / "twin"), ["user.x"])
            os.removexattr(root / "twin", "user.x")
            self.assertEqual(sorted(os.listdir(root)), ["a", "link", "made", "to", "twin"])
            self.assertEqual(sorted(os.listdir(os.fsencode(root)))[0], b"a")
            self.assertTrue(os.access(root / "twin", os.R_OK))
            self.assertFalse(os.access(root / "one", os.F_OK))
            os.remove(root / "twin")
            os.unlink(root / "to")
            os.mkfifo(root / "pipe")
            self.assertTrue(stat.S_ISFIFO(os.lstat(root / "pipe").st_mode))
            os.rmdir(root / "a/b/c")
            with self.assertRaises(FileNotFoundError) as raised:
                os.stat(root / "one")
            self.assertEqual(raised.exception.filename, root / "one")
            with self.assertRaises(FileNotFoundError):
                open(root / "dir/two")
            descriptor = os.open(root / "made/one", os.O_RDWR)
            os.ftruncate(descriptor, 0)
            os.fchmod(descriptor, 0o640)
            os.close(descriptor)
            self.assertEqual(os.path.getsize(root / "made/one"), 0)
            with self.assertRaises(Blocked):
                os.ftruncate(before.fileno(), 0)
            self.assertTrue(os.path.samefile(root / "made/one", root / "made/../made/one"))

    def test_open_directories_are_places_to_start_from(self):
        with self.inside():
            above = os.open(self.root, os.O_RDONLY)
            os.mkdir("made", dir_fd=above)
            inner = os.open("made", os.O_RDONLY | os.O_DIRECTORY, dir_fd=above)
            with open("x", "w", opener=lambda path, flags: os.open(path, flags, dir_fd=inner)) as file:
                file.write("x")
            self.assertEqual(os.listdir(inner), ["x"])
            os.rename("x", "y", src_dir_fd=inner, dst_dir_fd=above)
            self.assertEqual(os.stat("y", dir_fd=above).st_size, 1)
            os.unlink("one", dir_fd=above)
            os.fchmod(above, 0o711)
            self.assertEqual(os.stat(self.root).st_mode & 0o777, 0o711)
            os.close(inner)
            os.close(above)
            self.assertEqual(sorted(os.listdir(self.root)), ["dir", "link", "made", "y"])

    def test_what_is_open_for_reading_changes_by_its_path(self):
        with self.inside(), open(self.root / "one") as file:
            os.fchmod(file.fileno(), 0o600)
            os.utime(file.fileno(), (1, 2))
            at = os.stat(self.root / "one")
            self.assertEqual((at.st_mode & 0o777, at.st_mtime), (0o600, 2))

    def test_pathlib_shutil_glob_and_tempfile(self):
        root = self.root
        with self.inside():
            (root / "made").mkdir()
            (root / "made" / "x").write_text("x")
            self.assertTrue((root / "made/x").is_file())
            self.assertEqual([path.name for path in (root / "made").iterdir()], ["x"])
            self.assertEqual([path.name for path in sorted(root.glob("**/x"))], ["x"])
            self.assertEqual(glob.glob(str(root / "*/two")), [str(root / "dir/two")])
            (root / "one").rename(root / "uno")
            self.assertFalse((root / "one").exists())
            self.assertEqual((root / "link").resolve(), (root / "dir/two").resolve())
            shutil.copytree(root / "dir", root / "copy")
            self.assertEqual((root / "copy/two").read_text(), "two")
            shutil.copy2(root / "uno", root / "dos")
            shutil.move(root / "dos", root / "made")
            self.assertEqual(sorted(os.listdir(root / "made")), ["dos", "x"])
            shutil.rmtree(root / "dir")
            self.assertFalse(os.path.lexists(root / "dir"))
            seen = {name: sorted(dirs) for name, dirs, _ in os.walk(root)}
            self.assertEqual(seen[str(root)], ["copy", "made"])
            with tempfile.TemporaryDirectory() as made:
                with tempfile.NamedTemporaryFile("w", dir=made, delete=False) as file:
                    file.write("temporary")
                self.assertEqual(pathlib.Path(file.name).read_text(), "temporary")
            self.assertFalse(os.path.exists(made))
            with tempfile.TemporaryFile() as file:
                file.write(b"x")

    def test_the_current_directory(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.root)
        with self.inside():
            pathlib.Path("new").mkdir()
            os.chdir("new")
            self.assertEqual(os.getcwd(), str(self.root.resolve() / "new"))
            pathlib.Path("x").write_text("x")
            self.assertEqual((self.root / "new/x").read_text(), "x")
            self.assertEqual(pathlib.Path("../one").read_text(), "one")
            os.chdir("../dir")
            self.assertEqual(os.listdir(), ["two"])
            os.chdir("../new")
        self.assertEqual(os.getcwd(), str(self.root.resolve()))

    def test_names_that_were_imported_before(self):
        with self.inside():
            early_remove(self.root / "one")
            self.assertFalse((self.root / "one").exists())
            with early_open(self.root / "new", "w") as file:
                file.write("x")
            self.assertEqual((self.root / "new").read_text(), "x")

    def test_a_module_that_is_written_is_imported(self):
        self.addCleanup(sys.modules.pop, "made_in_a_sandbox", None)
        self.addCleanup(importlib.invalidate_caches)
        with self.inside():
            sys.path.insert(0, str(self.root))
            self.addCleanup(sys.path.remove, str(self.root))
            (self.root / "made_in_a_sandbox.py").write_text("answer = 42")
            importlib.invalidate_caches()
            self.assertEqual(importlib.import_module("made_in_a_sandbox").answer, 42)

    def test_threads_and_tasks(self):
        def write(name):
            (self.root / name).write_text(name)

        async def task():
            await asyncio.to_thread(write, "task")

        with self.inside() as box:
            threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            asyncio.run(task())
            self.assertEqual(self.said(box), [f"added {n}" for n in ("t0", "t1", "t2", "t3", "task")])

    def test_other_threads_are_outside(self):
        ready, done = threading.Event(), threading.Event()

        def outside():
            ready.wait(10)
            (self.root / "theirs").write_text("theirs")
            done.set()

        thread = threading.Thread(target=outside)
        thread.start()
        with self.il.sandbox():
            (self.root / "ours").write_text("ours")
            ready.set()
            done.wait(10)
            self.assertTrue((self.root / "theirs").exists())
        thread.join()
        self.assertEqual(sorted(tree(self.root))[-1], "theirs")
        self.assertFalse((self.root / "ours").exists())

    # -- policies and the net -------------------------------------------------------------------

    def test_policies_decide_in_here_too(self):
        (self.root / "secret").write_text("s")
        with self.inside():
            for act in (
                lambda: open(self.root / "secret"),
                lambda: os.remove(self.root / "secret"),
                lambda: os.rename(self.root / "one", self.root / "secret"),
                lambda: os.open(self.root / "secret", os.O_WRONLY),
            ):
                with self.assertRaises(Blocked):
                    act()
            self.assertEqual((self.root / "one").read_text(), "one")

    def test_what_goes_past_the_wrappers_is_refused(self):
        from interlock.sandbox import _redirect

        raw = {name: _redirect.original(name) for name in ("remove", "mkdir", "chmod", "rename", "open")}
        # `os.open` was wrapped by the monitor before; what is below hears of it the same.
        with self.inside():
            (self.root / "one").write_text("changed")
            attempts = (
                lambda: raw["remove"](self.root / "dir/two"),
                lambda: raw["mkdir"](self.root / "x"),
                lambda: raw["chmod"](self.root / "one", 0o777),
                lambda: raw["rename"](self.root / "one", self.root / "x"),
                lambda: raw["open"](self.root / "x", os.O_CREAT | os.O_WRONLY),
                # It would read what the agent has replaced.
                lambda: raw["open"](self.root / "one", os.O_RDONLY),
            )
            for act in attempts:
                with self.assertRaises(Blocked) as raised:
                    act()
                self.assertNotIn("sandbox", str(raised.exception))
            os.close(raw["open"](self.root / "dir/two", os.O_RDONLY))

    def test_the_data_directory_and_the_shadow_are_out_of_reach(self):
        with self.inside():
            os.symlink(self.il.data, self.root / "way")
            for path in (self.il.data / "x", self.root / "way" / "x", self.root / "way/sandbox/x"):
                with self.assertRaises(Blocked):
                    path.write_text("x")

    def test_what_reaches_others_is_refused(self):
        other = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.addCleanup(other.stdin.close)
        os.mkfifo(self.root / "pipe")
        with self.inside():
            with self.assertRaises(Blocked):
                os.kill(os.getppid(), 0)
            with self.assertRaises(Blocked):
                open(self.root / "pipe", "w")
            with self.assertRaises(Blocked):
                os.execv("/bin/true", ["true"])
            with self.assertRaises(Blocked):
                os.posix_spawn("/bin/true", ["true"], {})
            open("/dev/null", "w").close()

    # -- what becomes of it ---------------------------------------------------------------------

    def test_a_commit_does_it(self):
        with self.il.sandbox() as box:
            (self.root / "one").write_text("changed")
            shutil.rmtree(self.root / "dir")
            (self.root / "dir").mkdir()
            (self.root / "dir" / "three").write_text("three")
            changes = box.commit()
        self.assertIn("changed", [change.kind for change in changes])
        self.assertEqual(sorted(tree(self.root)), ["dir", "dir/three", "link", "one"])
        self.assertEqual((self.root / "one").read_text(), "changed")
        self.assertEqual(list((self.il.data / "sandbox").glob("*")), [])

    def test_what_somebody_else_changed_stands_against_it(self):
        with self.il.sandbox() as box:
            (self.root / "one").write_text("mine")
            (self.root / "new").write_text("mine")
            theirs = threading.Thread(target=(self.root / "one").write_text, args=("theirs",))
            with self.outside():
                theirs.run()
            with self.assertRaises(SandboxConflict) as raised:
                box.commit()
            self.assertEqual(raised.exception.targets[0][0], str(self.root.resolve() / "one"))
        self.assertEqual((self.root / "one").read_text(), "theirs")
        self.assertFalse((self.root / "new").exists())

    def test_after_the_end_nothing_changes_any_more(self):
        over, said = threading.Event(), []

        def late():
            over.wait(10)
            try:
                (self.root / "late").write_text("late")
            except Blocked as error:
                said.append(error)

        with self.inside():
            thread = threading.Thread(target=late)
            thread.start()
        over.set()
        thread.join()
        self.assertEqual(len(said), 1)
        self.assertFalse((self.root / "late").exists())

    def test_killed_in_a_commit_it_is_completed(self):
        self.il.close()
        program = f"""
            import os, pathlib
            from interlock import Interlock
            il = Interlock({str(self.dir / "data")!r}, agent="bot",
                policy={str(self.dir / "policy.yaml")!r}, durability="batch")
            root = pathlib.Path({str(self.root)!r})
            with il.sandbox() as box:
                for n in range(300):
                    (root / f"n{{n}}").write_text("x" * 10_000)
                print("commits", flush=True)
                box.commit()
            print("done", flush=True)
        """
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
        )
        with child.stdout:
            self.assertEqual(child.stdout.readline(), "commits\n")
            while child.poll() is None and not (self.root / "n50").exists():
                pass
            child.kill()
        child.wait()
        done = len(list(self.root.glob("n*")))
        print(f"killed with {done} of 300 files committed", file=sys.stderr)
        self.open()
        self.assertEqual(len([p for p in self.root.glob("n*") if p.stat().st_size == 10_000]), 300)
        self.assertEqual(list((self.dir / "data" / "sandbox").glob("*")), [])

    def test_killed_before_a_commit_nothing_is_left(self):
        self.il.close()
        program = f"""
            import os, pathlib
            from interlock import Interlock
            il = Interlock({str(self.dir / "data")!r}, agent="bot",
                policy={str(self.dir / "policy.yaml")!r}, durability="batch")
            with il.sandbox():
                pathlib.Path({str(self.root / "new")!r}).write_text("x")
                os.kill(os.getpid(), 9)
        """
        with self.unchanged():
            subprocess.run([sys.executable, "-c", textwrap.dedent(program)])
            self.open()
        self.assertEqual(list((self.dir / "data" / "sandbox").glob("*")), [])

    def test_a_forked_process_is_inside(self):
        with self.inside() as box:
            process = multiprocessing.get_context("fork").Process(
                target=(self.root / "forked").write_text, args=("x",)
            )
            process.start()
            process.join()
            self.assertEqual(process.exitcode, 0)
            self.assertEqual(self.said(box), ["added forked"])

    # -- the property ----------------------------------------------------------------------------

    def test_random_operations_are_what_they_are_without(self):
        count = 400 if os.environ.get("INTERLOCK_SOAK") else 12
        print(f"{count} sequences; 400 with INTERLOCK_SOAK=1", file=sys.stderr)
        for seed in range(count):
            chosen = random.Random(seed)
            plain, base = self.dir / f"plain{seed}", self.dir / f"base{seed}"
            for root in (plain, base):
                shutil.copytree(self.root, root, symlinks=True)
            ops = [operation(chosen) for _ in range(60)]
            expected = [outcome(op, plain) for op in ops]
            before = tree(base)
            with self.il.sandbox() as box:
                found = [outcome(op, base) for op in ops]
                self.assertEqual(found, expected, f"seed {seed}")
                self.assertEqual(shape(base), shape(plain), f"seed {seed}")
                with self.outside():
                    self.assertEqual(tree(base), before, f"seed {seed}")
                if seed % 2:
                    box.commit()
            if seed % 2:
                self.assertEqual(shape(base), shape(plain), f"seed {seed}")


def shape(root):
    """A tree without its times."""
    return {name: about[:2] + about[3:] for name, about in tree(root).items()}


def operation(chosen):
    def path():
        return "/".join(chosen.choice(["a", "b", "one", "dir", "two", "link"]) for _ in range(chosen.randint(1, 3)))

    return chosen.randrange(17), path(), path(), "x" * chosen.choice([0, 5, 5_000])


def appended(path, text):
    with open(path, "a") as file:
        file.write(text)


def outcome(op, root):
    """What an operation ends in: its result, or the error and the path that it names."""
    kind, one, two, text = op
    one, two = root / one, root / two
    acts = [
        lambda: one.write_text(text),
        lambda: appended(one, text),
        lambda: one.read_text(),
        lambda: sorted(os.listdir(one)),
        lambda: os.mkdir(one),
        lambda: os.makedirs(one, exist_ok=True),
        lambda: os.rename(one, two),
        lambda: shutil.move(one, two) and None,
        lambda: os.remove(one),
        lambda: shutil.rmtree(one),
        lambda: one.symlink_to(two.name),
        lambda: os.link(one, two),
        lambda: one.chmod(0o700),
        lambda: shutil.copy(one, two) and None,
        lambda: oct(one.stat().st_mode),
        lambda: sorted(e.name for e in os.scandir(one) if e.is_file()),
        lambda: one.exists() and (one.is_dir(), one.is_symlink(), os.readlink(one)),
    ]
    try:
        return acts[kind]()
    except OSError as error:
        names = [str(n).replace(str(root), "") for n in (error.filename, error.filename2)]
        return type(error).__name__, error.errno, names
    except shutil.Error as error:
        return str(error).replace(str(root), "")


class Processes(Rooted):
    """What is started in a sandbox."""

    def run_in(self, command, **options):
        try:
            return subprocess.run(
                command, shell=True, capture_output=True, text=True, timeout=60, **options
            )
        except Blocked as error:
            self.skipTest(f"no namespaces here: {error.decision.reason}")

    def test_a_process_sees_the_sandbox_and_is_seen(self):
        with self.inside() as box:
            (self.root / "one").write_text("changed")
            ran = self.run_in("cat one; echo -n more >> one; rm -r dir; mkdir made; echo x > made/y", cwd=self.root)
            self.assertEqual((ran.stdout, ran.stderr, ran.returncode), ("changed", "", 0))
            self.assertEqual((self.root / "one").read_text(), "changedmore")
            self.assertFalse((self.root / "dir").exists())
            self.assertEqual((self.root / "made/y").read_text(), "x\n")
            self.assertIn("removed dir", self.said(box))
            os.system(f"echo y > {self.root}/made/z")
            self.assertEqual(sorted(os.listdir(self.root / "made")), ["y", "z"])

    def test_what_a_process_did_is_committed(self):
        with self.il.sandbox() as box:
            self.run_in("rm -r dir; mkdir dir; echo x > dir/y; ln -sf one link", cwd=self.root)
            box.commit()
        self.assertEqual(sorted(tree(self.root)), ["dir", "dir/y", "link", "one"])
        self.assertEqual(os.readlink(self.root / "link"), "one")

    def test_a_process_has_no_network_and_no_data_directory(self):
        with self.inside():
            self.run_in("true")
            ran = self.run_in(f"ls -A {self.il.data}; wc -l < /proc/net/dev")
            # Two lines of titles, and the loopback.
            self.assertEqual(ran.stdout.split(), ["3"])

    def test_a_process_cannot_reach_outside(self):
        out = self.root / "out"
        with self.inside():
            self.run_in("true")
            for command in (
                f"echo x > /proc/$PPID/root{out}",
                f"echo x > /proc/1/root{out}",
                f"ls /proc/$PPID/root/ /proc/$PPID/cwd/ /proc/$PPID/fd/",
                f"nsenter -t $PPID -m touch {out}",
                f"nsenter -t $PPID -n true",
                f"nsenter -t $PPID -U true",
                f"unshare -Um nsenter -t $PPID -m touch {out}",
                # As anybody else who has a process outside.
                "setpriv --reuid 65534 --clear-groups ls /proc/$PPID/root/",
                # What is mounted for the sandbox stays.
                f"umount {self.root}", "umount -l /tmp", "umount /", "umount /dev", "umount /proc",
                "mount -o remount,rw /proc", "mount -o remount,rw /sys", "mount -o remount,rw /",
                "unshare -Urm mount -o remount,bind,rw /sys", "unshare -Um umount /tmp",
                f"chroot / true && nsenter -t $PPID -m true",
                "mount -t tmpfs none /mnt", "mknod device b 7 0",
                "cat /proc/sys/kernel/domainname > /proc/sys/kernel/domainname",
                "cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness",
                "unshare -Urpf --mount-proc sh -c 'cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness'",
                "echo h > /proc/sysrq-trigger", "echo 0 > /sys/kernel/uevent_seqnum", "mkdir /sys/fs/cgroup/interlock-test",
                "echo x > /sys/module/kernel/parameters/consoleblank",
            ):
                with self.subTest(command):
                    ran = self.run_in(f"cd {self.root} && {command}")
                    self.assertNotEqual(ran.returncode, 0, ran.stdout)
            ran = self.run_in("ls -1 /dev; find /dev -type b; echo x > /dev/null; head -c 3 /dev/zero | wc -c; grep Cap /proc/self/status")
            *devices, count = ran.stdout.split("CapInh")[0].split()
            self.assertLessEqual(
                set(devices),
                {"null", "zero", "full", "random", "urandom", "tty", "fd", "stdin", "stdout", "stderr", "ptmx", "pts", "shm"},
            )
            self.assertEqual(count, "3")
            sets = {line.split()[0]: int(line.split()[1], 16) for line in ran.stdout.splitlines() if line.startswith("Cap")}
            # Neither what reaches other processes, nor devices, modules, clocks or mounts.
            for capability in (2, 12, 16, 17, 18, 19, 21, 22, 25, 27, 38, 39):
                self.assertEqual([s for s in sets.values() if s >> capability & 1], [], capability)

    def test_sockets_that_others_listen_on_are_out_of_reach(self):
        """Also where something is mounted, so that no overlay lies over the directory."""
        import socket

        path = str(self.root / "socket")
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(path)
        server.listen()
        program = self.dir / "connect.py"
        program.write_text(f"import socket\nsocket.socket(socket.AF_UNIX).connect({path!r})")
        (self.root / "file").write_text("file")
        source = self.dir / "source"
        source.write_text("source")
        for mounted in (False, True):
            if mounted:
                done = subprocess.run(["mount", "--bind", source, self.root / "file"], capture_output=True)
                if done.returncode != 0:
                    print("nothing can be mounted: not tested", file=sys.stderr)
                    return
                self.addCleanup(subprocess.run, ["umount", self.root / "file"])
            with self.il.sandbox():
                self.run_in("true")
                ran = self.run_in(f"{sys.executable} {program}")
                self.assertNotEqual(ran.returncode, 0)
                self.assertIn("ConnectionRefusedError", ran.stderr)
                ran = self.run_in(f"truncate -s 1 {self.root / 'file'}")
                self.assertEqual(ran.returncode == 0, not mounted, ran.stderr)
        self.assertEqual(source.read_text(), "source")

    def test_asyncio(self):
        async def run():
            process = await asyncio.create_subprocess_exec(
                "touch", str(self.root / "touched"), stdout=asyncio.subprocess.PIPE
            )
            return await process.wait()

        with self.inside() as box:
            self.run_in("true")
            self.assertEqual(asyncio.run(run()), 0)
            self.assertEqual(self.said(box), ["added touched"])

    def test_what_still_runs_stands_against_a_commit(self):
        with self.inside() as box:
            self.run_in("true")
            (self.root / "x").write_text("x")
            process = subprocess.Popen(["sleep", "60"])
            with self.assertRaises(SandboxError):
                box.commit()
            process.terminate()
            process.wait()

    def test_a_program_that_is_not_there(self):
        with self.inside():
            self.run_in("true")
            with self.assertRaises(FileNotFoundError):
                subprocess.run(["/no/such/program"])
            with self.assertRaises(FileNotFoundError):
                subprocess.run(["true"], cwd=self.root / "nowhere")


if __name__ == "__main__":
    unittest.main()
