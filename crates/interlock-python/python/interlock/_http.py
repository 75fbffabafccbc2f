"""Requests of a monitored program, whichever library makes them.

Each library is met where one request is sent and one response begins: its own redirects, retries and
sessions are above, its connections below. There a request is decided on, noted if the catalogue knows
what undoes it, and answered in its place within a sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import http.client
import io
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from . import _undo, _url
from ._http_message import BODY_MAX, Answer, Fields, Framed, Incomplete, Request, field, read_request
from ._monitor import Monitor, current, replace, unmonitored
from ._undo_http import Effect, Plan
from .errors import InterlockError

if TYPE_CHECKING:
    from ._core import Decision
    from .sandbox import Sandbox

#: Codings of a response that can be read here.
_CODINGS = "gzip, deflate"


@dataclasses.dataclass(frozen=True)
class Route:
    """What a stand-in does with a request."""

    #: `pass` sends it, `answer` answers it, `rewrite` sends it so that nothing is changed there, `ask`
    #: sends it if a person agrees.
    kind: str
    #: For `rewrite`: what is added to the query and the fields.
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    #: For `ask`: why.
    why: str = ""


class StandIn(Protocol):
    """What answers requests in the place of services."""

    def route(self, request: Request) -> Route:
        """What is to be done; quick, and asks nobody."""

    def answer(self, request: Request, decision: Decision) -> Answer:
        """The answer; may ask the service how things are."""

    def watch(self, request: Request, decision: Decision, route: Route) -> Any:
        """What is told of the response to a request that is sent, as an effect is."""


def stand_in(monitor: Monitor) -> StandIn | None:
    """What answers here, if anything does."""
    return None if monitor.sandbox is None else monitor.sandbox.part("http")  # type: ignore[return-value]


@dataclasses.dataclass
class Exchange:
    """One request that was permitted."""

    request: Request
    decision: Decision
    route: Route
    stands_in: StandIn | None = None
    #: What is told of the response.
    effect: Effect | Any = None
    sandbox: Sandbox | None = None
    #: What of the bytes that a library sends is this request; looked at in a sandbox.
    framed: Framed | None = None
    #: The same of the request for a tunnel, while it is connected.
    tunnel: Framed | None = None

    @property
    def answered(self) -> bool:
        """Whether it is answered here, and not sent."""
        return self.route.kind == "answer"

    @property
    def wants_body(self) -> bool:
        return self.effect is not None and self.effect.reads_body

    def passing(self) -> contextlib.AbstractContextManager[None]:
        """Around what sends it, which a sandbox lets through."""
        return contextlib.nullcontext() if self.sandbox is None else self.sandbox.passing()

    def replaces(self, name: str) -> bool:
        """Whether a field of the agent's gives way to what a dry run sends. Behind a gateway `_` and `-`
        are the same."""
        ours = {_plain(own) for own, _ in self.route.headers}
        return self.route.kind == "rewrite" and _plain(name) in ours

    def sends(self, data: bytes) -> None:
        """Refuses, in a sandbox, what is not of this request: a service would take it for another one
        that nobody decided on."""
        framed = self.framed if self.tunnel is None else self.tunnel
        if framed is None or self.sandbox is None:
            return
        try:
            fields = framed.take(data)
        except ValueError as error:
            self.refuse(str(error))
        if fields is None or self.tunnel is not None:
            return
        if self.route.kind != "ask" and self.stands_in is not None:
            # Some of them were not known when it was decided on.
            again = self.stands_in.route(dataclasses.replace(self.request, headers=fields))
            if again.kind == "ask":
                self.refuse(again.why)
        elif field(fields, "upgrade") is not None:
            # A person agreed to whatever comes now.
            self.framed = None

    def refuse(self, why: str) -> NoReturn:
        request, sandbox = self.request, self.sandbox
        assert sandbox is not None
        about = {"method": request.method, "url": request.url}
        why = why.removeprefix("in a sandbox: ")
        sandbox.refuse("api_call", request.url, request.library, about, why)

    def answer(self, request: Request) -> Answer:
        assert self.stands_in is not None
        with unmonitored():
            return self.stands_in.answer(request, self.decision)

    def not_sent(self) -> None:
        if self.effect is not None:
            self.effect.not_sent()

    def unknown(self, error: BaseException) -> None:
        if self.effect is not None:
            self.effect.unknown(type(error).__name__)

    def responded(self, status: int, headers: Fields) -> bool:
        """Whether the body is wanted, of which at most `BODY_MAX` bytes are read."""
        if self.effect is None or not self.effect.responded(Answer(status, headers)):
            return False
        length = field(headers, "content-length") or "0"
        kind = (field(headers, "content-type") or "application/json").partition(";")[0].strip().lower()
        if not length.isdigit() or int(length) > BODY_MAX:
            self.finished(None, f"its response has more than {BODY_MAX} bytes")
            return False
        if "json" not in kind or "ndjson" in kind:
            # Such as a stream of events, whose end may never come.
            self.finished(None, f"its response is `{kind}`, not JSON")
            return False
        return True

    def finished(self, body: bytes | None, why: str = "its response was not read to the end") -> None:
        if self.effect is not None:
            self.effect.finished(body, why)


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")


def begin(request: Request) -> Exchange | None:
    """Decides on a request that is about to be sent; raises if it must not be. `None` outside of
    monitors."""
    monitor = current()
    if monitor is None:
        return None
    request.url = _url.plain(request.url)
    box, found = monitor.sandbox, stand_in(monitor)
    if box is not None:
        box.require_open("api_call", request.url, request.library)
    route = Route("pass") if found is None else found.route(request)
    plan = None
    if not _undo.rolling() and route.kind in ("pass", "ask"):
        plan = Plan.of(monitor.interlock.compensations, request)
    exchange = Exchange(request, _decide(monitor, request, plan, route), route, found, None, box)
    if plan is not None:
        if plan.reads_before:
            with unmonitored():
                plan.read_before(monitor.interlock.credentials)
            if plan.why is not None:
                # What it was decided on is not so.
                exchange.decision = _decide(monitor, request, plan, route)
        own = _undo.current() is None
        exchange.effect = Effect(plan, monitor.step(request.library, exchange.decision), own)
    elif found is not None and not exchange.answered:
        exchange.effect = found.watch(request, exchange.decision, route)
    return exchange


def _decide(monitor: Monitor, request: Request, plan: Plan | None, route: Route) -> Decision:
    return monitor.decide(
        "api_call",
        request.url,
        request.library,
        {"method": request.method, "url": request.url},
        # What is answered here, or sent so that it changes nothing, need not be undone.
        kept=(plan is not None and plan.why is None) or route.kind in ("answer", "rewrite"),
        asks=route.why if route.kind == "ask" else None,
    )


async def abegin(request: Request) -> Exchange | None:
    """As :func:`begin`, without holding up the event loop where the service is asked."""
    monitor = current()
    if monitor is None:
        return None
    plan = Plan.of(monitor.interlock.compensations, request)
    if plan is None or not plan.reads_before:
        return begin(request)
    return await off_loop(monitor, begin, request)  # type: ignore[no-any-return]


async def off_loop(monitor: Monitor, function: Callable[..., Any], *args: Any) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Another library's loop.
        return function(*args)
    return await monitor.interlock.off_loop(function, *args)


def known(body: Any) -> bytes | None:
    """A body if it is known before it is sent."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    return None


def with_query(url: str, more: tuple[tuple[str, str], ...]) -> str:
    """An address with parameters added to its query, in the place of those of the same names, however
    a service reads these: without their case, as lists, or between semicolons."""
    parts = urllib.parse.urlsplit(url)
    names = {name.lower() for name, _ in more}

    def same(pair: str) -> bool:
        name = urllib.parse.unquote_plus(pair.partition("=")[0]).lower()
        return name.partition("[")[0].strip() in names

    pairs = (";".join(p for p in one.split(";") if not same(p)) for one in parts.query.split("&"))
    kept = [pair for pair in pairs if pair]
    query = "&".join([*kept, urllib.parse.urlencode(more)])
    return urllib.parse.urlunsplit(parts._replace(query=query))


# -- httpx ----------------------------------------------------------------------------------------


def install_httpx(httpx: Any) -> None:
    never = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
        InterlockError,
    )

    def asked(request: Any) -> Request:
        body = getattr(request, "_content", None)
        return Request("httpx", request.method, str(request.url), list(request.headers.items()), body)

    def before(exchange: Exchange, request: Any) -> None:
        if exchange.wants_body:
            request.headers["accept-encoding"] = _CODINGS
        if exchange.route.kind == "rewrite":
            request.url = httpx.URL(with_query(str(request.url), exchange.route.query))
            for name in {name for name in request.headers if exchange.replaces(name)}:
                del request.headers[name]
            for name, value in exchange.route.headers:
                request.headers[name] = value

    def answer(client: Any, request: Any, found: Answer, started: float) -> Any:
        empty = request.method == "HEAD" or found.status in (204, 304)
        headers = [(n, v) for n, v in found.headers if n.lower() != "content-length"]
        if not empty:
            headers.append(("content-length", str(len(found.body))))
        stream = httpx.ByteStream(b"" if empty else found.body)
        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": found.reason.encode()}
        response = httpx.Response(
            found.status, headers=headers, stream=stream, request=request, extensions=extensions
        )
        response.default_encoding = client._default_encoding
        response.elapsed = datetime.timedelta(seconds=time.perf_counter() - started)
        client.cookies.extract_cookies(response)
        return response

    def rejoined(response: Any, read: list[bytes], rest: Any) -> Any:
        """The response's stream again, from its beginning."""
        stream = response.stream

        class Sync(httpx.SyncByteStream):  # type: ignore[misc]
            def __iter__(self) -> Iterator[bytes]:
                yield from read
                yield from rest

            def close(self) -> None:
                stream.close()

        class Async(httpx.AsyncByteStream):  # type: ignore[misc]
            async def __aiter__(self) -> Any:
                for part in read:
                    yield part
                async for part in rest:
                    yield part

            async def aclose(self) -> None:
                await stream.aclose()

        return Async() if isinstance(stream, httpx.AsyncByteStream) else Sync()

    def send(original: Any) -> Any:
        def checked(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = begin(asked(request))
            if exchange is None:
                return original(self, request, *args, **kwargs)
            if exchange.answered:
                exchange.request.body = request.read()
                started = time.perf_counter()
                return answer(self, request, exchange.answer(exchange.request), started)
            before(exchange, request)
            try:
                with exchange.passing():
                    response = original(self, request, *args, **kwargs)
            except never:
                exchange.not_sent()
                raise
            except BaseException as error:
                exchange.unknown(error)
                raise
            if exchange.responded(response.status_code, list(response.headers.items())):
                read, size, rest = [], 0, iter(response.stream)
                try:
                    for part in rest:
                        read.append(part)
                        size += len(part)
                        if size > BODY_MAX:
                            break
                except BaseException:
                    exchange.finished(None)
                    raise
                response.stream = rejoined(response, read, rest)
                exchange.finished(b"".join(read))
            return response

        return checked

    def asend(original: Any) -> Any:
        async def checked(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            monitor = current()
            exchange = await abegin(asked(request))
            if exchange is None:
                return await original(self, request, *args, **kwargs)
            if exchange.answered:
                assert monitor is not None
                exchange.request.body = await request.aread()
                started = time.perf_counter()
                found = await off_loop(monitor, exchange.answer, exchange.request)
                return answer(self, request, found, started)
            before(exchange, request)
            try:
                with exchange.passing():
                    response = await original(self, request, *args, **kwargs)
            except never:
                exchange.not_sent()
                raise
            except BaseException as error:
                exchange.unknown(error)
                raise
            if exchange.responded(response.status_code, list(response.headers.items())):
                read, size, rest = [], 0, aiter_(response.stream)
                try:
                    async for part in rest:
                        read.append(part)
                        size += len(part)
                        if size > BODY_MAX:
                            break
                except BaseException:
                    exchange.finished(None)
                    raise
                response.stream = rejoined(response, read, rest)
                exchange.finished(b"".join(read))
            return response

        return checked

    def aiter_(stream: Any) -> Any:
        return stream.__aiter__()

    replace(httpx.Client, "_send_single_request", send)
    replace(httpx.AsyncClient, "_send_single_request", asend)


# -- http.client: urllib, requests, urllib3 -------------------------------------------------------


class Socket:
    """In the place of a connection: takes a request, and gives the answer to it."""

    def __init__(self, exchange: Exchange | None = None, real: Any = None) -> None:
        self._exchange = exchange
        self._real = real
        self._sent = bytearray()

    def sendall(self, data: Any, *_: Any) -> None:
        self._sent += data

    def makefile(self, *args: Any, **kwargs: Any) -> io.BytesIO:
        exchange = self._exchange
        assert exchange is not None
        try:
            _, headers, body = read_request(bytes(self._sent))
        except (Incomplete, ValueError) as error:
            raise http.client.CannotSendRequest("the request is not complete") from error
        exchange.request.headers, exchange.request.body = headers, body
        found = exchange.answer(exchange.request)
        return io.BytesIO(found.on_the_wire(exchange.request.method))

    def close(self) -> None:
        if self._real is not None:
            self._real.close()

    def settimeout(self, *_: Any) -> None:
        pass

    def setsockopt(self, *_: Any) -> None:
        pass

    def shutdown(self, *_: Any) -> None:
        pass


def _framed(parts: Iterator[bytes], chunked: bool) -> Iterator[bytes]:
    if not chunked:
        yield from parts
        return
    for part in parts:
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


class _Frames(io.RawIOBase):
    """A body that was read in part, as it stood on the connection."""

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._frames, self._left = frames, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            frame = next(self._frames, None)
            if frame is None:
                return 0
            self._left = frame
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size


def _restored(response: Any, parts: Iterator[bytes], size: int | None) -> None:
    """Lets a response begin again at the start of its body."""
    response.fp = io.BufferedReader(_Frames(_framed(parts, bool(response.chunked))))
    response.chunk_left = None
    response.length = None if response.chunked else size


def _read_whole(exchange: Exchange, response: Any) -> None:
    read: list[bytes] = []
    size = 0
    inner = http.client.HTTPResponse.__new__(http.client.HTTPResponse)
    # The same connection, at the same place.
    vars(inner).update(vars(response))
    length = response.length
    try:
        while size <= BODY_MAX and (part := inner.read(65_536)):
            read.append(part)
            size += len(part)
    except BaseException:
        exchange.finished(None)
        raise
    if size > BODY_MAX:

        def rest() -> Iterator[bytes]:
            yield from read
            while part := inner.read(65_536):
                yield part

        _restored(response, rest(), length)
    else:
        _restored(response, iter(read), size)
    exchange.finished(b"".join(read))


_OUTGOING = "_interlock_outgoing"
_EXCHANGE = "_interlock_exchange"


#: How an absolute address begins (RFC 3986, 3.1); further on, in a query, it says nothing of the host.
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def _full_url(connection: Any, url: str) -> str:
    if _ABSOLUTE.match(url):
        return url
    if not url.startswith("/"):
        # `@other.example/` would make the host a user name.
        url = f"/{url}"
    # Those of urllib3 are not of the class of the standard library's.
    secure = getattr(connection, "default_port", 80) == 443
    host, port = connection.host, connection.port
    if getattr(connection, "_tunnel_host", None):
        host, port = connection._tunnel_host, connection._tunnel_port
    shown = f"[{host}]" if ":" in host else host
    default = port in (None, 443 if secure else 80)
    return f"{'https' if secure else 'http'}://{shown}{'' if default else f':{port}'}{url}"


def _request(original: Any) -> Any:
    """Keeps fields and body, which are passed on piece by piece below."""

    def request(
        self: Any, method: str, url: str, body: Any = None, headers: Any = None, **kwargs: Any
    ) -> Any:
        setattr(self, _OUTGOING, (headers, body))
        try:
            return original(self, method, url, body, {} if headers is None else headers, **kwargs)
        finally:
            setattr(self, _OUTGOING, None)

    return request


def _pieces(data: Any, size: int) -> Iterator[bytes]:
    """What is given to a connection, as it sends it."""
    if hasattr(data, "read"):
        while block := data.read(size):
            yield block.encode("iso-8859-1") if isinstance(block, str) else bytes(block)
        return
    try:
        yield memoryview(data).tobytes()
        return
    except TypeError:
        if not isinstance(data, Iterable) or isinstance(data, str):
            raise
    for one in data:
        yield memoryview(one).tobytes()


def install_http_client() -> None:
    connection = http.client.HTTPConnection
    #: As it is without what is below.
    field_of: list[Callable[..., Any]] = []

    def putrequest(original: Any) -> Any:
        def put(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            if isinstance(self.sock, Socket):
                # It was there so that nothing is connected for nothing.
                self.sock = None
            if current() is None:
                setattr(self, _EXCHANGE, None)
                return original(self, method, url, *args, **kwargs)
            outgoing = getattr(self, _OUTGOING, None)
            headers, body = ({}, None) if outgoing is None else outgoing
            listed = headers.items() if isinstance(headers, Mapping) else headers or ()
            fields = [(_latin(name), _latin(value)) for name, value in listed]
            # A body that comes piece by piece is not known yet.
            content = None if outgoing is None and method.upper() not in SAFE else known(body)
            exchange = begin(Request("http", method, _full_url(self, url), fields, content))
            setattr(self, _EXCHANGE, exchange)
            if exchange is None:
                return original(self, method, url, *args, **kwargs)
            if exchange.answered:
                self.sock = Socket(exchange, self.sock)
            if exchange.route.kind == "rewrite":
                asked = urllib.parse.urljoin(_full_url(self, url), "/")
                if _url.plain(asked) != _url.plain(_full_url(self, "/")):
                    exchange.refuse("its connection is to another service, which may know no dry run")
                url = with_query(url, exchange.route.query)
            if exchange.sandbox is not None and not exchange.answered:
                exchange.framed = Framed(f"{method} {url or '/'} ")
            original(self, method, url, *args, **kwargs)
            for name, value in exchange.route.headers:
                field_of[0](self, name, value)

        return put

    def putheader(original: Any) -> Any:
        field_of.append(original)

        def put(self: Any, header: Any, *values: Any) -> Any:
            exchange = getattr(self, _EXCHANGE, None)
            if exchange is not None and exchange.replaces(_latin(header)):
                return None
            if exchange is not None and exchange.wants_body:
                if _latin(header).lower() == "accept-encoding" and values != ("identity",):
                    values = (_CODINGS,)
            return original(self, header, *values)

        return put

    def send(original: Any) -> Any:
        def checked(self: Any, data: Any) -> Any:
            exchange: Exchange | None = getattr(self, _EXCHANGE, None)
            monitor = current()
            if exchange is None and monitor is not None and monitor.sandbox is not None:
                url = _full_url(self, "/")
                monitor.sandbox.refuse("api_call", url, "http", {"url": url}, "it is of no request")
            if exchange is None or exchange.framed is None:
                return sent(self, exchange, data)
            for piece in _pieces(data, self.blocksize):
                try:
                    exchange.sends(piece)
                except BaseException as error:
                    # What was not sent to its end is not done either.
                    if self.sock is None:
                        exchange.not_sent()
                    else:
                        exchange.unknown(error)
                    self.close()
                    raise
                sent(self, exchange, piece)

        def sent(self: Any, exchange: Exchange | None, data: Any) -> Any:
            if exchange is None or self.sock is not None:
                return original(self, data)
            if exchange.framed is not None and getattr(self, "_tunnel_host", None):
                exchange.tunnel = Framed(None)
            try:
                with exchange.passing():
                    if exchange.tunnel is not None and self.auto_open:
                        self.connect()
                    exchange.tunnel = None
                    return original(self, data)
            except BaseException:
                if self.sock is None:
                    exchange.not_sent()
                raise

        return checked

    def getresponse(original: Any) -> Any:
        def got(self: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = getattr(self, _EXCHANGE, None)
            setattr(self, _EXCHANGE, None)
            if exchange is None or exchange.answered:
                return original(self, *args, **kwargs)
            try:
                response = original(self, *args, **kwargs)
            except BaseException as error:
                exchange.unknown(error)
                raise
            if exchange.responded(response.status, response.getheaders()):
                _read_whole(exchange, response)
            return response

        return got

    replace(connection, "request", _request)
    replace(connection, "putrequest", putrequest)
    replace(connection, "putheader", putheader)
    replace(connection, "send", send)
    replace(connection, "getresponse", getresponse)


#: Methods that change nothing (RFC 9110, 9.2.1).
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def _latin(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def install_urllib3(urllib3: Any) -> None:
    replace(urllib3.connection.HTTPConnection, "request", _request)

    def make(original: Any) -> Any:
        def made(self: Any, conn: Any, method: str, *args: Any, **kwargs: Any) -> Any:
            monitor = current()
            if monitor is None or monitor.sandbox is None or conn.sock is not None:
                return original(self, conn, method, *args, **kwargs)
            # It connects before it says what for.
            conn.sock = Socket()
            verified, conn.is_verified = getattr(conn, "is_verified", False), True
            try:
                return original(self, conn, method, *args, **kwargs)
            finally:
                if conn.sock is None or isinstance(conn.sock, Socket):
                    conn.sock, conn.is_verified = None, verified

        return made

    replace(urllib3.connectionpool.HTTPConnectionPool, "_make_request", make)
