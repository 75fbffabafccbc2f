"""A sandbox: what runs inside sees its own doings, and nobody else does."""

import asyncio
import concurrent.futures
import socket
import threading
import unittest

from interlock import Blocked, Change, ConfigurationError, SandboxConflict, SandboxError
from interlock import sandbox as sandboxes
from interlock.sandbox import _frame

from world import World


class Notes(sandboxes.Part):
    """A part that holds back notes."""

    name = "notes"
    covers = frozenset({"note"})
    outside: list[str] = []
    stands_against = False

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.held = []

    def write(self, note):
        self.sandbox.require_open("note", note, "write")
        self.held.append(note)

    def diff(self):
        return [Change("notes", "added", note) for note in self.held]

    def prepare(self):
        if self.stands_against:
            raise SandboxConflict("a note was changed", (("a", "changed"),))

    def commit(self):
        Notes.outside += self.held

    def discard(self):
        self.held = []


class Frame(World):
    def setUp(self):
        super().setUp()
        Notes.outside, Notes.stands_against = [], False
        _frame.PARTS["notes"] = "notes"
        known = _frame.class_of
        _frame.class_of = lambda name: Notes if name == "notes" else known(name)

        def restore():
            _frame.class_of = known
            del _frame.PARTS["notes"]

        self.addCleanup(restore)

    def test_leaving_discards(self):
        with self.il.sandbox() as box:
            box.part("notes").write("one")
            self.assertEqual(box.diff(), [Change("notes", "added", "one")])
        self.assertEqual((box.state, Notes.outside), ("discarded", []))
        self.assertEqual(list((self.dir / "data" / "sandbox").glob("*")), [])

    def test_an_exception_discards(self):
        with self.assertRaises(ZeroDivisionError), self.il.sandbox() as box:
            box.part("notes").write("one")
            1 / 0
        self.assertEqual((box.state, Notes.outside), ("discarded", []))

    def test_a_commit_does_it_and_ends_the_sandbox(self):
        with self.il.sandbox() as box:
            notes = box.part("notes")
            notes.write("one")
            self.assertEqual([change.target for change in box.commit()], ["one"])
            with self.assertRaises(Blocked):
                notes.write("two")
            with self.assertRaises(SandboxError):
                box.commit()
        self.assertEqual((box.state, Notes.outside), ("committed", ["one"]))

    def test_a_conflict_commits_nothing(self):
        with self.il.sandbox() as box:
            box.part("notes").write("one")
            Notes.stands_against = True
            with self.assertRaises(SandboxConflict) as raised:
                box.commit()
            self.assertEqual(raised.exception.targets, (("a", "changed"),))
            self.assertEqual(box.state, "open")
        self.assertEqual(Notes.outside, [])

    def test_threads_tasks_and_executors_are_inside(self):
        seen = []

        def look():
            seen.append(sandboxes.current())

        async def task():
            await asyncio.get_running_loop().run_in_executor(None, look)
            look()

        self.assertIsNone(sandboxes.current())
        with self.il.sandbox() as box:
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(look).result()
            with self.il.monitor("inner"):
                look()
        asyncio.run(self.in_sandbox(task))
        self.assertEqual(seen[:3], [box] * 3)
        self.assertEqual([kind is not None for kind in seen], [True] * 5)
        self.assertIsNone(sandboxes.current())

    async def in_sandbox(self, task):
        with self.il.sandbox():
            await asyncio.create_task(task())

    def test_a_thread_that_goes_on_is_refused(self):
        over, said = threading.Event(), []

        def late(notes):
            over.wait(10)
            try:
                notes.write("late")
            except Blocked as error:
                said.append(str(error))

        with self.il.sandbox() as box:
            thread = threading.Thread(target=late, args=(box.part("notes"),))
            thread.start()
        over.set()
        thread.join()
        self.assertEqual(len(said), 1)
        self.assertNotIn("sandbox", said[0])

    def test_connections_that_no_part_covers_are_refused(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        with self.il.sandbox() as box:
            for passes in (False, True):
                with socket.socket() as client:
                    if passes:
                        with box.passing():
                            client.connect(server.getsockname())
                    else:
                        with self.assertRaises(Blocked):
                            client.connect(server.getsockname())

    def test_it_is_on_record(self):
        with self.il.sandbox() as box:
            box.part("notes").write("one")
            box.commit()
        self.il.close()
        rows = self.open().engine.trail("bot", 100)
        rows = [row for row in rows if row["action_type"] == "sandbox"]
        self.assertEqual(len(rows), 3, "opened, commits, committed")

    def test_no_sandbox_in_a_sandbox_or_a_run(self):
        with self.il.sandbox():
            with self.assertRaises(ConfigurationError), self.il.sandbox():
                pass
            with self.assertRaises(ConfigurationError), self.il.run("r"):
                pass
        with self.il.run("q"), self.assertRaises(ConfigurationError), self.il.sandbox():
            pass


class Guards(World):
    policy = """
    interlock: 1
    default: allow
    rules:
      - id: isolate
        match: { tool: [risky] }
        effect: sandbox
    """

    def risky(self, **options):
        seen = []

        def risky(x):
            seen.append(sandboxes.current())
            return x + 1

        return self.il.guard(risky, **options), seen

    def test_without_a_sandbox_a_person_is_asked(self):
        risky, seen = self.risky()
        with self.assertRaises(Exception) as raised:
            risky(1)
        self.assertEqual(type(raised.exception).__name__, "ApprovalRequired")
        self.assertEqual(seen, [])

    def test_a_guard_that_may_runs_it_in_a_sandbox_of_its_own(self):
        risky, seen = self.risky(sandbox=True)
        self.assertEqual(risky(1), 2)
        self.assertEqual(seen[0].state, "discarded")

    def test_all_guards_may(self):
        self.il = self.open(sandbox=True)
        risky, seen = self.risky()
        self.assertEqual(risky(1), 2)
        self.assertEqual(seen[0].state, "discarded")

    def test_a_review_may_commit(self):
        risky, seen = self.risky(sandbox=lambda box: box.commit())
        self.assertEqual(risky(1), 2)
        self.assertEqual(seen[0].state, "committed")

    def test_in_a_sandbox_it_runs_there(self):
        risky, seen = self.risky()
        with self.il.sandbox() as box:
            self.assertEqual(risky(1), 2)
        self.assertEqual(seen, [box])

    def test_a_coroutine(self):
        seen = []

        async def risky(x):
            await asyncio.sleep(0)
            seen.append(sandboxes.current())
            return x + 1

        self.assertEqual(asyncio.run(self.il.guard(risky, sandbox=True)(1)), 2)
        self.assertEqual(seen[0].state, "discarded")

    def test_a_run_asks_a_person(self):
        risky, seen = self.risky(sandbox=True)
        with self.assertRaises(Exception) as raised, self.il.run("r"):
            risky(1)
        self.assertEqual(type(raised.exception).__name__, "ApprovalRequired")
        self.assertEqual(seen, [])


if __name__ == "__main__":
    unittest.main()
