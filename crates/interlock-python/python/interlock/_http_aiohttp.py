"""Requests of aiohttp: see :mod:`interlock._http`."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from ._http import _CODINGS, Exchange, abegin, known, off_loop, with_query
from ._http_message import BODY_MAX, Incomplete, Request, read_request
from ._monitor import Monitor, current, replace

_EXCHANGE = "_interlock_exchange"
#: Bytes that a reader holds without asking its connection to wait, of which there is none.
_READER_LIMIT = 16 << 20


def install(aiohttp: Any) -> None:
    """Wraps the pool that every request gets its connection from, and the beginning of responses."""
    ResponseHandler = aiohttp.client_proto.ResponseHandler
    BaseConnector, Connection = aiohttp.BaseConnector, aiohttp.connector.Connection

    class Pool:
        """In the place of the pool of connections."""

        force_close = True

        def _release(self, *_: Any, **__: Any) -> None:
            pass

    def answered(exchange: Exchange, monitor: Monitor, req: Any) -> Any:
        loop = asyncio.get_running_loop()
        protocol = ResponseHandler(loop)
        protocol.connection_made(_Transport(exchange, monitor, protocol, loop))
        return Connection(Pool(), req.connection_key, protocol, loop)

    def connect(original: Any) -> Any:
        async def checked(self: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
            monitor = current()
            if monitor is None:
                return await original(self, req, *args, **kwargs)
            body = getattr(req, "body", None) or b""
            request = Request(
                "aiohttp",
                req.method,
                str(req.url),
                [(str(name), value) for name, value in req.headers.items()],
                known(getattr(body, "_value", body)),
            )
            exchange = await abegin(request)
            if exchange is None:
                return await original(self, req, *args, **kwargs)
            if exchange.answered:
                return answered(exchange, monitor, req)
            if exchange.wants_body:
                req.headers["Accept-Encoding"] = _CODINGS
            if exchange.route.kind == "rewrite":
                url = with_query(str(req.url), exchange.route.query)
                req.url = type(req.url)(url, encoded=True)
                for name in [name for name in req.headers if exchange.replaces(name)]:
                    req.headers.popall(name, None)
                for name, value in exchange.route.headers:
                    req.headers[name] = value
            try:
                with exchange.passing():
                    connection = await original(self, req, *args, **kwargs)
            except BaseException:
                exchange.not_sent()
                raise
            setattr(connection, _EXCHANGE, exchange)
            return connection

        return checked

    def start(original: Any) -> Any:
        async def started(self: Any, connection: Any, *args: Any, **kwargs: Any) -> Any:
            exchange: Exchange | None = getattr(connection, _EXCHANGE, None)
            if exchange is None:
                return await original(self, connection, *args, **kwargs)
            try:
                response = await original(self, connection, *args, **kwargs)
            except BaseException as error:
                exchange.unknown(error)
                raise
            headers = [(str(name), value) for name, value in self.headers.items()]
            if getattr(self._session, "auto_decompress", True):
                # It is read decoded.
                headers = [(n, v) for n, v in headers if n.lower() != "content-encoding"]
            if exchange.responded(self.status, headers):
                await read_whole(exchange, self)
            return response

        return started

    async def read_whole(exchange: Exchange, response: Any) -> None:
        content, read, size = response.content, [], 0
        try:
            while size <= BODY_MAX and (part := await content.readany()):
                read.append(part)
                size += len(part)
        except BaseException:
            exchange.finished(None)
            raise
        body = b"".join(read)
        if size > BODY_MAX:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                content.unread_data(body)
        else:
            loop = asyncio.get_running_loop()
            again = aiohttp.StreamReader(
                aiohttp.base_protocol.BaseProtocol(loop), _READER_LIMIT, loop=loop
            )
            again.feed_data(body)
            again.feed_eof()
            response.content = again
        exchange.finished(body)

    replace(BaseConnector, "connect", connect)
    replace(aiohttp.ClientResponse, "start", start)


class _Transport(asyncio.Transport):
    """In the place of a connection: takes a request, and gives the answer to it."""

    def __init__(
        self, exchange: Exchange, monitor: Monitor, protocol: Any, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__()
        self._exchange, self._monitor = exchange, monitor
        self._protocol, self._loop = protocol, loop
        self._sent = bytearray()
        self._answering: asyncio.Task[None] | None = None
        self._closed = False

    def write(self, data: Any) -> None:
        self._sent += data
        if self._answering is not None:
            return
        try:
            _, headers, body = read_request(bytes(self._sent))
        except Incomplete:
            return
        request = self._exchange.request
        request.headers, request.body = headers, body
        self._answering = self._loop.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        try:
            answer = await off_loop(self._monitor, self._exchange.answer, request)
        except Exception as error:
            self._protocol.set_exception(error)
            return
        if not self._closed:
            self._protocol.data_received(answer.on_the_wire(request.method))

    def writelines(self, parts: Any) -> None:
        self.write(b"".join(parts))

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default
