"""What a service is like, from its OpenAPI document (3.0, 3.1)."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Union

from .. import _compensations, _core, _url
from .._http_message import Request, field
from ..errors import ConfigurationError
from ._schema import Check, Document, Maker, read_only

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
#: Bytes of a JSON document; one of YAML has a limit of its own.
DOCUMENT_BYTES_MAX = 32 << 20
OPERATIONS_MAX = 20_000


@dataclasses.dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    #: The path as the document writes it.
    path: str
    pattern: _url.Pattern
    #: The parameters' names, by those of the pattern.
    names: Mapping[str, str]
    about: dict[str, Any]
    parameters: tuple[dict[str, Any], ...]


class OpenApi:
    """Answers requests as the service of an OpenAPI document would.

    ``document`` is a file, YAML or JSON, or the document itself; ``url`` where the service is, instead
    of the document's `servers`.
    """

    def __init__(
        self, document: Union[str, "os.PathLike[str]", Mapping[str, Any]], url: str | None = None
    ) -> None:
        self.name, root = _loaded(document)
        version = str(root.get("openapi", "")) if isinstance(root, Mapping) else ""
        if not re.fullmatch(r"3\.[01](\.\d+)?", version):
            raise ConfigurationError(
                f"{self.name}: `openapi` must be 3.0 or 3.1, not `{version}`", "openapi.version"
            )
        self.document = Document(self.name, root)
        self.bases = [url.rstrip("/")] if url is not None else list(_servers(self.name, root))
        if not self.bases:
            raise ConfigurationError(
                f"{self.name}: `servers` has no absolute address; say `url`", "openapi.servers"
            )
        found = [op for base in self.bases for op in self._operations(base, root)]
        if len(found) > OPERATIONS_MAX:
            raise ConfigurationError(
                f"{self.name}: has {len(found)} operations, the limit is {OPERATIONS_MAX}",
                "openapi.too-large",
            )
        # What is written out comes before what has a name (3.1, 4.8.8.2).
        self.operations = sorted(found, key=lambda op: op.pattern.fixed, reverse=True)

    def __repr__(self) -> str:
        return f"OpenApi({self.name!r}, {self.bases!r})"

    def _operations(self, base: str, root: Any) -> Iterator[Operation]:
        for path, item in (root.get("paths") or {}).items():
            item = self.document.resolved(item)
            if not isinstance(item, dict) or not path.startswith("/"):
                continue
            names: dict[str, str] = {}

            def safe(match: re.Match[str], names: dict[str, str] = names) -> str:
                names[f"p{len(names)}"] = match[1]
                return f"{{p{len(names) - 1}}}"

            try:
                pattern = _url.Pattern(base + re.sub(r"\{([^{}/]+)\}", safe, path))
            except _url.BadPattern as error:
                raise ConfigurationError(f"{self.name}: `{path}`: {error}", "openapi.path") from error
            for method in METHODS:
                about = item.get(method)
                if isinstance(about, dict):
                    listed = [*item.get("parameters", ()), *about.get("parameters", ())]
                    resolved = [self.document.resolved(one) for one in listed]
                    by_name = {(p.get("in"), p.get("name")): p for p in resolved if isinstance(p, dict)}
                    yield Operation(
                        method.upper(), path, pattern, names, about, tuple(by_name.values())
                    )

    def find(self, method: str, url: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation of a request, and its parameters in the path."""
        method = method.upper()
        for operation in self.operations:
            if operation.method == method:
                values = operation.pattern.match(url)
                if values is not None:
                    return operation, {operation.names[k]: v for k, v in values.items()}
        return None

    def item_of(self, operation: Operation) -> Operation | None:
        """The operation on one of the resources that a path lists: `/pets/{id}` of `/pets`."""
        shape = re.compile(re.escape(operation.path.rstrip("/")) + r"/\{[^{}/]+\}/?")
        found = [op for op in self.operations if shape.fullmatch(op.path)]
        order = {"GET": 0, "PUT": 1, "PATCH": 2, "DELETE": 3}
        return min(found, key=lambda op: order.get(op.method, 9), default=None)

    # -- requests -------------------------------------------------------------------------------

    def wrong(self, operation: Operation, values: dict[str, str], request: Request) -> tuple[int, str] | None:
        """Status and sentence for what a service would not take; `None` if it would."""
        check = Check(self.document, True)
        query = _url.queries(request.url)
        for parameter in operation.parameters:
            name, place = str(parameter.get("name", "")), parameter.get("in")
            if place == "path":
                value: str | None = values.get(name)
            elif place == "query":
                value = query.get(name)
            elif place == "header" and name.lower() not in ("accept", "content-type", "authorization"):
                value = field(request.headers, name)
            else:
                continue
            if value is None:
                if parameter.get("required") is True and place != "path":
                    return 400, f"the parameter `{name}` is missing"
                continue
            schema = self.document.resolved(parameter.get("schema", {}))
            found = check.wrong(schema, _as(schema, value), name)
            if found is not None:
                return 400, found
        return self._wrong_body(operation, request)

    def _wrong_body(self, operation: Operation, request: Request) -> tuple[int, str] | None:
        about = self.document.resolved(operation.about.get("requestBody"))
        if not isinstance(about, dict):
            return None
        if not request.body:
            return (400, "a body is missing") if about.get("required") is True else None
        kind = (field(request.headers, "content-type") or "application/json").partition(";")[0]
        kind = kind.strip().lower()
        media = next((m for t, m in about.get("content", {}).items() if _covers(t, kind)), None)
        if media is None:
            return 415, f"`{kind}` is not taken"
        if "json" not in kind:
            return None
        try:
            value = request.json()
        except ValueError as error:
            return 400, str(error)
        found = Check(self.document, True).wrong(media.get("schema", True), value)
        return None if found is None else (422, found)

    def given(self, operation: Operation) -> frozenset[str]:
        """The members that a JSON body may give."""
        about = self.document.resolved(operation.about.get("requestBody"))
        content = about.get("content", {}) if isinstance(about, dict) else {}
        media = next((m for t, m in content.items() if "json" in t), None)
        schema = Maker(self.document).merged(media.get("schema", {})) if isinstance(media, dict) else {}
        members = schema.get("properties", {}) if isinstance(schema, dict) else {}
        return frozenset(
            name
            for name, member in members.items()
            if not read_only(self.document, member)
        )

    # -- responses ------------------------------------------------------------------------------

    def success(self, operation: Operation) -> tuple[int, Any]:
        """The status of what went well, and the schema of its JSON body."""
        responses = operation.about.get("responses", {})
        listed = sorted(str(s) for s in responses if re.fullmatch(r"2\d\d", str(s)))
        key = listed[0] if listed else next((k for k in ("2XX", "2xx", "default") if k in responses), None)
        status = int(listed[0]) if listed else 200
        return status, self._body(responses.get(key)) if key is not None else None

    def failure(self, operation: Operation, status: int) -> tuple[int, Any]:
        """The status that the document declares for a failure, and the schema of its JSON body."""
        responses = {str(key).upper(): value for key, value in operation.about.get("responses", {}).items()}
        wanted = [str(status)]
        if status in (400, 422):
            wanted = ["422", "400"] if status == 422 else ["400", "422"]
        for key in wanted:
            if key in responses:
                return int(key), self._body(responses[key])
        for key in ("4XX", "DEFAULT"):
            if key in responses:
                return status, self._body(responses[key])
        return status, None

    def _body(self, response: Any) -> Any:
        """The media type of a response that is JSON."""
        response = self.document.resolved(response)
        if not isinstance(response, dict):
            return None
        return next((m for t, m in response.get("content", {}).items() if "json" in t or t == "*/*"), None)


def _covers(declared: str, kind: str) -> bool:
    declared = declared.partition(";")[0].strip().lower()
    if declared == "*/*" or declared == kind:
        return True
    return declared.endswith("/*") and kind.startswith(declared[:-1])


def _as(schema: Any, text: str) -> Any:
    """A parameter's text as its type."""
    types = schema.get("type", ()) if isinstance(schema, dict) else ()
    for name in [types] if isinstance(types, str) else types:
        if name in ("integer", "number") and re.fullmatch(r"-?\d{1,18}", text):
            return int(text)
        if name == "number" and re.fullmatch(r"-?\d{1,18}\.\d{1,18}", text):
            return float(text)
        if name == "boolean" and text in ("true", "false"):
            return text == "true"
        if name == "array":
            items = schema.get("items", {})
            return [_as(items, part) for part in text.split(",")]
    return text


def _loaded(document: Any) -> tuple[str, Any]:
    if isinstance(document, Mapping):
        return "the OpenAPI document", document
    path = Path(document)
    text = _compensations.read_text(path, "the OpenAPI document", DOCUMENT_BYTES_MAX)
    if path.suffix == ".json":
        try:
            return os.fspath(path), json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{path}: not valid JSON: {error}", "document.syntax") from error
    return os.fspath(path), json.loads(_core.read_yaml(os.fspath(path), text)[0])


def _servers(name: str, root: Any) -> Iterator[str]:
    for server in root.get("servers") or ():
        url = str(server.get("url", "")) if isinstance(server, Mapping) else ""
        for key, variable in (server.get("variables") or {}).items():
            url = url.replace(f"{{{key}}}", str(variable.get("default", "")))
        if urllib.parse.urlsplit(url).scheme in ("http", "https"):
            yield url.rstrip("/")
