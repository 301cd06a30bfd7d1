"""Which errors of the database pass by: the same statement may succeed in a moment."""

from typing import Final

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

#: A lock not granted in time, a deadlock, a conflict of snapshots, a server that only reads for the moment.
_LOCK_NOT_AVAILABLE: Final = "55P03"
_STATES: Final = frozenset({_LOCK_NOT_AVAILABLE, "40P01", "40001", "25006"})
#: Broken connections, a full disk or too many connections, a server that stops.
_CLASSES: Final = ("08", "53", "57P")


def is_about_a_lock(error: BaseException) -> bool:
    """Tell whether the statement waited too long for a row that another transaction has locked."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def passes_by(error: BaseException) -> bool:
    """Tell whether the database may do at another time what it did not do now, though nothing else has changed."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if not state:  # not from the server
        return isinstance(error, OperationalError | InterfaceError)
    return state in _STATES or state.startswith(_CLASSES)
