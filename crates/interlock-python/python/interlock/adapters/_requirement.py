"""Which version of a framework an adapter was tested with."""

from __future__ import annotations

import importlib.metadata
import re


def require(package: str, minimum: str, below: str) -> None:
    """Raises ImportError unless ``package`` is installed, from ``minimum`` on and below ``below``.

    Another version may run tools on a way that the adapter does not see.
    """
    wanted = f"pip install '{package}>={minimum},<{below}'"
    try:
        found = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(f"this adapter needs `{package}`: {wanted}") from None
    if not _numbers(minimum) <= _numbers(found) < _numbers(below):
        raise ImportError(
            f"this adapter supports `{package}` from {minimum} on and below {below}, "
            f"and {found} is installed: {wanted}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The release part of a version: ``1.7.2rc1`` is (1, 7, 2)."""
    release = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in release.group().split(".")) if release else ()
