"""What a model would read of a tool's result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from .._guard import RESULT_CHARACTERS

#: How deep values are looked into.
_DEPTH_MAX = 12


def text_of(result: Any) -> str | None:
    """The texts in ``result``, one a line; ``None`` for no result."""
    if result is None or isinstance(result, str):
        return result
    found: list[str] = []
    size = 0
    for text in _texts(result, 0):
        found.append(text)
        size += len(text) + 1
        # The scan reads the beginning.
        if size > RESULT_CHARACTERS:
            break
    return "\n".join(found)


def _texts(value: Any, depth: int) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, (bool, int, float)):
        yield str(value)
    elif isinstance(value, (bytes, bytearray)):
        yield bytes(value).decode("utf-8", "replace")
    elif depth > _DEPTH_MAX:
        yield str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _texts(inner, depth + 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _texts(getattr(value, field.name), depth + 1)
    elif callable(dump := getattr(value, "model_dump", None)) and not isinstance(value, type):
        try:
            plain = dump()
        except Exception:  # noqa: BLE001: what cannot be dumped still has a text
            yield str(value)
        else:
            yield from _texts(plain, depth + 1)
    else:
        yield str(value)
