"""Requests of an agent, and how they are undone by others.

A request that the catalogue knows is noted before it is sent. When its response is there, what undoes
it takes the note's place: everything that it needs but credentials, so that any process can do it. A
note that nothing took the place of is a request of which nobody knows whether it happened, and a
rollback says so instead of going on.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _http_client, _template, _url
from ._compensations import Catalogue, Entry, Message, Read, Statuses
from ._http_message import Answer, Fields, Request, field
from ._template import Known, Unbound
from .errors import InterlockError

if TYPE_CHECKING:
    from ._undo import Step

logger = logging.getLogger("interlock")

#: Asked for a credential: its name, and the address that it is for. `None` if it has none.
Credentials = Callable[[str, str], "str | None"]

#: Fields of the agent's request that a read in its place has too.
_NOT_READING = frozenset({
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "idempotency-key", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since",
    "range", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip
_WAITS = (0.1, 0.2, 0.4, 0.8, 1.0)


def _did_nothing(status: int) -> bool:
    """Whether a status says that nothing happened: a 303 shows what a request did, and a 301 or 302
    often does too (RFC 9110, 15.4)."""
    return status in (304, 307, 308) or 400 <= status < 500


def as_agent(request: Request, url: str) -> Fields:
    """The fields of a read of this address that stands in for the agent; who else answers there gets
    none, since any may be a credential."""
    try:
        if _url.origin(url) != _url.origin(request.url):
            return []
    except _url.BadUrl:
        return []
    return [(name, value) for name, value in request.headers if name.lower() not in _NOT_READING]


class Plan:
    """What would undo a request, as far as it is known before."""

    def __init__(self, entry: Entry, request: Request, names: dict[str, str]) -> None:
        self.entry = entry
        self.known = Known(request, names)
        #: Why it cannot be undone; `None` as far as is known.
        self.why = entry.irreversible
        for expression in entry.expressions():
            if self.why is None and expression.root == "request":
                try:
                    expression.value(self.known)
                except Unbound as error:
                    self.why = str(error)

    @classmethod
    def of(cls, catalogue: Catalogue | None, request: Request) -> Plan | None:
        """The plan of a request; `None` if the catalogue does not know it."""
        found = catalogue.find(request.method, request.url) if catalogue else None
        return None if found is None else cls(found[0], request, found[1])

    @property
    def reads_before(self) -> bool:
        return self.why is None and self.entry.before is not None

    def read_before(self, credentials: Credentials | None) -> None:
        """Reads how it is; where that fails, it cannot be undone."""
        before = self.entry.before
        assert before is not None
        try:
            bound = self._message(before)
            headers = as_agent(self.known.request, bound["url"]) + _revealed(bound, credentials)
            answer = _http_client.send("GET", bound["url"], headers)
            if answer.status // 100 != 2:
                raise InterlockError(f"the read before it answered {answer.status}")
            self.known.before = answer
            for expression in self.entry.expressions():
                if expression.root == "before":
                    expression.value(self.known)
        except (InterlockError, Unbound, _url.BadUrl) as error:
            self.why = str(error)

    def note(self) -> dict[str, Any]:
        """What is written down before the request is sent."""
        noted = {
            "phase": "begun",
            "entry": self.entry.id,
            "request": f"{self.known.request.method} {_url.without_query(self.known.request.url)}",
            "at": int(time.time()),
        }
        if self.entry.undo_unknown:
            noted.update(self._bound(), phase="unknown")
        return noted

    def done(self, answer: Answer) -> dict[str, Any]:
        """What undoes it, now that it has happened; raises :class:`Unbound`."""
        self.known.response = answer
        return {**self.note(), **self._bound(), "phase": "done"}

    def _bound(self) -> dict[str, Any]:
        entry = self.entry
        assert entry.compensation is not None and entry.verify is not None
        found: dict[str, Any] = {
            "compensation": self._message(entry.compensation),
            "verify": self._read(entry.verify),
        }
        if entry.unchanged is not None:
            found["unchanged"] = self._read(entry.unchanged)
        if entry.window is not None:
            found["until"] = int(time.time()) + entry.window
        return found

    def _url(self, template: _template.Template) -> str:
        asked = self.known.request.url
        url = urllib.parse.urljoin(asked, template.bind(self.known))
        first = template.parts[0]
        fixed = isinstance(first, str) and not first.startswith("/")
        try:
            if not fixed and _url.origin(url) != _url.origin(asked):
                raise Unbound(f"`{_url.without_query(url)}` is at another host than the request")
            _url.parts(url)
        except _url.BadUrl as error:
            raise Unbound(str(error)) from None
        return url

    def _message(self, message: Message) -> dict[str, Any]:
        found: dict[str, Any] = {"method": message.method, "url": self._url(message.url)}
        headers: dict[str, str] = {}
        secrets: dict[str, str] = {}
        for name, template in message.headers.items():
            text = template.bind(self.known)
            if any(c in text for c in "\r\n\0"):
                raise Unbound(f"the field `{name}` would have a line break")
            (secrets if template.keeps_secrets() else headers)[name] = text
        if message.idempotency_key is not None:
            headers[message.idempotency_key] = str(uuid.uuid4())
        found.update(headers=headers, secrets=secrets, status=message.status.written())
        if message.has_body:
            found["body"] = _template.bind_json(message.body, self.known)
        return found

    def _read(self, read: Read) -> dict[str, Any]:
        known = self.known
        return {
            **self._message(read.message),
            "json": {p: _template.bind_json(tree, known) for p, tree in read.json.items()},
            "expected": {n: template.bind(known) for n, template in read.headers.items()},
            "within": read.within,
        }


class Effect:
    """A request that was noted, until it is known what became of it. Nothing here raises: by now the
    request has happened, and a note that stays says that nobody knows."""

    def __init__(self, plan: Plan, step: Step, own: bool) -> None:
        self.plan = plan
        self._step, self._own = step, own
        self._place: int | None = None
        self._answer: Answer | None = None
        self._lock = threading.Lock()
        if plan.why is None:
            note = plan.note()
            # It raises where it cannot be written down, and the request is not sent.
            self._place = step.declare_begun("http", json.dumps(note), "compensation" in note)
        else:
            step.irreversible(f"{plan.note()['request']}: {plan.why}")

    @property
    def reads_body(self) -> bool:
        return self._place is not None and self.plan.entry.reads_response

    def not_sent(self) -> None:
        self._settle(None, None)

    def unknown(self, why: str) -> None:
        """It may have happened."""
        logger.warning("nobody knows whether a request happened: %s", why)
        self._close()

    def responded(self, answer: Answer) -> bool:
        """Takes status and fields; whether the body is wanted too."""
        if self._place is None:
            # Refused, it did nothing that could not be undone; but that is on record by now.
            self._close()
            return False
        if answer.status not in self.plan.entry.status:
            if _did_nothing(answer.status):
                self.not_sent()
            else:
                self.unknown(f"it was answered {answer.status}")
            return False
        self._answer = answer
        if self.reads_body:
            return True
        self.finished(b"")
        return False

    def finished(self, body: bytes | None, why: str = "its response was not read to the end") -> None:
        """Takes the body as it was sent, or why there is none."""
        answer, self._answer = self._answer, None
        if answer is None:
            return
        try:
            if body is None:
                raise Unbound(why)
            answer.body = body
            found = self.plan.done(answer)
        except Unbound as error:
            self._settle(None, f"{self.plan.note()['request']}: {error}")
            return
        self._settle(found, None)

    def _settle(self, found: dict[str, Any] | None, irreversible: str | None) -> None:
        with self._lock:
            place, self._place = self._place, None
        if place is not None:
            compensation = self.plan.entry.compensation
            idempotent = compensation is not None and compensation.idempotent
            try:
                self._step.settle(
                    place, "http", None if found is None else json.dumps(found), idempotent, irreversible
                )
            except InterlockError as error:
                logger.error("what became of a request is not noted: %s", error)
        self._close()

    def _close(self) -> None:
        if self._own:
            self._step.seal()


class Rollback:
    """One rollback's requests."""

    def __init__(self, credentials: Credentials | None, force: bool) -> None:
        self._credentials = credentials
        self._force = force
        #: What was looked at in the step that is being checked.
        self._seen: set[str] = set()
        #: What was checked in this rollback; anything else was begun by an earlier one.
        self._checked: set[str] = set()
        #: The header fields of what this rollback changed back itself, by address.
        self._ours: dict[str, Fields] = {}

    def undo(self, payload: dict[str, Any], check: bool) -> None:
        """Undoes a request, or looks whether it could."""
        request = payload["request"]
        if "compensation" not in payload:
            raise InterlockError(
                f"`{request}` was begun and nobody knows whether it happened; a person must look",
                "http.unknown",
            )
        if "until" in payload and time.time() > payload["until"]:
            raise InterlockError(
                f"`{request}` could be undone for a time, which is over", "http.window"
            )
        identity = json.dumps(payload, sort_keys=True)
        payload = self._as_left(payload)
        if check:
            self._checked.add(identity)
            for message in ("compensation", "verify", "unchanged"):
                if message in payload:
                    _revealed(payload[message], self._credentials)
            unchanged = payload.get("unchanged")
            # What a later request of the step changed is looked at again once that is undone.
            if unchanged is not None and unchanged["url"] not in self._seen and not self._force:
                self._expect_unchanged(payload)
            if unchanged is not None:
                self._seen.add(unchanged["url"])
            return
        self._seen.clear()
        if identity not in self._checked and self._shows(payload["verify"]) is None:
            # Begun by a rollback that was cut off, and done.
            return
        if "unchanged" in payload and not self._force:
            self._expect_unchanged(payload)
        self._compensate(payload)
        if "unchanged" in payload:
            read = payload["unchanged"]
            answer = _http_client.send("GET", read["url"], _revealed(read, self._credentials))
            self._ours[read["url"]] = answer.headers

    def _as_left(self, payload: dict[str, Any]) -> dict[str, Any]:
        """What an earlier request expects, after this rollback undid a later one: another version."""
        unchanged = payload.get("unchanged")
        fields = None if unchanged is None else self._ours.get(unchanged["url"])
        if unchanged is None or fields is None:
            return payload
        now = {name: field(fields, name) for name in unchanged["expected"]}
        versions = {was: now[name] for name, was in unchanged["expected"].items()}
        sent = payload["compensation"]
        headers = {name: versions.get(value) or value for name, value in sent["headers"].items()}
        return {
            **payload,
            "compensation": {**sent, "headers": headers},
            "unchanged": {**unchanged, "expected": now},
        }

    def _expect_unchanged(self, payload: dict[str, Any]) -> None:
        why = self._shows(payload["unchanged"])
        if why is not None:
            raise InterlockError(
                f"what `{payload['request']}` did was changed since: {why}", "http.changed"
            )

    def _compensate(self, payload: dict[str, Any]) -> None:
        message = payload["compensation"]
        shown = f"{message['method']} {_url.without_query(message['url'])}"
        headers, body = _revealed(message, self._credentials), None
        if "body" in message:
            body = json.dumps(message["body"]).encode()
            if field(headers, "content-type") is None:
                headers.append(("content-type", "application/json"))
        answer = _http_client.send(message["method"], message["url"], headers, body)
        if answer.status not in Statuses.of(message["status"]):
            raise InterlockError(
                f"`{shown}` was answered {answer.status} {answer.reason}".rstrip(), "http.refused"
            )
        why = self._shows_in_time(payload["verify"])
        if why is not None:
            raise InterlockError(
                f"`{shown}` was answered {answer.status}, and yet `{payload['request']}` is not undone: "
                f"{why}",
                "http.phantom",
            )

    def _shows_in_time(self, read: dict[str, Any]) -> str | None:
        deadline = time.monotonic() + read["within"]
        for attempt in range(1_000):
            why = self._shows(read)
            left = deadline - time.monotonic()
            if why is None or left <= 0:
                return why
            time.sleep(min(_WAITS[min(attempt, len(_WAITS) - 1)], left))
        return why

    def _shows(self, read: dict[str, Any]) -> str | None:
        """Why a read does not show what it must; `None` if it does."""
        answer = _http_client.send("GET", read["url"], _revealed(read, self._credentials))
        shown = f"GET {_url.without_query(read['url'])}"
        if answer.status not in Statuses.of(read["status"]):
            return f"`{shown}` was answered {answer.status}"
        for name, wanted in read["expected"].items():
            if field(answer.headers, name) != wanted:
                return f"the field `{name}` of `{shown}` differs"
        if read["json"]:
            try:
                found = answer.json()
            except ValueError as error:
                return f"`{shown}`: {error}"
            for pointer, wanted in read["json"].items():
                try:
                    value = _template.pointer(found, pointer)
                except LookupError:
                    return f"`{shown}` has nothing at `{pointer}`"
                # `1 == True` in Python, and not in JSON.
                if json.dumps(value, sort_keys=True) != json.dumps(wanted, sort_keys=True):
                    return f"`{shown}` shows another value at `{pointer}`"
        return None


def _revealed(message: dict[str, Any], credentials: Credentials | None) -> Fields:
    """The fields of a message with their secrets."""
    url = message["url"]

    def secret(name: str) -> str:
        value = credentials(name, url) if credentials is not None else None
        if value is None:
            value = os.environ.get(name)
        if value is None:
            raise InterlockError(
                f"the credential `{name}` for `{_url.without_query(url)}` is missing: set it in the "
                "environment, or give `credentials` to Interlock()",
                "http.credential",
            )
        if not isinstance(value, str) or any(c in value for c in "\r\n\0"):
            raise InterlockError(f"the credential `{name}` is no text of one line", "http.credential")
        return value

    found = list(message["headers"].items())
    found += [(name, _template.reveal(text, secret)) for name, text in message["secrets"].items()]
    return found

