"""What the tests share: an Interlock on a directory of its own."""

import subprocess
import sys
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

    def ran(self, program, *arguments, timeout=60):
        """A program of its own, given the data directory, the policy and these arguments."""
        given = [self.dir / "data", self.dir / "policy.yaml", *arguments]
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), *map(str, given)],
            capture_output=True,
            text=True,
            timeout=timeout,
        )


class Forbidding(World):
    """Everything named `secret`, every command, connection and write to a database is forbidden."""

    policy = """
        interlock: 1
        default: allow
        rules:
          - id: no-secrets
            match: { resource: ["*secret*"] }
            effect: block
          - id: no-commands
            match: { action: code_execution }
            effect: block
          - id: no-network
            match: { action: [network_request, api_call] }
            effect: block
          - id: no-writes-to-databases
            match: { action: database_write }
            effect: block
    """

    def setUp(self):
        super().setUp()
        self.files = self.dir / "files"
        self.files.mkdir()
        self.secret = self.files / "secret.txt"
        self.secret.write_text("original")
