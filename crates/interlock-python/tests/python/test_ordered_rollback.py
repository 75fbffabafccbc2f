"""A rollback that is ordered at the server: files come back here, once, and the agent waits."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from interlock import Blocked, Interlock

from serving import ADMIN, BINARY
from test_connected import WithServer, until

#: Another process of the same data directory: it acts, and waits to be ended.
OTHER = """
import sys
from interlock import Interlock
data, url, key, path = sys.argv[1:]
with Interlock(data, agent="bot", server=url, api_key=key, durability="batch") as il:
    with il.monitor():
        with open(path, "w") as file:
            file.write("by the other")
    print(il.engine.place, flush=True)
    sys.stdin.read()
"""


class Ordered(WithServer):
    def setUp(self):
        super().setUp()
        self.files = self.dir / "files"
        self.files.mkdir()
        self.first, self.second = self.files / "first", self.files / "second"
        for path in (self.first, self.second):
            path.write_text("as it was")

    def order(self, last, agent="bot"):
        made = self.server.call("POST", f"/api/agents/{agent}/rollback", {"last": last})
        return made["id"]

    def ended(self, id):
        found = {}

        def over():
            found.update(self.server.get(f"/api/rollbacks/{id}"))
            return found["state"] not in ("ordered", "claimed")

        until("the rollback ends", over)
        return found

    def goes_on(self, il):
        """Waits for the end of the pause, without asking the same again and again."""

        def permitted():
            time.sleep(0.3)
            return il.check("file_read", f"/srv/{time.monotonic_ns()}").allowed

        until("it goes on", permitted)

    def contents(self):
        return [path.read_text() for path in (self.first, self.second)]

    def test_files_are_back_and_the_agent_waits_for_a_person(self):
        il = self.open()
        # Another directory, where nothing of this agent is kept, leaves it to the one that can.
        bystander = self.open(data="bystander", agent="someone")
        with il.monitor():
            self.first.write_text("changed")
            self.second.write_text("changed")
            self.first.write_text("changed again")
        result = self.ended(self.order(2))
        self.assertEqual(
            (result["state"], result["undone"], result["message"]), ("done", 2, ""), result
        )
        self.assertEqual(self.contents(), ["changed", "as it was"])
        self.assertEqual(bystander.undo_steps(), [])
        with self.assertRaises(Blocked) as caught, il.monitor():
            self.first.write_text("in spite of it")
        self.assertEqual(caught.exception.decision.code, "agent.paused")
        # What is ordered next goes on where the first ended, and both are on record once.
        result = self.ended(self.order(1))
        self.assertEqual((result["state"], result["undone"]), ("done", 1))
        self.assertEqual(self.contents(), ["as it was", "as it was"])
        until("the record is there", lambda: il.standing()["waiting"] == 0)
        told = lambda: [r for r in self.server.actions() if r["tool"] == "interlock.rollback"]
        until("begin and end of both", lambda: len(told()) == 4)
        # A person lets it go on.
        self.server.call("PATCH", "/api/agents/bot", {"paused": False})
        self.goes_on(il)
        with il.monitor():
            self.first.write_text("after it")
        self.assertEqual(self.first.read_text(), "after it")
        self.assertFalse(json.loads((il.data / "server" / "rollback.json").read_text()))

    def test_the_command_line_says_what_came_of_it(self):
        il = self.open()
        with il.monitor():
            self.first.write_text("changed")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("INTERLOCK_")}

        def run(*words):
            return subprocess.run(
                [BINARY, "agents", *words, "--server", self.server.url, "--key", ADMIN],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )

        ran = run("rollback", "bot", "--last", "3", "--reason", "drill")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertIn("1 undone", ran.stdout)
        self.assertEqual(self.contents(), ["as it was", "as it was"])
        self.assertFalse(il.check("file_read", "/srv/a").allowed)
        ran = run("resume", "bot")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.goes_on(il)
        # Nobody has kept anything of that one.
        ran = run("rollback", "nobody", "--last", "1", "--wait", "1")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("waits", ran.stdout)

    def test_what_was_changed_since_is_left_alone_and_told(self):
        il = self.open()
        with il.monitor():
            self.first.write_text("changed")
        self.first.write_text("by a person")
        result = self.ended(self.order(1))
        self.assertEqual((result["state"], result["undone"]), ("stopped", 0))
        self.assertIn("first", result["message"])
        self.assertEqual(self.first.read_text(), "by a person")

    def test_of_several_processes_the_owner_does_it_and_another_takes_over(self):
        key = self.server.key("agent", agent_id="bot")
        arguments = [str(self.dir / "data"), self.server.url, key]

        def other(path):
            process = subprocess.Popen(
                [sys.executable, "-c", OTHER, *arguments, str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.addCleanup(process.wait)
            self.addCleanup(process.stdin.close)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.kill)
            return process, process.stdout.readline().strip()

        owner, place = other(self.first)
        self.assertEqual(place, "owner")
        client, place = other(self.second)
        self.assertEqual(place, "client")
        self.assertEqual(self.contents(), ["by the other"] * 2)
        # The owner stands still, so nobody carries it out; then it is killed.
        owner.send_signal(signal.SIGSTOP)
        id = self.order(5)
        time.sleep(1.5)
        self.assertEqual(self.server.get(f"/api/rollbacks/{id}")["state"], "ordered")
        owner.kill()
        owner.wait()
        il = self.open(api_key=key)
        il.check("file_read", "/srv/a")
        result = self.ended(id)
        self.assertEqual((result["state"], result["undone"]), ("done", 2), result)
        self.assertEqual(self.contents(), ["as it was", "as it was"])
        self.assertIsNone(client.poll())

    def test_killed_between_its_parts_it_is_done_once(self):
        for phase in ("asked", "claimed", "told"):
            with self.subTest(phase):
                data = f"killed-{phase}"
                with Interlock(
                    self.dir / data, agent=phase, server=self.server.url, api_key=ADMIN,
                    durability="batch",
                ) as il:
                    with il.monitor():
                        self.first.write_text("changed")
                        self.second.write_text("changed")
                    steps = [step.step for step in il.undo_steps(phase)]
                    il._orders.end()
                    id = self.order(2, phase)
                    until("it is told", il.engine.rollbacks)
                    # As a process leaves it that is killed just there, after half of the work.
                    order = {"agent": phase, "phase": phase, "steps": steps}
                    if phase != "asked":
                        self.assertTrue(il.engine.claim_rollback(id))
                        il.rollback(1, phase)
                    if phase == "told":
                        il.rollback(1, phase)
                        order["result"] = {
                            "state": "done", "undone": 2, "irreversible": 0, "message": "",
                        }
                    il._orders._keep({id: order})
                with Interlock(
                    self.dir / data, agent=phase, server=self.server.url, api_key=ADMIN,
                    durability="batch",
                ) as il:
                    result = self.ended(id)
                    self.assertEqual((result["state"], result["undone"]), ("done", 2), result)
                    self.assertEqual(il.undo_steps(phase), [])
                self.assertEqual(self.contents(), ["as it was", "as it was"])


if __name__ == "__main__":
    unittest.main()
