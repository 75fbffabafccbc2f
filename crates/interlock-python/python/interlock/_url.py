"""Patterns of addresses with named segments, and addresses made of them.

A pattern is an absolute address such as ``https://{shop}.example.com/v1/orders/{order}``: a name stands
for one label of the host or, alone or between fixed text, within one segment of the path, as in the
paths of OpenAPI. What a name stood for is percent-encoded where it is put in again (RFC 6570, level 1).
"""

from __future__ import annotations

import dataclasses
import functools
import re
import urllib.parse
from collections.abc import Mapping

#: Characters of an address.
URL_MAX = 16_384
SEGMENTS_MAX = 64

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PORTS = {"http": 80, "https": 443}


class BadPattern(ValueError):
    """What is wrong with a pattern."""


class BadUrl(ValueError):
    """Why an address cannot be used."""


def parts(url: str) -> urllib.parse.SplitResult:
    """The parts of an absolute `http` or `https` address."""
    if len(url) > URL_MAX:
        raise BadUrl(f"an address has more than {URL_MAX} characters")
    if re.search(r"[\x00-\x20\x7f]", url):
        # Some of them would be left out, and it would be another address.
        raise BadUrl("an address has a space or a control character")
    try:
        found = urllib.parse.urlsplit(url)
        # It is read when it is asked for, and raises then.
        found.port  # noqa: B018
    except ValueError as error:
        raise BadUrl(f"`{without_query(url)}` is no address: {error}") from error
    if found.scheme not in _PORTS or not found.hostname:
        raise BadUrl(f"`{without_query(url)}` is no absolute http address")
    return found


def without_query(url: str) -> str:
    """An address for messages: queries and user names may be secrets."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/@]*@", "//", bare, count=1)


_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(?::([0-9]*))?")


def plain(url: str) -> str:
    """An address as policies name it, however its host is written: `https://shop.example@evil.example/`
    begins with another host than it goes to, and `HTTP://Shop.example.:80/` is `http://shop.example/`."""
    found = _AUTHORITY.match(url)
    if found is None:
        return url
    scheme, authority = found[1].lower(), found[2].rpartition("@")[2].lower()
    host = _HOST.fullmatch(authority)
    if host is not None:
        named = host[2] and int(host[2][:6]) != _PORTS.get(scheme)
        authority = host[1].rstrip(".") + (f":{host[2]}" if named else "")
    return f"{scheme}://{authority}{url[found.end() :]}"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: who answers (RFC 6454)."""
    found = parts(url)
    return found.scheme, (found.hostname or "").rstrip("."), found.port or _PORTS[found.scheme]


def _segments(path: str) -> list[str] | None:
    """The segments, decoded; `None` where the path leads up and down."""
    found = [urllib.parse.unquote(segment) for segment in (path or "/").split("/")[1:]]
    return None if any(segment in (".", "..") for segment in found) else found


@dataclasses.dataclass(frozen=True)
class _Piece:
    """One segment: fixed text, or text around a name."""

    before: str
    name: str | None = None
    after: str = ""

    def match(self, text: str) -> str | None:
        """What the name stands for; empty for fixed text that is the same."""
        if self.name is None:
            return "" if text == self.before else None
        inner = len(text) - len(self.before) - len(self.after)
        if inner < 1 or not text.startswith(self.before) or not text.endswith(self.after):
            return None
        return text[len(self.before) : len(text) - len(self.after)]


def _piece(text: str, of_host: bool) -> _Piece:
    found = list(_NAME.finditer(text))
    rest = _NAME.sub("", text)
    if "{" in rest or "}" in rest:
        raise BadPattern(f"`{text}` has a brace without a name such as `{{id}}`")
    if len(found) > 1:
        raise BadPattern(f"`{text}` has two names in one segment, which nothing tells apart")

    def plain(part: str) -> str:
        return part.lower() if of_host else urllib.parse.unquote(part)

    if not found:
        return _Piece(plain(text))
    before, after = text[: found[0].start()], text[found[0].end() :]
    if of_host and (before or after):
        raise BadPattern(f"`{text}`: a name stands for a whole label of the host")
    return _Piece(plain(before), found[0][1], plain(after))


class Pattern:
    """An address with named segments."""

    def __init__(self, text: str) -> None:
        if len(text) > URL_MAX:
            raise BadPattern(f"has more than {URL_MAX} characters")
        if "?" in text or "#" in text:
            raise BadPattern("has a query or a fragment; requests match with any query")
        scheme, _, rest = text.partition("://")
        if scheme not in _PORTS or not rest:
            raise BadPattern("must begin with `https://` or `http://` and a host")
        host, slash, path = rest.partition("/")
        if "@" in host:
            raise BadPattern("has a user name; credentials do not belong into an address")
        if host.startswith("["):
            host, _, port = host.partition("]")
            host, port = f"{host}]", port.lstrip(":")
        else:
            host, _, port = host.partition(":")
        if port and not (port.isdigit() and 0 < int(port) < 65_536):
            raise BadPattern(f"`{port}` is no port")
        if not host:
            raise BadPattern("must begin with `https://` or `http://` and a host")
        self.text = text
        self.scheme = scheme
        self.port = int(port) if port else _PORTS[scheme]
        labels = [host] if host.startswith("[") else host.split(".")
        self.labels = [_piece(label, True) for label in labels]
        self.path = [_piece(segment, False) for segment in path.split("/")]
        if not slash:
            self.path = [_Piece("")]
        if len(self.path) > SEGMENTS_MAX:
            raise BadPattern(f"has more than {SEGMENTS_MAX} segments")
        if any(piece.name is None and piece.before in (".", "..") for piece in self.path):
            raise BadPattern("has `.` or `..` as a segment")
        names = [piece.name for piece in (*self.labels, *self.path) if piece.name is not None]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BadPattern(f"has the name `{twice}` twice")
        self.names = frozenset(names)

    @property
    def fixed(self) -> tuple[int, ...]:
        """How exact it is: fixed segments before named ones, the longer text first."""
        return tuple(
            1 + len(piece.before) + len(piece.after) if piece.name else URL_MAX
            for piece in (*self.labels, *self.path)
        )

    def match(self, url: str) -> dict[str, str] | None:
        """What the names stand for in this address, decoded; `None` if it is another one."""
        return self._match(url, self.path, False)

    def above(self, url: str) -> bool:
        """Whether this address is below the pattern."""
        path = self.path[:-1] if self.path[-1] == _Piece("") else self.path
        return self._match(url, path, True) is not None

    def _match(self, url: str, path: list[_Piece], more: bool) -> dict[str, str] | None:
        found = _apart(url)
        if found is None or (self.scheme, self.port) != found[:2]:
            return None
        labels, segments = found[2:]
        if len(labels) != len(self.labels) or len(segments) < len(path):
            return None
        if more == (len(segments) == len(path)):
            return None
        names: dict[str, str] = {}
        for piece, text in zip((*self.labels, *path), (*labels, *segments)):
            value = piece.match(text)
            if value is None:
                return None
            if piece.name is not None:
                names[piece.name] = value
        return names


@functools.lru_cache(maxsize=64)
def _apart(url: str) -> tuple[str, int, tuple[str, ...], tuple[str, ...]] | None:
    """Scheme, port, labels and segments, which every pattern looks at; `None` for what has none."""
    try:
        found = parts(url)
    except BadUrl:
        return None
    segments = _segments(found.path)
    if segments is None:
        return None
    host = (found.hostname or "").rstrip(".")
    labels = (f"[{host}]",) if ":" in host else tuple(host.split("."))
    return found.scheme, found.port or _PORTS[found.scheme], labels, tuple(segments)


def encoded(value: str) -> str:
    """A value as a part of a path or a query. One that would be no segment, or another one than is
    meant, is refused: `DELETE /orders/` is something else than `DELETE /orders/{id}`."""
    if value in ("", ".", ".."):
        raise BadUrl(f"`{value}` cannot stand in an address")
    return urllib.parse.quote(value, safe="")


def queries(url: str) -> Mapping[str, str]:
    """The parameters of the query; of several with one name the first."""
    found: dict[str, str] = {}
    for name, value in urllib.parse.parse_qsl(parts(url).query, keep_blank_values=True):
        found.setdefault(name, value)
    return found
