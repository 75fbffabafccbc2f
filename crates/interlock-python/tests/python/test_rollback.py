"""What an agent changed is put back: files under a monitor, declared files, calls with an undo."""

import asyncio
import concurrent.futures
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
import unittest.mock

from interlock import (
    Blocked,
    ConfigurationError,
    Interlock,
    InterlockError,
    RollbackStopped,
    UndoLimits,
    _monitor,
    _sealing,
)

from world import World

KEEP = """
interlock: 1
default: allow
rules:
  - id: no-delete
    match: { tool: [delete_record] }
    effect: block
  - id: only-what-can-be-undone
    match: { tool: [open, edit, create_user, rename] }
    when: "!facts.reversible && facts.side_effect"
    effect: block
"""


def tree(root):
    """Everything below `root`: content, mode, modification time, links."""
    found = {}
    for path in sorted(root.rglob("*")):
        about = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (oct(about.st_mode), about.st_mtime_ns, content)
    return root.lstat().st_mtime_ns, found


class Rollback(World):
    policy = KEEP

    def setUp(self):
        super().setUp()
        self.root = self.dir / "work"
        self.root.mkdir()
        (self.root / "a.txt").write_text("a")
        (self.root / "sub").mkdir()
        (self.root / "sub" / "b.txt").write_text("b")
        os.symlink("a.txt", self.root / "link")

    # -- files ----------------------------------------------------------------------------------

    def test_everything_a_program_does_to_files(self):
        before = tree(self.root)
        with self.il.monitor("bot"):
            (self.root / "a.txt").write_text("changed")
            with open(self.root / "link", "a") as file:
                file.write("and more")
            (self.root / "new.txt").write_text("new")
            os.rename(self.root / "new.txt", self.root / "a.txt")
            os.mkdir(self.root / "dir")
            os.link(self.root / "a.txt", self.root / "dir" / "hard")
            os.symlink("x", self.root / "dir" / "soft")
            os.chmod(self.root / "sub" / "b.txt", 0o600)
            os.utime(self.root / "sub" / "b.txt", (1, 1))
            os.truncate(self.root / "sub" / "b.txt", 0)
            os.remove(self.root / "link")
            shutil.rmtree(self.root / "sub")
            shutil.copy2(self.root / "a.txt", self.root / "copied")
        self.assertNotEqual(tree(self.root), before)
        steps = self.il.undo_steps("bot")
        report = self.il.rollback(last=len(steps))
        self.assertEqual(len(report.undone), len(steps))
        self.assertEqual(tree(self.root), before)
        self.assertEqual(self.il.undo_steps(), [])

    def test_a_removed_tree_is_one_step(self):
        before = tree(self.root)
        with self.il.monitor("bot"):
            shutil.rmtree(self.root / "sub")
        self.assertEqual([step.tool for step in self.il.undo_steps()], ["rmtree"])
        self.il.rollback(last=1)
        self.assertEqual(tree(self.root), before)

    def test_only_the_last(self):
        with self.il.monitor("bot"):
            for text in "123":
                (self.root / "a.txt").write_text(text)
        report = self.il.rollback(last=2)
        self.assertEqual((self.root / "a.txt").read_text(), "1")
        self.assertEqual([step.tool for step in report.undone], ["open", "open"])
        self.assertEqual(report.undone[0].paths, (str(self.root / "a.txt"),))

    def test_only_one_agents(self):
        for agent in ("one", "two"):
            with self.il.monitor(agent):
                (self.root / agent).write_text(agent)
        self.il.rollback(last=9, agent="one")
        self.assertFalse((self.root / "one").exists())
        self.assertTrue((self.root / "two").exists())

    def test_what_somebody_else_changed_is_left_alone(self):
        with self.il.monitor("bot"):
            (self.root / "a.txt").write_text("bot")
        (self.root / "a.txt").write_text("a person")
        with self.assertRaises(RollbackStopped) as raised:
            self.il.rollback(last=1)
        self.assertIn("was changed since", str(raised.exception))
        self.assertEqual(raised.exception.report.undone, ())
        self.assertEqual((self.root / "a.txt").read_text(), "a person")
        self.il.rollback(last=1, force=True)
        self.assertEqual((self.root / "a.txt").read_text(), "a")

    def test_in_threads_and_tasks(self):
        before = tree(self.root)

        async def write(name):
            await asyncio.to_thread((self.root / name).write_text, name)

        async def both():
            await asyncio.gather(write("x"), write("y"))

        with self.il.monitor("bot"):
            thread = threading.Thread(target=(self.root / "a.txt").write_text, args=("t",))
            thread.start()
            thread.join()
            asyncio.run(both())
        self.il.rollback(last=3)
        # Two files made at once: which of them found the directory as it was is not said, so that its
        # own time may be that of the other.
        self.assertEqual(tree(self.root)[1], before[1])

    # -- what policies see ----------------------------------------------------------------------

    def test_policies_see_before_whether_it_can_be_undone(self):
        il = self.open_other(undo=UndoLimits(file_bytes_max=10))
        (self.root / "large").write_text("more than ten bytes")
        with il.monitor("bot"):
            (self.root / "a.txt").write_text("small")
            with self.assertRaises(Blocked) as raised:
                (self.root / "large").write_text("x")
            self.assertEqual(raised.exception.decision.policy, "only-what-can-be-undone")
            # Nothing is copied of what is only renamed.
            os.rename(self.root / "large", self.root / "larger")
        self.assertEqual((self.root / "larger").read_text(), "more than ten bytes")

    def test_what_cannot_be_undone_is_said_in_the_report(self):
        il = self.open_other(undo=UndoLimits(file_bytes_max=10), policy="development")
        (self.root / "large").write_text("more than ten bytes")
        il.guard(lambda path: (self.root / path).write_text("x"), name="w", writes=str(self.root / "{path}"))("large")
        report = il.rollback(last=1)
        self.assertEqual(report.undone, ())
        self.assertIn("10 are kept", report.irreversible[0].irreversible[0])

    def open_other(self, **options):
        policy = options.pop("policy", None) or self.dir / "policy.yaml"
        if policy == "development":
            policy = self.dir / "allow.yaml"
            policy.write_text("interlock: 1\ndefault: allow\nrules: []\n")
        il = Interlock(
            self.dir / "other", agent="bot", policy=policy, durability="batch", **options
        )
        self.addCleanup(il.close)
        return il

    # -- calls ----------------------------------------------------------------------------------

    def test_a_call_with_an_undo(self):
        users = {}

        def create_user(name):
            users[name] = len(users) + 1
            return users[name]

        def delete_user(name, result):
            self.assertEqual(users.pop(name), result)

        create = self.il.guard(create_user, undo=delete_user)
        create("ann")
        create("bob")
        report = self.il.rollback(last=1)
        self.assertEqual(users, {"ann": 1})
        self.assertEqual(report.undone[0].declared, ("call",))
        self.assertEqual(report.undone[0].tool, "create_user")

        # Without an undo the policy does not let it run.
        with self.assertRaises(Blocked):
            self.il.guard(create_user)("eve")

    def test_the_undo_of_another_interlock_on_the_same_directory(self):
        done = []

        def tool(name):
            done.append(name)

        other = self.open()
        self.il.guard(tool, name="create_user", undo=lambda name: done.remove(name))("ann")
        other.guard(tool, name="create_user", undo=lambda name: done.append("wrong"))("bob")
        other.abandon_step(other.undo_steps()[1].step)
        other.rollback(last=1)
        self.assertEqual(done, ["bob"])

    def test_coroutines(self):
        done = []

        async def create_user(name):
            done.append(name)

        async def delete_user(name):
            await asyncio.sleep(0)
            done.remove(name)

        async def main():
            await self.il.guard(create_user, undo=delete_user)("ann")
            self.assertEqual(done, ["ann"])
            self.il.rollback()

        asyncio.run(main())
        self.assertEqual(done, [])

    def test_a_call_that_fails_is_not_undone(self):
        undone = []

        def create_user(name):
            raise ValueError(name)

        with self.assertRaises(ValueError):
            self.il.guard(create_user, undo=undone.append)("ann")
        self.assertEqual(self.il.rollback().undone, ())
        self.assertEqual(undone, [])

    def test_an_undo_that_fails_is_not_tried_twice(self):
        calls = []

        def undo(name):
            calls.append(name)
            raise OSError("gone")

        self.il.guard(lambda name: None, name="create_user", undo=undo)("ann")
        for expected in ("gone", "a person must look"):
            with self.assertRaises(RollbackStopped) as raised:
                self.il.rollback()
            self.assertIn(expected, str(raised.exception))
        self.assertEqual(calls, ["ann"])
        self.il.abandon_step(raised.exception.report.stopped.step)
        self.assertEqual(self.il.rollback().undone, ())

    def test_an_undo_that_calls_tools_in_other_threads(self):
        """In a thread of the undo's own that is no action of the agent's; in another it cannot wait
        for a rollback that waits for it."""
        there = self.dir / "there.txt"

        @self.il.guard(writes="{path}")
        def write(path):
            pathlib.Path(path).write_text("x")

        said = []

        def undo_in_a_thread():
            thread = threading.Thread(target=write, args=(str(there),))
            thread.start()
            thread.join()

        tasks = queue.Queue()

        def work():
            while (task := tasks.get()) is not None:
                try:
                    write(str(there))
                except InterlockError as error:
                    said.append(error.code)
                task.set_result(None)

        worker = threading.Thread(target=work)
        worker.start()
        self.addCleanup(worker.join)
        self.addCleanup(tasks.put, None)

        def undo_in_anothers_thread():
            task = concurrent.futures.Future()
            tasks.put(task)
            task.result(20)

        def undo_that_looks():
            self.il.undo_steps()

        for undo in (undo_in_a_thread, undo_in_anothers_thread):
            tool = self.il.guard(lambda: None, name="tool", undo=undo)
            tool()
            with unittest.mock.patch("interlock._undo.CALL_SECONDS", 0.2):
                self.assertEqual(len(self.il.rollback().undone), 1)
        self.assertEqual(said, ["undo.busy"])
        self.assertEqual(there.read_text(), "x")
        tool = self.il.guard(lambda: None, name="tool", undo=undo_that_looks)
        tool()
        with self.assertRaises(RollbackStopped):
            self.il.rollback()

    def test_a_tool_that_says_what_it_writes(self):
        @self.il.guard(writes="{path}")
        def edit(path, text):
            temporary = path + ".new"
            pathlib.Path(temporary).write_text(text)
            os.replace(temporary, path)

        before = tree(self.root)
        edit(str(self.root / "a.txt"), "edited")
        self.assertEqual((self.root / "a.txt").read_text(), "edited")
        self.il.rollback()
        self.assertEqual(tree(self.root)[1]["a.txt"], before[1]["a.txt"])

    def test_what_a_tool_does_in_a_monitor_is_one_step(self):
        before = tree(self.root)

        @self.il.guard
        def tidy():
            (self.root / "a.txt").write_text("tidy")
            os.remove(self.root / "sub" / "b.txt")
            (self.root / "index").write_text("x")

        with self.il.monitor("bot"):
            tidy()
        self.assertEqual([step.tool for step in self.il.undo_steps()], ["tidy"])
        self.il.rollback()
        self.assertEqual(tree(self.root), before)

    # -- violations -----------------------------------------------------------------------------

    def test_a_violation_undoes_the_last_actions_and_pauses(self):
        il = self.open_other(on_violation="rollback", rollback_limit=2)
        delete_record = il.guard(lambda id: None, name="delete_record")
        with il.monitor("bot"):
            for text in "123":
                (self.root / "a.txt").write_text(text)
            with self.assertRaises(Blocked):
                delete_record(7)
            with self.assertRaises(Blocked) as raised:
                (self.root / "a.txt").write_text("again")
        self.assertIn("agent.paused", [code for code, _ in raised.exception.decision.reasons])
        self.assertEqual((self.root / "a.txt").read_text(), "1", "two are undone, once")
        il.engine.resume_agent("bot", "ann")
        with il.monitor("bot"):
            (self.root / "a.txt").write_text("again")

    def test_a_violation_of_one_agent_is_not_anothers(self):
        il = self.open_other(on_violation="pause")
        with self.assertRaises(Blocked):
            il.guard(lambda id: None, name="delete_record")(7)
        self.assertFalse(il.check("custom", tool="other").allowed)
        self.assertTrue(il.check("custom", tool="other", agent="another").allowed)

    def test_what_somebody_else_changes_while_a_monitor_goes_on_stands_against_it(self):
        path, open_still = self.root / "a.txt", self.root / "b.txt"
        with self.il.monitor("bot"):
            path.write_text("the agent's")
            with open(open_still, "w") as file:
                file.write("the agent's")
                file.flush()
                deadline = time.monotonic() + 20
                # As long as a file is open, what is written to it is the agent's.
                while time.monotonic() < deadline and _sealing._waiting[1:]:
                    time.sleep(0.05)
                file.write(" too")
            with _monitor.unmonitored():
                path.write_text("theirs")
        with self.assertRaises(RollbackStopped) as raised:
            self.il.rollback(last=2, agent="bot")
        self.assertEqual(len(raised.exception.report.undone), 1)
        self.assertEqual(path.read_text(), "theirs")
        self.assertFalse(open_still.exists())

    # -- the record -----------------------------------------------------------------------------

    def test_a_rollback_is_on_record(self):
        with self.il.monitor("bot"):
            (self.root / "a.txt").write_text("x")
        self.il.rollback(last=1, agent="bot")
        self.il.close()
        again = self.open()
        rows = [row for row in again.engine.trail("bot", 100) if row["action_type"] == "rollback"]
        self.assertEqual(len(rows), 2, "it begins, and it ended")

    # -- processes ------------------------------------------------------------------------------

    def child(self, code):
        program = f"""
            import os, pathlib, sys
            from interlock import Interlock
            il = Interlock({str(self.dir / "data")!r}, agent="bot",
                policy={str(self.dir / "policy.yaml")!r}, durability="batch")
            root = pathlib.Path({str(self.root)!r})
        """
        text = textwrap.dedent(program) + textwrap.dedent(code)
        return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)

    def test_another_processs_steps_after_it_was_killed(self):
        self.il.close()
        before = tree(self.root)
        ran = self.child(
            """
            with il.monitor():
                (root / "a.txt").write_text("half")
                file = open(root / "new", "w")
                os.kill(os.getpid(), 9)
            """
        )
        self.assertEqual(ran.returncode, -signal.SIGKILL, ran.stderr)
        self.il = self.open()
        self.assertEqual(len(self.il.undo_steps()), 2)
        self.il.rollback(last=2)
        self.assertEqual(tree(self.root), before)

    def test_a_rollback_that_was_killed_is_completed_by_the_next_start(self):
        self.il.close()
        before = tree(self.root)
        ran = self.child(
            """
            def undo(n):
                os.kill(os.getpid(), 9)
            @il.guard(name="create_user", undo=undo)
            def step(n):
                pass
            with il.monitor():
                (root / "a.txt").write_text("x")
            step(1)
            il.rollback(last=2)
            """
        )
        self.assertEqual(ran.returncode, -signal.SIGKILL, ran.stderr)
        with self.assertLogs("interlock", "ERROR") as logs:
            self.il = self.open()
        self.assertIn("cannot be completed", logs.output[0])
        stuck = self.il.undo_steps()
        self.assertEqual([step.tool for step in stuck], ["open", "create_user"])
        self.il.abandon_step(stuck[1].step)
        self.il.rollback(last=1)
        self.assertEqual(tree(self.root), before)

    def test_a_forked_child_goes_on(self):
        before = tree(self.root)
        with self.il.monitor("bot"):
            (self.root / "a.txt").write_text("parent")
            child = os.fork()
            if child == 0:
                try:
                    (self.root / "child").write_text("child")
                    os._exit(0)
                finally:
                    os._exit(1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.il.rollback(last=2)
        self.assertEqual(tree(self.root), before)

    # -- configuration --------------------------------------------------------------------------

    def test_what_does_not_go_together_fails_at_once(self):
        off = self.open_other(undo=False)
        for wrong in (
            lambda: off.rollback(),
            lambda: off.guard(print, undo=print),
            lambda: off.guard(print, writes="x"),
            lambda: self.il.rollback(last=-1),
            lambda: self.open_other(on_violation="explode"),
            lambda: self.open_other(on_violation="rollback", undo=False),
            lambda: self.il.guard(_generator, undo=print),
        ):
            with self.assertRaises(ConfigurationError):
                wrong()

    def test_nothing_is_kept_without_undo(self):
        off = self.open_other(undo=False, policy="development")
        with off.monitor():
            (self.root / "a.txt").write_text("x")
        self.assertFalse((off.data / "undo").exists())


def _generator():
    yield 1


if __name__ == "__main__":
    unittest.main()
