"""Requests in a sandbox: what only reads is sent, everything else is answered here.

A request that would change something is answered by its service itself, asked to only say what it would
do (:class:`DryRun`), or by what the service's OpenAPI document says (:class:`OpenApi`); what an agent
made so is there when it reads it again. Any other is sent only if a person agrees. How close the answers
are to the service's own is a matter of the document: they are approximate, and marked on record.
"""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

from .. import _http_client, _template, _url
from .._http import SAFE, Route
from .._http_message import Answer, Fields, Request, field
from .._undo_http import Effect, Plan, as_agent
from ..errors import ConfigurationError, InterlockError, SandboxError
from ._dry_run import DryRun
from ._frame import Change, Part, Sandbox
from ._openapi import OpenApi, Operation
from ._schema import UNKNOWN, Maker, Unsatisfied, fresh_id, read_only
from ._shadow import Names, Resource, Shadow, key_of, overlaid, patched

if TYPE_CHECKING:
    from .._core import Decision

#: Requests of one sandbox that are held back, and bytes of their bodies.
HELD_MAX = 10_000
HELD_BYTES_MAX = 64 << 20
#: Bytes of a body that a diff shows.
SHOWN_MAX = 16_384
_JSON = "application/json"


#: What stands in for services in sandboxes.
Service = Union[OpenApi, DryRun]


def services(given: Sequence[Any]) -> tuple[Service, ...]:
    """The services of an Interlock; raises :class:`ConfigurationError`."""
    for one in given:
        if not isinstance(one, (OpenApi, DryRun)):
            raise ConfigurationError(
                f"`services` has a {type(one).__name__}, which is neither OpenApi nor DryRun",
                "sandbox.service",
            )
    return tuple(given)


@dataclasses.dataclass
class Held:
    """A request that was not sent, or sent so that it did nothing."""

    request: Request
    #: What answered it.
    by: str
    status: int
    #: The name that was made up, and where the real one will stand.
    made_up: Any = None
    id_at: str = ""


class Sandboxed(Part):
    """The requests of a sandbox."""

    name = "http"
    covers = frozenset({"api_call", "network_request"})

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.services = sandbox.interlock.services
        self._shadow = Shadow()
        self._held: list[Held] = []
        self._bytes = 0

    # -- what is done with a request -----------------------------------------------------------

    def route(self, request: Request) -> Route:
        method, url = request.method.upper(), request.url
        try:
            key = key_of(url)
        except _url.BadUrl:
            return Route("ask", why="in a sandbox: its address cannot be read")
        why = _is_more(request)
        if why is not None:
            return Route("ask", why=f"in a sandbox: {why}")
        if method in SAFE:
            if field(request.headers, "upgrade") is not None:
                return Route("ask", why="in a sandbox: nobody sees what a connection is upgraded for")
            if _has_body(request):
                return Route("ask", why="in a sandbox: a read that has a body")
            with self._shadow.lock:
                own = method in ("GET", "HEAD") and self._differs(key)
            return Route("answer" if own else "pass")
        for service in self.services:
            if isinstance(service, DryRun):
                if service.covers(method, url):
                    query, headers = tuple(service.query.items()), tuple(service.headers.items())
                    dropped = ",".join(_all(request, "connection")).lower().split(",")
                    if {name.lower() for name in service.headers} & {name.strip() for name in dropped}:
                        return Route("ask", why="in a sandbox: a gateway would drop what asks for a dry run")
                    if query and method == "DELETE" and _has_body(request):
                        # Kubernetes takes its options from either, and the body first.
                        return Route("ask", why="in a sandbox: the body may say otherwise than the query")
                    return Route("rewrite", query, headers)
            elif service.find(method, url) is not None:
                return Route("answer")
        return Route("ask", why="in a sandbox: nothing stands in for this service")

    def _differs(self, key: Any) -> bool:
        """Whether a read would show something else than what is there."""
        return (
            self._shadow.get(key) is not None
            or self._shadow.below_created(key)
            or bool(self._shadow.members(key))
        )

    def answer(self, request: Request, decision: Decision) -> Answer:
        self.sandbox.require_open("api_call", request.url, request.library)
        if request.method.upper() in SAFE:
            answer, by = self._read(request), "shadow"
        else:
            answer, by = self._changed(request), "openapi"
        self._mark(request, decision, answer.status, by)
        return answer

    def watch(self, request: Request, decision: Decision, route: Route) -> Watch | None:
        """Who is told of the response to a request that is sent rewritten."""
        if route.kind != "rewrite":
            return None
        dry = (service for service in self.services if isinstance(service, DryRun))
        service = next(one for one in dry if one.covers(request.method, request.url))
        return Watch(self, service, request, decision)

    def _mark(self, request: Request, decision: Decision, status: int, by: str) -> None:
        """On record: what the agent got is not the service's."""
        interlock = self.sandbox.interlock
        interlock.report(decision, "not_run")
        interlock.check(
            "sandbox",
            tool="interlock.sandbox",
            arguments={
                "phase": "answered",
                "sandbox": self.sandbox.id,
                "decision": decision.id,
                "request": f"{request.method} {_url.without_query(request.url)}",
                "status": status,
                "by": by,
            },
            agent=self.sandbox.agent,
            reported=True,
        )

    # -- reads ----------------------------------------------------------------------------------

    def _read(self, request: Request) -> Answer:
        key = key_of(request.url)
        with self._shadow.lock:
            own = self._shadow.get(key)
            members = self._shadow.members(key)
            below = self._shadow.below_created(key)
        if own is not None:
            if own.state == "deleted":
                return self._failed(request, 404, "no such resource")
            return _answer(200, own.value)
        if below:
            operation = self._operation(request)
            if not members and operation is None:
                return self._failed(request, 404, "no such resource")
            value: Any = [r.value for r in members.values() if r.state != "deleted"]
            return _answer(200, value)
        real = self._real(request)
        if real.status // 100 != 2:
            return real
        try:
            page = real.json()
        except ValueError:
            return real
        page = overlaid(page, members, _url.queries(request.url))
        kept = [(n, v) for n, v in real.headers if n.lower() not in _OF_BODY]
        return Answer(real.status, [*kept, ("content-type", _JSON)], _written(page))

    def _real(self, request: Request, url: str | None = None) -> Answer:
        """How it really is: a read in the agent's place."""
        url = url or request.url
        return _http_client.send("GET", url, as_agent(request, url))

    # -- changes --------------------------------------------------------------------------------

    def _operation(self, request: Request) -> tuple[OpenApi, Operation, dict[str, str]] | None:
        for service in self.services:
            if isinstance(service, OpenApi):
                found = service.find(request.method, request.url)
                if found is not None:
                    return service, *found
        return None

    def _failed(self, request: Request, status: int, why: str) -> Answer:
        """A failure as the document declares it."""
        found = self._operation(request)
        if found is None:
            return _answer(status, {"error": why})
        service, operation, _ = found
        status, media = service.failure(operation, status)
        if not isinstance(media, dict):
            return Answer(status)
        schema = media.get("schema", {})
        try:
            value = Maker(service.document).value(
                schema, {n: why for n in ("message", "error", "detail", "title", "description")}
            )
            members = Maker(service.document).merged(schema)
            known = members.get("properties", {}) if isinstance(members, dict) else {}
            if isinstance(value, dict) and known:
                value = {name: item for name, item in value.items() if name in known}
        except Unsatisfied:
            value = {"error": why}
        return _answer(status, value)

    def _changed(self, request: Request) -> Answer:
        found = self._operation(request)
        assert found is not None
        service, operation, values = found
        with self._shadow.lock:
            wrong = service.wrong(operation, values, request)
            if wrong is not None:
                return self._failed(request, *wrong)
            self._room(request)
            try:
                held = self._apply(service, operation, values, request)
            except (Unsatisfied, ValueError) as error:
                self.sandbox.refuse(
                    "api_call",
                    request.url,
                    request.library,
                    {"method": request.method, "url": request.url},
                    f"no answer can be made up: {error}",
                )
            answer, entry = held
            if entry is not None:
                self._held.append(entry)
                self._bytes += len(request.body or b"")
            return answer

    def _room(self, request: Request) -> None:
        more = len(request.body or b"")
        if len(self._held) >= HELD_MAX or self._bytes + more > HELD_BYTES_MAX or self._shadow.full():
            self.sandbox.refuse(
                "api_call",
                request.url,
                request.library,
                {"method": request.method, "url": request.url},
                f"more than {HELD_MAX} requests or {HELD_BYTES_MAX} bytes would be held back",
            )

    def _apply(
        self, service: OpenApi, operation: Operation, values: dict[str, str], request: Request
    ) -> tuple[Answer, Held | None]:
        method, key = request.method.upper(), key_of(request.url)
        own = self._shadow.get(key)
        if own is not None and own.state == "deleted":
            # `get` also finds what it went away with.
            if method != "PUT" or not _makes(operation) or self._shadow.within_deleted(key):
                return self._failed(request, 404, "no such resource"), None
        item = service.item_of(operation)
        if method == "POST" and item is not None:
            return self._create(service, operation, item, values, request)
        last = re.search(r"\{([^{}/]+)\}/?$", operation.path)
        if method in ("PUT", "PATCH", "DELETE") and last is not None:
            return self._modify(service, operation, last[1], values, request, own)
        status, media = service.success(operation)
        body = self._made(service, operation, media, _body(request), values)
        return _answer(status, body, media is not None), Held(request, "openapi", status)

    def _made(
        self,
        service: OpenApi,
        operation: Operation,
        media: Any,
        body: Any,
        values: dict[str, str],
        whole: bool = False,
    ) -> Any:
        """What a success shows, with what is known of it: all that may be there, if `whole`."""
        if media is None:
            return None
        known = dict(body) if isinstance(body, dict) else {}
        schema = Maker(service.document).merged(media.get("schema", {}), known)
        members = schema.get("properties", {}) if isinstance(schema, dict) else {}
        left_out = frozenset(members) if whole else service.given(operation)
        maker = Maker(service.document, left_out)
        example = media.get("example")
        if isinstance(example, dict):
            known = {**example, **known}
        for name, value in values.items():
            short = name if name in members else "id" if "id" in members and _is_id(name) else None
            if short is not None and short not in known:
                known[short] = _like(members[short], value, service)
        return maker.value(media.get("schema", {}), known or UNKNOWN)

    def _create(
        self,
        service: OpenApi,
        operation: Operation,
        item: Operation,
        values: dict[str, str],
        request: Request,
    ) -> tuple[Answer, Held | None]:
        body, key = _body(request), key_of(request.url)
        status, media = service.success(operation)
        shown = media
        read = service.find("GET", request.url.partition("?")[0].rstrip("/") + "/x")
        if media is None and read is not None:
            # Nothing is shown of it now; a read will.
            _, shown = service.success(read[0])
        maker = Maker(service.document)
        schema = maker.merged(shown.get("schema", {})) if isinstance(shown, dict) else {}
        members = schema.get("properties", {}) if isinstance(schema, dict) else {}
        parameter = re.findall(r"\{([^{}/]+)\}", item.path)[-1]
        name = _id_member(parameter, members, body)
        given = body.get(name) if isinstance(body, dict) else None
        made_up = given
        if not isinstance(given, (str, int)) or isinstance(given, bool):
            wanted = members.get(name) or _parameter_schema(service, item, parameter)
            made_up = fresh_id(maker, wanted, self._shadow.names())
        known = {**(body if isinstance(body, dict) else {}), name: made_up}
        value = self._made(service, operation, shown, known, values) if shown is not None else known
        if isinstance(value, dict):
            value.setdefault(name, made_up)
        where = (*key, str(made_up))
        self._shadow.put(where, value, f"/{_escaped(name)}", there=False)
        location = f"{urllib.parse.urlsplit(request.url).path.rstrip('/')}/{_quoted(made_up)}"
        answer = _answer(status, value if media is not None else None, media is not None)
        answer.headers.append(("location", location))
        return answer, Held(request, "openapi", status, made_up, f"/{_escaped(name)}")

    def _modify(
        self,
        service: OpenApi,
        operation: Operation,
        parameter: str,
        values: dict[str, str],
        request: Request,
        own: Resource | None,
    ) -> tuple[Answer, Held | None]:
        method, key, body = request.method.upper(), key_of(request.url), _body(request)
        there, value = False, None
        if own is not None and own.state != "deleted":
            there, value = own.state == "changed", own.value
        elif own is None and not self._shadow.below_created(key):
            real = self._real_item(service, request)
            if real is not None and real.status in (404, 410):
                if method != "PUT" or not _makes(operation):
                    return self._failed(request, 404, "no such resource"), None
            elif real is not None and real.status // 100 == 2:
                there, value = True, _or_none(real)
        status, media = service.success(operation)
        schema = Maker(service.document).merged(media.get("schema", {})) if media else {}
        members = schema.get("properties", {}) if isinstance(schema, dict) else {}
        name = own.id_at if own is not None else f"/{_escaped(_id_member(parameter, members, value))}"
        if method == "DELETE":
            self._shadow.delete(key, name)
            shown = self._made(service, operation, media, value, values)
            return _answer(status, shown, media is not None), Held(request, "openapi", status)
        if method == "PATCH":
            kind = (field(request.headers, "content-type") or _JSON).partition(";")[0].strip().lower()
            if kind not in (_JSON, "application/merge-patch+json"):
                raise ValueError(f"the patch is `{kind}`")
            value = patched(value, body)
        elif isinstance(body, dict):
            # What a service adds by itself stays.
            kept = value if isinstance(value, dict) else {}
            value = {**{k: v for k, v in kept.items() if read_only(service.document, members.get(k))}, **body}
        else:
            value = body
        if isinstance(value, dict):
            member = name[1:].replace("~1", "/").replace("~0", "~")
            given = values.get(parameter, str(key[-1]))
            value.setdefault(member, _like(members.get(member, {}), given, service))
        shown = None
        if media is not None:
            shown = self._made(service, operation, media, value, values, whole=there or own is not None)
        full = {**value, **shown} if isinstance(value, dict) and isinstance(shown, dict) else value
        self._shadow.put(key, full, name, there)
        return _answer(status, shown, media is not None), Held(request, "openapi", status)

    def _real_item(self, service: OpenApi, request: Request) -> Answer | None:
        """The resource as it is; `None` where the service is not known to show it, or does not answer."""
        url = request.url.partition("?")[0]
        if service.find("GET", url) is None:
            return None
        try:
            return self._real(request, url)
        except InterlockError:
            return None

    # -- dry runs -------------------------------------------------------------------------------

    def tried(self, service: DryRun, request: Request, decision: Decision, answer: Answer) -> None:
        """Keeps what a service said it would do."""
        self._mark(request, decision, answer.status, "dry-run")
        if answer.status // 100 != 2:
            return
        with self._shadow.lock:
            self._room(request)
            key, method = key_of(request.url), request.method.upper()
            item = service.item or "/id"
            made_up = None
            if method == "DELETE":
                self._shadow.delete(key, item)
            else:
                value = _or_none(answer)
                try:
                    made_up = _template.pointer(value, item)
                except LookupError:
                    pass
                if method == "POST" and made_up is not None:
                    self._shadow.put((*key, str(made_up)), value, item, there=False)
                elif method in ("PUT", "PATCH") and value is not None:
                    self._shadow.put(key, value, item, there=True)
            self._held.append(Held(request, "dry-run", answer.status, made_up, item))

    # -- what becomes of it ---------------------------------------------------------------------

    def diff(self) -> list[Change]:
        with self._shadow.lock:
            return [
                Change(self.name, method.upper(), _url.without_query(url), _detail(one))
                for one in self._held
                for method, url in [(one.request.method, one.request.url)]
            ]

    def commit(self) -> None:
        """Sends what was held back, in order, with the agent's own fields."""
        names = Names()
        with self._shadow.lock:
            waiting, self._held = self._held, []
        for number, held in enumerate(waiting):
            request = held.request
            url, body = names.url(request.url), request.body
            if names and body and "json" in (field(request.headers, "content-type") or _JSON):
                try:
                    body = _written(names.json(json.loads(body)))
                except ValueError:
                    pass
            kept = [(n, v) for n, v in request.headers if n.lower() not in _OF_CONNECTION]
            now = Request("sandbox", request.method, url, kept, body)
            try:
                answer = self._send(now)
                why = None if answer.status // 100 == 2 else f"it was answered {answer.status}"
            except InterlockError as error:
                why = str(error)
            if why is not None:
                shown = f"{request.method} {_url.without_query(url)}"
                raise SandboxError(
                    f"of {len(waiting)} requests {number} were sent; `{shown}` failed and the rest is not "
                    f"sent: {why}",
                    "sandbox.commit",
                )
            if held.made_up is not None:
                names.learn(held.made_up, _real_name(answer, held))

    def _send(self, request: Request) -> Answer:
        """Sends a request that was held back; what undoes it is noted, if that is known."""
        interlock, effect = self.sandbox.interlock, None
        plan = Plan.of(interlock.compensations, request)
        if plan is not None and interlock.undo_journal is not None:
            if plan.reads_before:
                plan.read_before(interlock.credentials)
            step = interlock.undo_journal.step(self.sandbox.agent, "sandbox.commit", self.sandbox.id)
            effect = Effect(plan, step, True)
        try:
            answer = _http_client.send(
                request.method, request.url, request.headers, request.body or None
            )
        except InterlockError as error:
            if effect is not None:
                effect.unknown(str(error))
            raise
        if effect is not None and effect.responded(Answer(answer.status, answer.headers)):
            effect.finished(answer.body)
        return answer

    def discard(self) -> None:
        with self._shadow.lock:
            self._held.clear()
            self._shadow = Shadow()


class Watch:
    """Hears of the response to a request that was sent rewritten."""

    reads_body = True

    def __init__(self, part: Sandboxed, service: DryRun, request: Request, decision: Decision) -> None:
        self._part, self._service = part, service
        self._request, self._decision = request, decision
        self._answer: Answer | None = None

    def not_sent(self) -> None:
        pass

    def unknown(self, why: str) -> None:
        pass

    def responded(self, answer: Answer) -> bool:
        self._answer = answer
        return True

    def finished(self, body: bytes | None, why: str = "") -> None:
        if self._answer is not None:
            self._answer.body = body or b""
            self._part.tried(self._service, self._request, self._decision, self._answer)


#: What some frameworks take for the method.
_METHODS = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})
#: What is in no host and no port.
_NO_HOST = re.compile(r"[^A-Za-z0-9._~:%\[\]-]")


def _all(request: Request, wanted: str) -> list[str]:
    """The values of all fields of a name, also where somebody put a space behind it."""
    return [v.strip() for n, v in request.headers if n.strip().lower() == wanted]


def _host(url: str) -> tuple[str, int] | None:
    """Host and port, as they stand on a connection; `None` for what is neither."""
    try:
        _, host, port = _url.origin(url)
    except _url.BadUrl:
        return None
    host = host.partition("%")[0]
    try:
        return (host if ":" in host else host.encode("idna").decode()), port
    except UnicodeError:
        return host, port


def _has_body(request: Request) -> bool:
    """Whether something follows its fields, or a service waits for it."""
    lengths = _all(request, "content-length")
    coded = bool(_all(request, "transfer-encoding"))
    return request.body != b"" or coded or any(length != "0" for length in lengths)


def _is_more(request: Request) -> str | None:
    """Why a service may take it for another request than it is; `None` if there is nothing."""
    if any(n.strip().lower().replace("_", "-") in _METHODS for n, _ in request.headers):
        return "a field names another method"
    scheme = request.url.partition(":")[0]
    given = _all(request, "host")
    if any(_NO_HOST.search(value) or _host(f"{scheme}://{value}") != _host(request.url) for value in given):
        return "its field `Host` names another service"
    if request.library != "http" and request.body:
        # What `http.client` sends is looked at as it is sent.
        if any(length != str(len(request.body)) for length in _all(request, "content-length")):
            return "its length is not that of its body"
    return None


_OF_BODY = frozenset({"content-length", "content-encoding", "transfer-encoding", "content-type", "etag"})
_OF_CONNECTION = frozenset({
    "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "te",
})  # fmt: skip


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _answer(status: int, value: Any, has_body: bool = True) -> Answer:
    if not has_body or status in (204, 304):
        return Answer(status)
    headers: Fields = [("content-type", _JSON)]
    return Answer(status, headers, _written(value))


def _body(request: Request) -> Any:
    if not request.body:
        return None
    kind = (field(request.headers, "content-type") or _JSON).partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        return request.json()
    except ValueError:
        return None


def _or_none(answer: Answer) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _makes(operation: Operation) -> bool:
    """Whether it makes what is not there, by its document."""
    return "201" in {str(status) for status in operation.about.get("responses", {})}


def _is_id(name: str) -> bool:
    plain = name.lower()
    return plain in ("id", "uuid", "key", "name", "slug") or plain.endswith(("id", "_id", "key"))


def _id_member(parameter: str, members: Mapping[str, Any], value: Any) -> str:
    """The member that the last segment of a resource's address is."""
    there = set(members) | (set(value) if isinstance(value, dict) else set())
    plain = re.sub(r"[^a-z0-9]", "", parameter.lower())
    alike = [n for n in sorted(there) if re.sub(r"[^a-z0-9]", "", n.lower()) == plain]
    for name in (parameter, *alike):
        if name in there:
            return name
    # `petId` is the `id` of a pet, `petName` its `name`.
    for name in ("id", "uuid", "key", "slug", "name", "code"):
        if name in there and plain.endswith(name):
            return name
    return next((name for name in ("id", "uuid", "key", "name") if name in there), "id")


def _parameter_schema(service: OpenApi, operation: Operation, name: str) -> Any:
    return next((p.get("schema", {}) for p in operation.parameters if p.get("name") == name), {})


def _like(schema: Any, text: str, service: OpenApi) -> Any:
    """A segment as the type that a member has."""
    merged = Maker(service.document).merged(schema)
    types = merged.get("type") if isinstance(merged, dict) else None
    if types in ("integer", "number") and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    return text


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _quoted(value: Any) -> str:
    return urllib.parse.quote(str(value), safe="")


def _real_name(answer: Answer, held: Held) -> Any:
    """What the service called what it made."""
    try:
        return _template.pointer(answer.json(), held.id_at)
    except (LookupError, ValueError):
        pass
    location = field(answer.headers, "location")
    if location:
        last = urllib.parse.urlsplit(location).path.rstrip("/").rpartition("/")[2]
        name = urllib.parse.unquote(last)
        return int(name) if isinstance(held.made_up, int) and name.isdigit() else name
    return held.made_up


def _detail(held: Held) -> dict[str, Any]:
    detail: dict[str, Any] = {"answered": held.status, "by": held.by}
    if held.made_up is not None:
        detail["id"] = held.made_up
    body = held.request.body or b""
    if body:
        detail["bytes"] = len(body)
    if len(body) <= SHOWN_MAX:
        value = _body(held.request)
        if value is not None:
            detail["body"] = value
    return detail
