"""The stubs say what the binary has: the same names, the same parameters."""

import ast
import inspect
import pathlib
import unittest

import interlock
from interlock import _core

STUBS = pathlib.Path(interlock.__file__).with_name("_core.pyi")


def public(names):
    return {n for n in names if not n.startswith("_")}


class Stubs(unittest.TestCase):
    def setUp(self):
        self.tree = ast.parse(STUBS.read_text())

    def test_the_same_names(self):
        declared = {n.name for n in self.tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}
        self.assertEqual(declared, public(dir(_core)))

    def test_the_same_members(self):
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                declared = {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
                actual = getattr(_core, node.name)
                self.assertEqual(public(declared), public(vars(actual)), node.name)

    def test_the_same_parameters(self):
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.ClassDef):
                continue
            for method in node.body:
                actual = getattr(getattr(_core, node.name), method.name, None)
                if not inspect.ismethoddescriptor(actual) or method.name.startswith("_"):
                    continue
                declared = [a.arg for a in (*method.args.args, *method.args.kwonlyargs)]
                with self.subTest(f"{node.name}.{method.name}"):
                    self.assertEqual(declared, list(inspect.signature(actual).parameters))

    def test_everything_that_is_promised_is_there(self):
        for name in interlock.__all__:
            self.assertTrue(hasattr(interlock, name), name)
        self.assertTrue(STUBS.with_name("py.typed").exists())


if __name__ == "__main__":
    unittest.main()
