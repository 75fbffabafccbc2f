"""Patterns of addresses, and the expressions that addresses are made of."""

import os
import random
import string
import unittest
import urllib.parse

from interlock import _url
from interlock._http_message import Answer, Incomplete, Request, dechunked, read_request
from interlock._template import BadTemplate, Known, Template, Unbound, bind_json, compile_json, pointer

CASES = 20_000 if os.environ.get("INTERLOCK_SOAK") else 1_500


def known(url="https://h/", **parts):
    return Known(Request("test", "POST", url), parts)


class Patterns(unittest.TestCase):
    def check(self, pattern, url, names):
        self.assertEqual(_url.Pattern(pattern).match(url), names, f"{pattern} on {url}")

    def test_cases(self):
        for pattern, url, names in [
            ("https://h/v1/orders", "https://h/v1/orders", {}),
            ("https://h/v1/orders", "https://h/v1/orders?x=1#y", {}),
            ("https://h/v1/orders", "https://h/v1/orders/", None),
            ("https://h/v1/orders/", "https://h/v1/orders/", {}),
            ("https://h", "https://h/", {}),
            ("https://h/", "https://h", {}),
            ("https://H.example/", "https://h.EXAMPLE/", {}),
            ("https://h/", "https://h./", {}),
            ("https://h/", "https://h:443/", {}),
            ("https://h:443/", "https://h/", {}),
            ("https://h:8443/", "https://h/", None),
            ("https://h/", "http://h/", None),
            ("https://h/", "https://user:word@h/", {}),
            ("https://h/", "https://h@evil/", None),
            ("https://h/", "https://evil/h/", None),
            ("https://h.example/", "https://h.example.evil/", None),
            ("https://{shop}.example/", "https://a.example/", {"shop": "a"}),
            ("https://{shop}.example/", "https://a.b.example/", None),
            ("https://h/o/{id}", "https://h/o/7", {"id": "7"}),
            ("https://h/o/{id}", "https://h/o/a%20b", {"id": "a b"}),
            ("https://h/o/{id}", "https://h/o/a%2Fb", {"id": "a/b"}),
            ("https://h/o/{id}", "https://h/o/a%252Fb", {"id": "a%2Fb"}),
            ("https://h/o/{id}", "https://h/o/", None),
            ("https://h/o/{id}", "https://h/o/7/x", None),
            ("https://h/o/{id}", "https://h/o/..", None),
            ("https://h/o/{id}", "https://h/o/%2e%2E", None),
            ("https://h/o/{id}/x", "https://h/o/7/../x", None),
            ("https://h/o/{id}.json", "https://h/o/7.json", {"id": "7"}),
            ("https://h/o/{id}.json", "https://h/o/.json", None),
            ("https://h/o/{id}:cancel", "https://h/o/7:cancel", {"id": "7"}),
            ("https://h/%7Ea", "https://h/~a", {}),
            ("http://[::1]:80/{x}", "http://[::1]/y", {"x": "y"}),
            ("https://h/{a}/{b}", "https://h/1/2", {"a": "1", "b": "2"}),
        ]:
            self.check(pattern, url, names)

    def test_what_is_no_pattern(self):
        for text in (
            "", "h/x", "ftp://h/", "https:///x", "https://h/{}", "https://h/{a-b}", "https://h/{a}{b}",
            "https://h/{a", "https://h/a}", "https://h/{a}/{a}", "https://x{a}.h/", "https://u@h/",
            "https://h:0/", "https://h:x/", "https://h/?q=1", "https://h/a/../b", "https://h/" + "a/" * 70,
        ):  # fmt: skip
            with self.subTest(text), self.assertRaises(_url.BadPattern):
                _url.Pattern(text)

    def test_a_pattern_finds_what_was_put_into_it(self):
        pick = random.Random(7)
        letters = string.ascii_letters + string.digits + "/?#%&=+ .~ü€{}:@!$'()*,;[]|\\\"<>^`"
        print(f"{CASES} patterns; 20000 with INTERLOCK_SOAK=1")
        for _ in range(CASES):
            pieces, values = [], {}
            for number in range(pick.randrange(1, 6)):
                fixed = "".join(pick.choices(string.ascii_lowercase + "-_", k=pick.randrange(1, 4)))
                if pick.random() < 0.5:
                    name = f"n{number}"
                    value = "".join(pick.choices(letters, k=pick.randrange(1, 8)))
                    around = pick.choice([("", ""), (fixed, ""), ("", f":{fixed}")])
                    if not any(around) and value in (".", ".."):
                        continue
                    values[name] = value
                    pieces.append(f"{around[0]}{{{name}}}{around[1]}")
                else:
                    pieces.append(fixed)
            text = "https://h.example/" + "/".join(pieces)
            pattern = _url.Pattern(text)
            template = Template.of(text, in_url=True)
            try:
                url = template.bind(known(**values))
            except Unbound:
                # Such as a value that is `.`, even between fixed text.
                self.assertTrue(set(values.values()) & {".", ".."})
                continue
            self.assertEqual(pattern.match(url), values, url)
            self.assertEqual(pattern.match(f"{url}?a={urllib.parse.quote(str(values))}"), values)
            self.assertEqual(_url.origin(url), ("https", "h.example", 443))
            self.assertIsNone(pattern.match(url + "/x"))

    def test_any_text_is_an_address_or_is_not(self):
        pick = random.Random(8)
        pattern = _url.Pattern("https://{a}.h/{b}/c")
        for _ in range(CASES):
            text = "".join(pick.choices("htps:/.@[]%2e?#{}ac\x00\n é", k=pick.randrange(0, 30)))
            for url in (text, f"https://{text}", f"https://x.h/{text}/c"):
                found = pattern.match(url)
                if found is not None:
                    self.assertNotIn("/", found["a"])
                    self.assertNotIn(found["b"], ("", ".", ".."))


class Expressions(unittest.TestCase):
    def test_values(self):
        request = Request(
            "test", "PUT", "https://h/o/7?q=a%20b&q=2",
            [("X-A", "1"), ("content-type", "application/json; charset=utf-8")],
            b'{"a": [{"b/c": 1.5}], "t": true, "n": null, "s": "x"}',
        )  # fmt: skip
        response = Answer(201, [("ETag", '"9"')], b'{"id": 12, "deep": {"~": "t"}}')
        about = Known(request, {"id": "7"}, Answer(200, [], b"[1, 2]"), response)
        for text, value in {
            "{id}": "7",
            "{$request.path.id}": "7",
            "{$request.query.q}": "a b",
            "{$request.header.x-a}": "1",
            "{$request.body#/a/0/b~1c}": 1.5,
            "{$request.body#/n}": None,
            "{$request.body#/t}": True,
            "is {$request.body#/t}": "is true",
            "{$response.body#/id}": 12,
            "{$response.body}": {"id": 12, "deep": {"~": "t"}},
            "{$response.body#/deep/~0}": "t",
            "{$response.header.etag}": '"9"',
            "{$statusCode} {$method}": "201 PUT",
            "{$before.body#/1}": 2,
            "{{id}} {id}": "{id} 7",
            "plain": "plain",
            "": "",
        }.items():
            with self.subTest(text):
                self.assertEqual(bind_json(compile_json({"k": [text]}), about), {"k": [value]})
        for text in (
            "{other}", "{$request.body#/z}", "{$request.body#/a/01}", "{$request.body#/a/-1}", "{$request.query.z}",
            "{$response.header.no}", "x{$response.body}", "x{$request.body#/n}",
        ):  # fmt: skip
            with self.subTest(text), self.assertRaises(Unbound):
                bind_json(compile_json(text), about)

    def test_what_is_no_expression(self):
        for text in (
            "{", "}", "{}", "{$}", "{$request}", "{$request.body#a}", "{$nothing.x}", "{a b}", "{$secret}",
            "{$response.path.x}", "{$request.header.Authorization}", "{$response.header.Set-Cookie}", "{{}",
            "{a}" * 65,
        ):  # fmt: skip
            with self.subTest(text), self.assertRaises(BadTemplate):
                Template.of(text)

    def test_what_would_change_the_address_is_refused(self):
        template = Template.of("https://h/o/{id}", in_url=True)
        for value in ("", ".", ".."):
            with self.assertRaises(Unbound):
                template.bind(known(id=value))
        self.assertEqual(template.bind(known(id="../x?y#z")), "https://h/o/..%2Fx%3Fy%23z")

    def test_pointers(self):
        # The examples of RFC 6901, section 5.
        document = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, " ": 7, "m~n": 8}
        for path, value in {
            "": document, "/foo": ["bar", "baz"], "/foo/0": "bar", "/": 0, "/a~1b": 1, "/c%d": 2, "/ ": 7,
            "/m~0n": 8,
        }.items():  # fmt: skip
            self.assertEqual(pointer(document, path), value)


class Messages(unittest.TestCase):
    def test_requests_on_a_connection(self):
        pick = random.Random(9)
        for _ in range(CASES // 5):
            body = pick.randbytes(pick.randrange(0, 50))
            if pick.random() < 0.5:
                raw, at = b"", 0
                while at < len(body):
                    part = body[at : at + pick.randrange(1, 20)]
                    raw += b"%x;x=1\r\n%b\r\n" % (len(part), part)
                    at += len(part)
                head = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                whole = head + raw + b"0\r\n\r\n"
                self.assertEqual(dechunked(raw + b"0\r\n\r\n"), body)
            else:
                whole = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            method, fields, found = read_request(whole)
            self.assertEqual((method, fields[0], found), ("POST", ("Host", "h"), body))
            with self.assertRaises(Incomplete):
                read_request(whole[: pick.randrange(0, len(whole))])


if __name__ == "__main__":
    unittest.main()
