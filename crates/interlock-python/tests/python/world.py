"""What the tests share: an Interlock on a directory of its own."""

import tempfile
import textwrap
import unittest
from pathlib import Path

from interlock import Interlock

POLICY = """
interlock: 1
default: allow
rules:
  - id: no-delete
    match: { tool: [delete_record] }
    effect: block
    description: records are kept
  - id: ask-refund
    match: { tool: [refund] }
    effect: require_approval
  - id: three
    match: { tool: [limited] }
    require: { limits: { calls: 3/1h } }
    effect: block
"""


class World(unittest.TestCase):
    policy = POLICY

    def setUp(self):
        self.dir = Path(self.enterContext(tempfile.TemporaryDirectory())) if hasattr(
            self, "enterContext"
        ) else Path(self._temporary())
        self.il = self.open()

    def _temporary(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        return made.name

    def open(self, **options):
        policy = self.dir / "policy.yaml"
        policy.write_text(textwrap.dedent(self.policy))
        options = {"agent": "bot", "policy": policy, "durability": "batch", **options}
        il = Interlock(self.dir / "data", **options)
        self.addCleanup(il.close)
        return il
