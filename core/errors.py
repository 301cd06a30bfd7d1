"""All errors that a person should see, as one tree.

UnstuckError
├── Refused                 the request cannot be done; `status` is its HTTP status
│   ├── NotSignedIn         401
│   │   └── CodeNeeded      401  the password is right; the second factor is missing
│   ├── NotPermitted        403  names the missing role
│   ├── NotFound            404
│   ├── NotAllowed          409  the row's current state does not allow this
│   │   └── AlreadyActive   409  carries the id of the active job
│   ├── Invalid             422  field by field
│   │   └── NotAFilter      422  with the characters of a filter's text that are not understood
│   └── TooMany             429  carries the seconds to wait
├── JobError                a job's own failure; it is stored on the job
│   ├── TryAgain            a temporary failure: another attempt follows
│   └── GiveUp              a permanent failure: the job fails now
│       └── OnlyTheOwner    the owner of the row can mend it, and nobody else
├── LeaseLost               another worker holds this job; this one writes nothing more
└── Unusable                the program cannot run here; the message says what to do
"""

from collections.abc import Mapping
from typing import ClassVar, Final
from uuid import UUID

#: Characters of a word that a message repeats.
LONGEST_WORD: Final = 80


class UnstuckError(Exception):
    """The root of the tree; its message is written for a person."""


class Refused(UnstuckError):
    """The request cannot be done; nothing was changed."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Refused"
    #: What customers read instead of the detail, which names roles, states and jobs; empty: the detail is for everyone.
    customer: ClassVar[str] = ""

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class NotSignedIn(Refused):
    """There is no valid session or token."""

    status = 401
    title = "Not signed in"


class CodeNeeded(NotSignedIn):
    """The first factor is right; `user_id` must still enter a code. The response does not name the account."""

    title = "Code needed"

    def __init__(self, detail: str, user_id: UUID) -> None:
        super().__init__(detail, code_needed=True)
        self.user_id = user_id


class NotPermitted(Refused):
    """The person is signed in but has no right to do this."""

    status = 403
    title = "Not permitted"


class NotFound(Refused):
    """It does not exist, or this person has no right to see it."""

    status = 404
    title = "Not found"


class NotAllowed(Refused):
    """The row's current state does not allow this."""

    status = 409
    title = "Not possible now"
    customer = "This is not possible at the moment; the page shows how things are now."


class AlreadyActive(NotAllowed):
    """A job is already active on this row; `job_id` names it."""

    title = "Already active"
    customer = "This is already under way."

    def __init__(self, detail: str, job_id: UUID) -> None:
        super().__init__(detail, job_id=str(job_id))
        self.job_id = job_id


class Invalid(Refused):
    """The input is invalid; `fields` has a message for each field."""

    status = 422
    title = "Invalid input"

    def __init__(self, detail: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail, errors=[{"field": k, "message": v} for k, v in (fields or {}).items()])
        self.fields = dict(fields or {})


class NotAFilter(Invalid):
    """A filter's text is not understood; `start` and `end` are the characters that are meant, counted from 0."""

    def __init__(self, message: str, start: int, end: int) -> None:
        detail = f"{message} (at character {start + 1})"
        super().__init__(detail, {"q": detail})
        self.message = message
        self.start, self.end = start, end

    def within(self, text: str) -> "NotAFilter":
        """Return the same about a text of one word, for which the word says more than a place in it does."""
        if len(words := text.split()) == 1:
            name = words[0].partition(":")[0].lstrip("-")
            is_said = name in self.message or len(words[0]) > LONGEST_WORD
            detail = self.message if is_said else f"{self.message}: {words[0]}"
            Invalid.__init__(self, detail, {"q": detail})
        return self


class TooMany(Refused):
    """Too many requests; wait `retry_after` seconds."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.retry_after = retry_after


class JobError(UnstuckError):
    """A job's own failure, shown to the user who waits for the job."""


class TryAgain(JobError):
    """A temporary failure; the engine makes another attempt after a pause, of at least `after` seconds.

    `is_untouched`: the other side has said that it did nothing of what it was asked.
    """

    def __init__(self, detail: str, after: float = 0, *, is_untouched: bool = False) -> None:
        super().__init__(detail)
        self.after = after
        self.is_untouched = is_untouched


class GiveUp(JobError):
    """A permanent failure; the job fails without another attempt."""


class OnlyTheOwner(GiveUp):
    """A permanent failure that only the owner of the row can mend; they read the message, too.

    How they mend it is said by the operation (`owners_way`).
    """


class LeaseLost(UnstuckError):
    """Another worker holds this job now; this one rolls back and writes nothing more."""


class Unusable(UnstuckError):
    """The program cannot start or continue here; the message says what to do."""
