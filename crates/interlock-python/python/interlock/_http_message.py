"""Requests and answers, as they are for every library, and as they stand on a connection."""

from __future__ import annotations

import dataclasses
import http
import json
import re
import zlib
from collections.abc import Iterable
from typing import Any

#: Bytes of a request's body that a binding reads, and of a response's.
BODY_MAX = 1 << 20
#: Bytes of the lines and fields before a body.
HEAD_MAX = 256 * 1024

Fields = list[tuple[str, str]]


def field(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first field of that name."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


@dataclasses.dataclass
class Request:
    """A request of the agent."""

    library: str
    method: str
    url: str
    headers: Fields = dataclasses.field(default_factory=list)
    #: `None` where it is not known before it is sent.
    body: bytes | None = b""

    def json(self) -> Any:
        """The body; raises `ValueError` saying why there is none."""
        if self.body is None:
            raise ValueError("the body of the request is streamed")
        return parsed(self.headers, self.body)


@dataclasses.dataclass
class Answer:
    """A response, whole."""

    status: int
    headers: Fields = dataclasses.field(default_factory=list)
    body: bytes = b""

    def json(self) -> Any:
        """The body; raises `ValueError` saying why there is none."""
        return parsed(self.headers, decoded(field(self.headers, "content-encoding"), self.body))

    @property
    def reason(self) -> str:
        try:
            return http.HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    def on_the_wire(self, method: str) -> bytes:
        """The response as a server that closes the connection sends it."""
        own = ("content-length", "transfer-encoding", "connection")
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers if name.lower() not in own]
        if self.status >= 200 and self.status not in (204, 304):
            lines.append(f"content-length: {len(self.body)}")
        lines += ["connection: close", "", ""]
        empty = method.upper() == "HEAD" or self.status in (204, 304)
        return "\r\n".join(lines).encode("latin-1", "replace") + (b"" if empty else self.body)


def parsed(headers: Iterable[tuple[str, str]], body: bytes) -> Any:
    """A JSON body; raises `ValueError` saying why there is none."""
    kind = (field(headers, "content-type") or "application/json").partition(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json") or kind == "text/json"):
        raise ValueError(f"the body is `{kind}`, not JSON")
    if len(body) > BODY_MAX:
        raise ValueError(f"the body has more than {BODY_MAX} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the body is no JSON: {error}") from error


def decoded(coding: str | None, body: bytes) -> bytes:
    """A body without its content coding; raises `ValueError` for one that is not known here."""
    for name in reversed([part.strip().lower() for part in (coding or "").split(",")]):
        if name in ("", "identity"):
            continue
        if name not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(f"the body is coded as `{name}`")
        body = _inflated(body)
    return body


def _inflated(body: bytes) -> bytes:
    # With a head of zlib or gzip, or, as some servers do, without any.
    for bits in (47, -15):
        inflate = zlib.decompressobj(bits)
        try:
            found = inflate.decompress(body, BODY_MAX + 1)
        except zlib.error as error:
            wrong = error
            continue
        if len(found) > BODY_MAX:
            raise ValueError(f"the body has more than {BODY_MAX} bytes")
        return found
    raise ValueError(f"the body cannot be decoded: {wrong}")


class Incomplete(Exception):
    """More is to come."""


def dechunked(raw: bytes) -> bytes:
    """The content of chunks (RFC 9112, 7.1); raises :class:`Incomplete` before the last one."""
    found, at = bytearray(), 0
    while True:
        end = raw.find(b"\r\n", at)
        if end < 0:
            raise Incomplete
        try:
            size = int(raw[at:end].partition(b";")[0].strip(), 16)
        except ValueError as error:
            raise ValueError("a chunk has no size") from error
        at = end + 2
        if size == 0:
            # Trailers end with an empty line.
            if raw[at : at + 2] != b"\r\n" and b"\r\n\r\n" not in raw[at:]:
                raise Incomplete
            return bytes(found)
        if len(raw) < at + size + 2:
            raise Incomplete
        found += raw[at : at + size]
        at += size + 2


#: The length of a chunk, without extensions, which not everyone reads alike.
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LINE_MAX = 64


class Framed:
    """One request on its way, of which no byte must be read as another's: whoever reads it may trust
    either its length or its chunks, so it has one of them, once (RFC 9112, 6.3)."""

    def __init__(self, target: str | None) -> None:
        #: The first line: begins with this method and target, or asks for a tunnel.
        begins = rb"CONNECT [^ ]+ " if target is None else re.escape(target.encode("latin-1"))
        self._first = re.compile(begins + rb"HTTP/1\.[01]")
        self._head: bytearray | None = bytearray()
        #: Bytes that are still to come: of a body, or of a chunk with the end of its line.
        self._left = 0
        self._chunked = False
        #: In chunks: the line that is read; `None` within one, and after the last.
        self._line: bytearray | None = None
        self._last = False

    def take(self, data: bytes) -> Fields | None:
        """Takes what is sent next; returns the fields when they are complete. Raises `ValueError` where
        it is not of this request."""
        found = None
        if self._head is not None:
            self._head += data
            head, end, rest = bytes(self._head).partition(b"\r\n\r\n")
            if len(head) > HEAD_MAX:
                raise ValueError("its fields are too long")
            if not end:
                return None
            self._head, data = None, rest
            found = self._fields(head)
        if self._chunked:
            self._chunks(data)
        else:
            self._left -= len(data)
        if self._left < 0:
            raise ValueError("it is longer than it says")
        return found

    def _fields(self, head: bytes) -> Fields:
        first, *lines = head.split(b"\r\n")
        if not self._first.fullmatch(first):
            raise ValueError("it is not the request that was decided on")
        found: list[tuple[str, str]] = []
        for line in lines:
            if b"\r" in line or b"\n" in line:
                raise ValueError("a field has a line break")
            text = line.decode("latin-1")
            name, colon, value = text.partition(":")
            if found and text[:1] in (" ", "\t"):
                # A folded line.
                found[-1] = (found[-1][0], f"{found[-1][1]} {text.strip()}".strip())
            elif not colon or not name.strip():
                raise ValueError("a line is no field")
            else:
                found.append((name.strip(), value.strip()))
        lengths = [value for name, value in found if name.lower() == "content-length"]
        codings = [value for name, value in found if name.lower() == "transfer-encoding"]
        if len(lengths) + len(codings) > 1:
            raise ValueError("it says in two ways how long it is")
        if codings and (codings[0].lower() != "chunked" or not first.endswith(b"1.1")):
            raise ValueError("its transfer encoding is not plain `chunked`")
        if lengths and not re.fullmatch(r"[0-9]{1,15}", lengths[0]):
            raise ValueError("its length is no number")
        self._left = int(lengths[0]) if lengths else 0
        self._chunked = bool(codings)
        self._line = bytearray() if codings else None
        return found

    def _chunks(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                # The last two of them end the chunk's line.
                for place, wanted in ((2, 13), (1, 10)):
                    index = self._left - place
                    if 0 <= index < step and data[at + index] != wanted:
                        raise ValueError("a chunk is longer than it says")
                self._left -= step
                at += step
                if not self._left:
                    self._line = bytearray()
                continue
            if self._line is None:
                raise ValueError("it goes on after its end")
            self._line.append(data[at])
            at += 1
            if not self._line.endswith(b"\r\n"):
                if len(self._line) > _LINE_MAX:
                    raise ValueError("a chunk has no size")
                continue
            line, self._line = bytes(self._line[:-2]), None
            if self._last:
                if line:
                    raise ValueError("it has fields after its body")
                continue
            if not _SIZE.fullmatch(line):
                raise ValueError("a chunk has no size")
            size = int(line, 16)
            if size:
                self._left = size + 2
            else:
                self._last, self._line = True, bytearray()


def read_request(raw: bytes) -> tuple[str, Fields, bytes]:
    """Method, fields and body of a request as it stands on a connection; raises :class:`Incomplete`
    before its end."""
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end:
        if len(raw) > HEAD_MAX:
            raise ValueError(f"the fields of a request have more than {HEAD_MAX} bytes")
        raise Incomplete
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = [(n.strip(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
    if "chunked" in (field(fields, "transfer-encoding") or "").lower():
        body = dechunked(body)
    else:
        length = field(fields, "content-length") or "0"
        if not length.isdigit():
            raise ValueError("the length of a request's body is no number")
        if len(body) < int(length):
            raise Incomplete
        body = body[: int(length)]
    return first.partition(" ")[0], fields, body
