"""An adapter without its framework, or with one of another version, says what to install."""

import importlib
import importlib.metadata
import subprocess
import sys
import unittest
from unittest import mock

from interlock.adapters import _requirement
from interlock.adapters._text import text_of

ADAPTERS = {
    "anthropic": "anthropic",
    "autogen": "autogen-core",
    "crewai": "crewai",
    "haystack": "haystack-ai",
    "langchain": "langchain-core",
    "langgraph": "langgraph",
    "llama_index": "llama-index-core",
    "openai_agents": "openai-agents",
    "pydantic_ai": "pydantic-ai-slim",
}


class Requirements(unittest.TestCase):
    def test_a_missing_framework(self):
        missing = importlib.metadata.PackageNotFoundError()
        for module, package in ADAPTERS.items():
            with self.subTest(module), mock.patch.object(
                importlib.metadata, "version", side_effect=missing
            ):
                with self.assertRaisesRegex(ImportError, f"pip install '{package}>="):
                    importlib.import_module(f"interlock.adapters.{module}")

    def test_another_version(self):
        for module in ADAPTERS:
            for version in ("0.1.2", "99.0"):
                with self.subTest(module, version=version), mock.patch.object(
                    importlib.metadata, "version", return_value=version
                ):
                    with self.assertRaisesRegex(ImportError, f"{version} is installed"):
                        importlib.import_module(f"interlock.adapters.{module}")

    def test_versions_are_compared_as_numbers(self):
        for found, fits in (
            ("1.9", False),
            ("1.10", True),
            ("1.10.0rc1", True),
            ("1.11.2.post1", True),
            ("2", False),
            ("2.0.0a1", False),
            ("unknown", False),
        ):
            with self.subTest(found), mock.patch.object(
                importlib.metadata, "version", return_value=found
            ):
                if fits:
                    _requirement.require("x", "1.10", "2")
                else:
                    with self.assertRaises(ImportError):
                        _requirement.require("x", "1.10", "2")

    def test_the_package_itself_loads_no_framework(self):
        program = "import interlock.adapters, sys; print(len({m.partition('.')[0] for m in sys.modules} & set(sys.argv[1:])))"
        names = ["langchain_core", "langgraph", "agents", "crewai", "pydantic", "anthropic"]
        ran = subprocess.run(
            [sys.executable, "-c", program, *names], capture_output=True, text=True, check=True
        )
        self.assertEqual(ran.stdout.strip(), "0")


class Texts(unittest.TestCase):
    def test_what_a_model_would_read(self):
        for result, text in (
            (None, None),
            ("a", "a"),
            (7, "7"),
            (b"raw", "raw"),
            ([{"type": "text", "text": "one"}, "two"], "type\ntext\ntext\none\ntwo"),
            ({"deep": [{"deeper": ("x", 1.5)}]}, "deep\ndeeper\nx\n1.5"),
        ):
            with self.subTest(result=result):
                self.assertEqual(text_of(result), text)

    def test_what_contains_itself_ends(self):
        loop = []
        loop.append(loop)
        self.assertIn("[...]", text_of(loop))

    def test_a_huge_result_is_read_from_its_beginning(self):
        self.assertLess(len(text_of(["x" * 1000] * 1000)), 70_000)


if __name__ == "__main__":
    unittest.main()
