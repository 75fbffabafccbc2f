"""Requests against OpenAPI documents, and answers made of them."""

import os
import pathlib
import random
import tempfile
import unittest

from interlock import ConfigurationError
from interlock._http_message import Request
from interlock.sandbox import DryRun, OpenApi
from interlock.sandbox._schema import UNKNOWN, Check, Document, Maker, Unsatisfied
from interlock.sandbox._shadow import Names, Resource, Shadow, key_of, overlaid, patched

DOCUMENTS = pathlib.Path(__file__).with_name("documents")
CASES = 5_000 if os.environ.get("INTERLOCK_SOAK") else 400


class Schemas(unittest.TestCase):
    def check(self, schema, value, wrong):
        found = Check(Document("t", {}), True).wrong(schema, value)
        self.assertEqual(found is not None, wrong, f"{schema} {value!r}: {found}")

    def test_cases(self):
        for schema, right, wrong in [
            ({}, [1, None, {}], []),
            (True, [1], []),
            (False, [], [1, None]),
            ({"type": "integer"}, [1, 1.0, -3], [1.5, "1", True, None]),
            ({"type": "number"}, [1, 1.5], [True, "1"]),
            ({"type": "boolean"}, [True], [1, 0, "true"]),
            ({"type": "string", "nullable": True}, ["", None], [1]),
            ({"type": ["string", "null"]}, ["", None], [1]),
            ({"enum": [1, "a", None]}, [1, "a", None], [True, "b"]),
            ({"const": 1}, [1], [True, 2]),
            ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
            ({"type": "string", "pattern": "^[a-c]+$"}, ["abc"], ["", "d"]),
            ({"type": "string", "pattern": "(?<=["}, ["what nothing reads says nothing"], []),
            ({"type": "string", "format": "uuid"}, ["0e8d8a3a-0f7c-4d2f-9d3b-3d1d3d8d9d1a"], ["x"]),
            ({"type": "string", "format": "date-time"}, ["2026-11-21T10:00:00.5Z", "2026-11-21T10:00:00+01:00"], ["yesterday", "2026-11-21T25:00:00Z", "2026-11-21T10:00:00"]),
            ({"type": "string", "format": "date"}, ["2026-11-21"], ["2026-13-01"]),
            ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
            ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [2], [1]),
            ({"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, [1.5], [1, 2]),
            ({"type": "integer", "multipleOf": 5}, [0, 10], [3]),
            ({"type": "integer", "format": "int32"}, [2**31 - 1], [2**31]),
            ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1]], [[], [1, 2, 3], ["a"]]),
            ({"type": "array", "uniqueItems": True}, [[1, True]], [[1, 1]]),
            ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, [["a"]], [[1], ["a", 1]]),
            (
                {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
                [{"a": "x"}, {"a": "x", "b": 1}],
                [{}, {"a": 1}, []],
            ),
            ({"type": "object", "additionalProperties": False, "properties": {"a": {}}}, [{"a": 1}], [{"b": 1}]),
            ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"b": 1}], [{"b": "x"}]),
            ({"type": "object", "required": ["a"], "properties": {"a": {"readOnly": True}}}, [{}], []),
            ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1, 2], [0, 3]),
            ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], [1.5]),
            ({"oneOf": [{"minimum": 1}, {"maximum": 1}]}, [0, 2], [1]),
            ({"not": {"type": "string"}}, [1], ["a"]),
        ]:
            for value in right:
                self.check(schema, value, False)
            for value in wrong:
                self.check(schema, value, True)

    def test_a_schema_without_an_end(self):
        root = {"a": {"allOf": [{"$ref": "#/a"}]}, "b": {"type": "object", "required": ["b"], "properties": {"b": {"$ref": "#/b"}}}, "c": {"$ref": "#/c"}}
        document = Document("t", root)
        self.assertIsNone(Check(document, True).wrong({"$ref": "#/a"}, 1))
        deep = value = {}
        for _ in range(200):
            value["b"] = value = {}
        Check(document, True).wrong({"$ref": "#/b"}, deep)
        with self.assertRaises(Unsatisfied):
            Maker(document).value({"$ref": "#/b"})
        with self.assertRaises(ConfigurationError):
            document.resolved({"$ref": "#/c"})

    def test_what_is_made_up_fits(self):
        pick = random.Random(5)

        def schema(depth):
            kind = pick.choice(["string", "integer", "boolean", "array", "object", "null", "number"])
            if depth > 3 and kind in ("array", "object"):
                kind = "string"
            found = {"type": pick.choice([kind, [kind, "null"]])}
            if kind == "string":
                found |= pick.choice([{}, {"format": pick.choice(["uuid", "date", "date-time", "email", "byte"])}, {"minLength": 7}, {"maxLength": 2}, {"pattern": "^[0-9]{4}$"}, {"pattern": "^[a-f0-9]{24}$"}, {"enum": ["a", "b"]}])
            elif kind == "integer":
                found |= pick.choice([{}, {"minimum": 5}, {"maximum": -2}, {"multipleOf": 7, "minimum": 1}, {"exclusiveMinimum": 3}])
            elif kind == "array":
                found |= {"items": schema(depth + 1), "minItems": pick.randrange(3)}
            elif kind == "object":
                names = pick.sample(["a", "b", "id", "name"], pick.randrange(4))
                found |= {"properties": {n: schema(depth + 1) for n in names}, "required": names[:1]}
                found |= pick.choice([{}, {"additionalProperties": False}])
            if pick.random() < 0.2 and depth < 3:
                return {pick.choice(["allOf", "oneOf", "anyOf"]): [found]}
            return found

        print(f"{CASES} schemas; 5000 with INTERLOCK_SOAK=1")
        document = Document("t", {})
        made = 0
        for _ in range(CASES):
            one = schema(0)
            known = pick.choice([UNKNOWN, None, {"a": "x", "id": 3}, {"name": "known", "more": [1]}, "text"])
            try:
                value = Maker(document).value(one, known)
            except Unsatisfied:
                continue
            made += 1
            self.assertIsNone(Check(document, False).wrong(one, value), f"{one} {value!r}")
        self.assertGreater(made, CASES * 0.9)


class Documents(unittest.TestCase):
    def setUp(self):
        self.pets = OpenApi(DOCUMENTS / "pets.json")

    def test_the_most_exact_path(self):
        for method, url, path, values in [
            ("GET", "https://eu.pets.example/v2/pets", "/pets", {}),
            ("get", "https://eu.pets.example/v2/pets/mine?x=1", "/pets/mine", {}),
            ("GET", "https://eu.pets.example/v2/pets/a%20b", "/pets/{pet-id}", {"pet-id": "a b"}),
            ("POST", "https://eu.pets.example/v2/pets/7/photos", "/pets/{pet-id}/photos", {"pet-id": "7"}),
        ]:
            operation, found = self.pets.find(method, url)
            self.assertEqual((operation.path, found), (path, values))
        for method, url in [
            ("PUT", "https://eu.pets.example/v2/pets"),
            ("GET", "https://us.pets.example/v2/pets"),
            ("GET", "https://eu.pets.example/v2/pets/"),
            ("GET", "https://eu.pets.example/pets"),
            ("GET", "https://eu.pets.example/v2/pets/7/../mine"),
        ]:
            self.assertIsNone(self.pets.find(method, url), url)

    def wrong(self, body, headers=(("X-Tenant", "acme"), ("content-type", "application/json"))):
        request = Request("t", "POST", "https://eu.pets.example/v2/pets", list(headers), body)
        operation, values = self.pets.find("POST", request.url)
        return self.pets.wrong(operation, values, request)

    def test_what_a_service_would_not_take(self):
        right = b'{"name": "Rex", "kind": "dog", "owner": {"shelter": 1}}'
        self.assertIsNone(self.wrong(right))
        for body, headers, status in [
            (b"", None, 400),
            (b"{", None, 400),
            (b'{"name": "Rex"}', None, 422),
            (b'{"name": "Rex", "kind": "fish"}', None, 422),
            (b'{"name": "Rex", "kind": "dog", "other": 1}', None, 422),
            (b'{"name": "Rex", "kind": "dog", "owner": {}}', None, 422),
            (right, [("content-type", "application/json")], 400),
            (right, [("X-Tenant", "UPPER"), ("content-type", "application/json")], 400),
            (right, [("X-Tenant", "acme"), ("content-type", "text/plain")], 415),
        ]:
            found = self.wrong(body, headers) if headers is not None else self.wrong(body)
            self.assertEqual(found and found[0], status, f"{body} {headers} {found}")

    def test_what_is_no_document(self):
        with tempfile.TemporaryDirectory() as directory:
            file = pathlib.Path(directory, "d.yaml")
            for text, wanted in [
                ("swagger: '2.0'\n", "must be 3.0 or 3.1"),
                ("openapi: 3.2.0\n", "must be 3.0 or 3.1"),
                ("- 1\n", "must be 3.0 or 3.1"),
                ("openapi: 3.0.0\npaths: {}\n", "say `url`"),
                ("openapi: 3.0.0\nservers: [{url: /v1}]\n", "say `url`"),
                ("openapi: 3.0.0\nx: {$ref: 'other.yaml#/a'}\n", "only references within"),
                ("openapi: 3.0.0\nservers: [{url: 'https://h'}]\npaths: {/a/{b}{c}: {get: {}}}\n", "d.yaml:3: not valid"),
                ("openapi: 3.0.0\nservers: [{url: 'https://h'}]\npaths: {'/a/{b}{c}': {get: {}}}\n", "two names in one"),
                ("openapi: 3.0.0\nservers: [{url: 'https://h'}]\npaths: {'/a': {$ref: '#/x'}}\n", "nothing is at"),
                ("openapi: [3\n", "not valid YAML"),
            ]:
                file.write_text(text)
                with self.subTest(text), self.assertRaises(ConfigurationError) as raised:
                    OpenApi(file)
                self.assertIn(wanted, str(raised.exception))
        with self.assertRaises(ConfigurationError):
            OpenApi("/nowhere/d.yaml")


class Shadows(unittest.TestCase):
    def test_pages(self):
        new = {"9": Resource("created", {"id": 9, "s": "open"}, "/id")}
        gone = {"1": Resource("deleted", None, "/id")}
        changed = {"2": Resource("changed", {"id": 2, "s": "done"}, "/id")}
        page = [{"id": 1, "s": "open"}, {"id": 2, "s": "open"}]
        for members, query, wanted in [
            (new, {}, [1, 2, 9]),
            (new, {"s": "open"}, [1, 2, 9]),
            (new, {"s": "done"}, [1, 2]),
            (gone, {}, [2]),
            (changed, {}, [1, 2]),
            (changed, {"s": "open"}, [1]),
            ({**new, **gone, **changed}, {}, [2, 9]),
        ]:
            found = overlaid(page, members, query)
            self.assertEqual([item["id"] for item in found], wanted)
        self.assertEqual(
            overlaid({"total": 2, "data": page, "next": None}, {**new, **gone}, {}),
            {"total": 2, "data": [page[1], {"id": 9, "s": "open"}], "next": None},
        )
        self.assertEqual(overlaid("text", new, {}), "text")

    def test_what_is_below_what_is_gone(self):
        shadow = Shadow()
        shadow.put(key_of("https://h/a/1"), {"id": 1}, "/id", there=False)
        self.assertTrue(shadow.below_created(key_of("https://h/a/1/b")))
        shadow.delete(key_of("https://h/a/1/"), "/id")
        self.assertEqual(shadow.get(key_of("https://h/a/1/b/2")).state, "deleted")
        self.assertIsNone(shadow.get(key_of("https://h/a")))
        self.assertIsNone(shadow.get(key_of("https://other/a/1")))

    def test_merge_patches(self):
        # From the examples of RFC 7396, appendix A.
        for value, patch, wanted in [
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            (["a"], {"a": "b"}, {"a": "b"}),
            ({"a": "b"}, ["c"], ["c"]),
        ]:
            self.assertEqual(patched(value, patch), wanted)

    def test_names_that_were_made_up(self):
        names = Names()
        names.learn(1_700_000_001, 7)
        names.learn("a b", "real/one")
        self.assertEqual(
            names.url("https://h/o/1700000001/x?of=a+b&n=1700000001#f"),
            "https://h/o/7/x?of=real%2Fone&n=7#f",
        )
        self.assertEqual(names.url("https://h/1700000001/a%20b"), "https://h/7/real%2Fone")
        self.assertEqual(names.url("https://h/17000000010?x"), "https://h/17000000010?x")
        value = {"of": 1_700_000_001, "s": "1700000001", "t": ["a b", "a b c", True, 1]}
        self.assertEqual(names.json(value), {"of": 7, "s": "7", "t": ["real/one", "a b c", True, 1]})

    def test_services_that_dry_run(self):
        cluster = DryRun.kubernetes("https://k8s.example:6443")
        for method, path, covered in [
            ("POST", "/api/v1/namespaces/n/pods", True),
            ("PATCH", "/apis/apps/v1/namespaces/n/deployments/d", True),
            ("GET", "/api/v1/namespaces/n/pods", False),
            ("POST", "/api/v1/namespaces/n/pods/p/exec", False),
            ("POST", "/api/v1/namespaces/n/services/s/proxy/x", False),
            ("POST", "/healthz", False),
            ("POST", "/api/../other", False),
        ]:
            self.assertEqual(cluster.covers(method, f"https://k8s.example:6443{path}"), covered, path)
        self.assertFalse(cluster.covers("POST", "https://other.example:6443/api/v1/pods"))
        run = DryRun.cloud_run()
        base = "https://run.googleapis.com/v2/projects/p/locations/l"
        self.assertTrue(run.covers("POST", f"{base}/services?serviceId=s"))
        self.assertTrue(run.covers("DELETE", f"{base}/jobs/j"))
        self.assertFalse(run.covers("POST", f"{base}/jobs/j:run"))
        self.assertFalse(run.covers("POST", f"{base}/operations/o:wait"))
        for wrong in (lambda: DryRun("https://h/**"), lambda: DryRun("nothing", query={"a": "b"})):
            with self.assertRaises(ConfigurationError):
                wrong()


if __name__ == "__main__":
    unittest.main()
