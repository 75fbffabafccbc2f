"""What tests hand to other processes, which must be able to import it."""

from pathlib import Path

from interlock import Blocked


def write(path):
    Path(path).write_text("written by a child")


def read(path):
    return Path(path).read_text()


def error_of(path):
    """What writing there raises: its name, and of all that is refused the same."""
    try:
        write(path)
    except Blocked:
        return "Blocked"
    except BaseException as error:
        return type(error).__name__
    return None
