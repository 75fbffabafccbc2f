"""What JSON does not have, as what JSON has: the same that a tool would be shown."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import os
import uuid
from collections.abc import Mapping, Sequence, Set
from typing import Any

from .errors import InvalidAction


def plain(value: Any) -> Any:
    """One step towards JSON; what is inside is converted by the caller."""
    if isinstance(value, enum.Enum):
        return value.value
    # Subclasses of what JSON has, such as `str` of a web framework.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return base64.b64encode(raw).decode()
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return dump()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Set):
        return sorted(value, key=repr)
    if isinstance(value, Sequence):
        return list(value)
    raise InvalidAction(
        f"an argument is a `{type(value).__qualname__}`, which cannot be shown to a policy; "
        "pass plain values, or describe the action with `check()`",
        "action.field-type",
    )
