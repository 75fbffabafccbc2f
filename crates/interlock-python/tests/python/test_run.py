"""Runs: what happened once does not happen again, whenever the process died."""

import asyncio
import concurrent.futures
import json
import os
import subprocess
import sys
import textwrap
import threading
import unittest

from interlock import (
    ApprovalDenied,
    ApprovalRequired,
    Blocked,
    ConfigurationError,
    Diverged,
    Interlock,
    InvalidAction,
    OutcomeUnknown,
    ResultNotStored,
    RunError,
    RunPaused,
    StepFailed,
)

from world import World

#: An agent of twelve steps whose every life but the last is killed: at each step before its effect,
#: between its effect and the record of it, and after both. Each life is a process of its own, forked
#: from one that never opened the data directory.
TWELVE = """
import json, os, signal, sys
from interlock import Interlock
data, policy, effects, log = sys.argv[1:]

def life(number, kill):
    il = Interlock(data, agent="bot", policy=policy)

    def happened(step):
        with open(effects) as file:
            return f"effect {step}" if f"{step}\\n" in file else None

    def act(step):
        if kill == (step, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        with open(effects, "a") as file:
            file.write(f"{step}\\n")
        if kill == (step, "between"):
            os.kill(os.getpid(), signal.SIGKILL)
        return f"effect {step}"

    tool = il.guard(act, name="act", check=happened)
    with il.run("twelve", resume=True) as run:
        results = []
        for step in range(1, 13):
            # Half of them are guarded tools, half are plain functions.
            if step % 2:
                results.append(tool(step))
            else:
                results.append(run.step("act", act, step, check=happened))
            if kill == (step, "after"):
                os.kill(os.getpid(), signal.SIGKILL)
    il.close()
    with open(log, "w") as file:
        json.dump(results, file)

kills = [(step, place) for step in range(1, 13) for place in ("before", "between", "after")]
for number, kill in enumerate([*kills, None]):
    child = os.fork()
    if child == 0:
        life(number, kill)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == (-signal.SIGKILL if kill else 0), (kill, code)
"""


class Killed(World):
    policy = "interlock: 1\ndefault: allow\n"

    def test_an_agent_killed_at_each_of_its_twelve_steps_has_each_effect_once(self):
        self.il.close()
        effects = self.dir / "effects"
        effects.write_text("")
        log = self.dir / "results"
        ran = self.ran(TWELVE, effects, log, timeout=120)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(effects.read_text().split(), [str(n) for n in range(1, 13)])
        results = json.loads(log.read_text())
        self.assertEqual(results, [f"effect {n}" for n in range(1, 13)])


class Dies(BaseException):
    """Ends a life of a run in the middle of a step."""


class Steps(World):
    def setUp(self):
        super().setUp()
        self.effects = []

    def effect(self, what, returns="done"):
        self.effects.append(what)
        return returns

    def dies(self, what, returns="done"):
        self.effects.append(what)
        raise Dies

    def test_finished_steps_return_what_they_returned(self):
        for life in range(3):
            with self.il.run("r", resume=True) as run:
                self.assertEqual(run.step("a", self.effect, "a", {"x": [1, 2.5, None]}), {"x": [1, 2.5, None]})
                # A tuple is a list from the first life on.
                self.assertEqual(run.step("b", self.effect, "b", (1, "é")), [1, "é"])
                self.assertEqual(run.steps, 2)
                self.assertEqual(run.finished, life > 0)
        self.assertEqual(self.effects, ["a", "b"])
        with self.assertRaises(RunError) as caught, self.il.run("r"):
            pass
        self.assertEqual(caught.exception.code, "run.exists")
        self.il.forget_run("r")
        with self.il.run("r") as run:
            run.step("a", self.effect, "a")
        self.assertEqual(self.effects, ["a", "b", "a"])

    def test_threads_and_pools_are_within_the_run(self):
        tool = self.il.guard(lambda n: self.effect(n), name="charge")
        for _ in range(2):
            with self.il.run("r", resume=True) as run:
                with concurrent.futures.ThreadPoolExecutor(1) as pool:
                    pool.submit(tool, 1).result()
                thread = threading.Thread(target=tool, args=(2,))
                thread.start()
                thread.join()
                self.assertEqual(run.steps, 2)
        self.assertEqual(self.effects, [1, 2])

    def test_a_finished_run_has_no_further_step(self):
        with self.il.run("r", resume=True) as run:
            run.step("a", self.effect, "a")
        with self.assertRaises(RunError) as caught, self.il.run("r", resume=True) as run:
            run.step("a", self.effect, "a")
            run.step("b", self.effect, "b")
        self.assertEqual(caught.exception.code, "run.finished")
        self.assertEqual(self.effects, ["a"])

    def test_a_relative_data_directory_stays_where_it_was(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        other = self.dir / "other"
        other.mkdir()
        for _ in range(2):
            os.chdir(self.dir)
            with Interlock("rel", agent="bot", policy=self.dir / "policy.yaml") as il:
                os.chdir(other)
                with il.run("job", resume=True) as run:
                    run.step("pay", self.effect, "pay")
        self.assertEqual(self.effects, ["pay"])
        self.assertEqual(list(other.iterdir()), [])

    def test_guarded_tools_are_steps_and_what_they_call_is_not(self):
        inner = self.il.guard(lambda: self.effect("inner"), name="inner")
        outer = self.il.guard(lambda: (self.effect("outer"), inner())[0], name="outer")

        class Tool:
            def execute(tool, n):
                return self.effect(f"tool {n}")

        tool = self.il.guard(Tool(), name="tool")
        for _ in range(2):
            with self.il.run("r", resume=True) as run:
                outer()
                tool.execute(1)
                tool.execute(1)
                run.step("again", inner)
                self.assertEqual(run.steps, 4)
        self.assertEqual(self.effects, ["outer", "inner", "tool 1", "tool 1", "inner"])
        # Outside of the run nothing is a step.
        inner()
        self.assertEqual(len(self.effects), 6)

    def test_coroutines(self):
        async def effect(what):
            await asyncio.sleep(0)
            return self.effect(what, what)

        tool = self.il.guard(effect, name="tool")

        async def life():
            with self.il.run("r", resume=True) as run:
                self.assertEqual(await run.step("a", effect, "a"), "a")
                self.assertEqual(await asyncio.gather(tool("b"), tool("c")), ["b", "c"])

        asyncio.run(life())
        asyncio.run(life())
        self.assertEqual(sorted(self.effects), ["a", "b", "c"])

    def test_a_cancelled_step_is_in_doubt(self):
        async def slow():
            self.effect("slow")
            await asyncio.sleep(60)

        async def life():
            with self.il.run("r", resume=True) as run:
                await asyncio.wait_for(run.step("slow", slow), 0.5)

        with self.assertRaises(asyncio.TimeoutError):
            asyncio.run(life())
        with self.assertRaises(OutcomeUnknown):
            asyncio.run(life())
        self.assertEqual(self.effects, ["slow"])

    def test_another_step_pauses_the_run_and_is_on_record(self):
        with self.il.run("r") as run:
            run.step("pay", self.effect, 7)
        with self.assertRaises(Diverged) as caught, self.il.run("r", resume=True) as run:
            run.step("pay", self.effect, 8)
        self.assertIn("step 1 of run `r`", str(caught.exception))
        decision = caught.exception.decision
        self.assertEqual((decision.effect, decision.code), ("block", "caller.asks"))
        self.assertGreater(decision.seq, 0)
        with self.assertRaises(RunPaused), self.il.run("r", resume=True):
            pass
        self.il.release_run("r", by="ann")
        with self.il.run("r", resume=True) as run:
            self.assertEqual(run.step("pay", self.effect, 7), "done")
        self.assertEqual(self.effects, [7])

    def in_doubt(self, **options):
        """A run whose first step happened, or not, and its process died."""
        with self.assertRaises(Dies), self.il.run("r") as run:
            run.step("pay", self.dies, "pay", **options)

    def test_a_step_in_doubt_that_is_idempotent_is_retried(self):
        self.in_doubt()
        with self.il.run("r", resume=True) as run:
            run.step("pay", self.effect, "pay", idempotent=True)
        self.assertEqual(self.effects, ["pay", "pay"])

    def test_a_step_in_doubt_that_can_be_checked_is_checked(self):
        answers = {True: (None, 0), "receipt": ("receipt", 0), None: ("done", 1), False: ("done", 1)}
        for answer, (result, ran) in answers.items():
            with self.subTest(answer=answer):
                self.effects = []
                self.in_doubt()
                asked = []

                def check(what, answer=answer, asked=asked):
                    asked.append(what)
                    return answer

                for _ in range(2):
                    with self.il.run("r", resume=True) as run:
                        got = run.step("pay", self.effect, "pay", check=check)
                    self.assertEqual(got, result)
                self.assertEqual((asked, len(self.effects)), (["pay"], 1 + ran))
                self.il.forget_run("r")

    def test_a_check_that_fails_decides_nothing(self):
        self.in_doubt()

        def check(_):
            raise OSError("not reachable")

        for _ in range(2):
            with self.assertRaises(OSError), self.il.run("r", resume=True) as run:
                run.step("pay", self.effect, "pay", check=check)
        self.assertEqual(self.effects, ["pay"])

    def test_a_step_in_doubt_asks_a_person_once(self):
        self.in_doubt()
        asked = set()
        for _ in range(2):
            with self.assertRaises(OutcomeUnknown) as caught, self.il.run("r", resume=True) as run:
                run.step("pay", self.effect, "pay")
            asked.add(caught.exception.approval_id)
        [id] = asked
        self.assertIn("may have happened before", self.il.approval_of(id).asked["reason"])
        self.il.decide(id, True, approver="ann")
        with self.il.run("r", resume=True) as run:
            self.assertEqual(run.step("pay", self.effect, "pay"), "done")
        self.assertEqual(self.effects, ["pay", "pay"])

    def test_a_person_who_says_no_is_not_asked_again(self):
        self.in_doubt()
        with self.assertRaises(OutcomeUnknown) as caught, self.il.run("r", resume=True) as run:
            run.step("pay", self.effect, "pay")
        self.il.decide(caught.exception.approval_id, False, approver="ann")
        for _ in range(2):
            with self.assertRaises(ApprovalDenied), self.il.run("r", resume=True) as run:
                run.step("pay", self.effect, "pay")
        self.assertEqual(self.effects, ["pay"])

    def test_a_person_can_say_what_happened(self):
        self.in_doubt()
        self.il.settle_step("r", 1, happened=True, result={"id": 7}, by="ann")
        with self.il.run("r", resume=True) as run:
            self.assertEqual(run.step("pay", self.effect, "pay"), {"id": 7})
        self.il.forget_run("r")
        self.in_doubt()
        self.il.settle_step("r", 1, happened=False, by="ann")
        with self.il.run("r", resume=True) as run:
            run.step("pay", self.effect, "pay")
        self.assertEqual(self.effects, ["pay", "pay", "pay"])

    def test_an_approval_outlives_the_process(self):
        def refund(order):
            return self.effect(order)

        ids = set()
        for _ in range(3):
            with self.assertRaises(ApprovalRequired) as caught, self.il.run("r", resume=True) as run:
                run.step("first", self.effect, "first")
                run.step("refund", refund, 7)
            ids.add(caught.exception.approval_id)
            self.il.close()
            self.il = self.open()
        [id] = ids
        self.il.decide(id, True, approver="ann")
        for _ in range(2):
            with self.il.run("r", resume=True) as run:
                run.step("first", self.effect, "first")
                run.step("refund", refund, 7)
        self.assertEqual(self.effects, ["first", 7])

    def test_a_blocked_step_leaves_nothing_behind(self):
        with self.assertRaises(Blocked), self.il.run("r", resume=True) as run:
            run.step("delete_record", self.effect, 7)
        # It may become another step: nothing of it happened.
        with self.il.run("r", resume=True) as run:
            run.step("keep_record", self.effect, 7)
        self.assertEqual(self.effects, [7])

    def test_a_policy_that_changes_mid_run_holds_for_the_steps_to_come(self):
        with self.assertRaises(Dies), self.il.run("r") as run:
            run.step("a", self.effect, "a")
            raise Dies
        self.il.close()
        self.policy = "interlock: 1\ndefault: allow\nrules:\n  - { id: no, match: { tool: [a, b] }, effect: block }\n"
        self.il = self.open()
        with self.assertRaises(Blocked), self.il.run("r", resume=True) as run:
            self.assertEqual(run.step("a", self.effect, "a"), "done")
            run.step("b", self.effect, "b")
        self.assertEqual(self.effects, ["a"])

    def test_a_failure_that_the_run_went_on_from_is_a_failure_again(self):
        def fails():
            self.effects.append("fails")
            raise ValueError("no such order, password=hunter2-hunter2")

        for error in (ValueError, StepFailed):
            with self.il.run("r", resume=True) as run:
                with self.assertRaises(error) as caught:
                    run.step("fails", fails)
                run.step("next", self.effect, "next")
        self.assertIn("no such order", str(caught.exception))
        self.assertEqual(self.effects, ["fails", "next"])
        journals = b"".join(p.read_bytes() for p in (self.dir / "data" / "runs").glob("*.run"))
        self.assertNotIn(b"hunter2", journals)
        # The last step of a life that ended with it may have happened in part.
        with self.assertRaises(ValueError), self.il.run("other") as run:
            run.step("fails", fails)
        with self.assertRaises(OutcomeUnknown), self.il.run("other", resume=True) as run:
            run.step("fails", fails)

    def test_what_cannot_be_stored(self):
        with self.assertRaises(InvalidAction), self.il.run("a") as run:
            run.step("x", self.effect, object())
        self.assertEqual(self.effects, [])
        bad = [object(), float("nan"), {1, 2}, "\ud800", "x" * (1024 * 1024)]
        for number, result in enumerate(bad):

            def act(number=number):
                return self.effect("x", bad[number])

            for _ in range(2):
                with self.subTest(number), self.assertRaises(ResultNotStored):
                    with self.il.run(f"b{number}", resume=True) as run:
                        run.step("x", act)
        # Each happened once all the same.
        self.assertEqual(len(self.effects), len(bad))
        with self.assertRaises(ConfigurationError), self.il.run("g") as run:
            run.step("x", lambda: (yield))

    def test_where_no_content_is_kept_no_result_is(self):
        self.il.close()
        self.il = self.open(content="hashes")
        with self.assertRaises(ConfigurationError), self.il.run("r"):
            pass
        self.assertFalse((self.dir / "data" / "runs").exists())

    def test_one_process_at_a_time_and_no_child(self):
        with self.il.run("r") as run:
            with self.assertRaises(RunError) as caught, self.il.run("r", resume=True):
                pass
            self.assertEqual(caught.exception.code, "run.open")
            other = "import sys; from interlock import Interlock, RunError\n" + textwrap.dedent(
                """
                il = Interlock(sys.argv[1], agent="bot", policy=sys.argv[2], durability="batch")
                try:
                    with il.run("r", resume=True):
                        pass
                except RunError as error:
                    sys.exit(error.code)
                """
            )
            ran = subprocess.run(
                [sys.executable, "-c", other, str(self.dir / "data"), str(self.dir / "policy.yaml")],
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(ran.stderr.strip(), "run.open")
            child = os.fork()
            if child == 0:
                try:
                    run.step("x", self.effect, "x")
                    os._exit(1)
                except RunError as error:
                    os._exit(0 if error.code == "run.forked" else 2)
                except BaseException:
                    os._exit(3)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
            run.step("x", self.effect, "x")
        self.assertEqual(self.effects, ["x"])

    def test_a_journal_that_was_changed_is_not_trusted(self):
        with self.il.run("r") as run:
            run.step("pay", self.effect, 7)
        [path] = (self.dir / "data" / "runs").glob("*.run")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        path.write_bytes(path.read_bytes().replace(b'"t":"begin"', b'"t":"bogin"'))
        with self.assertRaisesRegex(Exception, "cannot be trusted"), self.il.run("r", resume=True):
            pass


if __name__ == "__main__":
    unittest.main()
