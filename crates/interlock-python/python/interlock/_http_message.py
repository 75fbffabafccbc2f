"""Requests and answers, as they are for every library, and as they stand on a connection."""

from __future__ import annotations

import dataclasses
import http
import json
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
