"""What fails in the sample: a handful of errors that group, although the numbers in their messages change."""

from collections.abc import Iterator
from typing import Final

from core.jobs.failure import fingerprint

#: Type, message, where it was raised, and the code there (empty: by a sweep), by frequency; `{n}` and `{m}` stand for
#: numbers, `{id}` for the user's id. A retry usually helps against the first three.
_ERRORS: Final = (
    ("TryAgain", "The demo service answered 503 to request {m}; it is overloaded or being deployed.",
     '"/app/core/demo/remote.py", line 88, in _ask', "raise TryAgain(message)"),
    ("TryAgain", "The demo service did not answer within 1 s (request {m}).",
     '"/app/core/demo/remote.py", line 74, in _ask', "answer = client.post(url, json=body)"),
    ("OperationalError", "deadlock detected: process {m} waits for ShareLock on transaction {n}.",
     '"/app/core/demo/rows.py", line 41, in write', "session.connection().execute(statement, values)"),
    ("GiveUp", "The demo service does not know this request (HTTP 404); it is older than this console.",
     '"/app/core/demo/remote.py", line 93, in _ask', "raise GiveUp(message)"),
    ("IntegrityError", 'duplicate key value violates unique constraint "pk_interactions": id {id} exists.',
     '"/app/core/demo/rows.py", line 41, in write', "session.connection().execute(statement, values)"),
    ("WorkerLost", "worker lost 3 times: this job probably kills the worker that runs it.", "", ""),
)  # fmt: skip
_CALLER: Final = '  File "/app/core/jobs/run.py", line 96, in _advance\n    step = next(steps)\n'


def rows() -> Iterator[dict[str, str | int]]:
    """Yield each error as a row; the texts are templates for SQL's `format(text, n, m, id)`."""
    for number, (kind, message, place, code) in enumerate(_ERRORS, start=1):
        text = message.format(n="%1$s", m="%2$s", id="%3$s")
        traceback = f"Traceback (most recent call last):\n{_CALLER}  File {place}\n    {code}\n{kind}: {text}\n"
        traceback = traceback if place else ""
        shared = fingerprint(kind, message.format(n=1, m=1, id=1), place)
        yield {"number": number, "type": kind, "message": text, "traceback": traceback, "fingerprint": shared}
