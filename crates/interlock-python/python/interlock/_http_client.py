"""Requests of Interlock's own: what undoes others, and what looks whether it did."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from . import _url
from ._http_message import BODY_MAX, Answer, Fields
from .errors import InterlockError

#: For one step of an exchange, and for all of it, seconds.
TIMEOUT_SECONDS = 10.0
TOTAL_SECONDS = 30.0
REDIRECTS_MAX = 5


class NotReached(InterlockError):
    """Nobody answered; whether the request arrived is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "http.unreachable")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def send(method: str, url: str, headers: Fields, body: bytes | None = None) -> Answer:
    """Sends a request and reads at most `BODY_MAX` bytes. A redirect is followed within the origin
    only, because others must not get the credentials, and only where it keeps the method."""
    target, deadline = url, time.monotonic() + TOTAL_SECONDS
    for _ in range(REDIRECTS_MAX + 1):
        answer = _once(method, target, headers, body, deadline)
        follows = answer.status in (307, 308) or (
            answer.status in (301, 302, 303) and method.upper() in ("GET", "HEAD")
        )
        location = next((v for n, v in answer.headers if n.lower() == "location"), None)
        if not follows or location is None:
            return answer
        target = urllib.parse.urljoin(target, location)
        try:
            same = _url.origin(target) == _url.origin(url)
        except _url.BadUrl:
            same = False
        if not same:
            raise InterlockError(
                f"`{_url.without_query(url)}` redirects to another host", "http.redirect"
            )
    raise InterlockError(
        f"`{_url.without_query(url)}` redirects more than {REDIRECTS_MAX} times", "http.redirect"
    )


def _once(method: str, url: str, headers: Fields, body: bytes | None, deadline: float) -> Answer:
    shown = f"{method} {_url.without_query(url)}"
    _url.parts(url)
    opener = urllib.request.build_opener(_Stay)
    request = urllib.request.Request(url, data=body, method=method)
    for name, value in headers:
        request.add_header(name, value)
    try:
        response = opener.open(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        # It is a response like any other.
        response = error
    except urllib.error.URLError as error:
        raise NotReached(f"{shown}: {error.reason}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotReached(f"{shown}: {error}") from error
    with response:
        read = bytearray()
        try:
            while chunk := response.read1(65_536):
                read += chunk
                if len(read) > BODY_MAX:
                    raise InterlockError(
                        f"{shown} answered with more than {BODY_MAX} bytes", "http.too-large"
                    )
                if time.monotonic() > deadline:
                    raise NotReached(f"{shown}: no end after {TOTAL_SECONDS} seconds")
        except (OSError, http.client.HTTPException) as error:
            raise NotReached(f"{shown}: {error}") from error
        return Answer(response.status, list(response.headers.items()), bytes(read))
