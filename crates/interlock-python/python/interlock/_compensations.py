"""The catalogue of what undoes requests.

.. code-block:: yaml

    interlock: 1
    compensations:
      - id: order
        method: POST
        url: https://shop.example/v1/orders
        compensation:
          method: DELETE
          url: https://shop.example/v1/orders/{$response.body#/id}
          headers: { Authorization: "Bearer {$secret.SHOP_TOKEN}" }
          status: [2xx, 404]
          idempotent: true
        verify:
          url: https://shop.example/v1/orders/{$response.body#/id}
          expect: { status: [404] }
        window: 24h

Expressions are those of :mod:`interlock._template`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from . import _core, _template, _url
from ._template import BadTemplate, Template, Tree
from .errors import ConfigurationError

#: A file, a directory of files, entries, or several of them.
Compensations = Union[str, "os.PathLike[str]", Mapping[str, Any], Sequence[Any]]

FILE_BYTES_MAX = 4 << 20
ENTRIES_MAX = 2_000
PROBLEMS_MAX = 20
WITHIN_SECONDS_MAX = 60.0

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class _Problem(Exception):
    """Where in an entry, and what."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclasses.dataclass(frozen=True)
class Statuses:
    """A set of status codes: numbers, and classes such as ``2xx``."""

    codes: frozenset[int]
    classes: frozenset[int]

    def __contains__(self, status: object) -> bool:
        return isinstance(status, int) and (status in self.codes or status // 100 in self.classes)

    def written(self) -> list[Any]:
        return [*sorted(self.codes), *(f"{n}xx" for n in sorted(self.classes))]

    @classmethod
    def of(cls, written: Sequence[Any]) -> Statuses:
        codes: set[int] = set()
        classes: set[int] = set()
        for one in written:
            text = str(one)
            if not isinstance(one, bool) and re.fullmatch(r"[1-5][0-9][0-9]", text):
                codes.add(int(text))
            elif re.fullmatch(r"[1-5]xx", text):
                classes.add(int(text[0]))
            else:
                raise ValueError(f"`{one}` is no status such as 200 or 2xx")
        return cls(frozenset(codes), frozenset(classes))


SUCCESS = Statuses(frozenset(), frozenset({2}))


@dataclasses.dataclass(frozen=True)
class Message:
    """A request that is made later."""

    method: str
    url: Template
    headers: dict[str, Template]
    body: Tree = None
    #: Whether it has a body, which may be `null`.
    has_body: bool = False
    status: Statuses = SUCCESS
    idempotent: bool = False
    idempotency_key: str | None = None

    def expressions(self) -> Iterator[_template.Expression]:
        yield from self.url.expressions()
        for value in self.headers.values():
            yield from value.expressions()
        yield from _template.expressions(self.body)


@dataclasses.dataclass(frozen=True)
class Read:
    """A read, and what it must show."""

    message: Message
    json: dict[str, Tree]
    headers: dict[str, Template]
    #: How long it may take until it shows, seconds.
    within: float = 0.0

    def expressions(self) -> Iterator[_template.Expression]:
        yield from self.message.expressions()
        for tree in self.json.values():
            yield from _template.expressions(tree)
        for value in self.headers.values():
            yield from value.expressions()


@dataclasses.dataclass(frozen=True)
class Entry:
    """What undoes one kind of request."""

    id: str
    method: str
    pattern: _url.Pattern
    status: Statuses
    irreversible: str | None = None
    before: Message | None = None
    compensation: Message | None = None
    unchanged: Read | None = None
    verify: Read | None = None
    #: How long it can be undone, seconds.
    window: int | None = None
    #: Whether it is undone although it is not known that it happened.
    undo_unknown: bool = False

    def expressions(self) -> Iterator[_template.Expression]:
        for part in (self.before, self.compensation, self.unchanged, self.verify):
            if part is not None:
                yield from part.expressions()

    @property
    def reads_response(self) -> bool:
        """Whether the body of the response is needed."""
        return any(e.root == "response" and e.part == "body" for e in self.expressions())


class Catalogue:
    """All entries."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        # The most exact one is found first.
        self.entries = sorted(entries, key=lambda entry: entry.pattern.fixed, reverse=True)

    def find(self, method: str, url: str) -> tuple[Entry, dict[str, str]] | None:
        """The entry of a request, and what the names of its pattern stand for."""
        method = method.upper()
        for entry in self.entries:
            if entry.method == method:
                names = entry.pattern.match(url)
                if names is not None:
                    return entry, names
        return None

    @classmethod
    def load(cls, given: Compensations) -> Catalogue:
        """Reads a catalogue; raises :class:`ConfigurationError` that names file, line and field."""
        problems: list[str] = []
        entries: list[Entry] = []
        for name, value, lines in _sources(given):
            entries += _Reader(name, lines, problems).document(value)
        seen: set[str] = set()
        for entry in entries:
            if entry.id in seen:
                problems.append(f"the id `{entry.id}` is there twice")
            seen.add(entry.id)
        if len(entries) > ENTRIES_MAX:
            problems.append(f"there are {len(entries)} compensations, the limit is {ENTRIES_MAX}")
        if problems:
            more = len(problems) - PROBLEMS_MAX
            shown = problems[:PROBLEMS_MAX] + ([f"and {more} more"] if more > 0 else [])
            raise ConfigurationError("\n".join(shown), "compensation.invalid")
        return cls(entries)


def _sources(given: Compensations) -> Iterator[tuple[str, Any, dict[str, int]]]:
    if isinstance(given, (str, os.PathLike)):
        path = Path(given)
        files = [path]
        if path.is_dir():
            files = sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml", ".json"))
        for file in files:
            yield _file(file)
    elif isinstance(given, Mapping):
        yield "compensations", {"compensations": [dict(given)]}, {}
    else:
        for one in given:
            yield from _sources(one)


def read_text(file: Path, what: str, limit: int = FILE_BYTES_MAX) -> str:
    """The text of a file; raises :class:`ConfigurationError`."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(limit + 1)
        if len(raw) > limit:
            raise ConfigurationError(
                f"{what} `{file}` has more than {limit} bytes", "document.too-large"
            )
        return raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{what} `{file}` cannot be read: {error}", "document.unreadable") from error


def _file(file: Path) -> tuple[str, Any, dict[str, int]]:
    text, lines = _core.read_yaml(os.fspath(file), read_text(file, "the catalogue"), True)
    return os.fspath(file), json.loads(text), lines


class _Reader:
    """Reads one document; what is wrong is noted, and the next entry read."""

    def __init__(self, name: str, lines: dict[str, int], problems: list[str]) -> None:
        self.name, self.lines, self.problems = name, lines, problems

    def document(self, value: Any) -> list[Entry]:
        found: list[Entry] = []
        try:
            about = _mapping(value, "", {"interlock", "compensations"}, {"compensations"})
            if about.get("interlock", 1) != 1:
                raise _Problem("/interlock", "must be 1")
            listed = about["compensations"]
            if not isinstance(listed, list):
                raise _Problem("/compensations", "must be a list")
        except _Problem as problem:
            self.note(problem)
            return []
        for number, item in enumerate(listed):
            try:
                found.append(_entry(item, f"/compensations/{number}"))
            except _Problem as problem:
                self.note(problem)
        return found

    def note(self, problem: _Problem) -> None:
        place, path = self.name, problem.path
        while path and path not in self.lines:
            path = path.rpartition("/")[0]
        if path in self.lines:
            place += f":{self.lines[path]}"
        where = re.sub(r"/(\d+)", r"[\1]", problem.path)
        parts = [part.replace("~1", "/").replace("~0", "~") for part in where.split("/")]
        shown = ".".join(part for part in parts if part)
        self.problems.append(f"{place}: `{shown}`: {problem}" if shown else f"{place}: {problem}")


def _mapping(value: Any, path: str, known: set[str], needed: set[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _Problem(path, "must be a mapping")
    for key in value:
        if key not in known:
            raise _Problem(f"{path}/{key}", f"is no field; known are {', '.join(sorted(known))}")
    for key in sorted(needed):
        if key not in value:
            raise _Problem(path, f"lacks `{key}`")
    return dict(value)


def _at(path: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except (BadTemplate, _url.BadPattern, ValueError) as error:
        raise _Problem(path, str(error)) from error


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Problem(path, "must be a text")
    return value


def _statuses(value: Any, path: str) -> Statuses:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise _Problem(path, "must name a status such as 200 or 2xx")
    return _at(path, lambda: Statuses.of(listed))  # type: ignore[no-any-return]


def _method(value: Any, path: str) -> str:
    if not _TOKEN.fullmatch(_text(value, path)):
        raise _Problem(path, f"`{value}` is no method")
    return str(value).upper()


def _headers(value: Any, path: str) -> dict[str, Template]:
    if not isinstance(value, Mapping):
        raise _Problem(path, "must be a mapping of header fields")
    found: dict[str, Template] = {}
    for name, text in value.items():
        at = f"{path}/{name}"
        if not _TOKEN.fullmatch(str(name)):
            raise _Problem(at, "is no name of a header field")
        template = _at(at, functools.partial(Template.of, _text(text, at)))
        if any(c in template.source for c in "\r\n\0"):
            raise _Problem(at, "has a line break")
        secret = any(e.root == "secret" for e in template.expressions())
        if name.lower() in _template.CREDENTIALS and not secret:
            raise _Problem(at, 'is a credential: write it as "{$secret.NAME}", and it is kept nowhere')
        found[str(name)] = template
    return found


def _url_template(value: Any, path: str) -> Template:
    template = _at(path, lambda: Template.of(_text(value, path), in_url=True))
    if any(e.root == "secret" for e in template.expressions()):
        raise _Problem(path, "has a secret; secrets are for header fields")
    first = template.parts[0]
    if isinstance(first, str) and not first.startswith("/"):
        # Nothing that an agent or a service says may choose the host.
        fixed, slash, _ = first.partition("://")[2].partition("/")
        if not slash and len(template.parts) > 1:
            raise _Problem(path, "has an expression in its host")
        _at(path, lambda: _url.origin(f"{first.partition('://')[0]}://{fixed}"))
    return template  # type: ignore[no-any-return]


_MESSAGE = {"method", "url", "headers", "body", "status", "idempotent", "idempotency_key"}


def _message(value: Any, path: str) -> Message:
    about = _mapping(value, path, _MESSAGE, {"method", "url"})
    body = _at(f"{path}/body", lambda: _template.compile_json(about.get("body")))
    if any(e.root == "secret" for e in _template.expressions(body)):
        raise _Problem(f"{path}/body", "has a secret; secrets are for header fields")
    idempotent = about.get("idempotent", False)
    if not isinstance(idempotent, bool):
        raise _Problem(f"{path}/idempotent", "must be true or false")
    key = about.get("idempotency_key")
    if key is not None and not (isinstance(key, str) and _TOKEN.fullmatch(key)):
        raise _Problem(f"{path}/idempotency_key", "must be the name of a header field")
    return Message(
        _method(about["method"], f"{path}/method"),
        _url_template(about["url"], f"{path}/url"),
        _headers(about.get("headers", {}), f"{path}/headers"),
        body,
        "body" in about,
        _statuses(about.get("status", ["2xx"]), f"{path}/status"),
        idempotent,
        key,
    )


def _read(value: Any, path: str) -> Read:
    about = _mapping(value, path, {"url", "headers", "expect", "within"}, {"url", "expect"})
    at = f"{path}/expect"
    expect = _mapping(about["expect"], at, {"status", "json", "headers"}, set())
    if not expect:
        raise _Problem(at, "must say what the read shows: `status`, `json` or `headers`")
    values = expect.get("json", {})
    if not isinstance(values, Mapping):
        raise _Problem(f"{at}/json", "must be a mapping of JSON Pointers to values")
    trees: dict[str, Tree] = {}
    for pointer, wanted in values.items():
        place = f"{at}/json/{pointer.replace('~', '~0').replace('/', '~1')}"
        if pointer and not pointer.startswith("/"):
            raise _Problem(place, "is no JSON Pointer, which begins with `/`")
        trees[pointer] = _at(place, functools.partial(_template.compile_json, wanted))
    within = 0.0
    if "within" in about:
        within = float(_seconds(about["within"], f"{path}/within"))
        if within > WITHIN_SECONDS_MAX:
            raise _Problem(f"{path}/within", f"must be at most {WITHIN_SECONDS_MAX:.0f}s")
    message = Message(
        "GET",
        _url_template(about["url"], f"{path}/url"),
        _headers(about.get("headers", {}), f"{path}/headers"),
        status=_statuses(expect.get("status", ["2xx"]), f"{at}/status"),
    )
    return Read(message, trees, _headers(expect.get("headers", {}), f"{at}/headers"), within)


def _seconds(value: Any, path: str) -> int:
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
    if found is None or int(found[1]) == 0:
        raise _Problem(path, f"`{value}` is no duration such as 30s, 15m, 24h or 7d")
    return int(found[1]) * _UNITS[found[2]]


_REVERSING = {"before", "compensation", "unchanged", "verify", "window", "unknown"}
_ENTRY = {"id", "method", "url", "status", "irreversible"} | _REVERSING


def _entry(value: Any, path: str) -> Entry:
    about = _mapping(value, path, _ENTRY, {"id", "method", "url"})
    if not _ID.fullmatch(_text(about["id"], f"{path}/id")):
        raise _Problem(f"{path}/id", "must be a name of letters, digits, `.`, `_` and `-`, at most 64")
    at = f"{path}/url"
    pattern = _at(at, lambda: _url.Pattern(_text(about["url"], at)))
    method = _method(about["method"], f"{path}/method")
    status = _statuses(about.get("status", ["2xx"]), f"{path}/status")
    if "irreversible" in about:
        for key in sorted(_REVERSING & set(about)):
            raise _Problem(f"{path}/{key}", "does not go with `irreversible`")
        why = _text(about["irreversible"], f"{path}/irreversible")
        return Entry(about["id"], method, pattern, status, irreversible=why)
    for key in ("compensation", "verify"):
        if key not in about:
            raise _Problem(path, f"lacks `{key}`; what nothing undoes says `irreversible: why`")
    before = None
    if "before" in about:
        read = _mapping(about["before"], f"{path}/before", {"url", "headers"}, {"url"})
        before = Message(
            "GET",
            _url_template(read["url"], f"{path}/before/url"),
            _headers(read.get("headers", {}), f"{path}/before/headers"),
        )
    unknown = about.get("unknown", "stop")
    if unknown not in ("stop", "compensate"):
        raise _Problem(f"{path}/unknown", "must be `stop` or `compensate`")
    entry = Entry(
        about["id"],
        method,
        pattern,
        status,
        before=before,
        compensation=_message(about["compensation"], f"{path}/compensation"),
        unchanged=_read(about["unchanged"], f"{path}/unchanged") if "unchanged" in about else None,
        verify=_read(about["verify"], f"{path}/verify"),
        window=_seconds(about["window"], f"{path}/window") if "window" in about else None,
        undo_unknown=unknown == "compensate",
    )
    _consistent(entry, path)
    return entry


def _consistent(entry: Entry, path: str) -> None:
    for expression in entry.expressions():
        if expression.part == "path" and expression.name not in entry.pattern.names:
            raise _Problem(path, f"`{{{expression.text}}}`: the url has no such name")
        if expression.root == "before" and entry.before is None:
            raise _Problem(path, f"`{{{expression.text}}}` needs a read, `before`")
    for expression in entry.before.expressions() if entry.before else ():
        if expression.root in ("before", "response"):
            raise _Problem(f"{path}/before", f"`{{{expression.text}}}` is not known by then")
    if entry.undo_unknown:
        later = next((e for e in entry.expressions() if e.root == "response"), None)
        if later is not None or not (entry.compensation and entry.compensation.idempotent):
            raise _Problem(
                f"{path}/unknown",
                "`compensate` needs a compensation that is idempotent and uses nothing of the response",
            )

