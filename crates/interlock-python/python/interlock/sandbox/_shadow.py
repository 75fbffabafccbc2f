"""Resources as an agent in a sandbox left them, over those that are really there."""

from __future__ import annotations

import dataclasses
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

from .. import _template, _url
from ._schema import same

#: Resources of one sandbox.
RESOURCES_MAX = 10_000
#: Members of a page that count what is on all of them.
_TOTALS = ("total", "count", "total_count", "totalCount", "totalItems", "total_items")
#: Names of a list within a page, before any other list.
_LISTS = ("items", "data", "results", "values", "records", "entries")

#: Origin and decoded segments.
Key = tuple[Any, ...]


def key_of(url: str) -> Key:
    """What an address is of, whatever its query."""
    path = _url.parts(url).path.rstrip("/")
    return (*_url.origin(url), *(urllib.parse.unquote(part) for part in path.split("/")[1:]))


@dataclasses.dataclass
class Resource:
    """One that differs from what is there."""

    #: `created`, `changed` or `deleted`.
    state: str
    value: Any
    #: Where in its value its name stands: a JSON Pointer.
    id_at: str


class Shadow:
    """All that differ."""

    def __init__(self) -> None:
        self._resources: dict[Key, Resource] = {}
        self.lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._resources)

    def get(self, key: Key) -> Resource | None:
        """The resource, or the one that it went away with."""
        found = self._resources.get(key)
        if found is not None:
            return found
        return self.within_deleted(key)

    def within_deleted(self, key: Key) -> Resource | None:
        """What it is a part of that is not there any more."""
        for length in range(len(key) - 1, 3, -1):
            above = self._resources.get(key[:length])
            if above is not None and above.state == "deleted":
                return above
        return None

    def below_created(self, key: Key) -> bool:
        """Whether it is a part of what is not there really."""
        return any(
            (above := self._resources.get(key[:length])) is not None and above.state == "created"
            for length in range(4, len(key))
        )

    def full(self) -> bool:
        return len(self._resources) >= RESOURCES_MAX

    def put(self, key: Key, value: Any, id_at: str, there: bool) -> None:
        """Notes one as it is now; `there` if it is there really."""
        was = self._resources.get(key)
        created = was.state == "created" if was is not None else not there
        if was is not None and was.state == "deleted":
            created = not there
        self._resources[key] = Resource("created" if created else "changed", value, id_at)

    def delete(self, key: Key, id_at: str) -> None:
        self._resources[key] = Resource("deleted", None, id_at)
        for other in [k for k in self._resources if len(k) > len(key) and k[: len(key)] == key]:
            del self._resources[other]

    def members(self, key: Key) -> dict[str, Resource]:
        """The resources that a collection lists, by their last segment."""
        return {
            other[-1]: resource
            for other, resource in self._resources.items()
            if len(other) == len(key) + 1 and other[:-1] == key
        }

    def names(self) -> set[str]:
        return {str(key[-1]) for key in self._resources}


def list_in(page: Any) -> tuple[list[Any] | None, str | None]:
    """The list of a page, and the member that holds it; the page itself is `None`."""
    if isinstance(page, list):
        return page, None
    if isinstance(page, dict):
        lists = [name for name, value in page.items() if isinstance(value, list)]
        for name in (*(n for n in _LISTS if n in lists), *lists[:1]):
            return page[name], name
    return None, None


def _name(item: Any, id_at: str) -> str | None:
    try:
        return str(_template.pointer(item, id_at))
    except LookupError:
        return None


def _asked_for(value: Any, query: Mapping[str, str]) -> bool:
    """Whether a filter such as `?status=open` would leave it in."""
    if not isinstance(value, dict):
        return True
    for name, wanted in query.items():
        member = value.get(name)
        if isinstance(member, (str, int, float)) and name in value:
            shown = str(member).lower() if isinstance(member, bool) else str(member)
            if shown != wanted:
                return False
    return True


def overlaid(page: Any, members: dict[str, Resource], query: Mapping[str, str]) -> Any:
    """A page of a collection as it would be with what differs."""
    items, at = list_in(page)
    if items is None:
        return page
    left = dict(members)
    found: list[Any] = []
    for item in items:
        name = next((n for n, r in left.items() if _name(item, r.id_at) == n), None)
        if name is None:
            found.append(item)
            continue
        resource = left.pop(name)
        if resource.state != "deleted" and _asked_for(resource.value, query):
            found.append(resource.value)
    found += [r.value for r in left.values() if r.state == "created" and _asked_for(r.value, query)]
    if at is None:
        return found
    changed = {**page, at: found}
    for name in _TOTALS:
        count = page.get(name)
        if isinstance(count, int) and not isinstance(count, bool):
            changed[name] = max(0, count + len(found) - len(items))
    return changed


def patched(value: Any, patch: Any) -> Any:
    """A value with a merge patch applied (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        if part is None:
            found.pop(name, None)
        else:
            found[name] = patched(found.get(name), part)
    return found


class Names:
    """What identifiers that were made up became when the requests were really sent."""

    def __init__(self) -> None:
        self._real: list[tuple[Any, Any]] = []

    def learn(self, made_up: Any, real: Any) -> None:
        self._real.append((made_up, real))

    def text(self, text: str) -> str:
        """A segment or a value of a query."""
        for made_up, real in self._real:
            if text == str(made_up):
                return str(real)
        return text

    def url(self, url: str) -> str:
        parts = urllib.parse.urlsplit(url)

        def renamed(part: str, unquote: Any, quote: Any) -> str:
            plain = unquote(part)
            real = self.text(plain)
            return part if real == plain else quote(real, safe="")

        path = "/".join(
            renamed(p, urllib.parse.unquote, urllib.parse.quote) for p in parts.path.split("/")
        )
        query = "&".join(
            name + eq + renamed(value, urllib.parse.unquote_plus, urllib.parse.quote_plus)
            for name, eq, value in (pair.partition("=") for pair in parts.query.split("&"))
        )
        return urllib.parse.urlunsplit(parts._replace(path=path, query=query))

    def json(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.json(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.json(item) for item in value]
        for made_up, real in self._real:
            if same(value, made_up):
                return real
            if isinstance(value, str) and value == str(made_up):
                return str(real)
        return value

    def __bool__(self) -> bool:
        return bool(self._real)
