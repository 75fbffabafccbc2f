"""Policies are tried out without a data directory."""

import unittest

import interlock

REFUNDS = """
interlock: 1
default: allow
rules:
  - id: refunds
    description: Refunds above 500 need somebody from finance
    match: { tool: [refund] }
    require: { arguments: { amount: { max: 500 } }, limits: { calls: 20/1m } }
    effect: require_approval
    approvers: { group: finance, quorum: 1, timeout: 24h }
"""


class Policies(unittest.TestCase):
    def test_a_text_decides_by_its_arguments(self):
        policies = interlock.Policies(text=REFUNDS)
        small = policies.evaluate("payment", tool="refund", arguments={"amount": 500})
        large = policies.evaluate("payment", tool="refund", arguments={"amount": 501})
        self.assertEqual((small.effect, small.rules), ("allow", []))
        self.assertEqual((large.effect, large.rules), ("require_approval", ["refunds"]))

    def test_a_bundle_is_named(self):
        sql = {"sql": "DELETE FROM customers"}
        verdict = interlock.Policies("default").evaluate("database_write", "crm", arguments=sql)
        self.assertEqual(verdict.effect, "block")
        self.assertIn("unbounded-writes", verdict.rules)

    def test_what_does_not_compile_says_where(self):
        with self.assertRaises(interlock.ConfigurationError) as caught:
            interlock.Policies(text=REFUNDS.replace("effect:", "efect:"))
        self.assertIn("text.yaml:9", str(caught.exception))

    def test_nothing_to_compile_is_an_error(self):
        with self.assertRaises(interlock.ConfigurationError):
            interlock.Policies()
        with self.assertRaises(interlock.ConfigurationError):
            interlock.Policies("no-such-bundle")

    def test_what_is_no_action_is_refused(self):
        policies = interlock.Policies("default")
        with self.assertRaises(interlock.InvalidAction):
            policies.evaluate("file_read", arguments={"x": object()})


if __name__ == "__main__":
    unittest.main()
