"""What became of a platform's answer, as the address of a creator's page says it: a word of a closed list."""

from enum import StrEnum


class Outcome(StrEnum):
    """The word in `/settings/connections?outcome=…`."""

    #: The job that connects was requested; the page shows how it goes.
    TAKEN = "taken"
    #: The creator did not agree.
    REFUSED = "refused"
    #: The platform sent an error instead of a code.
    FAILED = "failed"
    LATE = "late"
    #: The visit was not begun in this session, or its answer was taken before.
    UNKNOWN = "unknown"
    #: The connection has changed meanwhile.
    BUSY = "busy"
    #: It is no answer of a platform.
    BROKEN = "broken"
    #: The session had ended.
    SIGNED_OUT = "signed-out"
    #: Too many at a time, or the database was away: nothing was done.
    NOT_NOW = "not-now"
