"""Values against schemas, and values made of them: the JSON Schema of OpenAPI 3.0 and 3.1."""

from __future__ import annotations

import base64
import datetime
import json
import re
import secrets
import urllib.parse
import uuid
from collections.abc import Iterator
from typing import Any

from .. import _template
from ..errors import ConfigurationError

#: Nesting of a value and of its schema, and schemas looked at for one value.
DEPTH_MAX = 48
LOOKS_MAX = 20_000
#: Characters that a `pattern` is tried on.
PATTERN_TEXT_MAX = 4_096
#: How deep optional members are made up.
OPTIONAL_DEPTH_MAX = 3

Schema = Any


class Unsatisfied(Exception):
    """Why no value can be made up."""


class Document:
    """A document whose references are within it."""

    def __init__(self, name: str, root: Any) -> None:
        self.name, self.root = name, root
        for place, target in _references(root):
            if not isinstance(target, str) or not target.startswith("#"):
                raise ConfigurationError(
                    f"{name}: `{place}` refers to `{target}`; only references within the document "
                    "are followed",
                    "openapi.reference",
                )

    def at(self, reference: str) -> Any:
        """What a reference is to."""
        try:
            return _template.pointer(self.root, _unquoted(reference[1:]))
        except (LookupError, ValueError):
            raise ConfigurationError(
                f"{self.name}: nothing is at `{reference}`", "openapi.reference"
            ) from None

    def resolved(self, node: Any) -> Any:
        """A node without its reference; what stands beside one holds too (3.1)."""
        for _ in range(DEPTH_MAX):
            if not isinstance(node, dict) or "$ref" not in node:
                return node
            beside = {key: value for key, value in node.items() if key != "$ref"}
            target = self.at(node["$ref"])
            node = {**target, **beside} if isinstance(target, dict) and beside else target
        raise ConfigurationError(
            f"{self.name}: references lead further than {DEPTH_MAX}", "openapi.reference"
        )


def read_only(document: Document, schema: Schema) -> bool:
    """Whether only the service sets it."""
    resolved = document.resolved(schema)
    return isinstance(resolved, dict) and resolved.get("readOnly") is True


def _unquoted(text: str) -> str:
    return urllib.parse.unquote(text)


def _references(root: Any) -> Iterator[tuple[str, Any]]:
    waiting = [("", root)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, dict):
            if "$ref" in node and not isinstance(node["$ref"], dict):
                yield f"{place}/$ref", node["$ref"]
            # Examples are values, in which it is a word like any other.
            waiting += [
                (f"{place}/{key}", value)
                for key, value in node.items()
                if key not in ("example", "examples", "default", "enum", "const")
            ]
        elif isinstance(node, list):
            waiting += [(f"{place}/{number}", item) for number, item in enumerate(node)]


_TYPES: dict[str, Any] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: not isinstance(v, bool)
    and (isinstance(v, int) or (isinstance(v, float) and v.is_integer())),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; `true` is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _types(schema: dict[str, Any]) -> list[str]:
    types = schema.get("type", [])
    listed = [types] if isinstance(types, str) else list(types)
    if schema.get("nullable") is True and listed:
        listed.append("null")
    return listed


class Check:
    """Looks at one value. `writing` is a request, which need not have what is read only."""

    def __init__(self, document: Document, writing: bool) -> None:
        self._document, self._writing = document, writing
        self._looks = 0

    def wrong(self, schema: Schema, value: Any, path: str = "", depth: int = 0) -> str | None:
        """What is wrong with a value; `None` if nothing is."""
        self._looks += 1
        if depth > DEPTH_MAX or self._looks > LOOKS_MAX:
            return None
        schema = self._document.resolved(schema)
        if schema is True or schema is None:
            return None
        if not isinstance(schema, dict):
            return f"`{path}` must not be there"
        types = _types(schema)
        if types and not any(_TYPES.get(name, lambda _: True)(value) for name in types):
            return f"`{path}` must be of type {' or '.join(types)}"
        if value is None and "null" in types:
            return None
        if "enum" in schema and not any(same(value, one) for one in schema["enum"]):
            return f"`{path}` must be one of the values that are listed"
        if "const" in schema and not same(value, schema["const"]):
            return f"`{path}` must be the value that is given"
        found = None
        if isinstance(value, str):
            found = _wrong_text(schema, value, path)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found = _wrong_number(schema, value, path)
        elif isinstance(value, list):
            found = self._wrong_list(schema, value, path, depth)
        elif isinstance(value, dict):
            found = self._wrong_object(schema, value, path, depth)
        return found or self._wrong_parts(schema, value, path, depth)

    def _wrong_parts(self, schema: Any, value: Any, path: str, depth: int) -> str | None:
        for part in schema.get("allOf", ()):
            found = self.wrong(part, value, path, depth + 1)
            if found is not None:
                return found
        for key in ("anyOf", "oneOf"):
            parts = schema.get(key)
            if parts:
                wrong = [self.wrong(part, value, path, depth + 1) for part in parts]
                fitting = wrong.count(None)
                if fitting == 0:
                    return wrong[0]
                if key == "oneOf" and fitting > 1 and "discriminator" not in schema:
                    return f"`{path}` fits {fitting} of the forms that exclude each other"
        if "not" in schema and self.wrong(schema["not"], value, path, depth + 1) is None:
            return f"`{path}` has a form that is excluded"
        return None

    def _wrong_list(self, schema: Any, value: list[Any], path: str, depth: int) -> str | None:
        if len(value) < schema.get("minItems", 0):
            return f"`{path}` has fewer than {schema['minItems']} items"
        if "maxItems" in schema and len(value) > schema["maxItems"]:
            return f"`{path}` has more than {schema['maxItems']} items"
        if schema.get("uniqueItems") is True:
            if len({json.dumps(item, sort_keys=True) for item in value}) < len(value):
                return f"`{path}` has an item twice"
        first = schema.get("prefixItems", [])
        for number, item in enumerate(value):
            part = first[number] if number < len(first) else schema.get("items", True)
            found = self.wrong(part, item, f"{path}/{number}", depth + 1)
            if found is not None:
                return found
        return None

    def _wrong_object(self, schema: Any, value: dict[str, Any], path: str, depth: int) -> str | None:
        members = schema.get("properties", {})
        for name in schema.get("required", ()):
            member = self._document.resolved(members.get(name, {}))
            hidden = "readOnly" if self._writing else "writeOnly"
            if name not in value and not (isinstance(member, dict) and member.get(hidden) is True):
                return f"`{path}/{name}` is missing"
        if len(value) < schema.get("minProperties", 0):
            return f"`{path}` has fewer than {schema['minProperties']} members"
        if "maxProperties" in schema and len(value) > schema["maxProperties"]:
            return f"`{path}` has more than {schema['maxProperties']} members"
        patterns = schema.get("patternProperties", {})
        for name, item in value.items():
            found = None
            if name in members:
                found = self.wrong(members[name], item, f"{path}/{name}", depth + 1)
            else:
                fitting = [part for pattern, part in patterns.items() if _fits(pattern, name)]
                for part in fitting or [schema.get("additionalProperties", True)]:
                    found = found or self.wrong(part, item, f"{path}/{name}", depth + 1)
            if found is not None:
                return found
        return None


def _fits(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text[:PATTERN_TEXT_MAX]) is not None
    except re.error:
        # One of another dialect says nothing here.
        return True


def _wrong_text(schema: Any, value: str, path: str) -> str | None:
    if len(value) < schema.get("minLength", 0):
        return f"`{path}` has fewer than {schema['minLength']} characters"
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        return f"`{path}` has more than {schema['maxLength']} characters"
    if "pattern" in schema and not _fits(schema["pattern"], value):
        return f"`{path}` does not have the form that is asked for"
    reads = _FORMATS.get(schema.get("format", ""))
    if reads is not None:
        try:
            reads(value)
        except ValueError:
            return f"`{path}` is no {schema['format']}"
    return None


def _date_time(text: str) -> None:
    """RFC 3339."""
    if not re.fullmatch(r"[0-9-]{10}[Tt][0-9:]{8}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})", text):
        raise ValueError(text)
    datetime.datetime.fromisoformat(text[:19].upper())


_FORMATS: dict[str, Any] = {
    "uuid": uuid.UUID,
    "date": datetime.date.fromisoformat,
    "date-time": _date_time,
    "byte": lambda v: base64.b64decode(v, validate=True),
}


def _wrong_number(schema: Any, value: Any, path: str) -> str | None:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    # In 3.0 they are said of the bounds.
    if above is True:
        above, low = low, None
    if below is True:
        below, high = high, None
    if low is not None and value < low:
        return f"`{path}` is less than {low}"
    if high is not None and value > high:
        return f"`{path}` is more than {high}"
    if above not in (None, False) and value <= above:
        return f"`{path}` must be more than {above}"
    if below not in (None, False) and value >= below:
        return f"`{path}` must be less than {below}"
    step = schema.get("multipleOf")
    if step and isinstance(step, int) and value % step:
        return f"`{path}` is no multiple of {step}"
    bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""))
    if bits is not None and not -(1 << bits) <= value < 1 << bits:
        return f"`{path}` is no {schema['format']}"
    return None


class _Unknown:
    """In the place of a value that is not known; `null` is one."""


UNKNOWN: Any = _Unknown()


class Maker:
    """Makes values up, of what a schema shows and of what is known already."""

    def __init__(self, document: Document, left_out: frozenset[str] = frozenset()) -> None:
        self._document = document
        #: Members that are not made up, because who asked would have given them.
        self._left_out = left_out
        self._made = 0

    def value(self, schema: Schema, known: Any = UNKNOWN, depth: int = 0, name: str = "") -> Any:
        """A value that fits; members of `known` are taken over where they do."""
        self._made += 1
        if depth > DEPTH_MAX or self._made > LOOKS_MAX:
            raise Unsatisfied("the schema has no end")
        schema = self.merged(schema, known, depth)
        if not isinstance(schema, dict) or not schema:
            return {} if known is UNKNOWN else known
        types = _types(schema) or (["object"] if "properties" in schema else [])
        kind = next((t for t in types if t != "null"), types[0] if types else "")
        if kind == "object" and (known is not None or "null" not in types):
            return self._object(schema, known, depth)
        if known is not UNKNOWN and Check(self._document, False).wrong(schema, known) is None:
            return known
        for key in ("const", "example", "default"):
            if key in schema and self._fits(schema, schema[key]):
                return schema[key]
        for key in ("examples", "enum"):
            listed = schema.get(key)
            if isinstance(listed, list):
                fitting = next((one for one in listed if self._fits(schema, one)), None)
                if fitting is not None:
                    return fitting
        if kind == "array":
            wanted = schema.get("minItems", 0)
            items = schema.get("items", {})
            return [self.value(items, UNKNOWN, depth + 1, name) for _ in range(min(wanted, 64))]
        return self._scalar(schema, kind, name)

    def _fits(self, schema: Schema, value: Any) -> bool:
        return Check(self._document, False).wrong(schema, value) is None

    def merged(self, schema: Schema, known: Any = UNKNOWN, depth: int = 0) -> Any:
        """A schema with the parts that it is made of put together; of alternatives the first that
        `known` fits, or the first."""
        schema = self._document.resolved(schema)
        if not isinstance(schema, dict) or depth > DEPTH_MAX:
            return schema
        parts = list(schema.get("allOf", ()))
        for key in ("oneOf", "anyOf"):
            choices = schema.get(key)
            if choices:
                check = Check(self._document, True)
                fitting = (c for c in choices if known is not UNKNOWN and check.wrong(c, known) is None)
                useful = (c for c in choices if _types(self._document.resolved(c)) != ["null"])
                parts.append(next(fitting, None) or next(useful, choices[0]))
        if not parts:
            return schema
        found = {k: v for k, v in schema.items() if k not in ("allOf", "oneOf", "anyOf")}
        for part in parts:
            more = self.merged(part, known, depth + 1)
            if isinstance(more, dict):
                both = {**more, **found}
                if "properties" in more or "properties" in found:
                    both["properties"] = {**more.get("properties", {}), **found.get("properties", {})}
                if "required" in more or "required" in found:
                    both["required"] = [*more.get("required", ()), *found.get("required", ())]
                found = both
        return found

    def _object(self, schema: dict[str, Any], known: Any, depth: int) -> dict[str, Any]:
        given = known if isinstance(known, dict) else {}
        example = schema.get("example", schema.get("default"))
        example = example if isinstance(example, dict) else {}
        required = set(schema.get("required", ()))
        made: dict[str, Any] = {}
        for name, member in schema.get("properties", {}).items():
            member = self._document.resolved(member)
            if isinstance(member, dict) and member.get("writeOnly") is True:
                continue
            known_name = name in given or name in example
            if depth == 0 and name in self._left_out and not known_name and name not in required:
                if isinstance(member, dict) and "default" in member:
                    made[name] = member["default"]
                continue
            if known_name or name in required or depth < OPTIONAL_DEPTH_MAX:
                try:
                    value = given.get(name, example.get(name, UNKNOWN))
                    made[name] = self.value(member, value, depth + 1, name)
                except Unsatisfied:
                    if name in required:
                        raise
        more = schema.get("additionalProperties", True)
        if more is not False:
            made.update({k: v for k, v in given.items() if k not in schema.get("properties", {})})
        return made

    def _scalar(self, schema: dict[str, Any], kind: str, name: str) -> Any:
        if kind == "boolean":
            return False
        if kind == "null":
            return None
        if kind in ("integer", "number"):
            low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
            bounds = (low, schema.get("maximum", 0), schema.get("multipleOf", 0))
            known = [one for one in bounds if isinstance(one, (int, float)) and not isinstance(one, bool)]
            for value in (0, 1, *known, *(one + 1 for one in known), *(one - 1 for one in known)):
                if self._fits(schema, value):
                    return value
            raise Unsatisfied(f"no number is known for `{name}`")
        if kind == "string":
            for text in _texts(schema, name):
                if self._fits(schema, text):
                    return text
            raise Unsatisfied(f"no text is known for `{name}`")
        return {}


def _texts(schema: dict[str, Any], name: str) -> Iterator[str]:
    now = datetime.datetime.now(datetime.timezone.utc)
    made = {
        "uuid": str(uuid.uuid4()),
        "date-time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "date": now.strftime("%Y-%m-%d"),
        "time": now.strftime("%H:%M:%SZ"),
        "email": "someone@example.com",
        "uri": "https://example.com/",
        "url": "https://example.com/",
        "hostname": "example.com",
        "ipv4": "192.0.2.1",
        "ipv6": "2001:db8::1",
        "byte": "",
        "binary": "",
    }
    if schema.get("format") in made:
        yield made[schema["format"]]
    least = min(schema.get("minLength", 0), PATTERN_TEXT_MAX)
    for text in (name or "text", "text"):
        yield text[: schema.get("maxLength", len(text))].ljust(least, "x")
    for alphabet in ("0123456789", "0123456789abcdef", "ABCDEFGHIJ", "abcdefghij"):
        for length in {least, schema.get("maxLength", 24), 2, 3, 4, 5, 8, 10, 12, 16, 20, 24, 32}:
            if length <= 64:
                yield "".join(secrets.choice(alphabet) for _ in range(length))


def fresh_id(maker: Maker, schema: Schema, taken: set[str]) -> Any:
    """An identifier that is no other's, of the kind that a schema asks for."""
    merged = maker.merged(schema)
    if isinstance(merged, dict):
        if "integer" in _types(merged) or "number" in _types(merged):
            high = min(merged.get("maximum", (1 << 31) - 1), (1 << 31) - 1)
            low = max(merged.get("minimum", 1), 1)
            for _ in range(100):
                # Far from those that a service gives, which it counts from 1.
                number = low + (high - low) // 2 + secrets.randbelow(max(1, (high - low) // 2))
                if str(number) not in taken:
                    return number
            raise Unsatisfied("no identifier is free")
        if merged.get("format") == "uuid":
            return str(uuid.uuid4())
        plain = {k: v for k, v in merged.items() if k not in ("example", "examples", "default", "enum")}
        for text in (secrets.token_hex(12), str(uuid.uuid4()), *_texts(plain, "")):
            if text not in taken and maker._fits(plain, text):
                return text
    return secrets.token_hex(12)
