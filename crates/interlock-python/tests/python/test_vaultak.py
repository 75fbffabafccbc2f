"""The familiar front: each parameter does what its documentation says, before anything happens."""

import concurrent.futures
import contextlib
import http.server
import json
import multiprocessing
import os
import pathlib
import re
import tempfile
import threading
import time
import unittest

import jobs

from interlock import Blocked, ConfigurationError, InterlockError, Unavailable, _scope
from interlock.vaultak import (
    ActionType,
    AgentBreakerError,
    AgentPausedError,
    AgentTerminatedError,
    AlertLevel,
    BehaviorViolationError,
    KillSwitchMode,
    RollbackError,
    Vaultak,
    mask_pii,
)

from world import World

KEY = "vtk_your_api_key_here"

#: The example of the client's documentation, but for the import line.
DOCUMENTED = '''
from vaultak import Vaultak, ActionType, KillSwitchMode

vt = Vaultak(
    api_key="vtk_your_api_key_here",
    allowed_action_types=[ActionType.FILE_READ, ActionType.API_CALL],
    allowed_resources=["/tmp/*", "/data/readonly/*"],
    blocked_resources=["prod.*", "*.env"],
    max_actions_per_minute=20,
    max_risk_score=0.7,
    mode=KillSwitchMode.PAUSE
)

with vt.monitor("my-agent"):
    agent.run()

vt.log_action(
    agent_id="my-agent",
    action_type="file_delete",
    resource="/data/sensitive.csv",
    payload={"reason": "cleanup"}
)
'''


class Front(World):
    policy = "interlock: 1\ndefault: allow\n"

    def setUp(self):
        super().setUp()
        self.il.close()
        self.files = self.dir / "files"
        self.files.mkdir()
        self.plain = self.files / "plain.txt"
        self.plain.write_text("plain")

    def vaultak(self, **options):
        options = {
            "api_key": KEY,
            "agent_id": "bot",
            "data": self.dir / "data",
            "policy": self.dir / "policy.yaml",
            "durability": "batch",
            # Not what a test is about, unless it says so.
            "risk_threshold": 1.0,
            **options,
        }
        vt = Vaultak(**options)
        self.addCleanup(vt.close)
        return vt

    @contextlib.contextmanager
    def refused(self, vt, error=BehaviorViolationError):
        with vt.monitor(), self.assertRaises(error) as caught:
            yield caught
        self.assertIsInstance(caught.exception, Blocked)
        self.assertIsInstance(caught.exception, AgentBreakerError)

    def trail(self, vt, agent="bot", count=1):
        """What is on record of the agent, once it is listed."""
        for _ in range(200):
            found = vt.audit_trail(agent)
            if len(found) >= count:
                return found
            time.sleep(0.02)
        self.fail(f"{len(found)} of {count} actions are listed")

    # -- what always blocks -----------------------------------------------------------------------

    def test_without_limits_everything_runs(self):
        vt = self.vaultak()
        with vt.monitor() as monitor:
            self.plain.write_text("new")
            self.assertEqual(monitor.agent_id, "bot")
            self.assertFalse(monitor.paused)
        self.assertEqual(self.plain.read_text(), "new")

    def test_allowed_action_types(self):
        for types in ([ActionType.FILE_READ], ["file_read"]):
            vt = self.vaultak(allowed_action_types=types)
            with self.refused(vt) as caught:
                self.assertEqual(self.plain.read_text(), "plain")
                self.plain.write_text("changed")
            self.assertEqual(caught.exception.decision.code, "profile.action-type")
            self.assertEqual(self.plain.read_text(), "plain")
            vt.close()

    def test_an_api_call_may_connect(self):
        answers = Answers.serve(self)
        url = f"http://127.0.0.1:{answers.port}/x"
        import urllib.request

        vt = self.vaultak(allowed_action_types=[ActionType.API_CALL])
        with vt.monitor():
            urllib.request.urlopen(url).close()
        vt.close()
        vt = self.vaultak(allowed_action_types=[ActionType.FILE_READ])
        with self.refused(vt):
            urllib.request.urlopen(url)
        self.assertEqual(len(answers.asked), 1)

    def test_allowed_resources(self):
        vt = self.vaultak(allowed_resources=[f"{self.files}/plain*"])
        with self.refused(vt) as caught:
            self.plain.read_text()
            (self.files / "other.txt").write_text("x")
        self.assertEqual(caught.exception.decision.code, "profile.resource")
        self.assertFalse((self.files / "other.txt").exists())

    def test_blocked_resources(self):
        vt = self.vaultak(blocked_resources=["*.env", "prod.*"])
        secret = self.files / "x.env"
        with self.refused(vt) as caught:
            self.plain.read_text()
            pathlib.Path(secret).write_text("x")
        self.assertEqual(caught.exception.decision.code, "profile.blocked-resource")
        self.assertFalse(secret.exists())
        self.assertFalse(vt.check("database_write", "prod.users")["allowed"])
        self.assertTrue(vt.check("database_write", "test.users")["allowed"])

    def test_max_actions_per_minute(self):
        vt = self.vaultak(max_actions_per_minute=3)
        with self.refused(vt) as caught:
            for number in range(4):
                (self.files / f"{number}").write_text("x")
        self.assertEqual(caught.exception.decision.code, "profile.rate")
        self.assertEqual(sorted(os.listdir(self.files)), ["0", "1", "2", "plain.txt"])

    def test_max_risk_score(self):
        risk = self.risk()
        for mode in KillSwitchMode:
            vt = self.vaultak(max_risk_score=(risk - 1) / 100, agent_id=f"{mode}-bot", mode=mode)
            self.assertEqual(vt.check("file_write", "/x")["allowed"], False)
            self.assertEqual(self.codes(vt), "profile.risk")
            vt.close()
        vt = self.vaultak(max_risk_score=risk / 100, agent_id="other")
        self.assertTrue(vt.check("file_write", "/x")["allowed"])

    def risk(self):
        """The risk of the action that the tests of thresholds ask for."""
        vt = self.vaultak(agent_id="someone")
        risk = round(vt.check("file_write", "/x")["score"] * 100)
        vt.close()
        self.assertGreater(risk, 1)
        return risk

    def codes(self, vt):
        """The code of the latest decision on the agent."""
        decision = vt.interlock.check("file_write", "/x", agent=vt.agent_id, floor=vt._floor)
        return next(c for c, _ in decision.reasons if c.startswith(("profile", "caller")))

    # -- what the mode is for -----------------------------------------------------------------------

    def test_risk_threshold_alert(self):
        risk = self.risk()
        vt = self.vaultak(risk_threshold=risk / 100, agent_id="a")
        self.assertEqual(vt.check("file_write", "/x")["decision"], "ALERT")
        vt.close()
        vt = self.vaultak(risk_threshold=(risk + 1) / 100, agent_id="b")
        self.assertEqual(vt.check("file_write", "/x")["decision"], "ALLOW")
        with vt.monitor():
            self.plain.write_text("new")

    def test_risk_threshold_pause(self):
        vt = self.vaultak(risk_threshold=0.0, mode=KillSwitchMode.PAUSE)
        with self.refused(vt, AgentPausedError):
            self.plain.write_text("changed")
        self.assertEqual(self.plain.read_text(), "plain")
        vt.close()
        # The agent is stopped, whoever asks, until a person ends it.
        vt = self.vaultak()
        with self.refused(vt, AgentPausedError):
            self.plain.read_text()
        self.assertTrue(vt.check("file_read", "/x", agent_id="another")["allowed"])
        vt.approve("bot")
        with vt.monitor() as monitor:
            self.assertFalse(monitor.paused)
            self.assertEqual(self.plain.read_text(), "plain")

    def test_a_violation_triggers_the_mode(self):
        vt = self.vaultak(blocked_resources=["*.env"], mode="pause")
        with self.refused(vt, AgentPausedError):
            (self.files / "x.env").write_text("x")
        with self.refused(vt, AgentPausedError):
            self.plain.read_text()
        with vt.monitor() as monitor:
            self.assertTrue(monitor.paused)
            monitor.approve()
            self.plain.read_text()

    def test_a_refusal_of_the_policies_pauses_nobody(self):
        self.policy = "interlock: 1\ndefault: allow\nrules:\n  - { id: no, match: { resource: ['*no*'] }, effect: block }\n"
        (self.dir / "policy.yaml").write_text(self.policy)
        vt = self.vaultak(mode=KillSwitchMode.PAUSE)
        with self.refused(vt, BehaviorViolationError):
            (self.files / "no").write_text("x")
        with vt.monitor():
            self.plain.read_text()

    def test_rollback_undoes_the_last_and_pauses(self):
        undone = []
        vt = self.vaultak(
            mode=KillSwitchMode.ROLLBACK, rollback_limit=2, blocked_resources=["*.env"]
        )
        for number in range(4):
            with vt.watch(
                "bot",
                ActionType.FILE_WRITE,
                f"/x/{number}",
                {"n": number},
                rollback_fn=lambda number=number: undone.append(number),
            ):
                pass
        with self.refused(vt, AgentPausedError):
            (self.files / "x.env").write_text("x")
        self.assertEqual(undone, [3, 2])
        with self.refused(vt, AgentPausedError):
            self.plain.read_text()
        self.assertEqual(undone, [3, 2])

    def test_risk_threshold_rollback(self):
        undone = []
        vt = self.vaultak(mode=KillSwitchMode.ROLLBACK)
        with vt.watch("bot", "file_write", "/x", rollback_fn=lambda: undone.append("x")):
            pass
        vt.close()
        strict = self.vaultak(mode=KillSwitchMode.ROLLBACK, risk_threshold=0.0)
        strict._violations.undo = vt._violations.undo
        with self.refused(strict, AgentPausedError):
            self.plain.write_text("changed")
        self.assertEqual((undone, self.plain.read_text()), (["x"], "plain"))

    def test_rollback_puts_files_back(self):
        vt = self.vaultak(mode=KillSwitchMode.ROLLBACK, blocked_resources=["*.env"])
        made = self.files / "made"
        with self.refused(vt, AgentPausedError):
            self.plain.write_text("changed")
            made.write_text("by the agent")
            (self.files / "x.env").write_text("x")
        self.assertEqual((self.plain.read_text(), made.exists()), ("plain", False))

    def test_rollback_limit_counts_files(self):
        vt = self.vaultak(
            mode=KillSwitchMode.ROLLBACK, rollback_limit=1, blocked_resources=["*.env"]
        )
        made = self.files / "made"
        with self.refused(vt, AgentPausedError):
            self.plain.write_text("changed")
            made.write_text("by the agent")
            (self.files / "x.env").write_text("x")
        self.assertEqual((self.plain.read_text(), made.exists()), ("changed", False))

    def test_a_violation_in_another_process_triggers_the_mode(self):
        env = self.files / "x.env"
        options = {"blocked_resources": ["*.env"], "max_actions_per_minute": 100_000}
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            pool.submit(jobs.read, self.plain).result(60)
            vt = self.vaultak(mode=KillSwitchMode.PAUSE, **options)
            with vt.monitor():
                told = pool.submit(jobs.name_of_error, env).result(60)
            self.assertEqual(told, "AgentPausedError")
            self.assertEqual(vt.check("file_read", "/x")["decision"], "PAUSE")
            vt.approve()
            vt.close()
            vt = self.vaultak(mode=KillSwitchMode.ROLLBACK, **options)
            with vt.monitor():
                self.plain.write_text("by the parent")
                told = pool.submit(jobs.write_both, self.plain, env).result(60)
            self.assertEqual(told, "AgentPausedError")
            self.assertEqual(self.plain.read_text(), "plain")
            vt.approve()
            vt.close()
            # In `ALERT` nothing more than the refusal happens, and it crosses.
            vt = self.vaultak(**options)
            with vt.monitor(), self.assertRaises(BehaviorViolationError) as caught:
                pool.submit(jobs.write, env).result(60)
            self.assertEqual(caught.exception.agent_id, "bot")
            self.assertTrue(vt.check("file_read", "/x")["allowed"])

    def test_what_cannot_refuse_elsewhere_starts_nothing(self):
        vt = self.vaultak()
        process = multiprocessing.get_context("spawn").Process(target=jobs.write, args=(self.plain,))
        scope = _scope.Scope(refusal=lambda decision: Blocked("no"))
        with vt.monitor(), _scope.entered(scope), self.assertRaises(ConfigurationError):
            process.start()
        self.assertEqual(self.plain.read_text(), "plain")

    def test_an_undo_that_fails_is_told_and_the_others_run(self):
        undone = []

        def fails():
            raise OSError("gone")

        vt = self.vaultak()
        for undo in (lambda: undone.append(1), fails, lambda: undone.append(3)):
            with vt.watch("bot", "file_write", "/x", rollback_fn=undo):
                pass
        with self.assertRaises(RollbackError) as caught:
            vt.rollback("a test")
        self.assertEqual(undone, [3, 1])
        self.assertIn("gone", str(caught.exception))

    def test_thresholds_of_later_versions(self):
        # As below: an agent that was seen before is less of a risk.
        vt = self.vaultak(agent_id="someone")
        vt.check("file_read", "/x")
        risk = round(vt.check("file_write", "/x")["score"] * 100)
        vt.close()
        off = {"alert_threshold": 100, "pause_threshold": 100, "rollback_threshold": 100}
        cases = [("alert", "ALERT"), ("pause", "PAUSE"), ("rollback", "ROLLBACK")]
        for name, said in cases:
            for at, expected in ((risk, said), (risk + 1, "ALLOW")):
                with self.subTest(name, at=at):
                    vt = self.vaultak(
                        agent_id=f"{name}-{at}",
                        risk_threshold=None,
                        **{**off, f"{name}_threshold": at},
                    )
                    with vt.watch(vt.agent_id, "file_read", "/x", rollback_fn=lambda: None):
                        pass
                    self.assertEqual(vt.check("file_write", "/x")["decision"], expected)
                    vt.close()

    # -- the rest of the interface --------------------------------------------------------------------

    def test_watch_decides_before_the_body(self):
        vt = self.vaultak(blocked_resources=["/no/*"])
        ran = []
        with self.assertRaises(BehaviorViolationError), vt.watch("bot", "file_write", "/no/x"):
            ran.append(1)
        with self.assertRaises(ValueError), vt.watch("bot", "file_write", "/x"):
            raise ValueError
        self.assertEqual(ran, [])

    def test_log_action_in_the_order_of_either_version(self):
        vt = self.vaultak(blocked_resources=["*"], mode=KillSwitchMode.PAUSE)
        # Nothing is enforced: it has happened.
        vt.log_action(agent_id="a", action_type="file_delete", resource="/1", payload={"k": 1})
        vt.log_action("a", "file_delete", "/2", {"k": 2})
        vt.log_action("file_delete", "/3", "a", {"k": 3})
        vt.log_action(ActionType.FILE_DELETE, "/4", agent_id="a")
        vt.log_action("file_read", "file_delete", "/5")
        found = {row["resource"]: row for row in self.trail(vt, "a", 4)}
        self.assertEqual(set(found), {"/1", "/2", "/3", "/4"})
        self.assertEqual({row["action_type"] for row in found.values()}, {"file_delete"})
        # An agent may be called like an action type.
        self.assertEqual(self.trail(vt, "file_read")[0]["resource"], "/5")
        with self.assertRaises(TypeError):
            vt.log_action("file_read")

    def test_check_policy(self):
        vt = self.vaultak(blocked_resources=["*passwd*"])
        self.assertEqual(vt.check_policy("reader", "/tmp/x")["decision"], "ALLOW")
        with self.assertRaisesRegex(RuntimeError, "Tool|tool 'reader'"):
            vt.check_policy("reader", "/etc/passwd")

    def test_alert(self):
        vt = self.vaultak()
        with self.assertLogs("interlock.vaultak", "WARNING") as logged:
            vt.alert(AlertLevel.HIGH, "look at this")
        self.assertIn("high: look at this", logged.output[0])
        [row] = self.trail(vt)
        self.assertEqual((row["effect"], row["tool"]), ("alert", "alert"))
        self.assertIn("look at this", row["reason"])
        with self.assertRaises(ConfigurationError):
            vt.alert("loud")

    def test_score_action(self):
        vt = self.vaultak(blocked_resources=["*"], mode=KillSwitchMode.PAUSE)
        read = vt.score_action("file_read", {"resource": "/tmp/x"})
        drop = vt.score_action("database_write", {"resource": "prod", "sql": "DROP TABLE users"})
        self.assertLess(read.score, drop.score)
        self.assertEqual(drop.raw * 10, drop.score)
        self.assertLessEqual(drop.score, 10)
        self.assertIn(drop.level, ("medium", "high", "critical"))

    def test_mask_pii(self):
        text = "mail ann.lee@example.com"
        self.assertNotIn("ann.lee@", self.vaultak().mask_pii(text))
        self.assertNotIn("ann.lee@", mask_pii(text))

    def test_the_agent_is_told_nothing(self):
        vt = self.vaultak(blocked_resources=["*.env"])
        with self.refused(vt) as caught:
            (self.files / "x.env").write_text("x")
        self.assertNotIn(".env", str(caught.exception))

    def test_the_kill_switch(self):
        class Killed:
            effect, code, risk = "block", "kill-switch", 90
            reasons = (("kill-switch", "the kill switch is on"),)
            agent_message = "this action is not permitted"

        error = self.vaultak(mode=KillSwitchMode.PAUSE)._violations(Killed())
        self.assertIsInstance(error, AgentTerminatedError)
        self.assertEqual((error.agent_id, error.risk_score), ("bot", 0.9))

    def test_parameters_out_of_their_limits(self):
        bad = [
            {"mode": "explode"},
            {"max_risk_score": 1.5},
            {"risk_threshold": 70},
            {"max_actions_per_minute": -1},
            {"max_actions_per_minute": "20"},
            {"rollback_limit": -1},
            {"pause_threshold": 101},
            {"api_endpoint": "vaultak.com"},
            {"api_endpoint": "http://127.0.0.1:1", "api_key": ""},
            {"blocked_resources": ["x" * 2_000]},
        ]
        for options in bad:
            with self.subTest(options), self.assertRaises(ConfigurationError):
                self.vaultak(**options)
        with self.assertRaises(TypeError):
            self.vaultak(allow_everything=True)

    # -- a server -------------------------------------------------------------------------------------

    def test_api_key_and_api_endpoint(self):
        server = Answers.serve(self)
        vt = self.vaultak(api_endpoint=f"http://127.0.0.1:{server.port}/")
        server.answer = {"decision": "allow", "risk_score": 0.1}
        with vt.monitor("my-agent"):
            self.plain.write_text("new")
        path, key, body = server.asked[0]
        self.assertEqual((path, key), ("/api/check", KEY))
        self.assertEqual(
            body, {"agent_id": "my-agent", "action_type": "file_write", "resource": str(self.plain)}
        )
        server.answer = {"decision": "BLOCK", "risk_score": 0.9}
        with self.refused(vt):
            self.plain.write_text("changed")
        self.assertFalse(vt.check("file_read", "/x")["allowed"])
        with self.assertRaises(BehaviorViolationError), vt.watch("bot", "file_read", "/x"):
            self.fail("it ran")
        # What is refused here is not asked there, and nothing loosens what holds here.
        asked = len(server.asked)
        server.answer = {"decision": "allow"}
        vt.close()
        vt = self.vaultak(
            api_endpoint=f"http://127.0.0.1:{server.port}", blocked_resources=["*plain*"]
        )
        with self.refused(vt):
            self.plain.write_text("changed")
        self.assertEqual(len(server.asked), asked)
        self.assertEqual(self.plain.read_text(), "new")

    def test_a_server_that_does_not_answer_permits_nothing(self):
        server = Answers.serve(self)
        vt = self.vaultak(api_endpoint=f"http://127.0.0.1:{server.port}")
        for answer in ("no JSON", {}, [], {"decision": "perhaps"}):
            server.answer = answer
            with self.subTest(answer), vt.monitor(), self.assertRaises(InterlockError):
                self.plain.write_text("changed")
        vt.close()
        vt = self.vaultak(api_endpoint="http://127.0.0.1:1")
        with vt.monitor(), self.assertRaises(Unavailable):
            self.plain.write_text("changed")
        self.assertEqual(self.plain.read_text(), "plain")


class Answers(http.server.BaseHTTPRequestHandler):
    """A server that answers what it is told to."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, self.headers["x-api-key"], json.loads(body)))
        answer = self.server.answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        self.server.asked.append((self.path, None, None))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass

    @classmethod
    def serve(cls, test):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), cls)
        server.asked, server.answer, server.port = [], {}, server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        test.addCleanup(thread.join)
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)
        return server


class Documented(unittest.TestCase):
    def test_the_documented_example_runs_but_for_its_import_line(self):
        guide = pathlib.Path(__file__).parents[4] / "docs" / "guides" / "vaultak.md"
        [example, *_] = re.findall(r"```python\n(.*?)```", guide.read_text(), re.S)
        self.assertEqual(
            example.replace("from interlock.vaultak import", "from vaultak import").split(),
            DOCUMENTED.split(),
        )
        did = []

        class Agent:
            def run(self):
                did.append(pathlib.Path(file.name).read_text())
                try:
                    pathlib.Path(file.name).write_text("changed")
                except AgentPausedError as error:
                    did.append(error.agent_id)

        here = os.getcwd()
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            try:
                with tempfile.NamedTemporaryFile("w", dir="/tmp", suffix=".txt") as file:
                    file.write("readable")
                    file.flush()
                    names = {"agent": Agent()}
                    exec(compile(example, "documented", "exec"), names)
                    names["vt"].close()
                    self.assertEqual(pathlib.Path(file.name).read_text(), "readable")
            finally:
                os.chdir(here)
        self.assertEqual(did, ["readable", "my-agent"])


if __name__ == "__main__":
    unittest.main()
