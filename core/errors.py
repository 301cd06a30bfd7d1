"""Everything that can go wrong and that a person should hear about, as one tree.

UnstuckError
├── Refused                 the person asked for something that cannot be done; `status` is its HTTP status
│   ├── NotSignedIn         401
│   │   └── CodeNeeded      401  the password is right, and the second factor is owed
│   ├── NotPermitted        403  names the missing role
│   ├── NotFound            404
│   ├── NotAllowed          409  the row is in a state from which this cannot start
│   │   └── AlreadyActive   409  carries the id of the job that is at it
│   ├── Invalid             422  field by field
│   └── TooMany             429  carries the seconds to wait
├── JobError                a job's own failure; becomes data on its row
│   ├── TryAgain            may pass by itself: another attempt follows
│   └── GiveUp              will not pass by itself: the job fails now
├── LeaseLost               another worker holds this job; nothing more may be written
└── Unusable                the program cannot start here; the sentence says what to do
"""

from collections.abc import Mapping
from typing import ClassVar
from uuid import UUID


class UnstuckError(Exception):
    """The root of the tree; its text is written for the person who reads it."""


class Refused(UnstuckError):
    """Something was asked for that cannot be done; nothing was changed."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class NotSignedIn(Refused):
    """There is no valid session or token."""

    status = 401
    title = "Not signed in"


class CodeNeeded(NotSignedIn):
    """The first factor is right; `user_id` owes a code. The answer says so, and not whose account it is."""

    title = "Code needed"

    def __init__(self, detail: str, user_id: UUID) -> None:
        super().__init__(detail, code_needed=True)
        self.user_id = user_id


class NotPermitted(Refused):
    """The person is known, and may not do this."""

    status = 403
    title = "Not permitted"


class NotFound(Refused):
    """There is no such thing, or it is not theirs to see."""

    status = 404
    title = "Not found"


class NotAllowed(Refused):
    """The row is in a state from which this cannot start."""

    status = 409
    title = "Not possible now"


class AlreadyActive(NotAllowed):
    """A job is already at work on this row; `job_id` names it."""

    title = "Already under way"

    def __init__(self, detail: str, job_id: UUID) -> None:
        super().__init__(detail, job_id=str(job_id))
        self.job_id = job_id


class Invalid(Refused):
    """The input does not fit; `fields` says where, in the operator's words."""

    status = 422
    title = "Invalid input"

    def __init__(self, detail: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, errors=[{"field": k, "message": v} for k, v in (fields or {}).items()])
        self.fields = dict(fields or {})


class TooMany(Refused):
    """Too many requests; wait `retry_after` seconds."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry_after = retry_after


class JobError(UnstuckError):
    """A job's own failure, told to the person who waits for it."""


class TryAgain(JobError):
    """The failure may pass by itself; the engine makes another attempt after a pause."""


class GiveUp(JobError):
    """The failure will not pass by itself; the job fails without another attempt."""


class LeaseLost(UnstuckError):
    """Another worker holds this job now; this one rolls back and writes nothing more."""


class Unusable(UnstuckError):
    """The program cannot start or go on here; the text is one sentence that says what to do."""
