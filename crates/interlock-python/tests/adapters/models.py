"""What every adapter's way to hold calls of models must hold."""

from decimal import Decimal

from interlock import Blocked

#: What the scripted models say that they used.
INPUT, OUTPUT = 1_000, 500
PRICES = {"another": (1, 1), "scr*": (3, "15.5")}
#: 1,000 * 3 / 10^6 + 500 * 15.5 / 10^6
COST = Decimal("0.010750000")


class Models:
    """``talk(asynchronous, **options)`` runs the framework's loop with a model named ``script`` that
    answers "done" and says that it used `INPUT` and `OUTPUT` tokens; it returns what was answered.
    A test has to be an `Adapter` as well."""

    #: What a refused call raises out of the loop.
    refused = Blocked
    ways = (False, True)
    #: What is reported of a model that fails.
    failures = ["failed"]
    #: Whether the framework gives the counts of tokens.
    counts = True

    def talk(self, asynchronous, **options):
        raise NotImplementedError

    def fails(self, asynchronous):
        """As `talk`, with a model that raises a `ConnectionError`."""
        raise NotImplementedError

    def each(self):
        for asynchronous in self.ways:
            self.reports.clear()
            self.checks.clear()
            yield asynchronous

    def asked(self):
        """The checks of calls, and those of what they used."""
        asked = [c for c in self.checks if not c[1].get("reported")]
        return asked, [kwargs for _, kwargs, _ in self.checks if kwargs.get("reported")]

    def test_a_call_of_a_model_is_on_record_with_what_came_of_it(self):
        for asynchronous in self.each():
            self.assertIn("done", self.talk(asynchronous, prices=PRICES))
            (asked,), used = self.asked()
            self.assertEqual(asked[0], ("llm_call", "script"))
            ((status, report),) = self.reports
            self.assertEqual((status, report["result"]), ("succeeded", "done"))
            self.assertGreaterEqual(report["latency_ms"], 0)
            if not self.counts:
                self.assertEqual((report["cost_usd"], used), (None, []))
                continue
            self.assertEqual(report["cost_usd"], COST)
            (used,) = used
            self.assertEqual(used["arguments"]["decision"], asked[2].id)
            self.assertEqual(
                (used["arguments"]["input_tokens"], used["arguments"]["output_tokens"]),
                (INPUT, OUTPUT),
            )
            self.assertEqual((used["session"], used["run"]), (asked[1]["session"], asked[1]["run"]))

    def test_without_a_price_there_is_no_cost(self):
        for asynchronous in self.each():
            self.talk(asynchronous)
            self.assertIsNone(self.reports[0][1]["cost_usd"])

    def test_a_call_that_is_not_permitted_is_not_made(self):
        self.il.engine.pause_agent(self.il.agent(), "test")
        for asynchronous in self.each():
            with self.assertRaises(self.refused) as caught:
                self.talk(asynchronous)
            self.assertIn("not permitted", str(caught.exception))
            self.assertEqual(self.reports, [])
            self.assertEqual(self.answered, 0)

    def test_a_model_that_fails_is_reported(self):
        for asynchronous in self.each():
            with self.assertRaises(Exception):  # noqa: B017: each framework has its own
                self.fails(asynchronous)
            self.assertEqual([status for status, _ in self.reports], self.failures)

    #: Calls that the model answered.
    answered = 0
