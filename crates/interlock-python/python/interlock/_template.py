"""Texts and JSON values with expressions in braces, filled from what is known of an exchange.

Expressions are the runtime expressions of OpenAPI (3.1, 4.8.20.4): ``$url``, ``$method``,
``$statusCode``, ``$request.path.NAME``, ``$request.query.NAME``, ``$request.header.NAME``,
``$request.body#/pointer`` and the same of ``$response``; a plain ``{name}`` is ``$request.path.name``.
``$before`` is the response to a read before the request, and ``$secret.NAME`` a credential, which is
filled in when a request is sent and never kept.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any, Union

from . import _url
from ._http_message import Answer, Request, field

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Nesting of a value, and expressions of one text.
DEPTH_MAX = 32
EXPRESSIONS_MAX = 64

#: Fields that say who asks: what stands in them is never kept.
CREDENTIALS = frozenset({
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-auth-token",
    "x-access-token", "x-amz-security-token", "x-csrf-token", "private-token",
})  # fmt: skip


class BadTemplate(ValueError):
    """What is wrong with a text."""


class Unbound(Exception):
    """Which expression has no value, and why."""


def pointer(value: Any, path: str) -> Any:
    """The value at a JSON Pointer (RFC 6901); raises `LookupError`."""
    if path == "":
        return value
    for token in path.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value[token]
        elif isinstance(value, list) and re.fullmatch(r"0|[1-9][0-9]{0,6}", token):
            value = value[int(token)]
        else:
            raise LookupError(token)
    return value


@dataclasses.dataclass
class Known:
    """What expressions are filled from."""

    request: Request
    path: dict[str, str]
    before: Answer | None = None
    response: Answer | None = None
    #: Bodies, each read once.
    bodies: dict[str, Any] = dataclasses.field(default_factory=dict)

    def body(self, root: str) -> Any:
        if root not in self.bodies:
            self.bodies[root] = getattr(self, root).json()
        return self.bodies[root]


@dataclasses.dataclass(frozen=True)
class Expression:
    """One of them."""

    text: str
    #: `request`, `response`, `before`, `secret`, or `` for what is known of any request.
    root: str
    part: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Expression:
        if _WORD.fullmatch(text):
            return cls(text, "request", "path", text)
        if text in ("$url", "$method"):
            return cls(text, "request", text[1:])
        if text == "$statusCode":
            return cls(text, "response", "status")
        root, _, rest = text.partition(".")
        if root == "$secret" and _WORD.fullmatch(rest):
            return cls(text, "secret", "", rest)
        if root in ("$request", "$response", "$before"):
            part, _, name = rest.partition(".")
            if rest.partition("#")[0] == "body":
                path = rest.partition("#")[2]
                if path == "" or path.startswith("/"):
                    return cls(text, root[1:], "body", path)
                raise BadTemplate(f"`{{{text}}}`: a JSON Pointer begins with `/`")
            if part == "header" and _HEADER.fullmatch(name):
                if name.lower() in CREDENTIALS:
                    raise BadTemplate(
                        f"`{{{text}}}` is a credential, which is not kept; use `{{$secret.NAME}}`"
                    )
                return cls(text, root[1:], "header", name)
            if root == "$request" and part in ("path", "query") and name:
                return cls(text, "request", part, name)
        raise BadTemplate(f"`{{{text}}}` is no expression")

    def value(self, known: Known) -> Any:
        try:
            return self._value(known)
        except (LookupError, AttributeError):
            raise Unbound(f"`{{{self.text}}}` is not there") from None
        except ValueError as error:
            raise Unbound(f"`{{{self.text}}}`: {error}") from None

    def _value(self, known: Known) -> Any:
        if self.part == "path":
            return known.path[self.name]
        if self.part == "query":
            return _url.queries(known.request.url)[self.name]
        if self.part in ("url", "method"):
            return getattr(known.request, self.part)
        answer = getattr(known, self.root)
        if answer is None:
            raise LookupError(self.root)
        if self.part == "status":
            return answer.status
        if self.part == "header":
            found = field(answer.headers, self.name)
            if found is None:
                raise LookupError(self.name)
            return found
        return pointer(known.body(self.root), self.name)


Parts = tuple[Union[str, Expression], ...]


def scan(text: str) -> Parts:
    """Fixed texts and expressions; `{{` and `}}` are braces."""
    found: list[str | Expression] = []
    at = 0
    for token in _TOKEN.finditer(text):
        found.append(text[at : token.start()])
        at = token.end()
        if token[0] in ("{{", "}}"):
            found.append(token[0][0])
        elif token[1] is None:
            raise BadTemplate(f"`{text}` has a brace without its other one; `{{{{` is a plain brace")
        else:
            found.append(Expression.parse(token[1]))
    found.append(text[at:])
    if sum(isinstance(part, Expression) for part in found) > EXPRESSIONS_MAX:
        raise BadTemplate(f"has more than {EXPRESSIONS_MAX} expressions")
    return tuple(part for part in found if part != "")


def _text(expression: Expression, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Unbound(f"`{{{expression.text}}}` is no text and no number")


@dataclasses.dataclass(frozen=True)
class Template:
    """A text. `in_url` encodes what is put into it."""

    source: str
    parts: Parts
    in_url: bool = False

    @classmethod
    def of(cls, text: str, in_url: bool = False) -> Template:
        return cls(text, scan(text), in_url)

    def expressions(self) -> Iterator[Expression]:
        return (part for part in self.parts if isinstance(part, Expression))

    def bind(self, known: Known) -> str:
        """The text, filled; secrets stay as they are."""
        filled = []
        for place, part in enumerate(self.parts):
            if isinstance(part, str):
                filled.append(part if not self.keeps_secrets() else _braced(part))
            elif part.root == "secret":
                filled.append(f"{{{part.text}}}")
            else:
                value = _text(part, part.value(known))
                # What an address begins with is one itself, such as that of a `Location`.
                if self.in_url and place > 0:
                    try:
                        value = _url.encoded(value)
                    except _url.BadUrl as error:
                        raise Unbound(f"`{{{part.text}}}`: {error}") from None
                filled.append(_braced(value) if self.keeps_secrets() else value)
        return "".join(filled)

    def keeps_secrets(self) -> bool:
        """Whether it is bound to a text for :func:`reveal`."""
        return any(part.root == "secret" for part in self.expressions())


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def reveal(text: str, secret: Callable[[str], str]) -> str:
    """A text with its secrets filled in."""
    return "".join(
        part if isinstance(part, str) else secret(part.name) for part in scan(text)
    )


#: A JSON value whose texts are templates.
Tree = Union[Template, list[Any], dict[str, Any], None, bool, int, float]


def compile_json(value: Any, depth: int = 0) -> Tree:
    """A JSON value whose texts may have expressions. A text that is one expression alone becomes
    its value, of whatever type."""
    if depth > DEPTH_MAX:
        raise BadTemplate(f"is nested deeper than {DEPTH_MAX}")
    if isinstance(value, str):
        return Template.of(value)
    if isinstance(value, list):
        return [compile_json(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: compile_json(item, depth + 1) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise BadTemplate(f"a {type(value).__name__} is no JSON")


def bind_json(tree: Tree, known: Known) -> Any:
    """The value, filled."""
    if isinstance(tree, Template):
        if len(tree.parts) == 1 and isinstance(tree.parts[0], Expression):
            return tree.parts[0].value(known)
        return tree.bind(known)
    if isinstance(tree, list):
        return [bind_json(item, known) for item in tree]
    if isinstance(tree, dict):
        return {key: bind_json(item, known) for key, item in tree.items()}
    return tree


def expressions(tree: Tree) -> Iterator[Expression]:
    """All of a value."""
    if isinstance(tree, Template):
        yield from tree.expressions()
    elif isinstance(tree, list):
        for item in tree:
            yield from expressions(item)
    elif isinstance(tree, dict):
        for item in tree.values():
            yield from expressions(item)
