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


def name_of_error(path):
    """What writing there raises, by its own name."""
    try:
        write(path)
    except Exception as error:
        return type(error).__name__
    return None


def write_both(first, second):
    """Writes the first, and what writing the second raises."""
    write(first)
    return name_of_error(second)
