"""What the guide and the README show runs, and says what they say."""

import contextlib
import io
import os
import pathlib
import re
import tempfile
import types
import unittest
from unittest import mock

from interlock._compensations import Catalogue

from serving import ADMIN, Server
from shop import Shop
from world import POLICY

PACKAGE = pathlib.Path(__file__).parents[2]


def blocks(path, language):
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.S)


class Documents(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(made.name)

    def run_all(self, snippets, names):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            for snippet in snippets:
                exec(compile(snippet, "snippet", "exec"), names)
        for value in list(names.values()):
            if type(value).__name__ == "Interlock":
                value.close()
        return said.getvalue()

    def test_the_guide(self):
        guide = PACKAGE.parents[1] / "docs" / "guides" / "python.md"
        server = Server(pathlib.Path.cwd(), POLICY)
        self.addCleanup(server.stop)
        known = {"INTERLOCK_SERVER": server.url, "INTERLOCK_API_KEY": ADMIN}
        with mock.patch.dict(os.environ, known):
            said = self.run_all(blocks(guide, "python"), {})
        self.assertTrue(said.startswith(blocks(guide, "text")[0]), said)
        self.assertIn("refunded 7", said)
        self.assertIn("not run:", said)
        self.assertIn("with the server: connected True", said)
        self.assertIn("refused: `http://203.0.113.7:8088` would send the API key in the clear", said)
        self.assertIn(blocks(guide, "text")[1], said)

    def test_the_guide_to_requests(self):
        guide = PACKAGE.parents[1] / "docs" / "guides" / "requests.md"
        shop = Shop()
        self.addCleanup(shop.close)
        with mock.patch.dict(os.environ, {"SHOP_URL": shop.url}):
            said = self.run_all(blocks(guide, "python"), {})
        self.assertEqual(
            said.splitlines(),
            [
                "not sent: Blocked",
                "undone: 1",
                "reads back: a chair",
                "would send: POST {'item': 'a chair'}",
            ],
        )
        self.assertEqual([method for method, _, _ in shop.writes], ["POST", "DELETE"])
        pathlib.Path("catalogue.yaml").write_text(blocks(guide, "yaml")[0])
        self.assertEqual(len(Catalogue.load("catalogue.yaml").entries), 3)

    def test_the_readme(self):
        ran = []
        database = types.SimpleNamespace(execute=ran.append)
        said = self.run_all(blocks(PACKAGE / "README.md", "python"), {"database": database})
        self.assertEqual(ran, [])
        self.assertIn("not permitted", said)
        self.assertIn("unbounded-writes", said)


if __name__ == "__main__":
    unittest.main()
