"""What people agree to with other arguments runs with those, once."""

import asyncio
import contextlib
import functools
import pathlib
import threading

from world import World

from interlock import ApprovalRequired, InterlockError


class Edited(World):
    def setUp(self):
        super().setUp()
        self.ran = []

    def answer(self, **arguments):
        """Whoever is asked agrees to these arguments, a moment later."""
        check = self.il.check

        def spy(*args, **kwargs):
            decision = check(*args, **kwargs)
            if decision.effect == "require_approval":
                said = functools.partial(
                    self.il.decide,
                    decision.approval_id,
                    True,
                    approver="ann",
                    arguments=arguments,
                )
                threading.Timer(0.05, said).start()
            return decision

        self.il.check = spy

    def refund(self, amount, to="x", *, note=None):
        self.ran.append((amount, to, note))
        return f"refunded {amount}"

    def test_the_tool_runs_with_the_edited_arguments(self):
        refund = self.il.guard(self.refund, name="refund", approval="wait", approval_timeout=20)
        self.answer(amount=4.5, to="y", note=["a", 1])
        self.assertEqual(refund(900, note="n"), "refunded 4.5")
        self.assertEqual(self.ran, [(4.5, "y", ["a", 1])])

    def test_an_argument_that_was_taken_away_has_its_default(self):
        refund = self.il.guard(self.refund, name="refund", approval="wait", approval_timeout=20)
        self.answer(amount=1)
        refund(900, "eve", note="n")
        self.assertEqual(self.ran, [(1, "x", None)])

    def test_a_coroutine_runs_with_them_too(self):
        async def refund(amount, **rest):
            self.ran.append((amount, rest))

        guarded = self.il.guard(refund, approval="wait", approval_timeout=20)
        self.answer(amount=2, why="less")
        asyncio.run(guarded(900, why="more"))
        self.assertEqual(self.ran, [(2, {"why": "less"})])

    def test_arguments_that_the_tool_does_not_take_run_nothing(self):
        refund = self.il.guard(self.refund, name="refund", approval="wait", approval_timeout=20)
        self.answer(amount=1, nonsense=2)
        with self.assertRaises(InterlockError) as caught:
            refund(900)
        self.assertEqual(caught.exception.code, "approval.edited")
        self.assertEqual(self.ran, [])

    def test_a_call_that_resumes_runs_with_them_once(self):
        refund = self.il.guard(self.refund, name="refund")
        with self.assertRaises(ApprovalRequired) as caught:
            refund(900)
        id = caught.exception.approval_id
        approval = self.il.decide(
            id, True, approver="ann", arguments={"amount": 7, "to": "x", "note": None}
        )
        self.assertEqual(approval.state, "approved_edited")
        with self.il.scope(approval_id=id):
            refund(900)
        with self.il.scope(approval_id=id), self.assertRaises(InterlockError):
            refund(900)
        self.assertEqual(self.ran, [(7, "x", None)])

    def test_they_are_for_one_call_of_that_tool_by_that_agent(self):
        asked = []

        def resource(amount, **_):
            asked.append(amount)
            return "shop"

        def made(**options):
            return self.il.guard(self.refund, resource=resource, **options)

        refund = made(name="refund")
        with self.assertRaises(ApprovalRequired) as caught:
            refund(900)
        id = caught.exception.approval_id
        self.il.decide(id, True, approver="ann", arguments={"amount": 7, "to": "x", "note": None})
        asked.clear()
        with self.il.scope(approval_id=id, agent="eve"), self.assertRaises(InterlockError):
            refund(900)
        with self.il.scope(approval_id=id):
            # Whatever is decided about these, it is about what they were called with.
            for other in (made(name="quote"), made(name="refund", action_type="payment")):
                with contextlib.suppress(InterlockError):
                    other(30)
            self.assertEqual(asked, [900, 30, 30])
            refund(900)
            with self.assertRaises(InterlockError):
                refund(800)
        self.assertEqual((asked[3], asked[-1]), (7, 800))
        self.assertEqual([call for call in self.ran if call[0] != 30], [(7, "x", None)])

    def test_a_run_that_comes_back_runs_with_them(self):
        refund = self.il.guard(self.refund, name="refund")
        with self.assertRaises(ApprovalRequired) as caught:
            with self.il.run("r") as run:
                run.step("pay", refund, 900)
        self.il.decide(
            caught.exception.approval_id, True, approver="ann", arguments={"amount": 3}
        )
        for _ in range(2):
            with self.il.run("r", resume=True) as run:
                self.assertEqual(run.step("pay", refund, 900), "refunded 3")
        self.assertEqual(self.ran, [(3, "x", None)])


class Guide(World):
    def test_what_the_guide_shows_runs(self):
        guide = pathlib.Path(__file__).parents[4] / "docs" / "guides" / "approvals.md"
        text = guide.read_text()
        policy = text.split("```yaml\n")[1].split("\n```")[0]
        code = text.split("```python\n")[1].split("\n```")[0]
        policies = self.dir / "policies"
        policies.mkdir()
        # One person is enough here.
        (policies / "payments.yaml").write_text(policy.replace("quorum: 2", "quorum: 1"))
        code = code.replace('"data"', repr(str(self.dir / "guide")))
        code = code.replace('"policies/"', repr(str(policies)))
        names = {}
        exec(compile(code, "approvals.md", "exec"), names)
        il = names["il"]
        self.addCleanup(il.close)
        self.il = il
        Edited.answer(self, amount=90, to="ann")
        self.assertEqual(names["refund"](900, "eve", note="n"), "sent 90 to ann")
