"""An error as people read it first: what a database says as a sentence, and an error's group without what differs."""

import re
from typing import Final

from core.wording import NO_ERROR

#: Stands where the errors of one group differ.
BLANK: Final = "…"
#: Characters of a first line that are shown.
LONGEST: Final = 300

_WRAPPED: Final = re.compile(r"^(?:[A-Z]\w*: )?(?:\(psycopg[\w.]*\)\s*)?")
#: What PostgreSQL says, and what it means; names in its sentence stand in ours.
_DATABASE: Final = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (r'duplicate key value violates unique constraint "([^"]+)"', r"The database refused a duplicate (\1)"),
        (
            r'null value in column "([^"]+)"(?: of relation "([^"]+)")? violates not-null constraint',
            r"The database refused a row without a value (\1)",
        ),
        (
            r'insert or update on table "[^"]+" violates foreign key constraint "([^"]+)"',
            r"The database refused a row that refers to one that is not there (\1)",
        ),
        (
            r'update or delete on table "[^"]+" violates foreign key constraint "([^"]+)"(?: on table "[^"]+")?',
            r"The database refused to delete a row that others refer to (\1)",
        ),
        (
            r'new row for relation "[^"]+" violates check constraint "([^"]+)"',
            r"The database refused a value that is not allowed (\1)",
        ),
        (r"value too long for type (.+)", r"The database refused a text that is too long (\1)"),
        (r"(smallint|integer|bigint) out of range", r"The database refused a number that is too large (\1)"),
        (r"deadlock detected", r"The database ended a deadlock: two transactions waited for each other"),
        (r"could not serialize access", r"The database refused a change because another one came first"),
        (r"canceling statement due to statement timeout", r"The database ended a statement that took too long"),
        (r"canceling statement due to lock timeout", r"The database ended a statement that waited too long for a lock"),
        (r"terminating connection due to administrator command", r"The database closed the connection"),
        (r"server closed the connection unexpectedly", r"The database closed the connection"),
        (r"(?:connection failed: )?connection to server at .+", r"The database could not be reached"),
    )
)
#: What the engine itself says; other errors keep their words.
_ENGINE: Final = "worker lost"
#: What differs among errors with one cause. Numbers of up to three digits stay where they say what is wrong: HTTP 503.
_DIFFERING: Final = (
    (re.compile(r"(https?://[^/\s]+)/[^\s,;)\]\"']+"), rf"\1/{BLANK}"),
    (re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@\w[\w-]*(?:\.[\w-]+)*"), BLANK),
    # A day, a time of day, a duration to its fraction.
    (re.compile(r"(?<![\w.:-])\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d[\d:.,]*(?:Z| ?UTC|[+-]\d\d:?\d\d)?)?(?![\w-])"), BLANK),
    (re.compile(r"(?<![\w.:])[0-2]?\d:[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?![\w:])"), BLANK),
    (re.compile(r"(?<![\w.])\d+\.\d+(?= ?(?:ms|s|sec|seconds?|min|minutes?|h|hours?)\b)"), BLANK),
    (re.compile(r"(?i)\b(?:0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27})\b"), BLANK),
    (re.compile(r"(?i)\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{4,}\b"), BLANK),
    # Behind a colon it is a port, which says what does not answer.
    (re.compile(r"(?<!:)\b(?:\d{4,}|\d{1,3}(?:,\d{3})+)\b"), BLANK),
    (re.compile(r"(?i)\b(request|process|transaction|row|id|job|user|page|line|#)([ =#:]+)\d+\b"), rf"\1\2{BLANK}"),
    (re.compile(r"\((\w+)\)=\([^)]*\)"), rf"(\1)=({BLANK})"),
    # In quotes, all but names: of a constraint, a column, a class.
    (re.compile(r"(?<![\w])(['\"])(?![A-Za-z_][A-Za-z_.]*\1)[^'\"]*\1(?!\w)"), rf"\1{BLANK}\1"),
)


def headline(error: str | None) -> str:
    """Return an error's first line as a sentence; what it says word for word, stands with the job."""
    line = ((error or "").strip() or NO_ERROR).splitlines()[0][:LONGEST]
    own = _WRAPPED.sub("", line)
    for theirs, ours in _DATABASE:
        if found := theirs.match(own):
            return f"{found.expand(ours)}."
    return line[0].upper() + line[1:] if line.startswith(_ENGINE) else line


def group_title(error: str | None) -> str:
    """Return what the errors of a group have in common, as a sentence."""
    title = headline(error)
    for differing, blank in _DIFFERING:
        title = differing.sub(blank, title)
    return title
