"""Services that say what they would do."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from .. import _url
from ..errors import ConfigurationError


@dataclasses.dataclass(frozen=True)
class DryRun:
    """A service that says what it would do, where it is asked to do no more.

    ``url`` is a pattern of its addresses, which ends with ``/**`` for all below. ``query`` and
    ``headers`` are what is added to a request. ``item`` is where the name of a new resource stands in
    an answer (a JSON Pointer), by which it is found again. ``excepted`` are patterns of paths, as
    regular expressions, that do it all the same.

    Nothing tells whether a service does as it is asked: name only those that say so of every method
    and path that is meant.
    """

    url: str
    query: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    methods: Sequence[str] = ("POST", "PUT", "PATCH", "DELETE")
    item: str | None = None
    excepted: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.query and not self.headers:
            raise ConfigurationError(
                f"the dry run of `{self.url}` adds nothing to a request: it would be sent as it is",
                "sandbox.service",
            )
        try:
            _url.Pattern(self.url.removesuffix("/**"))
            for text in self.excepted:
                re.compile(text)
        except (_url.BadPattern, re.error) as error:
            raise ConfigurationError(f"the dry run of `{self.url}`: {error}", "sandbox.service") from error

    @classmethod
    def kubernetes(cls, url: str) -> DryRun:
        """An API server of Kubernetes 1.18 or later (its API concepts, "Dry-run"). Subresources that
        connect, such as `exec`, know no dry run."""
        return cls(
            f"{url.rstrip('/')}/**",
            query={"dryRun": "All"},
            item="/metadata/name",
            excepted=(r"/(exec|attach|portforward|proxy|log)(/|$)", r"^/(?!apis?/)"),
        )

    @classmethod
    def cloud_run(cls) -> DryRun:
        """Services and jobs of Google Cloud Run: `validateOnly` of its Admin API, version 2."""
        return cls(
            "https://run.googleapis.com/v2/**",
            query={"validateOnly": "true"},
            methods=("POST", "PATCH", "DELETE"),
            excepted=(r":[A-Za-z]+$", r"^(?!/v2/projects/[^/]+/locations/[^/]+/(services|jobs)(/[^/]+)?$)"),
        )

    def covers(self, method: str, url: str) -> bool:
        if method.upper() not in {m.upper() for m in self.methods}:
            return False
        parts = _url.parts(url)
        if any(re.search(text, parts.path) for text in self.excepted):
            return False
        pattern = _url.Pattern(self.url.removesuffix("/**"))
        return pattern.above(url) if self.url.endswith("/**") else pattern.match(url) is not None
