"""Checking, and what an action may hold."""

import asyncio
import dataclasses
import datetime
import enum
import multiprocessing
import os
import pathlib
import unittest
from decimal import Decimal

import interlock
from interlock import ConfigurationError, Interlock, InvalidAction, Unavailable

from world import World


class Checks(World):
    def test_a_decision_says_everything(self):
        decision = self.il.check("custom", "crm/7", tool="delete_record", arguments={"id": 7})
        self.assertFalse(decision.allowed)
        self.assertEqual(decision.effect, "block")
        self.assertEqual(decision.policy, "no-delete")
        self.assertIn("records are kept", decision.reason)
        self.assertNotIn("records are kept", decision.agent_message)
        self.assertIn(decision.id, decision.agent_message)
        self.assertEqual(len(decision.leaf), 64)
        self.assertEqual(len(decision.dimensions), 7)
        self.assertTrue(self.il.check("custom", tool="read").allowed)

    def test_the_published_example_is_blocked_by_the_default_bundle(self):
        with Interlock(self.dir / "other", agent="billing-bot", environment="production") as il:
            decision = il.check(
                "database_write",
                "postgres://prod/customers",
                arguments={"sql": "DELETE FROM customers WHERE 1 = 1"},
            )
            self.assertEqual((decision.effect, decision.policy), ("block", "unbounded-writes"))
            self.assertGreaterEqual(decision.risk, 90)

    def test_the_same_key_is_decided_once(self):
        first = self.il.check("custom", tool="limited", idempotency_key="k")
        again = self.il.check("custom", tool="limited", idempotency_key="k")
        self.assertEqual((again.id, again.replayed), (first.id, True))
        with self.assertRaises(InvalidAction) as caught:
            self.il.check("custom", tool="other", idempotency_key="k")
        self.assertEqual(caught.exception.code, "idempotency.conflict")

    def test_numbers_keep_every_digit(self):
        big = 2**80 + 1
        limited = self.il.check("custom", tool="read", arguments={"n": big}, idempotency_key="n")
        again = self.il.check("custom", tool="read", arguments={"n": big}, idempotency_key="n")
        self.assertEqual(again.id, limited.id)
        with self.assertRaises(InvalidAction):
            self.il.check("custom", tool="read", arguments={"n": big - 1}, idempotency_key="n")

    def test_what_json_does_not_have(self):
        @dataclasses.dataclass
        class Order:
            id: int
            due: datetime.date

        class Colour(enum.Enum):
            RED = "red"

        arguments = {
            "path": pathlib.Path("/srv/x"),
            "order": Order(7, datetime.date(2026, 1, 2)),
            "colour": Colour.RED,
            "amount": Decimal("1.10"),
            "raw": b"\xff\x00",
            "text": b"plain",
            "set": {3, 1},
            "range": range(3),
            7: "a number as key",
        }
        self.assertTrue(self.il.check("custom", tool="read", arguments=arguments).allowed)

    def test_what_cannot_be_decided_on_is_refused_by_name(self):
        loop = []
        loop.append(loop)
        for arguments, code in [
            ({"x": object()}, "action.field-type"),
            ({"x": float("nan")}, "json.number"),
            ({"x": float("inf")}, "json.number"),
            ({"x": "\ud800"}, "json.unicode"),
            ({("a",): 1}, "json.key"),
            ({1: "a", "1": "b"}, "json.duplicate-key"),
            (loop, "json.limit"),
            ([0] * 60_000, "json.limit"),
            ({str(n): n for n in range(2_000)}, "json.limit"),
        ]:
            with self.subTest(code), self.assertRaises(InvalidAction) as caught:
                self.il.check("custom", tool="read", arguments=arguments)
            self.assertEqual(caught.exception.code, code)
            self.assertIsInstance(caught.exception, ValueError)
        with self.assertRaisesRegex(InvalidAction, "`resource` has 5000 bytes, the limit is 4096"):
            self.il.check("custom", "r" * 5_000)
        with self.assertRaisesRegex(InvalidAction, "cost_usd"):
            self.il.check("custom", cost_usd=-1)
        # Nothing of it counts or is left behind.
        self.assertTrue(self.il.check("custom", tool="read").allowed)

    def test_who_acts_must_be_said(self):
        nobody = self.open(agent=None)
        with self.assertRaisesRegex(ConfigurationError, "who acts"):
            nobody.check("custom")
        with nobody.scope(agent="a"):
            self.assertTrue(nobody.check("custom").allowed)

    def test_limits_are_those_of_the_agent_in_scope(self):
        for _ in range(3):
            self.assertTrue(self.il.check("custom", tool="limited").allowed)
        self.assertEqual(self.il.check("custom", tool="limited").effect, "block")
        with self.il.scope(agent="other"):
            self.assertTrue(self.il.check("custom", tool="limited").allowed)

    def test_settings_are_looked_at_before_anything_is_opened(self):
        for options in [
            {"policy": "no-such-policy"},
            {"durability": "maybe"},
            {"content": "some"},
            {"approval": "slack"},
            {"approval": "smoke signals"},
            {"timeout": 0},
        ]:
            with self.subTest(options), self.assertRaises(ConfigurationError):
                Interlock(self.dir / "unused", agent="bot", **options)
        self.assertFalse((self.dir / "unused").exists())

    def test_a_policy_that_does_not_compile_says_where(self):
        bad = self.dir / "bad.yaml"
        bad.write_text("interlock: 1\nrules:\n  - id: x\n    efect: block\n")
        with self.assertRaises(ConfigurationError) as caught:
            Interlock(self.dir / "unused", agent="bot", policy=bad)
        self.assertIn("efect", str(caught.exception))

    def test_after_the_end_there_is_no_decision(self):
        self.il.close()
        with self.assertRaises(Unavailable):
            self.il.check("custom")

    def test_two_on_one_directory_share_limits(self):
        other = self.open()
        self.assertEqual((self.il.engine.place, other.engine.place), ("owner", "client"))
        for il in (self.il, other, self.il):
            self.assertTrue(il.check("custom", tool="limited").allowed)
        self.assertFalse(other.check("custom", tool="limited").allowed)

    def test_a_forked_child_decides_through_its_parent(self):
        self.assertTrue(self.il.check("custom", tool="limited").allowed)
        ours, theirs = multiprocessing.Pipe()

        def child():
            allowed = [self.il.check("custom", tool="limited").allowed for _ in range(3)]
            theirs.send(allowed)
            os._exit(0)

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        self.assertTrue(ours.poll(30))
        self.assertEqual(ours.recv(), [True, True, False])
        process.join()

    def test_many_at_once(self):
        async def all_at_once():
            return await asyncio.gather(
                *(self.il.acheck("custom", tool="limited") for _ in range(20))
            )

        decisions = asyncio.run(all_at_once())
        self.assertEqual(sum(d.allowed for d in decisions), 3)

    def test_masking(self):
        self.assertEqual(interlock.mask_pii("mail ann@example.com", "full"), "mail [EMAIL]")
        with self.assertRaises(ConfigurationError):
            interlock.mask_pii("x", "sideways")


if __name__ == "__main__":
    unittest.main()
